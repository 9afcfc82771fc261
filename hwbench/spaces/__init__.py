"""Search spaces: what there is to choose, codes and architectures, exact costs.

`get("gpt-s")` gives a space; `read_architecture` reads an architecture from whatever a person has:
our text or dict, HW-GPT-Bench's dict or string key.
"""

from __future__ import annotations

from hwbench.spaces.architecture import Architecture
from hwbench.spaces.choice import Choice
from hwbench.spaces.reading import parse, read_architecture
from hwbench.spaces.registry import get, names
from hwbench.spaces.space import Space

__all__ = ["Architecture", "Choice", "Space", "get", "names", "parse", "read_architecture"]
