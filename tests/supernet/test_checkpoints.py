"""Checkpoints: whole or not there, unchanged or refused, and what an optimizer holds comes back."""

import json

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from hwbench.supernet import checkpoints
from hwbench.supernet.checkpoints import Checkpoint, flatten, unflatten
from hwbench.supernet.errors import CheckpointError


def made(step: int = 3) -> Checkpoint:
    weights = {"a": torch.arange(6.0).view(2, 3), "b": torch.tensor(1.5, dtype=torch.bfloat16)}
    return Checkpoint(step, weights, {"seed": torch.arange(4, dtype=torch.uint8)}, {"note": "x"})


def test_what_is_saved_comes_back(tmp_path):
    path = checkpoints.save(tmp_path, made(), keep=1)
    found = checkpoints.read(path)
    assert (found.step, found.about["note"]) == (3, "x")
    assert torch.equal(found.weights["a"], made().weights["a"])
    assert found.weights["b"].dtype == torch.bfloat16
    assert torch.equal(found.state["seed"], made().state["seed"])
    assert torch.equal(load_file(path / "weights.safetensors")["a"], made().weights["a"])


def test_weights_that_share_memory_can_be_saved(tmp_path):
    shared = torch.ones(2)
    path = checkpoints.save(tmp_path, Checkpoint(1, {"a": shared, "b": shared}, {}, {}), keep=1)
    assert checkpoints.read(path).weights.keys() == {"a", "b"}


def test_drafts_and_strangers_are_no_checkpoints(tmp_path):
    assert checkpoints.latest(tmp_path / "none") is None
    (tmp_path / ".draft-abc").mkdir()
    (tmp_path / "step-00000009").mkdir()  # no card: was never finished
    (tmp_path / "notes.txt").write_text("mine")
    assert checkpoints.latest(tmp_path) is None
    path = checkpoints.save(tmp_path, made(), keep=1)
    assert checkpoints.latest(tmp_path) == path
    assert (tmp_path / "notes.txt").exists()


def test_an_error_while_writing_leaves_nothing_behind(tmp_path, monkeypatch):
    kept = checkpoints.save(tmp_path, made(1), keep=2)

    def full(path, data):
        if path.name == "state.safetensors":
            raise OSError(28, "No space left on device")
        path.write_bytes(data)

    monkeypatch.setattr(checkpoints, "_write", full)
    with pytest.raises(OSError, match="No space left"):
        checkpoints.save(tmp_path, made(2), keep=2)
    assert list(tmp_path.iterdir()) == [kept]
    assert checkpoints.read(kept).step == 1


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("weights.safetensors", b"changed", "checksum"),
        ("state.safetensors", None, "lacks state.safetensors"),
        ("checkpoint.json", b"{", "not a checkpoint"),
        ("checkpoint.json", b'{"version": 9}', "version 9"),
    ],
)
def test_a_damaged_checkpoint_is_refused(tmp_path, name, content, words):
    path = checkpoints.save(tmp_path, made(), keep=1)
    (path / name).unlink()
    if content is not None:
        (path / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=words):
        checkpoints.read(path)


def test_weights_of_another_network_are_refused(tmp_path):
    path = checkpoints.save(tmp_path, made(), keep=1)
    with pytest.raises(CheckpointError, match="does not fit this network"):
        checkpoints.load_weights(path, nn.Linear(3, 3))
    own = nn.Linear(3, 2)
    stored = Checkpoint(5, own.state_dict(), {}, {})
    other = nn.Linear(3, 2)
    assert checkpoints.load_weights(checkpoints.save(tmp_path, stored, keep=2), other) == 5
    assert torch.equal(other.weight, own.weight)


@pytest.mark.parametrize("kind", [torch.optim.AdamW, torch.optim.SGD])
def test_the_state_of_an_optimizer_comes_back(kind):
    layer = nn.Linear(3, 2)
    optimizer = kind(layer.parameters(), lr=0.1)
    layer(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    tensors: dict[str, torch.Tensor] = {}
    text = json.dumps(flatten(optimizer.state_dict(), "optimizer", tensors))
    back = unflatten(json.loads(text), tensors)
    again = kind(layer.parameters(), lr=0.5)
    again.load_state_dict(back)
    expected, found = optimizer.state_dict(), again.state_dict()
    assert found["param_groups"][0]["lr"] == 0.1
    assert expected["state"].keys() == found["state"].keys()
    for index, held in expected["state"].items():
        for name, value in held.items():
            torch.testing.assert_close(found["state"][index][name], value, rtol=0, atol=0)
