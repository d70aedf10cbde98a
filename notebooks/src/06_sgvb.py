# %% [markdown] key="title"
# # 06 · SGVB: two estimators and a minibatch
#
# *Which average do we compute, and what do sum, mean and N/M mean in it?*
#
# **After this you can**
# - compute the paper's two estimators of the bound by hand, and prove that both have the same mean;
# - derive the KL term in closed form, and say when sampling it is better;
# - read any VAE loss: which sums, means and weights make it the bound, and of which model.
#
# **Paper**: section 2.3, equations 6 to 8, Appendix B · **Study**: 60 minutes, and 25 for what is optional · **Running**: 5 seconds · **You need**: the bound (lesson 02), the trick (04)

# %% key="imports"
from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy import stats

from aevb_lib import LinearGaussian, check, check_mc, exercise, plots

plots.use_style()

# %% [markdown] key="first-look"
# The bound is a mean over random codes, and seldom has a formula. The paper averages one of two things over draws of $z$ from $q$:
#
# - **A** $= \log p(x\mid z) + \log p(z) - \log q(z\mid x)$ samples everything;
# - **B** $= \log p(x\mid z) - \mathrm{KL}(q(z\mid x)\,\Vert\,p(z))$ samples only what it must, and does the rest exactly. "Typically", says the paper, B has less variance.
#
# Here are both on one datapoint, for two encoders: one $q$ with $\sigma = 0.5$, one with $\sigma = 0.1$. Each dot is one draw. Guess: which row scatters less, on the left and on the right?

# %% key="estimates"
def estimates(mu, sigma, eps):
    """A and B at each draw: x = 2, p(z) = N(0, 1), p(x|z) = N(2z, 1). See section 1."""
    z = mu + sigma * eps
    log_p_x_given_z, log_p_z = stats.norm.logpdf(2, 2 * z, 1), stats.norm.logpdf(z)
    log_q_z_given_x = stats.norm.logpdf(z, mu, sigma)
    kl = 0.5 * (mu**2 + sigma**2 - 1) - np.log(sigma)
    return log_p_x_given_z + log_p_z - log_q_z_given_x, log_p_x_given_z - kl

# %% key="first-picture"
rng = np.random.default_rng(0)
eps, jitter = rng.standard_normal(300), 0.25 * rng.uniform(-1, 1, 300)
fig, axes = plt.subplots(1, 2, figsize=(7, 2.6), sharex=True, sharey=True)
for ax, width in zip(axes, (0.5, 0.1), strict=True):
    exact = estimates(0.5, width, np.array([-1, 1]))[0].mean()   # section 1 says why
    for row, values in enumerate(estimates(0.5, width, eps)):
        ax.scatter(values - exact, 1 - row + jitter, s=5, color=plots.Q, alpha=0.5)
        ax.text(0.01, 0.85 - 0.45 * row, f"variance {values.var():.2f}",
                transform=ax.transAxes)
    ax.axvline(0, color=plots.BOUND)
    ax.set(xlabel="estimate minus bound (nats)", title=f"$\\sigma = {width}$",
           ylim=(-0.5, 1.7), xlim=(-8, 5))
axes[0].set_yticks([1, 0], ["A", "B"])
plt.show()

# %% [markdown] key="first-picture-words"
# *In words:* two panels with one scale, each with a row of 300 dots for A above a row for B, about a black line at 0, the bound. Left, $\sigma = 0.5$: A is the narrower cloud. Right, $\sigma = 0.1$: A spreads over about five nats, and B is a narrow stripe at the line.
#
# Both rows have their mean on the line. Section 5 finds out who wins where, and why.

# %% [markdown] key="self-test"
# **Three questions first.**
#
# 1. An encoder gives $\mu = 0.5$ and $\log\sigma^2 = \log 0.25$. The noise is $\epsilon = 1$. What is $z$?
# 2. $\mathrm{KL}(q\,\Vert\,p)$ is the mean of what, under which density?
# 3. $\epsilon \sim \mathcal N(0, 1)$. What are $\mathbb E[\epsilon^2]$ and $\mathrm{Var}[3 + 2\epsilon]$?
#
# <details><summary>Answers</summary>
#
# 1. $\sigma = 0.5$, so $z = \mu + \sigma\epsilon = 1$.
# 2. Of $\log q(z) - \log p(z)$, with $z$ drawn from $q$.
# 3. 1 and 4.
#
# </details>

# %% [markdown] key="question"
# **The question of this lesson.** Lesson 02 gave the bound as an expectation, lesson 04 a way to draw from $q$ that gradients can pass. What remains is bookkeeping: which terms are averaged, over what, and with which factors.

# %% [markdown] key="by-hand"
# ## 1. One datapoint, one draw, by hand
#
# The model of the picture: $p(z) = \mathcal N(0, 1)$, $p(x\mid z) = \mathcal N(2z, 1)$, datapoint $x = 2$. The encoder says $\mu = 0.5$, $\sigma = 0.5$. Draw $\epsilon = 1$, so $z = 1$. With $\tfrac12\log 2\pi = 0.919$:
#
# | | normal | nats |
# |---|---|---|
# | $\log p(x\mid z)$ | $\mathcal N(2; 2, 1)$ | $-0.919 - 0 = -0.919$ |
# | $\log p(z)$ | $\mathcal N(1; 0, 1)$ | $-0.919 - 0.5 = -1.419$ |
# | $\log q(z\mid x)$ | $\mathcal N(1; 0.5, 0.25)$ | $-0.919 + 0.693 - 0.5 = -0.726$ |
#
# **A** is the first two minus the third: $-1.612$. **B** is the first minus the KL, which section 3 derives as $\tfrac12(0.25 + 0.25 - 1 - \log 0.25) = 0.443$: $-1.362$.
#
# Do B yourself for $\epsilon = -1$ before you read on. The next cell has the numbers, and the means of the two draws.

# %% key="by-hand-check"
eps = np.array([1.0, -1.0])
a, b = estimates(0.5, 0.5, eps)
check("A by hand", a, [-1.612, -3.112], atol=5e-4)
check("B by hand", b, [-1.362, -3.362], atol=5e-4)
one = LinearGaussian([[2]], [0], s2=1)                # knows its bound without draws
exact = one.bound(np.array([[2]]), np.array([[0.5]]), np.array([[0.25]]))[0]
check("the means of the two draws", [a.mean(), b.mean()], [exact, exact])
print(f"bound {exact:.3f}, log evidence {one.log_evidence(np.array([[2]]))[0]:.3f}")

