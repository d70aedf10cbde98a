# %% [markdown] key="title"
# # 04 · The trick
#
# *How can a draw from q be differentiated with respect to the parameters of q?*
#
# **After this you can**
# - write a draw as a function of noise and parameters, and prove in five lines that no average changes;
# - derive the pathwise gradient, compute it by hand and with autograd, and find the line of code that cuts it;
# - say what $g$ and $f$ must satisfy, and why a discrete $z$ does not.
#
# **Paper**: sections 2.3 and 2.4, equations 4 and 5 · **Study**: 60 minutes, and 30 for what is optional · **Running**: 5 seconds · **You need**: the score-function gradient (lesson 03), quadrature (00, section 4), autograd, the chain rule, the determinant of a 2 by 2 matrix

# %% key="imports"
import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy import stats

from aevb_lib import check, check_mc, exercise, plots, reparameterize

plots.use_style()

# %% [markdown] key="first-look"
# A draw from $q = \mathcal N(\mu, \sigma^2)$ can be made in two steps: draw noise $\epsilon$ from $\mathcal N(0, 1)$, then compute $z = \mu + \sigma\epsilon$. Below left, eight values of noise, spread evenly by hand, are fixed once and kept; right, four of the draws on a curve $f$. Predict: where does each $z$ go when $\mu$ grows? And when $\sigma$ shrinks?

# %% key="slide"
def f(z):
    return z**2 + np.sin(z)

def slope(z):                                            # df/dz
    return 2 * z + np.cos(z)

eps = np.array([-1.6, -1.0, -0.6, -0.2, 0.2, 0.6, 1.0, 1.6])
rows = [("noise", 0, 1), ("μ = 0.3, σ = 0.8", 0.3, 0.8),
        ("μ = 1.3, σ = 0.8", 1.3, 0.8), ("μ = 1.3, σ = 0.3", 1.3, 0.3)]
fig, (left, right) = plt.subplots(1, 2, figsize=(7, 3.6), width_ratios=(4, 3))
z = np.array([mean + sd * eps for _, mean, sd in rows])                  # (4, 8)
left.plot(z, [0, -1, -2, -3], color=plots.NOISE, lw=0.7)
for row, (name, _, _) in enumerate(rows):
    colour = plots.Q if row else plots.NOISE
    left.plot(z[row], np.full(8, -row), "o" if row else "x", color=colour)
    left.text(-4.6, -row, name, color=colour, va="center")
left.set(xlabel="$\\epsilon$ or $z$", xticks=range(-2, 3), xlim=(-4.7, 2.8), yticks=[],
         title="the same noise, three q's")
curve, some = np.linspace(-1.3, 2.1, 100), z[1, ::2]
right.plot(curve, f(curve), color=plots.BOUND, lw=0.8)
right.plot(some, f(some), "o", color=plots.Q)
right.quiver(some, f(some), np.full(4, 0.4), 0.4 * slope(some), color=plots.Q,
             angles="xy", scale_units="xy", scale=1, width=0.011)
right.set(xlabel="z", ylabel="$f(z) = z^2 + \\sin z$", title="slopes of f")
plt.show()

# %% [markdown] key="slide-words"
# *In words:* left, four rows of eight points: the noise (grey crosses), then $z$ for a first $q$, for a larger $\mu$, and for a smaller $\sigma$. Lines join points that share their noise. When $\mu$ grows all points move by the same amount; when $\sigma$ shrinks each moves towards $\mu$, the outer ones most. Right, every second $z$ of the first $q$ on the curve $f$, with an arrow along the tangent: where it would go at its present slope when $\mu$ grows.
#
# Nothing jumps and nothing is drawn again. Each $f(z)$ is smooth in $\mu$ and $\sigma$, so it has a slope. This lesson is about the average of these slopes.

# %% [markdown] key="self-test"
# **Do you have what you need?** Three questions.
#
# 1. What is the derivative of $\sin(a + b t)$ in $t$?
# 2. A matrix $A$ moves the unit square to a parallelogram. What is its area?
# 3. Lesson 03: why can $\nabla_\phi \int q_\phi(z) f(z)\, dz$ not be sampled as it stands?
#
# <details><summary>Answers</summary>
#
# 1. $b \cos(a + b t)$: outer slope times inner slope.
# 2. $|\det A|$. The sign of $\det A$ tells whether $A$ turns the square over.
# 3. The derivative meets the density. $\int [\nabla_\phi q_\phi(z)]\, f(z)\, dz$ has no density in front, so it is no average.
#
# </details>

# %% [markdown] key="question"
# **The question of this lesson.** Lesson 03 repaired that integral and paid in variance. Can we avoid it?

# %% [markdown] key="eq4"
# ## 1. Move $\phi$ out of the density
#
# The paper replaces "draw $z$ from $q_\phi(z\mid x)$" by two steps:
#
# $$z = g_\phi(\epsilon, x), \qquad \epsilon \sim p(\epsilon)\tag{KW 4}$$
#
# In words: all the chance is in $\epsilon$, whose density holds no $\phi$; all the $\phi$ is in $g$, which holds no chance. For the paper's encoder, a Gaussian with diagonal covariance, it is
#
# $$g_\phi(\epsilon, x) = \mu + \sigma \odot \epsilon, \qquad \epsilon \sim \mathcal N(0, I)\tag{04.1}$$
#
# where $\odot$ multiplies number by number. The encoder returns $\mu$ and $\log\sigma^2$ for $x$. In this lesson these two themselves play $\phi$.
#
# One draw by hand: $\mu = 1$, $\sigma = 0.8$ and $\epsilon = 0.5$ give $z = 1 + 0.8 \cdot 0.5 = 1.4$. Now M = 3 datapoints, J = 2 latents and L = 4 draws: as a loop over single numbers, then as one array. From then on `aevb_lib.sgvb.reparameterize`, the same line.

