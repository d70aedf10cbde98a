# %% [markdown] key="title"
# # 05 · Three families
#
# *For which q can we write a draw as a function of its parameters and of noise that does not know them?*
#
# **After this you can**
# - invert a CDF, and differentiate a draw even where no formula inverts it;
# - name, for any distribution, a $g$, its noise, and the parameters that get a gradient;
# - say where the paper's list is loose: Erlang, Gamma, Dirichlet, Student's t.
#
# **Paper**: section 2.4, its three lists · **Study**: 60 minutes, and 35 for what is optional · **Running**: 6 seconds · **You need**: the trick (lesson 04), the chain rule in two variables
#
# The code of set-ups, pictures and checks need only be run: to read it is optional.

# %% key="imports"
import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy import special, stats

from aevb_lib import check, check_mc, exercise, plots
from aevb_lib.reparameterizations import DISTRIBUTIONS, cauchy, exponential

plots.use_style()

# %% [markdown] key="first-look"
# For a Gaussian, $z = \mu + \sigma\epsilon$ turns noise into draws. The paper lists 21 other distributions, in three families. Here is one of each. Twelve draws of noise are kept while one parameter, or two, change. Predict: which draws move farthest when a Weibull's shape $k$ goes from 1 to 3, if $z = (-\log(1 - u))^{1/k}$?

# %% key="moves"
cases = [("Weibull", "shape 1 → 3", {"scale": 1, "shape": 1}, {"scale": 1, "shape": 3}),
         ("Laplace", "loc 0 → 2, scale 1.3 → 0.5", {"loc": 0, "scale": 1.3},
          {"loc": 2, "scale": 0.5}),
         ("Gamma", "shape 1 → 4", {"shape": 1, "rate": 1}, {"shape": 4, "rate": 1})]
fig, axes = plt.subplots(1, 3, figsize=(7, 3.4))
for ax, (name, change, before, after) in zip(axes, cases, strict=True):
    row, rng = DISTRIBUTIONS[name], np.random.default_rng(4)
    eps = row.noise(rng, 12).sort().values
    for values, fill, dashes in ((before, "white", ":"), (after, plots.Q, "-")):
        z = row.g(eps, **values)
        ax.plot(z, eps, color=plots.Q, lw=1, ls=dashes)
        ax.plot(z, eps, "o", color=plots.Q, markerfacecolor=fill, zorder=3)
    start, end = row.g(eps, **before), row.g(eps, **after)
    ax.hlines(eps, start, end, color=plots.NOISE, lw=0.8)
    ax.set(xlabel="z", ylabel="noise $\\epsilon$" if name == "Laplace" else "noise u")
    ax.set_title(f"{name}\n{row.family}\n{change}", fontsize=10)
axes[0].text(0.97, 0.05, "open: before\nfilled: after", ha="right",
             transform=axes[0].transAxes, fontsize=9)
plt.show()

# %% [markdown] key="moves-words"
# *In words:* three panels, each with twelve draws of noise as heights. Every draw has an open dot before and a filled dot after the change, joined by a grey line: it moves sideways and keeps its height. Dotted and solid curves are $g$. Left, a Weibull's draws are pulled towards z = 1, the highest ones farthest. Middle, nearly all of a Laplace's move right, and all draw together. Right, a Gamma's all move right as its shape grows.

# %% [markdown] key="self-test"
# **Do you have what you need?** Three questions.
#
# 1. $u$ is uniform on (0, 1). What is $P(u \le 0.3)$?
# 2. $F(z(\phi), \phi) = \text{const}$. What is $dz/d\phi$?
# 3. Lesson 04: which three conditions make a pathwise gradient right?
#
# <details><summary>Answers</summary>
#
# 1. 0.3, and $P(u \le a) = a$ for every $a$ in (0, 1).
# 2. By the chain rule $\frac{\partial F}{\partial z}\frac{dz}{d\phi} + \frac{\partial F}{\partial\phi} = 0$, so it is $-\frac{\partial F}{\partial\phi} \big/ \frac{\partial F}{\partial z}$.
# 3. The noise's law holds no parameter and $g(\epsilon)$ is distributed as $q$; $f(g(\epsilon))$ has a slope for almost every $\epsilon$; its chords are, in size, at most a $K(\epsilon)$ with a finite mean (a jump breaks this).
#
# </details>

# %% [markdown] key="question"
# **The question of this lesson.** For which $q$ is there a $g$ as in (KW 4): $z = g_\phi(\epsilon, x)$, with noise whose law holds no $\phi$? In a VAE the parameters (rate, scale, shape) come out of the encoder for each $x$; in this lesson they are plain numbers. Sections 1 to 3 are the paper's families, section 4 is for all the rest, section 5 checks the whole list.
#
# First the whole list, live. The picture needs exact densities: `laws` has SciPy's name for the distribution (the **law**) of each of the 23 rows: the Gaussian, and the logistic twice, so 22 distributions. In two rows $z$ is a vector, and `draw` gives its first number $z_1$, whose law is known. Run this set-up and go on.
#
# Predict before you drag: which slider, in which rows, moves all draws by the same amount?

# %% key="laws"
laws = {                                                 # set-up, part 1
    "Exponential": lambda rate: stats.expon(scale=1 / rate), "Cauchy": stats.cauchy,
    "Logistic (inverse CDF)": stats.logistic, "Rayleigh": stats.rayleigh,
    "Pareto": lambda scale, shape: stats.pareto(shape, scale=scale),
    "Weibull": lambda scale, shape: stats.weibull_min(shape, scale=scale),
    "Reciprocal": lambda low, high: stats.reciprocal(low, high),
    "Gompertz": lambda eta, b: stats.gompertz(eta, scale=1 / b),
    "Gumbel": stats.gumbel_r,
    "Erlang": lambda shape, rate: stats.erlang(shape, scale=1 / rate),
    "Laplace": stats.laplace, "Logistic (location-scale)": stats.logistic,
    "Student's t": lambda loc, scale: stats.t(5, loc, scale), "Gaussian": stats.norm,
    "Triangular": lambda loc, scale: stats.triang(0.5, loc - scale, 2 * scale),
    "Elliptical": lambda loc, root_11, root_12: stats.semicircular(
        loc, np.hypot(root_11, root_12)),                # z_1, eps uniform on a disc
    "Log-Normal": lambda mu, sigma: stats.lognorm(sigma, scale=np.exp(mu)),
    "Gamma": lambda shape, rate: stats.gamma(shape, scale=1 / rate),
    "Dirichlet": lambda a_1, a_2, a_3: stats.beta(a_1, a_2 + a_3),       # z_1
    "Beta": stats.beta, "Chi-Squared": lambda dof: stats.chi2(dof),
    "F": lambda dof_1, dof_2: stats.f(dof_1, dof_2), "Uniform": stats.uniform}

