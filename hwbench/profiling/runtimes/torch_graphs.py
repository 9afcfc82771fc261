"""PyTorch with its kernels recorded once as a CUDA graph and replayed: no launches from Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hwbench.profiling.runtimes._torch import TorchRuntime

if TYPE_CHECKING:
    from hwbench.profiling.runtimes._networks import Step

__all__ = ["RUNTIME", "captured"]

_BEFORE: Final = 3  # runs before the recording, as torch's documentation of CUDA graphs asks for


def captured(begin: Step, step: Step, /) -> Step:
    """Record a step as a CUDA graph.

    What the step allocates lies in the graph's own pool, which stays reserved.
    """
    import torch

    aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(_BEFORE):
            begin()
            step()
    torch.cuda.current_stream().wait_stream(aside)
    torch.clear_autocast_cache()  # weights cast before would not live as long as the graph
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        kept = step()

    def replay() -> object:
        graph.replay()
        return kept

    return replay


RUNTIME: Final = TorchRuntime("torch-graphs", captured, device_kinds=("gpu",))
"""The runtime."""
