"""tools/build_notebooks.py, on lessons of a few cells in a temporary folder."""

import os
import re
import textwrap

import build_notebooks
import nbformat
import pytest
from build_notebooks import BuildError, build, built_path, differences
from lesson_source import SourceError, make_edition, read_source

LESSON = '''
    # %% [markdown] key="title"
    # # A toy, see [the symbols](../NOTATION.md) and [answers](solutions/00_toy.ipynb)

    # %% key="ex0-1"
    def double(a):
        """Twice a."""
        if a:
            ### BEGIN SOLUTION
            b = a
            return a + b
            ### END SOLUTION


    # %% key="ex0-1-check"
    print(double(2))

    # %% [markdown] key="why" tags=["solution"]
    # Because.

    # %% key="plot"
    import matplotlib.pyplot as plt
    plt.plot([0, 1])
    plt.show()
'''
COUNTER = '# %% key="a"\n{}\n'


@pytest.fixture
def write(tmp_path):
    """A function that writes the text of lesson 00 and returns its path."""
    def write(text, name="00_toy"):
        path = tmp_path / "notebooks" / "src" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
        return path
    return write


def source_of(notebook, key):
    return next(cell.source for cell in notebook.cells if cell.id == key)


def test_student_edition_leaves_the_solution_out(write):
    student = make_edition(read_source(write(LESSON)), "student")
    assert [cell.id for cell in student.cells] == [
        "title", "ex0-1", "ex0-1-check", "plot"]
    assert source_of(student, "ex0-1") == (
        'def double(a):\n    """Twice a."""\n    if a:\n'
        "        ...  # your code here")
    assert "(../NOTATION.md)" in source_of(student, "title")
    nbformat.validate(student)


def test_solutions_edition_keeps_all_but_the_markers(write):
    solutions = make_edition(read_source(write(LESSON)), "solutions")
    assert [cell.id for cell in solutions.cells] == [
        "title", "ex0-1", "ex0-1-check", "why", "plot"]
    assert source_of(solutions, "ex0-1").endswith(
        "    if a:\n        b = a\n        return a + b")
    assert "(../../NOTATION.md)" in source_of(solutions, "title")
    assert "(00_toy.ipynb)" in source_of(solutions, "title")


def test_two_regions_in_one_cell_give_two_stubs(write):
    text = "\n".join(f"{'  ' * n}### BEGIN SOLUTION\n{'  ' * n}x = {n}\n"
                     f"{'  ' * n}### END SOLUTION" for n in (0, 1))
    cells = read_source(write(COUNTER.format(text)))
    assert make_edition(cells, "student").cells[0].source == (
        "# your code here\n  ...  # your code here")


@pytest.mark.parametrize("text, message", [
    ('# %% key="a"\n1\n\n# %%\n2', "00_toy.py:4: a cell without a key"),
    ('# %% key="a"\n1\n\n# %% key="a"\n2', "00_toy.py:4: key 'a' is line 1's already"),
    ('# %% key="A b"\n1', "00_toy.py:1: key 'A b' is not"),
    (f'# %% key="{"a" * 65}"\n1', "00_toy.py:1: key"),
    ('import os\n\n# %% key="a"\n1', "00_toy.py:1: 2 cells but 1 heads"),
    ('# %% key="a"\n### BEGIN SOLUTION\n1', "00_toy.py:1: '### BEGIN SOLUTION' wi"),
    ('# %% key="a"\n### END SOLUTION\n1', "00_toy.py:1: found '### END SOLUTION'"),
    ('# %% key="a"\n# BEGIN SOLUTION\n1', "00_toy.py:1: found '# BEGIN SOLUTION'"),
    ('# %% key="a"\n### BEGIN SOLUTION\n### BEGIN SOLUTION', "00_toy.py:1: found"),
])
def test_a_fault_in_the_source_names_file_and_line(write, text, message):
    with pytest.raises(SourceError, match=re.escape(message)):
        read_source(write(text))


def test_building_twice_changes_nothing(write, monkeypatch):
    monkeypatch.delenv("MPLBACKEND", raising=False)
    source = write(LESSON)
    assert build(source, "solutions").startswith("written")
    path = built_path(source, "solutions")
    first = path.read_bytes()
    assert build(source, "solutions").startswith("same")
    assert path.read_bytes() == first and first.endswith(b"}\n")
    cells = nbformat.read(path, as_version=4).cells
    assert [c.execution_count for c in cells if c.cell_type == "code"] == [1, 2, 3]
    assert cells[2].outputs[0].text == "4\n"
    assert "image/png" in cells[-1].outputs[0].data
    assert all(cell.metadata in ({}, {"tags": ["solution"]}) for cell in cells)


