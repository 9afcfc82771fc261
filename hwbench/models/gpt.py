"""GPT as a plain torch network, in one file: what is extracted, exported and profiled.

Pre-norm LayerNorm, fused query-key-value, no dropout, no key-value cache. Number of heads and MLP
ratio may differ per layer. What else may differ stands in `hwbench.spaces.gpt.NETWORKS`: parallel
or sequential residual, rotary or learned positions, gated SiLU or GELU MLP, tied or not, heads of
a fixed size or of width / heads. Structure as in nanoGPT and GPT-NeoX; weights of a head are
adjacent in the fused projection (head 0: q, k, v, head 1: ...), so that the first h heads are the
first rows.

Shapes: B sequences, T tokens, d width, V vocabulary, h heads of a layer, s head size, m = MLP
ratio x d.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from hwbench.errors import ShapeError, SpaceError, require
from hwbench.models.rotary import rotary_tables, rotate
from hwbench.spaces.architecture import Architecture
from hwbench.spaces.gpt import GptNetwork, network_of
from hwbench.spaces.space import Space

require("torch", "train")

import torch  # noqa: E402
from torch import Tensor, nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

__all__ = [
    "GPT",
    "Attention",
    "Block",
    "GatedMLP",
    "GeluMLP",
    "GptConfig",
    "build",
    "check_tokens",
    "rotary_tables",
]

_INIT_STD = 0.02


@dataclass(frozen=True, slots=True)
class GptConfig:
    """The sizes of one GPT.

    Attributes:
        embed_dim: Width d.
        mlp_ratio: MLP ratio of each layer.
        n_head: Number of heads of each layer.
        bias: Whether linear layers have biases (LayerNorms always do, the output layer never).
        network: What the architecture leaves open.
    """

    embed_dim: int
    mlp_ratio: tuple[int, ...]
    n_head: tuple[int, ...]
    bias: bool
    network: GptNetwork

    def __post_init__(self) -> None:
        if len(self.mlp_ratio) != len(self.n_head):
            raise ShapeError(
                f"one MLP ratio and one number of heads a layer: got {len(self.mlp_ratio)} and "
                f"{len(self.n_head)}"
            )
        if self.network.head_size is None and any(self.embed_dim % h for h in self.n_head):
            raise SpaceError(
                f"heads {self.n_head} do not divide the width {self.embed_dim}; give a head size"
            )

    @classmethod
    def of(cls, arch: Architecture, space: Space, /) -> GptConfig:
        """Take the sizes from an architecture of a GPT space and the space's network variant."""
        space.encode([arch])
        return cls(
            embed_dim=cast(int, arch["embed_dim"]),
            mlp_ratio=cast(tuple[int, ...], arch["mlp_ratio"]),
            n_head=cast(tuple[int, ...], arch["n_head"]),
            bias=cast(bool, arch.choices.get("bias", False)),
            network=network_of(space),
        )

    def head_size(self, layer: int) -> int:
        """Size of the heads of a layer."""
        return self.network.head_size or self.embed_dim // self.n_head[layer]

    def rotated(self, layer: int) -> int:
        """Number of leading dimensions of a head that rotate; even."""
        return self.network.rotated(self.head_size(layer))


