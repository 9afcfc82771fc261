import contextlib
import os
import pickle
import pickletools
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwbench.data.hwgptbench.unpickle import load, loads
from hwbench.errors import DataError

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


class Call:
    """Pickles as a call of any function: the usual attack."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@given(PLAIN, st.integers(2, 5))
def test_plain_values_come_back(value, protocol):
    assert loads(pickle.dumps(value, protocol=protocol)) == value


@pytest.mark.parametrize(
    "value",
    [
        np.float64(0.1),
        np.float32(0.1),
        np.float16(0.5),
        np.int64(-(2**62)),
        np.uint8(255),
        np.bool_(True),
        np.dtype(">f8").type(2.5),
    ],
)
@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_numpy_scalars_become_python_numbers(value, protocol):
    found = loads(pickle.dumps([{"x": value}], protocol=protocol))[0]["x"]
    assert found == value.item()
    assert type(found) is type(value.item())


def test_names_of_both_numpy_generations():
    """numpy 1 wrote numpy.core, numpy 2 writes numpy._core."""
    new = pickle.dumps(np.float64(1.5), protocol=3)
    old = new.replace(b"numpy._core", b"numpy.core")
    assert loads(new) == loads(old) == 1.5


@pytest.mark.parametrize("protocol", [3, 4, 5])
@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3),
        np.asfortranarray(np.arange(6).reshape(2, 3)),
        np.zeros((0, 4), dtype=np.float32),
        np.array(7, dtype=">i4"),
    ],
)
def test_arrays_come_back_wherever_they_are(array, protocol):
    again = (array, 1)
    found = loads(pickle.dumps([{"a": array}, again, again], protocol=protocol))
    for item in (found[0]["a"], found[1][0], found[2][0]):
        assert isinstance(item, np.ndarray)
        np.testing.assert_array_equal(item, array)


def test_a_malicious_pickle_executes_nothing(tmp_path):
    trace = tmp_path / "trace"
    data = pickle.dumps([{"arch": Call(os.system, f"touch {trace}")}])
    pickle.loads(data)
    assert trace.exists(), "the attack works on the plain unpickler"
    trace.unlink()
    with pytest.raises(DataError, match=r"rows\.pkl: refused, it names 'posix\.system'"):
        loads(data, name="rows.pkl")
    assert not trace.exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("builtins", "eval"),
        ("builtins", "getattr"),
        ("numpy", "load"),
        ("numpy", "dtype.__class__"),
        ("numpy.core.multiarray", "scalar.__init__"),
        ("copyreg", "_reconstructor"),
        ("collections", "OrderedDict"),
        ("hwbench.data.hwgptbench.unpickle", "load"),
        ("torch._utils", "_rebuild_tensor_v2"),
    ],
)
def test_every_other_name_is_refused(module, name):
    by_stack = b"\x80\x04\x8c" + bytes([len(module)]) + module.encode()
    by_stack += b"\x8c" + bytes([len(name)]) + name.encode() + b"\x93."
    by_line = f"c{module}\n{name}\n.".encode()
    for data in (by_stack, by_line):
        with pytest.raises(DataError, match="refused") as caught:
            loads(data)
        assert f"{module}.{name}" in str(caught.value)


def test_what_a_hostile_file_says_is_shown_short_and_escaped():
    name = "\x1b[31m" + "x" * 10_000
    with pytest.raises(DataError) as caught:
        loads(f"cos\n{name}\n.".encode())
    assert len(str(caught.value)) < 300
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    "value",
    [
        np.array([object()], dtype=object),
        np.array(["text"]),
        np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
        np.datetime64("2024-05-24"),
        np.array([1 + 2j]),
    ],
    ids=["object", "text", "record", "date", "complex"],
)
def test_numpy_types_that_are_no_plain_numbers_are_refused(value):
    with pytest.raises(DataError, match="refused"):
        loads(pickle.dumps(value))


def test_persistent_identifiers_are_refused():
    with pytest.raises(DataError, match="persistent identifier"):
        loads(b"\x80\x04\x8c\x04file\x51.")


def test_extension_codes_are_refused():
    with pytest.raises(DataError, match="unregistered extension code"):
        loads(b"\x80\x02\x82\x01.")


@pytest.mark.parametrize("state", [b"}\x8c\x01xK\x01s", b"N}\x8c\x08__call__K\x01s\x86"])
@pytest.mark.parametrize(
    "name", ["numpy\ndtype", "numpy\nndarray", "numpy.core.multiarray\nscalar"]
)
def test_the_stand_ins_take_no_state(name, state):
    """BUILD would set attributes on them."""
    with pytest.raises(DataError, match="state for a global name"):
        loads(b"\x80\x04c" + name.encode() + b"\n" + state + b"b.")


def test_a_field_smuggled_into_a_number_type_is_refused():
    """numpy itself trusts this state and would then read pointers from the file's bytes."""
    dtype = b"cnumpy\ndtype\n\x8c\x02f8\x89\x88\x87R"
    state = b"(K\x03\x8c\x01<N\x8c\x01a\x85}\x8c\x01aNsJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    with pytest.raises(DataError, match="a number type with fields"):
        loads(b"\x80\x04" + dtype + state + b".")


def test_bytes_that_do_not_fit_the_number_are_refused():
    good = pickle.dumps(np.float64(1.5), protocol=3)
    raw = struct.pack("<d", 1.5)
    short = good.replace(b"C\x08" + raw, b"C\x07" + raw[:7])
    assert short != good
    with pytest.raises(DataError, match="damaged"):
        loads(short)


def test_a_truncated_file_is_damaged_wherever_it_ends():
    data = pickle.dumps([{"x": np.float64(1.5), "y": [1, "two"]}, np.arange(3)], protocol=4)
    for length in range(len(data)):
        with pytest.raises(DataError):
            loads(data[:length])


@given(st.binary(max_size=60))
def test_any_bytes_give_a_value_or_a_data_error(noise):
    if any(code in noise for code in b"rjpq"):  # memo indices: the worker's memory limit
        return
    for data in (noise, b"\x80\x04]\x94" + noise + b"."):
        with contextlib.suppress(DataError):
            loads(data)


@given(st.integers(0, 10_000), st.integers(0, 255))
def test_a_flipped_byte_gives_a_value_or_a_data_error(place, byte):
    data = bytearray(pickle.dumps([{"x": np.float64(1.5)}, np.arange(3.0), "text"], protocol=4))
    data[place % len(data)] = byte
    names = {op.name for op in _readable(bytes(data))}
    if names & {"LONG_BINPUT", "PUT"}:
        return
    with contextlib.suppress(DataError):
        loads(bytes(data))


def _readable(data):
    try:
        yield from (op for op, _, _ in pickletools.genops(data))
    except Exception:  # noqa: BLE001 - pickletools raises many kinds on damaged input
        return


def test_long_files_are_refused_unread(tmp_path):
    path = tmp_path / "long.pkl"
    path.write_bytes(pickle.dumps(list(range(1000))))
    assert load(path) == list(range(1000))
    with pytest.raises(DataError, match=r"long\.pkl: refused, \d+ bytes, above 100"):
        load(path, max_bytes=100)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are a Unix thing")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    path = tmp_path / "pipe.pkl"
    os.mkfifo(path)
    with pytest.raises(DataError, match="not a plain file"):
        load(path)
