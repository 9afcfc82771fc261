"""Cut the leading part of a weight, as a tensor of its own."""

from __future__ import annotations

from typing import Any

from hwbench.errors import ShapeError, require

require("torch", "train")

import torch  # noqa: E402
from torch import Tensor  # noqa: E402
from torch.autograd.function import once_differentiable  # noqa: E402

__all__ = ["corner"]


def corner(weight: Tensor, /, *sizes: int) -> Tensor:
    """Return the first `sizes[i]` entries along each axis i, contiguous.

    Contiguous, because matrix products of strided and of packed matrices may differ in their last
    bits, and a slice must give what the extracted layer gives. The whole weight is returned as it
    is. The gradient is zero outside the slice.

    Raises:
        ShapeError: If a size is below one or above the weight's.
    """
    shape = tuple(weight.shape)
    if sizes == shape:
        return weight
    fits = len(sizes) == len(shape) and all(
        0 < size <= most for size, most in zip(sizes, shape, strict=True)
    )
    if not fits:
        raise ShapeError(f"cannot cut {sizes} out of a weight of shape {shape}")
    return _Corner.apply(weight, sizes)  # type: ignore[no-any-return, no-untyped-call]


class _Corner(torch.autograd.Function):
    # One fill and one copy backwards; plain indexing pads once for each axis.
    @staticmethod
    def forward(ctx: Any, weight: Tensor, sizes: tuple[int, ...]) -> Tensor:
        ctx.shape = weight.shape
        return weight[tuple(map(slice, sizes))].contiguous()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        whole = grad.new_empty(ctx.shape)
        rest = whole
        for axis, size in enumerate(grad.shape):  # zeros where the slice does not go, once
            rest.narrow(axis, size, rest.shape[axis] - size).zero_()
            rest = rest.narrow(axis, 0, size)
        rest.copy_(grad)
        return whole, None
