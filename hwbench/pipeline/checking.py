"""Find what would stop a stage before the hours of the stages before it.

`read_pipeline` checks what the file alone tells; this asks the rooms that will do the work.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import Any, Final, cast, get_args

from hwbench import metrics, spaces
from hwbench.errors import HwbenchError, SchemaError, UnknownNameError, require
from hwbench.pipeline.recipe import PipelineRecipe
from hwbench.profiling import runtimes
from hwbench.profiling.protocols import MeasuringProtocol, Precision
from hwbench.profiling.stopping import StopRule
from hwbench.profiling.workloads import Workload
from hwbench.spaces.gpt import network_of

__all__ = ["check"]

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")  # of bundles, devices and folders
_OWN: Final = ("seed", "keep", "validate_every", "validate_rows", "context")
"""Settings of a retraining that the stage sets itself, or that have to be the supernet's."""


def check(recipe: PipelineRecipe, /) -> None:
    """Check every setting against what it is a setting of.

    Raises:
        SchemaError: If a value makes no sense; names the section.
        UnknownNameError: If a name or a setting does not exist.
    """
    _names(recipe)
    _text(recipe)
    _training(recipe)
    _profile(recipe)
    _fit(recipe)
    _search(recipe)


def _names(recipe: PipelineRecipe) -> None:
    named = [("name", recipe.name)]
    named += [("name of a problem", problem.name) for problem in recipe.search.problems]
    if recipe.profile.name:
        named.append(("[profile] name", recipe.profile.name))
    for what, name in named:
        if not _NAME.fullmatch(name):
            raise SchemaError(f"{what}: expected letters, digits, '_', '.', '-'; got {name!r}")


def _text(recipe: PipelineRecipe) -> None:
    from hwbench.data.text import Part, TokenizerKind

    _among("[text] tokenizer", recipe.text.tokenizer, get_args(TokenizerKind))
    _among("[evaluate] part", recipe.evaluate.part, get_args(Part))
    if recipe.evaluate.part == "test":
        raise SchemaError("[evaluate] part: the test part is for the verification alone")


def _training(recipe: PipelineRecipe) -> None:
    require("torch", "all")
    from hwbench.supernet.distributions import LEARNED
    from hwbench.supernet.strategies import METHODS
    from hwbench.supernet.training import preset

    train = recipe.train
    _among("[train] method", train.method, METHODS)
    _among("[train] distribution", train.distribution, LEARNED)
    if train.order not in (1, 2) or (train.order == 2 and train.method != "tanglenas"):
        raise SchemaError(f"[train] order: 1, or 2 for tanglenas, got {train.order}")
    usual = preset(recipe.space)
    mine = {f.name: getattr(usual, f.name) for f in fields(usual)}
    others = {name: value for name, value in mine.items() if name not in _OWN}
    _settings("train", usual, train.settings, mine)
    _settings("verify", usual, recipe.verify.settings, others)


def _settings(section: str, usual: Any, given: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """Compare settings of the training loop with those that it knows."""
    for name, value in given.items():
        if name not in known:
            raise UnknownNameError.of(f"key of [{section}]", name, known)
        if not _alike(value, known[name]):
            kind = type(known[name]).__name__
            raise SchemaError(f"[{section}] {name} must be of the kind {kind}, got {value!r}")
    try:
        replace(usual, **given)
    except UnknownNameError:
        raise
    except HwbenchError as error:
        raise SchemaError(f"[{section}] {error}") from error


def _alike(value: object, usual: object) -> bool:
    if isinstance(usual, tuple):
        same = isinstance(value, list | tuple) and len(value) == len(usual)
        return same and all(map(_alike, cast("list[object]", value), usual))
    if type(usual) is float:
        return type(value) in (int, float)
    return type(value) is type(usual)


def _profile(recipe: PipelineRecipe) -> None:
    asked, space = recipe.profile, spaces.get(recipe.space)
    if not asked.metrics:
        raise SchemaError("[profile] metrics: expected one or more")
    for name in asked.metrics:
        if not metrics.get(name).needs_device:
            raise SchemaError(f"[profile] metrics: {name} is not measured on a device")
    runtimes.get(asked.runtime)
    work = Workload("prefill", asked.batch, asked.tokens)
    precision = cast(Precision, asked.precision)
    MeasuringProtocol(recipe.name, space.network, asked.runtime, precision, work)
    if asked.tokens > (most := network_of(space).context):
        raise SchemaError(f"[profile] tokens: {space.name} sees {most} at once, got {asked.tokens}")
    usual = StopRule()
    known = {f.name: getattr(usual, f.name) for f in fields(usual)}
    _settings("profile.stop", usual, asked.stop, known)


def _fit(recipe: PipelineRecipe) -> None:
    require("sklearn", "all")
    from hwbench.surrogates.fitting import read_recipe

    plans = read_recipe(recipe.fit_recipe)
    limited = {name for problem in recipe.search.problems for name in problem.limits}
    for name in ("perplexity", *sorted(limited - {"params"})):
        if plans.plan(name, recipe.space) is None:
            raise SchemaError(f"[fit] recipe: {recipe.fit_recipe} has no plan for {name}")


def _search(recipe: PipelineRecipe) -> None:
    asked = recipe.search
    measured = {metrics.get(name).name for name in recipe.profile.metrics} | {"latency_s"}
    for problem in asked.problems:
        for name in problem.limits:
            if metrics.get(name).needs_device and name not in measured:
                raise SchemaError(
                    f"the problem {problem.name} limits {name}, which [profile] lacks"
                )
    if len(set(asked.methods)) < len(asked.methods) or "spos-es" in asked.methods:
        raise SchemaError("[search] methods: each once; spos-es takes part in any case")
    if not 0 <= asked.margin < 1:
        raise SchemaError(f"[search] margin: a share from 0 to below 1, got {asked.margin}")


def _among(what: str, name: str, known: Iterable[str]) -> None:
    if name not in known:
        raise UnknownNameError.of(what, name, known)
