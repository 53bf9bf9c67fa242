"""What the method promises, seen through the program alone; seeded, so that every run sees the same rows.

Oracles: the noise-free target that `generate` writes, its true direction (DLS22, Section 6: f* = He_2/2 + He_4/(4√3) of
one coordinate among d = 10, labels with noise ±1), and a fit without transfer on the same rows.
"""

import json

import numpy as np
import pytest
from sextant_program import predictions, succeed

FIGURE = ["--width", 100, "--preprocess", "none", "--standardise", "false"]


def generate(folder, out, target, *arguments):
    succeed("generate", target, "--d", 10, "--orientation", "axis", *arguments, "--out", out, cwd=folder)


def excess_risk(folder, model, test):
    """Mean square of what a model misses of the noise-free target; the target has variance 1."""
    y = np.load(folder / test)[:, -1]
    return np.mean((predictions(model, test, cwd=folder)[:, 0] - y) ** 2)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A model of the published figures: n = 10⁴, width 100, chosen on a validation table."""
    folder = tmp_path_factory.mktemp("source")
    for name, first, rows, noise in [("train", 0, 10_000, 1), ("check", 20_000, 4_000, 1), ("test", 40_000, 20_000, 0)]:
        generate(folder, f"{name}.npy", "source", "--p", 4, "--n", rows, "--noise", noise, "--first-row", first)
    options = [*FIGURE, "--validation", "check.npy"]
    succeed("fit", "train.npy", "--target", 11, "--out", "source.sextant", *options, cwd=folder)
    return folder


def test_excess_risk_of_the_source(source):
    assert excess_risk(source, "source.sextant", "test.npy") < 0.13


def test_the_direction_is_found(source):
    arguments = ["directions", "source.sextant", "--rank", 1, "--against", "train.directions.csv", "--json"]
    report = json.loads(succeed(*arguments, cwd=source).out)
    assert report["overlap"] > 0.98
    assert report["spectrum"][0] > 0.8


def test_transfer_needs_fewer_rows_than_a_fit(source):
    """He_3 has no quadratic part, so 200 rows of it cannot show the direction to a network from scratch."""
    for name, first, rows, noise in [("few", 70_000, 200, 1), ("new-test", 80_000, 20_000, 0)]:
        generate(source, f"{name}.npy", "hermite", "--p", 3, "--n", rows, "--noise", noise, "--first-row", first)
    options = ["--target", 11, "--folds", 5, "--preprocess", "none", "--standardise", "false"]
    succeed("transfer", "source.sextant", "few.npy", "--out", "transferred.sextant", *options, cwd=source)
    succeed("fit", "few.npy", "--out", "scratch.sextant", "--width", 100, *options, cwd=source)
    transferred = excess_risk(source, "transferred.sextant", "new-test.npy")
    scratch = excess_risk(source, "scratch.sextant", "new-test.npy")
    assert transferred < 0.5 < scratch
    assert transferred < 0.6 * scratch


def test_a_target_of_pure_noise_is_told(tmp_path):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "noise.npy", rng.standard_normal((400, 7)))
    done = succeed("fit", "noise.npy", "--target", 7, "--out", "noise.sextant", "--json", cwd=tmp_path)
    assert "nothing was found" in done.err
    target = json.loads(done.out)["targets"][0]
    assert target["validation_rmse"] >= (1 - 1e-9) * target["validation_rmse_mean"]
