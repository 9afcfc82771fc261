"""The search spaces by name. A new space is one file and one line here."""

from __future__ import annotations

from typing import Final

from hwbench.errors import UnknownNameError
from hwbench.spaces import gpt, small_lm
from hwbench.spaces.space import Space

__all__ = ["REGISTRY", "get", "names"]

REGISTRY: Final[dict[str, Space]] = {
    **gpt.SPACES,
    **small_lm.SPACES,
}
"""Name -> space."""


def get(name: str, /) -> Space:
    """Return the search space of a name.

    Raises:
        UnknownNameError: If there is none; lists those that exist.
    """
    if name not in REGISTRY:
        raise UnknownNameError.of("space", name, REGISTRY)
    return REGISTRY[name]


def names() -> tuple[str, ...]:
    """Name the search spaces."""
    return tuple(REGISTRY)
