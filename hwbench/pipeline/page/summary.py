"""The head of the page: what was done, what came out, how far to trust it, how to do it again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hwbench import metrics
from hwbench.pipeline.page import wording
from hwbench.pipeline.page.markup import Html, element, joined, listing, paragraph, table
from hwbench.pipeline.page.reading import Story
from hwbench.pipeline.page.results import Hardware, Problem, Rank, Results

__all__ = ["head", "limit_texts"]

_STATES = {
    "done": "done",
    "failed": "failed",
    "running": "running or interrupted",
    "missing": "not begun",
}


def head(story: Story, /) -> Html:
    """Return the title, the summary, the facts, and what is not finished."""
    results = story.results
    parts = [
        element("h1", story.title),
        paragraph(_what(story)),
    ]
    if story.quick:
        words = "A quick run: too short for its numbers to mean much; it shows that the way works."
        parts.append(element("p", words, class_="note"))
    if not story.finished:
        parts.append(_standing(story))
    if results is not None and story.verified:
        parts.append(listing(_findings(results)))
    parts.append(_facts(story))
    return element("header", *parts)


def limit_texts(problem: Problem, /) -> str:
    """Write the limits of a problem: "latency at most 3.1 ms"."""
    texts = []
    for name, bound in problem.limits:
        known = metrics.METRICS.get(name)
        shown = wording.quantity(bound, known.unit) if known else f"{bound:g}"
        texts.append(f"{known.label if known else name} at most {shown}")
    return ", ".join(texts) or "no limit"


def _what(story: Story) -> str:
    results = story.results
    place = f" on {_place(story)}" if _place(story) else ""
    words = (
        f"One supernet of the space {story.space} is trained; subnets of it are tested with the "
        f"weights they inherit and measured{place}; surrogates are fitted to both, and searched."
    )
    if results is None or not story.verified:
        return words
    return f"{words} {_retraining(results)}"


def _retraining(results: Results) -> str:
    number = wording.counted(len(results.architectures), "network")
    seeds = "" if results.seeds is None else f" with {wording.counted(results.seeds, 'seed')}"
    each = [] if results.steps is None else [wording.counted(results.steps, "step")]
    if results.tokens_each is not None:
        each.append(f"{wording.quantity(results.tokens_each, '1')} tokens")
    told = f" ({', '.join(each)} each)" if each else ""
    return (
        f"To check what was predicted, {number} – those picked for the problems, and others drawn "
        f"at random – are trained from scratch{seeds}{told} and measured again."
    )


def _findings(results: Results) -> Iterator[str]:
    for problem in results.problems:
        yield from _finding(results, problem)
    for rank in results.ranks:
        if (rank.of, rank.other) == ("surrogate", "retrained"):
            yield _agreement(results, rank)
    for row in results.hardware:
        yield _hardware(row)


def _finding(results: Results, problem: Problem) -> Iterator[str]:
    row = results.regret_of(problem.name, "exact")
    if row is None or row.perplexity is None:
        return
    kept = {True: "keeps", False: "breaks", None: "was not checked against"}[row.kept]
    told = (
        f" ({limit_texts(problem)}): the network of the exact solver reaches a perplexity of "
        f"{wording.perplexity(row.perplexity)} after retraining{_beside(row.from_best)}. "
        f"It {kept} the limits."
    )
    yield joined([element("strong", problem.name), told])


def _beside(regret: float | None) -> str:
    if regret is None:
        return ""
    if regret == 0.0:
        return ", the best of all that keep the limits"
    word = "above" if regret > 0.0 else "below"
    return f", {wording.percent(abs(regret))} {word} the best that keeps the limits"


def _agreement(results: Results, rank: Rank) -> str:
    same = [r.tau for r in results.ranks if (r.of, r.other) == ("retrained", "another seed")]
    seeds = f"; two trainings with other seeds agree to {wording.tau(same[0])}" if same else ""
    return (
        f"The surrogate ranks {rank.n or 'the'} networks drawn at random as retraining does, with "
        f"Kendall's tau {wording.tau(rank.tau)} (1: the same order, 0: none){seeds}."
    )


def _hardware(row: Hardware) -> str:
    known = metrics.METRICS.get(row.metric)
    name = known.label.capitalize() if known else row.metric
    inside = (
        ""
        if row.inside is None
        else (f"; {wording.percent(row.inside)} of the measurements lie inside the 90 % intervals")
    )
    return f"{name} is predicted with a mean error of {wording.percent(row.mape)}{inside}."


def _standing(story: Story) -> Html:
    rows = []
    for step in story.steps:
        record = step.record
        told = "" if record is None else record.reason or figures(record.summary)
        seconds = wording.span(record.seconds) if record else wording.MISSING
        rows.append((step.name, _STATES.get(step.state, step.state), seconds, told))
    return element(
        "section",
        paragraph(
            element("strong", "This pipeline is not finished."),
            " The command below goes on where it stopped; what there is stands here.",
        ),
        table("How far it got", ("stage", "state", "time so far", "reason or figures"), rows),
        class_="note",
    )


def figures(summary: Mapping[str, object], /) -> str:
    """Write the figures of a stage.

    >>> figures({"n": 40, "cells": {"latency": {"tau": 0.91234}}, "range": [5.0, 9.5]})
    'n 40, cells (latency (tau 0.9123)), range 5 to 9.5'
    """
    return ", ".join(f"{name} {_word(v)}" for name, v in summary.items() if v is not None)


def _word(value: object) -> str:
    if isinstance(value, Mapping):
        return f"({figures(value)})"
    if isinstance(value, list):
        return " to ".join(map(_word, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _place(story: Story) -> str:
    return story.device.label or story.device.name


def _facts(story: Story) -> Html:
    name = "" if _place(story) == story.device.name else story.device.name
    more = ", ".join(filter(None, [name, story.device.kind]))
    facts = {
        "device": _place(story) + (f" ({more})" if more else ""),
        "run": "quick" if story.quick else "full",
        "bundle": story.sha256 and element("code", f"sha256 {story.sha256}"),
        "command": element("code", story.command),
    }
    cells = [(element("dt", key), element("dd", text)) for key, text in facts.items() if text]
    return element("dl", *(part for pair in cells for part in pair), class_="fields")
