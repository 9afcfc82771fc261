"""Licences by the identifiers of the Hugging Face Hub, and their pages at spdx.org.

Left out of the Hub's list: families ("gpl", "cc", "bsd"), licences of single models, and "unknown"
and "other": who hosts data must know what they may do with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hwbench.errors import UnknownNameError

__all__ = ["LICENCES", "Licence", "find_licence"]


@dataclass(frozen=True)
class Licence:
    """A licence.

    Attributes:
        hub: Identifier on the Hugging Face Hub: "apache-2.0".
        spdx: Identifier in the SPDX list: "Apache-2.0".
    """

    hub: str
    spdx: str

    @property
    def url(self) -> str:
        """Its page at spdx.org."""
        return f"https://spdx.org/licenses/{self.spdx}.html"


# As SPDX writes them; the Hub has them in lower case.
_SPDX: Final = (
    *("Apache-2.0", "MIT", "ISC", "Zlib", "Unlicense", "WTFPL", "PostgreSQL", "NCSA", "C-UDA-1.0"),
    *("BSD-2-Clause", "BSD-3-Clause", "BSD-3-Clause-Clear", "BSL-1.0", "AFL-3.0", "Artistic-2.0"),
    *("CC0-1.0", "CC-BY-2.0", "CC-BY-2.5", "CC-BY-3.0", "CC-BY-4.0"),
    *("CC-BY-SA-3.0", "CC-BY-SA-4.0", "CC-BY-ND-4.0"),
    *("CC-BY-NC-2.0", "CC-BY-NC-3.0", "CC-BY-NC-4.0", "CC-BY-NC-ND-3.0", "CC-BY-NC-ND-4.0"),
    *("CC-BY-NC-SA-2.0", "CC-BY-NC-SA-3.0", "CC-BY-NC-SA-4.0"),
    *("CDLA-Sharing-1.0", "CDLA-Permissive-1.0", "CDLA-Permissive-2.0"),
    *("ODC-By-1.0", "ODbL-1.0", "PDDL-1.0", "etalab-2.0", "OFL-1.1"),
    *("ECL-2.0", "EPL-1.0", "EPL-2.0", "EUPL-1.1", "LPPL-1.3c", "MS-PL", "MPL-2.0", "OSL-3.0"),
)
_SHORTER: Final = {"C-UDA-1.0": "c-uda", "ODC-By-1.0": "odc-by", "ODbL-1.0": "odbl"} | {
    "PDDL-1.0": "pddl"
}
_GNU: Final = {"AGPL": ("3.0",), "GPL": ("2.0", "3.0"), "LGPL": ("2.1", "3.0")}

LICENCES: Final[tuple[Licence, ...]] = (
    *(Licence(_SHORTER.get(spdx, spdx.lower()), spdx) for spdx in _SPDX),
    # SPDX tells "only" from "or later", the Hub does not: the narrower reading.
    *(Licence(f"{n}-{v}".lower(), f"{n}-{v}-only") for n, vs in _GNU.items() for v in vs),
)
"""The licences that a published dataset can have."""


def find_licence(name: str, /) -> Licence:
    """Look a licence up by its identifier on the Hub or in the SPDX list; case does not matter.

    Raises:
        UnknownNameError: If there is none; lists those that exist.
    """
    wanted = name.strip().lower()
    for licence in LICENCES:
        if wanted in (licence.hub, licence.spdx.lower()):
            return licence
    raise UnknownNameError.of("licence", name, [licence.hub for licence in LICENCES])
