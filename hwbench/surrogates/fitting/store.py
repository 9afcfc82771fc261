"""Fitted cells on disk, so that a fit that was stopped goes on where it was."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from hwbench.arrays import AnyArray
from hwbench.data.table import Table
from hwbench.spaces import Space
from hwbench.surrogates.fitting.cell import CellFit
from hwbench.surrogates.fitting.recipe import Plan, Recipe
from hwbench.surrogates.predictor import pack, unpack
from hwbench.surrogates.uncertainty import Uncertainty

__all__ = ["fingerprint", "load_cell", "save_cell"]

_VERSION = 1
"""Raise it when a change of the fit makes stored cells wrong."""


def fingerprint(table: Table, plan: Plan, recipe: Recipe, /) -> str:
    """Return a digest of all that a fitted cell depends on."""
    digest = hashlib.sha256()
    names = dict.fromkeys((*plan.candidates, *plan.rivals))
    settings = {
        "version": _VERSION,
        "seed": recipe.seed,
        "folds": recipe.folds,
        "visit_stretch": recipe.visit_stretch,
        "plan": asdict(plan),
        "estimators": {name: dict(recipe.estimators[name]) for name in names},
        "protocol": table.protocol.to_dict(),
        "cell": [table.space, table.device, table.metric],
    }
    digest.update(json.dumps(settings, sort_keys=True).encode())
    for array in (table.codes, table.chunk, table.position, table.repeats):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def save_cell(path: Path, key: str, fit: CellFit, /) -> None:
    """Write a fitted cell, whole or not at all."""
    arrays, document = pack(fit.predictor)
    spread, settings = fit.uncertainty.state()
    about = {
        "key": key,
        "chosen": fit.chosen,
        "figures": fit.figures,
        "model": document,
        "uncertainty": settings,
    }
    stored: dict[str, AnyArray] = {f"model/{name}": array for name, array in arrays.items()}
    stored |= {f"uncertainty/{name}": array for name, array in spread.items()}
    stored["about"] = np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        np.savez(file, allow_pickle=False, **stored)
    os.replace(partial, path)


def load_cell(path: Path, key: str, space: Space, /) -> CellFit | None:
    """Read a fitted cell; None if there is none, it is damaged, or fitted to something else."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            stored = {name: archive[name] for name in archive.files}
        about = json.loads(stored.pop("about").tobytes())
        if about["key"] != key:
            return None
        model = unpack(_part(stored, "model"), about["model"], space=space)
        known = Uncertainty.from_state(_part(stored, "uncertainty"), about["uncertainty"])
        return CellFit(about["chosen"], model, known, about["figures"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, BadZipFile):
        return None  # whatever is wrong with it, fitting again puts it right


def _part(stored: Mapping[str, AnyArray], part: str) -> dict[str, AnyArray]:
    start = part + "/"
    return {k.removeprefix(start): array for k, array in stored.items() if k.startswith(start)}
