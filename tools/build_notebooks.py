"""Build the lessons: notebooks/src/NN_*.py -> notebooks/ and notebooks/solutions/.

    python tools/build_notebooks.py               every lesson, both editions
    python tools/build_notebooks.py 07 08         lessons whose names begin so
    python tools/build_notebooks.py --check       run nothing: are they in step?

Each edition runs from a fresh kernel in the notebook's own folder and is written with
outputs and without times, so that building twice changes nothing. A build is refused
when a cell fails, writes to stderr, or shows what another machine would not show.
"""

import argparse
import os
import re
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import zip_longest
from pathlib import Path

import nbformat
from lesson_source import METADATA, SourceError, make_edition, read_source
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
EDITIONS = ("student", "solutions")
TIMEOUT = 600              # seconds a cell may take
WIDGET = "application/vnd.jupyter.widget-view+json"
REFUSED = {
    "a path of this machine": re.compile(
        r"(?<![\w.])/(?:home|root|tmp|Users|work)/|"
        + re.escape(str(NOTEBOOKS.parent))),
    "a memory address": re.compile(r"\b0x[0-9a-f]{6,}"),
    "Ellipsis: end the cell with another line than the stub": re.compile(
        r"\AEllipsis\Z"),
}


class BuildError(RuntimeError):
    """An edition that was not written; the message names the cell."""


def built_path(source, edition):
    """Where an edition of a source goes."""
    folder = source.parent.parent
    return (folder if edition == "student" else folder / "solutions") / (
        source.stem + ".ipynb")


def build(source, edition):
    """Run one edition and write it if it changed. Returns a line for the log."""
    start, path = time.monotonic(), built_path(source, edition)
    notebook = make_edition(read_source(source), edition)
    path.parent.mkdir(exist_ok=True)
    run(notebook, path.parent)
    problems = tidy(notebook)
    if problems:
        raise BuildError("\n".join(problems))
    text = nbformat.writes(notebook, indent=1) + "\n"
    changed = not path.exists() or path.read_text(encoding="utf-8") != text
    if changed:
        path.write_text(text, encoding="utf-8", newline="\n")
    seconds = time.monotonic() - start
    return f"{'written' if changed else 'same'}, {seconds:.0f} s"


def run(notebook, folder):
    """Run a notebook in place, from a fresh kernel that starts in folder."""
    client = NotebookClient(
        notebook, timeout=TIMEOUT, kernel_name="python3", coalesce_streams=True,
        store_widget_state=False, record_timing=False,
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(folder)}})
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
        done = [cell for cell in cells if cell.execution_count] or cells
        raise BuildError(f"cell {done[-1].id} failed: {error}") from None


def tidy(notebook):
    """Drop what changes from run to run; return what must not be kept at all."""
    problems = []
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        cell.metadata = {"tags": tags} if tags else {}
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if data.pop(WIDGET, None) and "nbval-ignore-output" not in tags:
                problems.append(f"cell {cell.id} shows a widget: it needs the tag "
                                "nbval-ignore-output")
            if output.output_type == "error":    # it holds the paths of this machine
                output.traceback = [f"{output.ename}: {output.evalue}"]
            if output.get("name") == "stderr":
                problems.append(f"cell {cell.id} writes to stderr: {output.text}")
            shown = [output.get("text", ""), output.get("evalue", ""),
                     *(text for kind, text in data.items() if kind.startswith("text"))]
            problems += [f"cell {cell.id} shows {what}: {text[:200]!r}"
                         for what, pattern in REFUSED.items()
                         for text in shown if pattern.search(text)]
    return problems


def differences(source, edition):
    """The first difference between a built file and what its source gives, as a list
    of at most one line."""
    path = built_path(source, edition)
    if not path.exists():
        return ["not built"]
    built = nbformat.read(path, as_version=4)
    wanted = make_edition(read_source(source), edition)
    for is_, should in zip_longest(built.cells, wanted.cells):
        if is_ is None or should is None:
            return [f"cell {(is_ or should).id} is "
                    + ("missing" if is_ is None else "not in the source")]
        if any(is_.get(part) != should.get(part)
               for part in ("id", "cell_type", "source", "metadata")):
            return [f"cell {should.id} differs"]
    return [] if built.metadata == wanted.metadata else ["the metadata differ"]


def orphans(notebooks):
    """Built files whose source is gone."""
    names = {source.stem for source in sources(notebooks)}
    return [path for folder in (notebooks, notebooks / "solutions")
            for path in sorted(folder.glob("*.ipynb")) if path.stem not in names]


def sources(notebooks, prefixes=("",)):
    """The sources whose names begin with one of the prefixes, in order."""
    found = sorted((notebooks / "src").glob("[0-9][0-9]_*.py"))
    return [path for path in found if path.name.startswith(tuple(prefixes))]


def _attempt(job):
    source, edition, check = job
    try:
        if check:
            faults = differences(source, edition)
            return not faults, "; ".join(faults) or "in step"
        return True, build(source, edition)
    except (SourceError, BuildError) as error:
        return False, str(error)


def main(arguments=None, notebooks=NOTEBOOKS):
    """Build or check; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lesson", nargs="*", help="beginnings of names, such as 07")
    parser.add_argument("--edition", choices=EDITIONS, help="only this one")
    parser.add_argument("--check", action="store_true",
                        help="run nothing; compare the built files with the sources")
    parser.add_argument("--jobs", type=int, default=1, help="kernels at a time")
    options = parser.parse_args(arguments)
    os.environ.pop("MPLBACKEND", None)          # the kernel draws inline
    chosen = sources(notebooks, options.lesson or [""])
    if options.lesson and not chosen:
        parser.error(f"no lesson begins with {' or '.join(options.lesson)}")
    jobs = [(source, edition, options.check) for source in chosen
            for edition in EDITIONS if options.edition in (None, edition)]
    status = 0
    with ProcessPoolExecutor(options.jobs) as pool:
        for (source, edition, _), (good, line) in zip(
                jobs, pool.map(_attempt, jobs), strict=True):
            print(f"{built_path(source, edition).relative_to(notebooks)}: {line}",
                  flush=True)
            status |= not good
    if options.check and not options.lesson:
        for path in orphans(notebooks):
            print(f"{path.relative_to(notebooks)}: its source is gone")
            status = 1
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
