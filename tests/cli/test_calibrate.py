"""`hwbench calibrate`: from tables to a benchmark that can be searched."""

import numpy as np
import pytest

from hwbench.benchmark import load
from hwbench.data.folder import table_path
from hwbench.data.table import Table
from hwbench.testing.bundles import made_protocol


@pytest.fixture
def journal(tmp_path):
    """A folder of measured latencies on something like an h100, half as fast."""

    def write(device="gpu-1234", space="gpt-s"):
        bundle = load(space).bundle
        codes = bundle.space.sample_codes(12, np.random.default_rng(0))
        values = 2.0 * bundle.cell("latency_s", "h100").model.predict(codes)  # type: ignore[call-arg]
        place = np.arange(12)
        table = Table(
            space,
            device,
            "latency_s",
            made_protocol("latency_s"),
            codes,
            0 * place,
            place,
            values[:, None],
            "made",
        )
        folder = tmp_path / "journal"
        path = table_path(
            folder, space=space, device=device, metric="latency_s", protocol="profiler"
        )
        path.parent.mkdir(parents=True)
        table.save(path)
        return str(folder)

    return write


def test_a_device_is_added_and_searched(hwbench, journal, tmp_path):
    out = str(tmp_path / "mine")
    made = hwbench("calibrate", "gpt-s", journal(), "--name", "mybox", "--out", out, "--json")
    assert made.code == 0, made.err
    (cell,) = made.json["cells"]
    assert cell["cell"] == "latency_s.mybox"
    assert cell["error left out %"] < 2.0
    found = hwbench(
        "search", out, "--device", "mybox", "--minimize", "perplexity", "--max", "latency=16ms"
    )
    assert found.code == 0, found.err
    assert "mybox" in found.out


def test_a_table_says_what_was_learnt(hwbench, journal, tmp_path):
    out = str(tmp_path / "mine")
    made = hwbench("calibrate", "gpt-s", journal(), "--name", "mybox", "--out", out)
    assert made.code == 0, made.err
    assert "session" in made.lines[0]
    assert "unknown" in made.lines[1]  # nothing was measured twice


@pytest.mark.parametrize(
    ("device", "options", "message"),
    [
        ("toaster", [], "--kind"),
        ("gpu-1", ["--protocol", "other"], "nothing measured"),
    ],
)
def test_mistakes_are_one_line(hwbench, journal, tmp_path, device, options, message):
    out = str(tmp_path / "mine")
    made = hwbench("calibrate", "gpt-s", journal(device), "--name", "x", "--out", out, *options)
    assert made.code == 2
    assert message in made.err
    assert len(made.err.strip().splitlines()) == 1


def test_a_known_name_is_refused(hwbench, journal, tmp_path):
    made = hwbench("calibrate", "gpt-s", journal(), "--name", "h100", "--out", str(tmp_path / "m"))
    assert made.code == 2
    assert "already" in made.err
