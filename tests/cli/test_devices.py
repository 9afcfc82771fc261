import pytest

from hwbench.benchmark import names, save
from hwbench.testing.bundles import made_bundle


@pytest.fixture
def made(tmp_path, monkeypatch):
    save(made_bundle(), tmp_path / "made")
    monkeypatch.chdir(tmp_path)


def test_devices_of_a_bundle(hwbench, made):
    lines = hwbench("devices", "made").lines
    assert [line.split("  ")[0] for line in lines] == ["device", "gpu-one", "gpu-two", "cpu-one"]
    assert lines[1].split() == [
        "gpu-one",
        "Graphics",
        "One",
        "gpu",
        "bf16",
        "latency,",
        "energy,",
        "memory",
        "made",
    ]
    assert lines[3].split() == [
        "cpu-one",
        "Processor",
        "One",
        "cpu",
        "fp32",
        "latency,",
        "memory",
        "made",
    ]


def test_json(hwbench, made):
    found = hwbench("devices", "made", "--json").json
    assert found[1] == {
        "device": "gpu-two",
        "label": "Graphics Two",
        "kind": "gpu",
        "precision": "bf16",
        "notes": ["its clock was not fixed"],
        "metrics": {"made": ["latency_s", "memory_bytes"]},
    }


def test_without_a_bundle_all_that_ship(hwbench):
    found = hwbench("devices", "--json").json
    assert {name for device in found for name in device["metrics"]} == set(names())


def test_devices_of_several_benchmarks_are_merged(hwbench, made, tmp_path, monkeypatch):
    for name in ("one", "two"):
        save(made_bundle(), tmp_path / "shipped" / name)
    monkeypatch.setattr("hwbench.benchmark.loading.SHIPPED", tmp_path / "shipped")
    found = hwbench("devices", "--json").json
    assert [device["device"] for device in found] == ["gpu-one", "gpu-two", "cpu-one"]


def test_an_unknown_bundle(hwbench):
    result = hwbench("devices", "gpt-x")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("error: unknown benchmark 'gpt-x'")
