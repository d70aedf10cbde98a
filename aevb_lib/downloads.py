"""Layer 0. From a published file to a path on this machine: the folder named by the
environment variable AEVB_DATA, then the user's cache, then a download into it. What is
damaged is refused by name and not kept.
"""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

TIMEOUT = 10  # seconds that a mirror may stay silent


class Source(NamedTuple):
    """Where a set is published. hashes: file name -> checksum, None if unknown."""

    title: str
    folder: str
    mirrors: tuple[str, ...]
    hashes: dict[str, str | None]
    first_labels: list[int] | None = None  # the first ten of the training file
    validate: Callable | None = None       # (path, name) -> ValueError if no checksum


def fetch(source):
    """File name -> path, for each file of the source: at hand, or downloaded."""
    notes = []
    paths = {n: _at_hand(source, n) or _cached(source, n, notes) for n in source.hashes}
    missing = [name for name, path in paths.items() if path is None]
    if missing:
        _clear_cache(source, missing)
    while missing:
        paths[missing[0]] = _download(source, missing, notes)
        missing.pop(0)
    return paths


def _at_hand(source, name):
    """The file in AEVB_DATA, in the source's folder there or loose, gzipped or not."""
    root = os.environ.get("AEVB_DATA")
    if not root:
        return None
    if not Path(root).is_dir():
        raise NotADirectoryError(f"AEVB_DATA: wanted a folder, got {root}")
    for folder in (Path(root, source.folder), Path(root)):
        for path in (folder / name, folder / name.removesuffix(".gz")):
            if path.is_file():
                return path
    return None


def _cache(source):
    import pooch

    return Path(pooch.os_cache("aevb_lib")) / source.folder


def _cached(source, name, notes):
    """The file in the cache if it is whole, else None and a note."""
    path = _cache(source) / name
    if not path.is_file():
        return None
    try:
        _check_file(source, path, name)
    except ValueError as error:
        notes.append(f"cache: {path} was damaged, not kept: {error}")
        return None
    return path


def _clear_cache(source, missing):
    """Make the cache folder; throw damaged files out. OSError if it is read-only."""
    folder = _cache(source)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in missing:
            (folder / name).unlink(missing_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        headline = f"{source.title}: cannot write to the cache: {error}"
        raise OSError(_advice(headline, source, missing)) from None


def _check_file(source, path, name):
    """ValueError where a downloaded file is not what was published."""
    import pooch

    known_hash = source.hashes[name]
    if known_hash is None:
        source.validate(path, name)
        return
    algorithm, wanted = known_hash.split(":")
    got = pooch.file_hash(str(path), alg=algorithm)
    if got != wanted:
        raise ValueError(f"{name}: wanted {algorithm} {wanted}, got {got}")


def _download(source, missing, notes):
    """Path of missing[0], from the first mirror that has it whole. Shows progress."""
    import pooch

    name = missing[0]
    known_hash, folder = source.hashes[name], _cache(source)

    def get(url, path, _):  # the file moves into the cache only if this returns
        pooch.HTTPDownloader(progressbar=True, timeout=TIMEOUT)(url, path, None)
        _check_file(source, path, name)

    for mirror in source.mirrors:
        try:
            url = mirror + name
            return Path(pooch.retrieve(url, known_hash, name, folder, downloader=get))
        except (OSError, ValueError) as error:
            cause = getattr(error.args[0], "reason", error) if error.args else error
            notes.append(f"from:  {mirror}: {cause}")
    headline = f"{source.title} is not here and could not be downloaded."
    raise FileNotFoundError(_advice(headline, source, missing, notes))


def _advice(headline, source, missing, notes=()):
    """The message of an error: which files, into which folder, from where, way out."""
    return "\n".join([
        headline,
        f"files: {', '.join(missing)}",
        f"into:  {_cache(source)}",
        *notes,
        "Way out: put these files into a folder and set the environment variable "
        'AEVB_DATA to it. load_mnist("small") needs no download.',
    ])
