"""Tokenizers: nothing is lost, training is repeatable, no extra package is no hindrance."""

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwbench.data.text import BytePairTokenizer, ByteTokenizer, Tokenizer, train_tokenizer
from hwbench.errors import DataError, MissingExtraError, SchemaError, ShapeError

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@pytest.fixture(scope="module")
def pairs() -> Tokenizer:
    pytest.importorskip("tokenizers", reason="tokenizers is not installed")
    from hwbench.data.text import open_source

    source = open_source("stdlib")
    texts = [d.text for d in source.documents() if d.name.startswith("json/")]
    return BytePairTokenizer.train(texts, 400)


@given(text=TEXTS)
def test_bytes_are_utf_8(text):
    (ids,) = ByteTokenizer().encode([text])
    assert ids.tolist() == list(text.encode())
    assert ByteTokenizer().decode(ids) == text


@given(text=TEXTS)
def test_pairs_lose_nothing(pairs, text):
    (ids,) = pairs.encode([text])
    assert pairs.decode(ids) == text
    assert not (ids == pairs.end).any()


def test_pairs_do_not_read_a_marker_as_the_end_of_a_document(pairs):
    (ids,) = pairs.encode(["a<|endoftext|>b"])
    assert pairs.end not in ids
    assert pairs.decode([*ids, pairs.end]) == "a<|endoftext|>b"


def test_the_first_merges_are_the_most_frequent_pairs():
    pytest.importorskip("tokenizers", reason="tokenizers is not installed")
    # Words take the blank before them. By hand: a+b occurs 6 times, then blank+ab 3 times.
    learned = BytePairTokenizer.train(["abab abab ab ab"], 259)
    ids = [i.tolist() for i in learned.encode(["ab", " ab", "ba"])]
    assert learned.vocab_size == 259
    assert [len(i) for i in ids] == [1, 1, 2]


def test_training_twice_gives_one_tokenizer(pairs, json_package):
    texts = [d.text for d in json_package.documents()]
    again = BytePairTokenizer.train(texts, 400)
    assert again.to_json() == pairs.to_json()


@pytest.mark.parametrize("kind", ["bytes", "bpe"])
def test_json_brings_a_tokenizer_back(kind, pairs):
    tokenizer = pairs if kind == "bpe" else ByteTokenizer()
    back = Tokenizer.from_json(tokenizer.to_json())
    text = "def f(x): return x"
    assert (back.vocab_size, back.end) == (tokenizer.vocab_size, tokenizer.end)
    np.testing.assert_array_equal(back.encode([text])[0], tokenizer.encode([text])[0])


@pytest.mark.parametrize("text", ["", "{}", '{"model": 1}', "[1]"])
def test_other_json_is_refused(text):
    pytest.importorskip("tokenizers", reason="tokenizers is not installed")
    with pytest.raises(SchemaError, match="tokenizer"):
        Tokenizer.from_json(text)


def test_without_the_package_bytes_are_taken(monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    assert isinstance(train_tokenizer(["text"], vocab_size=512), ByteTokenizer)
    with pytest.raises(MissingExtraError, match="tokenizers"):
        train_tokenizer(["text"], vocab_size=512, kind="bpe")


def test_a_vocabulary_has_room_for_bytes():
    with pytest.raises(DataError, match="cannot hold 256 bytes"):
        train_tokenizer(["text"], vocab_size=256)
    with pytest.raises(ShapeError, match="257 or more"):
        BytePairTokenizer.train(["text"], 200)
