"""Stage "train": the supernet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from hwbench.pipeline.recipe import PipelineRecipe
from hwbench.pipeline.stage import Outcome, Stage, Work

if TYPE_CHECKING:
    from hwbench.data.text import TokenizerKind
    from hwbench.supernet.runs import RunCard, SupernetRun
    from hwbench.supernet.starting import Asked
    from hwbench.supernet.training import Processes

__all__ = ["NAME", "STAGE", "computing", "open_supernet", "training_card"]

NAME: Final = "train"


def training_card(recipe: PipelineRecipe, own: Processes, /) -> RunCard:
    """Say what the pipeline's supernet is trained on; prepares the text.

    Args:
        recipe: The pipeline.
        own: The processes that train.
    """
    from hwbench.supernet.starting import make_card
    from hwbench.supernet.training import preset

    settings = {"seed": recipe.seed, **recipe.train.settings}
    return make_card(_asked(recipe), preset(recipe.space, **settings), own)


@contextmanager
def computing(recipe: PipelineRecipe, /) -> Iterator[Processes]:
    """Give the processes and the device to compute with, and as many threads as were asked for."""
    import torch

    from hwbench.supernet.training import processes

    usual = torch.get_num_threads()
    torch.set_num_threads(recipe.train.threads or usual)
    try:
        with processes(recipe.train.device) as own:
            yield own
    finally:
        torch.set_num_threads(usual)


def open_supernet(work: Work, own: Processes, /) -> SupernetRun:
    """Open the trained supernet of a pipeline."""
    from hwbench.supernet.runs import open_run

    return open_run(work.folder(NAME), device=own.device)


def _asked(recipe: PipelineRecipe) -> Asked:
    from hwbench.supernet.starting import Asked

    train, text = recipe.train, recipe.text
    return Asked(
        space=recipe.space,
        method=train.method,
        distribution=train.distribution,
        order=train.order,
        text=text.source,
        vocab_size=text.vocab_size,
        tokenizer=cast("TokenizerKind", text.tokenizer),
    )


def _beside(work: Work) -> Mapping[str, Any]:
    """Return the key of the text: the same words may name another content by now."""
    from hwbench.supernet.starting import corpus_of

    return {"text": corpus_of(_asked(work.recipe)).key}


def _settings(recipe: PipelineRecipe) -> Mapping[str, Any]:
    return {"text": asdict(recipe.text), "train": asdict(recipe.train)}


def _run(work: Work) -> Outcome:
    from hwbench.supernet.starting import train_run

    folder = work.folder(NAME)
    with computing(work.recipe) as own:
        card = training_card(work.recipe, own)
        ended = train_run(card, folder, own, report=lambda progress: work.say(str(progress)))
        mode = open_supernet(work, own).strategy.watched().get("mode")
    return Outcome(
        outputs=_outputs(folder, ended.checkpoint),
        summary={
            "method": card.method,
            "steps": ended.step,
            "loss": ended.loss,
            "mode": None if mode is None else str(mode),
        },
        tokens=ended.tokens,
    )


def _outputs(folder: Path, checkpoint: Path | None) -> tuple[str, ...]:
    """Name the weights; run.json stands for text and settings."""
    assert checkpoint is not None  # the last step always leaves one
    weights = checkpoint.resolve().relative_to(folder.resolve()) / "weights.safetensors"
    return ("run.json", weights.as_posix())


STAGE: Final = Stage(NAME, "train a supernet", (), _settings, _run, _beside)
