"""Read JSON of unknown origin: one object, no key twice, no NaN, fields of the expected type."""

import json
import math
import unicodedata
from collections.abc import Iterator
from typing import Any, NoReturn, TypeVar

from hwbench.errors import BundleError

__all__ = ["Fields", "is_clean", "parse_object"]

_T = TypeVar("_T")


def parse_object(data: bytes, what: str, /) -> dict[str, Any]:
    """Read UTF-8 JSON text that holds one object.

    Args:
        data: The text.
        what: What it is, for the error.

    Raises:
        BundleError: If it is something else, names a key twice, or holds NaN, infinity or a control
            character.
    """
    try:
        found = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_float=_finite,
        )
    except (ValueError, RecursionError) as error:
        if isinstance(error, BundleError):
            raise BundleError(f"{what}: {error}") from None
        raise BundleError(f"{what} cannot be read: {error}") from None
    if not isinstance(found, dict):
        raise BundleError(f"{what} must hold one JSON object")
    if b"\\u" in data and not all(map(is_clean, _texts(found))):
        raise BundleError(f"{what} holds a control character")
    return found


def is_clean(text: str, /) -> bool:
    """Tell whether a text can be shown: no half characters, and none that steer a terminal."""
    return not any(unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\r\t" for c in text)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


class Fields:
    """The fields of one JSON object, taken out one by one with their types checked.

    Args:
        values: The object.
        where: What it is, for errors.

    Raises:
        BundleError: If `values` is no object.
    """

    def __init__(self, values: object, where: str, /) -> None:
        if not isinstance(values, dict):
            raise BundleError(f"{where} must be a JSON object, got {type(values).__name__}")
        self._left: dict[str, Any] = dict(values)
        self.where = where

    def take(self, name: str, kind: type[_T], /) -> _T:
        """Take a field out.

        Raises:
            BundleError: If it is missing or has another type.
        """
        if name not in self._left:
            raise BundleError(f"{self.where} lacks {name!r}")
        value = self._left.pop(name)
        if type(value) is not kind:
            raise BundleError(
                f"{self.where}: {name!r} must be {_WORDS[kind]}, got {type(value).__name__}"
            )
        return value

    def take_or_none(self, name: str, kind: type[_T], /) -> _T | None:
        """Take a field out that may be null.

        Raises:
            BundleError: As `take`.
        """
        if self._left.get(name, ...) is None:
            del self._left[name]
            return None
        return self.take(name, kind)

    def take_texts(self, name: str, /) -> tuple[str, ...]:
        """Take out a list of texts.

        Raises:
            BundleError: If it is missing or something else.
        """
        values = self.take(name, list)
        if any(not isinstance(value, str) for value in values):
            raise BundleError(f"{self.where}: {name!r} must be a list of texts")
        return tuple(values)

    def take_texts_or_none(self, name: str, /) -> tuple[str, ...] | None:
        """Take out a list of texts that may be null.

        Raises:
            BundleError: As `take_texts`.
        """
        if self._left.get(name, ...) is None:
            del self._left[name]
            return None
        return self.take_texts(name)

    def done(self) -> None:
        """Check that nothing is left.

        Raises:
            BundleError: If the object has fields that nobody took.
        """
        if self._left:
            raise BundleError(f"{self.where} has unknown fields: {', '.join(sorted(self._left))}")


_WORDS: dict[type, str] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
}


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BundleError(f"the key {twice!r} is given twice")
    return found


def _no_constant(word: str) -> NoReturn:
    raise BundleError(f"{word} is no number")


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _no_constant(text)
