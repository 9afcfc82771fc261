"""Products with a mask that is constant in blocks, without the copies that plain autograd makes.

Splitting a weight and joining the parts again costs two more passes over it each way; here every
part is written where it belongs. `axis` is the axis of the weight `(O, I)` that is cut into blocks,
`lengths` says where, and `factors` `(blocks, n)` holds the mask along the other axis.
"""

from __future__ import annotations

from typing import Any

from hwbench.errors import require

require("torch", "train")

import torch  # noqa: E402
from torch import Tensor  # noqa: E402
from torch.autograd.function import once_differentiable  # noqa: E402

__all__ = ["block_linear", "masked_weight"]


def masked_weight(weight: Tensor, factors: Tensor, lengths: tuple[int, ...]) -> Tensor:
    """Return `weight * mask`, `(O, I)`, for blocks of rows.

    The mask itself is never made, and nothing else is kept for the way back.
    """
    return _MaskedWeight.apply(  # type: ignore[no-any-return, no-untyped-call]
        weight, factors.to(weight.dtype), list(lengths)
    )


def block_linear(
    x: Tensor, weight: Tensor, factors: Tensor, axis: int, lengths: tuple[int, ...]
) -> Tensor:
    """Return `x (weight * mask)^T`, `(..., O)`, by scaling activations block by block."""
    kind = x.device.type
    dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype
    with torch.autocast(kind, enabled=False):
        rows = x.reshape(-1, x.shape[-1]).to(dtype)
        run = _RowBlocks if axis == 0 else _ColumnBlocks
        y: Tensor = run.apply(  # type: ignore[no-untyped-call]
            rows, weight.to(dtype), factors.to(dtype), list(lengths)
        )
    return y.view(*x.shape[:-1], -1)


def _apply(weight: Tensor, factors: Tensor, lengths: list[int]) -> Tensor:
    made = torch.empty_like(weight)
    parts = zip(weight.split(lengths), made.split(lengths), factors, strict=True)  # type: ignore[no-untyped-call]
    for part, target, factor in parts:
        torch.mul(part, factor, out=target)
    return made


class _MaskedWeight(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weight: Tensor, factors: Tensor, lengths: list[int]) -> Tensor:
        ctx.save_for_backward(weight, factors)
        ctx.lengths = lengths
        return _apply(weight, factors, lengths)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        weight, factors = ctx.saved_tensors
        of_weight = of_factors = None
        if ctx.needs_input_grad[1]:
            pairs = zip(grad.split(ctx.lengths), weight.split(ctx.lengths), strict=True)  # type: ignore[no-untyped-call]
            of_factors = torch.stack([(part * block).sum(0) for part, block in pairs])
        if ctx.needs_input_grad[0]:
            of_weight = _apply(grad, factors, ctx.lengths)
        return of_weight, of_factors, None


class _ColumnBlocks(torch.autograd.Function):
    """`y = sum_s (x_s W_s^T) * f_s` over blocks of columns."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, factors: Tensor, lengths: list[int]) -> Tensor:
        parts = zip(x.split(lengths, 1), weight.split(lengths, 1), strict=True)  # type: ignore[no-untyped-call]
        products = torch.stack([part @ block.T for part, block in parts])  # (S, N, O)
        ctx.save_for_backward(x, weight, factors, products)
        ctx.lengths = lengths
        return torch.einsum("sno,so->no", products, factors)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        x, weight, factors, products = ctx.saved_tensors
        of_x, of_weight = torch.empty_like(x), torch.empty_like(weight)
        each = [tensor.split(ctx.lengths, 1) for tensor in (x, weight, of_x, of_weight)]
        for part, block, to_part, to_block, factor in zip(*each, factors, strict=True):
            scaled = grad * factor
            to_part.copy_(scaled @ block)
            torch.mm(scaled.T, part, out=to_block)
        return of_x, of_weight, (products * grad).sum(1), None


class _RowBlocks(torch.autograd.Function):
    """`y_s = (x * f_s) W_s^T` for blocks of rows, side by side."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, factors: Tensor, lengths: list[int]) -> Tensor:
        ctx.save_for_backward(x, weight, factors)
        ctx.lengths = lengths
        blocks = zip(weight.split(lengths, 0), factors, strict=True)  # type: ignore[no-untyped-call]
        return torch.cat([(x * factor) @ block.T for block, factor in blocks], dim=1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        x, weight, factors = ctx.saved_tensors
        of_x, of_weight, of_factors = torch.zeros_like(x), torch.empty_like(weight), []
        each = (grad.split(ctx.lengths, 1), weight.split(ctx.lengths, 0))  # type: ignore[no-untyped-call]
        targets = of_weight.split(ctx.lengths, 0)  # type: ignore[no-untyped-call]
        for part, block, target, factor in zip(*each, targets, factors, strict=True):
            inner = part @ block  # (N, I)
            of_x.addcmul_(inner, factor)
            of_factors.append((inner * x).sum(0))
            torch.mm(part.T, x * factor, out=target)
        return of_x, of_weight, torch.stack(of_factors), None
