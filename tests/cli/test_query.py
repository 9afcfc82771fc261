import io
import json

import numpy as np
import pytest

from hwbench import spaces
from hwbench.benchmark import load, save
from hwbench.spaces.upstream import to_upstream_dict, to_upstream_key
from hwbench.testing.bundles import made_bundle

TEXT = "made:embed_dim=64:n_layer=2:bias=true:mlp_ratio=1,4:n_head=1,2"


@pytest.fixture
def made(tmp_path, monkeypatch):
    """The folder "made" in the working directory."""
    save(made_bundle(), tmp_path / "made")
    monkeypatch.chdir(tmp_path)
    return load("made")


def records(bench, arch, devices=None, **options):
    text = str(bench.space.parse(str(arch)))
    found = bench.query_devices(arch, devices, **options)
    return [{"architecture": text, "device": device, **own} for device, own in found.items()]


def test_counts_are_whole_numbers_in_json(hwbench, made):
    result = hwbench("query", "made", "--arch", TEXT, "--json")
    arch = made.space.parse(TEXT)
    for record in result.json:
        for name in ("params", "flops"):
            for key in (name, f"{name}_lower", f"{name}_upper"):
                assert type(record[key]) is int
                assert record[key] == made.query(arch)[name]
        assert type(record["perplexity"]) is float


def test_limits_for_visits_that_were_measured(hwbench, made):
    arguments = ("query", "made", "--arch", TEXT, "--device", "gpu-one", "--json")
    assert hwbench(*arguments, "--visit", "new").json == hwbench(*arguments).json
    found = hwbench(*arguments, "--visit", "measured").json
    assert found == records(made, TEXT, ["gpu-one"], visit="measured")
    text = hwbench(*arguments[:-1], "--visit", "measured")
    assert text.lines[-1].startswith("90 % intervals in visits that were measured; ")


def test_json_is_one_object_per_architecture_and_device(hwbench, made):
    found = hwbench("query", "made", "--arch", TEXT, "--arch", "largest", "--json").json
    assert found == [*records(made, TEXT), *records(made, made.space.largest())]
    assert list(found[0]) == [
        "architecture",
        "device",
        *(
            f"{name}{end}"
            for name in (
                [
                    "latency_s",
                    "energy_j",
                    "memory_bytes",
                    "perplexity",
                    "accuracy",
                    "params",
                    "flops",
                ]
            )
            for end in ("", "_lower", "_upper")
        ),
    ]


def test_one_device_is_named_as_people_do(hwbench, made):
    found = hwbench("query", "made", "--device", "GPU_one", "--arch", "smallest", "--json").json
    assert found == records(made, made.space.smallest(), ["gpu-one"])


def test_several_devices_and_all(hwbench, made):
    two = ("--device", "cpu-one", "--device", "gpu-two")
    found = hwbench("query", "made", *two, "--arch", TEXT, "--json").json
    assert [record["device"] for record in found] == ["cpu-one", "gpu-two"]
    everything = hwbench("query", "made", "--device", "all", "--arch", TEXT, "--json").json
    assert everything == records(made, TEXT)


def test_metrics_and_interval(hwbench, made):
    arguments = ("--metric", "latency", "--metric", "perplexity", "--interval", "0.5")
    found = hwbench("query", "made", "--arch", TEXT, *arguments, "--json").json
    assert found == records(made, TEXT, metrics=["latency", "perplexity"], interval=0.5)


def test_metrics_without_a_device(hwbench, made):
    (found,) = hwbench("query", "made", "--arch", TEXT, "--metric", "params", "--json").json
    assert found["device"] is None
    assert found["params"] == made.query(TEXT)["params"]
    assert "device" not in hwbench("query", "made", "--arch", TEXT, "--metric", "params").out


def test_random_follows_the_seed(hwbench, made):
    def drawn(*arguments):
        found = hwbench("query", "made", *arguments, "--device", "cpu-one", "--json").json
        return [record["architecture"] for record in found]

    first = drawn("--arch", "random", "--seed", "3")
    assert first == drawn("--arch", "random", "--seed", "3") != drawn("--arch", "random")
    assert first == [str(made.space.sample(np.random.default_rng(3)))]
    two = drawn("--arch", "random", "--arch", "random", "--seed", "3")
    assert two[0] == first[0] != two[1]


def test_noise_follows_the_seed(hwbench, made):
    arguments = ("query", "made", "--arch", TEXT, "--noise", "session", "--json")
    rng = np.random.default_rng(5)
    expected = records(made, TEXT, noise="session", rng=rng)
    assert hwbench(*arguments, "--seed", "5").json == expected
    assert hwbench(*arguments, "--seed", "6").json != expected


def test_an_architecture_in_a_file(hwbench, made, tmp_path):
    for text in (TEXT, f"  {TEXT}\n", json.dumps(made.space.parse(TEXT).to_dict(), indent=2)):
        (tmp_path / "arch.txt").write_text(text)
        found = hwbench("query", "made", "--arch", "@arch.txt", "--json")
        assert found.json == records(made, TEXT)


@pytest.fixture
def gpt_s(tmp_path, monkeypatch):
    """A made-up bundle on the space gpt-s."""
    save(made_bundle(spaces.get("gpt-s")), tmp_path / "mine")
    monkeypatch.chdir(tmp_path)
    return load("mine")


