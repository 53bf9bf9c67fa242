"""Bad input of every kind: one sentence, status 1 or 2, nothing printed, no file changed, none left over.

Oracle: `refuse` in sextant_program.py, the contract (status 2 for wrong usage, 1 for a failure). Damaged files are made
here byte by byte, with NumPy, or from a model that the program fitted. Notices that are no errors are at the end.
"""

import gzip
import json
import os
import resource
import shlex
import shutil
import signal
import struct
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from safetensors_numpy import split_model, write_model
from sextant_program import PROGRAM, assert_one_sentence, contents, predictions, refuse, run, succeed
from tables import read_csv, wing_columns, write_csv

OLD = b"what was there before"


def each(cases):
    """Parametrises by (id, …) tuples."""
    return [pytest.param(*values, id=name) for name, *values in cases]


def refuse_fit(folder, table, *arguments, target="y", **expected):
    """Fitting fails and leaves an existing model as it was."""
    (folder / "old.sextant").write_bytes(OLD)
    return refuse("fit", table, "--target", target, "--out", "old.sextant", *arguments, cwd=folder, **expected)


# ---- tables ----

HEADER = "a,b,c,y"
ROWS = [f"{i}.5,{i * i},-{i},{i % 7}" for i in range(40)]


def csv_text(rows, header=HEADER):
    return "\n".join([header, *rows]) + "\n"


def with_row(row, at=5):
    """A table whose line 7 is `row`."""
    return csv_text([*ROWS[:at], row, *ROWS[at + 1 :]])


@pytest.mark.parametrize(
    "text, status, says",
    each(
        [
            ("empty", "", 1, "bad.csv: is empty"),
            ("only a line end", "\n", 1, "bad.csv: is empty"),
            ("header only", HEADER + "\n", 1, "no rows"),
            ("one row", csv_text(ROWS[:1]), 1, "1 row .*at least 2"),
            ("short line", with_row("1,2,3"), 1, "line 7 has 3 fields, expected 4"),
            ("long line", with_row("1,2,3,4,5"), 1, "line 7 has 5 fields, expected 4"),
            ("text among numbers", with_row("1,hello,3,4"), 1, "line 7, column 'b': 'hello' is not a number"),
            ("text as target", with_row("1,2,3,hello"), 1, "line 7, column 'y': 'hello' is not a number"),
            ("control characters", with_row("1,\x1b[31mred\x07,3,4"), 1, r"line 7, column 'b': '\\x1b\[31mred\\x07'"),
            ("infinity", with_row("1,inf,3,4"), 1, "line 7, column 'b': 'inf' is infinite"),
            ("too large", with_row("1,1e999,3,4"), 1, "line 7, column 'b': '1e999' is too large"),
            ("unclosed quote", with_row('1,"2,3,4'), 1, "bad.csv"),
            ("name twice", csv_text(ROWS, "a,b,b,y"), 1, "columns 2 and 3 are both named 'b'"),
            ("name empty", csv_text(ROWS, "a,,c,y"), 1, "column 2 has no name"),
            ("no header", csv_text(ROWS, ROWS[0]), 1, "expected a header row"),
            ("constant target", csv_text([r[:-1] + "2" for r in ROWS]), 1, "is 2 in all 40 rows"),
            ("constant inputs", csv_text([f"1,2,3,{i}" for i in range(40)]), 1, "no input varies"),
            ("one column", csv_text(map(str, range(40)), "y"), 2, "single column, 'y'"),
            ("nothing but names", csv_text([f"name {i},name {i},," + str(i) for i in range(150)]), 1,
             "'c' is left out: no training row has a value there; .*'a', 'b' are left out: all texts there are different.*"
             "no input is left"),
            ("too many texts as target", csv_text([f"1,1,2,name {i}" for i in range(150)]), 1, "'name 0' is not a number"),
            ("bytes", bytes(range(256)).decode("latin-1") * 20, 1, "bad.csv"),
        ]
    ),
)
def test_table(tmp_path, text, status, says):
    (tmp_path / "bad.csv").write_bytes(text.encode("latin-1"))
    refuse_fit(tmp_path, "bad.csv", status=status, says=says)


def test_a_table_that_is_not_there(tmp_path):
    refuse_fit(tmp_path, "absent.csv", status=1, says="absent.csv: .*No such file")
    (tmp_path / "folder.csv").mkdir()
    refuse_fit(tmp_path, "folder.csv", status=1, says="folder.csv: .*directory")
    refuse_fit(tmp_path, ".", status=2, says="ends in .csv")
    refuse_fit(tmp_path, "table.xlsx", status=2, says="ends in .csv")


