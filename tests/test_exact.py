"""aevb_lib.exact, the referee, against quadrature, scipy.stats, perturbation, finite
differences, a dense grid, and the torch decoder."""

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from scipy.special import logsumexp

from aevb_lib.exact import (
    BernoulliMLP, LinearGaussian, grid_posterior, kl_gaussians, log_normal_full,
)
from aevb_lib.models import BernoulliDecoder

RNG = np.random.default_rng(0)
E1 = LinearGaussian([[1.3]], [0.2], 0.5)
E2 = LinearGaussian(RNG.standard_normal((5, 2)), RNG.standard_normal(5), 0.3)
X1, X2 = E1.sample(4, RNG)[1], E2.sample(4, RNG)[1]
MEAN, COV = RNG.standard_normal((4, 2)), np.array([[0.5, 0.2], [0.2, 0.3]])  # wrong q


def nodes(mean, cov, n=4):
    """Gauss-Hermite points (n^2, M, 2) and weights (n^2,) for N(mean, cov): exact for
    polynomials of degree below 2 n."""
    points, weights = np.polynomial.hermite_e.hermegauss(n)
    grid = np.stack(np.meshgrid(points, points), -1).reshape(-1, 2)
    z = mean + (grid @ np.linalg.cholesky(cov).T)[:, None]
    return z, np.outer(weights, weights).ravel() / (2 * np.pi)


# ----- Gaussians ----------------------------------------------------------------

def test_log_normal_full_is_scipys():
    want = stats.multivariate_normal([0.1, -0.2], COV).logpdf(MEAN)
    got = log_normal_full(MEAN, np.array([0.1, -0.2]), COV)
    np.testing.assert_allclose(got, want, rtol=1e-12)


def test_kl_gaussians_is_the_integral_that_defines_it():
    mean_p, cov_p = np.array([0.3, -0.1]), np.array([[0.9, -0.4], [-0.4, 1.1]])
    q = [stats.multivariate_normal(mean, COV) for mean in MEAN]
    p = stats.multivariate_normal(mean_p, cov_p)
    z, weight = nodes(MEAN, COV)
    want = [weight @ (q[m].logpdf(z[:, m]) - p.logpdf(z[:, m])) for m in range(4)]
    np.testing.assert_allclose(kl_gaussians(MEAN, COV, mean_p, cov_p), want, rtol=1e-11)


def test_kl_gaussians_is_zero_only_where_both_are_one():
    assert np.all(np.abs(kl_gaussians(MEAN, COV, MEAN, COV)) < 1e-14)
    assert np.all(kl_gaussians(MEAN, COV, MEAN + 0.1, COV) > 1e-3)
    assert np.all(kl_gaussians(MEAN, COV, MEAN, 1.1 * COV) > 1e-3)


# ----- LinearGaussian -----------------------------------------------------------

def joint(z, x):
    """p(x, z) of E1 with scipy alone."""
    return stats.norm.pdf(z) * stats.norm.pdf(x, 1.3 * z + 0.2, np.sqrt(0.5))


def moments(x):
    """p(x), and mean and variance of p(z|x), of E1 by quadrature."""
    evidence, first, second = (
        integrate.quad(lambda z, k=k: z**k * joint(z, x), -10, 10, epsabs=1e-13)[0]
        for k in range(3))
    mean = first / evidence
    return evidence, mean, second / evidence - mean**2


@pytest.mark.parametrize("m", range(4))
def test_evidence_and_posterior_of_one_latent_are_those_of_quadrature(m):
    evidence, mean, variance = moments(X1[m, 0])
    got_mean, got_cov = E1.posterior(X1[[m]])
    assert E1.log_evidence(X1)[m] == pytest.approx(np.log(evidence), abs=1e-10)
    assert (got_mean[0, 0], got_cov[0, 0]) == pytest.approx((mean, variance), abs=1e-10)


def test_the_density_of_x_given_z_is_scipys():
    z = RNG.standard_normal((3, 4, 2))
    want = stats.norm.logpdf(X2, z @ E2.W.T + E2.b, np.sqrt(E2.s2)).sum(-1)
    np.testing.assert_allclose(E2.log_p_x_given_z(X2, z), want, rtol=1e-12)


def test_bayes_rule_holds_at_every_z():
    z, (mean, cov) = RNG.standard_normal((4, 2)), E2.posterior(X2)
    log_posterior = [stats.multivariate_normal(m, cov).logpdf(point)
                     for m, point in zip(mean, z, strict=True)]
    log_joint = E2.log_p_x_given_z(X2, z) + stats.norm.logpdf(z).sum(-1)
    np.testing.assert_allclose(E2.log_evidence(X2), log_joint - log_posterior)


