import pytest

from hwbench.data.hwgptbench.layout import (
    DEVICES,
    SCALES,
    Chunk,
    campaigns,
    chunks,
    device,
    ignored_files,
)
from hwbench.data.hwgptbench.protocols import BATCH_SIZES, TRACKER_BATCH_SIZE, measured
from hwbench.errors import UnknownNameError

RAW = "data_collection/raw_results_hw"


def test_true_names_of_the_devices():
    """The folder names mislead: cpu_a6000 is an AMD 7452, cpu_meta a Xeon Gold."""
    assert {name: entry.folder for name, entry in DEVICES.items()} == {
        "a100": "a100",
        "a40": "a40",
        "a6000": "a6000",
        "h100": "h100",
        "p100": "P100",
        "rtx2080": "rtx2080",
        "rtx3080": "rtx3080",
        "v100": "v100",
        "cpu-xeon-silver": "cpu_mlgpu",
        "cpu-xeon-gold": "cpu_meta",
        "cpu-amd-7452": "cpu_a6000",
        "cpu-amd-7502": "cpu_alldlc",
        "cpu-amd-7513": "helix_cpu",
        "cpu-unnamed": "cpu_p100",
    }


def test_precision_of_the_devices():
    half = {n: e.precision for n, e in DEVICES.items() if e.kind == "gpu"}
    assert {n for n, p in half.items() if p == "bf16"} == {"a100", "a40", "a6000", "h100"}
    assert {n for n, p in half.items() if p == "fp16"} == {"p100", "rtx2080", "rtx3080", "v100"}
    assert {e.precision for e in DEVICES.values() if e.kind == "cpu"} == {"fp32"}


def test_batch_sizes():
    assert BATCH_SIZES == {"s": 8, "m": 4, "l": 1}
    assert TRACKER_BATCH_SIZE == 8
    for campaign in campaigns(SCALES, [DEVICES["a100"]]):
        expected = {"latency": BATCH_SIZES[campaign.scale], "tracker": 8}[campaign.kind]
        assert measured(campaign).batch_size == expected


def test_a_whole_checkout():
    """14 devices and 8 trackers, 2 memory precisions, perplexity; at each of 3 scales."""
    everything = campaigns(SCALES, [*DEVICES.values(), None])
    assert len(everything) == 3 * (14 + 8 + 2 + 1)
    assert len({campaign.name for campaign in everything}) == len(everything)
    names = {campaign.name for campaign in everything}
    assert f"{RAW}/latency_P100_l/efficiency_observations" in names
    assert f"{RAW}/latency_a100/efficiency_energy_observations_tracker" in names
    assert f"{RAW}/mem_rtx2080_m/efficiency_observations" in names
    assert "arch_ppl_bench_s/ppl_observations_tracker" in names


def test_missing_files_follow_from_the_ranges(tmp_path):
    latency, _ = campaigns(["s"], [DEVICES["a100"]])
    found = [Chunk(0, 2500, tmp_path), Chunk(5000, 7500, tmp_path)]
    assert latency.missing(found) == [
        f"{RAW}/latency_a100/efficiency_observations_2500_5000.pkl",
        f"{RAW}/latency_a100/efficiency_observations_7500_10000.pkl",
    ]
    assert latency.missing([Chunk(0, 10_000, tmp_path)]) == []
    *_, perplexity = campaigns(["l"], [None])
    assert len(perplexity.missing([])) == 10


def test_chunks_are_numbered_whether_or_not_others_are_there(checkout):
    for start in (7500, 2500):
        checkout.latency("latency_a100", start, [])
    checkout.tracker("latency_a100", 0, [])
    latency, tracker = campaigns(["s"], [DEVICES["a100"]])
    assert [chunk.number for chunk in chunks(checkout.root, latency)] == [1, 3]
    assert [chunk.number for chunk in chunks(checkout.root, tracker)] == [0]


def test_other_pickles_are_left_out_by_name(checkout):
    checkout.latency("latency_v100", 0, [])
    checkout.write("latency_v100", "efficiency_energy_20_observations_0_2500", [])
    checkout.write("arch_ppl_bench_s", "ppl", [])
    checkout.write("latency_tpu", "efficiency_observations_0_2500", [])
    ignored = ignored_files(checkout.root)
    assert sorted(ignored) == [
        "arch_ppl_bench_s/ppl.pkl",
        f"{RAW}/latency_tpu/efficiency_observations_0_2500.pkl",
        f"{RAW}/latency_v100/efficiency_energy_20_observations_0_2500.pkl",
    ]
    assert "ranks disagree" in ignored[sorted(ignored)[2]]


def test_unknown_device():
    with pytest.raises(UnknownNameError, match="did you mean 'a100'"):
        device("a10")
