"""Every architecture of a small space, and random problems on it."""

import functools

import numpy as np
from hypothesis import strategies as st

from hwbench.benchmark import Benchmark
from hwbench.search import BenchmarkEvaluator, Evaluation, Limit, Objective, Problem
from hwbench.spaces import Space
from hwbench.testing.bundles import made_bundle, made_space

GPUS = ("gpu-one", "gpu-two")


@functools.cache
def bench(seed: int = 0) -> Benchmark:
    return Benchmark(made_bundle(seed=seed))


@functools.cache
def all_codes() -> np.ndarray:
    return _all_codes(made_space())


def _all_codes(space: Space) -> np.ndarray:
    """List all canonical codes from the cardinalities alone."""
    sizes = space.cardinalities
    grid = np.indices(sizes[: len(space.shared)]).reshape(len(space.shared), -1).T
    found = []
    for shared in grid:
        head = np.zeros(space.n_choices, dtype=np.uint8)
        head[: len(space.shared)] = shared
        free = np.flatnonzero(space.active(head))[len(space.shared) :]
        tails = np.indices(sizes[free], dtype=np.uint8).reshape(len(free), -1).T
        rows = np.repeat(head[None], len(tails), axis=0)
        rows[:, free] = tails
        found.append(rows)
    codes = np.concatenate(found)
    assert len(codes) == space.size()
    return codes


@functools.cache
def columns(seed: int) -> dict[tuple[str, str | None], np.ndarray]:
    made = bench(seed)
    names = [("perplexity", None), ("accuracy", None), ("params", None), ("energy_j", "gpu-one")]
    names += [("latency_s", d) for d in (*GPUS, "cpu-one")]
    names += [("memory_bytes", "gpu-one"), ("memory_bytes", "cpu-one")]
    return {name: made.predict(all_codes(), *name) for name in names}


def evaluator(problem: Problem, seed: int) -> BenchmarkEvaluator:
    return BenchmarkEvaluator(bench(seed), problem)


def evaluate(problem: Problem, seed: int) -> Evaluation:
    return evaluator(problem, seed).evaluate(all_codes())


_ONE = [("perplexity", ()), ("accuracy", ()), ("params", ()), ("energy_j", ("gpu-one",))]
_ONE += [("latency_s", ("gpu-two",)), ("memory_bytes", ("gpu-one",))]
_SEVERAL = [("latency_s", GPUS), ("latency_s", (*GPUS, "cpu-one"))]

objectives = st.sampled_from([Objective(m, d) for m, d in _ONE + _SEVERAL])


@st.composite
def limits(draw, seed: int):
    metric, device = draw(st.sampled_from(sorted(columns(seed), key=str)))
    values = columns(seed)[metric, device]
    share = draw(st.floats(-0.02, 1.02))
    bound = float(np.quantile(values, np.clip(share, 0, 1)))
    bound *= 0.5 if share < 0 else 1.5 if share > 1 else 1.0
    sense = draw(st.sampled_from(["max", "max", "min"]))
    confidence = draw(st.sampled_from([None, None, 0.9, 0.5]))
    margin = draw(st.sampled_from([0.0, 0.0, 0.03]))
    return Limit(metric, device, bound, sense, confidence, margin)


_FIXED = [{}, {}, {"embed_dim": (128,)}, {"n_layer": (2, 3)}, {"mlp_ratio": (1, 4)}]
_FIXED += [{"bias": (True,), "n_head": (2,)}, {"n_layer": (5,), "mlp_ratio": (2,)}]


@st.composite
def problems(draw, *, n_objectives: int = 1, most_limits: int = 3):
    seed = draw(st.integers(0, 2))
    goals = draw(st.lists(objectives, min_size=n_objectives, max_size=n_objectives, unique=True))
    found = draw(st.lists(limits(seed), max_size=most_limits))
    fixed = draw(st.sampled_from(_FIXED))
    return seed, Problem(made_space(), tuple(goals), tuple(found), fixed)


def allowed(problem: Problem) -> np.ndarray:
    """Mark the codes that the fixed choices allow."""
    space, codes = problem.space, all_codes()
    mark = np.ones(len(codes), dtype=bool)
    for name, values in problem.fixed.items():
        found = np.array(space.values(codes, name))
        fits = np.isin(found, values)
        if found.ndim == 2:
            depth = space.depths(codes)
            fits = (fits | (np.arange(found.shape[1]) >= depth[:, None])).all(axis=1)
        mark &= fits
    return mark


def pairwise_front(points: np.ndarray) -> np.ndarray:
    """Return the distinct non-dominated points of two objectives, sorted by the first."""
    points = np.unique(points, axis=0)
    front: list[np.ndarray] = []
    for point in points:
        if not front or point[1] < front[-1][1]:
            front.append(point)
    return np.array(front).reshape(-1, 2)