# %% key="draw"
ranges = {name: row.parameters for name, row in DISTRIBUTIONS.items()} | {
    "Elliptical": {"loc": (-3, 3, 0), "root_11": (0.2, 2, 1), "root_12": (-2, 2, 0.5)},
    "Dirichlet": {"a_1": (0.2, 8, 2), "a_2": (0.2, 8, 1), "a_3": (0.2, 8, 4)}}

def values_of(name):
    """One value a parameter: 40, 20 and 30 % up their ranges, and 4 if whole."""
    return {key: 4 if whole else low + share * (high - low)
            for share, (key, (low, high, _, *whole))
            in zip((0.4, 0.2, 0.3), ranges[name].items())}

def draw(name, eps, **values):
    """z = g(eps; values); of a vector z its first number."""
    g = DISTRIBUTIONS[name].g
    v = [torch.as_tensor(one, dtype=torch.float64) for one in values.values()]
    if name == "Dirichlet":
        return g(eps, torch.stack(v, -1))[..., 0]
    if name == "Elliptical":
        row = torch.stack(v[1:], -1)                     # the root's first row
        loc, root = torch.stack([v[0], 0 * v[0]], -1), torch.stack([row, 0 * row], -2)
        return g(eps, loc, root)[..., 0]
    return g(eps, *v)

# %% key="explorer" tags=["nbval-ignore-output"]
from functools import partial

from aevb_lib import Family, FamilyExplorer

def about(name):
    """The noise of a row, and its g, which begins the docstring."""
    row = DISTRIBUTIONS[name]
    plain = "standard" if row.family == "location-scale" else "uniform"
    noise = {"Elliptical": "on a disc", "Log-Normal": "standard"}.get(name, plain)
    return noise, row.g.__doc__.split(",")[0].rstrip(".")

near = dict.fromkeys(("Pareto", "Gamma", "Erlang"), (-0.4, 10)) | {"Cauchy": (-10, 10)}
near |= dict.fromkeys(("Exponential", "Weibull", "Gompertz", "Log-Normal", "F"),
                      (-0.2, 6))
FamilyExplorer({name: Family(
    partial(draw, name), row.noise(np.random.default_rng(0), 100), ranges[name],
    lambda z, name=name, **values: laws[name](**values).pdf(z), *about(name),
    window=near.get(name)) for name, row in DISTRIBUTIONS.items()})

# %% [markdown] key="explorer-words"
# *In words:* a list of 23 rows, a slider for each parameter, and two charts over the same $z$. Above, 100 draws at the height of their noise, with $g$ as a grey line; a draw that takes several numbers of noise has a row of its own instead. Below, their histogram and the exact density as a black line. In some formulas $y$ stands for Gamma draws (section 3).
#
# With the keyboard: Tab to the list and the sliders, then arrow keys. The kernel computes; one line of text instead of charts means: run the cell, or look at the still picture above.
#
# A loc, where a row has one, moves all draws by the same amount.

# %% [markdown] key="eq05-1"
# ## 1. The inverse CDF
#
# The CDF is $F(z) = P(Z \le z)$. The exponential has $F(z) = 1 - e^{-\lambda z}$. Solve for $z$:
#
# $$\begin{aligned}
# u &= 1 - e^{-\lambda z} && \text{set } F(z) = u \\
# e^{-\lambda z} &= 1 - u && \text{swap} \\
# z &= -\log(1 - u)/\lambda && \text{log; divide by } -\lambda
# \end{aligned}\tag{05.1}$$
#
# With $\lambda = 2$ the noises $u = 0.1,\ 0.5,\ 0.9$ become $z = 0.053,\ 0.347,\ 1.151$: half the draws are below 0.347.
#
# Is this the right law? For any continuous $F$ that strictly increases where $0 < F < 1$:
#
# $$\begin{aligned}
# P\big(F^{-1}(u) \le z\big) &= P\big(u \le F(z)\big) && \text{apply } F \text{ on both sides} \\
# &= F(z) && u \text{ is uniform}
# \end{aligned}\tag{05.2}$$
#
# The check takes 1,000 evenly spread noises. The share of draws up to $z$ must be $F(z)$, to half a draw.

# %% key="eq05-1-check"
print((-np.log(1 - np.array([0.1, 0.5, 0.9])) / 2).round(3))
u = (torch.arange(1000, dtype=torch.float64) + 0.5) / 1000
draws = -torch.log(1 - u) / 2
check("eq05-1", draws, stats.expon(scale=1 / 2).ppf(u))
check("aevb_lib agrees", exponential(u, 2.0), draws)
z = np.array([0.05, 0.4, 1.0, 2.5])
share = (draws.numpy()[:, None] <= z).mean(0)            # P(F^-1(u) <= z), counted
check("eq05-2", share, 1 - np.exp(-2 * z), atol=0.5 / 1000)

# %% [markdown] key="eq05-3"
# The Cauchy: a lamp hangs at height $s$ above the point loc of a line, turned to an angle $\alpha$ that is uniform on $(-\frac\pi2, \frac\pi2)$, 0 being straight down. Its spot on the line is a draw. With $t = (z - \text{loc})/s$:
#
# $$F(z) = P(\alpha \le \arctan t) = \tfrac12 + \tfrac1\pi \arctan t, \qquad z = \text{loc} + s \tan\big(\pi\,(u - \tfrac12)\big)\tag{05.3}$$
#
# Two others, with $s$ for a scale, $\lambda$ for a rate, and $K$ for a whole shape:
#
# | | $F(z)$ | $F^{-1}(u)$ |
# |---|---|---|
# | Logistic | $1/(1 + e^{-t})$ | $\text{loc} + s\log\frac{u}{1-u}$ |
# | Erlang | $1 - e^{-\lambda z}\sum_{j<K}(\lambda z)^j/j!$ | $K = 1$: (05.1); $K \ge 2$: no elementary formula, section 4 |
#
# <details><summary>The other six (optional; k and η are shapes)</summary>
#
# | | $F(z)$ | $F^{-1}(u)$ |
# |---|---|---|
# | Weibull | $1 - e^{-(z/s)^k}$ | $s\,(-\log(1-u))^{1/k}$ |
# | Gumbel | $e^{-e^{-t}}$ | $\text{loc} - s\log(-\log u)$ |
# | Rayleigh | $1 - e^{-z^2/(2s^2)}$ | $s\sqrt{-2\log(1-u)}$ |
# | Pareto, $z > s$ | $1 - (s/z)^k$ | $s\,(1-u)^{-1/k}$ |
# | Reciprocal, from low to high | $\log\frac{z}{\text{low}} \big/ \log\frac{\text{high}}{\text{low}}$ | $\text{low}\,(\text{high}/\text{low})^u$ |
# | Gompertz, $b$ a rate | $1 - e^{-\eta(e^{bz} - 1)}$ | $\frac1b\log\big(1 - \frac1\eta\log(1-u)\big)$ |
#
# </details>
#
# The check: all ten against SciPy's quantile functions, to $10^{-10}$ of their size.