# %% key="eq4-check"
rng = np.random.default_rng(0)
mu, log_var = rng.standard_normal((2, 3, 2))                             # each (3, 2)
eps = rng.standard_normal((4, 3, 2))
loop = np.zeros((4, 3, 2))
for at in np.ndindex(loop.shape):                        # at = (draw, i, j)
    loop[at] = mu[at[1:]] + np.exp(log_var[at[1:]] / 2) * eps[at]
array = mu + np.exp(log_var / 2) * eps
check("eq4", array, loop)
tensors = map(torch.from_numpy, (mu, log_var, eps))
check("aevb_lib agrees", reparameterize(*tensors), loop)

# %% [markdown] key="eq04-2"
# ## 2. The average stays the same
#
# Is $z = g(\epsilon)$ a draw from $q$? In 1-D, with $\sigma = 0.8$, an interval of noise of width 0.1 becomes 0.08 wide and keeps its probability. So the density is higher by $1/0.8$. With the standard normal density $n$, (04.1) gives $q(z) = n\big(\frac{z - \mu}{\sigma}\big)/\sigma$: the density of $\mathcal N(\mu, \sigma^2)$, so yes.
#
# For J latents and any $g$ that is one-to-one and smooth, call the matrix of slopes $A$, with $\det A \ne 0$. Over a small box of noise $g$ is nearly linear:
#
# $$\begin{aligned}
# q(z)\; \textstyle\prod_i dz_i &= p(\epsilon)\; \textstyle\prod_i d\epsilon_i && \text{same draws, same probability} \\
# \textstyle\prod_i dz_i &= |\det A|\; \textstyle\prod_i d\epsilon_i, \quad A_{ik} = \partial g_i/\partial\epsilon_k && \text{self-test 2} \\
# q(z) &= p(\epsilon)\, /\, |\det A(\epsilon)| && \text{divide}
# \end{aligned}\tag{04.2}$$
#
# The first line is the paper's; read its $\prod_i dz_i$ as the volume of the moved box.

# %% [markdown] key="maps-about"
# The Gaussian's $A$ is constant. To see more, we bend: $z_1 = \sinh\frac{\epsilon_1}{2}$ and $z_2 = \sin z_1 - \frac{\epsilon_2}{2}$. Derivatives by hand (the star does not enter the determinant):
#
# $$A = \begin{pmatrix} \tfrac12\cosh\frac{\epsilon_1}{2} & 0 \\ \ast & -\tfrac12 \end{pmatrix}, \qquad \det A = -\tfrac14\cosh\tfrac{\epsilon_1}{2}\tag{04.3}$$
#
# Predict: does a box of noise near (1.2, 1.2) become larger or smaller?

# %% key="maps"
def bent(eps):
    z1 = np.sinh(eps[..., 0] / 2)
    return np.stack([z1, np.sin(z1) - eps[..., 1] / 2], -1)

def det_bent(eps):
    return -np.cosh(eps[..., 0] / 2) / 4

# %% key="boxes"
fine = np.linspace(-2.4, 2.4, 60)
lines = [np.stack([np.full(60, t), fine], -1) for t in np.arange(-2.4, 2.5, 0.8)]
lines += [line[:, ::-1] for line in lines]
side, centre = np.linspace(-0.4, 0.4, 20), np.array([1.2, 1.2])
low = np.full(20, -0.4)
edge = centre + np.concatenate([np.stack(s, -1) for s in (
    (side, low), (-low, side), (-side, -low), (low, -side))])            # (80, 2)

fig, (left, right) = plt.subplots(1, 2, figsize=(7, 3.6))
for ax, move, colour in ((left, lambda e: e, plots.NOISE), (right, bent, plots.Q)):
    for line in lines:
        ax.plot(*move(line).T, color=colour, lw=0.7)
    ax.fill(*move(edge).T, color=colour, alpha=0.35)
    for number, corner in enumerate(edge[::20], 1):
        at = 1.4 * move(corner) - 0.4 * move(centre)
        ax.text(*at, number, ha="center", va="center", fontsize=10, bbox=dict(
            facecolor="white", edgecolor="none", pad=0.6))
    ax.set_aspect("equal")
left.set(xlabel="$\\epsilon_1$", ylabel="$\\epsilon_2$", title="noise, area 0.64")
right.set(xlabel="$z_1$", ylabel="$z_2$", title="after g, area 0.19")
plt.show()
print(f"0.64 * |det A| at the centre: {0.64 * abs(det_bent(centre)):.3f}")

# %% [markdown] key="boxes-words"
# *In words:* left, a square grid in the noise plane, one box filled, its corners numbered 1 to 4 anticlockwise. Right, the grid after $g$: a wavy band. The filled box is now a leaning parallelogram of less than a third of the area, so its density is over three times as high. Its corners run clockwise: $g$ has turned the plane over. That is the minus sign; a density is never negative, hence $|\det A|$.
#
# The check's referee knows no $A$: SciPy's `johnsonsu` is the density of a sinh of a normal, and given $z_1$, $z_2$ is normal around $\sin z_1$.

# %% key="eq04-2-check"
def bent_density(z):                                     # knows neither g nor A
    given_z1 = stats.norm(np.sin(z[..., 0]), 0.5)
    return stats.johnsonsu(0, 2).pdf(z[..., 0]) * given_z1.pdf(z[..., 1])

def p_eps(eps):
    return stats.norm.pdf(eps).prod(-1)                  # N(0, I)

