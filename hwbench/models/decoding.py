"""Decoding with a static key-value cache: the same logits as the whole network, token by token.

The cache has its full length from the start and the position is a tensor, so that no shape and no
address changes from token to token: what CUDA graphs and `torch.compile` need. Attention runs over
the whole cache under a mask.
"""

from __future__ import annotations

from typing import cast

from hwbench.errors import ShapeError, require
from hwbench.models.gpt import GPT, Attention, Block
from hwbench.models.rotary import rotate

require("torch", "train")

import torch  # noqa: E402
from torch import Tensor, nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

__all__ = ["Decoder"]


class Decoder(nn.Module):
    """A GPT that continues sequences; shares the weights of the network it is made from.

    Each call appends its tokens at `position` and moves it on. Call `rewind` to go back: what lies
    behind the position is never looked at.

    Args:
        model: The network.
        batch: Sequences at a time, B.
        length: Longest sequence, S.

    Raises:
        ShapeError: If the sequence is longer than the network's context.
    """

    def __init__(self, model: GPT, /, *, batch: int, length: int) -> None:
        super().__init__()
        if not 1 <= length <= model.config.network.context:
            raise ShapeError(
                f"a cache holds 1 to {model.config.network.context} tokens, asked for {length}"
            )
        self.model = model
        weight = model.wte.weight
        self.position: Tensor
        self.register_buffer("position", torch.zeros(1, dtype=torch.long, device=weight.device))
        self.blocks = nn.ModuleList(
            _CachedBlock(cast(Block, block), self.position, batch, length, weight.dtype)
            for block in model.blocks
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """Append tokens `(B, T)` and return their logits, `(B, T, V)`.

        The caller sees to it that position + T does not pass the length of the cache: reading the
        position here would stop a GPU at every token.
        """
        model = self.model
        x = model.wte(tokens)  # (B, T, d)
        if model.wpe is not None:
            x = x + model.wpe(_places(self.position, tokens.shape[1]))
        for block in self.blocks:
            x = block(x)
        weight = model.wte.weight if model.lm_head is None else model.lm_head.weight  # (V, d)
        logits = F.linear(model.norm(x), weight)
        self.position.add_(tokens.shape[1])
        return logits

    def rewind(self, position: int = 0, /) -> None:
        """Go back to a position; the tokens before it stay."""
        self.position.fill_(position)


class _CachedAttention(nn.Module):
    """The attention of a layer, over all tokens so far."""

    def __init__(
        self, attn: Attention, position: Tensor, batch: int, length: int, dtype: torch.dtype
    ) -> None:
        super().__init__()
        self.attn = attn
        self.position = position
        shape = (batch, attn.n_head, length, attn.head_size)
        self.keys: Tensor
        self.values: Tensor
        zeros = torch.zeros(shape, dtype=dtype, device=position.device)
        self.register_buffer("keys", zeros, persistent=False)  # (B, h, S, s)
        self.register_buffer("values", zeros.clone(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, T, d)` to `(B, T, d)`."""
        attn = self.attn
        B, T, _ = x.shape
        heads = attn.qkv(x).view(B, T, attn.n_head, 3, attn.head_size)
        q, k, v = heads.permute(3, 0, 2, 1, 4).unbind(0)  # each (B, h, T, s)
        places = _places(self.position, T)  # (T,)
        cos, sin = attn.cos.index_select(0, places), attn.sin.index_select(0, places)
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        self.keys.index_copy_(2, places, k.to(self.keys.dtype))
        self.values.index_copy_(2, places, v.to(self.values.dtype))
        seen = torch.arange(self.keys.shape[2], device=x.device) <= places[:, None]  # (T, S)
        keys, values = self.keys.to(q.dtype), self.values.to(q.dtype)
        y = F.scaled_dot_product_attention(q, keys, values, attn_mask=seen)
        y = y.transpose(1, 2).reshape(B, T, attn.n_head * attn.head_size)
        return cast(Tensor, attn.proj(y))


class _CachedBlock(Block):
    """A layer with cached attention; how its parts are added up is the layer's own affair."""

    def __init__(
        self, block: Block, position: Tensor, batch: int, length: int, dtype: torch.dtype
    ) -> None:
        nn.Module.__init__(self)  # no new weights
        self.parallel = block.parallel
        self.norm_1, self.norm_2, self.mlp = block.norm_1, block.norm_2, block.mlp
        self.attn = _CachedAttention(block.attn, position, batch, length, dtype)  # type: ignore[assignment]


def _places(position: Tensor, count: int) -> Tensor:
    # Where tokens go, (T,), without asking the device for the position.
    return position + torch.arange(count, device=position.device)
