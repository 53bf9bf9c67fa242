"""Report pages, made by the command line's program."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Optional, Union

from ._experiments import Experiment
from ._model import Model


def find_program() -> str:
    """The program ``sextant``: named by the environment's SEXTANT_PROGRAM, else on the PATH."""
    program = os.environ.get("SEXTANT_PROGRAM") or shutil.which("sextant")
    if program is None:
        raise FileNotFoundError(
            "report: the program sextant is not on the PATH, which makes the pages; build it (scripts/demo) and name it "
            "in SEXTANT_PROGRAM"
        )
    return program


def report(
    of: Any,
    out: Union[str, os.PathLike[str]],
    *,
    data: Optional[Union[str, os.PathLike[str]]] = None,
) -> Path:
    """Writes one HTML page that opens offline, as ``sextant report`` does.

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
    """
    model = of if isinstance(of, Model) else getattr(of, "model_", None)
    with tempfile.TemporaryDirectory() as folder:
        if model is not None:
            what = os.path.join(folder, "model.sextant")
            model.save(what)
        else:
            what = of.folder if isinstance(of, Experiment) else str(Path(of))
        command = [find_program(), "report", what, "--out", os.fspath(out)]
        if data is not None:
            command += ["--data", os.fspath(data)]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise OSError(done.stderr.strip().removeprefix("error: "))
    return Path(out)
