"""Examples in docstrings and in docs/ run and print what they say; types hold. Oracles: doctest, mypy."""

import doctest
import importlib
import inspect
import os
import pkgutil
import re
import shutil
import subprocess
import sys

import matplotlib
import pytest
from conftest import ROOT

matplotlib.use("agg")
import matplotlib.pyplot as plt

import sextant

MODULES = [f"sextant.{module.name}" for module in pkgutil.iter_modules(sextant.__path__) if module.name != "_core"]


def own_members(cls):
    """What a class of this package has, by name, without scikit-learn's and Python's own."""
    found = {}
    for base in reversed(cls.__mro__):
        if base.__module__.startswith("sextant"):
            found.update((name, member) for name, member in vars(base).items() if not name.startswith("_"))
    return {name: member for name, member in found.items() if getattr(cls, name, None) is not None}


def is_method(member):
    return isinstance(member, classmethod) or inspect.isroutine(member)


CLASSES = {name: each for name, each in vars(sextant).items() if name in sextant.__all__ and inspect.isclass(each)}
FROM_CPLUSPLUS = [each for each in CLASSES.values() if each.__module__ == "sextant._core"]
FUNCTIONS = {name: each for name, each in vars(sextant).items() if name in sextant.__all__ and inspect.isfunction(each)}
METHODS = {
    f"{name}.{member}": getattr(each, member)
    for name, each in CLASSES.items()
    for member, value in own_members(each).items()
    if is_method(value)
}


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name):
    assert doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE).failed == 0


@pytest.mark.parametrize("cls", FROM_CPLUSPLUS, ids=lambda cls: cls.__name__)
def test_examples_in_docstrings_of_the_extension(cls):
    texts = [inspect.getdoc(cls), *(inspect.getdoc(getattr(cls, name)) for name in ("features", "__call__") if name in vars(cls))]
    for text in texts:
        test = doctest.DocTestParser().get_doctest(text, {}, cls.__name__, None, None)
        assert doctest.DocTestRunner().run(test).failed == 0, text


def test_everything_public_has_an_example():
    everything = {**CLASSES, **FUNCTIONS, **METHODS}
    assert set(sextant.__all__) == {*CLASSES, *FUNCTIONS, "__version__"} and len(METHODS) > 40
    for name, each in everything.items():
        assert name == "NumericalError" or ">>> " in inspect.getdoc(each), name


def section(text, title):
    """The body of a section of a docstring in NumPy style."""
    found = re.search(rf"^{title}\n-+\n(.*?)(?=^\S[^\n]*\n-+\n|\Z)", text, flags=re.M | re.S)
    return found[1] if found else ""


@pytest.mark.parametrize("name", [*FUNCTIONS, *METHODS])
def test_docstrings_say_every_parameter_and_what_is_returned(name):
    each = {**FUNCTIONS, **METHODS}[name]
    if not inspect.isfunction(inspect.unwrap(getattr(each, "__func__", each))):
        return  # of C++, whose examples say it
    text, signature = inspect.getdoc(each), inspect.signature(each)
    headings = " ".join(re.findall(r"^\S.*", section(text, "Parameters"), flags=re.M)).replace("*", " ")
    for parameter in set(signature.parameters) - {"self"}:
        assert re.search(rf"\b{parameter}\b", headings), f"{name}: {parameter}"
    assert signature.return_annotation == "None" or section(text, "Returns"), name


def test_properties_say_what_they_are():
    for name, cls in CLASSES.items():
        for member, value in own_members(cls).items():
            if isinstance(value, property):
                assert inspect.getdoc(value), f"{name}.{member}"


NUMBER = r"-?\d+(?:\.\d+)?"


def assert_shows(printed, shown):
    """The same words and whole numbers; of other numbers the last digit within two, which rounding on another processor
    may move where settings are chosen."""
    assert re.sub(NUMBER, "#", printed).split() == re.sub(NUMBER, "#", shown).split(), printed
    for number, expected in zip(re.findall(NUMBER, printed), re.findall(NUMBER, shown)):
        digits = len(expected.partition(".")[2])
        assert float(number) == pytest.approx(float(expected), rel=0, abs=2.01 * 10**-digits if digits else 0), printed


