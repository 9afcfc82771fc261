"""Read an architecture from any of the forms it comes in."""

from __future__ import annotations

from collections.abc import Mapping

from hwbench.errors import SpaceError
from hwbench.spaces.architecture import Architecture
from hwbench.spaces.registry import get
from hwbench.spaces.space import Space
from hwbench.spaces.upstream import from_upstream_dict, from_upstream_key

__all__ = ["parse", "read_architecture"]


def parse(text: str, /) -> Architecture:
    """Read the one-line text of an architecture of any registered space.

    Raises:
        UnknownNameError: If there is no such space.
        SpaceError: If the text is not an architecture of its space.
    """
    return get(text.strip().partition(":")[0]).parse(text)


def read_architecture(
    source: Architecture | str | Mapping[str, object], space: Space, /
) -> Architecture:
    """Read an architecture of a space: our text or dict, upstream's dict or string key.

    Args:
        source: An architecture is checked and returned.
        space: Where it must belong.

    Raises:
        SpaceError: If it cannot be read or belongs elsewhere.
    """
    if isinstance(source, Architecture):
        space.encode([source])
        return source
    if isinstance(source, str):
        if "=" in source:
            return space.parse(source)
        return read_architecture(from_upstream_key(source), space)
    if isinstance(source, Mapping):
        if any(str(key).startswith("sample_") for key in source):
            return from_upstream_dict(source, space)
        return space.from_dict(source)
    raise SpaceError(f"cannot read an architecture from {type(source).__name__}")
