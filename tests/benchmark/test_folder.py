"""Whatever happens to the files of a bundle, loading it is safe and says what is wrong."""

import json
import os
import shutil
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hwbench.benchmark import folder as files
from hwbench.benchmark import load, save
from hwbench.errors import BundleError, HwbenchError, SchemaError
from hwbench.testing.bundles import made_bundle

FILES = ("manifest.json", "arrays.safetensors", "card.json", "card.md")
FEW = settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_these_are_the_files(folder):
    assert {path.name for path in folder.iterdir()} == set(FILES)


@pytest.mark.parametrize("name", FILES)
@FEW
@given(data=st.data())
def test_a_changed_byte_is_found(folder, name, data):
    path = folder / name
    good = path.read_bytes()
    place = data.draw(st.integers(0, len(good) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != good[place]))
    path.write_bytes(good[:place] + bytes([other]) + good[place + 1 :])
    with pytest.raises((BundleError, SchemaError)):
        load(folder)
    path.write_bytes(good)
    assert load(folder).name == "made"


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("change", [lambda b: b[:-1], lambda b: b + b" ", lambda b: b""])
def test_a_longer_or_shorter_file_is_found(folder, name, change):
    path = folder / name
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(BundleError, match=name):
        load(folder)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(BundleError, match=f"{name}: No such file"):
        load(folder)


def test_an_additional_file_is_named(folder):
    (folder / "setup.py").write_text("")
    with pytest.raises(BundleError, match=r"not part of the bundle: setup\.py"):
        load(folder)


@pytest.mark.parametrize("name", FILES)
def test_links_are_refused(folder, tmp_path, name):
    shutil.move(folder / name, tmp_path / name)
    (folder / name).symlink_to(tmp_path / name)
    with pytest.raises(BundleError, match=f"{name} is no plain file"):
        load(folder)


@pytest.mark.parametrize("name", FILES)
def test_pipes_do_not_block(folder, name):
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(BundleError, match=f"{name} is no plain file"):
        load(folder)


def test_a_link_to_a_whole_bundle_is_fine(folder, tmp_path):
    (tmp_path / "link").symlink_to(folder)
    assert load(tmp_path / "link").name == "made"


@pytest.mark.parametrize("schema", [2, 10**30])
def test_a_newer_schema_says_so(folder, reseal, schema):
    reseal(lambda manifest: manifest.update(schema=schema))
    with pytest.raises(SchemaError, match=r"this version reads 1; a newer hwbench wrote it"):
        load(folder)


@pytest.mark.parametrize("schema", [0, -1, "1", None, True, 1.0, [1]])
def test_a_schema_that_is_none(folder, reseal, schema):
    reseal(lambda manifest: manifest.update(schema=schema))
    with pytest.raises(SchemaError, match=r"this version reads 1$"):
        load(folder)


@pytest.mark.parametrize(
    "name", ["../card.md", "/etc/passwd", "a/b", "..", ".", "", "C:\\card.md", "sub/../../card.md"]
)
def test_a_path_that_leaves_the_folder(folder, reseal, name):
    reseal(lambda m: m["files"].update({name: m["files"].pop("card.md")}))
    with pytest.raises(BundleError, match="which leaves the folder"):
        load(folder)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda m: m.pop("files"), "must be a JSON object"),
        (lambda m: m.update(files=[]), "must be a JSON object"),
        (lambda m: m["files"].pop("card.md"), "must list"),
        (lambda m: m["files"].update(other=m["files"]["card.md"]), "must list"),
        (lambda m: m["files"]["card.md"].pop("bytes"), "lacks 'bytes'"),
        (
            lambda m: m["files"]["card.md"].update(bytes=10**6),
            r"bytes, manifest\.json says 1000000",
        ),
        (lambda m: m["files"]["card.md"].update(bytes=True), "must be a whole number"),
        (lambda m: m["files"]["card.md"].update(mode=755), "unknown fields: mode"),
        (lambda m: m["files"]["card.md"].update(sha256="0" * 63), "its SHA-256 is another one"),
    ],
)
def test_a_list_of_files_that_lies(folder, reseal, edit, message):
    reseal(edit)
    with pytest.raises(BundleError, match=message):
        load(folder)


