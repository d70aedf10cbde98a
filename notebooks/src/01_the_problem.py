# %% [markdown] key="title"
# # 01 · The problem
#
# *Why can we not take the parameters that maximise $p_\theta(x)$, and be done?*
#
# **After this you can**
# - write the evidence and the posterior of a model with hidden causes as integrals, and sum them on a grid;
# - show where each way to compute them ends: the grid, draws from the prior, EM, mean field;
# - tell the paper's three tasks apart, and say what the paper asks of a method.
#
# **Paper**: section 2.1, Figure 1 · **Study**: 60 minutes, and 25 for what is optional · **Running**: 10 seconds · **You need**: [lesson 00](00_start_here.ipynb)

# %% key="imports"
import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy import integrate, optimize, special, stats

from aevb_lib import LinearGaussian, check, check_mc, exercise, plots

plots.use_style()

# %% [markdown] key="story-about"
# A small world: nature draws a number $z$ that nobody sees, bends it, adds noise, and shows the result $x$.
#
# $z \sim \mathcal N(0, 1)$, then $x \sim \mathcal N\big(2\tanh(1.5\,z),\ 0.5^2\big)$. We call it the **tanh model**. Predict: the $z$ form one heap, around 0. How many heaps do the $x$ form?

# %% key="story"
rng = np.random.default_rng(0)
z = rng.standard_normal(2000)                                # first the cause
x_all = 2 * np.tanh(1.5 * z) + 0.5 * rng.standard_normal(2000)           # then x

fig, (left, right) = plt.subplots(1, 2, sharey=True, width_ratios=(3, 1))
left.scatter(z, x_all, s=5, color=plots.NOISE, alpha=0.4)
line = np.linspace(-3.3, 3.3, 200)
left.plot(line, 2 * np.tanh(1.5 * line), color=plots.P)
left.text(0.9, -0.9, "$2\\,\\tanh(1.5\\,z)$", color=plots.P)
left.set(xlabel="hidden cause $z$", ylabel="what we see, $x$", title="2,000 pairs")
right.hist(x_all, 40, orientation="horizontal", color=plots.NOISE, alpha=0.6)
right.set(xlabel="how many", title="all that is given")
plt.show()

# %% [markdown] key="story-words"
# *In words:* left, 2,000 points $(z, x)$ around an orange curve that rises steeply at $z = 0$ and is nearly flat beyond $\pm 1.5$. Right, the histogram of $x$ alone: two heaps, around $-1.6$ and $1.6$.
#
# The flat ends of the curve pile many $z$ onto nearly the same $x$. A data set holds only the right picture: every $z$ is gone.

# %% [markdown] key="self-test"
# **Do you have what you need?** Three questions.
#
# 1. $p(z)$ and $p(x\mid z)$ are given. What is $p(x, z)$?
# 2. $z$ has mean $\mu$ and variance $\sigma^2$. What is $\mathbb E[z^2]$?
# 3. A density is proportional to $e^{-\frac12 a z^2 + h z}$. Which one is it?
#
# <details><summary>Answers</summary>
#
# 1. $p(z)\,p(x\mid z)$.
# 2. $\mu^2 + \sigma^2$.
# 3. $\mathcal N(h/a,\ 1/a)$: complete the square, $-\frac12 a\,(z - h/a)^2$ and a constant.
#
# </details>

# %% [markdown] key="question"
# **The question of this lesson.** We see many $x$, and a family of stories with parameters $\theta$. The natural wish: the $\theta$ under which these data are most probable, $\max_\theta \sum_{i=1}^N \log p_\theta(x^{(i)})$. The paper says that for a network this is **intractable**. What exactly cannot be done, and from where on? We begin where everything can.
#
# ## 1. The story as a diagram
#
# The paper's Figure 1 draws such stories. A circle is a random number, grey when it is seen. An arrow says "is drawn given". The frame, a **plate**, repeats its content $N$ times.

# %% key="figure1"
fig, ax = plt.subplots(figsize=(5, 2.6))
nodes = {"$\\phi$": (0, 1, plots.Q), "$z$": (1.5, 1, "k"), "$x$": (1.5, 0, "k"),
         "$\\theta$": (3, 1, plots.P)}
for name, (across, up, colour) in nodes.items():
    ax.text(across, up, name, color=colour, ha="center", va="center", fontsize=13,
            bbox=dict(boxstyle="circle,pad=0.4", ec="white" if colour != "k" else "k",
                      fc="0.85" if name == "$x$" else "white"))
arrows = (("$z$", "$x$", plots.P, "-", 0), ("$\\theta$", "$x$", plots.P, "-", 0),
          ("$\\theta$", "$z$", plots.P, "-", 0), ("$\\phi$", "$z$", plots.Q, "--", 0),
          ("$x$", "$z$", plots.Q, "--", -0.5))
for tail, head, colour, dashes, bend in arrows:
    ax.annotate("", nodes[head][:2], nodes[tail][:2], arrowprops=dict(
        arrowstyle="->", color=colour, ls=dashes, lw=1.6, shrinkA=15, shrinkB=15,
        connectionstyle=f"arc3,rad={bend}"))
ax.add_patch(plt.Rectangle((0.8, -0.5), 1.4, 1.95, fill=False))
ax.text(2.1, -0.4, "$N$", ha="right")
ax.set(xlim=(-0.5, 3.5), ylim=(-0.55, 1.5))
ax.set_axis_off()
plt.show()

# %% [markdown] key="figure1-words"
# *In words:* inside a plate marked $N$, an orange arrow from $z$ down to a grey $x$, and a blue dashed one back up. Outside, $\theta$ points at both with solid orange arrows, and $\phi$ at $z$ with a blue dashed one.
#
# Solid: the model, $p_\theta(z)\,p_\theta(x\mid z)$, the way from cause to data. Dashed: the way back, from data to cause, which the model does not give. The paper will learn an approximation of it, $q_\phi(z\mid x)$. In this lesson $\phi$ plays no part: we ask what the way back is.

