"""What the Bayesian methods share: a design, candidates, processes, and limits.

Candidates are random architectures and mutants of the best ones. Objectives are scaled to 0 to 1 by
what was observed. The sum of violations gets a process of its own; before anything feasible is
known, the smallest promising violation is followed, then candidates count by their probability of
being feasible. Limits are known as violations cut at 0, so that probability is a rough one.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from hwbench.arrays import Codes, FloatArray, Int64Array
from hwbench.search.methods.acquisition import normal_cdf
from hwbench.search.methods.gaussian_process import GaussianProcess, Posterior
from hwbench.search.methods.kernel import Features
from hwbench.search.methods.method import Method, fill, keys, unseen
from hwbench.search.methods.population import Population
from hwbench.search.problem import ProblemError
from hwbench.spaces import Space

__all__ = ["BayesianMethod", "Belief"]

_MOST_ROWS: Final = 250  # a process is fitted to; more cost more than they tell
_BEST: Final = 20  # whose mutants are candidates
_BOTH: Final = 2
_STEPS: Final = 15  # towards the best hyperparameters
_MORE_STEPS: Final = 5  # from those of the batch before


@dataclass(frozen=True, eq=False)
class Belief:
    """What is known and believed when a batch is chosen.

    Attributes:
        known: All that was evaluated, objectives scaled to 0 to 1.
        front: `k x m` scaled objectives of the feasible front; empty if nothing is feasible.
        candidates: `N x n_choices`.
        targets: A posterior for each target of the method.
        feasible: `(N,)` probability of being feasible.
    """

    known: Population
    front: FloatArray
    candidates: Codes
    targets: tuple[Posterior, ...]
    feasible: FloatArray

    @property
    def mean(self) -> FloatArray:
        """Means of the targets, `N x t`."""
        return np.stack([target.mean for target in self.targets], axis=1)

    @property
    def deviation(self) -> FloatArray:
        """Standard deviations of the targets, `N x t`."""
        return np.stack([target.deviation for target in self.targets], axis=1)

    def believe(self, row: int, /) -> Belief:
        """Return the belief if a candidate turns out as expected."""
        targets = tuple(target.believe(row) for target in self.targets)
        return Belief(self.known, self.front, self.candidates, targets, self.feasible)

    def take(self, rows: Int64Array, /) -> Belief:
        """Return the belief about some of the candidates."""
        targets = tuple(target.take(rows) for target in self.targets)
        candidates, feasible = self.candidates[rows], self.feasible[rows]
        return Belief(self.known, self.front, candidates, targets, feasible)


class BayesianMethod(Method):
    """A method that models what it was told and asks where it expects most.

    A subclass says what is modelled (`targets`) and how candidates are scored (`score`).

    Args:
        space: The space.
        n_objectives: How many objectives there are.
        rng: Source of all randomness.
        initial: Random architectures to begin with.
        batch: How many to ask for at once.
        candidates: How many are scored.

    Attributes:
        shortlist: How many candidates stay after the first look; None for all, where scores differ
            from pick to pick.
    """

    shortlist: ClassVar[int | None] = 64

    def __init__(
        self,
        space: Space,
        n_objectives: int,
        /,
        *,
        rng: np.random.Generator,
        initial: int = 20,
        batch: int = 10,
        candidates: int = 400,
    ) -> None:
        if initial < _BOTH or batch < 1 or candidates < 1:
            raise ProblemError(
                f"needs initial >= 2, batch >= 1 and candidates >= 1, got {initial}, {batch}, "
                f"{candidates}"
            )
        self.space, self.n_objectives = space, n_objectives
        self._rng, self._initial, self._batch, self._n = rng, initial, batch, candidates
        self._features: Final = Features.of(space)
        self._seen: set[bytes] = set()
        self._known = Population.empty(space, n_objectives)
        self._starts: dict[str, FloatArray] = {}

    @abstractmethod
    def targets(self, known: Population, /) -> FloatArray:
        """Return what to model, `n x t`, from scaled objectives."""

    @abstractmethod
    def score(self, belief: Belief, chosen: list[int], /) -> FloatArray:
        """Return how promising each candidate is, `(N,)`, the greater the better.

        Args:
            belief: As if those chosen before had turned out as expected.
            chosen: Candidates of this batch so far.
        """

    def ask(self, n: int, /) -> Codes:
        """Return the most promising candidates; random architectures to begin with."""
        if len(self._known) < self._initial:
            missing = self._initial - len(self._known)
            return fill(self.space, min(n, missing), self._seen, self._rng)
        candidates = self._candidates()
        if not len(candidates):
            return fill(self.space, min(n, self._batch), self._seen, self._rng)
        belief = self._belief(candidates)
        n = min(n, self._batch, len(candidates))
        if self.shortlist is not None and n > 1:
            score = self.score(belief, []) * belief.feasible
            best = np.argsort(-score, kind="stable")[: max(self.shortlist, n)]
            belief = belief.take(best)
        chosen: list[int] = []
        while len(chosen) < n:
            score = self.score(belief, chosen) * belief.feasible
            score[chosen] = -np.inf
            chosen.append(int(np.argmax(score)))
            belief = belief.believe(chosen[-1])
        return belief.candidates[chosen]

    def tell(self, codes: Codes, objectives: FloatArray, violations: FloatArray, /) -> None:
        """Remember what is known."""
        fresh = [row for row, key in enumerate(keys(codes)) if key not in self._seen]
        self._seen.update(keys(codes))
        self._known = self._known.add(codes[fresh], objectives[fresh], violations[fresh])

    def _candidates(self) -> Codes:
        best = self._known.codes[self._known.order()[:_BEST]]
        half = self._n // _BOTH
        parents = best[self._rng.integers(len(best), size=self._n - half)]
        mutants = self.space.mutate(parents, self._rng)
        drawn = self.space.sample_codes(half, self._rng)
        return unseen(np.concatenate([mutants, drawn]), self._seen)

    def _belief(self, candidates: Codes) -> Belief:
        rows = self._known.order()
        if len(rows) > _MOST_ROWS:  # the best half, and others to know the rest by
            half = _MOST_ROWS // _BOTH
            others = self._rng.permutation(rows[half:])[: _MOST_ROWS - half]
            rows = np.concatenate([rows[:half], others])
        known = _scaled(self._known).take(rows)
        columns = self.targets(known)
        targets = tuple(
            self._process(f"target {k}", known.codes, column).posterior(candidates)
            for k, column in enumerate(columns.T)
        )
        feasible = known.violations <= 0.0
        front = known.objectives[feasible & (known.ranks() == 0)]
        return Belief(known, front, candidates, targets, self._feasible(known, candidates))

    def _feasible(self, known: Population, candidates: Codes) -> FloatArray:
        """Return the probability of each candidate to keep the limits."""
        broken = known.violations
        if not (broken > 0.0).any():
            return np.ones(len(candidates))
        process = self._process("violation", known.codes, broken)
        mean, deviation = process.predict(candidates)
        some = (broken <= 0.0).any()  # else: whatever violates less than all so far
        slack = 0.05 * float(broken.std()) if some else float(broken.min())
        return normal_cdf((slack - mean) / deviation)

    def _process(self, name: str, codes: Codes, y: FloatArray) -> GaussianProcess:
        start = self._starts.get(name)
        found = GaussianProcess.fit(
            self._features,
            codes,
            y,
            rng=self._rng,
            start=start,
            steps=_STEPS if start is None else _MORE_STEPS,
        )
        self._starts[name] = found.parameters
        return found


def _scaled(known: Population) -> Population:
    low, extent = known.objectives.min(axis=0), np.ptp(known.objectives, axis=0)
    objectives = (known.objectives - low) / np.where(extent > 0.0, extent, 1.0)
    return Population(known.codes, objectives, known.violations)
