"""Write a GPT in the layouts of Hugging Face's transformers, so that other tools load it.

Networks with rotary positions and parallel residuals become GPT-NeoX, those with learned positions
and sequential residuals GPT-2. These layouts give every layer the same sizes. An architecture whose
layers differ can be padded: further heads and MLP channels of zero weight change no logit, but take
room and time. transformers is not needed for writing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from hwbench.errors import SpaceError, require
from hwbench.models.gpt import GPT, Attention, Block, GeluMLP, GptConfig
from hwbench.models.saving import write_folder

require("torch", "train")

import torch  # noqa: E402
from torch import Tensor, nn  # noqa: E402

__all__ = ["hugging_face", "layout", "to_hugging_face"]

_EPSILON: Final = 1e-5  # of LayerNorm, torch's default
_NEOX: Final = "gpt_neox"
_GPT2: Final = "gpt2"


@dataclass(frozen=True)
class _Sizes:
    """Sizes that every layer has in the layout: width, heads, size of a head, MLP channels."""

    width: int
    heads: int
    head_size: int
    hidden: int


def layout(config: GptConfig, /) -> str:
    """Name the layout of a network: "gpt_neox" or "gpt2".

    Raises:
        SpaceError: If transformers has none of this structure; says why.
    """
    net = config.network
    if net.mlp != "gelu":
        raise SpaceError(f"no layout of transformers has the {net.mlp} MLP of {net.name} here")
    if (net.positions, net.residual) == ("rotary", "parallel"):
        return _NEOX
    if (net.positions, net.residual) == ("learned", "sequential") and net.tied:
        return _GPT2
    raise SpaceError(
        f"no layout of transformers has {net.positions} positions, {net.residual} residuals and "
        f"{'a tied' if net.tied else 'an untied'} output layer"
    )


def to_hugging_face(
    model: GPT, folder: Path, /, *, pad: bool = False, end_of_text: int | None = None
) -> str:
    """Write `config.json` and `model.safetensors` for `AutoModelForCausalLM.from_pretrained`.

    Args:
        model: The network.
        folder: Where to.
        pad: Whether layers that differ may be padded with zero weights to the greatest of them.
        end_of_text: Token that begins and ends a document.

    Returns:
        The layout.

    Raises:
        SpaceError: If the structure does not fit; says what does not.
    """
    weights, config = hugging_face(model, pad=pad)
    config |= {"bos_token_id": end_of_text, "eos_token_id": end_of_text}
    write_folder(folder, weights, config)
    return str(config["model_type"])


def hugging_face(model: GPT, /, *, pad: bool = False) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return weights and config in the layout; see `to_hugging_face`."""
    kind, sizes = layout(model.config), _sizes(model.config, pad=pad)
    state = model.state_dict()
    names = _NAMES[kind]
    weights = {names["wte"]: state["wte.weight"]}
    if model.wpe is not None:
        weights[names["wpe"]] = state["wpe.weight"]
    for part in ("weight", "bias"):
        weights[f"{names['norm']}.{part}"] = state[f"norm.{part}"]
    if model.lm_head is not None:
        weights[names["head"]] = state["lm_head.weight"]
    for i, block in enumerate(model.blocks):
        own = _layer(cast(Block, block), sizes, kind)
        weights.update({f"{names['layers']}.{i}.{name}": w for name, w in own.items()})
    return weights, _config(model.config, sizes, kind)


_NAMES: Final = {
    _NEOX: {
        "wte": "gpt_neox.embed_in.weight",
        "norm": "gpt_neox.final_layer_norm",
        "head": "embed_out.weight",
        "layers": "gpt_neox.layers",
    },
    _GPT2: {
        "wte": "transformer.wte.weight",
        "wpe": "transformer.wpe.weight",
        "norm": "transformer.ln_f",
        "head": "lm_head.weight",
        "layers": "transformer.h",
    },
}
_PARTS: Final = {
    _NEOX: {
        "norm_1": "input_layernorm",
        "norm_2": "post_attention_layernorm",
        "qkv": "attention.query_key_value",
        "proj": "attention.dense",
        "up": "mlp.dense_h_to_4h",
        "down": "mlp.dense_4h_to_h",
    },
    _GPT2: {
        "norm_1": "ln_1",
        "norm_2": "ln_2",
        "qkv": "attn.c_attn",
        "proj": "attn.c_proj",
        "up": "mlp.c_fc",
        "down": "mlp.c_proj",
    },
}


