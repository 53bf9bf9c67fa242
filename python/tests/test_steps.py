"""The single steps on NumPy arrays. Oracles: the formulas of docs/method.md in NumPy, SciPy and scikit-learn."""

import numpy as np
import pytest
from scipy.linalg import subspace_angles
from sklearn.linear_model import Ridge

import sextant


@pytest.fixture(scope="module")
def normal():
    """X 300×4 and Y 300×2."""
    X = np.random.default_rng(1).normal(size=(300, 4))
    return X, np.column_stack([X[:, 0] ** 2 - 1, X[:, 1] + np.sin(X[:, 2])])


def test_one_step_is_the_gradient_step(normal):
    """W¹ = (2η/√k) (1/n) Σ (a·r) x 1[w·x ≥ 0], from W⁰ and a that the untouched start tells: with λ₁ = 0 and a tiny η,
    W is W⁰."""
    X, Y = normal
    eta = 1e-9
    start = sextant.one_step(X, Y, width=16, eta=eta, first_layer_decay=0.0, random_state=3)
    step = sextant.one_step(X, Y, width=16, eta=2.0, random_state=3)
    W = start.W
    np.testing.assert_allclose(step.W[8:], -step.W[:8], atol=1e-15)  # mirrored pairs
    # The step of each unit is Σ_t a_t G_t, with signs a_t that must be found: ±1 for each of the two targets.
    for w, moved in zip(W[:8], step.W[:8]):
        G = [2 * 2.0 / np.sqrt(2) * np.mean((Y[:, t] * (X @ w >= 0))[:, None] * X, axis=0) for t in (0, 1)]
        assert min(np.abs(s * G[0] + t * G[1] - moved).max() for s in (-1, 1) for t in (-1, 1)) < 1e-6


