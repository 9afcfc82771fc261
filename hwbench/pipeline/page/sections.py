"""The sections of the page after its answer: quality, hardware, regret, cost, limits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hwbench import metrics
from hwbench.pipeline.page import wording
from hwbench.pipeline.page.markup import Html, element, listing, paragraph, table
from hwbench.pipeline.page.pictures import bar, inline
from hwbench.pipeline.page.plots import Drawn
from hwbench.pipeline.page.reading import Story
from hwbench.pipeline.page.results import Cost, Hardware, Rank, Results

__all__ = ["cannot_tell", "cost", "hardware", "picture", "quality", "regret", "words"]


def quality(results: Results, pictures: Sequence[Drawn], /) -> list[Html]:
    """Return what is told of predicted, inherited and retrained perplexity."""
    parts = [
        paragraph(
            "Bars are intervals of 90 % for predictions and go from the least to the greatest seed "
            "for retraining. The surrogate learned from the validation text; inherited and "
            "retrained are on the test text: another text shifts all networks alike, so only the "
            "order counts. Rank correlations are over the networks drawn at random: those picked "
            "for a problem lie close together, where order is mostly noise."
        ),
        _gallery(pictures),
    ]
    rows = [_rank(rank) for rank in results.ranks]
    if rows:
        head = ("order of", "against order of", "networks", "Kendall's tau", "90 % interval")
        parts.append(table("How alike the orders are", head, rows))
    same = [rank for rank in results.ranks if rank.other == "another seed"]
    parts += [_chance(rank) for rank in same[:1]]
    return parts


def _rank(rank: Rank) -> list[str]:
    n = wording.MISSING if rank.n is None else str(rank.n)
    around = wording.MISSING
    if rank.low is not None and rank.high is not None:
        around = f"{wording.tau(rank.low)} to {wording.tau(rank.high)}"
    return [rank.of, rank.other, n, wording.tau(rank.tau), around]


def _chance(rank: Rank) -> Html:
    return paragraph(
        f"Trained again with another seed, the same networks come out in an order that agrees with "
        f"the first to tau {wording.tau(rank.tau)}: that is what chance in training leaves. A "
        "perfect prediction would agree somewhat better with one training, and better still with "
        "the mean of several."
    )


def hardware(results: Results, pictures: Sequence[Drawn], /) -> list[Html]:
    """Return what is told of latency, memory and energy."""
    parts = [
        paragraph(
            "Across, what was measured: the median of all visits, with a bar from the least to the "
            "greatest. Up, what the surrogate predicts, with its interval of 90 %."
        ),
        _gallery(pictures),
    ]
    if results.hardware:
        head = ("metric", "networks", "mean error", "Kendall's tau", "inside the 90 % interval")
        parts.append(table("Predicted against measured", head, map(_metric, results.hardware)))
    if results.energy:
        parts.append(paragraph(f"Energy was not measured: {results.energy.rstrip('.')}."))
    return parts


def _metric(row: Hardware) -> list[str]:
    known = metrics.METRICS.get(row.metric)
    return [
        known.label if known else row.metric,
        wording.MISSING if row.n is None else str(row.n),
        wording.percent(row.mape),
        wording.tau(row.tau),
        wording.percent(row.inside),
    ]


def regret(results: Results, drawn: Drawn | None, /) -> list[Html]:
    """Return what is told of the methods against each other."""
    if drawn is None:
        return [paragraph("No network was retrained.")]
    rows = []
    for row in results.regret:
        around = wording.MISSING
        if row.low is not None and row.high is not None:
            around = f"{wording.perplexity(row.low)} to {wording.perplexity(row.high)}"
        kept = {True: "yes", False: "no", None: wording.MISSING}[row.kept]
        told = [wording.method(row.by), wording.perplexity(row.perplexity), around, kept]
        rows.append([row.problem, *told, wording.percent(row.from_best)])
    head = ("problem", "method", "perplexity", "seeds", "keeps the limits", "regret")
    return [
        paragraph(
            "How far the network of each method lies above the best feasible of all retrained "
            "networks, with a bar over its seeds. Less is better; a cross breaks a limit, and so "
            "may lie below zero."
        ),
        _gallery([drawn], class_="one"),
        table("After retraining", head, rows),
    ]


def cost(story: Story, /) -> list[Html]:
    """Return what is told of time and tokens."""
    spent = _spent(story)
    if not spent:
        return [paragraph("No stage has begun.")]
    total = sum(item.seconds or 0.0 for item in spent)
    tokens = [item.tokens for item in spent if item.tokens is not None]
    rows = [_stage(item, total) for item in spent]
    rows.append(["all", wording.span(total), "", _tokens(sum(tokens) if tokens else None)])
    parts = [table("Stages", ("stage", "time", "share of the time", "tokens"), rows)]
    searches = list(_searches(story.results)) if story.results else []
    if searches:
        head = ("problem", "method", "evaluations", "time", "tokens", "predicted regret")
        parts.append(table("Searches", head, searches))
        parts.append(
            paragraph(
                "Searches on the surrogate run no network: what it learned from stands under "
                "evaluate, once for all problems. SPOS evolution runs as many subnets for each."
            )
        )
    return parts


def _spent(story: Story) -> list[Cost]:
    """Return what the results tell, and what the records of other stages do."""
    told = list(story.results.cost) if story.results else []
    known = {item.stage for item in told}
    records = (step.record for step in story.steps if step.name not in known)
    return told + [Cost(r.stage, r.seconds, r.tokens) for r in records if r is not None]


def _stage(item: Cost, total: float) -> list[str]:
    share = (item.seconds or 0.0) / total if total else 0.0
    shown = bar(share, f"{item.stage}: {wording.percent(share)}")
    return [item.stage, wording.span(item.seconds), shown, _tokens(item.tokens)]


def _tokens(number: int | None) -> str:
    return wording.quantity(number, "1")


def _searches(results: Results) -> Iterable[list[str]]:
    for problem in results.problems:
        for found in problem.found:
            calls = wording.MISSING if found.evaluations is None else f"{found.evaluations:,}"
            told = [problem.name, wording.method(found.by), calls, wording.span(found.seconds)]
            yield [*told, _tokens(found.tokens), wording.percent(found.predicted_regret)]


def cannot_tell(story: Story, /) -> list[Html]:
    """Return the limits of the bundle."""
    if story.limits is None:
        return [paragraph("There is no bundle yet; its card will say what limits it.")]
    if not story.limits:
        return [paragraph("The card of the bundle names no limits.")]
    return [listing(story.limits)]


def words() -> list[Html]:
    """Return the words of the page, explained."""
    cells = [(element("dt", word), element("dd", told)) for word, told in _WORDS.items()]
    return [element("dl", *(part for pair in cells for part in pair), class_="fields words")]


_WORDS = {
    "supernet": "One network that holds all networks of a space; they share its weights.",
    "subnet, inherited": "A network of the space, with its weights in the supernet as they are.",
    "retrained": "The same network trained alone, from scratch.",
    "surrogate": "A small model that predicts a number of a network without running it.",
    "bundle": "The surrogates and their card in a folder; hwbench query and hwbench search ask it.",
    "perplexity": "How surprised a network is by text it has not seen; less is better.",
    "exact solver": "Finds the best predicted network of the whole space, with a proof.",
    "Kendall's tau": "How alike two orders are: 1 the same, 0 unrelated, -1 reversed.",
    "regret": "How much worse than the best one that is known, in per cent.",
}


def picture(drawn: Drawn, /) -> Html:
    """Return a figure of the page."""
    shown = inline(drawn.figure, drawn.name, title=drawn.title, alt=drawn.alt, tips=drawn.tips)
    return element("figure", shown)


def _gallery(pictures: Sequence[Drawn], *, class_: str = "gallery") -> Html:
    if not pictures:
        return element("p", "There is nothing to draw.", class_="soft")
    return element("div", *map(picture, pictures), class_=class_)
