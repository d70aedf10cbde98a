"""Estimators A and B (eqs 6 and 7) while q walks to the posterior."""

import numpy as np
import traitlets as t

from ._live import LivePicture, page_file

DOTS = 400  # values of each estimator that the page gets, at most


class VarianceExplorer(LivePicture):
    """Walk q to the posterior: one-draw values of A and B, and their variances.

    mu, sigma: (T, J), the walk of q = N(mu, diag(sigma^2)), J = 1 or 2, T >= 2 steps.
    a, b: (T, L) values in nats of A (eq. 6) and B (eq. 7) for one datapoint, one draw
        each; column l is the same noise along the walk. The first 400 are shown.
    bound: (T,) the exact bound. posterior: its mean (J,) and covariance (J, J).
    log_evidence: log p(x) in nats, or None. var_a, var_b: (T,) exact variances of one
        draw in nats^2, or None: then those of the L values (L - 1 in the denominator).
    Errors: a ValueError says what was wanted and what came.

    The synced traits, set by page and kernel alike:
        step     where q is on its walk, 0 to T - 1
        playing  whether it walks
    """

    _esm = page_file("variance_explorer.js")
    _css = page_file("variance_explorer.css")
    _title = "Variance explorer"
    _saved = "step _meta _walk _a _b _curves".split()
    step = t.Int(0).tag(sync=True)
    playing = t.Bool(False).tag(sync=True)
    _meta = t.Dict().tag(sync=True)
    _walk = t.Bytes().tag(sync=True)
    _a = t.Bytes().tag(sync=True)
    _b = t.Bytes().tag(sync=True)
    _curves = t.Bytes().tag(sync=True)

    def __init__(
        self, mu, sigma, a, b, bound, posterior, *,
        log_evidence=None, var_a=None, var_b=None,
    ):
        mu = _as_floats("mu", mu, "(T, J)", (None, None))
        T, J = mu.shape
        if T < 2 or J not in (1, 2):
            raise ValueError(f"mu: wanted (T, J), T >= 2, J = 1 or 2, got {mu.shape}")
        sigma = _as_floats("sigma", sigma, "(T, J) as mu", mu.shape)
        if not (sigma > 0).all():
            raise ValueError(f"sigma: wanted more than 0, got {sigma.min()}")
        a = _as_floats("a", a, "(T, L)", (T, None))
        b = _as_floats("b", b, "(T, L) as a", a.shape)
        curves = [_as_floats("bound", bound, "(T,)", (T,))]
        for name, values, exact in (("var_a", a, var_a), ("var_b", b, var_b)):
            curves += _mean_and_variance(name, values, exact)
        mean, cov = _as_posterior(posterior, J)
        if log_evidence is not None:
            evidence = _as_floats("log_evidence", log_evidence, "a number", ())
            log_evidence = evidence.item()
        self._T, self._about = T, f"{T} steps to the posterior"
        super().__init__(
            _meta={"T": T, "J": J, "draws": a.shape[1], "dots": min(DOTS, a.shape[1]),
                   "mean": mean.tolist(), "cov": cov.tolist(), "evidence": log_evidence,
                   "exact": {"a": var_a is not None, "b": var_b is not None}},
            _walk=np.stack([mu, sigma]).astype("<f8").tobytes(),
            _a=a[:, :DOTS].astype("<f4").tobytes(),
            _b=b[:, :DOTS].astype("<f4").tobytes(),
            _curves=np.stack(curves).astype("<f8").tobytes(),
        )

    @t.validate("step")
    def _check_step(self, proposal):
        if not 0 <= proposal.value < self._T:
            raise ValueError(f"step: wanted 0 to {self._T - 1}, got {proposal.value}")
        return proposal.value


def _mean_and_variance(name, values, exact):
    """Of (T, L) values: their mean, its standard error, the variance of one draw."""
    n_draws = values.shape[1]
    if exact is None and n_draws < 2:
        wanted = f"L >= 2 draws, or {name}"
        raise ValueError(f"{name[-1]}: wanted {wanted}, got L = {n_draws}")
    sample = values.var(1, ddof=1) if n_draws > 1 else np.zeros(len(values))
    variance = sample
    if exact is not None:
        variance = _as_floats(name, exact, "(T,)", (len(values),))
        if not (variance >= 0).all():
            raise ValueError(f"{name}: wanted no negative number, got {variance.min()}")
    return values.mean(1), np.sqrt(sample / n_draws), variance


def _as_posterior(posterior, J):
    """Mean (J,) and positive definite covariance (J, J)."""
    if not isinstance(posterior, tuple | list) or len(posterior) != 2:
        raise ValueError(f"posterior: wanted a pair (mean, cov), got {posterior!r}")
    mean = _as_floats("posterior mean", posterior[0], f"({J},)", (J,))
    cov = _as_floats("posterior cov", posterior[1], f"({J}, {J})", (J, J))
    if not np.allclose(cov, cov.T) or not (np.linalg.eigvalsh(cov) > 0).all():
        raise ValueError("posterior cov: wanted a symmetric, positive definite matrix, "
                         f"got {cov.tolist()}")
    return mean, cov


def _as_floats(name, value, wanted, shape):
    """`value` as finite float64 of `shape`, where None stands for any size but 0."""
    if hasattr(value, "detach"):  # a torch tensor that carries a gradient
        value = value.detach().cpu()
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: wanted {wanted}, {error}") from error
    fits = len(shape) == array.ndim and all(
        size == (want or size) for size, want in zip(array.shape, shape, strict=True))
    if not fits or array.size == 0:
        raise ValueError(f"{name}: wanted {wanted}, got shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: wanted finite numbers, got NaN or infinity")
    return array
