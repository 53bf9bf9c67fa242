"""The options of fitting: the library's fields by their names, as keyword arguments of estimators and functions.

Names and defaults are those of the library (include/sextant/options.h); here is what they are called in a docstring.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Optional, TypedDict, TypeVar, Union

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state

from . import _core
from ._progress import Progress

if TYPE_CHECKING:
    RandomState = Union[None, int, np.random.RandomState, np.random.Generator]

# Type and meaning of each option, in the order in which they are shown.
MEANINGS: dict[str, tuple[str, str]] = {
    "method": ("str", "``'auto'`` tries several ways and lets held-out rows choose and average; or ``'algorithm-1'``, "
               "``'refine'``, ``'polish'`` …: one of them (docs/commands.md lists all)."),
    "target_transform": ("str or list of str", "What is learned is a transform of the target: ``'none'``, ``'log'``, "
                         "``'rank'`` or ``'auto'``; one for all targets or one each."),
    "class_weight": ("'balanced' or dict of label to float", "What rows of each class count, beside what they count by "
                     "``sample_weight``: ``'balanced'`` lets all classes weigh alike; of a dict, which has every class, only "
                     "the ratios matter. Probabilities are then of rows weighted so."),
    "budget": ("float or {'low', 'medium', 'high'}", "Of ``'auto'`` and its stages: at most about so many seconds' "
               "worth of work on two cores, counted in operations, so that results do not depend on the machine; from 100 on, "
               "every setting is tried on every fold."),
    "width": ("int", "Hidden units m: even."),
    "eta": ("float", "Size of the step; √d, or √(d·rank), by default."),
    "rank": ("int", "Number of directions, if it is known."),
    "first_layer_decay": ("float", "Weight decay λ₁ of the step; 1/eta by default."),
    "redraw_biases": ("bool", "Draw biases after the step."),
    "sample_splitting": ("bool", "Step and head on different halves of the rows."),
    "preprocess": ("{'none', 'correlation', 'linear'}", "What is taken off the target before the step."),
    "lambda_": ("float or list of float", "Ridge parameter of the head: a value, or values that held-out rows choose "
                "from; half decades from 1e-10 to 1e8 and inf by default. (``lambda`` is a word of Python.)"),
    "validation_share": ("float", "Share of the rows held out to choose by, in (0, 0.5]."),
    "folds": ("int", "Choose by cross-validation with so many folds instead."),
    "ordered": ("bool", "Rows come in time order: choose by later rows than are learned from."),
    "refit": ("bool", "Train on all rows once everything is chosen."),
    "calibration_share": ("float", "Share of the rows, in (0, 0.5], that only prediction intervals see, which makes "
                          "their level exact."),
    "head": ("{'ridge', 'gradient-descent'}", "How the second layer is fitted."),
    "standardise": ("bool", "Centre and scale inputs and targets."),
    "extrapolate": ("bool", "Let inputs and predictions go on beyond what the training rows make plausible, as linear "
                    "trends do. By default False for ``'auto'`` and its stages: inputs far outside the training rows are "
                    "drawn in, predictions held back to the range of the targets and a tenth of it on either side."),
    "clip_targets": ("bool", "Draw in targets far outside the rest before anything is learned from them, with a warning; "
                     "by default for regression by ``'auto'`` and its stages."),
    "compact": ("bool", "Keep the model to 8 MB; by default to 256 MB, or twice the training rows in single precision."),
    "training_rows": ("bool", "False keeps no row of the table in the model: neither kernels nor leaf machines, which "
                      "are made of rows. For those who may not pass rows on."),
    "leaf_memory": ("float", "GiB that the rows of leaf machines may take in memory; of more rows than fit, they learn from "
                    "so many, evenly drawn. A quarter of the machine's memory by default."),
    "level_effects": ("bool", "Make inputs of what rows say of the levels of columns that have many: of text, and with "
                      "methods that search of numbers that are codes, and of pairs. False leaves such text out."),
    "symmetric": ("bool", "Start the network in mirrored pairs; by default all methods but ``'ntk'`` do."),
    "bias": ("float", "Standard deviation of biases of methods other than ``'algorithm-1'``; 1, for ``'ntk'`` 0."),
    "ntk_blocks": ("str or list of str", "Parameters that ``'ntk'`` and ``'kernel-ntk'`` differentiate by."),
    "ntk_scale": ("{'standard', 'balanced'}", "How the tangent features weigh against each other."),
    "bandwidth": ("float", "Of ``'kernel-gaussian'`` and ``'kernel-laplace'``, in median distances."),
    "degree": ("int", "Of ``'kernel-polynomial'``."),
    "slices": ("int", "Of ``'sir'``, ``'save'`` and ``'directional-regression'``."),
    "subspace": ("array of shape (r, d)", "Of ``'oracle'``: its rows span the subspace, on standardised inputs."),
    "discover": ("{'one-step', 'spectral'}", "Where ``'refine'`` starts."),
    "refine_rounds": ("int", "Times that features are drawn anew."),
    "refine_power": ("float", "q of the coordinates (A/tr A)^q."),
    "redraws": ("int", "Networks along the same directions whose mean is taken."),
    "lift": ("int", "Intervals per input of lifted inputs."),
    "polish_degree": ("int", "Degree of polished links; chosen by held-out rows by default."),
    "polish_steps": ("int", "Gauss–Newton steps at most."),
    "precision": ("{'float64', 'float32', 'mixed'}", "Of the sums over rows: float32 products, or sums too, are faster."),
    "missing": ("{'indicator', 'mean', 'drop', 'error'}", "Cells of X that are NaN: filled by the mean of the training "
                "rows, and beside each column that had some an input says where (``'indicator'``), filled alone "
                "(``'mean'``), their rows left out (``'drop'``; new rows must be whole), or an error. "
                "A column without any value is left out with a warning."),
    "random_state": ("int, RandomState, Generator or None", "Seed of all random numbers, as ``--seed`` of the command "
                     "line; NumPy's generators draw one, None takes another one each time."),
    "threads": ("int", "Threads to use, all cores by default; results do not depend on it."),
    "block_rows": ("int", "Rows per block of a pass; results depend on it by rounding only."),
    "progress": ("bool or callable", "True draws a bar with tqdm; a function is called with the stage's name and the "
                 "share of it that is done, and cancels by returning False."),
}  # fmt: skip

#: How to run: no option of the library's fits.
RUNNING = {"random_state": 0, "threads": None, "block_rows": 1024, "progress": None}

#: How to read X: no option of the library's fits, either.
READING = {"missing": "indicator"}

DEFAULTS: dict[str, Any] = _core.default_options()
del DEFAULTS["seed"], DEFAULTS["task"]
DEFAULTS["lambda_"] = DEFAULTS.pop("lambda")
del DEFAULTS["class_weights"]
DEFAULTS["class_weight"] = None
DEFAULTS["method"] = "auto"  # as on the command line
DEFAULTS.update(READING)
DEFAULTS.update(RUNNING)


class _Seed(TypedDict, total=False):
    random_state: RandomState


class _Reading(TypedDict, total=False):
    missing: str


class _Units(TypedDict, total=False):
    width: int
    symmetric: Optional[bool]


class _Bias(TypedDict, total=False):
    bias: Optional[float]


class _Tangent(TypedDict, total=False):
    ntk_blocks: Union[str, Sequence[str]]
    ntk_scale: str


class _Step(TypedDict, total=False):
    eta: Optional[float]
    rank: Optional[int]
    first_layer_decay: Optional[float]
    redraw_biases: bool


class _Head(TypedDict, total=False):
    """What the head and its choice by held-out rows take, whatever the features and the target."""

    preprocess: str
    lambda_: Union[None, float, Sequence[float], NDArray[np.float64]]
    validation_share: float
    folds: Optional[int]
    ordered: bool
    refit: bool
    head: str
    standardise: bool
    extrapolate: Optional[bool]


class _Numbers(TypedDict, total=False):
    """Of targets that are numbers."""

    target_transform: Union[str, Sequence[str]]
    calibration_share: Optional[float]
    clip_targets: Optional[bool]


class _Classes(TypedDict, total=False):
    """Of targets that are classes."""

    class_weight: Union[None, str, Mapping[Any, float]]


class _Search(TypedDict, total=False):
    method: str
    compact: bool
    training_rows: bool
    leaf_memory: Optional[float]
    level_effects: bool
    budget: Union[None, float, str]
    sample_splitting: bool
    bandwidth: Optional[float]
    degree: int
    slices: int
    subspace: Optional[ArrayLike]
    discover: str
    refine_rounds: int
    refine_power: float
    redraws: int
    lift: int
    polish_degree: Optional[int]
    polish_steps: int
    precision: str


class _Running(TypedDict, total=False):
    threads: Optional[int]
    block_rows: int
    progress: Progress


class StepOptions(_Seed, _Units, _Step, total=False):
    """Of :func:`one_step`."""


class NetworkOptions(_Seed, _Units, _Bias, total=False):
    """Of :func:`random_network`."""


class TangentOptions(_Seed, _Units, _Bias, _Tangent, total=False):
    """Of :func:`linearised_network`."""


class FitOptions(_Seed, _Units, _Bias, _Tangent, _Step, _Head, _Numbers, _Classes, _Search, total=False):
    """Of :func:`fit` and :func:`transfer`."""


class RegressorOptions(
    _Seed, _Units, _Bias, _Tangent, _Step, _Head, _Numbers, _Search, _Reading, _Running, total=False
):
    """Of :class:`SextantRegressor`."""


class ClassifierOptions(
    _Seed, _Units, _Bias, _Tangent, _Step, _Head, _Classes, _Search, _Reading, _Running, total=False
):
    """Of :class:`SextantClassifier`."""


class TransformerOptions(RegressorOptions, total=False):
    """Of :class:`SubspaceTransformer`."""

    n_components: Optional[int]


class RandomFeaturesOptions(NetworkOptions, _Head, _Numbers, _Reading, _Running, total=False):
    """Of :class:`RandomFeaturesRegressor`."""


class NeuralTangentOptions(TangentOptions, _Head, _Numbers, _Reading, _Running, total=False):
    """Of :class:`NeuralTangentRegressor`."""


Estimator = TypeVar("Estimator", bound=type)


def with_options(typed: Any, **first: tuple[Any, str, str]) -> Callable[[Estimator], Estimator]:
    """A class decorator: an ``__init__`` that takes options by keyword and keeps them, as scikit-learn wants it.

    The options are those that the TypedDict `typed` has; `first` are parameters of the class's own among them, as
    (default, type, meaning). The docstring's ``{options}`` becomes its list of parameters.
    """
    names = [name for name in MEANINGS if name in typed.__annotations__]
    defaults = {name: default for name, (default, _, _) in first.items()}
    defaults.update({name: DEFAULTS[name] for name in names})
    meanings = {name: (kind, meaning) for name, (_, kind, meaning) in first.items()}
    meanings.update({name: MEANINGS[name] for name in names})

    keyword = inspect.Parameter.KEYWORD_ONLY
    signature = inspect.Signature(
        [inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
        + [inspect.Parameter(name, keyword, default=default) for name, default in defaults.items()]
    )

    def __init__(self: Any, **options: Any) -> None:
        try:
            bound = signature.bind(self, **options)
        except TypeError as error:
            raise TypeError(f"{type(self).__name__}: {error}") from None
        bound.apply_defaults()
        del bound.arguments["self"]
        for name, value in bound.arguments.items():
            setattr(self, name, value)

    __init__.__signature__ = signature  # type: ignore[attr-defined]

    def decorate(estimator: Estimator) -> Estimator:
        setattr(estimator, "__init__", __init__)
        lines = []
        for name, (kind, meaning) in meanings.items():
            lines += [f"{name} : {kind}, default={defaults[name]!r}", f"    {meaning}"]
        estimator.__doc__ = (estimator.__doc__ or "").replace("{options}", "\n    ".join(lines))
        return estimator

    return decorate


#: Of options that Python calls something else.
RENAMED = {"seed": "random_state", "lambda": "lambda_", "class_weights": "class_weight"}


def for_library(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options of Python as the library knows them: `lambda_`, `class_weight` and `random_state` by its names, running left
    out. Weights of classes by label remain a dict, for :meth:`Labels.weighted`."""
    for name, here in RENAMED.items():
        if name in options:
            raise TypeError(f"{name}: is no option in Python, expected {here}")
    given = {name: value for name, value in options.items() if name not in RUNNING and name not in READING}
    if "lambda_" in given:
        given["lambda"] = given.pop("lambda_")
    if (of_classes := given.pop("class_weight", None)) is not None:
        if not isinstance(of_classes, (str, Mapping)):
            raise TypeError(f"class_weight: {of_classes!r} given, expected None, 'balanced' or a dict of label to weight")
        if isinstance(of_classes, str) and of_classes != "balanced":
            raise ValueError(f"class_weight: {of_classes!r} given, expected None, 'balanced' or a dict of label to weight")
        if given.get("task") != "classification":
            raise ValueError(f"class_weight: {of_classes!r} given with regression, expected task='classification'")
        given["class_weights"] = of_classes
    if given.get("subspace") is not None:
        given["subspace"] = np.ascontiguousarray(given["subspace"], dtype=np.float64)
    given["seed"] = seed(options.get("random_state", RUNNING["random_state"]))
    return given


def seed(random_state: Any) -> int:
    """A whole number is the library's seed itself; a generator, or NumPy's own for None, draws one."""
    if isinstance(random_state, (int, np.integer)):
        if random_state >= 2**64:
            raise ValueError(f"seed: {random_state} is too large")
        return int(random_state)
    largest = np.iinfo(np.int32).max
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(largest))
    return int(check_random_state(random_state).randint(largest))
