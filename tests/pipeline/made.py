"""Make the folder of a pipeline by hand, as `hwbench pipeline run` leaves it."""

import json
from pathlib import Path

SPACE = "nano:embed_dim={}:n_layer={}:mlp_ratio={}:n_head={}"
TIGHT = SPACE.format(32, 3, "4,4,2", "2,4,2")
LARGE = SPACE.format(64, 4, "4,4,4,4", "4,4,4,4")
RANDOM = SPACE.format(48, 2, "1,2", "2,2")
SPOS = SPACE.format(48, 3, "2,4,1", "4,4,2")
STAGES = ("train", "evaluate", "profile", "fit", "search", "verify")
SHA = "ab" * 32


def architecture(arch, roles, params, surrogate, inherited, retrained, latency, memory):
    return {
        "arch": arch,
        "roles": roles,
        "params": params,
        "quality": {"surrogate": surrogate, "inherited": inherited, "retrained": retrained},
        "metrics": {
            "latency_s": {"predicted": latency[0], "measured": latency[1]},
            "memory_bytes": {"predicted": memory[0], "measured": memory[1]},
        },
    }


def found(by, arch, evaluations, seconds, tokens, regret):
    keys = ("by", "arch", "evaluations", "seconds", "tokens", "predicted_regret")
    return dict(zip(keys, (by, arch, evaluations, seconds, tokens, regret), strict=True))


def regret(problem, by, perplexity, low, high, kept, from_best):
    keys = ("problem", "by", "perplexity", "low", "high", "kept_limits", "from_best")
    return dict(zip(keys, (problem, by, perplexity, low, high, kept, from_best), strict=True))


def rank(of, other, n, tau, low, high):
    return {"of": of, "with": other, "n": n, "tau": tau, "low": low, "high": high}


def samples():
    """Return ten architectures drawn at random, on straight lines with a little scatter."""
    made = []
    for k in range(10):
        arch = SPACE.format(
            (32, 48, 64)[k % 3], 2, f"{(1, 2, 4)[k % 3]},{(1, 2, 4)[k // 4]}", "2,4"
        )
        scatter = (0.06, -0.04, 0.02, -0.05, 0.03)[k % 5]
        mid, time = 6.2 + 0.15 * k, 0.0038 - 0.00022 * k
        made.append(
            architecture(
                arch,
                ["sample"],
                90_000 - 6_000 * k,
                [mid, mid - 0.1, mid + 0.1],
                mid + scatter,
                [mid - 1.6 + scatter, mid - 1.5, mid - 1.65 - scatter],
                (
                    [time, time * 0.93, time * 1.07],
                    [time * (1 + scatter), time * (1 + scatter / 2)],
                ),
                ([4.0e5 - 2.5e4 * k] * 3, [4.0e5 - 2.5e4 * k]),
            )
        )
    return made


