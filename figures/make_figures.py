"""Make the README's pictures of the live ones again: `make figures`. Needs chromium."""

import tempfile
from pathlib import Path

import numpy as np
import torch
from playwright.sync_api import sync_playwright
from scipy import stats

from aevb_lib import BoundExplorer, LatentExplorer, load_mnist, pretrained

FIGURES = Path(__file__).parent


def explorer():
    """Lesson 00's explorer."""
    digits, vae = load_mnist(), pretrained(2)
    with torch.no_grad():
        mu, _ = vae.encode(digits.x_test)
    return LatentExplorer(vae.decoder.layers(), mu, digits.labels_test,
                          encoder=vae.encoder.layers(), x=digits.x_test)


def bound():
    """Lesson 02's picture of equation 1, at a q that is not the best."""
    z = np.linspace(-6, 6, 2001)
    log_joint = stats.norm.logpdf(z) + stats.norm.logpdf(1.5, 2 * np.tanh(1.5 * z), 0.5)
    return BoundExplorer(z, log_joint, mu=[0.3], sigma=[0.3])


def photograph(browser, picture, name, act=""):
    """Write name.png: the saved page of a picture, after an action on its state."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.html"
        picture.save_html(path)
        page = browser.new_page(viewport={"width": 820, "height": 1000})
        page.goto(path.as_uri())
        root = page.locator(".lex").first
        root.evaluate(f"(element) => {{ const {{ state }} = element; {act} }}")
        page.wait_for_timeout(2000)                        # what falls has landed
        root.screenshot(path=FIGURES / f"{name}.png")
        page.close()


if __name__ == "__main__":
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium")
        photograph(browser, explorer(), "explorer", "state.pick(18);")
        photograph(browser, bound(), "bound")
        browser.close()