def test_a_column_name_of_a_megabyte_and_with_line_breaks(tmp_path):
    (tmp_path / "bad.csv").write_text(csv_text(ROWS, f'{"n" * 2**20},"two\nlines",c,y'))
    refuse_fit(tmp_path, "bad.csv", target="z", status=2, says="no column 'z'")


def test_damaged_gzip(tmp_path):
    packed = gzip.compress(csv_text(ROWS).encode())
    for name, content in {"cut": packed[:-20], "flipped": packed[:60] + b"\xff\xff\xff" + packed[63:]}.items():
        (tmp_path / f"{name}.csv.gz").write_bytes(content)
        refuse_fit(tmp_path, f"{name}.csv.gz", status=1, says="gzip")


# ---- options ----


@pytest.mark.parametrize(
    "arguments, says",
    each(
        [
            ("unknown target", "--target z", "no column 'z', expected one of 'a', 'b', 'c', 'y' or a number from 1"),
            ("target number", "--target 5", "no column '5'"),
            ("target twice", "--target y,y", "'y' is given twice"),
            ("all targets", "--target a,b,c,y", "4 targets .* 4 columns"),
            ("more targets than columns", "--target a,b,c,y,1", "5 targets .* 4 columns"),
            ("no target", "", "--target is required"),
            ("target and ignored", "--target y --ignore y", "'y' is ignored too"),
            ("target and feature", "--target y --features a,y", "'y' is a target too"),
            ("target and weights", "--target y --weights y", "'y' is a target too"),
            ("unknown feature", "--target y --features q", "features: there is no column 'q'"),
            ("nothing left", "--target y --ignore a,b,c", "no input is left"),
            ("odd width", "--target y --width 7", "width: 7 given, expected an even number"),
            ("width 0", "--target y --width 0", "width: 0 given"),
            ("negative width", "--target y --width -2", "width: -2 given"),
            ("width of a word", "--target y --width wide", "--width: wide given, expected a whole number"),
            ("width beyond memory", "--target y --width 20000000", "width: 20000000 needs"),
            ("width beyond 64 bits", "--target y --width 99999999999999999999", "--width: 9+ given"),
            ("negative lambda", "--target y --lambda -1", "lambda: -1 given, expected numbers of at least 0"),
            ("lambda of a word", "--target y --lambda 1,x", "lambda: 'x' given"),
            ("lambda NaN", "--target y --lambda nan", "lambda: nan given"),
            ("delimiter of two", "--target y --delimiter ab", "delimiter: 'ab' given, expected one character"),
            ("delimiter empty", "--target y --delimiter ''", "delimiter: '' given"),
            ("delimiter is a quote", '--target y --delimiter \'"\'', "delimiter"),
            ("delimiter of another table", "--target y --delimiter ';'", "single column.*delimiter"),
            ("unknown option", "--target y --wdith 4", "no option '--wdith'"),
            ("misspelt target", "--traget y", "no option '--traget'"),
            ("one argument more", "more.csv --target y", "'more.csv' is one argument too many"),
            ("validation and folds", "--target y --validation good.csv --folds 3", "--folds excludes --validation"),
            ("folds of 1", "--target y --folds 1", "folds: 1 given"),
            ("share of 0", "--target y --validation-share 0", "validation-share: 0 given"),
            ("calibration share of 1", "--target y --calibration-share 1", "calibration-share: 1 given"),
            ("folds and no refit", "--target y --folds 3 --refit false", "refit: false given with folds"),
            ("refit of a word", "--target y --refit maybe", "--refit: maybe given, expected true or false"),
            ("eta 0", "--target y --eta 0", "eta: 0 given"),
            ("eta infinite", "--target y --eta inf", "eta: inf given"),
            ("rank beyond inputs", "--target y --rank 4", "rank: 4 given"),
            ("negative seed", "--target y --seed -1", "--seed: -1 given, expected a whole number of at least 0"),
            ("no threads", "--target y --threads 0", "--threads: 0 given, expected a whole number of at least 1"),
            ("no rows per block", "--target y --block-rows 0", "--block-rows: 0 given"),
            ("unknown method", "--target y --method magic", "method: 'magic' is not known"),
            ("unknown preprocessing", "--target y --preprocess x", "preprocess: 'x' is not known"),
            ("unknown head", "--target y --head x", "head: 'x' is not known"),
            ("unknown policy", "--target y --missing x", "--missing: x not in"),
        ]
    ),
)
def test_option(tmp_path, arguments, says):
    (tmp_path / "good.csv").write_text(csv_text(ROWS))
    (tmp_path / "old.sextant").write_bytes(OLD)
    refuse("fit", "good.csv", "--out", "old.sextant", *shlex.split(arguments), cwd=tmp_path, status=2, says=says)


