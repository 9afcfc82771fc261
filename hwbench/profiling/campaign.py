"""Run a plan on a device, row by row, into a journal; kill it at any moment and run it again.

What is written is one line a measurement, on the disk before the next one starts. So at most the
measurement under way is lost, and the next run goes on behind the last line.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol

from hwbench.data.files import write_text
from hwbench.data.journal import Entry, Journal, JournalError, Session, entries, sessions
from hwbench.data.journal.file import Contents
from hwbench.errors import DataError
from hwbench.profiling.devices import Device, Fingerprint
from hwbench.profiling.jobs import Job
from hwbench.profiling.plan import Plan, Slot, schedule
from hwbench.profiling.plan_file import read_plan, to_text
from hwbench.profiling.standing import Standing, standing

__all__ = ["PLAN", "Campaign", "CampaignError", "Measure", "Progress", "journal_name"]

PLAN: Final = "plan.toml"
_MOST_FAILURES: Final = 3
_FAULTS: Final = ("crash", "error", "unsupported")


class CampaignError(DataError):
    """A campaign cannot go on as asked."""


class Measure(Protocol):
    """What measures a job: `hwbench.profiling.measuring.measure`, or a test's stand-in."""

    def __call__(self, job: Job, /, *, device: Device) -> Mapping[str, Any]:
        """Return the row of a job; failures are rows, too."""


@dataclass(frozen=True)
class Progress:
    """How far a campaign is after a measurement.

    Attributes:
        standing: Places done and left, and the time they will take.
        slot: What was measured last.
        row: What it gave.
    """

    standing: Standing
    slot: Slot
    row: Mapping[str, Any]


@dataclass(frozen=True)
class Campaign:
    """A plan, and the folder that its journal goes to.

    Attributes:
        plan: What to measure.
        out: Folder; made if it is missing.
        shard: Which part of the plan, from 0, and how many there are.
    """

    plan: Plan
    out: Path
    shard: tuple[int, int] = (0, 1)

    @property
    def journal_path(self) -> Path:
        """The file that this part of the campaign is written to."""
        return self.out / journal_name(self.shard)

    def run(
        self,
        device: Device,
        measure: Measure,
        /,
        *,
        progress: Callable[[Progress], None] | None = None,
        allow_other_device: bool = False,
        retry: bool = False,
        budget_s: float | None = None,
    ) -> Standing:
        """Measure what is left.

        Args:
            device: Where. Its lock is held all the while.
            measure: Measures one job.
            progress: Called after each measurement.
            allow_other_device: Go on although rows in the journal are of another device; the plan
                then starts anew for this one.
            retry: Try everything again that failed.
            budget_s: Time for the whole campaign, rows already there included; None: the plan's.

        Returns:
            How the campaign stands at the end; with something left if the time was used up.

        Raises:
            CampaignError: If the folder holds another campaign or another device's, or if nothing
                but failures comes back.
            JournalError: If the journal cannot be written; what was written before is safe.
            DeviceBusyError: If another process measures on the device.
            DeviceLostError: If the device is gone.
        """
        slots = schedule(self.plan, self.shard)
        limit = self.plan.budget_s if budget_s is None else budget_s
        fingerprint = device.fingerprint()
        with device.lock(), Journal(self.journal_path) as journal:
            self._keep_plan()
            contents = Contents(tuple(journal.records))
            before, found = sessions(contents), entries(contents)
            if not allow_other_device:
                _check_device(before, fingerprint, self.out)
            here = _Here(
                device, fingerprint, measure, journal, found, len(before), time.monotonic()
            )
            now = standing(slots, found, fingerprint.id, retry=retry)
            if now.todo:
                journal.append(self._session(len(before), fingerprint).to_record())
            while now.todo and (limit is None or now.spent_s < limit):
                slot = now.todo[0]
                row = self._measure(here, slot)
                now = _after(standing(slots, found, fingerprint.id), now, slot, retry=retry)
                if progress is not None:
                    progress(Progress(now, slot, row))
            return now

    def standing(self, device_id: str | None = None, /) -> Standing:
        """Tell how far it is, by the journal alone.

        Args:
            device_id: Which device; by default that of the last session.
        """
        found = self.entries()
        if device_id is None:
            known = [s for s in sessions(self.journal_path) if s.plan == self.plan.id]
            device_id = known[-1].device_id if known else ""
        return standing(schedule(self.plan, self.shard), found, device_id)

    def entries(self) -> list[Entry]:
        """Return the measurements in the journal."""
        return entries(self.journal_path) if self.journal_path.exists() else []

    def _keep_plan(self) -> None:
        """Put the plan beside the journal, or check that it is the one that lies there."""
        path = self.out / PLAN
        if not path.exists():
            try:
                write_text(path, to_text(self.plan))
            except OSError as error:
                raise JournalError(f"{path}: cannot be written ({error.strerror})") from error
        elif read_plan(path).id != self.plan.id:
            raise CampaignError(
                f"{self.out} holds another campaign, that of {path}; go on with that plan, or name "
                "another folder"
            )

    def _session(self, number: int, fingerprint: Fingerprint) -> Session:
        return Session(
            number=number,
            plan=self.plan.id,
            plan_text=to_text(self.plan),
            shard=self.shard[0],
            shards=self.shard[1],
            device_id=fingerprint.id,
            device=dict(fingerprint.stable),
            started_unix_s=time.time(),
        )

    def _measure(self, here: _Here, slot: Slot) -> Mapping[str, Any]:
        """Measure one place and write it down."""
        key = slot.key(here.fingerprint.id)
        at_s = time.monotonic() - here.began_s
        row = here.measure(
            self.plan.job(slot, device=here.device.name, key=key), device=here.device
        )
        here.check(row)
        metrics = dict.fromkeys(("latency_s", *self.plan.metrics))
        entry = Entry(
            key=key,
            plan=self.plan.id,
            shard=slot.shard,
            session=here.session,
            sequence=1 + max((made.sequence for made in here.found), default=-1),
            at_s=at_s,
            pass_number=slot.pass_number,
            anchor=slot.anchor,
            protocols={m: slot.protocol.to_table_protocol(m).to_dict() for m in metrics},
            row=row,
        )
        here.journal.append(entry.to_record())
        here.found.append(entry)
        here.stop_if_hopeless()
        return row


