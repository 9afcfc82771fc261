"""Search the subnets of a trained supernet by the weights they inherit.

`SupernetEvaluator` answers perplexity and accuracy by running subnets on held-out text, parameters
and FLOPs in closed form, and what a device needs through a benchmark of the same space. With it
every method here searches a supernet; "spos-rs" and "spos-es" are SPOS (Guo et al. 2020). Needs the
extra [train].
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, cast, final

import numpy as np
from numpy.typing import ArrayLike

from hwbench.arrays import Codes, FloatArray
from hwbench.errors import ShapeError, UnknownNameError
from hwbench.search.evaluator import Evaluation, Evaluator, objective_columns
from hwbench.search.problem import Problem, ProblemError, column_name
from hwbench.spaces import Space
from hwbench.spaces.gpt_costs import flops, params
from hwbench.supernet.evaluation import Quality, evaluate

if TYPE_CHECKING:
    from hwbench.benchmark import Benchmark
    from hwbench.data.text import Part
    from hwbench.supernet.running import Precision
    from hwbench.supernet.runs import SupernetRun

__all__ = ["Questions", "SupernetEvaluator"]

_INHERITED: Final = ("perplexity", "accuracy")
_COUNTED: Final = ("params", "flops")


@final
class Questions:
    """What a supernet can be asked, in the words of a benchmark; for `Problem.parse`.

    Args:
        space: Space of the supernet.
        bench: Answers for devices, if there is one.

    Raises:
        ProblemError: If the benchmark is about other choices.
    """

    def __init__(self, space: Space, bench: Benchmark | None = None, /) -> None:
        if bench is not None and not _same_choices(space, bench.space):
            raise ProblemError(f"the supernet is of {space.name}, the benchmark of {bench.name}")
        self.space: Final = space
        self.bench: Final = bench

    @property
    def name(self) -> str:
        """Name of the space."""
        return self.space.name

    @property
    def devices(self) -> tuple[str, ...]:
        """Devices of the benchmark."""
        return () if self.bench is None else self.bench.devices

    def device(self, name: str, /) -> object:
        """Look a device up.

        Raises:
            UnknownNameError: If there is none of that name.
        """
        if self.bench is None:
            raise UnknownNameError(
                f"a supernet alone knows no device {name!r}; name a bundle that does"
            )
        return self.bench.device(name)

    def cell(self, metric: str, device: str | None = None, /) -> None:
        """Check that a metric can be answered.

        Raises:
            UnknownNameError: If it cannot.
        """
        known = (*_INHERITED, *_COUNTED)
        if device is not None:
            self.device(device)
            cast("Benchmark", self.bench).cell(metric, device)
        elif metric not in known:
            raise UnknownNameError.of("metric of a supernet", metric, known)

    def parse(self, **words: object) -> Problem:
        """Read what a person types, as `Problem.parse` does."""
        # Reading needs space, devices, device() and cell() alone, not predictions.
        return Problem.parse(cast("Benchmark", self), **words)  # type: ignore[arg-type]


@final
class SupernetEvaluator(Evaluator):
    """Asks a supernet.

    Losses are pooled over tokens; FLOPs are those of one sequence of the context that the run was
    trained at; parameters are those of the subnet as it is extracted.

    Args:
        run: A trained supernet.
        problem: The problem, on its space.
        rows: Sequences of text for an evaluation in full.
        part: Which text; its training never saw it.
        batches: Fidelities: at fidelity k an evaluation reads k of so many equal shares of text.
        bench: Answers for devices.
        precision: Number format.

    Raises:
        ProblemError: If the problem is about another space, or a limit has a confidence.
        UnknownNameError: If a metric or device cannot be answered.
        ShapeError: If there are fewer rows than batches.
    """

    def __init__(
        self,
        run: SupernetRun,
        problem: Problem,
        /,
        *,
        rows: int = 200,
        part: Part = "validation",
        batches: int = 1,
        bench: Benchmark | None = None,
        precision: Precision = "fp32",
    ) -> None:
        if not _same_choices(problem.space, run.space):
            raise ProblemError(f"the problem is about {problem.space.name}, not {run.space.name}")
        if any(limit.confidence is not None for limit in problem.limits):
            raise ProblemError("inherited weights hold no limit at a confidence; use a margin")
        questions = Questions(run.space, bench)
        for column in problem.columns:
            questions.cell(*column)
        corpus, context = run.corpus(), run.card.training.context
        self._text: Final = corpus.windows(part, context=context).rows(rows)
        if not 1 <= batches <= len(self._text):
            raise ShapeError(f"expected 1 to {len(self._text)} batches of text, got {batches}")
        self.run: Final = run
        self._problem: Final = problem
        self._bench: Final = bench
        self._batches: Final = batches
        self._context: Final = context
        self._precision: Final[Precision] = precision
        self._identity: Final = {
            "supernet": run.subject,
            "text": corpus.key,
            "part": part,
            "rows": len(self._text),
            "context": context,
            "precision": precision,
            "batches": batches,
        } | ({} if bench is None else {"benchmark": bench.name, "sha256": bench.sha256})

    @property
    def problem(self) -> Problem:
        """The problem."""
        return self._problem

    @property
    def identity(self) -> Mapping[str, object]:
        """Which weights, which text, how much of it."""
        return self._identity

    @property
    def most(self) -> int | None:
        """The number of batches; None for a single one."""
        return self._batches if self._batches > 1 else None

    @property
    def tokens(self) -> int:
        """Tokens that an evaluation in full predicts."""
        return len(self._text) * self._context

    def evaluate(
        self, codes: ArrayLike, /, *, fidelity: int | None = None, seed: int = 0
    ) -> Evaluation:
        """See `Evaluator.evaluate`; the fidelity is the number of batches of text."""
        if fidelity is not None and not (self.most and 1 <= fidelity <= self.most):
            raise ProblemError(f"cannot evaluate at fidelity {fidelity} of {self._batches}")
        checked = self.space.canonical(codes)
        if checked.ndim != 2:
            raise ShapeError(f"codes need shape (n, {self.space.n_choices}), got {checked.shape}")
        values = self._values(checked, fidelity or self._batches)
        return Evaluation(
            objective_columns(self._problem.objectives, values),
            self.broken(checked, values).sum(axis=1),
            values,
        )

    def qualities(self, codes: ArrayLike, /, *, fidelity: int | None = None) -> list[Quality]:
        """Run subnets on the text; one result each."""
        share = fidelity or self._batches
        # Every k-th row of the text, so that less of it still is from everywhere.
        kept = np.arange(len(self._text)) % self._batches < share
        return [
            evaluate(self.run.network, arch, self._text[kept], precision=self._precision)
            for arch in self.space.decode(codes)
        ]

    def _values(self, codes: Codes, fidelity: int) -> dict[str, FloatArray]:
        space = self.run.space
        found: dict[str, FloatArray] = {}
        columns = self._problem.columns
        if any(metric in _INHERITED for metric, _ in columns):
            qualities = self.qualities(codes, fidelity=fidelity)
            for name in _INHERITED:
                found[name] = np.array([getattr(q, name) for q in qualities], dtype=np.float64)
        found["params"] = params(space, codes).astype(np.float64)
        found["flops"] = flops(space, codes, sequence_length=self._context).astype(np.float64)
        for column in columns:
            if column[1] is not None and self._bench is not None:
                found[column_name(*column)] = self._bench.predict_many(codes, [column])[:, 0]
        return {column_name(*column): found[column_name(*column)] for column in columns}


def _same_choices(one: Space, two: Space) -> bool:
    return (one.name, one.shared, one.layered) == (two.name, two.shared, two.layered)
