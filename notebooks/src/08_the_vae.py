# %% [markdown] key="title"
# # 08 · The variational auto-encoder
#
# *What does the paper's own model compute, line by line, and how close does its bound
# come to the truth?*
#
# **After this you can**
# - write the decoder, the encoder and the KL term (eqs 9 to 12, Appendices B and C) and
#   prove each line right;
# - push the gradient of the bound through the whole network with pencil and NumPy;
# - train the paper's model on real digits in a minute, and measure how many nats its
#   bound lies below the exact evidence.
#
# **Paper**: section 3, Appendices B and C, eqs 9 to 12 · **Study**: 90 minutes ·
# **Running**: about 45 seconds · **You need**: lesson 07; the chain rule.

# %% [markdown] key="self-test"
# **Three questions before you start.** Can you answer them?
#
# 1. If $\log\sigma^2 = -2$, what is $\sigma$?
# 2. A pixel is 1 with probability $0.9$. What is the log-probability that it is 0?
# 3. $a = w\,h$ and $h = \tanh(v)$. What is $\mathrm{d}a/\mathrm{d}v$?
#
# <details><summary>Answers</summary>
#
# 1. $\sigma = e^{-1} \approx 0.37$: half the logarithm, then the exponential.
# 2. $\log 0.1 \approx -2.3$ nats.
# 3. $w\,(1 - \tanh^2 v)$: the derivative of $\tanh$ is one minus its square.
# </details>

# %% key="imports"
import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy import stats

from aevb_lib import check, check_mc, exercise, load_mnist, plots

plots.use_style()

# %% [markdown] key="question"
# A **datapoint** $x$ is an image: $D = 784$ pixels, each a grey value between 0 (black
# ground) and 1 (white ink). We want a model that could have drawn these images. The project carries
# 5,000 real MNIST digits, 500 of each class. Here are twenty.

# %% key="digits"
digits = load_mnist("small")
x_train, x_test = digits.x_train, digits.x_test    # (4000, 784), (1000, 784)
fig, ax = plt.subplots(figsize=(7, 1.6))
plots.montage(x_test[:20], digits.image_shape, 10, ax)
plt.show()

# %% [markdown] key="digits-words"
# *In words:* two rows of ten handwritten digits, white ink on black. Most pixels are
# pure black or nearly full ink; the edges of the strokes are grey.

# %% [markdown] key="story"
# ## 1. The story of one image
#
# The model tells how an image comes about.
#
# 1. Draw a **latent** $z$ of $J$ numbers from the prior $p(z) = \mathcal N(0, I)$.
# 2. A network, the **decoder**, turns $z$ into $D$ ink probabilities $y$.
# 3. Each pixel is drawn: ink with probability $y_i$, none otherwise.
#
# The decoder's weights are $\theta$. A second network, the **encoder**, goes the other
# way: it reads $x$ and says where $z$ may have been. Its weights are $\phi$. This
# lesson builds both, the bound between them, and its gradient.

# %% [markdown] key="decoder"
# ## 2. The decoder (eq. 11)
#
# Appendix C.1 takes one hidden layer of $H$ tanh units:
#
# $$ y = \operatorname{sigmoid}(W_2 \tanh(W_1 z + b_1) + b_2), \qquad
# \operatorname{sigmoid}(a) = \frac{1}{1 + e^{-a}} \tag{08.1} $$
#
# $$ \log p(x|z) = \sum_{i=1}^{D} x_i \log y_i + (1 - x_i) \log (1 - y_i) \tag{KW 11} $$
#
# The sum picks one of two logarithms for each pixel: $\log y_i$ where there is ink,
# $\log(1 - y_i)$ where there is none. The pixels are independent *given* $z$, and so
# their log-probabilities add up.

# %% [markdown] key="decoder-small"
# We start with a toy that fits on a page: $D = 6$ pixels, $J = 2$ latents, $H = 4$ hidden
# units, $M = 3$ images. The weights are random. Nothing below depends on their values,
# and that is the point: a formula must hold at *any* weights.

# %% key="toy"
rng = np.random.default_rng(0)
D, J, H, M = 6, 2, 4, 3
W1, b1 = rng.normal(size=(H, J)), rng.normal(size=H)
W2, b2 = rng.normal(size=(D, H)), rng.normal(size=D)
x = rng.integers(0, 2, size=(M, D)).astype(float)      # (M, D), binary
z = rng.normal(size=(M, J))                            # (M, J)

# %% key="eq11"
logits = np.tanh(z @ W1.T + b1) @ W2.T + b2            # (M, D)
y = 1 / (1 + np.exp(-logits))
log_p = (x * np.log(y) + (1 - x) * np.log(1 - y)).sum(1)
print("log p(x|z) of the three images, in nats:", log_p.round(3))

# %% [markdown] key="eq11-why"
# The check uses no formula of ours. scipy knows the Bernoulli distribution; we ask it
# for every pixel's probability and multiply the six numbers.

# %% key="eq11-check"
by_scipy = stats.bernoulli.pmf(x, y).prod(1)           # a product of probabilities
check("eq11", log_p, np.log(by_scipy), atol=1e-12)

# %% [markdown] key="logits"
# ### Never take the logarithm of zero
#
# A confident decoder has large $|a|$, where $a$ is the **logit**, the value before the
# sigmoid. For large positive $a$, $y$ rounds to exactly 1, and $\log(1 - y)$ is
# $-\infty$. The cure is algebra. Put the sigmoid into its own logarithm:
#
# $$ \log y = -\log(1 + e^{-a}), \qquad \log(1 - y) = -\log(1 + e^{a}) \tag{08.2} $$
#
# Their difference is $\log y - \log(1 - y) = a$, so eq. 11 has one line:
#
# $$ \log p(x|z) = \sum_i x_i a_i - \log(1 + e^{a_i}) \tag{08.3} $$

# %% key="eq08-3"
def log_bernoulli_by_hand(x, logits):
    return (x * logits - np.logaddexp(0, logits)).sum(-1)


