"""Models: what fitting gives and the command line's files hold."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional, Union

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from . import _core
from ._options import for_library, warn_about_ignored
from ._progress import Progress, running
from ._rows import (
    Floats,
    Labels,
    all_numeric,
    check_names,
    encoded_rows,
    frame_cells,
    in_order,
    input_names,
    label_vector,
    matrix,
    number_cells,
    numbers,
    rows,
    target_names,
    text_cells,
    text_names,
    weights,
)
from ._scalars import number

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._option_types import FitOptions

#: Rows to choose by: inputs and targets, perhaps with weights.
Validation = Union[tuple[ArrayLike, ArrayLike], tuple[ArrayLike, ArrayLike, ArrayLike]]


@dataclass(frozen=True)
class Directions:
    """The directions in which a model varies, on standardised inputs.

    Direction v means Σ_j v_j (x_j − mean_j)/scale_j.

    Attributes
    ----------
    inputs : list of str
        The d inputs that vary.
    spectrum : ndarray of shape (d,)
        How much of the mean squared gradient lies along each direction, largest first; sums to 1.
    directions : ndarray of shape (d, d)
        Orthonormal rows.
    rank : int
        How many stand out: 0 when the model is constant, d when there is no gap.
    mean, scale : ndarray of shape (d,)
        Of the inputs over the training rows.

    Examples
    --------
    >>> import sextant
    >>> wing = sextant.generate("wing-weight", n=500, as_frame=True)
    >>> found = sextant.fit(wing.X, wing.y, method="algorithm-1", width=64).directions()
    >>> found.rank, found.directions.shape, found.inputs[:2]
    (1, (10, 10), ['area', 'fuel'])
    """

    inputs: list[str]
    spectrum: Floats
    directions: Floats
    rank: int
    mean: Floats
    scale: Floats


class Model:
    """A fitted model, as the command line's model files hold it.

    Made by :func:`fit`, :func:`transfer` or :meth:`load`.

    Examples
    --------
    >>> import sextant
    >>> X, y, U = sextant.generate("source", n=500, d=5, seed=1)
    >>> model = sextant.fit(X, y, method="algorithm-1", width=64)
    >>> model.predict(X[:3]).shape
    (3,)
    >>> model
    Model(method='algorithm-1', inputs=5, targets=['y'], rows=500)
    """

    def __init__(self, core: _core.Model) -> None:
        self._core = core

    # ---- files ----

    @classmethod
    def load(cls, path: Union[str, os.PathLike[str]]) -> Model:
        """Reads a model file, of the command line or of :meth:`save`. OSError or ValueError say what is wrong.

        Parameters
        ----------
        path : str or path
            The file.

        Returns
        -------
        Model

        Examples
        --------
        >>> import sextant, tempfile
        >>> X, y, U = sextant.generate("source", n=500, d=5, seed=1)
        >>> model = sextant.fit(X, y, method="algorithm-1", width=64)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model.save(f"{folder}/m.sextant")
        ...     again = sextant.Model.load(f"{folder}/m.sextant")
        >>> bool((again.predict(X) == model.predict(X)).all())
        True
        """
        return cls(_core.Model.load(os.fspath(path)))

    def save(self, path: Union[str, os.PathLike[str]]) -> None:
        """Writes a model file, whole or not at all.

        Parameters
        ----------
        path : str or path
            The file; one that is there is replaced.

        Examples
        --------
        >>> import os, sextant, tempfile
        >>> X, y, U = sextant.generate("source", n=500, d=5, seed=1)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     sextant.fit(X, y, method="algorithm-1", width=64).save(f"{folder}/m.sextant")
        ...     os.listdir(folder)
        ['m.sextant']
        """
        self._core.save(os.fspath(path))

    def __getstate__(self) -> dict[str, Any]:
        return {"bytes": self._core.to_bytes()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._core = _core.Model.from_bytes(state["bytes"], "pickle")

    # ---- what it is ----

    @property
    def options(self) -> dict[str, Any]:
        """The options of the fit, by the library's names; None where one was left to its default."""
        return self._core.options

    @property
    def input_names(self) -> list[str]:
        """One per input of the table: the name of a column of numbers or of text of many levels, ``column=level`` for a level
        of other text, or ``column=missing`` for where cells are missing. What is made of levels is no input of the table:
        ``directions().inputs`` names it."""
        return self._core.input_names

    @property
    def missing(self) -> str:
        """What is done about missing cells: ``'indicator'``, ``'mean'``, ``'drop'`` or ``'error'``."""
        return self._core.missing

    @property
    def left_out(self) -> list[str]:
        """Columns of the table that could be no input: without any value, or text of too many values. New rows need not
        have them."""
        return [name for name, _, left_out in self._core.columns if left_out]

    @property
    def target_names(self) -> list[str]:
        """Names of the targets; of a model of a class, of the one that is."""
        return self._core.target_names

    @property
    def classes(self) -> Optional[NDArray[Any]]:
        """Of a model of a class: its classes, numbers (0 and 1 for False and True) or text; else None."""
        names = self._core.classes
        if not names:
            return None
        if self._core.classes_are_numbers:
            values = np.array([float(name) for name in names])
            return values.astype(np.int64) if (values == np.round(values)).all() else values
        return np.array(names)

    @property
    def rows(self) -> int:
        """Training rows."""
        return self._core.rows

    @property
    def footprint(self) -> dict[str, Any]:
        """What the model takes: ``bytes`` of its numbers, ``multiply_adds`` of one prediction, and ``training_rows``,
        whether rows of the table it was fitted on are inside (as centres of kernels, which ``training_rows=False``
        leaves out).

        Examples
        --------
        >>> import sextant
        >>> X, y, U = sextant.generate("source", n=500, d=5, seed=1)
        >>> sextant.fit(X, y, method="algorithm-1", width=64).footprint["training_rows"]
        False
        """
        size, multiply_adds, training_rows = self._core.footprint
        return {"bytes": int(size), "multiply_adds": int(multiply_adds), "training_rows": training_rows}

    @property
    def transferred(self) -> bool:
        """Whether it keeps what another task found."""
        return self._core.transferred

    @property
    def version(self) -> str:
        """Of the library that made it."""
        return self._core.version

    @property
    def validation(self) -> dict[str, Any]:
        """What was measured on held-out rows: mean squared errors ``mean``, ``linear`` and ``chosen`` per target, the
        candidates ``lambda`` with their errors ``path``, and ``chosen_lambda``."""
        return self._core.validation

    @property
    def candidates(self) -> list[dict[str, Any]]:
        """What ``method='auto'`` tried, in order: ``name``, ``settings``, ``rank``; per target the held-out mean square
        ``error``, its ``standard_error`` and ``weight``; ``cost`` in multiply-adds; the ``rows`` it is learned from;
        its ``rounds``; ``dropped`` says why it is not part of the model, ``failed`` why its numbers failed, if so."""
        return self._core.candidates

    @property
    def class_report(self) -> Optional[dict[str, Any]]:
        """Of a model of a class, what its probabilities are worth on held-out rows: in ``classes`` for each its ``name``,
        its rows ``n``, ``recall``, ``precision``, and ``gain`` in log-loss on the classes' frequencies, one class
        against the others; the expected ``calibration_error``; and ``reliability``, bins of rows by probability with their
        ``share``, what was ``predicted`` and ``observed``. With ``class_weight``, of the weighted rows."""
        report = self._core.class_report
        return None if report is None else self._label(report)

    @property
    def threshold_advice(self) -> Optional[dict[str, Any]]:
        """Of a model of two classes, from which probability on the rarer one is best predicted, by held-out rows.

        ``class``, the rarer one; ``rows`` and ``class_rows`` that it is taken from; and for the thresholds with the best
        ``f1`` and ``balanced_accuracy`` and for the ``most_probable`` class each ``threshold``, ``precision``, ``recall``,
        ``f1``, ``balanced_accuracy`` and ``accuracy`` there.

        Examples
        --------
        >>> import sextant
        >>> X, y, U = sextant.generate("source", n=1000, d=5, seed=1)
        >>> model = sextant.fit(X, y > 2, task="classification", method="algorithm-1", width=64)
        >>> advice = model.threshold_advice
        >>> advice["class"], advice["f1"]["recall"] >= advice["most_probable"]["recall"]
        (1, True)
        >>> int(model.predict(X, threshold=0.9).sum()) < int(model.predict(X, threshold=0.1).sum())
        True
        """
        advice = self._core.threshold_advice
        if advice is None:
            return None
        assert self.classes is not None
        return {"class": self.classes.tolist()[advice.pop("class_at")], **advice}

    @property
    def search_path(self) -> list[dict[str, Any]]:
        """The steps of the search in order: ``name``, ``cost`` and ``spent`` in multiply-adds (5·10¹⁰ are a second of
        ``budget``), and ``error``, the held-out mean square of what is chosen then over that of the mean or, of
        classes, the log-loss over that of their frequencies. It never rises."""
        return self._core.search_path

    @property
    def skipped(self) -> list[str]:
        """Names of what the budget did not reach."""
        return self._core.skipped

    @property
    def not_tried(self) -> list[tuple[str, str]]:
        """What was left out for another reason than the budget, and why."""
        return self._core.not_tried

    @property
    def contradicted(self) -> list[dict[str, Any]]:
        """Rows that nothing was learned from, since others contradict their targets: `row` (from 0, of those given to
        the fit), `y` and what the others say, `predicted`, both of shape (k,)."""
        return [{"row": row, "y": y, "predicted": f} for row, y, f in self._core.contradicted]

    @property
    def linear(self) -> _core.LinearPart:
        """α + βᵀz, on scaled inputs and targets."""
        return self._core.linear

    @property
    def predictors(self) -> list[tuple[float, _core.FeatureMap, Floats]]:
        """Weight, feature map and head of each term, on scaled inputs and targets. Of classes, a head that was learned by
        log-loss gives logits, of which the softmax counts."""
        return self._core.predictors

    @property
    def gradient_outer_product(self) -> Floats:
        """A, the mean of ∇f ∇fᵀ over the training rows, on scaled inputs and targets; 0×0 of a table with more inputs
        than rows, of which `gradient_factor` says it."""
        return self._core.gradient_outer_product

    @property
    def gradient_factor(self) -> Floats:
        """B with A ≈ BᵀB, at most 64 rows √λ·v for the leading eigenpairs of A, where there are more inputs than rows;
        0×0 elsewhere."""
        return self._core.gradient_factor

    def directions(self) -> Directions:
        """The directions in which the model varies.

        Returns
        -------
        Directions

        Examples
        --------
        >>> import sextant
        >>> X, y, U = sextant.generate("source", n=1000, d=5, seed=1)
        >>> found = sextant.fit(X, y, method="algorithm-1", width=64).directions()
        >>> sextant.overlap(found.directions[:1], U) > 0.9
        True
        """
        values, vectors, rank = self._core.directions()
        return Directions(self._core.kept_names, values, vectors, rank, self._core.x_mean, self._core.x_scale)

    def importance(self) -> dict[str, float]:
        """Each column's share of the mean squared gradient.

        Returns
        -------
        dict of str to float

        Examples
        --------
        >>> import sextant
        >>> wing = sextant.generate("wing-weight", n=500, as_frame=True)
        >>> shares = sextant.fit(wing.X, wing.y, method="algorithm-1", width=64).importance()
        >>> max(shares, key=shares.get), round(sum(shares.values()), 6)
        ('load', 1.0)
        """
        columns, shares = self._core.importance()
        return dict(zip(columns, shares.tolist()))

    def __repr__(self) -> str:
        return (
            f"Model(method={self.options['method']!r}, inputs={self._core.inputs}, targets={self.target_names}, "
            f"rows={self.rows})"
        )

    # ---- what it does ----

    def predict(
        self,
        X: Any,
        *,
        threshold: Optional[float] = None,
        threshold_class: Any = None,
        threads: Optional[int] = None,
        progress: Progress = None,
    ) -> NDArray[Any]:
        """Predictions in the targets' own units; of a class its labels.

        Parameters
        ----------
        X : array or data frame
            The model's inputs in their order, or a data frame with its columns in any order, among others. Cells may be
            missing (NaN) unless the model refuses them. ValueError for a missing column.
        threshold : float, optional
            Of two classes, the rarer one is predicted where its probability is at least this, the other where it is not;
            without it, the more probable one is. See :attr:`threshold_advice`.
        threshold_class : label, optional
            The class that `threshold` is about, instead of the rarer one.
        threads, progress
            As for :func:`fit`.

        Returns
        -------
        ndarray of shape (n,), or (n, k) for several targets

        Examples
        --------
        >>> import sextant
        >>> X, y, U = sextant.generate("source", n=500, d=5, seed=1)
        >>> sextant.fit(X, y, method="algorithm-1", width=64).predict(X[:3]).shape
        (3,)
        """
        if threshold is not None or threshold_class is not None:
            about = self._threshold_class(threshold, threshold_class)
            classes = self.classes
            assert classes is not None and threshold is not None
            reached = self.predict_proba(X, threads=threads, progress=progress)[:, about] >= threshold
            return classes[np.where(reached, about, 1 - about)]
        if (classes := self.classes) is not None:
            return classes[self.predict_proba(X, threads=threads, progress=progress).argmax(axis=1)]
        with running(progress, threads) as run:
            Y = self._core.predict(self._inputs(X), run)
        return Y[:, 0] if Y.shape[1] == 1 else Y

    def predict_proba(self, X: Any, *, threads: Optional[int] = None, progress: Progress = None) -> Floats:
        """Calibrated probabilities of the classes.

        Parameters
        ----------
        X : array or data frame
            As for :meth:`predict`.
        threads, progress
            As for :func:`fit`.

        Returns
        -------
        ndarray of shape (n, k)
            Columns in the order of ``classes``.

        Examples
        --------
        >>> import sextant
        >>> X, y, U = sextant.generate("source", n=500, d=5, seed=1)
        >>> model = sextant.fit(X, y > 0, task="classification", method="algorithm-1", width=64)
        >>> model.predict_proba(X[:3]).sum(axis=1).round(6)
        array([1., 1., 1.])
        """
        with running(progress, threads) as run:
            return self._core.predict_probabilities(self._inputs(X), run)

    def predict_interval(
        self, X: Any, level: float = 0.9, *, threads: Optional[int] = None, progress: Progress = None
    ) -> tuple[Floats, Floats, Floats]:
        """Predictions and the ends of intervals that hold a new row's target with probability `level`.

        Parameters
        ----------
        X : array or data frame
            As for :meth:`predict`.
        level : float
            Between 0 and 1.
        threads, progress
            As for :func:`fit`.

        Returns
        -------
        value, low, high : ndarrays, each as :meth:`predict` gives

        Examples
        --------
        >>> import sextant
        >>> X, y, U = sextant.generate("source", n=500, d=5, noise=0.5, seed=1)
        >>> model = sextant.fit(X[:400], y[:400], method="algorithm-1", width=64)
        >>> value, low, high = model.predict_interval(X[400:], 0.8)
        >>> bool((low < value).all() and (value < high).all())
        True
        """
        with running(progress, threads) as run:
            value, low, high = self._core.predict_interval(self._inputs(X), number(level, "level"), run)
        if value.shape[1] == 1:
            return value[:, 0], low[:, 0], high[:, 0]
        return value, low, high

    def evaluate(
        self,
        X: Any,
        y: ArrayLike,
        sample_weight: Optional[ArrayLike] = None,
        *,
        threshold: Optional[float] = None,
        threshold_class: Any = None,
    ) -> dict[str, Any]:
        """Errors as ``sextant evaluate --json`` prints them.

        Parameters
        ----------
        X : array or data frame
            As for :meth:`predict`.
        y : array of shape (n,) or (n, k)
            Targets, or labels.
        sample_weight : array of shape (n,), optional
            Row weights of at least 0.
        threshold, threshold_class
            As for :meth:`predict`: what predicting so is worth.

        Returns
        -------
        dict
            ``n``, and in ``targets`` for each its ``name``, ``rmse``, ``mae`` and ``r2``; of a class ``accuracy`` and
            ``log_loss`` too, beside them ``accuracy_majority`` and ``log_loss_frequencies``, and what
            :attr:`class_report` has; with a threshold, in ``threshold``, what one of its scores has.

        Examples
        --------
        >>> import sextant
        >>> X, y, U = sextant.generate("source", n=1000, d=5, seed=1)
        >>> model = sextant.fit(X[:800], y[:800], method="algorithm-1", width=128)
        >>> model.evaluate(X[800:], y[800:])["targets"][0]["r2"] > 0.8
        True
        """
        classes = self.classes
        Y = numbers(y) if classes is None else Labels(classes).indicators(label_vector(y))
        with running() as run:
            about = None
            if threshold is not None or threshold_class is not None:
                about = self._threshold_class(threshold, threshold_class)
            measured = self._rows(X, Y, sample_weight)
            scores = self._core.evaluate(measured, run)
            if classes is not None:
                self._label(scores)
            if about is not None:
                assert threshold is not None and classes is not None
                at = self._core.evaluate_threshold(measured, float(threshold), about, run)
                scores["threshold"] = {"class": classes.tolist()[about], **at}
            return scores

    def _label(self, report: dict[str, Any]) -> dict[str, Any]:
        """Calls the classes of a report by their labels."""
        classes = self.classes
        assert classes is not None
        for label, entry in zip(classes.tolist(), report["classes"]):
            entry["name"] = label
        return report

    def _threshold_class(self, threshold: Optional[float], label: Any) -> int:
        """The position of the class that a threshold is about, both checked."""
        if threshold is None:
            raise ValueError(f"threshold_class: {label!r} given without a threshold")
        about = self._core.threshold_class()
        if label is not None:
            assert self.classes is not None
            known = self.classes.tolist()
            if label not in known:
                raise ValueError(f"threshold_class: {label!r} given, expected {known[0]!r} or {known[1]!r}")
            about = known.index(label)
        self._core.check_threshold(number(threshold, "threshold"), about)
        return about

    def _cells(self, X: Any, allow_nan: bool) -> Union[Floats, _core.Cells]:
        """What the model is to read of X: cells, or n×inputs where the inputs are given themselves."""
        columns = self._core.columns
        used = [(name, levels) for name, levels, left_out in columns if not left_out]
        X = in_order(X, [name for name, _ in used], "X", [name for name, *_ in columns])
        text = any(levels is not None for _, levels in used)
        if text_names(X) is not None and (text or not all_numeric(X)):
            return text_cells(X, used, allow_nan=allow_nan)
        cells = matrix(X, "X", allow_nan=allow_nan)
        if text:
            if cells.shape[1] != self._core.inputs:
                raise ValueError(f"X: {cells.shape[1]} inputs given, expected {self._core.inputs}")
            return cells
        if cells.shape[1] == len(columns) != len(used):
            cells = np.ascontiguousarray(cells[:, [not left_out for *_, left_out in columns]])
        elif cells.shape[1] != len(used):
            raise ValueError(f"X: {cells.shape[1]} inputs given, expected {len(columns)}")
        if self._core.encoding.plain and not np.isnan(cells).any():
            return cells
        return number_cells(cells, [name for name, _ in used])

    def _inputs(self, X: Any) -> Floats:
        """n×inputs, as the model was trained on."""
        cells = self._cells(X, self._core.keeps_missing)
        return cells if isinstance(cells, np.ndarray) else self._core.encoding.encode(cells)

    def _rows(
        self,
        X: Any,
        Y: Floats,
        sample_weight: Optional[ArrayLike] = None,
        groups: Optional[ArrayLike] = None,
        *,
        missing: Optional[str] = None,
    ) -> _core.Rows:
        """Rows of the model's inputs; `missing` is what to do about missing cells instead of what the model does."""
        cells = self._cells(X, (missing or self._core.missing) != "error")
        if isinstance(cells, np.ndarray):
            return rows(cells, Y, sample_weight, groups)
        return encoded_rows(cells, self._core.encoding.with_missing(missing or self._core.missing), Y, sample_weight, groups)

    def _standardised(self, inputs: Floats) -> Floats:
        """The kept ones of these inputs, filled where they are unknown, on the scale that directions refer to."""
        return self._core.scaled(np.ascontiguousarray(inputs, dtype=float))


