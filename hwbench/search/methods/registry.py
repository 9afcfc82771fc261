"""The search methods by name. A new one is a file beside this one and a line in `METHODS`."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from typing import Final, TypeAlias

import numpy as np

from hwbench.errors import UnknownNameError
from hwbench.search.methods.method import Method
from hwbench.search.problem import ProblemError
from hwbench.spaces import Space

__all__ = ["METHODS", "Setting", "create", "defaults", "get", "names", "read_settings"]

Setting: TypeAlias = int | float | bool | str | None
"""A value of a setting: JSON can hold it."""

METHODS: Final[dict[str, str]] = {
    "rs": "hwbench.search.methods.random_search:RandomSearch",
    "ls": "hwbench.search.methods.local_search:LocalSearch",
    "nsga2": "hwbench.search.methods.nsga2:NSGA2",
    "morea": "hwbench.search.methods.morea:MOREA",
    "lsbo": "hwbench.search.methods.lsbo:LSBO",
    "rsbo": "hwbench.search.methods.rsbo:RSBO",
    "ehvi": "hwbench.search.methods.ehvi:EHVI",
    "moasha": "hwbench.search.methods.moasha:MOASHA",
    "spos-rs": "hwbench.search.methods.spos_random:SPOSRandom",
    "spos-es": "hwbench.search.methods.spos_evolution:SPOSEvolution",
}
"""Name -> module and class."""

_WORDS: Final = {"true": True, "false": False, "none": None}


def names() -> tuple[str, ...]:
    """Name the methods."""
    return tuple(METHODS)


def get(name: str, /) -> type[Method]:
    """Look a method up.

    Raises:
        UnknownNameError: If there is none of that name; lists those that exist.
    """
    if name not in METHODS:
        raise UnknownNameError.of("method", name, METHODS)
    module, _, attribute = METHODS[name].partition(":")
    found: type[Method] = getattr(importlib.import_module(module), attribute)
    return found


def defaults(name: str, /) -> dict[str, Setting]:
    """Return the settings of a method and their defaults.

    Raises:
        UnknownNameError: As `get`.
    """
    parameters = inspect.signature(get(name)).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY and p.name != "rng"}


def read_settings(name: str, texts: Mapping[str, str], /) -> dict[str, Setting]:
    """Read settings as a person writes them: "50", "0.2", "true", "none".

    Raises:
        UnknownNameError: If the method has no such setting; lists those it has.
        ProblemError: If a value is not of the setting's type.
    """
    known = defaults(name)
    found: dict[str, Setting] = {}
    for key, text in texts.items():
        if key not in known:
            raise UnknownNameError.of(f"setting of {name}", key, known)
        found[key] = _value(key, text.strip(), known[key])
    return found


def create(
    name: str,
    space: Space,
    n_objectives: int,
    /,
    *,
    rng: np.random.Generator,
    settings: Mapping[str, Setting] | None = None,
) -> Method:
    """Make a method.

    Args:
        name: One of `METHODS`.
        space: What to search.
        n_objectives: How many objectives there are.
        rng: Source of all its randomness.
        settings: Those that differ from the defaults.

    Raises:
        UnknownNameError: If there is no such method or setting.
        ProblemError: If a setting has a value that cannot be.
    """
    given = dict(settings or {})
    known = defaults(name)
    for key in given:
        if key not in known:
            raise UnknownNameError.of(f"setting of {name}", key, known)
    made: Method = get(name)(space, n_objectives, rng=rng, **given)  # type: ignore[call-arg]
    return made


def _value(key: str, text: str, default: Setting) -> Setting:
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    if isinstance(default, str):
        return text
    raise ProblemError(f"{key} is a number, true, false or none, got {text!r}")
