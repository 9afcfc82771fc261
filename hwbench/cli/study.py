"""`hwbench study`: compare search methods over seeds, problems and devices."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hwbench.cli._output import Column, command, json_option, write_json, write_table
from hwbench.errors import require

if TYPE_CHECKING:
    from hwbench.search.study import Progress

__all__ = ["study"]


@click.group("study")
def study() -> None:
    """Compare search methods over seeds, problems and devices."""


@command(
    "run",
    examples=[
        "hwbench study run search/paper-2d.toml --jobs 2",
        "hwbench study run search/everyday.toml --out everyday/ --json",
        "hwbench study run search/paper-2d.toml --problem latency --seeds 3",
    ],
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the results; what is finished there is kept.  [default: runs/NAME]",
)
@click.option(
    "--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Runs at a time."
)
@click.option(
    "--backend",
    default="processes",
    show_default=True,
    metavar="NAME",
    help="Who runs them: processes here, which Ctrl-C ends for certain; a Dask or Ray cluster "
    "(dask, ray); or joblib's loky or threading.",
)
@click.option(
    "--problem",
    "problems",
    metavar="NAME",
    multiple=True,
    help="Only this problem; may be given again.",
)
@click.option(
    "--method",
    "methods",
    metavar="NAME",
    multiple=True,
    help="Only this method; may be given again.",
)
@click.option("--seeds", type=click.IntRange(min=1), help="Only the first seeds.")
@json_option
def run(
    file: Path,
    out: Path | None,
    jobs: int,
    backend: str,
    problems: tuple[str, ...],
    methods: tuple[str, ...],
    seeds: int | None,
    as_json: bool,
) -> None:
    """Run what is missing of a study, and sum it up.

    FILE is a study file such as those in search/. Each run is a pure function of the bundle, the
    problem, the method and the seed. Interrupt it and run it again: it goes on. Writes results and
    curves as tables, and summary.json, to the folder.
    """
    from hwbench.search.study import Outcome, Study, execute, write_results

    asked = Study.read(file).only(problems=problems, methods=methods, seeds=seeds)
    for module in ("moocore", "scipy.stats"):  # for the summary: say so before the runs, not after
        require(module, "search")
    folder = out or Path("runs") / asked.name
    began = time.perf_counter()
    execute(asked, folder, jobs=jobs, backend=backend, progress=_progress)
    summary = write_results(Outcome.load(folder), folder)
    seconds = time.perf_counter() - began
    if as_json:
        write_json({"out": str(folder), "seconds": seconds, **summary})
        return
    _write(summary)
    click.echo(f"\nwrote {folder} in {seconds:.1f} s; hwbench report {folder} shows it", err=True)


@command(
    "compare-table",
    examples=[
        "hwbench study compare-table tables/ gpt-s --device h100 --minimize perplexity,latency",
        "hwbench study compare-table tables/ gpt-s --minimize perplexity,params --seeds 3 --json",
    ],
)
@click.argument("tables", type=click.Path(file_okay=False, path_type=Path))
@click.argument("bundle")
@click.option(
    "--device",
    "devices",
    metavar="NAME",
    multiple=True,
    help="Where metrics without @DEVICE are meant.",
)
@click.option(
    "--minimize", metavar="METRICS", multiple=True, help="perplexity,latency or latency@h100."
)
@click.option("--maximize", metavar="METRICS", multiple=True, help="accuracy.")
@click.option(
    "--method",
    "methods",
    metavar="NAME",
    multiple=True,
    default=["rs", "ls", "nsga2", "morea"],
    show_default=True,
    help="A method; may be given again.",
)
@click.option(
    "--budget",
    type=click.IntRange(min=1),
    default=500,
    show_default=True,
    help="Evaluations a run.",
)
@click.option(
    "--seeds", type=click.IntRange(min=1), default=10, show_default=True, help="Runs a method."
)
@json_option
def compare_table(
    tables: Path,
    bundle: str,
    devices: tuple[str, ...],
    minimize: tuple[str, ...],
    maximize: tuple[str, ...],
    methods: tuple[str, ...],
    budget: int,
    seeds: int,
    as_json: bool,
) -> None:
    """Search on measurements and on the surrogate, and compare.

    TABLES is a folder of measured tables, BUNDLE the benchmark. Both search among the architectures
    of the tables; hypervolumes are shares of the best front among them.
    """
    from hwbench.benchmark import load
    from hwbench.data import load_tables
    from hwbench.search import Problem
    from hwbench.search.study.against_table import WAYS
    from hwbench.search.study.against_table import compare_table as compare

    bench = load(bundle)
    problem = Problem.parse(bench, minimize=minimize, maximize=maximize, devices=devices)
    needed = set(problem.columns)
    found = compare(
        [
            table
            for table in load_tables(tables, space=bench.space.name)
            if (table.metric, table.device) in needed
        ],
        bench,
        problem,
        methods=methods,
        budget=budget,
        seeds=range(seeds),
    )
    if as_json:
        write_json({"problem": str(problem), **found.to_dict()})
        return
    columns = [Column("method"), *(Column(f"{way} %", "right") for way in WAYS)]
    rows = [
        [m, *(_text(float(found.medians(m, way)[-1])) for way in WAYS), _text(found.gap(m))]
        for m in methods
    ]
    write_table([*columns, Column("greatest gap %", "right")], rows)
    tau = found.agreement()
    words = f"{problem}: {found.n_architectures} measured architectures, {seeds} seeds"
    agreement = "" if tau is None else f"; tau of the methods' order {tau:.2f}"
    click.echo(f"\n{words}, hypervolume after {budget} evaluations{agreement}")


study.add_command(run)
study.add_command(compare_table)


def _progress(progress: Progress) -> None:
    """Write one line that is overwritten on a terminal; each tenth part elsewhere."""
    line = f"{progress.done}/{progress.total} runs  {progress.last}"
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[K{line}", nl=progress.done == progress.total, err=True)
    elif progress.done % max(progress.total // 10, 1) == 0 and "solved" not in progress.last:
        click.echo(line, err=True)


def _write(summary: Mapping[str, Any]) -> None:
    rows = []
    for label, problem in summary["problems"].items():
        for method, found in problem["methods"].items():
            middle = {name: _text(found[name][1]) for name in ("hypervolume", "regret")}
            epsilon = found["epsilon"][1]
            rows.append([label, method, found["runs"], *middle.values(), _plain(epsilon)])
    titles = ["runs", "hypervolume %", "regret %", "epsilon"]
    write_table(
        [Column("problem"), Column("method"), *(Column(title, "right") for title in titles)], rows
    )
    ranking = summary["ranking"]
    if ranking is not None:
        click.echo()
        columns = [Column("method"), Column("mean rank", "right")]
        write_table(columns, [[m, f"{r:.2f}"] for m, r in ranking["mean_ranks"].items()])
        click.echo(_tests(ranking))


def _tests(ranking: Mapping[str, Any]) -> str:
    words = [f"over {ranking['n_problems']} problems, by the median of the seeds"]
    if ranking["friedman_p"] is not None:
        words.append(f"Friedman p = {ranking['friedman_p']:.2g}")
    if ranking["critical_difference"] is not None:
        words.append(f"critical difference {ranking['critical_difference']:.2f}")
    if not ranking["testable"]:
        words.append("too few for tests of pairs")
    elif ranking["groups"]:
        alike = "; ".join(", ".join(group) for group in ranking["groups"])
        words.append(f"not told apart: {alike}")
    return ", ".join(words)


def _text(share: float | None) -> str | None:
    return None if share is None else f"{share * 100:.3f}"


def _plain(value: float | None) -> str | None:
    return None if value is None else f"{value:.4f}"
