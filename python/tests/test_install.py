"""The package as it is installed: by pip without a network, and by CMake. Oracle: an import from elsewhere."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

FILES = {path.name for path in (ROOT / "python/sextant").glob("*.py*")} | {"py.typed"}
PROBE = """
import sextant
X, y, U = sextant.generate("source", n=100, d=5)
sextant.SextantRegressor(method="algorithm-1", width=16).fit(X, y)
print(sextant.__file__)
"""


def run(*command, **options):
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture
def build():
    folder = os.environ.get("SEXTANT_BUILD_DIR")
    if folder is None:
        pytest.fail("SEXTANT_BUILD_DIR is not set, expected the build folder; run these tests by ctest")
    return Path(folder)


def elsewhere(python_path=None):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if python_path is not None:
        environment["PYTHONPATH"] = str(python_path)
    return environment


def test_pip(build, tmp_path):
    """Into a virtual environment that sees Debian's packages; nothing is fetched, and the library not built again."""
    run(sys.executable, "-m", "venv", "--system-site-packages", tmp_path / "venv")
    python = tmp_path / "venv/bin/python"
    pip = [python, "-m", "pip", "install", "--quiet", "--no-build-isolation", "--no-deps", "--no-index"]
    run(*pip, ROOT / "python", env={**elsewhere(), "SEXTANT_BUILD_DIR": str(build)})
    where = Path(run(python, "-c", PROBE, cwd=tmp_path, env=elsewhere()).strip())
    assert tmp_path in where.parents
    assert FILES <= {path.name for path in where.parent.iterdir()}
    assert "sextant 0." in run(python, "-m", "pip", "list", "--format=freeze", env=elsewhere()).replace("==", " ")


def test_cmake(build, tmp_path):
    run("cmake", "--install", build / "python", "--prefix", tmp_path / "prefix")
    (module,) = (tmp_path / "prefix").rglob("sextant/__init__.py")
    assert module.parent.parent.name in ("dist-packages", "site-packages")
    assert FILES <= {path.name for path in module.parent.iterdir()}
    where = run(sys.executable, "-c", PROBE, cwd=tmp_path, env=elsewhere(module.parent.parent))
    assert where.strip() == str(module)
