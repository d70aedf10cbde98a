# %% [markdown] key="title"
# # 00 · Start here
#
# *Is my machine fine, and what do the symbols mean?*
#
# **After this you can**
# - run, restart and check every lesson of this course;
# - read the paper's symbols as shapes and as code;
# - compute with log-densities, and say how far an average over random draws is from the truth.
#
# **Paper**: sections 2.1 and 2.3, notation only · **Study**: 70 minutes · **Running**: 10 seconds · **You need**: arrays in Python, derivatives and integrals, the normal distribution, covariance, conditional densities

# %% key="imports"
import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy import special, stats

from aevb_lib import LatentExplorer, load_mnist, plots, pretrained

plots.use_style()

# %% [markdown] key="first-look"
# The paper trains a network that turns two numbers into a handwritten digit. Here is one, trained. Each point of the plane is a **code** $z = (z_1, z_2)$, and the **decoder** turns it into an image.
#
# Predict first: what do you expect halfway between the 0s and the 7s? Then run the two cells (Shift+Enter in each, from the top) and drag over the plane.

# %% key="explorer" tags=["nbval-ignore-output"]
data, vae = load_mnist(), pretrained(2)
with torch.no_grad():
    codes, _ = vae.encode(data.x_test)                       # means, (1000, 2)
LatentExplorer(vae.decoder.layers(), codes, data.labels_test,
               encoder=vae.encoder.layers(), x=data.x_test,
               image_shape=data.image_shape)

# %% [markdown] key="explorer-words"
# *In words:* 1,000 small digits on a plane with three rings, each where the **encoder** put its image, and beside them one large image, decoded from the point under the pointer. Below is a pad: draw a digit, and the encoder answers with an ellipse of codes that may have made it.
#
# The network was trained beforehand on 60,000 digits, and those shown are among them. You see what it has learned, not how it does on new digits.
#
# With the keyboard: Tab to the plane. Arrow keys move $z$ (with Shift farther), Enter picks the nearest digit, Space plays or pauses, Home goes to the centre, Escape clears.
#
# One line of text instead of a plane means that the cell has not run here, or that the page shows no live pictures. The next cell draws a still one.

# %% key="plane"
zeros, sevens = (codes[data.labels_test == digit].mean(0) for digit in (0, 7))
path = zeros + torch.linspace(0, 1, 8)[:, None] * (sevens - zeros)       # (8, 2)
with torch.no_grad():
    images = vae.decode(path)                                            # (8, 784)

fig, (left, right) = plt.subplots(1, 2, figsize=(7, 4.1), width_ratios=(5, 3))
plots.latent_plane(codes[:600], data.labels_test[:600], left)
plots.prior_rings(left)
badge = dict(ha="center", va="center",
             bbox=dict(boxstyle="circle,pad=0.15", facecolor="white"))
for name, (across, up) in zip("abcdefgh", path.tolist(), strict=True):
    left.text(across, up, name, **badge)
