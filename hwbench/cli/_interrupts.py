"""Ctrl-C ends every command, even where the interrupt itself gets lost.

Python drops a `KeyboardInterrupt` that is raised while an object dies, and extension modules turn
it into another error, or into none, while they are imported. So it is noted here when Ctrl-C is
pressed, and a command that still runs a few seconds later is ended from outside.
"""

from __future__ import annotations

import _thread
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

__all__ = ["INTERRUPTED", "Interrupts", "watched"]

INTERRUPTED: Final = 130
_GRACE_S: Final = 4.0  # for what is to be put in order


@dataclass
class Interrupts:
    """What came of Ctrl-C.

    Attributes:
        pressed: It was pressed.
        over: The command has ended by itself.
    """

    pressed: bool = False
    over: bool = False

    def press(self, *_: object) -> None:
        """Interrupt the command; end the process where that does not help. A signal handler."""
        if not self.pressed:
            self.pressed = True
            # Not threading.Thread: the interrupted code may hold the locks that it needs.
            _thread.start_new_thread(self._end_later, ())
        raise KeyboardInterrupt

    def _end_later(self) -> None:
        time.sleep(_GRACE_S)
        if not self.over:
            os.write(2, b"interrupted\n")
            os._exit(INTERRUPTED)


@contextmanager
def watched() -> Iterator[Interrupts]:
    """Handle Ctrl-C for as long as a command runs, unless the caller ignores it or handles it."""
    found = Interrupts()
    mine = threading.current_thread() is threading.main_thread()
    usual = signal.getsignal(signal.SIGINT)
    if not mine or usual is not signal.default_int_handler:
        yield found
        return
    signal.signal(signal.SIGINT, found.press)
    try:
        yield found
    finally:
        found.over = True
        signal.signal(signal.SIGINT, usual)
