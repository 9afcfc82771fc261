"""Ctrl-C while a network trains; `tests/cli/test_supernet.py` sends it to a real process."""

import signal

import pytest
import torch

from hwbench.supernet.checkpoints import read
from hwbench.supernet.training import TrainingInterrupted
from hwbench.supernet.training.stopping import noticed


def test_the_second_ctrl_c_ends_at_once():
    before = signal.getsignal(signal.SIGINT)
    with noticed(aloud=False) as stop:
        signal.raise_signal(signal.SIGINT)
        assert stop.asked
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_an_ignored_ctrl_c_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with noticed() as stop:
            signal.raise_signal(signal.SIGINT)
        assert not stop.asked
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("step", [2, 4, 12])
def test_an_interrupted_training_keeps_its_step(go, tmp_path, step):
    """Between checkpoints, at one, and at the end, where there is nothing left to stop."""

    def press(progress):
        if progress.step == step:
            signal.raise_signal(signal.SIGINT)

    go(tmp_path / "whole", "tanglenas", log_every=1)
    if step == 12:
        go(tmp_path / "broken", "tanglenas", report=press)
    else:
        with pytest.raises(TrainingInterrupted, match=f"after step {step}, kept in") as stopped:
            go(tmp_path / "broken", "tanglenas", report=press)
        assert stopped.value.checkpoint.name == f"step-{step:08}"
        go(tmp_path / "broken", "tanglenas", log_every=5)
    last = "checkpoints/step-00000012"
    whole, broken = (read(tmp_path / name / last).weights for name in ("whole", "broken"))
    for key, tensor in whole.items():
        assert torch.equal(tensor, broken[key]), key
