"""`hwbench pipeline`: from text to a verified search result in one command."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hwbench.cli._output import Column, command, json_option, write_json, write_table
from hwbench.errors import SchemaError, require

if TYPE_CHECKING:
    from hwbench.pipeline.recipe import PipelineRecipe
    from hwbench.pipeline.running import Standing

__all__ = ["pipeline"]

_IN_PART = 1
_FILE = click.argument(
    "pipeline_file", metavar="PIPELINE", type=click.Path(dir_okay=False, path_type=Path)
)
_OUT = click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the pipeline.",
)
_QUICK = click.option("--quick", is_flag=True, help="The small variant, for a first look.")
_SET = click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="SECTION.KEY=VALUE",
    help="Another value than the file's: profile.device=cuda. May be given again.",
)


@click.group("pipeline")
def pipeline() -> None:
    """Train, evaluate, profile, fit, search and verify in one command."""


@command(
    "run",
    examples=[
        "hwbench pipeline run pipelines/nano.toml --out runs/nano",
        "hwbench pipeline run pipelines/nano.toml --out runs/first-look --quick",
        "hwbench pipeline run pipelines/nano.toml --out runs/nano --stage profile",
        "hwbench pipeline run pipelines/nano.toml --out runs/nano --set verify.seeds=5",
    ],
)
@_FILE
@_OUT
@_QUICK
@click.option(
    "--stage", "only", metavar="STAGE", multiple=True, help="Only this stage; may be given again."
)
@click.option(
    "--redo", metavar="STAGE", multiple=True, help="Do this stage again; may be given again."
)
@_SET
@json_option
@click.pass_context
def run(
    ctx: click.Context,
    pipeline_file: Path,
    out: Path,
    quick: bool,
    only: Sequence[str],
    redo: Sequence[str],
    changes: Sequence[str],
    as_json: bool,
) -> None:
    """Run the stages that are not done; the same command goes on.

    STAGE is one of train, evaluate, profile, fit, search and verify.

    A stage is done as long as its settings, its inputs and its outputs are what they were; what a
    change touches is done again, and the old folder kept in OUT/old. A stage that fails leaves the
    others whole; the exit code is then 1. `hwbench report OUT` shows what came out.
    """
    recipe = _read(pipeline_file, quick, changes)
    from hwbench.pipeline.running import PipelineError, run_pipeline, standing

    try:
        found = run_pipeline(
            recipe, out, only=only, redo=redo, say=lambda line: click.echo(line, err=True)
        )
    except PipelineError as error:
        _show(standing(recipe, out), as_json=as_json)
        click.echo(f"error: {error}", err=True)
        ctx.exit(_IN_PART)
    except KeyboardInterrupt:
        click.echo("\nwhat is done is kept; the same command goes on", err=True)
        raise
    _show(found, as_json=as_json)


@command(
    "status",
    examples=["hwbench pipeline status pipelines/nano.toml --out runs/nano"],
)
@_FILE
@_OUT
@_QUICK
@_SET
@json_option
def status(
    pipeline_file: Path, out: Path, quick: bool, changes: Sequence[str], as_json: bool
) -> None:
    """Say which stages are done, changed, failed or waiting."""
    recipe = _read(pipeline_file, quick, changes)
    from hwbench.pipeline.running import standing

    _show(standing(recipe, out), as_json=as_json)


pipeline.add_command(run)
pipeline.add_command(status)


def _read(path: Path, quick: bool, changes: Sequence[str]) -> PipelineRecipe:
    """Read the file once all that a pipeline needs is there."""
    require("torch", "all")
    require("safetensors", "all")
    require("sklearn", "all")
    require("pyarrow", "all")
    from hwbench.pipeline.checking import check
    from hwbench.pipeline.pipeline_file import read_pipeline

    recipe = read_pipeline(path, quick=quick, changes=dict(map(_change, changes)))
    check(recipe)
    return recipe


def _change(text: str) -> tuple[str, Any]:
    place, equals, value = text.partition("=")
    if not equals:
        raise SchemaError(f"--set wants SECTION.KEY=VALUE, got {text!r}")
    words = {"true": True, "false": False, "none": None}
    if value in words:
        return place, words[value]
    try:
        return place, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return place, value  # a word


def _show(found: Sequence[Standing], *, as_json: bool) -> None:
    if as_json:
        write_json({"stages": [_record(one) for one in found]})
        return
    rows = [
        (
            one.stage.name,
            one.state,
            None if one.record is None else f"{one.record.seconds:.0f} s",
            None if one.record is None or not one.record.tokens else f"{one.record.tokens:,}",
            one.stage.does if one.state != "failed" or one.record is None else one.record.reason,
        )
        for one in found
    ]
    columns = [
        Column("stage"),
        Column("state"),
        Column("time", "right"),
        Column("tokens", "right"),
        Column("what"),
    ]
    write_table(columns, rows)


def _record(one: Standing) -> dict[str, object]:
    made = one.record
    return {
        "stage": one.stage.name,
        "state": one.state,
        "seconds": None if made is None else made.seconds,
        "tokens": None if made is None else made.tokens,
        "reason": None if made is None else made.reason or None,
        "summary": None if made is None else dict(made.summary),
    }
