"""One gradient estimated twice: pathwise and by the score function (section 2.2)."""

import math

import numpy as np
import traitlets as t

from ._live import LivePicture, page_file

N_DRAWS, DIMENSIONS = 2000, (1, 2, 5, 10, 20, 50)
LIMITS = {"mu": (-2.0, 2.0), "sigma": (0.1, 1.5), "n_draws": (2, N_DRAWS)}
CHOICES = {
    "dimension": DIMENSIONS,
    "baseline": ("none", "mean", "best"),
    "parameter": ("mu", "log_var"),
}


class GradientExplorer(LivePicture):
    """Move q over the same noise: two estimates of d E[f] / d mu_1 fill up.

    f(z) = sum_j (square z_j^2 + linear z_j + sine sin z_j) + constant, J latents, and
    q = N(mu, sigma^2) in each of them, so E[f] and its gradients are closed. One draw
    eps gives z = mu + sigma eps and
        pathwise        f'(z_1) dz_1/dmu
        score function  (f(z) - baseline) (z_1 - mu) / sigma^2
    and for log sigma^2: dz_1/dlog_var = sigma eps_1 / 2, score (eps_1^2 - 1) / 2.
    Variances are over the draws shown (n - 1 in the denominator), one draw each.
    Errors: a ValueError says what was wanted and what came.

    The synced traits, set by page and kernel alike and by keyword at the start:
        mu, sigma   floats in [-2, 2] and [0.1, 1.5]
        dimension   J: 1, 2, 5, 10, 20 or 50
        baseline    "none", "mean" (E[f]) or "best" (the constant of least variance)
        parameter   "mu" or "log_var", both of z_1: what the gradient is taken for
        n_draws     how many draws count, 2 to 2,000
        playing     whether draws are being added
    `noise` (2000, 50) holds the draws eps, one a row, exactly as the page has them.
    """

    _esm = page_file("gradient_explorer.js")
    _css = page_file("gradient_explorer.css")
    _title = "Gradient explorer"
    _saved = "mu sigma dimension baseline parameter n_draws _meta _noise".split()
    mu = t.Float(1.0).tag(sync=True)
    sigma = t.Float(0.5).tag(sync=True)
    dimension = t.Int(1).tag(sync=True)
    baseline = t.Unicode("none").tag(sync=True)
    parameter = t.Unicode("mu").tag(sync=True)
    n_draws = t.Int(100).tag(sync=True)
    playing = t.Bool(False).tag(sync=True)
    _meta = t.Dict().tag(sync=True)
    _noise = t.Bytes().tag(sync=True)

    def __init__(self, square=1.0, linear=0.0, sine=0.0, constant=0.0, **first):
        unknown = set(first) - {*LIMITS, *CHOICES}
        if unknown:
            wanted = ", ".join([*LIMITS, *CHOICES])
            raise ValueError(f"wanted keywords {wanted}, got {', '.join(unknown)}")
        f = {"square": square, "linear": linear, "sine": sine, "constant": constant}
        f = {name: _as_number(name, value) for name, value in f.items()}
        if not any([*f.values()][:3]):
            raise ValueError("wanted square, linear or sine other than 0, got all 0")
        names = {"square": "z²", "linear": "z", "sine": "sin z", "constant": ""}
        words = [_in_words(f[name], names[name]) for name in f if f[name]]
        term = " ".join(words[:-1] if constant else words).removeprefix("+ ")
        self._about = f"f(z) is the sum of {term}"
        noise = np.random.default_rng(0).standard_normal((N_DRAWS, DIMENSIONS[-1]))
        super().__init__(
            _meta={**f, "term": term, "f": " ".join(words).removeprefix("+ "),
                   "limits": LIMITS, "dimensions": DIMENSIONS},
            _noise=noise.astype("<f4").tobytes(),
            **first,
        )

    @property
    def noise(self):
        """eps (2000, 50) in float64: the page's draws, the first one in row 0."""
        return np.frombuffer(self._noise, "<f4").reshape(N_DRAWS, -1).astype(float)

    @t.validate(*LIMITS)
    def _check_limits(self, proposal):
        name, value = proposal.trait.name, proposal.value
        low, high = LIMITS[name]
        if not low <= value <= high:  # NaN is not, either
            raise ValueError(f"{name}: wanted {low} to {high}, got {value}")
        return value

    @t.validate(*CHOICES)
    def _check_choices(self, proposal):
        name, value = proposal.trait.name, proposal.value
        if value not in CHOICES[name]:
            wanted = ", ".join(map(str, CHOICES[name]))
            raise ValueError(f"{name}: wanted one of {wanted}, got {value!r}")
        return value


def _as_number(name, value):
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: wanted a number, got {value!r}") from error
    if not math.isfinite(number):
        raise ValueError(f"{name}: wanted a finite number, got {value}")
    return number


def _in_words(factor, name):
    """(1, "z") -> "+ z", (-0.5, "z") -> "− 0.5 z", (3, "") -> "+ 3"."""
    size = f"{abs(factor):g}" if abs(factor) != 1 or not name else ""
    return " ".join(filter(None, ("−" if factor < 0 else "+", size, name)))
