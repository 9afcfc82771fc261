"""Stage "verify": train what was found from scratch, measure it again, and say what held."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import numpy as np

from hwbench import spaces
from hwbench.benchmark import Benchmark, load
from hwbench.data import Table
from hwbench.data.files import write_text
from hwbench.pipeline.recipe import PipelineRecipe
from hwbench.pipeline.stage import Outcome, Record, Stage, Work
from hwbench.pipeline.stages import evaluating, fitting, profiling, retraining, searching, training
from hwbench.pipeline.verdict import Checked, verdict
from hwbench.profiling.devices import open_device
from hwbench.spaces.gpt_costs import params

__all__ = ["NAME", "RESULTS", "STAGE"]

NAME: Final = "verify"
RESULTS: Final = "results.json"
_SAMPLE_SEED: Final = 7_919  # of another stream than that of the evaluated subnets
_EARLIER: Final = (training.NAME, evaluating.NAME, profiling.NAME, fitting.NAME, searching.NAME)


def _settings(recipe: PipelineRecipe) -> Mapping[str, Any]:
    return {"verify": asdict(recipe.verify), "profile": asdict(recipe.profile)}


def _run(work: Work) -> Outcome:
    recipe, folder = work.recipe, work.folder(NAME)
    bench = load(work.folder(fitting.NAME) / fitting.BUNDLE)
    found = searching.read_found(work)
    roles = _roles(found, bench, recipe)
    archs = list(roles)
    work.say(f"{len(archs)} architectures, {recipe.verify.seeds} trainings each")
    retrained = retraining.retrain_all(work, archs, folder / "retrained")
    inherited = _inherited(work, archs)
    device = open_device(recipe.profile.device)
    plan = profiling.campaign_plan(recipe, device, archs, passes=recipe.verify.passes)
    tables = profiling.measure_all(work, plan, device, folder / "measured")
    checked = [
        Checked(
            arch=arch,
            roles=tuple(roles[arch]),
            params=int(params(bench.space, bench.space.encode([bench.space.parse(arch)]))[0]),
            surrogate=_interval(bench, arch, "perplexity", None),
            inherited=inherited[arch],
            retrained=tuple(retrained["perplexity"][arch]),
            predicted={t.metric: _interval(bench, arch, t.metric, t.device) for t in tables},
            measured={t.metric: _visits(t, arch) for t in tables},
        )
        for arch in archs
    ]
    judged = verdict(checked, found, seed=recipe.seed)
    results = {**_head(work, bench, retrained), "problems": found, **judged, "cost": _cost(work)}
    write_text(folder / RESULTS, json.dumps(results, indent=1) + "\n")
    return Outcome(
        outputs=(RESULTS,),
        summary={"ranks": judged["ranks"], "hardware": judged["hardware"]},
        tokens=int(retrained["tokens"]) * recipe.verify.seeds * len(archs),
    )


def _roles(
    found: Sequence[Mapping[str, Any]], bench: Benchmark, recipe: PipelineRecipe
) -> dict[str, list[str]]:
    """Return why each architecture is checked: problem and method, or "sample"."""
    roles: dict[str, list[str]] = {}
    for problem, by, arch in searching.answers(found):
        roles.setdefault(arch, []).append(f"{problem} {by}")
    rng = np.random.default_rng([recipe.seed, _SAMPLE_SEED])
    sample = min(recipe.verify.sample, bench.space.size())
    drawn: dict[str, None] = {}
    while len(drawn) < sample:
        drawn[str(bench.space.sample(rng))] = None
    for arch in drawn:
        roles.setdefault(arch, []).append("sample")
    return roles


def _inherited(work: Work, archs: Sequence[str]) -> dict[str, float]:
    """Evaluate architectures with inherited weights on the test part, as retrained ones are."""
    from hwbench.supernet.evaluation import evaluate

    with training.computing(work.recipe) as own:
        run = training.open_supernet(work, own)
        windows = run.corpus().windows("test", context=run.card.training.context)
        text = windows.rows(work.recipe.verify.rows)
        return {a: evaluate(run.network, spaces.parse(a), text).perplexity for a in archs}


def _interval(
    bench: Benchmark, arch: str, metric: str, device: str | None
) -> tuple[float, float, float]:
    codes = bench.space.encode([bench.space.parse(arch)])
    low, high = bench.bounds(codes, metric, device, interval=0.9)
    return float(bench.predict(codes, metric, device)[0]), float(low[0]), float(high[0])


def _visits(table: Table, arch: str) -> tuple[float, ...]:
    """Return the median of each visit to an architecture; anchors are visited more often."""
    space = spaces.get(table.space)
    wanted = space.encode([space.parse(arch)])[0]
    return tuple(float(y) for y in table.center()[(table.codes == wanted).all(axis=1)])


def _head(work: Work, bench: Benchmark, retrained: Mapping[str, Any]) -> dict[str, Any]:
    recipe = work.recipe
    measured = Record.load(work.folder(profiling.NAME))
    assert measured is not None
    return {
        "schema": 1,
        "pipeline": recipe.name,
        "space": recipe.space,
        "quick": recipe.quick,
        "device": fitting.device_of(work),
        "bundle": {"name": bench.name, "sha256": bench.sha256},
        "energy": measured.summary["energy"],
        "retraining": {
            "steps": retrained["steps"],
            "seeds": recipe.verify.seeds,
            "tokens_each": retrained["tokens"],
        },
    }


def _cost(work: Work) -> list[dict[str, Any]]:
    """Return time and tokens of the stages before; the own ones stand in the stage's record."""
    records = [(name, Record.load(work.folder(name))) for name in _EARLIER]
    return [
        {"stage": name, "seconds": record.seconds, "tokens": record.tokens}
        for name, record in records
        if record is not None
    ]


STAGE: Final = Stage(
    NAME,
    "train what was found from scratch and measure it again",
    (training.NAME, fitting.NAME, searching.NAME),
    _settings,
    _run,
    profiling.STAGE.beside,
)
