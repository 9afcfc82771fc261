"""Two folders of tables with numbers worked out by hand, and a dataset made of one."""

import json
from pathlib import Path

import numpy as np
import pytest

from hwbench import spaces
from hwbench.benchmark.publishing import Said, publish
from hwbench.data import Protocol, Table, table_path

SPACE = "gpt-s"
SMALL = (
    "gpt-s:embed_dim=192:n_layer=10:bias=false:"
    "mlp_ratio=2,2,2,2,2,2,2,2,2,3:n_head=4,4,4,4,4,4,4,4,4,12"
)
LARGE = (
    "gpt-s:embed_dim=768:n_layer=12:bias=true:"
    "mlp_ratio=4,4,4,4,4,4,4,4,4,4,4,4:n_head=12,12,12,12,12,12,12,12,12,12,12,12"
)
NAN = float("nan")
UPSTREAM = "https://example.org/upstream"
PAGE = "https://example.org/dataset"
SAID = Said(licence="cc-by-4.0", homepage=PAGE, creators=("We",), date="2026-02-03")


def save(folder: Path, metric: str, device: str | None, repeats, *, archs, **changes) -> Path:
    """Write one table of `archs`."""
    protocol = {
        "name": "clock",
        "batch_size": 8,
        "sequence_length": 1024,
        "precision": "bf16",
        "statistic": "one pass",
        "unit": {"latency_s": "s", "energy_j": "J"}.get(metric, "1"),
        "source": "somebody",
        "notes": ("noted | here",),
    }
    more = {k: changes.pop(k) for k in list(changes) if k in ("skip_first", "notes", "name")}
    space = spaces.get(SPACE)
    n = len(archs)
    table = Table(
        space=SPACE,
        device=device,
        metric=metric,
        protocol=Protocol(**{**protocol, **more}),
        codes=space.encode([space.parse(text) for text in archs]),
        chunk=np.arange(n),
        position=10 * np.arange(n),
        repeats=np.array(repeats, dtype=float),
        source="somebody's table",
        **changes,
    )
    path = table_path(
        folder, space=SPACE, device=device, metric=metric, protocol=table.protocol.name
    )
    table.save(path)
    return path


@pytest.fixture
def imported(tmp_path) -> Path:
    """Tables with the report of an import, which names licence, page and citation."""
    folder = tmp_path / "imported"
    save(
        folder,
        "latency_s",
        "a100",
        [[9.0, 0.5, 0.3, 0.1], [8.0, 0.2, NAN, NAN], [7.0, NAN, 0.6, NAN]],
        archs=[LARGE, SMALL, LARGE],
        skip_first=1,
        flags=[2, 0, 2 | 16],
    )
    save(folder, "energy_j", "a100", [[3.0, 1.0]], archs=[SMALL])
    save(folder, "energy_j", "cpu", [[2.0]], archs=[LARGE], std=np.array([0.25]))
    save(folder, "perplexity", None, [[30.5], [20.5]], archs=[SMALL, LARGE], notes=())
    report = {
        "source": {
            "name": "Upstream",
            "url": UPSTREAM,
            "licence": "CC-BY-4.0",
            "citation": "Upstream et al., 2025",
            "checkout": "/a/private/folder",
            "commit": "0123abc",
        },
        "expected_absent": ["7_9"],
        "dropped": {"odd": {"rows": 1234, "meaning": "odd rows"}},
    }
    (folder / "import.json").write_text(json.dumps(report), encoding="utf-8")
    return folder


@pytest.fixture
def profiled(tmp_path) -> Path:
    """Tables of a campaign of one's own, which has sessions and no licence."""
    folder = tmp_path / "profiled"
    save(folder, "latency_s", "mine", [[0.4]], archs=[SMALL])
    session = {
        "version": 1,
        "kind": "session",
        "number": 0,
        "plan": "abc123",
        "plan_text": "",
        "shard": 0,
        "shards": 1,
        "device_id": "mine",
        "device": {"model": "Some CPU", "cores": 4, "memory_bytes": 8e9, "governor": None},
        "started_unix_s": 1_700_000_000.0,  # 2023-11-14, 22:13:20 UTC
    }
    (folder / "sessions.json").write_text(json.dumps([session]), encoding="utf-8")
    return folder


@pytest.fixture
def dataset(tmp_path, imported) -> Path:
    """A dataset of imported tables and a bundle that ships."""
    publish(tmp_path / "dataset", tables=[imported], bundles=["gpt-s"], said=SAID)
    return tmp_path / "dataset"
