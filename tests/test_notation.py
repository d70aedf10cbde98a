"""NOTATION.md is true: its code names are the library's, and what it rules out is not
used. The tables themselves are read."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LIBRARY = ROOT / "aevb_lib"
TEXT = (ROOT / "NOTATION.md").read_text(encoding="utf-8")
CODE = re.compile(r"`([A-Za-z_]\w*)`")
MODULES = {path.stem for path in LIBRARY.glob("*.py")}


def rows(text, column):
    """The rows, as dicts, of each table that has a column of this name."""
    found, header = [], None
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            header = None
        elif header is None:
            header = cells
        elif column in header and set(line) - set("|- "):
            assert len(cells) == len(header), f"{len(cells)} cells: {line}"
            found.append(dict(zip(header, cells, strict=True)))
    return found


def names_in(source):
    """What a file of Python binds: arguments, functions, classes, variables and
    attributes."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            found.add(node.attr)
    return found


def unknown(row, names, modules):
    """The code names of a row that nothing in the library bears. A row whose module
    is still to come has none."""
    if set(CODE.findall(row["first"])) - modules:
        return []
    return sorted(set(CODE.findall(row["code"])) - names)


NAMES = set().union(*(names_in(path.read_text(encoding="utf-8"))
                      for path in LIBRARY.rglob("*.py")))
SYMBOLS = rows(TEXT, "code")
BARRED = {name for row in rows(TEXT, "never") for name in CODE.findall(row["never"])}


@pytest.mark.parametrize("row", SYMBOLS, ids=lambda row: row["code"])
def test_a_symbol_has_its_name_in_the_library(row):
    assert CODE.findall(row["code"]), "a row without a code name"
    assert re.match(r"(0\d|1[0-4])\b", row["first"]), "no lesson from 00 to 14"
    assert unknown(row, NAMES, MODULES) == []


def test_no_name_that_is_ruled_out_is_used():
    assert BARRED & NAMES == set()


def test_each_symbol_has_one_row():
    papers = [row["paper"] for row in SYMBOLS]
    assert len(SYMBOLS) > 30 and sorted(set(papers)) == sorted(papers)


@pytest.mark.parametrize("code, first, faults", [
    ("`log_var`", "00", []),
    ("`mu`, `logvariance`", "00", ["logvariance"]),
    ("`logvariance`", "13, `a_module_to_come`", []),
    ("`logvariance`", "06, `sgvb`", ["logvariance"]),
])
def test_a_name_that_is_nowhere_is_seen(code, first, faults):
    table = f"| code | first |\n|---|---|\n| {code} | {first} |\n"
    assert unknown(*rows(table, "code"), NAMES, MODULES) == faults


@pytest.mark.parametrize("source, found", [
    ("def f(logvar): pass", "logvar"), ("std = 1", "std"), ("x.batch_size = 1",
     "batch_size"), ("class kld: pass", "kld"), ("for data in x: pass", "data")])
def test_a_name_that_is_ruled_out_is_seen(source, found):
    assert found in names_in(source) & BARRED


def test_calling_is_not_naming():
    assert names_in("x.std(0); import data; print(input)") == set()