def test_the_bound_is_its_integral_at_a_wrong_q():
    z, weight = nodes(MEAN, COV)
    log_q = np.stack([stats.multivariate_normal(MEAN[m], COV).logpdf(z[:, m])
                      for m in range(4)], -1)
    inside = E2.log_p_x_given_z(X2, z) + stats.norm.logpdf(z).sum(-1) - log_q
    np.testing.assert_allclose(E2.bound(X2, MEAN, COV), weight @ inside, rtol=1e-12)


@pytest.mark.parametrize("mean, cov", [(MEAN, COV), (0 * MEAN, np.eye(2))])
def test_log_evidence_is_the_bound_plus_the_kl_to_the_posterior(mean, cov):
    log_p = E2.log_evidence(X2)
    total = E2.bound(X2, mean, cov) + kl_gaussians(mean, cov, *E2.posterior(X2))
    assert np.max(np.abs((total - log_p) / log_p)) < 1e-12


def test_the_bound_is_tight_at_the_posterior():
    got = E2.bound(X2, *E2.posterior(X2))
    np.testing.assert_allclose(got, E2.log_evidence(X2), rtol=1e-12)


def test_nothing_diagonal_is_better_than_best_diagonal():
    mean, var = E2.best_diagonal(X2)
    best = E2.bound(X2, mean, np.diag(var))
    for step in 0.02 * np.random.default_rng(1).standard_normal((50, 4)):
        moved = E2.bound(X2, mean + step[:2], np.diag(var * np.exp(step[2:])))
        assert np.all(moved < best)


def test_the_gap_is_what_the_best_diagonal_leaves():
    mean, var = E2.best_diagonal(X2)
    left = E2.log_evidence(X2) - E2.bound(X2, mean, np.diag(var))
    np.testing.assert_allclose(left, E2.gap(), atol=1e-12)
    kl = kl_gaussians(mean, np.diag(var), *E2.posterior(X2))
    np.testing.assert_allclose(kl, E2.gap(), atol=1e-12)


def test_the_gap_is_the_formula_and_zero_for_one_latent():
    assert E1.gap() == pytest.approx(0, abs=1e-15)
    (a, c), (_, b) = np.eye(2) + E2.W.T @ E2.W / E2.s2
    assert E2.gap() == pytest.approx(0.5 * np.log(a * b / (a * b - c**2)))


def test_samples_have_the_models_mean_and_covariance():
    n = 50_000
    z, x = E2.sample(n, np.random.default_rng(2))
    cov = E2.W @ E2.W.T + E2.s2 * np.eye(5)
    assert z.shape == (n, 2) and abs(np.cov(z.T) - np.eye(2)).max() < 4 * (2 / n)**0.5
    assert np.all(np.abs(x.mean(0) - E2.b) < 4 * np.sqrt(np.diag(cov) / n))
    error = np.sqrt((cov**2 + np.outer(np.diag(cov), np.diag(cov))) / n)
    assert np.all(np.abs(np.cov(x.T) - cov) < 4 * error)


# ----- probabilistic PCA --------------------------------------------------------

DATA = E2.sample(300, np.random.default_rng(3))[1]
PPCA = LinearGaussian.maximum_likelihood(DATA, 2)


def evidence_at(parameters):
    """Mean log p(x) of DATA with W, b and log s2 laid out in one row of 16."""
    W, b, s2 = parameters[:10].reshape(5, 2), parameters[10:15], np.exp(parameters[15])
    return LinearGaussian(W, b, s2).log_evidence(DATA).mean()


BEST = np.concatenate([PPCA.W.ravel(), PPCA.b, [np.log(PPCA.s2)]])


def test_perturbed_parameters_have_less_evidence_than_maximum_likelihood():
    for step in 0.05 * np.random.default_rng(4).standard_normal((50, 16)):
        assert evidence_at(BEST + step) < evidence_at(BEST)
    assert evidence_at(BEST) > E2.log_evidence(DATA).mean()


def test_its_gradient_vanishes():
    steps = 1e-5 * np.eye(16)
    slope = [(evidence_at(BEST + s) - evidence_at(BEST - s)) / 2e-5 for s in steps]
    assert np.max(np.abs(slope)) < 1e-8


# ----- the grid -----------------------------------------------------------------

