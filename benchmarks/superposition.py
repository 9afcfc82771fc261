"""Cost of a superposed and of a sliced training step, beside the plain step and a loop of pads.

    python benchmarks/superposition.py [--layer] [--network] [--slices] [--quick]
        [--precision fp32|bf16] [--json benchmarks/results/superposition.json]

A step is a forward and a backward pass. "Plain" is the largest layer or network alone. "Loop" mixes
every weight as TangleNAS's published code does, by a sum over slices padded with zeros (see
`_pad_loop.py`). Its cost is a plain step's and the mixing's, which does not depend on the tokens:
loop / plain is the most that loop / superposed could be at no overhead at all. Times are of the
processor, so that other processes count little; sides take turns; `--json` keeps them. Memory is
what autograd keeps for the way back besides the parameters and, in the ratio, besides what the
plain step keeps. The layer's mixture and the slices are first checked for equal values. Needs the
extra [train].
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import torch
from _pad_loop import logits_of, mixed
from torch import Tensor, nn
from torch.nn import functional as F

import hwbench.spaces as spaces
from hwbench.spaces import Space
from hwbench.spaces.gpt import GptNetwork
from hwbench.supernet.elastic import Coupling, ElasticLinear
from hwbench.supernet.gpt import ElasticGPT
from hwbench.supernet.weights import ArchWeights

TOKENS = (64, 256, 1024, 2688)
WIDTHS, RATIOS = (384, 576, 768), (2, 3, 4)
GOAL_LOOP, GOAL_PLAIN, GOAL_MEMORY, GOAL_SLICE = 5.0, 1.3, 8.0, 1.10

Step = Callable[[], Tensor]
"""Runs a forward pass and returns the loss."""

Rows: TypeAlias = list[dict[str, Any]]
"""What was measured: bytes, and processor seconds of all threads together."""


@dataclass(frozen=True)
class Side:
    """One way to take a step.

    Attributes:
        name: What it is called.
        step: The forward pass.
        held: Whose gradients to drop after it.
        half: Whether products are computed in bfloat16 (torch's autocast).
    """

    name: str
    step: Step
    held: tuple[Tensor, ...]
    half: bool = False

    def loss(self) -> Tensor:
        """Run the forward pass."""
        with torch.autocast("cpu", torch.bfloat16, enabled=self.half):
            return self.step()

    def seconds(self) -> float:
        """Time one step, in processor seconds."""
        began = time.process_time()
        self.loss().backward()
        took = time.process_time() - began
        for tensor in self.held:
            tensor.grad = None
        return took

    def saved_bytes(self) -> int:
        """Add up the storages kept for the way back, but those of `held`."""
        known = {tensor.untyped_storage().data_ptr() for tensor in self.held}
        found: dict[int, int] = {}
        alive = []  # storages must not be freed and their addresses used again

        def pack(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in known:
                found[storage.data_ptr()] = storage.nbytes()
                alive.append(storage)
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            self.loss()
        return sum(found.values())


def medians(sides: list[Side], repeats: int) -> list[float]:
    """Return the median seconds of each side, all taking turns; the first turn is warm-up."""
    turns = [[side.seconds() for side in sides] for _ in range(repeats + 1)][1:]
    return [statistics.median(times) for times in zip(*turns, strict=True)]


# -- one layer -------------------------------------------------------------------------------------


def layer_sides(tokens: int) -> list[Side]:
    """Make the sides of one linear layer, 768 to 3072, with three widths and three ratios."""
    generator = torch.Generator().manual_seed(0)
    layer = ElasticLinear(768, 3072, bias=False)
    nn.init.normal_(layer.weight, generator=generator)
    x = torch.randn(tokens, 768, generator=generator, requires_grad=True)
    slices = [(e * r, e) for e, r in itertools.product(WIDTHS, RATIOS)]
    coupling = Coupling(*zip(*slices, strict=True), (3072, 768))
    p = torch.full((3,), 1 / 3, requires_grad=True)
    q = torch.full((3,), 1 / 3, requires_grad=True)

    def superposed() -> Tensor:
        (mask,) = coupling(torch.outer(p, q).flatten()[None])
        return layer.superpose(x, mask).square().mean()

    def loop() -> Tensor:
        weight = mixed(layer.weight, slices, torch.outer(p, q).flatten(), pad_first=True)
        return F.linear(x, weight).square().mean()

    torch.testing.assert_close(superposed(), loop(), rtol=1e-4, atol=0)
    held = (layer.weight, x, p, q)
    return [
        Side("plain", lambda: F.linear(x, layer.weight).square().mean(), held),
        Side("superposed", superposed, held),
        Side("loop", loop, held),
    ]


# -- a network -------------------------------------------------------------------------------------


def loss_of(logits: Tensor, tokens: Tensor) -> Tensor:
    return F.cross_entropy(logits.flatten(0, 1), tokens.flatten())


def tokens_of(count: int, network: GptNetwork) -> Tensor:
    """Return `count` random tokens in sequences as long as the context allows."""
    length = min(count, network.context)
    generator = torch.Generator().manual_seed(0)
    return torch.randint(network.vocab_size, (count // length, length), generator=generator)


def network_sides(space: Space, count: int) -> list[Side]:
    """Make the sides of a whole step of a space without biases."""
    net = ElasticGPT(space)
    tokens = tokens_of(count, net.network)
    uniform = ArchWeights.uniform(space)
    alphas = {name: value.requires_grad_() for name, value in uniform.choices.items()}
    plain = net.extract(space.largest())
    held = (*net.parameters(), *plain.parameters(), *alphas.values())
    return [
        Side("plain", lambda: loss_of(plain(tokens), tokens), held),
        Side(
            "superposed", lambda: loss_of(net.superpose(tokens, ArchWeights(alphas)), tokens), held
        ),
        Side("loop", lambda: loss_of(logits_of(plain, tokens, space, alphas), tokens), held),
    ]


# -- slices ----------------------------------------------------------------------------------------


def slice_sides(space: Space, net: ElasticGPT, width: int, count: int) -> list[Side]:
    """Make the sides of a sliced step: an architecture of some width and middling sizes."""
    middle = {c.name: c.values[len(c) // 2] for c in (*space.shared, *space.layered)}
    arch = space.architecture(**{**middle, "embed_dim": width})
    tokens, plain = tokens_of(count, net.network), net.extract(arch)
    with torch.no_grad():
        assert torch.equal(net(tokens, arch), plain(tokens))
    return [
        Side("extracted", lambda: loss_of(plain(tokens), tokens), tuple(plain.parameters())),
        Side("sliced", lambda: loss_of(net(tokens, arch), tokens), tuple(net.parameters())),
    ]


# -- report ----------------------------------------------------------------------------------------


def compare(
    what: str, make: Callable[[int], list[Side]], counts: Iterable[int], n: int, *, half: bool
) -> Rows:
    """Measure plain, superposed and loop; print and return a row for each number of tokens."""
    print(
        f"\n{what}\n{'tokens':>7} {'plain ms':>9} {'superposed':>11} {'loop':>9} {'loop/sup.':>10}"
        f" {'sup./plain':>11} {'loop/plain':>11} {'memory ratio':>13}"
    )
    rows = []
    for count in counts:
        sides = [replace(side, half=half) for side in make(count)]
        plain, superposed, loop = medians(sides, n)
        base, ours, theirs = (side.saved_bytes() for side in sides)
        row = _row(what, count, half)
        row |= {"plain_s": plain, "superposed_s": superposed, "loop_s": loop}
        row |= {"plain_bytes": base, "superposed_bytes": ours, "loop_bytes": theirs}
        rows.append(row)
        print(
            f"{count:7d} {plain * 1e3:9.1f} {superposed * 1e3:11.1f} {loop * 1e3:9.1f}"
            f" {loop / superposed:10.2f} {superposed / plain:11.2f} {loop / plain:11.2f}"
            f" {memory(row):13.1f}"
            f"  ({ours / 2**20:.1f}, {theirs / 2**20:.1f} MiB; plain {base / 2**20:.1f})",
            flush=True,
        )
    return rows


def compare_slices(space: Space, counts: Iterable[int], n: int, *, half: bool) -> Rows:
    """Measure sliced and extracted steps; print and return a row for each."""
    net, rows, what = ElasticGPT(space), [], f"sliced step, {space.name}"
    print(
        f"\n{what}\n{'tokens':>7} {'width':>6} {'extracted ms':>13} {'sliced ms':>10} {'ratio':>6}"
    )
    for count, width in itertools.product(counts, space.choice("embed_dim").values):
        sides = [replace(side, half=half) for side in slice_sides(space, net, int(width), count)]
        plain, sliced = medians(sides, n)
        row = _row(what, count, half)
        rows.append(row | {"width": int(width), "extracted_s": plain, "sliced_s": sliced})
        print(
            f"{count:7d} {width:6} {plain * 1e3:13.1f} {sliced * 1e3:10.1f} {sliced / plain:6.2f}",
            flush=True,
        )
    return rows


def _row(what: str, tokens: int, half: bool) -> dict[str, Any]:
    """Begin a row: what was measured, and how."""
    precision = "bf16" if half else "fp32"
    threads = torch.get_num_threads()
    return {"what": what, "tokens": tokens, "threads": threads, "precision": precision}


def memory(row: dict[str, Any]) -> float:
    """Return how many times more the loop keeps than we do, the plain step's share taken off."""
    base = row["plain_bytes"]
    return float((row["loop_bytes"] - base) / max(row["superposed_bytes"] - base, 1))


def misses(rows: Rows) -> list[str]:
    """Name what is beyond the goals."""
    found = []
    for row in rows:
        where = f"{row['what']}, {row['tokens']} tokens"
        if "sliced_s" in row:
            if row["sliced_s"] / row["extracted_s"] > GOAL_SLICE:
                found.append(f"{where}, {row['width']} wide: sliced / extracted")
            continue
        if row["tokens"] <= 256 and row["loop_s"] / row["superposed_s"] < GOAL_LOOP:
            found.append(f"{where}: loop / superposed")
        if row["tokens"] >= 2688 and row["superposed_s"] / row["plain_s"] > GOAL_PLAIN:
            found.append(f"{where}: superposed / plain")
        if "layer" in row["what"] and memory(row) < GOAL_MEMORY:
            found.append(f"{where}: memory")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--layer", action="store_true", help="one linear layer, 768 to 3072, 3 x 3")
    parser.add_argument("--network", action="store_true", help="a whole step")
    parser.add_argument("--slices", action="store_true", help="a sliced step")
    parser.add_argument("--space", default="small-lm", help="space of the last two")
    parser.add_argument("--tokens", type=int, nargs="+", default=TOKENS)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--quick", action="store_true", help="space nano, 64 and 256 tokens")
    parser.add_argument("--json", type=Path, help="file to which rows are added")
    options = parser.parse_args()
    if options.quick:
        options.space, options.tokens = "nano", (64, 256)
    torch.set_num_threads(options.threads)
    everything = not (options.layer or options.network or options.slices)
    space, n, rows = spaces.get(options.space), options.repeats, []
    half = options.precision == "bf16"
    if options.layer or everything:
        title = "linear layer, 768 to 3072, three widths x three ratios"
        rows += compare(title, layer_sides, options.tokens, n, half=half)
    if options.network or everything:
        title = f"whole step, {space.name}"
        make = partial(network_sides, space)
        rows += compare(title, make, options.tokens, n, half=half)
    if options.slices or everything:
        rows += compare_slices(space, options.tokens, n, half=half)
    if options.json is not None:
        kept = json.loads(options.json.read_text()) if options.json.exists() else []
        options.json.write_text(json.dumps(kept + rows, indent=1) + "\n")
    missed = misses(rows)
    print(
        f"\ngoals: loop / superposed >= {GOAL_LOOP} up to 256 tokens, superposed / plain <= "
        f"{GOAL_PLAIN} at 2688, memory of a layer >= {GOAL_MEMORY} times smaller, sliced / "
        f"extracted <= {GOAL_SLICE}; missed: {'; '.join(missed) or 'none'}"
    )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
