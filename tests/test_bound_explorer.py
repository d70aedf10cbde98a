"""BoundExplorer: its numbers against exact ones, in Python and in a browser."""

import numpy as np
import pytest

from aevb_lib.exact import LinearGaussian, kl_gaussians
from aevb_lib.widgets import BoundExplorer
from tests.pages import frame, place, put_in_notebook, sync_api

LOG_2PI = np.log(2 * np.pi)
ROOT = "document.querySelector('[data-testid=bound-explorer]')"


def log_joint_of(model, x, axes):
    """log p(x, z) of one x (1, D) on a grid of z."""
    z = np.stack(np.meshgrid(*axes, indexing="ij"), -1)[..., None, :]
    log_prior = -0.5 * (z[..., 0, :] ** 2 + LOG_2PI).sum(-1)
    return model.log_p_x_given_z(x, z)[..., 0] + log_prior


class Case:
    """A linear Gaussian model whose every answer is known, and its explorer."""

    def __init__(self, W, x, reach, n):
        D, self.J = np.shape(W)
        self.model = LinearGaussian(W, np.linspace(-0.2, 0.3, D), 0.45)
        self.x = np.reshape(x, (1, D))
        self.mean, self.cov = self.model.posterior(self.x)
        self.spread = np.sqrt(np.diag(self.cov))
        self.axes = [m + reach * s * np.linspace(-1, 1, n)
                     for m, s in zip(self.mean[0], self.spread, strict=True)]
        self.log_joint = log_joint_of(self.model, self.x, self.axes)
        self.z = self.axes[0] if self.J == 1 else tuple(self.axes)

    def explorer(self, **options):
        return BoundExplorer(self.z, self.log_joint, **options)

    def exact(self, mu, sigma):
        """log p(x), the bound, KL to the posterior, E[log p(x|z)], KL to the prior."""
        mu, cov = np.reshape(mu, (1, -1)), np.diag(np.square(sigma))
        prior = kl_gaussians(mu, cov, np.zeros(self.J), np.eye(self.J))[0]
        bound = self.model.bound(self.x, mu, cov)[0]
        posterior = kl_gaussians(mu, cov, self.mean, self.cov)[0]
        log_p = self.model.log_evidence(self.x)[0]
        return np.array([log_p, bound, posterior, bound + prior, prior])

    def place(self, far, wide):
        """(mu, sigma): `far` posterior deviations from its mean, `wide` of them."""
        mu = self.mean[0] + np.multiply(far, self.spread)
        return mu.tolist(), np.multiply(wide, self.spread).tolist()


W = [[1.1, 0.6], [0.3, 0.9], [0.5, 0.7], [0.2, -0.1], [0.8, 0.4]]
CASES = {1: Case([[1.3]], [1.4], 14, 901),
         2: Case(W, [1, 0.3, -0.4, 0.8, 1.2], 10, 241)}
PLACES = {1: [(0, 1), (-2, 0.5), (3.5, 1.6), (1, 0.06)],
          2: [((0, 0), (1, 1)), ((-2, 3), (0.5, 0.9)), ((1, 1), (0.12, 1.2))]}
ALL = [(J, *where) for J, places in PLACES.items() for where in places]


def numbers(page):
    """The page's five numbers as `Case.exact` has them, and eq. 1's residual."""
    names = ["logEvidence", "bound", "klPosterior", "reconstruction", "klPrior"]
    got = page.evaluate(f"(names) => names.map((name) => {ROOT}.state.numbers()[name])",
                        [*names, "residual"])
    return np.array(got[:5]), got[5]


def q_of(page):
    """mu and sigma in the page, (2, J)."""
    return np.array(page.evaluate(f"['mu', 'sigma'].map((n) => {ROOT}.state.get(n))"))


def put(page, mu, sigma):
    page.evaluate(f"([mu, sigma]) => {ROOT}.state.set(mu, sigma)", [mu, sigma])
    frame(page)


def spot(page, z, up=None):
    """Where a point of the chart lies on the page; `up` in pixels for one latent."""
    x, y = page.evaluate(f"""([z, up]) => {{ const [view] = {ROOT}.state.views;
        return [view.chart.px(z[0]), up ?? view.chart.py(z[1])] }}""", [list(z), up])
    box = page.get_by_test_id("plane").bounding_box()
    return box["x"] + x, box["y"] + y


def drag(page, start, end):
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=5)
    page.mouse.up()
    frame(page)


