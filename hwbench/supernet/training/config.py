"""How long, how fast and in what number format to train; the settings of a training run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final, get_args

from hwbench.errors import SchemaError, UnknownNameError
from hwbench.supernet.errors import TrainingError
from hwbench.supernet.running import Precision

__all__ = ["PRESETS", "TrainingConfig", "preset"]


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """The settings of a training run; the defaults are TangleNAS's for language models.

    Sukthanker et al. 2023, Table 22 and its code, but for the dropout.

    Attributes:
        steps: Updates of the weights.
        batch_size: Sequences a micro-batch and process.
        context: Tokens a sequence.
        accumulate: Micro-batches a step and process.
        learning_rate: Of the weights (AdamW), after the warm-up.
        min_learning_rate: Where its cosine ends.
        warmup: Steps in which it rises.
        betas: Of AdamW.
        weight_decay: Of AdamW, for matrices; biases and norms do not decay.
        clip: Largest norm of the weights' gradient.
        dropout: Share of the embeddings, and of what attention and MLPs add, that is dropped.
        arch_learning_rate: Of the distribution (Adam).
        arch_betas: Of its Adam.
        arch_weight_decay: Of its Adam: the L2 regularisation of DrNAS.
        arch_clip: Largest norm of its gradient.
        arch_start: Share of the steps before the distribution starts to learn.
        precision: "bf16" and "fp16" use autocast; "fp16" needs a GPU.
        seed: Of everything that is drawn.
        log_every: Steps a row of the log.
        validate_every: Steps between looks at the validation loss; 0 for none but the last.
        validate_rows: Sequences that a look takes.
        checkpoint_every: Steps between checkpoints.
        keep: Checkpoints that are kept.
        compile: Whether to run mixtures and plain networks through `torch.compile`; sliced subnets
            are not, since each would be compiled anew.
    """

    steps: int = 6000
    batch_size: int = 12
    context: int = 224
    accumulate: int = 20
    learning_rate: float = 5e-4
    min_learning_rate: float = 5e-5
    warmup: int = 100
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 0.1
    clip: float = 1.0
    dropout: float = 0.0
    arch_learning_rate: float = 3e-4
    arch_betas: tuple[float, float] = (0.5, 0.999)
    arch_weight_decay: float = 1e-3
    arch_clip: float = 5.0
    arch_start: float = 0.0
    precision: Precision = "fp32"
    seed: int = 0
    log_every: int = 10
    validate_every: int = 100
    validate_rows: int = 200
    checkpoint_every: int = 100
    keep: int = 3
    compile: bool = False

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "context", "accumulate", "log_every", "keep"):
            self._need(name, getattr(self, name) >= 1, "at least 1")
        for name in ("warmup", "validate_every", "seed", "weight_decay", "min_learning_rate"):
            self._need(name, getattr(self, name) >= 0, "not negative")
        for name in ("learning_rate", "arch_learning_rate", "clip", "arch_clip"):
            self._need(name, getattr(self, name) > 0, "positive")
        for name in ("checkpoint_every", "validate_rows"):
            self._need(name, getattr(self, name) >= 1, "at least 1")
        self._need("dropout", 0 <= self.dropout < 1, "a share from 0 to below 1")
        self._need("arch_start", 0 <= self.arch_start <= 1, "a share from 0 to 1")
        if self.precision not in get_args(Precision):
            raise UnknownNameError.of("precision", self.precision, get_args(Precision))
        object.__setattr__(self, "betas", tuple(self.betas))
        object.__setattr__(self, "arch_betas", tuple(self.arch_betas))

    def _need(self, name: str, fine: bool, words: str) -> None:
        if not fine:
            raise TrainingError(f"{name} must be {words}, got {getattr(self, name)}")

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0: a line up, then a cosine down."""
        if step < self.warmup:
            return self.learning_rate * (step + 1) / self.warmup
        done = (step - self.warmup) / max(self.steps - 1 - self.warmup, 1)
        height = 0.5 * (1.0 + math.cos(math.pi * min(done, 1.0)))
        return self.min_learning_rate + height * (self.learning_rate - self.min_learning_rate)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON values."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], /) -> TrainingConfig:
        """Read what `to_dict` returns.

        Raises:
            SchemaError: If a setting is not known.
        """
        known = {f.name for f in fields(cls)}
        strange = sorted(set(values) - known)
        if strange:
            raise SchemaError(f"unknown settings of a training run: {', '.join(strange)}")
        return cls(**values)


_NANO: Final = TrainingConfig(
    steps=2000,
    batch_size=8,
    context=64,
    accumulate=1,
    learning_rate=3e-3,  # at 6e-3 two seeds of a small network may end 0.3 nats apart
    min_learning_rate=3e-4,
    warmup=50,
    arch_learning_rate=1e-2,
    log_every=50,
    validate_every=250,
    validate_rows=64,
    checkpoint_every=250,
)

PRESETS: Final[dict[str, TrainingConfig]] = {
    "nano": _NANO,
    "small-lm": TrainingConfig(dropout=0.2),
    "gpt": TrainingConfig(
        steps=20_000,
        batch_size=8,
        context=1024,
        accumulate=8,
        warmup=500,
        weight_decay=0.1,
        betas=(0.9, 0.95),
        validate_every=500,
        validate_rows=100,
        checkpoint_every=500,
        precision="bf16",
    ),
}
"""Space (or "gpt", for HW-GPT-Bench's) -> settings. "small-lm" is the paper's, with the
dropout of its code; the others are ours."""


def preset(space: str, /, **changes: Any) -> TrainingConfig:
    """Return the settings for a space, some of them changed.

    >>> preset("nano", steps=10).batch_size
    8
    """
    return replace(PRESETS.get(space, PRESETS["gpt"]), **changes)
