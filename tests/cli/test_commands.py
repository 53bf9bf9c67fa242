"""The commands' contract: names, keys, files, exit statuses, and that all ways to the same numbers agree.

Oracles: NumPy, from the model file alone (safetensors_numpy.py) and from what `predict` writes; the same command given
the same data in another form.
"""

import gzip
import json
import math
import os
import platform
import re
import signal
import subprocess
import time

import numpy as np
import pytest
from safetensors_numpy import predict as predict_in_numpy
from safetensors_numpy import read_model
from sextant_program import PROGRAM, ROOT, TIMEOUT, catches, contents, json_of, predictions, refuse, run, succeed, wait_until
from tables import read_csv, wing_columns, write_csv

COMMANDS = "fit predict evaluate compare transfer directions info generate experiment report plan options".split()
SMALL = ["--width", 64]


def fit(folder, table, model, *arguments, target="y"):
    succeed("fit", table, "--target", target, "--out", model, *SMALL, *arguments, cwd=folder)
    return (folder / model).read_bytes()


# ---- help and version ----


def test_help_names_every_command(tmp_path):
    result = succeed("--help", cwd=tmp_path)
    assert result.err == ""
    assert re.findall(r"^  ([a-z]+) {2,}[A-Z]", result.out, re.MULTILINE) == COMMANDS
    assert "sextant fit DATA.csv --target NAME" in result.out


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example(tmp_path, command):
    result = succeed(command, "--help", cwd=tmp_path)
    assert re.search(rf"Example:\n  sextant {command} \S+", result.out)
    assert result.err == ""


def test_version_names_blas(tmp_path):
    assert re.fullmatch(r"sextant \d+\.\d+\.\d+\nBLAS \S.*\n(MPI \S.*\n)?", succeed("--version", cwd=tmp_path).out)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="names of kernels for x86-64")
def test_openblas_coretype_says_which_kernels_to_take(tmp_path):
    wish = {**os.environ, "OPENBLAS_CORETYPE": "Prescott"}
    assert re.search(r"core type Prescott(;.*)?\n", succeed("--version", cwd=tmp_path, env=wish).out)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="LIBXSMM is for x86-64")
def test_libxsmm_target_says_which_kernels_to_take(tmp_path):
    def said(target):
        return succeed("--version", cwd=tmp_path, env={**os.environ, "LIBXSMM_TARGET": target}).out
    assert "small products" not in said("generic")
    if "small products" in succeed("--version", cwd=tmp_path).out:
        assert re.search(r"small products by LIBXSMM 1\.\d+ for hsw\n", said("hsw"))


# ---- fit ----


def test_fit_says_what_was_found(wing):
    result = succeed("fit", "wing.csv", "--target", "y", *SMALL, cwd=wing)
    labels = [line.split()[0] for line in result.out.splitlines()]
    assert labels == ["table", "directions", "1", "head", "error", "interval", "model", "next"]
    assert "wing.csv: 120 rows, 3 inputs" in result.out
    assert "next         sextant predict wing.sextant NEW.csv" in result.out
    assert result.err == ""
    assert (wing / "wing.sextant").exists()


def test_fit_json(wing):
    report = json_of("fit", "wing.csv", "--target", "y", "--out", "m.sextant", *SMALL, cwd=wing)
    keys = ("model method candidates skipped not_tried path rows contradicted validation_rows inputs constant_inputs left_out missing rank spectrum "
            "targets seconds")
    assert sorted(report) == sorted(keys.split())
    assert (report["model"], report["rows"], report["validation_rows"]) == ("m.sextant", 120, 24)
    assert (report["inputs"], report["constant_inputs"]) == (["a", "b", "c"], [])
    (target,) = report["targets"]
    assert sorted(target) == sorted("name lambda validation_rmse validation_rmse_linear validation_rmse_mean".split())
    assert target["validation_rmse"] < target["validation_rmse_linear"] < target["validation_rmse_mean"]
    assert abs(sum(report["spectrum"]) - 1) < 1e-12


