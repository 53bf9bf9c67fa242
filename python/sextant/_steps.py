"""The single steps of the method under their names in the library (docs/method.md has the formulas).

They take inputs and targets as they are: nothing is scaled, held out or chosen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional

import numpy as np
from numpy.typing import ArrayLike

from . import _core
from ._core import HermiteFeatures, KernelSections, LeafMachine, LinearisedNetwork, LinearPart, ReluNetwork
from ._options import for_library
from ._progress import Progress, running
from ._rows import Floats, matrix, numbers, rows
from ._scalars import number, whole

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._core import FeatureMap
    from ._option_types import NetworkOptions, RandomState, StepOptions, TangentOptions


def _linear(linear: Optional[LinearPart], X: Floats, Y: Floats) -> LinearPart:
    if linear is None:
        return LinearPart(np.zeros(Y.shape[1]), np.zeros((X.shape[1], Y.shape[1])))
    if not isinstance(linear, LinearPart):
        raise TypeError(f"linear: a {type(linear).__name__} given, expected a LinearPart, as fit_linear gives")
    return linear


def _map(map: Any) -> FeatureMap:
    if not isinstance(map, (ReluNetwork, LinearisedNetwork, KernelSections, HermiteFeatures, LeafMachine)):
        raise TypeError(f"map: a {type(map).__name__} given, expected features, as one_step or random_network gives")
    return map


def lambda_grid() -> Floats:
    """Half decades 1e-10 … 1e8 and inf: what λ is chosen from.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> import sextant
    >>> len(sextant.lambda_grid())
    38
    """
    return np.array(_core.lambda_grid())


def fit_linear(
    X: Any, y: Any, *, preprocess: str = "linear", epsilon: float = 0.0, sample_weight: Optional[ArrayLike] = None
) -> LinearPart:
    """The affine part α + βᵀx that is taken off the targets first.

    Parameters
    ----------
    X, y, sample_weight
        Rows.
    preprocess : {'linear', 'correlation', 'none'}
        By least squares, by the means of y and of y·x, or nothing.
    epsilon : float
        Ridge of the least squares.

    Returns
    -------
    LinearPart

    Examples
    --------
    >>> import numpy as np, sextant
    >>> X = np.random.default_rng(0).normal(size=(50, 3))
    >>> sextant.fit_linear(X, X @ [1, 2, 3] + 4).beta.ravel().round(6)
    array([1., 2., 3.])
    """
    with running() as run:
        data = rows(matrix(X, "X"), numbers(y), sample_weight)
        return _core.fit_linear(data, preprocess, number(epsilon, "epsilon"), run)


def one_step(
    X: Any,
    y: Any,
    *,
    linear: Optional[LinearPart] = None,
    sample_weight: Optional[ArrayLike] = None,
    threads: Optional[int] = None,
    progress: Progress = None,
    **options: Unpack[StepOptions],
) -> ReluNetwork:
    """The network after one large gradient step on its first layer: Algorithm 1's representation.

    Parameters
    ----------
    X, y, sample_weight
        Rows.
    linear : LinearPart, optional
        Taken off y first, see :func:`fit_linear`; nothing by default.
    threads, progress
        As for :func:`fit`.
    **options
        ``width``, ``eta``, ``rank``, ``first_layer_decay``, ``redraw_biases``, ``symmetric``, ``random_state``,
        as for :class:`SextantRegressor`.

    Returns
    -------
    ReluNetwork

    Examples
    --------
    >>> import sextant
    >>> X, y, U = sextant.generate("source", n=2000, d=10, seed=1)
    >>> network = sextant.one_step(X, y, width=128)
    >>> network.W.shape
    (128, 10)
    >>> values, directions = sextant.first_layer_spectrum(network.W)
    >>> sextant.overlap(directions[:1], U) > 0.9
    True
    """
    inputs, Y = matrix(X, "X"), numbers(y)
    with running(progress, threads) as run:
        return _core.one_step(rows(inputs, Y, sample_weight), _linear(linear, inputs, Y), for_library(options), run)


def random_network(inputs: int, **options: Unpack[NetworkOptions]) -> ReluNetwork:
    """The network whose first layer is never trained.

    Parameters
    ----------
    inputs : int
        Number of inputs d.
    **options
        ``width``, ``bias``, ``symmetric``, ``random_state``, as for :class:`RandomFeaturesRegressor`.

    Returns
    -------
    ReluNetwork

    Examples
    --------
    >>> import sextant
    >>> sextant.random_network(10, width=64).features([[0.0] * 10]).shape
    (1, 64)
    """
    return _core.random_network(for_library({"method": "random-features", **options}), whole(inputs, "inputs", 1))


def linearised_network(inputs: int, **options: Unpack[TangentOptions]) -> LinearisedNetwork:
    """The network linearised at its start.

    Parameters
    ----------
    inputs : int
        Number of inputs d.
    **options
        ``width``, ``bias``, ``symmetric``, ``ntk_blocks``, ``ntk_scale``, ``random_state``, as for
        :class:`NeuralTangentRegressor`.

    Returns
    -------
    LinearisedNetwork

    Examples
    --------
    >>> import sextant
    >>> sextant.linearised_network(10, width=4).width
    48
    """
    return _core.linearised_network(for_library({"method": "ntk", **options}), whole(inputs, "inputs", 1))


def fit_heads(
    X: Any,
    y: Any,
    map: FeatureMap,
    lambda_: Optional[ArrayLike] = None,
    *,
    head: str = "ridge",
    linear: Optional[LinearPart] = None,
    sample_weight: Optional[ArrayLike] = None,
    threads: Optional[int] = None,
    progress: Progress = None,
) -> Floats:
    """The whole λ path of ridge heads on features, from one reduction.

    Minimises (1/n)‖y − Φa‖² + (λ/2)‖a‖².

    Parameters
    ----------
    X, y, sample_weight
        Rows.
    map : ReluNetwork, LinearisedNetwork, KernelSections, HermiteFeatures or LeafMachine
        The features φ, P of them.
    lambda_ : float or array of shape (L,), optional
        :func:`lambda_grid` by default.
    head : {'ridge', 'gradient-descent'}
        How the head is fitted.
    linear : LinearPart, optional
        Taken off y first.
    threads, progress
        As for :func:`fit`.

    Returns
    -------
    ndarray of shape (L, P, k), or (L, P) for a vector y

    Examples
    --------
    >>> import sextant
    >>> X, y, U = sextant.generate("source", n=500, d=5, seed=1)
    >>> heads = sextant.fit_heads(X, y, sextant.one_step(X, y, width=64), [1e-3, 1.0])
    >>> heads.shape
    (2, 64)
    """
    inputs, Y = matrix(X, "X"), numbers(y)
    path = lambda_grid() if lambda_ is None else np.atleast_1d(np.asarray(lambda_, dtype=np.float64))
    if path.ndim != 1 or path.size == 0:
        raise ValueError(f"lambda_: an array of shape {path.shape} given, expected a number or a list of at least one")
    with running(progress, threads) as run:
        data = rows(inputs, Y, sample_weight)
        heads = _core.fit_heads(data, _linear(linear, inputs, Y), _map(map), path.tolist(), head, run)
    by_lambda = heads.reshape(heads.shape[0], len(path), Y.shape[1]).transpose(1, 0, 2)
    return by_lambda[:, :, 0] if np.ndim(y) == 1 else by_lambda


def risks(
    X: Any,
    y: Any,
    map: FeatureMap,
    heads: ArrayLike,
    *,
    linear: Optional[LinearPart] = None,
    sample_weight: Optional[ArrayLike] = None,
    threads: Optional[int] = None,
    progress: Progress = None,
) -> Floats:
    """Mean squared errors of all heads of a λ path at once: how λ is chosen on held-out rows.

    Parameters
    ----------
    X, y, sample_weight
        Rows, held-out ones say.
    map : ReluNetwork, LinearisedNetwork, KernelSections, HermiteFeatures or LeafMachine
        The features φ.
    heads : array of shape (L, P, k), or (L, P) for a vector y
        As :func:`fit_heads` gives.
    linear : LinearPart, optional
        Taken off y first.
    threads, progress
        As for :func:`fit`.

    Returns
    -------
    ndarray of shape (L, k), or (L,) for a vector y

    Examples
    --------
    >>> import sextant
    >>> X, y, U = sextant.generate("source", n=600, d=5, seed=1)
    >>> network = sextant.one_step(X[:400], y[:400], width=64)
    >>> heads = sextant.fit_heads(X[:400], y[:400], network)
    >>> sextant.risks(X[400:], y[400:], network, heads).shape
    (38,)
    """
    inputs, Y = matrix(X, "X"), numbers(y)
    a = np.asarray(heads, dtype=np.float64)
    if a.ndim != np.ndim(y) + 1:
        raise ValueError(f"heads: an array of {a.ndim} dimensions given, expected {np.ndim(y) + 1}, as fit_heads gives")
    if np.ndim(y) == 2 and a.shape[2] != Y.shape[1]:
        raise ValueError(f"heads: {a.shape[2]} targets given, expected {Y.shape[1]} as y has")
    columns = a.reshape(a.shape[0], a.shape[1], Y.shape[1]).transpose(1, 0, 2).reshape(a.shape[1], -1)
    with running(progress, threads) as run:
        data = rows(inputs, Y, sample_weight)
        errors = _core.risks(data, _linear(linear, inputs, Y), _map(map), columns, run)
    return errors if np.ndim(y) == 1 else errors.reshape(-1, Y.shape[1])


def gradient_outer_product(
    X: Any,
    y: Any,
    map: FeatureMap,
    a: ArrayLike,
    *,
    linear: Optional[LinearPart] = None,
    sample_weight: Optional[ArrayLike] = None,
    threads: Optional[int] = None,
    progress: Progress = None,
) -> Floats:
    """A = (1/n) Σ ∇f(x_i) ∇f(x_i)ᵀ of f(x) = α + βᵀx + aᵀφ(x): the directions in which a predictor varies.

    Parameters
    ----------
    X, y, sample_weight
        Rows.
    map : ReluNetwork, LinearisedNetwork, KernelSections, HermiteFeatures or LeafMachine
        The features φ.
    a : array of shape (P,) or (P, k)
        One head, of :func:`fit_heads` say.
    linear : LinearPart, optional
        α + βᵀx; nothing by default.
    threads, progress
        As for :func:`fit`.

    Returns
    -------
    ndarray of shape (d, d)

    Examples
    --------
    >>> import sextant
    >>> X, y, U = sextant.generate("source", n=1000, d=5, seed=1)
    >>> network = sextant.one_step(X, y, width=64)
    >>> A = sextant.gradient_outer_product(X, y, network, sextant.fit_heads(X, y, network, 1e-3)[0])
    >>> sextant.overlap(sextant.spectrum(A)[1][:1], U) > 0.9
    True
    """
    inputs, Y = matrix(X, "X"), numbers(y)
    with running(progress, threads) as run:
        data = rows(inputs, Y, sample_weight)
        return _core.gradient_outer_product(data, _linear(linear, inputs, Y), _map(map), numbers(a, "a"), run)


def refined_coordinates(A: ArrayLike, power: float = 0.5) -> Floats:
    """S with SᵀS = (A/tr A)^{2·power}, ‖S‖ = 1: the coordinates in which the next features are drawn.

    Parameters
    ----------
    A : array of shape (d, d)
        A gradient outer product.
    power : float
        Above 0.

    Returns
    -------
    ndarray of shape (ρ, d)
        A row for each direction that counts.

    Examples
    --------
    >>> import sextant
    >>> abs(sextant.refined_coordinates([[3.0, 0.0], [0.0, 1.0]])).round(3)
    array([[0.866, 0.   ],
           [0.   , 0.5  ]])
    """
    return _core.refined_coordinates(matrix(A, "A"), number(power, "power"))


def network_along(
    S: ArrayLike,
    X: Any,
    *,
    width: int = 1024,
    random_state: RandomState = 0,
    redraw: int = 0,
    sample_weight: Optional[ArrayLike] = None,
    threads: Optional[int] = None,
    progress: Progress = None,
) -> ReluNetwork:
    """A network with rows (SᵀS)^½ξ, ξ ~ N(0, I), and biases as wide as the projections: one redrawing of a refining round.

    Parameters
    ----------
    S : array of shape (ρ, d)
        Coordinates, of :func:`refined_coordinates` say.
    X, sample_weight
        Rows, which say how wide the projections are.
    width : int
        Units: even.
    random_state : int, RandomState, Generator or None
        As for :class:`SextantRegressor`.
    redraw : int
        Number of the redrawing, from 0: others draw other rows.
    threads, progress
        As for :func:`fit`.

    Returns
    -------
    ReluNetwork

    Examples
    --------
    One round of refining: step, head, directions, and features drawn along them.

    >>> import sextant
    >>> X, y, U = sextant.generate("source", n=1000, d=10, seed=1)
    >>> network = sextant.one_step(X, y, width=128)
    >>> A = sextant.gradient_outer_product(X, y, network, sextant.fit_heads(X, y, network, 1e-2)[0])
    >>> refined = sextant.network_along(sextant.refined_coordinates(A), X, width=128)
    >>> sextant.overlap(sextant.first_layer_spectrum(refined.W)[1][:1], U) > 0.9
    True
    """
    inputs = matrix(X, "X")
    data = rows(inputs, np.zeros((inputs.shape[0], 0)), sample_weight)
    given = for_library({"random_state": random_state})
    units, draw = whole(width, "width"), whole(redraw, "redraw", 0)
    with running(progress, threads) as run:
        return _core.network_along(matrix(S, "S"), data, units, given["seed"], draw, run)


@dataclass(frozen=True)
class Polished:
    """What :func:`polish` found.

    Attributes
    ----------
    link : HermiteFeatures
        The polynomial link; its ``U`` are the directions.
    a : ndarray
        Its coefficients.
    objective : float
        Mean squared residual and ridge, summed over targets.
    converged : bool
    best_step : int
        Whose result this is: the best on held-out rows, else the last. 0 is the start.
    trace : dict of ndarray
        Per step ``objective``, ``damping``, ``angle`` to the subspace before, in radians, and ``validation``.

    Examples
    --------
    >>> import sextant
    >>> X, y, U = sextant.generate("source", n=1000, d=5, seed=1)
    >>> found = sextant.polish(X, y, sextant.discovered_starts(X, y, 1)[0])
    >>> found.converged, found.U.shape, len(found.trace["objective"]) == found.best_step
    (True, (1, 5), True)
    """

    link: HermiteFeatures
    a: Floats
    objective: float
    converged: bool
    best_step: int
    trace: dict[str, Floats]

    @property
    def U(self) -> Floats:
        """The directions, (r, d)."""
        return self.link.U


def polish(
    X: Any,
    y: Any,
    U: ArrayLike,
    *,
    degree: int = 4,
    ridge: float = 1e-3,
    steps: int = 15,
    tolerance: float = 1e-5,
    linear: Optional[LinearPart] = None,
    held_out: Optional[tuple[Any, Any]] = None,
    sample_weight: Optional[ArrayLike] = None,
    threads: Optional[int] = None,
    progress: Progress = None,
) -> Polished:
    """Damped Gauss–Newton steps on the directions themselves, from the rows of U.

    Parameters
    ----------
    X, y, sample_weight
        Rows.
    U : array of shape (r, d)
        Where to start.
    degree, ridge, steps, tolerance
        Degree of the polynomial link, ridge of its coefficients, steps at most, and the relative fall of the objective
        at which they end.
    linear : LinearPart, optional
        Taken off y first.
    held_out : tuple (X, y), optional
        Rows whose error chooses the step.
    threads, progress
        As for :func:`fit`.

    Returns
    -------
    Polished

    Examples
    --------
    >>> import numpy as np, sextant
    >>> X, y, U = sextant.generate("source", n=1000, d=10, seed=1)
    >>> rough = U + 0.1 * np.random.default_rng(0).normal(size=U.shape)
    >>> sextant.overlap(sextant.polish(X, y, rough).U, U) > 0.999
    True
    """
    inputs, Y = matrix(X, "X"), numbers(y)
    others = None if held_out is None else rows(matrix(held_out[0], "X of held_out"), numbers(held_out[1]))
    settings = (whole(degree, "degree"), number(ridge, "ridge"), whole(steps, "steps"), number(tolerance, "tolerance"))
    with running(progress, threads) as run:
        data = rows(inputs, Y, sample_weight)
        link, a, objective, converged, best_step, trace = _core.polish(
            data, _linear(linear, inputs, Y), matrix(U, "U"), *settings, run, others
        )
    names = ("objective", "damping", "angle", "validation")
    return Polished(link, a, objective, converged, best_step, dict(zip(names, trace.T)))


def discovered_starts(
    X: Any,
    y: Any,
    r: int,
    *,
    tries: int = 1,
    linear: Optional[LinearPart] = None,
    sample_weight: Optional[ArrayLike] = None,
    threads: Optional[int] = None,
    progress: Progress = None,
) -> list[Floats]:
    """Directions to start polishing from, from the spectral moments of the rows.

    Parameters
    ----------
    X, y, sample_weight
        Rows.
    r : int
        Directions, 1 to d.
    tries : int
        For r = 1: how many leading vectors are a start of their own.
    linear : LinearPart, optional
        Taken off y first.
    threads, progress
        As for :func:`fit`.

    Returns
    -------
    list of ndarray, each of r or fewer rows

    Examples
    --------
    >>> import sextant
    >>> X, y, U = sextant.generate("source", n=1000, d=5, seed=1)
    >>> max(sextant.overlap(start, U) for start in sextant.discovered_starts(X, y, 1)) > 0.9
    True
    """
    inputs, Y = matrix(X, "X"), numbers(y)
    counts = whole(r, "r"), whole(tries, "tries")
    with running(progress, threads) as run:
        data = rows(inputs, Y, sample_weight)
        return _core.discovered_starts(data, _linear(linear, inputs, Y), *counts, run)
