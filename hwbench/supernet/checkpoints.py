"""Checkpoints: everything that training goes on from, in safetensors and JSON.

A checkpoint is a folder `step-00000100` with `weights.safetensors` (what inference needs),
`state.safetensors` (optimizers, distribution, generators) and `checkpoint.json` (step, numbers,
checksums). It is written beside its place and moved there when complete, so that whatever lies in
the folder of checkpoints is whole; the oldest go when there are more than asked for.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from torch import Tensor, nn

from hwbench.errors import require
from hwbench.supernet.errors import CheckpointError

__all__ = ["Checkpoint", "flatten", "latest", "load_weights", "read", "save", "unflatten"]

VERSION: Final = 1
WEIGHTS: Final = "weights.safetensors"
STATE: Final = "state.safetensors"
CARD: Final = "checkpoint.json"
_NAME: Final = re.compile(r"step-(\d{8})")


@dataclass(frozen=True)
class Checkpoint:
    """One checkpoint.

    Attributes:
        step: Steps done.
        weights: Name -> weight of the network.
        state: Name -> tensor of what else training goes on from.
        about: Numbers and words that are no tensors, as JSON values.
    """

    step: int
    weights: Mapping[str, Tensor]
    state: Mapping[str, Tensor]
    about: Mapping[str, Any]


def save(folder: Path, checkpoint: Checkpoint, /, *, keep: int) -> Path:
    """Write a checkpoint, whole or not at all, and drop the oldest beyond `keep`.

    Args:
        folder: Folder of the checkpoints.
        checkpoint: What to write; tensors may live anywhere.
        keep: How many to keep, this one included.

    Returns:
        The folder of this checkpoint.
    """
    library = require("safetensors.torch", "train")
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"step-{checkpoint.step:08}"
    draft = Path(tempfile.mkdtemp(dir=folder, prefix=".draft-"))
    try:
        sums = {}
        for name, tensors in ((WEIGHTS, checkpoint.weights), (STATE, checkpoint.state)):
            held = {k: t.detach().cpu().contiguous().clone() for k, t in tensors.items()}
            data: bytes = library.save(held)
            _write(draft / name, data)
            sums[name] = hashlib.sha256(data).hexdigest()
        about = {**checkpoint.about, "version": VERSION, "step": checkpoint.step, "sha256": sums}
        _write(draft / CARD, (json.dumps(about, indent=2) + "\n").encode())
        shutil.rmtree(target, ignore_errors=True)
        draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    for old in _all(folder)[:-keep]:
        shutil.rmtree(old, ignore_errors=True)
    return target


def latest(folder: Path, /) -> Path | None:
    """Return the folder of the last complete checkpoint; None if there is none."""
    found = _all(folder)
    return found[-1] if found else None


def read(path: Path, /) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        CheckpointError: If a file is missing, changed or of another version.
    """
    about = _card(path)
    return Checkpoint(
        step=int(about["step"]),
        weights=_tensors(path, WEIGHTS, about),
        state=_tensors(path, STATE, about),
        about=about,
    )


def load_weights(path: Path, network: nn.Module, /) -> int:
    """Put the weights of a checkpoint into a network; returns the step.

    Raises:
        CheckpointError: If the checkpoint is damaged, or made from another network.
    """
    about = _card(path)
    put(path, _tensors(path, WEIGHTS, about), network)
    return int(about["step"])


def put(path: Path, weights: Mapping[str, Tensor], module: nn.Module, /) -> None:
    """Put tensors into a module.

    Raises:
        CheckpointError: If names or shapes differ.
    """
    try:
        module.load_state_dict(dict(weights))
    except RuntimeError as error:
        words = " ".join(str(error).split())
        raise CheckpointError(f"{path} does not fit this network: {words}") from error


def flatten(value: Any, prefix: str, /, tensors: dict[str, Tensor]) -> Any:
    """Take the tensors out of nested dicts and lists, such as an optimizer's state.

    Args:
        value: What to go through.
        prefix: Start of the tensors' names.
        tensors: Where the tensors go.

    Returns:
        The same as JSON values, each tensor replaced by `{"tensor": name}` and each dict by its
        list of pairs, since keys may be numbers.
    """
    if isinstance(value, Tensor):
        tensors[prefix] = value
        return {"tensor": prefix}
    if isinstance(value, dict):
        return {"pairs": [[k, flatten(v, f"{prefix}.{k}", tensors)] for k, v in value.items()]}
    if isinstance(value, list | tuple):
        return [flatten(v, f"{prefix}.{i}", tensors) for i, v in enumerate(value)]
    return value


def unflatten(value: Any, tensors: Mapping[str, Tensor], /) -> Any:
    """Undo `flatten`; tuples come back as lists."""
    if isinstance(value, dict):
        if "tensor" in value:
            return tensors[value["tensor"]]
        return {k: unflatten(v, tensors) for k, v in value["pairs"]}
    if isinstance(value, list):
        return [unflatten(v, tensors) for v in value]
    return value


def _all(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.iterdir() if _NAME.fullmatch(p.name) and (p / CARD).is_file())


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _card(path: Path) -> dict[str, Any]:
    try:
        about: dict[str, Any] = json.loads((path / CARD).read_text(encoding="utf-8"))
        version = about["version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path}: not a checkpoint ({error})") from error
    if version != VERSION:
        raise CheckpointError(f"{path}: checkpoint version {version}, this hwbench reads {VERSION}")
    return about


def _tensors(path: Path, name: str, about: Mapping[str, Any]) -> dict[str, Tensor]:
    library = require("safetensors.torch", "train")
    try:
        data = (path / name).read_bytes()
        expected = about["sha256"][name]
    except (OSError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path}: lacks {name} ({error})") from error
    if hashlib.sha256(data).hexdigest() != expected:
        raise CheckpointError(f"{path / name}: damaged, its checksum does not hold")
    found: dict[str, Tensor] = library.load(data)
    return found
