"""aevb_lib.densities against scipy.stats, sums over all images, quadrature, and
finite differences."""

from itertools import product

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from aevb_lib.densities import (
    kl_normal, log_bernoulli, log_normal, log_standard_normal,
)

PAIRS = [(0.0, 0.0), (0.7, -1.2), (-2.0, 0.9), (0.1, 2.0)]        # mu, log sigma^2


def draw(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def all_images(D):
    """Every binary image of D pixels, (2^D, D)."""
    return torch.tensor(list(product([0.0, 1.0], repeat=D)), dtype=torch.float64)


def test_log_normal_is_scipys():
    x, mu, log_var = draw(3, 6, 4)
    sigma = np.exp(log_var.numpy() / 2)
    want = stats.norm.logpdf(x, mu, sigma).sum(-1)
    np.testing.assert_allclose(log_normal(x, mu, log_var), want, rtol=1e-13)


def test_log_normal_takes_draws_against_datapoints():
    z, mu, log_var = draw(5, 6, 2), draw(6, 2, seed=1), draw(6, 2, seed=2)
    got = log_normal(z, mu, log_var)
    want = torch.stack([log_normal(row, mu, log_var) for row in z])
    assert got.shape == (5, 6) and torch.equal(got, want)


@pytest.mark.parametrize("mu, log_var", PAIRS)
def test_a_normal_density_integrates_to_one(mu, log_var):
    def p(x):
        values = torch.tensor([[x], [mu], [log_var]], dtype=torch.float64)
        return log_normal(*values).exp().item()
    assert integrate.quad(p, mu - 30, mu + 30, points=[mu])[0] == pytest.approx(1)


def test_log_standard_normal_is_scipys():
    z = draw(3, 6, 4)
    want = stats.norm.logpdf(z).sum(-1)
    np.testing.assert_allclose(log_standard_normal(z), want, rtol=1e-13)


def test_the_prior_is_a_normal_with_mean_0_and_log_var_0():
    z = draw(6, 4)
    want = log_normal(z, torch.zeros(4), torch.zeros(4))
    torch.testing.assert_close(log_standard_normal(z), want)


def test_log_bernoulli_is_scipys():
    x, logits = (draw(6, 4) > 0).double(), 3 * draw(6, 4, seed=1)
    want = stats.bernoulli.logpmf(x, torch.sigmoid(logits)).sum(-1)
    np.testing.assert_allclose(log_bernoulli(x, logits), want, rtol=1e-12)


def test_the_probabilities_of_all_images_sum_to_one():
    logits = 3 * draw(8)
    total = log_bernoulli(all_images(8), logits.expand(256, 8)).exp().sum()
    assert total.item() == pytest.approx(1, abs=1e-13)


def test_the_other_axes_of_log_bernoulli_broadcast_both_ways():
    x, logits = all_images(3), draw(5, 1, 3)
    want = log_bernoulli(x, logits.expand(5, 8, 3))
    assert torch.equal(log_bernoulli(x, logits), want)


def test_log_bernoulli_never_takes_log_0():
    x = torch.tensor([[1.0], [0.0], [1.0]], dtype=torch.float64)
    logits = torch.tensor([[1000.0], [1000], [-1000]], dtype=torch.float64)
    logits.requires_grad_()
    value = log_bernoulli(x, logits)
    assert value.tolist() == [0, -1000, -1000]
    value.sum().backward()
    assert logits.grad.flatten().tolist() == [0, -1, 1]


def test_for_grey_x_it_is_the_mean_over_the_binary_images_that_x_draws():
    grey, logits, images = torch.sigmoid(draw(6)), 2 * draw(6, seed=1), all_images(6)
    chance = (grey**images * (1 - grey) ** (1 - images)).prod(-1)
    want = (chance * log_bernoulli(images, logits.expand(64, 6))).sum()
    torch.testing.assert_close(log_bernoulli(grey, logits), want)


@pytest.mark.parametrize("mu, log_var", PAIRS)
def test_kl_normal_is_the_integral_that_defines_it(mu, log_var):
    q, p = stats.norm(mu, np.exp(log_var / 2)), stats.norm()
    want = integrate.quad(lambda z: q.pdf(z) * (q.logpdf(z) - p.logpdf(z)),
                          *q.interval(1 - 1e-15), epsabs=1e-12)[0]
    got = kl_normal(*torch.tensor([[mu], [log_var]], dtype=torch.float64)).item()
    assert got == pytest.approx(want, abs=1e-11)


def test_kl_normal_sums_over_latents_alone():
    mu, log_var = draw(2, 6, 3)
    columns = [kl_normal(mu[:, [j]], log_var[:, [j]]) for j in range(3)]
    torch.testing.assert_close(kl_normal(mu, log_var), sum(columns))


def test_kl_normal_is_zero_at_the_prior_and_above_it_elsewhere():
    assert kl_normal(torch.zeros(3), torch.zeros(3)) == 0
    assert (kl_normal(*draw(2, 1000, 3)) > 0).all()


@pytest.mark.parametrize("f, shapes", [
    (log_normal, [(4, 3)] * 3),
    (log_normal, [(2, 4, 3), (4, 3), (4, 3)]),
    (log_standard_normal, [(4, 3)]),
    (lambda logits: log_bernoulli(torch.tensor([0.0, 0.3, 1.0]).double(), logits),
     [(4, 3)]),
    (kl_normal, [(4, 3)] * 2),
], ids=["log_normal", "log_normal_of_draws", "prior", "log_bernoulli", "kl_normal"])
def test_gradients_are_those_of_finite_differences(f, shapes):
    points = [draw(*shape, seed=i).requires_grad_() for i, shape in enumerate(shapes)]
    assert torch.autograd.gradcheck(f, points)