with np.errstate(divide="ignore"):
    naive = np.log(1 - 1 / (1 + np.exp(-40.0)))
print("log(1 - y) at a = 40:  naive", naive,
      "  from the logit", log_bernoulli_by_hand(np.zeros(1), np.array([40.0])))

# %% key="eq08-3-check"
from aevb_lib.densities import log_bernoulli

check("eq08-3", log_bernoulli_by_hand(x, logits), log_p, atol=1e-12)
from_library = log_bernoulli(torch.tensor(x), torch.tensor(logits))
check("log_bernoulli", from_library, log_p, atol=1e-12)

# %% [markdown] key="eq08-3-now"
# From here on we call `aevb_lib.densities.log_bernoulli`: the same sum, in PyTorch. It
# refuses values outside $[0, 1]$, since eq. 11 means nothing there.

# %% [markdown] key="ex8-1"
# ### Exercise 8.1 (predict)
#
# Before training, all weights are close to zero, so every
# pixel has $y_i = \tfrac12$, whatever $z$ is. Suppose that the KL term is 0 as well.
# What is the bound of one image of 784 pixels, in nats?
#
# <details><summary>Hint 1</summary>With y = 1/2 it does not matter whether a pixel is ink.</details>
# <details><summary>Hint 2</summary>Each pixel gives log(1/2).</details>

# %% key="ex8-1-code"
bound_at_start = ...
### BEGIN SOLUTION
bound_at_start = 784 * np.log(0.5)
### END SOLUTION

# %% key="ex8-1-check"
exercise("ex8-1", bound_at_start, 784 * np.log(0.5), atol=0.5, mistakes={
    "that is the mean over the pixels; log-probabilities add up": np.log(0.5),
    "a log-probability is not positive": -784 * np.log(0.5),
    "that is in bits; use the natural logarithm": -784.0,
    "that is in powers of ten; use the natural logarithm": 784 * np.log10(0.5)})

# %% [markdown] key="encoder"
# ## 3. The encoder (eqs 9 and 12)
#
# The posterior $p(z|x)$ of this decoder has no formula. The encoder offers a Gaussian
# in its place, whose mean and variance are outputs of a network:
#
# $$ \log q(z|x) = \log \mathcal N(z;\, \mu,\, \sigma^2 I) \tag{KW 9} $$
#
# $$ h = \tanh(W_3 x + b_3), \quad \mu = W_4 h + b_4, \quad
# \log \sigma^2 = W_5 h + b_5 \tag{KW 12} $$
#
# The paper prints eq. 12 as a decoder, from $z$ to $x$, and says to swap the two for an
# encoder; here they are swapped. It writes $\sigma^2 I$, but each latent has its own
# variance: read it as $\operatorname{diag}(\sigma_1^2, \dots, \sigma_J^2)$.

# %% key="eq12"
W3, b3 = 0.5 * rng.normal(size=(H, D)), rng.normal(size=H)
W4, b4 = rng.normal(size=(J, H)), rng.normal(size=J)
W5, b5 = 0.5 * rng.normal(size=(J, H)), rng.normal(size=J)
h = np.tanh(x @ W3.T + b3)                             # (M, H)
mu, log_var = h @ W4.T + b4, h @ W5.T + b5             # (M, J) each
print("mu:", mu.round(2).tolist())
print("sigma:", np.exp(log_var / 2).round(2).tolist())

# %% [markdown] key="eq9"
# A diagonal Gaussian is a product of one-dimensional ones. Its logarithm is a sum over
# the $J$ latents:
#
# $$ \log q(z|x) = \sum_{j=1}^{J} -\tfrac12 \Big( \log 2\pi + \log\sigma_j^2
# + \frac{(z_j - \mu_j)^2}{\sigma_j^2} \Big) \tag{08.4} $$

# %% key="eq9-code"
log_q = -0.5 * (np.log(2 * np.pi) + log_var + (z - mu) ** 2 / np.exp(log_var)).sum(1)
print("log q(z|x) of the three images, in nats:", log_q.round(3))

# %% key="eq9-check"
full = [stats.multivariate_normal(m, np.diag(np.exp(v))) for m, v in zip(mu, log_var)]
check("eq9", log_q, [q.logpdf(point) for q, point in zip(full, z)])

# %% [markdown] key="eq12-check-why"
# The library's encoder is the same three lines. It keeps $W_4$ and $W_5$ in one matrix,
# one above the other, so that one product gives both. We hand it our weights and compare.

# %% key="eq12-check"
from aevb_lib.models import GaussianEncoder

encoder = GaussianEncoder(D, H, J, torch.Generator()).double()
weights = [W3, b3, np.vstack([W4, W5]), np.hstack([b4, b5])]
for parameter, value in zip(encoder.parameters(), weights):
    parameter.data = torch.tensor(value)
check("eq12", torch.stack(encoder(torch.tensor(x))), np.stack([mu, log_var]))

# %% [markdown] key="why-log-var"
# ### Why the network gives $\log\sigma^2$ and not $\sigma$
#
# A network's output can be any real number. A variance must be above 0. The exponential
# maps one to the other, one to one, and so a step of any size stays allowed.
#
# There is a second reason. Let $q = \mathcal N(0, \sigma^2)$ climb $-\mathrm{KL}$ to a
# target $\mathcal N(0, s^2)$. Up to a constant this is $\tfrac12\log\sigma^2 -
# \sigma^2/(2s^2)$. Predict for $s = 0.1$, from $\sigma = 1$: how large is its slope in
# $\sigma$, and where does one step of 0.1 times the slope land?

# %% key="why-log-var-demo"
s, sigma = 0.1, 1.0
slope = 1 / sigma - sigma / s**2                       # in sigma
print(f"slope {slope:.0f}; one step in sigma lands at {sigma + 0.1 * slope:.1f}")
log_var_1d = np.log(sigma**2)
for _ in range(60):
    log_var_1d += 0.1 * (0.5 - 0.5 * np.exp(log_var_1d) / s**2)
print(f"60 steps in log sigma^2: sigma = {np.exp(log_var_1d / 2):.3f}")

