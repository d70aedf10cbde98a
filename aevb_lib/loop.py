"""Layer 2. What every training loop needs around its algorithm: the order of the
minibatches, the record of what was seen, checkpoints, and errors that explain."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file


@dataclass
class History:
    """What training saw, one row a report: training samples evaluated so far, the mean
    bound of the minibatches since the row before with its two terms, and the bound of
    the test set (None without one). Nats per datapoint."""

    samples: list = field(default_factory=list)
    train_bound: list = field(default_factory=list)
    log_p_x_given_z: list = field(default_factory=list)
    kl: list = field(default_factory=list)
    test_bound: list = field(default_factory=list)
    interrupted: bool = False

    def add(self, samples, log_p_x_given_z, kl, test_bound):
        self.samples.append(samples)
        self.log_p_x_given_z.append(log_p_x_given_z)
        self.kl.append(kl)
        self.train_bound.append(log_p_x_given_z - kl)
        self.test_bound.append(test_bound)

    def __str__(self):
        """The newest row in words."""
        if not self.samples:
            return "no report yet"
        test = self.test_bound[-1]
        return (f"{self.samples[-1]:,} samples: bound {self.train_bound[-1]:.1f} = "
                f"{self.log_p_x_given_z[-1]:.1f} (log p(x|z)) "
                f"- {self.kl[-1]:.1f} (KL) nats"
                + ("" if test is None else f", test {test:.1f}")
                + (", interrupted" if self.interrupted else ""))


class NonFiniteBound(ArithmeticError):
    """The bound became infinite or NaN; the message names the step."""

    def __init__(self, step, log_p_x_given_z, kl):
        super().__init__(
            f"the bound is not finite at step {step} (mean log p(x|z) "
            f"{log_p_x_given_z:.4g}, mean KL {kl:.4g} nats). Likely causes: a step "
            "size too large for this start; log_var of the encoder so large that "
            "exp overflows; a Gaussian decoder whose sigma shrinks to 0 on pixels that "
            "never change; NaN in the parameters. Try a smaller learning_rate first."
        )


class Minibatches:
    """Indices of minibatches of M: each epoch visits every datapoint once, in an order
    drawn from the generator. The last minibatch of an epoch may be smaller."""

    def __init__(self, n_data, M, generator):
        self.n_data, self.M, self.generator = n_data, M, generator
        self.order, self.done = torch.empty(0, dtype=torch.int64), 0

    def next(self):
        if self.done >= len(self.order):
            self.order = torch.randperm(self.n_data, generator=self.generator)
            self.done = 0
        self.done += self.M
        return self.order[self.done - self.M : self.done]


def print_progress(history):
    """Show the newest row on one line that the next row replaces."""
    print(f"\r{str(history):<90}", end="", flush=True)


def write_checkpoint(path, step, model, optimizer, batches, history):
    """Write all that training needs to go on as if it had never stopped: step,
    weights, optimizer, order of the minibatches, generator, history. safetensors, so
    that reading it runs no code. The file is replaced in one move: a cut leaves the
    old one whole."""
    tensors = {f"model.{k}": v for k, v in model.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{k}": v for k, v in state.items()}
    tensors["order"] = batches.order
    tensors["generator"] = batches.generator.get_state()
    tensors = {k: v.detach().to("cpu", copy=True).contiguous()
               for k, v in tensors.items()}
    about = {"kind": "aevb_lib.checkpoint", "of": _kinds(model, optimizer),
             "step": str(step), "done": str(batches.done),
             "n_data": str(batches.n_data),
             "history": json.dumps(asdict(history))}
    part = Path(f"{path}.part")
    save_file(tensors, part, metadata=about)
    part.replace(path)


def read_checkpoint(path, model, optimizer, batches, history):
    """Put everything back where `write_checkpoint` found it; return the step. A file
    that is damaged, or of another model or data set, is a ValueError and changes
    nothing."""
    try:
        with safe_open(path, framework="pt") as file:
            about = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except SafetensorError as error:
        raise ValueError(f"the checkpoint {path} is damaged: {error}") from None
    saved = {k: tuple(v.shape) for k, v in tensors.items() if k.startswith("model.")}
    wanted = {f"model.{k}": tuple(v.shape) for k, v in model.state_dict().items()}
    if about.get("kind") != "aevb_lib.checkpoint" or saved != wanted:
        raise ValueError(f"{path} is no checkpoint of this model: wanted {wanted}, "
                         f"got {saved or sorted(tensors)}")
    if about["of"] != _kinds(model, optimizer):
        raise ValueError(f"{path} is no checkpoint of this model and optimizer: wanted "
                         f"{_kinds(model, optimizer)}, got {about['of']}")
    if int(about["n_data"]) != batches.n_data:
        raise ValueError(f"{path} was written with N = {about['n_data']} datapoints, "
                         f"here are {batches.n_data}")
    model.load_state_dict({k[6:]: v for k, v in tensors.items() if k in saved})
    state = {}
    for name, value in tensors.items():
        if name.startswith("optimizer."):
            _, index, key = name.split(".")
            state.setdefault(int(index), {})[key] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
    batches.order, batches.done = tensors["order"], int(about["done"])
    batches.generator.set_state(tensors["generator"])
    for name, value in json.loads(about["history"]).items():
        setattr(history, name, value)
    return int(about["step"])


def _kinds(model, optimizer):
    """What the shapes of the weights do not tell: the likelihood, the optimizer."""
    return f"{model.decoder.likelihood} decoder, {type(optimizer).__name__}"
