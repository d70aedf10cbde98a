"""Gaussians q on a grid of z: the bound, both KLs, and the q with the best bound.

A grid is one axis (J = 1) or two (J = 2) of equal steps. q = N(mu, diag(sigma^2))
stands on it as weights that sum to 1, the product of one row of weights an axis. All
sums are in float64 and in nats. A page of `bound_explorer.js` computes the same.
"""

from typing import NamedTuple

import numpy as np
from scipy import ndimage, optimize

REACH = 6.0     # mu +- 6 sigma stays within the grid: outside of it lies 2e-9 of q
FINEST = 1.2    # sigma in steps of the grid; the sum's error there is below 1e-10


class Split(NamedTuple):
    """log_evidence = bound + kl_posterior (eq. 1), and
    bound = reconstruction - kl_prior (eq. 3), in nats."""

    log_evidence: float
    bound: float
    kl_posterior: float
    reconstruction: float
    kl_prior: float


def as_axis(name, values):
    """`values` (n,) as float64, n >= 9, ascending and equidistant; or a ValueError."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
    wanted = f"{name}: wanted an ascending, equidistant grid of 9 points or more"
    try:
        axis = np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{wanted}, {error}") from error
    if axis.ndim != 1 or len(axis) < 9:
        raise ValueError(f"{wanted}, got shape {axis.shape}")
    if not np.isfinite(axis).all():
        raise ValueError(f"{wanted}, got NaN or infinity")
    steps = np.diff(axis)
    step = (axis[-1] - axis[0]) / (len(axis) - 1)
    if not step > 0 or abs(steps - step).max() > 1e-4 * step:
        raise ValueError(f"{wanted}, got steps from {steps.min():g} to {steps.max():g}")
    return axis


def as_log_joint(values, shape, most=250_000):
    """log p(x, z) as float64 of that shape, finite, of `most` values at most."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
    log_joint = np.asarray(values, np.float64)
    if log_joint.shape != shape:
        raise ValueError(f"log_joint: wanted shape {shape}, got {log_joint.shape}")
    if not np.isfinite(log_joint).all():
        raise ValueError("log_joint: wanted finite logarithms, got NaN or infinity")
    if log_joint.size > most:
        raise ValueError(f"log_joint: wanted {most} values at most, the page holds "
                         f"them all; got {log_joint.size}")
    return log_joint


def step_of(axis):
    """The distance of two neighbours."""
    return (axis[-1] - axis[0]) / (len(axis) - 1)


def log_sum(values):
    """log of the sum of exp(values)."""
    top = values.max()
    return top + np.log(np.exp(values - top).sum())


