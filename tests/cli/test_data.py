"""Real tables: every command on each, and errors on rows never trained on, in units of the training target's deviation.

The tables lie outside the repository, in the folder that SEXTANT_SHARED names or in ../shared beside it; without them
the tests skip. Oracles: NumPy on what `predict` writes; the exact gradients that come with naca0012. The bounds on
errors are measured means with room for other rounding.
"""

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest
from sextant_program import ROOT, predictions, run, succeed

DATA = Path(os.environ.get("SEXTANT_SHARED", ROOT.parent / "shared")) / "data"
LEARNED = ["naca0012", "sml", "energy", "concrete", "airfoil"]
TABLES = [*LEARNED, "pumadyn32nm"]  # one step on pumadyn finds no more than the mean

pytestmark = pytest.mark.skipif(not (DATA / "naca0012/train.csv").exists(), reason=f"no tables under {DATA}")


def column(path, name):
    with open(path, newline="") as file:
        return np.array([float(row[name]) for row in csv.DictReader(file)])


def table(name, part):
    path = DATA / name / f"{part}.csv"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    return path


def json_of(*arguments, cwd):
    return json.loads(succeed(*arguments, "--json", cwd=cwd).out)


def relative_rmse(folder, name, target, *options, model="m.sextant"):
    """Fits on the training rows and measures on the test rows."""
    train = table(name, "train")
    succeed("fit", train, "--target", target, "--out", model, *options, cwd=folder)
    report = json_of("evaluate", model, table(name, "test"), cwd=folder)
    return report["targets"][0]["rmse"] / column(train, target).std()


@pytest.mark.parametrize("name", TABLES)
def test_every_command(tmp_path, name):
    target = "lift" if name == "naca0012" else "y"
    train, test = table(name, "train"), table(name, "test")
    small = ["--width", 128]
    report = json_of("fit", train, "--target", target, "--out", "m.sextant", *small, cwd=tmp_path)
    chosen, mean = (report["targets"][0][key] for key in ("validation_rmse", "validation_rmse_mean"))
    assert chosen < mean if name in LEARNED else chosen <= mean * (1 + 1e-9)
    scores = json_of("evaluate", "m.sextant", test, cwd=tmp_path)
    y = column(test, target)
    assert scores["n"] == len(y)
    error = y - predictions("m.sextant", test, cwd=tmp_path)[:, 0]
    assert np.isclose(scores["targets"][0]["rmse"], np.sqrt(np.mean(error**2)), rtol=1e-10)
    found = json_of("directions", "m.sextant", cwd=tmp_path)
    V = np.array(found["directions"])
    assert found["inputs"] == report["inputs"] and found["rank"] == report["rank"]
    np.testing.assert_allclose(V @ V.T, np.eye(len(V)), atol=1e-10)
    assert "trained on" in succeed("info", "m.sextant", cwd=tmp_path).out
    again = json_of("transfer", "m.sextant", train, "--target", target, "--out", "again.sextant", cwd=tmp_path)
    assert np.isclose(again["targets"][0]["validation_rmse"], chosen, rtol=0.2)


def test_constant_columns_are_named(tmp_path):
    """sml has three inputs that are the same in every training row."""
    result = run("fit", table("sml", "train"), "--target", "y", "--width", 64, "--out", "m.sextant", cwd=tmp_path)
    with open(table("sml", "train"), newline="") as file:
        names, *rows = csv.reader(file)
    constant = [name for j, name in enumerate(names) if len({float(row[j]) for row in rows}) == 1]
    assert constant
    for name in constant:
        assert f"warning: input '{name}' never varies and is left out" in result.err


def test_lift_of_an_airfoil(tmp_path):
    assert relative_rmse(tmp_path, "naca0012", "lift", "--ignore", "drag") <= 0.17


def test_lift_and_drag_at_once_and_by_transfer(tmp_path):
    train, test = table("naca0012", "train"), table("naca0012", "test")
    deviation = {name: column(train, name).std() for name in ("lift", "drag")}
    succeed("fit", train, "--target", "lift", "--ignore", "drag", "--out", "lift.sextant", cwd=tmp_path)
    succeed("fit", train, "--target", "lift,drag", "--out", "both.sextant", cwd=tmp_path)
    succeed("transfer", "lift.sextant", train, "--target", "drag", cwd=tmp_path)
    both = json_of("evaluate", "both.sextant", test, cwd=tmp_path)["targets"]
    assert [score["name"] for score in both] == ["lift", "drag"]
    (drag,) = json_of("evaluate", "lift-drag.sextant", test, cwd=tmp_path)["targets"]
    for score in (*both, drag):
        assert score["rmse"] / deviation[score["name"]] < 0.5, score


def test_directions_of_lift_are_those_of_its_gradients(tmp_path):
    """The data come with exact gradients; their mean outer product, on standardised inputs, has the true directions."""
    path = DATA / "naca0012/gradients.csv"
    train = table("naca0012", "train")
    with open(path, newline="") as file:
        names, *rows = csv.reader(file)
    succeed("fit", train, "--target", "lift", "--ignore", "drag", "--out", "m.sextant", cwd=tmp_path)
    found = json_of("directions", "m.sextant", "--rank", 1, cwd=tmp_path)
    at = [names.index(name.replace("x", "dlift")) for name in found["inputs"]]
    G = np.array(rows, float)[: len(column(train, "lift")), at] * np.array(found["scale"])
    leading = np.linalg.eigh(G.T @ G)[1][:, -1]
    assert abs(leading @ found["directions"][0]) > 0.95


@pytest.mark.parametrize("name, bound", [("sml", 0.13), ("energy", 0.15), ("concrete", 0.34)])
def test_error_over_five_seeds(tmp_path, name, bound):
    errors = [relative_rmse(tmp_path, name, "y", "--seed", seed) for seed in range(5)]
    assert np.mean(errors) <= bound, errors
