"""Run a network as a choice says, at a precision: what training and evaluation share."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import torch
from torch import Tensor, nn

from hwbench.spaces import Architecture
from hwbench.supernet.errors import TrainingError
from hwbench.supernet.weights import ArchWeights

__all__ = ["Choice", "Precision", "autocast", "is_out_of_memory", "run"]

Choice: TypeAlias = Architecture | ArchWeights | None
"""What a network runs as: a subnet, a mixture, or, if it is no supernet, itself."""

Precision = Literal["fp32", "bf16", "fp16"]
"""Number format of matrix products; weights and optimizer states are fp32."""

_TYPES: Final = {"bf16": torch.bfloat16, "fp16": torch.float16}


def autocast(device: torch.device, precision: Precision, /) -> torch.autocast:
    """Return the context in which a network computes at a precision.

    Raises:
        TrainingError: If the device cannot.
    """
    if precision == "fp16" and device.type == "cpu":
        raise TrainingError("fp16 needs a GPU; take bf16 or fp32")
    kind = _TYPES.get(precision, torch.bfloat16)
    return torch.autocast(device.type, dtype=kind, enabled=precision != "fp32")


def run(network: nn.Module, choice: Choice, inputs: Tensor, /) -> Tensor:
    """Return the logits `(B, T, V)` of token ids `(B, T)`.

    Args:
        network: A supernet, or a plain network if the choice is None.
        choice: What to run it as; weights are moved to the inputs' device.
        inputs: Token ids.
    """
    if choice is None:
        logits: Tensor = network(inputs)
    elif isinstance(choice, ArchWeights):
        moved = {name: row.to(inputs.device) for name, row in choice.choices.items()}
        logits = network(inputs, ArchWeights(moved))
    else:
        logits = network(inputs, choice)
    return logits


def is_out_of_memory(error: BaseException, /) -> bool:
    """Say whether an error means that memory ran out, on a GPU or on the CPU."""
    words = str(error).lower()
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError)
        and ("out of memory" in words or "can't allocate memory" in words)
    )
