# %% [markdown] key="title"
# # 03 · The obvious gradient, and why it hurts
#
# *The bound is an average over draws from q. How do we differentiate it with respect to the parameters of q itself?*
#
# **After this you can**
# - differentiate an average in $\theta$, and say which step of it breaks for $\phi$;
# - derive the score-function estimator with a pencil, code it, and show that it is unbiased;
# - predict its variance from the number of latents, with and without a baseline, and name cases where it is the better choice.
#
# **Paper**: section 2.2, second half (a formula without a number) · **Study**: 60 minutes, and 30 for what is optional · **Running**: 5 seconds · **You need**: the bound (lesson 02), standard errors (00, section 4), the product rule
#
# The code of pictures, checks and tables need only be run: to read it is optional.

# %% key="imports"
import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy import stats

from aevb_lib import LinearGaussian, check, check_mc, exercise, log_normal, plots

plots.use_style()

# %% [markdown] key="question"
# **The question of this lesson.** Training climbs the bound, so it needs two slopes. The decoder's $\theta$ stands *inside* the average. The encoder's $\phi$ decides *where the draws come from*. How does one differentiate that?
#
# A first look: the slope $\frac{\partial}{\partial\mu_1}\,\mathbb E[f(z)]$ of $f(z) = \sum_j z_j^2$, with $z_j \sim \mathcal N(1,\, 0.5^2)$. It is 2. Two recipes estimate it from one draw, both right on average:
#
# - **score function** (this lesson): the value $f(z)$, times $(z_1 - 1)/0.5^2$;
# - **pathwise** (lesson 04): the slope of $f$ in $z_1$ at the draw, $2 z_1$.
#
# Predict from the recipes: what do more latents do to each?

# %% key="first-look"
mu_j, sigma_j = 1.0, 0.5
rng = np.random.default_rng(0)
fig, panels = plt.subplots(2, 1, sharex=True, figsize=(7, 3.8))
for ax, J in zip(panels, (1, 10), strict=True):
    z = mu_j + sigma_j * rng.standard_normal((200, J))
    score_function = (z**2).sum(1) * (z[:, 0] - mu_j) / sigma_j**2
    pathwise = 2 * z[:, 0]
    for row, (gradient, marker, colour) in enumerate([
            (score_function, "o", plots.NOISE), (pathwise, "^", plots.Q)]):
        height = row + rng.uniform(-0.3, 0.3, 200)
        ax.plot(gradient, height, marker, ms=3, alpha=0.5, color=colour)
    ax.axvline(2, color=plots.BOUND, lw=1, zorder=5)
    ax.text(9, 1, "exact: 2", va="center")
    ax.set(title=f"J = {J}", ylim=(-0.5, 1.5))
    ax.set_yticks([0, 1], ["score function", "pathwise"])
panels[1].set_xlabel("estimate of the slope, one dot a draw")
plt.show()

# %% [markdown] key="first-look-words"
# *In words:* two panels of 200 estimates each, around a black line at 2. Pathwise triangles lie near the line in both. Score-function dots lie between $-1$ and 16 with one latent, and between $-68$ and 96 with ten.
#
# So one recipe suffers from latents that have nothing to do with $\mu_1$. Section 6 computes by how much. First, where does it come from?

# %% [markdown] key="self-test"
# **Do you have what you need?** Three questions.
#
# 1. What is the derivative of $\log q(\phi)$, in terms of $q$ and its derivative?
# 2. $u$ and $v$ are independent and have mean 0. What is $\mathbb E[(u + v)^2]$?
# 3. Two unbiased estimators have variances 1 and 100 per draw. The first gets 10 draws. How many does the second need for the same standard error?
#
# <details><summary>Answers</summary>
#
# 1. $q'/q$, by the chain rule.
# 2. $\mathbb E[u^2] + \mathbb E[v^2]$: variances add, as $\mathbb E[uv] = 0$.
# 3. 1,000. The standard error is $\sqrt{\text{variance}/L}$.
#
# </details>

# %% [markdown] key="eq03-1"
# ## 1. The easy half: $\theta$
#
# Take the bound $\mathcal L$ as lesson 02 left it, the mean over $q$ of $\log p_\theta(x, z) - \log q_\phi(z\mid x)$, and differentiate it in $\theta$.
#
# $$\begin{aligned}
# \nabla_\theta\, \mathcal L
# &= \nabla_\theta \int q_\phi(z\mid x)\, \big[\log p_\theta(x, z) - \log q_\phi(z\mid x)\big]\, dz && \text{definition} \\
# &= \int q_\phi(z\mid x)\; \nabla_\theta \log p_\theta(x, z)\, dz && \text{swap; } q_\phi \text{ holds no } \theta \\
# &= \mathbb E_q\big[\nabla_\theta \log p_\theta(x, z)\big] && \text{a density in front}
# \end{aligned}\tag{03.1}$$
#
# The swap of $\nabla$ and $\int$ is allowed where the integrand is smooth in $\theta$ and its derivative, for all $\theta$ nearby, stays in absolute value below one function with a finite integral. The last line can be sampled: draw from $q$, differentiate, average.
#
# The check: lesson 00's linear-Gaussian model, $x \mid z \sim \mathcal N(Wz + d,\, s^2 I)$, at a $q$ that is wrong on purpose. (There the offset $d$ was called $b$; here $b$ will be a baseline.) We take the slopes in $d$: that of $\log p(x\mid z)$ is $e = (x - Wz - d)/s^2$. The exact ones push each entry of $d$ up and down a little in the closed form of the bound.

# %% key="model"
rng = np.random.default_rng(0)
W, d, s2 = rng.standard_normal((5, 2)), np.full(5, 0.1), 0.5             # D = 5, J = 2
_, x = LinearGaussian(W, d, s2).sample(1, rng)                           # (1, 5)
mu, log_var = np.array([0.3, -0.2]), np.log([0.4, 0.6])                  # q, (2,) each
sigma, phi = np.exp(log_var / 2), np.stack([mu, log_var])                # phi (2, 2)

def exact_bound(d, phi):
    """d (5,), phi (2, 2) = mu above log_var; in nats."""
    model = LinearGaussian(W, d, s2)
    return model.bound(x, phi[:1], np.diag(np.exp(phi[1])))[0]

def slopes(function, at, push=1e-4):
    """(function(at + push) - function(at - push)) / (2 push) for each entry."""
    pushes = push * np.eye(at.size).reshape(-1, *at.shape)
    return np.array([function(at + p) - function(at - p) for p in pushes]
                    ).reshape(at.shape) / (2 * push)

# %% key="eq03-1-check"
z_q = mu + sigma * rng.standard_normal((20_000, 2))                      # (L, 2)
e = (x - z_q @ W.T - d) / s2                                             # (L, 5)
check_mc("eq03-1", e, slopes(lambda d: exact_bound(d, phi), d))