left.set_title("codes of 600 digits, and a path")
plots.montage(images, data.image_shape, 2, right, gap=4)
for n, name in enumerate("abcdefgh"):
    right.text(32 * (n % 2) + 3, 32 * (n // 2) + 3, name, **badge)
right.set_title("decoded along the path")
plt.show()

# %% [markdown] key="plane-words"
# *In words:* left, the codes of 600 digits. Like digits lie together; the ten colours only tell them apart. Eight points, a to h, run from the mean code of the 0s to the mean code of the 7s. Right, their images: a is a 0, h is a 7.
#
# The dashed rings belong to codes drawn from $\mathcal N(0, I)$, the **prior**: the density of codes before any image is seen. They hold 39, 86 and 99 % of such draws. The encoder's codes need not follow it: here 89 % lie within the outer ring.
#
# Halfway between 0 and 7 lie mostly other digits, some blurred. Nobody told the network what a digit is: it saw images without labels, and maximised one number, **the bound**. The course is about that number.

# %% [markdown] key="self-test"
# **Do you have what you need?** Three questions.
#
# 1. What is the variance of the mean of $L$ independent draws, each with variance $\sigma^2$?
# 2. What is $\log(a\,b)$? And the product $p(z)\,p(x\mid z)$?
# 3. An array of shape (5, 1, 2) times one of shape (4, 2): which shape comes out?
#
# <details><summary>Answers</summary>
#
# 1. $\sigma^2/L$. Section 4 derives it.
# 2. $\log a + \log b$. And $p(x, z)$, the joint density of both.
# 3. (5, 4, 2): sizes are compared from the right, and a 1 stretches.
#
# </details>

# %% [markdown] key="question"
# **The question of this lesson.** The bound is an average, over random codes, of logarithms of densities. What does one need to read such a sentence, and to trust a computer that evaluates it?
#
# Four things: names and shapes (section 2), densities and their logarithms (3), averages and their errors (4), and what happens when a logarithm meets an average (5).

# %% [markdown] key="machine"
# ## 1. Machine and course
#
# Every line below should end in "fine". If one does not, set the course up again in its folder: `make lab`. The last two lines compare a fingerprint of the digits, and time the training of a new model for two passes. Lesson 08 makes 120 passes: a second here is a minute there.

# %% key="machine-versions"
import sys
from hashlib import sha256
from importlib.metadata import version

wanted = {"numpy": (2, 0), "scipy": (1, 13), "torch": (2, 5), "ipywidgets": (8, 1)}
print("Python", "fine" if sys.version_info >= (3, 11) else "is older than 3.11")
for name, lowest in wanted.items():
    there = tuple(int(number) for number in version(name).split(".")[:2])
    print(name, "fine" if there >= lowest else f"{there} is older than {lowest}")
pixels = (data.x_test * 255).round().numpy().astype(np.uint8)            # (1000, 784)
fingerprint = sha256(pixels.tobytes()).hexdigest()
print("digits", "fine" if fingerprint.startswith("05f16c885f80") else "changed")

# %% key="machine-speed" tags=["nbval-ignore-output"]
from time import perf_counter

from aevb_lib import TODAY, VAE, train

generator = torch.Generator().manual_seed(0)
fresh = VAE(D=784, H=500, J=2, generator=generator)
start = perf_counter()
train(fresh, data.x_train, TODAY, generator=generator, epochs=2, report=None)
minutes = perf_counter() - start               # seconds here, minutes in lesson 08
print("speed", "fine" if minutes < 10 else f"low: {minutes:.0f} minutes in lesson 08")

# %% [markdown] key="course"
# **How to work.** Where a question stands before a cell, answer it before you run the cell. A wrong guess shows where to look twice.
#
# - **Run** a cell: Shift+Enter. **Interrupt** a long one: Escape, then `I` twice.
# - **Start afresh**: menu Kernel, *Restart Kernel and Run All Cells*. Do it whenever results look odd: cells run out of order leave old values behind.
# - **Look up** what a cell imports from `aevb_lib`: in a new cell, `pretrained?` shows what it does and `pretrained??` its code.

# %% [markdown] key="course-checks"
# **Checks.** Equations of ours have numbers such as (00.1), the paper's a tag such as KW 7. After each derivation a cell compares it with an answer found another way. `check` allows an error of $10^{-10}$, and stops the notebook when the answer is wrong.

# %% key="demo-check"
from aevb_lib import check, check_mc, exercise

check("area of a unit circle", np.pi * 1**2, 3.141592653589793)
try:
    check("a wrong formula", 2 * np.pi, 3.141592653589793)
except AssertionError as error:
    print("AssertionError:", error)

# %% [markdown] key="course-exercises"
# **Exercises** have a stub with `...` in it, hints, and a cell that tells you where you are and never stops the notebook. Here are its three answers to "what is $2^5$?" Nothing later depends on an exercise. The folder `notebooks/solutions` has them solved.

# %% key="demo-exercise"
exercise("demo, nothing done", ..., 32)
exercise("demo, a mistake we know", 2 * 5, 32, mistakes={"you multiplied by 5": 10})
exercise("demo, done", 2**5, 32)

# %% [markdown] key="symbols"
# ## 2. Symbols
#
# | paper | code | shape | what |
# |---|---|---|---|
# | $x$ | `x` | (M, D) | M datapoints, one a row; here images of D = 784 pixels |
# | $z$ | `z` | (L, M, J) | codes, or latent variables, of J numbers each |
# | $\epsilon$ | `eps` | (L, M, J) | noise, "epsilon" |
# | $\theta$ | `decoder` | | all parameters of the decoder, "theta" |
# | $\phi$ | `encoder` | | all parameters of the encoder, "phi" |
# | $\log p_\theta(z)$ | `log_p_z` | (L, M) | "log p of z", under the prior |
# | $\log p_\theta(x\mid z)$ | `log_p_x_given_z` | (L, M) | "log p of x given z", under the decoder |
# | $\log q_\phi(z\mid x)$ | `log_q_z_given_x` | (L, M) | "log q of z given x", under the encoder |
# | $\mu,\ \log\sigma^2$ | `mu`, `log_var` | (M, J) | mean and log variance of q |
#
# N datapoints in all, M in a minibatch, L draws for each. [NOTATION.md](../NOTATION.md) has all symbols.

# %% [markdown] key="flow-about"
# Where do they live? One picture of a whole step: an image goes in at the left, and the bound comes out at the bottom. Which arrays have L in their shape, and why not all?

# %% key="flow"
fig, ax = plt.subplots(figsize=(7, 3))
plots.step_diagram(ax)
plt.show()

# %% [markdown] key="flow-words"
# *In words:* images $x$ (M, D) go through the encoder, which gives $\mu$ and $\log\sigma^2$ (M, J). Noise (L, M, J) joins them in $z = \mu + \sigma\epsilon$ (L, M, J). The decoder turns $z$ into pixel means (L, M, D), and with the images these give $\log p(x\mid z)$ (L, M). The bound (M,) is its mean over L minus a term named KL (M,), which (00.9) will explain.
#
# Whatever hangs on noise has L in front, until it is averaged over L. What the encoder says about an image is computed once. Draws come first, also where L = 1.

# %% [markdown] key="course-colours"
# **Colours** mean the same in every picture but for the ten digits: blue is the encoder ($q$, $\phi$, and codes drawn from it), orange the model ($p$, $\theta$, prior and decoder), black the bound, exact answers and data, grey noise and standard errors. A label, a dash or a marker says it a second time.

# %% [markdown] key="shapes-about"
# The same with real arrays: M = 5 images, L = 3 draws each. `reparameterize` is the box "$z = \mu + \sigma\epsilon$".

# %% key="shapes"
from aevb_lib import reparameterize

x = data.x_test[:5]
generator = torch.Generator().manual_seed(0)
eps = torch.randn(3, 5, vae.J, generator=generator)
with torch.no_grad():
    z = reparameterize(*vae.encode(x), eps)
    arrays = {"x": x, "mu": vae.encode(x)[0], "eps": eps, "z": z,
              "pixel means": vae.decode(z),
              "log_p_x_given_z": vae.decoder.log_p_x_given_z(x, z),
              "bound": vae.elbo(x, eps)}
for name, array in arrays.items():
    print(f"{name:16}{tuple(array.shape)}")

# %% [markdown] key="shapes-after"
# `x` has no axis for draws. Arrays are aligned from the right, so (M, D) meets (L, M, D) without a loop: every draw is compared with the same image.

# %% [markdown] key="ex0-1"
# ### Exercise 0.1 (predict)
#
# The paper's model for MNIST has D = 784 pixels, H = 500 hidden units in each network and, say, J = 20 latents. The encoder has one hidden layer, then one layer for $\mu$ and one for $\log\sigma^2$. The decoder has one hidden layer, then one layer of D outputs. Every layer is $Wx + b$.
#
# With M = 100 and L = 1: what are the shapes of $x$ and $z$ (as tuples), and how many numbers are in $\phi$ and in $\theta$?
#
# <details><summary>Hint 1</summary>A layer from 784 to 500 has a weight for each pair and a bias for each output.</details>
# <details><summary>Hint 2</summary>Encoder: 784 → 500, then 500 → 20 twice. Decoder: 20 → 500 → 784.</details>

# %% key="ex0-1-code"
x_shape = z_shape = n_phi = n_theta = ...
### BEGIN SOLUTION
x_shape, z_shape = (100, 784), (1, 100, 20)
n_phi = (784 * 500 + 500) + 2 * (500 * 20 + 20)
n_theta = (20 * 500 + 500) + (500 * 784 + 784)
### END SOLUTION

# %% key="ex0-1-check"
paper = VAE(D=784, H=500, J=20, generator=torch.Generator())
phi, theta = (sum(w.numel() for w in part.parameters())
              for part in (paper.encoder, paper.decoder))

def blank(shape):
    return shape if shape is ... else np.zeros(shape)       # shapes are compared first

exercise("ex0-1, x", lambda: blank(x_shape), blank((100, 784)), mistakes={
    "one image a row, (M, D)": blank((784, 100)),
    "x has no axis for draws": blank((1, 100, 784))})
exercise("ex0-1, z", lambda: blank(z_shape), blank((1, 100, 20)), mistakes={
    "the axis for draws is there also when L = 1": blank((100, 20)),
    "draws come first, (L, M, J)": blank((100, 1, 20))})
exercise("ex0-1, numbers in phi", n_phi, phi, mistakes={
    "the encoder ends in two layers, mu and log sigma^2": phi - 500 * 20 - 20,
    "each layer has biases": phi - 500 - 2 * 20, "phi is the encoder's": theta})
exercise("ex0-1, numbers in theta", n_theta, theta, mistakes={
    "each layer has biases": theta - 500 - 784, "theta is the decoder's": phi})

# %% [markdown] key="density"
# ## 3. Density, probability, log-density
#
# A **probability** is a share: between 0 and 1. A **density** is probability per unit of $x$, as a speed is distance per hour. Density times width is approximately a probability, for a small width.
#
# Predict: can a density be larger than 1?

# %% key="density-code"
narrow = stats.norm(loc=0, scale=0.1)
print(f"density at 0                    {narrow.pdf(0):.3f}")
print(f"density at 0 times width 0.02   {narrow.pdf(0) * 0.02:.4f}")
print(f"probability of [-0.01, 0.01]    {narrow.cdf(0.01) - narrow.cdf(-0.01):.4f}")
print(f"log-density at 0                {narrow.logpdf(0):.3f}")

# %% [markdown] key="density-after"
# It can: here it is almost 4. The bell with $\sigma = 0.1$ is narrow, so it must be high for its area to be 1. Its logarithm is then above 0. A bound made of such densities may be positive as well, and a loss (its negative) may be negative. That is no bug.

# %% [markdown] key="logs"
# Why logarithms? An image has 784 pixels, and a model that knows nothing gives each pixel of a black-and-white image probability 1/2. The probability of the whole image is a product of 784 factors. Predict what `float32` makes of it.

# %% key="logs-code"
half = np.full(784, 0.5, dtype=np.float32)
print("product:    ", half.prod())
print("sum of logs:", f"{np.log(half).sum():.1f}", "nats")

# %% [markdown] key="nats"
# The product is about $10^{-236}$. The smallest positive number of `float32` is about $10^{-45}$, so it becomes 0, and every image looks equally impossible. The sum of logs is a plain number, and it can be compared.
#
# Logarithms here are natural, and their unit is the **nat**. One nat more means $e \approx 2.72$ times as probable; 100 nats more, $10^{43}$ times; 0.01 nat, one per cent. One nat is 1.44 bits. The bound is measured in nats per image, and higher is better.

# %% [markdown] key="eq00-1"
# The log-density that the course needs most is the normal's, with mean $\mu$ and variance $\sigma^2$.
#
# $$\begin{aligned}
# \log \mathcal N(x;\mu,\sigma^2) &= \log\Big[(2\pi\sigma^2)^{-1/2}\; e^{-(x-\mu)^2/(2\sigma^2)}\Big] && \text{the density} \\
# &= \log\,(2\pi\sigma^2)^{-1/2} + \log e^{-(x-\mu)^2/(2\sigma^2)} && \text{log of a product: a sum} \\
# &= -\tfrac12\log(2\pi\sigma^2) - \frac{(x-\mu)^2}{2\sigma^2} && \text{log of a power} \\
# &= -\tfrac12\Big(\log 2\pi + \log\sigma^2 + \frac{(x-\mu)^2}{\sigma^2}\Big) && \text{log of a product; collect}
# \end{aligned}\tag{00.1}$$
#
# $\sigma^2$ enters only as itself and as its log; code stores the log, `log_var`. Any real number is allowed for it, and $\sigma^2$, its exponential, is positive by itself.

# %% key="eq00-1-check"
x, mu, log_var = 0.7, -0.4, 0.6
by_hand = -0.5 * (np.log(2 * np.pi) + log_var + (x - mu) ** 2 / np.exp(log_var))
check("eq00-1", by_hand, stats.norm.logpdf(x, loc=mu, scale=np.exp(log_var / 2)))

# %% [markdown] key="eq00-1-after"
# SciPy wants $\sigma$, not $\sigma^2$: hence the `/ 2` in `scale`. Mixing the two is a common bug.

# %% [markdown] key="eq00-2"
# A code has J numbers. The paper takes them independent, each with its own $\mu_j$ and $\sigma_j^2$ (a **diagonal** covariance; the paper writes $\sigma^2 I$ for it).
#
# $$\begin{aligned}
# \log \mathcal N(x;\mu,\mathrm{diag}(\sigma^2)) &= \log \prod_{j=1}^{J} \mathcal N(x_j;\mu_j,\sigma_j^2) && \text{independent: densities multiply} \\
# &= \sum_{j=1}^{J} \log \mathcal N(x_j;\mu_j,\sigma_j^2) && \text{log of a product: a sum}
# \end{aligned}\tag{00.2}$$
#
# The check takes M = 3 points with J = 2, first in a loop against SciPy's full covariance, then as one array.

# %% key="eq00-2-check"
from aevb_lib import log_normal

rng = np.random.default_rng(0)
x, mu, log_var = rng.standard_normal((3, 3, 2))                          # each (3, 2)
loop = [stats.multivariate_normal.logpdf(x[i], mu[i], np.diag(np.exp(log_var[i])))
        for i in range(3)]
terms = -0.5 * (np.log(2 * np.pi) + log_var + (x - mu) ** 2 / np.exp(log_var))
check("eq00-2", terms.sum(-1), loop)
check("aevb_lib agrees", log_normal(*map(torch.from_numpy, (x, mu, log_var))), loop)

# %% [markdown] key="eq00-2-after"
# From here on `aevb_lib.densities.log_normal`, the same line. It sums over the last axis, so (L, M, J) gives (L, M): one log-density for each draw and datapoint.

# %% [markdown] key="eq00-3"
# Sometimes a sum of probabilities is wanted, and only their logs $a_1, \dots, a_L$ are at hand. Taking $e^{a}$ would underflow again. **Log-sum-exp** takes the largest, $m = \max_l a_l$, out first.
#
# $$\begin{aligned}
# \log \sum_{l=1}^{L} e^{a_l} &= \log \sum_{l=1}^{L} e^{m}\, e^{a_l - m} && e^{a} = e^{m}\, e^{a-m} \\
# &= \log\Big(e^{m} \sum_{l=1}^{L} e^{a_l - m}\Big) && m \text{ does not depend on } l \\
# &= m + \log \sum_{l=1}^{L} e^{a_l - m} && \text{log of a product: a sum}
# \end{aligned}\tag{00.3}$$
#
# The largest term is now $e^0 = 1$, so the sum is at least 1 and its log is safe.

# %% key="eq00-3-check"
a = np.array([-1000.0, -1001.0, -1003.0])
m = a.max()
print("sum of exp(a):", np.exp(a).sum())
check("eq00-3", m + np.log(np.exp(a - m).sum()), special.logsumexp(a))
check("eq00-3, shifted", m + np.log(1 + np.exp(-1) + np.exp(-3)), special.logsumexp(a))

# %% [markdown] key="ex0-2"
# ### Exercise 0.2 (code)
#
# Write the log-density of a diagonal normal from `log_var`, for arrays of any shape (..., J). The result has shape (...). Use NumPy, and take (00.1) and (00.2) from your head if you can. If the check keeps saying "not yet": does your function return its value?
#
# <details><summary>Hint 1</summary>Three terms inside one bracket, a factor in front, a sum over the last axis.</details>
# <details><summary>Hint 2</summary>The variance is <code>np.exp(log_var)</code>; <code>.sum(-1)</code> sums over J.</details>

# %% key="ex0-2-code"
def my_log_normal(x, mu, log_var):
    ### BEGIN SOLUTION
    square = (x - mu) ** 2 / np.exp(log_var)
    return -0.5 * (np.log(2 * np.pi) + log_var + square).sum(-1)
    ### END SOLUTION

# %% key="ex0-2-check"
points, means, log_vars = np.random.default_rng(1).standard_normal((3, 4, 2))
square, log_2pi = (points - means) ** 2, np.log(2 * np.pi)

def variant(variance, constant=log_2pi):
    return -0.5 * (constant + log_vars + square / variance)              # (4, 2)

right = stats.norm.logpdf(points, means, np.exp(log_vars / 2)).sum(-1)   # (4,)
exercise("ex0-2", lambda: my_log_normal(points, means, log_vars), right, mistakes={
    "the variance is exp(log_var)": variant(log_vars).sum(-1),
    "you have sigma where sigma^2 belongs": variant(np.exp(log_vars / 2)).sum(-1),
    "SciPy's scale is sigma, not sigma^2":
        stats.norm.logpdf(points, means, np.exp(log_vars)).sum(-1),
    "the 1/2 in front is all: no 2 under the square":
        variant(2 * np.exp(log_vars)).sum(-1),
    "the factor 1/2 is missing": 2 * right,
    "log 2 pi is missing": variant(np.exp(log_vars), 0).sum(-1),
    "log 2 pi belongs to each latent, J times": right + 0.5 * log_2pi,
    "sum over the last axis": variant(np.exp(log_vars)),
    "you took the mean over J, not the sum": right / 2,
    "the formula has log sigma^2, not its half": right + 0.25 * log_vars.sum(-1),
    "the sign is turned": -right})

# %% [markdown] key="expectation"
# ## 4. Averages over random draws, and their error
#
# The **expectation** $\mathbb E_{q(z)}[f(z)] = \int q(z) f(z)\, dz$ is the mean of $f(z)$ when $z$ is drawn from $q$. The bound is such a mean. Its integral can seldom be done, so the paper averages $L$ draws: **Monte Carlo**,
#
# $$\mathbb E_{q(z)}[f(z)] \approx \bar f_L = \frac1L \sum_{l=1}^{L} f(z_l), \qquad z_l \sim q(z).\tag{00.4}$$
#
# To see how good this is we need a case with an exact answer: $f(z) = z^2 + \sin z$ with $q = \mathcal N(\mu, \sigma^2)$.

# %% [markdown] key="eq00-5"
# $$\begin{aligned}
# \mathbb E[z^2 + \sin z] &= \mu^2 + \sigma^2 + \mathbb E[\sin z] && \mathbb E[z^2] = \text{mean}^2 + \text{variance} \\
# &= \mu^2 + \sigma^2 + \mathbb E[\sin(\mu + \sigma\epsilon)] && z = \mu + \sigma\epsilon,\ \epsilon \sim \mathcal N(0, 1) \\
# &= \mu^2 + \sigma^2 + \sin\mu\; \mathbb E[\cos\sigma\epsilon] && \text{sine of a sum; } \mathbb E[\sin\sigma\epsilon] = 0 \text{, it is odd} \\
# &= \mu^2 + \sigma^2 + \sin\mu\; e^{-\sigma^2/2} && \text{below}
# \end{aligned}\tag{00.5}$$
#
# The last mean, $g(\sigma) = \mathbb E[\cos\sigma\epsilon]$, has $g(0) = 1$ and $g' = -\mathbb E[\epsilon \sin\sigma\epsilon] = -\sigma g$ (by parts, as the normal's density has $n' = -\epsilon\, n$). Only $e^{-\sigma^2/2}$ does that. The check is a **quadrature**: a weighted sum at 60 fixed points that integrates smooth functions against a normal almost exactly.

# %% key="eq00-5-check"
nodes, weights = np.polynomial.hermite_e.hermegauss(60)
weights = weights / weights.sum()

def expect(f, mu, sigma):
    """E[f(z)], z ~ N(mu, sigma^2), by quadrature."""
    return weights @ f(mu + sigma * nodes)

def f(z):
    return z**2 + np.sin(z)

mu, sigma = 1.0, 0.8
exact = mu**2 + sigma**2 + np.exp(-sigma**2 / 2) * np.sin(mu)
check("eq00-5, the cosine", np.exp(-sigma**2 / 2), expect(np.cos, 0, sigma))
check("eq00-5", exact, expect(f, mu, sigma))

# %% [markdown] key="mc-about"
# Now Monte Carlo, with 100 draws. Predict: how many digits will be right?

# %% key="mc"
rng = np.random.default_rng(0)
z = mu + sigma * rng.standard_normal(100)
print(f"exact {exact:.4f}")
print(f"L=100 {f(z).mean():.4f}")

# %% [markdown] key="eq00-6"
# One digit is right, the first. Other draws would give another average. How far does it spread? Let $\sigma_f^2$ be the variance of one $f(z_l)$.
#
# $$\begin{aligned}
# \mathrm{Var}[\bar f_L] &= \frac{1}{L^2}\, \mathrm{Var}\Big[\sum_{l=1}^L f(z_l)\Big] && \text{a constant factor comes out squared} \\
# &= \frac{1}{L^2} \sum_{l=1}^L \mathrm{Var}[f(z_l)] && \text{independent draws: no covariances} \\
# &= \frac{1}{L^2}\; L\, \sigma_f^2 = \frac{\sigma_f^2}{L} && L \text{ equal terms}
# \end{aligned}\tag{00.6}$$
#
# Its root is the **standard error**, $\mathrm{SE} = \sigma_f/\sqrt L$. One more digit costs 100 times the draws.

# %% [markdown] key="eq00-6-about"
# A variance is the mean squared distance from the mean, here $\mathbb E f$. So (00.6) says that $L\,(\bar f_L - \mathbb E f)^2$ has the mean $\sigma_f^2$, for every L. We make 2,000 averages for each L, and compare. `check_mc` allows 4 standard errors; a right answer fails it about once in 16,000 times.

# %% key="eq00-6-check"
variance_f = expect(lambda z: (f(z) - exact) ** 2, mu, sigma)
rng = np.random.default_rng(0)
for L in (1, 10, 100, 1000):
    means = f(mu + sigma * rng.standard_normal((2000, L))).mean(1)       # (2000,)
    check_mc(f"eq00-6, L = {L}", L * (means - exact) ** 2, variance_f)
    print(f"   typical error {np.sqrt(np.mean((means - exact) ** 2)):.3f}"
          f", sigma_f / sqrt(L) {np.sqrt(variance_f / L):.3f}")

# %% [markdown] key="eq00-6-after"
# The number after the ± is the check's own standard error. The typical error falls as predicted: ten times the draws, a third of the error.
#
# Now our 100 draws of before can be judged. In real work $\sigma_f$ is not known, so `check_mc` estimates it from the draws.

# %% key="eq00-4-check"
check_mc("eq00-4, L = 100", f(z), exact)

# %% [markdown] key="running-mean-about"
# The error is 0.6 standard errors: nothing unusual. Next, one average as it grows. Predict: does it move steadily towards the exact answer?

# %% key="running-mean"
rng = np.random.default_rng(0)
L = np.arange(1, 10_001)
values = f(mu + sigma * rng.standard_normal((3, len(L))))                # (3, 10000)
running = values.cumsum(1) / L
se = np.sqrt(variance_f / L)

fig, ax = plt.subplots()
ax.fill_between(L, exact - se, exact + se, color=plots.NOISE, alpha=0.25, lw=0)
ax.axhline(exact, color=plots.BOUND)
for mean, dashes in zip(running, ("-", "--", ":"), strict=True):
    ax.plot(L, mean, color=plots.Q, ls=dashes, lw=1.3)
ax.text(2500, exact + 0.12, "exact", color=plots.BOUND)
ax.text(12, exact - 1.0, "band: exact ± 1 standard error", color=plots.NOISE)
ax.text(24, exact + 0.8, "three running means", color=plots.Q)
ax.set(xscale="log", xlim=(1, 1e4), ylim=(exact - 2.2, exact + 2.2),
       xlabel="draws L", ylabel="mean of $z^2 + \\sin z$")
plt.show()

# %% [markdown] key="running-mean-words"
# *In words:* three blue lines (solid, dashed, dotted) wander around a black line, the exact answer. A grey band of one standard error narrows around it by a factor 100 from L = 1 to L = 10,000. The lines leave the band now and then, and gather with it.
#
# An average does not move steadily: it wanders, and may move away before it comes back. At any one L it is within one standard error about two times in three, and nearly always within four, because an average of many draws is nearly normal. A number from Monte Carlo without its standard error says little.

# %% [markdown] key="ex0-3"
# ### Exercise 0.3 (code and derive)
#
# 1. Outside of toy models $\sigma_f$ is unknown. Estimate the standard error of the mean of `values` (L,) from the values alone: L is `len(values)`. Use `np.std(values, ddof=1)` for $\sigma_f$ (it divides by L − 1, because the mean was estimated too).
# 2. From (00.6): how many draws bring the standard error down to a target $t$? Enter the formula.
#
# <details><summary>Hint 1</summary>The variance of the mean is the variance over L. The standard error is its root.</details>
# <details><summary>Hint 2</summary>Set $\sigma_f/\sqrt L = t$ and solve for L.</details>

# %% key="ex0-3-code"
def standard_error(values):
    ### BEGIN SOLUTION
    return np.std(values, ddof=1) / np.sqrt(len(values))
    ### END SOLUTION

def draws_needed(sigma_f, target):
    ### BEGIN SOLUTION
    return (sigma_f / target) ** 2
    ### END SOLUTION

# %% key="ex0-3-check"
sample = f(1 + 0.8 * np.random.default_rng(2).standard_normal(400))
sd, n = sample.std(ddof=1), len(sample)
exercise("ex0-3, standard error", lambda: standard_error(sample), stats.sem(sample),
         mistakes={"divide by the root of L, not by L": sd / n,
                   "you have the variance where sigma belongs": sd**2 / np.sqrt(n),
                   "take the root of the variance of the mean": sd**2 / n,
                   "that is the spread of one draw, not of the mean": sd,
                   "ddof=1 is missing": sample.std() / np.sqrt(n),
                   "L is another cell's here; take len(values)":
                       sd / np.sqrt(np.arange(1, 10_001))})
exercise("ex0-3, draws needed", lambda: draws_needed(1.5, 0.01), 22_500, mistakes={
    "L stands under a root: square both sides": 150,
    "sigma_f is squared as well": 1.5 / 0.01**2})

# %% [markdown] key="jensen"
# ## 5. The log of a mean is not the mean of a log
#
# The paper wants $\log p_\theta(x)$, the log of the **evidence**. With the joint density $p_\theta(x, z) = p_\theta(z)\, p_\theta(x\mid z)$ it is $p_\theta(x) = \int p_\theta(z)\, p_\theta(x\mid z)\, dz$: the mean of $p_\theta(x\mid z)$ over codes from the prior. Averages can be sampled. Logs of averages are another matter.
#
# Take two numbers, 1 and 9. Predict which is larger: the log of their mean, or the mean of their logs?

# %% key="jensen-code"
w = np.array([1.0, 9.0])
print(f"log of the mean {np.log(w.mean()):.3f}")
print(f"mean of the log {np.log(w).mean():.3f}")

# %% [markdown] key="eq00-7"
# That was no accident. For positive $w$ with mean $m = \mathbb E[w]$:
#
# $$\begin{aligned}
# \log w &\le \log m + \frac{w - m}{m} && \text{a log lies below its tangent at } m \\[4pt]
# \mathbb E[\log w] &\le \log m + \frac{\mathbb E[w] - m}{m} && \text{an expectation keeps an inequality} \\[4pt]
# &= \log m = \log \mathbb E[w] && \mathbb E[w] = m
# \end{aligned}\tag{00.7}$$
#
# Why below its tangent? It curves down everywhere: its second derivative is $-1/w^2$. This is **Jensen's inequality** for the logarithm. The two sides are equal only where $w$ never varies.

# %% key="eq00-7-check"
rng = np.random.default_rng(0)
w = rng.gamma(0.5, size=(1000, 7))                       # 1000 sets of 7 numbers
m = w.mean(1, keepdims=True)
tangent = np.log(m) + (w - m) / m
assert (np.log(w) <= tangent + 1e-12).all()
assert (np.log(w).mean(1) < np.log(m[:, 0])).all()
check("eq00-7, the tangent's mean", tangent.mean(1), np.log(m[:, 0]))
check("eq00-7, equal if constant", np.log([4.0, 4.0]).mean(), np.log(4.0))

# %% [markdown] key="eq00-8"
# How large is the gap? Exactly known when the log is normal: $w = e^a$ with $a \sim \mathcal N(\mu, \sigma^2)$ (a **log-normal** $w$).
#
# $$\begin{aligned}
# \log \mathbb E[w] &= \log \int \mathcal N(a;\mu,\sigma^2)\, e^{a}\, da && \text{definition} \\
# &= \log \int e^{\mu + \sigma^2/2}\; \mathcal N(a;\mu+\sigma^2,\sigma^2)\, da && \text{complete the square} \\
# &= \mu + \tfrac12\sigma^2 && \text{a density integrates to 1} \\
# &= \mathbb E[\log w] + \tfrac12\sigma^2 && \mathbb E[\log w] = \mathbb E[a] = \mu
# \end{aligned}\tag{00.8}$$
#
# The square: $a - \frac{(a-\mu)^2}{2\sigma^2} = \mu + \frac{\sigma^2}{2} - \frac{(a-\mu-\sigma^2)^2}{2\sigma^2}$, as multiplying out shows. The gap is half the variance of $\log w$. It grows with the spread of $w$.

# %% key="eq00-8-check"
mu_a, sigma_a = -0.7, 1.5
a = np.linspace(-3, 3, 5)
left = stats.norm.logpdf(a, mu_a, sigma_a) + a
right = mu_a + sigma_a**2 / 2 + stats.norm.logpdf(a, mu_a + sigma_a**2, sigma_a)
check("eq00-8, the square", left, right)
check("eq00-8", np.log(expect(np.exp, mu_a, sigma_a)), mu_a + sigma_a**2 / 2)

# %% [markdown] key="jensen-picture-about"
# What does sampling make of it? Average L draws of this $w$ and take the log, 5,000 times. With L = 1 that is a log, and its mean is $\mathbb E[\log w]$. With L huge it is $\log \mathbb E[w]$. Predict the way between: up, down, or scattered around the right value?

# %% key="jensen-climb"
rng, draws = np.random.default_rng(0), [1, 3, 10, 30, 100, 300]
average, se = [], []
for L in draws:
    w = np.exp(mu_a + sigma_a * rng.standard_normal((5000, L)))
    log_mean = np.log(w.mean(1))                                         # (5000,)
    average.append(log_mean.mean())
    se.append(log_mean.std(ddof=1) / np.sqrt(5000))
    print(f"L = {L:3}: {average[-1]:6.2f}")

# %% key="jensen-picture"
fig, (left, right) = plt.subplots(1, 2)
grid = np.linspace(0.4, 10, 200)
left.plot(grid, np.log(grid), color=plots.BOUND)
left.plot([1, 9], np.log([1, 9]), color=plots.BOUND, ls="--", marker="o")
left.plot([5, 5], [np.log(9) / 2, np.log(5)], color=plots.BOUND, lw=4)
left.text(4.7, 1.16, "gap", ha="right")
left.text(4.8, 1.72, "log of the mean", ha="right")
left.text(5.2, 0.9, "mean of the logs")
left.set(xlabel="w", ylabel="log w (nats)", title="the numbers 1 and 9")
right.axhline(mu_a + sigma_a**2 / 2, color=plots.BOUND)
right.axhline(mu_a, color=plots.BOUND, ls="--")
right.errorbar(draws, average, 4 * np.array(se), color=plots.Q, marker="o", lw=1.3)
right.text(1, mu_a + sigma_a**2 / 2 + 0.05, "log of the mean")
right.text(300, mu_a + 0.05, "mean of the log", ha="right")
right.set(xscale="log", xlabel="draws L", ylabel="nats", ylim=(-0.9, 0.65),
          title="log of an average of L draws")
plt.show()

# %% [markdown] key="jensen-picture-words"
# *In words:* left, the curve of the log with a dashed chord from w = 1 to w = 9. At the middle, w = 5, the curve (the log of the mean) is 0.51 nats above the chord (the mean of the logs): the gap. Right, the mean of the log of an average of L draws, with bars of 4 standard errors. It starts at the mean of the log (dashed, L = 1) and climbs towards the log of the mean (solid), always from below.
#
# So the way leads up, and from below. The log of an average is too low on average, for every L: not scatter but **bias**. Every L gives a lower bound; L = 1 gives the lowest.

# %% [markdown] key="eq00-9"
# **The course in one inequality.** A network has no formula for its evidence. Draw $z$ from the encoder instead of the prior, and put $w = p_\theta(x, z)/q_\phi(z\mid x)$:
#
# $$\begin{aligned}
# \log p_\theta(x) &= \log \int q_\phi(z\mid x)\, \frac{p_\theta(x, z)}{q_\phi(z\mid x)}\, dz = \log \mathbb E_q[w] && q/q = 1 \\
# &\ge \mathbb E_q[\log w] = \mathbb E_q[\log p_\theta(x, z) - \log q_\phi(z\mid x)] && \text{Jensen, (00.7)} \\
# &= \mathbb E_q[\log p_\theta(x\mid z)] - \mathbb E_q[\log q_\phi(z\mid x) - \log p_\theta(z)] && \text{split the joint}
# \end{aligned}\tag{00.9}$$
#
# The right side is **the bound** (the paper's equations 2 and 3), and it can be sampled. Its second term is the **KL** of section 2, the Kullback-Leibler divergence from $q$ to the prior. It is never negative, by (00.7) with $w = p_\theta(z)/q_\phi(z\mid x)$.

# %% [markdown] key="eq00-9-gap"
# How much is lost? As also $p_\theta(x, z) = p_\theta(x)\, p_\theta(z\mid x)$, we have $\log w = \log p_\theta(x) - \log\frac{q_\phi(z\mid x)}{p_\theta(z\mid x)}$. The gap is the mean of the last term: again a KL, now from $q$ to the **posterior** $p_\theta(z\mid x)$, the density of codes once the image is seen. It is 0 where $q$ is the posterior; then $w$ is constant. Training raises the bound, by $\theta$ and $\phi$ at once. [Lesson 02](02_the_bound.ipynb) is about this equation.

# %% [markdown] key="eq00-9-about"
# One model where every term is known: $z \sim \mathcal N(0, I)$ with J = 2, and $x = Wz + \text{noise}$ with D = 5 and noise of variance 0.5. Then $x$ is normal with covariance $WW^\top + 0.5\,I$: an evidence with a formula. `LinearGaussian` also knows its posterior, and `kl_gaussians` the KL of two normals. We take a $q$ that is wrong on purpose, then the posterior.

# %% key="eq00-9-terms"
from aevb_lib import LinearGaussian
from aevb_lib.exact import kl_gaussians, log_normal_full

rng = np.random.default_rng(0)
W, prior = rng.standard_normal((5, 2)), (np.zeros((1, 2)), np.eye(2))
model = LinearGaussian(W, np.zeros(5), s2=0.5)
_, point = model.sample(1, rng)                                          # (1, 5)

def two_terms(mean, cov):
    """log p(x|z) and log q(z|x) - log p(z), each (L,), at L = 20,000 draws from q."""
    z = mean + rng.standard_normal((20_000, 2)) @ np.linalg.cholesky(cov).T
    log_q_z_given_x, log_p_z = (log_normal_full(z, *normal)
                                for normal in ((mean, cov), prior))
    return model.log_p_x_given_z(point, z[:, None])[:, 0], log_q_z_given_x - log_p_z

# %% key="eq00-9-check"
evidence = stats.multivariate_normal.logpdf(point[0], cov=W @ W.T + 0.5 * np.eye(5))
q, posterior = (np.array([[0.3, -0.2]]), np.diag([0.4, 0.6])), model.posterior(point)
gap = kl_gaussians(*q, *posterior)[0]
first, second = two_terms(*q)
check_mc("eq00-9, the second term", second, kl_gaussians(*q, *prior)[0])
check_mc("eq00-9, the bound", first - second, evidence - gap)
print(f"evidence {evidence:.2f} = bound {evidence - gap:.2f} + gap {gap:.2f} nats")
first, second = two_terms(*posterior)
check("eq00-9, q is the posterior", first - second, np.full(20_000, evidence))

# %% [markdown] key="ex0-4"
# ### Exercise 0.4 (derive)
#
# Let $w = e^{c}$ or $w = e^{-c}$, each with probability 1/2. Derive the Jensen gap $\log \mathbb E[w] - \mathbb E[\log w]$ as a function of $c$ on paper. Then enter it as code for an array $c$ of numbers of either sign; it must also work for $c = \pm 800$.
#
# <details><summary>Hint 1</summary>The mean of the log is 0. The mean of w is a hyperbolic function of c.</details>
# <details><summary>Hint 2</summary><code>np.exp(800)</code> overflows, and so does <code>np.exp(-2 * c)</code> at c = -800. Write the log of a sum of two exponentials by (00.3), or with <code>np.logaddexp</code>.</details>

# %% key="ex0-4-code"
def jensen_gap(c):
    ### BEGIN SOLUTION
    return np.logaddexp(c, -c) - np.log(2)
    ### END SOLUTION

# %% key="ex0-4-check"
c = np.array([0.5, 2.0, 800.0, -800.0])
right = special.logsumexp([c, -c], axis=0, b=0.5)
exercise("ex0-4", lambda: jensen_gap(c), right, mistakes={
    "the mean has a factor 1/2, whose log is missing": right + np.log(2),
    "that is half the variance of log w, right for a log-normal only": c**2 / 2,
    "right, but it overflows at c = 800; use (00.3)": [*right[:2], np.inf, np.inf],
    "right, but it overflows at c = -800": [*right[:3], np.inf],
    "the gap is never negative: turn the sign": -right})

# %% [markdown] key="misconception"
# ## Misconception card
#
# > **"A log-density must be negative, so a positive bound is a bug."**
#
# True for probabilities, such as those of black-and-white images: they are at most 1, so their logs are at most 0. False for densities, as section 3 showed. A density also has a unit. With pixels from 0 to 255 instead of 0 to 1 the same model has a density lower by a factor 255 for each pixel, and its log lower by $784 \log 255 = 4344$ nats. Nothing about the model changed. Bounds compare only on the same data, in the same unit, with the same kind of likelihood.

# %% [markdown] key="take-away"
# ## What you can do now
#
# - run, restart and check a lesson: Shift+Enter, *Restart Kernel and Run All Cells*, and every check says "passed";
# - read symbols as shapes: `x` (M, D), `z` and `eps` (L, M, J), one log-density for each draw and datapoint (L, M), one bound for each datapoint (M,);
# - compute with log-densities (sum logs, log-sum-exp for sums, nats), and give an average its standard error $\sigma_f/\sqrt L$.
#
# And you have met the bound: the log evidence, less a gap that is 0 when $q$ is the posterior (00.9).

# %% [markdown] key="course-map"
# **Next.** [Lesson 01](01_the_problem.ipynb) asks why the evidence is out of reach, and [lesson 02](02_the_bound.ipynb) derives the bound. Lessons 03 to 06 find its gradient, 07 and 08 train with it, and 09 asks what the codes mean. The [README](../README.md) lists all; 10 to 14 are being written.
