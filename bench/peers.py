#!/usr/bin/python3
"""Algorithm 1 by Sextant, by a straightforward PyTorch program, and what other learners make of the same rows.

    bench/peers.py build/bench/bench/algorithm_1 [--rows N] [--inputs D] [--width M] [--threads T] [--repeats R]
                   [--precision float64|float32] [--peers torch,features,kernel,mlp,xgboost]

Each program runs in a process of its own, the programs in turn, R times; the table gives medians and their ratios to
Sextant's. `torch` is the same algorithm in the same precision on the same threads: least squares, one gradient step by
automatic differentiation, features, Gram matrix, eigen-decomposition, the λ path judged on held-out rows. The others do
other work; `kernel` takes the first 4 000 rows only (its matrix has the square of the rows). Reading the table is not timed.
Debian packages: python3-torch, python3-sklearn, python3-xgboost; what is not installed is left out.
"""

import argparse
import importlib.util
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

HELD_OUT = 5000
TARGET_NOISE = 0.1


def table(rows, inputs, path):
    """y = z₁ + z₁z₂ + noise for two directions z of Gaussian inputs; written a block at a time."""
    random = np.random.default_rng(0)
    U = random.standard_normal((2, inputs))
    U /= np.linalg.norm(U, axis=1, keepdims=True)
    with open(path, "wb") as file:
        left = rows + HELD_OUT
        while left > 0:
            X = random.standard_normal((min(left, 10000), inputs))
            z = X @ U.T
            y = z[:, 0] + z[:, 0] * z[:, 1] + TARGET_NOISE * random.standard_normal(len(X))
            np.column_stack([X, y]).tofile(file)
            left -= len(X)


def read(options):
    data = np.fromfile(options.table).reshape(-1, options.inputs + 1)
    X, y = np.ascontiguousarray(data[:, :-1]), data[:, -1].copy()
    n = options.rows
    return X[:n], y[:n], X[n:], y[n:]


def now():
    """By the clock, and of the processor, which other programs on the machine hardly change."""
    return np.array([time.perf_counter(), time.process_time()])


def since(start):
    return now() - start


def torch_program(options):
    import torch

    torch.set_num_threads(options.threads)
    kind = torch.float64 if options.precision == "float64" else torch.float32
    X, y, X_held, y_held = (torch.from_numpy(part).to(kind) for part in read(options))
    n, d = X.shape
    m = options.width
    start = now()
    mean, y_mean = X.mean(0), y.mean()
    beta = torch.linalg.solve((X - mean).T @ (X - mean), (X - mean).T @ (y - y_mean))
    r = y - y_mean - (X - mean) @ beta
    r_held = y_held - y_mean - (X_held - mean) @ beta
    half = torch.randn(m // 2, d, dtype=kind) / d**0.5
    W = torch.cat([half, half]).requires_grad_(True)
    a = torch.sign(torch.randn(m // 2, dtype=kind))
    a = torch.cat([a, -a])
    loss = ((r - torch.relu(X @ W.T) @ a) ** 2).mean()
    loss.backward()
    W = -(d**0.5) * W.grad
    b = torch.randn(m, dtype=kind)
    Phi = torch.relu(X @ W.T + b)
    K = 2 / n * (Phi.T @ Phi)
    s, V = torch.linalg.eigh(K)
    c = V.T @ (2 / n * (Phi.T @ r))
    lambdas = torch.tensor([10 ** (k / 2) for k in range(-20, 17)], dtype=kind)
    heads = V @ (c[:, None] / (s.clamp(min=0)[:, None] + lambdas))
    errors = ((r_held[:, None] - torch.relu(X_held @ W.T + b) @ heads) ** 2).mean(0)
    return since(start), float(errors[~errors.isnan()].min()) ** 0.5


def learner(options):
    """The time that fitting and predicting take, and the error on held-out rows."""
    X, y, X_held, y_held = read(options)
    random = np.random.default_rng(1)
    if options.run == "features":
        from sklearn.linear_model import Ridge

        W = random.standard_normal((options.inputs, options.width)) / options.inputs**0.5
        b = random.standard_normal(options.width)
        start = now()
        model = Ridge(alpha=1e-3 * len(X)).fit(np.maximum(X @ W + b, 0), y)
        predicted = model.predict(np.maximum(X_held @ W + b, 0))
    else:
        if options.run == "kernel":
            from sklearn.kernel_ridge import KernelRidge

            X, y = X[:4000], y[:4000]
            model = KernelRidge(kernel="rbf", gamma=0.5 / options.inputs, alpha=1e-2)
        elif options.run == "mlp":
            from sklearn.neural_network import MLPRegressor

            model = MLPRegressor((options.width,), max_iter=10, random_state=0)
        else:
            from xgboost import XGBRegressor

            model = XGBRegressor(n_estimators=200, tree_method="hist", n_jobs=options.threads)
        start = now()
        model.fit(X, y)
        predicted = model.predict(X_held)
    return since(start), float(np.mean((y_held - predicted) ** 2)) ** 0.5


def run_peer(options):
    import warnings

    warnings.simplefilter("ignore")
    seconds, rmse = torch_program(options) if options.run == "torch" else learner(options)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds[0], "processor": seconds[1], "rmse": rmse, "peak_mib": peak}))


