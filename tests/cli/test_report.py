"""The report command: what it writes, where, and what it refuses. Oracles: the page data read back from the HTML by
Python's own parsers, against `directions --json`, `evaluate --json` and NumPy; files on disk before and after.
tests/report/ looks at the same pages in a browser.
"""

import json
import os
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from sextant_program import contents, refuse, succeed
from tables import read_csv, wing_columns, write_csv


class Page(HTMLParser):
    """The page data, the title, and every address that the markup names."""

    def __init__(self, text):
        super().__init__()
        self.inside = None
        self.title = ""
        self.data_text = ""
        self.addresses = []
        self.scripts = 0
        self.feed(text)
        self.data = json.loads(self.data_text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.inside = "data" if attributes.get("id") == "page-data" else tag
        self.scripts += tag == "script"
        self.addresses += [attributes[name] for name in ("src", "href") if name in attributes]

    def handle_endtag(self, tag):
        self.inside = None

    def handle_data(self, text):
        if self.inside == "data":
            self.data_text += text
        if self.inside == "title":
            self.title += text

    def blocks(self, kind):
        found = []

        def walk(block):
            if block["kind"] == kind:
                found.append(block)
            for inner in block.get("blocks", []):
                walk(inner)

        for section in self.data["sections"]:
            for block in section["blocks"]:
                walk(block)
        return found

    def table(self, caption):
        return next(block["rows"] for block in self.blocks("table") if block["caption"] == caption)

    def chart(self, name):
        return next(block for block in self.blocks("chart") if block["name"] == name)


def page(path):
    return Page(path.read_text(encoding="utf-8"))


def test_a_models_page_shows_its_directions_errors_and_rows(fitted):
    succeed("report", "wing.sextant", "--data", "wing.csv", "--out", "page.html", cwd=fitted)
    shown = page(fitted / "page.html")
    directions = json.loads(succeed("directions", "wing.sextant", "--json", cwd=fitted).out)
    scores = json.loads(succeed("evaluate", "wing.sextant", "wing.csv", "--json", cwd=fitted).out)["targets"][0]
    predicted = read_csv(succeed("predict", "wing.sextant", "wing.csv", cwd=fitted).out)["y"]
    table = wing_columns()

    assert shown.title == "wing.sextant"
    assert shown.chart("spectrum")["shares"] == directions["spectrum"]
    weights = {w["name"]: w["value"] for w in shown.chart("direction-1")["weights"]}
    assert weights == dict(zip(directions["inputs"], directions["directions"][0]))
    importance = {w["name"]: w["value"] for w in shown.chart("importance")["weights"]}
    assert importance == directions["column_importance"]
    assert list(importance.values()) == sorted(importance.values(), reverse=True)
    assert shown.table("Errors on 120 rows") == [[120, scores["rmse"], scores["mae"], scores["r2"]]]

    z = (np.column_stack([table[name] for name in directions["inputs"]]) - directions["mean"]) / directions["scale"]
    along = np.array(shown.chart("target-1-direction-1")["points"])
    np.testing.assert_allclose(along[:, 0], z @ directions["directions"][0], rtol=0, atol=1e-12)
    np.testing.assert_array_equal(along[:, 1], table["y"])
    np.testing.assert_allclose(np.array(shown.chart("target-1-predicted")["points"])[:, 0], predicted, rtol=1e-12)
    np.testing.assert_allclose(np.array(shown.chart("target-1-residuals")["points"])[:, 1], table["y"] - predicted, atol=1e-12)


def test_a_page_is_one_file_that_names_no_other(fitted):
    succeed("report", "wing.sextant", cwd=fitted)
    shown = page(fitted / "wing.html")  # the default place: beside the model
    assert shown.scripts == 5
    assert [a for a in shown.addresses if not a.startswith(("#", "data:"))] == []
    assert "sourceMappingURL" not in (fitted / "wing.html").read_text(encoding="utf-8")


def test_the_same_model_gives_the_same_page(fitted):
    succeed("report", "wing.sextant", "--data", "wing.csv", "--out", "one.html", cwd=fitted)
    succeed("report", "wing.sextant", "--data", "wing.csv", "--out", "two.html", "--threads", 1, cwd=fitted)
    assert (fitted / "one.html").read_bytes() == (fitted / "two.html").read_bytes()


def test_long_tables_are_shown_in_part_spread_evenly(fitted):
    columns = wing_columns(rows=9001, seed=5)
    write_csv(fitted / "long.csv", columns)
    succeed("report", "wing.sextant", "--data", "long.csv", "--out", "long.html", cwd=fitted)
    shown = page(fitted / "long.html")
    points = np.array(shown.chart("target-1-predicted")["points"])
    rows = [int(np.flatnonzero(columns["y"] == y)[0]) for y in points[:, 1]]
    assert len(rows) == 2000 and rows == sorted(set(rows))
    assert all(i * 9001 // 2000 <= row < (i + 1) * 9001 // 2000 for i, row in enumerate(rows))
    assert shown.table("Errors on 9 001 rows")[0][0] == 9001
    assert "The charts show 2 000 of 9 001 rows, spread evenly over the table." in [b["text"] for b in shown.blocks("text")]


def test_rows_with_missing_cells_follow_the_models_policy(wing):
    columns = wing_columns()
    columns["a"] = np.where(np.arange(120) % 10 == 0, np.nan, columns["a"])
    write_csv(wing / "holes.csv", columns)
    (wing / "holes.csv").write_text((wing / "holes.csv").read_text().replace("nan", ""))
    for policy, rows in (("drop", 108), ("mean", 120), ("indicator", 120)):
        succeed("fit", "holes.csv", "--target", "y", "--width", 16, "--missing", policy, "--out", "m.sextant", cwd=wing)
        succeed("report", "m.sextant", "--data", "holes.csv", "--out", "m.html", cwd=wing)
        assert len(page(wing / "m.html").chart("target-1-predicted")["points"]) == rows


def test_several_targets_have_a_section_each(wing):
    columns = wing_columns()
    columns["y2"] = columns["c"] ** 2
    write_csv(wing / "two.csv", columns)
    succeed("fit", "two.csv", "--target", "y,y2", "--width", 16, cwd=wing)
    succeed("report", "two.sextant", "--data", "two.csv", cwd=wing)
    assert [s["title"] for s in page(wing / "two.html").data["sections"]] == ["The model", "Directions", "Target y", "Target y2"]


def test_data_without_targets_shows_predictions_alone(fitted):
    columns = wing_columns(rows=40, seed=8)
    del columns["y"]
    write_csv(fitted / "inputs.csv", columns)
    succeed("report", "wing.sextant", "--data", "inputs.csv", cwd=fitted)
    shown = page(fitted / "wing.html")
    assert len(shown.chart("target-1-direction-1")["points"]) == 40
    assert "target-1-predicted" not in [chart["name"] for chart in shown.blocks("chart")]


def test_a_name_that_is_not_text_is_shown(fitted):
    name = b"wing-\xff<b>.sextant"
    (fitted / os.fsdecode(name)).write_bytes((fitted / "wing.sextant").read_bytes())
    succeed("report", name, "--out", "page.html", cwd=fitted)
    assert page(fitted / "page.html").title == "wing-\ufffd<b>.sextant"


def test_what_cannot_be_reported_is_refused_and_an_older_page_stays(fitted):
    (fitted / "page.html").write_text("the page before")
    out = ("--out", "page.html")
    refuse("report", "absent.sextant", *out, cwd=fitted, status=1, says="absent.sextant")
    refuse("report", "wing.csv", *out, cwd=fitted, status=1, says="wing.csv")
    refuse("report", "wing.sextant", "--data", "absent.csv", *out, cwd=fitted, status=1, says="absent.csv")
    columns = wing_columns()
    del columns["b"]
    write_csv(fitted / "fewer.csv", columns)
    refuse("report", "wing.sextant", "--data", "fewer.csv", *out, cwd=fitted, status=1, says="fewer.csv.*'?b'?")
    refuse("report", "wing.sextant", "--data", "wing.csv", "--out", "wing.csv", cwd=fitted, says="wing.csv")
    refuse("report", "wing.sextant", "--out", "no/such/page.html", cwd=fitted, status=1, says="no/such")
    refuse("report", "wing.sextant", "--out", ".", cwd=fitted, status=1, says="directory")
    refuse("report", *out, cwd=fitted, status=2)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder(fitted):
    (fitted / "locked").mkdir(mode=0o555)
    refuse("report", "wing.sextant", "--out", "locked/page.html", cwd=fitted, status=1, says="cannot be written")


def test_a_full_disk_leaves_no_page(fitted):
    refuse("report", "wing.sextant", "--out", "/dev/full", cwd=fitted, status=1, says="/dev/full")


# ---- experiment folders ----

SPEC = """name = "{name}"
title = "A <small> experiment"
about = "Two methods."
seeds = {seeds}
[defaults]
holdout = 500
test = 500
noise = 1.0
preprocess = "none"
standardise = false
[[grid]]
method = ["algorithm-1", "random-features"]
width = [20, 40]
n = [10, 100, 1000]
[[figure]]
title = "Risk"
facet = "width"
{more}"""


def experiment(folder, name="small", seeds=3, more=""):
    (folder / f"{name}.toml").write_text(SPEC.format(name=name, seeds=seeds, more=more))
    succeed("experiment", f"{name}.toml", "--out", "runs", "--jobs", 2, cwd=folder)
    return folder / "runs"


def test_an_experiments_page_shows_what_its_summary_holds(tmp_path):
    runs = experiment(tmp_path)
    before = contents(runs)
    succeed("report", "runs", cwd=tmp_path)
    shown = page(runs / "report.html")
    chart = shown.chart("small")
    assert [panel["title"] for panel in chart["panels"]] == ["m = 20", "m = 40"]
    lines = [line.split(",") for line in (runs / "summary.csv").read_text().splitlines()]
    summary = [dict(zip(lines[0], line)) for line in lines[1:]]
    drawn = {
        (s["name"], panel["title"], p["x"]): (p["y"], p["sd"])
        for panel in chart["panels"] for s in panel["series"] for p in s["points"]
    }
    assert len(drawn) == len(summary) == 12
    for row in summary:
        mean, deviation = drawn[row["method"], f"m = {row['width']}", int(row["n"])]
        assert mean == pytest.approx(float(row["excess_risk_mean"]), rel=1e-9)
        assert deviation == pytest.approx(float(row["excess_risk_std"]), rel=1e-6)
    assert len(shown.table("Risk")) == 12
    how = dict(tuple(item) for item in shown.blocks("facts")[0]["items"])
    assert how["Runs"] == "36 finished" and how["Seeds"] == "0 … 2"
    assert shown.blocks("code")[0]["text"] == (tmp_path / "small.toml").read_text()
    # Reading changes nothing in the folder, and the page of one state is one page.
    assert {p: b for p, b in contents(runs).items() if p.suffix == ".csv"} == {p: b for p, b in before.items() if p.suffix == ".csv"}
    first = (runs / "report.html").read_bytes()
    succeed("report", "runs", cwd=tmp_path)
    assert (runs / "report.html").read_bytes() == first


def test_agreement_is_counted_in_joint_standard_errors(tmp_path):
    """Figure 1's published points at width 100, ours from another noise level, so that some agree and some do not."""
    (tmp_path / "some.toml").write_text(
        SPEC.format(name="some", seeds=4, more='reference = "figure1"\n').replace("[20, 40]", "100").replace('facet = "width"\n', "")
    )
    succeed("experiment", "some.toml", "--out", "runs", cwd=tmp_path)
    succeed("report", "runs", "--out", "page.html", cwd=tmp_path)
    shown = page(tmp_path / "page.html")
    rows = next(b["rows"] for b in shown.blocks("table") if b["caption"].startswith("Ours less published"))
    assert len(rows) == 6
    for point, ours, deviation, published, published_deviation, distance, verdict in rows:
        expected = (ours - published) / np.sqrt(deviation**2 / 4 + published_deviation**2 / 10)
        assert distance == pytest.approx(expected, abs=0.006)
        assert verdict == ("within" if abs(expected) <= 3 else "outside"), point
    within = sum(row[-1] == "within" for row in rows)
    assert shown.data["summary"].startswith(f"{within} of 6 points within 3 joint standard errors of the published values")
    assert sum(len(s["published"]) for s in shown.chart("some")["panels"][0]["series"]) == 6


def test_crossings_are_those_of_the_folders_own_table(tmp_path):
    runs = experiment(tmp_path, "cross", more="crossings = [0.7, 1e-9]\n")
    succeed("report", "runs", cwd=tmp_path)
    shown = page(runs / "report.html")
    rows = next(b["rows"] for b in shown.blocks("table") if b["caption"].startswith("Crossing points"))
    header, *lines = [line.split(",") for line in (runs / "crossings.csv").read_text().splitlines()]
    assert len(rows) == len(lines) == 8
    kinds = set()
    for (curve, level, d, counted, at, slope), line in zip(rows, lines):
        row = dict(zip(header, line))
        kinds.add(row["crossing"])
        assert row["method"] in curve and (level, d, counted) == (float(row["level"]), 10, "n")
        if row["crossing"] == "crossed":
            assert at == pytest.approx(float(row["n_star"]), rel=1e-12)
        else:
            assert at == {"above": "not reached", "below": "from the start"}[row["crossing"]]
    assert kinds == {"crossed", "above"}


def test_several_specs_share_a_page(tmp_path):
    experiment(tmp_path, "one", seeds=1)
    experiment(tmp_path, "two", seeds=1)
    succeed("report", "runs", cwd=tmp_path)
    shown = page(tmp_path / "runs" / "report.html")
    assert shown.title == "Experiments in runs"
    assert [chart["name"] for chart in shown.blocks("chart")] == ["one", "two"]
    assert shown.chart("one")["panels"][0]["series"][0]["points"][0]["sd"] is None  # one seed has no deviation


def test_folders_that_hold_no_results_are_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    refuse("report", "empty", cwd=tmp_path, status=1, says="empty")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "results.sqlite").write_bytes(b"not a database" * 500)
    refuse("report", "bad", cwd=tmp_path, status=1, says="results.sqlite")
    write_csv(tmp_path / "wing.csv", wing_columns())
    refuse("report", "empty", "--data", "wing.csv", cwd=tmp_path, status=2, says="data")
    assert re.search("experiment", refuse("report", "empty", cwd=tmp_path).err)
