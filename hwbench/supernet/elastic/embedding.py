"""A table of vectors whose width is elastic: of tokens, of positions, or a tied output layer."""

from __future__ import annotations

from typing import Any

from hwbench.errors import require
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
        return self.tied(tokens, width, table=False)[0]

    def tied(
        self, tokens: Tensor, width: int, /, *, table: bool = True
    ) -> tuple[Tensor, Tensor | None]:
        """Look up integers `(...)`, and return the table for a linear layer at the other end.

        Both have one gradient, made in one place: a sum of two gradients of the size of the table
        can cost more than all layers between.

        Args:
            tokens: Integers `(...)`.
            width: Width of the vectors.
            table: Whether to return the table.

        Returns:
            `(..., width)`, and `plain(width)` or None.
        """
        if torch.compiler.is_compiling():  # which cannot follow, and has no need to
            whole = self.plain(width)
            return F.embedding(tokens, whole), whole if table else None
        return _Tied.apply(self.weight, tokens, width, table)  # type: ignore[no-any-return, no-untyped-call]

    def superpose(self, tokens: Tensor, widths: Prefixes, /) -> Tensor:
        """Look up integers `(...)` in the mixture of tables: `(..., D)`."""
        return F.embedding(tokens, self.weight) * widths.scale.to(self.weight.dtype)


class _Tied(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, weight: Tensor, tokens: Tensor, width: int, table: bool
    ) -> tuple[Tensor, Tensor | None]:
        ctx.save_for_backward(tokens)
        ctx.shape, ctx.width = tuple(weight.shape), width
        ctx.set_materialize_grads(False)
        part = weight[:, :width]
        rows = F.embedding(tokens, part)
        if not table:
            return rows, None
        if width == weight.shape[1]:
            return rows, weight.view_as(weight)
        return rows, part.contiguous()

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, of_rows: Tensor | None, of_table: Tensor | None
    ) -> tuple[Tensor | None, None, None, None]:
        (tokens,) = ctx.saved_tensors
        given = of_table if of_table is not None else of_rows
        if given is None:
            return None, None, None, None
        rows = 0 if of_table is None else ctx.shape[0]
        whole = framed(given, ctx.shape, (rows, ctx.width))
        part = whole[:, : ctx.width]
        if of_table is not None:
            part.copy_(of_table)
        if of_rows is not None:
            part.index_add_(0, tokens.reshape(-1), of_rows.reshape(-1, ctx.width).to(part.dtype))
        return whole, None, None, None
