"""Divide text into parts that share nothing, so that no part tells about another.

By document where there are many: a document lies in one part as a whole, and of documents with
equal text one is kept. By span where there are few: each document is cut into one contiguous span
a part, at ends of lines. Near duplicates (a licence at the head of many files) are not looked for.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from hwbench.errors import DataError

__all__ = ["PARTS", "Part", "Shares", "by_document", "cut", "digest", "way_to_split"]

Part = Literal["weights", "architecture", "validation", "test"]
"""What text is for: training weights, training the choice of architecture, choosing, reporting."""
PARTS: Final[tuple[Part, ...]] = get_args(Part)

_MANY: Final = 50  # documents from which on they are dealt out whole


@dataclass(frozen=True, slots=True)
class Shares:
    """How much of the text each part gets; the shares sum to one.

    The defaults train on nine tenths, four fifths of that for weights and one for architectures,
    as TangleNAS (2023, section 5) does for weight-entangled spaces.
    """

    weights: float = 0.72
    architecture: float = 0.18
    validation: float = 0.05
    test: float = 0.05

    def __post_init__(self) -> None:
        total = math.fsum(self.values)
        if not all(share > 0 for share in self.values) or abs(total - 1.0) > 1e-9:
            raise DataError(f"shares are positive and sum to 1, got {self.values}")

    @property
    def values(self) -> tuple[float, ...]:
        """The shares in the order of `PARTS`."""
        return (self.weights, self.architecture, self.validation, self.test)

    @property
    def ends(self) -> tuple[float, ...]:
        """Where each part ends, from 0 to 1."""
        return (*itertools.accumulate(self.values[:-1]), 1.0)


def digest(text: str, /) -> str:
    """Return the SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def way_to_split(sizes: Sequence[int], shares: Shares, /) -> Literal["document", "span"]:
    """Say how to divide documents of these sizes: whole if they are many and few are large."""
    large = sum(size for size in sizes if size > _limit(sizes, shares))
    fine = len(sizes) >= _MANY and large <= shares.weights * sum(sizes)
    return "document" if fine else "span"


def by_document(sizes: Sequence[int], digests: Sequence[str], shares: Shares, /) -> list[Part]:
    """Deal documents out to parts, whole.

    Documents larger than half of the smallest part are for weights. Then come the others in the
    order of their digests, which has nothing to do with what they say, and each goes to the part
    that its middle falls into.

    Args:
        sizes: Bytes of each document.
        digests: Their digests, all distinct.
        shares: How much each part gets of the bytes.

    Returns:
        The part of each document.
    """
    total, before = sum(sizes), 0
    found: list[Part] = ["weights"] * len(sizes)
    limit = _limit(sizes, shares)
    for i in sorted(range(len(sizes)), key=lambda i: (sizes[i] <= limit, digests[i])):
        middle = (before + sizes[i] / 2) / total
        if sizes[i] <= limit:
            found[i] = next(p for p, end in zip(PARTS, shares.ends, strict=True) if middle < end)
        before += sizes[i]
    return found


def cut(text: str, shares: Shares, /) -> dict[Part, str]:
    r"""Cut one text into a contiguous span a part, in the order of `PARTS`, after ends of lines.

    A text without line ends near a cut is cut between two characters.

    >>> cut("a\nb\nc\nd\n", Shares(0.25, 0.25, 0.25, 0.25))["validation"]
    'c\n'
    """
    marks = [0, *(_line_end(text, round(end * len(text))) for end in shares.ends)]
    return {part: text[a:b] for part, (a, b) in zip(PARTS, itertools.pairwise(marks), strict=True)}


def _limit(sizes: Sequence[int], shares: Shares) -> float:
    return min(shares.values) * sum(sizes) / 2


def _line_end(text: str, place: int) -> int:
    if place in (0, len(text)) or text[place - 1] == "\n":
        return place
    reach = min(len(text), place + 10_000, place + len(text) // 50 + 1)
    found = text.find("\n", place, reach)
    return place if found < 0 else found + 1
