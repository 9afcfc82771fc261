"""`hwbench quickstart` as a user types it, on a machine whose latencies follow a formula."""

import shlex

import pytest

from hwbench.pipeline.quickstart import steps
from tests.pipeline.quickstarts import SECONDS, Machine, simplify
from tests.profiling.campaigns import record

BUDGET = f"{12 * SECONDS}s"


@pytest.fixture
def machine(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    found = Machine()
    simplify(monkeypatch, found)
    return found


def test_one_line_then_the_next_ones(hwbench, machine, tmp_path):
    line = ("quickstart", "--device", f"replay:{record(tmp_path / 'device.json')}")
    machine.stop_at = 3
    stopped = hwbench(*line, "--budget", BUDGET)
    assert stopped.code == 130
    assert "about 2 min in all, 36 s of it measuring" in stopped.err
    assert "what was measured is kept; the same line goes on" in stopped.err

    done = hwbench(*line, "--budget", BUDGET, "--json")
    assert done.code == 0, done.err
    told = done.json
    assert told["certificate"]["proven"] is True
    assert told["rows"] == len(machine.jobs) - 3  # but for the pilot and the answer's two visits
    assert told["checks"]["latency_s"]["inside"] is True
    assert "going on in hwbench-quickstart" in done.err
    assert done.err.count("measure: ") == 1

    again = hwbench(*line, "--budget", BUDGET)
    assert again.code == 0, again.err
    assert told["architecture"] in again.out
    assert "what next:" in again.out
    following = again.out.partition("what next:\n")[2].splitlines()
    assert [text.strip() for text in following] == told["next"]
    machine.seconds = 50.0  # so that ten minutes are few measurements
    studied = [text for text in told["next"] if text.startswith("hwbench study")]
    for text in told["next"]:
        more = ["--seeds", "1", "--method", "rs"] if text in studied else []
        result = hwbench(*shlex.split(text)[1:], *more)
        assert result.code == 0, (text, result.err)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--budget", "0s"], "--budget must be above 0"),
        (["--budget", "5kg"], "not a quantity in s"),
        (["--device", "tpu"], "unknown device"),
    ],
)
def test_wrong_input_is_one_line(hwbench, machine, tmp_path, arguments, words):
    done = hwbench("quickstart", *arguments)
    assert done.code == 2
    assert words in done.err
    assert not (tmp_path / "hwbench-quickstart").exists()


def test_without_torch_one_line_says_what_to_install(hwbench, machine, monkeypatch, tmp_path):
    monkeypatch.setattr(steps, "find_spec", lambda name: None if name == "torch" else object())
    done = hwbench("quickstart")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: quickstart measures this machine and needs torch: ")
    assert "pip install '.[profile,fit]'" in done.err
    assert done.err.count("\n") == 1
    assert not list(tmp_path.iterdir())