def test_the_kernel_starts_in_the_folder_of_the_notebook(write):
    source = write(COUNTER.format("import os; print(os.path.basename(os.getcwd()))"))
    build(source, "solutions")
    notebook = nbformat.read(built_path(source, "solutions"), as_version=4)
    assert notebook.cells[0].outputs[0].text == "solutions\n"


@pytest.mark.parametrize("code, message", [
    ("1 / 0", "cell a failed"),
    ("import sys; print('hm', file=sys.stderr)", "cell a writes to stderr: hm"),
    ("import warnings; warnings.warn('old')", "cell a writes to stderr"),
    ("import os; os.getcwd()", "cell a shows a path of this machine"),
    ("object()", "cell a shows a memory address"),
    ("...  # your code here", "cell a shows Ellipsis"),
    ("import ipywidgets; ipywidgets.IntSlider()", "it needs the tag"),
])
def test_a_build_is_refused(write, code, message):
    source = write(COUNTER.format(code))
    with pytest.raises(BuildError, match=message):
        build(source, "student")
    assert not built_path(source, "student").exists()


def test_an_expected_error_keeps_only_its_last_line(write):
    source = write('# %% key="a" tags=["raises-exception"]\nraise ValueError("no")\n')
    build(source, "student")
    output = nbformat.read(built_path(source, "student"), as_version=4).cells[0].outputs
    assert output[0].traceback == ["ValueError: no"]


def test_a_widget_leaves_its_words_but_no_state(write):
    source = write('# %% key="a" tags=["nbval-ignore-output"]\n'
                   "import ipywidgets; ipywidgets.IntSlider()\n")
    build(source, "student")
    notebook = nbformat.read(built_path(source, "student"), as_version=4)
    assert list(notebook.cells[0].outputs[0].data) == ["text/plain"]
    assert "widgets" not in notebook.metadata


def write_unrun(source, edition):
    path = built_path(source, edition)
    path.parent.mkdir(exist_ok=True)
    nbformat.write(make_edition(read_source(source), edition), path)


def test_check_names_the_cell_that_differs(write, capsys):
    source = write(LESSON)
    folder = source.parent.parent
    assert differences(source, "student") == ["not built"]
    for edition in build_notebooks.EDITIONS:
        write_unrun(source, edition)
    assert build_notebooks.main(["--check"], folder) == 0
    write(LESSON.replace("print(double(2))", "print(double(3))"))
    assert build_notebooks.main(["--check"], folder) == 1
    assert "solutions/00_toy.ipynb: cell ex0-1-check differs" in capsys.readouterr().out


@pytest.mark.parametrize("change, fault", [
    (lambda text: text + '\n    # %% key="more"\n    1\n', "cell more is missing"),
    (lambda text: text.split('    # %% key="plot"')[0], "cell plot is not in"),
    (lambda text: text.replace('key="plot"', 'key="picture"'), "cell picture differs"),
    (lambda text: text.replace('key="plot"', 'key="plot" tags=["x"]'),
     "cell plot differs"),
    (lambda text: text.replace("b = a", "b = 2 * a"), None),     # students do not see
])
def test_check_sees_each_kind_of_change(write, change, fault):
    source = write(LESSON)
    write_unrun(source, "student")
    write(change(LESSON))
    found = differences(source, "student")
    assert found[0].startswith(fault) if fault else not found


def test_check_finds_built_files_without_a_source(write, capsys):
    source = write(LESSON)
    write_unrun(source, "student")
    os.rename(source, source.with_name("01_other.py"))
    assert build_notebooks.main(["--check"], source.parent.parent) == 1
    assert "00_toy.ipynb: its source is gone" in capsys.readouterr().out


def test_names_choose_lessons(write, capsys):
    for name in ("06_bound", "07_vae"):
        write(COUNTER.format("1"), name)
    folder = write(COUNTER.format("1"), "08_more").parent.parent
    build_notebooks.main(["07", "08", "--check", "--edition", "student"], folder)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["07_vae.ipynb", "08_more.ipynb"]
    with pytest.raises(SystemExit):
        build_notebooks.main(["99", "--check"], folder)


def test_a_broken_lesson_does_not_stop_the_others(write, capsys):
    write(COUNTER.format("1 / 0"), "06_bound")
    folder = write(COUNTER.format("1"), "07_vae").parent.parent
    assert build_notebooks.main(["--edition", "student"], folder) == 1
    out = capsys.readouterr().out
    assert "06_bound.ipynb: cell a failed" in out and "07_vae.ipynb: written" in out
