"""From the text of a lesson to the cells of its two editions. It runs nothing.

A source is a jupytext percent file whose cell heads carry a key, and tags if need be:

    # %% [markdown] key="intro"
    # %% key="ex6-1" tags=["nbval-ignore-output"]

The key becomes the cell's id. The student edition leaves out the cells tagged
"solution", and one line stands in for the code between the two markers: a comment,
after `...` where a function needs a body.
"""

import re

import jupytext
from nbformat import v4

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
STUB = "# your code here"
HEAD = re.compile(r"# %%(?:\s|$)")
MARKER = re.compile(r"\s*#.*\b(?:BEGIN|END) SOLUTION\b")
KEY = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
UP = re.compile(r"(\]\(|src=\")\.\./")
DOWN = re.compile(r"(\]\(|src=\")solutions/")
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python",
                   "name": "python3"},
    "language_info": {"file_extension": ".py", "mimetype": "text/x-python",
                      "name": "python", "pygments_lexer": "ipython3"},
}


class SourceError(ValueError):
    """A fault in a lesson's source; the message begins with file and line."""


def read_source(path):
    """The cells of a source as (line, key, tags, cell_type, source) tuples.

    Raises SourceError for a missing, doubled or malformed key, for markers that do
    not pair, and for text that stands before the first head.
    """
    text = path.read_text(encoding="utf-8")
    heads = [n for n, line in enumerate(text.splitlines(), 1) if HEAD.match(line)]
    cells = jupytext.reads(text, fmt="py:percent").cells
    if len(cells) != len(heads):
        raise SourceError(f"{path.name}:1: {len(cells)} cells but {len(heads)} heads; "
                          "a head begins with '# %%', and nothing stands before it")
    seen, read = {}, []
    for line, cell in zip(heads, cells, strict=True):
        where = f"{path.name}:{line}"
        key = cell.metadata.get("key")
        if key is None:
            raise SourceError(f'{where}: a cell without a key; write key="..."')
        if not isinstance(key, str) or len(key) > 64 or not KEY.fullmatch(key):
            raise SourceError(f"{where}: key {key!r} is not small letters, digits and "
                              "single hyphens, 64 at most")
        if key in seen:
            raise SourceError(f"{where}: key {key!r} is line {seen[key]}'s already")
        seen[key] = line
        _split(cell.source, where)
        tags = list(cell.metadata.get("tags", []))
        read.append((line, key, tags, cell.cell_type, cell.source))
    return read


def make_edition(cells, edition):
    """A notebook without outputs: edition is "student" or "solutions"."""
    made = []
    for line, key, tags, cell_type, source in cells:
        if edition == "student" and "solution" in tags:
            continue
        if cell_type == "code":
            source = "\n".join(_split(source, f"line {line}")[edition])
        elif edition == "solutions":            # its folder lies one level deeper
            source = DOWN.sub(r"\1", UP.sub(r"\1../../", source))
        new = v4.new_code_cell if cell_type == "code" else v4.new_markdown_cell
        made.append(new(source, id=key, metadata={"tags": tags} if tags else {}))
    notebook = v4.new_notebook(cells=made, metadata=METADATA)
    notebook.nbformat_minor = 5
    return notebook


def _split(source, where):
    """The lines of one cell in each edition."""
    student, solutions, inside = [], [], False
    for line in source.splitlines():
        word = line.strip()
        if MARKER.match(line):
            if word != (END if inside else BEGIN):
                raise SourceError(f"{where}: found {word!r}, expected "
                                  f"{END if inside else BEGIN!r}")
            if not inside:
                indent = line[: len(line) - len(line.lstrip())]
                student.append(indent + "...  " + STUB if indent else STUB)
            inside = not inside
            continue
        solutions.append(line)
        if not inside:
            student.append(line)
    if inside:
        raise SourceError(f"{where}: {BEGIN!r} without {END!r}")
    return {"student": student, "solutions": solutions}
