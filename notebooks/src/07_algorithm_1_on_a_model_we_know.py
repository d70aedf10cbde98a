# %% [markdown] key="title"
# # 07 · Algorithm 1 on a model that we know
#
# *Does the paper's algorithm, run line by line, find the answer when the answer is
# known?*
#
# **After this you can**
#
# - write each line of Algorithm 1 as a line of code, and check its gradient;
# - say which part of "evidence = bound + KL" each of $\theta$ and $\phi$ moves;
# - measure what a diagonal $q$, a poor encoder, a small minibatch and a bad start cost.
#
# **Paper**: section 2.3, Algorithm 1, equations 1, 7 and 8, the settings of section 5 ·
# **Study**: 60 minutes for sections 1 to 7, 25 for 8 and 9 (optional, for a second
# reading) · **Running**: 15 seconds · **You need**: the bound (lesson 02), the
# trick (04) and the estimators (06); each equation used is stated again here.

# %% [markdown] key="self-test"
# **Three questions first.**
#
# 1. The evidence is the sum of two terms, $\log p(x) = \dots + \dots$ Which two?
# 2. $z \sim \mathcal N(\mu, \sigma^2)$. Write $z$ so that $\mu$ and $\sigma$ can be
#    differentiated.
# 3. What is $\partial / \partial b$ of $\log \mathcal N(x;\, b, s^2)$?
#
# <details><summary>Answers</summary>
#
# 1. The KL divergence from $q(z|x)$ to the posterior $p(z|x)$, and the bound (eq. 1).
# 2. $z = \mu + \sigma \epsilon$ with $\epsilon \sim \mathcal N(0, 1)$ (eq. 4).
# 3. $(x - b) / s^2$.
#
# </details>

# %% [markdown] key="question"
# An algorithm can run and still be wrong. With images nobody knows the right answer, so
# a wrong factor can hide for weeks. Here every answer is known to ten digits, and each
# line of the algorithm has to meet it.

# %% [markdown] key="section-1"
# ## 1. A model with known answers
#
# Two latents, five coordinates, everything Gaussian:
#
# $$ p(z) = \mathcal N(0, I), \qquad p_\theta(x|z) = \mathcal N(W z + b,\; s^2 I),
# \qquad \theta = (W, b, \log s^2) \tag{07.1} $$
#
# This is probabilistic PCA; section 4 of the paper names its limit $s^2 \to 0$, which
# is PCA itself. We choose a $\theta$, draw $N = 1000$ datapoints from the model, and
# then hide that $\theta$ from the algorithm.

# %% key="setup"
import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython.display import display
from aevb_lib import check, check_mc, exact, exercise, plots
from aevb_lib.plots import BOUND, NOISE, P, Q

plots.use_style()

# %% key="model"
W_true = [[2, 1.5], [1, 1.5], [0.5, 1], [-1, 0], [0, 1]]
truth = exact.LinearGaussian(W_true, [1, 0, -1, 0.5, 2], s2=0.5)
_, x_all = truth.sample(1000, np.random.default_rng(0))
N, D, J = 1000, 5, 2
print("data set", x_all.shape, "  first datapoint", x_all[0].round(2))

# %% key="first-picture"
fig, ax = plt.subplots(figsize=(6.4, 4.2))
ax.scatter(*x_all[:, :2].T, s=5, color=NOISE, alpha=0.5)
cov_x = truth.W @ truth.W.T + truth.s2 * np.eye(D)
plots.gaussian_ellipse(truth.b[:2], cov_x[:2, :2], ax, color=P)
for j, column in enumerate(truth.W.T):
    ax.annotate("", truth.b[:2] + 2 * column[:2], truth.b[:2],
                arrowprops={"arrowstyle": "->", "color": P, "lw": 2})
    ax.text(*(truth.b[:2] + 2.3 * column[:2]), f"$w_{j + 1}$", color=P, fontsize=13,
            ha="center", va="center",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1})
