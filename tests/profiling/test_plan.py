"""Plans: what is measured in which order, and the file they are written to."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwbench import spaces
from hwbench.errors import SchemaError, UnknownNameError
from hwbench.profiling import protocols
from hwbench.profiling.plan import Plan, parse_shard, schedule
from hwbench.profiling.plan_file import from_text, read_plan, to_text
from hwbench.profiling.stopping import EnergyRule, StopRule
from tests.profiling.campaigns import SERVING, SPACE, make_plan

DECODE = protocols.get("serving", SPACE, "cpu", phase="decode", threads=2)


@given(
    n=st.integers(1, 9),
    passes=st.integers(1, 3),
    every=st.integers(1, 5),
    parts=st.integers(1, 3),
    both=st.booleans(),
)
def test_every_pass_has_everything_once_and_anchors_between(n, passes, every, parts, both):
    ways = (SERVING, DECODE) if both else (SERVING,)
    plan = make_plan(n, passes=passes, anchor_every=every, protocols=ways)
    parts = min(parts, n)
    shards = [schedule(plan, (i, parts)) for i in range(parts)]
    wanted = Counter((text, way) for text in plan.architectures for way in ways)
    for number in range(passes):
        own = [s for slots in shards for s in slots if s.pass_number == number and not s.anchor]
        assert Counter((s.architecture, s.protocol) for s in own) == wanted
    for slots in shards:
        assert [slot.position for slot in slots] == list(range(len(slots)))
        marks = "".join("a" if slot.anchor else "." for slot in slots)
        unit = "a" * len(ways)
        assert marks.startswith(unit)
        assert marks.endswith(unit)
        assert unit * 2 not in marks
        assert "." * (every + 1) not in marks
    keys = [slot.key("cpu-1") for slots in shards for slot in slots]
    assert len(set(keys)) == len(keys)
    assert not set(keys) & {slot.key("cpu-2") for slots in shards for slot in slots}


def test_the_order_is_random_of_its_own_in_each_pass_and_follows_the_seed():
    plan = make_plan(12, anchors=())
    order = [slot.architecture for slot in schedule(plan)]
    assert order[:12] != order[12:]
    assert order[:12] != list(plan.architectures)
    assert order == [slot.architecture for slot in schedule(plan)]
    assert order != [slot.architecture for slot in schedule(replace(plan, seed=1))]


def test_anchors_take_turns():
    plan = make_plan(6, passes=1)
    plan = replace(plan, anchors=plan.architectures[:2])
    visits = [slot.architecture for slot in schedule(plan) if slot.anchor]
    assert visits == [plan.anchors[i] for i in (0, 1, 0, 1)]


def test_a_plan_comes_back_from_its_file(tmp_path):
    plan = make_plan(
        2,
        protocols=(SERVING, DECODE),
        metrics=("latency", "energy", "memory"),
        stop=StopRule(tolerance=0.02),
        energy=EnergyRule(windows=2),
        budget_s=90.0,
        name='my "box"\nß',
        expected={"seconds": 80.5, "rows": 7, "tau": {"latency_s": 0.98}},
    )
    path = tmp_path / "plan.toml"
    path.write_text(to_text(plan), encoding="utf-8")
    assert read_plan(path) == plan
    assert read_plan(path).id == plan.id


@pytest.mark.parametrize(
    "change",
    [{"seed": 1}, {"passes": 3}, {"anchor_every": 9}, {"anchors": ()}, {"metrics": ("energy",)}],
)
def test_the_id_follows_what_is_measured_only(change):
    plan = make_plan()
    assert replace(plan, **change).id != plan.id
    assert replace(plan, name="b", budget_s=1.0, expected={"rows": 1}, timeout_s=9.0).id == plan.id


def test_a_wide_architecture_may_be_written_in_any_form_its_space_reads():
    plan = make_plan(1)
    arch = spaces.parse(plan.architectures[0])
    assert Plan(**{**vars(plan), "architectures": (f" {arch} ",)}).architectures == (str(arch),)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"architectures": ()}, "one or more architectures"),
        ({"protocols": ()}, "one or more protocols"),
        ({"protocols": (SERVING, replace(SERVING, notes=("x",)))}, "must differ"),
        ({"passes": 0}, "passes"),
        ({"anchor_every": 0}, "anchor_every"),
        ({"timeout_s": 0.0}, "timeout_s"),
        ({"budget_s": -1.0}, "budget"),
    ],
)
def test_plans_that_make_no_sense(change, words):
    with pytest.raises(SchemaError, match=words):
        make_plan(**change)


def test_an_architecture_comes_once():
    plan = make_plan(1)
    with pytest.raises(SchemaError, match="twice"):
        replace(plan, architectures=plan.architectures * 2)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("schema = 1", "schema = 7"), "schema 7"),
        (("seed = 0", "sed = 0"), "did you mean 'seed'"),
        (("seed = 0", "seed = "), "no TOML"),
        (('space = "gpt-s"', 'space = "gpt-x"'), "unknown space"),
        (('space = "gpt-s"', ""), "missing"),
        (("passes = 2", 'passes = "two"'), "wrong kind"),
        (("tolerance = 0.01", "tolerans = 0.01"), "tolerans"),
    ],
)
def test_a_damaged_plan_file_is_named(tmp_path, change, words):
    text = to_text(make_plan())
    assert change[0] in text
    path = tmp_path / "plan.toml"
    path.write_text(text.replace(*change))
    with pytest.raises(SchemaError, match=words) as raised:
        read_plan(path)
    assert str(path) in str(raised.value)


def test_a_file_that_is_no_text_is_named(tmp_path):
    (tmp_path / "plan.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SchemaError, match=r"plan\.toml: not a text file"):
        read_plan(tmp_path / "plan.toml")


def test_unknown_names_are_said():
    with pytest.raises(UnknownNameError, match="metric"):
        make_plan(metrics=("speed",))
    with pytest.raises(UnknownNameError, match="field"):
        from_text("schema = 1\nplace = 1\n")


def test_shards():
    assert parse_shard("1/1") == (0, 1)
    for text in ("0/2", "3/2", "2", "a/b", "1/0", "-1/2"):
        with pytest.raises(SchemaError, match="shard"):
            parse_shard(text)
    with pytest.raises(SchemaError, match="1 to 3 shards"):
        schedule(make_plan(3), (3, 4))
