"""Campaigns: everything is measured once, and goes on where it was, whatever went wrong."""

import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hwbench.data.journal import JournalBusyError, JournalError, entries, sessions, tables
from hwbench.profiling.campaign import PLAN, Campaign, CampaignError, Progress, journal_name
from hwbench.profiling.devices import DeviceLostError, open_device
from hwbench.profiling.devices.replay import ReplayDevice
from hwbench.profiling.plan import schedule
from hwbench.profiling.plan_file import read_plan, to_text
from tests.profiling.campaigns import Measurer, make_plan, make_row, record

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def device(tmp_path):
    return open_device(f"replay:{record(tmp_path / 'device.json')}")


def keys(campaign, device):
    return [slot.key(device.fingerprint().id) for slot in schedule(campaign.plan, campaign.shard)]


def test_everything_is_measured_in_order_and_kept(tmp_path, device):
    campaign = Campaign(make_plan(3, metrics=("latency_s", "memory_bytes")), tmp_path / "out")
    measure = Measurer()
    seen: list[Progress] = []
    end = campaign.run(device, measure, progress=seen.append)
    slots = schedule(campaign.plan)
    found = campaign.entries()
    assert [entry.key for entry in found] == keys(campaign, device)
    assert [entry.anchor for entry in found] == [slot.anchor for slot in slots]
    assert [entry.sequence for entry in found] == list(range(len(slots)))
    assert [job.architecture for job in measure.jobs] == [slot.architecture for slot in slots]
    assert [job.key for job in measure.jobs] == keys(campaign, device)
    assert end.finished
    assert end.done == len(slots)
    assert end.spent_s == 2.0 * len(slots)
    assert [p.standing.left_s for p in seen] == [2.0 * i for i in range(len(slots))][::-1]
    (table,) = tables(campaign.out)  # memory was not in these rows
    assert table.repeats.tolist() == [[0.5, 0.51]] * len(slots)
    (session,) = sessions(campaign.out)
    assert session.device == device.fingerprint().stable
    assert read_plan(campaign.out / PLAN) == campaign.plan


def test_an_interrupted_campaign_goes_on(tmp_path, device):
    campaign = Campaign(make_plan(4), tmp_path / "out")

    def stop(calls):
        if calls == 6:
            raise KeyboardInterrupt
        return "ok"

    with pytest.raises(KeyboardInterrupt):
        campaign.run(device, Measurer(stop))
    assert len(campaign.entries()) == 5
    assert campaign.standing().done == 5
    rest = Measurer()
    assert campaign.run(device, rest).finished
    assert [entry.key for entry in campaign.entries()] == keys(campaign, device)
    assert len(rest.jobs) == len(keys(campaign, device)) - 5
    nothing = Measurer()
    assert campaign.run(device, nothing).finished
    assert nothing.jobs == []
    assert [session.number for session in sessions(campaign.out)] == [0, 1]


def test_what_runs_out_of_memory_is_not_measured_again(tmp_path, device):
    plan = make_plan(3)
    big = plan.architectures[1]
    campaign = Campaign(plan, tmp_path / "out")
    measure = Measurer({big: "out_of_memory"})
    end = campaign.run(device, measure)
    assert [job.architecture for job in measure.jobs].count(big) == 1
    assert end.finished
    assert end.failed == {"out_of_memory": 1, "skipped": 1}
    assert campaign.run(device, Measurer()).failed == end.failed
    assert campaign.run(device, Measurer(), retry=True).failed == {}


def test_what_crashed_is_tried_again_once_by_the_next_run(tmp_path, device):
    plan = make_plan(4, passes=1)
    campaign = Campaign(plan, tmp_path / "out")
    bad = plan.architectures[2]
    measure = Measurer({bad: "crash"})
    ends = [campaign.run(device, measure) for _ in range(3)]
    assert [job.architecture for job in measure.jobs].count(bad) == 2
    assert [end.finished for end in ends] == [True, True, True]
    assert ends[-1].failed == {"crash": 1}
    assert campaign.run(device, Measurer(), retry=True).failed == {}
    (table,) = tables(campaign.out)
    assert len(table) == len(schedule(plan))


def test_nothing_but_failures_ends_it_with_the_reason(tmp_path, device):
    campaign = Campaign(make_plan(4), tmp_path / "out")
    measure = Measurer(lambda calls: "unsupported")
    with pytest.raises(CampaignError, match=r"3 measurements in a row failed.*made up"):
        campaign.run(device, measure)
    assert len(campaign.entries()) == 3


def test_the_budget_ends_it_and_more_of_it_goes_on(tmp_path, device):
    campaign = Campaign(make_plan(4, budget_s=5.0), tmp_path / "out")
    assert len(campaign.run(device, Measurer()).todo) == len(schedule(campaign.plan)) - 3
    assert len(campaign.entries()) == 3  # rows of 2 s: none starts after 5 s
    assert campaign.run(device, Measurer(), budget_s=9.0).spent_s == 10.0
    assert campaign.run(device, Measurer(), budget_s=1e9).finished


def test_another_plan_in_the_folder_is_refused(tmp_path, device):
    Campaign(make_plan(2), tmp_path / "out").run(device, Measurer())
    with pytest.raises(CampaignError, match="another campaign"):
        Campaign(make_plan(3), tmp_path / "out").run(device, Measurer())


def test_another_device_is_refused_unless_asked_for(tmp_path, device):
    campaign = Campaign(make_plan(2), tmp_path / "out")
    campaign.run(device, Measurer())
    other = open_device(f"replay:{record(tmp_path / 'new.json', stable={'model': 'new'})}")
    with pytest.raises(CampaignError, match=r'model: "new" here, "recorded" there'):
        campaign.run(other, Measurer())
    assert campaign.run(other, Measurer(), allow_other_device=True).finished
    assert len(tables(campaign.out)) == 2