# %% [markdown] key="why-log-var-after"
# One step in $\sigma$ lands at a negative width. In $\log\sigma^2$ every step lands at an
# allowed one, and sixty of them arrive. At the other end the slope in $\log\sigma^2$ is
# gentle: for a $\sigma$ that is far too small it tends to $\tfrac12$, while the slope in
# $\sigma$ is nearly $1/\sigma$ and explodes.

# %% [markdown] key="kl"
# ## 4. The KL term by hand (Appendix B)
#
# The bound needs $\mathrm{KL}(q(z|x)\,\|\,p(z)) = \mathbb E_q[\log q(z|x) - \log p(z)]$.
# [Lesson 06](06_sgvb.ipynb) derives it. Here it is in short, for three images at once.
# Both are Gaussian, so two moments of $q$ are enough:
#
# $$ \mathbb E_q[(z_j - \mu_j)^2] = \sigma_j^2, \qquad
# \mathbb E_q[z_j^2] = \mu_j^2 + \sigma_j^2 \tag{08.5} $$
#
# The first is the definition of the variance. The second follows from it: expand
# $z_j^2 = (z_j - \mu_j)^2 + 2\mu_j (z_j - \mu_j) + \mu_j^2$; the middle term has mean 0.

# %% [markdown] key="kl-steps"
# **Put the first moment into** $\log q$ (eq. 08.4): each square over its variance averages to 1.
#
# $$ \mathbb E_q[\log q(z|x)] = -\tfrac J2 \log 2\pi
# - \tfrac12 \sum_j (1 + \log\sigma_j^2) \tag{08.6} $$
#
# **Put the second into** $\log p(z) = -\tfrac J2\log 2\pi - \tfrac12\sum_j z_j^2$:
#
# $$ \mathbb E_q[\log p(z)] = -\tfrac J2 \log 2\pi
# - \tfrac12 \sum_j (\mu_j^2 + \sigma_j^2) \tag{08.7} $$
#
# **Subtract.** The constants cancel:
#
# $$ -\mathrm{KL}(q\,\|\,p) = \tfrac12 \sum_{j=1}^J
# (1 + \log\sigma_j^2 - \mu_j^2 - \sigma_j^2) \tag{08.8} $$

# %% key="kl-code"
def kl_by_hand(mu, log_var):
    return -0.5 * (1 + log_var - mu**2 - np.exp(log_var)).sum(-1)


print("KL of the three images, in nats:", kl_by_hand(mu, log_var).round(3))

# %% [markdown] key="kl-check-why"
# The referee is **Gauss-Hermite quadrature**: a weighted sum over fixed nodes which is
# exact for polynomials times a Gaussian. Both logarithms are quadratic in $z$, so a few
# nodes give the integrals with no error but rounding. Each of the three displays gets its own check.

# %% key="eq08-8-check"
nodes, node_weights = np.polynomial.hermite_e.hermegauss(20)
node_weights = node_weights / node_weights.sum()       # E over eps ~ N(0, 1)
z_nodes = mu[..., None] + np.exp(log_var / 2)[..., None] * nodes        # (M, J, 20)
log_q_j = stats.norm.logpdf(z_nodes, mu[..., None], np.exp(log_var / 2)[..., None])
E_log_q = (log_q_j @ node_weights).sum(1)
E_log_p = (stats.norm.logpdf(z_nodes) @ node_weights).sum(1)
check("eq08-6", -0.5 * (np.log(2 * np.pi) + 1 + log_var).sum(1), E_log_q)
check("eq08-7", -0.5 * (np.log(2 * np.pi) + mu**2 + np.exp(log_var)).sum(1), E_log_p)
check("eq08-8", kl_by_hand(mu, log_var), E_log_q - E_log_p)

# %% key="kl-library-check"
from aevb_lib.densities import kl_normal

check("kl_normal", kl_normal(torch.tensor(mu), torch.tensor(log_var)),
      kl_by_hand(mu, log_var), atol=1e-12)

# %% [markdown] key="ex8-2"
# ### Exercise 8.2 (code)
#
# A colleague's encoder gives $s = \log\sigma$ instead of
# $\log\sigma^2$. Write the KL term for it: `my_kl(mu, log_sigma)`, summed over the last
# axis. Which two places change?
#
# <details><summary>Hint 1</summary>Write log sigma^2 in terms of log sigma.</details>
# <details><summary>Hint 2</summary>log sigma^2 = 2 log sigma, and sigma^2 = exp(2 log sigma).</details>

# %% key="ex8-2-code"
def my_kl(mu, log_sigma):
    ### BEGIN SOLUTION
    return -0.5 * (1 + 2 * log_sigma - mu**2 - np.exp(2 * log_sigma)).sum(-1)
    ### END SOLUTION


# %% key="ex8-2-check"
half = log_var / 2
exercise("ex8-2", lambda: my_kl(mu, half), kl_by_hand(mu, log_var), mistakes={
    "you have sigma where sigma^2 belongs": -0.5 * (
        1 + 2 * half - mu**2 - np.exp(half)).sum(-1),
    "log sigma^2 is 2 log sigma": -0.5 * (1 + half - mu**2 - np.exp(2 * half)).sum(-1),
    "log_sigma still stands where log sigma^2 belongs": kl_by_hand(mu, half),
    "the sign: a KL divergence is never negative": -kl_by_hand(mu, log_var),
    "the factor 1/2 is missing": 2 * kl_by_hand(mu, log_var)})

# %% [markdown] key="eq10"
# ## 5. The estimator of the VAE (eq. 10)
#
# Put the pieces into estimator B (eq. 7: minus the KL term, exactly, plus an average of
# $\log p(x|z)$ over draws). Draw $\epsilon_l \sim \mathcal N(0, I)$, move it to
# $z_l = \mu + \sigma \odot \epsilon_l$ ($\odot$ multiplies entry by entry), and average:
#
# $$ \mathcal L(\theta, \phi; x) \simeq \tfrac12 \sum_{j=1}^J
# \big(1 + \log\sigma_j^2 - \mu_j^2 - \sigma_j^2\big)
# + \frac1L \sum_{l=1}^L \log p(x|z_l) \tag{KW 10} $$
#
# The first term is exact. Only the second is an estimate, with noise from $\epsilon$.
# First for one image and one draw, with nothing but NumPy:

