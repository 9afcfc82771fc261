"""How good subnets are with the weights they inherit: loss, perplexity, accuracy.

Losses are summed over all tokens before they are divided and exponentiated: the perplexity of a
text, not a mean of batches' perplexities. Evaluations of many subnets go to a journal, a line each,
so that a broken run goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hwbench.arrays import Int64Array
from hwbench.errors import SchemaError, ShapeError
from hwbench.spaces import Architecture, Space
from hwbench.supernet.running import Choice, Precision, autocast, run

__all__ = ["Quality", "evaluate", "evaluate_many", "plan"]

_TOKENS_AT_ONCE: Final = 8192


@dataclass(frozen=True, slots=True)
class Quality:
    """How well a network predicts a text.

    Attributes:
        loss: Mean over tokens, in nats.
        accuracy: Share of tokens that the network ranks first.
        tokens: How many tokens were predicted.
    """

    loss: float
    accuracy: float
    tokens: int

    @property
    def perplexity(self) -> float:
        """The exponential of the loss."""
        return math.exp(self.loss)


@torch.no_grad()
def evaluate(
    network: nn.Module,
    choice: Choice,
    rows: Int64Array,
    /,
    *,
    batch_size: int | None = None,
    precision: Precision = "fp32",
) -> Quality:
    """Evaluate one network on a text.

    Args:
        network: A supernet, or a plain network if `choice` is None.
        choice: The subnet (or mixture) to run.
        rows: `(n, T + 1)` windows of token ids (`Windows.rows`).
        batch_size: Sequences at once; by default as many as hold about 8,000 tokens.
        precision: As in training.

    Raises:
        ShapeError: If there are no rows.
    """
    if rows.ndim != 2 or rows.shape[0] == 0 or rows.shape[1] < 2:
        raise ShapeError(f"expected rows (n, T + 1) with n and T at least 1, got {rows.shape}")
    device = next(network.parameters()).device
    size = batch_size or max(1, _TOKENS_AT_ONCE // (rows.shape[1] - 1))
    total = torch.zeros(2, dtype=torch.float64, device=device)  # loss, hits
    was_training = network.training
    network.eval()
    try:
        for start in range(0, len(rows), size):
            tokens = torch.from_numpy(rows[start : start + size]).to(device)
            with autocast(device, precision):
                logits = run(network, choice, tokens[:, :-1])
            total += _sums(logits, tokens[:, 1:])
    finally:
        network.train(was_training)
    n = rows.shape[0] * (rows.shape[1] - 1)
    loss, hits = (total / n).tolist()
    return Quality(loss, hits, n)


def evaluate_many(
    network: nn.Module,
    archs: Sequence[Architecture],
    rows: Int64Array,
    /,
    *,
    journal: Path | None = None,
    subject: str = "",
    batch_size: int | None = None,
    precision: Precision = "fp32",
    progress: Callable[[int, int], None] | None = None,
) -> list[Quality]:
    """Evaluate many subnets, going on where an earlier call with the same journal stopped.

    Args:
        network: The supernet.
        archs: The subnets; the same one twice is evaluated once.
        rows: As in `evaluate`.
        journal: Where finished evaluations are kept.
        subject: What is evaluated (the checkpoint), so that a journal of another is not taken.
        batch_size: As in `evaluate`.
        precision: As in `evaluate`.
        progress: Called with how many are done and how many there are.

    Returns:
        One result an architecture, in their order.

    Raises:
        SchemaError: If the journal belongs to other weights or another text.
    """
    head = {"subject": subject, "text": _hash(rows), "precision": precision}
    known = _read_journal(journal, head) if journal is not None else {}
    for number, arch in enumerate(archs, start=1):
        if arch not in known:
            known[arch] = evaluate(network, arch, rows, batch_size=batch_size, precision=precision)
            if journal is not None:
                _append(journal, {"arch": arch.to_dict(), **asdict(known[arch])})
        if progress is not None:
            progress(number, len(archs))
    return [known[arch] for arch in archs]


def plan(space: Space, n: int, /, *, seed: int) -> list[Architecture]:
    """Choose which subnets to evaluate: the two ends, then distinct ones drawn per choice.

    Args:
        space: The space.
        n: How many; all of them where the space has no more.
        seed: Of the draws. A greater `n` begins with the same architectures.
    """
    if n >= space.size():
        return list(space.enumerate())
    found = dict.fromkeys((space.largest(), space.smallest())[:n])
    rng = np.random.default_rng(seed)
    while len(found) < n:
        found[space.sample(rng)] = None
    return list(found)


def _sums(logits: Tensor, targets: Tensor) -> Tensor:
    flat, wanted = logits.flatten(0, 1), targets.flatten()
    flat = flat if flat.dtype == torch.float64 else flat.float()
    losses = F.cross_entropy(flat, wanted, reduction="none").double().sum()
    return torch.stack([losses, (flat.argmax(-1) == wanted).double().sum()])


def _hash(rows: Int64Array) -> str:
    hashed = hashlib.sha256(repr(rows.shape).encode())
    hashed.update(np.ascontiguousarray(rows).tobytes())
    return hashed.hexdigest()[:16]


def _read_journal(path: Path, head: dict[str, str]) -> dict[Architecture, Quality]:
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        _append(path, head)
        return {}
    lines = list(_lines(path))
    if not lines or lines[0] != head:
        raise SchemaError(
            f"{path} holds evaluations of other weights or another text: remove it to start anew"
        )
    return dict(_entry(line) for line in lines[1:])


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    whole, _, rest = path.read_text(encoding="utf-8").rpartition("\n")
    if rest:  # cut short when the process was killed: drop it, so that the next line is whole
        path.write_text(f"{whole}\n" if whole else "", encoding="utf-8")
    for line in whole.splitlines():
        yield json.loads(line)


def _entry(line: dict[str, Any]) -> tuple[Architecture, Quality]:
    found = dict(line["arch"])
    name = str(found.pop("space"))
    arch = Architecture(name, {k: tuple(v) if isinstance(v, list) else v for k, v in found.items()})
    return arch, Quality(line["loss"], line["accuracy"], line["tokens"])


def _append(path: Path, line: dict[str, Any]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
