import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwbench import units
from hwbench.errors import UnitError, UnknownNameError

# Factors from the SI brochure and IEC 80000-13; a watt-hour is 3600 J.
READ = [
    ("12ms", "s", 0.012),
    (" 12 ms ", "s", 0.012),
    ("12µs", "s", 12e-6),
    ("12us", "s", 12e-6),
    ("1.5", "s", 1.5),
    ("2min", "s", 120.0),
    ("1h", "s", 3600.0),
    (".5s", "s", 0.5),
    ("1e-3s", "s", 0.001),
    ("-3ms", "s", -0.003),
    ("3.5mWh", "J", 12.6),
    ("1Wh", "J", 3600.0),
    ("1kWh", "J", 3.6e6),
    ("2MJ", "J", 2e6),
    ("2mJ", "J", 0.002),
    ("900MB", "bytes", 9e8),
    ("900mb", "bytes", 9e8),
    ("1.2GiB", "bytes", 1.2 * 2**30),
    ("1KiB", "bytes", 1024.0),
    ("1KB", "bytes", 1000.0),
    ("7 bytes", "bytes", 7.0),
    ("250W", "W", 250.0),
    ("1.4GHz", "Hz", 1.4e9),
    ("2TFLOP", "FLOP", 2e12),
    ("124M", "1", 124e6),
    ("1.5B", "1", 1.5e9),
    ("35%", "1", 0.35),
    (0.25, "s", 0.25),
    (3, "bytes", 3.0),
]


@pytest.mark.parametrize(("text", "unit", "expected"), READ)
def test_parse(text, unit, expected):
    assert units.parse(text, unit) == pytest.approx(expected, rel=1e-15)


def test_parse_rounds_once():
    assert units.parse("12ms", "s") == 0.012
    assert units.parse("0.3ms", "s") == 0.0003


@pytest.mark.parametrize("text", ["12MB", "12J", "12 m s", "twelve", "", "ms", "1,5s", "12mS s"])
def test_parse_refuses_and_lists_what_it_takes(text):
    with pytest.raises(UnitError, match=r"\bms\b.*\bmin\b"):
        units.parse(text, "s")


def test_parse_refuses_a_case_that_is_ambiguous():
    with pytest.raises(UnitError, match="mJ"):
        units.parse("12mj", "J")  # mJ or MJ


@pytest.mark.parametrize("value", [math.nan, math.inf, "1e999s"])
def test_parse_refuses_what_is_not_finite(value):
    with pytest.raises(UnitError, match="finite"):
        units.parse(value, "s")


def test_a_number_alone_may_be_refused():
    assert units.parse("8ms", "s", bare=False) == units.parse(8e-3, "s", bare=False) == 0.008
    with pytest.raises(UnitError, match="'8' has no unit; write one of: 8ns, 8us, 8ms, 8s"):
        units.parse(" 8 ", "s", bare=False)


def test_unknown_unit():
    with pytest.raises(UnknownNameError, match="known: s, J"):
        units.parse("1", "parsec")


SHOWN = [
    (0.00731, "s", "7.31 ms"),
    (0.99996, "s", "1 s"),
    (0.0099996, "s", "10 ms"),
    (0.0009999999, "s", "1 ms"),
    (7200, "s", "7200 s"),
    (1e-12, "s", "0.001 ns"),
    (0, "s", "0 s"),
    (-0.1, "s", "-100 ms"),
    (0.451, "J", "451 mJ"),
    (12.6, "J", "12.6 J"),
    (6.12e8, "bytes", "612 MB"),
    (0, "bytes", "0 B"),
    (124439808, "1", "124.4 M"),
    (1.073e9, "1", "1.073 B"),
    (32.41888, "1", "32.42"),
    (0.37808, "1", "0.3781"),
    (0, "1", "0"),
    (1.8025e12, "FLOP", "1.802 TFLOP"),
    (math.nan, "s", "nan s"),
    (math.inf, "1", "inf"),
]


@pytest.mark.parametrize(("value", "unit", "expected"), SHOWN)
def test_format(value, unit, expected):
    assert units.format(value, unit) == expected


@given(
    value=st.floats(1e-9, 1e15),
    sign=st.sampled_from([1, -1]),
    unit=st.sampled_from(list(units.UNITS)),
)
def test_what_is_shown_reads_back(value, sign, unit):
    shown = units.format(sign * value, unit)
    # Four significant digits: half a unit of the fourth, at worst 0.0005 relative.
    assert units.parse(shown, unit) == pytest.approx(sign * value, rel=5.0001e-4)


@given(value=st.floats(1.0, 999.0), unit=st.sampled_from(list(units.UNITS)), data=st.data())
def test_every_symbol_scales_by_its_factor(value, unit, data):
    symbol = data.draw(st.sampled_from(units.accepted(unit)))
    assert units.parse(f"{value!r}{symbol}", unit) == pytest.approx(
        value * units.UNITS[unit][symbol], rel=1e-14
    )
