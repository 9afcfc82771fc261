"""Train a few steps, alone or as one of several processes, and save gradients and weights.

`test_processes.py` runs it by itself and under torchrun: all processes together see the same rows
of text as one with batches as large as theirs together.
"""

import sys
from pathlib import Path

import numpy as np
import torch

from hwbench import spaces
from hwbench.supernet import strategies
from hwbench.supernet.gpt import ElasticGPT
from hwbench.supernet.strategies import ArchitectureStrategy
from hwbench.supernet.training import TrainingConfig, processes
from hwbench.supernet.training.state import start
from hwbench.supernet.training.step import Stepper

ROWS, STEPS, METHODS = 4, 4, ("spos", "sandwich-distil", "tanglenas", "gdas")


class Dealt:
    """Rows of tokens that are dealt out in turn to all processes."""

    def __init__(self, own, seed):
        self.tokens = np.random.default_rng(seed).integers(0, 200, size=(STEPS * 2 * ROWS, 17))
        self.own, self.at = own, own.rank * (ROWS // own.world)

    def draw(self, size, _):
        found = self.tokens[self.at : self.at + size]
        self.at += size * self.own.world
        return found


def trained(method, own):
    space = spaces.get("nano").restrict(embed_dim=[32, 48], n_layer=[2, 3], mlp_ratio=[1, 2])
    strategy = strategies.make(
        "tanglenas" if method == "gdas" else method,
        space,
        generator=torch.Generator().manual_seed(1),
        distribution="gdas" if method == "gdas" else "drnas",
    )
    config = TrainingConfig(
        steps=STEPS, batch_size=ROWS // own.world, context=16, accumulate=2, warmup=0
    )
    net = ElasticGPT(space, generator=torch.Generator().manual_seed(0)).double()
    state = start(net, strategy, config, own.device)
    windows = {part: Dealt(own, i) for i, part in enumerate(("weights", "architecture"))}
    stepper = Stepper(state, windows, config, own)
    found = []
    for _ in range(STEPS):
        stepper.step()
        gradients = {name: weight.grad for name, weight in net.named_parameters()}
        found.append({name: None if g is None else g.clone() for name, g in gradients.items()})
    weights = dict(net.state_dict())
    if isinstance(strategy, ArchitectureStrategy):
        weights |= {f"arch.{n}": p for n, p in strategy.distribution.state_dict().items()}
    return {"gradients": found, "weights": weights}


if __name__ == "__main__":
    torch.set_num_threads(1)
    with processes("cpu") as own:
        found = {method: trained(method, own) for method in METHODS}
        torch.save(found, Path(sys.argv[1]) / f"{own.world}-{own.rank}.pt")
