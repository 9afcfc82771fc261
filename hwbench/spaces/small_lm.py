"""Small spaces for training supernets: networks in the manner of GPT-2 and nanoGPT.

Learned positions, GELU, tied embedding, heads of width / number of heads, no biases in linear
layers. "small-lm" is the language model space of Sukthanker et al., "Weight-Entanglement Meets
Gradient-Based Neural Architecture Search" (TangleNAS), 2023, Table 19. "nano" is ours: everything
done with a supernet takes minutes on two processor cores.
"""

from __future__ import annotations

from typing import Final

from hwbench.spaces.choice import Choice
from hwbench.spaces.space import Space

__all__ = ["SPACES"]


def _small(
    name: str,
    embed_dim: tuple[int, ...],
    n_layer: tuple[int, ...],
    mlp_ratio: tuple[int, ...],
    n_head: tuple[int, ...],
) -> Space:
    return Space(
        name=name,
        shared=(Choice("embed_dim", embed_dim), Choice("n_layer", n_layer)),
        layered=(Choice("mlp_ratio", mlp_ratio), Choice("n_head", n_head)),
        depth="n_layer",
        network=name,
        networks=(name,),
    )


_ALL: Final = (
    _small("small-lm", (384, 576, 768), (5, 6, 7), (2, 3, 4), (6, 8, 12)),
    _small("nano", (32, 48, 64), (2, 3, 4), (1, 2, 4), (2, 4)),
)

SPACES: Final[dict[str, Space]] = {space.name: space for space in _ALL}
"""Name -> space."""
