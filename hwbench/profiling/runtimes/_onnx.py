"""What the ONNX runtimes have in common: export to a folder of its own, a session, its runs."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from hwbench.errors import require
from hwbench.models import onnx_export
from hwbench.profiling._types import DeviceKind
from hwbench.profiling.meters.memory import reset_peak_resident
from hwbench.profiling.runtimes.runtime import Request, Runnable, Runtime, UnsupportedError
from hwbench.spaces.gpt import network_of

__all__ = ["OnnxRunnable", "OnnxRuntime"]

_FREE_BATCH: Final = "batch"


class OnnxRuntime(Runtime):
    """Runs the exported network in ONNX Runtime.

    Decoding is not exported.

    Args:
        name: As in the registry.
        device_kind: Where it runs.
        provider: ONNX Runtime's name for that.
        precisions: In which number formats.
    """

    def __init__(
        self, name: str, device_kind: DeviceKind, provider: str, precisions: tuple[str, ...], /
    ) -> None:
        self.name = name
        self.device_kinds = (device_kind,)
        self.phases = ("prefill",)
        self.precisions = precisions
        self._provider = provider

    def load(self) -> Mapping[str, str]:
        """Import ONNX and its runtime; return their versions."""
        names = ("onnx", "onnxruntime")
        return {name: str(require(name, "profile").__version__) for name in names}

    def prepare(self, request: Request, /) -> Runnable:
        """Export the network and open a session.

        Raises:
            UnsupportedError: If this ONNX Runtime has no provider for the device.
        """
        self.check(request)
        available = require("onnxruntime", "profile").get_available_providers()
        if self._provider not in available:
            raise UnsupportedError(
                f"this onnxruntime has no {self._provider} (it has {', '.join(available)}); "
                "install onnxruntime-gpu in its place"
            )
        folder = Path(tempfile.mkdtemp(prefix="hwbench-onnx-"))
        try:
            return OnnxRunnable(_exported(request, folder), self._provider, request)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


class OnnxRunnable(Runnable):
    """Runs a session; all logits are computed, and on a GPU they stay there.

    Args:
        path: The exported network; it may go once the session is open.
        provider: ONNX Runtime's name for the device.
        request: What was asked for.
    """

    def __init__(self, path: Path, provider: str, request: Request, /) -> None:
        ort = require("onnxruntime", "profile")
        # The export is not part of what the network needs to run.
        self._reset = reset_peak_resident()
        options = _options(ort, request)
        self._session: Any = ort.InferenceSession(str(path), options, providers=[provider])
        self._request = request
        self._binding = self._session.io_binding() if request.device_kind == "gpu" else None
        work = request.protocol.workload
        rng = np.random.default_rng(request.seed)
        vocab = network_of(request.space).vocab_size
        self._tokens = rng.integers(vocab, size=(work.batch, work.length), dtype=np.int64)
        if self._binding is not None:
            self._binding.bind_cpu_input("tokens", self._tokens)
            index = int(request.torch_name.partition(":")[2] or 0)
            self._binding.bind_output("logits", "cuda", index)

    def run(self) -> None:
        """Do one iteration and wait for the device."""
        if self._binding is None:
            self._session.run(["logits"], {"tokens": self._tokens})
            return
        self._session.run_with_iobinding(self._binding)
        self._binding.synchronize_outputs()

    def settings(self) -> dict[str, str]:
        """Return what changes ONNX Runtime's numbers."""
        return {
            "threads": str(self._request.threads),
            "spinning": str(not self._request.quiet),
            "memory_arena": "True",
            "attention": "written out",
            "peak_without_export": str(self._reset),
        }

    def close(self) -> None:
        """Forget the session."""
        self._session = self._binding = None


def _exported(request: Request, folder: Path) -> Path:
    precision = request.protocol.precision
    kind: Literal["fp32", "fp16"] = "fp16" if precision == "fp16" else "fp32"
    path = folder / "network.onnx"
    dtype = np.float16 if kind == "fp16" else np.float32
    onnx_export.export(
        request.arch,
        request.space,
        onnx_export.random_weights(np.random.default_rng(request.seed), dtype=dtype),
        path,
        length=request.protocol.workload.length,
        precision=kind,
        external=True,
    )
    return _quantised(path) if precision == "int8" else path


def _quantised(path: Path) -> Path:
    # Dynamic quantisation: weights of matrix products become int8, one scale a matrix;
    # activations are quantised while running, one scale a tensor.
    quantization = require("onnxruntime.quantization", "profile")
    target = path.with_name("quantised.onnx")
    quantization.quantize_dynamic(
        path,
        target,
        op_types_to_quantize=["MatMul"],
        weight_type=quantization.QuantType.QInt8,
        use_external_data_format=True,
    )
    return target


def _options(ort: Any, request: Request) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = request.threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_free_dimension_override_by_name(_FREE_BATCH, request.protocol.workload.batch)
    if request.quiet:  # waiting threads that spin use energy
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options
