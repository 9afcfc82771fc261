"""The training loop: the same losses after a kill, plain torch as its oracle, clear ends."""

import itertools
import math
import os
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional as F

from hwbench.errors import DataError, SchemaError, UnknownNameError
from hwbench.supernet.checkpoints import latest
from hwbench.supernet.errors import CheckpointError, TrainingError
from hwbench.supernet.gpt import ElasticGPT
from hwbench.supernet.strategies import Standalone
from hwbench.supernet.training import (
    PRESETS,
    TrainingConfig,
    preset,
    processes,
    read_log,
    train,
)
from hwbench.supernet.training.progress import clock

METHODS = [
    ("spos", {}),
    ("sandwich-distil", {}),
    ("tanglenas", {"distribution": "drnas"}),
    ("tanglenas", {"distribution": "gdas"}),
    ("tanglenas", {"distribution": "darts", "order": 2}),
]


class Killed(Exception):
    pass


def losses(folder):
    rows = read_log(folder / "log.csv")
    return [(row["step"], row["loss"], row["architecture_loss"]) for row in rows]


def weights(folder):
    path = latest(folder / "checkpoints")
    assert path is not None
    return {name: load_file(path / f"{name}.safetensors") for name in ("weights", "state")}


@pytest.mark.parametrize(("method", "more"), METHODS)
def test_a_killed_run_goes_on_as_if_nothing_had_been(go, tmp_path, method, more):
    def kill(progress):
        if progress.step == 7:
            raise Killed

    whole = go(tmp_path / "whole", method, **more)
    with pytest.raises(Killed):
        go(tmp_path / "broken", method, report=kill, **more)
    broken = go(tmp_path / "broken", method, **more)
    assert losses(tmp_path / "broken") == losses(tmp_path / "whole")
    assert len(losses(tmp_path / "whole")) == 12
    for name, tensors in weights(tmp_path / "whole").items():
        other = weights(tmp_path / "broken")[name]
        assert tensors.keys() == other.keys()
        for key, tensor in tensors.items():
            assert torch.equal(tensor, other[key]), key
    assert (whole.validation, whole.passes) == (broken.validation, broken.passes)


def test_a_process_that_is_killed_goes_on(tmp_path, root):
    program = """
import os, signal, sys
from pathlib import Path
from hwbench.cli.main import main
import hwbench.cli.supernet as shown
if len(sys.argv) > 2:
    shown.show_progress = lambda p: os.kill(os.getpid(), signal.SIGKILL) if p.step == 5 else None
main(["supernet", "train", "--space", "nano", "--method", "spos", "--text", sys.argv[1],
      "--tokenizer", "bytes", "--steps", "7", "--batch-size", "2", "--context", "16",
      "--log-every", "1", "--checkpoint-every", "2", "--validate-every", "0", "--device", "cpu",
      "--out", "run"])
"""
    (tmp_path / "text.txt").write_text("the quick brown fox\n" * 200)
    environment = {**os.environ, "HWBENCH_CACHE": str(tmp_path / "cache")}
    options = {"cwd": tmp_path, "env": environment, "capture_output": True, "text": True}
    command = [sys.executable, "-c", program, "text.txt"]
    first = subprocess.run([*command, "kill"], **options)
    assert first.returncode == -signal.SIGKILL, first.stderr
    done = subprocess.run(command, **options)
    assert done.returncode == 0, done.stderr
    assert [s for s, *_ in losses(tmp_path / "run")] == [str(i) for i in range(1, 8)]


def test_a_row_of_the_log_is_a_mean_whatever_was_kept_between(go, tmp_path):
    go(tmp_path / "each", log_every=1)
    go(tmp_path / "fifth", log_every=5, checkpoint_every=2)
    each = [float(loss) for _, loss, _ in losses(tmp_path / "each")]
    fifth = [float(loss) for _, loss, _ in losses(tmp_path / "fifth")]
    assert fifth == pytest.approx([np.mean(each[:5]), np.mean(each[5:10]), np.mean(each[10:])])


def test_plain_torch_gives_the_same_weights(corpus, config, small, tmp_path):
    # The oracle: a loop of ten lines, with torch's own AdamW and clipping, on the same batches.
    arch = small.smallest()
    ours, theirs = (
        ElasticGPT(small, generator=torch.Generator().manual_seed(0)).extract(arch) for _ in "ab"
    )
    train(ours, Standalone(), corpus, config, tmp_path, tensorboard=False)
    matrices = [p for p in theirs.parameters() if p.dim() > 1]
    others = [p for p in theirs.parameters() if p.dim() <= 1]
    groups = [
        {"params": matrices, "weight_decay": 0.1},
        {"params": others, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.99))
    windows = corpus.windows("weights", "architecture", context=32)
    for step in range(12):
        for group in optimizer.param_groups:
            group["lr"] = config.rate(step)
        optimizer.zero_grad()
        rows = [windows.draw(2, np.random.default_rng([0, step, 0, i])) for i in range(2)]
        tokens = torch.from_numpy(np.concatenate(rows))
        logits = theirs(tokens[:, :-1])
        F.cross_entropy(logits.reshape(-1, 512), tokens[:, 1:].reshape(-1)).backward()
        torch.nn.utils.clip_grad_norm_(theirs.parameters(), 1.0)
        optimizer.step()
    for (name, mine), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=2e-5, msg=name)


