"""Sum up what `supernet_methods.py` trained: how good what was found is, and rank correlations."""

import statistics
from collections.abc import Iterable
from typing import Any

import numpy as np

from hwbench.spaces import Space
from hwbench.spaces.gpt_costs import params
from hwbench.surrogates.scores.points import kendall

Result = dict[str, Any]
"""What one training left, as JSON values."""

TOP = 5


def truth(found: dict[str, Result], seed: int | None = None) -> dict[int, list[float]]:
    """Return number of an architecture -> its test losses after training from scratch."""
    losses: dict[int, list[float]] = {}
    for name in sorted(found):
        kind, _, rest = name.partition("-")
        if kind == "alone":
            number, _, own = rest.partition("-s")
            if seed is None or int(own) == seed:
                losses.setdefault(int(number), []).append(found[name]["test"])
    return losses


def contenders(found: dict[str, Result], space: Space, limit: int) -> list[int]:
    """Return what any method found, and the best after training from scratch, of both problems."""
    numbers = {
        space.index(space.parse(text))
        for name, result in found.items()
        if not name.startswith("alone")
        for methods in result["found"].values()
        for text in methods.values()
    }
    for ranking in (_ranked(found, space, None), _ranked(found, space, limit)):
        numbers |= set(ranking[:TOP])
    return sorted(numbers)


def summarise(found: dict[str, Result], space: Space, limit: int) -> Result:
    """Condense all results to what the tables show."""
    return {
        "space": space.size(),
        "limit": limit,
        "noise": noise(found),
        "problems": {
            name: problem(found, space, name, bound)
            for name, bound in (("free", None), ("limit", limit))
        },
        "correlation": correlations(found),
        "seconds": sum(r.get("seconds", r.get("train_s", 0.0)) for r in found.values()),
    }


def noise(found: dict[str, Result]) -> Result:
    """Compare trainings of the same architectures with two seeds."""
    one, two = truth(found, 0), truth(found, 1)
    both = sorted(set(one) & set(two))
    a, b = (np.array([losses[n][0] for n in both]) for losses in (one, two))
    difference = (a - b) - (a - b).mean()  # the seed's own level moves all alike
    return {
        "tau": kendall(a, b),
        "sd": float(difference.std() / np.sqrt(2)),
        "spread": float(((a + b) / 2).std()),
        "best": float(((a + b) / 2).min()),
        "worst": float(((a + b) / 2).max()),
    }


def problem(found: dict[str, Result], space: Space, name: str, limit: int | None) -> Result:
    """Rank what each method found among all that keep the limit."""
    ranking, losses = _ranked(found, space, limit), truth(found)
    best = ranking[0]
    rows: dict[str, list[Result]] = {}
    for piece, result in sorted(found.items()):
        if piece.startswith("alone"):
            continue
        kind = piece.rpartition("-s")[0].partition("+")[0]
        for search, text in result["found"].get(name, {}).items():
            number = space.index(space.parse(text))
            rows.setdefault(_label(kind, search), []).append(
                {
                    "arch": text,
                    "params": _params(space, number),
                    "loss": statistics.fmean(losses[number]),
                    "regret": statistics.fmean(losses[number]) - statistics.fmean(losses[best]),
                    "fresh_regret": losses[number][-1] - losses[best][-1],
                    "rank": ranking.index(number) + 1 if number in ranking else None,
                    "tokens": result["train_tokens"] + result.get("search_tokens", 0) / 3,
                    "seconds": result["train_s"] + result.get("search_s", 0.0),
                }
            )
    return {
        "of": len(ranking),
        "optimum": {
            "arch": str(space.at(best)),
            "params": _params(space, best),
            "loss": statistics.fmean(losses[best]),
        },
        "random": statistics.fmean(_early(losses, n) for n in ranking) - _early(losses, best),
        "largest": _largest(space, ranking, losses, best),
        "methods": rows,
    }


