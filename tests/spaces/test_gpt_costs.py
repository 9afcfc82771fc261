"""Costs against hand calculations, published numbers and HW-GPT-Bench's raw files."""

import numpy as np
import pytest

import hwbench.spaces as spaces
from hwbench.errors import SpaceError
from hwbench.spaces import gpt_costs
from hwbench.spaces.gpt import GptNetwork
from hwbench.spaces.upstream import from_upstream_dict

S = spaces.get("gpt-s")
# d = 192, ten layers of four heads (a = 256) and MLPs of 384 (m = 2 d).
SMALL = S.encode([S.smallest()])


def test_smallest_profiled_network_by_hand():
    counts = gpt_costs.weight_counts(S, SMALL)
    assert counts.embedding == counts.head == 50254 * 192
    assert counts.attention == 10 * (192 * 768 + 256 * 192)
    assert counts.mlp == 10 * 3 * 192 * 384
    assert counts.norms == 10 * 4 * 192 + 2 * 192
    assert counts.biases == 0
    assert gpt_costs.params(S, SMALL) == 2 * 50254 * 192 + 4_185_600 + 384
    assert gpt_costs.params(S, SMALL, embeddings=False) == 4_185_600 + 384


def test_smallest_supernet_network_by_hand():
    space = S.with_network("supernet")
    counts = gpt_costs.weight_counts(space, SMALL)
    assert counts.embedding == 50304 * 192
    assert counts.head == 0
    assert counts.mlp == 10 * 2 * 192 * 384
    expected = 50304 * 192 + 10 * (196_608 + 147_456 + 768) + 384
    assert gpt_costs.params(space, SMALL) == expected


@pytest.mark.parametrize(
    ("network", "per_layer"),
    # q, k, v and projection, then gate, up and down, or up and down.
    [("profiled", 768 + 192 + 384 + 384 + 192), ("supernet", 768 + 192 + 384 + 192)],
)
def test_biases_by_hand(network, per_layer):
    space = S.with_network(network)
    arch = space.architecture(**{**S.smallest().choices, "bias": True})
    assert gpt_costs.weight_counts(space, space.encode([arch])).biases == 10 * per_layer


@pytest.mark.parametrize(("bias", "expected"), [(True, 190_594_560), (False, 190_474_752)])
def test_largest_network_as_counted_by_upstream(bias, expected):
    arch = S.architecture(**{**S.largest().choices, "bias": bias})
    assert gpt_costs.params(S, S.encode([arch])) == expected


def test_gpt2_small():
    # 124,439,808 in Radford et al.'s released weights.
    gpt2 = GptNetwork("gpt2", "gelu", True, 50257, 0.0, head_size=None, positions="learned")
    arch = S.architecture(embed_dim=768, n_layer=12, bias=True, mlp_ratio=4, n_head=12)
    assert gpt_costs.params(S, S.encode([arch]), network=gpt2) == 124_439_808


def test_macs_by_hand():
    linear = 50254 * 192 + 10 * (192 * 768 + 256 * 192 + 3 * 192 * 384)
    products = 10 * 2 * 256  # queries x keys and weights x values: T numbers each, per token
    assert gpt_costs.macs(S, SMALL, attention_products=False) == 1024 * linear
    assert gpt_costs.macs(S, SMALL) == 1024 * (linear + 1024 * products)
    assert gpt_costs.flops(S, SMALL) == 2 * 1024 * (linear + 1024 * products)
    assert gpt_costs.macs(S, SMALL, sequence_length=7, batch_size=3) == 21 * (linear + 7 * products)


def test_tying_saves_weights_but_no_work():
    tied = GptNetwork("tied", "gated_silu", True, 50254, 0.25)
    assert gpt_costs.macs(S, SMALL, network=tied) == gpt_costs.macs(S, SMALL)
    saved = gpt_costs.params(S, SMALL) - gpt_costs.params(S, SMALL, network=tied)
    assert saved == 50254 * 192


def test_largest_small_lm_by_hand():
    space = spaces.get("small-lm")
    layer = 4 * 768 * 768 + 2 * 4 * 768 * 768 + 4 * 768  # attention, MLP, two norms
    expected = (50304 + 224) * 768 + 7 * layer + 2 * 768
    assert gpt_costs.params(space, space.encode([space.largest()])) == expected


