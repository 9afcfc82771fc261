"""Studies: read, posed, run in parts and in parallel, judged."""

import json
from dataclasses import replace
from importlib.util import find_spec

import moocore  # type: ignore[import-untyped]
import numpy as np
import pandas as pd
import pytest

from hwbench.benchmark import load, save
from hwbench.errors import SchemaError, UnknownNameError
from hwbench.search import BenchmarkEvaluator, ProblemError, Run, exact, run
from hwbench.search.study import Outcome, Progress, Study, execute, write_results
from hwbench.search.study.layout import proof_file, run_folder
from hwbench.search.study.traces import costs
from hwbench.testing.bundles import made_bundle

TEXT = """
benchmarks = ["{bundle}"]
devices = ["gpu-one", "gpu-two"]
seeds = 2
budget = 40
methods = ["rs", "nsga2"]
[settings.nsga2]
population = 10
[[problems]]
name = "latency"
minimize = ["perplexity", "latency"]
[[problems]]
name = "small"
minimize = ["perplexity"]
max = ["params={most:.0f}"]
"""
LABELS = ["latency-gpu-one", "latency-gpu-two", "small"]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundle") / "made"
    save(made_bundle(), folder)
    return folder


@pytest.fixture(scope="module")
def file(bundle, tmp_path_factory):
    path = tmp_path_factory.mktemp("study") / "tiny.toml"
    path.write_text(TEXT.format(bundle=bundle, most=_middle(load(bundle))))
    return path


def _middle(bench):
    codes = bench.space.sample_codes(200, np.random.default_rng(0))
    return np.median(bench.predict(codes, "params"))


@pytest.fixture(scope="module")
def study(file):
    return Study.read(file)


@pytest.fixture(scope="module")
def done(study, tmp_path_factory):
    folder = tmp_path_factory.mktemp("done")
    execute(study, folder)
    write_results(Outcome.load(folder), folder)
    return folder


def codes_of(folder):
    return {
        str(path.parent.relative_to(folder)): Run.load(path.parent, space=made_bundle().space).codes
        for path in sorted(folder.glob("runs/*/*/run.json"))
    }


def same(first, second):
    return first.keys() == second.keys() and all(
        np.array_equal(first[name], second[name]) for name in first
    )


def test_a_study_survives_its_dict(study):
    assert Study.from_dict(json.loads(json.dumps(study.to_dict()))) == study
    assert (study.name, study.seeds) == ("tiny", (0, 1))


def test_problems_are_posed_where_they_need_a_device(study, bundle):
    posed = study.posed({str(bundle): load(bundle)})
    assert [item.label for item in posed] == LABELS
    assert str(posed[1].problem) == "min perplexity, min latency@gpu-two"
    assert len(list(study.tasks(posed))) == 3 * 2 * 2


def test_every_run_is_the_run_one_would_make_alone(done, study, bundle):
    found = codes_of(done)
    assert len(found) == 12
    bench = load(bundle)
    problem = study.posed({str(bundle): bench})[0].problem
    evaluator = BenchmarkEvaluator(bench, problem)
    alone = run(evaluator, "nsga2", budget=40, seed=1, settings={"population": 10})
    np.testing.assert_array_equal(found["runs/latency-gpu-one/nsga2-1"], alone.codes)


def test_two_jobs_find_the_same(done, study, tmp_path):
    execute(study, tmp_path, jobs=2)
    assert same(codes_of(tmp_path), codes_of(done))


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_joblibs_workers_find_the_same(done, study, tmp_path, backend):
    execute(study, tmp_path, jobs=2, backend=backend)
    assert same(codes_of(tmp_path), codes_of(done))


def test_a_backend_that_does_not_exist_is_refused(study, tmp_path):
    with pytest.raises(UnknownNameError, match=r"backend 'lokky'.*processes.*loky"):
        execute(study, tmp_path / "out", backend="lokky")
    assert not (tmp_path / "out").exists()


