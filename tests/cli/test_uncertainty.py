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


# ---- how many directions ----


def test_the_rank_test_finds_one_direction_of_one(wing):
    write_csv(wing / "wing.csv", wing_columns(rows=400))
    fit(wing, "wing.csv", "m.sextant")
    evidence = json_of("directions", "m.sextant", "--data", "wing.csv", "--rank-test", cwd=wing)["rank_evidence"]
    assert evidence["rank"] == evidence["tested"] == len(evidence["directions"]) == 1
    assert evidence["permutations"] == 99 and evidence["level"] == 0.05 and evidence["rows"] == 400
    assert not evidence["nothing_found"]
    first, second = evidence["steps"]
    assert first["p"] == 0.01 and second["p"] > 0.05 and first["statistic"] > first["threshold"]
    found = np.array(evidence["directions"][0])
    table = wing_columns(rows=400)
    u = np.array([np.std(table["a"]), 2 * np.std(table["b"]) / 3, 0])  # on standardised inputs
    assert abs(found @ u) / np.linalg.norm(u) > 0.99
    out = succeed("directions", "m.sextant", "--data", "wing.csv", "--rank-test", cwd=wing).out
    assert "1 direction by permutation test" in out
    again = ["directions", "m.sextant", "--data", "wing.csv", "--rank-test", "--threads", 3]
    assert succeed(*again, cwd=wing).out == out


def test_the_rank_test_finds_nothing_in_noise(wing):
    rng = np.random.default_rng(3)
    write_csv(wing / "noise.csv", {"a": rng.normal(size=200), "b": rng.normal(size=200), "y": rng.normal(size=200)})
    fit(wing, "noise.csv", "m.sextant", "--lambda", "inf", "--preprocess", "none")
    arguments = ["directions", "m.sextant", "--data", "noise.csv", "--rank-test"]
    assert "nothing found" in succeed(*arguments, cwd=wing).out
    assert json_of(*arguments, cwd=wing)["rank_evidence"]["nothing_found"] is True


@pytest.mark.parametrize(
    "arguments, status, says",
    [
        (["--rank-test"], 2, "rank-test: given without --data"),
        (["--data", "wing.csv"], 2, "data: given alone"),
        (["--rank-test", "--data", "wing.csv", "--permutations", "9"], 2, "permutations: 9 given, expected at least 19"),
        (["--bootstrap", "50"], 2, "bootstrap: given without --data"),
        (["--bootstrap", "5", "--data", "wing.csv"], 2, "bootstrap: 5 given, expected at least 20 replicates"),
        (["--bootstrap", "0", "--data", "wing.csv"], 2, "--bootstrap: 0 given, expected a whole number of at least 1"),
        (["--bootstrap", "50", "--interval", "90", "--data", "wing.csv"], 2, "interval: 90 given, expected a level"),
        (["--bootstrap", "50", "--rank", "3", "--data", "wing.csv"], 2, "rank: 3 given, expected fewer than the 3"),
        (["--interval", "0.9", "--data", "wing.csv", "--rank-test"], 2, "interval: given without --bootstrap"),
        (["--bootstrap", "50", "--data", "lacks.csv"], 1, "needs the column 'y'"),
        (["--rank-test", "--data", "none.csv"], 1, "none.csv: cannot be read"),
        (["--rank-test", "--data", "few.csv"], 1, "rank test: 5 rows for 3 inputs .* expected at least 8"),
        (["--rank-test", "--data", "lacks.csv"], 1, "needs the column 'y'"),
    ],
)
def test_rows_that_cannot_be_tested(fitted, arguments, status, says):
    write_csv(fitted / "few.csv", wing_columns(rows=5))
    write_csv(fitted / "lacks.csv", {name: v for name, v in wing_columns(rows=50).items() if name != "y"})
    refuse("directions", "wing.sextant", *arguments, cwd=fitted, status=status, says=says)


# ---- how sure weights and importances are ----


def test_the_bootstrap_gives_intervals_around_what_was_found(wing):
    write_csv(wing / "wing.csv", wing_columns(rows=400))
    fit(wing, "wing.csv", "m.sextant", "--method", "algorithm-1")
    arguments = ["directions", "m.sextant", "--data", "wing.csv", "--bootstrap", 40, "--interval", "0.8"]
    report = json_of(*arguments, cwd=wing)
    spread = report["bootstrap"]
    assert spread["replicates"] == 40 and spread["interval"] == 0.8 and spread["rank"] == 1
    (direction,) = spread["directions"]
    for name, weight in zip(report["inputs"], report["directions"][0]):
        low, high = direction[name]
        assert low <= high and low - 0.1 < weight < high + 0.1
        low, high = spread["importance"][name]
        assert 0 <= low <= high <= 1 and low - 0.1 < report["importance"][name] < high + 0.1
    assert direction["b"][0] > 0.7 and abs(direction["c"][0]) < 0.2
    assert 0 < spread["angle_degrees"]["median"] <= spread["angle_degrees"]["95%"] < 20
    out = succeed(*arguments, cwd=wing).out
    assert "40 replicates, intervals of level 0.8" in out
    assert succeed(*arguments, "--threads", 3, cwd=wing).out == out
    assert json_of(*arguments, "--seed", 5, cwd=wing)["bootstrap"] != spread


def test_the_bootstrap_of_rows_with_gaps_and_rare_levels(wing):
    columns = wing_columns()
    columns["a"] = [*columns["a"][:3], "", *columns["a"][4:]]
    columns["kind"] = ["rare" if i == 7 else "common" for i in range(120)]
    write_csv(wing / "gap.csv", columns)
    for policy in ("drop", "mean", "indicator"):
        fit(wing, "gap.csv", "m.sextant", "--method", "algorithm-1", "--missing", policy)
        spread = json_of("directions", "m.sextant", "--data", "gap.csv", "--bootstrap", 20, "--rank", 1, cwd=wing)
        assert np.isfinite(list(spread["bootstrap"]["importance"].values())).all()