# %% [markdown] key="eq01-1"
# ## 2. Evidence and posterior
#
# The **evidence** is the density of what we see; the **posterior** that of the cause, once we have seen it.
#
# $$\begin{aligned}
# p_\theta(x) &= \int p_\theta(x, z)\, dz && \text{every } z \text{ may have made } x \\
# &= \int p_\theta(z)\, p_\theta(x\mid z)\, dz && \text{product rule}
# \end{aligned}\tag{01.1}$$
#
# $$\begin{aligned}
# p_\theta(z\mid x) &= \frac{p_\theta(x, z)}{p_\theta(x)} && \text{definition of a conditional density} \\
# &= \frac{p_\theta(z)\, p_\theta(x\mid z)}{\int p_\theta(z')\, p_\theta(x\mid z')\, dz'} && \text{product rule; (01.1)}
# \end{aligned}\tag{01.2}$$
#
# The numerator is cheap. Both lines need the same integral. With one latent a **grid** does it: a sum over 2,001 values of $z$ times their distance.
#
# Is a sum good enough? Two referees. For a straight line in place of the tanh, $p(x)$ and $p(z\mid x)$ are normal and known (lesson 00, section 5, and (01.12)). For the tanh, SciPy's `quad` chooses its points by itself.

# %% key="grid"
def log_joint(x, z, height=2.0):
    """log p(z) + log p(x|z) of the tanh model, in nats; x and z broadcast."""
    return stats.norm.logpdf(z) + stats.norm.logpdf(x, height * np.tanh(1.5 * z), 0.5)

grid = np.linspace(-8, 8, 2001)
dz = grid[1] - grid[0]
joint = np.exp(log_joint(2.5, grid))                # p(x, z) at x = 2.5
evidence = joint.sum() * dz                         # (01.1)
posterior = joint / evidence                        # (01.2)
print(f"p(x) {evidence:.4f}, log p(x) {np.log(evidence):.4f} nats")
print(f"the posterior's mean {(posterior @ grid) * dz:.3f}, the prior's 0")

# %% key="eq01-1-check"
straight = LinearGaussian(W=[[1.3]], b=[0.4], s2=0.25)       # x = 1.3 z + 0.4 + noise
x_line = np.array([[-2.0], [0.3], [3.0]])                    # (M, D) = (3, 1)
joint_line = stats.norm.pdf(grid) * stats.norm.pdf(x_line, 1.3 * grid + 0.4, 0.5)
p_line = joint_line.sum(1) * dz                              # (3,)
check("eq01-1, a line", np.log(p_line), straight.log_evidence(x_line))
mean, cov = straight.posterior(x_line)                       # (3, 1), (1, 1)
p_z = joint_line / p_line[:, None]                           # (3, 2001)
check("eq01-2, a line, mean", p_z @ grid * dz, mean[:, 0])
check("eq01-2, a line, mean square", p_z @ grid**2 * dz, mean[:, 0] ** 2 + cov[0, 0])
by_quad, z_by_quad = (integrate.quad(
    lambda z, power: z**power * np.exp(log_joint(2.5, z)), -8, 8, args=(power,),
    epsabs=1e-14, epsrel=1e-13, points=[0, 1, 2])[0] for power in (0, 1))
check("eq01-1, the tanh", evidence, by_quad)
check("eq01-2, the tanh, mean", posterior @ grid * dz, z_by_quad / by_quad)

# %% [markdown] key="explorer-about"
# Both integrals are pictures: $p(x, z)$ is a landscape over the plane, and a choice of $x$ is a cut through it. Predict: at which $x$ is the posterior narrowest: 0, 1.7 or 3?

# %% key="explorer" tags=["nbval-ignore-output"]
from aevb_lib import EvidenceExplorer

z_axis, x_axis = np.linspace(-5, 5, 301), np.linspace(-4, 4, 201)
landscape = log_joint(x_axis[:, None], z_axis)               # (n_x, n_z), nats
EvidenceExplorer(z_axis, x_axis, landscape)

# %% [markdown] key="explorer-words"
# *In words:* the landscape $p(x, z)$ as a heat map, a line across it at the chosen $x$, and a dot on the curve $p(x)$. Below, the cut along the line, whose area is $p(x)$; the same divided by that area, the posterior; and the prior, dashed. Numbers give $p(x)$, and the posterior's mean and standard deviation (sd).
#
# Drag the line or the slider, or use Tab and the arrow keys. One line of text instead means that the cell has not run here; a still picture follows.

# %% key="landscape"
fig, axes = plt.subplots(1, 3, figsize=(7.4, 3.2), width_ratios=(3, 1.5, 3))
axes[0].pcolormesh(z_axis, x_axis, np.exp(landscape), cmap="Oranges")
p_x = np.exp(log_joint(x_axis[:, None], grid)).sum(1) * dz   # (201,)
axes[1].plot(p_x, x_axis, color=plots.P)
axes[2].plot(grid, stats.norm.pdf(grid), color=plots.NOISE, ls="--")
axes[2].text(-2.4, 0.32, "prior", color=plots.NOISE)
for x, dashes, spot in ((0, "-", (0.25, 2.05)), (3, ":", (1.75, 0.8))):
    p_z = np.exp(log_joint(x, grid))
    p_z = p_z / (p_z.sum() * dz)
    axes[0].axhline(x, color="k", ls=dashes, lw=1.2)
    axes[1].axhline(x, color="k", ls=dashes, lw=1.2)
    axes[2].plot(grid, p_z, color=plots.P, ls=dashes)
    axes[2].text(*spot, f"x = {x}")
axes[0].set(xlim=(-3, 3), xlabel="$z$", ylabel="$x$", title="$p(x, z)$")
axes[1].set(ylim=(-4, 4), xlim=(0, 0.3), yticks=[], xlabel="$p(x)$",
            title="evidence")
axes[2].set(xlim=(-3, 3.2), xlabel="$z$", ylabel="density", title="$p(z|x)$")
plt.show()

# %% [markdown] key="landscape-words"
# *In words:* left, the landscape: a ridge along the curve of before, cut by two black lines, solid at $x = 0$ and dotted at $x = 3$. Middle, the area of each cut, the evidence, with two peaks near $x = \pm 1.6$. Right, the posteriors: narrow around 0 for $x = 0$, broad with its peak near 1.2 for $x = 3$, and the prior, dashed.
#
# At $x = 0$ the curve is steep, and the sd is 0.20. At 1.7 and 3 it is 0.53 and 0.52: the curve is nearly flat there, and the prior decides among all $z$ above 1.

# %% [markdown] key="ex1-1"
# ### Exercise 1.1 (code)
#
# The lines that computed `evidence` exponentiate first. Far out that fails: at $x = 60$ every $p(x, z)$ underflows to 0. Write $\log p(x)$ of the tanh model for `points` (M,) with log-sum-exp (00.3), from `log_joint`, `grid` and `dz`; `special.logsumexp` may help. The result has shape (M,).
#
# <details><summary>Hint 1</summary><code>log_joint(points[:, None], grid)</code> has shape (M, 2001).</details>
# <details><summary>Hint 2</summary>Take the largest of each row out, sum, take the log, put it back. The log of the step is a term of its own.</details>

