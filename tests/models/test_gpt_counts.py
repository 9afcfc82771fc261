"""The closed forms against torch's own counts of the built network."""

import dataclasses

import numpy as np
import pytest

import hwbench.spaces as spaces
from hwbench import models
from hwbench.spaces import gpt_costs
from hwbench.spaces.gpt import NETWORKS, GptNetwork

torch = pytest.importorskip("torch", reason="needs the extra [train]")
gpt = pytest.importorskip("hwbench.models.gpt")

from torch.multiprocessing.reductions import StorageWeakRef  # noqa: E402
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402
from torch.utils._pytree import tree_leaves  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

GPT2 = GptNetwork("gpt2", "gelu", True, 50257, 0.0, head_size=None)


def _flops(model, batch, length):
    tokens = torch.zeros((batch, length), dtype=torch.long, device="meta")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(tokens)
    return counter.get_total_flops()


@pytest.mark.parametrize(
    ("name", "network"),
    [(name, network) for name in spaces.names() for network in spaces.get(name).networks],
)
def test_parameters_and_flops(name, network, rng):
    space = spaces.get(name).with_network(network)
    archs = [space.smallest(), space.largest(), *space.decode(space.sample_codes(3, rng))]
    codes = space.encode(archs)
    params = gpt_costs.params(space, codes)
    length = NETWORKS[network].context
    flops = gpt_costs.flops(space, codes, batch_size=2, sequence_length=length)
    for i, arch in enumerate(archs):
        model = models.build(arch, space, device="meta")
        assert sum(p.numel() for p in model.parameters()) == params[i]
        assert _flops(model, 2, length) == flops[i]


def test_another_sequence_length_and_the_head_size_of_gpt2(rng):
    space = spaces.get("gpt-s")
    for arch in space.decode(space.sample_codes(4, rng)):
        code = space.encode([arch])
        config = dataclasses.replace(gpt.GptConfig.of(arch, space), network=GPT2)
        model = gpt.GPT(config, device="meta")
        assert sum(p.numel() for p in model.parameters()) == gpt_costs.params(
            space, code, network=GPT2
        )
        assert _flops(model, 3, 100) == gpt_costs.flops(
            space, code, sequence_length=100, batch_size=3, network=GPT2
        )


class _Live(TorchDispatchMode):
    """Follows which storages exist after each operation, and how many bytes they hold."""

    def __init__(self, known):
        super().__init__()
        self.known = {tensor.untyped_storage()._cdata for tensor in known}
        self.live = {}
        self.peak_bytes = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        self.live = {key: held for key, held in self.live.items() if not held[0].expired()}
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                if storage._cdata not in self.known:
                    self.live[storage._cdata] = (StorageWeakRef(storage), storage.nbytes())
        self.peak_bytes = max(self.peak_bytes, sum(size for _, size in self.live.values()))
        return result


def _peak(model, tokens, *, logits):
    known = [*model.parameters(), *model.buffers(), tokens]
    with torch.no_grad(), _Live(known) as live:
        (model if logits else model.hidden)(tokens)
    return live.peak_bytes


# Attention wins with many heads, the MLP with a wide one.
ARCHS = [
    {"embed_dim": 192, "mlp_ratio": 2, "n_head": 12, "bias": True},
    {"embed_dim": 192, "mlp_ratio": 4, "n_head": 4, "bias": False},
    {
        "embed_dim": 384,
        "mlp_ratio": [2, 4, 2, 3, 2] * 2,
        "n_head": [12, 4, 8, 4, 12] * 2,
        "bias": True,
    },
]


@pytest.mark.parametrize("network", ["profiled", "supernet"])
@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("logits", [False, True])
def test_peak_activations_are_the_tensors_alive_at_once(network, arch, logits):
    space = spaces.get("gpt-s").with_network(network)
    made = space.architecture(n_layer=10, **arch)
    model = models.build(made, space)
    tokens = torch.zeros((2, 48), dtype=torch.long)
    expected = gpt_costs.peak_activation_bytes(
        space, space.encode([made]), sequence_length=48, batch_size=2, logits=logits
    )
    assert _peak(model, tokens, logits=logits) == expected


@pytest.mark.parametrize("fraction", [0.0, 0.5, 0.75, 1.0])
@pytest.mark.parametrize("head_size", [64, None])
def test_peak_activations_of_other_rotations(fraction, head_size):
    space = spaces.get("gpt-s")
    network = GptNetwork("other", "gelu", True, 100, fraction, head_size=head_size)
    arch = space.architecture(embed_dim=192, n_layer=10, bias=False, mlp_ratio=2, n_head=12)
    model = gpt.GPT(dataclasses.replace(gpt.GptConfig.of(arch, space), network=network))
    tokens = torch.zeros((1, 64), dtype=torch.long)
    expected = gpt_costs.peak_activation_bytes(
        space, space.encode([arch]), sequence_length=64, logits=False, network=network
    )
    assert _peak(model, tokens, logits=False) == expected


@pytest.mark.parametrize("logits", [False, True])
def test_peak_activations_of_learned_positions_and_sequential_residuals(logits, rng):
    space = spaces.get("nano")
    for arch in [space.smallest(), space.largest(), space.sample(rng)]:
        tokens = torch.zeros((3, 128), dtype=torch.long)
        expected = gpt_costs.peak_activation_bytes(
            space, space.encode([arch]), sequence_length=128, batch_size=3, logits=logits
        )
        assert _peak(models.build(arch, space), tokens, logits=logits) == expected


def test_peak_activations_in_two_bytes():
    space = spaces.get("gpt-s").with_network("supernet")
    arch = space.architecture(embed_dim=192, n_layer=10, bias=True, mlp_ratio=2, n_head=12)
    model = gpt.build(arch, space, dtype=torch.bfloat16)
    tokens = torch.zeros((4, 64), dtype=torch.long)
    expected = gpt_costs.peak_activation_bytes(
        space,
        space.encode([arch]),
        sequence_length=64,
        batch_size=4,
        bytes_per_value=2,
        logits=False,
    )
    # Rotary tables are not counted: two of 64 x 32 in bfloat16.
    assert _peak(model, tokens, logits=False) == pytest.approx(
        int(expected[0]), abs=2 * 64 * 32 * 2
    )


def test_the_counts_are_whole_numbers(rng):
    space = spaces.get("gpt-l")
    assert gpt_costs.flops(space, space.sample_codes(10, rng), batch_size=512).dtype == np.int64
