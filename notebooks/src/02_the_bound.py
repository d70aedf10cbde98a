# %% [markdown] key="title"
# # 02 · The bound
#
# *How can a number below $\log p(x)$ be computed when $\log p(x)$ cannot?*
#
# **After this you can**
# - derive equations 1, 2 and 3 of the paper on paper, and say why each line is allowed;
# - say how far the bound lies below $\log p(x)$, and when that distance is zero;
# - read its two terms, and tell the two KL divergences of the paper apart.
#
# **Paper**: section 2.2, equations 1, 2, 3 · **Study**: 60 minutes, and 55 for what is optional · **Running**: 6 seconds · **You need**: lesson 00, above all its section 5; evidence and posterior as lesson 01 has them

# %% key="imports"
import matplotlib.pyplot as plt
import numpy as np
from scipy import optimize, stats

from aevb_lib import LinearGaussian, check, check_mc, exercise, plots
from aevb_lib.exact import kl_gaussians, log_normal_full

plots.use_style()

# %% [markdown] key="first-look"
# No formula gives $p(x)$ in this model: $z \sim \mathcal N(0, 1)$, and $x \mid z \sim \mathcal N(2\tanh(1.5 z),\, 0.5^2)$. We have seen $x = 1.5$. For one latent a fine grid of $z$ gives the truth, as in lesson 01.
#
# Without a grid the posterior is out of reach. Three normal densities $q(z)$ are offered in its place: A is $\mathcal N(0.3, 0.3^2)$, B is $\mathcal N(1.5, 0.6^2)$, and C is $\mathcal N(0.86, 0.37^2)$.

# %% key="truth"
z, x = np.linspace(-6, 6, 2001), 1.5
log_prior = stats.norm.logpdf(z)
log_likelihood = stats.norm.logpdf(x, 2 * np.tanh(1.5 * z), 0.5)
log_joint = log_prior + log_likelihood                                   # (2001,)
log_evidence = np.log(np.exp(log_joint).sum() * (z[1] - z[0]))
log_posterior = log_joint - log_evidence

def expect(f, log_q):
    """E_q[f(z)]: a sum over the grid, in place of the integral."""
    return (np.exp(log_q) * f).sum() * (z[1] - z[0])

# %% key="offers"
offers = {"A": (0.3, 0.3, "--"), "B": (1.5, 0.6, ":"), "C": (0.86, 0.37, "-")}
fig, ax = plt.subplots(figsize=(5.6, 3))
ax.fill_between(z, np.exp(log_posterior), color=plots.P, alpha=0.3, lw=0)
ax.text(2.05, 0.5, "the posterior (filled)", color=plots.P)
for name, (mu, sigma, dashes) in offers.items():
    ax.plot(z, stats.norm.pdf(z, mu, sigma), color=plots.Q, ls=dashes)
    ax.text(mu, stats.norm.pdf(0, 0, sigma) + 0.02, name, color=plots.Q, ha="center")
ax.set(xlim=(-1, 3.5), ylim=(0, 1.5), xlabel="$z$", ylabel="density")
plt.show()

# %% [markdown] key="offers-words"
# *In words:* the posterior, an orange hill that is steep on its left and has a long right flank, and three blue bells: A too far left, B too far right and too wide, C over the hill.
#
# Each offer cuts $\log p(x)$ into two parts: **the bound**, which can be computed without the posterior, and a distance from bell to hill. Predict: A and B both miss the hill. Whose distance is the larger?

# %% key="picture"
fig, ax = plt.subplots(figsize=(4.4, 3.2))
for at, (mu, sigma, _) in enumerate(offers.values()):
    log_q = stats.norm.logpdf(z, mu, sigma)
    bound = expect(log_joint - log_q, log_q)
    distance = expect(log_q - log_posterior, log_q)
    ax.bar(at, bound + 5, bottom=-5, color=plots.BOUND, width=0.55)
    ax.bar(at, distance, bottom=bound, color="white", edgecolor=plots.Q, hatch="//",
           width=0.55)
    ax.text(at, -4.9, f"{bound:.2f}", color="white", ha="center")
    ax.text(at, bound + distance + 0.08, f"{distance:.2f}", color=plots.Q, ha="center")
ax.axhline(log_evidence, color=plots.P, lw=1)
ax.text(2.45, log_evidence, "$\\log\\,p(x)$", color=plots.P, va="center")
ax.set(xticks=range(3), xticklabels=offers, xlim=(-0.5, 2.4), ylim=(-5, -0.9),
       ylabel="nats", title="filled: bound; hatched: distance")
plt.show()

# %% [markdown] key="picture-words"
# *In words:* one bar for each offer. The axis is cut off at $-5$: only heights count. The filled part reaches up to the bound. On it stands the hatched part, the distance: 1.76 (A), 0.61 (B) and 0.15 (C) nats. Each bar ends at $\log p(x) = -1.37$.
#
# A is the worst: much of it lies left of the steep side, where the posterior has almost nothing. This lesson says why bound and distance always fill the bar.

# %% [markdown] key="self-test"
# **Three questions first.**
#
# 1. $q(z)$ is a density. What is $\mathbb E_q[7]$? And $\mathbb E_q[\log p(x)]$?
# 2. Write $p(x, z)$ as a product of two densities, in two ways.
# 3. Which is larger, $\log \mathbb E[w]$ or $\mathbb E[\log w]$?
#
# <details><summary>Answers</summary>
#
# 1. 7, and $\log p(x)$: neither depends on $z$.
# 2. $p(z)\,p(x\mid z)$, the way the model tells it, and $p(x)\,p(z\mid x)$.
# 3. $\log \mathbb E[w]$, unless $w$ never varies: Jensen, (00.7).
#
# </details>

# %% [markdown] key="question"
# **The question of this lesson.** What can be computed at any $z$, for one datapoint $x$?
#
# | | known at any $z$? |
# |---|---|
# | joint $p_\theta(x, z) = p_\theta(z)\, p_\theta(x\mid z)$ | yes: prior and decoder |
# | $q_\phi(z\mid x)$ | yes: we choose it, and can draw from it |
# | evidence $p_\theta(x) = \int p_\theta(x, z)\, dz$ | no: an integral |
# | posterior $p_\theta(z\mid x) = p_\theta(x, z) / p_\theta(x)$ | no: it needs the evidence |
#
# $\theta$ are the decoder's numbers; $\phi$ those of the encoder, the rule that turns $x$ into $q$. Both go unwritten where nothing depends on them. From the first two rows alone we want a number never above $\log p_\theta(x)$. Three roads lead to it.
#
# The paper writes $x^{(i)}$ and sums over $i$: $\log p$ of independent datapoints is a sum. Here one is enough.

