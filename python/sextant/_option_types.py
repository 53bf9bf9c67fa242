"""The types of options as keyword arguments, for type checkers and signatures.

Made by scripts/write-options of the library's declarations (src/method/option_fields.cpp): change those.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Optional, TypedDict, Union

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._progress import Progress

if TYPE_CHECKING:
    RandomState = Union[None, int, np.random.RandomState, np.random.Generator]


class StepOptions(TypedDict, total=False):
    """Of :func:`one_step`."""

    random_state: RandomState
    width: int
    eta: Optional[float]
    rank: Optional[int]
    first_layer_decay: Optional[float]
    redraw_biases: bool
    symmetric: Optional[bool]


class NetworkOptions(TypedDict, total=False):
    """Of :func:`random_network`."""

    random_state: RandomState
    width: int
    symmetric: Optional[bool]
    bias: Optional[float]


class TangentOptions(TypedDict, total=False):
    """Of :func:`linearised_network`."""

    random_state: RandomState
    width: int
    symmetric: Optional[bool]
    bias: Optional[float]
    ntk_blocks: Union[str, Sequence[str]]
    ntk_scale: str


class FitOptions(TypedDict, total=False):
    """Of :func:`fit` and :func:`transfer`."""

    target_transform: Union[str, Sequence[str]]
    class_weight: Union[None, str, Mapping[Any, float]]
    standardise: bool
    extrapolate: Optional[bool]
    clip_targets: Optional[bool]
    level_effects: bool
    method: str
    compact: bool
    training_rows: bool
    validation_share: float
    folds: Optional[int]
    ordered: bool
    refit: bool
    width: int
    eta: Optional[float]
    rank: Optional[int]
    first_layer_decay: Optional[float]
    redraw_biases: bool
    sample_splitting: bool
    preprocess: str
    lambda_: Union[None, float, Sequence[float], NDArray[np.float64]]
    head: str
    leaf_memory: Optional[float]
    budget: Union[None, float, str]
    discover: str
    refine_rounds: int
    refine_power: float
    redraws: int
    lift: int
    polish_degree: Optional[int]
    polish_steps: int
    symmetric: Optional[bool]
    bias: Optional[float]
    ntk_blocks: Union[str, Sequence[str]]
    ntk_scale: str
    bandwidth: float
    degree: int
    slices: int
    subspace: Optional[ArrayLike]
    calibration_share: Optional[float]
    precision: str
    random_state: RandomState


class RegressorOptions(TypedDict, total=False):
    """Of :class:`SextantRegressor`."""

    target_transform: Union[str, Sequence[str]]
    standardise: bool
    extrapolate: Optional[bool]
    clip_targets: Optional[bool]
    level_effects: bool
    method: str
    compact: bool
    training_rows: bool
    validation_share: float
    folds: Optional[int]
    ordered: bool
    refit: bool
    width: int
    eta: Optional[float]
    rank: Optional[int]
    first_layer_decay: Optional[float]
    redraw_biases: bool
    sample_splitting: bool
    preprocess: str
    lambda_: Union[None, float, Sequence[float], NDArray[np.float64]]
    head: str
    leaf_memory: Optional[float]
    budget: Union[None, float, str]
    discover: str
    refine_rounds: int
    refine_power: float
    redraws: int
    lift: int
    polish_degree: Optional[int]
    polish_steps: int
    symmetric: Optional[bool]
    bias: Optional[float]
    ntk_blocks: Union[str, Sequence[str]]
    ntk_scale: str
    bandwidth: float
    degree: int
    slices: int
    subspace: Optional[ArrayLike]
    calibration_share: Optional[float]
    precision: str
    random_state: RandomState
    missing: str
    threads: Optional[int]
    block_rows: int
    progress: Progress


class ClassifierOptions(TypedDict, total=False):
    """Of :class:`SextantClassifier`."""

    class_weight: Union[None, str, Mapping[Any, float]]
    standardise: bool
    extrapolate: Optional[bool]
    level_effects: bool
    method: str
    compact: bool
    training_rows: bool
    validation_share: float
    folds: Optional[int]
    ordered: bool
    refit: bool
    width: int
    eta: Optional[float]
    rank: Optional[int]
    first_layer_decay: Optional[float]
    redraw_biases: bool
    sample_splitting: bool
    preprocess: str
    lambda_: Union[None, float, Sequence[float], NDArray[np.float64]]
    head: str
    leaf_memory: Optional[float]
    budget: Union[None, float, str]
    discover: str
    refine_rounds: int
    refine_power: float
    redraws: int
    lift: int
    polish_degree: Optional[int]
    polish_steps: int
    symmetric: Optional[bool]
    bias: Optional[float]
    ntk_blocks: Union[str, Sequence[str]]
    ntk_scale: str
    bandwidth: float
    degree: int
    slices: int
    subspace: Optional[ArrayLike]
    precision: str
    random_state: RandomState
    missing: str
    threads: Optional[int]
    block_rows: int
    progress: Progress


class TransformerOptions(TypedDict, total=False):
    """Of :class:`SubspaceTransformer`."""

    target_transform: Union[str, Sequence[str]]
    standardise: bool
    extrapolate: Optional[bool]
    clip_targets: Optional[bool]
    level_effects: bool
    method: str
    compact: bool
    training_rows: bool
    validation_share: float
    folds: Optional[int]
    ordered: bool
    refit: bool
    width: int
    eta: Optional[float]
    rank: Optional[int]
    first_layer_decay: Optional[float]
    redraw_biases: bool
    sample_splitting: bool
    preprocess: str
    lambda_: Union[None, float, Sequence[float], NDArray[np.float64]]
    head: str
    leaf_memory: Optional[float]
    budget: Union[None, float, str]
    discover: str
    refine_rounds: int
    refine_power: float
    redraws: int
    lift: int
    polish_degree: Optional[int]
    polish_steps: int
    symmetric: Optional[bool]
    bias: Optional[float]
    ntk_blocks: Union[str, Sequence[str]]
    ntk_scale: str
    bandwidth: float
    degree: int
    slices: int
    subspace: Optional[ArrayLike]
    calibration_share: Optional[float]
    precision: str
    random_state: RandomState
    missing: str
    threads: Optional[int]
    block_rows: int
    progress: Progress
    n_components: Optional[int]


class RandomFeaturesOptions(TypedDict, total=False):
    """Of :class:`RandomFeaturesRegressor`."""

    random_state: RandomState
    width: int
    symmetric: Optional[bool]
    bias: Optional[float]
    target_transform: Union[str, Sequence[str]]
    standardise: bool
    extrapolate: Optional[bool]
    clip_targets: Optional[bool]
    validation_share: float
    folds: Optional[int]
    ordered: bool
    refit: bool
    preprocess: str
    lambda_: Union[None, float, Sequence[float], NDArray[np.float64]]
    head: str
    calibration_share: Optional[float]
    missing: str
    threads: Optional[int]
    block_rows: int
    progress: Progress


class NeuralTangentOptions(TypedDict, total=False):
    """Of :class:`NeuralTangentRegressor`."""

    random_state: RandomState
    width: int
    symmetric: Optional[bool]
    bias: Optional[float]
    ntk_blocks: Union[str, Sequence[str]]
    ntk_scale: str
    target_transform: Union[str, Sequence[str]]
    standardise: bool
    extrapolate: Optional[bool]
    clip_targets: Optional[bool]
    validation_share: float
    folds: Optional[int]
    ordered: bool
    refit: bool
    preprocess: str
    lambda_: Union[None, float, Sequence[float], NDArray[np.float64]]
    head: str
    calibration_share: Optional[float]
    missing: str
    threads: Optional[int]
    block_rows: int
    progress: Progress
