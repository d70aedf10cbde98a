"""The built lessons, read as a picky reader would. (nbval runs them: `--nbval` in
pyproject.toml runs every cell again and compares what it prints.)

A rule takes a notebook and returns its faults. Each rule is tried on a good notebook
with one thing spoilt, so that no rule is blind.
"""

import copy
import functools
import re

import build_notebooks
import nbformat
import pytest
from build_notebooks import EDITIONS, NOTEBOOKS, built_path
from lesson_source import METADATA, STUB
from nbformat import v4

MAX_CODE_LINES, MAX_LINE_LENGTH, MAX_WORDS = 25, 88, 220
MAX_BYTES = 1_500_000
TAGS = {"nbval-ignore-output", "raises-exception", "solution"}
LINK = re.compile(r"(?:\]\(|src=\")(?!https?://|#|mailto:)([^)#\s\"]+)")
FORMULA = re.compile(r"\$\$.*?\$\$|\$.*?\$|```.*?```", re.S)
KW = re.compile(r"\\tag\{KW ([^}]*)\}")
SOURCES = build_notebooks.sources(NOTEBOOKS)
BUILT = [built_path(source, edition) for source in SOURCES for edition in EDITIONS]


@functools.cache
def read(path):
    return nbformat.read(path, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def text_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "markdown"]


def tags(cell):
    return cell.metadata.get("tags", [])


def printed(cell):
    """All that a cell's outputs say in words."""
    return "".join(output.get("text", output.get("data", {}).get("text/plain", ""))
                   for output in cell.outputs)


def shows_picture(cell):
    """Is there a picture or a widget among the outputs? The build has dropped the
    widget itself; what it leaves is a result in a cell whose outputs are ignored."""
    kinds = [kind for output in cell.outputs for kind in output.get("data", {})]
    return (any(kind.startswith("image/") for kind in kinds)
            or bool(kinds) and "nbval-ignore-output" in tags(cell))


# ----- the rules ---------------------------------------------------------------

def ran_in_order(notebook, path):
    """From a fresh kernel, counts 1 to n. nbval passes a cell that never ran."""
    counts = [cell.execution_count for cell in code_cells(notebook)]
    return [] if counts == list(range(1, len(counts) + 1)) else [f"counts {counts}"]


def nothing_untidy(notebook, path):
    """No stderr, machine path, address, unexpected error, or widget state."""
    tidied = copy.deepcopy(notebook)
    faults = build_notebooks.tidy(tidied)
    faults += [f"{cell.id} ends in {output.ename}" for cell in code_cells(notebook)
               if "raises-exception" not in tags(cell)
               for output in cell.outputs if output.output_type == "error"]
    return faults + ([] if tidied == notebook else ["not written by the build"])


def cells_are_short(notebook, path):
    faults = [f"{cell.id}: {len(cell.source.splitlines())} lines"
              for cell in code_cells(notebook)
              if len(cell.source.splitlines()) > MAX_CODE_LINES]
    faults += [f"{cell.id}: a line of {len(line)}" for cell in code_cells(notebook)
               for line in cell.source.splitlines() if len(line) > MAX_LINE_LENGTH]
    words = {cell.id: len(FORMULA.sub(" ", cell.source).split())
             for cell in text_cells(notebook)}
    return faults + [f"{key}: {n} words" for key, n in words.items() if n > MAX_WORDS]


def file_is_small(notebook, path):
    size = len(nbformat.writes(notebook))
    return [f"{size / 1e6:.1f} MB"] if size > MAX_BYTES else []


def pictures_have_words(notebook, path):
    faults = []
    for cell, after in zip(notebook.cells, [*notebook.cells[1:], None], strict=True):
        if cell.cell_type == "code" and shows_picture(cell) and not (
                after is not None and after.id == f"{cell.id}-words"
                and after.source.startswith("*In words:* ")):
            faults.append(f"{cell.id}: no cell {cell.id}-words with '*In words:* ...'")
    return faults + [f"{cell.id}: an image without words"
                     for cell in text_cells(notebook)
                     if re.search(r"!\[\s*\]\(|<img(?![^>]*alt=)", cell.source)]


def links_exist(notebook, path):
    return [f"{cell.id}: {target}" for cell in text_cells(notebook)
            for target in LINK.findall(cell.source)
            if not (path.parent / target).exists()]


def head_tells_minutes(notebook, path):
    head = notebook.cells[0]
    good = head.cell_type == "markdown" and head.source.startswith("# ") and re.search(
        r"\d+ minutes", head.source)
    return [] if good else ["the first cell has no title, or no 'N minutes'"]


