"""Ctrl-C while a network trains: the step under way is finished and kept, a second one ends all."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["Stop", "TrainingInterrupted", "noticed"]

_HINT: Final = b"\nstopping after this step; Ctrl-C again ends at once\n"


class TrainingInterrupted(KeyboardInterrupt):
    """A training was stopped by Ctrl-C, and a checkpoint was written.

    Args:
        step: Steps done.
        checkpoint: What a later training goes on from.
    """

    def __init__(self, step: int, checkpoint: Path) -> None:
        super().__init__(f"stopped after step {step}, kept in {checkpoint}")
        self.step, self.checkpoint = step, checkpoint


@dataclass
class Stop:
    """Whether somebody asked for the end.

    Attributes:
        asked: Ctrl-C was pressed.
    """

    asked: bool = False


@contextmanager
def noticed(*, aloud: bool = True) -> Iterator[Stop]:
    """Take note of the first Ctrl-C; the second does what it did before.

    Outside of the main thread, or where Ctrl-C is ignored, nothing changes.

    Args:
        aloud: Whether to say on stderr that it was noticed.
    """
    stop = Stop()
    usual = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(usual):
        yield stop
        return

    def press(*_: object) -> None:
        stop.asked = True
        signal.signal(signal.SIGINT, usual)
        if aloud:
            os.write(2, _HINT)  # sys.stderr may be in the middle of a line of its own

    signal.signal(signal.SIGINT, press)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, usual)
