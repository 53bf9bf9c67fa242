"""Arrays of every kind: the same rows in another form give the same model, and what is no table of numbers gives
scikit-learn's usual error."""

import gc
import weakref

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

import sextant
from sextant import _core

QUICK = sextant.SextantRegressor(method="algorithm-1", width=32)


def in_other_forms(X):
    padded = np.zeros((2 * len(X), X.shape[1] + 3))
    padded[::2, 1:-2] = X
    read_only = X.copy()
    read_only.flags.writeable = False
    return {
        "Fortran order": np.asfortranarray(X),
        "slice": padded[::2, 1:-2],
        "reversed twice": X[::-1][::-1],
        "read-only": read_only,
        "big-endian": X.astype(">f8"),
        "list": X.tolist(),
        "object": X.astype(object),
        "data frame": pd.DataFrame(X, columns=[f"x{j}" for j in range(1, X.shape[1] + 1)]),
    }


def test_the_same_rows_in_another_form_give_the_same_bits(rows):
    X, y = rows
    expected = clone(QUICK).fit(X, y).predict(X)
    for name, other in in_other_forms(X).items():
        fitted = clone(QUICK).fit(other, y)
        np.testing.assert_array_equal(fitted.predict(other), expected, err_msg=name)
        np.testing.assert_array_equal(fitted.model_.predict(other), expected, err_msg=name)
    for name, other in in_other_forms(y.reshape(-1, 1)).items():
        np.testing.assert_array_equal(clone(QUICK).fit(X, other).predict(X)[:, 0], expected, err_msg=name)
    single = X.astype(np.float32)
    as_double = clone(QUICK).fit(single.astype(np.float64), y).predict(single.astype(np.float64))
    np.testing.assert_array_equal(clone(QUICK).fit(single, y).predict(single), as_double)


def test_inputs_are_not_changed(rows):
    X, y = rows
    before = X.copy(), y.copy()
    clone(QUICK).fit(X, y).predict(X)
    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(y, before[1])


def test_rows_are_read_where_they_lie():
    X, Y = np.ones((4, 2)), np.ones((4, 1))
    held = _core.Rows(X, Y)
    X[2, 1] = 5.0  # seen by whatever reads the rows now
    beta = _core.fit_linear(held, "correlation", 0.0, _core.Run()).beta  # the mean of y·x
    np.testing.assert_allclose(beta[:, 0], [1.0, 2.0])
    seen = weakref.ref(X)
    del X
    gc.collect()
    assert seen() is not None  # held as long as its rows are
    del held
    gc.collect()
    assert seen() is None
    for other in (np.asfortranarray(np.ones((4, 2))), np.ones((4, 2), np.float32), np.ones((8, 2))[::2]):
        with pytest.raises(TypeError):  # never copied in silence
            _core.Rows(other, Y)


@pytest.mark.parametrize(
    "spoil, says",
    [
        (lambda X: np.where(X == X[3, 1], np.nan, X), "Input X contains NaN"),
        (lambda X: np.where(X == X[3, 1], np.inf, X), "Input X contains infinity"),
        (lambda X: X[:0], "Found array with 0 sample"),
        (lambda X: X[:, :0], "Found array with 0 feature"),
        (lambda X: X[:, :4], "X has 4 features, but SextantRegressor is expecting 5"),
        (lambda X: X[0], "Expected 2D array, got 1D array"),
        (lambda X: X[None], "Found array with dim 3"),
        (lambda X: X + 1j, "Complex data not supported"),
        (lambda X: X.astype(str).astype(object) + "?", "could not convert string to float"),
    ],
)
def test_what_is_no_table_of_numbers_is_refused_as_usual(rows, spoil, says):
    X, y = rows
    bad = spoil(X)
    strict = clone(QUICK).set_params(missing="error")
    fitted = clone(strict).fit(X, y)
    with pytest.raises(ValueError, match=says):
        fitted.predict(bad)
    if "expecting" not in says:
        with pytest.raises(ValueError, match=says):
            clone(strict).fit(bad, y[: len(bad)])


def test_targets_that_do_not_fit_are_refused(rows):
    X, y = rows
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        clone(QUICK).fit(X, y[:-1])
    with pytest.raises(ValueError, match="Input y contains NaN"):
        clone(QUICK).fit(X, np.where(y == y[0], np.nan, y))
    with pytest.raises(ValueError, match="expected a target that varies"):
        clone(QUICK).fit(X, np.ones_like(y))
    with pytest.raises(ValueError, match="minimum of 2 is required"):
        clone(QUICK).fit(X[:1], y[:1])


def test_predictions_of_many_rows_do_not_depend_on_how_they_are_cut(rows):
    X, y = rows
    fitted = clone(QUICK).fit(X, y)
    many = np.tile(X, (100, 1))  # more than are predicted between two looks at the interpreter
    np.testing.assert_array_equal(fitted.predict(many)[:400], fitted.predict(X))
    np.testing.assert_allclose(fitted.predict(many[-400:]), fitted.predict(X), rtol=1e-12)
