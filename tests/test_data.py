"""aevb_lib.data: the bundled digits, the file formats, the mirrors, bad input."""

import gzip
import hashlib
import http.server
import io
import re
import socket
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import make_mnist_small as tool
import numpy as np
import pooch  # here, so that its log handler does not hold a test's own stderr
import pytest
import torch
from scipy.io import savemat

from aevb_lib import data

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "data" / "mnist"
NAMES = list(data.MNIST.hashes)
needs_mnist = pytest.mark.skipif(not SHARED.is_dir(), reason="no ../shared/data/mnist")


def idx(array):
    """The bytes of an IDX file."""
    sizes = np.array([0x800 + array.ndim, *array.shape], ">u4")
    return sizes.tobytes() + array.astype(np.uint8).tobytes()


def small_set():
    """File name -> gzipped bytes: 12 + 7 noise images with labels."""
    rng = np.random.default_rng(0)
    arrays = [
        rng.integers(0, 256, (12, 28, 28)), np.arange(12) % 10,
        rng.integers(0, 256, (7, 28, 28)), np.arange(7),
    ]
    return dict(zip(NAMES, (gzip.compress(idx(a)) for a in arrays), strict=True))


def mat(frames, key="ff"):
    """The bytes of a .mat file."""
    file = io.BytesIO()
    savemat(file, {key: frames})
    return file.getvalue()


def frey_frames():
    return np.random.default_rng(1).integers(0, 256, (560, 1965)).astype(np.uint8)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache, no AEVB_DATA."""
    monkeypatch.delenv("AEVB_DATA", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / "cache" / name)
    return tmp_path / "cache" / "aevb_lib"


@pytest.fixture
def own(tmp_path, monkeypatch, cache):
    """A folder of the user's own, named by AEVB_DATA. No mirror answers."""
    folder = tmp_path / "own"
    folder.mkdir()
    monkeypatch.setenv("AEVB_DATA", str(folder))
    for source in ("MNIST", "FASHION_MNIST", "FREY_FACE"):
        down = getattr(data, source)._replace(mirrors=(closed_port(),))
        monkeypatch.setattr(data, source, down)
    return folder


def closed_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/"


@pytest.fixture
def mirror():
    """mirror(files) starts a mirror: .url, .asked (names), .cut (bytes held back)."""
    servers = []

    def start(files, cut=0):
        class Mirror(http.server.BaseHTTPRequestHandler):
            asked = []

            def do_GET(self):
                name = self.path.strip("/")
                self.asked.append(name)
                body = files.get(name, b"")
                self.send_response(200 if name in files else 404)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: len(body) - cut])

            def log_message(self, *_):
                pass

        server = http.server.HTTPServer(("127.0.0.1", 0), Mirror)
        Mirror.url = f"http://127.0.0.1:{server.server_port}/"
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        servers.append(server)
        return Mirror

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def publish(monkeypatch, files, *mirrors):
    """MNIST, as far as the loader knows, is now these files on these mirrors."""
    hashes = {n: "md5:" + hashlib.md5(files[n]).hexdigest() for n in NAMES}
    source = data.MNIST._replace(mirrors=mirrors, hashes=hashes)
    monkeypatch.setattr(data, "MNIST", source)


# The bundled digits


def test_bundled_digits_are_a_stratified_split():
    mnist = data.load_mnist()
    assert mnist.x_train.shape == (4000, 784) and mnist.x_test.shape == (1000, 784)
    assert mnist.image_shape == (28, 28)
    assert mnist.labels_train.bincount().tolist() == [400] * 10
    assert mnist.labels_test.bincount().tolist() == [100] * 10
    for x, labels in (mnist[:2], mnist[2:4]):
        assert x.dtype == torch.float32 and labels.dtype == torch.int64
        assert x.min() == 0 and x.max() == 1
        assert torch.equal(labels, torch.arange(len(x)) % 10)
    rows = {row.tobytes() for row in torch.cat([mnist.x_train, mnist.x_test]).numpy()}
    assert len(rows) == 5000


