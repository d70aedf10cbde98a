"""The helper library of the course on Auto-Encoding Variational Bayes.

Data walks through it as it walks through the paper: `data` gives x, an encoder in
`models` gives (mu, log_var), `sgvb` turns noise eps into z, a decoder gives
log p(x|z), `densities` and `sgvb` make the bound of them, `training` climbs it.
`reparameterizations` makes z of eps for every distribution of section 2.4, and
`exact` knows models whose every answer is known; it is the referee.

Names resolve on first use, so that `import aevb_lib` costs next to nothing.
"""

from importlib import import_module

__version__ = "0.1.0"

_MODULES = (
    "checks", "data", "densities", "exact", "inverse_cdf", "loop", "models", "plots",
    "reparameterizations", "sgvb", "training", "widgets",
)
_NAMES = {
    "check": "checks", "check_mc": "checks", "exercise": "checks",
    "binarise": "data", "load_fashion_mnist": "data", "load_frey_face": "data",
    "load_mnist": "data",
    "kl_normal": "densities", "log_bernoulli": "densities",
    "log_normal": "densities", "log_standard_normal": "densities",
    "BernoulliMLP": "exact", "LinearGaussian": "exact",
    "numerical_inverse": "inverse_cdf",
    "DISTRIBUTIONS": "reparameterizations", "elliptical": "reparameterizations",
    "location_scale": "reparameterizations",
    "elbo_a": "sgvb", "elbo_b": "sgvb", "minibatch_bound": "sgvb",
    "reparameterize": "sgvb", "score_function_surrogate": "sgvb",
    "VAE": "models", "BernoulliDecoder": "models", "GaussianDecoder": "models",
    "GaussianEncoder": "models", "pretrained": "models",
    "PAPER": "training", "TODAY": "training", "evaluate": "training",
    "train": "training",
    "BoundExplorer": "widgets", "EvidenceExplorer": "widgets",
    "Family": "widgets", "FamilyExplorer": "widgets",
    "GradientExplorer": "widgets", "LatentExplorer": "widgets",
    "VarianceExplorer": "widgets",
}
__all__ = sorted([*_MODULES, *_NAMES])


def __getattr__(name):
    if name in _MODULES:
        return import_module(f"aevb_lib.{name}")
    if name in _NAMES:
        return getattr(import_module(f"aevb_lib.{_NAMES[name]}"), name)
    raise AttributeError(f"module 'aevb_lib' has no attribute {name!r}")


def __dir__():
    return __all__
