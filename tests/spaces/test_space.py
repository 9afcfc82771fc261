"""Spaces against values worked out by hand."""

import itertools
import pickle

import numpy as np
import pytest

import hwbench.spaces as spaces
from hwbench.errors import ShapeError, SpaceError, UnknownNameError
from hwbench.spaces import Architecture, Choice, Space

TOY = Space(
    "toy",
    shared=(Choice("width", (8, 16)), Choice("depth", (1, 2, 3)), Choice("bias", (False, True))),
    layered=(Choice("ratio", (2, 3, 4)), Choice("heads", (4, 8))),
    depth="depth",
)
# width=16, depth=2, bias=true, ratio=(4, 2), heads=(4, 8)
CODE = [1, 1, 1, 2, 0, 0, 0, 1, 0]
ARCH = TOY.architecture(width=16, depth=2, bias=True, ratio=[4, 2], heads=[4, 8])


def test_layout():
    assert TOY.columns == (
        *("width", "depth", "bias"),
        *("ratio.0", "ratio.1", "ratio.2"),
        *("heads.0", "heads.1", "heads.2"),
    )
    assert TOY.cardinalities.tolist() == [2, 3, 2, 3, 3, 3, 2, 2, 2]
    assert (TOY.n_choices, TOY.max_depth) == (9, 3)


def test_code_of_an_architecture():
    assert TOY.encode([ARCH]).tolist() == [CODE]
    assert TOY.decode([CODE]) == [ARCH]
    assert TOY.depths([CODE]).tolist() == [2]
    assert TOY.values([CODE], "width").tolist() == [16]
    assert TOY.values([CODE], "ratio").tolist() == [[4, 2, 0]]
    assert TOY.values([CODE], "heads").tolist() == [[4, 8, 0]]
    assert TOY.active([CODE]).astype(int).tolist() == [[1, 1, 1, 1, 1, 0, 1, 1, 0]]


def test_single_codes_work_without_a_batch_axis():
    assert TOY.canonical(CODE).tolist() == CODE
    assert TOY.depths(CODE).item() == 2
    assert TOY.values(CODE, "ratio").tolist() == [4, 2, 0]
    assert TOY.values(CODE, "bias").item() is True


def test_canonical_clears_inactive_entries():
    assert TOY.canonical([1, 1, 1, 2, 0, 2, 0, 1, 1]).tolist() == CODE
    assert TOY.canonical([1, 0, 1, 2, 2, 2, 1, 1, 1]).tolist() == [1, 0, 1, 2, 0, 0, 1, 0, 0]


def test_canonical_does_not_change_its_input():
    codes = np.array([1, 1, 1, 2, 0, 2, 0, 1, 1], dtype=np.uint8)
    TOY.canonical(codes)
    assert codes[5] == 2


def test_text():
    assert str(ARCH) == "toy:width=16:depth=2:bias=true:ratio=4,2:heads=4,8"
    assert TOY.parse(f" {ARCH}\n") == ARCH
    # The order of the choices does not matter, neither in text nor for equality.
    assert TOY.parse("toy:heads=4,8:bias=true:ratio=4,2:depth=2:width=16") == ARCH


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gpt-s:width=16", "expected an architecture of toy"),
        ("toy", "missing: width, depth, bias, ratio, heads"),
        ("toy:width=16:depth=2:bias=true:ratio=4,2:heads=4,8:more=1", "unknown: more"),
        ("toy:width=16:width=16:depth=2:bias=true:ratio=4,2:heads=4,8", "given twice"),
        ("toy:width=17:depth=2:bias=true:ratio=4,2:heads=4,8", "width cannot be '17'"),
        ("toy:width=16:depth=2:bias=1:ratio=4,2:heads=4,8", "bias cannot be '1'"),
        ("toy:width=16:depth=2:bias=true:ratio=4:heads=4,8", "ratio needs 2 values"),
        ("toy:width=16:depth=2:bias=true:ratio=4,2,2:heads=4,8", r"ratio needs 2 values.*got 3"),
        ("toy:width=16:depth=2:bias=true:ratio=:heads=4,8", "ratio cannot be ''"),
    ],
)
def test_text_that_does_not_parse(text, message):
    with pytest.raises(SpaceError, match=message):
        TOY.parse(text)


