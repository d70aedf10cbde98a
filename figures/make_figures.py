"""Make the README's picture of the explorer again: `make figures`. Needs chromium."""

import tempfile
from pathlib import Path

import torch
from playwright.sync_api import sync_playwright

from aevb_lib import LatentExplorer, load_mnist, pretrained

FIGURES = Path(__file__).parent


def explorer_page(folder):
    """The page of lesson 00's explorer, one digit picked."""
    digits, vae = load_mnist(), pretrained(2)
    with torch.no_grad():
        mu, _ = vae.encode(digits.x_test)
    explorer = LatentExplorer(vae.decoder.layers(), mu, digits.labels_test,
                              encoder=vae.encoder.layers(), x=digits.x_test)
    explorer.save_html(folder / "explorer.html")
    return folder / "explorer.html"


def photograph(page_path, picture):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium")
        page = browser.new_page(viewport={"width": 820, "height": 1000})
        page.goto(page_path.as_uri())
        root = page.get_by_test_id("latent-explorer")
        root.evaluate("(element) => element.explorer.pick(18)")
        page.wait_for_timeout(2000)                        # the samples have landed
        root.screenshot(path=picture)
        browser.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        photograph(explorer_page(Path(folder)), FIGURES / "explorer.png")
