"""Take one network out of a supernet and write it where other tools find it.

"plain" is our own folder (`hwbench.models.saving`), with the same logits bit for bit; "hf" a layout
that Hugging Face's transformers load; "onnx" a graph for any runtime.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from hwbench.data.files import write_text
from hwbench.data.text import BytePairTokenizer, Tokenizer
from hwbench.data.text.sources import END_OF_TEXT
from hwbench.errors import UnknownNameError
from hwbench.models import saving
from hwbench.models.exporting import to_hugging_face
from hwbench.models.gpt import GPT
from hwbench.spaces import Architecture, Space

__all__ = ["FORMATS", "Format", "write"]

Format = Literal["plain", "hf", "onnx"]
"""How a network is written."""

FORMATS: Final[tuple[Format, ...]] = ("plain", "hf", "onnx")
_ONNX: Final = "model.onnx"
_TOKENIZER: Final = "tokenizer.json"
_FAST: Final = "PreTrainedTokenizerFast"  # reads what the package tokenizers writes


def write(
    model: GPT,
    arch: Architecture,
    space: Space,
    folder: Path,
    /,
    *,
    form: Format = "plain",
    tokenizer: Tokenizer | None = None,
    pad: bool = False,
    length: int | None = None,
    about: Mapping[str, Any] | None = None,
) -> list[Path]:
    """Write a network to a folder.

    Args:
        model: The network, such as `ElasticGPT.extract` gives.
        arch: Its architecture.
        space: Its space.
        folder: Made if it is missing.
        form: One of `FORMATS`.
        tokenizer: Written beside it, if given.
        pad: For "hf": whether to pad layers that differ (`hwbench.models.exporting`).
        length: For "onnx": tokens of a sequence; the network's context by default.
        about: For "plain": what the config shall say about its origin.

    Returns:
        The files.

    Raises:
        SpaceError: For "hf": if the structure has no such layout.
        UnknownNameError: If there is no such format.
        MissingExtraError: For "onnx": if onnx is not installed.
    """
    if form not in FORMATS:
        raise UnknownNameError.of("format", form, FORMATS)
    if form == "onnx":
        _onnx(model, arch, space, folder / _ONNX, length or model.config.network.context)
    elif form == "hf":
        _hugging_face(model, folder, tokenizer, pad=pad)
    else:
        saving.save(model, folder, about={"arch": str(arch), **(about or {})})
    if tokenizer is not None:
        write_text(folder / _TOKENIZER, tokenizer.to_json())
    return sorted(path for path in folder.iterdir() if path.is_file())


def _hugging_face(model: GPT, folder: Path, tokenizer: Tokenizer | None, *, pad: bool) -> None:
    end = None if tokenizer is None else tokenizer.end
    to_hugging_face(model, folder, pad=pad, end_of_text=end)
    if isinstance(tokenizer, BytePairTokenizer):
        about = {
            "tokenizer_class": _FAST,
            "bos_token": END_OF_TEXT,
            "eos_token": END_OF_TEXT,
            "model_max_length": model.config.network.context,
        }
        write_text(folder / "tokenizer_config.json", json.dumps(about, indent=2) + "\n")


def _onnx(model: GPT, arch: Architecture, space: Space, path: Path, length: int) -> None:
    from hwbench.models.onnx_export import export, weights_of

    path.parent.mkdir(parents=True, exist_ok=True)
    export(arch, space, weights_of(model), path, length=length)
