"""A manifest that is sealed but wrong: an error of ours, never a bundle that fails later."""

import copy
import hashlib
import json
import math
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hwbench.benchmark import Benchmark, load, safetensors, save
from hwbench.benchmark.manifest import from_manifest, to_manifest
from hwbench.errors import BundleError, HwbenchError, SchemaError, UnknownNameError
from hwbench.testing.bundles import made_bundle

MADE = made_bundle()
DOCUMENT, ARRAYS = to_manifest(MADE)
TEXT = json.dumps(DOCUMENT)


def read(document, arrays=None):
    return from_manifest(document, ARRAYS if arrays is None else arrays, card={}, card_text="")


def edited(edit):
    document = json.loads(TEXT)
    edit(document)
    return document


@pytest.mark.parametrize(
    ("edit", "error", "message"),
    [
        (lambda m: m.pop("name"), BundleError, "the manifest lacks 'name'"),
        (lambda m: m.update(name=3), BundleError, "'name' must be a text, got int"),
        (lambda m: m.update(extra=3), BundleError, "the manifest has unknown fields: extra"),
        (lambda m: m.update(name="a/b"), BundleError, "needs a name of letters"),
        (lambda m: m.update(limits=[3]), BundleError, "must be a list of texts"),
        (lambda m: m.update(cells={}), BundleError, "'cells' must be a list"),
        (lambda m: m["cells"].append(3), BundleError, "a cell must be a JSON object"),
        (lambda m: m["cells"].pop(), None, ""),
        (lambda m: m["cells"].pop(0), BundleError, r"arrays belong to no cell: latency_s\.gpu-one"),
        (lambda m: m["cells"][0].pop("protocol"), BundleError, "lacks 'protocol'"),
        (lambda m: m["cells"][0]["protocol"].pop("unit"), SchemaError, "not a protocol"),
        (lambda m: m["cells"][0]["protocol"].update(speed=3), SchemaError, "not a protocol"),
        (lambda m: m["cells"][0]["protocol"].update(notes=3), SchemaError, "latency_s.gpu-one"),
        (lambda m: m["cells"][0]["protocol"].update(unit="ms"), BundleError, "latency_s is in s"),
        (lambda m: m["cells"][0].update(devices="gpu-one"), BundleError, "must be a list"),
        (lambda m: m["cells"][0].update(metric="beauty"), UnknownNameError, "metric 'beauty'"),
        (lambda m: m["cells"][0].update(model={}), BundleError, "lacks 'predictor'"),
        (
            lambda m: m["cells"][0]["model"]["predictor"].update(kind="os.system"),
            UnknownNameError,
            "unknown predictor 'os.system'",
        ),
        (
            lambda m: m["cells"][0]["model"]["predictor"]["settings"].update(link="square"),
            BundleError,
            "link must be",
        ),
        (
            lambda m: m["cells"][-1].update(model={"closed_form": "os.system"}),
            UnknownNameError,
            "unknown closed form 'os.system'",
        ),
        (
            lambda m: m["cells"][0].update(model={"closed_form": "gpt.params"}),
            BundleError,
            "a formula needs no arrays",
        ),
        (
            lambda m: m["cells"][0].update(uncertainty=None),
            BundleError,
            "arrays without an uncertainty",
        ),
        (lambda m: m["cells"][0]["uncertainty"].pop("parts"), BundleError, "object 'parts'"),
        (lambda m: m["metrics"]["latency_s"].update(unit="ms"), SchemaError, "latency_s is"),
        (lambda m: m["metrics"].update(beauty={}), UnknownNameError, "unknown metric 'beauty'"),
        (lambda m: m["devices"][0].update(kind="abacus"), BundleError, "kind must be gpu or cpu"),
        (lambda m: m["devices"][0].pop("label"), BundleError, "lacks 'label'"),
        (lambda m: m["devices"].pop(), BundleError, "unknown devices: cpu-one"),
        (lambda m: m["space"].update(depth=None), HwbenchError, "depth"),
        (lambda m: m["space"].update(network="other"), UnknownNameError, "network"),
        (lambda m: m["space"]["shared"].update(width=[1, 2]), BundleError, "needs shape"),
        (lambda m: m["space"]["shared"].update(width=3), BundleError, "cannot be rebuilt"),
        (lambda m: m["space"]["shared"].update(width=[[]]), BundleError, "cannot be rebuilt"),
        (lambda m: m["space"].update(name="gpt-s"), SchemaError, "defined in another way here"),
    ],
)
def test_what_is_wrong_is_named(edit, error, message):
    document = edited(edit)
    if error is None:
        assert len(read(document).cells) == len(MADE.cells) - 1
        return
    with pytest.raises(error, match=message):
        read(document)