# %% key="eq05-3-check"
u = torch.from_numpy(np.array(
    [1e-6, 1e-4, 0.01, 0.2, 0.5, 0.7, 0.95, 1 - 1e-4, 1 - 1e-6]))
print(f"{'':25}u = 0.000001       0.5  0.999999")
for name in [*DISTRIBUTIONS][:10]:
    z, want = draw(name, u, **values_of(name)), laws[name](**values_of(name)).ppf(u)
    assert np.allclose(z, want, rtol=1e-10, atol=0), name
    print(f"{name:25}{z[0]:12.4g}{z[4]:10.4g}{z[-1]:10.4g}  passed")

# %% [markdown] key="slope-about"
# **The gradient.** When a parameter moves, the whole CDF moves, and $u$ does not. How far does $z$ go? Look at the triangle below before you read on.

# %% key="triangle"
z, u, rates = np.linspace(0.6, 1.7, 200), 0.6, (1.0, 0.7)
start, end = (-np.log(1 - u) / rate for rate in rates)
p = np.exp(-start)                                       # the density: slope of F
drop = u - (1 - np.exp(-0.7 * start))
foot = start + drop / p                                  # where the slope is back at u
fig, ax = plt.subplots(figsize=(7, 3.4))
for rate, dashes in zip(rates, ("--", "-"), strict=True):
    ax.plot(z, 1 - np.exp(-rate * z), color=plots.Q, ls=dashes)
    plots.label_end(ax, z, 1 - np.exp(-rate * z), f"rate {rate}", plots.Q)
ax.axhline(u, color=plots.NOISE, lw=0.8)
ax.plot([start, start, foot], [u, u - drop, u], color=plots.BOUND)
ax.plot(start + np.array([-0.2, 0.3]), u + p * np.array([-0.2, 0.3]), "--",
        color=plots.BOUND, lw=0.8)                       # the tangent at the first dot
ax.plot([start, end], [u, u], "o", color=plots.Q)
ax.annotate("", (end, u + 0.02), (start, u + 0.02), arrowprops={"arrowstyle": "->"})
ax.text(0.62, u + 0.012, "u = 0.6", color=plots.NOISE)
ax.text(start - 0.02, u - drop / 2, "F falls", ha="right", va="center")
ax.text((start + foot) / 2 + 0.02, u - drop / 2 - 0.06,
        "slope p, as of\nthe thin tangent", fontsize=10)
ax.text((start + end) / 2, u + 0.03, "z moves", ha="center")
ax.set(xlabel="z", ylabel="F(z)", xlim=(0.6, 1.7), ylim=(0.35, 0.85))
plt.show()

# %% [markdown] key="triangle-words"
# *In words:* the CDF of an exponential at rate 1 (dashed) and, lower, at 0.7 (solid). At the height u = 0.6 a first dot lies on the dashed curve and a second, farther right, on the solid one: the draw has moved. A black line goes down from the first dot, as far as $F$ has fallen there, then rises with the slope $p$ = 0.40 that the dashed curve has at the first dot, and is back at u near the second dot. The thin dashed tangent at the first dot is parallel to it.
#
# So the way is "fall divided by slope", and for a tiny change exactly so.

# %% [markdown] key="eq05-4"
# As an equation, with $\phi$ for a parameter, and where $p(z) > 0$:
#
# $$\begin{aligned}
# F(z(\phi);\, \phi) &= u && z \text{ is the quantile} \\
# \frac{\partial F}{\partial z}\,\frac{dz}{d\phi} + \frac{\partial F}{\partial\phi} &= 0 && \text{chain rule; } u \text{ holds no } \phi \\
# \frac{dz}{d\phi} &= -\frac{\partial F/\partial\phi}{p(z)} && \partial F/\partial z = p
# \end{aligned}\tag{05.4}$$
#
# This is **implicit differentiation**: it needs $F$ and $p$, and no inverse. By hand, the exponential has $\partial F/\partial\lambda = z e^{-\lambda z}$ and $p = \lambda e^{-\lambda z}$, so $dz/d\lambda = -z/\lambda$. The Cauchy gives $dz/ds = t$. Both must equal the slope of the formula.
#
# <details><summary>The Cauchy, with a pencil (optional)</summary>
#
# $p = \frac{1}{\pi s (1 + t^2)}$ and $\partial t/\partial s = -t/s$, so $\partial F/\partial s = \frac{1}{\pi (1 + t^2)} \cdot \frac{-t}{s} = -t\,p$.
#
# </details>

# %% key="eq05-4-check"
u = torch.tensor([1e-6, 0.1, 0.4, 0.8, 0.999], dtype=torch.float64)
rate, loc, s = (torch.full((5,), one, dtype=torch.float64, requires_grad=True)
                for one in (1.7, 0.4, 1.3))              # a copy a draw
z, spot = exponential(u, rate), cauchy(u, loc, s)
(z.sum() + spot.sum()).backward()
check("eq05-4, exponential", rate.grad, -z / 1.7)
t = (spot - loc) / s
check("eq05-4, Cauchy, scale", s.grad / t, np.ones(5))
check("eq05-4, Cauchy, loc", loc.grad, np.ones(5))

# %% [markdown] key="eq05-5"
# Draw by draw it agrees. Its average must be the slope of an exact mean:
#
# $$\frac{d}{d\lambda}\,\mathbb E[z] = \frac{d}{d\lambda}\,\frac1\lambda = -\frac1{\lambda^2}\tag{05.5}$$
#
# Condition 3 of lesson 04 holds: for rates above a $\lambda_0 > 0$ the chords stay, in size, below $-\log(1-u)/\lambda_0^2$, whose mean is $1/\lambda_0^2$. (Section 6 has a case that fails.)
#
# To average over $u$ to $10^{-10}$, substitute $u = 1/(1 + e^{-x})$, so $du = u(1 - u)\,dx$, and sum over a fine grid of $x$, which sends both ends of (0, 1) to infinity.

