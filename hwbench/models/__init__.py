"""Plain torch networks: what is extracted from a supernet, exported and profiled.

`build(architecture, space)` makes the network. Importing this package does not import torch;
building does.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

from hwbench.errors import UnknownNameError
from hwbench.spaces import gpt, small_lm
from hwbench.spaces.architecture import Architecture
from hwbench.spaces.space import Space

if TYPE_CHECKING:
    import torch

__all__ = ["BUILDERS", "build"]

BUILDERS: Final[dict[str, str]] = {
    **dict.fromkeys((*gpt.SPACES, *small_lm.SPACES), "hwbench.models.gpt"),
}
"""Name of a space -> module whose `build` makes its networks."""


def build(
    arch: Architecture,
    space: Space,
    /,
    *,
    device: str = "cpu",
    generator: torch.Generator | None = None,
) -> torch.nn.Module:
    """Build the network of an architecture, with float32 weights.

    Args:
        arch: An architecture of `space`.
        space: The space; its `network` names the variant.
        device: Where the weights live; "meta" gives a model without storage.
        generator: Source of the initial weights, on `device`.

    Raises:
        UnknownNameError: If no network is known for the space.
        SpaceError: If the architecture does not belong to the space.
        MissingExtraError: If torch is not installed.
    """
    if space.name not in BUILDERS:
        raise UnknownNameError.of("space with a network", space.name, BUILDERS)
    module = importlib.import_module(BUILDERS[space.name])
    network: torch.nn.Module = module.build(arch, space, device=device, generator=generator)
    return network
