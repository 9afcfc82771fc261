"""The training loop: one for every strategy, for supernets and for plain networks.

`train(network, strategy, corpus, config, folder)` starts, or goes on from the last checkpoint in
the folder. Everything drawn depends on the seed and the step alone or comes from a generator in the
checkpoint, so a run that was killed gives the losses of one that was not: bit for bit on a CPU with
as many threads, and up to the order of atomic additions on a GPU.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from torch import nn

from hwbench.data.text import Corpus
from hwbench.supernet import checkpoints
from hwbench.supernet.errors import TrainingError
from hwbench.supernet.evaluation import Quality, evaluate
from hwbench.supernet.running import Choice, autocast, is_out_of_memory
from hwbench.supernet.strategies import Strategy
from hwbench.supernet.training.config import TrainingConfig
from hwbench.supernet.training.dropout import dropping
from hwbench.supernet.training.logs import LOG, VALIDATION, Logs
from hwbench.supernet.training.processes import Processes
from hwbench.supernet.training.progress import Progress, Report
from hwbench.supernet.training.state import start
from hwbench.supernet.training.step import StepLosses, Stepper, windows_of
from hwbench.supernet.training.stopping import Stop, TrainingInterrupted, noticed

__all__ = ["CHECKPOINTS", "TrainingResult", "train"]

CHECKPOINTS: Final = "checkpoints"
"""Folder of the checkpoints in the folder of a run."""


@dataclass(frozen=True)
class TrainingResult:
    """How a training run ended.

    Attributes:
        step: Steps done.
        loss: Mean training loss of the last logged steps, in nats a token.
        validation: Name -> quality on the validation part.
        passes: Forward and backward passes, in all processes together.
        tokens: Tokens of these passes.
        seconds: Time spent, that before a resumption included.
        checkpoint: The last checkpoint.
    """

    step: int
    loss: float
    validation: dict[str, Quality]
    passes: int
    tokens: int
    seconds: float
    checkpoint: Path


def train(
    network: nn.Module,
    strategy: Strategy,
    corpus: Corpus,
    config: TrainingConfig,
    folder: Path,
    /,
    *,
    processes: Processes | None = None,
    report: Report | None = None,
    tensorboard: bool = True,
) -> TrainingResult:
    """Train a network, from the start or from the last checkpoint in the folder.

    Args:
        network: Called as `network(tokens, choice)`, or `network(tokens)` under `Standalone`. Its
            weights are changed; they must be on the processes' device.
        strategy: What a step does.
        corpus: The text.
        config: How long, how fast.
        folder: Where checkpoints and logs go.
        processes: This process among others; alone by default.
        report: Called by the first process each time a row is logged.
        tensorboard: Whether to write events for TensorBoard where it is installed.

    Raises:
        TrainingInterrupted: On Ctrl-C, after the step under way and its checkpoint.
        TrainingError: If a loss is not finite or memory runs out; names the last checkpoint.
        CheckpointError: If the folder's last checkpoint is damaged or of other settings.
        DataError: If the text is too short for the context.
    """
    own = processes or Processes(0, 1, next(network.parameters()).device)
    loop = _Loop(network, strategy, corpus, config, folder, own, report)
    try:
        with (
            Logs(folder, after=loop.state.step, tensorboard=tensorboard, off=not own.first) as logs,
            noticed(aloud=own.first) as stop,
            dropping(network.train(), config.dropout),
        ):
            return loop.run(logs, stop)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise TrainingError(
            f"out of memory at step {loop.state.step + 1}: take a smaller batch and accumulate "
            f"more, or a shorter context ({loop.last_checkpoint()})"
        ) from error


class _Loop:
    def __init__(
        self,
        network: nn.Module,
        strategy: Strategy,
        corpus: Corpus,
        config: TrainingConfig,
        folder: Path,
        own: Processes,
        report: Report | None,
    ) -> None:
        self.config, self.own, self.report = config, own, report
        self.folder, self.strategy = folder, strategy
        self.device = own.device
        autocast(self.device, config.precision)  # complain now, not after a minute
        windows = windows_of(strategy, corpus, config.context)
        self.rows = corpus.windows("validation", context=config.context).rows(config.validate_rows)
        self.state = start(network, strategy, config, self.device)
        self.state.settings = {
            "training": config.to_dict(),
            "strategy": strategy.to_dict(),
            "text": {"key": corpus.key},
            "processes": {"world": own.world},
        }
        found = checkpoints.latest(folder / CHECKPOINTS)
        if found is not None:
            self.state.restore(found)
        self.stepper = Stepper(self.state, windows, config, own)
        self.pending: list[StepLosses] = []  # not yet looked at
        self.mean = math.nan
        self.clock = time.perf_counter()

    # -- running -------------------------------------------------------------------------------

    def run(self, logs: Logs, stop: Stop) -> TrainingResult:
        state, config = self.state, self.config
        quality: dict[str, Quality] = {}
        since, logged = state.passes, time.perf_counter()
        while state.step < config.steps:
            self.pending.append(self.stepper.step())
            last = state.step == config.steps
            log, save = (
                last or state.step % n == 0 for n in (config.log_every, config.checkpoint_every)
            )
            look = last or (config.validate_every and state.step % config.validate_every == 0)
            if log or save or look:
                self.settle()
            if look:
                quality = self.validate(logs)
            if log:
                now = time.perf_counter()
                speed = (state.passes - since) * self.pass_tokens / max(now - logged, 1e-9)
                self.log(logs, speed, quality if look else {})
                since, logged = state.passes, now
            stopped = self.own.any(stop.asked) and not last
            if save or stopped:
                self.save()
            if stopped:
                raise TrainingInterrupted(state.step, self.result({}).checkpoint)
        if not quality:  # nothing was left to do
            quality = {name: self.quality(arch) for name, arch in self.strategy.watched().items()}
        return self.result(quality)

    # -- looking -------------------------------------------------------------------------------

    @property
    def pass_tokens(self) -> int:
        """Tokens of one pass, in all processes together."""
        return self.config.batch_size * self.config.context * self.own.world

    def settle(self) -> None:
        """Fetch the losses of the last steps; stop if one is no number."""
        if not self.pending:
            return
        nothing = torch.full((), math.nan)
        columns = [
            [x.weights, nothing if x.architecture is None else x.architecture] for x in self.pending
        ]
        losses = torch.tensor([[float(x) for x in row] for row in columns], dtype=torch.float64)
        known = torch.tensor([[True, x.architecture is not None] for x in self.pending])
        bad = (known & ~losses.isfinite()).any(1).nonzero().flatten().tolist()
        if bad:
            raise TrainingError(
                f"the loss at step {self.state.step - len(self.pending) + 1 + bad[0]} is not a "
                "number: lower the learning rate, or take fp32 or bf16 "
                f"({self.last_checkpoint()})"
            )
        self.state.unlogged += [(a, b) for a, b in losses.tolist()]
        self.pending = []

    def validate(self, logs: Logs) -> dict[str, Quality]:
        found = {}
        for name, arch in self.strategy.watched().items():
            found[name] = self.quality(arch)
            logs.add(
                VALIDATION,
                {
                    "step": self.state.step,
                    "name": name,
                    "architecture": "" if arch is None else str(arch),
                    "loss": found[name].loss,
                    "perplexity": found[name].perplexity,
                    "accuracy": found[name].accuracy,
                },
            )
        return found

    def quality(self, choice: Choice) -> Quality:
        precision = self.config.precision
        return evaluate(self.state.network, choice, self.rows, precision=precision)

    def log(self, logs: Logs, speed: float, quality: dict[str, Quality]) -> None:
        state, config = self.state, self.config
        self.tick()
        seen = torch.tensor(state.unlogged, dtype=torch.float64)
        self.mean, architecture = seen.nanmean(0).tolist()
        state.unlogged = []
        row: dict[str, object] = {
            "step": state.step,
            "loss": self.mean,
            "learning_rate": config.rate(state.step - 1),
            "passes": state.passes * self.own.world,
            "tokens": state.passes * self.pass_tokens,
            "tokens_per_s": round(speed, 1),
            "seconds": round(state.seconds, 3),
        }
        if not math.isnan(architecture):
            row["architecture_loss"] = architecture
        logs.add(LOG, row)
        if self.report is not None and self.own.first:
            left = state.seconds / state.step * (config.steps - state.step)
            losses = {name: found.loss for name, found in quality.items()}
            self.report(Progress(state.step, config.steps, self.mean, speed, left, losses))

    def tick(self) -> None:
        """Count the time since the last call."""
        now = time.perf_counter()
        self.state.seconds += now - self.clock
        self.clock = now

    # -- keeping -------------------------------------------------------------------------------

    def save(self) -> None:
        self.settle()
        self.tick()
        if self.own.first:
            kept = self.state.checkpoint()
            checkpoints.save(self.folder / CHECKPOINTS, kept, keep=self.config.keep)
        self.own.wait()

    def last_checkpoint(self) -> str:
        found = checkpoints.latest(self.folder / CHECKPOINTS)
        return "there is no checkpoint yet" if found is None else f"last checkpoint: {found}"

    def result(self, quality: dict[str, Quality]) -> TrainingResult:
        found = checkpoints.latest(self.folder / CHECKPOINTS)
        assert found is not None
        return TrainingResult(
            step=self.state.step,
            loss=self.mean,
            validation=quality,
            passes=self.state.passes * self.own.world,
            tokens=self.state.passes * self.pass_tokens,
            seconds=self.state.seconds,
            checkpoint=found,
        )
