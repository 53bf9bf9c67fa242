#!/usr/bin/python3
"""Transfer between the targets of one table, beside learning from scratch on the same few rows.

A source model is fitted to all training rows of one target; N training rows of the other target are drawn, and `sextant
transfer` and `sextant fit` learn from those. Prints the mean test RMSE over the draws in units of the target's standard
deviation, and their ratio with the standard error of the mean difference. Needs NumPy and the program:

    bench/transfer_draws.py build/release/bin/sextant FOLDER_WITH_NACA0012 --draws 10 [--rows 20,50,100,200]
"""
import argparse
import csv
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np


def rmse(program, model, table):
    report = subprocess.check_output([program, "evaluate", model, str(table), "--json"], stderr=subprocess.DEVNULL)
    return json.loads(report)["targets"][0]["rmse"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--rows", default="20,50,100,200")
    parser.add_argument("--pairs", default="lift:drag,drag:lift")
    options = parser.parse_args()
    if not (options.folder / "train.csv").exists():
        print(f"skipped: no table at {options.folder}")
        return
    with open(options.folder / "train.csv", newline="") as file:
        header, *rows = list(csv.reader(file))
    test = options.folder / "test.csv"
    with tempfile.TemporaryDirectory() as scratch:
        paths = [str(Path(scratch) / name) for name in ("source.sextant", "kept.sextant", "afresh.sextant", "few.csv")]
        source, kept, afresh, few = paths

        def run(*words):
            subprocess.run([options.program, *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        for pair in options.pairs.split(","):
            origin, target = pair.split(":")
            unit = np.std([float(row[header.index(target)]) for row in rows])
            run("fit", str(options.folder / "train.csv"), "--target", origin, "--ignore", target, "--out", source)
            print(f"{origin} to {target}\n{'N':>5} {'transfer':>18} {'from scratch':>18} {'ratio':>7} {'difference':>19}")
            for count in (int(n) for n in options.rows.split(",")):
                errors = []
                for draw in range(options.draws):
                    chosen = np.random.default_rng([draw, count]).permutation(len(rows))[:count]
                    with open(few, "w", newline="") as file:
                        csv.writer(file).writerows([header] + [rows[i] for i in chosen])
                    columns = ("--target", target, "--seed", str(draw))
                    run("transfer", source, few, *columns, "--out", kept)
                    run("fit", few, *columns, "--ignore", origin, "--out", afresh)
                    errors.append([rmse(options.program, model, test) / unit for model in (kept, afresh)])
                E = np.array(errors)
                mean, spread, gain = E.mean(0), E.std(0, ddof=1), E[:, 0] - E[:, 1]
                print(f"{count:5} {mean[0]:9.4f} ± {spread[0]:.4f} {mean[1]:9.4f} ± {spread[1]:.4f} {mean[0] / mean[1]:7.3f}"
                      f" {gain.mean():+9.4f} ± {gain.std(ddof=1) / np.sqrt(len(E)):.4f}", flush=True)


if __name__ == "__main__":
    main()
