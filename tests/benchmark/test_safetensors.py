import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hwbench.benchmark import safetensors
from hwbench.errors import BundleError

DTYPES = [np.dtype(name) for name in safetensors.DTYPES.values()]

arrays = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=8).filter(
        lambda name: name != "__metadata__"
    ),
    st.sampled_from(DTYPES).flatmap(
        lambda dtype: hnp.arrays(
            dtype,
            hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
            elements=hnp.from_dtype(dtype, allow_nan=False),
        )
    ),
    max_size=4,
)


def file(header, body=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + body


def entry(dtype="F32", shape=(2,), offsets=(0, 8)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


@given(arrays)
def test_what_is_written_reads_back(given_arrays):
    found = safetensors.parse(safetensors.dump(given_arrays))
    assert set(found) == set(given_arrays)
    for name, array in given_arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


@given(arrays)
def test_the_reference_library_reads_what_we_write(given_arrays):
    reference = pytest.importorskip("safetensors.numpy", reason="needs safetensors (extra train)")
    found = reference.load(safetensors.dump(given_arrays))
    assert set(found) == set(given_arrays)
    for name, array in given_arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


@given(arrays)
def test_we_read_what_the_reference_library_writes(given_arrays):
    reference = pytest.importorskip("safetensors.numpy", reason="needs safetensors (extra train)")
    found = safetensors.parse(reference.save(given_arrays, metadata={"made": "up"}))
    assert set(found) == set(given_arrays)
    for name, array in given_arrays.items():
        np.testing.assert_array_equal(found[name], array)


def test_by_hand():
    """The bytes of one float32 array, 1 and -2, as the format's description gives them."""
    header = b'{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}  '
    data = (56).to_bytes(8, "little") + header + bytes.fromhex("0000803f000000c0")
    assert safetensors.parse(data)["x"].tolist() == [1.0, -2.0]
    assert safetensors.dump({"x": np.array([1.0, -2.0], dtype=np.float32)}) == data


def test_arrays_of_other_byte_order_and_layout():
    array = np.arange(6, dtype=">i4").reshape(2, 3).T
    found = safetensors.parse(safetensors.dump({"x": array}))["x"]
    assert found.dtype == np.dtype("<i4")
    np.testing.assert_array_equal(found, array)


def test_what_is_read_cannot_be_written_to():
    found = safetensors.parse(safetensors.dump({"x": np.zeros(3)}))["x"]
    with pytest.raises(ValueError, match="read-only"):
        found[0] = 1.0


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "header of 0 bytes in a file of 0"),
        (b"\x00\x00", "in a file of 2 bytes"),
        (file({}, length=2**63), "header of 9223372036854775808 bytes"),
        (file({}, length=3), "header of 3 bytes in a file of 10"),
        (file(b"[]"), "must hold one JSON object"),
        (file(b"\xff\xff"), "cannot be read"),
        (file(b'{"a": NaN}'), "NaN is no number"),
        (file(b'{"a": 1e999}'), "no number"),
        (file(b'{"a": 1, "a": 2}'), "given twice"),
        (file(b"[" * 100_000), "cannot be read"),
        (file(b'{"\\u001b[2J": 1}'), "holds a control character"),
        (file(b'{"a": ["\\ud800"]}'), "holds a control character"),
        (file({"x": entry()}, bytes(7)), "lie outside the file"),
        (file({"x": entry()}, bytes(9)), "arrays end at byte 8 of 9"),
        (file({"x": entry(offsets=(1, 9))}, bytes(9)), "starts at 1, expected 0"),
        (file({"x": entry(), "y": entry()}, bytes(8)), "starts at 0, expected 8"),
        (file({"x": entry(), "y": entry(offsets=(4, 12))}, bytes(12)), "starts at 4"),
        (file({"x": entry(offsets=(8, 0))}, bytes(8)), "lie outside"),
        (file({"x": entry(offsets=(-8, 0))}, bytes(8)), "expected whole numbers"),
        (file({"x": entry(offsets=(0, 8.0))}, bytes(8)), "expected whole numbers"),
        (file({"x": entry(offsets=(0, 8, 8))}, bytes(8)), "lie outside"),
        (file({"x": entry(shape=(3,))}, bytes(8)), "does not fit offsets"),
        (file({"x": entry(shape=(True, 2))}, bytes(8)), "expected whole numbers"),
        (file({"x": entry(shape=[1] * 40)}, bytes(8)), "expected a list of whole numbers"),
        (file({"x": entry(shape=(2**62, 2**62), offsets=(0, 0))}), "expected whole numbers"),
        (file({"x": entry(dtype="O8")}, bytes(8)), "unknown type 'O8'"),
        (file({"x": entry(dtype=["F32"])}, bytes(8)), "unknown type"),
        (file({"x": {"dtype": "F32"}}, bytes(8)), "needs dtype, shape and data_offsets"),
        (file({"x": 3}), "needs dtype, shape and data_offsets"),
        (file({"x": entry(dtype="BOOL", shape=(1,), offsets=(0, 1))}, b"\x02"), "no booleans"),
        (file({"x": entry()}, np.array([1, np.nan], "<f4").tobytes()), "'x' holds NaN"),
    ],
)
def test_damaged_files_are_refused(data, message):
    with pytest.raises(BundleError, match=message):
        safetensors.parse(data)


@pytest.mark.parametrize("array", [np.array(["text"]), np.array([object()]), np.zeros(2, "c16")])
def test_what_is_no_number_cannot_be_written(array):
    with pytest.raises(BundleError, match="cannot be saved"):
        safetensors.dump({"x": array})


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data):
    _read_or_refuse(data)
    _read_or_refuse(file(data))


@given(st.data())
def test_any_change_is_read_or_refused(data):
    good = bytearray(safetensors.dump({"a": np.arange(3), "b": np.ones((2, 2), dtype=np.float32)}))
    for _ in range(data.draw(st.integers(1, 4))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    _read_or_refuse(bytes(good))
    _read_or_refuse(bytes(good[: data.draw(st.integers(0, len(good)))]))


def _read_or_refuse(data):
    try:
        found = safetensors.parse(data)
    except BundleError:
        return
    assert sum(array.nbytes for array in found.values()) <= len(data)