# %% [markdown] key="eq1"
# ## 1. First road: split $\log p(x)$ exactly
#
# The plan: let $q$ in twice, without changing anything. First by a mean over $q$ of something that does not depend on $z$, then by a factor $q/q$, which is 1.
#
# $$\begin{aligned}
# \log p(x) &= \mathbb E_q[\log p(x)] && \text{no } z \text{ in it, and } q \text{ integrates to 1} \\[2pt]
# &= \mathbb E_q\Big[\log \frac{p(x, z)}{p(z\mid x)}\Big] && p(x, z) = p(x)\, p(z\mid x) \\[2pt]
# &= \mathbb E_q\Big[\log \Big(\frac{q(z\mid x)}{p(z\mid x)}\; \frac{p(x, z)}{q(z\mid x)}\Big)\Big] && q/q = 1 \\[2pt]
# &= \mathbb E_q\Big[\log \frac{q(z\mid x)}{p(z\mid x)}\Big] + \mathbb E_q\Big[\log \frac{p(x, z)}{q(z\mid x)}\Big] && \text{log of a product; mean of a sum} \\[2pt]
# &= \mathrm{KL}\big(q_\phi(z\mid x)\,\|\,p_\theta(z\mid x)\big) + \mathcal L(\theta, \phi; x) && \text{the first mean is called KL, the second } \mathcal L
# \end{aligned}\tag{KW 1}$$
#
# The last line is the paper's. It says: **$\log p(x)$ is the distance from $q$ to the posterior, plus the bound $\mathcal L$.** Nothing was approximated. $q$ may be any density that is zero where the posterior is zero, so long as both means are finite.
#
# The check evaluates each line as it stands, on the grid, for offer A.

# %% key="eq1-check"
log_q_A = stats.norm.logpdf(z, 0.3, 0.3)
d_A, log_w_A = log_q_A - log_posterior, log_joint - log_q_A
kl_A, bound_A = expect(d_A, log_q_A), expect(log_w_A, log_q_A)
lines = [expect(log_evidence, log_q_A), expect(log_joint - log_posterior, log_q_A),
         expect(d_A + log_w_A, log_q_A), kl_A + bound_A]
check("eq1, line by line", lines, np.full(4, log_evidence))
print(f"log p(x) {log_evidence:.2f} = KL {kl_A:.2f} + bound {bound_A:.2f}")

# %% [markdown] key="explorer-about"
# On the grid the posterior was itself made from the evidence, so this checks the steps, not the terms; section 4 has formulas for all.
#
# Now move $q$ yourself. Predict:
#
# 1. A move raises the bound by 0.5. What does the KL do?
# 2. C leaves a KL of 0.15. Can you beat it with a normal $q$?

# %% key="explorer" tags=["nbval-ignore-output"]
from aevb_lib.widgets import BoundExplorer

BoundExplorer(z, log_joint)

# %% [markdown] key="explorer-words"
# *In words:* the pictures above, alive: the exact posterior as an orange hill, the prior as a dashed grey one, a blue bell $q$ with two handles, and a bar, log p(x) = bound + KL. Below, eq. 1 in numbers, and eq. 3, which section 4 derives.
#
# Keys: Tab to the plot; arrows move $\mu$ and change $\sigma$; Home is the start, End the best $q$. If you see a line of text instead of a plot, run the cell, or use the figures above.

# %% [markdown] key="explorer-after"
# 1. It falls by 0.5: $\log p(x)$ does not depend on $q$. So **to raise the bound by moving $q$ is to bring $q$ closer to the posterior**, although nobody can compute that distance.
# 2. No: C is the best normal $q$, to two digits. The rest is shape. C is narrower than the posterior: 0.37, against a standard deviation of 0.52. The KL is a mean over $q$, so it counts each place where $q$ lies and the posterior does not; where $q$ is absent, it counts nothing.

# %% [markdown] key="eq02-1"
# ## 2. Why it is a bound
#
# The KL is no distance of the everyday kind: in general $\mathrm{KL}(q\,\|\,p)$ and $\mathrm{KL}(p\,\|\,q)$ differ. But it is never negative, for any two densities:
#
# $$\begin{aligned}
# -\mathrm{KL}(q\,\|\,p) &= \mathbb E_q\Big[\log \frac{p(z)}{q(z)}\Big] && \text{definition; } -\log t = \log (1/t) \\[2pt]
# &\le \mathbb E_q\Big[\frac{p(z)}{q(z)} - 1\Big] && \log t \le t - 1 \text{, its tangent at 1} \\[2pt]
# &= \int_{q > 0} p(z)\, dz - 1 \;\le\; 0 && q \text{ cancels; all of } p \text{ integrates to 1}
# \end{aligned}\tag{02.1}$$
#
# **When is it zero?** The curve meets its tangent at $t = 1$ alone. So equality needs $p(z)/q(z) = 1$ wherever $q$ draws, and then $p$ has nothing left elsewhere: the KL is 0 if, and only if, $q$ is $p$.

# %% key="eq02-1-check"
rng = np.random.default_rng(1)

def random_normal(J):
    """A mean (1, J) and a full covariance (J, J), at random."""
    A = rng.standard_normal((J, J))
    return rng.standard_normal((1, J)), A @ A.T / J + 0.1 * np.eye(J)

pairs = [(*random_normal(3), *random_normal(3)) for _ in range(1000)]    # J = 3
assert min(kl_gaussians(*pair)[0] for pair in pairs) > 0
check("eq02-1, zero at q = p", kl_gaussians(*pairs[0][:2], *pairs[0][:2])[0], 0)
ratio = np.exp(-d_A)                            # p(z|x) / q(z) on the grid, offer A
assert (-d_A <= ratio - 1 + 1e-12).all()
check("eq02-1, the tangent's mean", expect(ratio - 1, log_q_A), 0)

# %% [markdown] key="eq2"
# Drop the KL from eq. 1, and the equality becomes an inequality:
#
# $$\begin{aligned}
# \log p_\theta(x) &= \mathrm{KL}\big(q_\phi(z\mid x)\,\|\,p_\theta(z\mid x)\big) + \mathcal L(\theta, \phi; x) && \text{eq. 1} \\
# &\ge \mathcal L(\theta, \phi; x) && \mathrm{KL} \ge 0 \text{, (02.1)} \\
# &= \mathbb E_{q_\phi(z\mid x)}\big[-\log q_\phi(z\mid x) + \log p_\theta(x, z)\big] && \text{definition of } \mathcal L
# \end{aligned}\tag{KW 2}$$
#
# It says: **the mean of $\log p(x, z) - \log q(z\mid x)$, over draws $z$ from $q$, is never above $\log p(x)$.** That answers our question: the joint and $q$ are known at any $z$, and a mean over $q$ can be sampled. The posterior, and with it the evidence, went into the KL, and of the KL we need only the sign.
#
# The paper calls $\mathcal L$ a lower bound "on the marginal likelihood": it means its logarithm. Others say *evidence lower bound*, ELBO.

