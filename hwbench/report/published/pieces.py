"""Results on disk, piece by piece, so that a comparison that was stopped goes on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwbench.data.files import write_text

__all__ = ["Pieces", "digest"]


@dataclass(frozen=True)
class Pieces:
    """A folder of JSON files, each with what it depends on.

    Attributes:
        folder: Where they lie; made on the first `put`.
    """

    folder: Path

    def get(self, name: str, key: object, /) -> Any | None:
        """Return a piece; None if there is none, or it depends on something else."""
        try:
            found = json.loads(self._path(name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        same = isinstance(found, dict) and found.get("key") == json.loads(json.dumps(key))
        return found.get("value") if same else None

    def put(self, name: str, key: object, value: object, /) -> None:
        """Write a piece, whole or not at all. Both must be what JSON can hold."""
        text = json.dumps({"key": key, "value": value}, indent=1, allow_nan=False)
        write_text(self._path(name), text + "\n")

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.json"


def digest(path: Path, /) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
