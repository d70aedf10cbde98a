"""How the house is kept: paths, names, words, docstrings, style."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Pieces are joined, so that this file does not hold what it looks for.
HOSTS = "|".join(re.escape(name) for name in (
    "py" "pi.org", "python" "hosted.org", "npm" "js.org", "npm" "js.com",
    "deb." "debian.org", "download." "pytorch.org", "anaconda" ".org"))
FORBIDDEN = {
    "a machine's path": re.compile(
        r"(?<![\w.~])/(?:home|root|tmp|Users|work|farm)/(?=\w)"),
    "a package registry's host": re.compile(HOSTS, re.I),
    "a tool of one workplace": re.compile(r"\bfarm-[a-z]+|(?<![\w/])shared/[a-z]"),
}
WORDS = re.compile(r"\b(simply|obviously|it can be shown)\b", re.I)
BARRED_NAMES = {"logvar", "std", "inp"}
BARRED_ARGUMENTS = BARRED_NAMES | {"data", "input"}


def files():
    """Every text file that git tracks or would track, notebooks aside."""
    try:
        names = subprocess.run(
            ["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT,
            capture_output=True, text=True, check=True).stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):        # no git: a downloaded copy
        paths = [path.relative_to(ROOT) for path in ROOT.rglob("*")]
        names = [str(path) for path in paths
                 if not any(part.startswith(".") for part in path.parts[:-1])]
    return [ROOT / name for name in sorted(set(names)) if name
            and (ROOT / name).is_file() and not name.endswith(".ipynb")]


def text_of(path):
    """The text of a file, or "" for a binary one."""
    raw = path.read_bytes()
    return "" if b"\0" in raw[:8000] else raw.decode("utf-8", errors="replace")


def named(paths):
    return pytest.mark.parametrize("path", paths,
                                   ids=lambda path: str(path.relative_to(ROOT)))


LIBRARY = sorted((ROOT / "aevb_lib").rglob("*.py"))
LESSONS = sorted((ROOT / "notebooks" / "src").glob("*.py"))
PROSE = [path for name in ("README.md", "NOTATION.md", "CONTRIBUTING.md")
         if (path := ROOT / name).exists()] + LESSONS


def forbidden(text):
    return [f"line {text[: match.start()].count(chr(10)) + 1}: {what}: {match[0]}"
            for what, pattern in FORBIDDEN.items() for match in pattern.finditer(text)]


def test_no_file_names_one_machine():
    faults = {str(path.relative_to(ROOT)): found for path in files()
              if (found := forbidden(text_of(path)))}
    assert faults == {}


@pytest.mark.parametrize("text", [
    "open('/ho" "me/me/x')", "see /wo" "rk/main", "https://py" "pi.org/simple",
    "fa" "rm-bench", "look in sha" "red/notes"])
def test_what_is_forbidden_is_seen(text):
    assert forbidden(text)


@named(PROSE)
def test_words_to_avoid(path):
    assert WORDS.findall(text_of(path)) == []


# ----- the library's names and docstrings ---------------------------------------

def bare(tree):
    """Public functions and classes without a docstring."""
    return [node.name for node in tree.body
            if isinstance(node, (ast.FunctionDef, ast.ClassDef))
            and not node.name.startswith("_") and not ast.get_docstring(node)]


def misnamed(tree):
    """Names that the table of names rules out, and a KL with its sign turned."""
    faults = []
    for node in ast.walk(tree):
        if isinstance(node, ast.arg) and node.arg in BARRED_ARGUMENTS:
            faults.append(node.arg)
        elif isinstance(node, ast.Name) and node.id in BARRED_NAMES:
            faults.append(node.id)
        elif isinstance(node, ast.FunctionDef) and node.name in BARRED_NAMES:
            faults.append(node.name)
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.UnaryOp):
            faults += [target.id for target in node.targets
                       if isinstance(target, ast.Name) and "kl" in target.id.split("_")
                       and isinstance(node.value.op, ast.USub)]
    return faults


@named(LIBRARY)
def test_public_names_have_docstrings(path):
    tree = ast.parse(text_of(path))
    assert ast.get_docstring(tree), "the module has no docstring"
    assert bare(tree) == []


@named(LIBRARY + LESSONS)
def test_names_follow_the_table(path):
    assert misnamed(ast.parse(text_of(path))) == []


@pytest.mark.parametrize("source, faults", [
    ("logvar = 1", ["logvar"]), ("def std(x): 'x'", ["std"]),
    ("def f(data): 'x'", ["data"]), ("kl = -x", ["kl"]), ("kl_sum = -f(x)", ["kl_sum"]),
    ("se = x.std(0)", []), ("kl = -0.5 * x", []), ("from aevb_lib import data", []),
])
def test_a_wrong_name_is_seen(source, faults):
    assert misnamed(ast.parse(source)) == faults


def test_a_missing_docstring_is_seen():
    source = "def f(): pass\nclass C: pass\ndef _g(): pass\ndef h(): 'x'"
    assert bare(ast.parse(source)) == ["f", "C"]


def kl_functions():
    """The library's functions kl_...(mu, log_var)."""
    for path in LIBRARY:
        if path.parent.name == "aevb_lib" and "def kl_" in text_of(path):
            module = importlib.import_module(f"aevb_lib.{path.stem}")
            yield from (f for name, f in inspect.getmembers(module, inspect.isfunction)
                        if name.startswith("kl_") and f.__module__ == module.__name__
                        and [*inspect.signature(f).parameters] == ["mu", "log_var"])


@pytest.mark.parametrize("kl", [*kl_functions()], ids=lambda f: f.__name__)
def test_a_kl_is_never_negative(kl):
    import torch
    generator = torch.Generator().manual_seed(0)
    mu, log_var = 2 * torch.randn(2, 10_000, 3, generator=generator).double()
    assert kl(mu, log_var).min() >= 0
    assert abs(kl(torch.zeros(2), torch.zeros(2))) <= 1e-12


def test_ruff_finds_nothing():
    pytest.importorskip("ruff")
    done = subprocess.run([sys.executable, "-m", "ruff", "check", "--quiet",
                           "--output-format=concise", "."],
                          cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
