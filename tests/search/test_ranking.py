"""Ranks equal a hand calculation, tests those of scipy, critical differences Demsar's table."""

import numpy as np
import pytest
from scipy import stats

from hwbench.errors import ShapeError
from hwbench.search import ranking
from hwbench.search.indicators import IndicatorError

# Scores of four methods on six problems; higher is better.
SCORES = np.array(
    [
        [0.76, 0.77, 0.78, 0.80],  # ranks 4, 3, 2, 1
        [0.60, 0.59, 0.58, 0.57],  # 1, 2, 3, 4
        [0.63, 0.66, 0.65, 0.66],  # 4, 1.5, 3, 1.5
        [0.94, 0.93, 0.92, 0.95],  # 2, 3, 4, 1
        [1.00, 1.00, 1.00, 1.00],  # 2.5 each
        [0.58, 0.62, 0.56, 0.67],  # 3, 2, 4, 1
    ]
)
SUMS = {"d": 11.0, "b": 14.0, "a": 16.5, "c": 18.5}


def example():
    return dict(zip("abcd", SCORES.T, strict=True))


def test_mean_ranks_by_hand():
    found = ranking.rank(example(), higher_is_better=True)
    assert list(found.mean_ranks) == ["d", "b", "a", "c"]
    assert found.mean_ranks == pytest.approx({name: total / 6 for name, total in SUMS.items()})
    assert found.friedman_p == pytest.approx(stats.friedmanchisquare(*SCORES.T).pvalue)


def test_critical_differences_of_the_paper():
    # Demsar 2006: q = 2.569 for 4 methods, 2.728 for 5, at 0.05; 2.291 for 4 at 0.10.
    for k, alpha, q in [(4, 0.05, 2.569), (5, 0.05, 2.728), (4, 0.10, 2.291)]:
        expected = q * np.sqrt(k * (k + 1) / (6 * 14))
        assert ranking.critical_difference(k, 14, alpha=alpha) == pytest.approx(expected, rel=1e-3)


def test_pairs_are_wilcoxons_with_holms_correction():
    found = ranking.rank(example(), higher_is_better=True)
    raw = {
        pair: stats.wilcoxon(example()[pair[0]] - example()[pair[1]]).pvalue for pair in found.pairs
    }
    smallest = min(raw, key=raw.get)
    assert found.pairs[smallest] == pytest.approx(min(6 * raw[smallest], 1.0))
    assert len(found.pairs) == 6


def test_groups_of_methods_that_do_not_differ(rng):
    base = rng.random(30)
    scores = {"best": base + 9, "b": base + rng.normal(0, 1e-3, 30), "c": base}
    found = ranking.rank(scores, higher_is_better=True)
    assert next(iter(found.mean_ranks)) == "best"
    assert [set(group) for group in found.groups] == [{"b", "c"}]
    assert found.pairs["best", found.groups[0][0]] < 0.001


def test_few_problems_cannot_tell_pairs_apart():
    scores = {name: np.arange(4.0) + k for k, name in enumerate("abc")}
    found = ranking.rank(scores, higher_is_better=True)
    assert min(found.pairs.values()) == pytest.approx(3 * 2.0 ** (1 - 4))  # the least there is
    assert (found.testable, found.groups) == (False, ())
    more = {name: np.arange(9.0) + k for k, name in enumerate("abc")}
    assert ranking.rank(more, higher_is_better=True).testable


def test_lower_may_be_better():
    found = ranking.rank({"a": [1.0, 2.0], "b": [2.0, 3.0]}, higher_is_better=False)
    assert found.mean_ranks == {"a": 1.0, "b": 2.0}
    assert found.friedman_p is None


def test_ties_and_infinities_are_ranked():
    same = ranking.rank({name: [1.0, 1.0, 1.0] for name in "abc"}, higher_is_better=True)
    assert set(same.mean_ranks.values()) == {2.0}
    assert same.friedman_p == 1.0
    found = ranking.rank({"a": [np.inf, 1.0], "b": [np.inf, 2.0]}, higher_is_better=False)
    assert found.mean_ranks == {"a": 1.25, "b": 1.75}


def test_one_problem_is_ranked_but_not_tested():
    found = ranking.rank({"a": [1.0], "b": [2.0], "c": [3.0]}, higher_is_better=True)
    assert (found.friedman_p, found.critical_difference, found.pairs) == (None, None, {})
    assert found.to_dict()["mean_ranks"] == {"c": 1.0, "b": 2.0, "a": 3.0}


def test_wrong_input_is_refused():
    with pytest.raises(ShapeError):
        ranking.rank({"a": [1.0], "b": [1.0, 2.0]}, higher_is_better=True)
    with pytest.raises(IndicatorError):
        ranking.rank({}, higher_is_better=True)
    with pytest.raises(IndicatorError):
        ranking.rank({"a": [np.nan]}, higher_is_better=True)
