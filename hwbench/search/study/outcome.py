"""What came out of a study: indicators of every run, medians over seeds, ranks over problems.

Objectives are scaled by the best front known (the exact one where there is a proof, else what all
runs found together) and hypervolumes given as a share of its hypervolume.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from hwbench.arrays import FloatArray
from hwbench.benchmark import Benchmark, load
from hwbench.errors import DataError
from hwbench.search import indicators
from hwbench.search.dominance import non_dominated
from hwbench.search.evaluator import BenchmarkEvaluator
from hwbench.search.indicators import Scale
from hwbench.search.ranking import Ranking, rank
from hwbench.search.run import ARRAYS, Run
from hwbench.search.study import layout
from hwbench.search.study.plan import Posed, Study
from hwbench.search.study.proof import Proof
from hwbench.search.study.traces import run_regret, run_trace, truth

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["INDICATORS", "Judge", "Outcome"]

INDICATORS: Final = ("hypervolume", "igd_plus", "epsilon", "regret")
"""Columns of the results. Of several objectives: hypervolume as a share, and regret is what it
lacks of the exact front's. Of one: only regret, the relative distance to the exact optimum. Regret
is NaN where there is no proof."""


@dataclass(frozen=True, eq=False)
class Judge:
    """Measures the runs of one problem on one scale.

    Attributes:
        posed: The problem.
        evaluator: It, without noise.
        proof: What is known for certain.
        runs: All runs of it that are finished.
        best: `n x m` objectives of the best front known.
    """

    posed: Posed
    evaluator: BenchmarkEvaluator
    proof: Proof
    runs: tuple[Run, ...]
    best: FloatArray

    @classmethod
    def of(cls, posed: Posed, bench: Benchmark, proof: Proof, runs: tuple[Run, ...]) -> Judge:
        """Take the exact front as the best one; else what all runs found."""
        evaluator = BenchmarkEvaluator(bench, posed.problem)
        if proof.codes is not None and len(proof.codes):
            return cls(posed, evaluator, proof, runs, evaluator.evaluate(proof.codes).objectives)
        found = np.concatenate([_feasible(run, evaluator) for run in runs])
        return cls(posed, evaluator, proof, runs, found[non_dominated(found)])

    def rows(self) -> list[dict[str, object]]:
        """Return one row of indicators a run."""
        return [self._row(run) for run in self.runs]

    def curves(self) -> list[dict[str, object]]:
        """Return one row a run and checkpoint: hypervolume share, and regret of one objective."""
        found: list[dict[str, object]] = []
        for run in self.runs:
            at = indicators.checkpoints(run.budget)
            columns = {"hypervolume": self._shares(run, at), "regret": self._regrets(run, at)}
            for k, n in enumerate(at.tolist()):
                own = {name: float(values[k]) for name, values in columns.items()}
                found.append({**_name(self.posed, run), "evaluations": n, **own})
        return found

    def _row(self, run: Run) -> dict[str, object]:
        last = np.array([run.budget])
        points = _feasible(run, self.evaluator)
        front = points[non_dominated(points)]
        row: dict[str, object] = {**_name(self.posed, run), "evaluations": len(run)}
        row |= {"calls": run.calls, "front": len(front)}
        row["hypervolume"] = float(self._shares(run, last)[0])
        scaled = self._scale(front) if len(self.best) else front
        target = self._scale(self.best) if len(self.best) else None
        for name, indicator in (("igd_plus", indicators.igd_plus), ("epsilon", indicators.epsilon)):
            single = len(self.posed.problem.objectives) == 1
            row[name] = np.nan if single or target is None else indicator(scaled, front=target)
        row["regret"] = float(self._regrets(run, last)[0])
        return row

    @property
    def _scale(self) -> Scale:
        return Scale.of(self.best)

    def _shares(self, run: Run, at: Any) -> FloatArray:
        if len(self.posed.problem.objectives) == 1:
            return np.full(len(at), np.nan)
        if not len(self.best):
            return np.zeros(len(at))
        scale = self._scale
        whole = indicators.hypervolume(scale(self.best), ref=scale.ref)
        shares: FloatArray = run_trace(run, self.evaluator, scale, at) / whole
        return shares

    def _regrets(self, run: Run, at: Any) -> FloatArray:
        if self.proof.codes is None or not len(self.best):
            return np.full(len(at), np.nan)
        if len(self.posed.problem.objectives) > 1:
            missing: FloatArray = 1.0 - self._shares(run, at)
            return missing
        return run_regret(run, self.evaluator, float(self.best[0, 0]), at)


@dataclass(frozen=True, eq=False)
class Outcome:
    """A study with the runs that are finished.

    Attributes:
        study: What was asked.
        judges: One for each problem that has a run.
    """

    study: Study
    judges: tuple[Judge, ...]

    @classmethod
    def load(
        cls, out: str | Path, /, *, bundles: Mapping[str, str | Path] | None = None
    ) -> Outcome:
        """Read the folder of a study.

        Args:
            out: The folder.
            bundles: Name as in the study -> where that bundle lies now, if it has moved.

        Raises:
            SchemaError: If it cannot be read.
            DataError: If there is no finished run, or a bundle is not the one that was asked.
        """
        folder = Path(out)
        record = layout.read_json(folder / layout.STUDY)
        study = Study.from_dict(record["study"])
        benches = {name: load((bundles or {}).get(name, name)) for name in study.benchmarks}
        for name, bench in benches.items():
            if record["bundles"].get(name) != bench.sha256:
                raise DataError(f"the study asked another bundle than the {name} that is here")
        judges = []
        for posed in study.posed(benches):
            bench = benches[posed.bundle]
            runs = tuple(_runs(folder, study, posed, bench))
            if runs:
                proof = Proof.obtain(folder, posed, bench)
                judges.append(Judge.of(posed, bench, proof, runs))
        if not judges:
            raise DataError(f"{folder} holds no finished run")
        return cls(study, tuple(judges))

    def results(self) -> pd.DataFrame:
        """Return one row a run."""
        import pandas as pd

        return pd.DataFrame([row for judge in self.judges for row in judge.rows()])

    def curves(self) -> pd.DataFrame:
        """Return one row a run and checkpoint."""
        import pandas as pd

        return pd.DataFrame([row for judge in self.judges for row in judge.curves()])

    def ranking(self, results: pd.DataFrame, /) -> Ranking | None:
        """Rank the methods by their median hypervolume over the problems that all have runs of.

        Problems of one objective rank by regret. None if no problem has runs of all methods.
        """
        better = results["hypervolume"].where(~results["problem"].isin(self._single()))
        score = better.fillna(-results["regret"])
        table = score.groupby([results["problem"], results["method"]]).median().unstack("method")
        table = table.dropna()
        if not len(table):
            return None
        scores = {str(name): table[name].to_numpy() for name in table}
        return rank(scores, higher_is_better=True)

    def summary(self, results: pd.DataFrame, /) -> dict[str, object]:
        """Return medians and quartiles of the indicators by problem and method, and the ranking."""
        problems = {judge.posed.label: self._problem(judge, results) for judge in self.judges}
        ranking = self.ranking(results)
        return {
            "study": self.study.name,
            "runs": len(results),
            "complete": len(results) == len(self.judges) * self._runs_each,
            "problems": problems,
            "ranking": None if ranking is None else ranking.to_dict(),
        }

    @property
    def _runs_each(self) -> int:
        return len(self.study.methods) * len(self.study.seeds)

    def _single(self) -> list[str]:
        return [j.posed.label for j in self.judges if len(j.posed.problem.objectives) == 1]

    def _problem(self, judge: Judge, results: pd.DataFrame) -> dict[str, object]:
        own = results[results["problem"] == judge.posed.label]
        methods = {}
        for method, rows in own.groupby("method", sort=False):
            quartiles = {
                name: [_plain(q) for q in np.percentile(rows[name].to_numpy(), [25, 50, 75])]
                for name in INDICATORS
            }
            methods[str(method)] = {"runs": len(rows), **quartiles}
        return {
            "text": str(judge.posed.problem),
            "problem": judge.posed.problem.to_dict(),
            "proof": judge.proof.words,
            "proven": judge.proof.codes is not None,
            "front": len(judge.best),
            "methods": methods,
        }


def _runs(folder: Path, study: Study, posed: Posed, bench: Benchmark) -> list[Run]:
    places = [
        layout.run_folder(folder, posed.label, method, seed)
        for method in study.methods
        for seed in study.seeds
    ]
    return [Run.load(p, space=bench.space) for p in places if (p / ARRAYS).is_file()]


def _feasible(run: Run, evaluator: BenchmarkEvaluator) -> FloatArray:
    objectives, violations = truth(run, evaluator)
    full = run.full
    return objectives[full[violations[full] <= 0.0]]


def _name(posed: Posed, run: Run) -> dict[str, object]:
    return {"problem": posed.label, "method": run.method, "seed": run.seed}


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
