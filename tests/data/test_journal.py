"""The journal file: what was written is there after a kill, a full disk or damage."""

import json
import os
import resource
import subprocess
import sys
import tempfile
import zlib
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwbench.data.journal import Contents, Journal, JournalBusyError, JournalError, read
from hwbench.data.journal.lines import decode, encode
from hwbench.errors import DataError

ROWS = [{"n": i, "text": "ä\n\x00" * i} for i in range(4)]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def filled(path):
    with Journal(path) as journal:
        for row in ROWS:
            journal.append(row)
    return path


@given(st.dictionaries(st.text(), json_values, max_size=4))
def test_a_line_is_json_with_the_checksum_of_its_record(record):
    line = encode(record)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decode(line[:-1]) == record
    whole = json.loads(line)
    assert whole["record"] == record
    body = line[len('{"crc32":"00000000","record":') : -2]
    assert int(whole["crc32"], 16) == zlib.crc32(body)


@given(st.integers(0, 200), st.integers(1, 255))
def test_a_changed_byte_is_noticed(place, change):
    line = bytearray(encode({"latency_s": [0.1, 0.2], "device": "cpu", "text": "x" * 150})[:-1])
    line[place % len(line)] ^= change
    assert decode(bytes(line)) is None


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}])
def test_only_json_goes_in(tmp_path, value):
    with Journal(tmp_path / "j.jsonl") as journal, pytest.raises(DataError, match="JSON"):
        journal.append({"value": value})
    assert read(tmp_path / "j.jsonl") == Contents(())


def test_what_was_appended_is_read_in_order(tmp_path):
    path = filled(tmp_path / "deep" / "j.jsonl")
    assert read(path) == Contents(tuple(ROWS))
    with Journal(path) as journal:
        assert journal.records == ROWS
        assert journal.torn == ()
        journal.append({"more": 1})
    assert read(path).records == (*ROWS, {"more": 1})
    assert read(tmp_path / "none.jsonl") == Contents(())


def test_cut_off_anywhere_all_whole_lines_stay(tmp_path, monkeypatch):
    """A kill or a power cut leaves a prefix: every one of them is tried."""
    monkeypatch.setattr(os, "fsync", lambda number: None)  # thousands of them take a while
    whole = filled(tmp_path / "whole.jsonl").read_bytes()
    ends = [i + 1 for i, byte in enumerate(whole) if byte == ord("\n")]
    for cut in range(len(whole) + 1):
        path = tmp_path / f"{cut}.jsonl"
        path.write_bytes(whole[:cut])
        kept = sum(end - 1 <= cut for end in ends)  # a line without its newline is whole, too
        with Journal(path) as journal:
            assert journal.records == ROWS[:kept]
            journal.append({"after": cut})
        assert read(path) == Contents((*ROWS[:kept], {"after": cut}))
        torn = path.with_name(f"{path.name}.torn")
        rest = whole[ends[kept - 1] if kept else 0 : cut]
        assert (torn.read_bytes() if torn.exists() else b"").strip() == rest.strip()


def test_damage_in_the_middle_is_set_aside_and_reported(tmp_path, caplog):
    path = filled(tmp_path / "j.jsonl")
    lines = path.read_bytes().split(b"\n")
    lines[1] = lines[1].replace(b'"n":1', b'"n":7')
    path.write_bytes(b"\n".join([*lines[:2], b"not a line", b"\0" * 40, *lines[2:]]))
    assert len(read(path).torn) == 2
    with Journal(path) as journal:
        assert journal.records == [ROWS[0], *ROWS[2:]]
        assert journal.torn == (lines[1], b"not a line")
    assert "2 torn lines moved to" in caplog.text
    assert path.with_name("j.jsonl.torn").read_bytes() == lines[1] + b"\nnot a line\n"
    assert read(path) == Contents((ROWS[0], *ROWS[2:]))


def test_a_second_writer_is_refused_and_named(tmp_path):
    path = tmp_path / "j.jsonl"
    with Journal(path), pytest.raises(JournalBusyError, match=f"PID {os.getpid()}"):
        Journal(path)
    Journal(path).close()


def test_a_closed_journal_takes_nothing(tmp_path):
    journal = Journal(tmp_path / "j.jsonl")
    journal.close()
    journal.close()
    with pytest.raises(JournalError, match="closed"):
        journal.append({})


@contextmanager
def largest_file(size):
    """Let no file of this process grow beyond `size` bytes: what a full disk does."""
    import signal

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    usual = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, usual)


def test_a_full_disk_is_said_and_loses_nothing(tmp_path):
    path = filled(tmp_path / "j.jsonl")
    size = path.stat().st_size
    with Journal(path) as journal:
        with largest_file(size + 100):
            with pytest.raises(JournalError, match=r"disk is full.*4 records before are safe"):
                journal.append({"long": "x" * 500})
            assert path.stat().st_size == size  # the part that fitted is gone again
            journal.append({"short": 1})
        journal.append({"long": "x" * 500})
    assert read(path) == Contents((*ROWS, {"short": 1}, {"long": "x" * 500}))


def test_a_device_that_is_always_full_is_said(tmp_path):
    if not os.path.exists("/dev/full"):
        pytest.skip("needs /dev/full, which Linux has")
    path = tmp_path / "j.jsonl"
    with Journal(path) as journal:
        full = os.open("/dev/full", os.O_RDWR)
        usual, journal._file = journal._file, full
        with pytest.raises(JournalError, match="disk is full"):
            journal.append({"a": 1})
        journal._file = usual
        os.close(full)
        journal.append({"a": 2})
    assert read(path) == Contents(({"a": 2},))


def test_a_read_only_folder_is_said():
    """In a process that root's power to write everywhere is taken from, where tests run as root."""
    program = (
        "import os, sys\n"
        "from hwbench.data.journal import Journal, JournalError, read\n"
        "os.getuid() or os.setuid(65534)\n"
        "try: Journal(sys.argv[1])\n"
        "except JournalError as error: print(error)\n"
    )
    with tempfile.TemporaryDirectory() as name:
        path = filled(Path(name) / "j.jsonl")
        for place, mode in [(path, 0o444), (path.parent, 0o555)]:
            place.chmod(mode)
        done = subprocess.run(
            [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
        )
        path.parent.chmod(0o755)
        assert "may not be written" in done.stdout
        assert read(path) == Contents(tuple(ROWS))


def test_a_folder_in_place_of_the_file_is_said(tmp_path):
    with pytest.raises(JournalError, match="cannot be read"):
        read(tmp_path)
