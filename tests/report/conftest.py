"""A run and a study on a small benchmark with hostile names, and where they lie."""

import numpy as np
import pytest

from hwbench.benchmark import load, save
from hwbench.report import read
from hwbench.search import BenchmarkEvaluator, Problem, run
from hwbench.search.study import Study, execute
from hwbench.testing.bundles import made_bundle

STUDY = {
    "name": "tiny",
    "devices": ["gpu-one"],
    "seeds": 3,
    "budget": 60,
    "methods": ["rs", "nsga2"],
    "settings": {"nsga2": {"population": 10}},
    "description": "Two <b>methods</b>.",
    "problems": [
        {"name": "latency", "minimize": ["perplexity", "latency"]},
        {"name": "three", "minimize": ["perplexity", "latency", "params"]},
        {"name": "one", "maximize": ["accuracy"], "max": ["perplexity=1G"]},
    ],
}


@pytest.fixture(scope="session")
def bundle_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundle") / "made"
    save(made_bundle(), folder)
    return folder


@pytest.fixture(scope="session")
def bench(bundle_folder):
    return load(bundle_folder)


@pytest.fixture(scope="session")
def problem(bench):
    codes = bench.space.sample_codes(200, np.random.default_rng(0))
    bound = sorted(bench.predict(codes, "latency", "gpu-two"))[150]
    return Problem.parse(
        bench,
        minimize=["perplexity,latency@gpu-one"],
        max=[f"latency@gpu-two={bound}s"],
        confidence=0.9,
    )


@pytest.fixture(scope="session")
def run_folder(bench, problem, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "</script><img src=x onerror=alert(1)>"
    run(BenchmarkEvaluator(bench, problem), "nsga2", budget=150, seed=0, out=folder)
    return folder


@pytest.fixture(scope="session")
def study_folder(bundle_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    execute(Study.from_dict({**STUDY, "benchmarks": [str(bundle_folder)]}), folder)
    return folder


@pytest.fixture(scope="session")
def run_report(run_folder, bundle_folder):
    return read(run_folder, bundle=bundle_folder)


@pytest.fixture(scope="session")
def study_report(study_folder):
    return read(study_folder)
