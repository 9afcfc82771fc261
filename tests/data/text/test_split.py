"""Splits: shares are kept, nothing is lost, nothing is in two parts."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hwbench.data.text.split import PARTS, Shares, by_document, cut, digest, way_to_split
from hwbench.errors import DataError

SIZES = st.lists(st.integers(1, 1000), min_size=50, max_size=200)


@given(text=st.text(alphabet="ab\n", max_size=3000))
def test_spans_put_together_are_the_text(text):
    assert "".join(cut(text, Shares()).values()) == text


def test_spans_follow_lines_and_shares():
    lines = [f"line {i:04}\n" for i in range(1000)]
    parts = cut("".join(lines), Shares(0.7, 0.1, 0.1, 0.1))
    counts = [parts[p].count("\n") for p in PARTS]
    assert counts == [700, 100, 100, 100]
    assert all(text.startswith("line") and text.endswith("\n") for text in parts.values())


def test_a_text_without_lines_is_cut_anyway():
    parts = cut("x" * 1000, Shares(0.7, 0.1, 0.1, 0.1))
    assert [len(parts[p]) for p in PARTS] == [700, 100, 100, 100]


@given(sizes=SIZES)
def test_documents_keep_the_shares(sizes):
    shares = Shares()
    assume(way_to_split(sizes, shares) == "document")
    parts = by_document(sizes, [digest(str(i)) for i in range(len(sizes))], shares)
    got = {p: sum(s for s, q in zip(sizes, parts, strict=True) if q == p) for p in PARTS}
    # A part's two ends each miss by at most half of the document that lies across.
    for part, share in zip(PARTS, shares.values, strict=True):
        assert abs(got[part] - share * sum(sizes)) <= max(sizes)


@given(sizes=SIZES, seed=st.randoms(use_true_random=False))
def test_the_order_of_documents_does_not_matter(sizes, seed):
    names = [digest(str(i)) for i in range(len(sizes))]
    parts = dict(zip(names, by_document(sizes, names, Shares()), strict=True))
    order = list(range(len(sizes)))
    seed.shuffle(order)
    shuffled = [names[i] for i in order]
    again = by_document([sizes[i] for i in order], shuffled, Shares())
    assert dict(zip(shuffled, again, strict=True)) == parts


def test_a_large_document_is_for_weights():
    sizes = [10] * 99 + [400]
    parts = by_document(sizes, [digest(str(i)) for i in range(100)], Shares())
    assert parts[-1] == "weights"
    assert way_to_split(sizes, Shares()) == "document"


@pytest.mark.parametrize("sizes", [[100], [10] * 49, [1] * 60 + [1000]])
def test_few_or_uneven_documents_are_cut(sizes):
    assert way_to_split(sizes, Shares()) == "span"


@pytest.mark.parametrize("shares", [(0.5, 0.5, 0.5, 0.5), (1.0, 0.0, 0.0, 0.0)])
def test_shares_sum_to_one(shares):
    with pytest.raises(DataError, match="sum to 1"):
        Shares(*shares)
