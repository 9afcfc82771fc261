import json
import os
import subprocess
import sys
import tempfile

import pytest

from hwbench.errors import HwbenchError, SchemaError, UnknownNameError
from hwbench.profiling import devices
from hwbench.profiling.devices import DeviceBusyError, Fingerprint, open_device
from hwbench.profiling.devices.locking import lock_folder, locked
from hwbench.profiling.devices.replay import ReplayDevice
from hwbench.profiling.meters import EnergyReading, Unavailable
from tests.profiling.meters.made import HandClock


def recording(tmp_path, **values):
    path = tmp_path / "card.json"
    path.write_text(json.dumps({"kind": "gpu", **values}))
    return path


def test_the_id_does_not_depend_on_the_order():
    one, other = {"a": 1, "b": [2, None]}, {"b": [2, None], "a": 1}
    assert Fingerprint("gpu", one).id == Fingerprint("gpu", other).id
    # printf '{"a":1,"b":[2,null]}' | sha256sum
    assert Fingerprint("gpu", one).id == "gpu-cc243773f70c"
    assert Fingerprint("gpu", one).differences(Fingerprint("gpu", other)) == []


def test_differences_name_both_sides():
    one, other = Fingerprint("cpu", {"a": 1, "b": 2}), Fingerprint("cpu", {"a": 1, "c": "x"})
    assert one.differences(other) == ["b: 2 here, null there", 'c: null here, "x" there']


def test_the_cpu_is_always_there():
    assert "cpu" in [device.name for device in devices.available()]
    assert open_device("cpu").kind == "cpu"
    assert open_device().name in ("cpu", "cuda:0")


def test_the_survey_says_why_a_kind_is_missing():
    for item in devices.survey():
        assert bool(item.devices) == (item.missing is None)
        if item.missing:
            assert item.missing.reason
            assert item.missing.fix


def test_unknown_names():
    with pytest.raises(UnknownNameError, match=r"did you mean 'cuda:0'\?"):
        open_device("cuda0")
    with pytest.raises(UnknownNameError, match="known: cpu"):
        open_device("cpu:1")
    with pytest.raises(SchemaError, match="replay:FILE"):
        open_device("replay")


def test_a_recording_is_played_back(tmp_path):
    path = recording(
        tmp_path,
        label="a card",
        stable={"model": "x"},
        states=[{"power_w": 1.0}, {"power_w": 2.0}],
        energy={"readings": [[0.0, 10.0], [5.0, 12.0]]},
        warnings=["hot"],
    )
    device = open_device(f"replay:{path}")
    assert (device.name, device.kind, device.label) == (f"replay:{path}", "gpu", "a card")
    assert device.torch_name == "cpu"
    assert device.fingerprint().stable == {"label": "a card", "model": "x", "replay": True}
    states = [device.state() for _ in range(3)]
    assert [state["power_w"] for state in states] == [1.0, 2.0, 2.0]
    assert device.disturbed(states[0], states[1]) == ["hot"]
    meter = device.energy_meter()
    assert [meter.read(), meter.read()] == [EnergyReading(0.0, 10.0), EnergyReading(5.0, 12.0)]


def test_a_recorded_device_can_disappear(tmp_path):
    device = open_device(f"replay:{recording(tmp_path, states=[{'power_w': 1.0}, None])}")
    before, after = device.state(), device.state()
    assert after["answers"] is False
    assert device.disturbed(before, after) == ["the device does not answer any more"]


def test_recorded_power_runs_with_the_clock():
    clock = HandClock()
    device = ReplayDevice({"kind": "cpu", "energy": {"power_w": [80]}}, clock=clock)
    meter = device.energy_meter()
    start = meter.read()
    clock.sleep(2.5)
    assert meter.window(start, meter.read()) == (200.0, 2.5)
    assert meter.source == "replay"


def test_a_recording_without_energy():
    assert isinstance(ReplayDevice({"kind": "cpu"}).energy_meter(), Unavailable)
    energy = {"reason": "only root", "fix": "chmod"}
    found = ReplayDevice({"kind": "cpu", "energy": energy}).energy_meter()
    assert found == Unavailable("only root", "chmod")


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"kind": "tpu"}, '"kind" must be'),
        ({"schema": 2}, "schema 2"),
        ({"stat": []}, "unknown stat"),
        ({"energy": {}}, '"energy" must hold'),
        ({"energy": None}, '"energy" must hold'),
    ],
)
def test_recordings_that_do_not_follow_the_schema(tmp_path, values, problem):
    with pytest.raises(SchemaError, match=problem):
        open_device(f"replay:{recording(tmp_path, **values)}")


def test_recordings_that_cannot_be_read(tmp_path):
    with pytest.raises(SchemaError, match="cannot read"):
        open_device(f"replay:{tmp_path / 'none.json'}")
    (tmp_path / "torn.json").write_text("{")
    with pytest.raises(SchemaError, match="is no JSON"):
        open_device(f"replay:{tmp_path / 'torn.json'}")
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(SchemaError, match="a recording is a JSON object"):
        open_device(f"replay:{tmp_path / 'list.json'}")


HOLD = """
import sys
from pathlib import Path
from hwbench.profiling.devices.locking import locked
with locked("gpu-1", label="x", folder=Path(sys.argv[1])):
    print("held", flush=True)
    input()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock of gpu-1."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_busy_device_names_its_holder(tmp_path, holder):
    with (
        pytest.raises(DeviceBusyError, match=f"my card is being measured by process {holder.pid};"),
        locked("gpu-1", label="my card", folder=tmp_path),
    ):
        pass
    with locked("gpu-2", label="another", folder=tmp_path):
        pass


def test_a_killed_holder_leaves_no_lock(tmp_path, holder):
    holder.kill()
    holder.wait()
    with locked("gpu-1", label="my card", folder=tmp_path):
        pass


def test_a_lock_is_free_again_after_an_error(tmp_path):
    with pytest.raises(ZeroDivisionError), locked("a", label="a", folder=tmp_path):
        raise ZeroDivisionError
    with locked("a", label="a", folder=tmp_path):
        pass


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(HwbenchError, match="cannot open the lock file"),
        locked("a", label="a", folder=tmp_path / "file"),
    ):
        pass


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="Windows has no run-time folders")
def test_jobs_with_temporary_folders_of_their_own_share_the_locks(tmp_path, monkeypatch):
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    if os.access("/tmp", os.W_OK):
        assert tmp_path not in lock_folder().parents


def test_devices_lock_themselves(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert lock_folder() == tmp_path / "hwbench"
    device = ReplayDevice({"kind": "cpu"})
    with device.lock(), pytest.raises(DeviceBusyError, match="replay"), device.lock():
        pass
    with ReplayDevice({"kind": "cpu", "stable": {"n": 1}}).lock(), device.lock():
        pass


def test_nothing_heavy_is_loaded():
    code = (
        "import sys; import hwbench.profiling.devices.nvidia, hwbench.profiling.devices.cpu, "
        "hwbench.profiling.meters.memory; "
        "print([name for name in ('torch', 'pynvml', 'psutil') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