# %% key="eq05-5-check"
x = torch.arange(-34, 34.01, 0.05, dtype=torch.float64)
nodes = torch.sigmoid(x)                                 # 1361 values of u
weights = 0.05 * nodes * torch.sigmoid(-x)               # du = u (1 - u) dx

rate = torch.tensor(1.7, dtype=torch.float64, requires_grad=True)
(weights @ exponential(nodes, rate)).backward()
check("eq05-5", rate.grad, -1 / 1.7**2)

# %% [markdown] key="ex5-1"
# ### Exercise 5.1 (code and derive)
#
# A stand-in for the Beta on (0, 1), often seen in VAEs, is not in the paper: the Kumaraswamy, $F(z) = 1 - (1 - z^a)^b$, with two shapes $a$ and $b$. All in NumPy, not torch.
#
# 1. Write $z = F^{-1}(u)$.
# 2. Derive $dz/da$ by (05.4) on paper. Enter it as a function of $z$, $a$ and $b$; it simplifies.
#
# <details><summary>Hint 1</summary>Set F(z) = u and peel from the outside, as in (05.1).</details>
# <details><summary>Hint 2</summary>∂F/∂a and p = ∂F/∂z share the factor b (1 − zᵃ)ᵇ⁻¹.</details>
# <details><summary>Hint 3</summary>The slope of zᵃ in a is zᵃ log z.</details>

# %% key="ex5-1-code"
def kumaraswamy(u, a, b):
    ### BEGIN SOLUTION
    return (1 - (1 - u) ** (1 / b)) ** (1 / a)
    ### END SOLUTION

def slope_in_a(z, a, b):
    ### BEGIN SOLUTION
    # -(b w z^a log z) / (b w a z^(a - 1)) with w = (1 - z^a)^(b - 1)
    return -z * np.log(z) / a
    ### END SOLUTION

# %% key="ex5-1-check"
us, a, b = np.array([0.1, 0.4, 0.8]), 2.0, 3.0
right = (-np.expm1(np.log1p(-us) / b)) ** (1 / a)
exercise("ex5-1, g", lambda: kumaraswamy(us, a, b), right, mistakes={
    "right law, as 1 - u is uniform too, but it falls in u and is not F^-1":
        (1 - us ** (1 / b)) ** (1 / a),
    "the order of the roots: undo b first": (1 - (1 - us) ** (1 / a)) ** (1 / b),
    "undo a power by its root": (1 - (1 - us) ** b) ** a,
    "the root by a is missing": right**a,
    "that is F(u), not its inverse": 1 - (1 - us**a) ** b})
slope = -right * np.log(right) / a
in_F = b * (1 - right**a) ** (b - 1) * right**a * np.log(right)          # dF/da
exercise("ex5-1, slope", lambda: slope_in_a(right, a, b), slope, mistakes={
    "the minus of (05.4) is missing": -slope,
    "divide by p: it holds a, the inner slope of z^a": slope * a,
    "p has z^(a - 1), dF/da has z^a: one z remains": slope / right,
    "p holds z^(a - 1) too, it cancels all but one z": slope * right ** (a - 1),
    "b stands in dF/da and in p, and cancels": slope / b,
    "that is dF/da, not yet divided by p": in_F,
    "that is -dF/da, not yet divided by p": -in_F})

# %% [markdown] key="eq05-6"
# ## 2. Location and scale
#
# One $g$ for all seven, with noise from the standard member, loc 0 and $s = 1$. (The standard Uniform is that on (0, 1), so loc is the left end and $s$ the width; the standard Triangular runs from $-1$ to 1.)
#
# $$z = \text{loc} + s\,\epsilon, \qquad \frac{\partial z}{\partial\,\text{loc}} = 1, \quad \frac{\partial z}{\partial s} = \epsilon, \qquad p(z) = \frac1s\; p_\epsilon\Big(\frac{z - \text{loc}}{s}\Big)\tag{05.6}$$
#
# The density is (04.2), with $|\det dg/d\epsilon| = s$. Both logistics are the same law: the two families overlap, and here even the draws agree, as $\epsilon = \log\frac{u}{1-u}$.
#
# The seventh, the **Elliptical** family, is the same in J dimensions: $z = \text{loc} + R\,\epsilon$ with a matrix $R$ and spherical noise, whose density depends on $|\epsilon|$ alone. A full Gaussian is one. In our list $\epsilon$ is uniform on the unit disc, and $\mathrm{Cov}[z] = \frac14 R R^\top$.
#
# <details><summary>That covariance, with a pencil (optional)</summary>
#
# For any spherical noise with a second moment:
#
# $$\mathrm{Cov}[z] = c\, R R^\top, \qquad c = \mathbb E|\epsilon|^2 / J\tag{05.7}$$
#
# By symmetry $\mathbb E[\epsilon] = 0$. Constants come out: $\mathrm{Cov}[z] = R\;\mathbb E[\epsilon\epsilon^\top]\,R^\top$. Turned noise looks the same, so $\mathbb E[\epsilon\epsilon^\top] = c\,I$, and the sum of its diagonal is $J c = \mathbb E|\epsilon|^2$. On the disc a ring has the area $2\pi r\,dr$ of $\pi$, so $r$ has the density $2r$, and $\mathbb E|\epsilon|^2 = \int_0^1 r^2\, 2r\, dr = \frac12$, for two coordinates: $c = \frac14$.
#
# </details>

# %% key="eq05-6-check"
standard = {"Laplace": lambda e: np.exp(-abs(e)) / 2,
            "Student's t": lambda e: 8 / (3 * np.pi * 5**0.5) * (1 + e**2 / 5) ** -3,
            "Logistic (location-scale)": lambda e: np.exp(-e) / (1 + np.exp(-e)) ** 2,
            "Uniform": lambda e: (0 < e) & (e < 1),
            "Triangular": lambda e: np.maximum(0, 1 - abs(e)),
            "Gaussian": lambda e: np.exp(-(e**2) / 2) / np.sqrt(2 * np.pi)}
z, loc, s = np.linspace(-3, 3, 50), -0.7, 1.4
for name, p_eps in standard.items():
    check(f"eq05-6, {name}", p_eps((z - loc) / s) / s, laws[name](loc, s).pdf(z))

row, R = DISTRIBUTIONS["Elliptical"], torch.tensor([[1.1, -0.3], [0.7, 0.8]]).double()
eps = row.noise(np.random.default_rng(0), 20_000)                        # (20000, 2)
z = row.g(eps, torch.zeros(2).double(), R)
check_mc("eq05-7", z[:, :, None] * z[:, None, :], R @ R.T / 4)           # (20000, 2, 2)

