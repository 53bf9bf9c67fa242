"""Weights of classes, thresholds, and what is said class by class. Oracles: counts and losses by NumPy from the
probabilities that `predict` writes, and row weights instead of weights of classes."""
import csv
import io

import numpy as np
import pytest

from sextant_program import json_of, refuse, succeed
from tables import write_csv

KIND = ["--target", "kind", "--task", "classification"]
FAST = [*KIND, "--method", "algorithm-1", "--width", "64"]


def faults(seed, rows=600):
    """Three inputs; one row in about fifteen is bad."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((rows, 3))
    bad = X[:, 0] + 0.5 * rng.standard_normal(rows) > 1.65
    return {**{f"x{j}": X[:, j] for j in range(3)}, "kind": np.where(bad, "bad", "good")}


@pytest.fixture
def folder(tmp_path):
    write_csv(tmp_path / "train.csv", faults(1))
    write_csv(tmp_path / "test.csv", faults(2, 900))
    succeed("fit", "train.csv", *FAST, "--out", "m.sextant", cwd=tmp_path)
    return tmp_path


def predicted(folder, *options):
    rows = list(csv.DictReader(io.StringIO(succeed("predict", "m.sextant", "test.csv", *options, cwd=folder).out)))
    return np.array([row["kind"] for row in rows]), np.array([float(row["p(bad)"]) for row in rows])


def test_evaluate_says_recall_precision_and_gain_of_each_class(folder):
    labels, p = predicted(folder)
    truth = faults(2, 900)["kind"]
    score = json_of("evaluate", "m.sextant", "test.csv", cwd=folder)["targets"][0]
    bad, good = score["classes"]
    assert bad["name"] == "bad" and bad["n"] == (truth == "bad").sum() and good["n"] == (truth == "good").sum()
    assert bad["recall"] == pytest.approx(np.mean(labels[truth == "bad"] == "bad"))
    assert bad["precision"] == pytest.approx(np.mean(truth[labels == "bad"] == "bad"))
    train = faults(1)["kind"]
    q = ((train == "bad").sum() + 1) / (len(train) + 2)
    loss = -np.log(np.where(truth == "bad", p, 1 - p)).mean()
    assert bad["gain"] == pytest.approx(1 - loss / -np.log(np.where(truth == "bad", q, 1 - q)).mean(), abs=1e-9)
    assert good["gain"] == pytest.approx(bad["gain"], abs=1e-9)  # of two classes, one against the other
    bins = score["reliability"]
    assert sum(each["share"] for each in bins) == pytest.approx(1)
    assert sum(each["share"] * each["observed"] for each in bins) == pytest.approx(np.mean(truth == "good"))
    gaps = [each["share"] * abs(each["predicted"] - each["observed"]) for each in bins]
    assert score["calibration_error"] == pytest.approx(sum(gaps))
    out = succeed("evaluate", "m.sextant", "test.csv", cwd=folder).out
    assert "recall" in out and "precision" in out and "calibration" in out


def test_a_threshold_decides_and_its_worth_is_measured(folder):
    labels, p = predicted(folder, "--threshold", "0.2")
    assert (labels == np.where(p >= 0.2, "bad", "good")).all() and 0 < (labels == "bad").sum() < 900
    other, _ = predicted(folder, "--threshold", "0.8", "--threshold-class", "good")
    assert (other == np.where(1 - p >= 0.8, "good", "bad")).mean() > 0.998  # but for what rounding makes of 1 − p
    truth = faults(2, 900)["kind"]
    found = json_of("evaluate", "m.sextant", "test.csv", "--threshold", "0.2", cwd=folder)["targets"][0]["threshold"]
    right = (labels == "bad") & (truth == "bad")
    assert found["class"] == "bad" and found["threshold"] == 0.2
    assert found["precision"] == pytest.approx(right.sum() / (labels == "bad").sum())
    assert found["recall"] == pytest.approx(right.sum() / (truth == "bad").sum())
    assert found["f1"] == pytest.approx(2 * right.sum() / ((labels == "bad").sum() + (truth == "bad").sum()))
    assert "balanced accuracy" in succeed("evaluate", "m.sextant", "test.csv", "--threshold", "0.2", cwd=folder).out


def test_fit_and_info_advise_on_a_threshold_of_a_rare_class(folder):
    out = succeed("fit", "train.csv", *FAST, "--out", "again.sextant", cwd=folder).out
    assert "rare class" in out and "best F1" in out and "predict --threshold" in out
    assert "rare class" in succeed("info", "m.sextant", cwd=folder).out
    target = json_of("fit", "train.csv", *FAST, "--out", "again.sextant", cwd=folder)["targets"][0]
    advice = target["threshold_advice"]
    assert advice["class"] == "bad" and advice["f1"]["f1"] >= advice["most_probable"]["f1"]
    assert advice["balanced_accuracy"]["balanced_accuracy"] >= advice["most_probable"]["balanced_accuracy"]
    described = json_of("info", "m.sextant", cwd=folder)["classification"]
    assert described["threshold_advice"] == advice and described["held_out"] == target["validation_classes"]


def test_weights_of_classes_from_a_table_are_those_of_rows(folder):
    columns = faults(1)
    (folder / "w.csv").write_text("class,weight\ngood,1\nbad,8\n")
    write_csv(folder / "weighted.csv", {**columns, "w": np.where(columns["kind"] == "bad", 8.0, 1.0)})
    succeed("fit", "train.csv", *FAST, "--class-weights", "w.csv", "--out", "classes.sextant", cwd=folder)
    succeed("fit", "weighted.csv", *FAST, "--weights", "w", "--lambda", "1e-2", "--out", "rows.sextant", cwd=folder)
    succeed("fit", "train.csv", *FAST, "--class-weights", "w.csv", "--lambda", "1e-2", "--out", "fixed.sextant", cwd=folder)
    p = {}
    for name in ("fixed", "rows"):
        succeed("predict", f"{name}.sextant", "test.csv", "--out", f"{name}.npy", cwd=folder)
        p[name] = np.load(folder / f"{name}.npy")
    # Weights of rows as they are, of classes scaled to the same sum: the head does not see it, counts of rows do by little.
    assert np.abs(p["fixed"] - p["rows"]).max() < 0.02
    assert "classes bad 8, good 1: " in succeed("info", "classes.sextant", cwd=folder).out
    report = json_of("fit", "train.csv", *FAST, "--class-weights", "balanced", "--out", "b.sextant", cwd=folder)
    assert report["targets"][0]["class_weights"] == "balanced"
    _, plain = predicted(folder)
    succeed("predict", "b.sextant", "test.csv", "--out", "b.npy", cwd=folder)
    assert np.load(folder / "b.npy")[:, 0].mean() > 2 * plain.mean()


def test_what_cannot_be_used_is_refused_with_a_sentence(folder):
    (folder / "w.csv").write_text("class,weight\ngood,1\n")
    weighted = ["fit", "train.csv", *FAST, "--class-weights"]
    assert "w.csv: the class 'bad' has no weight" in refuse(*weighted, "w.csv", cwd=folder).err
    (folder / "w.csv").write_text("class,weight\ngood,1\nbad,-2\n")
    assert "the weight of the class 'bad' at line 3 is -2" in refuse(*weighted, "w.csv", cwd=folder).err
    (folder / "w.csv").write_text("class,weight\ngood,1\nbad,2\nugly,2\n")
    assert "the class 'ugly' at line 4 is none of the target's" in refuse(*weighted, "w.csv", cwd=folder).err
    assert "class-weights: balanced given with regression" in refuse(
        "fit", "train.csv", "--target", "x0", "--ignore", "kind", "--class-weights", "balanced", cwd=folder
    ).err
    assert "threshold: 2 given, expected a probability" in refuse(
        "predict", "m.sextant", "test.csv", "--threshold", "2", cwd=folder
    ).err
    assert "threshold-class: 'ugly' given" in refuse(
        "predict", "m.sextant", "test.csv", "--threshold", ".2", "--threshold-class", "ugly", cwd=folder
    ).err
    assert "holds probabilities alone" in refuse(
        "predict", "m.sextant", "test.csv", "--threshold", ".2", "--out", "p.npy", cwd=folder
    ).err


def many(classes, rows, seed):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((rows, 3))
    place = np.floor((np.arctan2(X[:, 0], X[:, 1]) / np.pi + 1) / 2 * classes).clip(0, classes - 1).astype(int)
    return {**{f"x{j}": X[:, j] for j in range(3)}, "kind": [f"c{c}" for c in place]}


def test_more_than_a_hundred_classes(tmp_path):
    write_csv(tmp_path / "train.csv", many(150, 3000, 1))
    write_csv(tmp_path / "test.csv", many(150, 3000, 2))
    report = json_of("fit", "train.csv", *FAST, "--out", "m.sextant", cwd=tmp_path)
    assert len(report["targets"][0]["classes"]) == 150
    out = succeed("evaluate", "m.sextant", "test.csv", cwd=tmp_path).out
    assert "the 20 most frequent of 150 classes" in out
    score = json_of("evaluate", "m.sextant", "test.csv", cwd=tmp_path)["targets"][0]
    assert score["log_loss"] < score["log_loss_frequencies"] - 0.5 and len(score["classes"]) == 150
    assert "the model is of 150 classes, expected two" in refuse(
        "evaluate", "m.sextant", "test.csv", "--threshold", "0.1", cwd=tmp_path
    ).err
    write_csv(tmp_path / "all.csv", {"x": np.arange(1001.0), "kind": [f"c{i}" for i in range(1001)]})
    assert "more than 1000 different texts" in refuse("fit", "all.csv", *FAST, cwd=tmp_path).err
