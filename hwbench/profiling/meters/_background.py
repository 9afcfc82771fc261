"""A thread that calls a function again and again until it is stopped or the function fails."""

from __future__ import annotations

import threading
from collections.abc import Callable

from hwbench.errors import HwbenchError

__all__ = ["Periodic"]


class Periodic:
    """Calls a function at a steady pace in the background, from the moment it is made.

    Args:
        call: What to call; an error of hwbench ends the thread and is kept in `error`.
        period_s: Pause between two calls.
        name: Name of the thread.

    Attributes:
        error: What ended the thread early, `None` so far.
    """

    def __init__(self, call: Callable[[], object], /, *, period_s: float, name: str) -> None:
        self.error: HwbenchError | None = None
        self._call = call
        self._period_s = period_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread and wait for it."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._period_s):
            try:
                self._call()
            except HwbenchError as error:
                self.error = error
                return
