"""A cut through the joint density: its area is p(x), its shape is p(z|x)."""

from typing import NamedTuple

import numpy as np
import traitlets as t

from ._grid import as_axis, as_log_joint, log_sum, step_of
from ._live import LivePicture, page_file


class Answer(NamedTuple):
    """What a cut tells: x, p(x), log p(x) in nats, mean and deviation of p(z|x)."""

    x: float
    p_x: float
    log_p_x: float
    mean: float
    sd: float


class EvidenceExplorer(LivePicture):
    """Drag a line over p(x, z) to choose x: p(x) = the cut's area, p(z|x) = cut / area.

    z: (n_z,), x: (n_x,) ascending, equidistant grids. log_joint: (n_x, n_z), with
        log p(x, z) in nats at each of them. The grid of z must hold the posterior of
        each x. The prior is drawn where the grid of x holds all of p(x).
    x_value: the x that the line starts at.
    Errors: a ValueError says what was wanted and what came.

    The integrals over z are sums over the grid times its step, in float64. x is one of
    the grid's rows, always: between two rows it goes to the nearer one.
    Synced trait: x_value, set by page and kernel. `answer()` has the numbers.
    """

    _esm = page_file("_grid.js", "evidence_explorer.js")
    _css = page_file("evidence_explorer.css")
    _title = "Evidence explorer"
    _saved = "x_value _meta _log_joint".split()
    x_value = t.Float().tag(sync=True)
    _meta = t.Dict().tag(sync=True)
    _log_joint = t.Bytes().tag(sync=True)

    def __init__(self, z, x, log_joint, *, x_value=None):
        self._z, self._x = as_axis("z", z), as_axis("x", x)
        shape = len(self._x), len(self._z)
        self._rows = as_log_joint(log_joint, shape)
        self._require_posteriors()
        self._about = f"{shape[0]} x {shape[1]} points of x and z"
        axes = {name: {"low": axis[0], "high": axis[-1], "count": len(axis),
                       "step": step_of(axis)}
                for name, axis in (("z", self._z), ("x", self._x))}
        super().__init__(
            x_value=self._first() if x_value is None else x_value,
            _meta=axes,
            _log_joint=self._rows.astype("<f8").tobytes(),
        )

    def _require_posteriors(self):
        """At the ends of the grid of z every posterior is next to nothing."""
        ends = np.logaddexp(self._rows[:, 0], self._rows[:, -1])
        share = np.exp(ends - [log_sum(row) for row in self._rows])
        if share.max() > 1e-3:
            raise ValueError("z: wanted a grid that holds the posterior of each x, got "
                             f"{share.max():.2g} of it at the ends for x = "
                             f"{self._x[share.argmax()]:g}")

    def _first(self):
        """The x below which 80 % of the grid's p(x) lies."""
        p_x = np.exp(np.array([log_sum(row) for row in self._rows]) - self._rows.max())
        return float(self._x[np.searchsorted(p_x.cumsum(), 0.8 * p_x.sum())])

    def answer(self):
        """(x, p_x, log_p_x, mean, sd) of the row that is shown."""
        row = self._rows[abs(self._x - self.x_value).argmin()]
        log_p_x = log_sum(row) + np.log(step_of(self._z))
        weight = np.exp(row - log_sum(row))
        mean = weight @ self._z
        sd = np.sqrt(weight @ (self._z - mean) ** 2)
        return Answer(*map(float, (self.x_value, np.exp(log_p_x), log_p_x, mean, sd)))

    @t.validate("x_value")
    def _check(self, proposal):
        value, room = proposal.value, 1e-9 * (self._x[-1] - self._x[0])
        if not self._x[0] - room <= value <= self._x[-1] + room:
            raise ValueError(f"x_value: wanted {self._x[0]:g} to {self._x[-1]:g}, the "
                             f"grid of x, got {value}")
        return float(self._x[abs(self._x - value).argmin()])
