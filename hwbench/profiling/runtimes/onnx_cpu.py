"""ONNX Runtime on the CPU, in float32 or with dynamic 8-bit quantisation."""

from __future__ import annotations

from typing import Final

from hwbench.profiling.runtimes._onnx import OnnxRuntime

__all__ = ["RUNTIME"]

RUNTIME: Final = OnnxRuntime("onnx-cpu", "cpu", "CPUExecutionProvider", ("fp32", "int8"))
"""The runtime."""