def test_bundled_arrays_have_the_recorded_checksums():
    readme = (data.BUNDLED.parent / "README.md").read_text(encoding="utf-8")
    with np.load(data.BUNDLED, allow_pickle=False) as file:
        assert {file[name].dtype.str for name in file} == {"|u1"}
        got = tool.digests(dict(file))
    assert got == tool.SHA256
    assert all(digest in readme for digest in got.values())
    assert data.BUNDLED.stat().st_size < 1_200_000


def test_bundled_digits_load_without_network_pooch_or_scipy():
    code = """
import socket, sys
def refuse(*_): raise AssertionError("network")
socket.socket.connect = socket.getaddrinfo = refuse
from aevb_lib.data import load_mnist
load_mnist()
print([name for name in ("pooch", "scipy", "requests") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, text=True,
                          capture_output=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")


@needs_mnist
def test_bundled_digits_are_the_first_500_of_each_class(monkeypatch):
    monkeypatch.setenv("AEVB_DATA", str(SHARED))
    small = data.load_mnist()
    dealt = tool.deal(*tool.read_full())
    for name in ("x_train", "x_test"):
        pixels = (getattr(small, name) * 255).round().byte().numpy()
        pixels[pixels == 1] = 0  # the shared training images lost these
        assert np.array_equal(pixels, dealt[name])


def test_the_tool_packs_the_same_bytes_and_refuses_other_digits(tmp_path, monkeypatch):
    out = tmp_path / "out.npz"
    with np.load(data.BUNDLED) as file:
        arrays = dict(file)
    packed = tool.pack(arrays)
    assert packed == tool.pack(arrays)
    for archive in (io.BytesIO(packed), data.BUNDLED):
        dates = {info.date_time for info in zipfile.ZipFile(archive).infolist()}
        assert dates == {(1980, 1, 1, 0, 0, 0)}
    monkeypatch.setattr(sys, "argv", ["tool", "some.csv", "--out", str(out)])
    monkeypatch.setattr(tool, "read_csv", lambda path: ())
    monkeypatch.setattr(tool, "deal", lambda: arrays)
    tool.main()
    assert out.read_bytes() == packed
    out.unlink()
    arrays["x_test"][0, 0] += 1
    with pytest.raises(SystemExit, match="x_test: wanted SHA-256 05f16c.*, got "):
        tool.main()
    assert not out.exists()


def test_a_damaged_or_missing_bundle_is_named(tmp_path, monkeypatch):
    whole = data.BUNDLED.read_bytes()
    bundle = tmp_path / "digits.npz"
    monkeypatch.setattr(data, "BUNDLED", bundle)
    with pytest.raises(FileNotFoundError, match="wanted the bundled digits.*digits"):
        data.load_mnist()
    flipped = whole[:400_000] + bytes([whole[400_000] ^ 255]) + whole[400_001:]
    pickled = io.BytesIO()
    np.savez(pickled, **dict.fromkeys(("x_train", "labels_train"), np.array([None])))
    for damaged in (b"", whole[:-500], flipped, b"no zip", pickled.getvalue()):
        bundle.write_bytes(damaged)
        with pytest.raises(ValueError, match="digits.npz is damaged"):
            data.load_mnist()


@pytest.mark.parametrize("size", ["medium", "", None, 5000])
def test_an_unknown_size_is_refused(size):
    with pytest.raises(ValueError, match='wanted "small" or "full", got'):
        data.load_mnist(size)


# Files of the user's own


@needs_mnist
@pytest.mark.parametrize("plain", [False, True])
def test_the_real_idx_files(own, plain):
    for name in NAMES:
        raw = (SHARED / name).read_bytes()
        path = own / (name.removesuffix(".gz") if plain else name)
        path.write_bytes(gzip.decompress(raw) if plain else raw)
    mnist = data.load_mnist("full")
    assert mnist.x_train.shape == (60000, 784) and mnist.x_test.shape == (10000, 784)
    assert mnist.x_train.dtype == torch.float32 and mnist.image_shape == (28, 28)
    assert mnist.x_train.max() == 1 and mnist.x_train.min() == 0
    assert mnist.labels_train[:10].tolist() == data.MNIST.first_labels
    assert mnist.labels_test.bincount().tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    digest = hashlib.md5(idx((mnist.x_test * 255).round().reshape(-1, 28, 28).numpy()))
    assert digest.hexdigest() == "2646ac647ad5339dbf082846283269ea"
    with pytest.raises(ValueError, match="wanted Fashion-MNIST, got MNIST"):
        data.load_fashion_mnist()


@pytest.mark.parametrize("folder", ["", "mnist", "fashion-mnist"])
def test_idx_files_are_found_in_either_folder(own, folder):
    (own / folder).mkdir(exist_ok=True)
    for name, content in small_set().items():
        (own / folder / name).write_bytes(content)
    load = data.load_fashion_mnist if "fashion" in folder else data.load_mnist
    got = load() if "fashion" in folder else load("full")
    want = np.random.default_rng(0).integers(0, 256, (12, 28, 28)).reshape(12, 784)
    torch.testing.assert_close(got.x_train, torch.tensor(want / 255).float())
    assert got.labels_test.tolist() == list(range(7))


IMAGES, LABELS = NAMES[:2]
BAD_IDX = {
    "empty": (IMAGES, b"", "wanted 16 bytes of header, got 0"),
    "cut": (IMAGES, small_set()[IMAGES][:-9], "is damaged: .*ended before"),
    "crc": (IMAGES, small_set()[IMAGES][:-8] + bytes(8), "is damaged: CRC"),
    "bits": (IMAGES, small_set()[IMAGES][:10] + b"\xff" * 99, "is damaged: Error -3"),
    "page": (IMAGES, b"<html>not found</html>", "magic number 2051, got 1013478509"),
    "swapped": (IMAGES, small_set()[LABELS], "magic number 2051, got 2049"),
    "short": (IMAGES, idx(np.zeros((3, 28, 28)))[:-1], "wanted 2352 bytes, got 2351"),
    "long": (LABELS, idx(np.zeros(3)) + b"1", "wanted 3 bytes, got 4"),
    "shape": (IMAGES, idx(np.zeros((12, 28, 20))), r"got \(12, 28, 20\)"),
    "none": (IMAGES, idx(np.zeros((0, 28, 28))), r"got \(0, 28, 28\)"),
    "count": (LABELS, idx(np.zeros(11)), "got 12 images in .* and 11 labels in"),
    "label": (LABELS, idx(np.full(12, 10)), "wanted labels 0 to 9, got 10"),
}


@pytest.mark.parametrize("case", BAD_IDX)
def test_bad_idx_files_are_refused_by_name_and_left_alone(own, case):
    name, content, message = BAD_IDX[case]
    for each, whole in small_set().items():
        (own / each).write_bytes(content if each == name else whole)
    with pytest.raises(ValueError, match=message) as caught:
        data.load_mnist("full")
    assert str(own / name) in str(caught.value)
    assert (own / name).read_bytes() == content


def test_aevb_data_must_be_a_folder(own, monkeypatch):
    monkeypatch.setenv("AEVB_DATA", str(own / "typo"))
    with pytest.raises(NotADirectoryError, match="AEVB_DATA: wanted a folder, got .*"):
        data.load_mnist("full")


def test_frey_face_is_a_film_cut_in_one_place(own):
    frames = frey_frames()
    (own / "frey_rawface.mat").write_bytes(mat(frames))
    frey = data.load_frey_face()
    assert frey.image_shape == (28, 20)
    assert frey.labels_train is None and frey.labels_test is None
    assert frey.x_train.shape == (1572, 560) and frey.x_train.dtype == torch.float32
    film = torch.cat([frey.x_train, frey.x_test])
    torch.testing.assert_close(film, torch.tensor(frames.T / 255).float())


BAD_MAT = {
    "empty": (b"", "is no MATLAB file, or damaged"),
    "page": (b"<html>not found</html>" * 20, "is no MATLAB file, or damaged"),
    "cut": (mat(frey_frames())[:100_000], "is no MATLAB file, or damaged"),
    "key": (mat(frey_frames(), "faces"), r"wanted the key 'ff', got \['faces'\]"),
    "turned": (mat(frey_frames().T), r"got \(1965, 560\), uint8"),
    "floats": (mat(frey_frames() / 255), r"got \(560, 1965\), float64"),
}


@pytest.mark.parametrize("case", BAD_MAT)
def test_bad_mat_files_are_refused_by_name(own, case):
    content, message = BAD_MAT[case]
    (own / "frey_rawface.mat").write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        data.load_frey_face()
    assert str(own / "frey_rawface.mat") in str(caught.value)


# Downloads


def test_second_mirror_serves_and_the_cache_is_silent(
    cache, mirror, monkeypatch, capsys
):
    files = small_set()
    second = mirror(files)
    publish(monkeypatch, files, closed_port(), second.url)
    first = data.load_mnist("full")
    assert capsys.readouterr().err.count("100%") == 4
    assert second.asked == NAMES
    assert sorted(p.name for p in (cache / "mnist").iterdir()) == sorted(NAMES)
    again = data.load_mnist("full")
    assert capsys.readouterr() == ("", "")
    assert second.asked == NAMES
    assert torch.equal(first.x_train, again.x_train)


FAULTS = {
    "other": f"{IMAGES}: wanted md5 .{{32}}, got .{{32}}$",
    "cut": "IncompleteRead",
    "absent": "404 Client Error",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_damaged_download_is_not_kept_and_the_next_mirror_is_asked(
    cache, mirror, monkeypatch, fault
):
    good = small_set()
    files = {"other": dict.fromkeys(NAMES, good[LABELS]), "cut": good, "absent": {}}
    first = mirror(files[fault], cut=9 if fault == "cut" else 0)
    publish(monkeypatch, good, first.url)
    with pytest.raises(FileNotFoundError) as caught:
        data.load_mnist("full")
    from_first = [s for s in str(caught.value).splitlines() if s.startswith("from:")]
    assert re.search(first.url + ": .*" + FAULTS[fault], "".join(from_first))
    assert list((cache / "mnist").iterdir()) == []
    publish(monkeypatch, good, first.url, mirror(good).url)
    assert len(data.load_mnist("full").x_train) == 12
    assert {p.name: p.read_bytes() for p in (cache / "mnist").iterdir()} == good


def test_without_network_and_files_the_error_says_what_to_do(cache, monkeypatch):
    mirrors = closed_port(), closed_port()
    publish(monkeypatch, small_set(), *mirrors)
    with pytest.raises(FileNotFoundError, match="MNIST is not here") as caught:
        data.load_mnist("full")
    for wanted in (*NAMES, *mirrors, str(cache / "mnist"), "AEVB_DATA", "refused"):
        assert wanted in str(caught.value)


def test_aevb_data_comes_before_the_cache(own, cache, mirror, monkeypatch):
    files = small_set()
    publish(monkeypatch, files, mirror(files).url)
    assert data.load_mnist("full").labels_test[0] == 0
    (own / NAMES[3]).write_bytes(idx(np.full(7, 8)))
    assert data.load_mnist("full").labels_test[0] == 8


def test_only_what_aevb_data_lacks_is_downloaded(own, mirror, monkeypatch):
    files = small_set()
    (own / LABELS).write_bytes(files[LABELS])
    second = mirror(files)
    publish(monkeypatch, files, second.url)
    data.load_mnist("full")
    assert second.asked == [name for name in NAMES if name != LABELS]


def test_a_damaged_file_in_the_cache_is_named_removed_and_replaced(
    cache, mirror, monkeypatch
):
    files, path = small_set(), cache / "mnist" / IMAGES
    path.parent.mkdir(parents=True)
    path.write_bytes(files[IMAGES][:-100])
    publish(monkeypatch, files, closed_port())
    with pytest.raises(FileNotFoundError, match=f"{path} was damaged, not kept: "):
        data.load_mnist("full")
    assert not path.exists()
    path.write_bytes(files[IMAGES][:-100])
    publish(monkeypatch, files, mirror(files).url)
    data.load_mnist("full")
    assert path.read_bytes() == files[IMAGES]


def test_a_cache_that_cannot_be_written_names_aevb_data(cache, mirror, monkeypatch):
    files = small_set()
    cache.parent.write_text("a file where the folder should be")
    server = mirror(files)
    publish(monkeypatch, files, server.url)
    with pytest.raises(OSError, match="cannot write to the cache") as caught:
        data.load_mnist("full")
    assert str(cache / "mnist") in str(caught.value)
    assert "AEVB_DATA" in str(caught.value) and IMAGES in str(caught.value)
    assert server.asked == []


def test_a_frey_download_is_checked_by_its_content(cache, mirror, monkeypatch):
    name, good = "frey_rawface.mat", mat(frey_frames())
    page = mirror({name: b"<html>moved</html>" * 20})
    source = data.FREY_FACE._replace(mirrors=(page.url,))
    monkeypatch.setattr(data, "FREY_FACE", source)
    with pytest.raises(FileNotFoundError, match=f"{name} is no MATLAB file"):
        data.load_frey_face()
    assert list((cache / "frey-face").iterdir()) == []
    both = source._replace(mirrors=(page.url, mirror({name: good}).url))
    monkeypatch.setattr(data, "FREY_FACE", both)
    assert len(data.load_frey_face().x_test) == 393
    assert (cache / "frey-face" / name).read_bytes() == good


def test_every_published_set_has_mirrors_and_checksums():
    for source in (data.MNIST, data.FASHION_MNIST):
        hosts = {url.split("/")[2] for url in source.mirrors}
        assert len(hosts) >= 2 and len(source.hashes) == 4
    published = [source.hashes for source in (data.MNIST, data.FASHION_MNIST)]
    for known in (h for hashes in published for h in hashes.values()):
        assert re.fullmatch("md5:[0-9a-f]{32}", known)


@needs_mnist
def test_the_checksums_of_mnist_are_those_of_the_original_files():
    for name in NAMES[1:]:  # the shared training images are not the original bytes
        known = hashlib.md5((SHARED / name).read_bytes()).hexdigest()
        assert data.MNIST.hashes[name] == f"md5:{known}"


# Binarisation


def test_binarise_has_the_mean_x():
    p = torch.tensor([0.0, 0.02, 0.3, 0.5, 0.77, 1.0])
    draws = 40_000
    b = data.binarise(p.expand(draws, 6), torch.Generator().manual_seed(0))
    assert b.dtype == torch.float32 and b.shape == (draws, 6)
    assert set(b.unique().tolist()) == {0.0, 1.0}
    standard_error = (p * (1 - p) / draws).sqrt()
    assert ((b.mean(0) - p).abs() <= 4 * standard_error).all()
    together = (b[:, 2] * b[:, 3]).mean() - 0.15  # pixels are drawn independently
    assert together.abs() <= 4 * (0.15 * 0.85 / draws) ** 0.5


def test_binarise_is_dynamic_by_call_and_repeats_by_seed():
    x = data.load_mnist().x_test[:20]
    generator = torch.Generator().manual_seed(3)
    first, second = data.binarise(x, generator), data.binarise(x, generator)
    assert not torch.equal(first, second)
    assert torch.equal(first, data.binarise(x, torch.Generator().manual_seed(3)))


@pytest.mark.parametrize("bad", [-0.01, 1.01, 255.0, float("nan"), float("inf")])
def test_binarise_refuses_what_is_no_probability(bad):
    x = torch.tensor([[0.2, bad], [0.5, 0.4]])
    with pytest.raises(ValueError, match=r"wanted probabilities in \[0, 1\], got "):
        data.binarise(x, torch.Generator())