def test_the_tutorial_prints_what_it_shows(tmp_path, monkeypatch, capsys):
    """All Python of docs/tutorial.md, top to bottom, in another folder; figure1 on few rows and one seed."""
    (tmp_path / "few.toml").write_text(
        'name = "figure1"\nseeds = 1\n[defaults]\nnoise = 1\ntest = 500\n'
        '[[grid]]\nmethod = ["algorithm-1", "random-features", "ntk"]\nwidth = 100\nn = [31, 100]\n'
    )
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs/tutorial.md").read_text()
    assert page.count('run_experiment("figure1", "figure1", quick=True)') == 1
    page = page.replace('"figure1", "figure1", quick=True', '"few.toml", "figure1"')
    names = {}
    for code, _, shown in re.findall(r"```python\n(.*?)```(\n```text\n(.*?)```)?", page, flags=re.S):
        exec(compile(code, "tutorial.md", "exec"), names)
        assert_shows(capsys.readouterr().out, shown)
    assert {"directions.png", "summary.png", "figure1.png", "wing.sextant"} <= {path.name for path in tmp_path.iterdir()}


def test_types():
    mypy = shutil.which("mypy")
    assert mypy is not None, "mypy is not installed (scripts/install-deps)"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [mypy, "--cache-dir", os.devnull, "--config-file", "pyproject.toml"]
    done = subprocess.run(command, cwd=ROOT / "python", env=environment, stdout=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stdout


def test_a_type_checker_knows_every_option(tmp_path):
    """It takes options as they are meant to be, and refuses misspelt ones and those of a wrong type."""
    good = """
import numpy as np
import sextant
X, y, U = sextant.generate("source", n=100, d=5)
sextant.SextantRegressor(method="algorithm-1", width=8, lambda_=[1e-3, 1.0], random_state=np.random.default_rng(0))
sextant.SubspaceTransformer(n_components=2, threads=1).fit(X, y).transform(X)
sextant.fit(X, y, task="regression", budget="low").predict(X)
sextant.random_network(5, width=8).features([[0.0] * 5])
sextant.LinearPart([0.0], [[1.0]])([[2.0]])
"""
    bad = [
        "sextant.SextantRegressor(widht=3)",
        "sextant.SextantRegressor(method=4)",
        "sextant.SextantClassifier(target_transform='log')",
        "sextant.RandomFeaturesRegressor(eta=1.0)",
        "sextant.NeuralTangentRegressor(width='8')",
        "sextant.SubspaceTransformer(n_components='two')",
        "sextant.fit(X, y, widht=3)",
        "sextant.one_step(X, y, seed=3)",
    ]
    (tmp_path / "use.py").write_text(good + "\n".join(bad) + "\n")
    first = good.count("\n") + 1
    environment = {**os.environ, "MYPYPATH": str(ROOT / "python")}
    command = [shutil.which("mypy"), "--cache-dir", os.devnull, "--config-file", ROOT / "python/pyproject.toml", "use.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True)
    refused = {int(line) for line in re.findall(r"^use.py:(\d+): error", done.stdout, flags=re.M)}
    assert refused == set(range(first, first + len(bad))), done.stdout


def test_stubs_name_what_the_extension_has():
    """Every function and class of _core.pyi is there, and the other way round."""
    stubs = (ROOT / "python/sextant/_core.pyi").read_text()
    stated = set(re.findall(r"^(?:def|class) ([A-Za-z]\w*)", stubs, flags=re.M))
    there = {name for name in vars(sextant._core) if not name.startswith("_")}
    assert stated == there
    for name in ("Model", "ReluNetwork", "LinearPart"):
        body = re.search(rf"^class {name}\b.*?(?=^class |^def |\Z)", stubs, flags=re.M | re.S)[0]
        for member in re.findall(r"    def ([a-z]\w*)", body):
            assert hasattr(getattr(sextant._core, name), member), f"{name}.{member}"
    assert sys.version_info >= (3, 10)
