"""What the torch runtimes have in common: an iteration as a function, timed on the device too."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from hwbench.errors import require
from hwbench.profiling._types import DeviceKind
from hwbench.profiling.meters.memory import reset_torch_peak, torch_peak
from hwbench.profiling.runtimes.runtime import Request, Runnable, Runtime, UnsupportedError

if TYPE_CHECKING:
    from hwbench.profiling.runtimes._networks import Step

__all__ = ["TorchRunnable", "TorchRuntime", "Wrap", "inference"]

_PRECISIONS: Final = ("fp32", "bf16", "fp16", "amp-bf16", "amp-fp16")

Wrap = Callable[["Step", "Step"], "Step"]
"""Takes the beginning and the step of an iteration; makes the step a faster one."""


class TorchRuntime(Runtime):
    """Runs `hwbench.models.gpt.GPT`.

    Args:
        name: As in the registry.
        device_kinds: Where it runs.
        wraps: What is done to the step, in this order.
    """

    def __init__(
        self,
        name: str,
        /,
        *wraps: Wrap,
        device_kinds: tuple[DeviceKind, ...] = ("cpu", "gpu"),
    ) -> None:
        self.name = name
        self.device_kinds = device_kinds
        self.precisions = _PRECISIONS
        self._wraps = wraps

    def load(self) -> Mapping[str, str]:
        """Import torch and the network; return their versions."""
        torch = require("torch", "profile")
        require("hwbench.profiling.runtimes._networks", "profile")
        versions = {"torch": str(torch.__version__)}
        if torch.version.cuda:
            versions["cuda"] = str(torch.version.cuda)
        return versions

    def prepare(self, request: Request, /) -> Runnable:
        """Build the network and make its step.

        Raises:
            UnsupportedError: If torch cannot use the device, or not in this precision.
        """
        self.check(request)
        torch = require("torch", "profile")
        torch.set_num_threads(request.threads)
        if request.device_kind == "gpu" and not torch.cuda.is_available():
            raise UnsupportedError(
                "this torch sees no CUDA device; install a CUDA build of torch and a driver"
            )
        from hwbench.profiling.runtimes._networks import network, steps

        with inference(request):
            begin, step = steps(request, network(request))
            for wrap in self._wraps:
                step = wrap(begin, step)
        return TorchRunnable(begin, step, request)


class TorchRunnable(Runnable):
    """Runs a step, once for prefill and once a new token for decoding.

    Args:
        begin: Done at the start of an iteration.
        step: The step.
        request: What was asked for.
    """

    def __init__(self, begin: Step, step: Step, request: Request, /) -> None:
        import torch

        self._begin, self._step, self._request = begin, step, request
        self._repeats = request.protocol.workload.new_tokens or 1
        self._device = torch.device(request.torch_name)
        self._gpu = request.device_kind == "gpu"
        if self._gpu:
            torch.cuda.set_device(self._device)
            self._start = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            self._end = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            torch.cuda.synchronize(self._device)
        self._ran = False

    def run(self) -> None:
        """Do one iteration and wait for the device."""
        if not self._gpu:
            self._iterate()
            return
        import torch

        self._start.record()
        self._iterate()
        self._end.record()
        torch.cuda.synchronize(self._device)
        self._ran = True

    def event_s(self) -> float | None:
        """Return the time between the events around the last iteration, on a GPU."""
        return self._start.elapsed_time(self._end) * 1e-3 if self._ran else None

    def reset_memory(self) -> None:
        """Reset the allocator's peaks."""
        if self._gpu:
            reset_torch_peak(self._request.torch_name)

    def memory(self) -> dict[str, int]:
        """Return what the allocator of the GPU counted; nothing on a CPU."""
        if not self._gpu:
            return {}
        import torch

        peak = torch_peak(self._request.torch_name)
        return {
            "allocated_bytes": torch.cuda.memory_allocated(self._device),
            "peak_allocated_bytes": peak.allocated_bytes,
            "peak_reserved_bytes": peak.reserved_bytes,
        }

    def settings(self) -> dict[str, str]:
        """Return what changes torch's numbers."""
        import torch

        found = {
            "threads": str(torch.get_num_threads()),
            "omp_wait_policy": os.environ.get("OMP_WAIT_POLICY", "not set"),
        }
        if self._gpu:
            found["allow_tf32"] = str(torch.backends.cuda.matmul.allow_tf32)

        return found

    def close(self) -> None:
        """Forget the network; the memory is free once nobody else holds it."""
        self._begin = self._step = _gone

    def _iterate(self) -> None:
        with inference(self._request):
            self._begin()
            for _ in range(self._repeats):
                self._step()


@contextlib.contextmanager
def inference(request: Request, /) -> Iterator[None]:
    """Record no gradients, and cast on the fly if the precision says so."""
    import torch

    from hwbench.profiling.runtimes._networks import AUTOCAST

    target = AUTOCAST.get(request.protocol.precision)
    with torch.no_grad():
        if target is None:
            yield
            return
        with torch.autocast(torch.device(request.torch_name).type, dtype=target):
            yield


def _gone() -> object:
    raise UnsupportedError("this network was closed")
