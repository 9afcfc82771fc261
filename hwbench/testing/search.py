"""The contracts of search methods and evaluators. Inherit one in a test class and return yours.

A method must be a value of its settings, its generator and what it was told; an evaluator must
answer each architecture alike, whatever it is asked together with.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod

import numpy as np
import pytest

from hwbench.arrays import Codes, FloatArray
from hwbench.errors import ShapeError, SpaceError
from hwbench.search.evaluator import Evaluator
from hwbench.search.methods import METHODS, Method, defaults
from hwbench.spaces import Choice, Space
from hwbench.testing.surrogates import additive_metric

__all__ = ["EvaluatorContract", "MethodContract"]

_BUDGET = 120


class MethodContract(ABC):
    """Tests that every search method passes.

    Attributes:
        name: Its name in `METHODS`.
    """

    name: str

    @abstractmethod
    def method(self, space: Space, n_objectives: int, rng: np.random.Generator, /) -> Method:
        """Return the method under test; quick settings are best."""

    def space(self) -> Space:
        """Return the space to search: small, with layers that come and go."""
        shared = (Choice("width", (64, 128, 256)), Choice("depth", (2, 3, 4)))
        layered = (Choice("ratio", (1, 2, 4)), Choice("heads", (2, 4)))
        return Space("contract", shared, layered, depth="depth")

    def values(self, codes: Codes, n_objectives: int, /) -> tuple[FloatArray, FloatArray]:
        """Return objectives and violations of made-up metrics; about half are feasible."""
        metric = [additive_metric(self.space(), codes, seed=k) for k in range(n_objectives)]
        limited = additive_metric(self.space(), codes, seed=99)
        bound = np.median(additive_metric(self.space(), _many(self.space()), seed=99))
        return np.stack(metric, axis=1), np.maximum(limited / bound - 1.0, 0.0)

    def history(self, seed: int, /, *, n_objectives: int = 2, budget: int = _BUDGET) -> Codes:
        """Return what the method asks for, `k x n_choices`, in its order."""
        method = self.method(self.space(), n_objectives, np.random.default_rng(seed))
        asked: list[Codes] = []
        while sum(map(len, asked)) < budget:
            codes = method.ask(budget - sum(map(len, asked)))
            if not len(codes):
                break
            method.tell(codes, *self.values(codes, n_objectives))
            asked.append(codes)
        return np.concatenate(asked)

    def test_it_is_registered(self) -> None:
        """`METHODS` leads to the class, and its defaults are plain."""
        module, _, attribute = METHODS[self.name].partition(":")
        made = type(self.method(self.space(), 2, np.random.default_rng(0)))
        assert (made.__module__, made.__name__) == (module, attribute)
        json.dumps(defaults(self.name))
        assert made.label
        assert made.source

    @pytest.mark.parametrize("n_objectives", [1, 2, 3])
    def test_asks_for_architectures(self, n_objectives: int) -> None:
        """Codes are canonical bytes of the space, the whole budget long."""
        space = self.space()
        asked = self.history(0, n_objectives=n_objectives)
        assert asked.dtype == np.uint8
        assert len(asked) == _BUDGET
        np.testing.assert_array_equal(space.canonical(asked), asked)

    @pytest.mark.parametrize("n", [1, 2, 7])
    def test_asks_for_no_more_than_allowed(self, n: int) -> None:
        """`ask(n)` gives 1 to n rows, also later on."""
        method = self.method(self.space(), 2, np.random.default_rng(1))
        for _ in range(30):
            codes = method.ask(n)
            assert 1 <= len(codes) <= n
            method.tell(codes, *self.values(codes, 2))

    def test_same_seed_same_search(self) -> None:
        """Two searches with one seed ask for the same; another seed asks for something else."""
        first, again, other = self.history(3), self.history(3), self.history(4)
        np.testing.assert_array_equal(first, again)
        assert (first != other).any()

    def test_global_randomness_plays_no_part(self) -> None:
        """The legacy generator of numpy is neither read nor moved."""
        np.random.seed(5)  # noqa: NPY002
        first = self.history(3)
        before = np.random.get_state()[1].copy()  # type: ignore[index]  # noqa: NPY002
        np.random.seed(6)  # noqa: NPY002
        np.testing.assert_array_equal(self.history(3), first)
        np.random.seed(5)  # noqa: NPY002
        after = np.random.get_state()[1]  # type: ignore[index]  # noqa: NPY002
        np.testing.assert_array_equal(before, after)

    def test_what_it_is_told_stays_as_it_is(self) -> None:
        """`tell` takes arrays that cannot be written to, and keeps no hold on the caller's."""
        method = self.method(self.space(), 2, np.random.default_rng(2))
        for _ in range(8):
            codes = method.ask(20)
            told = (codes, *self.values(codes, 2))
            for array in told:
                array.flags.writeable = False
            method.tell(*told)

    def test_nothing_feasible_is_no_end(self) -> None:
        """A search goes on where no architecture keeps the limits, or all are equal."""
        method = self.method(self.space(), 2, np.random.default_rng(2))
        for _ in range(12):
            codes = method.ask(20)
            assert len(codes)
            method.tell(codes, np.zeros((len(codes), 2)), np.full(len(codes), 0.5))

    def test_a_tiny_space_is_no_trouble(self) -> None:
        """With four networks in all, asking neither fails nor hangs."""
        space = Space("tiny", (Choice("width", (1, 2)), Choice("bias", (False, True))))
        method = self.method(space, 2, np.random.default_rng(2))
        for _ in range(20):
            codes = method.ask(10)
            np.testing.assert_array_equal(space.canonical(codes), codes)
            objectives = np.stack([codes[:, 0], 1.0 - codes[:, 1]], axis=1).astype(np.float64)
            method.tell(codes, objectives, np.zeros(len(codes)))