class GPT(nn.Module):
    """A decoder-only language model: token ids `(B, T)` to logits `(B, T, V)`.

    Args:
        config: The sizes.
        device: Where the weights live; "meta" gives a model without storage, to count and trace.
        dtype: Type of the weights.
        generator: Source of the initial weights, on `device`; by default a new one with torch's
            fixed seed. Weights are normal with standard deviation 0.02, biases 0.
    """

    def __init__(
        self,
        config: GptConfig,
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        net, d = config.network, config.embed_dim
        self.config = config
        # Built without storage, so that torch's own initialisation neither costs time nor draws
        # from its global generator.
        self.wte = nn.Embedding(net.vocab_size, d, device="meta", dtype=dtype)
        self.wpe = (
            nn.Embedding(net.context, d, device="meta", dtype=dtype)
            if net.positions == "learned"
            else None
        )
        self.blocks = nn.ModuleList(Block(config, i, dtype) for i in range(len(config.n_head)))
        self.norm = nn.LayerNorm(d, device="meta", dtype=dtype)
        self.lm_head = (
            None
            if net.tied
            else nn.Linear(d, net.vocab_size, bias=False, device="meta", dtype=dtype)
        )
        if torch.device(device).type != "meta":
            self.to_empty(device=device)
            self.reset_parameters(generator or torch.Generator(device))

    @classmethod
    def from_weights(cls, config: GptConfig, weights: Mapping[str, Tensor], /) -> GPT:
        """Make a network of given weights, which it holds without a copy.

        Args:
            config: The sizes.
            weights: What `state_dict` names, all on one device.

        Raises:
            RuntimeError: From torch, if names are missing or unknown, or shapes do not fit.
        """
        model = cls(config, device="meta")
        model.load_state_dict(weights, assign=True)
        for module in model.modules():
            if isinstance(module, Attention):
                module.reset_parameters(weights["wte.weight"].device)
        return model

    def hidden(self, tokens: Tensor) -> Tensor:
        """Return the last hidden state, `(B, T, d)`, of token ids `(B, T)`."""
        check_tokens(tokens, self.config.network.context)
        x = self.wte(tokens)  # (B, T, d)
        if self.wpe is not None:
            x = x + self.wpe.weight[: tokens.shape[1]]
        for block in self.blocks:
            x = block(x)
        return cast(Tensor, self.norm(x))

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the logits of the next token at each position, `(B, T, V)`."""
        weight = self.wte.weight if self.lm_head is None else self.lm_head.weight  # (V, d)
        return F.linear(self.hidden(tokens), weight)

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator) -> None:
        """Draw the weights anew and set biases and norms to their start."""
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Embedding)):
                module.weight.normal_(0.0, _INIT_STD, generator=generator)
            if isinstance(module, (nn.LayerNorm, Attention)):
                module.reset_parameters()
            if isinstance(module, nn.Linear) and module.bias is not None:
                module.bias.zero_()


class Block(nn.Module):
    """One layer: `x + attention(norm_1(x)) + mlp(norm_2(x))`, the MLP of x or of the sum so far."""

    def __init__(self, config: GptConfig, layer: int, dtype: torch.dtype) -> None:
        super().__init__()
        d = config.embed_dim
        mlp = GatedMLP if config.network.mlp == "gated_silu" else GeluMLP
        self.parallel = config.network.residual == "parallel"
        self.norm_1 = nn.LayerNorm(d, device="meta", dtype=dtype)
        self.attn = Attention(config, layer, dtype)
        self.norm_2 = nn.LayerNorm(d, device="meta", dtype=dtype)
        self.mlp = mlp(d, config.mlp_ratio[layer] * d, bias=config.bias, dtype=dtype)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, T, d)` to `(B, T, d)`."""
        if self.parallel:
            return cast(Tensor, x + self.attn(self.norm_1(x)) + self.mlp(self.norm_2(x)))
        x = x + self.attn(self.norm_1(x))
        return cast(Tensor, x + self.mlp(self.norm_2(x)))


class Attention(nn.Module):
    """Causal self-attention with rotary positions on the first dimensions of each head."""

    def __init__(self, config: GptConfig, layer: int, dtype: torch.dtype) -> None:
        super().__init__()
        self.n_head, self.head_size = config.n_head[layer], config.head_size(layer)
        self.rotated = config.rotated(layer)
        d, a = config.embed_dim, self.n_head * self.head_size
        self.qkv = nn.Linear(d, 3 * a, bias=config.bias, device="meta", dtype=dtype)
        self.proj = nn.Linear(a, d, bias=config.bias, device="meta", dtype=dtype)
        empty = torch.empty(config.network.context, self.rotated, device="meta")
        self.cos: Tensor
        self.sin: Tensor
        self.register_buffer("cos", empty, persistent=False)  # (context, rotated), float32
        self.register_buffer("sin", empty.clone(), persistent=False)

    def reset_parameters(self, device: torch.device | None = None) -> None:
        """Compute the rotary tables anew, by default on the device where they are."""
        context, rotated = self.cos.shape
        self.cos, self.sin = rotary_tables(context, rotated, device=device or self.cos.device)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, T, d)` to `(B, T, d)`."""
        B, T, _ = x.shape
        y = self._mix(self.qkv(x)).transpose(1, 2)  # (B, T, h, s)
        return cast(Tensor, self.proj(y.reshape(B, T, self.n_head * self.head_size)))

    def _mix(self, qkv: Tensor) -> Tensor:
        # (B, T, 3 h s) -> (B, h, T, s). A method of its own: q, k and v are freed when it returns.
        B, T, _ = qkv.shape
        heads = qkv.view(B, T, self.n_head, 3, self.head_size)
        q, k, v = heads.permute(3, 0, 2, 1, 4).unbind(0)  # each (B, h, T, s)
        q, k = rotate(q, self.cos, self.sin), rotate(k, self.cos, self.sin)
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)


class GatedMLP(nn.Module):
    """Gated SiLU MLP (LLaMA): `down(silu(gate(x)) * up(x))`."""

    def __init__(self, d: int, m: int, *, bias: bool, dtype: torch.dtype) -> None:
        super().__init__()
        self.gate = nn.Linear(d, m, bias=bias, device="meta", dtype=dtype)
        self.up = nn.Linear(d, m, bias=bias, device="meta", dtype=dtype)
        self.down = nn.Linear(m, d, bias=bias, device="meta", dtype=dtype)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, T, d)` to `(B, T, d)`."""
        return cast(Tensor, self.down(F.silu(self.gate(x)) * self.up(x)))


class GeluMLP(nn.Module):
    """Two-matrix MLP (GPT-2, GPT-NeoX): `down(gelu(up(x)))`."""

    def __init__(self, d: int, m: int, *, bias: bool, dtype: torch.dtype) -> None:
        super().__init__()
        self.up = nn.Linear(d, m, bias=bias, device="meta", dtype=dtype)
        self.down = nn.Linear(m, d, bias=bias, device="meta", dtype=dtype)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, T, d)` to `(B, T, d)`."""
        return cast(Tensor, self.down(F.gelu(self.up(x))))


def check_tokens(tokens: Tensor, context: int, /) -> None:
    """Check that token ids are `(B, T)` and not longer than the longest sequence.

    Raises:
        ShapeError: If they are.
    """
    if tokens.dim() != 2 or tokens.shape[1] > context:
        raise ShapeError(
            f"expected tokens (B, T) with T <= {context}, got shape {tuple(tokens.shape)}"
        )


def build(
    arch: Architecture,
    space: Space,
    /,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    generator: torch.Generator | None = None,
) -> GPT:
    """Build the network of an architecture, in the variant that `space.network` names.

    Args:
        arch: An architecture of the space.
        space: A GPT space.
        device: As in `GPT`.
        dtype: As in `GPT`.
        generator: As in `GPT`.

    Raises:
        SpaceError: If the architecture does not belong to the space.
    """
    return GPT(GptConfig.of(arch, space), device=device, dtype=dtype, generator=generator)
