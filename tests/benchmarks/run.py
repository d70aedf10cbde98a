"""The course's speed, measured in one run on one machine: `make bench`.

1. Seconds per million training samples of the paper's model (784-500-20-500-784, tanh,
   M = 100, L = 1): the matrix products alone, `sgvb_step` as the lessons use it (Adam,
   and Adagrad), and plain DataLoader loops. The kinds take turns in short rounds, so
   that a busy machine slows all of them; medians are quoted, and ratios.
2. Seconds and samples until the bound of MNIST's test images passes -110 and -105 nats,
   where the full set is at hand (AEVB_DATA or the cache; nothing is downloaded).
3. The explorer's latencies, and those of the other live pictures, where a browser is.
"""

import argparse
import statistics
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch.utils.data import DataLoader, Dataset, TensorDataset

from aevb_lib.data import load_mnist
from aevb_lib.loop import Minibatches
from aevb_lib.models import VAE
from aevb_lib.training import PAPER, TODAY, evaluate, sgvb_step, train

D, H, J, M = 784, 500, 20, 100


def products():
    """The eleven matrix products of one step, forward and backward, and no more."""
    x, out, h, z = (torch.randn(M, n) for n in (D, D, H, J))
    heads = torch.randn(M, 2 * J)
    W3, W45, W1, W2 = (torch.randn(s) for s in ((H, D), (2 * J, H), (H, J), (D, H)))

    def step():
        x @ W3.T, h @ W45.T, z @ W1.T, h @ W2.T            # forward
        out.T @ h, out @ W2, h.T @ z, h @ W1               # back through the decoder
        heads.T @ h, heads @ W45, h.T @ x                  # back through the encoder
    return step


def ours(recipe, x):
    """One turn of the loop in aevb_lib.training.train."""
    generator = torch.Generator().manual_seed(0)
    vae = VAE(D, H, J, generator)
    recipe.start(vae, x, generator)
    optimizer = recipe.optimizer_for(vae, len(x))
    batches = Minibatches(len(x), M, generator)

    def step():
        eps = torch.randn(1, M, J, generator=generator)
        sgvb_step(vae, optimizer, x[batches.next()], eps, len(x))
    return step


class Pictures(Dataset):
    """Images as torchvision's MNIST with ToTensor hands them out, call for call: uint8
    tensor, NumPy, PIL image, NumPy, tensor, float32 in [0, 1]; with its label."""

    def __init__(self, x, labels):
        self.images = (x * 255).round().to(torch.uint8).reshape(-1, 28, 28)
        self.labels = labels

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        image = Image.fromarray(self.images[i].numpy())
        pixels = torch.from_numpy(np.array(image, np.uint8, copy=True))
        pixels = pixels.view(28, 28, 1).permute((2, 0, 1)).contiguous()
        return pixels.to(torch.float32).div(255), int(self.labels[i])


def plain(dataset):
    """What is often written: a DataLoader, sigmoid then binary cross-entropy, Adam."""
    vae = VAE(D, H, J, torch.Generator().manual_seed(0))
    optimizer = torch.optim.Adam(vae.parameters(), lr=1e-3)
    loader = DataLoader(dataset, batch_size=M, shuffle=True)
    source = iter(loader)

    def step():
        nonlocal source
        batch = next(source, None)
        if batch is None:
            source = iter(loader)
            batch = next(source)
        x = batch[0].view(-1, D)
        mu, log_var = vae.encoder(x)
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * log_var)
        cross_entropy = F.binary_cross_entropy(vae.decode(z), x, reduction="sum")
        kl = -0.5 * torch.sum(1 + log_var - mu.pow(2) - log_var.exp())
        loss = cross_entropy + kl
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()
    return step


