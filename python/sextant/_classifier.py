"""Classification in scikit-learn's manners."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin

from ._estimator import SextantEstimator
from ._model import Model, Validation
from ._option_types import ClassifierOptions
from ._options import with_options
from ._progress import running
from ._rows import Floats

if TYPE_CHECKING:
    from typing_extensions import Unpack


@with_options(ClassifierOptions)
class SextantClassifier(ClassifierMixin, SextantEstimator):
    """Learns which class a row is of, with calibrated probabilities, where that depends on few directions.

    Parameters
    ----------
    {options}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, those of rows of weight 0 included; such a class has probability 0 where no other row is of it.
    model_ : Model
        The fitted model; ``model_.save(path)`` writes the command line's file.
    directions_ : Directions
        The directions in which the model varies.
    n_features_in_ : int
        Number of inputs.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the inputs, where X was a data frame.

    Examples
    --------
    >>> import sextant
    >>> X, y, U = sextant.generate("source", n=1000, d=5, seed=1)
    >>> kind = ["high" if value > 0 else "low" for value in y]
    >>> model = sextant.SextantClassifier(method="algorithm-1", width=128).fit(X, kind)
    >>> model.classes_.tolist()
    ['high', 'low']
    >>> model.score(X, kind) > 0.9
    True
    """

    _fixed = {"task": "classification"}
    classes_: NDArray[Any]
    _learned: NDArray[np.bool_]  # which of them the model knows

    if TYPE_CHECKING:

        def __init__(self, **options: Unpack[ClassifierOptions]) -> None: ...

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Optional[ArrayLike] = None,
        *,
        groups: Optional[ArrayLike] = None,
        validation: Optional[Validation] = None,
    ) -> SextantClassifier:
        """Learns from rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs. C-contiguous float64 is read where it lies.
        y : array-like of shape (n_samples,)
            Labels of any kind that sorts.
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
        >>> sextant.SextantClassifier(method="algorithm-1", width=64).fit(X, y > 0).classes_.tolist()
        [False, True]
        """
        _, given, labels = self._learn(X, y, sample_weight, groups, validation)
        assert labels is not None
        self.classes_ = np.unique(given)
        self._learned = np.isin(self.classes_, labels.classes)
        return self

    @classmethod
    def from_model(cls, model: Model) -> SextantClassifier:
        """A fitted classifier of a model, the command line's say, whose columns are all numbers.

        Parameters
        ----------
        model : Model
            Of a class. Labels True and False are 1 and 0 in a model.

        Returns
        -------
        SextantClassifier

        Examples
        --------
        >>> import sextant
        >>> X, y, U = sextant.generate("source", n=500, d=5, seed=1)
        >>> model = sextant.fit(X, y > 0, task="classification", method="algorithm-1", width=64)
        >>> sextant.SextantClassifier.from_model(model).classes_.tolist()
        [0, 1]
        """
        estimator = super().from_model(model)
        assert model.classes is not None
        estimator.classes_ = model.classes
        estimator._learned = np.ones(len(model.classes), dtype=bool)
        return estimator

    def predict_proba(self, X: Any) -> Floats:
        """Calibrated probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``.

        Examples
        --------
        >>> import sextant
        >>> X, y, U = sextant.generate("source", n=500, d=5, seed=1)
        >>> model = sextant.SextantClassifier(method="algorithm-1", width=64).fit(X, y > 0)
        >>> model.predict_proba(X[:3]).sum(axis=1).round(6)
        array([1., 1., 1.])
        """
        inputs = self._checked(X)
        P = np.zeros((len(inputs), len(self.classes_)))
        with running(self.progress, self.threads) as run:
            P[:, self._learned] = self.model_._core.predict_probabilities(inputs, run)
        return P

    def predict_log_proba(self, X: Any) -> Floats:
        """Logarithms of the probabilities; −inf of 0.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)

        Examples
        --------
        >>> import sextant
        >>> X, y, U = sextant.generate("source", n=500, d=5, seed=1)
        >>> model = sextant.SextantClassifier(method="algorithm-1", width=64).fit(X, y > 0)
        >>> bool((model.predict_log_proba(X[:3]) < 0).all())
        True
        """
        with np.errstate(divide="ignore"):
            logarithms: Floats = np.log(self.predict_proba(X))
        return logarithms

    def predict(self, X: Any) -> NDArray[Any]:
        """The most probable class of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples,)

        Examples
        --------
        >>> import sextant
        >>> X, y, U = sextant.generate("source", n=500, d=5, seed=1)
        >>> sextant.SextantClassifier(method="algorithm-1", width=64).fit(X, y > 0).predict(X[:3]).dtype
        dtype('bool')
        """
        probabilities = self.predict_proba(X)
        return self.classes_[np.argmax(probabilities, axis=1)]
