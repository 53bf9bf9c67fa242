"""The automatic method and transfer of directions as their users meet them, with small budgets.

Oracles: the table's own formula, of which test rows are free of noise; the linear model; the model file read back.
"""

import json

import numpy as np
import pytest
from sextant_program import json_of, refuse, succeed
from tables import write_csv

BRIEF = ["--width", 64, "--redraws", 1, "--refine-rounds", 1, "--budget", 1]


def bent(rows=200, seed=1, noise=0.1):
    """A bent function of one direction of five inputs, and another of the same direction."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((rows, 5))
    z = 0.6 * X[:, 0] + 0.8 * X[:, 1]
    table = {f"x{j + 1}": X[:, j] for j in range(5)}
    return {**table, "y": z**2 + 0.5 * z + noise * rng.standard_normal(rows), "other": z**2 - z}


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("automatic")
    write_csv(folder / "t.csv", bent())
    write_csv(folder / "few.csv", bent(rows=18, seed=2))
    write_csv(folder / "new.csv", bent(rows=500, seed=3, noise=0))
    arguments = ["t.csv", "--target", "y", "--ignore", "other", "--method", "auto", *BRIEF, "--out", "m.sextant"]
    (folder / "report.json").write_text(json.dumps(json_of("fit", *arguments, cwd=folder)))
    return folder


def test_fit_explains_its_choice(fitted):
    report = json.loads((fitted / "report.json").read_text())
    assert report["method"] == "auto"
    weights = [candidate["weight"][0] for candidate in report["candidates"]]
    assert abs(sum(weights) - 1) < 1e-9
    names = [candidate["name"] for candidate in report["candidates"]]
    assert names[:2] == ["linear", "random features"]
    assert any(name.startswith("polished link") for name in names)
    target = report["targets"][0]
    assert target["validation_rmse"] < 0.3 * target["validation_rmse_linear"]
    for candidate in report["candidates"][:2]:
        assert target["validation_rmse"] <= candidate["validation_rmse"][0] * (1 + 1e-9)
    assert "made of" in succeed("info", "m.sextant", cwd=fitted).out


def test_the_direction_and_the_function_are_found(fitted):
    found = json_of("directions", "m.sextant", "--rank", 1, cwd=fitted)
    direction = np.abs(np.array(found["directions"][0]))
    assert abs(direction[:2] @ [0.6, 0.8]) > 0.99
    error = json_of("evaluate", "m.sextant", "new.csv", cwd=fitted)["targets"][0]
    assert error["r2"] > 0.97


def test_the_same_file_with_one_thread_and_two(fitted):
    files = []
    for threads in (1, 2):
        out = f"threads{threads}.sextant"
        succeed("fit", "t.csv", "--target", "y", "--ignore", "other", "--method", "auto", *BRIEF, "--threads", threads,
                "--out", out, cwd=fitted)
        files.append((fitted / out).read_bytes())
    assert files[0] == files[1]


def test_transfer_keeps_directions_where_they_help(fitted):
    transfer = ["m.sextant", "few.csv", "--target", "other", "--budget", 1, "--keep", "directions", "--out", "o.sextant"]
    report = json_of("transfer", *transfer, cwd=fitted)
    assert any("kept" in candidate["name"] and candidate["weight"][0] > 0 for candidate in report["candidates"])
    assert json_of("evaluate", "o.sextant", "new.csv", cwd=fitted)["targets"][0]["r2"] > 0.9
    several = ["m.sextant,o.sextant", "few.csv", "--target", "other", "--budget", 1, "--keep", "directions"]
    assert "m.sextant, o.sextant" in succeed("transfer", *several, "--out", "p.sextant", cwd=fitted).out


def test_what_cannot_be_asked(fitted):
    fit = ["fit", "t.csv", "--target", "y", "--method", "auto"]
    refuse(*fit, "--budget", "much", cwd=fitted, status=2, says="budget: 'much' given, expected a number of seconds, or")
    refuse(*fit, "--budget", 0, cwd=fitted, status=2, says="budget: 0 given")
    refuse(*fit, "--redraws", 0, cwd=fitted, status=2, says="redraws: 0 given")
    refuse(*fit, "--discover", "elsewhere", cwd=fitted, status=2, says="expected one of one-step, spectral")
    refuse(*fit, "--rank", 9, cwd=fitted, status=2, says="rank: 9 given")
    refuse("transfer", "m.sextant,m.sextant", "few.csv", "--target", "other", "--keep", "first-layer", cwd=fitted,
           status=2, says="given with 2 models, expected one")


def spoilt(table, column, row, value):
    cells = np.array(table[column])
    cells[row] = value
    return {**table, column: cells}


def test_wild_cells_harm_nothing_and_are_said(tmp_path):
    """One target and one cell are wild: the clean fit's errors on clean rows, and a notice that names the target."""
    clean = bent(rows=300, seed=4)
    wild = spoilt(spoilt(clean, "y", 17, 1e7), "x2", 30, -1e7)
    write_csv(tmp_path / "clean.csv", clean)
    write_csv(tmp_path / "wild.csv", wild)
    write_csv(tmp_path / "new.csv", bent(rows=400, seed=5, noise=0))
    options = ["--target", "y", "--ignore", "other", "--method", "auto", *BRIEF]
    errors = {}
    for name in ("clean", "wild"):
        report = json_of("fit", f"{name}.csv", *options, "--out", f"{name}.sextant", cwd=tmp_path)
        errors[name] = json_of("evaluate", f"{name}.sextant", "new.csv", cwd=tmp_path)["targets"][0]["rmse"]
        assert bool(report["contradicted"]) == (name == "wild")
        assert all(candidate["failed"] == "" for candidate in report["candidates"])
    rows = {each["row"]: each for each in report["contradicted"]}
    assert rows[17]["y"] == [1e7] and min(clean["y"]) < rows[17]["predicted"][0] < max(clean["y"])
    assert len(rows) <= 2  # the target of the wild cell's row may not fit what is left of its inputs
    assert report["rows"] == 300 - len(rows)
    assert errors["wild"] < 1.5 * errors["clean"] + 0.05
    said = succeed("fit", "wild.csv", *options, "--out", "again.sextant", cwd=tmp_path).err
    assert f"{len(rows)} of 300 rows ha" in said and "'y' is 1e+07 where they say" in said
    assert "--clip-targets false" in said
    raw = json_of("fit", "wild.csv", *options, "--clip-targets", "false", "--out", "raw.sextant", cwd=tmp_path)
    assert raw["contradicted"] == [] and raw["targets"][0]["validation_rmse_mean"] > 1e5