# %% key="eq10-one"
eps = rng.normal(size=(1, M, J))                       # (L, M, J)
z_0 = mu[0] + np.exp(log_var[0] / 2) * eps[0, 0]       # one z of the first image
logits_0 = W2 @ np.tanh(W1 @ z_0 + b1) + b2
estimate_0 = -kl_by_hand(mu[0], log_var[0]) + log_bernoulli_by_hand(x[0], logits_0)
print(f"eq. 10 for the first image, L = 1: {estimate_0:.4f} nats")

# %% key="eq10-array"
from aevb_lib.models import VAE

vae = VAE(D, H, J, torch.Generator()).double()
all_weights = [*weights, W1, b1, W2, b2]
for parameter, value in zip(vae.parameters(), all_weights, strict=True):
    parameter.data = torch.tensor(value)
estimates = vae.elbo(torch.tensor(x), torch.tensor(eps))     # (M,)
check("eq10", estimates[0], estimate_0, atol=1e-12)

# %% [markdown] key="eq10-exact"
# Is the estimate right on average? For $J = 2$ quadrature can take the expectation over
# $\epsilon$ on a $60 \times 60$ grid of nodes, to about ten digits. So we know the exact
# bound, and hold 20,000 noisy estimates to it. `elbo_terms` gives the two terms apart:
# the KL term (M,) and $\log p(x|z_l)$ (L, M).

# %% key="eq10-exact-check"
nodes, node_weights = np.polynomial.hermite_e.hermegauss(60)
grid = np.stack(np.meshgrid(nodes, nodes), -1).reshape(-1, 1, 2)       # (3600, 1, 2)
node_weights = np.outer(node_weights, node_weights).ravel()
with torch.no_grad():
    kl, log_p_grid = vae.elbo_terms(torch.tensor(x), torch.tensor(grid).repeat(1, M, 1))
    many = torch.tensor(rng.normal(size=(20_000, M, J)))
    _, log_p_many = vae.elbo_terms(torch.tensor(x), many)
exact_bound = node_weights @ log_p_grid.numpy() / node_weights.sum() - kl.numpy()
check_mc("eq10 on average", log_p_many - kl, exact_bound)

# %% [markdown] key="ex8-3"
# ### Exercise 8.3 (code)
#
# Write eq. 10 for a whole minibatch in NumPy, from `x` (M, D), `mu`, `log_var`
# (M, J), `eps` (L, M, J) and a function `logits_of(z)` that maps (L, M, J) to (L, M, D).
# Return one bound an image, (M,).
#
# <details><summary>Hint 1</summary>z = mu + np.exp(0.5 * log_var) * eps has shape (L, M, J).</details>
# <details><summary>Hint 2</summary>Sum over pixels and latents (last axis); average over draws (first axis).</details>

# %% key="ex8-3-code"
def my_elbo(x, mu, log_var, eps, logits_of):
    ### BEGIN SOLUTION
    z = mu + np.exp(0.5 * log_var) * eps
    return log_bernoulli_by_hand(x, logits_of(z)).mean(0) - kl_by_hand(mu, log_var)
    ### END SOLUTION


# %% key="ex8-3-check"
def logits_of(z):
    return np.tanh(z @ W1.T + b1) @ W2.T + b2


five = rng.normal(size=(5, M, J))
toy_kl, toy_sigma = kl_by_hand(mu, log_var), np.exp(log_var / 2)
toy_log_p, with_sigma2, no_noise = (
    log_bernoulli_by_hand(x, logits_of(mu + scale * five))             # (5, M)
    for scale in (toy_sigma, toy_sigma**2, 0))
exercise("ex8-3", lambda: my_elbo(x, mu, log_var, five, logits_of),
         toy_log_p.mean(0) - toy_kl, mistakes={
    "you have sigma^2 where sigma belongs, in z": with_sigma2.mean(0) - toy_kl,
    "z has no noise: add sigma * eps": no_noise.mean(0) - toy_kl,
    "the draws are averaged, not summed": toy_log_p.sum(0) - toy_kl,
    "pixels are summed, not averaged": toy_log_p.mean(0) / D - toy_kl,
    "the KL term is missing": toy_log_p.mean(0),
    "the KL term is subtracted": toy_log_p.mean(0) + toy_kl})

# %% [markdown] key="backprop"
# ## 6. The gradient by hand
#
# Training needs the gradient of eq. 10 in all ten weight arrays. Autograd gives it; once
# in your life you should do it yourself. Take $L = 1$. The decoder computes
# $u = W_1 z + b_1$, $g = \tanh u$ and the logits $a = W_2\, g + b_2$. We walk back from the
# bound, one factor of the chain rule at a time, and mark a gradient by a bar: $\bar a$
# stands for $\partial\mathcal L / \partial a$.
#
# **The logits.** Differentiate eq. 08.3; the derivative of $\log(1 + e^a)$ is the sigmoid.
#
# $$ \bar a = x - y \tag{08.9} $$
#
# The gradient is the difference between the image and its reconstruction.

# %% [markdown] key="backprop-decoder"
# **A linear layer** $a = W_2\, g + b_2$ passes a gradient on in three ways: to the
# weights as an outer product (summed over images), to the bias as it is, to its input
# through the transposed weights.
#
# $$ \bar W_2 = \bar a\, g^\top, \qquad \bar b_2 = \bar a, \qquad
# \bar g = W_2^\top \bar a \tag{08.10} $$
#
# **A tanh** multiplies by one minus its square, entry by entry. Then the first layer is
# linear again, and we arrive at $z$:
#
# $$ \bar u = \bar g \odot (1 - g^2), \qquad \bar W_1 = \bar u\, z^\top, \qquad
# \bar z = W_1^\top \bar u \tag{08.11} $$
#
# These are columns, for one image. In the code an image is a row, so each product is
# transposed, and a product with $\bar a^\top$ also sums over the images.

