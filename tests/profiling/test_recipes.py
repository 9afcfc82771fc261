"""The campaign files in `profiling/` can be run as they are."""

from pathlib import Path

import pytest

from hwbench.profiling.plan import schedule
from hwbench.profiling.plan_file import from_text, read_plan, to_text

FOLDER = Path(__file__).resolve().parents[2] / "profiling"
RECIPES = sorted(FOLDER.glob("*.toml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_is_a_plan_and_says_truly_how_much_it_measures(path):
    plan = read_plan(path)
    assert len(schedule(plan)) == plan.expected["rows"]
    assert plan.passes >= 2
    assert plan.anchors
    assert from_text(to_text(plan)) == plan


def test_the_readme_names_every_recipe():
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in RECIPES if f"`{path.name}`" not in text] == []
    assert RECIPES
