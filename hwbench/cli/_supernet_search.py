"""`hwbench supernet search`: the best subnets by the weights they inherit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from hwbench.cli._output import command, json_option
from hwbench.cli._settings import evaluations_bar, read_pairs
from hwbench.cli._supernet import require_torch
from hwbench.cli._supernet_found import keep_best, write_search
from hwbench.cli._supernet_options import (
    DEVICE,
    DRAWS,
    FOLDER,
    POSITIVE,
    precision_option,
    rows_option,
)
from hwbench.search.methods import registry

if TYPE_CHECKING:
    from hwbench.data.text import Part
    from hwbench.search.supernet_evaluator import SupernetEvaluator
    from hwbench.supernet.running import Precision

__all__ = ["search"]

_NO_ANSWER = 1
_BATCHES = 9  # of methods that ask at several fidelities


@command(
    "search",
    examples=[
        "hwbench supernet search runs/spos --method spos-es --budget 1000",
        "hwbench supernet search runs/spos --max params=150k --budget 500",
        "hwbench supernet search runs/spos --method nsga2 --minimize perplexity,params",
        "hwbench supernet search runs/s --bundle gpt-s --max latency@h100=8ms",
    ],
)
@FOLDER
@click.option(
    "--method",
    type=click.Choice(list(registry.names())),
    default="spos-es",
    show_default=True,
    help="How to search.",
)
@click.option(
    "--budget", type=POSITIVE, default=1000, show_default=True, help="Distinct subnets to run."
)
@click.option(
    "--minimize", multiple=True, metavar="METRICS", help="perplexity,params.  [default: perplexity]"
)
@click.option("--maximize", multiple=True, metavar="METRICS", help="accuracy.")
@click.option("--max", "upper", multiple=True, metavar="LIMIT", help="params=150k.")
@click.option("--min", "lower", multiple=True, metavar="LIMIT", help="accuracy=0.4.")
@click.option("--fix", multiple=True, metavar="CHOICE", help="embed_dim=64 or mlp_ratio=2,4.")
@click.option(
    "--margin",
    type=float,
    default=0.0,
    metavar="SHARE",
    help="Stay this far from each limit: 0.05 is 5 %.",
)
@click.option(
    "--bundle", help="A benchmark of the same space, for limits such as latency@h100=8ms."
)
@rows_option(200)
@click.option(
    "--part",
    type=click.Choice(["validation", "architecture"]),
    default="validation",
    show_default=True,
    help="Which text.",
)
@DRAWS
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="A setting of the method."
)
@precision_option("fp32")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the journal and the result.  [default: in the folder of the run]",
)
@DEVICE
@json_option
def search(
    folder: Path,
    method: str,
    budget: int,
    settings: tuple[str, ...],
    seed: int,
    out: Path | None,
    device: str,
    as_json: bool,
    **words: Any,
) -> int:
    """Search the subnets with the weights they inherit.

    FOLDER is the folder of a run. What is found is kept there as best.json, which `retrain` and
    `extract` know as `best`. Interrupt it and run the same line again: it goes on where it stopped.
    The exit code is 1 if no subnet keeps the limits: then the closest one is shown.
    """
    require_torch()
    from hwbench.search import run as run_search
    from hwbench.supernet.runs import open_run
    from hwbench.supernet.training import processes

    with processes(device) as own:
        run = open_run(folder, device=own.device)
    evaluator = _evaluator(run, batches=_BATCHES if method == "moasha" else 1, **words)
    place = out or folder / "search" / _name(evaluator, method, seed)
    with evaluations_bar(budget, "subnets") as told:
        found = run_search(
            evaluator,
            method,
            budget=budget,
            seed=seed,
            settings=registry.read_settings(method, read_pairs(settings)),
            out=place,
            progress=told,
        )
    keep_best(found, run, place)
    facts = {"tokens each": evaluator.tokens, "weights": run.subject}
    write_search(found, place, facts, as_json=as_json)
    return 0 if len(found.front()) else _NO_ANSWER


def _evaluator(
    run: Any,
    *,
    batches: int,
    bundle: str | None,
    rows: int,
    part: str,
    precision: str,
    minimize: tuple[str, ...],
    maximize: tuple[str, ...],
    upper: tuple[str, ...],
    lower: tuple[str, ...],
    fix: tuple[str, ...],
    margin: float,
) -> SupernetEvaluator:
    from hwbench.benchmark import load
    from hwbench.search.supernet_evaluator import Questions, SupernetEvaluator

    bench = None if bundle is None else load(bundle)
    problem = Questions(run.space, bench).parse(
        minimize=minimize or (() if maximize else ("perplexity",)),
        maximize=maximize,
        max=upper,
        min=lower,
        fix=fix,
        margin=margin,
    )
    return SupernetEvaluator(
        run,
        problem,
        rows=rows,
        part=cast("Part", part),
        batches=batches,
        bench=bench,
        precision=cast("Precision", precision),
    )


def _name(evaluator: SupernetEvaluator, method: str, seed: int) -> str:
    weights = str(evaluator.identity["supernet"]).split()[-1][:8]
    return f"{method}-s{seed}-{evaluator.problem.fingerprint()[:8]}-{weights}"
