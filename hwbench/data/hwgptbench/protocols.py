"""What each campaign measured, under which protocol, and what is known to be wrong with it.

The batch size depends on scale and metric: it was recovered from the files' own count of
multiply-accumulates (latency, CPU energy) and from the length of the metered windows (GPU energy).
"""

from __future__ import annotations

from typing import Final

from hwbench.data.hwgptbench.layout import Campaign, Device, Scale
from hwbench.data.table import Protocol

__all__ = ["BATCH_SIZES", "SOURCE", "TRACKER_BATCH_SIZE", "cpu_energy", "measured", "power"]

SOURCE: Final = "HW-GPT-Bench, github.com/automl/HW-GPT-Bench at c730d4b, Apache-2.0"
BATCH_SIZES: Final[dict[Scale, int]] = {"s": 8, "m": 4, "l": 1}
"""Scale -> sequences in a forward pass; the energy tracker of GPUs used 8 at every scale."""
TRACKER_BATCH_SIZE: Final = 8
SEQUENCE_LENGTH: Final = 1024

_NO_CLOCK: Final = "clocks were not fixed: repeats may come in two levels, flagged two_states"
_CPU_NOTES: Final = (
    "gradients were recorded: neither no_grad nor eval mode",
    "times above 1 s were printed with two decimals, cut off: the true value is up to 10 ms more",
)
_XEONS: Final = ("cpu-xeon-silver", "cpu-xeon-gold")
_ONE_REPEAT: Final = frozenset({("cpu-amd-7513", "s")})


def measured(campaign: Campaign, /) -> Protocol:
    """Return the protocol of a campaign's main metric."""
    return _PROTOCOLS[campaign.kind](campaign)


def cpu_energy(campaign: Campaign, /) -> Protocol:
    """Return the protocol of the energy that a CPU's latency campaign also recorded."""
    count = 1 if _once(campaign) else 10
    return Protocol(
        name="codecarbon",
        batch_size=BATCH_SIZES[campaign.scale],
        sequence_length=SEQUENCE_LENGTH,
        precision=campaign.precision,
        statistic=f"mean of {count} forward pass{'es' if count > 1 else ''}; only it was kept",
        unit="J",
        source=SOURCE,
        notes=(
            "codecarbon's estimate for the whole node: mostly a constant power times the time",
            "no warm-up: the mean includes the first pass",
            "not comparable with the energy of GPUs at m and l, whose batch is 8",
        ),
    )


def power(campaign: Campaign, /) -> Protocol:
    """Return the protocol of the power that the energy tracker also recorded."""
    return _tracker(campaign, statistic="mean power over one metered window", unit="W")


def _latency(campaign: Campaign) -> Protocol:
    assert campaign.device is not None
    gpu = campaign.device.kind == "gpu"
    return Protocol(
        name="profiler",
        batch_size=BATCH_SIZES[campaign.scale],
        sequence_length=SEQUENCE_LENGTH,
        precision=campaign.precision,
        statistic="sum of kernel times (torch.profiler, self CUDA time total) of one forward pass"
        if gpu
        else "self CPU time total (torch.profiler) of one forward pass",
        unit="s",
        source=SOURCE,
        notes=_gpu_notes() if gpu else _cpu_notes(campaign, campaign.device),
        resolution=1e-6 if gpu else 1e-2,
    )


def _gpu_notes() -> tuple[str, ...]:
    return (
        "gaps between kernels are not counted: the wall time is 1.02 to 1.46 times longer",
        "gradients were recorded: neither no_grad nor eval mode",
        _NO_CLOCK,
    )


def _cpu_notes(campaign: Campaign, device: Device) -> tuple[str, ...]:
    notes = [*_CPU_NOTES]
    if device.name in _XEONS:
        notes.append("the first repeat is slower (warm-up), by up to a quarter")
    if _once(campaign):
        notes.append("measured once: no repeats, no estimate of noise")
    return tuple(notes)


def _tracker(campaign: Campaign, *, statistic: str, unit: str) -> Protocol:
    return Protocol(
        name="tracker",
        batch_size=TRACKER_BATCH_SIZE,
        sequence_length=SEQUENCE_LENGTH,
        precision=campaign.precision,
        statistic=statistic,
        unit=unit,
        source=SOURCE,
        notes=(
            "power was sampled too slowly for short windows: at s near idle (a100, h100, v100)",
            "the first repeat is a cold start: up to 300 times the median",
            "the batch is 8 at every scale, unlike that of latency (8, 4, 1 at s, m, l)",
        ),
        skip_first=1,
    )


def _energy(campaign: Campaign) -> Protocol:
    statistic = "power (NVML) times time over one metered window"
    return _tracker(campaign, statistic=statistic, unit="J")


def _memory(campaign: Campaign) -> Protocol:
    return Protocol(
        name=campaign.precision,
        batch_size=None,
        sequence_length=SEQUENCE_LENGTH,
        precision=campaign.precision,
        statistic="torch.cuda.memory_allocated() after forward passes under autocast",
        unit="bytes",
        source=SOURCE,
        notes=(
            "fp32 weights and autocast's half-precision copies; no activations, so not the peak",
            "does not depend on the device",
        ),
    )


def _perplexity(campaign: Campaign) -> Protocol:
    return Protocol(
        name="openwebtext",
        batch_size=None,
        sequence_length=SEQUENCE_LENGTH,
        precision=campaign.precision,
        statistic="mean over 4 ranks of each rank's value",
        unit="1",
        source=SOURCE,
        notes=(
            "on 10 % of OpenWebText's training split, which the supernet was trained on",
            "of the supernet's network, which is not the one whose latency was measured",
        ),
        network="supernet",
    )


def _once(campaign: Campaign) -> bool:
    return campaign.device is not None and (campaign.device.name, campaign.scale) in _ONE_REPEAT


_PROTOCOLS: Final = {
    "latency": _latency,
    "tracker": _energy,
    "memory": _memory,
    "perplexity": _perplexity,
}
