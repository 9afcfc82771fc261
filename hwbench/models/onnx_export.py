"""Write a GPT as one ONNX graph of standard operators, weights of any source, torch not needed.

The graph is written node by node, as the plain network of `hwbench.models.gpt` computes: input
`tokens`, int64 `(batch, T)`; output `logits` `(batch, T, V)`. The batch is free, T is fixed.
Weights that pass the 2 GB of a protobuf go to one file beside the graph. Only operators of opset 20
are used, so that runtimes of 2024 read it; attention is written out.
Needs `onnx` (extra `profile`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, cast

import numpy as np
from numpy.typing import DTypeLike, NDArray

from hwbench.errors import DataError, ShapeError, require
from hwbench.models._onnx_graph import GraphWriter
from hwbench.spaces.architecture import Architecture
from hwbench.spaces.gpt import GptNetwork, network_of
from hwbench.spaces.space import Space

if TYPE_CHECKING:
    from hwbench.models.gpt import GPT

__all__ = ["AGREEMENT", "Weights", "check_equal", "export", "random_weights", "weights_of"]

AGREEMENT: Final = 1e-4
"""Largest difference of logits between runtimes, over the largest logit, in float32."""

Weights = Callable[[str, tuple[int, ...]], NDArray[Any]]
"""Gives the weights of a name of `GPT.state_dict` and a shape."""

_EPSILON: Final = 1e-5  # of LayerNorm, torch's default
_ROTARY_BASE: Final = 10_000.0
_STD: Final = 0.02
_BLOCK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class _Sizes:
    """What the layers need to know."""

    net: GptNetwork
    d: int
    length: int
    bias: bool
    dtype: np.dtype[Any]


def export(
    arch: Architecture,
    space: Space,
    weights: Weights,
    path: Path,
    /,
    *,
    length: int,
    precision: Literal["fp32", "fp16"] = "fp32",
    external: bool | None = None,
) -> None:
    """Write the network of an architecture.

    Args:
        arch: An architecture of the space.
        space: A GPT space; its `network` names the variant.
        weights: Where weights come from: `weights_of(model)` or `random_weights(rng)`.
        path: The file. External weights go to the same name with ".data" behind it.
        length: Tokens of a sequence, T.
        precision: Type of weights and activations.
        external: Whether weights go to a file of their own; None: only where they must.

    Raises:
        SpaceError: If the architecture does not belong to the space.
        ShapeError: If T passes the network's context.
        MissingExtraError: If onnx is not installed.
    """
    space.encode([arch])
    net = network_of(space)
    if not 1 <= length <= net.context:
        raise ShapeError(f"expected a length of 1 to {net.context}, got {length}")
    dtype = np.dtype(np.float32 if precision == "fp32" else np.float16)
    sizes = _Sizes(
        net, cast(int, arch["embed_dim"]), length, bool(arch.choices.get("bias", False)), dtype
    )
    with GraphWriter(path, dtype, external=external) as graph:
        _network(graph, sizes, weights, arch)


def weights_of(model: GPT, /) -> Weights:
    """Take the weights of a network.

    Returns:
        A source that gives NumPy arrays; it refuses shapes that the network does not have.
    """
    state: Mapping[str, Any] = model.state_dict()

    def find(name: str, shape: tuple[int, ...]) -> NDArray[Any]:
        array = cast(NDArray[Any], state[name].detach().cpu().numpy())
        if array.shape != shape:
            raise ShapeError(f"{name}: expected shape {shape}, got {array.shape}")
        return array

    return find


def random_weights(rng: np.random.Generator, /, *, dtype: DTypeLike = np.float32) -> Weights:
    """Make weights up: normal with standard deviation 0.02, norms 1, biases 0.

    One block of a million numbers is drawn and repeated, which is ten times as fast.
    """
    block = (rng.standard_normal(_BLOCK, dtype=np.float32) * np.float32(_STD)).astype(dtype)

    def make(name: str, shape: tuple[int, ...]) -> NDArray[Any]:
        if name.endswith(".bias"):
            return np.zeros(shape, dtype=dtype)
        if "norm" in name:
            return np.ones(shape, dtype=dtype)
        return np.resize(block, shape)

    return make


def check_equal(path: Path, model: GPT, /, *, length: int, batch: int = 2, seed: int = 0) -> float:
    """Compare the file's logits in ONNX Runtime on the CPU with those of the network.

    Args:
        path: What `export` wrote in float32.
        model: The network, in float32.
        length: Tokens of a sequence, as exported.
        batch: Sequences.
        seed: Of the token ids.

    Returns:
        Largest difference over the largest logit.

    Raises:
        DataError: If it is more than `AGREEMENT`.
        MissingExtraError: If torch or onnxruntime is not installed.
    """
    torch, ort = require("torch", "profile"), require("onnxruntime", "profile")
    generator = torch.Generator().manual_seed(seed)
    vocab = model.config.network.vocab_size
    tokens = torch.randint(vocab, (batch, length), generator=generator)
    with torch.no_grad():
        expected = model(tokens).numpy()
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (found,) = session.run(["logits"], {"tokens": tokens.numpy()})
    error = float(np.abs(found - expected).max() / np.abs(expected).max())
    if not error <= AGREEMENT:
        raise DataError(
            f"{path.name} differs from the network by {error:.2g} of the largest logit; at most "
            f"{AGREEMENT:g} is allowed: do not use the file, and report this"
        )
    return error


def _network(graph: GraphWriter, z: _Sizes, weights: Weights, arch: Architecture) -> None:
    tokens = graph.input("tokens", ("batch", z.length))
    table = graph.constant("wte", weights("wte.weight", (z.net.vocab_size, z.d)))
    x = graph.node("Gather", table, tokens)  # (B, T, d)
    if z.net.positions == "learned":
        rows = weights("wpe.weight", (z.net.context, z.d))[: z.length]
        x = graph.node("Add", x, graph.constant("wpe", rows))
    mask = np.triu(np.full((z.length, z.length), -np.inf), k=1).astype(z.dtype)
    mask_name = graph.constant("mask", mask)
    ratios = cast(tuple[int, ...], arch["mlp_ratio"])
    heads = cast(tuple[int, ...], arch["n_head"])
    for layer, (ratio, head) in enumerate(zip(ratios, heads, strict=True)):
        x = _Layer(graph, z, weights, f"blocks.{layer}", mask_name).apply(x, ratio, head)
    x = _norm(graph, z, weights, x, "norm")
    if z.net.tied:
        x = graph.node("MatMul", x, graph.node("Transpose", table, perm=[1, 0]))
    else:
        head_weights = weights("lm_head.weight", (z.net.vocab_size, z.d))
        x = graph.node("MatMul", x, graph.constant("lm_head", head_weights.T))
    graph.output("logits", x, ("batch", z.length, z.net.vocab_size))


@dataclass(frozen=True, slots=True)
class _Layer:
    """Writes one layer, as `hwbench.models.gpt.Block` computes it."""

    graph: GraphWriter
    z: _Sizes
    weights: Weights
    name: str
    mask: str

    def apply(self, x: str, ratio: int, heads: int) -> str:
        graph = self.graph
        first = _norm(graph, self.z, self.weights, x, f"{self.name}.norm_1")
        attended = graph.node("Add", x, self._attention(first, heads))
        source = x if self.z.net.residual == "parallel" else attended
        second = _norm(graph, self.z, self.weights, source, f"{self.name}.norm_2")
        return graph.node("Add", attended, self._mlp(second, ratio))

    def _attention(self, x: str, heads: int) -> str:
        graph, T = self.graph, self.z.length
        size = self.z.net.head_size or self.z.d // heads
        a = heads * size
        qkv = self._linear(x, "attn.qkv", self.z.d, 3 * a)
        split = graph.reshape(qkv, (0, T, heads, 3, size))
        split = graph.node("Transpose", split, perm=[3, 0, 2, 1, 4])  # (3, B, h, T, s)
        parts = graph.nodes("Split", split, count=3, axis=0, num_outputs=3)
        q, k, v = (graph.squeeze(part, 0) for part in parts)  # each (B, h, T, s)
        rotated = self.z.net.rotated(size)
        q, k = self._rotate(q, rotated, size), self._rotate(k, rotated, size)
        scale = graph.constant(f"scale.{size}", np.array(size**-0.5, dtype=self.z.dtype))
        k = graph.node("Transpose", k, perm=[0, 1, 3, 2])
        scores = graph.node("Mul", graph.node("MatMul", q, k), scale)  # (B, h, T, T)
        shares = graph.node("Softmax", graph.node("Add", scores, self.mask), axis=-1)
        y = graph.node("Transpose", graph.node("MatMul", shares, v), perm=[0, 2, 1, 3])
        return self._linear(graph.reshape(y, (0, T, a)), "attn.proj", a, self.z.d)

    def _rotate(self, x: str, rotated: int, size: int) -> str:
        if rotated == 0:
            return x
        graph = self.graph
        cos, sin = _tables(self.z.length, rotated)
        cos_name = graph.constant(f"cos.{rotated}", cos.astype(self.z.dtype))
        sin_name = graph.constant(f"sin.{rotated}", sin.astype(self.z.dtype))
        parts = [rotated // 2, rotated // 2, size - rotated]
        one, two, *still = graph.split(x, parts if size > rotated else parts[:2])
        turning = graph.node("Concat", one, two, axis=-1)
        swapped = graph.node("Concat", graph.node("Neg", two), one, axis=-1)
        turned = graph.node(
            "Add",
            graph.node("Mul", turning, cos_name),
            graph.node("Mul", swapped, sin_name),
        )
        return graph.node("Concat", turned, *still, axis=-1) if still else turned

    def _mlp(self, x: str, ratio: int) -> str:
        graph, d, m = self.graph, self.z.d, ratio * self.z.d
        up = self._linear(x, "mlp.up", d, m)
        if self.z.net.mlp == "gelu":
            return self._linear(graph.node("Gelu", up), "mlp.down", m, d)
        gate = self._linear(x, "mlp.gate", d, m)
        silu = graph.node("Mul", gate, graph.node("Sigmoid", gate))
        return self._linear(graph.node("Mul", silu, up), "mlp.down", m, d)

    def _linear(self, x: str, name: str, inputs: int, outputs: int) -> str:
        full, graph = f"{self.name}.{name}", self.graph
        matrix = self.weights(f"{full}.weight", (outputs, inputs))
        y = graph.node("MatMul", x, graph.constant(f"{full}.weight", matrix.T))
        if not self.z.bias:
            return y
        bias = self.weights(f"{full}.bias", (outputs,))
        return graph.node("Add", y, graph.constant(f"{full}.bias", bias))


def _norm(graph: GraphWriter, z: _Sizes, weights: Weights, x: str, name: str) -> str:
    scale = graph.constant(f"{name}.weight", weights(f"{name}.weight", (z.d,)))
    shift = graph.constant(f"{name}.bias", weights(f"{name}.bias", (z.d,)))
    return graph.node("LayerNormalization", x, scale, shift, axis=-1, epsilon=_EPSILON)


def _tables(length: int, rotated: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    # As `hwbench.models.rotary.rotary_tables`, without torch; the tests compare them.
    frequencies = _ROTARY_BASE ** (-np.arange(0, rotated, 2) / rotated)
    angles = np.tile(np.outer(np.arange(length), frequencies), 2)  # (T, rotated)
    return np.cos(angles), np.sin(angles)