def test_heads_are_ridge_regression(normal):
    X, Y = normal
    network = sextant.one_step(X, Y, width=32)
    Phi = network.features(X)
    path = [1e-4, 1e-2, 1.0]
    heads = sextant.fit_heads(X, Y, network, path)
    for a, value in zip(heads, path):
        ridge = Ridge(alpha=len(X) * value / 2, fit_intercept=False).fit(Phi, Y)
        np.testing.assert_allclose(a, ridge.coef_.T, rtol=1e-6, atol=1e-8)
    errors = sextant.risks(X, Y, network, heads)
    expected = [((Y - Phi @ a) ** 2).mean(axis=0) for a in heads]
    np.testing.assert_allclose(errors, expected, rtol=1e-9)
    alone = sextant.fit_heads(X, Y[:, 0], network, path)
    np.testing.assert_allclose(alone, heads[:, :, 0], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(sextant.risks(X, Y[:, 0], network, alone), errors[:, 0], rtol=1e-9)


def test_weights_and_a_linear_part_take_part(normal):
    X, Y = normal
    w = np.random.default_rng(2).uniform(size=300)
    linear = sextant.fit_linear(X, Y, sample_weight=w)
    design = np.column_stack([np.ones(300), X]) * np.sqrt(w)[:, None]
    solution = np.linalg.lstsq(design, Y * np.sqrt(w)[:, None], rcond=None)[0]
    np.testing.assert_allclose(linear.alpha, solution[0], atol=1e-12)
    np.testing.assert_allclose(linear.beta, solution[1:], atol=1e-12)
    network = sextant.random_network(4, width=16)
    a = sextant.fit_heads(X, Y, network, 1e-2, linear=linear, sample_weight=w)[0]
    ridge = Ridge(alpha=w.sum() * 1e-2 / 2, fit_intercept=False).fit(network.features(X), Y - linear(X), sample_weight=w)
    np.testing.assert_allclose(a, ridge.coef_.T, rtol=1e-6, atol=1e-8)


def test_gradient_outer_product_and_coordinates(normal):
    X, Y = normal
    network = sextant.random_network(4, width=16)
    a = sextant.fit_heads(X, Y, network, 1e-2)[0]
    gradients = ((X @ network.W.T + network.b > 0)[:, :, None] * network.W)  # n×m×d
    slopes = np.einsum("nmd,mk->nkd", gradients, a)
    A = sextant.gradient_outer_product(X, Y, network, a)
    np.testing.assert_allclose(A, np.einsum("nkd,nke->de", slopes, slopes) / len(X), rtol=1e-10)
    S = sextant.refined_coordinates(A, 0.5)
    np.testing.assert_allclose(S.T @ S, A / np.trace(A), atol=1e-12)
    along = sextant.network_along(S, X, width=4000, random_state=1)
    np.testing.assert_allclose(along.W.T @ along.W / 4000, S.T @ S, atol=0.05)  # z ~ N(0, I), standard error 0.02


def test_angles_between_subspaces():
    generator = np.random.default_rng(4)
    U, V = generator.normal(size=(2, 6)), generator.normal(size=(3, 6))
    angles = np.sort(subspace_angles(U.T, V.T))
    np.testing.assert_allclose(sextant.principal_angles(U, V), angles, rtol=1e-10)
    assert sextant.overlap(U, V) == pytest.approx(np.mean(np.cos(angles) ** 2))
    with pytest.raises(ValueError, match="columns"):
        sextant.principal_angles(U, V[:, :5])


def test_polishing_lowers_the_objective_and_finds_the_direction():
    X, y, U = sextant.generate("source", n=600, d=8, seed=5)
    start = sextant.discovered_starts(X, y, 1)[0]
    found = sextant.polish(X, y, start, held_out=(X[:100], y[:100]), steps=8)
    assert (np.diff(found.trace["objective"]) <= 0).all() and len(found.trace["angle"]) <= 8
    assert sextant.overlap(found.U, U) > sextant.overlap(start, U)
    # J = (1/n)‖y − Φa‖² + (λ/2)‖a‖² of the step that was chosen.
    residual = y - found.link.features(X) @ found.a[:, 0]
    objective = np.mean(residual**2) + 1e-3 / 2 * np.sum(found.a**2)
    assert found.objective == pytest.approx(objective, rel=1e-6)


def test_a_reduction_finds_what_it_can():
    X = np.random.default_rng(6).normal(size=(2000, 5))
    for reduction, y in (("sir", X[:, 2] + X[:, 2] ** 3), ("save", X[:, 2] ** 2), ("phd", X[:, 2] ** 2)):
        values, directions = sextant.reduced_directions(X, y, reduction)
        assert sextant.overlap(directions[:1], np.eye(5)[2:3]) > 0.98, reduction
        assert (np.diff(np.abs(values)) <= 1e-12).all()


@pytest.mark.parametrize(
    "call, says",
    [
        (lambda X, Y, n: sextant.fit_heads(X[:, :3], Y, n), "map: 4 inputs given, expected 3 as X has"),
        (lambda X, Y, n: sextant.gradient_outer_product(X, Y, n, np.ones((15, 2))), "a: a 15×2 head given, expected 16×2"),
        (lambda X, Y, n: n.features(X[:, :3]), "features: 3 inputs given, expected 4"),
        (lambda X, Y, n: sextant.fit_linear(X, Y)(X[:, :3]), "linear: 3 inputs given, expected 4"),
        (lambda X, Y, n: sextant.LinearPart([0.0], np.ones((10**6, 1)))(X), "linear: 4 inputs given, expected 1000000"),
        (lambda X, Y, n: sextant.fit_linear(X, Y)(X * np.nan), "linear: an input is NaN or infinite"),
        (lambda X, Y, n: n.features(X * np.inf), "features: an input is NaN or infinite"),
        (lambda X, Y, n: sextant.fit_heads(X, Y, n, []), r"lambda_: an array of shape \(0,\) given"),
        (lambda X, Y, n: sextant.risks(X, Y, n, np.ones((1, 16, 3))), "heads: 3 targets given, expected 2 as y has"),
        (lambda X, Y, n: sextant.estimate_rank(np.ones((2, 2))), "spectrum: an array of 2 columns given, expected a vector"),
        (lambda X, Y, n: sextant.random_network(-1), "inputs: -1 given, expected at least 1"),
        (lambda X, Y, n: sextant.linearised_network(0), "inputs: 0 given, expected at least 1"),
        (lambda X, Y, n: sextant.network_along(np.eye(4), X, redraw=-1), "redraw: -1 given, expected at least 0"),
        (lambda X, Y, n: sextant.discovered_starts(X, Y, 1, tries=0), "tries: 0 given, expected at least 1"),
        (lambda X, Y, n: sextant.generate("source", n=5, seed=-1), "seed: -1 given, expected at least 0"),
        (lambda X, Y, n: sextant.generate("wing-weight", n=5, d=3), "d: 3 given, expected nothing: 'wing-weight' has"),
        (lambda X, Y, n: sextant.polish(X, Y, np.ones((1, 3))), "U: 3 inputs given, expected 4 as X has"),
        (lambda X, Y, n: sextant.polish(X, Y, np.ones((1, 4)), degree=0), "degree"),
        (lambda X, Y, n: sextant.one_step(X, Y[:10]), "X has 300 rows and Y has 10"),
        (lambda X, Y, n: sextant.one_step(X, Y, linear=sextant.fit_linear(X, Y[:, 0])), "linear: 1 targets given, expected 2"),
        (lambda X, Y, n: sextant.risks(X, Y, n, np.ones((16, 2))), "heads: an array of 2 dimensions given, expected 3"),
        (lambda X, Y, n: sextant.spectrum(np.ones((2, 3))), "A: a 2×3 matrix given, expected a square one"),
        (lambda X, Y, n: sextant.discovered_starts(X, Y, 5), "r: 5 given, expected 1 to 4"),
    ],
)
def test_shapes_that_do_not_fit(normal, call, says):
    network = sextant.random_network(4, width=16)
    with pytest.raises(ValueError, match=says):
        call(*normal, network)


@pytest.mark.parametrize(
    "call, says",
    [
        (lambda X, Y, n: sextant.fit_heads(X, Y, 3), "map: a int given, expected features, as one_step"),
        (lambda X, Y, n: sextant.fit_heads(X, Y, n, linear=2.0), "linear: a float given, expected a LinearPart"),
        (lambda X, Y, n: sextant.generate("source", n=3.0), "n: 3.0 given, expected a whole number"),
        (lambda X, Y, n: sextant.random_network(4, seed=7), "seed: is no option in Python, expected random_state"),
        (lambda X, Y, n: sextant.one_step(X, Y, seed=7), "seed: is no option in Python, expected random_state"),
        (lambda X, Y, n: sextant.risks(X, Y, n, np.ones((1, 16, 2)), threads=1.5), "threads: 1.5 given, expected a whole"),
        (lambda X, Y, n: sextant.refined_coordinates(np.eye(2), "a"), "power: 'a' given, expected a number"),
    ],
)
def test_arguments_of_a_wrong_type(normal, call, says):
    network = sextant.random_network(4, width=16)
    with pytest.raises(TypeError, match=says):
        call(*normal, network)
