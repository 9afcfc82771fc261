"""Every known defect of upstream's files, put into a small checkout; expected values by hand."""

import numpy as np
import pytest

from hwbench import spaces
from hwbench.data import Flag, find
from hwbench.data.hwgptbench import import_checkout
from hwbench.spaces.upstream import from_upstream_dict
from tests.data.conftest import count_params, cpu_row, latency_row, make_arch, tracker_row

TEN_MS = [22.991, 23.729, 23.699, 23.717, 23.717, 23.707, 23.709, 23.711, 23.715, 23.71]


@pytest.fixture
def run(checkout, tmp_path):
    """Import what was written so far and return the report."""

    def run(**options):
        return import_checkout(checkout.root, tmp_path / "tables", jobs=0, **options)

    return run


@pytest.fixture
def tables(tmp_path):
    def tables(space, device, metric, protocol=None):
        folder = tmp_path / "tables"
        return find(folder, space=space, device=device, metric=metric, protocol=protocol)

    return tables


def codes(space, archs):
    of = spaces.get(space)
    return of.encode([from_upstream_dict(arch, of) for arch in archs])


def test_milliseconds_become_seconds(checkout, run, tables):
    archs = [make_arch(i) for i in range(2)]
    checkout.latency("latency_a100", 0, [latency_row(a, "s", times=TEN_MS) for a in archs])
    run(devices=["a100"])
    table = tables("gpt-s", "a100", "latency_s")
    by_hand = [0.022991, 0.023729, 0.023699, 0.023717, 0.023717]
    by_hand += [0.023707, 0.023709, 0.023711, 0.023715, 0.02371]
    np.testing.assert_allclose(table.repeats, [by_hand] * 2, rtol=1e-15)
    np.testing.assert_allclose(table.center(), 0.0237105, rtol=1e-15)
    np.testing.assert_array_equal(table.codes, codes("gpt-s", archs))
    assert (table.protocol.batch_size, table.protocol.precision) == (8, "bf16")
    assert (table.protocol.unit, table.protocol.network) == ("s", "profiled")


def test_seconds_mixed_with_milliseconds(checkout, run, tables):
    """Each repeat has its own unit; the stored mean averages 1.02 and 990.5 and is not used."""
    row = cpu_row(make_arch(0), "s", times=[1.02, 990.5, 1.0, 999.25], units=["s", "ms", "s", "ms"])
    assert row["cpu_lat"] == pytest.approx(497.9425)
    plain = cpu_row(make_arch(1), "s", times=[1.5, 1.25, 1.75, 2.0])
    checkout.latency("latency_cpu_meta", 0, [row, plain])
    run(devices=["cpu-xeon-gold"])
    table = tables("gpt-s", "cpu-xeon-gold", "latency_s")
    assert table.repeats.tolist() == [[1.02, 0.9905, 1.0, 0.99925], [1.5, 1.25, 1.75, 2.0]]
    assert table.flagged(Flag.MIXED_UNITS).tolist() == [True, False]
    assert table.std is None, "upstream's std is a copy of the mean"
    assert table.protocol.resolution == 0.01
    assert any("up to 10 ms more" in note for note in table.protocol.notes)


def test_microseconds_too(checkout, run, tables):
    row = latency_row(make_arch(0), "s", times=[950.0, 1.25], units=["us", "ms"])
    checkout.latency("latency_h100", 0, [row])
    run(devices=["h100"])
    assert tables("gpt-s", "h100", "latency_s").repeats.tolist() == [[0.00095, 0.00125]]


def test_watts_named_co2_and_watt_hours_named_kwh(checkout, run, tables):
    """0.0005 Wh = 1.8 J; 1.8 J at 65 W take 28 ms, as the latency says; kWh would be 28 s."""
    row = tracker_row(make_arch(0), energy=[0.01, 0.0005, 0.00075], power=[70.0, 65.0, 97.5])
    checkout.tracker("latency_a100", 0, [row])
    run(devices=["a100"])
    energy = tables("gpt-s", "a100", "energy_j")
    assert energy.repeats.tolist() == [[36.0, 1.8, pytest.approx(2.7)]]
    assert (energy.protocol.unit, energy.protocol.name) == ("J", "tracker")
    power = tables("gpt-s", "a100", "power_w")
    assert power.repeats.tolist() == [[70.0, 65.0, 97.5]]
    assert power.protocol.unit == "W"


