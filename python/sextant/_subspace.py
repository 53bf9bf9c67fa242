"""Measures of subspaces, and the classical reductions to compare directions with."""

from __future__ import annotations

from typing import Any, Optional

from numpy.typing import ArrayLike

from . import _core
from ._progress import Progress, running
from ._rows import Floats, matrix, numbers, rows
from ._scalars import whole


def principal_angles(U: ArrayLike, V: ArrayLike) -> Floats:
    """The principal angles between two row spaces.

    Parameters
    ----------
    U : array of shape (r, d)
        Rows that span the one, in any basis.
    V : array of shape (q, d)
        Rows that span the other.

    Returns
    -------
    ndarray of shape (min(r, q),)
        Radians, ascending.

    Examples
    --------
    >>> import sextant
    >>> sextant.principal_angles([[1, 0, 0]], [[1, 1, 0]]).round(4)
    array([0.7854])
    """
    return _core.principal_angles(matrix(U, "U"), matrix(V, "V"))


def overlap(U: ArrayLike, V: ArrayLike) -> float:
    """The mean squared cosine of the principal angles: 1 when one row space holds the other.

    Parameters
    ----------
    U : array of shape (r, d)
        Rows that span the one, in any basis.
    V : array of shape (q, d)
        Rows that span the other.

    Returns
    -------
    float

    Examples
    --------
    >>> import sextant
    >>> round(sextant.overlap([[1, 0, 0]], [[1, 1, 0]]), 4)
    0.5
    """
    return _core.overlap(matrix(U, "U"), matrix(V, "V"))


def spectrum(A: ArrayLike) -> tuple[Floats, Floats]:
    """The directions in a symmetric non-negative matrix.

    Parameters
    ----------
    A : array of shape (d, d)
        A gradient outer product, say.

    Returns
    -------
    values : ndarray of shape (d,)
        Eigenvalues, largest first, divided by their sum.
    directions : ndarray of shape (d, d)
        Unit eigenvectors as rows.

    Examples
    --------
    >>> import sextant
    >>> values, directions = sextant.spectrum([[3, 0], [0, 1]])
    >>> values
    array([0.75, 0.25])
    """
    return _core.spectrum(matrix(A, "A"))


def first_layer_spectrum(W: ArrayLike) -> tuple[Floats, Floats]:
    """The spectrum of WᵀW for a first layer.

    Parameters
    ----------
    W : array of shape (m, d)
        A row per unit.

    Returns
    -------
    values : ndarray of shape (d,)
        Eigenvalues, largest first, divided by their sum.
    directions : ndarray of shape (d, d)
        Unit eigenvectors as rows.

    Examples
    --------
    >>> import sextant
    >>> sextant.first_layer_spectrum([[2, 0], [0, 1]])[0]
    array([0.8, 0.2])
    """
    return _core.first_layer_spectrum(matrix(W, "W"))


def estimate_rank(spectrum: ArrayLike) -> tuple[int, float, float]:
    """How many directions matter, by the largest gap.

    Parameters
    ----------
    spectrum : array of shape (d,)
        Shares, largest first.

    Returns
    -------
    rank : int
        d where there is no gap, 0 where the spectrum is.
    ratio : float
        Of the shares on both sides of the gap.
    share : float
        What the directions before it carry.

    Examples
    --------
    >>> import sextant
    >>> rank, ratio, share = sextant.estimate_rank([0.7, 0.28, 0.01, 0.01])
    >>> rank, round(share, 2)
    (2, 0.98)
    """
    values = numbers(spectrum, "spectrum")
    if values.shape[1] != 1:
        raise ValueError(f"spectrum: an array of {values.shape[1]} columns given, expected a vector")
    return _core.estimate_rank(values[:, 0])


def reduced_directions(
    X: Any,
    y: Any,
    reduction: str = "directional-regression",
    *,
    slices: int = 10,
    residuals: bool = True,
    sample_weight: Optional[ArrayLike] = None,
    threads: Optional[int] = None,
    progress: Progress = None,
) -> tuple[Floats, Floats]:
    """Directions of classical sufficient dimension reduction.

    Parameters
    ----------
    X, y, sample_weight
        Rows; scale inputs of very different units first.
    reduction : {'sir', 'save', 'phd', 'directional-regression'}
    slices : int
        Of all but ``'phd'``.
    residuals : bool
        Of ``'phd'``: weigh by the residuals of the linear fit.
    threads, progress
        As for :func:`fit`.

    Returns
    -------
    eigenvalues : ndarray, descending by size
    directions : ndarray, a unit row for each

    Examples
    --------
    >>> import numpy as np, sextant
    >>> X = np.random.default_rng(0).normal(size=(500, 4))
    >>> eigenvalues, directions = sextant.reduced_directions(X, X[:, 1] + X[:, 1] ** 3, "sir")
    >>> bool(abs(directions[0, 1]) > 0.99)
    True
    """
    with running(progress, threads) as run:
        data = rows(matrix(X, "X"), numbers(y), sample_weight)
        return _core.reduced_directions(data, reduction, whole(slices, "slices"), residuals, run)