def test_shards_measure_everything_once(tmp_path, device):
    plan = make_plan(5)
    for i in range(2):
        campaign = Campaign(plan, tmp_path / "out", (i, 2))
        assert campaign.run(device, Measurer()).finished
        assert campaign.journal_path.name == journal_name((i, 2)) == f"journal-{i + 1}of2.jsonl"
    found = [entry for entry in entries(tmp_path / "out") if not entry.anchor]
    measured = sorted(entry.row["architecture"] for entry in found)
    assert measured == sorted(plan.architectures * 2)


def test_a_device_that_disappears_ends_it_and_nothing_false_is_written(tmp_path, device):
    campaign = Campaign(make_plan(3), tmp_path / "out")

    class Lost(ReplayDevice):
        gone = False

        def fingerprint(self):
            if self.gone:
                raise DeviceLostError("the card does not answer")
            return super().fingerprint()

    device.__class__ = Lost

    def measure(job, /, *, device):
        if len(campaign.entries()) == 2:
            device.gone = True
            return make_row(job, "error", reason="the card does not answer")
        return make_row(job, device_id=device.fingerprint().id)

    with pytest.raises(DeviceLostError, match="does not answer"):
        campaign.run(device, measure)
    assert [entry.ok for entry in campaign.entries()] == [True, True]
    device.gone = False
    assert campaign.run(device, Measurer()).failed == {}


def test_a_row_of_another_device_is_refused(tmp_path, device):
    campaign = Campaign(make_plan(3), tmp_path / "out")

    def measure(job, /, *, device):
        return make_row(job, device_id="cpu-other")

    with pytest.raises(CampaignError, match="changed while it was measured"):
        campaign.run(device, measure)
    assert campaign.entries() == []


def test_a_clock_that_jumps_changes_neither_order_nor_times(tmp_path, device, monkeypatch):
    campaign = Campaign(make_plan(4), tmp_path / "out")
    wall = iter([2e9, -5.0, 1e9, 0.0] * 100)
    monkeypatch.setattr(time, "time", lambda: next(wall))
    for _ in range(2):
        measure = Measurer(lambda calls: "ok" if calls < 7 else pytest.fail("stop"))
        with pytest.raises(pytest.fail.Exception):
            campaign.run(device, measure)
    found = campaign.entries()
    assert [entry.sequence for entry in found] == list(range(12))
    for number in range(2):
        began = [entry.at_s for entry in found if entry.session == number]
        assert began == sorted(began)
        assert began[-1] < 60.0


def test_a_full_disk_ends_it_with_one_line_and_it_goes_on(tmp_path, device):
    campaign = Campaign(make_plan(4), tmp_path / "out")
    campaign.run(device, Measurer(), budget_s=5.0)
    before = len(campaign.entries())
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    usual = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    size = campaign.journal_path.stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 9_000, limits[1]))
    try:
        with pytest.raises(JournalError, match=r"disk is full.*records before are safe"):
            campaign.run(device, Measurer())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, usual)
    assert len(campaign.entries()) > before
    assert campaign.run(device, Measurer()).finished
    assert [entry.key for entry in campaign.entries()] == keys(campaign, device)


def test_a_damaged_row_is_measured_again(tmp_path, device):
    campaign = Campaign(make_plan(3), tmp_path / "out")
    campaign.run(device, Measurer())
    path = campaign.journal_path
    lines = path.read_bytes().split(b"\n")
    lines[3] = lines[3].replace(b"0.51", b"0.15")
    path.write_bytes(b"\n".join(lines))
    again = Measurer()
    assert campaign.run(device, again).finished
    assert [job.key for job in again.jobs] == [keys(campaign, device)[2]]
    assert path.with_name(f"{path.name}.torn").read_bytes() == lines[3] + b"\n"


def test_two_runs_of_one_journal_are_kept_apart(tmp_path, device):
    campaign = Campaign(make_plan(2), tmp_path / "out")
    other = open_device(f"replay:{record(tmp_path / 'new.json', stable={'model': 'new'})}")

    def measure(job, /, *, device):
        with pytest.raises(JournalBusyError, match=str(os.getpid())):
            campaign.run(other, Measurer())
        return make_row(job, device_id=device.fingerprint().id)

    assert campaign.run(device, measure).finished


def start(tmp_path, plan):
    (tmp_path / "plan.toml").write_text(to_text(plan))
    arguments = [tmp_path / "plan.toml", tmp_path / "out", record(tmp_path / "device.json")]
    command = [sys.executable, "-m", "tests.profiling.campaigns", *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_killed_fifty_times_nothing_but_the_running_row_is_lost(tmp_path):
    """Real processes, killed at random moments of measuring and writing.

    What a process reported as measured before it died must be in the journal, whole.
    """
    plan = make_plan(20, passes=20, anchor_every=5)
    campaign = Campaign(plan, tmp_path / "out")
    moments = random.Random(7)
    reported = 0
    for _ in range(50):
        process = start(tmp_path, plan)
        for _ in range(moments.randrange(1, 6)):
            if process.stdout.readline():
                reported += 1
        time.sleep(moments.random() * 0.01)
        process.kill()
        process.wait()
        reported += len(process.stdout.readlines())
        process.stdout.close()
    found = campaign.entries()
    order = [slot.key(found[0].row["device_id"]) for slot in schedule(plan)]
    assert len(order) > len(found)  # else nothing was killed
    assert [entry.key for entry in found] == order[: len(found)]
    assert reported <= len(found) <= reported + 50  # a row may be written and not yet reported
    whole = [entry for entry in found if len(entry.row["latency"]["samples_s"]) == 200]
    assert len(whole) == len(found)
    assert campaign.standing().done == len(found)
