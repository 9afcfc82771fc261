"""Norms whose width is elastic, with the statistics of each width kept apart.

The mixture over widths e with weights p_e is `sum_e p_e pad(norm(x[:e]))`: each width has its own
mean and variance, over its own channels. (Taking them over all channels, zeros included, makes
narrow networks' activations too large.) All widths share one pass over `x`: sums over the segments
between them give every width's statistics.
"""

from __future__ import annotations

import itertools
from typing import Any

from hwbench.errors import require
from hwbench.supernet.elastic.masks import Prefixes
from hwbench.supernet.elastic.slices import corner

require("torch", "train")

import torch  # noqa: E402
from torch import Tensor, nn  # noqa: E402
from torch.autograd.function import once_differentiable  # noqa: E402
from torch.nn import functional as F  # noqa: E402

__all__ = ["ElasticLayerNorm", "ElasticRMSNorm"]

_EPS = 1e-5


class ElasticLayerNorm(nn.Module):
    """LayerNorm over the leading channels.

    Args:
        width: D, the greatest number of channels.
        eps: Added to the variance.
        device: Where the weights live.
        dtype: Type of the weights.
    """

    def __init__(
        self,
        width: int,
        /,
        *,
        eps: float = _EPS,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(width, device=device, dtype=dtype))
        self.bias = nn.Parameter(torch.zeros(width, device=device, dtype=dtype))

    def plain(self, width: int, /) -> tuple[Tensor, Tensor]:
        """Return gain and bias of the plain layer."""
        return corner(self.weight, width), corner(self.bias, width)

    def forward(self, x: Tensor, /) -> Tensor:
        """Normalise `(..., width)` over its channels."""
        weight, bias = self.plain(x.shape[-1])
        return F.layer_norm(x, (x.shape[-1],), weight, bias, self.eps)

    def superpose(self, x: Tensor, widths: Prefixes, /) -> Tensor:
        """Normalise `(..., D)` by the mixture of widths."""
        y = _normalised(x, self.weight, widths, eps=self.eps, centred=True)
        return y + self.bias * widths.scale.to(self.bias.dtype)


class ElasticRMSNorm(nn.Module):
    """RMSNorm over the leading channels (Zhang and Sennrich, 2019).

    Args:
        width: D, the greatest number of channels.
        eps: Added to the mean square.
        device: Where the weights live.
        dtype: Type of the weights.
    """

    def __init__(
        self,
        width: int,
        /,
        *,
        eps: float = _EPS,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(width, device=device, dtype=dtype))

    def plain(self, width: int, /) -> Tensor:
        """Return the gain of the plain layer."""
        return corner(self.weight, width)

    def forward(self, x: Tensor, /) -> Tensor:
        """Normalise `(..., width)` over its channels."""
        return F.rms_norm(x, (x.shape[-1],), self.plain(x.shape[-1]), self.eps)

    def superpose(self, x: Tensor, widths: Prefixes, /) -> Tensor:
        """Normalise `(..., D)` by the mixture of widths."""
        return _normalised(x, self.weight, widths, eps=self.eps, centred=False)


def _normalised(x: Tensor, gain: Tensor, widths: Prefixes, *, eps: float, centred: bool) -> Tensor:
    wide = torch.promote_types(x.dtype, torch.float32)
    rows = x.reshape(-1, x.shape[-1]).to(wide)
    y: Tensor = _MixedNorm.apply(  # type: ignore[no-untyped-call]
        rows,
        gain.to(wide),
        widths.weights.to(wide),
        widths.counts.to(wide),
        widths.sizes,
        (eps, centred),
    )
    return y.view(x.shape).to(torch.promote_types(x.dtype, gain.dtype))


