"""Regression in scikit-learn's manners."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional, TypeVar

from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin

from ._estimator import SextantEstimator
from ._model import Validation
from ._option_types import NeuralTangentOptions, RandomFeaturesOptions, RegressorOptions
from ._options import with_options
from ._progress import running
from ._rows import Floats
from ._scalars import number

if TYPE_CHECKING:
    from typing_extensions import Unpack

Self = TypeVar("Self", bound="_Regressor")

class _Regressor(RegressorMixin, SextantEstimator):
    def fit(
        self: Self,
        X: Any,
        y: Any,
        sample_weight: Optional[ArrayLike] = None,
        *,
        groups: Optional[ArrayLike] = None,
        validation: Optional[Validation] = None,
    ) -> Self:
        """Learns from rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs. C-contiguous float64 is read where it lies.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets; several share one representation.
        sample_weight : array-like of shape (n_samples,), optional
            Row weights of at least 0.
        groups : array-like of shape (n_samples,), optional
            Rows of one group stay on one side of every split.
        validation : tuple (X, y) or (X, y, sample_weight), optional
            Rows to choose by, never trained on.

        Returns
        -------
        self

        Examples
        --------
        >>> import sextant
        >>> X, y, U = sextant.generate("source", n=500, d=5, seed=1)
        >>> model = sextant.SextantRegressor(method="algorithm-1", width=64)
        >>> model.fit(X[:400], y[:400], validation=(X[400:], y[400:])).model_.validation["rows"]
        100
        """
        self._learn(X, y, sample_weight, groups, validation)
        return self

    def predict(self, X: Any) -> Floats:
        """Predictions in the targets' own units.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_targets), as y was

        Examples
        --------
        >>> import sextant
        >>> X, y, U = sextant.generate("source", n=500, d=5, seed=1)
        >>> sextant.SextantRegressor(method="algorithm-1", width=64).fit(X, y).predict(X[:3]).shape
        (3,)
        """
        inputs = self._checked(X)
        with running(self.progress, self.threads) as run:
            Y = self.model_._core.predict(inputs, run)
        return Y[:, 0] if self._one_target else Y

    def predict_interval(self, X: Any, level: float = 0.9) -> tuple[Floats, Floats, Floats]:
        """Predictions and the ends of intervals that hold a new row's target with probability `level`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.
        level : float
            Between 0 and 1.

        Returns
        -------
        value, low, high : ndarrays, each as :meth:`predict` gives

        Examples
        --------
        >>> import sextant
        >>> X, y, U = sextant.generate("source", n=500, d=5, noise=0.5, seed=1)
        >>> model = sextant.SextantRegressor(method="algorithm-1", width=64).fit(X[:400], y[:400])
        >>> value, low, high = model.predict_interval(X[400:], 0.8)
        >>> bool((low < value).all() and (value < high).all())
        True
        """
        inputs = self._checked(X)
        with running(self.progress, self.threads) as run:
            value, low, high = self.model_._core.predict_interval(inputs, number(level, "level"), run)
        if self._one_target:
            return value[:, 0], low[:, 0], high[:, 0]
        return value, low, high

    def _more_tags(self) -> dict[str, Any]:
        return {"multioutput": True}


@with_options(RegressorOptions)
class SextantRegressor(_Regressor):
    """Learns functions of many variables that depend on few directions.

    By default several ways are tried, networks, kernels and polynomial links along directions found and refined, and
    held-out rows choose and average. ``method='algorithm-1'`` is the paper's: one large gradient step on the first
    layer, then a ridge head.

    Parameters
    ----------
    {options}

    Attributes
    ----------
    model_ : Model
        The fitted model; ``model_.save(path)`` writes the command line's file.
    directions_ : Directions
        The directions in which the model varies.
    feature_importances_ : ndarray of shape (n_features_in_,)
        Each input's share of the mean squared gradient.
    n_features_in_ : int
        Number of inputs.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the inputs, where X was a data frame.

    Examples
    --------
    >>> import sextant
    >>> X, y, U = sextant.generate("source", n=1000, d=10, noise=0.1, seed=1)
    >>> model = sextant.SextantRegressor(budget=1).fit(X[:600], y[:600])
    >>> model.score(X[600:], y[600:]) > 0.9
    True
    """

    if TYPE_CHECKING:

        def __init__(self, **options: Unpack[RegressorOptions]) -> None: ...


@with_options(RandomFeaturesOptions)
class RandomFeaturesRegressor(_Regressor):
    """Ridge regression on random ReLU features: what learned features are compared with.

    Parameters
    ----------
    {options}

    Attributes
    ----------
    model_ : Model
        The fitted model.
    n_features_in_ : int
        Number of inputs.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the inputs, where X was a data frame.

    Examples
    --------
    >>> import sextant
    >>> X, y, U = sextant.generate("source", n=500, d=5, seed=1)
    >>> sextant.RandomFeaturesRegressor(width=128).fit(X, y).predict(X[:2]).shape
    (2,)
    """

    _fixed = {"method": "random-features"}

    if TYPE_CHECKING:

        def __init__(self, **options: Unpack[RandomFeaturesOptions]) -> None: ...


@with_options(NeuralTangentOptions)
class NeuralTangentRegressor(_Regressor):
    """Ridge regression on the features of a network linearised at its start: the finite-width neural tangent kernel.

    Parameters
    ----------
    {options}

    Attributes
    ----------
    model_ : Model
        The fitted model.
    n_features_in_ : int
        Number of inputs.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the inputs, where X was a data frame.

    Examples
    --------
    >>> import sextant
    >>> X, y, U = sextant.generate("source", n=300, d=5, seed=1)
    >>> sextant.NeuralTangentRegressor(width=32).fit(X, y).predict(X[:2]).shape
    (2,)
    """

    _fixed = {"method": "ntk"}

    if TYPE_CHECKING:

        def __init__(self, **options: Unpack[NeuralTangentOptions]) -> None: ...
