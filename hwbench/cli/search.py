"""`hwbench search`: the best architectures of a benchmark within limits."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from hwbench.benchmark import load
from hwbench.cli._found import Found, to_dict, write
from hwbench.cli._output import command, json_option, plain
from hwbench.cli._settings import evaluations_bar, read_pairs
from hwbench.cli._solving import EXACT, FALLBACK, from_run, infeasible, solve
from hwbench.search import BenchmarkEvaluator, Problem, ProblemError, run
from hwbench.search.methods import registry
from hwbench.search.problem import Aggregate
from hwbench.surrogates.uncertainty import Noise

__all__ = ["search"]

_NO_ANSWER = 1

_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.argument("bundle"),
    click.option(
        "--device",
        "devices",
        multiple=True,
        metavar="NAME",
        help="Where metrics without @DEVICE are meant; given again, objectives count on the worst "
        "of the devices and limits hold on each.",
    ),
    click.option(
        "--minimize", multiple=True, metavar="METRICS", help="perplexity,latency or latency@h100."
    ),
    click.option("--maximize", multiple=True, metavar="METRICS", help="accuracy."),
    click.option(
        "--max", "upper", multiple=True, metavar="LIMIT", help="latency=8ms or latency@h100=8ms."
    ),
    click.option("--min", "lower", multiple=True, metavar="LIMIT", help="accuracy=0.4."),
    click.option("--fix", multiple=True, metavar="CHOICE", help="embed_dim=768 or mlp_ratio=2,3."),
    click.option(
        "--confidence",
        type=float,
        metavar="P",
        help="A new measurement keeps each limit with this probability, not just the prediction.",
    ),
    click.option(
        "--margin",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="Stay this far from each limit: 0.05 is 5 %.",
    ),
    click.option(
        "--aggregate",
        type=click.Choice(["max", "mean"]),
        default="max",
        show_default=True,
        help="Of an objective on several devices: the worst of them, or the mean.",
    ),
    click.option(
        "--method",
        type=click.Choice([EXACT, *registry.names()]),
        help="How to search.  [default: exact for one objective, else nsga2]",
    ),
    click.option(
        "--budget",
        type=click.IntRange(min=1),
        default=5000,
        show_default=True,
        help="Distinct architectures to evaluate (not with exact).",
    ),
    click.option(
        "--time-limit",
        type=click.FloatRange(min=0.0, min_open=True),
        default=60.0,
        show_default=True,
        metavar="SECONDS",
        help="When an exact search or a proof stops; the answer then says what is not proven.",
    ),
    click.option(
        "--noise",
        type=click.Choice(["repeat", "session"]),
        help="Let the method see noisy repeats instead of predictions.  [default: none; session "
        "for moasha]",
    ),
    click.option(
        "--repeats",
        type=click.IntRange(min=1),
        default=9,
        show_default=True,
        help="Noisy repeats of an evaluation in full.",
    ),
    click.option(
        "--seed",
        type=click.IntRange(min=0),
        default=0,
        show_default=True,
        help="Of all that is drawn.",
    ),
    click.option(
        "--set", "settings", multiple=True, metavar="KEY=VALUE", help="A setting of the method."
    ),
    click.option(
        "--out",
        type=click.Path(file_okay=False, path_type=Path),
        help="Folder for the journal and the result; an interrupted search goes on from there.",
    ),
    json_option,
)


def _options(function: Callable[..., object]) -> Callable[..., object]:
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@command(
    "search",
    examples=[
        "hwbench search gpt-s --device h100 --minimize perplexity --max latency=8ms",
        "hwbench search gpt-s --minimize perplexity --max params=90M --fix bias=false --json",
        "hwbench search gpt-s --device h100 --device a100 --minimize latency --min accuracy=0.4",
        "hwbench search gpt-m --device a100 --minimize perplexity,latency --method nsga2 --seed 1",
    ],
)
@_options
def search(
    bundle: str,
    devices: tuple[str, ...],
    minimize: tuple[str, ...],
    maximize: tuple[str, ...],
    upper: tuple[str, ...],
    lower: tuple[str, ...],
    fix: tuple[str, ...],
    confidence: float | None,
    margin: float,
    aggregate: Aggregate,
    method: str | None,
    budget: int,
    time_limit: float,
    noise: Noise | None,
    repeats: int,
    seed: int,
    settings: tuple[str, ...],
    out: Path | None,
    as_json: bool,
) -> int:
    """Find the best architectures within limits.

    BUNDLE is the name of a benchmark that ships with hwbench, or the folder of another. One
    objective is solved exactly and the answer comes with a proof; several give a front. The exit
    code is 1 if no architecture keeps the limits: then the closest one is shown.
    """
    bench = load(bundle)
    problem = Problem.parse(
        bench,
        minimize=minimize,
        maximize=maximize,
        devices=devices,
        max=upper,
        min=lower,
        fix=fix,
        confidence=confidence,
        margin=margin,
        aggregate=aggregate,
    )
    words = read_pairs(settings)
    found = None
    if method == EXACT or (method is None and len(problem.objectives) == 1):
        found = solve(bench, problem, certain=method == EXACT, time_limit=time_limit)
    if found is None:
        name = method or FALLBACK
        noise = noise or ("session" if name == "moasha" else None)
        evaluator = BenchmarkEvaluator(bench, problem, noise=noise, repeats=repeats)
        found = _search(evaluator, name, words, budget, seed, out, time_limit)
    elif words:
        raise ProblemError("the exact method has no settings")
    found = replace(found, named=tuple(bench.device(name).name for name in devices))
    if out is not None and found.method == EXACT:
        _keep(to_dict(found, bench), out)
    write(found, bench, as_json=as_json)
    return 0 if found.feasible and found.architectures else _NO_ANSWER


def _search(
    evaluator: BenchmarkEvaluator,
    method: str,
    words: dict[str, str],
    budget: int,
    seed: int,
    out: Path | None,
    time_limit: float,
) -> Found:
    """Search with a method, unless it is proven that there is nothing to find."""
    settings = registry.read_settings(method, words)
    hopeless = infeasible(evaluator.bench, evaluator.problem, time_limit=time_limit)
    if hopeless is not None:
        return hopeless
    with evaluations_bar(budget) as told:
        return from_run(
            run(
                evaluator,
                method,
                budget=budget,
                seed=seed,
                settings=settings,
                out=out,
                progress=told,
            )
        )


def _keep(answer: dict[str, object], out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(plain(answer), indent=1, ensure_ascii=False, allow_nan=False)
    (out / "exact.json").write_text(text + "\n", encoding="utf-8")
