"""Classification in scikit-learn's manners."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin

from . import _core
from ._estimator import SextantEstimator
from ._model import Model, Validation
from ._options import with_options
from ._progress import reporter
from ._rows import Floats


@with_options(without=("target_transform", "calibration_share"))
class SextantClassifier(ClassifierMixin, SextantEstimator):
    """Learns which class a row is of, with calibrated probabilities, where that depends on few directions.

    Parameters
    ----------
    {options}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
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

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Optional[ArrayLike] = None,
        *,
        groups: Optional[ArrayLike] = None,
        validation: Optional[Validation] = None,
    ) -> SextantClassifier:
        """Learns from rows; as :meth:`SextantRegressor.fit`, with labels of any kind that sorts as y."""
        _, labels = self._learn(X, y, sample_weight, groups, validation)
        assert labels is not None
        self.classes_ = labels.classes
        return self

    @classmethod
    def from_model(cls, model: Model) -> SextantClassifier:
        """A fitted classifier of a model, the command line's say, whose columns are all numbers."""
        estimator = super().from_model(model)
        assert model.classes is not None
        estimator.classes_ = model.classes
        return estimator

    def predict_proba(self, X: Any) -> Floats:
        """Calibrated probabilities, of shape (n_samples, n_classes)."""
        inputs = self._checked(X)
        with reporter(self.progress) as report:
            return self.model_._core.predict_probabilities(inputs, _core.Run(self.threads or 0, progress=report))

    def predict(self, X: Any) -> NDArray[Any]:
        """The most probable class of each row."""
        probabilities = self.predict_proba(X)
        return self.classes_[np.argmax(probabilities, axis=1)]