@pytest.mark.parametrize("name", sorted(ARRAYS))
def test_a_missing_array_is_named(name):
    with pytest.raises(BundleError, match=f"lacks the array.*{name.rpartition('/')[2]}|needs"):
        read(DOCUMENT, {key: array for key, array in ARRAYS.items() if key != name})


@pytest.mark.parametrize("name", sorted(ARRAYS))
def test_an_array_of_another_shape_is_refused(name):
    array = ARRAYS[name]
    for wrong in (array[..., :-1], array[None], array.ravel()[:1], np.zeros(())):
        with pytest.raises(BundleError):
            read(DOCUMENT, {**ARRAYS, name: wrong})


def test_an_array_nobody_asked_for_is_refused():
    for name in ("latency_s.gpu-one/model", "latency_s.gpu-one/code/x", "x", "", "params/model/x"):
        with pytest.raises(BundleError, match=r"is not called CELL|needs no arrays"):
            read(DOCUMENT, {**ARRAYS, name: np.zeros(3)})


def test_nan_in_a_file_is_refused(tmp_path):
    bundle = made_bundle()
    save(bundle, tmp_path / "x")
    name = "latency_s.gpu-one/model/base"
    arrays = {**ARRAYS, name: np.full_like(ARRAYS[name], np.nan)}
    data = safetensors.dump(arrays)
    (tmp_path / "x" / "arrays.safetensors").write_bytes(data)
    path = tmp_path / "x" / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["files"]["arrays.safetensors"] = {
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
    }
    text = json.dumps({**manifest, "sha256": "0" * 64})
    path.write_text(text.replace("0" * 64, hashlib.sha256(text.encode()).hexdigest()))
    with pytest.raises(BundleError, match="holds NaN"):
        load(tmp_path / "x")


# -- any change at all -------------------------------------------------------------------------

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 10**6)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


def places(document, path=()):
    yield path
    items = (
        document.items()
        if isinstance(document, dict)
        else enumerate(document)
        if isinstance(document, list)
        else ()
    )
    for key, value in items:
        yield from places(value, (*path, key))


PLACES = [path for path in places(json.loads(TEXT)) if path]


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(path=st.sampled_from(PLACES), value=json_values, gone=st.booleans())
def test_any_edit_is_read_or_refused(path, value, gone):
    document = copy.deepcopy(json.loads(TEXT))
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    if gone:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    with suppress(HwbenchError):
        assert Benchmark(read(document)).query_devices(read(document).space.smallest())


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(
    name=st.sampled_from(sorted(ARRAYS)),
    shape=st.lists(st.integers(0, 7), max_size=4),
    dtype=st.sampled_from(["<f4", "<f8", "<i4", "|u1", "|b1"]),
    fill=st.sampled_from([0.0, 1.0, -1.0, 1e30, -1e30, 255.0]),
)
def test_any_array_is_read_or_refused(name, shape, dtype, fill):
    with np.errstate(all="ignore"):
        array = np.full(shape, fill).astype(dtype)
    with suppress(HwbenchError):
        found = Benchmark(read(DOCUMENT, {**ARRAYS, name: array}))
        answers = found.query_devices(found.space.largest())
        assert all(math.isfinite(v) for own in answers.values() for v in own.values())
