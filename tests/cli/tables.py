"""Small tables with known numbers, and tables as CSV."""

from pathlib import Path

import numpy as np


def wing_columns(rows=120, seed=11):
    """Three inputs and a target that bends along one direction of the first two."""
    rng = np.random.default_rng(seed)
    a, b, c = rng.standard_normal((3, rows))
    along = (a + 2 * b) / np.sqrt(5)
    return {"a": a, "b": 10 + 3 * b, "c": c, "y": 5 + along**2 + 0.5 * along + 0.01 * c}


def write_csv(path, columns, delimiter=",", end="\n"):
    """`columns`: name → values; numbers are written so that they read back to the same bits."""
    lines = [delimiter.join(columns)]
    for row in zip(*columns.values()):
        lines.append(delimiter.join(repr(float(c)) if isinstance(c, (float, np.floating)) else str(c) for c in row))
    path = Path(path)
    path.write_bytes("".join(line + end for line in lines).encode())
    return path


def read_csv(text):
    """Name → values of a table of numbers; empty cells are NaN."""
    names, *rows = (line.replace('"', "").split(",") for line in text.splitlines())
    cells = np.array([[float(c) if c else np.nan for c in row] for row in rows]).reshape(len(rows), len(names))
    return {name: cells[:, j] for j, name in enumerate(names)}
