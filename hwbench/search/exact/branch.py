"""Minimise over all combinations of shared choices: bounds first, then labels where they must.

Combinations whose bound does not beat the best architecture known are never looked into. In the
others labels are extended with little room first, which finds good architectures, then with more,
until nothing had to be dropped for want of room, or what was dropped cannot be better.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from hwbench.arrays import BoolArray, Codes, FloatArray, Int64Array
from hwbench.search.exact.certificate import TOLERANCE
from hwbench.search.exact.dual import Dual, maximise
from hwbench.search.exact.instance import Instance, reduced
from hwbench.search.exact.labels import Ceiling, Found, Search
from hwbench.search.exact.relax import PairRelaxation, Relaxation, relax
from hwbench.search.exact.tables import Model

__all__ = ["Candidate", "Node", "Outcome", "Verify", "better", "minimise", "nodes_of"]

Verify: TypeAlias = Callable[[Codes], BoolArray]
"""Says of codes whether the benchmark itself finds the limits kept."""

_WIDTHS: Final = (256, 4_096, 32_768, 262_144)


@dataclass(frozen=True, eq=False)
class Candidate:
    """An architecture and its objective's score.

    Attributes:
        c: Combination of shared choices.
        choice: `(D,)` choices of the layers.
        score: What is minimised.
    """

    c: int
    choice: Int64Array
    score: float


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a minimisation found.

    Attributes:
        best: The best architecture; None if none keeps the limits.
        bound: No architecture that keeps the limits has a smaller score than this.
        exact: Whether the search ended by itself.
        n_labels: How many partial architectures were looked at.
        n_open: How many combinations of shared choices needed labels.
    """

    best: Candidate | None
    bound: float
    exact: bool
    n_labels: int
    n_open: int


@dataclass(eq=False)
class Node:
    """A combination of shared choices under way."""

    instance: Instance
    relaxation: Relaxation
    dual: Dual
    bound: float
    done: bool = False


class _Best:
    """The best architecture so far."""

    def __init__(self, model: Model, verify: Verify | None, tolerance: float) -> None:
        self.model, self.verify, self.tolerance = model, verify, tolerance
        self.candidate: Candidate | None = None

    @property
    def score(self) -> float:
        return np.inf if self.candidate is None else self.candidate.score

    @property
    def target(self) -> float:
        """What something better must stay below."""
        score = self.score
        if not np.isfinite(score):
            return score
        return better(score, self.tolerance, log=self.model.dimensions[0].log)

    def offer(self, instance: Instance, choices: Int64Array, scores: FloatArray) -> None:
        """Take the best of some architectures that keeps the limits, if it is better."""
        goals = scores[:, : instance.n_objectives].max(axis=1)
        limits = scores[:, instance.n_objectives :]
        possible: BoolArray = np.all(limits <= instance.loose_bounds, axis=1)
        possible = possible & (goals < self.score)
        certain: BoolArray = np.all(limits <= instance.tight_bounds, axis=1)
        for place in np.flatnonzero(possible)[np.argsort(goals[possible], kind="stable")]:
            choice = choices[place]
            code = self.model.codes(instance.c, choice[None, :])
            if certain[place] or self.verify is None or self.verify(code)[0]:
                self.candidate = Candidate(instance.c, choice, float(goals[place]))
                return


def minimise(
    model: Model,
    /,
    *,
    verify: Verify | None = None,
    deadline: float = np.inf,
    tolerance: float = TOLERANCE,
) -> Outcome:
    """Find the architecture with the least (greatest) objective score that keeps all limits.

    Args:
        model: The problem.
        verify: Asked about architectures that lie on a limit but for rounding.
        deadline: `time.perf_counter()` at which to stop.
        tolerance: An architecture that is better by a smaller share need not be found.
    """
    best = _Best(model, verify, max(tolerance, TOLERANCE))
    nodes = nodes_of(model)
    n_labels = 0
    opened = set()
    for width in _WIDTHS:
        for node in nodes:
            late = time.perf_counter() > deadline
            if node.done or node.bound >= best.target or late:
                continue
            if width == _WIDTHS[0]:
                sharpen(node, best.target)
                _offer_cuts(node, best)
                if node.bound >= best.target:
                    continue
            opened.add(node.instance.c)
            n_labels += _extend(node, best, width)
        nodes = [node for node in nodes if not node.done and node.bound < best.target]
    bound = min([best.score, *(node.bound for node in nodes)])
    return Outcome(best.candidate, bound, not nodes, n_labels, len(opened))