# %% [markdown] key="eq2-about"
# What is it for? To be raised, in place of $\log p(x)$ (its negative is **the loss**). Raised over $\phi$, it brings $q$ closer to the posterior. Raised over $\theta$, it lifts a floor under $\log p(x)$: exercise 2.1.
#
# Now the bound from draws alone, with D = 5 and J = 2, in a linear-Gaussian model (lesson 00), whose exact answers are known. `kl_gaussians` is the KL of two normals; (02.5) derives it for a diagonal $q$. Our $q$ is wrong on purpose.

# %% key="draws"
model = LinearGaussian([[2, 1.5], [1, 1.5], [0.5, 1], [-1, 0], [0, 1]],
                       [1, 0, -1, 0.5, 2], s2=0.5)
rng = np.random.default_rng(0)
_, point = model.sample(1, rng)                                          # (1, 5)
mean, cov = np.array([[0.3, 0.0]]), np.array([[0.3, -0.1], [-0.1, 0.2]])
q, prior, posterior = (mean, cov), (np.zeros((1, 2)), np.eye(2)), model.posterior(point)

# codes: 20,000 draws of z from q
codes = mean + rng.standard_normal((20_000, 2)) @ np.linalg.cholesky(cov).T
log_q_z, log_p_z, log_post_z = (log_normal_full(codes, *normal)
                                for normal in (q, prior, posterior))     # (20000,)
# codes[:, None] is (L draws, M datapoints, J) = (20000, 1, 2), the answer (L, M)
log_p_x_given_z = model.log_p_x_given_z(point, codes[:, None])[:, 0]
log_w = log_p_z + log_p_x_given_z - log_q_z      # log p(x, z) - log q(z|x)

# %% key="eq2-check"
log_p_x, kl_q = model.log_evidence(point)[0], kl_gaussians(*q, *posterior)[0]
check_mc("eq2, the bound from draws", log_w, log_p_x - kl_q)
rng = np.random.default_rng(2)
bounds = [model.bound(point, *random_normal(2))[0] for _ in range(1000)]
assert max(bounds) < log_p_x
print(f"log evidence {log_p_x:.2f}; best of 1,000 random q: bound {max(bounds):.2f}")

# %% [markdown] key="ex2-1"
# ### Exercise 2.1 (predict)
#
# For one image $\log p_\theta(x)$ is $-100$ nats, and the KL from $q$ to the posterior is 3. Then training makes one step. What stands after it? Answer 1 and 2 as (log evidence, KL, bound).
#
# 1. The step changes $\phi$ alone, and the KL becomes 1.
# 2. Instead, it changes $\theta$ alone: the bound rises by 2, and the KL becomes 0.5.
# 3. A step in $\theta$ raised the bound by 2, and nobody knows the new KL. How low can $\log p_\theta(x)$ be now?
#
# The check marks each number: 1 is right, 0 is wrong.
#
# <details><summary>Hint 1</summary>What was the bound before the step? Which of the three does not contain phi?</details>
# <details><summary>Hint 2</summary>log p = KL + bound, before and after. The KL is never negative.</details>
# <details><summary>Afterwards</summary>In 2 the evidence fell while the bound rose. What training lifts for certain is the floor.</details>

# %% key="ex2-1-code"
after_phi = ...             # three numbers: (log evidence, KL, bound)
after_theta = ...
lowest = ...
### BEGIN SOLUTION
after_phi = (-100, 1, -101)         # no phi in log p(x); the bound was -103
after_theta = (-100.5, 0.5, -101)   # the bound rose, and the evidence fell
lowest = -101                       # the new bound itself: a floor, lifted by 2
### END SOLUTION

# %% key="ex2-1-check"
def marks(answer, right):
    """1 for each number that is right, 0 for each that is not."""
    if np.asarray(answer).dtype == object or np.shape(answer) != np.shape(right):
        return answer                                       # something is missing
    return np.isclose(answer, right).astype(float)

exercise("ex2-1, phi", lambda: marks(after_phi, (-100, 1, -101)), (1, 1, 1), mistakes={
    "log p(x) does not depend on q; the bound is log p(x) minus the KL": (0, 1, 0),
    "log p(x) does not depend on q": (0, 1, 1),
    "the bound is log p(x) minus the KL": (1, 1, 0)})
exercise("ex2-1, theta", lambda: marks(after_theta, (-100.5, 0.5, -101)), (1, 1, 1),
         mistakes={
    "log p(x) moves with theta, and need not rise; add KL and bound": (0, 1, 1),
    "the bound was -103, and rises by 2; log p(x) = KL + bound": (0, 1, 0)})
exercise("ex2-1, how low", lambda: marks(lowest, -101), 1, mistakes={
    "take the new bound, and the smallest KL there can be": 0})

# %% [markdown] key="eq02-2"
# ## 3. Two more roads
#
# **Jensen.** Lesson 00 took this one: with $w = p(x, z)/q(z\mid x)$, and $q$ positive wherever the joint is, $\log p(x) = \log \mathbb E_q[w] \ge \mathbb E_q[\log w] = \mathcal L$. (The equality is (02.3), below.) It is the quickest way, and it hides the gap. Substitute $p(x, z) = p(x)\,p(z\mid x)$ back, and the gap falls out in two lines:
#
# $$\begin{aligned}
# \log p(x) - \log w &= \log p(x) - \log \frac{p(x)\, p(z\mid x)}{q(z\mid x)} = \log \frac{q(z\mid x)}{p(z\mid x)} && \text{at every } z \\[2pt]
# \log p(x) - \mathbb E_q[\log w] &= \mathrm{KL}\big(q(z\mid x)\,\|\,p(z\mid x)\big) && \text{mean over } q
# \end{aligned}\tag{02.2}$$
#
# The first line is true draw by draw. So if $q$ *is* the posterior, every single draw has $\log w = \log p(x)$, without any spread.

# %% key="eq02-2-check"
check("eq02-2, at 20,000 draws", log_p_x - log_w, log_q_z - log_post_z)
print(f"log w: mean {log_w.mean():.2f}, from {log_w.min():.1f} to {log_w.max():.1f}; "
      f"log p(x) {log_p_x:.2f}")

