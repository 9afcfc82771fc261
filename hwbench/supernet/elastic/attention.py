"""Causal self-attention whose width and number of heads are elastic, with two kinds of heads.

`FixedHeadAttention`: a head has one size whatever the width (HW-GPT-Bench, AutoFormer); h heads are
the first h. `SplitWidthAttention`: heads share the width among them (GPT-2), so their size changes
with their number. B sequences, T tokens, d width, h heads, s head size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from hwbench.errors import ShapeError, require
from hwbench.models.rotary import rotary_tables, rotate
from hwbench.supernet.elastic.linear import ElasticLinear
from hwbench.supernet.elastic.masks import Mask, Prefixes, Scales

require("torch", "train")

import torch  # noqa: E402
from torch import Tensor, nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

__all__ = ["AttentionWeights", "FixedHeadAttention", "SplitMixture", "SplitWidthAttention"]


@dataclass(frozen=True, eq=False)
class AttentionWeights:
    """Weights of a plain attention layer.

    Attributes:
        qkv: Weight `(3 h s, d)`, rows ordered by head, then query, key, value; and bias or None.
        proj: Weight `(d, h s)` and bias or None.
    """

    qkv: tuple[Tensor, Tensor | None]
    proj: tuple[Tensor, Tensor | None]


def _by_head(fused: Tensor, heads: int) -> tuple[Tensor, ...]:
    """Take `(B, T, 3 h s)` apart into queries, keys and values, each `(B, h, T, s)`."""
    B, T, _ = fused.shape
    return fused.view(B, T, heads, 3, -1).permute(3, 0, 2, 1, 4).unbind(0)


def _attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Return what all heads see, side by side, `(B, T, h s)`."""
    y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    return y.transpose(1, 2).flatten(2)


