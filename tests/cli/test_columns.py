"""Columns that are no inputs, texts that mean a missing cell, and what becomes of missing cells.

Oracles: the formulas of docs/method.md written in NumPy on the model's file; fits of tables without these columns.
"""

import json

import numpy as np
import pytest
from safetensors_numpy import predict, read_model
from sextant_program import predictions, refuse, succeed
from tables import read_csv, wing_columns, write_csv

FIT = ["--target", "y", "--method", "algorithm-1", "--width", 64]


def json_of(*arguments, cwd):
    return json.loads(succeed(*arguments, "--json", cwd=cwd).out)


def gapped():
    """Every fifth cell of b is empty, and y is larger there; every tenth text is."""
    table = wing_columns()
    hole = np.arange(120) % 5 == 2
    kind = ["" if i % 10 == 4 else ("none" if i % 3 else "some") for i in range(120)]
    return {
        "a": table["a"],
        "b": np.where(hole, "", [repr(float(b)) for b in table["b"]]),
        "kind": kind,
        "y": table["y"] + 4 * hole,
    }


def test_an_indicator_stands_beside_what_is_filled(tmp_path):
    columns = gapped()
    write_csv(tmp_path / "t.csv", columns)
    result = succeed("fit", "t.csv", *FIT, cwd=tmp_path)
    by_number = "warning: t.csv: 'b' has 24 missing values (first at line 4): filled by the mean, an indicator beside (--missing)"
    assert by_number in result.err
    assert "warning: t.csv: 'kind' has 12 missing values (first at line 6): no level, an indicator beside (--missing)" in result.err
    tensors, metadata = read_model(tmp_path / "t.sextant")
    assert metadata["encoding"]["missing"] == "indicator"
    assert metadata["encoding"]["columns"] == [
        {"name": "a", "kind": "number"},
        {"name": "b", "kind": "number", "indicator": True},
        {"name": "kind", "kind": "text", "levels": ["none", "some"], "indicator": True},
    ]
    hole = np.arange(120) % 5 == 2
    assert np.isclose(tensors["x_mean"][2], hole.mean()) and np.isclose(tensors["x_scale"][2], 2 * hole.std())
    given = {**columns, "b": np.where(hole, "nan", columns["b"]).astype(float), "kind": np.array(columns["kind"])}
    np.testing.assert_allclose(predictions("t.sextant", "t.csv", cwd=tmp_path), predict(given, tensors, metadata), atol=1e-10)
    alone = json_of("fit", "t.csv", *FIT, "--missing", "mean", "--out", "mean.sextant", cwd=tmp_path)
    beside = json_of("fit", "t.csv", *FIT, cwd=tmp_path)
    assert (alone["missing"], beside["missing"]) == ("mean", "indicator")
    assert set(beside["inputs"]) - set(alone["inputs"]) == {"b=missing", "kind=missing"}
    assert beside["targets"][0]["validation_rmse"] < 0.8 * alone["targets"][0]["validation_rmse"]


def test_cells_that_are_missing_later_only_are_filled_and_said(fitted):
    table = wing_columns()
    mean = table["b"].mean()
    write_csv(fitted / "new.csv", {**table, "b": ["", *table["b"][1:]]})
    write_csv(fitted / "filled.csv", {**table, "b": [mean, *table["b"][1:]]})
    result = succeed("predict", "wing.sextant", "new.csv", cwd=fitted)
    assert "'b' has 1 missing value (first at line 2): filled by the mean of the training rows" in result.err
    expected = predictions("wing.sextant", "filled.csv", cwd=fitted)[:, 0]
    np.testing.assert_allclose(read_csv(result.out)["y"], expected, atol=1e-10)


@pytest.mark.parametrize("form", ["csv", "npy"])
@pytest.mark.parametrize("policy", ["indicator", "mean", "drop"])
def test_a_column_without_a_value_is_left_out(wing, form, policy):
    table = wing_columns()
    nothing = np.full(120, np.nan)
    if form == "csv":
        write_csv(wing / "t.csv", {"a": table["a"], "empty": [""] * 120, **{n: table[n] for n in "bcy"}})
    else:
        np.save(wing / "t.npy", np.column_stack([table["a"], nothing, table["b"], table["c"], table["y"]]))
        (wing / "t.names.json").write_text('["a", "empty", "b", "c", "y"]')
    result = succeed("fit", f"t.{form}", *FIT, "--missing", policy, cwd=wing)
    assert f"warning: t.{form}: 'empty' is left out: no training row has a value there" in result.err
    assert "missing value" not in result.err
    succeed("fit", "wing.csv", *FIT, "--missing", policy, cwd=wing)
    # New rows need not have the column, and it may hold anything.
    expected = predictions("wing.sextant", "wing.csv", cwd=wing)
    np.testing.assert_array_equal(predictions("t.sextant", "wing.csv", cwd=wing), expected)
    write_csv(wing / "other.csv", {**table, "empty": ["text"] * 120})
    np.testing.assert_array_equal(predictions("t.sextant", "other.csv", cwd=wing), expected)
    report = json_of("fit", f"t.{form}", *FIT, "--missing", policy, cwd=wing)
    assert report["left_out"] == [{"name": "empty", "why": "no value"}]
    assert report["inputs"] == ["a", "b", "c"]
    assert "empty (no value)" in succeed("info", "t.sextant", cwd=wing).out
    compared = json_of("compare", f"t.{form}", "--target", "y", "--methods", "random-features", "--missing", policy, cwd=wing)
    assert compared["left_out"] == [{"name": "empty", "why": "no value"}]
    again = json_of("transfer", "t.sextant", "wing.csv", "--target", "y", "--budget", "0.3", "--out", "n.sextant", cwd=wing)
    assert again["left_out"] == [{"name": "empty", "why": "no value"}]


