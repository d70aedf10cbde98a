# %% [markdown] key="title"
# # 09 · What is in the latent space?
#
# *What did the encoder write into $z$, what does the decoder read there, and how far is
# that from the prior?*
#
# **After this you can**
# - draw Figures 4 and 5, and say why the grid goes through the inverse normal CDF;
# - tell a code, a draw and the posterior apart, and measure how far all codes together
#   are from $\mathcal N(0, I)$;
# - find the units that carry nothing, and say why samples are blurred.
#
# **Paper**: section 5 and its visualisations, Figures 4 and 5 · **Study**: 75 minutes,
# and 35 for the parts marked optional (half of section 5, section 8) ·
# **Running**: about 25 seconds · **You need**: lesson 08.

# %% [markdown] key="self-test"
# **Three questions before you start.** Can you answer them?
#
# 1. $\Phi$ is the CDF of $\mathcal N(0, 1)$. Which share of its draws lies below
#    $\Phi^{-1}(0.25)$?
# 2. Half of the draws come from $\mathcal N(-1, 0.1^2)$, half from
#    $\mathcal N(1, 0.1^2)$. What are the mean and the variance of all together?
# 3. A pixel is ink with probability $y$. For which $y$ is its variance largest?
#
# <details><summary>Answers</summary>
#
# 1. A quarter, by the definition of the inverse.
# 2. Mean 0. Variance $1 + 0.01$: the spread of the means plus the mean of the variances.
# 3. $y = \tfrac12$: the variance is $y(1 - y)$.
# </details>

# %% key="imports"
import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy.stats import norm

from aevb_lib import LatentExplorer, check, check_mc, exercise, load_mnist
from aevb_lib import plots, pretrained

plots.use_style()

# %% [markdown] key="question"
# A VAE with $J = 2$ turns every digit into two numbers. We can look at *all* of its
# latent space, as Figure 4 of the paper does. This lesson looks, and then measures what
# the eye believes.
#
# The model below is the paper's: 784-500-2 and back, trained on the 60,000 training
# images of MNIST. The 1,000 digits that we look at are among those: the library calls
# them `x_test`, but for this model they are training images. Nothing here says how it
# does on new digits. We compute in float64.

# %% key="load"
digits = load_mnist()
vae = pretrained(2).double().requires_grad_(False)
x, labels = digits.x_test.double().numpy(), digits.labels_test.numpy()   # (1000, 784)


def encode(model, x):
    mu, log_var = model.encode(torch.as_tensor(x))
    return mu.numpy(), log_var.numpy()                                   # (M, J) each


def decode(model, z):
    return model.decode(torch.as_tensor(z)).numpy()                      # (..., 784)


mu, log_var = encode(vae, x)                                             # (1000, 2)

# %% [markdown] key="hunt"
# ## 1. Walk about
#
# Predict first, then find out in the explorer:
#
# 1. The labels were never shown to the model. How many of the ten digits own a region
#    of the plane?
# 2. What becomes of the picture far outside the outer ring, where hardly a digit lies?
# 3. Draw a large **X** on the pad. What comes back? Press *Sample again*: how much do
#    the eight decoded samples differ?

# %% key="explorer" tags=["nbval-ignore-output"]
LatentExplorer(vae.decoder.layers(), mu, labels, encoder=vae.encoder.layers(), x=x)

# %% [markdown] key="explorer-words"
# *In words:* a plane with 1,000 small digits, each at the mean $\mu$ that the encoder
# gives its image, and three rings, at radius 1, 2 and 3. Where you drag, a large image
# shows $E[x|z]$. Pick a digit or draw one on the pad: an ellipse shows $q(z|x)$, and
# eight small images show decoded draws from it. Keyboard: Tab to the plane, arrow keys
# move, Enter picks the nearest digit. Without a live page, the next figure shows the
# same things at rest.

# %% key="still"
row = 9
eps = np.random.default_rng(0).standard_normal((8, 2))
draws = mu[row] + np.exp(log_var[row] / 2) * eps                         # eq. 4
strip = np.vstack([x[row], decode(vae, mu[row]), decode(vae, draws)])    # (10, 784)

fig, (left, right) = plt.subplots(1, 2, figsize=(7.6, 4.6), width_ratios=(3.1, 1))
plots.latent_plane(mu, labels, left)
plots.prior_rings(left)
plots.gaussian_ellipse(mu[row], np.diag(np.exp(log_var[row])), left)
left.annotate("$q(z|x)$ of one 9", mu[row], (2.9, -2.7), color=plots.Q, ha="center",
              arrowprops=dict(arrowstyle="-", color=plots.Q))
plots.montage(strip, digits.image_shape, 2, right, gap=6)
for across, down, name in ((14, -5, "x"), (48, -5, "at $\\mu$"), (-12, 122, "8 draws")):
    right.text(across, down, name, ha="center", rotation=90 * (across < 0))
plt.show()

# %% [markdown] key="still-words"
# *In words:* left, the plane. 1s lie far left, 0s far right and up, 7s at the bottom,
# each mostly alone; 4s and 9s are mixed below the centre; 3s, 5s and 8s crowd in the
# middle, and a clump of 5s stands apart at $(-0.5, 1.6)$. The blue ellipse of one digit 9
# (2 sigma) is hardly larger than a glyph. Right, that 9, the decoded mean of its $q$, and
# eight decoded draws, which look much alike and are all softer than the digit.

# %% [markdown] key="hunt-answers"
# <details><summary>What we found</summary>
#
# 1. Two clearly, 0 and 1; 6, 7 and 2 mostly; the other five share. The next cell counts.
# 2. Pictures become *sharper* and stranger, not emptier: far out the tanh units sit at
#    $\pm 1$, and the logits are large. The decoder answers everywhere, also where it
#    knows nothing.
# 3. A digit comes back; in our drawing, a blurred 2. The encoder has no way to say "this
#    is none", and the ellipse is as small as for a real digit. A small $q$ is not
#    evidence that $x$ is likely.
# </details>
#
# To count regions: does the code nearest to a digit's code bear the same label? By
# chance it would in 10 % of the cases.

# %% key="neighbours"
distance = ((mu[:, None] - mu) ** 2).sum(-1)                             # (1000, 1000)
np.fill_diagonal(distance, np.inf)
same = labels[distance.argmin(1)] == labels
for digit in range(10):
    print(f"{digit}: {100 * same[labels == digit].mean():3.0f} %", end="   ")
print(f"\nall: {100 * same.mean():.0f} %")

# %% [markdown] key="fig4"
# ## 2. Figure 4: which codes to show?
#
# Figure 4 shows the whole plane in one picture: a grid of codes, each decoded. A grid
# needs a choice: where do its points stand? The plane is infinite, and the prior does
# not visit all of it alike.
#
# The paper's choice: points evenly spaced on the **unit square**, each coordinate put
# through $\Phi^{-1}$, the inverse CDF of $\mathcal N(0, 1)$. Why? Claim: then each
# picture stands for the same share of the prior.

# %% [markdown] key="eq09-1"
# Let $u$ be uniform on $(0, 1)$ and $z = \Phi^{-1}(u)$.
#
# **Write the CDF of $z$**: $P(z \le t) = P(\Phi^{-1}(u) \le t)$.
#
# **Apply $\Phi$ on both sides**; it increases, so the event stays the same:
# $= P(u \le \Phi(t))$.
#
# **Use that $u$ is uniform**: $P(u \le a) = a$ for $a$ in $(0, 1)$. So
#
# $$ P(z \le t) = \Phi(t) \tag{09.1} $$
#
# That is the CDF of $\mathcal N(0, 1)$. Two independent $u$ give $z \sim
# \mathcal N(0, I)$. And a cell of the unit square of area $1/400$ becomes a cell of the
# plane that holds $1/400$ of the prior.

