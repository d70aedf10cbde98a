"""GradientExplorer: its traits, and its page against sgvb and autograd."""

import numpy as np
import pytest
import torch

from aevb_lib.densities import log_normal
from aevb_lib.sgvb import reparameterize, score_function_surrogate
from aevb_lib.widgets import GradientExplorer
from tests.pages import frame, place, put_in_notebook, sync_api

F = {"square": 0.7, "linear": -0.4, "sine": 1.3, "constant": 2.0}
STATE = "document.querySelector('[data-testid=gradient-explorer]').state"

# ----- Python --------------------------------------------------------------------


def test_first_state():
    explorer = GradientExplorer()
    assert (explorer.mu, explorer.sigma, explorer.dimension) == (1, 0.5, 1)
    assert (explorer.baseline, explorer.parameter) == ("none", "mu")
    assert (explorer.n_draws, explorer.playing) == (100, False)
    assert explorer.noise.shape == (2000, 50)
    same = np.random.default_rng(0).standard_normal((2000, 50))
    assert abs(explorer.noise - same).max() < 1e-6


def test_the_first_state_may_be_chosen():
    explorer = GradientExplorer(sine=1, dimension=10, baseline="mean", n_draws=2000)
    assert (explorer.dimension, explorer.baseline) == (10, "mean")
    assert explorer.n_draws == 2000


@pytest.mark.parametrize("f, words", [
    ((1,), "z²"), ((-2, 1, 0, 0), "− 2 z² + z"), ((0, 0, -1, 3), "− sin z"),
    ((0.5, -1, 2, 0), "0.5 z² − z + 2 sin z")])
def test_repr_is_fixed(f, words):
    wanted = f"GradientExplorer: f(z) is the sum of {words}. Run this cell to drag."
    assert repr(GradientExplorer(*f)) == wanted


@pytest.mark.parametrize("f, words", [
    ({"square": 0}, "wanted square, linear or sine other than 0"),
    ({"square": 0, "constant": 3}, "wanted square, linear or sine other than 0"),
    ({"linear": float("nan")}, "linear: wanted a finite number"),
    ({"sine": "much"}, "sine: wanted a number, got 'much'"),
    ({"constant": None}, "constant: wanted a number"),
    ({"cosine": 1}, "wanted keywords mu, .*, got cosine"),
    ({"dimension": 3}, "dimension: wanted one of 1, 2, 5, 10, 20, 50, got 3"),
])
def test_bad_input_is_named(f, words):
    with pytest.raises(ValueError, match=words):
        GradientExplorer(**f)


@pytest.mark.parametrize("name, value", [
    ("mu", 2.1), ("mu", float("nan")), ("sigma", 0.0), ("sigma", -1.0), ("sigma", 1.6),
    ("dimension", 0), ("dimension", 49), ("baseline", "E[f]"), ("parameter", "sigma"),
    ("n_draws", 1), ("n_draws", 2001)])
def test_a_bad_trait_is_named_and_not_kept(name, value):
    explorer = GradientExplorer()
    before = getattr(explorer, name)
    with pytest.raises(ValueError, match=f"{name}: wanted"):
        setattr(explorer, name, value)
    assert getattr(explorer, name) == before


# ----- the page's numbers --------------------------------------------------------


def f_of(z):
    """f summed over the last axis, (L, 1, J) -> (L, 1)."""
    a, b, c, constant = F.values()
    return (a * z**2 + b * z + c * z.sin()).sum(-1) + constant


