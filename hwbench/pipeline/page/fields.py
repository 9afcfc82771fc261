"""Read JSON whose fields may be missing, and sum repeated numbers up."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from statistics import geometric_mean, median
from typing import Any, NamedTuple

__all__ = ["Fields", "Interval", "of_seeds", "of_visits"]


class Interval(NamedTuple):
    """A number between two others: a prediction and its interval of 90 %, say."""

    middle: float
    low: float
    high: float


def of_seeds(perplexities: Sequence[float], /) -> Interval | None:
    """Return the perplexity of the mean loss, and the least and the greatest; None of none."""
    if not perplexities:
        return None
    return Interval(geometric_mean(perplexities), min(perplexities), max(perplexities))


def of_visits(values: Sequence[float], /) -> Interval | None:
    """Return the median of visits, and the least and the greatest; None of none."""
    return Interval(median(values), min(values), max(values)) if values else None


class Fields:
    """The fields of a JSON object; one of another type counts as missing."""

    def __init__(self, values: object, /) -> None:
        self._values: Mapping[str, Any] = values if isinstance(values, dict) else {}

    def text(self, name: str, default: str = "", /) -> str:
        """Return a text."""
        found = self._values.get(name)
        return found if isinstance(found, str) else default

    def number(self, name: str, /) -> float | None:
        """Return a finite number."""
        return _number(self._values.get(name))

    def whole(self, name: str, /) -> int | None:
        """Return a whole number."""
        found = self.number(name)
        return None if found is None else int(found)

    def flag(self, name: str, /) -> bool | None:
        """Return true or false."""
        found = self._values.get(name)
        return found if isinstance(found, bool) else None

    def numbers(self, name: str, /) -> tuple[float, ...]:
        """Return the finite numbers of a list."""
        found = (_number(value) for value in self._list(name))
        return tuple(value for value in found if value is not None)

    def texts(self, name: str, /) -> tuple[str, ...]:
        """Return the texts of a list."""
        return tuple(value for value in self._list(name) if isinstance(value, str))

    def interval(self, name: str, /) -> Interval | None:
        """Return a prediction with its interval."""
        found = self.numbers(name)
        return Interval(*found) if len(found) == 3 else None

    def inner(self, name: str, /) -> Fields:
        """Return the fields of an object in it."""
        return Fields(self._values.get(name))

    def each(self, name: str, /) -> Iterator[Fields]:
        """Go through a list of objects."""
        return map(Fields, self._list(name))

    def items(self) -> Iterator[tuple[str, Fields]]:
        """Go through an object of objects."""
        return ((key, Fields(value)) for key, value in self._values.items())

    def _list(self, name: str) -> Sequence[object]:
        found = self._values.get(name)
        return found if isinstance(found, list) else ()


def _number(value: object) -> float | None:
    known = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if known else None  # type: ignore[arg-type]  # a number, see above
