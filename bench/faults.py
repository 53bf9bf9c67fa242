"""What a few wild cells do to a fit: one cell × 10⁶ in training or in test, one target × 10⁶, 1 % Cauchy targets.

    bench/faults.py build/release/bin/sextant FOLDER… [--rows 50,100,200,all] [--draws 3] [--target y] [--fit "OPTIONS"]

Each folder holds train.csv and test.csv (or .csv.gz) with a header and numbers; the target may be another column. Of --rows, as many
training rows are drawn (`all` for all). Printed is the test RMSE of the clean table, over the targets' standard deviation, and
the ratio of each fault's to it; over several draws, of the mean squares. Cells are drawn among all inputs; a fault in a test
row spoils what that cell knew, so its ratio tells of the model only beside the size of the table.
"""

import argparse
import csv
import gzip
import json
import math
import subprocess
import tempfile
from pathlib import Path

import numpy as np


def read(folder, name):
    for path in (folder / f"{name}.csv", folder / f"{name}.csv.gz"):
        if path.exists():
            with (gzip.open(path, "rt") if path.suffix == ".gz" else open(path)) as file:
                rows = list(csv.reader(file))
            return rows[0], np.array(rows[1:], float)
    raise SystemExit(f"{folder}: no {name}.csv, expected a folder with train.csv and test.csv")


def write(path, names, cells):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows([repr(float(value)) for value in row] for row in cells)


def rmse(program, names, train, test, target, options):
    with tempfile.TemporaryDirectory() as place:
        files = {name: f"{place}/{name}.csv" for name in ("train", "test")}
        write(files["train"], names, train)
        write(files["test"], names, test)
        model = f"{place}/m.sextant"
        run = [program, "fit", files["train"], "--target", target, "--out", model, "--json", *options]
        subprocess.run(run, check=True, capture_output=True, text=True)
        scores = subprocess.run(
            [program, "evaluate", model, files["test"], "--json"], check=True, capture_output=True, text=True
        )
        return json.loads(scores.stdout)["targets"][0]["rmse"]


def faults(rng, names, train, test, target):
    """Name → (training rows, test rows)."""
    y = names.index(target)
    inputs = [j for j in range(len(names)) if j != y]
    made = {}
    for name, which in (("a cell in training", 0), ("a cell in test", 1)):
        tables = [train.copy(), test.copy()]
        i, j = rng.integers(len(tables[which])), rng.choice(inputs)
        tables[which][i, j] = (tables[which][i, j] or 1.0) * 1e6
        made[name] = tables
    one = train.copy()
    i = rng.integers(len(one))
    one[i, y] = (one[i, y] or 1.0) * 1e6
    made["a target"] = [one, test]
    some = train.copy()
    rows = rng.choice(len(some), max(1, len(some) // 100), replace=False)
    some[rows, y] += train[:, y].std() * rng.standard_cauchy(len(rows))
    made["Cauchy targets"] = [some, test]
    return made


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--rows", default="all")
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--target", default="y")
    parser.add_argument("--fit", default="", help="further options of fit, separated by blanks")
    given = parser.parse_args()
    for folder in given.folders:
        names, all_rows = read(folder, "train")
        _, test = read(folder, "test")
        sd = test[:, names.index(given.target)].std()
        for rows in given.rows.split(","):
            squares = {}
            for draw in range(given.draws):
                rng = np.random.default_rng(draw)
                train = all_rows if rows == "all" else all_rows[rng.choice(len(all_rows), int(rows), replace=False)]
                tables = {"clean": [train, test], **faults(rng, names, train, test, given.target)}
                for name, (learned, measured) in tables.items():
                    error = rmse(given.program, names, learned, measured, given.target, given.fit.split())
                    squares.setdefault(name, []).append(error**2)
            clean = math.sqrt(np.mean(squares.pop("clean")))
            ratios = {name: math.sqrt(np.mean(each)) / clean for name, each in squares.items()}
            print(f"{folder.name:<14} {rows:>5} rows  clean {clean / sd:.4f}  ", end="")
            print("  ".join(f"{name} {ratio:.3f}" for name, ratio in ratios.items()), flush=True)


if __name__ == "__main__":
    main()