# %% key="ex1-1-code"
def log_evidence(points):
    ### BEGIN SOLUTION
    log_p = log_joint(points[:, None], grid)
    largest = log_p.max(1, keepdims=True)
    return largest[:, 0] + np.log(np.exp(log_p - largest).sum(1) * dz)
    ### END SOLUTION

# %% key="ex1-1-check"
points = np.array([0.0, 2.5, 60.0])
largest = log_joint(points[:, None], grid).max(1)
right = np.log([integrate.quad(           # the referee: another integral, scaled up
    lambda z, x, up: np.exp(log_joint(x, z) + up), -8, 8, args=(x, -up),
    epsabs=1e-14, epsrel=1e-12, points=[0, 1, 2])[0]
    for x, up in zip(points, largest)]) + largest
exercise("ex1-1", lambda: log_evidence(points), right, mistakes={
    "a sum is no integral yet: times dz": right - np.log(dz),
    "you took the mean over the grid; an integral is the sum times dz":
        right - np.log(dz) - np.log(len(grid)),
    "put the largest back": right - largest,
    "dz multiplies the sum, so its log is added": right - np.log(dz) + dz,
    "the sum is multiplied by dz, not divided": right - 2 * np.log(dz),
    "dz multiplies the sum, not the log of the sum": (right - np.log(dz)) * dz,
    "that is the largest term only": largest,
    "right, but exp underflows at x = 60: take the largest out first":
        [*right[:2], -np.inf],
    "a sum is no integral yet: times dz. And take the largest out before exp":
        [*(right[:2] - np.log(dz)), -np.inf],
    "that is p(x) itself: its log is wanted": np.exp(right)})

# %% [markdown] key="digit-about"
# ## 3. A real digit, and the three tasks
#
# Now the paper's own model: a network that turns $J = 2$ latents into the means of 784 pixels, the one that you explored in lesson 00. The paper says that its evidence is intractable. With two latents the integral is over a plane. `model.posterior` cuts the plane into 66 × 66 squares, and those near the mass finer, until the sum settles. It gives $\log p(x)$, the points, and the posterior's share of each square (`weight`).
#
# We take an 8 in black and white. The check is a plain grid of our own, on a square around the posterior's mean.

# %% key="digit"
from aevb_lib import BernoulliMLP, load_mnist, pretrained

data = load_mnist()
(W1, b1, _), (W2, b2, _) = pretrained(2).decoder.layers()    # weights, bias, kind
model = BernoulliMLP(W1, b1, W2.astype(float), b2)
digit = (data.x_test[8] > 0.5).double().numpy()              # (784,), 0 or 1
truth = model.posterior(digit)
sd = np.sqrt(np.diag(truth.cov()))
print(f"posterior mean {truth.mean().round(2)}, sd {sd.round(2)}")
print(f"log p(x) {truth.log_evidence:.3f} nats")
ticks = np.linspace(-0.45, 0.45, 91)                         # 0.01 apart
square = np.stack(np.meshgrid(*(m + ticks for m in truth.mean())), -1).reshape(-1, 2)
log_p = stats.norm.logpdf(square).sum(1) + model.log_p_x_given_z(digit, square)
check("log p(x) of the digit", truth.log_evidence,
      special.logsumexp(log_p) + 2 * np.log(0.01), atol=1e-8)

upper = np.arange(784) < 392                                 # the first 14 rows
fig, ax = plt.subplots(figsize=(3.4, 1.7))
plots.montage([digit, np.where(upper, digit, 0.5)], (28, 28), 2, ax, gap=4)
plt.show()

# %% [markdown] key="digit-words"
# *In words:* a white 8 on black, and its upper half: one closed loop, with grey below.

# %% [markdown] key="tasks"
# So with two latents no single integral is out of reach. What are these integrals good for? Section 2.1 names three tasks, each to be done **efficiently and approximately**:
#
# | | task | needs | for |
# |---|---|---|---|
# | **T1** | estimate $\theta$: maximum likelihood, or MAP (a prior on $\theta$ as well) | $\log p_\theta(x)$ of all data, or its gradient | knowing $\theta$; new data |
# | **T2** | infer $z$, given $x$ and $\theta$ | $p_\theta(z\mid x)$ | codes, representation |
# | **T3** | infer $x$ itself ("marginal inference"), wherever a prior over $x$ is needed | in its simplest form $p_\theta(x_m\mid x_o)$: some pixels, given others | denoising, filling in, super-resolution |
#
# T1 changes $\theta$. T2 and T3 keep it: T2 asks about the cause, T3 about pixels.

# %% [markdown] key="eq01-3"
# T3 looks new, but the same integral serves. Let $x_o$ be the observed pixels and $x_m$ the missing ones.
#
# $$\begin{aligned}
# p_\theta(x_m\mid x_o) &= \int p_\theta(x_m, z\mid x_o)\, dz && \text{every } z \text{ may have made them} \\
# &= \int p_\theta(z\mid x_o)\, p_\theta(x_m\mid x_o, z)\, dz && \text{product rule} \\
# &= \int p_\theta(z\mid x_o)\, p_\theta(x_m\mid z)\, dz && \text{given } z\text{, pixels are independent}
# \end{aligned}\tag{01.3}$$
#
# In words: infer the cause from what is seen (T2), then decode and average. That is the law of all missing pixels together; we show each pixel's probability alone, the mean image. We see only the upper half of the 8, the right picture above: predict what the model fills in. The check computes one missing pixel a second time, as a ratio of two evidences: $p(x_o, x_m{=}1)/p(x_o)$.

# %% key="eq01-3-check"
def see(pixels):
    """The decoder's model of some pixels only: the others are left out."""
    return BernoulliMLP(W1, b1, model.W2[pixels], model.b2[pixels])

quick = dict(n_coarse=54, tolerance=1e-4)     # larger squares, to save time
half = see(upper).posterior(digit[upper], **quick)           # p(z | upper half)
near = half.weight > 1e-12
means = half.weight[near] @ special.expit(see(~upper).logits(half.z[near]))   # (01.3)

pixel = 28 * 18 + 15               # one missing pixel: row 18, column 15, now white
also, white = upper.copy(), digit.copy()
also[pixel], white[pixel] = True, 1.0
both = see(also).posterior(white[also], **quick).log_evidence
check("eq01-3", means[pixel - 392], np.exp(both - half.log_evidence), atol=1e-8)