eps = np.random.default_rng(1).standard_normal((7, 2))
check("eq04-2 and eq04-3", p_eps(eps) / abs(det_bent(eps)), bent_density(bent(eps)))

# %% [markdown] key="eq04-5"
# **The proof.** The paper puts $q(z) \prod_i dz_i = p(\epsilon) \prod_i d\epsilon_i$ straight into the integral:
#
# $$\int q(z)\, f(z)\, dz = \int p(\epsilon)\, f(z)\, d\epsilon = \int p(\epsilon)\, f(g(\epsilon))\, d\epsilon\tag{04.4}$$
#
# Here is the determinant hidden in it (let $\mathbb E_q|f|$ be finite):
#
# $$\begin{aligned}
# \mathbb E_{q}[f(z)] &= \int q(z)\, f(z)\, dz && \text{definition} \\
# &= \int \frac{p(\epsilon)}{|\det A|}\, f(z)\, dz && \text{density, (04.2); } \epsilon = g^{-1}(z) \\
# &= \int \frac{p(\epsilon)}{|\det A|}\, f(g(\epsilon))\; |\det A|\, d\epsilon && \text{volume: } dz = |\det A|\, d\epsilon \\
# &= \int p(\epsilon)\, f(g(\epsilon))\, d\epsilon && \text{cancel} \\
# &= \mathbb E_{p(\epsilon)}[f(g(\epsilon))] && \text{definition}
# \end{aligned}\tag{04.5}$$
#
# The check sums the first integral over boxes of $z$, with SciPy's density, and the fourth over boxes of $\epsilon$.

# %% key="eq04-5-check"
def total(z):
    return f(z).sum(-1)                                  # f, summed over the latents

ticks = np.arange(-250, 251) / 10                        # boxes of 0.1 by 0.1
grid = np.stack(np.meshgrid(ticks, ticks, indexing="ij"), -1)            # (501, 501, 2)
first = (bent_density(grid) * total(grid)).sum() * 0.01                  # grid of z
fourth = (p_eps(grid) * total(bent(grid))).sum() * 0.01                  # grid of eps
check("eq04-4 and eq04-5", fourth, first)

# %% [markdown] key="eq5"
# With its estimate by $L$ draws of noise this is the paper's equation 5:
#
# $$\mathbb E_{q_\phi(z\mid x)}[f(z)] = \mathbb E_{p(\epsilon)}\big[f(g_\phi(\epsilon, x))\big] \approx \frac1L \sum_{l=1}^{L} f(g_\phi(\epsilon_l, x)), \qquad \epsilon_l \sim p(\epsilon)\tag{KW 5}$$
#
# In words: to average $f$ over draws of $z$, draw noise, push it through $g$, and average there. This is an equality of *values*, and it holds for a discrete $z$ too. That the right side can be *differentiated* draw by draw is an extra demand (sections 3 and 6).
#
# The check, for the Gaussian (04.1) with J = 2: by (00.5), $\mathbb E[f] = \sum_j \mu_j^2 + \sigma_j^2 + e^{-\sigma_j^2/2} \sin\mu_j$. The middle by quadrature: `weights @ v(nodes)` is $\mathbb E[v(\epsilon)]$.

# %% key="eq5-check"
nodes, weights = np.polynomial.hermite_e.hermegauss(60)
nodes = np.stack(np.meshgrid(nodes, nodes), -1).reshape(-1, 2)           # (3600, 2)
weights = np.outer(weights, weights).ravel() / (2 * np.pi)               # (3600,)

mu, sigma = np.array([1.0, -0.5]), np.array([0.8, 0.6])
exact = (mu**2 + sigma**2 + np.exp(-(sigma**2) / 2) * np.sin(mu)).sum()
check("eq5, exact", weights @ total(mu + sigma * nodes), exact)
draws = np.random.default_rng(2).standard_normal((10_000, 2))
check_mc("eq5, L = 10,000", total(mu + sigma * draws), exact)

# %% [markdown] key="lotus"
# Our proof needed a one-to-one $g$; (KW 5) does not. Whenever $g(\epsilon)$ is distributed as $q$, both sides average the same numbers $f(z)$ over the same draws, even for $z = \epsilon^2$. This is the **law of the unconscious statistician** (LOTUS): one averages $f(z)$ without knowing $z$'s density. You need $\log|\det A|$ only where $\log q(z)$ has no formula of its own.

# %% [markdown] key="ex4-1"
# ### Exercise 4.1 (code, optional)
#
# An encoder may return $\mu$ (J,) and a lower-triangular matrix $C$ (J, J) with a positive diagonal. Then $z = \mu + C\epsilon$ has the distribution $\mathcal N(\mu, CC^\top)$, a **full** covariance: a linear map of a Gaussian is Gaussian, and $\mathrm{Cov}(C\epsilon) = C\, I\, C^\top$. ($C$ is called the Cholesky factor.) Write this $g$ for noise `eps` (L, J), one draw a row. The result has shape (L, J).
#
# <details><summary>Hint 1</summary>One draw would be <code>mu + C @ eps[0]</code>. For all draws at once, <code>C @ eps</code> mixes the draws or raises an error: it wants one draw a column.</details>
# <details><summary>Hint 2</summary>What does <code>eps @ C</code> compute for a row, and what <code>eps @ C.T</code>?</details>

# %% key="ex4-1-code"
def draw(mu, C, eps):
    ### BEGIN SOLUTION
    return mu + eps @ C.T
    ### END SOLUTION

