"""The paper's equations, one test each, each against an exact answer:

    python -m pytest tests/test_equations.py -v

E2 is a linear-Gaussian model with two latents: its evidence, posterior and bound are
known. q is wrong on purpose. Means over noise are exact, too: EPS holds twelve points
of equal weight that share every moment of N(0, I) up to the fifth, six in the middle
and six on a circle of radius 2, and what is averaged over them is of fourth degree at
most. eq. 10, which is no polynomial, takes Gauss-Hermite nodes with their weights.
"""

from itertools import combinations

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import expit
from torch import nn

from aevb_lib.densities import kl_normal, log_normal, log_standard_normal
from aevb_lib.exact import BernoulliMLP, LinearGaussian, kl_gaussians
from aevb_lib.models import VAE, BernoulliDecoder, GaussianEncoder
from aevb_lib.sgvb import (
    elbo_a, elbo_b, minibatch_bound, reparameterize, score_function_surrogate,
)
from aevb_lib.training import sgvb_step

RNG = np.random.default_rng(1)
M, D, J = 6, 5, 2
E2 = LinearGaussian(RNG.standard_normal((D, J)), RNG.standard_normal(D), 0.3)
X = E2.sample(M, RNG)[1]
MU, LOG_VAR = RNG.standard_normal((M, J)), 0.5 * RNG.standard_normal((M, J)) - 1
ANGLE = np.pi / 3 * np.arange(6)
EPS = np.zeros((12, M, J))                                                # (L, M, J)
EPS[6:] = 2 * np.stack([np.cos(ANGLE), np.sin(ANGLE)], -1)[:, None]
SETTINGS = dict(rtol=1e-12, atol=1e-12)


def tensors(*arrays):
    return [torch.tensor(a, requires_grad=True) for a in arrays]


def exact_bound(mu=MU, log_var=LOG_VAR):
    """The bound of E2, one value per datapoint."""
    return np.array([E2.bound(X[[m]], mu[[m]], np.diag(np.exp(log_var[m])))[0]
                     for m in range(M)])


def slope(f, at, h=1e-5):
    """Central differences of f at an array, in its shape."""
    steps = h * np.eye(at.size).reshape(-1, *at.shape)
    return np.array([f(at + s) - f(at - s) for s in steps]).reshape(at.shape) / (2 * h)


def log_densities(z, mu, log_var):
    """log p(x|z), log p(z), log q(z|x) of E2 in torch, each (L, M)."""
    mean = z @ torch.tensor(E2.W).T + torch.tensor(E2.b)
    log_s2 = torch.full((D,), np.log(E2.s2), dtype=torch.float64)
    return (log_normal(torch.tensor(X), mean, log_s2), log_standard_normal(z),
            log_normal(z, mu, log_var))


def hermite(n):
    """Nodes (n^2, 2) and weights (n^2,) of N(0, I) in the plane."""
    ticks, weights = np.polynomial.hermite_e.hermegauss(n)
    grid = np.stack(np.meshgrid(ticks, ticks), -1).reshape(-1, 2)
    return grid, np.outer(weights, weights).ravel() / (2 * np.pi)


def test_eq_01_log_evidence_is_the_kl_to_the_posterior_plus_the_bound():
    mean, cov = E2.posterior(X)
    kl = [kl_gaussians(MU[[m]], np.diag(np.exp(LOG_VAR[m])), mean[[m]], cov)[0]
          for m in range(M)]
    log_p = E2.log_evidence(X)
    assert np.max(np.abs((kl + exact_bound() - log_p) / log_p)) < 1e-12
    assert min(kl) > 0.1                                       # q is wrong


def test_eq_02_the_bound_is_the_mean_of_log_joint_minus_log_q_and_is_a_bound():
    z = MU + np.exp(LOG_VAR / 2) * EPS
    log_q = stats.norm.logpdf(z, MU, np.exp(LOG_VAR / 2)).sum(-1)
    log_joint = E2.log_p_x_given_z(X, z) + stats.norm.logpdf(z).sum(-1)
    np.testing.assert_allclose((log_joint - log_q).mean(0), exact_bound(), **SETTINGS)
    for _ in range(200):
        mu, log_var = RNG.standard_normal((2, M, J))
        assert (exact_bound(mu, log_var) < E2.log_evidence(X)).all()


def test_eq_03_the_bound_is_reconstruction_minus_the_kl_to_the_prior():
    z = MU + np.exp(LOG_VAR / 2) * EPS
    kl = kl_normal(*tensors(MU, LOG_VAR)).detach().numpy()
    got = E2.log_p_x_given_z(X, z).mean(0) - kl
    np.testing.assert_allclose(got, exact_bound(), **SETTINGS)


