"""`hwbench profile` as a user types it, on a device that is played back."""

import json

import pytest

from hwbench import spaces
from hwbench.data import load_tables
from hwbench.profiling import measuring
from hwbench.profiling.plan import schedule
from hwbench.profiling.plan_file import read_plan, to_text
from tests.profiling.campaigns import Measurer, make_plan, make_row, record


@pytest.fixture
def measure(monkeypatch):
    """Stands in for the worker processes; the campaign around it is the real one."""
    found = Measurer()
    monkeypatch.setattr(measuring, "measure", found)
    return found


@pytest.fixture
def box(tmp_path, monkeypatch):
    """A folder to work in, with a recorded device in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["hwbench", "profile", "run", "plan.toml", "--out", "j"])
    return f"replay:{record(tmp_path / 'device.json')}"


def planned(hwbench, box, *more):
    done = hwbench("profile", "plan", "gpt-s", "--device", box, "--n", "3", "--json", *more)
    assert done.code == 0, done.err
    return done.json


def test_plan_run_status_compact(hwbench, box, measure, tmp_path):
    told = planned(hwbench, box, "--batch", "1")
    plan = read_plan("plan.toml")
    assert told["id"] == plan.id
    assert told["rows"] == len(schedule(plan)) == 2 * 3 + 3
    assert plan.protocols[0].workload.batch == 1
    assert "I-optimal" in plan.design
    assert set(told["expected"]["error"]) == {"latency_s", "energy_j", "memory_bytes"}
    assert any("no energy will be measured" in note for note in told["notes"])
    assert len(measure.jobs) == 1  # the pilot
    done = hwbench("profile", "run", "plan.toml", "--out", "j", "--json")
    assert done.code == 0, done.err
    assert done.json["measured"] == done.json["rows"] == 9
    assert "[9/9]" in done.err
    status = hwbench("profile", "status", "j", "--json").json
    assert status["journals"][0]["measured"] == 9
    assert status["drift"][0]["metric"] == "latency_s"
    assert "9 of 9" in hwbench("profile", "status", "j").out
    made = hwbench("profile", "compact", "j", "--out", "t", "--name", "mybox", "--json").json
    (table,) = load_tables(tmp_path / "t", device="mybox")
    assert list(made["tables"]) == [f"gpt-s/mybox/latency_s.{plan.protocols[0].label}.parquet"]
    assert len(table) == 9


def test_the_estimate_follows_the_pilot(hwbench, box, monkeypatch):
    """Rows of 100 s of overhead: nine of them take 15 minutes and their iterations."""

    def slow(job, /, *, device):
        return make_row(job, samples=[0.5, 0.5], seconds=101.0)

    monkeypatch.setattr(measuring, "measure", slow)
    told = planned(hwbench, box)
    assert 9 * 100.0 < told["seconds"] < 9 * 115.0


def test_the_budget_decides_how_many(hwbench, box, measure):
    sizes = []
    for budget in ("5min", "20min"):
        done = hwbench(
            *("profile", "plan", "gpt-s", "--device", box, "--budget", budget, "--no-pilot"),
            *("--force", "--json", "--batch", "1", "--metrics", "latency"),
        )
        assert done.code == 0, done.err
        sizes.append(len(read_plan("plan.toml").architectures))
        assert 0.6 < done.json["seconds"] / {"5min": 300, "20min": 1200}[budget] <= 1.05
    assert sizes[1] > 2 * sizes[0]
    assert measure.jobs == []


def test_a_failing_pilot_is_a_note(hwbench, box, measure):
    measure.faults = lambda calls: "out_of_memory"
    told = planned(hwbench, box)
    assert any("pilot" in note and "out_of_memory" in note for note in told["notes"])


def test_a_space_without_a_benchmark_gets_a_random_design(hwbench, box, measure):
    names = [n for n in spaces.names() if n.startswith("gpt-") and n.endswith("-wide")]
    if not names:
        pytest.skip("every GPT space has a benchmark")
    done = hwbench(
        *("profile", "plan", names[0], "--device", box, "--n", "3", "--protocol", "serving"),
        *("--phase", "prefill", "--phase", "decode", "--no-pilot", "--json"),
    )
    assert done.code == 0, done.err
    plan = read_plan("plan.toml")
    assert plan.design.startswith("at random")
    assert [way.workload.phase for way in plan.protocols] == ["prefill", "decode"]


def test_a_plan_is_not_written_over(hwbench, box, measure):
    planned(hwbench, box)
    again = hwbench("profile", "plan", "gpt-s", "--device", box)
    assert (again.code, again.out) == (2, "")
    assert "plan.toml is there already" in again.err
    planned(hwbench, box, "--force", "--seed", "1")


def test_ctrl_c_says_how_to_go_on(hwbench, box, measure):
    planned(hwbench, box)

    def stop(calls):
        if calls == 4:
            raise KeyboardInterrupt
        return "ok"

    measure.faults, measure.jobs = stop, []
    stopped = hwbench("profile", "run", "plan.toml", "--out", "j")
    assert stopped.code == 130
    assert "go on with: hwbench profile run plan.toml --out j" in stopped.err
    measure.faults = {}
    done = hwbench("profile", "run", "plan.toml", "--out", "j", "--json")
    assert done.json["measured"] == 9
    assert len(measure.jobs) == 4 + 6


def test_a_spent_budget_is_exit_code_1(hwbench, box, measure):
    planned(hwbench, box)
    done = hwbench("profile", "run", "plan.toml", "--out", "j", "--budget", "5s", "--json")
    assert done.code == 1
    assert done.json["left"] == 6
    assert "the time budget is used up" in done.err


def test_shards_merge(hwbench, box, measure):
    planned(hwbench, box)
    for shard in ("1/2", "2/2"):
        done = hwbench("profile", "run", "plan.toml", "--out", f"j{shard[0]}", "--shard", shard)
        assert done.code == 0, done.err
    merged = hwbench("profile", "merge", "j1", "j2", "--out", "all", "--json")
    status = hwbench("profile", "status", "all", "--json").json
    assert len(status["journals"]) == 2
    assert sum(part["measured"] for part in status["journals"]) == merged.json["rows"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["plan", "gpt-x"], "unknown benchmark or space"),
        (["plan", "gpt-s", "--device", "tpu"], "unknown device"),
        (
            ["plan", "gpt-s", "--device", "cpu", "--protocol", "mlperf"],
            "unknown measuring protocol",
        ),
        (["plan", "gpt-s", "--device", "cpu", "--budget", "5kg"], "not a quantity in s"),
        (["plan", "gpt-s", "--device", "cpu", "--metrics", "speed"], "unknown metric"),
        (["run", "none.toml", "--out", "j"], "none.toml"),
        (["run", "bad.toml", "--out", "j"], "bad.toml: plan of schema None"),
        (["run", "seed.toml", "--out", "j"], "seed of a plan is a whole number"),
        (["run", "runtime.toml", "--out", "j"], "unknown runtime 'tvm'"),
        (["run", "network.toml", "--out", "j"], "unknown network 'foo'"),
        (["run", "good.toml", "--out", "j", "--budget", "0s"], "--budget must be above 0"),
        (["status", "good.toml"], "no campaign has begun"),
        (["status", "none"], "no such journal"),
        (["status", "."], "holds no journal"),
        (["merge", "none", "--out", "j"], "no such journal"),
        (["compact", ".", "--out", "j"], "nothing measured yet"),
    ],
)
def test_wrong_input_is_one_line(hwbench, box, measure, tmp_path, arguments, words):
    (tmp_path / "bad.toml").write_text("seed = 1\n")
    good = to_text(make_plan())
    changes = {
        "good": ("", ""),
        "seed": ("seed = 0", "seed = -1"),
        "runtime": ('runtime = "torch-eager"', 'runtime = "tvm"'),
        "network": (f'network = "{make_plan().protocols[0].network}"', 'network = "foo"'),
    }
    for name, change in changes.items():
        (tmp_path / f"{name}.toml").write_text(good.replace(*change))
    done = hwbench("profile", *arguments)
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert len([line for line in done.err.splitlines() if line.startswith("error: ")]) == 1


def test_a_read_only_folder_is_one_line(hwbench, box, measure, tmp_path):
    planned(hwbench, box)
    (tmp_path / "file").write_text("")
    done = hwbench("profile", "run", "plan.toml", "--out", "file/j")
    assert done.code == 2
    assert done.err.startswith("error: ")


def test_torn_lines_are_reported(hwbench, box, measure, tmp_path):
    planned(hwbench, box)
    hwbench("profile", "run", "plan.toml", "--out", "j")
    with (tmp_path / "j" / "journal.jsonl").open("a") as file:
        file.write('{"crc32":"0')
    assert "1 torn lines" in hwbench("profile", "status", "j").err
    assert json.loads(hwbench("profile", "status", "j", "--json").out)["journals"][0]["torn"] == 1