# %% key="tasks-picture"
fig, axes = plt.subplots(1, 2, figsize=(6, 3.2))
plots.montage(np.concatenate([digit[upper], means]), (28, 28), 1, axes[0])
axes[0].set_title("filled in (T3)")
height = half.weight / half.weight.max()
near = height > 1e-6
axes[1].tricontourf(*half.z[near].T, height[near], np.exp([-4.5, -2, -0.5, 0.01]),
                    colors=["#fbd3b4", "#f0965a", plots.P])
plots.gaussian_ellipse(truth.mean(), truth.cov(), axes[1], color="k")
axes[1].text(-0.1, -0.35, "all of $x$")
axes[1].text(0.05, -1.65, "upper half")
axes[1].set(xlim=(-0.8, 0.7), ylim=(-2.1, 0), xlabel="$z_1$", ylabel="$z_2$",
            title="posteriors (T2)", aspect="equal")
plt.show()
below = half.weight[half.z[:, 1] < -0.8].sum()
print(f"{below:.2f} of the upper half's posterior lies below z_2 = -0.8")

# %% [markdown] key="tasks-picture-words"
# *In words:* left, the upper half with a blurred slanted stroke below, which makes a 9. Right, the plane of codes: a small black outline near $(-0.2, -0.3)$, two sd of the whole 8's posterior. In orange, in three shades, the upper half's posterior: one large spot near $(-0.2, -1.6)$, and two faint ones near the 8's.
#
# Given the upper half alone, the model gives nine in ten to the codes of a 9, one in ten to codes near the 8's. That is no error of the sum: this $\theta$ believes it. The blur is the average over these codes.

# %% [markdown] key="ex1-2"
# ### Exercise 1.2 (predict)
#
# Which task is it? Enter six integers, 1, 2 or 3. The check tells how many are right.
#
# - a. A scratch runs through a photo. Restore the pixels under it.
# - b. Fit a model to 60,000 faces, then draw new faces.
# - c. Find the five images whose codes are nearest to that of a given image.
# - d. Find a telescope's noise level, from all its images.
# - e. From a 14 × 14 image, give a plausible 28 × 28 one.
# - f. Which illness explains a patient's symptoms, by a textbook's model?
#
# <details><summary>Hint 1</summary>Does the answer concern all data (θ), the cause of one x (z), or pixels of one x?</details>

# %% key="ex1-2-code"
tasks = ...                                                  # e.g. [1, 1, 1, 1, 1, 1]
### BEGIN SOLUTION
tasks = [3, 1, 2, 1, 3, 2]
### END SOLUTION

# %% key="ex1-2-check"
want = str(4 * 78_033)
hints = ("a: is a code wanted, or a picture", "b: what must come before the drawing",
         "c: what is compared, pixels or causes", "d: does it belong to one image",
         "e: what is seen, what is wanted", "f: is the model known, and what is not")
# T3 and 3.0 count as 3
given = [str(one).strip("T.0") for one in np.ravel(np.array(tasks, object))]
slips = [hint for hint, mine, right in zip(hints, given, want) if mine != right]
count = 6 - len(slips)                                       # how many are right
if len(given) != 6:
    count, slips = 0, ["six integers are wanted, one for each of a to f"]
if {"Ellipsis", "None"} & {*given}:
    count = None
exercise("ex1-2", count, 6, mistakes={"; ".join(slips): count})

# %% [markdown] key="scale"
# ## 4. Where sums end
#
# Two latents are few: the paper uses up to 200. A grid of 66 points an axis has $66^J$ points. Say that a computer decodes 20,000 codes a second, about what one core does with our network. Predict the time for one evidence at $J = 5$, and at $J = 20$.

# %% key="scale-count"
for J in (1, 2, 3, 5, 10, 20):
    seconds = 66.0**J / 20_000
    print(f"J = {J:2}: {66.0**J:7.0e} points, {seconds:7.0e} seconds, "
          f"{seconds / (365.25 * 24 * 3600):7.0e} years")

# %% [markdown] key="eq01-4"
# $J = 3$ takes 14 seconds, $J = 5$ 17 hours: for one image and one $\theta$, while learning wants all images at every step.
#
# But a grid wastes its points. The evidence is an average, and lesson 00 averaged draws:
#
# $$p_\theta(x) = \int p(z)\, p_\theta(x\mid z)\, dz = \mathbb E_{p(z)}[p_\theta(x\mid z)] \approx \frac1L \sum_{l=1}^L p_\theta(x\mid z_l), \qquad z_l \sim p(z)\tag{01.4}$$
#
# In words: draw causes blindly, and average how probable each makes $x$. We take 10,000 codes for our 8. The prior has sd 1 in each direction, the posterior 0.03 and 0.04. Predict: how many of the draws matter?

# %% key="eq01-4-check"
rng = np.random.default_rng(0)
z = rng.standard_normal((10_000, 2))                         # from the prior
log_p_x_given_z = model.log_p_x_given_z(digit, z)            # (10000,)
estimate = special.logsumexp(log_p_x_given_z) - np.log(10_000)
w = np.exp(log_p_x_given_z - truth.log_evidence)             # p(x|z) / p(x)
share = np.sort(w)[::-1].cumsum() / w.sum()
print(f"log p(x): {estimate:.2f} from draws, {truth.log_evidence:.2f} exact")
print(f"{(share < 0.99).sum() + 1} of 10,000 draws carry 99 % of the sum")
check_mc("eq01-4: p(x) from draws, over p(x) from the grid", w, 1.0)

# %% [markdown] key="prior-real-about"
# One draw in 170 matters, and the answer is still good: the ratio is 1 within its error, so the grid has overlooked no large share either.
#
# And with more latents? We have four networks, with 2, 5, 10 and 20. Where no grid checks, the bound of lesson 00 can be estimated, and $\log p_\theta(x)$ is at the bound or above. Predict where 1,000 draws from the prior put the 8.

# %% key="prior-real"
rng, x = np.random.default_rng(0), torch.tensor(digit)[None]             # (1, 784)
fig, ax = plt.subplots(figsize=(7, 3.2))
for place, J in enumerate((2, 5, 10, 20)):
    vae = pretrained(J).double().requires_grad_(False)
    log_p = vae.decoder.log_p_x_given_z(
        x, torch.tensor(rng.standard_normal((10_000, 1, J)))).reshape(10, 1000)
    estimates = torch.logsumexp(log_p, 1) - np.log(1000)                 # (10,)
    bound = vae.elbo(x, torch.tensor(rng.standard_normal((1000, 1, J)))).mean()
    ax.plot(np.full(10, place), estimates, "o", color=plots.NOISE, alpha=0.5)
    ax.plot([place - 0.3, place + 0.3], [bound] * 2, color=plots.BOUND)
