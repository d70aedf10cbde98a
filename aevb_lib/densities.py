"""Layer 0. Log-densities and the KL divergence, one value per datapoint, in nats."""

import math

import torch
import torch.nn.functional as F

LOG_2PI = math.log(2 * math.pi)


def log_normal(x, mu, log_var):
    """log N(x; mu, diag(sigma^2)) = sum_j -1/2 (log 2 pi + log sigma_j^2
    + (x_j - mu_j)^2 / sigma_j^2), in nats (eqs 9 and 12).

    x, mu, log_var (= log sigma^2): (..., J), the other axes broadcast.
    Returns (...). A last axis of different sizes is a ValueError.
    """
    _require_same_last_axis(x=x, mu=mu, log_var=log_var)
    return -0.5 * (LOG_2PI + log_var + (x - mu) ** 2 / log_var.exp()).sum(-1)


def log_standard_normal(z):
    """log N(z; 0, I), the prior p(z) of section 3, in nats. z (..., J) -> (...)."""
    return -0.5 * (LOG_2PI + z**2).sum(-1)


def log_bernoulli(x, logits):
    """log p(x|z) = sum_i x_i log y_i + (1 - x_i) log(1 - y_i), y = sigmoid(logits),
    in nats (eq. 11). It is computed from the logits, so it never takes log 0.

    x (..., D) in [0, 1], logits (..., D); the other axes broadcast. Returns (...).
    For x in {0, 1} this is a log probability. For grey x it is the mean log
    probability of the binary images that x, read as pixel probabilities, draws.
    A value outside [0, 1], NaN included, is a ValueError.
    """
    _require_same_last_axis(x=x, logits=logits)
    if x.numel() == 0:
        raise ValueError(f"a Bernoulli likelihood wants pixels, got x {tuple(x.shape)}")
    low, high = x.aminmax()
    if not (low >= 0 and high <= 1):
        raise ValueError(
            "a Bernoulli likelihood wants x in [0, 1], "
            f"got values from {low:.6g} to {high:.6g}"
        )
    x, logits = torch.broadcast_tensors(x, logits)
    return -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)


def kl_normal(mu, log_var):
    """KL(N(mu, diag(sigma^2)) || N(0, I))
    = -1/2 sum_j (1 + log sigma_j^2 - mu_j^2 - sigma_j^2), in nats (Appendix B).

    mu, log_var (= log sigma^2): (..., J). Returns (...), never negative.
    """
    _require_same_last_axis(mu=mu, log_var=log_var)
    return -0.5 * (1 + log_var - mu**2 - log_var.exp()).sum(-1)


def _require_same_last_axis(**tensors):
    sizes = {name: tuple(t.shape) for name, t in tensors.items()}
    if len({shape[-1:] for shape in sizes.values()}) > 1:
        got = ", ".join(f"{name} {shape}" for name, shape in sizes.items())
        raise ValueError(f"the last axes must have one size, got {got}")
