"""Thin access to NVML: values or `None`, handles by CUDA's numbering, reasons why it fails.

CUDA numbers the cards that CUDA_VISIBLE_DEVICES names; NVML numbers all of them in the order of the
PCI bus. `visible` translates. The module `pynvml` comes in as an object: tests bring their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from hwbench.errors import HwbenchError, MissingExtraError, require
from hwbench.profiling.meters.energy import DeviceLostError, Unavailable

__all__ = ["Card", "load", "visible"]

_Value = TypeVar("_Value")

_DRIVER_FIX: Final = "see if nvidia-smi runs; in a container, start it with --gpus all"
_ORDER_FIX: Final = "export CUDA_DEVICE_ORDER=PCI_BUS_ID"
_MIG_FIX: Final = "measure on a card without MIG: nobody can read the energy of one instance"


@dataclass(frozen=True)
class Card:
    """One card as NVML sees it.

    Attributes:
        nvml: The module `pynvml`, initialised.
        handle: What NVML calls the card.
    """

    nvml: Any
    handle: Any

    def get(self, function: str, /, *args: object) -> Any:
        """Ask NVML about the card; `None` if this card, driver or binding cannot tell."""
        call = getattr(self.nvml, function, None)
        if call is None:
            return None
        try:
            return call(self.handle, *args)
        except self.nvml.NVMLError:
            return None

    def must(self, function: str, /, *args: object) -> Any:
        """Ask NVML about the card.

        Raises:
            DeviceLostError: If it does not answer.
        """
        try:
            return getattr(self.nvml, function)(self.handle, *args)
        except self.nvml.NVMLError as error:
            raise DeviceLostError(f"the card does not answer {function}: {error}") from error

    def converted(
        self, function: str, /, *args: object, convert: Callable[[Any], _Value]
    ) -> _Value | None:
        """Ask and convert the answer; `None` if there is none."""
        value = self.get(function, *args)
        return None if value is None else convert(value)

    def field(self, name: str, /) -> int | None:
        """Read one field value by the name of its constant; `None` if there is none."""
        number = getattr(self.nvml, name, None)
        values = None if number is None else self.get("nvmlDeviceGetFieldValues", [number])
        if not values or values[0].nvmlReturn != 0:
            return None
        return int(values[0].value.uiVal)


def load(nvml: Any = None, /) -> Any:
    """Load and start NVML.

    Args:
        nvml: The module `pynvml` or one like it; imported unless given.

    Returns:
        The module, or `Unavailable` if it is not installed or no driver answers.
    """
    if nvml is None:
        try:
            nvml = require("pynvml", "profile")
        except MissingExtraError as error:
            return Unavailable("nvidia-ml-py is not installed", str(error).rpartition(": ")[2])
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        return Unavailable(f"no NVIDIA driver answers: {error}", _DRIVER_FIX)
    return nvml


def visible(nvml: Any, environment: Mapping[str, str], /) -> list[Card]:
    """Find the cards that CUDA sees, in CUDA's order.

    Args:
        nvml: The module `pynvml`, initialised.
        environment: The environment variables.

    Raises:
        HwbenchError: If CUDA's order cannot be told without starting CUDA, or a MIG instance is
            asked for.
        DeviceLostError: If a card does not answer.
    """
    try:
        cards = [
            Card(nvml, nvml.nvmlDeviceGetHandleByIndex(index))
            for index in range(nvml.nvmlDeviceGetCount())
        ]
    except nvml.NVMLError as error:
        raise DeviceLostError(f"cannot list the cards: {error}") from error
    chosen = environment.get("CUDA_VISIBLE_DEVICES")
    tokens = None if chosen is None else [token.strip() for token in chosen.split(",")]
    if tokens and any(token.startswith("MIG-") for token in tokens):
        raise HwbenchError(f"CUDA_VISIBLE_DEVICES names a MIG instance; {_MIG_FIX}")
    by_number = tokens is None or any(token.isdigit() for token in tokens)
    in_order = environment.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID"
    if by_number and not in_order and len({_text(c.get("nvmlDeviceGetName")) for c in cards}) > 1:
        raise HwbenchError(
            f"this machine has cards of several models, which CUDA orders by speed; {_ORDER_FIX}"
        )
    return cards if tokens is None else _chosen(cards, tokens)


def _chosen(cards: Sequence[Card], tokens: Sequence[str]) -> list[Card]:
    """Follow CUDA: what comes behind the first token that names no card is not visible."""
    uuids = [str(_text(card.get("nvmlDeviceGetUUID"))) for card in cards]
    found: list[Card] = []
    for token in tokens:
        if token.isdigit():
            matches = [int(token)] if int(token) < len(cards) else []
        else:
            matches = [i for i, uuid in enumerate(uuids) if token and uuid.startswith(token)]
        if len(matches) != 1:
            break
        found.append(cards[matches[0]])
    return found


def _text(value: object) -> str | None:
    """Older bindings answer with bytes."""
    return value.decode() if isinstance(value, bytes) else None if value is None else str(value)