@pytest.mark.parametrize("digest", [None, 3, "", "short", "é" * 64])
def test_a_manifest_without_its_seal(folder, digest):
    path = folder / "manifest.json"
    manifest = {**json.loads(path.read_text()), "sha256": digest}
    path.write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match="its own SHA-256"):
        load(folder)


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b"\xff", b'{"a":1,"a":2}', b"[" * 10**5])
def test_a_manifest_that_is_none(folder, text):
    (folder / "manifest.json").write_bytes(text)
    with pytest.raises(HwbenchError, match=r"manifest\.json"):
        load(folder)


# -- writing -----------------------------------------------------------------------------------


def test_saving_replaces_a_bundle(folder):
    digest = save(made_bundle(seed=1), folder)
    assert load(folder).sha256 == digest
    assert {path.name for path in folder.iterdir()} == set(FILES)
    assert [path.name for path in folder.parent.iterdir()] == ["made"]


def test_saving_makes_folders(tmp_path):
    save(made_bundle(), tmp_path / "a" / "b")
    assert load(tmp_path / "a" / "b").name == "made"


def test_saving_into_an_empty_folder(tmp_path):
    (tmp_path / "empty").mkdir()
    save(made_bundle(), tmp_path / "empty")
    assert load(tmp_path / "empty").name == "made"


@pytest.mark.parametrize("names", [["thesis.tex"], ["manifest.json", "thesis.tex"], ["card.md"]])
def test_other_folders_are_not_touched(tmp_path, names):
    for name in names:
        (tmp_path / name).write_text("years of work")
    with pytest.raises(BundleError, match="is no bundle; remove it or name another folder"):
        save(made_bundle(), tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == dict.fromkeys(
        names, "years of work"
    )


def test_files_and_links_are_not_replaced(folder, tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(folder)
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for name in ("file", "link", "dangling"):
        with pytest.raises(BundleError, match="exists and is no folder"):
            save(made_bundle(), tmp_path / name)


def test_a_failed_write_leaves_the_old_bundle(folder, monkeypatch):
    before = load(folder).sha256
    monkeypatch.setattr("pathlib.Path.write_bytes", _full_disk)
    with pytest.raises(OSError, match="disk is full"):
        save(made_bundle(seed=1), folder)
    monkeypatch.undo()
    assert load(folder).sha256 == before
    assert [path.name for path in folder.parent.iterdir()] == ["made"]


def _full_disk(*_):
    raise OSError("disk is full")


def test_what_json_cannot_hold_is_refused(tmp_path):
    for provenance in ({"a": float("nan")}, {"a": {1, 2}}, {"a": "0" * 64}):
        with pytest.raises(BundleError, match="manifest"):
            files.write(tmp_path / "x", {"provenance": provenance}, _parts())
    assert list(tmp_path.iterdir()) == []


def test_a_bundle_has_all_its_files(tmp_path):
    with pytest.raises(BundleError, match="a bundle consists of"):
        files.write(tmp_path / "x", {}, {"card.md": b""})


def _parts():
    return dict.fromkeys(FILES[1:], b"")


def test_two_writers_at_once_leave_one_whole_bundle(tmp_path):
    made = [made_bundle(seed=seed) for seed in range(4)]
    digests, errors = set(), []

    def write(bundle):
        try:
            digests.add(save(bundle, tmp_path / "one"))
        except OSError as error:  # the other one was faster
            errors.append(error)

    threads = [threading.Thread(target=write, args=(bundle,)) for bundle in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(digests) + len(errors) == 4
    assert load(tmp_path / "one").sha256 in digests
