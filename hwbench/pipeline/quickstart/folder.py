"""The folder of a quickstart: where everything lies, and what it was made with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hwbench.data.files import write_text
from hwbench.errors import DataError, SchemaError

__all__ = ["STATE", "Folder"]

STATE: Final = "quickstart.json"
_SCHEMA: Final = 1


@dataclass(frozen=True)
class Folder:
    """The folder.

    Attributes:
        root: Where it is.
    """

    root: Path

    @property
    def journal(self) -> Path:
        """The measurements that the benchmark is made of."""
        return self.root / "journal"

    @property
    def bundle(self) -> Path:
        """The benchmark."""
        return self.root / "bundle"

    @property
    def search(self) -> Path:
        """The run and the exact front."""
        return self.root / "search"

    @property
    def check(self) -> Path:
        """Measurements of answers, each in a folder of its own."""
        return self.root / "check"

    def claim(self, asked: Mapping[str, object], /) -> None:
        """Take the folder, or check that it holds what was asked for.

        Raises:
            DataError: If it holds something else.
            SchemaError: If its record cannot be read.
        """
        known = self.state()
        if not known:
            if self.root.exists() and (not self.root.is_dir() or any(self.root.iterdir())):
                raise DataError(f"{self.root} holds something else; name another folder")
            self.keep({"asked": asked})
        elif known["asked"] != asked and self.journal.exists():
            there = ", ".join(f"{name} {value}" for name, value in known["asked"].items())
            raise DataError(f"{self.root} holds a quickstart of {there}; name another folder")
        elif known["asked"] != asked:  # nothing was measured yet
            self.keep({"asked": asked})

    def state(self) -> dict[str, Any]:
        """Read the record; empty if there is none.

        Raises:
            SchemaError: If it is damaged or of another version.
        """
        path = self.root / STATE
        if not path.is_file():
            return {}
        try:
            known = dict(json.loads(path.read_text(encoding="utf-8")))
            schema, _ = known.pop("schema"), known["asked"]
        except (ValueError, KeyError, TypeError) as error:
            raise SchemaError(f"{path}: damaged ({error!r}); name another folder") from error
        if schema != _SCHEMA:
            raise SchemaError(f"{path}: of another version of hwbench; name another folder")
        return known

    def keep(self, state: Mapping[str, object], /) -> None:
        """Write the record."""
        text = json.dumps({"schema": _SCHEMA, **state}, indent=1)
        write_text(self.root / STATE, text + "\n")