def model_of(given: Any, name: str) -> Model:
    """The model of a fitted estimator, or the model itself; `name` is the argument's."""
    if isinstance(given, Model):
        return given
    if not hasattr(given, "from_model"):
        raise TypeError(
            f"{name}: a {type(given).__name__} given, expected a Model or a fitted estimator of this package; of a "
            "pipeline or a search, the one inside it"
        )
    check_is_fitted(given)
    fitted: Model = given.model_
    return fitted


def validation_parts(validation: Any) -> tuple[Any, Any, Any]:
    """X, y and weights or None of rows to choose by."""
    if not isinstance(validation, (tuple, list)) or len(validation) not in (2, 3):
        found = f"{len(validation)} parts" if isinstance(validation, (tuple, list)) else f"a {type(validation).__name__}"
        raise ValueError(f"validation: {found} given, expected (X, y) or (X, y, sample_weight)")
    X, y, *w = validation
    return X, y, w[0] if w else None


def _validation_rows(
    validation: Optional[Validation], labels: Optional[Labels], rows_of: Callable[[Any, Floats, Any], _core.Rows]
) -> Optional[_core.Rows]:
    """Rows to choose by, which `rows_of` makes of X, Y and weights."""
    if validation is None:
        return None
    X, y, sample_weight = validation_parts(validation)
    Y = numbers(y, "y of validation") if labels is None else labels.indicators(label_vector(y))
    return rows_of(X, Y, sample_weight)


