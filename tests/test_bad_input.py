"""Every public function of the mathematics says what it wanted and what it got. The
data loaders, checks and pages have their own tests; training's table is there too."""

import numpy as np
import pytest
import torch

from aevb_lib import (
    VAE, BernoulliDecoder, GaussianDecoder, GaussianEncoder, LinearGaussian, elbo_a,
    elbo_b, evaluate, kl_normal, log_bernoulli, log_normal, minibatch_bound, pretrained,
    reparameterize, score_function_surrogate, train,
)
from aevb_lib.exact import BernoulliMLP, grid_posterior
from aevb_lib.training import Recipe

ones = torch.ones
NAN = float("nan")


def g():
    return torch.Generator().manual_seed(0)


def vae(**changes):
    return VAE(**{"D": 4, "H": 3, "J": 2, "generator": g(), **changes})


def fit(x=None, M=5, epochs=1, model=None, **options):
    recipe = Recipe("small", torch.optim.Adam, 0.01, M=M)
    x = torch.rand(8, 4, generator=g()) if x is None else x
    return train(model or vae(), x, recipe, generator=g(), epochs=epochs, **options)


def linear(**changes):
    return LinearGaussian(**{"W": np.ones((3, 2)), "b": np.zeros(3), "s2": 1.0,
                             **changes})


def mlp(J=2, D=4):
    return BernoulliMLP(np.ones((3, J)), np.ones(3), np.ones((D, 3)), np.ones(D))


