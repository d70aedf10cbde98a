"""LatentExplorer in Python: traits, bad input, the kernel's decoding, the page."""

import json
import re

import numpy as np
import pytest
import torch

from aevb_lib.widgets import LatentExplorer
from tests.benchmarks.explorer_latency import random_layers

J, D, N = 2, 784, 30
DRAW = np.random.default_rng(0)
Z = DRAW.normal(size=(N, J))
LABELS = np.arange(N) % 10
X = DRAW.random((N, D))
DECODER = random_layers(J, 20, D, "sigmoid")
ENCODER = random_layers(D, 20, 2 * J, "linear")


def decode(z):
    return np.full((28, 28), 1 / (1 + np.exp(-z[0])))


def encode(x):
    return x[:J], -x[J : 2 * J]


def kernel_explorer(**changes):
    options = {"encoder": encode, "x": X, **changes}
    return LatentExplorer(decode, Z, LABELS, **options)


def test_first_state():
    explorer = LatentExplorer(DECODER, Z, LABELS, encoder=ENCODER, x=X)
    assert min(np.abs(Z - explorer.z).sum(1)) < 1e-6  # z starts on a point
    assert (explorer.axes, explorer.picked, explorer.mu) == ([0, 1], -1, [])
    assert np.shape(explorer.eps) == (8, J)
    assert explorer._meta["shape"] == (28, 28)
    assert explorer._meta["decoder"] == [[20, J, "tanh"], [D, 20, "sigmoid"]]
    n_weights = 20 * J + 20 + D * 20 + D + 20 * D + 20 + 4 * 20 + 4
    assert len(explorer._weights) == 2 * n_weights
    pixels = np.frombuffer(explorer._pixels, np.uint8).reshape(N, D)
    assert abs(pixels / 255 - X).max() <= 0.5 / 255 + 1e-7


def test_repr_is_fixed():
    wanted = "LatentExplorer: 30 points, 2 latents. Run this cell to drag."
    explorer = LatentExplorer(DECODER, Z)
    assert repr(explorer) == wanted
    assert explorer._repr_mimebundle_()[0]["text/plain"] == wanted


def test_torch_tensors_are_taken():
    layers = [
        (torch.tensor(w, requires_grad=True), torch.tensor(b), a)
        for w, b, a in DECODER
    ]
    explorer = LatentExplorer(layers, torch.tensor(Z), torch.tensor(LABELS))
    reference = LatentExplorer(DECODER, Z, LABELS)
    assert explorer._weights == reference._weights
    assert explorer._points == reference._points
    assert explorer._labels == reference._labels


@pytest.mark.parametrize("shape", [(28, 28), (14, 56)])
def test_images_may_have_their_shape(shape):
    explorer = LatentExplorer(DECODER, Z, x=X.reshape(N, *shape))
    assert explorer._meta["shape"] == shape


# ----- a callable decoder and encoder, in the kernel -----------------------------


def test_the_kernel_decodes_each_z():
    explorer = kernel_explorer()
    for z in ([0.0, 0.0], [3.0, -1.0]):
        explorer.z = z
        assert explorer.image == bytes([round(255 / (1 + np.exp(-z[0])))]) * D
        assert explorer.image_z == z


def test_a_message_from_the_page_is_answered():
    explorer = kernel_explorer()
    explorer.set_state({"z": [1, -2]})
    assert explorer.image_z == [1.0, -2.0]
    explorer.set_state({"picked": -1, "drawing": memoryview(bytes([255] * D))})
    assert explorer.mu == [1.0, 1.0] and explorer.log_var == [-1.0, -1.0]


def test_picking_encodes_and_draws_samples():
    explorer = kernel_explorer()
    explorer.picked = 7
    x = np.round(255 * X[7]) / 255
    assert np.allclose(explorer.mu, x[:2]) and np.allclose(explorer.log_var, -x[2:4])
    assert explorer.z == explorer.mu
    z = np.array(explorer.mu) + np.exp(-x[2:4] / 2) * np.array(explorer.eps)
    images = np.frombuffer(explorer.samples, np.uint8).reshape(8, D)
    assert abs(images[:, 0] - 255 / (1 + np.exp(-z[:, 0]))).max() <= 0.51


def test_new_noise_means_new_samples():
    explorer = kernel_explorer()
    explorer.picked = 7
    before = explorer.samples
    explorer.eps = (-np.array(explorer.eps)).tolist()
    assert explorer.samples != before


def test_a_drawing_and_a_picked_point_take_turns():
    explorer = kernel_explorer()
    explorer.picked = 3
    explorer.drawing = bytes(D)
    assert explorer.picked == -1 and explorer.mu == [0.0, 0.0]
    explorer.picked = 3
    assert len(explorer.drawing) == 0
    explorer.picked = -1
    assert explorer.mu == explorer.log_var == []


def test_sliders_and_z_move_together():
    explorer = kernel_explorer()
    sliders = explorer.sliders().children
    assert [slider.value for slider in sliders] == explorer.z
    sliders[1].value = 0.25
    assert explorer.z[1] == 0.25
    explorer.z = [9.0, -2.0]
    assert [slider.value for slider in sliders] == [9.0, -2.0]
    assert explorer.z == [9.0, -2.0]


# ----- the saved page ------------------------------------------------------------


