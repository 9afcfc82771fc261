"""Runs from Python alone: begun, gone on with, evaluated."""

from dataclasses import replace

import pytest
import torch

from hwbench.errors import DataError, UnknownNameError
from hwbench.supernet.cost import params_cost
from hwbench.supernet.evaluation import evaluate
from hwbench.supernet.quality_files import evaluate_run
from hwbench.supernet.runs import BundleChoice, PenaltyChoice, open_run
from hwbench.supernet.starting import Asked, make_card, train_run
from hwbench.supernet.training import Processes, Progress

ALONE = Processes(0, 1, torch.device("cpu"))


@pytest.fixture
def asked(tmp_path, monkeypatch):
    monkeypatch.setenv("HWBENCH_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "text.txt"
    path.write_text("the quick brown fox jumps over the lazy dog\n" * 300)
    return Asked("nano", method="spos", text=str(path), tokenizer="bytes")


def test_begun_gone_on_with_and_evaluated(asked, config, tmp_path):
    reports: list[Progress] = []
    card = make_card(asked, replace(config, steps=3), ALONE)
    assert (card.space, card.text.vocab_size) == ("nano", 512)
    first = train_run(card, tmp_path / "run", ALONE, report=reports.append)
    assert [report.step for report in reports] == [1, 2, 3]
    assert train_run(card, tmp_path / "run", ALONE).passes == first.passes
    with pytest.raises(DataError, match=r"holds another run \(nano, spos\)"):
        train_run(replace(card, method="sandwich"), tmp_path / "run", ALONE)

    run = open_run(tmp_path / "run")
    journal = tmp_path / "journal.jsonl"
    found = evaluate_run(run, n=4, part="test", rows=3, seed=5, journal=journal)
    assert found.archs[:2] == [run.space.largest(), run.space.smallest()]
    assert journal.read_text().count("\n") == 1 + 4
    rows = run.corpus().windows("test", context=config.context).rows(3)
    assert found.qualities == [evaluate(run.network, arch, rows) for arch in found.archs]
    assert found.about == {
        "run": str(tmp_path / "run"),
        "checkpoint": run.subject,
        "part": "test",
        "rows": 3,
    }


def test_a_text_needs_no_more_tokens_than_the_network_knows(asked, config):
    card = make_card(replace(asked, vocab_size=10_000), config, ALONE)
    assert card.text.vocab_size == 512
    with pytest.raises(DataError, match="sees at most 128 tokens at once, got 200"):
        make_card(asked, replace(config, context=200), ALONE)


def test_a_cost_of_a_bundle_has_to_be_handed_over(asked, config, tmp_path):
    bundle = BundleChoice("mine", "0" * 64)
    penalty = PenaltyChoice("latency_s@here", 1.0, 0.01, bundle)
    card = make_card(replace(asked, method="tanglenas", penalty=penalty), config, ALONE)
    with pytest.raises(UnknownNameError, match="cost that can be counted 'latency_s@here'"):
        train_run(card, tmp_path / "run", ALONE)
    cost = params_cost(card.the_space())
    short = replace(card, training=replace(config, steps=1))
    train_run(short, tmp_path / "run", ALONE, cost=cost)
    other = replace(short, penalty=replace(penalty, strength=2.0))
    with pytest.raises(
        DataError, match=r"penalty of 1 on latency_s@here, limit 0.01, bundle mine "
    ):
        train_run(other, tmp_path / "run", ALONE, cost=cost)
