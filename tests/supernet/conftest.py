"""A small corpus of real text and small runs on it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from hwbench import spaces
from hwbench.data.text import Corpus, FolderSource, prepare
from hwbench.data.text.sources import open_source
from hwbench.spaces import Space
from hwbench.supernet import strategies
from hwbench.supernet.gpt import ElasticGPT
from hwbench.supernet.training import TrainingConfig, TrainingResult, train


@pytest.fixture(scope="session")
def small() -> Space:
    """Thirty-two tiny networks or so: one of them costs a millisecond."""
    return spaces.get("nano").restrict(embed_dim=[32, 48], n_layer=[2, 3], mlp_ratio=[1, 2])


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """The sources of the standard library's package json, as bytes."""
    stdlib = open_source("stdlib")
    assert isinstance(stdlib, FolderSource)
    source = FolderSource(stdlib.path / "json", "*.py", stdlib.skip)
    cache = tmp_path_factory.mktemp("corpus")
    return prepare(source, vocab_size=257, tokenizer="bytes", cache=cache)


@pytest.fixture
def config() -> TrainingConfig:
    """Twelve steps of 64 tokens, logged one by one."""
    return TrainingConfig(
        steps=12,
        batch_size=2,
        context=32,
        accumulate=2,
        learning_rate=3e-3,
        warmup=3,
        log_every=1,
        validate_every=0,
        validate_rows=8,
        checkpoint_every=4,
        keep=2,
    )


@pytest.fixture
def go(small: Space, corpus: Corpus, config: TrainingConfig) -> Callable[..., TrainingResult]:
    """Train in a folder: `go(folder, "spos", steps=4)`; returns the result."""

    def run(folder: Path, method: str = "spos", *, report=None, net=None, **changes):
        seed = torch.Generator().manual_seed(1)
        named = {k: changes.pop(k) for k in ("distribution", "order") if k in changes}
        strategy = strategies.make(method, small, generator=seed, **named)
        made = net or ElasticGPT(small, generator=torch.Generator().manual_seed(0))
        given = replace(config, **changes)
        return train(made, strategy, corpus, given, folder, report=report, tensorboard=False)

    return run
