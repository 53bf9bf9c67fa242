"""Tables whose directions are known."""

from __future__ import annotations

from typing import Any, NamedTuple, Optional

from . import _core
from ._progress import Progress, reporter
from ._rows import Floats


class Generated(NamedTuple):
    """Rows and what is known of them."""

    #: Inputs, (n, d): an array, or a data frame for engineering formulas where pandas is asked for.
    X: Any
    #: Targets, (n,).
    y: Any
    #: The true directions, (r, d) orthonormal rows on standardised inputs.
    U: Floats


def generate(
    target: str,
    n: int,
    *,
    d: int = 10,
    r: Optional[int] = None,
    p: int = 4,
    noise: float = 0.0,
    orientation: str = "random",
    seed: int = 0,
    first_row: int = 0,
    as_frame: bool = False,
    threads: Optional[int] = None,
    progress: Progress = None,
) -> Generated:
    """The rows that ``sextant generate`` writes.

    Parameters
    ----------
    target : str
        Of Gaussian inputs ``'source'`` (He_2/2 + He_p/√(2·p!)), ``'hermite'`` (He_p/√p!) or ``'multi-index'``;
        ``'wing-weight'``, ``'borehole'``, ``'otl-circuit'`` or ``'piston'`` with inputs on their published ranges.
    n : int
        Rows.
    d, r, p, orientation
        Inputs, directions (of ``'multi-index'``, 2 by default), degree, and ``'random'`` or ``'axis'`` directions; not
        of engineering formulas.
    noise : float
        Labels are off by ± noise.
    seed : int
        Tables of one seed share directions.
    first_row : int
        Takes other rows of the same endless table, so that training and test rows are disjoint.
    as_frame : bool
        X as a data frame and y as a series, named (pandas).
    threads, progress
        As for :func:`fit`.

    Returns
    -------
    Generated
        A named tuple X, y, U.

    Examples
    --------
    >>> import sextant
    >>> X, y, U = sextant.generate("source", n=100, d=5, seed=1)
    >>> X.shape, y.shape, U.shape
    ((100, 5), (100,), (1, 5))
    >>> wing = sextant.generate("wing-weight", n=4, as_frame=True)
    >>> wing.y.name, list(wing.X.columns[:3])
    ('weight', ['area', 'fuel', 'aspect'])
    """
    if orientation not in ("axis", "random"):
        raise ValueError(f"orientation: {orientation!r} given, expected 'axis' or 'random'")
    with reporter(progress) as report:
        run = _core.Run(threads or 0, progress=report)
        if target in _core.engineering_names():
            X, y, U, inputs, output = _core.engineering_rows(target, n, noise, seed, first_row, run)
        elif target in _core.target_names():
            directions = r if r is not None else 2 if target == "multi-index" else 1
            X, y, U = _core.gaussian_rows(
                target, n, d, directions, p, noise, orientation == "random", seed, first_row, run
            )
            inputs, output = [f"x{j}" for j in range(1, X.shape[1] + 1)], "y"
        else:
            known = ", ".join(_core.target_names() + _core.engineering_names())
            raise ValueError(f"target: {target!r} is not known, expected one of {known}")
    if as_frame:
        import pandas

        return Generated(pandas.DataFrame(X, columns=inputs), pandas.Series(y, name=output), U)
    return Generated(X, y, U)