def better(score: float, tolerance: float, /, *, log: bool) -> float:
    """Return the score that is better than another one by a share of its value."""
    if log:
        return score - float(np.log1p(tolerance))
    return score / (1.0 + tolerance) if score > 0 else score * (1.0 + tolerance)


def nodes_of(model: Model, /) -> list[Node]:
    """Bound all combinations of shared choices; those that cannot keep a limit are left out."""
    nodes = []
    for c in model.shared.tolist():
        instance = reduced(model.instance(c))
        if instance is None:
            continue
        relaxation = relax(instance)
        dual = maximise(instance, relaxation)
        if np.isfinite(dual.bound):
            nodes.append(Node(instance, relaxation, dual, dual.bound))
    return sorted(nodes, key=lambda node: node.bound)


def sharpen(node: Node, target: float, /, *, rounds: int = 4) -> None:
    """Improve the bound of a node with terms of pairs, until it reaches a target or stays."""
    if not isinstance(node.relaxation, PairRelaxation):
        return
    for _ in range(4):
        before = node.bound
        node.relaxation.tighten(node.dual.weights, rounds=rounds)
        dual = maximise(node.instance, node.relaxation, start=node.dual.weights)
        node.dual, node.bound = dual, max(before, dual.bound)
        small = 1e-2 * (target - node.bound) if np.isfinite(target) else 1e-5 * abs(node.bound)
        if node.bound >= target or node.bound - before < small:
            return


def ceilings(node: Node, target: float, /) -> list[Ceiling]:
    """Return what every architecture of a node with a score below a target fulfils."""
    instance = node.instance
    k = instance.n_objectives
    most = np.concatenate([np.full(k, target), instance.bounds])
    units = np.eye(len(most))
    weights = node.dual.weights
    if instance.is_chain:
        spread = [np.concatenate([weights[:k], factor * weights[k:]]) for factor in (1, 0.6, 1.6)]
        rows = [*spread, *units] if k == 1 else [weights, *units]
        return [Ceiling.of(row, most) for row in rows]
    assert isinstance(node.relaxation, PairRelaxation)
    found = [Ceiling.of(weights, most, node.relaxation.form(weights))]
    for number, unit in enumerate(units):
        if not instance.table[..., number].any():
            found.append(Ceiling.of(unit, most))
        elif number >= k:
            relaxation = PairRelaxation(instance, unit)
            relaxation.tighten(unit, rounds=8)
            found.append(Ceiling.of(unit, most, relaxation.form(unit)))
    return found


def labels(node: Node, target: float, width: int, /, *, dominance: bool = True) -> Found:
    """Extend labels through all layers of a node; see `Search`."""
    instance = node.instance
    found = ceilings(node, target)
    options = np.ones(instance.unary.shape[:2], dtype=bool)
    for ceiling in found:
        if ceiling.form is not None:
            options &= ceiling.form.option_bounds(instance.pairs) <= ceiling.most
    return Search(instance, found, options, dominance=dominance).run(width)


def _extend(node: Node, best: _Best, width: int) -> int:
    """Look into a node with some room; returns the number of labels."""
    instance = node.instance
    found = labels(node, best.target, width)
    best.offer(instance, found.choices, found.scores)
    limit = node.dual.weights[instance.n_objectives :] @ instance.loose_bounds
    node.done = not np.isfinite(found.dropped)
    node.bound = max(node.bound, found.dropped - float(limit))
    return found.n_labels


def _offer_cuts(node: Node, best: _Best) -> None:
    choices = np.stack([cut.choice for cut in node.dual.cuts])
    best.offer(node.instance, choices, node.instance.scores(choices))
