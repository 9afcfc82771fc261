"""Journals become tables, are put together, and lose nothing on the way."""

import json

import numpy as np
import pandas as pd
import pytest

from hwbench.data import Table
from hwbench.data.journal import (
    Journal,
    compact,
    entries,
    merge,
    read,
    samples,
    sessions,
    tables,
)
from hwbench.errors import DataError, SchemaError
from tests.data.journals import SESSION, SPACE, make_entry, make_row


def save(path, found, session=SESSION):
    with Journal(path) as journal:
        journal.append(session.to_record())
        for entry in found:
            journal.append(entry.to_record())
    return path


@pytest.fixture
def archs(rng):
    return SPACE.decode(SPACE.sample_codes(3, rng))


def test_rows_come_in_the_order_measured_with_all_samples(tmp_path, archs):
    a, b, c = archs
    found = [
        make_entry(0, make_row(a, [1.0, 1.1, 1.2]), anchor=True),
        make_entry(1, make_row(b, [2.0])),
        make_entry(2, make_row(c, [], status="timeout")),
        make_entry(3, make_row(c, [3.0, 3.5]), pass_number=1),
        make_entry(4, make_row(a, [1.3]), pass_number=1, anchor=True),
    ]
    (table,) = tables(save(tmp_path / "journal.jsonl", found).parent)
    assert (table.space, table.device, table.metric) == ("gpt-s", "cpu-0123", "latency_s")
    assert table.protocol.name == "serving"
    np.testing.assert_array_equal(table.codes, SPACE.encode([a, b, c, a]))
    np.testing.assert_array_equal(table.chunk, [0, 0, 1, 1])
    np.testing.assert_array_equal(table.position, [0, 1, 2, 3])
    nan = np.nan
    expected = [[1.0, 1.1, 1.2], [2.0, nan, nan], [3.0, 3.5, nan], [1.3, nan, nan]]
    np.testing.assert_array_equal(table.repeats, expected)
    np.testing.assert_array_equal(table.center(), [1.1, 2.0, 3.25, 1.3])


def test_each_metric_device_and_protocol_has_its_table(tmp_path, archs):
    a, b, _ = archs
    energy = {"windows": [{"energy_j": 50.0, "duration_s": 5.0, "iterations": 10}]}
    more = {"energy": energy, "memory": {"vm_hwm_bytes": 7e8, "weights_bytes": 5e8}}
    names = ("latency_s", "energy_j", "memory_bytes")
    found = [
        make_entry(0, make_row(a, [1.0], **more), metrics=names),
        make_entry(1, make_row(b, [2.0], energy={"reason": "no counter", "fix": "chmod"})),
        make_entry(2, make_row(b, [2.5], device_id="cpu-4567")),
    ]
    path = save(tmp_path / "journal.jsonl", found)
    made = {(t.device, t.metric): t for t in tables(path)}
    assert set(made) == {
        ("cpu-0123", "latency_s"),
        ("cpu-0123", "energy_j"),
        ("cpu-0123", "memory_bytes"),
        ("cpu-4567", "latency_s"),
    }
    assert made["cpu-0123", "energy_j"].repeats.tolist() == [[5.0]]  # 50 J over 10 iterations
    assert made["cpu-0123", "memory_bytes"].repeats.tolist() == [[7e8]]
    with pytest.raises(DataError, match="one name for 2 devices"):
        tables(path, device="mybox")


def test_what_was_not_measured_has_no_samples():
    row = {"latency": None, "energy": {"reason": "no counter", "fix": "chmod"}, "memory": {}}
    assert [samples(row, m) for m in ("latency_s", "energy_j", "memory_bytes")] == [[], [], []]


def test_shards_merge_whatever_order_they_are_named_in(tmp_path, archs):
    a, b, c = archs
    first = [make_entry(0, make_row(a, [1.0])), make_entry(1, make_row(b, [2.0]), pass_number=1)]
    other = [
        make_entry(0, make_row(a, [3.0]), key="x", shard=1),
        make_entry(1, make_row(c, [4.0]), shard=1),
    ]
    save(tmp_path / "one" / "journal-1of2.jsonl", first)
    save(tmp_path / "two" / "journal-2of2.jsonl", other)
    places = [tmp_path / "one", tmp_path / "two"]
    for number, order in enumerate([places, places[::-1], [*places, *places]]):
        merged = merge(order, tmp_path / f"out{number}")
        assert entries(merged) == [*first, *other]
        (table,) = tables(merged.parent)
        np.testing.assert_array_equal(table.chunk, [0, 1, 2, 2])
        np.testing.assert_array_equal(table.repeats[:, 0], [1.0, 2.0, 3.0, 4.0])
    again = merge([tmp_path / "out0"], tmp_path / "again")
    assert read(again) == read(tmp_path / "out0" / "merged.jsonl")
    assert sessions(again) == [SESSION]


def test_merging_nothing_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no such journal"):
        merge([tmp_path / "none"], tmp_path)
    with pytest.raises(DataError, match="no records"):
        merge([tmp_path], tmp_path)


def test_compacted_tables_say_what_the_journal_said(tmp_path, archs):
    a, b, c = archs
    found = [
        make_entry(0, make_row(a, [1.0, 1.5], warnings=["throttled"])),
        make_entry(1, make_row(b, [2.0])),
        make_entry(2, make_row(c, [], status="out_of_memory")),
    ]
    place = save(tmp_path / "in" / "journal.jsonl", found).parent
    written = compact(place, tmp_path / "out", device="mybox")
    assert written == {"gpt-s/mybox/latency_s.serving.parquet": {"rows": 2, "samples": 2}}
    (before,), (after,) = tables(place), tables(tmp_path / "out")
    assert isinstance(after, Table)
    assert after.device == "mybox"
    assert after.protocol == before.protocol
    for name in ("codes", "chunk", "position", "repeats"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name))
    rows = pd.read_parquet(tmp_path / "out" / "rows.parquet")
    assert rows["status"].tolist() == ["ok", "ok", "out_of_memory"]
    assert rows["architecture"].tolist() == [str(arch) for arch in archs]
    assert json.loads(rows["row"][0])["warnings"] == ["throttled"]
    assert "samples_s" not in json.loads(rows["row"][0])["latency"]
    (story,) = json.loads((tmp_path / "out" / "sessions.json").read_text())
    assert story["device"] == {"model": "made up"}


def test_a_newer_or_damaged_record_is_refused(tmp_path, archs):
    record = make_entry(0, make_row(archs[0], [1.0])).to_record()
    for number, (change, words) in enumerate(
        [({"version": 9}, "version 9"), ({"row": None}, "lacks row")]
    ):
        changed = {k: v for k, v in (record | change).items() if v is not None}
        with Journal(tmp_path / f"{number}.jsonl") as journal:
            journal.append(changed)
        with pytest.raises(SchemaError, match=words):
            entries(tmp_path / f"{number}.jsonl")
