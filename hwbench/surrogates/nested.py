"""Predictors inside predictors: put their states into one, and take them out again."""

from collections.abc import Mapping, Sequence

from hwbench.arrays import AnyArray
from hwbench.errors import BundleError
from hwbench.spaces import Space
from hwbench.surrogates._types import Arrays, Json, Settings
from hwbench.surrogates.predictor import Predictor, predictor_class

__all__ = [
    "nest",
    "unnest",
]


def nest(parts: Sequence[Predictor], /, *, name: str) -> tuple[Arrays, list[Json]]:
    """Return the parts' arrays as `name0.weight`, ... and one JSON object a part."""
    arrays: Arrays = {}
    documents: list[Json] = []
    for i, part in enumerate(parts):
        inner, settings = part.state()
        arrays |= {f"{name}{i}.{key}": array for key, array in inner.items()}
        documents.append({"kind": part.kind, "settings": settings})
    return arrays, documents


def unnest(
    space: Space | None, arrays: Mapping[str, AnyArray], documents: Json, /, *, name: str
) -> tuple[Predictor, ...]:
    """Rebuild what `nest` took apart.

    Raises:
        BundleError: If the documents are not a list of parts, or a part does not fit.
        UnknownNameError: If a part has a kind that is not registered.
    """
    if not isinstance(documents, list):
        raise BundleError(f"predictor state needs a list of {name}s, got {documents!r}")
    return tuple(
        _part(space, arrays, document, prefix=f"{name}{i}.") for i, document in enumerate(documents)
    )


def _part(
    space: Space | None, arrays: Mapping[str, AnyArray], document: Json, *, prefix: str
) -> Predictor:
    if not isinstance(document, dict):
        raise BundleError(f"a part of a predictor must be an object, got {document!r}")
    kind, settings = document.get("kind"), document.get("settings")
    if not isinstance(kind, str) or not isinstance(settings, dict):
        raise BundleError("a part of a predictor needs a text 'kind' and an object 'settings'")
    own: Settings = settings
    inner = {key[len(prefix) :]: a for key, a in arrays.items() if key.startswith(prefix)}
    return predictor_class(kind).from_state(space, inner, own)