def test_predictions_are_held_back_unless_they_extrapolate(tmp_path):
    """A line beyond its rows: held back to the targets' range; far beyond, nothing is known; or followed with --extrapolate."""
    rng = np.random.default_rng(6)
    x, other, noise = rng.standard_normal((3, 80))
    y = 3 * x + 0.2 * noise
    write_csv(tmp_path / "t.csv", {"x": x, "other": other, "y": y})
    write_csv(tmp_path / "far.csv", {"x": [0.1, 15.0, -1e6], "other": [0.0, 0.0, 0.0]})
    options = ["t.csv", "--target", "y", "--method", "auto", *BRIEF]
    succeed("fit", *options, "--out", "held.sextant", cwd=tmp_path)
    succeed("fit", *options, "--extrapolate", "--out", "free.sextant", cwd=tmp_path)
    held = succeed("predict", "held.sextant", "far.csv", cwd=tmp_path)
    f = np.array([float(line) for line in held.out.split()[1:]])
    low, high = y.min(), y.max()
    assert abs(f[0] - 0.3) < 0.2
    assert abs(f[1] - (high + 0.1 * (high - low))) < 1e-9 * high
    assert abs(f[2] - y.mean()) < 0.5
    assert "2 of 3 rows have an input far outside" in held.err
    assert "1 prediction of 'y' is held back" in held.err and "--extrapolate" in held.err
    free = succeed("predict", "free.sextant", "far.csv", cwd=tmp_path)
    assert np.allclose([float(line) for line in free.out.split()[1:]], [0.3, 45, -3e6], rtol=0.1, atol=0.2)
    assert "held back" not in free.err and "drawn in" not in free.err
