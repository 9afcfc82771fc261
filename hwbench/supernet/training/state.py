"""What changes while a network trains, and how it goes into a checkpoint and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isnan, nan
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hwbench.supernet import checkpoints
from hwbench.supernet.checkpoints import Checkpoint, flatten, unflatten
from hwbench.supernet.errors import CheckpointError
from hwbench.supernet.strategies import Strategy
from hwbench.supernet.training.config import TrainingConfig

__all__ = ["TrainingState", "start"]

_DISTRIBUTION = "distribution."
_GENERATOR = "generator"
# Settings that change what is written, not what is computed.
_FREE = {"log_every", "checkpoint_every", "keep", "validate_every", "validate_rows", "compile"}


@dataclass
class TrainingState:
    """Everything that a step changes.

    Attributes:
        network: The network.
        strategy: With its distribution, if it learns one.
        optimizer: Of the weights.
        arch_optimizer: Of the distribution.
        scaler: Of losses in half precision; does nothing otherwise.
        generator: Source of architectures.
        settings: What the run was started with, as JSON values.
        step: Steps done.
        passes: Forward and backward passes done in one process.
        seconds: Seconds spent so far, those before a resumption included.
        unlogged: Losses of the weights and the architecture, NaN where there was none, of the
            steps that no row of the log tells of yet.
    """

    network: nn.Module
    strategy: Strategy
    optimizer: torch.optim.Optimizer
    arch_optimizer: torch.optim.Optimizer | None
    scaler: torch.amp.GradScaler
    generator: torch.Generator
    settings: Mapping[str, Any] = field(default_factory=dict)
    step: int = 0
    passes: int = 0
    seconds: float = 0.0
    unlogged: list[tuple[float, float]] = field(default_factory=list)

    def checkpoint(self) -> Checkpoint:
        """Return everything as tensors and JSON values."""
        tensors: dict[str, Tensor] = {_GENERATOR: self.generator.get_state()}
        held = {"optimizer": flatten(self.optimizer.state_dict(), "optimizer", tensors)}
        if self.arch_optimizer is not None:
            state = self.arch_optimizer.state_dict()
            held["arch_optimizer"] = flatten(state, "arch_optimizer", tensors)
        held["scaler"] = flatten(self.scaler.state_dict(), "scaler", tensors)
        if self.strategy.distribution is not None:
            learned = self.strategy.distribution.state_dict()
            tensors.update({_DISTRIBUTION + name: t for name, t in learned.items()})
        about = {
            "settings": dict(self.settings),
            "passes": self.passes,
            "seconds": self.seconds,
            "unlogged": [[None if isnan(x) else x for x in row] for row in self.unlogged],
            "held": held,
        }
        return Checkpoint(self.step, self.network.state_dict(), tensors, about)

    def restore(self, path: Path, /) -> None:
        """Go back to a checkpoint.

        Raises:
            CheckpointError: If it is damaged, or belongs to a run with other settings.
        """
        found = checkpoints.read(path)
        _compare(path, _completed(found.about.get("settings", {})), self.settings)
        checkpoints.put(path, found.weights, self.network)
        held = found.about["held"]
        self.optimizer.load_state_dict(unflatten(held["optimizer"], found.state))
        if self.arch_optimizer is not None:
            self.arch_optimizer.load_state_dict(unflatten(held["arch_optimizer"], found.state))
        self.scaler.load_state_dict(unflatten(held["scaler"], found.state))
        if self.strategy.distribution is not None:
            checkpoints.put(path, distribution_state(found.state), self.strategy.distribution)
        self.generator.set_state(found.state[_GENERATOR])
        self.step, self.passes = found.step, int(found.about["passes"])
        self.seconds = float(found.about["seconds"])
        rows = found.about.get("unlogged", [])
        self.unlogged = [(float(a), nan if b is None else float(b)) for a, b in rows]


def distribution_state(state: Mapping[str, Tensor], /) -> dict[str, Tensor]:
    """Pick the parameters of the distribution out of a checkpoint's state."""
    return {
        name.removeprefix(_DISTRIBUTION): t
        for name, t in state.items()
        if name.startswith(_DISTRIBUTION)
    }


def start(
    network: nn.Module, strategy: Strategy, config: TrainingConfig, device: torch.device, /
) -> TrainingState:
    """Make optimizers and a generator for a network that is about to train."""
    matrices = [p for p in network.parameters() if p.dim() > 1]
    others = [p for p in network.parameters() if p.dim() <= 1]
    optimizer = torch.optim.AdamW(
        [
            {"params": matrices, "weight_decay": config.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ],
        lr=config.learning_rate,
        betas=config.betas,
        fused=True,
    )
    arch_optimizer = None
    if strategy.distribution is not None:
        arch_optimizer = torch.optim.Adam(
            strategy.distribution.parameters(),
            lr=config.arch_learning_rate,
            betas=config.arch_betas,
            weight_decay=config.arch_weight_decay,
        )
    return TrainingState(
        network=network,
        strategy=strategy,
        optimizer=optimizer,
        arch_optimizer=arch_optimizer,
        scaler=torch.amp.GradScaler(device.type, enabled=config.precision == "fp16"),
        generator=torch.Generator().manual_seed(config.seed),
    )


def _completed(held: Mapping[str, Any]) -> Mapping[str, Any]:
    """Add the settings of the training that came later, at their defaults."""
    if "training" not in held:
        return held
    return {**held, "training": TrainingConfig.from_dict(held["training"]).to_dict()}


def _compare(path: Path, held: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    differing = [
        f"{group}.{name} ({old.get(name)!r} there, {new.get(name)!r} asked for)"
        for group in sorted({*held, *wanted})
        for old, new in [(held.get(group, {}), wanted.get(group, {}))]
        for name in sorted({*old, *new} - _FREE)
        if old.get(name) != new.get(name)
    ]
    if differing:
        raise CheckpointError(
            f"{path} belongs to a run with other settings: {'; '.join(differing)}; "
            "give the same ones to go on, or another folder"
        )
