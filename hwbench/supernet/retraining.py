"""Train a found architecture by itself: from scratch, or on from the weights it inherits.

The loop is that of supernets, on both parts of the text that the search learned from. A folder of a
retraining holds `retrain.json`, logs, checkpoints and, at the end, the network in `model`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, cast

import torch

from hwbench.data.files import write_text
from hwbench.errors import DataError
from hwbench.models import build, saving
from hwbench.models.gpt import GPT
from hwbench.spaces import Architecture
from hwbench.supernet.evaluation import Quality, evaluate
from hwbench.supernet.runs import RunCard, SupernetRun
from hwbench.supernet.strategies import Standalone
from hwbench.supernet.training import TrainingConfig, TrainingResult, train

if TYPE_CHECKING:
    from hwbench.supernet.training import Processes, Report

__all__ = ["CARD", "MODEL", "Retrained", "Start", "fine_tuning", "retrain", "retrain_run"]

Start = Literal["scratch", "inherited"]
"""Which weights a retraining begins with."""

CARD: Final = "retrain.json"
MODEL: Final = "model"
_SEED: Final = 2_000_003  # first weights differ from those of a supernet of the same seed
_FINE_RATE: Final = 0.1
_FINE_STEPS: Final = 0.1


@dataclass(frozen=True)
class Retrained:
    """How a retraining ended.

    Attributes:
        arch: The architecture.
        network: The trained network.
        training: How the training ended; its validation names the network "network".
        test: Quality on the test part, which nothing was chosen by.
        folder: Where everything lies.
    """

    arch: Architecture
    network: GPT
    training: TrainingResult
    test: Quality
    folder: Path


def retrain_run(
    run: SupernetRun,
    arch: Architecture,
    folder: Path,
    /,
    *,
    start: Start = "scratch",
    training: TrainingConfig | None = None,
    report: Report | None = None,
    processes: Processes | None = None,
) -> Retrained:
    """Train an architecture of a supernet by itself; see `retrain`.

    Args:
        run: The supernet.
        arch: The architecture.
        folder: Where to.
        start: "inherited" begins with the supernet's weights.
        training: Settings; by default those of the supernet, or a tenth of its steps and of its
            learning rate for inherited weights.
        report: As in `train`.
        processes: As in `train`.
    """
    own = run.card.training
    settings = training or (own if start == "scratch" else fine_tuning(own))
    return retrain(
        run.card,
        arch,
        folder,
        training=settings,
        network=run.network.extract(arch) if start == "inherited" else None,
        origin=run.subject if start == "inherited" else "",
        report=report,
        processes=processes,
    )


def retrain(
    card: RunCard,
    arch: Architecture,
    folder: Path,
    /,
    *,
    training: TrainingConfig,
    network: GPT | None = None,
    origin: str = "",
    report: Report | None = None,
    processes: Processes | None = None,
) -> Retrained:
    """Train an architecture by itself, or go on where it stopped.

    Args:
        card: Names the space and the text.
        arch: The architecture.
        folder: Where checkpoints, logs and the network go; holds one architecture.
        training: How long, how fast; its seed gives the first weights.
        network: Weights to begin with; by default drawn anew.
        origin: Where they come from, for the card of the folder.
        report: As in `train`.
        processes: As in `train`.

    Raises:
        DataError: If the folder holds another retraining.
        SpaceError: If the architecture does not belong to the space.
    """
    space = card.the_space()
    device = "cpu" if processes is None else processes.device
    if network is None:
        generator = torch.Generator().manual_seed(_SEED + training.seed)
        network = cast(GPT, build(arch, space, generator=generator))
    network = network.to(device).train()
    _claim(
        folder, {"space": space.name, "arch": str(arch), "origin": origin, "text": card.text.key}
    )
    corpus = card.text.corpus()
    ended = train(
        network, Standalone(), corpus, training, folder, processes=processes, report=report
    )
    rows = corpus.windows("test", context=training.context).rows(training.validate_rows)
    test = evaluate(network, None, rows, precision=training.precision)
    if processes is None or processes.first:
        about = {"arch": str(arch), "space": space.name, "steps": ended.step, "origin": origin}
        saving.save(network, folder / MODEL, about={**about, "test": asdict(test)})
        write_text(folder / MODEL / "tokenizer.json", corpus.tokenizer.to_json())
    return Retrained(arch, network, ended, test, folder)


def fine_tuning(training: TrainingConfig, /) -> TrainingConfig:
    """Return settings to go on from trained weights: a tenth of the steps and of the rate."""
    return replace(
        training,
        steps=max(1, round(training.steps * _FINE_STEPS)),
        warmup=round(training.warmup * _FINE_STEPS),
        learning_rate=training.learning_rate * _FINE_RATE,
        min_learning_rate=training.min_learning_rate * _FINE_RATE,
    )


def _claim(folder: Path, what: Mapping[str, Any]) -> None:
    """Write what a folder is for, or check that it is for this."""
    path = folder / CARD
    if not path.is_file():
        write_text(path, json.dumps(what, indent=2) + "\n")
        return
    try:
        there = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path}: damaged ({error})") from error
    if there != dict(what):
        raise DataError(
            f"{folder} holds the retraining of another network ({there.get('arch', '?')}): "
            "remove it or take another folder"
        )
