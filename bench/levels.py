#!/usr/bin/env python3
"""How tables with columns of many levels are learned, against boosted trees (docs/method.md, Levels).

A table made like access requests of a large company: eight columns of 50 to 5 000 codes whose frequencies go like
rank^-0.9, and a class that is rare (about 7 %), by the effects of three columns' levels and of one pair's. As numbers, or
with --text as texts. Log-loss on fresh rows, beside that of the class frequencies and of the true probabilities, which
no learner reaches: most levels have few rows. Sextant runs as the command line does, with and without --level-effects;
peers are CatBoost, LightGBM and XGBoost with early stopping. A peer whose package is missing is left out with a sentence.

    python3 bench/levels.py --sextant build/release/bin/sextant --seeds 2
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import tempfile
import warnings
from pathlib import Path

import numpy as np

warnings.filterwarnings("ignore")
LEVELS = (50, 120, 300, 400, 700, 1500, 2500, 5000)
ROWS, FRESH = 20_000, 5_000


def requests(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    n = ROWS + FRESH
    level = []
    X = np.empty((n, len(LEVELS)), dtype=int)
    for j, count in enumerate(LEVELS):
        p = np.arange(1, count + 1) ** -0.9
        names = rng.choice(np.arange(100, 100 + 20 * count), count, replace=False)
        level.append(rng.choice(count, n, p=p / p.sum()))
        X[:, j] = names[level[j]]
    logit = np.full(n, 4.6)
    for j, size in ((2, 1.0), (4, 1.2), (6, 1.2)):
        logit += rng.normal(0, size, LEVELS[j])[level[j]]
    pair = np.unique(level[1] * LEVELS[4] + level[4], return_inverse=True)[1]
    logit += rng.normal(0, 1.5, pair.max() + 1)[pair]
    p = 1 / (1 + np.exp(-logit))
    return X, (rng.random(n) < p).astype(int), p


def write(path: Path, X: np.ndarray, y: np.ndarray, text: bool) -> None:
    cell = (lambda value: f"k{value}") if text else str
    with open(path, "w") as file:
        file.write(",".join(f"c{j}" for j in range(X.shape[1])) + ",y\n")
        for row, label in zip(X, y):
            file.write(",".join(map(cell, row)) + f",{label}\n")


def log_loss(y: np.ndarray, p: np.ndarray) -> float:
    p = np.clip(p, 1e-9, 1 - 1e-9)
    return float(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))


def seconds(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def by_sextant(program: str, folder: Path, effects: str, more: list[str]) -> tuple[float, float]:
    before = seconds(resource.RUSAGE_CHILDREN)
    model = folder / "m.sextant"
    subprocess.run([program, "fit", folder / "train.csv", "--target", "y", "--task", "classification", "--out", model,
                    "--level-effects", effects, *more], check=True, capture_output=True)
    used = seconds(resource.RUSAGE_CHILDREN) - before
    report = json.loads(subprocess.run([program, "evaluate", model, folder / "test.csv", "--json"], check=True,
                                       capture_output=True).stdout)
    return report["targets"][0]["log_loss"], used


def catboost(X, y, k, Xt):
    from catboost import CatBoostClassifier
    model = CatBoostClassifier(iterations=1000, verbose=0, thread_count=2, random_seed=0, early_stopping_rounds=50)
    model.fit(X[:k], y[:k], cat_features=list(range(X.shape[1])), eval_set=(X[k:], y[k:]))
    return model.predict_proba(Xt)[:, 1]


def lightgbm(X, y, k, Xt):
    import lightgbm
    model = lightgbm.LGBMClassifier(n_estimators=2000, learning_rate=0.02, n_jobs=2, verbose=-1)
    model.fit(X[:k], y[:k], eval_set=[(X[k:], y[k:])], categorical_feature=list(range(X.shape[1])),
              callbacks=[lightgbm.early_stopping(50, verbose=False)])
    return model.predict_proba(Xt)[:, 1]


def xgboost(X, y, k, Xt):
    import xgboost
    model = xgboost.XGBClassifier(n_estimators=2000, learning_rate=0.05, early_stopping_rounds=50, n_jobs=2)
    model.fit(X[:k], y[:k], eval_set=[(X[k:], y[k:])], verbose=0)
    return model.predict_proba(Xt)[:, 1]


PEERS = {"CatBoost": catboost, "LightGBM, categories": lightgbm, "XGBoost, numbers": xgboost}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sextant", help="the program; without it peers alone")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--text", action="store_true", help="columns of texts instead of numbers")
    parser.add_argument("options", nargs="*", help="further options of sextant fit, after --")
    given = parser.parse_args()
    for seed in range(1, given.seeds + 1):
        X, y, p = requests(seed)
        train, test = (X[:ROWS], y[:ROWS]), (X[ROWS:], y[ROWS:])
        print(f"seed {seed}: frequencies {log_loss(test[1], np.full(FRESH, train[1].mean())):.4f}, "
              f"true probabilities {log_loss(test[1], p[ROWS:]):.4f}")
        if given.sextant:
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                write(folder / "train.csv", *train, given.text)
                write(folder / "test.csv", *test, given.text)
                for effects in ("true",) if given.text else ("true", "false"):
                    loss, used = by_sextant(given.sextant, folder, effects, given.options)
                    print(f"  Sextant, level effects {effects:22} {loss:.4f}  {used:6.1f} processor seconds", flush=True)
        for name, peer in PEERS.items():
            before = seconds(resource.RUSAGE_SELF)
            try:
                loss = log_loss(test[1], peer(*train, int(0.8 * ROWS), test[0]))
            except ImportError:
                print(f"  {name}: the package is not installed")
                continue
            print(f"  {name:45} {loss:.4f}  {seconds(resource.RUSAGE_SELF) - before:6.1f} processor seconds", flush=True)


if __name__ == "__main__":
    main()
