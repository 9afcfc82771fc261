"""How well a device is known after few measurements, with all the others as prior.

    python benchmarks/few_shot.py TABLES [--quick] [--json FILE]

Each published device is left out in turn: neither its surrogate nor its scatter enters the prior.
From its raw rows, n are taken as if they had been measured, at random or by the design, from all
visits but the last; the last visit is what predictions are scored on. Each row is one architecture
measured once (the median of its repeats), in a visit of months ago: a campaign of ten rows of one
hour would drift less. Two intervals are checked, each on what it speaks of: the one for the visits
that were measured on their other rows, the one for another visit on the last.

tau is Kendall's, against what was measured; "drift-free" divides that by the drift of the rows'
neighbours in time. "full" is the surrogate of the bundle, fitted to all rows of the device, those
of the last visit included: no few-shot surrogate can be expected above it.
"""

import argparse
import json
import time
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from hwbench.benchmark.bundle import Bundle
from hwbench.benchmark.known_devices import noises_for, prior_of
from hwbench.benchmark.loading import SHIPPED, load_bundle
from hwbench.data import Table, load_tables
from hwbench.surrogates.fewshot.design import choose
from hwbench.surrogates.fewshot.intervals import uncertainty_of
from hwbench.surrogates.fewshot.posterior import FewShot, fit
from hwbench.surrogates.fitting.figures import drift_of, limits
from hwbench.surrogates.fitting.measured import Measured
from hwbench.surrogates.fitting.splits import Held
from hwbench.surrogates.scores import coverage, kendall
from hwbench.surrogates.uncertainty import Uncertainty, Visit

DRAWS = {5: 2, 10: 3, 20: 1, 50: 1, 100: 1}
"""Measured architectures -> how often they are drawn."""

CANDIDATES = 500


@dataclass(frozen=True)
class Score:
    """One device after n measurements, mean over draws; errors and coverage in per cent."""

    space: str
    metric: str
    device: str
    kind: str
    n: int
    how: str
    tau: float
    tau_drift_free: float
    mape: float
    covered_90: float
    covered_90_new: float


def score(bundle: Bundle, table: Table, numbers: dict[int, int]) -> Iterator[Score]:
    kind = next(d.kind for d in bundle.devices if d.name == table.device)
    data = Measured.of(table, bundle.space)
    last = data.session == data.session.max()
    pool, unseen = np.flatnonzero(~last), data.select(last)
    cell = bundle.cell(table.metric, table.device)
    assert cell is not None
    full = cell.model.predict(unseen.codes)  # type: ignore[call-arg,arg-type]  # a surrogate
    held = Held(np.zeros(len(unseen), dtype=np.int64), full, np.zeros(len(unseen)))
    free = unseen.y * np.exp(-drift_of(unseen, held))
    prior = prior_of(bundle, table.metric, kind=kind, without=table.device)
    noises = noises_for(bundle, table.metric, kind=kind, without=table.device)
    assert prior is not None

    def scored(n: int, how: str, predicted: np.ndarray, inside: list[float]) -> Score:
        error = 100 * float(np.mean(np.abs(predicted / unseen.y - 1.0)))
        taus = kendall(unseen.y, predicted), kendall(free, predicted)
        names = table.space, table.metric, str(table.device), kind
        return Score(*names, n, how, *taus, error, *inside)

    yield scored(len(data), "full", full, [float("nan")] * 2)
    rng = np.random.default_rng(zlib.crc32(f"{table.space}{table.device}".encode()))
    for n, draws in numbers.items():
        for how in ("random", "design"):
            found = []
            for _ in range(draws):
                rows = rng.choice(pool, n if how == "random" else CANDIDATES, replace=False)
                if how == "design":
                    rows = rows[choose([prior], data.codes[rows], n).rows]
                seen = data.select(rows)
                known = fit(prior, seen.codes, seen.y, noises=noises)
                spread = uncertainty_of(known, seen.repeats, seen.y)
                beside = data.select(np.setdiff1d(pool, rows))
                inside = [
                    _inside(known, spread, beside, "measured"),
                    _inside(known, spread, unseen, "new"),
                ]
                found.append(scored(n, how, known.predictor().predict(unseen.codes), inside))
            yield _mean(found)


def _inside(known: FewShot, spread: Uncertainty, rows: Measured, visit: Visit) -> float:
    """Per cent of rows inside their 90 % interval."""
    predicted = known.predictor().predict(rows.codes)
    low, high = limits(spread, rows, predicted, level=0.9, visit=visit)
    return 100 * coverage(rows.y, low, high)


def _mean(found: list[Score]) -> Score:
    values = [asdict(one) for one in found]
    means = {
        key: float(np.mean([v[key] for v in values])) if isinstance(value, float) else value
        for key, value in values[0].items()
    }
    return Score(**means)


def medians(scores: list[Score]) -> list[dict[str, object]]:
    """Median over devices of one kind, space and metric."""
    keys = list(dict.fromkeys((s.space, s.metric, s.kind, _n(s), s.how) for s in scores))
    lines = []
    for key in keys:
        same = [s for s in scores if (s.space, s.metric, s.kind, _n(s), s.how) == key]
        names = ("tau", "tau_drift_free", "mape", "covered_90", "covered_90_new")
        figures = {
            name: round(float(np.median([getattr(s, name) for s in same])), 4) for name in names
        }
        parts = dict(zip(("space", "metric", "kind", "n", "how"), key, strict=True))
        lines.append({**parts, "devices": len(same), **figures})
    return lines


def _n(score: Score) -> int:
    return 0 if score.how == "full" else score.n


def row(line: dict[str, object]) -> str:
    """Write a line of `medians` as a row of a Markdown table."""
    metric = str(line["metric"]).partition("_")[0]
    n = line["n"] or "all"
    figures = [f"{line['tau']:.4f}", f"{line['tau_drift_free']:.4f}", f"{line['mape']:.2f}"]
    inside = [line["covered_90"], line["covered_90_new"]]
    figures += [f"{share:.0f}" if n != "all" else "-" for share in inside]
    cells = (f"{line['space']} {metric}, {str(line['kind']).upper()}s", n, line["how"])
    return f"| {' | '.join(map(str, (*cells, line['devices'], *figures)))} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", type=Path)
    parser.add_argument("--quick", action="store_true", help="latency of GPUs, gpt-s, n = 10")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    begin, scores = time.process_time(), []
    for space in ("gpt-s",) if options.quick else ("gpt-s", "gpt-m", "gpt-l"):
        bundle = load_bundle(SHIPPED / space)[0]
        for metric in ("latency_s",) if options.quick else ("latency_s", "energy_j"):
            for table in load_tables(options.tables, space=space, metric=metric):
                cpu = str(table.device).startswith("cpu")
                if table.device is None or (options.quick and cpu):
                    continue
                scores += score(bundle, table, {10: 3} if options.quick else DRAWS)
            lines = medians([s for s in scores if (s.space, s.metric) == (space, metric)])
            for line in lines:
                print(row(line), flush=True)
    seconds = time.process_time() - begin
    print(f"{seconds:.0f} s of one core")
    if options.json:
        content = {
            "seconds": round(seconds),
            "draws": DRAWS,
            "medians": medians(scores),
            "devices": [
                {k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(s).items()}
                for s in scores
            ],
        }
        text = json.dumps(content, indent=None).replace("}, {", "},\n{").replace("NaN", "null")
        options.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
