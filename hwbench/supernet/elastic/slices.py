"""Cut the leading part of a weight, as a tensor of its own."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import numpy as np

from hwbench.errors import ShapeError, require

require("torch", "train")

import torch  # noqa: E402
from torch import Tensor  # noqa: E402
from torch.autograd.function import once_differentiable  # noqa: E402

__all__ = ["SMALL", "Arrange", "check_corner", "corner", "framed"]

Arrange: TypeAlias = Callable[[Tensor], Tensor]
"""Gives another view of a tensor, of the same entries."""

SMALL: Final = 2**17
"""Entries of a weight; up to it fewer operations matter more than fewer copies."""

_LARGE: Final = 2**25  # bytes; up to about as many malloc gives memory that was used before
_ALIGNED: Final = 64  # bytes


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
    if sizes == weight.shape and arrange is None:
        return weight
    check_corner(weight, sizes)
    if weight.numel() <= SMALL:
        return _view(weight, sizes, arrange).contiguous()
    return _Corner.apply(weight, sizes, arrange)  # type: ignore[no-any-return, no-untyped-call]


def check_corner(weight: Tensor, sizes: tuple[int, ...], /) -> None:
    """Check that a weight has a corner of these sizes.

    Raises:
        ShapeError: If a size is below one or above the weight's.
    """
    shape = tuple(weight.shape)
    fits = len(sizes) == len(shape) and all(
        0 < size <= most for size, most in zip(sizes, shape, strict=True)
    )
    if not fits:
        raise ShapeError(f"cannot cut {sizes} out of a weight of shape {shape}")


def framed(
    like: Tensor,
    shape: tuple[int, ...],
    sizes: tuple[int, ...],
    /,
    *,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """Return a tensor of a shape with zeros outside a corner; what is inside is left unset.

    Args:
        like: Says on which device it is, and of which type.
        shape: Its shape.
        sizes: Sizes of the corner; axes that it leaves out are whole.
        dtype: Its type, if not that of `like`.
    """
    dtype = dtype or like.dtype
    large = math.prod(shape) * dtype.itemsize >= _LARGE
    if large and like.device.type == "cpu" and not torch.compiler.is_compiling():
        return _untouched(shape, dtype)
    whole = like.new_empty(shape, dtype=dtype)
    rest = whole
    for axis, size in enumerate(sizes):  # each zero is written once
        rest.narrow(axis, size, rest.shape[axis] - size).zero_()
        rest = rest.narrow(axis, 0, size)
    return whole


def _untouched(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    # Zeros that cost nothing until they are touched. torch would take small pages and write each of
    # them; NumPy leaves zeroing to the system, and asks it for large pages. Aligned as torch's own
    # tensors are, since the last bits of a product may depend on it.
    size = math.prod(shape) * dtype.itemsize
    raw = np.zeros(size + _ALIGNED, dtype=np.uint8)
    first = -raw.ctypes.data % _ALIGNED
    return torch.from_numpy(raw[first : first + size]).view(dtype).view(shape)


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
