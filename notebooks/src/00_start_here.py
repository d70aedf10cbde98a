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
# **Paper**: sections 2.1 and 2.3, notation only · **Study**: 35 minutes · **Running**: 10 seconds · **You need**: arrays in Python, derivatives, the normal distribution

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
    mu, log_var = vae.encode(data.x_test)                    # each (1000, 2)
LatentExplorer(vae.decoder.layers(), mu, data.labels_test,
               encoder=vae.encoder.layers(), x=data.x_test,
               image_shape=data.image_shape)

# %% [markdown] key="explorer-words"
# *In words:* 1,000 small digits on a plane, each where the **encoder** put its image, and beside them one large image, decoded from the point under the pointer. Three rings mark how far codes are expected from the centre. Below is a pad: draw a digit, and the encoder answers with an ellipse of codes that may have made it.
#
# With the keyboard: Tab to the plane. Arrow keys move $z$ (with Shift farther), Enter picks the nearest digit, Space plays or pauses, Home goes to the centre, Escape clears.
#
# One line of text instead of a plane means that the cell has not run here, or that the page shows no live pictures. The next cell draws a still one.

# %% key="plane"
zeros, sevens = (mu[data.labels_test == digit].mean(0) for digit in (0, 7))
path = zeros + torch.linspace(0, 1, 8)[:, None] * (sevens - zeros)       # (8, 2)
with torch.no_grad():
    images = vae.decode(path)                                            # (8, 784)

fig, (left, right) = plt.subplots(1, 2, figsize=(7, 4.1), width_ratios=(5, 3))
plots.latent_plane(mu[:600], data.labels_test[:600], left)
plots.prior_rings(left)
for name, (across, up) in zip("abcdefgh", path.tolist(), strict=True):
    left.text(across, up, name, ha="center", va="center", fontsize=10,
              bbox=dict(boxstyle="circle,pad=0.15", facecolor="white"))
