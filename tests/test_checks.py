"""aevb_lib.checks: what passes, what fails, what is printed."""

import warnings

import numpy as np
import pytest
import torch

from aevb_lib.checks import check, check_mc, exercise

NAN, INF = float("nan"), float("inf")


# ----- check --------------------------------------------------------------------

@pytest.mark.parametrize("got, want, line", [
    (1.0, 1.0, "eq7: passed, within 1e-10 of the exact answer\n"),
    ([1.0, 2.0], np.array([1.0, 2.0 + 1e-11]),
     "eq7: passed, within 1e-10 of the exact answer (2 values)\n"),
    (torch.ones(2, 3, requires_grad=True), np.ones((2, 3)),
     "eq7: passed, within 1e-10 of the exact answer (6 values)\n"),
])
def test_check_passes_and_says_how_near(capsys, got, want, line):
    check("eq7", got, want)
    assert capsys.readouterr().out == line


@pytest.mark.parametrize("got, want, words", [
    (1.0, 1.001, r"eq7: got 1, wanted 1.001, which differ by 0.001, more than 1e-10"),
    ([1.0, 2.0, 3.0], [1.0, 2.5, 3.1], r"got 2, wanted 2.5, which differ by 0.5"),
    ([1.0, 2.0], [1.0], r"eq7: shape \(2,\), wanted \(1,\)"),
    (np.ones((2, 1)), np.ones(2), r"shape \(2, 1\), wanted \(2,\)"),
    (1.0, [1.0], r"shape \(\), wanted \(1,\)"),
])
def test_check_fails_with_both_numbers_where_they_differ_most(got, want, words):
    with pytest.raises(AssertionError, match=words):
        check("eq7", got, want)


@pytest.mark.parametrize("got, want", [(NAN, 1.0), (1.0, NAN), (NAN, NAN), (INF, 1.0),
                                       ([1.0, NAN], [1.0, 1.0])])
def test_check_never_passes_nan_or_infinity(capsys, got, want):
    with pytest.raises(AssertionError, match="nan|inf"):
        check("eq7", got, want, atol=1e9)
    assert capsys.readouterr().out == ""


def test_the_tolerance_of_check_is_absolute_and_included():
    check("k", 1000.0, 1000.5, atol=0.5)
    with pytest.raises(AssertionError):
        check("k", 1000.0, 1000.5, atol=0.49)


def test_check_does_not_pass_without_a_number():
    with pytest.raises(AssertionError):
        check("k", [], [])


# ----- check_mc -----------------------------------------------------------------

SAMPLES = np.random.default_rng(0).standard_normal((10_000, 3)) + [1, 2, 3]


def test_check_mc_prints_mean_standard_error_and_answer(capsys):
    check_mc("mc", np.tile([0.5, 1.5], 200), 1.02)
    assert capsys.readouterr().out == (
        "mc: passed, 1.000 +- 0.025 (standard error), exact 1.020\n")


def test_check_mc_of_many_means_says_how_far_the_farthest_is(capsys):
    check_mc("mc", torch.tensor(SAMPLES), [1, 2, 3])
    assert "mc: passed, 3 means within 4 standard errors" in capsys.readouterr().out


@pytest.mark.parametrize("shift, passes", [(3.9, True), (4.1, False), (-4.1, False)])
def test_check_mc_draws_the_line_at_4_standard_errors(shift, passes):
    x = SAMPLES[:, 0]
    want = x.mean() + shift * x.std(ddof=1) / np.sqrt(len(x))
    if passes:
        check_mc("mc", x, want)
    else:
        with pytest.raises(AssertionError, match="mc: mean .* is more than 4 standard"):
            check_mc("mc", x, want)


def test_one_wrong_mean_of_many_fails():
    with pytest.raises(AssertionError):
        check_mc("mc", SAMPLES, [1, 2.1, 3])


@pytest.mark.parametrize("samples, want", [
    ([NAN, 1, 1], 1.0), ([1, 1, 1], NAN), ([NAN] * 3, NAN), ([INF, 1, 1], 1.0),
])
def test_check_mc_never_passes_nan_or_infinity(samples, want):
    with warnings.catch_warnings(), pytest.raises(AssertionError):
        warnings.simplefilter("ignore")
        check_mc("mc", samples, want)