def test_the_cold_first_repeat_is_kept_but_not_in_the_centre(checkout, run, tables):
    row = tracker_row(make_arch(0, "l"), energy=[1.0, 0.001, 0.002, 0.003], power=[60.0] * 4)
    checkout.tracker("latency_v100_l", 0, [row])
    run(scales=["l"], devices=["v100"])
    table = tables("gpt-l", "v100", "energy_j")
    assert table.repeats[0, 0] == 3600.0
    assert table.center().tolist() == [pytest.approx(7.2)]
    assert table.center(skip_first=0).tolist() == [pytest.approx(9.0)]
    assert table.flagged(Flag.COLD_START).tolist() == [True]
    assert table.protocol.batch_size == 8, "the tracker used 8 at every scale"


def test_two_clock_states_are_flagged_and_kept(checkout, run, tables):
    boost = [20.0, 20.01, 25.0, 25.01, 25.02, 25.0, 25.01, 25.0, 25.02, 25.01]
    rows = [
        latency_row(make_arch(0), "s", times=boost),
        latency_row(make_arch(1), "s", times=TEN_MS),
    ]
    checkout.latency("latency_rtx2080", 0, rows)
    report = run(devices=["rtx2080"])
    table = tables("gpt-s", "rtx2080", "latency_s")
    assert table.repeats.shape == (2, 10)
    assert table.flagged(Flag.TWO_STATES).tolist() == [True, True]
    assert report.tables[0].flags == {"two_states": 2}


def test_cpu_energy_has_only_mean_and_deviation(checkout, run, tables):
    """0.5 Wh = 1800 J, 0.01 Wh = 36 J."""
    rows = [cpu_row(make_arch(0, "m"), "m", times=[2.0] * 10, energy=(0.5, 0.01))]
    checkout.latency("latency_cpu_mlgpu_m", 0, rows)
    run(scales=["m"], devices=["cpu-xeon-silver"])
    table = tables("gpt-m", "cpu-xeon-silver", "energy_j")
    assert table.repeats.tolist() == [[1800.0]]
    assert table.std.tolist() == [36.0]
    assert table.protocol.name == "codecarbon"
    assert table.protocol.statistic == "mean of 10 forward passes; only it was kept"
    assert (table.protocol.batch_size, table.protocol.precision) == (4, "fp32")


def test_one_repeat_devices(checkout, run, tables):
    row = cpu_row(make_arch(0), "s", times=[20.73], energy=(2.0, 0.0))
    checkout.latency("latency_helix_cpu", 0, [row])
    run(devices=["cpu-amd-7513"])
    latency = tables("gpt-s", "cpu-amd-7513", "latency_s")
    assert latency.repeats.tolist() == [[20.73]]
    assert latency.center().tolist() == [20.73]
    assert any("measured once" in note for note in latency.protocol.notes)
    energy = tables("gpt-s", "cpu-amd-7513", "energy_j")
    assert energy.protocol.statistic == "mean of 1 forward pass; only it was kept"


def test_energy_that_was_never_measured(checkout, run, tmp_path):
    rows = [cpu_row(make_arch(i), "s", times=[4.0] * 10, energy=(0.0, 0.0)) for i in range(3)]
    checkout.latency("latency_cpu_p100", 0, rows)
    report = run(devices=["cpu-unnamed"])
    assert [table.path for table in report.tables] == [
        "gpt-s/cpu-unnamed/latency_s.profiler.parquet"
    ]
    assert report.dropped == {"not-positive": 3}
    assert not list((tmp_path / "tables").rglob("energy*"))