def test_json_of_a_path_that_is_not_utf8(wing):
    out = succeed("fit", "wing.csv", "--target", "y", "--out", b"\xff.sextant", *SMALL, "--json", cwd=wing).out
    assert json.loads(out)["model"] == "\ufffd.sextant"


def test_seed_and_threads(wing):
    usual = fit(wing, "wing.csv", "a.sextant")
    assert fit(wing, "wing.csv", "b.sextant") == usual
    for threads in (1, 2, 5):
        assert fit(wing, "wing.csv", "c.sextant", "--threads", threads) == usual
    assert fit(wing, "wing.csv", "d.sextant", "--seed", 1) != usual
    assert fit(wing, "wing.csv", "e.sextant", "--seed", 2**64 - 1) != usual


@pytest.mark.parametrize("block_rows", [1, 7, 100, 5000])
def test_block_rows_change_rounding_only(wing, block_rows):
    fit(wing, "wing.csv", "a.sextant", "--lambda", "1e-4")
    fit(wing, "wing.csv", "b.sextant", "--lambda", "1e-4", "--block-rows", block_rows)
    expected = predictions("a.sextant", "wing.csv", cwd=wing)
    np.testing.assert_allclose(predictions("b.sextant", "wing.csv", cwd=wing), expected, rtol=1e-9)
    blocks = predictions("a.sextant", "wing.csv", "--block-rows", block_rows, cwd=wing)
    np.testing.assert_allclose(blocks, expected, rtol=1e-9)


def test_precision_changes_rounding_only(wing):
    """Oracle: the same fit in float64. The option is in the file, and what cannot honour it refuses it."""
    exact = fit(wing, "wing.csv", "exact.sextant", "--lambda", 1e-2)
    for precision in ("mixed", "float32"):
        rounded = fit(wing, "wing.csv", "rounded.sextant", "--lambda", 1e-2, "--precision", precision)
        assert rounded != exact
        assert f"precision {precision}" in succeed("info", "rounded.sextant", cwd=wing).out
        expected, found = (predictions(model, "wing.csv", cwd=wing) for model in ("exact.sextant", "rounded.sextant"))
        assert np.abs(found - expected).max() < 1e-3 * np.std(expected)
    refuse("fit", "wing.csv", "--target", "y", "--method", "auto", "--precision", "mixed", cwd=wing,
           says="precision: mixed given with auto")


def test_columns_by_number(wing):
    """Columns go by 1-based numbers too; an ignored column and one that is no feature are the same."""
    by_name = fit(wing, "wing.csv", "a.sextant", "--features", "a,b")
    assert fit(wing, "wing.csv", "b.sextant", "--features", "1,2", target="4") == by_name
    assert fit(wing, "wing.csv", "c.sextant", "--ignore", "3") == by_name
    assert fit(wing, "wing.csv", "d.sextant", "--ignore", "c", target="4") == by_name
    assert read_model(wing / "a.sextant")[1]["encoding"]["targets"] == ["y"]


def test_a_name_that_is_a_number_wins(wing):
    table = wing_columns()
    (wing / "numbers.csv").write_text('"a","b","c","2"\n' + (wing / "wing.csv").read_text().split("\n", 1)[1])
    fit(wing, "numbers.csv", "m.sextant", target="2")
    assert read_model(wing / "m.sextant")[1]["encoding"]["targets"] == ["2"]
    assert len(predictions("m.sextant", "numbers.csv", cwd=wing)) == len(table["y"])


def test_lists_do_not_swallow_the_table(wing):
    expected = fit(wing, "wing.csv", "a.sextant", "--lambda", "0.1,1", "--ignore", "c")
    lists = ["--lambda", "0.1,1", "--ignore", "c", "--out", "b.sextant", "--target", "y"]
    succeed("fit", *SMALL, *lists, "wing.csv", cwd=wing)
    assert (wing / "b.sextant").read_bytes() == expected


