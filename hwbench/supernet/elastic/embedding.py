"""A table of vectors whose width is elastic: of tokens, of positions, or a tied output layer."""

from __future__ import annotations

from hwbench.errors import require
from hwbench.supernet.elastic.masks import Prefixes
from hwbench.supernet.elastic.slices import corner

require("torch", "train")

import torch  # noqa: E402
from torch import Tensor, nn  # noqa: E402
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
        return F.embedding(tokens, self.plain(width))

    def superpose(self, tokens: Tensor, widths: Prefixes, /) -> Tensor:
        """Look up integers `(...)` in the mixture of tables: `(..., D)`."""
        return F.embedding(tokens, self.weight) * widths.scale.to(self.weight.dtype)

    def logits(self, x: Tensor, /) -> Tensor:
        """Use the table as an output layer without bias: `(..., width)` to `(..., rows)`."""
        return F.linear(x, self.plain(x.shape[-1]))

    def superpose_logits(self, x: Tensor, widths: Prefixes, /) -> Tensor:
        """Use the mixture of tables as an output layer: `(..., D)` to `(..., rows)`."""
        return F.linear(x * widths.scale.to(x.dtype), self.weight)