def test_bytes_by_hand():
    weights = 2 * 50254 * 192 + 4_185_600 + 384
    assert gpt_costs.weight_bytes(S, SMALL) == 4 * weights
    assert gpt_costs.weight_bytes(S, SMALL, bytes_per_weight=2) == 2 * weights
    # Keys and values of ten layers, 256 wide, in two bytes.
    assert gpt_costs.kv_cache_bytes(S, SMALL) == 2 * 1024 * 10 * 256 * 2
    assert gpt_costs.kv_cache_bytes(S, SMALL, sequence_length=5, batch_size=3) == 15 * 10 * 1024
    copied = 50254 * 192 + 10 * (192 * 768 + 256 * 192 + 3 * 192 * 384)
    assert gpt_costs.autocast_bytes(S, SMALL) == 4 * weights + 2 * copied


def test_peak_activation_by_hand():
    # Logits beside the last hidden state.
    assert gpt_costs.peak_activation_bytes(S, SMALL) == 1024 * 4 * (50254 + 192)
    # Attention: 2 x 192 + 6 x 256 numbers and 4 float32 a token; MLP: 3 x 192 + 3 x 384.
    expected = 1024 * (4 * (2 * 192 + 6 * 256) + 4 * 4)
    assert gpt_costs.peak_activation_bytes(S, SMALL, logits=False) == expected


def test_one_code_and_any_batch_shape(rng):
    codes = S.sample_codes(6, rng)
    for cost in (gpt_costs.params, gpt_costs.flops, gpt_costs.peak_activation_bytes):
        flat = cost(S, codes)
        assert flat.dtype == np.int64
        np.testing.assert_array_equal(cost(S, codes.reshape(2, 3, -1)), flat.reshape(2, 3))
        np.testing.assert_array_equal([cost(S, code) for code in codes], flat)
        assert cost(S, codes[:0]).shape == (0,)


def test_inactive_layers_cost_nothing(rng):
    codes = S.sample_codes(50, rng)
    noisy = np.where(S.active(codes), codes, rng.integers(S.cardinalities, size=codes.shape))
    np.testing.assert_array_equal(gpt_costs.params(S, noisy), gpt_costs.params(S, codes))


def test_sub_spaces_cost_the_same(rng):
    sub = S.restrict(embed_dim=[384, 768], n_layer=[10, 11], mlp_ratio=[3], n_head=[8, 12])
    codes = sub.sample_codes(50, rng)
    np.testing.assert_array_equal(
        gpt_costs.flops(sub, codes), gpt_costs.flops(S, S.translate(codes, sub))
    )


def test_heads_that_do_not_divide_the_width():
    space = spaces.get("gpt-m")
    gpt2 = GptNetwork("gpt2", "gelu", True, 50257, 0.0, head_size=None)
    arch = space.architecture(embed_dim=256, n_layer=22, bias=True, mlp_ratio=4, n_head=12)
    with pytest.raises(SpaceError, match="must divide"):
        gpt_costs.params(space, space.encode([arch]), network=gpt2)


def _rows(folder):
    from hwbench.data.hwgptbench import unpickle

    files = sorted(folder.glob("efficiency_observations_*.pkl"))
    return [row for file in files for row in unpickle.load(file)]


# Batch sizes with which upstream counted (8, 4 and 1 at s, m and l).
@pytest.mark.parametrize(
    ("name", "suffix", "batch"), [("s", "", 8), ("m", "_m", 4), ("l", "_l", 1)]
)
def test_every_measured_architecture(name, suffix, batch, raw_checkout):
    rows = _rows(raw_checkout / "data_collection" / "raw_results_hw" / f"latency_a100{suffix}")
    space = spaces.get(f"gpt-{name}")
    codes = space.encode([from_upstream_dict(row["arch"], space) for row in rows])
    assert len(codes) >= 7500
    np.testing.assert_array_equal(gpt_costs.params(space, codes), [row["params"] for row in rows])
    macs = gpt_costs.macs(space, codes, batch_size=batch, attention_products=False)
    np.testing.assert_array_equal(macs, [row["macs"] for row in rows])


# The rest is what the process held besides: 9 to 90 MB on these files.
@pytest.mark.parametrize(
    ("name", "suffix", "rest"), [("s", "", 32e6), ("m", "_m", 55e6), ("l", "_l", 91e6)]
)
def test_measured_memory_is_weights_and_their_copies(name, suffix, rest, raw_checkout):
    rows = _rows(raw_checkout / "data_collection" / "raw_results_hw" / f"mem_a100{suffix}")
    space = spaces.get(f"gpt-{name}")
    codes = space.encode([from_upstream_dict(row["arch"], space) for row in rows])
    measured = np.array([row["mean_mem"] for row in rows]) * 1e6
    over = measured - gpt_costs.autocast_bytes(space, codes)
    assert over.min() > 8e6
    assert over.max() < rest
