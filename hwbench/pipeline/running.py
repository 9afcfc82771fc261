"""Run the stages of a pipeline that are not done, in order; run it again and it goes on.

A stage whose inputs changed begins anew: its old folder is set aside under `old/`, not deleted, and
comes back when the inputs do. A stage that fails leaves the others' results whole; stages that do
not need it still run.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

from hwbench import __version__
from hwbench.data.files import write_text
from hwbench.errors import DataError, HwbenchError, UnknownNameError
from hwbench.pipeline.keeping import Clock, last_kept, set_aside
from hwbench.pipeline.recipe import PipelineRecipe
from hwbench.pipeline.stage import (
    MARK,
    Outcome,
    Record,
    Say,
    Stage,
    Work,
    digest_of,
    file_digest,
    key_of,
)
from hwbench.pipeline.stages import STAGES
from hwbench.profiling.devices.locking import DeviceBusyError, locked

__all__ = ["MARK", "PipelineError", "Standing", "read_mark", "run_pipeline", "standing"]

_OLD: Final = "old"

State = Literal["done", "failed", "interrupted", "changed", "waiting"]
"""How a stage stands: "changed" if its inputs or its outputs are not what they were; "waiting" if
it was never run."""


class PipelineError(HwbenchError, RuntimeError):
    """A stage failed; what the others made is whole."""


@dataclass(frozen=True)
class Standing:
    """How a stage stands.

    Attributes:
        stage: The stage.
        state: In a word.
        record: Its record, if it has one.
    """

    stage: Stage
    state: State
    record: Record | None


def run_pipeline(
    recipe: PipelineRecipe,
    root: Path,
    /,
    *,
    only: Sequence[str] = (),
    redo: Sequence[str] = (),
    say: Say = lambda line: None,
) -> list[Standing]:
    """Run what is not done.

    Args:
        recipe: The pipeline.
        root: Its folder.
        only: Stages to run; none for all.
        redo: Stages to run even if they are done.
        say: Told how it is getting on.

    Raises:
        UnknownNameError: If there is no such stage.
        DataError: If a stage that was asked for needs one that is not done, or if one is to be done
            again that was not asked for.
        PipelineError: If a stage failed; says which, why and how to go on.
    """
    _check_names(only, redo)
    work = Work(recipe, root, say)
    failed: dict[str, str] = {}
    with _alone(root):
        _mark(recipe, root)
        for number, stage in enumerate(STAGES, start=1):
            if only and stage.name not in only:
                continue
            if any(need in failed for need in stage.needs):
                failed[stage.name] = "needs a stage that failed"
                continue
            title = f"[{number}/{len(STAGES)} {stage.name}]"
            told = replace(work, say=_with_title(title, say))
            try:
                _run_stage(stage, told, anew=stage.name in redo)
            except (HwbenchError, OSError) as error:
                if only and isinstance(error, _NotReadyError):
                    raise
                failed[stage.name] = str(error)
                told.say(f"failed: {error}")
    if failed:
        name, reason = next(iter(failed.items()))
        how = "the same command without --redo" if redo else "the same command"
        raise PipelineError(f"stage {name} failed: {reason}; {how} goes on from there")
    return standing(recipe, root)


def standing(recipe: PipelineRecipe, root: Path, /) -> list[Standing]:
    """Tell how each stage stands, by its record and the contents of files."""
    work = Work(recipe, root, lambda line: None)
    found: dict[str, Standing] = {}
    for stage in STAGES:
        record = Record.load(work.folder(stage.name))
        found[stage.name] = Standing(stage, _state(stage, work, record, found), record)
    return list(found.values())


def _check_names(only: Sequence[str], redo: Sequence[str]) -> None:
    known = [stage.name for stage in STAGES]
    for name in (*only, *redo):
        if name not in known:
            raise UnknownNameError.of("stage", name, known)
    for name in redo:
        if only and name not in only:
            raise DataError(f"{name} is to be done again, but only {', '.join(only)} is asked for")


class _NotReadyError(DataError):
    """A stage was asked for before those that it needs."""


def _run_stage(stage: Stage, work: Work, *, anew: bool) -> None:
    """Run one stage unless it is done."""
    key = key_of(stage, work, _needed(stage, work))
    folder = work.folder(stage.name)
    record = _claim(stage, work, key, anew=anew)
    if record is not None and record.status == "done" and record.whole(folder):
        work.say(f"is done: {stage.does}")
        return
    work.say(stage.does)
    spent = 0.0 if record is None else record.seconds
    now = Record(stage.name, key, "running", seconds=spent)
    now.save(folder)
    clock = Clock(now, folder, time.monotonic())
    try:
        outcome = stage.run(replace(work, say=clock.kept(work.say)))
        done = _done(clock.record(), outcome, folder)
    except BaseException as error:
        ended = clock.record()
        if isinstance(error, Exception):
            ended = replace(ended, status="failed", reason=str(error))
        with suppress(OSError):  # a full disk: what went wrong is more to the point
            ended.save(folder)
        raise
    done.save(folder)
    work.say(f"done in {done.seconds:.0f} s")


def _done(record: Record, outcome: Outcome, folder: Path) -> Record:
    outputs = {name: file_digest(folder / name) for name in sorted(outcome.outputs)}
    return replace(
        record,
        status="done",
        tokens=outcome.tokens,
        outputs=outputs,
        summary=dict(outcome.summary),
    )


def _needed(stage: Stage, work: Work) -> dict[str, Record]:
    """Return the records of the stages that a stage needs.

    Raises:
        DataError: If one is not done.
    """
    found = {}
    for name in stage.needs:
        record = Record.load(work.folder(name))
        if record is None or record.status != "done" or not record.whole(work.folder(name)):
            raise _NotReadyError(f"{stage.name} needs {name}, which is not done; run it first")
        found[name] = record
    return found


def _claim(stage: Stage, work: Work, key: str, *, anew: bool) -> Record | None:
    """Make the folder of a stage fit for a key; return the record that is there for it."""
    folder = work.folder(stage.name)
    record = Record.load(folder)
    if record is not None and (record.key != key or anew):
        set_aside(folder, work.root / _OLD / f"{stage.name}-{record.key}")
        record = None
    elif record is None and folder.is_dir() and any(folder.iterdir()):
        set_aside(folder, work.root / _OLD / f"{stage.name}-unknown")  # nobody knows of what
    kept = last_kept(work.root / _OLD / f"{stage.name}-{key}")
    if record is None and not anew and kept is not None and not folder.exists():
        kept.rename(folder)
        record = Record.load(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return record


def _state(
    stage: Stage, work: Work, record: Record | None, earlier: Mapping[str, Standing]
) -> State:
    if record is None:
        return "waiting"
    if record.status == "failed":
        return "failed"
    if not _same_key(stage, work, record, earlier):
        return "changed"
    if record.status == "running":
        return "interrupted"
    return "done" if record.whole(work.folder(stage.name)) else "changed"


def _same_key(stage: Stage, work: Work, record: Record, earlier: Mapping[str, Standing]) -> bool:
    """Whether what goes in is what went in; not if it cannot be told, as of a device elsewhere."""
    done = {name: one.record for name, one in earlier.items() if one.state == "done" and one.record}
    if not set(stage.needs) <= set(done):
        return False
    try:
        return record.key == key_of(stage, work, done)
    except HwbenchError:
        return False


def _mark(recipe: PipelineRecipe, root: Path) -> None:
    """Say in the folder what it is.

    Raises:
        DataError: If it is the folder of another pipeline, or holds something else.
    """
    path = root / MARK
    if not path.is_file() and root.is_dir() and any(root.iterdir()):
        raise DataError(f"{root} is not empty and holds no pipeline; name another folder")
    if path.is_file():
        there = read_mark(root)
        if (there.get("name"), there.get("space")) != (recipe.name, recipe.space):
            raise DataError(f"{root} holds the pipeline {there.get('name')}; name another folder")
    values = {
        "schema": 1,
        "name": recipe.name,
        "space": recipe.space,
        "quick": recipe.quick,
        "hwbench": __version__,
        "recipe": recipe.to_dict(),
    }
    write_text(path, json.dumps(values, indent=1, default=str) + "\n")


def read_mark(root: Path, /) -> Mapping[str, Any]:
    """Read what `pipeline.json` says.

    Raises:
        DataError: If the folder holds no pipeline, or the file is damaged.
    """
    try:
        values = json.loads((root / MARK).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{root} holds no pipeline ({error})") from error
    if not isinstance(values, dict):
        raise DataError(f"{root / MARK}: damaged")
    return values


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Keep a second run of this user out of the folder."""
    try:
        with locked(f"pipeline-{digest_of(str(root.resolve()))}", label=str(root)):
            yield
    except DeviceBusyError as error:
        raise DataError(
            f"another process runs the pipeline in {root}: wait until it ends"
        ) from error


def _with_title(title: str, say: Say) -> Say:
    return lambda line: say(f"{title} {line}")
