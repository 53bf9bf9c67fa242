#!/usr/bin/python3
"""Accuracy and time of `sextant fit` with its defaults on real tables, beside XGBoost's small grid if that is installed.

Prints the test RMSE in units of the training target's standard deviation, mean and standard deviation over seeds, and the
seconds of the whole command. FOLDER holds one folder per table with train.csv and test.csv, the target named y (or lift
and drag). XGBoost: depth 3, 6, 9 × rate 0.05, 0.2, at most 2000 rounds, stopped early after 40, subsample 0.8, columns
0.9, chosen on a fifth of the training rows. Its figures are of the same run, so that their ratio is of one machine.
Needs NumPy and the program:

    bench/real_tables.py build/release/bin/sextant FOLDER --seeds 5 [--xgboost] [--tables energy,sml] [-- --budget 20]
"""
import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

TARGETS = ("y", "lift", "drag")


def read(path):
    return np.genfromtxt(path, delimiter=",", names=True)


def fit_sextant(program, folder, target, seed, extra):
    """Test RMSE and seconds of the command line."""
    columns = read(folder / "test.csv").dtype.names
    ignored = [name for name in TARGETS if name in columns and name != target]
    with tempfile.TemporaryDirectory() as scratch:
        model = str(Path(scratch) / "model.sextant")
        started = time.perf_counter()
        subprocess.run([program, "fit", str(folder / "train.csv"), "--target", target, "--out", model, "--seed", str(seed),
                        *(["--ignore", ",".join(ignored)] if ignored else []), *extra],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seconds = time.perf_counter() - started
        report = json.loads(subprocess.check_output([program, "evaluate", model, str(folder / "test.csv"), "--json"]))
    return report["targets"][0]["rmse"], seconds


def fit_xgboost(folder, target, seed):
    """Test RMSE and seconds of the grid in this process."""
    import xgboost

    train, test = read(folder / "train.csv"), read(folder / "test.csv")
    inputs = [name for name in train.dtype.names if name not in TARGETS]
    X, X_test = (np.array([table[name] for name in inputs]).T for table in (train, test))
    started = time.perf_counter()
    order = np.random.default_rng(seed).permutation(len(X))
    held, kept = order[: len(order) // 5], order[len(order) // 5:]
    y = train[target]
    best = (np.inf, None)
    for depth in (3, 6, 9):
        for rate in (0.05, 0.2):
            model = xgboost.XGBRegressor(n_estimators=2000, max_depth=depth, learning_rate=rate, subsample=0.8,
                                         colsample_bytree=0.9, early_stopping_rounds=40, random_state=seed)
            model.fit(X[kept], y[kept], eval_set=[(X[held], y[held])], verbose=False)
            error = np.mean((model.predict(X[held]) - y[held]) ** 2)
            if error < best[0]:
                best = (error, model)
    seconds = time.perf_counter() - started
    return np.sqrt(np.mean((best[1].predict(X_test) - test[target]) ** 2)), seconds


def summary(runs, unit):
    errors, seconds = np.array(runs).T
    spread = np.std(errors / unit, ddof=1) if len(errors) > 1 else 0.0
    return f"{np.mean(errors) / unit:7.4f} ± {spread:.4f} {np.median(seconds):7.1f} s"


def main():
    arguments, extra = sys.argv[1:], []
    if "--" in arguments:
        cut = arguments.index("--")
        arguments, extra = arguments[:cut], arguments[cut + 1:]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--tables", help="names of folders, separated by commas (default: all)")
    parser.add_argument("--xgboost", action="store_true")
    options = parser.parse_args(arguments)
    if not options.folder.is_dir():
        print(f"skipped: no tables at {options.folder}")
        return
    names = options.tables.split(",") if options.tables else sorted(p.parent.name for p in options.folder.glob("*/train.csv"))
    print(f"{'table':12} {'target':6} {'sextant':>27}" + (f" {'XGBoost':>28} {'time ratio':>11}" if options.xgboost else ""))
    for name in names:
        folder = options.folder / name
        train = read(folder / "train.csv")
        for target in (t for t in TARGETS if t in train.dtype.names):
            unit = np.std(train[target])
            ours = [fit_sextant(options.program, folder, target, seed, extra) for seed in range(options.seeds)]
            line = f"{name:12} {target:6} {summary(ours, unit)}"
            if options.xgboost:
                theirs = [fit_xgboost(folder, target, seed) for seed in range(options.seeds)]
                ratio = np.median([b[1] for b in theirs]) / np.median([a[1] for a in ours])
                line += f"   {summary(theirs, unit)} {ratio:11.2f}"
            print(line, flush=True)


if __name__ == "__main__":
    main()
