"""Run the command in this process, as a user would type it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from hwbench.cli.main import main


@dataclass(frozen=True)
class Result:
    """What one run of `hwbench` left behind."""

    code: object
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON value on stdout."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[str]:
        """The lines of stdout."""
        return self.out.splitlines()


@pytest.fixture
def hwbench(capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Call as `hwbench("spaces", "--json")`; never raises, whatever the exit code."""

    def run(*arguments: str) -> Result:
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        out, err = capsys.readouterr()
        return Result(stopped.value.code, out, err)

    return run