def test_several_targets(wing):
    table = wing_columns()
    write_csv(wing / "two.csv", {**table, "z": 3 - table["c"] ** 2})
    fit(wing, "two.csv", "m.sextant", target="z,y")
    assert succeed("predict", "m.sextant", "two.csv", cwd=wing).out.startswith("z,y\n")
    report = json_of("evaluate", "m.sextant", "two.csv", cwd=wing)
    assert [t["name"] for t in report["targets"]] == ["z", "y"]
    assert all(t["r2"] > 0.9 for t in report["targets"])
    tensors, metadata = read_model(wing / "m.sextant")
    expected = predict_in_numpy(table, tensors, metadata)
    np.testing.assert_allclose(predictions("m.sextant", "two.csv", cwd=wing), expected, rtol=1e-10, atol=1e-10)


def test_weight_two_is_a_row_twice_and_weight_zero_no_row(wing):
    """With a validation table and one λ nothing is drawn by row, so that the models agree up to rounding."""
    table = wing_columns()
    weights = np.arange(len(table["y"])) % 3
    write_csv(wing / "weighted.csv", {**table, "w": weights.astype(float)})
    write_csv(wing / "repeated.csv", {name: np.repeat(values, weights) for name, values in table.items()})
    write_csv(wing / "check.csv", {**wing_columns(seed=12), "w": np.ones(len(weights))})
    options = ["--validation", "check.csv", "--lambda", "1e-4"]
    fit(wing, "weighted.csv", "weighted.sextant", "--weights", "w", *options)
    fit(wing, "repeated.csv", "repeated.sextant", *options)
    expected = predictions("repeated.sextant", "check.csv", cwd=wing)
    np.testing.assert_allclose(predictions("weighted.sextant", "check.csv", cwd=wing), expected, rtol=1e-8)
    weighted = json_of("evaluate", "weighted.sextant", "weighted.csv", cwd=wing)
    repeated = json_of("evaluate", "repeated.sextant", "repeated.csv", cwd=wing)
    assert weighted["n"] == np.count_nonzero(weights)
    for key in ("rmse", "mae", "r2"):
        assert math.isclose(weighted["targets"][0][key], repeated["targets"][0][key], rel_tol=1e-7)


# ---- forms of tables ----


def test_the_same_numbers_in_other_files(wing):
    """gzip, another delimiter, CRLF, quotes and a byte order mark give the same model; so does NPY."""
    table = wing_columns()
    plain = (wing / "wing.csv").read_bytes()
    expected = fit(wing, "wing.csv", "m.sextant")
    (wing / "packed.csv.gz").write_bytes(gzip.compress(plain))
    write_csv(wing / "semicolon.csv", table, delimiter=";")
    write_csv(wing / "tab.tsv", table, delimiter="\t")
    write_csv(wing / "crlf.csv", table, end="\r\n")
    (wing / "quoted.csv").write_bytes(b"\xef\xbb\xbf" + re.sub(rb"[^,\n]+", rb'"\g<0>"', plain))
    for name, *options in [
        ("packed.csv.gz",),
        ("semicolon.csv", "--delimiter", ";"),
        ("tab.tsv", "--delimiter", r"\t"),
        ("crlf.csv",),
        ("quoted.csv",),
    ]:
        assert fit(wing, name, "other.sextant", *options) == expected, name
    assert succeed("predict", "m.sextant", "semicolon.csv", "--delimiter", ";", cwd=wing).status == 0

    matrix = np.column_stack(list(table.values()))
    np.save(wing / "named.npy", matrix)
    (wing / "named.names.json").write_text(json.dumps(list(table)))
    assert fit(wing, "named.npy", "other.sextant") == expected
    np.save(wing / "fortran.npy", np.asfortranarray(matrix))
    (wing / "fortran.names.json").write_text(json.dumps(list(table)))
    assert fit(wing, "fortran.npy", "other.sextant", target="4") == expected


