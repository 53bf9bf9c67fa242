"""Weights of classes, thresholds and reports in Python. Oracles: the command line, scikit-learn's own measures, row weights."""

import json

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score, precision_score, recall_score

import sextant

FAST = dict(method="algorithm-1", width=32)


def faults(seed, rows=500):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((rows, 3))
    return X, np.where(X[:, 0] + 0.5 * rng.standard_normal(rows) > 1.6, "bad", "good")


def test_balanced_is_a_dict_of_the_inverse_frequencies():
    X, kind = faults(1)
    shares = {name: 1 / np.mean(kind == name) for name in ("bad", "good")}
    P = [
        sextant.SextantClassifier(class_weight=weight, **FAST).fit(X, kind).predict_proba(X)
        for weight in ("balanced", shares, {name: 7 * share for name, share in shares.items()}, None)
    ]
    np.testing.assert_allclose(P[1], P[0], atol=1e-9)
    np.testing.assert_allclose(P[2], P[0], atol=1e-9)
    assert P[0][:, 0].mean() > 2 * P[3][:, 0].mean()


def test_a_model_and_the_command_line_agree(tmp_path, program):
    X, kind = faults(2)
    np.savetxt(tmp_path / "x.csv", X, delimiter=",", header="a,b,c", comments="", fmt="%.17g")
    lines = (tmp_path / "x.csv").read_text().splitlines()
    rows = [lines[0] + ",kind"] + [f"{line},{name}" for line, name in zip(lines[1:], kind)]
    (tmp_path / "t.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "w.csv").write_text("class,weight\nbad,4.5\ngood,1\n")
    program(
        "fit", "t.csv", "--target", "kind", "--task", "classification", "--method", "algorithm-1", "--width", "32",
        "--class-weights", "w.csv", "--out", "m.sextant", cwd=tmp_path,
    )  # fmt: skip
    said = sextant.Model.load(tmp_path / "m.sextant")
    made = sextant.fit(X, kind, task="classification", class_weight={"good": 1, "bad": 4.5}, **FAST)
    np.testing.assert_array_equal(made.predict_proba(X), said.predict_proba(X))
    assert made.threshold_advice == said.threshold_advice and made.threshold_advice["class"] == "bad"
    assert made.class_report["calibration_error"] == said.class_report["calibration_error"]
    estimator = sextant.SextantClassifier.from_model(said)
    assert estimator.class_weight == {"bad": 4.5, "good": 1}


def test_thresholds_are_worth_what_scikit_learn_says():
    X, kind = faults(3)
    model = sextant.fit(X, kind, task="classification", **FAST)
    T, truth = faults(4, 800)
    labels = model.predict(T, threshold=0.25)
    assert (labels == np.where(model.predict_proba(T)[:, 0] >= 0.25, "bad", "good")).all()
    scores = model.evaluate(T, truth, threshold=0.25)
    found = scores["threshold"]
    assert found["class"] == "bad"
    assert found["precision"] == pytest.approx(precision_score(truth, labels, pos_label="bad"))
    assert found["recall"] == pytest.approx(recall_score(truth, labels, pos_label="bad"))
    assert found["f1"] == pytest.approx(f1_score(truth, labels, pos_label="bad"))
    assert found["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(truth, labels))
    most = model.predict(T)
    assert scores["classes"][1]["name"] == "good"
    assert scores["classes"][1]["recall"] == pytest.approx(recall_score(truth, most, pos_label="good"))
    assert (model.predict(T, threshold=0.4, threshold_class="good") == "good").any()
    assert json.dumps(scores)


def test_what_cannot_be_used_is_said():
    X, kind = faults(5)
    for weight, words in [
        ({"bad": 1}, "the class 'good' has no weight"),
        ({"bad": 1, "good": 1, "ugly": 2}, "'ugly' is none of the classes"),
        ({"bad": -1, "good": 1}, "the weight of 'bad' is -1.0"),
        ({"bad": float("nan"), "good": 1}, "the weight of 'bad' is nan"),
        ("heavy", "'heavy' given"),
    ]:
        with pytest.raises(ValueError, match=words):
            sextant.fit(X, kind, task="classification", class_weight=weight, **FAST)
    with pytest.raises(ValueError, match="given with regression"):
        sextant.fit(X, X[:, 0], class_weight="balanced", **FAST)
    model = sextant.fit(X, kind, task="classification", **FAST)
    with pytest.raises(ValueError, match="threshold_class: 'ugly' given, expected 'bad' or 'good'"):
        model.predict(X, threshold=0.5, threshold_class="ugly")
    with pytest.raises(ValueError, match="threshold: 1.5 given"):
        model.predict(X, threshold=1.5)
    with pytest.raises(ValueError, match="the model predicts a number"):
        sextant.fit(X, X[:, 0], **FAST).predict(X, threshold=0.5)