# %% [markdown] key="eq02-3"
# **Importance weighting.** Some draws have $\log w$ above $\log p(x)$; only the mean lies below. And the mean of $w$ itself is right, whatever such $q$ we take:
#
# $$\begin{aligned}
# \mathbb E_q[w] &= \int q(z\mid x)\, \frac{p(x, z)}{q(z\mid x)}\, dz && \text{definition of } w \\
# &= \int p(x, z)\, dz = p(x) && q \text{ cancels}
# \end{aligned}\tag{02.3}$$
#
# So the bound is the log of an unbiased guess, taken too early: after one draw. Average L weights first, then take the log; do that 4,000 times. Predict: what does a larger L do to the gap?

# %% key="eq02-3-check"
check_mc("eq02-3, w / p(x)", np.exp(log_w - log_p_x), 1.0)
rng, draws = np.random.default_rng(3), np.array([1, 3, 10, 30, 100, 300])
root = np.linalg.cholesky(cov)
climb = []
for L in draws:
    flat = mean + rng.standard_normal((4000 * L, 2)) @ root.T            # (4000 L, 2)
    log_p = model.log_p_x_given_z(point, flat[:, None])[:, 0]
    log_w_L = log_p + log_normal_full(flat, *prior) - log_normal_full(flat, *q)
    climb.append(np.log(np.exp(log_w_L).reshape(4000, L).mean(1)))       # (4000,)
check_mc("L = 1", climb[0], log_p_x - kl_q)

# %% key="climb-picture"
heights, se = np.mean(climb, 1), np.std(climb, 1, ddof=1) / np.sqrt(4000)
fig, ax = plt.subplots(figsize=(6.4, 3.2))
ax.axhline(log_p_x, color=plots.BOUND)
ax.axhline(log_p_x - kl_q, color=plots.BOUND, ls="--")
ax.errorbar(draws, heights, 4 * se, color=plots.Q, fmt="o", ms=4, capsize=5)
ax.text(1, log_p_x + 0.06, "$\\log\\,p(x)$, exact")
ax.text(300, log_p_x - kl_q + 0.06, "bound, exact", ha="right")
ax.text(4, heights[1] - 0.14, "mean of log(average of L weights)", color=plots.Q)
ax.set(xscale="log", xlabel="draws L inside the log", ylabel="nats",
       ylim=(log_p_x - kl_q - 0.35, log_p_x + 0.3))
plt.show()

# %% [markdown] key="climb-picture-words"
# *In words:* a dashed line, the bound, and above it a solid one, $\log p(x)$. Six blue points, with bars of 4 standard errors, start on the bound at L = 1 and rise to $\log p(x)$. Of a gap of 1.07 nats ten draws leave 0.05.
#
# Why below? With $A_L$ for the average of L weights, $\mathbb E[\log A_L] \le \log \mathbb E[A_L] = \log p(x)$, by Jensen and (02.3). At L = 1 this is the second road, word for word: the third starts where it ends. Why up? The average of many weights tends to its mean, $p(x)$. Burda, Grosse and Salakhutdinov (2015) train on this bound.
#
# <details><summary>Why does no step go back? (optional)</summary>
#
# $A_{L+1}$ is the average of its L + 1 leave-one-out averages $A_{-i}$, so Jensen gives $\log A_{L+1} \ge \frac{1}{L+1}\sum_i \log A_{-i}$. In the mean, each term on the right is $\mathbb E[\log A_L]$.
#
# </details>

# %% [markdown] key="roads"
# Three roads, one place:
#
# | road | the move | it shows | it hides |
# |---|---|---|---|
# | decomposition | $q/q$ in the log, split | the gap is a KL, exactly | |
# | Jensen | $q/q$ in the integral, log moves inside | a bound, in one line | the gap |
# | importance weights | draw $w$, average, log | how to narrow the gap: more draws, less spread | that the gap is a KL |

# %% [markdown] key="eq3"
# ## 4. What the bound is made of
#
# Eq. 2 with the joint taken apart:
#
# $$\begin{aligned}
# \mathcal L &= \mathbb E_q\big[-\log q(z\mid x) + \log p(x, z)\big] && \text{eq. 2} \\
# &= \mathbb E_q\big[-\log q(z\mid x) + \log p(z) + \log p(x\mid z)\big] && p(x, z) = p(z)\, p(x\mid z) \\
# &= -\mathbb E_q\Big[\log \frac{q(z\mid x)}{p(z)}\Big] + \mathbb E_q\big[\log p(x\mid z)\big] && \text{the first two together; mean of a sum} \\
# &= -\mathrm{KL}\big(q_\phi(z\mid x)\,\|\,p_\theta(z)\big) + \mathbb E_{q_\phi(z\mid x)}\big[\log p_\theta(x\mid z)\big] && \text{definition of KL}
# \end{aligned}\tag{KW 3}$$
#
# It says: **the bound is how well the codes, draws $z$ from $q$, explain $x$ (the reconstruction term), minus the distance from $q$ to the prior**, which is another KL. Why this form? For normals that KL has a formula, (02.5) with $\bar z = 0$ and $\Lambda = I$ (lesson 06 comes back to it): only the reconstruction needs draws.
#
# The check takes linear models of several sizes, four datapoints each, and wrong $q$. To the bound by eq. 3 it adds the KL of eq. 1. The sum is $\log p(x)$, which has its own formula.

# %% key="eq3-check"
rng = np.random.default_rng(0)
for D, J in ((1, 1), (5, 2), (20, 5), (100, 20)):
    W = rng.standard_normal((D, J))
    linear = LinearGaussian(W, rng.standard_normal(D), s2=0.5)
    points, (m, S) = linear.sample(4, rng)[1], random_normal(J)
    spread = np.trace(W @ S @ W.T)                       # E[|W (z - m)|^2]
    fit = linear.log_p_x_given_z(points, m) - 0.5 * spread / 0.5         # (4,)
    bound = fit - kl_gaussians(m, S, np.zeros((1, J)), np.eye(J))        # eq. 3
    total = bound + kl_gaussians(m, S, *linear.posterior(points))        # eq. 1
    check(f"eq1 and eq3, D = {D}, J = {J}, relative",
          total / linear.log_evidence(points), np.ones(4), atol=1e-12)
check("linear.bound, the same", linear.bound(points, m, S), bound)

# %% [markdown] key="terms-about"
# What does each term want? Back to the tanh model, from offer C ($\mu = 0.86$, $\sigma = 0.37$): move $\mu$ alone, then $\sigma$ alone. One code hits $x$ exactly: $2\tanh(1.5 z) = 1.5$ at $z = 0.65$. Predict for each term: is its best $\mu$ at 0, at 0.65, or beyond? Its best $\sigma$ near 0, at 1, or beyond?