def _sizes(config: GptConfig, *, pad: bool) -> _Sizes:
    width, layers = config.embed_dim, range(len(config.n_head))
    sizes = {config.head_size(i) for i in layers}
    if len(sizes) > 1:
        raise SpaceError(
            f"layers have heads of sizes {sorted(sizes)}; the layout has one size and padding "
            "cannot help: take an architecture with as many heads in every layer"
        )
    for name, found in (("heads", config.n_head), ("MLP ratios", config.mlp_ratio)):
        if len(set(found)) > 1 and not pad:
            raise SpaceError(
                f"layers have {name} {found}, the layout gives all the same; pad them with zeros "
                "(--pad) or take a uniform architecture"
            )
    size = sizes.pop()
    heads = max(config.n_head)
    if heads * size != width:
        if width % size or heads * size > width or not pad:
            raise SpaceError(
                f"{heads} heads of {size} do not make the width {width}, as the layout asks"
                + ("; pad them (--pad)" if heads * size < width and not width % size else "")
            )
        heads = width // size
    return _Sizes(width, heads, size, max(config.mlp_ratio) * width)


def _config(config: GptConfig, sizes: _Sizes, kind: str) -> dict[str, Any]:
    net, layers = config.network, len(config.n_head)
    common = {"model_type": kind, "vocab_size": net.vocab_size, "tie_word_embeddings": net.tied}
    common |= {"torch_dtype": "float32"}
    if kind == _GPT2:
        return common | {
            "architectures": ["GPT2LMHeadModel"],
            "n_positions": net.context,
            "n_embd": sizes.width,
            "n_layer": layers,
            "n_head": sizes.heads,
            "n_inner": sizes.hidden,
            "activation_function": "gelu",
            "layer_norm_epsilon": _EPSILON,
            "resid_pdrop": 0.0,
            "embd_pdrop": 0.0,
            "attn_pdrop": 0.0,
        }
    return common | {
        "architectures": ["GPTNeoXForCausalLM"],
        "max_position_embeddings": net.context,
        "hidden_size": sizes.width,
        "num_hidden_layers": layers,
        "num_attention_heads": sizes.heads,
        "intermediate_size": sizes.hidden,
        "hidden_act": "gelu",
        "rotary_pct": config.rotated(0) / sizes.head_size,
        "rotary_emb_base": 10_000,
        "use_parallel_residual": True,
        "attention_bias": True,
        "layer_norm_eps": _EPSILON,
        "hidden_dropout": 0.0,
        "attention_dropout": 0.0,
    }


def _layer(block: Block, sizes: _Sizes, kind: str) -> dict[str, Tensor]:
    mlp = cast(GeluMLP, block.mlp)
    linears = _attention(block.attn, sizes, by_head=kind == _NEOX)
    linears["up"] = _grown(mlp.up, sizes.hidden, sizes.width)
    linears["down"] = _grown(mlp.down, sizes.width, sizes.hidden)
    found = {}
    for name, (weight, bias) in linears.items():
        where = _PARTS[kind][name]
        # GPT-2's "Conv1D" holds a matrix the other way round.
        found[f"{where}.weight"] = weight.T if kind == _GPT2 else weight
        found[f"{where}.bias"] = bias
    for name in ("norm_1", "norm_2"):
        norm = cast(nn.LayerNorm, getattr(block, name))
        where = _PARTS[kind][name]
        found[f"{where}.weight"], found[f"{where}.bias"] = norm.weight.data, norm.bias.data
    return found


def _attention(
    attn: Attention, sizes: _Sizes, *, by_head: bool
) -> dict[str, tuple[Tensor, Tensor]]:
    """Pad the projections; rows of the first by head (q, k, v of head 0, ...) or by kind."""
    rows = 3 * sizes.heads * sizes.head_size
    weight, bias = _grown(attn.qkv, rows, sizes.width)
    if not by_head:
        shape = (sizes.heads, 3, sizes.head_size)
        weight = weight.view(*shape, sizes.width).transpose(0, 1).reshape(rows, sizes.width)
        bias = bias.view(shape).transpose(0, 1).reshape(rows)
    return {"qkv": (weight, bias), "proj": _grown(attn.proj, sizes.width, rows // 3)}


def _grown(linear: nn.Linear, rows: int, columns: int) -> tuple[Tensor, Tensor]:
    """Return weight and bias of a linear layer, padded with zeros; no bias is one of zeros."""
    weight = torch.zeros(rows, columns, dtype=linear.weight.dtype)
    weight[: linear.out_features, : linear.in_features] = linear.weight.data.cpu()
    bias = torch.zeros(rows, dtype=linear.weight.dtype)
    if linear.bias is not None:
        bias[: linear.out_features] = linear.bias.data.cpu()
    return weight, bias
