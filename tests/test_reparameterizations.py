"""aevb_lib.reparameterizations and inverse_cdf: every row of DISTRIBUTIONS against
scipy's quantiles and densities, closed expectations and their slopes, and torch's own
rsample. Noise for samples is independent of all of them: a NumPy Generator."""

import math
from itertools import product

import mpmath
import numpy as np
import pytest
import torch
from scipy import optimize, special, stats

from aevb_lib.inverse_cdf import log_gamma_quantile, numerical_inverse
from aevb_lib.reparameterizations import (
    DISTRIBUTIONS, beta, cauchy, chi_squared, dirichlet, elliptical, erlang,
    exponential, f, gamma, gamma_sum, location_scale, lognormal, reciprocal,
)

U = torch.tensor([1e-12, 1e-9, 1e-5, 0.01, 0.2, 0.4999, 0.5, 0.7, 0.95, 1 - 1e-5,
                  1 - 1e-9, 1 - 1e-12], dtype=torch.float64)
ROWS = [*DISTRIBUTIONS]
LOC_SCALE = [{"loc": 0.4, "scale": 1.3}, {"loc": -2.0, "scale": 0.3},
             {"loc": 0.0, "scale": 5.0}]
SCALE_SHAPE = [{"scale": 1.3, "shape": 2.2}, {"scale": 0.3, "shape": 0.7},
               {"scale": 4.0, "shape": 6.0}]
PARAMETERS = {                     # several of each row, the first for expectations
    "Exponential": [{"rate": 1.7}, {"rate": 0.2}, {"rate": 30.0}],
    "Cauchy": LOC_SCALE, "Logistic (inverse CDF)": LOC_SCALE,
    "Rayleigh": [{"scale": 1.3}, {"scale": 0.2}, {"scale": 9.0}],
    "Pareto": SCALE_SHAPE, "Weibull": SCALE_SHAPE,
    "Reciprocal": [{"low": 0.4, "high": 3.0}, {"low": 1e-3, "high": 50.0},
                   {"low": 2.0, "high": 2.5}],
    "Gompertz": [{"eta": 0.6, "b": 1.4}, {"eta": 0.01, "b": 0.3}, {"eta": 4.0, "b": 3}],
    "Gumbel": LOC_SCALE,
    "Erlang": [{"shape": 3, "rate": 1.7}, {"shape": 1, "rate": 0.2},
               {"shape": 12, "rate": 4.0}],
    "Laplace": LOC_SCALE,
    "Elliptical": [{"loc": [0.4, -1.0], "root": [[1.1, -0.3], [0.7, 0.8]]}],
    "Student's t": LOC_SCALE, "Logistic (location-scale)": LOC_SCALE,
    "Uniform": LOC_SCALE, "Triangular": LOC_SCALE, "Gaussian": LOC_SCALE,
    "Log-Normal": [{"mu": 0.3, "sigma": 0.6}, {"mu": -2.0, "sigma": 2.0},
                   {"mu": 1.0, "sigma": 0.1}],
    "Gamma": [{"shape": 2.3, "rate": 1.7}, {"shape": 0.1, "rate": 0.5},
              {"shape": 0.6, "rate": 2.0}, {"shape": 35.0, "rate": 9.0},
              {"shape": 400.0, "rate": 1.0}],
    "Dirichlet": [{"shapes": [1.6, 0.8, 3.0]}, {"shapes": [0.3, 6.0, 1.0]}],
    "Beta": [{"a": 1.6, "b": 2.7}, {"a": 0.3, "b": 0.4}, {"a": 8.0, "b": 1.0}],
    "Chi-Squared": [{"dof": 3.4}, {"dof": 0.3}, {"dof": 50.0}],
    "F": [{"dof_1": 3.4, "dof_2": 7.0}, {"dof_1": 1.0, "dof_2": 2.0},
          {"dof_1": 30.0, "dof_2": 9.0}],
}
SCIPY = {                                          # a row: scipy's distribution
    "Exponential": lambda rate: stats.expon(scale=1 / rate),
    "Cauchy": stats.cauchy, "Logistic (inverse CDF)": stats.logistic,
    "Rayleigh": lambda scale: stats.rayleigh(scale=scale),
    "Pareto": lambda scale, shape: stats.pareto(shape, scale=scale),
    "Weibull": lambda scale, shape: stats.weibull_min(shape, scale=scale),
    "Reciprocal": lambda low, high: stats.reciprocal(low, high),
    "Gompertz": lambda eta, b: stats.gompertz(eta, scale=1 / b),
    "Gumbel": stats.gumbel_r,
    "Erlang": lambda shape, rate: stats.erlang(shape, scale=1 / rate),
    "Laplace": stats.laplace,
    "Student's t": lambda loc, scale: stats.t(5, loc, scale),
    "Logistic (location-scale)": stats.logistic, "Uniform": stats.uniform,
    "Triangular": lambda loc, scale: stats.triang(0.5, loc - scale, 2 * scale),
    "Gaussian": stats.norm,
    "Log-Normal": lambda mu, sigma: stats.lognorm(sigma, scale=np.exp(mu)),
    "Gamma": lambda shape, rate: stats.gamma(shape, scale=1 / rate),
    "Beta": stats.beta, "Chi-Squared": lambda dof: stats.chi2(dof),
    "F": lambda dof_1, dof_2: stats.f(dof_1, dof_2),
}
ONE = [name for name in SCIPY if name not in ("Beta", "F")]    # one number of noise
STANDARD = {"Log-Normal": stats.norm} | {                      # its law: else uniform
    name: SCIPY[name](loc=0.0, scale=1.0) for name in ONE
    if DISTRIBUTIONS[name].family == "location-scale"}