def assert_slope_of_the_bound(mu, log_var):
    """The gradients in two leaves are those of the exact bound, summed."""
    for got, f, at in ((mu.grad, exact_bound, MU),
                       (log_var.grad, lambda v: exact_bound(MU, v), LOG_VAR)):
        want = slope(lambda a, f=f: f(a).sum(), at)
        np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("baseline", [0.0, -10.0])
def test_naive_gradient_has_the_gradient_of_the_bound_as_its_mean(baseline):
    mu, log_var = tensors(MU, LOG_VAR)
    z = reparameterize(mu, log_var, torch.tensor(EPS)).detach()
    log_p_x_given_z, log_p_z, log_q = log_densities(z, mu, log_var)
    f = log_p_x_given_z + log_p_z - log_q
    score_function_surrogate(log_q, f, baseline).sum().backward()
    assert_slope_of_the_bound(mu, log_var)


def test_eq_04_z_is_a_differentiable_function_of_noise():
    mu, log_var = tensors(MU, LOG_VAR)
    z = reparameterize(mu, log_var, torch.tensor(EPS))
    np.testing.assert_allclose(z.detach(), MU + np.sqrt(np.exp(LOG_VAR)) * EPS)
    z[1].sum().backward()
    np.testing.assert_allclose(mu.grad, np.ones((M, J)))
    np.testing.assert_allclose(log_var.grad, 0.5 * np.exp(LOG_VAR / 2) * EPS[1])


def test_eq_05_an_expectation_over_q_is_one_over_noise():
    z = reparameterize(*tensors(MU, LOG_VAR), torch.tensor(EPS)).detach().numpy()
    f = E2.log_p_x_given_z(X, z).mean(0)
    trace = np.einsum("dj,mj,dj->m", E2.W, np.exp(LOG_VAR), E2.W) / E2.s2
    want = E2.log_p_x_given_z(X, MU) - 0.5 * trace
    np.testing.assert_allclose(f, want, **SETTINGS)


def assert_bound_and_gradient(estimator):
    """eq. 6 or 7, averaged over noise, is the exact bound, and so are its slopes."""
    mu, log_var = tensors(MU, LOG_VAR)
    terms = log_densities(reparameterize(mu, log_var, torch.tensor(EPS)), mu, log_var)
    bound = (elbo_a(*terms) if estimator == "A" else
             elbo_b(kl_normal(mu, log_var), terms[0]))
    np.testing.assert_allclose(bound.detach(), exact_bound(), **SETTINGS)
    bound.sum().backward()
    assert_slope_of_the_bound(mu, log_var)


def test_eq_06_estimator_a_has_the_bound_and_its_gradient_as_its_mean():
    assert_bound_and_gradient("A")


def test_eq_07_estimator_b_has_the_bound_and_its_gradient_as_its_mean():
    assert_bound_and_gradient("B")


def test_eq_08_the_mean_over_all_minibatches_is_the_full_bound():
    elbo = torch.tensor(exact_bound())
    for size in range(1, M + 1):
        bounds = [minibatch_bound(elbo[list(chosen)], M)
                  for chosen in combinations(range(M), size)]
        np.testing.assert_allclose(np.mean(bounds), exact_bound().sum(), **SETTINGS)


def test_appendix_b_minus_kl_is_the_difference_of_its_two_integrals():
    mu, log_var = tensors(MU, LOG_VAR)
    z = reparameterize(mu, log_var, torch.tensor(EPS))
    _, log_p, log_q = log_densities(z, mu, log_var)
    variance, log_2pi = np.exp(LOG_VAR), np.log(2 * np.pi)
    first = -0.5 * J * log_2pi - 0.5 * (MU**2 + variance).sum(-1)
    second = -0.5 * J * log_2pi - 0.5 * (1 + LOG_VAR).sum(-1)
    np.testing.assert_allclose(log_p.mean(0).detach(), first, **SETTINGS)
    np.testing.assert_allclose(log_q.mean(0).detach(), second, **SETTINGS)
    np.testing.assert_allclose(-kl_normal(mu, log_var).detach(), first - second,
                               **SETTINGS)


def test_eq_09_q_is_a_gaussian_with_diagonal_covariance():
    z = RNG.standard_normal((M, J))
    got = log_normal(*tensors(z, MU, LOG_VAR)).detach()
    want = [stats.multivariate_normal(MU[m], np.diag(np.exp(LOG_VAR[m]))).logpdf(z[m])
            for m in range(M)]
    np.testing.assert_allclose(got, want, **SETTINGS)


