"""`hwbench supernet train` with a penalty on what a bundle tells of a device."""

import json
import shutil

import numpy as np
import pytest

from hwbench import benchmark, spaces
from hwbench.cli._supernet_penalty import read_penalty
from hwbench.supernet.runs import BundleChoice, RunCard, open_run
from hwbench.supernet.weights import ArchWeights
from hwbench.testing.bundles import made_bundle


@pytest.fixture
def bundles(tmp_path):
    """Two bundles of nano with other numbers, one of another space."""
    nano = spaces.get("nano")
    for name, bundle in {
        "one": made_bundle(nano),
        "two": made_bundle(nano, seed=1),
        "other": made_bundle(),
    }.items():
        benchmark.save(bundle, tmp_path / name)
    return tmp_path


@pytest.fixture
def train(hwbench, bundles, monkeypatch):
    """Train on a penalty of strength 1 for a few steps in the folder `run`."""
    monkeypatch.setenv("HWBENCH_CACHE", str(bundles / "cache"))
    text = bundles / "text.txt"
    text.write_text("the quick brown fox jumps over the lazy dog\n" * 300)

    def run(on, bundle, *more, steps=3):
        options = "--space nano --tokenizer bytes --batch-size 2 --context 16 --device cpu"
        place = ("--text", str(text), "--out", str(bundles / "run"), "--steps", str(steps))
        source = () if bundle is None else ("--bundle", str(bundles / bundle))
        paid = ("--penalty-on", on, *source, *more)
        given = paid if "--penalty" in paid else ("--penalty", "1", *paid)
        return hwbench("supernet", "train", *options.split(), *place, *given)

    return run


@pytest.mark.parametrize(
    "on", ["latency@h100", "energy@rtx2080", "memory@a100", "memory@cpu-xeon-gold"]
)
def test_the_cost_of_an_architecture_is_the_answer_of_the_benchmark(on, rng):
    bench = benchmark.load("gpt-s")
    name, place = on.split("@")
    paid = read_penalty("gpt-s", strength=1.0, on=f"{name}@{place}", limit=None, bundle="gpt-s")
    assert paid.cost is not None
    codes = bench.space.sample_codes(8, rng)
    expected = bench.predict(codes, name, place)
    got = [
        float(paid.cost(ArchWeights.one_hot(arch, bench.space)))
        for arch in bench.space.decode(codes)
    ]
    assert got == pytest.approx(expected.tolist(), rel=1e-6)
    assert paid.choice.bundle == BundleChoice("gpt-s", bench.sha256)


def test_an_expected_latency_is_the_mean_over_the_networks_of_a_mixture():
    # Networks that differ in width alone, drawn with these chances: no surrogate is asked twice.
    bench = benchmark.load("gpt-s")
    paid = read_penalty("gpt-s", strength=1.0, on="latency@h100", limit="8ms", bundle="gpt-s")
    space, chances = bench.space, np.array([0.2, 0.5, 0.3])
    archs = [
        space.architecture(**{**space.largest().choices, "embed_dim": width})
        for width in space.choice("embed_dim").values
    ]
    parts = [ArchWeights.one_hot(arch, space).choices for arch in archs]
    mixed = {
        name: sum(float(c) * part[name] for c, part in zip(chances, parts, strict=True))
        for name in parts[0]
    }
    assert paid.cost is not None
    expected = chances @ bench.predict(space.encode(archs), "latency", "h100")
    assert float(paid.cost(ArchWeights(mixed))) == pytest.approx(expected, rel=1e-6)
    assert paid.choice.limit == 0.008


def test_a_strong_penalty_finds_a_fast_network(train, bundles):
    more = ("--penalty", "100", "--arch-learning-rate", "0.5", "--distribution", "darts", "--json")
    done = train("latency@gpu-one", "one", *more, steps=12)
    assert done.code == 0, done.err
    bench = benchmark.load(bundles / "one")
    found = bench.query(done.json["mode"], "gpu-one", metrics=["latency"])["latency_s"]
    codes = bench.space.sample_codes(500, np.random.default_rng(0))
    assert found < np.quantile(bench.predict(codes, "latency", "gpu-one"), 0.1)


def test_the_same_bundle_goes_on_and_another_is_refused(train, bundles):
    first = train("latency@gpu-one", "one", "--limit", "8ms")
    assert first.code == 0, first.err
    sha256 = benchmark.load(bundles / "one").sha256
    kept = json.loads((bundles / "run" / "run.json").read_text())["penalty"]
    assert kept == {
        "metric": "latency_s@gpu-one",
        "strength": 1.0,
        "limit": 0.008,
        "bundle": {"name": "nano", "sha256": sha256},
    }
    moved = shutil.copytree(bundles / "one", bundles / "moved")
    assert train("latency@gpu-one", moved.name, "--limit", "8ms").code == 0
    for on, bundle in (("latency@gpu-one", "two"), ("latency@gpu-two", "one")):
        done = train(on, bundle, "--limit", "8ms")
        assert done.code == 2
        assert f"bundle nano ({sha256[:12]}) instead of a penalty" in done.err
    shutil.rmtree(bundles / "one")
    run = open_run(bundles / "run")  # looking at a run needs no bundle
    assert run.card == RunCard.load(bundles / "run")


@pytest.mark.parametrize(
    ("on", "bundle", "more", "words"),
    [
        ("latency@gpu-one", "other", (), "supernet is of nano, the benchmark of made"),
        ("latency@gpu-nine", "one", (), "unknown device 'gpu-nine'"),
        ("energy@gpu-two", "one", (), "energy"),
        ("energy@gpu-one", "one", (), "no sum over layers"),
        ("latency@gpu-one", None, (), "--bundle NAME"),
        ("latency", "one", (), "--penalty-on latency@DEVICE"),
        ("perplexity", "one", (), "a penalty is on a cost (params, flops, latency@DEVICE"),
        ("speed", "one", (), "unknown metric 'speed'"),
        ("params", "one", (), "needs no device and no --bundle"),
        ("params@gpu-one", None, (), "needs no device and no --bundle"),
        ("latency@gpu-one", "nowhere", (), "nowhere"),
        ("latency@gpu-one", "one", ("--limit", "8"), "has no unit"),
        ("latency@gpu-one", "one", ("--limit", "8MB"), "not a quantity in s"),
        ("params", None, ("--limit", "-1"), "limit"),
    ],
)
def test_wrong_input_is_one_line(train, bundles, on, bundle, more, words):
    done = train(on, bundle, *more)
    assert done.code == 2
    assert words in done.err
    assert "Traceback" not in done.err
    assert not (bundles / "run").exists()


def test_a_bundle_without_a_penalty_is_refused(hwbench):
    done = hwbench("supernet", "train", "--space", "nano", "--out", "x", "--bundle", "gpt-s")
    assert done.code == 2
    assert "--bundle needs --penalty" in done.err
