"""Experiments: grids over methods, dimensions and rows, as ``sextant experiment`` runs them, in parallel and resumable."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from typing import Any, Optional, Union

from . import _core
from ._progress import Progress, reporter
from ._scalars import whole


def builtin_experiments() -> dict[str, str]:
    """Names of the experiments that come with the library, and what they show.

    Returns
    -------
    dict of str to str

    Examples
    --------
    >>> import sextant
    >>> "figure1" in sextant.builtin_experiments()
    True
    """
    return _core.builtin_experiments()


def reference_values(name: str) -> list[dict[str, Any]]:
    """The published values of a figure.

    Parameters
    ----------
    name : str
        ``'figure1'``, say.

    Returns
    -------
    list of dict
        Parameters and excess risk of each point.

    Examples
    --------
    >>> import sextant
    >>> sorted(sextant.reference_values("figure1")[0])
    ['excess_risk_mean', 'excess_risk_std', 'method', 'n', 'width']
    """
    return _core.reference_values(name)


@dataclass(frozen=True)
class Experiment:
    """A folder of results, and the spec in it that was run.

    Attributes
    ----------
    name : str
        Of the spec.
    folder : str
        With ``results.sqlite``, ``summary.csv`` and, where the spec asks for them, ``crossings.csv``.
    total, found, computed : int
        Runs, those finished before, and those of this call.
    failures : list of (str, str)
        Runs that failed, by their parameters, and why; the next call tries them again.

    Examples
    --------
    >>> import sextant, tempfile
    >>> from pathlib import Path
    >>> folder = tempfile.TemporaryDirectory()
    >>> spec = Path(folder.name, "one.toml")
    >>> _ = spec.write_text('name = "one"\\nseeds = 1\\n[[grid]]\\nmethod = "ntk"\\nn = 100\\nwidth = 16\\ntest = 500\\n')
    >>> done = sextant.run_experiment(spec, Path(folder.name, "results"))
    >>> done.name, done.total, done.failures
    ('one', 1, [])
    """

    name: str
    folder: str
    total: int
    found: int
    computed: int
    failures: list[tuple[str, str]]

    def points(self) -> list[dict[str, Any]]:
        """The grid points with their parameters, and means and standard deviations over seeds.

        Returns
        -------
        list of dict

        Examples
        --------
        >>> import sextant, tempfile
        >>> from pathlib import Path
        >>> folder = tempfile.TemporaryDirectory()
        >>> spec = Path(folder.name, "one.toml")
        >>> _ = spec.write_text('name = "one"\\nseeds = 1\\n[[grid]]\\nmethod = "ntk"\\nn = 100\\nwidth = 16\\ntest = 500\\n')
        >>> (point,) = sextant.run_experiment(spec, Path(folder.name, "results")).points()
        >>> point["method"], point["n"], point["excess_risk_mean"] > 0
        ('ntk', 100, True)
        """
        return _core.experiment_points(self.folder, self.name)


def run_experiment(
    spec: Union[str, os.PathLike[str]],
    out: Union[str, os.PathLike[str]],
    *,
    quick: bool = False,
    seeds: Optional[int] = None,
    jobs: Optional[int] = None,
    progress: Progress = None,
) -> Experiment:
    """Computes the runs of an experiment that are not finished yet.

    Stopped or killed, the same call goes on. Results do not depend on the number of jobs.

    Parameters
    ----------
    spec : str or path
        A name of :func:`builtin_experiments`, or a TOML file (docs/experiments.md).
    out : str or path
        The folder for results; made if it is not there.
    quick : bool
        A smaller grid that shows the shape.
    seeds : int, optional
        Instead of the spec's.
    jobs : int, optional
        Runs at a time, each on one thread; all cores by default.
    progress : bool or callable, optional
        As for :func:`fit`; the stage is the spec's name.

    Returns
    -------
    Experiment

    Examples
    --------
    >>> import sextant, tempfile
    >>> from pathlib import Path
    >>> folder = tempfile.TemporaryDirectory()
    >>> _ = Path(folder.name, "small.toml").write_text('''
    ... name = "small"
    ... seeds = 1
    ... [[grid]]
    ... method = ["algorithm-1", "random-features"]
    ... n = [100, 1000]
    ... width = 64
    ... test = 1000
    ... ''')
    >>> done = sextant.run_experiment(f"{folder.name}/small.toml", f"{folder.name}/results")
    >>> done.total, done.computed, len(done.points())
    (4, 4, 4)
    """
    folder = os.fspath(out)
    most = 0 if jobs is None else whole(jobs, "jobs", 1)
    several = None if seeds is None else whole(seeds, "seeds", 1)
    machine = f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores; {_core.blas_version()}"
    with reporter(progress) as report:
        done = _core.run_experiment(os.fspath(spec), folder, quick, several, most, machine, report)
    return Experiment(done["name"], folder, done["total"], done["found"], done["computed"], done["failures"])