# %% [markdown] key="by-hand-after"
# Three things to keep.
#
# - At $\epsilon = 1$ both estimates lie *above* the log evidence, $-2.124$. A single estimate is no bound. Its mean is.
# - The two means agree, and they *are* the bound. All logs here are quadratic in $\epsilon$, and the points $\pm 1$ have the mean 0 and the mean square 1 of a standard normal.
# - "No noise" is not a draw. Setting $\epsilon = 0$, so $z = \mu$, gives $-0.919 - 0.5 - 0.443 = -1.862$ for B: half a nat above the bound, a flattering number.

# %% [markdown] key="rule"
# Variances need fourth powers, so add a third point. The points $-\sqrt3, 0, \sqrt3$ with weights $\tfrac16, \tfrac46, \tfrac16$ have the normal's moments up to the fifth: $\mathbb E[\epsilon^2] = 2\cdot\tfrac16\cdot 3 = 1$, $\mathbb E[\epsilon^4] = 2\cdot\tfrac16\cdot 9 = 3$, the odd ones 0. For two latents take all nine pairs, each with the product of its two weights. This **quadrature** is the referee of the lesson: exact means and exact variances of anything quadratic in $\epsilon$.

# %% key="rule-check"
nodes, weights = np.array([-np.sqrt(3), 0, np.sqrt(3)]), np.array([1, 4, 1]) / 6
pairs = np.stack(np.meshgrid(nodes, nodes), -1).reshape(9, 1, 2)         # (L, 1, J)
pair_weights = np.outer(weights, weights).reshape(9)
check("moments 1 to 5", weights @ nodes[:, None] ** np.arange(1, 6), [0, 1, 0, 3, 0])
check("A and B", [weights @ f for f in estimates(0.5, 0.5, nodes)], [exact, exact])

# %% [markdown] key="eq6"
# ## 2. Estimator A
#
# Draw $\epsilon_1, \dots, \epsilon_L$ from $p(\epsilon)$, independent, and set $z_l = g_\phi(\epsilon_l, x)$.
#
# $$\begin{aligned}
# \mathcal L(\theta,\phi;x) &= \mathbb E_{q_\phi(z\mid x)}\big[\log p_\theta(x, z) - \log q_\phi(z\mid x)\big] && \text{equation 2} \\
# &= \mathbb E_{p(\epsilon)}\big[\log p_\theta(x, z) - \log q_\phi(z\mid x)\big],\quad z = g_\phi(\epsilon, x) && \text{equation 5} \\
# &\simeq \frac1L\sum_{l=1}^{L} \big[\log p_\theta(x, z_l) - \log q_\phi(z_l\mid x)\big] = \tilde{\mathcal L}^A && \text{average L draws}
# \end{aligned}\tag{KW 6}$$
#
# In words: turn noise into codes, and average the log joint minus $\log q$. Each summand has the mean $\mathcal L$, so their average has it too: A is **unbiased**, also for L = 1. More draws change only its variance, which is that of one draw over L, as the draws are independent.

# %% [markdown] key="model-about"
# The check needs more than one latent, and a $q$ that is wrong. J = 2, D = 5, everything normal, decoder noise $s^2 = 0.5$, so `LinearGaussian.bound` knows the bound without any draw. The data set has N = 6 datapoints; the encoder $\mu = Vx$ is a guess.

# %% key="model"
W = np.array([[2, 1.5], [1, 1.5], [0.5, 1], [-1, 0], [0, 1]])            # (D, J)
model = LinearGaussian(W, b=np.zeros(5), s2=0.5)
_, x = model.sample(6, np.random.default_rng(0))                         # (N, D)
V = np.array([[0.3, 0, 0, -0.3, 0], [0, 0.4, 0.3, 0, 0.2]])              # (J, D)
mu, log_var = x @ V.T, np.tile([-1.2, -0.4], (6, 1))                     # (N, J)
sigma, sigma2 = np.exp(log_var / 2), np.exp(log_var)
bound = model.bound(x, mu, np.diag(sigma2[0]))                           # (N,)
print("exact bounds, nats:", bound.round(2))

# %% key="three-logs"
def three_logs(mu, log_var, eps):
    """log p(x|z), log p(z), log q(z|x) at z = mu + sigma eps, each (L, N)."""
    z = mu + np.exp(log_var / 2) * eps                                   # (L, N, J)
    log_p_z = -0.5 * (np.log(2 * np.pi) + z**2).sum(-1)
    square = (z - mu) ** 2 / np.exp(log_var)
    log_q_z_given_x = -0.5 * (np.log(2 * np.pi) + log_var + square).sum(-1)
    return model.log_p_x_given_z(x, z), log_p_z, log_q_z_given_x

# %% key="eq6-check"
at_pairs = three_logs(mu, log_var, pairs)                                # (9, N) each
check("eq6, exactly", pair_weights @ (at_pairs[0] + at_pairs[1] - at_pairs[2]), bound)

eps = np.random.default_rng(1).standard_normal((20_000, 6, 2))           # (L, N, J)
log_p_x_given_z, log_p_z, log_q_z_given_x = three_logs(mu, log_var, eps)
A = log_p_x_given_z + log_p_z - log_q_z_given_x                          # (L, N)
check_mc("eq6, 20,000 draws", A, bound)

# %% [markdown] key="eq06-1"
# ## 3. The KL in closed form (Appendix B)
#
# Equation 3 splits the bound: $\mathcal L = -\mathrm{KL}(q_\phi(z\mid x)\,\Vert\,p(z)) + \mathbb E_q[\log p_\theta(x\mid z)]$. The first term knows nothing of the decoder. For $q = \mathcal N(\mu, \mathrm{diag}(\sigma^2))$ and $p(z) = \mathcal N(0, I)$ two moments give it:
#
# $$\begin{aligned}
# \mathbb E_q[(z_j - \mu_j)^2] &= \sigma_j^2 && \text{the definition of the variance} \\
# \mathbb E_q[z_j^2] &= \mathbb E_q[(z_j-\mu_j)^2] + 2\mu_j\,\mathbb E_q[z_j - \mu_j] + \mu_j^2 && z_j = (z_j - \mu_j) + \mu_j\text{, squared} \\
# &= \sigma_j^2 + \mu_j^2 && \mathbb E_q[z_j - \mu_j] = 0
# \end{aligned}\tag{06.1}$$

