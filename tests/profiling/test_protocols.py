"""Workloads, protocols and jobs: what they refuse, and their way through JSON."""

import dataclasses

import pytest

from hwbench import spaces
from hwbench.errors import SchemaError, UnknownNameError
from hwbench.profiling import protocols
from hwbench.profiling.jobs import Job
from hwbench.profiling.protocols import MeasuringProtocol
from hwbench.profiling.stopping import EnergyRule, StopRule
from hwbench.profiling.workloads import Workload

GPT_S = spaces.get("gpt-s")


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ({"phase": "training", "batch": 1, "length": 1}, "unknown phase"),
        ({"phase": "prefill", "batch": 0, "length": 8}, "batch 0"),
        ({"phase": "prefill", "batch": 1, "length": 8, "new_tokens": 1}, "prefill 0"),
        ({"phase": "decode", "batch": 1, "length": 8}, "at least 1"),
        ({"phase": "decode", "batch": 1, "length": 8, "new_tokens": -1}, "at least 1"),
    ],
)
def test_workloads_without_sense(bad, why):
    with pytest.raises(SchemaError, match=why):
        Workload(**bad)


def test_tokens_of_an_iteration():
    assert Workload("prefill", 3, 100).tokens == 300
    decode = Workload("decode", 3, 100, 7)
    assert (decode.tokens, decode.context) == (21, 107)


# Batches and precisions as recovered from the published files: data/hw-gpt-bench.md.
@pytest.mark.parametrize(("space", "batch"), [("gpt-s", 8), ("gpt-m", 4), ("gpt-l", 1)])
def test_hw_gpt_bench(space, batch):
    made = protocols.get("hw-gpt-bench", spaces.get(space), "gpu")
    assert made.workload == Workload("prefill", batch, 1024)
    assert (made.network, made.precision) == ("profiled", "amp-bf16")
    assert protocols.get("hw-gpt-bench", spaces.get(space), "cpu").precision == "fp32"


def test_what_differs_from_the_protocol_is_noted():
    usual = protocols.get("hw-gpt-bench", GPT_S, "cpu")
    smaller = protocols.get("hw-gpt-bench", GPT_S, "cpu", batch=1, precision="int8")
    assert smaller.workload.batch == 1
    assert smaller.notes[len(usual.notes) :] == (
        "precision int8 where the protocol has fp32",
        "batch 1 where the protocol has 8: not comparable in absolute value",
    )
    assert protocols.get("hw-gpt-bench", GPT_S, "cpu", batch=8) == usual


def test_serving():
    decode = protocols.get("serving", GPT_S, "gpu", phase="decode", runtime="torch-graphs")
    assert decode.workload == Workload("decode", 1, 512, 64)
    assert decode.label == "serving-torch-graphs-bf16-decode-b1-t512+64"
    assert protocols.get("serving", GPT_S, "cpu").workload == Workload("prefill", 1, 512)


def test_what_protocols_refuse():
    with pytest.raises(UnknownNameError, match=r"did you mean 'serving'\?"):
        protocols.get("servin", GPT_S, "cpu")
    with pytest.raises(SchemaError, match="not 'nano'"):
        protocols.get("hw-gpt-bench", spaces.get("nano"), "cpu")
    with pytest.raises(SchemaError, match="no decoding"):
        protocols.get("hw-gpt-bench", GPT_S, "cpu", phase="decode")
    with pytest.raises(UnknownNameError, match="precision"):
        protocols.get("serving", GPT_S, "cpu", precision="fp8")


def test_protocol_of_a_table():
    made = protocols.get("hw-gpt-bench", GPT_S, "gpu")
    table = made.to_table_protocol("latency")
    assert (table.batch_size, table.sequence_length, table.unit) == (8, 1024, "s")
    assert (table.precision, table.network) == ("bf16", "profiled")
    assert made.to_table_protocol("memory_bytes").unit == "bytes"
    with pytest.raises(UnknownNameError, match="measured metric"):
        made.to_table_protocol("perplexity")


def _job(**changes):
    made = protocols.get("serving", GPT_S, "cpu", phase="decode", threads=2)
    job = Job("gpt-s", str(GPT_S.smallest()), made, metrics=("latency", "energy_j"))
    return dataclasses.replace(job, **changes)


def test_jobs_come_back_from_json():
    job = _job(
        stop=StopRule(tolerance=0.1), energy=EnergyRule(idle_s=1.0), key="k", fault="hang", seed=7
    )
    assert Job.from_json(job.to_json()) == job
    assert job.metrics == ("latency_s", "energy_j")
    assert MeasuringProtocol.from_dict(job.protocol.to_dict()) == job.protocol


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "not a job"),
        ("[]", "a JSON object, got list"),
        ("{}", "not a job: 'protocol'"),
        ('{"protocol": {}}', "not a measuring protocol: 'workload'"),
    ],
)
def test_what_is_not_a_job(text, why):
    with pytest.raises(SchemaError, match=why):
        Job.from_json(text)


def test_jobs_without_sense():
    with pytest.raises(SchemaError, match="got perplexity"):
        _job(metrics=("perplexity",))
    with pytest.raises(SchemaError, match="time-out must be positive"):
        _job(timeout_s=0.0)
    with pytest.raises(SchemaError, match="unknown fault"):
        _job(fault="fire")