def test_dict():
    written = {
        "space": "toy",
        "width": 16,
        "depth": 2,
        "bias": True,
        "ratio": [4, 2],
        "heads": [4, 8],
    }
    assert ARCH.to_dict() == written
    assert TOY.from_dict(written) == ARCH
    with pytest.raises(SpaceError, match="one of 'gpt-s'"):
        TOY.from_dict({**written, "space": "gpt-s"})


def test_one_value_stands_for_all_layers():
    arch = TOY.architecture(width=8, depth=3, bias=False, ratio=3, heads=4)
    assert arch["ratio"] == (3, 3, 3)


def test_numpy_values_are_taken_and_become_plain():
    arch = TOY.architecture(
        width=np.int64(16), depth=2, bias=np.True_, ratio=np.array([4, 2]), heads=(4, 8)
    )
    assert arch == ARCH
    assert {type(value) for value in arch["ratio"]} == {int}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 9}, "width cannot be 9"),
        ({"width": None}, "width cannot be None"),
        ({"ratio": [4]}, "ratio needs 2 values"),
        ({"ratio": {4: 2}}, "one value a layer"),
        ({"ratio": [4, 5]}, "ratio cannot be 5"),
        ({"bias": "True"}, "bias cannot be 'True'"),
    ],
)
def test_values_that_do_not_belong(changes, message):
    with pytest.raises(SpaceError, match=message):
        TOY.architecture(**{**ARCH.choices, **changes})


def test_an_architecture_is_a_value():
    twin = TOY.architecture(**ARCH.choices)
    assert twin == ARCH
    assert twin is not ARCH
    assert len({twin, ARCH}) == 1
    assert pickle.loads(pickle.dumps(ARCH)) == ARCH
    assert Architecture("other", ARCH.choices) != ARCH
    with pytest.raises(TypeError):
        ARCH.choices["width"] = 8  # type: ignore[index]


def test_encode_refuses_other_architectures():
    with pytest.raises(SpaceError, match="expected an architecture of gpt-s"):
        spaces.get("gpt-s").encode([ARCH])
    short = Architecture("toy", {**ARCH.choices, "heads": (4,)})
    with pytest.raises(SpaceError, match="heads needs 2 values"):
        TOY.encode([short])
    with pytest.raises(SpaceError, match="width cannot be 9"):
        TOY.encode([Architecture("toy", {**ARCH.choices, "width": 9})])
    with pytest.raises(SpaceError, match="unknown: more"):
        TOY.encode([Architecture("toy", {**ARCH.choices, "more": 9})])


@pytest.mark.parametrize(
    ("codes", "error", "message"),
    [
        (np.zeros((2, 8), int), ShapeError, r"need 9 columns.*\(2, 8\)"),
        (np.int64(3), ShapeError, r"need 9 columns.*\(\)"),
        (np.zeros((2, 9)), SpaceError, "must be integers, got float64"),
        (np.zeros((2, 9), bool), SpaceError, "must be integers, got bool"),
        ([[0] * 9, [0, 3, *[0] * 7]], SpaceError, r"row 1, column 1 \(depth\): index 3"),
        ([[0] * 9, [*[0] * 8, -1]], SpaceError, r"row 1, column 8 \(heads.2\): index -1"),
        ([*[0] * 8, 300], SpaceError, r"column 8 \(heads.2\): index 300.*0 to 1"),
    ],
)
def test_codes_that_are_refused(codes, error, message):
    with pytest.raises(error, match=message):
        TOY.validate(codes)
    with pytest.raises(error, match=message):
        TOY.canonical(codes)


# Widths x biases x sum over the depths of (ratios x heads) ** layers
SIZES = {
    "gpt-s": 6 * (9**10 + 9**11 + 9**12),
    "gpt-m": 6 * (9**22 + 9**23 + 9**24),
    "gpt-l": 6 * (9**34 + 9**35 + 9**36),
    "gpt-s-wide": 6 * (9**3 + 9**6 + 9**12),
    "gpt-m-wide": 6 * (9**6 + 9**12 + 9**24),
    "gpt-l-wide": 6 * (9**9 + 9**18 + 9**36),
    "small-lm": 3 * (9**5 + 9**6 + 9**7),
    "nano": 3 * (6**2 + 6**3 + 6**4),
}


