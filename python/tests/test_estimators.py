"""The estimators in scikit-learn's hands. Oracle: its own checks, and what its tools promise."""

import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.ensemble import BaggingClassifier
from sklearn.exceptions import DataConversionWarning
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_sample_weights_invariance, parametrize_with_checks

import sextant

ESTIMATORS = [
    sextant.SextantRegressor(method="algorithm-1", width=32),
    sextant.SextantRegressor(budget=0.01, threads=1),
    sextant.SextantClassifier(method="algorithm-1", width=32),
    sextant.SubspaceTransformer(method="algorithm-1", width=32),
    sextant.RandomFeaturesRegressor(width=32),
    sextant.NeuralTangentRegressor(width=8),
]
QUICK = ESTIMATORS[0]

# The only check that is not met, with the reason, as SextantEstimator._more_tags gives it to scikit-learn.
NOT_MET = {"check_sample_weights_invariance"}


@parametrize_with_checks(ESTIMATORS)
def test_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=str)
def test_no_check_is_skipped_but_the_one_with_a_reason(estimator):
    assert set(estimator._get_tags()["_xfail_checks"]) == NOT_MET
    assert not estimator._get_tags()["_skip_test"] and not estimator._get_tags()["non_deterministic"]
    # Of that check one half holds: weights of 1 are no weights.
    check_sample_weights_invariance(type(estimator).__name__, estimator, kind="ones")


def labelled(y):
    return np.where(y > np.median(y), "high", "low")


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=str)
def test_clone_pickle_and_joblib_give_the_same_predictions(estimator, rows, tmp_path):
    X, y = rows
    y = labelled(y) if isinstance(estimator, sextant.SextantClassifier) else y
    fitted = clone(estimator).fit(X, y)
    use = "transform" if hasattr(fitted, "transform") else "predict"
    expected = getattr(fitted, use)(X)
    joblib.dump(fitted, tmp_path / "it.joblib")
    again = clone(fitted).fit(X, y)
    for other in (pickle.loads(pickle.dumps(fitted)), joblib.load(tmp_path / "it.joblib"), again):
        np.testing.assert_array_equal(getattr(other, use)(X), expected)
        assert other.get_params() == fitted.get_params()


def test_grid_search_in_a_pipeline_with_two_processes(rows):
    X, y = rows
    pipeline = make_pipeline(StandardScaler(), QUICK)
    grid = {"sextantregressor__width": np.array([8, 64]), "sextantregressor__lambda_": [1e-3, [1e-4, 1e-2]]}
    search = GridSearchCV(pipeline, grid, cv=3, n_jobs=2, error_score="raise").fit(X, y)
    alone = GridSearchCV(pipeline, grid, cv=3, error_score="raise").fit(X, y)
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"])
    assert search.best_params_["sextantregressor__width"] == 64


def test_a_subspace_helps_another_estimator(rows):
    from sklearn.neighbors import KNeighborsRegressor

    X, y = rows
    plain = cross_val_score(KNeighborsRegressor(), X, y).mean()
    reduced = make_pipeline(sextant.SubspaceTransformer(method="algorithm-1", width=64, n_components=1), KNeighborsRegressor())
    assert cross_val_score(reduced, X, y).mean() > plain + 0.1


def test_data_frames_keep_their_names(rows):
    X, y = rows
    frame = pd.DataFrame(X, columns=list("abcde"))
    fitted = clone(QUICK).fit(frame, pd.Series(y, name="height"))
    assert fitted.feature_names_in_.tolist() == list("abcde")
    assert fitted.model_.input_names == list("abcde") and fitted.model_.target_names == ["height"]
    np.testing.assert_array_equal(fitted.predict(frame), clone(QUICK).fit(X, y).predict(X))
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.predict(frame[list("edcba")])
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.predict(frame.rename(columns={"a": "z"}))
    # The model itself matches columns by name.
    np.testing.assert_array_equal(fitted.model_.predict(frame[list("edcba")]), fitted.predict(frame))


def test_set_output(rows):
    X, y = rows
    frame = pd.DataFrame(X, columns=list("abcde"))
    subspace = sextant.SubspaceTransformer(method="algorithm-1", width=32, n_components=2).set_output(transform="pandas")
    Z = subspace.fit(frame, y).transform(frame)
    assert list(Z.columns) == ["subspacetransformer0", "subspacetransformer1"]
    assert list(Z.index) == list(frame.index)