# %% [markdown] key="eq09-1-how"
# Two checks. The cells' probabilities come from the error function, $\Phi(t) =
# \tfrac12(1 + \operatorname{erf}(t/\sqrt 2))$, and not from the function that made the
# cells. And moments of transformed $u$ are compared with those of $\mathcal N(0, I)$.

# %% key="eq09-1-check"
from scipy.special import erf

edges = norm.ppf(np.arange(21) / 20)                           # -inf, ..., inf
share = np.diff(0.5 * (1 + erf(edges / np.sqrt(2))))           # of 20 columns
check("eq09-1, cells", np.outer(share, share), np.full((20, 20), 1 / 400), atol=1e-12)
rng = np.random.default_rng(0)
z1, z2 = norm.ppf(rng.uniform(size=(2, 20_000)))
check_mc("eq09-1, moments", np.stack([z1, z1**2, z1**4, z1 * z2], 1), [0, 1, 3, 0])

# %% [markdown] key="linear"
# Many courses take an even grid in $z$ instead, from $-1$ to $1$ or $-1.5$ to $1.5$.
# Predict: which share of the prior does a square of half-width 1.5 hold? And how much
# more does its fullest cell hold than its emptiest?

# %% key="linear-shares"
print("grid from -r to r    prior inside    fullest cell / emptiest cell")
for r in (1, 1.5, 3):
    strip = np.diff(norm.cdf(np.linspace(-r, r, 21)))          # 20 columns
    ratio = (strip.max() / strip.min()) ** 2
    print(f"r = {r:<5} {strip.sum() ** 2:22.1%} {ratio:20.1f}")

# %% [markdown] key="linear-after"
# An even grid either cuts the prior off ($r = 1$ misses more than half) or gives rare
# codes as much paper as common ones ($r = 3$). It is a picture of the decoder. The
# paper's grid is a picture of the *model*: pick one of its images at random, and you
# have sampled, nearly, from $p(z)$.

# %% key="grids"
t = norm.ppf((np.arange(20) + 0.5) / 20)                       # mid-points of the cells
fig, axes = plt.subplots(1, 2, figsize=(7, 3.8), sharex=True, sharey=True)
for ax, ticks, name in zip(axes, (t, np.linspace(-1.5, 1.5, 20)),
                           ("inverse CDF", "even, -1.5 to 1.5"), strict=True):
    ax.plot(*mu.T, ".", ms=2.5, color=plots.Q, alpha=0.5)
    ax.plot(*np.meshgrid(ticks, ticks), ".", ms=3, color=plots.BOUND)
    plots.prior_rings(ax)
    ax.set(title=name, xlabel="$z_1$", aspect="equal")
axes[0].set_ylabel("$z_2$")
plt.show()

# %% [markdown] key="grids-words"
# *In words:* two grids of 400 black points over the codes of the digits (blue). The
# inverse-CDF grid is dense in the centre and thins outwards, to $\pm 1.96$. The even
# grid fills a square up to 1.5. Many blue codes lie outside both: section 3 asks why.

# %% [markdown] key="ex9-1"
# ### Exercise 9.1 (code)
#
# Write `figure4_grid(n)`: the codes of an $n \times n$
# picture, shape $(n^2, 2)$, in the order in which a page is read. Rows go from the
# top (large $z_2$) down, and along each row $z_1$ grows. Take the mid-points
# $u = (k + \tfrac12)/n$.
#
# <details><summary>Hint 1</summary>One coordinate first: n values norm.ppf(u).</details>
# <details><summary>Hint 2</summary>np.meshgrid(a, b) gives two (n, n) arrays; a changes along the rows, b down the columns.</details>
# <details><summary>Hint 3</summary>The top row needs the largest z2: reverse b with [::-1].</details>

# %% key="ex9-1-code"
def figure4_grid(n):
    ### BEGIN SOLUTION
    t = norm.ppf((np.arange(n) + 0.5) / n)
    z1, z2 = np.meshgrid(t, t[::-1])
    return np.stack([z1.ravel(), z2.ravel()], axis=1)
    ### END SOLUTION


# %% key="ex9-1-check"
a = norm.ppf([1 / 6, 3 / 6, 5 / 6])                            # n = 3, by hand


def page(z1, z2):
    return np.array([[i, j] for j in z2 for i in z1])


up, down = a, a[::-1]
even = {f"the grid is even in z, from -{r} to {r}; put u through norm.ppf":
        page((-r, 0, r), (r, 0, -r)) for r in (1, 1.5, 2, 3)}
mid = "; take the mid-points u = (k + 1/2) / n"
closed, half_open = norm.ppf([0, 0.5, 1]), norm.ppf([0, 1 / 3, 2 / 3])
exercise("ex9-1", lambda: figure4_grid(3), page(up, down), mistakes=even | {
    "it stands upside down: z2 must fall from row to row": page(up, up),
    "z1 must grow along a row; here it falls": page(down, down),
    "z1 must grow along a row, and z2 fall from row to row": page(down, up),
    "rows and columns are swapped: z1 must grow along a row": page(up, down)[:, ::-1],
    "rows and columns are swapped, and it is upside down": page(up, up)[:, ::-1],
    "norm.ppf of 0 and 1 is infinite" + mid: page(closed, closed[::-1]),
    "norm.ppf of 0 is infinite" + mid: page(half_open, half_open[::-1]),
    "u itself is no code; put it through norm.ppf": page(
        np.array([1, 3, 5]) / 6, np.array([5, 3, 1]) / 6)})

# %% [markdown] key="figure-4-about"
# Here is Figure 4 for our model, 20 lines of 20 codes. Before you run it: in which
# corner do you expect the 0s?

# %% key="figure-4"
lines = [decode(vae, np.column_stack([t, np.full(20, height)])) for height in t[::-1]]
fig, ax = plt.subplots(figsize=(5.7, 5.7))
plots.montage(np.concatenate(lines), digits.image_shape, 20, ax, gap=0)
plt.show()

# %% [markdown] key="figure-4-words"
# *In words:* 400 digits without gaps, each turning slowly into its neighbours. 1s fill
# the left edge, 0s stand in the top right corner, 7s in the bottom left, 9s and 4s along
# the bottom. At the top, 5s lie between the 1s and the 6s. Below them come 8s on the left,
# 3s in the middle and 2s on the right. Between them lie blurred mixtures.

# %% [markdown] key="figure-4-after"
# The picture ends at $\Phi^{-1}(0.975) = 1.96$ each way. By its construction, the prior
# puts 1 code in 10 outside that square. Where are the digits' own codes?

# %% key="outside"
inside = (abs(mu) < 1.96).all(1).mean()
print(f"outside the square: prior {1 - 0.95**2:.0%}, codes {1 - inside:.0%}")
for radius, prior in ((1, 0.393), (2, 0.865), (3, 0.989)):
    codes = (np.linalg.norm(mu, axis=1) < radius).mean()
    print(f"within radius {radius}: prior {prior:.0%}, codes {codes:.0%}")

# %% [markdown] key="aggregate"
# ## 3. All codes together
#
# Codes lie farther out than the prior says. But the KL term of the bound pulls towards
# $\mathcal N(0, I)$; did training fail? To answer, we need the distribution of *all*
# codes. Pick one of the $N$ digits at random, then draw $z$ from its $q(z|x_i)$. That $z$
# has the density
#
# $$ q(z) = \frac1N \sum_{i=1}^N q(z|x_i) \tag{09.2} $$
#
# the **aggregate posterior**: a mixture of $N$ small Gaussians. It is what the decoder
# gets to see in training. The prior is what it gets when we sample.

# %% [markdown] key="log-aggregate-about"
# In code we need its logarithm. Each mixture term may be as small as $e^{-1000}$, so the
# sum is taken by log-sum-exp (lesson 00). The square is multiplied out, so that all
# pairs of $L$ points and $N$ digits are three matrix products.

