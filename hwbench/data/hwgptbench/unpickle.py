"""Read upstream's pickles without trusting them.

A pickle may name any callable and have it called. Here only the handful of names that numpy
scalars and arrays need are known, and each is a stand-in of ours, so a file never reaches numpy's
own reconstruction code (which trusts its input) nor anything else. Every other name, persistent
identifier or extension is refused.
"""

from __future__ import annotations

import io
import pickle
import stat
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from hwbench.errors import DataError

__all__ = ["MAX_FILE_BYTES", "load", "loads", "read_bytes"]

MAX_FILE_BYTES: Final = 64 * 2**20
"""Larger files are refused; upstream's largest has 3.4 MB."""

# Plain numbers only: no objects, no strings, no records, no dates.
_DTYPES: Final = frozenset({"b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"})
_LONGEST_TEXT: Final = 100  # of what a file says, in a message
# What the C unpickler raises on a damaged or hostile stream.
_DAMAGE: Final = (
    pickle.UnpicklingError,
    ArithmeticError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
)


def load(path: Path, /, *, max_bytes: int = MAX_FILE_BYTES) -> object:
    """Read a pickle of plain containers, numbers, texts and numpy numbers.

    Args:
        path: The file.
        max_bytes: Refuse a longer file.

    Returns:
        Python containers; numpy scalars have become Python numbers.

    Raises:
        DataError: If the file is damaged, too long or names anything else; says which name.
    """
    return loads(read_bytes(path, max_bytes=max_bytes), name=str(path))


def read_bytes(path: Path, /, *, max_bytes: int = MAX_FILE_BYTES) -> bytes:
    """Read a plain file of bounded length.

    Raises:
        DataError: If it is longer, or no plain file (a pipe would block).
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise DataError(f"{path}: refused, not a plain file")
    if status.st_size > max_bytes:
        raise DataError(f"{path}: refused, {status.st_size} bytes, above {max_bytes}")
    return path.read_bytes()


def loads(data: bytes, /, *, name: str = "pickle") -> object:
    """Read a pickle from memory; see `load`.

    Args:
        data: The pickle.
        name: What to call it in errors.
    """
    unpickler = _Unpickler(data)
    try:
        return unpickler.read()
    except _RefusedError as error:
        raise DataError(
            f"{name}: refused, {error}; only plain containers and numbers are read"
        ) from error
    except _DAMAGE as error:
        text = str(error)[:_LONGEST_TEXT]
        raise DataError(f"{name}: damaged pickle ({type(error).__name__}: {text!a})") from error


class _RefusedError(Exception):
    """The pickle asks for something that is not given to any pickle."""


class _Unpickler(pickle.Unpickler):
    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))
        self._arrays = _Arrays()
        self._known: dict[tuple[str, str], object] = {
            ("numpy", "dtype"): _MakeDtype(),
            ("numpy", "ndarray"): _ArrayType(),
        }
        for core in ("numpy.core", "numpy._core"):
            self._known[f"{core}.multiarray", "scalar"] = _MakeScalar()
            self._known[f"{core}.multiarray", "_reconstruct"] = self._arrays
            self._known[f"{core}.numeric", "_frombuffer"] = _FromBuffer()

    def read(self) -> object:
        found = self.load()
        return _plain(found, {}) if self._arrays.made else found

    def find_class(self, module: str, name: str, /) -> Any:
        try:
            return self._known[module, name]
        except KeyError:
            text = f"{module}.{name}"[:_LONGEST_TEXT]
            raise _RefusedError(f"it names {text!a}") from None

    def persistent_load(self, pid: object, /) -> NoReturn:
        raise _RefusedError("it holds a persistent identifier")


class _StandIn:
    """What a pickle gets for a name: no attributes to set, no state to overwrite."""

    __slots__ = ()

    def __setstate__(self, state: object) -> NoReturn:
        raise ValueError("state for a global name")


class _ArrayType(_StandIn):
    """Stands for `numpy.ndarray`, which is only ever passed to `_reconstruct`."""

    __slots__ = ()


class _Dtype:
    """A number type: kind and size, then the byte order as its state."""

    __slots__ = ("_code", "_order")

    def __init__(self, code: str) -> None:
        self._code = code
        self._order = "="

    def __setstate__(self, state: object) -> None:
        if not (isinstance(state, tuple) and len(state) >= 5 and state[1] in ("<", ">", "|", "=")):
            raise ValueError("unexpected state of a number type")
        if any(part is not None for part in state[2:5]):  # subarray, field names, fields
            raise ValueError("a number type with fields")
        self._order = state[1]

    def to_numpy(self) -> np.dtype[Any]:
        return np.dtype(self._code if self._order == "|" else self._order + self._code)


class _MakeDtype(_StandIn):
    __slots__ = ()

    def __call__(self, code: object, align: object = False, copy: object = False) -> _Dtype:
        if not isinstance(code, str) or code.lstrip("<>=|") not in _DTYPES:
            raise _RefusedError(f"its numpy type {str(code)[:_LONGEST_TEXT]!a} is no number")
        return _Dtype(code.lstrip("<>=|"))


class _MakeScalar(_StandIn):
    __slots__ = ()

    def __call__(self, dtype: object, raw: object) -> float | int | bool:
        value: float | int | bool = _numbers(dtype, raw, shape=()).item()
        return value


class _FromBuffer(_StandIn):
    __slots__ = ()

    def __call__(self, raw: object, dtype: object, shape: object, order: object) -> NDArray[Any]:
        return _numbers(dtype, raw, shape=shape, fortran=order == "F")


class _Array:
    """An array while its state is still to come."""

    __slots__ = ("values",)

    def __init__(self) -> None:
        self.values: NDArray[Any] = np.empty(0)

    def __setstate__(self, state: object) -> None:
        if not (isinstance(state, tuple) and len(state) == 5):
            raise ValueError("unexpected state of an array")
        _, shape, dtype, fortran, raw = state
        self.values = _numbers(dtype, raw, shape=shape, fortran=bool(fortran))


class _Arrays(_StandIn):
    """Stands for `_reconstruct`; remembers whether it was called."""

    __slots__ = ("made",)

    def __init__(self) -> None:
        self.made = False

    def __call__(self, kind: object, shape: object, code: object) -> _Array:
        if not isinstance(kind, _ArrayType):
            raise ValueError("unexpected type of an array")
        self.made = True
        return _Array()


def _numbers(dtype: object, raw: object, *, shape: object, fortran: bool = False) -> NDArray[Any]:
    """Make an array from bytes; their number must be what shape and type need."""
    if not isinstance(dtype, _Dtype) or not isinstance(raw, bytes | bytearray):
        raise ValueError("unexpected parts of an array")
    if not isinstance(shape, tuple) or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError("unexpected shape of an array")
    flat = np.frombuffer(bytes(raw), dtype=dtype.to_numpy())
    return flat.reshape(shape, order="F" if fortran else "C")


def _plain(value: object, seen: dict[int, object]) -> object:
    """Replace the arrays in containers, in place where possible; each container once."""
    if isinstance(value, _Array):
        return value.values
    if not isinstance(value, list | dict | tuple) or id(value) in seen:
        return seen.get(id(value), value)
    seen[id(value)] = value
    if isinstance(value, tuple):
        seen[id(value)] = tuple(_plain(item, seen) for item in value)
        return seen[id(value)]
    items = enumerate(value) if isinstance(value, list) else value.items()
    for key, item in list(items):
        value[key] = _plain(item, seen)
    return value
