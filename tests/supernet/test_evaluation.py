"""Evaluation: pooled over tokens, the same as torch's own sums, resumable, refuses other text."""

import json
import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from hwbench.errors import SchemaError, ShapeError
from hwbench.supernet.evaluation import evaluate, evaluate_many, plan
from hwbench.supernet.gpt import ElasticGPT
from hwbench.supernet.weights import ArchWeights


@pytest.fixture(scope="module")
def net(small) -> ElasticGPT:
    # Wide weights, so that the network has opinions.
    made = ElasticGPT(small, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        made.wte.weight.mul_(20)
    return made


@pytest.fixture(scope="module")
def rows(corpus):
    return corpus.windows("validation", context=32).rows(10)


@pytest.mark.parametrize("batch_size", [None, 1, 3, 100])
def test_losses_are_pooled_over_tokens(net, rows, small, batch_size):
    arch = small.largest()
    found = evaluate(net, arch, rows, batch_size=batch_size)
    tokens = torch.from_numpy(rows)
    with torch.no_grad():
        logits = net.extract(arch)(tokens[:, :-1]).double().reshape(-1, 512)
    wanted = tokens[:, 1:].reshape(-1)
    loss = F.cross_entropy(logits, wanted)
    assert found.loss == pytest.approx(float(loss), rel=1e-6)
    assert found.perplexity == pytest.approx(math.exp(float(loss)), rel=1e-5)
    assert found.accuracy == float((logits.argmax(-1) == wanted).double().mean())
    assert found.tokens == 320


def test_a_plain_network_and_a_mixture_can_be_evaluated(net, rows, small):
    arch = small.smallest()
    sliced = evaluate(net, arch, rows)
    assert evaluate(net.extract(arch), None, rows) == sliced
    mixed = evaluate(net, ArchWeights.one_hot(arch, small), rows)
    assert mixed.loss == pytest.approx(sliced.loss, rel=1e-4)


def test_evaluation_leaves_the_mode_of_the_network(net, rows, small):
    net.train()
    evaluate(net, small.largest(), rows)
    assert net.training
    assert all(p.grad is None for p in net.parameters())


@pytest.mark.parametrize("shape", [(0, 9), (3, 1), (9,)])
def test_no_text_is_an_error(net, small, shape):
    with pytest.raises(ShapeError, match="expected rows"):
        evaluate(net, small.largest(), np.zeros(shape, dtype=np.int64))


def test_a_broken_evaluation_goes_on(net, rows, small, tmp_path):
    archs = plan(small, 6, seed=0)
    journal = tmp_path / "new" / "journal.jsonl"
    whole = evaluate_many(net, archs, rows)

    def stop(done, total):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate_many(net, archs, rows, journal=journal, progress=stop)
    journal.write_text(journal.read_text() + '{"arch": {"spa')  # killed in the middle of a line
    calls = []
    handle = net.register_forward_hook(lambda *_: calls.append(1))
    again = evaluate_many(net, archs, rows, journal=journal)
    handle.remove()
    assert again == whole
    assert len(calls) == 3  # one batch each for those that were missing
    assert len([json.loads(line) for line in journal.read_text().splitlines()]) == 7


def test_a_journal_of_other_weights_or_text_is_refused(net, rows, small, tmp_path):
    journal = tmp_path / "journal.jsonl"
    evaluate_many(net, plan(small, 2, seed=0), rows, journal=journal, subject="step-1")
    with pytest.raises(SchemaError, match="other weights"):
        evaluate_many(net, [], rows, journal=journal, subject="step-2")
    with pytest.raises(SchemaError, match="another text"):
        evaluate_many(net, [], rows[:5], journal=journal, subject="step-1")


def test_plans_begin_with_both_ends_and_grow(small):
    long = plan(small, 20, seed=3)
    assert long[:2] == [small.largest(), small.smallest()]
    assert len(set(long)) == 20
    assert plan(small, 8, seed=3) == long[:8]
    assert plan(small, 8, seed=4) != long[:8]
    assert set(plan(small, 10**6, seed=0)) == set(small.enumerate())
    assert plan(small, 1, seed=0) == [small.largest()]
