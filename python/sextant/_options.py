"""The options of fitting, as keyword arguments of estimators and functions.

What they are called, take and mean is declared in the library (src/method/option_fields.cpp); here is what Python spells
otherwise. Their types for type checkers are in _option_types.py, which scripts/write-options makes of the same declarations.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
from sklearn.utils import check_random_state

from . import _core

#: Of options that Python calls something else.
RENAMED = {"seed": "random_state", "lambda": "lambda_", "class_weights": "class_weight"}

#: How to run: no option of the library's fits.
RUNNING = {"random_state": 0, "threads": None, "block_rows": 1024, "progress": None}

#: How to read X: no option of the library's fits, either.
READING = {"missing": "indicator"}

_PYTHONS_OWN: dict[str, tuple[str, str]] = {
    "class_weight": ("'balanced' or dict of label to float", "What rows of each class count, beside what they count by "
                     "``sample_weight``: ``'balanced'`` lets all classes weigh alike; of a dict, which has every class, only "
                     "the ratios matter. Probabilities are then of rows weighted so."),
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


def _type(option: dict[str, Any]) -> str:
    """As a docstring names it."""
    names = "{" + ", ".join(map(repr, option["choices"])) + "}"
    if option["kind"] == "name":
        return "str or list of str" if option["several"] else names if 0 < len(option["choices"]) < 5 else "str"
    if option["kind"] == "number":
        return f"float or {names}" if option["choices"] else "float"
    return {"truth": "bool", "whole number": "int", "numbers": "float or list of float", "rows": "array of shape (r, d)"}[
        option["kind"]
    ]


def _meaning(option: dict[str, Any]) -> str:
    rule = f" (by default: {option['unset']})" if option["unset"] else ""
    if option["denied"]:
        return f"False: {option['meaning'][0].lower()}{option['meaning'][1:]}."
    if option["kind"] == "name" and len(option["choices"]) > 4:
        return f"{option['meaning']}; one of {', '.join(map(repr, option['choices']))}{rule}."
    return f"{option['meaning']}{rule}."


# Type and meaning of each option, and its default, in the order in which they are shown.
MEANINGS: dict[str, tuple[str, str]] = {}
DEFAULTS: dict[str, Any] = {}
for _option in _core.options():
    _name = RENAMED.get(_option["name"], _option["name"])
    if _name == "task" or _name in RUNNING:
        continue
    MEANINGS[_name] = _PYTHONS_OWN.get(_name) or (_type(_option), _meaning(_option))
    DEFAULTS[_name] = None if _name == "class_weight" else _option["default"]
DEFAULTS.update(READING)
DEFAULTS.update(RUNNING)
MEANINGS.update({name: _PYTHONS_OWN[name] for name in [*READING, *RUNNING]})


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


def warn_about_ignored(sentences: list[str], stacklevel: int) -> None:
    """Warns of options that are given and that what is learned does not use, by the names that Python has for them."""
    for sentence in sentences:
        name, rest = sentence.split(":", 1)
        name = name.replace("-", "_")
        for truth in (True, False):
            rest = rest.replace(f" {str(truth).lower()} given", f" {truth} given")
        warnings.warn(f"{RENAMED.get(name, name)}:{rest}", stacklevel=stacklevel + 1)


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
