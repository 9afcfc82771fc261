import json
import pickle
import sys

import numpy as np
import pytest

from hwbench.data import SCHEMA_VERSION, Table, find, load_tables
from hwbench.data.hwgptbench import COMMIT, device_names, import_checkout
from hwbench.data.hwgptbench.readings import RULES
from hwbench.errors import DataError, UnknownNameError
from tests.data.conftest import cpu_row, latency_row, make_arch, tracker_row

RAW = "data_collection/raw_results_hw"
A100 = f"{RAW}/latency_a100/efficiency_observations"


@pytest.fixture
def whole(checkout):
    """All files of two devices at s, three rows a chunk."""
    for chunk in range(4):
        archs = [make_arch(10 * chunk + i) for i in range(3)]
        times = [20.0 + chunk, 21.0, 22.0, 23.0]
        rows = [latency_row(a, "s", times=times) for a in archs]
        checkout.latency("latency_a100", 2500 * chunk, rows)
        power = {"energy": [0.01, 0.001, 0.001], "power": [60.0] * 3}
        checkout.tracker("latency_a100", 2500 * chunk, [tracker_row(a, **power) for a in archs])
        rows = [cpu_row(a, "s", times=[2.0, 2.5, 3.0, 3.5]) for a in archs]
        checkout.latency("latency_cpu_meta", 2500 * chunk, rows)
    return checkout


@pytest.fixture
def run(checkout, tmp_path):
    def run(**options):
        asked = {"scales": ["s"], "devices": ["a100", "cpu-xeon-gold"], "jobs": 0}
        return import_checkout(checkout.root, tmp_path / "tables", **(asked | options))

    return run


def test_a_whole_checkout_is_complete(whole, run, tmp_path):
    report = run()
    assert report.complete
    assert report.files_read == 12
    assert (report.missing, report.failed, report.dropped) == ([], [], {})
    assert sorted(table.path for table in report.tables) == [
        "gpt-s/a100/energy_j.tracker.parquet",
        "gpt-s/a100/latency_s.profiler.parquet",
        "gpt-s/a100/power_w.tracker.parquet",
        "gpt-s/cpu-xeon-gold/energy_j.codecarbon.parquet",
        "gpt-s/cpu-xeon-gold/latency_s.profiler.parquet",
    ]
    for table in load_tables(tmp_path / "tables"):
        starts = np.repeat([0, 2500, 5000, 7500], 3)
        assert table.position.tolist() == (starts + np.tile([0, 1, 2], 4)).tolist()
        assert table.chunk.tolist() == np.repeat([0, 1, 2, 3], 3).tolist()
        assert table.schema_version == SCHEMA_VERSION


def test_missing_files_are_named_and_the_rest_imported(whole, run, tmp_path):
    (whole.root / f"{A100}_2500_5000.pkl").unlink()
    report = run()
    assert report.missing == [f"{A100}_2500_5000.pkl"]
    assert not report.complete
    table = find(tmp_path / "tables", space="gpt-s", device="a100", metric="latency_s")
    assert table.position.tolist() == [0, 1, 2, 5000, 5001, 5002, 7500, 7501, 7502]
    assert table.chunk.tolist() == [0] * 3 + [2] * 3 + [3] * 3


def test_files_that_are_known_to_be_absent_are_not_missed(whole, run):
    for path in whole.root.rglob("*_7500_10000.pkl"):
        path.unlink()
    (whole.root / f"{A100}_0_2500.pkl").unlink()
    report = run(absent=["7500_10000"])
    assert report.missing == [f"{A100}_0_2500.pkl"]
    assert report.expected_absent == ["7500_10000"]
    assert len(run().missing) == 4


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "damaged pickle"),
        (b"PK\x03\x04 not a pickle", "damaged pickle"),
        (pickle.dumps([{"arch": 1}] * 50)[:-20], "damaged pickle"),
        (pickle.dumps({"rows": []}), "holds no list of rows"),
        (pickle.dumps([1, 2]), "holds no list of rows"),
        (b"\x80\x04cposix\nsystem\n\x8c\x04true\x85R.", "refused, it names 'posix.system'"),
    ],
)
def test_damaged_files_are_named_and_the_rest_imported(whole, run, tmp_path, data, message):
    (whole.root / f"{A100}_0_2500.pkl").write_bytes(data)
    report = run()
    (failed,) = report.failed
    assert failed.name == f"{A100}_0_2500.pkl"
    assert message in (failed.error or "")
    assert report.missing == []
    assert not report.complete
    table = find(tmp_path / "tables", space="gpt-s", device="a100", metric="latency_s")
    assert len(table) == 9


def test_files_that_may_not_be_read(whole, run, monkeypatch):
    """By monkeypatch, as root may read every file."""

    def refuse(path, **options):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("hwbench.data.hwgptbench.campaign.read_bytes", refuse)
    report = run()
    assert len(report.failed) == 12
    assert all("Permission denied" in (file.error or "") for file in report.failed)


def test_a_folder_in_the_place_of_a_file(whole, run):
    (whole.root / f"{A100}_0_2500.pkl").unlink()
    (whole.root / f"{A100}_0_2500.pkl").mkdir()
    assert "not a plain file" in (run().failed[0].error or "")


def test_running_again_gives_the_same_files(whole, run, tmp_path):
    run()
    tables = sorted((tmp_path / "tables").rglob("*.parquet"))
    before = [path.read_bytes() for path in tables]
    run()
    assert [path.read_bytes() for path in tables] == before
    assert sorted((tmp_path / "tables").rglob("*.parquet")) == tables


