import pytest

from hwbench import errors
from hwbench.errors import HwbenchError, MissingExtraError, UnknownNameError, require


@pytest.mark.parametrize(
    ("name", "builtin"),
    [
        ("ShapeError", ValueError),
        ("SpaceError", ValueError),
        ("UnitError", ValueError),
        ("SchemaError", ValueError),
        ("BundleError", ValueError),
        ("DataError", ValueError),
        ("UnknownNameError", KeyError),
        ("MissingExtraError", ImportError),
    ],
)
def test_each_error_is_ours_and_a_builtin(name, builtin):
    error = getattr(errors, name)
    assert issubclass(error, HwbenchError)
    assert issubclass(error, builtin)
    assert str(error("one clear line")) == "one clear line"


def test_unknown_name_lists_what_exists_and_offers_the_closest():
    error = UnknownNameError.of("device", "rtx-2080", ["a100", "rtx2080"])
    assert str(error) == "unknown device 'rtx-2080'; did you mean 'rtx2080'? known: a100, rtx2080"


def test_unknown_name_ignores_case_and_guesses_nothing_far_off():
    assert "did you mean 'h100'" in str(UnknownNameError.of("device", "H100", ["h100"]))
    assert (
        str(UnknownNameError.of("device", "xyz", ["h100"])) == "unknown device 'xyz'; known: h100"
    )
    assert str(UnknownNameError.of("device", "xyz", [])) == "unknown device 'xyz'; known: none"


def test_require_returns_the_module():
    import json.decoder

    assert require("json.decoder", "fit") is json.decoder


def test_require_names_the_extra():
    with pytest.raises(MissingExtraError, match=r"pip install 'hwbench-nas\[fit\]'") as caught:
        require("no_such_package.part", "fit")
    assert caught.value.name == "no_such_package"


def test_require_does_not_hide_a_broken_package(tmp_path, monkeypatch):
    (tmp_path / "broken_package.py").write_text("import no_such_dependency\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_dependency") as caught:
        require("broken_package", "fit")
    assert not isinstance(caught.value, MissingExtraError)