# %% [markdown] key="eq03-2"
# ## 2. The same move for $\phi$
#
# From here on $f$ is what is averaged, and $q_\phi(z)$ is short for $q_\phi(z\mid x)$, as in the paper. Let $f$ hold $\phi$ too: in the bound it does. The same two moves:
#
# $$\begin{aligned}
# \nabla_\phi\, \mathbb E_{q_\phi}[f_\phi(z)]
# &= \nabla_\phi \int q_\phi(z)\, f_\phi(z)\, dz && \text{definition} \\
# &= \int \nabla_\phi \big[q_\phi(z)\, f_\phi(z)\big]\, dz && \text{swap} \\
# &= \int \big[\nabla_\phi q_\phi(z)\big]\, f_\phi(z)\, dz + \int q_\phi(z)\, \nabla_\phi f_\phi(z)\, dz && \text{product rule}
# \end{aligned}\tag{03.2}$$
#
# The second integral has a density in front: an average, as before. The first has $\nabla_\phi q_\phi$ in front. **As it stands it is not an expectation.** Why not? Predict the area under $\partial q/\partial\mu$, and look.

# %% key="moving-density"
grid = np.linspace(-1.4, 3.4, 400)
q, moved = (stats.norm.pdf(grid, mean, sigma_j) for mean in (mu_j, mu_j + 0.15))
dq = q * (grid - mu_j) / sigma_j**2

fig, (left, right) = plt.subplots(1, 2, sharex=True, figsize=(7, 2.8))
left.plot(grid, q, color=plots.Q)
left.plot(grid, moved, color=plots.Q, ls="--")
left.text(0.45, 0.75, "$q$", color=plots.Q, ha="right")
left.text(1.75, 0.6, "$q$ with\n$\\mu$ moved", color=plots.Q)
right.plot(grid, dq, color=plots.Q)
right.fill_between(grid, dq, where=dq > 0, color=plots.Q, alpha=0.3, lw=0)
right.fill_between(grid, dq, where=dq < 0, color=plots.NOISE, alpha=0.3, lw=0,
                   hatch="//")
right.axhline(0, color=plots.BOUND, lw=0.8)
right.text(1.95, 0.7, "probability\narrives", color=plots.Q)
right.text(0.05, -0.9, "probability\nleaves", color=plots.NOISE, ha="right")
left.set(title="a density that moves", xlabel="z", ylabel="density")
right.set(title="$\\partial q / \\partial\\mu$", xlabel="z", ylabel="density per unit")
plt.show()

# %% [markdown] key="moving-density-words"
# *In words:* left, a bell $q$ around 1, and the same bell moved a little to the right (dashed). Right, $\partial q/\partial\mu$: a trough below zero left of the mean (hatched), where probability leaves, and an equal hill right of it, where it arrives.
#
# The area is 0: what leaves on one side arrives on the other. A density is never negative and has area 1. Nothing can be drawn from $\partial q/\partial\mu$.
#
# As an integral it is fine: section 8 sums it on a grid of $z$, with 181 points an axis. For J = 20 that is $181^{20}$ points. We need draws.
#
# **What if one forgets the first integral?** Nothing warns. Draw $z$ from $q$, compute $f = \log p(x, z) - \log q_\phi(z)$, the bound's $f$, and let autograd differentiate. It treats each $z$ as a constant, so it finds $\nabla_\phi f_\phi$: the second integral alone. Each draw below has its own copy of $\phi$, and so its own gradient. Predict: which of the four average slopes will be right?

# %% key="forgotten"
log_p_z = stats.norm.logpdf(z_q).sum(1)                  # the draws of before, (L,)
log_p_xz = log_p_z + LinearGaussian(W, d, s2).log_p_x_given_z(x, z_q[:, None])[:, 0]

copies = torch.tensor(np.tile(phi, (20_000, 1, 1)), requires_grad=True)  # (L, 2, 2)
log_q = log_normal(torch.tensor(z_q), copies[:, 0], copies[:, 1])          # (L,)
(torch.tensor(log_p_xz) - log_q).sum().backward()
se = copies.grad.std(0) / 20_000**0.5
exact_slopes = slopes(lambda phi: exact_bound(d, phi), phi)
for name, got, error, want in zip(("mu_1", "mu_2", "log var_1", "log var_2"),
                                  copies.grad.mean(0).ravel(), se.ravel(),
                                  exact_slopes.ravel(), strict=True):
    print(f"{name:9}  autograd {got:6.3f} ± {error:.3f}   exact {want:7.3f}")

# %% [markdown] key="eq03-3"
# None. All four are zero within their standard errors, and the exact slopes are not. An encoder trained so would wander at random, and the value of the bound would be right all the time. (Why exactly zero? See (03.8).)
#
# ## 3. The repair: put the density back
#
# We want $q_\phi$ in front of the first integral. The chain rule of the logarithm has it:
#
# $$\begin{aligned}
# \nabla_\phi \log q_\phi(z) &= \frac{\nabla_\phi q_\phi(z)}{q_\phi(z)} && \text{chain rule; where } q_\phi(z) > 0 \\[4pt]
# \nabla_\phi q_\phi(z) &= q_\phi(z)\, \nabla_\phi \log q_\phi(z) && \text{times } q_\phi(z)
# \end{aligned}\tag{03.3}$$
#
# This is the **log-derivative identity**, and $\nabla_\phi \log q_\phi(z)$ is called the **score** of $q$. Put it into (03.2):
#
# $$\begin{aligned}
# \nabla_\phi\, \mathbb E_q[f_\phi]
# &= \int q_\phi\, \big[\nabla_\phi \log q_\phi\big]\, f_\phi\, dz + \int q_\phi\, \nabla_\phi f_\phi\, dz && \text{(03.3)} \\
# &= \mathbb E_q\big[f_\phi(z)\, \nabla_\phi \log q_\phi(z) + \nabla_\phi f_\phi(z)\big] && \text{a density in front}
# \end{aligned}\tag{03.4}$$

# %% [markdown] key="eq03-5"
# Where $f$ holds no $\phi$ the second term is gone. What is left, averaged over $L$ draws $z_l \sim q_\phi$, is the paper's **naive estimator**, our score-function estimator:
#
# $$\nabla_\phi\, \mathbb E_q[f(z)] = \mathbb E_q\big[f(z)\, \nabla_\phi \log q_\phi(z)\big] \approx \frac1L \sum_{l=1}^{L} f(z_l)\, \nabla_\phi \log q_\phi(z_l)\tag{03.5}$$
#
# In words: a draw with $f > 0$ pulls $q$ towards itself, one with $f < 0$ pushes it away, as hard as $|f|$ is large. So what counts in the end is where $f$ is *higher than elsewhere*. Only values of $f$ are used, never its slope. Other names: REINFORCE, likelihood-ratio estimator. (The paper prints $\nabla$ with index $q_\phi(z)$, and $f(z)$ without the $l$: two slips.)

