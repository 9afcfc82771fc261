"""Layouts of transformers against our networks, where it is installed; and saved files."""

import dataclasses
import json

import pytest

from hwbench.errors import DataError, SchemaError, SpaceError
from hwbench.spaces.gpt import NETWORKS

torch = pytest.importorskip("torch", reason="needs the extra [train]")
pytest.importorskip("safetensors", reason="needs the extra [train]")
exporting = pytest.importorskip("hwbench.models.exporting")
saving = pytest.importorskip("hwbench.models.saving")
gpt = pytest.importorskip("hwbench.models.gpt")

NEOX = dataclasses.replace(NETWORKS["supernet"], vocab_size=60, context=32, head_size=8)
GPT2 = dataclasses.replace(NETWORKS["nano"], vocab_size=60, context=32)


def _model(network, width=32, ratios=(2, 2), heads=(4, 4), *, bias=False):
    generator = torch.Generator().manual_seed(0)
    model = gpt.GPT(gpt.GptConfig(width, ratios, heads, bias, network), generator=generator)
    with torch.no_grad():  # biases and norms of their own, so that a swapped one shows
        for weight in model.parameters():
            weight.add_(torch.randn(weight.shape, generator=generator) * 0.05)
    return model.eval()


CASES = [
    pytest.param("gpt_neox", {"network": NEOX, "bias": True}, False, id="neox"),
    pytest.param("gpt_neox", {"network": NEOX}, False, id="neox without biases"),
    pytest.param(
        "gpt_neox",
        {"network": dataclasses.replace(NEOX, tied=False), "bias": True},
        False,
        id="neox, untied",
    ),
    pytest.param(
        "gpt_neox", {"network": NEOX, "ratios": (2, 4), "heads": (1, 3)}, True, id="neox, padded"
    ),
    pytest.param("gpt2", {"network": GPT2}, False, id="gpt2"),
    pytest.param(
        "gpt2",
        {"network": GPT2, "width": 48, "ratios": (1, 4, 2), "heads": (2, 2, 2)},
        True,
        id="gpt2, padded",
    ),
]


@pytest.mark.parametrize(("kind", "sizes", "pad"), CASES)
def test_transformers_computes_the_same(tmp_path, kind, sizes, pad):
    transformers = pytest.importorskip("transformers", reason="checks against it")
    model = _model(**sizes)
    assert exporting.to_hugging_face(model, tmp_path, pad=pad, end_of_text=3) == kind
    theirs, about = transformers.AutoModelForCausalLM.from_pretrained(
        tmp_path, output_loading_info=True
    )
    assert not any(about.values()), about  # no missing, unexpected or mismatched weights
    tokens = torch.randint(0, 60, (2, 32), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(theirs.eval()(tokens).logits, model(tokens), atol=2e-6, rtol=0)


@pytest.mark.parametrize(("kind", "sizes", "pad"), CASES)
def test_shapes_are_those_of_the_config(kind, sizes, pad):
    weights, config = exporting.hugging_face(_model(**sizes), pad=pad)
    assert config["model_type"] == kind
    width = config.get("hidden_size", config.get("n_embd"))
    hidden = config.get("intermediate_size", config.get("n_inner"))
    fused = [
        w
        for name, w in weights.items()
        if name.endswith(("query_key_value.weight", "c_attn.weight"))
    ]
    up = [w for name, w in weights.items() if name.endswith(("h_to_4h.weight", "c_fc.weight"))]
    assert {tuple(sorted(w.shape)) for w in fused} == {(width, 3 * width)}
    assert {tuple(sorted(w.shape)) for w in up} == {(width, hidden)}


def test_the_first_head_of_neox_is_ours():
    model = _model(NEOX, bias=True)
    weights, _ = exporting.hugging_face(model)
    ours = model.blocks[0].attn.qkv
    assert torch.equal(weights["gpt_neox.layers.0.attention.query_key_value.weight"], ours.weight)


def test_gpt2_has_all_queries_first():
    model = _model(GPT2)  # 4 heads of 8
    weights, _ = exporting.hugging_face(model)
    theirs = weights["transformer.h.0.attn.c_attn.weight"].T  # (96, 32): q, k, v
    ours = model.blocks[0].attn.qkv.weight.view(4, 3, 8, 32)
    for kind in range(3):
        for head in range(4):
            rows = slice(32 * kind + 8 * head, 32 * kind + 8 * head + 8)
            assert torch.equal(theirs[rows], ours[head, kind])


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ({"network": NEOX, "ratios": (2, 4)}, "MLP ratios"),
        ({"network": NEOX, "heads": (2, 4)}, "heads"),
        ({"network": NEOX, "heads": (3, 3)}, "3 heads of 8"),
        ({"network": NEOX, "heads": (5, 5)}, "5 heads of 8"),
        ({"network": GPT2, "heads": (2, 4)}, "sizes"),
        ({"network": dataclasses.replace(NEOX, mlp="gated_silu")}, "gated_silu"),
        ({"network": dataclasses.replace(NEOX, residual="sequential")}, "sequential"),
    ],
)
def test_what_does_not_fit_is_refused(sizes, words):
    with pytest.raises(SpaceError, match=words):
        exporting.hugging_face(_model(**sizes))


def test_saved_networks_give_the_same_logits(tmp_path):
    model = _model(NEOX, ratios=(1, 4), heads=(2, 3), bias=True)
    saving.save(model, tmp_path / "a" / "b", about={"from": "here"})
    back = saving.load(tmp_path / "a" / "b")
    tokens = torch.arange(20).view(2, 10)
    assert back.config == model.config
    assert torch.equal(back(tokens), model(tokens))
    assert json.loads((tmp_path / "a" / "b" / "config.json").read_text())["about"] == {
        "from": "here"
    }


def test_bad_folders_are_refused(tmp_path):
    with pytest.raises(DataError, match="no network there"):
        saving.load(tmp_path)
    saving.save(_model(GPT2), tmp_path)
    whole = (tmp_path / "config.json").read_text()
    for text in ("{", "[]", '{"format": "other", "version": 1}', whole.replace('"tied"', '"tyed"')):
        (tmp_path / "config.json").write_text(text)
        with pytest.raises(SchemaError):
            saving.load(tmp_path)
    (tmp_path / "config.json").write_text(whole.replace('"embed_dim": 32', '"embed_dim": 64'))
    with pytest.raises(DataError, match="size mismatch"):
        saving.load(tmp_path)
    (tmp_path / "config.json").write_text(whole)
    (tmp_path / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(DataError):
        saving.load(tmp_path)
