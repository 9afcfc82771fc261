import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hwbench.data import SCHEMA_VERSION, Table
from hwbench.data.parquet import SCHEMA_NAME
from hwbench.errors import DataError, SchemaError
from tests.data.conftest import PROTOCOL, SPACE, assert_same, make_table

KEY = SCHEMA_NAME.encode()


@given(
    hnp.arrays(
        float,
        hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=6),
        elements=st.floats(0, 1e6) | st.just(np.nan),
    ),
    st.booleans(),
    st.sampled_from([None, "a100", "cpu-xeon-gold"]),
)
def test_a_table_comes_back_from_its_file(tmp_path_factory, repeats, with_std, device):
    std = repeats[:, 0] if with_std else None
    flags = np.arange(len(repeats))
    table = make_table(repeats, std=std, device=device, flags=flags)
    path = tmp_path_factory.mktemp("tables") / "table.parquet"
    table.save(path)
    assert_same(Table.load(path), table)


def test_an_empty_table_comes_back(tmp_path):
    table = make_table(np.empty((0, 1)))
    table.save(tmp_path / "t.parquet")
    assert_same(Table.load(tmp_path / "t.parquet"), table)


def test_the_file_can_be_read_by_others(tmp_path):
    table = make_table([[1.0, 2.0], [3.0, 4.0]])
    table.save(tmp_path / "t.parquet")
    frame = pd.read_parquet(tmp_path / "t.parquet")
    assert [list(row) for row in frame["repeats"]] == [[1.0, 2.0], [3.0, 4.0]]
    archs = [SPACE.parse(text) for text in frame["architecture"]]
    np.testing.assert_array_equal(SPACE.encode(archs), table.codes)
    np.testing.assert_array_equal(np.stack(frame["code"].to_list()), table.codes)


def test_lists_of_different_length_are_padded(tmp_path):
    """Another writer may leave the padding out."""
    path = tmp_path / "t.parquet"
    make_table([[1.0, 2.0], [3.0, 4.0]]).save(path)
    rewrite(path, repeats=pa.array([[1.0], [3.0, 4.0]]))
    np.testing.assert_array_equal(Table.load(path).repeats, [[1.0, np.nan], [3.0, 4.0]])


def rewrite(path, *, about=None, **columns):
    """Change a file's metadata or columns as another program might."""
    arrow = pq.read_table(path, partitioning=None)
    if about is not None:
        arrow = arrow.replace_schema_metadata({KEY: about})
    for name, column in columns.items():
        place = arrow.column_names.index(name)
        if column is None:
            arrow = arrow.remove_column(place)
        else:
            arrow = arrow.set_column(place, name, column)
    pq.write_table(arrow, path)


def description(**changes) -> bytes:
    about = {
        "schema": SCHEMA_NAME,
        "version": SCHEMA_VERSION,
        "space": "gpt-s",
        "device": None,
        "metric": "latency_s",
        "protocol": PROTOCOL.to_dict(),
        "source": "folder",
        "n_choices": SPACE.n_choices,
    }
    return json.dumps(about | changes).encode()


@pytest.mark.parametrize(
    ("about", "message"),
    [
        (description(version=SCHEMA_VERSION + 1), "table schema 2, .* reads 1; update hwbench"),
        (description(version=0), "table schema 0, .* import the data again"),
        (description(version="1"), "table schema '1'"),
        (description(n_choices=3), "does not follow schema 1"),
        (description(protocol={"name": "x"}), "does not follow schema 1"),
        (description(protocol={**PROTOCOL.to_dict(), "new": 1}), "does not follow schema 1"),
        (b"{not json", "description is damaged"),
        (b"[]", "description is damaged"),
        (b"{}", "description is damaged"),
    ],
)
def test_a_wrong_schema_is_refused(tmp_path, about, message):
    path = tmp_path / "t.parquet"
    make_table([[1.0]]).save(path)
    rewrite(path, about=about)
    with pytest.raises(SchemaError, match=message) as caught:
        Table.load(path)
    assert "t.parquet" in str(caught.value)


@pytest.mark.parametrize("name", ["code", "chunk", "repeats", "flags"])
def test_a_missing_column_is_named(tmp_path, name):
    path = tmp_path / "t.parquet"
    make_table([[1.0]]).save(path)
    rewrite(path, **{name: None})
    with pytest.raises(SchemaError, match=f"lacks the columns {name}"):
        Table.load(path)


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("code", pa.array([[300] * SPACE.n_choices])),
        ("code", pa.array([[0, 0]])),
        ("code", pa.array([5])),
        ("repeats", pa.array(["text"])),
        ("chunk", pa.array(["text"])),
    ],
)
def test_wrong_contents_are_refused(tmp_path, name, column):
    path = tmp_path / "t.parquet"
    make_table([[1.0]]).save(path)
    rewrite(path, **{name: column})
    with pytest.raises(SchemaError, match="does not follow schema 1"):
        Table.load(path)


def test_files_that_are_no_tables(tmp_path):
    other = tmp_path / "other.parquet"
    pd.DataFrame({"x": [1]}).to_parquet(other)
    with pytest.raises(SchemaError, match="a Parquet file, but not an hwbench table"):
        Table.load(other)
    other.write_bytes(b"no parquet at all")
    with pytest.raises(SchemaError, match=r"other\.parquet: not a readable Parquet file"):
        Table.load(other)
    with pytest.raises(DataError, match="no such file"):
        Table.load(tmp_path / "absent.parquet")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "t.parquet"
    old = make_table([[1.0]])
    old.save(path)

    def fail(arrow, draft, **options):
        draft.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(pq, "write_table", fail)
    with pytest.raises(OSError, match="disk full"):
        make_table([[2.0]]).save(path)
    assert_same(Table.load(path), old)
    assert [p.name for p in tmp_path.iterdir()] == ["t.parquet"]
