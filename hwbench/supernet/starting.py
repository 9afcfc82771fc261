"""Begin a training of a supernet in a folder, or go on with the one that is there.

`make_card` prepares the text and writes down what is asked for; `train_run` trains it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from hwbench import spaces
from hwbench.data.text import Corpus, TokenizerKind, prepare
from hwbench.errors import DataError
from hwbench.spaces.gpt import network_of, trained_space
from hwbench.supernet.cost import Cost
from hwbench.supernet.runs import RUN, PenaltyChoice, RunCard, TextChoice
from hwbench.supernet.training import Processes, Report, TrainingConfig, TrainingResult, train

__all__ = ["Asked", "corpus_of", "make_card", "train_run"]


@dataclass(frozen=True)
class Asked:
    """What a person asks to be trained.

    Attributes:
        space: Name of the space.
        method: One of `hwbench.supernet.strategies.METHODS`.
        distribution: For "tanglenas": one of `hwbench.supernet.distributions.LEARNED`.
        order: For "tanglenas": 2 looks one step ahead.
        text: What names the text; see `hwbench.data.text.prepare`.
        vocab_size: Most tokens; None for as many as the network knows.
        tokenizer: Kind of tokenizer.
        penalty: What the search pays for large networks; None for nothing.
    """

    space: str
    method: str = "tanglenas"
    distribution: str = "drnas"
    order: int = 1
    text: str = "stdlib"
    vocab_size: int | None = None
    tokenizer: TokenizerKind = "auto"
    penalty: PenaltyChoice | None = None


def make_card(asked: Asked, config: TrainingConfig, own: Processes, /) -> RunCard:
    """Prepare the text and say what is to be trained on what.

    Raises:
        DataError: If there is no such text, or the network does not see so many tokens at once.
        UnknownNameError: If there is no such space.
    """
    space = trained_space(spaces.get(asked.space))
    if config.context > network_of(space).context:
        raise DataError(
            f"{space.name} sees at most {network_of(space).context} tokens at once, "
            f"got {config.context}"
        )
    if own.first:  # the others find it in the cache
        corpus_of(asked)
    own.wait()
    corpus = corpus_of(asked)
    return RunCard(
        space=space.name,
        network=space.network,
        method=asked.method,
        text=TextChoice(
            asked.text,
            _vocabulary(asked),
            asked.tokenizer,
            corpus.key,
            str(corpus.folder.resolve()),
        ),
        training=config,
        distribution=asked.distribution,
        order=asked.order,
        penalty=asked.penalty,
    )


def train_run(
    card: RunCard,
    out: Path,
    own: Processes,
    /,
    *,
    report: Report | None = None,
    cost: Cost | None = None,
) -> TrainingResult:
    """Begin a run in a folder, or go on with the one that is there.

    Args:
        card: What to train on what.
        out: Folder of the run.
        own: This process among others; the first one writes.
        report: As in `hwbench.supernet.training.train`.
        cost: What the card's penalty is on, if a bundle tells it.

    Raises:
        DataError: If the folder holds another run.
    """
    if (out / RUN).is_file():
        _same(RunCard.load(out), card, out)
    corpus, strategy = card.text.corpus(), card.strategy(cost=cost)
    if own.first:
        card.save(out)
        (out / "tokenizer.json").write_text(corpus.tokenizer.to_json(), encoding="utf-8")
    network = card.supernet(own.device)
    return train(network, strategy, corpus, card.training, out, processes=own, report=report)


def corpus_of(asked: Asked, /) -> Corpus:
    """Prepare the text that was asked for, or find it prepared; its key names the content.

    Raises:
        DataError: If there is no such text.
        UnknownNameError: If there is no such space.
    """
    return prepare(asked.text, vocab_size=_vocabulary(asked), tokenizer=asked.tokenizer)


def _vocabulary(asked: Asked) -> int:
    known = network_of(spaces.get(asked.space)).vocab_size
    return min(asked.vocab_size or known, known)


def _same(old: RunCard, new: RunCard, out: Path) -> None:
    """Refuse to mix two runs in one folder; what the training loop compares is left to it."""
    plain = [replace(c, training=new.training, text=new.text, versions={}) for c in (old, new)]
    if plain[0] != plain[1]:
        words = f"{old.space}, {old.method}"
        if replace(plain[0], penalty=None) == replace(plain[1], penalty=None):
            words += f", with {_words(old.penalty)} instead of {_words(new.penalty)}"
        raise DataError(f"{out} holds another run ({words}): remove it or take another folder")


def _words(penalty: PenaltyChoice | None) -> str:
    if penalty is None:
        return "no penalty"
    limit = "" if penalty.limit is None else f", limit {penalty.limit:g}"
    bundle = "" if penalty.bundle is None else f", bundle {penalty.bundle}"
    return f"a penalty of {penalty.strength:g} on {penalty.metric}{limit}{bundle}"
