"""Layer 2. The encoders and decoders of Appendix C, and the VAE of section 3.

Each network has one hidden layer of H tanh units, as in the paper. Weights are drawn
from a generator that the caller gives.
"""

import math
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from aevb_lib.densities import kl_normal, log_bernoulli, log_normal
from aevb_lib.sgvb import elbo_b, reparameterize


def linear(n_in, n_out, generator):
    """A layer y = W x + b. W is uniform with variance 2 / (n_in + n_out), the start of
    Glorot and Bengio (2010); b is zero."""
    for name, size in (("n_in", n_in), ("n_out", n_out)):
        if size < 1:
            raise ValueError(f"a layer wants at least one unit, got {name} = {size}")
    layer = nn.utils.skip_init(nn.Linear, n_in, n_out)
    limit = math.sqrt(6 / (n_in + n_out))
    with torch.no_grad():
        layer.weight.uniform_(-limit, limit, generator=generator)
        layer.bias.zero_()
    return layer


class GaussianMLP(nn.Module):
    """h = tanh(W3 x + b3), mu = W4 h + b4, log sigma^2 = W5 h + b5 (eq. 12).
    `heads` holds W4 above W5: one product gives both."""

    def __init__(self, n_in, n_hidden, n_out, generator):
        super().__init__()
        self.hidden = linear(n_in, n_hidden, generator)
        self.heads = linear(n_hidden, 2 * n_out, generator)

    def forward(self, x):
        """x (..., n_in) -> mu, log_var, each (..., n_out)."""
        h = torch.tanh(self.hidden(x))
        mu, log_var = self.heads(h).chunk(2, dim=-1)
        return mu, log_var


class GaussianEncoder(GaussianMLP):
    """q(z|x) = N(mu(x), diag(sigma(x)^2)) (eqs 9 and 12): x (M, D) -> two (M, J)."""

    def __init__(self, D, H, J, generator):
        super().__init__(D, H, J, generator)

    def layers(self):
        """[(weight, bias, activation), ...] as arrays; the last gives mu, log_var."""
        return [_arrays(self.hidden, "tanh"), _arrays(self.heads, "linear")]


class BernoulliDecoder(nn.Module):
    """p(x|z) = prod_i Bernoulli(x_i; y_i), y = sigmoid(W2 tanh(W1 z + b1) + b2)
    (eq. 11)."""

    likelihood = "bernoulli"

    def __init__(self, J, H, D, generator):
        super().__init__()
        self.hidden = linear(J, H, generator)
        self.logits = linear(H, D, generator)

    def forward(self, z):
        """z (..., J) -> logits (..., D), the y of eq. 11 before its sigmoid."""
        return self.logits(torch.tanh(self.hidden(z)))

    def log_p_x_given_z(self, x, z):
        """x (M, D), z (L, M, J) -> (L, M), in nats."""
        return log_bernoulli(x, self(z))

    def mean(self, z):
        """E[x|z] = y. z (..., J) -> (..., D)."""
        return torch.sigmoid(self(z))

    @torch.no_grad()
    def start_at_mean(self, mean):
        """Set b2 so that a decoder with W2 = 0 gives the data's mean image (D,)."""
        self.logits.bias.copy_(torch.logit(mean.clamp(0.001, 0.999)))

    def layers(self):
        """[(weight, bias, activation), ...] as arrays, from z to the pixel means."""
        return [_arrays(self.hidden, "tanh"), _arrays(self.logits, "sigmoid")]


class GaussianDecoder(GaussianMLP):
    """p(x|z) = N(mu(z), diag(sigma(z)^2)) (eq. 12). With squash=True the means pass
    through a sigmoid into (0, 1), as the paper does for Frey Face."""

    def __init__(self, J, H, D, generator, squash=False):
        super().__init__(J, H, D, generator)
        self.squash = squash
        self.likelihood = "gaussian-squashed" if squash else "gaussian"

    def forward(self, z):
        """z (..., J) -> mu, log_var, each (..., D)."""
        mu, log_var = super().forward(z)
        return (torch.sigmoid(mu) if self.squash else mu), log_var

    def log_p_x_given_z(self, x, z):
        """x (M, D), z (L, M, J) -> (L, M), in nats."""
        return log_normal(x, *self(z))

    def mean(self, z):
        """E[x|z] = mu. z (..., J) -> (..., D)."""
        return self(z)[0]

    @torch.no_grad()
    def start_at_mean(self, mean):
        """Set b4 so that a decoder with W4 = 0 gives the data's mean image (D,)."""
        b4 = torch.logit(mean.clamp(0.001, 0.999)) if self.squash else mean
        self.heads.bias[: len(mean)] = b4

    def layers(self):
        """[(weight, bias, activation), ...] as arrays, from z to the pixel means."""
        weight, bias, _ = _arrays(self.heads, "linear")
        D, activation = len(bias) // 2, "sigmoid" if self.squash else "linear"
        return [_arrays(self.hidden, "tanh"), (weight[:D], bias[:D], activation)]


