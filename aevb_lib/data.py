"""Layer 0. Images for the lessons: MNIST small and full, Fashion-MNIST, Frey Face.

Every loader returns an `ImageData`: float32 pixels in [0, 1], one image a row. The
small MNIST lies in this package. The other sets are looked for in the folder named by
the environment variable AEVB_DATA, then in the user's cache; what is in neither is
downloaded into the cache. pooch and scipy are imported only where they are needed.
"""

import gzip
import io
import math
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from aevb_lib.downloads import Source, fetch

BUNDLED = Path(__file__).parent / "assets" / "mnist_small.npz"


class ImageData(NamedTuple):
    """x: float32 (N, D) in [0, 1]; labels: int64 (N,) or None; (rows, columns)."""

    x_train: torch.Tensor
    labels_train: torch.Tensor | None
    x_test: torch.Tensor
    labels_test: torch.Tensor | None
    image_shape: tuple[int, int]


MNIST = Source(
    "MNIST",
    "mnist",
    ("https://ossci-datasets.s3.amazonaws.com/mnist/",
     "https://storage.googleapis.com/cvdf-datasets/mnist/"),
    {"train-images-idx3-ubyte.gz": "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873",
     "train-labels-idx1-ubyte.gz": "md5:d53e105ee54ea40749a09fcbcd1e9432",
     "t10k-images-idx3-ubyte.gz": "md5:9fb629c4189551a2d022fa330f9573f3",
     "t10k-labels-idx1-ubyte.gz": "md5:ec29112dd5afa0611ce80d1b7f02629c"},
    [5, 0, 4, 1, 9, 2, 1, 3, 1, 4],
)
FASHION_MNIST = Source(
    "Fashion-MNIST",
    "fashion-mnist",
    ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
     "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/"),
    {"train-images-idx3-ubyte.gz": "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
     "train-labels-idx1-ubyte.gz": "md5:25c81989df183df01b3e8a0aad5dffbe",
     "t10k-images-idx3-ubyte.gz": "md5:bef4ecab320f06d8554ea6380940ec79",
     "t10k-labels-idx1-ubyte.gz": "md5:bb300cfdad3c16e7a12a480ee83cd310"},
    [9, 0, 0, 3, 0, 2, 7, 2, 5, 5],
)
FREY_FACE = Source(  # no checksum is published: the content is checked instead
    "Frey Face",
    "frey-face",
    ("https://cs.nyu.edu/~roweis/data/", "http://www.cs.nyu.edu/~roweis/data/"),
    {"frey_rawface.mat": None},
    validate=lambda path, name: _read_frey(path, name),
)


def load_mnist(size="small"):
    """MNIST, 28 x 28, with its labels.

    size "small": 4,000 + 1,000 digits from this package. All 5,000 are training
    images of the full set, so "small" is no test set for a model trained on "full".
    size "full": the published 60,000 + 10,000.
    Errors: ValueError (unknown size, damaged file), FileNotFoundError, OSError.
    """
    if size == "small":
        return _load_bundled()
    if size == "full":
        return _load_idx_set(MNIST, FASHION_MNIST)
    raise ValueError(f'size: wanted "small" or "full", got {size!r}')


def load_fashion_mnist():
    """Fashion-MNIST, 28 x 28, 60,000 + 10,000, labels. Errors: as `load_mnist`."""
    return _load_idx_set(FASHION_MNIST, MNIST)


def load_frey_face():
    """Frey Face, 28 x 20, 1,965 frames of one film; no labels, no published split.

    Split here: the first 1,572 frames train, the last 393 (20 %) test. Frames that
    follow each other are nearly equal. A random split would put a near copy of each
    test frame among the training frames, and flatter the test bound. Cut in one
    place, the film's end is new to the model: expect a lower test bound, and do not
    compare it with one from a random split. Errors: as `load_mnist`.
    """
    frames = _pixels(_read_frey(fetch(FREY_FACE)["frey_rawface.mat"]))
    return ImageData(frames[:1572], None, frames[1572:], None, (28, 20))


def binarise(x, generator):
    """b ~ Bernoulli(x): float32 zeros and ones, of the shape of x.

    Called once it is static binarisation, called for each minibatch dynamic.
    Errors: ValueError where a value of x is NaN or outside [0, 1].
    """
    if not ((x >= 0) & (x <= 1)).all():
        raise ValueError(
            "x: wanted probabilities in [0, 1], got values from "
            f"{x.min().item():.6g} to {x.max().item():.6g}"
        )
    return torch.bernoulli(x.float(), generator=generator)


