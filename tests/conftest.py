"""What all tests share: figures are drawn without a screen."""

import os

# nbval's kernels inherit the environment, and they must draw inline.
os.environ.pop("MPLBACKEND", None)

import matplotlib  # noqa: E402

matplotlib.use("Agg")