def results():
    """Return the value of `verify/results.json`."""
    return {
        "schema": 1,
        "pipeline": "nano",
        "space": "nano",
        "quick": False,
        "device": {
            "name": "cpu-x86-2core-vm",
            "id": "cpu-1234",
            "kind": "cpu",
            "label": "Virtual x86 CPU, 2 cores",
        },
        "bundle": {"name": "nano", "sha256": SHA},
        "energy": "no meter: this machine shows no RAPL counters",
        "retraining": {"steps": 2000, "seeds": 3, "tokens_each": 1024000},
        "problems": [
            {
                "name": "tight",
                "text": "minimize perplexity, latency@cpu-x86-2core-vm <= 3.1 ms",
                "limits": [{"metric": "latency_s", "bound": 0.0031}],
                "certificate": "optimal: no network of 59,049 has a lower predicted perplexity",
                "found": [
                    found("exact", TIGHT, None, 0.03, 0, 0.0),
                    found("nsga2", TIGHT, 2000, 4.2, 0, 0.0),
                    found("spos-es", SPOS, 1000, 312.5, 8192000, 0.0123),
                    found("random", RANDOM, 1, 0.0, 0, 0.214),
                    found("largest", LARGE, 1, 0.0, 0, None),
                ],
            },
            {
                "name": "small",
                "text": "minimize perplexity, memory@cpu-x86-2core-vm <= 300 kB",
                "limits": [{"metric": "memory_bytes", "bound": 3.0e5}],
                "certificate": "optimal",
                "found": [
                    found("exact", SPOS, None, 0.04, 0, 0.0),
                    found("ls", SPOS, 500, 1.5, 0, 0.0),
                    found("random", RANDOM, 1, 0.0, 0, 0.1),
                ],
            },
        ],
        "architectures": [
            architecture(
                TIGHT,
                ["tight exact", "tight nsga2"],
                51234,
                [6.91, 6.78, 7.04],
                6.97,
                [5.1, 5.2, 5.0],
                ([0.00295, 0.0028, 0.0031], [0.003, 0.00308]),
                ([260500, 260500, 260500], [260500]),
            ),
            architecture(
                SPOS,
                ["tight spos-es", "small exact", "small ls"],
                60123,
                [7.0, 6.85, 7.15],
                7.1,
                [5.3, 5.25, 5.29],
                ([0.00301, 0.00287, 0.00315], [0.00305, 0.00304]),
                ([285000, 285000, 285000], [285000]),
            ),
            architecture(
                RANDOM,
                ["tight random", "small random"],
                33210,
                [8.4, 8.2, 8.6],
                8.3,
                [6.01, 5.95, 6.07],
                ([0.00092, 0.00088, 0.00096], [0.0009, 0.00094]),
                ([150000, 150000, 150000], [150000]),
            ),
            architecture(
                LARGE,
                ["tight largest"],
                181000,
                [6.0, 5.9, 6.1],
                6.05,
                [4.71, 4.8, 4.73],
                ([0.0049, 0.0047, 0.0051], [0.0051, 0.00495]),
                ([720000, 720000, 720000], [720000]),
            ),
            *samples(),
        ],
        "ranks": [
            rank("surrogate", "inherited", 10, 0.93, 0.88, 0.97),
            rank("surrogate", "retrained", 10, 0.812, 0.64, 0.91),
            rank("inherited", "retrained", 10, 0.78, 0.61, 0.9),
            rank("retrained", "another seed", 10, 0.874, 0.72, 0.95),
        ],
        "hardware": [
            {"metric": "latency_s", "n": 14, "mape": 0.0412, "tau": 0.91, "inside_90": 0.857},
            {"metric": "memory_bytes", "n": 14, "mape": 0.0, "tau": 1.0, "inside_90": 1.0},
        ],
        "regret": [
            regret("tight", "exact", 5.09935, 5.0, 5.2, True, 0.0),
            regret("tight", "nsga2", 5.09935, 5.0, 5.2, True, 0.0),
            regret("tight", "spos-es", 5.28, 5.25, 5.3, True, 0.03542),
            regret("tight", "random", 6.01, 5.95, 6.07, True, 0.17854),
            regret("tight", "largest", 4.74651, 4.71, 4.8, False, -0.06919),
            regret("small", "exact", 5.28, 5.25, 5.3, True, 0.03542),
            regret("small", "ls", 5.28, 5.25, 5.3, True, 0.03542),
            regret("small", "random", 6.01, 5.95, 6.07, True, 0.17854),
        ],
        "cost": [
            {"stage": "train", "seconds": 300.1, "tokens": 4096000},
            {"stage": "evaluate", "seconds": 75.5, "tokens": 2048000},
            {"stage": "profile", "seconds": 420.0, "tokens": None},
            {"stage": "fit", "seconds": 12.25, "tokens": None},
            {"stage": "search", "seconds": 331.0, "tokens": 8192000},
        ],
    }


def record(stage, status="done", reason="", seconds=12.0, tokens=None, summary=None):
    """Return the value of a `stage.json`."""
    return {
        "schema": 1,
        "stage": stage,
        "key": "0" * 16,
        "status": status,
        "reason": reason,
        "seconds": seconds,
        "tokens": tokens,
        "outputs": {},
        "summary": summary or {},
    }


def write(path, value):
    """Write a JSON file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")


def make(folder, told=None, stages=STAGES, *, quick=False, name="nano"):
    """Write the folder of a pipeline: `told` is its results, `stages` those that are done."""
    folder = Path(folder)
    write(folder / "pipeline.json", {"schema": 1, "name": name, "space": "nano", "quick": quick})
    for stage in stages:
        cost = {"seconds": 5400.0, "tokens": 43008000} if stage == "verify" else {}
        write(folder / stage / "stage.json", record(stage, **cost))
    if told is not None:
        write(folder / "verify" / "results.json", told)
    return folder
