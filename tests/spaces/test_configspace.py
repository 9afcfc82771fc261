import sys

import pytest

import hwbench.spaces as spaces
from hwbench.errors import MissingExtraError, SpaceError
from hwbench.spaces import Choice, Space
from hwbench.spaces.configspace import from_configuration, to_configspace

pytest.importorskip("ConfigSpace", reason="needs the extra [spaces]")

TOY = Space(
    "toy",
    (Choice("width", (8, 16)), Choice("depth", (1, 3)), Choice("bias", (False, True))),
    (Choice("op", ("conv", "pool")), Choice("ratio", (0.5, 1.0))),
    depth="depth",
)


def test_conditions_by_hand():
    made = to_configspace(TOY)
    assert set(made) == set(TOY.columns)
    conditional = {name for name in made if made.parents_of[name]}
    assert conditional == {"op.1", "op.2", "ratio.1", "ratio.2"}
    assert [p.name for p in made.parents_of["op.1"]] == ["depth"]


def test_every_network_is_reached_and_no_other():
    drawn = to_configspace(TOY, seed=0).sample_configuration(20_000)
    reached = {from_configuration(configuration, TOY) for configuration in drawn}
    # 2 x 2 x (4 + 4^3) networks; the rarest have probability 1/512, so one is missed with
    # probability below 272 exp(-39).
    assert reached == set(TOY.enumerate())
    for configuration in drawn[:200]:
        active = {name for name, _ in configuration.items()}
        depth = int(configuration["depth"])
        layers = {f"{c}.{i}" for c in ("op", "ratio") for i in range(depth)}
        assert active == {"width", "depth", "bias"} | layers


@pytest.mark.parametrize("name", spaces.names())
def test_registered_spaces(name):
    space = spaces.get(name)
    made = to_configspace(space, seed=1)
    assert from_configuration(made.get_default_configuration(), space) == space.largest()
    for configuration in made.sample_configuration(5):
        space.encode([from_configuration(configuration, space)])


def test_a_space_without_layers():
    flat = Space("flat", (Choice("kind", ("a", "b")),))
    made = to_configspace(flat)
    assert from_configuration(made.get_default_configuration(), flat) == flat.largest()


def test_a_missing_value():
    with pytest.raises(SpaceError, match="no value for op"):
        from_configuration({"width": 8, "depth": 1, "bias": True}, TOY)


def test_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ConfigSpace", None)
    with pytest.raises(MissingExtraError, match=r"\[spaces\]"):
        to_configspace(TOY)
