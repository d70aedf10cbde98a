"""How fast LatentExplorer follows a drag: run `python` on this file.

A saved page with a 2-500-784 decoder and 1,000 points in headless Chromium; the mouse
moves 60 times a second for 3 seconds. The page is watched from outside the widget: a
frame callback reads the decoded canvas and looks for new pixels. It runs before the
widget's own, so a picture is seen one frame (16 ms) after it was drawn: the latency,
from the pointer event to the frame that shows its pixels, holds that frame.
"""

import shutil
import tempfile
import time
from pathlib import Path

import numpy as np

from aevb_lib.widgets import LatentExplorer

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
WATCH = """
() => {
  const canvas = document.querySelector('[data-testid="decoded"]');
  const pen = canvas.getContext("2d");
  const plane = document.querySelector('[data-testid="plane"]');
  const watch = (window.watch = { latencies: [], frames: 0, first: null, last: null });
  let waiting = null, due = null, before = null; // due: drawn after the last look
  plane.addEventListener("pointermove", (event) => (waiting ??= event.timeStamp), true);
  const look = () => {
    const now = performance.now();
    const pixels = pen.getImageData(0, 0, canvas.width, canvas.height).data.join();
    if (before !== null && pixels !== before) {
      if (due !== null) watch.latencies.push(now - due);
      due = null;
      watch.frames += 1;
      watch.first ??= now;
      watch.last = now;
    }
    before = pixels;
    if (due === null) [due, waiting] = [waiting, null];
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}
"""


def random_layers(n_in, n_hidden, n_out, last, gain=4, seed=0):
    """A tanh layer and one that ends in `last`, at the scale of trained weights."""
    draw = np.random.default_rng(seed)
    hidden = draw.normal(size=(n_hidden, n_in)) / np.sqrt(n_in)
    output = gain * draw.normal(size=(n_out, n_hidden)) / np.sqrt(n_hidden)
    return [
        (hidden, draw.normal(size=n_hidden), "tanh"),
        (output, draw.normal(size=n_out), last),
    ]


def drag(page, seconds, rate=60):
    """Press on the plane and go round in circles, `rate` moves a second."""
    box = page.get_by_test_id("plane").bounding_box()
    middle = np.array([box["x"], box["y"]]) + box["width"] / 2
    page.mouse.move(*middle)
    page.mouse.down()
    start = time.perf_counter()
    for move in range(int(seconds * rate)):
        time.sleep(max(0, start + move / rate - time.perf_counter()))
        angle = 2 * np.pi * move / rate
        radius = box["width"] * 0.3
        page.mouse.move(*(middle + radius * np.array([np.cos(angle), np.sin(angle)])))
    page.mouse.up()


def measure(seconds=3, n_points=1000):
    """{"median_ms", "p95_ms": pointer event to pixels, "fps", "moves": seen}."""
    from playwright.sync_api import sync_playwright

    points = np.random.default_rng(1).normal(size=(n_points, 2))
    decoder = random_layers(2, 500, 784, "sigmoid")
    explorer = LatentExplorer(decoder, points, np.arange(n_points) % 10)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = Path(folder) / "explorer.html"
        explorer.save_html(path)
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        page = browser.new_page(viewport={"width": 800, "height": 900})
        page.goto(path.as_uri())
        page.wait_for_timeout(500)
        drag(page, 0.5)  # the compiler warms up
        page.evaluate(WATCH)
        drag(page, seconds)
        page.wait_for_timeout(200)
        seen = page.evaluate("window.watch")
        browser.close()
    median, p95 = np.percentile(seen["latencies"], [50, 95])
    return {
        "median_ms": round(float(median), 1),
        "p95_ms": round(float(p95), 1),
        "fps": round((seen["frames"] - 1) * 1000 / (seen["last"] - seen["first"]), 1),
        "moves": len(seen["latencies"]),
    }


if __name__ == "__main__":
    print(measure())