ax.text(2.65, -84, "the bound: the truth is here or higher", ha="right")
ax.text(2.75, -200, "ten estimates,\n1,000 prior draws each", color="#555555",
        ha="right", va="center")
ax.set(xticks=range(4), xticklabels=(2, 5, 10, 20), xlabel="latents J",
       ylabel="$\\log\\,p(x)$ of the 8 (nats)", ylim=(-215, -70))
plt.show()

# %% [markdown] key="prior-real-words"
# *In words:* for each J, ten grey dots and a black bar. At J = 2 the dots lie about the bar at $-176$ nats (the exact value is $-175.2$). The bar rises to $-143$, $-106$ and $-90$: more latents explain the 8 better. The dots do not follow: at J = 20 they scatter from $-206$ to $-131$, far below it.
#
# Two faults at once. The estimates scatter, and they are too low: the log of an average is biased (00.7). By the mean of ten dots, a model that is at least 85 nats better looks hardly better than J = 2.

# %% [markdown] key="eq01-5"
# ## 5. Where gradients and EM end
#
# Maybe the evidence itself is not needed? To climb, its gradient would do.
#
# $$\begin{aligned}
# \nabla_\theta \log p_\theta(x) &= \frac{\nabla_\theta\, p_\theta(x)}{p_\theta(x)} = \frac{1}{p_\theta(x)}\int \nabla_\theta\, p_\theta(x, z)\, dz && \text{chain rule; } \nabla \text{ under the integral} \\
# &= \int \frac{p_\theta(x, z)}{p_\theta(x)}\, \nabla_\theta \log p_\theta(x, z)\, dz && \nabla p = p\, \nabla \log p \\
# &= \mathbb E_{p_\theta(z\mid x)}\big[\nabla_\theta \log p_\theta(x, z)\big] && \text{(01.2)}
# \end{aligned}\tag{01.5}$$
#
# In words: the slope of the evidence is the slope of the joint, averaged over the causes that explain $x$. An average in place of a bare integral, but it wants the posterior. The check takes $\theta$ to be the height of the tanh, 2.

# %% key="eq01-5-check"
def log_p_x(height):
    return np.log(np.exp(log_joint(2.5, grid, height)).sum() * dz)

t = np.tanh(1.5 * grid)
inner = (2.5 - 2 * t) * t / 0.5**2                  # d log p(x, z) / d height, at 2
slope = (log_p_x(2 + 1e-5) - log_p_x(2 - 1e-5)) / 2e-5
check("eq01-5", posterior @ inner * dz, slope, atol=1e-8)

# %% [markdown] key="eq01-6"
# **EM**, the classical way, is built on such averages. **E-step**: with the present parameters "old", find the posterior $p_{\rm old}(z\mid x)$, and average over it:
#
# $$Q(\theta) = \mathbb E_{p_{\rm old}(z\mid x)}[\log p_\theta(x, z)]\tag{01.6}$$
#
# **M-step**: take the $\theta$ that maximises $Q$, averaged over the data. Why does it help?
#
# $$\log \frac{p_\theta(x)}{p_{\rm old}(x)} = Q(\theta) - Q({\rm old}) + \mathrm{KL}\big(p_{\rm old}(z\mid x)\,\Vert\, p_\theta(z\mid x)\big)\tag{01.7}$$
#
# Here $\mathrm{KL}(q\,\Vert\, p) = \mathbb E_q[\log q - \log p]$, never negative, and 0 if both are equal (lesson 00). From a coin with $\frac12, \frac12$ to one with $\frac14, \frac34$ it is $\frac12\log 2 + \frac12\log\frac23 = 0.144$ nats.
#
# In words: the evidence rises by what $Q$ gains, and a KL on top. EM fills in the causes, fits as if they had been seen, and never goes downhill.
#
# <details><summary>Where (01.7) comes from (optional)</summary>
#
# $$\begin{aligned}
# \log p_\theta(x) &= \log p_\theta(x, z) - \log p_\theta(z\mid x) && \text{(01.2), as logs, for any } z \\
# &= Q(\theta) - \mathbb E_{\rm old}[\log p_\theta(z\mid x)] && \text{average over } p_{\rm old}(z\mid x) \\
# \log p_{\rm old}(x) &= Q({\rm old}) - \mathbb E_{\rm old}[\log p_{\rm old}(z\mid x)] && \text{the same at old}
# \end{aligned}\tag{01.7b}$$
#
# The left side has no $z$, so averaging leaves it alone. Subtract: the last terms give $\mathbb E_{\rm old}[\log p_{\rm old}(z\mid x)] - \mathbb E_{\rm old}[\log p_\theta(z\mid x)]$, a KL.
#
# </details>

# %% key="em"
x_em = x_all[:200, None]                                     # of the story, (200, 1)

def e_step(height):
    """log p(x) (200,), and p(z|x) times dz (200, 2001), on the grid."""
    log_p = log_joint(x_em, grid, height)
    log_sum = special.logsumexp(log_p, 1, keepdims=True)
    return log_sum[:, 0] + np.log(dz), np.exp(log_p - log_sum)

def Q(height, weight):                                       # (01.6), mean over the x
    return (weight * log_joint(x_em, grid, height)).sum(1).mean()

def m_step(weight):
    """The top of Q, a parabola in the height, from three of its values."""
    low, middle, high = (Q(h, weight) for h in (1, 2, 3))
    return 2 - (high - low) / (high - 2 * middle + low) / 2

# %% key="eq01-7-check"
heights = [1.0]                                              # a wrong start; 2 is true
for _ in range(25):
    heights.append(m_step(e_step(heights[-1])[1]))
print("height", np.round(heights[:6], 3))
print("mean log p(x)", np.round([e_step(h)[0].mean() for h in heights[:6]], 3))

(before, old), (after, new) = e_step(heights[0]), e_step(heights[1])
gain = Q(heights[1], old) - Q(heights[0], old)
check("eq01-7", (after - before).mean(), gain + (old * np.log(old / new)).sum(1).mean())
highest = optimize.minimize_scalar(lambda h: -e_step(h)[0].mean(), bracket=(1, 2, 3))
check("EM ends at the highest evidence", heights[-1], highest.x, atol=1e-6)

