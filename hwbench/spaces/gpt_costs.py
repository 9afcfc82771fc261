"""Exact costs of GPT architectures in closed form: parameters, multiply-accumulates, bytes.

Every function takes a GPT space (its `network` decides between the profiled and the supernet's network,
see `hwbench.spaces.gpt`) and codes of shape `... x n_choices`, and returns int64 of shape `(...)`: counts, not estimates,
unless the docstring says so. In what follows d is the width, T the sequence length, and per layer a = heads x head size and
m = MLP ratio x d.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hwbench.arrays import Codes, Int64Array
from hwbench.errors import SpaceError
from hwbench.spaces.gpt import GptNetwork, network_of
from hwbench.spaces.space import Space

__all__ = [
    "WeightCounts",
    "autocast_bytes",
    "flops",
    "kv_cache_bytes",
    "macs",
    "params",
    "peak_activation_bytes",
    "weight_bytes",
    "weight_counts",
]

_MLP_MATRICES = {"gated_silu": 3, "gelu": 2}
_LOGSUMEXP_BYTES = 4  # fused attention keeps one float32 per query and head


@dataclass(frozen=True, slots=True)
class WeightCounts:
    """Numbers of weights by kind, each of shape `(...)`.

    Attributes:
        embedding: Token table, V d; a tied output layer uses it too.
        head: Output layer, V d, or 0 if tied.
        attention: Matrices of the fused query-key-value and the output projections, sum of 4 a d.
        mlp: Matrices of the MLPs, sum of 3 m d (gated) or 2 m d.
        biases: Biases of the linear layers; 0 for architectures without bias.
        norms: Scales and shifts of the LayerNorms, which always have both: 4 d a layer and 2 d at the end.
    """

    embedding: Int64Array
    head: Int64Array
    attention: Int64Array
    mlp: Int64Array
    biases: Int64Array
    norms: Int64Array

    @property
    def total(self) -> Int64Array:
        """All weights."""
        return self.embedding + self.head + self.without_embeddings

    @property
    def without_embeddings(self) -> Int64Array:
        """All weights but the token table and the output layer."""
        return self.attention + self.mlp + self.biases + self.norms

    @property
    def matrices(self) -> Int64Array:
        """Weights of the matrices that every token is multiplied with (an output layer, tied or not, left out)."""
        return self.attention + self.mlp


def weight_counts(
    space: Space, codes: ArrayLike, /, *, network: GptNetwork | None = None
) -> WeightCounts:
    """Count the weights of each kind.

    Args:
        space: A GPT space.
        codes: `... x n_choices` codes.
        network: What to count for; by default the network of the space.

    Raises:
        ShapeError: As `Space.validate`.
        SpaceError: As `Space.validate`, or if heads do not divide the width where the head size follows from it.
    """
    net, s = _sums(space, codes, network)
    vocab = net.vocab_size * s.width
    hidden = _MLP_MATRICES[net.mlp] - 1  # matrices with m outputs
    biases = 3 * s.attention + hidden * s.ratio * s.width + 2 * s.width * s.depth
    return WeightCounts(
        embedding=vocab,
        head=np.zeros_like(vocab) if net.tied else vocab,
        attention=4 * s.attention * s.width,
        mlp=_MLP_MATRICES[net.mlp] * s.ratio * s.width**2,
        biases=s.bias * biases,
        norms=4 * s.width * s.depth + 2 * s.width,
    )


def params(
    space: Space,
    codes: ArrayLike,
    /,
    *,
    embeddings: bool = True,
    network: GptNetwork | None = None,
) -> Int64Array:
    """Count the trainable numbers of the network.

    Args:
        space: A GPT space.
        codes: `... x n_choices` codes.
        embeddings: If false, the token table and the output layer are left out.
        network: As in `weight_counts`.
    """
    counts = weight_counts(space, codes, network=network)
    return counts.total if embeddings else counts.without_embeddings


def macs(
    space: Space,
    codes: ArrayLike,
    /,
    *,
    sequence_length: int = 1024,
    batch_size: int = 1,
    attention_products: bool = True,
    network: GptNetwork | None = None,
) -> Int64Array:
    """Count the multiply-accumulates of all matrix products of one forward pass.

    The output layer is included, for every token; biases, norms, rotations and activations are not, being no
    matrix products. Without `attention_products` this is the `macs` of HW-GPT-Bench's raw files.

    Args:
        space: A GPT space.
        codes: `... x n_choices` codes.
        sequence_length: Tokens of a sequence.
        batch_size: Sequences.
        attention_products: Count queries x keys and weights x values, a T^2 each and layer, in full: a causal mask
            halves what is needed, not what is counted.
        network: As in `weight_counts`.
    """
    net, s = _sums(space, codes, network)
    linear = net.vocab_size * s.width + 4 * s.attention * s.width
    linear = linear + _MLP_MATRICES[net.mlp] * s.ratio * s.width**2
    per_token = linear + 2 * sequence_length * s.attention if attention_products else linear
    return batch_size * sequence_length * per_token


def flops(
    space: Space,
    codes: ArrayLike,
    /,
    *,
    sequence_length: int = 1024,
    batch_size: int = 1,
    attention_products: bool = True,
    network: GptNetwork | None = None,
) -> Int64Array:
    """Count floating-point operations as twice the multiply-accumulates; see `macs`.

    With the defaults this is the metric "flops".
    """
    return 2 * macs(
        space,
        codes,
        sequence_length=sequence_length,
        batch_size=batch_size,
        attention_products=attention_products,
        network=network,
    )


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

    torch.autocast casts the weights and biases of linear layers (the output layer too, the norms and the token
    table not) and keeps the copies until the context ends. HW-GPT-Bench's "memory" is this plus what the allocator adds.
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
    _, s = _sums(space, codes, network)
    return 2 * batch_size * sequence_length * bytes_per_value * s.attention


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

    What is counted: the tensors alive at once while `hwbench.models.gpt.GPT` runs eagerly, without gradients and with
    fused attention, all activations in `bytes_per_value`. Per token and layer these are the larger of

    - attention: input and norm (2 d), queries, keys and values as computed (3 a) and rotated (2 a), the output (a),
      and one float32 a head; and
    - MLP: input, residual sum and norm (3 d) and three tensors of m (gated) or two (GELU).

    The logits of all tokens come on top of the last hidden state (V + d) when that is more, which it is for long vocabularies.
    Not counted: weights, token ids, the rotary tables, the workspace of kernels, what an allocator rounds
    up or keeps. Compiled or unfused code differs.

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
    width = _shared(space, checked, "embed_dim")
    heads, ratios = space.values(checked, "n_head"), space.values(checked, "mlp_ratio")
    wide = width[..., None]
    inner = (net.head_size * heads) if net.head_size else np.where(heads > 0, wide, 0)
    in_attention = bytes_per_value * (2 * wide + 6 * inner) + _LOGSUMEXP_BYTES * heads
    in_mlp = bytes_per_value * wide * (3 + _MLP_MATRICES[net.mlp] * ratios)
    peak = np.maximum(in_attention, in_mlp).max(axis=-1)
    if logits:
        peak = np.maximum(peak, bytes_per_value * (net.vocab_size + width))
    return np.asarray(batch_size * sequence_length * peak, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class _Sums:
    """What the closed forms need; `attention` and `ratio` are summed over the active layers."""

    width: Int64Array
    depth: Int64Array
    bias: Int64Array
    ratio: Int64Array
    attention: Int64Array


def _sums(
    space: Space, codes: ArrayLike, network: GptNetwork | None
) -> tuple[GptNetwork, _Sums]:
    net = network or network_of(space)
    checked = space.canonical(codes)
    width, depth = _shared(space, checked, "embed_dim"), space.depths(checked)
    if net.head_size is None:
        _check_heads(space, checked, width)
        attention = width * depth
    else:
        attention = net.head_size * _over_layers(space, checked, depth, "n_head")
    return net, _Sums(
        width=width,
        depth=depth,
        bias=_shared(space, checked, "bias"),
        ratio=_over_layers(space, checked, depth, "mlp_ratio"),
        attention=attention,
    )


def _shared(space: Space, codes: Codes, name: str) -> Int64Array:
    return space.values(codes, name).astype(np.int64)


def _over_layers(space: Space, codes: Codes, depth: Int64Array, name: str) -> Int64Array:
    # Inactive entries are 0 and read as the first value: cheaper to take them off than to mask.
    table = np.array(space.choice(name).values, dtype=np.int32)
    block = space.layout.block([choice.name for choice in space.layered].index(name))
    total = table[codes[..., block]].sum(axis=-1, dtype=np.int64)
    return np.asarray(total - (space.max_depth - depth) * int(table[0]))


def _check_heads(space: Space, codes: Codes, width: Int64Array) -> None:
    heads = space.values(codes, "n_head")
    if (np.where(heads > 0, width[..., None] % np.maximum(heads, 1), 0) != 0).any():
        raise SpaceError("without a head size, the number of heads must divide the width")
