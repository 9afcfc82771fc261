import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwbench.cli._output import Column, quantity, table, write_fields, write_json, write_table

WORDS = st.text("abc xyz", max_size=12)


def test_table_is_aligned():
    text = table(
        [Column("device"), Column("latency", "right"), Column("note")],
        [("a100", "7.31 ms", None), ("cpu-xeon-gold", "1.2 s", "slow"), ("x", math.nan, "")],
    )
    assert text.splitlines() == [
        "device         latency  note",
        "a100           7.31 ms  -",
        "cpu-xeon-gold    1.2 s  slow",
        "x                    -",
    ]


def test_an_empty_table_is_its_header():
    assert table([Column("a"), Column("b")], []) == "a  b"


@given(st.lists(st.tuples(WORDS, st.integers()), max_size=5))
def test_right_aligned_columns_end_at_one_place(rows):
    lines = table([Column("word"), Column("number", "right")], rows).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert [line.split()[-1] for line in lines[1:]] == [str(number) for _, number in rows]


def test_write_table_has_no_colours_in_a_pipe(capsys):
    write_table([Column("a")], [("1",)])
    assert capsys.readouterr().out == "a\n1\n"


def test_fields_are_aligned(capsys):
    write_fields({"a": 1, "longer": None})
    assert capsys.readouterr().out == "a       1\nlonger  -\n"


def test_no_fields(capsys):
    write_fields({})
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": np.float64(0.5)}, {"a": 0.5}),
        ([np.nan, np.inf, -np.inf, 1.5], [None, None, None, 1.5]),
        (np.array([[1.0, np.nan]]), [[1.0, None]]),
        ((np.int64(3), np.bool_(True), None), [3, True, None]),
        ({1: {"b": ("x", 10**30)}}, {"1": {"b": ["x", 10**30]}}),
        ("µ", "µ"),
    ],
)
def test_json_is_plain(capsys, value, expected):
    write_json(value)
    assert json.loads(capsys.readouterr().out) == expected


def test_json_refuses_what_it_cannot_say():
    with pytest.raises(TypeError):
        write_json(object())


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.012, "s", "12 ms"),
        (12.6, "J", "12.6 J"),
        (9e8, "bytes", "900 MB"),
        (124_439_808, "1", "124.4 M"),
        (None, "s", "-"),
        (math.nan, "J", "-"),
    ],
)
def test_quantities_are_for_people(value, unit, text):
    assert quantity(value, unit) == text