# %% [markdown] key="em-end"
# No step size, and steadily up, on a model that is not linear. So why not EM for the network? The M-step would survive, as a numerical climb. The E-step is the posterior. For a network no formula gives it, and beyond a few latents no grid does. There EM ends.
#
# The paper says that EM cannot be used then. Exact EM cannot. But one can *sample* from the posterior without its normaliser: Monte Carlo EM, with a slow chain of samples for every datapoint. The paper races it in section 5.

# %% [markdown] key="ex1-3"
# ### Exercise 1.3 (derive)
#
# Our M-step fitted a parabola. Derive its top on paper. With $t = \tanh 1.5z$ and height $h$, $Q$ averaged over the data is $\frac1N\sum_i \mathbb E_i\big[-\tfrac{1}{2s^2}(x_i - h\,t)^2\big]$ and terms without $h$, where $\mathbb E_i$ averages over the old posterior of $x_i$. Which $h$ maximises it? Enter the formula for `x`, `t_mean` and `t2_mean`, each (N,): the data, $\mathbb E_i[t]$ and $\mathbb E_i[t^2]$. It returns one number.
#
# <details><summary>Hint 1</summary>Multiply out the square inside the mean. x and h are no random numbers there, t is.</details>
# <details><summary>Hint 2</summary>The derivative with respect to h, set to 0: the sum over i of (x E[t] − h E[t²]) is 0.</details>

# %% key="ex1-3-code"
def best_height(x, t_mean, t2_mean):
    ### BEGIN SOLUTION
    return (x * t_mean).sum() / t2_mean.sum()
    ### END SOLUTION

# %% key="ex1-3-check"
old = e_step(1.0)[1]
x_i, t_i, t2_i = x_em[:, 0], old @ np.tanh(1.5 * grid), old @ np.tanh(1.5 * grid) ** 2
right = m_step(old)                                          # by the parabola
exercise("ex1-3", lambda: best_height(x_i, t_i, t2_i), right, mistakes={
    "the mean of t^2 is not the square of the mean":
        right * t2_i.sum() / (t_i**2).sum(),
    "sum over the data first, then divide": (x_i * t_i / t2_i).mean(),
    "one height for all data: sum over them": x_i * t_i / t2_i,
    "x and E[t] meet in each datapoint: multiply, then sum":
        x_i.mean() * t_i.mean() / t2_i.mean(),
    "x and E[t] meet in each datapoint: multiply first, then sum":
        x_i.sum() * t_i.sum() / t2_i.sum(),
    "sum both, or average both": right * len(x_i),
    "sum both, or average both: 1/N stands on one side": right / len(x_i),
    "upside down: h times the sum of E[t^2] is the sum of x E[t]": 1 / right,
    "the cross term is 2 x h E[t], and the square's derivative has a 2 too":
        right / 2,
    "the square's derivative has a 2, and so has the cross term": 2 * right,
    "the derivative has 1/s^2 in both terms: it cancels": right / 0.5**2,
    "divide by the sum of E[t^2]": (x_i * t_i).sum(),
    "divide by the mean of E[t^2]": (x_i * t_i).mean(),
    "the sign is wrong": -right})

# %% [markdown] key="eq01-8"
# ## 6. Where mean field ends
#
# If the posterior is out of reach, take something near. **Mean field** keeps independent factors, $q(z) = q_1(z_1)\, q_2(z_2)$, and raises the bound (00.9) by one factor at a time. That brings $q$ near the posterior: the bound lies $\mathrm{KL}(q\,\Vert\, p_\theta(z\mid x))$ below the evidence (lessons 00 and 02), and $q$ does not move the evidence. Hold $q_2$. The best $q_1$ is
#
# $$q_1(z_1) = \tfrac1c\, e^{a(z_1)}, \qquad a(z_1) = \mathbb E_{q_2}[\log p_\theta(x, z)], \qquad c = \textstyle\int e^{a(z_1)}\,dz_1\tag{01.8}$$
#
# In words: average the log joint over the other factor, exponentiate, normalise. Any other $q_1$ has a bound lower by $\mathrm{KL}(q_1\,\Vert\, e^a/c)$; the check tries 50. Then hold $q_1$, update $q_2$, and so on.
#
# <details><summary>Where (01.8) comes from (optional)</summary>
#
# $$\begin{aligned}
# \mathcal L &= \mathbb E_{q_1 q_2}[\log p_\theta(x, z)] - \mathbb E_{q_1}[\log q_1] - \mathbb E_{q_2}[\log q_2] && \text{the bound, (00.9)} \\
# &= \mathbb E_{q_1}[a(z_1) - \log q_1(z_1)] + \text{const} && \text{average over } q_2 \text{ first} \\
# &= -\mathrm{KL}\big(q_1\,\Vert\, e^{a}/c\big) + \text{const} && a = \log(e^a/c) + \log c
# \end{aligned}\tag{01.8b}$$
#
# A KL is smallest, 0, where both are equal.
#
# </details>
#
# An update **closes** if a formula turns a few numbers that describe $q_2$ into a few that describe the new $q_1$.

# %% key="eq01-8-check"
axis = grid[::5]                                             # 401 points a latent
step = axis[1] - axis[0]
u = axis[:, None] + axis                                     # z_1 + z_2, (401, 401)
log_prior = stats.norm.logpdf(axis)[:, None] + stats.norm.logpdf(axis)
log_p = log_prior + stats.norm.logpdf(2.5, 2 * np.tanh(1.5 * u), 0.5)    # x = 2.5
q_2 = stats.norm.pdf(axis, 0.4, 1) * step                    # density times step
a = log_p @ q_2                                              # (401,)

def bound(q_1):
    return q_1 @ log_p @ q_2 - sum(q @ np.log(q / step) for q in (q_1, q_2))

best = special.softmax(a)                                    # e^a / c, times the step
any_q_1 = np.random.default_rng(0).dirichlet(np.ones(401), 50)           # rough shapes
check("eq01-8", [bound(q) + q @ np.log(q / best) for q in any_q_1],
      np.full(50, bound(best)))

