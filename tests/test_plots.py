"""aevb_lib.plots: what is drawn, read back from the axes."""

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex
from scipy import stats

from aevb_lib import plots


@pytest.fixture
def ax():
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


def test_the_colours_mean_what_the_course_says():
    assert (plots.Q, plots.P) == ("#0072B2", "#D55E00")          # Okabe and Ito
    assert (plots.BOUND, plots.NOISE) == ("#000000", "#767676")
    assert len(set(plots.DIGITS)) == 10


def test_the_style_is_one_that_matplotlib_reads_without_a_warning():
    with warnings.catch_warnings(), plt.style.context("default"):
        warnings.simplefilter("error")
        plots.use_style()
        sizes = [plt.rcParams[key] for key in ("font.size", "axes.labelsize",
                                               "xtick.labelsize", "ytick.labelsize")]
        assert min(sizes) >= 9 and not plt.rcParams["axes.spines.top"]


@pytest.mark.parametrize("wrap", [np.asarray, torch.tensor])
def test_montage_lays_images_out_row_by_row(ax, wrap):
    images = np.arange(1, 31).reshape(5, 6) / 30
    plots.montage(wrap(images), (3, 2), columns=3, ax=ax)
    sheet = ax.images[0].get_array()
    assert sheet.shape == (7, 8) and not ax.axison
    np.testing.assert_array_equal(sheet[:3, 3:5], images[1].reshape(3, 2))
    np.testing.assert_array_equal(sheet[4:, :2], images[3].reshape(3, 2))
    assert sheet[3].all() and sheet[:, 2].all() and sheet[4:, 6:].all()


def test_montage_keeps_the_scale_from_0_to_1_and_can_leave_no_gap(ax):
    plots.montage(np.full((4, 6), 0.5), (3, 2), columns=2, ax=ax, gap=0)
    assert ax.images[0].get_clim() == (0, 1)
    assert ax.images[0].get_array().shape == (6, 4) and ax.images[0].get_array().all()


def test_latent_plane_draws_each_point_once_in_its_labels_colour(ax):
    mu, labels = torch.randn(20, 2), torch.arange(20) % 3
    assert plots.latent_plane(mu, labels, ax) is ax
    for label, dots in enumerate(ax.collections):
        np.testing.assert_allclose(dots.get_offsets(), mu[labels == label])
        assert to_hex(dots.get_facecolor()[0]).upper() == plots.DIGITS[label].upper()
    assert len(ax.collections) == 3 and ax.get_xlabel() == "$z_1$"


def test_prior_rings_name_the_share_that_lies_inside(ax):
    plots.prior_rings(ax)
    for circle, text in zip(ax.patches, ax.texts, strict=True):
        share = stats.chi2(2).cdf(circle.radius**2)              # of N(0, I), J = 2
        assert text.get_text() == f"{100 * share:.0f} %"


@pytest.mark.parametrize("cov", [np.array([[2.0, 0.8], [0.8, 0.5]]),
                                 np.array([[0.5, -0.3], [-0.3, 1.0]]),
                                 np.diag([1.0, 4.0]), torch.eye(2)])
def test_an_ellipse_is_n_sigma_from_its_mean_everywhere(ax, cov):
    mean = np.array([1.0, -2.0])
    plots.gaussian_ellipse(mean, cov, ax, n_sigma=3)
    (ellipse,) = ax.patches
    outline = ellipse.get_transform().transform(ellipse.get_path().vertices)
    centred = ax.transData.inverted().transform(outline)[:12] - mean
    inverse, on_curve = np.linalg.inv(np.asarray(cov)), slice(0, None, 3)
    distance = np.einsum("ni,ij,nj->n", centred, inverse, centred)[on_curve]
    np.testing.assert_allclose(np.sqrt(distance), 3, rtol=1e-6)


def test_an_ellipse_takes_a_colour_and_a_line_style(ax):
    plots.gaussian_ellipse([0, 0], np.eye(2), ax, color=plots.P, lw=5, ls=":")
    (ellipse,) = ax.patches
    assert to_hex(ellipse.get_edgecolor()).upper() == plots.P
    assert ellipse.get_linewidth() == 5 and not ellipse.get_fill()


def test_a_line_is_named_at_its_end_in_its_colour(ax):
    plots.label_end(ax, [100, 1000], [-200.0, -150], "train", color=plots.Q)
    label, = ax.texts
    assert (label.get_text(), label.xy) == ("train", (1000, -150))
    assert to_hex(label.get_color()) == plots.Q.lower()


def test_drawing_opens_no_figure_and_shows_nothing(ax, monkeypatch):
    monkeypatch.setattr(plt, "show", lambda: pytest.fail("plt.show() is the lesson's"))
    before = plt.get_fignums()
    plots.prior_rings(ax)
    plots.label_end(ax, [1, 2], [3, 4], "end")
    plots.montage(np.ones((4, 6)), (3, 2), 2, ax)
    assert plt.get_fignums() == before
