"""Layer 1. Models whose every answer is known: the referee, in plain NumPy (float64).

`LinearGaussian` (E1 with D = J = 1, E2 with more) has its evidence, posterior and
bound in closed form. `BernoulliMLP` (E3) is the paper's own decoder (eq. 11) with two
latents, whose evidence `grid_posterior` sums on a grid that follows the posterior.
Nothing here knows an estimator. All values are in nats.
"""

from dataclasses import dataclass

import numpy as np

LOG_2PI = np.log(2 * np.pi)


def log_normal_full(x, mean, cov):
    """log N(x; mean, cov) with a full covariance. x (M, D), mean (M, D) or (D,),
    cov (D, D). Returns (M,)."""
    root = np.linalg.cholesky(cov)
    white = np.linalg.solve(root, (x - mean).T)                          # (D, M)
    log_det = 2 * np.log(np.diag(root)).sum()
    return -0.5 * (len(cov) * LOG_2PI + log_det + (white**2).sum(0))


def kl_gaussians(mean_q, cov_q, mean_p, cov_p):
    """KL(N(mean_q, cov_q) || N(mean_p, cov_p)). means (M, J), covs (J, J), (M,)."""
    J = len(cov_p)
    white = np.linalg.solve(np.linalg.cholesky(cov_p), (mean_q - mean_p).T)  # (J, M)
    trace = np.trace(np.linalg.solve(cov_p, cov_q))
    log_det = np.linalg.slogdet(cov_p)[1] - np.linalg.slogdet(cov_q)[1]
    return 0.5 * (trace + (white**2).sum(0) - J + log_det)


@dataclass
class LinearGaussian:
    """p(z) = N(0, I), p(x|z) = N(W z + b, s2 I): factor analysis with equal noise,
    probabilistic PCA. W (D, J), b (D,), s2 the noise variance, above 0."""

    W: np.ndarray
    b: np.ndarray
    s2: float

    def __post_init__(self):
        self.W, self.b = np.asarray(self.W, float), np.asarray(self.b, float)
        self.s2 = float(self.s2)
        if self.W.ndim != 2 or 0 in self.W.shape or self.b.shape != self.W.shape[:1]:
            raise ValueError("LinearGaussian wants W (D, J) with D, J >= 1 and b (D,), "
                             f"got W {self.W.shape}, b {self.b.shape}")
        if not self.s2 > 0:
            raise ValueError(f"the noise variance s2 must be above 0, got {self.s2}")
        if not (np.isfinite(self.W).all() and np.isfinite(self.b).all()):
            raise ValueError(f"W and b must be finite, got W {self.W}, b {self.b}")

    @property
    def precision(self):
        """Lambda = I + W^T W / s2, the inverse covariance of p(z|x) for every x."""
        return np.eye(self.W.shape[1]) + self.W.T @ self.W / self.s2

    def sample(self, n, rng):
        """n draws from the model: z (n, J), x (n, D)."""
        z = rng.standard_normal((n, self.W.shape[1]))
        noise = rng.standard_normal((n, len(self.b)))
        return z, z @ self.W.T + self.b + np.sqrt(self.s2) * noise

    def log_p_x_given_z(self, x, z):
        """log N(x; W z + b, s2 I). x (M, D), z (..., M, J). Returns (..., M)."""
        square = ((x - z @ self.W.T - self.b) ** 2).sum(-1)
        return -0.5 * (len(self.b) * (LOG_2PI + np.log(self.s2)) + square / self.s2)

    def log_evidence(self, x):
        """log p(x) = log N(x; b, W W^T + s2 I). x (M, D). Returns (M,)."""
        self._require(x)
        cov = self.W @ self.W.T + self.s2 * np.eye(len(self.b))
        return log_normal_full(x, self.b, cov)

    def posterior(self, x):
        """p(z|x) = N(mean, cov): mean (M, J) = (x - b) W / s2 cov, cov (J, J)."""
        self._require(x)
        cov = np.linalg.inv(self.precision)
        return (x - self.b) @ self.W / self.s2 @ cov, cov

    def best_diagonal(self, x):
        """The diagonal Gaussian nearest to p(z|x) in KL(q || p): its mean, and
        variances 1 / Lambda_jj. x (M, D). Returns mu (M, J), var (J,)."""
        return self.posterior(x)[0], 1 / np.diag(self.precision)

    def gap(self):
        """KL from the best diagonal q to p(z|x), the same for every x:
        1/2 (sum_j log Lambda_jj - log |Lambda|)."""
        precision = self.precision
        log_det = np.linalg.slogdet(precision)[1]
        return 0.5 * (np.log(np.diag(precision)).sum() - log_det)

    def bound(self, x, mean, cov):
        """E_q[log p(x|z)] - KL(q || p(z)) for q = N(mean, cov), with no sampling:
        eq. 3 in closed form. x (M, D), mean (M, J), cov (J, J). Returns (M,)."""
        self._require(x)
        spread = np.trace(self.W @ cov @ self.W.T) / self.s2
        reconstruction = self.log_p_x_given_z(x, mean) - 0.5 * spread
        J = self.W.shape[1]
        return reconstruction - kl_gaussians(mean, cov, np.zeros(J), np.eye(J))

    @classmethod
    def maximum_likelihood(cls, x, J):
        """The model with the highest evidence for x (N, D): probabilistic PCA
        (Tipping and Bishop 1999). Its noise is the mean of the D - J eigenvalues
        of the covariance that it leaves out; W spans the J that it keeps."""
        if np.ndim(x) != 2:
            raise ValueError(f"wanted x of shape (N, D), got {np.shape(x)}")
        if not 1 <= J < x.shape[1]:
            raise ValueError(f"wanted 1 <= J < D = {x.shape[1]}, got J = {J}")
        values, vectors = np.linalg.eigh(np.cov(x.T, bias=True))         # ascending
        s2 = values[:-J].mean()
        W = vectors[:, -J:] * np.sqrt(np.maximum(values[-J:] - s2, 0))
        return cls(W, x.mean(0), s2)

    def _require(self, x):
        if np.ndim(x) != 2 or np.shape(x)[1] != len(self.b):
            raise ValueError(f"this model wants x (M, {len(self.b)}), "
                             f"got {np.shape(x)}")


