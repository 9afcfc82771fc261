"""Bundles as JSON and arrays, and back: the schema of a bundle's manifest."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final, TypeAlias

import numpy as np

from hwbench import metrics
from hwbench.arrays import AnyArray
from hwbench.benchmark.bundle import Bundle, Cell, Device
from hwbench.benchmark.closed_forms import ClosedForm, closed_form
from hwbench.benchmark.strict_json import Fields
from hwbench.data.table import Protocol
from hwbench.errors import BundleError, HwbenchError, SchemaError
from hwbench.spaces import Choice, Space
from hwbench.spaces.registry import REGISTRY
from hwbench.surrogates.predictor import Predictor, pack, unpack
from hwbench.surrogates.uncertainty import Uncertainty

__all__ = ["from_manifest", "to_manifest"]

Arrays: TypeAlias = Mapping[str, AnyArray]

_MODEL: Final = "model"
_UNCERTAINTY: Final = "uncertainty"
_TEXTS: Final = ("fitted", "version", "licence", "citation")
# What a file that says nonsense can make the rebuilding of a model raise.
_NONSENSE: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


def to_manifest(bundle: Bundle, /) -> tuple[dict[str, object], dict[str, AnyArray]]:
    """Return the manifest of a bundle (see `folder.write`) and its arrays by name."""
    arrays: dict[str, AnyArray] = {}
    cells = [_cell_document(cell, arrays) for cell in bundle.cells]
    used = dict.fromkeys(cell.metric for cell in bundle.cells)
    manifest: dict[str, object] = {
        "name": bundle.name,
        "space": _space_document(bundle.space),
        **{name: getattr(bundle, name) for name in _TEXTS},
        "provenance": dict(bundle.provenance),
        "limits": list(bundle.limits),
        "metrics": {name: _metric_document(name) for name in used},
        "devices": [{**asdict(d), "notes": list(d.notes)} for d in bundle.devices],
        "cells": cells,
    }
    return manifest, arrays


def from_manifest(
    manifest: Mapping[str, object],
    arrays: Arrays,
    /,
    *,
    card: Mapping[str, object],
    card_text: str,
) -> Bundle:
    """Rebuild a bundle.

    Args:
        manifest: What `to_manifest` returned.
        arrays: Its arrays.
        card: The report card.
        card_text: The report card in Markdown.

    Raises:
        BundleError: If something is missing, of the wrong type or contradicts another.
        SchemaError: If the space or a unit is defined in another way here.
        UnknownNameError: If it names a metric, a formula or a kind of model unknown here.
    """
    fields = Fields(dict(manifest), "the manifest")
    name = fields.take("name", str)
    space = _space(Fields(fields.take("space", dict), "the space"))
    texts = {text: fields.take(text, str) for text in _TEXTS}
    provenance, limits = fields.take("provenance", dict), fields.take_texts("limits")
    _check_metrics(fields.take("metrics", dict))
    devices = tuple(_device(line) for line in fields.take("devices", list))
    split = _split(arrays)
    cells = tuple(_cell(line, space, split) for line in fields.take("cells", list))
    fields.done()
    unused = set(split) - {cell.name for cell in cells}
    if unused:
        raise BundleError(f"arrays belong to no cell: {', '.join(sorted(unused))}")
    return Bundle(
        name=name,
        space=space,
        devices=devices,
        cells=cells,
        provenance=provenance,
        limits=limits,
        card=card,
        card_text=card_text,
        **texts,
    )


# -- cells -------------------------------------------------------------------------------------


def _cell_document(cell: Cell, arrays: dict[str, AnyArray]) -> dict[str, object]:
    model: dict[str, object]
    if isinstance(cell.model, ClosedForm):
        model = {"closed_form": cell.model.name}
    else:
        found, document = pack(cell.model)
        arrays |= {f"{cell.name}/{_MODEL}/{key}": array for key, array in found.items()}
        model = {"predictor": document}
    uncertainty = None
    if cell.uncertainty is not None:
        found, settings = cell.uncertainty.state()
        arrays |= {f"{cell.name}/{_UNCERTAINTY}/{key}": array for key, array in found.items()}
        uncertainty = dict(settings)
    return {
        "name": cell.name,
        "metric": cell.metric,
        "devices": None if cell.devices is None else list(cell.devices),
        "model": model,
        "uncertainty": uncertainty,
        "protocol": cell.protocol.to_dict(),
    }


def _split(arrays: Arrays) -> dict[str, dict[str, dict[str, AnyArray]]]:
    """Sort arrays into cell -> part -> name."""
    split: dict[str, dict[str, dict[str, AnyArray]]] = {}
    for path, array in arrays.items():
        cell, _, rest = path.partition("/")
        part, _, name = rest.partition("/")
        if part not in (_MODEL, _UNCERTAINTY) or not name:
            raise BundleError(f"array {path!r} is not called CELL/model/NAME or the like")
        split.setdefault(cell, {_MODEL: {}, _UNCERTAINTY: {}})[part][name] = array
    return split


def _cell(line: object, space: Space, split: Mapping[str, Mapping[str, Arrays]]) -> Cell:
    fields = Fields(line, "a cell")
    name = fields.take("name", str)
    fields.where = f"cell {name}"
    metric = fields.take("metric", str)
    document = fields.take_or_none("uncertainty", dict)
    parts = split.get(name, {_MODEL: {}, _UNCERTAINTY: {}})
    cell = Cell(
        name=name,
        metric=metric,
        devices=fields.take_texts_or_none("devices"),
        model=_model(fields.take("model", dict), parts[_MODEL], space, name),
        uncertainty=_uncertainty(document, parts[_UNCERTAINTY], name),
        protocol=_protocol(fields.take("protocol", dict), name),
    )
    fields.done()
    _probe(cell, space)
    return cell


def _model(
    document: Mapping[str, Any], arrays: Arrays, space: Space, name: str
) -> Predictor | ClosedForm:
    fields = Fields(document, f"the model of cell {name}")
    if "closed_form" in document:
        form = closed_form(fields.take("closed_form", str))
        fields.done()
        if arrays:
            raise BundleError(f"cell {name}: a formula needs no arrays")
        return form
    inner = fields.take("predictor", dict)
    fields.done()
    try:
        with np.errstate(all="ignore"):  # what a cast cannot hold is refused by what follows
            return unpack(arrays, inner, space=space)
    except HwbenchError:
        raise
    except _NONSENSE as error:
        raise BundleError(f"cell {name}: the model cannot be rebuilt: {error}") from error


def _uncertainty(document: Any, arrays: Arrays, name: str) -> Uncertainty | None:
    if document is None:
        if arrays:
            raise BundleError(f"cell {name}: arrays without an uncertainty")
        return None
    try:
        with np.errstate(all="ignore"):
            return Uncertainty.from_state(arrays, document)
    except HwbenchError:
        raise
    except _NONSENSE as error:
        raise BundleError(f"cell {name}: the uncertainty cannot be rebuilt: {error}") from error


def _protocol(document: Mapping[str, Any], name: str) -> Protocol:
    try:
        return Protocol.from_dict(document)
    except _NONSENSE as error:
        raise SchemaError(f"cell {name}: {error}") from error


def _probe(cell: Cell, space: Space) -> None:
    """Ask a cell for the ends of its space, so that a broken one is found now and not later."""
    codes = space.encode([space.smallest(), space.largest()])
    try:
        with np.errstate(all="ignore"):  # what overflows is not finite, and refused below
            if isinstance(cell.model, ClosedForm):
                values = cell.model.predict(space, codes)
            else:
                values = cell.model.predict(codes)
            limits = (1.0, 1.0) if cell.uncertainty is None else cell.uncertainty.bounds(0.99)
    except _NONSENSE as error:
        raise BundleError(f"cell {cell.name} does not answer: {error}") from error
    if values.shape != (2,) or not np.isfinite([*values, *np.ravel(limits)]).all():
        raise BundleError(f"cell {cell.name} gives {values} for the ends of its space")


# -- the rest ----------------------------------------------------------------------------------


def _metric_document(name: str) -> dict[str, object]:
    metric = metrics.get(name)
    return {
        "unit": metric.unit,
        "direction": metric.direction,
        "needs_device": metric.needs_device,
    }


def _check_metrics(document: Mapping[str, object]) -> None:
    for name, line in document.items():
        if line != _metric_document(name):
            raise SchemaError(f"metric {name} is {_metric_document(name)} here, not {line}")


def _device(line: object) -> Device:
    fields = Fields(line, "a device")
    texts = {name: fields.take(name, str) for name in ("name", "label", "kind", "precision")}
    notes = fields.take_texts("notes")
    fields.done()
    return Device(**texts, notes=notes)  # type: ignore[arg-type]  # Device checks its kind


def _space_document(space: Space) -> dict[str, object]:
    return {
        "name": space.name,
        "shared": {choice.name: list(choice.values) for choice in space.shared},
        "layered": {choice.name: list(choice.values) for choice in space.layered},
        "depth": space.depth,
        "network": space.network,
        "networks": list(space.networks),
    }


def _space(fields: Fields) -> Space:
    try:
        space = Space(
            name=fields.take("name", str),
            shared=_choices(fields.take("shared", dict)),
            layered=_choices(fields.take("layered", dict)),
            depth=fields.take_or_none("depth", str),
            network=fields.take("network", str),
            networks=fields.take_texts("networks"),
        )
        fields.done()
    except HwbenchError:
        raise
    except _NONSENSE as error:
        raise BundleError(f"the space cannot be rebuilt: {error}") from error
    here = REGISTRY.get(space.name)
    if here is not None and _space_document(here.with_network(space.network)) != _space_document(
        space
    ):
        raise SchemaError(f"the space {space.name} is defined in another way here")
    return space


def _choices(document: Mapping[str, Any]) -> tuple[Choice, ...]:
    return tuple(Choice(name, tuple(values)) for name, values in document.items())
