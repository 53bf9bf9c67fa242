"""Models: what fitting gives and the command line's files hold."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Optional, Union

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _core
from ._options import for_library
from ._progress import Progress, reporter
from ._rows import Floats, Labels, in_order, input_names, matrix, numbers, rows, target_names

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
        """Reads a model file, of the command line or of :meth:`save`. OSError or ValueError say what is wrong."""
        return cls(_core.Model.load(os.fspath(path)))

    def save(self, path: Union[str, os.PathLike[str]]) -> None:
        """Writes a model file, whole or not at all."""
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
        """One per input: a number column's name, or ``column=level`` for a level of a text column."""
        return self._core.input_names

    @property
    def target_names(self) -> list[str]:
        return self._core.target_names

    @property
    def classes(self) -> Optional[NDArray[Any]]:
        """Of a model of a class: its classes, numbers or text; else None."""
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
        """What ``method='auto'`` tried: ``name``, ``settings``, ``rank``, and per target ``error`` and ``weight``."""
        return self._core.candidates

    @property
    def linear(self) -> _core.LinearPart:
        """α + βᵀz, on scaled inputs and targets."""
        return self._core.linear

    @property
    def predictors(self) -> list[tuple[float, _core.FeatureMap, Floats]]:
        """Weight, feature map and head of each term, on scaled inputs and targets."""
        return self._core.predictors

    @property
    def gradient_outer_product(self) -> Floats:
        """A, the mean of ∇f ∇fᵀ over the training rows, on scaled inputs and targets."""
        return self._core.gradient_outer_product

    def directions(self) -> Directions:
        """The directions in which the model varies."""
        values, vectors, rank = self._core.directions()
        return Directions(self._core.kept_names, values, vectors, rank, self._core.x_mean, self._core.x_scale)

    def importance(self) -> dict[str, float]:
        """Each column's share of the mean squared gradient."""
        columns, shares = self._core.importance()
        return dict(zip(columns, shares.tolist()))

    def __repr__(self) -> str:
        return (
            f"Model(method={self.options['method']!r}, inputs={self._core.inputs}, targets={self.target_names}, "
            f"rows={self.rows})"
        )

    # ---- what it does ----

    def predict(self, X: Any, *, threads: Optional[int] = None, progress: Progress = None) -> NDArray[Any]:
        """Predictions in the targets' own units, (n,) for one target and (n, k) for several; of a class its labels.

        X is an array with the model's inputs in their order, or a data frame with its columns in any order, among
        others. ValueError for a missing column or cell.
        """
        if (classes := self.classes) is not None:
            return classes[self.predict_proba(X, threads=threads, progress=progress).argmax(axis=1)]
        with reporter(progress) as report:
            Y = self._core.predict(self._inputs(X), _core.Run(threads or 0, progress=report))
        return Y[:, 0] if Y.shape[1] == 1 else Y

    def predict_proba(self, X: Any, *, threads: Optional[int] = None, progress: Progress = None) -> Floats:
        """Calibrated probabilities of the classes, (n, k)."""
        with reporter(progress) as report:
            return self._core.predict_probabilities(self._inputs(X), _core.Run(threads or 0, progress=report))

    def predict_interval(
        self, X: Any, level: float = 0.9, *, threads: Optional[int] = None
    ) -> tuple[Floats, Floats, Floats]:
        """Predictions and the ends of intervals that hold a new row's target with probability `level`."""
        value, low, high = self._core.predict_interval(self._inputs(X), level, _core.Run(threads or 0))
        if value.shape[1] == 1:
            return value[:, 0], low[:, 0], high[:, 0]
        return value, low, high

    def evaluate(self, X: Any, y: ArrayLike, sample_weight: Optional[ArrayLike] = None) -> dict[str, Any]:
        """Errors as ``sextant evaluate --json`` prints them: ``n`` and per target ``rmse``, ``mae`` and ``r2``; of a
        class ``accuracy`` and ``log_loss``."""
        inputs = self._inputs(X)
        classes = self.classes
        Y = numbers(y) if classes is None else Labels(classes).indicators(np.asarray(y))
        return self._core.evaluate(rows(inputs, Y, sample_weight), _core.Run())

    def _inputs(self, X: Any) -> Floats:
        """n×inputs, as the model was trained on."""
        keeps_missing = self._core.keeps_missing
        if not hasattr(X, "columns"):
            return matrix(X, "X", allow_nan=keeps_missing)
        X = in_order(X, [name for name, _ in self._core.columns], "X")
        inputs: list[Any] = []
        for name, levels in self._core.columns:
            column = np.asarray(X[name])
            inputs += [column] if levels is None else [column == level for level in levels]
        return matrix(np.column_stack(inputs), "X", allow_nan=keeps_missing)


