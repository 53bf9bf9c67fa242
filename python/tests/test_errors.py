"""The library's errors as Python's, each with its sentence, and options of every kind. Oracle: the sentences of the
C++ tests and the command line."""

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

import sextant


def refused(error, says, rows, **options):
    with pytest.raises(error) as raised:
        sextant.fit(*rows, **options)
    assert str(raised.value) == says


@pytest.mark.parametrize(
    "options, says",
    [
        (dict(width=3), "width: 3 given, expected an even number of at least 2 (units come in mirrored pairs)"),
        (dict(eta=-1.0), "eta: -1 given, expected a number above 0"),
        (dict(folds=1), "folds: 1 given, expected at least 2"),
        (dict(validation_share=0.7), "validation-share: 0.7 given, expected a number above 0 and at most 0.5"),
        (dict(lambda_=[1.0, -1.0]), "lambda: -1 given, expected numbers of at least 0"),
        (dict(preprocess="Linear"), "preprocess: 'Linear' is not known, expected one of none, correlation, linear"),
        (dict(budget="huge"), "budget: 'huge' given, expected a number of seconds, or low, medium or high"),
        (dict(ntk_blocks=["a", "c"]), "ntk-blocks: 'a,c' given, expected some of a, W, b, separated by commas"),
        (dict(width=10**30), f"width: {10**30} is too large"),
        (dict(random_state=2**64), f"seed: {2**64} is too large"),
        (dict(lambda_=[]), "lambda: an empty list given, expected at least one number"),
        (dict(task=None), "task: None given, expected 'regression' or 'classification'"),
        (dict(validation=(np.ones((5, 5)),)), "validation: 1 parts given, expected (X, y) or (X, y, sample_weight)"),
        (dict(validation=4 * (np.ones(5),)), "validation: 4 parts given, expected (X, y) or (X, y, sample_weight)"),
    ],
)
def test_values_out_of_their_range(rows, options, says):
    refused(ValueError, says, rows, **{"method": "algorithm-1", **options})


@pytest.mark.parametrize(
    "options, says",
    [
        (dict(width=3.5), "width: 3.5 given, expected a whole number"),
        (dict(width=True), "width: True given, expected a whole number"),
        (dict(eta="1"), "eta: '1' given, expected a number"),
        (dict(refit=1), "refit: 1 given, expected True or False"),
        (dict(head=2), "head: 2 given, expected a name"),
        (dict(lambda_="small"), "lambda: 'small' given, expected a number or a list of numbers"),
        (dict(widht=8), "widht: is no option"),
        (dict(seed=7), "seed: is no option in Python, expected random_state"),
        ({"lambda": 0.1}, "lambda: is no option in Python, expected lambda_"),
        (dict(lambda_=True), "lambda: True given, expected a number or a list of numbers"),
        (dict(threads=1.5), "threads: 1.5 given, expected a whole number"),
        (dict(random_state=-1), "seed: -1 given, expected a whole number of at least 0"),
    ],
)
def test_values_of_a_wrong_type(rows, options, says):
    refused(TypeError, says, rows, **{"method": "algorithm-1", **options})


def test_numpy_scalars_serve_as_numbers(rows):
    options = dict(width=np.int64(32), eta=np.float32(2.0), refit=np.bool_(True), folds=np.array(3))
    model = sextant.fit(*rows, method="algorithm-1", lambda_=np.array([1e-3, 1.0]), **options)
    assert [model.options[name] for name in ("width", "eta", "refit", "folds", "lambda")] == [32, 2, True, 3, [1e-3, 1.0]]
    assert sextant.fit(*rows, budget="low", method="algorithm-1", width=8).options["budget"] == 3


def test_levels_of_intervals_are_numbers(rows):
    model = sextant.fit(*rows, method="algorithm-1", width=32)
    with pytest.raises(TypeError, match="level: 'a' given, expected a number"):
        model.predict_interval(rows[0], "a")


@pytest.mark.parametrize("value", [2.0, "a", True])
def test_numbers_of_components_are_refused_before_the_fit(rows, value):
    def fail(stage, fraction):
        raise AssertionError("it learns already")

    subspace = sextant.SubspaceTransformer(n_components=value, progress=fail)
    with pytest.raises(TypeError, match=f"n_components: {value!r} given, expected a whole number"):
        subspace.fit(*rows)


@pytest.mark.parametrize(
    "inputs, target, says",
    [
        (list("aacde"), "y", "X: the column 'a' is there 2 times, expected different names"),
        (["a", "", "c", "d", "e"], "y", "X: a column has an empty name"),
        (list("abcde"), "c", "y: the target 'c' is named like an input, expected another name"),
    ],
)
def test_names_that_a_file_could_not_tell_apart(rows, inputs, target, says):
    X, y = rows
    frame, column = pd.DataFrame(X, columns=inputs), pd.Series(y, name=target)
    with pytest.raises(ValueError, match=says):
        sextant.fit(frame, column, method="algorithm-1", width=8)
    with pytest.raises(ValueError, match=says):
        sextant.SextantRegressor(method="algorithm-1", width=8).fit(frame, column)


@pytest.mark.parametrize(
    "use",
    [
        lambda of, X, y: sextant.transfer(of, X, y),
        lambda of, X, y: sextant.SpectrumDisplay.from_estimator(of),
        lambda of, X, y: sextant.DirectionsDisplay.from_estimator(of),
        lambda of, X, y: sextant.SummaryPlotDisplay.from_estimator(of, X, y),
        lambda of, X, y: sextant.report(of, "page.html"),
    ],
    ids=["transfer", "spectrum", "directions", "summary", "report"],
)
def test_what_is_not_fitted_or_no_model_is_refused(rows, use):
    with pytest.raises(NotFittedError, match="is not fitted yet"):
        use(sextant.SextantRegressor(), *rows)
    with pytest.raises(TypeError, match="a Pipeline given, expected a Model or a fitted estimator of this package"):
        use(make_pipeline(sextant.SextantRegressor()), *rows)


def test_results_that_are_not_finite(rows):
    model = sextant.fit(*rows, method="algorithm-1", width=32)
    X = rows[0][:3].copy()
    X[1] = 1e308
    with pytest.raises(sextant.NumericalError, match="the prediction for row 2 overflows") as raised:
        model.predict(X)
    assert isinstance(raised.value, ArithmeticError)


def test_models_that_cannot_do_what_is_asked(rows):
    model = sextant.fit(*rows, method="kernel-gaussian")
    with pytest.raises(ValueError, match="transfer: the model is kernel-gaussian, which has no first layer to keep"):
        sextant.transfer(model, *rows, keep="first-layer")
    with pytest.raises(ValueError, match="predict: the model predicts a number, expected a model of a class"):
        model.predict_proba(rows[0])
    with pytest.raises(ValueError, match="keep: 'head' given"):
        sextant.transfer(model, *rows, keep="head")
    with pytest.raises(ValueError, match="fold"):
        sextant.fit(*rows, method="algorithm-1", folds=3, validation=rows)
