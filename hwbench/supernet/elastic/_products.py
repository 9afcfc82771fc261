"""Products with part of a weight, whose gradients are written where they belong.

To cut a slice out and multiply with it makes the gradient of the slice first, which is then copied
into a tensor of the size of the whole weight; here the product writes it there at once.
"""

from __future__ import annotations

from typing import Any

from hwbench.errors import require
from hwbench.supernet.elastic.slices import SMALL, check_corner, corner, framed

require("torch", "train")

import torch  # noqa: E402
from torch import Tensor  # noqa: E402
from torch.autograd.function import once_differentiable  # noqa: E402
from torch.nn import functional as F  # noqa: E402

__all__ = ["computed_in", "framed_product", "rows_of", "sliced_linear"]


def computed_in(x: Tensor) -> torch.dtype:
    """Return the type in which a product with x is computed: that of autocast, where it is on."""
    kind = x.device.type
    if x.dtype == torch.float64 or not torch.is_autocast_enabled(kind):
        return x.dtype
    return torch.get_autocast_dtype(kind)


def rows_of(x: Tensor) -> Tensor:
    """Return `(..., n)` as `(N, n)`."""
    return x.reshape(-1, x.shape[-1])


def framed_product(
    left: Tensor, right: Tensor, shape: tuple[int, ...], dtype: torch.dtype
) -> Tensor:
    """Return `left @ right` in the corner of a matrix of zeros, which may be of another type."""
    sizes = (left.shape[0], right.shape[1])
    whole = framed(left, shape, sizes, dtype=dtype)
    target = whole[: sizes[0], : sizes[1]]
    if dtype == left.dtype:
        torch.mm(left, right, out=target)
    else:
        target.copy_(left @ right)
    return whole


def sliced_linear(x: Tensor, weight: Tensor, bias: Tensor | None, outputs: int) -> Tensor:
    """Return `x W^T + b`, `(..., outputs)`, with the leading rows and columns of a weight.

    Args:
        x: `(..., inputs)`.
        weight: The whole weight.
        bias: `(outputs,)`, cut already, or None.
        outputs: Number of outputs.

    Raises:
        ShapeError: If the weight is smaller.
    """
    sizes = (outputs, x.shape[-1])
    if sizes == weight.shape or weight.numel() <= SMALL or torch.compiler.is_compiling():
        return F.linear(x, corner(weight, *sizes), bias)
    check_corner(weight, sizes)
    dtype = computed_in(x)
    with torch.autocast(x.device.type, enabled=False):
        shift = None if bias is None else bias.to(dtype)
        return _SlicedLinear.apply(x.to(dtype), weight, shift, sizes)  # type: ignore[no-any-return, no-untyped-call]


class _SlicedLinear(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, sizes: tuple[int, int]
    ) -> Tensor:
        part = weight[: sizes[0], : sizes[1]].to(x.dtype).contiguous()
        ctx.save_for_backward(x, part)
        ctx.shape, ctx.dtype = tuple(weight.shape), weight.dtype
        return F.linear(x, part, bias)

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, grad: Tensor
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None, None]:
        x, part = ctx.saved_tensors
        rows = rows_of(grad)
        of_x = of_weight = of_bias = None
        if ctx.needs_input_grad[0]:
            of_x = (rows @ part).view(x.shape)
        if ctx.needs_input_grad[1]:
            of_weight = framed_product(rows.T, rows_of(x), ctx.shape, ctx.dtype)
        if ctx.needs_input_grad[2]:
            of_bias = rows.sum(0)
        return of_x, of_weight, of_bias, None