def test_a_seed_is_a_run(go, tmp_path):
    first, second, other = (
        go(tmp_path / name, steps=3, seed=seed) for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    assert first.loss == second.loss != other.loss


def test_the_logs_and_the_result_count_alike(go, tmp_path):
    result = go(tmp_path, "sandwich", steps=6, validate_every=3)
    last = read_log(tmp_path / "log.csv")[-1]
    # 6 steps x 2 micro-batches x 4 paths, each of 2 x 32 tokens
    assert (result.step, result.passes, result.tokens) == (6, 48, 48 * 64)
    assert (last["passes"], last["tokens"]) == ("48", "3072")
    looked = read_log(tmp_path / "validation.csv")
    assert [(r["step"], r["name"]) for r in looked] == [
        (step, name) for step in ("3", "6") for name in ("largest", "smallest")
    ]
    assert float(looked[2]["perplexity"]) == pytest.approx(math.exp(float(looked[2]["loss"])))
    assert result.validation["largest"].loss == float(looked[2]["loss"])


def test_checkpoints_are_kept_to_a_number(go, tmp_path):
    go(tmp_path, steps=12, checkpoint_every=2, keep=3)
    names = sorted(p.name for p in (tmp_path / "checkpoints").iterdir())
    assert names == ["step-00000008", "step-00000010", "step-00000012"]


def test_a_finished_run_is_not_trained_again(go, tmp_path):
    first = go(tmp_path, steps=4)
    again = go(tmp_path, steps=4)
    assert (again.step, again.passes) == (4, first.passes)
    assert again.validation == first.validation


def test_training_learns(go, tmp_path):
    # Bytes of Python sources: 12 steps must beat the uniform guess, ln 512 = 6.24, by far.
    result = go(tmp_path, "spos", steps=60, log_every=60)
    assert result.validation["largest"].loss < 4.0


def test_the_distribution_learns_and_starts_when_told(go, tmp_path, small):
    go(tmp_path / "late", "tanglenas", steps=4, arch_start=0.5)
    kept = [row["architecture_loss"] for row in read_log(tmp_path / "late" / "log.csv")]
    assert [bool(text) for text in kept] == [False, False, True, True]


def test_other_settings_do_not_continue_a_run(go, tmp_path):
    go(tmp_path, steps=4)
    with pytest.raises(CheckpointError, match=r"training.learning_rate \(0.003 there, 0.1 asked"):
        go(tmp_path, steps=4, learning_rate=0.1)
    with pytest.raises(CheckpointError, match=r"strategy\.largest"):
        go(tmp_path, "sandwich", steps=4)
    go(tmp_path, steps=4, keep=5)  # what is only about writing may differ


def test_a_loss_that_is_no_number_ends_the_run(go, tmp_path, small):
    net = ElasticGPT(small, generator=torch.Generator().manual_seed(0))

    def spoil(progress):
        if progress.step == 6:
            with torch.no_grad():
                net.wte.weight.fill_(float("nan"))

    with pytest.raises(TrainingError, match=r"loss at step 7 is not a number.*step-00000004"):
        go(tmp_path, net=net, report=spoil)
    assert latest(tmp_path / "checkpoints").name == "step-00000004"
    assert all(t.isfinite().all() for t in weights(tmp_path)["weights"].values())


def test_running_out_of_memory_says_what_to_do(go, tmp_path, small, monkeypatch):
    net = ElasticGPT(small, generator=torch.Generator().manual_seed(0))
    real, calls = net.forward, []

    def forward(tokens, choice):
        calls.append(choice)
        if len(calls) > 10:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return real(tokens, choice)

    monkeypatch.setattr(net, "forward", forward)
    with pytest.raises(TrainingError, match=r"out of memory at step 6: .*step-00000004"):
        go(tmp_path, net=net)


def test_another_error_is_left_as_it_is(go, tmp_path, small, monkeypatch):
    net = ElasticGPT(small, generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr(net, "forward", lambda tokens, choice: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        go(tmp_path, net=net)


def test_bf16_stays_close_to_fp32(go, tmp_path):
    exact = go(tmp_path / "fp32", steps=6)
    rough = go(tmp_path / "bf16", steps=6, precision="bf16")
    assert rough.loss != exact.loss
    assert rough.loss == pytest.approx(exact.loss, rel=0.02)
    assert all(t.dtype == torch.float32 for t in weights(tmp_path / "bf16")["weights"].values())


def test_fp16_needs_a_gpu(go, tmp_path):
    with pytest.raises(TrainingError, match="fp16 needs a GPU"):
        go(tmp_path, precision="fp16")


def test_text_too_short_for_the_context_is_named(go, tmp_path):
    with pytest.raises(DataError, match="a window takes"):
        go(tmp_path, context=100_000)


def test_the_learning_rate_rises_and_falls():
    config = TrainingConfig(steps=101, warmup=10, learning_rate=1.0, min_learning_rate=0.1)
    rates = [config.rate(step) for step in range(101)]
    assert rates[:10] == pytest.approx([0.1 * i for i in range(1, 11)])
    assert rates[55] == pytest.approx(0.55)  # the middle of the cosine
    assert [rates[10], rates[100]] == pytest.approx([1.0, 0.1])
    assert all(a >= b for a, b in itertools.pairwise(rates[10:]))


def test_the_papers_settings_are_the_defaults():
    # TangleNAS, 2023, Table 22
    paper = PRESETS["small-lm"]
    assert (paper.learning_rate, paper.min_learning_rate, paper.betas[1]) == (5e-4, 5e-5, 0.99)
    assert (paper.warmup, paper.steps, paper.batch_size) == (100, 6000, 12)
    assert paper.weight_decay == 0.1
    assert preset("gpt-s", steps=5) == replace(PRESETS["gpt"], steps=5)
    assert TrainingConfig.from_dict(paper.to_dict()) == paper


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"steps": 0}, TrainingError),
        ({"clip": 0.0}, TrainingError),
        ({"arch_start": 2.0}, TrainingError),
        ({"precision": "fp8"}, UnknownNameError),
    ],
)
def test_bad_settings_are_refused(changes, error):
    with pytest.raises(error):
        TrainingConfig(**changes)


