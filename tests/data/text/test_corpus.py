"""Corpora: tokens on disk are the text, parts share nothing, the cache knows text by content."""

import itertools
import shutil
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwbench.data.text import PARTS, ByteTokenizer, Corpus, Windows, bits_per_byte, prepare
from hwbench.data.text.build import CACHE_VARIABLE, cache_folder
from hwbench.errors import DataError, SchemaError, ShapeError


def texts(n: int) -> dict[str, str]:
    return {f"{i:03}.txt": f"document {i} " + chr(97 + i % 26) * 40 + "\n" for i in range(n)}


@pytest.fixture
def corpus(json_package, tmp_path) -> Corpus:
    return prepare(json_package, vocab_size=257, cache=tmp_path / "cache")


def test_the_parts_are_the_text(corpus, json_package):
    whole = "".join(d.text for d in json_package.documents())
    back = {p: corpus.tokenizer.decode(corpus.array(p)) for p in PARTS}
    assert isinstance(corpus.tokenizer, ByteTokenizer)
    assert sum(map(len, back.values())) == len(whole)
    assert Counter("".join(back.values())) == Counter(whole)
    assert corpus.text_bytes == {p: len(t.encode()) for p, t in back.items()}
    corpus.verify()


def test_each_document_lies_in_one_part(folder_of, tmp_path):
    files = texts(200)
    corpus = prepare(folder_of(files), vocab_size=257, cache=tmp_path / "cache")
    back = {p: corpus.tokenizer.decode(corpus.array(p)) for p in PARTS}
    homes = [[p for p in PARTS if text in back[p]] for text in files.values()]
    assert corpus.split == "document"
    assert all(len(home) == 1 for home in homes)
    assert Counter(home[0] for home in homes) == Counter(
        weights=144, architecture=36, validation=10, test=10
    )


def test_equal_documents_are_kept_once(folder_of, tmp_path):
    files = texts(60)
    copies = {f"copy-{name}": text for name, text in files.items()}
    corpus = prepare(folder_of({**files, **copies}), vocab_size=257, cache=tmp_path / "cache")
    assert (corpus.documents, corpus.duplicates) == (60, 60)
    assert sum(corpus.text_bytes.values()) == sum(map(len, files.values()))


def test_documents_end_with_a_token_of_their_own(folder_of, tmp_path):
    corpus = prepare(folder_of(texts(100)), vocab_size=257, cache=tmp_path / "cache")
    ends = sum(int((corpus.array(p) == corpus.tokenizer.end).sum()) for p in PARTS)
    assert ends == 100


def test_real_text_in_byte_pairs(shakespeare, tmp_path):
    pytest.importorskip("tokenizers", reason="tokenizers is not installed")
    corpus = prepare(shakespeare, vocab_size=512, cache=tmp_path)
    text = shakespeare.read_text(encoding="utf-8")
    back = [corpus.tokenizer.decode(corpus.array(p)) for p in PARTS]
    assert "".join(back) == text
    assert corpus.tokenizer.vocab_size == 512
    assert 1.5 < corpus.bytes_per_token("test") < 3.0


def test_the_tokenizer_learns_from_the_weights_part_alone(folder_of, tmp_path):
    pytest.importorskip("tokenizers", reason="tokenizers is not installed")
    text = "aaaa bbbb\n" * 72 + "zqzqzqzq\n" * 31  # the rare word lies after the first part
    corpus = prepare(folder_of({"a.txt": text}) / "a.txt", vocab_size=300, cache=tmp_path)
    assert "zq" not in corpus.tokenizer.decode(corpus.array("weights"))
    (rare, known) = corpus.tokenizer.encode(["zq", "aa"])
    assert (len(rare), len(known)) == (2, 1)


