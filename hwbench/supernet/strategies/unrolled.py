"""The second-order architecture gradient of DARTS, by finite differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Unrolled", "unrolled_gradient"]

_PASSES = 4


@dataclass(frozen=True, slots=True)
class Unrolled:
    """A gradient, and what it took.

    Attributes:
        gradient: One tensor for each of the architecture's.
        loss: The validation loss after the step ahead, without gradient.
        passes: Forward and backward passes.
    """

    gradient: tuple[Tensor, ...]
    loss: Tensor
    passes: int = _PASSES


def unrolled_gradient(
    train_loss: Callable[[], Tensor],
    validation_loss: Callable[[], Tensor],
    /,
    *,
    weights: Sequence[Tensor],
    architecture: Sequence[Tensor],
    rate: float,
    reach: float = 1e-2,
) -> Unrolled:
    """Differentiate the validation loss after one gradient step of the weights.

    Liu et al., "DARTS", 2019, equations 7 and 8: with w' = w - rate * grad_w train(w, a),
    d validation(w', a) / d a = grad_a validation(w', a) - rate * H, where H is the mixed second
    derivative of the training loss times v = grad_w' validation, as a central difference of width
    `reach / |v|`. Weights come back as they were, bit for bit.

    Args:
        train_loss: The training loss at the present weights.
        validation_loss: The loss to be differentiated, at the present weights.
        weights: The weights; changed and put back.
        architecture: What to differentiate by.
        rate: Size of the step ahead.
        reach: Width of the difference, in the norm of the weights.
    """
    kept = [w.detach().clone() for w in weights]
    try:
        step = _gradients(train_loss(), weights)
        _shift(weights, kept, step, -rate)
        loss = validation_loss()
        every = _gradients(loss, [*architecture, *weights])
        direct, v = every[: len(architecture)], every[len(architecture) :]
        norm = torch.sqrt(sum((x.double().square().sum() for x in v), torch.zeros(())))
        width = reach / max(float(norm), 1e-12)
        _shift(weights, kept, v, width)
        above = _gradients(train_loss(), architecture)
        _shift(weights, kept, v, -width)
        below = _gradients(train_loss(), architecture)
    finally:
        _shift(weights, kept, None, 0.0)
    mixed = [(a - b) / (2 * width) for a, b in zip(above, below, strict=True)]
    gradient = tuple(d - rate * m for d, m in zip(direct, mixed, strict=True))
    return Unrolled(gradient, loss.detach())


def _gradients(loss: Tensor, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
    return torch.autograd.grad(loss, list(inputs), allow_unused=True, materialize_grads=True)


@torch.no_grad()
def _shift(
    weights: Sequence[Tensor],
    kept: Sequence[Tensor],
    direction: Sequence[Tensor] | None,
    by: float,
) -> None:
    for i, (weight, old) in enumerate(zip(weights, kept, strict=True)):
        weight.copy_(old if direction is None else old + by * direction[i])