def handle(page, j, side=1):
    """Where a handle of sigma_j lies on the page."""
    x, y = page.evaluate(f"""([j, side]) => {{ const [view] = {ROOT}.state.views;
        const one = view.handles().find((h) => h.j === j && h.side === side);
        return [one.x, one.y] }}""", [j, side])
    box = page.get_by_test_id("plane").bounding_box()
    return np.array([box["x"] + x, box["y"] + y])


def marks(page):
    """Heights of log p(x) and the bound on the bar, in pixels; whether it is broken."""
    data = page.get_by_test_id("bar").evaluate("(bar) => ({ ...bar.dataset })")
    return float(data["top"]), float(data["bound"]), data["broken"] == "true"


# ----- the numbers ---------------------------------------------------------------


@pytest.mark.parametrize("J, far, wide", ALL)
def test_python_agrees_with_the_exact_answers(J, far, wide):
    case = CASES[J]
    explorer = case.explorer()
    explorer.move(*case.place(far, wide))
    want = case.exact(explorer.mu, explorer.sigma)
    assert abs(np.array(explorer.split()) - want).max() < 1e-8
    assert explorer.bound() == explorer.split().bound


@pytest.mark.parametrize("J", CASES)
def test_the_page_agrees_with_the_exact_answers(open_page, J):
    case, page = CASES[J], open_page(CASES[J].explorer())
    for where in PLACES[J]:
        put(page, *case.place(*where))
        got, residual = numbers(page)
        assert abs(got - case.exact(*q_of(page))).max() < 1e-8
        assert abs(residual) < 1e-12                 # bound + KL, each its own sum
        shown = page.get_by_test_id("readout").inner_text().replace("\u2212", "-")
        assert all(f"{value:.3f}" in shown for value in got)


@pytest.mark.parametrize("J", CASES)
def test_the_finest_and_the_widest_q_are_summed_right(open_page, J):
    case = CASES[J]
    page, grid = open_page(case.explorer()), case.explorer()._grid
    put(page, (case.mean[0] + 0.37 * grid.step).tolist(), grid.finest.tolist())
    assert abs(numbers(page)[0] - case.exact(*q_of(page))).max() < 1e-8
    put(page, case.mean[0].tolist(), grid.widest.tolist())
    got, residual = numbers(page)
    assert abs(got - case.exact(*q_of(page))).max() < 1e-6    # its tails reach outside
    assert abs(residual) < 1e-12


def test_a_posterior_with_two_modes():
    z = np.linspace(-6, 6, 1201)
    tops = [np.log(w) - 0.5 * ((z - m) / 0.25) ** 2
            for w, m in ((0.4, -1.5), (0.6, 1.6))]
    explorer = BoundExplorer(z, np.logaddexp(*tops) - 3)
    log_p = np.log(0.25 * np.sqrt(2 * np.pi)) - 3
    assert abs(explorer.split().log_evidence - log_p) < 1e-9
    assert abs(explorer.best["mu"][0] - 1.6) < 1e-6
    assert abs(explorer.best["sigma"][0] - 0.25) < 1e-6


@pytest.mark.parametrize("J", CASES)
def test_the_best_q_is_the_best_diagonal(J):
    case = CASES[J]
    best = case.explorer().best
    mu, var = case.model.best_diagonal(case.x)
    assert abs(np.array(best["mu"]) - mu[0]).max() < 1e-8
    assert abs(np.square(best["sigma"]) - var).max() < 1e-8
    assert abs(case.exact(**best)[2] - case.model.gap()) < 1e-12


def test_a_trained_decoder_against_its_grid_posterior(open_page):
    torch = pytest.importorskip("torch")
    from aevb_lib import data, pretrained
    from aevb_lib.exact import BernoulliMLP
    layers = pretrained(2).decoder.layers()
    model = BernoulliMLP(*(np.asarray(part, float) for layer in layers
                           for part in layer[:2]))
    x = np.asarray(data.load_mnist("small").x_test[3], float)
    exact = model.posterior(x)
    spread = np.sqrt(np.diag(exact.cov()))
    axes = [m + 9 * s * np.linspace(-1, 1, 121)
            for m, s in zip(exact.mean(), spread, strict=True)]
    z = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2)
    log_joint = model.log_p_x_given_z(x, z) - LOG_2PI - 0.5 * (z**2).sum(-1)
    explorer = BoundExplorer(axes, log_joint.reshape(121, 121))
    page = open_page(explorer)
    got, residual = numbers(page)
    assert abs(got[0] - exact.log_evidence) < 1e-6 and abs(residual) < 1e-11
    assert abs(got - explorer.split()).max() < 1e-10
    assert 0 < explorer._grid.split(**explorer.best).kl_posterior < 0.5
    assert torch


