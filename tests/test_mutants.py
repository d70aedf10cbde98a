"""Tests that cannot fail are worth nothing: each mutant below breaks one formula in a
copy of the library, and a test must fail.

One worker process runs the tests of all mutants in turn. `python -m pytest
tests/test_mutants.py -rP` shows which test caught which mutant.
"""

import contextlib
import faulthandler
import io
import multiprocessing
import os
import shutil
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
LIBRARY = TESTS.parent / "aevb_lib"
SUITES = {                  # the module mutated: the tests that run, in this order
    "densities": ("test_densities.py", "test_equations.py"),
    "sgvb": ("test_sgvb.py", "test_equations.py"),
    "exact": ("test_exact.py", "test_equations.py"),
    "models": ("test_models.py", "test_equations.py"),
    "training": ("test_training.py", "test_equations.py"),
    "loop": ("test_training.py",),
    "reparameterizations": ("test_reparameterizations.py",),
    "inverse_cdf": ("test_reparameterizations.py",),
}
SLOW = "learns or climbs or dense_grid or ships"    # names of tests left out
PATIENCE = 60                     # seconds for one mutant, so that a loop has an end

MUTANTS = {
    # densities
    "normal: 0.5 dropped": ("densities", "-0.5 * (LOG_2PI + log_var",
                            "-(LOG_2PI + log_var"),
    "normal: sigma for sigma^2": ("densities", "(x - mu) ** 2 / log_var.exp()",
                                  "(x - mu) ** 2 / (0.5 * log_var).exp()"),
    "normal: log_var's sign": ("densities", "LOG_2PI + log_var + (x - mu)",
                               "LOG_2PI - log_var + (x - mu)"),
    "prior: 2 pi dropped": ("densities", "-0.5 * (LOG_2PI + z**2)", "-0.5 * (z**2)"),
    "prior: mean for sum": ("densities", "z**2).sum(-1)", "z**2).mean(-1)"),
    "bernoulli: sign": ("densities", "return -F.binary", "return F.binary"),
    "bernoulli: mean for sum": ("densities", 'reduction="none").sum(-1)',
                                'reduction="none").mean(-1)'),
    "kl: sign": ("densities", "-0.5 * (1 + log_var", "0.5 * (1 + log_var"),
    "kl: 0.5 dropped": ("densities", "-0.5 * (1 + log_var", "-(1 + log_var"),
    "kl: 1 dropped": ("densities", "(1 + log_var - mu**2", "(log_var - mu**2"),
    "kl: sigma for sigma^2": ("densities", "mu**2 - log_var.exp())",
                              "mu**2 - (0.5 * log_var).exp())"),
    "kl: mean for sum": ("densities", "- log_var.exp()).sum(-1)",
                         "- log_var.exp()).mean(-1)"),
    # sgvb
    "eq 4: sigma^2 for sigma": ("sgvb", "(0.5 * log_var).exp() * eps",
                                "log_var.exp() * eps"),
    "eq 4: eps dropped": ("sgvb", "(0.5 * log_var).exp() * eps",
                          "(0.5 * log_var).exp() * 0"),
    "eq 4: log_var's sign": ("sgvb", "(0.5 * log_var).exp()", "(-0.5 * log_var).exp()"),
    "eq 6: log q's sign": ("sgvb", "+ log_p_z - log_q_z_given_x)",
                           "+ log_p_z + log_q_z_given_x)"),
    "eq 6: prior dropped": ("sgvb", "(log_p_x_given_z + log_p_z -",
                            "(log_p_x_given_z -"),
    "eq 6: sum for mean": ("sgvb", "- log_q_z_given_x).mean(0)",
                           "- log_q_z_given_x).sum(0)"),
    "eq 7: KL's sign": ("sgvb", "return -kl +", "return kl +"),
    "eq 7: sum for mean": ("sgvb", "+ log_p_x_given_z.mean(0)",
                           "+ log_p_x_given_z.sum(0)"),
    "eq 8: N/M inverted": ("sgvb", "n_data / len(elbo)", "len(elbo) / n_data"),
    "eq 8: mean for sum": ("sgvb", "* elbo.sum()", "* elbo.mean()"),
    "naive gradient: baseline's sign": ("sgvb", "((f - baseline)", "((f + baseline)"),
    "naive gradient: detach dropped": ("sgvb", "(f - baseline).detach()",
                                       "(f - baseline)"),
    "naive gradient: f's own dropped": ("sgvb", "* log_q_z_given_x + f)",
                                        "* log_q_z_given_x)"),
    # exact
    "evidence: s for s2": ("exact", "+ self.s2 * np.eye(", "+ self.s2**0.5 * np.eye("),
    "posterior: s2 dropped": ("exact", "@ self.W / self.s2 @ cov", "@ self.W @ cov"),
    "best diagonal: the marginals": ("exact", "1 / np.diag(self.precision)",
                                     "np.diag(np.linalg.inv(self.precision))"),
    "gap: 0.5 dropped": ("exact", "return 0.5 * (np.log(np.diag",
                         "return (np.log(np.diag"),
    "bound: spread's 0.5 dropped": ("exact", "- 0.5 * spread", "- spread"),
    "KL: log det's sign": ("exact", "[1] - np.linalg.slogdet(cov_q)",
                           "[1] + np.linalg.slogdet(cov_q)"),
    "KL: J dropped": ("exact", ".sum(0) - J + log_det", ".sum(0) + log_det"),
    "KL: trace turned": ("exact", "np.linalg.solve(cov_p, cov_q)",
                         "np.linalg.solve(cov_q, cov_p)"),
    "PCA: noise left in W": ("exact", "np.maximum(values[-J:] - s2, 0)", "values[-J:]"),
    "PCA: N - 1 for N": ("exact", "bias=True", "bias=False"),
    "grid: mean left in cov": ("exact", "self.z - self.mean()", "self.z"),
    "grid: prior's 2 pi": ("exact", "- LOG_2PI - 0.5 * (z**2)",
                           "- 0.5 * LOG_2PI - 0.5 * (z**2)"),
    # models
    "eq 11: sigmoid dropped": ("models", "return torch.sigmoid(self(z))",
                               "return self(z)"),
    "eq 12: tanh is relu": ("models", "torch.tanh(self.hidden(x))",
                            "torch.relu(self.hidden(x))"),
    "eq 12: heads swapped": ("models", "mu, log_var = self.heads(h)",
                             "log_var, mu = self.heads(h)"),
    "eq 10: KL of swapped heads": ("models", "return kl_normal(mu, log_var)",
                                   "return kl_normal(log_var, mu)"),
    "start: half the variance": ("models", "math.sqrt(6 /", "math.sqrt(3 /"),
    # training and loop
    "Algorithm 1: descent": ("training", "loss = -bound", "loss = bound"),
    "Algorithm 1: N stays in": ("training", "loss = -bound / n_data", "loss = -bound"),
    "Algorithm 1: gradients pile up": ("training", "optimizer.zero_grad()", "pass"),
    "prior on theta: no 1/N": ("training", '"weight_decay": 1 / n_data',
                               '"weight_decay": 1.0'),
    "prior on theta: on phi": ("training", '{"params": model.encoder.parameters()}',
                               '{"params": model.encoder.parameters(), '
                               '"weight_decay": 1 / n_data}'),
    "cosine: upside down": ("training", "(1 + math.cos(", "(1 - math.cos("),
    "evaluate: KL's sign": ("training", "return log_p - kl,", "return log_p + kl,"),
    "history: KL's sign": ("loop", "append(log_p_x_given_z - kl)",
                           "append(log_p_x_given_z + kl)"),
    "minibatches: never shuffled": (
        "loop", "torch.randperm(self.n_data, generator=self.generator)",
        "torch.arange(self.n_data)"),
    "checkpoint: generator forgotten": (
        "loop", 'batches.generator.set_state(tensors["generator"])', "pass"),
    "checkpoint: place in epoch forgotten": ("loop", 'int(about["done"])', "0"),
    # reparameterizations
    "exponential: u for 1 - u": (
        "reparameterizations",
        "return -torch.log1p(-u) / rate",
        "return -torch.log(u) / rate"),
    "cauchy: one tail only": (
        "reparameterizations",
        "torch.where(lower, u, 1 - u)",
        "u"),
    "logistic: upper tail rounded": (
        "reparameterizations",
        "(torch.log(u) - torch.log1p(-u))",
        "torch.log(u / (1 - u + 1e-14))"),
    "rayleigh: 2 dropped": (
        "reparameterizations",
        "torch.sqrt(-2 * torch.log1p(-u))",
        "torch.sqrt(-torch.log1p(-u))"),
    "weibull: shape turned over": ("reparameterizations", "** (1 / shape)", "** shape"),
    "reciprocal: high for the ratio": (
        "reparameterizations",
        "torch.as_tensor(high / low,",
        "torch.as_tensor(high,"),
    "gompertz: eta dropped": (
        "reparameterizations",
        "log1p(-torch.log1p(-u) / eta)",
        "log1p(-torch.log1p(-u))"),
    "gumbel: the law of minima": (
        "reparameterizations",
        "loc - scale * torch.log(-torch.log(u))",
        "loc + scale * torch.log(-torch.log1p(-u))"),
    "erlang: shape + 1": (
        "reparameterizations",
        "return gamma(u, whole, rate)",
        "return gamma(u, whole + 1, rate)"),
    "location-scale: scale^2": (
        "reparameterizations",
        "return loc + scale * eps",
        "return loc + scale**2 * eps"),
    "location-scale: detached": (
        "reparameterizations",
        "return loc + scale * eps",
        "return loc + torch.as_tensor(scale, dtype=eps.dtype).detach() * eps"),
    "elliptical: root transposed": (
        "reparameterizations",
        "(root @ eps[..., None])",
        "(root.mT @ eps[..., None])"),
    "log-normal: sigma^2": (
        "reparameterizations",
        "torch.exp(mu + sigma * eps)",
        "torch.exp(mu + sigma**2 * eps)"),
    "gamma: sum is a mean": (
        "reparameterizations",
        "exponential(u, 1.0).sum(-1)",
        "exponential(u, 1.0).mean(-1)"),
    "gamma: scale for rate": (
        "reparameterizations",
        "torch.exp(log_gamma_quantile(u, shape)) / rate",
        "torch.exp(log_gamma_quantile(u, shape)) * rate"),
    "dirichlet: sums over the draws": (
        "reparameterizations",
        ".softmax(-1)",
        ".softmax(0)"),
    "beta: a and b swapped": (
        "reparameterizations",
        "return torch.sigmoid(log",
        "return 1 - torch.sigmoid(log"),
    "chi-squared: 2 dropped": (
        "reparameterizations",
        "2 * gamma(u, dof / 2)",
        "gamma(u, dof / 2)"),
    "F: dofs turned over": (
        "reparameterizations",
        "* dof_2 / dof_1",
        "* dof_1 / dof_2"),
    "noise: Student's 5": (
        "reparameterizations",
        '_standard("standard_t", 5)',
        '_standard("standard_t", 4)'),
    # inverse_cdf
    "inverse: gradient's sign": (
        "inverse_cdf",
        "return z0 - residual(z0) / density",
        "return z0 + residual(z0) / density"),
    "inverse: no gradient": (
        "inverse_cdf",
        "return z0 - residual(z0) / density",
        "return z0 - residual(z0).detach() / density"),
    "inverse: density dropped": (
        "inverse_cdf",
        "residual(z0) / density",
        "residual(z0)"),
    "inverse: survival unused": (
        "inverse_cdf",
        "survival = survival or (lambda z: 1 - cdf(z))",
        "survival = (lambda z: 1 - cdf(z))"),
    "Gamma: shape's gradient cut": (
        "inverse_cdf",
        "return torch.logsumexp(log_terms, -1) - torch.lgamma(a)",
        "return torch.logsumexp(log_terms, -1) - torch.lgamma(a).detach()"),
    "Gamma: no last step": ("inverse_cdf", "    return newton(t)\n", "    return t\n"),
    "Gamma: upper tail mirrored": (
        "inverse_cdf",
        "torch.where(upper[..., None], r, -r)",
        "-r"),
    "Gamma: a weight's factor": (
        "inverse_cdf",
        "(1 + torch.exp(-_Y)) * _NODES",
        "_NODES"),
    "u: 0 let in": ("inverse_cdf", "((u > 0) & (u < 1))", "((u >= 0) & (u < 1))"),
}


