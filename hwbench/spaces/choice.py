"""One choice of a search space: a name and the values it can take."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final, TypeAlias

from hwbench.errors import SpaceError

__all__ = ["Choice", "Scalar", "to_text"]

Scalar: TypeAlias = int | float | bool | str
"""A value of a choice."""

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORD: Final = re.compile(r"[A-Za-z0-9_.+-]+")
_RESERVED: Final = frozenset({"space"})
_MOST_VALUES: Final = 256  # an index is one byte


def to_text(value: Scalar) -> str:
    """Write a value as it stands in the text of an architecture."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)


@dataclass(frozen=True)
class Choice:
    """A named choice.

    Attributes:
        name: An identifier, not "space".
        values: Between 1 and 256 distinct values of one type; numbers and booleans ascend, so that
            the order of indices is the order of values.
    """

    name: str
    values: tuple[Scalar, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", tuple(self.values))
        if not _NAME.fullmatch(self.name) or self.name in _RESERVED:
            raise SpaceError(f"a choice needs an identifier as its name, got {self.name!r}")
        if not 1 <= len(self.values) <= _MOST_VALUES:
            raise SpaceError(
                f"{self.name}: needs 1 to {_MOST_VALUES} values, got {len(self.values)}"
            )
        if len({type(value) for value in self.values}) != 1:
            raise SpaceError(f"{self.name}: values must have one type, got {self.values}")
        self._check_order()

    def _check_order(self) -> None:
        words = [value for value in self.values if isinstance(value, str)]
        if any(not _WORD.fullmatch(word) for word in words):
            raise SpaceError(f"{self.name}: words may hold A-Z a-z 0-9 _ . + -, got {self.values}")
        if len(set(self.values)) != len(self.values):
            raise SpaceError(f"{self.name}: values must be distinct, got {self.values}")
        steps = itertools.pairwise(map(float, () if words else self.values))
        if not all(low < high for low, high in steps):  # NaN is not below anything
            raise SpaceError(f"{self.name}: values must ascend, got {self.values}")

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def indices(self) -> dict[Scalar, int]:
        """Value -> index."""
        return {value: index for index, value in enumerate(self.values)}

    @cached_property
    def by_text(self) -> dict[str, Scalar]:
        """Text of a value, as in the text of an architecture -> value."""
        return {to_text(value): value for value in self.values}

    def index(self, value: object) -> int:
        """Look up the index of a value.

        Raises:
            SpaceError: If the choice does not offer the value.
        """
        try:
            return self.indices[value]  # type: ignore[index]
        except (KeyError, TypeError):
            raise SpaceError(
                f"{self.name} cannot be {value!r}; it is one of {_listed(self.values)}"
            ) from None

    def read(self, text: str) -> Scalar:
        """Read a value from the text of an architecture.

        Raises:
            SpaceError: If the choice does not offer the value.
        """
        try:
            return self.by_text[text]
        except KeyError:
            raise SpaceError(
                f"{self.name} cannot be {text!r}; it is one of {_listed(self.values)}"
            ) from None

    def keep(self, values: Iterable[Scalar]) -> Choice:
        """Return the same choice with fewer values.

        Raises:
            SpaceError: If a value is not offered, or none is left.
        """
        wanted = {self.index(value) for value in values}
        return Choice(self.name, tuple(self.values[index] for index in sorted(wanted)))


def _listed(values: Iterable[Scalar]) -> str:
    return ", ".join(to_text(value) for value in values)