# %% [markdown] key="ex5-2"
# ### Exercise 5.2 (predict)
#
# In the list Student's t has 5 degrees of freedom, and its noise the same 5. What if $\nu$ is a parameter? A Student's t is also a composition: $z = \text{loc} + s\,\epsilon \big/ \sqrt{y/\nu}$ with $\epsilon$ standard normal and $y$ chi-squared with $\nu$ degrees of freedom, independent. Take for $y$ the quantile $F^{-1}(u)$ of that chi-squared at a uniform $u$.
#
# With this $g$, how many of $\nu$, loc and $s$ get a gradient? And with location-scale?
#
# <details><summary>Hint</summary>Where does each parameter stand: in g, or in the law of the noise? Here the noise is ε and u.</details>

# %% key="ex5-2-code"
by_composition = ...
by_location_scale = ...
### BEGIN SOLUTION
by_composition, by_location_scale = 3, 2
### END SOLUTION

# %% key="ex5-2-check"
inside = "y is made from u and nu: nu stands in g, and u knows nothing of it"
exercise("ex5-2, composition", by_composition, 3, mistakes={
    inside: 2, "loc and s stand in g as well": 1})
exercise("ex5-2, location-scale", by_location_scale, 2, mistakes={
    "there nu is in the law of the noise": 3,
    "both loc and s stand in g; only nu is in the law of the noise": 1})

# %% [markdown] key="eq05-8"
# ## 3. Composition
#
# A function of draws that have a $g$ has one too: put the $g$ inside, and the chain rule does the rest. The log-normal is $z = e^{\mu + \sigma\epsilon}$, with $\partial z/\partial\mu = z$ and $\partial z/\partial\sigma = z\,\epsilon$.
#
# The paper makes a **Gamma** of "a sum over exponentially distributed variables". A Gamma of shape $a$ and rate $\lambda$ has the density $\frac{\lambda^a}{\Gamma(a)} z^{a-1}e^{-\lambda z}$. The sum of $K$ independent exponentials of rate $\lambda$ is one, with $a = K$: a **whole** number. One cannot add half a term, nor differentiate in the number of terms. The check counts sums of three below a Gamma's quantiles, and compares the transforms of the pencil part.
#
# <details><summary>Why it is a Gamma, with a pencil (optional)</summary>
#
# Laplace transforms $\mathbb E[e^{-vz}]$ determine a law on $z > 0$. That of the sum is
#
# $$\begin{aligned}
# \mathbb E\big[e^{-v(z_1 + \dots + z_K)}\big] &= \big(\mathbb E[e^{-vz_1}]\big)^K && \text{independent, equal} \\
# &= \Big(\int_0^\infty \lambda\, e^{-(\lambda + v)z}\, dz\Big)^K = \Big(\frac{\lambda}{\lambda + v}\Big)^K && \text{integrate}
# \end{aligned}\tag{05.8}$$
#
# For the Gamma substitute $y = (\lambda + v)\, z$:
#
# $$\int_0^\infty \frac{\lambda^a}{\Gamma(a)}\, z^{a-1} e^{-(\lambda + v) z}\, dz = \frac{\lambda^a}{(\lambda + v)^a}\, \frac1{\Gamma(a)} \int_0^\infty y^{a-1} e^{-y}\, dy$$
#
# The last integral is $\Gamma(a)$, and with $a = K$ the two transforms are one.
#
# </details>

# %% key="eq05-8-check"
from aevb_lib.reparameterizations import gamma, gamma_sum

v = torch.tensor([[0.3], [1.0], [4.0]], dtype=torch.float64)
one_term = torch.exp(-v * exponential(nodes, 1.7)) @ weights             # (3,)
check("eq05-8", one_term**3, (1.7 / (1.7 + v[:, 0])) ** 3)
law = stats.gamma(3, scale=1 / 1.7)
of_the_gamma = torch.exp(-v * torch.from_numpy(law.ppf(nodes))) @ weights
check("eq05-8, Gamma", one_term**3, of_the_gamma)
u = torch.from_numpy(np.random.default_rng(1).random((20_000, 3)))
levels = np.array([0.05, 0.25, 0.5, 0.75, 0.95])
below = gamma_sum(u, 1.7).numpy()[:, None] <= law.ppf(levels)            # (20000, 5)
check_mc("shares below the quantiles", below, levels)

# %% [markdown] key="normalised"
# With Gamma draws $y_k$ of rate 1 and real shapes $a_k$ (section 4 makes them) the rest is short:
#
# - **Chi-squared** with $\nu$ degrees of freedom: $2y$ with $a = \nu/2$.
# - **Beta**: $y_1/(y_1 + y_2)$. **Dirichlet**: $y_k/\sum_j y_j$, a *normalised* vector. A "weighted sum" of Gammas, as the paper has it, would be one positive number.
# - **F**: $(y_1/\nu_1) \big/ (y_2/\nu_2)$ with chi-squared $y$.
#
# That these have the laws of their names is checked in section 6, and not argued. Our list calls them compositions, as the paper does, though their pieces need section 4.
#
# Back in the live picture. Predict: a Beta with both parameters below 1, where do the draws go?
#
# <details><summary>Answer</summary>To both ends: of two Gamma draws of small shape, one is mostly far larger than the other.</details>

# %% [markdown] key="eq05-9"
# ## 4. When all three fail
#
# Let $F$ be known and its inverse not. **Bisection** finds $z_0$ with $F(z_0) = u$: halve an interval, keep the half that holds the answer. It compares and keeps no path, so its gradient is lost. One step of Newton's method brings it back, with $z_0$ and $p$ *held fixed* (detached):
#
# $$\begin{aligned}
# z &= z_0 - \frac{F(z_0;\, \phi) - u}{p(z_0)} && \text{Newton's step} \\
# &= z_0 && \text{its value: } F(z_0; \phi) = u \\
# \frac{dz}{d\phi} &= -\frac{\partial F/\partial\phi}{p(z_0)} && \text{its slope: only } F \text{ holds } \phi
# \end{aligned}\tag{05.9}$$
#
# This is (05.4). The paper's way out is the same in spirit: a good approximation of $F^{-1}$. Ours takes one dimension, a smooth $F$ and a $p > 0$.

# %% key="inverse"
def inverse(F, u, low, high):
    """z with F(z) = u, between low and high, with the gradient (05.9)."""
    low, high = torch.full_like(u, low), torch.full_like(u, high)
    with torch.no_grad():
        for _ in range(60):
            z0 = (low + high) / 2
            below = F(z0) < u
            low, high = torch.where(below, z0, low), torch.where(below, high, z0)
    z0.requires_grad_()
    p, = torch.autograd.grad(F(z0).sum(), z0)            # p = dF/dz
    z0 = z0.detach()
    return z0 - (F(z0) - u) / p                          # phi stands only in F(z0)

