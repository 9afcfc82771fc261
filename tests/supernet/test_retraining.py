"""Training one architecture by itself, and writing it."""

from dataclasses import replace

import numpy as np
import pytest

from hwbench import spaces
from hwbench.errors import DataError, SpaceError, UnknownNameError

torch = pytest.importorskip("torch", reason="needs the extra [train]")
pytest.importorskip("safetensors", reason="needs the extra [train]")

from hwbench.data.text import Tokenizer, train_tokenizer  # noqa: E402
from hwbench.models import build, saving  # noqa: E402
from hwbench.supernet import extraction, retraining  # noqa: E402
from hwbench.supernet.runs import RunCard, TextChoice, open_run  # noqa: E402
from hwbench.supernet.training import read_log, train  # noqa: E402


@pytest.fixture
def card(corpus, config):
    chosen = TextChoice("json", 257, "bytes", corpus.key, str(corpus.folder))
    return RunCard("nano", "nano", "spos", chosen, config)


@pytest.fixture
def arch(small):
    return small.sample(np.random.default_rng(3))


def test_from_scratch_it_learns_and_is_kept(card, arch, tmp_path):
    config = replace(card.training, steps=30)
    found = retraining.retrain(card, arch, tmp_path, training=config)
    log = [float(row["loss"]) for row in read_log(tmp_path / "log.csv")]
    assert log[0] == pytest.approx(np.log(512), abs=0.1)  # knows nothing
    assert found.training.loss < log[0] - 1
    assert abs(found.test.loss - found.training.validation["network"].loss) < 1
    back = saving.load(tmp_path / retraining.MODEL)
    tokens = torch.arange(16).view(1, 16)
    assert torch.equal(back(tokens), found.network.eval()(tokens))
    kept = (tmp_path / retraining.MODEL / "tokenizer.json").read_text()
    assert Tokenizer.from_json(kept).encode(["a"])[0].tolist() == [97]


def test_seeds_are_of_weights_and_batches(card, arch, tmp_path):
    losses = [
        retraining.retrain(
            card, arch, tmp_path / str(i), training=replace(card.training, steps=3, seed=seed)
        ).test.loss
        for i, seed in enumerate((0, 0, 1))
    ]
    assert losses[0] == losses[1] != losses[2]


def test_it_goes_on_after_a_stop(card, arch, tmp_path):
    whole = retraining.retrain(card, arch, tmp_path / "whole", training=card.training)

    def stop(progress):
        if progress.step == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        retraining.retrain(card, arch, tmp_path / "cut", training=card.training, report=stop)
    cut = retraining.retrain(card, arch, tmp_path / "cut", training=card.training)
    assert cut.test == whole.test


def test_inherited_weights_are_what_it_begins_with(card, arch, tmp_path):
    train(card.supernet(), card.strategy(), card.text.corpus(), card.training, tmp_path / "net")
    card.save(tmp_path / "net")
    run = open_run(tmp_path / "net")
    still = replace(card.training, steps=1, warmup=0, learning_rate=1e-12, weight_decay=0.0)
    still = replace(still, min_learning_rate=1e-12)
    found = retraining.retrain_run(run, arch, tmp_path / "on", start="inherited", training=still)
    tokens = torch.arange(32).view(2, 16)
    with torch.no_grad():
        torch.testing.assert_close(
            found.network(tokens), run.network.extract(arch)(tokens), atol=1e-6, rtol=0
        )


def test_fine_tuning_is_a_tenth(config):
    found = retraining.fine_tuning(replace(config, steps=100))
    assert found.steps == 10
    assert found.learning_rate == pytest.approx(3e-4)


def test_a_folder_is_for_one_network(card, small, tmp_path):
    short = replace(card.training, steps=1)
    retraining.retrain(card, small.smallest(), tmp_path, training=short)
    with pytest.raises(DataError, match="another network"):
        retraining.retrain(card, small.largest(), tmp_path, training=short)


@pytest.mark.parametrize("form", extraction.FORMATS)
def test_formats(form, tmp_path, corpus):
    if form == "onnx":
        pytest.importorskip("onnx", reason="needs the extra [profile]")
    space = spaces.get("nano")
    model = build(space.smallest(), space)
    files = extraction.write(
        model, space.smallest(), space, tmp_path, form=form, tokenizer=corpus.tokenizer
    )
    names = {path.name for path in files}
    wanted = {"onnx": {"model.onnx"}}.get(form, {"config.json", "model.safetensors"})
    assert names == wanted | {"tokenizer.json"}
    with pytest.raises(UnknownNameError, match="format"):
        extraction.write(model, space.smallest(), space, tmp_path, form="zip")


def test_transformers_reads_network_and_tokenizer(tmp_path, monkeypatch):
    """Text in, the same logits out: what a harness for language models does with a folder."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    transformers = pytest.importorskip("transformers", reason="checks against it")
    pytest.importorskip("tokenizers", reason="needs the extra [train]")
    text = "def main():\n    return [name for name in names]\n"
    tokenizer = train_tokenizer([text * 20], vocab_size=300, kind="bpe")
    space = spaces.get("nano")
    model = build(space.smallest(), space).eval()
    extraction.write(model, space.smallest(), space, tmp_path, form="hf", tokenizer=tokenizer)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    encoded = theirs(text, return_tensors="pt")
    assert encoded["input_ids"][0].tolist() == tokenizer.encode([text])[0].tolist()
    assert theirs.decode(encoded["input_ids"][0]) == text
    assert (theirs.eos_token_id, theirs.model_max_length) == (tokenizer.end, 128)
    with torch.no_grad():
        found = transformers.AutoModelForCausalLM.from_pretrained(tmp_path).eval()(**encoded)
        torch.testing.assert_close(found.logits, model(encoded["input_ids"]), atol=2e-6, rtol=0)


def test_what_is_refused_leaves_nothing(tmp_path):
    space = spaces.get("nano")
    arch = space.parse("nano:embed_dim=32:n_layer=2:mlp_ratio=1,1:n_head=2,4")
    with pytest.raises(SpaceError, match="sizes"):
        extraction.write(build(arch, space), arch, space, tmp_path / "model", form="hf")
    assert not (tmp_path / "model").exists()


def test_a_graph_computes_what_the_network_does(tmp_path):
    pytest.importorskip("onnx", reason="needs the extra [profile]")
    runtime = pytest.importorskip("onnxruntime", reason="needs the extra [profile]")
    space = spaces.get("nano")
    model = build(space.smallest(), space).eval()
    extraction.write(model, space.smallest(), space, tmp_path, form="onnx", length=8)
    session = runtime.InferenceSession(tmp_path / "model.onnx")
    tokens = torch.arange(16).view(2, 8)
    found = session.run(None, {"tokens": tokens.numpy()})[0]
    with torch.no_grad():
        np.testing.assert_allclose(found, model(tokens).numpy(), atol=1e-5)