def _with_warnings(model: Model) -> Model:
    """The model, after what a person should hear of how it was learned, as the command line says it."""
    for name, (rows_drawn, low, high) in zip(model.target_names, model._core.drawn_targets):
        if rows_drawn:
            warnings.warn(
                f"target {name!r}: {rows_drawn} of {model.rows} far outside the rest, drawn in (to between {low:.4g} and "
                f"{high:.4g}, or nearer to what a fit to the other rows says) before the model was learned; "
                "clip_targets=False learns from them as they are",
                stacklevel=4,
            )
    contradicted = model.contradicted
    if contradicted:
        first = contradicted[0]
        t = int(np.argmax(np.abs(first["y"] - first["predicted"])))
        warnings.warn(
            f"{len(contradicted)} of {model.rows + len(contradicted)} rows have a target that the others contradict (the "
            f"first, row {first['row']}: {model.target_names[t]!r} is {first['y'][t]:.4g} where they say "
            f"{first['predicted'][t]:.4g}) and were not learned from; clip_targets=False learns from all as they are",
            stacklevel=4,
        )
    if model.skipped:
        warnings.warn(
            f"beyond the budget, not tried: {', '.join(model.skipped)}; a larger budget reaches them", stacklevel=4
        )
    for name, why in model.not_tried:
        warnings.warn(f"not tried: {name}, because {why}", stacklevel=4)
    for candidate in model.candidates:
        if candidate["failed"] and np.isfinite(candidate["error"]).all():
            warnings.warn(
                f"{candidate['name']!r} was chosen and failed when it was {candidate['failed']}: its weight went to the "
                "others",
                stacklevel=4,
            )
    return model