# %% [markdown] key="eq06-2"
# Put the second moment into $\log p(z)$, and the first into $\log q(z\mid x)$:
#
# $$\begin{aligned}
# \int q\,\log p(z)\,dz &= \mathbb E_q\Big[-\tfrac J2\log 2\pi - \tfrac12\sum_j z_j^2\Big] && \text{log of } \mathcal N(0, I) \\
# &= -\tfrac J2\log 2\pi - \tfrac12\sum_j (\mu_j^2 + \sigma_j^2) && \text{mean square, (06.1)}
# \end{aligned}\tag{06.2}$$
#
# $$\begin{aligned}
# \int q\,\log q\,dz &= \mathbb E_q\Big[-\tfrac J2\log 2\pi - \tfrac12\sum_j \Big(\log\sigma_j^2 + \frac{(z_j-\mu_j)^2}{\sigma_j^2}\Big)\Big] && \text{log of } \mathcal N(\mu, \sigma^2) \\
# &= -\tfrac J2\log 2\pi - \tfrac12\sum_j (\log\sigma_j^2 + 1) && \text{variance, (06.1)}
# \end{aligned}\tag{06.3}$$
#
# Minus (06.3) is the **entropy** of $q$: $\tfrac12\log(2\pi e\,\sigma_j^2)$ for each latent.

# %% [markdown] key="eq06-4"
# Their difference is **Appendix B**. The constants cancel:
#
# $$-\mathrm{KL}\big(q_\phi(z\mid x)\,\Vert\,p(z)\big) = \int q\,(\log p - \log q)\,dz = \tfrac12\sum_{j=1}^{J}\big(1 + \log\sigma_j^2 - \mu_j^2 - \sigma_j^2\big)\tag{06.4}$$
#
# Read it by latent: $\mu_j^2$ charges a mean away from 0, $\sigma_j^2 - 1 - \log\sigma_j^2$ a width other than 1. Predict the KL at $\mu = 0$, $\sigma = 1$, and the sign of what code should call `kl`.
#
# <details><summary>Answer</summary>Zero, and positive elsewhere: each charge is zero only at the prior. Some code keeps the right side of (06.4) under the name <code>KL</code> or <code>KLD</code>: that is <i>minus</i> the KL, and sooner or later someone subtracts it. <code>assert (kl >= 0).all()</code> finds the fault.</details>
#
# From here on `aevb_lib.densities.kl_normal`, the same line.

# %% key="eq06-4-check"
from aevb_lib import kl_normal
from aevb_lib.exact import kl_gaussians

z = mu + sigma * pairs                                                   # (9, N, J)
check("eq06-1, variance", np.tensordot(pair_weights, (z - mu) ** 2, 1), sigma2)
check("eq06-1, square", np.tensordot(pair_weights, z**2, 1), mu**2 + sigma2)
q_log_p = -0.5 * (np.log(2 * np.pi) + mu**2 + sigma2).sum(-1)            # (N,)
q_log_q = -0.5 * (np.log(2 * np.pi) + log_var + 1).sum(-1)
check("eq06-2", q_log_p, pair_weights @ stats.norm.logpdf(z).sum(-1))
check("eq06-3", q_log_q, -stats.norm.entropy(mu, sigma).sum(-1))
kl = -0.5 * (1 + log_var - mu**2 - sigma2).sum(-1)
check("eq06-4", kl, kl_gaussians(mu, np.diag(sigma2[0]), np.zeros(2), np.eye(2)))
check("aevb_lib agrees", kl_normal(*map(torch.from_numpy, (mu, log_var))), kl)

# %% [markdown] key="ex6-1"
# ### Exercise 6.1 (derive)
#
# Another prior: $p(z) = \mathcal N(0, \tau^2)$ with one latent. Derive $\mathrm{KL}(\mathcal N(\mu,\sigma^2)\,\Vert\,\mathcal N(0, \tau^2))$ on paper: (06.3) stays, only (06.2) changes. Then enter the KL, from `mu`, `log_var` and `tau2`, which is $\tau^2$.
#
# <details><summary>Hint 1</summary>log p(z) now has log τ² and z²/τ² in it.</details>
# <details><summary>Hint 2</summary>∫ q log p = −½(log 2π + log τ² + (μ² + σ²)/τ²). Then subtract it from (06.3).</details>

# %% key="ex6-1-code"
def kl_to_prior(mu, log_var, tau2):
    ### BEGIN SOLUTION
    return 0.5 * (np.log(tau2) - log_var - 1 + (mu**2 + np.exp(log_var)) / tau2)
    ### END SOLUTION

# %% key="ex6-1-check"
m, v, t2 = 0.7, np.exp(-0.9), 2.5
q, p = ([[m]], [[v]]), ([[0.0]], [[t2]])
want, back = (kl_gaussians(*map(np.array, pair))[0] for pair in ((*q, *p), (*p, *q)))

def slip(*pairs):                                     # of (right, wrong) summands
    return want + sum(wrong - right for right, wrong in pairs) / 2

log_t2, mean, var = np.log(t2), (m**2 / t2, m**2), (v / t2, v)
exercise("ex6-1", lambda: kl_to_prior(m, -0.9, t2), want, mistakes={
    "turn the sign: a KL is never negative": -want, "put in the factor 1/2": 2 * want,
    "put in tau^2: this is the KL to N(0, 1)": slip((log_t2, 0), mean, var),
    "put in log tau^2": slip((log_t2, 0)), "add log tau^2": slip((log_t2, -log_t2)),
    "put log tau^2 where you have log tau": slip((log_t2, log_t2 / 2)),
    "subtract log_var": slip((0.9, -0.9)), "put in log_var": slip((0.9, 0)),
    "put in the -1": slip((-1, 0)), "subtract the 1": slip((-1, 1)),
    "leave the -1 alone: it is not divided by tau^2": slip((-1, -1 / t2)),
    "put 2 pi into (06.2), too": slip((0, np.log(2 * np.pi))),
    "put 2 pi into (06.3), too": slip((0, -np.log(2 * np.pi))),
    "divide mu^2 by tau^2, too": slip(mean), "divide sigma^2 by tau^2, too": slip(var),
    "divide mu^2 and sigma^2 by tau^2": slip(mean, var),
    "divide by tau^2: you multiply": slip((mean[0], m**2 * t2), (var[0], v * t2)),
    "put tau^2 where tau is": slip((mean[0], m**2 / t2**0.5), (var[0], v / t2**0.5)),
    "put sigma^2 where you have sigma": slip((var[0], v**0.5 / t2)),
    "put exp(log_var) where you have log_var": slip((var[0], -0.9 / t2)),
    "take the KL the other way round": back})

