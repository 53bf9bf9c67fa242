"""bench/league.py on two small tables made here. Oracles: least squares by NumPy, ranks and critical differences by hand and by
Demšar (2006), binomial tails by hand; the program stands in as a script whose answers and failures are known."""

import contextlib
import importlib.util
import json
import math
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sextant_program import PROGRAM, ROOT, TIMEOUT, wait_until

LEAGUE = ROOT / "bench" / "league.py"
SEXTANT = """#!{python}
# Predicts the mean, or the classes' frequencies; fails where the first input is named `broken`, sleeps where it is `slow`.
import collections, csv, json, pathlib, sys, time
if sys.argv[1] == "--version":
    sys.exit(print("pretended 1"))
given = dict(zip(sys.argv[1:], sys.argv[2:]))
rows = list(csv.reader(open(given["fit"] if "fit" in given else sys.argv[3])))
if sys.argv[1] == "fit":
    with open(pathlib.Path(__file__).with_name("calls"), "a") as calls:
        calls.write(given["--budget"] + "\\n")
    if rows[0][0] == "broken":
        print("warning: no\\nerror: the table is broken, expected another", file=sys.stderr)
        sys.exit(2)
    if rows[0][0] == "slow":
        time.sleep(60)
    y = [row[-1] for row in rows[1:]]
    if given["--task"] == "classification":
        made = {{label: n / len(y) for label, n in collections.Counter(y).items()}}
    else:
        made = sum(map(float, y)) / len(y)
    pathlib.Path(given["--out"]).write_text(json.dumps(made))
else:
    made = json.loads(pathlib.Path(sys.argv[2]).read_text())
    if isinstance(made, dict):
        labels = sorted(made, reverse=True)
        print("y," + ",".join(f"p({{label}})" for label in labels))
        for _ in rows[1:]:
            print(labels[0] + "," + ",".join(str(made[label]) for label in labels))
    else:
        print("y", *[made] * (len(rows) - 1), sep="\\n")
"""


def module(name):
    """A file of bench/ as a module."""
    sys.path.insert(0, str(ROOT / "bench"))
    try:
        spec = importlib.util.spec_from_file_location(name, ROOT / "bench" / f"{name}.py")
        made = importlib.util.module_from_spec(spec)
        sys.modules[name] = made
        spec.loader.exec_module(made)
        return made
    finally:
        sys.path.pop(0)


report, tables = module("league_report"), module("league_tables")


