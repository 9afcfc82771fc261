"""The exported graph against torch, and its file against the checker of onnx."""

import dataclasses

import numpy as np
import pytest

from hwbench import spaces
from hwbench.errors import DataError, ShapeError, SpaceError
from hwbench.models import onnx_export

torch = pytest.importorskip("torch", reason="needs the extra [profile]")
onnx = pytest.importorskip("onnx", reason="needs the extra [profile]")
pytest.importorskip("onnxruntime", reason="needs the extra [profile]")
gpt = pytest.importorskip("hwbench.models.gpt")
graph_writer = pytest.importorskip("hwbench.models._onnx_graph")


def _made(space, network):
    space = spaces.get(space).with_network(network)
    if network == "nano":
        arch = space.sample(np.random.default_rng(5))
    else:
        arch = space.architecture(
            embed_dim=192, n_layer=3, bias=True, mlp_ratio=[1, 2, 4], n_head=[4, 8, 12]
        )
    model = gpt.build(arch, space).eval()
    with torch.no_grad():  # biases and norms of their own, so that a swapped one shows
        for name, weight in model.named_parameters():
            if weight.dim() == 1:
                weight.add_(torch.linspace(-0.2, 0.2, len(weight)) * (1 + len(name) % 3))
    return arch, space, model


@pytest.mark.parametrize(
    ("space", "network"),
    [("nano", "nano"), ("gpt-s-wide", "profiled"), ("gpt-s-wide", "supernet")],
)
def test_equals_torch(tmp_path, space, network):
    arch, space, model = _made(space, network)
    path = tmp_path / "net.onnx"
    onnx_export.export(arch, space, onnx_export.weights_of(model), path, length=12)
    assert onnx_export.check_equal(path, model, length=12, batch=3) < 1e-5
    onnx.checker.check_model(str(path), full_check=True)
    assert [p.name for p in tmp_path.iterdir()] == ["net.onnx"]  # one file, nothing left behind


def test_external_weights_give_the_same(tmp_path):
    arch, space, model = _made("nano", "nano")
    weights = onnx_export.weights_of(model)
    path = tmp_path / "net.onnx"
    onnx_export.export(arch, space, weights, path, length=9, external=True)
    assert onnx_export.check_equal(path, model, length=9) < 1e-5
    assert {p.name for p in tmp_path.iterdir()} == {"net.onnx", "net.onnx.data"}
    assert path.stat().st_size < (tmp_path / "net.onnx.data").stat().st_size / 5


def test_too_large_for_one_file_goes_to_two(tmp_path):
    path = tmp_path / "graph.onnx"
    array = np.arange(4096, dtype=np.float32)
    writer = graph_writer.GraphWriter(path, array.dtype, external=None, largest=10_000)
    with writer as graph:
        x = graph.input("tokens", ("batch", 1))
        taken = graph.node("Gather", graph.constant("table", array), x)
        graph.output("logits", taken, ("batch", 1))
    assert (tmp_path / "graph.onnx.data").read_bytes() == array.astype("<f4").tobytes()
    loaded = onnx.load(path)
    assert np.array_equal(onnx.numpy_helper.to_array(loaded.graph.initializer[0]), array)


def test_the_check_sees_a_wrong_weight(tmp_path):
    arch, space, model = _made("nano", "nano")
    path = tmp_path / "net.onnx"
    onnx_export.export(arch, space, onnx_export.weights_of(model), path, length=8)
    with torch.no_grad():
        model.norm.weight[0] += 1.0
    with pytest.raises(DataError, match=r"net\.onnx differs from the network"):
        onnx_export.check_equal(path, model, length=8)


def test_nothing_stays_after_a_failure(tmp_path):
    arch, space, _ = _made("nano", "nano")

    def broken(name, shape):
        if "1.mlp" in name:
            raise ValueError("no such weight")
        return np.zeros(shape, dtype=np.float32)

    with pytest.raises(ValueError, match="no such weight"):
        onnx_export.export(arch, space, broken, tmp_path / "x.onnx", length=8, external=True)
    assert list(tmp_path.iterdir()) == []


def test_half_precision_halves_the_file(tmp_path):
    arch, space, model = _made("nano", "nano")
    sizes = []
    for precision in ("fp32", "fp16"):
        path = tmp_path / f"{precision}.onnx"
        weights = onnx_export.weights_of(model)
        onnx_export.export(arch, space, weights, path, length=64, precision=precision)
        sizes.append(path.stat().st_size)
    assert sizes[1] / sizes[0] == pytest.approx(0.5, abs=0.05)


def test_refuses_what_does_not_fit(tmp_path):
    arch, space, model = _made("nano", "nano")
    weights = onnx_export.weights_of(model)
    with pytest.raises(ShapeError, match="a length of 1 to 128, got 129"):
        onnx_export.export(arch, space, weights, tmp_path / "x.onnx", length=129)
    with pytest.raises(SpaceError):
        onnx_export.export(
            dataclasses.replace(arch, space="gpt-s"), space, weights, tmp_path / "x", length=8
        )
    with pytest.raises(ShapeError, match=r"wte\.weight: expected shape"):
        weights("wte.weight", (3, 3))


def test_made_up_weights_are_ordinary_numbers():
    make = onnx_export.random_weights(np.random.default_rng(0))
    table = make("wte.weight", (3000, 700))
    assert table.std() == pytest.approx(0.02, rel=0.01)
    assert np.isfinite(table).all()
    assert abs(table[table != 0]).min() > 1e-12  # no denormal numbers, which would be slow
    assert (make("norm.weight", (4,)) == 1).all()
    assert (make("blocks.0.attn.qkv.bias", (4,)) == 0).all()
