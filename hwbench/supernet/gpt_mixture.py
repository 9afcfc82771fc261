"""From weights of architectures to the mixtures that each layer of a GPT supernet takes.

`GptMixtures` holds what is fixed by the space; calling it makes everything for one step at once,
for all layers together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from hwbench.errors import require
from hwbench.spaces.gpt import GptNetwork
from hwbench.spaces.space import Space
from hwbench.supernet.elastic import (
    Axis,
    Coupling,
    Mask,
    Prefixes,
    Scales,
    SplitMixture,
)
from hwbench.supernet.weights import ArchWeights

require("torch", "train")

import torch  # noqa: E402
from torch import Tensor, nn  # noqa: E402

__all__ = ["GptMixture", "GptMixtures", "LayerMixture", "values_of"]


@dataclass(frozen=True, eq=False)
class LayerMixture:
    """What one layer takes.

    Attributes:
        widths: The mixture of embedding widths.
        heads: `(H,)` weight of each head of a fixed size, or how heads split the width.
        up: Mask of the first matrices of the MLP.
        down: Mask of its last matrix.
        bias: Weight of having biases; None if that is no choice.
    """

    widths: Prefixes
    heads: Tensor | SplitMixture
    up: Mask
    down: Mask
    bias: Tensor | None


@dataclass(frozen=True, eq=False)
class GptMixture:
    """What one step takes.

    Attributes:
        widths: The mixture of embedding widths.
        inputs: The same as a mask on the inputs of a linear layer.
        layers: One mixture a layer.
        depths: Number of layers -> its weight.
    """

    widths: Prefixes
    inputs: Mask
    layers: tuple[LayerMixture, ...]
    depths: Mapping[int, Tensor]


class GptMixtures(nn.Module):
    """Makes the mixtures of a GPT space.

    Args:
        space: The space.
        network: What the choices leave open.
        device: Where the mixtures live.
        dtype: Their type.
    """

    def __init__(
        self,
        space: Space,
        network: GptNetwork,
        /,
        *,
        device: torch.device | str,
        dtype: torch.dtype,
    ) -> None:
        super().__init__()
        self.space = space
        widths, ratios = values_of(space, "embed_dim"), values_of(space, "mlp_ratio")
        d, heads = max(widths), values_of(space, "n_head")
        pairs = [(width, width * ratio) for width in widths for ratio in ratios]
        outer, inner = zip(*pairs, strict=True)

        def coupling(rows: Sequence[int], columns: Sequence[int]) -> Coupling:
            shape = (max(rows), max(columns))
            return Coupling(rows, columns, shape, device=device, dtype=dtype)

        self.width = Axis(widths, d, device=device, dtype=dtype)
        self.up, self.down = coupling(inner, outer), coupling(outer, inner)
        split = network.head_size is None
        self.heads = None if split else Axis(heads, max(heads), device=device, dtype=dtype)
        self.qkv = coupling([3 * width for width in widths], widths) if split else None
        self.proj = coupling(widths, widths) if split else None

    def forward(self, weights: ArchWeights, /) -> GptMixture:
        """Make the mixtures of given weights, in full precision also under autocast.

        Raises:
            UnknownNameError: If a choice is missing or unknown.
            ShapeError: If weights have another shape than the space says.
        """
        weights.check(self.space)
        with torch.autocast(self.width.counts.device.type, enabled=False):
            return self._mixture(
                {name: value.to(self.width.counts) for name, value in weights.choices.items()}
            )

    def _mixture(self, weights: Mapping[str, Tensor]) -> GptMixture:
        widths = self.width(weights["embed_dim"])
        joint = torch.einsum("e,lr->ler", weights["embed_dim"], weights["mlp_ratio"]).flatten(1)
        heads, bias = self._heads(widths, weights["n_head"]), self._bias(weights)
        parts = zip(heads, self.up(joint), self.down(joint), strict=True)
        return GptMixture(
            widths=widths,
            inputs=Scales(inputs=widths.scale),
            layers=tuple(LayerMixture(widths, *part, bias) for part in parts),
            depths=dict(
                zip(values_of(self.space, "n_layer"), weights["n_layer"].unbind(0), strict=True)
            ),
        )

    def _heads(self, widths: Prefixes, weights: Tensor) -> Sequence[Tensor | SplitMixture]:
        if self.heads is not None:
            return list((weights @ self.heads.within).unbind(0))
        qkv, proj = (cast(Coupling, c)(widths.weights[None])[0] for c in (self.qkv, self.proj))
        return [SplitMixture(widths, qkv, proj, each) for each in weights.unbind(0)]

    def _bias(self, weights: Mapping[str, Tensor]) -> Tensor | None:
        if "bias" not in weights or True not in self.space.choice("bias").values:
            return None
        return weights["bias"][self.space.choice("bias").index(True)]


def values_of(space: Space, name: str, /) -> tuple[int, ...]:
    """Return the values of a choice of whole numbers.

    Raises:
        UnknownNameError: If the space has no such choice.
    """
    return cast(tuple[int, ...], space.choice(name).values)
