"""Scores for report cards: point error, rank agreement, calibration, noise ceiling.

Every function takes the truth first, then the prediction, and returns plain floats. Truth and
predictions must be finite; the scores do not guess which rows to drop. Rank scores need scipy
(extra `fit`).
"""

from hwbench.surrogates.scores.distributions import (
    coverage,
    crps_quantiles,
    crps_samples,
    interval_score,
    miscalibration_area,
    pinball,
)
from hwbench.surrogates.scores.noise import (
    NoiseCeiling,
    lag1_autocorrelation,
    noise_ceiling,
    spearman_brown,
)
from hwbench.surrogates.scores.points import (
    PointScores,
    kendall,
    kendall_by_group,
    kendall_within,
    mae,
    mape,
    point_scores,
    r2,
    rmse,
    sparse_kendall,
    spearman,
)

__all__ = [
    "NoiseCeiling",
    "PointScores",
    "coverage",
    "crps_quantiles",
    "crps_samples",
    "interval_score",
    "kendall",
    "kendall_by_group",
    "kendall_within",
    "lag1_autocorrelation",
    "mae",
    "mape",
    "miscalibration_area",
    "noise_ceiling",
    "pinball",
    "point_scores",
    "r2",
    "rmse",
    "sparse_kendall",
    "spearman",
    "spearman_brown",
]
