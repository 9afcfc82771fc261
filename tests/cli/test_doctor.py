import os
import platform

import pytest

from hwbench.cli import _environment as environment
from hwbench.cli._environment import Package


@pytest.fixture
def without_torch(monkeypatch):
    """An environment where only the extra [train] lacks something."""
    numpy = Package("numpy", ">=1.26", "2.4.6", "ok")
    packages: dict[str, tuple[Package, ...]] = dict.fromkeys(environment.PURPOSES, (numpy,))
    packages["train"] = (
        Package("torch", ">=2.5", None, "missing"),
        Package("safetensors", ">=0.4", "0.3.0", "too old"),
    )
    monkeypatch.setattr(environment, "extra_packages", lambda: packages)


def test_the_machine(hwbench):
    report = hwbench("doctor", "--json").json
    assert report["python"] == platform.python_version()
    assert report["cpus"] == len(os.sched_getaffinity(0))
    assert report["extras"]["base"]["ready"] is True
    numpy = next(p for p in report["extras"]["base"]["packages"] if p["name"] == "numpy")
    assert numpy["version"].count(".") == 2


def test_a_missing_extra_says_what_it_adds_and_how(hwbench, without_torch):
    train = hwbench("doctor", "--json").json["extras"]["train"]
    assert train["ready"] is False
    assert train["adds"] == "train a supernet"
    assert train["install"] == "pip install 'hwbench-nas[train]'"
    assert [package["state"] for package in train["packages"]] == ["missing", "too old"]


def test_the_table_says_the_same(hwbench, without_torch):
    lines = hwbench("doctor").lines
    states = {line.split()[0]: line for line in lines if line.strip()}
    assert states["train"].endswith("pip install 'hwbench-nas[train]'")
    assert states["base"].endswith("ready")
    assert states["torch"].split() == ["torch", "-", ">=2.5", "missing", "train"]
    assert states["safetensors"].split()[-3:] == ["too", "old", "train"]


def test_the_json_and_the_table_know_the_same_extras(hwbench):
    extras = hwbench("doctor", "--json").json["extras"]
    words = {line.split()[0] for line in hwbench("doctor").lines if line.strip()}
    assert set(extras) <= words
