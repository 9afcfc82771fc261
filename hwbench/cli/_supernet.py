"""What `hwbench supernet` shares between its commands: beginning a run, and what is printed."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hwbench.cli._output import write_fields, write_json
from hwbench.errors import DataError, require

if TYPE_CHECKING:
    from hwbench.data.text import TokenizerKind
    from hwbench.supernet.quality_files import Evaluated
    from hwbench.supernet.runs import PenaltyChoice, RunCard
    from hwbench.supernet.training import Processes, Progress, TrainingConfig, TrainingResult

__all__ = [
    "Asked",
    "make_card",
    "require_torch",
    "show_count",
    "train_run",
    "write_qualities",
    "write_result",
]


def require_torch() -> None:
    """Say which extra is missing before anything is imported.

    Raises:
        MissingExtraError: If torch or safetensors is not installed.
    """
    require("torch", "train")
    require("safetensors", "train")


@dataclass(frozen=True)
class Asked:
    """What a person asks to be trained; names as on the command line."""

    space: str
    method: str
    distribution: str
    order: int
    text: str
    vocab_size: int | None
    tokenizer: TokenizerKind
    penalty: PenaltyChoice | None


def make_card(asked: Asked, config: TrainingConfig, own: Processes) -> RunCard:
    """Prepare the text and say what is to be trained on what.

    Raises:
        DataError: If there is no such text, or the network does not see so many tokens at once.
    """
    from hwbench import spaces
    from hwbench.data.text import prepare
    from hwbench.spaces.gpt import network_of
    from hwbench.supernet.runs import RunCard, TextChoice

    space = spaces.get(asked.space)
    if "supernet" in space.networks:
        space = space.with_network("supernet")
    network = network_of(space)
    if config.context > network.context:
        raise DataError(
            f"{space.name} sees at most {network.context} tokens at once, got {config.context}"
        )
    size = min(asked.vocab_size or network.vocab_size, network.vocab_size)
    if own.first:  # the others find it in the cache
        prepare(asked.text, vocab_size=size, tokenizer=asked.tokenizer)
    own.wait()
    corpus = prepare(asked.text, vocab_size=size, tokenizer=asked.tokenizer)
    kept = TextChoice(asked.text, size, asked.tokenizer, corpus.key, str(corpus.folder.resolve()))
    return RunCard(
        space=space.name,
        network=space.network,
        method=asked.method,
        text=kept,
        training=config,
        distribution=asked.distribution,
        order=asked.order,
        penalty=asked.penalty,
    )


def train_run(card: RunCard, out: Path, own: Processes) -> TrainingResult:
    """Begin a run in a folder, or go on with the one that is there.

    Raises:
        DataError: If the folder holds another run.
    """
    from hwbench.supernet.runs import RUN, RunCard
    from hwbench.supernet.training import train

    if (out / RUN).is_file():
        _same(RunCard.load(out), card, out)
    corpus, strategy = card.text.corpus(), card.strategy()
    if own.first:
        card.save(out)
        (out / "tokenizer.json").write_text(corpus.tokenizer.to_json(), encoding="utf-8")
    network = card.supernet(own.device)
    report = _progress if own.first else None
    return train(network, strategy, corpus, card.training, out, processes=own, report=report)


def _same(old: RunCard, new: RunCard, out: Path) -> None:
    """Refuse to mix two runs in one folder; what the training loop compares is left to it."""
    plain = [replace(c, training=new.training, text=new.text, versions={}) for c in (old, new)]
    if plain[0] != plain[1]:
        raise DataError(
            f"{out} holds another run ({old.space}, {old.method}): remove it or take another folder"
        )


def _progress(progress: Progress) -> None:
    """Write one line; on a terminal it is overwritten, except where validation was looked at."""
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[K{progress}", nl=bool(progress.validation), err=True)
    else:
        click.echo(str(progress), err=True)


def show_count(done: int, total: int) -> None:
    """Write how many subnets are done."""
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[K{done}/{total} subnets", nl=done == total, err=True)
    elif done == total or done % max(total // 10, 1) == 0:
        click.echo(f"{done}/{total} subnets", err=True)


def write_result(result: TrainingResult, out: Path, *, as_json: bool) -> None:
    """Print how a training run ended."""
    from hwbench.supernet.runs import open_run

    run = open_run(out)
    mode = run.strategy.watched().get("mode")
    if as_json:
        validation = {
            name: {"loss": q.loss, "perplexity": q.perplexity, "accuracy": q.accuracy}
            for name, q in result.validation.items()
        }
        write_json(
            {
                "out": str(out),
                "space": run.card.space,
                "method": run.card.method,
                "step": result.step,
                "loss": result.loss,
                "validation": validation,
                "mode": None if mode is None else str(mode),
                "passes": result.passes,
                "tokens": result.tokens,
                "seconds": result.seconds,
                "checkpoint": str(result.checkpoint),
            }
        )
        return
    fields: dict[str, object] = {"steps": result.step, "training loss": f"{result.loss:.4f}"}
    for name, quality in result.validation.items():
        fields[f"loss of {name}"] = f"{quality.loss:.4f} (perplexity {quality.perplexity:.2f})"
    if mode is not None:
        fields["architecture"] = mode
    fields["tokens"] = f"{result.tokens:,} in {result.passes:,} passes"
    fields["seconds"] = f"{result.seconds:.1f}"
    write_fields({**fields, "checkpoint": result.checkpoint})


def write_qualities(found: Evaluated, out: Path, tables: list[Path], *, as_json: bool) -> None:
    """Print what an evaluation found."""
    order = sorted(range(len(found.archs)), key=lambda i: found.qualities[i].loss)
    best, worst = order[0], order[-1]
    if as_json:
        write_json(
            {
                "out": str(out),
                "tables": [str(path) for path in tables],
                "n": len(found.archs),
                **found.about,
                "best": {
                    "architecture": str(found.archs[best]),
                    "perplexity": found.qualities[best].perplexity,
                    "accuracy": found.qualities[best].accuracy,
                },
                "worst_perplexity": found.qualities[worst].perplexity,
            }
        )
        return
    write_fields(
        {
            "subnets": len(found.archs),
            "tokens each": found.qualities[best].tokens,
            "perplexity": f"{found.qualities[best].perplexity:.3f} to "
            f"{found.qualities[worst].perplexity:.3f}",
            "best": found.archs[best],
            "wrote": ", ".join(map(str, [out, *tables])),
        }
    )
