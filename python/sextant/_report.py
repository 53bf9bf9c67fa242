"""Report pages, made by the command line's program."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Optional, Union

from ._experiments import Experiment
from ._model import model_of


def find_program() -> str:
    """The program ``sextant``: named by the environment's SEXTANT_PROGRAM, else on the PATH."""
    named = os.environ.get("SEXTANT_PROGRAM")
    program = shutil.which(named or "sextant")
    if program is not None:
        return program
    if named:
        raise FileNotFoundError(f"report: SEXTANT_PROGRAM names {named!r}, which is no program, expected the path of sextant")
    raise FileNotFoundError(
        "report: the program sextant is not on the PATH, which makes the pages and which pip does not install; build it "
        "(scripts/demo) and name it in SEXTANT_PROGRAM"
    )


def report(
    of: Any,
    out: Union[str, os.PathLike[str]],
    *,
    data: Optional[Union[str, os.PathLike[str]]] = None,
) -> Path:
    """Writes one HTML page that opens offline, as ``sextant report`` does, with that program.

    Parameters
    ----------
    of : Model, fitted estimator, Experiment, or path
        A model or its file, or the results of experiments or their folder.
    out : str or path
        The page.
    data : str or path, optional
        Of a model: a table to show predictions and errors for.

    Returns
    -------
    Path
        Of the page. OSError when there is no program, or with its sentence when it fails.

    Examples
    --------
    >>> import sextant
    >>> X, y, U = sextant.generate("source", n=500, d=5, seed=1)
    >>> model = sextant.fit(X, y, method="algorithm-1", width=64)
    >>> sextant.report(model, "model.html")  # doctest: +SKIP
    PosixPath('model.html')
    """
    with tempfile.TemporaryDirectory() as folder:
        if isinstance(of, Experiment):
            what = of.folder
        elif isinstance(of, (str, os.PathLike)):
            what = os.fspath(of)
        else:
            what = os.path.join(folder, "model.sextant")
            model_of(of, "of").save(what)
        command = [find_program(), "report", what, "--out", os.fspath(out)]
        if data is not None:
            command += ["--data", os.fspath(data)]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise OSError(done.stderr.strip().removeprefix("error: "))
    return Path(out)
