"""aevb_lib.models against the paper's equations written in NumPy, and its files."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from scipy import stats
from scipy.special import expit

from aevb_lib.exact import LinearGaussian
from aevb_lib.models import (
    VAE, BernoulliDecoder, GaussianDecoder, GaussianEncoder, linear, pretrained,
)

D, H, J, L, M = 6, 5, 2, 3, 4
LIKELIHOODS = ["bernoulli", "gaussian", "gaussian-squashed"]
RNG = np.random.default_rng(0)
X, Z = RNG.random((M, D)), RNG.standard_normal((L, M, J))
EPS = RNG.standard_normal((L, M, J))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def vae(likelihood="bernoulli", seed=0):
    """A VAE in float64 whose biases are not zero."""
    model = VAE(D, H, J, generator(seed), likelihood).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator(1)))
    return model


def numpy_of(module):
    """Weights and biases of hidden layer and output layer, in NumPy."""
    return [parameter.detach().numpy() for parameter in module.parameters()]


def same(got, want, rtol=1e-12):
    np.testing.assert_allclose(got.detach(), want, rtol=rtol)


# ----- eqs 10 to 12 by hand -----------------------------------------------------

def gaussian_mlp(module, x):
    """eq. 12: h = tanh(W3 x + b3), mu = W4 h + b4, log sigma^2 = W5 h + b5."""
    W3, b3, heads, b = numpy_of(module)
    (W4, W5), (b4, b5) = np.split(heads, 2), np.split(b, 2)
    h = np.tanh(x @ W3.T + b3)
    return h @ W4.T + b4, h @ W5.T + b5


def bernoulli_mlp(module, z):
    """eq. 11: y = sigmoid(W2 tanh(W1 z + b1) + b2)."""
    W1, b1, W2, b2 = numpy_of(module)
    return expit(np.tanh(z @ W1.T + b1) @ W2.T + b2)


def log_likelihood(model, x, z):
    """log p(x|z) of a VAE's decoder with scipy alone, (L, M)."""
    if model.decoder.likelihood == "bernoulli":
        y = bernoulli_mlp(model.decoder, z)
        return (x * np.log(y) + (1 - x) * np.log(1 - y)).sum(-1)
    mu, log_var = gaussian_mlp(model.decoder, z)
    mu = expit(mu) if model.decoder.likelihood.endswith("squashed") else mu
    return stats.norm.logpdf(x, mu, np.exp(log_var / 2)).sum(-1)


def test_the_encoder_is_eq_12():
    model = vae()
    for got, want in zip(model.encode(torch.tensor(X)), gaussian_mlp(model.encoder, X),
                         strict=True):
        same(got, want)


def test_the_bernoulli_decoder_is_eq_11():
    decoder = vae().decoder
    same(decoder.mean(torch.tensor(Z)), bernoulli_mlp(decoder, Z))
    same(torch.sigmoid(decoder(torch.tensor(Z))), bernoulli_mlp(decoder, Z))


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_the_likelihood_is_eq_11_or_12(likelihood):
    model = vae(likelihood)
    got = model.decoder.log_p_x_given_z(torch.tensor(X), torch.tensor(Z))
    assert got.shape == (L, M)
    same(got, log_likelihood(model, X, Z))


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_the_bound_is_eq_10(likelihood):
    model = vae(likelihood)
    mu, log_var = gaussian_mlp(model.encoder, X)
    log_p = log_likelihood(model, X, mu + np.exp(log_var / 2) * EPS)
    kl = -0.5 * (1 + log_var - mu**2 - np.exp(log_var)).sum(-1)
    got_kl, got_log_p = model.elbo_terms(torch.tensor(X), torch.tensor(EPS))
    same(got_kl, kl)
    same(got_log_p, log_p)
    same(model.elbo(torch.tensor(X), torch.tensor(EPS)), log_p.mean(0) - kl)


def test_the_gradient_of_the_bound_is_that_of_finite_differences():
    model, x, eps = vae(), torch.tensor(X), torch.tensor(EPS)
    names, values = zip(*model.named_parameters(), strict=True)

    def bound(*parameters):
        weights = dict(zip(names, parameters, strict=True))
        return torch.func.functional_call(model, weights, (x, eps))

    model.forward = model.elbo
    assert torch.autograd.gradcheck(bound, values)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_pixel_means_keep_the_axes_of_z(likelihood):
    model = vae(likelihood)
    assert model.decode(torch.tensor(Z)).shape == (L, M, D)
    assert model.decode(torch.tensor(Z[0, 0])).shape == (D,)


def test_squashed_means_lie_between_0_and_1():
    squashed, plain = vae("gaussian-squashed"), vae("gaussian")
    z = 100 * torch.tensor(Z)
    assert ((squashed.decode(z) > 0) & (squashed.decode(z) < 1)).all()
    assert not ((plain.decode(z) > 0) & (plain.decode(z) < 1)).all()
    same(squashed.decode(z), expit(plain.decode(z).detach().numpy()))


def test_a_vae_of_linear_weights_has_the_bound_of_a_linear_gaussian():
    exact = LinearGaussian(RNG.standard_normal((D, J)), RNG.standard_normal(D), 0.3)
    model, small = vae("gaussian"), 1e-4                 # tanh(a) = a for small a
    mu, log_var = gaussian_mlp(model.encoder, X)
    with torch.no_grad():
        (W, b, heads, bias) = model.decoder.parameters()
        W.zero_(), b.zero_(), heads.zero_()
        W[:J], heads[:D, :J] = small * torch.eye(J), torch.tensor(exact.W) / small
        bias.copy_(torch.cat([torch.tensor(exact.b), torch.full((D,), np.log(0.3))]))
    eps = torch.tensor(np.sqrt(J) * np.concatenate([np.eye(J), -np.eye(J)]))
    got = model.elbo(torch.tensor(X), eps[:, None].expand(2 * J, M, J))
    want = [exact.bound(X[[m]], mu[[m]], np.diag(np.exp(log_var[m])))[0]
            for m in range(M)]           # four points with the moments of N(0, I)
    same(got, want, rtol=1e-6)