# %% [markdown] key="eq7"
# ## 4. Estimator B
#
# $$\begin{aligned}
# \mathcal L(\theta,\phi;x) &= -\mathrm{KL}\big(q_\phi(z\mid x)\,\Vert\,p(z)\big) + \mathbb E_{q_\phi(z\mid x)}[\log p_\theta(x\mid z)] && \text{equation 3} \\
# &= -\mathrm{KL}\big(q_\phi(z\mid x)\,\Vert\,p(z)\big) + \mathbb E_{p(\epsilon)}[\log p_\theta(x\mid z)],\quad z = g_\phi(\epsilon, x) && \text{equation 5} \\
# &\simeq -\mathrm{KL}\big(q_\phi(z\mid x)\,\Vert\,p(z)\big) + \frac1L\sum_{l=1}^{L}\log p_\theta(x\mid z_l) = \tilde{\mathcal L}^B && \text{average L draws}
# \end{aligned}\tag{KW 7}$$
#
# In words: the KL by its formula, the rest by draws. Unbiased for the same bound, by the same argument. (The paper writes $p_\theta(z)$; our prior has no parameters.) The KL stands outside of the average: computed once for each datapoint, with shape (N,), while `log_p_x_given_z` is (L, N).
#
# Both are "SGVB" (stochastic gradient variational Bayes): the name does not mean a sampled KL. From here on `elbo_a` and `elbo_b`, the last lines of (KW 6) and (KW 7).

# %% key="eq7-check"
from aevb_lib import elbo_a, elbo_b

check("eq7, exactly", -kl + pair_weights @ at_pairs[0], bound)
B = -kl + log_p_x_given_z                                                # (L, N)
check_mc("eq7, 20,000 draws", B, bound)
t_kl, *t_logs = map(torch.from_numpy,
                    (kl, log_p_x_given_z, log_p_z, log_q_z_given_x))
check("elbo_a", elbo_a(*t_logs), A.mean(0))
check("elbo_b", elbo_b(t_kl, t_logs[0]), B.mean(0))

# %% [markdown] key="eq06-5"
# How do A and B differ at the same draw? Subtract:
#
# $$\tilde{\mathcal L}^A - \tilde{\mathcal L}^B = \mathrm{KL}\big(q_\phi(z\mid x)\,\Vert\,p(z)\big) - \frac1L\sum_{l=1}^{L}\big[\log q_\phi(z_l\mid x) - \log p(z_l)\big]\tag{06.5}$$
#
# The exact KL minus a *sampled* KL. The difference has mean 0: pure noise that A has and B has not. It is tempting to conclude that A is noisier. Predict: can the sampled KL of a single draw be negative?
#
# <details><summary>Answer</summary>It can: q is not above p everywhere, so one draw of log q − log p has either sign. Only its mean is a KL. (So do not name a single draw <code>kl</code>.) The next cell counts how often.</details>

# %% key="eq06-5-check"
sampled_kl = log_q_z_given_x - log_p_z                                   # (L, N)
check("eq06-5", A - B, kl - sampled_kl)
check_mc("eq06-5, the mean", A - B, np.zeros(6))
share = (sampled_kl < 0).mean(0)
print("share of draws with a negative sampled KL:", share.round(2))

# %% [markdown] key="ex6-2"
# ### Exercise 6.2 (code, optional)
#
# `B.mean(0)` in the check of eq. 7 is estimator B from arrays. Write A likewise, in NumPy, without `three_logs` and the library. `mu`, `log_var` are (N, J), `eps` is (L, N, J), `log_p_x_given_z` (L, N) is given. Return (N,). Which axis belongs to which sum or mean?
#
# <details><summary>Hint 1</summary>Over latents (the last axis) log-densities add up: sum. Over draws (the first axis): mean. Over datapoints: nothing yet.</details>
# <details><summary>Hint 2</summary>At z = mu + sigma eps the square in log q(z|x) is (z − mu)²/sigma² = eps². Do not forget its −½ Σ log_var.</details>

# %% key="ex6-2-code"
def my_a(mu, log_var, eps, log_p_x_given_z):
    ### BEGIN SOLUTION
    z = mu + np.exp(log_var / 2) * eps
    sampled = 0.5 * (z**2 - log_var - eps**2).sum(-1)            # log q - log p, (L, N)
    return (log_p_x_given_z - sampled).mean(0)
    ### END SOLUTION

# %% key="ex6-2-check"
few, given, log_p = eps[:3], log_p_x_given_z[:3], log_p_z[:3]             # L = 3
log_q, right, log_term = log_q_z_given_x[:3], A[:3].mean(0), given.mean(0)
c, wide_z = np.log(2 * np.pi), stats.norm.logpdf(mu + sigma2 * few).sum(-1)

def slip(wrong=0, log_p=log_p):                     # wrong: too much in -2 log q
    return (given + log_p - log_q + 0.5 * (wrong + 0 * mu).sum(-1)).mean(0)

exercise("ex6-2", lambda: my_a(mu, log_var, few, given), right, mistakes={
    "put sigma where you have sigma^2": slip(log_p=wide_z),
    "put sigma, not sigma^2, into z": slip((sigma2 - 1) * few**2, wide_z),
    "put log_var where you have sigma": slip(sigma - log_var),
    "put in log_var": slip(-log_var), "double log_var": slip(-log_var / 2),
    "divide (z - mu)^2 by sigma^2": slip((sigma2 - 1) * few**2),
    "add log p(z)": (given - log_q).mean(0), "put in log q": (given + log_p).mean(0),
    "subtract log q": (given + log_p + log_q).mean(0),
    "turn the signs of log p(z) and log q": 2 * log_term - right,
    "put 2 pi into log p(z)": right + c, "put 2 pi into log q": right - c,
    "put 2 pi into log p(z) for each latent": right + c / 2,
    "put 2 pi into log q for each latent": right - c / 2,
    "put the factor 1/2 into both logs": 2 * right - log_term,
    "put 1/2 into log p(z)": right + log_p.mean(0),
    "put 1/2 into log q": right - log_q.mean(0), "take the mean over the draws": A[:3],
    "sum over the latents": (right + log_term) / 2,
    "take the mean, not the sum": 3 * right, "return N bounds": right.mean(),
    "sample the KL: this is estimator B": log_term - kl})

