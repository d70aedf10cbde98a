"""aevb_lib.training and aevb_lib.loop: learning, chance, checkpoints, errors. All on a
model of 6 pixels."""

import contextlib
import copy
import math
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from aevb_lib import training
from aevb_lib.loop import History, Minibatches, print_progress
from aevb_lib.models import VAE
from aevb_lib.training import PAPER, TODAY, evaluate, sgvb_step, train

D, H, J, N = 6, 5, 2, 43
X = (torch.rand(N, 1, generator=torch.Generator().manual_seed(0)) < 0.5).float()
X = (X * torch.tensor([1.0, 1, 1, 0, 0, 0]) + 0.1) / 1.2         # two kinds of image
QUICK = replace(TODAY, M=10, learning_rate=0.02)
ADAGRAD = replace(PAPER, M=10)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def vae(seed=0, **sizes):
    return VAE(**{"D": D, "H": H, "J": J, "generator": generator(seed), **sizes})


def fit(recipe=QUICK, *, model=None, seed=1, epochs=3, x=X, report=None, **options):
    """Train a new small model. Returns it, and the History."""
    model = model or vae()
    history = train(model, x, recipe, generator=generator(seed), epochs=epochs,
                    report=report, **options)
    return model, history


def equal(model, other):
    return all(torch.equal(a, b) for a, b in
               zip(model.parameters(), other.parameters(), strict=True))


# ----- learning -----------------------------------------------------------------

@pytest.mark.parametrize("recipe", [QUICK, replace(ADAGRAD, learning_rate=0.1)])
def test_a_small_model_learns(recipe):
    model = vae()
    recipe.start(model, X, generator())
    start = evaluate(model, X, L=20)[0]
    _, history = fit(recipe, model=model, epochs=40)
    assert evaluate(model, X, L=20)[0] > start + 0.5
    assert history.train_bound[-1] > history.train_bound[0] + 0.5


def test_a_step_is_algorithm_1():
    model, x, eps = vae(), X[:10], torch.randn(2, 10, J, generator=generator())
    by_hand = copy.deepcopy(model)
    bound = N / 10 * by_hand.elbo(x, eps).sum()
    gradients = torch.autograd.grad(bound, list(by_hand.parameters()))
    sgvb_step(model, torch.optim.SGD(model.parameters(), lr=0.01), x, eps, N)
    for new, old, g in zip(model.parameters(), by_hand.parameters(), gradients,
                           strict=True):
        torch.testing.assert_close(new, old + 0.01 * g / N)       # ascent


def test_a_step_returns_the_two_terms_of_the_bound():
    model, x, eps = vae(), X[:10], torch.randn(2, 10, J, generator=generator())
    want = model.elbo(x, eps).mean().item()
    log_p, kl = sgvb_step(model, torch.optim.SGD(model.parameters(), 0.1), x, eps, N)
    assert log_p - kl == pytest.approx(want, rel=1e-5) and kl >= 0


def test_the_weight_prior_is_the_gradient_of_its_log_density():
    recipe = replace(PAPER, M=10, optimizer=lambda groups, lr, fused:
                     torch.optim.SGD(groups, lr=lr))
    model, x, eps = vae(), X[:10], torch.randn(1, 10, J, generator=generator())
    by_hand = copy.deepcopy(model)
    bound = N / 10 * by_hand.elbo(x, eps).sum()
    bound = bound - 0.5 * sum((w**2).sum() for w in by_hand.decoder.parameters())
    gradients = torch.autograd.grad(bound, list(by_hand.parameters()))
    sgvb_step(model, recipe.optimizer_for(model, N), x, eps, N)
    for new, old, g in zip(model.parameters(), by_hand.parameters(), gradients,
                           strict=True):
        torch.testing.assert_close(new, old + recipe.learning_rate * g / N)


# ----- recipes ------------------------------------------------------------------

def test_the_papers_recipe_is_that_of_section_5():
    assert (PAPER.M, PAPER.L, PAPER.start_std) == (100, 1, 0.01)
    optimizer = PAPER.optimizer_for(vae(), 50)
    assert isinstance(optimizer, torch.optim.Adagrad)
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0, 1 / 50]
    assert {PAPER.step_size(p) for p in (0, 0.3, 0.99)} == {PAPER.learning_rate}