@dataclass
class BernoulliMLP:
    """The decoder of eq. 11 in NumPy: y = sigmoid(W2 tanh(W1 z + b1) + b2).
    W1 (H, J), b1 (H,), W2 (D, H), b2 (D,)."""

    W1: np.ndarray
    b1: np.ndarray
    W2: np.ndarray
    b2: np.ndarray

    def logits(self, z):
        """z (..., J) -> (..., D)."""
        return np.tanh(z @ self.W1.T + self.b1) @ self.W2.T + self.b2

    def log_p_x_given_z(self, x, z):
        """log p(x|z) of one x (D,) at many z (n, J). Returns (n,)."""
        logits = self.logits(z)
        return logits @ x - np.logaddexp(0, logits).sum(-1)

    def posterior(self, x, **grid):
        """`grid_posterior` of one image x (D,), for J = 2 latents."""
        if self.W1.shape[1] != 2 or np.shape(x) != self.b2.shape:
            raise ValueError(f"a grid wants 2 latents and one x {self.b2.shape}, got "
                             f"{self.W1.shape[1]} latents and x {np.shape(x)}")

        def log_joint(z):
            return self.log_p_x_given_z(x, z) - LOG_2PI - 0.5 * (z**2).sum(-1)
        return grid_posterior(log_joint, **grid)

    def log_evidence(self, x, **grid):
        """log p(x) for each row of x (M, D), summed on the grid. Returns (M,)."""
        return np.array([self.posterior(row, **grid).log_evidence for row in x])


@dataclass
class GridPosterior:
    """log p(x), and p(z|x) as points z (n, 2) with weights (n,) that sum to 1, each
    the probability of a square of area `cell` around its point."""

    log_evidence: float
    z: np.ndarray
    weight: np.ndarray
    cell: float

    def mean(self):
        return self.weight @ self.z                                      # (2,)

    def cov(self):
        centred = self.z - self.mean()
        return (self.weight[:, None] * centred).T @ centred              # (2, 2)


def grid_posterior(log_joint, reach=6.5, n_coarse=66, tolerance=1e-9, max_passes=9):
    """Sum exp(log_joint) over the plane: log p(x) and p(z|x) for two latents.

    log_joint: z (n, 2) -> log p(x, z) (n,), in float64. The square
    [-reach, reach]^2 is cut into n_coarse^2 squares. Those near the best one are cut
    into 3 x 3, again and again, until log p(x) moves by less than `tolerance`. "Near"
    is 300 nats at first, so that every mode that the coarse pass sees is followed, and
    35 nats once squares are fine (what lies farther weighs less than 1e-15). The
    midpoint rule converges faster than any power of the width once a square is
    narrower than the posterior. A posterior narrower than 1/20 of the first squares (a
    standard deviation of 0.01 by default) wants a larger n_coarse. Returns a
    GridPosterior; a log p(x) that does not settle, or needs more than 3 million points,
    is an ArithmeticError.
    """
    width = 2 * reach / n_coarse
    ticks = (np.arange(n_coarse) + 0.5) * width - reach
    z = np.stack(np.meshgrid(ticks, ticks, indexing="ij"), -1).reshape(-1, 2)
    thirds = np.stack(np.meshgrid([-1, 0, 1], [-1, 0, 1], indexing="ij"), -1)
    before = np.inf
    for number in range(max_passes):
        log_p = np.concatenate([log_joint(part) for part in _parts(z)])
        if log_p.shape != z.shape[:1] or not np.isfinite(log_p.max()):
            raise ValueError("wanted one finite log p(x, z) a point, shape "
                             f"{z.shape[:1]}, got shape {log_p.shape} and a largest "
                             f"value of {log_p.max()}")
        best = log_p.max()
        log_evidence = best + np.log(np.exp(log_p - best).sum() * width**2)
        if abs(log_evidence - before) < tolerance:
            weight = np.exp(log_p - log_evidence)
            weight /= weight.sum()
            return GridPosterior(float(log_evidence), z, weight, width**2)
        before, nats = log_evidence, (300, 100)[number] if number < 2 else 35
        width /= 3
        corners = z[log_p > best - nats]
        if 9 * len(corners) > 3_000_000:
            break
        z = (corners[:, None] + width * thirds.reshape(1, 9, 2)).reshape(-1, 2)
    raise ArithmeticError(f"log p(x) did not settle after {number + 1} passes; "
                          "try a larger n_coarse")


def _parts(z, rows=4096):
    return np.array_split(z, -(-len(z) // rows))