left.set_title("codes of 600 digits, and a path")
plots.montage(images, data.image_shape, 2, right, gap=4)
for n, name in enumerate("abcdefgh"):
    right.text(32 * (n % 2), 32 * (n // 2) + 1, name, va="top")
right.set_title("decoded along the path")
plt.show()

# %% [markdown] key="plane-words"
# *In words:* left, the codes of 600 digits. Like digits lie together. Codes drawn from the prior $\mathcal N(0, I)$ fall within the three dashed rings in 39, 86 and 99 % of cases. Eight points, a to h, run from the mean code of the 0s to the mean code of the 7s. Right, their images: a is a 0, h is a 7. Between them the strokes bend and open without a jump, by way of a 2, an 8 and a 9, some of them blurred.
#
# Halfway between 0 and 7 lies no mixture of the two, but other digits. Nobody told the network what a digit is: it saw images without labels, and maximised one number, **the bound**. The course is about that number.

# %% [markdown] key="self-test"
# **Do you have what you need?** Three questions.
#
# 1. What is the variance of the mean of $L$ independent draws, each with variance $\sigma^2$?
# 2. What is $\log(a\,b)$?
# 3. An array of shape (5, 1, 2) times one of shape (4, 2): which shape comes out?
#
# <details><summary>Answers</summary>
#
# 1. $\sigma^2/L$. Section 5 derives it.
# 2. $\log a + \log b$. Section 4 lives on it.
# 3. (5, 4, 2): sizes are compared from the right, and a 1 stretches.
#
# </details>

# %% [markdown] key="question"
# **The question of this lesson.** The bound is an average, over random codes, of logarithms of densities. What does one need to read such a sentence, and to trust a computer that evaluates it?
#
# Four things: names and shapes (section 3), densities and their logarithms (4), averages and their errors (5), and what happens when a logarithm meets an average (6). Sections 1 and 2 are about the machine and the course.

# %% [markdown] key="machine"
# ## 1. Is the machine fine?
#
# Every line below should end in "fine". If one does not, set the course up again in its folder: `make lab`.

# %% key="machine-versions"
import sys
from importlib.metadata import version

wanted = {"numpy": (2, 0), "scipy": (1, 13), "torch": (2, 5), "ipywidgets": (8, 1)}
print("Python", "fine" if sys.version_info >= (3, 11) else "is older than 3.11")
for name, lowest in wanted.items():
    there = tuple(int(number) for number in version(name).split(".")[:2])
    print(name, "fine" if there >= lowest else f"{there} is older than {lowest}")

# %% [markdown] key="machine-data-about"
# The lessons need no network. 5,000 digits of MNIST lie in `aevb_lib/assets`, 4,000 to train on and 1,000 to test with; `load_mnist("full")` gets the other 65,000. A **checksum** is a fingerprint of bytes: one changed pixel changes it.

# %% key="machine-data"
from hashlib import sha256

pixels = (data.x_test * 255).round().numpy().astype(np.uint8)            # (1000, 784)
fingerprint = sha256(pixels.tobytes()).hexdigest()
print("digits", "fine" if fingerprint.startswith("05f16c885f80") else "changed")

# %% [markdown] key="machine-speed-about"
# How fast is this machine? The next cell trains a new model for two passes through 4,000 digits. Lesson 08 makes 120 passes, in two cells; no cell of the course should train for more than a minute on two cores. (The model above was trained beforehand, on 60,000 digits, with those shown among them. `make weights` trains it again.)

# %% key="machine-speed" tags=["nbval-ignore-output"]
from time import perf_counter

from aevb_lib import TODAY, VAE, train

generator = torch.Generator().manual_seed(0)
fresh = VAE(D=784, H=500, J=2, generator=generator)
start = perf_counter()
train(fresh, data.x_train, TODAY, generator=generator, epochs=2, report=None)
minutes = 120 / 2 * (perf_counter() - start) / 60
limit = next((limit for limit in (5, 15, 60) if minutes < limit), "many")
print(f"training in lesson 08: less than {limit} minutes on this machine")

# %% [markdown] key="course"
# ## 2. How the course works
#
# Each step is a sentence, a few lines of code, their output, and a sentence on what it showed. Where a question stands before a cell, answer it before you run the cell. A wrong guess shows where to look twice.
#
# - **Run** a cell: Shift+Enter. **Start afresh**: menu Kernel, *Restart Kernel and Run All Cells*. Do it whenever results look odd: cells run out of order leave old values behind.
# - **Interrupt** a long cell: press Escape, then `I` twice. Training stops and keeps what it has.
# - Names that a cell imports from `aevb_lib` are ours. In a new cell, `pretrained?` shows what it does and `pretrained??` its code, a few lines.

# %% [markdown] key="course-checks"
# **Checks.** Every equation of ours has a number such as (00.1), every equation of the paper a tag such as KW 7. Each derivation is followed by a check cell, which compares it with an answer found another way. `check` allows an error of $10^{-10}$, and stops the notebook when the answer is wrong.

# %% key="demo-check"
from aevb_lib import check, check_mc, exercise

check("area of a unit circle", np.pi * 1**2, 3.141592653589793)
try:
    check("a wrong formula", 2 * np.pi, 3.141592653589793)
except AssertionError as error:
    print("AssertionError:", error)

# %% [markdown] key="course-exercises"
# **Exercises** have a stub with `...` in it, hints to open one by one, and a cell that tells you where you are. It has three answers, and it never stops the notebook. Here is each, for the exercise "what is $2^5$?"

# %% key="demo-exercise"
exercise("demo, nothing done", ..., 32)
exercise("demo, a mistake we know", 2 * 5, 32, mistakes={"you multiplied by 5": 10})
exercise("demo, done", 2**5, 32)

# %% [markdown] key="course-editions"
# **Two editions.** You read the one to work in, from the folder `notebooks`. The folder `notebooks/solutions` holds the same lessons with the exercises solved. Nothing after an exercise depends on its solution, so you may skip one and come back.

# %% [markdown] key="course-colours"
# **Colours** mean the same in every picture and widget. Each has a second sign beside it (a label, a dash, a marker), so that no one needs to tell colours apart.
#
# | colour | what |
# |---|---|
# | blue | the encoder: $q$, $\phi$, and codes drawn from it |
# | orange | the model: $p$, $\theta$, the prior and the decoder |
# | black | the bound, and exact answers |
# | grey | noise: $\epsilon$, standard errors |

# %% [markdown] key="course-map"
# **The map.** Lessons 00, 07, 08 and 09 are there; the others are being written. Each names what it needs.
#
# | | lesson | | lesson |
# |---|---|---|---|
# | 00 | Start here | 08 | [The variational auto-encoder](08_the_vae.ipynb) |
# | 01 | The problem | 09 | [What is in the latent space?](09_what_is_in_the_latent_space.ipynb) |
# | 02 | The bound | 10 | How good is it really? |
# | 03 | The obvious gradient, and why it hurts | 11 | Rivals: Monte Carlo EM, wake-sleep |
# | 04 | The trick | 12 | Filling in: denoise, inpaint |
# | 05 | Three families of distributions | 13 | Fully Bayesian |
# | 06 | The estimators A and B | 14 | Clinic and capstone |
# | 07 | [Algorithm 1 on a model we know](07_algorithm_1_on_a_model_we_know.ipynb) | | |

# %% [markdown] key="symbols"
# ## 3. Symbols
#
# | paper | code | shape | read aloud |
# |---|---|---|---|
# | $x$ | `x` | (M, D) | a datapoint; here an image, D = 784 pixels |
# | $z$ | `z` | (L, M, J) | a code, or latent variable, of J numbers |
# | $\epsilon$ | `eps` | (L, M, J) | noise, "epsilon" |
# | $\theta$ | `decoder` | | all parameters of the decoder, "theta" |
# | $\phi$ | `encoder` | | all parameters of the encoder, "phi" |
# | $p_\theta(x\mid z)$ | `log_p_x_given_z` | (L, M) | log p of x given z, under the decoder |
# | $q_\phi(z\mid x)$ | `log_q_z_given_x` | (L, M) | log q of z given x, under the encoder |
# | $\mu,\ \log\sigma^2$ | `mu`, `log_var` | (M, J) | mean and log variance of q |
#
# N datapoints in all, M in a minibatch, L draws for each. [NOTATION.md](../NOTATION.md) has them all.

# %% [markdown] key="flow-about"
# Where do they live? One picture of a whole step: an image goes in at the left, and the bound comes out at the bottom. Which arrays have L in their shape, and why not all?

# %% key="flow"
fig, ax = plt.subplots(figsize=(7, 3))
plots.step_diagram(ax)
plt.show()

# %% [markdown] key="flow-words"
# *In words:* images $x$ (M, D) go through the encoder, which gives $\mu$ and $\log\sigma^2$ (M, J). Noise (L, M, J) joins them in $z = \mu + \sigma\epsilon$ (L, M, J). The decoder turns $z$ into pixel means (L, M, D), and with the images these give $\log p(x\mid z)$ (L, M). The bound (M,) is its mean over L minus a term named KL (M,).
#
# Whatever hangs on noise has L in front. What the encoder says about an image is computed once. Draws come first, also where L = 1.

# %% [markdown] key="shapes-about"
# The same with real arrays: M = 5 images, L = 3 draws each. `reparameterize` is the box "$z = \mu + \sigma\epsilon$", and lesson 04 is about it.

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
# `x` has no axis for draws. Arrays are aligned from the right, so (M, D) meets (L, M, D) without a loop: every draw is compared with the same image. That is why draws come first.

# %% [markdown] key="ex0-1"
# ### Exercise 0.1 (predict)
#
# The paper's model for MNIST has D = 784 pixels, H = 500 hidden units in each network and, say, J = 20 latents. The encoder has one hidden layer, then one layer for $\mu$ and one for $\log\sigma^2$. The decoder has one hidden layer, then one layer of D outputs. Every layer is $Wx + b$.
#
# With M = 100 and L = 1: which shapes have $x$ and $z$, and how many numbers are in $\phi$ and in $\theta$?
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
answers = x_shape, z_shape, n_phi, n_theta

# %% key="ex0-1-check"
paper = VAE(D=784, H=500, J=20, generator=torch.Generator())
phi, theta = (sum(w.numel() for w in part.parameters())
              for part in (paper.encoder, paper.decoder))
exercise("ex0-1, shape of x", answers[0], (100, 784), mistakes={
    "one image a row, (M, D)": (784, 100)})
exercise("ex0-1, shape of z", answers[1], (1, 100, 20), mistakes={
    "draws come first, (L, M, J)": (100, 1, 20)})
exercise("ex0-1, numbers in phi", answers[2], phi, mistakes={
    "the encoder ends in two layers, mu and log sigma^2": phi - 500 * 20 - 20,
    "each layer has biases": phi - 500 - 2 * 20, "phi is the encoder's": theta})
exercise("ex0-1, numbers in theta", answers[3], theta, mistakes={
    "each layer has biases": theta - 500 - 784, "theta is the decoder's": phi})

# %% [markdown] key="density"
# ## 4. Density, probability, log-density
#
# A **probability** is a share: between 0 and 1. A **density** is probability per unit of $x$, as a speed is distance per hour. Only density times width is a probability, and only for a small width.
#
# Predict: can a density be larger than 1?

# %% key="density-code"
narrow = stats.norm(loc=0, scale=0.1)
print(f"density at 0                    {narrow.pdf(0):.3f}")
print(f"density at 0 times width 0.02   {narrow.pdf(0) * 0.02:.4f}")
print(f"probability of [-0.01, 0.01]    {narrow.cdf(0.01) - narrow.cdf(-0.01):.4f}")
print(f"log-density at 0                {narrow.logpdf(0):.3f}")

# %% [markdown] key="density-after"
# Almost 4. The bell with $\sigma = 0.1$ is narrow, so it must be high for its area to be 1. Its logarithm is then above 0. A bound made of such densities may be positive as well, and a loss (its negative) may be negative. That is no bug.

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
# Only $\log\sigma^2$ appears, so code stores that: `log_var`. Any real number is allowed for it, and $\sigma^2$, its exponential, is positive by itself.

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
# Write the log-density of a diagonal normal from `log_var`, for arrays of any shape (..., J). The result has shape (...). Use NumPy, and take (00.1) and (00.2) from your head if you can.
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
x, mu, log_var = np.random.default_rng(1).standard_normal((3, 4, 2))
variance, square = np.exp(log_var), (x - mu) ** 2
right = stats.norm.logpdf(x, mu, np.sqrt(variance)).sum(-1)              # (4,)
log_2pi = np.log(2 * np.pi)
exercise("ex0-2", lambda: my_log_normal(x, mu, log_var), right, mistakes={
    "you have sigma where sigma^2 belongs": right + 0.5 * (
        square / variance - square / np.sqrt(variance)).sum(-1),
    "the factor 1/2 is missing": 2 * right,
    "log 2 pi is missing": right + log_2pi,            # 1/2 for each of J = 2
    "log 2 pi belongs to each latent, J times": right + 0.5 * log_2pi,
    "you took the mean over J, not the sum": right / 2,
    "half of log_var is log sigma, the formula has log sigma^2":
        right + 0.25 * log_var.sum(-1),
    "the sign is turned": -right})

# %% [markdown] key="expectation"
# ## 5. Averages over random draws, and their error
#
# The **expectation** $\mathbb E_{q(z)}[f(z)] = \int q(z) f(z)\, dz$ is the mean of $f(z)$ when $z$ is drawn from $q$. The bound is such a mean. Its integral can seldom be done, so the paper averages $L$ draws: **Monte Carlo**,
#
# $$\mathbb E_{q(z)}[f(z)] \approx \bar f_L = \frac1L \sum_{l=1}^{L} f(z_l), \qquad z_l \sim q(z).\tag{00.4}$$
#
# To see how good this is we need a case with an exact answer: $f(z) = z^2 + \sin z$ with $q = \mathcal N(\mu, \sigma^2)$. Lesson 04 uses it again.

# %% [markdown] key="eq00-5"
# $$\begin{aligned}
# \mathbb E[z^2 + \sin z] &= \mathbb E[z^2] + \mathbb E[\sin z] && \text{linear} \\
# &= \mu^2 + \sigma^2 + \mathbb E[\sin z] && \mathbb E[z^2] = \text{mean}^2 + \text{variance} \\
# &= \mu^2 + \sigma^2 + \mathrm{Im}\; \mathbb E[e^{iz}] && \sin z \text{ is the imaginary part of } e^{iz} \\
# &= \mu^2 + \sigma^2 + e^{-\sigma^2/2} \sin\mu && \mathbb E[e^{iz}] = e^{i\mu - \sigma^2/2}
# \end{aligned}\tag{00.5}$$
#
# The last move is the normal's characteristic function. The check is a **quadrature**: a weighted sum at 60 fixed points that integrates smooth functions against a normal almost exactly.

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
check("eq00-5", exact, expect(f, mu, sigma))

# %% [markdown] key="mc-about"
# Now Monte Carlo, with 100 draws. Predict: how many digits will be right?

# %% key="mc"
rng = np.random.default_rng(0)
z = mu + sigma * rng.standard_normal(100)
print(f"exact {exact:.4f}")
print(f"L=100 {f(z).mean():.4f}")

# %% [markdown] key="eq00-6"
# Other draws would give another average. How far does it spread? Let $\sigma_f^2$ be the variance of one $f(z_l)$.
#
# $$\begin{aligned}
# \mathrm{Var}[\bar f_L] &= \frac{1}{L^2}\, \mathrm{Var}\Big[\sum_{l=1}^L f(z_l)\Big] && \text{a constant factor comes out squared} \\
# &= \frac{1}{L^2} \sum_{l=1}^L \mathrm{Var}[f(z_l)] && \text{independent draws: no covariances} \\
# &= \frac{1}{L^2}\; L\, \sigma_f^2 = \frac{\sigma_f^2}{L} && L \text{ equal terms}
# \end{aligned}\tag{00.6}$$
#
# Its root is the **standard error**, $\mathrm{SE} = \sigma_f/\sqrt L$. One more digit costs 100 times the draws.

# %% [markdown] key="eq00-6-about"
# If this is right, then $L\,(\bar f_L - \mathbb E f)^2$ has the mean $\sigma_f^2$ for every L. We make 2,000 averages for each L, and compare. `check_mc` allows 4 standard errors; a right answer fails it about once in 16,000 times.

# %% key="eq00-6-check"
variance = expect(lambda z: (f(z) - exact) ** 2, mu, sigma)
rng = np.random.default_rng(0)
for L in (1, 10, 100, 1000):
    means = f(mu + sigma * rng.standard_normal((2000, L))).mean(1)       # (2000,)
    check_mc(f"eq00-6, L = {L}", L * (means - exact) ** 2, variance)
    print(f"   typical error {np.sqrt(np.mean((means - exact) ** 2)):.3f}"
          f", sigma_f / sqrt(L) {np.sqrt(variance / L):.3f}")

# %% [markdown] key="eq00-6-after"
# The check prints what it found, with its own standard error after the ±. The typical error falls as predicted: ten times the draws, a third of the error.
#
# Now our 100 draws of before can be judged. In real work $\sigma_f$ is not known, so `check_mc` estimates it from the draws.

# %% key="eq00-4-check"
check_mc("eq00-4, L = 100", f(z), exact)

# %% [markdown] key="running-mean-about"
# An error of about half a standard error: nothing unusual. Next, one average as it grows. Predict: does it move steadily towards the exact answer?

# %% key="running-mean"
rng = np.random.default_rng(0)
L = np.arange(1, 10_001)
values = f(mu + sigma * rng.standard_normal((3, len(L))))                # (3, 10000)
running = values.cumsum(1) / L
se = np.sqrt(variance / L)

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
# No, it is not steady: an average wanders, and may move away before it comes back. About two times in three it is within one standard error, and nearly always within four. A number from Monte Carlo without its standard error says little.

# %% [markdown] key="ex0-3"
# ### Exercise 0.3 (code and derive)
#
# 1. Outside of toy models $\sigma_f$ is unknown. Estimate the standard error of the mean of `values` (L,) from the values themselves. Use `np.std(values, ddof=1)` for $\sigma_f$ (`ddof=1` divides by L − 1, because the mean was estimated too).
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
sample = f(mu + sigma * np.random.default_rng(2).standard_normal(400))
sd, L = sample.std(ddof=1), len(sample)
exercise("ex0-3, standard error", lambda: standard_error(sample), stats.sem(sample),
         mistakes={"divide by the root of L, not by L": sd / L,
                   "you have the variance where sigma belongs": sd**2 / np.sqrt(L),
                   "take the root of the variance of the mean": sd**2 / L,
                   "that is the spread of one draw, not of the mean": sd})
exercise("ex0-3, draws needed", lambda: draws_needed(1.5, 0.01), 22_500, mistakes={
    "L stands under a root: square both sides": 150,
    "sigma_f is squared as well": 1.5 / 0.01**2})

# %% [markdown] key="jensen"
# ## 6. The log of a mean is not the mean of a log
#
# The paper wants $\log p(x)$, where $p(x)$ is itself a mean, over all codes. Averages can be sampled. Logs of averages are another matter.
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
# This is **Jensen's inequality** for the logarithm. The two sides are equal only where $w$ never varies.

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
# The gap is half the variance of $\log w$: the more $w$ varies, the larger.

# %% key="eq00-8-check"
mu, sigma = -0.7, 1.5
a = np.linspace(-3, 3, 5)
left = stats.norm.logpdf(a, mu, sigma) + a
right = mu + sigma**2 / 2 + stats.norm.logpdf(a, mu + sigma**2, sigma)
check("eq00-8, the square", left, right)
check("eq00-8", np.log(expect(np.exp, mu, sigma)), mu + sigma**2 / 2)

# %% [markdown] key="jensen-picture-about"
# What does sampling make of it? Average L draws of this $w$ and take the log, 5,000 times. With L = 1 that is a log, and its mean is $\mathbb E[\log w]$. With L huge it is $\log \mathbb E[w]$. Predict the way between: up, down, or scattered around the right value?

# %% key="jensen-climb"
rng, draws = np.random.default_rng(0), [1, 3, 10, 30, 100, 300]
average, se = [], []
for L in draws:
    w = np.exp(mu + sigma * rng.standard_normal((5000, L)))
    log_mean = np.log(w.mean(1))                                         # (5000,)
    average.append(log_mean.mean())
    se.append(log_mean.std(ddof=1) / np.sqrt(5000))
    print(f"L = {L:3}: {average[-1]:6.2f}")

# %% key="jensen-picture"
fig, (left, right) = plt.subplots(1, 2)
grid = np.linspace(0.4, 10, 200)
left.plot(grid, np.log(grid), color=plots.BOUND)
left.plot([1, 9], np.log([1, 9]), color=plots.NOISE, ls="--", marker="o")
left.plot([5, 5], [np.log(9) / 2, np.log(5)], color=plots.BOUND, lw=4)
left.text(4.8, 1.18, "gap", ha="right")
left.text(7, 2.05, "log w", ha="right")
left.text(6.6, 1.15, "chord", color=plots.NOISE)
left.set(xlabel="w", ylabel="log w (nats)", title="the numbers 1 and 9")
right.axhline(mu + sigma**2 / 2, color=plots.BOUND)
right.axhline(mu, color=plots.NOISE, ls="--")
right.errorbar(draws, average, 4 * np.array(se), color=plots.Q, marker="o", lw=1.3)
right.text(1, mu + sigma**2 / 2 + 0.05, "log of the mean")
right.text(300, mu + 0.05, "mean of the log", color=plots.NOISE, ha="right")
right.set(xscale="log", xlabel="draws L", ylabel="nats", ylim=(-0.9, 0.65),
          title="log of an average of L draws")
plt.show()

# %% [markdown] key="jensen-picture-words"
# *In words:* left, the curve of the log with a dashed chord from w = 1 to w = 9. At the middle, w = 5, the curve is 0.51 nats above the chord: the gap. Right, the mean of the log of an average of L draws, with bars of 4 standard errors. It starts at the mean of the log (L = 1) and climbs towards the log of the mean (L = 300), always from below.
#
# Up, and from below. The log of an average is too low on average, for every L: not scatter but **bias**. What is estimated with L = 1 is a lower bound.

# %% [markdown] key="eq00-9"
# **The course in one inequality.** Put $w = p_\theta(x, z)/q_\phi(z\mid x)$, with $z$ drawn from $q$. Its mean is $\int p_\theta(x, z)\,dz = p_\theta(x)$, the **evidence**, for which such a network has no formula. The mean of its log can be sampled:
#
# $$\log p_\theta(x) = \log \mathbb E_q[w] \;\ge\; \mathbb E_q[\log w] = \mathbb E_q[\log p_\theta(x,z) - \log q_\phi(z\mid x)].\tag{00.9}$$
#
# The right side is the bound. The paper has it as equation 2, and lesson 02 takes it apart. The gap is small where $w$ hardly varies, and an encoder that makes $w$ constant makes it 0. Training raises the right side, by $\theta$ and $\phi$ at once.

# %% [markdown] key="eq00-9-about"
# One case where every term is known: a linear model with D = 5 and codes of J = 2 numbers (`LinearGaussian`, which later lessons use as a referee), and a $q$ that is wrong on purpose.

# %% key="eq00-9-check"
from aevb_lib import LinearGaussian
from aevb_lib.exact import log_normal_full

rng = np.random.default_rng(0)
model = LinearGaussian(rng.standard_normal((5, 2)), np.zeros(5), s2=0.5)
_, x = model.sample(1, rng)                                              # (1, 5)
mean, cov = np.array([[0.3, -0.2]]), np.diag([0.4, 0.6])                 # a wrong q
z = mean + rng.standard_normal((20_000, 1, 2)) * np.sqrt(np.diag(cov))   # (L, 1, 2)
log_p_z = log_normal_full(z[:, 0], np.zeros(2), np.eye(2))               # (L,)
log_w = (model.log_p_x_given_z(x, z)[:, 0] + log_p_z
         - log_normal_full(z[:, 0], mean[0], cov))
check_mc("eq00-9, the bound", log_w, model.bound(x, mean, cov)[0])
print(f"evidence {model.log_evidence(x)[0]:.2f} nats, above it")
assert model.log_evidence(x)[0] > model.bound(x, mean, cov)[0]

# %% [markdown] key="ex0-4"
# ### Exercise 0.4 (derive)
#
# Let $w = e^{c}$ or $w = e^{-c}$, each with probability 1/2. Derive the Jensen gap $\log \mathbb E[w] - \mathbb E[\log w]$ as a function of $c$ on paper. Then enter it as code that also works for $c = 800$.
#
# <details><summary>Hint 1</summary>The mean of the log is 0. The mean of w is a hyperbolic function of c.</details>
# <details><summary>Hint 2</summary><code>np.exp(800)</code> overflows. Write the log of a sum of two exponentials by (00.3), or with <code>np.logaddexp</code>.</details>

# %% key="ex0-4-code"
def jensen_gap(c):
    ### BEGIN SOLUTION
    return np.logaddexp(c, -c) - np.log(2)
    ### END SOLUTION

# %% key="ex0-4-check"
c = np.array([0.5, 2.0, 800.0])
gap = special.logsumexp([c, -c], axis=0, b=0.5)
exercise("ex0-4", lambda: jensen_gap(c), gap, mistakes={
    "the mean has a factor 1/2, whose log is missing": gap + np.log(2),
    "that is half the variance of log w, right for a log-normal only": c**2 / 2,
    "right formula, but it overflows at c = 800; use (00.3)": [*gap[:2], np.inf],
    "the gap is never negative: turn the sign": -gap})

# %% [markdown] key="misconception"
# ## Misconception card
#
# > **"A log-density must be negative, so a positive bound is a bug."**
#
# True for probabilities, such as those of black-and-white images: they are at most 1, so their logs are at most 0. False for densities, as section 4 showed. A density also has a unit. With pixels from 0 to 255 instead of 0 to 1 the same model has a density lower by a factor 255 for each pixel, and its log lower by $784 \log 255 = 4344$ nats. Nothing about the model changed. Bounds compare only on the same data, in the same unit, with the same kind of likelihood.

# %% [markdown] key="take-away"
# ## What you can do now
#
# - run, restart and check a lesson: Shift+Enter, *Restart Kernel and Run All Cells*, and every check says "passed";
# - read symbols as shapes: `x` (M, D), `z` and `eps` (L, M, J), one log-density for each draw and datapoint (L, M), one bound for each datapoint (M,);
# - compute with log-densities (sum logs, log-sum-exp for sums, nats), and give an average its standard error $\sigma_f/\sqrt L$.
#
# **Next**: lesson 01 asks why $p_\theta(x)$ cannot be computed. Until lessons 01 to 06 are there, [lesson 07](07_algorithm_1_on_a_model_we_know.ipynb) runs the whole algorithm on a model whose every answer is known, and [lesson 08](08_the_vae.ipynb) builds the network of the first picture.