def test_npy_without_names(wing):
    """Columns are x1 … xd, and `--target` takes their number."""
    table = wing_columns()
    np.save(wing / "plain.npy", np.column_stack(list(table.values())))
    fit(wing, "plain.npy", "by-number.sextant", target="4")
    fit(wing, "plain.npy", "by-name.sextant", target="x4")
    fit(wing, "wing.csv", "csv.sextant")
    assert (wing / "by-number.sextant").read_bytes() == (wing / "by-name.sextant").read_bytes()
    expected = predictions("csv.sextant", "wing.csv", cwd=wing)
    assert np.array_equal(predictions("by-number.sextant", "plain.npy", cwd=wing), expected)
    assert succeed("predict", "by-number.sextant", "plain.npy", cwd=wing).out.startswith("x4\n")


# ---- predict and evaluate ----


def test_predictions_are_the_same_everywhere(fitted):
    printed = predictions("wing.sextant", "wing.csv", cwd=fitted)
    result = succeed("predict", "wing.sextant", "wing.csv", "--out", "p.csv", cwd=fitted)
    assert result.out == "" and result.err == "info: p.csv: 120 predictions of y\n"
    assert np.array_equal(read_csv((fitted / "p.csv").read_text())["y"], printed[:, 0])
    succeed("predict", "wing.sextant", "wing.csv", "--out", "p.npy", cwd=fitted)
    assert np.array_equal(np.load(fitted / "p.npy"), printed)
    assert json.loads((fitted / "p.names.json").read_text()) == ["y"]
    for threads in (1, 3):
        assert np.array_equal(predictions("wing.sextant", "wing.csv", "--threads", threads, cwd=fitted), printed)


def test_columns_in_any_order_and_more_of_them(fitted):
    table = wing_columns()
    junk = {"note": [f"any, text {i}" for i in range(120)], "inf": ["inf"] * 120, "empty": [""] * 120}
    shuffled = {"note": None, "c": table["c"], "empty": None, "b": table["b"], "inf": None, "a": table["a"]}
    columns = {name: [f'"{v}"' for v in junk[name]] if name in junk else values for name, values in shuffled.items()}
    write_csv(fitted / "new.csv", columns)
    expected = predictions("wing.sextant", "wing.csv", cwd=fitted)
    assert np.array_equal(predictions("wing.sextant", "new.csv", cwd=fitted), expected)


def test_text_columns(tmp_path):
    """Each level is an input of its own; NumPy agrees."""
    rng = np.random.default_rng(8)
    table = {"a": rng.standard_normal(150), "colour": rng.choice(["green", "naïve red", 'a "quoted", one'], 150)}
    table["y"] = table["a"] ** 2 + (table["colour"] == "green")
    quoted = {**table, "colour": ['"' + c.replace('"', '""') + '"' for c in table["colour"]]}
    write_csv(tmp_path / "t.csv", quoted)
    report = json_of("fit", "t.csv", "--target", "y", *SMALL, cwd=tmp_path)
    assert report["inputs"] == ["a", 'colour=a "quoted", one', "colour=green", "colour=naïve red"]
    tensors, metadata = read_model(tmp_path / "t.sextant")
    expected = predict_in_numpy(table, tensors, metadata)
    np.testing.assert_allclose(predictions("t.sextant", "t.csv", cwd=tmp_path), expected, rtol=1e-10, atol=1e-10)


def test_evaluate_is_what_numpy_says(fitted):
    table = wing_columns(rows=50, seed=13)
    write_csv(fitted / "test.csv", table)
    report = json_of("evaluate", "wing.sextant", "test.csv", cwd=fitted)
    assert sorted(report) == ["n", "targets"] and report["n"] == 50
    (scores,) = report["targets"]
    assert sorted(scores) == ["mae", "name", "r2", "rmse"] and scores["name"] == "y"
    error = table["y"] - predictions("wing.sextant", "test.csv", cwd=fitted)[:, 0]
    assert math.isclose(scores["rmse"], np.sqrt(np.mean(error**2)), rel_tol=1e-12)
    assert math.isclose(scores["mae"], np.mean(np.abs(error)), rel_tol=1e-12)
    assert math.isclose(scores["r2"], 1 - np.mean(error**2) / np.var(table["y"]), rel_tol=1e-12)
    text = succeed("evaluate", "wing.sextant", "test.csv", cwd=fitted).out
    assert "test.csv: 50 rows" in text and f"{scores['rmse']:.4g}" in text


