"""Find and run the code blocks of Markdown pages that are marked `run`.

A block opens with three backticks and `python run` or `console run`. Console blocks hold lines that
start with `$ ` (commands) and below each the output it must print; a command without output lines
is only run.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Block", "Command", "commands", "find", "refresh", "run_command"]

_FENCE = re.compile(r"^```(?P<language>\w+) run\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One runnable block: its language, what is in it, and the line it starts on."""

    language: str
    body: str
    line: int


@dataclass(frozen=True)
class Command:
    """One command of a console block and the output shown below it (empty: not shown)."""

    line: str
    output: str


def find(page: str, language: str) -> Iterator[Block]:
    """Yield the runnable blocks of one language, in order."""
    for match in _FENCE.finditer(page):
        if match["language"] == language:
            yield Block(language, match["body"], page.count("\n", 0, match.start()) + 1)


def commands(block: Block) -> Iterator[Command]:
    """Split a console block into its commands."""
    for part in re.split(r"^\$ ", block.body, flags=re.MULTILINE)[1:]:
        line, _, output = part.partition("\n")
        yield Command(line, output)


def run_command(line: str, folder: Path) -> str:
    """Run one line in `folder` and return what it printed to stdout.

    Only `hwbench` is run, with the interpreter at hand, so that a page cannot do anything else.
    """
    words = shlex.split(line, comments=True)
    if words[0] != "hwbench":
        raise ValueError(f"a runnable console line starts with `hwbench`, got {line!r}")
    done = subprocess.run(
        [sys.executable, "-m", "hwbench", *words[1:]],
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{line!r} ended with {done.returncode}: {done.stderr}")
    return done.stdout


def refresh(page: str, folder: Path) -> str:
    """Return the page with the output in its console blocks replaced by what is printed now."""

    def renew(match: re.Match[str]) -> str:
        if match["language"] != "console":
            return match[0]
        block = Block("console", match["body"], 0)
        parts = [
            f"$ {item.line}\n{run_command(item.line, folder) if item.output else ''}"
            for item in commands(block)
        ]
        return f"```console run\n{''.join(parts)}```"

    return _FENCE.sub(renew, page)
