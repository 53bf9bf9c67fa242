#!/usr/bin/python3
"""Compares the directions that Sextant finds on the NACA 0012 table with the true active subspace.

The table holds lift and drag of an airfoil for 18 shape parameters, and gradients.csv their exact derivatives for all rows
(training rows first, then test rows). The truth is the eigenvectors of the mean outer product of those gradients on
standardised inputs. Needs NumPy and the program:

    bench/naca0012_directions.py build/release/bin/sextant FOLDER_WITH_THE_TABLE
"""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np


def principal_angles(U, V):
    """Angles in degrees, ascending, between the row spaces of U and V."""
    P, Q = np.linalg.qr(U.T)[0], np.linalg.qr(V.T)[0]
    return np.degrees(np.arccos(np.clip(np.linalg.svd(P.T @ Q, compute_uv=False), -1, 1)))


def true_subspace(gradients, target, scale):
    columns = [i for i, name in enumerate(gradients.dtype.names) if name.startswith(f"d{target}")]
    G = np.array(gradients.tolist())[:, columns] * scale  # derivatives by standardised inputs
    values, vectors = np.linalg.eigh(G.T @ G / len(G))
    return values[::-1] / values.sum(), vectors[:, ::-1].T


def linear_direction(table, inputs, target):
    X = np.array([[row[name] for name in inputs] for row in table])
    y = np.array([row[target] for row in table])
    Z = (X - X.mean(0)) / X.std(0)
    return np.linalg.lstsq(Z, y - y.mean(), rcond=None)[0]


def main(program, folder):
    gradients = np.genfromtxt(folder / "gradients.csv", delimiter=",", names=True)
    table = np.genfromtxt(folder / "train.csv", delimiter=",", names=True)
    for target, other in (("lift", "drag"), ("drag", "lift")):
        with tempfile.TemporaryDirectory() as scratch:
            model = str(Path(scratch) / "model.sextant")
            subprocess.run([program, "fit", str(folder / "train.csv"), "--target", target, "--ignore", other,
                            "--out", model], check=True, stdout=subprocess.DEVNULL)
            found = json.loads(subprocess.check_output([program, "directions", model, "--rank", "4", "--json"]))
        spectrum, U = true_subspace(gradients, target, np.array(found["scale"]))
        V = np.array(found["directions"])
        print(f"{target}: true spectrum  {np.round(spectrum[:5], 4)}")
        print(f"{'':{len(target)}}  found spectrum {np.round(found['spectrum'][:5], 4)}")
        for r in (1, 2, 3, 4):
            angles = "  ".join(f"{angle:5.1f}°" for angle in principal_angles(U[:r], V[:r]))
            print(f"  first {r} true and found directions: principal angles {angles}")
        beta = linear_direction(table, found["inputs"], target)
        print(f"  first true direction and a linear fit:     {principal_angles(U[:1], beta[None])[0]:5.1f}°")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], Path(sys.argv[2]))
