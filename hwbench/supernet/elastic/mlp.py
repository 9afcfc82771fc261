"""MLPs whose width and hidden size are elastic: two matrices and GELU, or three and a SiLU gate."""

from __future__ import annotations

from typing import Literal, cast

from hwbench.errors import require
from hwbench.supernet.elastic.linear import ElasticLinear
from hwbench.supernet.elastic.masks import Mask

require("torch", "train")

import torch  # noqa: E402
from torch import Tensor, nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

__all__ = ["ElasticMLP"]


class ElasticMLP(nn.Module):
    """`down(gelu(up(x)))`, or `down(silu(gate(x)) * up(x))`; both map zeros of `up` to zeros.

    Args:
        width: Greatest number of inputs and outputs.
        hidden: Greatest number of hidden units.
        kind: "gelu" or "gated_silu".
        bias: Whether the linear layers have biases.
        device: Where the weights live.
        dtype: Type of the weights.
    """

    def __init__(
        self,
        width: int,
        hidden: int,
        /,
        *,
        kind: Literal["gelu", "gated_silu"],
        bias: bool,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()

        def linear(inputs: int, outputs: int) -> ElasticLinear:
            return ElasticLinear(inputs, outputs, bias=bias, device=device, dtype=dtype)

        self.gate = linear(width, hidden) if kind == "gated_silu" else None
        self.up = linear(width, hidden)
        self.down = linear(hidden, width)

    def plain(
        self, width: int, hidden: int, /, *, bias: bool = True
    ) -> dict[str, tuple[Tensor, Tensor | None]]:
        """Return weight and bias of each linear layer of the plain MLP, by the layer's name."""
        made = {"up": self.up.plain(width, hidden, bias=bias)}
        if self.gate is not None:
            made["gate"] = self.gate.plain(width, hidden, bias=bias)
        return {**made, "down": self.down.plain(hidden, width, bias=bias)}

    def forward(self, x: Tensor, hidden: int, /, *, bias: bool = True) -> Tensor:
        """Run the MLP with this many hidden units on `(..., width)`."""
        if self.gate is None:
            inner = F.gelu(self.up(x, hidden, bias=bias))
        else:
            inner = F.silu(self.gate(x, hidden, bias=bias)) * self.up(x, hidden, bias=bias)
        return cast(Tensor, self.down(inner, x.shape[-1], bias=bias))

    def superpose(
        self, x: Tensor, up: Mask, down: Mask, /, *, bias: Tensor | None = None
    ) -> Tensor:
        """Run a mixture on `(..., width)`.

        Args:
            x: `(..., width)`.
            up: Mixture of slices of `up` (and `gate`), hidden x width.
            down: The same mixture of slices of `down`, width x hidden.
            bias: As in `ElasticLinear.superpose`.
        """
        inner = self.up.superpose(x, up, bias=bias)
        if self.gate is None:
            inner = F.gelu(inner)
        else:
            inner = F.silu(self.gate.superpose(x, up, bias=bias)) * inner
        return self.down.superpose(inner, down, bias=bias)
