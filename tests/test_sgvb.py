"""aevb_lib.sgvb against loops written by hand, and against exact answers: at a
deliberately wrong q, with two latents, noise from NumPy."""

from itertools import combinations

import numpy as np
import pytest
import torch

from aevb_lib.densities import kl_normal, log_normal, log_standard_normal
from aevb_lib.exact import LinearGaussian
from aevb_lib.sgvb import (
    elbo_a, elbo_b, minibatch_bound, reparameterize, score_function_surrogate,
)

W = [[1.0, -0.5], [0.3, 0.8], [-0.7, 0.2]]
MODEL = LinearGaussian(W, [0.5, -0.2, 0.1], 0.4)                          # D 3, J 2
X = MODEL.sample(1, np.random.default_rng(5))[1]                          # (1, 3)
MU, LOG_VAR = np.array([[0.4, -0.9]]), np.array([[-0.3, -1.1]])           # a wrong q


def draw(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def log_p_x_given_z(x, z):
    """MODEL's log p(x|z) in torch. x (M, 3), z (L, M, 2) -> (L, M)."""
    mean = z @ torch.tensor(MODEL.W).T + torch.tensor(MODEL.b)
    return log_normal(x, mean, torch.full((3,), np.log(MODEL.s2), dtype=z.dtype))


def copies(M):
    """The datapoint X and the parameters of the wrong q, M times each: one row a
    draw, so that each row's gradient is one independent sample."""
    mu, log_var = (torch.tensor(a).repeat(M, 1).requires_grad_() for a in (MU, LOG_VAR))
    return torch.tensor(X).repeat(M, 1), mu, log_var


def slope(f, at, h=1e-5):
    """Central differences of f at an array, elementwise."""
    steps = h * np.eye(at.size).reshape(-1, *at.shape)
    return np.array([f(at + s) - f(at - s) for s in steps]).ravel() / (2 * h)


def bound(mu, log_var):
    return MODEL.bound(X, mu, np.diag(np.exp(log_var[0])))[0]


def distance(samples, want):
    """How many standard errors the mean of samples (n, ...) is from want, at most."""
    samples = torch.as_tensor(samples).detach().numpy()
    error = samples.std(0, ddof=1) / np.sqrt(len(samples))
    return np.max(np.abs(samples.mean(0) - want) / error)


def test_reparameterize_is_the_loop_over_draws_datapoints_and_latents():
    mu, log_var, eps = draw(3, 2), draw(3, 2, seed=1), draw(4, 3, 2, seed=2)
    z = reparameterize(mu, log_var, eps)
    for at in np.ndindex(4, 3, 2):
        sigma = np.sqrt(np.exp(log_var[at[1:]].item()))
        assert z[at].item() == pytest.approx(mu[at[1:]].item() + sigma * eps[at].item())


def test_reparameterize_carries_the_gradient():
    mu, log_var, eps = draw(3, 2), draw(3, 2, seed=1), draw(4, 3, 2, seed=2)
    for leaf in (mu, log_var):
        leaf.requires_grad_()
    reparameterize(mu, log_var, eps).sum().backward()
    assert torch.equal(mu.grad, torch.full((3, 2), 4.0).double())
    want = 0.5 * torch.exp(0.5 * log_var) * eps.sum(0)
    torch.testing.assert_close(log_var.grad, want)


def test_elbo_a_is_the_loop():
    a, b, c = draw(3, 4, 5)
    want = [sum(a[i, m] + b[i, m] - c[i, m] for i in range(4)) / 4 for m in range(5)]
    torch.testing.assert_close(elbo_a(a, b, c), torch.stack(want))


def test_elbo_b_is_the_loop():
    kl, a = draw(5).abs(), draw(4, 5, seed=1)
    want = [sum(a[i, m] for i in range(4)) / 4 - kl[m] for m in range(5)]
    torch.testing.assert_close(elbo_b(kl, a), torch.stack(want))


def test_the_mean_of_minibatch_bounds_over_all_minibatches_is_the_full_sum():
    elbo = draw(7)
    bounds = [minibatch_bound(elbo[list(chosen)], 7)
              for chosen in combinations(range(7), 3)]
    torch.testing.assert_close(torch.stack(bounds).mean(), elbo.sum())
    torch.testing.assert_close(minibatch_bound(elbo, 7), elbo.sum())


@pytest.mark.parametrize("estimator", ["A", "B"])
def test_the_mean_of_an_estimator_is_the_exact_bound_at_a_wrong_q(estimator):
    x, mu, log_var = copies(40_000)
    z = reparameterize(mu, log_var, draw(1, 40_000, 2, seed=3))
    log_p, log_q = log_p_x_given_z(x, z), log_normal(z, mu, log_var)
    samples = (elbo_a(log_p, log_standard_normal(z), log_q) if estimator == "A" else
               elbo_b(kl_normal(mu, log_var), log_p))
    assert distance(samples, bound(MU, LOG_VAR)) <= 4
    assert abs(bound(MU, LOG_VAR) - MODEL.log_evidence(X)[0]) > 0.5   # q is wrong


@pytest.mark.parametrize("L", [1, 5])
def test_more_draws_leave_the_mean_and_divide_the_variance(L):
    x, mu, log_var = copies(20_000)
    z = reparameterize(mu, log_var, draw(L, 20_000, 2, seed=4))
    samples = elbo_b(kl_normal(mu, log_var), log_p_x_given_z(x, z)).detach()
    one = log_p_x_given_z(x, z)[0].detach().var()
    assert distance(samples, bound(MU, LOG_VAR)) <= 4
    assert samples.var().item() == pytest.approx(one.item() / L, rel=0.1)


def test_the_gradient_of_estimator_b_is_unbiased():
    x, mu, log_var = copies(40_000)
    z = reparameterize(mu, log_var, draw(1, 40_000, 2, seed=5))
    elbo_b(kl_normal(mu, log_var), log_p_x_given_z(x, z)).sum().backward()
    assert distance(mu.grad, slope(lambda mu: bound(mu, LOG_VAR), MU)) <= 4
    assert distance(log_var.grad, slope(lambda v: bound(MU, v), LOG_VAR)) <= 4


def score_gradients(baseline=0.0, seed=6):
    """Samples of the naive gradient of the bound: for mu and for log_var, (M, 2)."""
    x, mu, log_var = copies(40_000)
    z = reparameterize(mu, log_var, draw(1, 40_000, 2, seed=seed)).detach()
    log_q = log_normal(z, mu, log_var)
    f = log_p_x_given_z(x, z) + log_standard_normal(z) - log_q
    score_function_surrogate(log_q, f, baseline).sum().backward()
    return mu.grad, log_var.grad


@pytest.mark.parametrize("baseline", [0.0, -4.0])
def test_the_gradient_of_the_score_function_surrogate_is_unbiased(baseline):
    mu_grad, log_var_grad = score_gradients(baseline)
    assert distance(mu_grad, slope(lambda mu: bound(mu, LOG_VAR), MU)) <= 4
    assert distance(log_var_grad, slope(lambda v: bound(MU, v), LOG_VAR)) <= 4


def test_it_finds_the_slope_of_a_second_moment():
    mu = torch.full((50_000, 1), 0.7).double().requires_grad_()
    z = (mu + draw(1, 50_000, 1, seed=7)).detach()
    surrogate = score_function_surrogate(
        log_normal(z, mu, torch.zeros(1).double()), (z**2).sum(-1))
    surrogate.sum().backward()
    assert distance(mu.grad, [2 * 0.7]) <= 4                # d/dmu (mu^2 + 1)


def test_the_baselines_share_of_the_gradient_has_mean_zero():
    with_it, without = score_gradients(baseline=-4.0), score_gradients()
    for one, other in zip(with_it, without, strict=True):
        assert distance(one - other, 0.0) <= 4
        assert (one - other).std() > 1                      # it is not nothing


def test_a_good_baseline_lowers_the_variance():
    near = score_gradients(baseline=bound(MU, LOG_VAR))[0].var(0)
    assert (near < 0.5 * score_gradients()[0].var(0)).all()


def test_the_surrogate_passes_on_the_gradient_of_f():
    theta = torch.tensor(2.0, requires_grad=True)
    f = theta * torch.tensor([[1.0, 3.0], [2.0, 5.0]])
    score_function_surrogate(torch.zeros(2, 2), f).sum().backward()
    assert theta.grad == 5.5                                # (1 + 3 + 2 + 5) / 2
