"""The bundle that came out of our own pipeline; its space is small enough to look at all of it."""

from pathlib import Path

import numpy as np
import pytest

from hwbench.benchmark import load
from hwbench.benchmark.loading import SHIPPED
from hwbench.search import BenchmarkEvaluator, Limit, Objective, Problem, exact
from hwbench.spaces.gpt_costs import params

DEVICE = "cpu-zen4-2core-vm"


@pytest.fixture(scope="module")
def bench():
    return load("nano")


@pytest.fixture(scope="module")
def codes(bench):
    return bench.space.encode(list(bench.space.enumerate()))


def test_it_is_small():
    assert sum(path.stat().st_size for path in (SHIPPED / "nano").iterdir()) < 1_000_000


def test_one_device_and_what_it_was_asked(bench):
    assert bench.devices == (DEVICE,)
    assert bench.metrics() == ("perplexity", "accuracy", "params")
    assert bench.protocol("latency", DEVICE).batch_size == 32
    assert bench.protocol("latency", DEVICE).sequence_length == 64
    places = {"latency": DEVICE, "memory": DEVICE, "perplexity": None, "params": None}
    assert {bench.protocol(m, device).network for m, device in places.items()} == {"nano"}


def test_formulas_are_exact(bench, codes):
    assert len(codes) == 4644
    assert np.array_equal(bench.predict(codes, "params"), params(bench.space, codes))


def test_numbers_make_sense_everywhere(bench, codes):
    """Nowhere extrapolated beyond reason: every network of the space is asked."""
    perplexity, accuracy = bench.predict(codes, "perplexity"), bench.predict(codes, "accuracy")
    assert 5 < perplexity.min() < perplexity.max() < 512  # of 512 tokens
    assert 0 < accuracy.min() < accuracy.max() < 1
    latency, memory = (bench.predict(codes, metric, DEVICE) for metric in ("latency", "memory"))
    assert 5e-4 < latency.min() < latency.max() < 0.2
    assert memory.min() > 1e8  # the interpreter and torch
    # Twice the weights cost more time: rank correlation with the count is high.
    order = np.argsort(params(bench.space, codes))
    assert latency[order[-500:]].mean() > 1.5 * latency[order[:500]].mean()


@pytest.mark.parametrize("share", [0.05, 0.3, 0.7])
def test_the_certified_optimum_is_that_of_enumeration(bench, codes, share):
    bound = float(np.quantile(bench.predict(codes, "latency", DEVICE), share))
    limits = (Limit("latency", DEVICE, bound), Limit("params", None, 120_000))
    problem = Problem(bench.space, (Objective("perplexity"),), limits)
    answers = BenchmarkEvaluator(bench, problem).evaluate(codes)
    best = answers.objectives[answers.violations <= 0].min()
    found = exact.solve(bench, problem)
    assert found.certificate.proven
    assert found.optimum == pytest.approx(best, rel=1e-9)


def test_the_card_says_what_it_cannot_tell(bench):
    limits = " ".join(bench.bundle.limits)
    for words in ("larger models", "inherited weights", "One device", "whole process"):
        assert words in limits
    assert (Path(SHIPPED) / "nano" / "card.md").read_text(encoding="utf-8").startswith("#")