# %% [markdown] key="variance"
# ## 5. Which one is quieter?
#
# B replaces a sampled term by its exact value. Does that not always help? The first picture says no. Write $\tilde K = \log q(z\mid x) - \log p(z)$ for the sampled KL of one draw. By (06.5) A is $\mathrm B + \mathrm{KL} - \tilde K$, and the KL is a constant:
#
# $$\mathrm{Var}[\mathrm A] = \mathrm{Var}[\mathrm B] + \mathrm{Var}[\tilde K] - 2\,\mathrm{Cov}[\log p(x\mid z), \tilde K]\tag{06.6}$$
#
# So A is quieter where $\log p(x\mid z)$ and $\tilde K$ err *together*: where the covariance exceeds half of $\mathrm{Var}[\tilde K]$. At the exact posterior they err together wholly. With $q(z\mid x) = p(z\mid x)$, Bayes gives at every $z$
#
# $$\log p(x, z) - \log q(z\mid x) = \log p(x) + \log p(z\mid x) - \log p(z\mid x) = \log p(x)\tag{06.7}$$

# %% [markdown] key="walk-about"
# Walk $q$, in the model of section 1, from a narrow, misplaced one ($\mu = 0.2$, $\sigma = 0.1$) to the exact posterior. By Bayes that has the precision $1 + 2^2 = 5$ and the mean $2\cdot 2/5 = 0.8$. Everything is quadratic in $\epsilon$, so section 1's three points give all variances exactly.
#
# Predict from (06.7): what is the variance of A at the last step? And from the first picture: who is quieter at the first? Does B get quieter on the walk, too?

# %% key="walk"
def mean_and_variance(values):
    """Over eps, exactly, of values (..., 3) at the three nodes."""
    mean = values @ weights
    return mean, (values - mean[..., None]) ** 2 @ weights

centre, precision = 0.8, 5.0
t = np.linspace(0, 1, 41)[:, None]                                       # T = 41 steps
walk_mu = 0.2 + t * (centre - 0.2)                                       # (T, J)
walk_sigma = 0.1 * (precision**-0.5 / 0.1) ** t
(walk_bound, var_a), (_, var_b) = map(mean_and_variance,
                                      estimates(walk_mu, walk_sigma, nodes))

# %% key="eq06-6-check"
draws = np.random.default_rng(2).standard_normal(10_000)                 # for all steps
walk_a, walk_b = estimates(walk_mu, walk_sigma, draws)                   # (T, 10000)
log_evidence = one.log_evidence(np.array([[2]]))[0]
check_mc("variance of A", (walk_a.T - walk_bound)[:, :-1] ** 2, var_a[:-1])
check_mc("variance of B", (walk_b.T - walk_bound) ** 2, var_b)
for n in (0, 20, 40):
    at_a, at_b = estimates(walk_mu[n], walk_sigma[n], nodes)
    k = at_b - at_a                                    # the sampled KL, less the KL
    both, var_k = weights @ (k * (at_b - walk_bound[n])), weights @ k**2
    check(f"eq06-6, step {n}: twice the covariance {2 * both:.2f}, Var K {var_k:.2f}",
          var_a[n], var_b[n] + var_k - 2 * both)
check("eq06-7, A at the posterior", walk_a[-1], np.full(10_000, log_evidence))

# %% key="walk-explorer" tags=["nbval-ignore-output"]
from aevb_lib.widgets import VarianceExplorer

VarianceExplorer(walk_mu, walk_sigma, walk_a[:, :200], walk_b[:, :200], walk_bound,
                 ([centre], [[1 / precision]]), log_evidence=log_evidence,
                 var_a=var_a, var_b=var_b)

# %% [markdown] key="walk-explorer-words"
# *In words:* left, $q$ as a blue bell and the posterior as a dashed orange one. Right, 200 estimates by A and 200 by B, in two rows about the bound, with $\log p(x)$ as a dashed line. Below, both exact variances along the walk, on a logarithmic axis. Play, the slider, or the arrow keys on the lower chart (with Shift by ten; Home, End; Space plays) move $q$. If you see only one line of text, run the cell. The next picture is a still one.
#
# Play it, then answer: at which step do A and B change places? What do A's dots do at the last one, and where do they lie?

# %% key="walk-picture"
fig, (left, right) = plt.subplots(1, 2, figsize=(7, 3.4))
left.plot(var_a, color=plots.BOUND), left.plot(var_b, color=plots.BOUND, ls="--")
left.text(4, 0.55, "A"), left.text(4, 0.16, "B")
left.set(xlabel="step of the walk", ylabel="variance of one draw (nats²)",
         ylim=(0, 0.65), title="exact variances")

across, up = np.meshgrid(np.linspace(-1, 1.6, 131), np.geomspace(0.05, 3, 121))
A_less_B = np.subtract(*(mean_and_variance(f)[1] for f in estimates(
    across[..., None], up[..., None], nodes)))
right.contourf(across, up, A_less_B, [-1e9, 0], colors=["#D9D9D9"])
right.contour(across, up, A_less_B, [0], colors=[plots.BOUND], linewidths=1)
right.plot(walk_mu, walk_sigma, color=plots.Q, marker="o", ms=3, markevery=8)
right.plot([0, 0.8], [1, precision**-0.5], "D", color=plots.P)
right.text(-0.07, 1.05, "prior", color=plots.P, ha="right")
right.text(0.86, 0.265, "posterior", color=plots.P)
right.text(0.1, 0.65, "A quieter"), right.text(0.6, 0.075, "B quieter")
right.text(0.6, 1.9, "B quieter")
right.set(yscale="log", xlabel="$\\mu$", ylabel="$\\sigma$", title="who wins where")
plt.show()

# %% [markdown] key="walk-picture-words"
# *In words:* left, exact variances against the step. A (solid) falls from 0.54 to 0. B (dashed) rises from 0.10 to 0.45. They cross between steps 28 and 29. Right, the plane of $\mu$ and $\sigma$. In a grey region around the way between the prior and the posterior A is quieter; elsewhere B, below the region as above it. The walk enters it from below. The prior lies on its rim.

# %% [markdown] key="walk-after"
# They change places at step 29. At the last one **A has no noise at all**: every draw is $\log p(x)$, the constant of lesson 00. B does not get quieter: its noise is that of $\log p(x\mid z)$, which grows along the walk because $\sigma$ does, to 0.45.
#
# The plane, which is that of this one $x$: at the prior A and B are the same number, as the exact and the sampled KL are both 0. Between prior and posterior the sampled KL's noise *cancels* noise of $\log p(x\mid z)$; B removes the one and loses the cancellation. Where $q$ is narrow, and where it is wide, and where it is far from both, too little cancels, and B wins. So the paper's "typically" is a condition on $q$, not a law.