def test_an_interrupted_study_goes_on_to_the_same_arrays(done, study, tmp_path):
    """Stopped after each of its runs but the last, over and over, it ends as an unbroken one."""

    def stop(progress):
        if progress.kept < progress.done:
            raise KeyboardInterrupt

    for _ in range(11):
        with pytest.raises(KeyboardInterrupt):
            execute(study, tmp_path, progress=stop)
    assert len(codes_of(tmp_path)) == 11
    execute(study, tmp_path)
    whole = {path.relative_to(done): path for path in done.glob("runs/*/*/*.npz")}
    assert len(whole) == 12
    for name, path in whole.items():
        with np.load(path) as expected, np.load(tmp_path / name) as found:
            assert set(found) == set(expected)
            for key in expected:
                np.testing.assert_array_equal(found[key], expected[key])


def test_what_is_finished_is_kept(study, tmp_path, monkeypatch):
    execute(study.only(seeds=1), tmp_path)
    first = codes_of(tmp_path)
    assert len(first) == 6
    stamps = {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/*/*/run.json")}
    told: list[Progress] = []
    execute(study, tmp_path, progress=told.append)
    assert (told[0].done, told[-1].done, told[-1].total) == (6, 12, 12)
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in stamps.items())


def test_a_folder_belongs_to_one_study(study, tmp_path):
    execute(study.only(seeds=1), tmp_path)
    with pytest.raises(ProblemError, match="differs in budget"):
        execute(replace(study, budget=41), tmp_path)
    other = replace(study.problems[0], minimize=("accuracy",), name="latency")
    with pytest.raises((ProblemError, SchemaError)):
        execute(replace(study, problems=(other, study.problems[1])), tmp_path)
    changed = replace(study.problems[0], minimize=("perplexity", "params"), name="small")
    with pytest.raises((ProblemError, SchemaError)):
        execute(replace(study, problems=(study.problems[0], changed)), tmp_path)


def test_results_are_moocores_numbers(done, study, bundle):
    results = pd.read_csv(done / "results.csv")
    assert len(results) == 12
    row = results[(results.problem == LABELS[0]) & (results.method == "rs") & (results.seed == 1)]
    bench = load(bundle)
    problem = study.posed({str(bundle): bench})[0].problem
    best = exact.pareto(bench, problem).objectives
    low, extent = best.min(axis=0), np.ptp(best, axis=0)
    found = Run.load(run_folder(done, LABELS[0], "rs", 1), space=bench.space)
    scaled, target = (found.objectives - low) / extent, (best - low) / extent
    share = moocore.hypervolume(scaled, [1.1, 1.1]) / moocore.hypervolume(target, [1.1, 1.1])
    assert row.hypervolume.item() == pytest.approx(share)
    assert row.regret.item() == pytest.approx(1 - share)
    front = moocore.filter_dominated(scaled)
    assert row.igd_plus.item() == pytest.approx(moocore.igd_plus(front, target))
    assert row.epsilon.item() == pytest.approx(moocore.epsilon_additive(front, target))


def test_regret_of_one_objective_is_relative_to_the_optimum(done, study, bundle):
    bench = load(bundle)
    problem = study.posed({str(bundle): bench})[2].problem
    optimum = exact.solve(bench, problem).optimum
    found = Run.load(run_folder(done, "small", "nsga2", 0), space=bench.space)
    best = found.objectives[found.violations == 0, 0].min()
    results = pd.read_csv(done / "results.csv")
    row = results[(results.problem == "small") & (results.method == "nsga2") & (results.seed == 0)]
    assert row.regret.item() == pytest.approx(best / optimum - 1, abs=1e-9)
    assert np.isnan(row.hypervolume.item())


def test_curves_end_at_the_results(done):
    curves, results = pd.read_csv(done / "curves.csv"), pd.read_csv(done / "results.csv")
    last = curves[curves.evaluations == 40].merge(results, on=["problem", "method", "seed"])
    assert len(last) == 12
    np.testing.assert_allclose(last.regret_x, last.regret_y)
    for _, own in curves.groupby(["problem", "method", "seed"]):
        assert own.regret.is_monotonic_decreasing


