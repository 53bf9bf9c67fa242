"""Estimators take the library's options by its names. Oracle: the library's own declarations."""

import inspect
import warnings

import pytest

import sextant
from sextant import _core
from sextant._option_types import ClassifierOptions, FitOptions, RegressorOptions
from sextant._options import DEFAULTS, MEANINGS, READING, RENAMED, RUNNING

ESTIMATORS = [
    sextant.SextantRegressor,
    sextant.SextantClassifier,
    sextant.SubspaceTransformer,
    sextant.RandomFeaturesRegressor,
    sextant.NeuralTangentRegressor,
]


def test_every_option_of_the_library_has_its_name_default_and_meaning_here():
    declared = {RENAMED.get(option["name"], option["name"]): option for option in _core.options()}
    del declared["task"]
    assert set(declared) | set(RUNNING) | set(READING) == set(MEANINGS) == set(DEFAULTS)
    for name in set(declared) - {"class_weight", "random_state"}:
        assert DEFAULTS[name] == declared[name]["default"]
        assert declared[name]["meaning"][1:] in MEANINGS[name][1]
    assert DEFAULTS["class_weight"] is None and declared["class_weight"]["default"] == "none"
    assert DEFAULTS["method"] == "auto" and DEFAULTS["random_state"] == declared["random_state"]["default"]


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_signatures_and_docstrings_say_all_of_it(estimator):
    parameters = inspect.signature(estimator).parameters
    assert list(estimator().get_params()) == sorted(parameters)
    for name, parameter in parameters.items():
        assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
        assert f"    {name} : " in estimator.__doc__ and f"default={parameter.default!r}" in estimator.__doc__
    with pytest.raises(TypeError, match="widht"):
        estimator(widht=3)


def test_every_option_has_a_type():
    assert set(RegressorOptions.__annotations__) | set(ClassifierOptions.__annotations__) == set(MEANINGS)
    assert set(MEANINGS) == set(FitOptions.__annotations__) | set(READING) | set(RUNNING)


def test_an_option_that_the_method_does_not_use_is_named(rows):
    with pytest.warns(UserWarning, match="slices: 5 given with ntk, which does not use it; methods that do: sir, save, dir"):
        sextant.fit(*rows, method="ntk", width=4, slices=5)
    with pytest.warns(UserWarning, match="redraw_biases: False given with ntk"):
        sextant.SextantRegressor(method="ntk", width=4, redraw_biases=False).fit(*rows)
    teacher = sextant.fit(*rows, method="algorithm-1", width=8)
    with pytest.warns(UserWarning, match="width: 4 given where a first layer is kept"):
        sextant.transfer(teacher, *rows, keep="first-layer", width=4)
    with pytest.warns(UserWarning, match="head: gradient-descent given with auto"):
        sextant.transfer(teacher, *rows, budget=0.1, head="gradient-descent")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sextant.fit(*rows, method="sir", width=4, slices=5)
        sextant.transfer(teacher, *rows, keep="first-layer", folds=3)


def test_what_an_estimator_is_given_reaches_the_model(rows):
    given = dict(width=16, eta=1.5, rank=1, head="gradient-descent", lambda_=[1e-2], redraw_biases=False, random_state=9)
    fitted = sextant.SextantRegressor(method="algorithm-1", **given).fit(*rows)
    options = fitted.model_.options
    assert options.pop("seed") == given.pop("random_state") and options.pop("lambda") == given.pop("lambda_")
    assert {name: options[name] for name in given} == given
    assert sextant.RandomFeaturesRegressor(width=16).fit(*rows).model_.options["method"] == "random-features"
    assert sextant.NeuralTangentRegressor(width=8, ntk_blocks="a,W").fit(*rows).model_.options["ntk_blocks"] == "a,W"


def test_an_oracle_takes_its_subspace():
    X, y, U = sextant.generate("source", n=300, d=8, seed=1)
    told = sextant.SextantRegressor(method="oracle", subspace=U.tolist(), width=64).fit(X, y)
    assert sextant.overlap(told.directions_.directions[:1], U) > 0.99
