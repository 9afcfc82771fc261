"""The certified optimum against every architecture of small spaces."""

import pytest
from hypothesis import given, settings

from hwbench.search.exact import TOLERANCE, solve
from tests.search.exact import brute


@settings(max_examples=60, deadline=None)
@given(brute.problems())
def test_equals_brute_force(case):
    seed, problem = case
    found = solve(brute.bench(seed), problem)
    truth = brute.evaluate(problem, seed)
    allowed = brute.allowed(problem)
    feasible = allowed & (truth.violations == 0)
    assert found.feasible == feasible.any()
    assert found.certificate.proven
    here = (brute.all_codes() == found.code).all(axis=1)
    assert here.sum() == 1
    assert allowed[here].all()
    if found.feasible:
        best = truth.objectives[feasible, 0].min()
        mine = float(truth.objectives[here, 0][0])
        assert truth.violations[here] == 0
        assert mine <= best + 2 * TOLERANCE * abs(best)
        sign = problem.objectives[0].sign
        assert found.optimum == pytest.approx(sign * best, rel=1e-9)
        assert sign * found.certificate.bound <= best + 1e-12 * abs(best)
        assert sign * found.certificate.bound == pytest.approx(best, rel=1e-9)
    else:
        assert found.binding
