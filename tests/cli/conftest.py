"""Folders with a small table and a model fitted on it."""

import pytest
from sextant_program import succeed
from tables import wing_columns, write_csv


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
