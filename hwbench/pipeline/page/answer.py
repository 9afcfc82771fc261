"""The answer: a table a problem of who found which network, as predicted and as measured."""

from __future__ import annotations

from collections.abc import Sequence

from hwbench import metrics
from hwbench.pipeline.page import wording
from hwbench.pipeline.page.fields import of_seeds, of_visits
from hwbench.pipeline.page.markup import Html, element, joined, paragraph, table
from hwbench.pipeline.page.pictures import dots
from hwbench.pipeline.page.results import Architecture, Found, Measured, Problem, Results
from hwbench.pipeline.page.summary import limit_texts

__all__ = ["answer"]

_LATENCY = "latency_s"


def answer(results: Results, /) -> list[Html]:
    """Return the section's parts."""
    if not results.problems:
        return [paragraph("No problem was searched.")]
    words = paragraph(
        "Each row is a network and who found it. Its perplexity is predicted by the surrogate, for "
        "the weights inherited from the supernet, with the interval that should hold nine times in "
        "ten; then measured after training it from scratch: a dot a seed, a stroke at their mean "
        "(the perplexity of the mean loss). Regret is how far that lies above that of the best "
        "retrained network that keeps the limits."
    )
    return [words, *(part for problem in results.problems for part in _problem(results, problem))]


def _problem(results: Results, problem: Problem) -> list[Html]:
    names = _metrics(results, problem)
    labels = [metrics.get(name).label for name in names]
    head = ["found by", "network", "perplexity, predicted", "perplexity, retrained"]
    head += [f"{label}, {how}" for label in labels for how in ("predicted", "measured")]
    known = {arch: results.architecture(arch) for arch in problem.by_architecture}
    seeds = [value for item in known.values() for value in item.retrained]
    rows = [
        _row(results, problem, found, known[arch], names, seeds)
        for arch, found in problem.by_architecture.items()
    ]
    parts = [element("h3", f"{problem.name}: {limit_texts(problem)}")]
    parts += [element("p", problem.text, class_="soft")] if problem.text else []
    parts.append(table("", *_filled([*head, "keeps limits", "regret"], rows)))
    if problem.certificate:
        parts.append(element("p", f"Certificate of the exact solver: {problem.certificate}"))
    return parts


def _filled(head: list[str], rows: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """Leave out columns in which nothing stands, as before the verification."""
    kept = [k for k in range(len(head)) if any(row[k] != wording.MISSING for row in rows)]
    return [head[k] for k in kept], [[row[k] for k in kept] for row in rows]


def _metrics(results: Results, problem: Problem) -> list[str]:
    found = [name for name, _ in problem.limits]
    archs = problem.by_architecture
    if any(_LATENCY in results.architecture(arch).metrics for arch in archs):
        found.append(_LATENCY)
    return [name for name in dict.fromkeys(found) if name in metrics.METRICS]


def _row(
    results: Results,
    problem: Problem,
    found: Sequence[Found],
    item: Architecture,
    names: Sequence[str],
    seeds: Sequence[float],
) -> list[str]:
    size = [] if item.params is None else [f"{wording.quantity(item.params, '1')} parameters"]
    by = [wording.method(one.by) for one in found]
    cells: list[str] = [
        joined([by[0], *(part for name in by[1:] for part in (Html("<br>"), name))]),
        wording.architecture(item.arch, size),
        _predicted_perplexity(item),
        _retrained(item, seeds),
    ]
    for name in names:
        cells += _metric(item, name)
    regrets = [results.regret_of(problem.name, one.by) for one in found]
    row = next((one for one in regrets if one is not None), None)
    kept = None if row is None else row.kept
    cells.append(_KEPT[kept])
    cells.append(wording.percent(row.from_best if row else None))
    return cells


_KEPT = {
    True: element("span", "yes", class_="yes"),
    False: element("span", "no", class_="no"),
    None: Html(wording.MISSING),
}


def _predicted_perplexity(item: Architecture) -> str:
    if item.surrogate is None:
        return wording.MISSING
    middle, low, high = map(wording.perplexity, item.surrogate)
    return _two_lines(middle, f"{low} to {high}")


def _retrained(item: Architecture, seeds: Sequence[float]) -> str:
    middle = of_seeds(item.retrained)
    if middle is None:
        return wording.MISSING
    told = "seeds: " + ", ".join(map(wording.perplexity, item.retrained))
    picture = dots(item.retrained, middle.middle, told, low=min(seeds), high=max(seeds))
    return _two_lines(wording.perplexity(middle.middle), picture)


def _metric(item: Architecture, name: str) -> list[str]:
    unit = metrics.get(name).unit
    found = item.metrics.get(name, Measured(None, ()))
    predicted, measured = found.predicted, of_visits(found.measured)
    if predicted is None:
        first = wording.MISSING
    else:
        middle, low, high = (wording.quantity(value, unit) for value in predicted)
        first = _two_lines(middle, "exact" if low == high else wording.interval(low, high))
    if measured is None:
        return [first, wording.MISSING]
    middle, low, high = (wording.quantity(value, unit) for value in measured)
    return [first, middle if low == high else _two_lines(middle, wording.interval(low, high))]


def _two_lines(first: str, second: str) -> Html:
    return joined([first, Html("<br>"), element("span", second, class_="soft")])