# %% key="log-aggregate"
from scipy.special import logsumexp


def log_aggregate(z, mu, log_var):
    """log q(z) in nats (09.2). z (L, J), mu and log_var (N, J). Returns (L,)."""
    weight = np.exp(-log_var)                                            # 1 / sigma^2
    square = z**2 @ weight.T - 2 * z @ (mu * weight).T + (mu**2 * weight).sum(1)
    log_q = -0.5 * (square + (np.log(2 * np.pi) + log_var).sum(1))       # (L, N)
    return logsumexp(log_q, axis=1) - np.log(len(mu))

# %% key="log-aggregate-check"
some = np.array([[0.1, -0.2], [-1.4, 0.8]])
sigma = np.exp(log_var / 2)
by_hand = [norm.pdf(point, mu, sigma).prod(1).mean() for point in some]
check("log q(z)", log_aggregate(some, mu, log_var), np.log(by_hand))

# %% key="aggregate-plane"
ticks = np.linspace(-4.2, 4.2, 101)
plane = np.stack(np.meshgrid(ticks, ticks), -1).reshape(-1, 2)
log_q_z = log_aggregate(plane, mu, log_var).reshape(101, 101)
log_p_z = norm.logpdf(plane).sum(1).reshape(101, 101)
fig, axes = plt.subplots(1, 2, figsize=(7, 3.7), sharey=True)
for ax, log_density, name, colours in (
        (axes[0], log_p_z, "prior p(z)", "Oranges"),
        (axes[1], log_q_z, "aggregate posterior q(z)", "Blues")):
    ax.contourf(ticks, ticks, np.exp(log_density), np.linspace(0.004, 0.2, 11),
                cmap=colours, extend="max")
    plots.prior_rings(ax)
    ax.set(title=name, xlabel="$z_1$", aspect="equal")
axes[0].set_ylabel("$z_2$")
plt.show()

# %% [markdown] key="aggregate-plane-words"
# *In words:* left, the prior: one round hill. Right, the aggregate posterior of the
# 1,000 digits on the same scale: a rugged crowd of small peaks, dense in the middle, with
# separate patches for the 1s, the 0s and the 7s that reach past the outer ring, and empty
# gaps between.

# %% [markdown] key="eq09-3"
# How wide is $q(z)$? One latent $z_j$; draw $i$, then $z_j \sim \mathcal N(\mu_{ij},
# \sigma_{ij}^2)$. An overline means the average over the $N$ digits.
#
# **Average over $i$ last**: $E[z_j] = \overline{\mu_j}$, and, with the second moment of
# a Gaussian (08.5), $E[z_j^2] = \overline{\mu_j^2 + \sigma_j^2}$.
#
# **Subtract the squared mean**: $\operatorname{Var} z_j = \overline{\sigma_j^2} +
# \overline{\mu_j^2} - \overline{\mu_j}^2$. The last two terms are the variance of
# $\mu_j$ over the data:
#
# $$ \operatorname{Var} z_j = \overline{\sigma_j^2} + \operatorname{Var}_x \mu_j
# \tag{09.3} $$
#
# This is the law of total variance: the mean of the variances plus the variance of the
# means.

# %% [markdown] key="eq09-3-how"
# Here $\overline{\sigma^2}$ is 0.005 and $\operatorname{Var}_x\mu$ about 1.7. Random
# draws could not tell whether the small term is there. The check must: three Gauss-Hermite
# nodes integrate $z$ and $z^2$ exactly under each of the 1,000 Gaussians.

# %% key="eq09-3-check"
variance = np.exp(log_var).mean(0) + mu.var(0)                           # (2,)
nodes, weights = np.polynomial.hermite_e.hermegauss(3)
weights = weights / weights.sum()
z_nodes = mu[..., None] + sigma[..., None] * nodes                       # (1000, 2, 3)
first, second = (z_nodes @ weights).mean(0), (z_nodes**2 @ weights).mean(0)
check("eq09-3", variance, second - first**2)
print("variances of q(z):", variance.round(3), "  of p(z): 1 and 1")

# %% [markdown] key="ex9-2"
# ### Exercise 9.2 (derive)
#
# Extend 09.3 to the covariance of $z_j$ and $z_k$, and write
# `aggregate_moments(mu, log_var)`: the mean $(J,)$ and the covariance matrix $(J, J)$
# of $q(z)$. Each $q(z|x_i)$ is diagonal: where does $\sigma^2$ enter, and where not?
#
# <details><summary>Hint 1</summary>Given i, z_j and z_k are independent, so E[z_j z_k | i] = mu_ij mu_ik when j and k differ.</details>
# <details><summary>Hint 2</summary>The matrix is the covariance of the means plus a diagonal matrix.</details>
# <details><summary>Hint 3</summary>np.cov(mu.T, bias=True) divides by N; np.diag puts a vector on a diagonal.</details>

# %% key="ex9-2-code"
def aggregate_moments(mu, log_var):
    mean, cov = ..., ...
    ### BEGIN SOLUTION
    mean = mu.mean(0)
    cov = np.cov(mu.T, bias=True) + np.diag(np.exp(log_var).mean(0))
    ### END SOLUTION
    return mean, cov


# %% key="ex9-2-check"
def both():
    mean, cov = aggregate_moments(mu, log_var)
    if mean is ... or cov is ...:
        return None
    shapes, wanted = (np.shape(mean), np.shape(cov)), ((2,), (2, 2))
    assert shapes == wanted, f"mean and cov have shapes {shapes}, wanted {wanted}"
    return np.vstack([mean, cov])


m, spread = mu.mean(0), np.einsum("nj,nk->jk", mu, mu) / len(mu)
inner, scatter = np.exp(log_var).mean(0), spread - np.outer(m, m)
exercise("ex9-2", both, np.vstack([m, scatter + np.diag(inner)]), mistakes={
    "the mean of sigma^2 is missing": np.vstack([m, scatter]),
    "sigma stands where sigma^2 belongs": np.vstack(
        [m, scatter + np.diag(sigma.mean(0))]),
    "average sigma^2, not sigma": np.vstack(
        [m, scatter + np.diag(sigma.mean(0) ** 2)]),
    "sigma^2 is exp(log_var)": np.vstack([m, scatter + np.diag(log_var.mean(0))]),
    "take exp first, then the mean": np.vstack(
        [m, scatter + np.diag(np.exp(log_var.mean(0)))]),
    "the means covary off the diagonal too": np.vstack(
        [m, np.diag(scatter.diagonal() + inner)]),
    "subtract the squared mean": np.vstack([m, spread + np.diag(inner)]),
    "sigma^2 enters the diagonal only": np.vstack([m, scatter + inner]),
    "divide by N, not N - 1": np.vstack([m, np.cov(mu.T) + np.diag(inner)])})

# %% [markdown] key="eq09-4"
# How far is $q(z)$ from $p(z)$, and what has the KL term to do with it? Average the KL
# term over the digits; by the definition of KL that is $E_i E_{q(z|x_i)}[\log q(z|x_i) -
# \log p(z)]$.
#
# **Add and subtract $\log q(z)$** inside the bracket. **Split the mean in two**; means
# add:
#
# $$ \overline{\mathrm{KL}(q(z|x)\|p(z))} = \underbrace{E_i E_{q(z|x_i)}\big[\log q(z|x_i) - \log q(z)\big]}_{I} +
# \underbrace{E_{q(z)}\big[\log q(z) - \log p(z)\big]}_{\mathrm{KL}(q(z)\|p(z))}
# \tag{09.4} $$
#
# In the second part only $z$ is left, and $z$ is distributed as $q(z)$. The first is the
# **mutual information** of digit and code: how many nats a draw of $z$ tells about which
# digit it came from.