# %% key="terms-picture"
def two_terms(mu, sigma):
    """-KL to the prior, and E_q[log p(x|z)]: the two terms of eq. 3."""
    log_q = stats.norm.logpdf(z, mu, sigma)
    return expect(log_prior - log_q, log_q), expect(log_likelihood, log_q)

fig, axes = plt.subplots(1, 2, figsize=(7.2, 3.5), sharey=True)
mus, sigmas = np.linspace(-0.2, 2.2, 80), np.linspace(0.04, 1.4, 80)
sweeps = [(mus, [two_terms(m, 0.37) for m in mus], (1.12, -0.35), (-0.2, -0.4)),
          (sigmas, [two_terms(0.86, s) for s in sigmas], (0.02, -0.18), (0.72, -0.2))]
for ax, (values, terms, at_fit, at_kl) in zip(axes, sweeps, strict=True):
    minus_kl, fit = np.transpose(terms)
    ax.plot(values, fit, color=plots.P, ls="--")
    ax.plot(values, minus_kl, color=plots.Q, ls=":")
    ax.plot(values, fit + minus_kl, color=plots.BOUND)
    best = np.argmax(fit + minus_kl)
    ax.plot(values[best], (fit + minus_kl)[best], "o", color=plots.BOUND)
    ax.text(values[best], (fit + minus_kl)[best] - 0.5, "bound", ha="center")
    ax.axhline(log_evidence, color=plots.BOUND, lw=0.7)
    ax.text(*at_fit, "reconstruction", color=plots.P)
    ax.text(*at_kl, "minus KL to prior", color=plots.Q)
axes[0].set(xlabel="$\\mu$  (at $\\sigma = 0.37$)", ylabel="nats", ylim=(-5, 0.4))
axes[1].set(xlabel="$\\sigma$  (at $\\mu = 0.86$)")
axes[0].text(-0.2, log_evidence + 0.08, "$\\log\\,p(x)$")
plt.show()

# %% [markdown] key="terms-picture-words"
# *In words:* left, against $\mu$: the dashed reconstruction term climbs steeply to its peak at $\mu = 1.07$, then sinks slowly; the dotted minus-KL falls away from $\mu = 0$. Right, against $\sigma$: reconstruction is highest near 0 and falls, minus-KL rises from far down to its peak at 1. In both, their sum, the solid bound, has its top between the two peaks, below the thin line of $\log p(x)$.
#
# The terms pull $q$ opposite ways. Reconstruction alone would shrink $q$ to a point at 0.65. While $q$ is wide, it prefers 1.07: left of 0.65 the tanh is steep, and codes miss $x$ by far. The KL alone would make $q$ the prior, whatever $x$ is.

# %% [markdown] key="sign-card"
# ### Sign card: two KLs, two different things
#
# | | in eq. 1 | in eq. 3 |
# |---|---|---|
# | from $q_\phi(z\mid x)$ to | the **posterior** $p_\theta(z\mid x)$ | the **prior** $p_\theta(z)$ |
# | sign | $+$ | $-$ |
# | part of | $\log p(x)$, beside the bound | the bound |
# | can it be computed? | no, only in toys | yes, for normals: (02.5), lesson 06 |
# | zero means | the bound is exact | $q$ is the prior: it says nothing about this $x$ |
#
# Both are $\ge 0$, both are means over $q$. The KL of eq. 1 minus that of eq. 3 is $\log p(x) - \mathbb E_q[\log p(x\mid z)]$.

# %% [markdown] key="ex2-2"
# ### Exercise 2.2 (code)
#
# One latent, one $x$: $z \sim \mathcal N(0, 1)$, $x\mid z \sim \mathcal N(wz + b,\, s^2)$, and $q = \mathcal N(\mu, \sigma^2)$. Write the bound twice, by eq. 2 and by eq. 3. Given are $\mathbb E_q[\log p(x\mid z)]$, and `kl_1d`, which is (02.5) with J = 1. Eq. 2 needs besides:
#
# - $\mathbb E_q[-\log q] = \tfrac12\,(1 + \log 2\pi\sigma^2)$;
# - $\mathbb E_q[\log p(z)] = -\tfrac12\,(\log 2\pi + \mathbb E_q[z^2])$. What is $\mathbb E_q[z^2]$?
#
# <details><summary>Hint 1</summary>Eq. 2 is three means: of -log q, of log p(z), of log p(x|z). E[z^2] is mean^2 + variance.</details>
# <details><summary>Hint 2</summary>Eq. 3: the last of the three means, minus the KL from q to N(0, 1).</details>

# %% key="ex2-2-code"
w_1, b_1, s2_1, x_1 = 1.5, 0.2, 0.4, 1.0

def kl_1d(mu, sigma, mu_p, sigma_p):                # KL(N(mu, sigma^2) || N(mu_p, ...))
    square = (sigma**2 + (mu - mu_p) ** 2) / sigma_p**2
    return 0.5 * (square - 1) + np.log(sigma_p / sigma)

def mean_log_likelihood(mu, sigma):                 # E_q[log p(x|z)]
    square = (x_1 - w_1 * mu - b_1) ** 2 + w_1**2 * sigma**2
    return -0.5 * (np.log(2 * np.pi * s2_1) + square / s2_1)

def bound_by_eq2(mu, sigma):
    ### BEGIN SOLUTION
    entropy = 0.5 * (1 + np.log(2 * np.pi * sigma**2))
    mean_log_prior = -0.5 * (np.log(2 * np.pi) + mu**2 + sigma**2)
    return entropy + mean_log_prior + mean_log_likelihood(mu, sigma)
    ### END SOLUTION

def bound_by_eq3(mu, sigma):
    ### BEGIN SOLUTION
    return mean_log_likelihood(mu, sigma) - kl_1d(mu, sigma, 0, 1)
    ### END SOLUTION

# %% key="ex2-2-check"
one, x_11 = LinearGaussian([[w_1]], [b_1], s2_1), np.array([[x_1]])
mu, sigma = tests = np.array([[0.1, -1.0, 0.7], [0.5, 1.4, 0.4]])        # three q
right = np.array([one.bound(x_11, np.array([[a]]), np.array([[b**2]]))[0]
                  for a, b in tests.T])
