"""How fast the live pictures of lessons 01 to 06 answer: run `python` on this file.

Those that compute in the page: a saved page in headless Chromium, a drag of 60 moves a
second for 2 seconds; milliseconds from the pointer event to the end of the drawing that
shows it, which the next frame presents. FamilyExplorer computes in the kernel: its
milliseconds from a choice to the answer, over all distributions of section 2.4.
"""

import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from explorer_latency import CHROMIUM
from scipy import stats

from aevb_lib import DISTRIBUTIONS
from aevb_lib.widgets import (
    BoundExplorer,
    EvidenceExplorer,
    Family,
    FamilyExplorer,
    GradientExplorer,
    VarianceExplorer,
)

WATCH = """() => {
  const [view] = document.querySelector(".lex").state.views;
  const waits = (window.waits = []);
  let asked = null;
  addEventListener("pointermove", (event) => (asked ??= event.timeStamp), true);
  const tick = view.tick;
  view.tick = function (now) {
    tick.call(this, now);
    if (asked !== null) waits.push(performance.now() - asked);
    asked = null;
  };
}"""


def pictures():
    """The four that compute in the page, at the sizes that the lessons show."""
    z, x = np.linspace(-4, 4, 241), np.linspace(-4, 4, 161)
    log_prior = stats.norm.logpdf(z)
    plane = log_prior[:, None] + log_prior + stats.norm.logpdf(z[:, None] - z, 0, 0.5)
    draws = np.random.default_rng(0).standard_normal((2, 61, 400))
    return {
        "evidence": EvidenceExplorer(z, x, log_prior + stats.norm.logpdf(
            x[:, None], 2 * np.tanh(1.5 * z), 0.5)),
        "bound, one latent": BoundExplorer(z, log_prior + stats.norm.logpdf(z, 1, 0.5)),
        "bound, two latents": BoundExplorer((z, z), plane),
        "gradient, J = 50": GradientExplorer(sine=1.0, dimension=50, n_draws=2000),
        "variance": VarianceExplorer(np.zeros((61, 2)), np.ones((61, 2)), *draws,
                                     np.zeros(61), (np.zeros(2), np.eye(2))),
    }


def drag(page, seconds, rate=60):
    """Press on the chart and go to and fro, `rate` moves a second."""
    box = page.locator(".lex-chart[tabindex]").first.bounding_box()
    middle = np.array([box["x"] + box["width"] / 2, box["y"] + box["height"] / 2])
    page.mouse.move(*middle)
    page.mouse.down()
    start = time.perf_counter()
    for move in range(int(seconds * rate)):
        time.sleep(max(0, start + move / rate - time.perf_counter()))
        across, up = np.sin(move / 9), np.cos(move / 7)
        page.mouse.move(*(middle + [box["width"] * across / 4, box["height"] * up / 6]))
    page.mouse.up()


def measure():
    """{picture: (median, 95th percentile) in ms} of those that compute in the page."""
    from playwright.sync_api import sync_playwright

    results = {}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        for name, picture in pictures().items():
            path = Path(folder) / "picture.html"
            picture.save_html(path)
            page = browser.new_page(viewport={"width": 800, "height": 900})
            page.goto(path.as_uri())
            drag(page, 0.5)                                # the compiler warms up
            page.evaluate(WATCH)
            drag(page, 2)
            waits = page.evaluate("window.waits")
            results[name] = np.percentile(waits, [50, 95]).round(1).tolist()
            page.close()
        browser.close()
    return results


def kernel():
    """Median and worst over the distributions: ms from a choice to the answer."""
    rng, families = np.random.default_rng(0), {}
    for name, row in DISTRIBUTIONS.items():
        if not any(isinstance(three[2], list) for three in row.parameters.values()):
            families[name] = Family(row.g, row.noise(rng, 100), row.parameters,
                                    lambda z, **values: np.zeros(len(z)))
    explorer, waits = FamilyExplorer(families), []
    for name in families:
        start = time.perf_counter()
        explorer.pick(name)
        waits.append(1000 * (time.perf_counter() - start))
    return round(statistics.median(waits), 2), round(max(waits), 2)


if __name__ == "__main__":
    print("kernel, median and worst ms:", kernel())
    for name, (median, p95) in measure().items():
        print(f"{name:20} median {median} ms, 95th percentile {p95} ms")