def test_the_saved_page_needs_nothing_else(tmp_path):
    labels = np.array(["</script>", "b"] * (N // 2))
    explorer = LatentExplorer(DECODER, Z, labels, encoder=ENCODER, x=X)
    explorer.z = [0.5, -0.5]
    explorer.save_html(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text("utf-8")
    outside = r"https?:|src=|\bimport\s*\(|\bfrom\s+[\"']|@import|url\("
    assert not re.search(outside, page)
    state = re.search(r'"application/json" id="state">(.*?)</script>', page)
    state = json.loads(state[1])
    assert state["z"] == [0.5, -0.5]
    assert state["_meta"]["classes"] == ["</script>", "b"]
    assert page.count("</script>") == 2


@pytest.mark.parametrize("role", ["decoder", "encoder"])
def test_a_callable_cannot_be_saved(tmp_path, role):
    networks = {"decoder": DECODER, "encoder": ENCODER}
    networks[role] = {"decoder": decode, "encoder": encode}[role]
    explorer = LatentExplorer(z=Z, **networks)
    with pytest.raises(ValueError, match=f"{role}: wanted layers"):
        explorer.save_html(tmp_path / "page.html")


# ----- bad input -----------------------------------------------------------------


def layers_with(number, **changes):
    """DECODER with weight, bias or activation of one layer replaced."""
    layers = [dict(zip(("weight", "bias", "activation"), one, strict=True))
              for one in DECODER]
    layers[number].update(changes)
    return [tuple(layer.values()) for layer in layers]


NAN = np.where(np.arange(N * J).reshape(N, J) == 5, np.nan, Z)
BAD = {
    "z of one axis": ({"z": Z[:, 0]}, r"z: wanted \(N, J\), got shape \(30,\)"),
    "no latent": ({"z": Z[:, :0]}, r"z: .* got an empty \(30, 0\)"),
    "no point": ({"z": Z[:0]}, r"z: .* got an empty \(0, 2\)"),
    "NaN": ({"z": NAN}, "z: wanted finite"),
    "words for z": ({"z": [["a", "b"]]}, r"z: wanted \(N, J\)"),
    "labels too short": ({"labels": LABELS[1:]}, r"wanted shape \(30,\).*got \(29,\)"),
    "halves for labels": ({"labels": LABELS / 2}, "labels: wanted classes"),
    "no layers": ({"decoder": []}, "decoder: wanted a callable or layers"),
    "two items": ({"decoder": [DECODER[0][:2]]}, r"\(weight, bias, activation\)"),
    "a chain that breaks": ({"decoder": [DECODER[0], DECODER[0]]},
                            r"decoder layer 1: wanted a weight of n_in = 20"),
    "z of other J": ({"z": Z[:, :1]}, "decoder layer 0: wanted .* n_in = 1"),
    "bias": ({"decoder": layers_with(1, bias=np.zeros(3))}, r"a bias of \(784,\)"),
    "activation": ({"decoder": layers_with(0, activation="relu")}, "got 'relu'"),
    "NaN weight": ({"decoder": layers_with(0, weight=np.full((20, 2), np.nan))},
                   "decoder layer 0 weight: wanted finite"),
    "huge weight": ({"decoder": layers_with(1, bias=np.full(D, 1e5))}, "float16"),
    "image_shape": ({"image_shape": (28, 27)}, r"\(rows, columns\) .* 784 pixels"),
    "no square": ({"decoder": [DECODER[0], (np.ones((7, 20)), np.ones(7), "sigmoid")]},
                  "image_shape: wanted .* 7 pixels, got None"),
    "callable's size": ({"decoder": lambda z: np.zeros(700), "image_shape": (28, 28)},
                        r"decoder's 700 pixels, got \(28, 28\)"),
    "callable's NaN": ({"decoder": lambda z: np.full(D, np.nan)}, "wanted finite"),
    "x of other D": ({"x": X[:, 1:]}, r"x: wanted \(30, 784\).*got shape \(30, 783\)"),
    "x of other N": ({"x": X[1:]}, r"x: .* got shape \(29, 784\)"),
    "x in bytes": ({"x": 255 * X}, r"x: wanted pixels in \[0, 1\]"),
    "x of other shape": ({"x": X.reshape(N, 16, 49), "image_shape": (28, 28)},
                         r"got shape \(30, 16, 49\)"),
    "encoder's output": ({"encoder": random_layers(D, 20, 3, "linear")},
                         "encoder: wanted 2 J = 4 outputs, mu and log_var, got 3"),
    "encoder's input": ({"encoder": random_layers(700, 20, 4, "linear")},
                        "encoder layer 0: wanted .* n_in = 784"),
    "encoder's sizes": ({"encoder": lambda x: (x[:2], x[:3])}, r"got shapes \(2,\)"),
    "encoder's type": ({"encoder": lambda x: x[:4]}, "got ndarray"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_named(name):
    changes, words = BAD[name]
    with pytest.raises(ValueError, match=words):
        LatentExplorer(**{"decoder": DECODER, "z": Z, **changes})


@pytest.mark.parametrize("name, value", [
    ("z", [0.0]), ("z", [np.nan, 0.0]), ("mu", [1.0]), ("log_var", [1.0, np.inf]),
    ("eps", [[1.0]]), ("eps", []), ("axes", [0, 0]), ("axes", [0, 2]), ("axes", [0]),
    ("picked", N), ("picked", -2), ("drawing", b"12"),
])
def test_a_bad_trait_is_named_and_not_kept(name, value):
    explorer = LatentExplorer(DECODER, Z)
    before = getattr(explorer, name)
    with pytest.raises(ValueError, match=f"{name}: wanted"):
        setattr(explorer, name, value)
    assert getattr(explorer, name) == before


def test_a_callable_that_changes_its_size_is_named():
    explorer = LatentExplorer(lambda z: np.zeros(9 if z[0] < 5 else 4), Z)
    with pytest.raises(ValueError, match="decoder: wanted 9 pixels"):
        explorer.z = [6.0, 0.0]


def test_one_latent_and_one_point_are_enough():
    explorer = LatentExplorer(random_layers(1, 5, 9, "sigmoid"), [[0.5]], ["a"])
    assert explorer.axes == [0] and explorer.path == "circle"