class FirstFailure:
    """A pytest plugin that keeps the name of the first test to fail."""

    test = None

    def pytest_runtest_logreport(self, report):
        if report.failed and self.test is None:
            self.test = report.nodeid.split("/")[-1]


def run_tests(folder, suite):
    """In the worker: run a suite, until one test fails, against the library in a
    folder. Returns its name, pytest's exit code and text, the file that was loaded."""
    for name in [*sys.modules]:
        if name.split(".")[0] == "aevb_lib" or name + ".py" in suite:
            del sys.modules[name]
    sys.path.insert(0, str(folder))
    failure, text = FirstFailure(), io.StringIO()
    faulthandler.dump_traceback_later(PATIENCE, exit=True)
    with contextlib.redirect_stdout(text):
        code = pytest.main([
            "-x", "-q", "--noconftest", "-o", "addopts=", "-o", "pythonpath=",
            "-p", "no:cacheprovider", "-p", "no:faulthandler", "-k", f"not ({SLOW})",
            *(str(TESTS / name) for name in suite)], plugins=[failure])
    faulthandler.cancel_dump_traceback_later()
    sys.path.remove(str(folder))
    return failure.test, int(code), text.getvalue(), sys.modules["aevb_lib"].__file__


def prepare():
    """In the worker, before torch is there."""
    sys.dont_write_bytecode = True
    os.environ.update(OMP_NUM_THREADS="1", PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")


@pytest.fixture(scope="module")
def worker():
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, initializer=prepare) as pool:
        yield pool


@pytest.fixture
def copy(tmp_path):
    """The library without its data and pages, in a folder of its own."""
    ignore = shutil.ignore_patterns("assets", "widgets", "__pycache__")
    return shutil.copytree(LIBRARY, tmp_path / "aevb_lib", ignore=ignore)


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_caught(name, copy, worker):
    module, old, new = MUTANTS[name]
    path = copy / f"{module}.py"
    source = path.read_text("utf-8")
    assert source.count(old) == 1, f"{module} holds {old!r} {source.count(old)} times"
    path.write_text(source.replace(old, new), "utf-8")
    job = worker.submit(run_tests, copy.parent, SUITES[module])
    test, _, text, loaded = job.result()
    assert Path(loaded).parent == copy
    assert test, f"{name}: no test fails with {new!r} in {module}\n{text}"
    print(f"{name}: caught by {test}")


def test_without_a_mutation_the_copy_passes(copy, worker):
    suite = sorted({name for suite in SUITES.values() for name in suite})
    test, code, text, loaded = worker.submit(run_tests, copy.parent, suite).result()
    assert Path(loaded).parent == copy
    assert (test, code) == (None, 0), text
