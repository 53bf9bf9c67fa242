"""Command line, C++ and Python are faces of one engine. Oracle: each other, bit by bit."""

import os
import subprocess

import numpy as np
import pandas as pd
import pytest

import sextant

# Options by their names on the command line and in Python.
CHOICES = {
    "algorithm-1": dict(method="algorithm-1", width=64, eta=2.5, seed=7),
    "folds": dict(method="algorithm-1", width=32, folds=3, rank=1),
    "random features": dict(method="random-features", width=32, validation_share=0.3, bias=0.5),
    "tangent": dict(method="ntk", width=8, preprocess="none"),
    "auto": dict(method="auto", budget=0.3),
    "polish": dict(method="polish", budget=0.3),
    "log": dict(method="algorithm-1", width=32, target_transform="rank", standardise=False),
    "compact": dict(method="polish", budget=0.3, compact=True, training_rows=False),
    "as they are": dict(method="polish", budget=0.3, clip_targets=False),
}


#: Options that the command line has as flags, for the other value than the default.
FLAGS = {"compact": "--compact", "training_rows": "--no-training-rows"}


def for_command_line(options):
    words = []
    for name, value in options.items():
        if name in FLAGS:
            words.append(FLAGS[name])
            continue
        words += [f"--{name.replace('_', '-')}", str(value).lower() if isinstance(value, bool) else str(value)]
    return words


def for_python(options):
    return {"random_state" if name == "seed" else name: value for name, value in options.items()}


@pytest.mark.parametrize("options", CHOICES.values(), ids=CHOICES)
def test_command_line_and_python_make_the_same_file_and_predictions(options, rows, table, program):
    X, y = rows
    program("fit", "rows.npy", "--target", "x6", "--out", "cli.sextant", *for_command_line(options), cwd=table)
    program("predict", "cli.sextant", "inputs.npy", "--out", "cli.npy", cwd=table)
    fitted = sextant.SextantRegressor(**for_python(options)).fit(X, pd.Series(y, name="x6"))
    fitted.model_.save(table / "python.sextant")
    assert (table / "python.sextant").read_bytes() == (table / "cli.sextant").read_bytes()
    predictions = np.load(table / "cli.npy")[:, 0]
    np.testing.assert_array_equal(fitted.predict(X), predictions)
    np.testing.assert_array_equal(sextant.Model.load(table / "cli.sextant").predict(X), predictions)
    program("predict", "python.sextant", "inputs.npy", "--out", "again.npy", cwd=table)
    np.testing.assert_array_equal(np.load(table / "again.npy")[:, 0], predictions)


def test_classes_named_columns_and_weights(rows, tmp_path, program):
    X, y = rows
    frame = pd.DataFrame(X, columns=["area", "load", "angle", "speed", "depth"])
    kind = pd.Series(np.where(y > np.median(y), "tall", "flat"), name="kind")
    weight = np.linspace(0.5, 2, len(y))
    pd.concat([frame, kind, pd.Series(weight, name="w")], axis=1).to_csv(tmp_path / "rows.csv", index=False)
    options = ["--task", "classification", "--method", "algorithm-1", "--width", "64"]
    program("fit", "rows.csv", "--target", "kind", "--weights", "w", *options, "--out", "cli.sextant", cwd=tmp_path)
    program("predict", "cli.sextant", "rows.csv", "--out", "cli.csv", cwd=tmp_path)
    out = pd.read_csv(tmp_path / "cli.csv", float_precision="round_trip")
    fitted = sextant.SextantClassifier(method="algorithm-1", width=64).fit(frame, kind, sample_weight=weight)
    np.testing.assert_array_equal(fitted.predict_proba(frame), out[["p(flat)", "p(tall)"]].to_numpy())
    assert fitted.predict(frame).tolist() == out["kind"].tolist()
    loaded = sextant.Model.load(tmp_path / "cli.sextant")
    assert loaded.classes.tolist() == ["flat", "tall"]
    shuffled = frame[["depth", "area", "speed", "load", "angle"]].assign(unused="text")
    assert loaded.predict(shuffled).tolist() == out["kind"].tolist()


