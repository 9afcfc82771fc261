"""The bundles that ship with hwbench."""

import numpy as np
import pytest

from hwbench import metrics, spaces
from hwbench.benchmark import load, names
from hwbench.benchmark.loading import SHIPPED
from hwbench.spaces import gpt_costs

GPUS = ("a100", "a40", "a6000", "h100", "p100", "rtx2080", "rtx3080", "v100")
CPUS = ("cpu-xeon-silver", "cpu-xeon-gold", "cpu-amd-7452", "cpu-amd-7502", "cpu-amd-7513")
UPSTREAM = [
    "a100",
    "a40",
    "a6000",
    "h100",
    "P100",
    "rtx2080",
    "rtx3080",
    "v100",
    "cpu_xeon_silver",
    "cpu_xeon_gold",
    "cpu_amd_7452",
    "cpu_amd_7502",
    "cpu_amd_7513",
]
BATCH_SIZES = {"gpt-s": 8, "gpt-m": 4, "gpt-l": 1}
OWN = {"gpt-s": {"cpu-x86-2core-vm"}}
"""Bundle -> devices that hwbench measured itself."""
LARGEST_BYTES = 5_000_000


@pytest.fixture(params=BATCH_SIZES)
def bench(request):
    return load(request.param)


def test_all_are_there():
    assert set(names()) == {*BATCH_SIZES, "nano"}


def test_all_devices_have_all_metrics(bench):
    own = OWN.get(bench.name, set())
    assert set(bench.devices) - {"cpu-unnamed"} - own == {*GPUS, *CPUS}
    for device in own:
        assert {"latency_s", "memory_bytes"} <= set(bench.metrics(device))
    for device in (*GPUS, *CPUS):
        assert bench.metrics(device) == metrics.names()
    assert "latency_s" in bench.metrics("cpu-unnamed")
    assert "energy_j" not in bench.metrics("cpu-unnamed")


def test_devices_answer_to_the_names_of_hw_gpt_bench(bench):
    assert {bench.device(name).name for name in UPSTREAM} == {*GPUS, *CPUS}


def test_the_space_is_its_own(bench):
    assert bench.space == spaces.get(bench.name)


def test_batches_are_those_that_were_measured(bench):
    expected = BATCH_SIZES[bench.name]
    for device in (*GPUS, *CPUS):
        assert bench.protocol("latency", device).batch_size == expected
    for device in GPUS:
        assert bench.protocol("energy", device).batch_size == 8
    for device in CPUS:
        assert bench.protocol("energy", device).batch_size == expected


def test_formulas_are_exact(bench):
    codes = bench.space.sample_codes(200, np.random.default_rng(0))
    params = gpt_costs.params(bench.space, codes)
    assert bench.predict(codes, "params").tolist() == params.tolist()
    assert bench.predict(codes, "flops").tolist() == gpt_costs.flops(bench.space, codes).tolist()
    for device in CPUS:
        assert bench.predict(codes, "memory", device).tolist() == (4 * params).tolist()


def test_memory_of_gpus_is_near_what_autocast_keeps(bench):
    """Weights in fp32 and half-precision copies of the linear layers' (design of upstream)."""
    codes = bench.space.sample_codes(200, np.random.default_rng(0))
    expected = gpt_costs.autocast_bytes(bench.space, codes)
    for device in GPUS:
        assert bench.predict(codes, "memory", device) == pytest.approx(expected, rel=0.1)


def test_larger_networks_are_slower_and_better(bench):
    small, large = bench.space.smallest(), bench.space.largest()
    for device in (*GPUS, *CPUS):
        least, most = bench.query(small, device), bench.query(large, device)
        for name in ("latency_s", "energy_j", "memory_bytes", "params", "flops"):
            assert least[name] < most[name]
        assert least["perplexity"] > most["perplexity"]
        assert least["accuracy"] < most["accuracy"]


def test_all_that_must_be_said_is_said(bench):
    bundle = bench.bundle
    assert bundle.provenance
    assert bundle.licence
    assert bundle.citation
    assert bundle.limits
    assert bundle.card_text
    cells = bench.card["cells"]
    assert set(cells) == {cell.name for cell in bundle.cells if not cell.exact}


def test_they_are_small():
    sizes = [path.stat().st_size for path in SHIPPED.rglob("*") if path.is_file()]
    assert sum(sizes) < LARGEST_BYTES
