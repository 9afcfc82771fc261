"""Read and write HW-GPT-Bench's two forms of an architecture: its dict and its string key.

The dict has `sample_embed_dim`, `sample_n_layer`, `sample_mlp_ratio`, `sample_n_head` and
`sample_bias`. Its lists are as long as the deepest network and their tail means nothing; its bias
is a boolean in the data and the string "True" or "False" in what the program samples (where
`bool("False")` was taken as true). The key is `gpt-s-10-768-2-3-...-4-8-...-True`; older ones join
the values of a list without dashes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from hwbench.errors import SpaceError
from hwbench.spaces.architecture import Architecture
from hwbench.spaces.choice import Choice
from hwbench.spaces.registry import get
from hwbench.spaces.space import Space

__all__ = ["from_upstream_dict", "from_upstream_key", "to_upstream_dict", "to_upstream_key"]

_PREFIX: Final = "sample_"
_IGNORED: Final = frozenset({"sample_layer_indices"})  # always 0, 1, ..., n_layer - 1
_NAMES: Final = ("embed_dim", "n_layer", "bias", "mlp_ratio", "n_head")
_BOOLEANS: Final = {"True": True, "False": False, "true": True, "false": False}


def from_upstream_dict(arch: Mapping[str, object], space: Space, /) -> Architecture:
    """Read upstream's dict.

    Args:
        arch: Lists may be longer than the number of layers; `sample_bias` may be a boolean or a
            string.
        space: The GPT space it belongs to; the dict does not say.

    Raises:
        SpaceError: If an entry is missing or does not belong to the space.
    """
    known = {_PREFIX + name for name in _NAMES}
    missing, unknown = known - arch.keys(), arch.keys() - known - _IGNORED
    if missing or unknown:
        raise SpaceError(
            f"not an HW-GPT-Bench architecture; missing: {', '.join(sorted(missing)) or 'none'}, "
            f"unknown: {', '.join(sorted(map(str, unknown))) or 'none'}"
        )
    choices = {name: arch[_PREFIX + name] for name in _NAMES}
    choices["bias"] = _boolean(choices["bias"])
    depth = _depth(space, choices["n_layer"])
    for name in ("mlp_ratio", "n_head"):
        choices[name] = _head(choices[name], depth, name)
    return space.from_dict(choices)


def to_upstream_dict(arch: Architecture, /, *, bias_as_text: bool = True) -> dict[str, object]:
    """Write upstream's dict; its lists are as long as the network is deep.

    Args:
        arch: An architecture of a GPT space.
        bias_as_text: Write the bias as "True" or "False", which upstream's encoders ask for; else
            as a boolean, as its data hold it.

    Raises:
        SpaceError: If it is not an architecture of a GPT space.
    """
    _check(arch)
    values = {_PREFIX + name: arch[name] for name in _NAMES}
    lists = {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}
    return {**lists, "sample_bias": str(arch["bias"]) if bias_as_text else arch["bias"]}


def from_upstream_key(key: str, /) -> Architecture:
    """Read upstream's string key, with or without dashes inside its lists.

    Raises:
        UnknownNameError: If the key names no space.
        SpaceError: If it cannot be read or does not belong to the space.
    """
    scale, *fields = key.strip().removeprefix("gpt-").split("-")
    if len(fields) < 5:
        raise SpaceError(f"not an HW-GPT-Bench key: {key!r}")
    space = get(f"gpt-{scale.replace('_', '-')}")
    n_layer, embed_dim, *lists, bias = fields
    depth = _depth(space, _whole(n_layer, key))
    ratio, head = space.choice("mlp_ratio"), space.choice("n_head")
    if len(lists) == 2 * depth:
        ratios, heads = lists[:depth], lists[depth:]
    elif len(lists) == 2:
        ratios, heads = _cut(lists[0], ratio), _cut(lists[1], head)
    else:
        raise SpaceError(f"{key!r} should hold 2 x {depth} values, got {len(lists)}")
    return space.architecture(
        embed_dim=_whole(embed_dim, key),
        n_layer=depth,
        bias=_boolean(bias),
        mlp_ratio=[ratio.read(word) for word in ratios],
        n_head=[head.read(word) for word in heads],
    )


def to_upstream_key(arch: Architecture, /) -> str:
    """Write upstream's string key, with dashes between the values of a list.

    Raises:
        SpaceError: If it is not an architecture of a GPT space.
    """
    _check(arch)
    scale = arch.space.removeprefix("gpt-").replace("-", "_")
    layers = [value for name in ("mlp_ratio", "n_head") for value in _layers(arch, name)]
    fields = [scale, arch["n_layer"], arch["embed_dim"], *layers, bool(arch["bias"])]
    return "gpt-" + "-".join(map(str, fields))


def _boolean(value: object) -> bool:
    if isinstance(value, str) and value in _BOOLEANS:
        return _BOOLEANS[value]
    if value in (0, 1) and not isinstance(value, float):
        return bool(value)
    raise SpaceError(f"bias must be a boolean or 'True' or 'False', got {value!r}")


def _depth(space: Space, value: object) -> int:
    choice = space.choice("n_layer")
    return int(choice.values[choice.index(value)])


def _head(values: object, depth: int, name: str) -> list[object]:
    if not isinstance(values, Sequence) or isinstance(values, str) or len(values) < depth:
        raise SpaceError(f"sample_{name} needs at least {depth} values, got {values!r}")
    return list(values[:depth])


def _whole(text: str, key: str) -> int:
    if not text.isdecimal():
        raise SpaceError(f"expected a whole number in {key!r}, got {text!r}")
    return int(text)


def _cut(text: str, choice: Choice) -> list[str]:
    # No value of these choices begins another one (4, 8, 12; 8, 16, 20; ...), so there is one way
    # to cut.
    words = []
    while text:
        fitting = [word for word in choice.by_text if text.startswith(word)]
        if not fitting:
            raise SpaceError(f"cannot cut {text!r} into values of {choice.name}")
        words.append(fitting[0])
        text = text[len(fitting[0]) :]
    return words


def _check(arch: Architecture) -> None:
    if set(arch.choices) != set(_NAMES):
        raise SpaceError(f"HW-GPT-Bench has no form for an architecture of {arch.space}")


def _layers(arch: Architecture, name: str) -> tuple[object, ...]:
    value = arch[name]
    return value if isinstance(value, tuple) else (value,)