entropy, to_prior = 0.5 * (1 + np.log(2 * np.pi * sigma**2)), kl_1d(mu, sigma, 0, 1)
fit_1 = right + to_prior
slips = {"the KL has a minus": fit_1 + to_prior,
         "the KL is the wrong way round; q comes first": fit_1 - kl_1d(0, 1, mu, sigma),
         "kl_1d takes sigma, not sigma^2": fit_1 - kl_1d(mu, sigma**2, 0, 1),
         "only the reconstruction; the prior is missing": fit_1,
         "E[log p(x|z)] is missing": -to_prior,
         "E[log p(z)] is missing": fit_1 + entropy,
         "E[z^2] is mu^2 + sigma^2, not mu^2": right + sigma**2 / 2,
         "E[z^2] is mu^2 + sigma^2, not sigma^2": right + mu**2 / 2,
         "E[z^2] is over q: mu^2 + sigma^2, not 1": right + (mu**2 + sigma**2 - 1) / 2,
         "E[-log q] comes with a plus": right - 2 * entropy,
         "E[-log q] is missing": right - entropy,
         "the sign of the whole; that is the loss": -right}
for n, attempt in enumerate((bound_by_eq2, bound_by_eq3), 2):
    exercise(f"ex2-2, eq. {n}", lambda f=attempt: f(*tests), right, 1e-10, slips)

# %% [markdown] key="ex2-3"
# ### Exercise 2.3 (derive, optional)
#
# Which normal $q$ is best? In the model of exercise 2.2, for any $w$, $b$ and $s^2$, set the derivative of the bound in $\sigma$ to 0 and solve. Enter the best $\sigma$ (not its square) as a function of `w` and `s2`, which is $s^2$. Why are $x$ and $\mu$ not needed?
#
# <details><summary>Hint 1</summary>Use eq. 3 and keep only terms with sigma: log sigma, -sigma^2 / 2, and one from the square.</details>
# <details><summary>Hint 2</summary>1 / sigma - sigma - w^2 sigma / s^2 = 0.</details>
# <details><summary>Afterwards</summary>The terms with x or mu have no sigma in them. The best sigma is that of the posterior; the best mu is its mean. Then q is the posterior, and the gap is 0.</details>

# %% key="ex2-3-code"
def best_sigma(w, s2):
    ### BEGIN SOLUTION
    return 1 / np.sqrt(1 + w**2 / s2)      # neither x nor mu is in it
    ### END SOLUTION

# %% key="ex2-3-check"
ws, s2s = np.array([0.5, 1.1, 0.4]), np.array([0.6, 2.0, 0.3])
want = np.array([LinearGaussian([[a]], [0.0], b).best_diagonal(np.zeros((1, 1)))[1][0]
                 for a, b in zip(ws, s2s, strict=True)]) ** 0.5
exercise("ex2-3", lambda: best_sigma(ws, s2s), want, mistakes={
    "you have sigma^2 where sigma belongs": want**2,
    "the prior's pull, the 1 under the root, is missing": np.sqrt(s2s) / ws,
    "both pulls make sigma smaller: plus under the root": 1 / np.sqrt(1 - ws**2 / s2s),
    "that is the spread of x; here 1 and w^2 / s^2 add": np.sqrt(ws**2 + s2s),
    "that is the root of the precision; take one over it": 1 / want,
    "s2 is s^2 already": 1 / np.sqrt(1 + ws**2 / s2s**2),
    "w enters squared": 1 / np.sqrt(1 + ws / s2s),
    "w enters squared; and you have sigma^2": 1 / (1 + ws / s2s),
    "s^2 divides w^2": 1 / np.sqrt(1 + ws**2 * s2s)})

# %% [markdown] key="digit"
# ## 5. A real digit (optional)
#
# Last, a network: the decoder of lesson 00, with two latents. `BernoulliMLP` is the same decoder in NumPy, and its `posterior` sums $\log p(x)$ on a fine grid of $z$. The encoder was trained through its bound alone: nobody ever showed it a posterior. We take one test image, its grey pixels drawn as black or white, so that $\log p(x)$ is a true log-probability.
#
# Its $q$ has a diagonal covariance: an upright ellipse. Predict: C, the best bell for one latent, left 0.15 nats. Does the encoder leave 0.1, 1 or 10?

# %% key="digit-truth"
import torch
from aevb_lib import BernoulliMLP, binarise, load_mnist, pretrained

data, vae = load_mnist(), pretrained(2)
image = binarise(data.x_test[1:2], torch.Generator().manual_seed(0))     # (1, 784)
with torch.no_grad():
    mu_x, log_var_x = (out[0].double().numpy() for out in vae.encode(image))
(W1, b1, _), (W2, b2, _) = vae.decoder.layers()
decoder = BernoulliMLP(*(array.astype(float) for array in (W1, b1, W2, b2)))
pixels = image[0].double().numpy()
grid = decoder.posterior(pixels)                 # points z, weights, log p(x)
log_post_grid = np.log(np.maximum(grid.weight, 1e-300) / grid.cell)
print(f"log p(x) {grid.log_evidence:.2f} nats")

# %% key="eq1-digit-check"
def gap_of(mean, cov):
    """KL(N(mean, cov) || posterior of the digit), summed on the grid."""
    log_q = log_normal_full(grid.z, mean, cov)
    return grid.cell * (np.exp(log_q) * (log_q - log_post_grid)).sum()

q_x = mu_x, np.diag(np.exp(log_var_x))
eps = np.random.default_rng(0).standard_normal((4000, 2))
z_x = mu_x + np.exp(log_var_x / 2) * eps                                 # (4000, 2)
fit = decoder.log_p_x_given_z(pixels, z_x)
log_w_x = fit + log_normal_full(z_x, *prior) - log_normal_full(z_x, *q_x)
check_mc("eq1, bound of the digit", log_w_x, grid.log_evidence - gap_of(*q_x))
print(f"gap {gap_of(*q_x):.2f} nats; "
      f"KL to the prior {kl_gaussians(mu_x[None], q_x[1], *prior)[0]:.2f}")

# %% key="digit-picture"
window = [np.linspace(-10, 10, 121) * sd + middle for middle, sd in
          zip(grid.mean(), np.sqrt(np.diag(grid.cov())), strict=True)]
plane = np.stack(np.meshgrid(*window, indexing="ij"), -1).reshape(-1, 2)
upright = grid.mean(), np.diag(1 / np.diag(np.linalg.inv(grid.cov())))
log_joint_2 = (decoder.log_p_x_given_z(pixels, plane)
               + log_normal_full(plane, *prior)).reshape(121, 121)

