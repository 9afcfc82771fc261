import json
from dataclasses import replace

import pytest

from hwbench.benchmark import load
from hwbench.benchmark.publishing import LICENCES, Said, find_licence
from hwbench.benchmark.publishing.about import settle
from hwbench.benchmark.publishing.sources import read
from hwbench.errors import BundleError, DataError, HwbenchError, SchemaError, UnknownNameError
from tests.benchmark.publishing.conftest import SAID, SMALL, UPSTREAM, save


def test_the_sources_say_what_the_publisher_does_not(imported):
    about = settle("name", Said(date="2026-02-03"), read([imported], []))
    assert about.licence.hub == "cc-by-4.0"
    assert about.url == UPSTREAM
    assert about.creators == ("Upstream",)
    assert about.citation == "Upstream et al., 2025"
    assert about.version == "1.0.0"


def test_the_date_is_the_newest_of_the_sources(profiled):
    said = replace(SAID, date=None)
    assert settle("n", said, read([profiled], [])).date == "2023-11-14"
    fitted = load("gpt-s").bundle.fitted
    assert fitted > "2023-11-14"
    assert settle("n", said, read([profiled], ["gpt-s"])).date == fitted


def test_a_source_that_two_bundles_share_is_named_once(imported):
    assert [origin.name for origin in read([imported], ["gpt-s", "gpt-m"]).origins] == [
        "HW-GPT-Bench",
        "Upstream",
    ]


def test_an_import_and_a_bundle_of_the_same_source_are_one(imported):
    path = imported / "import.json"
    known = load("gpt-s").bundle
    report = json.loads(path.read_text(encoding="utf-8"))
    report["source"] |= {"name": "HW-GPT-Bench", "url": known.provenance["url"]}
    report["source"]["licence"] = "Apache-2.0"
    path.write_text(json.dumps(report), encoding="utf-8")
    sources = read([imported], ["gpt-s"])
    assert len(sources.origins) == 1
    about = settle("n", Said(), sources)
    assert (about.licence.hub, about.url) == ("apache-2.0", known.provenance["url"])
    assert (about.citation, about.date) == (known.citation, known.fitted)


def test_tables_without_any_report_name_their_source(tmp_path):
    save(tmp_path, "accuracy", None, [[0.5]], archs=[SMALL])
    (origin,) = read([tmp_path], []).origins
    assert (origin.name, origin.licence, origin.url) == ("somebody's table", None, None)


@pytest.mark.parametrize("name", ["import.json", "sessions.json"])
@pytest.mark.parametrize("text", ["{", '"text"', "[1]"])
def test_a_damaged_report_is_refused(imported, name, text):
    (imported / "import.json").unlink()
    (imported / name).write_text(text, encoding="utf-8")
    with pytest.raises(SchemaError, match=name):
        read([imported], [])


@pytest.mark.parametrize(
    ("left_out", "message"),
    [
        ("licence", "names no licence; say --licence"),
        ("homepage", "names no page; say --homepage"),
        ("creators", "does not say who made it; say --creator"),
    ],
)
def test_what_a_campaign_of_ones_own_cannot_say_must_be_said(profiled, left_out, message):
    with pytest.raises(DataError, match=message):
        settle("n", replace(SAID, **{left_out: None}), read([profiled], []))


def test_sources_that_differ_need_a_word(imported):
    sources = read([imported], ["gpt-s"])  # CC-BY-4.0 and Apache-2.0
    with pytest.raises(DataError, match=r"several licences \(Apache-2.0, CC-BY-4.0\)"):
        settle("n", replace(SAID, licence=None), sources)
    with pytest.raises(DataError, match="several pages"):
        settle("n", replace(SAID, homepage=None), sources)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("a b", {}, "--name needs letters"),
        ("", {}, "--name needs letters"),
        ("n", {"version": "1.0"}, "--version needs three numbers"),
        ("n", {"date": "3 May"}, "--date needs a day"),
        ("n", {"date": None}, "have no date; say --date"),
        ("n", {"homepage": "example.org"}, "--homepage needs an address"),
        ("n", {"homepage": "ftp://example.org"}, "--homepage needs an address"),
        ("n", {"licence": "apache"}, "unknown licence 'apache'; did you mean 'apache-2.0'?"),
    ],
)
def test_what_cannot_be_right_is_refused(imported, name, changes, message):
    with pytest.raises(HwbenchError) as caught:
        settle(name, replace(SAID, **changes), read([imported], []))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("name", "hub", "page"),
    [
        ("Apache-2.0", "apache-2.0", "https://spdx.org/licenses/Apache-2.0.html"),
        ("ODBL", "odbl", "https://spdx.org/licenses/ODbL-1.0.html"),
        ("odc-by", "odc-by", "https://spdx.org/licenses/ODC-By-1.0.html"),
        ("gpl-3.0", "gpl-3.0", "https://spdx.org/licenses/GPL-3.0-only.html"),
        (" cc0-1.0 ", "cc0-1.0", "https://spdx.org/licenses/CC0-1.0.html"),
    ],
)
def test_licences_by_either_identifier(name, hub, page):
    assert find_licence(name).hub == hub
    assert find_licence(name).url == page


def test_licences_have_one_identifier_each_and_none_says_nothing():
    hubs = [licence.hub for licence in LICENCES]
    assert len(set(hubs)) == len(hubs)
    for nothing in ("other", "unknown", "cc", "gpl", "none needed"):
        with pytest.raises(UnknownNameError):
            find_licence(nothing)


def test_there_must_be_something_to_publish(tmp_path, folder):
    with pytest.raises(DataError, match="nothing to publish"):
        read([], [])
    with pytest.raises(DataError, match="holds no tables"):
        read([tmp_path], [])
    with pytest.raises(DataError, match="no bundle gpt-x; shipped: gpt-l, gpt-m, gpt-s"):
        read([], ["gpt-x"])
    with pytest.raises(DataError, match="two bundles of one name"):
        read([], [folder, folder])
    (folder / "card.md").write_text("changed", encoding="utf-8")
    with pytest.raises(BundleError):
        read([], [folder])