def tags_are_known(notebook, path):
    """Only the three tags; and what checks is never ignored by nbval."""
    faults = [f"{cell.id}: tag {tag}" for cell in notebook.cells
              for tag in set(tags(cell)) - TAGS]
    faults += [f"{cell.id}: a check whose output is ignored"
               for cell in code_cells(notebook) if cell.id.endswith("-check")
               and "nbval-ignore-output" in tags(cell)]
    return faults + [f"{cell.id}: an nbval comment" for cell in code_cells(notebook)
                     if re.search(r"#.*\b(NBVAL|PYTEST)_", cell.source)]


def pictures_are_png(notebook, path):
    """nbval compares every kind of output but PNG and JPEG, letter for letter."""
    return [f"{cell.id}: {kind}" for cell in code_cells(notebook)
            for output in cell.outputs for kind in output.get("data", {})
            if kind not in ("text/plain", "text/html", "image/png")]


def exercises_say_so(notebook, path):
    """Students read "not yet" and solutions read "passed", in each exercise."""
    solved, faults = path.parent.name == "solutions", []
    for cell in code_cells(notebook):
        if "exercise(" not in cell.source or cell.id.startswith("demo"):
            continue
        if not re.fullmatch(r"ex\d+-\d+(-[a-z0-9]+)*", cell.id):
            faults.append(f"{cell.id}: an exercise's key is ex4-2-check or so")
        said = {word for word in ("passed", "differs", "not yet")
                if word in printed(cell)}
        if said != {"passed" if solved else "not yet"}:
            faults.append(f"{cell.id}: says {sorted(said)}")
        if "nbval-ignore-output" in tags(cell):
            faults.append(f"{cell.id}: an exercise whose output is ignored")
    return faults


def stubs_are_checked(notebook, path):
    """What a student is to write is checked: every stub stands under an ex key."""
    return [f"{cell.id}: a stub outside an exercise" for cell in code_cells(notebook)
            if STUB in cell.source and not cell.id.startswith("ex")]


RULES = [ran_in_order, nothing_untidy, cells_are_short, file_is_small,
         pictures_have_words, links_exist, head_tells_minutes, tags_are_known,
         pictures_are_png, exercises_say_so, stubs_are_checked]


def unchecked_equations(notebooks):
    """Numbered equations of the paper that no cell eqN-check checks, in this lesson or
    an earlier one, as (lesson, N)."""
    checked, faults = set(), []
    for name, notebook in notebooks:
        for cell in code_cells(notebook):
            match = re.fullmatch(r"eq(\d+)(-.*)?-check", cell.id)
            if match and re.search(r"\bcheck(_mc)?\(|\bassert\b", cell.source):
                checked.add(int(match[1]))
        shown = {int(n) for cell in text_cells(notebook)
                 for tag in KW.findall(cell.source) for n in re.findall(r"\d+", tag)}
        faults += [(name, n) for n in sorted(shown - checked)]
    return faults


# ----- the lessons -------------------------------------------------------------

@pytest.mark.parametrize("edition", EDITIONS)
@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_built_file_is_in_step_with_its_source(source, edition):
    assert build_notebooks.differences(source, edition) == []


def test_every_built_file_has_a_source():
    assert build_notebooks.orphans(NOTEBOOKS) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("path", BUILT,
                         ids=lambda path: str(path.relative_to(NOTEBOOKS)))
def test_lesson(path, rule):
    assert path.exists(), "not built: make notebooks"
    assert rule(read(path), path) == []


def test_every_equation_of_the_paper_that_is_shown_is_checked():
    paths = [path for path in BUILT if path.parent == NOTEBOOKS and path.exists()]
    assert unchecked_equations(
        [(path.name, read(path)) for path in paths]) == []


@pytest.mark.skipif(not SOURCES, reason="there is no lesson yet")
def test_the_first_picture_comes_within_five_cells():
    cells = read(BUILT[0]).cells[:5]
    assert any("![" in cell.source or cell.cell_type == "code" and shows_picture(cell)
               for cell in cells)


# ----- the rules can fail ------------------------------------------------------

def good():
    """A solved lesson that keeps every rule."""
    def code(key, source, count, outputs=(), **metadata):
        return v4.new_code_cell(source, id=key, metadata=metadata,
                                execution_count=count, outputs=list(outputs))

    def words(text):
        return v4.new_output("stream", text=text)

    png = v4.new_output("display_data", {"image/png": "AAAA", "text/plain": "<Figure>"})
    widget = v4.new_output("display_data", {"text/plain": "Explorer()"})
    notebook = v4.new_notebook(metadata=METADATA, cells=[
        v4.new_markdown_cell("# Title\n\n20 minutes. [Next](next.ipynb)\n"
                             r"$$ x \tag{KW 7} $$", id="title"),
        code("eq7-check", 'check("eq7", 1, 1)', 1, [words("eq7: passed\n")]),
        code("plot", "plt.show()", 2, [png]),
        v4.new_markdown_cell("*In words:* a line.", id="plot-words"),
        code("live", "Explorer()", 3, [widget], tags=["nbval-ignore-output"]),
        v4.new_markdown_cell("*In words:* a box.", id="live-words"),
        code("ex1-1", "a = 1", 4),
        code("ex1-1-check", 'exercise("ex1-1", a, 1)', 5, [words("ex1-1: passed\n")]),
    ])
    notebook.nbformat_minor = 5
    return nbformat.from_dict(notebook)