# %% [markdown] key="mixture-about"
# A case that no family covers: the mixture $w\,\mathcal N(\mu_1, \sigma_1^2) + (1 - w)\,\mathcal N(\mu_2, \sigma_2^2)$. Choosing a component is a discrete draw, as in lesson 04, and $w$ gets no gradient from it. But $F$ is smooth in all five parameters, and $\mathbb E[z^2] = w(\mu_1^2 + \sigma_1^2) + (1 - w)(\mu_2^2 + \sigma_2^2)$ has known slopes.

# %% key="eq05-9-check"
from aevb_lib.inverse_cdf import numerical_inverse

phi = torch.tensor([0.3, -1.0, 2.0, 0.5, 1.5], dtype=torch.float64, requires_grad=True)

def mixture(z, phi=phi):
    w, mu_1, mu_2, sigma_1, sigma_2 = phi
    first, second = (z - mu_1) / sigma_1, (z - mu_2) / sigma_2
    return w * torch.special.ndtr(first) + (1 - w) * torch.special.ndtr(second)

u = torch.tensor([1e-6, 0.1, 0.3, 0.8, 0.999], dtype=torch.float64)
check("F of the inverse is u", mixture(inverse(mixture, u, -20.0, 20.0)), u)
z = inverse(mixture, nodes, -20.0, 20.0)
slopes, = torch.autograd.grad(weights @ z**2, phi)
check("eq05-9", slopes, [1.25 - 6.25, 0.3 * -2, 0.7 * 4, 0.3 * 1, 0.7 * 3])
check("aevb_lib agrees", numerical_inverse(mixture, u, -20.0, 20.0),
      inverse(mixture, u, -20.0, 20.0))

# %% [markdown] key="fallback"
# From here on `aevb_lib.inverse_cdf.numerical_inverse`, the same method. The same idea settles two debts: the Erlang, and the Gamma with a real shape (section 6 checks both). And what is left?
#
# - **A vector $z$.** One number after the other: $z_1$ from its CDF, $z_2$ from its CDF given $z_1$, each by (05.9), with $z_1$ not detached, as it is a parameter of $z_2$'s CDF. If no formula gives these CDFs, look for a composition.
# - **No $g$ with a slope**, as for a discrete $z$. Sum over its values, or take lesson 03's score function, which needs no $g$: only draws, and slopes of $\log q$.

# %% [markdown] key="list-about"
# ## 5. The whole list
#
# All 23 rows in a loop, at parameters that are not the standard ones: the draw against SciPy's quantiles to $10^{-10}$, and the gradient against their differences in the parameter to $10^{-6}$. (For Beta, F and Dirichlet: the same composition of SciPy's Gammas; their laws are checked in section 6. Of the two vectors, $z_1$ only.) Predict: which parameter of the list gets none? First the set-up: what SciPy makes of the same noise.

# %% key="reference"
def reference(name, u, values):
    """SciPy's noise at the uniforms u (n, 3), and its z at that noise."""
    v, first = [*values.values()], u[:, 0]
    if name in ("Beta", "F", "Dirichlet"):
        shapes = np.array(v) / (2 if name == "F" else 1)
        y = stats.gamma(shapes).ppf(u[:, :len(v)])
        ratio = (y[:, 0] / v[0]) / (y[:, 1] / v[1])
        return u[:, :len(v)], ratio if name == "F" else y[:, 0] / y.sum(1)
    eps = first
    if name == "Elliptical":                             # along the root's first row
        eps = stats.semicircular.ppf(first)[:, None] * v[1:] / np.hypot(*v[1:])
    elif DISTRIBUTIONS[name].family == "location-scale":
        eps = laws[name](loc=0, scale=1).ppf(first)
    elif name == "Log-Normal":
        eps = stats.norm.ppf(first)
    return eps, laws[name](**values).ppf(first)

# %% key="list-check"
u, families = np.random.default_rng(5).random((20, 3)), []
for name, row in DISTRIBUTIONS.items():
    values = values_of(name)
    eps, z = reference(name, u, values)
    copies = {key: torch.full((20,), one, dtype=torch.float64, requires_grad=True)
              for key, one in values.items()}
    got = draw(name, torch.from_numpy(eps), **copies)
    assert np.allclose(got.detach(), z, rtol=1e-10, atol=1e-14), name
    got.sum().backward()
    for key, one in values.items():
        if (name, key) == ("Erlang", "shape"):           # whole: no gradient
            continue
        a, b, c, d = (reference(name, u, values | {key: one + k * 1e-3})[1]
                      for k in (-2, -1, 1, 2))
        want = (a - 8 * b + 8 * c - d) / (12 * 1e-3)
        assert np.allclose(copies[key].grad, want, rtol=1e-6, atol=1e-8), (name, key)
    families.append(row.family)
    noise, g = about(name)
    print(f"✓ {name.split(' (')[0]:12}{row.family:15}{noise:11}{g}")
assert [families.count(one) for one in dict.fromkeys(families)] == [10, 7, 6]
print("10 + 7 + 6 rows, all passed")

# %% [markdown] key="list-after"
# Here $u$ is uniform noise, eps any other, $F(z) = u$ a numerical inverse, and $y$ a Gamma draw (in F, chi-squared). The Erlang's shape has no gradient: it is whole.
#
# **Where the paper is loose.** Erlang stands under "tractable inverse CDF": if that means a formula, as we read it, there is no elementary one for $K \ge 2$. A Gamma is a sum of exponentials for whole shapes only; no gradient in the shape. A Dirichlet is a normalised vector of Gammas, no weighted sum. Family 2 covers loc and scale, and nothing that shapes the noise: not Student's $\nu$, nor the peak of a lopsided triangle.

# %% [markdown] key="ex5-3"
# ### Exercise 5.3 (predict)
#
# For each, the first family that gives *all* named parameters a gradient by an elementary formula that you know: 1 (inverse CDF), 2 (location-scale), 3 (**composition of draws from 1 and 2**, so with no numerical inverse inside), or 4 (no known elementary formula: numerical inverse). Two are on the paper's list.
#
# - a: Log-Normal, $\mu$ and $\sigma$
# - b: the larger of two independent draws from $\mathcal N(\mu, \sigma^2)$
# - c: Chi-squared, real degrees of freedom
#
# <details><summary>Hint 1</summary>The normal's CDF has no elementary inverse. The noise of family 2 may be anything with a fixed law.</details>
# <details><summary>Hint 2</summary>b: write both draws as μ + σε and take μ and σ out of the maximum.</details>

