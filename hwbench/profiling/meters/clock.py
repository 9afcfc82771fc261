"""Where meters take time from: a monotonic clock that tests can replace.

Wall-clock time jumps when a machine is set right; it stamps rows, it never measures a duration.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import Final

__all__ = ["MONOTONIC", "Clock", "MonotonicClock"]


class Clock(ABC):
    """Tells monotonic time and waits."""

    @abstractmethod
    def now(self) -> float:
        """Seconds since some fixed moment; never goes back."""

    @abstractmethod
    def sleep(self, duration_s: float) -> None:
        """Wait for `duration_s`."""


class MonotonicClock(Clock):
    """The clock of the operating system that no one sets."""

    def now(self) -> float:
        """Read `time.monotonic`."""
        return time.monotonic()

    def sleep(self, duration_s: float) -> None:
        """Wait; other threads go on."""
        time.sleep(duration_s)


MONOTONIC: Final[Clock] = MonotonicClock()
