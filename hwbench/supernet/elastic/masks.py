"""Mixtures of slices as masks of low rank, applied to weights or to activations.

A mixture of the first rows and columns of a weight W, `sum_k w_k pad(W[:r_k, :c_k])`, is W times a
mask that depends on few numbers. Chosen independently, rows and columns give a mask of rank one
(`Scales`); chosen together, one that is constant within a few blocks of one axis (`Blocks`, made by
`Coupling`). Both multiply the weight or the activations, whichever has fewer entries to touch.

Notation: N tokens, O rows (outputs), I columns (inputs), k weights of the mixture.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hwbench.errors import ShapeError, require
from hwbench.supernet.elastic._blocks import block_linear, masked_linear

require("torch", "train")

import torch  # noqa: E402
from torch import Tensor, nn  # noqa: E402
from torch.autograd.function import once_differentiable  # noqa: E402
from torch.nn import functional as F  # noqa: E402

__all__ = ["Axis", "Blocks", "Coupling", "Dense", "Mask", "Prefixes", "Scales", "indicators"]

_PASSES = 3  # scaling activations goes over them more often than masking over the weight


def indicators(sizes: Sequence[int], n: int, /) -> Tensor:
    """Return `(k, n)` ones and zeros: entry (i, j) tells whether j lies below the i-th size."""
    return (torch.arange(n) < torch.tensor(sizes)[:, None]).to(torch.get_default_dtype())


@dataclass(frozen=True, eq=False)
class Prefixes:
    """A mixture of lengths of one axis.

    Attributes:
        sizes: The lengths, ascending.
        weights: `(k,)` weight of each.
        scale: `(n,)` weight that each entry of the axis has: the sum over the lengths beyond it.
        counts: `(k,)` the lengths once more, as numbers on the device.
    """

    sizes: tuple[int, ...]
    weights: Tensor
    scale: Tensor
    counts: Tensor


class Mask(ABC):
    """What a mixture makes of the weight of a linear layer."""

    @abstractmethod
    def linear(self, x: Tensor, weight: Tensor, /) -> Tensor:
        """Return `x (weight * mask)^T`: `(..., I)` to `(..., O)`."""

    @abstractmethod
    def rows(self) -> Tensor | None:
        """Return what the mixture makes of a vector of outputs, `(O,)`; None for no change."""


@dataclass(frozen=True, eq=False)
class Scales(Mask):
    """Rows and columns chosen independently, or one of them, or none.

    Attributes:
        outputs: `(O,)` scale of the rows, or None.
        inputs: `(I,)` scale of the columns, or None.
    """

    outputs: Tensor | None = None
    inputs: Tensor | None = None

    def rows(self) -> Tensor | None:
        """Return the scale of the rows."""
        return self.outputs

    def linear(self, x: Tensor, weight: Tensor, /) -> Tensor:
        """See `Mask.linear`."""
        if self._touched(weight) * (x.numel() // x.shape[-1]) > weight.numel():
            return F.linear(x, _scaled(weight, self.outputs, self.inputs))
        if self.inputs is not None:
            x = x * self.inputs.to(x.dtype)
        y = F.linear(x, weight)
        return y if self.outputs is None else y * self.outputs.to(y.dtype)

    def _touched(self, weight: Tensor) -> int:
        # Entries to multiply for each token.
        return sum(
            n
            for n, scale in zip(weight.shape, (self.outputs, self.inputs), strict=True)
            if scale is not None
        )


@dataclass(frozen=True, eq=False)
class Blocks(Mask):
    """Rows and columns chosen together: within a block of one axis, the mask depends on the other.

    Attributes:
        axis: The axis that is cut into blocks: 0 for rows, 1 for columns.
        lengths: Length of each block.
        across: Lengths of blocks of the other axis within which the mask is constant, too.
        factors: `(blocks, n)` mask along the other axis, of length n, in each block.
    """

    axis: int
    lengths: tuple[int, ...]
    across: tuple[int, ...]
    factors: Tensor

    def rows(self) -> Tensor | None:
        """Return the mask of the first column: every slice has it."""
        if self.axis == 1:
            return self.factors[0]
        parts = [row[0].expand(n) for row, n in zip(self.factors, self.lengths, strict=True)]
        return torch.cat(parts)

    def linear(self, x: Tensor, weight: Tensor, /) -> Tensor:
        """See `Mask.linear`."""
        touched = len(self.lengths) * weight.shape[1 - self.axis] * (x.numel() // x.shape[-1])
        if _PASSES * touched <= weight.numel():
            return block_linear(x, weight, self.factors, self.axis, self.lengths)
        if self.axis == 0:
            return masked_linear(x, weight, self.factors, self.lengths)
        # In blocks of rows, which lie together in memory.
        first = [part[:, 0] for part in torch.split(self.factors, list(self.across), dim=1)]
        steps = torch.split(
            torch.stack(first), 1, dim=1
        )  # one (row blocks, 1) for each column block
        columns = [step.expand(-1, n) for step, n in zip(steps, self.lengths, strict=True)]
        return masked_linear(x, weight, torch.cat(columns, dim=1), self.across)


@dataclass(frozen=True, eq=False)
class Dense(Mask):
    """A mask written out, for weights so small that fewer operations matter more than memory.

    Attributes:
        mask: `(O, I)`.
    """

    mask: Tensor

    def rows(self) -> Tensor | None:
        """Return the mask of the first column: every slice has it."""
        return self.mask[:, 0]

    def linear(self, x: Tensor, weight: Tensor, /) -> Tensor:
        """See `Mask.linear`."""
        return F.linear(x, weight * self.mask.to(weight.dtype))


class Axis(nn.Module):
    """The lengths to choose from along one axis, fixed once; gives the mixture of given weights.

    Args:
        sizes: The lengths, ascending.
        n: Length of the whole axis.
        device: Where the mixtures live.
        dtype: Their type.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        n: int,
        /,
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.sizes = tuple(sizes)
        self.within: Tensor
        self.counts: Tensor
        self.register_buffer("within", indicators(sizes, n).to(device, dtype), persistent=False)
        counts = torch.tensor(self.sizes, device=device, dtype=dtype)
        self.register_buffer("counts", counts, persistent=False)

    def forward(self, weights: Tensor, /) -> Prefixes:
        """Return the mixture with these weights, `(k,)`."""
        return Prefixes(self.sizes, weights, weights @ self.within, self.counts)


