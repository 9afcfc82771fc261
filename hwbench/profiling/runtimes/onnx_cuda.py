"""ONNX Runtime on an NVIDIA GPU; needs the package onnxruntime-gpu."""

from __future__ import annotations

from typing import Final

from hwbench.profiling.runtimes._onnx import OnnxRuntime

__all__ = ["RUNTIME"]

RUNTIME: Final = OnnxRuntime("onnx-cuda", "gpu", "CUDAExecutionProvider", ("fp32", "fp16"))
"""The runtime."""
