"""Stage "profile": what a designed set of architectures costs on the device at hand."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final, cast

import numpy as np

from hwbench import spaces, units
from hwbench.arrays import Codes
from hwbench.benchmark.closed_forms import ClosedForm, tabulate
from hwbench.data import Table
from hwbench.data import journal as journals
from hwbench.errors import DataError
from hwbench.pipeline.recipe import PipelineRecipe
from hwbench.pipeline.stage import Outcome, Say, Stage, Work
from hwbench.profiling.campaign import Campaign
from hwbench.profiling.devices import Device, DeviceBusyError, open_device
from hwbench.profiling.measuring import measure
from hwbench.profiling.meters.energy import Unavailable
from hwbench.profiling.plan import Plan
from hwbench.profiling.protocols import MeasuringProtocol, Precision
from hwbench.profiling.standing import Standing
from hwbench.profiling.stopping import StopRule
from hwbench.profiling.workloads import Workload
from hwbench.spaces import Space
from hwbench.spaces.gpt import trained_space
from hwbench.spaces.gpt_costs import flops
from hwbench.surrogates.fewshot.design import candidates_of, choose
from hwbench.surrogates.fewshot.prior import Prior

__all__ = [
    "NAME",
    "STAGE",
    "campaign_plan",
    "device_name",
    "measure_all",
    "measured_space",
    "missing_energy",
]

NAME: Final = "profile"
_PAUSE_S: Final = 5.0
_ATTEMPTS: Final = 720  # an hour


def measured_space(recipe: PipelineRecipe, /) -> Space:
    """Return the space with the network that is trained: it is the one that is measured."""
    return trained_space(spaces.get(recipe.space))


def device_name(recipe: PipelineRecipe, device: Device, /) -> str:
    """Return what the bundle calls the device."""
    return recipe.profile.name or device.fingerprint().id


def campaign_plan(
    recipe: PipelineRecipe, device: Device, architectures: Sequence[str], /, *, passes: int
) -> Plan:
    """Make the plan of a campaign of the pipeline.

    Args:
        recipe: The pipeline.
        device: The device.
        architectures: What to measure; the anchor is the one in the middle of the list.
        passes: Visits to each.
    """
    asked, space = recipe.profile, measured_space(recipe)
    protocol = MeasuringProtocol(
        name=recipe.name,
        network=space.network,
        runtime=asked.runtime,
        precision=cast(Precision, asked.precision),
        workload=Workload("prefill", asked.batch, asked.tokens),
        threads=asked.threads,
    )
    return Plan(
        space=space.name,
        device=device.name,
        protocols=(protocol,),
        architectures=tuple(architectures),
        anchors=(architectures[len(architectures) // 2],),
        metrics=asked.metrics,
        passes=passes,
        anchor_every=asked.anchor_every,
        seed=recipe.seed,
        stop=replace(StopRule(), **asked.stop),
        budget_s=asked.budget_s,
        name=f"{recipe.name} on {device.label}",
    )


def measure_all(work: Work, plan: Plan, device: Device, folder: Path, /) -> list[Table]:
    """Measure a plan, or what is left of it; return its tables.

    While another process measures on the device, it waits.

    Raises:
        DataError: If nothing could be measured.
        DeviceBusyError: If the device stays busy for an hour.
    """
    _wait_for(device, work.say)

    def told(progress: Any) -> None:
        work.say(_line(progress.standing))

    end = Campaign(plan, folder).run(device, measure, progress=told, retry=True)
    found = journals.tables(folder, device=device_name(work.recipe, device))
    if not found:
        raise DataError(f"nothing could be measured: {dict(end.failed)}")
    return found


def _wait_for(device: Device, say: Say) -> None:
    """Return once nobody else measures on a device; hours of training should not end on that."""
    for attempt in range(_ATTEMPTS):
        try:
            with device.lock():
                return
        except DeviceBusyError as error:
            if attempt == _ATTEMPTS - 1:
                raise
            if not attempt:
                say(f"waiting: {error}")
            time.sleep(_PAUSE_S)


def missing_energy(device: Device, /) -> str:
    """Say why no energy can be measured; "" if it can."""
    meter = device.energy_meter()
    return f"{meter.reason}. {meter.fix}" if isinstance(meter, Unavailable) else ""


def _line(now: Standing) -> str:
    left = "" if now.left_s is None else f", {units.format(now.left_s, 's')} left"
    return f"{now.done}/{len(now.slots)} measurements{left}"


def _settings(recipe: PipelineRecipe) -> Mapping[str, Any]:
    return {"name": recipe.name, "profile": asdict(recipe.profile)}


def _beside(work: Work) -> Mapping[str, Any]:
    return {"device": open_device(work.recipe.profile.device).fingerprint().id}


def _run(work: Work) -> Outcome:
    recipe, folder = work.recipe, work.folder(NAME)
    device = open_device(recipe.profile.device)
    space = measured_space(recipe)
    codes = _design(space, recipe)
    architectures = [str(arch) for arch in space.decode(codes)]
    plan = campaign_plan(recipe, device, architectures, passes=recipe.profile.passes)
    tables = measure_all(work, plan, device, folder)
    return Outcome(
        outputs=("journal.jsonl",),
        summary={
            "device": {
                "name": device_name(recipe, device),
                "id": device.fingerprint().id,
                "kind": device.kind,
                "label": recipe.profile.label or device.label,
            },
            "energy": missing_energy(device) or None,
            "architectures": len(architectures),
            "rows": {table.metric: len(table) for table in tables},
        },
    )


def _design(space: Space, recipe: PipelineRecipe) -> Codes:
    """Choose architectures by optimal design, the cost in FLOPs taken for what a device shows."""
    rng = np.random.default_rng(recipe.seed)
    candidates = candidates_of(space, recipe.profile.n, rng)
    form = ClosedForm(
        "flops",
        "flops",
        lambda of, codes: flops(of, codes, sequence_length=recipe.profile.tokens),
        "one sequence",
    )
    prior = Prior.of(space, {"flops": tabulate(form, space)})
    n = min(recipe.profile.n, len(candidates))
    return np.asarray(candidates[choose([prior], candidates, n).rows])


STAGE: Final = Stage(
    NAME, "measure designed architectures on this device", (), _settings, _run, _beside
)