def test_random_state(rows):
    X, y = rows
    seeded = [clone(QUICK).set_params(random_state=seed).fit(X, y).predict(X) for seed in (5, 5, 6)]
    np.testing.assert_array_equal(seeded[0], seeded[1])
    assert (seeded[0] != seeded[2]).any()
    for generator in (np.random.RandomState, np.random.default_rng):
        drawn = [clone(QUICK).set_params(random_state=generator(s)).fit(X, y).predict(X) for s in (1, 1, 2)]
        np.testing.assert_array_equal(drawn[0], drawn[1])
        assert (drawn[0] != drawn[2]).any()


def test_sample_weight_counts(rows):
    X, y = rows
    w = np.where(X[:, 0] > 0, 1.0, 1e-6)
    weighted = clone(QUICK).fit(X, y, sample_weight=w)
    plain = clone(QUICK).fit(X, y)
    error = [np.mean((fitted.predict(X) - y)[X[:, 0] > 0] ** 2) for fitted in (weighted, plain)]
    assert error[0] < error[1]
    with pytest.raises(ValueError, match="row weight is negative"):
        clone(QUICK).fit(X, y, sample_weight=-w)


def test_groups_and_validation_rows(rows):
    X, y = rows
    groups = np.repeat(["left", "middle", "right", "top"], 100)
    fitted = clone(QUICK).fit(X, y, groups=groups)
    assert fitted.model_.validation["rows"] == 100  # one whole group
    fitted = clone(QUICK).fit(X[:350], y[:350], validation=(X[350:], y[350:]))
    assert fitted.model_.validation["rows"] == 50 and fitted.model_.rows == 350


def test_several_targets(rows):
    X, y = rows
    Y = np.column_stack([y, X[:, 0], y - X[:, 0]])
    fitted = clone(QUICK).fit(X, Y)
    assert fitted.predict(X).shape == (400, 3)
    value, low, high = fitted.predict_interval(X, 0.8)
    assert (low <= value).all() and (value <= high).all() and (low[:, 0] < high[:, 0]).all() and value.shape == (400, 3)
    one = clone(QUICK).fit(X, Y[:, :1])
    assert one.predict(X).shape == (400, 1)
    np.testing.assert_array_equal(one.predict(X)[:, 0], clone(QUICK).fit(X, y).predict(X))


def test_subspace_projects_and_returns(rows):
    X, y = rows
    X = np.insert(X, 2, 7.0, axis=1)  # an input that never varies
    subspace = sextant.SubspaceTransformer(method="algorithm-1", width=64, n_components=2).fit(X, y)
    assert subspace.components_.shape == (2, 6) and (subspace.components_[:, 2] == 0).all()
    np.testing.assert_allclose(subspace.components_ @ subspace.components_.T, np.eye(2), atol=1e-12)
    Z = subspace.transform(X)
    back = subspace.inverse_transform(Z)
    np.testing.assert_allclose(subspace.transform(back), Z, atol=1e-12)  # a projection
    np.testing.assert_allclose(back[:, 2], 7.0)
    everything = sextant.SubspaceTransformer(method="algorithm-1", width=64, n_components=5).fit(X, y)
    np.testing.assert_allclose(everything.inverse_transform(everything.transform(X)), X, atol=1e-12)
    assert subspace.explained_spectrum_.sum() <= 1 and (subspace.explained_spectrum_ == subspace.spectrum_[:2]).all()
    with pytest.raises(ValueError, match="n_components: 6 given, expected 1 to 5"):
        clone(subspace).set_params(n_components=6).fit(X, y)


