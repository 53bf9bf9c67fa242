"""Builds the extension module with CMake, from this repository.

    pip install --no-build-isolation --no-deps ./python

SEXTANT_BUILD_DIR names a build folder to use, configured with SEXTANT_BUILD_PYTHON=ON for this very Python; without it
the library is built in python/build.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent


class CMakeExtension(build_ext):
    """Has CMake build sextant._core, and takes it from there."""

    def build_extension(self, extension):
        given = os.environ.get("SEXTANT_BUILD_DIR")
        folder = Path(given).resolve() if given else HERE / "build" / "cmake"
        if not given:
            options = ["SEXTANT_BUILD_PYTHON=ON", "SEXTANT_BUILD_APP=OFF", "SEXTANT_BUILD_TESTS=OFF",
                       "CMAKE_BUILD_TYPE=Release", f"Python3_EXECUTABLE={sys.executable}"]  # fmt: skip
            subprocess.run(["cmake", "-S", ROOT, "-B", folder, *(f"-D{option}" for option in options)], check=True)
        build = ["cmake", "--build", folder, "--target", "sextant_python", "--parallel", str(os.cpu_count())]
        subprocess.run(build, check=True)
        wanted = Path(self.get_ext_fullpath(extension.name))
        built = folder / "python" / "sextant" / wanted.name
        if not built.exists():
            raise SystemExit(f"setup: {built} is not there; {folder} was configured for another Python, {sys.executable} asks")
        wanted.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(built, wanted)


version = re.search(r"project\(sextant VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text())[1]
setup(version=version, ext_modules=[Extension("sextant._core", [])], cmdclass={"build_ext": CMakeExtension})