# %% [markdown] key="eq03-6"
# **The score of a Gaussian.** From (00.1), with $\sigma^2 = e^{\log\sigma^2}$:
#
# $$\begin{aligned}
# \log q(z) &= -\tfrac12 \sum_j \Big(\log 2\pi + \log\sigma_j^2 + (z_j - \mu_j)^2\, e^{-\log\sigma_j^2}\Big) && \text{the density's log} \\
# \frac{\partial \log q}{\partial\mu_j} &= -\tfrac12 \cdot 2\,(z_j - \mu_j)(-1)\, e^{-\log\sigma_j^2} = \frac{z_j - \mu_j}{\sigma_j^2} && \text{only the square holds } \mu_j \\
# \frac{\partial \log q}{\partial\log\sigma_j^2} &= -\tfrac12 \Big(1 - \frac{(z_j - \mu_j)^2}{\sigma_j^2}\Big) = \tfrac12 \Big(\frac{(z_j - \mu_j)^2}{\sigma_j^2} - 1\Big) && \text{slope of } e^{-a} \text{ is } -e^{-a}
# \end{aligned}\tag{03.6}$$
#
# With $z = \mu + \sigma\epsilon$ they are $\epsilon/\sigma$ and $(\epsilon^2 - 1)/2$. The referee is autograd.

# %% key="eq03-6-check"
def score(z, mu, log_var):
    """(..., 2, J): the slopes of log q(z) in mu, and in log sigma^2 below them."""
    var = np.exp(log_var)
    return np.stack([(z - mu) / var, ((z - mu) ** 2 / var - 1) / 2], axis=-2)

copies.grad = None
log_normal(torch.tensor(z_q), copies[:, 0], copies[:, 1]).sum().backward()
check("eq03-6", score(z_q, mu, log_var), copies.grad)

# %% [markdown] key="eq03-7"
# **The mean of a score is zero.**
#
# $$\begin{aligned}
# \mathbb E_q[\nabla_\phi \log q_\phi(z)] &= \int q_\phi(z)\, \nabla_\phi \log q_\phi(z)\, dz && \text{definition} \\
# &= \int \nabla_\phi q_\phi(z)\, dz && \text{(03.3), backwards} \\
# &= \nabla_\phi \int q_\phi(z)\, dz = \nabla_\phi\, 1 = 0 && \text{swap; the area is always 1}
# \end{aligned}\tag{03.7}$$
#
# That is the zero area of the picture. (The swap needs edges that stay put. For a uniform density on $[0, \phi]$ the score is $-1/\phi$ at every $z$.)
#
# This settles two things. First, the bound. Its $f_\phi = \log p_\theta(x, z) - \log q_\phi(z)$ gives (03.4) two terms. But $\log p_\theta(x, z)$ does not contain $\phi$, and so
#
# $$\mathbb E_q[\nabla_\phi f_\phi] = -\mathbb E_q[\nabla_\phi \log q_\phi] = 0\tag{03.8}$$
#
# The paper's formula (03.5), written for an $f$ without $\phi$, is right for the bound as well. And section 2 found zeros, as we had kept this term and lost the other. Second, $f$ may be shifted: $f - b$ with any constant $b$ gives the same mean. Section 5 needs it. The check sums over a grid of $z$, as in lesson 01.

# %% key="eq03-7-check"
ticks = np.arange(-90, 91) / 10
line = stats.norm.pdf(ticks) / stats.norm.pdf(ticks).sum()               # (181,)
eps_grid = np.stack(np.meshgrid(ticks, ticks), -1).reshape(-1, 2)        # (32761, 2)
weight = np.outer(line, line).ravel()                    # E[...] is weight @ ...
z_fixed = mu + sigma * eps_grid

scores = score(z_fixed, mu, log_var)                                     # (n, 2, 2)
mean_score = np.tensordot(weight, scores, 1)
check("eq03-7 and eq03-8, on the grid", mean_score, np.zeros((2, 2)))

# %% [markdown] key="ex3-1"
# ### Exercise 3.1 (derive)
#
# A latent that is 0 or 1 has no slope, but it has a score. Let $q(z) = y^z (1 - y)^{1 - z}$ with $y = 1/(1 + e^{-a})$, so that $\log q = z\log y + (1 - z)\log(1 - y)$. Derive the score in the logit $a$, and enter it for arrays `z` and `a`. You may use $dy/da = y\,(1 - y)$.
#
# <details><summary>Hint 1</summary>Differentiate both terms in y. The slope of log(1 − y) is −1/(1 − y).</details>
# <details><summary>Hint 2</summary>z/y − (1 − z)/(1 − y) has the common denominator y (1 − y). Then the chain rule.</details>

# %% key="ex3-1-code"
def bernoulli_score(z, a):
    ### BEGIN SOLUTION
    return z - 1 / (1 + np.exp(-a))
    ### END SOLUTION

# %% key="ex3-1-check"
bits, logits = np.array([0, 1, 0, 1]), np.array([0.5, 0.5, -2.0, -2.0])
y = 1 / (1 + np.exp(-logits))
right = bits - y
exercise("ex3-1", lambda: bernoulli_score(bits, logits), right, mistakes={
    "that is the slope in y; times dy/da": right / (y * (1 - y)),
    "that is dq/da; the score is the slope of log q": (2 * bits - 1) * y * (1 - y),
    "that is log q itself": bits * np.log(y) + (1 - bits) * np.log(1 - y),
    "the sign is turned": -right,
    "dy/da is y (1 - y), not y": right / (1 - y),
    "dy/da is y (1 - y), not 1 - y": right / y,
    "that is dy/da; the slope of log q in y is missing": y * (1 - y),
    "z = 0 has a slope too: log(1 - y)": bits * (1 - y),
    "log(1 - y) falls as y grows: its slope has a minus": bits + y - 2 * bits * y,
    "you have the logit where y belongs": bits - logits})

# %% [markdown] key="code"
# ## 4. The estimator in code
#
# One draw by hand: $f(z) = z^2$, $q = \mathcal N(1, 0.5^2)$, and the draw is $z = 1.4$. Then $f = 1.96$, the score in $\mu$ is $0.4/0.25 = 1.6$, and the estimate is $1.96 \cdot 1.6 = 3.14$. The exact slope is 2. A draw at $z = 0.6$ gives $0.36 \cdot (-1.6) = -0.58$. Each pulls towards itself; the higher $f$ wins on average.
#
# With arrays it is one product. For $f(z) = \sum_j z_j^2$ the exact answer is known:
#
# $$\mathbb E[f] = \sum_j \big(\mu_j^2 + \sigma_j^2\big), \qquad \frac{\partial\, \mathbb E[f]}{\partial\mu_j} = 2\mu_j, \qquad \frac{\partial\, \mathbb E[f]}{\partial\log\sigma_j^2} = \sigma_j^2\tag{03.9}$$
#
# (The last by the chain rule: $d\sigma^2/d\log\sigma^2 = \sigma^2$.) We compare at the $q$ of section 1: first the exact mean on the grid, then 20,000 draws.

# %% key="eq03-5-check"
def f(z):
    return (z**2).sum(-1)

