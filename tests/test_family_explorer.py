"""FamilyExplorer: what the kernel answers, bad input, and the page that shows it."""

import numpy as np
import pytest
from scipy import stats

from aevb_lib.widgets.family_explorer import Family, FamilyExplorer
from tests.pages import frame, place, put_in_notebook

U = (np.arange(100) + 0.5) / 100
MANY = np.random.default_rng(0).random((100, 3))


def weibull(u, scale, shape):
    return scale * (-np.log1p(-u)) ** (1 / shape)


def families():
    return {
        "Weibull": Family(
            weibull, U, {"scale": (0.5, 3, 1.0), "shape": (0.8, 5, 1.5)},
            lambda z, scale, shape: stats.weibull_min.pdf(z, shape, scale=scale),
            noise="u ~ U(0, 1)", formula="z = scale (-log(1 - u))^(1/shape)"),
        "Gamma": Family(
            lambda u, rate: -np.log(u).sum(1) / rate, MANY, {"rate": (0.5, 3, 1.0)},
            lambda z, rate: stats.gamma.pdf(z, 3, scale=1 / rate), window=(0, 8)),
    }


def floats(value):
    return np.frombuffer(value, "<f8")


def test_the_kernel_answers_with_the_draws_and_the_density():
    explorer = FamilyExplorer(families())
    assert explorer.choice == {"family": "Weibull",
                               "values": {"scale": 1.0, "shape": 1.5}}
    explorer.pick("Weibull", scale=2.0)
    np.testing.assert_array_equal(floats(explorer.draws), weibull(U, 2.0, 1.5))
    z, density = floats(explorer.curve).reshape(2, -1)
    np.testing.assert_allclose(density, stats.weibull_min.pdf(z, 1.5, scale=2.0))
    assert explorer.answered == explorer.choice
    explorer.choice = {"family": "Gamma", "values": {"rate": 2.0}}
    np.testing.assert_allclose(floats(explorer.draws), -np.log(MANY).sum(1) / 2)


def test_torch_draws_and_a_pole_of_the_density_are_taken():
    import torch
    explorer = FamilyExplorer({"chi": Family(
        lambda u, scale: scale * torch.tensor(u, requires_grad=True), U,
        {"scale": (1, 2, 1)}, lambda z, scale: np.where(z < 1, np.inf, z))})
    np.testing.assert_array_equal(floats(explorer.draws), U)
    assert np.isfinite(floats(explorer.curve)).all()


def test_the_window_is_the_one_given_or_holds_nine_draws_of_ten():
    explorer = FamilyExplorer(families())
    assert explorer._meta["Gamma"]["window"] == [0, 8]
    low, high = explorer._meta["Weibull"]["window"]
    draws = np.concatenate([weibull(U, scale, shape)
                            for scale in (0.5, 3) for shape in (0.8, 5)])
    assert 0.9 <= ((low < draws) & (draws < high)).mean() <= 0.96


def test_repr_is_fixed():
    wanted = "FamilyExplorer: 2 distributions. Run this cell to drag."
    assert repr(FamilyExplorer(families())) == wanted


@pytest.mark.parametrize("bad, wanted", [
    ({}, "families: wanted"), (None, "families: wanted"),
    ({"a": weibull}, "a: wanted a Family, got function"),
    ({"a": Family(weibull, U, {"s": (1, 2, 3)}, None)}, "a, s: wanted low <= start"),
    ({"a": Family(lambda u, s: s / (u - U[0]), U, {"s": (1, 2, 1)}, None)},
     "a: wanted .100,. finite draws"),
    ({"a": Family(lambda u, s: u[:3], U, {"s": (1, 2, 1)}, None)}, "got shape .3,."),
])
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_bad_families(bad, wanted):
    with pytest.raises(ValueError, match=wanted):
        FamilyExplorer(bad)


@pytest.mark.parametrize("choice, wanted", [
    ({"family": "Beta", "values": {}}, "wanted one of .'Weibull', 'Gamma'."),
    ({"family": "Gamma", "values": {"scale": 1}}, "wanted .'rate'., got .'scale'."),
    ({"family": "Gamma", "values": {"rate": 9}}, "rate: wanted 0.5 to 3, got 9"),
    ({"family": "Gamma", "values": {"rate": float("nan")}}, "rate: wanted"),
    ({"family": "Gamma"}, "wanted family and values"),
])
def test_a_bad_choice_is_refused_and_loses_nothing(choice, wanted):
    explorer = FamilyExplorer(families())
    before = explorer.choice
    with pytest.raises(ValueError, match=wanted):
        explorer.choice = choice
    assert explorer.choice == before


