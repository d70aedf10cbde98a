"""What the tests of live pictures say to a page in a real browser."""

import base64
import json

from tests.benchmarks.explorer_latency import CHROMIUM

NO_BROWSER = "" if CHROMIUM else "chromium is missing"
try:
    from playwright import sync_api
except ImportError:
    sync_api, NO_BROWSER = None, "playwright is missing"

# A model as a notebook gives it, with the widget's two views on it, in the page.
NOTEBOOK = """async ([esm, state]) => {
    for (const [name, value] of Object.entries(state))
        if (value?.base64 !== undefined) state[name] = new DataView(
            Uint8Array.from(atob(value.base64), (c) => c.charCodeAt(0)).buffer);
    const handlers = {};
    const model = {
        saves: 0, dead: false, values: state,
        get: (name) => state[name],
        set(name, value) {
            if (state[name] === value) return;
            state[name] = value;
            handlers[`change:${name}`]?.forEach((handler) => handler());
        },
        on(name, handler) { (handlers[name] ??= new Set()).add(handler) },
        off(name, handler) { handlers[name]?.delete(handler) },
        save_changes() { this.saves += 1; if (this.dead) throw new Error("dead") },
        handlers: () => Object.values(handlers).reduce((n, set) => n + set.size, 0),
    };
    const url = URL.createObjectURL(new Blob([esm], { type: "text/javascript" }));
    const widget = (await import(url)).default();
    const cleanups = [await widget.initialize({ model })];
    for (let k = 0; k < 2; k++) {
        const el = document.body.appendChild(document.createElement("div"));
        cleanups.push(await widget.render({ model, el }));
    }
    const { state: shared } = document.querySelector(".lex");
    window.notebook = { model, cleanups, state: shared };
}"""


def frame(page, count=2):
    """Wait until the page has drawn: `count` animation frames."""
    page.evaluate("""async (count) => { while (count--)
        await new Promise(requestAnimationFrame) }""", count)


def place(page, element, across, down):
    """A spot of an element (or the one of that test id), in fractions of its sides."""
    if isinstance(element, str):
        element = page.get_by_test_id(element)
    box = element.bounding_box()
    return box["x"] + across * box["width"], box["y"] + down * box["height"]


def put_in_notebook(page, picture):
    """Show two views of a picture with a model that the page can play the kernel of:
    afterwards `notebook.model`, `.state` and `.cleanups` are there."""
    page.goto("about:blank")
    page.add_style_tag(content=picture._css)
    state = {}
    for name in set(picture.keys) - {"layout", "comm", "tabbable", "tooltip"}:
        value = getattr(picture, name)
        if isinstance(value, bytes | memoryview):
            value = {"base64": base64.b64encode(value).decode()}
        if name in ("_esm", "_css") or name.startswith(("_model", "_view", "_dom")):
            continue
        state[name] = value
    page.evaluate(NOTEBOOK, [picture._esm, json.loads(json.dumps(state))])
    frame(page, 3)
