import json
from hashlib import sha256

import pytest

from hwbench.benchmark.publishing import check
from hwbench.errors import BundleError, DataError


@pytest.fixture
def edit(dataset):
    """Change the description of `dataset`."""

    def change(how) -> None:
        path = dataset / "croissant.json"
        said = json.loads(path.read_text(encoding="utf-8"))
        how(said)
        path.write_text(json.dumps(said), encoding="utf-8")

    return change


def test_a_dataset_passes(dataset):
    found = check(dataset)
    assert (found.files, found.record_sets, found.bundles) == (8, 4, 1)
    assert found.warnings == ()


def test_a_copy_in_a_repository_passes(dataset):
    (dataset / ".git" / "objects").mkdir(parents=True)
    (dataset / ".git" / "objects" / "pack").write_text("packed", encoding="utf-8")
    check(dataset)


def test_a_changed_file_is_found(dataset):
    path = dataset / "data" / "tables.parquet"
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(DataError, match=r"tables\.parquet was changed"):
        check(dataset)


def test_a_missing_file_is_found(dataset):
    (dataset / "data" / "gpt-s.energy_j.parquet").unlink()
    with pytest.raises(DataError, match="no such file"):
        check(dataset)


def test_an_added_file_is_found(dataset):
    (dataset / "data" / "more.csv").write_text("a,b\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"not part of the dataset: data/more\.csv"):
        check(dataset)


def test_a_bundle_that_lies_is_found(dataset, edit):
    path = dataset / "bundles" / "gpt-s" / "card.md"
    path.write_text("better than it is\n", encoding="utf-8")
    edit(lambda said: reseal(said, dataset))
    with pytest.raises(BundleError, match=r"card\.md"):
        check(dataset)


def reseal(said, dataset):
    """Write the checksums anew, as an author of malice would."""
    for entry in said["distribution"]:
        data = (dataset / entry["contentUrl"]).read_bytes()
        entry["sha256"] = sha256(data).hexdigest()


def first_field(said):
    return said["recordSet"][0]["field"][0]


BROKEN = {
    "url": (lambda s: s.pop("url"), "the dataset lacks url"),
    "creator": (lambda s: s.update(creator=[]), "the dataset lacks creator"),
    "date": (lambda s: s.pop("datePublished"), "the dataset lacks datePublished"),
    "version": (lambda s: s.update(conformsTo="http://mlcommons.org/croissant/1.0"), "conform"),
    "type": (lambda s: s.update({"@type": "sc:Thing"}), "must be a sc:Dataset"),
    "context": (lambda s: s["@context"].pop("recordSet"), "the context lacks recordSet"),
    "no files": (lambda s: s.update(distribution=[]), "the dataset lacks distribution"),
    "checksum": (lambda s: s["distribution"][0].pop("sha256"), "lacks sha256"),
    "file type": (lambda s: s["distribution"][0].update({"@type": "x"}), "must be a cr:FileObject"),
    "no fields": (lambda s: s["recordSet"][0].update(field=[]), "lacks field"),
    "field": (lambda s: first_field(s).pop("dataType"), "lacks dataType"),
    "same id": (
        lambda s: first_field(s).update({"@id": s["recordSet"][1]["@id"]}),
        "defined twice: gpt-s.energy_j",
    ),
    "reference": (
        lambda s: first_field(s)["source"].update(fileObject={"@id": "data/none.parquet"}),
        "refers to what is not there: data/none.parquet",
    ),
    "two files": (
        lambda s: first_field(s)["source"].update(fileObject={"@id": "data/tables.parquet"}),
        "must have one Parquet file",
    ),
    "column": (
        lambda s: first_field(s)["source"]["extract"].update(column="no_such"),
        "does not fit its file at architecture, no_such",
    ),
    "column type": (lambda s: first_field(s).update(dataType="cr:Int64"), "does not fit its file"),
    "list": (lambda s: first_field(s).update(isArray=True), "does not fit its file"),
    "one column less": (lambda s: s["recordSet"][0]["field"].pop(), "does not fit its file"),
    "escape": (lambda s: s["distribution"][0].update(contentUrl="../x"), "leaves the folder"),
    "absolute": (lambda s: s["distribution"][0].update(contentUrl="/etc/x"), "leaves the folder"),
    "nonsense": (lambda s: s.update(distribution=[1]), "not laid out as expected"),
    "no extract": (lambda s: first_field(s)["source"].pop("extract"), "not laid out as expected"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_description_is_found(dataset, edit, name):
    how, message = BROKEN[name]
    edit(how)
    with pytest.raises(DataError, match=message):
        check(dataset)


@pytest.mark.parametrize("text", ["", "[]", "{"])
def test_what_is_no_description_is_refused(tmp_path, text):
    (tmp_path / "croissant.json").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=r"croissant\.json"):
        check(tmp_path)
    with pytest.raises(DataError, match="no readable description"):
        check(tmp_path / "none")
