"""Certified fronts against every architecture of small spaces."""

import time

import numpy as np
import pytest
from hypothesis import given, settings

from hwbench.search.exact import branch, pareto, sweep
from tests.search.exact import brute


def feasible_points(problem, seed):
    truth = brute.evaluate(problem, seed)
    return truth.objectives[brute.allowed(problem) & (truth.violations == 0)]


@settings(max_examples=25)
@given(brute.problems(n_objectives=2, most_limits=2))
def test_two_objectives_give_the_whole_front(case):
    seed, problem = case
    found = pareto(brute.bench(seed), problem)
    truth = brute.pairwise_front(feasible_points(problem, seed))
    assert found.certificate.proven
    assert found.certificate.gap == 0
    assert found.objectives == pytest.approx(truth, rel=1e-9)
    mine = brute.evaluator(problem, seed).evaluate(found.codes)
    assert (mine.objectives == found.objectives).all()
    assert (mine.violations == 0).all()


@settings(max_examples=25)
@given(brute.problems(n_objectives=2, most_limits=2))
def test_without_time_a_front_claims_nothing(case):
    """The ends of the front stop at the deadline, too; what was found keeps the limits."""
    seed, problem = case
    found = pareto(brute.bench(seed), problem, time_limit=1e-9)
    assert found.certificate.proven == (found.certificate.gap == 0)
    if found.certificate.proven:  # settled by bounds alone
        points = feasible_points(problem, seed)
        assert len(found.codes) == len(brute.pairwise_front(points))
    mine = brute.evaluator(problem, seed).evaluate(found.codes)
    assert (mine.violations == 0).all()


def test_every_search_of_a_front_knows_its_deadline(bench, problem, monkeypatch):
    deadlines = []

    def watched(*arguments, **options):
        deadlines.append(options["deadline"])
        return branch.minimise(*arguments, **options)

    monkeypatch.setattr(sweep, "minimise", watched)
    began = time.perf_counter()
    pareto(bench, problem, time_limit=60.0)
    assert len(deadlines) == 3  # two ends, and the best of the first where the second is least
    assert all(began < deadline - 60.0 < time.perf_counter() for deadline in deadlines)


@settings(max_examples=15)
@given(brute.problems(n_objectives=3, most_limits=1))
def test_three_objectives_are_covered_within_the_tolerance(case):
    seed, problem = case
    tolerance = 0.03
    found = pareto(brute.bench(seed), problem, tolerance=tolerance)
    points = feasible_points(problem, seed)
    assert bool(len(found.codes)) == bool(len(points))
    assert found.certificate.proven
    if not len(points):
        return
    # Minimised values may grow by the tolerance, negated (maximised) ones shrink by it.
    slack = np.where(points > 0, points * tolerance, -points * tolerance / (1 + tolerance))
    allowed = points + slack + 1e-9 * np.abs(points)
    covered = np.zeros(len(points), dtype=bool)
    for point in found.objectives:
        covered |= (point <= allowed).all(axis=1)
    assert covered.all()
