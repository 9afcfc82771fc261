"""Fitted cells on disk: the same when read back, and nothing where anything differs."""

from dataclasses import replace

import numpy as np
import pytest

from hwbench import spaces
from hwbench.surrogates.fitting import Measured, Plan, fit_cell
from hwbench.surrogates.fitting.store import fingerprint, load_cell, save_cell
from tests.surrogates.fitting.made import QUICK, recipe, table

SPACE = spaces.get("gpt-s")
PLAN = Plan(("quick",))


@pytest.fixture(scope="module")
def cell():
    counts = recipe({"quick": {**QUICK, "structure": "counts"}})
    return fit_cell(Measured.of(table(SPACE), SPACE), PLAN, counts)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cells" / "gpt-s.latency_s.a100.made.npz"


def test_a_cell_comes_back(cell, path):
    save_cell(path, "key", cell)
    again = load_cell(path, "key", SPACE)
    assert again is not None
    codes = table(SPACE).codes
    np.testing.assert_array_equal(again.predictor.predict(codes), cell.predictor.predict(codes))
    np.testing.assert_allclose(again.uncertainty.total, cell.uncertainty.total, rtol=1e-6)
    assert (again.chosen, again.figures) == (cell.chosen, cell.figures)
    assert [found.name for found in path.parent.iterdir()] == [path.name], "no draft is left"


def test_what_is_not_there_is_not_loaded(cell, path):
    assert load_cell(path, "key", SPACE) is None
    save_cell(path, "key", cell)
    assert load_cell(path, "other key", SPACE) is None


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_half_a_file_is_not_loaded(share, cell, path):
    save_cell(path, "key", cell)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert load_cell(path, "key", SPACE) is None


def test_changed_bytes_are_not_loaded(cell, path):
    """The archive's own checksums tell, wherever the byte is."""
    save_cell(path, "key", cell)
    content = bytearray(path.read_bytes())
    for place in np.linspace(40, len(content) - 30, 12).astype(int):
        changed = content.copy()
        changed[place] ^= 0xFF
        path.write_bytes(bytes(changed))
        again = load_cell(path, "key", SPACE)
        if again is not None:  # a byte between the entries, say a date
            assert again.figures == cell.figures


def test_other_files_are_not_loaded(path):
    path.parent.mkdir()
    path.write_text("not an archive")
    assert load_cell(path, "key", SPACE) is None
    np.savez(path, about=np.frombuffer(b"[1]", dtype=np.uint8))
    assert load_cell(path, "key", SPACE) is None
    np.savez(path, about=np.frombuffer(b'{"key": "key"}', dtype=np.uint8))
    assert load_cell(path, "key", SPACE) is None
    np.savez(path, other=np.zeros(3))
    assert load_cell(path, "key", SPACE) is None


def test_the_key_is_of_all_that_matters():
    """Another table, protocol, plan, setting, split or seed: another key."""
    source, usual = table(SPACE), recipe(plan={"latency_s": PLAN})
    repeats = source.repeats.copy()
    repeats[0, 0] *= 1.0 + 1e-12
    other = Plan(("quick",), ("quick",))
    keys = [
        fingerprint(source, PLAN, usual),
        fingerprint(replace(source, repeats=repeats), PLAN, usual),
        fingerprint(replace(source, device="h100"), PLAN, usual),
        fingerprint(replace(source, chunk=source.chunk + 1), PLAN, usual),
        fingerprint(replace(source, position=source.position[::-1]), PLAN, usual),
        fingerprint(replace(source, protocol=replace(source.protocol, skip_first=1)), PLAN, usual),
        fingerprint(source, other, usual),
        *(
            fingerprint(source, PLAN, replace(usual, **changed))
            for changed in (
                {"seed": 1},
                {"folds": 4},
                {"visit_stretch": 1.1},
                {"estimators": {"quick": {**QUICK, "structure": "counts"}}},
            )
        ),
    ]
    assert len(set(keys)) == len(keys)


def test_the_key_is_of_nothing_else():
    """Words of the bundle, and estimators of other plans, need no new fit."""
    source, usual = table(SPACE), recipe(plan={"latency_s": PLAN})
    more = {**usual.estimators, "unused": {"kind": "mlp"}}
    changed = replace(usual, bundle={"licence": "other"}, estimators=more)
    assert fingerprint(source, PLAN, usual) == fingerprint(table(SPACE), PLAN, changed)
