"""Hand a search space to tools that speak ConfigSpace (SMAC, BOHB, ...); needs the extra [spaces].

Hyperparameters are named as the columns of a code. A layer's choices are active only in networks
that are deep enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from hwbench.errors import SpaceError, require
from hwbench.spaces.architecture import Architecture
from hwbench.spaces.choice import Choice, Scalar
from hwbench.spaces.space import Space

if TYPE_CHECKING:
    from ConfigSpace import CategoricalHyperparameter, ConfigurationSpace, OrdinalHyperparameter

__all__ = ["from_configuration", "to_configspace"]


def to_configspace(space: Space, /, *, seed: int | None = None) -> ConfigurationSpace:
    """Write a space as a ConfigSpace `ConfigurationSpace`.

    Numbers become ordinal hyperparameters (the order counts, distances do not), booleans and words
    categorical ones. The defaults are those of the largest architecture.

    Args:
        space: Any search space.
        seed: Seed of the sampler inside the ConfigurationSpace.

    Raises:
        MissingExtraError: If ConfigSpace is not installed.
    """
    library = require("ConfigSpace", "spaces")
    layout = space.layout
    choices = [
        *space.shared,
        *(choice for choice in space.layered for _ in range(space.max_depth)),
    ]
    made = {
        name: _hyperparameter(name, choice)
        for name, choice in zip(space.columns, choices, strict=True)
    }
    result: ConfigurationSpace = library.ConfigurationSpace(name=space.name, seed=seed)
    result.add(*made.values())
    for column, name in enumerate(space.columns):
        depths = [int(d) for d in layout.depth_values[layout.active[:, column]]]
        if len(depths) < len(layout.depth_values):
            result.add(library.InCondition(made[name], made[str(space.depth)], depths))
    return result


def from_configuration(configuration: Mapping[str, object], space: Space, /) -> Architecture:
    """Read a ConfigSpace configuration, or a dict with the same keys, as an architecture.

    Args:
        configuration: Column -> value; inactive hyperparameters may be absent.
        space: The space that was written.

    Raises:
        SpaceError: If a value is missing or not offered.
    """
    values = dict(configuration)
    choices = {choice.name: _plain(values.get(choice.name), choice) for choice in space.shared}
    if space.depth is None:
        return space.from_dict(choices)
    layers = range(int(choices[space.depth]))
    lists = {
        choice.name: [_plain(values.get(f"{choice.name}.{layer}"), choice) for layer in layers]
        for choice in space.layered
    }
    return space.from_dict({**choices, **lists})


def _hyperparameter(name: str, choice: Choice) -> CategoricalHyperparameter | OrdinalHyperparameter:
    library = require("ConfigSpace", "spaces")
    values = list(choice.values)
    ordered = not isinstance(values[0], (bool, str))
    kind = library.OrdinalHyperparameter if ordered else library.CategoricalHyperparameter
    made: CategoricalHyperparameter | OrdinalHyperparameter
    made = kind(name, values, default_value=values[-1])
    return made


def _plain(value: object, choice: Choice) -> Scalar:
    # ConfigSpace hands out numpy scalars.
    item = getattr(value, "item", None)
    plain = item() if callable(item) else value
    if plain is None:
        raise SpaceError(f"the configuration holds no value for {choice.name}")
    return choice.values[choice.index(plain)]
