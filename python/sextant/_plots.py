"""Plots in matplotlib, as scikit-learn's displays: numbers in attributes, drawn by `plot`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Optional

import numpy as np
from numpy.typing import ArrayLike

from ._experiments import Experiment, reference_values
from ._model import model_of
from ._rows import Floats
from ._scalars import whole


def _new_axes(count: int = 1) -> Any:
    """Axes side by side on a figure of their own."""
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise ImportError("plot: matplotlib is not installed, which draws it (Debian: python3-matplotlib)") from None
    width, height = plt.rcParams["figure.figsize"]
    return plt.subplots(1, count, figsize=(0.75 * width * count if count > 1 else width, height), layout="tight")[1]


class SpectrumDisplay:
    """How much of the mean squared gradient lies along each direction.

    Parameters
    ----------
    spectrum : array of shape (d,)
        Shares, largest first.
    rank : int, optional
        How many stand out.

    Attributes
    ----------
    ax_, figure_ : matplotlib's
    bars_ : BarContainer

    Examples
    --------
    >>> import sextant
    >>> X, y, U = sextant.generate("source", n=500, d=5, seed=1)
    >>> model = sextant.fit(X, y, method="algorithm-1", width=64)
    >>> display = sextant.SpectrumDisplay.from_estimator(model)
    >>> display.ax_.get_ylabel()
    'share of the mean squared gradient'
    """

    def __init__(self, *, spectrum: ArrayLike, rank: Optional[int] = None) -> None:
        self.spectrum = np.asarray(spectrum)
        self.rank = rank

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None, **kwargs: Any) -> SpectrumDisplay:
        """Draws the spectrum of a model.

        Parameters
        ----------
        estimator : Model or fitted estimator
            Whose directions.
        ax : Axes, optional
            Where to; on a figure of its own by default.
        **kwargs
            For ``Axes.bar``.

        Returns
        -------
        SpectrumDisplay

        Examples
        --------
        >>> import sextant
        >>> X, y, U = sextant.generate("source", n=500, d=5, seed=1)
        >>> model = sextant.fit(X, y, method="algorithm-1", width=64)
        >>> len(sextant.SpectrumDisplay.from_estimator(model, color="green").bars_)
        5
        """
        found = model_of(estimator, "estimator").directions()
        return cls(spectrum=found.spectrum, rank=found.rank).plot(ax=ax, **kwargs)

    def plot(self, ax: Any = None, **kwargs: Any) -> SpectrumDisplay:
        """Draws it.

        Parameters
        ----------
        ax : Axes, optional
            Where to; on a figure of its own by default.
        **kwargs
            For ``Axes.bar``.

        Returns
        -------
        SpectrumDisplay

        Examples
        --------
        >>> import sextant
        >>> sextant.SpectrumDisplay(spectrum=[0.9, 0.1], rank=1).plot().ax_.get_xlabel()
        'direction'
        """
        self.ax_ = _new_axes() if ax is None else ax
        self.figure_ = self.ax_.figure
        numbers = np.arange(1, len(self.spectrum) + 1)
        self.bars_ = self.ax_.bar(numbers, self.spectrum, **kwargs)
        if self.rank:
            for bar in self.bars_[self.rank :]:
                bar.set_alpha(0.4)
        self.ax_.set(xlabel="direction", ylabel="share of the mean squared gradient")
        self.ax_.xaxis.get_major_locator().set_params(integer=True)
        return self


class DirectionsDisplay:
    """The leading directions by input name.

    Parameters
    ----------
    directions : array of shape (r, d)
        Orthonormal rows, on standardised inputs.
    names : sequence of str
        Of the d inputs.
    shares : array of shape (r,), optional
        Of the spectrum.

    Attributes
    ----------
    axes_ : ndarray of Axes
        One for each direction.
    figure_ : Figure

    Examples
    --------
    >>> import sextant
    >>> wing = sextant.generate("wing-weight", n=500, as_frame=True)
    >>> model = sextant.fit(wing.X, wing.y, method="algorithm-1", width=64)
    >>> display = sextant.DirectionsDisplay.from_estimator(model, rank=1)
    >>> sorted(text.get_text() for text in display.axes_[0].get_yticklabels())[:2]
    ['area', 'aspect']
    """

    def __init__(self, *, directions: ArrayLike, names: Sequence[str], shares: Optional[ArrayLike] = None) -> None:
        self.directions = np.atleast_2d(np.asarray(directions))
        self.names = list(names)
        self.shares = None if shares is None else np.asarray(shares)

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, rank: Optional[int] = None, most: int = 15, axes: Any = None
    ) -> DirectionsDisplay:
        """Draws the directions of a model.

        Parameters
        ----------
        estimator : Model or fitted estimator
            Whose directions.
        rank : int, optional
            How many; by default those that stand out, at most three.
        most : int
            Of each the largest weights.
        axes : sequence of Axes, optional
            One for each direction; on a figure of their own by default.

        Returns
        -------
        DirectionsDisplay

        Examples
        --------
        >>> import sextant
        >>> X, y, U = sextant.generate("source", n=500, d=5, seed=1)
        >>> model = sextant.fit(X, y, method="algorithm-1", width=64)
        >>> len(sextant.DirectionsDisplay.from_estimator(model, rank=2).axes_)
        2
        """
        found = model_of(estimator, "estimator").directions()
        r = min(max(found.rank, 1), 3) if rank is None else whole(rank, "rank", 1)
        display = cls(directions=found.directions[:r], names=found.inputs, shares=found.spectrum[:r])
        return display.plot(axes=axes, most=most)

    def plot(self, axes: Any = None, *, most: int = 15) -> DirectionsDisplay:
        """Draws them.

        Parameters
        ----------
        axes : sequence of Axes, optional
            One for each direction; on a figure of their own by default.
        most : int
            Of each the largest weights.

        Returns
        -------
        DirectionsDisplay

        Examples
        --------
        >>> import sextant
        >>> display = sextant.DirectionsDisplay(directions=[[0.8, -0.6]], names=["area", "load"]).plot()
        >>> [text.get_text() for text in display.axes_[0].get_yticklabels()]
        ['load', 'area']
        """
        r = len(self.directions)
        self.axes_ = np.atleast_1d(np.asarray(_new_axes(r) if axes is None else axes, dtype=object))
        if len(self.axes_) != r:
            raise ValueError(f"axes: {len(self.axes_)} given, expected {r}, one for each direction")
        self.figure_ = self.axes_[0].figure
        for i, (ax, direction) in enumerate(zip(self.axes_, self.directions)):
            largest = np.argsort(-np.abs(direction), kind="stable")[:most][::-1]
            ax.barh([self.names[j] for j in largest], direction[largest])
            ax.axvline(0, color="black", linewidth=0.8)
            share = "" if self.shares is None else f": {100 * self.shares[i]:.1f} % of the gradient"
            ax.set(title=f"direction {i + 1}{share}", xlabel="weight of the standardised input")
        return self


class SummaryPlotDisplay:
    """The sufficient summary plot: the target along the leading one or two directions.

    Parameters
    ----------
    coordinates : array of shape (n, 1) or (n, 2)
        Along the directions.
    target : array of shape (n,)
    prediction : array of shape (n,), optional
        Drawn over one direction.

    Attributes
    ----------
    ax_, figure_ : matplotlib's
    points_ : PathCollection

    Examples
    --------
    >>> import sextant
    >>> X, y, U = sextant.generate("source", n=500, d=5, seed=1)
    >>> model = sextant.fit(X, y, method="algorithm-1", width=64)
    >>> display = sextant.SummaryPlotDisplay.from_estimator(model, X, y)
    >>> display.coordinates.shape
    (500, 1)
    """

    def __init__(self, *, coordinates: ArrayLike, target: ArrayLike, prediction: Optional[ArrayLike] = None) -> None:
        self.coordinates = np.asarray(coordinates)
        self.target = np.asarray(target)
        self.prediction = None if prediction is None else np.asarray(prediction)
        if self.coordinates.ndim != 2 or self.coordinates.shape[1] not in (1, 2):
            shape = self.coordinates.shape
            raise ValueError(f"coordinates: an array of shape {shape} given, expected (n, 1) or (n, 2)")

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, y: ArrayLike, *, rank: int = 1, target: int = 0, ax: Any = None, **kwargs: Any
    ) -> SummaryPlotDisplay:
        """Draws the targets of rows along the directions of a model.

        Parameters
        ----------
        estimator : Model or fitted estimator
            Whose directions.
        X : array or data frame
            Inputs, as for :meth:`Model.predict`.
        y : array of shape (n,) or (n, k)
            Targets.
        rank : {1, 2}
            How many directions.
        target : int
            Which column of y.
        ax : Axes, optional
            Where to; on a figure of its own by default.
        **kwargs
            For ``Axes.scatter``.

        Returns
        -------
        SummaryPlotDisplay

        Examples
        --------
        >>> import sextant
        >>> X, y, U = sextant.generate("source", n=500, d=5, seed=1)
        >>> model = sextant.fit(X, y, method="algorithm-1", width=64)
        >>> sextant.SummaryPlotDisplay.from_estimator(model, X, y, rank=2).coordinates.shape
        (500, 2)
        """
        model = model_of(estimator, "estimator")
        inputs = model._inputs(X)
        Z = model._standardised(inputs) @ model.directions().directions[: whole(rank, "rank", 1)].T
        Y = np.asarray(y)
        prediction = None
        if rank == 1:
            predicted = model.predict(inputs) if model.classes is None else None
            prediction = predicted if predicted is None or predicted.ndim == 1 else predicted[:, target]
        display = cls(coordinates=Z, target=Y if Y.ndim == 1 else Y[:, target], prediction=prediction)
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax: Any = None, **kwargs: Any) -> SummaryPlotDisplay:
        """Draws it.

        Parameters
        ----------
        ax : Axes, optional
            Where to; on a figure of its own by default.
        **kwargs
            For ``Axes.scatter``.

        Returns
        -------
        SummaryPlotDisplay

        Examples
        --------
        >>> import sextant
        >>> sextant.SummaryPlotDisplay(coordinates=[[0.0], [1.0]], target=[1, 2]).plot().ax_.get_ylabel()
        'target'
        """
        self.ax_ = _new_axes() if ax is None else ax
        self.figure_ = self.ax_.figure
        style = {"s": 8, **kwargs}
        if self.coordinates.shape[1] == 1:
            along = self.coordinates[:, 0]
            self.points_ = self.ax_.scatter(along, self.target, label="observed", **style)
            if self.prediction is not None:
                self.ax_.scatter(along, self.prediction, s=3, color="black", label="predicted")
                self.ax_.legend()
            self.ax_.set(xlabel="along the first direction", ylabel="target")
        else:
            labels = None
            colours = self.target
            if colours.dtype.kind not in "biuf":
                labels, colours = np.unique(colours, return_inverse=True)
            self.points_ = self.ax_.scatter(*self.coordinates.T, c=colours, **style)
            bar = self.figure_.colorbar(self.points_, ax=self.ax_, label="target")
            if labels is not None:
                bar.set_ticks(range(len(labels)), labels=labels)
            self.ax_.set(xlabel="along the first direction", ylabel="along the second direction")
        return self


class LearningCurveDisplay:
    """Errors against the number of training rows, a curve with a band of one standard deviation for each series.

    Parameters
    ----------
    curves : dict of str to array of shape (points, 3)
        Rows, mean and standard deviation of the error.
    published : dict of str to array of shape (points, 2), optional
        Rows and mean of published values, drawn as hollow marks in the curve's colour.
    ylabel : str

    Attributes
    ----------
    ax_, figure_ : matplotlib's
    lines_ : dict of str to Line2D

    Examples
    --------
    >>> import sextant
    >>> curves = {"algorithm-1": [[10, 0.9, 0.1], [100, 0.4, 0.1]]}
    >>> display = sextant.LearningCurveDisplay(curves=curves, ylabel="excess risk").plot()
    >>> display.lines_["algorithm-1"].get_ydata().tolist()
    [0.9, 0.4]
    """

    def __init__(
        self, *, curves: dict[str, Any], published: Optional[dict[str, Any]] = None, ylabel: str = "error"
    ) -> None:
        self.curves: dict[str, Floats] = {name: np.asarray(curve, dtype=np.float64) for name, curve in curves.items()}
        self.published: dict[str, Floats] = {
            name: np.asarray(curve, dtype=np.float64) for name, curve in (published or {}).items()
        }
        self.ylabel = ylabel

    @classmethod
    def from_experiment(
        cls,
        experiment: Experiment,
        *,
        where: Optional[dict[str, Any]] = None,
        reference: Optional[str] = None,
        ax: Any = None,
    ) -> LearningCurveDisplay:
        """Draws the excess risk of each method.

        Parameters
        ----------
        experiment : Experiment
            Of :func:`run_experiment`.
        where : dict, optional
            Parameters that the grid points have.
        reference : str, optional
            Published values to lay beside it, see :func:`reference_values`.
        ax : Axes, optional
            Where to; on a figure of its own by default.

        Returns
        -------
        LearningCurveDisplay

        Examples
        --------
        >>> import sextant, tempfile
        >>> from pathlib import Path
        >>> folder = tempfile.TemporaryDirectory()
        >>> spec = Path(folder.name, "s.toml")
        >>> _ = spec.write_text('name = "s"\\nseeds = 1\\n[[grid]]\\nmethod = "ntk"\\nn = [31, 100]\\nwidth = 16\\ntest = 500\\n')
        >>> done = sextant.run_experiment(spec, Path(folder.name, "results"))
        >>> sextant.LearningCurveDisplay.from_experiment(done).lines_["ntk"].get_xdata().tolist()
        [31.0, 100.0]
        """
        wanted = where or {}
        points = [p for p in experiment.points() if all(p.get(name) == value for name, value in wanted.items())]
        if not points:
            raise ValueError(f"where: no grid point of {experiment.name} has {wanted}")
        curves = {
            method: sorted(
                (p["n"], p["excess_risk_mean"], p["excess_risk_std"]) for p in points if p["method"] == method
            )
            for method in dict.fromkeys(p["method"] for p in points)
        }
        published = {
            method: sorted(
                (float(p["n"]), p["excess_risk_mean"])
                for p in (reference_values(reference) if reference else [])
                if p["method"] == method and all(p.get(name) == str(value) for name, value in wanted.items())
            )
            for method in curves
        }
        given = {method: values for method, values in published.items() if values}
        return cls(curves=curves, published=given, ylabel="excess risk").plot(ax=ax)

    @classmethod
    def from_estimators(
        cls,
        estimators: dict[str, Any],
        X: Any,
        y: ArrayLike,
        *,
        train_sizes: Iterable[float],
        cv: Any = 5,
        ax: Any = None,
    ) -> LearningCurveDisplay:
        """Draws cross-validated root mean squared errors (scikit-learn's ``learning_curve``).

        Parameters
        ----------
        estimators : dict of str to estimator
            By the names to show.
        X, y
            Rows.
        train_sizes : iterable of float
            Shares of the training rows, or numbers of them.
        cv
            As scikit-learn has it.
        ax : Axes, optional
            Where to; on a figure of its own by default.

        Returns
        -------
        LearningCurveDisplay

        Examples
        --------
        >>> import sextant
        >>> X, y, U = sextant.generate("source", n=200, d=5, seed=1)
        >>> estimators = {"features": sextant.RandomFeaturesRegressor(width=16)}
        >>> display = sextant.LearningCurveDisplay.from_estimators(estimators, X, y, train_sizes=[0.5, 1.0], cv=2)
        >>> display.lines_["features"].get_xdata().tolist()
        [50.0, 100.0]
        """
        from sklearn.model_selection import learning_curve

        curves = {}
        for name, estimator in estimators.items():
            sizes, _, scores = learning_curve(
                estimator, X, y, train_sizes=list(train_sizes), cv=cv, scoring="neg_root_mean_squared_error"
            )
            curves[name] = np.column_stack([sizes, -scores.mean(axis=1), scores.std(axis=1, ddof=1)])
        return cls(curves=curves, ylabel="root mean squared error").plot(ax=ax)

    def plot(self, ax: Any = None) -> LearningCurveDisplay:
        """Draws it.

        Parameters
        ----------
        ax : Axes, optional
            Where to; on a figure of its own by default.

        Returns
        -------
        LearningCurveDisplay

        Examples
        --------
        >>> import sextant
        >>> sextant.LearningCurveDisplay(curves={"ntk": [[10, 0.9, 0.1], [100, 0.5, 0.1]]}).plot().ax_.get_xscale()
        'log'
        """
        self.ax_ = _new_axes() if ax is None else ax
        self.figure_ = self.ax_.figure
        self.lines_ = {}
        for name, curve in self.curves.items():
            n, mean, deviation = curve.T
            (line,) = self.ax_.plot(n, mean, marker="o", markersize=4, label=name)
            spread = np.nan_to_num(deviation)  # one seed has none
            self.ax_.fill_between(n, mean - spread, mean + spread, color=line.get_color(), alpha=0.2, linewidth=0)
            if name in self.published:
                self.ax_.plot(*self.published[name].T, "s", markerfacecolor="none", color=line.get_color())
            self.lines_[name] = line
        self.ax_.set(xlabel="training rows", ylabel=self.ylabel, xscale="log")
        self.ax_.legend()
        return self