def learn(
    X: Union[Floats, _core.Cells],
    Y: Floats,
    options: dict[str, Any],
    *,
    inputs: list[str],
    targets: list[str],
    labels: Optional[Labels] = None,
    sample_weight: Optional[ArrayLike] = None,
    groups: Optional[ArrayLike] = None,
    validation: Optional[Validation] = None,
    missing: str = "indicator",
    threads: Optional[int] = None,
    block_rows: int = 1024,
    progress: Progress = None,
) -> Model:
    """Fits a model to rows that are checked already but for missing cells; `options` by the library's names."""
    check_names(inputs, targets)
    classes = labels.names if labels else []
    if labels:
        options = labels.weighted(options)
    warn_about_ignored(_core.ignored_options(options), stacklevel=3)
    if not isinstance(X, np.ndarray) or np.isnan(X).any():
        cells = number_cells(X, inputs) if isinstance(X, np.ndarray) else X
        encoding, notices = _core.Encoding.of_cells(cells, targets, classes, missing)
        for notice in notices:
            warnings.warn(notice, stacklevel=3)
        training = encoded_rows(cells, encoding, Y, sample_weight, groups)
    else:
        encoding = _core.Encoding(inputs, targets, classes, missing)
        training = rows(X, Y, sample_weight, groups)

    def held_out(X: Any, Y: Floats, sample_weight: Any) -> _core.Rows:
        used = [(name, levels) for name, levels, left_out in encoding.columns if not left_out]
        if any(levels is not None for _, levels in used):
            cells = text_cells(in_order(X, [name for name, _ in used], "validation"), used, allow_nan=missing != "error")
            return encoded_rows(cells, encoding, Y, sample_weight)
        numeric = matrix(in_order(X, inputs, "validation"), "validation", allow_nan=missing != "error")
        return encoded_rows(number_cells(numeric, inputs, "validation"), encoding, Y, sample_weight)

    with running(progress, threads, block_rows) as run:
        others = _validation_rows(validation, labels, held_out)
        return _with_warnings(Model(_core.fit(training, encoding, options, run, others)))