def test_a_model_with_text_columns_takes_data_frames(rows, tmp_path, program):
    X, y = rows
    frame = pd.DataFrame({"a": X[:, 0], "colour": np.where(X[:, 1] > 0, "red", "blue"), "b": X[:, 2]})
    frame.assign(y=y).to_csv(tmp_path / "rows.csv", index=False)
    program("fit", "rows.csv", "--target", "y", "--method", "algorithm-1", "--width", "32", "--out", "m.sextant", cwd=tmp_path)
    program("predict", "m.sextant", "rows.csv", "--out", "p.npy", cwd=tmp_path)
    model = sextant.Model.load(tmp_path / "m.sextant")
    assert model.input_names == ["a", "colour=blue", "colour=red", "b"]
    np.testing.assert_array_equal(model.predict(frame[["b", "colour", "a"]]), np.load(tmp_path / "p.npy")[:, 0])
    with pytest.raises(ValueError, match="X: the columns 'colour' are not there"):
        model.predict(frame[["a", "b"]])
    with pytest.raises(ValueError, match="text columns"):
        sextant.SextantRegressor.from_model(model)


def test_text_is_what_the_table_of_the_command_line_holds(rows, tmp_path, program):
    """Columns that pandas reads from the same CSV as something else than text: truths, numbers, both mixed."""
    X, y = rows
    mixed = np.array([1, 2, "B"], dtype=object)[np.digitize(X[:, 1], [-0.5, 0.5])]
    frame = pd.DataFrame({"a": X[:, 0], "flag": X[:, 2] > 0, "grp": mixed})
    frame.assign(y=y).to_csv(tmp_path / "rows.csv", index=False)
    words = ["--target", "y", "--method", "algorithm-1", "--width", "32", "--out", "m.sextant"]
    program("fit", "rows.csv", *words, cwd=tmp_path)
    program("predict", "m.sextant", "rows.csv", "--out", "p.npy", cwd=tmp_path)
    expected = np.load(tmp_path / "p.npy")[:, 0]
    model = sextant.Model.load(tmp_path / "m.sextant")
    assert model.input_names == ["a", "flag=False", "flag=True", "grp=1", "grp=2", "grp=B"]
    read = pd.read_csv(tmp_path / "rows.csv", float_precision="round_trip")
    assert read["flag"].dtype == bool
    for table in (read, frame, frame.astype({"flag": object}), frame.astype({"flag": str, "grp": "category"})):
        np.testing.assert_array_equal(model.predict(table), expected)
    whole = frame[frame["grp"] != "B"].astype({"grp": int})
    # Fewer rows in a matrix product: the same up to rounding.
    np.testing.assert_allclose(model.predict(whole), expected[frame["grp"] != "B"], rtol=0, atol=1e-13)
    with pytest.raises(ValueError, match="X: the column 'grp' holds 1.0 in row 1, expected text like '1', '2', 'B'"):
        model.predict(whole.assign(grp=1.0))
    with pytest.warns(UserWarning, match="X: 'C' in row 2 is none of the levels of 'grp'"):
        model.predict(frame.assign(grp=["B", "C"] * 200))


