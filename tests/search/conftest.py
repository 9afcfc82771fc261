"""A small benchmark, and a problem on it, shared by the tests of the search."""

import pytest

from hwbench.benchmark import Benchmark
from hwbench.search import BenchmarkEvaluator, Problem
from hwbench.testing.bundles import made_bundle


@pytest.fixture(scope="session")
def bench():
    return Benchmark(made_bundle(), sha256="0" * 64)


@pytest.fixture(scope="session")
def problem(bench):
    return Problem.parse(bench, minimize=["perplexity,latency@gpu-one"])


@pytest.fixture(scope="session")
def evaluator(bench, problem):
    return BenchmarkEvaluator(bench, problem)
