"""Products with a mask that is constant in blocks, without the copies that plain autograd makes.

Splitting a weight and joining the parts again costs two more passes over it each way; here every
part is written where it belongs. `axis` is the axis of the weight `(O, I)` that is cut into blocks,
`lengths` says where, and `factors` `(blocks, n)` holds the mask along the other axis.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hwbench.errors import require
from hwbench.supernet.elastic._products import computed_in, rows_of

require("torch", "train")

import torch  # noqa: E402
from torch import Tensor  # noqa: E402
from torch.autograd.function import once_differentiable  # noqa: E402
from torch.nn import functional as F  # noqa: E402

__all__ = ["block_linear", "masked_linear"]


def masked_linear(x: Tensor, weight: Tensor, factors: Tensor, lengths: tuple[int, ...]) -> Tensor:
    """Return `x (weight * mask)^T`, `(..., O)`, by masking the weight, in blocks of rows.

    The mask itself is never made; for the way back the masked weight is kept besides x.
    """
    dtype = computed_in(x)
    with torch.autocast(x.device.type, enabled=False):
        return _MaskedLinear.apply(  # type: ignore[no-any-return, no-untyped-call]
            x.to(dtype), weight, factors.to(weight.dtype), list(lengths)
        )


def block_linear(
    x: Tensor, weight: Tensor, factors: Tensor, axis: int, lengths: tuple[int, ...]
) -> Tensor:
    """Return `x (weight * mask)^T`, `(..., O)`, by scaling activations block by block."""
    dtype = computed_in(x)
    with torch.autocast(x.device.type, enabled=False):
        rows = rows_of(x).to(dtype)
        run = _RowBlocks if axis == 0 else _ColumnBlocks
        y: Tensor = run.apply(  # type: ignore[no-untyped-call]
            rows, weight.to(dtype), factors.to(dtype), list(lengths)
        )
    return y.view(*x.shape[:-1], -1)


class _MaskedLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, factors: Tensor, lengths: list[int]) -> Tensor:
        masked = torch.empty_like(weight, dtype=x.dtype)
        for part, target, factor in _blocks(lengths, weight, masked, factors):
            torch.mul(part, factor, out=target)
        ctx.save_for_backward(x, weight, masked, factors)
        ctx.lengths = lengths
        return F.linear(x, masked)

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, grad: Tensor
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None, None]:
        x, weight, masked, factors = ctx.saved_tensors
        rows = rows_of(grad)
        of_x = of_weight = of_factors = None
        if ctx.needs_input_grad[0]:
            of_x = (rows @ masked).view(x.shape)
        if ctx.needs_input_grad[1] or ctx.needs_input_grad[2]:
            of_weight = (rows.T @ rows_of(x)).to(weight.dtype)  # of the masked one, at first
            blocks = list(_blocks(ctx.lengths, of_weight, weight, factors))
            if ctx.needs_input_grad[2]:
                of_factors = torch.stack([(part * block).sum(0) for part, block, _ in blocks])
            for part, _, factor in blocks:
                part.mul_(factor)
        return of_x, of_weight, of_factors, None


def _blocks(
    lengths: list[int], first: Tensor, second: Tensor, factors: Tensor
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    parts = [tensor.split(lengths) for tensor in (first, second)]  # type: ignore[no-untyped-call]
    return zip(*parts, factors, strict=True)


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
