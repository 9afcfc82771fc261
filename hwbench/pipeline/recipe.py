"""What a pipeline does: one section a stage. Read from a file by `pipeline_file`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from hwbench import metrics
from hwbench.errors import SchemaError, UnknownNameError

__all__ = [
    "Evaluating",
    "Fitting",
    "PipelineRecipe",
    "ProblemRecipe",
    "Profiling",
    "Searching",
    "Text",
    "Training",
    "Verifying",
]

_LIMITED: Final = ("latency_s", "energy_j", "memory_bytes", "params")
"""What can be checked in the end: metrics that are measured, or counted."""


@dataclass(frozen=True)
class Text:
    """Which text the supernet learns.

    Attributes:
        source: As `hwbench supernet train --text` takes it.
        vocab_size: Most tokens; None: the network's.
        tokenizer: "auto", "bpe" or "bytes".
    """

    source: str = "stdlib"
    vocab_size: int | None = None
    tokenizer: str = "auto"


@dataclass(frozen=True)
class Training:
    """How the supernet is trained.

    Attributes:
        method: One of `hwbench.supernet.strategies.METHODS`.
        distribution: For "tanglenas".
        order: For "tanglenas".
        device: "cpu", "cuda" or "auto"; also for evaluations and retrainings.
        threads: CPU threads; None: one a core. Small networks are faster with one.
        settings: Settings of the training loop that differ from the space's.
    """

    method: str = "spos"
    distribution: str = "drnas"
    order: int = 1
    device: str = "auto"
    threads: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Evaluating:
    """How many subnets are evaluated with the weights they inherit, on how much text.

    Attributes:
        n: Subnets.
        rows: Sequences of text.
        part: Part of the text.
    """

    n: int = 500
    rows: int = 200
    part: str = "validation"


@dataclass(frozen=True)
class Profiling:
    """What is measured on the device at hand.

    Attributes:
        device: As `hwbench profile plan --device` takes it.
        name: What the bundle calls the device; "": the id of its fingerprint.
        label: How people know it; "": what it calls itself.
        n: Architectures, chosen by optimal design.
        passes: Visits to each.
        anchor_every: Measurements between two visits to the anchor.
        metrics: What is measured.
        batch: Sequences at a time.
        tokens: Tokens of a sequence.
        runtime: One of `hwbench.profiling.runtimes.RUNTIMES`.
        precision: Number format.
        threads: CPU threads; None: one a core.
        budget_s: Most seconds of measuring; None: no limit.
        stop: Changes to the rule that says when samples are enough.
    """

    device: str = "auto"
    name: str = ""
    label: str = ""
    n: int = 40
    passes: int = 3
    anchor_every: int = 8
    metrics: tuple[str, ...] = ("latency", "energy", "memory")
    batch: int = 1
    tokens: int = 512
    runtime: str = "torch-eager"
    precision: str = "fp32"
    threads: int | None = None
    budget_s: float | None = None
    stop: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Fitting:
    """How surrogates are fitted.

    Attributes:
        recipe: Fit recipe; see `hwbench.surrogates.fitting`.
        rivals: Whether rivals are scored for the card.
        limits: What the bundle cannot tell, besides what the fit recipe says.
    """

    recipe: str
    rivals: bool = True
    limits: tuple[str, ...] = ()


@dataclass(frozen=True)
class ProblemRecipe:
    """A search for the best perplexity under limits.

    Attributes:
        name: Of the problem.
        limits: Metric -> quantile of what the bundle says of the space, inside (0, 1). Metrics of
            devices are those of the device that was measured.
    """

    name: str
    limits: Mapping[str, float]

    def __post_init__(self) -> None:
        named = {metrics.get(metric).name: share for metric, share in self.limits.items()}
        for metric, share in named.items():
            if not (type(share) in (int, float) and 0 < share < 1):
                raise SchemaError(f"a limit on {metric} is a quantile inside (0, 1), got {share!r}")
            if metric not in _LIMITED:
                raise UnknownNameError.of("metric that can be limited", metric, _LIMITED)
        object.__setattr__(self, "limits", named)


@dataclass(frozen=True)
class Searching:
    """What is searched for, and with which heuristics beside the exact solver.

    Attributes:
        problems: One or more.
        methods: Heuristics.
        budget: Evaluations of the surrogate that each may spend.
        margin: Relative distance that answers keep from a limit on a device, which is noisy.
    """

    problems: tuple[ProblemRecipe, ...]
    methods: tuple[str, ...] = ("nsga2", "ls")
    budget: int = 1000
    margin: float = 0.05


@dataclass(frozen=True)
class Verifying:
    """How the findings are checked.

    Attributes:
        seeds: Trainings from scratch of each architecture.
        sample: Random architectures that are checked, too.
        passes: Visits to each on the device.
        rows: Sequences of the test part that networks are judged by.
        jobs: Trainings at a time; None: one a core on a CPU, one on a GPU.
        settings: Settings of the training that differ from the space's.
    """

    seeds: int = 3
    sample: int = 16
    passes: int = 2
    rows: int = 400
    jobs: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class PipelineRecipe:
    """A pipeline file as read; sections are named as in it.

    Attributes:
        name: Of the bundle.
        space: Name of the space.
        seed: Of everything that is drawn.
        folder: Where the file lies.
        quick: Whether the quick variant was asked for.
    """

    name: str
    space: str
    seed: int
    text: Text
    train: Training
    evaluate: Evaluating
    profile: Profiling
    fit: Fitting
    search: Searching
    verify: Verifying
    folder: Path = Path()
    quick: bool = False

    @property
    def fit_recipe(self) -> Path:
        """Where the fit recipe lies."""
        return self.folder / self.fit.recipe

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as JSON values."""
        return {**asdict(self), "folder": str(self.folder)}
