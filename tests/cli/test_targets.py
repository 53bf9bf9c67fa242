"""Kinds of targets: classes, transformed numbers, and ways of dividing rows to choose by, as a person meets them.

Oracles: NumPy, from what `predict` writes; the rule that made the table; the contract of `refuse` in sextant_program.py.
"""

import csv
import io
import json

import numpy as np
import pytest
from sextant_program import json_of, refuse, run, succeed
from tables import read_csv, write_csv

SMALL = ["--width", 64]
CLASSES = ["--target", "kind", "--task", "classification", *SMALL]


def flowers(rows=240, seed=3, names=("ant", "bee, wild", "cat"), noise=0.3):
    """Three classes by the square of one direction, with some noise."""
    rng = np.random.default_rng(seed)
    a, b, c = rng.standard_normal((3, rows))
    at = ((a + b) / np.sqrt(2)) ** 2 + noise * rng.standard_normal(rows)
    kind = [names[int(v > 0.25) + int(v > 1)] for v in at]
    return {"a": a, "b": b, "c": c, "kind": kind}


def write_table(path, columns):
    """As write_csv, with text quoted."""
    quoted = {name: [f'"{v}"' if isinstance(v, str) else v for v in values] for name, values in columns.items()}
    return write_csv(path, quoted)


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture
def classes(tmp_path):
    write_table(tmp_path / "train.csv", flowers())
    write_table(tmp_path / "test.csv", flowers(seed=4))
    succeed("fit", "train.csv", *CLASSES, "--out", "m.sextant", cwd=tmp_path)
    return tmp_path


# ---- classes ----


def test_fit_says_how_well_classes_are_told_apart(classes):
    done = succeed("fit", "train.csv", *CLASSES, cwd=classes)
    lines = {line.split("  ")[0].strip(): line for line in done.out.splitlines()}
    assert "3: ant, bee, wild, cat" in lines["classes"]
    assert "accuracy 0." in lines["held out"] and "log-loss" in lines["held out"]
    target = json_of("fit", "train.csv", *CLASSES, cwd=classes)["targets"][0]
    assert target["name"] == "kind" and target["classes"] == ["ant", "bee, wild", "cat"]
    assert target["validation_accuracy"] > target["validation_accuracy_majority"] + 0.2
    assert target["validation_log_loss"] < target["validation_log_loss_frequencies"]


def test_predictions_and_evaluation_agree(classes):
    rows = rows_of(succeed("predict", "m.sextant", "test.csv", cwd=classes).out)
    assert list(rows[0]) == ["kind", "p(ant)", "p(bee, wild)", "p(cat)"]
    P = np.array([[float(row[f"p({name})"]) for name in ("ant", "bee, wild", "cat")] for row in rows])
    assert np.abs(P.sum(axis=1) - 1).max() < 1e-14
    names = np.array(["ant", "bee, wild", "cat"])
    assert [row["kind"] for row in rows] == list(names[P.argmax(axis=1)])
    truth = np.array(flowers(seed=4)["kind"])
    scores = json_of("evaluate", "m.sextant", "test.csv", cwd=classes)
    assert scores["n"] == 240 and len(scores["targets"]) == 1
    score = scores["targets"][0]
    assert score["name"] == "kind"
    assert score["accuracy"] == pytest.approx(np.mean(names[P.argmax(axis=1)] == truth))
    assert score["log_loss"] == pytest.approx(-np.log(P[names == truth[:, None]]).mean())
    assert score["accuracy_majority"] == pytest.approx(max(np.mean(truth == name) for name in names), abs=0.05)
    assert score["log_loss"] < score["log_loss_frequencies"]
    assert "most frequent class" in succeed("evaluate", "m.sextant", "test.csv", cwd=classes).out


def test_an_npy_file_gets_the_probabilities(classes):
    succeed("predict", "m.sextant", "test.csv", "--out", "p.npy", cwd=classes)
    table = read_csv_of_probabilities(succeed("predict", "m.sextant", "test.csv", cwd=classes).out)
    assert np.array_equal(np.load(classes / "p.npy"), table)
    assert json.loads((classes / "p.names.json").read_text()) == ["p(ant)", "p(bee, wild)", "p(cat)"]


def read_csv_of_probabilities(text):
    return np.array([[float(v) for v in list(row.values())[1:]] for row in rows_of(text)])


