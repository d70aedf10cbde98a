"""EvidenceExplorer: p(x) and p(z|x) against closed forms, here and in a browser."""

import numpy as np
import pytest

from aevb_lib.exact import LinearGaussian
from aevb_lib.widgets import EvidenceExplorer
from tests.pages import frame, put_in_notebook, sync_api

ROOT = "document.querySelector('[data-testid=evidence-explorer]')"
MODEL = LinearGaussian([[1.3]], [0.2], 0.4)
Z, X = np.linspace(-9, 9, 361), np.linspace(-7, 8, 151)
LOG_JOINT = (MODEL.log_p_x_given_z(X[:, None], Z[:, None, None])
             - 0.5 * (Z[:, None] ** 2 + np.log(2 * np.pi))).T              # (n_x, n_z)


def explorer(**options):
    return EvidenceExplorer(Z, X, LOG_JOINT, **options)


def exact(x):
    """x, p(x), log p(x), mean and deviation of p(z|x)."""
    log_p = MODEL.log_evidence(np.array([[x]]))[0]
    mean, cov = MODEL.posterior(np.array([[x]]))
    return np.array([x, np.exp(log_p), log_p, mean[0, 0], np.sqrt(cov[0, 0])])


def answer(page):
    """The page's five numbers, as `exact` has them."""
    return np.array(page.evaluate(f"""() => {{ const a = {ROOT}.state.answer();
        return [a.x, a.evidence, a.logEvidence, a.mean, a.sd] }}"""))


def height(page, x):
    """Where x lies on the joint's picture, [across, down] on the page."""
    y = page.evaluate(f"(x) => [...{ROOT}.state.views][0].over.py(x)", x)
    box = page.get_by_test_id("joint").bounding_box()
    return box["x"] + 0.6 * box["width"], box["y"] + y


def opaque(page, testid, canvas, x, y):
    """How opaque a spot of a chart's canvas is; x, y in its own units."""
    return page.evaluate(f"""([testid, canvas, x, y]) => {{
        const [view] = {ROOT}.state.views;
        const {{ over: joint, side: evidence, cut }} = view;
        const chart = {{ joint, evidence, cut }}[testid];
        const from = chart.box.querySelectorAll("canvas")[canvas];
        const pen = new OffscreenCanvas(3, 3).getContext("2d");
        pen.drawImage(from, 1 - Math.round(chart.px(x)), 1 - Math.round(chart.py(y)));
        const {{ data }} = pen.getImageData(0, 0, 3, 3);
        return Math.max(...data.filter((_, k) => k % 4 === 3)) }}""",
        [testid, canvas, float(x), float(y)])


@pytest.mark.parametrize("x", [-7, -1.2, 0.2, 3.3, 8])
def test_python_agrees_with_the_exact_answers(x):
    one = explorer(x_value=x)
    assert abs(np.array(one.answer()) - exact(one.x_value)).max() < 1e-10


def test_the_page_agrees_with_the_exact_answers(open_page):
    page = open_page(explorer())
    for row in (0, 40, 77, 120, 150):
        page.evaluate(f"(row) => {ROOT}.state.moveTo(row)", row)
        frame(page)
        got = answer(page)
        assert abs(got[0] - X[row]) < 1e-12
        assert abs(got - exact(got[0])).max() < 1e-10
        words = page.get_by_test_id("readout").inner_text().replace("\u2212", "-")
        assert all(f"{value:.3f}" in words for value in got[2:])
        if got[1] > 1e-3:
            assert f"{got[1]:.4f}" in words


def test_the_prior_and_the_posterior_are_densities(open_page):
    page = open_page(explorer())
    prior, posterior = np.array(page.evaluate(f"""() => {{ const {{ state }} = {ROOT};
        return [state.prior, state.answer().posterior].map((all) => [...all]) }}"""))
    assert abs(prior - np.exp(-0.5 * Z**2) / np.sqrt(2 * np.pi)).max() < 1e-6
    assert abs(posterior.sum() * (Z[1] - Z[0]) - 1) < 1e-12
    few = EvidenceExplorer(Z, X[60:90], LOG_JOINT[60:90])        # not all of p(x)
    assert open_page(few).evaluate(f"{ROOT}.state.prior") is None


