"""Elastic layers: one set of weights, read as any smaller layer or as a mixture of them.

Each layer holds the weights of its largest version and has two modes:

- `forward(x, sizes)` runs the layer that the leading rows and columns of the weights make: its
  result and cost are those of the plain layer with these weights.
- `superpose(x, mixture)` runs the layer whose weights are the mixture of all smaller layers'
  weights, each padded with zeros (Sukthanker et al., "Weight-Entanglement Meets Gradient-Based
  Neural Architecture Search", 2023, Algorithms 1 and 2). Nothing is padded: the mixture is a mask
  of low rank, or scales activations, whichever is cheaper. With all weight on one choice it equals
  `forward` of that choice.

Nothing here knows of one kind of network; `hwbench.supernet.gpt` puts the layers together.
"""

from __future__ import annotations

from hwbench.supernet.elastic.attention import FixedHeadAttention, SplitMixture, SplitWidthAttention
from hwbench.supernet.elastic.embedding import ElasticEmbedding
from hwbench.supernet.elastic.linear import ElasticLinear
from hwbench.supernet.elastic.masks import Axis, Blocks, Coupling, Dense, Mask, Prefixes, Scales
from hwbench.supernet.elastic.mlp import ElasticMLP
from hwbench.supernet.elastic.norm import ElasticLayerNorm, ElasticRMSNorm

__all__ = [
    "Axis",
    "Blocks",
    "Coupling",
    "Dense",
    "ElasticEmbedding",
    "ElasticLayerNorm",
    "ElasticLinear",
    "ElasticMLP",
    "ElasticRMSNorm",
    "FixedHeadAttention",
    "Mask",
    "Prefixes",
    "Scales",
    "SplitMixture",
    "SplitWidthAttention",
]