# %% [markdown] key="eq09-4-after"
# Both parts are KL divergences, or means of them, so neither is negative. And $I \le \log
# N$: no code can tell more than which of $N$ digits it was. The left side has a closed
# form (Appendix B). The right side we estimate with draws and the mixture density. Both
# parts must add up to the closed form.

# %% key="eq09-4-code"
def split_kl(mu, log_var, L, rng):
    """Draws whose means are the two parts of 09.4. Returns two arrays (L,)."""
    i = rng.integers(len(mu), size=L)                                    # a digit
    z = rng.normal(mu[i], np.exp(log_var[i] / 2))                        # (L, J)
    log_q_z_given_x = norm.logpdf(z, mu[i], np.exp(log_var[i] / 2)).sum(1)
    log_q_z, log_p_z = log_aggregate(z, mu, log_var), norm.logpdf(z).sum(1)
    return log_q_z_given_x - log_q_z, log_q_z - log_p_z


def kl_units(mu, log_var):
    """The KL term of each unit, averaged over the digits: (N, J) -> (J,), nats."""
    return -0.5 * (1 + log_var - mu**2 - np.exp(log_var)).mean(0)

# %% key="eq09-4-check"
from aevb_lib import kl_normal

mean_kl = kl_normal(torch.tensor(mu), torch.tensor(log_var)).mean()
check("kl_units", kl_units(mu, log_var).sum(), mean_kl)
information, to_prior = split_kl(mu, log_var, 4000, np.random.default_rng(0))
check_mc("eq09-4", information + to_prior, mean_kl)
assert 0 < information.mean() < np.log(len(mu)) and 0 < to_prior.mean()

# %% [markdown] key="split-predict"
# How does the split depend on the number of digits in the mixture? Predict: with 100
# digits instead of 5,000, which part is larger, which smaller?

# %% key="split"
x_train = digits.x_train.double().numpy()                      # 4,000 other digits
mu_more, log_var_more = encode(vae, x_train)
mu_all = np.concatenate([mu, mu_more])
log_var_all = np.concatenate([log_var, log_var_more])
print("    N   mean KL  ≈    I    +  KL(q(z)||p)    log N")
for n in (100, 1000, 5000):
    parts = split_kl(mu_all[:n], log_var_all[:n], 2000, np.random.default_rng(1))
    i, k = (part.mean() for part in parts)
    exact = kl_units(mu_all[:n], log_var_all[:n]).sum()
    print(f"{n:5} {exact:8.2f} {i:9.2f} {k:10.2f} {np.log(n):15.2f}")

# %% [markdown] key="split-after"
# (The parts are estimates, each with a standard error of up to 0.04; the mean KL is exact.)
# The total hardly changes, its parts do: few digits leave gaps in $q(z)$, which count as
# distance from the prior. A statement about $q(z)$ must name its data set.
#
# The KL term of the bound thus pays for two things. Most of it, about 6 of 6.5 nats, buys
# information about $x$. The rest, half a nat with 5,000 digits, is the distance of all
# codes together from the prior. Training may leave it above zero, and here it did: a
# plane of two dimensions is crowded, and digits that spread out are told apart better.

# %% [markdown] key="posterior"
# ## 4. Code, draw, posterior
#
# Three things go by the name "the code of $x$". Keep them apart:
#
# | | what it is | who uses it |
# |---|---|---|
# | $\mu(x)$ | one point, the encoder's mean | pictures such as the plane above |
# | $z \sim q(z\mid x)$ | a draw | training: the bound is a mean over these |
# | $p(z\mid x)$ | the true posterior of the decoder | nobody, in general; eq. 1 measures $q$ against it |
#
# With two latents a grid gives $p(z|x)$ to nine decimals (lesson 08). Predict, for digits
# 1, 9 and 5 of the plane: is it an upright ellipse?

# %% [markdown] key="grey"
# One word of care. These digits are grey. For grey $x$, eq. 11 is the mean of $\log p(b|z)$
# over binary images $b$ drawn from $x$ (lesson 08). Times the prior and normalised it is
# a density of $z$, and everything below holds for it; "$\log p(x)$" is the logarithm of
# its normaliser.

# %% key="posterior-grid"
from aevb_lib import BernoulliMLP

(W1, b1, _), (W2, b2, _) = vae.decoder.layers()
referee = BernoulliMLP(W1, b1, W2, b2)                         # eq. 11 in NumPy
rows = [1, 9, 5]
truth = [referee.posterior(x[row]) for row in rows]            # three grids
log_p_x = np.array([grid.log_evidence for grid in truth])
print("log p(x) in nats:", log_p_x.round(2))

# %% key="posterior-plot"
fig, axes = plt.subplots(1, 3, figsize=(7.6, 2.9))
for ax, row, grid in zip(axes, rows, truth, strict=True):
    height = grid.weight / grid.weight.max()
    near = height > 1e-8
    ax.tricontourf(*grid.z[near].T, height[near], [0.011, 0.135, 0.607, 1.01],
                   colors=["#fbd3b4", "#f0965a", plots.P])     # 3, 2, 1 sigma
    plots.gaussian_ellipse(mu[row], np.diag(np.exp(log_var[row])), ax)
    ax.plot(*mu[row], "+", color=plots.Q)
    left, bottom = 0.5 * (grid.mean() + mu[row]) - 0.6
    ax.set(xlim=(left, left + 1.2), ylim=(bottom, bottom + 1.2), xlabel="$z_1$",
           title=f"a {labels[row]}", aspect="equal")
    ax.locator_params(nbins=4)
axes[0].set_ylabel("$z_2$")
axes[0].text(0.04, 0.9, "q: blue, 2 sigma\np(z|x): orange", va="top",
             transform=axes[0].transAxes, fontsize=9)
plt.show()

# %% [markdown] key="posterior-plot-words"
# *In words:* three windows of side 1.2. The orange bands end at the levels that a
# Gaussian has 1, 2 and 3 sigma from its mean. For the 1, it is a tilted ellipse, and
# the upright blue ellipse of $q$ covers it as well as it can. For the 9, the posterior
# is bent, and $q$ sits beside its top. For the 5, there are two separate hills, and $q$
# stands on one of them.

# %% [markdown] key="eq1"
# Three kinds of error: a **shape** that no diagonal Gaussian has (the 1), a second mode
# (the 5), and an encoder that **aims beside** the target (the 9), because one network
# serves all digits. Eq. 1 gives their total, one number a digit, in nats:
#
# $$ \log p(x) - \mathcal L(\theta, \phi; x) =
# \mathrm{KL}\big(q(z|x)\,\|\,p(z|x)\big) \tag{KW 1} $$
#
# We compute its three parts in three ways that share nothing: $\log p(x)$ summed on the
# grid, $\mathcal L$ by estimator B with random draws, the KL on the right as a sum over the
# grid's cells.

# %% key="eq1-digits-check"
sigma = np.exp(log_var / 2)
log_q = [norm.logpdf(g.z, mu[r], sigma[r]).sum(1) for r, g in zip(rows, truth)]
for g, lq in zip(truth, log_q, strict=True):
    assert abs(np.exp(lq).sum() * g.cell - 1) < 1e-6           # the grid covers q
gap = np.array([(np.exp(lq) * (lq - np.log(g.weight / g.cell))).sum() * g.cell
                for g, lq in zip(truth, log_q)])
eps = np.random.default_rng(0).standard_normal((1000, 3, 2))   # (L, M, J)
kl, log_p = vae.elbo_terms(torch.tensor(x[rows]), torch.tensor(eps))
bounds = (log_p - kl).numpy()                                  # (1000, 3), eq. 7
check_mc("eq1, three digits", bounds + gap, log_p_x)
print("KL(q || posterior), in nats:", gap.round(2))

# %% [markdown] key="mu-as-z"
# **A common error.** Many programs save the draw at test time: they decode $\mu$, and
# report $\log p(x|z{=}\mu) - \mathrm{KL}$ as "the bound". Predict: is that number above
# or below the bound? Can it be above $\log p(x)$?