def test_eq_10_the_vae_bound_has_the_bound_of_its_model_as_its_mean():
    vae = VAE(D, 4, J, torch.Generator().manual_seed(0)).double()
    x = (RNG.random((1, D)) < 0.5).astype(float)
    eps, weight = hermite(60)
    one_draw = vae.elbo(torch.tensor(x).expand(3600, D), torch.tensor(eps)[None])
    mu, log_var = (a.detach().numpy()[0] for a in vae.encode(torch.tensor(x)))
    ticks = np.linspace(-9, 9, 300)
    z = np.stack(np.meshgrid(ticks, ticks), -1).reshape(-1, 2)
    mlp = BernoulliMLP(*(w.detach().numpy() for w in vae.decoder.parameters()))
    log_joint = mlp.log_p_x_given_z(x[0], z) + stats.norm.logpdf(z).sum(-1)
    log_q = stats.norm.logpdf(z, mu, np.exp(log_var / 2)).sum(-1)
    want = (np.exp(log_q) * (log_joint - log_q)).sum() * (ticks[1] - ticks[0]) ** 2
    assert weight @ one_draw.detach().numpy() == pytest.approx(want, abs=1e-9)
    assert want < mlp.log_evidence(x)[0]


def test_eq_11_the_bernoulli_mlp_by_hand():
    decoder = BernoulliDecoder(J, 4, D, torch.Generator().manual_seed(0)).double()
    W1, b1, W2, b2 = (w.detach().numpy() for w in decoder.parameters())
    z, x = RNG.standard_normal((3, M, J)), (RNG.random((M, D)) < 0.5).astype(float)
    y = expit(np.tanh(z @ W1.T + b1) @ W2.T + b2)
    got = decoder.log_p_x_given_z(*tensors(x, z)).detach()
    np.testing.assert_allclose(got, stats.bernoulli.logpmf(x, y).sum(-1), **SETTINGS)


def test_eq_12_the_gaussian_mlp_by_hand():
    encoder = GaussianEncoder(D, 4, J, torch.Generator().manual_seed(0)).double()
    W3, b3, heads, b = (w.detach().numpy() for w in encoder.parameters())
    h = np.tanh(X @ W3.T + b3)
    mu, log_var = encoder(*tensors(X))
    np.testing.assert_allclose(mu.detach(), h @ heads[:J].T + b[:J], **SETTINGS)
    np.testing.assert_allclose(log_var.detach(), h @ heads[J:].T + b[J:], **SETTINGS)


class LinearVAE(nn.Module):
    """q(z|x) with a linear mean, and E2's kind of decoder: both hold the best ones."""

    def __init__(self):
        super().__init__()
        self.V, self.c, self.log_var, self.W, self.b, self.log_s2 = (
            nn.Parameter(torch.tensor(0.3 * RNG.standard_normal(shape)))
            for shape in ((J, D), J, J, (D, J), D, 1))

    def elbo_terms(self, x, eps):
        mu = x @ self.V.T + self.c
        log_var = self.log_var.expand_as(mu)
        mean = reparameterize(mu, log_var, eps) @ self.W.T + self.b
        return kl_normal(mu, log_var), log_normal(x, mean, self.log_s2.expand(D))


def test_algorithm_1_a_step_has_the_full_gradient_as_its_mean_over_minibatches():
    start, model = LinearVAE(), LinearVAE()
    x = torch.tensor(X)
    full = minibatch_bound(elbo_b(*start.elbo_terms(x, torch.tensor(EPS))), M)
    want = torch.autograd.grad(full / M, list(start.parameters()))
    moves = []
    for chosen in combinations(range(M), 2):
        model.load_state_dict(start.state_dict())
        optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
        sgvb_step(model, optimizer, x[list(chosen)], torch.tensor(EPS[:, :2]), M)
        moves.append([(new - old).detach() for new, old in zip(
            model.parameters(), start.parameters(), strict=True)])
    for move, gradient in zip(zip(*moves, strict=True), want, strict=True):
        np.testing.assert_allclose(torch.stack(move).mean(0), gradient, **SETTINGS)


def test_algorithm_1_climbs_to_the_highest_evidence_there_is():
    x = E2.sample(100, np.random.default_rng(2))[1]
    best = LinearGaussian.maximum_likelihood(x, J).log_evidence(x).mean()
    model, eps = LinearVAE(), torch.tensor(EPS[:, :1]).expand(12, 100, J)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for step in range(1500):
        optimizer.param_groups[0]["lr"] = 0.05 * (1 - step / 1500)
        log_p_x_given_z, kl = sgvb_step(model, optimizer, torch.tensor(x), eps, 100)
        assert log_p_x_given_z - kl <= best + 1e-12
    assert log_p_x_given_z - kl == pytest.approx(best, abs=1e-4)
