"""What random passes with anchors would have saved on the machines of HW-GPT-Bench.

    python benchmarks/drift_protocol.py TABLES [--windows N] [--json FILE]

Replays campaigns of `hwbench profile` on the disturbances that HW-GPT-Bench's machines really had.
Those are the residuals of its measurements, in the order taken, against the shipped surrogates:
log of measured over predicted. A campaign of 40 architectures in two passes with an anchor every 8
measurements takes as many residuals: in a row ("short": a measurement takes as long as one of
theirs) or spread over a whole visit to the machine ("long": it takes some 25 times as long). As its
architectures have no effect of their own here, whatever level comes out is an error. "published" is
the error of one measurement in HW-GPT-Bench's whole campaign, half the width of its middle 68 %.

Assumed: our measurements disturb the machine no differently than theirs. What the surrogate gets
wrong about an architecture counts as noise, which no protocol can remove: the errors are upper
bounds, and the more so the better the machine was.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

import hwbench
from hwbench import spaces
from hwbench.data import Table, load_tables
from hwbench.profiling import protocols
from hwbench.profiling.drift_session import estimate
from hwbench.profiling.plan import Plan, schedule

SPACES = ("gpt-s", "gpt-m", "gpt-l")
METRICS = ("latency_s", "energy_j")
N = 40
WAYS = ("once", "twice", "corrected", "stated")
LENGTHS = ("short", "long")
COLUMNS = ("published", *(f"{length} {way}" for length in LENGTHS for way in WAYS[:3]))


@dataclass(frozen=True)
class Saved:
    """Errors of architectures' levels on one machine: standard deviations, medians over windows.

    Each of `once` (first pass), `twice` (means of two passes), `corrected` (drift removed) and
    `stated` (the error that the correction claims) for a short campaign and for a long one.
    """

    space: str
    device: str
    kind: str
    metric: str
    windows: int
    autocorrelation: float
    published: float
    short: dict[str, float]
    long: dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", type=Path)
    parser.add_argument("--windows", type=int, default=20)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = []
    print(f"per cent: {', '.join(COLUMNS)}")
    for saved in replay(options.tables, options.windows):
        found.append(saved)
        print(f"{saved.space:6} {saved.metric:10} {saved.device:16}{shares(asdict(saved))}")
    summary = list(sums(found))
    print("\nmedians over devices")
    for line in summary:
        place = f"{line['metric']:10} {line['kind']:4} {line['space']:6} {line['devices']:3}"
        print(place + shares(line))
    if options.json:
        told = {"medians": summary, "devices": [asdict(saved) for saved in found]}
        options.json.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def shares(figures: dict) -> str:
    whole = [figures["published"]]
    whole += [figures[length][name] for length in LENGTHS for name in WAYS[:3]]
    return "".join(f"{100 * x:8.2f}" for x in whole)


def replay(folder: Path, windows: int) -> Iterator[Saved]:
    for space in SPACES:
        bench = hwbench.load(space)
        kinds = {device.name: device.kind for device in bench.bundle.devices}
        archs, anchor = order()
        for metric in METRICS:
            for table in load_tables(folder, space=space, metric=metric):
                if table.device in kinds and metric in bench.metrics(table.device):
                    rest = residuals(table, bench)
                    yield errors(table, kinds[table.device], rest, archs, anchor, windows)


def order() -> tuple[np.ndarray, np.ndarray]:
    """The order of a campaign: number of the architecture, and whether it is an anchor's visit."""
    space = spaces.get("gpt-s")
    texts = tuple(map(str, space.decode(space.sample_codes(N, np.random.default_rng(0)))))
    way = protocols.get("serving", space, "cpu")
    slots = schedule(Plan("gpt-s", "cpu", (way,), texts, texts[:1]))
    numbers = np.array([texts.index(slot.architecture) for slot in slots])
    return numbers, np.array([slot.anchor for slot in slots])


def residuals(table: Table, bench: hwbench.Benchmark) -> list[np.ndarray]:
    """Log of measured over predicted, one array a visit, in the order measured."""
    center = table.center()
    frame = bench.query_many(table.codes, [str(table.device)], metrics=[table.metric])
    logs = np.log(center / frame[table.metric].to_numpy())
    visits = []
    for chunk in np.unique(table.chunk):
        rows = np.flatnonzero((table.chunk == chunk) & np.isfinite(logs))
        visits.append(logs[rows[np.argsort(table.position[rows])]])
    return visits


def errors(
    table: Table,
    kind: str,
    rest: list[np.ndarray],
    archs: np.ndarray,
    anchor: np.ndarray,
    windows: int,
) -> Saved:
    visits = [visit for visit in rest if len(visit) > len(archs)]
    everything = np.concatenate(visits)
    lag = float(np.median([np.corrcoef(v[:-1], v[1:])[0, 1] for v in visits]))
    low, high = np.quantile(everything, [0.16, 0.84])
    lengths = {}
    for name in LENGTHS:
        rng = np.random.default_rng(0)
        made = [
            campaign(draw(visits, len(archs), name, rng), archs, anchor) for _ in range(windows)
        ]
        lengths[name] = dict(zip(WAYS, map(float, np.median(made, axis=0)), strict=True))
    place = (table.space, str(table.device), kind, table.metric, windows)
    return Saved(*place, lag, float(high - low) / 2, lengths["short"], lengths["long"])


def draw(visits: list[np.ndarray], n: int, length: str, rng: np.random.Generator) -> np.ndarray:
    """Take `n` residuals of one visit: in a row, or evenly spread over all of it."""
    visit = visits[rng.integers(len(visits))]
    stride = 1 if length == "short" else len(visit) // n
    start = rng.integers(len(visit) - stride * (n - 1))
    return visit[start : start + stride * n : stride][:n]


def campaign(logs: np.ndarray, archs: np.ndarray, anchor: np.ndarray) -> list[float]:
    """Return the errors of `WAYS` when a campaign meets these disturbances."""
    found = estimate(np.exp(logs), archs, np.arange(len(archs), dtype=float))
    both = np.array([logs[(archs == a) & ~anchor] for a in range(N)])
    levels = (both[:, 0], both.mean(axis=1), np.log(found.levels))
    return [*(float(level.std()) for level in levels), found.level_error]


def sums(found: list[Saved]) -> Iterator[dict[str, object]]:
    for metric in METRICS:
        for kind in ("gpu", "cpu"):
            for space in SPACES:
                own = [s for s in found if (s.metric, s.kind, s.space) == (metric, kind, space)]
                yield {
                    "metric": metric,
                    "kind": kind,
                    "space": space,
                    "devices": len(own),
                    "autocorrelation": float(np.median([s.autocorrelation for s in own])),
                    "published": float(np.median([s.published for s in own])),
                    **{
                        length: {
                            way: float(np.median([getattr(s, length)[way] for s in own]))
                            for way in WAYS
                        }
                        for length in LENGTHS
                    },
                }


if __name__ == "__main__":
    main()
