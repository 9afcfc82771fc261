"""Import the raw measurements of HW-GPT-Bench (Sukthanker et al., 2024; arXiv 2405.10299).

`import_checkout` reads a clone of upstream's repository at the commit that still has the raw
files, through an unpickler that can make nothing but numbers and containers, and writes tables.
"""

from __future__ import annotations

from hwbench.data.hwgptbench.importer import device_names, import_checkout
from hwbench.data.hwgptbench.layout import DEVICES, Device
from hwbench.data.hwgptbench.provenance import COMMIT
from hwbench.data.hwgptbench.report import ImportReport

__all__ = ["COMMIT", "DEVICES", "Device", "ImportReport", "device_names", "import_checkout"]