# ----- hand, keys, sliders, buttons ----------------------------------------------


@pytest.mark.parametrize("J", CASES)
def test_q_and_its_handles_are_dragged(open_page, J):
    case, page = CASES[J], open_page(CASES[J].explorer())
    top = marks(page)[0]
    mu, sigma = case.place([1.5] * J, [1] * J)
    up = 60 if J == 1 else None
    drag(page, spot(page, q_of(page)[0], up), spot(page, mu, up))
    assert abs(q_of(page)[0] - mu).max() < 0.02
    for j in range(J):
        before = q_of(page)
        way = np.array([30, 0]) if j == 0 else np.array([0, -30])
        drag(page, handle(page, j), handle(page, j) + way)
        after = q_of(page)
        assert after[1, j] > 1.2 * before[1, j]
        assert np.allclose(np.delete(after, J + j), np.delete(before, J + j))
    got, residual = numbers(page)
    assert abs(got - case.exact(*q_of(page))).max() < 1e-7 and abs(residual) < 1e-12
    assert marks(page)[0] == top


def test_a_press_far_from_q_brings_it_there(open_page):
    case, page = CASES[2], open_page(CASES[2].explorer())
    mu = case.place((-3, 3), 1)[0]
    page.mouse.click(*spot(page, mu))
    assert abs(q_of(page)[0] - mu).max() < 0.02


def test_touch_drags_and_the_page_stays(open_page):
    page = open_page(CASES[2].explorer(), has_touch=True,
                     viewport={"width": 360, "height": 640})
    client = page.context.new_cdp_session(page)
    start, end = spot(page, q_of(page)[0]), spot(page, CASES[2].mean[0])
    for kind, part in (("touchStart", 0), ("touchMove", 0.5), ("touchMove", 1)):
        x, y = np.add(start, part * np.subtract(end, start))
        client.send("Input.dispatchTouchEvent",
                    {"type": kind, "touchPoints": [{"x": x, "y": y}]})
    client.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    frame(page)
    assert abs(q_of(page)[0] - CASES[2].mean[0]).max() < 0.05
    assert page.evaluate("scrollY") == 0


def test_keys_move_q(open_page):
    page = open_page(CASES[1].explorer())
    page.get_by_test_id("plane").focus()
    start = q_of(page)
    page.keyboard.press("ArrowRight")
    step = q_of(page)[0] - start[0]
    assert step > 0
    page.keyboard.press("Shift+ArrowLeft")
    assert np.allclose(q_of(page)[0], start[0] - 4 * step)
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Shift+ArrowDown")
    assert np.allclose(q_of(page)[1], start[1] * 1.05 / 1.25)
    got, residual = numbers(page)
    assert abs(got - CASES[1].exact(*q_of(page))).max() < 1e-8
    page.emulate_media(reduced_motion="reduce")
    page.keyboard.press("Home")
    assert np.allclose(q_of(page), start)
    page.keyboard.press("End")
    assert abs(numbers(page)[0][2]) < 1e-12           # one latent: q is the posterior


def test_arrow_keys_move_both_latents(open_page):
    page = open_page(CASES[2].explorer())
    page.get_by_test_id("plane").focus()
    start = q_of(page)
    for key in ("ArrowLeft", "ArrowUp"):
        page.keyboard.press(key)
    change = q_of(page) - start
    assert change[0, 0] < 0 < change[0, 1] and (change[1] == 0).all()


@pytest.mark.parametrize("J", CASES)
def test_sliders_move_q(open_page, J):
    page = open_page(CASES[J].explorer())
    for j in range(J):
        for k, name in enumerate(("mu", "sigma")):
            before, slider = q_of(page), page.get_by_test_id(f"{name}-{j}")
            slider.focus()
            page.keyboard.press("ArrowRight")
            frame(page)
            after = q_of(page)
            assert after[k, j] > before[k, j]
            assert (after != before).sum() == 1
            words = slider.get_attribute("aria-valuetext")
            assert abs(float(words.replace("minus ", "-")) - after[k, j]) < 0.006


@pytest.mark.parametrize("J", CASES)
def test_best_q_glides_and_start_comes_back(open_page, J):
    case, page = CASES[J], open_page(CASES[J].explorer())
    start = q_of(page)
    page.get_by_test_id("best").click()
    page.wait_for_function(f"""(best) => {{ const {{ state }} = {ROOT};
        return Math.abs(state.get("mu")[0] - best) < 1e-12 }}""",
        arg=case.explorer().best["mu"][0], timeout=5000)
    assert abs(numbers(page)[0][2] - case.model.gap()) < 1e-9
    page.emulate_media(reduced_motion="reduce")
    page.get_by_test_id("start").click()                     # at once
    assert np.allclose(q_of(page), start)


