import pytest

from hwbench.errors import SpaceError
from hwbench.spaces import Choice


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("", (1,)),
        ("two words", (1,)),
        ("a:b", (1,)),
        ("space", (1,)),
        ("empty", ()),
        ("mixed", (1, 2.0)),
        ("mixed", (False, 1)),
        ("twice", (1, 1)),
        ("descending", (2, 1)),
        ("descending", (True, False)),
        ("comma", ("a,b",)),
        ("nothing", ("",)),
        ("nan", (float("nan"), 1.0)),
        ("many", tuple(range(257))),
    ],
)
def test_what_is_no_choice(name, values):
    with pytest.raises(SpaceError):
        Choice(name, values)


def test_words_keep_their_order():
    assert Choice("op", ("skip", "conv")).values == ("skip", "conv")


def test_256_values_fit_a_byte():
    assert Choice("many", tuple(range(256))).index(255) == 255


def test_a_value_that_is_not_offered():
    with pytest.raises(SpaceError, match="heads cannot be 5; it is one of 4, 8"):
        Choice("heads", (4, 8)).index(5)
    with pytest.raises(SpaceError, match=r"heads cannot be '4\.0'; it is one of 4, 8"):
        Choice("heads", (4, 8)).read("4.0")
    with pytest.raises(SpaceError, match="heads cannot be"):
        Choice("heads", (4, 8)).index([4])


def test_values_read_back_from_text():
    choice = Choice("rate", (1e-05, 0.5))
    assert [choice.read(text) for text in choice.by_text] == [1e-05, 0.5]
    assert Choice("bias", (False, True)).by_text == {"false": False, "true": True}


def test_keep():
    choice = Choice("heads", (4, 8, 12))
    assert choice.keep([12, 4]).values == (4, 12)
    with pytest.raises(SpaceError, match="cannot be 5"):
        choice.keep([5])
    with pytest.raises(SpaceError, match="1 to 256"):
        choice.keep([])