# %% key="ex5-3-code"
family_of = dict(a=..., b=..., c=...)
### BEGIN SOLUTION
family_of = dict(a=3, b=2, c=4)
### END SOLUTION

# %% key="ex5-3-check"
hints = dict(
    a={1: "the normal's CDF has no elementary inverse",
       2: "log z is loc + scale x noise, z is not: one more function outside",
       4: "a Gaussian draw has a formula, and so has a function of it"},
    b={1: "the CDF of z holds the normal's, which has no elementary inverse",
       3: "that works, but the first is asked: one number of noise is left, "
          "max(eps_1, eps_2), and its law is fixed",
       4: "take mu and sigma out of the maximum: the law of what is left is fixed"},
    c={1: "no elementary formula is known for the quantile",
       2: "the degrees of freedom are neither a loc nor a scale",
       3: "a sum of squares counts whole terms, and the y of real shape in 2y comes "
          "from section 4"})
for name, want in dict(a=3, b=2, c=4).items():
    exercise(f"ex5-3, {name}", family_of[name], want,
             mistakes={hint: wrong for wrong, hint in hints[name].items()})

# %% [markdown] key="tails-about"
# ## 6. More (optional)
#
# ### Tails
#
# A right formula may lose its digits. `1 - u` rounds to 1 for $u = 10^{-17}$, and `u - 0.5` forgets the end of a tiny $u$. `log1p(-u)` is $\log(1 - u)$ without the subtraction; `cauchy` takes the tangent from the nearer end.

# %% key="tails"
u = torch.tensor([1e-17, 1e-12, 1e-6], dtype=torch.float64)
print("              u  ", *(f"{value:12.0e}" for value in u))
for name, z in (("-log(1 - u)", -torch.log(1 - u)), ("-log1p(-u)", exponential(u, 1.0)),
                ("tan(pi (u-0.5))", torch.tan(torch.pi * (u - 0.5))),
                ("cauchy(u, 0, 1)", cauchy(u, 0.0, 1.0))):
    print(f"{name:15}  ", *(f"{value:12.5e}" for value in z))
print("-1 / (pi u)      ", *(f"{-1 / (np.pi * value):12.5e}" for value in u))

# %% [markdown] key="trap-about"
# At $10^{-17}$ the naive exponential is 0, and a Weibull's or a Gamma's density holds $\log z$. At $10^{-12}$ it is wrong in the fifth digit, the naive tangent in the sixth, and the tangent never passes $-1.6 \cdot 10^{16}$. (Near 1 a `float64` $u$ itself is coarse: no exponential draw exceeds $36.7/\lambda$.)
#
# ### A trap
#
# Is any smooth, bounded $f$ good enough? Take a Cauchy $z$ and $\cos z$. We take $\mathbb E[\cos z] = e^{-s}\cos(\text{loc})$ from a table. The slopes of one draw are $-\sin z$ in loc and $-t\sin z$ in $s$. Predict: do both averages settle at $-e^{-s}\sin(\text{loc})$ and $-e^{-s}\cos(\text{loc})$?

# %% key="trap-check"
u = np.random.default_rng(0).random((5, 200_000))
t = np.tan(np.pi * (u - 0.5))
z = 0.4 + 1.3 * t
check_mc("slope in loc", -np.sin(z[0]), -np.exp(-1.3) * np.sin(0.4))
print("in scale, exact", (-np.exp(-1.3) * np.cos(0.4)).round(2),
      "and 5 means of 200,000:", (-t * np.sin(z)).mean(1).round(2))
score = (t[0] ** 2 - 1) / (1.3 * (1 + t[0] ** 2))        # d log p / ds
check_mc("in scale, score function", np.cos(z[0]) * score, -np.exp(-1.3) * np.cos(0.4))

# %% [markdown] key="gamma-about"
# In loc, yes. In $s$ the slopes are as heavy as the Cauchy itself, $|t \sin z|$ has no mean, and 200,000 draws are as bad as one. Condition 3 of lesson 04 fails: it asks about $f$ and $g$ together. Lesson 03's score function has no such trouble, as $\cos z$ and the Cauchy's score are bounded.
#
# ### Erlang, Gamma and what is made of them
#
# Differentiate $\Gamma(a) = \int z^{a-1}e^{-z}\,dz$ in $a$: for rate 1, $\mathbb E[\log z] = \Gamma'(a)/\Gamma(a) = \psi(a)$, the digamma function. So the mean slope of $\log z$ in a Gamma's shape must be $\psi'(a)$. The first check holds it to that, and an Erlang by `inverse` to SciPy. (The library's `gamma` searches $\log z$, as a small shape has quantiles below every `float64`.)
#
# The second check draws noise, and asks for the mean, the shares below five quantiles, and for the Dirichlet a covariance, which tells it from three separate Betas.

# %% key="gamma-check"
def F_erlang(z):                                         # shape 3, rate 1.7
    return 1 - torch.exp(-1.7 * z) * (1 + 1.7 * z + (1.7 * z) ** 2 / 2)

u = torch.tensor([0.1, 0.3, 0.8, 0.999], dtype=torch.float64)   # no tiny u: 1 - ...
check("Erlang", inverse(F_erlang, u, 0.0, 40.0),
      stats.erlang(3, scale=1 / 1.7).ppf(u))
for shape in (0.3, 2.3, 20.0):
    a = torch.tensor(shape, dtype=torch.float64, requires_grad=True)
    (weights @ torch.log(gamma(nodes, a))).backward()
    check(f"Gamma, shape {shape}", a.grad, special.polygamma(1, shape))

# %% key="composition-check"
rng = np.random.default_rng(2)
for name in [*DISTRIBUTIONS][-6:]:
    values = values_of(name)
    z = draw(name, DISTRIBUTIONS[name].noise(rng, 5000), **values).numpy()[:, None]
    law = laws[name](**values)
    check_mc(name, np.hstack([z, z <= law.ppf(levels)]), [law.mean(), *levels])

row, a = DISTRIBUTIONS["Dirichlet"], torch.tensor([2.0, 1.0, 4.0]).double()
z = row.g(row.noise(rng, 20_000), a)                # (20000, 3)
check("Dirichlet, sum", z.sum(1), np.ones(20_000))
check_mc("Dirichlet, covariance", (z[:, 0] - 2 / 7) * (z[:, 1] - 1 / 7),
         -2 * 1 / (7**2 * (7 + 1)))

# %% [markdown] key="shapes-about"
# ### A sum and a quantile
#
# Predict: hold the noise of a draw, and let the shape grow from 1 to 5. What does the draw do as a sum, and as a quantile $F^{-1}(u)$?

