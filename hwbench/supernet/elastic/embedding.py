"""A table of vectors whose width is elastic: of tokens, of positions, or a tied output layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hwbench.errors import require
from hwbench.supernet.elastic._products import computed_in, framed_product, rows_of
from hwbench.supernet.elastic.masks import Prefixes
from hwbench.supernet.elastic.slices import corner, framed

require("torch", "train")

import torch  # noqa: E402
from torch import Tensor, nn  # noqa: E402
from torch.autograd.function import once_differentiable  # noqa: E402
from torch.nn import functional as F  # noqa: E402

__all__ = ["ElasticEmbedding"]


class ElasticEmbedding(nn.Module):
    """A table of `rows` vectors; the smaller ones have their first entries.

    The rows looked up are scaled, never the table.

    Args:
        rows: Number of vectors.
        width: D, their greatest width.
        device: Where the table lives.
        dtype: Type of the table.
    """

    def __init__(
        self,
        rows: int,
        width: int,
        /,
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(rows, width, device=device, dtype=dtype))

    def plain(self, width: int, /) -> Tensor:
        """Return the table of the plain layer, `(rows, width)`."""
        return corner(self.weight, self.weight.shape[0], width)

    def forward(self, tokens: Tensor, width: int, /) -> Tensor:
        """Look up integers `(...)`: `(..., width)`."""
        return self.tied(tokens, width)[0]

    def tied(self, tokens: Tensor, width: int, /) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        """Look up integers `(...)`, and return the linear layer that has the same table.

        Both have one gradient, made in one place: a sum of two gradients of the size of the table
        can cost more than all layers between.

        Args:
            tokens: Integers `(...)`.
            width: Width of the vectors.

        Returns:
            `(..., width)`, and a map from `(..., width)` to `(..., rows)`.
        """
        if torch.compiler.is_compiling():  # which cannot follow, and has no need to
            whole = self.plain(width)
            return F.embedding(tokens, whole), lambda x: F.linear(x, whole)
        made: list[Tensor] = []
        rows, table = _Ends.apply(self.weight, tokens, width, made)  # type: ignore[no-untyped-call]
        return rows, lambda x: _head(x, table, self.weight.shape[1], made)

    def superpose(self, tokens: Tensor, widths: Prefixes, /) -> Tensor:
        """Look up integers `(...)` in the mixture of tables: `(..., D)`."""
        return F.embedding(tokens, self.weight) * widths.scale.to(self.weight.dtype)


def _head(x: Tensor, table: Tensor, width: int, made: list[Tensor]) -> Tensor:
    dtype = computed_in(x)
    with torch.autocast(x.device.type, enabled=False):
        return _Head.apply(x.to(dtype), table, width, made)  # type: ignore[no-any-return, no-untyped-call]


class _Ends(torch.autograd.Function):
    # Gives the rows looked up, and a view of the table for the other end. `made` holds gradients of
    # the whole table, of which the other end made part: there the rows' gradients are added.
    @staticmethod
    def forward(
        ctx: Any, weight: Tensor, tokens: Tensor, width: int, made: list[Tensor]
    ) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(tokens)
        ctx.shape, ctx.width, ctx.made = tuple(weight.shape), width, made
        ctx.set_materialize_grads(False)
        part = weight[:, :width]
        return F.embedding(tokens, part), part

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, of_rows: Tensor | None, of_table: Tensor | None
    ) -> tuple[Tensor | None, None, None, None]:
        (tokens,) = ctx.saved_tensors
        known = {_place(whole[:, : ctx.width]): whole for whole in ctx.made}
        ctx.made.clear()
        whole = None if of_table is None else known.get(_place(of_table))
        if whole is None:
            given = of_table if of_table is not None else of_rows
            if given is None:
                return None, None, None, None
            rows = 0 if of_table is None else ctx.shape[0]
            whole = framed(given, ctx.shape, (rows, ctx.width))
            if of_table is not None:
                whole[:, : ctx.width].copy_(of_table)
        if of_rows is not None:
            part = whole[:, : ctx.width]
            part.index_add_(0, tokens.reshape(-1), rows_of(of_rows).to(part.dtype))
        return whole, None, None, None


class _Head(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, table: Tensor, width: int, made: list[Tensor]) -> Tensor:
        part = table.to(x.dtype).contiguous()
        ctx.save_for_backward(x, part)
        ctx.width, ctx.made, ctx.dtype = width, made, table.dtype
        return F.linear(x, part)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        x, part = ctx.saved_tensors
        rows = rows_of(grad)
        of_x = of_table = None
        if ctx.needs_input_grad[0]:
            of_x = (rows @ part).view(x.shape)
        if ctx.needs_input_grad[1]:
            shape = (part.shape[0], ctx.width)
            whole = framed_product(rows.T, rows_of(x), shape, ctx.dtype)
            of_table = whole[:, : part.shape[1]]
            ctx.made.append(whole)
        return of_x, of_table, None, None


def _place(tensor: Tensor) -> tuple[object, ...]:
    return tensor.data_ptr(), tensor.dtype, tuple(tensor.shape), tensor.stride()