def test_weights_that_are_none(tmp_path):
    (tmp_path / "bad.csv").write_text(csv_text(ROWS))
    refuse_fit(tmp_path, "bad.csv", "--weights", "c", status=1, says="weight -1 at line 3 is negative")
    (tmp_path / "zero.csv").write_text(csv_text([f"{i},{i * i},0,{i}" for i in range(30)]))
    refuse_fit(tmp_path, "zero.csv", "--weights", "c", status=1, says="weight")


@pytest.mark.parametrize(
    "arguments, says",
    each(
        [
            ("nothing", "", "no command is given, expected one of fit, predict"),
            ("unknown command", "fti x.csv", "no command 'fti', expected one of fit, predict"),
            ("unknown option", "--loud", "no option '--loud'"),
            ("fit without table", "fit --target y", "DATA is required"),
            ("predict without table", "predict m.sextant", "DATA is required"),
            ("info without model", "info", "MODEL is required"),
            ("generate nothing", "generate --n 3 --out g.csv", "TARGET is required"),
            ("generate unknown", "generate magic --n 3 --out g.csv", "'magic' is not known, .*source.*piston"),
            ("generate no rows", "generate source --n 0 --out g.csv", "--n: 0 given"),
            ("generate without inputs", "generate source --n 3 --d 0 --out g.csv", "d = 0 given"),
            ("generate low degree", "generate source --n 3 --p 2 --out g.csv", "p = 2 given"),
            ("generate r > d", "generate multi-index --n 3 --d 2 --r 3 --out g.csv", "r = 3 given"),
            ("generate noise", "generate source --n 3 --noise -1 --out g.csv", "noise = -1"),
            ("generate first row", "generate source --n 3 --first-row -1 --out g.csv", "first_row = -1"),
            ("generate ending", "generate source --n 3 --out g.xls", "ends in .csv"),
            ("generate to stdout", "generate source --n 3 --out -", "expected a file"),
            ("generate beyond 64 bits", "generate source --n 99999999999999999999 --out g.csv", "--n: 9+ given"),
            ("formula with d", "generate piston --n 3 --d 4 --out g.csv", "d: given for piston"),
        ]
    ),
)
def test_usage(tmp_path, arguments, says):
    refuse(*shlex.split(arguments), cwd=tmp_path, status=2, says=says)


# ---- NPY ----


def npy_bytes(array):
    with tempfile.TemporaryFile() as file:
        np.save(file, array)
        file.seek(0)
        return file.read()


def npy_with_header(text, data=b"\0" * 64):
    text = text.encode() + b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


X = np.arange(80.0).reshape(20, 4) % 11
NPY = npy_bytes(X)


def with_cell(value):
    """X with another value in row 2, column x4."""
    changed = X.copy()
    changed[1, 3] = value
    return changed


HUGE = "{'descr': '<f8', 'fortran_order': False, 'shape': (%d, %d), }"


