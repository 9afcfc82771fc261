"""What a method asks: a batch of architectures in, objectives and violations out.

One interface for a benchmark, a table of measurements, and later a supernet or a real device.
Evaluations are pure: the same codes, fidelity and seed give the same numbers, in any batch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

import numpy as np
from numpy.typing import ArrayLike

from hwbench.arrays import Codes, FloatArray
from hwbench.search import limits
from hwbench.search.problem import Objective, Problem, ProblemError, column_name
from hwbench.spaces import Space

if TYPE_CHECKING:
    from hwbench.benchmark import Benchmark
    from hwbench.surrogates.uncertainty import Noise

__all__ = ["BenchmarkEvaluator", "Evaluation", "Evaluator"]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What is known of `n` architectures.

    Attributes:
        objectives: `n x m`, all minimised (maximised metrics are negated).
        violations: `(n,)` sum of the relative violations of all limits; 0 where all hold.
        values: "latency_s@h100" or "perplexity" -> `(n,)` in SI units, as they are shown.
    """

    objectives: FloatArray
    violations: FloatArray
    values: Mapping[str, FloatArray]

    def __len__(self) -> int:
        return len(self.violations)


class Evaluator(ABC):
    """Answers a problem."""

    @property
    @abstractmethod
    def problem(self) -> Problem:
        """The problem; codes belong to its whole space."""

    @property
    @abstractmethod
    def identity(self) -> Mapping[str, object]:
        """What the answers depend on, as JSON values: name and digest of the bundle, noise."""

    @property
    def space(self) -> Space:
        """The space of the codes: the whole space of the problem."""
        return self.problem.space

    @property
    def most(self) -> int | None:
        """The greatest fidelity; None if there is only one."""
        return None

    @property
    def size(self) -> int:
        """How many architectures can be evaluated."""
        return self.problem.subspace.size()

    def nearest(self, codes: Codes, /) -> Codes:
        """Return the architectures, `n x n_choices`, that can be evaluated in place of others."""
        return codes

    @abstractmethod
    def evaluate(
        self, codes: ArrayLike, /, *, fidelity: int | None = None, seed: int = 0
    ) -> Evaluation:
        """Evaluate architectures.

        Args:
            codes: `n x n_choices` codes of `space`.
            fidelity: How thoroughly, 1 to `most` (for a benchmark: repeats); None for all.
            seed: Of the noise, where there is some.

        Raises:
            ShapeError: If `codes` has another shape.
            SpaceError: If an index does not exist, or an architecture cannot be evaluated.
            ProblemError: If there is no such fidelity.
        """

    def broken(self, codes: Codes, values: Mapping[str, FloatArray], /) -> FloatArray:
        """Return by how much each limit is broken, relative to its bound; 0 where it holds.

        `Evaluation.violations` is the sum over the limits. Here each value is held to the bound
        with its margin.

        Args:
            codes: `n x n_choices` canonical codes of `space`.
            values: What `evaluate` found for them.

        Returns:
            `n x n_limits`, in the order of `Problem.limits`.
        """
        found = np.zeros((len(codes), len(self.problem.limits)))
        for k, limit in enumerate(self.problem.limits):
            value = values[column_name(limit.metric, limit.device)]
            found[:, k] = limits.violation(value * limits.margin(limit), limit)
        return found


def objective_columns(
    objectives: Sequence[Objective], values: Mapping[str, FloatArray], /
) -> FloatArray:
    """Return `n x m` minimised objectives from the values of an evaluation."""
    columns = []
    for goal in objectives:
        found = [values[column_name(*column)] for column in goal.columns]
        if len(found) > 1:
            stacked = goal.sign * np.stack(found)  # (devices, n); the worst is the greatest
            columns.append(stacked.max(axis=0) if goal.aggregate == "max" else stacked.mean(axis=0))
        else:
            columns.append(goal.sign * found[0])
    return np.stack(columns, axis=1)


