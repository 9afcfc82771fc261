"""From tables to surrogates with report cards: recipes, splits, choice, calibration.

Needs the extra `fit`. `fit_cell` does one (space, device, metric) cell, and
`hwbench fit` does them all.
"""

from hwbench.surrogates.fitting.cell import CellFit, fit_cell
from hwbench.surrogates.fitting.measured import Measured
from hwbench.surrogates.fitting.recipe import Plan, Recipe, read_recipe

__all__ = ["CellFit", "Measured", "Plan", "Recipe", "fit_cell", "read_recipe"]
