"""HDF5 tables at the command line. Oracles: the same numbers in a CSV, h5py on what is written, and `refuse` for bad files.

A program built without HDF5 (SEXTANT_HDF5=0 in the environment) must say so; without h5py the rest is skipped.
"""

import json
import os
import time

import numpy as np
import pytest
from sextant_program import json_of, predictions, refuse, run, succeed
from tables import wing_columns, write_csv

BUILT_IN = os.environ.get("SEXTANT_HDF5", "1") == "1"

try:
    import h5py
except ImportError:
    h5py = None

needs_hdf5 = pytest.mark.skipif(not BUILT_IN, reason="the program is built without HDF5")
needs_h5py = pytest.mark.skipif(h5py is None, reason="python3-h5py is not installed")


def write_hdf5(path, columns, dataset="table", named=True, **layout):
    with h5py.File(path, "a") as file:
        made = file.create_dataset(dataset, data=np.column_stack(list(columns.values())), **layout)
        if named:
            made.attrs["names"] = list(columns)


@pytest.mark.skipif(BUILT_IN, reason="the program is built with HDF5")
def test_without_hdf5_one_sentence(fitted):
    (fitted / "wing.h5").write_bytes(b"")
    says = "wing.h5: this program was built without HDF5; build it with SEXTANT_HDF5=ON, or use .npy or .csv"
    refuse("fit", "wing.h5", "--target", "y", cwd=fitted, status=1, says=says)
    refuse("predict", "wing.sextant", "wing.csv", "--out", "wing.h5", cwd=fitted, status=1, says=says)


@needs_hdf5
@needs_h5py
def test_the_same_numbers_give_the_same_model(wing):
    columns = wing_columns()
    succeed("fit", "wing.csv", "--target", "y", "--width", 64, "--out", "csv.sextant", cwd=wing)
    expected = (wing / "csv.sextant").read_bytes()
    write_hdf5(wing / "plain.h5", columns)
    write_hdf5(wing / "packed.hdf5", columns, compression="gzip", shuffle=True, chunks=(17, 3))
    write_hdf5(wing / "several.h5", {"z": np.arange(5.0)}, "other")
    write_hdf5(wing / "several.h5", columns, "sets/train", chunks=(50, 1), maxshape=(None, 4))
    write_hdf5(wing / "beside.h5", columns, named=False)
    (wing / "beside.names.json").write_text(json.dumps(list(columns)))
    for table in ["plain.h5", "packed.hdf5", "packed.hdf5:/table", "several.h5:/sets/train", "beside.h5"]:
        out = succeed("fit", table, "--target", "y", "--width", 64, cwd=wing).out
        assert out.startswith(f"table        {table}: 120 rows, 3 inputs\n")
        model = wing / (table.split(".")[0] + ".sextant")
        assert model.read_bytes() == expected, table


@needs_hdf5
@needs_h5py
def test_every_command(fitted):
    columns = wing_columns()
    write_hdf5(fitted / "wing.h5", columns, "a/b", compression="gzip", chunks=(30, 2))
    (fitted / "scaled.h5").unlink(missing_ok=True)
    write_hdf5(fitted / "scaled.h5", {**columns, "y": 2 * columns["y"]})
    write_csv(fitted / "scaled.csv", {**columns, "y": 2 * columns["y"]})
    for command in [
        ("evaluate", "wing.sextant", "{}", "--json"),
        ("directions", "wing.sextant", "--json", "--data", "{}", "--rank-test", "--permutations", 19),
        ("compare", "{}", "--target", "y", "--width", 64, "--methods", "algorithm-1,random-features", "--json"),
        ("fit", "{}", "--target", "y", "--width", 64, "--validation", "{}", "--out", "m.sextant", "--json"),
    ]:
        found = []
        for table in ["wing.csv", "wing.h5:/a/b"]:
            result = json.loads(succeed(*(str(word).format(table) for word in command), cwd=fitted).out)
            result.pop("seconds", None)
            for method in result.get("methods", []):
                method.pop("seconds")
            found.append(result)
        assert found[0] == found[1], command
    expected = predictions("wing.sextant", "wing.csv", cwd=fitted)
    assert np.array_equal(predictions("wing.sextant", "wing.h5", cwd=fitted), expected)
    models = []
    for ending in ["csv", "h5"]:
        succeed("transfer", "wing.sextant", f"scaled.{ending}", "--target", "y", "--out", "t.sextant", cwd=fitted)
        models.append((fitted / "t.sextant").read_bytes())
        succeed("report", "wing.sextant", "--data", f"scaled.{ending}", "--out", "page.html", cwd=fitted)
        models.append((fitted / "page.html").read_bytes().replace(b"scaled.csv", b"scaled.h5"))
    assert models[:2] == models[2:]


@needs_hdf5
@needs_h5py
def test_predictions_and_generated_tables(fitted):
    expected = predictions("wing.sextant", "wing.csv", "--interval", "0.5", cwd=fitted)
    succeed("predict", "wing.sextant", "wing.csv", "--interval", "0.5", "--out", "p.h5:/found/y", cwd=fitted)
    with h5py.File(fitted / "p.h5") as file:
        assert np.array_equal(file["found/y"][:], expected)
        assert list(file["found/y"].attrs["names"]) == ["y", "y_low", "y_high"]
    written = (fitted / "p.h5").read_bytes()
    time.sleep(1.1)  # the time is not in it
    succeed("predict", "wing.sextant", "wing.csv", "--interval", "0.5", "--out", "p.h5:/found/y", cwd=fitted)
    assert (fitted / "p.h5").read_bytes() == written

    generate = ["generate", "source", "--n", 5000, "--d", 30, "--p", 4, "--out"]
    succeed(*generate, "g.npy", cwd=fitted)
    out = succeed(*generate, "g.h5", cwd=fitted).out
    assert "sextant fit g.h5 --target y" in out
    with h5py.File(fitted / "g.h5") as file:
        assert list(file) == ["table"]
        assert np.array_equal(file["table"][:], np.load(fitted / "g.npy"))
        assert list(file["table"].attrs["names"]) == [f"x{j}" for j in range(1, 31)] + ["y"]
    assert (fitted / "g.directions.csv").exists()


