"""Bytes that GPT architectures take, in closed form; use it through `gpt_costs`."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from hwbench.arrays import Int64Array
from hwbench.spaces.gpt import GptNetwork, network_of
from hwbench.spaces.gpt_counts import MLP_MATRICES, attention_width, params, weight_counts
from hwbench.spaces.space import Space

__all__ = ["autocast_bytes", "kv_cache_bytes", "peak_activation_bytes", "weight_bytes"]

_LOGSUMEXP_BYTES = 4  # fused attention keeps one float32 per query and head


def weight_bytes(
    space: Space,
    codes: ArrayLike,
    /,
    *,
    bytes_per_weight: int = 4,
    network: GptNetwork | None = None,
) -> Int64Array:
    """Return the size of all weights, each stored once in `bytes_per_weight` bytes."""
    return bytes_per_weight * params(space, codes, network=network)


def autocast_bytes(
    space: Space,
    codes: ArrayLike,
    /,
    *,
    bytes_per_weight: int = 4,
    bytes_per_copy: int = 2,
    network: GptNetwork | None = None,
) -> Int64Array:
    """Return the size of the weights and of the copies that mixed precision keeps of them.

    torch.autocast casts the weights and biases of linear layers (the output layer too, the norms
    and the token table not) and keeps the copies until the context ends. HW-GPT-Bench's "memory"
    is this plus what the allocator adds.
    """
    counts = weight_counts(space, codes, network=network)
    net = network or network_of(space)
    output = counts.embedding if net.tied else counts.head
    copied = counts.matrices + counts.biases + output
    return bytes_per_weight * counts.total + bytes_per_copy * copied


def kv_cache_bytes(
    space: Space,
    codes: ArrayLike,
    /,
    *,
    sequence_length: int = 1024,
    batch_size: int = 1,
    bytes_per_value: int = 2,
    network: GptNetwork | None = None,
) -> Int64Array:
    """Return the size of all layers' keys and values for `batch_size` sequences: 2 a T a layer."""
    width = attention_width(space, codes, network=network)
    return 2 * batch_size * sequence_length * bytes_per_value * width


def peak_activation_bytes(
    space: Space,
    codes: ArrayLike,
    /,
    *,
    sequence_length: int = 1024,
    batch_size: int = 1,
    bytes_per_value: int = 4,
    logits: bool = True,
    network: GptNetwork | None = None,
) -> Int64Array:
    """Estimate the most memory that activations take at one time in a forward pass.

    What is counted: the tensors alive at once while `hwbench.models.gpt.GPT` runs eagerly, without
    gradients and with fused attention, all activations in `bytes_per_value`. Per token and layer
    these are the larger of

    - attention: input and norm (2 d), queries, keys and values as computed (3 a) and rotated (2
      a), the output (a), and one float32 a head, or what the rotation of the keys needs where more
      than two thirds of a head rotate; and
    - MLP: input, residual sum and norm (3 d) and three tensors of m (gated) or two (GELU).

    The logits of all tokens come on top of the last hidden state (V + d) when that is more, which
    it is for long vocabularies. Not counted: weights, token ids, the rotary tables, the workspace
    of kernels, what an allocator rounds up or keeps. Compiled or unfused code differs.

    Args:
        space: A GPT space.
        codes: `... x n_choices` codes.
        sequence_length: Tokens of a sequence.
        batch_size: Sequences.
        bytes_per_value: 4 for float32, 2 for bfloat16 and float16.
        logits: If false, the pass ends with the last hidden state (`GPT.hidden`).
        network: As in `weight_counts`.
    """
    net = network or network_of(space)
    checked = space.canonical(codes)
    d = space.values(checked, "embed_dim")[..., None]
    heads, ratios = space.values(checked, "n_head"), space.values(checked, "mlp_ratio")
    size = np.asarray(net.head_size or d // np.maximum(heads, 1))
    turned = net.rotated(size)
    held = np.where(turned > 0, 6, 4) * size  # without rotation there are no copies of q and k
    attending = (bytes_per_value * held + _LOGSUMEXP_BYTES) * heads
    rotating = bytes_per_value * (4 * size + 3 * turned) * heads
    in_attention = bytes_per_value * 2 * d + np.maximum(attending, rotating)
    in_mlp = bytes_per_value * d * (3 + MLP_MATRICES[net.mlp] * ratios)
    peak = np.maximum(in_attention, in_mlp).max(axis=-1)
    if logits:
        peak = np.maximum(peak, bytes_per_value * (net.vocab_size + d[..., 0]))
    return np.asarray(batch_size * sequence_length * peak, dtype=np.int64)
