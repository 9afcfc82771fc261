import json
import time

import numpy as np
import pytest

from hwbench.benchmark import load, save
from hwbench.search import BenchmarkEvaluator, Problem, Run, run
from hwbench.search.dominance import non_dominated
from hwbench.testing.bundles import made_bundle

GOAL = ("search", "made", "--device", "gpu-one", "--minimize", "perplexity")


@pytest.fixture
def made(tmp_path, monkeypatch):
    """The folder "made" in the working directory."""
    save(made_bundle(), tmp_path / "made")
    monkeypatch.chdir(tmp_path)
    return load("made")


@pytest.fixture
def every(made):
    """Perplexity and latency of all architectures of the small space."""
    codes = made.space.encode(list(made.space.enumerate()))
    return made.predict_many(codes, [("perplexity", None), ("latency_s", "gpu-one")])


def test_one_objective_is_solved_exactly(hwbench, made, every):
    bound = float(np.quantile(every[:, 1], 0.1))
    found = hwbench(*GOAL, "--max", f"latency={bound!r}s", "--json").json
    best = every[every[:, 1] <= bound, 0].min()
    assert found["method"] == "exact"
    assert found["feasible"] is True
    assert found["certificate"]["proven"] is True
    assert found["optimum"] == pytest.approx(best, rel=1e-9)
    (answer,) = found["architectures"]
    assert answer["metrics"]["perplexity"] == pytest.approx(best, rel=1e-9)
    assert answer["devices"]["gpu-one"]["latency_s"] <= bound
    own = made.query(answer["architecture"], "gpu-one")
    assert answer["devices"]["gpu-one"]["latency_s_upper"] == own["latency_s_upper"]


def test_people_see_the_architecture_its_metrics_and_the_proof(hwbench, every):
    result = hwbench(*GOAL)
    names = [line.split()[0] for line in result.lines if line]
    assert result.code == 0
    assert names[:1] == ["architecture"]
    assert {"perplexity", "latency@gpu-one", "energy@gpu-one", "proof", "params"} <= set(names)
    assert "90 % intervals" in result.lines[-1]


def test_the_impossible_ends_at_once_with_what_comes_closest(hwbench, every):
    for method in ("exact", "nsga2"):
        result = hwbench(*GOAL, "--max", "latency=1ns", "--method", method, "--json")
        assert result.code == 1
        assert result.json["feasible"] is False
        (answer,) = result.json["architectures"]
        fastest = every[:, 1].min()
        assert answer["devices"]["gpu-one"]["latency_s"] == pytest.approx(fastest, rel=1e-9)
        assert result.json["binding"] == ["latency@gpu-one <= 1 ns"]
    text = hwbench(*GOAL, "--max", "latency=1ns").out
    assert "cannot keep" in text
    assert "reachable" in text


def test_a_method_gives_the_run_of_the_library(hwbench, made):
    options = ("--method", "nsga2", "--budget", "200", "--seed", "3", "--set", "population=20")
    goal = ("search", "made", "--minimize", "perplexity,latency@gpu-one")
    found = hwbench(*goal, *options, "--json").json
    problem = Problem.parse(made, minimize=["perplexity,latency@gpu-one"])
    evaluator = BenchmarkEvaluator(made, problem)
    own = run(evaluator, "nsga2", budget=200, seed=3, settings={"population": 20})
    texts = [str(arch) for arch in made.space.decode(own.codes[own.front()])]
    assert [answer["architecture"] for answer in found["architectures"]] == texts
    assert (found["evaluations"], found["calls"], found["stopped"]) == (200, own.calls, "budget")
    assert found["sha256"] == made.sha256


def test_a_front_is_a_table(hwbench, made):
    result = hwbench(
        "search", "made", "--minimize", "perplexity,latency@gpu-one", "--budget", "100"
    )
    assert result.lines[0].split() == ["perplexity", "latency@gpu-one", "architecture"]
    assert result.lines[1].split()[-1].startswith("made:")
    assert "100 distinct evaluations" in result.out


def test_an_exact_front_is_what_nothing_dominates(hwbench, every):
    goal = ("search", "made", "--minimize", "perplexity,latency@gpu-one", "--method", "exact")
    found = hwbench(*goal, "--json").json
    assert found["certificate"]["proven"] is True
    front = np.array(
        [
            (a["metrics"]["perplexity"], a["devices"]["gpu-one"]["latency_s"])
            for a in found["architectures"]
        ]
    )
    expected = every[non_dominated(every)]
    expected = np.unique(expected, axis=0)
    np.testing.assert_allclose(np.unique(front, axis=0), expected, rtol=1e-9)
    assert "proof" in hwbench(*goal).out


def test_a_front_that_runs_out_of_time_says_so(hwbench, made):
    goal = ("search", "gpt-s", "--device", "h100", "--minimize", "perplexity,latency,energy")
    began = time.perf_counter()
    found = hwbench(*goal, "--method", "exact", "--time-limit", "2", "--json")
    assert time.perf_counter() - began < 30  # all of it takes 20 s
    assert found.json["certificate"]["proven"] is False
    assert "stopped early" in found.json["certificate"]["proof"]
    assert found.json["architectures"]


def test_no_time_at_all_ends_in_one_line(hwbench, made):
    for goals in ("perplexity,latency@gpu-one,params", "perplexity,latency@gpu-one"):
        goal = ("search", "made", "--minimize", goals, "--method", "exact")
        found = hwbench(*goal, "--time-limit", "1e-9")
        assert found.code == 2
        assert "--time-limit" in found.err
        assert found.out == ""
    assert hwbench(*GOAL, "--time-limit", "0").code == 2
    alone = hwbench(*GOAL, "--max", "params=1G", "--time-limit", "1e-9").out
    assert "unknown: the time ran out" in alone


def test_a_search_goes_on_from_its_folder(hwbench, made):
    goal = (*GOAL, "--method", "rs", "--budget", "50", "--out", "kept", "--json")
    first = hwbench(*goal).json
    assert hwbench(*goal).json == first
    assert len(Run.load("kept", space=made.space)) == 50
    other = hwbench(*goal, "--seed", "1")
    assert other.code == 2
    assert "another run" in other.err


def test_an_exact_answer_is_kept_too(hwbench, made, tmp_path):
    found = hwbench(*GOAL, "--out", "kept", "--json").json
    assert json.loads((tmp_path / "kept" / "exact.json").read_text()) == found


def test_asha_gets_its_noise(hwbench, made):
    found = hwbench(*GOAL, "--method", "moasha", "--budget", "20", "--json").json
    assert found["settings"]["most"] == 9
    assert found["evaluations"] > 20


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--max", "latency=5MB"), "accepted units"),
        (("--max", "latency=8"), "'8' has no unit; write one of: 8ns, 8us, 8ms, 8s"),
        (("--max", "latncy=5ms"), "latency"),
        (("--fix", "embed_dim=65"), "64, 128"),
        (("--maximize", "latency"), "--minimize latency"),
        (("--method", "rs", "--set", "batch"), "KEY=VALUE"),
        (("--method", "rs", "--set", "size=3"), "batch"),
        (("--set", "size=3"), "no settings"),
    ],
)
def test_wrong_words_say_what_is_right(hwbench, made, arguments, says):
    result = hwbench(*GOAL, *arguments)
    assert result.code == 2
    assert says in result.err
    assert result.out == ""
