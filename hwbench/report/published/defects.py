"""What is known to be wrong in HW-GPT-Bench, each in a line, with where it stands.

Paths are upstream's, at commit 1f43ee8 unless another is named; `data/hw-gpt-bench.md` says
what the importer does about those of the raw files.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

__all__ = ["DEFECTS", "Defect", "touching"]


@dataclass(frozen=True)
class Defect:
    """One defect.

    Attributes:
        name: A few words.
        text: What is wrong, in a sentence.
        source: Where it can be seen.
        tables: The tables of the page that it touches.
    """

    name: str
    text: str
    source: str
    tables: frozenset[str]


def touching(*tables: str) -> tuple[Defect, ...]:
    """Return the defects that touch any of some tables."""
    return tuple(defect for defect in DEFECTS if defect.tables & set(tables))


def _defect(name: str, text: str, source: str, tables: Iterable[str]) -> Defect:
    return Defect(name, text, source, frozenset(tables))


_QUALITY: Final = ("quality", "calibration")
_ALL: Final = (*_QUALITY, "devices", "hypervolume")

DEFECTS: Final = (
    _defect(
        "two networks",
        "latency, energy and memory are of a gated MLP with three matrices and untied embeddings, "
        "perplexity is of the supernet's two matrices and tied ones",
        "pl_gpt/utils/configuration.py:39 tests GptNeoMLP, the configurations say GptNeoxMLP",
        ("quality", "hypervolume"),
    ),
    _defect(
        "watt-hours called kWh",
        "raw GPU energy is in Wh and labelled KWh; api.query gives mWh labelled Wh, query_gt_* Wh",
        "energy over power of the raw rows is the measured time only if the unit is Wh",
        (*_QUALITY, "hypervolume"),
    ),
    _defect(
        "power called CO2",
        "mean_co2_gpu and emissions_gpu hold average power in watts; mean_co2_cpu is always 0",
        "efficiency_energy_observations_tracker_*.pkl at c730d4b",
        ("quality",),
    ),
    _defect(
        "cold starts in the mean",
        "energies are means that include the first repeat, up to 300 times the median of its row",
        "efficiency_energy_observations_tracker_*.pkl at c730d4b",
        (*_QUALITY, "devices"),
    ),
    _defect(
        "power sampled too slowly",
        "the sensor is slower than a forward pass, so that energy at s is near idle power times "
        "time on A100, V100, H100 and RTX 3080",
        "efficiency_energy_observations_tracker_*.pkl at c730d4b",
        (*_QUALITY, "devices"),
    ),
    _defect(
        "two batch sizes",
        "latency is at batch 8, 4, 1 (s, m, l), GPU energy at batch 8 everywhere",
        "multiply-accumulates of the raw rows against their closed form",
        ("devices", "hypervolume"),
    ),
    _defect(
        "mean in place of deviation",
        "cpu_lat_std is the mean once more in every row",
        "data_collection/gpt_profiler/utils/latency_profile_utils.py:131",
        ("calibration",),
    ),
    _defect(
        "seconds and milliseconds averaged together",
        "the stored CPU means mix bare numbers of both units",
        "cpu_lat of latency_cpu_meta* and latency_cpu_alldlc_l at c730d4b",
        _QUALITY,
    ),
    _defect(
        "kernel time, not wall time",
        "GPU latency is the sum of kernel times with gradients recorded and no warm-up",
        "data_collection/gpt_profiler/utils/latency_profile_utils.py:74",
        ("quality", "devices"),
    ),
    _defect(
        "memory of the wrong encoding",
        "memory surrogates were trained with padding 0 and bias 1 and are served with padding -1 "
        "and the true bias since 358aa2d",
        "hwgpt/api.py:173, commit 358aa2d",
        ("quality",),
    ),
    _defect(
        "memory is weights only",
        "memory_allocated() after the forward pass holds no activations; bf16 and fp16 are one "
        "number",
        "measure_memory_usage.py",
        ("quality",),
    ),
    _defect(
        "biases always counted",
        "sample_bias is a text, and nn.Linear(bias='False') has a bias, so that parameters of an "
        "architecture without one include it",
        "hwgpt/api.py:165",
        ("hypervolume",),
    ),
    _defect(
        "perplexity on training data",
        "validation is a tenth of the training split, all of which the supernet was trained on",
        "lm_datamodule_nas.py:170 and lm_datamodule.py:87",
        ("quality", "hypervolume"),
    ),
    _defect(
        "repeats taken for the whole noise",
        "the standard deviations that surrogates learn are over repeats taken within seconds; "
        "drift from minute to minute, most of the scatter, is not in them",
        "lag-1 autocorrelation of residuals, on the report cards of the bundles",
        ("calibration",),
    ),
    _defect(
        "unseeded noise",
        "a query is one draw of np.random.normal without a seed; mean and deviation are not "
        "returned",
        "lib/utils.py:593",
        ("calibration", "hypervolume"),
    ),
    _defect(
        "noisy scales",
        "minima and maxima for scaling are one draw each for the smallest and the largest "
        "architecture; several minima are negative",
        "normalization statistics at 1f43ee8",
        ("hypervolume",),
    ),
    _defect(
        "wall-clock budgets",
        "searches stop after a time, so that methods are compared at different numbers of "
        "evaluations",
        "baselines launch scripts, 48,000 s (2-D) and 10,000 s (3-D)",
        ("hypervolume",),
    ),
    _defect(
        "bands too narrow",
        "bands are the deviation over the root of the number of observations, not of runs",
        "plotting/eaf/plot_surface.py:504",
        ("hypervolume",),
    ),
    _defect(
        "bias never searched",
        "--bias is parsed with type=bool, so that every searched architecture has one",
        "gpt_objective_2d.py:62",
        ("hypervolume",),
    ),
    _defect(
        "rounded to two digits",
        "correlations are rounded before the least of them are looked for",
        "plotting/plot_empirical_corr_matrix.py",
        ("devices",),
    ),
)
"""All of them; those of the raw files first."""

assert all(defect.tables <= set(_ALL) for defect in DEFECTS)
