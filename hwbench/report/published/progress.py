"""How far a comparison is, and about how long it will take."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

__all__ = ["Progress", "Tell", "duration"]

Tell: TypeAlias = Callable[[str], None]
"""Called with each line of progress."""


@dataclass
class Progress:
    """Tells of each part that is done, and how long the others will take.

    Attributes:
        title: What is being done.
        count: How many parts there are.
        total: Their weights' sum: how long each takes, in any unit.
        tell: Gets the lines.
        clock: Seconds that never go back.
    """

    title: str
    count: int
    total: float
    tell: Tell
    clock: Callable[[], float] = time.monotonic
    _done: int = 0
    _fresh: float = 0.0
    _weight: float = 0.0
    _began: float = field(init=False)

    def __post_init__(self) -> None:
        self._began = self.clock()

    def __call__(self, label: str, weight: float = 1.0, *, fresh: bool = True) -> None:
        """Tell that one more part is done.

        Args:
            label: Which.
            weight: Its share of `total`.
            fresh: It was worked out now, and says how fast things go.
        """
        self._done += 1
        self._weight += weight
        self._fresh += weight if fresh else 0.0
        place = f"[{self.title} {self._done:{len(str(self.count))}}/{self.count}]"
        kept = "" if fresh else " (kept)"
        self.tell(f"{place} {label}{kept}{self._left()}")

    def _left(self) -> str:
        rest = self.total - self._weight
        if not self._fresh or self._done >= self.count:
            return ""
        return f", {duration((self.clock() - self._began) / self._fresh * rest)} left"


def duration(seconds: float, /) -> str:
    """Say a time to wait in words.

    >>> duration(40.2), duration(200.0)
    ('about 40 s', 'about 3 min')
    """
    return f"about {seconds:.0f} s" if seconds < 90 else f"about {seconds / 60:.0f} min"
