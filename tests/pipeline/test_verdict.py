"""Verdicts against numbers worked out by hand."""

import json
import math

import numpy as np
import pytest
from scipy.stats import kendalltau

from hwbench.pipeline.verdict import Checked, verdict


def checked(arch, surrogate, inherited, retrained, latency, *, params=10, roles=("sample",)):
    """Make an architecture with a latency predicted 10 % to each side."""
    predicted, measured = latency
    return Checked(
        arch=arch,
        roles=roles,
        params=params,
        surrogate=(surrogate, surrogate - 1, surrogate + 1),
        inherited=inherited,
        retrained=retrained,
        predicted={"latency_s": (predicted, 0.9 * predicted, 1.1 * predicted)},
        measured={"latency_s": measured},
    )


FOUR = [
    checked("a", 10.0, 11.0, (8.0, 8.0), (1.0, (1.0, 1.05))),
    checked("b", 12.0, 12.0, (9.0, 7.0), (2.0, (2.0, 2.5))),
    checked("c", 14.0, 15.0, (10.0, 10.0), (3.0, (3.3, 3.3)), params=20),
    checked("d", 16.0, 14.0, (12.0, 11.0), (4.0, (4.0, 4.0))),
]
PROBLEM = {
    "name": "fast",
    "limits": [{"metric": "latency_s", "bound": 3.0}, {"metric": "params", "bound": 15}],
    "found": [{"by": "exact", "arch": "a"}, {"by": "largest", "arch": "d"}],
}


def of(found, one, other):
    return next(line for line in found["ranks"] if (line["of"], line["with"]) == (one, other))


def test_ranks_are_kendalls_tau():
    found = verdict(FOUR, [], seed=0)
    # Of six pairs, c and d alone are the other way round: (5 - 1) / 6.
    assert of(found, "surrogate", "inherited")["tau"] == pytest.approx(4 / 6, abs=1e-4)
    # Geometric means 8, sqrt(63), 10, sqrt(132): a and b change places.
    means = [8, math.sqrt(63), 10, math.sqrt(132)]
    expected = kendalltau([10, 12, 14, 16], means).statistic
    assert expected == pytest.approx(4 / 6)
    assert of(found, "surrogate", "retrained")["tau"] == pytest.approx(expected, abs=1e-4)
    seeds = kendalltau([8, 9, 10, 12], [8, 7, 10, 11]).statistic
    assert of(found, "retrained", "another seed")["tau"] == pytest.approx(seeds, abs=1e-4)
    assert all(line["n"] == 4 for line in found["ranks"])


def test_only_the_sample_is_ranked():
    picked = checked("e", 1.0, 99.0, (99.0, 99.0), (1.0, (1.0,)), roles=("fast exact",))
    assert verdict([*FOUR, picked], [], seed=0)["ranks"] == verdict(FOUR, [], seed=0)["ranks"]


def test_intervals_hold_the_estimate_and_narrow_with_more():
    rng = np.random.default_rng(3)
    truth = rng.normal(size=80)
    many = [
        checked(str(i), 20 + t, 20 + t + e, (20 + t,), (1.0, (1.0,)))
        for i, (t, e) in enumerate(zip(truth, 0.5 * rng.normal(size=80), strict=True))
    ]
    wide = of(verdict(many[:12], [], seed=0), "surrogate", "inherited")
    narrow = of(verdict(many, [], seed=0), "surrogate", "inherited")
    for line in (wide, narrow):
        assert line["low"] <= line["tau"] <= line["high"]
    assert narrow["high"] - narrow["low"] < 0.6 * (wide["high"] - wide["low"])


def test_hardware_by_hand():
    (line,) = verdict(FOUR, [], seed=0)["hardware"]
    medians = [1.025, 2.25, 3.3, 4.0]
    errors = [abs(p - m) / m for p, m in zip([1, 2, 3, 4], medians, strict=True)]
    assert line["mape"] == pytest.approx(sum(errors) / 4, abs=1e-5)
    assert line["tau"] == 1.0
    assert line["inside_90"] == pytest.approx(7 / 8)  # all visits but the 2.5 of b; 3.3 is the end


def test_regret_is_measured_against_the_best_that_keeps_the_limits():
    found = verdict(FOUR, [PROBLEM], seed=0)["regret"]
    best = math.sqrt(9 * 7)  # b keeps both limits and is the best of those that do
    assert [line["by"] for line in found] == ["exact", "largest"]
    assert found[0]["from_best"] == pytest.approx(8 / best - 1, abs=1e-5)
    assert [line["kept_limits"] for line in found] == [True, False]
    assert (found[1]["low"], found[1]["high"]) == (11.0, 12.0)


def test_nothing_keeps_the_limits():
    hard = {**PROBLEM, "limits": [{"metric": "latency_s", "bound": 0.1}]}
    found = verdict(FOUR, [hard], seed=0)["regret"]
    assert {line["from_best"] for line in found} == {None}


def test_one_seed_has_no_agreement():
    alone = [checked(str(i), i + 5.0, i + 5.0, (i + 5.0,), (1.0, (1.0,))) for i in range(3)]
    assert [line["with"] for line in verdict(alone, [], seed=0)["ranks"]] == [
        "inherited",
        "retrained",
        "retrained",
    ]


def test_what_was_not_measured_is_not_judged():
    energy = {**PROBLEM, "limits": [{"metric": "energy_j", "bound": 1.0}]}
    found = verdict(FOUR, [energy], seed=0)["regret"]
    assert {(line["kept_limits"], line["from_best"]) for line in found} == {(None, None)}
    both = {**PROBLEM, "limits": [*energy["limits"], {"metric": "params", "bound": 5}]}
    found = verdict(FOUR, [both], seed=0)["regret"]
    assert {line["kept_limits"] for line in found} == {False}  # one broken limit is enough


def test_architectures_that_time_did_not_suffice_for():
    rest = [checked(one.arch, 10.0, 11.0, (8.0, 8.0), (1.0, ())) for one in FOUR[1:]]
    found = verdict([FOUR[0], *rest], [PROBLEM], seed=0)
    assert [line["n"] for line in found["hardware"]] == [1]
    assert verdict(rest, [], seed=0)["hardware"] == []


@pytest.mark.parametrize("n", range(5))
def test_small_and_constant_samples_are_json(n):
    same = [checked(str(i), 5.0, 5.0, (5.0, 5.0), (1.0, (1.0,))) for i in range(n)]
    found = verdict(same, [], seed=0)
    json.dumps(found, allow_nan=False)
    assert all(line["tau"] is None for line in found["ranks"] + found["hardware"])