# %% key="mu-as-z-run"
at_mu = vae.decoder.log_p_x_given_z(torch.tensor(x[rows]), torch.tensor(mu[None, rows]))
at_mu = (at_mu[0] - kl).numpy()
print("              " + "".join(f"{'a ' + str(labels[row]):>10}" for row in rows))
table = {"bound": bounds.mean(0), "log p(x)": log_p_x, "z := mu": at_mu}
for name, value in table.items():
    print(f"{name:<14}" + "".join(f"{number:10.2f}" for number in value))

# %% [markdown] key="mu-as-z-why"
# It is above the bound for all three, and above $\log p(x)$ itself for the 1. Why
# above? $q$ sits where $\log p(x|z)$ is high, so the curve bends down around $\mu$, and
# the mean over draws is lower than the value at the centre. How much, for many digits
# and more latents?

# %% key="mu-as-z-many"
models = {J: pretrained(J).double().requires_grad_(False) for J in (2, 5, 10, 20)}
rng = np.random.default_rng(0)
some = torch.tensor(x[:300])
for J, model in models.items():
    eps = torch.tensor(rng.standard_normal((6, 300, J)))
    bound = model.elbo(some, eps)
    wrong = model.elbo(some, 0 * eps[:1])                      # eps = 0: z = mu
    higher = (wrong > bound).double().mean()
    print(f"J = {J:2}: bound {bound.mean():7.1f}   z := mu {wrong.mean():7.1f}   "
          f"higher for {higher:4.0%} of the digits")

# %% [markdown] key="mu-as-z-after"
# One nat at $J = 2$, more than eight at $J = 20$, almost always in the flattering
# direction. The whole step from 10 to 20 latents is worth 3. Decode $\mu$ for a picture;
# draw for a number.

# %% [markdown] key="units"
# ## 5. Units that carry nothing
#
# Does a model with $J = 20$ use all of its units? The KL term is a sum over units, so
# each has its own cost, in nats. A unit that costs 0 has $q(z_j|x) = p(z_j)$ for every
# $x$: it is noise. That is called **collapse**. Predict: how many of our 20 are collapsed?

# %% key="units-20"
mu_20, log_var_20 = encode(models[20], x)
nats_20 = np.sort(kl_units(mu_20, log_var_20))[::-1]
fig, ax = plt.subplots(figsize=(7, 2.4))
ax.bar(np.arange(1, 21), nats_20, color=plots.Q)
ax.set(xticks=range(1, 21), xlabel="unit, sorted", ylabel="mean KL (nats)",
       title=f"J = 20, ten digits: {nats_20.sum():.1f} nats in all")
plt.show()

# %% [markdown] key="units-20-words"
# *In words:* twenty bars that fall gently from 2.1 to 0.6 nats. None is near zero.

# %% [markdown] key="units-20-after"
# None is collapsed: this model finds a use for all 20. So when *does* a unit collapse?
#
# ### When collapse is right (optional, for a second reading, up to the table of $W_{20}$)
#
# A model whose answers are known tells: the linear-Gaussian one, $p(x|z) = \mathcal
# N(Wz + b, s^2 I)$, with the noise $s^2$ held fixed. Let $\lambda_j$ be the eigenvalues
# of the data's covariance and $v_j$ its eigenvectors. The likelihood is highest for $b$
# the mean of the data and columns
#
# $$ W_j = \sqrt{\lambda_j - s^2}\; v_j \text{ if } \lambda_j > s^2, \text{ else } 0
# \tag{09.5} $$
#
# (Tipping and Bishop 1999). A direction in which the data vary less than the noise gets
# a column of zeros: the decoder ignores that unit.

# %% [markdown] key="eq09-6"
# What does a used unit cost? By (07.3) the exact posterior has precision $I + W^\top W /
# s^2$, and its mean is the inverse of that times $W^\top (x - b) / s^2$.
#
# **The columns are orthogonal**, with squared length $\lambda_j - s^2$. So the
# precision is diagonal, $\lambda_j / s^2$, and $\sigma_j^2 = s^2/\lambda_j$.
#
# **The means vary**: $\mu_j = \sigma_j^2\, W_j^\top (x - b) / s^2$, and
# $v_j^\top x$ has variance $\lambda_j$. Multiply out: $\operatorname{Var}_x \mu_j =
# 1 - s^2/\lambda_j$.
#
# **Put both into the KL term**: they add up to 1 and cancel the $-1$; only the
# logarithm stays:
#
# $$ \overline{\mathrm{KL}_j} = \tfrac12 \log\frac{\lambda_j}{s^2} \quad
# (\text{and } 0 \text{ if } \lambda_j \le s^2) \tag{09.6} $$

# %% key="eq09-6-check"
from aevb_lib import LinearGaussian

values, vectors = np.linalg.eigh(np.cov(x_train.T, bias=True))
lam, V, s2 = values[::-1][:20], vectors[:, ::-1][:, :20], 1.0
W = V * np.sqrt(np.maximum(lam - s2, 0))                       # eq. 09.5
linear = LinearGaussian(W, x_train.mean(0), s2)
mean, cov = linear.posterior(x_train)
log_var_linear = np.broadcast_to(np.log(np.diag(cov)), mean.shape)
check("eq09-6", kl_units(mean, log_var_linear), 0.5 * np.log(np.maximum(lam / s2, 1)))
check("cov of q(z)", np.cov(mean.T, bias=True) + cov, np.eye(20))
print("units in use:", (lam > s2).sum(), "of 20;  largest eigenvalue:", lam[0].round(2))

# %% [markdown] key="eq09-5-how"
# The second check says that in this model $q(z)$ has covariance $I$, exactly. The paper's
# decoder has no such theorem, as section 3 measured.
#
# Is a dead unit a failure of training? Here nothing was trained: 09.5 is the best model.
# Wake the last unit up, with a column of any length along its eigenvector, and the exact
# evidence falls. Put the 12th to sleep, the weakest with $\lambda_j > s^2$, and it falls
# too:

# %% key="eq09-5-check"
def loss(unit, length):
    """Nats per digit that the evidence falls if W_unit = length v_unit."""
    other = W.copy()
    other[:, unit - 1] = length * V[:, unit - 1]
    other = LinearGaussian(other, linear.b, s2)
    return (linear.log_evidence(x_train) - other.log_evidence(x_train)).mean()


for unit, length in ((20, 0.1), (20, 0.3), (20, 1.0), (12, 0.0)):
    assert loss(unit, length) > 0
    print(f"W_{unit} of length {length}: {loss(unit, length):.5f} nats lower")

# %% [markdown] key="linear-after-2"
# *For every reader:* two things to keep from the linear model. Collapse can be the right
# answer: a unit is kept if it earns more nats of $\log p(x|z)$ than it costs. And what
# decides is the **noise** of the decoder: a direction in which the data vary less than
# $s^2$ gets no unit. A loss of mean squared error plus summed KL means $s^2 = 392$ for 784
# pixels (lesson 06). The largest eigenvalue of MNIST is 5.2. With that loss, all units
# of a linear model collapse.

# %% [markdown] key="ones"
# Now a real VAE with units to spare: 20 latents for a family of images that needs few,
# the 400 training digits 1. (This trains, for some seconds.) Predict: how many units will
# be used?

# %% key="ones-train" tags=["nbval-ignore-output"]
from dataclasses import replace

from aevb_lib import TODAY, VAE, train

ones = digits.x_train[digits.labels_train == 1]                          # (400, 784)
generator = torch.Generator().manual_seed(0)
small = VAE(D=784, H=30, J=20, generator=generator)
recipe = replace(TODAY, learning_rate=0.01)
recipe.start(small, ones, generator)
print(train(small, ones, recipe, generator=generator, epochs=300, report=None))
small = small.double().requires_grad_(False)

