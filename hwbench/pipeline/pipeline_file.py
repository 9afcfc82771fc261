"""Pipeline files: what to train, measure, fit, search and verify. TOML, checked when read.

name = "nano"                        # of the bundle
space = "nano"

[train]
method = "spos"                      # and any setting of `TrainingConfig`
steps = 6000

[profile]
device = "auto"
n = 40

[[search.problems]]
name = "tight"
limits = {latency = 0.3}             # the 30 % quantile of the space's predicted latency

[quick.train]                        # what `--quick` changes
steps = 100

`pipelines/README.md` lists every key. Relative paths are relative to the file.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from hwbench import metrics, spaces
from hwbench.errors import SchemaError, UnknownNameError
from hwbench.pipeline.recipe import (
    Evaluating,
    Fitting,
    PipelineRecipe,
    ProblemRecipe,
    Profiling,
    Searching,
    Text,
    Training,
    Verifying,
)
from hwbench.search.methods import registry

__all__ = ["read_pipeline"]

_SECTIONS: Final[Mapping[str, type]] = {
    "text": Text,
    "train": Training,
    "evaluate": Evaluating,
    "profile": Profiling,
    "fit": Fitting,
    "search": Searching,
    "verify": Verifying,
}
_KINDS: Final = {"int": int, "str": str, "bool": bool, "Mapping[str, Any]": dict}
_OPEN: Final = ("train", "verify")  # their unknown keys are settings of the training loop


def read_pipeline(
    path: Path | str, /, *, quick: bool = False, changes: Mapping[str, Any] | None = None
) -> PipelineRecipe:
    """Read a pipeline file.

    Args:
        path: The file.
        quick: Take the values of its sections `[quick.*]`.
        changes: "section.key" -> value that differs from the file's.

    Raises:
        SchemaError: If it cannot be read, or a key or value is wrong; says which.
        UnknownNameError: If it names a space, metric or method that does not exist.
    """
    path = Path(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SchemaError(f"cannot read the pipeline {path}: {error}") from error
    try:
        return _read(content, path.parent, quick, changes or {})
    except SchemaError as error:
        raise SchemaError(f"{path}: {error}") from error


def _read(
    content: dict[str, Any], folder: Path, quick: bool, changes: Mapping[str, Any]
) -> PipelineRecipe:
    faster = _mapping("quick", content.pop("quick", {}))
    if quick:
        for name, values in faster.items():
            content[name] = _joined(name, content, _mapping(f"quick.{name}", values))
    for place, value in changes.items():
        _change(content, place, value)
    known = ("name", "space", "seed", *_SECTIONS)
    for name in content:
        if name not in known:
            raise UnknownNameError.of("key of a pipeline", name, known)
    sections = {name: _section(name, content.get(name, {})) for name in _SECTIONS}
    name, space = _word(content, "name"), _word(content, "space")
    spaces.get(space)
    seed = content.get("seed", 0)
    if type(seed) is not int or seed < 0:
        raise SchemaError(f"seed must be a whole number of 0 or more, got {seed!r}")
    made = PipelineRecipe(name, space, seed, **sections, folder=folder, quick=quick)
    _check(made)
    return made


def _change(content: dict[str, Any], place: str, value: Any) -> None:
    section, dot, key = place.partition(".")
    if dot and section in _SECTIONS:
        content[section] = _joined(section, content, {key: value})
    elif section in ("name", "space", "seed") and not dot:
        content[section] = value
    else:
        raise SchemaError(f"expected SECTION.KEY with a section of {', '.join(_SECTIONS)}: {place}")


def _joined(name: str, content: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    return {**_mapping(name, content.get(name, {})), **more}


def _mapping(name: str, given: object) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise SchemaError(f"{name!r} must be a section of its own, got {given!r}")
    return given


def _word(content: Mapping[str, Any], key: str) -> str:
    value = content.get(key)
    if not isinstance(value, str) or not value:
        raise SchemaError(f"{key} must be a word, got {value!r}")
    return value


def _section(name: str, given: object) -> Any:
    given = _mapping(name, given)
    kind = _SECTIONS[name]
    known = {f.name: f for f in fields(kind)}
    values = {key: value for key, value in given.items() if key in known and key != "settings"}
    rest = {key: value for key, value in given.items() if key not in values}
    if rest and name not in _OPEN:
        raise UnknownNameError.of(f"key of [{name}]", next(iter(rest)), known)
    if name in _OPEN:
        values["settings"] = rest
    if name == "search":
        values["problems"] = tuple(map(_problem, _problems(given.get("problems", ()))))
    try:
        made = kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})
    except TypeError as error:
        raise SchemaError(f"[{name}]: {error}") from error
    _check_kinds(name, made)
    return made


def _problems(given: object) -> Sequence[object]:
    if not isinstance(given, list | tuple):
        raise SchemaError(f"problems of [search] must be tables, got {given!r}")
    return given


def _problem(given: object) -> ProblemRecipe:
    if not isinstance(given, dict) or set(given) != {"name", "limits"}:
        raise SchemaError(f"a problem has a name and limits, got {given!r}")
    if not isinstance(given["limits"], dict):
        raise SchemaError(f"limits of a problem are metrics and quantiles, got {given['limits']!r}")
    return ProblemRecipe(str(given["name"]), given["limits"])


def _check_kinds(section: str, made: Any) -> None:
    """Compare the kinds of values with those of the fields; counts are 1 or more."""
    for f in fields(made):
        value, kind = getattr(made, f.name), str(f.type)
        if not _fits(value, kind):
            word = kind.split(" |")[0].split("[")[0]
            raise SchemaError(f"[{section}] {f.name} must be of the kind {word}, got {value!r}")
        if kind.startswith("int") and value is not None and value < (f.name != "sample"):
            raise SchemaError(f"[{section}] {f.name} must be positive, got {value}")


def _fits(value: object, kind: str) -> bool:
    if kind.endswith(" | None"):
        return value is None or _fits(value, kind.removesuffix(" | None"))
    if kind == "tuple[str, ...]":
        return isinstance(value, tuple) and all(isinstance(one, str) for one in value)
    if kind == "float":
        return type(value) in (int, float)
    return kind not in _KINDS or type(value) is _KINDS[kind]


def _check(made: PipelineRecipe) -> None:
    """Find what would stop a stage, before hours of the stages before it."""
    budget = made.profile.budget_s
    if budget is not None and not budget > 0:
        raise SchemaError(f"[profile] budget_s must be positive, got {budget}")
    if not made.search.problems:
        raise SchemaError("[search] needs one or more problems")
    for method in made.search.methods:
        registry.get(method)
    for metric in made.profile.metrics:
        metrics.get(metric)
    names = [problem.name for problem in made.search.problems]
    if len(set(names)) < len(names):
        raise SchemaError("two problems of [search] have one name")
    if not made.fit_recipe.is_file():
        raise SchemaError(f"[fit] recipe: there is no file {made.fit_recipe}")
