"""TangleNAS beside SPOS + RS and SPOS + ES at equal cost, and what inherited weights are worth.

    OMP_NUM_THREADS=1 python benchmarks/supernet_methods.py [--work runs/supernet_methods]
        [--json benchmarks/results/supernet_methods.json] [--scale full|tiny] [--jobs 2]

On the CPU, with the nano networks and the standard library's sources as text. The space is reduced
(2 or 3 layers, 4 heads) so that every architecture of it can be trained from scratch: that gives
the true ranking, its noise (other seeds), and each method's distance from the optimum. Every method
spends as many tokens, a forward pass alone counted as a third: supernets that are searched train so
much less. Then the losses that subnets inherit are ranked against those after training from
scratch. Each training is kept in the work folder: interrupted, the same line goes on. The table
itself: `benchmarks/_supernet_report.py`.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from _supernet_report import Result, contenders, markdown, summarise

SPOS_LIKE = ("spos", "sandwich", "sandwich-distil")
SEARCHES = ("spos-rs", "spos-es")
ES = {"population": 12, "parents": 4, "mutants": 6, "children": 6}
PENALTY = 1.0


@dataclass(frozen=True)
class Plan:
    """How much of everything; passes are batches of 8 x 64 tokens, forward and backward."""

    restrict: dict[str, tuple[int, ...]]
    passes: int = 3000
    retrain_steps: int = 1000
    seeds: int = 3
    retrain_seeds: int = 2
    budget: int = 36
    rows: int = 128
    test_rows: int = 192

    @property
    def search_passes(self) -> int:
        """What a search costs, in passes of training: a forward pass is a third of one."""
        return round(self.budget * self.rows / (3 * 8))


PLANS = {
    "full": Plan({"n_layer": (2, 3), "mlp_ratio": (1, 2, 4), "n_head": (4,)}),
    "tiny": Plan(
        {"embed_dim": (32, 64), "n_layer": (2,), "mlp_ratio": (1, 4), "n_head": (4,)},
        passes=120,
        retrain_steps=20,
        seeds=1,
        budget=4,
        rows=32,
        test_rows=32,
    ),
}


def card(plan: Plan, method: str, seed: int, steps: int, penalty: float | None = None) -> Any:
    """Describe a run on the reduced space."""
    from hwbench.data.text import prepare
    from hwbench.supernet.runs import PenaltyChoice, RunCard, TextChoice
    from hwbench.supernet.training import preset

    corpus = prepare("stdlib", vocab_size=512)
    text = TextChoice("stdlib", 512, "auto", corpus.key, str(corpus.folder.resolve()))
    training = preset(
        "nano",
        steps=steps,
        seed=seed,
        validate_every=0,
        validate_rows=plan.test_rows,
        checkpoint_every=500,
        keep=1,
    )
    found = RunCard("nano", "nano", method, text, training, restrict=plan.restrict)
    if penalty is None:
        return found
    limit = float(limit_of(found.the_space()))
    return RunCard(
        "nano",
        "nano",
        method,
        text,
        training,
        restrict=plan.restrict,
        penalty=PenaltyChoice("params", penalty, limit),
    )


def limit_of(space: Any) -> int:
    """Return the limit of the second problem: the median of the parameters in the space."""
    from hwbench.spaces.gpt_costs import params

    return int(np.median(params(space, space.encode(list(space.enumerate())))))


def supernet(plan: Plan, method: str, seed: int, folder: Path) -> Result:
    """Train a supernet; search it, or take what it learned; rank all subnets by inherited loss."""
    from hwbench.supernet.runs import open_run
    from hwbench.supernet.training import train

    kind, _, limited = method.partition("+")
    steps = {"tanglenas": plan.passes // 2, "spos": plan.passes - plan.search_passes}.get(
        kind, (plan.passes - plan.search_passes) // 4
    )
    own = card(plan, kind, seed, steps, PENALTY if limited else None)
    folder.mkdir(parents=True, exist_ok=True)
    own.save(folder)
    ended = train(own.supernet(), own.strategy(), own.text.corpus(), own.training, folder)
    found: Result = {"train_tokens": ended.tokens, "train_s": ended.seconds}
    run = open_run(folder)
    if kind == "tanglenas":
        found["found"] = {
            "limit" if limited else "free": {"tanglenas": str(run.strategy.watched()["mode"])}
        }
    else:
        clock = time.perf_counter()
        found["found"] = {
            name: {search: searched(plan, run, search, seed, name) for search in SEARCHES}
            for name in ("free", "limit")
        }
        found["search_s"] = (time.perf_counter() - clock) / (2 * len(SEARCHES))
        found["search_tokens"] = plan.budget * plan.rows * own.training.context
    from hwbench.search.supernet_evaluator import Questions, SupernetEvaluator

    problem = Questions(run.space).parse(minimize=["perplexity"])
    judge = SupernetEvaluator(run, problem, rows=plan.test_rows)
    archs = list(run.space.enumerate())
    found["inherited"] = [q.loss for q in judge.qualities(run.space.encode(archs))]
    return found


def searched(plan: Plan, run: Any, method: str, seed: int, problem: str) -> str:
    """Return the best subnet that a search finds by inherited perplexity."""
    from hwbench.search import run as search
    from hwbench.search.supernet_evaluator import Questions, SupernetEvaluator

    limits = [f"params={limit_of(run.space)}"] if problem == "limit" else []
    asked = Questions(run.space).parse(minimize=["perplexity"], max=limits)
    found = search(
        SupernetEvaluator(run, asked, rows=plan.rows),
        method,
        budget=plan.budget,
        seed=seed,
        settings=ES if method == "spos-es" else {},
    )
    front = found.front()
    return str(run.space.decode(found.codes[[front[0] if len(front) else found.closest()]])[0])


def retrained(plan: Plan, number: int, seed: int, folder: Path) -> Result:
    """Train one architecture from scratch; judged by the test part of the text."""
    from hwbench.supernet.retraining import retrain

    own = card(plan, "spos", seed, plan.retrain_steps)
    arch = own.the_space().at(number)
    found = retrain(own, arch, folder, training=own.training)
    return {
        "arch": str(arch),
        "test": found.test.loss,
        "validation": found.training.validation["network"].loss,
        "tokens": found.training.tokens,
        "seconds": found.training.seconds,
    }


def one(make: Callable[[Path], Result], name: str, work: Path) -> tuple[str, Result]:
    """Do one piece of work, unless it lies there already."""
    import torch

    path = work / f"{name}.json"
    if path.is_file():
        return name, json.loads(path.read_text(encoding="utf-8"))
    torch.set_num_threads(1)
    found = make(work / name)
    draft = path.with_suffix(".part")
    draft.write_text(json.dumps(found), encoding="utf-8")
    draft.replace(path)
    for step in (work / name).glob("checkpoints/step-*/state.safetensors"):
        step.unlink()  # what only a resumption needs, most of the room
    return name, found


def do_all(pieces: dict[str, Callable[[Path], Result]], work: Path, jobs: int) -> dict[str, Result]:
    """Do pieces of work in processes of their own; those that lie there already cost nothing."""
    begun, found = time.monotonic(), {}
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(one, make, name, work) for name, make in pieces.items()]
        try:
            for done in as_completed(waiting):
                name, result = done.result()
                found[name] = result
                passed = time.monotonic() - begun
                print(f"{passed:6.0f} s  {len(found)}/{len(pieces)}  {name}", flush=True)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return found


def pieces_of(plan: Plan) -> dict[str, Callable[[Path], Result]]:
    """Name all trainings that need no other: supernets, longest first, then single networks."""
    methods = ("tanglenas", "tanglenas+limit", *SPOS_LIKE)
    found: dict[str, Callable[[Path], Result]] = {
        f"{method}-s{seed}": partial(supernet, plan, method, seed)
        for method in methods
        for seed in range(plan.seeds)
    }
    size = card(plan, "spos", 0, 1).the_space().size()
    found |= retrainings(plan, range(size), range(plan.retrain_seeds))
    return found


def retrainings(
    plan: Plan, numbers: Iterable[int], seeds: Iterable[int]
) -> dict[str, Callable[[Path], Result]]:
    """Name trainings from scratch."""
    return {
        f"alone-{number:03}-s{seed}": partial(retrained, plan, number, seed)
        for seed in seeds
        for number in numbers
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=Path("runs/supernet_methods"))
    parser.add_argument("--json", type=Path, help="write the summary to this file")
    parser.add_argument("--scale", choices=sorted(PLANS), default="full")
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    plan, work = PLANS[asked.scale], asked.work / asked.scale
    work.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    space = card(plan, "spos", 0, 1).the_space()  # prepares the text, before processes ask for it
    found = do_all(pieces_of(plan), work, asked.jobs)
    limit = limit_of(space)
    # One seed more, which has no say in what is taken for the optimum.
    more = retrainings(plan, contenders(found, space, limit), [plan.retrain_seeds])
    found |= do_all(more, work, asked.jobs)
    summary = {"plan": vars(plan), **summarise(found, space, limit)}
    print("\n" + markdown(summary))
    if asked.json:
        asked.json.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
