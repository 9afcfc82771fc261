"""Types that every part of the profiling room uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

__all__ = ["DeviceKind", "Json"]

DeviceKind: TypeAlias = Literal["cpu", "gpu"]

Json: TypeAlias = bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"] | None
"""What a JSON text can hold."""
