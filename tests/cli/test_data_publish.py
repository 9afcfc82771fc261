import json

import pandas as pd
import pytest

SAY = ("--licence", "apache-2.0", "--creator", "We", "--homepage", "https://example.org/d")


@pytest.fixture
def campaigns(root):
    """The two campaigns that the repository holds."""
    folder = root / "data" / "cpu-x86-2core-vm"
    return [str(folder / name) for name in ("torch-eager", "onnx-cpu")]


def test_real_campaigns_and_a_bundle_become_a_dataset(hwbench, campaigns, tmp_path):
    out = tmp_path / "vm"
    done = hwbench("data", "publish", *campaigns, "--bundle", "gpt-s", "--out", str(out), *SAY)
    assert (done.code, done.err) == (0, "")
    assert "bundles   gpt-s" in done.lines
    assert "licence   apache-2.0" in done.lines
    # 35 and 29 measurements, says the data card; campaigns and bundle are of one day.
    assert "date      2026-11-22" in done.lines
    rows = pd.read_parquet(out / "data" / "gpt-s.latency_s.parquet")
    counts = rows["protocol"].str.contains("onnx").value_counts()
    assert counts.to_dict() == {False: 35, True: 29}
    assert "AMD EPYC" in (out / "README.md").read_text(encoding="utf-8")


def test_the_record_says_the_same(hwbench, campaigns, tmp_path):
    out = tmp_path / "vm"
    done = hwbench("data", "publish", *campaigns, "--out", str(out), *SAY, "--json")
    assert done.json["rows"] == {"gpt-s.latency_s": 64, "gpt-s.memory_bytes": 64}
    assert done.json["files"] == len([path for path in out.rglob("*") if path.is_file()])
    assert done.json["creators"] == ["We"]
    assert done.json["citation"] is None
    # mlcroissant, where it is installed, would like a citation.
    assert all("citeAs" in warning for warning in done.json["warnings"])


def test_the_options_reach_the_description(hwbench, campaigns, tmp_path):
    more = ("--name", "called", "--citation", "We, 2027", "--date", "2027-01-02")
    out = tmp_path / "vm"
    hwbench(
        *("data", "publish", campaigns[0], "--out", str(out), *SAY, *more, "--version", "2.0.1")
    )
    said = json.loads((out / "croissant.json").read_text(encoding="utf-8"))
    assert (said["name"], said["citeAs"], said["datePublished"], said["version"]) == (
        "called",
        "We, 2027",
        "2027-01-02",
        "2.0.1",
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "nothing to publish; name a folder of tables, or --bundle"),
        (("none",), "none: holds no tables"),
        (("--bundle", "gpt-x"), "no bundle gpt-x; shipped: gpt-l, gpt-m, gpt-s"),
        (("--bundle", "gpt-s", "--licence", "free"), "unknown licence 'free'"),
        (("--bundle", "gpt-s", "--homepage", "page"), "--homepage needs an address"),
        (("--bundle", "gpt-s", "--date", "today"), "--date needs a day such as 2026-01-31"),
    ],
)
def test_one_line_says_what_is_wrong(hwbench, tmp_path, arguments, message):
    done = hwbench("data", "publish", *arguments, "--out", str(tmp_path / "out"))
    assert done.code == 2
    assert done.out == ""
    assert len(done.err.splitlines()) == 1
    assert message in done.err
    assert not list(tmp_path.iterdir())


def test_what_is_in_the_way_is_left_alone(hwbench, tmp_path):
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    done = hwbench("data", "publish", "--bundle", "gpt-s", "--out", str(tmp_path))
    assert done.code == 2
    assert "holds something else than a dataset; name another folder" in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