CASES = [pytest.param(name, values, id=f"{name} {list(values.values())}")
         for name in ONE for values in PARAMETERS[name]]
psi, cos, log = special.digamma, torch.cos, torch.log


def square(z):
    return z**2


EXPECTATIONS = {                              # a row: h, and the closed form of E[h(z)]
    "Exponential": (square, lambda rate: 2 / rate**2),
    "Cauchy": (lambda z: 1 / (1 + z**2),
               lambda loc, scale: (1 + scale) / ((1 + scale)**2 + loc**2)),
    "Logistic (inverse CDF)": (square, lambda loc, scale: loc**2 + (np.pi * scale)**2
                               / 3),
    "Rayleigh": (log, lambda scale: np.log(scale) + (np.log(2) - np.euler_gamma) / 2),
    "Pareto": (torch.reciprocal, lambda scale, shape: shape / (shape + 1) / scale),
    "Weibull": (square, lambda scale, shape: scale**2 * special.gamma(1 + 2 / shape)),
    "Reciprocal": (square, lambda low, high: (high**2 - low**2) / 2
                   / np.log(high / low)),
    "Gompertz": (lambda z: z, lambda eta, b: np.exp(eta) * special.exp1(eta) / b),
    "Gumbel": (square, lambda loc, scale: (loc + np.euler_gamma * scale)**2
               + (np.pi * scale)**2 / 6),
    "Erlang": (square, lambda shape, rate: shape * (shape + 1) / rate**2),
    "Laplace": (cos, lambda loc, scale: np.cos(loc) / (1 + scale**2)),
    "Elliptical": (lambda z: (z @ torch.tensor([1.0, 2.0]).to(z))**2,
                   lambda loc, root: np.dot(loc, [1, 2])**2
                   + (([1, 2] @ root)**2).sum() / 4),
    "Student's t": (cos, lambda loc, scale: np.cos(loc) * np.exp(-5**0.5 * scale)
                    * (1 + 5**0.5 * scale + 5 / 3 * scale**2)),
    "Logistic (location-scale)": (cos, lambda loc, scale: np.cos(loc) * np.pi * scale
                                  / np.sinh(np.pi * scale)),
    "Uniform": (square, lambda loc, scale: loc**2 + loc * scale + scale**2 / 3),
    "Triangular": (square, lambda loc, scale: loc**2 + scale**2 / 6),
    "Gaussian": (cos, lambda loc, scale: np.cos(loc) * np.exp(-scale**2 / 2)),
    "Log-Normal": (square, lambda mu, sigma: np.exp(2 * mu + 2 * sigma**2)),
    "Gamma": (log, lambda shape, rate: psi(shape) - np.log(rate)),
    "Dirichlet": (lambda z: z[..., 0] * z[..., -1], lambda shapes:
                  shapes[0] * shapes[-1] / shapes.sum() / (shapes.sum() + 1)),
    "Beta": (log, lambda a, b: psi(a) - psi(a + b)),
    "Chi-Squared": (log, lambda dof: psi(dof / 2) + np.log(2)),
    "F": (log, lambda dof_1, dof_2: np.log(dof_2 / dof_1) + psi(dof_1 / 2)
          - psi(dof_2 / 2)),
}