def write_tables(folder, first="a", count=90):
    """`count` rows, two thirds to learn from. `numbers`: y = 3a − b + noise; `kinds`: three classes by a text column,
    mostly, with a missing cell."""
    rng = np.random.default_rng(5)
    X = rng.standard_normal((count, 2))
    y = 3 * X[:, 0] - X[:, 1] + 0.1 * rng.standard_normal(count)
    lines = [[repr(float(v)) for v in (*row, target)] for row, target in zip(X, y)]
    kinds = [[f"{value:.3f}", "xyz"[i % 3], ("one", "two", "three")[i % 3 if i % 10 else 0]] for i, value in enumerate(X[:, 0])]
    kinds[7][1] = ""
    for name, rows, header in (("numbers", lines, [first, "b", "y"]), ("kinds", kinds, ["a", "text", "y"])):
        (folder / name).mkdir(parents=True)
        for part, these in (("train", rows[: count * 2 // 3]), ("test", rows[count * 2 // 3 :])):
            (folder / name / f"{part}.csv").write_text("\n".join(map(",".join, [header, *these])) + "\n")
    return X, y


@pytest.fixture
def place(tmp_path):
    program = tmp_path / "sextant"
    program.write_text(SEXTANT.format(python=sys.executable))
    program.chmod(0o755)
    return tmp_path


def league(place, *arguments, status=0):
    done = subprocess.run([sys.executable, str(LEAGUE), *map(str, arguments)], cwd=place, capture_output=True, text=True,
                          env={**os.environ, "SEXTANT": str(place / "sextant")})
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def cells(place, file="league.jsonl"):
    return [json.loads(line) for line in (place / file).read_text().splitlines()]


def test_cells_are_run_once_and_measured_right(place):
    X, y = write_tables(place / "tables")
    told = "--methods", "sextant-low,ridge,lasso", "--markdown", "page.md", "--html", "page.html"
    out = league(place, "tables", *told)
    assert "kinds: 60 + 30 rows, 2 inputs, the target is 3 classes" in out and "6 cells were run" in out
    found = {(cell["table"], cell["method"]): cell for cell in cells(place)}
    assert len(found) == 6 and not any("failed" in cell for cell in found.values()), found

    # The mean, the classes' frequencies, and about what least squares reach.
    train, test = y[:60], y[60:]
    assert found["numbers", "sextant-low"]["error"] == pytest.approx(np.sqrt(np.mean((test - train.mean()) ** 2)) / train.std())
    A = np.column_stack([X, np.ones(90)])
    least_squares = np.sqrt(np.mean((test - A[60:] @ np.linalg.lstsq(A[:60], train, rcond=None)[0]) ** 2)) / train.std()
    for method in ("ridge", "lasso"):
        assert found["numbers", method]["error"] == pytest.approx(least_squares, rel=0.15)  # they shrink a little
        assert found["kinds", method]["accuracy"] > 0.9  # a tenth of the rows has another class, in a third the same
    labels = [("one", "two", "three")[i % 3 if i % 10 else 0] for i in range(90)]
    frequencies = {label: labels[:60].count(label) / 60 for label in labels}
    expected = -np.mean([math.log(frequencies[label]) for label in labels[60:]])
    assert found["kinds", "sextant-low"]["error"] == pytest.approx(expected)
    assert all(cell["peak_mib"] > 1 and cell["cpu_s"] >= 0 and cell["versions"] for cell in found.values())

    page = (place / "page.md").read_text()
    assert "| numbers (60×2) |" in page and f"**{found['kinds', 'ridge']['error']:.4f}**" in page
    html = (place / "page.html").read_text()
    assert html.startswith("<!DOCTYPE html>") and not re.search(r"<(script|link|img|iframe)|url\(http|src=", html)

    # A second run finds all there; one cut off in the middle of a line goes on; --again runs one method again.
    before = (place / "league.jsonl").read_text()
    assert "0 cells were run, 6 were there" in league(place, "tables", *told)
    assert (place / "league.jsonl").read_text() == before and (place / "calls").read_text() == "low\n" * 2
    (place / "league.jsonl").write_text(before[:-40])
    assert "1 cells were run, 5 were there" in league(place, "tables", *told)
    with_torn = (place / "league.jsonl").read_text().splitlines()
    assert len(with_torn) == 7


def test_failures_are_cells_with_their_sentence(place):
    write_tables(place / "tables", first="broken")
    league(place, "tables", "--tables", "numbers", "--methods", "sextant-low", "--results", "r.jsonl")
    league(place, "tables", "--tables", "numbers", "--methods", "sextant-low", "--results", "r.jsonl")  # is not tried again
    league(place, "tables", "--tables", "numbers", "--methods", "sextant-low", "--results", "r.jsonl", "--again", "failed")
    assert [cell["failed"] for cell in cells(place, "r.jsonl")] == ["sextant fit: the table is broken, expected another"] * 2

    write_tables(place / "others", first="slow")
    out = league(place, "others", "--tables", "numbers", "--methods", "sextant-high", "--results", "r.jsonl", "--limit", "1.5")
    assert cells(place, "r.jsonl")[-1]["failed"] == "took longer than 1.5 seconds" and "took longer" in out
    assert "took longer than 1.5 seconds" in league(place, "--report", "--results", "r.jsonl")


def commands():
    """Of all processes."""
    found = ""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found += path.read_text(errors="replace") + "\n"
    return found


def test_an_interrupted_run_leaves_no_process_and_goes_on(place):
    write_tables(place / "tables", first="slow")
    command = [sys.executable, str(LEAGUE), "tables", "--methods", "sextant-low", "--sextant", str(place / "sextant")]
    run = subprocess.Popen(command, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: (place / "calls").exists() and (place / "calls").read_text() == "low\n" * 2)  # `numbers` is slow
    run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=TIMEOUT)
    assert err == "stopped: the same command goes on from here\n" and run.returncode == 1
    assert [cell["table"] for cell in cells(place)] == ["kinds"]
    assert "failed" not in cells(place)[0]
    wait_until(lambda: str(place / "sextant") not in commands())


def test_methods_and_tables_that_are_not_there_are_sentences(place):
    os.remove(place / "sextant")
    out = league(place, "--synthetic", "--methods", "sextant-low")
    assert "sextant-low is left out: " in out and "skipped: none of the methods can run here" in out
    done = subprocess.run([sys.executable, str(LEAGUE), "nowhere", "--methods", "ridge"], cwd=place, capture_output=True, text=True)
    assert done.returncode == 1 and "nowhere: no such folder" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.skipif(os.environ.get("SEXTANT_SANITIZED") == "1", reason="the program is slow with sanitizers")
def test_the_program_itself_is_read_right(place):
    write_tables(place / "tables", count=300)  # of which a fifteenth are of another class than their text says
    league(place, "tables", "--methods", "sextant-low", "--sextant", PROGRAM)
    kinds, numbers = cells(place)
    assert numbers["error"] < 0.1 and kinds["accuracy"] > 0.9 and kinds["error"] < 1, (numbers, kinds)
    assert kinds["versions"]["sextant"].startswith("sextant ")


def cell_of(table, method, error, seed=0):
    outcome = {"failed": "no"} if error is None else {"error": error}
    return {"table": table, "method": method, "seed": seed, **outcome}


def test_ranks_and_critical_differences():
    assert report.ranks([0.2, 0.1, 0.2, math.inf]) == [2.5, 1, 2.5, 4]
    errors = {"A": (1, 2, 3), "B": (1, 1, 2), "C": (2, 1, None)}  # of methods 1, 2, 3
    league = report.League([cell_of(table, f"m{i + 1}", e) for table, row in errors.items() for i, e in enumerate(row)],
                           ["m1", "m2", "m3"])
    assert league.mean_ranks() == pytest.approx({"m1": (1 + 1.5 + 2) / 3, "m2": (2 + 1.5 + 1) / 3, "m3": 3})
    assert league.against("m2")[:3] == (1, 1, 1) and league.against("m3")[:3] == (3, 0, 0)
    assert league.against("m2")[3] == pytest.approx(0, abs=1e-12)  # ratios 2, 1, 1/2
    # Demšar (2006), section 3.2.2: four methods on 14 tables.
    assert report.critical_difference(4, 14) == pytest.approx(1.25, abs=0.005)
    assert report.cliques([1.0, 1.5, 2.6, 3.0, 5.0], 1.2) == [(0, 1), (1, 2), (2, 3)]


def test_more_budget_is_judged_by_paired_tables():
    budgets, rng = ["low", "medium", "high"], np.random.default_rng(3)
    assert report.sign_test(9, 1) == pytest.approx(11 / 1024)

    def made(tables, drift):
        return [cell_of(f"t{t}", name, math.exp(drift * i + 0.02 * rng.standard_normal()), seed)
                for t in range(tables) for seed in range(2) for i, name in enumerate(budgets)]

    assert report.budget_check(made(24, -0.05), budgets)[1] == 0
    text, status = report.budget_check(made(24, 0.05), budgets)
    assert status == 1 and "low → medium: 24 tables, 48 pairs; better on 0, worse on 24" in text
    assert report.budget_check(made(6, -0.05), budgets)[1] == 2


def test_synthetic_tables_repeat_and_know_their_best(tmp_path):
    source = tables.SyntheticTables()
    for name, recipe in tables.BATTERY.items():
        one, two, other = (source.make(name, seed, rows=60) for seed in (0, 0, 1))
        assert one.train == two.train and one.train != other.train, name
        assert len(one.train) == 60 and len(one.test) == tables.SYNTHETIC_TEST_ROWS
        if recipe.classes or recipe.mixed or recipe.tails != "normal":
            continue
        y = np.array([float(row[-1]) for row in one.test])
        spread = recipe.noise * (1 + 4 / math.sqrt(2 * len(y)))  # four standard errors of a normal sample's deviation
        assert np.sqrt(np.mean((y - one.truth) ** 2)) <= spread, name


def test_tables_become_numbers(tmp_path):
    """Against indicators, fillings and codes written out by hand."""
    table = tables.Table("t", "regression", ["a", "text", "name"],
                         [["1", "v", "k1", "1"], ["NA", "u", "k2", "2"], ["3", "", "k3", "3"], ["5", "v", "k4", "4"],
                          ["3", "u", "k5", "5"]],
                         [["", "w", "k6", "1"], ["3", "u", "k7", "2"]])
    tables.write(table, tmp_path)
    given = tables.Given(tmp_path, 0, 1, "cpu")
    codes, fresh, texts = given.codes()
    np.testing.assert_array_equal(codes, [[1, 1], [np.nan, 0], [3, np.nan], [5, 1], [3, 0]])
    np.testing.assert_array_equal(fresh, [[np.nan, np.nan], [3, 0]])
    assert texts == [1]
    dense, fresh = given.dense()  # is a missing; a; text is u, is v, is missing
    assert dense.shape == (5, 5)
    np.testing.assert_allclose(dense.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(dense.std(0), 1)
    np.testing.assert_allclose(fresh[:, 1], 0, atol=1e-12)  # the mean of 1, 3, 5 and 3
    assert tables.task_of(["1", "2", "1"]) == "classification" == tables.task_of(["a", "1"])
    assert tables.task_of([str(i) for i in range(11)]) == "regression" == tables.task_of(["1.5", "2"])