def test_a_file_of_architectures_in_every_form(hwbench, gpt_s, tmp_path, monkeypatch):
    archs = [gpt_s.space.sample(np.random.default_rng(seed)) for seed in range(5)]
    lines = [
        str(archs[0]),
        json.dumps(archs[1].to_dict()),
        "",
        json.dumps(to_upstream_dict(archs[2])),
        to_upstream_key(archs[3]),
        json.dumps(str(archs[4])),
    ]
    (tmp_path / "archs.jsonl").write_text("\n".join(lines))
    arguments = ("query", "mine", "--device", "cpu-one", "--json", "--archs")
    expected = [record for arch in archs for record in records(gpt_s, arch, ["cpu-one"])]
    assert hwbench(*arguments, "archs.jsonl").json == expected
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(lines) + "\n"))
    assert hwbench(*arguments, "-").json == expected


def test_a_key_of_hw_gpt_bench(hwbench, gpt_s):
    key = to_upstream_key(gpt_s.space.smallest())
    assert hwbench("query", "mine", "--arch", key, "--json").json == records(
        gpt_s, gpt_s.space.smallest()
    )


def test_an_empty_file_is_an_empty_list(hwbench, made, tmp_path):
    (tmp_path / "none.jsonl").write_text("\n\n")
    assert hwbench("query", "made", "--archs", "none.jsonl", "--json").json == []
    result = hwbench("query", "made", "--archs", "none.jsonl")
    assert (result.code, result.out) == (0, "")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "no JSON"),
        ('{"embed_dim": 64}', "missing: n_layer, bias, mlp_ratio, n_head"),
        (TEXT.replace("64", "65"), "embed_dim cannot be"),
        ("gpt-s:embed_dim=192", "expected an architecture of made"),
        ("nonsense", "not an HW-GPT-Bench key"),
        ('"\\u0000"', "not an HW-GPT-Bench key"),
    ],
)
def test_a_bad_line_is_named(hwbench, made, tmp_path, line, reason):
    (tmp_path / "archs.jsonl").write_text(f"{TEXT}\n\n{line}\n{TEXT}\n")
    result = hwbench("query", "made", "--archs", "archs.jsonl", "--json")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("error: archs.jsonl line 3: ")
    assert reason in result.err
    assert result.err.count("\n") == 1


def test_a_file_that_is_no_text(hwbench, made, tmp_path):
    (tmp_path / "archs.jsonl").write_bytes(b"\xff\xfe")
    result = hwbench("query", "made", "--archs", "archs.jsonl")
    assert result.code == 2
    assert result.err.startswith("error: archs.jsonl after line 0: ")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("made", "--arch", "rnadom"), "unknown architecture 'rnadom'; did you mean 'random'?"),
        (("made", "--arch", "@none.txt"), "none.txt: No such file or directory"),
        (("made", "--archs", "none.jsonl"), "none.jsonl: No such file or directory"),
        (("made", "--arch", TEXT + "x"), "n_head cannot be '2x'; it is one of 1, 2"),
        (("made", "--arch", "random", "--device", "gpu-1"), "unknown device 'gpu-1'; did you mean"),
        (("made", "--arch", "random", "--metric", "beauty"), "unknown metric 'beauty'"),
        (("made", "--arch", "random", "--interval", "1.5"), "an interval level must lie inside"),
        (("nothing", "--arch", "random"), "unknown benchmark 'nothing'"),
        (("./nothing", "--arch", "random"), "nothing: no such folder"),
    ],
)
def test_wrong_input_is_one_line(hwbench, made, arguments, error):
    result = hwbench("query", *arguments)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(f"error: {error}")
    assert result.err.count("\n") == 1


def test_architectures_must_be_named(hwbench, made):
    result = hwbench("query", "made")
    assert result.code == 2
    assert result.err.splitlines()[-1] == "error: name architectures with --arch or --archs"


def test_the_table_for_people(hwbench, made):
    """Numbers and limits as `hwbench.units` writes them; formulas without limits."""
    result = hwbench("query", "made", "--arch", TEXT)
    found = made.query(TEXT, "gpu-one")
    assert result.lines[0].split() == ["architecture", TEXT]
    assert f"{found['perplexity']:.4g}  {found['perplexity_lower']:.4g} to" in result.lines[1]
    assert result.lines[3].split() == ["parameters", f"{found['params'] / 1e6:.4g}", "M"]
    (line,) = [line for line in result.lines if line.startswith("gpu-one")]
    assert f"{found['latency_s'] * 1e3:.4g} ms  {found['latency_s_lower'] * 1e3:.4g} ms to" in line
    (line,) = [line for line in result.lines if line.startswith("cpu-one")]
    assert line.endswith(f"{4 * found['params'] / 1e6:.4g} MB")
    assert "  -  " in line
    assert result.lines[-1].startswith("90 % intervals; latency of a batch of 4; energy of a batch")


def test_the_card_to_read_is_that_of_the_bundle_asked(hwbench, made, tmp_path):
    """A bundle of one's own is named by its folder, which `hwbench card` takes, too."""
    folder = (tmp_path / "made").rename(tmp_path / "mine")
    result = hwbench("query", str(folder), "--arch", TEXT)
    assert f"; `hwbench card {folder}` says" in result.lines[-1]
    assert hwbench("card", str(folder)).code == 0


def test_two_architectures_are_two_tables(hwbench, made):
    result = hwbench("query", "made", "--arch", TEXT, "--arch", "largest")
    assert sum(line.startswith("architecture ") for line in result.lines) == 2
    assert sum("90 % intervals" in line for line in result.lines) == 1
