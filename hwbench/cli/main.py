"""The root of the `hwbench` command: sub-commands loaded on use, logging, and exit codes.

A new sub-command is one file beside this one and one line in `COMMANDS`. Exit codes: 0 done; 1 done
in part, or the reader of the output went away; 2 wrong usage or input; 130 interrupted.
"""

import importlib
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

import click

from hwbench import __version__
from hwbench.cli._interrupts import INTERRUPTED, watched
from hwbench.cli._output import write_examples
from hwbench.errors import HwbenchError, UnknownNameError

__all__ = ["COMMANDS", "EXAMPLES", "EXIT_CODES", "cli", "main"]

EXIT_CODES = {
    0: "done",
    1: "done in part (each failure is named on stderr), or the output was closed early",
    2: "wrong usage or wrong input: one line `error: ...` on stderr says what",
    INTERRUPTED: "interrupted with Ctrl-C",
}

EXAMPLES = (
    "hwbench search gpt-s --device h100 --minimize perplexity --max latency=8ms",
    "hwbench query gpt-s --device h100 --arch random --seed 0",
    "hwbench card gpt-s",
    "hwbench doctor --json",
)


@dataclass(frozen=True)
class Entry:
    """Where a sub-command lives, and its line in `hwbench --help`, known without importing it."""

    section: str
    module: str
    attribute: str
    help: str


COMMANDS: dict[str, Entry] = {
    "quickstart": Entry(
        "Ask",
        "hwbench.cli.quickstart",
        "quickstart_command",
        "Measure this machine, search for the best network on it, and check the answer.",
    ),
    "query": Entry(
        "Ask", "hwbench.cli.query", "query", "Predict metrics of architectures on devices."
    ),
    "search": Entry(
        "Ask", "hwbench.cli.search", "search", "Find the best architectures within limits."
    ),
    "study": Entry(
        "Ask",
        "hwbench.cli.study",
        "study",
        "Compare search methods over seeds, problems and devices.",
    ),
    "report": Entry(
        "Ask",
        "hwbench.cli.report",
        "report",
        "Show a search, a study or a pipeline as one HTML page and plots.",
    ),
    "compare-published": Entry(
        "Ask",
        "hwbench.cli.compare_published",
        "compare_published",
        "Recompute the published tables of HW-GPT-Bench as one page.",
    ),
    "devices": Entry(
        "Look", "hwbench.cli.devices", "devices", "List the devices of the benchmarks."
    ),
    "card": Entry(
        "Look",
        "hwbench.cli.card",
        "card",
        "Show what a benchmark consists of and how good it is.",
    ),
    "spaces": Entry("Look", "hwbench.cli.spaces", "spaces", "List the search spaces."),
    "data": Entry(
        "Build", "hwbench.cli.data", "data", "Import measured data, and publish tables and bundles."
    ),
    "profile": Entry(
        "Build",
        "hwbench.cli.profile",
        "profile",
        "Measure latency, energy and memory on a device of your own.",
    ),
    "calibrate": Entry(
        "Build",
        "hwbench.cli.calibrate",
        "calibrate_command",
        "Add a device to a benchmark from few measurements of it.",
    ),
    "fit": Entry("Build", "hwbench.cli.fit", "fit", "Fit surrogates to tables and write bundles."),
    "supernet": Entry(
        "Build",
        "hwbench.cli.supernet",
        "supernet",
        "Train many networks in one, and see how good they are.",
    ),
    "pipeline": Entry(
        "Build",
        "hwbench.cli.pipeline",
        "pipeline",
        "Train, evaluate, profile, fit, search and verify in one command.",
    ),
    "doctor": Entry(
        "Help",
        "hwbench.cli.doctor",
        "doctor",
        "Show the environment and what each extra would add.",
    ),
}


class LazyGroup(click.Group):
    """A group that imports a sub-command only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the sub-commands, in the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one sub-command; `None` if there is none of that name."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        found: click.Command = getattr(importlib.import_module(entry.module), entry.attribute)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the sub-command that the arguments start with; offer the closest for a typo."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.UsageError(str(UnknownNameError.of("command", args[0], COMMANDS)), ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the sub-commands by section without importing any."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for name, entry in COMMANDS.items():
            sections.setdefault(entry.section, []).append((name, entry.help))
        for section, rows in sections.items():
            with formatter.section(section):
                formatter.write_dl(rows)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write examples and exit codes below the sub-commands."""
        write_examples(formatter, EXAMPLES)
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), text) for code, text in EXIT_CODES.items()])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="hwbench")
@click.option("-v", "--verbose", count=True, help="Log more to stderr; twice for debugging.")
@click.option("-q", "--quiet", is_flag=True, help="Log errors only.")
@click.pass_context
def cli(ctx: click.Context, verbose: int, quiet: bool) -> None:
    """Query and search hardware-aware benchmarks of neural architectures, offline.

    Results go to stdout, as a table or with --json as one JSON value; logs and progress go to
    stderr.
    """
    if os.environ.get("NO_COLOR"):
        ctx.color = False
    _start_logging(verbose=verbose, quiet=quiet)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave the process with one of `EXIT_CODES`.

    Args:
        arguments: What follows `hwbench` on the command line; the process's own by default.
    """
    with watched() as ctrl_c:
        try:
            code = _run(arguments)
        except Exception:
            if not ctrl_c.pressed:
                raise
            code = _report_interrupt()
        code = INTERRUPTED if code and ctrl_c.pressed else code
    sys.exit(code)


def _run(arguments: Sequence[str] | None) -> int:
    try:
        result = cli.main(arguments, prog_name="hwbench", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return error.exit_code
    except click.ClickException as error:
        return _report_usage(error)
    except click.Abort:
        return _report_interrupt()
    except HwbenchError as error:
        return _report(str(error))
    except BrokenPipeError:
        _silence_stdout()
        return 1
    except OSError as error:
        if error.filename is None:  # not about a file that the user named: a bug of ours
            raise
        return _report(f"{error.filename}: {error.strerror}")
    return result if isinstance(result, int) else 0


def _report_interrupt() -> int:
    click.echo("interrupted", err=True)
    return INTERRUPTED


def _report(message: str) -> int:
    click.echo(f"error: {message}", err=True)
    return 2


def _report_usage(error: click.ClickException) -> int:
    context = getattr(error, "ctx", None)
    if context is not None:
        click.echo(context.get_usage(), err=True)
        click.echo(f"See `{context.command_path} --help`.\n", err=True)
    return _report(error.format_message())


def _silence_stdout() -> None:
    """Point stdout to nowhere, so that Python's own flush at exit does not complain again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _start_logging(*, verbose: int, quiet: bool) -> None:
    level = logging.ERROR if quiet else max(logging.WARNING - 10 * verbose, logging.DEBUG)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("hwbench")
    logger.handlers = [handler]
    logger.setLevel(level)
