"""Superposition as TangleNAS's code writes it: loops over slices that are padded with zeros.

Follows search_spaces/nanoGPT/mixed_operations of the published code, operation by operation: which
weights are mixed, how often (a tied table twice, once for each end), over how many slices, whether
a slice is scaled before or after it is padded, and the in-place sum. As there, norms take their
statistics over all channels and queries, keys and values are cut as a third of the rows each, so
the results are not those of any mixture of networks; what is compared is cost. Two things are
cheaper here: attention is torch's fused one, and nothing is dropped.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from hwbench.models.gpt import GPT, Block
from hwbench.spaces import Space

__all__ = ["logits_of", "mixed"]


def mixed(
    weight: Tensor, slices: Iterable[tuple[int, ...]], mixture: Tensor, *, pad_first: bool = False
) -> Tensor:
    """Mix padded slices of a weight, one by one."""
    total: Tensor | int = 0
    for sizes, p in zip(slices, mixture.unbind(0), strict=True):
        part = weight[tuple(map(slice, sizes))]
        grow = [(0, n - m) for n, m in zip(weight.shape, part.shape, strict=True)]
        flat = [n for pair in reversed(grow) for n in pair]
        total += p * F.pad(part, flat) if pad_first else F.pad(p * part, flat)
    assert isinstance(total, Tensor)
    return total


def logits_of(plain: GPT, tokens: Tensor, space: Space, alphas: Mapping[str, Tensor]) -> Tensor:
    """Run the superposition that a space's largest network holds.

    Args:
        plain: The largest network: learned positions, tied, no biases, GELU.
        tokens: Token ids `(B, T)`.
        space: The space.
        alphas: Choice -> weights, as in `ArchWeights`.
    """
    assert plain.wpe is not None
    assert plain.lm_head is None
    widths, p = _values(space, "embed_dim"), alphas["embed_dim"]

    def table(weight: Tensor) -> Tensor:
        return mixed(weight, [(weight.shape[0], e) for e in widths], p)

    def norm(x: Tensor, layer: torch.nn.Module) -> Tensor:
        weight, bias = (mixed(w, [(e,) for e in widths], p) for w in (layer.weight, layer.bias))
        return F.layer_norm(x, weight.shape, weight, bias)

    x = F.embedding(tokens, table(plain.wte.weight)) + table(plain.wpe.weight)[: tokens.shape[1]]
    ends = []
    for i, block in enumerate(plain.blocks):
        assert isinstance(block, Block)
        x = x + _attend(norm(x, block.norm_1), block, space, p, alphas["n_head"][i])
        x = x + _mlp(norm(x, block.norm_2), block, space, p, alphas["mlp_ratio"][i])
        if i + 1 in _values(space, "n_layer"):
            ends.append(x)
    x = sum((w * end for w, end in zip(alphas["n_layer"], ends, strict=True)), torch.zeros(()))
    return F.linear(norm(x, plain.norm), table(plain.wte.weight))


def _attend(x: Tensor, block: Block, space: Space, p: Tensor, q: Tensor) -> Tensor:
    widths, heads = _values(space, "embed_dim"), _values(space, "n_head")
    B, T, D = x.shape
    fused = F.linear(x, mixed(block.attn.qkv.weight, [(3 * e, e) for e in widths], p))
    parts = fused.split(D, dim=2)
    joint = iter(torch.outer(q, p).flatten().unbind(0))
    total: Tensor | int = 0
    for h in heads:
        sums: list[Tensor | int] = [0, 0, 0]  # queries, keys, values: (B, h, T, D / h)
        for e in widths:
            weight = next(joint)
            for n, part in enumerate(parts):
                cut = part[:, :, :e].view(B, T, h, e // h).transpose(1, 2)
                sums[n] += weight * F.pad(cut, (0, (D - e) // h))
        y = F.scaled_dot_product_attention(*sums, is_causal=True)  # type: ignore[arg-type]
        total += y.transpose(1, 2).contiguous().view(B, T, D)
    assert isinstance(total, Tensor)
    return F.linear(total, mixed(block.attn.proj.weight, [(e, e) for e in widths], p))


def _mlp(x: Tensor, block: Block, space: Space, p: Tensor, q: Tensor) -> Tensor:
    pairs = itertools.product(_values(space, "embed_dim"), _values(space, "mlp_ratio"))
    up = [(e * r, e) for e, r in pairs]
    joint = torch.outer(p, q).flatten()
    inner = F.gelu(F.linear(x, mixed(block.mlp.up.weight, up, joint, pad_first=True)))
    down = [(e, rows) for rows, e in up]
    return F.linear(inner, mixed(block.mlp.down.weight, down, joint, pad_first=True))


def _values(space: Space, name: str) -> list[int]:
    return [int(value) for value in space.choice(name).values]