def test_numbers_can_be_classes_in_any_format(tmp_path):
    columns = flowers(names=("10", "2", "-1"))
    columns["kind"] = [float(v) for v in columns["kind"]]
    write_csv(tmp_path / "t.csv", columns)
    np.save(tmp_path / "t.npy", np.column_stack(list(columns.values())))
    (tmp_path / "t.names.json").write_text(json.dumps(list(columns)))
    for name in ("csv", "npy"):
        succeed("fit", f"t.{name}", *CLASSES, "--out", f"{name}.sextant", cwd=tmp_path)
    assert (tmp_path / "csv.sextant").read_bytes() == (tmp_path / "npy.sextant").read_bytes()
    out = succeed("predict", "csv.sextant", "t.npy", cwd=tmp_path).out
    assert out.splitlines()[0] == "kind,p(-1),p(2),p(10)"
    assert {row["kind"] for row in rows_of(out)} == {"-1", "2", "10"}


def test_a_row_left_out_gets_an_empty_prediction(classes):
    columns = flowers()
    columns["a"] = [*columns["a"][:-1], ""]
    write_table(classes / "holes.csv", columns)
    succeed("fit", "holes.csv", *CLASSES, "--missing", "drop", "--out", "h.sextant", cwd=classes)
    rows = rows_of(succeed("predict", "h.sextant", "holes.csv", cwd=classes).out)
    assert len(rows) == 240 and set(rows[-1].values()) == {""} and rows[0]["kind"]


def test_compare_ranks_by_log_loss(classes):
    report = json_of("compare", "train.csv", *CLASSES, "--methods", "algorithm-1,random-features", cwd=classes)
    losses = [row["log_loss"] for row in report["methods"]]
    assert losses == sorted(losses)
    assert {row["method"]: row["relative_error"] for row in report["methods"]}["mean"] == 1
    assert all(0 <= row["accuracy"] <= 1 for row in report["methods"])
    out = succeed("compare", "train.csv", *CLASSES, "--methods", "algorithm-1", cwd=classes).out
    assert "accuracy" in out and "log-loss" in out and "--task classification" in out


def test_transfer_between_numbers_and_classes(classes):
    columns = flowers(seed=5)
    columns["y"] = columns["a"] + columns["b"]
    write_table(classes / "more.csv", columns)
    succeed("transfer", "m.sextant", "more.csv", "--target", "y", "--out", "y.sextant", cwd=classes)
    assert list(read_csv(succeed("predict", "y.sextant", "test.csv", cwd=classes).out)) == ["y"]
    arguments = ["--target", "kind", "--task", "classification", "--out", "k.sextant"]
    succeed("transfer", "y.sextant", "more.csv", *arguments, cwd=classes)
    score = json_of("evaluate", "k.sextant", "test.csv", cwd=classes)["targets"][0]
    assert score["accuracy"] > score["accuracy_majority"] + 0.2


def test_a_report_of_a_model_of_classes(classes):
    if run("report", "--help", cwd=classes).status == 0:
        succeed("report", "m.sextant", "--data", "test.csv", "--out", "page.html", cwd=classes)
        assert "kind=bee, wild" in (classes / "page.html").read_text()
    assert "classes" in succeed("info", "m.sextant", cwd=classes).out


def test_labels_that_cannot_be_used(classes):
    table = {"a": [0.1] * 3, "b": [0.2] * 3, "c": [0.3] * 3, "kind": ["ant", "dog", "cat"]}
    write_table(classes / "unknown.csv", table)
    refuse("evaluate", "m.sextant", "unknown.csv", cwd=classes, status=1,
           says="'kind' is 'dog' at line 3, which is none of the model's classes: 'ant', 'bee, wild', 'cat'")
    refuse("fit", "train.csv", *CLASSES, "--validation", "unknown.csv", cwd=classes, status=1, says="'dog' at line 3")
    write_table(classes / "one.csv", {**table, "kind": ["ant"] * 3})
    refuse("fit", "one.csv", *CLASSES, cwd=classes, status=1, says="'ant' in every row, expected at least 2 classes")
    refuse("fit", "train.csv", "--target", "kind,a", "--task", "classification", cwd=classes, says="exactly one")
    refuse("fit", "train.csv", "--target", "kind", "--task", "guess", cwd=classes,
           says="task: 'guess' is not known, expected one of regression, classification")
    refuse("fit", "train.csv", "--target", "kind", cwd=classes, status=1, says="is not a number")
    continuous = flowers()
    continuous["kind"] = continuous["a"]
    write_table(classes / "continuous.csv", continuous)
    refuse("fit", "continuous.csv", *CLASSES, cwd=classes, status=1, says="holds 240 different numbers in 240 rows, too many for classes; the task regression")
    write_table(classes / "holes.csv", {**flowers(), "kind": [*flowers()["kind"][:-1], ""]})
    refuse("fit", "holes.csv", *CLASSES, "--missing", "error", cwd=classes, status=1, says="'kind' has 1 missing value")
    assert "'kind' has 1 missing value (first at line" in succeed("fit", "holes.csv", *CLASSES, cwd=classes).err