ax.set(xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
plt.show()

# %% [markdown] key="first-picture-words"
# *In words:* the first two of the five coordinates, a cloud of 1,000 points stretched
# from lower left to upper right. The ellipse of two standard deviations of $p(x)$ fits
# it. Two arrows, the columns $w_1$ and $w_2$ of $W$, are far from orthogonal. Remember
# that: it will matter.

# %% [markdown] key="evidence"
# The evidence of one datapoint is known: a sum of Gaussians is Gaussian, so
#
# $$ \log p_\theta(x) = \log \mathcal N(x;\; b,\; W W^T + s^2 I) \tag{07.2} $$
#
# Even its maximum over $\theta$ is known (Tipping and Bishop, 1999): $W$ spans the two
# widest directions of the data's covariance, and $s^2$ is the mean variance in the
# other three. We call that maximum the *ceiling*.
#
# **Predict**: is the evidence of the true $\theta$ above the ceiling, on it or below
# it?

# %% key="ceiling"
best = exact.LinearGaussian.maximum_likelihood(x_all, J)
ceiling = best.log_evidence(x_all).mean()
print(f"evidence of the true theta  {truth.log_evidence(x_all).mean():.4f} nats")
print(f"ceiling                     {ceiling:.4f} nats")

# %% [markdown] key="ceiling-words"
# Below it, by 0.008 nats: the best $\theta$ for *these* 1,000 points is not the one
# that made them. All values here are means per datapoint, in nats. The task for the
# algorithm: climb to the ceiling without ever being told (07.2).

# %% [markdown] key="eq1"
# ### The identity behind everything
#
# For any $q$ (lesson 02):
#
# $$ \log p_\theta(x) = \mathrm{KL}\big(q_\phi(z|x) \,\|\, p_\theta(z|x)\big) +
# \mathcal L(\theta, \phi; x) \tag{KW 1} $$
#
# The KL is never negative, so the bound $\mathcal L$ lies below the evidence, and the
# KL is the gap between them. Three levels, always in this order: **bound $\le$ evidence
# $\le$ ceiling**. We check it at a $q$ that is wrong on purpose.

# %% key="eq1-check"
rng = np.random.default_rng(1)
mean_q, cov_q = rng.standard_normal((N, J)), np.diag([0.3, 1.7])
kl = exact.kl_gaussians(mean_q, cov_q, *truth.posterior(x_all))
bound = truth.bound(x_all, mean_q, cov_q)
check("eq1", kl + bound, truth.log_evidence(x_all))
print(f"bound {bound.mean():.2f} <= evidence {truth.log_evidence(x_all).mean():.2f}")

# %% [markdown] key="eq1-words"
# The three numbers were computed by three formulas that do not use each other, for each
# of the 1,000 datapoints. A $q$ that ignores $x$ costs many nats.

# %% [markdown] key="section-2"
# ## 2. A linear encoder is enough
#
# Which encoder does this model need? Take the logarithm of Bayes' rule and keep what
# depends on $z$.
#
# *Bayes*: $\log p(z|x) = \log p(z) + \log p(x|z) + \text{const}$.
#
# *Insert the two Gaussians*:
# $\; -\tfrac12 z^T z - \tfrac{1}{2 s^2} \| x - b - W z \|^2 + \text{const}$.
#
# *Collect powers of $z$*:
# $\; -\tfrac12 z^T \Lambda z + z^T W^T (x - b) / s^2 + \text{const}$,
# with $\Lambda = I + W^T W / s^2$.
#
# *Complete the square*: a Gaussian whose precision is $\Lambda$ and whose mean $m(x)$
# solves $\Lambda\, m = W^T (x - b) / s^2$:
#
# $$ p(z|x) = \mathcal N\big(\Lambda^{-1} W^T (x - b) / s^2,\; \Lambda^{-1}\big)
# \tag{07.3} $$

# %% [markdown] key="posterior-words"
# The mean is *linear* in $x$. The covariance does not contain $x$ at all. So an encoder
# that is a matrix, an offset and one vector $\log \sigma^2$ for all datapoints can be
# as good as any diagonal Gaussian.
#
# The check goes another way: condition the joint Gaussian of $(z, x)$. Given $x$, $z$
# has mean $\mathrm{Cov}(z, x)\, \mathrm{Cov}(x)^{-1} (x - b)$ and covariance
# $I - \mathrm{Cov}(z, x)\, \mathrm{Cov}(x)^{-1}\, \mathrm{Cov}(x, z)$. Here
# $\mathrm{Cov}(z, x) = W^T$, and (07.2) holds $\mathrm{Cov}(x)$.

# %% key="posterior-check"
V = np.linalg.solve(truth.precision, truth.W.T) / truth.s2        # (J, D), 07.3
c = -V @ truth.b
cov_x = truth.W @ truth.W.T + truth.s2 * np.eye(D)                # 07.2
regression = truth.W.T @ np.linalg.inv(cov_x)                     # Cov(z, x) Cov(x)^-1
check("eq07-3 mean", x_all @ V.T + c, (x_all - truth.b) @ regression.T)
check("eq07-3 cov", np.linalg.inv(truth.precision), np.eye(J) - regression @ truth.W)

# %% [markdown] key="parameters"
# So these are all the parameters, as plain tensors:
#
# | | what | shape |
# |---|---|---|
# | $\theta$ | `W`, `b`, `log_s2` | (5, 2), (5,), () |
# | $\phi$ | `V`, `c`, `log_var` | (2, 5), (2,), (2,) |
#
# The decoder gives the mean $W z + b$ of $x$. The encoder gives the mean
# $\mu(x) = V x + c$ of $z$, and `log_var` is $\log \sigma^2$ of its two coordinates.
# The posterior's covariance $\Lambda^{-1}$ is not diagonal, and our $q$ is. Section 5
# shows what that does.

# %% key="start"
def start(start_sd, seed):
    """theta = [W, b, log_s2] and phi = [V, c, log_var], drawn from N(0, start_sd^2)."""
    generator = torch.Generator().manual_seed(seed)
    shapes = [(D, J), (D,), (), (J, D), (J,), (J,)]
    draws = [start_sd * torch.randn(shape, generator=generator, dtype=torch.float64)
             for shape in shapes]
    tensors = [draw.requires_grad_() for draw in draws]
    return tensors[:3], tensors[3:]

# %% [markdown] key="levels-text"
# One more tool: the three levels for any $\theta$ and $\phi$, exact, from the referee
# `aevb_lib.exact`. The algorithm never calls it.

# %% key="levels"
def referee(theta):
    """The exact model that has these parameters."""
    W, b, log_s2 = (tensor.detach().numpy() for tensor in theta)
    return exact.LinearGaussian(W, b, np.exp(log_s2))


def levels(theta, phi):
    """Exact bound and evidence, means per datapoint, in nats."""
    V, c, log_var = (tensor.detach().numpy() for tensor in phi)
    model = referee(theta)
    bound = model.bound(x_all, x_all @ V.T + c, np.diag(np.exp(log_var)))
    return bound.mean(), model.log_evidence(x_all).mean()

# %% key="levels-try"
theta, phi = start(0.3, seed=3)
bound, evidence = levels(theta, phi)
print(f"bound {bound:.2f} <= evidence {evidence:.2f} <= ceiling {ceiling:.2f}")

# %% [markdown] key="section-3"
# ## 3. Algorithm 1, line by line
#
# | the paper | the code |
# |---|---|
# | $\theta, \phi \leftarrow$ initialise | `theta, phi = start(0.01, seed=0)` |
# | **repeat** | `for step in range(n_steps):` |
# | $X^M \leftarrow$ random minibatch of $M$ datapoints | `x = X[torch.randperm(N)[:M]]` |
# | $\epsilon \leftarrow$ random samples from $p(\epsilon)$ | `eps = torch.randn(L, M, J)` |
# | $g \leftarrow \nabla_{\theta, \phi}\, \tilde{\mathcal L}^M(\theta, \phi; X^M, \epsilon)$, gradient of eq. 8 | `g = torch.autograd.grad(bound, theta + phi)` |
# | $\theta, \phi \leftarrow$ update with $g$ (SGD, Adagrad) | `adagrad(theta + phi, g, ...)` |
# | **until** convergence | |
#
# We build the fifth row, the only one with mathematics in it. First eq. 7, then eq. 8.

# %% [markdown] key="eq7"
# **Estimator B** (lesson 06). The KL to the prior is known in closed form
# (Appendix B); only the other term is sampled:
#
# $$ \tilde{\mathcal L}^B(\theta, \phi; x) = -\mathrm{KL}\big(q_\phi(z|x) \,\|\, p(z)\big) +
# \frac1L \sum_{l=1}^{L} \log p_\theta(x | z_l), \qquad
# z_l = \mu(x) + \sigma \odot \epsilon_l \tag{KW 7} $$
#
# Its mean over $\epsilon$ is the bound $\mathcal L$ itself.

# %% key="elbo"
LOG_2PI = np.log(2 * np.pi)


def elbo(theta, phi, x, eps):
    """Eq. 7, in nats. x (M, D), eps (L, M, J). Returns (M,), one bound a datapoint."""
    (W, b, log_s2), (V, c, log_var) = theta, phi
    mu = x @ V.T + c                                              # (M, J)
    z = mu + (0.5 * log_var).exp() * eps                          # (L, M, J)
    square = ((x - z @ W.T - b) ** 2).sum(-1)                     # (L, M)
    log_p_x_given_z = -0.5 * (D * (LOG_2PI + log_s2) + square / log_s2.exp())
    kl = -0.5 * (1 + log_var - mu**2 - log_var.exp()).sum(-1)     # (M,)
    return -kl + log_p_x_given_z.mean(0)

# %% [markdown] key="eq7-check-text"
# The check: 5,000 estimates with $L = 2$ for each of three datapoints, at wrong
# $\theta$ and $\phi$, against the exact bound.

# %% key="eq7-check"
rng = np.random.default_rng(2)
eps = torch.tensor(rng.standard_normal((5000, 2, 3, J)))          # 5,000 times L = 2
samples = torch.stack([elbo(theta, phi, torch.tensor(x_all[:3]), e) for e in eps])
V, c, log_var = (tensor.detach().numpy() for tensor in phi)
want = referee(theta).bound(x_all[:3], x_all[:3] @ V.T + c, np.diag(np.exp(log_var)))
check_mc("eq7", samples, want)

# %% [markdown] key="eq8"
# **The minibatch** (lesson 06). $M$ of the $N$ datapoints stand for all:
#
# $$ \tilde{\mathcal L}^M(\theta, \phi; X^M) = \frac NM \sum_{i=1}^{M}
# \tilde{\mathcal L}(\theta, \phi; x_i) \tag{KW 8} $$
#
# $N/M$ multiplies the *whole* sum, both terms of each datapoint. It is no weight on the
# KL. The check: cut the data into ten minibatches of 100. The mean of their ten
# estimates must be the full sum, exactly.

# %% key="eq8-check"
X = torch.tensor(x_all)
eps = torch.tensor(rng.standard_normal((2, N, J)))
each = elbo(theta, phi, X, eps).detach()                          # (N,)
estimates = torch.stack([N / 100 * part.sum() for part in each.split(100)])
check("eq8", estimates.mean() / N, each.mean())
print("ten estimates, nats per datapoint:", (estimates / N).numpy().round(1))

# %% [markdown] key="library"
# From here on the last line of `elbo` could be `aevb_lib.sgvb.elbo_b` and eq. 8 is
# `minibatch_bound`. They are the same lines:

# %% key="library-check"
from aevb_lib import elbo_b, kl_normal, log_normal, minibatch_bound, reparameterize

mu = X @ phi[0].T + phi[1]
spread = phi[2].expand(N, J)
z = reparameterize(mu, spread, eps)                               # eq. 4
log_p_x_given_z = log_normal(X, z @ theta[0].T + theta[1], theta[2].expand(D))
check("library", elbo_b(kl_normal(mu, spread), log_p_x_given_z), each)
check("library eq8", minibatch_bound(each[:100], N), estimates[0])

# %% [markdown] key="round"
# ### One round by hand
#
# Three datapoints, one draw each. Rows 3 and 4 of the table:

# %% key="round-draw"
rng = np.random.default_rng(5)
M, L = 3, 1
chosen = rng.permutation(N)[:M]
eps = torch.tensor(rng.standard_normal((L, M, J)))
x = X[chosen]
print("datapoints", chosen)
print("eps =", eps.numpy().round(2).tolist())

# %% [markdown] key="round-bound-text"
# Row 5, forward: through the encoder, the noise, the decoder, to one number. The first
# datapoint is written out.

# %% key="round-bound"
(W, b, log_s2), (V, c, log_var) = theta, phi
mu = V @ x[0] + c
z = mu + (0.5 * log_var).exp() * eps[0, 0]
kl = -0.5 * (1 + log_var - mu**2 - log_var.exp()).sum()
log_p = -0.5 * (D * (LOG_2PI + log_s2) + ((x[0] - W @ z - b) ** 2).sum() / log_s2.exp())
print(f"mu = {mu.tolist()[0]:.2f}, {mu.tolist()[1]:.2f}"
      f"   z = {z.tolist()[0]:.2f}, {z.tolist()[1]:.2f}")
print(f"log p(x|z) {log_p:.2f} - KL {kl:.2f} = {log_p - kl:.2f} nats")

# %% key="round-gradient"
each = elbo(theta, phi, x, eps)
bound = N / M * each.sum()                                        # eq. 8
g = torch.autograd.grad(bound, theta + phi)                       # six gradients
print("three bounds   ", each.detach().numpy().round(2))
print(f"eq. 8           {bound:.1f} nats, {bound / N:.2f} per datapoint")
print(f"g for W[0, 0]   {g[0][0, 0]:.1f},  per datapoint {g[0][0, 0] / N:.2f}")

# %% [markdown] key="round-update-text"
# Row 6, plain stochastic gradient *ascent*: add a small multiple of $g$. The paper
# maximises. A deep-learning library minimises, which is the only reason for the minus
# sign in `loss = -bound`. We keep the bound and climb it.

# %% key="round-update"
theta_new = [tensor + 0.05 * gradient / N for tensor, gradient in zip(theta, g)]
phi_new = [tensor + 0.05 * gradient / N for tensor, gradient in zip(phi, g[3:])]
before, after = each.sum(), elbo(theta_new, phi_new, x, eps).sum()
print(f"W[0, 0]: {W[0, 0]:.3f} -> {theta_new[0][0, 0]:.3f}")
print(f"these three datapoints, this noise: {before / M:.2f} -> {after / M:.2f}")
print(f"all data, exact bound: {levels(theta, phi)[0]:.2f} -> "
      f"{levels(theta_new, phi_new)[0]:.2f}")

# %% [markdown] key="gradient-check-text"
# ### Is it the right gradient?
#
# Is $g$ right *on average*? The referee knows the exact bound, so its slope can be
# measured without any algorithm: push one parameter up and down by $10^{-5}$ and look.
# Do that for all 30.

# %% key="exact-gradient"
def exact_gradient(theta, phi, h=1e-5):
    """(bound at +h - bound at -h) / 2h, for each parameter: one array a tensor."""
    slopes = [np.zeros(tensor.shape) for tensor in theta + phi]
    for tensor, slope in zip(theta + phi, slopes):
        view = tensor.detach().numpy()                # the tensor's own memory
        for at in np.ndindex(view.shape):
            value = view[at].copy()
            view[at] = value + h
            above = levels(theta, phi)[0]
            view[at] = value - h
            below = levels(theta, phi)[0]
            view[at] = value                          # back where it was
            slope[at] = (above - below) / (2 * h)
    return slopes

# %% key="flat"
def flat(tensors):
    """All entries of some tensors or arrays, in one row."""
    return torch.cat([torch.as_tensor(tensor).detach().flatten() for tensor in tensors])

# %% key="gradient-check"
rng = np.random.default_rng(6)
samples = []
for _ in range(1000):                                             # M = 10, L = 1
    x = X[rng.choice(N, 10, replace=False)]
    eps = torch.tensor(rng.standard_normal((1, 10, J)))
    bound = N / 10 * elbo(theta, phi, x, eps).sum()
    samples.append(flat(torch.autograd.grad(bound / N, theta + phi)))
check_mc("gradient of eq. 8", torch.stack(samples), flat(exact_gradient(theta, phi)))

# %% [markdown] key="gradient-check-words"
# All 30 components of the noisy gradient have the right mean. A lost sign, a lost
# $N/M$, or a $z$ that was cut off from $\phi$ would stop this cell. (Try it: write
# `mu.detach()` where `elbo` computes `z`, and run from there. The value of eq. 7 stays
# right. Its gradient does not.)

# %% [markdown] key="ex7-1"
# ### Exercise 7.1 (code)
#
# Be autograd for one parameter. Write the gradient of eq. 8 with respect to $b$, from
# `x` (M, D), draws `z` (L, M, J) and $N$ (`n_data`). Return shape (D,).
#
# <details><summary>Hint 1</summary>
#
# Only $\log p(x|z)$ contains $b$; the KL does not.
#
# </details>
# <details><summary>Hint 2</summary>
#
# One datapoint, one draw: $(x - W z - b) / s^2$, as in question 3 at the top.
#
# </details>
# <details><summary>Hint 3</summary>
#
# Mean over draws (axis 0), then *sum* over the minibatch, times $N/M$.
#
# </details>

# %% key="ex7-1-code"
def gradient_b(theta, x, z, n_data):
    """The gradient of eq. 8 with respect to b: (D,)."""
    W, b, log_s2 = theta
    M = len(x)
    ### BEGIN SOLUTION
    slope = (x - z @ W.T - b) / log_s2.exp()                      # (L, M, D)
    return n_data / M * slope.mean(0).sum(0)
    ### END SOLUTION

# %% key="ex7-1-check"
eps = torch.tensor(np.random.default_rng(7).standard_normal((4, 50, J)))
x = X[:50]
z = x @ phi[0].T + phi[1] + (0.5 * phi[2]).exp() * eps
want = torch.autograd.grad(N / 50 * elbo(theta, phi, x, eps).sum(), theta)[1]
log_s2 = theta[2].detach()
exercise("ex7-1", lambda: gradient_b(theta, x, z, N), want, mistakes={
    "the sign is turned: the residual is x - W z - b": -want,
    "the factor N / M is missing": want * 50 / N,
    "mean over the minibatch where the sum belongs": want / 50,
    "sum over the draws where the mean belongs": want * 4,
    "you have s where s^2 belongs": want * (0.5 * log_s2).exp(),
    "you have log s^2 where s^2 belongs": want * log_s2.exp() / log_s2})

# %% [markdown] key="section-4"
# ## 4. Adagrad in four lines
#
# The paper updates with Adagrad (Duchi and others, 2010). Each parameter keeps the sum
# of its squared gradients and divides by the root of it:
#
# $$ S \leftarrow S + g^2, \qquad \theta \leftarrow \theta + \eta\, g / \sqrt S
# \tag{07.4} $$
#
# $S$ starts at 0, so the first step is $\pm \eta$ for every parameter, however small
# $g$ is. Since $S$ only grows, later steps shrink, roughly like
# $1 / \sqrt{\text{number of steps}}$.

# %% key="adagrad"
@torch.no_grad()
def adagrad(tensors, gradients, squares, step_size):
    """One update of 07.4, in place. squares: the sums S, one for each tensor."""
    for tensor, g, S in zip(tensors, gradients, squares):
        S += g**2
        tensor += step_size * g / (S.sqrt() + 1e-10)              # 1e-10: never 0 / 0


def copy(tensors):
    return [tensor.detach().clone().requires_grad_() for tensor in tensors]

# %% [markdown] key="adagrad-check-text"
# Against PyTorch's own, eight steps with eight different minibatches. PyTorch is given
# $-$bound and divides it by $N$; ours is given eq. 8 as it stands.
#
# **Predict**: must our step size be divided by $N = 1000$ to agree?

# %% key="adagrad-check"
ours, theirs = copy(theta + phi), copy(theta + phi)
squares = [torch.zeros_like(tensor) for tensor in ours]
optimizer = torch.optim.Adagrad(theirs, lr=0.1)
for number in range(8):
    x, eps = X[100 * number:][:100], torch.tensor(rng.standard_normal((1, 100, J)))
    bound = N / 100 * elbo(ours[:3], ours[3:], x, eps).sum()
    adagrad(ours, torch.autograd.grad(bound, ours), squares, 0.1)
    optimizer.zero_grad()
    (-elbo(theirs[:3], theirs[3:], x, eps).mean()).backward()
    optimizer.step()
check("adagrad", flat(ours), flat(theirs))

# %% [markdown] key="adagrad-words"
# No. Eq. 07.4 does not change when all gradients are multiplied by a constant: $g$ and
# $\sqrt S$ grow alike. So with Adagrad the famous $N/M$ of eq. 8 has *no effect*, as
# long as it multiplies the whole bound. With plain SGD it is part of the step size. It
# matters to everybody as soon as something that is not multiplied is added, such as a
# prior on $\theta$.

# %% [markdown] key="section-5"
# ## 5. The whole run
#
# The table of section 3, as a loop. `learn` lists the tensors that move. `report` sees
# the exact levels now and then; the algorithm does not.

# %% key="algorithm-1"
def algorithm_1(theta, phi, n_steps, step_size, seed, learn=None, update=adagrad,
                M=100, L=1, report=lambda rows: None):
    """Algorithm 1, in place. Returns rows (step, exact bound, exact evidence)."""
    generator = torch.Generator().manual_seed(seed)
    learn = theta + phi if learn is None else learn
    squares = [torch.zeros_like(tensor) for tensor in learn]
    rows = [(0, *levels(theta, phi))]
    for step in range(1, n_steps + 1):
        x = X[torch.randperm(N, generator=generator)[:M]]
        eps = torch.randn(L, M, J, generator=generator, dtype=torch.float64)
        bound = N / M * elbo(theta, phi, x, eps).sum()            # eq. 8
        g = torch.autograd.grad(bound, learn)
        update(learn, g, squares, step_size)
        if step % 20 == 0:
            rows.append((step, *levels(theta, phi)))
            report(rows)
    return np.array(rows)

# %% key="draw-levels"
def draw_levels(rows, axes):
    """Left: bound and evidence. Right: how far each lies below the ceiling."""
    step, bound, evidence = np.array(rows).T
    for ax in axes:
        ax.clear()
    axes[0].axhline(ceiling, color=P, ls="--")
    axes[0].plot(step, evidence, color=P)
    axes[0].plot(step, bound, color=BOUND, ls=":")
    axes[0].set(xlim=(0, 400), ylim=(-13, -7), xlabel="step",
                ylabel="nats per datapoint")
    for height, words, color in ((0.72, "ceiling (dashed)", P), (0.62, "evidence", P),
                                 (0.52, "bound (dotted)", BOUND)):
        axes[0].text(0.45, height, words, color=color, transform=axes[0].transAxes)
    axes[1].loglog(step[1:], ceiling - evidence[1:], color=P)
    axes[1].loglog(step[1:], ceiling - bound[1:], color=BOUND, ls=":")
    axes[1].axhline(0.02, color=NOISE, lw=1)
    axes[1].text(22, 0.022, "0.02 nats", color=NOISE, fontsize=9)
    axes[1].set(xlabel="step", ylabel="nats below the ceiling")

# %% [markdown] key="run-text"
# Start from $\mathcal N(0, 0.01^2)$, $M = 100$, $L = 1$, as in the paper. (It prints
# $\mathcal N(0, 0.01)$ and does not say whether 0.01 is the variance. We read it as the
# standard deviation.) The step size 0.1 is one of the three that the paper tried.
#
# **Predict**: will the bound, or the evidence, ever cross the dashed line? The picture
# redraws itself while it runs.

# %% key="run" tags=["nbval-ignore-output"]
learned_theta, learned_phi = start(0.01, seed=0)
fig, axes = plt.subplots(1, 2, figsize=(7.6, 3.4))
picture = display(fig, display_id=True)


def redraw(rows):
    if len(rows) % 20 == 1:                                       # each 400 steps
        draw_levels(rows, axes)
        picture.update(fig)


rows = algorithm_1(learned_theta, learned_phi, 2000, 0.1, seed=0, report=redraw)
plt.close(fig)

# %% [markdown] key="run-words"
# *In words:* two panels. Left, the first 400 steps: evidence and bound jump to $-9$
# nats in 40 steps and then bend towards the dashed ceiling, the bound a little lower.
# Right, the distances below the ceiling on logarithmic axes: near step 600 both fall
# through 0.02 nats; for a while the bound jumps back. At 2,000 the evidence is about
# 0.001 below; the bound jitters around 0.005.

# %% key="run-check"
bound, evidence = levels(learned_theta, learned_phi)
assert bound <= evidence <= ceiling
check("evidence of the learned theta", evidence, ceiling, atol=0.02)
check("bound of the learned theta and phi", bound, ceiling, atol=0.02)

# %% [markdown] key="run-after"
# Neither ever crosses. Algorithm 1 saw minibatches and noise only, and the *exact*
# evidence of what it learned lies within 0.02 nats of the best that any $\theta$ can
# have. Two things deserve a question: what keeps it from coming closer still, and why
# does the *bound* reach the ceiling although $q$ is diagonal?

# %% [markdown] key="step-size"
# ### What limits it: the step size
#
# At the maximum the *mean* gradient is zero, but each minibatch still pulls somewhere,
# so the parameters wander. Adagrad's steps shrink while it runs, which blurs the
# effect. To see it alone, start *on* the maximum and run plain SGD with a constant step
# size.
#
# **Predict**: halve the step size, twice. What happens to the loss of bound?

# %% key="sgd"
@torch.no_grad()
def sgd(tensors, gradients, squares, step_size):
    """theta + step_size g / N: the plain update, whose step size never falls."""
    for tensor, g in zip(tensors, gradients):
        tensor += step_size * g / N


def start_at(model):
    """theta of an exact model, and phi of the best diagonal q for it (07.3)."""
    V = np.linalg.solve(model.precision, model.W.T) / model.s2
    log_var = np.log(model.best_diagonal(x_all)[1])
    arrays = [model.W, model.b, np.log(model.s2), V, -V @ model.b, log_var]
    tensors = [torch.tensor(array).requires_grad_() for array in arrays]
    return tensors[:3], tensors[3:]

# %% key="wander"
def wander(step_size):
    """800 steps of SGD from the maximum: nats lost on the path, and at its mean."""
    theta, phi = start_at(best)
    path = []
    rows = algorithm_1(theta, phi, 800, step_size, seed=1, update=sgd,
                       report=lambda rows: path.append(copy(theta + phi)))
    middle = [torch.stack(tensors).mean(0) for tensors in zip(*path[10:])]
    at_middle = levels(middle[:3], middle[3:])[0]
    return ceiling - rows[10:, 1].mean(), ceiling - at_middle

# %% key="wander-run" tags=["nbval-ignore-output"]
lost = {step_size: wander(step_size) for step_size in (0.005, 0.0025, 0.00125)}
for step_size, (on_path, at_mean) in lost.items():
    print(f"step {step_size:.5f}: nats below the ceiling {on_path:.4f} on the path,"
          f" {at_mean:.4f} at its mean")

# %% key="wander-check"
first, second, third = (on_path for on_path, _ in lost.values())
assert 3 < first / second < 6 and 1.5 < second / third < 3
assert all(at_mean < on_path / 5 for on_path, at_mean in lost.values())
print("the first halving gains more than the second; "
      "the mean of the path loses a fifth or less")

# %% [markdown] key="wander-after"
# 0.005 is nearly too large, so the loss falls fourfold at first; at smaller steps,
# halving the step about halves it. So a constant step has a floor. There are two ways
# below it. Let the step fall: Adagrad does, by itself. Or *average* the path: its mean
# lies far closer to the maximum than the path does. The paper's "until convergence of
# parameters" needs one of the two.

# %% [markdown] key="rotation"
# ### Why a diagonal $q$ costs nothing here
#
# Rotate the latents: replace $W$ by $W R$ with $R R^T = I$.
#
# *The evidence does not see it*: $W R R^T W^T = W W^T$ in (07.2).
#
# *The posterior does*: its precision becomes $I + R^T W^T W R / s^2$. It is diagonal
# when the columns of $W R$ are orthogonal, and such an $R$ always exists (the
# eigenvectors of $W^T W$).
#
# So among all $\theta$ with the highest evidence there is one with a diagonal
# posterior. There the gap of a diagonal $q$ is zero:
#
# $$ \max_{\theta, \phi}\; \mathcal L(\theta, \phi) \text{ with diagonal } q \;=\;
# \max_\theta\; \log p_\theta(x) \tag{07.5} $$

# %% key="rotation-check"
def rotated(model, degrees):
    a = np.radians(degrees)
    R = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    return exact.LinearGaussian(model.W @ R, model.b, model.s2)


mean_q, var_q = best.best_diagonal(x_all)
best_bound = best.bound(x_all, mean_q, np.diag(var_q))
check("eq07-5 bound", best_bound, best.log_evidence(x_all))
turned = rotated(best, 30)
check("eq07-5 evidence", turned.log_evidence(x_all), best.log_evidence(x_all))
print(f"gap at 0 degrees {abs(best.gap()):.4f}, at 30 degrees {turned.gap():.4f} nats")

# %% key="rotation-picture" tags=["nbval-ignore-output"]
angles = np.linspace(0, 180, 181)
w1 = learned_theta[0].detach().numpy()[:, 0]
turn = np.degrees(np.arctan2(*(w1 @ best.W / (best.W**2).sum(0))[::-1])) % 180
fig, ax = plt.subplots(figsize=(6.4, 3.2))
ax.plot(angles, [rotated(best, a).gap() for a in angles], color=Q)
gap = referee(learned_theta).gap()
ax.plot(turn, gap, "o", color=BOUND, ms=8, clip_on=False, zorder=3)
ax.annotate("learned by Algorithm 1", (turn, gap),
            xytext=(turn, 0.43), ha="center",
            arrowprops={"arrowstyle": "->", "color": BOUND})
ax.set(xlabel="rotation of the latents (degrees)", ylim=(0, 0.48), xlim=(0, 180),
       ylabel="gap of the best diagonal $q$ (nats)", xticks=range(0, 181, 45))
plt.show()

# %% [markdown] key="rotation-picture-words"
# *In words:* the gap against the angle by which the best $W$ is rotated. It is zero at
# 0, 90 and 180 degrees, where the columns are orthogonal, and 0.37 nats at 45 and 135.
# The evidence is the same at every angle. A black dot, the $W$ that Algorithm 1
# learned, sits at the bottom of a valley.

# %% key="learned-columns-check"
assert referee(learned_theta).gap() < 0.01
w1, w2 = learned_theta[0].detach().numpy().T
cosine = w1 @ w2 / np.sqrt(w1 @ w1 * (w2 @ w2))
check("cosine of the learned columns", cosine, 0, atol=0.1)
t1, t2 = truth.W.T
print(f"cosine of the true columns: {t1 @ t2 / np.sqrt(t1 @ t1 * (t2 @ t2)):.2f}")

# %% [markdown] key="rotation-after"
# The data came from columns that are far from orthogonal. Algorithm 1 returned
# orthogonal ones: *the same $p(x)$, turned until a diagonal $q$ fits*. The encoder's
# family chose which of the equally good decoders we get. They are the principal axes of
# the data, so this small VAE is PCA with its axes.

# %% [markdown] key="section-6"
# ## 6. Who moves what: freeze one side
#
# Eq. 1 again: evidence = bound + KL. The evidence holds no $\phi$. So:
#
# - train $\phi$, freeze $\theta$: *inference*. What does the evidence do?
# - train $\theta$, freeze $\phi$: *learning*. What does the gap do?
#
# In `algorithm_1` a freeze is one argument: which tensors `learn` lists.

# %% [markdown] key="ex7-2"
# ### Exercise 7.2 (predict)
#
# Freeze $\theta$, train $\phi$ from a bad start, until it
# has converged. For each of (bound, evidence, gap) write $+1$ if it rises, $-1$ if it
# falls, $0$ if it stays.
#
# <details><summary>Hint 1</summary>
#
# Which of the three contains $\phi$?
#
# </details>
# <details><summary>Hint 2</summary>
#
# evidence = bound + gap. If one of the three is constant, the other two move against
# each other.
#
# </details>

# %% key="ex7-2-code"
answer = ...
### BEGIN SOLUTION
answer = [1, 0, -1]
### END SOLUTION

# %% key="ex7-2-check"
exercise("ex7-2", answer, [1, 0, -1], mistakes={
    "the evidence does not contain phi": [1, 1, -1],
    "which of the three does not contain phi": [1, -1, 0],
    "the bound is what is climbed; ask again what is left for the gap": [1, 0, 1],
    "bound + gap is the evidence": [1, 0, 0],
    "if bound and evidence both rise, which parameter moved the evidence": [1, 1, 0]})

# %% [markdown] key="freeze-text"
# Now four phases of 400 steps from a random start: $\phi$, $\theta$, $\phi$, $\theta$.
#
# **Predict** the second phase too. The encoder is as good as it can be for the old
# decoder, then the decoder moves away.

# %% key="freeze"
freeze_theta, freeze_phi = start(1.0, seed=3)
sides = {"phi": freeze_phi, "theta": freeze_theta}
phases = []
for number, side in enumerate(["phi", "theta", "phi", "theta"]):
    floor = referee(freeze_theta).gap()
    rows = algorithm_1(freeze_theta, freeze_phi, 400, 0.3, seed=number,
                       learn=sides[side])
    phases.append((side, floor, rows))

# %% key="freeze-picture" tags=["nbval-ignore-output"]
fig, ax = plt.subplots(figsize=(7.6, 4))
for number, (side, _, rows) in enumerate(phases):
    step, bound, evidence = rows[:, 0] + 400 * number, rows[:, 1], rows[:, 2]
    ax.fill_between(step, bound, evidence, color=Q, alpha=0.25, lw=0)
    ax.plot(step, evidence, color=P)
    ax.plot(step, bound, color=BOUND, ls=":")
    ax.axvline(400 * number + 400, color=NOISE, lw=0.8)
    names = {"phi": r"train $\phi$", "theta": r"train $\theta$"}
    ax.text(400 * number + 200, -6.7, names[side], ha="center", size=11,
            color={"phi": Q, "theta": P}[side])
ax.axhline(ceiling, color=P, ls="--")
for at, height, words, color in ((1190, -7.4, "ceiling", P), (560, -8.5, "evidence", P),
                                 (640, -10.5, "bound", BOUND), (640, -9.45, "gap", Q)):
    ax.text(at, height, words, color=color, ha="right" if at == 1190 else "left")
ax.set(xlabel="step", ylabel="nats per datapoint", ylim=(-16, -6.2), xlim=(0, 1600))
plt.show()

# %% [markdown] key="freeze-picture-words"
# *In words:* four phases side by side. While $\phi$ trains, the evidence is a flat line
# and the bound rises up to it, so that the shaded gap closes. While $\theta$ trains,
# bound and evidence rise together and the gap opens again. The result is a staircase
# under the ceiling.

# %% key="freeze-table" tags=["nbval-ignore-output"]
print("trained   bound            evidence         gap at the end")
for side, floor, rows in phases:
    (_, b0, e0), (_, b1, e1) = rows[0], rows[-1]
    print(f"{side:8} {b0:6.2f} -> {b1:6.2f}  {e0:6.2f} -> {e1:6.2f}  {e1 - b1:.3f}"
          + (f"   (floor of a diagonal q {floor:.3f})" if side == "phi" else ""))

# %% key="freeze-check"
for number, (side, floor, rows) in enumerate(phases):
    gap = rows[:, 2] - rows[:, 1]
    if side == "phi":
        check(f"phase {number + 1}: evidence", rows[-1, 2], rows[0, 2], atol=0)
        check(f"phase {number + 1}: gap at floor", gap[-3:].mean(), floor, atol=0.02)
    else:
        assert rows[-1, 1] > rows[0, 1] + 0.5 and gap[-1] > gap[0] + 0.1
        print(f"phase {number + 1}: the bound rose and the gap opened")

# %% [markdown] key="freeze-after"
# Training $\phi$ changed *no digit* of the evidence, and the gap went to its floor.
# Which floor? The KL from a diagonal $q$ to $\mathcal N(m(x), \Lambda^{-1})$ is
#
# $$ \mathrm{KL} = \tfrac12 \sum_j \big(\Lambda_{jj} \sigma_j^2 - 1 - \log \sigma_j^2\big) -
# \tfrac12 \log |\Lambda| + \tfrac12\, (\mu - m(x))^T \Lambda\, (\mu - m(x))
# \tag{07.6} $$
#
# Insert $\mu = m(x)$ and the best variances, $\sigma_j^2 = 1 / \Lambda_{jj}$ (exercise
# 7.4). What is left, $\tfrac12 (\sum_j \log \Lambda_{jj} - \log |\Lambda|)$, is the
# price of a diagonal $q$, in code `gap()`. A full covariance would reach zero.

# %% key="floor-check"
model = referee(freeze_theta)
precision, evidence = model.precision, model.log_evidence(x_all)
mean, full = model.posterior(x_all)
check("full covariance: no gap", model.bound(x_all, mean, full), evidence)
off, var_q = np.array([1.0, -2.0]), np.array([0.3, 1.7])          # a wrong q
kl = 0.5 * (np.sum(np.diag(precision) * var_q - 1 - np.log(var_q))
            - np.linalg.slogdet(precision)[1] + off @ precision @ off)
gap = evidence - model.bound(x_all, mean + off, np.diag(var_q))
check("eq07-6", gap, np.full(N, kl))
var_q = 1 / np.diag(precision)
gap = evidence - model.bound(x_all, mean, np.diag(var_q))
check("diagonal: gap()", gap, np.full(N, model.gap()))

# %% [markdown] key="em"
# Alternating full phases like this is the EM algorithm with a restricted E-step.
# Algorithm 1 is the same idea with phases of one step, both sides at once. The encoder
# then only has to follow a decoder that moves a little each time.

# %% [markdown] key="harm"
# ### A stranger freeze
#
# Start $\theta$ at the *truth*, $\phi$ at the best diagonal $q$ for it, and train
# $\theta$ with $\phi$ frozen. The bound must rise, that is what is climbed.
#
# **Predict**: does the evidence rise too?

# %% key="harm-run"
harm_theta, harm_phi = start_at(truth)
harm = algorithm_1(harm_theta, harm_phi, 400, 0.02, seed=0, learn=harm_theta)
_, bound_0, evidence_0 = harm[0]
_, bound_1, evidence_1 = harm[-1]

# %% key="harm-print" tags=["nbval-ignore-output"]
print(f"bound    {bound_0:.3f} -> {bound_1:.3f}")
print(f"evidence {evidence_0:.3f} -> {evidence_1:.3f}")
print(f"gap       {evidence_0 - bound_0:.3f} ->  {evidence_1 - bound_1:.3f}")

# %% key="harm-check"
assert bound_1 > bound_0 + 0.05 and evidence_1 < evidence_0 - 0.01
assert evidence_1 - bound_1 < evidence_0 - bound_0 - 0.05
print("bound up by more than 0.05 nats, evidence down by more than 0.01,",
      "gap down by more than 0.05")

# %% [markdown] key="harm-after"
# It *falls*, and the gap closes, where in the staircase it opened: training $\theta$
# moves both, either way. The decoder left the truth for a place where this $q$ fits
# better, and that paid more than the evidence lost. A bound that rises says that the
# *difference* improved, not which part moved.

# %% [markdown] key="ex7-3"
# ### Exercise 7.3 (code)
#
# One round of Algorithm 1 with $\theta$ frozen. Compute eq. 8 for `x` and `eps`, and
# take one Adagrad step (07.4) for $\phi$ only. `squares` holds one sum for each tensor
# of `phi`. They start at $10^6$ here, so unlike in section 4 the factor $N/M$ matters.
# Return the list of all six tensors afterwards, $\theta$ first.
#
# <details><summary>Hint 1</summary>
#
# `torch.autograd.grad(bound, phi)` returns three gradients and leaves $\theta$ alone.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Add the new square to the sum first, then divide by the root of the sum. The step is
# added: we climb.
#
# </details>

# %% key="ex7-3-code"
def frozen_round(theta, phi, squares, x, eps, step_size, n_data):
    """Six tensors after one Adagrad step of phi; theta stays."""
    M = len(x)
    ### BEGIN SOLUTION
    bound = n_data / M * elbo(theta, phi, x, eps).sum()
    gradients = torch.autograd.grad(bound, phi)
    sums = [S + g**2 for S, g in zip(squares, gradients)]
    steps = [step_size * g / S.sqrt() for g, S in zip(gradients, sums)]
    return theta + [tensor + step for tensor, step in zip(phi, steps)]
    ### END SOLUTION

# %% key="ex7-3-setup"
theta_7, phi_7 = start(0.3, seed=4)                               # a place to try it
x_7, eps_7 = X[:20], torch.tensor(rng.standard_normal((2, 20, J)))
squares_7 = [torch.full_like(tensor, 1e6) for tensor in phi_7]

# %% key="ex7-3-check"
def attempt():
    sums = [S.clone() for S in squares_7]
    moved = frozen_round(copy(theta_7), copy(phi_7), sums, x_7, eps_7, 0.1, N)
    return moved and flat(moved)


def after(g):
    """All 30 parameters after one step of 07.4, from sums of 1e6."""
    return old + 0.1 * g / (1e6 + g**2).sqrt()


old, bound = flat(theta_7 + phi_7), N / 20 * elbo(theta_7, phi_7, x_7, eps_7).sum()
g = flat(torch.autograd.grad(bound, theta_7 + phi_7))
g_phi = torch.where(torch.arange(30) < 16, 0, g)                  # theta: 16 entries
exercise("ex7-3", attempt, after(g_phi), mistakes={
    "you moved theta too": after(g),
    "you walk downhill: the step is added to climb the bound": after(-g_phi),
    "the square root is missing": old + 0.1 * g_phi / (1e6 + g_phi**2),
    "add the new square before you divide": old + 0.1 * g_phi / 1e3,
    "the factor N / M is missing": after(g_phi / 50)})

# %% [markdown] key="section-7"
# ## 7. What one encoder for all costs
#
# Nothing in eq. 1 asks for an encoder. Each datapoint could have its own
# $(\mu_i, \log \sigma_i^2)$: here $4 \times 1000 = 4000$ numbers, and a new search for
# each new $x$. The encoder has 14 numbers and answers at once. That is *amortised*
# inference. What does it lose?
#
# For a diagonal $q$ with the best variances and any mean $\mu$, (07.6) splits in two:
#
# $$ \mathrm{KL} = \underbrace{\tfrac12 \Big(\sum_j \log \Lambda_{jj} - \log |\Lambda|\Big)}_{
# \text{approximation gap}} + \underbrace{\tfrac12\, (\mu - m(x))^T \Lambda\,
# (\mu - m(x))}_{\text{amortisation gap}} \tag{07.7} $$
#
# The first is the price of the *family*, even for the best $\mu_i$. The second is the
# price of an encoder that cannot produce $m(x)$.

# %% [markdown] key="amortise-derive"
# The mean enters only the second term, the variances only the first. The check uses
# wrong means at the true $\theta$.

# %% key="amortise-check"
m, var = truth.best_diagonal(x_all)                               # m(x), 1 / Lambda_jj
mu = m + np.random.default_rng(9).standard_normal((N, J))
kl = truth.log_evidence(x_all) - truth.bound(x_all, mu, np.diag(var))
off = mu - m
amortisation = 0.5 * np.einsum("ij,jk,ik->i", off, truth.precision, off)
check("eq07-7", kl, truth.gap() + amortisation)

# %% [markdown] key="amortise-linear"
# With all five coordinates the linear encoder *is* $m(x)$ by (07.3), so it loses
# nothing. Now blind it: it sees $\tilde x$, the first $K$ coordinates and a 1. The mean
# enters only the second term, so the best variances stay $1 / \Lambda_{jj}$. The best
# weights $A$ of $\mu = A \tilde x$ make that term's derivative zero:
#
# $$ \Lambda \sum_i \big(A \tilde x_i - m(x_i)\big)\, \tilde x_i^T = 0 \tag{07.8} $$
#
# $\Lambda$ is invertible and drops out. What stays is the least-squares fit of $m(x)$.
#
# **Predict**: does hiding coordinates change the first gap, the second, or both?

# %% key="blind"
def blind_encoder(K):
    """The best means (N, J) of a linear encoder that sees x_1 ... x_K."""
    seen = np.column_stack([x_all[:, :K], np.ones(N)])
    return seen @ np.linalg.lstsq(seen, m, rcond=None)[0]


gaps = []
for K in range(1, D + 1):
    bound = truth.bound(x_all, blind_encoder(K), np.diag(var))
    gaps.append(np.mean(truth.log_evidence(x_all) - bound) - truth.gap())
print("amortisation gap, K = 1 to 5:", np.abs(gaps).round(3))

# %% key="blind-check"
check("K = 5 loses nothing", gaps[-1], 0)
seen = np.column_stack([x_all[:, :3], np.ones(N)])
left = truth.precision @ (blind_encoder(3) - m).T @ seen / N      # (J, K + 1)
check("eq07-8", left, np.zeros((J, 4)))

# %% key="blind-picture"
fig, ax = plt.subplots(figsize=(6.4, 3.2))
K = np.arange(1, D + 1)
ax.bar(K, truth.gap(), color=Q, width=0.6)
ax.bar(K, gaps, bottom=truth.gap(), color="white", edgecolor=Q, hatch="//", width=0.6)
ax.text(5.4, truth.gap() / 2, "approximation gap\n(diagonal $q$)", color=Q, va="center")
ax.annotate("amortisation gap", (2.3, 0.9), xytext=(2.9, 1.5), color=Q, va="center",
            arrowprops={"arrowstyle": "-", "color": Q})
ax.set(xlabel="coordinates that the encoder sees", ylabel="evidence - bound (nats)",
       xlim=(0.5, 7.2), xticks=K)
plt.show()

# %% [markdown] key="blind-picture-words"
# *In words:* five stacked bars, for encoders that see 1 to 5 coordinates. The filled
# lower part, the approximation gap, is 0.38 nats in all five. The hatched upper part,
# the amortisation gap, falls from 1.9 nats to 0.9, 0.6, 0.2 and zero.

# %% [markdown] key="blind-after"
# More coordinates, hidden units or
# training of the encoder shrink the hatched part. They do nothing to the filled part;
# that one needs a richer $q$, or a $\theta$ that turns its posterior, as in section 5.

# %% [markdown] key="ex7-4"
# ### Exercise 7.4 (derive)
#
# Prove "the best variances". Given $\theta$, which $\log \sigma_j^2$ maximise the
# bound? The evidence holds no $\sigma$, so by eq. 1 the highest bound is the smallest
# KL, (07.6). Derive it on paper, then enter the formula in terms of `W` (D, J) and the
# number `s2`. Result (J,).
#
# <details><summary>Hint 1</summary>
#
# Differentiate with respect to $\log \sigma_j^2$, not $\sigma_j$:
# $\partial \sigma_j^2 / \partial \log \sigma_j^2 = \sigma_j^2$.
#
# </details>
# <details><summary>Hint 2</summary>
#
# $\Lambda_{jj} \sigma_j^2 = 1$, and $\Lambda = I + W^T W / s^2$.
#
# </details>

# %% key="ex7-4-code"
def best_log_var(W, s2):
    """log sigma^2 of the best diagonal q: (J,)."""
    ### BEGIN SOLUTION
    return -np.log(1 + (W**2).sum(0) / s2)
    ### END SOLUTION

# %% key="ex7-4-check"
want = np.log(truth.best_diagonal(x_all)[1])
no_prior = -np.log((truth.W**2).sum(0) / truth.s2)
exercise("ex7-4", lambda: best_log_var(truth.W, truth.s2), want, mistakes={
    "that is the posterior's own variance, the diagonal of the inverse; the best "
    "diagonal q is narrower": np.log(np.diag(np.linalg.inv(truth.precision))),
    "the sign is turned: a large precision is a small variance": -want,
    "you have log sigma where log sigma^2 belongs": want / 2,
    "you have sigma^2 where log sigma^2 belongs": np.exp(want),
    "the prior's 1 in Lambda is missing": no_prior})

# %% [markdown] key="section-8"
# ## 8. $M$ or $L$? (optional, for a second reading)
#
# "In our experiments we found that the number of samples $L$ per datapoint can be set to
# 1 as long as the minibatch size $M$ was large enough, e.g. $M = 100$", says the paper.
# A gradient from $M$ datapoints
# with $L$ draws each has two sources of noise: which datapoints, and which $\epsilon$.
# Take one component of the averaged gradient (eq. 8 divided by $N$); for one datapoint
# call it $g(x, \epsilon)$. By the law of total variance, for a minibatch drawn without
# repetition:
#
# $$ \mathrm{Var} = \frac{B}{M} \Big(1 - \frac MN\Big) + \frac{E}{M L},
# \qquad B = \mathrm{Var}_x\, \mathbb E_\epsilon[g],
# \quad E = \mathbb E_x \mathrm{Var}_\epsilon[g] \tag{07.9} $$
#
# **Predict**: you may pay for $M L = 100$ draws. Is $(M, L) = (100, 1)$, $(50, 2)$ or
# $(10, 10)$ the quietest?

# %% [markdown] key="variance-exact"
# We take $g$ for $W_{11}$ at the true $\theta$ and its best $q$ (`m` and `var` of
# section 7). For fixed $x$ it is a quadratic polynomial in $\epsilon$, so a 3-point
# Gauss-Hermite rule in each direction gives its mean and variance exactly.

# %% key="variance"
def slope(chosen, eps):
    """d/dW[0, 0] of log p(x|z) at the truth and its best q. chosen: rows of x_all."""
    x, z = x_all[chosen], m[chosen] + np.sqrt(var) * eps
    return (x[..., 0] - z @ truth.W[0] - truth.b[0]) * z[..., 0] / truth.s2


nodes, weights = np.polynomial.hermite_e.hermegauss(3)
weights = weights / weights.sum()
grid = np.stack(np.meshgrid(nodes, nodes), -1).reshape(9, 1, J)
values = slope(np.arange(N), grid)                                # (9, N)
weight = np.outer(weights, weights).reshape(9)
mean_x = weight @ values                                          # E_eps[g], (N,)
B, E = mean_x.var(ddof=1), (weight @ values**2 - mean_x**2).mean()
print(f"B = {B:.3f} (between datapoints), E = {E:.3f} (from the noise)")

# %% [markdown] key="variance-check-text"
# Then 2,500 gradients for each of the three choices, and for a larger minibatch,
# against (07.9):

# %% key="variance-check"
rng = np.random.default_rng(10)
everybody = np.tile(np.arange(N), (2500, 1))
for M, L in ((100, 1), (50, 2), (10, 10), (500, 1)):
    predicted = B / M * (1 - M / N) + E / (M * L)
    chosen = rng.permuted(everybody, axis=1)[:, :M]                 # (2500, M)
    eps = rng.standard_normal((L, 2500, M, J))
    g = slope(chosen, eps).mean((0, 2))                             # (2500,)
    check_mc(f"eq07-9 at M = {M}, L = {L}", (g - mean_x.mean()) ** 2, predicted)

# %% key="variance-picture"
choices = [(100, 1), (50, 2), (10, 10), (100, 10), (1000, 1)]
fig, ax = plt.subplots(figsize=(6.8, 3.2))
for at, (M, L) in enumerate(choices):
    between, noise = B / M * (1 - M / N), E / (M * L)
    ax.barh(at, noise, color=NOISE, height=0.6)
    ax.barh(at, between, left=noise, color="white", edgecolor=BOUND, hatch="//",
            height=0.6)
    ax.text(between + noise + 0.001, at, f"{between + noise:.4f}", va="center")
ax.text(0.044, 0.5, "filled: from the draws of $\\epsilon$\n"
                    "hatched: from the choice of datapoints", va="center")
ax.set(yticks=range(5), xlabel="variance of the gradient of eq. 8 / N for $W_{11}$",
       xlim=(0, 0.11), yticklabels=[f"M = {M}, L = {L}" for M, L in choices])
ax.axhline(2.5, color=NOISE, lw=0.8)
ax.invert_yaxis()
plt.show()

# %% [markdown] key="variance-picture-words"
# *In words:* five horizontal bars. The first three spend 100 draws each and have the
# same filled part, the variance from the draws. The hatched part, from the choice of
# datapoints, grows as $M$ falls, so (100, 1) is the quietest and (10, 10) has four
# times its variance. Below a line, two that spend 1,000 draws: (100, 10) gains less
# than (1000, 1), which has no hatched part.

# %% [markdown] key="variance-after"
# $L$ appears in (07.9) only in the product $M L$; $M$ also divides the other term. So
# at a fixed number of draws $M L$, $L = 1$ has the lowest variance. Even at $(100, 1)$
# most of it, 70 %, comes from $\epsilon$; yet ten times the draws through $L$ lower it
# 2.7 times, through $M$ 14 times ($M = 1000$ is the whole data set, so the $B$ term
# vanishes exactly). With $L = 1$ it is $M$ that must quieten both terms: hence the
# paper's "as long as". One reservation: an extra draw for the same datapoint is cheaper
# than an extra datapoint, since the encoder runs once.

# %% [markdown] key="section-9"
# ## 9. Where to start (optional, for a second reading)
#
# Why $\mathcal N(0, 0.01^2)$, so near zero? And why not zero itself? Look at the point
# $W = 0$, $V = 0$, $c = 0$. There $z$ reaches nothing, and $x$ reaches no $z$.
#
# *Gradient for $V$*: it comes through the decoder, so it is $W$ times something, minus
# the KL's pull $V x + c$ times $x$. Both vanish.
#
# *Gradient for $W$*: $\mathbb E_\epsilon[(x - b)\, z^T] / s^2$ minus $W$ times
# something, and $\mathbb E[z] = V x + c = 0$. It vanishes too.
#
# Each waits for the other; the KL holds $\log \sigma^2$ at 0. Only $b$ and $s^2$ still
# move. With them at their best the point is a *saddle*: no force, higher ground around.

# %% key="saddle-check"
theta_0, phi_0 = start(0.0, seed=0)
gradients = exact_gradient(theta_0, phi_0)
for name, number in (("W", 0), ("V", 3), ("c", 4), ("log_var", 5)):
    check(f"gradient of {name} at the saddle", gradients[number],
          np.zeros(gradients[number].shape), atol=1e-6)
for start_sd in (0.01, 1.0):
    size = np.abs(exact_gradient(*start(start_sd, seed=0))[0]).max()
    print(f"start N(0, {start_sd}^2): the largest exact gradient of W is {size:.2f}")

# %% [markdown] key="saddle-predict"
# Near zero the pull is weak; far from it, enormous. **Predict**: Algorithm 1 with
# Adagrad, 1,000 steps, from exactly 0, from $0.01$ and from $1$. Which is furthest
# below the ceiling at the end?

# %% key="starts" tags=["nbval-ignore-output"]
runs = {}
for start_sd in (0.0, 0.01, 1.0):
    runs[start_sd] = algorithm_1(*start(start_sd, seed=0), 1000, 0.1, seed=0)
    print(f"start N(0, {start_sd}^2): evidence after 1,000 steps "
          f"{runs[start_sd][-1, 2]:.2f}, ceiling {ceiling:.2f}")

# %% key="starts-check"
final = {start_sd: rows[-1, 2] for start_sd, rows in runs.items()}
assert final[0.0] > ceiling - 0.1 and final[0.01] > ceiling - 0.1
assert final[1.0] < ceiling - 0.5
print("from 0 and 0.01: within 0.1 nats; from 1: more than 0.5 below")

# %% [markdown] key="starts-after"
# The start at exactly zero escapes: only the *mean* gradient of $W$ is zero. Each draw
# of $\epsilon$ gives another, and Adagrad's first step is $\pm 0.1$ however small it is
# (07.4). A network with a hidden layer (lesson 08) is trapped there: with all weights
# zero, *each draw's* gradient is zero, but for the decoder's last offset.
#
# The start at 1 is the slow one. Its first gradients are huge, they enter $S$, and $S$
# never forgets: every later step is divided by their root. So a small start suits
# *Adagrad*. Plain SGD, its steps as small as $g$, lingers at the saddle, as the last
# picture shows. There $b$ and $s^2$ start at their best for $W = 0$.

# %% key="sgd-run"
sgd_theta, sgd_phi = start(0.01, seed=0)
with torch.no_grad():                                         # b, s2: best for W = 0
    sgd_theta[1].copy_(X.mean(0))
    sgd_theta[2].fill_(np.log(x_all.var(0).mean()))
at_saddle = levels(sgd_theta, sgd_phi)[1]
sgd_rows = algorithm_1(sgd_theta, sgd_phi, 2500, 0.01, seed=0, update=sgd)
one = exact.LinearGaussian.maximum_likelihood(x_all, 1).log_evidence(x_all).mean()
print(f"best evidence with W = 0: {at_saddle:.2f}, with one latent {one:.2f}, "
      f"with two {ceiling:.2f}")

# %% key="starts-picture" tags=["nbval-ignore-output"]
fig, ax = plt.subplots(figsize=(7.2, 3.8))
ax.plot(*runs[0.01][:, [0, 2]].T, color=P)
ax.plot(*runs[1.0][:, [0, 2]].T, color=P, ls=":")
ax.plot(*sgd_rows[:, [0, 2]].T, color=NOISE)
ax.text(1010, -8.75, "Adagrad from 1", color=P, va="center")
ax.text(640, -9.4, "SGD from 0.01,\n$b$ and $s^2$ start at their best", color=NOISE,
        va="center")
ax.text(170, -8.45, "Adagrad\nfrom 0.01", color=P, va="center")
for height, words in ((at_saddle, "$W = 0$"), (one, "one latent"),
                      (ceiling, "ceiling")):
    ax.axhline(height, color=BOUND, lw=1, ls="--")
    ax.text(2515, height, words, va="center")
ax.set(xlabel="step", ylabel="evidence (nats per datapoint)", xlim=(0, 2500),
       ylim=(-11.2, -7.2))
plt.show()

# %% [markdown] key="starts-picture-words"
# *In words:* evidence against steps. Adagrad from 0.01 reaches the ceiling after a few
# hundred steps. Adagrad from 1 crawls and is still more than a nat below after 1,000.
# SGD from 0.01, with $b$ and $s^2$ started at their best, stays for some 400 steps at
# the dashed level of $W = 0$, climbs towards that of one latent, slows down there, and
# passes it late.

# %% [markdown] key="starts-last"
# SGD's plateau is the saddle: the best model that ignores $z$. Then one latent switches
# on, and the model lingers near the best that one latent can do, which is a saddle as
# well. A latent that has not switched on is an *inactive unit*. In lesson 09 you meet
# them again, without the dashed lines.

# %% [markdown] key="misconception"
# ## Misconception card
#
# > **"The bound went up, so the encoder got better."**
#
# The bound is evidence minus $\mathrm{KL}(q_\phi(z|x) \| p_\theta(z|x))$. In section 6 the
# encoder was frozen, the bound rose by four nats, and the encoder's KL to the posterior
# *grew* by more than a nat, because the posterior moved away. "So the model got better"
# is no safer: in the stranger freeze the bound rose while the evidence fell. Only eq. 1
# with both parts known tells who moved.

# %% [markdown] key="take-away"
# ## What you can do now
#
# - **Each line of Algorithm 1**: minibatch, noise, eq. 8, gradient, update. All 30
#   components of its gradient met the exact ones within 4 standard errors, and the
#   learned evidence met the ceiling within 0.02 nats.
# - **Who moves what**: $\phi$ moves the gap and never the evidence; $\theta$ moves
#   both, either way.
# - **The costs**: a diagonal $q$ 0.38 nats at the true $\theta$, and nothing once $W$
#   has turned; a blind encoder its amortisation gap; ten draws each for ten datapoints
#   four times the variance; a start at 1 more than a nat after 1,000 steps.
#
# **Next**: lesson 08 replaces the two matrices by neural networks and the five
# coordinates by 784 pixels. Not one line of the loop changes.
