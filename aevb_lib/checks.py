"""Layer 0. What the check cells of the lessons call.

`check` and `check_mc` hold a derivation to an exact answer and raise if it fails.
`exercise` holds a learner's answer to it and tells what is wrong; it never raises.
"""

import numpy as np

STANDARD_ERRORS = 4        # a right answer fails once in 16,000 times


def check(key, got, want, atol=1e-10):
    """Assert |got - want| <= atol elementwise; print one line that says so.

    got, want: numbers, arrays or tensors of one shape. Raises AssertionError with
    both numbers where they differ most; a NaN differs from everything.
    """
    got, want = _array(got), _array(want)
    if got.shape != want.shape:
        raise AssertionError(f"{key}: shape {got.shape}, wanted {want.shape}")
    if got.size == 0:
        raise AssertionError(f"{key}: there is nothing to compare")
    error = np.abs(got - want)
    if not np.all(error <= atol):
        at = np.unravel_index(np.argmax(np.nan_to_num(error, nan=np.inf)), got.shape)
        raise AssertionError(
            f"{key}: got {got[at]:.10g}, wanted {want[at]:.10g}, "
            f"which differ by {error[at]:.2g}, more than {atol:.2g}"
        )
    many = f" ({got.size} values)" if got.size > 1 else ""
    how = f"within {atol:.0e} of" if atol else "equal to"
    print(f"{key}: passed, {how} the exact answer{many}")


def check_mc(key, samples, want):
    """Assert that the mean of independent samples lies within 4 standard errors of
    the exact answer; print mean, standard error and answer.

    samples (n,) or (n, ...), averaged over the first axis; want a number or (...).
    """
    samples, want = _array(samples), _array(want)
    if len(samples) < 2 or samples.shape[1:] != want.shape:
        raise AssertionError(
            f"{key}: wanted samples of shape (n,) + {want.shape}, got {samples.shape}"
        )
    mean = samples.mean(0)
    se = samples.std(0, ddof=1) / np.sqrt(len(samples))
    distance = np.abs(mean - want) / np.maximum(se, 1e-300)
    if not np.all((distance <= STANDARD_ERRORS) | (np.abs(mean - want) <= 1e-12)):
        raise AssertionError(
            f"{key}: mean {mean} +- {se} is more than {STANDARD_ERRORS} standard "
            f"errors from {want}"
        )
    if mean.ndim == 0:
        digits = max(0, 1 - int(np.floor(np.log10(max(se, 1e-12)))))
        print(f"{key}: passed, {mean:.{digits}f} +- {se:.{digits}f} "
              f"(standard error), exact {want:.{digits}f}")
    else:
        print(f"{key}: passed, {mean.size} means within {STANDARD_ERRORS} standard "
              f"errors, the farthest at {distance.max():.1f}")


def exercise(key, attempt, want, atol=1e-6, mistakes=None):
    """Compare a learner's answer with the right one; print passed, differs or not
    yet. It never raises.

    attempt: the answer, or a function without arguments that computes it. An answer
    that is still `...` or None is "not yet". mistakes: {hint: wrong answer}; when
    the attempt equals a wrong answer, its hint is printed.
    """
    try:
        got = attempt() if callable(attempt) else attempt
        got = None if _is_missing(got) else _array(got)
        want = _array(want)
    except NotImplementedError:
        got = None
    except Exception as error:                      # a learner's code may do anything
        print(f"{key}: differs. It raised {type(error).__name__}: {error}")
        return
    if got is None:
        print(f"{key}: not yet. Replace the ... above and run both cells again.")
        return
    same_shape = got.shape == want.shape and got.size > 0
    if same_shape and np.all(np.abs(got - want) <= atol):
        print(f"{key}: passed")
        return
    hints = [f" Hint: {hint}." for hint, wrong in (mistakes or {}).items()
             if got.shape == _array(wrong).shape
             and np.allclose(got, _array(wrong), atol=atol)]
    if same_shape:
        error = np.nan_to_num(np.abs(got - want), nan=np.inf)
        at = np.unravel_index(np.argmax(error), got.shape)
        difference = f"You have {got[at]:.6g}, wanted {want[at]:.6g}."
    else:
        difference = f"Your shape is {got.shape}, wanted {want.shape}."
    print(f"{key}: differs. {difference}" + "".join(hints[:1]))


def _is_missing(value):
    if isinstance(value, (tuple, list)):
        return any(_is_missing(item) for item in value)
    return value is None or value is Ellipsis


def _array(value):
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    return np.asarray(value, dtype=np.float64)
