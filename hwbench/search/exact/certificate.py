"""What an exact search returns: answers, and what is proven about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hwbench.errors import HwbenchError

if TYPE_CHECKING:
    from hwbench.arrays import Codes, FloatArray
    from hwbench.search.problem import Limit
    from hwbench.spaces import Architecture

__all__ = ["TOLERANCE", "Certificate", "ExactFront", "ExactResult", "NoCertificateError"]

TOLERANCE: Final = 1e-10
"""Relative: partial architectures are dropped once they cannot be better by more than this."""


class NoCertificateError(HwbenchError, ValueError):
    """The problem is not made of layer-wise tables in a way that can be solved to a proof."""


@dataclass(frozen=True)
class Certificate:
    """What is proven about an answer.

    Attributes:
        bound: No architecture that keeps the limits has a better value of the objective, in its
            unit; of a front, no statement about one number: NaN.
        gap: |value - bound| / |value|; for a front the greatest relative error of its points.
        solver: What found the proof.
        seconds: How long that took.
        proof: What is proven, in one sentence.
        proven: Whether the gap is at most `TOLERANCE`; false if the time ran out before.
    """

    bound: float
    gap: float
    solver: str
    seconds: float
    proof: str
    proven: bool


@dataclass(frozen=True, eq=False)
class ExactResult:
    """The best architecture of a problem with one objective.

    Attributes:
        feasible: Whether an architecture keeps all limits; None if the time ran out before either
            was certain.
        architecture: The optimum; if none is feasible, the one whose worst relative violation is
            smallest.
        code: Its code, `(n_choices,)`, in the space of the problem.
        values: "latency_s@h100" -> what the benchmark predicts, for all metrics of the problem.
        optimum: Value of the objective in its unit.
        certificate: The proof; of infeasibility, if `feasible` is false.
        binding: The limits that `architecture` just keeps (within 1 %), or cannot keep.
        reachable: Limit as text -> smallest and greatest value that its metric takes under the
            fixed choices; worked out where there is no feasible architecture.
    """

    feasible: bool | None
    architecture: Architecture
    code: Codes
    values: Mapping[str, float]
    optimum: float
    certificate: Certificate
    binding: tuple[Limit, ...]
    reachable: Mapping[str, tuple[float, float]]


@dataclass(frozen=True, eq=False)
class ExactFront:
    """Architectures that no other one dominates.

    Attributes:
        codes: `n x n_choices`, by ascending first objective.
        objectives: `n x m` as a method sees them: minimised, maximised metrics negated.
        values: "latency_s@h100" -> `(n,)` in SI units.
        certificate: What is proven: its `gap` is the relative tolerance, 0 for an exact front.
    """

    codes: Codes
    objectives: FloatArray
    values: Mapping[str, FloatArray]
    certificate: Certificate
