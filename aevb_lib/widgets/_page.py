"""One HTML page that holds a widget's state, style and script, and needs no more."""

import base64
import json
from pathlib import Path
from string import Template

PAGE = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>$title</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">
<style>
$css
body { margin: 0 auto; max-width: 760px; padding: 16px; background: var(--lex-bg); }
</style></head>
<body class="lex-theme"><main id="widget"></main>
<script type="application/json" id="state">$state</script>
<script type="module">
$esm
openSaved(document.getElementById("widget"), document.getElementById("state"));
</script></body></html>
""")


def as_json(value):
    """Bytes as base64, all else as it is."""
    if isinstance(value, bytes | memoryview):
        return {"base64": base64.b64encode(value).decode()}
    return value


def write_page(path, title, state, css, esm):
    """Write the page; `state` maps the traits' names to their values."""
    packed = json.dumps({name: as_json(value) for name, value in state.items()})
    page = PAGE.substitute(
        title=title,
        css=css,
        esm=esm,
        state=packed.replace("<", "\\u003c"),  # no </script> from a label
    )
    Path(path).write_text(page, encoding="utf-8")
