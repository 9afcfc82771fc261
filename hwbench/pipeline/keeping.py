"""What outlives a stage that is killed, changed or done again: its time, and its old folders."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from hwbench.data.files import write_text
from hwbench.pipeline.stage import Record, Say

__all__ = ["Clock", "Watch", "last_kept", "set_aside"]

_EVERY_S: Final = 20.0


@dataclass
class Clock:
    """Counts the seconds of a stage, and keeps the count in case the process is killed.

    Attributes:
        start: The record at the beginning; its seconds were spent before.
        folder: Of the stage.
        began: When it began.
        saved: When the count was kept last.
    """

    start: Record
    folder: Path
    began: float
    saved: float = 0.0

    def record(self) -> Record:
        """Return the record with the seconds until now."""
        seconds = self.start.seconds + time.monotonic() - self.began
        return replace(self.start, seconds=round(seconds, 2))

    def kept(self, say: Say) -> Say:
        """Return what tells a line and keeps the count, if that was long ago."""

        def told(line: str) -> None:
            say(line)
            if time.monotonic() - max(self.began, self.saved) >= _EVERY_S:
                self.record().save(self.folder)
                self.saved = time.monotonic()

        return told


class Watch:
    """Counts the seconds of a part of a stage that goes on after a kill, such as a search.

    Args:
        path: File that keeps the count; of a folder that is there or will be.
    """

    def __init__(self, path: Path, /) -> None:
        self._path = path
        self._began = time.perf_counter()
        try:
            self._before = float(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):  # not begun yet
            self._before = 0.0

    def look(self) -> float:
        """Return the seconds until now, those before a kill included, and keep them."""
        seconds = self._before + time.perf_counter() - self._began
        write_text(self._path, f"{seconds:.4f}\n")
        return seconds


def set_aside(folder: Path, place: Path, /) -> None:
    """Move a folder to a place, or beside what lies there: "x", "x-2", "x-3"."""
    place.parent.mkdir(parents=True, exist_ok=True)
    number = max(_numbered(place), default=0) + 1
    folder.rename(place if number == 1 else place.with_name(f"{place.name}-{number}"))


def last_kept(place: Path, /) -> Path | None:
    """Return the folder that was set aside last at a place; None if there is none."""
    kept = _numbered(place)
    return kept[max(kept)] if kept else None


def _numbered(place: Path) -> Mapping[int, Path]:
    tails = {
        path.name.removeprefix(place.name): path
        for path in place.parent.glob(f"{place.name}*")
        if path.is_dir()
    }
    known = {tail: path for tail, path in tails.items() if not tail or tail[1:].isdecimal()}
    return {int(tail[1:] or 1): path for tail, path in known.items()}
