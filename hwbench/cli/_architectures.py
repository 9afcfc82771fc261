"""Architectures on the command line: a word, a text, a file, or a file of many."""

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from hwbench.errors import HwbenchError, SpaceError, UnknownNameError
from hwbench.spaces import Architecture, Space, read_architecture

__all__ = ["WORDS", "read_lines", "read_word"]

WORDS = ("random", "smallest", "largest")


def read_word(word: str, space: Space, rng: np.random.Generator, /) -> Architecture:
    """Read what a person types for one architecture.

    Args:
        word: One of `WORDS`, `@FILE` with one architecture in it, our text or dict, or
            HW-GPT-Bench's key or dict.
        space: Where it must belong.
        rng: Draws a random one.

    Raises:
        SpaceError: If it cannot be read or does not belong to the space.
        UnknownNameError: If it is another single word.
    """
    if word == "random":
        return space.sample(rng)
    if word in WORDS:
        return space.smallest() if word == "smallest" else space.largest()
    if word.isalpha():
        raise UnknownNameError.of("architecture", word, (*WORDS, "or its text, or @FILE"))
    if not word.startswith("@"):
        return _read(word, space)
    path = Path(word[1:])
    try:
        return _read(path.read_text(encoding="utf-8"), space)
    except (HwbenchError, UnicodeDecodeError) as error:
        raise SpaceError(f"{path}: {error}") from None


def read_lines(name: str, space: Space, /) -> Iterator[Architecture]:
    """Yield the architectures of a file, one a line; blank lines are skipped.

    Args:
        name: The file; `-` is standard input.
        space: Where they must belong.

    Raises:
        SpaceError: If a line cannot be read; names file and line.
    """
    if name == "-":
        yield from _numbered(sys.stdin, "standard input", space)
        return
    with Path(name).open(encoding="utf-8") as lines:
        yield from _numbered(lines, name, space)


def _numbered(lines: Iterable[str], name: str, space: Space) -> Iterator[Architecture]:
    number = 0
    try:
        for line in lines:
            number += 1
            if line.strip():
                yield _read(line, space)
    except HwbenchError as error:
        raise SpaceError(f"{name} line {number}: {error}") from None
    except UnicodeDecodeError as error:
        raise SpaceError(f"{name} after line {number}: {error}") from None


def _read(text: str, space: Space) -> Architecture:
    word = text.strip()
    if not word.startswith(("{", '"')):
        return read_architecture(word, space)
    try:
        value = json.loads(word)
    except (ValueError, RecursionError) as error:
        raise SpaceError(f"no JSON: {error}") from None
    if not isinstance(value, str | dict):
        raise SpaceError(f"expected a text or an object, got {word[:40]!r}")
    return read_architecture(value, space)
