"""Dropout while training: the same in a slice as in a plain network, gone afterwards, resumable."""

import json

import pytest
import torch

from hwbench.supernet.checkpoints import latest, read
from hwbench.supernet.errors import TrainingError
from hwbench.supernet.gpt import ElasticGPT
from hwbench.supernet.training import TrainingConfig, preset
from hwbench.supernet.training.dropout import dropping, seeded
from hwbench.supernet.weights import ArchWeights

CPU = torch.device("cpu")
TOKENS = torch.arange(32).view(2, 16)


def made(space):
    return ElasticGPT(space, generator=torch.Generator().manual_seed(0)).double()


@pytest.mark.parametrize("which", ["smallest", "largest"])
def test_a_slice_drops_what_the_plain_network_drops(small, which):
    net, arch = made(small), getattr(small, which)()
    plain, outputs = net.extract(arch).train(), []
    for network, given in ((net, (TOKENS, arch)), (plain, (TOKENS,))):
        with dropping(network, 0.3), seeded(1, 2, 0, CPU):
            outputs.append(network(*given))
    torch.testing.assert_close(*outputs, rtol=1e-12, atol=1e-12)
    assert not torch.allclose(outputs[0], net(TOKENS, arch))


def test_nothing_but_dropped_shares_changes(small):
    """Where layers add nothing, embeddings are dropped, or grow by 1 / (1 - p)."""
    net, arch = made(small), small.largest()
    with torch.no_grad():
        for name, weight in net.named_parameters():
            if name.startswith("blocks") and "norm" not in name:
                weight.zero_()
    seen = []
    net.blocks[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    net(TOKENS, arch)
    with dropping(net, 0.25), seeded(0, 0, 0, CPU):
        net(TOKENS, arch)
    ratio = (seen[1] / seen[0]).flatten()
    assert set(ratio.detach().round(decimals=9).tolist()) == {0.0, round(4 / 3, 9)}
    assert (ratio == 0).double().mean().item() == pytest.approx(0.25, abs=0.05)  # of 1,536: 4.5 sd


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_mixture_drops_in_training_alone(small, share):
    net = made(small)
    archs = (small.smallest(), small.largest())
    parts = [ArchWeights.one_hot(arch, small).choices for arch in archs]
    mixed = ArchWeights({name: (parts[0][name] + parts[1][name]) / 2 for name in parts[0]})
    whole = net(TOKENS, mixed)
    with dropping(net, share):
        first, second = (net(TOKENS, mixed) for _ in "ab")
        evaluated = net.eval()(TOKENS, mixed)
    assert torch.equal(first, second) == (share == 0)
    assert torch.equal(evaluated, whole)
    assert torch.equal(net.train()(TOKENS, mixed), whole)


@pytest.mark.parametrize("method", ["spos", "tanglenas"])
def test_a_broken_run_drops_as_if_nothing_had_been(go, tmp_path, method):
    before = torch.get_rng_state()
    whole = go(tmp_path / "whole", method, dropout=0.2)

    def kill(progress):
        if progress.step == 7:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        go(tmp_path / "broken", method, dropout=0.2, report=kill)
    broken = go(tmp_path / "broken", method, dropout=0.2)
    assert torch.equal(torch.get_rng_state(), before)
    kept = [read(latest(tmp_path / name / "checkpoints")) for name in ("whole", "broken")]
    for name, weight in kept[0].weights.items():
        assert torch.equal(weight, kept[1].weights[name]), name
    assert whole.validation == broken.validation
    without = go(tmp_path / "without", method)
    assert without.loss != whole.loss


def test_only_the_papers_setting_has_it():
    assert (preset("small-lm").dropout, preset("nano").dropout, preset("gpt-s").dropout) == (
        0.2,
        0,
        0,
    )
    assert TrainingConfig().dropout == 0
    for wrong in (-0.1, 1.0):
        with pytest.raises(TrainingError, match="dropout must be a share"):
            TrainingConfig(dropout=wrong)


def test_a_run_from_before_a_setting_was_there_goes_on(go, tmp_path):
    go(tmp_path, steps=4)
    path = next((tmp_path / "checkpoints").glob("*/checkpoint.json"))
    about = json.loads(path.read_text())
    del about["settings"]["training"]["dropout"]
    path.write_text(json.dumps(about))
    assert go(tmp_path, steps=4).step == 4
