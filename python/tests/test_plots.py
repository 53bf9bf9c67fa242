"""Plots. Oracles: the numbers drawn, and pictures in tests/images (Debian 12's matplotlib; made again by
`python3 test_plots.py`, to be looked at before they are committed)."""

from pathlib import Path

import matplotlib
import numpy as np
import pytest

matplotlib.use("agg")
import matplotlib.pyplot as plt
from matplotlib.testing.compare import compare_images

import sextant

IMAGES = Path(__file__).parent / "images"
RISING = np.linspace(-2, 2, 60)

# Drawn from literal numbers, so that a picture depends on the drawing alone.
DISPLAYS = {
    "spectrum": lambda: sextant.SpectrumDisplay(spectrum=[0.7, 0.25, 0.03, 0.02], rank=2).plot(),
    "directions": lambda: sextant.DirectionsDisplay(
        directions=[[0.8, -0.6, 0.0], [0.6, 0.8, 0.0]], names=["area", "load", "taper"], shares=[0.9, 0.08]
    ).plot(most=2),
    "summary-one": lambda: sextant.SummaryPlotDisplay(
        coordinates=RISING[:, None], target=RISING**2 + np.sin(20 * RISING), prediction=RISING**2
    ).plot(),
    "summary-two": lambda: sextant.SummaryPlotDisplay(
        coordinates=np.column_stack([RISING, np.cos(3 * RISING)]), target=RISING
    ).plot(),
    "learning-curve": lambda: sextant.LearningCurveDisplay(
        curves={"algorithm-1": [[10, 0.9, 0.1], [100, 0.5, 0.05], [1000, 0.1, np.nan]], "ntk": [[10, 1, 0.1], [100, 0.7, 0.1]]},
        published={"algorithm-1": [[10, 0.85], [100, 0.5]]},
        ylabel="excess risk",
    ).plot(),
}


def draw(name, path):
    with matplotlib.rc_context(matplotlib.rcParamsDefault):
        figure = DISPLAYS[name]().figure_
        figure.savefig(path, dpi=50)
        plt.close(figure)


@pytest.mark.parametrize("name", DISPLAYS)
def test_pictures(name, tmp_path):
    draw(name, tmp_path / f"{name}.png")
    difference = compare_images(str(IMAGES / f"{name}.png"), str(tmp_path / f"{name}.png"), tol=2)
    assert difference is None, difference


@pytest.fixture(scope="module")
def fitted(rows):
    return sextant.SextantRegressor(method="algorithm-1", width=64).fit(*rows)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_spectrum_shows_the_model_s(fitted):
    figure, ax = plt.subplots()
    display = sextant.SpectrumDisplay.from_estimator(fitted, ax=ax, color="green")
    assert display.ax_ is ax and display.figure_ is figure
    np.testing.assert_array_equal([bar.get_height() for bar in display.bars_], fitted.directions_.spectrum)
    assert [bar.get_alpha() for bar in display.bars_] == [None] + 4 * [0.4]  # one direction stands out


def test_directions_show_the_largest_weights_by_name(fitted):
    display = sextant.DirectionsDisplay.from_estimator(fitted, rank=2, most=3)
    for ax, direction in zip(display.axes_, fitted.directions_.directions):
        largest = np.argsort(-np.abs(direction))[:3]
        assert [text.get_text() for text in ax.get_yticklabels()] == [f"x{j + 1}" for j in largest[::-1]]
        np.testing.assert_array_equal([bar.get_width() for bar in ax.patches], direction[largest[::-1]])
    with pytest.raises(ValueError, match="axes: 1 given, expected 2"):
        display.plot(axes=plt.subplots()[1])


def test_summary_plots_lie_along_the_directions(fitted, rows):
    X, y = rows
    found = fitted.directions_
    Z = (X - found.mean) / found.scale @ found.directions[:2].T
    one = sextant.SummaryPlotDisplay.from_estimator(fitted, X, y)
    np.testing.assert_allclose(one.points_.get_offsets(), np.column_stack([Z[:, 0], y]))
    np.testing.assert_array_equal(one.prediction, fitted.predict(X))
    two = sextant.SummaryPlotDisplay.from_estimator(fitted.model_, X, y, rank=2)
    np.testing.assert_allclose(two.points_.get_offsets(), Z)
    np.testing.assert_array_equal(two.points_.get_array(), y)
    with pytest.raises(ValueError, match="coordinates"):
        sextant.SummaryPlotDisplay.from_estimator(fitted, X, y, rank=3)


def test_summary_plots_of_classes_show_their_labels(rows):
    X, y = rows
    kind = np.where(y > 0, "high", "low")
    fitted = sextant.SextantClassifier(method="algorithm-1", width=32).fit(X, kind)
    display = sextant.SummaryPlotDisplay.from_estimator(fitted, X, kind, rank=2)
    np.testing.assert_array_equal(display.points_.get_array(), kind == "low")
    assert [text.get_text() for text in display.points_.colorbar.ax.get_yticklabels()] == ["high", "low"]


def test_learning_curves_of_experiments_and_estimators(rows, tmp_path):
    (tmp_path / "s.toml").write_text(
        'name = "s"\nseeds = 2\n[[grid]]\nmethod = ["algorithm-1", "ntk"]\nwidth = [16, 100]\nn = [100, 31]\ntest = 500\n'
    )
    done = sextant.run_experiment(tmp_path / "s.toml", tmp_path / "results")
    display = sextant.LearningCurveDisplay.from_experiment(done, where={"width": 100}, reference="figure1")
    means = {(p["method"], p["n"]): p["excess_risk_mean"] for p in done.points() if p["width"] == 100}
    for method, line in display.lines_.items():
        assert line.get_xdata().tolist() == [31, 100]
        assert line.get_ydata().tolist() == [means[method, 31], means[method, 100]]
        assert len(display.published[method]) > 5
    with pytest.raises(ValueError, match="no grid point of s has"):
        sextant.LearningCurveDisplay.from_experiment(done, where={"width": 17})
    estimators = {"features": sextant.RandomFeaturesRegressor(width=16)}
    display = sextant.LearningCurveDisplay.from_estimators(estimators, *rows, train_sizes=[0.5, 1.0], cv=3)
    assert display.lines_["features"].get_xdata().tolist() == [133, 266]


if __name__ == "__main__":
    for name in DISPLAYS:
        draw(name, IMAGES / f"{name}.png")
