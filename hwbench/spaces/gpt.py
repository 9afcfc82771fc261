"""The GPT spaces of HW-GPT-Bench, and the networks that architectures of GPT spaces stand for.

Embedding width, number of layers and bias are shared; MLP ratio and number of heads are chosen per
layer. Sukthanker et al., "HW-GPT-Bench", 2024 (arXiv 2405.10299). The benchmark's latencies,
energies and parameter counts belong to the network "profiled", its perplexities to the network
"supernet": see `NETWORKS`. Spaces of other origin: `hwbench.spaces.small_lm`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from hwbench.errors import UnknownNameError
from hwbench.spaces.choice import Choice
from hwbench.spaces.space import Space

__all__ = ["NETWORKS", "SPACES", "GptNetwork", "network_of", "trained_space"]

IntOrArray = TypeVar("IntOrArray", int, NDArray[np.int64])
"""A whole number, or an array of them."""

_FINE: Final = 2**16


@dataclass(frozen=True, slots=True)
class GptNetwork:
    """What the choices leave open; all networks are pre-norm with LayerNorm.

    Attributes:
        name: Name of the variant.
        mlp: "gated_silu" has three matrices (gate, up, down), "gelu" two.
        tied: Whether the output layer shares the embedding's weights.
        vocab_size: Number of tokens.
        rotary_fraction: Share of a head's dimensions that rotate with position.
        head_size: Dimensions of a head, whatever the width; None for width / heads, as in GPT-2.
        context: Longest sequence.
        positions: "rotary" turns queries and keys; "learned" adds a table of `context` rows to the
            token embedding, as in GPT-2, whatever the rotary fraction says.
        residual: "parallel" adds attention and MLP of one input (GPT-NeoX); in "sequential" the MLP
            sees what attention added (GPT-2).
    """

    name: str
    mlp: Literal["gated_silu", "gelu"]
    tied: bool
    vocab_size: int
    rotary_fraction: float
    head_size: int | None = 64
    context: int = 1024
    positions: Literal["rotary", "learned"] = "rotary"
    residual: Literal["parallel", "sequential"] = "parallel"

    def rotated(self, head_size: IntOrArray, /) -> IntOrArray:
        """Return how many leading dimensions of a head of this size rotate: an even number."""
        if self.positions == "learned":
            return 0 * head_size
        # Whole numbers throughout, so that one line serves a size and an array of sizes.
        return int(self.rotary_fraction * _FINE) * head_size // (2 * _FINE) * 2


def _gpt2(name: str, *, vocab_size: int, context: int) -> GptNetwork:
    return GptNetwork(
        name,
        mlp="gelu",
        tied=True,
        vocab_size=vocab_size,
        rotary_fraction=0.0,
        head_size=None,
        context=context,
        positions="learned",
        residual="sequential",
    )


NETWORKS: Final[dict[str, GptNetwork]] = {
    "profiled": GptNetwork("profiled", "gated_silu", False, 50254, 0.25),
    "supernet": GptNetwork("supernet", "gelu", True, 50304, 0.5),
    "small-lm": _gpt2("small-lm", vocab_size=50304, context=224),
    "nano": _gpt2("nano", vocab_size=512, context=128),
}
"""Name -> network. The first two are HW-GPT-Bench's. What was profiled is not what was trained:
upstream's configuration named an MLP class that the profiled model did not know, so that it fell
back to the gated one; besides, the profiled model is untied and has the unpadded vocabulary."""


def network_of(space: Space, /) -> GptNetwork:
    """Return the network variant of a GPT space.

    Raises:
        UnknownNameError: If the space is not a GPT space.
    """
    if space.network not in NETWORKS:
        raise UnknownNameError.of("GPT network", space.network, NETWORKS)
    return NETWORKS[space.network]


def trained_space(space: Space, /) -> Space:
    """Return a space with the network that its supernets train."""
    return space.with_network("supernet") if "supernet" in space.networks else space


def _gpt(
    name: str,
    embed_dim: tuple[int, ...],
    n_layer: tuple[int, ...],
    mlp_ratio: tuple[int, ...],
    n_head: tuple[int, ...],
) -> Space:
    return Space(
        name=name,
        shared=(
            Choice("embed_dim", embed_dim),
            Choice("n_layer", n_layer),
            Choice("bias", (False, True)),
        ),
        layered=(Choice("mlp_ratio", mlp_ratio), Choice("n_head", n_head)),
        depth="n_layer",
        network="profiled",
        networks=("profiled", "supernet"),
    )


_ALL: Final = (
    _gpt("gpt-s", (192, 384, 768), (10, 11, 12), (2, 3, 4), (4, 8, 12)),
    _gpt("gpt-m", (256, 512, 1024), (22, 23, 24), (2, 3, 4), (8, 12, 16)),
    _gpt("gpt-l", (320, 640, 1280), (34, 35, 36), (2, 3, 4), (8, 16, 20)),
    _gpt("gpt-s-wide", (192, 384, 768), (3, 6, 12), (1, 2, 4), (4, 8, 12)),
    _gpt("gpt-m-wide", (256, 512, 1024), (6, 12, 24), (1, 2, 4), (4, 8, 16)),
    _gpt("gpt-l-wide", (320, 640, 1280), (9, 18, 36), (1, 2, 4), (5, 10, 20)),
)

SPACES: Final[dict[str, Space]] = {space.name: space for space in _ALL}
"""Name -> space of HW-GPT-Bench, for the networks that were profiled."""
