"""Exact costs of GPT architectures in closed form: parameters, multiply-accumulates, bytes.

Every function takes a GPT space (its `network` decides between the profiled and the supernet's
network, see `hwbench.spaces.gpt`) and codes of shape `... x n_choices`, and returns int64 of shape
`(...)`: counts, not estimates, unless its docstring says so.
"""

from __future__ import annotations

from hwbench.spaces.gpt_counts import WeightCounts, flops, macs, params, weight_counts
from hwbench.spaces.gpt_memory import (
    autocast_bytes,
    kv_cache_bytes,
    peak_activation_bytes,
    weight_bytes,
)

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
