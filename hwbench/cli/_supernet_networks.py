"""Open one network: a subnet of a run, or what a retraining made."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from hwbench import spaces
from hwbench.cli._supernet_found import read_arch
from hwbench.data.text import Tokenizer
from hwbench.errors import SchemaError
from hwbench.models import saving
from hwbench.models.gpt import GPT
from hwbench.spaces import Architecture, Space
from hwbench.supernet.retraining import CARD, MODEL
from hwbench.supernet.runs import open_run

__all__ = ["Opened", "open_network"]


@dataclass(frozen=True)
class Opened:
    """A network and what belongs to it.

    Attributes:
        model: The network, on the CPU.
        arch: Its architecture.
        space: Its space.
        tokenizer: Of the text that it was trained on.
        origin: Where its weights come from.
    """

    model: GPT
    arch: Architecture
    space: Space
    tokenizer: Tokenizer
    origin: str


def open_network(folder: Path, word: str, /) -> Opened:
    """Open a network.

    Args:
        folder: Of a run, or of a retraining.
        word: Which subnet of a run; plays no part for a retraining.

    Raises:
        DataError: If there is neither.
        SpaceError: If the run has no such subnet.
    """
    if (folder / CARD).is_file():
        return _retrained(folder)
    run = open_run(folder)
    arch = read_arch(word, run)
    model = run.network.extract(arch).eval()
    return Opened(model, arch, run.space, run.corpus().tokenizer, f"{folder} {run.subject}")


def _retrained(folder: Path) -> Opened:
    path = folder / CARD
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        space, text = spaces.get(card["space"]), str(card["arch"])
    except (ValueError, KeyError, TypeError) as error:
        raise SchemaError(f"{path}: damaged ({error!r})") from error
    model = saving.load(folder / MODEL)
    words = (folder / MODEL / "tokenizer.json").read_text(encoding="utf-8")
    space = space.with_network(model.config.network.name)
    return Opened(model, space.parse(text), space, Tokenizer.from_json(words), str(folder))
