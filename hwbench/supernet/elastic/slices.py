"""Cut the leading part of a weight, as a tensor of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from hwbench.errors import ShapeError, require

require("torch", "train")

import torch  # noqa: E402
from torch import Tensor  # noqa: E402
from torch.autograd.function import once_differentiable  # noqa: E402

__all__ = ["Arrange", "corner", "framed"]

Arrange: TypeAlias = Callable[[Tensor], Tensor]
"""Gives another view of a tensor, of the same entries."""

_SMALL: Final = 2**17  # entries; below, fewer operations matter more than fewer copies


def corner(weight: Tensor, /, *sizes: int, arrange: Arrange | None = None) -> Tensor:
    """Return the first `sizes[i]` entries along each axis i, contiguous.

    Contiguous, because matrix products of strided and of packed matrices may differ in their last
    bits, and a slice must give what the extracted layer gives. The whole weight is returned as it
    is. The gradient is zero outside the slice.

    Args:
        weight: The weight.
        sizes: As many as the weight has axes.
        arrange: Applied to the slice, in the same copy.

    Raises:
        ShapeError: If a size is below one or above the weight's.
    """
    shape = tuple(weight.shape)
    if sizes == shape and arrange is None:
        return weight
    fits = len(sizes) == len(shape) and all(
        0 < size <= most for size, most in zip(sizes, shape, strict=True)
    )
    if not fits:
        raise ShapeError(f"cannot cut {sizes} out of a weight of shape {shape}")
    if weight.numel() <= _SMALL:
        return _view(weight, sizes, arrange).contiguous()
    return _Corner.apply(weight, sizes, arrange)  # type: ignore[no-any-return, no-untyped-call]


def framed(like: Tensor, shape: tuple[int, ...], sizes: tuple[int, ...], /) -> Tensor:
    """Return a tensor of a shape with zeros outside a corner; what is inside is left unset."""
    whole = like.new_empty(shape)
    rest = whole
    for axis, size in enumerate(sizes):  # each zero is written once
        rest.narrow(axis, size, rest.shape[axis] - size).zero_()
        rest = rest.narrow(axis, 0, size)
    return whole


class _Corner(torch.autograd.Function):
    # One copy each way; the gradient of plain indexing pads once for each axis.
    @staticmethod
    def forward(
        ctx: Any, weight: Tensor, sizes: tuple[int, ...], arrange: Arrange | None
    ) -> Tensor:
        ctx.shape, ctx.sizes, ctx.arrange = tuple(weight.shape), sizes, arrange
        return _view(weight, sizes, arrange).contiguous()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        whole = framed(grad, ctx.shape, ctx.sizes)
        _view(whole, ctx.sizes, ctx.arrange).copy_(grad)
        return whole, None, None


def _view(weight: Tensor, sizes: tuple[int, ...], arrange: Arrange | None) -> Tensor:
    part = weight[tuple(map(slice, sizes))]
    return part if arrange is None else arrange(part)
