"""Train a network: one loop for every strategy, with checkpoints, logs and several processes."""

from __future__ import annotations

from hwbench.supernet.training.config import PRESETS, TrainingConfig, preset
from hwbench.supernet.training.logs import LOG, VALIDATION, read_log
from hwbench.supernet.training.loop import CHECKPOINTS, TrainingResult, train
from hwbench.supernet.training.processes import Processes, processes
from hwbench.supernet.training.progress import Progress, Report
from hwbench.supernet.training.stopping import TrainingInterrupted

__all__ = [
    "CHECKPOINTS",
    "LOG",
    "PRESETS",
    "VALIDATION",
    "Processes",
    "Progress",
    "Report",
    "TrainingConfig",
    "TrainingInterrupted",
    "TrainingResult",
    "preset",
    "processes",
    "read_log",
    "train",
]
