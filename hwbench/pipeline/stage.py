"""A stage of a pipeline and its record: what went in, what came out, and whether that still holds.

A stage's key hashes its settings, the contents of what it needs from earlier stages, and what else
it depends on (the device, the fit recipe). Its outputs are remembered by content, too. So a stage
is done if and only if its key and its outputs are what they were.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, get_args

from hwbench.data.files import write_text
from hwbench.errors import SchemaError
from hwbench.pipeline.recipe import PipelineRecipe

__all__ = [
    "MARK",
    "RECORD",
    "Outcome",
    "Record",
    "Say",
    "Stage",
    "Status",
    "Work",
    "digest_of",
    "file_digest",
    "key_of",
]

MARK: Final = "pipeline.json"
"""What marks the folder of a pipeline."""

RECORD: Final = "stage.json"
SCHEMA: Final = 1

Status: TypeAlias = Literal["running", "done", "failed"]
Say: TypeAlias = Callable[[str], None]
"""Told one line on how a stage is getting on."""


@dataclass(frozen=True)
class Work:
    """What a stage works with.

    Attributes:
        recipe: The pipeline.
        root: Folder of the pipeline; each stage has a folder of its name in it.
        say: Told how it is getting on.
    """

    recipe: PipelineRecipe
    root: Path
    say: Say

    def folder(self, stage: str, /) -> Path:
        """Return the folder of a stage."""
        return self.root / stage


@dataclass(frozen=True)
class Outcome:
    """What a stage came to.

    Attributes:
        outputs: Files that later stages and people read, relative to the stage's folder.
        summary: Its main figures, as JSON values.
        tokens: Tokens that networks were run on; None where that means nothing.
    """

    outputs: tuple[str, ...]
    summary: Mapping[str, Any]
    tokens: int | None = None


@dataclass(frozen=True)
class Stage:
    """A stage.

    Attributes:
        name: Name, and that of its folder.
        does: What it does, for people.
        needs: Stages whose outputs it reads.
        settings: Returns what of the recipe it depends on, as JSON values.
        run: Does it.
        beside: Returns what else it depends on: a device, the contents of a file.
    """

    name: str
    does: str
    needs: tuple[str, ...]
    settings: Callable[[PipelineRecipe], Mapping[str, Any]]
    run: Callable[[Work], Outcome]
    beside: Callable[[Work], Mapping[str, Any]] = lambda work: {}


@dataclass(frozen=True)
class Record:
    """What `stage.json` holds.

    Attributes:
        stage: Name of the stage.
        key: What went in; see `key_of`.
        status: "running" also stands for a stage that was interrupted.
        seconds: Time it took, interrupted attempts included.
        reason: Why it failed.
        tokens: See `Outcome`.
        outputs: File -> SHA-256 of its contents.
        summary: See `Outcome`.
    """

    stage: str
    key: str
    status: Status
    seconds: float = 0.0
    reason: str = ""
    tokens: int | None = None
    outputs: Mapping[str, str] = field(default_factory=dict)
    summary: Mapping[str, Any] = field(default_factory=dict)

    def save(self, folder: Path, /) -> None:
        """Write it to the folder of the stage."""
        text = json.dumps({"schema": SCHEMA, **asdict(self)}, indent=1, sort_keys=True)
        write_text(folder / RECORD, text + "\n")

    @classmethod
    def load(cls, folder: Path, /) -> Record | None:
        """Read the record of a folder; None if there is none.

        Raises:
            SchemaError: If it is damaged or of another version.
        """
        path = folder / RECORD
        if not path.is_file():
            return None
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            if values.pop("schema") != SCHEMA:
                raise SchemaError(f"{path}: of another version of hwbench")
            made = cls(**values)
            made._check()
            return made
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            if isinstance(error, SchemaError):
                raise
            raise SchemaError(
                f"{path}: damaged ({error}); remove the folder to begin anew"
            ) from error

    def _check(self) -> None:
        """Raise `TypeError` if a value is of another kind than this class writes."""
        texts = (self.stage, self.key, self.reason, *self.outputs, *self.outputs.values())
        known = self.status in get_args(Status) and all(isinstance(one, str) for one in texts)
        counts = type(self.seconds) in (int, float) and type(self.tokens) in (int, type(None))
        if not (known and counts and isinstance(self.summary, dict)):
            raise TypeError("a value of the wrong kind")

    def whole(self, folder: Path, /) -> bool:
        """Whether all outputs are there and are what was written."""
        return all(
            (folder / name).is_file() and file_digest(folder / name) == digest
            for name, digest in self.outputs.items()
        )


def key_of(stage: Stage, work: Work, needs: Mapping[str, Record], /) -> str:
    """Hash everything that a stage depends on.

    Args:
        stage: The stage.
        work: Where.
        needs: Records of the stages that it needs, all done.
    """
    recipe = work.recipe
    return digest_of(
        {
            "stage": stage.name,
            "space": recipe.space,
            "seed": recipe.seed,
            "settings": stage.settings(recipe),
            "beside": stage.beside(work),
            "needs": {name: needs[name].outputs for name in stage.needs},
        }
    )


def digest_of(values: object, /) -> str:
    """Return 16 hexadecimal digits that name a JSON value."""
    text = json.dumps(values, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def file_digest(path: Path, /) -> str:
    """Return the SHA-256 of a file's contents."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