# ---- ways of dividing rows ----


def grouped(people=30, each=12, seed=8):
    """Each person's own level, and inputs that give the person away."""
    rng = np.random.default_rng(seed)
    places, levels = rng.standard_normal((people, 3)), rng.standard_normal(people)
    who = np.repeat(np.arange(people), each)
    a, b, c = (places[who] + 0.1 * rng.standard_normal((people * each, 3))).T
    return {"a": a, "b": b, "c": c, "who": [f"person {w}" for w in who],
            "y": levels[who] + 0.2 * rng.standard_normal(people * each)}


def test_groups_stay_together_and_are_no_input(tmp_path):
    write_table(tmp_path / "t.csv", grouped())
    options = ["--target", "y", "--method", "kernel-gaussian", "--folds", 5]
    alone = json_of("fit", "t.csv", *options, "--ignore", "who", "--out", "a.sextant", cwd=tmp_path)["targets"][0]
    together = json_of("fit", "t.csv", *options, "--groups", "who", "--out", "g.sextant", cwd=tmp_path)
    assert together["inputs"] == ["a", "b", "c"]
    assert together["targets"][0]["validation_rmse"] > 2 * alone["validation_rmse"]
    assert "whole groups of 'who'" in succeed("fit", "t.csv", *options, "--groups", "who", cwd=tmp_path).out
    # Neither prediction nor evaluation asks for the groups.
    bare = grouped(seed=9)
    del bare["who"]
    write_table(tmp_path / "new.csv", bare)
    assert json_of("evaluate", "g.sextant", "new.csv", cwd=tmp_path)["n"] == 360
    compared = json_of("compare", "t.csv", "--target", "y", "--groups", "who", "--methods", "kernel-gaussian", cwd=tmp_path)
    assert compared["test_rows"] == 72


def test_groups_given_as_numbers_in_an_npy_file(tmp_path):
    columns = grouped()
    columns["who"] = [float(text.split()[1]) for text in columns["who"]]
    np.save(tmp_path / "t.npy", np.column_stack(list(columns.values())))
    options = ["--target", 5, "--method", "kernel-gaussian", "--folds", 5]
    target = json_of("fit", "t.npy", *options, "--groups", 4, cwd=tmp_path)["targets"][0]
    assert target["validation_rmse"] > 0.6


def test_rows_in_time_order(tmp_path):
    """The target jumps in the last tenth of the rows: only --ordered sees it while choosing."""
    rng = np.random.default_rng(10)
    a, b = rng.standard_normal((2, 400))
    y = a + 10.0 * (np.arange(400) >= 360)
    write_csv(tmp_path / "t.csv", {"a": a, "b": b, "y": y})
    options = ["--target", "y", *SMALL, "--validation-share", 0.1, "--refit", "false"]
    ordered = json_of("fit", "t.csv", *options, "--ordered", cwd=tmp_path)
    assert ordered["validation_rows"] == 40 and ordered["targets"][0]["validation_rmse"] > 9
    assert ordered["rows"] == 360
    assert json_of("fit", "t.csv", *options, cwd=tmp_path)["targets"][0]["validation_rmse"] < 6
    out = succeed("fit", "t.csv", "--target", "y", *SMALL, "--ordered", "--folds", 4, cwd=tmp_path).out
    assert "in 4 folds of 320 rows, each after what was learned from" in out


def test_divisions_that_cannot_be(tmp_path):
    write_table(tmp_path / "t.csv", grouped(people=3))
    fit = ["fit", "t.csv", "--target", "y"]
    refuse(*fit, "--groups", "who", "--folds", 4, cwd=tmp_path, status=1, says="4 given for 3 groups")
    refuse(*fit, "--groups", "nobody", cwd=tmp_path, says="groups: there is no column 'nobody'")
    refuse(*fit, "--groups", "who", "--ordered", cwd=tmp_path, says="ordered: given together with groups")
    refuse(*fit, "--groups", "y", cwd=tmp_path, says="groups: 'y' is a target too")
    refuse(*fit, "--ignore", "who", "--ordered", "--folds", 36, cwd=tmp_path, status=1, says="36 given for 36 rows in order")
    columns = grouped(people=3)
    columns["who"] = ["", *columns["who"][1:]]
    write_table(tmp_path / "holes.csv", columns)
    refuse("fit", "holes.csv", "--target", "y", "--groups", "who", "--missing", "error", cwd=tmp_path, status=1,
           says="'who' has 1 missing value")
    write_table(tmp_path / "one.csv", {**grouped(people=3), "who": ["same"] * 36})
    refuse("fit", "one.csv", "--target", "y", "--groups", "who", cwd=tmp_path, status=1, says="every row is of the same group")


