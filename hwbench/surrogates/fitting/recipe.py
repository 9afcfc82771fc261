"""Fit recipes: which estimators compete for which metric. TOML, checked when read.

seed = 0
folds = 5

[estimators.layerwise]
kind = "layerwise"
drift = true

[metrics.latency_s]
candidates = ["layerwise"]     # the best on validation is shipped; earlier ones win ties
rivals = ["xgboost"]           # scored on the same splits, never shipped

[metrics."perplexity gpt-l"]   # a metric in one space
candidates = ["smooth"]
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from hwbench import spaces
from hwbench.errors import SchemaError, UnknownNameError
from hwbench.metrics import METRICS
from hwbench.spaces import Space
from hwbench.surrogates.drift import DriftCorrected
from hwbench.surrogates.estimator import Estimator
from hwbench.surrogates.layerwise import Layerwise

__all__ = ["KINDS", "Plan", "Recipe", "read_recipe"]

Maker = Callable[[Space | None, int, Mapping[str, Any]], Estimator]


@dataclass(frozen=True)
class Plan:
    """Which estimators are fitted for one metric.

    Attributes:
        candidates: Names that may ship, best first where validation cannot tell them apart.
        rivals: Names that are only scored.
    """

    candidates: tuple[str, ...]
    rivals: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recipe:
    """A recipe as read.

    Attributes:
        seed: Seed of splits and estimators.
        folds: Folds of the split by architecture, 3 or more.
        visit_stretch: How much wider an interval is for a visit that was not measured: the normal
            score of its level is stretched by this factor (measured by
            `benchmarks/visit_coverage.py`).
        estimators: Name -> kind and settings.
        metrics: Metric, or "metric space" -> plan.
        bundle: What `hwbench.benchmark.build` needs to know: labels of devices, licence, limits.
    """

    seed: int
    folds: int
    visit_stretch: float
    estimators: Mapping[str, Mapping[str, Any]]
    metrics: Mapping[str, Plan]
    bundle: Mapping[str, Any]

    def plan(self, metric: str, space: str, /) -> Plan | None:
        """Return the plan for a metric in a space, the more specific one; None: leave it out."""
        return self.metrics.get(f"{metric} {space}", self.metrics.get(metric))

    def without_rivals(self) -> Recipe:
        """Return the recipe with candidates only."""
        plans = {name: replace(plan, rivals=()) for name, plan in self.metrics.items()}
        return replace(self, metrics=plans)

    def make(self, name: str, space: Space, /) -> Estimator:
        """Build an unfitted estimator by its name in the recipe."""
        settings = dict(self.estimators[name])
        return KINDS[settings.pop("kind")](space, self.seed, settings)


def read_recipe(path: str | Path, /) -> Recipe:
    """Read a recipe.

    Raises:
        SchemaError: If the file cannot be read, or a key or value is wrong; says which.
        UnknownNameError: If a plan is for a metric or space that does not exist, or names an
            estimator the recipe does not define.
        MissingExtraError: If an estimator needs a package that is not installed.
    """
    try:
        with Path(path).open("rb") as file:
            content = tomllib.load(file)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SchemaError(f"cannot read the recipe {path}: {error}") from error
    try:
        return _recipe(content)
    except SchemaError as error:
        raise SchemaError(f"{path}: {error}") from error


def _recipe(content: Mapping[str, Any]) -> Recipe:
    unknown = set(content) - {field.name for field in fields(Recipe)}
    if unknown:
        raise SchemaError(f"unknown key {sorted(unknown)[0]!r} in the recipe")
    seed, folds = content.get("seed", 0), content.get("folds", 5)
    if type(seed) is not int or seed < 0:
        raise SchemaError(f"seed must be a whole number of 0 or more, got {seed!r}")
    if type(folds) is not int or folds < 3:
        raise SchemaError(f"folds must be a whole number of 3 or more, got {folds!r}")
    stretch = content.get("visit_stretch", 1.0)
    if type(stretch) not in (int, float) or not 1.0 <= stretch < math.inf:
        raise SchemaError(f"visit_stretch must be a number of 1 or more, got {stretch!r}")
    estimators, plans, bundle = (
        _section(content, name) for name in ("estimators", "metrics", "bundle")
    )
    for name in estimators:
        _check_estimator(name, _section(estimators, name))
    metrics = {name: _plan(name, _section(plans, name), estimators) for name in plans}
    return Recipe(seed, folds, float(stretch), estimators, metrics, bundle)


def _section(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = content.get(name, {})
    if not isinstance(section, dict):
        raise SchemaError(f"{name!r} must be a section of its own, got {section!r}")
    return section


def _check_estimator(name: str, settings: Mapping[str, Any]) -> None:
    """Build an estimator, so that a wrong setting shows before hours of fitting."""
    rest = dict(settings)
    kind = rest.pop("kind", None)
    if not isinstance(kind, str) or kind not in KINDS:
        raise SchemaError(f"estimator {name!r} needs a kind: {', '.join(KINDS)}; got {kind!r}")
    try:
        KINDS[kind](None, 0, rest)
    except TypeError as error:
        raise SchemaError(f"estimator {name!r}: {error}") from error


def _plan(metric: str, lines: Mapping[str, Any], estimators: Mapping[str, Any]) -> Plan:
    _check_target(metric)
    candidates, rivals = lines.get("candidates", []), lines.get("rivals", [])
    if not candidates or set(lines) - {"candidates", "rivals"}:
        raise SchemaError(f"metric {metric!r} needs candidates, and may have rivals; nothing else")
    for given in (candidates, rivals):
        if not isinstance(given, list):
            raise SchemaError(f"metric {metric!r}: expected a list of names, got {given!r}")
    for name in (*candidates, *rivals):
        if name not in estimators:
            raise UnknownNameError.of("estimator of the recipe", name, estimators)
    return Plan(tuple(candidates), tuple(rivals))


def _check_target(metric: str) -> None:
    """Check the name of a plan: "latency_s", or "latency_s gpt-s"."""
    name, _, space = metric.partition(" ")
    if name not in METRICS:
        raise UnknownNameError.of("metric", name, METRICS)
    if space and space not in spaces.names():
        raise UnknownNameError.of("space", space, spaces.names())


def _layerwise(space: Space | None, seed: int, settings: Mapping[str, Any]) -> Estimator:
    rest = dict(settings)
    drift = rest.pop("drift", False)
    base = Layerwise(space, **rest)
    return DriftCorrected(base) if drift else base


def _other(path: str) -> Maker:
    module, _, name = path.partition(":")

    def make(space: Space | None, seed: int, settings: Mapping[str, Any]) -> Estimator:
        built: Estimator = getattr(import_module(module), name)(
            space, random_state=seed, **settings
        )
        return built

    return make


KINDS: dict[str, Maker] = {
    "layerwise": _layerwise,
    "xgboost": _other("hwbench.surrogates.boosting:XGBoost"),
    "forest": _other("hwbench.surrogates.forest:RandomForest"),
    "mlp": _other("hwbench.surrogates.mlp:MLP"),
}
