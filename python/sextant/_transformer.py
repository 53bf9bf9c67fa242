"""The few directions as a step of a pipeline."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Optional

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted

from ._estimator import SextantEstimator
from ._model import Model, Validation
from ._option_types import TransformerOptions
from ._options import with_options
from ._rows import Floats
from ._scalars import whole

if TYPE_CHECKING:
    from typing_extensions import Unpack


@with_options(
    TransformerOptions,
    n_components=(None, "int", "Directions to keep; as many as stand out in the spectrum by default."),
)
class SubspaceTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, SextantEstimator):
    """Projects inputs on the directions along which a target varies.

    Parameters
    ----------
    {options}

    Attributes
    ----------
    components_ : ndarray of shape (n_components_, n_inputs)
        Orthonormal directions on standardised inputs; 0 for inputs that never vary. The inputs are X's columns, those
        without any value left out; after a column with missing cells comes one of where they are.
    explained_spectrum_ : ndarray of shape (n_components_,)
        The share of the mean squared gradient along each of them.
    spectrum_ : ndarray
        The shares of all directions, largest first.
    n_components_ : int
        How many are kept.
    mean_, scale_ : ndarray of shape (n_inputs,)
        By which inputs are standardised.
    model_ : Model
        The fitted model that the directions are those of.
    n_features_in_ : int
        Number of inputs.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the inputs, where X was a data frame.

    Examples
    --------
    >>> import sextant
    >>> X, y, U = sextant.generate("source", n=1000, d=10, seed=1)
    >>> subspace = sextant.SubspaceTransformer(method="algorithm-1", width=256).fit(X, y)
    >>> subspace.components_.shape
    (1, 10)
    >>> sextant.overlap(subspace.components_, U) > 0.9
    True
    """

    if TYPE_CHECKING:

        def __init__(self, **options: Unpack[TransformerOptions]) -> None: ...

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Optional[ArrayLike] = None,
        *,
        groups: Optional[ArrayLike] = None,
        validation: Optional[Validation] = None,
    ) -> SubspaceTransformer:
        """Finds the directions.

        Parameters
        ----------
        X, y, sample_weight, groups, validation
            As for :meth:`SextantRegressor.fit`.

        Returns
        -------
        self

        Examples
        --------
        >>> import sextant
        >>> X, y, U = sextant.generate("source", n=500, d=5, seed=1)
        >>> sextant.SubspaceTransformer(method="algorithm-1", width=64, n_components=2).fit(X, y).components_.shape
        (2, 5)
        """
        if self.n_components is not None:
            whole(self.n_components, "n_components", 1)
        inputs, *_ = self._learn(X, y, sample_weight, groups, validation)
        self._keep_directions(constants=np.nan_to_num(self.model_._inputs(inputs[:1])[0]))
        return self

    @classmethod
    def from_model(cls, model: Model) -> SubspaceTransformer:
        """A fitted transformer of a model, the command line's say, whose columns are all numbers.

        What inputs were that never varied, the model does not know: `inverse_transform` gives 0.

        Parameters
        ----------
        model : Model
            Of numbers.

        Returns
        -------
        SubspaceTransformer

        Examples
        --------
        >>> import sextant
        >>> X, y, U = sextant.generate("source", n=1000, d=5, seed=1)
        >>> model = sextant.fit(X, y, method="algorithm-1", width=128)
        >>> sextant.SubspaceTransformer.from_model(model).components_.shape
        (1, 5)
        """
        estimator = super().from_model(model)
        estimator._keep_directions(constants=np.zeros(model._core.inputs))
        return estimator

    def _keep_directions(self, constants: Floats) -> None:
        """Takes the leading directions of the model; `constants` are the values of inputs that never vary."""
        found = self.model_.directions()
        kept = self.model_._core.kept
        if self.n_components is None:
            if found.rank == 0:
                warnings.warn("SubspaceTransformer: nothing varies with the target; the direction kept is arbitrary")
            r = max(1, found.rank)
        else:
            r = self.n_components
            if not 1 <= r <= len(kept):
                raise ValueError(f"n_components: {r!r} given, expected 1 to {len(kept)}, the inputs that vary")
        self.n_components_ = self._n_features_out = r
        self.components_ = np.zeros((r, self.model_._core.inputs))
        self.components_[:, kept] = found.directions[:r]
        self.mean_ = constants.copy()
        self.mean_[kept] = found.mean
        self.scale_ = np.ones(self.model_._core.inputs)
        self.scale_[kept] = found.scale
        self.spectrum_ = found.spectrum
        self.explained_spectrum_ = found.spectrum[:r]

    def transform(self, X: Any) -> Floats:
        """Coordinates along the directions.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples, n_components_)

        Examples
        --------
        >>> import sextant
        >>> X, y, U = sextant.generate("source", n=500, d=5, seed=1)
        >>> subspace = sextant.SubspaceTransformer(method="algorithm-1", width=64, n_components=1).fit(X, y)
        >>> subspace.transform(X[:3]).shape
        (3, 1)
        """
        inputs = self._checked(X)
        return self.model_._standardised(inputs) @ self.components_[:, self.model_._core.kept].T

    def inverse_transform(self, Z: Any) -> Floats:
        """The points with these coordinates that lie nearest to the mean: what of X the directions hold.

        Parameters
        ----------
        Z : array-like of shape (n_samples, n_components_)
            Coordinates.

        Returns
        -------
        ndarray of shape (n_samples, n_features), NaN in columns that are left out

        Examples
        --------
        >>> import sextant
        >>> X, y, U = sextant.generate("source", n=500, d=5, seed=1)
        >>> subspace = sextant.SubspaceTransformer(method="algorithm-1", width=64, n_components=1).fit(X, y)
        >>> subspace.inverse_transform([[0.0], [1.0]]).shape
        (2, 5)
        """
        check_is_fitted(self)
        coordinates = check_array(Z, dtype=np.float64)
        if coordinates.shape[1] != self.n_components_:
            raise ValueError(f"inverse_transform: {coordinates.shape[1]} columns given, expected {self.n_components_}")
        inputs = self.mean_ + self.scale_ * (coordinates @ self.components_)
        place = {name: at for at, name in enumerate(self.model_.input_names)}
        columns = [name for name, *_ in self.model_._core.columns if name in place]
        if len(columns) == inputs.shape[1]:
            return inputs
        X = np.full((len(inputs), self.n_features_in_), np.nan)
        table = {name: at for at, (name, *_) in enumerate(self.model_._core.columns)}
        whole = len(table) == self.n_features_in_  # else an estimator of a model, without the columns that are left out
        X[:, [table[name] if whole else at for at, name in enumerate(columns)]] = inputs[:, [place[name] for name in columns]]
        return X

    def _more_tags(self) -> dict[str, Any]:
        return {"requires_y": True, "multioutput": True}