# %% key="backprop-forward"
sigma = np.exp(log_var / 2)
z_1 = mu + sigma * eps[0]                              # (M, J), L = 1
g = np.tanh(z_1 @ W1.T + b1)                           # (M, H)
y_1 = 1 / (1 + np.exp(-(g @ W2.T + b2)))               # (M, D)

# %% key="backprop-decoder-code"
d_a = x - y_1                                          # eq. 08.9
d_W2, d_b2, d_g = d_a.T @ g, d_a.sum(0), d_a @ W2      # eq. 08.10
d_u = d_g * (1 - g**2)                                 # eq. 08.11
d_W1, d_b1, d_z = d_u.T @ z_1, d_u.sum(0), d_u @ W1

# %% [markdown] key="backprop-trick"
# **Through the noise.** Here the reparameterization trick earns its keep. Since
# $z_j = \mu_j + e^{\frac12 \log\sigma_j^2}\, \epsilon_j$ is an ordinary function, it has
# ordinary derivatives: 1 in $\mu_j$, and $\tfrac12 \sigma_j \epsilon_j$ in
# $\log\sigma_j^2$. The KL term adds its own, from eq. 08.8:
#
# $$ \bar\mu = \bar z - \mu, \qquad
# \overline{\log\sigma^2} = \bar z \odot \tfrac12 \sigma \epsilon
# + \tfrac12 (1 - \sigma^2) \tag{08.12} $$
#
# Each line is a tug of war: the image pulls through $\bar z$, the prior pulls $\mu$ to 0
# and $\sigma$ to 1. From here on it is linear, tanh, linear as before; $v = W_3 x + b_3$
# is what the encoder's tanh reads.

# %% key="backprop-encoder-code"
d_mu = d_z - mu                                        # eq. 08.12
d_log_var = d_z * 0.5 * sigma * eps[0] + 0.5 * (1 - sigma**2)
d_heads = np.hstack([d_mu, d_log_var])                 # W4 above W5
d_h = d_heads @ np.vstack([W4, W5])
d_v = d_h * (1 - h**2)
d_encoder = [d_v.T @ x, d_v.sum(0), d_heads.T @ h, d_heads.sum(0)]

# %% [markdown] key="backprop-check-why"
# Two referees. **Autograd** must agree with every entry to rounding. A **finite
# difference** of the bound in one weight of the encoder, the one at the far end of the
# walk, asks neither of us: it only evaluates eq. 10 twice.

# %% key="backprop-check"
vae.zero_grad()
vae.elbo(torch.tensor(x), torch.tensor(eps)).sum().backward()
by_hand = [*d_encoder, d_W1, d_b1, d_W2, d_b2]
for parameter, gradient in zip(vae.parameters(), by_hand, strict=True):
    assert parameter.shape == gradient.shape
check("eq08-9 to eq08-12", torch.cat([p.grad.flatten() for p in vae.parameters()]),
      np.concatenate([gradient.ravel() for gradient in by_hand]))

# %% key="backprop-difference-check"
def bound_with(step):
    with torch.no_grad():
        vae.encoder.hidden.weight[2, 3] += step
        value = vae.elbo(torch.tensor(x), torch.tensor(eps)).sum().item()
        vae.encoder.hidden.weight[2, 3] -= step
    return value


slope = (bound_with(1e-5) - bound_with(-1e-5)) / 2e-5
check("finite difference", d_encoder[0][2, 3], slope, atol=1e-8)

# %% [markdown] key="ex8-4"
# ### Exercise 8.4 (derive)
#
# A Gaussian decoder (eq. 12 read the other way round) has
# $\log p(x|z) = \sum_i -\tfrac12\big(\log 2\pi + \log s_i^2 + (x_i - m_i)^2/s_i^2\big)$.
# Derive $\bar m$ and $\overline{\log s^2}$, the counterparts of eq. 08.9, and write
# them as a function of `x`, `m`, `log_var` that returns both arrays as a tuple.
#
# <details><summary>Hint 1</summary>Write 1/s^2 as exp(-log s^2) before you differentiate.</details>
# <details><summary>Hint 2</summary>The derivative of exp(-v) in v is -exp(-v).</details>

# %% key="ex8-4-code"
def gaussian_gradient(x, m, log_var):
    ### BEGIN SOLUTION
    precision = np.exp(-log_var)
    return (x - m) * precision, 0.5 * ((x - m) ** 2 * precision - 1)
    ### END SOLUTION


# %% key="ex8-4-check"
from aevb_lib.densities import log_normal

m, v = rng.normal(size=(2, M, D))
precision, square = np.exp(-v), (x - m) ** 2
m_, v_ = torch.tensor(m, requires_grad=True), torch.tensor(v, requires_grad=True)
log_normal(torch.tensor(x), m_, v_).sum().backward()
exercise("ex8-4, m", lambda: (gaussian_gradient(x, m, v) or [None] * 2)[0], m_.grad,
         mistakes={"the sign": (m - x) * precision, "1/s^2 is missing": x - m,
                   "you have s where s^2 belongs": (x - m) * np.exp(-v / 2)})
exercise("ex8-4, log s^2", lambda: (gaussian_gradient(x, m, v) or [None] * 2)[1],
         v_.grad, mistakes={
    "the sign": 0.5 * (1 - square * precision),
    "you have s where s^2 belongs": 0.5 * (square * np.exp(-v / 2) - 1),
    "the 1/2 is missing": square * precision - 1,
    "log s^2 itself stands in the sum too": 0.5 * square * precision,
    "that is the derivative in s^2": 0.5 * (square * precision**2 - precision)})