fig, (left, right) = plt.subplots(1, 2, figsize=(7, 3.6), width_ratios=(1, 2))
plots.montage(image, data.image_shape, 1, left)
left.set_title("$x$")
density = np.exp(log_joint_2 - grid.log_evidence).T
levels = density.max() * np.exp([-2, -1.125, -0.5, -0.125, 0])
right.contourf(*window, density, levels=levels, cmap="Oranges")
plots.gaussian_ellipse(*q_x, right)
plots.gaussian_ellipse(*upright, right, ls="--")
right.text(-1.385, 0.617, f"the encoder's $q$: gap {gap_of(*q_x):.2f}", color=plots.Q,
           ha="center", va="top")
right.text(-1.285, 0.877, "$\\sigma_j^2 = 1\\,/\\,\\Lambda_{jj}$: "
           f"gap {gap_of(*upright):.2f}", color=plots.Q)
right.text(-1.64, 0.925, "posterior", color=plots.P)
right.set(xlabel="$z_1$", ylabel="$z_2$", aspect="equal", xlim=(-1.66, -1.08),
          ylim=(0.58, 0.96), title="ellipses of 2 standard deviations")
plt.show()

# %% [markdown] key="digit-picture-words"
# *In words:* left, the image, a slanted 1. Right, its exact posterior, a tilted orange spot, with edges at $e^{-2}, e^{-9/8}, e^{-1/2}$ and $e^{-1/8}$ of its peak; in a normal density these are 2, 1.5, 1 and 0.5 standard deviations. The solid ellipse, the encoder's $q$, is upright and lies too low: a gap of 1.61 nats. The dashed one has the posterior's mean and $\sigma_j^2 = 1/\Lambda_{jj}$, with the precision (inverse covariance) $\Lambda$: the best upright one, were the posterior normal (section 6). It is narrower than the spot both ways, yet sticks out at two corners: a gap of 0.31.

# %% key="digit-explorer" tags=["nbval-ignore-output"]
BoundExplorer(window, log_joint_2, mu=mu_x, sigma=np.exp(log_var_x / 2))

# %% [markdown] key="digit-explorer-words"
# *In words:* the same posterior from above, under a blue ellipse $q$ with four handles, with the bar beside it. It starts at the encoder's $q$. Arrow keys move $\mu$, sliders change $\sigma$; the figure above is the still one.
#
# How much of the 1.61 nats can you win, before you press "Best q"? All but 0.30. (The dashed $q$ leaves 0.31: this posterior is not quite normal.) That rest is the price of an upright ellipse. What you won is the encoder's: partly the price of one network for all images (lesson 07 calls it the amortisation gap), partly that it was trained on grey ones.

# %% [markdown] key="eq02-4"
# ## 6. How large is the gap? (optional)
#
# **By sampling.** Write $\log w = \log p(x) - d$, with $d = \log\frac{q(z\mid x)}{p(z\mid x)}$ by (02.2). For a small $d$:
#
# $$\begin{aligned}
# 1 &= \mathbb E_q[e^{-d}] && \text{(02.3), divided by } p(x) \\
# &\approx 1 - \mathbb E_q[d] + \tfrac12 \mathbb E_q[d^2] && \text{Taylor, three terms} \\
# \mathbb E_q[d] &\approx \tfrac12 \mathbb E_q[d^2] \approx \tfrac12 \mathrm{Var}_q[d] && \text{solve; } \mathbb E_q[d]^2 \text{ is of higher order} \\
# \mathrm{KL}\big(q(z\mid x)\,\|\,p(z\mid x)\big) &\approx \tfrac12 \mathrm{Var}_q[\log w] && \mathbb E_q[d] \text{ is the KL; } \log p(x) \text{ has no variance}
# \end{aligned}\tag{02.4}$$
#
# The right side can be sampled: **the spread of $\log w$ tells how far $q$ is off**, as long as it is small. Predict: for which of A, B, C will it fail? The last line of the cell takes a $q$ a thousandth of the way from the posterior to C.

# %% key="eq02-4-check"
def kl_and_half_variance(log_q):
    d = log_q - log_posterior
    kl = expect(d, log_q)
    return kl, 0.5 * expect((d - kl) ** 2, log_q)

for name, (mu, sigma, _) in offers.items():
    kl, half = kl_and_half_variance(stats.norm.logpdf(z, mu, sigma))
    print(f"{name}: KL {kl:.3f}, half the variance of log w {half:.3f}")
log_near = 0.999 * log_posterior + 0.001 * stats.norm.logpdf(z, 0.86, 0.37)
log_near -= np.log(expect(1.0, log_near))                   # now it integrates to 1
kl, half = kl_and_half_variance(log_near)
check("eq02-4, near the posterior: ratio", kl / half, 1, atol=0.01)

# %% [markdown] key="eq02-5"
# A, by a factor of 2 (3.33 against 1.76); B is 12% low, C 3%. Where $\log w$ is normal, (02.4) is exact: (00.8).
#
# **For normals, exactly.** The posterior is $\mathcal N(\bar z, \Lambda^{-1})$: mean $\bar z$, full precision (inverse covariance) $\Lambda$ with determinant $|\Lambda|$. The encoder's $q$ is $\mathcal N(\mu, \mathrm{diag}(\sigma^2))$. Let $Q = (z - \bar z)^\top\Lambda(z - \bar z)$, and write $z - \bar z = (z - \mu) + (\mu - \bar z)$: in the mean over $q$ the cross term is 0.
#
# $$\begin{aligned}
# \mathbb E_q[\log q] &= -\tfrac12 \sum_j \big(\log 2\pi + \log\sigma_j^2 + 1\big) && \mathbb E_q[(z_j - \mu_j)^2] = \sigma_j^2 \\
# \mathbb E_q[Q] &= (\mu - \bar z)^\top\Lambda(\mu - \bar z) + \sum_j \Lambda_{jj}\sigma_j^2 && \text{the } z_j \text{ do not covary under } q \\
# \mathbb E_q[\log p(z\mid x)] &= -\tfrac J2 \log 2\pi + \tfrac12\log|\Lambda| - \tfrac12\, \mathbb E_q[Q] && \text{log of a normal density} \\
# \mathrm{KL} &= \tfrac12\Big[\mathbb E_q[Q] - \sum_j \big(1 + \log\sigma_j^2\big) - \log|\Lambda|\Big] && \text{first minus third}
# \end{aligned}\tag{02.5}$$

# %% key="eq02-5-check"
z_bar, precision = posterior[0], model.precision
mu, var = np.array([[0.3, 0.0]]), np.array([0.3, 0.2])                   # a wrong q
off, log_det = (mu - z_bar)[0], np.linalg.slogdet(precision)[1]
E_Q = off @ precision @ off + np.diag(precision) @ var
kl = 0.5 * (E_Q - (1 + np.log(var)).sum() - log_det)
check("eq02-5, KL", kl, log_p_x - model.bound(point, mu, np.diag(var))[0])