def estimates(z, mu, log_var):
    """One estimate a draw of the gradient of E[f]: (L, 2, J)."""
    return f(z)[:, None, None] * score(z, mu, log_var)

exact_f = np.stack([2 * mu, sigma**2])                                   # (03.9)
on_grid = np.tensordot(weight, estimates(z_fixed, mu, log_var), 1)
check("eq03-5, on the grid", on_grid, exact_f)
check_mc("eq03-5, 20,000 draws", estimates(z_q, mu, log_var), exact_f)

# %% [markdown] key="ex3-2"
# ### Exercise 3.2 (code)
#
# Now the bound. Estimate its slope in $\log\sigma^2$ by (03.5), without autograd. Given are `log_p_xz` (L,), $\log p(x, z_l)$; `log_q` (L,), $\log q(z_l)$; `z` (L, J); `mu` (J,); `log_var` (J,). Return the average over the draws, (J,). The check uses all 20,000 draws: the average must come close to the last two exact slopes of section 2 (standard errors 0.1).
#
# <details><summary>Hint 1</summary>What is averaged in the bound? That is f, shape (L,).</details>
# <details><summary>Hint 2</summary>The score has shape (L, J). f needs <code>[:, None]</code>, or it "could not be broadcast". Then <code>.mean(0)</code>.</details>

# %% key="ex3-2-code"
def slope_in_log_var(log_p_xz, log_q, z, mu, log_var):
    ### BEGIN SOLUTION
    f = log_p_xz - log_q
    score = ((z - mu) ** 2 / np.exp(log_var) - 1) / 2
    return (f[:, None] * score).mean(0)
    ### END SOLUTION

# %% key="ex3-2-check"
given = (log_p_xz, stats.norm.logpdf(z_q, mu, sigma).sum(1), z_q, mu, log_var)
both, away = given[0] - given[1], z_q - mu

def variant(score, f=both):
    return (f[:, None] * score).mean(0)

right_score = (away**2 / sigma**2 - 1) / 2
right = variant(right_score)
exercise("ex3-2", lambda: slope_in_log_var(*given), right, mistakes={
    "f is log p(x, z) - log q(z); log q is missing": variant(right_score, given[0]),
    "log q has a minus in f": variant(right_score, given[0] + given[1]),
    "(03.5) has f, not f less its mean": variant(right_score, both - both.mean()),
    "the sign is turned: the slope of minus the bound": -right,
    "you have sigma where sigma^2 belongs": variant((away**2 / sigma - 1) / 2),
    "exp(log_var) is sigma^2 already": variant((away**2 / sigma**4 - 1) / 2),
    "log_var is log sigma^2; np.exp is missing": variant((away**2 / log_var - 1) / 2),
    "square z - mu, not z": variant((z_q**2 / sigma**2 - 1) / 2),
    "z - mu is not squared": variant((away / sigma**2 - 1) / 2),
    "the factor 1/2 is missing": 2 * right,
    "the -1 is missing: this score has no zero mean": variant(away**2 / sigma**2 / 2),
    "that is the slope in sigma^2": right / sigma**2,
    "that is the slope in sigma": 2 * right / sigma,
    "that is the score in mu": variant(away / sigma**2),
    "average over the draws, do not sum": 20_000 * right})

# %% [markdown] key="baseline"
# ## 5. A constant that costs nothing
#
# How noisy is one draw's estimate? Begin with a test. Replace $f$ by $f + 100$. Predict: what happens to the exact gradient, and to the variance of the estimate? (Log-densities of images are about $-100$.)

# %% key="shift"
for shift in (0, 100):
    one_draw = (f(z_q) + shift) * (z_q[:, 0] - mu[0]) / sigma[0] ** 2    # slope in mu_1
    print(f"f + {shift:3}:  mean {one_draw.mean():5.2f} ± "
          f"{one_draw.std() / 20_000**0.5:.2f},  variance {one_draw.var():8.1f}")
print(f"exact:    mean {exact_f[0, 0]:5.2f}")

# %% [markdown] key="eq03-10"
# The exact gradient is the same, and the variance explodes: the extra term $100\,s$, with the score $s = \epsilon_1/\sigma_1$, has variance $100^2/\sigma_1^2 = 25{,}000$. Turn it round: *subtract* a good constant, a **baseline** $b$. For each parameter, with its score $s$:
#
# $$\begin{aligned}
# \mathbb E[(f - b)\, s] &= \mathbb E[f s] - b\, \mathbb E[s] = \mathbb E[f s] && \text{linear; (03.7)} \\
# \mathrm{Var}[(f - b)\, s] &= \mathbb E[(f - b)^2 s^2] - \mathbb E[f s]^2 && \text{mean square less squared mean}
# \end{aligned}\tag{03.10}$$
#
# The mean holds no $b$; the variance is low where $f - b$ is small. The common choice is $b = \mathbb E[f]$.

# %% key="eq03-10-check"
values, s = f(z_fixed), scores[:, 0, 0]                  # score in mu_1, on the grid

def variance_with(b):
    return weight @ ((values - b) * s) ** 2 - (weight @ ((values - b) * s)) ** 2

check("eq03-10, b = 3", weight @ ((values - 3) * s), exact_f[0, 0])
for name, b in (("0", 0), ("E[f]", weight @ values)):
    print(f"b = {name:5} {b:5.2f}:  variance {variance_with(b):5.2f}")

# %% [markdown] key="eq03-11"
# ### The best constant (optional)
#
# $$\begin{aligned}
# 0 &= \frac{d}{db}\, \mathbb E[(f - b)^2 s^2] = -2\, \mathbb E[(f - b)\, s^2] && \text{lowest variance: slope 0} \\
# b^\star &= \frac{\mathbb E[f s^2]}{\mathbb E[s^2]} && \text{solve for } b
# \end{aligned}\tag{03.11}$$
#
# The best constant is an average of $f$ in which loud draws count more. It differs from parameter to parameter. Here plain $b = \mathbb E[f]$ has most of the gain:

# %% key="eq03-11-check"
best = weight @ (values * s**2) / (weight @ s**2)
assert all(variance_with(best) < variance_with(best + by) for by in (-0.01, 0.01))
print(f"b = best  {best:5.2f}:  variance {variance_with(best):5.2f}")

# %% [markdown] key="ex3-3"
# ### Exercise 3.3 (code, optional)
#
# In real work the means in $b^\star$ are unknown. Estimate it from draws: given `f_z` (L,) and the scores `s` (L, K) of K parameters, return K baselines, (K,).
#
# <details><summary>Hint 1</summary>Two means over the draws for each parameter, then their ratio.</details>
# <details><summary>Hint 2</summary><code>f_z[:, None]</code> goes with <code>s**2</code>; without it "could not be broadcast".</details>
# <details><summary>And afterwards: is it still unbiased?</summary>A baseline made from the same draws is no constant, and the mean shifts. With the mean of the same L draws it becomes (1 − 1/L) times the right one: each f(z_l) also stands in its own baseline, with weight 1/L. The cure takes b from the other draws, or from earlier steps.</details>

