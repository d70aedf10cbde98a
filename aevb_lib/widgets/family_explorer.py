"""Pick a distribution, drag its parameters: the same noise, other draws."""

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import traitlets as t

from ._live import LivePicture, page_file

N_CURVE = 240


@dataclass(frozen=True)
class Family:
    """A distribution as FamilyExplorer takes it.

    g: (eps, **values) -> draws z (n,), the reparameterization. eps: its n noise draws,
    (n,) or (n, k). parameters: {name: (low, high, start)}, and a step for whole ones.
    density: (z (m,), **values) -> p(z) (m,). noise, formula: words to show. window:
    the (low, high) of z shown; by default it holds 90 % of the draws at the corners of
    the parameters' ranges.
    """

    g: Any
    eps: Any
    parameters: dict
    density: Any
    noise: str = ""
    formula: str = ""
    window: tuple | None = None


class FamilyExplorer(LivePicture):
    """Drag a distribution's parameters: z = g(eps; parameters) moves, eps stays.

    families: {name: Family}. g and density run in the kernel, on float64 arrays.
    Errors: a ValueError says what was wanted and what came.

    Synced: `choice` = {"family": name, "values": {parameter: number}}, set by page and
    kernel; the kernel answers with `draws` (n float64), `curve` (240 z, then their 240
    densities) and `answered`, the choice that they belong to.
    """

    _esm = page_file("family_explorer.js")
    _css = page_file("family_explorer.css")
    _title = "Family explorer"
    choice = t.Dict().tag(sync=True)
    draws = t.Bytes().tag(sync=True)
    curve = t.Bytes().tag(sync=True)
    answered = t.Dict().tag(sync=True)
    _meta = t.Dict().tag(sync=True)

    def __init__(self, families):
        if not isinstance(families, dict) or not families:
            raise ValueError(f"families: wanted {{name: Family}}, got {families!r}")
        for name, family in families.items():
            _check_family(name, family)
        self._families = dict(families)
        self._windows = {name: _window(name, one) for name, one in families.items()}
        self._about = f"{len(families)} distributions"
        super().__init__(_meta={name: self._describe(name) for name in families})
        self.pick(next(iter(families)))

    def pick(self, family, **values):
        """Show a family, at its starting values but for those given."""
        start = {name: three[2] for name, three in self._parameters(family).items()}
        self.choice = {"family": family, "values": {**start, **values}}

    def save_html(self, path):
        raise ValueError("FamilyExplorer's draws come from the kernel: a page without "
                         "one cannot show it")

    @t.validate("choice")
    def _check_choice(self, proposal):
        choice = proposal.value
        if set(choice) != {"family", "values"}:
            raise ValueError(f"choice: wanted family and values, got {choice}")
        parameters, values = self._parameters(choice["family"]), choice["values"]
        if set(values) != set(parameters):
            raise ValueError(f"values: wanted {sorted(parameters)}, "
                             f"got {sorted(values)}")
        for name, (low, high, *_) in parameters.items():
            if not low <= values[name] <= high:
                raise ValueError(f"{name}: wanted {low} to {high}, got {values[name]}")
        return choice

    @t.observe("choice")
    def _answer(self, change):
        family, values = self.choice["family"], self.choice["values"]
        one, z = self._families[family], np.linspace(*self._windows[family], N_CURVE)
        density = np.asarray(one.density(z, **values), float)
        density = np.where(np.isfinite(density), density, 0)     # at a pole or outside
        with self.hold_sync():
            self.draws = _draws(family, one, values).astype("<f8").tobytes()
            self.curve = np.concatenate([z, density]).astype("<f8").tobytes()
            self.answered = self.choice

    def _parameters(self, family):
        if family not in self._families:
            raise ValueError(f"family: wanted one of {list(self._families)}, "
                             f"got {family!r}")
        return self._families[family].parameters

    def _describe(self, name):
        """For the page: sliders, words, the window, and the height of each draw: its
        noise, or its number if it takes several."""
        one, eps = self._families[name], np.asarray(self._families[name].eps, float)
        heights = eps if eps.ndim == 1 else (np.arange(len(eps)) + 0.5) / len(eps)
        return {
            "parameters": [[key, *three] for key, three in one.parameters.items()],
            "noise": one.noise, "formula": one.formula, "single": eps.ndim == 1,
            "window": list(map(float, self._windows[name])),
            "heights": heights.tolist(),
        }


def _check_family(name, family):
    if not isinstance(family, Family):
        raise ValueError(f"{name}: wanted a Family, got {type(family).__name__}")
    for key, numbers in family.parameters.items():
        low, high, start = numbers[:3]
        if not (low < high and low <= start <= high):
            raise ValueError(f"{name}, {key}: wanted low <= start <= high, "
                             f"got {tuple(numbers)}")


def _draws(name, family, values):
    z = family.g(family.eps, **values)
    if hasattr(z, "detach"):                                  # a torch tensor
        z = z.detach()
    z = np.asarray(z, float)
    if z.shape != np.shape(family.eps)[:1] or not np.isfinite(z).all():
        wanted = f"{np.shape(family.eps)[:1]} finite draws of g"
        raise ValueError(f"{name}: wanted {wanted}, "
                         f"got shape {z.shape}, from {z.min()} to {z.max()}")
    return z


def _window(name, family):
    """Where z is shown: the middle 90 % of the draws at all corners together."""
    if family.window is not None:
        return family.window
    corners = itertools.product(*(three[:2] for three in family.parameters.values()))
    z = np.concatenate([
        _draws(name, family, dict(zip(family.parameters, corner, strict=True)))
        for corner in corners
    ])
    low, high = np.quantile(z, [0.05, 0.95])
    margin = 0.05 * (high - low) or math.ulp(1.0)
    return low - margin, high + margin
