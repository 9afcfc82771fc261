"""A supernet of a GPT space: every network of the space in the weights of the largest.

Given an architecture it runs that network alone, at its cost; given weights of architectures it
runs their superposition. `extract` gives a plain `hwbench.models.gpt.GPT` with the same logits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import cast

from hwbench.errors import SpaceError, require
from hwbench.models.gpt import GPT, GptConfig, check_tokens
from hwbench.spaces.architecture import Architecture
from hwbench.spaces.gpt import GptNetwork, network_of
from hwbench.spaces.gpt_costs import params
from hwbench.spaces.space import Space
from hwbench.supernet.elastic import (
    ElasticEmbedding,
    ElasticLayerNorm,
    ElasticLinear,
    ElasticMLP,
    FixedHeadAttention,
    SplitMixture,
    SplitWidthAttention,
)
from hwbench.supernet.gpt_mixture import GptMixture, GptMixtures, LayerMixture, values_of
from hwbench.supernet.weights import ArchWeights

require("torch", "train")

import torch  # noqa: E402
from torch import Tensor, nn  # noqa: E402

__all__ = ["ElasticGPT"]

_INIT_STD = 0.02


class ElasticGPT(nn.Module):
    """All networks of a GPT space.

    Args:
        space: A GPT space, or a sub-space of one.
        network: What the choices leave open, if not what `space.network` names.
        device: Where the weights live.
        dtype: Type of the weights.
        generator: Source of the initial weights, on `device`; by default a new one with torch's
            fixed seed. As in `GPT`: normal with standard deviation 0.02, biases 0.

    Raises:
        UnknownNameError: If the space is not a GPT space.
        SpaceError: If heads do not divide a width that they split, or rotate then.
    """

    def __init__(
        self,
        space: Space,
        /,
        *,
        network: GptNetwork | None = None,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.space, self.network = space, network or network_of(space)
        _check(space, self.network)
        net, width = self.network, max(values_of(space, "embed_dim"))
        self.wte = ElasticEmbedding(net.vocab_size, width, device=device, dtype=dtype)
        self.wpe = (
            ElasticEmbedding(net.context, width, device=device, dtype=dtype)
            if net.positions == "learned"
            else None
        )
        self.drop = nn.Dropout(0.0)  # training says how much; so in each block
        self.blocks = nn.ModuleList(
            ElasticBlock(space, net, device=device, dtype=dtype) for _ in range(space.max_depth)
        )
        self.norm = ElasticLayerNorm(width, device=device, dtype=dtype)
        self.lm_head = (
            None
            if net.tied
            else ElasticLinear(width, net.vocab_size, bias=False, device=device, dtype=dtype)
        )
        self.mixtures = GptMixtures(
            space, net, device=device, dtype=torch.promote_types(dtype, torch.float32)
        )
        if torch.device(device).type != "meta":
            self.reset_parameters(generator or torch.Generator(device))

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator) -> None:
        """Draw the weights anew and set biases and norms to their start."""
        for name, weight in self.named_parameters():
            if weight.dim() > 1:
                weight.normal_(0.0, _INIT_STD, generator=generator)
            else:
                weight.fill_(1.0 if name.endswith("weight") else 0.0)

    # -- running -------------------------------------------------------------------------------

    def forward(self, tokens: Tensor, arch: Architecture | ArchWeights, /) -> Tensor:
        """Return the logits of the next token at each position, `(B, T, V)`.

        Args:
            tokens: Token ids `(B, T)`.
            arch: The network to run; with weights, as `superpose`.
        """
        if isinstance(arch, ArchWeights):
            return self.superpose(tokens, arch)
        config = self.config(arch)
        x, head = self._look_up(tokens, config.embed_dim)
        x = self._sliced(x, config)
        if self.lm_head is None:
            return head(x)
        return cast(Tensor, self.lm_head(x, self.network.vocab_size))

    def superpose(self, tokens: Tensor, weights: ArchWeights, /) -> Tensor:
        """Return the logits of a mixture of networks, `(B, T, V)`; all layers run.

        Args:
            tokens: Token ids `(B, T)`.
            weights: The mixture. Gradients flow back to the weights.

        Raises:
            UnknownNameError: If a choice is missing or unknown.
            ShapeError: If tokens or weights have another shape.
        """
        mixture = self.mixtures(weights)
        x, head = self._look_up(tokens, self.norm.weight.shape[0])
        x = self._superposed(x, mixture)
        if self.lm_head is None:
            return head(x * mixture.widths.scale.to(x.dtype))
        return self.lm_head.superpose(x, mixture.inputs)

    def hidden(self, tokens: Tensor, arch: Architecture | ArchWeights, /) -> Tensor:
        """Return the last hidden state, `(B, T, d)`, or `(B, T, D)` of a mixture."""
        if isinstance(arch, ArchWeights):
            x = self._look_up(tokens, self.norm.weight.shape[0])[0]
            return self._superposed(x, self.mixtures(arch))
        config = self.config(arch)
        return self._sliced(self._look_up(tokens, config.embed_dim)[0], config)

    # -- networks ------------------------------------------------------------------------------

    def config(self, arch: Architecture, /) -> GptConfig:
        """Return the sizes of an architecture.

        Raises:
            SpaceError: If it does not belong to the space.
        """
        return replace(GptConfig.of(arch, self.space), network=self.network)

    def count(self, arch: Architecture, /) -> int:
        """Count the weights of an architecture."""
        return int(params(self.space, self.space.encode([arch])[0], network=self.network))

    @torch.no_grad()
    def extract(self, arch: Architecture, /) -> GPT:
        """Return an architecture as a plain network that holds copies of its weights.

        It gives the same logits as `forward`, bit for bit.
        """
        config = self.config(arch)
        width = config.embed_dim
        weights: dict[str, Tensor | None] = {"wte.weight": self.wte.plain(width)}
        if self.wpe is not None:
            weights["wpe.weight"] = self.wpe.plain(width)
        for i, (heads, ratio) in enumerate(zip(config.n_head, config.mlp_ratio, strict=True)):
            plain = self._block(i).plain(width, heads, ratio * width, bias=config.bias)
            weights.update({f"blocks.{i}.{name}": weight for name, weight in plain.items()})
        weights["norm.weight"], weights["norm.bias"] = self.norm.plain(width)
        if self.lm_head is not None:
            weights["lm_head.weight"] = self.lm_head.plain(width, self.network.vocab_size)[0]
        held = {name: w.detach().clone() for name, w in weights.items() if w is not None}
        return GPT.from_weights(config, held).train(self.training)

    # -- helpers -------------------------------------------------------------------------------

    def _block(self, layer: int) -> ElasticBlock:
        return cast(ElasticBlock, self.blocks[layer])

    def _look_up(self, tokens: Tensor, width: int) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        # The vectors (B, T, d), and the other end of a tied network.
        check_tokens(tokens, self.network.context)
        return self.wte.tied(tokens, width)

    def _sliced(self, x: Tensor, config: GptConfig) -> Tensor:
        if self.wpe is not None:
            x = x + self.wpe.plain(config.embed_dim)[: x.shape[1]]
        x = self.drop(x)
        for i, (heads, ratio) in enumerate(zip(config.n_head, config.mlp_ratio, strict=True)):
            x = self.blocks[i](x, heads, ratio * config.embed_dim, bias=config.bias)
        return cast(Tensor, self.norm(x))

    def _superposed(self, x: Tensor, mixture: GptMixture) -> Tensor:
        x = x * mixture.widths.scale.to(x.dtype)  # (B, T, D)
        if self.wpe is not None:
            places = torch.arange(x.shape[1], device=x.device)
            x = x + self.wpe.superpose(places, mixture.widths)
        x = self.drop(x)
        total = torch.zeros((), device=x.device, dtype=x.dtype)
        for i, layer in enumerate(mixture.layers):
            x = self._block(i).superpose(x, layer)
            if i + 1 in mixture.depths:  # a network that ends here leaves with this state
                total = total + x * mixture.depths[i + 1].to(x.dtype)
        return self.norm.superpose(total, mixture.widths)


class ElasticBlock(nn.Module):
    """One layer of a supernet, as `hwbench.models.gpt.Block`."""

    def __init__(
        self,
        space: Space,
        network: GptNetwork,
        /,
        *,
        device: torch.device | str,
        dtype: torch.dtype,
    ) -> None:
        super().__init__()
        width, heads = max(values_of(space, "embed_dim")), values_of(space, "n_head")
        bias = _has_bias(space)
        self.parallel = network.residual == "parallel"
        self.drop = nn.Dropout(0.0)
        self.norm_1 = ElasticLayerNorm(width, device=device, dtype=dtype)
        self.attn = (
            SplitWidthAttention(width, heads, bias=bias, device=device, dtype=dtype)
            if network.head_size is None
            else FixedHeadAttention(
                width,
                max(heads),
                network.head_size,
                rotated=network.rotated(network.head_size),
                context=network.context,
                bias=bias,
                device=device,
                dtype=dtype,
            )
        )
        self.norm_2 = ElasticLayerNorm(width, device=device, dtype=dtype)
        hidden = width * max(values_of(space, "mlp_ratio"))
        self.mlp = ElasticMLP(
            width, hidden, kind=network.mlp, bias=bias, device=device, dtype=dtype
        )

    def forward(self, x: Tensor, heads: int, hidden: int, /, *, bias: bool) -> Tensor:
        """Run a plain layer on `(B, T, d)`."""
        attended = x + self.drop(self.attn(self.norm_1(x), heads, bias=bias))
        seen = x if self.parallel else attended
        return cast(Tensor, attended + self.drop(self.mlp(self.norm_2(seen), hidden, bias=bias)))

    def superpose(self, x: Tensor, mix: LayerMixture, /) -> Tensor:
        """Run a mixture on `(B, T, D)`."""
        attended = x + self.drop(self._attend(self.norm_1.superpose(x, mix.widths), mix))
        seen = self.norm_2.superpose(x if self.parallel else attended, mix.widths)
        added = self.mlp.superpose(seen, mix.up, mix.down, bias=mix.bias)
        return cast(Tensor, attended + self.drop(added))

    def plain(
        self, width: int, heads: int, hidden: int, /, *, bias: bool
    ) -> dict[str, Tensor | None]:
        """Return the weights of a plain layer by their names in `hwbench.models.gpt.Block`."""
        attn = self.attn.plain(width, heads, bias=bias)
        linears = {"attn.qkv": attn.qkv, "attn.proj": attn.proj}
        for name, pair in self.mlp.plain(width, hidden, bias=bias).items():
            linears[f"mlp.{name}"] = pair
        linears["norm_1"], linears["norm_2"] = self.norm_1.plain(width), self.norm_2.plain(width)
        return {
            f"{name}.{part}": weight
            for name, pair in linears.items()
            for part, weight in zip(("weight", "bias"), pair, strict=True)
        }

    def _attend(self, x: Tensor, mix: LayerMixture) -> Tensor:
        if isinstance(mix.heads, SplitMixture):
            return cast(SplitWidthAttention, self.attn).superpose(x, mix.heads, bias=mix.bias)
        attn = cast(FixedHeadAttention, self.attn)
        return attn.superpose(x, mix.widths, mix.heads, bias=mix.bias)


def _has_bias(space: Space) -> bool:
    return any(c.name == "bias" and True in c.values for c in space.shared)


def _check(space: Space, network: GptNetwork) -> None:
    if network.head_size is not None:
        return
    for width in values_of(space, "embed_dim"):
        for heads in values_of(space, "n_head"):
            if width % heads:
                raise SpaceError(f"{heads} heads do not divide the width {width}: give a head size")
            if network.rotated(width // heads):
                raise SpaceError(
                    "heads that share the width cannot have rotary positions in a supernet, since "
                    "the angles would depend on the size of the heads; use learned positions"
                )