# %% key="ones-units"
mu_1, log_var_1 = encode(small, ones.double())                           # (400, 20)
nats_1 = kl_units(mu_1, log_var_1)
order = np.argsort(-nats_1)


def reads(model, mu, j):
    """Largest change of a pixel while z_j alone goes from -2 to 2."""
    low, high = mu.copy(), mu.copy()
    low[:, j], high[:, j] = -2, 2
    return abs(decode(model, high) - decode(model, low)).max()


change = np.array([reads(small, mu_1, j) for j in range(20)])

# %% key="ones-plot"
fig, axes = plt.subplots(3, 1, figsize=(7, 5.4), sharex=True)
bars = ((nats_1, "mean KL\n(nats)", plots.Q),
        (change, "largest change\nof a pixel", plots.P))
for ax, (height, name, colour) in zip(axes, bars, strict=False):
    ax.bar(np.arange(1, 21), height[order], color=colour)
    ax.set_ylabel(name)
inner, outer = np.exp(log_var_1).mean(0)[order], mu_1.var(0)[order]
axes[2].bar(np.arange(1, 21), outer, color=plots.Q)
axes[2].bar(np.arange(1, 21), inner, bottom=outer, color="white", edgecolor=plots.Q,
            hatch="///")
axes[2].set(ylabel="variance of\n$z_j$ under q(z)", xlabel="unit, sorted by KL",
            xticks=range(1, 21), ylim=(0, 1.5))
axes[2].text(20.4, 1.2, "hatched: mean of $\\sigma^2$, full: variance of $\\mu$",
             ha="right")
plt.show()

# %% [markdown] key="ones-plot-words"
# *In words:* three rows of 20 bars. Top: about six units cost between 0.8 and 1.7 nats,
# the others nothing that can be seen. Middle: moving a used unit changes some pixel by
# nearly 1, moving another one by about 0.1 or less. Bottom: the variance of every unit is
# close to 1; for the used ones it is mostly the variance of $\mu$, for the others all of
# it is the mean of $\sigma^2$.

# %% key="ones-check"
assert change[order[0]] > 3 * change[order[-1]], "the decoder reads a dead unit"
assert np.exp(log_var_1).mean(0)[order[-1]] > 0.9 and mu_1.var(0)[order[-1]] < 0.05
print("the cheapest unit is noise, and the decoder ignores it")

# %% [markdown] key="ones-after"
# Encoder and decoder agree: what is not written is not read. A dead unit costs nothing and
# harms nothing. The paper saw that superfluous latents (it went up to 200) did not
# overfit, and credits the bound: this is how the bound does it.
#
# The usual count of **active units** uses the encoder alone (Burda and others, 2016):
# unit $j$ is active if $\operatorname{Var}_x \mu_j > 0.01$.
#
# And look at the bottom row again. A collapsed unit is *perfectly* Gaussian and
# independent of all others. The most Gaussian latents are those that hold nothing.

# %% [markdown] key="ex9-3"
# ### Exercise 9.3 (code)
#
# Write `judge_units(mu, log_var)`: for each unit, does it
# **cost** (mean KL above 0.01 nats), and is it **active** (variance of $\mu_j$ over the
# data above 0.01)? Two arrays of $J$ truth values. The check tries it on five units
# with these $(\mu_j; \sigma_j)$, where $\pm s$ means "varies by $s$ over the data":
# (0 $\pm$ 0.97; 0.2), (0 $\pm$ 0.02; 1), (0; 0.3), (1.5; 1), (0 $\pm$ 0.3; 0.95).
# Predict: which of them cost nats and carry nothing?
#
# <details><summary>Hint 1</summary>kl_units gives the costs.</details>
# <details><summary>Hint 2</summary>mu has one row a datapoint: the variance goes over axis 0.</details>

# %% key="ex9-3-code"
def judge_units(mu, log_var):
    costs, active = ..., ...
    ### BEGIN SOLUTION
    costs = kl_units(mu, log_var) > 0.01
    active = mu.var(0) > 0.01
    ### END SOLUTION
    return costs, active


# %% key="ex9-3-check"
rng = np.random.default_rng(3)
mu_5 = rng.normal([0, 0, 0, 1.5, 0], [0.97, 0.02, 0, 0, 0.3], (200, 5))
log_var_5 = np.broadcast_to(2 * np.log([0.2, 1.0, 0.3, 1.0, 0.95]), (200, 5))
c, v = kl_units(mu_5, log_var_5) > 0.01, mu_5.var(0) > 0.01
exercise("ex9-3", lambda: judge_units(mu_5, log_var_5), [c, v], mistakes={
    "the order is wrong: first what costs, then what is active": [v, c],
    "the criterion is the variance of mu, not its mean": [c, mu_5.mean(0) > 0.01],
    "the variance is taken about the mean of mu": [c, (mu_5**2).mean(0) > 0.01],
    "a unit can cost nats and still say the same of every x": [c, c],
    "the criterion is the variance of mu, not its standard deviation": [
        c, np.sqrt(mu_5.var(0)) > 0.01],
    "the KL term of each unit, not the variance, is the cost": [v, v],
    "a unit can vary with x only by its mu; use mu, not sigma": [
        c, np.exp(log_var_5).mean(0) > 0.01]})

# %% [markdown] key="ex9-3-after"
# <details><summary>Which units cost and carry nothing?</summary>
#
# Units 3 and 4 (counted from 1). Their $q$ differs from the prior in the same way for
# every $x$, so $z_j$ tells nothing about $x$. Training would not leave them so: moving
# them to the prior saves the nats, and the decoder's bias can stand in for a constant.
# </details>

# %% [markdown] key="figure-5"
# ## 6. Figure 5: samples
#
# To sample: draw $z \sim \mathcal N(0, I)$ and decode. Figure 5 of the paper shows this for
# $J = 2, 5, 10, 20$. Ours uses the same four sizes, and one thing changes: $J$. (Not
# quite: the model with $J = 2$ was trained for 60 epochs, the others for 30.) Predict:
# which samples are sharpest? Which look most like digits?

# %% key="figure-5-samples"
rng = np.random.default_rng(0)
fig, axes = plt.subplots(2, 2, figsize=(6, 6.4))
for ax, (J, model) in zip(axes.flat, models.items(), strict=True):
    z = rng.standard_normal((81, J))                           # the prior
    plots.montage(decode(model, z), digits.image_shape, 9, ax)
    ax.set_title(f"J = {J}")
plt.show()

# %% [markdown] key="figure-5-samples-words"
# *In words:* four squares of 81 sampled digits. With $J = 2$ they are soft, and nearly all
# can be read. With more latents strokes become crisper and more varied, and more of the
# pictures are no digit at all: fragments, bridges, double strokes.

# %% [markdown] key="figure-5-after"
# Two observations, and each needs its own explanation. Why are samples soft? And why do
# they get worse to read as the bound gets better ($-144$ at $J = 2$, $-101$ at $J = 20$,
# section 4)? Section 7 takes them in turn.

# %% [markdown] key="blur"
# ## 7. Why samples are blurred
#
# The decoder returns $y = E[x|z]$, a **mean** of images. Which mean? Hold the encoder
# fixed and look at one pixel at one code $z$. All terms of $\sum_i E_{q(z|x_i)}[\log
# p(x_i|z)]$ that hold this pixel at this $z$:
#
# $$ \sum_i q(z|x_i)\, \big( x_i \log y + (1 - x_i) \log(1 - y) \big) \tag{09.7} $$
#
# **Set the derivative in $y$ to zero**: $\sum_i q(z|x_i) (x_i - y) / (y(1 - y)) = 0$.
#
# **Solve for $y$**: the best decoder that any network could be is
#
# $$ y^*(z) = \frac{\sum_i q(z|x_i)\, x_i}{\sum_i q(z|x_i)} \tag{09.8} $$
#
# the mean of the digits whose $q$ covers $z$, weighted by how much.

