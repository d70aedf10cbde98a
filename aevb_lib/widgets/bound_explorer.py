"""A Gaussian q to drag over the exact posterior: log p(x) = bound + KL, always."""

import math

import numpy as np
import traitlets as t

from ._grid import REACH, Grid, as_axis, as_log_joint
from ._live import LivePicture, page_file


class Numbers(t.List):
    """A list of floats; an array, a tensor or one number is taken too."""

    def validate(self, obj, value):
        """As a list of floats, or a ValueError."""
        try:
            value = np.atleast_1d(np.asarray(value, float)).tolist()
        except (TypeError, ValueError) as error:
            raise ValueError(f"{self.name}: wanted numbers, got {value!r}") from error
        return super().validate(obj, value)


class BoundExplorer(LivePicture):
    """Drag q = N(mu, diag(sigma^2)) over p(z|x); a bar shows bound + KL = log p(x).

    z: (n,), or a pair (n1,), (n2,): ascending, equidistant grids of z. log_joint: (n,)
        or (n1, n2), log p(x, z) there, in nats. The grid must hold the posterior, with
        room for q: 10 of its standard deviations to each side do. The chart shows 5.5.
    mu, sigma: J floats each, where q starts; without them, two sigma beside the best q.
    Errors: a ValueError says what was wanted and what came.

    p(z|x) = p(x, z) / p(x) with p(x) the sum over the grid. For each q the page sums
    anew the two of eq. 1,  bound = sum q (log p(x, z) - log q)  and
    KL = sum q (log q - log p(z|x)),  and gives eq. 3's split of the bound, with the
    prior p(z) = N(0, I).
    mu +- 6 sigma stays within the grid, sigma above 1.2 of its steps: there q's sums
    are right to about 1e-9 of what is summed, or 1e-7 at the window's edge.

    Synced traits: mu, sigma, J floats each, set by page and kernel (`move` sets both);
    best, {"mu", "sigma"} of the q with the highest bound. `split()` has the numbers.
    """

    _esm = page_file("_grid.js", "bound_explorer.js")
    _css = page_file("bound_explorer.css")
    _title = "Bound explorer"
    _saved = "mu sigma best _meta _log_joint".split()
    mu = Numbers(t.Float()).tag(sync=True)
    sigma = Numbers(t.Float()).tag(sync=True)
    best = t.Dict(read_only=True).tag(sync=True)
    _meta = t.Dict().tag(sync=True)
    _log_joint = t.Bytes().tag(sync=True)

    def __init__(self, z, log_joint, *, mu=None, sigma=None):
        grid = self._grid = as_grid(z, log_joint)
        best_mu, best_sigma = grid.best()
        mu, sigma = self._start(best_mu, best_sigma, mu, sigma)
        self._about = f"{' x '.join(map(str, grid.log_joint.shape))} points of z"
        self.set_trait("best", {"mu": best_mu.tolist(), "sigma": best_sigma.tolist()})
        super().__init__(
            mu=mu,
            sigma=sigma,
            _meta={
                "low": grid.low.tolist(),
                "high": grid.high.tolist(),
                "count": list(grid.log_joint.shape),
                "view": self._view(mu, sigma),
                "start": {"mu": mu, "sigma": sigma},
                "bar": self._bar(mu, sigma),
            },
            _log_joint=grid.log_joint.astype("<f8").tobytes(),
        )

    def _start(self, best_mu, best_sigma, mu, sigma):
        """As given; or towards the prior from the best q, and narrower."""
        side = np.where(best_mu < 0, -1.0, 1.0) * (1, -1)[: self._grid.J]
        given = mu is not None, sigma is not None
        sigma = np.atleast_1d(sigma) if given[1] else _two_digits(0.7 * best_sigma)
        mu = np.atleast_1d(mu) if given[0] else best_mu - 2 * side * best_sigma
        if not any(given):
            mu = self._grid.fit(np.round(mu / sigma, 1) * sigma, sigma)[0]
        return np.asarray(mu, float).tolist(), np.asarray(sigma, float).tolist()

    def _view(self, mu, sigma):
        """What the chart shows, J pairs: 5.5 standard deviations of the posterior to
        each side, the start, and the prior unless the posterior is much narrower."""
        grid, mu, sigma = self._grid, np.array(mu), np.array(sigma)
        low = np.minimum(grid.mean - 5.5 * grid.spread, mu - 2.5 * sigma)
        high = np.maximum(grid.mean + 5.5 * grid.spread, mu + 2.5 * sigma)
        if grid.J == 1 and grid.spread > 0.1:
            low, high = np.minimum(low, -3), np.maximum(high, 3)
        low, high = np.maximum(low, grid.low), np.minimum(high, grid.high)
        return np.stack([low, high], 1).tolist()

    def _bar(self, mu, sigma):
        """The bar's axis in nats: the start and the best q are on it."""
        log_p, _, kl, _, _ = self._grid.split(mu, sigma)
        _, _, _, top, _ = self._grid.split(**self.best)
        below = min(max(6, math.ceil(1.3 * kl)), 30)
        return [log_p - below, log_p + min(max(1, 1.1 * (top - log_p) + 0.5), 12)]

    def split(self):
        """(log_evidence, bound, kl_posterior, reconstruction, kl_prior), in nats."""
        return self._grid.split(self.mu, self.sigma)

    def bound(self):
        """E_q[log p(x, z) - log q(z)] of the q that is shown, in nats."""
        return self.split().bound

    def move(self, mu, sigma):
        """Set mu and sigma together."""
        with self.hold_sync(), self.hold_trait_notifications():
            self.mu, self.sigma = mu, sigma

    @t.validate("mu", "sigma")
    def _check(self, proposal):
        name, value, grid = proposal.trait.name, np.array(proposal.value), self._grid
        if value.shape != (grid.J,) or not np.isfinite(value).all():
            raise ValueError(f"{name}: wanted {grid.J} finite numbers, got {value}")
        mu, sigma = np.array(self.mu or value), np.array(self.sigma or value)
        if name == "mu":
            mu = value
        else:
            sigma = value
        if (sigma < grid.finest * (1 - 1e-9)).any():
            raise ValueError(f"sigma: wanted 1.2 steps of the grid, {grid.finest}, or "
                             f"more, got {sigma}")
        room = 1e-9 * (grid.high - grid.low)
        low, high = grid.low - room, grid.high + room
        if (mu - REACH * sigma < low).any() or (mu + REACH * sigma > high).any():
            raise ValueError(f"{name}: wanted mu +- 6 sigma within the grid, "
                             f"{grid.low} to {grid.high}, got mu {mu}, sigma {sigma}")
        return proposal.value


def as_grid(z, log_joint):
    """The checked `Grid` of z, one axis or a pair, and log_joint."""
    J = np.ndim(log_joint)
    if J not in (1, 2):
        raise ValueError("log_joint: wanted (n,) or (n1, n2), got shape "
                         f"{np.shape(log_joint)}")
    if J == 1:
        axes = [as_axis("z", z)]
    elif len(z) == 2:
        axes = [as_axis(f"z{j}", axis) for j, axis in enumerate(z, start=1)]
    else:
        raise ValueError(f"z: wanted a pair (n1,), (n2,), got {len(z)} items")
    return Grid(axes, as_log_joint(log_joint, tuple(map(len, axes))))


def _two_digits(values):
    return np.array([float(f"{value:.2g}") for value in values])