def put(key, **changes):
    """A change of one cell: its source, id, outputs, text or metadata."""
    def change(notebook):
        cell = next(cell for cell in notebook.cells if cell.id == key)
        if "text" in changes:
            cell.outputs[0].text = changes.pop("text")
        cell.update(nbformat.from_dict(changes))
    return change


def tagged(*names):
    return {"tags": list(names)}


def mime(kind):
    return [v4.new_output("display_data", {kind: "x"})]


def stderr(text):
    return [v4.new_output("stream", name="stderr", text=text)]


SPOILT = [
    (ran_in_order, put("ex1-1", execution_count=None)),
    (ran_in_order, put("ex1-1", execution_count=9)),
    (nothing_untidy, put("ex1-1", outputs=stderr("hm"))),
    (nothing_untidy, put("ex1-1", metadata={"execution": {"iopub.status": "now"}})),
    (nothing_untidy, put("eq7-check", text="/ho" "me/me/x.py")),
    (nothing_untidy, put("eq7-check", text="<at 0x7f00aa00bb00>")),
    (nothing_untidy, put("ex1-1", outputs=[v4.new_output(
        "error", ename="E", evalue="e", traceback=["E: e"])])),
    (nothing_untidy, lambda notebook: notebook.metadata.update(widgets={})),
    (cells_are_short, put("ex1-1", source="a\n" * 26)),
    (cells_are_short, put("ex1-1", source="a" * 89)),
    (cells_are_short, put("live-words", source="*In words:* " + "a " * 219)),
    (file_is_small, put("ex1-1", source="#" * MAX_BYTES)),
    (pictures_have_words, put("plot-words", id="other")),
    (pictures_have_words, put("plot-words", source="A line.")),
    (pictures_have_words, put("live-words", id="other")),
    (pictures_have_words, put("title", source="# T ![](next.ipynb)")),
    (links_exist, put("title", source="[no](nowhere.md)")),
    (links_exist, put("title", source='<img src="nowhere.png" alt="no">')),
    (head_tells_minutes, put("title", source="# Title")),
    (head_tells_minutes, put("title", source="20 minutes")),
    (tags_are_known, put("ex1-1", metadata=tagged("nbval-skip"))),
    (tags_are_known, put("eq7-check", metadata=tagged("nbval-ignore-output"))),
    (tags_are_known, put("ex1-1", source="# NBVAL" "_IGNORE_OUTPUT")),
    (pictures_are_png, put("plot", outputs=mime("image/svg+xml"))),
    (exercises_say_so, put("ex1-1-check", text="ex1-1: not yet. Replace\n")),
    (exercises_say_so, put("ex1-1-check", text="1: passed\n2: differs. You have\n")),
    (exercises_say_so, put("ex1-1-check", outputs=[])),
    (exercises_say_so, put("ex1-1-check", id="try-it")),
    (exercises_say_so, put("ex1-1-check", metadata=tagged("nbval-ignore-output"))),
    (stubs_are_checked, put("plot", source=STUB)),
]


@pytest.fixture
def solved(tmp_path):
    (tmp_path / "solutions").mkdir()
    (tmp_path / "solutions" / "next.ipynb").touch()
    return tmp_path / "solutions" / "00_toy.ipynb"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_good_lesson_keeps_the_rule(rule, solved):
    assert rule(good(), solved) == []


@pytest.mark.parametrize("rule, spoil", SPOILT)
def test_the_rule_sees_the_fault(rule, spoil, solved):
    notebook = good()
    spoil(notebook)
    assert rule(notebook, solved) != []


def test_each_rule_was_seen_to_fail():
    assert {rule for rule, _ in SPOILT} == set(RULES)


def test_students_must_read_not_yet(tmp_path):
    (tmp_path / "next.ipynb").touch()
    notebook, path = good(), tmp_path / "00_toy.ipynb"
    assert exercises_say_so(notebook, path) == ["ex1-1-check: says ['passed']"]
    put("ex1-1-check", text="ex1-1: not yet. Replace\n")(notebook)
    assert exercises_say_so(notebook, path) == []


@pytest.mark.parametrize("key, source, faults", [
    ("eq7-check", "check('eq7', 1, 1)", []),
    ("eq7-bound-check", "assert 1 == 1", []),
    ("eq7-check", "print('eq7')", [("00", 7)]),
    ("eq6-check", "check('eq6', 1, 1)", [("00", 7)]),
])
def test_an_equation_without_a_check_is_seen(key, source, faults):
    notebook = good()
    put("eq7-check", id=key, source=source)(notebook)
    assert unchecked_equations([("00", notebook)]) == faults