def test_the_line_the_dot_and_the_curve_are_where_x_is(open_page):
    page = open_page(explorer(x_value=2.0))
    x, p_x, _, mean, sd = answer(page)
    assert opaque(page, "joint", 1, -2, x) > 100            # the line
    assert opaque(page, "joint", 1, -2, x - 0.7) == 0
    assert opaque(page, "evidence", 0, p_x, x) > 200        # the dot
    peak = 1 / (sd * np.sqrt(2 * np.pi))
    assert opaque(page, "cut", 0, mean, peak) > 150         # the posterior's top
    assert opaque(page, "cut", 0, mean, 1.08 * peak) == 0


def test_the_line_is_dragged(open_page):
    page = open_page(explorer())
    page.mouse.move(*height(page, 0))
    page.mouse.down()
    for x in (1.0, 4.1, -2.3):
        page.mouse.move(*height(page, x), steps=3)
        frame(page)
        got = answer(page)
        assert abs(got[0] - x) <= 0.06                       # half a row, half a pixel
        assert abs(got - exact(got[0])).max() < 1e-10
    page.mouse.move(*height(page, 20))
    assert answer(page)[0] == X[-1]
    page.mouse.up()
    page.mouse.move(*height(page, 0))
    assert answer(page)[0] == X[-1]


def test_keys_and_the_slider_move_x(open_page):
    page = open_page(explorer())
    start, box = answer(page)[0], page.get_by_test_id("joint")
    box.focus()
    for key, steps in (("ArrowUp", 1), ("ArrowDown", -1), ("Shift+ArrowDown", -10),
                       ("PageUp", 10), ("ArrowRight", 1)):
        before = answer(page)[0]
        page.keyboard.press(key)
        assert abs(answer(page)[0] - before - 0.1 * steps) < 1e-9
    frame(page)
    assert abs(float(box.get_attribute("aria-valuenow")) - answer(page)[0]) < 1e-9
    assert "Posterior mean" in box.get_attribute("aria-valuetext")
    page.keyboard.press("Home")
    assert answer(page)[0] == start
    page.get_by_test_id("x").fill("20")
    assert abs(answer(page)[0] - X[20]) < 1e-9
    words = f"log p(x) minus {-exact(X[20])[2]:.3f}"
    sync_api.expect(page.get_by_test_id("live")).to_contain_text(words)


def test_kernel_and_page_set_x(open_page):
    page = open_page(explorer())
    put_in_notebook(page, explorer())
    page.evaluate("notebook.model.set('x_value', 1.0)")
    frame(page)
    assert abs(answer(page) - exact(1.0)).max() < 1e-9
    page.evaluate("notebook.state.moveTo(60)")
    page.wait_for_function("notebook.model.saves === 1")
    assert abs(page.evaluate("notebook.model.get('x_value')") - X[60]) < 1e-9
    page.evaluate("notebook.cleanups.forEach((end) => end())")
    assert page.evaluate("notebook.model.handlers()") == 0


def test_a_frame_is_drawn_in_time(open_page):
    page = open_page(explorer())
    times = page.evaluate(f"""() => {{ const {{ state }} = {ROOT};
        const [view] = state.views;
        return Array.from({{ length: 40 }}, (_, k) => {{
            state.moveTo(60 + k);
            const began = performance.now();
            view.draw(new Set(["x_value"]), 0);
            return performance.now() - began }}) }}""")
    assert np.median(times) < 8, times


def test_x_goes_to_the_nearest_row():
    one = explorer(x_value=0.23)
    assert abs(one.x_value - 0.2) < 1e-12
    one.x_value = 0.27
    assert abs(one.x_value - 0.3) < 1e-12
    assert repr(one) == ("EvidenceExplorer: 151 x 361 points of x and z. "
                         "Run this cell to drag.")
    with pytest.raises(ValueError, match="x_value: wanted -7 to 8, the grid of x"):
        one.x_value = 9.0
    assert abs(one.x_value - 0.3) < 1e-12


BAD = {
    "turned": (Z, X, LOG_JOINT.T, r"log_joint: wanted shape \(151, 361\), got \(361, "),
    "x descends": (Z, X[::-1], LOG_JOINT, "x: wanted an ascending, equidistant grid"),
    "z uneven": (Z**3, X, LOG_JOINT, "z: wanted an ascending, equidistant grid"),
    "few": (Z, X[:4], LOG_JOINT[:4], "x: .* 9 points or more"),
    "NaN": (Z, X, LOG_JOINT * np.nan, "log_joint: wanted finite logarithms"),
    "cut off": (Z[120:], X, LOG_JOINT[:, 120:], "holds the posterior of each x"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_named(name):
    z, x, log_joint, words = BAD[name]
    with pytest.raises(ValueError, match=words):
        EvidenceExplorer(z, x, log_joint)
