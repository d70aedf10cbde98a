"""Make the trained weights that the lessons open with: `make weights`.

Four VAEs, J = 2, 5, 10, 20 latents, the paper's networks (784-500-J-500-784, tanh,
Bernoulli) on the 60,000 training images of MNIST, today's recipe. Each run writes a
checkpoint and goes on from it when it was cut. One to four minutes a model.
"""

import argparse
from pathlib import Path

import torch

from aevb_lib.data import load_mnist
from aevb_lib.models import VAE
from aevb_lib.training import TODAY, train

ASSETS = Path(__file__).parents[1] / "aevb_lib" / "assets"
EPOCHS = {2: 60, 5: 30, 10: 30, 20: 30}


def make(J, epochs, data, folder):
    generator = torch.Generator().manual_seed(J)
    vae = VAE(D=784, H=500, J=J, generator=generator)
    TODAY.start(vae, data.x_train, generator)
    checkpoint = folder / f"vae_mnist_{J}.checkpoint"
    history = train(vae, data.x_train, TODAY, generator=generator, epochs=epochs,
                    x_test=data.x_test, checkpoint=checkpoint)
    if history.interrupted:
        raise SystemExit("\nstopped; the same command goes on from here")
    vae.save(folder / f"vae_mnist_{J}.safetensors", dtype=torch.float16)
    checkpoint.unlink()
    print(f"\nJ = {J}: {history}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("J", nargs="*", type=int, default=list(EPOCHS))
    parser.add_argument("--folder", type=Path, default=ASSETS)
    arguments = parser.parse_args()
    mnist = load_mnist("full")
    for latents in arguments.J:
        make(latents, EPOCHS[latents], mnist, arguments.folder)
