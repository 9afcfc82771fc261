"""Read and write plans as TOML."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from hwbench.errors import SchemaError, UnknownNameError
from hwbench.profiling.plan import Plan
from hwbench.profiling.protocols import MeasuringProtocol
from hwbench.profiling.stopping import EnergyRule, StopRule

__all__ = ["PLAN_SCHEMA", "from_text", "read_plan", "to_text"]

PLAN_SCHEMA = 1
_LISTS = ("architectures", "anchors", "metrics")


def read_plan(path: Path | str, /) -> Plan:
    """Read a plan file.

    Raises:
        SchemaError: If it is not a plan; names the file and what is wrong.
        OSError: If it cannot be opened.
    """
    try:
        return from_text(Path(path).read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise SchemaError(f"{path}: not a text file ({error})") from error
    except (SchemaError, UnknownNameError, ValueError) as error:
        raise SchemaError(f"{path}: {error}") from error


def from_text(text: str, /) -> Plan:
    """Read the text of a plan file.

    Raises:
        SchemaError: If it is not a plan.
        UnknownNameError: If it names what does not exist.
    """
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SchemaError(f"no TOML: {error}") from error
    schema = values.pop("schema", None)
    if schema != PLAN_SCHEMA:
        raise SchemaError(f"plan of schema {schema!r}, this hwbench reads {PLAN_SCHEMA}")
    known = [field.name for field in fields(Plan)]
    for name in values:
        if name not in known:
            raise UnknownNameError.of("field of a plan", name, known)
    return _plan(values)


def to_text(plan: Plan, /) -> str:
    """Write a plan as TOML; `from_text` reads it."""
    values = asdict(plan) | {
        "protocols": [protocol.to_dict() for protocol in plan.protocols],
        **{name: list(getattr(plan, name)) for name in _LISTS},
    }
    lines = [f"schema = {PLAN_SCHEMA}", *_table(values, "")]
    return "\n".join(lines) + "\n"


def _plan(values: Mapping[str, Any]) -> Plan:
    try:
        given = dict(values)
        given["protocols"] = tuple(map(MeasuringProtocol.from_dict, values["protocols"]))
        given["stop"] = StopRule(**values.get("stop", {}))
        given["energy"] = EnergyRule(**values.get("energy", {}))
        for name in _LISTS:
            if name in values:
                given[name] = tuple(values[name])
        return Plan(**given)
    except KeyError as error:
        raise SchemaError(f"the field {error} is missing") from error
    except (TypeError, AttributeError) as error:
        raise SchemaError(f"a field is missing, unknown or of the wrong kind ({error})") from error


def _table(values: Mapping[str, Any], prefix: str) -> Iterator[str]:
    """Yield the lines of a table: plain values first, as TOML wants it, then the tables in it."""
    for name, value in values.items():
        if not isinstance(value, Mapping) and not _is_tables(value) and value is not None:
            yield f"{name} = {_value(value)}"
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from ("", f"[{prefix}{name}]", *_table(value, f"{prefix}{name}."))
        elif _is_tables(value):
            for item in value:
                yield from ("", f"[[{prefix}{name}]]", *_table(item, f"{prefix}{name}."))


def _is_tables(value: object) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], Mapping)


def _value(value: object) -> str:
    if isinstance(value, list | tuple):
        if any(isinstance(item, str) and len(item) > 40 for item in value):
            return "[\n" + "".join(f"  {_value(item)},\n" for item in value) + "]"
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, bool | int | float):
        return json.dumps(value)  # as TOML writes them
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
