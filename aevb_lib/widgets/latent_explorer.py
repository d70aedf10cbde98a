"""A latent plane to drag over: z decoded at once, q(z | x) drawn as an ellipse."""

import math

import ipywidgets
import numpy as np
import traitlets as t
from ipywidgets.widgets.trait_types import CByteMemoryView

from . import _inputs as inputs
from ._live import LivePicture, page_file

N_SAMPLES = 8


class LatentExplorer(LivePicture):
    """Drag z over the latent plane: p(x | z) follows; pick or draw x: q(z | x).

    decoder, encoder: `layers`, a list of (weight, bias, activation), or a callable.
        Layers run in the page, with the kernel busy or gone. A callable runs in the
        kernel, on float32 arrays: decoder z (J,) -> pixel means in [0, 1], (D,) or
        (rows, columns); encoder x (D,) -> (mu, log_var), (J,) each.
    z: (N, J) encoded points. labels: (N,) their classes. x: (N, D) their images.
    Errors: a ValueError says what was wanted and what came.

    The synced traits are the whole contract. Page and kernel both set
        z            J floats, the point that is decoded (sent every 50 ms at most)
        axes         the latents on the plane, counted from 0: two, or one if J = 1
        picked       row of the picked point, or -1
        drawing      D bytes, the drawing as it is encoded (empty: none)
        mu, log_var  J floats each, the q(z | x) that is shown (empty: none)
        eps          8 rows of J floats; the samples shown are mu + sigma * eps
        path         "classes" or "circle", where Play goes; playing: whether it does
    The kernel alone sets, for a callable decoder, image (D bytes), the image_z that
    it shows, and samples (8 D bytes); and once _meta, _weights (float16), _points
    (float32), _labels (int16) and _pixels (uint8).
    """

    _esm = page_file("latent_explorer.js")
    _css = page_file("latent_explorer.css")
    _title = "Latent explorer"
    _saved = ("z axes picked drawing mu log_var eps path _meta _weights _points "
              "_labels _pixels").split()
    z = t.List(t.Float()).tag(sync=True)
    axes = t.List(t.Int()).tag(sync=True)
    picked = t.Int(-1).tag(sync=True)
    drawing = CByteMemoryView().tag(sync=True)
    mu = t.List(t.Float()).tag(sync=True)
    log_var = t.List(t.Float()).tag(sync=True)
    eps = t.List(t.List(t.Float())).tag(sync=True)
    path = t.Enum(["classes", "circle"], "circle").tag(sync=True)
    playing = t.Bool(False).tag(sync=True)
    image = t.Bytes().tag(sync=True)
    image_z = t.List(t.Float()).tag(sync=True)
    samples = t.Bytes().tag(sync=True)
    _meta = t.Dict().tag(sync=True)
    _weights = t.Bytes().tag(sync=True)
    _points = t.Bytes().tag(sync=True)
    _labels = t.Bytes().tag(sync=True)
    _pixels = t.Bytes().tag(sync=True)

    def __init__(
        self, decoder, z, labels=None, *, encoder=None, x=None, image_shape=None
    ):
        points = inputs.as_array("z", z, "(N, J)", ndim=2)
        n, j = points.shape
        classes, index = inputs.as_labels(labels, n)
        radius = np.linalg.norm(points, axis=1)
        start = points[np.argmin(abs(radius - math.sqrt(j)))]  # as far as prior draws
        layers, image = inputs.as_decoder(decoder, start)
        shape = inputs.find_shape(image_shape, image, x)
        self._x = inputs.as_images(x, n, shape)
        encoder_layers = inputs.as_encoder(encoder, self._x, j)
        self._n, self._j, self._d = n, j, image.size
        self._about = f"{n} points, {j} latents"
        self._decoder = decoder if callable(decoder) else None
        self._encoder = encoder if callable(encoder) else None
        noise = np.random.default_rng(0).normal(size=(N_SAMPLES, j))
        super().__init__(
            z=start.tolist(),
            axes=[0, 1][:j],
            eps=noise.round(4).tolist(),
            path="classes" if 2 <= len(classes) <= 30 else "circle",
            _meta={
                "shape": shape,
                "classes": classes,
                "decoder": _describe(decoder, layers),
                "encoder": _describe(encoder, encoder_layers),
            },
            _weights=b"".join(
                np.asarray(array, "<f2").tobytes()
                for weight, bias, _ in layers + encoder_layers
                for array in (weight, bias)
            ),
            _points=points.astype("<f4").tobytes(),
            _labels=index.astype("<i2").tobytes(),
            _pixels=self._x.tobytes(),
        )

    def sliders(self):
        """J sliders, linked with z both ways."""
        limit = max(3.0, max(map(abs, self.z)))
        boxes = [
            ipywidgets.FloatSlider(
                value, min=-limit, max=limit, step=0.01, description=f"z{number}"
            )
            for number, value in enumerate(self.z, start=1)
        ]

        def move_z(change):
            self.z = [
                change.new if box is change.owner else value
                for box, value in zip(boxes, self.z, strict=True)
            ]

        def move_boxes(change):
            for box, value in zip(boxes, change.new, strict=True):
                box.min, box.max = min(box.min, value), max(box.max, value)
                box.value = value

        for box in boxes:
            box.observe(move_z, "value")
        self.observe(move_boxes, "z")
        return ipywidgets.VBox(boxes)

    def save_html(self, path):
        """Write the explorer as one page that works offline; layers only."""
        for role in ("decoder", "encoder"):
            if self._meta[role] == "kernel":
                raise ValueError(f"{role}: wanted layers to save, got a callable")
        super().save_html(path)

    @t.validate("z", "mu", "log_var", "eps", "axes", "picked", "drawing")
    def _check(self, proposal):
        name, value = proposal.trait.name, proposal.value
        inputs.check_trait(name, value, self._n, self._j, self._d)
        return value

    @t.observe("picked", "drawing")
    def _new_source(self, change):
        """One digit at a time; a callable encoder gives its q(z | x), z goes to mu."""
        if change.name == "picked" and self.picked >= 0:
            self.drawing = b""
        if change.name == "drawing" and len(self.drawing):
            self.picked = -1
        if not self._encoder:
            return
        x = np.frombuffer(self.drawing, np.uint8)
        if self.picked >= 0 and len(self._x):
            x = self._x[self.picked]
        with self.hold_sync():
            self.mu, self.log_var = [], []
            if len(x):
                x = x.astype(np.float32) / 255
                self.mu, self.log_var = inputs.call_encoder(self._encoder, x, self._j)
                self.z = self.mu

    @t.observe("z")
    def _decode(self, change=None):
        """A callable decoder's image of z, and the z that it belongs to."""
        if self._decoder:
            with self.hold_sync():
                self.image = self._image_bytes(self.z)
                self.image_z = list(self.z)

    @t.observe("mu", "log_var", "eps")
    def _decode_samples(self, change=None):
        """A callable decoder's images of z = mu + sigma * eps (eq. 4), one a row."""
        if self._decoder and self.mu and self.log_var:
            sigma = np.exp(np.divide(self.log_var, 2))
            draws = np.array(self.mu) + sigma * np.array(self.eps)
            self.samples = b"".join(map(self._image_bytes, draws))

    def _image_bytes(self, z):
        image = inputs.call_decoder(self._decoder, z, self._d)
        return inputs.to_bytes(image).tobytes()


def _describe(network, layers):
    """For the page: "none", "kernel", or each layer as [n_out, n_in, activation]."""
    if network is None:
        return "none"
    if callable(network):
        return "kernel"
    return [[*weight.shape, activation] for weight, _, activation in layers]
