"""Weights of architectures: how much of each value of each choice a superposed network takes.

What a distribution over architectures draws and what `superpose` takes. An architecture is the
special case in which one value of each choice has all the weight.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from hwbench.errors import ShapeError, UnknownNameError, require
from hwbench.spaces.architecture import Architecture
from hwbench.spaces.space import Space

require("torch", "train")

import torch  # noqa: E402
from torch import Tensor  # noqa: E402

__all__ = ["ArchWeights"]


@dataclass(frozen=True, eq=False)
class ArchWeights:
    """Weights for the values of every choice of a space.

    Attributes:
        choices: Choice -> weights, `(k,)` for a shared choice of k values and `(L, k)` for a
            layered one in a space of at most L layers. Rows sum to one; they may be negative where
            a straight-through estimator makes them so, and may require gradients.
    """

    choices: Mapping[str, Tensor]

    def __post_init__(self) -> None:
        object.__setattr__(self, "choices", MappingProxyType(dict(self.choices)))

    def __getitem__(self, name: str) -> Tensor:
        return self.choices[name]

    @classmethod
    def one_hot(
        cls,
        arch: Architecture,
        space: Space,
        /,
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> ArchWeights:
        """Give all weight to one architecture; layers that it lacks get their first value.

        Raises:
            SpaceError: If the architecture does not belong to the space.
        """
        code = torch.from_numpy(space.encode([arch])[0].astype("int64"))
        made = {}
        for column, choice in enumerate(space.shared):
            made[choice.name] = torch.eye(len(choice), device=device, dtype=dtype)[code[column]]
        for number, choice in enumerate(space.layered):
            rows = code[space.layout.block(number)].to(device)
            made[choice.name] = torch.eye(len(choice), device=device, dtype=dtype)[rows]
        return cls(made)

    @classmethod
    def uniform(
        cls,
        space: Space,
        /,
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> ArchWeights:
        """Give every value of a choice the same weight."""
        return cls(
            {
                name: torch.full(shape, 1 / shape[-1], device=device, dtype=dtype)
                for name, shape in cls.shapes(space).items()
            }
        )

    @staticmethod
    def shapes(space: Space, /) -> dict[str, tuple[int, ...]]:
        """Return choice -> shape of its weights, in the order of the space."""
        shared: dict[str, tuple[int, ...]] = {c.name: (len(c),) for c in space.shared}
        return {**shared, **{c.name: (space.max_depth, len(c)) for c in space.layered}}

    def check(self, space: Space, /) -> None:
        """Check names and shapes against a space (values are not looked at).

        Raises:
            UnknownNameError: If a choice is missing or unknown.
            ShapeError: If weights have another shape than `shapes` says.
        """
        shapes = self.shapes(space)
        for name in (*shapes, *self.choices):
            if name not in shapes:
                raise UnknownNameError.of("choice", name, shapes)
            if name not in self.choices:
                raise UnknownNameError.of("choice among the weights", name, self.choices)
            if tuple(self.choices[name].shape) != shapes[name]:
                raise ShapeError(
                    f"weights of {name} need shape {shapes[name]}, got "
                    f"{tuple(self.choices[name].shape)}"
                )