# %% key="ex4-1-check"
C_3 = np.array([[0.7, 0, 0], [0.5, 1.2, 0], [-0.4, 0.3, 2.5]])
mu_3, eps_3 = np.array([1.0, -2.0, 0.5]), np.random.default_rng(3).normal(size=(3, 3))
right_z = mu_3 + np.einsum("jk,lk->lj", C_3, eps_3)
exercise("ex4-1", lambda: draw(mu_3, C_3, eps_3), right_z, mistakes={
    "C @ eps takes eps[:, 0] for a draw; yours is eps[0], a row": mu_3 + C_3 @ eps_3,
    "C @ eps.T has one draw a column; turn it back": mu_3 + C_3 @ eps_3.T,
    "eps @ C is C transposed times eps; its covariance is C^T C": mu_3 + eps_3 @ C_3,
    "the mean is missing": right_z - mu_3,
    "a row is one draw, the shape is (L, J)": right_z.T,
    "only C's diagonal is used": mu_3 + eps_3 * np.diag(C_3),
    "C is the root of the covariance; do not multiply twice":
        mu_3 + eps_3 @ (C_3 @ C_3.T)})

# %% [markdown] key="eq04-6"
# ## 3. Now the derivative goes in
#
# $$\begin{aligned}
# \nabla_\phi\, \mathbb E_{q_\phi}[f(z)] &= \nabla_\phi \int p(\epsilon)\, f(g_\phi(\epsilon))\, d\epsilon && \text{(KW 5)} \\
# &= \int p(\epsilon)\; \nabla_\phi f(g_\phi(\epsilon))\, d\epsilon && \text{swap (conditions below)} \\
# &= \mathbb E_{p(\epsilon)}\Big[\sum_j \frac{\partial f}{\partial z_j}\, \nabla_\phi\, g_{\phi,j}(\epsilon)\Big] && \text{chain rule; a density in front}
# \end{aligned}\tag{04.6}$$
#
# This is the **pathwise gradient**. It is the easy half of lesson 03, the argument for $\theta$, which now works for $\phi$: $p(\epsilon)$ holds no $\phi$, so no product rule is needed. (Where $f$ itself holds $\phi$, its own slope $\nabla_\phi f_\phi$ is added, as in lesson 03.)

# %% [markdown] key="conditions"
# **What must hold?** The paper says only "mild conditions"; for the swap, these suffice:
#
# 1. $p(\epsilon)$ holds no $\phi$, and $g_\phi(\epsilon)$ is distributed as $q_\phi$.
# 2. For almost every $\epsilon$ (all but a set of probability 0) the number $f(g_\phi(\epsilon))$ has a slope in $\phi$.
# 3. Its **chords**, the slopes over a finite step from $\phi$ to a $\phi'$ nearby, are bounded: each is at most $K(\epsilon)$ in absolute value, and $\mathbb E[K(\epsilon)]$ is finite.
#
# A slope is the limit of chords, and 3 lets that limit move inside the average (the theorem of dominated convergence). Kinks are allowed, as in $\max(z, 0)$; jumps are not: there even the smallest $K$ has an infinite mean (section 6). The demand is on $f$ and $g$ together.

# %% [markdown] key="eq04-7"
# For the Gaussian (04.1), latent by latent:
#
# $$\begin{aligned}
# \frac{\partial z}{\partial\mu} &= 1, \qquad \frac{\partial z}{\partial\sigma} = \epsilon && z = \mu + \sigma\epsilon \\[4pt]
# \frac{\partial z}{\partial\log\sigma^2} &= \frac{\partial z}{\partial\sigma} \cdot \frac{d\sigma}{d\log\sigma^2} = \epsilon \cdot \frac\sigma2 && \sigma = e^{(\log\sigma^2)/2}
# \end{aligned}\tag{04.7}$$
#
# By hand, for the draw $z = 1.4$ of section 1: the slope of $f$ there is $2 \cdot 1.4 + \cos 1.4 = 2.970$. So this draw says 2.970 for $\mu$, and $2.970 \cdot 0.5 \cdot 0.4 = 0.594$ for $\log\sigma^2$. Autograd follows the same path back:

# %% key="eq04-7-check"
mu = torch.tensor([[1.0]], dtype=torch.float64, requires_grad=True)      # M = 1, J = 1
log_var = torch.tensor([[2 * np.log(0.8)]], requires_grad=True)
z = reparameterize(mu, log_var, torch.tensor([[[0.5]]]))                 # L = 1
(z**2 + z.sin()).sum().backward()
by_hand = (2 * 1.4 + np.cos(1.4)) * np.array([1, 0.5 * 0.8 / 2])
check("eq04-7", torch.cat([mu.grad, log_var.grad], 1)[0], by_hand)
print("for mu and log_var:", by_hand.round(3))

# %% [markdown] key="eq04-6-about"
# One draw's opinion; the truth is the average. So we average (04.6) over the nodes, without chance and with J = 2, and compare with the slopes of the closed form above (`want`): $2\mu_j + e^{-\sigma_j^2/2} \cos\mu_j$ in $\mu_j$, and $\sigma_j^2\big(1 - \frac12 e^{-\sigma_j^2/2} \sin\mu_j\big)$ in $\log\sigma_j^2$. Predict, for $\mu_1 = 1$ and $\sigma_1 = 0.8$: is the average above or below our draw's 2.970?

# %% key="eq04-6-check"
mu, sigma = np.array([1.0, -0.5]), np.array([0.8, 0.6])
shrink = np.exp(-(sigma**2) / 2)
want = [2 * mu + shrink * np.cos(mu),                                    # in mu
        sigma**2 * (1 - shrink * np.sin(mu) / 2)]                       # in log sigma^2
