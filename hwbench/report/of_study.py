"""The report of a study: a chapter a problem, figures of each method, and the ranking in words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from hwbench.errors import DataError
from hwbench.report.chapter import Chapter, Report
from hwbench.search.ranking import Ranking
from hwbench.search.study import Outcome
from hwbench.search.study.layout import STUDY, read_json
from hwbench.search.study.outcome import Judge

__all__ = ["read_study"]

_TITLES = {
    "hypervolume": "hypervolume %",
    "igd_plus": "IGD+",
    "epsilon": "epsilon",
    "regret": "regret %",
}
_PERCENT = frozenset({"hypervolume", "regret"})


def read_study(source: Path, /, *, bundle: str | Path | None = None) -> Report:
    """Read the folder of a study.

    Args:
        source: The folder.
        bundle: Where the benchmark lies, if the study has one only and it has moved.

    Raises:
        DataError: If there is no finished run, or another bundle.
        SchemaError: If it cannot be read.
    """
    names = read_json(source / STUDY)["bundles"]
    if bundle is not None and len(names) > 1:
        raise DataError("--bundle is for studies of one benchmark")
    outcome = Outcome.load(source, bundles={} if bundle is None else dict.fromkeys(names, bundle))
    results = outcome.results()
    ranking = outcome.ranking(results)
    return Report(
        f"Study {outcome.study.name}",
        tuple(_chapter(judge) for judge in outcome.judges),
        _note(outcome, len(results)),
        "" if ranking is None else sentence(ranking),
        {judge.posed.label: _figures(judge, results) for judge in outcome.judges},
    )


def sentence(ranking: Ranking, /) -> str:
    """Say who is better, by mean rank over the problems, and what is no difference."""
    ranks = ", ".join(f"{name} {value:.2f}" for name, value in ranking.mean_ranks.items())
    text = f"Mean rank over {ranking.n_problems} problems, 1 is best: {ranks}."
    if ranking.critical_difference is not None:
        text += f" Critical difference {ranking.critical_difference:.2f} (Nemenyi)."
    if not ranking.testable:
        text += " The problems are too few for tests of pairs."
    elif ranking.groups:
        alike = "; ".join(", ".join(group) for group in ranking.groups)
        text += f" Not told apart (Wilcoxon, Holm, {ranking.alpha:g}): {alike}."
    return text


def _chapter(judge: Judge) -> Chapter:
    codes = judge.proof.codes
    exact = None if codes is None or not len(codes) else codes
    problem = judge.posed.problem
    return Chapter(judge.posed.label, judge.evaluator.bench, problem, judge.runs, exact)


def _figures(judge: Judge, results: pd.DataFrame) -> Mapping[str, Mapping[str, str]]:
    own = results[results["problem"] == judge.posed.label]
    return {
        str(method): {title: _figure(rows[name], name) for name, title in _TITLES.items()}
        for method, rows in own.groupby("method", sort=False)
    }


def _figure(values: pd.Series, name: str) -> str:
    middle = float(values.median())
    if not np.isfinite(middle):
        return "-"
    return f"{middle * 100:.2f}" if name in _PERCENT else f"{middle:.4f}"


def _note(outcome: Outcome, runs: int) -> str:
    study = outcome.study
    text = (
        f"{runs} runs: {len(study.methods)} methods, {len(study.seeds)} seeds, "
        f"{study.budget} evaluations each; figures are medians over the seeds, bands quartiles."
    )
    return f"{study.description} {text}".strip()