def test_a_glide_passes_between_and_a_hand_stops_it(open_page):
    page = open_page(CASES[1].explorer())
    path = page.evaluate(f"""async () => {{ const {{ state }} = {ROOT};
        state.glide(state.get("best"));
        const path = [];
        while (state.get("mu")[0] !== state.get("best").mu[0]) {{
            await new Promise(requestAnimationFrame);
            path.push(state.numbers().bound);
        }}
        state.glide(state.start);
        await new Promise(requestAnimationFrame);
        state.moveMu(0, 0.1);
        for (let k = 0; k < 40; k++) await new Promise(requestAnimationFrame);
        return [path, state.get("mu")[0]] }}""")
    assert len(path[0]) > 3 and (np.diff(path[0]) > -1e-9).all()    # it climbs
    assert path[1] == 0.1


# ----- the limits ----------------------------------------------------------------


@pytest.mark.parametrize("J", CASES)
def test_q_stays_six_sigma_inside_the_grid(open_page, J):
    case = CASES[J]
    page, grid = open_page(case.explorer()), case.explorer()._grid
    for _ in range(2):
        page.evaluate(f"""() => {{ const {{ state }} = {ROOT};
            state.axes.forEach((_, j) => state.moveSigma(j, 1e9));
            state.axes.forEach((_, j) => state.moveMu(j, 1e9)) }}""")
    mu, sigma = q_of(page)
    assert (mu + 6 * sigma <= grid.high + 1e-9).all()
    case.explorer().move(mu, sigma)                      # Python takes it as well
    page.evaluate(f"""() => {ROOT}.state.axes.forEach((_, j) =>
        {ROOT}.state.moveSigma(j, 0))""")
    assert np.allclose(q_of(page)[1], grid.finest)


def test_a_drag_below_the_axis_breaks_the_bar(open_page):
    case, page = CASES[1], open_page(CASES[1].explorer())
    top = marks(page)
    assert not top[2]
    far = case.place([-5], [0.3])
    put(page, *far)
    got, (at, bound_at, broken) = numbers(page)[0], marks(page)
    assert broken and at == top[0] and bound_at > top[1]
    assert abs(got - case.exact(*far)).max() < 1e-8


@pytest.mark.parametrize("J", CASES)
def test_the_line_of_log_p_stays_where_it_is(open_page, J):
    case, page = CASES[J], open_page(CASES[J].explorer())
    pixels = """(bar) => { const canvas = bar.querySelector("canvas");
        const pen = new OffscreenCanvas(1, canvas.height).getContext("2d");
        pen.drawImage(canvas, -49, 0); // between the axis and the bar
        return Array.from(pen.getImageData(0, 0, 1, canvas.height).data)
            .filter((_, k) => k % 4 === 3) }"""
    bar = page.get_by_test_id("bar")
    seen = []
    for where in PLACES[J]:
        put(page, *case.place(*where))
        opaque = np.flatnonzero(np.array(bar.evaluate(pixels)) > 100)
        seen.append((opaque[opaque < 1.02 * marks(page)[0] + 9].tolist(), marks(page)))
    assert 2 <= len(seen[0][0]) <= 4
    assert all(rows == seen[0][0] for rows, _ in seen)
    assert abs(np.mean(seen[0][0]) + 0.5 - seen[0][1][0]) < 1
    assert len({mark[1] for _, mark in seen}) == len(seen)       # the bound moves


# ----- looks and words -----------------------------------------------------------


def test_the_state_is_said(open_page):
    page = open_page(CASES[1].explorer())
    page.get_by_test_id("plane").focus()
    page.keyboard.press("ArrowRight")
    log_p = f"log p(x) minus {-CASES[1].exact(*q_of(page))[0]:.3f}"
    sync_api.expect(page.get_by_test_id("live")).to_contain_text(log_p)


def test_a_frame_is_drawn_in_time(open_page):
    page = open_page(CASES[2].explorer())
    times = page.evaluate(f"""() => {{ const {{ state }} = {ROOT};
        const [view] = state.views;
        return Array.from({{ length: 40 }}, (_, k) => {{
            state.moveMu(0, state.get("mu")[0] + (k % 2 ? 0.01 : -0.01));
            const began = performance.now();
            view.draw(new Set(["mu"]), 0);
            return performance.now() - began }}) }}""")
    assert np.median(times) < 8, times


