import pytest

from hwbench.benchmark import load
from hwbench.benchmark.publishing import publish
from tests.benchmark.publishing.conftest import SAID, UPSTREAM


@pytest.fixture
def text(dataset):
    return (dataset / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def head(text):
    yaml = pytest.importorskip("yaml", reason="needs the package pyyaml")
    return yaml.safe_load(text.split("---\n")[1])


def test_the_head_has_the_fields_of_the_hub(head):
    assert head["license"] == "cc-by-4.0"
    assert head["pretty_name"] == "dataset"
    assert head["size_categories"] == ["n<1K"]
    assert head["task_categories"] == ["tabular-regression"]
    assert {"hwbench", "latency_s"} <= set(head["tags"])


def test_each_config_names_a_file_that_is_there(head, dataset):
    files = [config["data_files"][0] for config in head["configs"]]
    assert {entry["split"] for entry in files} == {"train"}
    assert {dataset / entry["path"] for entry in files} == set((dataset / "data").iterdir())
    assert [config["config_name"] for config in head["configs"]][-1] == "tables"


def test_the_hub_library_reads_the_card(text, head):
    hub = pytest.importorskip("huggingface_hub", reason="needs the package huggingface_hub")
    card = hub.DatasetCard(text)
    assert card.data.license == head["license"]
    assert card.data.to_dict()["configs"] == head["configs"]


def test_it_counts_what_is_there(text):
    assert "| `gpt-s.latency_s` | s | 3 | 1 | 1 | 4 | 2 |" in text
    assert "| `gpt-s.energy_j` | J | 2 | 2 | 1 | 1-2 | 0 |" in text
    assert "| `gpt-s.perplexity` | 1 | 2 | - | 1 | 1 | 0 |" in text


def test_it_says_where_the_numbers_come_from_and_what_is_missing(text):
    assert f"| Upstream | {UPSTREAM} | 0123abc | CC-BY-4.0 | - |" in text
    assert "Not imported, because it was not there: 7_9." in text
    assert "Rows left out by the import: 1,234 (odd rows)." in text
    assert "/a/private/folder" not in text


def test_it_repeats_the_limits_of_the_bundle(text):
    for limit in load("gpt-s").bundle.limits:
        assert f"- {limit}\n" in text


def test_notes_say_what_they_hold_for_and_bars_do_not_break_tables(text):
    assert "- noted | here (`gpt-s.latency_s`; `gpt-s.energy_j`)\n" in text
    tables = [line for line in text.splitlines() if line.startswith("| ")]
    assert tables
    assert all(line.endswith(" |") for line in tables)


def test_a_device_of_ones_own_is_described_by_its_session(tmp_path, profiled):
    publish(tmp_path / "out", tables=[profiled], said=SAID)
    text = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "| mine | Some CPU; cores 4; memory 8 GB | - | - | - | yes |" in text
    assert "| hwbench profile, plan abc123 | - | - | - | 2023-11-14 |" in text
    assert "governor" not in text
    assert "The sources name nothing to cite." in text
