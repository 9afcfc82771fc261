"""What a training run tells while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Progress", "Report", "clock"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is.

    Attributes:
        step: Steps done.
        steps: Steps in all.
        loss: Mean training loss since the last report, in nats a token.
        tokens_per_s: Tokens of forward and backward passes a second, since the last report.
        left_s: Seconds that the rest will take at that speed.
        validation: Name -> validation loss, where it was just looked at.
    """

    step: int
    steps: int
    loss: float
    tokens_per_s: float
    left_s: float
    validation: dict[str, float]

    def __str__(self) -> str:
        """Write the report as one line."""
        parts = [
            f"step {self.step:{len(str(self.steps))}}/{self.steps}",
            f"loss {self.loss:.4f}",
            f"{self.tokens_per_s:,.0f} tokens/s",
            f"{clock(self.left_s)} left",
        ]
        parts += [f"{name} {loss:.4f}" for name, loss in self.validation.items()]
        return "  ".join(parts)


Report = Callable[[Progress], None]
"""What is called with each report."""


def clock(seconds: float, /) -> str:
    """Write a duration as hours, minutes and seconds.

    >>> clock(3725.4)
    '1:02:05'
    """
    whole = round(max(seconds, 0.0))
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