def test_the_cache_goes_by_content(folder_of, tmp_path, monkeypatch):
    folder = folder_of(texts(60))
    first = prepare(folder, vocab_size=257, cache=tmp_path / "cache")
    moved = tmp_path / "moved"
    shutil.copytree(folder, moved)
    before = (first.folder / "corpus.json").stat().st_mtime_ns
    again = prepare(moved, vocab_size=257, cache=tmp_path / "cache")
    assert again.key == first.key
    assert (again.folder / "corpus.json").stat().st_mtime_ns == before
    (moved / "000.txt").write_text("another document\n")
    assert prepare(moved, vocab_size=257, cache=tmp_path / "cache").key != first.key
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "elsewhere"))
    assert cache_folder() == tmp_path / "elsewhere"


def test_no_draft_is_left_behind(corpus):
    assert [p.name for p in corpus.folder.parent.iterdir()] == [corpus.key]


def test_no_text_is_an_error(folder_of, tmp_path):
    with pytest.raises(DataError, match="holds no text"):
        prepare(folder_of({"a.bin": b"\x00"}), vocab_size=257, cache=tmp_path / "cache")


@pytest.mark.parametrize(
    ("name", "content", "error", "words"),
    [
        ("corpus.json", "{", SchemaError, "damaged"),
        ("corpus.json", '{"version": 99}', SchemaError, "another version"),
        ("weights.bin", "", DataError, "cut short"),
        ("tokenizer.json", "", SchemaError, "not a tokenizer"),
    ],
)
def test_a_damaged_corpus_is_refused(corpus, name, content, error, words):
    (corpus.folder / name).write_text(content)
    with pytest.raises(error, match=words):
        Corpus.open(corpus.folder)


def test_a_folder_that_is_no_corpus(tmp_path):
    with pytest.raises(DataError, match="not a corpus"):
        Corpus.open(tmp_path)


def test_a_part_too_short_for_a_window_is_named(corpus):
    with pytest.raises(DataError, match="the validation part of json"):
        corpus.windows("validation", context=10**6)


@given(
    lengths=st.lists(st.integers(0, 40), min_size=1, max_size=4),
    context=st.integers(1, 9),
    seed=st.integers(0, 9),
)
def test_windows_stay_within_an_array(lengths, context, seed):
    ends = np.cumsum([0, *lengths])
    arrays = [np.arange(a, b, dtype=np.uint16) for a, b in itertools.pairwise(ends)]
    if all(n <= context for n in lengths):
        with pytest.raises(DataError, match="no array is longer"):
            Windows(arrays, context)
        return
    windows = Windows(arrays, context)
    drawn = windows.draw(20, np.random.default_rng(seed))
    array_of = np.repeat(np.arange(len(lengths)), lengths)
    assert drawn.shape == (20, context + 1)
    assert (np.diff(drawn, axis=1) == 1).all()
    assert (array_of[drawn] == array_of[drawn[:, :1]]).all()
    rows = windows.rows()
    predicted = rows[:, 1:].ravel()  # each once
    assert len(set(predicted.tolist())) == len(predicted)
    assert len(rows) == sum(max(n - 1, 0) // context for n in lengths)


def test_every_place_is_drawn():
    # 300 draws miss one of 8 places with probability below 8 x (7/8)^300 < 1e-16.
    windows = Windows([np.arange(10, dtype=np.uint16)], 2)
    drawn = windows.draw(300, np.random.default_rng(0))
    assert set(drawn[:, 0].tolist()) == set(range(8))
    assert len(windows) == 8


def test_rows_can_be_thinned_out():
    windows = Windows([np.arange(101, dtype=np.uint16)], 10)
    assert windows.rows()[:, 0].tolist() == list(range(0, 100, 10))
    assert windows.rows(4)[:, 0].tolist() == [0, 30, 60, 90]


def test_a_window_has_a_token():
    with pytest.raises(ShapeError, match="one token or more"):
        Windows([np.arange(9, dtype=np.uint16)], 0)


def test_bits_per_byte_of_a_fair_coin():
    # ln 2 nats a token of one byte is one bit a byte.
    assert bits_per_byte(float(np.log(2)), 1.0) == pytest.approx(1.0)
