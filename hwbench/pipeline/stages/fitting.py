"""Stage "fit": surrogates of quality and of the device, as a bundle with its report card."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from hwbench.benchmark import load, save
from hwbench.benchmark.build import Fitted, build_bundle, cell_name
from hwbench.benchmark.fitting import fit_tables
from hwbench.data import Table, load_tables
from hwbench.data import journal as journals
from hwbench.errors import DataError, require
from hwbench.pipeline.recipe import PipelineRecipe
from hwbench.pipeline.stage import Outcome, Record, Stage, Work, file_digest
from hwbench.pipeline.stages import evaluating, profiling, training

__all__ = ["BUNDLE", "NAME", "STAGE", "device_of"]

NAME: Final = "fit"
BUNDLE: Final = "bundle"


def device_of(work: Work, /) -> Mapping[str, Any]:
    """Return what the stage "profile" says of the device: name, id, kind, label."""
    record = Record.load(work.folder(profiling.NAME))
    assert record is not None  # stages run after those that they need
    found: Mapping[str, Any] = record.summary["device"]
    return found


def _settings(recipe: PipelineRecipe) -> Mapping[str, Any]:
    return {"name": recipe.name, "fit": asdict(recipe.fit)}


def _beside(work: Work) -> Mapping[str, Any]:
    return {"recipe": file_digest(work.recipe.fit_recipe)}


def _run(work: Work) -> Outcome:
    require("sklearn", "fit")
    recipe, folder = work.recipe, work.folder(NAME)
    fitted = fit_tables(
        _tables(work),
        recipe.fit_recipe,
        store=folder / "cells",
        rivals=recipe.fit.rivals,
        jobs=os.cpu_count() or 1,
        progress=lambda done, total, one: work.say(f"{done}/{total} {cell_name(one.table)}"),
    )
    space = profiling.measured_space(recipe)
    bundle = build_bundle(recipe.name, space, fitted, _about(work))
    sha256 = save(bundle, folder / BUNDLE)
    load(folder / BUNDLE)
    files = sorted(path for path in (folder / BUNDLE).rglob("*") if path.is_file())
    return Outcome(
        outputs=tuple(path.relative_to(folder).as_posix() for path in files),
        summary={
            "sha256": sha256,
            "bytes": sum(path.stat().st_size for path in files),
            "cells": {cell_name(one.table): _figures(one) for one in fitted},
        },
    )


def _tables(work: Work) -> list[Table]:
    """Read quality and device tables that the fit recipe has a plan for."""
    from hwbench.surrogates.fitting import read_recipe

    plans = read_recipe(work.recipe.fit_recipe)
    name = str(device_of(work)["name"])
    found = load_tables(work.folder(evaluating.NAME) / evaluating.TABLES)
    found += journals.tables(work.folder(profiling.NAME), device=name)
    wanted = [table for table in found if plans.plan(table.metric, table.space)]
    if not any(table.device for table in wanted):
        raise DataError(f"{work.recipe.fit_recipe} has no plan for anything that was measured")
    return wanted


def _about(work: Work) -> Mapping[str, Any]:
    """Return what the bundle says of itself: the recipe's words, and what was done here."""
    from hwbench.surrogates.fitting import read_recipe

    recipe, device = work.recipe, device_of(work)
    trained = Record.load(work.folder(training.NAME))
    assert trained is not None
    about = dict(read_recipe(recipe.fit_recipe).bundle)
    about["devices"] = {str(device["name"]): {"label": device["label"], "kind": device["kind"]}}
    about["limits"] = [*recipe.fit.limits, *about.get("limits", ())]
    about["citation"] = f"hwbench, pipeline {recipe.name}"
    about["source"] = {
        **about.get("source", {}),
        "pipeline": recipe.name,
        "supernet": f"{recipe.train.method}, {trained.summary['steps']} steps",
        "text": recipe.text.source,
        "quick": "yes" if recipe.quick else "no",
    }
    return about


def _figures(one: Fitted) -> Mapping[str, Any]:
    chosen = str(one.figures["chosen"])
    scores: Any = one.figures["architectures"]
    calibration: Any = one.figures["calibration"]
    return {
        "surrogate": chosen,
        "tau": scores[chosen]["kendall"],
        "mape": scores[chosen]["mape"],
        "coverage_90": calibration["coverage_90"],
    }


STAGE: Final = Stage(
    NAME,
    "fit surrogates and write the bundle",
    (training.NAME, evaluating.NAME, profiling.NAME),
    _settings,
    _run,
    _beside,
)