def test_the_paper_starts_at_small_normal_parameters():
    model = vae(H=300)
    PAPER.start(model, X, generator())
    values = torch.cat([w.flatten() for w in model.parameters()])
    assert abs(values.mean().item()) < 4 * 0.01 / math.sqrt(len(values))
    assert values.std().item() == pytest.approx(0.01, rel=0.05)
    assert all(w.any() for w in model.parameters())              # biases as well


def test_todays_start_is_the_models_own_with_the_mean_image():
    model, before = vae(), vae()
    TODAY.start(model, X, generator())
    torch.testing.assert_close(torch.sigmoid(model.decoder.logits.bias), X.mean(0))
    with torch.no_grad():
        model.decoder.logits.bias.zero_()
    assert equal(model, before)
    optimizer = TODAY.optimizer_for(model, 50)
    assert not any(group["weight_decay"] for group in optimizer.param_groups)


def test_the_step_size_rises_and_then_falls_along_a_cosine():
    sizes = [TODAY.step_size(i / 1000) for i in range(1000)]
    assert max(sizes) == sizes[50] == TODAY.learning_rate
    assert sizes[:51] == sorted(sizes[:51]) and sizes[50:] == sorted(sizes[50:])[::-1]
    assert 0 < sizes[0] <= 0.01 * TODAY.learning_rate
    assert TODAY.step_size(0.05 + 0.95 / 2) == pytest.approx(TODAY.learning_rate / 2)
    assert sizes[-1] < 1e-4 * TODAY.learning_rate


def test_train_uses_the_step_size_of_its_recipe(monkeypatch):
    used = []
    monkeypatch.setattr(training, "sgvb_step", lambda model, optimizer, *_: (
        used.append({g["lr"] for g in optimizer.param_groups}), (0.0, 0.0))[1])
    fit(ADAGRAD, epochs=2)
    fit(QUICK, epochs=2)
    assert used == [{r.step_size(i / 10)} for r in (ADAGRAD, QUICK) for i in range(10)]


# ----- minibatches and chance ---------------------------------------------------

def test_an_epoch_visits_every_datapoint_once_in_a_new_order():
    batches = Minibatches(N, 10, generator())
    first, second = ([batches.next() for _ in range(5)] for _ in range(2))
    assert [len(batch) for batch in first] == [10, 10, 10, 10, 3]
    assert sorted(torch.cat(first).tolist()) == list(range(N))
    assert sorted(torch.cat(second).tolist()) == list(range(N))
    assert not torch.equal(torch.cat(first), torch.cat(second))


def test_a_last_odd_minibatch_has_its_own_factor(monkeypatch):
    seen = []
    monkeypatch.setattr(training, "sgvb_step", lambda model, optimizer, x, eps, n: (
        seen.append((tuple(x.shape), tuple(eps.shape), n)), (0.0, 0.0))[1])
    fit(replace(QUICK, L=2), epochs=1)
    assert seen == [((10, D), (2, 10, J), N)] * 4 + [((3, D), (2, 3, J), N)]


def test_the_same_generator_gives_the_same_numbers_whatever_the_global_seed():
    torch.manual_seed(1)
    first, history = fit(dynamic_binarisation=True)
    torch.manual_seed(2)
    again, history_again = fit(dynamic_binarisation=True)
    assert equal(first, again) and history == history_again


def test_another_generator_gives_others():
    assert not equal(fit(seed=1)[0], fit(seed=2)[0])


def spy(monkeypatch):
    """The minibatches that train hands to its steps."""
    seen, step = [], training.sgvb_step
    monkeypatch.setattr(training, "sgvb_step", lambda model, optimizer, x, *rest: (
        seen.append(x), step(model, optimizer, x, *rest))[1])
    return seen


def test_dynamic_binarisation_draws_new_pixels_each_time(monkeypatch):
    seen, grey = spy(monkeypatch), torch.full((20, D), 0.5)
    fit(x=grey, epochs=4, dynamic_binarisation=True)
    assert all(set(x.unique().tolist()) == {0, 1} for x in seen)
    assert len({tuple(x.flatten().tolist()) for x in seen}) == 8
    assert torch.stack(seen).mean().item() == pytest.approx(0.5, abs=0.1)
    assert (grey == 0.5).all()