@pytest.mark.parametrize("s2", [2.0, 0.3, 1e-2, 1e-3])
def test_the_grid_finds_what_a_linear_gaussian_knows(s2):
    model = LinearGaussian(E2.W, E2.b, s2)
    x = model.sample(1, np.random.default_rng(6))[1]
    mean, cov = model.posterior(x)
    grid = grid_posterior(lambda z: model.log_p_x_given_z(x[0], z)
                          + stats.norm.logpdf(z).sum(-1))
    assert grid.log_evidence == pytest.approx(model.log_evidence(x)[0], abs=1e-8)
    np.testing.assert_allclose(grid.mean(), mean[0], atol=1e-8)
    np.testing.assert_allclose(grid.cov(), cov, atol=1e-8)
    assert grid.weight.sum() == pytest.approx(1, abs=1e-12)


def test_the_grid_follows_both_modes():
    modes = [stats.multivariate_normal([-2, 1], 0.01 * COV),
             stats.multivariate_normal([3, -0.5], 0.2 * COV)]
    grid = grid_posterior(lambda z: -7 + np.logaddexp(
        np.log(0.3) + modes[0].logpdf(z), np.log(0.7) + modes[1].logpdf(z)))
    assert grid.log_evidence == pytest.approx(-7, abs=1e-8)
    assert grid.weight[grid.z[:, 0] < 0].sum() == pytest.approx(0.3, abs=1e-8)
    np.testing.assert_allclose(grid.mean(), [1.5, -0.05], atol=1e-8)


def test_a_grid_that_does_not_settle_says_so():
    rng = np.random.default_rng(7)
    with pytest.raises(ArithmeticError, match="did not settle after 3 passes"):
        grid_posterior(lambda z: rng.standard_normal(len(z)), n_coarse=4, max_passes=3)


# ----- the Bernoulli decoder ----------------------------------------------------

def decoder(D=12, H=7, scale=3.0):
    """The same weights in torch (float64) and in NumPy."""
    net = BernoulliDecoder(2, H, D, torch.Generator().manual_seed(0)).double()
    with torch.no_grad():
        for weight in net.parameters():
            weight.mul_(scale).add_(0.1)
    arrays = [w.detach().numpy() for w in net.parameters()]
    return net, BernoulliMLP(*arrays)


IMAGES = (np.random.default_rng(8).random((3, 12)) < 0.5).astype(float)


def test_the_numpy_decoder_is_the_torch_decoder():
    net, mlp = decoder()
    z = np.random.default_rng(9).standard_normal((6, 3, 2))
    log_p = net.log_p_x_given_z(torch.tensor(IMAGES), torch.tensor(z)).detach()
    want = [mlp.log_p_x_given_z(x, z[:, m]) for m, x in enumerate(IMAGES)]
    np.testing.assert_allclose(log_p, np.transpose(want), rtol=1e-12)
    np.testing.assert_allclose(mlp.logits(z), net(torch.tensor(z)).detach())


def test_it_is_the_same_through_layers():
    (W1, b1, first), (W2, b2, last) = decoder()[0].layers()
    assert (first, last) == ("tanh", "sigmoid")
    z = np.random.default_rng(9).standard_normal((6, 2))
    want = decoder()[1].logits(z)
    np.testing.assert_array_equal(BernoulliMLP(W1, b1, W2, b2).logits(z), want)


def test_its_evidence_and_posterior_are_those_of_a_dense_grid():
    net, mlp = decoder()
    ticks = np.linspace(-7, 7, 351)
    z = np.stack(np.meshgrid(ticks, ticks), -1).reshape(-1, 2)
    y = net.mean(torch.tensor(z)).detach().numpy()
    for x, got in zip(IMAGES, mlp.log_evidence(IMAGES), strict=True):
        log_joint = np.log(np.where(x, y, 1 - y)).sum(-1)
        log_joint += stats.norm.logpdf(z).sum(-1) + 2 * np.log(ticks[1] - ticks[0])
        assert got == pytest.approx(logsumexp(log_joint), abs=1e-8)
        weight = np.exp(log_joint - logsumexp(log_joint))
        np.testing.assert_allclose(mlp.posterior(x).mean(), weight @ z, atol=1e-8)


def test_the_evidence_of_all_images_sums_to_one():
    images = np.array(np.meshgrid(*[[0.0, 1.0]] * 3)).reshape(3, -1).T
    total = np.exp(decoder(D=3)[1].log_evidence(images)).sum()
    assert total == pytest.approx(1, abs=1e-8)