class Grid:
    """log p(x, z) on one axis or two. axes: J arrays (n_j,); log_joint (n_1, ...)."""

    def __init__(self, axes, log_joint):
        self.axes, self.log_joint = axes, log_joint
        self.J = len(axes)
        self.low = np.array([axis[0] for axis in axes])
        self.high = np.array([axis[-1] for axis in axes])
        self.step = np.array([step_of(axis) for axis in axes])
        self.log_cell = np.log(self.step).sum()
        self.log_evidence = log_sum(log_joint) + self.log_cell
        self.finest = FINEST * self.step
        self.widest = (self.high - self.low) / (2 * REACH)
        self._require_posterior()

    def _require_posterior(self):
        """The grid holds the posterior, and its step is finer than the posterior."""
        weight = np.exp(self.log_joint + self.log_cell - self.log_evidence)
        rows = [weight.sum(tuple(k for k in range(self.J) if k != j))
                for j in range(self.J)]
        for name, row in zip(("z1", "z2"), rows, strict=False):
            cut = row[0] + row[-1]
            if cut > 1e-4:
                raise ValueError("log_joint: wanted a grid that holds the posterior, "
                                 f"got {cut:.2g} of it at the ends of {name}")
            if row.max() > 0.45:
                raise ValueError("log_joint: wanted a grid finer than the posterior, "
                                 f"got {row.max():.2g} of it at one point of {name}")
        self.mean = np.array([r @ a for r, a in zip(rows, self.axes, strict=True)])
        self.spread = np.sqrt([r @ (a - m) ** 2 for r, a, m in
                               zip(rows, self.axes, self.mean, strict=True)])

    def log_weights(self, mu, sigma):
        """J arrays (n_j,): the logarithms of q's weights on each axis."""
        heights = [-0.5 * ((axis - m) / s) ** 2
                   for axis, m, s in zip(self.axes, mu, sigma, strict=True)]
        return [height - log_sum(height) for height in heights]

    def split(self, mu, sigma):
        """The `Split` of q = N(mu, diag(sigma^2)); both KLs are sums of their own."""
        mu, sigma = np.asarray(mu, float), np.asarray(sigma, float)
        log_q = _outer_sum(self.log_weights(mu, sigma))
        q = np.exp(log_q)
        log_p = self.log_joint + self.log_cell
        bound = (q * (log_p - log_q)).sum()
        kl_posterior = (q * (log_q - (log_p - self.log_evidence))).sum()
        kl_prior = 0.5 * (mu**2 + sigma**2 - 1 - 2 * np.log(sigma)).sum()
        return Split(*map(float, (self.log_evidence, bound, kl_posterior,
                                  bound + kl_prior, kl_prior)))

    def fit(self, mu, sigma):
        """The nearest (mu, sigma) whose mu +- 6 sigma lies within the grid."""
        sigma = np.clip(sigma, self.finest, self.widest)
        inner = self.low + REACH * sigma, self.high - REACH * sigma
        return np.clip(mu, *inner), sigma

    def best(self):
        """(mu, sigma) of the highest bound, from a start at each of the five highest
        modes and one at the posterior's mean."""
        starts = [(self.mean, self.spread), *self._modes()]
        found = [self._climb(*self.fit(*start)) for start in starts]
        return max(found, key=lambda q: self.split(*q).bound)

    def _modes(self, most=5):
        """(mu, sigma) of the highest local maxima; sigma from the curvature there."""
        peaks = self.log_joint == ndimage.maximum_filter(self.log_joint, 3)
        spots = np.argwhere(peaks)
        order = np.argsort(self.log_joint[tuple(spots.T)])[::-1][:most]
        for spot in spots[order]:
            spot = np.clip(spot, 1, np.array(self.log_joint.shape) - 2)
            sigma = []
            for j, step in enumerate(self.step):
                side = np.eye(self.J, dtype=int)[j]
                around = [self.log_joint[tuple(spot + k * side)] for k in (-1, 0, 1)]
                bend = max(2 * around[1] - around[0] - around[2], 1e-12)
                sigma.append(step / np.sqrt(bend))
            yield self.low + spot * self.step, np.array(sigma)

    def _climb(self, mu, sigma):
        """A local maximum of the bound. The search runs over log sigma and over where
        mu lies in the room that 6 sigma leaves, -1 to 1: a box."""
        middle, half = (self.low + self.high) / 2, (self.high - self.low) / 2

        def place(point):
            sigma = np.exp(point[self.J:])
            return middle + point[:self.J] * (half - REACH * sigma), sigma

        def loss(point):
            mu, sigma = place(point)
            value, by_mu, by_log_sigma = self._slope(mu, sigma)
            by_log_sigma = by_log_sigma - REACH * point[:self.J] * sigma * by_mu
            by_place = by_mu * (half - REACH * sigma)
            return -value, -np.concatenate([by_place, by_log_sigma])

        room = np.maximum(half - REACH * sigma, 1e-9 * half)
        start = np.concatenate([np.clip((mu - middle) / room, -1, 1), np.log(sigma)])
        limits = [(-1, 1)] * self.J + [*zip(np.log(self.finest), np.log(self.widest),
                                            strict=True)]
        options = {"ftol": 0, "gtol": 1e-10, "maxiter": 500}
        done = optimize.minimize(loss, start, jac=True, method="L-BFGS-B",
                                 bounds=limits, options=options)
        return self.fit(*place(done.x))

    def _slope(self, mu, sigma):
        """The bound, and its derivatives by mu (J,) and by log sigma (J,)."""
        log_q = self.log_weights(mu, sigma)
        q = [np.exp(one) for one in log_q]
        by_mu, by_log_sigma = np.zeros(self.J), np.zeros(self.J)
        for j, axis in enumerate(self.axes):
            mean = self.log_joint                      # of the joint, along this axis
            if self.J == 2:
                mean = mean @ q[1] if j == 0 else q[0] @ mean
            gain = q[j] * (mean - log_q[j])
            u = (axis - mu[j]) / sigma[j]
            by_mu[j] = gain @ (u - q[j] @ u) / sigma[j]
            by_log_sigma[j] = gain @ (u**2 - q[j] @ u**2)
        entropy = sum(-(w @ log_w) for w, log_w in zip(q, log_q, strict=True))
        value = self.log_cell + entropy + q[self.J - 1] @ mean
        return value, by_mu, by_log_sigma


def _outer_sum(rows):
    """One row, or the table of all sums of two."""
    return rows[0] if len(rows) == 1 else rows[0][:, None] + rows[1]