@pytest.mark.parametrize(
    "content, says",
    each(
        [
            ("int64", npy_bytes(X.astype("i8")), "'<i8', expected float64 or float32"),
            ("complex", npy_bytes(X.astype(complex)), "'<c16', expected float64 or float32"),
            ("objects", npy_bytes(X.astype(object)), r"'\|O', expected float64 or float32"),
            ("records", npy_bytes(np.zeros(5, [("a", "f8"), ("y", "f8")])), "records"),
            ("0-d", npy_bytes(np.float64(3)), "0 dimensions"),
            ("1-d", npy_bytes(X[0]), "1 dimension"),
            ("3-d", npy_bytes(X[None]), "3 dimensions"),
            ("no rows", npy_bytes(X[:0]), "no rows"),
            ("no columns", npy_bytes(X[:, :0]), "no columns"),
            ("one row", npy_bytes(X[:1]), "1 row"),
            ("infinity", npy_bytes(with_cell(np.inf)), "row 2, column 'x4': infinite"),
            ("unknown version", NPY[:6] + b"\x09\x00" + NPY[8:], "version 9.0"),
            ("cut data", NPY[:-3], "cut short"),
            ("cut header", NPY[:40], "ends within its NPY header"),
            ("only the magic", NPY[:6], "bad.npy"),
            ("more data", NPY + b"more", "4 bytes after its last cell"),
            ("empty", b"", "not an NPY file"),
            ("a CSV", csv_text(ROWS).encode(), "not an NPY file"),
            ("2^60 rows", npy_with_header(HUGE % (2**60, 4)), "claims|needs"),
            ("2^58 rows", npy_with_header(HUGE % (2**58, 4)), "claims|needs"),
            ("2^70 rows", npy_with_header(HUGE % (2**70, 4)), "64 bits"),
            ("2^40 columns", npy_with_header(HUGE % (1, 2**40)), "bad.npy"),
            ("negative rows", npy_with_header(HUGE % (-1, 4)), "header cannot be read"),
            ("header of code", npy_with_header("__import__('os').system('touch owned')"), "header cannot be read"),
            ("header without shape", npy_with_header("{'descr': '<f8', 'fortran_order': False}"), "'shape'"),
        ]
    ),
)
def test_npy(tmp_path, content, says):
    (tmp_path / "bad.npy").write_bytes(content)
    target = "x1" if "columns" not in says else "1"
    refuse_fit(tmp_path, "bad.npy", target=target, status=1, says=says)


@pytest.mark.parametrize(
    "text, says",
    each(
        [
            ("no JSON", "{", "names.json"),
            ("empty", "", "names.json"),
            ("an object", '{"a": 1}', "JSON array"),
            ("numbers", '["a", "b", "c", 4]', "JSON array"),
            ("too few", '["a", "b", "y"]', "3 names, expected 4"),
            ("twice", '["a", "b", "a", "y"]', "both named 'a'"),
            ("no name", '["a", "b", "", "y"]', "column 3 has no name"),
            ("deep", "[" * 100_000, "names.json"),
        ]
    ),
)
def test_names_of_npy(tmp_path, text, says):
    np.save(tmp_path / "table.npy", X)
    (tmp_path / "table.names.json").write_text(text)
    refuse_fit(tmp_path, "table.npy", status=1, says=says)


# ---- models ----


def test_prediction_table_lacks_a_column(fitted):
    (fitted / "out.csv").write_bytes(OLD)
    write_csv(fitted / "new.csv", {"a": [1.0], "c": [2.0]})
    says = "needs the column 'b', which the table lacks; it has 'a', 'c'"
    refuse("predict", "wing.sextant", "new.csv", "--out", "out.csv", cwd=fitted, status=1, says=says)
    refuse("evaluate", "wing.sextant", "new.csv", cwd=fitted, status=1, says="needs the columns 'b', 'y'")
    refuse("transfer", "wing.sextant", "new.csv", "--target", "c", cwd=fitted, status=1, says="'b'")


def test_prediction_of_text_missing_and_overflowing_cells(fitted):
    succeed("fit", "wing.csv", "--target", "y", "--width", 64, "--missing", "error", cwd=fitted)
    table = wing_columns(rows=1500)  # more than a block
    for cell, says in {"x": "'x' is not a number", "": "missing value", "1e308": "row 1400 overflows"}.items():
        new = {name: [*values[:1399], cell, *values[1400:]] for name, values in table.items() if name != "y"}
        write_csv(fitted / "new.csv", {**new, "y": table["y"]})
        for out in ("p.csv", "p.npy"):
            refuse("predict", "wing.sextant", "new.csv", "--out", out, cwd=fitted, status=1, says=says)
        refuse("evaluate", "wing.sextant", "new.csv", cwd=fitted, status=1, says=says)


def test_transfer_to_an_input_and_to_nothing(fitted):
    (fitted / "old.sextant").write_bytes(OLD)
    for target, says in {"a": "'a' is an input of the model", "z": "no column 'z'"}.items():
        arguments = ["transfer", "wing.sextant", "wing.csv", "--target", target, "--out", "old.sextant"]
        refuse(*arguments, cwd=fitted, status=2, says=says)


def test_directions_against_what_are_none(fitted):
    for table, says in {
        "a,b\n1,2\n": "no column for the input 'c'",
        "a,b,c\n1,,3\n": "line 2 has a missing value",
        "a,b,c\n1,0,0\n0,0,0\n": "line 3 is 0 in every input",
        "a,b,c\nx,0,0\n": "'x' is not a number",
    }.items():
        (fitted / "u.csv").write_text(table)
        for form in ([], ["--json"]):
            refuse("directions", "wing.sextant", "--against", "u.csv", *form, cwd=fitted, status=1, says=says)
    refuse("directions", "wing.sextant", "--rank", "4", cwd=fitted, status=2, says="rank: 4 given")


