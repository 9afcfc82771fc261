"""Train architectures from scratch, several at a time, each result kept as soon as it is there."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from hwbench.data.files import write_text
from hwbench.pipeline.recipe import PipelineRecipe
from hwbench.pipeline.stage import Work
from hwbench.pipeline.stages.training import computing, training_card
from hwbench.processes import unordered
from hwbench.spaces import parse

__all__ = ["retrain_all"]


def retrain_all(work: Work, architectures: Sequence[str], folder: Path, /) -> dict[str, Any]:
    """Train architectures from scratch with all seeds.

    Args:
        work: The pipeline.
        architectures: What to train.
        folder: Where results go, one file a training; what lies there is not trained again.

    Returns:
        "perplexity": architecture -> one number a seed, on the test part; "tokens" and "steps" of
        one training.
    """
    recipe = work.recipe
    jobs = recipe.verify.jobs or _jobs(recipe)
    calls = [
        (recipe, arch, seed, folder)
        for seed in range(recipe.seed, recipe.seed + recipe.verify.seeds)
        for arch in architectures
    ]
    results: dict[tuple[str, int], Mapping[str, Any]] = {}
    done = _one_by_one(calls) if jobs == 1 else unordered(_retrain, calls, jobs=jobs)
    for number, result in done:
        results[calls[number][1], calls[number][2]] = result
        if len(results) % max(len(calls) // 20, 1) == 0:
            work.say(f"{len(results)}/{len(calls)} trainings from scratch")
    seeds = sorted({seed for _, seed in results})
    first = next(iter(results.values()))
    return {
        "perplexity": {
            arch: [results[arch, seed]["perplexity"] for seed in seeds] for arch in architectures
        },
        "tokens": first["tokens"],
        "steps": first["steps"],
    }


def _one_by_one(calls: Sequence[tuple[Any, ...]]) -> Any:
    return ((number, _retrain(*call)) for number, call in enumerate(calls))


def _jobs(recipe: PipelineRecipe) -> int:
    """One training a core on a CPU; one on a GPU."""
    with computing(recipe) as own:
        return 1 if own.device.type == "cuda" else os.cpu_count() or 1


def _retrain(recipe: PipelineRecipe, text: str, seed: int, folder: Path) -> dict[str, Any]:
    """Train one architecture, unless its result is there."""
    from hwbench.supernet.retraining import retrain

    arch = parse(text)
    name = f"{_short(text, recipe)}-s{seed}"
    path = folder / f"{name}.json"
    if path.is_file():
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found
    with computing(recipe) as own:
        card = training_card(recipe, own)
        changed = {**recipe.verify.settings, "seed": seed, "validate_rows": recipe.verify.rows}
        training = replace(card.training, keep=1, validate_every=0, **changed)
        ended = retrain(card, arch, folder / name, training=training, processes=own)
    result = {
        "arch": text,
        "seed": seed,
        **asdict(ended.test),
        "perplexity": ended.test.perplexity,
        "tokens": ended.training.tokens,
        "steps": ended.training.step,
        "seconds": ended.training.seconds,
    }
    write_text(path, json.dumps(result) + "\n")
    shutil.rmtree(folder / name)
    return result


def _short(text: str, recipe: PipelineRecipe) -> str:
    """Return the code of an architecture as digits, fit for a file name."""
    from hwbench import spaces

    return bytes(spaces.get(recipe.space).encode([parse(text)])[0]).hex()
