import math

import pytest

from hwbench import spaces


def test_names_of_all_spaces(hwbench):
    result = hwbench("spaces")
    assert result.code == 0
    assert [line.split()[0] for line in result.lines[1:]] == list(spaces.names())


def test_exact_size_of_gpt_s(hwbench):
    """3 embeddings x bias or not x the sum over 10, 11, 12 layers of 9 ways for each layer."""
    size = 3 * 2 * (9**10 + 9**11 + 9**12)
    (record,) = hwbench("spaces", "gpt-s", "--json").json
    assert record["architectures"] == size
    assert record["architectures_log10"] == pytest.approx(math.log10(size), abs=0.005)
    assert str(size) in hwbench("spaces", "gpt-s").out
    assert str(size) in hwbench("spaces").out


def test_choices_are_those_of_the_paper(hwbench):
    (record,) = hwbench("spaces", "gpt-m", "--json").json
    assert record["shared"]["embed_dim"] == [256, 512, 1024]
    assert record["shared"]["n_layer"] == [22, 23, 24]
    assert record["layered"] == {"mlp_ratio": [2, 3, 4], "n_head": [8, 12, 16]}
    assert record["n_choices"] == 3 + 2 * 24


def test_smallest_and_largest_read_back(hwbench):
    for record in hwbench("spaces", "--json").json:
        space = spaces.get(record["space"])
        assert space.parse(record["smallest"]) == space.smallest()
        assert space.parse(record["largest"]) == space.largest()


def test_unknown_space(hwbench):
    result = hwbench("spaces", "gpt-x")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("error: unknown space 'gpt-x'")
