"""Memory does not grow with the table: the peak of a command on 8 times as many rows, as the system measured it.

Oracle: the peak of the same command on the small table (12 MB), with room for 40 MB more; the large one has 96 MB, so
that holding it whole, or in single precision, does not fit. bench/memory.sh measures more commands on larger tables.
"""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
from sextant_program import PROGRAM, TIMEOUT, refuse, succeed
from test_hdf5 import BUILT_IN, h5py

SMALL, LARGE = 30_000, 240_000
ROOM = 40 << 20

pytestmark = pytest.mark.skipif(
    os.environ.get("SEXTANT_SANITIZED", "0") == "1", reason="a sanitizer keeps memory of its own"
)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Two folders with table.npy of 49 inputs and a target, and a model of it."""
    made = []
    for rows in (SMALL, LARGE):
        folder = tmp_path_factory.mktemp(f"rows{rows}")
        succeed("generate", "source", "--n", rows, "--d", 49, "--p", 4, "--noise", 1, "--out", "table.npy", cwd=folder)
        made.append(folder)
    succeed("fit", "table.npy", "--target", "y", "--width", 64, "--out", "model.sextant", cwd=made[0])
    (made[1] / "model.sextant").write_bytes((made[0] / "model.sextant").read_bytes())
    return made


# A child's peak begins with that of the process it is forked from, so that a small one must do it.
RUNNER = """
import resource, subprocess, sys
status = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
sys.exit(status)
"""


def peak(folder, *arguments):
    """Bytes. Two threads, so that what several keep is in it, on any machine."""
    command = [sys.executable, "-I", "-S", "-c", RUNNER, str(PROGRAM), *map(str, arguments), "--threads", "2"]
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=TIMEOUT * 4, text=True)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def check_flat(folders, *arguments):
    small, large = (peak(folder, *arguments) for folder in folders)
    assert large < small + ROOM, f"{small / 2**20:.0f} MiB for {SMALL} rows, {large / 2**20:.0f} MiB for {LARGE}"


SEARCH = ["--budget", 60, "--refine-rounds", 1, "--redraws", 1, "--polish-degree", 2, "--polish-steps", 2, "--rank", 1]


@pytest.mark.parametrize(
    "method",
    [
        ["algorithm-1", "--width", 64],
        ["algorithm-1", "--width", 64, "--calibration-share", 0.2, "--target-transform", "rank"],
        ["algorithm-1", "--width", 64, "--folds", 3],
        ["random-features", "--width", 64],
        ["ntk", "--width", 8],
        ["sir", "--width", 64],
        ["refine", "--width", 32, *SEARCH],
        ["polish", "--width", 32, *SEARCH],
        ["auto", "--width", 32, "--budget", 2],
        ["auto", "--width", 32, "--budget", 2, "--folds", 3],
    ],
    ids=lambda method: "-".join(map(str, method[:1] + method[3:5])),
)
def test_fit(folders, method):
    check_flat(folders, "fit", "table.npy", "--target", "y", "--out", "m.sextant", "--method", *method)


@pytest.mark.parametrize(
    "arguments",
    [
        ["predict", "model.sextant", "table.npy", "--out", "p.npy"],
        ["predict", "model.sextant", "table.npy", "--out", "p.csv"],
        ["evaluate", "model.sextant", "table.npy", "--interval", "0.9"],
        ["transfer", "model.sextant", "table.npy", "--target", "y", "--out", "t.sextant", "--keep", "first-layer"],
        ["report", "model.sextant", "--data", "table.npy", "--out", "page.html"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_models_at_work(folders, arguments):
    if arguments[0] == "report" and "left out" in succeed("--help", cwd=folders[0]).out:
        pytest.skip("the program is built without pages")
    check_flat(folders, *arguments)


FIT = ["--target", "y", "--out", "m.sextant", "--method", "algorithm-1", "--width", 64]


def test_csv(folders):
    """Cells past 64 MiB lie in a temporary file."""
    for folder in folders:
        cells = np.load(folder / "table.npy", mmap_mode="r")
        with open(folder / "table.csv", "w") as file:
            file.write(",".join(f"x{j}" for j in range(1, 50)) + ",y\n")
            for row in cells:
                file.write(",".join(f"{cell:.4f}" for cell in row) + "\n")
    small, large = (peak(folder, "fit", "table.csv", *FIT) for folder in folders)
    assert large < small + ROOM + (64 << 20)


@pytest.mark.skipif(not BUILT_IN or h5py is None, reason="the program is built without HDF5, or python3-h5py is not there")
@pytest.mark.parametrize("layout", [{}, {"compression": "gzip", "compression_opts": 1, "chunks": (4096, 5)}], ids=["plain", "gzip"])
def test_hdf5(folders, layout):
    for folder in folders:
        with h5py.File(folder / "table.h5", "w") as file:
            made = file.create_dataset("t", data=np.load(folder / "table.npy"), **layout)
            made.attrs["names"] = [f"x{j}" for j in range(1, 50)] + ["y"]
    check_flat(folders, "fit", "table.h5", *FIT)


def test_pairs_of_rows_are_refused_before_they_are_made(tmp_path):
    """A kernel needs all pairs of rows: their memory is said, and refused where no machine has it."""
    succeed("generate", "source", "--n", 2_000_000, "--d", 1, "--p", 4, "--out", "t.npy", cwd=tmp_path)
    result = refuse("fit", "t.npy", "--target", "y", "--method", "kernel-ntk", cwd=tmp_path, status=1,
                    says="rows against each other need .* GiB, expected what fits")
    assert re.search("of memory for .* pairs of rows", result.err)