z = mu + sigma * nodes                                                   # (3600, 2)
pathwise = slope(z) * [np.ones_like(z), sigma * nodes / 2]               # (2, 3600, 2)
check("eq04-6", weights @ pathwise, want)
print(f"average in mu_1: {weights @ pathwise[0, :, 0]:.3f}")

# %% [markdown] key="ex4-2"
# The average is below 2.970: our draw lay right of $\mu$, where $f$ is steeper.
#
# ### Exercise 4.2 (derive)
#
# With a pencil: $f(z) = z^3$, one latent, $z = \mu + \sigma\epsilon$. Write both pathwise integrands with (04.7), multiply out, and average with $\mathbb E[\epsilon] = \mathbb E[\epsilon^3] = 0$ and $\mathbb E[\epsilon^2] = 1$. (They must be the slopes of $\mathbb E[z^3] = \mu^3 + 3\mu\sigma^2$.) Enter the two averages as formulas in `mu` and `log_var` (NumPy arrays).
#
# <details><summary>Hint 1</summary>The integrands are 3z² and 3z² · εσ/2.</details>
# <details><summary>Hint 2</summary>z² = μ² + 2μσε + σ²ε². Which terms survive the average? Which survive after one more factor ε?</details>

# %% key="ex4-2-code"
def cube_slopes(mu, log_var):
    in_mu = in_log_var = ...
    ### BEGIN SOLUTION
    variance = np.exp(log_var)
    in_mu = 3 * (mu**2 + variance)
    in_log_var = 3 * mu * variance       # E[3 * 2 mu sigma eps * eps sigma / 2]
    ### END SOLUTION
    return in_mu, in_log_var

# %% key="ex4-2-check"
mus, log_vars = np.array([0.3, 1.5, -2.0]), np.array([-1.0, 0.2, -0.5])
sd = np.exp(log_vars / 2)
z_3 = mus + sd * nodes[:, :1]                                            # (3600, 3)
in_mu = weights @ (3 * z_3**2)
in_log_var = weights @ (3 * z_3**2 * nodes[:, :1] * sd / 2)
exercise("ex4-2, in mu", lambda: cube_slopes(mus, log_vars)[0], in_mu, mistakes={
    "E[z^2] is not mu^2": 3 * mus**2,
    "you have sigma where sigma^2 belongs": 3 * (mus**2 + sd),
    "sigma^2 is exp(log_var)": 3 * (mus**2 + log_vars),
    "that is E[z^2]; the slope of z^3 is 3 z^2": in_mu / 3,
    "the 3 multiplies both terms": 3 * mus**2 + sd**2,
    "that is the slope in log_var; return in_mu first": in_log_var,
    "that is the value E[z^3], not its slope": mus**3 + 3 * mus * sd**2})
exercise("ex4-2, in log_var", lambda: cube_slopes(mus, log_vars)[1], in_log_var,
         mistakes={
    "that is the slope in sigma^2": in_log_var / sd**2,
    "that is the slope in sigma": 2 * in_log_var / sd,
    "the factor 1/2 of d sigma / d log sigma^2 is missing": 2 * in_log_var,
    "you have sigma where sigma^2 belongs": in_log_var / sd,
    "sigma^2 is exp(log_var)": in_log_var * log_vars / sd**2,
    "the middle term of the square has a factor 2": in_log_var / 2,
    "the slope of z^3 is 3 z^2, with a 3": in_log_var / 3,
    "the middle term, times one more eps, holds eps^2": 0 * mus,
    "that is the slope in mu; return in_mu first": in_mu})

# %% [markdown] key="cuts-about"
# ## 4. Where code cuts the path
#
# Autograd goes back along operations that it has seen. A cut makes the gradient wrong and leaves every *value* right. Here **right** means: equal to (04.7)'s $f'(z)$ for `mu` and $f'(z)\,\epsilon\,\sigma/2$ for `log_var`, at the very draw that the code made. The function below compares; its "nan" stands for no gradient at all.

# %% key="cuts-code"
def gradients(snippet):
    """How mu.grad and log_var.grad compare with (04.7) at the draw z it makes."""
    mu, log_var = (torch.tensor(value, requires_grad=True) for value in (1.0, -0.4))
    sigma = (log_var / 2).exp()
    z = snippet(mu, sigma, torch.tensor(0.5))
    if not z.requires_grad:
        return "z has no path, backward() raises an error"
    (z**2 + z.sin()).backward()
    want = slope(z.item()) * np.array([1, (z - mu).item() / 2])  # z - mu = sigma eps
    got = [np.nan if p.grad is None else p.grad.item() for p in (mu, log_var)]
    return ["right" if np.isclose(g, w, 1e-4, 1e-5) else f"{g:g}"
            for g, w in zip(got, want, strict=True)]

# %% [markdown] key="ex4-3"
# ### Exercise 4.3 (predict)
#
# Four ways to draw $z$, with `sigma = (log_var / 2).exp()` and standard normal `eps`. After `(z**2 + z.sin()).backward()`, how many of `mu` and `log_var` hold the right gradient: 0, 1 or 2? (0 if `backward()` raises an error.)
#
# - a: `z = Normal(mu, sigma).rsample()`
# - b: `z = Normal(mu, sigma).sample()`
# - c: `z = mu + sigma.detach() * eps`
# - d: `z = mu + sigma * eps.detach()`
#
# <details><summary>Hint 1</summary><code>x.detach()</code> has the value of x, and no path back to what x was made from. What was sigma made from, and what eps?</details>
# <details><summary>Hint 2</summary>The r of <code>rsample</code> stands for reparameterized: it computes <code>mu + sigma * eps</code>. <code>sample</code> detaches the result.</details>

