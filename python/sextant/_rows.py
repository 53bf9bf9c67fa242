"""From arrays and data frames to the library's rows: float64, C order, copied only where they are something else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_array

from . import _core

Floats = NDArray[np.float64]


def matrix(values: ArrayLike, name: str, *, allow_nan: bool = False) -> Floats:
    """n×d, with scikit-learn's errors for what is no table of finite numbers."""
    finite: Any = "allow-nan" if allow_nan else True
    return check_array(values, dtype=np.float64, order="C", force_all_finite=finite, input_name=name)


def numbers(y: ArrayLike, name: str = "y") -> Floats:
    """Targets n×k; one target may be given as a vector."""
    Y = check_array(y, dtype=np.float64, order="C", ensure_2d=False, input_name=name)
    return Y.reshape(-1, 1) if Y.ndim == 1 else Y


def weights(sample_weight: Optional[ArrayLike], X: Floats) -> Optional[Floats]:
    if sample_weight is None:
        return None
    return np.ascontiguousarray(_check_sample_weight(sample_weight, X, dtype=np.float64))


def positions(groups: Optional[ArrayLike]) -> Optional[list[int]]:
    """Each row's group as a whole number, in the order of their values; groups may be anything that sorts."""
    if groups is None:
        return None
    return np.unique(np.asarray(groups), return_inverse=True)[1].ravel().tolist()


def rows(
    X: Floats, Y: Floats, sample_weight: Optional[ArrayLike] = None, groups: Optional[ArrayLike] = None
) -> _core.Rows:
    return _core.Rows(X, Y, weights(sample_weight, X), positions(groups))


def in_order(X: Any, names: Sequence[str], name: str) -> Any:
    """Of a data frame the columns `names` in their order; an array as it is."""
    if not hasattr(X, "columns"):
        return X
    missing = [each for each in names if each not in X.columns]
    if missing:
        raise ValueError(f"{name}: the columns {', '.join(map(repr, missing))} are not there")
    return X[list(names)]


def input_names(X: Any, d: int) -> list[str]:
    """The columns of a data frame whose names are all text, else x1 … xd as in a table without names."""
    columns = getattr(X, "columns", None)
    if columns is not None and all(isinstance(name, str) for name in columns):
        return list(columns)
    return [f"x{j}" for j in range(1, d + 1)]


def target_names(y: Any, k: int) -> list[str]:
    """The name of a series or the columns of a data frame, else y, or y1 … yk."""
    name = getattr(y, "name", None)
    if isinstance(name, str) and name:
        return [name]
    columns = getattr(y, "columns", None)
    if columns is not None and all(isinstance(each, str) for each in columns):
        return list(columns)
    return ["y"] if k == 1 else [f"y{t}" for t in range(1, k + 1)]


class Labels:
    """The classes of a target, ascending, and how the library writes them down."""

    def __init__(self, classes: NDArray[Any]) -> None:
        self.classes = classes
        #: Numbers are named by their shortest text, and everything else by its own, in model files.
        self.names: Sequence[float] | Sequence[str]
        if classes.dtype.kind in "biuf":
            self.names = classes.astype(np.float64).tolist()
        else:
            self.names = [str(label) for label in classes]

    @classmethod
    def of(cls, y: NDArray[Any]) -> Labels:
        check_classification_targets(y)
        return cls(np.unique(y))

    def indicators(self, y: NDArray[Any]) -> Floats:
        """n×k, 1 where row i is of class t; ValueError for a label that is none of the classes."""
        at = np.searchsorted(self.classes, y).clip(max=len(self.classes) - 1)
        unknown = self.classes[at] != y
        if unknown.any():
            raise ValueError(f"y: the label {y[unknown][0]!r} is none of the model's classes")
        Y = np.zeros((len(y), len(self.classes)))
        Y[np.arange(len(y)), at] = 1.0
        return Y
