"""Layer 4. One function for each kind of picture. They take arrays and an `ax`, draw on
it and return it; the lesson calls `plt.show()`.

Colours mean one thing through the whole course: q and phi blue, p and theta orange,
the bound black, noise grey.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Circle, Ellipse

Q, P, BOUND, NOISE = "#0072B2", "#D55E00", "#000000", "#767676"
DIGITS = ("#332288", "#88A000", "#117733", "#CC3311", "#AA4499",
          "#0077BB", "#B07000", "#009988", "#EE3377", "#555555")
STYLE = Path(__file__).with_name("aevb.mplstyle")


def use_style():
    """Put the course's look on every figure that follows."""
    plt.style.use(STYLE)


def montage(images, image_shape, columns, ax, gap=1):
    """Lay images (N, D), values from 0 (black) to 1 (white), out in rows as one
    picture. gap: white pixels between two images (0 for a manifold)."""
    images = _array(images).reshape(-1, *image_shape)
    rows, (height, width) = -(-len(images) // columns), image_shape
    sheet = np.ones((rows * (height + gap) - gap, columns * (width + gap) - gap))
    for i, image in enumerate(images):
        top, left = i // columns * (height + gap), i % columns * (width + gap)
        sheet[top : top + height, left : left + width] = image
    ax.imshow(sheet, vmin=0, vmax=1)
    ax.set_axis_off()
    return ax


def latent_plane(mu, labels, ax, names=("$z_1$", "$z_2$")):
    """Encoded datapoints mu (N, 2), each drawn as the glyph of its label (N,)."""
    mu, labels = _array(mu), _array(labels).astype(int)
    for label in np.unique(labels):
        points = mu[labels == label]
        ax.scatter(*points.T, marker=f"${label}$", s=26, linewidths=0.3,
                   color=DIGITS[label % len(DIGITS)])
    ax.set(xlabel=names[0], ylabel=names[1], aspect="equal")
    return ax


def prior_rings(ax):
    """Circles of radius 1, 2 and 3: 39, 86 and 99 % of N(0, I) lie inside (J = 2)."""
    for radius, share in ((1, "39 %"), (2, "86 %"), (3, "99 %")):
        ax.add_patch(Circle((0, 0), radius, fill=False, color=P, lw=1.2, ls="--"))
        ax.text(0, radius, share, color=P, fontsize=9, ha="center", va="center",
                bbox=dict(facecolor="white", edgecolor="none", pad=0.8), zorder=3)
    return ax


def gaussian_ellipse(mu, cov, ax, color=Q, n_sigma=2, **style):
    """The outline where N(mu, cov), mu (2,), cov (2, 2), is n_sigma from its mean."""
    values, vectors = np.linalg.eigh(_array(cov))
    angle = np.degrees(np.arctan2(*vectors[::-1, 1]))
    ax.add_patch(Ellipse(_array(mu), *(2 * n_sigma * np.sqrt(values[::-1])),
                         angle=angle, fill=False, color=color, **{"lw": 2, **style}))
    return ax


def label_end(ax, x, y, text, color=BOUND):
    """Name a line at its right end, in its colour, instead of a legend."""
    ax.annotate(text, (x[-1], y[-1]), xytext=(5, 0), textcoords="offset points",
                color=color, va="center", annotation_clip=False)
    return ax


def step_diagram(ax):
    """One step of the algorithm as boxes and arrows, with the shape of every array."""
    nodes = {
        "x": (0, 1, "images $x$\n(M, D)", BOUND),
        "phi": (1.2, 1, "encoder\n$\\phi$", Q),
        "q": (2.4, 1, "$\\mu,\\ \\log\\,\\sigma^2$\n(M, J)", Q),
        "eps": (3.75, 1.9, "noise $\\epsilon$\n(L, M, J)", NOISE),
        "z": (3.75, 1, "$z = \\mu + \\sigma\\epsilon$\n(L, M, J)", Q),
        "theta": (5.05, 1, "decoder\n$\\theta$", P),
        "y": (6.25, 1, "pixel means\n(L, M, D)", P),
        "kl": (2.4, 0, "KL\n(M,)", BOUND),
        "bound": (4.15, 0, "the bound\n(M,)", BOUND),
        "log_p": (6.25, 0, "$\\log\\,p(x|z)$\n(L, M)", P),
    }
    boxes = {}
    for name, (across, up, text, colour) in nodes.items():
        edge = colour if name in ("phi", "theta") else "white"
        boxes[name] = ax.text(across, up, text, color=colour, ha="center", va="center",
                              bbox=dict(boxstyle="round", fc="white", ec=edge))
    for arrow in ("x phi", "phi q", "q z", "eps z", "z theta", "theta y", "q kl",
                  "kl bound", "y log_p", "log_p bound"):
        tail, head = arrow.split()
        ax.annotate("", nodes[head][:2], nodes[tail][:2], arrowprops=dict(
            arrowstyle="->", color=NOISE, shrinkA=2, shrinkB=2,
            patchA=boxes[tail].get_bbox_patch(), patchB=boxes[head].get_bbox_patch()))
    ax.text(3.3, 0.1, "minus", ha="center")
    ax.text(5.2, 0.1, "mean over L", ha="center")
    ax.set(xlim=(-0.5, 6.9), ylim=(-0.3, 2.15))
    ax.set_axis_off()
    return ax


def _array(value):
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    return np.asarray(value)
