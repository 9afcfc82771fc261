"""Read and print quantities: `12ms`, `3.5mWh`, `900MB` outside, SI numbers inside.

Use `parse` where text of a person enters and `format` where a number is shown; everything between
is a plain SI float whose name carries the unit (`latency_s`, `energy_j`, `memory_bytes`).
"""

from __future__ import annotations

import math
import re
from typing import Final

from hwbench.errors import UnitError, UnknownNameError

__all__ = ["UNITS", "accepted", "format", "parse"]

_SI: Final = {
    "n": 1e-9,
    "u": 1e-6,
    "µ": 1e-6,
    "m": 1e-3,
    "": 1.0,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "P": 1e15,
}
_IEC: Final = {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40}


def _scaled(symbol: str, prefixes: str, factor: float = 1.0) -> dict[str, float]:
    return {p + symbol: _SI[p] * factor for p in prefixes} | {symbol: factor}


_TIME = _scaled("s", "nuµm") | {"min": 60.0, "h": 3600.0}
_ENERGY = _scaled("J", "nuµmkM") | _scaled("Wh", "uµmkM", 3600.0)
_BYTES = (
    {"B": 1.0, "bytes": 1.0, "byte": 1.0, "KB": 1e3}
    | _scaled("B", "kMGT")
    | {p + "B": f for p, f in _IEC.items()}
)
_COUNT = {"k": 1e3, "K": 1e3, "M": 1e6, "B": 1e9, "G": 1e9, "T": 1e12, "%": 0.01}

UNITS: Final[dict[str, dict[str, float]]] = {
    "s": _TIME,
    "J": _ENERGY,
    "bytes": _BYTES,
    "W": _scaled("W", "uµmkM"),
    "Hz": _scaled("Hz", "kMGT"),
    "FLOP": _scaled("FLOP", "kMGTP") | _scaled("FLOPs", "kMGTP"),
    "1": _COUNT,
}
"""Unit inside hwbench -> symbols a person may write, each with its factor."""

# What `format` writes, from the smallest to the largest.
_SHOWN: Final[dict[str, tuple[str, ...]]] = {
    "s": ("ns", "us", "ms", "s"),
    "J": ("nJ", "uJ", "mJ", "J", "kJ", "MJ"),
    "bytes": ("B", "kB", "MB", "GB", "TB"),
    "W": ("uW", "mW", "W", "kW", "MW"),
    "Hz": ("Hz", "kHz", "MHz", "GHz", "THz"),
    "FLOP": ("FLOP", "kFLOP", "MFLOP", "GFLOP", "TFLOP", "PFLOP"),
    "1": ("", "k", "M", "G", "T"),
}
_SHOWN_COUNT: Final = {"G": "B"}
_QUANTITY: Final = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([a-zA-Zµμ%]*)\s*")


def accepted(unit: str) -> tuple[str, ...]:
    """Name the symbols that `parse` accepts for an SI unit.

    Raises:
        UnknownNameError: If hwbench does not use this unit.
    """
    if unit not in UNITS:
        raise UnknownNameError.of("unit", unit, UNITS)
    return tuple(UNITS[unit])


def parse(text: str | float, unit: str, *, bare: bool = True) -> float:
    """Read a quantity into its SI unit.

    Args:
        text: Number with an optional symbol ("12ms", "3.5 mWh", "1.2GiB"); without a symbol, or as
            a number, it is in `unit` already. Case decides where two symbols differ only by it
            (mJ, MJ); elsewhere it is ignored ("900mb").
        unit: One of `UNITS`; "1" stands for counts and shares ("124M", "35%").
        bare: Whether a text may be a number alone. Refuse that where "8" might well be meant in
            milliseconds.

    Raises:
        UnitError: If the text is no finite quantity, has another dimension, or lacks a symbol; the
            message lists what is accepted.

    >>> parse("12ms", "s")
    0.012
    >>> parse("3.5mWh", "J")
    12.6
    """
    symbols = accepted(unit)
    if isinstance(text, (int, float)):
        return _finite(float(text), text)
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise UnitError(
            f"cannot read {text!r} as a quantity; write a number and one of: {', '.join(symbols)}"
        )
    symbol = match[2].replace("μ", "µ")
    if not symbol and not bare:
        offered = ", ".join(f"{match[1]}{shown}" for shown in _SHOWN[unit])
        raise UnitError(f"{text.strip()!r} has no unit; write one of: {offered}")
    factor = 1.0 if not symbol or symbol == unit else _factor(symbol, unit)
    if factor is None:
        raise UnitError(
            f"{text!r} is not a quantity in {unit}; accepted units: {', '.join(symbols)}"
        )
    return _finite(_multiply(match[1], factor), text)


def format(value: float, unit: str) -> str:
    """Print an SI quantity with a readable prefix and four significant digits.

    >>> format(0.00731, "s"), format(0.451, "J"), format(6.12e8, "bytes"), format(124439808, "1")
    ('7.31 ms', '451 mJ', '612 MB', '124.4 M')
    """
    accepted(unit)
    value = float(value)
    if (unit == "1" and abs(value) < 1.0) or not math.isfinite(value):
        return f"{value:.4g}" if unit == "1" else f"{value:.4g} {unit}"
    # 999.96 ms is shown as 1 s, so the prefix is chosen after rounding.
    rounded = float(f"{value:.4g}")
    symbol = _prefixed(abs(rounded), unit)
    number = f"{rounded / UNITS[unit].get(symbol, 1.0):.4g}"
    return f"{number} {_SHOWN_COUNT.get(symbol, symbol) if unit == '1' else symbol}".rstrip()


def _prefixed(size: float, unit: str) -> str:
    shown = _SHOWN[unit]
    if size == 0.0:
        return unit if unit in shown else shown[0]
    fitting = [s for s in shown if UNITS[unit].get(s, 1.0) <= size * (1 + 1e-12)]
    return fitting[-1] if fitting else shown[0]


def _factor(symbol: str, unit: str) -> float | None:
    table = UNITS[unit]
    if symbol in table:
        return table[symbol]
    factors = {f for s, f in table.items() if s.lower() == symbol.lower()}
    return factors.pop() if len(factors) == 1 else None


def _multiply(number: str, factor: float) -> float:
    # Dividing by a whole number rounds once: 12 / 1000 is the float 0.012, 12 * 1e-3 is not.
    inverse = 1.0 / factor
    if factor < 1.0 and round(inverse) > 0 and math.isclose(inverse, round(inverse), rel_tol=1e-12):
        return float(number) / round(inverse)
    return float(number) * factor


def _finite(value: float, text: str | float) -> float:
    if not math.isfinite(value):
        raise UnitError(f"{text!r} is not a finite quantity")
    return value