# %% [markdown] key="variance-after"
# All this is about the estimate's *value*. Training feels the variance of the *gradient*, and that has an order of its own. Our prior has no parameters: $\theta$ stands in $\log p(x\mid z)$ alone, so its gradient is the same number in A and in B. For $\mu$, in this model, B's gradient is the quieter one at every $q$; for $\sigma$ either can win. Section 8 derives both.

# %% [markdown] key="eq8"
# ## 6. The minibatch
#
# The data set has N datapoints, and its bound is the sum of theirs. Take M different ones at random, every set of M equally likely:
#
# $$\mathcal L(\theta,\phi;X) = \sum_{i=1}^{N}\mathcal L(\theta,\phi;x_i) \simeq \tilde{\mathcal L}^M(\theta,\phi;X^M) = \frac NM\sum_{i=1}^{M}\tilde{\mathcal L}(\theta,\phi;x_i)\tag{KW 8}$$
#
# In words: a minibatch's sum, scaled up by N/M, stands for the sum over all. (In the first sum $x_i$ is datapoint $i$ of N, in the last the $i$-th of the minibatch; below it is again one of all N.) Why N/M? Each datapoint is in $\binom{N-1}{M-1}$ of the $\binom NM$ minibatches, as many as there are ways to choose its companions. The share is
#
# $$\binom{N-1}{M-1}\Big/\binom NM = \frac MN\tag{06.8}$$
#
# so the mean over all minibatches is
#
# $$\frac NM\sum_{i=1}^{N}\frac MN\,\tilde{\mathcal L}(x_i) = \sum_{i=1}^{N}\tilde{\mathcal L}(x_i)\tag{06.9}$$
#
# With N = 6 we can list them all. Predict: how many minibatches of M = 2 are there, and in how many is the first datapoint?

# %% key="eq8-check"
from aevb_lib import minibatch_bound

def all_minibatches(values, M):
    """The sum of each minibatch of M of the values."""
    return np.array([values[list(chosen)].sum()
                     for chosen in combinations(range(len(values)), M)])

for M in (1, 2, 4):
    all_of = 6 / M * all_minibatches(bound, M)
    check(f"eq06-9, M = {M}, {len(all_of)} minibatches",
          all_of.mean(), bound.sum(), 1e-12)
check("eq06-8, 5 of 15", all_minibatches(np.eye(6)[0], 2).mean(), 5 / 15, 1e-12)
rows = np.random.default_rng(3).permuted(np.tile(np.arange(6), (20_000, 1)), axis=1)
drawn = np.take_along_axis(B, rows[:, :2], axis=1)                       # (20000, M)
check_mc("eq8, minibatch and noise drawn", 6 / 2 * drawn.sum(1), bound.sum())
check("minibatch_bound", minibatch_bound(drawn[0], 6), 6 / 2 * drawn[0].sum())

# %% [markdown] key="eq8-after"
# A single minibatch may be far off; the mean of all is exact. In the first checks each $\mathcal L(x_i)$ was exact, too. In training both are random, datapoints *and* noise, as in the fifth check: **doubly stochastic**. Nothing new is needed: the mean over minibatches is linear, and each $\tilde{\mathcal L}(x_i)$ has the mean $\mathcal L(x_i)$. So it is with gradients.
#
# How many draws? "In our experiments we found that the number of samples $L$ per datapoint can be set to 1 as long as the minibatch size $M$ was large enough, e.g. $M = 100$." The noise of $\epsilon$ depends on the product LM, that of the choice of data on M; lesson 07 derives it.

# %% [markdown] key="ex6-3"
# ### Exercise 6.3 (code)
#
# A colleague estimates the bound of the full data set like this:
#
# ```python
# def full_bound(log_p_x_given_z, kl, n_data):      # (L, M), (M,), N
#     M = log_p_x_given_z.shape[1]
#     return n_data * (log_p_x_given_z.mean() - M / n_data * kl.mean())
# ```
#
# Find the error, and write it right. (Where M = N it gives the right number: a small test does not find it.)
#
# <details><summary>Hint 1</summary>Write eq. 8 with eq. 7 in it. Which factor does each of the two terms get?</details>
# <details><summary>Hint 2</summary>The first term is right. Take M = 1: how much of the KL of all N datapoints does the second one stand for?</details>

# %% key="ex6-3-code"
def full_bound(log_p_x_given_z, kl, n_data):
    ### BEGIN SOLUTION
    return n_data * (log_p_x_given_z.mean() - kl.mean())
    ### END SOLUTION

# %% key="ex6-3-check"
part, part_kl = log_p_x_given_z[:3, :2], kl[:2]                          # L = 3, M = 2
log_part, kl_part = part.mean(0).sum(), part_kl.sum()
want = minibatch_bound(elbo_b(part_kl, part), 6)
exercise("ex6-3", lambda: full_bound(part, part_kl, 6), want, mistakes={
    "take the weight M/N off the KL": 3 * log_part - kl_part,
    "put N/M before both terms, not before the KL alone": log_part - 3 * kl_part,
    "put in N/M: this is the bound of the minibatch": want / 3,
    "put in N: this is the bound of one datapoint": want / 6,
    "put N/M before a sum, or N before a mean": want / 2,
    "put N/M where you have N": want * 2,
    "put N/M where you have M/N": want / 9,
    "average over the draws before you sum": want * 3,
    "average log p(x|z) over the draws": 9 * log_part - 3 * kl_part,
    "subtract the KL": 3 * (log_part + kl_part),
    "do not divide the KL by N: it is one datapoint's": 3 * log_part - kl_part / 2,
    "leave N/M out of the bracket: N stands before it": 3 * log_part - 9 * kl_part,
    "average the KL over the datapoints, too": 3 * log_part - 6 * kl_part})

# %% key="misread"
rows = {"N/M on the whole (eq. 8)": 3 * all_minibatches(bound, 2),
        "N/M on $\\log\\,p(x|z)$ alone": (3 * all_minibatches(bound + kl, 2)
                                        - all_minibatches(kl, 2)),
        "no factor": all_minibatches(bound, 2)}
fig, ax = plt.subplots(figsize=(7, 2.3))
for height, values in zip((2, 1, 0), rows.values(), strict=True):
    ax.plot(values, np.full(15, height), "o", color=plots.Q, alpha=0.5)
    ax.plot(values.mean(), height, "|", color=plots.BOUND, ms=22, mew=2.5)