DECODERS = {
    "bernoulli": BernoulliDecoder,
    "gaussian": GaussianDecoder,
    "gaussian-squashed": lambda *sizes: GaussianDecoder(*sizes, squash=True),
}


class VAE(nn.Module):
    """The variational auto-encoder of section 3: encoder (phi) and decoder (theta)."""

    def __init__(self, D, H, J, generator, likelihood="bernoulli"):
        """D pixels, H hidden units in each network, J latents.
        likelihood: "bernoulli", "gaussian" or "gaussian-squashed"."""
        super().__init__()
        if likelihood not in DECODERS:
            raise ValueError(f"likelihood must be one of {', '.join(DECODERS)}, "
                             f"got {likelihood!r}")
        self.D, self.H, self.J = D, H, J
        self.encoder = GaussianEncoder(D, H, J, generator)
        self.decoder = DECODERS[likelihood](J, H, D, generator)

    def encode(self, x):
        """mu, log_var of q(z|x). x (M, D) -> two (M, J)."""
        if x.ndim != 2 or x.shape[1] != self.D:
            raise ValueError(f"this VAE wants x of shape (M, {self.D}), "
                             f"got {tuple(x.shape)}")
        return self.encoder(x)

    def decode(self, z):
        """The pixel means E[x|z]. z (..., J) -> (..., D)."""
        if z.shape[-1] != self.J:
            raise ValueError(f"this VAE wants z of shape (..., {self.J}), "
                             f"got {tuple(z.shape)}")
        return self.decoder.mean(z)

    def elbo_terms(self, x, eps):
        """The two terms of eq. 7, in nats: kl (M,) and log_p_x_given_z (L, M).
        x (M, D), eps (L, M, J)."""
        mu, log_var = self.encode(x)
        z = reparameterize(mu, log_var, eps)                             # (L, M, J)
        return kl_normal(mu, log_var), self.decoder.log_p_x_given_z(x, z)

    def elbo(self, x, eps):
        """The bound of each datapoint by eq. 10, in nats. Returns (M,)."""
        return elbo_b(*self.elbo_terms(x, eps))

    def save(self, path, dtype=torch.float32):
        """Write weights and sizes as safetensors. dtype=torch.float16 halves it."""
        sizes = {"model": "aevb_lib.VAE", "D": str(self.D), "H": str(self.H),
                 "J": str(self.J), "likelihood": self.decoder.likelihood}
        weights = {name: w.detach().to("cpu", dtype).contiguous()
                   for name, w in self.state_dict().items()}
        save_file(weights, path, metadata=sizes)

    @classmethod
    def load(cls, path):
        """Read what `save` wrote. A file that is no VAE is a ValueError."""
        try:
            with safe_open(path, framework="pt") as file:
                sizes = file.metadata() or {}
                weights = {name: file.get_tensor(name).float() for name in file.keys()}
        except SafetensorError as error:
            raise ValueError(f"{path} is no whole safetensors file: {error}") from None
        if sizes.get("model") != "aevb_lib.VAE":
            raise ValueError(f"{path} holds {sizes.get('model', 'tensors')} "
                             f"({', '.join(sorted(weights)) or 'none'}), "
                             "wanted a VAE saved by aevb_lib")
        D, H, J = (int(sizes[name]) for name in "DHJ")
        model = cls(D, H, J, torch.Generator(), sizes["likelihood"])
        model.load_state_dict(weights)
        return model


def pretrained(J):
    """The VAE that the project ships with J = 2, 5, 10 or 20 latents: the paper's
    networks, H = 500, trained on MNIST. `make weights` makes the files again."""
    path = Path(__file__).parent / "assets" / f"vae_mnist_{J}.safetensors"
    if not path.exists():
        there = sorted(int(p.stem.split("_")[-1])
                       for p in path.parent.glob("vae_mnist_*.safetensors"))
        raise ValueError(f"no trained VAE with J = {J} latents; there are {there}")
    return VAE.load(path)


def _arrays(layer, activation):
    weight, bias = layer.weight.detach().cpu(), layer.bias.detach().cpu()
    return weight.numpy(), bias.numpy(), activation
