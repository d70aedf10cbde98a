"""Layer 1. Section 2.4: z = g(eps; parameters) for every distribution that it names.

Noise comes first and has a fixed law (u: uniform on (0, 1)); z is differentiable in the
noise and in every real parameter, and all of them broadcast. The paper's families are
the inverse CDF, z = F^-1(u); location and scale; a composition of other variables.
Three of its statements are loose. An Erlang has a closed CDF whose inverse is not
closed. A sum of exponentials is a Gamma of a whole shape only. A Dirichlet is no
weighted sum of Gammas but their vector, divided by its sum.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch

from .inverse_cdf import log_gamma_quantile, require_uniform

# ----- family 1: a tractable inverse CDF ----------------------------------------------


def exponential(u, rate):
    """z = -log(1 - u) / rate, with density rate exp(-rate z) on z > 0."""
    _require(u, rate=rate)
    return -torch.log1p(-u) / rate


def cauchy(u, loc, scale):
    """z = loc + scale tan(pi (u - 1/2)), the tangent taken from the nearer end of
    (0, 1), so that both tails are exact."""
    _require(u, scale=scale)
    lower = u < 0.5
    cotangent = 1 / torch.tan(torch.pi * torch.where(lower, u, 1 - u))
    return loc + scale * torch.where(lower, -cotangent, cotangent)


def logistic(u, loc, scale):
    """z = loc + scale log(u / (1 - u))."""
    _require(u, scale=scale)
    return loc + scale * (torch.log(u) - torch.log1p(-u))


def rayleigh(u, scale):
    """z = scale sqrt(-2 log(1 - u)), the length of two normals of variance scale^2."""
    _require(u, scale=scale)
    return scale * torch.sqrt(-2 * torch.log1p(-u))


def pareto(u, scale, shape):
    """z = scale (1 - u)^(-1/shape), with F(z) = 1 - (scale / z)^shape on z > scale."""
    _require(u, scale=scale, shape=shape)
    return scale * torch.exp(-torch.log1p(-u) / shape)


def weibull(u, scale, shape):
    """z = scale (-log(1 - u))^(1/shape), with F(z) = 1 - exp(-(z / scale)^shape)."""
    _require(u, scale=scale, shape=shape)
    return scale * (-torch.log1p(-u)) ** (1 / shape)


def reciprocal(u, low, high):
    """z = low (high / low)^u, with density 1 / (z log(high / low)) on (low, high)."""
    _require(u, low=low, high=high)
    ratio = torch.as_tensor(high / low, dtype=u.dtype)
    if not (ratio > 1).all():
        raise ValueError(f"wanted low < high, got low {low} and high {high}")
    return low * torch.exp(u * torch.log(ratio))


def gompertz(u, eta, b):
    """z = log(1 - log(1 - u) / eta) / b, with F(z) = 1 - exp(-eta (exp(b z) - 1)) on
    z > 0: eta is the shape, and the hazard eta b exp(b z) grows at the rate b."""
    _require(u, eta=eta, b=b)
    return torch.log1p(-torch.log1p(-u) / eta) / b


def gumbel(u, loc, scale):
    """z = loc - scale log(-log u), with F(z) = exp(-exp(-(z - loc) / scale)): the law
    of maxima."""
    _require(u, scale=scale)
    return loc - scale * torch.log(-torch.log(u))


def erlang(u, shape, rate):
    """z with 1 - exp(-rate z) sum_{k < shape} (rate z)^k / k! = u, for a whole shape of
    1 or more. No formula inverts the sum: this is `gamma`."""
    whole = torch.as_tensor(shape).detach()
    if not ((whole >= 1) & (whole % 1 == 0)).all():
        raise ValueError(f"an Erlang wants a whole shape, 1 or more, got {shape}")
    return gamma(u, whole, rate)


# ----- family 2: location and scale ---------------------------------------------------


def location_scale(eps, loc, scale):
    """z = loc + scale eps, with eps from the standard member (loc 0, scale 1).

    Laplace, Student's t, logistic, Gaussian: eps is the standard one. Uniform on (low,
    high): eps uniform on (0, 1), loc = low, scale = high - low. Triangular about loc:
    eps on (-1, 1) with density 1 - |eps|. A parameter that shapes eps gets no gradient
    here: Student's degrees of freedom, the mode of a lopsided triangle.
    """
    _require_positive(scale=scale)
    return loc + scale * eps


def elliptical(eps, loc, root):
    """z = loc + root eps, with eps (..., J) spherical: its density depends on |eps|
    alone. loc (..., J), root (..., J, J) of any sign, Sigma = root root^T. Returns
    (..., J)."""
    J = eps.shape[-1:]
    if not J or loc.shape[-1:] != J or root.shape[-2:] != J + J:
        raise ValueError("elliptical wants eps and loc (..., J) and root (..., J, J), "
                         f"got eps {tuple(eps.shape)}, loc {tuple(loc.shape)}, "
                         f"root {tuple(root.shape)}")
    return loc + (root @ eps[..., None])[..., 0]


# ----- family 3: composition ----------------------------------------------------------


def lognormal(eps, mu, sigma):
    """z = exp(mu + sigma eps), eps from N(0, 1): the exponential of a normal variable.
    (`densities.log_normal` is another thing, the log of a normal density.)"""
    _require_positive(sigma=sigma)
    return torch.exp(mu + sigma * eps)


def gamma_sum(u, rate):
    """z = sum_k -log(1 - u_k) / rate, the paper's Gamma. Its shape is K, the number of
    exponentials: whole, and without a gradient. u (..., K), rate (...) -> (...)."""
    _require(u, rate=rate)
    return exponential(u, 1.0).sum(-1) / rate


def gamma(u, shape, rate=1.0):
    """z with F(z) = u, for every shape above 0, by a numerical inverse: density
    rate^shape z^(shape - 1) exp(-rate z) / Gamma(shape) on z > 0."""
    _require(u, shape=shape, rate=rate)
    return torch.exp(log_gamma_quantile(u, shape)) / rate


def dirichlet(u, shapes):
    """z_k = y_k / sum_j y_j, y_k from Gamma(shapes_k, 1). u, shapes (..., K), K >= 2.
    Returns (..., K). It is computed in logs, so that no small shape gives 0 / 0."""
    if u.shape[-1:] != shapes.shape[-1:] or u.shape[-1:] < (2,):
        raise ValueError("dirichlet wants u and shapes (..., K) with K >= 2, "
                         f"got u {tuple(u.shape)}, shapes {tuple(shapes.shape)}")
    _require(u, shapes=shapes)
    return log_gamma_quantile(u, shapes).softmax(-1)


def beta(u, a, b):
    """z = y_1 / (y_1 + y_2), y_1 from Gamma(a, 1), y_2 from Gamma(b, 1).
    u (..., 2), a and b (...). Returns (...)."""
    _require_two(u)
    _require(u, a=a, b=b)
    return torch.sigmoid(log_gamma_quantile(u[..., 0], a)
                         - log_gamma_quantile(u[..., 1], b))


def chi_squared(u, dof):
    """z = 2 y, y from Gamma(dof / 2, 1). A sum of dof squared normals has the same law
    if dof is whole, and then nothing to differentiate."""
    _require(u, dof=dof)
    return 2 * gamma(u, dof / 2)


def f(u, dof_1, dof_2):
    """z = (y_1 / dof_1) / (y_2 / dof_2), y_1 and y_2 chi-squared of dof_1 and dof_2.
    u (..., 2), dof_1 and dof_2 (...). Returns (...)."""
    _require_two(u)
    _require(u, dof_1=dof_1, dof_2=dof_2)
    log_ratio = (log_gamma_quantile(u[..., 0], dof_1 / 2)
                 - log_gamma_quantile(u[..., 1], dof_2 / 2))
    return torch.exp(log_ratio) * dof_2 / dof_1


# ----- the list -----------------------------------------------------------------------


class Distribution(NamedTuple):
    """One distribution of section 2.4: z = g(eps, **parameters), and its family there.

    noise(rng, *shape) draws eps from a NumPy Generator, as a tensor of that shape, with
    one more axis where a z takes several numbers. parameters is {name: (low, high,
    start)}, a range to move each in, with a step of 1 after it for whole numbers; a
    list as start is a vector or a matrix.
    """

    family: str
    g: Callable
    noise: Callable
    parameters: dict


def _row(family, g, draw, *last, **parameters):
    def noise(rng, *shape):
        return torch.from_numpy(draw(rng, (*shape, *last)))
    return Distribution(family, g, noise, parameters)


def _uniform(rng, size):
    return np.asarray(rng.random(size) + 2.0**-55)        # rounds to neither 0 nor 1


def _standard(name, *values):
    return lambda rng, size: np.asarray(getattr(rng, name)(*values, size=size))


def _disc(rng, size):
    """Uniform on the unit disc: a spherical law that is not Gaussian."""
    eps = rng.standard_normal(size)
    radius = np.sqrt(rng.random((*size[:-1], 1)))
    return radius * eps / np.linalg.norm(eps, axis=-1, keepdims=True)


_1, _2, _3 = "inverse CDF", "location-scale", "composition"
_LOC, _SCALE, _SHAPE = (-3.0, 3.0, 0.0), (0.2, 3.0, 1.0), (0.2, 8.0, 2.0)
_BOTH = {"loc": _LOC, "scale": _SCALE}

DISTRIBUTIONS = {
    "Exponential": _row(_1, exponential, _uniform, rate=_SCALE),
    "Cauchy": _row(_1, cauchy, _uniform, **_BOTH),
    "Logistic (inverse CDF)": _row(_1, logistic, _uniform, **_BOTH),
    "Rayleigh": _row(_1, rayleigh, _uniform, scale=_SCALE),
    "Pareto": _row(_1, pareto, _uniform, scale=_SCALE, shape=(0.5, 8.0, 2.0)),
    "Weibull": _row(_1, weibull, _uniform, scale=_SCALE, shape=(0.5, 8.0, 2.0)),
    "Reciprocal": _row(_1, reciprocal, _uniform, low=(0.1, 1.0, 0.5),
                       high=(1.5, 8.0, 4.0)),
    "Gompertz": _row(_1, gompertz, _uniform, eta=(0.1, 3.0, 0.5), b=_SCALE),
    "Gumbel": _row(_1, gumbel, _uniform, **_BOTH),
    "Erlang": _row(_1, erlang, _uniform, shape=(1, 8, 3, 1), rate=_SCALE),
    "Laplace": _row(_2, location_scale, _standard("laplace"), **_BOTH),
    "Elliptical": _row(_2, elliptical, _disc, 2, loc=(-3.0, 3.0, [0.0, 0.0]),
                       root=(-2.0, 2.0, [[1.0, 0.0], [0.7, 0.7]])),
    "Student's t": _row(_2, location_scale, _standard("standard_t", 5), **_BOTH),
    "Logistic (location-scale)": _row(_2, location_scale, _standard("logistic"),
                                      **_BOTH),
    "Uniform": _row(_2, location_scale, _uniform, **_BOTH),
    "Triangular": _row(_2, location_scale, _standard("triangular", -1, 0, 1), **_BOTH),
    "Gaussian": _row(_2, location_scale, _standard("standard_normal"), **_BOTH),
    "Log-Normal": _row(_3, lognormal, _standard("standard_normal"), mu=_LOC,
                       sigma=(0.1, 2.0, 0.5)),
    "Gamma": _row(_3, gamma, _uniform, shape=_SHAPE, rate=_SCALE),
    "Dirichlet": _row(_3, dirichlet, _uniform, 3, shapes=(0.2, 8.0, [2.0, 1.0, 4.0])),
    "Beta": _row(_3, beta, _uniform, 2, a=_SHAPE, b=_SHAPE),
    "Chi-Squared": _row(_3, chi_squared, _uniform, dof=(0.5, 20.0, 4.0)),
    "F": _row(_3, f, _uniform, 2, dof_1=(1.0, 30.0, 5.0), dof_2=(2.0, 30.0, 10.0)),
}


def _require(u, **parameters):
    require_uniform(u)
    _require_positive(**parameters)


def _require_positive(**parameters):
    for name, value in parameters.items():
        value = torch.as_tensor(value)
        if not ((value > 0) & (value < torch.inf)).all():
            raise ValueError(f"wanted {name} above 0 and finite, got {value.tolist()}")


def _require_two(u):
    if u.shape[-1:] != (2,):
        raise ValueError("wanted two uniforms a draw, u of shape (..., 2), "
                         f"got {tuple(u.shape)}")