def test_in_a_transfer_a_column_without_a_value_is_filled(fitted):
    table = wing_columns(rows=60, seed=3)
    write_csv(fitted / "few.csv", {**table, "c": [""] * 60})
    for keep in ("directions", "first-layer"):
        arguments = ["--target", "y", "--keep", keep, "--budget", "0.3"] if keep == "directions" else ["--target", "y", "--keep", keep]
        result = succeed("transfer", "wing.sextant", "few.csv", *arguments, "--out", "n.sextant", cwd=fitted)
        assert "'c' has 60 missing values (first at line 2): filled by the mean of the training rows" in result.err
        assert np.isfinite(predictions("n.sextant", "few.csv", cwd=fitted)).all()


def test_an_identifier_is_left_out_however_few_rows_there_are(wing):
    for rows in (20, 120):
        table = wing_columns(rows=rows)
        write_csv(wing / "t.csv", {"id": [f"s{i:03}" for i in range(rows)], **table})
        result = succeed("fit", "t.csv", *FIT, cwd=wing)
        assert "warning: t.csv: 'id' is left out: " in result.err and "'s000' at line 2" in result.err
        write_csv(wing / "plain.csv", table)
        succeed("fit", "plain.csv", *FIT, cwd=wing)
        expected = predictions("plain.sextant", "plain.csv", cwd=wing)
        np.testing.assert_array_equal(predictions("t.sextant", "t.csv", cwd=wing), expected)
        np.testing.assert_array_equal(predictions("t.sextant", "plain.csv", cwd=wing), expected)
    write_csv(wing / "only.csv", {"id": [f"s{i}" for i in range(50)], "y": range(50)})
    refuse("fit", "only.csv", *FIT, cwd=wing, status=1, says="'id' is left out: .*; no input is left")


def test_none_among_texts_is_one_of_them(wing):
    table = wing_columns()
    kind = ["none" if i % 2 else "yes" for i in range(120)]
    write_csv(wing / "t.csv", {**table, "kind": kind})
    assert "missing" not in succeed("fit", "t.csv", *FIT, cwd=wing).err
    assert read_model(wing / "t.sextant")[1]["encoding"]["columns"][-1]["levels"] == ["none", "yes"]
    report = json_of("fit", "t.csv", *FIT, "--missing-values", "none", cwd=wing)
    assert report["inputs"][-1] == "kind=missing"
    assert read_model(wing / "t.sextant")[1]["encoding"]["missing-values"] == ["none"]
    write_csv(wing / "classes.csv", {"a": table["a"], "y": ["None" if a > 0 else "Some" for a in table["a"]]})
    report = json_of("fit", "classes.csv", *FIT, "--task", "classification", cwd=wing)
    assert report["targets"][0]["classes"] == ["None", "Some"]
    assert json_of("evaluate", "classes.sextant", "classes.csv", cwd=wing)["targets"][0]["accuracy"] > 0.9


def test_a_text_that_means_a_missing_number_is_listed_and_remembered(wing):
    table = wing_columns()
    marked = {**table, "b": ["?" if i % 6 == 1 else b for i, b in enumerate(table["b"])]}
    empty = {**table, "b": ["" if i % 6 == 1 else b for i, b in enumerate(table["b"])]}
    write_csv(wing / "marked.csv", marked)
    write_csv(wing / "empty.csv", empty)
    result = succeed("fit", "marked.csv", *FIT, cwd=wing)
    assert "'b' is left out: its texts are too many to learn from" in result.err or "'b' is text of 101" in result.err
    assert "100 of its 120 cells are numbers: if the others stand for missing cells, list them in --missing-values" in result.err
    succeed("fit", "marked.csv", *FIT, "--missing-values", "?,-", cwd=wing)
    succeed("fit", "empty.csv", *FIT, cwd=wing)
    expected = predictions("empty.sextant", "empty.csv", cwd=wing)
    np.testing.assert_array_equal(predictions("marked.sextant", "marked.csv", cwd=wing), expected)
    few = {**table, "b": ["?" if i == 7 else b for i, b in enumerate(table["b"])]}
    write_csv(wing / "few.csv", few)
    refuse("fit", "few.csv", *FIT, cwd=wing, status=1, says="'\\?' is not a number .*list it in --missing-values")


def test_numbers_in_another_notation_are_pointed_out(wing):
    table = wing_columns()
    write_csv(wing / "t.csv", {**table, "b": [f'"{i % 9},5"' for i in range(120)]})
    err = succeed("fit", "t.csv", *FIT, cwd=wing).err
    assert "'b' is text of 9 different values (the first is '0,5' at line 2); if these are numbers, write a point" in err


def test_rows_that_are_left_out_are_counted(wing):
    table = wing_columns()
    write_csv(wing / "t.csv", {**table, "a": ["" if i % 3 == 0 else a for i, a in enumerate(table["a"])]})
    out = succeed("fit", "t.csv", *FIT, "--missing", "drop", cwd=wing).out
    assert "t.csv: 120 rows (80 learned from), 3 inputs" in out
