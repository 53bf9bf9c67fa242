#!/usr/bin/env python3
"""How tables with more inputs than rows are learned, against six peers.

Synthetic tables of known functions (docs/method.md, "Wide tables"): sparse and dense linear, links of one index,
products, correlated inputs, heavy tails, factor models, smooth spectra, pure noise. Sextant runs as the command line
does, with default options or --budget; peers are scikit-learn's LassoCV, ElasticNetCV, RidgeCV, partial least squares
and kernel ridge with cross-validated settings, and LightGBM with early stopping. A peer whose package is missing is
left out with a sentence.

    python3 bench/wide.py --sextant build/release/bin/sextant --seeds 5
    python3 bench/wide.py --sextant ... --cases tanh,spectra-few --seeds 2 --json wide.json
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

warnings.filterwarnings("ignore")
NOISE = 0.33  # standard deviation of the noise over that of the function
TEST_ROWS = 1000
COEFFICIENTS = np.array([1, -1, 0.8, 0.6, -0.5])

Case = tuple[np.ndarray, np.ndarray]


def index(X: np.ndarray) -> np.ndarray:
    return X[:, :5] @ COEFFICIENTS / np.linalg.norm(COEFFICIENTS)


def normal(rng, rows, d):
    return rng.standard_normal((rows, d))


def autoregressive(rng, rows, d, rho=0.9):
    X = rng.standard_normal((rows, d))
    for j in range(1, d):
        X[:, j] = rho * X[:, j - 1] + np.sqrt(1 - rho**2) * X[:, j]
    return X


def blocks(rng, rows, d, rho=0.7, size=10):
    shared = np.repeat(rng.standard_normal((rows, (d + size - 1) // size)), size, axis=1)[:, :d]
    return np.sqrt(rho) * shared + np.sqrt(1 - rho) * rng.standard_normal((rows, d))


def student(rng, rows, d):
    return rng.standard_t(3, (rows, d)) / np.sqrt(3)


def factors(rng, rows, d, count=5):
    F = rng.standard_normal((rows, count))
    return F @ rng.standard_normal((count, d)) / np.sqrt(count) + 0.5 * rng.standard_normal((rows, d)), F


def spectra(rng, rows, d, factors=6, bumps=4):
    """Smooth curves: concentrations times broad peaks, a drifting base line, scatter that multiplies, a little noise."""
    at = np.linspace(0, 1, d)
    peaks = np.zeros((factors, d))
    for f in range(factors):
        for _ in range(bumps):
            peaks[f] += rng.uniform(0.3, 1) * np.exp(-(((at - rng.uniform()) / rng.uniform(0.02, 0.12)) ** 2))
    C = rng.uniform(0.2, 1, (rows, factors))
    base = rng.standard_normal((rows, 1)) * 0.2 + rng.standard_normal((rows, 1)) * 0.1 * at
    scatter = 1 + 0.05 * rng.standard_normal((rows, 1))
    return scatter * (C @ peaks) + base + 0.002 * rng.standard_normal((rows, d)), C


def noisy(rng, f, noise=NOISE):
    return f + noise * f.std() * rng.standard_normal(len(f))


def of_index(link: Callable, design: Callable = normal, spread: int = 1, noise: float = NOISE):
    def make(rng, rows, d):
        X = design(rng, rows, d)
        z = X[:, : 5 * spread : spread] @ COEFFICIENTS
        return X, noisy(rng, link(z / z.std()), noise)

    return make


def of_product(rng, rows, d):
    X = normal(rng, rows, d)
    return X, noisy(rng, X[:, 0] * X[:, 1])


def dense(link: Callable):
    def make(rng, rows, d):
        X = normal(rng, rows, d)
        z = X @ rng.standard_normal(d)
        return X, noisy(rng, link(z / z.std()))

    return make


def of_factors(function: Callable):
    def make(rng, rows, d):
        X, F = factors(rng, rows, d)
        return X, noisy(rng, function(F))

    return make


def of_spectra(function: Callable, noise: float = 0.05):
    def make(rng, rows, d):
        X, C = spectra(rng, rows, d)
        return X, noisy(rng, function(C), noise)

    return make


def pure_noise(rng, rows, d):
    return normal(rng, rows, d), rng.standard_normal(rows)


CASES: dict[str, tuple[int, int, Callable]] = {
    "sparse": (200, 2000, of_index(lambda z: z)),
    "sparse-noisy": (200, 2000, of_index(lambda z: z, noise=1.0)),
    "sparse-few": (50, 1000, of_index(lambda z: z)),
    "one-input": (100, 250, lambda rng, r, d: (lambda X: (X, noisy(rng, X[:, 0])))(normal(rng, r, d))),
    "one-sine": (100, 250, lambda rng, r, d: (lambda X: (X, noisy(rng, np.sin(2 * X[:, 0]))))(normal(rng, r, d))),
    "tanh-few": (60, 300, of_index(lambda z: np.tanh(2 * z))),
    "tanh": (200, 2000, of_index(lambda z: np.tanh(2 * z))),
    "square": (200, 2000, of_index(lambda z: z**2 + z)),
    "exp": (200, 2000, of_index(np.exp)),
    "absolute": (300, 1000, of_index(np.abs)),
    "product": (300, 600, of_product),
    "ar-tanh": (200, 1000, of_index(lambda z: np.tanh(2 * z), autoregressive, 20)),
    "block-exp": (200, 1000, of_index(np.exp, blocks, 10)),
    "t3-tanh": (200, 1000, of_index(lambda z: np.tanh(2 * z), student)),
    "dense": (200, 400, dense(lambda z: z)),
    "dense-tanh": (300, 150, dense(lambda z: np.tanh(2 * z))),
    "factors-product": (200, 1000, of_factors(lambda F: F[:, 0] * F[:, 1] + F[:, 2])),
    "factors-sine": (200, 2000, of_factors(lambda F: np.sin(2 * F[:, 0]))),
    "spectra-few": (50, 400, of_spectra(lambda C: C[:, 0])),
    "spectra-few-long": (60, 700, of_spectra(lambda C: C[:, 0] - 0.5 * C[:, 1], 0.02)),
    "spectra": (150, 600, of_spectra(lambda C: C[:, 0])),
    "spectra-curved": (100, 400, of_spectra(lambda C: C[:, 0] ** 2 + C[:, 1] * C[:, 2])),
    "noise-50": (50, 500, pure_noise),
    "noise-100": (100, 500, pure_noise),
}


def draw(case: str, seed: int) -> tuple[Case, Case]:
    rows, d, make = CASES[case]
    X, y = make(np.random.default_rng([seed, sorted(CASES).index(case)]), rows + TEST_ROWS, d)
    return (X[:rows], y[:rows]), (X[rows:], y[rows:])


# ---- peers ----


def lasso():
    from sklearn.linear_model import LassoCV

    return scaled(LassoCV(cv=5))


def elastic_net():
    from sklearn.linear_model import ElasticNetCV

    return scaled(ElasticNetCV(cv=5, l1_ratio=0.5))


def ridge():
    from sklearn.linear_model import RidgeCV

    return scaled(RidgeCV(alphas=np.logspace(-6, 6, 40)))


def least_squares():
    from sklearn.cross_decomposition import PLSRegression
    from sklearn.model_selection import GridSearchCV

    return GridSearchCV(PLSRegression(), {"n_components": list(range(1, 16))}, cv=5)


def kernel():
    from sklearn.kernel_ridge import KernelRidge
    from sklearn.model_selection import GridSearchCV

    grid = {"kernelridge__gamma": [], "kernelridge__alpha": [1e-4, 1e-3, 1e-2, 0.1, 1]}

    class Centred:
        def fit(self, X, y):
            grid["kernelridge__gamma"] = [g / X.shape[1] for g in (0.02, 0.1, 0.5, 2)]
            self.mean = y.mean()
            self.model = GridSearchCV(scaled(KernelRidge(kernel="rbf")), grid, cv=5).fit(X, y - self.mean)
            return self

        def predict(self, X):
            return self.model.predict(X) + self.mean

    return Centred()


def trees():
    import lightgbm

    class Stopped:
        def fit(self, X, y):
            rng = np.random.default_rng(0).permutation(len(y))
            held = rng[: max(5, len(y) // 5)]
            rest = rng[max(5, len(y) // 5) :]
            settings = {"num_leaves": 15, "learning_rate": 0.05, "min_child_samples": 5, "verbose": -1, "n_jobs": 1}
            trial = lightgbm.LGBMRegressor(n_estimators=500, **settings)
            trial.fit(X[rest], y[rest], eval_set=[(X[held], y[held])], callbacks=[lightgbm.early_stopping(30, verbose=False)])
            self.model = lightgbm.LGBMRegressor(n_estimators=max(1, trial.best_iteration_), **settings).fit(X, y)
            return self

        def predict(self, X):
            return self.model.predict(X)

    return Stopped()


def scaled(model):
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), model)


PEERS = {"lasso": lasso, "elastic net": elastic_net, "ridge": ridge, "pls": least_squares, "kernel": kernel, "lightgbm": trees}


def available(names: list[str]) -> list[str]:
    found = []
    for name in names:
        try:
            PEERS[name]()
            if name == "lightgbm":
                import lightgbm  # noqa: F401
            found.append(name)
        except ImportError as error:
            print(f"{name}: left out, its package is missing ({error})", file=sys.stderr)
    return found


def r2(y: np.ndarray, f: np.ndarray) -> float:
    return 1 - float(np.mean((y - f) ** 2) / np.var(y))


def run_peer(name: str, train: Case, test: Case) -> tuple[float, float]:
    before = time.process_time()
    predicted = PEERS[name]().fit(*train).predict(test[0])
    return r2(test[1], np.ravel(predicted)), time.process_time() - before


# ---- sextant ----


def write_table(path: Path, X: np.ndarray, y: np.ndarray) -> None:
    np.save(path, np.column_stack([X, y]))


def run_sextant(program: str, options: list[str], train: Case, test: Case, folder: Path) -> tuple[float, float]:
    target = f"x{train[0].shape[1] + 1}"
    write_table(folder / "train.npy", *train)
    write_table(folder / "test.npy", *test)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    fit = [program, "fit", "train.npy", "--target", target, "--out", "model.sextant", *options]
    subprocess.run(fit, cwd=folder, check=True, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "2"})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    answer = subprocess.run([program, "evaluate", "model.sextant", "test.npy", "--json"], cwd=folder, check=True, capture_output=True)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return json.loads(answer.stdout)["targets"][0]["r2"], seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sextant", default="sextant", help="the program (default: sextant on the path)")
    parser.add_argument("--cases", default=",".join(CASES), help="which, separated by commas (default: all)")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--peers", default=",".join(PEERS), help="which, or none")
    parser.add_argument("--budget", help="of Sextant (default: its own)")
    parser.add_argument("--json", type=Path, help="where all numbers are written")
    arguments = parser.parse_args()
    peers = [] if arguments.peers == "none" else available(arguments.peers.split(","))
    options = ["--budget", arguments.budget] if arguments.budget else []
    program = str(Path(arguments.sextant).resolve()) if os.sep in arguments.sextant else arguments.sextant
    everything = {}
    print(f"{'case':18}{'rows':>5}{'inputs':>7}{'sextant':>9}{'cpu s':>7}{'best peer':>20}{'ahead':>8}   " + "  ".join(f"{p:>11}" for p in peers))
    for case in arguments.cases.split(","):
        scores: dict[str, list[float]] = {}
        seconds: dict[str, list[float]] = {}
        for seed in range(arguments.seeds):
            train, test = draw(case, seed)
            with tempfile.TemporaryDirectory() as folder:
                results = {"sextant": run_sextant(program, options, train, test, Path(folder))}
            for name in peers:
                results[name] = run_peer(name, train, test)
            for name, (score, took) in results.items():
                scores.setdefault(name, []).append(score)
                seconds.setdefault(name, []).append(took)
        everything[case] = {"scores": scores, "seconds": seconds}
        mean = {name: float(np.mean(values)) for name, values in scores.items()}
        rows, d, _ = CASES[case]
        best = max(peers, key=lambda name: mean[name], default="")
        compared = f"{best:>12} {mean[best]:7.3f}{mean['sextant'] - mean[best]:8.3f}" if peers else ""
        each = "  ".join(f"{mean[p]:6.3f} {np.mean(seconds[p]):4.1f}" for p in peers)
        print(f"{case:18}{rows:5}{d:7}{mean['sextant']:9.3f}{np.mean(seconds['sextant']):7.1f}{compared}   {each}", flush=True)
        if arguments.json:
            arguments.json.write_text(json.dumps(everything, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
