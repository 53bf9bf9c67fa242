#!/usr/bin/python3
"""What Python adds to the engine: fitting beside the command line's program, predicting one row, stopping by Ctrl-C.

    PYTHONPATH=build/release/python bench/python_overhead.py [--n 50000] [--d 100] [--rounds 5]

Fits the same rows by the same options in turns, program and Python, and compares medians; the program's own time,
without starting, is the smaller of its two figures. Predicting is timed on a model of that fit. Stopping is timed from
the signal to the KeyboardInterrupt, at moments spread over the first seconds of a fit by the automatic method.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

import sextant

ROOT = Path(__file__).resolve().parents[1]


def seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def microseconds_each(work, times=2000):
    for _ in range(100):
        work()
    return min(seconds(lambda: [work() for _ in range(times)]) for _ in range(5)) / times * 1e6


def seconds_to_stop(X, y, after):
    """From Ctrl-C, `after` seconds into a fit, to the exception."""
    asked = []

    def interrupt():
        asked.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(after, interrupt)
    timer.start()
    try:
        sextant.fit(X, y, method="auto", budget=600)
    except KeyboardInterrupt:
        return time.perf_counter() - asked[0]
    raise SystemExit("the fit ended before it was interrupted")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=50_000)
    parser.add_argument("--d", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--program", default=os.environ.get("SEXTANT_BIN", ROOT / "build/release/bin/sextant"))
    arguments = parser.parse_args()

    X, y, _ = sextant.generate("source", n=arguments.n, d=arguments.d, noise=1.0, seed=1)
    estimator = sextant.SextantRegressor(method="algorithm-1")
    own, whole, python = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder, "rows.npy"), np.column_stack([X, y]))
        command = [arguments.program, "fit", "rows.npy", "--target", f"x{arguments.d + 1}", "--json"]
        command += ["--method", "algorithm-1"]
        for _ in range(arguments.rounds):
            start = time.perf_counter()
            out = subprocess.run(command, cwd=folder, check=True, capture_output=True).stdout
            whole.append(time.perf_counter() - start)
            own.append(json.loads(out)["seconds"])
            python.append(seconds(lambda: estimator.fit(X, y)))

    median = {name: statistics.median(times) for name, times in (("own", own), ("whole", whole), ("python", python))}
    print(f"fit, n = {arguments.n}, d = {arguments.d}, m = 1024, median (least) of {arguments.rounds}")
    print(f"  program, its own time   {median['own']:.3f} s  ({min(own):.3f})")
    print(f"  program, start to end   {median['whole']:.3f} s  ({min(whole):.3f})")
    ratios = sorted(p / c for p, c in zip(python, own))
    print(f"  Python                  {median['python']:.3f} s  ({min(python):.3f})")
    print(f"  Python / program's own  {statistics.median(ratios):.3f}  (from {ratios[0]:.3f} to {ratios[-1]:.3f})")

    row = X[:1].copy()
    model = estimator.model_
    run = sextant._core.Run()
    print(f"predict one row of {arguments.d} inputs by 1024 units")
    print(f"  SextantRegressor.predict  {microseconds_each(lambda: estimator.predict(row)):.1f} µs")
    print(f"  Model.predict             {microseconds_each(lambda: model.predict(row)):.1f} µs")
    print(f"  the library's predict     {microseconds_each(lambda: model._core.predict(row, run)):.1f} µs")

    few = min(arguments.n, 20_000)
    waits = [seconds_to_stop(X[:few, :40].copy(), y[:few], 0.5 + 1.3 * i) for i in range(2 * arguments.rounds)]
    print(f"Ctrl-C in a fit of {few} rows by the automatic method, {len(waits)} times")
    print(f"  to the KeyboardInterrupt  {statistics.median(waits):.2f} s  (at most {max(waits):.2f})")


if __name__ == "__main__":
    main()
