"""Designs: against exhaustive search, against chance, and within budgets."""

from itertools import combinations

import numpy as np
import pytest

from hwbench.errors import DataError
from hwbench.surrogates.fewshot.design import _Metric, choose
from hwbench.surrogates.fewshot.posterior import fit
from hwbench.surrogates.fewshot.prior import Prior
from tests.surrogates.fewshot.made_devices import devices
from tests.surrogates.made import made_space

SPACE = made_space()
KNOWN = devices(SPACE, 7, np.random.default_rng(0))
CODES = np.unique(SPACE.sample_codes(200, np.random.default_rng(1)), axis=0)


@pytest.fixture(scope="module")
def prior():
    """What six of seven devices say."""
    return Prior.of(SPACE, {name: KNOWN[name] for name in list(KNOWN)[:6]})


def test_a_design_of_two_is_nearly_the_best_of_all_pairs(prior):
    few = CODES[:25]
    metric = _Metric.of(prior, few)
    best = min(metric.error(metric.after(pair)) for pair in combinations(range(25), 2))
    assert choose([prior], few, 2).expected[0] <= 1.05 * np.sqrt(best)


def test_more_architectures_are_expected_to_tell_more(prior):
    expected = [choose([prior], CODES, n).expected[0] for n in (2, 5, 10, 30)]
    assert expected == sorted(expected, reverse=True)


def test_a_design_beats_chance_on_a_device_left_out(prior):
    rng, truth, new = (
        np.random.default_rng(2),
        KNOWN["d6"],
        SPACE.sample_codes(300, np.random.default_rng(3)),
    )

    def error(rows):
        found = fit(prior, CODES[rows], truth.predict(CODES[rows]))
        return np.abs(found.predictor().predict(new) / truth.predict(new) - 1.0).mean()

    chance = [error(rng.choice(len(CODES), 8, replace=False)) for _ in range(5)]
    assert error(choose([prior], CODES, 8).rows) < np.mean(chance)


def test_no_candidate_is_chosen_twice_and_all_shared_choices_vary(prior):
    rows = choose([prior, prior], CODES, 20).rows
    assert len(np.unique(rows)) == 20
    for column, choice in enumerate(SPACE.shared):
        assert len(np.unique(CODES[rows, column])) == len(choice)


def test_a_budget_is_kept_and_used(prior):
    seconds = KNOWN["d0"].predict(CODES)
    budget = 6 * float(np.median(seconds))
    rows = choose([prior], CODES, 30, seconds=seconds, budget_s=budget).rows
    assert 4 <= len(rows) < 30
    assert seconds[rows].sum() <= budget


@pytest.mark.parametrize("n", [0, 10_000])
def test_what_cannot_be_chosen_is_refused(prior, n):
    with pytest.raises(DataError, match="cannot choose"):
        choose([prior], CODES, n)


def test_a_budget_below_the_cheapest_is_refused(prior):
    with pytest.raises(DataError, match="the cheapest"):
        choose([prior], CODES, 3, seconds=np.ones(len(CODES)), budget_s=0.5)
