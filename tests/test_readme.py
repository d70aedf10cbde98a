"""README's tables point at things that are there."""

import json
import re
from pathlib import Path

import pytest

import aevb_lib

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split("|")]
        for line in README.split("## Where each equation lives")[1].splitlines()
        if line.startswith("| ") and not line.startswith(("| paper", "|---"))]
TESTS = re.findall(r"^def (test_\w+)",
                   (ROOT / "tests/test_equations.py").read_text("utf-8"), re.M)


def keys(number):
    lesson, = ROOT.glob(f"notebooks/{number}_*.ipynb")
    return {cell["id"] for cell in json.loads(lesson.read_text("utf-8"))["cells"]}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_row_of_the_index_points_at_cells_code_and_tests(row):
    _, where, code, tests = row
    for part in re.split(r", (?=\d\d)|; ", where):
        for key in re.findall(r"`([\w-]+)`", part):
            assert key in keys(part[:2]), f"lesson {part[:2]} has no cell {key}"
    for module, *names in (path.split(".") for path in re.findall(r"`([\w.]+)`", code)):
        thing = getattr(aevb_lib, module)
        for name in names:
            thing = getattr(thing, name)
    for start in re.findall(r"`(\w+)`", tests):
        assert any(name.startswith(start) for name in TESTS), f"no test {start}"


def test_every_equation_test_is_in_the_index():
    named = re.findall(r"`(test_\w+)`", README)
    assert [name for name in TESTS if not name.startswith(tuple(named))] == []


def test_every_lesson_and_link_of_the_readme_is_there():
    links = re.findall(r"\]\((?!http)([^)]+)\)", README)
    assert [link for link in links if not (ROOT / link).exists()] == []
    lessons = {str(path.relative_to(ROOT)) for path in ROOT.glob("notebooks/*.ipynb")}
    assert lessons <= set(links)