def test_evaluate_where_the_target_does_not_vary(fitted):
    write_csv(fitted / "flat.csv", {**wing_columns(rows=9), "y": np.full(9, 5.0)})
    assert json_of("evaluate", "wing.sextant", "flat.csv", cwd=fitted)["targets"][0]["r2"] is None


# ---- the model file, directions, info ----


@pytest.mark.parametrize(
    "options",
    [
        ["--preprocess", "none", "--standardise", "false"],
        ["--preprocess", "correlation"],
        ["--first-layer-decay", "0.1", "--redraw-biases", "false"],
        ["--head", "gradient-descent", "--sample-splitting", "true"],
        ["--folds", "3", "--eta", "2", "--rank", "1"],
        ["--refit", "false", "--validation-share", "0.5"],
    ],
    ids=lambda options: options[0],
)
def test_numpy_predicts_from_the_model_file(wing, options):
    table = {"k": [1.0] * 120, **wing_columns()}  # an input that is left out shifts the others
    write_csv(wing / "wing.csv", table)
    fit(wing, "wing.csv", "m.sextant", *options)
    tensors, metadata = read_model(wing / "m.sextant")
    expected = predict_in_numpy(table, tensors, metadata)
    np.testing.assert_allclose(predictions("m.sextant", "wing.csv", cwd=wing), expected, rtol=1e-10, atol=1e-10)
    assert metadata["kept"] == ([0, 1, 2, 3] if "--standardise" in options else [1, 2, 3])


def test_the_documented_reader_works(fitted):
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/file-formats.md").read_text(), re.DOTALL)
    documented = {}
    exec(code, documented)
    about, tensors = documented["read"](fitted / "wing.sextant")
    table = wing_columns()
    y = documented["predict"](about, tensors, np.column_stack([table[name] for name in "abc"]))
    np.testing.assert_allclose(y, predictions("wing.sextant", "wing.csv", cwd=fitted), rtol=1e-10, atol=1e-10)