# %% [markdown] key="eq02-6"
# By eq. 1 the highest bound is the smallest KL. In (02.5) $\mu$ stands only in the first term of $\mathbb E_q[Q]$, which is 0 at $\mu = \bar z$ and positive elsewhere, as $\Lambda$ is positive definite. For $\sigma_j^2$:
#
# $$\begin{aligned}
# \frac{\partial\, \mathrm{KL}}{\partial \sigma_j^2} &= \tfrac12\Big(\Lambda_{jj} - \frac1{\sigma_j^2}\Big) = 0 && \text{below 0 before, above 0 after: a minimum} \\
# \sigma_j^2 &= \frac{1}{\Lambda_{jj}} && \text{solve} \\
# \mathrm{KL}_{\min} &= \tfrac12 \Big(\sum_j \log\Lambda_{jj} - \log|\Lambda|\Big) && \text{insert; } \Lambda_{jj}\sigma_j^2 = 1
# \end{aligned}\tag{02.6}$$
#
# The last line is the price of a diagonal $q$: 0 for a diagonal $\Lambda$, and more for entangled latents. The check hands $-\mathcal L$ to an optimiser that has never seen (02.5). Compare its $\sigma_j$ with the posterior's own.

# %% key="eq02-6-check"
def loss(parameters):                           # mu and log sigma^2, one array (4,)
    return -model.bound(point, parameters[None, :2], np.diag(np.exp(parameters[2:])))[0]

found = optimize.minimize(loss, np.zeros(4), tol=1e-10)
price = 0.5 * (np.log(np.diag(precision)).sum() - log_det)
check("eq02-6, mu", found.x[:2], z_bar[0], atol=1e-5)
check("eq02-6, sigma^2", np.exp(found.x[2:]), 1 / np.diag(precision), atol=1e-5)
check("eq02-6, the gap", log_p_x + found.fun, price, atol=1e-8)
print(f"gap {price:.3f} nats; best sigma", (np.diag(precision) ** -0.5).round(3),
      "posterior's", np.sqrt(np.diag(posterior[1])).round(3))

# %% [markdown] key="ex2-4"
# ### Exercise 2.4 (find the bug, optional)
#
# Back on the tanh model. A colleague's "bound" has a KL with a minus sign, as it should. But at $q$ = posterior it is *above* $\log p(x)$. No bound is.
#
# 1. Which term is wrong? Write `mended`, with the same argument; the evidence is not at hand.
# 2. By how much is it above, at $q$ = posterior? It is a KL between two of the model's densities. Derive which, and write it with `expect`. The check also tries another pair.
#
# <details><summary>Hint 1</summary>Which of the two KLs does the sign card put inside the bound?</details>
# <details><summary>Hint 2</summary>At the posterior their KL is 0, so E[log p(x|z)] is left. Subtract log p(x), and use p(x|z) / p(x) = p(z|x) / p(z).</details>

# %% key="ex2-4-code"
def colleague(log_q):
    return expect(log_likelihood, log_q) - expect(log_q - log_posterior, log_q)

print(f"{colleague(log_posterior):.6f} is above log p(x) = {log_evidence:.6f}")

def mended(log_q):
    ### BEGIN SOLUTION
    return expect(log_likelihood, log_q) - expect(log_q - log_prior, log_q)
    ### END SOLUTION

def excess(log_prior, log_posterior):
    ### BEGIN SOLUTION
    return expect(log_posterior - log_prior, log_posterior)
    ### END SOLUTION

# %% key="ex2-4-check"
log_q_B = stats.norm.logpdf(z, 1.5, 0.6)
fit_B, prior_B, posterior_B = (expect(f, log_q_B) for f in (
    log_likelihood, log_q_B - log_prior, log_q_B - log_posterior))
exercise("ex2-4, mended", lambda: mended(log_q_B), fit_B - prior_B, 1e-10, mistakes={
    "that is the colleague's: the KL to the posterior": fit_B - posterior_B,
    "the sign: the KL to the prior is subtracted": fit_B + prior_B,
    "you have only the reconstruction term": fit_B,
    "both KLs are subtracted now; keep one": fit_B - prior_B - posterior_B,
    "that is log p(x), not the bound": fit_B - prior_B + posterior_B})
twice = (log_prior, log_posterior), (log_q_A, log_q_B)     # the model's pair, another
above, turned, minus, over_prior, value, fit = np.transpose([
    [expect(b - a, b), expect(a - b, a), expect(a - b, b), expect(b - a, a),
     colleague(b), expect(log_likelihood, b)] for a, b in twice])
exercise("ex2-4, excess", lambda: [excess(*pair) for pair in twice], above, mistakes={
    "a KL is never negative: turn the ratio": minus,
    "the mean is over q, and q is the posterior here": over_prior,
    "the KL is the other way round, q comes first": turned,
    "right for the model, but write it as a KL of the two": value - log_evidence,
    "right for the model; use hint 2 to make it a KL": fit - log_evidence,
    "that is its value for the model; write the KL": above[[0, 0]],
    "that is the value itself; subtract log p(x)": value})

# %% [markdown] key="misconception"
# ## Misconception card
#
# > **"The KL in the loss measures how far $q$ is from the posterior, so training drives it to zero."**
#
# The KL in the loss is that of eq. 3, to the *prior*. For the digit of section 5 it is 5.9 nats, and should be: it is what $q$ says about this $x$. At zero, the code says nothing about it; where that is so for every image, lesson 09 calls it collapse. The distance to the posterior, 1.6 nats, stands nowhere in the loss. While $\theta$ is fixed it shrinks unseen, because bound and distance fill a bar of fixed height. When $\theta$ moves too, it may even grow while the bound rises.

# %% [markdown] key="take-away"
# ## What you can do now
#
# - **Derive**: $q/q$ inside the log splits $\log p(x)$ into a KL and the bound (eq. 1); drop the KL (eq. 2); split the joint (eq. 3). All that cannot be computed sits in a term of known sign.
# - **The distance** is the KL to the posterior: zero if, and only if, $q$ is the posterior. A diagonal $q$ under a tilted posterior cannot reach zero.
# - **The two terms** of eq. 3, reconstruction minus the KL to the prior, pull $q$ opposite ways. The KL to the posterior is another one, with a plus, in eq. 1.
#
# **Next.** To raise the bound we need its gradient. In $\theta$ it is easy; in $\phi$ the obvious move hurts: lesson 03.
