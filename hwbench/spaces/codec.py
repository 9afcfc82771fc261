"""Turn architectures into codes, codes into architectures, and read their text and dict form.

`Space` holds one `Codec`; use the methods of `Space`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np

from hwbench.arrays import Codes
from hwbench.errors import SpaceError
from hwbench.spaces.architecture import Architecture, Value
from hwbench.spaces.choice import Choice, Scalar
from hwbench.spaces.layout import Layout

__all__ = ["Codec"]


@dataclass(frozen=True, eq=False)
class Codec:
    """The reader and writer of one space's architectures; attributes as in `Space`."""

    name: str
    shared: tuple[Choice, ...]
    layered: tuple[Choice, ...]
    depth: str | None
    layout: Layout

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of all choices, in order."""
        return tuple(choice.name for choice in (*self.shared, *self.layered))

    def encode(self, archs: Sequence[Architecture], /) -> Codes:
        """See `Space.encode`."""
        data = b"".join([self._row(arch) for arch in archs])
        return np.frombuffer(data, dtype=np.uint8).reshape(-1, len(self.layout.columns)).copy()

    def decode_row(self, code: Codes, /) -> Architecture:
        """Return the architecture of one checked code, `(n_choices,)`."""
        return self.decode_list(code.tolist())

    def decode_list(self, code: list[int], /) -> Architecture:
        """Return the architecture of one checked code as a list."""
        layout = self.layout
        choices: dict[str, Value] = {
            choice.name: choice.values[index]
            for choice, index in zip(self.shared, code, strict=False)
        }
        if layout.depth_column is not None:
            depth = int(layout.depth_values[code[layout.depth_column]])
            for number, choice in enumerate(self.layered):
                start = layout.block(number).start
                values = choice.values
                choices[choice.name] = tuple([values[i] for i in code[start : start + depth]])
        return Architecture(self.name, choices)

    def build(self, choices: Mapping[str, object], /) -> Architecture:
        """See `Space.architecture`."""
        unknown = [name for name in choices if name not in self.names]
        missing = [name for name in self.names if name not in choices]
        if unknown or missing:
            raise SpaceError(
                f"{self.name} has the choices {', '.join(self.names)}; "
                f"missing: {', '.join(missing) or 'none'}, unknown: {', '.join(unknown) or 'none'}"
            )
        built: dict[str, Value] = {c.name: c.values[c.index(choices[c.name])] for c in self.shared}
        if self.depth is not None:
            depth = int(built[self.depth])  # type: ignore[arg-type]  # a depth is a whole number
            for choice in self.layered:
                built[choice.name] = self._layers(choice, choices[choice.name], depth)
        return Architecture(self.name, built)

    def parse(self, text: str, /) -> Architecture:
        """See `Space.parse`."""
        name, *parts = text.strip().split(":")
        if name != self.name:
            raise SpaceError(f"expected an architecture of {self.name}, got {text!r}")
        fields = [part.partition("=") for part in parts]
        keys = [key for key, _, _ in fields]
        if len(set(keys)) != len(keys):
            raise SpaceError(f"a choice is given twice in {text!r}")
        layered = {choice.name: choice for choice in self.layered}
        shared = {choice.name: choice for choice in self.shared}
        choices: dict[str, object] = {}
        for key, _, value in fields:
            if key in layered:
                choices[key] = [layered[key].read(word) for word in value.split(",")]
            else:
                choices[key] = shared[key].read(value) if key in shared else value
        return self.build(choices)

    def from_dict(self, choices: Mapping[str, object], /) -> Architecture:
        """See `Space.from_dict`."""
        named = choices.get("space", self.name)
        if named != self.name:
            raise SpaceError(f"expected an architecture of {self.name}, got one of {named!r}")
        return self.build({key: value for key, value in choices.items() if key != "space"})

    def translate(self, codes: Codes, source: Codec, /) -> Codes:
        """See `Space.translate`; `codes` are canonical in the source."""
        if self.names != source.names or self.depth != source.depth:
            raise SpaceError(f"{source.name} has other choices than {self.name}")
        result = np.zeros((*codes.shape[:-1], len(self.layout.columns)), dtype=np.int64)
        for column, (old, new) in enumerate(zip(source.shared, self.shared, strict=True)):
            result[..., column] = _table(old, new)[codes[..., column]]
        active = source.layout.rows(codes)
        common = min(self.layout.max_depth, source.layout.max_depth)
        for number, (old, new) in enumerate(zip(source.layered, self.layered, strict=True)):
            there, here = source.layout.block(number), self.layout.block(number)
            mapped = np.where(active[..., there], _table(old, new)[codes[..., there]], 0)
            result[..., here.start : here.start + common] = mapped[..., :common]
        if (result < 0).any():
            row = int(np.argwhere(result < 0)[0][0]) if result.ndim > 1 else 0
            raise SpaceError(f"row {row} is not an architecture of this {self.name}")
        return self.layout.canonical(result)

    def _row(self, arch: Architecture) -> bytes:
        choices = arch.choices
        try:
            row = [indices[choices[name]] for name, indices in self._shared_indices]
            depth = 0 if self.depth is None else choices[self.depth]
            fitting = arch.space == self.name and len(choices) == len(self.names)
            for name, indices in self._layered_indices:
                values = cast(tuple[Scalar, ...], choices[name])
                fitting = fitting and len(values) == depth
                row += [indices[value] for value in values]
                row += [0] * (self.layout.max_depth - len(values))
        except (KeyError, TypeError):
            fitting = False
        if not fitting:
            raise self._misfit(arch)
        return bytes(row)

    @cached_property
    def _shared_indices(self) -> list[tuple[str, dict[Value, int]]]:
        return [(c.name, cast(dict[Value, int], c.indices)) for c in self.shared]

    @cached_property
    def _layered_indices(self) -> list[tuple[str, dict[Scalar, int]]]:
        return [(choice.name, choice.indices) for choice in self.layered]

    def _misfit(self, arch: Architecture) -> SpaceError:
        if arch.space != self.name:
            return SpaceError(f"expected an architecture of {self.name}, got {arch}")
        try:
            self.build(arch.choices)
        except SpaceError as error:
            return error
        return SpaceError(f"not an architecture of {self.name}: {arch}")

    def _layers(self, choice: Choice, values: object, depth: int) -> tuple[Scalar, ...]:
        if isinstance(values, (int, float, str)):
            values = [values] * depth
        if isinstance(values, np.ndarray):
            values = values.tolist()
        if not isinstance(values, (list, tuple)):
            raise SpaceError(f"{choice.name} needs one value a layer, got {values!r}")
        if len(values) != depth:
            raise SpaceError(
                f"{choice.name} needs {depth} values ({self.depth}={depth}), got {len(values)}"
            )
        return tuple(choice.values[choice.index(value)] for value in values)


def _table(old: Choice, new: Choice) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array([new.indices.get(value, -1) for value in old.values], dtype=np.int64)
