"""One step of training: gradients of a strategy, averaged over processes, clipped, applied."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from hwbench.data.text import PARTS, Corpus, Part, Windows
from hwbench.spaces import Architecture
from hwbench.supernet.running import Choice, autocast, run
from hwbench.supernet.strategies import ArchitectureStrategy, Batch, MicroStep, Strategy
from hwbench.supernet.training.config import TrainingConfig
from hwbench.supernet.training.dropout import seeded
from hwbench.supernet.training.processes import Processes
from hwbench.supernet.training.state import TrainingState

__all__ = ["StepLosses", "Stepper", "windows_of"]


@dataclass(frozen=True, slots=True)
class StepLosses:
    """Losses of one step, still on the device.

    Attributes:
        weights: Mean over the micro-batches of what the strategy reported.
        architecture: The same of the distribution's update; None if there was none.
    """

    weights: Tensor
    architecture: Tensor | None


class Stepper:
    """Does steps.

    Args:
        state: What steps change.
        windows: Text for each part that the strategy asks for.
        config: How fast to learn.
        own: This process among others.
    """

    def __init__(
        self,
        state: TrainingState,
        windows: Mapping[Part, Windows],
        config: TrainingConfig,
        own: Processes,
    ) -> None:
        self._state, self._windows, self._config, self._own = state, windows, config, own
        self._network = own.shared(
            _Runner(state.network, config, own.device), whole=state.strategy.whole
        )
        self._passes_left = 0

    def step(self) -> StepLosses:
        """Do one update of the distribution (where there is one) and one of the weights."""
        if not self._config.dropout:
            return self._step()
        with seeded(self._config.seed, self._state.step, self._own.rank, self._own.device):
            return self._step()

    def _step(self) -> StepLosses:
        state, config = self._state, self._config
        rate = config.rate(state.step)
        micro = MicroStep(
            run=self._run,
            draw=_Draws(self._windows, config, state.step, self._own),
            backward=self._backward,
            weights=[p for p in state.network.parameters() if p.requires_grad],
            generator=state.generator,
            progress=state.step / config.steps,
            learning_rate=rate,
        )
        arch_loss = None
        if state.arch_optimizer is not None and state.step >= config.arch_start * config.steps:
            arch_loss = self._arch_step(micro, state.arch_optimizer)
        for group in state.optimizer.param_groups:
            group["lr"] = rate
        state.optimizer.zero_grad()
        self._passes_left = config.accumulate * state.strategy.passes
        losses = [state.strategy.train_weights(micro) for _ in range(config.accumulate)]
        assert not self._passes_left, "a strategy says how many passes it does"
        state.scaler.unscale_(state.optimizer)
        clip_grad_norm_(micro.weights, config.clip)
        state.scaler.step(state.optimizer)
        state.scaler.update()
        state.passes += micro.passes
        state.step += 1
        return StepLosses(_mean(losses), arch_loss)

    def _arch_step(self, micro: MicroStep, optimizer: torch.optim.Optimizer) -> Tensor:
        strategy = self._state.strategy
        assert isinstance(strategy, ArchitectureStrategy)  # what the optimizer is for
        optimizer.zero_grad()
        losses = [strategy.train_architecture(micro) for _ in range(self._config.accumulate)]
        rows = list(strategy.distribution.parameters())
        scale = self._state.scaler.get_scale()
        for row in rows:
            row.grad = torch.zeros_like(row) if row.grad is None else row.grad / scale
        grads = [row.grad for row in rows if row.grad is not None]
        self._own.average(grads)
        if all(bool(grad.isfinite().all()) for grad in grads):  # half precision may overflow
            clip_grad_norm_(rows, self._config.arch_clip)
            optimizer.step()
        return _mean(losses)

    def _run(self, choice: Choice, inputs: Tensor) -> Tensor:
        self._passes_left -= 1
        last = self._passes_left == 0
        with nullcontext() if last else self._own.apart(self._network):
            logits: Tensor = self._network(choice, inputs)
        return logits

    def _backward(self, loss: Tensor, share: float, *, inputs: list[Tensor] | None = None) -> None:
        scaled = self._state.scaler.scale(loss * (share / self._config.accumulate))
        scaled.backward(inputs=inputs)  # type: ignore[no-untyped-call]


class _Runner(nn.Module):
    """Runs a network as a choice says, at the precision of the training."""

    def __init__(self, network: nn.Module, config: TrainingConfig, device: torch.device) -> None:
        super().__init__()
        self.network, self._config, self._device = network, config, device
        self._compiled: Any = torch.compile(network) if config.compile else network

    def forward(self, choice: Choice, inputs: Tensor) -> Tensor:
        # Each subnet would be compiled anew, for longer than it runs.
        sliced = isinstance(choice, Architecture)
        with autocast(self._device, self._config.precision):
            return run(self.network if sliced else self._compiled, choice, inputs)


class _Draws:
    """Batches of one step: each depends on the seed, the step and its number alone."""

    def __init__(
        self, windows: Mapping[Part, Windows], config: TrainingConfig, step: int, own: Processes
    ) -> None:
        self._windows, self._config, self._step, self._own = windows, config, step, own
        self._drawn = dict.fromkeys(PARTS, 0)

    def __call__(self, part: Part) -> Batch:
        number = self._drawn[part] * self._own.world + self._own.rank
        self._drawn[part] += 1
        key = [self._config.seed, self._step, PARTS.index(part), number]
        rows = self._windows[part].draw(self._config.batch_size, np.random.default_rng(key))
        tokens = torch.from_numpy(rows).to(self._own.device)
        return Batch(tokens[:, :-1], tokens[:, 1:])


def windows_of(strategy: Strategy, corpus: Corpus, context: int, /) -> dict[Part, Windows]:
    """Return the text that a strategy trains on, by the part that it asks for."""
    found: dict[Part, Windows] = {"weights": corpus.windows(*strategy.parts, context=context)}
    if strategy.distribution is not None:
        found["architecture"] = corpus.windows("architecture", context=context)
    return found


def _mean(losses: list[Tensor]) -> Tensor:
    return losses[0] if len(losses) == 1 else torch.stack(losses).mean()
