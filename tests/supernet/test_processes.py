"""Several processes against one: the same gradients of the same rows of text."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

PROGRAM = str(Path(__file__).with_name("program_of_processes.py"))
LAUNCH = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")


@pytest.fixture(scope="module")
def found(tmp_path_factory, root):
    """What one process found, and each of two."""
    folder = tmp_path_factory.mktemp("processes")
    environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    for launch in ((), LAUNCH):
        done = subprocess.run(
            [sys.executable, *launch, PROGRAM, str(folder)],
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
    return [torch.load(folder / f"{name}.pt", weights_only=True) for name in ("1-0", "2-0", "2-1")]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["spos", "sandwich-distil", "tanglenas", "gdas"])
def test_two_processes_find_the_gradients_of_one(found, method):
    one, *two = (run[method] for run in found)
    for step, gradients in enumerate(one["gradients"]):
        for name, gradient in gradients.items():
            for other in (run["gradients"][step][name] for run in two):
                words = f"{name} at step {step + 1}"
                assert (gradient is None) == (other is None), words
                if gradient is not None:
                    torch.testing.assert_close(other, gradient, rtol=1e-9, atol=1e-12, msg=words)
    for name, weight in one["weights"].items():
        close = (
            {"rtol": 1e-7, "atol": 1e-9}
            if weight.dtype == torch.float64
            else {"rtol": 1e-4, "atol": 1e-6}
        )
        for run in two:
            torch.testing.assert_close(run["weights"][name], weight, **close, msg=name)


@pytest.mark.slow
def test_some_weights_have_no_gradient(found):
    """A path may leave the last layer out: it must stay as it is, in two processes, too."""
    steps = found[0]["spos"]["gradients"]
    assert any(gradient is None for step in steps for gradient in step.values())