# ----- starts, layers -----------------------------------------------------------

def test_a_layer_starts_as_glorot_and_bengio_say():
    layer = linear(300, 200, generator())
    assert layer.weight.abs().max().item() == pytest.approx((6 / 500) ** 0.5, rel=1e-3)
    assert layer.weight.var().item() == pytest.approx(2 / 500, rel=0.02)
    assert not layer.bias.any()


def test_the_generator_alone_sets_the_start():
    torch.manual_seed(1)
    first, again = (VAE(D, H, J, generator(3)).state_dict() for _ in range(2))
    other = VAE(D, H, J, generator(4)).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["encoder.heads.weight"], other["encoder.heads.weight"])


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_start_at_mean_gives_the_mean_image_where_the_last_weights_are_zero(likelihood):
    model, mean = vae(likelihood), torch.tensor([0.01, 0.2, 0.4, 0.5, 0.9, 0.99])
    [*_, weight, _] = model.decoder.parameters()
    with torch.no_grad():
        weight.zero_()
    model.decoder.start_at_mean(mean)
    same(model.decode(torch.tensor(Z)), np.broadcast_to(mean, (L, M, D)), rtol=1e-6)


def run(layers, x):
    """What the page does with layers."""
    functions = {"tanh": np.tanh, "sigmoid": expit, "linear": lambda a: a}
    for weight, bias, activation in layers:
        x = functions[activation](x @ weight.T + bias)
    return x


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_layers_compute_what_the_networks_compute(likelihood):
    model = vae(likelihood)
    same(model.decode(torch.tensor(Z)), run(model.decoder.layers(), Z))
    both = torch.cat(model.encode(torch.tensor(X)), -1)
    same(both, run(model.encoder.layers(), X))


def test_layers_are_float32_arrays_of_the_agreed_shapes():
    model = VAE(D, H, J, generator(), "gaussian")
    shapes = [(w.shape, b.shape, name) for net in (model.encoder, model.decoder)
              for w, b, name in net.layers() if w.dtype == b.dtype == np.float32]
    assert shapes == [((H, D), (H,), "tanh"), ((2 * J, H), (2 * J,), "linear"),
                      ((H, J), (H,), "tanh"), ((D, H), (D,), "linear")]


# ----- files --------------------------------------------------------------------

@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("dtype, error", [(torch.float32, 0), (torch.float16, 2e-3)])
def test_a_saved_vae_comes_back(tmp_path, likelihood, dtype, error):
    model = VAE(D, H, J, generator(), likelihood)
    model.save(tmp_path / "v", dtype)
    again = VAE.load(tmp_path / "v")
    assert (again.D, again.H, again.J) == (D, H, J)
    assert again.decoder.likelihood == likelihood
    for name, weight in again.state_dict().items():
        assert weight.dtype == torch.float32
        assert (weight - model.state_dict()[name]).abs().max() <= error


def test_float16_halves_the_file(tmp_path):
    model = VAE(100, 50, J, generator())
    model.save(tmp_path / "32"), model.save(tmp_path / "16", torch.float16)
    sizes = [(tmp_path / name).stat().st_size for name in ("16", "32")]
    assert sizes[0] < 0.6 * sizes[1]


def test_saving_leaves_the_model_as_it_is(tmp_path):
    model = VAE(D, H, J, generator())
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    model.save(tmp_path / "v", torch.float16)
    assert all(torch.equal(weight, before[name])
               for name, weight in model.state_dict().items())


@pytest.mark.parametrize("metadata, words", [
    (None, "holds tensors"), ({}, "holds tensors"),
    ({"model": "another.Model"}, "holds another.Model"),
    ({"kind": "aevb_lib.checkpoint"}, "holds tensors"),
])
def test_a_file_of_something_else_is_refused(tmp_path, metadata, words):
    save_file({"a.weight": torch.ones(2)}, tmp_path / "v", metadata=metadata)
    with pytest.raises(ValueError, match=f"{words} .a.weight., wanted a VAE"):
        VAE.load(tmp_path / "v")


@pytest.mark.parametrize("keep", [0, 5, 200, -1])
def test_a_damaged_file_is_refused(tmp_path, keep):
    VAE(D, H, J, generator()).save(tmp_path / "v")
    (tmp_path / "v").write_bytes((tmp_path / "v").read_bytes()[:keep])
    with pytest.raises(ValueError, match="is no whole safetensors file"):
        VAE.load(tmp_path / "v")


def test_a_file_of_noise_is_refused(tmp_path):
    (tmp_path / "v").write_bytes(RNG.bytes(500))
    with pytest.raises(ValueError, match="is no whole safetensors file"):
        VAE.load(tmp_path / "v")


def test_a_trained_vae_ships_with_the_library():
    model = pretrained(2)
    assert (model.D, model.H, model.J) == (784, 500, 2)
    assert model.decoder.likelihood == "bernoulli"


def test_the_networks_can_be_built_alone():
    encoder = GaussianEncoder(D, H, J, generator())
    decoders = BernoulliDecoder(J, H, D, generator()), GaussianDecoder(
        J, H, D, generator(), squash=True)
    z = encoder(torch.tensor(X).float())[0]
    assert [decoder.mean(z).shape for decoder in decoders] == [(M, D)] * 2
