import pytest

from hwbench.benchmark import load
from hwbench.benchmark.loading import SHIPPED
from hwbench.benchmark.publishing import publish, writing
from hwbench.errors import DataError, MissingExtraError
from tests.benchmark.publishing.conftest import SAID


def contents(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.*")}


def test_the_same_input_gives_the_same_bytes(tmp_path, imported, profiled):
    for place in ("one", "two"):
        publish(tmp_path / place / "out", tables=[imported, profiled], bundles=["gpt-s"], said=SAID)
    assert contents(tmp_path / "one" / "out") == contents(tmp_path / "two" / "out")


def test_bundles_are_copied_byte_by_byte_and_load(dataset):
    assert contents(dataset / "bundles" / "gpt-s") == contents(SHIPPED / "gpt-s")
    assert load(dataset / "bundles" / "gpt-s").sha256 == load("gpt-s").sha256


def test_it_says_what_it_wrote(tmp_path, imported):
    done = publish(tmp_path / "out", tables=[imported], bundles=["gpt-s"], name="called", said=SAID)
    assert done.about.name == "called"
    assert done.rows == {"gpt-s.latency_s": 3, "gpt-s.energy_j": 2, "gpt-s.perplexity": 2}
    assert done.bundles == {"gpt-s": load("gpt-s").sha256}
    assert done.bytes == sum(map(len, contents(tmp_path / "out").values()))


def test_bundles_alone_need_no_more_than_the_base_install(tmp_path, monkeypatch):
    def refuse(module, extra):
        raise MissingExtraError(f"{module} of {extra} is not there")

    for module in ("rows", "columns", "checking"):
        monkeypatch.setattr(f"hwbench.benchmark.publishing.{module}.require", refuse)
    monkeypatch.setattr("hwbench.benchmark.publishing.checking._VALIDATOR", "no_such_package")
    done = publish(tmp_path / "out", bundles=["gpt-s", "gpt-m"])
    assert done.rows == {}
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "README.md",
        "bundles",
        "croissant.json",
    ]
    assert done.about.creators == ("HW-GPT-Bench",)
    assert done.checked.validator is None


def test_a_dataset_is_replaced(dataset, imported):
    publish(dataset, tables=[imported], said=SAID)
    assert not (dataset / "bundles").exists()
    assert (dataset / "data" / "tables.parquet").is_file()


@pytest.mark.parametrize("name", ["notes.txt", ".gitattributes"])
def test_another_folder_is_left_alone(dataset, imported, name):
    (dataset / name).write_text("mine", encoding="utf-8")
    before = contents(dataset)
    with pytest.raises(DataError, match="holds something else"):
        publish(dataset, tables=[imported], said=SAID)
    assert contents(dataset) == before


def test_a_file_is_left_alone_and_an_empty_folder_is_used(tmp_path, imported):
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    with pytest.raises(DataError, match="is no folder"):
        publish(tmp_path / "file", tables=[imported], said=SAID)
    (tmp_path / "empty").mkdir()
    publish(tmp_path / "empty", tables=[imported], said=SAID)


def test_a_broken_run_leaves_nothing(tmp_path, imported, dataset, monkeypatch):
    def fail(folder):
        raise DataError("not good")

    monkeypatch.setattr(writing, "check", fail)
    before = contents(dataset)
    there = sorted(tmp_path.iterdir())
    for out in (tmp_path / "new", dataset):
        with pytest.raises(DataError, match="not good"):
            publish(out, tables=[imported], said=SAID)
    assert sorted(tmp_path.iterdir()) == there
    assert contents(dataset) == before


def test_a_move_that_fails_brings_the_old_one_back(dataset, imported, monkeypatch):
    before = contents(dataset)
    rename = type(dataset).rename

    def fail(self, target):
        if self.name == "draft":
            raise OSError("no space")
        return rename(self, target)

    monkeypatch.setattr(type(dataset), "rename", fail)
    with pytest.raises(OSError, match="no space"):
        publish(dataset, tables=[imported], said=SAID)
    assert contents(dataset) == before