def mean_of_f(mu, log_var):
    """E[f] under N(mu, sigma^2), by quadrature in each latent: no formula of ours."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    eps = torch.tensor(nodes)[:, None]
    z = mu + (0.5 * log_var).exp() * eps
    a, b, c, constant = F.values()
    each = a * z**2 + b * z + c * z.sin()
    return (torch.tensor(weights / np.sqrt(2 * np.pi)) @ each).sum() + constant


def reference(explorer):
    """Exact gradient, and both estimates of every draw, by autograd in float64."""
    J, which = explorer.dimension, ("mu", "log_var").index(explorer.parameter)
    eps = torch.tensor(explorer.noise[:, None, :J])
    log_var = 2 * np.log(explorer.sigma)
    q = [torch.full((J,), value, dtype=torch.float64, requires_grad=True)
         for value in (explorer.mu, log_var)]
    mean = mean_of_f(*q)
    exact = torch.autograd.grad(mean, q)[which][0].item()
    # One row a draw: its gradient is the estimate of that draw alone.
    rows = [value.detach().expand(2000, J).clone().requires_grad_() for value in q]
    z = reparameterize(*rows, eps[:, 0][None])
    pathwise = torch.autograd.grad(f_of(z).sum(), rows)[which][:, 0]
    z = z.detach()
    baseline = {"none": 0.0, "mean": mean.item()}.get(explorer.baseline)
    if baseline is None:  # the constant of least variance, by quadrature
        baseline = best_constant(explorer, mean.item())
    surrogate = score_function_surrogate(log_normal(z, *rows), f_of(z), baseline)
    score = torch.autograd.grad(surrogate.sum(), rows)[which][:, 0]
    return exact, mean.item(), pathwise.numpy(), score.numpy()


def best_constant(explorer, mean):
    """E[f s^2] / E[s^2] with s the score; only z_1 hangs together with it."""
    eps, weights = np.polynomial.hermite_e.hermegauss(80)
    s = eps if explorer.parameter == "mu" else eps**2 - 1
    z = explorer.mu + explorer.sigma * eps
    one = F["square"] * z**2 + F["linear"] * z + F["sine"] * np.sin(z)
    weights = weights / weights.sum()
    others = mean - weights @ one
    return (weights @ ((one + others) * s**2)) / (weights @ s**2)


def close(got, want, atol=1e-6):
    scale = max(1, np.max(np.abs(want)))
    return np.max(np.abs(np.subtract(got, want))) <= atol * scale


@pytest.mark.parametrize("J, baseline, parameter", [
    (1, "none", "mu"), (2, "best", "mu"), (10, "mean", "mu"), (50, "none", "mu"),
    (1, "mean", "log_var"), (5, "best", "log_var"), (20, "none", "log_var")])
def test_the_page_estimates_as_the_library(open_page, J, baseline, parameter):
    explorer = GradientExplorer(**F, mu=-0.6, sigma=0.8, dimension=J, baseline=baseline,
                                parameter=parameter, n_draws=700)
    page = open_page(explorer)
    got = page.evaluate(f"""() => {{ const both = {STATE}.estimates();
        const values = [[...both.pathwise], [...both.score]];
        return {{ ...{STATE}.summary(), both: values }} }}""")
    exact, mean, *both = reference(explorer)
    assert close(got["gradient"], exact, 1e-10) and close(got["mean"], mean, 1e-10)
    assert close(got["both"], both)
    for name, values in zip(("pathwise", "score"), both, strict=True):
        first = values[:700]
        assert close(got[name]["mean"], first.mean())
        assert close(got[name]["variance"], first.var(ddof=1))
        assert close(got[name]["error"], first.std(ddof=1) / np.sqrt(700))


def test_a_baseline_and_the_dimension_do_what_the_lesson_says(open_page):
    """d E[f]/d mu_1 of sum_j z_j^2 at mu = 1, sigma = 1/2: variance 1 pathwise; by the
    score function it grows with J^2, and with b = E[f] only with J."""
    page = open_page(GradientExplorer(n_draws=2000))
    variance = {}
    for J in ("5", "50"):
        for baseline in ("none", "mean", "best"):
            page.get_by_test_id("dimension").select_option(J)
            page.get_by_test_id("baseline").select_option(baseline)
            frame(page)
            got = page.evaluate(f"{STATE}.summary()")
            assert abs(got["pathwise"]["variance"] - 1) < 0.15
            variance[J, baseline] = got["score"]["variance"]
    assert 60 < variance["50", "none"] / variance["5", "none"] < 110
    assert 4 < variance["50", "mean"] / variance["5", "mean"] < 16
    for J in ("5", "50"):
        assert variance[J, "best"] <= variance[J, "mean"] < variance[J, "none"] / 3


def test_the_histograms_count_every_draw(open_page):
    explorer = GradientExplorer(**F, dimension=10, n_draws=1500)
    page = open_page(explorer)
    (low, high), *bars = page.evaluate(f"""() => {{
        const [{{ histograms: one }}] = {STATE}.views;
        return [one.chart.x, one.counts("pathwise"), one.counts("score")] }}""")
    exact, _, *both = reference(explorer)
    assert np.isclose((low + high) / 2, exact)
    for values, bar in zip(both, bars, strict=True):
        first = values[:1500]
        want = np.histogram(first, 41, (low, high))[0]
        counts = bar["counts"]
        assert abs(np.subtract(counts, want)).sum() <= 2  # at a bin's edge, to rounding
        assert bar["below"] + bar["above"] + sum(counts) == 1500
        assert bar["below"] == (first < low).sum()
        assert np.mean((values >= low) & (values < high)) >= 0.98


def test_the_table_says_it_with_as_many_digits_as_are_known(open_page):
    page = open_page(GradientExplorer())
    got = page.evaluate(f"{STATE}.summary()")
    words = page.get_by_test_id("pathwise-mean").inner_text()
    assert words == f"{got['pathwise']['mean']:.3f} ± {got['pathwise']['error']:.3f}"
    words = page.get_by_test_id("score-variance").inner_text()
    assert words == f"{got['score']['variance']:.3g}"
    ratio = got["score"]["variance"] / got["pathwise"]["variance"]
    assert f"{ratio:.3g} times" in page.get_by_test_id("ratio").inner_text()
    assert page.get_by_test_id("readout").inner_text() == (
        "100 draws. Exact: ∂E[f]/∂μ₁ = 2, E[f] = 1.25.")


def test_where_the_score_function_wins_it_is_said(open_page):
    page = open_page(GradientExplorer(0, sine=2, mu=0.2, sigma=1.2, baseline="mean"))
    assert "the score function wins" in page.get_by_test_id("ratio").inner_text()


def test_a_line_has_no_pathwise_variance(open_page):
    page = open_page(GradientExplorer(0, linear=3, dimension=5))
    assert page.get_by_test_id("pathwise-mean").inner_text() == "3.00 ± 0"
    assert page.get_by_test_id("pathwise-variance").inner_text() == "0"
    assert "no variance" in page.get_by_test_id("ratio").inner_text()


# ----- drag, keys, controls ------------------------------------------------------


def get(page, *names):
    return [page.evaluate(f"{STATE}.get('{name}')") for name in names]


def test_a_drag_moves_q(open_page):
    page = open_page(GradientExplorer())
    x, y = place(page, "draws", 0.5, 0.7)
    scale = page.evaluate(f"[...{STATE}.views][0].draws.scale")
    page.mouse.move(x, y)
    page.mouse.down()
    assert get(page, "mu", "sigma") == [1, 0.5]  # a press alone moves nothing
    page.mouse.move(x - 50, y - 36, steps=4)
    page.mouse.up()
    page.mouse.move(x, y)
    assert np.allclose(get(page, "mu", "sigma"), [1 - 50 * scale, 0.8], atol=1e-3)
    page.mouse.down()
    page.mouse.move(x + 400, y + 300, steps=4)
    page.mouse.up()
    assert get(page, "mu", "sigma") == [2, 0.1]


def test_keys_move_q(open_page):
    page = open_page(GradientExplorer())
    page.get_by_test_id("draws").focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowUp", "Shift+ArrowLeft"):
        page.keyboard.press(key)
    assert np.allclose(get(page, "mu", "sigma"), [0.7, 0.55])
    page.keyboard.press("Shift+ArrowDown")
    assert np.allclose(get(page, "sigma"), 0.3)
    page.keyboard.press("Home")
    assert get(page, "mu", "sigma") == [1, 0.5]
    page.keyboard.press("Space")
    assert get(page, "playing") == [True]
    page.keyboard.press("Space")
    assert get(page, "playing") == [False]


def test_sliders_and_buttons(open_page):
    page = open_page(GradientExplorer())
    for name, value in {"mu": -1.5, "sigma": 1.1, "n_draws": 321}.items():
        page.get_by_test_id(name).fill(str(value))
        assert get(page, name) == [value]
    page.get_by_test_id("all").click()
    assert get(page, "n_draws") == [2000]
    page.get_by_test_id("again").click()
    assert get(page, "n_draws") == [2]
    page.get_by_test_id("parameter").select_option("log_var")
    frame(page)
    assert "∂log σ₁²" in page.get_by_test_id("readout").inner_text()


def test_play_adds_draws_and_stops_at_the_end(open_page):
    page = open_page(GradientExplorer(n_draws=900))
    button = page.get_by_test_id("play")
    button.click()
    sync_api.expect(button).to_contain_text("Pause")
    page.wait_for_function(f"{STATE}.get('n_draws') === 2000")
    frame(page)
    assert get(page, "playing") == [False] and "Play" in button.inner_text()
    button.click()  # from the start again
    frame(page, 10)
    assert 2 <= get(page, "n_draws")[0] < 1000
    button.click()
    here = get(page, "n_draws")
    frame(page, 5)
    assert get(page, "n_draws") == here


def test_play_jumps_for_those_who_ask_for_rest(open_page):
    page = open_page(GradientExplorer(n_draws=20), reduced_motion="reduce")
    page.get_by_test_id("play").click()
    frame(page, 5)
    assert get(page, "n_draws") == [20]
    page.wait_for_function(f"{STATE}.get('n_draws') !== 20")
    assert get(page, "n_draws") == [30]


def test_the_state_is_said(open_page):
    page = open_page(GradientExplorer(mu=-0.5))
    page.get_by_test_id("draws").focus()
    page.keyboard.press("ArrowRight")
    live = sync_api.expect(page.get_by_test_id("live"))
    live.to_contain_text("mu minus 0.4, sigma 0.5, latents 1, draws 100")
    live.to_contain_text("plus or minus")


# ----- in a notebook -------------------------------------------------------------


def test_two_views_share_a_state_and_the_kernel_moves_both(browser):
    page = browser.new_page()
    put_in_notebook(page, GradientExplorer())
    page.get_by_test_id("mu").first.fill("0.25")
    page.wait_for_function("notebook.model.values.mu === 0.25")
    frame(page)
    assert page.get_by_test_id("mu").last.input_value() == "0.25"
    page.evaluate("notebook.model.set('n_draws', 1234)")
    frame(page)
    for words in page.get_by_test_id("readout").all_inner_texts():
        assert words.startswith("1,234 draws.")
    page.evaluate("notebook.model.dead = true; notebook.state.move('mu', 1)")
    frame(page)
    assert "= 2," in page.get_by_test_id("readout").first.inner_text()
    page.evaluate("notebook.cleanups.reverse().forEach((cleanup) => cleanup())")
    assert page.evaluate("notebook.model.handlers()") == 0
    page.close()
