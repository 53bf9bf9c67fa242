// Docstrings of the classes that steps.cpp binds, with examples that python/tests/test_documentation.py runs.
#pragma once

namespace sextant::python {

inline constexpr const char* features_doc = R"(The features φ(x) of rows.

Parameters
----------
X : array of shape (n, d)
    Inputs, finite numbers.

Returns
-------
ndarray of shape (n, P)

Examples
--------
>>> import sextant
>>> sextant.ReluNetwork([[1, -1]], [0.5]).features([[3, 1], [1, 3]])
array([[2.5],
       [0. ]])
)";

inline constexpr const char* relu_network_doc = R"(Units φ(x) = max(Wx + b, 0).

Parameters
----------
W : array of shape (m, d)
    The first layer.
b : array of shape (m,)
    Biases.

Examples
--------
>>> import sextant
>>> network = sextant.ReluNetwork([[1, 0], [0, 1]], [0, -1])
>>> network.width, network.inputs
(2, 2)
)";

inline constexpr const char* linearised_network_doc =
    R"(Features φ(x) = ∂f/∂θ of a network at its start, as linearised_network makes it.

Examples
--------
>>> import sextant
>>> network = sextant.linearised_network(10, width=4)
>>> network.W.shape, network.a.shape, network.width
((4, 10), (4,), 48)
)";

inline constexpr const char* kernel_sections_doc =
    R"(Sections φ(x) = [K(x, c_j)]_j of a kernel at its centres c_j, as a fitted kernel has them.

Examples
--------
>>> import sextant
>>> X, y, U = sextant.generate("source", n=50, d=3, seed=1)
>>> model = sextant.fit(X, y, method="kernel-gaussian")
>>> weight, sections, a = model.predictors[0]
>>> sections.centres.shape, sections.features(X[:2]).shape
((50, 3), (2, 50))
)";

inline constexpr const char* leaf_machine_doc =
    R"(Kernels at the rows of the leaf that x falls into, 0 at all others: what ``auto`` learns from many rows.

Examples
--------
>>> import sextant
>>> X, y, U = sextant.generate("source", n=1300, d=2, seed=1)
>>> model = sextant.fit(X, y, budget=1)
>>> machines = [map for _, map, _ in model.predictors if isinstance(map, sextant.LeafMachine)]
>>> all(machine.features(X[:2]).shape == (2, machine.width) for machine in machines)
True
)";

inline constexpr const char* hermite_features_doc =
    R"(Products of Hermite polynomials of z = Ux − c up to a total degree, as polish finds them.

Examples
--------
>>> import sextant
>>> X, y, U = sextant.generate("source", n=500, d=5, seed=1)
>>> link = sextant.polish(X, y, U, degree=4).link
>>> link.U.shape, link.degree, link.width
((1, 5), 4, 5)
)";

inline constexpr const char* linear_part_doc = R"(The affine part α + βᵀx of a predictor; call it with rows.

Parameters
----------
alpha : array of shape (k,)
    One per target.
beta : array of shape (d, k)
    A column per target.

Examples
--------
>>> import sextant
>>> linear = sextant.LinearPart([1.0], [[2.0], [3.0]])
>>> linear([[1, 1], [0, 1]])
array([[6.],
       [4.]])
)";

inline constexpr const char* linear_part_call_doc = R"(Its values at rows.

Parameters
----------
X : array of shape (n, d)
    Inputs, finite numbers.

Returns
-------
ndarray of shape (n, k)

Examples
--------
>>> import sextant
>>> sextant.LinearPart([1.0], [[2.0]])([[3.0]])
array([[7.]])
)";

}  // namespace sextant::python
