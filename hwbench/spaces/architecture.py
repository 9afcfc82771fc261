"""An architecture: one network of a search space, as a value.

Make one through its space (`space.architecture(...)`, `space.sample(rng)`, `space.parse(text)`),
which checks it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

from hwbench.spaces.choice import Scalar, to_text

__all__ = ["Architecture", "Value"]

Value: TypeAlias = Scalar | tuple[Scalar, ...]
"""What an architecture holds for a choice: one value, or one value a layer."""


@dataclass(frozen=True)
class Architecture:
    """The choices of one network; frozen, hashable, compared by value.

    Attributes:
        space: Name of the search space.
        choices: Choice -> value; choices made per layer hold a tuple as long as the network is
            deep.

    >>> str(Architecture("toy", {"width": 64, "depth": 2, "bias": True, "ratio": (2, 4)}))
    'toy:width=64:depth=2:bias=true:ratio=2,4'
    """

    space: str
    choices: Mapping[str, Value]

    def __post_init__(self) -> None:
        frozen = {k: v if isinstance(v, Scalar) else tuple(v) for k, v in self.choices.items()}
        object.__setattr__(self, "choices", MappingProxyType(frozen))

    def __getitem__(self, name: str) -> Value:
        return self.choices[name]

    def __hash__(self) -> int:
        return hash((self.space, frozenset(self.choices.items())))

    def __str__(self) -> str:
        """Write the architecture as one line, free of spaces and shell characters."""
        parts = [f"{name}={_value_text(value)}" for name, value in self.choices.items()]
        return ":".join([self.space, *parts])

    def __reduce__(self) -> tuple[type[Architecture], tuple[str, dict[str, Value]]]:
        # A mapping proxy cannot be pickled, and worker processes need architectures.
        return Architecture, (self.space, dict(self.choices))

    def to_dict(self) -> dict[str, Scalar | list[Scalar]]:
        """Return the architecture as a flat dict that JSON can hold; `Space.from_dict` reads it."""
        lists = {k: list(v) if isinstance(v, tuple) else v for k, v in self.choices.items()}
        return {"space": self.space, **lists}


def _value_text(value: Value) -> str:
    return ",".join(map(to_text, value)) if isinstance(value, tuple) else to_text(value)
