"""Experiments and report pages from Python. Oracles: the command line's folder of the same spec, and the page it
makes."""

import csv
import math

import pytest

import sextant

SPEC = """
name = "small"
title = "A small one"
seeds = 2
[defaults]
noise = 0.5
test = 2000
[[grid]]
method = ["algorithm-1", "random-features"]
width = 32
n = [100, 400]
"""


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    path = tmp_path_factory.mktemp("spec") / "small.toml"
    path.write_text(SPEC)
    return path


def numbers(points):
    return [(p["method"], p["n"], p["excess_risk_mean"], p["excess_risk_std"], p["overlap_mean"]) for p in points]


def test_results_are_the_command_line_s_and_are_resumed(spec, tmp_path, program):
    program("experiment", spec, "--out", "cli", cwd=tmp_path)
    done = sextant.run_experiment(spec, tmp_path / "python")
    assert (done.name, done.total, done.computed, done.found, done.failures) == ("small", 8, 8, 0, [])
    again = sextant.run_experiment(spec, tmp_path / "python", jobs=1)
    assert (again.computed, again.found) == (0, 8)
    with open(tmp_path / "cli" / "summary.csv", newline="") as file:
        summary = {(row["method"], int(row["n"])): row for row in csv.DictReader(file)}
    points = done.points()
    assert len(points) == len(summary) == 4
    for point in points:
        row = summary[point["method"], point["n"]]
        assert point["seeds"] == 2 and point["width"] == 32 and point["noise"] == 0.5
        for name in ("excess_risk_mean", "excess_risk_std", "overlap_mean"):
            assert math.isclose(point[name], float(row[name]), rel_tol=1e-9), name
    assert numbers(again.points()) == numbers(points)
    one = sextant.run_experiment(spec, tmp_path / "one", seeds=1)
    assert one.total == 4 and all(math.isnan(p["excess_risk_std"]) for p in one.points())


def test_an_experiment_stops_when_asked_and_goes_on(spec, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        sextant.run_experiment("figure1", tmp_path / "figure1", progress=lambda stage, fraction: False)
    with pytest.raises(ValueError, match="experiment: 'figure9' is not known, expected one of figure1, figure2"):
        sextant.run_experiment("figure9", tmp_path / "x")
    with pytest.raises(ValueError, match="line 1: is no TOML"):
        sextant.run_experiment(__file__, tmp_path / "x")
    with pytest.raises(OSError, match="nowhere.toml"):
        sextant.run_experiment("nowhere.toml", tmp_path / "x")


def test_built_in_ones_and_published_values():
    assert {"figure1", "figure2", "dimension"} <= set(sextant.builtin_experiments())
    values = sextant.reference_values("figure1")
    assert {value["method"] for value in values} == {"algorithm-1", "random-features", "ntk"}
    with pytest.raises(ValueError, match="figure9"):
        sextant.reference_values("figure9")


def test_report_pages(spec, rows, tmp_path, program, monkeypatch):
    monkeypatch.setenv("SEXTANT_PROGRAM", str(program.path))
    fitted = sextant.SextantRegressor(method="algorithm-1", width=32).fit(*rows)
    page = sextant.report(fitted, tmp_path / "model.html")
    assert "<html" in page.read_text()[:2000].lower()
    fitted.model_.save(tmp_path / "model.sextant")
    program("report", "model.sextant", "--out", "cli.html", cwd=tmp_path)
    assert page.read_bytes() == (tmp_path / "cli.html").read_bytes()
    done = sextant.run_experiment(spec, tmp_path / "results")
    for of, name in ((done, "a.html"), (tmp_path / "results", "b.html")):
        assert "A small one" in sextant.report(of, tmp_path / name).read_text()
    with pytest.raises(OSError, match="nowhere"):
        sextant.report(tmp_path / "nowhere.sextant", tmp_path / "c.html")


def test_without_the_program_a_page_says_what_is_missing(rows, monkeypatch, tmp_path):
    monkeypatch.delenv("SEXTANT_PROGRAM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="the program sextant is not on the PATH, .* pip does not install"):
        sextant.report(tmp_path, tmp_path / "c.html")
    monkeypatch.setenv("SEXTANT_PROGRAM", str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match="SEXTANT_PROGRAM names .*nowhere', which is no program"):
        sextant.report(tmp_path, tmp_path / "c.html")
