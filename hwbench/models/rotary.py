"""Rotary positions: queries and keys turn with their place in the sequence.

Su et al., "RoFormer", 2021, in the half-split order of GPT-NeoX: dimensions i and i + rotated / 2
of a head are the coordinates of one point. Used by `hwbench.models.gpt` and the supernet.
"""

from __future__ import annotations

from hwbench.errors import require

require("torch", "train")

import torch  # noqa: E402
from torch import Tensor  # noqa: E402

__all__ = ["rotary_tables", "rotate"]

_ROTARY_BASE = 10_000.0


def rotary_tables(
    context: int, rotated: int, /, *, device: torch.device | str = "cpu"
) -> tuple[Tensor, Tensor]:
    """Return the cosines and sines of the rotary embedding, each `(context, rotated)`, float32.

    Position t turns the dimensions i and i + rotated / 2 by the angle t / 10000^(2 i / rotated).
    """
    exponents = torch.arange(0, rotated, 2, device=device, dtype=torch.float32) / max(rotated, 1)
    frequencies = _ROTARY_BASE**-exponents  # (rotated / 2)
    positions = torch.arange(context, device=device, dtype=torch.float32)
    angles = torch.outer(positions, frequencies).repeat(1, 2)  # (context, rotated)
    return angles.cos(), angles.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor, /) -> Tensor:
    """Turn the first dimensions of heads `(B, h, T, s)` by the tables of `rotary_tables`.

    The tables may be longer than the sequence; tables without columns leave `x` as it is.
    """
    rotated, T = cos.shape[1], x.shape[2]
    if rotated == 0:
        return x
    turning, still = x[..., :rotated], x[..., rotated:]
    one, two = turning.chunk(2, dim=-1)
    cos, sin = cos[:T].to(x.dtype), sin[:T].to(x.dtype)
    turned = turning * cos + torch.cat((-two, one), dim=-1) * sin
    return torch.cat((turned, still), dim=-1)
