"""Serve-time surrogates: frozen arrays and numpy. Subclass `Predictor` for a new kind.

An *estimator* learns (and may need scikit-learn or XGBoost); its `predictor()` is what ships. A
predictor's state is named arrays plus JSON settings, so that loading one executes nothing.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike

from hwbench.arrays import AnyArray, FloatArray
from hwbench.errors import BundleError, SchemaError, UnknownNameError
from hwbench.spaces import Space
from hwbench.surrogates._types import Arrays, Json, Settings

__all__ = [
    "PREDICTORS",
    "SCHEMA_VERSION",
    "Predictor",
    "load",
    "pack",
    "predictor_class",
    "require_arrays",
    "require_counts",
    "require_numbers",
    "save",
    "unpack",
]

SCHEMA_VERSION = 1

_DOCUMENT = "predictor.json"
_ARRAYS = "arrays.npz"


class Predictor(ABC):
    """A fitted surrogate of one metric: codes in, numbers out. Same input, same answer.

    Attributes:
        kind: Name in the registry `PREDICTORS`; written into saved files.
        space: The space whose codes it takes, or None when it takes a plain float matrix.
    """

    kind: ClassVar[str]
    space: Space | None

    @abstractmethod
    def predict(self, inputs: ArrayLike, /) -> FloatArray:
        """Predict the metric, in its SI unit.

        Args:
            inputs: `n x n_choices` codes of `space`, or `n x n_features` floats without a space.
                `n` may be 0.

        Returns:
            `(n,)` float64. Row i depends on row i of the input alone.

        Raises:
            ShapeError: If the input has another number of dimensions or columns.
            SpaceError: If a code is not of this space.
        """

    @abstractmethod
    def state(self) -> tuple[Arrays, Settings]:
        """Return all that `from_state` needs: plain arrays, and settings that JSON can hold."""

    @classmethod
    @abstractmethod
    def from_state(
        cls, space: Space | None, arrays: Mapping[str, AnyArray], settings: Mapping[str, Json], /
    ) -> Self:
        """Rebuild a predictor from its state.

        Raises:
            BundleError: If an array or a setting is missing or contradicts another.
        """


# kind -> "module:class"; imported when first asked for, so that no kind costs start-up time.
PREDICTORS: dict[str, str] = {
    "layerwise": "hwbench.surrogates.layerwise_predictor:LayerwisePredictor",
    "trees": "hwbench.surrogates.tree_predictor:TreePredictor",
    "mlp": "hwbench.surrogates.mlp_predictor:MLPPredictor",
    "quantiles": "hwbench.surrogates.quantile_predictor:QuantilePredictor",
    "ensemble": "hwbench.surrogates.ensemble_predictor:EnsemblePredictor",
    "residual-intervals": "hwbench.surrogates.interval_predictor:ResidualIntervalPredictor",
    "quantile-intervals": "hwbench.surrogates.interval_predictor:QuantileIntervalPredictor",
}


def predictor_class(kind: str, /) -> type[Predictor]:
    """Look up a predictor class by its kind.

    Raises:
        UnknownNameError: If no predictor has this kind.
    """
    if kind not in PREDICTORS:
        raise UnknownNameError.of("predictor", kind, PREDICTORS)
    module, _, name = PREDICTORS[kind].partition(":")
    found: type[Predictor] = getattr(import_module(module), name)
    return found


def pack(predictor: Predictor, /) -> tuple[Arrays, Settings]:
    """Return a predictor's arrays and a JSON document that says kind, space and schema version."""
    arrays, settings = predictor.state()
    for name, array in arrays.items():
        if array.dtype.kind not in "biuf":
            raise SchemaError(f"array {name!r} has type {array.dtype}; only numbers can be saved")
    document: Settings = {
        "schema": SCHEMA_VERSION,
        "kind": predictor.kind,
        "space": None if predictor.space is None else predictor.space.name,
        "settings": settings,
    }
    return arrays, document


def unpack(
    arrays: Mapping[str, AnyArray], document: Mapping[str, Json], /, *, space: Space | None
) -> Predictor:
    """Rebuild a predictor from what `pack` returned.

    Args:
        arrays: The named arrays.
        document: The JSON document.
        space: The space the predictor was fitted on; None for one on plain features.

    Raises:
        SchemaError: If the document has an unknown schema version, or belongs to another space.
        UnknownNameError: If the kind is not registered.
        BundleError: If arrays and settings do not fit together.
    """
    if document.get("schema") != SCHEMA_VERSION:
        raise SchemaError(
            f"predictor has schema {document.get('schema')!r}, this version reads {SCHEMA_VERSION}"
        )
    name = None if space is None else space.name
    if document.get("space") != name:
        raise SchemaError(f"predictor belongs to space {document.get('space')!r}, got {name!r}")
    kind, settings = document.get("kind"), document.get("settings")
    if not isinstance(kind, str) or not isinstance(settings, dict):
        raise BundleError("predictor document needs a text 'kind' and an object 'settings'")
    return predictor_class(kind).from_state(space, arrays, settings)


def save(predictor: Predictor, folder: str | Path, /) -> None:
    """Write a predictor to `folder` (made if missing): `predictor.json` and `arrays.npz`."""
    arrays, document = pack(predictor)
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    with (target / _ARRAYS).open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
    text = json.dumps(document, indent=1, sort_keys=True, allow_nan=False)
    (target / _DOCUMENT).write_text(text + "\n", encoding="utf-8")


def load(folder: str | Path, /, *, space: Space | None) -> Predictor:
    """Read a predictor that `save` wrote; executes nothing from the files.

    Raises:
        BundleError: If a file is missing or cannot be read.
        SchemaError: If the schema version or the space is another one.
    """
    source = Path(folder)
    try:
        document = json.loads((source / _DOCUMENT).read_text(encoding="utf-8"))
        with np.load(source / _ARRAYS, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError) as error:
        raise BundleError(f"cannot read a predictor from {source}: {error}") from error
    if not isinstance(document, dict):
        raise BundleError(f"{source / _DOCUMENT} must hold one JSON object")
    return unpack(arrays, document, space=space)


def require_arrays(arrays: Mapping[str, AnyArray], /, *names: str) -> tuple[AnyArray, ...]:
    """Return the named arrays of a state, in order.

    Raises:
        BundleError: If one is missing; names it.
    """
    missing = [name for name in names if name not in arrays]
    if missing:
        raise BundleError(
            f"predictor state lacks the array(s) {', '.join(missing)}; it has {sorted(arrays)}"
        )
    return tuple(arrays[name] for name in names)


def require_counts(settings: Mapping[str, Json], /, *names: str) -> tuple[int, ...]:
    """Return the named whole numbers of a state's settings, in order.

    Raises:
        BundleError: If one is missing or is no whole number of 0 or more; names it.
    """
    found = []
    for name in names:
        value = settings.get(name)
        if type(value) is not int or value < 0:
            raise BundleError(f"predictor setting {name!r} must be a whole number, got {value!r}")
        found.append(value)
    return tuple(found)


def require_numbers(settings: Mapping[str, Json], name: str, /) -> tuple[float, ...]:
    """Return a list of finite numbers from a state's settings.

    Raises:
        BundleError: If it is missing or is something else; names it.
    """
    values = settings.get(name)
    numbers = [
        float(v)
        for v in (values if isinstance(values, list) else [])
        if isinstance(v, int | float) and np.isfinite(v)
    ]
    if not isinstance(values, list) or len(numbers) != len(values):
        raise BundleError(f"predictor setting {name!r} must be a list of numbers, got {values!r}")
    return tuple(numbers)
