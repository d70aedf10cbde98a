"""The first lesson in a real JupyterLab: run all cells, drag, draw, kill the kernel,
drag on."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.pages import CHROMIUM, NO_BROWSER, frame, place, sync_api
from tests.test_explorer_page import ROOT, get, pixels, stroke

if NO_BROWSER:
    pytest.skip(NO_BROWSER, allow_module_level=True)

LESSON = Path(__file__).parents[1] / "notebooks" / "00_start_here.ipynb"
TOKEN = "aevb"


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The address of a JupyterLab over a copy of the lesson, its settings its own."""
    folder = tmp_path_factory.mktemp("lab")
    shutil.copy(LESSON, folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "JUPYTER_CONFIG_DIR": str(folder / "config"),
                   "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
                   "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces")}
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", "--no-browser", f"--port={port}",
         "--ServerApp.port_retries=0", f"--IdentityProvider.token={TOKEN}",
         "--allow-root", f"--ServerApp.root_dir={folder}", "--expose-app-in-browser",
         "--LabApp.news_url=None"],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                ask(address, "/api/status")
                break
            except OSError:
                assert server.poll() is None, "JupyterLab did not start"
                time.sleep(0.2)
        yield address
    finally:
        server.terminate()
        server.wait(30)


def ask(address, path, method="GET"):
    request = urllib.request.Request(address + path, method=method,
                                     headers={"Authorization": f"token {TOKEN}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read() or "null")


@pytest.fixture(scope="module")
def page(lab):
    """The lesson, open, with every cell run from a fresh kernel."""
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        page = browser.new_page(viewport={"width": 1300, "height": 1000})
        page.goto(f"{lab}/lab/tree/{LESSON.name}?token={TOKEN}")
        page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=120_000)
        page.wait_for_function(
            "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session"
            "?.kernel?.status === 'idle'", timeout=120_000)
        page.evaluate("""async () => {
            await jupyterapp.commands.execute("notebook:run-all-cells");
        }""")
        page.evaluate("""() => {
            const cell = jupyterapp.shell.currentWidget.content.widgets.find(
                (cell) => cell.model.sharedModel.source.includes("LatentExplorer("));
            return jupyterapp.shell.currentWidget.content.scrollToCell(cell, "start");
        }""")
        page.wait_for_selector("[data-testid=latent-explorer]", timeout=60_000)
        page.get_by_test_id("plane").scroll_into_view_if_needed()
        frame(page, 5)
        yield page
        browser.close()


def drag(page, start, end):
    """Across the plane, in fractions of its sides."""
    page.mouse.move(*place(page, "plane", *start))
    page.mouse.down()
    page.mouse.move(*place(page, "plane", *end), steps=8)
    page.mouse.up()
    frame(page, 3)


def test_every_cell_ran_without_an_error(page):
    cells = page.evaluate("""() => jupyterapp.shell.currentWidget.content.model
        .toJSON().cells.filter((cell) => cell.cell_type === "code")""")
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert not [o for o in outputs if o["output_type"] == "error"]
    assert not [o for o in outputs if o.get("name") == "stderr"]


def test_a_drag_moves_z_and_the_picture(page):
    before = pixels(page, "decoded")
    z = get(page, "z")
    drag(page, (0.4, 0.4), (0.6, 0.7))
    assert abs(get(page, "z") - z).max() > 0.1
    assert abs(pixels(page, "decoded") - before).max() > 50


def test_a_drawn_digit_gets_a_posterior(page):
    page.get_by_test_id("pad").scroll_into_view_if_needed()
    stroke(page, [(0.5, 0.2), (0.5, 0.5), (0.5, 0.8)])
    page.wait_for_function(f"() => {ROOT}.explorer.get('mu').length === 2")
    assert (get(page, "log_var") < 0).all()


def test_it_goes_on_without_a_kernel(page, lab):
    for kernel in ask(lab, "/api/kernels"):
        ask(lab, f"/api/kernels/{kernel['id']}", method="DELETE")
    assert ask(lab, "/api/kernels") == []
    page.get_by_test_id("plane").scroll_into_view_if_needed()
    before = pixels(page, "decoded")
    drag(page, (0.3, 0.3), (0.7, 0.35))
    assert abs(pixels(page, "decoded") - before).max() > 50
    page.get_by_test_id("clear").click()
    page.get_by_test_id("pad").scroll_into_view_if_needed()
    stroke(page, [(0.3, 0.2), (0.7, 0.2), (0.5, 0.8)])
    page.wait_for_function(f"() => {ROOT}.explorer.get('mu').length === 2")
