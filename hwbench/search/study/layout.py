"""Where the parts of a study lie in its folder."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from hwbench.errors import SchemaError

__all__ = ["CURVES", "RESULTS", "SCHEMA", "STUDY", "SUMMARY", "proof_file", "run_folder"]

SCHEMA: Final = 1
STUDY: Final = "study.json"
SUMMARY: Final = "summary.json"
RESULTS: Final = "results"
CURVES: Final = "curves"


def run_folder(out: Path, problem: str, method: str, seed: int, /) -> Path:
    """Return the folder of one run."""
    return out / "runs" / problem / f"{method}-{seed}"


def proof_file(out: Path, problem: str, /) -> Path:
    """Return the file of the exact front of a problem, `.npz`."""
    return out / "exact" / f"{problem}.npz"


def write_json(path: Path, value: Mapping[str, object], /) -> None:
    """Write a JSON file, whole or not at all."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    text = json.dumps({"schema": SCHEMA, **value}, indent=1, ensure_ascii=False, allow_nan=False)
    part.write_text(text + "\n", encoding="utf-8")
    part.replace(path)


def read_json(path: Path, /) -> dict[str, Any]:
    """Read what `write_json` wrote.

    Raises:
        SchemaError: If it is something else, or of another schema version.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SchemaError(f"{path} is no JSON: {error}") from None
    if not isinstance(found, dict) or found.pop("schema", None) != SCHEMA:
        raise SchemaError(f"{path} is no file of a study of schema {SCHEMA}")
    return found