# ---- transforms ----


def prices(rows=400, seed=12):
    """exp of a bent function of one direction: long to the right."""
    rng = np.random.default_rng(seed)
    a, b, c = rng.uniform(-1.5, 1.5, (3, rows))
    along = (a + b) / np.sqrt(2)
    level = 1.5 * along + 0.3 * along**2 + 0.2 * rng.standard_normal(rows)
    return {"a": a, "b": b, "c": c, "price": np.exp(level), "level": level}


def test_a_logarithm_helps_and_auto_finds_it(tmp_path):
    write_csv(tmp_path / "t.csv", prices())
    write_csv(tmp_path / "new.csv", prices(rows=1000, seed=13))
    rmse = {}
    for kind in ("none", "log", "rank", "auto"):
        arguments = ["--target", "price", "--ignore", "level", *SMALL, "--folds", 5, "--target-transform", kind]
        report = json_of("fit", "t.csv", *arguments, "--out", f"{kind}.sextant", cwd=tmp_path)["targets"][0]
        assert report.get("transform") == {"none": None, "auto": "log"}.get(kind, kind)
        rmse[kind] = json_of("evaluate", f"{kind}.sextant", "new.csv", cwd=tmp_path)["targets"][0]["rmse"]
    assert rmse["log"] < 0.9 * rmse["none"] and rmse["auto"] == rmse["log"]
    assert "log(price)" in succeed("info", "auto.sextant", cwd=tmp_path).out


def test_predictions_of_a_logarithm_are_those_of_the_logarithms(tmp_path):
    write_csv(tmp_path / "t.csv", prices())
    for target, ignored, kind in [("price", "level", "log"), ("level", "price", "none")]:
        arguments = ["--ignore", ignored, *SMALL, "--target-transform", kind, "--out", f"{target}.sextant"]
        succeed("fit", "t.csv", "--target", target, *arguments, cwd=tmp_path)
    found = read_csv(succeed("predict", "price.sextant", "t.csv", cwd=tmp_path).out)["price"]
    expected = np.exp(read_csv(succeed("predict", "level.sextant", "t.csv", cwd=tmp_path).out)["level"])
    assert np.allclose(found, expected, rtol=1e-7)


def test_transforms_that_cannot_be(tmp_path):
    write_csv(tmp_path / "t.csv", prices(rows=40))
    fit = ["fit", "t.csv", "--target", "price,level"]
    refuse(*fit, "--target-transform", "square", cwd=tmp_path, says="target-transform: 'square' is not known, expected one of")
    refuse(*fit, "--target-transform", "log,log,log", cwd=tmp_path, says="3 given for 2 targets")
    classes = ["--target", "price", "--task", "classification", "--target-transform", "log"]
    refuse("fit", "t.csv", *classes, cwd=tmp_path, says="log given with classification, expected none")


# ---- rows outside the training range ----


def test_rows_outside_the_training_range_are_told(tmp_path):
    rng = np.random.default_rng(11)
    a, b = rng.uniform(-1, 1, (2, 300))
    write_csv(tmp_path / "t.csv", {"a": a, "b": b, "y": a})
    succeed("fit", "t.csv", "--target", "y", *SMALL, cwd=tmp_path)
    inside = succeed("predict", "t.sextant", "t.csv", cwd=tmp_path)
    assert "extrapolation" not in inside.err
    a[4], a[7] = 3, -2
    write_csv(tmp_path / "new.csv", {"a": a, "b": b, "y": a})
    for arguments in (("predict", "t.sextant", "new.csv"), ("evaluate", "t.sextant", "new.csv")):
        assert ("new.csv: 2 of 300 rows lie outside the training range along direction 1 (first at line 6): predictions "
                "there are extrapolation") in succeed(*arguments, cwd=tmp_path).err


def test_the_automatic_method_takes_no_more_folds_than_there_are_groups(tmp_path):
    write_table(tmp_path / "t.csv", grouped(people=3))
    fit = ["fit", "t.csv", "--target", "y", "--method", "refined-kernel"]
    assert json_of(*fit, "--groups", "who", cwd=tmp_path)["validation_rows"] == 36
