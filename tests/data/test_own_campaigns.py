"""The campaigns that the repository holds are whole, readable and what their card says."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from hwbench.data import journal

DATA = Path(__file__).parents[2] / "data"
CAMPAIGN = DATA / "cpu-x86-2core-vm"


def test_checksums() -> None:
    lines = (DATA / "cpu-x86-2core-vm.sha256").read_text().splitlines()
    listed = {name: digest for digest, name in (line.split("  ") for line in lines)}
    found = {str(file.relative_to(DATA)) for file in CAMPAIGN.rglob("*") if file.is_file()}
    assert set(listed) == found
    for name, digest in listed.items():
        assert hashlib.sha256((DATA / name).read_bytes()).hexdigest() == digest


@pytest.mark.parametrize(
    ("folder", "rows", "archs"), [("torch-eager", 35, 15), ("onnx-cpu", 29, 12)]
)
def test_tables(folder: str, rows: int, archs: int) -> None:
    tables = {table.metric: table for table in journal.tables(CAMPAIGN / folder)}
    assert set(tables) == {"latency_s", "memory_bytes"}
    for table in tables.values():
        assert (len(table), table.space) == (rows, "gpt-s")
        assert len(np.unique(table.codes, axis=0)) == archs
        assert set(table.chunk) == {0, 1}
        assert (np.diff(table.position) > 0).all()
    # From 10 layers of width 192 to 12 of width 768.
    assert tables["latency_s"].center().max() > 3 * tables["latency_s"].center().min()
    assert tables["memory_bytes"].center().min() > 206e6  # the logits alone
