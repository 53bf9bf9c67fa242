"""Regression in scikit-learn's manners."""

from __future__ import annotations

from typing import Any, Optional, TypeVar

from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin

from . import _core
from ._estimator import SextantEstimator
from ._model import Validation
from ._options import LEARNING, with_options
from ._progress import reporter
from ._rows import Floats

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
        """
        self._learn(X, y, sample_weight, groups, validation)
        return self

    def predict(self, X: Any) -> Floats:
        """Predictions, of shape (n_samples,) or (n_samples, n_targets)."""
        inputs = self._checked(X)
        with reporter(self.progress) as report:
            Y = self.model_._core.predict(inputs, _core.Run(self.threads or 0, progress=report))
        return Y[:, 0] if self._one_target else Y

    def predict_interval(self, X: Any, level: float = 0.9) -> tuple[Floats, Floats, Floats]:
        """Predictions and the ends of intervals that hold a new row's target with probability `level`."""
        inputs = self._checked(X)
        ends = self.model_._core.predict_interval(inputs, level, _core.Run(self.threads or 0))
        if self._one_target:
            return ends[0][:, 0], ends[1][:, 0], ends[2][:, 0]
        return ends

    def _more_tags(self) -> dict[str, Any]:
        return {"multioutput": True}


@with_options()
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
    >>> model = sextant.SextantRegressor(budget=0.1).fit(X[:600], y[:600])
    >>> model.score(X[600:], y[600:]) > 0.9
    True
    """


@with_options(only=("width", "symmetric", "bias", *LEARNING))
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


@with_options(only=("width", "symmetric", "bias", "ntk_blocks", "ntk_scale", *LEARNING))
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