def test_directions(fitted):
    table = wing_columns()
    report = json_of("directions", "wing.sextant", cwd=fitted)
    assert sorted(report) == ["column_importance", "directions", "importance", "inputs", "mean", "rank", "scale", "spectrum"]
    assert report["inputs"] == ["a", "b", "c"] and report["rank"] == len(report["directions"]) == 1
    X = np.column_stack([table[name] for name in "abc"])
    np.testing.assert_allclose(report["mean"], X.mean(0), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(report["scale"], X.std(0), rtol=1e-12)
    spectrum = np.array(report["spectrum"])
    assert np.all(np.diff(spectrum) <= 0) and abs(spectrum.sum() - 1) < 1e-12

    tensors, _ = read_model(fitted / "wing.sextant")
    values, vectors = np.linalg.eigh(tensors["gradient_outer_product"])
    np.testing.assert_allclose(spectrum, values[::-1] / values.sum(), atol=1e-12)
    V = np.array(json_of("directions", "wing.sextant", "--rank", 3, cwd=fitted)["directions"])
    np.testing.assert_allclose(V @ V.T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(np.abs(V @ vectors[:, ::-1]), np.eye(3), atol=1e-9)


def test_directions_against_a_table(fitted):
    write_csv(fitted / "u.csv", {"note": ["first"], "c": [0.0], "b": [-8.0], "a": [3.0]})
    report = json_of("directions", "wing.sextant", "--against", "u.csv", cwd=fitted)
    u = np.array([3, -8, 0]) / np.sqrt(73)
    cosine = abs(u @ report["directions"][0])
    assert math.isclose(report["overlap"], cosine**2, rel_tol=1e-9)
    assert math.isclose(report["angles_degrees"][0], np.degrees(np.arccos(cosine)), rel_tol=1e-9)
    out = succeed("directions", "wing.sextant", "--against", "u.csv", cwd=fitted).out
    assert "−0.94 b  +0.35 a" in out and f"overlap    {report['overlap']:.4f}" in out
    nearest = np.array(report["directions"][0]) * np.sign(u @ report["directions"][0])
    a, b = (f"{'−' if nearest[j] < 0 else '+'}{abs(nearest[j]):.2f} {name}" for j, name in enumerate("ab"))
    assert re.search(rf"found +{re.escape(b)}  {re.escape(a)}", out)


def test_directions_of_a_constant_model(wing):
    fit(wing, "wing.csv", "m.sextant", "--lambda", "inf", "--preprocess", "none")
    assert "none: the model is constant" in succeed("directions", "m.sextant", cwd=wing).out
    assert json_of("directions", "m.sextant", cwd=wing)["rank"] == 0
    write_csv(wing / "u.csv", {"a": [1.0], "b": [0.0], "c": [0.0]})
    for form in ([], ["--json"]):
        refuse("directions", "m.sextant", "--against", "u.csv", *form, cwd=wing, status=1, says="m.sextant: .*constant")


def test_info_needs_no_data(fitted):
    (fitted / "wing.csv").unlink()
    out = succeed("info", "wing.sextant", cwd=fitted).out
    for text in ("written by Sextant", "targets      y", "inputs       a, b, c", "64 units in mirrored", "120 rows"):
        assert text in out
    assert out.count(" *") == 1  # the chosen λ


def test_info_says_what_a_model_takes(fitted):
    """Oracle: 64 mirrored units on 3 inputs, as docs/file-formats.md has them."""
    info = json_of("info", "wing.sextant", cwd=fitted)
    assert info["method"] == "algorithm-1" and info["targets"] == ["y"] and info["rows"] == 120
    (network,) = info["predictors"]
    assert network["multiply_adds"] == 32 * 3 + 64 and info["multiply_adds"] == network["multiply_adds"] + 3
    assert 8 * (32 * 3 + 64 + 64) < info["bytes"] < (fitted / "wing.sextant").stat().st_size
    assert not info["training_rows"] and not network["training_rows"]
    assert "none of the training table" in succeed("info", "wing.sextant", cwd=fitted).out


def test_rows_are_inside_a_kernel_and_may_be_kept_out(wing):
    fit = ["fit", "wing.csv", "--target", "y"]
    succeed(*fit, "--method", "kernel-gaussian", "--out", "kernel.sextant", cwd=wing)
    assert json_of("info", "kernel.sextant", cwd=wing)["training_rows"]
    assert "rows of the training table" in succeed("info", "kernel.sextant", cwd=wing).out
    refuse(*fit, "--method", "kernel-gaussian", "--no-training-rows", cwd=wing, says="training-rows: false given with kernel")
    options = ["--method", "algorithm-1", "--width", 64, "--compact", "--no-training-rows", "--out", "free.sextant"]
    succeed(*fit, *options, cwd=wing)
    assert not json_of("info", "free.sextant", cwd=wing)["training_rows"]
    refuse(*fit, "--method", "algorithm-1", "--width", 500000, "--compact", cwd=wing, says="width|compact")


# ---- transfer ----


def test_transfer_keeps_the_first_layer(fitted):
    table = wing_columns(rows=90, seed=14)
    new = {**table, "z": np.abs((table["a"] + 2 * (table["b"] - 10) / 3) / np.sqrt(5))}
    write_csv(fitted / "new.csv", {"z": new["z"], "c": new["c"], "b": new["b"], "a": new["a"]})
    result = succeed("transfer", "wing.sextant", "new.csv", "--target", "z", "--out", "z.sextant", cwd=fitted)
    assert "first layer  kept from wing.sextant (120 rows)" in result.out
    source, _ = read_model(fitted / "wing.sextant")
    tensors, metadata = read_model(fitted / "z.sextant")
    for name in ("predictor.0.W", "predictor.0.b", "x_mean", "x_scale"):
        assert tensors[name].tobytes() == source[name].tobytes(), name
    assert metadata["transferred"] is True and metadata["encoding"]["targets"] == ["z"]
    assert [c["name"] for c in metadata["encoding"]["columns"]] == ["a", "b", "c"]
    expected = predict_in_numpy(new, tensors, metadata)
    np.testing.assert_allclose(predictions("z.sextant", "new.csv", cwd=fitted), expected, rtol=1e-10, atol=1e-10)
    assert "first layer kept from another task" in succeed("info", "z.sextant", cwd=fitted).out


def test_transfer_json_and_default_name(fitted):
    report = json_of("transfer", "wing.sextant", "wing.csv", "--target", "y", cwd=fitted)
    assert report["model"] == "wing-y.sextant" and (fitted / "wing-y.sextant").exists()
    assert sorted(report["targets"][0]) == sorted(
        "name lambda validation_rmse validation_rmse_linear validation_rmse_mean".split()
    )


# ---- generate ----

HERMITE = {
    "source": ["source", "--d", 6, "--p", 3],
    "hermite": ["hermite", "--d", 4, "--p", 2],
    "multi-index": ["multi-index", "--d", 7, "--r", 3, "--p", 3],
}
FORMULAS = {"wing-weight": 10, "borehole": 8, "otl-circuit": 6, "piston": 7}


def generate(folder, out, *arguments):
    succeed("generate", *arguments, "--out", out, cwd=folder)
    return np.load(folder / out) if out.endswith(".npy") else read_csv((folder / out).read_text())


@pytest.mark.parametrize("target", HERMITE)
def test_gaussian_targets(tmp_path, target):
    """x ~ N(0, I), E y² = 1, orthonormal directions, and y depends on them only."""
    arguments = HERMITE[target]
    d = arguments[2]
    table = generate(tmp_path, "g.npy", *arguments, "--n", 100_000)
    assert table.shape == (100_000, d + 1)
    X, y = table[:, :d], table[:, d]
    np.testing.assert_allclose(X.mean(0), 0, atol=0.02)
    np.testing.assert_allclose(np.cov(X.T), np.eye(d), atol=0.03)
    assert abs(y.mean()) < 0.05 and abs(y.var() - 1) < 0.25
    assert json.loads((tmp_path / "g.names.json").read_text())[-1] == "y"
    side = read_csv((tmp_path / "g.directions.csv").read_text())
    U = np.column_stack([side[f"x{j}"] for j in range(1, d + 1)])
    assert U.shape == (3 if target == "multi-index" else 1, d)
    np.testing.assert_allclose(U @ U.T, np.eye(len(U)), atol=1e-13)
    if target == "hermite":  # He₂/√2
        np.testing.assert_allclose(y, ((X @ U[0]) ** 2 - 1) / np.sqrt(2), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("target", FORMULAS)
def test_formulas(tmp_path, target):
    table = generate(tmp_path, "g.csv", target, "--n", 500)
    assert len(table) == FORMULAS[target] + 1 and all(len(values) == 500 for values in table.values())
    side = read_csv((tmp_path / "g.directions.csv").read_text())
    assert list(side) == list(table)[:-1]
    U = np.column_stack(list(side.values()))
    assert 1 <= len(U) < U.shape[1]
    np.testing.assert_allclose(U @ U.T, np.eye(len(U)), atol=1e-12)


@pytest.mark.parametrize("arguments", [*HERMITE.values(), ["piston"]], ids=lambda arguments: arguments[0])
def test_rows_do_not_depend_on_how_they_are_made(tmp_path, arguments):
    noisy = [*arguments, "--n", 50, "--noise", 0.25]
    whole = generate(tmp_path, "whole.npy", *noisy)
    for block_rows in (1, 7, 64):
        assert np.array_equal(generate(tmp_path, "blocks.npy", *noisy, "--block-rows", block_rows), whole)
    tail = generate(tmp_path, "tail.npy", *arguments, "--n", 20, "--first-row", 30, "--noise", 0.25)
    assert np.array_equal(tail, whole[30:])
    assert (tmp_path / "tail.directions.csv").read_bytes() == (tmp_path / "whole.directions.csv").read_bytes()
    text = generate(tmp_path, "text.csv", *noisy)
    assert np.array_equal(np.column_stack(list(text.values())), whole)
    quiet = generate(tmp_path, "quiet.npy", *arguments, "--n", 50)
    np.testing.assert_allclose(np.abs(whole[:, -1] - quiet[:, -1]), 0.25, atol=1e-12)
    assert len({*np.sign(whole[:, -1] - quiet[:, -1])}) == 2
    other = generate(tmp_path, "other.npy", *noisy, "--seed", 1)
    assert np.intersect1d(other[:, 0], whole[:, 0]).size == 0


def test_axis(tmp_path):
    generate(tmp_path, "g.csv", "multi-index", "--n", 5, "--d", 4, "--r", 2, "--orientation", "axis")
    side = read_csv((tmp_path / "g.directions.csv").read_text())
    assert np.array_equal(np.column_stack(list(side.values())), np.eye(2, 4))


# ---- stopping ----


def stop(folder, arguments, number, existing):
    """Starts a long command, sends a signal once it works, and says how it ended."""
    before = contents(folder)
    assert existing in {str(path) for path in before}
    command = [str(PROGRAM), *map(str, arguments)]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        wait_until(lambda: catches(process.pid, number))
        time.sleep(0.5)
        assert process.poll() is None, "the command ended before the signal"
        process.send_signal(number)
        out, err = process.communicate(timeout=TIMEOUT)
    assert contents(folder) == before  # no new file, and none changed
    assert process.returncode in (-number, 128 + number)
    assert out == b"" and err == b"error: stopped: no file was written\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_signal_leaves_no_file(tmp_path, number):
    succeed("generate", "source", "--n", 20000, "--d", 40, "--out", "big.npy", cwd=tmp_path)
    (tmp_path / "old.sextant").write_bytes(b"what was there before")
    arguments = ["fit", "big.npy", "--target", 41, "--width", 4000, "--out", "old.sextant"]
    stop(tmp_path, arguments, number, "old.sextant")


def test_a_signal_stops_generating(tmp_path):
    (tmp_path / "old.csv").write_bytes(b"what was there before")
    stop(tmp_path, ["generate", "source", "--n", 10**9, "--d", 100, "--out", "old.csv"], signal.SIGINT, "old.csv")


# ---- no command needs another locale, folder or home ----


def test_environment_changes_nothing(wing):
    expected = fit(wing, "wing.csv", "a.sextant")
    kept = ("OPENBLAS_CORETYPE", "ASAN_OPTIONS", "UBSAN_OPTIONS")  # other kernels round otherwise
    bare = {name: os.environ[name] for name in kept if name in os.environ}
    for environment in (bare, {**bare, "LC_ALL": "de_DE.UTF-8", "OMP_NUM_THREADS": "3", "OPENBLAS_NUM_THREADS": "3"}):
        succeed("fit", "wing.csv", "--target", "y", "--out", "b.sextant", *SMALL, cwd=wing, env=environment)
        assert (wing / "b.sextant").read_bytes() == expected
    (wing / "elsewhere").mkdir()
    succeed("fit", wing / "wing.csv", "--target", "y", "--out", wing / "c.sextant", *SMALL, cwd=wing / "elsewhere")
    assert (wing / "c.sextant").read_bytes() == expected


def test_the_memory_of_pairs_of_rows_is_said_before_they_are_made(tmp_path):
    """n² doubles three times over: 24·2100² bytes are 100.9 MiB. A kernel that cannot fit says so before it is refused."""
    generate(tmp_path, "g.npy", "source", "--n", 2100, "--d", 2)
    for method, said in (("kernel-gaussian", True), ("random-features", False)):
        arguments = ("fit", "g.npy", "--target", "y", "--method", method, "--width", 10, "--lambda", 1, "--out", "m.sextant")
        assert ("100.9 MiB of memory for 2 100 × 2 100 pairs of rows" in succeed(*arguments, cwd=tmp_path).err) == said
    generate(tmp_path, "big.npy", "source", "--n", 400_000, "--d", 2)
    result = run("fit", "big.npy", "--target", "y", "--method", "kernel-laplace", cwd=tmp_path)
    assert result.status == 1 and "of memory for" in result.err and "rows against each other need" in result.err
