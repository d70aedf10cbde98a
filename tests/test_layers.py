"""The layers of aevb_lib: a module imports only from layers below its own."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

LIBRARY = Path(__file__).parents[1] / "aevb_lib"
LAYERS = [
    {"downloads"},
    {"densities", "data", "checks", "inverse_cdf"},
    {"sgvb", "reparameterizations", "exact"},
    {"models", "mcmc", "loop"},
    {"training", "wake_sleep", "mcem", "full_vb", "likelihood", "imputation"},
    {"plots"},
    {"widgets"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
ALSO_BARRED = {"exact": {"torch"}, "widgets": {"models", "training"}}
FILES = sorted({*LIBRARY.rglob("*.py")} - {LIBRARY / "__init__.py"})


def module_of(path):
    """aevb_lib/widgets/latent.py -> widgets"""
    return path.relative_to(LIBRARY).with_suffix("").parts[0]


def imports(source, depth=1):
    """What a file of aevb_lib imports: modules of the library by their short names,
    other packages by theirs. depth: 1 for aevb_lib/x.py, 2 for one in a folder."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            paths = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level < depth and node.level:
            continue                                      # within its own package
        elif isinstance(node, ast.ImportFrom):
            base = ("aevb_lib." if node.level else "") + (node.module or "")
            paths = ([f"{base.rstrip('.')}.{alias.name}" for alias in node.names]
                     if base.rstrip(".") == "aevb_lib" else [base])
        else:
            continue
        for path in paths:
            parts = path.split(".")
            found.add(parts[1] if parts[0] == "aevb_lib" and parts[1:] else parts[0])
    return found


def trespasses(module, imported):
    """The imports that a module must not have."""
    other = imported - {module}
    return sorted({name for name in other & set(LEVEL) if LEVEL[name] >= LEVEL[module]}
                  | other & ALSO_BARRED.get(module, set()))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(LIBRARY)))
def test_a_module_imports_only_from_below(path):
    module = module_of(path)
    assert module in LEVEL, f"put {module} into a layer: LAYERS in this file"
    depth = len(path.relative_to(LIBRARY).parts)
    assert trespasses(module, imports(path.read_text("utf-8"), depth)) == []


@pytest.mark.parametrize("module, source, depth, faults", [
    ("sgvb", "from aevb_lib.models import VAE", 1, ["models"]),
    ("sgvb", "from aevb_lib import exact, densities", 1, ["exact"]),
    ("sgvb", "from .training import train", 1, ["training"]),
    ("sgvb", "from . import plots", 1, ["plots"]),
    ("sgvb", "def f():\n    import aevb_lib.models", 1, ["models"]),
    ("exact", "import torch.nn as nn", 1, ["torch"]),
    ("exact", "from torch import nn", 1, ["torch"]),
    ("widgets", "from ..models import VAE", 2, ["models"]),
    ("widgets", "from .latent import LatentExplorer", 2, []),
    ("widgets", "from ..plots import image_grid", 2, []),
    ("training", "import torch\nfrom .models import VAE\nfrom . import sgvb", 1, []),
])
def test_a_trespass_is_seen(module, source, depth, faults):
    assert trespasses(module, imports(source, depth)) == faults


def loaded_by(statement):
    """The heavy packages that a fresh Python has loaded after a statement."""
    code = (f"{statement}; import sys; "
            "print(*{'torch', 'matplotlib', 'ipywidgets', 'scipy'} & set(sys.modules))")
    done = subprocess.run([sys.executable, "-c", code], cwd=LIBRARY.parent, text=True,
                          capture_output=True, check=True)
    return set(done.stdout.split())


def test_importing_the_library_loads_nothing_heavy():
    assert loaded_by("import aevb_lib") == set()
    assert "torch" in loaded_by("import torch")       # the look itself can see


def test_every_public_name_resolves():
    import aevb_lib
    missing = [name for name in aevb_lib.__all__ if not hasattr(aevb_lib, name)]
    assert missing == []
