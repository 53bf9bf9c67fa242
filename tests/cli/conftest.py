"""Small tables with known numbers, and models fitted on them."""

import numpy as np
import pytest
from sextant_program import succeed, write_csv


def wing_columns(rows=120, seed=11):
    """Three inputs and a target that bends along one direction of the first two."""
    rng = np.random.default_rng(seed)
    a, b, c = rng.standard_normal((3, rows))
    along = (a + 2 * b) / np.sqrt(5)
    return {"a": a, "b": 10 + 3 * b, "c": c, "y": 5 + along**2 + 0.5 * along + 0.01 * c}


@pytest.fixture
def wing(tmp_path):
    """A folder with wing.csv: 120 rows, inputs a, b, c and the target y."""
    write_csv(tmp_path / "wing.csv", wing_columns())
    return tmp_path


@pytest.fixture(scope="session")
def wing_model_bytes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    write_csv(folder / "wing.csv", wing_columns())
    succeed("fit", "wing.csv", "--target", "y", "--width", 64, cwd=folder)
    return (folder / "wing.sextant").read_bytes()


@pytest.fixture
def fitted(wing, wing_model_bytes):
    """The folder of `wing` with wing.sextant, a model of 64 units fitted on it."""
    (wing / "wing.sextant").write_bytes(wing_model_bytes)
    return wing