# %% [markdown] key="grey"
# ## 7. Grey pixels under a Bernoulli likelihood
#
# MNIST's pixels are grey: values such as 0.3. Eq. 11 is the log-probability of *binary*
# pixels. Nearly every course puts the grey values in and calls the result
# $\log p(x)$. What is it really?
#
# Read a grey value as a probability of ink, and let $b$ be a binary image drawn from $x$:
# $b_i = 1$ with probability $x_i$. Eq. 08.3 is linear in the pixels, so averaging over
# $b$ puts $\mathbb E[b_i] = x_i$ in the place of $b_i$:
#
# $$ \mathbb E_{b|x}[\log p(b|z)] = \sum_i x_i a_i - \log(1 + e^{a_i}) \tag{08.13} $$
#
# The right side is what everyone computes. The left side says what it means.

# %% [markdown] key="grey-check-why"
# Check: with six pixels there are only 64 binary images. We list them all, weigh each by
# its probability under a grey $x$, and add up.

# %% key="eq08-13-check"
grey = rng.uniform(size=D)
binary = np.array(list(np.ndindex((2,) * D)), float)                # (64, D)
probability = np.where(binary == 1, grey, 1 - grey).prod(1)         # (64,)
average = probability @ log_bernoulli_by_hand(binary, logits[0])
check("eq08-13", log_bernoulli_by_hand(grey, logits[0]), average, atol=1e-12)

# %% [markdown] key="grey-means"
# So the grey bound has a meaning: it is the mean of the bounds of all binary
# images that $x$ draws, all encoded by the same $q(z|x)$, and so it lies below
# $\mathbb E_{b|x}[\log p(b)]$. It is **not** a density of the grey image. Two signs:
#
# - its best possible value is not 0 but minus the entropy of the pixels' coin flips;
# - $\int_0^1 y^x (1-y)^{1-x}\,\mathrm dx$ is not 1, so it is no density in $x$.
#
# The missing factor is known; a decoder with it is called the *continuous Bernoulli*
# (Loaiza-Ganem and Cunningham, 2019).

# %% key="grey-integral-check"
y_1 = 0.9
t, t_weights = np.polynomial.legendre.leggauss(40)     # nodes on (-1, 1)
t, t_weights = (t + 1) / 2, t_weights / 2              # now on (0, 1)
integral = t_weights @ (y_1**t * (1 - y_1) ** (1 - t))
check("integral", integral, (2 * y_1 - 1) / np.log(y_1 / (1 - y_1)), atol=1e-12)
print(f"the integral over grey x at y = {y_1} is {integral:.4f}; a density's is 1")

# %% [markdown] key="binarise"
# ### Two ways to make binary images
#
# - **Static**: draw $b$ once for each image, keep it. The data set is fixed.
# - **Dynamic**: draw a new $b$ every time that an image is used. Training then never sees
#   the same pixels twice, which works against overfitting.
#
# Bounds on grey, static and dynamic data are three different numbers. A comparison must
# say which. Below we train on dynamic draws and test on one static draw, so that every
# test value is a true log-probability.

# %% key="binarise-code"
from aevb_lib import binarise

b_test = binarise(x_test, torch.Generator().manual_seed(1))
fig, ax = plt.subplots(figsize=(7, 1.6))
pairs = torch.cat([x_test[:10], b_test[:10]])
plots.montage(pairs, digits.image_shape, 10, ax)
plt.show()

# %% [markdown] key="binarise-code-words"
# *In words:* ten grey digits above, one binary draw of each below. The shapes are the
# same; the soft edges have become ragged, because each grey pixel became ink or ground.

# %% [markdown] key="train"
# ## 8. Train the paper's model
#
# Everything is in place: 784 pixels, 500 hidden units, $J = 2$ latents so that we can
# look at all of them. `aevb_lib.training.train` is Algorithm 1 from lesson 07. Its heart
# is one function, `sgvb_step`; read it once.

# %% key="train-source"
import inspect

from aevb_lib.training import PAPER, TODAY, sgvb_step, train

print(inspect.getsource(sgvb_step))

# %% [markdown] key="recipes"
# A **recipe** says how to start and how to step. Two are named.
#
# - `PAPER`: every weight from $\mathcal N(0, 0.01^2)$, Adagrad with step size 0.02, a
#   prior $\mathcal N(0, I)$ on $\theta$. The gradient of its logarithm is $-\theta$, which
#   the optimizer adds as a weight decay.
# - `TODAY`: a wider start, the output bias at the data's mean image, Adam with a step
#   size that rises, then falls along a cosine.
#
# Both use $M = 100$ and $L = 1$. Predict: which one leads after 60 passes over the data,
# and will either look finished? The bound splits into its two terms while you watch.

# %% key="train-today" tags=["nbval-ignore-output"]
generator = torch.Generator().manual_seed(0)
vae = VAE(D=784, H=500, J=2, generator=generator)
TODAY.start(vae, x_train, generator)
today = train(vae, x_train, TODAY, generator=generator, epochs=60, x_test=b_test,
              dynamic_binarisation=True)

# %% key="train-paper" tags=["nbval-ignore-output"]
generator = torch.Generator().manual_seed(0)
vae_2013 = VAE(D=784, H=500, J=2, generator=generator)
PAPER.start(vae_2013, x_train, generator)
paper = train(vae_2013, x_train, PAPER, generator=generator, epochs=60, x_test=b_test,
              dynamic_binarisation=True)

# %% key="curves" tags=["nbval-ignore-output"]
fig, ax = plt.subplots(figsize=(7, 3.4))
for history, name, style in ((today, "today's", "-"), (paper, "the paper's", "--")):
    ax.plot(history.samples, history.test_bound, color=plots.BOUND, ls=style)
    plots.label_end(ax, history.samples, history.test_bound, name)
ax.set(xscale="log", xlabel="training samples evaluated", xlim=(4e3, 5e5),
       ylabel="test bound (nats per image)")
plt.show()

# %% [markdown] key="curves-words"
# *In words:* the bound of the 1,000 test images against the number of training images
# that were looked at. Today's recipe lies above the paper's all the way and ends about
# eleven nats higher. Both are nearly flat at the end. For today's recipe that is partly
# its own doing: its step size has fallen to 0.