def test_parquet_holds_what_csv_holds(done):
    if find_spec("pyarrow") is None:
        pytest.skip("needs pyarrow")
    pd.testing.assert_frame_equal(
        pd.read_parquet(done / "results.parquet"), pd.read_csv(done / "results.csv")
    )


def test_summary_ranks_the_methods(done):
    summary = json.loads((done / "summary.json").read_text())
    assert summary["complete"] is True
    assert list(summary["problems"]) == LABELS
    assert all(problem["proven"] for problem in summary["problems"].values())
    ranks = summary["ranking"]["mean_ranks"]
    assert set(ranks) == {"rs", "nsga2"}
    assert sum(ranks.values()) == 3.0


def test_a_proof_of_another_problem_is_refused(done, study, tmp_path, bundle):
    execute(study.only(seeds=1, methods=["rs"]), tmp_path)
    proof_file(tmp_path, "small").write_bytes(proof_file(done, LABELS[0]).read_bytes())
    with pytest.raises(SchemaError, match="another problem"):
        Outcome.load(tmp_path)


def test_partial_evaluations_cost_their_share(bench, problem):
    noisy = BenchmarkEvaluator(bench, problem, noise="session", repeats=9)
    found = run(noisy, "moasha", budget=6, seed=0)
    spent = costs(found)
    assert len(found) > 6
    assert spent[0] == pytest.approx(1 / 9)
    assert (np.diff(spent) >= 0).all()
    assert spent[-1] == pytest.approx(6, abs=0.5)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"methods": ["nope"]}, UnknownNameError, "unknown method"),
        ({"methods": []}, SchemaError, "one or more methods"),
        ({"methods": "rs", "settings": {"rs": {"size": 3}}}, UnknownNameError, "setting of rs"),
        ({"seeds": [1, 1]}, SchemaError, "each once"),
        ({"budget": 0}, SchemaError, "1 evaluation"),
        ({"nothing": 1}, SchemaError, "nothing"),
        ({"problems": [{"name": "../x", "minimize": "params"}]}, SchemaError, "letters"),
        ({"problems": [{"name": "x", "minimise": "params"}]}, SchemaError, "minimise"),
    ],
)
def test_wrong_studies_are_refused(study, change, error, words):
    with pytest.raises(error, match=words):
        Study.from_dict({**study.to_dict(), **change})


def test_a_file_that_is_no_toml_is_named(tmp_path):
    path = tmp_path / "x.toml"
    path.write_text("seeds = ")
    with pytest.raises(SchemaError, match=r"x\.toml is no TOML"):
        Study.read(path)


def test_parts_that_do_not_exist_are_refused(study):
    with pytest.raises(UnknownNameError, match="problem of the study"):
        study.only(problems=["nope"])


def test_shipped_study_files_can_be_posed(root):
    for path in sorted((root / "search").glob("*.toml")):
        study = Study.read(path)
        posed = study.posed({name: load(name) for name in study.benchmarks})
        assert len({item.label for item in posed}) == len(posed) >= len(study.problems)
        assert study.description


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "processes",
    [False, pytest.param(True, marks=pytest.mark.slow)],
    ids=["threads", "processes"],
)
def test_dask_finds_the_same(done, study, tmp_path, processes):
    distributed = pytest.importorskip("distributed", reason="needs the package distributed")
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=processes, dashboard_address=None
    )
    with cluster, distributed.Client(cluster):
        execute(study, tmp_path, jobs=2, backend="dask")
    assert same(codes_of(tmp_path), codes_of(done))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_ray_finds_the_same(done, study, tmp_path):
    ray = pytest.importorskip("ray", reason="needs the package ray")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        execute(study, tmp_path, jobs=2, backend="ray")
    finally:
        ray.shutdown()
    assert same(codes_of(tmp_path), codes_of(done))