class _MixedNorm(torch.autograd.Function):
    """`y_c = g_c sum_{e > c} p_e (x_c - mean_e) r_e`, with `r_e = 1 / sqrt(var_e + eps)`.

    Per token and segment between two widths this is `g_c (x_c a - b)`, with a and b summed over the
    widths beyond the segment. Saved for the way back: x and two numbers a token and width.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        gain: Tensor,
        weights: Tensor,
        counts: Tensor,
        sizes: tuple[int, ...],
        settings: tuple[float, bool],
    ) -> Tensor:
        eps, centred = settings
        mean, rest = _statistics(x, counts, sizes, eps, centred=centred)  # each (N, k)
        ctx.save_for_backward(x, gain, weights, counts, mean, rest)
        ctx.sizes, ctx.centred = sizes, centred
        a, b = _beyond(weights * rest), _beyond(weights * rest * mean)  # (N, k)
        return _affine(x, a, b, sizes).mul_(gain)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None, None]:
        x, gain, weights, counts, mean, rest = ctx.saved_tensors
        sizes = ctx.sizes
        a, b = _beyond(weights * rest), _beyond(weights * rest * mean)
        of_gain = (_affine(x, a, b, sizes).mul_(grad)).sum(0)
        u = grad * gain
        mean_u = _sums(u, sizes) / counts  # (N, k)
        mean_ux = _sums(u * x, sizes) / counts
        q = rest * (mean_ux - mean * mean_u)  # mean over the width of u times the normalised x
        of_weights = (q * counts).sum(0)
        # x enters width e by itself, by the mean and by the deviation.
        slope = _beyond(weights * rest * rest * q)
        level = weights * rest * (-mean * rest * q)
        if ctx.centred:
            level = level + weights * rest * mean_u
        of_x = _affine(u, a, _beyond(level), sizes)
        of_x.sub_(_affine(x, slope, torch.zeros_like(slope), sizes))
        return of_x, of_gain, of_weights, None, None, None


def _lengths(sizes: tuple[int, ...]) -> list[int]:
    return [b - a for a, b in itertools.pairwise((0, *sizes))]


def _parts(x: Tensor, sizes: tuple[int, ...]) -> tuple[Tensor, ...]:
    return torch.split(x[:, : sizes[-1]], _lengths(sizes), dim=1)


def _sums(x: Tensor, sizes: tuple[int, ...]) -> Tensor:
    """Sum the first e entries of rows `(N, D)`, for each size e: `(N, k)`."""
    return torch.stack([part.sum(1) for part in _parts(x, sizes)], dim=1).cumsum(1)


def _beyond(x: Tensor) -> Tensor:
    """Sum `(N, k)` over this width and all greater ones."""
    return x.flip(1).cumsum(1).flip(1)


def _affine(x: Tensor, a: Tensor, b: Tensor, sizes: tuple[int, ...]) -> Tensor:
    """Return `x a - b`, with a and b `(N, k)` constant in each segment of `(N, D)`; 0 beyond."""
    y = torch.empty_like(x)
    y[:, sizes[-1] :] = 0.0
    for j, (part, made) in enumerate(zip(_parts(x, sizes), _parts(y, sizes), strict=True)):
        torch.mul(part, a[:, j : j + 1], out=made).sub_(b[:, j : j + 1])
    return y


def _statistics(
    x: Tensor, counts: Tensor, sizes: tuple[int, ...], eps: float, *, centred: bool
) -> tuple[Tensor, Tensor]:
    """Return mean (0 if not centred) and 1 / sqrt(variance + eps) of each width, each `(N, k)`."""
    if not centred:
        square = _sums(x * x, sizes) / counts
        return torch.zeros_like(square), torch.rsqrt(square + eps)
    lengths = counts.diff(prepend=torch.zeros_like(counts[:1]))
    middle = torch.stack([part.mean(1) for part in _parts(x, sizes)], dim=1)  # (N, k)
    centred_parts = (
        part - mean[:, None] for part, mean in zip(_parts(x, sizes), middle.unbind(1), strict=True)
    )
    spread = torch.stack([part.square_().sum(1) for part in centred_parts], dim=1)
    mean = (middle * lengths).cumsum(1) / counts
    # Squares around a width's mean: those around the segments' means, and what these differ by.
    apart = (middle[:, None, :] - mean[:, :, None]) ** 2 * lengths  # (N, width, segment)
    total = spread.cumsum(1) + torch.tril(apart).sum(2)
    return mean, torch.rsqrt(total / counts + eps)
