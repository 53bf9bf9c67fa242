"""Models: files, memory, and what is inside. Oracles: the file's own bytes, NumPy, and docs/file-formats.md."""

import copy
import pickle
import re
import warnings

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from sextant._progress import running

import sextant


@pytest.fixture(scope="module")
def model(rows):
    return sextant.fit(*rows, method="algorithm-1", width=64, random_state=2)


def test_files_and_pickles_hold_the_same_bytes(model, rows, tmp_path):
    model.save(tmp_path / "m.sextant")
    loaded = sextant.Model.load(str(tmp_path / "m.sextant"))
    loaded.save(tmp_path / "again.sextant")
    written = (tmp_path / "m.sextant").read_bytes()
    assert (tmp_path / "again.sextant").read_bytes() == written
    assert model.__getstate__()["bytes"] == written
    for other in (loaded, pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        np.testing.assert_array_equal(other.predict(rows[0]), model.predict(rows[0]))
        assert other.options == model.options


def test_a_footprint_says_what_is_inside(model, rows, tmp_path):
    """64 mirrored units on as many inputs as there are."""
    model.save(tmp_path / "m.sextant")
    found = model.footprint
    d = rows[0].shape[1]
    assert found["multiply_adds"] == 32 * d + 64 + d and not found["training_rows"]
    assert 8 * (32 * d + 128) < found["bytes"] < (tmp_path / "m.sextant").stat().st_size
    assert sextant.fit(*rows, method="kernel-gaussian").footprint["training_rows"]
    with pytest.raises(ValueError, match="training-rows: false given with kernel-gaussian"):
        sextant.fit(*rows, method="kernel-gaussian", training_rows=False)


@pytest.fixture(scope="module")
def numpy_reader():
    """The page of NumPy in docs/file-formats.md, as it stands there."""
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/file-formats.md").read_text(), flags=re.S)
    page = {}
    exec(code, page)
    return page


def read_by(numpy_reader, model, X, folder):
    model.save(folder / "m.sextant")
    about, tensors = numpy_reader["read"](folder / "m.sextant")
    return about, numpy_reader["predict"](about, tensors, X)


def test_plain_numpy_reads_it(numpy_reader, model, rows, tmp_path):
    about, predictions = read_by(numpy_reader, model, rows[0], tmp_path)
    np.testing.assert_allclose(predictions[:, 0], model.predict(rows[0]), rtol=1e-9)


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_plain_numpy_reads_levels(numpy_reader, tmp_path, task):
    rng = np.random.default_rng(3)
    place, x = rng.integers(0, 70, 500), rng.normal(size=500)
    y = rng.normal(size=70)[place] + x + 0.3 * rng.normal(size=500)
    names = np.array([f"p{i:02}" for i in range(70)])
    y = y if task == "regression" else np.where(y > 0, "high", "low")
    model = sextant.fit(pd.DataFrame({"place": names[place], "x": x}), y, task=task, method="algorithm-1", width=32)
    new = np.array([0, 5, -1])
    about, outputs = read_by(numpy_reader, model, np.column_stack([new, [0.5, -1, 2]]), tmp_path)
    assert about["format"] == 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame = pd.DataFrame({"place": ["p00", "p05", "elsewhere"], "x": [0.5, -1, 2]})
        with running() as run:
            expected = model._core.predict(model._inputs(frame), run)
    np.testing.assert_allclose(outputs, expected, rtol=1e-9)


# Options and what of a file they make the reader read.
FILES = {
    "algorithm-1": (dict(method="algorithm-1", width=32, first_layer_decay=0.0), {"relu-network"}),
    "tangent": (dict(method="ntk", width=8), {"linearised-network"}),
    "tangent of some blocks": (dict(method="ntk", width=8, ntk_blocks="W,b", ntk_scale="balanced"), {"linearised-network"}),
    "arc-cosine kernel": (dict(method="kernel-arc-cosine"), {"arc-cosine"}),
    "tangent kernel": (dict(method="kernel-ntk", bias=0.5), {"ntk"}),
    "polynomial kernel": (dict(method="kernel-polynomial"), {"polynomial"}),
    "gaussian kernel": (dict(method="kernel-gaussian"), {"gaussian"}),
    "laplace kernel": (dict(method="kernel-laplace"), {"laplace"}),
    "refined kernel": (dict(method="refined-kernel", budget=0.5), {"exponential"}),
    "refine": (dict(method="refine", budget=1), {"relu-network"}),
    "polish": (dict(method="polish", budget=0.5), {"hermite-features"}),
    "auto": (dict(budget=0.5), {"hermite-features"}),
    "auto on steps": (dict(budget=5), {"city-block", "slopes"}),
    "auto on products of bends": (dict(budget=5), {"kernel-sections", "relu-network", "lifted"}),
    "log": (dict(method="algorithm-1", width=32, target_transform="log"), {"log"}),
    "rank": (dict(method="algorithm-1", width=32, target_transform="rank"), {"rank"}),
    "none of two": (dict(method="algorithm-1", width=32, target_transform="none,log"), {"none", "log"}),
}


@pytest.mark.parametrize("options, holds", FILES.values(), ids=FILES)
def test_plain_numpy_reads_files_of_every_kind(options, holds, numpy_reader, rows, tmp_path):
    X, y = rows
    if "lifted" in holds:
        y = np.abs(X[:, 0] * X[:, 1]) + np.tanh(3 * X[:, 2] * X[:, 3])
    if "slopes" in holds:
        y = (X[:, 0] > 0) + (X[:, 1] > 0.5) + 0.5 * (X[:, 2] > -0.5)
    Y = np.column_stack([y, np.exp(y)]) if "none" in holds else np.exp(y) if "log" in holds else y
    model = sextant.fit(X, Y, **options)
    far = np.vstack([X, 4 * X])  # beyond the training rows too
    about, predictions = read_by(numpy_reader, model, far, tmp_path)
    found = {name for each in about["predictors"] for name in (each["kind"], each.get("kernel"), each.get("warp"), each.get("lifted") and "lifted")}
    found |= {each["kind"] for each in about.get("target-transforms", [])}
    assert holds <= found
    expected = model.predict(far).reshape(len(far), -1)
    size = np.abs(expected).max(axis=0)
    np.testing.assert_allclose(predictions / size, expected / size, rtol=0, atol=1e-8)


def test_plain_numpy_refuses_what_it_does_not_know(numpy_reader, model, tmp_path):
    model.save(tmp_path / "m.sextant")
    about, tensors = numpy_reader["read"](tmp_path / "m.sextant")
    about["predictors"][0]["kind"] = "oracle"
    with pytest.raises(ValueError, match="this reader does not know it"):
        numpy_reader["predict"](about, tensors, np.zeros((1, 5)))


def test_predictions_are_those_of_its_parts(model, rows):
    """f = mean + scale·(α + βᵀz + Σ weight·aᵀφ(z)), in NumPy from the model's own linear part and predictors."""
    X, y = rows
    found = model.directions()
    z = (X - found.mean) / found.scale
    f = model.linear(z)
    for weight, network, a in model.predictors:
        assert isinstance(network, sextant.ReluNetwork)
        np.testing.assert_allclose(network.features(z), np.maximum(z @ network.W.T + network.b, 0), atol=1e-12)
        f = f + weight * network.features(z) @ a
    np.testing.assert_allclose(y.mean() + y.std() * f[:, 0], model.predict(X), rtol=1e-9, atol=1e-9)


def test_directions_are_eigenvectors_of_the_gradient_outer_product(model):
    found = model.directions()
    values, vectors = np.linalg.eigh(model.gradient_outer_product)
    np.testing.assert_allclose(found.spectrum, values[::-1] / values.sum(), atol=1e-12)
    np.testing.assert_allclose(np.abs(found.directions @ vectors[:, ::-1]), np.eye(5), atol=1e-6)
    np.testing.assert_allclose(
        list(model.importance().values()), np.diag(model.gradient_outer_product) / values.sum(), rtol=1e-12
    )


def test_it_says_how_it_came_to_be(model):
    assert model.options["method"] == "algorithm-1" and model.options["width"] == 64 and model.options["seed"] == 2
    assert model.options["eta"] is None and model.options["lambda"] is None
    assert model.rows == 400 and not model.transferred and model.version == sextant.__version__
    assert model.validation["rows"] == 80
    path = model.validation["path"][:, 0]
    assert path.min() == pytest.approx(model.validation["chosen"][0])
    assert model.validation["lambda"].tolist() == sextant.lambda_grid().tolist()


def test_the_automatic_method_says_what_it_tried(rows):
    model = sextant.fit(*rows, budget=0.3)
    names = [each["name"] for each in model.candidates]
    assert "random features" in names and len(names) > 2
    assert sum(each["weight"][0] for each in model.candidates) == pytest.approx(1)


def test_wild_targets_are_left_out_with_a_warning(rows):
    X, y = rows
    wild = np.array(y)
    wild[11] = 1e7
    with pytest.warns(UserWarning, match=f"1 of {len(y)} rows have .*'y' is 1e\\+07 where they say .*clip_targets=False"):
        model = sextant.fit(X, wild, budget=0.3)
    (left_out,) = model.contradicted
    assert left_out["row"] == 11 and left_out["y"] == [1e7] and abs(left_out["predicted"][0]) < 1e3
    assert all(each["failed"] == "" for each in model.candidates)
    far = np.array(X)
    far[3] = 1e9
    assert np.abs(model.predict(far)).max() < 1e3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        raw = sextant.fit(X, wild, budget=3, clip_targets=False, extrapolate=True)
    assert raw.validation["mean"][0] > 1e8
    free, held = raw._standardised(far), model._standardised(far)
    assert np.abs(free).max() > 1e8 and np.abs(held).max() < 100


def test_bad_files_are_refused_with_their_sentence(model, tmp_path):
    with pytest.raises(OSError, match="nowhere.sextant: there is no such file"):
        sextant.Model.load(tmp_path / "nowhere.sextant")
    with pytest.raises(OSError, match="cannot be written"):
        model.save(tmp_path / "no folder" / "m.sextant")
    content = bytearray(model.__getstate__()["bytes"])
    content[-1] ^= 1
    (tmp_path / "bad.sextant").write_bytes(content)
    with pytest.raises(ValueError, match="bad.sextant: cannot be loaded: its checksum does not match"):
        sextant.Model.load(tmp_path / "bad.sextant")
    damaged = sextant.Model.__new__(sextant.Model)
    with pytest.raises(ValueError, match="pickle: cannot be loaded"):
        damaged.__setstate__({"bytes": bytes(content)})
