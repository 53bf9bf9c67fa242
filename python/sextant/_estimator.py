"""What the estimators share: from scikit-learn's arguments to the library and back."""

from __future__ import annotations

from typing import Any, Optional, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from ._model import Directions, Model, Validation, check_policy, learn, validation_parts
from ._options import MEANINGS, READING, RUNNING, for_library
from ._rows import Floats, Labels, input_names, numbered_names, numbers, target_names, weights

Self = TypeVar("Self", bound="SextantEstimator")


def _by_label(weights: str, model: Model) -> Any:
    """The library's weights of a model's classes as scikit-learn has them."""
    if weights in ("none", "balanced"):
        return None if weights == "none" else weights
    assert model.classes is not None
    return dict(zip(model.classes.tolist(), map(float, weights.split(","))))


class SextantEstimator(BaseEstimator):
    """Fits a :class:`Model` by the options it was made with, and keeps it as ``model_``."""

    #: Of estimators that have no such option.
    _fixed: dict[str, Any] = {}
    missing: str
    model_: Model
    n_features_in_: int
    feature_names_in_: NDArray[Any]

    @property
    def directions_(self) -> Directions:
        """The directions in which the model varies."""
        check_is_fitted(self)
        return self.model_.directions()

    @property
    def feature_importances_(self) -> Floats:
        """Each input's share of the mean squared gradient, (n_features_in_,)."""
        check_is_fitted(self)
        shares = self.model_.importance()
        if len(shares) > self.n_features_in_:  # made of a model: without the columns that its table had besides
            shares = {name: share for name, share in shares.items() if name not in self.model_.left_out}
        return np.array(list(shares.values()))

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")  # the parameter lambda_ looks like something fitted

    def _options(self) -> dict[str, Any]:
        return {name: value for name, value in self.get_params(deep=False).items() if name in MEANINGS}

    def _reading(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in READING}

    def _running(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in RUNNING if name != "random_state"}

    def _learn(
        self,
        X: Any,
        y: Any,
        sample_weight: Optional[ArrayLike],
        groups: Optional[ArrayLike],
        validation: Optional[Validation],
    ) -> tuple[Floats, NDArray[Any], Optional[Labels]]:
        """Checks the arguments as scikit-learn does, and fits; returns inputs, targets and a classifier's classes."""
        classifies = self._fixed.get("task") == "classification"
        check_policy(self.missing)
        finite: Any = True if self.missing == "error" else "allow-nan"
        inputs, checked = self._validate_data(
            X,
            y,
            dtype=np.float64,
            order="C",
            force_all_finite=finite,
            multi_output=not classifies,
            y_numeric=not classifies,
            ensure_min_samples=2,
        )
        w = weights(sample_weight, inputs)
        labels, Y = Labels.learned(checked, w) if classifies else (None, numbers(checked))
        if validation is not None:
            X_held_out, *others = validation_parts(validation)
            held_out = self._validate_data(X_held_out, reset=False, dtype=np.float64, order="C", force_all_finite=finite)
            validation = (held_out, *others)  # type: ignore[assignment]
        self.model_ = learn(
            inputs,
            Y,
            for_library({**self._options(), **self._fixed}),
            inputs=input_names(X, inputs.shape[1]),
            targets=target_names(y, 1 if classifies else Y.shape[1]),
            labels=labels,
            sample_weight=w,
            groups=groups,
            validation=validation,
            **self._reading(),
            **self._running(),
        )
        self._one_target = checked.ndim == 1
        return inputs, checked, labels

    def _checked(self, X: Any) -> Floats:
        """n×inputs of a fitted estimator; cells may be missing where its model fills them in."""
        check_is_fitted(self)
        finite = "allow-nan" if self.model_._core.keeps_missing else True
        return self.model_._inputs(self._validate_data(X, reset=False, dtype=np.float64, order="C", force_all_finite=finite))

    def _more_tags(self) -> dict[str, Any]:
        why = "rows to choose by are drawn by their place in the table: leaving rows out moves the others"
        return {"_xfail_checks": {"check_sample_weights_invariance": why}, "allow_nan": self.missing != "error"}

    @classmethod
    def from_model(cls: type[Self], model: Model) -> Self:
        """A fitted estimator of a model, the command line's say, whose columns are all numbers.

        Its parameters are the options that the model was fitted with; predictions of one target are a vector.

        Parameters
        ----------
        model : Model
            Of this estimator's task and method.

        Returns
        -------
        fitted estimator

        Examples
        --------
        >>> import sextant
        >>> X, y, U = sextant.generate("source", n=500, d=5, seed=1)
        >>> model = sextant.fit(X, y, method="algorithm-1", width=64)
        >>> estimator = sextant.SextantRegressor.from_model(model)
        >>> estimator.width, bool((estimator.predict(X) == model.predict(X)).all())
        (64, True)
        """
        if any(levels is not None for _, levels, _ in model._core.columns):
            raise ValueError(
                f"{cls.__name__}: the model has text columns, which an array cannot hold; use the Model itself with a "
                "data frame"
            )
        for name, expected in {"task": "regression", **cls._fixed}.items():
            if model.options[name] != expected:
                raise ValueError(f"{cls.__name__}: a model of {model.options[name]} given, expected one of {expected}")
        options = {**model.options, "lambda_": model.options["lambda"], "random_state": model.options["seed"]}
        options["missing"] = model.missing
        options["class_weight"] = _by_label(options["class_weights"], model)
        known = cls().get_params(deep=False)
        estimator = cls(**{name: value for name, value in options.items() if name in known})
        estimator.model_ = model
        names = [name for name, _, left_out in model._core.columns if not left_out]
        estimator.n_features_in_ = len(names)
        if names != numbered_names(len(names)):
            estimator.feature_names_in_ = np.array(names, dtype=object)
        estimator._one_target = len(model.target_names) == 1
        return estimator
