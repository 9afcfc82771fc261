"""Searching inherited weights: values against extracted networks, limits, fidelities, runs."""

import numpy as np
import pytest

from hwbench import spaces
from hwbench.errors import ShapeError, UnknownNameError
from hwbench.search import ProblemError, run
from hwbench.search.problem import Limit, Objective, Problem

torch = pytest.importorskip("torch", reason="needs the extra [train]")
pytest.importorskip("safetensors", reason="needs the extra [train]")
evaluators = pytest.importorskip("hwbench.search.supernet_evaluator")
runs = pytest.importorskip("hwbench.supernet.runs")
training = pytest.importorskip("hwbench.supernet.training")
text = pytest.importorskip("hwbench.data.text")

RESTRICT = {"embed_dim": (32, 48), "n_layer": (2,), "mlp_ratio": (1, 2)}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    (folder / "text.txt").write_text("the quick brown fox jumps over the lazy dog\n" * 300)
    words = str(folder / "text.txt")
    corpus = text.prepare(words, vocab_size=257, tokenizer="bytes", cache=folder / "cache")
    chosen = runs.TextChoice(words, 257, "bytes", corpus.key, str(corpus.folder))
    config = training.preset(
        "nano", steps=4, batch_size=2, context=16, warmup=1, validate_every=0, validate_rows=4
    )
    card = runs.RunCard("nano", "nano", "spos", chosen, config, restrict=RESTRICT)
    card.save(folder)
    training.train(card.supernet(), card.strategy(), corpus, config, folder, tensorboard=False)
    return runs.open_run(folder)


def _ask(trained, *, minimize=("perplexity",), limits=(), **options):
    problem = evaluators.Questions(trained.space).parse(minimize=minimize, max=limits)
    return evaluators.SupernetEvaluator(trained, problem, rows=6, **options)


def test_values_are_those_of_extracted_networks(trained):
    asked = _ask(trained, minimize=["perplexity", "params", "flops"])
    codes = asked.space.encode(list(asked.space.enumerate())[::5])
    found = asked.evaluate(codes)
    rows = trained.corpus().windows("validation", context=16).rows(6)
    tokens = torch.from_numpy(rows)
    for row, arch in enumerate(asked.space.decode(codes)):
        plain = trained.network.extract(arch).eval()
        with torch.no_grad():
            logits = plain(tokens[:, :-1])
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
        assert found.values["perplexity"][row] == pytest.approx(float(loss.exp()), rel=1e-6)
        assert found.values["params"][row] == sum(p.numel() for p in plain.parameters())
    assert found.objectives[:, 1].tolist() == found.values["params"].tolist()
    assert (np.diff(found.values["flops"][np.argsort(found.values["params"])]) >= 0).mean() > 0.5


def test_flops_are_of_the_context_that_was_trained_at(trained):
    # By hand, width 32, two layers, ratio 1: multiply-accumulates a token are 512 x 32 for the
    # output, and a layer 4 x 32^2 + 2 x 32^2 + 2 x 16 x 32.
    asked = _ask(trained, minimize=["flops"])
    smallest = asked.space.encode([asked.space.smallest()])
    by_hand = 2 * 16 * (512 * 32 + 2 * (6 * 32 * 32 + 2 * 16 * 32))
    assert asked.evaluate(smallest).values["flops"][0] == by_hand


def test_limits(trained):
    asked = _ask(trained, limits=["params=40000"])
    ends = asked.space.encode([asked.space.smallest(), asked.space.largest()])
    count = trained.network.count(asked.space.largest())
    assert asked.evaluate(ends).violations.tolist() == [0.0, pytest.approx(count / 40000 - 1)]


def test_fidelities_are_shares_of_the_text(trained):
    asked = _ask(trained, batches=3)
    code = asked.space.encode([asked.space.largest()])
    assert asked.most == 3
    tokens = [asked.qualities(code, fidelity=k)[0].tokens for k in (1, 2, 3)]
    assert tokens == [2 * 16, 4 * 16, 6 * 16]
    full = asked.evaluate(code).values["perplexity"]
    assert full == asked.evaluate(code, fidelity=3).values["perplexity"]
    assert full == _ask(trained).evaluate(code).values["perplexity"]
    with pytest.raises(ProblemError, match="fidelity 4"):
        asked.evaluate(code, fidelity=4)
    with pytest.raises(ProblemError, match="fidelity 1"):
        _ask(trained).evaluate(code, fidelity=1)


@pytest.mark.parametrize("method", ["spos-rs", "spos-es", "nsga2"])
def test_a_search_of_everything_finds_the_best(trained, method, tmp_path):
    asked = _ask(trained, minimize=["perplexity"])
    every = asked.space.encode(list(asked.space.enumerate()))
    best = asked.evaluate(every).objectives[:, 0].min()
    settings = {"population": 8, "mutants": 4, "children": 4} if method == "spos-es" else {}
    found = run(asked, method, budget=len(every), settings=settings, out=tmp_path)
    assert found.objectives[found.front()[0], 0] == best
    assert found.evaluator["supernet"] == trained.subject
    again = run(asked, method, budget=len(every), settings=settings, out=tmp_path)
    assert np.array_equal(again.codes, found.codes)


def test_successive_halving_asks_at_fidelities(trained):
    found = run(_ask(trained, batches=3), "moasha", budget=4)
    assert set(found.fidelity.tolist()) <= {0, 1, 2, 3}
    assert len(set(found.fidelity.tolist())) > 1


def test_what_cannot_be_asked_is_refused(trained):
    questions = evaluators.Questions(trained.space)
    with pytest.raises(UnknownNameError, match="knows no device"):
        questions.parse(minimize=["perplexity"], max=["latency@h100=8ms"])
    with pytest.raises(ProblemError, match="needs a device"):
        questions.parse(minimize=["latency"])
    with pytest.raises(UnknownNameError, match="metric"):
        questions.parse(minimize=["joy"])
    other = Problem(spaces.get("nano"), (Objective("perplexity"),))
    with pytest.raises(ProblemError, match="not nano"):
        evaluators.SupernetEvaluator(trained, other)
    certain = Problem(
        trained.space,
        (Objective("perplexity"),),
        (Limit("params", None, 1e5, confidence=0.9),),
    )
    with pytest.raises(ProblemError, match="confidence"):
        evaluators.SupernetEvaluator(trained, certain)
    with pytest.raises(ShapeError, match="batches"):
        _ask(trained, batches=7)
    with pytest.raises(ShapeError, match="codes need shape"):
        _ask(trained).evaluate(np.zeros(6, dtype=np.uint8))


def test_a_benchmark_answers_for_devices():
    import hwbench

    bench = hwbench.load("gpt-s")
    space = spaces.get("gpt-s").with_network("supernet")
    questions = evaluators.Questions(space, bench)
    problem = questions.parse(minimize=["perplexity"], max=["latency@h100=8ms"])
    assert problem.columns == (("perplexity", None), ("latency_s", "h100"))
    with pytest.raises(ProblemError, match="the benchmark of gpt-s"):
        evaluators.Questions(spaces.get("nano"), bench)
