"""`hwbench supernet train` and `evaluate`, as a user would type them."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hwbench import spaces
from hwbench.data import find
from hwbench.supernet.runs import PenaltyChoice, RunCard, open_run
from hwbench.supernet.training import read_log


@pytest.fixture
def train(hwbench, tmp_path, monkeypatch):
    """Train for six short steps in `tmp_path / "run"`."""
    monkeypatch.setenv("HWBENCH_CACHE", str(tmp_path / "cache"))
    text = tmp_path / "text.txt"
    text.write_text("the quick brown fox jumps over the lazy dog\n" * 300)
    options = {
        "--space": "nano",
        "--text": str(text),
        "--tokenizer": "bytes",
        "--steps": "6",
        "--batch-size": "2",
        "--context": "16",
        "--checkpoint-every": "3",
        "--log-every": "2",
        "--device": "cpu",
        "--out": str(tmp_path / "run"),
    }

    def words(**changes: str):
        given = {**options, **{f"--{k.replace('_', '-')}": v for k, v in changes.items()}}
        return ["supernet", "train", *[x for pair in given.items() for x in pair]]

    def run(*more: str, **changes: str):
        return hwbench(*words(**changes), *more)

    run.words = words
    return run


def test_train_and_evaluate(train, hwbench, tmp_path):
    done = train("--json")
    assert done.code == 0, done.err
    assert (done.json["step"], done.json["method"]) == (6, "tanglenas")
    assert str(spaces.get("nano").parse(done.json["mode"])) == done.json["mode"]
    assert "step 2/6  loss" in done.err
    assert "tokens/s" in done.err
    out = tmp_path / "quality.parquet"
    tables = tmp_path / "tables"
    arguments = ["evaluate", str(tmp_path / "run"), "--n", "5", "--rows", "4", "--device", "cpu"]
    found = hwbench("supernet", *arguments, "--out", str(out), "--tables", str(tables), "--json")
    assert found.code == 0, found.err
    assert found.json["n"] == 5
    frame = pytest.importorskip("pandas").read_parquet(out)
    assert len(frame) == 5
    assert frame["perplexity"].min() == pytest.approx(found.json["best"]["perplexity"])
    net = open_run(tmp_path / "run").network
    for text, params in zip(frame["architecture"], frame["params"], strict=True):
        arch = net.space.parse(text)
        assert params == sum(p.numel() for p in net.extract(arch).parameters())
    table = find(tables, space="nano", metric="perplexity")
    assert table.repeats[:, 0].tolist() == frame["perplexity"].tolist()
    assert list(map(str, spaces.get("nano").decode(table.codes))) == frame["architecture"].tolist()
    assert sorted(p.name for p in tmp_path.glob("quality*")) == ["quality.parquet"]


def test_the_same_line_again_goes_on(train, tmp_path):
    first = train(method="spos")
    again = train(method="spos")
    assert (first.code, again.code) == (0, 0)
    assert "steps" in again.out
    assert (tmp_path / "run" / "log.csv").read_text().count("\n") == 4


def test_ctrl_c_keeps_the_step_and_the_same_line_goes_on(train, tmp_path, root):
    line = {"method": "spos", "steps": "60", "log_every": "3", "checkpoint_every": "50"}
    options = {**line, "validate_every": "20", "out": str(tmp_path / "broken")}
    program = "import sys; from hwbench.cli.main import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", program, *train.words(**options)]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, **pipes) as run:
        while "step  3/60" not in run.stderr.readline():
            assert run.poll() is None
        run.send_signal(signal.SIGINT)
        out, said = run.communicate(timeout=60)
    assert (run.returncode, out) == (130, "")
    (kept,) = (tmp_path / "broken" / "checkpoints").iterdir()
    assert 3 <= int(kept.name.removeprefix("step-")) < 50
    assert f"kept in {kept}; the same line goes on from there" in said
    assert "Traceback" not in said
    for name in ("broken", "whole"):
        done = train(**{**options, "out": str(tmp_path / name)})
        assert done.code == 0, done.err
    broken, whole = (tmp_path / name for name in ("broken", "whole"))
    last = Path("checkpoints", "step-00000060")
    for path in ("validation.csv", last / "weights.safetensors", last / "state.safetensors"):
        assert (broken / path).read_bytes() == (whole / path).read_bytes()
    logs = [[row["loss"] for row in read_log(run / "log.csv")] for run in (broken, whole)]
    assert logs[0] == logs[1]


def test_another_run_in_the_folder_is_refused(train, tmp_path):
    train(method="spos")
    done = train(method="sandwich")
    assert done.code == 2
    assert done.err.startswith("error: ")
    assert "holds another run (nano, spos)" in done.err
    other = train(method="spos", learning_rate="0.5")
    assert other.code == 2
    assert "training.learning_rate" in other.err


def test_a_run_card_brings_back_what_was_asked(train, tmp_path):
    done = train("--penalty", "0.1", "--limit", "50000", distribution="gdas", seed="3")
    assert done.code == 0, done.err
    card = RunCard.load(tmp_path / "run")
    assert (card.distribution, card.training.seed, card.order) == ("gdas", 3, 1)
    assert card.penalty == PenaltyChoice("params", 0.1, 50000.0)
    run = open_run(tmp_path / "run")
    assert (run.step, run.corpus().key) == (6, card.text.key)
    assert (tmp_path / "run" / "tokenizer.json").is_file()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"space": "nanoo"}, "unknown space 'nanoo'"),
        ({"text": "nowhere.txt"}, "no such file or folder"),
        ({"context": "4096"}, "sees at most 128 tokens"),
        ({"context": "120", "text": "short"}, "tokens, a window takes 121"),
        ({"order": "2"}, "darts, not DrNas"),
        ({"limit": "5"}, "--limit needs --penalty"),
        ({"device": "abacus"}, "no such device"),
        ({"precision": "fp16"}, "fp16 needs a GPU"),
        ({"method": "darts"}, "Invalid value for '--method'"),
    ],
)
def test_wrong_input_is_one_line(train, tmp_path, changes, words):
    if changes.get("text") == "short":
        (tmp_path / "short.txt").write_text("abc\n" * 50)
        changes = {**changes, "text": str(tmp_path / "short.txt")}
    done = train(**changes)
    assert done.code == 2
    assert words in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("content", [None, "{", '{"version": 7}'])
def test_a_folder_that_is_no_run_is_refused(hwbench, tmp_path, content):
    if content is not None:
        (tmp_path / "run.json").write_text(content)
    done = hwbench("supernet", "evaluate", str(tmp_path), "--device", "cpu")
    assert done.code == 2
    assert done.err.startswith("error: ")


def test_a_run_without_a_checkpoint_is_refused(train, hwbench, tmp_path):
    train(method="spos")
    for path in (tmp_path / "run" / "checkpoints").iterdir():
        (path / "checkpoint.json").unlink()
    done = hwbench("supernet", "evaluate", str(tmp_path / "run"), "--device", "cpu")
    assert done.code == 2
    assert "no checkpoint yet" in done.err


def test_a_text_that_has_changed_is_noticed(train, hwbench, tmp_path):
    train(method="spos")
    card = json.loads((tmp_path / "run" / "run.json").read_text())
    card["text"]["folder"] = ""
    (tmp_path / "run" / "run.json").write_text(json.dumps(card))
    (tmp_path / "text.txt").write_text("another text altogether\n" * 300)
    done = hwbench("supernet", "evaluate", str(tmp_path / "run"), "--device", "cpu")
    assert done.code == 2
    assert "is not the one that this run was trained on" in done.err


def test_what_the_file_needs_is_missed_before_the_evaluation(train, hwbench, tmp_path, monkeypatch):
    assert train().code == 0
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    done = hwbench("supernet", "evaluate", str(tmp_path / "run"), "--n", "3", "--rows", "4")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: pyarrow is not installed; it comes with the extra [fit]")
    assert len(done.err.splitlines()) == 1
