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

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from hwbench.errors import SchemaError, UnknownNameError
from hwbench.spaces import Space
from hwbench.surrogates.drift import DriftCorrected
from hwbench.surrogates.estimator import Estimator
from hwbench.surrogates.layerwise import Layerwise

__all__ = ["KINDS", "Plan", "Recipe", "read_recipe"]

Maker = Callable[[Space, int, Mapping[str, Any]], Estimator]


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
        UnknownNameError: If a plan names an estimator the recipe does not define.
    """
    try:
        with Path(path).open("rb") as file:
            content = tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise SchemaError(f"cannot read the recipe {path}: {error}") from error
    unknown = set(content) - {
        "seed",
        "folds",
        "visit_stretch",
        "estimators",
        "metrics",
        "bundle",
    }
    if unknown:
        raise SchemaError(f"{path}: unknown key {sorted(unknown)[0]!r} in the recipe")
    folds = content.get("folds", 5)
    if type(folds) is not int or folds < 3:
        raise SchemaError(f"{path}: folds must be a whole number of 3 or more, got {folds!r}")
    stretch = content.get("visit_stretch", 1.0)
    if not isinstance(stretch, int | float) or not stretch >= 1.0:
        raise SchemaError(f"{path}: visit_stretch must be a number of 1 or more, got {stretch!r}")
    estimators = content.get("estimators", {})
    for name, settings in estimators.items():
        if not isinstance(settings, dict) or settings.get("kind") not in KINDS:
            raise SchemaError(f"{path}: estimator {name!r} needs a kind: {', '.join(KINDS)}")
    metrics = {
        name: _plan(name, lines, estimators) for name, lines in content.get("metrics", {}).items()
    }
    bundle = content.get("bundle", {})
    return Recipe(int(content.get("seed", 0)), folds, float(stretch), estimators, metrics, bundle)


def _plan(metric: str, lines: Mapping[str, Any], estimators: Mapping[str, Any]) -> Plan:
    candidates, rivals = lines.get("candidates", []), lines.get("rivals", [])
    if not candidates or set(lines) - {"candidates", "rivals"}:
        raise SchemaError(f"metric {metric!r} needs candidates, and may have rivals; nothing else")
    for name in (*candidates, *rivals):
        if name not in estimators:
            raise UnknownNameError.of("estimator of the recipe", name, estimators)
    return Plan(tuple(candidates), tuple(rivals))


def _layerwise(space: Space, seed: int, settings: Mapping[str, Any]) -> Estimator:
    rest = dict(settings)
    drift = rest.pop("drift", False)
    base = Layerwise(space, **rest)
    return DriftCorrected(base) if drift else base


def _other(path: str) -> Maker:
    module, _, name = path.partition(":")

    def make(space: Space, seed: int, settings: Mapping[str, Any]) -> Estimator:
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
