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

import pytest
from conftest import ROOT

import sextant

MODULES = [f"sextant.{module.name}" for module in pkgutil.iter_modules(sextant.__path__) if module.name != "_core"]
FROM_CPLUSPLUS = {"HermiteFeatures", "KernelSections", "LinearisedNetwork", "LinearPart", "NumericalError", "ReluNetwork"}


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name):
    assert doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE).failed == 0


def test_everything_public_has_an_example():
    results = {"Directions", "Experiment", "Generated", "Polished"}  # of functions that have
    pages = {"report"}  # needs the program; test_experiments.py runs it
    for name in set(sextant.__all__) - FROM_CPLUSPLUS - results - pages - {"__version__"}:
        assert ">>> " in inspect.getdoc(getattr(sextant, name)), name


NUMBER = r"-?\d+(?:\.\d+)?"


def assert_shows(printed, shown):
    """The same words; numbers within a tenth, which rounding on another processor may move when settings are chosen."""
    assert re.sub(NUMBER, "#", printed).split() == re.sub(NUMBER, "#", shown).split(), printed
    numbers = [[float(number) for number in re.findall(NUMBER, text)] for text in (printed, shown)]
    assert numbers[0] == pytest.approx(numbers[1], rel=0.1, abs=0.005), printed


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