# %% key="ex3-3-code"
def best_baselines(f_z, s):
    ### BEGIN SOLUTION
    return (f_z[:, None] * s**2).mean(0) / (s**2).mean(0)
    ### END SOLUTION

# %% key="ex3-3-check"
f_z, s_z = f(z_q[:100]), score(z_q[:100], mu, log_var).reshape(100, 4)
numerator = f_z @ s_z**2 / 100
exercise("ex3-3", lambda: best_baselines(f_z, s_z), numerator / (s_z**2).mean(0),
         mistakes={"divide by the mean of s^2": numerator,
                   "square the score above, too": f_z @ s_z / (s_z**2).sum(0),
                   "square the score in both means": f_z @ s_z / s_z.sum(0),
                   "square the score below, too": numerator / s_z.mean(0),
                   "you have a sum above and a mean below":
                       100 * numerator / (s_z**2).mean(0),
                   "first two means, then their ratio; a mean of the ratios "
                   "f s^2 / s^2 is the mean of f": np.full(4, f_z.mean()),
                   "that is the mean of f; the score's square is missing": f_z.mean(),
                   "the mean of s^2 is not the square of the mean of s":
                       numerator / s_z.mean(0) ** 2})

# %% [markdown] key="eq03-13"
# ## 6. The price of each latent
#
# Let $f(z) = \sum_{j=1}^J h(z_j)$, and all $z_j \sim \mathcal N(\mu, \sigma^2)$. One draw's estimate of the slope in $\mu_1$ is $(f - b)\,\epsilon_1/\sigma$. Four numbers of one latent are enough:
#
# $$m = \mathbb E[h], \quad v = \mathrm{Var}[h], \quad A = \mathbb E[(h - m)^2 \epsilon^2], \quad B = \mathbb E[(h - m)\,\epsilon^2]\tag{03.12}$$
#
# Predict how the variance grows with J, for $b = 0$ and for $b = \mathbb E[f]$: not at all, like $J$, or like $J^2$? Split $f - b = [h(z_1) - m] + R + c$, with the other latents' noise $R = \sum_{j>1} (h(z_j) - m)$ and the constant $c = Jm - b$.
#
# $$\begin{aligned}
# \mathbb E[R^2] &= (J - 1)\, v && \text{independent: variances add} \\
# \mathbb E[(f - b)^2 \epsilon_1^2]
# &= \mathbb E\big[(h(z_1) - m + c)^2 \epsilon_1^2\big] + \mathbb E[R^2]\, \mathbb E[\epsilon_1^2] && R \text{ independent of } \epsilon_1 \text{, mean 0} \\
# &= A + 2cB + c^2 + (J - 1)\, v && \text{square; } \mathbb E[\epsilon_1^2] = 1 \\[4pt]
# \mathrm{Var} &= \frac{A + 2cB + c^2 + (J - 1)\, v}{\sigma^2} - g^2 && s = \epsilon_1/\sigma \text{; } g \text{ is the exact slope}
# \end{aligned}\tag{03.13}$$
#
# Read it: without a baseline $c = Jm$, and unless $m = 0$, $c^2$ grows like $J^2$. With $b = \mathbb E[f] = Jm$ we have $c = 0$, and what grows is $(J - 1)\,v$: every other latent adds its noise. No constant removes that: $b$ enters through $c$ alone.

# %% key="eq03-13-check"
def score_variance(h, J, b, mu=mu_j, sigma=sigma_j):
    """(03.13) for q = N(mu, sigma^2) in J latents; the means are sums over ticks."""
    value = h(mu + sigma * ticks)
    m, g = line @ value, line @ (value * ticks) / sigma
    A, B = line @ ((value - m) ** 2 * ticks**2), line @ ((value - m) * ticks**2)
    c, v = J * m - b, line @ (value - m) ** 2
    return (A + 2 * c * B + c**2 + (J - 1) * v) / sigma**2 - g**2

estimate = (np.exp(mu_j + sigma_j * eps_grid).sum(1) - 0.7) * eps_grid[:, 0] / sigma_j
check("eq03-13, h = exp, J = 2, b = 0.7", score_variance(np.exp, 2, 0.7),
      weight @ estimate**2 - (weight @ estimate) ** 2)

# %% [markdown] key="eq03-14"
# For $h = z^2$, where $g = 2\mu$, (03.13) becomes
#
# $$\begin{aligned}
# b = \mathbb E[f]:&\quad (4J + 4)\,\mu^2 + (2J + 8)\,\sigma^2 = 4.5\,J + 6 && \text{at our } \mu = 1,\ \sigma = \tfrac12 \\
# b = 0:&\quad 6.25\,J^2 + 9.5\,J + 6 && \text{the same}
# \end{aligned}\tag{03.14}$$
#
# The yardstick: the pathwise estimate $2 z_1 = 2\mu + 2\sigma\epsilon_1$ has variance $4\sigma^2$, here 1.
#
# <details><summary>With a pencil (optional)</summary>
#
# $m = \mu^2 + \sigma^2$ and $h - m = 2\mu\sigma\epsilon + \sigma^2(\epsilon^2 - 1)$. The means of $\epsilon^2, \epsilon^4, \epsilon^6$ are 1, 3, 15, those of odd powers 0. So
#
# - $v = 4\mu^2\sigma^2 + 2\sigma^4$, as $\mathbb E[(\epsilon^2 - 1)^2] = 3 - 2 + 1 = 2$;
# - $A = 12\mu^2\sigma^2 + 10\sigma^4$, as $\mathbb E[\epsilon^4] = 3$ and $\mathbb E[(\epsilon^2 - 1)^2\epsilon^2] = 15 - 6 + 1 = 10$;
# - $B = 2\sigma^2$, as $\mathbb E[(\epsilon^2 - 1)\epsilon^2] = 3 - 1 = 2$.
#
# With $c = 0$ the variance is $(A + (J - 1)v)/\sigma^2 - 4\mu^2$. With $c = Jm$ it is $(J^2m^2 + 2JmB)/\sigma^2$ more.
#
# </details>

# %% key="eq03-14-check"
for J in (1, 10, 50):
    both = [score_variance(np.square, J, 1.25 * J), score_variance(np.square, J, 0)]
    check(f"eq03-14, J = {J}", both, [4.5 * J + 6, 6.25 * J**2 + 9.5 * J + 6])
elsewhere = score_variance(np.square, 7, 7 * (0.7**2 + 1.3**2), mu=0.7, sigma=1.3)
check("eq03-14, another q", elsewhere, (4 * 7 + 4) * 0.7**2 + (2 * 7 + 8) * 1.3**2)

# %% key="dimension"
def one_draw_each(J, b, n=20_000):
    """n one-draw estimates of the slope in mu_1, for h = z^2."""
    z = mu_j + sigma_j * np.random.default_rng(J).standard_normal((n, J))
    return ((z**2).sum(1) - b) * (z[:, 0] - mu_j) / sigma_j**2

