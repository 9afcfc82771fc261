"""Count the weights and the operations of GPT architectures, exactly; use it through `gpt_costs`.

In what follows d is the width, T the sequence length, and per layer a = heads x head size and m =
MLP ratio x d.
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
    "MLP_MATRICES",
    "WeightCounts",
    "attention_width",
    "flops",
    "macs",
    "params",
    "weight_counts",
]

MLP_MATRICES = {"gated_silu": 3, "gelu": 2}
"""Kind of MLP -> its matrices of m x d."""


@dataclass(frozen=True, slots=True)
class WeightCounts:
    """Numbers of weights by kind, each of shape `(...)`.

    Attributes:
        embedding: Token table, V d; a tied output layer uses it too.
        positions: Table of learned positions, context x d, or 0.
        head: Output layer, V d, or 0 if tied.
        attention: Matrices of the fused query-key-value and the output projections, sum of 4 a d.
        mlp: Matrices of the MLPs, sum of 3 m d (gated) or 2 m d.
        biases: Biases of the linear layers; 0 for architectures without bias.
        norms: Scales and shifts of the LayerNorms, which always have both: 4 d a layer and 2 d at
            the end.
    """

    embedding: Int64Array
    positions: Int64Array
    head: Int64Array
    attention: Int64Array
    mlp: Int64Array
    biases: Int64Array
    norms: Int64Array

    @property
    def total(self) -> Int64Array:
        """All weights."""
        return self.embedding + self.positions + self.head + self.without_embeddings

    @property
    def without_embeddings(self) -> Int64Array:
        """All weights but the tables of tokens and positions and the output layer."""
        return self.attention + self.mlp + self.biases + self.norms

    @property
    def matrices(self) -> Int64Array:
        """Weights of the matrices inside the layers."""
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
        SpaceError: As `Space.validate`, or if heads do not divide the width where the head size
            follows from it.
    """
    net, s = _sums(space, codes, network)
    vocab = net.vocab_size * s.width
    hidden = MLP_MATRICES[net.mlp] - 1  # matrices with m outputs
    biases = 3 * s.attention + hidden * s.ratio * s.width + 2 * s.width * s.depth
    return WeightCounts(
        embedding=vocab,
        positions=(net.context if net.positions == "learned" else 0) * s.width,
        head=np.zeros_like(vocab) if net.tied else vocab,
        attention=4 * s.attention * s.width,
        mlp=MLP_MATRICES[net.mlp] * s.ratio * s.width**2,
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
        embeddings: If false, the tables of tokens and positions and the output layer are left out.
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

    The output layer is included, for every token; biases, norms, rotations and activations are
    not, being no matrix products. Without `attention_products` this is the `macs` of
    HW-GPT-Bench's raw files.

    Args:
        space: A GPT space.
        codes: `... x n_choices` codes.
        sequence_length: Tokens of a sequence.
        batch_size: Sequences.
        attention_products: Count queries x keys and weights x values, a T^2 each and layer, in
            full: a causal mask halves what is needed, not what is counted.
        network: As in `weight_counts`.
    """
    net, s = _sums(space, codes, network)
    linear = net.vocab_size * s.width + 4 * s.attention * s.width
    linear = linear + MLP_MATRICES[net.mlp] * s.ratio * s.width**2
    products = 2 * sequence_length * s.attention if attention_products else 0
    return np.asarray(batch_size * sequence_length * (linear + products), dtype=np.int64)


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


def attention_width(
    space: Space, codes: ArrayLike, /, *, network: GptNetwork | None = None
) -> Int64Array:
    """Return a summed over the active layers, for `... x n_choices` codes."""
    return _sums(space, codes, network)[1].attention


@dataclass(frozen=True, slots=True)
class _Sums:
    """What the closed forms need; `attention` and `ratio` are summed over the active layers."""

    width: Int64Array
    depth: Int64Array
    bias: Int64Array
    ratio: Int64Array
    attention: Int64Array


def _sums(space: Space, codes: ArrayLike, network: GptNetwork | None) -> tuple[GptNetwork, _Sums]:
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
        bias=_shared(space, checked, "bias") if _has_bias(space) else np.zeros_like(width),
        ratio=_over_layers(space, checked, depth, "mlp_ratio"),
        attention=attention,
    )


def _shared(space: Space, codes: Codes, name: str) -> Int64Array:
    return np.asarray(space.values(codes, name), dtype=np.int64)


def _has_bias(space: Space) -> bool:
    return any(choice.name == "bias" for choice in space.shared)


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