# %% key="ex4-3-code"
right_gradients = dict(a=..., b=..., c=..., d=...)
### BEGIN SOLUTION
right_gradients = dict(a=2, b=0, c=1, d=2)
### END SOLUTION

# %% key="ex4-3-check"
from torch.distributions import Normal

ways = dict(a=lambda mu, sigma, eps: Normal(mu, sigma).rsample(),
            b=lambda mu, sigma, eps: Normal(mu, sigma).sample(),
            c=lambda mu, sigma, eps: mu + sigma.detach() * eps,
            d=lambda mu, sigma, eps: mu + sigma * eps.detach())
hints = dict(a="think what the r stands for", b="think what sample does to its result",
             c="take mu and sigma one at a time", d="think what eps was made from")
for name, hint in hints.items():
    mine, count = right_gradients[name], gradients(ways[name]).count("right")
    exercise(f"ex4-3, {name}", mine, count, mistakes={hint: mine})

# %% key="cuts"
ways["e"] = lambda mu, sigma, eps: torch.normal(mu, sigma)               # a fifth way
for name, way in ways.items():
    print(f"{name}: {gradients(way)}")

# %% [markdown] key="cuts-after"
# In d nothing is lost: `eps` holds no parameter. In e, `torch.normal(mu, sigma)`, there is no error and there is a gradient, and it is 0. Inside a VAE b is as silent as e, since the decoder's weights keep a path of their own. The decoder trains on. With the bound as we have it, all that reaches the encoder is $-\nabla_\phi \log q_\phi(z)$ at a fixed $z$. That is minus the score, whose mean is 0 (lesson 03): pure noise. **When values look right and an encoder does not learn, look for the cut.**

# %% [markdown] key="variance"
# ## 5. What it is worth
#
# Lesson 03 measured it for $\sum_j z_j^2$: with more latents the score function's variance grows, the pathwise one's does not. (04.6) says why: for $\mu_1$ only $\partial f/\partial z_1$ enters, which here holds no other latent. (Where $f$ is rough it may be otherwise: slopes can vary more than values.)
#
# Now live, for our $f$. Predict before you drag: is there a $q$ for which all arrows are nearly the same? Which variance grows from J = 1 to J = 10?

# %% key="explorer" tags=["nbval-ignore-output"]
from aevb_lib.widgets import GradientExplorer

GradientExplorer(square=1.0, sine=1.0)

# %% [markdown] key="explorer-words"
# *In words:* left, both panels of the first picture in one: the noise at the bottom, joined to the draws of $q$ on the curve $f$, with their arrows. Drag across to move $\mu$, up to widen $\sigma$; or Tab to the chart and use the arrow keys, Space to add draws, Home to go back. Right, histograms of one-draw gradients, and below a table of their variances. (One line of text instead means that the cell has not run here.)
#
# With a small $\sigma$ the draws are close together, so their slopes agree: little variance. With J (the menu *latents J*) only the score function's grows. In numbers, at $\mu = 1$ and $\sigma = 0.8$:

# %% key="explorer-numbers"
for J in (1, 10):
    eps = np.random.default_rng(4).standard_normal((200_000, J))
    z = 1 + 0.8 * eps
    path, score = slope(z[:, 0]), total(z) * eps[:, 0] / 0.8            # in mu_1
    print(f"J = {J}: variance {path.var():.2f} pathwise, {score.var():.0f} score")

# %% [markdown] key="eq04-8"
# ## 6. Why a discrete z breaks it
#
# Let $z$ be 1 with probability $\rho$, else 0. A $g$ exists: with $u$ uniform on (0, 1), let $z = 1$ where $u < \rho$. It has the right distribution, so (KW 5) holds. Then, with $\Delta = f(1) - f(0)$:
#
# $$\begin{aligned}
# \mathbb E[f(z)] &= \rho\, f(1) + (1 - \rho)\, f(0) && \text{definition} \\
# \frac{d}{d\rho}\, \mathbb E[f(z)] &= \Delta && \text{slope of a line} \\
# \frac{d}{d\rho}\, f(g_\rho(u)) &= 0 \quad \text{for every } u \ne \rho && \text{flat, but for one jump}
# \end{aligned}\tag{04.8}$$
#
# The average of the slopes is 0. The slope of the average is not (let $\Delta \ne 0$). Predict the picture: what does the mean of eight draws look like as a function of $\rho$?

# %% key="steps"
eps = np.array([-1.6, -1.0, -0.6, -0.2, 0.2, 0.6, 1.0, 1.6])[:, None]
u = np.array([0.08, 0.15, 0.30, 0.45, 0.52, 0.71, 0.79, 0.93])[:, None]
mus, rhos = np.linspace(0, 2, 400), np.linspace(0, 1, 400)
smooth, stairs = f(mus + 0.8 * eps), f((u < rhos).astype(float))         # (8, 400)

fig, (left, right) = plt.subplots(1, 2, figsize=(7, 3.6))
left.plot(mus, smooth.T, color=plots.NOISE, lw=0.8)
left.plot(mus, smooth.mean(0), color=plots.Q, lw=3)
left.plot(mus, mus**2 + 0.64 + np.exp(-0.32) * np.sin(mus), color=plots.BOUND, ls="--")
right.plot(rhos, stairs[2], color=plots.NOISE, lw=1.2, ls=":")
right.plot(rhos, stairs.mean(0), color=plots.Q)
right.plot(rhos, rhos * f(1), color=plots.BOUND, ls="--")
left.text(0.1, 9, "grey: each draw\nblue: mean of 8 draws\ndashed: exact", va="top")
right.text(0.98, 0.05, "dotted: the draw u = 0.3\nblue: mean of 8 draws\n"
           "dashed: exact", ha="right")