ax.axvline(bound.sum(), color=plots.BOUND, lw=1, ls="--")
ax.text(bound.sum() + 1, 2.45, "bound of all six", va="center")
ax.set_yticks([2, 1, 0], rows)
ax.set(ylim=(-0.5, 2.7), xlabel="estimate (nats); the bar is the mean of the 15")
plt.show()

# %% [markdown] key="misread-words"
# *In words:* three rows of 15 dots, one for each minibatch of two, with a bar at their mean, and a dashed line at the bound of all six datapoints. Only the first row's bar is on the line. The second's, the colleague's, lies too high by two thirds of all KLs. The third row is a third of the first.
#
# The second misreads eq. 8 and is another objective: its KL weighs $M/N$, here a third. The third has the right direction, and the step size takes up its factor, if nothing else (a prior on $\theta$, weight decay) is in the objective. So it is with the mean over the minibatch.

# %% [markdown] key="losses"
# ## 7. Sum, mean, $s^2$ and $\beta$
#
# Much code minimises "reconstruction error + KL". Is that minus the bound, and of which model? Take a Gaussian decoder with pixel means $y$ and one fixed variance $s^2$ for all D pixels (the paper writes $\sigma^2$ here, too; we keep $\sigma^2$ for the encoder's). One draw; $\mathrm{SSE} = \sum_k (x_k - y_k)^2$ over the pixels:
#
# $$\begin{aligned}
# \tilde{\mathcal L}^B &= -\mathrm{KL} - \tfrac D2\log 2\pi s^2 - \frac{\mathrm{SSE}}{2s^2} && \text{eq. 7, log of D normals} \\
# -2s^2\,\tilde{\mathcal L}^B &= \mathrm{SSE} + 2s^2\,\mathrm{KL} + \text{const} && \text{times } -2s^2 \\
# -\tfrac{2s^2}{D}\,\tilde{\mathcal L}^B &= \mathrm{MSE} + \tfrac{2s^2}{D}\,\mathrm{KL} + \text{const} && \text{divide by D}
# \end{aligned}\tag{06.10}$$
#
# The constant, $s^2 D\log 2\pi s^2$ or a Dth of it, holds no $\theta$ and no $\phi$. For fixed $s^2$ neither it nor a positive factor moves an optimum.

# %% [markdown] key="eq06-11"
# So a weight $\beta$ on the KL is a noise variance, once you know how the squares are reduced. Compare the factors of the KL in (06.10):
#
# $$\mathrm{SSE} + \beta\,\mathrm{KL}:\quad s^2 = \frac\beta2,\qquad\qquad \mathrm{MSE} + \beta\,\mathrm{KL}:\quad s^2 = \frac{\beta D}{2}\tag{06.11}$$
#
# With $\beta = 1$, the sum means $s^2 = \tfrac12$. The mean over 784 pixels means $s^2 = 392$: a standard deviation of 20 for pixels between 0 and 1.

# %% key="eq06-11-check"
def variance_of(beta, reduction, D):
    """The s^2 for which the loss is minus a bound, up to factor and constant."""
    return beta / 2 if reduction == "sum" else beta * D / 2

rng, D, some_kl = np.random.default_rng(4), 784, 21.3
pixels, y = rng.uniform(size=(2, D))
for reduction, beta in (("sum", 1), ("mean", 1), ("sum", 4), ("mean", 0.00025)):
    s2, n = variance_of(beta, reduction, D), 1 if reduction == "sum" else D
    elbo = stats.norm.logpdf(pixels, y, np.sqrt(s2)).sum() - some_kl
    loss = ((pixels - y) ** 2).sum() / n + beta * some_kl
    constant = s2 * D * np.log(2 * np.pi * s2) / n
    check(f"eqs 06-10, 06-11, {reduction}, beta = {beta}: s^2 = {s2}",
          -2 * s2 / n * elbo, loss + constant)

# %% [markdown] key="ex6-4"
# ### Exercise 6.4 (predict)
#
# Four losses for one image with D = 784 pixels, each with the full KL (sum over latents). Which is minus the bound (eq. 3) of a Gaussian decoder, up to a positive factor and a constant, and for which $s^2$? Enter four numbers, 0 for "for none".
#
# 1. half the sum of squares + KL
# 2. mean of the squares + 0.001 KL
# 3. sum of squares + 0.1 KL
# 4. binary cross-entropy, summed over pixels, + 4 KL
#
# <details><summary>Hint 1</summary>Bring each to the form SSE + β KL or MSE + β KL, then (06.11).</details>
# <details><summary>Hint 2</summary>The first is half of SSE + 2 KL. Is there a variance in the fourth?</details>

# %% key="ex6-4-code"
variances = ...
### BEGIN SOLUTION
variances = [1, 0.392, 0.05, 0]      # the fourth: Bernoulli, and not eq. 3
### END SOLUTION

# %% key="ex6-4-check"
def entry(n):
    return variances if variances is ... else variances[n] or 0

def variance_in(loss):
    """s^2 by (06.10): half of the KL's weight over that of the SSE."""
    return loss(0, 1) / loss(1, 0) / 2

half, mean, tenth = map(variance_in, (                                   # losses 1 to 3
    lambda sse, kl: sse / 2 + kl, lambda sse, kl: sse / 784 + 0.001 * kl,
    lambda sse, kl: sse + 0.1 * kl))
none, root = {"it is one: squares are a Gaussian's": 0.0}, "give s^2, not s"
for n, (right, mistakes) in enumerate((
    (half, {**none, "write it as half of SSE + 2 KL": half / 2,
            "halve beta, which is 2": half * 2, "double the weight": half / 4,
            "leave D out: these squares are summed": half * 784}),
    (mean, {**none, "put in D: these squares are averaged": mean / 784,
            root: mean**0.5, "halve: s^2 = beta D / 2": mean * 2,
            "this is beta, not s^2": 0.001}),
    (tenth, {**none, "leave D out: these squares are summed": tenth * 784,
             root: tenth**0.5, "halve beta": 0.1, "halve, do not double": 0.2}),
    (0.0, {"enter 0: a cross-entropy is a Bernoulli's, without s^2": 2.0,
           "enter 0: there is no s^2 in a cross-entropy": 1568.0,
           "enter 0: this is not eq. 3, where the KL weighs 1": 4.0}))):
    exercise(f"ex6-4, loss {n + 1}", lambda n=n: entry(n), right, mistakes=mistakes)