@dataclass(frozen=True)
class _Here:
    """What stays the same during one run."""

    device: Device
    fingerprint: Fingerprint
    measure: Measure
    journal: Journal
    found: list[Entry]
    session: int
    began_s: float

    def check(self, row: Mapping[str, Any]) -> None:
        """Refuse a row of a device that is gone or is another by now; it is not written.

        Raises:
            DeviceLostError: If the device does not answer.
            CampaignError: If it is another one.
        """
        measured_on = str(row.get("device_id") or self.fingerprint.id)
        if row["status"] != "ok":
            measured_on = self.device.fingerprint().id  # raises if it is gone
        if measured_on != self.fingerprint.id:
            raise CampaignError(
                f"the device changed while it was measured: {self.fingerprint.id} became "
                f"{measured_on}; the rows before are safe, the last one is left out"
            )

    def stop_if_hopeless(self) -> None:
        last = [e for e in self.found if e.session == self.session][-_MOST_FAILURES:]
        if len(last) == _MOST_FAILURES and all(e.row["status"] in _FAULTS for e in last):
            reason = str(last[-1].row.get("reason", "")).strip().replace("\n", " ")
            raise CampaignError(
                f"{_MOST_FAILURES} measurements in a row failed, the last one with: {reason}; mend "
                "that and run the same command again"
            )


def journal_name(shard: tuple[int, int], /) -> str:
    """Name the file of a part of a plan: "journal.jsonl", or "journal-2of4.jsonl"."""
    number, parts = shard
    return "journal.jsonl" if parts == 1 else f"journal-{number + 1}of{parts}.jsonl"


def _after(fresh: Standing, before: Standing, slot: Slot, *, retry: bool) -> Standing:
    """Return the standing after a place was measured; each place has one try a run."""
    allowed = set(fresh.todo) if not retry else set(before.todo)
    todo = tuple(s for s in before.todo if s in allowed and s != slot)
    return replace(fresh, todo=todo)


def _check_device(before: Sequence[Session], fingerprint: Fingerprint, out: Path) -> None:
    others = [session for session in before if session.device_id != fingerprint.id]
    if others:
        there = Fingerprint(fingerprint.kind, others[-1].device)
        changes = "; ".join(fingerprint.differences(there)) or "another device"
        raise CampaignError(
            f"{out} was measured on {others[-1].device_id}, this is {fingerprint.id} ({changes}); "
            "name another folder, or add --allow-other-device to keep both in this one"
        )
