"""The dataset card: README.md with the Hub's YAML head, written from what the sources say.

https://huggingface.co/docs/hub/datasets-cards has the fields of the head,
https://huggingface.co/docs/hub/datasets-manual-configuration that of configs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Final

from hwbench import __version__
from hwbench.benchmark.card import markdown_table
from hwbench.benchmark.publishing.about import About
from hwbench.benchmark.publishing.columns import FLAG_NAMES, Column
from hwbench.benchmark.publishing.croissant import CROISSANT, DATA
from hwbench.benchmark.publishing.rows import TABLES, Config, flagged
from hwbench.benchmark.publishing.sources import Sources
from hwbench.data import Table

__all__ = ["CARD", "card_text", "describe_in_words", "keywords"]

CARD: Final = "README.md"
_SIZES: Final = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
    (100_000_000, "10M<n<100M"),
)


def describe_in_words(sources: Sources, /) -> str:
    """Say in two sentences at most what a dataset holds."""
    parts = []
    if sources.configs:
        rows = sum(config.rows for config in sources.configs)
        metrics = ", ".join(dict.fromkeys(config.metric for config in sources.configs))
        spaces = ", ".join(dict.fromkeys(config.space for config in sources.configs))
        devices = {table.device for table in sources.tables} - {None}
        on = f" on {len(devices)} device{'s' * (len(devices) > 1)}" if devices else ""
        parts.append(
            f"{rows:,} measurements ({metrics}) of neural architectures of the search "
            f"space{'s' * (',' in spaces)} {spaces}{on}, with all raw repeats."
        )
    if sources.bundles:
        names = ", ".join(source.bundle.name for source in sources.bundles)
        parts.append(f"Surrogate benchmarks fitted to measurements: {names}.")
    return " ".join(parts)


def keywords(sources: Sources, /) -> list[str]:
    """Name words to find a dataset by."""
    metrics = dict.fromkeys(config.metric for config in sources.configs)
    return ["hwbench", "neural-architecture-search", "hardware-aware", "benchmark", *metrics]


def card_text(sources: Sources, about: About, /) -> str:
    """Write the card of a dataset."""
    parts = [
        _head(sources, about),
        f"# {about.name}",
        describe_in_words(sources),
        *_contents(sources.configs),
        *_columns(sources.configs),
        *_devices(sources),
        *_protocols(sources.configs),
        *_bundles(sources),
        *_limits(sources),
        *_origins(sources),
        *_licence(about),
        *_use(sources),
    ]
    return "\n\n".join(parts) + "\n"


# -- the head ----------------------------------------------------------------------------------


def _head(sources: Sources, about: About) -> str:
    lines = ["---", f"license: {about.licence.hub}", f"pretty_name: {json.dumps(about.name)}"]
    lines += _list("tags", keywords(sources))
    rows = sum(config.rows for config in sources.configs)
    if rows:
        size = next((text for limit, text in _SIZES if rows < limit), "100M<n<1B")
        lines += [
            *_list("task_categories", ["tabular-regression"]),
            *_list("size_categories", [size]),
        ]
        lines.append("configs:")
        for name in (*(config.name for config in sources.configs), TABLES):
            lines += [f"- config_name: {json.dumps(name)}", "  data_files:", "  - split: train"]
            lines.append(f"    path: {json.dumps(f'{DATA}/{name}.parquet')}")
    return "\n".join([*lines, "---"])


def _list(name: str, items: Iterable[str]) -> list[str]:
    return [f"{name}:", *(f"- {json.dumps(item)}" for item in items)]


# -- the sections ------------------------------------------------------------------------------


def _contents(configs: Sequence[Config]) -> list[str]:
    if not configs:
        return []
    head = ["config", "unit", "measurements", "devices", "protocols", "repeats", "flagged"]
    rows = []
    for config in configs:
        tables = config.tables
        counts = sorted({table.repeats.shape[1] for table in tables})
        rows.append(
            [
                f"`{config.name}`",
                _listed(table.protocol.unit for table in tables),
                f"{config.rows:,}",
                str(len({table.device for table in tables} - {None}) or "-"),
                str(len({table.protocol.name for table in tables})),
                "-".join(map(str, dict.fromkeys([counts[0], counts[-1]]))),
                f"{sum(map(flagged, tables)):,}",
            ]
        )
    text = (
        "One config holds one metric in one search space, for all devices and protocols: "
        f"`{DATA}/CONFIG.parquet`. The config `{TABLES}` has one row for each device, metric and "
        "protocol, and says how it was measured. There is one split, `train`: nothing is held out."
    )
    return ["## Measurements", text, markdown_table(head, rows)]


def _columns(configs: Sequence[Config]) -> list[str]:
    """List the columns of all configs, each once where it says the same."""
    if not configs:
        return []
    found: dict[Column, list[str]] = {}
    for config in configs:
        for column in config.columns:
            found.setdefault(column, []).append(config.space)
    every = len({config.space for config in configs})
    rows = []
    for column, spaces in found.items():
        kind = column.type.partition(":")[2].lower()
        mine = list(dict.fromkeys(spaces))
        where = "" if len(mine) == every else f" ({', '.join(mine)})"
        name = f"list of {kind}" if column.many else kind
        rows.append([f"`{column.name}`", name, f"{column.description}{where}"])
    text = "Values are in SI units, which the names of the columns end with."
    return ["## Columns", text, markdown_table(["column", "type", "what it holds"], rows)]


def _devices(sources: Sources) -> list[str]:
    known = {
        device.name: (device.label, device.kind, device.precision, "; ".join(device.notes))
        for source in sources.bundles
        for device in source.bundle.devices
    }
    measured = dict.fromkeys(t.device for t in sources.tables if t.device is not None)
    rows = []
    for name in dict.fromkeys([*known, *measured]):
        label, kind, precision, notes = known.get(name, ("", "", "", ""))
        label = label or sources.devices.get(name, "")
        parts = [label, kind, precision, notes, "yes" if name in measured else ""]
        rows.append([name, *(part or "-" for part in parts)])
    if not rows:
        return []
    head = ["device", "what it is", "kind", "precision", "notes", "measurements here"]
    return ["## Devices", markdown_table(head, rows)]


def _protocols(configs: Sequence[Config]) -> list[str]:
    """Write each protocol once, with all devices it holds for, and its notes below."""
    if not configs:
        return []
    places: dict[tuple[str, ...], list[str]] = {}
    for config in configs:
        for table in config.tables:
            places.setdefault(_protocol(table), []).append(table.device or "any")
    head = ["config", "protocol", "batch", "tokens", "precision", "network", "what a repeat is"]
    rows = [[*key, ", ".join(dict.fromkeys(found))] for key, found in places.items()]
    text = (
        "A repeat is one raw reading; the column named as the metric is the median of a row's "
        "repeats, without the first `skip_first` ones. Odd rows stay as they are, and `flags` says "
        f"what is odd: {', '.join(FLAG_NAMES.values())}."
    )
    return [
        "## How it was measured",
        markdown_table([*head, "devices"], rows),
        *_notes(configs),
        text,
    ]


def _notes(configs: Sequence[Config]) -> list[str]:
    """List the notes of protocols, and what they hold for if not for all of a config."""
    notes: dict[str, list[str]] = {}
    for config in configs:
        said = dict.fromkeys(note for table in config.tables for note in table.protocol.notes)
        for note in said:
            notes.setdefault(note, []).append(f"`{config.name}`{_scope(config, note)}")
    lines = [f"- {note} ({'; '.join(where)})" for note, where in notes.items()]
    return ["\n".join(lines)] if lines else []


def _scope(config: Config, note: str) -> str:
    mine = [table for table in config.tables if note in table.protocol.notes]
    others = [table for table in config.tables if note not in table.protocol.notes]
    if not others:
        return ""
    if {table.device for table in mine} & {table.device for table in others}:
        return f" under {_listed(table.protocol.name for table in mine)}"
    return f" on {_listed(table.device or 'any' for table in mine)}"


def _protocol(table: Table) -> tuple[str, ...]:
    p = table.protocol
    batch = "-" if p.batch_size is None else str(p.batch_size)
    where = f"`{table.space}.{table.metric}`"
    return where, p.name, batch, str(p.sequence_length), p.precision, p.network, p.statistic


def _bundles(sources: Sources) -> list[str]:
    if not sources.bundles:
        return []
    rows = [
        [
            f"[`bundles/{b.name}`](bundles/{b.name}/card.md)",
            b.space.name,
            str(len(b.devices)),
            f"{b.fitted}, hwbench {b.version}",
            f"`{source.sha256}`",
        ]
        for source in sources.bundles
        for b in [source.bundle]
    ]
    text = "Fitted to measurements, not measurements themselves; each has its report card."
    head = ["bundle", "space", "devices", "fitted", "SHA-256"]
    return ["## Surrogates", text, markdown_table(head, rows)]


def _limits(sources: Sources) -> list[str]:
    said: dict[str, list[str]] = {}
    for source in sources.bundles:
        for limit in source.bundle.limits:
            said.setdefault(limit, []).append(source.bundle.name)
    every = len(sources.bundles)
    lines = [
        f"- {limit}" + (f" ({', '.join(names)})" if len(names) < every else "")
        for limit, names in said.items()
    ]
    return ["## What the surrogates cannot tell", "\n".join(lines)] if lines else []


def _origins(sources: Sources) -> list[str]:
    rows = [
        [o.name, o.url or "-", o.commit or "-", o.licence or "-", o.date or "-"]
        for o in sources.origins
    ]
    text = f"Written by hwbench {__version__}. Checksums of all files: `{CROISSANT}`."
    head = ["source", "page", "version", "licence", "measured"]
    remarks = "\n".join(f"- {line}" for line in sources.remarks)
    return [
        "## Where it comes from",
        text,
        markdown_table(head, rows),
        *([remarks] if remarks else []),
    ]


def _licence(about: About) -> list[str]:
    cite = about.citation or "The sources name nothing to cite."
    text = f"[{about.licence.spdx}]({about.licence.url}). By {', '.join(about.creators)}."
    return ["## Licence and citation", text, cite]


def _use(sources: Sources) -> list[str]:
    lines = []
    if sources.configs:
        name = sources.configs[0].name
        lines += ["import datasets  # or pandas.read_parquet, or any reader of Parquet"]
        lines += [f'rows = datasets.load_dataset(".", "{name}", split="train")']
    if sources.bundles:
        name = sources.bundles[0].bundle.name
        lines += ["import hwbench", f'bench = hwbench.load("bundles/{name}")']
    return ["## Use", "In a copy of this folder:", "\n".join(["```python", *lines, "```"])]


def _listed(items: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(items))
