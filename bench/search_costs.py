#!/usr/bin/python3
"""What searches take beside what they are estimated to take, over rows, inputs and classes.

    bench/search_costs.py build/release/bin/sextant [--budgets low,medium] [--shapes 300x10,…] [--threads 1]

A budget of one second is what two cores do in it (docs/method.md), so a fit whose steps are estimated at `spent` seconds should take
2·spent seconds of processor time, beside reading the table, preparing it, and learning what was chosen on all rows. Each line has the estimate, the
processor seconds of the whole fit over two, and their ratio; and the same for what the budget allows. y = sin(2z₁)z₂ + z₂²/2 + .3 noise
of two directions; of ROWSxINPUTSxCLASSES, classes by its quantiles. Tables are NPY files; reading them takes little.
"""

import argparse
import json
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np

SHAPES = ("100x5,300x10,1000x20,2000x100,10000x20,10000x100,100000x20,100000x100,200x2000,500x20000,"
          "2000x10x2,2000x10x10,20000x20x30")
SECONDS = {"low": 3, "medium": 60, "high": 600}


def write(path, rows, inputs, classes):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((rows, inputs))
    U = np.linalg.qr(rng.standard_normal((inputs, 2)))[0]
    z = X @ U
    y = np.sin(2 * z[:, 0]) * z[:, 1] + z[:, 1] ** 2 / 2 + 0.3 * rng.standard_normal(rows)
    if classes:
        y = np.searchsorted(np.quantile(y, np.arange(1, classes) / classes), y)
    np.save(path, np.column_stack([X, y]))


def run(program, *arguments):
    """What it printed as JSON, and its processor seconds."""
    before = os.times()
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)
    after = os.times()
    if done.returncode:
        raise SystemExit(f"sextant {arguments[0]}: {done.stderr.strip()}")
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return json.loads(done.stdout), spent


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--budgets", default="low,medium")
    parser.add_argument("--shapes", default=SHAPES)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    print(f"{'rows x inputs':>16} {'budget':>8} {'allowed':>8} {'estimate':>9} {'measured':>9} {'measured/estimate':>18} {'measured/allowed':>17}")
    with tempfile.TemporaryDirectory() as folder:
        for shape in given.shapes.split(","):
            rows, inputs, *classes = map(int, shape.split("x"))
            table = Path(folder) / "table.npy"
            write(table, rows, inputs, classes[0] if classes else 0)
            for budget in given.budgets.split(","):
                report, seconds = run(given.program, "fit", table, "--target", inputs + 1, "--task",
                                      "classification" if classes else "regression", "--budget", budget,
                                      "--threads", given.threads, "--out", f"{folder}/m.sextant", "--json")
                estimate = report["path"][-1]["spent"] / 5e10
                allowed = SECONDS.get(budget) or float(budget)
                print(f"{shape:>16} {budget:>8} {allowed:8.1f} {estimate:9.2f} {seconds / 2:9.2f} {seconds / 2 / estimate:18.2f} "
                      f"{seconds / 2 / allowed:17.2f}", flush=True)


if __name__ == "__main__":
    main()
