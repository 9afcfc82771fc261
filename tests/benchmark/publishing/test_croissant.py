import hashlib
import json

import pandas as pd
import pyarrow.parquet as pq
import pytest

from tests.benchmark.publishing.conftest import PAGE

# The terms of appendix 1 of the specification, version 1.1.
TERMS = (
    "annotation arrayShape citeAs column containedIn equivalentProperty excludes extract field "
    "fileProperty fileObject fileSet format includes isArray isLiveDataset jsonPath key md5 "
    "parentField recordSet references regex readLines sdVersion separator source subField "
    "transform unArchive value"
)


@pytest.fixture
def said(dataset):
    return json.loads((dataset / "croissant.json").read_text(encoding="utf-8"))


def test_the_context_is_that_of_the_specification(said):
    context = said["@context"]
    assert {term: context[term] for term in TERMS.split()} == {t: f"cr:{t}" for t in TERMS.split()}
    assert context["cr"] == "http://mlcommons.org/croissant/"
    assert context["dataType"] == {"@id": "cr:dataType", "@type": "@vocab"}
    assert context["conformsTo"] == "dct:conformsTo"


def test_it_says_what_the_specification_requires(said):
    assert said["@type"] == "sc:Dataset"
    assert said["conformsTo"] == "http://mlcommons.org/croissant/1.1"
    assert said["name"] == "dataset"
    assert said["license"] == "https://spdx.org/licenses/CC-BY-4.0.html"
    assert said["url"] == PAGE
    assert said["creator"] == [{"@type": "sc:Organization", "name": "We"}]
    assert said["datePublished"] == "2026-02-03"
    assert "Upstream et al., 2025" in said["citeAs"]
    assert said["description"].startswith("7 measurements (latency_s, energy_j, perplexity)")
    assert "on 2 devices" in said["description"]


def test_every_file_below_the_root_is_listed_with_its_checksum(dataset, said):
    listed = {entry["contentUrl"]: entry["sha256"] for entry in said["distribution"]}
    there = [p for p in dataset.rglob("*") if p.is_file() and p.parent != dataset]
    assert listed == {
        p.relative_to(dataset).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in there
    }
    assert "bundles/gpt-s/manifest.json" in listed


def test_fields_are_the_columns_of_the_files(dataset, said):
    for record_set in said["recordSet"]:
        schema = pq.read_schema(dataset / "data" / f"{record_set['@id']}.parquet")
        assert [field["source"]["extract"]["column"] for field in record_set["field"]] == (
            schema.names
        )
        lists = {f["name"] for f in record_set["field"] if f.get("isArray")}
        assert lists == {c.name for c in schema if str(c.type).startswith("list")}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # in what it uses
def test_the_validator_finds_nothing_and_reads_the_records(dataset):
    mlcroissant = pytest.importorskip("mlcroissant", reason="needs the package mlcroissant")
    found = mlcroissant.Dataset(str(dataset / "croissant.json"))
    assert not found.metadata.ctx.issues.errors
    assert not found.metadata.ctx.issues.warnings
    for name in ("gpt-s.latency_s", "gpt-s.energy_j", "gpt-s.perplexity", "tables"):
        rows = pd.read_parquet(dataset / "data" / f"{name}.parquet")
        records = list(found.records(name))
        assert len(records) == len(rows)
        for column in rows.columns:
            got = [plain(record[f"{name}/{column}"]) for record in records]
            assert got == [plain(value) for value in rows[column]]


def plain(value):
    """Make text of bytes, lists of arrays and None of NaN."""
    if isinstance(value, bytes):
        return value.decode()
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list):
        return [plain(item) for item in value]
    return None if value is None or value != value else value
