"""Expected costs of a mixture of architectures, differentiable in its weights.

An unconstrained search by gradients ends at the largest network: add a `Penalty`. Costs that are
sums over layers for given shared choices (parameters, FLOPs, the latency and energy tables of a
bundle) are tables; their expectation under independent choices is a polynomial in the weights, and
at one architecture it is that architecture's cost. Any other function of `ArchWeights` will do too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from hwbench.arrays import Codes, FloatArray
from hwbench.errors import ShapeError, SpaceError, require
from hwbench.spaces import gpt_costs
from hwbench.spaces.choice import Choice
from hwbench.spaces.gpt import GptNetwork
from hwbench.spaces.space import Space
from hwbench.supernet.weights import ArchWeights

require("torch", "train")

import torch  # noqa: E402
from torch import Tensor, nn  # noqa: E402

__all__ = ["Cost", "Penalty", "TableCost", "flops_cost", "params_cost"]

Cost = Callable[[ArchWeights], Tensor]
"""What gives a cost, a number, for weights of architectures."""

_CHECKED = 64  # random architectures that tables of a function must get right
_TOLERANCE = 1e-9


class TableCost(nn.Module):
    """A cost that is a sum over layers for given shared choices.

    With c the combination of the shared choices (the depth too) and p that of a layer's choices,
    the first choice slowest, the cost is `base[c] + sum_l unary[c, l, p_l]` over the layers that
    there are, or its exponential: the tables of a bundle's layer-wise surrogates.

    Args:
        space: The space.
        base: `(C,)`.
        unary: `(C, L, P)`, or `(C, L, P + 1)` with a last entry for absent layers, which is not
            looked at.
        link: "log" if the tables give the logarithm of the cost. The expectation is then that of
            the logarithm, and its exponential a geometric mean.
        device: Where the tables live; the cost is computed in double precision.

    Raises:
        SpaceError: If the space has no layers.
        ShapeError: If the tables have other shapes.
    """

    def __init__(
        self,
        space: Space,
        base: ArrayLike,
        unary: ArrayLike,
        /,
        *,
        link: Literal["identity", "log"] = "identity",
        device: torch.device | str = "cpu",
    ) -> None:
        super().__init__()
        if space.depth is None:
            raise SpaceError(f"tables by layer need a space with layers, {space.name} has none")
        self.space, self.link = space, link
        shared, layer = _grid(space.shared), _grid(space.layered)
        held = np.asarray(base, dtype=np.float64), np.asarray(unary, dtype=np.float64)
        shape = (len(shared), space.max_depth, len(layer))
        if held[0].shape != shape[:1] or held[1].shape not in (shape, (*shape[:2], shape[2] + 1)):
            raise ShapeError(
                f"base needs shape {shape[:1]} and unary {shape}, got {held[0].shape} and "
                f"{held[1].shape}"
            )
        depths = space.layout.depth_values[shared[:, space.layout.depth_column]]
        there = np.arange(space.max_depth) < depths[:, None]  # (C, L)
        self.base: Tensor
        self.unary: Tensor
        tables = {"base": held[0], "unary": held[1][..., : len(layer)] * there[:, :, None]}
        for name, table in tables.items():
            self.register_buffer(name, torch.tensor(table, device=device), persistent=False)

    @classmethod
    def of(
        cls,
        space: Space,
        count: Callable[[Space, Codes], ArrayLike],
        /,
        *,
        device: torch.device | str = "cpu",
    ) -> TableCost:
        """Tabulate a function of codes, such as those of `hwbench.spaces.gpt_costs`.

        Args:
            space: The space.
            count: Maps the space and `n x n_choices` codes to `(n,)` costs.
            device: As in the constructor.

        Raises:
            SpaceError: If the function is not a sum over layers.
        """
        made = cls(space, *_tabulated(space, count), device=device)
        codes = space.sample_codes(_CHECKED, np.random.default_rng(0))
        for arch, expected in zip(space.decode(codes), _numbers(count, space, codes), strict=True):
            got = float(made(ArchWeights.one_hot(arch, space, device=device)))
            if abs(got - expected) > _TOLERANCE * max(1.0, abs(expected)):
                raise SpaceError(
                    f"this cost is no sum over layers: {arch} costs {expected}, tables say {got}"
                )
        return made

    def forward(self, weights: ArchWeights, /) -> Tensor:
        """Return the expected cost, a number.

        Raises:
            UnknownNameError: If a choice is missing or unknown.
            ShapeError: If weights have another shape than the space says.
        """
        weights.check(self.space)
        held = {name: value.to(self.base) for name, value in weights.choices.items()}
        shared = _joint([held[choice.name][None] for choice in self.space.shared])[0]  # (C,)
        layer = _joint([held[choice.name] for choice in self.space.layered])  # (L, P)
        total = shared @ (self.base + torch.einsum("clp,lp->c", self.unary, layer))
        return total.exp() if self.link == "log" else total


@dataclass(frozen=True)
class Penalty:
    """What a cost adds to the loss of a search.

    Attributes:
        cost: The cost.
        strength: What the penalty is multiplied by.
        limit: If given, the penalty is `strength * max(cost / limit - 1, 0)`: a limit to keep.
        scale: Else it is `strength * cost / scale`; take the cost of the largest network.
    """

    cost: Cost
    strength: float
    limit: float | None = None
    scale: float = 1.0

    def __post_init__(self) -> None:
        for name in ("limit", "scale"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ShapeError(f"{name} of a penalty must be positive, got {value}")

    def __call__(self, weights: ArchWeights, /) -> Tensor:
        """Return the penalty, a number."""
        cost = self.cost(weights)
        if self.limit is None:
            return self.strength * cost / self.scale
        return self.strength * torch.relu(cost / self.limit - 1.0)


def params_cost(
    space: Space,
    /,
    *,
    network: GptNetwork | None = None,
    device: torch.device | str = "cpu",
) -> TableCost:
    """Return the expected number of parameters of a GPT space, as `gpt_costs.params` counts."""

    def count(space: Space, codes: Codes) -> ArrayLike:
        return gpt_costs.params(space, codes, network=network)

    return TableCost.of(space, count, device=device)


def flops_cost(
    space: Space,
    /,
    *,
    sequence_length: int = 1024,
    network: GptNetwork | None = None,
    device: torch.device | str = "cpu",
) -> TableCost:
    """Return the expected FLOPs of one sequence in a GPT space, as `gpt_costs.flops` counts."""

    def count(space: Space, codes: Codes) -> ArrayLike:
        return gpt_costs.flops(space, codes, sequence_length=sequence_length, network=network)

    return TableCost.of(space, count, device=device)


def _grid(choices: Sequence[Choice]) -> Codes:
    """List all combinations of indices, the first choice slowest: `(combinations, choices)`."""
    sizes = [len(choice) for choice in choices]
    return np.indices(sizes, dtype=np.uint8).reshape(len(sizes), -1).T


def _tabulated(
    space: Space, count: Callable[[Space, Codes], ArrayLike]
) -> tuple[FloatArray, FloatArray]:
    """Count with every layer at its first combination, then with one layer at another."""
    shared, layer = _grid(space.shared), _grid(space.layered)
    codes = np.zeros((len(shared), space.max_depth, len(layer), space.n_choices), dtype=np.uint8)
    codes[..., : shared.shape[1]] = shared[:, None, None, :]
    base = _numbers(count, space, codes[:, 0, 0])
    for number in range(len(space.layered)):
        for i in range(space.max_depth):
            codes[:, i, :, space.layout.block(number).start + i] = layer[:, number]
    each = _numbers(count, space, codes.reshape(-1, space.n_choices)).reshape(codes.shape[:3])
    return base, each - base[:, None, None]


def _numbers(count: Callable[[Space, Codes], ArrayLike], space: Space, codes: Codes) -> FloatArray:
    return np.asarray(count(space, codes), dtype=np.float64)


def _joint(parts: Sequence[Tensor]) -> Tensor:
    """Multiply the weights of independent choices, each `(n, k)`: `(n, product of k)`."""
    joint, *rest = parts
    for part in rest:
        joint = (joint[:, :, None] * part[:, None, :]).flatten(1)
    return joint
