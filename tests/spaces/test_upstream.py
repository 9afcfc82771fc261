"""HW-GPT-Bench's forms, written down by hand after its files and its code."""

import numpy as np
import pytest

import hwbench.spaces as spaces
from hwbench.errors import SpaceError, UnknownNameError
from hwbench.spaces import gpt, read_architecture
from hwbench.spaces.upstream import (
    from_upstream_dict,
    from_upstream_key,
    to_upstream_dict,
    to_upstream_key,
)

S = spaces.get("gpt-s")
# As in the raw files: lists of the full twelve layers, a layer_indices entry, a boolean bias.
RAW = {
    "sample_embed_dim": 768,
    "sample_n_layer": 10,
    "sample_layer_indices": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    "sample_n_head": [4, 12, 12, 4, 4, 12, 12, 8, 4, 12, 8, 4],
    "sample_mlp_ratio": [2, 2, 4, 4, 3, 3, 3, 4, 4, 2, 3, 2],
    "sample_bias": False,
}
ARCH = S.architecture(
    embed_dim=768,
    n_layer=10,
    bias=False,
    mlp_ratio=[2, 2, 4, 4, 3, 3, 3, 4, 4, 2],
    n_head=[4, 12, 12, 4, 4, 12, 12, 8, 4, 12],
)
KEY = "gpt-s-10-768-2-2-4-4-3-3-3-4-4-2-4-12-12-4-4-12-12-8-4-12-False"
JOINED = "gpt-s-10-768-2244333442-412124412128412-False"


def test_dict():
    assert from_upstream_dict(RAW, S) == ARCH
    assert to_upstream_dict(ARCH) == {
        "sample_embed_dim": 768,
        "sample_n_layer": 10,
        "sample_n_head": [4, 12, 12, 4, 4, 12, 12, 8, 4, 12],
        "sample_mlp_ratio": [2, 2, 4, 4, 3, 3, 3, 4, 4, 2],
        "sample_bias": "False",
    }
    assert to_upstream_dict(ARCH, bias_as_text=False)["sample_bias"] is False


@pytest.mark.parametrize(
    ("bias", "expected"),
    [("True", True), ("False", False), (True, True), (False, False), (1, True), (0, False)],
)
def test_bias_in_all_its_forms(bias, expected):
    assert from_upstream_dict({**RAW, "sample_bias": bias}, S)["bias"] is expected


@pytest.mark.parametrize("bias", ["yes", "", None, 2, 1.0, [True]])
def test_bias_that_is_none(bias):
    with pytest.raises(SpaceError, match="bias must be"):
        from_upstream_dict({**RAW, "sample_bias": bias}, S)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sample_embed_dim": 512}, "embed_dim cannot be 512"),
        ({"sample_n_layer": 13}, "n_layer cannot be 13"),
        ({"sample_n_head": [4] * 9}, "sample_n_head needs at least 10 values"),
        ({"sample_n_head": "4444444444"}, "sample_n_head needs at least 10 values"),
        ({"sample_mlp_ratio": [5] * 12}, "mlp_ratio cannot be 5"),
        ({"sample_more": 1}, "unknown: sample_more"),
    ],
)
def test_dicts_that_do_not_belong(changes, message):
    with pytest.raises(SpaceError, match=message):
        from_upstream_dict({**RAW, **changes}, S)


def test_a_missing_entry():
    with pytest.raises(SpaceError, match="missing: sample_bias"):
        from_upstream_dict({k: v for k, v in RAW.items() if k != "sample_bias"}, S)


def test_key():
    assert to_upstream_key(ARCH) == KEY
    assert from_upstream_key(KEY) == ARCH
    assert from_upstream_key(JOINED) == ARCH


@pytest.mark.parametrize("name", list(gpt.SPACES))
def test_every_space_reads_back(name, rng):
    space = spaces.get(name)
    for arch in space.decode(space.sample_codes(20, rng)):
        assert from_upstream_key(to_upstream_key(arch)) == arch
        assert from_upstream_dict(to_upstream_dict(arch), space) == arch
        scale = name.removeprefix("gpt-").replace("-", "_")
        ratios, heads = ("".join(map(str, arch[c])) for c in ("mlp_ratio", "n_head"))
        fields = [scale, arch["n_layer"], arch["embed_dim"], ratios, heads, arch["bias"]]
        assert from_upstream_key("gpt-" + "-".join(map(str, fields))) == arch


@pytest.mark.parametrize(
    ("key", "error"),
    [
        ("gpt-xl-1-768-2-4-False", UnknownNameError),
        ("gpt-s", SpaceError),
        ("gpt-s-ten-768-2-4-False", SpaceError),
        (KEY.replace("-12-8", "-8"), SpaceError),
        (KEY.replace("False", "Maybe"), SpaceError),
        (JOINED.replace("2244", "2254"), SpaceError),
        (JOINED.replace("8412", "84121"), SpaceError),
    ],
)
def test_keys_that_do_not_read(key, error):
    with pytest.raises(error):
        from_upstream_key(key)


def test_other_spaces_have_no_upstream_form():
    other = spaces.Space("toy", (spaces.Choice("width", (1,)),)).smallest()
    for write in (to_upstream_dict, to_upstream_key):
        with pytest.raises(SpaceError, match="no form for an architecture of toy"):
            write(other)


def test_read_architecture_takes_all_forms():
    for form in (ARCH, str(ARCH), ARCH.to_dict(), RAW, KEY, JOINED):
        assert read_architecture(form, S) == ARCH
    without_name = {k: v for k, v in ARCH.to_dict().items() if k != "space"}
    assert read_architecture(without_name, S) == ARCH


@pytest.mark.parametrize("form", [ARCH, str(ARCH), ARCH.to_dict(), RAW, KEY, 5, None, "gpt-s", ""])
def test_read_architecture_refuses_the_wrong_space(form):
    with pytest.raises((SpaceError, UnknownNameError)):
        read_architecture(form, spaces.get("gpt-m"))


def test_parse_finds_the_space():
    assert spaces.parse(str(ARCH)) == ARCH
    with pytest.raises(UnknownNameError, match="known: gpt-s"):
        spaces.parse("vit-s:depth=1")


@pytest.mark.parametrize("name", ["gpt-s", "gpt-m", "gpt-l"])
def test_measured_architectures(name, raw_checkout):
    from hwbench.data.hwgptbench import unpickle

    suffix = {"gpt-s": "", "gpt-m": "_m", "gpt-l": "_l"}[name]
    folder = raw_checkout / "data_collection" / "raw_results_hw" / f"latency_a100{suffix}"
    rows = unpickle.load(folder / "efficiency_observations_0_2500.pkl")
    space = spaces.get(name)
    archs = [from_upstream_dict(row["arch"], space) for row in rows]
    assert len(set(archs)) == 2500
    for row, arch in zip(rows, archs, strict=True):
        n = arch["n_layer"]
        back = to_upstream_dict(arch, bias_as_text=False)
        assert back["sample_n_head"] == row["arch"]["sample_n_head"][:n]
        assert back["sample_mlp_ratio"] == row["arch"]["sample_mlp_ratio"][:n]
        assert back["sample_bias"] == row["arch"]["sample_bias"]
    codes = space.encode(archs)
    np.testing.assert_array_equal(space.canonical(codes), codes)
