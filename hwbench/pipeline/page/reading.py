"""Read the folder of a pipeline, finished or not."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hwbench.benchmark import Benchmark, load
from hwbench.errors import DataError, HwbenchError, SchemaError
from hwbench.pipeline.page.fields import Fields
from hwbench.pipeline.page.results import Device, Results
from hwbench.pipeline.stage import MARK, Record

__all__ = ["Step", "Story", "is_pipeline", "read_story"]

_STAGES: Final = ("train", "evaluate", "profile", "fit", "search", "verify")
_SCHEMA: Final = 1


@dataclass(frozen=True)
class Step:
    """A stage, and its record if it has begun."""

    name: str
    record: Record | None

    @property
    def state(self) -> str:
        """In a word: "done", "failed", "running" (or interrupted), or "missing"."""
        return "missing" if self.record is None else self.record.status


@dataclass(frozen=True)
class Story:
    """Everything the page tells.

    Attributes:
        name: Of the pipeline.
        space: Name of the search space.
        quick: Whether it was the quick run, which shows the way but not the size of anything.
        command: What to type to run it.
        steps: All stages, in their order.
        device: Where it was measured.
        results: What the verification found, or the searches alone; None if neither has.
        verified: Whether `results` are those of the verification.
        sha256: Of the bundle; empty if there is none.
        limits: What the bundle cannot tell; None if there is no bundle.
    """

    name: str
    space: str
    quick: bool
    command: str
    steps: tuple[Step, ...]
    device: Device
    results: Results | None
    verified: bool
    sha256: str
    limits: tuple[str, ...] | None

    @property
    def title(self) -> str:
        """The headline."""
        return f"Pipeline {self.name}: what it found, and how far its predictions held"

    @property
    def finished(self) -> bool:
        """Whether all stages are done and their results are there."""
        return self.verified and all(step.state == "done" for step in self.steps)


def is_pipeline(folder: Path, /) -> bool:
    """Tell whether a folder is one of a pipeline."""
    return (folder / MARK).is_file()


def read_story(folder: str | Path, /) -> Story:
    """Read the folder of a pipeline.

    Raises:
        DataError: If it is not one.
        SchemaError: If a file of it is damaged, or of another schema.
    """
    source = Path(folder)
    if not is_pipeline(source):
        raise DataError(f"{source} holds no pipeline ({MARK}); run `hwbench pipeline run`")
    about = Fields(_read(source / MARK))
    name, quick = about.text("name", "pipeline"), about.flag("quick") is True
    steps = tuple(Step(stage, Record.load(source / stage)) for stage in _STAGES)
    verified = (source / "verify" / "results.json").is_file()
    results = _results(source, verified=verified)
    bench = _bundle(source / "fit" / "bundle")
    return Story(
        name,
        about.text("space"),
        quick,
        _command(name, quick=quick),
        steps,
        results.device if results and verified else _measured_on(steps),
        results,
        verified,
        (results.sha256 if results else "") or (bench and bench.sha256) or "",
        bench.bundle.limits if bench else None,
    )


def _results(source: Path, *, verified: bool) -> Results | None:
    """Return what the verification found, or else what the searches did."""
    if verified:
        return Results.of(_read(source / "verify" / "results.json"))
    found = source / "search" / "found.json"
    return Results.of({"problems": _json(found)}) if found.is_file() else None


def _command(name: str, *, quick: bool) -> str:
    words = f"hwbench pipeline run pipelines/{name}.toml --out runs/{name}"
    return f"{words} --quick" if quick else words


def _measured_on(steps: tuple[Step, ...]) -> Device:
    known = (step.record for step in steps if step.name == "profile" and step.record)
    summary = next((dict(record.summary) for record in known), {})
    return Device.of(Fields(summary).inner("device"))


def _bundle(folder: Path) -> Benchmark | None:
    if not folder.is_dir():
        return None
    try:
        return load(folder)
    except HwbenchError:  # a page of half a pipeline is better than none
        return None


def _read(path: Path) -> dict[str, object]:
    found = _json(path)
    if not isinstance(found, dict) or found.get("schema") != _SCHEMA:
        raise SchemaError(f"{path} is no file of a pipeline of schema {_SCHEMA}")
    return found


def _json(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SchemaError(f"{path} is no JSON ({error}); run its stage again") from None
