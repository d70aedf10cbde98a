"""What every live picture owes its reader: it fits a phone, fingers can meet it, eyes
can read it, and each control has a name."""

import numpy as np
import pytest
from scipy import stats

from aevb_lib.widgets import (
    BoundExplorer,
    EvidenceExplorer,
    Family,
    FamilyExplorer,
    GradientExplorer,
    VarianceExplorer,
)
from tests.pages import put_in_notebook

Z = np.linspace(-5, 5, 201)
PRIOR = stats.norm.logpdf(Z)
NOISE = np.random.default_rng(0).standard_normal((2, 5, 30))


def variance(J):
    return VarianceExplorer(np.zeros((5, J)), np.ones((5, J)), *NOISE, np.zeros(5),
                            (np.zeros(J), np.eye(J)), log_evidence=0.1)


PICTURES = {
    "evidence": EvidenceExplorer(
        Z, Z / 2, PRIOR + stats.norm.logpdf(Z[:, None] / 2, Z, 0.5)),
    "bound": BoundExplorer(Z, PRIOR),
    "bound in the plane": BoundExplorer((Z, Z), PRIOR[:, None] + PRIOR),
    "gradient": GradientExplorer(sine=1.0, dimension=50),
    "variance": variance(1),
    "variance in the plane": variance(2),
    "family": FamilyExplorer({"Gaussian": Family(
        lambda eps, loc, scale: loc + scale * eps, NOISE[0, 0],
        {"loc": (-1, 1, 0), "scale": (0.5, 2, 1)}, stats.norm.pdf, "N(0, 1)", "z =")}),
}


@pytest.mark.parametrize("width", [360, 760])
@pytest.mark.parametrize("name", PICTURES)
def test_it_fits_and_can_be_touched_read_and_named(browser, name, width):
    context = browser.new_context(viewport={"width": width, "height": 900})
    page = context.new_page()
    put_in_notebook(page, PICTURES[name])
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    controls = ".lex :is(button, select, input, [tabindex])"
    small = page.evaluate("""(controls) => [...document.querySelectorAll(controls)]
        .filter((e) => { const { width, height } = e.getBoundingClientRect();
        return width < 43.9 || height < 43.9 }).map((e) => e.outerHTML)""", controls)
    assert small == []
    sizes = page.evaluate("""() => [...document.querySelectorAll(".lex *")].map(
        (e) => parseFloat(getComputedStyle(e).fontSize))""")
    assert min(sizes) >= 12
    nameless = page.evaluate("""(controls) => [...document.querySelectorAll(controls)]
        .filter((e) => !e.getAttribute("aria-label") && !e.textContent.trim())
        .map((e) => e.outerHTML)""", controls)
    assert nameless == []
    blank = page.evaluate("""() => [...document.querySelectorAll(".lex canvas")]
        .filter((canvas) => !canvas.getContext("2d").getImageData(0, 0, canvas.width,
        canvas.height).data.some((value) => value)).length""")
    assert blank == 0
    context.close()