@pytest.mark.parametrize(
    "labels", [["a", "b", "c"], [0, 1, 2], [-1.0, 0.0, 3.0], [True, False, True]], ids=["text", "int", "float", "bool"]
)
def test_labels_of_any_kind(rows, labels):
    X, y = rows
    kind = np.asarray(labels)[np.digitize(X[:, 0] - X[:, 1], [-0.5, 0.5])]
    fitted = sextant.SextantClassifier(method="algorithm-1", width=64).fit(X, kind)
    assert fitted.classes_.dtype == kind.dtype and fitted.classes_.tolist() == sorted(set(labels))
    P = fitted.predict_proba(X)
    np.testing.assert_allclose(P.sum(axis=1), 1)
    np.testing.assert_array_equal(fitted.predict(X), fitted.classes_[P.argmax(axis=1)])
    assert fitted.score(X, kind) > 0.7
    again = sextant.SextantClassifier.from_model(fitted.model_)
    assert (again.predict_proba(X) == P).all()
    assert fitted.model_.evaluate(X, kind)["accuracy"] == pytest.approx(fitted.score(X, kind))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
def test_labels_in_a_column_are_the_labels(rows):
    X, y = rows
    kind = labelled(y)
    options = dict(method="algorithm-1", width=32)
    model = sextant.fit(X, kind, task="classification", **options)
    scores = model.evaluate(X, kind)
    for column in (kind.reshape(-1, 1), pd.DataFrame({"y": kind})):
        assert model.evaluate(X, column) == scores
        assert sextant.fit(X, column, task="classification", **options).evaluate(X, kind) == scores
        fitted = sextant.SextantClassifier(**options).fit(X[:300], kind[:300], validation=(X[300:], column[300:]))
        plain = sextant.SextantClassifier(**options).fit(X[:300], kind[:300], validation=(X[300:], kind[300:]))
        np.testing.assert_array_equal(fitted.predict_proba(X), plain.predict_proba(X))
        student = sextant.transfer(model, X, column, task="classification", keep="first-layer")
        assert student.classes.tolist() == ["high", "low"]
    with pytest.warns(DataConversionWarning, match="column-vector y"):
        model.evaluate(X, kind.reshape(-1, 1))


def test_labels_that_are_none_are_refused(rows):
    X, y = rows
    model = sextant.fit(X, labelled(y), task="classification", method="algorithm-1", width=32)
    with pytest.raises(ValueError, match="y: the label 1 is none of the model's classes, expected 'high', 'low'"):
        model.evaluate(X, np.ones(400, dtype=int))
    with pytest.raises(ValueError, match="y: the label 'mid' is none"):
        model.evaluate(X, np.where(y > 0, "mid", "low"))
    several = np.column_stack([y > 0, y < 0]).astype(int)
    for call in (model.evaluate, lambda X, y: sextant.fit(X, y, task="classification")):
        with pytest.raises(ValueError, match="y should be a 1d array, got an array of shape"):
            call(X, several)


def test_a_class_of_no_weight_has_probability_zero(rows):
    X, y = rows
    kind = np.where(y > 0, "high", "low").astype("<U4")
    kind[:3] = "none"
    w = (np.arange(400) >= 3).astype(float)
    fitted = sextant.SextantClassifier(method="algorithm-1", width=32).fit(X, kind, sample_weight=w)
    assert fitted.classes_.tolist() == ["high", "low", "none"]
    P = fitted.predict_proba(X)
    assert P.shape == (400, 3) and (P[:, 2] == 0).all()
    as_two = sextant.SextantClassifier(method="algorithm-1", width=32)
    as_two.fit(X, np.where(w > 0, kind, "low"), sample_weight=w)
    np.testing.assert_array_equal(P[:, :2], as_two.predict_proba(X))
    assert sextant.fit(X, kind, sample_weight=w, task="classification", width=8).classes.tolist() == ["high", "low"]
    bagged = BaggingClassifier(sextant.SextantClassifier(method="algorithm-1", width=8, threads=1), random_state=0)
    np.testing.assert_allclose(bagged.fit(X, kind).predict_proba(X).sum(axis=1), 1)


def test_logarithms_of_probabilities(rows):
    X, y = rows
    fitted = sextant.SextantClassifier(method="algorithm-1", width=32).fit(X, labelled(y))
    np.testing.assert_array_equal(fitted.predict_log_proba(X), np.log(fitted.predict_proba(X)))


