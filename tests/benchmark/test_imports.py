"""A query needs numpy and click; pandas comes when somebody asks for a table."""

import subprocess
import sys

import pytest

from hwbench.benchmark import save
from hwbench.testing.bundles import made_bundle

HEAVY = ("torch", "sklearn", "xgboost", "pandas", "pyarrow", "onnxruntime", "scipy", "matplotlib")

ASK = """
import hwbench
bench = hwbench.load("made")
arch = bench.space.smallest()
bench.query(arch, "gpu-one"), bench.query_devices(arch)
bench.predict_many(bench.space.encode([arch]), [("perplexity", None)])
"""

RUN = """
from hwbench.cli.main import main
try:
    main({arguments!r})
except SystemExit as stopped:
    assert not stopped.code, stopped.code
"""


@pytest.mark.parametrize(
    "code",
    [
        "import hwbench.benchmark",
        ASK,
        RUN.format(arguments=["query", "made", "--arch", "random"]),
        RUN.format(arguments=["query", "made", "--arch", "random", "--json"]),
        RUN.format(arguments=["devices", "made"]),
        RUN.format(arguments=["card", "made"]),
    ],
    ids=["import", "ask", "query", "query --json", "devices", "card"],
)
def test_heavy_packages_stay_away(code, tmp_path):
    save(made_bundle(), tmp_path / "made")
    program = f"{code}\nimport sys\nprint('', *set(sys.modules) & set({HEAVY!r}), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stderr.split() == []


def test_a_query_executes_nothing_of_a_bundle(tmp_path, monkeypatch):
    """Loading and asking open no file for writing, start nothing and import no new module."""
    save(made_bundle(), tmp_path / "made")
    program = f"""
import sys
{ASK}
before, events = set(sys.modules), []
sys.addaudithook(lambda name, arguments: events.append((name, arguments)))
{ASK}
bad = ("exec", "compile", "import", "os.system", "subprocess.Popen", "socket.connect", "pickle.")
print([name for name, _ in events if name.startswith(bad)])
print([a[0] for name, a in events if name == "open" and a[1] not in ("r", "rb")])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.split("\n")[:2] == ["[]", "[]"]
