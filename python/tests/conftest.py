"""Small rows whose directions are known, and the command line's program, which SEXTANT_BIN names."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

import sextant

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def rows():
    """X 400×5 and y of one direction."""
    X, y, _ = sextant.generate("source", n=400, d=5, noise=0.1, seed=3)
    return X, y


@pytest.fixture(scope="session")
def program():
    """Runs the command line in a folder; its standard output."""
    path = Path(os.environ.get("SEXTANT_BIN", ROOT / "build/release/bin/sextant")).resolve()

    def run(*arguments, cwd):
        command = [str(path), *map(str, arguments)]
        return subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.PIPE, text=True).stdout

    run.path = path
    return run


@pytest.fixture
def table(rows, tmp_path):
    """A folder with rows.npy (inputs, then the target) and inputs.npy."""
    X, y = rows
    np.save(tmp_path / "rows.npy", np.column_stack([X, y]))
    np.save(tmp_path / "inputs.npy", X)
    return tmp_path