def test_without_it_the_pixels_stay_as_they_are(monkeypatch):
    seen = spy(monkeypatch)
    fit(epochs=1)
    assert torch.equal(torch.cat(seen).sort(0).values, X.sort(0).values)


# ----- history ------------------------------------------------------------------

def test_the_history_has_a_row_an_epoch_and_its_bound_is_the_two_terms():
    _, history = fit(epochs=3)
    assert history.samples == [N, 2 * N, 3 * N] and history.test_bound == [None] * 3
    for bound, log_p, kl in zip(history.train_bound, history.log_p_x_given_z,
                                history.kl, strict=True):
        assert bound == log_p - kl and kl >= 0


def test_a_row_is_the_mean_over_datapoints_since_the_row_before(monkeypatch):
    terms = iter([(-5.0, 1.0), (-4.0, 2.0), (-3.0, 0.0), (-2.0, 1.0), (-1.0, 2.0)])
    monkeypatch.setattr(training, "sgvb_step", lambda *_: next(terms))
    _, history = fit(epochs=1, report_every=3)
    assert history.samples == [30, N]
    assert history.log_p_x_given_z == pytest.approx([-4, -23 / 13])
    assert history.kl == pytest.approx([1, 16 / 13])


def test_the_test_bound_is_that_of_evaluate():
    model, history = fit(x_test=X[:9])
    assert len(history.test_bound) == 3
    assert history.test_bound[-1] == evaluate(model, X[:9])[0]


def test_the_history_in_words(capsys):
    history = History()
    assert str(history) == "no report yet"
    history.add(12_000, -90.04, 10.0, None)
    assert str(history) == ("12,000 samples: bound -100.0 = -90.0 (log p(x|z)) "
                            "- 10.0 (KL) nats")
    history.add(24_000, -85.0, 12.5, -99.96)
    history.interrupted = True
    assert str(history).endswith("12.5 (KL) nats, test -100.0, interrupted")
    print_progress(history)
    assert capsys.readouterr().out == f"\r{str(history):<90}"


def test_the_report_is_called_at_each_row_and_print_progress_by_default(capsys):
    rows = []
    fit(report=lambda history: rows.append(len(history.samples)), report_every=2)
    assert rows == list(range(1, 9))
    train(vae(), X, QUICK, generator=generator(), epochs=1)
    assert f"\r{N} samples: bound -" in capsys.readouterr().out


# ----- evaluate -----------------------------------------------------------------

def test_evaluate_repeats_itself_whatever_the_global_seed():
    model = vae()
    torch.manual_seed(1)
    first = evaluate(model, X)
    torch.manual_seed(2)
    assert evaluate(model, X) == first
    assert evaluate(model, X, seed=1) != first


def test_evaluate_is_the_mean_bound_and_its_two_terms():
    model = vae()
    eps = torch.randn(3, N, J, generator=generator())
    kl, log_p = model.elbo_terms(X, eps)
    want = ((log_p.mean(0) - kl).mean().item(), log_p.mean().item(), kl.mean().item())
    assert evaluate(model, X, L=3) == pytest.approx(want, rel=1e-5)


def test_evaluate_in_parts_weighs_every_datapoint_the_same():
    model = vae()
    kl = evaluate(model, X)[2]                        # holds no noise
    assert evaluate(model, X, rows=10)[2] == pytest.approx(kl, rel=1e-6)
    assert evaluate(model, X, L=3000, rows=10)[0] == pytest.approx(
        evaluate(model, X, L=3000)[0], abs=0.02)


def test_evaluate_changes_nothing():
    model = vae()
    evaluate(model, X)
    assert equal(model, vae()) and all(w.grad is None for w in model.parameters())


# ----- checkpoints --------------------------------------------------------------

def cut_at(row):
    """A report that interrupts, as Ctrl-C does, when it sees this row."""
    def report(history):
        if len(history.samples) == row:
            raise KeyboardInterrupt
    return report


