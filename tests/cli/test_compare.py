"""`compare`: several methods on one table.

Oracles: `fit`, `predict` and NumPy on a test table given separately; least squares by NumPy; what `generate` says of the
true direction.
"""

import math
import shlex

import numpy as np
import pytest
from sextant_program import json_of, predictions, refuse, run, succeed
from tables import wing_columns, write_csv

METHODS = ["algorithm-1", "random-features"]
SMALL = ["--methods", ",".join(METHODS), "--width", 64]


@pytest.fixture
def tables(tmp_path):
    """A folder with train.csv and test.csv."""
    write_csv(tmp_path / "train.csv", wing_columns(240))
    write_csv(tmp_path / "test.csv", wing_columns(80, seed=12))
    return tmp_path


def by_method(report):
    return {row["method"]: row for row in report["methods"]}


def errors(report):
    return {row["method"]: row["targets"] for row in report["methods"]}


def rmse(error):
    return np.sqrt(np.mean(np.asarray(error) ** 2))


def test_rows_are_what_fit_and_predict_give(tables):
    report = json_of("compare", "train.csv", "--target", "y", "--test", "test.csv", *SMALL, cwd=tables)
    assert sorted(report) == ["best", "left_out", "methods", "missing", "rank", "rows", "test_rows"]
    assert (report["rows"], report["test_rows"]) == (240, 80)
    rows = by_method(report)
    assert sorted(rows) == sorted([*METHODS, "linear", "mean"])
    y = wing_columns(80, seed=12)["y"]
    for method in METHODS:
        fit = ["fit", "train.csv", "--target", "y", "--method", method, "--width", 64, "--out", "m.sextant"]
        succeed(*fit, cwd=tables)
        error = rmse(predictions("m.sextant", "test.csv", cwd=tables)[:, 0] - y)
        assert rows[method]["rmse"] == pytest.approx(error, rel=1e-9)
        assert rows[method]["r2"] == pytest.approx(1 - error**2 / y.var(), rel=1e-9)
        assert sorted(rows[method]) == sorted(
            "method rmse r2 relative_error targets seconds angle_degrees_best overlap_best".split()
        )
    mean = wing_columns(240)["y"].mean()
    assert rows["mean"]["rmse"] == pytest.approx(rmse(y - mean)) and rows["mean"]["relative_error"] == 1
    assert rows["mean"]["angle_degrees_best"] is None
    errors = [row["rmse"] for row in report["methods"]]
    assert errors == sorted(errors)
    assert report["best"] in METHODS and rows[report["best"]]["angle_degrees_best"] < 1e-6


def test_test_rows_are_not_seen(tmp_path):
    """The share of the rows, which rows by the seed alone, and that no fit sees them."""
    write_csv(tmp_path / "t.csv", wing_columns(100))
    arguments = ["compare", "t.csv", "--target", "y", *SMALL]
    first = json_of(*arguments, cwd=tmp_path)
    assert (first["rows"], first["test_rows"]) == (80, 20)
    again = json_of(*arguments, "--threads", 1, cwd=tmp_path)
    other = json_of(*arguments, "--seed", 1, cwd=tmp_path)
    assert errors(again) == errors(first) != errors(other)
    half = json_of(*arguments, "--test-share", 0.5, cwd=tmp_path)
    assert (half["rows"], half["test_rows"]) == (50, 50)
    # With one row's target at 10⁶: among the test rows it spoils the test only, so that the mean of the others is far
    # off; among the training rows it moves that mean by 10⁶/80.
    spoilt = set()
    for i in range(20):
        columns = wing_columns(100)
        columns["y"][i] = 1e6
        write_csv(tmp_path / "t.csv", columns)
        mean = by_method(json_of(*arguments, cwd=tmp_path))["mean"]["rmse"]
        tested = mean > 1e5
        assert mean == pytest.approx(1e6 / math.sqrt(20) if tested else 1e6 / 80, rel=1e-3)
        spoilt.add(tested)
    assert spoilt == {True, False}


def test_linear_data(tmp_path):
    """Chosen on the training rows themselves hardly any ridge is best (ties within 1e-7): least squares."""
    rng = np.random.default_rng(5)
    X = rng.standard_normal((300, 3))
    y = X @ [1, -2, 0.5] + 4 + 0.1 * rng.standard_normal(300)
    for name, rows in [("train", slice(0, 200)), ("test", slice(200, 300))]:
        write_csv(tmp_path / f"{name}.csv", dict(zip("abcy", [*X[rows].T, y[rows]])))
    A = np.column_stack([X, np.ones(300)])
    coefficients = np.linalg.lstsq(A[:200], y[:200], rcond=None)[0]
    arguments = ["compare", "train.csv", "--target", "y", "--test", "test.csv", "--validation", "train.csv"]
    rows = by_method(json_of(*arguments, *SMALL, cwd=tmp_path))
    assert rows["linear"]["rmse"] == pytest.approx(rmse(y[200:] - A[200:] @ coefficients), rel=3e-4)
    assert rows["linear"]["overlap_best"] > 0.99


def test_several_targets(tables):
    columns = wing_columns(240)
    columns["z"] = 100 * columns["a"]
    write_csv(tables / "train.csv", columns)
    report = json_of("compare", "train.csv", "--target", "y,z", *SMALL, cwd=tables)
    for row in report["methods"]:
        assert [target["name"] for target in row["targets"]] == ["y", "z"]
        assert row["rmse"] == pytest.approx(np.mean([target["rmse"] for target in row["targets"]]))
        assert row["r2"] == pytest.approx(np.mean([target["r2"] for target in row["targets"]]))
    relative = [row["relative_error"] for row in report["methods"]]
    assert relative == sorted(relative)
    assert "means over the targets" in succeed("compare", "train.csv", "--target", "y,z", *SMALL, cwd=tables).out