def correlations(found: dict[str, Result]) -> Result:
    """Compare losses that subnets inherit with the mean of those after training from scratch."""
    losses = truth(found)
    real = np.array([_early(losses, n) for n in sorted(losses)])
    best = np.argsort(real)[: max(len(real) // 4, 2)]
    rows: dict[str, list[Result]] = {}
    for name, result in sorted(found.items()):
        if not name.startswith("alone"):
            inherited = np.array(result["inherited"])
            rows.setdefault(name.rpartition("-s")[0], []).append(
                {
                    "tau": kendall(real, inherited),
                    "tau_best": kendall(real[best], inherited[best]),
                    "loss": float(inherited.mean()),
                }
            )
    # On the text that inherited losses are of, too: losses of two texts do not compare.
    early = [name for name in found if name.startswith("alone") and name.endswith(("-s0", "-s1"))]
    alone = [found[name]["validation"] for name in early]
    return {"from_scratch": statistics.fmean(alone), "methods": rows}


def markdown(summary: Result) -> str:
    """Lay the tables out."""
    words = {"free": "No limit", "limit": f"At most {summary['limit']:,} parameters"}
    parts = [_problem_table(words[name], own) for name, own in summary["problems"].items()]
    return "\n\n".join([*parts, _correlation_table(summary)]) + "\n"


def _problem_table(title: str, own: Result) -> str:
    best = own["optimum"]
    about = (
        f"**{title}** ({own['of']} architectures). Optimum: `{best['arch']}`, loss "
        f"{best['loss']:.4f}, {best['params']:,} parameters. An architecture drawn at random is "
        f"{own['random']:+.4f} away, the largest {own['largest']:+.4f}."
    )
    columns = ("loss from scratch", "from the optimum", "with a fresh seed", "ranks", "parameters")
    head = " | ".join(("method", *columns, "Mtokens", "seconds"))
    lines = [about, "", f"| {head} |", "| --- | --: | --: | --: | --: | --: | --: | --: |"]
    for name, rows in own["methods"].items():
        ranks = ", ".join("too large" if r["rank"] is None else str(r["rank"]) for r in rows)
        lines.append(
            f"| {name} | {_mean(rows, 'loss'):.4f} | {_mean(rows, 'regret'):+.4f} "
            f"| {_mean(rows, 'fresh_regret'):+.4f} | {ranks} | {_mean(rows, 'params'):,.0f} "
            f"| {_mean(rows, 'tokens') / 1e6:.2f} | {_mean(rows, 'seconds'):.0f} |"
        )
    return "\n".join(lines)


def _correlation_table(summary: Result) -> str:
    noise = summary["noise"]
    about = (
        "**Inherited losses against those from scratch.** Two seeds from scratch agree with tau "
        f"{noise['tau']:.2f}: their noise is {noise['sd']:.4f} nats (one training), the "
        f"architectures spread by {noise['spread']:.4f}."
    )
    head = "| supernet | tau, all | of each seed | tau, best quarter | mean inherited loss |"
    lines = [about, "", head, "| --- | --: | --: | --: | --: |"]
    for name, rows in summary["correlation"]["methods"].items():
        each = ", ".join(f"{r['tau']:.2f}" for r in rows)
        lines.append(
            f"| {name} | {_mean(rows, 'tau'):.2f} | {each} | {_mean(rows, 'tau_best'):.2f} "
            f"| {_mean(rows, 'loss'):.3f} |"
        )
    mean = summary["correlation"]["from_scratch"]
    return "\n".join([*lines, f"| from scratch | | | | {mean:.3f} |"])


def _label(kind: str, search: str) -> str:
    names = {"spos-rs": "RS", "spos-es": "ES", "tanglenas": ""}
    title = {"tanglenas": "TangleNAS", "spos": "SPOS"}.get(kind, kind)
    return " + ".join(filter(None, [title, names[search]]))


def _ranked(found: dict[str, Result], space: Space, limit: int | None) -> list[int]:
    """Return the architectures that keep the limit, the best first, by the seeds that all have."""
    losses = truth(found)
    kept = [n for n in losses if limit is None or _params(space, n) <= limit]
    return sorted(kept, key=lambda n: _early(losses, n))


def _largest(
    space: Space, ranking: Iterable[int], losses: dict[int, list[float]], best: int
) -> float:
    largest = max(ranking, key=lambda n: _params(space, n))
    return _early(losses, largest) - _early(losses, best)


def _early(losses: dict[int, list[float]], number: int) -> float:
    """Return the mean loss over the seeds that every architecture has."""
    return statistics.fmean(losses[number][:2])


def _params(space: Space, number: int) -> int:
    return int(params(space, space.encode([space.at(number)])[0]))


def _mean(rows: list[Result], key: str) -> float:
    return statistics.fmean(row[key] for row in rows)