def test_registry_and_sizes():
    assert {name: spaces.get(name).size() for name in spaces.names()} == SIZES
    assert SIZES["gpt-s"] == 1903784282946
    with pytest.raises(UnknownNameError, match="did you mean 'gpt-s'"):
        spaces.get("gpt_s")


def test_smallest_and_largest():
    small, large = spaces.get("gpt-m").smallest(), spaces.get("gpt-m").largest()
    assert (small["embed_dim"], small["n_layer"], small["bias"]) == (256, 22, False)
    assert (small["mlp_ratio"], small["n_head"]) == ((2,) * 22, (8,) * 22)
    assert (large["embed_dim"], large["n_layer"], large["bias"]) == (1024, 24, True)
    assert (large["mlp_ratio"], large["n_head"]) == ((4,) * 24, (16,) * 24)


def test_enumeration_against_plain_loops():
    listed = list(TOY.enumerate())
    expected = [
        TOY.architecture(width=w, depth=d, bias=b, ratio=ratio, heads=heads)
        for w in (8, 16)
        for d in (1, 2, 3)
        for b in (False, True)
        for ratio in itertools.product((2, 3, 4), repeat=d)
        for heads in itertools.product((4, 8), repeat=d)
    ]
    assert listed == expected
    assert len(listed) == TOY.size() == 4 * (6 + 6**2 + 6**3)
    assert [TOY.index(arch) for arch in listed] == list(range(TOY.size()))
    codes = TOY.encode(listed)
    assert sorted(map(tuple, codes.tolist())) == list(map(tuple, codes.tolist()))


def test_enumeration_is_lazy():
    first = next(iter(spaces.get("gpt-l").enumerate()))
    assert first == spaces.get("gpt-l").smallest()


def test_at_refuses_places_that_do_not_exist():
    for index in (-1, TOY.size()):
        with pytest.raises(SpaceError, match="outside of 0 to 1031"):
            TOY.at(index)


@pytest.mark.parametrize(
    "arguments",
    [
        {"shared": ()},
        {"shared": (Choice("a", (1,)), Choice("a", (1,)))},
        {"shared": (Choice("a", (1,)),), "depth": "a"},
        {"shared": (Choice("a", (1,)),), "layered": (Choice("b", (1,)),)},
        {"shared": (Choice("a", (0, 1)),), "layered": (Choice("b", (1,)),), "depth": "a"},
        {"shared": (Choice("a", (1.0,)),), "layered": (Choice("b", (1,)),), "depth": "a"},
        {"shared": (Choice("a", (True,)),), "layered": (Choice("b", (1,)),), "depth": "a"},
        {"shared": (Choice("a", (1,)),), "layered": (Choice("b", (1,)),), "depth": "b"},
    ],
)
def test_what_is_no_space(arguments):
    with pytest.raises(SpaceError):
        Space("wrong", **arguments)


def test_networks():
    space = spaces.get("gpt-s")
    assert space.network == "profiled"
    assert space.with_network("supernet").network == "supernet"
    assert space.with_network("supernet") != space
    with pytest.raises(UnknownNameError, match="known: profiled, supernet"):
        space.with_network("other")


def test_restriction_keeps_architectures_and_changes_codes():
    sub = TOY.restrict(width=[16], depth=[1, 2], ratio=[2, 4])
    assert sub.size() == 2 * (4 + 16)
    assert sub.encode([ARCH]).tolist() == [[0, 1, 1, 1, 0, 0, 1]]
    assert set(sub.enumerate()) < set(TOY.enumerate())
    codes = sub.encode(list(sub.enumerate()))
    there = TOY.translate(codes, sub)
    assert TOY.decode(there) == sub.decode(codes)
    np.testing.assert_array_equal(sub.translate(there, TOY), codes)
    with pytest.raises(SpaceError, match="row 1 is not"):
        sub.translate([CODE, [0] * 9], TOY)
    with pytest.raises(SpaceError, match="row 0 is not"):
        sub.translate([[1, 2, 1, 2, 0, 0, 0, 0, 0]], TOY)  # three layers
    with pytest.raises(SpaceError, match="other choices"):
        TOY.translate(np.zeros((1, 27), int), spaces.get("gpt-s"))
    with pytest.raises(UnknownNameError, match="unknown choice 'nothing'"):
        TOY.restrict(nothing=[1])
