"""Recipes: read as written, and each mistake named in one line."""

import pytest

from hwbench import spaces
from hwbench.errors import HwbenchError, SchemaError, UnknownNameError
from hwbench.surrogates.boosting import XGBoost
from hwbench.surrogates.drift import DriftCorrected
from hwbench.surrogates.fitting import Plan, read_recipe
from hwbench.surrogates.fitting.recipe import KINDS
from hwbench.surrogates.forest import RandomForest
from hwbench.surrogates.layerwise import Layerwise
from hwbench.surrogates.mlp import MLP

GOOD = """
seed = 3
folds = 4
visit_stretch = 1.5

[estimators.ours]
kind = "layerwise"
structure = "chain"
drift = true

[estimators.trees]
kind = "xgboost"
n_trees = 7

[metrics.latency_s]
candidates = ["ours"]
rivals = ["trees"]

[metrics."latency_s gpt-l"]
candidates = ["trees"]

[bundle]
licence = "none"
"""


@pytest.fixture
def read(tmp_path):
    def read(text):
        path = tmp_path / "recipe.toml"
        path.write_text(text, encoding="utf-8")
        return read_recipe(path)

    return read


def test_a_recipe_is_read(read):
    found = read(GOOD)
    assert (found.seed, found.folds, found.visit_stretch) == (3, 4, 1.5)
    assert found.plan("latency_s", "gpt-s") == Plan(("ours",), ("trees",))
    assert found.plan("latency_s", "gpt-l") == Plan(("trees",)), "the more specific one"
    assert found.plan("energy_j", "gpt-s") is None
    assert found.bundle == {"licence": "none"}
    assert found.without_rivals().plan("latency_s", "gpt-s") == Plan(("ours",))


def test_what_a_recipe_leaves_out(read):
    found = read("")
    assert (found.seed, found.folds, found.visit_stretch) == (0, 5, 1.0)
    assert not found.metrics


def test_estimators_are_built_with_their_settings_and_the_seed(read):
    found, space = read(GOOD), spaces.get("gpt-s")
    ours, trees = found.make("ours", space), found.make("trees", space)
    assert isinstance(ours, DriftCorrected)
    assert ours.estimator.get_params() == Layerwise(space, structure="chain").get_params()
    assert isinstance(trees, XGBoost)
    assert (trees.n_trees, trees.random_state, trees.space) == (7, 3, space)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("layerwise", Layerwise), ("xgboost", XGBoost), ("forest", RandomForest), ("mlp", MLP)],
)
def test_every_kind_can_be_built(kind, expected, read):
    found = read(f'[estimators.x]\nkind = "{kind}"')
    assert isinstance(found.make("x", spaces.get("gpt-m")), expected)
    assert kind in KINDS


def test_the_shipped_recipe_fits_the_imported_metrics(root):
    found = read_recipe(root / "surrogates" / "gpt.toml")
    for space in ("gpt-s", "gpt-m", "gpt-l"):
        for metric in ("latency_s", "energy_j", "memory_bytes", "perplexity", "accuracy"):
            plan = found.plan(metric, space)
            assert plan is not None
            assert "xgboost" in plan.rivals
            for name in plan.candidates:
                assert isinstance(found.make(name, spaces.get(space)), Layerwise | DriftCorrected)
    assert found.plan("perplexity", "gpt-s") != found.plan("perplexity", "gpt-m")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seed = 3", "sede = 3", "unknown key 'sede'"),
        ("seed = 3", "seed = 'a'", "seed must be a whole number of 0 or more, got 'a'"),
        ("seed = 3", "seed = -1", "seed must be a whole number of 0 or more, got -1"),
        ("seed = 3", "seed = true", "seed must be a whole number"),
        ("folds = 4", "folds = 2", "folds must be a whole number of 3 or more, got 2"),
        ("folds = 4", "folds = 4.0", "folds must be a whole number of 3 or more, got 4.0"),
        ("= 1.5", "= 0.9", "visit_stretch must be a number of 1 or more, got 0.9"),
        ("= 1.5", "= nan", "visit_stretch must be a number of 1 or more, got nan"),
        ("= 1.5", "= inf", "visit_stretch must be a number of 1 or more, got inf"),
        ("= 1.5", "= 'wide'", "visit_stretch must be a number"),
        ("= 1.5", "= true", "visit_stretch must be a number"),
        ('"xgboost"', '"boosting"', "estimator 'trees' needs a kind: layerwise, .*'boosting'"),
        ('"xgboost"', "1", "estimator 'trees' needs a kind"),
        ("n_trees", "trees", "estimator 'trees': .*unexpected keyword argument 'trees'"),
        ("structure", "struktur", "estimator 'ours': .*unexpected keyword argument 'struktur'"),
        ('rivals = ["trees"]', "rivals = []\nx = 1", "'latency_s' needs candidates, .* nothing"),
        ('candidates = ["ours"]', "candidates = []", "'latency_s' needs candidates"),
        ('candidates = ["ours"]', 'candidates = "ours"', "expected a list of names, got 'ours'"),
        ("[bundle]\n", "[[bundle]]\n", "'bundle' must be a section"),
        ('kind = "layerwise"', "kind", "cannot read the recipe"),
    ],
)
def test_mistakes_are_named(old, new, message, read, tmp_path):
    assert old in GOOD
    with pytest.raises(SchemaError, match=message) as caught:
        read(GOOD.replace(old, new, 1))
    assert "recipe.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("section", ["estimators", "metrics", "bundle"])
def test_sections_must_be_sections(section, read):
    with pytest.raises(SchemaError, match=f"'{section}' must be a section of its own, got 1"):
        read(f"{section} = 1")
    if section != "bundle":
        with pytest.raises(SchemaError, match="'latency_s' must be a section of its own, got 1"):
            read(f"[{section}]\nlatency_s = 1")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("metrics.latency_s]", "metrics.latncy_s]", "unknown metric 'latncy_s'; did you mean"),
        ("latency_s gpt-l", "latency_s gpt-x", "unknown space 'gpt-x'; did you mean"),
        ('rivals = ["trees"]', 'rivals = ["tree"]', "unknown estimator .*'tree'; did you mean 't"),
        ('candidates = ["ours"]', "candidates = [1]", "unknown estimator of the recipe 1"),
    ],
)
def test_unknown_names_are_named(old, new, message, read):
    with pytest.raises(UnknownNameError, match=message):
        read(GOOD.replace(old, new, 1))


def test_files_that_cannot_be_read(tmp_path):
    (tmp_path / "latin.toml").write_bytes(b'licence = "\xe9"')
    for path in (tmp_path / "none.toml", tmp_path, tmp_path / "latin.toml"):
        with pytest.raises(HwbenchError, match="cannot read the recipe"):
            read_recipe(path)