@pytest.mark.parametrize("recipe", [QUICK, ADAGRAD], ids=["Adam", "Adagrad"])
@pytest.mark.parametrize("every, row", [(None, 1), (None, 2), (2, 3), (3, 2)])
def test_cut_and_resumed_equals_uninterrupted_bit_for_bit(tmp_path, recipe, every, row):
    options = {"report_every": every, "x_test": X[:9], "dynamic_binarisation": True,
               "checkpoint": tmp_path / "c"}
    _, first = fit(recipe, report=cut_at(row), **options)
    resumed, history = fit(recipe, model=vae(seed=8), seed=9, **options)
    options["checkpoint"] = None
    whole, want = fit(recipe, **options)
    assert first.interrupted and len(first.samples) == row
    assert equal(resumed, whole) and asdict(history) == asdict(want)


def test_the_generator_too_is_where_it_would_be(tmp_path):
    ends = []
    for report, seed in ((cut_at(2), 1), (None, 5)):
        g = generator(seed)
        train(vae(), X, QUICK, generator=g, epochs=3, report=report,
              checkpoint=tmp_path / "c")
        ends.append(g)
    whole = generator(1)
    train(vae(), X, QUICK, generator=whole, epochs=3, report=None)
    assert torch.equal(ends[1].get_state(), whole.get_state())
    assert not torch.equal(ends[0].get_state(), whole.get_state())


def test_a_finished_run_is_not_run_again(tmp_path):
    model, history = fit(checkpoint=tmp_path / "c")
    again, history_again = fit(model=vae(seed=8), checkpoint=tmp_path / "c")
    assert equal(model, again) and history == history_again


def test_more_epochs_go_on_from_the_end(tmp_path):
    fit(checkpoint=tmp_path / "c")
    _, history = fit(epochs=5, checkpoint=tmp_path / "c")
    assert history.samples == [N, 2 * N, 3 * N, 4 * N, 5 * N]


def test_a_checkpoint_changes_no_number(tmp_path):
    assert equal(fit(checkpoint=tmp_path / "c")[0], fit()[0])
    assert [path.name for path in tmp_path.iterdir()] == ["c"]   # and leaves one file


def test_a_cut_while_writing_leaves_the_old_checkpoint_whole(tmp_path, monkeypatch):
    from aevb_lib import loop
    fit(epochs=1, checkpoint=tmp_path / "c")
    before = (tmp_path / "c").read_bytes()

    def broken(tensors, path, metadata):
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "save_file", broken)
    assert fit(epochs=2, checkpoint=tmp_path / "c")[1].interrupted
    assert (tmp_path / "c").read_bytes() == before


def damage(path, model):
    path.write_bytes(path.read_bytes()[:-20])


def empty(path, model):
    path.write_bytes(b"")


def a_vae_instead(path, model):
    model.save(path)


@pytest.mark.parametrize("spoil, words", [
    (damage, "is damaged"), (empty, "is damaged"),
    (a_vae_instead, "is no checkpoint of this model: wanted .*encoder.heads.bias"),
])
def test_a_spoiled_checkpoint_is_refused_and_nothing_changes(tmp_path, spoil, words):
    path, model, g = tmp_path / "c", vae(seed=8), generator(7)
    fit(checkpoint=path)
    spoil(path, model)
    spoiled = path.read_bytes()
    with pytest.raises(ValueError, match=words):
        train(model, X, QUICK, generator=g, epochs=3, checkpoint=path)
    assert equal(model, vae(seed=8)) and path.read_bytes() == spoiled
    assert torch.equal(g.get_state(), generator(7).get_state())


@pytest.mark.parametrize("sizes, x, words", [
    ({"H": 4}, X, "is no checkpoint of this model: wanted .*got"),
    ({"J": 3}, X, "is no checkpoint of this model"),
    ({"likelihood": "gaussian"}, X, "is no checkpoint of this model"),
    ({}, X[:42], "was written with N = 43 datapoints, here are 42"),
])
def test_another_models_or_sets_checkpoint_is_refused(tmp_path, sizes, x, words):
    fit(checkpoint=tmp_path / "c")
    model, g, before = vae(seed=8, **sizes), generator(7), (tmp_path / "c").read_bytes()
    with pytest.raises(ValueError, match=words):
        train(model, x, QUICK, generator=g, epochs=3, checkpoint=tmp_path / "c")
    assert equal(model, vae(seed=8, **sizes))
    assert torch.equal(g.get_state(), generator(7).get_state())
    assert (tmp_path / "c").read_bytes() == before