dims, fine = np.array([1, 2, 5, 10, 20, 50]), np.linspace(1, 50, 200)
fig, ax = plt.subplots(figsize=(6.4, 3.6))
for name, curve, b_of_J, marker in (
        ("score, b = 0", 6.25 * fine**2 + 9.5 * fine + 6, 0, "o"),
        ("score, b = E[f]", 4.5 * fine + 6, 1.25, "s")):
    ax.plot(fine, curve, color=plots.NOISE)
    measured = [one_draw_each(J, b_of_J * J).var() for J in dims]
    ax.plot(dims, measured, marker, color=plots.NOISE, mfc="white")
    plots.label_end(ax, fine, curve, name, color=plots.NOISE)
    print(name, *(f"  J = {J}: {v:.0f}" for J, v in zip(dims, measured, strict=True)))
ax.plot(fine, np.ones(200), color=plots.Q, ls="--")
plots.label_end(ax, fine, np.ones(200), "pathwise", color=plots.Q)
ax.set(xscale="log", yscale="log", xlabel="latents J", xticks=dims,
       xticklabels=dims, ylabel="variance of one draw / pathwise")
ax.minorticks_off()
plt.show()

# %% [markdown] key="dimension-words"
# *In words:* on two logarithmic axes, the variance against J from 1 to 50. The pathwise line is flat at 1. The line with baseline climbs from 10.5 to 231, the one without from 22 to 16,106. Open markers, measured from 20,000 draws each, lie on the lines.
#
# At J = 50, one pathwise draw is worth 16,106 naive draws. In this $f$ one could drop the other latents' terms by hand. In the bound one cannot: $\log p(x\mid z)$ mixes all latents.
#
# **And the bound itself?** Take section 1's $q$, J = 2. First the check of (03.5) with (03.8): the averages are the exact slopes. Then the variances. The mean of $f$ is the bound, so that is the baseline. (Pathwise, lesson 04: the slope in $z$, $W^\top e - z$ with section 1's $e$, times $dz/d\mu = 1$ or $dz/d\log\sigma^2 = (z - \mu)/2$. The 0.5 is the slope of $-\log q = \tfrac12\epsilon^2 + \tfrac12\log\sigma^2 + \ldots$)

# %% key="bound-variance-check"
f_bound = (log_p_xz - log_q.detach().numpy())[:, None, None]             # (L, 1, 1)
naive = f_bound * score(z_q, mu, log_var)                                # (L, 2, 2)
check_mc("eq03-5 with eq03-8, the bound", naive, exact_slopes)
with_baseline = (f_bound - exact_bound(d, phi)) * score(z_q, mu, log_var)
slope_z = e @ W - z_q                          # (L, 2), with e of section 1
pathwise = np.stack([slope_z, slope_z * (z_q - mu) / 2 + 0.5], axis=1)
check_mc("pathwise, the bound", pathwise, exact_slopes)
print("variance of the slope in   mu_1  mu_2  log var_1  log var_2")
for name, draws in (("score, b = 0", naive), ("score, b = E[f]", with_baseline),
                    ("pathwise", pathwise)):
    v = draws.var(0).ravel()
    print(f"{name:25} {v[0]:5.0f} {v[1]:5.0f} {v[2]:10.0f} {v[3]:10.0f}")

# %% [markdown] key="gradient-explorer-about"
# So with two latents the naive estimator has about 14 to 23 times the variance of the pathwise one, and 3 to 7 times with the baseline. Training by it takes that many times as many draws for steps as good, or smaller steps and more of them. The paper says "very high variance (see e.g. [BJP12]) and is impractical for our purposes". It gives no number, and refers to Blei, Jordan and Paisley (2012).
#
# The explorer has $f = \sum_j z_j^2$ again, with J = 10 and $b = \mathbb E[f]$. An encoder's $q$ is often narrow. Predict from (03.14), then move it: what do the two variances do as $\sigma$ goes from 0.5 to 0.1?

# %% key="gradient-explorer" tags=["nbval-ignore-output"]
from aevb_lib.widgets import GradientExplorer

GradientExplorer(square=1.0, dimension=10, baseline="mean", n_draws=1000)

# %% [markdown] key="gradient-explorer-words"
# *In words:* left, noise draws $\epsilon$ at the bottom, the draws $z = \mu + \sigma\epsilon$ above them, and the curve of one term of $f$, with an arrow at each draw: its pathwise estimate. Right, two histograms of 1,000 one-draw estimates, pathwise in blue above and score function in grey below; *Play* adds more. Below, means, variances and their ratio. Menus choose J, baseline and parameter.
#
# With the keyboard: Tab to the left chart; left and right arrow move $\mu$, up and down $\sigma$ (with Shift farther), Space plays or pauses, Home goes back. One line of text instead of a picture means that the cell has not run here, or that the page shows no live pictures. The next cell draws a still one.

# %% key="gradient-still"
eps = np.random.default_rng(3).standard_normal((3000, 10))
fig, panels = plt.subplots(2, 2, figsize=(7, 4.6))
bins = np.arange(-69, 72, 2)
for (top, low), sd in zip(panels.T, (0.5, 0.1), strict=True):
    z = mu_j + sd * eps
    score_function = ((z**2).sum(1) - 10 * (mu_j**2 + sd**2)) * eps[:, 0] / sd
    curve = mu_j + sd * np.linspace(-2.5, 2.5, 200)
    top.plot(curve, curve**2, color=plots.BOUND, lw=0.8)
    at = mu_j + sd * np.array([-1.6, -0.8, 0, 0.8, 1.6])
    top.plot(at, at**2, "o", color=plots.Q, ms=5)
    top.quiver(at, at**2, np.full(5, 0.6 * sd), 0.6 * sd * 2 * at, color=plots.Q,
               angles="xy", scale_units="xy", scale=1, width=0.008)
    top.set(title=f"σ = {sd}", xlabel="$z_1$", ylim=mu_j + sd * np.array([-6, 9]))
    low.hist(score_function, bins, color=plots.NOISE, histtype="step", lw=1.5)
    low.hist(2 * z[:, 0], bins, color=plots.Q)
    low.text(-8, 400, f"pathwise:\nvariance {4 * sd**2:.2f}", color=plots.Q, ha="right")
    low.text(12, 200, f"score, b = E[f]:\nvariance {44 + 28 * sd**2:.1f}",
             color=plots.NOISE)
    low.axvline(2, 0.9, color=plots.BOUND, lw=1.5)
    low.set(yscale="log", xlabel="estimate of the slope, J = 10", ylim=(0.7, 12_000))
panels[0, 0].set_ylabel("$z_1^2$")
panels[1, 0].set_ylabel("draws of 3,000")
plt.show()