def test_running_again_removes_what_is_no_longer_true(whole, run, tmp_path):
    run()
    stale = tmp_path / "tables/gpt-s/a100/energy_j.tracker.parquet"
    draft = stale.with_name(".energy_j.tracker.parquet.1.ab.tmp")
    draft.write_bytes(b"left by a killed run")
    other = tmp_path / "tables/gpt-m/a100/latency_s.mine.parquet"
    other.parent.mkdir(parents=True)
    other.write_bytes(b"somebody else's")
    assert stale.is_file()
    for path in whole.root.rglob("*tracker*.pkl"):
        path.unlink()
    run()
    assert not stale.exists()
    assert not draft.exists()
    assert other.exists()


def test_the_report(whole, run, tmp_path):
    git = whole.root / ".git"
    git.mkdir()
    (git / "HEAD").write_text(f"{COMMIT}\n")
    whole.write("latency_a100", "efficiency_energy_observations_0_2500", [])
    run()
    report = json.loads((tmp_path / "tables/import.json").read_text())
    assert (report["schema"], report["version"]) == ("hwbench.import", 1)
    assert report["complete"] is True
    assert report["source"]["commit"] == report["source"]["expected_commit"] == COMMIT
    assert report["source"]["licence"] == "Apache-2.0"
    assert len(report["source"]["sha256"]) == 64
    assert {"hwbench", "python", "numpy", "pyarrow"} == set(report["versions"])
    assert (report["files_read"], report["tables"], report["rows"]) == (12, 5, 60)
    assert list(report["files_ignored"]) == [
        f"{RAW}/latency_a100/efficiency_energy_observations_0_2500.pkl"
    ]
    first = report["campaigns"][0]
    assert first["name"] == A100
    assert [file["rows"] for file in first["files"]] == [3, 3, 3, 3]


@pytest.mark.parametrize("packed", [False, True])
def test_the_commit_of_a_branch(whole, run, packed):
    git = whole.root / ".git"
    (git / "refs/heads").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    if packed:
        (git / "packed-refs").write_text(f"# pack-refs\n{'a' * 40} refs/heads/main\n")
    else:
        (git / "refs/heads/main").write_text("a" * 40 + "\n")
    assert run().source["commit"] == "a" * 40


def test_the_checksum_depends_on_every_byte(whole, run):
    before = run().source["sha256"]
    assert run().source["sha256"] == before
    whole.latency("latency_a100", 7500, [latency_row(make_arch(99), "s", times=[1.0])])
    assert run().source["sha256"] != before


def test_only_what_was_asked_for(whole, run, tmp_path):
    report = run(devices=["cpu-xeon-gold"])
    assert {t.device for t in load_tables(tmp_path / "tables")} == {"cpu-xeon-gold"}
    assert report.devices == ["cpu-xeon-gold"]
    assert all("latency_cpu_meta/" in campaign.name for campaign in report.campaigns)
    assert report.complete


def test_wrong_arguments(whole, run, tmp_path):
    with pytest.raises(UnknownNameError, match="unknown device 'a10'; did you mean 'a100'"):
        run(devices=["a10"])
    with pytest.raises(UnknownNameError, match="unknown scale 'xl'"):
        run(scales=["xl"])
    with pytest.raises(DataError, match="looks like 7500_10000, got '7500'"):
        run(absent=["7500"])
    with pytest.raises(DataError, match="jobs must not be negative"):
        run(jobs=-1)
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="file is a file; name a folder"):
        import_checkout(whole.root, tmp_path / "file", jobs=0)
    with pytest.raises(DataError, match="is no folder: clone"):
        import_checkout(tmp_path / "nowhere", tmp_path / "tables", jobs=0)
    with pytest.raises(DataError, match="has neither data_collection/raw_results_hw nor"):
        import_checkout(tmp_path, tmp_path / "tables", jobs=0)


def test_every_device_can_be_named():
    assert len(device_names()) == 15
    assert device_names()[-1] == "any"


def test_progress_and_rules(whole, run):
    seen = []
    run(progress=lambda done, total, name: seen.append((done, total, name)))
    assert [(done, total) for done, total, _ in seen] == [(1, 3), (2, 3), (3, 3)]
    assert {name for _, _, name in seen} == {
        A100,
        f"{RAW}/latency_a100/efficiency_energy_observations_tracker",
        f"{RAW}/latency_cpu_meta/efficiency_observations",
    }
    assert all(text and text == text.strip() for text in RULES.values())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limit is Linux's")
def test_workers_give_the_same_and_survive_a_file_that_asks_for_memory(whole, run, tmp_path):
    """LONG_BINPUT at 2^30 makes Python's unpickler ask for 16 GiB."""
    run()
    expected = (tmp_path / "tables/gpt-s/a100/latency_s.profiler.parquet").read_bytes()
    bomb = whole.root / f"{RAW}/latency_cpu_meta/efficiency_observations_0_2500.pkl"
    bomb.write_bytes(b"\x80\x04]r\x00\x00\x00\x40.")
    report = run(jobs=2)
    (failed,) = report.failed
    assert "latency_cpu_meta" in failed.name
    assert "MemoryError" in (failed.error or "")
    assert (tmp_path / "tables/gpt-s/a100/latency_s.profiler.parquet").read_bytes() == expected
    gold = tmp_path / "tables/gpt-s/cpu-xeon-gold/latency_s.profiler.parquet"
    assert len(Table.load(gold)) == 9