def test_samples_that_are_all_equal_pass_only_at_their_value(capsys):
    check_mc("mc", np.full(5, 2.0), 2.0)
    assert "2.0" in capsys.readouterr().out
    with pytest.raises(AssertionError):
        check_mc("mc", np.full(5, 2.0), 2.001)


@pytest.mark.parametrize("samples, want", [([1.0], 1.0), (np.ones((5, 2)), np.ones(3)),
                                           (np.ones((5, 2)), 1.0), ([], 0.0)])
def test_check_mc_wants_two_samples_or_more_of_the_right_shape(samples, want):
    with pytest.raises(AssertionError, match=r"wanted samples of shape \(n,\)"):
        check_mc("mc", samples, want)


# ----- exercise -----------------------------------------------------------------

def said(capsys, *args, **options):
    """The one line that exercise prints."""
    exercise("ex1", *args, **options)
    out = capsys.readouterr().out
    assert out.count("\n") == 1 and out.startswith("ex1: ")
    return out.removeprefix("ex1: ").strip()


@pytest.mark.parametrize("attempt, want", [
    (2.0, 2.0), (2, 2.0), (np.ones(3), [1, 1, 1]), (torch.ones(3), [1, 1, 1]),
    (torch.ones(3, requires_grad=True), [1, 1, 1]), (lambda: 2.0 + 1e-7, 2.0),
    ((1.0, 2.0), [1, 2]), (True, 1),
])
def test_a_right_answer_passes(capsys, attempt, want):
    assert said(capsys, attempt, want) == "passed"


def not_written():
    raise NotImplementedError


@pytest.mark.parametrize("attempt", [
    ..., None, (..., 1.0), [1.0, None], ((1.0, ...), 2.0), lambda: ..., lambda: None,
    lambda: (..., ...), not_written,
])
def test_an_answer_left_open_is_not_yet(capsys, attempt):
    said_now = said(capsys, attempt, [1.0, 2.0])
    assert said_now.startswith("not yet. Replace the ...")


@pytest.mark.parametrize("attempt, want, words", [
    (3.0, 2.0, "differs. You have 3, wanted 2."),
    ([1.0, 5.0, 2.0], [1.0, 3.0, 2.5], "differs. You have 5, wanted 3."),
    ([1.0, 2.0], [1.0, 2.0, 3.0], "differs. Your shape is (2,), wanted (3,)."),
    (np.ones((2, 1)), np.ones(2), "differs. Your shape is (2, 1), wanted (2,)."),
    (NAN, 2.0, "differs. You have nan, wanted 2."),
    (INF, 2.0, "differs. You have inf, wanted 2."),
    ([1.0, NAN], [1.0, 2.0], "differs. You have nan, wanted 2."),
    (lambda: 1 / 0, 2.0, "differs. It raised ZeroDivisionError: division by zero"),
    (lambda: torch.ones(2) @ torch.ones(3), 2.0, "differs. It raised RuntimeError: "),
    (lambda x: x, 2.0, "differs. It raised TypeError: "),
    (torch.nn.Linear(2, 2), 2.0, "differs. It raised TypeError: "),
    ("a", 2.0, "differs. It raised ValueError: "),
    ({}, 2.0, "differs. It raised TypeError: "),
    ((np.ones(2), np.ones(3)), 2.0, "differs. It raised ValueError: "),
    (np.array([1, ...], dtype=object), [1, 2], "differs. It raised TypeError: "),
    ([], 2.0, "differs. Your shape is (0,), wanted ()."),
])
def test_anything_else_differs_and_nothing_is_raised(capsys, attempt, want, words):
    assert said(capsys, attempt, want).startswith(words)


def test_a_known_mistake_gets_its_hint(capsys):
    mistakes = {"the sign is turned": -2.0, "a factor 2 is missing": 1.0,
                "of another shape": [1.0, 1.0]}
    assert said(capsys, 1.0, 2.0, mistakes=mistakes) == (
        "differs. You have 1, wanted 2. Hint: a factor 2 is missing.")
    assert "Hint" not in said(capsys, 5.0, 2.0, mistakes=mistakes)
    assert said(capsys, 2.0, 2.0, mistakes=mistakes) == "passed"


def test_the_tolerance_of_an_exercise(capsys):
    assert said(capsys, 2.1, 2.0, atol=0.2) == "passed"
    assert said(capsys, 2.1, 2.0).startswith("differs")