# %% [markdown] key="curves-after"
# Both curves climb the same bound of the same model. What differs is how the steps are
# chosen. Neither number is "the quality of a VAE": the paper trains on all of MNIST, and
# its own curve for $N_z = 3$ reaches $-138$ nats (on grey pixels) after ten million
# samples, forty times what you have just run.

# %% [markdown] key="exact"
# ## 9. How far below the truth?
#
# A bound alone does not say how good it is. With $J = 2$ we can know: $\log p(x)$ is an
# integral over a plane, and a grid sums it to nine digits. `aevb_lib.exact.BernoulliMLP`
# is eq. 11 in NumPy; `posterior` refines a grid where the mass is. It gives points $z$,
# each with its `weight`, the probability of a small square of area `cell` around it. We
# take the network that you have trained and the first twenty test images.

# %% key="exact-code" tags=["nbval-ignore-output"]
from aevb_lib.exact import BernoulliMLP

(V1, c1, _), (V2, c2, _) = vae.decoder.layers()        # weights, bias, activation
truth = BernoulliMLP(*(array.astype(float) for array in (V1, c1, V2, c2)))
b_20 = b_test[:20]                                     # binary, so log p(x) is exact
posteriors = [truth.posterior(b, n_coarse=44) for b in b_20.double().numpy()]
log_evidence = np.array([posterior.log_evidence for posterior in posteriors])
print("log p(x) of the first five, nats:", log_evidence[:5].round(2))

# %% [markdown] key="exact-bound"
# Now the bound of the same images from 2,000 draws, with its standard error. And on the
# grid the divergence from $q$ to the posterior, $\int q \log (q / p(z|x))\, dz$, as a sum
# over squares. Eq. 1 says that the two must add up to the evidence:
#
# $$ \log p(x) = \mathrm{KL}(q(z|x)\,\|\,p(z|x)) + \mathcal L(\theta, \phi; x) \tag{KW 1} $$

# %% key="exact-bound-code" tags=["nbval-ignore-output"]
noise = torch.tensor(np.random.default_rng(0).normal(size=(2000, 20, 2))).float()
with torch.no_grad():
    mu_20, log_var_20 = vae.encode(b_20)
    kl_20, log_p_20 = vae.elbo_terms(b_20, noise)      # (20,), (2000, 20)
draws = (log_p_20 - kl_20).double().numpy()
bound, se = draws.mean(0), draws.std(0) / np.sqrt(len(draws))

# %% key="exact-gap-code" tags=["nbval-ignore-output"]
def kl_to_posterior(posterior, mean, variance):
    """KL(N(mean, diag(variance)) || p(z|x)), summed over the grid."""
    log_q = stats.multivariate_normal(mean, np.diag(variance)).logpdf(posterior.z)
    log_p = np.log(np.maximum(posterior.weight, 1e-300) / posterior.cell)
    return posterior.cell * np.exp(log_q) @ (log_q - log_p)


kl_q = np.array([kl_to_posterior(p, m, np.exp(v))
                 for p, m, v in zip(posteriors, mu_20.numpy(), log_var_20.numpy())])

# %% key="exact-table" tags=["nbval-ignore-output"]
print(" log p(x)     bound            KL on the grid")
for row in list(zip(log_evidence, bound, se, kl_q))[:5]:
    print("{:9.2f}  {:9.2f} +- {:.2f}  {:8.2f}".format(*row))
print(f"all twenty: KL {kl_q.mean():.2f} on average, from {kl_q.min():.2f} "
      f"to {kl_q.max():.2f} nats")

# %% key="eq1-check"
assert (kl_q > 0).all() and (bound < log_evidence + 4 * se).all()
assert (np.abs(bound + kl_q - log_evidence) < 4 * se + 1e-3).all()
print("eq1: bound + KL is the evidence of all twenty, within 4 standard errors")

# %% [markdown] key="exact-after"
# The missing piece is the divergence, image by image. It has two causes. Where the exact
# posterior is tilted or bent, no upright ellipse fits it. And one encoder serves all
# images: for some, its ellipse is off, which lesson 07 called the amortisation gap.
#
# To tell them apart, put a better ellipse in the encoder's place: the posterior's own
# mean and variances, from the grid. What then remains is due to the shape. Predict: most
# of it, or little?

# %% key="exact-causes" tags=["nbval-ignore-output"]
kl_own = np.array([kl_to_posterior(p, p.mean(), np.diag(p.cov())) for p in posteriors])
for name, kl in (("the encoder's", kl_q), ("the posterior's own", kl_own)):
    print(f"{name:20} mean and variances: KL {np.median(kl):.2f} nats in the median, "
          f"{kl.mean():.2f} on average")

# %% [markdown] key="exact-causes-after"
# Little, in most images: after a minute of training on 4,000 digits, most of the gap is
# amortisation. A few images cost many nats, since their posterior lies elsewhere in the
# plane than the encoder says, or has two peaks. The picture shows three of the twenty.

# %% key="exact-picture" tags=["nbval-ignore-output"]
fig, axes = plt.subplots(1, 3, figsize=(7.2, 2.9))
for ax, i in zip(axes, np.argsort(kl_q)[[2, 11, 16]]):
    p, middle = posteriors[i], (posteriors[i].mean() + mu_20[i].numpy()) / 2
    levels = p.weight.max() * np.linspace(0.05, 1, 7)
    ax.tricontourf(*p.z.T, p.weight, levels=levels, cmap="Oranges")
    plots.gaussian_ellipse(mu_20[i], log_var_20[i].exp().diag(), ax)
    ax.set(xlim=middle[0] + np.array([-0.8, 0.8]), xlabel="$z_1$",
           ylim=middle[1] + np.array([-0.8, 0.8]), aspect="equal")
    ax.set_title(f"KL {kl_q[i]:.2f} nats")
axes[0].set_ylabel("$z_2$")
plt.show()

# %% [markdown] key="exact-picture-words"
# *In words:* three test images at one scale, the divergence growing from left to right.
# Orange: the exact posterior of $z$ on the grid. The blue ellipse: two standard
# deviations of the encoder's $q(z|x)$. Left, the ellipse lies over the orange spot; to
# the right it sits more and more beside it.

