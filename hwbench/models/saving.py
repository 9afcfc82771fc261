"""Plain networks as files: a folder with `model.safetensors` and `config.json`.

What is saved gives the same logits when it is loaded, bit for bit. Needs torch and safetensors
(extra [train]).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from hwbench.errors import DataError, SchemaError, require
from hwbench.models.gpt import GPT, GptConfig
from hwbench.spaces.gpt import GptNetwork

__all__ = ["CONFIG", "WEIGHTS", "load", "save", "write_folder"]

WEIGHTS: Final = "model.safetensors"
CONFIG: Final = "config.json"
_FORMAT: Final = "hwbench.gpt"
_VERSION: Final = 1


def save(model: GPT, folder: Path, /, *, about: Mapping[str, Any] | None = None) -> None:
    """Write a network.

    Args:
        model: The network.
        folder: Made if it is missing; files of the same names are replaced.
        about: What else `config.json` shall say, as JSON values: where the weights come from.
    """
    config = {
        "format": _FORMAT,
        "version": _VERSION,
        "config": asdict(model.config),
        "about": dict(about or {}),
    }
    write_folder(folder, model.state_dict(), config)


def load(folder: Path | str, /) -> GPT:
    """Read what `save` wrote, on the CPU.

    Raises:
        DataError: If there is no such network, or its weights do not fit.
        SchemaError: If the files follow another format.
    """
    library = require("safetensors.torch", "train")
    folder = Path(folder)
    if not (folder / CONFIG).is_file() or not (folder / WEIGHTS).is_file():
        raise DataError(f"{folder}: no network there; `hwbench supernet extract` makes one")
    config = _config(folder / CONFIG)
    try:
        return GPT.from_weights(config, library.load_file(str(folder / WEIGHTS))).eval()
    except (RuntimeError, library_error()) as error:
        raise DataError(f"{folder}: {' '.join(str(error).split())}") from error


def library_error() -> type[Exception]:
    """Return the error of the package safetensors."""
    found: type[Exception] = require("safetensors", "train").SafetensorError
    return found


def write_folder(folder: Path, weights: Mapping[str, Any], config: Mapping[str, Any], /) -> None:
    """Write weights (tensors by name) and a config, each whole or not at all."""
    library = require("safetensors.torch", "train")
    folder.mkdir(parents=True, exist_ok=True)
    held = {name: w.detach().cpu().contiguous() for name, w in weights.items()}
    for name, data in (
        (WEIGHTS, library.save(held, metadata={"format": "pt"})),
        (CONFIG, (json.dumps(config, indent=2) + "\n").encode()),
    ):
        draft = folder / f".{name}.part"
        draft.write_bytes(data)
        draft.replace(folder / name)


def _config(path: Path) -> GptConfig:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if (values["format"], values["version"]) != (_FORMAT, _VERSION):
            raise SchemaError(f"{path}: of another format or version")
        config = dict(values["config"])
        network = GptNetwork(**config.pop("network"))
        config |= {name: tuple(config[name]) for name in ("mlp_ratio", "n_head")}
        return GptConfig(network=network, **config)
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, SchemaError):
            raise
        raise SchemaError(f"{path}: not the config of a network ({error!r})") from error
