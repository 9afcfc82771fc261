"""Array and JSON types shared by the surrogates."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from hwbench.arrays import AnyArray

Float32Array: TypeAlias = NDArray[np.float32]

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Arrays: TypeAlias = dict[str, AnyArray]
Settings: TypeAlias = dict[str, Json]
