import copy
import json

import numpy as np
import pytest

from hwbench import spaces
from hwbench.benchmark import load
from hwbench.errors import SchemaError, SpaceError, UnitError, UnknownNameError
from hwbench.search import Limit, Objective, Problem, ProblemError


def test_words_of_people_become_si_numbers(bench):
    problem = Problem.parse(
        bench,
        minimize=["perplexity, latency"],
        maximize=["accuracy"],
        devices=["GPU_one", "cpu-one"],
        max=["latency=8ms", "memory@gpu-two=1.5MB,params=2M"],
        min=["accuracy=40%"],
        fix=["embed_dim=64", "mlp_ratio=4,1"],
        confidence=0.95,
        margin=0.02,
    )
    assert problem.objectives == (
        Objective("perplexity"),
        Objective("latency_s", ("gpu-one", "cpu-one")),
        Objective("accuracy"),
    )
    assert [(li.metric, li.device, li.bound, li.sense) for li in problem.limits] == [
        ("latency_s", "gpu-one", 0.008, "max"),
        ("latency_s", "cpu-one", 0.008, "max"),
        ("memory_bytes", "gpu-two", 1.5e6, "max"),
        ("params", None, 2e6, "max"),
        ("accuracy", None, 0.4, "min"),
    ]
    assert all(li.confidence == 0.95 and li.margin == 0.02 for li in problem.limits)
    assert problem.fixed == {"embed_dim": (64,), "mlp_ratio": (1, 4)}
    assert [goal.sign for goal in problem.objectives] == [1.0, 1.0, -1.0]


def test_a_problem_survives_json_and_copies(bench):
    problem = Problem.parse(
        bench, minimize=["latency@gpu-one+gpu-two"], max=["params=1M"], fix=["bias=true"]
    )
    text = json.dumps(problem.to_dict())
    again = Problem.from_dict(json.loads(text), space=bench.space)
    assert again == problem == copy.deepcopy(problem)
    assert hash(again) == hash(problem)
    assert again.fingerprint() == problem.fingerprint()
    other = Problem.parse(bench, minimize=["latency@gpu-one"], max=["params=1M"])
    assert other.fingerprint() != problem.fingerprint()


def test_a_registered_space_is_found_by_its_name():
    problem = Problem(spaces.get("gpt-s"), (Objective("params"),))
    assert Problem.from_dict(problem.to_dict()) == problem


def test_it_reads_like_a_sentence(bench):
    problem = Problem.parse(
        bench, minimize=["perplexity"], max=["latency@gpu-one=8ms"], fix=["bias=true"], margin=0.1
    )
    assert str(problem) == "min perplexity; latency@gpu-one <= 8 ms (margin 10 %); bias = true"


@pytest.mark.parametrize(
    ("words", "error", "says"),
    [
        ({"minimize": ["latncy"]}, UnknownNameError, "latency"),
        ({"minimize": ["latency"]}, ProblemError, "gpu-one, gpu-two, cpu-one"),
        ({"minimize": ["latency@h100"]}, UnknownNameError, "gpu-one"),
        ({"minimize": ["perplexity@gpu-one"]}, ProblemError, "no device"),
        ({"minimize": ["accuracy"]}, ProblemError, "--maximize accuracy"),
        ({"maximize": ["perplexity"]}, ProblemError, "--minimize perplexity"),
        ({"minimize": ["perplexity,perplexity"]}, ProblemError, "twice"),
        ({"minimize": ["perplexity"], "max": ["latency@gpu-one=8MB"]}, UnitError, "ms"),
        ({"minimize": ["perplexity"], "max": ["latency@gpu-one"]}, ProblemError, "latency=8ms"),
        ({"minimize": ["perplexity"], "max": ["params=0"]}, ProblemError, "above 0"),
        ({"minimize": ["perplexity"], "fix": ["width=3"]}, UnknownNameError, "embed_dim"),
        ({"minimize": ["perplexity"], "fix": ["embed_dim=3"]}, SpaceError, "64, 128"),
        ({"minimize": ["perplexity"], "fix": ["bias=true", "bias=false"]}, ProblemError, "twice"),
        ({}, ProblemError, "objective"),
    ],
)
def test_what_is_wrong_says_what_there_is(bench, words, error, says):
    with pytest.raises(error, match=says):
        Problem.parse(bench, **words)


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("latency@gpu-one=8", "'8' has no unit; write one of: 8ns, 8us, 8ms, 8s"),
        ("energy@gpu-one=0.5", "0.5mJ, 0.5J"),
        ("memory@gpu-one=600", "600MB, 600GB"),
    ],
)
def test_a_limit_in_seconds_says_so(bench, word, says):
    for side in ("max", "min"):
        with pytest.raises(UnitError, match=says):
            Problem.parse(bench, minimize=["perplexity"], **{side: [word]})


def test_counts_and_shares_need_no_unit(bench):
    problem = Problem.parse(
        bench, minimize=["perplexity"], max=["params=90000", "flops=2e9"], min=["accuracy=0.4"]
    )
    assert [limit.bound for limit in problem.limits] == [90000.0, 2e9, 0.4]


@pytest.mark.parametrize(
    "options",
    [{"sense": "most"}, {"confidence": 1.0}, {"margin": -0.1}, {"bound": float("nan")}],
)
def test_impossible_limits_are_refused(options):
    with pytest.raises(ProblemError):
        Limit(**({"metric": "params", "device": None, "bound": 1.0} | options))


def test_objectives_need_a_device_exactly_where_their_metric_does():
    for metric, devices in (("latency", ()), ("params", ("a",)), ("latency", ("a", "a"))):
        with pytest.raises(ProblemError):
            Objective(metric, devices)


def test_other_dicts_are_refused(problem):
    with pytest.raises(SchemaError, match="not a problem"):
        Problem.from_dict({"space": "gpt-s"})
    broken = problem.to_dict() | {"objectives": [{"metric": "params", "weight": 3}]}
    with pytest.raises(SchemaError):
        Problem.from_dict(broken, space=problem.space)


def test_codes_of_the_cut_space_are_lifted(bench, rng):
    problem = Problem.parse(bench, minimize=["params"], fix=["embed_dim=128", "mlp_ratio=4"])
    codes = problem.subspace.sample_codes(50, rng)
    lifted = problem.lift(codes)
    assert problem.subspace.decode(codes) == bench.space.decode(lifted)
    assert set(bench.space.values(lifted, "embed_dim").tolist()) == {128}
    assert np.isin(bench.space.values(lifted, "mlp_ratio"), [0, 4]).all()


def test_the_only_device_need_not_be_named():
    bench = load("nano")
    (device,) = bench.devices
    short = Problem.parse(bench, minimize=["perplexity"], max=["latency=9ms"])
    assert short == Problem.parse(bench, minimize=["perplexity"], max=[f"latency@{device}=9ms"])
    with pytest.raises(ProblemError, match="latency needs a device"):
        Problem.parse(load("gpt-s"), minimize=["perplexity"], max=["latency=9ms"])