left.set(xlabel="μ", ylabel="f(z) or its mean", title="$z = \\mu + \\sigma\\epsilon$")
right.set(xlabel="ρ", ylabel="f(z) or its mean", title="$z = 1$ where $u < \\rho$")
plt.show()

# %% [markdown] key="steps-words"
# *In words:* left, eight grey curves, one for each value of noise, all smooth in μ. Their mean (blue) covers the exact average (dashed black), slope and all. (Our eight are spread evenly by hand; eight random ones give a curve as smooth, but beside the dashed one.) Right, the discrete case: the draw with u = 0.3 (dotted) jumps from f(0) = 0 to f(1) = 1.84 where ρ passes 0.3. The mean of eight (blue) is a staircase around the exact straight line (dashed): near the line in height; its slope, wherever it exists, is 0.

# %% [markdown] key="eq04-8-about"
# Condition 3 fails. A step from $\rho$ to $\rho'$ changes only the draws $u$ between them, a share $|\rho' - \rho|$ of all, each with the chord $\Delta/|\rho' - \rho|$. So the best $K$ is $K(u) = |\Delta|/|u - \rho|$, and the integral of $du/|u - \rho|$ is infinite. The mean chord is $\Delta$ for every step, carried by fewer and fewer draws; for slopes no draw is left. The check takes $u$ at a million evenly spaced points.

# %% key="eq04-8-check"
rho, u = 0.3, (np.arange(1_000_000) + 0.5) / 1_000_000
for delta in (0.1, 0.001):
    chord = (f((u < rho + delta).astype(float)) - f((u < rho).astype(float))) / delta
    check(f"eq04-8, line 2, step {delta}", chord.mean(), f(1) - f(0))
    print(f"   carried by {(chord != 0).mean():.1%} of the draws")
tiny = 1e-9                              # no u of ours lies between: slopes, not chords
chord = (f((u < rho + tiny).astype(float)) - f((u < rho).astype(float))) / tiny
check("eq04-8, line 3", chord.mean(), 0)

# %% [markdown] key="discrete-after"
# What does one do with a discrete $z$? With few values, sum over them: $\rho\, f(1) + (1 - \rho)\, f(0)$ has no chance in it. Otherwise use the score function, which differentiates $q$ and never $f$ or $g$. The paper's section 2.4 states the limit first: "Let $z$ be a continuous random variable".
#
# A continuous $z$ is no protection where $f$ jumps: **autograd leaves out a jump's share and raises no warning** (exercise 4.4).

# %% [markdown] key="eq04-9"
# ## 7. More (optional)
#
# ### Another g, the same q
#
# (KW 4) does not say *which* $g$. In J = 2 we may rotate the noise, as $\mathcal N(0, I)$ looks the same from all sides, even by an angle that depends on $\phi$:
#
# $$z = \mu + \sigma\eta, \qquad \eta = R(c\,\mu_1)\, \epsilon, \qquad R(a) = \begin{pmatrix} \cos a & -\sin a \\ \sin a & \cos a \end{pmatrix}\tag{04.9}$$
#
# For every number $c$ this is a draw from $\mathcal N(\mu, \sigma^2 I)$. As $\mu_1$ grows the points now also circle: $\partial\eta/\partial\mu_1 = c\,(-\eta_2, \eta_1)$. So the pathwise gradient in $\mu_1$ is, for $f = \sum_j f(z_j)$,
#
# $$f'(z_1) + c\,\sigma\,\big[\eta_1 f'(z_2) - \eta_2 f'(z_1)\big]\tag{04.10}$$
#
# The bracket has mean 0, as $\eta_1$ is independent of $z_2$, and $\eta_2$ of $z_1$. Predict the mean for $c = -0.3$ and $c = 1$, against $c = 0$.

# %% key="eq04-9-check"
noise = torch.tensor(nodes)
for c in (0.0, -0.3, 1.0):
    mu = torch.ones(3600, 2, dtype=torch.float64, requires_grad=True)    # a copy a node
    a = c * mu[:, 0]
    eta = torch.stack([a.cos() * noise[:, 0] - a.sin() * noise[:, 1],
                       a.sin() * noise[:, 0] + a.cos() * noise[:, 1]], -1)
    z = mu + 0.8 * eta
    (z**2 + z.sin()).sum().backward()
    (one, two), (eta_1, eta_2) = slope(z.detach().numpy()).T, eta.detach().numpy().T
    gradient = one + 0.8 * c * (eta_1 * two - eta_2 * one)
    check(f"eq04-10, c = {c}", mu.grad[:, 0], gradient)
    check("   its mean", weights @ gradient, 2 + np.exp(-0.32) * np.cos(1))
    print(f"   variance {weights @ (gradient - weights @ gradient) ** 2:.2f}")

# %% [markdown] key="eq04-9-after"
# The mean cannot change: it is the slope of the same average. The variance is halved, or ten times as high. The bracket goes up and down with $f'(z_1)$, so a little of it with the right sign cancels noise, and a lot adds noise. A term of mean 0 used so is a **control variate**; lesson 03's baseline was one. So "the" reparameterization is a choice, and $\mu + \sigma\epsilon$ is the plain one.

# %% [markdown] key="eq04-11"
# ### A full covariance
#
# Exercise 4.1's $z = \mu + C\epsilon$ needs no new idea. Its $A$ is $C$, and the determinant of a triangular matrix is the product of its diagonal:
#
# $$\log q(z) = \log p(\epsilon) - \sum_j \log C_{jj}, \qquad \frac{\partial f}{\partial C_{ik}} = \frac{\partial f}{\partial z_i}\, \epsilon_k \quad (k \le i)\tag{04.11}$$
#
# The check: SciPy's density, and the exact slopes of $\mathbb E[f]$, by autograd from (00.5), in which only the variances $\sum_k C_{jk}^2$ appear.