def leaves(values):
    """Parameters as tensors that take a gradient; whole numbers stay what they are."""
    return {key: value if isinstance(value, int) else
            torch.tensor(value, dtype=torch.float64, requires_grad=True)
            for key, value in values.items()}


def eps_at(name, u=U):
    """The noise of a row at its quantiles u."""
    return torch.tensor(STANDARD[name].ppf(u)) if name in STANDARD else u.clone()


def slope(function, values, key, step=1e-3):
    """d function / d values[key] by a five-point difference; for an array, of each
    entry."""
    at = np.asarray(values[key], float)
    h = step * max(1e-3, np.abs(at).min() or 1)
    found = []
    for move in np.eye(at.size).reshape(-1, *at.shape) * h:
        far2, far1, near1, near2 = (function(**{**values, key: at + k * move})
                                    for k in (-2, -1, 1, 2))
        found.append((far2 - 8 * far1 + 8 * near1 - near2) / (12 * h))
    return np.array(found).reshape(at.shape + np.shape(found[0]))


def per_draw(z, leaf):
    """dz/dleaf for each draw, of a scalar leaf: (n,)."""
    return np.array([torch.autograd.grad(one, leaf, retain_graph=True)[0] for one in z])


# ----- the list -----------------------------------------------------------------------


def test_the_list_is_the_papers():
    families = [row.family for row in DISTRIBUTIONS.values()]
    assert families == (["inverse CDF"] * 10 + ["location-scale"] * 7
                        + ["composition"] * 6)
    assert [name.split(" (")[0] for name in ROWS] == [
        "Exponential", "Cauchy", "Logistic", "Rayleigh", "Pareto", "Weibull",
        "Reciprocal", "Gompertz", "Gumbel", "Erlang",
        "Laplace", "Elliptical", "Student's t", "Logistic", "Uniform", "Triangular",
        "Gaussian", "Log-Normal", "Gamma", "Dirichlet", "Beta", "Chi-Squared", "F"]


def test_each_row_is_tested():
    assert set(PARAMETERS) == set(EXPECTATIONS) == set(TORCH) | set(TORCH_HAS_NONE)
    assert set(SCIPY) | {"Elliptical", "Dirichlet"} == set(ROWS) == set(PARAMETERS)


@pytest.mark.parametrize("name", ROWS)
def test_a_row_runs_over_its_range_and_within_its_support(name):
    row, rng = DISTRIBUTIONS[name], np.random.default_rng(0)
    eps = row.noise(rng, 4, 50)
    assert eps.shape[:2] == (4, 50) and eps.dtype == torch.float64
    if name in ONE and name not in STANDARD:                     # the ends of (0, 1)
        eps[0, 0], eps[0, 1] = 2.0**-55, 1 - 2.0**-53
    for corner in product(*((0, 1, 2) if np.ndim(three[2]) == 0 else (2,)
                            for three in row.parameters.values())):
        values = {key: three[i] for (key, three), i in
                  zip(row.parameters.items(), corner, strict=True)}
        assert all(np.all(three[0] <= np.asarray(values[key])) and
                   np.all(np.asarray(values[key]) <= three[1])
                   for key, three in row.parameters.items())
        z = row.g(eps, **leaves(values)).detach()
        assert torch.isfinite(z).all()
        if name == "Dirichlet":
            assert (z >= 0).all() and torch.allclose(z.sum(-1), torch.ones(()).to(z))
        elif name == "Elliptical":
            root = torch.tensor(values["root"]).double()
            assert ((root.inverse() @ z[..., None]).norm(dim=-2) <= 1 + 1e-12).all()
        else:
            low, high = SCIPY[name](**values).support()
            assert z.min() >= low - 1e-12 and z.max() <= high * (1 + 1e-12)


# ----- values -------------------------------------------------------------------------