class Coupling(nn.Module):
    """The slices that a pair of choices makes of a weight, fixed once; gives the masks of mixtures.

    Args:
        rows: Number of rows of each slice, `k` of them.
        columns: Number of columns of each slice, `k` of them.
        shape: Shape of the whole weight, `(O, I)`.
        small: Most entries of a weight whose masks are written out.
        device: Where the masks live.
        dtype: Their type.

    Raises:
        ShapeError: If there are no slices, or some do not lie within the weight.
    """

    def __init__(
        self,
        rows: Sequence[int],
        columns: Sequence[int],
        shape: tuple[int, int],
        /,
        *,
        small: int = 2**15,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        sizes = (tuple(rows), tuple(columns))
        _check_slices(sizes, shape)
        self.dense = shape[0] * shape[1] <= small
        self.axis = min((1, 0), key=lambda axis: len(set(sizes[axis])))
        ends = _ends(sizes[self.axis], shape[self.axis])
        self.lengths = _steps(ends)
        self.across = _steps(_ends(sizes[1 - self.axis], shape[1 - self.axis]))
        reaches = torch.tensor(sizes[self.axis]) >= torch.tensor(ends)[:, None]  # (blocks, k)
        if self.dense:  # one block for each row or column
            along = indicators(sizes[self.axis], shape[self.axis])
            reaches = along.T
        other = indicators(sizes[1 - self.axis], shape[1 - self.axis])
        self.reaches: Tensor
        self.other: Tensor
        self.register_buffer("reaches", reaches.to(device, dtype), persistent=False)
        self.register_buffer("other", other.to(device, dtype), persistent=False)  # (k, n)

    def forward(self, weights: Tensor, /) -> list[Dense] | list[Blocks]:
        """Return the masks of mixtures.

        Args:
            weights: `(m, k)` weights of the slices in each of m mixtures.
        """
        factors = (weights.unsqueeze(1) * self.reaches) @ self.other  # (m, blocks, n)
        if self.dense:
            masks = factors if self.axis == 0 else factors.mT  # (m, O, I)
            return [Dense(each) for each in masks.unbind(0)]
        return [Blocks(self.axis, self.lengths, self.across, each) for each in factors.unbind(0)]


def _ends(sizes: tuple[int, ...], n: int) -> list[int]:
    """Return where blocks end; what no slice reaches is a block of its own, masked out."""
    return sorted({*sizes, n})


def _steps(ends: list[int]) -> tuple[int, ...]:
    return tuple(b - a for a, b in itertools.pairwise([0, *ends]))


def _check_slices(sizes: tuple[tuple[int, ...], ...], shape: tuple[int, int]) -> None:
    if len(sizes[0]) != len(sizes[1]) or not sizes[0]:
        raise ShapeError(f"slices need rows and columns each, got {sizes[0]} and {sizes[1]}")
    for given, most in zip(sizes, shape, strict=True):
        if min(given) < 1 or max(given) > most:
            raise ShapeError(f"slices of {given} do not lie within a weight of shape {shape}")


def _scaled(weight: Tensor, outputs: Tensor | None, inputs: Tensor | None) -> Tensor:
    if outputs is None or inputs is None:
        weight = weight if outputs is None else weight * outputs.to(weight.dtype)[:, None]
        return weight if inputs is None else weight * inputs.to(weight.dtype)
    return _ScaledTwice.apply(  # type: ignore[no-any-return, no-untyped-call]
        weight, outputs.to(weight.dtype), inputs.to(weight.dtype)
    )


class _ScaledTwice(torch.autograd.Function):
    # Plain products would keep a matrix of intermediate results for the way back.
    @staticmethod
    def forward(ctx: Any, weight: Tensor, outputs: Tensor, inputs: Tensor) -> Tensor:
        ctx.save_for_backward(weight, outputs, inputs)
        return (weight * inputs).mul_(outputs[:, None])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        weight, outputs, inputs = ctx.saved_tensors
        product = grad * weight
        of_weight = (grad * inputs).mul_(outputs[:, None])
        return of_weight, product @ inputs, outputs @ product