def _validation_rows(
    validation: Optional[Validation], labels: Optional[Labels], inputs: Callable[[Any], Floats]
) -> Optional[_core.Rows]:
    """Rows to choose by, of which `inputs` makes what is trained on."""
    if validation is None:
        return None
    X, y, *sample_weight = validation
    Y = numbers(y, "y of validation") if labels is None else labels.indicators(np.asarray(y))
    return rows(inputs(X), Y, *sample_weight)


def learn(
    X: Floats,
    Y: Floats,
    options: dict[str, Any],
    *,
    inputs: list[str],
    targets: list[str],
    labels: Optional[Labels] = None,
    sample_weight: Optional[ArrayLike] = None,
    groups: Optional[ArrayLike] = None,
    validation: Optional[Validation] = None,
    threads: Optional[int] = None,
    block_rows: int = 1024,
    progress: Progress = None,
) -> Model:
    """Fits a model to rows that are checked already; `options` by the library's names."""
    encoding = _core.Encoding(inputs, targets, labels.names if labels else [])
    with reporter(progress) as report:
        run = _core.Run(threads or 0, block_rows, report)
        training = rows(X, Y, sample_weight, groups)
        others = _validation_rows(validation, labels, lambda X: matrix(in_order(X, inputs, "validation"), "validation"))
        return Model(_core.fit(training, encoding, options, run, others))


def _targets(y: Any, task: str) -> tuple[Floats, Optional[Labels], list[str]]:
    if task != "classification":
        Y = numbers(y)
        return Y, None, target_names(y, Y.shape[1])
    values = np.asarray(y)
    labels = Labels.of(values)
    return labels.indicators(values), labels, target_names(y, 1)


def fit(
    X: Any,
    y: Any,
    *,
    sample_weight: Optional[ArrayLike] = None,
    groups: Optional[ArrayLike] = None,
    validation: Optional[Validation] = None,
    method: str = "auto",
    task: str = "regression",
    threads: Optional[int] = None,
    block_rows: int = 1024,
    progress: Progress = None,
    **options: Any,
) -> Model:
    """Fits a model, as the library's ``fit`` does; :class:`SextantRegressor` is the same in scikit-learn's manners.

    Parameters
    ----------
    X : array or data frame of shape (n, d)
        Inputs, finite numbers; a data frame's column names are kept in the model.
    y : array of shape (n,) or (n, k)
        Targets; labels with ``task='classification'``.
    sample_weight : array of shape (n,), optional
        Row weights of at least 0.
    groups : array of shape (n,), optional
        Rows of one group stay on one side of every split.
    validation : tuple (X, y) or (X, y, sample_weight), optional
        Rows to choose by, never trained on.
    method, task, threads, block_rows, progress, **options
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
    inputs = matrix(X, "X")
    Y, labels, names = _targets(y, task)
    return learn(
        inputs,
        Y,
        for_library({"method": method, "task": task, **options}),
        inputs=input_names(X, inputs.shape[1]),
        targets=names,
        labels=labels,
        sample_weight=sample_weight,
        groups=groups,
        validation=validation,
        threads=threads,
        block_rows=block_rows,
        progress=progress,
    )


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
    threads: Optional[int] = None,
    block_rows: int = 1024,
    progress: Progress = None,
    **options: Any,
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
    sources = [each if isinstance(each, Model) else each.model_ for each in models]
    if not sources:
        raise ValueError("model: none given, expected at least one")
    if keep == "first-layer" and len(sources) > 1:
        raise ValueError(f"keep: 'first-layer' given with {len(sources)} models, expected one")
    inputs = sources[0]._inputs(X)
    Y, labels, names = _targets(y, task)
    encoding = _core.Encoding([], names, labels.names if labels else [])
    given = for_library({"method": "auto", "task": task, **options})
    with reporter(progress) as report:
        run = _core.Run(threads or 0, block_rows, report)
        training = rows(inputs, Y, sample_weight, groups)
        others = _validation_rows(validation, labels, sources[0]._inputs)
        if keep == "first-layer":
            return Model(_core.transfer(sources[0]._core, training, encoding, given, run, others))
        cores = [source._core for source in sources]
        return Model(_core.transfer_directions(cores, training, encoding, given, run, others))
