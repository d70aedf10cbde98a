"""Layer 3. Algorithm 1: minibatch stochastic ascent of the variational bound.

`sgvb_step` is one round of it, `train` repeats it, a `Recipe` says how to start and
how to step. Any model with encoder, decoder, J and `elbo_terms(x, eps)` will do.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import torch

from aevb_lib.data import binarise
from aevb_lib.loop import (
    History, Minibatches, NonFiniteBound, print_progress, read_checkpoint,
    write_checkpoint,
)
from aevb_lib.sgvb import elbo_b, minibatch_bound


@dataclass(frozen=True)
class Recipe:
    """How to start and how to step.

    start_std: draw every parameter from N(0, start_std^2); None keeps the model's own
    start. output_bias: begin at the data's mean image. weight_prior: add
    log N(theta; 0, I) to the bound (MAP for the decoder). warm_up, cosine: the step
    size rises over the first share `warm_up` of the steps, then falls along a cosine.
    """

    name: str
    optimizer: type
    learning_rate: float
    M: int = 100
    L: int = 1
    start_std: float | None = None
    output_bias: bool = False
    weight_prior: bool = False
    warm_up: float = 0.0
    cosine: bool = False

    def start(self, model, x, generator):
        """Set the parameters that training starts from. x (N, D) in [0, 1]."""
        with torch.no_grad():
            if self.start_std is not None:
                for parameter in model.parameters():
                    parameter.normal_(0, self.start_std, generator=generator)
            if self.output_bias:
                model.decoder.start_at_mean(x.mean(0))

    def optimizer_for(self, model, n_data):
        """The optimizer. The prior N(0, I) on theta is a weight decay of 1 / N,
        exactly, because the loss is the bound of N datapoints divided by N."""
        parameters = list(model.parameters())
        if self.weight_prior:
            parameters = [{"params": model.encoder.parameters()},
                          {"params": model.decoder.parameters(),
                           "weight_decay": 1 / n_data}]
        return self.optimizer(parameters, lr=self.learning_rate, fused=True)

    def step_size(self, progress):
        """The step size when a share `progress`, in [0, 1), of the steps is done."""
        if progress < self.warm_up:
            return self.learning_rate * max(progress / self.warm_up, 0.01)
        if not self.cosine:
            return self.learning_rate
        share = (progress - self.warm_up) / (1 - self.warm_up)
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * share))


PAPER = Recipe("the paper's", torch.optim.Adagrad, 0.02, start_std=0.01,
               weight_prior=True)
TODAY = Recipe("today's", torch.optim.Adam, 3e-3, output_bias=True, warm_up=0.05,
               cosine=True)


def sgvb_step(model, optimizer, x, eps, n_data):
    """One round of Algorithm 1: the bound of a minibatch, its gradient, a step.
    x (M, D), eps (L, M, J). Returns mean log p(x|z) and mean KL, in nats; where they
    are not finite, it takes no step."""
    kl, log_p_x_given_z = model.elbo_terms(x, eps)                       # eq. 10
    bound = minibatch_bound(elbo_b(kl, log_p_x_given_z), n_data)         # eq. 8
    terms = log_p_x_given_z.mean().item(), kl.mean().item()
    if math.isfinite(sum(terms)):
        loss = -bound / n_data
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return terms


def train(model, x_train, recipe=TODAY, *, generator, epochs, x_test=None,
          dynamic_binarisation=False, device="cpu", report_every=None,
          report=print_progress, checkpoint=None):
    """Repeat `sgvb_step` for a number of epochs. Changes the model, returns a History.
    It starts from the model as it is; `recipe.start` comes first for a new one.

    x_train (N, D), x_test (N_test, D) or None. generator: a torch.Generator of the
    CPU, the only source of randomness; the same one gives the same numbers on a
    device. dynamic_binarisation: draw new binary pixels for every minibatch.
    report_every: steps from one row of the History to the next (default: an epoch).
    report: called with the History at each row, or None. checkpoint: a path, written
    at each row; where the file exists, training goes on from it.

    Stopped by hand (Ctrl-C, Interrupt Kernel) it returns what it has. A bound that is
    not finite stops it with NonFiniteBound, before that step changes the model.
    """
    n_data = _require_data(model, x_train, x_test, recipe.M, epochs)
    n_steps = epochs * math.ceil(n_data / recipe.M)
    report_every = report_every or math.ceil(n_data / recipe.M)
    model.to(device)
    x_train = x_train.to(device)
    optimizer = recipe.optimizer_for(model, n_data)
    batches, history, step = Minibatches(n_data, recipe.M, generator), History(), 0
    if checkpoint and Path(checkpoint).exists():
        step = read_checkpoint(checkpoint, model, optimizer, batches, history)
    samples, sums, seen = (history.samples or [0])[-1], torch.zeros(2), 0
    try:
        while step < n_steps:
            x = x_train[batches.next()]                                  # (M, D)
            if dynamic_binarisation:
                x = binarise(x.cpu(), generator).to(device)
            eps = torch.randn(recipe.L, len(x), model.J, generator=generator)
            for group in optimizer.param_groups:
                group["lr"] = recipe.step_size(step / n_steps)
            terms = sgvb_step(model, optimizer, x, eps.to(device), n_data)
            if not math.isfinite(sum(terms)):
                raise NonFiniteBound(step, *terms)
            step, seen = step + 1, seen + len(x)
            sums += len(x) * torch.tensor(terms)
            if step % report_every == 0 or step == n_steps:
                samples += seen
                log_p, kl = (sums / seen).tolist()
                test = None if x_test is None else evaluate(model, x_test)[0]
                history.add(samples, log_p, kl, test)
                sums, seen = torch.zeros(2), 0
                if checkpoint:
                    write_checkpoint(checkpoint, step, model, optimizer, batches,
                                     history)
                if report:
                    report(history)
    except KeyboardInterrupt:
        history.interrupted = True
    return history


@torch.no_grad()
def evaluate(model, x, L=1, seed=0, rows=1000):
    """Mean bound, mean log p(x|z) and mean KL of a data set, in nats per datapoint,
    with the same noise at every call. x (N, D). Returns three floats."""
    if len(x) == 0 or L < 1:
        raise ValueError(f"evaluate wants N >= 1 and L >= 1, got x {tuple(x.shape)} "
                         f"and L = {L}")
    generator = torch.Generator().manual_seed(seed)
    device = next(model.parameters()).device
    sums = torch.zeros(2, dtype=torch.float64)
    for part in x.split(rows):
        eps = torch.randn(L, len(part), model.J, generator=generator).to(device)
        kl, log_p_x_given_z = model.elbo_terms(part.to(device), eps)
        sums += torch.stack([log_p_x_given_z.mean(0).sum(), kl.sum()]).double().cpu()
    log_p, kl = (sums / len(x)).tolist()
    return log_p - kl, log_p, kl


def _require_data(model, x_train, x_test, M, epochs):
    for name, x in (("x_train", x_train), ("x_test", x_test)):
        if x is None and name == "x_test":
            continue
        if not torch.is_tensor(x) or not x.is_floating_point():
            kind = x.dtype if hasattr(x, "dtype") else type(x).__name__
            raise ValueError(f"{name} must be a tensor of floats, got {kind}")
        if x.ndim != 2 or len(x) == 0 or x.shape[1] != model.D:
            raise ValueError(f"{name} must be (N, {model.D}) with N >= 1 for this "
                             f"model, got {tuple(x.shape)}")
        if not torch.isfinite(x).all():
            raise ValueError(f"{name} must be finite, got NaN or infinity in "
                             f"{(~torch.isfinite(x)).any(1).sum()} of {len(x)} rows")
    if not 1 <= M <= len(x_train):
        raise ValueError(f"a minibatch wants 1 <= M <= N, got M = {M} and "
                         f"N = {len(x_train)}")
    if epochs < 1:
        raise ValueError(f"wanted at least 1 epoch, got {epochs}")
    return len(x_train)