# %% key="shapes"
shapes = torch.linspace(1, 5, 81, dtype=torch.float64)
u = torch.tensor([[0.1], [0.3], [0.5], [0.7], [0.9]], dtype=torch.float64)
terms = exponential(torch.from_numpy(np.random.default_rng(1).random((3, 5))), 1.0)
fig, (left, right) = plt.subplots(1, 2, figsize=(7, 3.2), sharey=True)
for sums, mark in zip(terms.cumsum(1), "osD", strict=True):
    left.step(range(1, 6), sums, where="post", color=plots.NOISE, lw=0.9, ls=":")
    left.plot(range(1, 6), sums, mark, color=plots.Q)
right.plot(shapes, gamma(u, shapes).T, color=plots.Q)
for level, end in zip(u[:, 0], gamma(u, shapes)[:, -1], strict=True):
    plots.label_end(right, [5], [end], f"u = {level:.1f}", plots.Q)
left.set(xlabel="number of terms K", ylabel="z (rate 1)", title="sum of exponentials")
right.set(xlabel="shape a", xticks=range(1, 6), title="quantile")
plt.show()

# %% [markdown] key="shapes-words"
# *In words:* left, three draws as sums of 1 to 5 exponentials: marks at whole numbers, joined by dotted stairs that jump up at each new term. Right, the quantiles of a Gamma at u = 0.1 to 0.9: five smooth rising lines, for every real shape. (They are other draws than the three on the left.) Both have the same law at whole shapes. Only the right one has a slope.

# %% [markdown] key="torch-about"
# ### PyTorch's rsample
#
# PyTorch has most of the list too. At the same $z$ its gradient must be ours: with one number of noise, in which $g$ is continuous and rises, (05.4) leaves no choice. (With two there is a choice, as in lesson 04: for Beta, Dirichlet and F only the means agree.) The test: Gamma draws by PyTorch, and (05.4) with $\partial F/\partial a$ by differences of SciPy's $F$.

# %% key="torch-check"
copies = torch.full((1000,), 2.3, dtype=torch.float64, requires_grad=True)
with torch.random.fork_rng():                            # it takes no generator
    torch.manual_seed(0)
    z = torch.distributions.Gamma(copies, 1.0).rsample()
z.sum().backward()
F, h, z = special.gammainc, 1e-3, z.detach().numpy()
near = F(2.3 + h * np.array([[-2], [-1], [1], [2]]), z)                  # (4, 1000)
implicit = -np.array([1, -8, 8, -1]) @ near / (12 * h) / stats.gamma(2.3).pdf(z)
ours = torch.full((1000,), 2.3, dtype=torch.float64, requires_grad=True)
gamma(torch.from_numpy(F(2.3, z)), ours).sum().backward()
for name, slopes in (("ours", ours.grad), ("PyTorch's", copies.grad)):
    error = abs(slopes.numpy() / implicit - 1)
    print(f"{name:9}  within 1e-7: {(error < 1e-7).all()!s:5}"
          f"  within 1e-3: {(error < 1e-3).all()}")

# %% [markdown] key="ex5-4"
# PyTorch's slope is an approximation, here good to $10^{-3}$: enough for training, and worth knowing when you test.
#
# ### Exercise 5.4 (code, optional)
#
# Write exercise 5.2's Student's t, $z = \text{loc} + s\,\epsilon \big/ \sqrt{y/\nu}$, with torch (NumPy would cut the path of the gradient). `chi_squared(u, nu)` gives $y$, differentiable in `nu`.
#
# <details><summary>Hint</summary>The noise is eps and u. Both have fixed laws.</details>

# %% key="ex5-4-code"
from aevb_lib.reparameterizations import chi_squared

def student(eps, u, nu, loc, s):
    ### BEGIN SOLUTION
    return loc + s * eps / torch.sqrt(chi_squared(u, nu) / nu)
    ### END SOLUTION

# %% key="ex5-4-check"
eps, us = np.array([-1.2, 0.3, 2.0]), np.array([0.2, 0.5, 0.9])
noise, scaled = (torch.from_numpy(eps), torch.from_numpy(us)), stats.chi2(4).ppf(us) / 4
right = 0.4 + 1.3 * eps / np.sqrt(scaled)
exercise("ex5-4, g", lambda: student(*noise, 4.0, 0.4, 1.3), right, mistakes={
    "y is divided by nu": 0.4 + 1.3 * eps / np.sqrt(4 * scaled),
    "the root is missing": 0.4 + 1.3 * eps / scaled, "loc is missing": right - 0.4,
    "divide by the root": 0.4 + 1.3 * eps * np.sqrt(scaled),
    "s is missing": 0.4 + eps / np.sqrt(scaled)})

def slope_in_nu():                       # E[z^2] = nu / (nu - 2), where E[eps^2] = 1
    nu = torch.tensor(9.0, dtype=torch.float64, requires_grad=True)
    z = student(torch.ones(()), nodes, nu, 0.0, 1.0)
    return z if z is None else torch.autograd.grad(weights @ z**2, nu)[0]

exercise("ex5-4, slope in nu", slope_in_nu, -2 / 7**2, mistakes={
    "y is divided by nu": -1 / 7**2, "nu has lost its path through y": 1 / 7,
    "the root is missing": -342 / 35**2, "divide by the root": 0})

# %% [markdown] key="misconception"
# ## Misconception card
#
# > **"The trick is for Gaussians."** And its opposite: **"everything on the paper's list can be differentiated in every parameter."**
#
# The first is wrong by 21 distributions, and by every scalar $z$ with a smooth $F$ and $p > 0$: (05.9) needs no formula for $g$. The second is wrong for what the noise holds (Student's $\nu$ in family 2), for what is counted (an Erlang's shape), and where the slopes have no mean (a Cauchy with $f = \cos$). Ask of each parameter, not of each distribution: where does it stand in $g$, and do the chords of $f(g)$ in it stay below a $K(\epsilon)$ of finite mean? A finite mean of the slopes is not enough: where $f$ is a step, they are all 0.

# %% [markdown] key="take-away"
# ## What you can do now
#
# - Solve $F(z) = u$ for $z$, and without a solution differentiate through $-(\partial F/\partial\phi)/p$, which bisection and one Newton step put into autograd.
# - Name $g$: a quantile of $u$; loc $+$ scale $\times$ noise; a function of draws that have a $g$. Parameters in $g$ get a gradient, parameters in the law of the noise do not.
# - Correct the list in four places (section 5).
#
# **Next.** [Lesson 06](06_sgvb.ipynb) goes back to the Gaussian $q$ and puts the trick to work: two estimators of the bound, and a minibatch.