PEERS = {
    "torch": ("PyTorch, the same algorithm", "torch"),
    "features": ("scikit-learn, random features + Ridge", "sklearn"),
    "kernel": ("scikit-learn, KernelRidge (4 000 rows)", "sklearn"),
    "mlp": ("scikit-learn, MLPRegressor (10 epochs)", "sklearn"),
    "xgboost": ("XGBoost, 200 trees", "xgboost"),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="build/bench/bench/algorithm_1")
    parser.add_argument("--rows", type=int, default=50000)
    parser.add_argument("--inputs", type=int, default=100)
    parser.add_argument("--width", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--precision", choices=["float64", "mixed", "float32"], default="float64")
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--table", help=argparse.SUPPRESS)
    parser.add_argument("--run", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        run_peer(options)
        return

    wanted = [peer for peer in options.peers.split(",") if importlib.util.find_spec(PEERS[peer][1])]
    environment = dict(os.environ, OPENBLAS_NUM_THREADS=str(options.threads), OMP_NUM_THREADS=str(options.threads))
    # Its threads are tiles with one thread of BLAS in each; others would only wait, which OpenBLAS's do by spinning.
    environment_of = {"sextant": dict(environment, OPENBLAS_NUM_THREADS="1")}
    found = {peer: [] for peer in ["sextant", *wanted]}
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "table.f64")
        table(options.rows, options.inputs, path)
        sizes = [options.rows, HELD_OUT, options.inputs, options.width, options.threads, options.precision]
        for repeat in range(options.repeats):
            for peer in found:
                # Learners that do other work need no more than one run.
                if repeat > 0 and peer not in ("sextant", "torch"):
                    continue
                if peer == "sextant":
                    command = [options.program, path, *map(str, sizes)]
                else:
                    command = [sys.executable, __file__, *sys.argv[1:], "--table", path, "--run", peer]
                output = subprocess.run(command, env=environment_of.get(peer, environment), check=True,
                                        stdout=subprocess.PIPE).stdout
                found[peer].append(json.loads(output))

    def median(peer, key):
        return statistics.median(run[key] for run in found[peer])

    print(f"{options.rows} rows, {options.inputs} inputs, {options.width} units, {options.precision}, "
          f"{options.threads} threads; medians of {options.repeats}")
    print(f"{'':40} {'seconds':>8} {'ratio':>6} {'cpu s':>8} {'ratio':>6} {'MiB':>6} {'ratio':>6} {'error':>7} {'ratio':>6}")
    for peer in found:
        label = "Sextant" if peer == "sextant" else PEERS[peer][0]
        cells = ""
        for key, form in (("seconds", "8.2f"), ("processor", "8.2f"), ("peak_mib", "6.0f"), ("rmse", "7.4f")):
            value = median(peer, key)
            cells += f" {value:{form}} {value / median('sextant', key):6.2f}"
        print(f"{label:40}{cells}")
    stages = ", ".join(f"{stage} {median('sextant', stage):.2f}"
                       for stage in ("linear", "gradient", "features", "head", "validation"))
    print(f"Sextant's stages in seconds: {stages}")


if __name__ == "__main__":
    main()