def test_unknown_settings_are_named():
    with pytest.raises(SchemaError, match="momentum"):
        TrainingConfig.from_dict({"momentum": 0.9})


def test_clocks():
    assert [clock(s) for s in (0, 59.6, 3600, -1)] == ["0:00:00", "0:01:00", "1:00:00", "0:00:00"]


def test_alone_there_is_one_process(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with processes("cpu") as own:
        assert (own.rank, own.world, own.first) == (0, 1, True)
    with pytest.raises(TrainingError, match="no such device"), processes("abacus"):
        pass


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_compiled_mixture_trains_alike(go, tmp_path):
    plain, compiled = (
        go(tmp_path / name, "tanglenas", steps=3, distribution="darts", compile=name == "compiled")
        for name in ("plain", "compiled")
    )
    assert compiled.loss == pytest.approx(plain.loss, rel=1e-4)


def test_events_for_tensorboard(go, tmp_path, corpus, config, small):
    accumulators = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator",
        reason="tensorboard is not installed",
    )
    net = ElasticGPT(small, generator=torch.Generator().manual_seed(0))
    train(net, Standalone(small.smallest()), corpus, replace(config, steps=4), tmp_path)
    events = accumulators.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    logged = [float(row["loss"]) for row in read_log(tmp_path / "log.csv")]
    assert [e.value for e in events.Scalars("train/loss")] == pytest.approx(logged)


@pytest.mark.slow
def test_two_processes_train_as_one_with_twice_the_micro_batches(tmp_path, root):
    # Both average the gradients of the same micro-batches; DARTS draws nothing at random.
    program = """
import sys
from pathlib import Path
import torch
from hwbench import spaces
from hwbench.data.text import prepare
from hwbench.supernet import strategies
from hwbench.supernet.gpt import ElasticGPT
from hwbench.supernet.training import TrainingConfig, processes, train
torch.set_num_threads(1)
space = spaces.get("nano").restrict(embed_dim=[32, 48], n_layer=[2], mlp_ratio=[1, 2])
net = ElasticGPT(space, generator=torch.Generator().manual_seed(0)).double()
strategy = strategies.make("tanglenas", space, distribution="darts",
                           generator=torch.Generator().manual_seed(1))
corpus = prepare("text.txt", vocab_size=257, tokenizer="bytes", cache=Path("cache"))
config = TrainingConfig(steps=5, batch_size=2, context=16, accumulate=int(sys.argv[2]), warmup=1,
                        validate_rows=4, log_every=1)
with processes("cpu") as own:
    train(net, strategy, corpus, config, Path(sys.argv[1]), processes=own, tensorboard=False)
"""
    (tmp_path / "text.txt").write_text("the quick brown fox\n" * 200)
    (tmp_path / "program.py").write_text(program)
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    for arguments in (["program.py", "one", "2"], [*launch, "program.py", "two", "1"]):
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            env=environment,
        )
        assert done.returncode == 0, done.stderr
    one, two = (weights(tmp_path / name) for name in ("one", "two"))
    for kind in ("weights", "state"):
        for name, tensor in one[kind].items():
            torch.testing.assert_close(tensor, two[kind][name], rtol=1e-5, atol=1e-7, msg=name)
    counted = [read_log(tmp_path / name / "log.csv")[-1]["tokens"] for name in ("one", "two")]
    assert counted[0] == counted[1]