# ----- the notebook's way in -----------------------------------------------------


def test_kernel_and_page_set_q(open_page):
    page = open_page(CASES[2].explorer())
    put_in_notebook(page, CASES[2].explorer())
    mu, sigma = CASES[2].place((1, 0), (0.8, 0.9))
    page.evaluate("""([mu, sigma]) => { notebook.model.set("mu", mu);
        notebook.model.set("sigma", sigma) }""", [mu, sigma])
    frame(page)
    assert abs(numbers(page)[0] - CASES[2].exact(mu, sigma)).max() < 1e-8
    page.evaluate("notebook.state.moveMu(0, 0.25)")
    page.wait_for_function("notebook.model.get('mu')[0] === 0.25")
    page.evaluate("notebook.model.dead = true; notebook.state.moveMu(0, 0.3)")
    frame(page)
    assert page.get_by_test_id("bound-explorer").count() == 2
    sync_api.expect(page.get_by_test_id("mu-0").nth(1)).to_have_attribute(
        "aria-valuetext", "0.300")
    page.evaluate("notebook.cleanups.forEach((end) => end())")
    assert page.evaluate("notebook.model.handlers()") == 0


def test_the_start_can_be_given(open_page):
    explorer = CASES[1].explorer(mu=0.0, sigma=0.5)
    assert explorer.mu == [0.0] and explorer.sigma == [0.5]
    assert place(open_page(explorer), "plane", 0, 0)
    assert repr(explorer) == "BoundExplorer: 901 points of z. Run this cell to drag."
    explorer.set_state({"mu": [0.1], "sigma": [0.4]})        # a message from the page
    assert explorer.sigma == [0.4]


# ----- bad input -----------------------------------------------------------------

Z, LJ = CASES[1].z, CASES[1].log_joint
Z2, LJ2 = CASES[2].z, CASES[2].log_joint
UNEVEN = Z + 0.001 * np.arange(len(Z)) ** 2
BAD = {
    "descending": (Z[::-1], LJ, "z: wanted an ascending, equidistant grid"),
    "uneven": (UNEVEN, LJ, "z: wanted an ascending, equidistant .* got steps from"),
    "few": (Z[:5], LJ[:5], r"9 points or more, got shape \(5,\)"),
    "NaN in z": (np.where(Z == Z[3], np.nan, Z), LJ, "z: .* got NaN"),
    "words": (["a"] * len(Z), LJ, "z: wanted an ascending"),
    "other length": (Z, LJ[1:], r"log_joint: wanted shape \(901,\), got \(900,\)"),
    "infinite": (Z, np.where(Z < 0, -np.inf, LJ), "log_joint: wanted finite"),
    "three axes": (Z, LJ2[None], r"wanted \(n,\) or \(n1, n2\), got shape"),
    "a pair": ((Z2[0],), LJ2, r"z: wanted a pair \(n1,\), \(n2,\), got 1 items"),
    "second axis": ((Z2[0], Z2[1][::-1]), LJ2, "z2: wanted an ascending"),
    "turned": (Z2, LJ2[:, 1:], r"wanted shape \(241, 241\), got \(241, 240\)"),
    "cut off": (Z[420:], LJ[420:], "a grid that holds the posterior, got .* of z1"),
    "coarse": (Z[::90], LJ[::90], "a grid finer than the posterior"),
    "large": ((Z, Z), LJ[:, None] + LJ, "wanted 250000 values at most"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_named(name):
    z, log_joint, words = BAD[name]
    with pytest.raises(ValueError, match=words):
        BoundExplorer(z, log_joint)


@pytest.mark.parametrize("name, value, words", [
    ("mu", [0.0, 1.0], "mu: wanted 1 finite numbers"),
    ("mu", [np.nan], "mu: wanted 1 finite"), ("mu", "a", "mu: wanted numbers"),
    ("mu", [99.0], r"mu: wanted mu \+- 6 sigma within the grid"),
    ("sigma", [9.0], r"sigma: wanted mu \+- 6 sigma within the grid"),
    ("sigma", [1e-4], "sigma: wanted 1.2 steps of the grid"),
    ("sigma", [-0.3], "sigma: wanted 1.2 steps of the grid"),
])
def test_a_bad_trait_is_named_and_not_kept(name, value, words):
    explorer = CASES[1].explorer()
    before = getattr(explorer, name)
    with pytest.raises(ValueError, match=words):
        setattr(explorer, name, value)
    assert getattr(explorer, name) == before