def test_models_that_are_none(fitted):
    rng = np.random.default_rng(3)
    good = (fitted / "wing.sextant").read_bytes()
    deep = b"[" * 300_000
    for name, content in {
        "empty": b"",
        "random": rng.bytes(5000),
        "zeros": bytes(5000),
        "a table": (fitted / "wing.csv").read_bytes(),
        "2^60 bytes of header": struct.pack("<Q", 2**60) + good[8:],
        "2^64 - 1 bytes of header": b"\xff" * 8 + good[8:],
        "no header": struct.pack("<Q", 0) + good[8:],
        "deep header": struct.pack("<Q", len(deep)) + deep,
        "header of a number": struct.pack("<Q", 1) + b"7",
        "other safetensors": struct.pack("<Q", 2) + b"{}",
        "doubled": good + good,
        "one byte more": good + b"\0",
    }.items():
        (fitted / "bad.sextant").write_bytes(content)
        for command in (["info", "bad.sextant"], ["predict", "bad.sextant", "wing.csv"]):
            result = refuse(*command, cwd=fitted, status=1, says="bad.sextant: ")
            assert result.err.count("\n") == 1, name
    refuse("info", "absent.sextant", cwd=fitted, status=1, says="no such file")
    refuse("info", ".", cwd=fitted, status=1, says="directory")


def info_refuses(folder, contents_of_models):
    """`info` on each content, a few at a time; the sentences."""

    def one(numbered):
        number, content = numbered
        path = folder / f"bad-{number}.sextant"
        path.write_bytes(content)
        result = run("info", path.name, cwd=folder)
        path.unlink()
        assert result.status == 1 and result.out == "", (number, result)
        assert_one_sentence(result.err, "bad-")

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(one, enumerate(contents_of_models)))


def test_every_truncation_is_refused(tmp_path, wing_model_bytes):
    size = len(wing_model_bytes)
    (header,) = struct.unpack("<Q", wing_model_bytes[:8])
    lengths = {0, 1, 7, 8, 9, 7 + header, 8 + header, 9 + header, size - 9, size - 8, size - 1}
    lengths |= set(np.linspace(10, size - 2, 30).astype(int).tolist())
    info_refuses(tmp_path, [wing_model_bytes[:length] for length in sorted(lengths)])


