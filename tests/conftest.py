"""What all tests share: figures are drawn without a screen; a browser."""

import os

# nbval's kernels inherit the environment, and they must draw inline.
os.environ.pop("MPLBACKEND", None)

import matplotlib  # noqa: E402
import pytest  # noqa: E402

from tests.pages import CHROMIUM, NO_BROWSER, frame, sync_api  # noqa: E402

matplotlib.use("Agg")


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium; without one the test is skipped."""
    if NO_BROWSER:
        pytest.skip(NO_BROWSER)
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser, tmp_path):
    """open_page(picture, **context) -> its saved page. In the end: no error was said,
    and nothing was asked for from elsewhere."""
    faults, contexts = [], []

    def open_saved(picture, **options):
        path = tmp_path / "picture.html"
        picture.save_html(path)
        size = {"width": 760, "height": 1100}
        context = browser.new_context(**{"viewport": size, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: faults.append(said.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda request: request.url.startswith(("data:", "blob:"))
                or request.url == path.as_uri() or faults.append(request.url))
        page.goto(path.as_uri())
        frame(page, 3)
        return page

    yield open_saved
    for context in contexts:
        context.close()
    assert faults == []
