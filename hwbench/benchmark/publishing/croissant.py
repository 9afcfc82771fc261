"""The description of a dataset for machines: Croissant 1.1, JSON-LD.

Specification: https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html. Files lie beside
the description, so their addresses are relative, and each has its SHA-256.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from hwbench.benchmark.publishing.about import About
from hwbench.benchmark.publishing.columns import Column
from hwbench.benchmark.publishing.rows import TABLES

__all__ = ["CONFORMS_TO", "CONTEXT", "CROISSANT", "DATA", "PARQUET", "describe", "digest"]

CROISSANT: Final = "croissant.json"
DATA: Final = "data"
CONFORMS_TO: Final = "http://mlcommons.org/croissant/1.1"
PARQUET: Final = "application/x-parquet"

_FORMATS: Final = {
    ".parquet": PARQUET,
    ".json": "application/json",
    ".md": "text/markdown",
    ".safetensors": "application/octet-stream",
}
_OWN: Final = (
    *("annotation", "arrayShape", "citeAs", "column", "containedIn", "equivalentProperty"),
    *("excludes", "extract", "field", "fileObject", "fileProperty", "fileSet", "format"),
    *("includes", "isArray", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path"),
    *("readLines", "recordSet", "references", "regex", "repeated", "replace", "samplingRate"),
    *("sdVersion", "separator", "source", "subField", "transform", "unArchive", "value"),
)
CONTEXT: Final[dict[str, object]] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"},
    "description": {"@container": "@language"},
    **{name: f"cr:{name}" for name in _OWN},
}
"""The specification's JSON-LD context; `path` and the like are what mlcroissant asks for, too."""


def describe(
    folder: Path,
    about: About,
    description: str,
    columns: Mapping[str, Sequence[Column]],
    /,
    *,
    keywords: Sequence[str],
) -> dict[str, object]:
    """Describe the files of a dataset.

    Args:
        folder: Where they lie: what is in its sub-folders is described.
        about: What is said of the whole.
        description: What it is, for people.
        columns: Name of a config -> the columns of `data/NAME.parquet`.
        keywords: Words to find it by.
    """
    files = sorted(path for path in folder.glob("*/**/*") if path.is_file())
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": about.name,
        "description": description,
        "license": about.licence.url,
        "url": about.url,
        "creator": [{"@type": "sc:Organization", "name": name} for name in about.creators],
        "datePublished": about.date,
        "version": about.version,
        **({"citeAs": about.citation} if about.citation else {}),
        "keywords": list(keywords),
        "isLiveDataset": False,
        "distribution": [_file(folder, path) for path in files],
        "recordSet": [_record_set(name, columns[name]) for name in columns],
    }


def digest(path: Path, /) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _file(folder: Path, path: Path) -> dict[str, object]:
    name = path.relative_to(folder).as_posix()
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "contentUrl": name,
        "contentSize": f"{path.stat().st_size} B",
        "encodingFormat": _FORMATS[path.suffix],
        "sha256": digest(path),
    }


def _record_set(name: str, columns: Sequence[Column]) -> dict[str, object]:
    what = "the tables, one record each" if name == TABLES else "measurements, one record each"
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": f"{name}: {what}",
        "field": [_field(name, column) for column in columns],
    }


def _field(config: str, column: Column) -> dict[str, object]:
    array = {"isArray": True, "arrayShape": "-1"} if column.many else {}
    return {
        "@type": "cr:Field",
        "@id": f"{config}/{column.name}",
        "name": column.name,
        "description": column.description,
        "dataType": column.type,
        **array,
        "source": {
            "fileObject": {"@id": f"{DATA}/{config}.parquet"},
            "extract": {"column": column.name},
        },
    }
