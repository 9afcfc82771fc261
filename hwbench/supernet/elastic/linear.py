"""A linear layer whose numbers of inputs and outputs are elastic."""

from __future__ import annotations

from hwbench.errors import require
from hwbench.supernet.elastic._products import sliced_linear
from hwbench.supernet.elastic.masks import Mask
from hwbench.supernet.elastic.slices import Arrange, corner

require("torch", "train")

import torch  # noqa: E402
from torch import Tensor, nn  # noqa: E402

__all__ = ["ElasticLinear"]


class ElasticLinear(nn.Module):
    """The weights of the largest of a family of linear layers; each has the first rows and columns.

    Args:
        inputs: I, greatest number of inputs.
        outputs: O, greatest number of outputs.
        bias: Whether there is a bias.
        device: Where the weights live.
        dtype: Type of the weights.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        /,
        *,
        bias: bool,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs, device=device, dtype=dtype))
        self.bias = nn.Parameter(torch.empty(outputs, device=device, dtype=dtype)) if bias else None

    def plain(
        self,
        inputs: int,
        outputs: int,
        /,
        *,
        bias: bool = True,
        arrange: tuple[Arrange | None, Arrange | None] = (None, None),
    ) -> tuple[Tensor, Tensor | None]:
        """Return weight and bias of the plain layer with these sizes, as views or copies.

        Args:
            inputs: Number of inputs.
            outputs: Number of outputs.
            bias: Whether to return the bias, if there is one.
            arrange: Applied to the weight and to the bias in the same copy.
        """
        weight = corner(self.weight, outputs, inputs, arrange=arrange[0])
        if not bias or self.bias is None:
            return weight, None
        return weight, corner(self.bias, outputs, arrange=arrange[1])

    def forward(self, x: Tensor, outputs: int, /, *, bias: bool = True) -> Tensor:
        """Run the layer with `outputs` outputs and as many inputs as `x` has.

        Args:
            x: `(..., inputs)`.
            outputs: Number of outputs.
            bias: Whether to add the bias, if there is one.
        """
        shift = None if not bias or self.bias is None else corner(self.bias, outputs)
        return sliced_linear(x, self.weight, shift, outputs)

    def superpose(self, x: Tensor, mask: Mask, /, *, bias: Tensor | None = None) -> Tensor:
        """Run the mixture that a mask describes: `(..., I)` to `(..., O)`.

        Args:
            x: `(..., I)`.
            mask: The mixture of slices of the weight.
            bias: Weight of the choice to have a bias, a number; None if it is no choice.
        """
        y = mask.linear(x, self.weight)
        if self.bias is None:
            return y
        shift: Tensor = self.bias
        rows = mask.rows()
        if rows is not None:
            shift = shift * rows.to(shift.dtype)
        if bias is not None:
            shift = shift * bias.to(shift.dtype)
        return y + shift.to(y.dtype)
