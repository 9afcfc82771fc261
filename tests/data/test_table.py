import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hwbench import spaces
from hwbench.data import SCHEMA_VERSION, Flag, Protocol, Table, find, load_tables, table_path
from hwbench.data.parquet import SCHEMA_NAME
from hwbench.errors import DataError, SchemaError, ShapeError, UnknownNameError

SPACE = spaces.get("gpt-s")
PROTOCOL = Protocol(
    name="profiler",
    batch_size=8,
    sequence_length=1024,
    precision="bf16",
    statistic="sum of kernel times",
    unit="s",
    source="made up",
    notes=("one", "two"),
)
KEY = SCHEMA_NAME.encode()


def make_table(repeats, /, **changes) -> Table:
    repeats = np.asarray(repeats, dtype=float)
    n = len(repeats)
    rng = np.random.default_rng(0)
    fields = {
        "space": "gpt-s",
        "device": "a100",
        "metric": "latency_s",
        "protocol": PROTOCOL,
        "codes": SPACE.sample_codes(n, rng),
        "chunk": np.arange(n) // 2,
        "position": np.arange(n) * 10,
        "repeats": repeats,
        "source": "folder",
    }
    return Table(**(fields | changes))


def assert_same(a: Table, b: Table) -> None:
    for name in ("space", "device", "metric", "protocol", "source", "schema_version"):
        assert getattr(a, name) == getattr(b, name)
    for name in ("codes", "chunk", "position", "repeats", "flags"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
        assert getattr(a, name).dtype == getattr(b, name).dtype
    assert (a.std is None) == (b.std is None)
    if a.std is not None and b.std is not None:
        np.testing.assert_array_equal(a.std, b.std)


def test_center_is_the_median():
    table = make_table([[3.0, 1.0, 2.0, 10.0], [5.0, 5.0, 5.0, 5.0]])
    assert table.center().tolist() == [2.5, 5.0]


def test_center_leaves_out_what_the_protocol_says():
    table = make_table([[100.0, 1.0, 2.0, 3.0]], protocol=replace(PROTOCOL, skip_first=1))
    assert table.center().tolist() == [2.0]
    assert table.center(skip_first=0).tolist() == [2.5]
    assert table.center(skip_first=2).tolist() == [2.5]


def test_center_of_few_repeats():
    """A row keeps its last repeat; a row without any has no centre."""
    nan = np.nan
    table = make_table([[4.0, nan, nan], [nan, nan, nan], [9.0, 1.0, nan]])
    np.testing.assert_array_equal(table.center(skip_first=1), [4.0, nan, 1.0])
    np.testing.assert_array_equal(table.center(skip_first=7), [4.0, nan, 1.0])
    np.testing.assert_array_equal(make_table([[4.0]]).center(skip_first=1), [4.0])


def test_center_of_an_empty_table():
    assert make_table(np.empty((0, 3))).center().shape == (0,)


def test_select_by_mask_and_by_index():
    table = make_table([[1.0], [2.0], [3.0]], std=np.array([0.1, 0.2, 0.3]), flags=[1, 2, 4])
    for chosen in (np.array([True, False, True]), np.array([0, 2])):
        part = table.select(chosen)
        assert part.repeats.tolist() == [[1.0], [3.0]]
        assert part.position.tolist() == [0, 20]
        assert part.std.tolist() == [0.1, 0.3]
        assert part.flagged(Flag.TWO_STATES).tolist() == [True, False]
    with pytest.raises(ShapeError, match=r"a mask needs shape \(3,\)"):
        table.select(np.array([True]))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("chunk", [1]),
        ("position", [[0, 1]]),
        ("repeats", [1.0, 2.0]),
        ("repeats", np.empty((2, 0))),
        ("codes", [0, 1]),
        ("codes", [[256], [0]]),
        ("codes", [[0.5], [0.0]]),
        ("std", [1.0]),
        ("flags", [1]),
    ],
)
def test_wrong_shapes_are_refused(field, value):
    with pytest.raises(ShapeError, match=field):
        make_table([[1.0], [2.0]], **{field: np.array(value)})


def test_skipping_less_than_nothing():
    with pytest.raises(ShapeError, match="-1"):
        make_table([[1.0]]).center(skip_first=-1)


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


@pytest.fixture
def folder(tmp_path):
    for device, metric, name in [
        ("a100", "latency_s", "profiler"),
        ("a40", "latency_s", "profiler"),
        (None, "memory_bytes", "bf16"),
        (None, "memory_bytes", "fp16"),
    ]:
        table = make_table([[1.0]], device=device, metric=metric)
        table = replace(table, protocol=replace(PROTOCOL, name=name))
        path = table_path(tmp_path, space="gpt-s", device=device, metric=metric, protocol=name)
        table.save(path)
    return tmp_path


def test_tables_of_a_folder(folder):
    found = [(t.device, t.metric, t.protocol.name) for t in load_tables(folder)]
    assert found == [
        ("a100", "latency_s", "profiler"),
        ("a40", "latency_s", "profiler"),
        (None, "memory_bytes", "bf16"),
        (None, "memory_bytes", "fp16"),
    ]
    assert [t.device for t in load_tables(folder, metric="latency_s")] == ["a100", "a40"]
    assert len(load_tables(folder, device="any")) == 2
    assert load_tables(folder, space="gpt-m") == []


def test_one_table(folder):
    assert find(folder, space="gpt-s", device="a40", metric="latency_s").device == "a40"
    memory = find(folder, space="gpt-s", metric="memory_bytes", protocol="fp16")
    assert memory.protocol.name == "fp16"


def test_a_table_that_is_not_there(folder):
    with pytest.raises(UnknownNameError, match=r"did you mean 'gpt-s/a100/latency_s\.profiler'"):
        find(folder, space="gpt-s", device="a10", metric="latency_s", protocol="profiler")
    with pytest.raises(DataError, match="several protocols, name one: bf16, fp16"):
        find(folder, space="gpt-s", metric="memory_bytes")
    with pytest.raises(DataError, match="holds no tables"):
        load_tables(folder / "nowhere")