def _targets(y: Any, task: str, w: Optional[Floats]) -> tuple[Floats, Optional[Labels], list[str]]:
    if task not in ("regression", "classification"):
        raise ValueError(f"task: {task!r} given, expected 'regression' or 'classification'")
    if task == "regression":
        Y = numbers(y)
        return Y, None, target_names(y, Y.shape[1])
    labels, Y = Labels.learned(label_vector(y), w)
    return Y, labels, target_names(y, 1)


def fit(
    X: Any,
    y: Any,
    *,
    sample_weight: Optional[ArrayLike] = None,
    groups: Optional[ArrayLike] = None,
    validation: Optional[Validation] = None,
    task: str = "regression",
    missing: str = "indicator",
    threads: Optional[int] = None,
    block_rows: int = 1024,
    progress: Progress = None,
    **options: Unpack[FitOptions],
) -> Model:
    """Fits a model, as the library's ``fit`` does; :class:`SextantRegressor` is the same in scikit-learn's manners.

    Parameters
    ----------
    X : array or data frame of shape (n, d)
        Inputs, numbers, NaN where a cell is missing. A data frame's column names are kept in the model, and its columns may
        be text, which is read as from its CSV by the command line: one input per level, of more than 64 levels what rows
        say of them. A column without any value is left out with a warning, and so is text of which all values are
        different, or of fewer than two cells for each.
    y : array of shape (n,) or (n, k)
        Targets; labels with ``task='classification'``.
    sample_weight : array of shape (n,), optional
        Row weights of at least 0.
    groups : array of shape (n,), optional
        Rows of one group stay on one side of every split.
    validation : tuple (X, y) or (X, y, sample_weight), optional
        Rows to choose by, never trained on.
    task : {'regression', 'classification'}
        What y holds.
    missing, threads, block_rows, progress, **options
        As for :class:`SextantRegressor`.

    Returns
    -------
    Model

    Examples
    --------
    >>> import sextant
    >>> X, y, U = sextant.generate("source", n=2000, d=10, seed=1)
    >>> model = sextant.fit(X, y, method="algorithm-1", width=256)
    >>> found = model.directions()
    >>> sextant.overlap(found.directions[:1], U) > 0.95
    True
    """
    check_policy(missing)
    cells = frame_cells(X)
    inputs: Union[Floats, _core.Cells] = matrix(X, "X", allow_nan=missing != "error") if cells is None else cells
    w = weights(sample_weight, y)
    Y, labels, names = _targets(y, task, w)
    return learn(
        inputs,
        Y,
        for_library({"task": task, **options}),
        inputs=input_names(X, inputs.shape[1]) if isinstance(inputs, np.ndarray) else list(X.columns),
        targets=names,
        labels=labels,
        sample_weight=w,
        groups=groups,
        validation=validation,
        missing=missing,
        threads=threads,
        block_rows=block_rows,
        progress=progress,
    )


