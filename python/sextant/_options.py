"""The options of fitting: the library's fields by their names, as keyword arguments of estimators and functions.

Names and defaults are those of the library (include/sextant/options.h); here is what they are called in a docstring.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any, Optional, TypeVar

import numpy as np
from sklearn.utils import check_random_state

from . import _core

# Type and meaning of each option, in the order in which they are shown.
MEANINGS: dict[str, tuple[str, str]] = {
    "method": ("str", "``'auto'`` tries several ways and lets held-out rows choose and average; or ``'algorithm-1'``, "
               "``'refine'``, ``'polish'`` …: one of them (docs/commands.md lists all)."),
    "target_transform": ("str or list of str", "What is learned is a transform of the target: ``'none'``, ``'log'``, "
                         "``'rank'`` or ``'auto'``; one for all targets or one each."),
    "budget": ("float or {'low', 'medium', 'high'}", "Of ``'auto'`` and its stages: about so many seconds' worth of "
               "work on two cores, counted in operations, so that results do not depend on the machine."),
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
    "random_state": ("int, RandomState or None", "Seed of all random numbers, as ``--seed`` of the command line; None "
                     "takes another one each time, from NumPy's."),
    "threads": ("int", "Threads to use, all cores by default; results do not depend on it."),
    "block_rows": ("int", "Rows per block of a pass; results depend on it by rounding only."),
    "progress": ("bool or callable", "True draws a bar with tqdm; a function is called with the stage's name and the "
                 "share of it that is done, and cancels by returning False."),
}  # fmt: skip

#: How to run: no option of the library's fits.
RUNNING = {"random_state": 0, "threads": None, "block_rows": 1024, "progress": None}

DEFAULTS: dict[str, Any] = _core.default_options()
del DEFAULTS["seed"], DEFAULTS["task"]
DEFAULTS["lambda_"] = DEFAULTS.pop("lambda")
DEFAULTS["method"] = "auto"  # as on the command line
DEFAULTS.update(RUNNING)

#: What the head and its choice by held-out rows take, whatever the features.
LEARNING = ("target_transform", "preprocess", "lambda_", "validation_share", "folds", "ordered", "refit",
            "calibration_share", "head", "standardise", *RUNNING)  # fmt: skip

Estimator = TypeVar("Estimator", bound=type)


def with_options(
    *, only: Optional[Iterable[str]] = None, without: Iterable[str] = (), **first: tuple[Any, str, str]
) -> Callable[[Estimator], Estimator]:
    """A class decorator: an ``__init__`` that takes options by keyword and keeps them, as scikit-learn wants it.

    The options are those of the library but `without`, or `only` these; `first` are parameters of the class's own, as
    (default, type, meaning). The docstring's ``{options}`` becomes its list of parameters.
    """
    names = [name for name in MEANINGS if name not in without and (only is None or name in set(only))]
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


def for_library(options: dict[str, Any]) -> dict[str, Any]:
    """Options of Python as the library knows them: `lambda_` and `random_state` by its names, running left out."""
    given = {name: value for name, value in options.items() if name not in RUNNING}
    if "lambda_" in given:
        given["lambda"] = given.pop("lambda_")
    if given.get("subspace") is not None:
        given["subspace"] = np.ascontiguousarray(given["subspace"], dtype=np.float64)
    given["seed"] = seed(options.get("random_state", RUNNING["random_state"]))
    return given


def seed(random_state: Any) -> int:
    """A whole number is the library's seed itself; what scikit-learn takes beside that draws one."""
    if isinstance(random_state, (int, np.integer)):
        return int(random_state)
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))