def test_against_the_truth(tmp_path):
    generate = ["generate", "source", "--n", 4000, "--d", 6, "--noise", 0.3, "--out", "s.csv"]
    succeed(*generate, cwd=tmp_path)
    arguments = ["compare", "s.csv", "--target", "y", *SMALL, "--against", "s.directions.csv"]
    report = json_of(*arguments, cwd=tmp_path)
    rows = by_method(report)
    assert report["best"] == "algorithm-1" and report["rank"] == 1
    assert rows["algorithm-1"]["angle_degrees_against"] < 10
    assert rows["algorithm-1"]["overlap_against"] > 0.97
    out = succeed(*arguments, cwd=tmp_path).out
    assert "to truth" in out and "sextant fit s.csv --target y --method algorithm-1" in out
    # The same numbers as `directions --against`.
    fit = ["fit", "s.csv", "--target", "y", "--width", 64, "--out", "m.sextant"]
    succeed(*fit, cwd=tmp_path)
    one = json_of("directions", "m.sextant", "--rank", 1, "--against", "s.directions.csv", cwd=tmp_path)
    arguments = ["compare", "s.csv", "--target", "y", *SMALL, "--against", "s.directions.csv", "--test", "t.csv"]
    succeed("generate", "source", "--n", 50, "--d", 6, "--first-row", 5000, "--out", "t.csv", cwd=tmp_path)
    found = by_method(json_of(*arguments, cwd=tmp_path))["algorithm-1"]
    assert found["overlap_against"] == pytest.approx(one["overlap"], rel=1e-9)


def test_a_method_that_fails_is_a_row(tables):
    """Nothing is finite after a step of 1e300; random features take none."""
    arguments = ["compare", "train.csv", "--target", "y", "--eta", 1e300]
    report = json_of(*arguments, *SMALL, cwd=tables)
    last = report["methods"][-1]
    assert sorted(last) == ["failure", "method"] and last["method"] == "algorithm-1" and "finite" in last["failure"]
    assert report["best"] == "random-features"
    assert last["failure"] in succeed(*arguments, *SMALL, cwd=tables).out
    # All fail: the table is printed and the exit status says so.
    alone = run(*arguments, "--methods", "algorithm-1", "--width", 64, cwd=tables)
    assert alone.status == 1 and last["failure"] in alone.out and "linear" in alone.out
    assert "error: compare: none of the methods could be fitted" in alone.err


def test_default_methods(tables):
    rows = by_method(json_of("compare", "train.csv", "--target", "y", "--width", 64, "--budget", 1, "--redraws", 1, cwd=tables))
    assert {*METHODS, "auto", "linear", "mean", "ntk", "kernel-gaussian", "sir"} <= set(rows) and "oracle" not in rows
    assert not [method for method in rows if "failure" in rows[method]]


def test_the_oracle_needs_its_subspace(tables):
    """Features inside the true direction, (a + 2(b − 10)/3)/√5, leave only the linear part to lead out of it."""
    write_csv(tables / "truth.csv", {"a": [1.0], "b": [2.0], "c": [0.0]})
    arguments = ["compare", "train.csv", "--target", "y", "--width", 64, "--methods", "oracle"]
    arguments += ["--subspace", "truth.csv", "--against", "truth.csv"]
    oracle = by_method(json_of(*arguments, cwd=tables))["oracle"]
    assert oracle["r2"] > 0.95 and oracle["angle_degrees_against"] < 3
    assert "--method oracle --subspace truth.csv" in succeed(*arguments, cwd=tables).out


@pytest.mark.parametrize(
    "arguments, status, says",
    [
        ("train.csv", 2, "--target is required"),
        ("train.csv --target y --methods magic", 2, "'magic' is not known, expected one of auto"),
        ("train.csv --target y --methods algorithm-1,algorithm-1", 2, "'algorithm-1' given twice"),
        ("train.csv --target y --width 3", 2, "width: 3 given"),
        ("train.csv --target y --test-share 0.7", 2, "test-share: 0.7 given"),
        ("train.csv --target y --test-share 0", 2, "test-share: 0 given"),
        ("train.csv --target y --test-share 0.2 --test test.csv", 2, "excludes"),
        ("train.csv --target y --test train.csv", 2, "is what is learned from"),
        ("train.csv --target y --test none.csv", 1, "none.csv"),
        ("train.csv --target y --test other.csv", 1, "'b'"),
        ("train.csv --target y --against other.csv", 1, "no column for the input 'b'"),
        ("train.csv --target y --methods oracle", 2, "subspace: none given"),
        ("train.csv --target y --methods ntk --subspace other.csv", 2, "subspace: given with ntk"),
        ("train.csv --target y --method ntk", 2, "no option '--method'"),
        ("train.csv --target w", 2, "'w'"),
        ("one.csv --target y", 1, "compare: of 1 rows none is left"),
        ("flat.csv --target y", 1, "expected a target that varies"),
    ],
)
def test_wrong_usage(tables, arguments, status, says):
    write_csv(tables / "other.csv", {"a": [1.0, 2.0], "c": [3.0, 4.0], "y": [5.0, 6.0]})
    write_csv(tables / "one.csv", {"a": [1.0], "y": [5.0]})
    write_csv(tables / "flat.csv", {"a": [float(i) for i in range(20)], "y": [5.0] * 20})
    refuse("compare", *shlex.split(arguments), cwd=tables, status=status, says=says)
