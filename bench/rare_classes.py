#!/usr/bin/python3
"""Whether rare classes are learned without being worse than what is simple: twenty tables of known probabilities.

Five shapes (linear, one index, a product of two, a box of thresholds, pure noise) in ten inputs, of 200, 600, 2 000 and
5 000 rows with 5, 3, 2 and 1 % positives. `auto` with the budgets low, medium and high, algorithm-1 and the classes'
frequencies are compared on fresh rows by the expected log-loss: that over the true probabilities, so that labels add no
noise. Loss is shown in units of the frequencies': 1 is nothing learned; `best` is that of the true probabilities.

What is asked: on no table is auto worse than algorithm-1 or the frequencies, nor high worse than medium, by more than two
standard errors over the draws of the training rows and half a percent of the frequencies' loss. With few draws a standard
error is itself in doubt: at least three.

    bench/rare_classes.py build/release/bin/sextant --seeds 5
    bench/rare_classes.py build/release/bin/sextant --shapes box,noise --rows 200,600 --methods low,medium --json out.json
"""
from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

INPUTS = 10
TEST_ROWS = 10_000
SHARES = {200: 0.05, 600: 0.03, 2000: 0.02, 5000: 0.01}
METHODS = {
    "low": ["--budget", "low"],
    "medium": [],
    "high": ["--budget", "high"],
    "algorithm-1": ["--method", "algorithm-1"],
}
WITHIN = 0.005  # of the frequencies' loss: less is no difference worth a word


def linear(X):
    return 2 * (X[:, 0] + 0.7 * X[:, 1] - 0.5 * X[:, 2]) / 1.32


def one_index(X):
    return 2.5 * (((X[:, 0] + X[:, 1] + X[:, 2]) / np.sqrt(3)) ** 2 - 1)


def two_indices(X):
    return 2.5 * (X[:, 0] + X[:, 1]) * (X[:, 2] - X[:, 3]) / 2


def box(X):
    return 5.0 * ((X[:, 0] > 0.8) & (X[:, 1] < 0.3))


def noise(X):
    return np.zeros(len(X))


SHAPES = {"linear": linear, "one-index": one_index, "two-index": two_indices, "box": box, "noise": noise}


def intercept(score, share):
    """b with mean σ(score + b) = share, by bisection."""
    low, high = -50.0, 50.0
    for _ in range(100):
        middle = (low + high) / 2
        if np.mean(1 / (1 + np.exp(-score - middle))) < share:
            low = middle
        else:
            high = middle
    return low


def table(shape, rows, share, seed):
    """Inputs and labels to learn from, and inputs with true probabilities to test on."""
    rng = np.random.default_rng([seed, rows, list(SHAPES).index(shape)])
    b = intercept(SHAPES[shape](np.random.default_rng(0).standard_normal((100_000, INPUTS))), share)
    X = rng.standard_normal((rows, INPUTS))
    p = 1 / (1 + np.exp(-SHAPES[shape](X) - b))
    y = rng.random(rows) < p
    if y.sum() < 2:  # two positives at least, the likeliest rows
        y[np.argsort(-p)[:2]] = True
    T = rng.standard_normal((TEST_ROWS, INPUTS))
    return X, y, T, 1 / (1 + np.exp(-SHAPES[shape](T) - b))


def expected_loss(truth, q):
    q = np.clip(q, 1e-12, 1 - 1e-12)
    return float(np.mean(-truth * np.log(q) - (1 - truth) * np.log(1 - q)))


def write(path, X, y=None):
    names = [f"x{j}" for j in range(1, X.shape[1] + 1)]
    lines = [",".join(names + (["kind"] if y is not None else []))]
    for i, row in enumerate(X):
        lines.append(",".join(map(repr, row.tolist())) + ("" if y is None else ",bad" if y[i] else ",good"))
    path.write_text("\n".join(lines) + "\n")


def learn(program, folder, options):
    """Probabilities of `bad` on the test rows, and seconds."""
    begin = time.monotonic()
    subprocess.run(
        [program, "fit", "train.csv", "--target", "kind", "--task", "classification", "--out", "m.sextant", *options],
        cwd=folder, check=True, capture_output=True, text=True,
    )  # fmt: skip
    seconds = time.monotonic() - begin
    subprocess.run([program, "predict", "m.sextant", "test.csv", "--out", "p.npy"], cwd=folder, check=True, capture_output=True)
    return np.load(folder / "p.npy")[:, 0], seconds


def measure(program, shape, rows, seed, methods):
    """Losses over the frequencies' by method, with those of the truth as `best`, and seconds."""
    X, y, T, truth = table(shape, rows, SHARES[rows], seed)
    unit = expected_loss(truth, np.full(len(T), (y.sum() + 1) / (rows + 2)))
    losses, seconds = {"best": expected_loss(truth, truth) / unit}, {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / "train.csv", X, y)
        write(folder / "test.csv", T)
        for method in methods:
            q, seconds[method] = learn(program, folder, METHODS[method])
            losses[method] = expected_loss(truth, q) / unit
    return losses, seconds


def beyond_noise(worse):
    """Whether differences over draws are above 0 by two standard errors and by what is worth a word."""
    mean = np.mean(worse)
    error = np.std(worse, ddof=1) / np.sqrt(len(worse)) if len(worse) > 1 else 0.0
    return mean > WITHIN + 2 * error


def verdicts(name, losses):
    """Sentences on one table: losses by method, one per draw."""
    found = []
    columns = {method: np.array(values) for method, values in losses.items()}
    for method in (m for m in ("low", "medium", "high") if m in columns):
        rivals = {"the frequencies": np.ones_like(columns[method])}
        if "algorithm-1" in columns:
            rivals["algorithm-1"] = columns["algorithm-1"]
        for rival, other in rivals.items():
            if beyond_noise(columns[method] - other):
                found.append(f"{name}: {method} is worse than {rival}, {np.mean(columns[method] - other):+.3f}")
    if "medium" in columns and "high" in columns and beyond_noise(columns["high"] - columns["medium"]):
        found.append(f"{name}: high is worse than medium, {np.mean(columns['high'] - columns['medium']):+.3f}")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="the sextant program")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--shapes", default=",".join(SHAPES))
    parser.add_argument("--rows", default=",".join(map(str, SHARES)))
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--json", help="where to write all losses")
    given = parser.parse_args()
    program = str(Path(given.program).resolve())
    methods = given.methods.split(",")
    shown = ["best", *methods]
    print(f"{'table':<18}" + "".join(f"{each:>18}" for each in shown))
    everything, sentences = {}, []
    for shape in given.shapes.split(","):
        for rows in map(int, given.rows.split(",")):
            name = f"{shape} {rows}"
            losses = {each: [] for each in shown}
            taken = {each: [] for each in methods}
            for seed in range(1, given.seeds + 1):
                of_draw, seconds = measure(program, shape, rows, seed, methods)
                for each in shown:
                    losses[each].append(of_draw[each])
                for each in methods:
                    taken[each].append(seconds[each])
            spread = {each: np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0 for each, values in losses.items()}
            print(f"{name:<18}" + "".join(f"{np.mean(losses[each]):>10.3f} ±{spread[each]:.3f} " for each in shown), flush=True)
            everything[name] = {"losses": losses, "seconds": taken}
            sentences += verdicts(name, losses)
    if given.json:
        Path(given.json).write_text(json.dumps(everything, indent=1))
    print("\n".join(sentences) if sentences else "nothing is worse than what is simpler, beyond noise")
    return 1 if sentences else 0


if __name__ == "__main__":
    sys.exit(main())