def test_a_checkpoint_of_another_likelihood_is_refused(tmp_path):
    fit(model=vae(likelihood="gaussian"), checkpoint=tmp_path / "c")
    with pytest.raises(ValueError, match="is no checkpoint of this model"):
        fit(model=vae(likelihood="gaussian-squashed"), checkpoint=tmp_path / "c")


def test_a_checkpoint_of_another_optimizer_is_refused(tmp_path):
    fit(QUICK, epochs=1, checkpoint=tmp_path / "c")
    with pytest.raises(ValueError, match="is no checkpoint of this"):
        fit(ADAGRAD, checkpoint=tmp_path / "c")


def test_a_checkpoint_holds_no_pickled_code(tmp_path):
    fit(checkpoint=tmp_path / "c")
    assert {name.split(".")[0] for name in load_file(tmp_path / "c")} == {
        "model", "optimizer", "order", "generator"}


# ----- stops --------------------------------------------------------------------

def test_an_interrupted_run_returns_what_it_has():
    model, history = fit(report=cut_at(2))
    assert history.interrupted and history.samples == [N, 2 * N]
    assert np.isfinite(evaluate(model, X)[0])
    assert not fit(model=model)[1].interrupted            # and goes on


def break_after(steps, model, value):
    """A report that puts a value into the encoder's bias after so many steps; keeps
    the parameters as they were then."""
    kept = []

    def report(history):
        if len(history.samples) == steps:
            with torch.no_grad():
                model.encoder.heads.bias[-1] = value      # a log_var
            kept.append(copy.deepcopy(model))
    report.kept = kept
    return report


@pytest.mark.parametrize("value", [math.nan, math.inf, 500.0])
def test_a_bound_that_is_not_finite_stops_before_that_step(value):
    model = vae()
    report = break_after(4, model, value)
    with pytest.raises(training.NonFiniteBound) as error:
        fit(model=model, report=report, report_every=1)
    assert "the bound is not finite at step 4 (mean log p(x|z)" in str(error.value)
    assert "Try a smaller learning_rate" in str(error.value)
    for now, then in zip(model.parameters(), report.kept[-1].parameters(), strict=True):
        assert torch.equal(now.nan_to_num(), then.nan_to_num())


def test_a_bound_that_overflows_only_as_a_sum_stops_or_goes_on():
    model = vae()
    report = break_after(4, model, 87.2)                  # mean finite, N times it not
    with contextlib.suppress(training.NonFiniteBound):
        fit(replace(QUICK, M=1), model=model, report=report, report_every=1)
        assert not equal(model, report.kept[-1])


def test_the_checkpoint_of_a_run_that_broke_is_the_last_good_one(tmp_path):
    model = vae()
    with pytest.raises(training.NonFiniteBound):
        fit(model=model, report=break_after(4, model, math.nan), report_every=1,
            checkpoint=tmp_path / "c")
    resumed, history = fit(model=vae(seed=8), report_every=1, checkpoint=tmp_path / "c")
    assert len(history.samples) == 15 and equal(resumed, fit(report_every=1)[0])


@pytest.mark.parametrize("options, words", [
    ({"recipe": replace(QUICK, M=44)}, "1 <= M <= N, got M = 44 and N = 43"),
    ({"recipe": replace(QUICK, M=0)}, "1 <= M <= N, got M = 0"),
    ({"x": X[:0]}, r"x_train must be \(N, 6\) with N >= 1 .* got \(0, 6\)"),
    ({"x": X[:, :5]}, r"x_train must be \(N, 6\).* got \(43, 5\)"),
    ({"x": X[0]}, r"x_train must be \(N, 6\).* got \(6,\)"),
    ({"x_test": X[:, :5]}, r"x_test must be \(N, 6\).* got \(43, 5\)"),
    ({"x_test": X[:0]}, r"x_test must be \(N, 6\).* got \(0, 6\)"),
    ({"x": X.where(X > 0.5, torch.nan)}, "x_train must be finite, got NaN or infinity"),
    ({"x_test": X / 0}, "x_test must be finite, .* 43 of 43 rows"),
    ({"epochs": 0}, "wanted at least 1 epoch, got 0"),
])
def test_bad_input_is_refused_before_the_model_changes(options, words):
    model = vae()
    with pytest.raises(ValueError, match=words):
        fit(**{"model": model, **options})
    assert equal(model, vae())