# %% key="eq04-11-check"
mean, C = np.array([1.0, -0.5]), np.array([[0.8, 0.0], [-0.6, 0.5]])
z = mean + nodes @ C.T
some = slice(1000, 1010)
check("eq04-11, log q", np.log(p_eps(nodes[some])) - np.log(np.diag(C)).sum(),
      stats.multivariate_normal(mean, C @ C.T).logpdf(z[some]))

in_C = np.tril((weights[:, None] * slope(z)).T @ nodes)                  # k <= i
C_t, mean_t = torch.tensor(C, requires_grad=True), torch.tensor(mean)
variance = (C_t.tril() ** 2).sum(1)
(variance + (-variance / 2).exp() * mean_t.sin()).sum().backward()       # + mean^2
check("eq04-11, slopes in C", in_C, C_t.grad)

# %% [markdown] key="ex4-4"
# ### Exercise 4.4 (derive, optional)
#
# $z \sim \mathcal N(\mu, \sigma^2)$ is continuous, $g$ is smooth, but $f$ is not. Two cases: a kink, $f(z) = \max(z, 0)$, and a jump, $f(z) = z + 2$ for $z > 0$, else $z$. For each, give (1) the mean of the pathwise gradient in $\mu$, as autograd would compute it, and (2) the true slope of $\mathbb E[f(z)]$ in $\mu$. Use `Phi`, the standard normal's distribution function, and `n`, its density. Each function returns two numbers.
#
# <details><summary>Hint 1</summary>Pathwise: average f′(z) over q, where f′ exists.</details>
# <details><summary>Hint 2</summary>P(z > 0) = Φ(μ/σ). Its slope in μ is a density, with an inner slope.</details>
# <details><summary>Hint 3</summary>The kink keeps condition 3, with K = 1. So (1) and (2) agree there.</details>

# %% key="ex4-4-code"
Phi, n = stats.norm.cdf, stats.norm.pdf

def pathwise_mean(mu, sigma):
    kink = jump = ...
    ### BEGIN SOLUTION
    kink, jump = Phi(mu / sigma), 1.0
    ### END SOLUTION
    return kink, jump

def true_slope(mu, sigma):
    kink = jump = ...
    ### BEGIN SOLUTION
    kink, jump = Phi(mu / sigma), 1 + 2 * n(mu / sigma) / sigma
    ### END SOLUTION
    return kink, jump

# %% key="ex4-4-check"
ratio, part = 0.4 / 0.7, 2 * n(0.4 / 0.7) / 0.7                          # mu, sigma
kink_hints = {"average the slope over q: it is 1 only where z > 0": 1,
              "standardise: divide mu by sigma": Phi(0.4),
              "that is the chance of z < 0": Phi(-ratio),
              "a slope that is 1 or 0 has a probability as its mean": n(ratio),
              "that is the slope of the probability": n(ratio) / 0.7,
              "E[max(z, 0)] = mu Phi + sigma n, at mu/sigma; differentiate both":
                  Phi(ratio) + ratio * n(ratio)}
jump_hints = {"the part z has slope 1": part,
              "the inner slope 1/sigma is missing": 1 + part * 0.7,
              "the jump is 2 high": 1 + part / 2,
              "standardise: divide mu by sigma": 1 + 2 * n(0.4) / 0.7,
              "standardise, and the inner slope is 1/sigma": 1 + 2 * n(0.4),
              "that is the height of the mean, not its slope": 0.4 + 2 * Phi(ratio),
              "autograd sees the slope of z on both sides": 0,
              "the jump of 2 is a height, not a slope": 3,
              "the slope is 1 on both sides, not on one": Phi(ratio)}
for name, function, want, other in (
        ("pathwise", pathwise_mean, 1, {
            "autograd sees no slope in a jump": 1 + part,
            "the 2 is a height, it has no slope": 1 + 2 * Phi(ratio)}),
        ("true", true_slope, 1 + part, {"the mean moves with the jump too": 1})):
    kink, jump = (lambda i=i, g=function: g(0.4, 0.7)[i] for i in (0, 1))
    exercise(f"ex4-4, kink, {name}", kink, Phi(ratio), mistakes=kink_hints)
    exercise(f"ex4-4, jump, {name}", jump, want, mistakes={**other, **jump_hints})

# %% [markdown] key="misconception"
# ## Misconception card
#
# > **"Sampling is not differentiable. The trick removes the randomness, so that one can differentiate."**
#
# The average $\mathbb E_{q_\phi}[f]$ was differentiable all along: lesson 03 estimated its slope. And $z$ is as random as before, with the same density; the trick removes nothing. It moves $\phi$ from the density into the integrand, where a derivative reaches it draw by draw. The price: slopes of $f$ and $g$, and no jumps. (The score function asks for a slope of $q$ in $\phi$ instead.)

# %% [markdown] key="take-away"
# ## What you can do now
#
# - write a draw as $z = g_\phi(\epsilon, x)$ (KW 4), and prove (KW 5): $|\det A|$ comes and cancels;
# - derive the pathwise gradient, and hunt the `sample()` or `detach()` that cuts it;
# - ask of $f(g_\phi(\epsilon))$ a slope almost everywhere, and chords bounded by a $K$ of finite mean.
#
# **Next.** [Lesson 05](05_three_families.ipynb): a $g$ for every distribution that the paper names. In [lesson 08](08_the_vae.ipynb) the chain rule goes on, from $\mu$ and $\log\sigma^2$ into the encoder's weights.