# %% [markdown] key="gradient-still-words"
# *In words:* left $\sigma = 0.5$, right 0.1. Above, five draws on the parabola, in a window of 5σ, with arrows along its slope. Left they differ; right, close up, the parabola is almost a line and they agree. Below, 3,000 one-draw estimates on a logarithmic axis, with a short mark at the exact 2: the pathwise block shrinks to a bar at 2, the score function's outline stays almost as wide.
#
# The answer: the pathwise variance falls from 1 to 0.04. The score function's goes only from 51 to 44.3, and the ratio from 51 to 1,107. Why? As $\sigma$ falls, $f - b$ shrinks like $\sigma$ and the score $\epsilon/\sigma$ grows like $1/\sigma$: the product stays.
#
# **Ask the explorer**: is there any $\mu$ and $\sigma$ where the ratio is below 1?
#
# <details><summary>Answer</summary>For this f there is none. The lowest, at J = 1 and μ = 0 with the baseline, is 10σ² / 4σ² = 2.5.</details>

# %% [markdown] key="rough"
# ## 7. Where the score function wins
#
# For other $f$ the order turns round. Take one latent and $b = \mathbb E[h]$. Both estimators have the mean $g$, so it is enough to compare mean squares:
#
# $$\text{score: } \frac{A}{\sigma^2} = \frac{\mathbb E[(h - m)^2 \epsilon^2]}{\sigma^2} \qquad \text{pathwise: } \mathbb E[h'(z)^2]\tag{03.15}$$
#
# - $h = z^2$: $12\mu^2 + 10\sigma^2$, by (03.14) at J = 1 and $g^2 = 4\mu^2$, against $4\mu^2 + 4\sigma^2$. Pathwise wins at every $q$.
# - $h = \sin kz$, with many ripples within $q$: $m$ is about 0, and $\sin^2$ and $\cos^2$ average to $\tfrac12$, whatever $\epsilon$ is. So it is $1/(2\sigma^2)$ against $k^2/2$, and the score function wins for large $k\sigma$: a ripple's values are at most 1, its slopes up to $k$.

# %% key="eq03-15-check"
def mean_squares(h, slope, mu, sigma):
    """Both sides of (03.15)."""
    value, slopes = h(mu + sigma * ticks), slope(mu + sigma * ticks)
    return [line @ ((value - line @ value) * ticks / sigma) ** 2, line @ slopes**2]

check("eq03-15, z^2", mean_squares(np.square, lambda z: 2 * z, 0.7, 1.3),
      [12 * 0.7**2 + 10 * 1.3**2, 4 * 0.7**2 + 4 * 1.3**2])
check("eq03-15, sin 20z", mean_squares(
    lambda z: np.sin(20 * z), lambda z: 20 * np.cos(20 * z), mu_j, sigma_j),
    [1 / (2 * sigma_j**2), 20**2 / 2])

# %% [markdown] key="step"
# At the far end $f$ has no useful slope at all. Take a step: $f(z) = 1$ for $z > 0$, else 0. With the normal's distribution function $\Phi$ and density $\varphi$,
#
# $$\mathbb E[f] = P(z > 0) = P\big(\epsilon > -\tfrac{\mu}{\sigma}\big) = \Phi\big(\tfrac{\mu}{\sigma}\big), \qquad \frac{\partial\, \mathbb E[f]}{\partial\mu} = \frac1\sigma\, \varphi\big(\tfrac{\mu}{\sigma}\big)\tag{03.16}$$
#
# Predict what the pathwise estimate says.

# %% key="eq03-16-check"
def step(z):
    return (z > 0).astype(float)

eps = np.random.default_rng(4).standard_normal(20_000)
z_step, tiny = mu_j + sigma_j * eps, 1e-9
check_mc("eq03-16, score function", step(z_step) * eps / sigma_j,
         stats.norm.pdf(mu_j / sigma_j) / sigma_j)
slope = (step(z_step + tiny) - step(z_step - tiny)) / (2 * tiny)
print(f"pathwise: mean slope {slope.mean():.4f}, largest {slope.max():.4f}")

# %% [markdown] key="ex3-4"
# A confident zero, and wrong: all of the change happens at the edge, where there is no slope. For a discrete $z$ there is not even a slope to ask for; the score of exercise 3.1 works there at once. So the estimator lives on where latents are discrete, and in reinforcement learning, where nobody can differentiate the reward.
#
# ### Exercise 3.4 (predict)
#
# One latent, baseline $b = \mathbb E[f]$. In which cases does the score function have the lower variance? Enter True or False for each, before you compute anything. (The check calls True 1 and False 0.)
#
# - a: $f = \sin z$, $q = \mathcal N(1,\, 0.1^2)$
# - b: $f = \sin z$, $q = \mathcal N(1,\, 5^2)$
# - c (optional): $f = z^2 + \sin z$, $q = \mathcal N(1,\, 5^2)$
#
# <details><summary>Hint 1</summary>Both sides of (03.15). How many ripples does q span?</details>
# <details><summary>Hint 2</summary>In c, which of the two terms is the large one?</details>
# <details><summary>Afterwards, with the explorer</summary>Show <code>GradientExplorer(square=0, sine=1, baseline="mean", n_draws=1000)</code> and widen q at μ = 1. From σ = 1.2 to 1.5 the order turns: the exact variances go from 0.46 (score) against 0.42 to 0.30 against 0.47. Where it turns depends on where q lies on the ripple.</details>

# %% key="ex3-4-code"
wins = dict(a=..., b=..., c=...)
### BEGIN SOLUTION
wins = dict(a=False, b=True, c=False)
### END SOLUTION

# %% key="ex3-4-check"
cases = dict(
    a=(np.sin, np.cos, 0.1, "k sigma = 0.1: within q the sine is almost a line"),
    b=(np.sin, np.cos, 5.0, "k sigma = 5: 1 / (2 * 25) against 1/2"),
    c=(lambda z: z**2 + np.sin(z), lambda z: 2 * z + np.cos(z), 5.0,
       "z^2 is the large term: 12 + 10 * 25 against 4 + 4 * 25"))
for name, (h, slope, sd, hint) in cases.items():
    by_score, by_path = mean_squares(h, slope, 1.0, sd)
    right = by_score < by_path
    exercise(f"ex3-4, {name}", wins[name], right, mistakes={hint: not right})

# %% [markdown] key="more"
# ## 8. More (optional)
#
# Three parts, in any order.
#
# ### A ripple on a parabola
#
# Predict for $h = z^2 + \sin 20z$ at $q = \mathcal N(1, 0.5^2)$, with $b = \mathbb E[f]$: how large are the slopes of single draws, and who wins?

# %% key="rough-picture"
def ripple(z, k):
    return z**2 + np.sin(k * z)

