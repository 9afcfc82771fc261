"""Sum up what studies found, as one Markdown table a study or as JSON.

    hwbench study run search/paper-2d.toml --jobs 2 --json > paper-2d.json
    python benchmarks/study_results.py paper-2d.json [--json benchmarks/results/studies.json]

Regret is that to the proven optimum or front: for one objective, by how much the best architecture
found is worse, as a share of the optimum; for two, the share of the exact front's hypervolume that
is missing. Figures are medians over the seeds; the rank is the mean over the problems.
"""

import argparse
import json
from pathlib import Path
from typing import Any


def condense(found: dict[str, Any]) -> dict[str, Any]:
    """Keep medians, proofs and ranks."""
    problems = {
        label: {
            "text": problem["text"],
            "proven": problem["proven"],
            "front": problem["front"],
            "regret": {name: own["regret"][1] for name, own in problem["methods"].items()},
            "hypervolume": {
                name: own["hypervolume"][1] for name, own in problem["methods"].items()
            },
        }
        for label, problem in found["problems"].items()
    }
    ranking = {
        key: (found["ranking"] or {}).get(key)
        for key in ("mean_ranks", "n_problems", "friedman_p", "critical_difference")
    }
    return {
        "study": found["study"],
        "seconds": found["seconds"],
        "runs": found["runs"],
        "problems": problems,
        "ranking": ranking,
    }


def markdown(study: dict[str, Any]) -> str:
    """Lay one study out, a method a line: regret where it is known, else missing hypervolume."""
    ranks = study["ranking"]["mean_ranks"] or {}
    labels = list(study["problems"])
    lines = [
        "| method | " + " | ".join(f"{label} %" for label in labels) + " | mean rank |",
        "| --- " + "| --: " * (len(labels) + 1) + "|",
    ]
    names = list(next(iter(study["problems"].values()))["regret"])
    for name in sorted(names, key=lambda name: ranks.get(name, 0.0)):
        cells = [_percent(study["problems"][label], name) for label in labels]
        rank = f"{ranks[name]:.2f}" if name in ranks else "-"
        lines.append(f"| `{name}` | " + " | ".join(cells) + f" | {rank} |")
    return "\n".join(lines)


def _percent(problem: dict[str, Any], name: str) -> str:
    regret, hypervolume = problem["regret"][name], problem["hypervolume"][name]
    if regret is None:
        regret = None if hypervolume is None else 1.0 - hypervolume
    return "-" if regret is None else f"{100.0 * regret:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path, help="what `hwbench study run --json` wrote")
    parser.add_argument("--json", type=Path, help="write the summaries to this file, too")
    arguments = parser.parse_args()
    studies = [condense(json.loads(path.read_text(encoding="utf-8"))) for path in arguments.files]
    for study in studies:
        ranking = study["ranking"]
        print(f"\n{study['runs']} runs in {study['seconds']:.0f} s\n\n{markdown(study)}\n")
        print(
            f"Friedman p {ranking['friedman_p']}, critical difference "
            f"{ranking['critical_difference']}, {ranking['n_problems']} problems"
        )
    if arguments.json:
        text = json.dumps(studies, indent=1) + "\n"
        arguments.json.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