def check_policy(missing: str) -> None:
    if missing not in (known := ("indicator", "mean", "drop", "error")):
        raise ValueError(f"missing: {missing!r} given, expected one of {', '.join(map(repr, known))}")


def transfer(
    model: Any,
    X: Any,
    y: Any,
    *,
    keep: str = "directions",
    sample_weight: Optional[ArrayLike] = None,
    groups: Optional[ArrayLike] = None,
    validation: Optional[Validation] = None,
    task: str = "regression",
    missing: str = "indicator",
    threads: Optional[int] = None,
    block_rows: int = 1024,
    progress: Progress = None,
    **options: Unpack[FitOptions],
) -> Model:
    """Learns a new target on what other tasks on the same inputs found, from few rows.

    Parameters
    ----------
    model : Model, fitted estimator, or a list of them
        Where the directions come from; several join theirs.
    X, y, sample_weight, groups, validation
        The new task, as for :func:`fit`.
    keep : {'directions', 'first-layer'}
        ``'directions'``: as far as held-out rows say that they help; ``'first-layer'``: one model's first layer as it
        is, with a new head (DLS22, Theorem 3).
    missing : {'indicator', 'mean', 'drop', 'error'}
        What to do about missing cells; what the inputs are is the models', so that where a cell is missing is an input
        only where it was one there.
    task, threads, block_rows, progress, **options
        As for :func:`fit`.

    Returns
    -------
    Model

    Examples
    --------
    >>> import sextant
    >>> X, y, U = sextant.generate("source", n=4000, d=10, seed=1)
    >>> teacher = sextant.fit(X, y, method="algorithm-1", width=256)
    >>> X_few, y_few, _ = sextant.generate("hermite", n=200, d=10, p=3, seed=1, first_row=4000)
    >>> student = sextant.transfer(teacher, X_few, y_few, keep="first-layer", folds=5)
    >>> student.transferred
    True
    """
    if keep not in ("directions", "first-layer"):
        raise ValueError(f"keep: {keep!r} given, expected 'directions' or 'first-layer'")
    models: Sequence[Any] = model if isinstance(model, (list, tuple)) else [model]
    sources = [model_of(each, "model") for each in models]
    if not sources:
        raise ValueError("model: none given, expected at least one")
    if keep == "first-layer" and len(sources) > 1:
        raise ValueError(f"keep: 'first-layer' given with {len(sources)} models, expected one")
    check_policy(missing)
    w = weights(sample_weight, y)
    Y, labels, names = _targets(y, task, w)
    check_names([name for name, *_ in sources[0]._core.columns], names)
    encoding = _core.Encoding([], names, labels.names if labels else [], missing)
    given = for_library({"task": task, **options})
    if labels:
        given = labels.weighted(given)
    layer = keep == "first-layer"
    ignored = _core.ignored_with_kept_layer(given) if layer else _core.ignored_options({**given, "method": "auto"})
    warn_about_ignored(ignored, stacklevel=2)
    with running(progress, threads, block_rows) as run:
        training = sources[0]._rows(X, Y, w, groups, missing=missing)
        others = _validation_rows(validation, labels, lambda X, Y, w: sources[0]._rows(X, Y, w, missing=missing))
        if keep == "first-layer":
            return _with_warnings(Model(_core.transfer(sources[0]._core, training, encoding, given, run, others)))
        cores = [source._core for source in sources]
        return _with_warnings(Model(_core.transfer_directions(cores, training, encoding, given, run, others)))