TABLE = {
    # densities
    "log_normal: x": (lambda: log_normal(ones(5, 3), ones(5, 2), ones(5, 2)),
                      r"last axes must have one size, got x \(5, 3\), mu \(5, 2\)"),
    "log_normal: mu": (lambda: log_normal(ones(5, 2), ones(5, 1), ones(5, 2)),
                       r"last axes must have one size, got .* mu \(5, 1\)"),
    "log_normal: log_var": (lambda: log_normal(ones(5, 2), ones(5, 2), ones(5, 1)),
                            r"last axes must have one size, got .* log_var \(5, 1\)"),
    "log_bernoulli: width": (lambda: log_bernoulli(ones(5, 3), ones(5, 4)),
                             r"got x \(5, 3\), logits \(5, 4\)"),
    "log_bernoulli: above 1": (lambda: log_bernoulli(255 * ones(5, 3), ones(5, 3)),
                               r"wants x in \[0, 1\], got values from 255 to 255"),
    "log_bernoulli: below 0": (lambda: log_bernoulli(-ones(5, 3), ones(5, 3)),
                               r"wants x in \[0, 1\], got values from -1 to -1"),
    "log_bernoulli: barely": (lambda: log_bernoulli(1.001 * ones(5, 3), ones(5, 3)),
                              r"wants x in \[0, 1\], got values from 1.001 to 1.001"),
    "log_bernoulli: NaN": (lambda: log_bernoulli(NAN * ones(5, 3), ones(5, 3)),
                           r"wants x in \[0, 1\], got values from nan"),
    "kl_normal": (lambda: kl_normal(ones(5, 2), ones(5, 3)),
                  r"got mu \(5, 2\), log_var \(5, 3\)"),
    # sgvb
    "reparameterize: log_var": (
        lambda: reparameterize(ones(5, 2), ones(5, 1), ones(1, 5, 2)),
        r"wants .* of shape \(M, J\) .* got mu \(5, 2\), log_var \(5, 1\)"),
    "reparameterize: no draws": (
        lambda: reparameterize(ones(5, 2), ones(5, 2), ones(5, 2)),
        r"wants .* \(L, M, J\), .*, got .* eps \(5, 2\)"),
    "reparameterize: one eps for all": (
        lambda: reparameterize(ones(5, 2), ones(5, 2), ones(1, 1, 2)),
        r"wants .* \(L, M, J\), .*, got .* eps \(1, 1, 2\)"),
    "elbo_a: no draws": (lambda: elbo_a(ones(5), ones(5), ones(5)),
                         r"wanted .* \(L, M\) .*, got log_p_x_given_z \(5,\)"),
    "elbo_a: other shapes": (lambda: elbo_a(ones(2, 5), ones(2, 5), ones(1, 5)),
                             r"wanted .* \(L, M\) .*, got .* log_q_z_given_x \(1, 5\)"),
    "elbo_b: no draws": (lambda: elbo_b(ones(5), ones(5)), r"wanted .*got .* \(5,\)"),
    "elbo_b: kl of each draw": (lambda: elbo_b(ones(2, 5), ones(2, 5)),
                                r"wants kl of shape \(M,\) .*got \(2, 5\) and"),
    "elbo_b: M": (lambda: elbo_b(ones(1), ones(2, 5)), r"wants .* got \(1,\) and"),
    "minibatch_bound: a sum": (lambda: minibatch_bound(ones(()), 10),
                               r"wants .*\(M,\) .*got shape \(\) and N = 10"),
    "minibatch_bound: draws": (lambda: minibatch_bound(ones(2, 5), 10),
                               r"wants .*\(M,\) .*got shape \(2, 5\)"),
    "minibatch_bound: N < M": (lambda: minibatch_bound(ones(5), 4),
                               r"1 <= M <= N, got shape \(5,\) and N = 4"),
    "minibatch_bound: empty": (lambda: minibatch_bound(ones(0), 4),
                               r"1 <= M <= N, got shape \(0,\)"),
    "surrogate: no draws": (lambda: score_function_surrogate(ones(5), ones(5)),
                            r"wanted .* \(L, M\) .*, got log_q_z_given_x \(5,\)"),
    "surrogate: f": (lambda: score_function_surrogate(ones(2, 5), ones(2, 1)),
                     r"wanted .* got .* f \(2, 1\)"),
    # exact
    "LinearGaussian: W": (lambda: linear(W=np.ones(3)), r"wants W \(D, J\).*got W \(3"),
    "LinearGaussian: J = 0": (lambda: linear(W=np.ones((3, 0))),
                              r"wants .* D, J >= 1 .*got W \(3, 0\)"),
    "LinearGaussian: b": (lambda: linear(b=np.zeros(2)), r"wants .* got .* b \(2,\)"),
    "LinearGaussian: s2 = 0": (lambda: linear(s2=0), "s2 must be above 0, got 0.0"),
    "LinearGaussian: s2 < 0": (lambda: linear(s2=-1), "s2 must be above 0, got -1.0"),
    "LinearGaussian: s2 NaN": (lambda: linear(s2=NAN), "s2 must be above 0, got nan"),
    "maximum_likelihood: J = D": (
        lambda: LinearGaussian.maximum_likelihood(np.eye(3), 3),
        "wanted 1 <= J < D = 3, got J = 3"),
    "maximum_likelihood: J = 0": (
        lambda: LinearGaussian.maximum_likelihood(np.eye(3), 0), "wanted 1 <= J .* 0"),
    "maximum_likelihood: constant": (
        lambda: LinearGaussian.maximum_likelihood(np.ones((9, 3)), 1),
        "s2 must be above 0, got 0.0"),
    # models
    "GaussianEncoder: H = 0": (lambda: GaussianEncoder(4, 0, 2, g()),
                               "wants at least one unit, got n_out = 0"),
    "BernoulliDecoder: J = 0": (lambda: BernoulliDecoder(0, 3, 4, g()),
                                "wants at least one unit, got n_in = 0"),
    "GaussianDecoder: D = 0": (lambda: GaussianDecoder(2, 3, 0, g()),
                               "wants at least one unit, got n_out = 0"),
    "VAE: J = 0": (lambda: vae(J=0), "wants at least one unit, got n_out = 0"),
    "VAE: J < 0": (lambda: vae(J=-1), "wants at least one unit, got n_out = -2"),
    "VAE: H = 0": (lambda: vae(H=0), "wants at least one unit, got n_out = 0"),
    "VAE: D = 0": (lambda: vae(D=0), "wants at least one unit, got n_in = 0"),
    "VAE: likelihood": (lambda: vae(likelihood="poisson"),
                        "one of bernoulli, gaussian, .*, got 'poisson'"),
    "VAE.encode: width": (lambda: vae().encode(ones(5, 3)),
                          r"wants x of shape \(M, 4\), got \(5, 3\)"),
    "VAE.encode: an image": (lambda: vae().encode(ones(4)),
                             r"wants x of shape \(M, 4\), got \(4,\)"),
    "VAE.encode: squares": (lambda: vae().encode(ones(5, 2, 2)),
                            r"wants x of shape \(M, 4\), got \(5, 2, 2\)"),
    "VAE.decode: J": (lambda: vae().decode(ones(5, 3)),
                      r"wants z of shape \(..., 2\), got \(5, 3\)"),
    "VAE.elbo: x": (lambda: vae().elbo(ones(5, 3), ones(1, 5, 2)), r"got \(5, 3\)"),
    "VAE.elbo: eps without draws": (lambda: vae().elbo(ones(5, 4), ones(5, 2)),
                                    r"wants .* \(L, M, J\), .*, got .* eps \(5, 2\)"),
    "VAE.elbo: eps of another J": (lambda: vae().elbo(ones(5, 4), ones(1, 5, 3)),
                                   r"wants .* \(L, M, J\), .*, got .* eps \(1, 5, 3\)"),
    "VAE.elbo: grey levels": (lambda: vae().elbo(255 * ones(5, 4), ones(1, 5, 2)),
                              r"wants x in \[0, 1\], got values from 255 to 255"),
    "pretrained": (lambda: pretrained(3), "no trained VAE with J = 3 latents; there"),
    # training
    "train: M > N": (lambda: fit(M=9), "wants 1 <= M <= N, got M = 9 and N = 8"),
    "train: empty": (lambda: fit(ones(0, 4)), r"x_train must be \(N, 4\).* got \(0, 4"),
    "train: width": (lambda: fit(ones(8, 3)), r"x_train must be \(N, 4\).* got \(8, 3"),
    "train: NaN": (lambda: fit(NAN * ones(8, 4)), "x_train must be finite, got NaN"),
    "train: grey levels": (lambda: fit(255 * ones(8, 4)), r"wants x in \[0, 1\], got"),
    "train: binarise": (
        lambda: fit(2 * ones(8, 4), dynamic_binarisation=True,
                    model=vae(likelihood="gaussian")),
        r"wanted probabilities in \[0, 1\], got values from 2 to 2"),
    "train: x_test": (lambda: fit(x_test=ones(8, 3)), r"x_test must be .* got \(8, 3"),
    "train: epochs": (lambda: fit(epochs=0), "wanted at least 1 epoch, got 0"),
    "evaluate: width": (lambda: evaluate(vae(), ones(5, 3)),
                        r"wants x of shape \(M, 4\), got \(5, 3\)"),
    "evaluate: NaN": (lambda: evaluate(vae(), NAN * ones(5, 4)), "got values from nan"),
    "log_bernoulli: no rows": (lambda: log_bernoulli(ones(0, 3), ones(0, 3)), "got"),
    "reparameterize: L = 0": (
        lambda: reparameterize(ones(5, 2), ones(5, 2), ones(0, 5, 2)), "got"),
    "elbo_a: L = 0": (lambda: elbo_a(ones(0, 5), ones(0, 5), ones(0, 5)), "got"),
    "elbo_b: L = 0": (lambda: elbo_b(ones(5), ones(0, 5)), "got"),
    "LinearGaussian: W NaN": (lambda: linear(W=NAN * np.ones((3, 2))), "got"),
    "log_evidence: x of width 1": (lambda: linear().log_evidence(np.ones((4, 1))),
                                   r"x \(M, 3\), got \(4, 1\)"),
    "posterior: x of width 1": (lambda: linear().posterior(np.ones((4, 1))),
                                r"x \(M, 3\), got \(4, 1\)"),
    "maximum_likelihood: one row": (
        lambda: LinearGaussian.maximum_likelihood(np.ones(9), 1), r"got \(9,\)"),
    "BernoulliMLP: J = 3": (lambda: mlp(J=3).posterior(np.ones(4)), "2 .* got"),
    "BernoulliMLP: x": (lambda: mlp().posterior(np.ones(3)),
                        r"wants .* x \(4,\), got .* \(3,\)"),
    "grid_posterior: NaN": (lambda: grid_posterior(lambda z: NAN * z[:, 0]), "finite"),
    "grid_posterior: shape": (lambda: grid_posterior(lambda z: z), r"wanted .*got"),
    "train: integers": (lambda: fit(torch.ones(8, 4, dtype=torch.uint8)), "got"),
    "train: an array": (lambda: fit(np.ones((8, 4))), "got"),
    "evaluate: empty": (lambda: evaluate(vae(), ones(0, 4)),
                        r"N >= 1 .* got x \(0, 4\)"),
    "evaluate: L = 0": (lambda: evaluate(vae(), ones(5, 4), L=0),
                        "L >= 1, got .* L = 0"),
}


@pytest.mark.parametrize("case", TABLE)
def test_bad_input_is_a_value_error_that_says_what_was_wanted(case):
    call, words = TABLE[case]
    with pytest.raises(ValueError, match=words):
        call()
