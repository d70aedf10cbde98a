"""What all live pictures share: their files, their fixed repr, the page they save."""

import base64
import json
from pathlib import Path
from string import Template

import anywidget

HERE = Path(__file__).parent
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


def page_file(*names):
    """The text of `_common`, then of the picture's own files, name.js or name.css."""
    suffix = names[-1].split(".")[1]
    parts = (HERE / f"_common.{suffix}", *(HERE / name for name in names))
    return "\n".join(part.read_text("utf-8") for part in parts)


class LivePicture(anywidget.AnyWidget):
    """A widget that also saves itself as one page, which needs no kernel or network.

    A subclass sets `_esm` (and `_css` if it has its own) with `page_file`, `_saved` to
    the names of the traits that the page needs, `_title` to its title and `_about` to
    what it holds; its script exports `openSaved`.
    """

    _css = (HERE / "_common.css").read_text("utf-8")
    _saved = ()
    _title = ""
    _about = ""

    def __repr__(self):
        about = f"{self._about}. " if self._about else ""
        return f"{type(self).__name__}: {about}Run this cell to drag."

    def save_html(self, path):
        """Write the picture as one page that works offline."""
        state = {name: _as_json(getattr(self, name)) for name in self._saved}
        packed = json.dumps(state).replace("<", "\\u003c")  # no </script> from a label
        page = PAGE.substitute(
            title=self._title, css=self._css, esm=self._esm, state=packed
        )
        Path(path).write_text(page, encoding="utf-8")


def _as_json(value):
    """Bytes as base64, all else as it is."""
    if isinstance(value, bytes | memoryview):
        return {"base64": base64.b64encode(value).decode()}
    return value
