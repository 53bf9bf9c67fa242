#!/usr/bin/python3
"""Compares the directions found on the NACA 0012 table with the true active subspace, method by method.

The table holds lift and drag of an airfoil for 18 shape parameters, and gradients.csv their exact derivatives for all rows
(training rows first, then test rows). The truth is C = mean of ∇f ∇fᵀ on standardised inputs. Each method's first r
directions V (orthonormalised) are judged by two figures:
  share   tr(VCVᵀ) over the sum of the r largest eigenvalues of C: 1 for the true active subspace, whatever the gaps
  angle   the largest principal angle between V and the first r eigenvectors of C, in degrees
Needs NumPy and the program:

    bench/naca0012_directions.py build/release/bin/sextant FOLDER_WITH_THE_TABLE
"""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

METHODS = ("auto", "refine", "refined-kernel", "polish", "algorithm-1", "sir", "save", "phd", "directional-regression")
RANKS = (1, 2, 3, 4)


def largest_angle(U, V):
    """Largest principal angle in degrees between the row spaces of U and V, both with orthonormal rows."""
    return np.degrees(np.arccos(np.clip(np.linalg.svd(U @ V.T, compute_uv=False), -1, 1))).max()


def orthonormal_rows(V):
    return np.linalg.qr(V.T)[0].T


def found_directions(program, table, target, other, method):
    with tempfile.TemporaryDirectory() as scratch:
        model = str(Path(scratch) / "model.sextant")
        subprocess.run([program, "fit", str(table), "--target", target, "--ignore", other, "--method", method,
                        "--out", model], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        found = json.loads(subprocess.check_output([program, "directions", model, "--rank", str(max(RANKS)), "--json"]))
    return np.array(found["directions"]), np.array(found["scale"]), found["inputs"]


def report(name, V, C, U, values):
    cells = []
    for r in RANKS:
        if len(V) < r:
            continue
        W = orthonormal_rows(V[:r])
        cells.append(f"{np.trace(W @ C @ W.T) / values[:r].sum():7.4f} {largest_angle(U[:r], W):5.1f}°")
    print(f"  {name:24}" + "   ".join(cells), flush=True)


def main(program, folder):
    if not (folder / "gradients.csv").exists():
        print(f"skipped: no gradients.csv at {folder}")
        return
    gradients = np.genfromtxt(folder / "gradients.csv", delimiter=",", names=True)
    table = np.genfromtxt(folder / "train.csv", delimiter=",", names=True)
    for target, other in (("lift", "drag"), ("drag", "lift")):
        columns = [i for i, name in enumerate(gradients.dtype.names) if name.startswith(f"d{target}")]
        C = None
        for method in METHODS:
            V, scale, inputs = found_directions(program, folder / "train.csv", target, other, method)
            if C is None:
                G = np.array(gradients.tolist())[:, columns] * scale  # derivatives by standardised inputs
                C = G.T @ G / len(G)
                values, vectors = np.linalg.eigh(C)
                values, U = values[::-1], vectors[:, ::-1].T
                print(f"{target}: true spectrum {np.round(values[:5] / values.sum(), 4)}; share and angle of the first "
                      f"{', '.join(map(str, RANKS))} directions")
                X = np.array([table[name] for name in inputs]).T
                Z = (X - X.mean(0)) / X.std(0)
                y = table[target] - table[target].mean()
            report(method, V, C, U, values)
        report("linear fit", np.linalg.lstsq(Z, y, rcond=None)[0][None], C, U, values)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], Path(sys.argv[2]))