def test_every_flipped_bit_is_refused(tmp_path, wing_model_bytes):
    rng = np.random.default_rng(5)
    (header,) = struct.unpack("<Q", wing_model_bytes[:8])
    bits = [*range(64), *rng.integers(64, 8 * (8 + header), 120), *rng.integers(0, 8 * len(wing_model_bytes), 120)]

    def flipped(bit):
        content = bytearray(wing_model_bytes)
        content[bit // 8] ^= 1 << (bit % 8)
        return bytes(content)

    info_refuses(tmp_path, [flipped(int(bit)) for bit in bits])


def paths_in(value, path=()):
    """Every place inside nested lists and objects."""
    children = value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    for key, child in children:
        yield (*path, key)
        yield from paths_in(child, (*path, key))


def changed(value, path, new):
    """A copy with another value at a place, or without it when `new` is Ellipsis."""
    copy = json.loads(json.dumps(value))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    if new is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = new
    return copy


def test_a_model_with_a_right_checksum_and_wrong_contents_does_no_harm(tmp_path, wing_model_bytes):
    """Whoever can compute the checksum can write anything: the program refuses it or runs, but never breaks."""
    header, metadata, data = split_model(wing_model_bytes)
    write_csv(tmp_path / "wing.csv", wing_columns(rows=5))
    values = [..., None, -1, 2**62, "text", [], {}, 1e300]
    rng = np.random.default_rng(6)
    variants = [(h, metadata) for path in paths_in(header) for v in values for h in [changed(header, path, v)]]
    variants += [(header, m) for path in paths_in(metadata) for v in values for m in [changed(metadata, path, v)]]
    picked = [variants[i] for i in rng.choice(len(variants), 250, replace=False)]

    def one(numbered):
        number, (h, m) = numbered
        name = f"odd-{number}.sextant"
        write_model(tmp_path / name, h, m, data)
        command = [["info", name], ["predict", name, "wing.csv"], ["directions", name, "--json"]][number % 3]
        result = run(*command, cwd=tmp_path)
        assert result.status in (0, 1, 2), (command, result, m)
        if result.status != 0:
            assert_one_sentence(result.err)
        return result.status

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        statuses = list(pool.map(one, enumerate(picked)))
    assert statuses.count(0) < len(statuses) / 2  # most of it is noticed


def test_tensors_that_do_not_fit(tmp_path, wing_model_bytes):
    header, metadata, data = split_model(wing_model_bytes)
    begin = header["alpha"]["data_offsets"][0]
    poisoned = data[:begin] + struct.pack("<d", np.nan) + data[begin + 8 :]
    W = ("predictor.0.W",)
    for h, m, d, says in [
        (changed(header, (*W, "data_offsets"), [0, 2**60]), metadata, data, "does not lie inside"),
        (changed(header, (*W, "data_offsets"), [16, 8]), metadata, data, "does not lie inside"),
        (changed(header, (*W, "shape"), [2**31, 2**31]), metadata, data, "another shape"),
        (changed(header, (*W, "dtype"), "F32"), metadata, data, "not of type F64"),
        (changed(header, W, ...), metadata, data, "'predictor.0.W' is missing"),
        (changed(header, ("predictor.0.b", "shape"), [2**60]), metadata, data, "larger than the file"),
        (header, metadata, poisoned, "'alpha' holds a value that is not finite"),
        (header, changed(metadata, ("format",), 3), data, "format 3, expected 1 or 2"),
        (header, changed(metadata, ("kept",), [2, 1, 0]), data, "kept inputs"),
        (header, changed(metadata, ("kept",), [0, 1, 3]), data, "kept inputs"),
        (header, changed(metadata, ("predictors", 0, "kind"), "forest"), data, "'forest', which this version"),
    ]:
        write_model(tmp_path / "odd.sextant", h, m, d)
        refuse("info", "odd.sextant", cwd=tmp_path, status=1, says=says)
    write_model(tmp_path / "same.sextant", header, metadata, data)
    succeed("info", "same.sextant", cwd=tmp_path)


# ---- places that cannot be written ----


WRITERS = {
    "fit": ["fit", "wing.csv", "--target", "y", "--width", "64", "--out"],
    "transfer": ["transfer", "wing.sextant", "wing.csv", "--target", "y", "--out"],
    "predict": ["predict", "wing.sextant", "wing.csv", "--out"],
    "generate": ["generate", "source", "--n", "500", "--out"],
}
ENDING = {"fit": "sextant", "transfer": "sextant", "predict": "csv", "generate": "csv"}


@pytest.mark.parametrize("command", WRITERS)
def test_unwritable_output(fitted, command):
    ending = ENDING[command]
    (fitted / f"folder.{ending}").mkdir()
    refuse(*WRITERS[command], f"folder.{ending}", cwd=fitted, status=1, says="it is a directory")
    refuse(*WRITERS[command], f"absent/out.{ending}", cwd=fitted, status=1, says="the folder 'absent' does not exist")
    refuse(*WRITERS[command], f"wing.csv/out.{ending}", cwd=fitted, status=1, says="cannot be written")
    refuse(*WRITERS[command], "n" * 300 + "." + ending, cwd=fitted, status=1, says="File name too long")


@pytest.mark.parametrize("command", WRITERS)
def test_read_only_folder_and_file(command, wing_model_bytes):
    """As root, the command runs as nobody: root may write anywhere."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_csv(folder / "wing.csv", wing_columns())
        (folder / "wing.sextant").write_bytes(wing_model_bytes)
        old = folder / f"old.{ENDING[command]}"
        old.write_bytes(OLD)
        folder.chmod(0o555)
        user = {"user": 65534, "group": 65534} if os.geteuid() == 0 else {}
        if subprocess.run([PROGRAM, "--version"], capture_output=True, **user, check=False).returncode != 0:
            pytest.skip("the user nobody cannot run the program")
        refuse(*WRITERS[command], f"new.{ENDING[command]}", cwd=folder, status=1, says="Permission denied", **user)
        refuse(*WRITERS[command], old.name, cwd=folder, status=1, says="Permission denied", **user)
        folder.chmod(0o755)


def test_output_is_an_input(fitted):
    (fitted / "link.csv").symlink_to("wing.csv")
    os.link(fitted / "wing.csv", fitted / "other-name.csv")
    for out in ("wing.csv", "./wing.csv", "link.csv", "other-name.csv"):
        refuse(*WRITERS["fit"], out, cwd=fitted, status=2, says="is what is read from")
        refuse(*WRITERS["predict"], out, cwd=fitted, status=2, says="is what is read from")
        refuse(*WRITERS["transfer"], out, cwd=fitted, status=2, says="is what is read from")
    refuse(*WRITERS["transfer"], "wing.sextant", cwd=fitted, status=2, says="is what is read from")


def limit_file_size():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))


@pytest.mark.parametrize("command", WRITERS)
@pytest.mark.parametrize("ending", ["csv", "npy"])
def test_a_file_that_may_not_grow(fitted, command, ending):
    ending = ending if command in ("predict", "generate") else "sextant"
    old = fitted / f"old.{ending}"
    old.write_bytes(OLD)
    write_csv(fitted / "wing.csv", wing_columns(rows=2000))
    for out in (old.name, f"new.{ending}"):
        says = f"{out}: cannot be written: File too large"
        refuse(*WRITERS[command], out, cwd=fitted, status=1, says=says, preexec_fn=limit_file_size)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 32 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", str(folder)]
    may_mount = shutil.which("mount") and os.geteuid() == 0
    if not may_mount or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small file system is not possible here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize(
    "arguments, old",
    [
        (["fit", "wing.csv", "--target", "y", "--width", "1000", "--lambda", "1"], "old.sextant"),
        (["transfer", "wing.sextant", "wing.csv", "--target", "y"], "old.sextant"),
        (["predict", "wing.sextant", "wing.csv"], "old.csv"),
        (["predict", "wing.sextant", "wing.csv"], "old.npy"),
        (["generate", "source", "--n", "5000"], "old.csv"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_full_disk(fitted, small_disk, arguments, old):
    write_csv(fitted / "wing.csv", wing_columns(rows=2000))
    (small_disk / "other").write_bytes(bytes(24 * 1024))
    (small_disk / old).write_bytes(OLD)
    refuse(*arguments, "--out", small_disk / old, cwd=fitted, status=1, says="No space left on device")
    assert (small_disk / old).read_bytes() == OLD
    assert sorted(os.listdir(small_disk)) == [old, "other"]


def test_full_device(fitted):
    """/dev/full takes no byte; it is neither replaced nor believed."""
    refuse(*WRITERS["fit"], "/dev/full", cwd=fitted, status=1, says="No space left on device")
    refuse(*WRITERS["predict"], "/dev/full", cwd=fitted, status=2, says="ends in .csv")
    (fitted / "full.csv").symlink_to("/dev/full")
    refuse(*WRITERS["predict"], "full.csv", cwd=fitted, status=1, says="full.csv: cannot be written: No space left")
    assert not Path("/dev/full").is_file()


@pytest.mark.parametrize(
    "arguments",
    [
        ["predict", "wing.sextant", "wing.csv"],
        ["evaluate", "wing.sextant", "wing.csv"],
        ["evaluate", "wing.sextant", "wing.csv", "--json"],
        ["directions", "wing.sextant", "--json"],
        ["info", "wing.sextant"],
        ["--help"],
        ["fit", "--help"],
        ["--version"],
    ],
    ids=" ".join,
)
def test_standard_output_that_cannot_be_written(fitted, arguments):
    says = "standard output: cannot be written: "
    with open("/dev/full", "wb") as full:
        refuse(*arguments, cwd=fitted, status=1, says=says + "No space left on device", stdout=full)
    closed = {"stdout": None, "preexec_fn": lambda: os.close(1)}
    refuse(*arguments, cwd=fitted, status=1, says=says + "Bad file descriptor", **closed)


def test_a_reader_that_goes_away(fitted):
    """predict | head: the first lines are right, then the program ends quietly."""
    write_csv(fitted / "many.csv", wing_columns(rows=30000))
    command = [str(PROGRAM), "predict", "wing.sextant", "many.csv"]
    with subprocess.Popen(command, cwd=fitted, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"y\n"
        first = float(process.stdout.readline())
        process.stdout.close()
        err = process.stderr.read().decode()
        status = process.wait(60)
    assert first == predictions("wing.sextant", "many.csv", cwd=fitted)[0, 0]
    # The rows are many and some lie far out, which is said before the first of them is written; nothing else is.
    said = err.splitlines()
    assert status == -signal.SIGPIPE and len(said) <= 1 and all("outside the training range" in line for line in said)


def test_closed_standard_error_does_not_spoil_a_file(fitted):
    """A file opened next would get the number of standard error, and the warnings."""
    table = wing_columns()
    write_csv(fitted / "wing.csv", {**table, "constant": [3] * len(table["y"])})
    arguments = ["fit", "wing.csv", "--target", "y", "--width", "64", "--out"]
    succeed(*arguments, "usual.sextant", cwd=fitted)
    run(*arguments, "closed.sextant", cwd=fitted, stderr=None, preexec_fn=lambda: [os.close(fd) for fd in (0, 1, 2)])
    assert contents(fitted)[Path("closed.sextant")] == contents(fitted)[Path("usual.sextant")]


# ---- not errors, but said ----


def test_constant_input_is_left_out_with_a_warning(wing):
    table = wing_columns()
    write_csv(wing / "wing.csv", {"k": [3.25] * len(table["y"]), **table})
    result = succeed("fit", "wing.csv", "--target", "y", "--width", 64, cwd=wing)
    assert result.err == "warning: input 'k' never varies and is left out\n"
    assert "left out     k" in succeed("info", "wing.sextant", cwd=wing).out


def test_unknown_text_level_counts_as_none(tmp_path):
    rng = np.random.default_rng(7)
    a = rng.standard_normal(90)
    colour = rng.choice(["red", "green"], 90)
    write_csv(tmp_path / "train.csv", {"a": a, "colour": colour, "y": a**2 + 2 * (colour == "red")})
    write_csv(tmp_path / "new.csv", {"a": [0.1, 0.1, 0.1], "colour": ["red", "violet", "mauve"]})
    succeed("fit", "train.csv", "--target", "y", "--width", 64, cwd=tmp_path)
    result = succeed("predict", "train.sextant", "new.csv", cwd=tmp_path)
    assert "warning: new.csv: 2 text levels are not among those the model knows" in result.err
    assert "'mauve' in 'colour'" in result.err
    y = read_csv(result.out)["y"]
    assert y[1] == pytest.approx(y[2], rel=1e-13)  # rows at other places of a block round differently
    assert abs(y[0] - y[1]) > 1e-3


def test_missing_cells_are_refused_where_they_shall_be(wing):
    for row, column in (("1,,3,4", "b"), ("1,nan,3,4", "b"), ("1,2,3,", "y")):
        (wing / "bad.csv").write_text(with_row(row))
        says = rf"'{column}' has 1 missing value \(first at line 7\).*--missing indicator, mean or drop"
        refuse("fit", "bad.csv", "--target", "y", "--missing", "error", cwd=wing, status=1, says=says)
        assert f"'{column}' has 1 missing value (first at line 7): " in succeed("fit", "bad.csv", "--target", "y", cwd=wing).err
    np.save(wing / "bad.npy", with_cell(np.nan))
    says = r"'x4' has 1 missing value \(first at row 2\)"
    refuse("fit", "bad.npy", "--target", "x1", "--missing", "error", cwd=wing, status=1, says=says)


@pytest.mark.parametrize("policy", ["drop", "mean"])
def test_missing_cells(wing, policy):
    table = wing_columns()
    holes = np.arange(len(table["y"])) % 10 == 3
    kept = {name: values[~holes] for name, values in table.items()}
    with_holes = {**table, "a": [("NA" if hole else value) for hole, value in zip(holes, table["a"])]}
    filled = {**table, "a": np.where(holes, kept["a"].mean(), table["a"])}
    for name, columns in {"holes": with_holes, "kept": kept, "filled": filled}.items():
        write_csv(wing / f"{name}.csv", columns)
    options = ["--target", "y", "--width", 64, "--validation", "wing.csv", "--lambda", "1e-3"]
    result = succeed("fit", "holes.csv", *options, "--missing", policy, cwd=wing)
    assert result.err.startswith("warning: holes.csv: 'a' has 12 missing values (first at line 5)")
    oracle = {"drop": "kept", "mean": "filled"}[policy]
    succeed("fit", f"{oracle}.csv", *options, cwd=wing)
    expected = predictions(f"{oracle}.sextant", "wing.csv", cwd=wing)
    np.testing.assert_allclose(predictions("holes.sextant", "wing.csv", cwd=wing), expected, atol=1e-9)

    result = succeed("predict", "holes.sextant", "holes.csv", cwd=wing)
    assert "'a' has 12 missing values" in result.err
    y = read_csv(result.out)["y"]
    assert np.array_equal(np.isnan(y), holes if policy == "drop" else np.zeros_like(holes))