def test_counts_that_were_never_made_are_noticed(checkout, run, tables):
    rows = [cpu_row(make_arch(i), "s", times=[4.0] * 10) for i in range(3)]
    rows[1] |= {"macs": 0, "flops": 0}
    checkout.latency("latency_cpu_meta", 0, rows)
    report = run(devices=["cpu-xeon-gold"])
    assert report.noticed == {"macs-not-counted": 1}
    assert report.dropped == {}
    assert len(tables("gpt-s", "cpu-xeon-gold", "latency_s")) == 3


def test_stray_rows_of_another_scale_take_no_place(checkout, run, tables):
    own = [make_arch(i, "m") for i in range(3)]
    strays = [latency_row(make_arch(i, "s"), "s", times=TEN_MS) for i in range(2)]
    rows = [latency_row(arch, "m", times=TEN_MS) for arch in own]
    checkout.latency("latency_a6000_m", 2500, [*strays, *rows])
    report = run(scales=["m"], devices=["a6000"])
    table = tables("gpt-m", "a6000", "latency_s")
    assert report.dropped == {"other-scale": 2}
    assert table.position.tolist() == [2500, 2501, 2502]
    assert table.chunk.tolist() == [1, 1, 1]
    np.testing.assert_array_equal(table.codes, codes("gpt-m", own))


def test_repeated_rows_take_no_place(checkout, run, tables):
    first, second = (latency_row(make_arch(i), "s", times=TEN_MS) for i in range(2))
    again = latency_row(make_arch(0), "s", times=[1.0] * 10)
    third = latency_row(make_arch(2), "s", times=TEN_MS)
    checkout.latency("latency_a40", 0, [first, again, second, third])
    report = run(devices=["a40"])
    table = tables("gpt-s", "a40", "latency_s")
    assert report.dropped == {"duplicate": 1}
    assert table.position.tolist() == [0, 1, 2]
    assert table.repeats[0].tolist() == [value / 1000 for value in TEN_MS]


def test_rows_that_an_earlier_file_holds_keep_their_place(checkout, run, tables):
    rows = [latency_row(make_arch(i), "s", times=TEN_MS) for i in range(4)]
    checkout.latency("latency_a40", 0, rows[:2])
    checkout.write("latency_a40", "efficiency_observations_0_10000", rows)
    report = run(scales=["s"], devices=["a40"])
    assert report.dropped == {"duplicate": 2}
    assert tables("gpt-s", "a40", "latency_s").position.tolist() == [0, 1, 2, 3]
    assert not [name for name in report.missing if "tracker" not in name]


