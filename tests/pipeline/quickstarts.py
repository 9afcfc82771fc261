"""Quickstarts without hardware: a device that is played back, and times by a formula."""

from functools import partial

from hwbench import spaces
from hwbench.profiling import measuring
from hwbench.search import exact
from hwbench.spaces import gpt_costs
from hwbench.surrogates.fewshot import posterior
from tests.profiling.campaigns import make_row

SPACE = spaces.get("gpt-s").with_network("profiled")
SECONDS = 3.0
TOLERANCE = 0.1


def latency_s(codes):
    return 0.02 + gpt_costs.flops(SPACE, codes, sequence_length=512, batch_size=1) / 2e11


def memory_bytes(codes):
    return 2e8 + 4.0 * gpt_costs.params(SPACE, codes)


class Machine:
    """Stands in for worker processes; `stop_at` is the call that Ctrl-C hits.

    `seconds` is what each call says that it took.
    """

    def __init__(self):
        self.jobs = []
        self.stop_at = None
        self.seconds = SECONDS

    def __call__(self, job, /, *, device):
        if len(self.jobs) == self.stop_at:
            self.stop_at = None
            raise KeyboardInterrupt
        self.jobs.append(job)
        codes = SPACE.encode([SPACE.parse(job.architecture)])
        once = float(latency_s(codes)[0])
        return make_row(
            job,
            device_id=device.fingerprint().id,
            samples=[once * (1 + 0.002 * k) for k in (-2, -1, 0, 1, 2)],
            memory={"vm_hwm_bytes": float(memory_bytes(codes)[0])},
            seconds=self.seconds,
        )


def simplify(patch, machine):
    """Measure on the machine, and leave out what takes long: many beliefs, the whole front."""
    patch.setattr(measuring, "measure", machine)
    patch.setattr(posterior, "_MANY", 0)
    patch.setattr(exact, "pareto", partial(exact.pareto, tolerance=TOLERANCE))
