"""Tables whose directions are known."""

from __future__ import annotations

from typing import Any, NamedTuple, Optional

from . import _core
from ._progress import Progress, running
from ._rows import Floats, numbered_names
from ._scalars import number, whole


class Generated(NamedTuple):
    """Rows and what is known of them.

    Examples
    --------
    >>> import sextant
    >>> rows = sextant.generate("source", n=100, d=5)
    >>> rows.X.shape, rows.y.shape, rows.U.shape
    ((100, 5), (100,), (1, 5))
    """

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
    d: Optional[int] = None,
    r: Optional[int] = None,
    p: Optional[int] = None,
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
        Inputs (10 by default), directions (of ``'multi-index'``, 2 by default), degree (4 by default), and ``'random'``
        or ``'axis'`` directions; not of engineering formulas.
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
    shape = {"d": d, "r": r, "p": p}
    given = {name: whole(value, name) for name, value in shape.items() if value is not None}
    which = (number(noise, "noise"), whole(seed, "seed", 0), whole(first_row, "first_row", 0))
    n = whole(n, "n", 1)
    with running(progress, threads) as run:
        if target in _core.engineering_names():
            for name, value in given.items():
                raise ValueError(f"{name}: {value} given, expected nothing: {target!r} has its own inputs")
            X, y, U, inputs, output = _core.engineering_rows(target, n, *which, run)
        elif target in _core.target_names():
            full = {"d": 10, "r": 2 if target == "multi-index" else 1, "p": 4, **given}
            axes = (orientation == "random", full["d"], full["r"], full["p"])
            X, y, U = _core.gaussian_rows(target, n, *axes, *which, run)
            inputs, output = numbered_names(X.shape[1]), "y"
        else:
            known = ", ".join(_core.target_names() + _core.engineering_names())
            raise ValueError(f"target: {target!r} is not known, expected one of {known}")
    if as_frame:
        import pandas

        return Generated(pandas.DataFrame(X, columns=inputs), pandas.Series(y, name=output), U)
    return Generated(X, y, U)
