from dataclasses import replace

import numpy as np
import pytest

from hwbench.data import Flag, find, load_tables, table_path
from hwbench.errors import DataError, ShapeError, UnknownNameError
from tests.data.conftest import PROTOCOL, make_table


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
