"""What can go wrong while a network trains."""

from __future__ import annotations

from hwbench.errors import HwbenchError

__all__ = ["CheckpointError", "TrainingError"]


class TrainingError(HwbenchError, RuntimeError):
    """Training cannot go on: a loss that is no number, no memory left, settings that clash."""


class CheckpointError(HwbenchError, ValueError):
    """A checkpoint is missing, damaged, or belongs to another run."""
