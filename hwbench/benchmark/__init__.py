"""Benchmarks: load a bundle of surrogates and ask it about architectures.

`load("gpt-s")` gives a `Benchmark`; `save` writes a `Bundle` that you fitted yourself.
"""

from hwbench.benchmark.benchmark import Benchmark
from hwbench.benchmark.bundle import Bundle, Cell, Device
from hwbench.benchmark.closed_forms import CLOSED_FORMS, ClosedForm, closed_form
from hwbench.benchmark.loading import load, load_bundle, names, save

__all__ = [
    "CLOSED_FORMS",
    "Benchmark",
    "Bundle",
    "Cell",
    "ClosedForm",
    "Device",
    "closed_form",
    "load",
    "load_bundle",
    "names",
    "save",
]
