import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from hwbench.benchmark.publishing.columns import arrow_schema, row_columns
from hwbench.benchmark.publishing.rows import configs, write_configs
from hwbench.data import load_tables
from hwbench.errors import DataError
from hwbench.spaces import get
from tests.benchmark.publishing.conftest import LARGE, SMALL, save


@pytest.fixture
def written(tmp_path, imported):
    """The Parquet files of the imported tables, by config."""
    found = configs(load_tables(imported))
    write_configs(found, tmp_path / "data")
    return {path.stem: path for path in (tmp_path / "data").iterdir()}


def test_one_config_a_space_and_metric_and_one_of_the_tables(written):
    assert set(written) == {"gpt-s.latency_s", "gpt-s.energy_j", "gpt-s.perplexity", "tables"}


def test_configs_stand_in_the_order_of_metrics(imported):
    names = [config.name for config in configs(load_tables(imported))]
    assert names == ["gpt-s.latency_s", "gpt-s.energy_j", "gpt-s.perplexity"]


def test_rows_come_back_as_they_were_measured(written):
    rows = pd.read_parquet(written["gpt-s.latency_s"])
    assert rows["architecture"].tolist() == [LARGE, SMALL, LARGE]
    assert rows["embed_dim"].tolist() == [768, 192, 768]
    assert rows["bias"].tolist() == [True, False, True]
    assert rows["n_layer"].tolist() == [12, 10, 12]
    assert rows["mlp_ratio"][1].tolist() == [2, 2, 2, 2, 2, 2, 2, 2, 2, 3]
    assert rows["n_head"][0].tolist() == [12] * 12
    assert rows["device"].tolist() == ["a100"] * 3
    assert rows["protocol"].tolist() == ["clock"] * 3
    assert rows["chunk"].tolist() == [0, 1, 2]
    assert rows["position"].tolist() == [0, 10, 20]
    assert [list(flags) for flags in rows["flags"]] == [
        ["cold_start"],
        [],
        ["cold_start", "lost_repeats"],
    ]


def test_the_centre_is_the_median_without_the_cold_start(written):
    rows = pd.read_parquet(written["gpt-s.latency_s"])
    assert rows["latency_s"].tolist() == [0.3, 0.2, 0.6]


def test_lost_repeats_are_null_and_filling_is_left_out(written):
    repeats = pq.read_table(written["gpt-s.latency_s"])["latency_s_repeats"].to_pylist()
    assert repeats == [[9.0, 0.5, 0.3, 0.1], [8.0, 0.2], [7.0, None, 0.6, None]]


def test_devices_share_a_file_and_deviations_stand_where_they_are_known(written):
    rows = pq.read_table(written["gpt-s.energy_j"]).to_pylist()
    assert [(r["device"], r["energy_j"], r["energy_j_std"]) for r in rows] == [
        ("a100", 2.0, None),
        ("cpu", 2.0, 0.25),
    ]
    assert "latency_s_std" not in pq.read_schema(written["gpt-s.latency_s"]).names


def test_a_metric_without_device_has_none(written):
    rows = pq.read_table(written["gpt-s.perplexity"]).to_pylist()
    assert [(r["device"], r["perplexity"]) for r in rows] == [(None, 30.5), (None, 20.5)]


def test_one_line_a_table_says_how_it_was_measured(written):
    lines = pq.read_table(written["tables"]).to_pylist()
    assert [(x["config"], x["device"], x["rows"], x["architectures"]) for x in lines] == [
        ("gpt-s.latency_s", "a100", 3, 2),
        ("gpt-s.energy_j", "a100", 1, 1),
        ("gpt-s.energy_j", "cpu", 1, 1),
        ("gpt-s.perplexity", None, 2, 2),
    ]
    first = lines[0]
    assert (first["unit"], first["batch_size"], first["precision"]) == ("s", 8, "bf16")
    assert (first["skip_first"], first["repeats"], first["flagged"]) == (1, 4, 2)
    assert (first["statistic"], first["notes"]) == ("one pass", ["noted | here"])


def test_a_table_without_rows_has_columns(tmp_path):
    save(tmp_path, "latency_s", "a100", np.empty((0, 2)), archs=[])
    write_configs(configs(load_tables(tmp_path)), tmp_path / "data")
    found = pq.read_table(tmp_path / "data" / "gpt-s.latency_s.parquet")
    assert found.num_rows == 0
    assert found.schema == arrow_schema(row_columns(get("gpt-s"), "latency_s", std=False))


def test_the_same_table_twice_is_refused(imported):
    tables = load_tables(imported)
    with pytest.raises(DataError, match=r"two tables of gpt-s/a100/energy_j\.clock"):
        configs([*tables, tables[0]])


def test_the_datasets_library_reads_the_same(dataset, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets", reason="needs the package datasets")
    path = dataset / "data" / "gpt-s.latency_s.parquet"
    found = datasets.load_dataset(str(dataset), "gpt-s.latency_s", cache_dir=str(tmp_path / "hf"))
    assert found["train"].to_list() == pq.read_table(path).to_pylist()
