"""VarianceExplorer: its traits, bad input, and its page against the library."""

import numpy as np
import pytest
import torch

from aevb_lib.densities import kl_normal, log_normal, log_standard_normal
from aevb_lib.sgvb import elbo_a, elbo_b, reparameterize
from aevb_lib.widgets import VarianceExplorer
from tests.pages import frame, place, put_in_notebook, sync_api

T, L = 41, 60
STATE = "document.querySelector('[data-testid=variance-explorer]').state"


class Case:
    """x | z ~ N(2 z, 1) in each of J latents; q walks to the exact posterior."""

    def __init__(self, J, L=L):
        self.J, x = J, torch.tensor([[2.0, -1.0][:J]], dtype=torch.float64)
        self.mean, self.cov = 0.4 * x[0].numpy(), 0.2 * np.eye(J)
        t = torch.linspace(0, 1, T, dtype=torch.float64)[:, None]
        self.mu = -0.5 + t * (0.4 * x + 0.5)
        self.sigma = 0.1 * (0.2**0.5 / 0.1) ** t.expand(T, J)
        noise = np.random.default_rng(2).standard_normal((L, J))
        eps = torch.tensor(noise)[:, None].expand(L, T, J)
        log_var = 2 * self.sigma.log()
        z = reparameterize(self.mu, log_var, eps)
        log_x = log_normal(x, 2 * z, torch.zeros_like(z))
        log_z, log_q = log_standard_normal(z), log_normal(z, self.mu, log_var)
        kl = kl_normal(self.mu, log_var)
        self.a = torch.stack([elbo_a(*(v[None] for v in values)) for values
                              in zip(log_x, log_z, log_q, strict=True)], 1).numpy()
        self.b = torch.stack([elbo_b(kl, one[None]) for one in log_x], 1).numpy()
        self.evidence = log_normal(x, 0 * x, torch.full_like(x, 5).log()).item()
        gap = 0.5 * (5 * self.sigma**2 + 5 * (self.mu - 0.4 * x) ** 2 - 1
                     - (5 * self.sigma**2).log()).sum(1)
        self.bound = self.evidence - gap.numpy()

    def explorer(self, **changes):
        given = {"mu": self.mu, "sigma": self.sigma, "a": self.a, "b": self.b,
                 "bound": self.bound, "posterior": (self.mean, self.cov)}
        return VarianceExplorer(**{**given, **changes})


CASES = {J: Case(J) for J in (1, 2)}

# ----- Python --------------------------------------------------------------------


def test_first_state_and_repr():
    explorer = CASES[1].explorer()
    assert (explorer.step, explorer.playing) == (0, False)
    assert repr(explorer) == (
        "VarianceExplorer: 41 steps to the posterior. Run this cell to drag.")


def test_the_first_400_draws_are_sent_and_all_are_counted():
    case = Case(1, L=1000)
    explorer = case.explorer()
    assert len(explorer._a) == 4 * T * 400
    curves = np.frombuffer(explorer._curves).reshape(7, T)
    assert np.allclose(curves[3], case.a.var(1, ddof=1), rtol=1e-12)