def speed(rounds, steps):
    digits = load_mnist("small")
    x, labels = digits.x_train, digits.labels_train
    kinds = {
        "matrix products alone": products(),
        "ours, today's recipe (Adam)": ours(TODAY, x),
        "ours, the paper's recipe (Adagrad)": ours(PAPER, x),
        "plain loop, DataLoader over tensors": plain(TensorDataset(x, labels)),
        "plain loop, DataLoader over pictures": plain(Pictures(x, labels)),
    }
    seconds = {name: [] for name in kinds}
    for step in kinds.values():
        [step() for _ in range(10)]
    for _ in range(rounds):
        for name, step in kinds.items():
            start = time.perf_counter()
            [step() for _ in range(steps)]
            seconds[name].append((time.perf_counter() - start) / steps / M * 1e6)
    print(f"seconds per million samples, medians of {rounds} rounds of {steps} steps, "
          f"{torch.get_num_threads()} threads; ratios are medians of paired rounds")
    for name, values in seconds.items():
        floor = paired(seconds["matrix products alone"], values)
        print(f"  {name:38s}{statistics.median(values):7.1f}   "
              f"{floor:.2f} of the products' speed")
    adam = seconds["ours, today's recipe (Adam)"]
    for name in list(kinds)[3:]:
        ratio = paired(seconds[name], adam)
        print(f"  ours is {ratio:.2f} times as fast as the {name}")


def paired(a, b):
    return statistics.median(p / q for p, q in zip(a, b, strict=True))


def until(targets, limit):
    """Train on full MNIST until the test bound passes each target; print the cost."""
    try:
        mnist = load_mnist("full")
    except (OSError, ValueError) as error:
        print(f"time to {targets} nats: not measured. {error}")
        return
    for recipe, epochs in ((TODAY, 8), (PAPER, limit // 60_000)):
        generator = torch.Generator().manual_seed(0)
        vae = VAE(D, H, J, generator)
        recipe.start(vae, mnist.x_train, generator)
        watch = Watch(vae, mnist.x_test, list(targets))
        print(f"full MNIST, J = {J}, {recipe.name} recipe, {epochs} epochs planned:")
        train(vae, mnist.x_train, recipe, generator=generator, epochs=epochs,
              report_every=100, report=watch)
        print(f"  ended at {watch.bound:.1f} nats, {watch.seconds:.1f} s")


class Watch:
    """Called at each row of the History: tests the model with the clock stopped, and
    stops the training, as a hand would, when every target is passed."""

    def __init__(self, model, x_test, targets):
        self.model, self.x_test, self.targets = model, x_test, targets
        self.seconds, self.start, self.bound = 0.0, time.perf_counter(), None

    def __call__(self, history):
        self.seconds += time.perf_counter() - self.start
        self.bound = evaluate(self.model, self.x_test)[0]
        while self.targets and self.bound >= self.targets[0]:
            print(f"  {self.targets.pop(0)} nats after {history.samples[-1]:9,} "
                  f"samples, {self.seconds:6.1f} s")
        if not self.targets:
            raise KeyboardInterrupt
        self.start = time.perf_counter()


def explorer():
    from explorer_latency import CHROMIUM, measure
    if CHROMIUM is None:
        print("explorer: not measured, no chromium here")
        return
    print("explorer, 2-500-784 decoder, 60 moves a second, headless Chromium:")
    print("  ", measure())


def pictures():
    import live_pictures
    print("a distribution's answer by the kernel, median and worst, ms:",
          *live_pictures.kernel())
    if live_pictures.CHROMIUM is None:
        print("other live pictures: not measured, no chromium here")
        return
    print("pointer event to drawn, median and 95th percentile, ms:")
    for name, numbers in live_pictures.measure().items():
        print(f"   {name:20}", *numbers)


PARTS = {
    "speed": lambda chosen: speed(chosen.rounds, chosen.steps),
    "until": lambda chosen: until((-110, -105), chosen.limit),
    "explorer": lambda chosen: explorer(),
    "pictures": lambda chosen: pictures(),
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", default=[*PARTS])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--limit", type=int, default=8_000_000,
                        help="samples at most for the paper's recipe")
    arguments = parser.parse_args()
    unknown = set(arguments.parts) - PARTS.keys()
    if unknown:
        sys.exit(f"wanted parts {', '.join(PARTS)}; got {unknown}")
    for part in arguments.parts:
        PARTS[part](arguments)