@final
class BenchmarkEvaluator(Evaluator):
    """Asks a benchmark.

    Args:
        bench: The benchmark.
        problem: The problem, on the benchmark's space.
        noise: None: predictions. "repeat" or "session": the median of `fidelity` noisy repeats, in
            one visit to the device or each in another; always the same for one seed and
            architecture.
        repeats: The greatest fidelity, if there is noise.

    Raises:
        ProblemError: If the problem is about another space.
        UnknownNameError: If the benchmark lacks a metric or a device of the problem.
    """

    def __init__(
        self,
        bench: Benchmark,
        problem: Problem,
        /,
        *,
        noise: Noise | None = None,
        repeats: int = 9,
    ) -> None:
        if problem.space != bench.space:
            raise ProblemError(f"the problem is about {problem.space.name}, not {bench.name}")
        if noise not in (None, "repeat", "session") or repeats < 1:
            raise ProblemError(
                f"noise is 'repeat' or 'session' with 1 repeat or more, got {noise!r}, {repeats}"
            )
        self.bench: Final = bench
        self.noise: Final = noise
        self._problem: Final = problem
        self._repeats: Final = repeats
        self._names: Final = tuple(column_name(*column) for column in problem.columns)
        for column in problem.columns:
            bench.cell(*column)
        self._tightening: Final = [limits.tightening(bench, limit) for limit in problem.limits]

    @property
    def problem(self) -> Problem:
        """The problem."""
        return self._problem

    @property
    def identity(self) -> Mapping[str, object]:
        """Name and digest of the bundle, and the noise."""
        found: dict[str, object] = {"benchmark": self.bench.name, "sha256": self.bench.sha256}
        return found if self.noise is None else found | {"noise": self.noise, "most": self._repeats}

    @property
    def most(self) -> int | None:
        """The greatest number of repeats; None without noise."""
        return None if self.noise is None else self._repeats

    def evaluate(
        self, codes: ArrayLike, /, *, fidelity: int | None = None, seed: int = 0
    ) -> Evaluation:
        """See `Evaluator.evaluate`; the fidelity is the number of repeats."""
        if fidelity is not None and not (self.most and 1 <= fidelity <= self.most):
            most = "there is no noise" if self.most is None else f"1 to {self.most} exist"
            raise ProblemError(f"cannot evaluate at fidelity {fidelity}: {most}")
        found = self.bench.predict_many(codes, self._problem.columns)
        checked = np.asarray(codes)
        if self.noise is not None:
            checked = self.space.canonical(checked)
            found = found * self._noise(checked, fidelity or self._repeats, seed)
        values = {name: found[:, k] for k, name in enumerate(self._names)}
        return Evaluation(
            objective_columns(self._problem.objectives, values),
            self.broken(checked, values).sum(axis=1),
            values,
        )

    def broken(self, codes: Codes, values: Mapping[str, FloatArray], /) -> FloatArray:
        """See `Evaluator.broken`; limits at a confidence hold the quantile to the bound."""
        found = np.zeros((len(codes), len(self._problem.limits)))
        if not self._problem.limits:
            return found
        number = limits.shared_number(self.space, codes)
        for k, (limit, factors) in enumerate(
            zip(self._problem.limits, self._tightening, strict=True)
        ):
            value = values[column_name(limit.metric, limit.device)]
            found[:, k] = limits.violation(value * factors[number], limit)
        return found

    def _noise(self, codes: Codes, repeats: int, seed: int) -> FloatArray:
        """Return `n x columns` factors: a stream for each architecture and column, one seed."""
        assert self.noise is not None
        factors = np.ones((len(codes), len(self._names)))
        for k, column in enumerate(self._problem.columns):
            uncertainty = self.bench.uncertainty(*column)
            if uncertainty is None:
                continue
            for row, code in enumerate(codes):
                rng = np.random.default_rng([seed, k, *code.tolist()])
                # One at a time: more repeats begin with the same ones.
                drawn = [uncertainty.draw(self.noise, 1, rng)[0] for _ in range(repeats)]
                factors[row, k] = np.median(drawn)
        return factors
