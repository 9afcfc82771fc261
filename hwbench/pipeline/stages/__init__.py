"""The stages of a pipeline, one file each, in the order in which they run."""

from __future__ import annotations

from typing import Final

from hwbench.pipeline.stage import Stage
from hwbench.pipeline.stages import (
    evaluating,
    fitting,
    profiling,
    searching,
    training,
    verifying,
)

__all__ = ["STAGES"]

STAGES: Final[tuple[Stage, ...]] = (
    training.STAGE,
    evaluating.STAGE,
    profiling.STAGE,
    fitting.STAGE,
    searching.STAGE,
    verifying.STAGE,
)