ONES = np.ones(T)
BAD = {
    "one axis": ({"mu": ONES}, r"mu: wanted \(T, J\), got shape \(41,\)"),
    "J = 3": ({"mu": np.ones((T, 3))}, r"J = 1 or 2, got \(41, 3\)"),
    "one step": ({"mu": np.ones((1, 1))}, "T >= 2"),
    "sigma's shape": ({"sigma": np.ones((T, 2))}, r"sigma: wanted .* got shape"),
    "sigma": ({"sigma": np.zeros((T, 1))}, "sigma: wanted more than 0, got 0"),
    "a's steps": ({"a": np.ones((3, L))}, r"a: wanted \(T, L\), got shape \(3, 60\)"),
    "b's draws": ({"b": np.ones((T, 9))}, r"b: wanted \(T, L\) as a, got shape"),
    "no draws": ({"a": np.ones((T, 0))}, r"a: wanted .* got shape \(41, 0\)"),
    "one draw": ({"a": np.ones((T, 1)), "b": np.ones((T, 1))}, "a: wanted L >= 2"),
    "NaN": ({"a": np.full((T, L), np.nan)}, "a: wanted finite"),
    "words": ({"bound": ["x"] * T}, r"bound: wanted \(T,\)"),
    "bound": ({"bound": ONES[1:]}, r"bound: wanted \(T,\), got shape \(40,\)"),
    "no pair": ({"posterior": [0.0]}, "posterior: wanted a pair"),
    "mean": ({"posterior": ([0.0, 1.0], np.eye(1))}, r"posterior mean: wanted \(1,\)"),
    "cov": ({"posterior": ([0.0], [[-1.0]])}, "posterior cov: wanted a symmetric, pos"),
    "var_a": ({"var_a": -ONES}, "var_a: wanted no negative"),
    "var_b": ({"var_b": ONES[1:]}, r"var_b: wanted \(T,\)"),
    "evidence": ({"log_evidence": [1.0]}, "log_evidence: wanted a number"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_named(name):
    changes, words = BAD[name]
    with pytest.raises(ValueError, match=words):
        CASES[1].explorer(**changes)


@pytest.mark.parametrize("step", [-1, T])
def test_a_bad_step_is_named_and_not_kept(step):
    explorer = CASES[1].explorer()
    with pytest.raises(ValueError, match="step: wanted 0 to 40"):
        explorer.step = step
    assert explorer.step == 0


# ----- the page's numbers --------------------------------------------------------


@pytest.mark.parametrize("J", CASES)
def test_the_page_has_the_library_s_numbers(open_page, J):
    case = CASES[J]
    page = open_page(case.explorer(log_evidence=case.evidence))
    for step in (0, 17, 40):
        page.get_by_test_id("step").fill(str(step))
        got = page.evaluate(f"{STATE}.summary()")
        assert got["step"] == step and abs(got["bound"] - case.bound[step]) < 1e-12
        for name, values in (("a", case.a[step]), ("b", case.b[step])):
            assert abs(got[name]["mean"] - values.mean()) < 1e-12
            assert abs(got[name]["variance"] - values.var(ddof=1)) < 1e-12
            error = values.std(ddof=1) / np.sqrt(L)
            assert abs(got[name]["error"] - error) < 1e-12
            dots = page.evaluate(f"""() => Array.from({{ length: {L} }},
                (_, k) => {STATE}.now({STATE}.dots.{name}, {L}, k))""")
            assert abs(dots - values).max() < 1e-5
        assert abs(case.a[step].mean() - case.bound[step]) < 4 * case.a[step].std()


def test_exact_variances_take_the_place_of_the_sample_s(open_page):
    page = open_page(CASES[1].explorer(var_a=2 * ONES, var_b=0.5 * ONES))
    got = page.evaluate(f"{STATE}.summary()")
    assert (got["a"]["variance"], got["b"]["variance"]) == (2, 0.5)
    assert "B is quieter, by a factor of 4." in words(page)


def words(page):
    return page.get_by_test_id("readout").inner_text()


@pytest.mark.parametrize("J", CASES)
def test_at_the_posterior_a_has_no_variance_and_b_has(open_page, J):
    case = CASES[J]
    page = open_page(case.explorer(log_evidence=case.evidence))
    variance = case.b[0].var(ddof=1)
    assert f"B {variance:.3g} nats²." in words(page)
    page.get_by_test_id("step").fill("40")
    frame(page)
    sign = "−" if case.evidence < 0 else ""
    number = f"{sign}{abs(case.evidence):.3f} nats"
    assert f"bound = {number}, log p(x) = {number}." in words(page)
    assert f"A below 10⁻⁶, B {case.b[40].var(ddof=1):.3g} nats²" in words(page)
    assert "A is exact at every draw." in words(page)
    spread = np.ptp(page.evaluate(f"[...{STATE}.dots.a].slice(-{L})"))
    assert spread < 1e-5  # its dots stand on one line


# ----- drag, keys, Play ----------------------------------------------------------


def step(page):
    return page.evaluate(f"{STATE}.get('step')")


def test_keys_step(open_page):
    page = open_page(CASES[2].explorer())
    page.get_by_test_id("steps").focus()
    for key, want in (("ArrowRight", 1), ("Shift+ArrowRight", 11), ("ArrowLeft", 10),
                      ("End", 40), ("ArrowRight", 40), ("Home", 0), ("ArrowLeft", 0)):
        page.keyboard.press(key)
        assert step(page) == want
    page.keyboard.press("Space")
    assert page.evaluate(f"{STATE}.get('playing')")
    page.keyboard.press("ArrowRight")  # a step by hand ends the walk
    assert not page.evaluate(f"{STATE}.get('playing')")


def test_a_drag_over_the_variances_steps(open_page):
    page = open_page(CASES[1].explorer())
    chart = f"[...{STATE}.views][0].variances.chart"
    left, right, wide = page.evaluate(f"[{chart}.left, {chart}.right, {chart}.wide]")

    def at(step):
        return place(page, "steps", (left + (right - left) * step / 40) / wide, 0.5)

    page.mouse.move(*at(12))
    page.mouse.down()
    assert step(page) == 12
    page.mouse.move(*at(30), steps=5)
    assert step(page) == 30
    page.mouse.move(at(40)[0] + 30, at(40)[1])
    page.mouse.up()
    assert step(page) == 40
    page.mouse.move(*at(5))
    assert step(page) == 40


def test_play_walks_to_the_end_and_then_again(open_page):
    page = open_page(CASES[2].explorer())
    page.get_by_test_id("step").fill("34")
    button = page.get_by_test_id("play")
    button.click()
    sync_api.expect(button).to_contain_text("Pause")
    page.wait_for_function(f"{STATE}.get('step') === 40")
    frame(page)
    assert not page.evaluate(f"{STATE}.get('playing')")
    assert "Play" in button.inner_text()
    button.click()
    page.wait_for_function(f"{STATE}.part > 0")
    assert step(page) < 20
    button.click()
    here = step(page)
    frame(page, 20)
    assert step(page) == here


def test_play_jumps_for_those_who_ask_for_rest(open_page):
    page = open_page(CASES[2].explorer(), reduced_motion="reduce")
    page.get_by_test_id("play").click()
    frame(page, 5)
    assert step(page) == 0
    page.wait_for_function(f"{STATE}.get('step') > 0")
    assert step(page) == 6 and page.evaluate(f"{STATE}.part") == 0


def test_the_state_is_said(open_page):
    page = open_page(CASES[1].explorer())
    page.get_by_test_id("steps").focus()
    page.keyboard.press("End")
    live = sync_api.expect(page.get_by_test_id("live"))
    live.to_contain_text("Step 40 of 40: bound = minus 2.1")
    live.to_contain_text("A below a millionth, B 0.")
    assert page.get_by_test_id("steps").get_attribute("aria-valuenow") == "40"


def test_nothing_varies_and_one_point(open_page):
    flat = np.zeros((T, 2))
    page = open_page(CASES[1].explorer(a=flat, b=flat, bound=0 * ONES))
    assert "Both are exact." in words(page)


# ----- in a notebook -------------------------------------------------------------


def test_two_views_share_a_state_and_the_kernel_moves_both(browser):
    page = browser.new_page()
    put_in_notebook(page, CASES[2].explorer())
    page.get_by_test_id("step").first.fill("9")
    page.wait_for_function("notebook.model.values.step === 9")
    page.evaluate("notebook.model.set('step', 23)")
    frame(page)
    for text in page.get_by_test_id("readout").all_inner_texts():
        assert text.startswith("Step 23 of 40")
    page.evaluate("notebook.model.dead = true; notebook.state.goTo(3)")
    frame(page)
    assert words_first(page).startswith("Step 3 of 40")
    page.evaluate("notebook.cleanups.reverse().forEach((cleanup) => cleanup())")
    assert page.evaluate("notebook.model.handlers()") == 0
    page.close()


def words_first(page):
    return page.get_by_test_id("readout").first.inner_text()
