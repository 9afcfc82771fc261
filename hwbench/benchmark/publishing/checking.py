"""Check a published dataset against its own description, file by file and column by column.

`check` needs nothing but what the files say, so a host can run it on a copy. Where the package
mlcroissant is installed, its validator has the last word on the description.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any, Final

from hwbench.benchmark.loading import load_bundle
from hwbench.benchmark.publishing.columns import TYPES
from hwbench.benchmark.publishing.croissant import (
    CONFORMS_TO,
    CONTEXT,
    CROISSANT,
    PARQUET,
    digest,
)
from hwbench.errors import DataError, require

__all__ = ["BUNDLES", "Checked", "check"]

BUNDLES: Final = "bundles"
_VALIDATOR: Final = "mlcroissant"

# What the specification requires of a dataset, a file, a record set and a field.
_DATASET: Final = ("name", "description", "license", "url", "creator", "datePublished")
_FILE: Final = ("@id", "name", "contentUrl", "encodingFormat", "sha256")
_FIELD: Final = ("@id", "name", "dataType", "source")


@dataclass(frozen=True)
class Checked:
    """What was checked.

    Attributes:
        files: Files whose SHA-256 is what the description says.
        record_sets: Record sets whose fields are the columns of their file.
        bundles: Bundles that load.
        validator: "mlcroissant 1.1.1", or None if it is not installed.
        warnings: What the validator would rather see.
    """

    files: int
    record_sets: int
    bundles: int
    validator: str | None
    warnings: tuple[str, ...]


def check(folder: Path | str, /) -> Checked:
    """Check a dataset that `hwbench data publish` wrote.

    Raises:
        DataError: If the description lacks what Croissant requires, refers to what is not there,
            or does not fit the files.
        BundleError: If a bundle is damaged.
    """
    root = Path(folder)
    said = _read(root / CROISSANT)
    try:
        files = _check_description(root, said)
    except (AttributeError, LookupError, TypeError) as error:
        raise DataError(f"{root / CROISSANT}: not laid out as expected ({error!r})") from error
    found = sorted(path for path in root.glob(f"{BUNDLES}/*") if path.is_dir())
    for bundle in found:
        load_bundle(bundle)
    validator, wishes = _validated(root / CROISSANT)
    return Checked(files, len(said.get("recordSet", ())), len(found), validator, wishes)


def _check_description(root: Path, said: Mapping[str, Any]) -> int:
    """Check the description, and the files against it; return how many files it lists."""
    _check_dataset(said)
    _check_ids(said)
    files = {entry["@id"]: entry for entry in said["distribution"]}
    _check_files(root, files)
    for record_set in said.get("recordSet", ()):
        _check_columns(root, record_set, files)
    return len(files)


def _read(path: Path) -> dict[str, Any]:
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: no readable description of a dataset ({error})") from error
    if not isinstance(said, dict):
        raise DataError(f"{path}: expected a JSON object, got {type(said).__name__}")
    return said


def _check_dataset(said: Mapping[str, Any]) -> None:
    _require(said, (*_DATASET, "distribution"), "the dataset")
    if said.get("@type") not in ("sc:Dataset", "Dataset") or said.get("conformsTo") != CONFORMS_TO:
        raise DataError(f"the dataset must be a sc:Dataset and conform to {CONFORMS_TO}")
    context = said.get("@context")
    lacking = sorted(CONTEXT.keys() - (context.keys() if isinstance(context, dict) else set()))
    if lacking:
        raise DataError(f"the context lacks {', '.join(lacking)}")
    for entry in said["distribution"]:
        _require(entry, _FILE, f"file {entry.get('@id')}", kind="cr:FileObject")
    for record_set in said.get("recordSet", ()):
        name = f"record set {record_set.get('@id')}"
        _require(record_set, ("@id", "name", "field"), name, kind="cr:RecordSet")
        for field in record_set["field"]:
            _require(field, _FIELD, f"field {field.get('@id')}", kind="cr:Field")


def _require(
    said: Mapping[str, Any], names: tuple[str, ...], where: str, *, kind: str | None = None
) -> None:
    lacking = [name for name in names if said.get(name) in (None, "", [], {})]
    if lacking:
        raise DataError(f"{CROISSANT}: {where} lacks {', '.join(lacking)}")
    if kind is not None and said.get("@type") != kind:
        raise DataError(f"{CROISSANT}: {where} must be a {kind}, got {said.get('@type')!r}")


def _check_ids(said: Mapping[str, Any]) -> None:
    nodes = list(_nodes([said["distribution"], said.get("recordSet", [])]))
    defined = [str(node["@id"]) for node in nodes if "@id" in node and len(node) > 1]
    twice = sorted({name for name in defined if defined.count(name) > 1})
    if twice:
        raise DataError(f"{CROISSANT}: defined twice: {', '.join(twice)}")
    unknown = sorted({str(n["@id"]) for n in nodes if set(n) == {"@id"}} - set(defined))
    if unknown:
        raise DataError(f"{CROISSANT}: refers to what is not there: {', '.join(unknown)}")


def _nodes(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _nodes(item)


def _check_files(root: Path, files: Mapping[str, Mapping[str, Any]]) -> None:
    for entry in files.values():
        name = str(entry["contentUrl"])
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise DataError(f"{CROISSANT} names {name!r}, which leaves the folder")
        if not (root / name).is_file():
            raise DataError(f"{root / name}: no such file, but {CROISSANT} lists it")
        if digest(root / name) != entry["sha256"]:
            raise DataError(f"{root / name} was changed: its SHA-256 is another one")
    listed = {str(entry["contentUrl"]) for entry in files.values()}
    there = {p.relative_to(root).as_posix() for p in root.glob("*/**/*") if p.is_file()}
    extra = sorted(name for name in there - listed if not name.startswith("."))
    if extra:
        raise DataError(f"{root}: not part of the dataset: {', '.join(extra)}")


def _check_columns(
    root: Path, record_set: Mapping[str, Any], files: Mapping[str, Mapping[str, Any]]
) -> None:
    """Check that the fields are the columns of one Parquet file, types included."""
    parquet = require("pyarrow.parquet", "fit")
    name = record_set["@id"]
    sources = {field["source"]["fileObject"]["@id"] for field in record_set["field"]}
    entry = files.get(sources.pop()) if len(sources) == 1 else None
    if entry is None or entry["encodingFormat"] != PARQUET:
        raise DataError(f"{CROISSANT}: record set {name} must have one Parquet file as its source")
    schema = parquet.read_schema(root / str(entry["contentUrl"]))
    columns = {column.name: _kind(column.type) for column in schema}
    fields = {
        field["source"]["extract"]["column"]: (
            TYPES.get(field["dataType"], "unknown"),
            field.get("isArray", False),
        )
        for field in record_set["field"]
    }
    differing = sorted(
        column for column in columns.keys() | fields if columns.get(column) != fields.get(column)
    )
    if differing:
        raise DataError(f"record set {name} does not fit its file at {', '.join(differing)}")


def _kind(kind: Any) -> tuple[str, bool]:
    types = require("pyarrow", "fit").types
    if types.is_list(kind):
        return str(kind.value_type), True
    return str(kind), False


def _validated(path: Path) -> tuple[str | None, tuple[str, ...]]:
    if importlib.util.find_spec(_VALIDATOR) is None:
        return None, ()
    validator = require(_VALIDATOR, "publish")
    try:
        with _quiet():
            dataset = validator.Dataset(jsonld=str(path))
    except (validator.ValidationError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: {_VALIDATOR} refuses it: {error}") from error
    wishes = tuple(sorted(dataset.metadata.ctx.issues.warnings))
    return f"{_VALIDATOR} {version(_VALIDATOR)}", wishes


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the validator's own words off stderr: `Checked.warnings` has them."""
    log = logging.getLogger("absl")
    before = log.disabled
    log.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of what it uses of rdflib
            yield
    finally:
        log.disabled = before
