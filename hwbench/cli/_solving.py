"""How `hwbench search` gets its answer: exactly, or from a run, or a proof that there is none."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from hwbench import metrics, units
from hwbench.benchmark import Benchmark
from hwbench.cli._found import Found
from hwbench.search import Objective, Problem, ProblemError, Run
from hwbench.search.methods import registry

if TYPE_CHECKING:
    from hwbench.search.exact import Certificate, ExactResult

__all__ = ["EXACT", "FALLBACK", "from_run", "infeasible", "solve"]

EXACT = "exact"
FALLBACK = "nsga2"
_log = logging.getLogger(__name__)


def solve(
    bench: Benchmark, problem: Problem, *, certain: bool, time_limit: float | None = None
) -> Found | None:
    """Solve exactly; None if that is impossible and nobody insists.

    Args:
        bench: The benchmark.
        problem: The problem.
        certain: Whether somebody insists.
        time_limit: Seconds; then the answer is the best so far, and says so.

    Raises:
        NoCertificateError: If somebody insists, and it is impossible.
        ProblemError: If the time ran out before anything of a front was found.
    """
    from hwbench.search import exact

    try:
        if len(problem.objectives) == 1:
            return _from_exact(exact.solve(bench, problem, time_limit=time_limit), problem)
        front = exact.pareto(bench, problem, time_limit=time_limit)
    except exact.NoCertificateError as error:
        if certain:
            raise
        _log.warning("%s; searching with %s instead", error, FALLBACK)
        return None
    certificate = front.certificate
    if not len(front.codes):
        return _nothing(bench, problem, time_limit)
    return Found(
        problem,
        tuple(problem.space.decode(front.codes)),
        True,
        EXACT,
        facts=_proof(certificate),
        numbers={"certificate": _certificate(certificate)},
    )


def _nothing(bench: Benchmark, problem: Problem, time_limit: float | None) -> Found:
    found = infeasible(bench, problem, time_limit=time_limit)
    if found is None:
        raise ProblemError(
            f"no architecture was found within {time_limit} s, and none is ruled out; "
            f"give --time-limit more seconds, or search with --method {FALLBACK}"
        )
    return found


def _from_exact(result: ExactResult, problem: Problem) -> Found:
    facts: dict[str, str] = {}
    if result.feasible:
        if result.binding:
            facts["binding"] = ", ".join(map(str, result.binding))
    else:
        unknown = result.feasible is None
        facts["feasible"] = "unknown: the time ran out" if unknown else "no; this comes closest"
        for limit in result.binding:
            facts["cannot keep"] = ", ".join(map(str, result.binding))
            span = result.reachable.get(str(limit))
            if span is not None:
                unit = metrics.get(limit.metric).unit
                low, high = (units.format(value, unit) for value in span)
                facts[f"reachable {limit.metric}"] = f"{low} to {high}"
    return Found(
        problem,
        (result.architecture,),
        result.feasible,
        EXACT,
        facts=facts | _proof(result.certificate),
        numbers={
            "optimum": result.optimum,
            "values": dict(result.values),
            "binding": [str(limit) for limit in result.binding],
            "reachable": {name: list(span) for name, span in result.reachable.items()},
            "certificate": _certificate(result.certificate),
        },
    )


def infeasible(
    bench: Benchmark, problem: Problem, *, time_limit: float | None = None
) -> Found | None:
    """Return the closest architecture if it is proven that none keeps the limits; else None."""
    from hwbench.search import exact

    if not problem.limits:
        return None
    limit = problem.limits[0]
    devices = () if limit.device is None else (limit.device,)
    easy = replace(problem, objectives=(Objective(limit.metric, devices),))
    try:
        result = exact.solve(bench, easy, time_limit=time_limit)
    except exact.NoCertificateError:
        return None
    return _from_exact(result, problem) if result.feasible is False else None


def from_run(result: Run) -> Found:
    """Return the best of a run: one architecture, or the front."""
    chosen = result.front()
    single = len(result.problem.objectives) == 1
    feasible = bool(len(chosen))
    rows = chosen[:1] if single and feasible else chosen
    codes = result.codes[rows if feasible else [result.closest()]]
    calls = f", {result.calls} asked for" if result.calls != len(result) else ""
    label = registry.get(result.method).label
    facts = {} if feasible else {"feasible": "none found; this one comes closest"}
    facts |= {
        "found by": f"{label}, seed {result.seed}: {len(result)} distinct evaluations{calls}",
        "proof": "none; --method exact gives one where the surrogates are sums over layers",
    }
    return Found(
        result.problem,
        tuple(result.problem.space.decode(codes)),
        feasible,
        result.method,
        facts=facts,
        numbers={
            "settings": dict(result.settings),
            "seed": result.seed,
            "budget": result.budget,
            "evaluations": len(result),
            "calls": result.calls,
            "stopped": result.stopped,
        },
    )


def _proof(certificate: Certificate) -> dict[str, str]:
    how = f"{certificate.proof} ({certificate.solver}, {certificate.seconds:.2g} s)"
    return {"proof" if certificate.proven else "no proof": how}


def _certificate(certificate: Certificate) -> dict[str, object]:
    return {
        "proven": certificate.proven,
        "bound": certificate.bound,
        "gap": certificate.gap,
        "solver": certificate.solver,
        "seconds": certificate.seconds,
        "proof": certificate.proof,
    }
