"""Layer 0. The inverse of a CDF found numerically, with its gradient: for any F in one
dimension, and, quicker, for the Gamma distribution with a real shape.

A search finds z0 with F(z0; phi) = u and keeps no gradient. One more step of Newton's,
z = z0 - (F(z0; phi) - u) / p(z0) with z0 and p held fixed, leaves z where it is and
carries the gradient: dz/dphi = -(dF/dphi) / p and dz/du = 1 / p, which is implicit
differentiation (Figurnov, Mohamed and Mnih 2018). First derivatives only.
"""

import torch


def numerical_inverse(cdf, u, low, high, survival=None):
    """z in [low, high] with F(z; phi) = u, differentiable in phi and in u: the last
    resort of section 2.4. The search is bisection.

    cdf: z -> F(z; phi), elementwise, differentiable in z and in the phi that it holds,
    with a density above 0 at the answer. survival: z -> 1 - F(z; phi), where it is
    known without the subtraction; it is solved instead for u >= 1/2, so that the upper
    tail is as exact as the lower. u, low, high and phi broadcast. u outside (0, 1), or
    not between F(low) and F(high), is a ValueError.
    """
    require_uniform(u)
    survival = survival or (lambda z: 1 - cdf(z))

    def residual(z):
        return torch.where(u < 0.5, cdf(z) - u, (1 - u) - survival(z))

    low, high = (torch.as_tensor(end, dtype=u.dtype) for end in (low, high))
    with torch.no_grad():
        z0 = _bisect(residual, low, high).requires_grad_()
    with torch.enable_grad():
        density, = torch.autograd.grad(residual(z0).sum(), z0)
    z0 = z0.detach()
    return z0 - residual(z0) / density


def _bisect(residual, low, high):
    """The z in [low, high] at which an increasing residual crosses 0."""
    at_low, at_high = residual(low), residual(high)
    if not ((at_low <= 0) & (at_high >= 0)).all():
        raise ValueError("wanted F(low) <= u <= F(high), got F(low) - u up to "
                         f"{at_low.max():.6g} and F(high) - u from {at_high.min():.6g}")
    low, high, _ = torch.broadcast_tensors(low, high, at_low)
    for _ in range(100):
        z = (low + high) / 2
        if ((z == low) | (z == high)).all():
            break
        below = residual(z) < 0
        low, high = torch.where(below, z, low), torch.where(below, high, z)
    return z


def log_gamma_quantile(u, shape):
    """log z with P(shape, z) = u, the quantile of a Gamma(shape, 1), differentiable in
    both. In logs, because a small shape has quantiles below every float64.

    With t = log z, log P(a, e^t) and log Q(a, e^t) are concave in t, so Newton's steps
    on the first never pass the root from below, nor on the second from above. They
    start at bounds: P(a, z) <= z^a / Gamma(a + 1) and Q(a, a + sqrt(2 a s) + s) <=
    exp(-s). Q is solved above z = a + 0.3, P elsewhere: what is small is exact.
    """
    require_uniform(u)
    u, a = torch.broadcast_tensors(u, torch.as_tensor(shape, dtype=u.dtype))

    def newton(t):
        log_tail = _log_gamma_tail(a, t, upper)
        log_p = a * t - torch.exp(t) - torch.lgamma(a)           # the density of t
        slope = sign * torch.exp(log_p - log_tail).detach()
        log_u = torch.where(upper, torch.log1p(-u), torch.log(u))
        return t - (log_tail - log_u) / slope

    with torch.no_grad():
        s = -torch.log1p(-u)
        upper = -s < _log_gamma_tail(a, torch.log(a + 0.3), torch.ones_like(u) > 0)
        sign = torch.where(upper, -1.0, 1.0).to(u)
        t = torch.where(upper, torch.log(a + torch.sqrt(2 * a * s) + s),
                        (torch.log(u) + torch.lgamma(a + 1)) / a)
        for _ in range(50):
            before, t = t, newton(t)
            if ((t - before).abs() <= torch.finfo(u.dtype).eps ** 0.5 * t.abs()).all():
                break
    return newton(t)


def _log_gamma_tail(a, t, upper):
    """log Q(a, e^t) where upper, else log P(a, e^t): the regularised incomplete gammas,
    differentiable in a, which torch's own are not. Both are the integral of
    exp(a s - e^s) / Gamma(a) over s, from t upwards or downwards, here by 100 points of
    a double exponential rule (13 digits for a from 1e-3 to 1e4)."""
    z, shape = torch.exp(t.detach()), a.detach()
    width = (z - shape).abs() + torch.sqrt(z)
    width = 1 / torch.where(upper, width, torch.minimum(width, shape))[..., None]
    r = width * _NODES.to(z)
    s = (t[..., None] + torch.where(upper[..., None], r, -r)).clamp(max=60)
    log_terms = torch.log(width) + _LOG_WEIGHTS.to(z) + a[..., None] * s - torch.exp(s)
    return torch.logsumexp(log_terms, -1) - torch.lgamma(a)


_Y = torch.linspace(-3.7, 4.0, 100, dtype=torch.float64)
_NODES = torch.exp(_Y - torch.exp(-_Y))                         # from 0 to infinity
_LOG_WEIGHTS = torch.log((_Y[1] - _Y[0]) * (1 + torch.exp(-_Y)) * _NODES)


def require_uniform(u):
    """A ValueError unless u is a tensor with every value strictly between 0 and 1."""
    if not torch.is_tensor(u):
        raise ValueError(f"wanted uniform noise u as a tensor, got {type(u).__name__}")
    if not ((u > 0) & (u < 1)).all():
        raise ValueError("wanted u strictly between 0 and 1, got values from "
                         f"{u.min():.6g} to {u.max():.6g}")
