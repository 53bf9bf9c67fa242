"""Missing cells and columns that are no input. Oracles: the command line on the same cells; arrays without the column."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

import sextant

QUICK = dict(method="algorithm-1", width=32)


@pytest.fixture
def holed(rows):
    X, y = rows
    X = X.copy()
    X[::7, 1] = np.nan
    return X, y + 3 * np.isnan(X[:, 1])


@pytest.mark.parametrize("policy", ["indicator", "mean", "drop"])
def test_gaps_are_read_as_by_the_command_line(holed, tmp_path, program, policy):
    X, y = holed
    np.save(tmp_path / "t.npy", np.column_stack([X, y]))
    words = ["--target", "x6", "--method", "algorithm-1", "--width", "32", "--missing", policy, "--out", "m.sextant"]
    program("fit", "t.npy", *words, cwd=tmp_path)
    model = sextant.fit(X, pd.Series(y, name="x6"), missing=policy, **QUICK)
    model.save(tmp_path / "own.sextant")
    assert (tmp_path / "own.sextant").read_bytes() == (tmp_path / "m.sextant").read_bytes()
    assert model.missing == policy and ("x2=missing" in model.input_names) == (policy == "indicator")
    estimator = sextant.SextantRegressor(missing=policy, **QUICK).fit(X, y)
    if policy == "drop":
        with pytest.raises(ValueError, match="Input X contains NaN"):
            estimator.predict(X)
        return
    np.testing.assert_array_equal(estimator.predict(X), model.predict(X))
    assert estimator.n_features_in_ == 5 and estimator.feature_importances_.shape == (5,)
    program("predict", "m.sextant", "t.npy", "--out", "p.npy", cwd=tmp_path)
    np.testing.assert_array_equal(model.predict(X), np.load(tmp_path / "p.npy")[:, 0])
    again = sextant.SextantRegressor.from_model(model)
    assert again.get_params()["missing"] == policy
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert model.evaluate(X, y)["targets"][0]["r2"] > 0.1
    np.testing.assert_array_equal(sextant.transfer(model, X, y, keep="first-layer").predict(X).shape, (400,))
    found = sextant.SubspaceTransformer(missing=policy, n_components=1, **QUICK).fit(X, y)
    assert np.isfinite(found.transform(X)).all() and found.inverse_transform([[0.0]]).shape == (1, 5)
    held_out = sextant.fit(X[:300], y[:300], validation=(X[300:], y[300:]), missing=policy, **QUICK)
    assert held_out.validation["rows"] == 100


def test_gaps_that_shall_be_errors(holed):
    X, y = holed
    with pytest.raises(ValueError, match="Input X contains NaN"):
        sextant.fit(X, y, missing="error", **QUICK)
    with pytest.raises(ValueError, match="Input X contains NaN"):
        sextant.SextantRegressor(missing="error", **QUICK).fit(X, y)
    for fit in (lambda: sextant.fit(X, y, missing="zero"), lambda: sextant.SextantRegressor(missing="zero").fit(X, y)):
        with pytest.raises(ValueError, match="missing: 'zero' given, expected one of 'indicator'"):
            fit()
    with pytest.raises(ValueError, match="infinity"):
        sextant.fit(np.where(np.isnan(X), np.inf, X), y, **QUICK)


def test_a_column_without_a_value_is_left_out_with_a_warning(rows):
    X, y = rows
    wide = np.insert(X, 2, np.nan, axis=1)
    for missing in ("indicator", "mean", "drop"):
        with pytest.warns(UserWarning, match="X: 'x3' is left out: no training row has a value there"):
            model = sextant.fit(wide, y, missing=missing, **QUICK)
        assert model.left_out == ["x3"] and model.input_names == ["x1", "x2", "x4", "x5", "x6"]
    with pytest.warns(UserWarning, match="'x3' is left out"):
        estimator = clone(sextant.SextantRegressor(**QUICK)).fit(wide, y)
    plain = sextant.fit(X, y, **QUICK).predict(X)
    for given in (wide, X, np.nan_to_num(wide)):  # whatever the column holds, and without it
        np.testing.assert_array_equal(sextant.fit(X, y, **QUICK).predict(X), plain)
        np.testing.assert_array_equal(estimator.model_.predict(given), plain)
    np.testing.assert_array_equal(estimator.predict(wide), plain)
    assert estimator.feature_importances_.shape == (6,) and estimator.feature_importances_[2] == 0
    frame = pd.DataFrame(wide, columns=list("abcdef"))
    with pytest.warns(UserWarning, match="X: 'c' is left out"):
        model = sextant.fit(frame, y, **QUICK)
    np.testing.assert_array_equal(model.predict(frame.drop(columns="c")), plain)
    np.testing.assert_array_equal(model.predict(frame.assign(c="text")), plain)
    with pytest.raises(ValueError, match="X: 'x1' is left out.*no input is left"):
        sextant.fit(np.full((20, 1), np.nan), np.arange(20.0), **QUICK)


def test_text_columns_of_a_frame_are_levels_or_left_out(rows, tmp_path, program):
    X, y = rows
    frame = pd.DataFrame({
        "id": [f"row {i}" for i in range(400)],
        "a": X[:, 0],
        "phone": np.where(X[:, 1] > 0, "none", "yes").astype(object),
        "grade": pd.Categorical(np.where(X[:, 2] > 0, "B", "A")),
        "count": [str(i % 9) for i in range(399)] + ["NA"],
        "part": [f"p{i % 50}" for i in range(400)],
        "y": y + 2 * (X[:, 1] > 0),
    })  # fmt: skip
    frame.loc[3, "phone"] = None
    frame.to_csv(tmp_path / "t.csv", index=False)
    words = ["--target", "y", "--method", "algorithm-1", "--width", "32", "--out", "m.sextant"]
    program("fit", "t.csv", *words, cwd=tmp_path)
    with pytest.warns(UserWarning, match="X: 'id' is left out: all texts there are different"):
        model = sextant.fit(frame.drop(columns="y"), frame["y"], **QUICK)
    assert model.input_names[:6] == ["a", "phone=none", "phone=yes", "phone=missing", "grade=A", "grade=B"]
    model.save(tmp_path / "own.sextant")
    assert (tmp_path / "own.sextant").read_bytes() == (tmp_path / "m.sextant").read_bytes()
    program("predict", "m.sextant", "t.csv", "--out", "p.npy", cwd=tmp_path)
    expected = np.load(tmp_path / "p.npy")[:, 0]
    np.testing.assert_array_equal(model.predict(frame), expected)
    np.testing.assert_array_equal(model.predict(frame.drop(columns="id")), expected)
    with pytest.warns(UserWarning, match="all texts there are different, as those of an identifier are"):
        few = sextant.fit(frame.loc[:49, ["id", "a"]], y[:50], **QUICK)
    assert few.left_out == ["id"]
    with pytest.raises(ValueError, match="'count' holds 'x' in row 8, which is not a number \\(1 of its 399 cells is not\\)"):
        broken = frame.drop(columns="y")
        broken.loc[7, "count"] = "x"
        sextant.fit(broken, y, **QUICK)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        held_out = sextant.fit(frame[:300].drop(columns="y"), y[:300], validation=(frame[300:], y[300:]), **QUICK)
    assert held_out.validation["rows"] == 100


def test_columns_of_many_levels_are_learned_as_by_the_command_line(tmp_path, program):
    rng = np.random.default_rng(5)
    n = 600
    place = rng.integers(0, 80, n)
    frame = pd.DataFrame({
        "place": pd.Categorical([f"place {i:02}" for i in place]),
        "x": rng.normal(size=n),
        "y": rng.normal(size=80)[place] + 0.1 * rng.normal(size=n),
    })  # fmt: skip
    frame.to_csv(tmp_path / "t.csv", index=False)
    program("fit", "t.csv", "--target", "y", "--method", "algorithm-1", "--width", "32", "--out", "m.sextant", cwd=tmp_path)
    model = sextant.fit(frame.drop(columns="y"), frame["y"], **QUICK)
    assert model.input_names == ["place", "x"]
    assert list(model.directions().inputs) == ["x", "place → y", "count of place"]
    model.save(tmp_path / "own.sextant")
    assert (tmp_path / "own.sextant").read_bytes() == (tmp_path / "m.sextant").read_bytes()
    program("predict", "m.sextant", "t.csv", "--out", "p.npy", cwd=tmp_path)
    np.testing.assert_array_equal(model.predict(frame), np.load(tmp_path / "p.npy")[:, 0])
    assert np.corrcoef(model.predict(frame), frame["y"])[0, 1] > 0.9
    assert model.importance()["place"] > 0.8
    with pytest.warns(UserWarning, match="'elsewhere' in row 1 is none of the levels of 'place'"):
        assert np.isfinite(model.predict(pd.DataFrame({"place": ["elsewhere"], "x": [0.0]}))).all()
    without = sextant.fit(frame.drop(columns="y"), frame["y"], level_effects=False, **QUICK)
    assert list(without.directions().inputs) == ["x"]