def _pixels(images):
    """uint8 (N, ...) -> float32 (N, D) in [0, 1]."""
    flat = images.reshape(len(images), -1)
    return torch.from_numpy(flat.astype(np.float32)).div_(255)


def _image_data(images, labels, images_test, labels_test):
    labels, labels_test = (
        torch.from_numpy(a.astype(np.int64)) for a in (labels, labels_test)
    )
    return ImageData(
        _pixels(images), labels, _pixels(images_test), labels_test, (28, 28)
    )


def _load_bundled():
    if not BUNDLED.is_file():
        raise FileNotFoundError(f"wanted the bundled digits, no file {BUNDLED}")
    try:
        with np.load(BUNDLED, allow_pickle=False) as file:
            names = ("x_train", "labels_train", "x_test", "labels_test")
            return _image_data(*(file[name] for name in names))
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{BUNDLED} is damaged: {error}") from None


def _load_idx_set(source, namesake):
    """The four IDX files of a source. Its namesake's files bear the same names."""
    paths = list(fetch(source).values())
    train, test = _read_pair(*paths[:2]), _read_pair(*paths[2:])
    if train[1][:10].tolist() == namesake.first_labels:
        raise ValueError(
            f"{paths[1]}: wanted {source.title}, got {namesake.title}, whose files "
            f"bear the same names; keep them apart in the folders {source.folder} "
            f"and {namesake.folder}"
        )
    return _image_data(*train, *test)


def _read_pair(images_path, labels_path):
    """Images (N, 28, 28) and labels (N,) that belong together."""
    images, labels = _read_idx(images_path, 3), _read_idx(labels_path, 1)
    if images.shape[1:] != (28, 28) or len(images) == 0:
        raise ValueError(
            f"{images_path}: wanted images of shape (N, 28, 28), got {images.shape}"
        )
    if len(images) != len(labels):
        raise ValueError(
            f"wanted one label for each image, got {len(images)} images in "
            f"{images_path} and {len(labels)} labels in {labels_path}"
        )
    if labels.max() > 9:
        raise ValueError(f"{labels_path}: wanted labels 0 to 9, got {labels.max()}")
    return images, labels


def _read_idx(path, n_axes):
    """uint8 array of an IDX file: magic 0x800 + n_axes, the sizes, then the bytes."""
    raw = path.read_bytes()
    if raw[:2] == b"\x1f\x8b":
        try:
            raw = gzip.decompress(raw)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(f"{path} is damaged: {error}") from None
    start = 4 + 4 * n_axes
    if len(raw) < start:
        raise ValueError(f"{path}: wanted {start} bytes of header, got {len(raw)}")
    magic, *shape = np.frombuffer(raw, ">u4", 1 + n_axes).tolist()
    if magic != 0x800 + n_axes:
        raise ValueError(
            f"{path} is no IDX file of {n_axes} axes: wanted magic number "
            f"{0x800 + n_axes}, got {magic}"
        )
    if len(raw) - start != math.prod(shape):
        raise ValueError(
            f"{path} is damaged: its header says {shape}, wanted {math.prod(shape)} "
            f"bytes, got {len(raw) - start}"
        )
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape)


def _read_frey(path, name=None):
    """uint8 (1965, 560): one frame a row, 28 rows of 20 pixels."""
    from scipy.io import loadmat

    name, raw = name or path, Path(path).read_bytes()
    try:
        content = loadmat(io.BytesIO(raw))
    except Exception as error:  # on damaged bytes loadmat raises nearly anything
        raise ValueError(f"{name} is no MATLAB file, or damaged: {error}") from None
    frames = content.get("ff")
    if frames is None:
        keys = [key for key in content if not key.startswith("__")]
        raise ValueError(f"{name}: wanted the key 'ff', got {keys}")
    if frames.shape != (560, 1965) or frames.dtype != np.uint8:
        raise ValueError(
            f"{name}: wanted 'ff' of shape (560, 1965), uint8, "
            f"got {frames.shape}, {frames.dtype}"
        )
    return frames.T
