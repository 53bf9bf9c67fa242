"""What matters to a model, and how sure the program is of what it found, as a person asks for it.

Oracles: NumPy, from the model file alone (safetensors_numpy.py) and from what `predict` writes.
"""

import math

import numpy as np
import pytest
from safetensors_numpy import read_model, split_model, write_model
from sextant_program import json_of, refuse, succeed
from tables import read_csv, wing_columns, write_csv


def fit(folder, table, model, *arguments, target="y"):
    return succeed("fit", table, "--target", target, "--out", model, "--width", 64, *arguments, cwd=folder)


# ---- prediction intervals ----


def test_an_interval_is_the_prediction_plus_and_minus_a_quantile(fitted):
    table = read_csv(succeed("predict", "wing.sextant", "wing.csv", "--interval", "0.8", cwd=fitted).out)
    assert list(table) == ["y", "y_low", "y_high"]
    plain = read_csv(succeed("predict", "wing.sextant", "wing.csv", cwd=fitted).out)
    np.testing.assert_array_equal(table["y"], plain["y"])
    tensors, metadata = read_model(fitted / "wing.sextant")
    assert metadata["intervals"] == {"rows": 24, "set-aside": False}
    rank = math.ceil(0.8 * 25)  # of 24 held-out rows
    q = tensors["interval_radius"][rank - 1, 0]
    np.testing.assert_allclose(table["y"] - table["y_low"], q, rtol=1e-9)
    np.testing.assert_allclose(table["y_high"] - table["y"], q, rtol=1e-9)
    np.testing.assert_allclose(tensors["interval_level"][:, 0], np.arange(1, 25) / 25, rtol=1e-12)


def test_several_targets_and_npy(wing):
    columns = wing_columns()
    write_csv(wing / "two.csv", {**columns, "z": 100 * columns["a"]})
    fit(wing, "two.csv", "m.sextant", target="y,z")
    text = succeed("predict", "m.sextant", "two.csv", "--interval", "0.5", cwd=wing).out
    assert text.splitlines()[0] == "y,y_low,y_high,z,z_low,z_high"
    succeed("predict", "m.sextant", "two.csv", "--interval", "0.5", "--out", "p.npy", cwd=wing)
    np.testing.assert_array_equal(np.load(wing / "p.npy"), np.column_stack(list(read_csv(text).values())))


def test_evaluate_measures_coverage_and_width(fitted):
    table = wing_columns(rows=70, seed=17)
    write_csv(fitted / "test.csv", table)
    bounds = read_csv(succeed("predict", "wing.sextant", "test.csv", "--interval", "0.9", cwd=fitted).out)
    report = json_of("evaluate", "wing.sextant", "test.csv", "--interval", "0.9", cwd=fitted)
    (scores,) = report["targets"]
    inside = (bounds["y_low"] <= table["y"]) & (table["y"] <= bounds["y_high"])
    assert report["interval"] == 0.9 and math.isclose(scores["coverage"], inside.mean(), rel_tol=1e-12)
    assert math.isclose(scores["width"], np.mean(bounds["y_high"] - bounds["y_low"]), rel_tol=1e-12)
    out = succeed("evaluate", "wing.sextant", "test.csv", "--interval", "0.9", cwd=fitted).out
    assert f"{100 * inside.mean():.1f} % of the rows inside (asked for: 90 %)" in out


def test_rows_set_aside_are_seen_by_nothing_else(wing):
    result = fit(wing, "wing.csv", "m.sextant", "--calibration-share", "0.25")
    assert "holds 90 % of new rows (30 rows set aside)" in result.out
    _, metadata = read_model(wing / "m.sextant")
    assert metadata["intervals"] == {"rows": 30, "set-aside": True}
    assert metadata["rows"] == 90 and metadata["options"]["calibration-share"] == 0.25


def test_rows_without_a_prediction_have_no_interval(wing):
    columns = wing_columns()
    columns["a"] = [*columns["a"][:3], "", *columns["a"][4:]]
    write_csv(wing / "gap.csv", columns)
    fit(wing, "wing.csv", "m.sextant", "--missing", "drop")
    table = read_csv(succeed("predict", "m.sextant", "gap.csv", "--interval", "0.9", cwd=wing).out)
    for name in ("y", "y_low", "y_high"):
        assert np.isnan(table[name][3]) and np.isnan(table[name]).sum() == 1