# %% [markdown] key="cost"
# ## 8. Two things more (optional, for a second reading)
#
# **What $s^2$ does to the codes.** Let a decoder ignore $z$ and always answer the mean image, with $q$ the prior: the KL is 0, and the SSE of our digits is 52 on average. Codes can at best bring the SSE to 0. So they raise the bound by at most $52/2s^2$ nats an image, and the KL that they cost comes off that. Predict: how large a KL can pay for itself when $s^2 = 392$, and when $s^2 = \tfrac12$?
#
# <details><summary>Answer</summary>0.07 nats, and 52. With 392 no code worth the name pays: the best model, whatever its decoder, keeps q within 0.07 nats of the prior on average, all but equal to it. That is <b>collapse</b>. Nobody chose it; a default <code>mean</code> did. Better: state s², or learn it. Then neither the factor nor the constant may go: train on the first line of (06.10).</details>

# %% key="cost-numbers"
from aevb_lib import load_mnist

images = load_mnist("small").x_train.numpy().astype(float)               # (4000, 784)
sse = ((images - images.mean(0)) ** 2).sum(1).mean()
for s2 in (392, 0.5):
    print(f"s^2 = {s2:5}: a KL of {sse / (2 * s2):.2f} nats at most")

# %% [markdown] key="eq06-12"
# **The variance of the gradient.** One latent, posterior $\mathcal N(m, 1/\Lambda)$. By Bayes $\log p(x, z)$ is $\log p(z\mid x)$ plus a constant, so its slope in $z$ is $\Lambda(m - z)$. At fixed $\epsilon$, $\partial z/\partial\mu = 1$ and $\partial z/\partial\sigma = \epsilon$.
#
# - **A**: that slope, times 1 or $\epsilon$. And $-\log q = \tfrac12\epsilon^2 + \log\sigma + \text{const}$ gives 0 for $\mu$, $1/\sigma$ for $\sigma$.
# - **B**: $\log p(x\mid z) = \log p(x, z) - \log p(z)$ has the slope $\Lambda(m - z) + z$. And $-\mathrm{KL}$ gives $-\mu$ and $1/\sigma - \sigma$.
#
# With $z = \mu + \sigma\epsilon$ each is a constant plus $a\epsilon + h\epsilon^2$, and $\mathrm{Var}[a\epsilon + h\epsilon^2] = a^2 + 2h^2$, as $\mathbb E[\epsilon^3] = 0$ and $\mathbb E[\epsilon^4] = 3$:
#
# $$\begin{aligned}
# \partial_\mu \mathrm A &= \Lambda(m - z) & \mathrm{Var} &= \Lambda^2\sigma^2 \\
# \partial_\mu \mathrm B &= \Lambda(m - z) + z - \mu & \mathrm{Var} &= (\Lambda - 1)^2\sigma^2 \\
# \partial_\sigma \mathrm A &= \Lambda(m - z)\,\epsilon + \tfrac1\sigma & \mathrm{Var} &= \Lambda^2(m-\mu)^2 + 2\Lambda^2\sigma^2 \\
# \partial_\sigma \mathrm B &= \big(\Lambda(m - z) + z\big)\epsilon + \tfrac1\sigma - \sigma & \mathrm{Var} &= \big(\Lambda(m-\mu) + \mu\big)^2 + 2(\Lambda-1)^2\sigma^2
# \end{aligned}\tag{06.12}$$
#
# For $\mu$ B is quieter at every $q$. Predict who is quieter for $\sigma$ at the posterior, $\mu = 0.8$, $\sigma^2 = 0.2$, and who at $\mu = 0.5$, $\sigma = 0.1$ ($\Lambda = 5$, $m = 0.8$).
#
# <details><summary>Answer</summary>At the posterior B, 7.04 against 10. At the other A, 2.75 against 4.32; with the parts for μ, 0.25 and 0.16, A has the lower sum there, too.</details>
#
# One step further: A's gradient through the parameters of $\log q$ has mean 0 (lesson 03). Leave it out, and by (06.7) the gradient with respect to $\phi$ is zero at the posterior, at every draw: "sticking the landing" (Roeder, Wu and Duvenaud 2017).

# %% key="eq06-12-check"
from aevb_lib import log_normal, log_standard_normal

def gradient_variances(at, width):
    """Of A's and B's (rows) gradient in mu and sigma (columns), by autograd."""
    both = [torch.full((3, 1), v, dtype=torch.float64, requires_grad=True)
            for v in (at, width)]                                        # for each node
    (mu, sigma), log_var = both, 2 * both[1].log()
    z = mu + sigma * torch.from_numpy(nodes)[:, None]
    log_p_x_given_z = log_normal(torch.full_like(z, 2), 2 * z, torch.zeros_like(z))
    A = log_p_x_given_z + log_standard_normal(z) - log_normal(z, mu, log_var)
    B = log_p_x_given_z - kl_normal(mu, log_var)
    slopes = [torch.cat(torch.autograd.grad(f.sum(), both, retain_graph=True), 1)
              for f in (A, B)]                                           # (3, 2) each
    return mean_and_variance(torch.stack(slopes).transpose(1, 2).numpy())[1]

for at, width in ((0.8, np.sqrt(0.2)), (0.5, 0.1)):
    want = [[(slope * width) ** 2, pull**2 + 2 * (slope * width) ** 2]
            for slope, pull in ((precision, precision * (centre - at)),
                                (precision - 1, precision * (centre - at) + at))]
    check(f"eq06-12 at mu = {at}", gradient_variances(at, width), want)

# %% [markdown] key="misconception"
# ## Misconception card
#
# > **"B computes exactly what A samples, so B always has less variance than A."**
#
# The variance of a sum is not the sum of the variances. A is $\log p(x\mid z)$ minus the sampled KL. Near the posterior the two err together, and their difference is quiet, down to zero.

# %% [markdown] key="take-away"
# ## What you can do now
#
# - **Two estimators, one mean.** A averages $\log p(x, z) - \log q(z\mid x)$; B subtracts the exact KL and averages $\log p(x\mid z)$. Sum over latents and pixels, mean over draws, sum over datapoints times N/M.
# - **The KL**, from two moments: $\tfrac12\sum_j(\mu_j^2 + \sigma_j^2 - 1 - \log\sigma_j^2)$.
# - **Read a loss.** $\beta$ with a sum of squares is $s^2 = \beta/2$, with a mean $\beta D/2$. N/M scales the whole bound.
#
# **Next.** [Lesson 07](07_algorithm_1_on_a_model_we_know.ipynb) puts eqs 7 and 8 into a loop, Algorithm 1, and runs it on this model until it meets the exact answer.
