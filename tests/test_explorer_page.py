"""LatentExplorer in a browser: the saved page, and the notebook's way in."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from aevb_lib.widgets import LatentExplorer
from tests.benchmarks.explorer_latency import random_layers
from tests.pages import frame, place, put_in_notebook, sync_api

D, N, H = 784, 60, 100
DRAW = np.random.default_rng(0)
X = np.round(255 * DRAW.random((N, D)) * (DRAW.random((N, D)) < 0.2)) / 255


def run(layers, x):
    """The reference, in float64."""
    for weight, bias, activation in layers:
        a = weight @ x + bias
        x = {"tanh": np.tanh, "linear": np.array}.get(
            activation, lambda a: 1 / (1 + np.exp(-a)))(a)
    return x


class Case:
    """An explorer with J latents, its layers, and its points: the encoded X."""

    def __init__(self, J):
        self.J = J
        self.decoder = random_layers(J, H, D, "sigmoid")
        self.encoder = random_layers(D, H, 2 * J, "linear", gain=1, seed=1)
        self.z = np.array([run(self.encoder, x)[:J] for x in X])
        self.explorer = LatentExplorer(
            self.decoder, self.z, np.arange(N) % 10, encoder=self.encoder, x=X)

    def posterior(self, x):
        heads = run(self.encoder, x)
        return heads[: self.J], heads[self.J:]


CASES = {J: Case(J) for J in (2, 10)}


@pytest.fixture
def visit(open_page):
    """visit(J, **context) -> the saved page of a case, or of an explorer."""
    def open_explorer(J=2, explorer=None, **options):
        return open_page(explorer or CASES[J].explorer, **options)
    return open_explorer


# ----- what the tests say to a page ----------------------------------------------

ROOT = "document.querySelector('[data-testid=latent-explorer]')"


def get(page, trait):
    value = page.evaluate(f"""() => {{ const v = {ROOT}.explorer.get("{trait}");
        return ArrayBuffer.isView(v) ? Array.from(v) : v }}""")
    return np.array(value) if isinstance(value, list) else value


def pixels(page, testid):
    """Grey values of a picture, (28, 28)."""
    grey = page.get_by_test_id(testid).evaluate("""(canvas) => Array.from(
        canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data
        ).filter((_, k) => k % 4 === 0)""")
    return np.array(grey).reshape(28, 28)


def spot(page, z):
    """Where z lies on the page."""
    limit = page.evaluate(f"{ROOT}.explorer.limit")
    return place(page, "plane", 0.5 + z[0] / (2 * limit), 0.5 - z[1] / (2 * limit))


def above(page):
    """What is drawn on the plane over the points, (side, side, 4)."""
    url = page.get_by_test_id("plane").evaluate(
        "(plane) => plane.querySelectorAll('canvas')[1].toDataURL()")
    png = base64.b64decode(url.split(",")[1])
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))


def blue(page):
    """How many pixels on the plane have the colour of q."""
    red, green, blue, opacity = np.moveaxis(above(page), 2, 0)
    return ((red < 40) & (green > 80) & (blue > 150) & (opacity > 100)).sum()


def stroke(page, points, pad="pad"):
    page.mouse.move(*place(page, pad, *points[0]))
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*place(page, pad, *point), steps=4)
    page.mouse.up()
    frame(page)


def landed(page):
    page.wait_for_function("""() => [...document.querySelectorAll(
        '[data-testid^=sample-]')].every((one) => !one.matches(".lex-empty"))""")


SEVEN = [(0.3, 0.3), (0.6, 0.3), (0.45, 0.7)]

# ----- the networks --------------------------------------------------------------


@pytest.mark.parametrize("J", CASES)
def test_the_page_decodes_as_the_reference(visit, J):
    z = np.random.default_rng(J).normal(size=(500, J))
    text = visit(J).evaluate(f"""(all) => all.map((z) => btoa(String.fromCharCode(
        ...new Uint8Array({ROOT}.explorer.decode(z).buffer)))).join()""", z.tolist())
    got = [np.frombuffer(base64.b64decode(one), "<f4") for one in text.split(",")]
    want = np.array([run(CASES[J].decoder, one) for one in z])
    assert want.min() < 0.01 and want.max() > 0.99  # the scale is real
    assert abs(np.array(got) - want).max() <= 2 / 255


@pytest.mark.parametrize("J", CASES)
def test_the_page_encodes_as_the_reference(visit, J):
    got = visit(J).evaluate(f"""(all) => all.map((x) => {{
        const {{ mu, logVar }} = {ROOT}.explorer.encode(x);
        return [...mu, ...logVar] }})""", X.tolist())
    want = np.array([run(CASES[J].encoder, x) for x in X])
    assert want.std() > 0.3
    assert abs(np.array(got) - want).max() <= 0.005


# ----- z: pointer, touch, keys, sliders ------------------------------------------


def test_the_picture_is_the_decoded_z(visit):
    page = visit()
    assert min(abs(CASES[2].z - get(page, "z")).sum(1)) < 1e-3
    want = 255 * run(CASES[2].decoder, get(page, "z"))
    assert abs(pixels(page, "decoded").ravel() - want).max() <= 2


def test_a_drag_moves_z_and_the_picture(visit):
    page = visit()
    page.mouse.move(*spot(page, (-1, -1)))
    page.mouse.down()
    for z in ((-0.5, 0.2), (1.5, 0.8)):
        page.mouse.move(*spot(page, z), steps=5)
        frame(page)
        assert abs(get(page, "z") - z).max() < 0.02
        want = 255 * run(CASES[2].decoder, get(page, "z"))
        assert abs(pixels(page, "decoded").ravel() - want).max() <= 2
    page.mouse.up()
    page.mouse.move(*spot(page, (0, 0)))
    assert abs(get(page, "z") - (1.5, 0.8)).max() < 0.02  # a hover moves nothing
    assert get(page, "picked") == -1


def test_touch_drags_and_taps(visit):
    page = visit(has_touch=True)
    client = page.context.new_cdp_session(page)

    def touch(kind, *points):
        client.send("Input.dispatchTouchEvent", {
            "type": kind, "touchPoints": [{"x": x, "y": y} for x, y in points]})

    touch("touchStart", spot(page, (0, 0)))
    for step in range(6):
        touch("touchMove", spot(page, (-0.2 * step, 0.2 * step)))
    touch("touchEnd")
    assert abs(get(page, "z") - (-1, 1)).max() < 0.05
    assert page.evaluate("scrollY") == 0 and get(page, "picked") == -1
    page.touchscreen.tap(*spot(page, CASES[2].z[4]))
    assert get(page, "picked") >= 0
    style = "(e) => getComputedStyle(e).touchAction"
    assert page.get_by_test_id("plane").evaluate(style) == "none"
    assert page.get_by_test_id("latent-explorer").evaluate(style) == "auto"


def test_arrow_keys_move_z(visit):
    page = visit()
    page.get_by_test_id("plane").focus()
    page.keyboard.press("Home")
    for key in ("ArrowRight", "ArrowRight", "ArrowUp", "Shift+ArrowLeft"):
        page.keyboard.press(key)
    assert np.allclose(get(page, "z"), (-0.3, 0.1))
    for _ in range(20):
        page.keyboard.press("Shift+ArrowDown")
    assert get(page, "z")[1] == -page.evaluate(f"{ROOT}.explorer.limit")


def test_ten_latents_have_axes_and_sliders(visit):
    page = visit(10)
    before = pixels(page, "decoded")
    slider = page.get_by_test_id("slider-7")
    slider.fill("1.5")
    frame(page)
    assert get(page, "z")[7] == 1.5
    assert (pixels(page, "decoded") != before).any()
    page.get_by_test_id("axis-across").select_option("7")
    page.get_by_test_id("axis-up").select_option("3")
    assert get(page, "axes").tolist() == [7, 3]
    page.get_by_test_id("axis-up").select_option("7")
    assert get(page, "axes").tolist() == [3, 7]
    was = get(page, "z")
    page.mouse.click(*spot(page, (-3, 3)))
    moved = np.flatnonzero(abs(get(page, "z") - was) > 1e-6)
    assert moved.tolist() == [3, 7]


# ----- q(z | x): a picked digit, a drawn one -------------------------------------


def test_a_click_on_a_digit_shows_its_posterior(visit):
    page = visit()
    assert blue(page) == 0 and page.get_by_test_id("again").is_disabled()
    alone = np.argmax([np.sort(abs(CASES[2].z - z).max(1))[1] for z in CASES[2].z])
    page.mouse.click(*spot(page, CASES[2].z[alone]))
    landed(page)
    assert get(page, "picked") == alone
    mu, log_var = CASES[2].posterior(X[alone])
    assert np.allclose(get(page, "mu"), mu, atol=0.005)
    assert np.allclose(get(page, "log_var"), log_var, atol=0.005)
    assert np.allclose(get(page, "z"), mu, atol=0.005)
    assert blue(page) > 100
    assert (pixels(page, "original").ravel() == np.round(255 * X[alone])).all()
    z = mu + np.exp(log_var / 2) * get(page, "eps")
    for k in (0, 7):
        want = 255 * run(CASES[2].decoder, z[k])
        assert abs(pixels(page, f"sample-{k}").ravel() - want).max() <= 4
    words = page.get_by_test_id("posterior-text").inner_text()
    sign = "\u2212" if mu[0] < 0 else ""
    assert f"digit {alone % 10}\n\u03bc = ({sign}{abs(mu[0]):.2f}" in words


def test_the_ellipses_have_one_and_two_sigma(visit):
    page = visit()
    limit = page.evaluate(f"""() => {{ const {{ explorer }} = {ROOT};
        explorer.put("eps", [[0, 0]]);
        explorer.put("log_var", [0, 2 * Math.log(0.5)]);
        explorer.put("mu", [0.2, 0]);
        explorer.setZ([3, 3]);
        return explorer.limit }}""")
    landed = """() => document.querySelector("[data-testid=sample-0]").matches(
        ":not(.lex-empty)")"""
    page.wait_for_function(landed)
    opacity = above(page)[..., 3]

    def on_ellipse(radius):
        """Opacity at six angles, at `radius` sigma, the most of 3 x 3 pixels."""
        for angle in range(6):
            z = 0.2 + radius * np.cos(angle), 0.5 * radius * np.sin(angle)
            column, row = len(opacity) * (0.5 + np.array((z[0], -z[1])) / (2 * limit))
            row, column = int(row), int(column)
            yield opacity[row - 1: row + 2, column - 1: column + 2].max()

    one, two, inside, between, outside = (
        np.array([*on_ellipse(radius)]) for radius in (1, 2, 0.6, 1.5, 2.3))
    assert one.min() > 150 > inside.max() and inside.min() > 0
    assert two.min() > 100 > between.max() and between.min() > 0
    assert outside.max() == 0


def test_again_draws_new_noise(visit):
    page = visit()
    page.get_by_test_id("random").click()
    landed(page)
    before, picture = get(page, "eps"), pixels(page, "sample-0")
    page.get_by_test_id("again").click()
    landed(page)
    assert (get(page, "eps") != before).all()
    assert (pixels(page, "sample-0") != picture).any()


def test_samples_fall_and_rest_for_those_who_ask(visit):
    for motion, empty in (("no-preference", 8), ("reduce", 0)):
        page = visit(reduced_motion=motion)
        page.get_by_test_id("plane").focus()
        count = page.evaluate(f"""async () => {{
            {ROOT}.explorer.pick(0);
            await new Promise(requestAnimationFrame);
            return document.querySelectorAll(
                '[data-testid^=sample-].lex-empty').length }}""")
        assert count == empty
        landed(page)


@pytest.mark.parametrize("shift, size", [((0, 0), 1), ((-0.28, 0.25), 0.3)])
def test_a_drawing_is_made_like_mnist(visit, shift, size):
    page = visit()
    middle = np.array((0.45, 0.5))
    stroke(page, middle + shift + size * (SEVEN - middle))
    ink = get(page, "drawing").reshape(28, 28)
    rows, columns = np.nonzero(ink > 127)
    tall = np.ptp(rows) + 1
    assert 18 <= tall <= 20 and np.ptp(columns) + 1 <= 20
    centre = [(ink.sum(axis) * (np.arange(28) + 0.5)).sum() / ink.sum()
              for axis in (0, 1)]
    assert np.allclose(centre, 14, atol=0.15)
    assert ((ink > 20) & (ink < 235)).sum() > 30  # a soft edge


def test_a_drawing_is_encoded_and_cleared(visit):
    page = visit()
    stroke(page, SEVEN)
    landed(page)
    ink = get(page, "drawing")
    mu, log_var = CASES[2].posterior(ink / 255)
    assert np.allclose(get(page, "mu"), mu, atol=0.005)
    assert np.allclose(get(page, "log_var"), log_var, atol=0.005)
    assert (pixels(page, "original").ravel() == ink).all()
    assert "your drawing" in page.get_by_test_id("posterior-text").inner_text()
    assert blue(page) > 100
    page.get_by_test_id("clear").click()
    frame(page)
    assert len(get(page, "drawing")) == len(get(page, "mu")) == 0 and blue(page) == 0


def test_the_pad_is_drawn_on_with_keys(visit):
    page = visit()
    page.get_by_test_id("pad").focus()
    for key in ["Space"] + 4 * ["ArrowDown"] + ["Space"] + 3 * ["ArrowRight"]:
        page.keyboard.press(key)
    frame(page)
    down = get(page, "drawing").reshape(28, 28) > 127
    assert np.ptp(np.nonzero(down)[0]) > 3 * np.ptp(np.nonzero(down)[1])
    for key in ["Space"] + 4 * ["ArrowUp"] + ["Space"]:
        page.keyboard.press(key)
    frame(page)
    assert (get(page, "drawing").reshape(28, 28) > 127).sum() > down.sum()
    page.keyboard.press("Backspace")
    assert ((get(page, "drawing").reshape(28, 28) > 127) == down).all()
    page.keyboard.press("Escape")
    assert len(get(page, "drawing")) == 0 and get(page, "picked") == -1


# ----- Play, words, looks --------------------------------------------------------


def test_play_goes_round_and_space_pauses(visit):
    page = visit()
    page.get_by_test_id("path").select_option("circle")
    page.get_by_test_id("play").click()
    page.wait_for_function(
        f"""() => {{ const at = () => Math.hypot(...{ROOT}.explorer.get("z"));
        return Math.abs(at() - 2) < 0.05 }}""")
    here, picture = get(page, "z"), pixels(page, "decoded")
    page.wait_for_function(f"""([x, y]) => {{ const z = {ROOT}.explorer.get("z");
        return Math.hypot(z[0] - x, z[1] - y) > 0.5 }}""", arg=here.tolist())
    assert abs(np.hypot(*get(page, "z")) - 2) < 0.05
    assert (pixels(page, "decoded") != picture).any()
    assert "Pause" in page.get_by_test_id("play").inner_text()
    page.get_by_test_id("plane").focus()
    page.keyboard.press("Space")
    here = get(page, "z")
    frame(page, 5)
    assert (get(page, "z") == here).all()
    assert "Play" in page.get_by_test_id("play").inner_text()


def test_play_passes_through_the_class_means(visit):
    page = visit(10)
    stops = page.evaluate(f"{ROOT}.explorer.stops()")
    want = [CASES[10].z[k::10].mean(0) for k in range(10)]
    assert np.allclose(stops, want, atol=1e-5)


def test_where_z_is_is_said(visit):
    page = visit()
    live = page.get_by_test_id("live")
    assert live.get_attribute("aria-live") == "polite"
    page.get_by_test_id("plane").focus()
    page.keyboard.press("Home")
    page.keyboard.press("Shift+ArrowLeft")
    near = np.argmin(((CASES[2].z - (-0.5, 0)) ** 2).sum(1)) % 10
    words = f"z1 minus 0.5, z2 0.0. Nearest digit {near}."
    sync_api.expect(live).to_have_text(words)
    sync_api.expect(page.get_by_test_id("readout")).to_have_text(
        f"z = (\u22120.50, 0.00) Nearest digit: {near}")


def test_the_class_is_a_glyph_not_only_a_colour(visit):
    page = visit()
    glyphs = page.evaluate(f"""() => Array.from({{ length: {N} }},
        (_, k) => {ROOT}.explorer.glyphOf(k))""")
    assert glyphs == [str(k % 10) for k in range(N)]


@pytest.mark.parametrize("J", CASES)
@pytest.mark.parametrize("width", [360, 700])
def test_it_fits_and_can_be_touched_and_read(visit, J, width):
    page = visit(J)
    page.set_viewport_size({"width": width, "height": 800})
    frame(page, 3)
    stroke(page, SEVEN)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    small = page.evaluate("""() => [...document.querySelectorAll(
        "button, select, input, .lex-plane, .lex-pad")].filter((e) => {
        const { width, height } = e.getBoundingClientRect();
        return width < 43.9 || height < 43.9 || !e.closest(".lex") }).length""")
    assert small == 0
    sizes = page.evaluate(f"""() => [...{ROOT}.querySelectorAll("*")].map(
        (e) => parseFloat(getComputedStyle(e).fontSize))""")
    assert min(sizes) >= 12


def luminance(colour):
    channel = np.array([int(colour[k:k + 2], 16) for k in (1, 3, 5)]) / 255
    bright = ((channel + 0.055) / 1.055) ** 2.4
    return np.where(channel > 0.04, bright, channel / 12.92) @ (0.2126, 0.7152, 0.0722)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_and_marks_stand_out(visit, scheme):
    page = visit(color_scheme=scheme)
    names = ["bg", "ink", "soft", "q", "p", "noise"]
    colours = page.evaluate(f"""(names) => names.map((name) =>
        getComputedStyle({ROOT}).getPropertyValue("--lex-" + name).trim())""", names)
    ground, *marks = [luminance(colour) for colour in colours]
    assert (ground > 0.5) == (scheme == "light")
    ratios = [(max(m, ground) + 0.05) / (min(m, ground) + 0.05) for m in marks]
    assert min(ratios[:2]) >= 4.5 and min(ratios[2:]) >= 3


def test_every_control_has_a_name(visit):
    page = visit(10)
    nameless = page.evaluate("""() => [...document.querySelectorAll(
        "button, select, input, [tabindex], canvas[role]")].filter((e) =>
        !e.getAttribute("aria-label") && !e.textContent.trim()).length""")
    assert nameless == 0


# ----- the notebook's way in, with a model that stands for the kernel's ----------

@pytest.fixture
def notebook(visit):
    """notebook(explorer) -> a page with two views of it."""
    def open_views(explorer):
        page = visit()
        put_in_notebook(page, explorer)
        return page

    return open_views


def test_two_views_share_the_state_and_go_without_a_kernel(notebook):
    page = notebook(CASES[2].explorer)
    page.evaluate("notebook.model.dead = true")  # save_changes throws
    planes, pictures = page.get_by_test_id("plane"), page.get_by_test_id("decoded")
    box = planes.nth(0).bounding_box()
    page.mouse.move(box["x"] + 50, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 90, box["y"] + 90, steps=20)
    page.mouse.up()
    frame(page)
    shown = [pictures.nth(k).evaluate("""(canvas) => Array.from(canvas.getContext("2d")
        .getImageData(0, 0, 28, 28).data)""") for k in (0, 1)]
    z = page.evaluate("notebook.state.get('z')")
    want = 255 * run(CASES[2].decoder, np.array(z))
    assert shown[0] == shown[1]
    assert abs(np.array(shown[1])[::4] - want).max() <= 2
    page.wait_for_function("notebook.model.saves > 0")


def test_z_is_sent_now_and_then(notebook):
    page = notebook(CASES[2].explorer)
    page.evaluate(f"""async () => {{
        for (let k = 0; k < 200; k++) {ROOT}.explorer.setZ([k / 100, 0]);
        while (!notebook.model.saves) await new Promise(requestAnimationFrame);
        for (let k = 0; k < 9; k++) await new Promise(requestAnimationFrame);
    }}""")
    assert page.evaluate("notebook.model.saves") <= 2
    assert page.evaluate("notebook.model.get('z')") == [1.99, 0]
    tries = page.evaluate("""async () => {
        const { model, state: explorer } = notebook;
        model.dead = true;
        model.saves = 0;
        for (let k = 0; k < 60; k++) {
            explorer.setZ([0, k / 10]);
            await new Promise(requestAnimationFrame);
        }
        return model.saves }""")
    assert 1 <= tries <= 3  # a dead kernel is not asked at every move


def test_a_late_echo_does_not_move_z_back(notebook):
    page = notebook(CASES[2].explorer)
    z = page.evaluate(f"""async () => {{
        {ROOT}.explorer.setZ([1, 1]);
        {ROOT}.explorer.setZ([2, 1]);
        notebook.model.set("z", [1, 1]);
        const here = {ROOT}.explorer.get("z");
        while (!notebook.model.saves) await new Promise(requestAnimationFrame);
        return [here, {ROOT}.explorer.get("z"), notebook.model.get("z")] }}""")
    assert z == [[2, 1]] * 3


def test_a_late_echo_of_a_drawing_changes_nothing(notebook):
    page = notebook(CASES[2].explorer)
    stroke(page, SEVEN, page.get_by_test_id("pad").nth(0))
    page.wait_for_function("notebook.model.get('drawing').byteLength === 784")
    page.evaluate("""{ const { model, state: explorer } = notebook;
        explorer.setZ([2, 1]);
        model.set("drawing", new DataView(model.get("drawing").slice().buffer)); }""")
    assert page.evaluate("notebook.state.get('z')") == [2, 1]
    assert page.evaluate("notebook.state.strokes.length") == 1


def test_samples_fall_once_a_pick(notebook):
    page = notebook(CASES[2].explorer)
    falls = page.evaluate("""async () => {
        const { model, state: explorer } = notebook;
        let falls = 0;
        const tell = explorer.tell;
        explorer.tell = function (what) {
            falls += what === "fall"; return tell.call(this, what) };
        explorer.pick(5);
        while (!model.saves) await new Promise(requestAnimationFrame);
        return falls }""")
    assert falls == 1


def test_z_set_in_the_kernel_moves_the_picture(notebook):
    page = notebook(CASES[2].explorer)
    page.evaluate("notebook.model.set('z', [1.25, -0.5])")
    frame(page)
    want = 255 * run(CASES[2].decoder, np.array([1.25, -0.5]))
    got = page.get_by_test_id("decoded").nth(1).evaluate("""(canvas) => Array.from(
        canvas.getContext("2d").getImageData(0, 0, 28, 28).data)""")
    assert abs(np.array(got)[::4] - want).max() <= 2


def test_a_callable_encoder_is_waited_for(notebook):
    def encode(x):
        return x[:2], x[2:4]

    explorer = LatentExplorer(
        CASES[2].decoder, CASES[2].z, np.arange(N) % 10, encoder=encode, x=X)
    page = notebook(explorer)
    words = page.get_by_test_id("posterior-text").nth(0)
    stroke(page, SEVEN, page.get_by_test_id("pad").nth(0))
    sync_api.expect(words).to_have_text("The kernel encodes your drawing")
    page.wait_for_function("notebook.model.get('drawing').byteLength === 784")
    page.evaluate("""{ const { model } = notebook;
        model.set("drawing", new DataView(model.get("drawing").slice().buffer)); // echo
        model.set("mu", [1, -1]); model.set("log_var", [0, -2]); }""")
    sync_api.expect(words).to_contain_text("your drawing\n\u03bc = (1.00, \u22121.00)")
    assert page.evaluate("notebook.state.strokes.length") == 1
    page.evaluate("notebook.state.drawn()")  # the same drawing again
    assert page.evaluate("notebook.state.get('mu')") == [1, -1]
    page.evaluate("""{ const { model } = notebook; model.set("picked", 3);
        model.set("drawing", new DataView(new ArrayBuffer(0)));
        model.set("mu", [2, 0.5]); model.set("log_var", [0, 0]); }""")
    frame(page, 10)
    sync_api.expect(words).to_contain_text("digit 3\n\u03bc = (2.00, 0.50)")
    assert page.evaluate("notebook.model.get('mu')") == [2, 0.5]
    assert page.evaluate("notebook.state.strokes.length") == 0


def test_a_theme_that_comes_late_is_painted(notebook):
    page = notebook(CASES[2].explorer)
    page.evaluate("document.body.dataset.jpThemeLight = 'false'")
    frame(page, 5)
    page.evaluate("""{ const { style } = document.documentElement;
        style.setProperty("--jp-layout-color0", "#101010");
        style.setProperty("--jp-border-color2", "#ff0000"); }""")
    page.wait_for_function("""() => { const canvas = document.querySelector("canvas");
        const pen = new OffscreenCanvas(1, 1).getContext("2d");
        pen.drawImage(canvas, -canvas.width / 2, -2);
        const [red, , , opacity] = pen.getImageData(0, 0, 1, 1).data;
        return red > 200 && opacity > 50 }""", timeout=10_000)


def test_a_view_that_goes_leaves_nothing(notebook):
    page = notebook(CASES[2].explorer)
    page.evaluate("notebook.cleanups[2]()")
    assert page.get_by_test_id("latent-explorer").count() == 1
    drawings = page.evaluate("""async () => {
        let count = 0;
        const request = window.requestAnimationFrame;
        window.requestAnimationFrame = (call) => { count += 1; return request(call) };
        document.body.className = "other theme";
        await new Promise(request);
        await new Promise(request);
        return count }""")
    assert drawings == 1  # by the view that stays
    page.evaluate("notebook.model.set('playing', true)")
    page.evaluate("notebook.cleanups[1]()")
    z = page.evaluate("notebook.state.get('z')")
    frame(page, 5)
    assert page.get_by_test_id("latent-explorer").count() == 0
    assert page.evaluate("notebook.state.get('z')") == z  # Play has stopped
    page.evaluate("notebook.cleanups[0]()")
    assert page.evaluate("notebook.model.handlers()") == 0


def test_a_callable_decoder_is_waited_for(notebook):
    explorer = LatentExplorer(lambda z: np.full((28, 28), 0.4), CASES[2].z)
    page = notebook(explorer)
    picture = page.get_by_test_id("decoded").nth(0)
    first = "(c) => c.getContext('2d').getImageData(9, 9, 1, 1).data[0]"
    assert picture.evaluate(first) == 102
    page.evaluate("notebook.model.set('z', [1, 1])")
    status = page.get_by_test_id("status").nth(0)
    sync_api.expect(status).to_contain_text("Waiting for the kernel")
    page.evaluate("""{ notebook.model.set("image", new DataView(
        new Uint8Array(784).fill(200).buffer));
        notebook.model.set("image_z", [1, 1]) }""")
    frame(page)
    assert picture.evaluate(first) == 200
    sync_api.expect(status).to_have_text("")


def test_one_latent_and_no_labels(visit):
    explorer = LatentExplorer(
        random_layers(1, 20, D, "sigmoid"), np.linspace(-2, 2, 9)[:, None], x=X[:9],
        encoder=random_layers(D, 20, 2, "linear", gain=1))
    page = visit(explorer=explorer)
    page.mouse.click(*spot(page, (1.2, 3)))
    assert abs(get(page, "z") - 1.2).max() < 0.02
    page.get_by_test_id("plane").focus()
    page.keyboard.press("Enter")
    landed(page)
    assert blue(page) > 50
    page.get_by_test_id("play").click()
    frame(page, 3)
