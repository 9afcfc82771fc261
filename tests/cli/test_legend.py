"""What legends say of memory: of all published devices it is that of the weights."""

import pytest

WEIGHTS = "memory of the weights alone"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--device", "h100"], True),
        (["--device", "h100", "--metric", "memory"], True),
        (["--device", "h100", "--metric", "latency"], False),
        (["--device", "cpu-xeon-gold"], True),
        (["--device", "cpu-xeon-gold", "--device", "a100"], True),
        (["--device", "cpu-x86-2core-vm"], False),
        (["--metric", "params"], False),
    ],
)
def test_a_query_says_that_memory_is_of_weights(hwbench, options, said):
    result = hwbench("query", "gpt-s", "--arch", "smallest", *options)
    assert result.code == 0, result.err
    assert result.lines[-1].startswith("90 % intervals")
    assert (WEIGHTS in result.lines[-1].split("; ")) == said


@pytest.mark.parametrize(
    ("device", "said"), [("h100", True), ("cpu-xeon-gold", True), ("cpu-x86-2core-vm", False)]
)
def test_a_search_says_so_too(hwbench, device, said):
    limits = ("--minimize", "perplexity", "--max", "params=90M")
    result = hwbench("search", "gpt-s", "--device", device, *limits)
    assert result.code == 0, result.err
    assert result.lines[-1].startswith("in brackets 90 % intervals")
    assert (WEIGHTS in result.lines[-1].split("; ")) == said