@pytest.mark.parametrize("command", ["predict", "evaluate"])
@pytest.mark.parametrize(
    "level, says",
    [
        ("0.99", "interval: 0.99 given, expected at most 0.96: the model has 24 held-out rows"),
        ("1", "interval: 1 given, expected a level between 0 and 1"),
        ("0", "expected a level between 0 and 1"),
        ("-1", "expected a level between 0 and 1"),
        ("nan", "nan given, expected a"),
        ("90%", "--interval: 90% given, expected a number"),
    ],
)
def test_levels_that_cannot_be_had(fitted, command, level, says):
    refuse(command, "wing.sextant", "wing.csv", f"--interval={level}", cwd=fitted, status=2, says=says)


def test_a_file_from_before_intervals_still_serves(fitted):
    header, metadata, data = split_model((fitted / "wing.sextant").read_bytes())
    del metadata["intervals"], metadata["options"]["calibration-share"]
    ends = sorted((entry["data_offsets"], name) for name, entry in header.items())
    kept, older = b"", {}
    for (begin, end), name in ends:
        if name.startswith("interval_"):
            continue
        older[name] = {**header[name], "data_offsets": [len(kept), len(kept) + end - begin]}
        kept += data[begin:end]
    write_model(fitted / "older.sextant", older, metadata, kept)
    now = succeed("predict", "wing.sextant", "wing.csv", cwd=fitted).out
    assert succeed("predict", "older.sextant", "wing.csv", cwd=fitted).out == now
    says = "keeps no residuals of held-out rows"
    refuse("predict", "older.sextant", "wing.csv", "--interval", "0.9", cwd=fitted, status=2, says=says)
    for entry, value in [("rows", 0), ("rows", -3), ("set-aside", "yes")]:
        write_model(fitted / "odd.sextant", header, {**metadata, "intervals": {"rows": 24, "set-aside": False, entry: value}}, data)
        refuse("predict", "odd.sextant", "wing.csv", cwd=fitted, status=1, says="odd.sextant")


def test_interval_tensors_that_are_none(fitted):
    header, metadata, data = split_model((fitted / "wing.sextant").read_bytes())
    for name, at, value in [("interval_radius", 0, -1.0), ("interval_level", 0, 0.99), ("interval_radius", 5, 1e9)]:
        begin = header[name]["data_offsets"][0] + 8 * at
        changed = data[:begin] + np.float64(value).tobytes() + data[begin + 8 :]
        write_model(fitted / "odd.sextant", header, metadata, changed)
        refuse("info", "odd.sextant", cwd=fitted, status=1, says="out of order or out of their range")


# ---- importance ----


def test_importance_is_the_diagonal_of_the_gradient_outer_product(fitted):
    report = json_of("directions", "wing.sextant", cwd=fitted)
    A = read_model(fitted / "wing.sextant")[0]["gradient_outer_product"]
    assert list(report["importance"]) == ["a", "b", "c"]
    np.testing.assert_allclose(list(report["importance"].values()), np.diag(A) / np.trace(A), rtol=1e-12)
    assert report["column_importance"] == report["importance"]
    out = succeed("directions", "wing.sextant", cwd=fitted).out
    shown = [line.split() for line in out[out.index("importance") :].splitlines()[1:]]
    assert [line[-1] for line in shown] == sorted("abc", key=lambda name: -report["importance"][name])


def test_a_text_column_is_as_important_as_its_levels_together(wing):
    columns = wing_columns()
    kind = ["red" if a > 0.5 else "blue" if b > 10 else "green" for a, b in zip(columns["a"], columns["b"])]
    write_csv(wing / "text.csv", {"zero": [1] * 120, "kind": kind, **columns})
    fit(wing, "text.csv", "m.sextant")
    report = json_of("directions", "m.sextant", cwd=wing)
    assert list(report["importance"]) == ["kind=blue", "kind=green", "kind=red", "a", "b", "c"]
    assert list(report["column_importance"]) == ["zero", "kind", "a", "b", "c"] and report["column_importance"]["zero"] == 0
    together = sum(share for name, share in report["importance"].items() if name.startswith("kind="))
    assert math.isclose(report["column_importance"]["kind"], together, rel_tol=1e-12)
    assert math.isclose(sum(report["column_importance"].values()), 1, rel_tol=1e-12)
