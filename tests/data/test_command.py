import json

import pytest
from click.testing import CliRunner

from hwbench.cli.data import data
from tests.data.conftest import latency_row, make_arch

COMMAND = "import-hw-gpt-bench"
A100 = "data_collection/raw_results_hw/latency_a100/efficiency_observations"


@pytest.fixture
def call(checkout, tmp_path):
    for chunk in range(4):
        row = latency_row(make_arch(chunk), "s", times=[20.0, 21.0])
        checkout.latency("latency_a100", 2500 * chunk, [row])
        checkout.tracker("latency_a100", 2500 * chunk, [])

    def call(*options):
        out = ["--out", str(tmp_path / "tables"), "--jobs", "1"]
        return CliRunner().invoke(data, [COMMAND, str(checkout.root), *out, *options])

    return call


def test_all_is_there(call):
    result = call("--scale", "s", "--device", "a100")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0].startswith("tables   1 in ")
    assert "8 read, 0 missing, 0 refused" in result.stdout
    assert "[2/2]" in result.stderr
    assert "missing" not in result.stderr


def test_quiet(call):
    assert call("--scale", "s", "--device", "a100", "--quiet").stderr == ""


def test_json(call):
    result = call("--scale", "s", "--device", "a100", "--json")
    assert json.loads(result.stdout)["rows"] == 4


def test_incomplete(call, checkout):
    (checkout.root / f"{A100}_0_2500.pkl").unlink()
    (checkout.root / f"{A100}_2500_5000.pkl").write_bytes(b"cos\nsystem\n.")
    result = call("--scale", "s", "--device", "a100", "--device", "a40", "--quiet")
    assert result.exit_code == 1
    assert f"missing: {A100}_0_2500.pkl" in result.stderr
    assert "latency_a40/efficiency_observations_*.pkl (all 4 files)" in result.stderr
    assert f"refused: {A100}_2500_5000.pkl: refused, it names 'os.system'" in result.stderr
    assert "rows     2" in result.stdout


def test_rules_are_shown(call, checkout):
    row = latency_row(make_arch(9), "s", times=[20.0], params=1)
    checkout.latency("latency_a100", 0, [row])
    result = call("--scale", "s", "--device", "a100", "--quiet")
    assert "params-mismatch" in result.stdout
    assert "the parameter count is not the architecture's" in result.stdout


@pytest.mark.parametrize("options", [["--scale", "xl"], ["--jobs", "0"], ["--nonsense"]])
def test_wrong_usage(call, options):
    assert call(*options).exit_code == 2