z_line, ks = mu_j + sigma_j * ticks, np.linspace(0, 20, 161)
draw_slopes = np.array([2 * z_line + k * np.cos(k * z_line) for k in ks])
fig, (left, right) = plt.subplots(1, 2, figsize=(7, 3.4))
curve = np.linspace(-0.5, 2.5, 600)
left.plot(curve, ripple(curve, 20), color=plots.BOUND, lw=1.2)
left.plot(curve, 3 * stats.norm.pdf(curve, mu_j, sigma_j), color=plots.Q)
left.text(-0.4, 2.2, "q, 3 times\nas high", color=plots.Q)
left.set(title="$z^2 + \\sin 20 z$", xlabel="z", ylim=(-1, 7))
pathwise = draw_slopes**2 @ line - (draw_slopes @ line) ** 2
right.plot(ks, pathwise, color=plots.Q, ls="--")
right.text(13, 150, "pathwise, any J", color=plots.Q, ha="right")
for J, style in ((1, "-"), (10, "-.")):
    means = [J * (line @ ripple(z_line, k)) for k in ks]
    curve = [score_variance(lambda z, k=k: ripple(z, k), J, mean)
             for k, mean in zip(ks, means, strict=True)]
    right.plot(ks, curve, style, color=plots.NOISE)
    right.text(20, curve[-1] * 0.75, f"score, J = {J}", color=plots.NOISE, ha="right",
               va="top")
right.set(yscale="log", xlabel="ripples k", xticks=range(0, 21, 5), ylim=(0.05, 400),
          title="variance of one draw; score: b = E[f]")
plt.show()

# %% [markdown] key="rough-picture-words"
# *In words:* left, a parabola with a fine ripple under a bell $q$ that spans several ripples. Right, exact variances against $k$ on a logarithmic axis. Below $k = 7$ the lines wave: a slow ripple's slope adds to the parabola's or takes from it (near $k = 1.5$ the slopes of all draws are almost equal). Then the pathwise one (dashed) grows like $k^2/2$, and the score function's stay at 12.5 (J = 1) and 71 (J = 10). They are the lower ones from $k = 5$ and 12 on.
#
# Single slopes are up to $2z \pm 20$; as $\cos^2$ averages to $\tfrac12$, their variance is $1 + 200$. The ripple costs the score function $1/(2\sigma^2) = 2$ a latent: $10.5 + 2$, and $51 + 20$.
#
# ### All of (03.2), on a grid
#
# The bound's $f_\phi = \log p(x, z) - \log q_\phi(z)$ holds $\phi$, so (03.2) has both its integrals; the second is 0, by (03.8). Autograd differentiates $q$ in the first and $f_\phi$ in the second, at grid points that stay where they are. A sum times the area of a grid cell is an integral. The closed form of the bound gives the exact slopes, with column $w_j$ of $W$: $w_j^\top(x - W\mu - d)/s^2 - \mu_j$ in $\mu_j$, and $\tfrac12\big(1 - \sigma_j^2\,(1 + w_j^\top w_j/s^2)\big)$ in $\log\sigma_j^2$.

# %% key="eq03-2-check"
moving, area = torch.tensor(phi, requires_grad=True), 0.1**2 * sigma.prod()
log_q_grid = log_normal(torch.tensor(z_fixed), *moving)
log_p_x_grid = LinearGaussian(W, d, s2).log_p_x_given_z(x, z_fixed[:, None])[:, 0]
f_grid = torch.tensor(log_p_x_grid + stats.norm.logpdf(z_fixed).sum(1)) - log_q_grid
first, second = (
    torch.autograd.grad(integral.sum() * area, moving, retain_graph=True)[0]
    for integral in (log_q_grid.exp() * f_grid.detach(),
                     log_q_grid.exp().detach() * f_grid))
in_mu = (x[0] - W @ mu - d) @ W / s2 - mu
in_log_var = (1 - sigma**2 * (1 + (W**2).sum(0) / s2)) / 2
check("eq03-2, both integrals", first + second, np.stack([in_mu, in_log_var]))
check("eq03-8, the second integral", second, np.zeros((2, 2)))

# %% [markdown] key="eq03-17"
# ### For autograd
#
# A network's $\nabla_\phi \log q_\phi$ has no formula, but autograd has it. So we look for a value $S$ whose gradient is the estimator: a **surrogate**. Write $\underline{f}$ for the value of $f$, cut off from the graph (`detach`), so that $\nabla_\phi \underline f = 0$:
#
# $$\begin{aligned}
# S &= \frac1L \sum_l \Big[(\underline{f}(z_l) - b)\, \log q_\phi(z_l) + f_\phi(z_l)\Big] && \text{definition} \\
# \nabla_\phi S &= \frac1L \sum_l \Big[(\underline{f}(z_l) - b)\, \nabla_\phi \log q_\phi(z_l) + \nabla_\phi f_\phi(z_l)\Big] && \underline{f} - b \text{ is a constant}
# \end{aligned}\tag{03.17}$$
#
# With $b = 0$ that is (03.4), sampled. The *value* of $S$ means nothing: it is no bound, and no loss to watch. In the bound $\nabla_\phi f_\phi = -\nabla_\phi \log q_\phi$, so $f$ becomes $f - 1$: the term of mean zero acts as a baseline of 1. In the library this is `aevb_lib.sgvb.score_function_surrogate`; its draws must come without a gradient.

# %% key="eq03-17-check"
from aevb_lib import score_function_surrogate

def surrogate(log_q_z_given_x, f, baseline=0.0):
    """(L, M), (L, M) -> (M,): only its gradient means something."""
    return ((f - baseline).detach() * log_q_z_given_x + f).mean(0)

for name, function in (("eq03-17", surrogate), ("aevb_lib", score_function_surrogate)):
    copies.grad = None                                   # draws as datapoints: L = 1
    row = log_normal(torch.tensor(z_q), copies[:, 0], copies[:, 1])[None]  # (1, L)
    function(row, torch.tensor(log_p_xz)[None] - row).sum().backward()
    check(name, copies.grad, (f_bound - 1) * score(z_q, mu, log_var))

# %% [markdown] key="misconception"
# ## Misconception card
#
# > **"The score-function gradient is biased, and that is why the paper needs a trick."**
#
# It is exactly unbiased: section 4 found its mean on a grid to ten digits, and no constant baseline changes it, section 5. Its trouble is variance, and variance can be bought off with draws, at a price that section 6 computed.

# %% [markdown] key="take-away"
# ## What you can do now
#
# - differentiate in $\theta$: the density holds none, so the derivative goes inside. For $\phi$ it meets the density, and $\int [\nabla_\phi q]\, f\, dz$ is not an expectation as it stands (03.2);
# - repair it with $\nabla q = q\, \nabla \log q$: the estimator $f\, \nabla_\phi \log q_\phi$ (03.5), unbiased exactly on a grid and within standard errors on draws;
# - predict its variance: for $f = \sum_j h(z_j)$ with $\mathbb E[h] \neq 0$ like $J^2$ without a baseline, like $J$ with one, where the pathwise one is flat; on a bound with J = 2 some 20 and 5 times the pathwise one. It wins for rough $f$ and wide $q$, and is the only one of the two that works for steps and discrete $z$.
#
# **Next.** [Lesson 04](04_the_trick.ipynb), the trick: move the randomness out of $\phi$'s way, so that the easy half's argument works for $\phi$ as well.