# %% [markdown] key="eq01-9"
# Does it close? Two latents, one pixel: $x\mid z \sim \mathcal N\big(f(z_1 + z_2),\, s^2\big)$. Let $\mathbb E$ be the mean over $q_2$ with $z_1$ fixed, and $m_2 = \mathbb E[z_2]$. First a **linear** decoder, $f(u) = 2u$. The square $(x - 2z_1 - 2z_2)^2$ is in the log:
#
# $$\begin{aligned}
# a(z_1) &= -\tfrac12 z_1^2 - \tfrac{1}{2s^2}\big((x - 2z_1)^2 - 4(x - 2z_1)\, m_2\big) + \text{const} && \text{multiply out} \\
# q_1 &= \mathcal N\Big(\tfrac{2(x - 2m_2)}{s^2 + 4},\ \tfrac{s^2}{s^2 + 4}\Big) && \text{self-test, 3}
# \end{aligned}\tag{01.9}$$
#
# Closed: $a$ is a parabola, so $q_1$ is normal for any $q_2$, and only $m_2$ enters. Now $f(u) = 2\tanh 1.5u$, with $t = \tanh 1.5(z_1 + z_2)$:
#
# $$\mathbb E[\log p(x\mid z)] = -\tfrac{1}{2s^2}\big(x^2 - 4x\, \mathbb E[t] + 4\, \mathbb E[t^2]\big) + \text{const}\tag{01.10}$$
#
# $z_1$ and $z_2$ do not come apart. Do mean and variance of $q_2$ suffice? Try two: a normal, and two points $m_2 \pm 1$, with equal mean and variance. Predict for each decoder: one new $q_1$ or two? Normal or not?

# %% key="eq01-10-check"
q_1s, m_2, s2, x, t = {}, 0.4, 0.25, 2.5, np.tanh(1.5 * u)
q_2s = {"normal": q_2, "two points": np.where(np.isclose(abs(axis - m_2), 1), 0.5, 0)}
decoders = {"linear": 2 * u, "tanh": 2 * t}
for name, mean in decoders.items():
    log_x = stats.norm.logpdf(x, mean, s2**0.5)              # log p(x|z), (401, 401)
    for shape, q in q_2s.items():
        q_1s[name, shape] = q_1 = special.softmax((log_prior + log_x) @ q)
        print(f"{name:6} decoder, q_2 {shape:10}: q_1 has mean {q_1 @ axis:.3f}")
formula = stats.norm.pdf(axis, 2 * (x - 2 * m_2) / (s2 + 4), np.sqrt(s2 / (s2 + 4)))
for shape in q_2s:
    check(f"eq01-9, {shape}", q_1s["linear", shape] / step, formula)
square = x**2 - 4 * x * (t @ q_2) + 4 * (t**2 @ q_2)         # (401,), for each z_1
check("eq01-10", -0.5 * np.log(2 * np.pi * s2) - square / (2 * s2), log_x @ q_2)

# %% key="mean-field"
fig, axes = plt.subplots(1, 2, figsize=(7, 2.8))
for ax, name in zip(axes, decoders):
    line, dots = (q_1s[name, shape] / step for shape in q_2s)
    m = line @ axis * step
    sd = np.sqrt(line @ (axis - m) ** 2 * step)
    ax.plot(axis, stats.norm.pdf(axis, m, sd), ":", color=plots.NOISE, lw=2)
    ax.plot(axis, line, color=plots.Q)
    ax.plot(axis[::3], dots[::3], "o", color=plots.Q, mfc="none", ms=4)
    ax.set(xlim=(m - 5 * sd, m + 5 * sd), xlabel="$z_1$", title=f"{name} decoder")
axes[0].set_ylabel("new $q_1(z_1)$")
axes[0].text(1.1, 1.3, "from both $q_2$,\na normal", color=plots.Q)
axes[1].text(1.75, 0.86, "from two points", color=plots.Q)
axes[1].text(2.25, 0.56, "from a normal $q_2$", color=plots.Q)
axes[1].text(3.0, 0.24, "dotted:\na normal", color=plots.NOISE)
plt.show()

# %% [markdown] key="mean-field-words"
# *In words:* left, the linear decoder: the curve from a normal $q_2$, the circles from two points and a dotted normal lie on each other. Right, the tanh: the circles peak higher and farther left than the curve, and the curve leans away from a dotted normal of its mean and sd.
#
# With the tanh the update wants all of $q_2$, and the new $q_1$ is no normal but a curve without a name. That is no proof that no formula exists, but we know none. So every update needs an integral: in a decoder as in section 3, with $J = 20$, over 19 latents.
#
# Draws from $q_2$ could estimate that integral. But the updates would still start anew for each datapoint.

# %% [markdown] key="demands"
# ## 7. What the paper asks for
#
# | way | works with | ends at |
# |---|---|---|
# | grid | $J \le 3$ | $66^J$ points |
# | prior draws | enough draws where the posterior is (few latents) | too few that matter |
# | evidence, its gradient | a formula for the integral (01.1) | a network in $p_\theta(x\mid z)$: none known; with $J \le 3$ a grid replaces it |
# | EM | a formula for the posterior | the same |
# | mean field | a formula for $\mathbb E_{q_2}[\log p_\theta(x, z)]$ | the same |
#
# The last three, where no formula is known, are the paper's **intractability**; the first two, which end at their cost, are our own trials. Its second condition is **a large data set**: a step may look at few $x$, and no chain of samples can be run for each.
#
# Its answer keeps the bound of (00.9). An average over draws from $q$ replaces the formula, and a second network, the encoder, replaces the search for each datapoint.

# %% [markdown] key="eq01-11"
# ## 8. EM and mean field in matrices (optional)
#
# On the linear model, $x = Wz + b + \text{noise}$ of variance $s^2$, both are formulas in any dimension. The posterior of $x_i$ is $\mathcal N(m_i, S)$ with $m_i = S h_i$, $h_i = W^\top(x_i - b)/s^2$ and $S = \Lambda^{-1}$, $\Lambda = I + W^\top W/s^2$ ((01.12) shows why). $S$ has no $x$ in it. The M-step for $W$:
#
# $$\begin{aligned}
# 0 &= \nabla_W \sum_i \mathbb E_i\Big[-\tfrac{1}{2s^2}\lVert x_i - b - Wz\rVert^2\Big] && \text{at a maximum; all else has no } W \\
# &= \tfrac{1}{s^2} \sum_i \mathbb E_i\big[(x_i - b - Wz)\, z^\top\big] && \text{entry } W_{dj}\text{: } (x_i - b - Wz)_d\, z_j/s^2 \\
# &= \tfrac{1}{s^2} \sum_i (x_i - b)\, m_i^\top - \tfrac{1}{s^2} W \sum_i \mathbb E_i[zz^\top] && \text{expectations are linear} \\
# W &= \Big[\sum_i (x_i - b)\, m_i^\top\Big]\Big[\sum_i (m_i m_i^\top + S)\Big]^{-1} && \mathbb E_i[zz^\top] = m_i m_i^\top + S \text{; solve}
# \end{aligned}\tag{01.11}$$
#
# In words: Exercise 1.3 in matrices. Two referees. Only mean and covariance of the posterior enter, so four points with these can replace it, and the M-step is a least-squares fit to 4 × 500 points. And at the model with the highest evidence of all, which is known here, EM must stay.

