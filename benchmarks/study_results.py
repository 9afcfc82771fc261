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
    """Lay one study out: regret where it is known, else missing hypervolume, and mean ranks.

    A method a line, or a problem a line if there are more of those.
    """
    ranks, problems = study["ranking"]["mean_ranks"] or {}, study["problems"]
    names = list(next(iter(problems.values()))["regret"])
    names.sort(key=lambda name: ranks.get(name, 0.0))
    shown = [f"{ranks[name]:.2f}" if name in ranks else "-" for name in names]
    rows = [["method", *(f"{label} %" for label in problems), "mean rank"]]
    for name, rank in zip(names, shown, strict=True):
        cells = [_percent(problem, name) for problem in problems.values()]
        rows.append([f"`{name}`", *cells, rank])
    if len(problems) > len(names):
        rows = [list(row) for row in zip(*rows, strict=True)]
        rows[0][0] = "problem"
    rows.insert(1, ["---", *["--:"] * (len(rows[0]) - 1)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


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
        _keep(studies, arguments.json)


def _keep(studies: list[dict[str, Any]], path: Path) -> None:
    """Write summaries, in the place of those of the same studies; others stay."""
    there = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    known = {study["study"]: study for study in [*there, *studies]}
    path.write_text(json.dumps(list(known.values()), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