@pytest.mark.parametrize("cell", [None, np.nan, pd.NA, "", "NA"])
def test_a_missing_text_cell_is_refused_as_by_the_command_line_or_filled_in(rows, tmp_path, program, cell):
    X, y = rows
    frame = pd.DataFrame({"a": X[:, 0], "colour": np.where(X[:, 1] > 0, "red", "blue").astype(object), "y": y})
    frame.to_csv(tmp_path / "rows.csv", index=False)
    options = ["--target", "y", "--method", "algorithm-1", "--width", "32", "--out", "m.sextant"]
    frame.loc[4, "colour"] = cell
    program("fit", "rows.csv", *options, "--missing", "error", cwd=tmp_path)
    with pytest.raises(ValueError, match="X: the column 'colour' has a missing cell in row 5, expected text"):
        sextant.Model.load(tmp_path / "m.sextant").predict(frame)
    frame.to_csv(tmp_path / "holed.csv", index=False)
    for policy in ("mean", "indicator"):
        program("fit", "holed.csv", *options, "--missing", policy, cwd=tmp_path)
        program("predict", "m.sextant", "holed.csv", "--out", "p.npy", cwd=tmp_path)
        loaded = sextant.Model.load(tmp_path / "m.sextant")
        np.testing.assert_array_equal(loaded.predict(frame), np.load(tmp_path / "p.npy")[:, 0])
        # Python reads the frame as the command line reads its CSV.
        own = sextant.fit(frame[["a", "colour"]], frame["y"], method="algorithm-1", width=32, missing=policy)
        own.save(tmp_path / "own.sextant")
        assert (tmp_path / "own.sextant").read_bytes() == (tmp_path / "m.sextant").read_bytes()


def test_cplusplus_gives_the_same_predictions(rows, tmp_path):
    """tests/fit_by_library.cpp calls the library's fit and predict on the same bytes."""
    X, y = rows
    (tmp_path / "X").write_bytes(X.tobytes())
    (tmp_path / "y").write_bytes(y.tobytes())
    program = os.environ["SEXTANT_FIT_BY_LIBRARY"]
    command = [program, tmp_path / "X", tmp_path / "y", str(X.shape[1]), "64", "7"]
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    fitted = sextant.SextantRegressor(method="algorithm-1", width=64, random_state=7).fit(X, y)
    np.testing.assert_array_equal(np.frombuffer(out), fitted.predict(X))


def test_transfer_is_the_command_line_s(rows, table, program):
    X, y = rows
    teacher = sextant.fit(X, y, method="algorithm-1", width=64)
    teacher.save(table / "teacher.sextant")
    target = np.tanh(y) + X[:, 0]
    np.save(table / "few.npy", np.column_stack([X, target])[:80])
    named = pd.Series(target[:80], name="x6")
    for keep, options in (("first-layer", dict(folds=4)), ("directions", dict(budget=0.3))):
        words = [f"--{name}={value}" for name, value in options.items()]
        program("transfer", "teacher.sextant", "few.npy", "--target", "x6", "--keep", keep, "--out", "s.sextant", *words, cwd=table)
        student = sextant.transfer(teacher, X[:80], named, keep=keep, **options)
        assert student.transferred
        student.save(table / "python.sextant")
        assert (table / "python.sextant").read_bytes() == (table / "s.sextant").read_bytes(), keep


def test_intervals_and_scores_are_the_command_line_s(rows, table, program):
    import json

    X, y = rows
    model = sextant.fit(X, pd.Series(y, name="x6"), method="algorithm-1", width=64, calibration_share=0.25)
    model.save(table / "m.sextant")
    program("predict", "m.sextant", "inputs.npy", "--interval", "0.8", "--out", "p.npy", cwd=table)
    np.testing.assert_array_equal(np.column_stack(model.predict_interval(X, 0.8)), np.load(table / "p.npy"))
    scores = json.loads(program("evaluate", "m.sextant", "rows.npy", "--json", cwd=table))
    assert model.evaluate(X, y) == scores


def test_generated_rows_are_the_command_line_s(tmp_path, program):
    for target, words, options in (
        ("source", ["--d", "6", "--p", "4", "--noise", "0.5"], dict(d=6, p=4, noise=0.5)),
        ("multi-index", ["--d", "6", "--p", "3", "--r", "3"], dict(d=6, p=3, r=3)),
        ("borehole", ["--first-row", "10"], dict(first_row=10)),
    ):
        program("generate", target, "--n", "50", "--seed", "4", "--out", "t.npy", *words, cwd=tmp_path)
        X, y, U = sextant.generate(target, n=50, seed=4, **options)
        np.testing.assert_array_equal(np.column_stack([X, y]), np.load(tmp_path / "t.npy"))
        truth = pd.read_csv(tmp_path / "t.directions.csv", float_precision="round_trip").to_numpy()
        np.testing.assert_array_equal(U, truth)