@pytest.mark.parametrize("name, values", CASES)
def test_the_quantiles_are_scipys(name, values):
    z = DISTRIBUTIONS[name].g(eps_at(name), **values)
    want = SCIPY[name](**values).ppf(U)
    np.testing.assert_allclose(z, want, rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize("name", ROWS)
def test_draws_have_the_law(name):
    row, values = DISTRIBUTIONS[name], PARAMETERS[name][-1]
    n = 300_000 if row.family == "location-scale" else 4000    # 4 is near 5 in a t
    eps = row.noise(np.random.default_rng(1), n)
    z = row.g(eps, **leaves(values)).detach().numpy()
    if name == "Elliptical":                    # a disc: radius^2 and angle are uniform
        eps = np.linalg.solve(values["root"], (z - values["loc"]).T)
        samples = [(eps**2).sum(0), np.arctan2(*eps) / (2 * np.pi) + 0.5]
        laws = [stats.uniform(0, 1)] * 2
    elif name == "Dirichlet":                   # its marginals are Betas
        total = sum(values["shapes"])
        samples, laws = z.T, [stats.beta(a, total - a) for a in values["shapes"]]
    else:
        samples, laws = [z], [SCIPY[name](**values)]
    for sample, law in zip(samples, laws, strict=True):
        assert stats.kstest(sample, law.cdf).pvalue > 1e-3


@pytest.mark.parametrize("name", ROWS)
def test_the_mean_over_draws_is_the_closed_expectation(name):
    row, values = DISTRIBUTIONS[name], PARAMETERS[name][0]
    h, exact = EXPECTATIONS[name]
    eps = row.noise(np.random.default_rng(2), 5000)
    samples = h(row.g(eps, **leaves(values))).detach().numpy()
    want = exact(**{key: np.array(value) for key, value in values.items()})
    error = samples.std(ddof=1) / np.sqrt(len(samples))
    assert abs(samples.mean() - want) <= 4 * error


def test_noise_and_parameters_broadcast():
    for name in ONE:
        row, values = DISTRIBUTIONS[name], PARAMETERS[name][:3]
        eps = row.noise(np.random.default_rng(3), 4, 1)
        stacked = {key: torch.tensor([one[key] for one in values]) for key in values[0]}
        got = row.g(eps, **stacked)
        want = torch.cat([row.g(eps, **{key: stacked[key][i] for key in stacked})
                          for i in range(3)], -1)
        assert got.shape == (4, 3), name
        torch.testing.assert_close(got, want, rtol=1e-12, atol=1e-300, msg=name)


def test_the_vector_rows_broadcast():
    rng = np.random.default_rng(4)
    eps, u = (DISTRIBUTIONS[name].noise(rng, 4, 5) for name in ("Elliptical", "Beta"))
    loc, root = map(torch.from_numpy, (rng.random((5, 2)), rng.random((5, 2, 2))))
    a = torch.tensor([0.5, 1.0, 2.0, 3.0, 4.0]).double()
    z, y, x = elliptical(eps, loc, root), beta(u, a, 2.0), f(u, a, 5 * a)
    for i, j in np.ndindex(4, 5):
        torch.testing.assert_close(z[i, j], loc[j] + root[j] @ eps[i, j])
        torch.testing.assert_close(y[i, j], beta(u[i, j], a[j], 2.0))
        torch.testing.assert_close(x[i, j], f(u[i, j], a[j], 5 * a[j]))


def test_compositions_are_what_they_say():
    rng = np.random.default_rng(5)
    u, shapes = map(torch.tensor, (rng.random((6, 3)), [0.3, 2.0, 7.0]))
    shapes = shapes.double()
    y = gamma(u, shapes)
    torch.testing.assert_close(dirichlet(u, shapes), y / y.sum(-1, keepdim=True))
    torch.testing.assert_close(beta(u[:, :2], 0.3, 2.0), y[:, 0] / (y[:, 0] + y[:, 1]))
    x = chi_squared(u, 2 * shapes)
    torch.testing.assert_close(x, 2 * y)
    torch.testing.assert_close(f(u[:, 1:], 4.0, 14.0), x[:, 1] / 4 / (x[:, 2] / 14))
    torch.testing.assert_close(gamma_sum(u, 2.0), exponential(u, 2.0).sum(-1))
    eps = torch.from_numpy(rng.standard_normal(6))
    torch.testing.assert_close(lognormal(eps, 0.3, 0.6),
                               location_scale(eps, 0.3, 0.6).exp())


def test_sums_have_the_law_of_a_whole_shape():
    rng = np.random.default_rng(6)
    u = torch.from_numpy(rng.random((5000, 3)))
    law = SCIPY["Erlang"](3, 1.7)
    assert stats.kstest(gamma_sum(u, 1.7), law.cdf).pvalue > 1e-3
    squares = (rng.standard_normal((5000, 5))**2).sum(-1)
    assert stats.kstest(squares, stats.chi2(5).cdf).pvalue > 1e-3


def test_small_shapes_underflow_nowhere():
    u, tiny = torch.tensor([[0.3, 0.6]]).double(), torch.tensor([1e-3, 2e-3]).double()
    log_z = log_gamma_quantile(u, tiny)
    assert log_z[0, 0] < -1000 and gamma(u, tiny)[0, 0] == 0
    want = (u.log() + torch.lgamma(tiny + 1)) / tiny
    torch.testing.assert_close(log_z, want, rtol=1e-10, atol=0)
    for z in (dirichlet(u, tiny), beta(u, *tiny), f(u, *tiny)):
        assert torch.isfinite(z).all()


def test_single_precision_stays_single():
    u = U[3:9].float()
    got = gamma(u, torch.tensor(0.7))
    assert got.dtype == torch.float32
    np.testing.assert_allclose(got, stats.gamma(0.7).ppf(u.double()), rtol=1e-5)


# ----- gradients ----------------------------------------------------------------------


@pytest.mark.parametrize("name, values", CASES)
def test_the_gradient_is_the_slope_of_scipys_quantiles(name, values):
    """In the parameters; in the noise it is p(eps) / p(z)."""
    inputs, eps = leaves(values), eps_at(name).requires_grad_()
    z = DISTRIBUTIONS[name].g(eps, **inputs)
    for key, leaf in inputs.items():
        if torch.is_tensor(leaf):
            want = slope(lambda **v: SCIPY[name](**v).ppf(U), values, key, step=1e-4)
            rounding = 1e-9 * z.abs().detach().numpy() / (abs(values[key]) or 1) + 1e-12
            error = np.abs(per_draw(z, leaf) - want)
            assert (error <= 1e-6 * np.abs(want) + rounding).all(), (key, error)
    got, = torch.autograd.grad(z.sum(), eps)
    law = STANDARD.get(name, stats.uniform())
    want = law.pdf(eps.detach()) / SCIPY[name](**values).pdf(z.detach())
    np.testing.assert_allclose(got, want, rtol=1e-8)


def grid(name):
    """Noise and weights of a quadrature: Gauss-Legendre over panels of x, for a disc in
    polar coordinates, else with u = 1 / (1 + exp(-x)), for one or two u."""
    two = name in ("Beta", "F", "Dirichlet")
    node, weight = np.polynomial.legendre.leggauss(8 if two else 12)
    if name == "Elliptical":
        radius, angle = (node + 1) / 2, np.arange(8) * np.pi / 4
        eps = np.outer(radius, np.exp(1j * angle))
        weights = np.outer(radius * weight, np.ones(8) / 8)
        return torch.tensor(np.stack([eps.real, eps.imag], -1)), torch.tensor(weights)
    edges = np.linspace(-21, 21, 15) if two else np.linspace(-33, 33, 67)
    middle, half = (edges[1:] + edges[:-1]) / 2, (edges[1] - edges[0]) / 2
    x = torch.tensor((middle[:, None] + half * node).ravel())
    weight = torch.tensor(np.tile(half * weight, len(middle)))
    weight, u = weight / (2 + torch.exp(x) + torch.exp(-x)), torch.sigmoid(x)
    if not two:
        return eps_at(name, u), weight
    pairs = torch.cartesian_prod(torch.arange(len(x)), torch.arange(len(x)))
    return u[pairs], weight[pairs].prod(-1)


@pytest.mark.parametrize("name", ROWS)
def test_the_mean_gradient_is_the_slope_of_the_exact_expectation(name):
    values, (h, exact) = PARAMETERS[name][0], EXPECTATIONS[name]
    if name == "Dirichlet":                                # a grid for two, not three
        values = {"shapes": [1.6, 3.0]}
    inputs, (eps, weight) = leaves(values), grid(name)
    mean = (weight * h(DISTRIBUTIONS[name].g(eps, **inputs))).sum()
    tolerance = 1e-6 if eps.ndim > 1 else 1e-8
    plain = {key: np.array(value) for key, value in values.items()}
    assert mean.item() == pytest.approx(exact(**plain), rel=tolerance)
    wanted = {key: leaf for key, leaf in inputs.items() if torch.is_tensor(leaf)}
    grads = torch.autograd.grad(mean, [*wanted.values()])
    for key, got in zip(wanted, grads, strict=True):
        want = slope(exact, plain, key)
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("shape", [0.02, 0.1, 0.5, 2.5, 30.0, 50.0, 1000.0])
def test_the_gradient_in_a_gammas_shape_is_exact_in_the_tails(shape):
    """Against 30 digits: dlog z/da = -(dP/da) / (z p(z))."""
    a = torch.tensor(shape, dtype=torch.float64, requires_grad=True)
    u = U[[0, 2, 4, 7, 9, 11]]
    log_z = log_gamma_quantile(u, a)
    got = per_draw(log_z, a)
    with mpmath.workdps(30):
        for one, t, level in zip(got, log_z.tolist(), u.tolist(), strict=True):
            z, m = mpmath.exp(t), mpmath.mpf(shape)
            density = mpmath.exp(m * t - z - mpmath.loggamma(m))

            def tail(a, z=z, level=level):
                if level < 0.5:
                    return mpmath.gammainc(a, 0, z, regularized=True)
                return -mpmath.gammainc(a, z, mpmath.inf, regularized=True)
            target = level if level < 0.5 else level - 1
            assert abs((tail(m) - target) / density) <= 1e-12 * max(1, abs(t))
            h = m * mpmath.mpf("1e-8")
            want = -(tail(m + h) - tail(m - h)) / (2 * h) / density
            assert one == pytest.approx(float(want), rel=1e-11)


# ----- torch's own --------------------------------------------------------------------

D = torch.distributions
TORCH = {
    "Exponential": D.Exponential, "Cauchy": D.Cauchy, "Gumbel": D.Gumbel,
    "Pareto": D.Pareto, "Weibull": D.Weibull, "Laplace": D.Laplace,
    "Elliptical": lambda loc, root: D.MultivariateNormal(loc, scale_tril=root.tril()),
    "Student's t": lambda loc, scale: D.StudentT(5.0, loc, scale),
    "Uniform": lambda low, width: D.Uniform(low, low + width), "Gaussian": D.Normal,
    "Log-Normal": D.LogNormal, "Gamma": D.Gamma, "Dirichlet": D.Dirichlet,
    "Beta": D.Beta, "Chi-Squared": D.Chi2, "F": D.FisherSnedecor,
}
TORCH_HAS_NONE = {
    "Logistic (inverse CDF)": "Logistic", "Logistic (location-scale)": "Logistic",
    "Rayleigh": "Rayleigh", "Reciprocal": "LogUniform Reciprocal",
    "Gompertz": "Gompertz", "Erlang": "Erlang", "Triangular": "Triangular",
}
ONLY_ABOUT = {"Gamma": 2e-3, "Chi-Squared": 2e-3}       # torch's own is approximate
SAME = [name for name in TORCH if name in ONE]


@pytest.mark.parametrize("name", TORCH_HAS_NONE)
def test_torch_has_none(name):
    assert not any(hasattr(D, one) for one in TORCH_HAS_NONE[name].split())


def rsample(name, values, n=60):
    inputs = leaves(values)
    with torch.random.fork_rng():
        torch.manual_seed(0)                    # torch.distributions take no generator
        return inputs, TORCH[name](*inputs.values()).rsample((n,))


@pytest.mark.parametrize("name", SAME)
def test_at_the_same_z_the_gradient_is_that_of_torchs_rsample(name):
    for values in PARAMETERS[name][:3]:
        theirs, z = rsample(name, values)
        u = torch.tensor(SCIPY[name](**values).cdf(z.detach()))
        keep = (u > 1e-9) & (u < 1 - 1e-4)            # where u has digits enough
        z, inputs = z[keep], leaves(values)
        got = DISTRIBUTIONS[name].g(eps_at(name, u[keep]), **inputs)
        assert len(z) > 30
        torch.testing.assert_close(got, z, rtol=1e-8, atol=1e-10)
        for key in values:
            np.testing.assert_allclose(
                per_draw(got, inputs[key]), per_draw(z, theirs[key]),
                rtol=ONLY_ABOUT.get(name, 1e-8), atol=1e-9, err_msg=key)


def test_elliptical_noise_may_be_normal():
    values = {"loc": [0.4, -1.0], "root": [[1.1, 0.0], [0.7, 0.8]]}
    theirs, z = rsample("Elliptical", values)
    ours = leaves(values)
    eps = torch.linalg.solve(ours["root"], (z - ours["loc"])[..., None])[..., 0]
    eps = eps.detach()
    got, h = elliptical(eps, **ours), EXPECTATIONS["Elliptical"][0]
    torch.testing.assert_close(got, z)
    for a, b in zip(torch.autograd.grad(h(got).sum(), [*ours.values()]),
                    torch.autograd.grad(h(z).sum(), [*theirs.values()]), strict=True):
        torch.testing.assert_close(a.tril() if a.ndim > 1 else a, b)


@pytest.mark.parametrize("name", ["Beta", "Dirichlet", "F"])
def test_with_several_noises_torchs_gradient_agrees_in_the_mean(name):
    """One draw may move otherwise (several flows have one law), the mean may not."""
    values, (h, exact) = PARAMETERS[name][0], EXPECTATIONS[name]
    plain = {key: np.array(value) for key, value in values.items()}
    many = {key: np.tile(value, (4000,) + (1,) * np.ndim(value))
            for key, value in plain.items()}
    many = {key: value.tolist() for key, value in many.items()}
    theirs, z = rsample(name, many, n=1)
    ours = leaves(many)
    eps = DISTRIBUTIONS[name].noise(np.random.default_rng(7), 4000)
    got = DISTRIBUTIONS[name].g(eps, **ours)
    for inputs, draws in ((theirs, z[0]), (ours, got)):
        grads = torch.autograd.grad(h(draws).sum(), [*inputs.values()])
        for key, grad in zip(values, grads, strict=True):
            error = grad.std(0) / math.sqrt(len(grad))
            want = torch.as_tensor(slope(exact, plain, key))
            assert ((grad.mean(0) - want).abs() <= 4 * error).all()


# ----- the numerical inverse ----------------------------------------------------------

MIXTURE = {"weight": 0.3, "mu": [-1.0, 2.0], "sigma": [0.5, 1.5]}


def ndtr(x):
    """The standard normal CDF; torch.special.ndtr has no digit left below -8."""
    return torch.special.log_ndtr(x).exp()


def mixture(weight, mu, sigma):
    """F and 1 - F of weight N(mu_1, sigma_1^2) + (1 - weight) N(mu_2, sigma_2^2)."""
    weights = torch.stack([weight, 1 - weight])

    def cdf(z):
        return (weights * ndtr((z[..., None] - mu) / sigma)).sum(-1)

    def survival(z):
        return (weights * ndtr((mu - z[..., None]) / sigma)).sum(-1)
    return cdf, survival


def scipys_mixture(function, z, weight, mu, sigma):
    return weight * function(z, mu[0], sigma[0]) + (1 - weight) * function(
        z, mu[1], sigma[1])


def test_the_numerical_inverse_of_a_mixture_and_its_gradient():
    inputs, u = leaves(MIXTURE), U.clone().requires_grad_()
    cdf, survival = mixture(**inputs)
    z = numerical_inverse(cdf, u, -20.0, 20.0, survival)
    plain = {key: np.array(value) for key, value in MIXTURE.items()}
    p = scipys_mixture(stats.norm.pdf, z.detach().numpy(), **plain)
    for i, level in enumerate(U.tolist()):
        tail, sign = (stats.norm.cdf, 1) if level < 0.5 else (stats.norm.sf, -1)
        target = level if level < 0.5 else 1 - level
        want = optimize.brentq(
            lambda x, tail=tail, target=target:
            math.log(scipys_mixture(tail, x, **plain) / target), -12, 16, xtol=1e-14)
        assert z[i].item() == pytest.approx(want, abs=1e-11)
        grads = torch.autograd.grad(z[i], [*inputs.values()], retain_graph=True)
        for key, got in zip(inputs, grads, strict=True):
            at = z[i].item()
            want = -sign * slope(lambda at=at, tail=tail, **v:
                                 scipys_mixture(tail, at, **v), plain, key) / p[i]
            np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(torch.autograd.grad(z.sum(), u)[0], 1 / p, rtol=1e-10)


def test_without_a_survival_the_upper_tail_is_what_a_subtraction_leaves():
    cdf, survival = mixture(**{key: torch.tensor(v) for key, v in MIXTURE.items()})
    u = U[2:10]
    torch.testing.assert_close(numerical_inverse(cdf, u, -20.0, 20.0),
                               numerical_inverse(cdf, u, -20.0, 20.0, survival),
                               rtol=1e-10, atol=1e-10)


def test_the_numerical_inverse_of_the_closed_erlang_cdf_is_erlang():
    def survival(z):
        return torch.exp(-1.7 * z) * (1 + 1.7 * z + (1.7 * z)**2 / 2)
    got = numerical_inverse(lambda z: 1 - survival(z), U[3:], 0.0, 100.0, survival)
    torch.testing.assert_close(got, erlang(U[3:], 3, 1.7), rtol=1e-11, atol=0)


def test_the_numerical_inverse_broadcasts_and_lets_go_of_the_graph():
    mu = torch.tensor([[0.0], [3.0]]).double().requires_grad_()
    z = numerical_inverse(lambda z: ndtr(z - mu), U[3:6], -9.0, 9.0)
    torch.testing.assert_close(z, mu + torch.special.ndtri(U[3:6]))
    grad, = torch.autograd.grad(z.sum(), mu)
    torch.testing.assert_close(grad, torch.full_like(mu, 3.0))
    plain = numerical_inverse(ndtr, U, -9.0, 9.0)
    assert not plain.requires_grad and not gamma(U, 2.0).requires_grad
    with torch.no_grad():
        again = numerical_inverse(ndtr, U, -9.0, 9.0)
    assert torch.equal(plain, again)


# ----- bad input ----------------------------------------------------------------------

HALF, TWO = torch.tensor([0.5]).double(), torch.tensor([0.5, 0.5]).double()
BAD = {
    "u = 0": (lambda: exponential(0 * HALF, 1.0), "strictly .* got values from 0 to 0"),
    "u = 1": (lambda: gamma(2 * HALF, 1.0), "strictly between 0 and 1, .* from 1 to 1"),
    "u NaN": (lambda: cauchy(math.nan * HALF, 0.0, 1.0), "got values from nan"),
    "u a number": (lambda: exponential(0.5, 1.0), "u as a tensor, got float"),
    "low > high": (lambda: reciprocal(HALF, 2.0, 1.0), "low < high, got low 2.0 and"),
    "low = high": (lambda: reciprocal(HALF, 2.0, 2.0), "wanted low < high, got"),
    "shape 2.5": (lambda: erlang(HALF, 2.5, 1.0), "whole shape, 1 or more, got 2.5"),
    "shape 0": (lambda: erlang(HALF, 0, 1.0), "whole shape, 1 or more, got 0"),
    "root": (lambda: elliptical(TWO, TWO, torch.eye(3)), r"got .* root \(3, 3\)"),
    "loc": (lambda: elliptical(TWO, HALF, torch.eye(2)), r"got .* loc \(1,\)"),
    "beta: one uniform": (lambda: beta(HALF, 1.0, 1.0), r"\(..., 2\), got \(1,\)"),
    "f: three": (lambda: f(torch.ones(2, 3) / 2, 1.0, 1.0), r"got \(2, 3\)"),
    "dirichlet: K": (lambda: dirichlet(TWO, torch.ones(3)), r"u \(2,\), shapes \(3,\)"),
    "dirichlet: K = 1": (lambda: dirichlet(HALF, torch.ones(1)), "K >= 2, got"),
    "bracket: low": (lambda: numerical_inverse(ndtr, HALF, 1.0, 2.0),
                     r"wanted F\(low\) <= u .*, got F\(low\) - u up to 0.34"),
    "bracket: high": (lambda: numerical_inverse(ndtr, HALF, -2.0, -1.0),
                      r"wanted .* u <= F\(high\), got .* from -0.34"),
    "inverse: u": (lambda: numerical_inverse(ndtr, 2 * HALF, -2.0, 2.0), "from 1 to 1"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_a_value_error_that_says_what_was_wanted(case):
    call, words = BAD[case]
    with pytest.raises(ValueError, match=words):
        call()


POSITIVE = [(name, key) for name in ROWS for key in PARAMETERS[name][0]
            if key not in ("loc", "mu", "root") and (name, key) != ("Erlang", "shape")]


@pytest.mark.parametrize("name, key", POSITIVE)
def test_a_parameter_that_is_not_positive_is_a_value_error(name, key):
    row, values = DISTRIBUTIONS[name], leaves(PARAMETERS[name][0])
    eps = row.noise(np.random.default_rng(0), 2)
    for bad in (0.0, -1.0, math.nan, math.inf):
        values[key] = torch.full_like(torch.as_tensor(values[key]), bad)
        with pytest.raises(ValueError, match=f"wanted {key} above 0 and finite, got"):
            row.g(eps, **values)