# %% key="eq09-8"
x_all = np.concatenate([x, x_train])                                     # (5000, 784)


def best_image(z):
    """y*(z) of eq. 09.8, and the digits' weights (5000,)."""
    log_w = norm.logpdf(z, mu_all, np.exp(log_var_all / 2)).sum(1)
    weight = np.exp(log_w - logsumexp(log_w))
    return weight @ x_all, weight

# %% [markdown] key="eq09-8-how"
# Check: put $y^*$ into 09.7, summed over the pixels, and push the image in an arbitrary
# direction. The slope must be zero. (Pixels that no digit inks are left out: there
# $y^* = 0$ and the logarithm ends.)

# %% key="eq09-8-check"
y, weight = best_image(np.array([0.0, -1.3]))
by_hand = norm.pdf([0.0, -1.3], mu_all, np.exp(log_var_all / 2)).prod(1)
check("weights", weight, by_hand / by_hand.sum())
inked = (y > 1e-3) & (y < 1 - 1e-3)                            # else log 0
y, x_part = y[inked], x_all[:, inked]


def gain(y):
    return weight @ (x_part * np.log(y) + (1 - x_part) * np.log(1 - y)).sum(1)


step = np.random.default_rng(0).standard_normal(len(y)) * y * (1 - y)
slope = (gain(y + 1e-5 * step) - gain(y - 1e-5 * step)) / 2e-5
check("eq09-8, slope", slope, 0.0, atol=1e-6)

# %% key="best-image"
points = np.array([[-2.3, 1.0], [0.0, -1.3], [0.1, 0.0], [1.0, 0.2]])
shown = []
for z in points:
    mean, weight = best_image(z)
    shown += [*x_all[np.argsort(-weight)[:8]], mean, decode(vae, z)]
fig, ax = plt.subplots(figsize=(7, 3.1))
plots.montage(np.array(shown), digits.image_shape, 10, ax, gap=2)
ax.axvline(8 * 30 - 1.5, color=plots.NOISE, lw=1)
for column, words in ((3.5, "the eight digits of largest weight"), (8, "$y^*$"),
                      (9, "decoder")):
    ax.text(30 * column + 14, -5, words, ha="center")
plt.show()

# %% [markdown] key="best-image-words"
# *In words:* four rows, one code each. The first eight images are the digits that weigh
# most at that code: slanted 1s; 4s and 9s mixed; 3s with a 5 and an 8; 2s. The ninth is
# the weighted mean $y^*$, the tenth what the decoder gives. Where the digits differ both
# are blurred, and the decoder a little more, most plainly in the last row.

# %% [markdown] key="best-image-after"
# The decoder's softness is not a network that failed. It is the best answer to the
# question that it was asked: one mean for all digits that share a code. Ours is a little
# softer than this $y^*$: it averages twelve times as many digits. To be sharper, a model
# needs codes that fewer digits share: more latents.

# %% [markdown] key="eq09-9"
# How much of the pixels' variance is in the codes, how much is left to the noise? Draw $z$,
# then a binary pixel with probability $y = y(z)$. The law of total variance again:
#
# $$ \operatorname{Var} x = \underbrace{E[y(1 - y)]}_{\text{noise given } z} +
# \underbrace{\operatorname{Var} y}_{\text{between codes}} \tag{09.9} $$
#
# Over all $z$ the pixel is ink with probability $E[y]$: the sum must be $E[y]\,(1 - E[y])$.

# %% key="eq09-9-check"
z = np.random.default_rng(0).standard_normal((2000, 2))
y = decode(vae, z)                                             # (2000, 784)
noise, between = (y * (1 - y)).mean(0), y.var(0)
check("eq09-9", noise + between, y.mean(0) * (1 - y.mean(0)))
print(f"sum over pixels: noise {noise.sum():.1f} + between codes {between.sum():.1f}")

# %% [markdown] key="mean-or-draw"
# Most of the variance is *noise*: with two latents, $z$ settles a quarter of it. A real
# sample of the model is a draw of binary pixels, not the mean. Predict: would drawn
# pixels look sharper?

# %% key="mean-or-draw-plot"
rng = np.random.default_rng(2)
rows_shown = []
for J in (2, 20):
    y = decode(models[J], rng.standard_normal((10, J)))
    rows_shown += [y, rng.uniform(size=y.shape) < y]
fig, ax = plt.subplots(figsize=(7, 3.1))
plots.montage(np.concatenate(rows_shown), digits.image_shape, 10, ax, gap=2)
for line, name in enumerate(("J = 2, mean", "draw", "J = 20, mean", "draw")):
    ax.text(-4, 30 * line + 14, name, ha="right", va="center")
plt.show()

# %% [markdown] key="mean-or-draw-plot-words"
# *In words:* four rows of ten. Means are smooth and soft. Draws from the same codes are
# black and white. With $J = 2$ the strokes themselves are shredded, with $J = 20$ their
# edges are ragged; none is cleaner than before.

# %% [markdown] key="mean-or-draw-after"
# Given $z$ the pixels are independent: each tosses its own coin. A real digit's pixels
# agree about where the stroke runs. This model can express that only through $z$. So
# papers show means, ours included, and call them samples.

# %% [markdown] key="ex9-4"
# ### Exercise 9.4 (derive)
#
# Take two independent draws $x$, $x'$ of $p(x|z)$ at the
# *same* $z$. How many pixels differ, on average? Derive $E\|x - x'\|^2$ as a function of
# $y$, and write `pixels_apart(y)`: $y$ $(n, 784)$ to $(n,)$.
#
# <details><summary>Hint 1</summary>For binary pixels (x - x')^2 is 1 if they differ, else 0.</details>
# <details><summary>Hint 2</summary>They differ in two ways: 1 and 0, or 0 and 1.</details>

# %% key="ex9-4-code"
def pixels_apart(y):
    ### BEGIN SOLUTION
    return 2 * (y * (1 - y)).sum(-1)
    ### END SOLUTION


# %% key="ex9-4-check"
y = decode(vae, points)                                        # (4, 784)
want = 2 * (y - y**2).sum(-1)
exercise("ex9-4", lambda: pixels_apart(y), want, mistakes={
    "that is one draw against the mean; here both are draws": want / 2,
    "the mean over the pixels; we count pixels": want / 784,
    "equal means do not make equal draws": np.zeros(4),
    "that counts the pixels that are equal": (y**2 + (1 - y) ** 2).sum(-1),
    "y is a probability: two draws differ with y (1 - y) + (1 - y) y": y.sum(-1)})

# %% [markdown] key="apart"
# And by counting, two drawn images at a time, at the four codes of this section's first
# picture:

# %% key="apart-check"
rng = np.random.default_rng(0)
draws = rng.uniform(size=(2, 1000, *y.shape)) < y              # (2, 1000, 4, 784)
apart = (draws[0] != draws[1]).sum(-1)                         # (1000, 4)
check_mc("two draws at one code", apart, want)
print("pixels that differ, per pair:", apart.mean(0).round())

# %% [markdown] key="holes"
# The second question: why are reconstructions better than samples? Both go through the
# same decoder. The difference is where $z$ comes from: from $q(z|x)$ of a digit, or
# from the prior. Section 3 says that these differ as soon as $\mathrm{KL}(q(z)\|p(z)) >
# 0$: the prior also falls where no digit's code lies, and there the decoder was never
# trained.
#
# Measure both: softness, $\sum_i y_i(1 - y_i)$ per image, and how well codes of *other*
# digits cover $z$: $\log q(z)$, a mixture over 4,000 digits, at codes of the 1,000 and at
# prior draws.

