"""Count, rank and list the networks of a space, exactly.

Networks are ordered as their canonical codes are, column by column from the left. So the rank is a
mixed-radix number: the columns before the depth ("head") count whole blocks of all depths; within a
block come the networks of each smaller depth; within a depth, the active columns after it ("tail")
are the digits.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np

from hwbench.arrays import Codes
from hwbench.errors import SpaceError
from hwbench.spaces.layout import Layout

__all__ = ["all_codes", "rank", "size", "sizes_by_depth", "unrank"]


def size(layout: Layout, /) -> int:
    """Count the distinct networks, as an exact integer."""
    return math.prod(_heads(layout)) * sum(sizes_by_depth(layout))


def sizes_by_depth(layout: Layout, /) -> list[int]:
    """Count the ways to fill the columns after the depth, for each index of the depth."""
    return [math.prod(_tail(layout, index)) for index in range(len(layout.depth_values))]


def rank(layout: Layout, code: Codes, /) -> int:
    """Return the place of one canonical code among all codes."""
    column, depth = _depth_of(layout, code)
    head = _compose(code[:column], _heads(layout))
    sizes = sizes_by_depth(layout)
    places = _tail_places(layout, depth)
    tail = _compose(code[places], [int(layout.cardinalities[place]) for place in places])
    return head * sum(sizes) + sum(sizes[:depth]) + tail


def unrank(layout: Layout, index: int, /) -> Codes:
    """Return the canonical code at a place.

    Raises:
        SpaceError: If the place is negative or not below the size.
    """
    if not 0 <= index < size(layout):
        raise SpaceError(f"index {index} is outside of 0 to {size(layout) - 1}")
    sizes = sizes_by_depth(layout)
    head, rest = divmod(index, sum(sizes))
    depth = 0
    while rest >= sizes[depth]:
        rest -= sizes[depth]
        depth += 1
    code = np.zeros(len(layout.columns), dtype=np.uint8)
    column = layout.depth_column or 0
    code[:column] = _split(head, _heads(layout))
    if layout.depth_column is not None:
        code[column] = depth
    code[_tail_places(layout, depth)] = _split(rest, _tail(layout, depth))
    return code


def all_codes(layout: Layout, /) -> Iterator[Codes]:
    """Yield every canonical code once, in the order of `rank`, lazily."""
    column = layout.depth_column
    for head in itertools.product(*map(range, _heads(layout))):
        for depth in range(len(layout.depth_values)):
            code = np.zeros(len(layout.columns), dtype=np.uint8)
            code[: len(head)] = head
            if column is not None:
                code[column] = depth
            places = _tail_places(layout, depth)
            for tail in itertools.product(*map(range, _tail(layout, depth))):
                row = code.copy()
                row[places] = tail
                yield row


def _heads(layout: Layout) -> list[int]:
    return [int(count) for count in layout.cardinalities[: layout.depth_column or 0]]


def _tail_places(layout: Layout, depth: int) -> list[int]:
    first = 0 if layout.depth_column is None else layout.depth_column + 1
    return [int(i) for i in np.flatnonzero(layout.active[depth]) if i >= first]


def _tail(layout: Layout, depth: int) -> list[int]:
    return [int(layout.cardinalities[place]) for place in _tail_places(layout, depth)]


def _depth_of(layout: Layout, code: Codes) -> tuple[int, int]:
    column = layout.depth_column
    return (0, 0) if column is None else (column, int(code[column]))


def _compose(digits: Sequence[int] | Codes, radices: Sequence[int]) -> int:
    number = 0
    for digit, radix in zip(digits, radices, strict=True):
        number = number * radix + int(digit)
    return number


def _split(number: int, radices: Sequence[int]) -> list[int]:
    digits: list[int] = []
    for radix in reversed(radices):
        number, digit = divmod(number, radix)
        digits.append(digit)
    return digits[::-1]
