"""Sources: what is read, what is left out, and what the words of the command line mean."""

import sysconfig
from pathlib import Path

import pyarrow as pa
import pytest

from hwbench.data.text import FileSource, FolderSource, HuggingFaceSource, open_source
from hwbench.errors import DataError, MissingExtraError


def test_a_folder_in_the_order_of_its_paths(folder_of):
    folder = folder_of({"b.txt": "two", "a/c.md": "one", "z.txt": "three"})
    found = [(d.name, d.text) for d in open_source(folder).documents()]
    assert found == [("a/c.md", "one"), ("b.txt", "two"), ("z.txt", "three")]


def test_what_is_no_text_is_left_out(folder_of):
    folder = folder_of(
        {
            "fine.txt": "text with ünicode",
            "binary": b"PK\x00\x01",
            "latin.txt": "caf\xe9".encode("latin-1"),
            "blank.txt": " \n",
            ".hidden.txt": "no",
            ".git/config": "no",
        }
    )
    assert [d.name for d in open_source(folder).documents()] == ["fine.txt"]


def test_a_marker_ends_a_document(folder_of):
    folder = folder_of({"stories.txt": "Once.<|endoftext|>\n<|endoftext|>Twice."})
    found = [(d.name, d.text) for d in open_source(folder / "stories.txt").documents()]
    assert found == [("stories.txt", "Once."), ("stories.txt#2", "Twice.")]


def test_a_file_that_is_no_text_is_named(folder_of):
    folder = folder_of({"binary": b"\x00"})
    with pytest.raises(DataError, match="binary: not UTF-8 text"):
        list(FileSource(folder / "binary").documents())


def test_the_standard_library_without_its_tests():
    source = open_source()
    names = [d.name for d in source.documents()]
    assert source.name == "stdlib"
    assert {"argparse.py", "json/decoder.py"} <= set(names)
    assert not [n for n in names if {"test", "tests", "site-packages"} & set(Path(n).parts)]
    text = (Path(sysconfig.get_path("stdlib")) / "argparse.py").read_bytes().decode()
    assert next(d.text for d in source.documents() if d.name == "argparse.py") == text


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("hf:a/b", HuggingFaceSource("a/b", "train", "text")),
        ("hf:a/b:test", HuggingFaceSource("a/b", "test", "text")),
        ("hf:a/b:test:story", HuggingFaceSource("a/b", "test", "story")),
    ],
)
def test_words_for_hugging_face(words, expected):
    assert open_source(words) == expected


def test_a_missing_path_is_named():
    with pytest.raises(DataError, match="nowhere: no such file or folder"):
        open_source("nowhere")


def test_a_dataset_saved_on_disk(tmp_path):
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    table = datasets.table.InMemoryTable(pa.table({"story": ["one", "", "two"]}))
    rows = datasets.Dataset(table, fingerprint="hand-made")
    rows.save_to_disk(str(tmp_path / "saved"))
    source = HuggingFaceSource(str(tmp_path / "saved"), column="story")
    assert [d.text for d in source.documents()] == ["one", "two"]
    with pytest.raises(DataError, match="its columns are story"):
        list(HuggingFaceSource(str(tmp_path / "saved")).documents())


def test_without_the_package_a_dataset_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    with pytest.raises(MissingExtraError, match="pip install datasets"):
        list(open_source("hf:a/b").documents())


def test_a_folder_may_be_given_another_pattern(folder_of):
    folder = folder_of({"a.py": "x = 1", "b.txt": "no"})
    assert [d.name for d in FolderSource(folder, "*.py").documents()] == ["a.py"]
