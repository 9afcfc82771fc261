"""A study: methods x seeds x problems x devices, read from TOML.

```toml
name = "paper-2d"
benchmarks = ["gpt-s"]
devices = ["h100", "a100"]        # each problem that needs a device is posed on each of them
seeds = 10                        # 0 to 9; or a list
budget = 1000                     # distinct evaluations a run
methods = ["rs", "nsga2"]

[settings.nsga2]
population = 50

[[problems]]
name = "latency"
minimize = ["perplexity", "latency"]
max = ["memory=600MB"]            # as on the command line; also min, maximize, fix, confidence
```
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from hwbench import metrics
from hwbench.benchmark import Benchmark
from hwbench.errors import HwbenchError, SchemaError, UnknownNameError
from hwbench.search.methods import registry
from hwbench.search.methods.registry import Setting
from hwbench.search.problem import Problem, ProblemError

__all__ = ["Posed", "Study", "Task", "Template"]


@dataclass(frozen=True)
class Template:
    """A problem before it is posed on devices; the fields are those of `Problem.parse`."""

    name: str
    minimize: tuple[str, ...] = ()
    maximize: tuple[str, ...] = ()
    max: tuple[str, ...] = ()
    min: tuple[str, ...] = ()
    fix: tuple[str, ...] = ()
    confidence: float | None = None
    margin: float = 0.0

    @property
    def open(self) -> bool:
        """Whether a metric that needs a device is written without one."""
        words = [word for text in (*self.minimize, *self.maximize) for word in text.split(",")]
        words += [text.partition("=")[0] for text in (*self.max, *self.min)]
        return any("@" not in word and metrics.get(word.strip()).needs_device for word in words)

    def on(self, bench: Benchmark, devices: Sequence[str], /) -> Problem:
        """Pose the problem on a benchmark.

        Raises:
            UnknownNameError: As `Problem.parse`.
            UnitError: As `Problem.parse`.
            ProblemError: As `Problem.parse`.
        """
        options = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "name"}
        return Problem.parse(bench, devices=devices, **options)


@dataclass(frozen=True)
class Posed:
    """A problem on a benchmark.

    Attributes:
        label: Unique in its study, such as "gpt-s-latency-h100"; names files.
        bundle: Name or folder of the benchmark.
        problem: What is searched for.
    """

    label: str
    bundle: str
    problem: Problem


@dataclass(frozen=True)
class Task:
    """One run of a study."""

    posed: Posed
    method: str
    seed: int


@dataclass(frozen=True)
class Study:
    """What to compare.

    Attributes:
        name: A short name.
        benchmarks: Names or folders of bundles.
        devices: Where problems are posed that need a device.
        seeds: One run each.
        budget: Distinct evaluations a run.
        methods: Names of methods.
        problems: What to search for.
        settings: Method -> settings that differ from its defaults.
        noise: What methods see: None for predictions, "repeat" or "session" for noisy repeats.
            Methods that need fidelities get "session" if it is None.
        repeats: The greatest fidelity where there is noise.
        description: For people.
    """

    name: str
    benchmarks: tuple[str, ...]
    devices: tuple[str, ...]
    seeds: tuple[int, ...]
    budget: int
    methods: tuple[str, ...]
    problems: tuple[Template, ...]
    settings: Mapping[str, Mapping[str, Setting]] = field(default_factory=dict)
    noise: str | None = None
    repeats: int = 9
    description: str = ""

    def __post_init__(self) -> None:
        for name in ("benchmarks", "seeds", "methods", "problems"):
            found = getattr(self, name)
            if not found or len(set(found)) != len(found):
                raise SchemaError(f"a study needs one or more {name}, each once, got {found}")
        if len({template.name for template in self.problems}) != len(self.problems):
            raise SchemaError("two problems of the study have one name")
        if self.budget < 1:
            raise SchemaError(f"a budget is 1 evaluation or more, got {self.budget}")
        for method in (*self.methods, *self.settings):
            known = registry.defaults(method)
            for key in self.settings.get(method, {}):
                if key not in known:
                    raise UnknownNameError.of(f"setting of {method}", key, known)

    @classmethod
    def read(cls, path: str | Path, /) -> Study:
        """Read a study file.

        Raises:
            SchemaError: If it is no TOML, or a field is missing, unknown or of a wrong type.
            UnknownNameError: If a method or a setting does not exist.
        """
        source = Path(path)
        try:
            values = tomllib.loads(source.read_text(encoding="utf-8"))
            return cls.from_dict({"name": source.stem, **values})
        except tomllib.TOMLDecodeError as error:
            raise SchemaError(f"{path} is no TOML: {error}") from None
        except SchemaError as error:
            raise SchemaError(f"{path}: {error}") from None

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], /) -> Study:
        """Read what `to_dict` wrote, or a parsed study file.

        Raises:
            SchemaError: As `read`.
            UnknownNameError: As `read`.
        """
        given = dict(values)
        try:
            seeds = given.pop("seeds")
            problems = given.pop("problems")
            given["problems"] = tuple(_template(item) for item in problems)
            given["seeds"] = tuple(range(seeds)) if isinstance(seeds, int) else tuple(seeds)
            for name in ("benchmarks", "devices", "methods"):
                given[name] = _texts(name, given.get(name, ()))
            return cls(**given)
        except KeyError as error:
            if isinstance(error, HwbenchError):
                raise
            raise SchemaError(f"a study needs {error}") from None
        except TypeError as error:
            raise SchemaError(f"not a study: {error}") from None

    def to_dict(self) -> dict[str, object]:
        """Return the study as JSON values."""
        found = {f.name: getattr(self, f.name) for f in fields(self)}
        found["settings"] = {name: dict(own) for name, own in self.settings.items()}
        found["problems"] = [
            {
                f.name: list(value) if isinstance(value, tuple) else value
                for f in fields(template)
                if (value := getattr(template, f.name)) != f.default
            }
            for template in self.problems
        ]
        return {k: list(v) if isinstance(v, tuple) else v for k, v in found.items()}

    def only(
        self,
        *,
        problems: Sequence[str] = (),
        methods: Sequence[str] = (),
        seeds: int | None = None,
    ) -> Study:
        """Return a part of the study; its runs are the same runs.

        Raises:
            UnknownNameError: If the study has no such problem or method.
        """
        known = {template.name: template for template in self.problems}
        for kind, names, there in (("problem", problems, known), ("method", methods, self.methods)):
            for name in names:
                if name not in there:
                    raise UnknownNameError.of(f"{kind} of the study", name, there)
        return replace(
            self,
            problems=tuple(t for n, t in known.items() if not problems or n in problems),
            methods=tuple(m for m in self.methods if not methods or m in methods),
            seeds=self.seeds[:seeds],
        )

    def posed(self, benches: Mapping[str, Benchmark], /) -> tuple[Posed, ...]:
        """Pose all problems: on each benchmark, and on each device where one is needed.

        Args:
            benches: Name as in `benchmarks` -> benchmark.

        Raises:
            UnknownNameError: If a metric or device does not exist.
            UnitError: If a quantity cannot be read.
            ProblemError: If a problem contradicts itself, or needs a device and there is none.
        """
        found = []
        for name in self.benchmarks:
            bench = benches[name]
            start = f"{bench.name}-" if len(self.benchmarks) > 1 else ""
            for template in self.problems:
                if not template.open:
                    label = f"{start}{template.name}"
                    found.append(Posed(label, name, template.on(bench, ())))
                    continue
                if not self.devices:
                    raise ProblemError(f"the problem {template.name} needs devices in the study")
                for device in self.devices:
                    label = f"{start}{template.name}-{bench.device(device).name}"
                    found.append(Posed(label, name, template.on(bench, [device])))
        return tuple(found)

    def tasks(self, posed: Sequence[Posed], /) -> Iterator[Task]:
        """Yield every run: seed after seed, so that an interrupted study holds whole seeds."""
        for seed in self.seeds:
            for problem in posed:
                for method in self.methods:
                    yield Task(problem, method, seed)


def _template(values: object) -> Template:
    if not isinstance(values, Mapping):
        raise SchemaError(f"a problem is a table, got {values!r}")
    given = dict(values)
    for name in ("minimize", "maximize", "max", "min", "fix"):
        if name in given:
            given[name] = _texts(name, given[name])
    found = Template(**given)
    if not found.name or not all(sign.isalnum() or sign in "-_" for sign in found.name):
        raise SchemaError(f"a problem's name has letters, digits, - and _, got {found.name!r}")
    return found


def _texts(name: str, values: object) -> tuple[str, ...]:
    if isinstance(values, str):
        return (values,)
    if not isinstance(values, list | tuple) or not all(isinstance(v, str) for v in values):
        raise SchemaError(f"{name} is a list of texts, got {values!r}")
    return tuple(values)
