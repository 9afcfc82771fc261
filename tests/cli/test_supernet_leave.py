"""`hwbench supernet search`, `retrain` and `extract`, as a user would type them."""

import json

import pytest

from hwbench import spaces
from hwbench.models import saving
from hwbench.supernet.runs import open_run

torch = pytest.importorskip("torch", reason="needs the extra [train]")
CPU = ("--device", "cpu")


@pytest.fixture
def folder(hwbench, tmp_path, monkeypatch):
    """Train a single-path supernet for four short steps."""
    monkeypatch.setenv("HWBENCH_CACHE", str(tmp_path / "cache"))
    text = tmp_path / "text.txt"
    text.write_text("the quick brown fox jumps over the lazy dog\n" * 300)
    options = "--steps 4 --batch-size 2 --context 16 --tokenizer bytes --method spos --space nano"
    place = tmp_path / "run"
    done = hwbench(
        "supernet", "train", *options.split(), *CPU, "--text", str(text), "--out", str(place)
    )
    assert done.code == 0, done.err
    return place


def test_search_retrain_extract(hwbench, folder, tmp_path):
    search = ("supernet", "search", str(folder), "--budget", "12", "--rows", "4", *CPU)
    found = hwbench(*search, "--set", "population=6", "--set", "mutants=3", "--set", "children=3",
                    "--max", "params=100k", "--json")  # fmt: skip
    assert found.code == 0, found.err
    assert found.json["evaluations"] == 12
    best = found.json["architectures"][0]["architecture"]
    net = open_run(folder).network
    assert found.json["architectures"][0]["params"] == net.count(net.space.parse(best)) <= 100_000

    trained = hwbench("supernet", "retrain", str(folder), "--steps", "3", *CPU, "--json")
    assert trained.code == 0, trained.err
    assert (trained.json["architecture"], trained.json["steps"]) == (best, 3)

    out = tmp_path / "model"
    taken = hwbench("supernet", "extract", str(folder), "--out", str(out), "--json")
    assert taken.code == 0, taken.err
    tokens = torch.arange(16).view(1, 16)
    assert torch.equal(saving.load(out)(tokens), net.eval()(tokens, net.space.parse(best)))
    again = hwbench("supernet", "extract", trained.json["out"], "--out", str(out))
    assert again.code == 0, again.err
    assert torch.equal(saving.load(out)(tokens), saving.load(trained.json["model"])(tokens))
    tuned = hwbench(
        "supernet", "retrain", str(folder), "--start", "inherited", "--steps", "2", *CPU
    )
    assert tuned.code == 0, tuned.err
    assert best in tuned.out


def test_a_front_is_a_table(hwbench, folder):
    found = hwbench("supernet", "search", str(folder), "--method", "nsga2", "--budget", "12",
                    "--minimize", "perplexity,params", "--rows", "4", *CPU)  # fmt: skip
    assert found.code == 0, found.err
    assert found.lines[0].split() == ["perplexity", "params", "architecture"]
    assert json.loads((folder / "best.json").read_text())["method"] == "nsga2"


def test_nothing_within_the_limits(hwbench, folder):
    found = hwbench("supernet", "search", str(folder), "--budget", "3", "--rows", "4", "--max",
                    "params=1000", *CPU)  # fmt: skip
    assert found.code == 1
    assert "comes closest" in found.err
    assert not (folder / "best.json").exists()


def test_best_is_of_these_weights(hwbench, folder):
    out = ("--out", str(folder / "model"))
    none = hwbench("supernet", "extract", str(folder), *out)
    assert (none.code, "no best architecture yet" in none.err) == (2, True)
    arch = str(spaces.get("nano").smallest())
    record = {"architecture": arch, "supernet": "step-00000001 other"}
    (folder / "best.json").write_text(json.dumps(record))
    other = hwbench("supernet", "extract", str(folder), *out)
    assert (other.code, "search anew" in other.err) == (2, True)
    (folder / "best.json").write_text("{")
    broken = hwbench("supernet", "extract", str(folder), *out)
    assert (broken.code, "damaged" in broken.err) == (2, True)
    named = hwbench("supernet", "extract", str(folder), "--arch", arch, *out, "--json")
    assert named.json["architecture"] == arch


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["extract", "{}", "--arch", "largest", "--format", "hf", "--out", "{}/hf"], ""),
        (["extract", "nowhere", "--out", "{}/x"], "no run there"),
        (["extract", "{}", "--arch", "joy", "--out", "{}/x"], "unknown architecture"),
        (["search", "{}", "--minimize", "latency"], "needs a device"),
        (["search", "{}", "--set", "population"], "KEY=VALUE"),
        (["search", "{}", "--bundle", "gpt-s"], "the benchmark of gpt-s"),
        (["retrain", "{}", "--arch", "largest", "--learning-rate", "-1"], "learning_rate"),
    ],
)
def test_wrong_input_is_one_line(hwbench, folder, words, part):
    found = hwbench("supernet", *(word.replace("{}", str(folder)) for word in words))
    assert found.code == (2 if part else 0), found.err
    assert part in found.err
    assert "Traceback" not in found.err
    assert sum(line.startswith("error: ") for line in found.err.splitlines()) == bool(part)
