"""What the widgets accept: arrays, labels, layers and images, checked once.

Every function returns the checked value or raises a ValueError that says what was
wanted and what came. torch tensors pass through `np.asarray`.
"""

import math

import numpy as np

ACTIVATIONS = {
    "tanh": np.tanh,
    "sigmoid": lambda a: 0.5 * (1 + np.tanh(a / 2)),
    "linear": lambda a: a,
}


def as_array(name, value, wanted, ndim=None):
    """`value` as finite float32; `wanted` is the shape in words, for the message."""
    if hasattr(value, "detach"):  # a torch tensor that carries a gradient
        value = value.detach().cpu()
    try:
        array = np.asarray(value, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: wanted {wanted}, {error}") from error
    if ndim is not None and array.ndim != ndim:
        raise ValueError(f"{name}: wanted {wanted}, got shape {array.shape}")
    if array.size == 0:
        raise ValueError(f"{name}: wanted {wanted}, got an empty {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: wanted finite numbers, got NaN or infinity")
    return array


def as_labels(labels, n_points):
    """(N,) labels -> (class names in order, int16 index of each point's class)."""
    if labels is None:
        return [], np.zeros(0, np.int16)
    labels = np.asarray(labels)
    if labels.shape != (n_points,):
        wanted = f"({n_points},), one label a row of z"
        raise ValueError(f"labels: wanted shape {wanted}, got {labels.shape}")
    if labels.dtype.kind == "f":
        if not np.array_equal(labels, np.round(labels)):
            raise ValueError("labels: wanted classes, got numbers that are not whole")
        labels = labels.astype(np.int64)
    classes, index = np.unique(labels, return_inverse=True)
    return [str(name) for name in classes], index.astype(np.int16)


def as_layers(name, layers, n_in):
    """Checked list of (weight, bias, activation) whose sizes chain from `n_in`."""
    if not isinstance(layers, list | tuple) or not layers:
        raise ValueError(f"{name}: wanted a callable or layers, got {layers!r}")
    checked = []
    for number, layer in enumerate(layers):
        where = f"{name} layer {number}"
        if not isinstance(layer, list | tuple) or len(layer) != 3:
            wanted = "(weight, bias, activation)"
            raise ValueError(f"{where}: wanted {wanted}, got {layer!r}")
        weight, bias, activation = layer
        weight = as_array(f"{where} weight", weight, "(n_out, n_in)", ndim=2)
        bias = as_array(f"{where} bias", bias, "(n_out,)", ndim=1)
        if weight.shape[1] != n_in:
            raise ValueError(
                f"{where}: wanted a weight of n_in = {n_in}, got {weight.shape}"
            )
        if bias.shape != (len(weight),):
            raise ValueError(
                f"{where}: wanted a bias of ({len(weight)},), got {bias.shape}"
            )
        if activation not in ACTIVATIONS:
            raise ValueError(
                f"{where}: wanted one of {sorted(ACTIVATIONS)}, got {activation!r}"
            )
        if max(abs(weight).max(), abs(bias).max()) > np.finfo(np.float16).max:
            raise ValueError(f"{where}: wanted weights below 65504 (float16)")
        checked.append((weight, bias, activation))
        n_in = len(weight)
    return checked


def forward(layers, x):
    """The network as the page computes it: activation(weight @ x + bias), in turn."""
    for weight, bias, activation in layers:
        x = ACTIVATIONS[activation](weight @ x + bias)
    return x


def as_decoder(decoder, z):
    """(checked layers, or [] for a callable; the image that it makes of z)."""
    if callable(decoder):
        return [], call_decoder(decoder, z)
    layers = as_layers("decoder", decoder, len(z))
    return layers, forward(layers, z)


def as_encoder(encoder, images, n_latents):
    """Checked layers, D -> 2 J; [] for a callable, which is tried once, and None."""
    n_pixels = images.shape[1]
    if encoder is None:
        return []
    if callable(encoder):
        x = images[0] / np.float32(255) if len(images) else np.zeros(n_pixels, "f4")
        call_encoder(encoder, x, n_latents)
        return []
    layers = as_layers("encoder", encoder, n_pixels)
    n_out = len(layers[-1][0])
    if n_out != 2 * n_latents:
        wanted = f"2 J = {2 * n_latents} outputs, mu and log_var"
        raise ValueError(f"encoder: wanted {wanted}, got {n_out}")
    return layers


def call_decoder(decoder, z, n_pixels=None):
    """Image of one z from a callable: finite, of `n_pixels` once that is known."""
    image = as_array("decoder's image", decoder(np.asarray(z, np.float32)), "(D,)")
    if image.size != (n_pixels or image.size):
        raise ValueError(f"decoder: wanted {n_pixels} pixels, got {image.shape}")
    return image


def call_encoder(encoder, x, n_latents):
    """(mu, log_var) of one x from a callable, two lists of J floats."""
    wanted = f"mu and log_var of {n_latents} numbers each"
    heads = encoder(x)
    if not isinstance(heads, (tuple, list)) or len(heads) != 2:
        raise ValueError(f"encoder: wanted {wanted}, got {type(heads).__name__}")
    mu, log_var = (as_array("encoder's output", head, wanted) for head in heads)
    if mu.size != n_latents or log_var.size != n_latents:
        raise ValueError(
            f"encoder: wanted {wanted}, got shapes {mu.shape} and {log_var.shape}"
        )
    return mu.ravel().tolist(), log_var.ravel().tolist()


def find_shape(image_shape, image, x):
    """(rows, columns) of a decoded image: as given, as x has it, or the square."""
    if image_shape is None and np.ndim(x) == 3:
        image_shape = np.shape(x)[1:]
    if image_shape is None and image.ndim == 2:
        image_shape = image.shape
    if image_shape is None and math.isqrt(image.size) ** 2 == image.size:
        image_shape = (math.isqrt(image.size),) * 2
    wanted = f"(rows, columns) of the decoder's {image.size} pixels"
    shape = tuple(image_shape or ())
    if len(shape) != 2 or min(shape) < 1 or math.prod(shape) != image.size:
        raise ValueError(f"image_shape: wanted {wanted}, got {image_shape}")
    return int(shape[0]), int(shape[1])


def as_images(x, n_points, image_shape):
    """(N, D) or (N, rows, columns) pixels in [0, 1] -> uint8 (N, D); None -> (0, D)."""
    n_pixels = math.prod(image_shape)
    if x is None:
        return np.zeros((0, n_pixels), np.uint8)
    wanted = f"({n_points}, {n_pixels}) or {(n_points, *image_shape)}"
    x = as_array("x", x, wanted)
    if x.shape not in ((n_points, n_pixels), (n_points, *image_shape)):
        raise ValueError(f"x: wanted {wanted}, got shape {x.shape}")
    if x.min() < 0 or x.max() > 1:
        raise ValueError(f"x: wanted pixels in [0, 1], got {x.min()} to {x.max()}")
    return to_bytes(x).reshape(n_points, n_pixels)


def to_bytes(pixels):
    """Pixels in [0, 1], clipped, as uint8: 1 is white."""
    return np.round(255 * np.clip(pixels, 0, 1)).astype(np.uint8)


def check_trait(name, value, n_points, n_latents, n_pixels):
    """A trait's new value has the size and the range that LatentExplorer documents."""
    j, k = n_latents, min(n_latents, 2)
    if name in ("z", "mu", "log_var"):
        wanted = f"{j} finite numbers" + ("" if name == "z" else ", or none")
        sizes = (j,) if name == "z" else (0, j)
        good = len(value) in sizes and np.isfinite(value).all()
    elif name == "eps":
        wanted = f"rows of {j} numbers"
        good = len(value) > 0 and all(len(row) == j for row in value)
    elif name == "axes":
        wanted = f"{k} of the latents 0 to {j - 1}"
        good = len(value) == len(set(value)) == k and set(value) <= set(range(j))
    elif name == "picked":
        wanted = f"a row from 0 to {n_points - 1}, or -1"
        good = -1 <= value < n_points
    else:
        wanted, value = f"{n_pixels} bytes, or none", len(value)
        good = value in (0, n_pixels)
    if not good:
        raise ValueError(f"{name}: wanted {wanted}, got {value}")