def test_a_model_that_fills_in_missing_cells_makes_an_estimator_that_does(rows, tmp_path, program):
    X, y = rows
    holed = X.copy()
    holed[::7, 1] = np.nan
    np.savetxt(tmp_path / "rows.csv", np.column_stack([holed, y]), delimiter=",", header="a,b,c,d,e,y", comments="", fmt="%r")
    words = ["--target", "y", "--method", "algorithm-1", "--width", "32", "--missing", "mean", "--out", "m.sextant"]
    program("fit", "rows.csv", *words, cwd=tmp_path)
    model = sextant.Model.load(tmp_path / "m.sextant")
    expected = model.predict(holed)
    np.testing.assert_array_equal(sextant.SextantRegressor.from_model(model).predict(holed), expected)
    filled = np.where(np.isnan(holed), np.nanmean(holed, axis=0), holed)
    found = sextant.SubspaceTransformer.from_model(model)
    np.testing.assert_allclose(found.transform(holed), found.transform(filled), atol=1e-12)
    display = sextant.SummaryPlotDisplay.from_estimator(model, holed, y)
    np.testing.assert_allclose(display.coordinates, found.transform(filled)[:, :1], atol=1e-12)


def test_columns_without_text_names_count_by_their_place(rows):
    X, y = rows
    frame = pd.DataFrame(X)
    expected = clone(QUICK).fit(X, y).predict(X)
    fitted = clone(QUICK).fit(frame, y)
    np.testing.assert_array_equal(fitted.predict(frame), expected)
    model = sextant.fit(frame, y, method="algorithm-1", width=32)
    np.testing.assert_array_equal(model.predict(frame), expected)
    np.testing.assert_array_equal(model.predict(frame.rename(columns=dict(enumerate("abcde")))), expected)
    held_out = sextant.fit(frame[:300], y[:300], validation=(frame[300:], y[300:]), method="algorithm-1", width=32)
    plain = sextant.fit(X[:300], y[:300], validation=(X[300:], y[300:]), method="algorithm-1", width=32)
    np.testing.assert_array_equal(held_out.validation["path"], plain.validation["path"])
    assert sextant.transfer(model, frame, y, keep="first-layer").transferred
    assert sextant.SummaryPlotDisplay.from_estimator(fitted, frame, y).coordinates.shape == (400, 1)
    with pytest.raises(ValueError, match="X: 4 inputs given, expected 5"):
        model.predict(frame[[0, 1, 2, 3]])


def test_an_estimator_of_a_model_has_its_options(rows):
    X, y = rows
    fitted = sextant.SextantRegressor(method="algorithm-1", width=32, lambda_=[1e-3, 1.0], eta=2.5, random_state=7).fit(X, y)
    again = sextant.SextantRegressor.from_model(fitted.model_)
    parameters = again.get_params()
    assert [parameters[name] for name in ("method", "width", "lambda_", "eta", "random_state")] == [
        "algorithm-1", 32, [1e-3, 1.0], 2.5, 7]  # fmt: skip
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))
    np.testing.assert_array_equal(again.fit(X, y).predict(X), fitted.predict(X))
    with pytest.raises(ValueError, match="SextantClassifier: a model of regression given, expected one of classification"):
        sextant.SextantClassifier.from_model(fitted.model_)
    with pytest.raises(ValueError, match="a model of algorithm-1 given, expected one of random-features"):
        sextant.RandomFeaturesRegressor.from_model(fitted.model_)
    found = sextant.SubspaceTransformer.from_model(fitted.model_)
    np.testing.assert_array_equal(found.components_, fitted.directions_.directions[: found.n_components_])
    np.testing.assert_array_equal(found.transform(X).shape, (400, found.n_components_))


def test_validation_rows_of_a_data_frame_are_matched_by_name(rows):
    X, y = rows
    frame = pd.DataFrame(X, columns=list("abcde"))
    options = dict(method="algorithm-1", width=32)
    held_out = frame[300:]
    expected = sextant.fit(frame[:300], y[:300], validation=(held_out, y[300:]), **options).validation["path"]
    turned = sextant.fit(frame[:300], y[:300], validation=(held_out[list("edcba")], y[300:]), **options)
    np.testing.assert_array_equal(turned.validation["path"], expected)
    with pytest.raises(ValueError, match="validation: the columns 'a' are not there"):
        sextant.fit(frame[:300], y[:300], validation=(held_out[list("bcde")], y[300:]), **options)
