"""Write an ONNX graph node by node; weights of a file of their own go there as they come."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, Self

import numpy as np
from numpy.typing import NDArray

from hwbench.errors import HwbenchError, require

__all__ = ["GraphWriter", "TooLargeError"]

_OPSET: Final = 20
_IR_VERSION: Final = 9
_LARGEST: Final = 2**31 - 2**20  # a protobuf ends at 2 GiB; nodes and names take little
_ALIGNED: Final = 4096  # so that a runtime may map the file into memory
_SMALL: Final = 1024  # bytes; smaller constants always stay in the graph, for shape inference


class TooLargeError(HwbenchError, ValueError):
    """Weights do not fit into one protobuf."""


class GraphWriter:
    """Collects nodes and constants, and writes the file on leaving its `with` block.

    Nothing is left behind if the block fails. Methods that add a node name its output.

    Args:
        path: The file.
        dtype: Type of constants that are not integers, and of the output.
        external: True: large constants go to `path` + ".data" at once, and need no memory. False:
            never. None: only if they pass 2 GiB.
        largest: Bytes of constants from which on None means a file of their own.
    """

    def __init__(
        self,
        path: Path,
        dtype: np.dtype[Any],
        /,
        *,
        external: bool | None,
        largest: int = _LARGEST,
    ) -> None:
        self._onnx = require("onnx", "profile")
        self._helper = require("onnx.helper", "profile")
        self._path, self._data_path = path, path.with_name(f"{path.name}.data")
        self._dtype, self._external, self._largest = dtype, external, largest
        self._nodes: list[Any] = []
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []
        self._constants: dict[str, Any] = {}  # finished tensors
        self._held: dict[str, NDArray[Any]] = {}  # those whose place is not settled
        self._data: BinaryIO | None = None

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self._external:
            self._open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._settle()
                self._write()
        finally:
            if self._data is not None:
                self._data.close()
            for draft in (_draft(self._path), _draft(self._data_path)):
                draft.unlink(missing_ok=True)

    def input(self, name: str, shape: Sequence[int | str], /) -> str:
        """Declare an int64 input; a text stands for a size that is free."""
        kind = self._onnx.TensorProto.INT64
        self._inputs.append(self._helper.make_tensor_value_info(name, kind, shape))
        return name

    def output(self, name: str, source: str, shape: Sequence[int | str], /) -> None:
        """Declare an output, in the graph's type."""
        self._nodes.append(self._helper.make_node("Identity", [source], [name]))
        kind = self._helper.np_dtype_to_tensor_dtype(self._dtype)
        self._outputs.append(self._helper.make_tensor_value_info(name, kind, shape))

    def constant(self, name: str, array: NDArray[Any], /) -> str:
        """Add a constant; a name that is there already is not added again."""
        if name in self._constants or name in self._held:
            return name
        if array.dtype != np.int64:
            array = array.astype(self._dtype, copy=False)
        if array.nbytes < _SMALL or self._external is False:
            self._constants[name] = self._inline(name, array)
        elif self._data is not None:
            self._constants[name] = self._stream(name, array)
        else:
            self._held[name] = array
        return name

    def node(self, operator: str, /, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output."""
        return self.nodes(operator, *inputs, count=1, **attributes)[0]

    def nodes(self, operator: str, /, *inputs: str, count: int, **attributes: Any) -> list[str]:
        """Add a node with several outputs."""
        names = [f"{operator}_{len(self._nodes)}_{i}" for i in range(count)]
        self._nodes.append(self._helper.make_node(operator, list(inputs), names, **attributes))
        return names

    def reshape(self, x: str, shape: Sequence[int], /) -> str:
        """Reshape; 0 keeps a size."""
        name = "shape." + "x".join(map(str, shape))
        return self.node("Reshape", x, self.constant(name, np.array(shape, dtype=np.int64)))

    def squeeze(self, x: str, axis: int, /) -> str:
        """Drop an axis of size 1."""
        name = self.constant(f"axis.{axis}", np.array([axis], dtype=np.int64))
        return self.node("Squeeze", x, name)

    def split(self, x: str, sizes: Sequence[int], /) -> list[str]:
        """Cut the last axis into parts of these sizes."""
        name = "parts." + "x".join(map(str, sizes))
        parts = self.constant(name, np.array(sizes, dtype=np.int64))
        return self.nodes("Split", x, parts, count=len(sizes), axis=-1)

    def _settle(self) -> None:
        if sum(array.nbytes for array in self._held.values()) > self._largest:
            self._open()
        for name, array in self._held.items():
            store = self._inline if self._data is None else self._stream
            self._constants[name] = store(name, array)
        self._held.clear()

    def _write(self) -> None:
        helper = self._helper
        constants = list(self._constants.values())
        graph = helper.make_graph(
            self._nodes, "gpt", self._inputs, self._outputs, initializer=constants
        )
        model = helper.make_model(
            graph,
            ir_version=_IR_VERSION,
            opset_imports=[helper.make_opsetid("", _OPSET)],
            producer_name="hwbench",
        )
        try:
            content = model.SerializeToString()
        except ValueError as error:  # protobuf's word for more than 2 GiB
            raise TooLargeError(
                f"the weights of {self._path.name} pass 2 GiB; leave `external` open or set it"
            ) from error
        _draft(self._path).write_bytes(content)
        if self._data is not None:
            self._data.close()
            _draft(self._data_path).replace(self._data_path)
        _draft(self._path).replace(self._path)

    def _open(self) -> None:
        self._data = _draft(self._data_path).open("wb")

    def _inline(self, name: str, array: NDArray[Any]) -> Any:
        tensor = self._tensor(name, array)
        tensor.raw_data = _bytes(array).tobytes()
        return tensor

    def _stream(self, name: str, array: NDArray[Any]) -> Any:
        assert self._data is not None
        tensor = self._tensor(name, array)
        self._data.write(b"\0" * (-self._data.tell() % _ALIGNED))
        tensor.data_location = self._onnx.TensorProto.EXTERNAL
        place = {
            "location": self._data_path.name,
            "offset": self._data.tell(),
            "length": array.nbytes,
        }
        for key, value in place.items():
            tensor.external_data.add(key=key, value=str(value))
        self._data.write(_bytes(array).data)
        return tensor

    def _tensor(self, name: str, array: NDArray[Any]) -> Any:
        kind = self._helper.np_dtype_to_tensor_dtype(array.dtype)
        return self._onnx.TensorProto(name=name, data_type=kind, dims=array.shape)


def _bytes(array: NDArray[Any]) -> NDArray[np.uint8]:
    # ONNX stores little-endian, row by row.
    ordered = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    return ordered.reshape(-1).view(np.uint8)


def _draft(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")