class EvaluatorContract(ABC):
    """Tests that every evaluator passes."""

    @abstractmethod
    def evaluator(self) -> Evaluator:
        """Return the evaluator under test."""

    def codes(self) -> Codes:
        """Return some codes that it can evaluate; more than one."""
        return self.evaluator().space.sample_codes(30, np.random.default_rng(8))

    def test_shapes_and_types(self) -> None:
        """One row an architecture, one column an objective, finite, violations not below 0."""
        evaluator, codes = self.evaluator(), self.codes()
        found = evaluator.evaluate(codes)
        assert found.objectives.shape == (len(codes), len(evaluator.problem.objectives))
        assert found.violations.shape == (len(codes),)
        assert np.isfinite(found.objectives).all()
        assert (found.violations >= 0.0).all()
        assert {value.shape for value in found.values.values()} == {(len(codes),)}

    def test_violations_are_sums_over_limits(self) -> None:
        """What each limit is broken by, not below 0, adds up to the violation."""
        evaluator, codes = self.evaluator(), self.codes()
        found = evaluator.evaluate(codes)
        broken = evaluator.broken(evaluator.space.canonical(codes), found.values)
        assert broken.shape == (len(codes), len(evaluator.problem.limits))
        assert (broken >= 0.0).all()
        np.testing.assert_allclose(broken.sum(axis=1), found.violations, atol=1e-12)

    def test_rows_are_independent(self) -> None:
        """An architecture gets one answer, alone or in a batch, in any order and again."""
        evaluator, codes = self.evaluator(), self.codes()
        whole = evaluator.evaluate(codes, seed=3)
        turned = evaluator.evaluate(codes[::-1], seed=3)
        np.testing.assert_array_equal(turned.objectives[::-1], whole.objectives)
        np.testing.assert_array_equal(turned.violations[::-1], whole.violations)
        alone = evaluator.evaluate(codes[4:5], seed=3)
        np.testing.assert_array_equal(alone.objectives[0], whole.objectives[4])

    def test_no_codes_are_fine(self) -> None:
        """An empty batch goes through."""
        found = self.evaluator().evaluate(self.codes()[:0])
        assert found.objectives.shape == (0, len(self.evaluator().problem.objectives))

    def test_wrong_codes_are_refused(self) -> None:
        """Wrong shapes and indices give one of our errors."""
        evaluator, codes = self.evaluator(), self.codes()
        with pytest.raises(ShapeError):
            evaluator.evaluate(codes[:, :-1])
        outside = codes.copy()
        outside[1, 0] = 200
        with pytest.raises(SpaceError):
            evaluator.evaluate(outside)

    def test_inputs_stay_as_they_are(self) -> None:
        """Codes that cannot be written to are fine."""
        codes = self.codes()
        codes.flags.writeable = False
        self.evaluator().evaluate(codes)

    def test_identity_is_plain(self) -> None:
        """What the answers depend on can be written as JSON, and stays the same."""
        first, again = self.evaluator().identity, self.evaluator().identity
        assert json.loads(json.dumps(dict(first))) == dict(again)


def _many(space: Space) -> Codes:
    return space.sample_codes(500, np.random.default_rng(0))
