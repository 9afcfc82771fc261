"""Networks with random weights, made fast: what runs does not depend on what the weights are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from hwbench.models.decoding import Decoder
from hwbench.models.gpt import GPT, Attention, GptConfig
from hwbench.profiling.runtimes.runtime import Request

__all__ = ["AUTOCAST", "Step", "network", "steps"]

Step = Callable[[], object]

AUTOCAST = {"amp-bf16": torch.bfloat16, "amp-fp16": torch.float16}
"""Precision -> what autocast casts to."""
_WEIGHTS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_STD = 0.02
_BLOCK = 1 << 20  # weights drawn; the rest repeats them


def network(request: Request, /) -> GPT:
    """Build the network of a request, in its precision, on its device.

    Weights are normal with standard deviation 0.02, as the network's own start, but one block of
    a million is drawn and repeated: ten times as fast, and neither NaN nor denormal numbers arise.
    """
    device = torch.device(request.torch_name)
    dtype = _WEIGHTS.get(request.protocol.precision, torch.float32)
    with _Uninitialised(device):
        model = GPT(GptConfig.of(request.arch, request.space), device="meta", dtype=dtype)
    generator = torch.Generator(device).manual_seed(request.seed)
    block = torch.empty(_BLOCK, device=device).normal_(0.0, _STD, generator=generator).to(dtype)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, (nn.LayerNorm, Attention)):
                module.reset_parameters()
            elif isinstance(module, (nn.Linear, nn.Embedding)):
                _fill(module.weight, block)
                if isinstance(module, nn.Linear) and module.bias is not None:
                    module.bias.zero_()
    return model.eval()


def steps(request: Request, model: GPT, /) -> tuple[Step, Step]:
    """Return how an iteration begins (done once) and its step (done once, or once a new token)."""
    work = request.protocol.workload
    generator = torch.Generator().manual_seed(request.seed)
    vocab = model.config.network.vocab_size
    tokens = torch.randint(vocab, (work.batch, work.length), generator=generator)
    tokens = tokens.to(request.torch_name)
    if work.phase == "prefill":
        return _nothing, lambda: model(tokens)
    return _decoding(Decoder(model, batch=work.batch, length=work.context), tokens)


class _Uninitialised(TorchFunctionMode):
    """Puts what is made for the "meta" device on a real one, and skips torch's own weights.

    On "meta" torch imports 800 modules of its compiler, for seconds, to do nothing.
    """

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        self._device = device

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: object,
        args: Sequence[object] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        options = dict(kwargs or {})
        if getattr(func, "__module__", None) == "torch.nn.init":
            return args[0] if args else options["tensor"]
        if str(options.get("device")) == "meta":
            options["device"] = self._device
        return func(*args, **options)


def _decoding(decoder: Decoder, tokens: Tensor) -> tuple[Step, Step]:
    with torch.no_grad():
        likeliest = decoder(tokens)[:, -1:].argmax(-1)  # (B, 1)
    first, last, length = likeliest, likeliest.clone(), tokens.shape[1]

    def begin() -> None:
        last.copy_(first)
        decoder.rewind(length)

    def step() -> object:
        return last.copy_(decoder(last)[:, -1:].argmax(-1))

    return begin, step


def _nothing() -> None:
    return


def _fill(weight: Tensor, block: Tensor) -> None:
    flat, size = weight.view(-1), len(block)
    whole = len(flat) // size * size
    flat[:whole].view(-1, size).copy_(block)
    flat[whole:].copy_(block[: len(flat) - whole])