@needs_hdf5
@needs_h5py
def test_a_class_of_numbers_and_groups(wing):
    columns = wing_columns()
    columns = {**columns, "y": (columns["y"] > 6).astype(float), "g": np.arange(120.0) // 12}
    write_csv(wing / "kinds.csv", columns)
    write_hdf5(wing / "kinds.h5", columns)
    options = ["--target", "y", "--task", "classification", "--groups", "g", "--width", 64, "--out", "m.sextant"]
    models = []
    for table in ["kinds.csv", "kinds.h5"]:
        succeed("fit", table, *options, cwd=wing)
        models.append((wing / "m.sextant").read_bytes())
    assert models[0] == models[1]
    succeed("predict", "m.sextant", "kinds.h5", "--out", "p.h5", cwd=wing)
    with h5py.File(wing / "p.h5") as file:  # numbers only: probabilities without the class
        assert list(file["table"].attrs["names"]) == ["p(0)", "p(1)"]
        np.testing.assert_allclose(file["table"][:].sum(axis=1), 1)


@needs_hdf5
@needs_h5py
def test_bad_files_are_refused_in_one_sentence(fitted):
    columns = wing_columns()
    write_hdf5(fitted / "good.h5", columns, chunks=(20, 4), compression="gzip")
    good = (fitted / "good.h5").read_bytes()
    (fitted / "empty.h5").write_bytes(b"")
    (fitted / "csv.h5").write_text("a,b,c,y\n1,2,3,4\n")
    (fitted / "cut.h5").write_bytes(good[: len(good) * 2 // 3])
    with h5py.File(fitted / "odd.h5", "w") as file:
        file["line"] = np.arange(6.0)
        file["text"] = np.array([[b"a", b"b"]])
        file.create_dataset("claim", shape=(10**9, 50), chunks=(1000, 50), dtype="f8")
        file.create_dataset("rows", shape=(0, 4), dtype="f8")
        file["infinite"] = np.array([[1.0, np.inf], [2, 3]])
        file["missing"] = np.array([[1.0, np.nan], [2, 3], [4, 5]])
        file.create_group("group")
    write_hdf5(fitted / "two.h5", columns, "a")
    write_hdf5(fitted / "two.h5", columns, "b")
    for table, says in [
        ("absent.h5", "absent.h5: cannot be read: No such file"),
        ("empty.h5", "empty.h5: is not an HDF5 file"),
        ("csv.h5", "csv.h5: is not an HDF5 file"),
        ("cut.h5", "cut.h5: is an HDF5 file that cannot be opened: truncated file"),
        ("two.h5", r"two.h5: has 2 datasets .*'/a' \(120, 4\), '/b' \(120, 4\); expected which one, as in two.h5:/a"),
        ("good.h5:/none", r"there is no dataset '/none'; it holds '/table' \(120, 4\)"),
        ("odd.h5:/line", r"1 dimension, shape \(6,\), expected 2"),
        ("odd.h5:/text", "holds text, expected integers or floating-point numbers"),
        ("odd.h5:/claim", "is incomplete: 0 of its 1000000 chunks were written"),
        ("odd.h5:/rows", "has no rows"),
        ("odd.h5:/group", "is no dataset"),
        ("odd.h5:/infinite", "row 1, column 'x2': infinite"),
        ("odd.h5:/missing", r"'x2' has 1 missing value \(first at row 1\)"),
    ]:
        refuse("fit", table, "--target", "2", "--missing", "error", cwd=fitted, status=1, says=says)
    refuse("fit", "good.h5", "--target", "none", cwd=fitted, status=2, says="no column 'none'")
    refuse("predict", "wing.sextant", "odd.h5:/missing", cwd=fitted, status=1, says="odd.h5:/missing: the model needs")
    refuse("predict", "wing.sextant", "good.h5:/table", "--out", "good.h5:/y", cwd=fitted, status=2,
           says="'good.h5:/y' is what is read from")
    refuse("generate", "source", "--n", 5, "--out", "none/x.h5", cwd=fitted, status=1, says="'none' does not exist")


@needs_hdf5
@needs_h5py
def test_a_file_that_another_program_writes_to(fitted):
    """h5py holds a lock on a file that it writes to: reading it then would give what is half written."""
    columns = wing_columns()
    write_hdf5(fitted / "busy.h5", columns)
    with h5py.File(fitted / "busy.h5", "a"):
        result = run("fit", "busy.h5", "--target", "y", cwd=fitted)
    assert result.status == 1 and "busy.h5: is an HDF5 file that cannot be opened: " in result.err


@needs_hdf5
@needs_h5py
def test_numbers_of_every_size(wing):
    """Whole numbers and single precision are the doubles that they are."""
    rng = np.random.default_rng(3)
    whole = rng.integers(-100, 100, size=(200, 5))
    for kind in ["i1", "i2", "i4", "i8", ">i4", "f2", "f4", "f8", ">f8"]:
        with h5py.File(wing / "n.h5", "w") as file:
            file["t"] = whole.astype(kind)
        report = json_of("fit", "n.h5", "--target", "5", "--width", 16, "--out", f"{kind}.sextant", cwd=wing)
        assert report["rows"] == 200
        assert (wing / f"{kind}.sextant").read_bytes() == (wing / "i1.sextant").read_bytes(), kind
