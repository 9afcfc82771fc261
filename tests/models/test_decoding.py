"""Decoding with a cache against the whole network on the same tokens."""

import numpy as np
import pytest

from hwbench import spaces
from hwbench.errors import ShapeError
from hwbench.spaces import gpt_costs

torch = pytest.importorskip("torch", reason="needs the extra [profile]")
gpt = pytest.importorskip("hwbench.models.gpt")
decoding = pytest.importorskip("hwbench.models.decoding")

VARIANTS = [("nano", "nano"), ("gpt-s-wide", "profiled"), ("gpt-s-wide", "supernet")]


def _model(space, network):
    space = spaces.get(space).with_network(network)
    if network == "nano":
        arch = space.sample(np.random.default_rng(3))
    else:
        arch = space.architecture(
            embed_dim=192, n_layer=3, bias=True, mlp_ratio=[1, 2, 4], n_head=[4, 8, 12]
        )
    return gpt.build(arch, space).eval()


@pytest.mark.parametrize(("space", "network"), VARIANTS)
@torch.no_grad()
def test_token_by_token_gives_the_logits_of_the_whole_sequence(space, network):
    model = _model(space, network)
    tokens = torch.randint(500, (2, 12), generator=torch.Generator().manual_seed(0))
    whole = model(tokens)
    decoder = decoding.Decoder(model, batch=2, length=12)
    parts = [decoder(tokens[:, :5]), *(decoder(tokens[:, i : i + 1]) for i in range(5, 12))]
    assert torch.allclose(torch.cat(parts, dim=1), whole, rtol=0, atol=1e-5 * whole.abs().max())


@torch.no_grad()
def test_rewinding_forgets_what_lies_behind():
    model = _model("nano", "nano")
    tokens = torch.randint(500, (1, 8), generator=torch.Generator().manual_seed(1))
    decoder = decoding.Decoder(model, batch=1, length=8)
    decoder(tokens[:, :4])
    other = (tokens[:, 4:6] + 7) % 500
    decoder(other)
    decoder.rewind(4)
    again = decoder(tokens[:, 4:6])
    assert torch.allclose(again, model(tokens[:, :6])[:, 4:], atol=1e-5)
    assert int(decoder.position) == 6


def test_shares_the_weights_and_holds_the_cache_of_the_closed_form():
    space = spaces.get("nano")
    arch = space.largest()
    decoder = decoding.Decoder(gpt.build(arch, space), batch=3, length=10)
    cached = [b for name, b in decoder.named_buffers() if name.endswith(("keys", "values"))]
    expected = gpt_costs.kv_cache_bytes(
        space, space.encode([arch])[0], sequence_length=10, batch_size=3, bytes_per_value=4
    )
    assert sum(buffer.nbytes for buffer in cached) == expected
    assert len(list(decoder.parameters())) == len(list(decoder.model.parameters()))


def test_refuses_more_than_the_context():
    with pytest.raises(ShapeError, match="1 to 128 tokens, asked for 129"):
        decoding.Decoder(_model("nano", "nano"), batch=1, length=129)