# %% [markdown] key="drag"
# ## 10. Drag through what you trained
#
# The two networks now run inside this page. Drag over the plane and watch
# $\mathbb E[x|z]$; click a digit to see its $q(z|x)$; draw one of your own. Lesson 09
# asks what you will find there.

# %% key="demo-explorer" tags=["nbval-ignore-output"]
from aevb_lib.widgets import LatentExplorer

with torch.no_grad():
    codes, _ = vae.encode(x_test)
LatentExplorer(vae.decoder.layers(), codes, digits.labels_test, x=x_test,
               encoder=vae.encoder.layers(), image_shape=digits.image_shape)

# %% [markdown] key="demo-explorer-words"
# *In words:* a square plane with the codes of the 1,000 test digits, each drawn as its own numeral,
# and the image that the decoder makes of the point under the pointer. Arrow keys move
# the point too. The still picture below shows the same plane.

# %% key="still" tags=["nbval-ignore-output"]
fig, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.8), width_ratios=(1.25, 1))
plots.latent_plane(codes, digits.labels_test, left)
plots.prior_rings(left)
ticks = torch.linspace(-1.8, 1.8, 7)
lattice = torch.cartesian_prod(-ticks, ticks).flip(1)  # row by row, from the top
with torch.no_grad():
    plots.montage(vae.decode(lattice), digits.image_shape, 7, right)
right.set_title("decoded on a grid from -1.8 to 1.8")
plt.show()

# %% [markdown] key="still-words"
# *In words:* left, the plane of codes with the prior's rings. 0, 1 and 7 own regions, 4
# and 9 share one, the others crowd near the middle. Most of the 1s lie outside the 99 %
# ring, where the prior hardly ever draws. Right, forty-nine decoded points laid out like
# the plane inside $\pm 1.8$: shapes change smoothly from one class to the next.

# %% [markdown] key="gaussian-decoder"
# ## 11. Other decoders
#
# For pixels that are truly grey, the paper uses a Gaussian decoder: eq. 12 from $z$ to
# $x$. For Frey Face it squashes the means through a sigmoid. In the library these are
# `VAE(..., likelihood="gaussian")` and `"gaussian-squashed"`. A Gaussian density can
# exceed 1, so its bound can be positive: that is no mistake.

# %% key="gaussian-decoder-check"
from aevb_lib.models import GaussianDecoder

generator = torch.Generator().manual_seed(0)
decoder = GaussianDecoder(J, H, D, generator, squash=True).double()
z_t = torch.tensor(rng.normal(size=(1, M, J)))
mean, log_s2 = (out.detach().numpy()[0] for out in decoder(z_t))
by_scipy = stats.norm.logpdf(x, mean, np.exp(log_s2 / 2)).sum(1)
check("eq12 as a decoder", decoder.log_p_x_given_z(torch.tensor(x), z_t)[0], by_scipy)
assert ((0 < mean) & (mean < 1)).all()

# %% [markdown] key="ex8-5"
# ### Exercise 8.5 (derive)
#
# A Gaussian decoder may share one variance $\sigma^2$ among all $D$ pixels. Which
# $\sigma^2$ makes $\log p(x|z)$ largest, at fixed means? Derive it, and write it as a
# function of `x` and `mean`, both (M, D): one number for all $M$ images together. (Where
# a loss fixes $\sigma^2$ without a word, see lesson 06, section 7.)
#
# <details><summary>Hint 1</summary>For one image: -D/2 log sigma^2 - SSE / (2 sigma^2), and a constant. SSE is the sum of squared errors.</details>
# <details><summary>Hint 2</summary>Set the slope in sigma^2 to zero and multiply by 2 sigma^4. For M images there are M D errors.</details>

# %% key="ex8-5-code"
def best_variance(x, mean):
    ### BEGIN SOLUTION
    return ((x - mean) ** 2).mean()
    ### END SOLUTION

# %% key="ex8-5-check"
from scipy import optimize

error = (x - mean) ** 2                                                  # (M, D)
found = optimize.minimize_scalar(
    lambda log_s2: -stats.norm.logpdf(x, mean, np.exp(log_s2 / 2)).sum(), tol=1e-12)
exercise("ex8-5", lambda: best_variance(x, mean), np.exp(found.x), mistakes={
    "you have sigma where sigma^2 belongs": np.sqrt(error.mean()),
    "divide by the number of pixels, not of images": error.sum() / len(x),
    "average over the images as well": error.sum() / D,
    "the 1/2 of the exponent and that of the log cancel": error.mean() / 2,
    "there is no factor 2: both terms carry a 1/2": 2 * error.mean(),
    "square each error first": np.abs(x - mean).mean(),
    "errors are taken from the means of the decoder": x.var()})

# %% [markdown] key="misconception"
# ## Misconception card
#
# > **"The loss of a VAE is a reconstruction error plus a regulariser; the error can be
# > anything, and the weight between them is a matter of taste."**
#
# The first term is $\log p(x|z)$ of a *named density*, in nats, and the second follows from
# it with weight 1. Choosing the squared error chooses a Gaussian; averaging it over the pixels
# chooses $\sigma^2 = 392$ (lesson 06, section 7), under which no digit can be told from another,
# and the codes collapse onto the prior. With a Gaussian, another weight is another
# $\sigma^2$: say which. With eq. 11, a sum with another weight is no longer the bound.

# %% [markdown] key="take-away"
# ## What you can do now
#
# - **Write and prove each line.** Eqs 9, 11 and 12 against scipy, Appendix B against
#   quadrature, eq. 10 against its exact expectation.
# - **Push the gradient through.** $x - y$ at the logits, transposed weights, $1 - \tanh^2$,
#   and the two lines of eq. 08.12, where the noise lets the gradient pass.
# - **Train and measure.** A minute on 4,000 digits, and a bound below the exact evidence
#   by the very divergence that eq. 1 names.
#
# **Next**: lesson 09 asks what is in the latent space: the paper's Figures 4 and 5, holes,
# collapse, and why samples blur.
