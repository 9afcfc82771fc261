"""Hardware-aware surrogate benchmarks for neural architectures, language models first."""

__version__ = "0.1.0"

__all__ = ["__version__"]
