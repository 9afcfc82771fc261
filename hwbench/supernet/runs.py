"""The folder of a run: what was trained on what, so that later commands need its path alone.

`run.json` says it; beside it lie the checkpoints, the logs and a copy of the tokenizer. `begin`
starts or continues a run, `open_run` brings a trained supernet back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import torch

from hwbench import __version__, spaces
from hwbench.data.files import write_text
from hwbench.data.text import Corpus, TokenizerKind, prepare
from hwbench.errors import DataError, SchemaError, UnknownNameError
from hwbench.spaces import Space
from hwbench.spaces.gpt import network_of
from hwbench.supernet import checkpoints, strategies
from hwbench.supernet.cost import Cost, Penalty, flops_cost, params_cost
from hwbench.supernet.errors import CheckpointError
from hwbench.supernet.gpt import ElasticGPT
from hwbench.supernet.strategies import Strategy
from hwbench.supernet.training import CHECKPOINTS, TrainingConfig
from hwbench.supernet.training.state import distribution_state
from hwbench.supernet.weights import ArchWeights

__all__ = [
    "RUN",
    "BundleChoice",
    "PenaltyChoice",
    "RunCard",
    "SupernetRun",
    "TextChoice",
    "open_run",
    "seeds",
]

RUN: Final = "run.json"
VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class TextChoice:
    """Which text, and how it was tokenized.

    Attributes:
        words: What names the source: "stdlib", a path, "hf:...".
        vocab_size: Most tokens.
        tokenizer: Kind of tokenizer.
        key: Key of the corpus.
        folder: Where the corpus lay.
    """

    words: str
    vocab_size: int
    tokenizer: TokenizerKind = "auto"
    key: str = ""
    folder: str = ""

    def corpus(self) -> Corpus:
        """Open the corpus; make it again if it is no longer where it was.

        Raises:
            DataError: If the text is gone or has changed.
        """
        if self.folder and (Path(self.folder) / "corpus.json").is_file():
            found = Corpus.open(self.folder)
        else:
            found = prepare(self.words, vocab_size=self.vocab_size, tokenizer=self.tokenizer)
        if self.key and found.key != self.key:
            raise DataError(
                f"the text {self.words!r} is not the one that this run was trained on "
                f"(its key is {found.key}, the run's {self.key})"
            )
        return found


@dataclass(frozen=True, slots=True)
class BundleChoice:
    """Which bundle a cost comes from.

    Attributes:
        name: Its name.
        sha256: Digest of its files.
    """

    name: str
    sha256: str

    def __str__(self) -> str:
        """Name the bundle and the beginning of its digest."""
        return f"{self.name} ({self.sha256[:12]})"


@dataclass(frozen=True, slots=True)
class PenaltyChoice:
    """What a search pays for large networks.

    Attributes:
        metric: "params", "flops" of the longest sequence, or what a bundle tells, such as
            "latency_s@h100".
        strength: What the penalty is multiplied by.
        limit: If given, only what lies above it is paid for, as a share of it; otherwise the whole
            cost as a share of the largest network's.
        bundle: Where a metric that cannot be counted comes from.
    """

    metric: str
    strength: float
    limit: float | None = None
    bundle: BundleChoice | None = None

    def of(self, space: Space, cost: Cost | None = None, /) -> Penalty:
        """Return the penalty for a GPT space.

        Args:
            space: The space.
            cost: The cost itself, if a bundle tells it: `TableCost` of the bundle's tables.

        Raises:
            UnknownNameError: If it is to be counted, and there is no such metric.
        """
        paid = self._counted(space) if cost is None else cost
        largest = float(paid(ArchWeights.one_hot(space.largest(), space)))
        return Penalty(paid, self.strength, limit=self.limit, scale=largest)

    def _counted(self, space: Space) -> Cost:
        if self.metric == "params":
            return params_cost(space)
        if self.metric == "flops":
            return flops_cost(space, sequence_length=network_of(space).context)
        raise UnknownNameError.of("cost that can be counted", self.metric, ("params", "flops"))


@dataclass(frozen=True)
class RunCard:
    """What `run.json` holds.

    Attributes:
        space: Name of the space.
        network: Its network variant.
        method: One of `hwbench.supernet.strategies.METHODS`.
        text: Which text.
        training: Settings of the training loop.
        distribution: For "tanglenas".
        order: For "tanglenas".
        restrict: Choice -> values that were kept, for a sub-space.
        penalty: For "tanglenas": what is added to the loss of the architecture; None for nothing.
        versions: Versions of hwbench and torch that began the run.
    """

    space: str
    network: str
    method: str
    text: TextChoice
    training: TrainingConfig
    distribution: str = "drnas"
    order: int = 1
    restrict: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    penalty: PenaltyChoice | None = None
    versions: Mapping[str, str] = field(
        default_factory=lambda: {"hwbench": __version__, "torch": torch.__version__}
    )

    def the_space(self) -> Space:
        """Return the space, restricted as the run was."""
        space = spaces.get(self.space).with_network(self.network)
        return space.restrict(**{k: tuple(v) for k, v in self.restrict.items()})

    def supernet(self, device: torch.device | str = "cpu") -> ElasticGPT:
        """Return the supernet with its first weights: those that the seed gives."""
        generator = torch.Generator().manual_seed(seeds(self.training.seed)[0])
        return ElasticGPT(self.the_space(), generator=generator).to(device)

    def strategy(self, *, cost: Cost | None = None) -> Strategy:
        """Return the strategy, with the first parameters that the seed gives.

        Args:
            cost: What the penalty is on, if a bundle tells it.
        """
        space = self.the_space()
        penalty = None if self.penalty is None else self.penalty.of(space, cost)
        return strategies.make(
            self.method,
            space,
            generator=torch.Generator().manual_seed(seeds(self.training.seed)[1]),
            distribution=self.distribution,
            order=self.order,
            penalty=penalty,
        )

    def save(self, folder: Path, /) -> None:
        """Write `run.json`."""
        values = {**asdict(self), "training": self.training.to_dict(), "version": VERSION}
        write_text(folder / RUN, json.dumps(values, indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path, /) -> RunCard:
        """Read `run.json`.

        Raises:
            DataError: If the folder holds no run.
            SchemaError: If its card is damaged or of another version.
        """
        path = folder / RUN
        if not path.is_file():
            raise DataError(f"{folder}: no run there; `hwbench supernet train` makes one")
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            if values.pop("version") != VERSION:
                raise SchemaError(f"{path}: of another version of hwbench")
            text = TextChoice(**values.pop("text"))
            training = TrainingConfig.from_dict(values.pop("training"))
            penalty = values.pop("penalty")
            return cls(text=text, training=training, penalty=_penalty(penalty), **values)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            if isinstance(error, SchemaError):
                raise
            raise SchemaError(f"{path}: damaged ({error})") from error


@dataclass(frozen=True)
class SupernetRun:
    """A supernet that was trained, or is being trained.

    Attributes:
        folder: Folder of the run.
        card: What was trained on what.
        network: The supernet, with the weights of the last checkpoint.
        strategy: With the distribution of that checkpoint, if it learns one.
        step: Steps that the checkpoint has seen.
        subject: Name and checksum of the weights, to tell them from others.
    """

    folder: Path
    card: RunCard
    network: ElasticGPT
    strategy: Strategy
    step: int
    subject: str

    @property
    def space(self) -> Space:
        """The space."""
        return self.network.space

    def corpus(self) -> Corpus:
        """Open the text that it was trained on."""
        return self.card.text.corpus()


def open_run(folder: Path | str, /, *, device: torch.device | str = "cpu") -> SupernetRun:
    """Open a run at its last checkpoint.

    Args:
        folder: Folder of the run.
        device: Where the supernet goes.

    Raises:
        DataError: If there is no run.
        CheckpointError: If it has no checkpoint yet, or a damaged one.
    """
    folder = Path(folder)
    card = RunCard.load(folder)
    path = checkpoints.latest(folder / CHECKPOINTS)
    if path is None:
        raise CheckpointError(f"{folder}: has no checkpoint yet; train it further")
    network, strategy = (
        card.supernet(),
        replace(card, penalty=None).strategy(),
    )  # only training pays
    found = checkpoints.read(path)
    checkpoints.put(path, found.weights, network)
    if strategy.distribution is not None:
        checkpoints.put(path, distribution_state(found.state), strategy.distribution)
    return SupernetRun(
        folder=folder,
        card=card,
        network=network.to(device),
        strategy=strategy,
        step=found.step,
        subject=f"{path.name} {found.about['sha256'][checkpoints.WEIGHTS][:16]}",
    )


def _penalty(values: dict[str, Any] | None) -> PenaltyChoice | None:
    if values is None:
        return None
    bundle = values.pop("bundle", None)
    return PenaltyChoice(**values, bundle=None if bundle is None else BundleChoice(**bundle))


def seeds(seed: int, /) -> tuple[int, int]:
    """Return the seeds of the first weights and of the first distribution."""
    return 2 * seed + 1_000_003, 2 * seed + 1_000_004