# %% key="eq01-11-check"
W_true = [[2, 1.5], [1, 1.5], [0.5, 1], [-1, 0], [0, 1]]     # D = 5, J = 2
_, x_lin = LinearGaussian(W_true, [1, 0, -1, 0.5, 2], 0.5).sample(
    500, np.random.default_rng(0))                           # (500, 5)

def em_step(model):
    mean, cov = model.posterior(x_lin)                       # E-step: (500, 2), (2, 2)
    zz = mean.T @ mean + len(x_lin) * cov
    W = (x_lin - model.b).T @ mean @ np.linalg.inv(zz)       # M-step, (01.11)
    return LinearGaussian(W, model.b, model.s2)

start = LinearGaussian(np.random.default_rng(1).standard_normal((5, 2)), np.ones(5), 1)
mean, cov = start.posterior(x_lin)
shift = np.sqrt(2) * np.linalg.cholesky(cov).T               # (2, 2)
z = mean + np.concatenate([shift, -shift])[:, None]          # four points, (4, 500, 2)
fit = np.linalg.lstsq(z.reshape(-1, 2), np.tile(x_lin - start.b, (4, 1)))[0].T
check("eq01-11, a least-squares fit", em_step(start).W, fit)
top = LinearGaussian.maximum_likelihood(x_lin, J=2)
check("eq01-11, at the top EM stays", em_step(top).W, top.W)

# %% [markdown] key="eq01-12"
# Mean field, with $h = h_i$ for one datapoint:
#
# $$\begin{aligned}
# \log p(x, z) &= -\tfrac12 z^\top z - \tfrac{1}{2s^2}\lVert x - b - Wz\rVert^2 + \text{const} && \text{two normals} \\
# &= -\tfrac12 z^\top \Lambda z + h^\top z + \text{const} && \text{multiply out, collect} \\
# a(z_1) &= -\tfrac12\big(\Lambda_{11} z_1^2 + 2\Lambda_{12}\, z_1 m_2\big) + h_1 z_1 + \text{const} && \text{mean over } q_2\text{; the rest has no } z_1 \\
# q_1 &= \mathcal N\big((h_1 - \Lambda_{12}\, m_2)/\Lambda_{11},\; 1/\Lambda_{11}\big) && \text{complete the square}
# \end{aligned}\tag{01.12}$$
#
# In words: the update needs one number of $q_2$, its mean. (Completing the square in the second line for all of $z$ gives the posterior $\mathcal N(\Lambda^{-1}h, \Lambda^{-1})$.) Now update $m_1$ and $m_2$ in turn: **coordinate ascent**, CAVI for short. Two referees: brute force on the plane for one update, and `best_diagonal`, which solves for the best diagonal $q$ at once.

# %% key="eq01-12-check"
linear, point = LinearGaussian(W_true, top.b, 0.5), x_lin[:1]            # (1, 5)
Lambda, h = linear.precision, linear.W.T @ (point[0] - linear.b) / linear.s2
walk = [np.array([-1.0, 1.5])]                               # a bad start, (m_1, m_2)
for _ in range(40):
    for j in (0, 1):
        m = walk[-1].copy()
        m[j] = (h[j] - Lambda[j, 1 - j] * m[1 - j]) / Lambda[j, j]       # (01.12)
        walk.append(m)
plane = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1)             # z_1, z_2
a = (linear.log_p_x_given_z(point, plane[:, :, None])[..., 0] + log_prior) @ (
    stats.norm.pdf(axis, 1.5, 0.6) * step)                   # a q_2 of mean 1.5
check("eq01-12, one update", special.softmax(a) @ axis, walk[1][0])
mu, var = linear.best_diagonal(point)
check("eq01-12, CAVI ends at the best diagonal q", walk[-1], mu[0], atol=1e-8)
print("variances, q / posterior:", (var / np.diag(linear.posterior(point)[1])).round(2))

# %% key="cavi-picture"
fig, ax = plt.subplots(figsize=(4.6, 4))
mean, cov = linear.posterior(point)
plots.gaussian_ellipse(mean[0], cov, ax, color=plots.P)
plots.gaussian_ellipse(mu[0], np.diag(var), ax, ls="--")
ax.text(0.25, 0.5, "posterior", color=plots.P)
ax.text(-0.1, -0.85, "best $q$", color=plots.Q)
ax.plot(*np.array(walk).T, "o-", color=plots.Q, ms=4, lw=1)
ax.annotate("start", walk[0], xytext=(0, 6), textcoords="offset points")
ax.set(ylim=(-1.2, 1.8), xlabel="$z_1$", ylabel="$z_2$", aspect="equal")
plt.show()

# %% [markdown] key="cavi-picture-words"
# *In words:* a long tilted orange ellipse, two sd of the posterior, and a dashed blue one of the best factorised $q$, nearly a circle around the same centre. A blue path comes from the upper left, along one axis at a time, in ever shorter steps, and ends at the centre.
#
# The mean is exact. But $q$ cannot tilt, and its variances are 0.47 of the posterior's: the price of independent factors.

# %% [markdown] key="misconception"
# ## Misconception card
#
# > **"The posterior is intractable because Bayes' rule is hard. Intractable means: it cannot be computed."**
#
# Bayes' rule is one division, and its numerator is cheap for any network. Which of two codes is more probable given $x$, and by what factor? $p(z\mid x)/p(z'\mid x) = p(x, z)/p(x, z')$: exact, for any $J$, no integral. Hard is only the normaliser, $p(x)$. And "intractable" speaks of formulas and cost, not of existence: with $J = 2$ we summed it to many digits; with $J = 20$ that would take $10^{24}$ years.

# %% [markdown] key="take-away"
# ## What you can do now
#
# - write the evidence (01.1) and the posterior (01.2), and sum both on a grid;
# - show where each way ends: the table of section 7;
# - tell T1 (parameters), T2 (causes) and T3 (pixels) apart, and name the two demands: no formula needed, and much data.
#
# **Next.** [Lesson 02](02_the_bound.ipynb) takes the bound apart: how far it lies below the evidence, and why maximising it gives both a $\theta$ and a way back.