def test_bad_rows_leave_a_gap(checkout, run, tables):
    """A wrong count, unit, label, number or field drops its row and nothing else."""
    good = [latency_row(make_arch(i), "s", times=TEN_MS) for i in range(9)]
    bad = {
        1: good[1] | {"params": count_params(make_arch(1)) + 1},
        2: good[2] | {"macs": good[2]["macs"] // 2},
        3: good[3] | {"unit_gpu": ["h"] * 10},
        4: good[4] | {"times_profiler_gpu": [0.0] * 10},
        5: good[5] | {"times_profiler_gpu": "fast"},
        6: good[6] | {"arch": good[6]["arch"] | {"sample_embed_dim": 500}},
        7: {"gpu_lat": 1.0},
    }
    checkout.latency("latency_a100", 0, [bad.get(i, row) for i, row in enumerate(good)])
    report = run(devices=["a100"])
    table = tables("gpt-s", "a100", "latency_s")
    assert table.position.tolist() == [0, 8]
    assert report.dropped == {
        "malformed": 2,
        "bad-architecture": 1,
        "params-mismatch": 1,
        "macs-mismatch": 1,
        "unknown-unit": 1,
        "not-positive": 1,
    }


@pytest.mark.parametrize(
    "changes",
    [{"unit": "kg"}, {"unit_energy": "Wh"}, {"unit_energy": None}],
)
def test_a_label_that_is_wrong_in_a_new_way_is_not_trusted(checkout, run, changes):
    row = tracker_row(make_arch(0), energy=[0.001] * 5, power=[60.0] * 5, **changes)
    checkout.tracker("latency_a100", 0, [row])
    report = run(devices=["a100"])
    assert report.dropped == {"unknown-unit": 2}  # of energy and of power
    assert report.tables == []


def test_single_bad_repeats_are_set_aside_and_flagged(checkout, run, tables):
    rows = [
        latency_row(make_arch(0), "s", times=[20.0, 0.0, 22.0, float("nan"), 24.0]),
        latency_row(make_arch(1), "s", times=[20.0, 21.0]),
    ]
    checkout.latency("latency_a100", 0, rows)
    run(devices=["a100"])
    table = tables("gpt-s", "a100", "latency_s")
    nan = np.nan
    np.testing.assert_array_equal(
        table.repeats, [[0.02, nan, 0.022, nan, 0.024], [0.02, 0.021, nan, nan, nan]]
    )
    assert table.flagged(Flag.LOST_REPEATS).tolist() == [True, False]
    assert table.center().tolist() == [0.022, 0.0205]


def test_memory_is_restored_to_the_byte(checkout, run, tables):
    """Upstream kept MB (1e6) in single precision: 836957184 bytes as 836.9571533203125."""
    exact = [836_957_184, 5_064_266_752]
    stored = [float(np.float32(n / 1e6)) for n in exact]
    assert stored[0] * 1e6 != exact[0]
    rows = [{"arch": make_arch(i), "mean_mem": mb, "std_mem": 0.0} for i, mb in enumerate(stored)]
    rows.append({"arch": make_arch(2), "mean_mem": 100.0001, "std_mem": 0.0})
    checkout.write("mem_a100", "efficiency_observations_0_10000", rows)
    checkout.write("mem_rtx2080", "efficiency_observations_0_10000", rows[:1])
    report = run(scales=["s"], devices=["any"])
    table = tables("gpt-s", None, "memory_bytes", "bf16")
    assert table.repeats[:2, 0].tolist() == exact
    assert table.repeats[2, 0] == pytest.approx(100_000_100)  # no multiple of 512: as it is
    assert len(tables("gpt-s", None, "memory_bytes", "fp16")) == 1
    assert all("mem_" not in name for name in report.missing)


def test_perplexity_and_accuracy(checkout, run, tables):
    for start, numbers in ((0, (0, 1)), (1000, (2,)), (2000, ())):
        rows = [
            {"arch": make_arch(i, "l"), "perplexity": 20.0 + i, "accuracy": 0.4 + i / 10}
            for i in numbers
        ]
        name = f"ppl_observations_tracker_{start}_{start + 1000}"
        checkout.write("arch_ppl_bench_l", name, rows)
    report = run(scales=["l"], devices=["any"])
    table = tables("gpt-l", None, "perplexity")
    assert table.repeats[:, 0].tolist() == [20.0, 21.0, 22.0]
    assert table.position.tolist() == [0, 1, 1000]
    assert table.chunk.tolist() == [0, 0, 1]
    assert table.protocol.network == "supernet", "not the network whose latency was measured"
    assert tables("gpt-l", None, "accuracy").repeats[:, 0].tolist() == [
        0.4,
        0.5,
        0.6000000000000001,
    ]
    assert sum("arch_ppl_bench_l" in name for name in report.missing) == 7


def test_bias_as_text_and_lists_longer_than_the_network(checkout, run, tables):
    arch = make_arch(4) | {"sample_n_layer": 10}
    as_text = arch | {"sample_bias": "False", "sample_embed_dim": 192}
    rows = [latency_row(a, "s", times=TEN_MS) for a in (arch, as_text)]
    checkout.latency("latency_a100", 0, rows)
    run(devices=["a100"])
    of = spaces.get("gpt-s")
    table = tables("gpt-s", "a100", "latency_s")
    assert of.depths(table.codes).tolist() == [10, 10]
    assert of.values(table.codes, "bias").tolist() == [True, False]
