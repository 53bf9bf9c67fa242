"""Estimators take the library's options by its names. Oracle: the library's own table of fields."""

import inspect

import pytest

import sextant
from sextant import _core
from sextant._options import DEFAULTS, MEANINGS, READING, RUNNING, ClassifierOptions, RegressorOptions

ESTIMATORS = [
    sextant.SextantRegressor,
    sextant.SextantClassifier,
    sextant.SubspaceTransformer,
    sextant.RandomFeaturesRegressor,
    sextant.NeuralTangentRegressor,
]


def test_every_option_of_the_library_has_its_name_and_default_here():
    library = _core.default_options()
    renamed = {"lambda": "lambda_", "class_weights": "class_weight"}
    names = {renamed.get(name, name) for name in library} - {"seed", "task"}
    assert names | set(RUNNING) | set(READING) == set(MEANINGS) == set(DEFAULTS)
    for name in names - {"method", "lambda_", "class_weight"}:
        assert DEFAULTS[name] == library[name]
    assert DEFAULTS["class_weight"] is None and library["class_weights"] == "none"
    assert DEFAULTS["method"] == "auto"


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
