"""Layer 1. The SGVB estimators of sections 2.3 and 2.4 (eqs 4 to 8).

They take values that somebody else computed and put them together: no network, no
noise, no optimizer. L is the number of draws, M the number of datapoints.
"""


def reparameterize(mu, log_var, eps):
    """z = g_phi(eps, x) = mu + sigma * eps, with sigma = exp(log_var / 2)
    (eq. 4 for the Gaussian q of eq. 9).

    mu, log_var (M, J), eps (L, M, J) drawn from N(0, I). Returns z (L, M, J).
    """
    if mu.shape != log_var.shape or eps.shape[1:] != mu.shape or len(eps) == 0:
        raise ValueError(
            "reparameterize wants mu and log_var of shape (M, J) and eps of shape "
            f"(L, M, J), L >= 1, got mu {tuple(mu.shape)}, "
            f"log_var {tuple(log_var.shape)}, eps {tuple(eps.shape)}"
        )
    return mu + (0.5 * log_var).exp() * eps


def elbo_a(log_p_x_given_z, log_p_z, log_q_z_given_x):
    """Estimator A: (1/L) sum_l log p(x|z_l) + log p(z_l) - log q(z_l|x), in nats
    (eq. 6). All three (L, M). Returns (M,), one bound per datapoint."""
    _require_draws(log_p_x_given_z=log_p_x_given_z, log_p_z=log_p_z,
                   log_q_z_given_x=log_q_z_given_x)
    return (log_p_x_given_z + log_p_z - log_q_z_given_x).mean(0)


def elbo_b(kl, log_p_x_given_z):
    """Estimator B: -KL(q(z|x) || p(z)) + (1/L) sum_l log p(x|z_l), in nats (eq. 7).
    kl (M,), log_p_x_given_z (L, M). Returns (M,), one bound per datapoint."""
    _require_draws(log_p_x_given_z=log_p_x_given_z)
    if kl.shape != log_p_x_given_z.shape[1:]:
        raise ValueError(
            "elbo_b wants kl of shape (M,) and log_p_x_given_z of shape (L, M), got "
            f"{tuple(kl.shape)} and {tuple(log_p_x_given_z.shape)}"
        )
    return -kl + log_p_x_given_z.mean(0)


def minibatch_bound(elbo, n_data):
    """The bound of the full data set from a minibatch: (N / M) sum_i elbo_i, in nats
    (eq. 8). elbo (M,), n_data = N. Returns a scalar."""
    if elbo.ndim != 1 or not 1 <= len(elbo) <= n_data:
        raise ValueError(
            "minibatch_bound wants one bound per datapoint, shape (M,) with "
            f"1 <= M <= N, got shape {tuple(elbo.shape)} and N = {n_data}"
        )
    return n_data / len(elbo) * elbo.sum()


def score_function_surrogate(log_q_z_given_x, f, baseline=0.0):
    """A value whose gradient is the naive estimator of section 2.2:
    (f - baseline) grad log q(z|x) + grad f, averaged over the draws.

    log_q_z_given_x, f (L, M), at draws z that carry no gradient; f is
    log p(x, z) - log q(z|x) for the bound. A baseline that does not depend on z
    leaves the mean alone and may lower the variance. Returns (M,). It is no bound:
    only its gradient means something.
    """
    _require_draws(log_q_z_given_x=log_q_z_given_x, f=f)
    return ((f - baseline).detach() * log_q_z_given_x + f).mean(0)


def _require_draws(**values):
    shapes = {name: tuple(value.shape) for name, value in values.items()}
    first = next(iter(shapes.values()))
    if len(set(shapes.values())) > 1 or len(first) != 2 or first[0] == 0:
        got = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ValueError("wanted one value a draw and datapoint, shape (L, M) with "
                         f"L >= 1, got {got}")