def test_a_page_without_a_kernel_is_refused(tmp_path):
    with pytest.raises(ValueError, match="from the kernel"):
        FamilyExplorer(families()).save_html(tmp_path / "page.html")


# ----- the page, with a model that stands for the kernel's -----------------------


@pytest.fixture
def page(browser):
    faults = []
    context = browser.new_context(viewport={"width": 760, "height": 900})
    page = context.new_page()
    page.on("console", lambda said: faults.append(said.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.explorer = FamilyExplorer(families())
    put_in_notebook(page, page.explorer)
    yield page
    context.close()
    assert faults == []


def answer(page):
    """Be the kernel: take the page's choice, give it the answer."""
    page.wait_for_function("JSON.stringify(notebook.model.get('choice')) === "
                           "JSON.stringify(notebook.state.get('choice'))")
    page.explorer.choice = page.evaluate("notebook.model.get('choice')")
    page.evaluate("""([draws, curve, answered]) => { const { model } = notebook;
        model.set("draws", Float64Array.from(draws));
        model.set("curve", Float64Array.from(curve));
        model.set("answered", answered); }""", [
            floats(page.explorer.draws).tolist(), floats(page.explorer.curve).tolist(),
            page.explorer.answered])
    frame(page)


def shown(page):
    return np.array(page.evaluate("Array.from(notebook.state.draws())"))


def test_a_slider_moves_the_draws_and_not_their_noise(page):
    np.testing.assert_allclose(shown(page), weibull(U, 1.0, 1.5))
    slider = page.get_by_test_id("slider-scale").nth(0)
    slider.focus()
    page.keyboard.press("ArrowRight")
    answer(page)
    scale = page.explorer.choice["values"]["scale"]
    assert 1.0 < scale < 1.1
    np.testing.assert_allclose(shown(page), weibull(U, scale, 1.5))
    page.mouse.move(*place(page, slider, 0.5, 0.5))
    page.mouse.down()
    page.mouse.move(*place(page, slider, 0.9, 0.5), steps=5)
    page.mouse.up()
    answer(page)
    assert page.explorer.choice["values"]["scale"] > 2.5
    both = page.get_by_test_id("slider-scale")
    assert both.nth(0).input_value() == both.nth(1).input_value()


def test_the_bars_hold_the_draws_that_are_in_the_window(page):
    bars = page.evaluate("notebook.state.bars()")
    low, high = page.explorer._meta["Weibull"]["window"]
    assert low < 0 and abs(bars["low"]) <= (high - low) / 239     # where density starts
    edges = bars["low"] + bars["width"] * np.arange(len(bars["heights"]) + 1)
    assert edges[-1] == pytest.approx(high)
    counts, _ = np.histogram(shown(page), edges)
    np.testing.assert_allclose(np.array(bars["heights"]) * bars["width"], counts / 100)
    beyond = page.evaluate("notebook.state.beyond()")
    assert beyond == [(shown(page) < low).sum(), (shown(page) > high).sum()]


def test_another_distribution_brings_its_own_sliders(page):
    page.get_by_test_id("family").nth(0).select_option("Gamma")
    answer(page)
    np.testing.assert_allclose(shown(page), -np.log(MANY).sum(1))
    assert page.get_by_test_id("slider-rate").count() == 2          # two views
    assert page.get_by_test_id("slider-shape").count() == 0
    page.explorer.pick("Weibull", shape=2.0)                        # from the kernel
    page.evaluate("(choice) => notebook.model.set('choice', choice)",
                  page.explorer.choice)
    answer(page)
    assert page.get_by_test_id("slider-shape").nth(1).input_value() == "2"
    assert "(1/shape)" in page.get_by_test_id("formula").nth(0).text_content()


def test_the_page_says_that_it_waits_and_what_it_shows(page):
    page.get_by_test_id("slider-shape").nth(0).focus()
    page.keyboard.press("ArrowRight")
    status = page.get_by_test_id("status").nth(0)
    page.wait_for_function(
        "document.querySelector('[data-testid=status]').textContent !== ''")
    assert "Waiting for the kernel" in status.text_content()
    answer(page)
    assert status.text_content() == ""
    readout = page.get_by_test_id("readout").nth(0).text_content()
    assert f"median of the draws {np.median(shown(page)):.2f}" in readout
    page.wait_for_function(
        "document.querySelector('[data-testid=live]').textContent.includes('Weibull')")