# %% key="holes-run"
rng = np.random.default_rng(0)
print("         softness: codes, prior     median log q(z): codes, prior")
for J, model in models.items():
    m, lv = encode(model, x)
    others = encode(model, x_train)
    z_q = rng.normal(m, np.exp(lv / 2))                        # draws from q(z|x)
    z_p = rng.standard_normal(m.shape)                         # draws from p(z)
    images = decode(model, np.stack([z_q, z_p]))               # (2, 1000, 784)
    soft = (images * (1 - images)).sum(-1).mean(1)
    cover = [np.median(log_aggregate(z, *others)) for z in (z_q, z_p)]
    print(f"J = {J:2}  {soft[0]:14.1f} {soft[1]:7.1f} {cover[0]:22.1f} {cover[1]:8.1f}")

# %% [markdown] key="holes-after"
# Compare within a row: densities in different dimensions do not compare, and the values
# depend on the 4,000 digits. For $J = 2$ the two sources hardly differ. For $J = 20$ prior
# draws lie where the codes of other digits cover less, by nearly 30 nats, and their images
# are softer by a seventh.
#
# Is that the number of digits, in 20 dimensions, or the shape of their codes? A control:
# put Gaussian codes of the same mean and covariance in the place of all $\mu$.

# %% key="holes-control"
mu_4000, log_var_4000 = encode(models[20], x_train)
mean, cov = mu_4000.mean(0), np.cov(mu_4000.T)
fake = rng.multivariate_normal(mean, cov, size=5000)
z_q = rng.normal(fake[4000:], np.exp(log_var_4000[:1000] / 2))
z_p = rng.standard_normal((1000, 20))
cover = [np.median(log_aggregate(z, fake[:4000], log_var_4000)) for z in (z_q, z_p)]
print("median log q(z) with Gaussian codes: codes {:.1f}, prior {:.1f}".format(*cover))
assert abs(cover[0] - cover[1]) < 3

# %% [markdown] key="holes-meaning"
# Without the digits' shape the difference is gone: the real codes leave **holes**.
#
# So a better bound does not promise better samples. At $J = 20$ the KL term is 25.5 nats,
# and $I$ cannot exceed $\log 60{,}000 = 11$: at least 14 nats are distance from the prior
# (09.4). Training pays them, because reconstruction earns more. Sampling pays in bad
# pictures.

# %% [markdown] key="lines"
# ## 8. Straight lines (optional, for a second reading)
#
# Interpolation, the other favourite picture: a straight line between two codes,
# decoded. It is often read as "halfway in meaning". Predict: from a 7 to a 0, does the
# picture change at an even pace?
#
# The pace is a derivative. With $h = \tanh(W_1 z + b_1)$ and $y =
# \operatorname{sigmoid}(W_2 h + b_2)$, the chain rule gives the Jacobian of the
# decoder, one factor a layer:
#
# $$ \frac{\partial y}{\partial z} = \operatorname{diag}\big(y (1 - y)\big)\; W_2\;
# \operatorname{diag}(1 - h^2)\; W_1 \tag{09.10} $$

# %% key="eq09-10"
def jacobian(z):
    """dy/dz of the decoder, eq. 09.10. z (2,) -> (784, 2)."""
    h = np.tanh(W1 @ z + b1)
    y = 1 / (1 + np.exp(-(W2 @ h + b2)))
    return (y * (1 - y))[:, None] * (W2 @ ((1 - h**2)[:, None] * W1))


# %% key="eq09-10-check"
by_autograd = [torch.func.jacrev(vae.decode)(torch.tensor(z)) for z in points]
check("eq09-10", [jacobian(z) for z in points], torch.stack(by_autograd))

# %% [markdown] key="metric"
# A small step $\mathrm{d}z$ moves the image by $\frac{\partial y}{\partial z}\mathrm{d}z$.
# Its squared length is
#
# $$ \|\mathrm{d}y\|^2 = \mathrm{d}z^\top \Big(\frac{\partial y}{\partial z}\Big)^{\!\top}
# \frac{\partial y}{\partial z}\, \mathrm{d}z \tag{09.11} $$
#
# The $2 \times 2$ matrix in the middle is a **local metric**: it says how much image there
# is in a step of $z$, and it changes from place to place. Along $z(t) = a + t(b - a)$ the
# pace is $\|\frac{\partial y}{\partial z}(b - a)\|$.

# %% key="pace-check"
a, b = mu[7], mu[10]                                           # a 7 and a 0
time = np.linspace(0, 1, 201)
path = a + time[:, None] * (b - a)                             # (201, 2)
metric = [jacobian(z).T @ jacobian(z) for z in path]           # (2, 2) each
pace = np.sqrt([(b - a) @ G @ (b - a) for G in metric])
h = 1e-5 * (b - a)
moved = np.linalg.norm(decode(vae, path + h) - decode(vae, path - h), axis=1) / 2e-5
check("eq09-11", pace, moved, atol=1e-5)

# %% key="pace-plot"
fig, (top, bottom) = plt.subplots(2, 1, figsize=(7, 3.6), height_ratios=(1, 2))
frames = a + np.linspace(0, 1, 12)[:, None] * (b - a)
plots.montage(decode(vae, frames), digits.image_shape, 12, top, gap=4)
bottom.plot(time, pace, color=plots.P)
bottom.set(xlabel="t, from the 7 to the 0", ylabel="pace, norm of dy/dt",
           xlim=(-0.04, 1.04), ylim=(0, None))
plt.show()
ends = decode(vae, np.stack([a, b]))
print(f"the image travels {np.trapezoid(pace, time):.1f}, "
      f"its two ends are {np.linalg.norm(ends[1] - ends[0]):.1f} apart")

# %% [markdown] key="pace-plot-words"
# *In words:* top, twelve frames: three 7s, four 9s, then an 8, a 2, two 6s and a 0. Bottom,
# the pace: about 20 among the 7s, rising in waves to 110 at $t = 0.8$, where the 2 turns
# into the 6, and 60 at the 0.

# %% [markdown] key="pace-after"
# Equal steps in $z$ are unequal steps in the image, by a factor of six on one line. And
# the way is long: the image travels five times the distance between its ends. Distance in
# $z$ is a property of how the encoder spread the digits out, not a measure of likeness.
# Where you need one, take the length of the path, the integral of $\|\mathrm{d}y\|$.

# %% [markdown] key="misconception"
# ## Misconception card
#
# > **"The KL term makes the latents Gaussian and independent."**
#
# The KL term takes each $q(z|x)$ by itself and pulls it towards $\mathcal N(0, I)$. It
# never sees two codes together. By 09.4 its mean is information plus
# $\mathrm{KL}(q(z)\|p(z))$, and training balances this sum against $\log p(x|z)$.
# Measured here: variances 1.72 and 1.77 instead of 1, patches and gaps, 0.8 nats from the
# prior with 1,000 digits.
#
# A diagonal $q(z|x)$ is a choice of ours. The true posterior of the 1 was tilted, that
# of the 5 had two hills. Only a unit whose $q$ is the same for every $x$, a collapsed one
# or units 3 and 4 of exercise 9.3, is Gaussian and independent for certain.

# %% [markdown] key="take-away"
# ## What you can do now
#
# - draw Figure 4 through $\Phi^{-1}$, since a uniform $u$ becomes a normal $z$ (09.1) and
#   each picture then stands for the same share of the prior; draw Figure 5 from the prior,
#   and say that it shows means;
# - tell $\mu(x)$, a draw of $q(z|x)$ and $p(z|x)$ apart; split the KL term into information
#   and distance from the prior (09.4); and refuse a "bound" computed at $z = \mu$;
# - find a unit that carries nothing by $\operatorname{Var}_x \mu_j$, say when collapse is
#   right (09.6), and explain blur: the best decoder is a mean of the digits that share a
#   code (09.8).
#
# **Next**: the gap of three digits came from a grid, which needs $J = 2$. Lesson 10
# asks how good a model with 3, 10 or 50 latents really is.