class FixedHeadAttention(nn.Module):
    """Attention of heads of one size.

    A mixture over numbers of heads is one attention: each head's output has the weight of all
    numbers that include it, and queries and keys are left alone.

    Args:
        width: D, greatest width.
        heads: H, greatest number of heads.
        head_size: s.
        rotated: Leading dimensions of a head that rotate with position, even; 0 for none.
        context: Longest sequence.
        bias: Whether the linear layers have biases.
        device: Where the weights live.
        dtype: Type of the weights.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        head_size: int,
        /,
        *,
        rotated: int,
        context: int,
        bias: bool,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.head_size = head_size
        whole = heads * head_size
        self.qkv = ElasticLinear(width, 3 * whole, bias=bias, device=device, dtype=dtype)
        self.proj = ElasticLinear(whole, width, bias=bias, device=device, dtype=dtype)
        cos, sin = rotary_tables(context, rotated, device=device)
        self.cos: Tensor
        self.sin: Tensor
        self.register_buffer("cos", cos, persistent=False)  # (context, rotated)
        self.register_buffer("sin", sin, persistent=False)

    def plain(self, width: int, heads: int, /, *, bias: bool = True) -> AttentionWeights:
        """Return the weights of the plain layer."""
        whole = heads * self.head_size
        return AttentionWeights(
            self.qkv.plain(width, 3 * whole, bias=bias), self.proj.plain(whole, width, bias=bias)
        )

    def forward(self, x: Tensor, heads: int, /, *, bias: bool = True) -> Tensor:
        """Run the layer with the first `heads` heads on `(B, T, d)`."""
        q, k, v = _by_head(self.qkv(x, 3 * heads * self.head_size, bias=bias), heads)
        y = _attend(rotate(q, self.cos, self.sin), rotate(k, self.cos, self.sin), v)
        return cast(Tensor, self.proj(y, x.shape[-1], bias=bias))

    def superpose(
        self, x: Tensor, widths: Prefixes, heads: Tensor, /, *, bias: Tensor | None = None
    ) -> Tensor:
        """Run a mixture on `(B, T, D)`.

        Args:
            x: `(B, T, D)`.
            widths: The mixture of widths.
            heads: `(H,)` weight of each head.
            bias: As in `ElasticLinear.superpose`.
        """
        fused = self.qkv.superpose(x, Scales(inputs=widths.scale), bias=bias)
        q, k, v = _by_head(fused, len(heads))
        y = _attend(rotate(q, self.cos, self.sin), rotate(k, self.cos, self.sin), v)
        inputs = heads[:, None].expand(-1, self.head_size).reshape(-1)
        return self.proj.superpose(y, Scales(widths.scale, inputs), bias=bias)


@dataclass(frozen=True, eq=False)
class SplitMixture:
    """A mixture of attention layers that split their width among heads.

    Attributes:
        widths: The mixture of widths.
        qkv: The mixture of widths as slices `[:3 d, :d]`.
        proj: The mixture of widths as slices `[:d, :d]`.
        heads: `(k,)` weight of each number of heads.
    """

    widths: Prefixes
    qkv: Mask
    proj: Mask
    heads: Tensor


class SplitWidthAttention(nn.Module):
    """Attention of width / h-sized heads, without rotary positions.

    Of h heads, head j has the rows j, j + h, j + 2 h, ...: so the first d rows hold the first d / h
    dimensions of every head, slices nest, and a row feeds the same column of the output whatever
    the number of heads. There is no way around one attention for each number of heads in a mixture,
    but the linear layers run once.

    Args:
        width: D, greatest width.
        heads: Numbers of heads to choose from.
        bias: Whether the linear layers have biases.
        device: Where the weights live.
        dtype: Type of the weights.

    Raises:
        ShapeError: If a number of heads does not divide the width.
    """

    def __init__(
        self,
        width: int,
        heads: Sequence[int],
        /,
        *,
        bias: bool,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        for each in heads:
            _check_split(width, each)
        self.heads = tuple(heads)
        # Rows: row 0's query, key and value, then row 1's, ...
        self.qkv = ElasticLinear(width, 3 * width, bias=bias, device=device, dtype=dtype)
        self.proj = ElasticLinear(width, width, bias=bias, device=device, dtype=dtype)

    def plain(self, width: int, heads: int, /, *, bias: bool = True) -> AttentionWeights:
        """Return the weights of the plain layer, whose rows are ordered by head.

        Raises:
            ShapeError: If the number of heads does not divide the width.
        """
        _check_split(width, heads)
        size = width // heads

        def by_head(rows: Tensor) -> Tensor:
            return rows.view(size, heads, 3, *rows.shape[1:]).movedim(0, 2)

        def columns_by_head(weight: Tensor) -> Tensor:
            return weight.view(-1, size, heads).transpose(1, 2)

        weight, shift = self.qkv.plain(width, 3 * width, bias=bias, arrange=(by_head, by_head))
        out, out_shift = self.proj.plain(width, width, bias=bias, arrange=(columns_by_head, None))
        weight = weight.reshape(3 * width, width)
        shift = None if shift is None else shift.reshape(3 * width)
        out = out.reshape(width, width)
        return AttentionWeights((weight, shift), (out, out_shift))

    def forward(self, x: Tensor, heads: int, /, *, bias: bool = True) -> Tensor:
        """Run the layer with this many heads on `(B, T, d)`."""
        weights = self.plain(x.shape[-1], heads, bias=bias)
        q, k, v = _by_head(F.linear(x, *weights.qkv), heads)
        return F.linear(_attend(q, k, v), *weights.proj)

    def superpose(self, x: Tensor, mix: SplitMixture, /, *, bias: Tensor | None = None) -> Tensor:
        """Run a mixture on `(B, T, D)`.

        Dimensions beyond a width are zero in queries and keys, so that only their products' scale
        depends on the width: it is the mixture of the widths' scales.
        """
        B, T, D = x.shape
        fused = self.qkv.superpose(x, mix.qkv, bias=bias)  # (B, T, 3 D)
        scale = mix.widths.weights @ mix.widths.counts.rsqrt()
        total = torch.zeros((), dtype=fused.dtype, device=fused.device)
        for heads, weight in zip(self.heads, mix.heads.unbind(0), strict=True):
            q, k, v = fused.view(B, T, -1, heads, 3).permute(4, 0, 3, 1, 2).unbind(0)
            q = q * (scale * math.sqrt(heads)).to(q.dtype)
            y = F.scaled_dot_product_attention(
                q.contiguous(), k.contiguous(), v.contiguous(), is_causal=True, scale=1.0
            )  # (B, h, T, D / h)
            total = total + (y * weight.to(y.dtype)).permute(0, 2, 3, 1).reshape(B, T, D)
        return self.proj.superpose(total, mix.proj, bias=bias)


def _check_split(width: int, heads: int) -> None:
    if width % heads:
        raise ShapeError(f"{heads} heads do not divide the width {width}")
