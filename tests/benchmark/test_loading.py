import numpy as np
import pytest

from hwbench.benchmark import load_bundle, save
from hwbench.testing.bundles import made_bundle


@pytest.fixture
def folder(tmp_path):
    save(made_bundle(), tmp_path / "made")
    return tmp_path / "made"


def test_a_bundle_reads_back(folder):
    bundle, _ = load_bundle(folder)
    made = made_bundle()
    codes = made.space.sample_codes(50, np.random.default_rng(0))
    assert bundle.space == made.space
    assert bundle.devices == made.devices
    for cell, expected in zip(bundle.cells, made.cells, strict=True):
        assert (cell.name, cell.metric, cell.devices) == (
            expected.name,
            expected.metric,
            expected.devices,
        )
        assert cell.protocol == expected.protocol
        if not cell.exact:
            np.testing.assert_array_equal(cell.model.predict(codes), expected.model.predict(codes))


def test_saving_again_gives_the_same_bytes(folder, tmp_path):
    bundle, digest = load_bundle(folder)
    assert save(bundle, tmp_path / "again") == digest
    for path in folder.iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()
