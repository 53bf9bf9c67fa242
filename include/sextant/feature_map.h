// Feature maps φ: R^d → R^P. The head knows only sums over φ(x_i), or inner products of pairs of them, so whatever is
// listed in FeatureMap shares one ridge head, one λ path and one validation rule. The list is closed: an executor
// implements every pass for every kind on it. The predictor is x ↦ aᵀφ(x) for a head a, P×k.
#pragma once

#include <memory>
#include <variant>

#include "sextant/kernel.h"
#include "sextant/leaf_machine.h"
#include "sextant/matrix.h"

namespace sextant {

// φ(x) = σ(Wx + b), σ = ReLU, W m×d, b m.
//
// A mirrored network stores only the first m/2 rows of W: unit j + m/2 has row −w_j (and its own bias), so its
// projection differs in sign only.
struct ReluNetwork {
  Matrix W;  // m×d, or (m/2)×d when mirrored
  Vector b;  // m
  bool mirrored = false;

  [[nodiscard]] Index width() const { return b.size(); }   // m
  [[nodiscard]] Index inputs() const { return W.cols(); }  // d
  [[nodiscard]] Matrix first_layer() const;                // all m rows
};

// The network linearised at its start: φ(x) = ∂f/∂θ, the features of the finite-width neural tangent kernel,
//   [c_a σ(z_j)]_j (for a), [c_W a_j 1[z_j ≥ 0] x]_j (for W, unit by unit), [c_W a_j 1[z_j ≥ 0]]_j (for b),
// z = Wx + b, in this order, as far as `blocks` has them: P = m·(1 + d + 1). For f = Σ_j a_j σ(z_j) with a_j = ±1/√m,
// c_a = 1 and c_W = 1/√m; for f = m^{−1/2} Σ_j a_j σ(z_j) with a_j = ±1, both are 1/√m.
struct LinearisedNetwork {
  Matrix W;  // m×d
  Vector b;  // m
  Vector a;  // m signs, ±1
  NtkBlocks blocks;
  double unit_scale = 1;      // c_a
  double gradient_scale = 1;  // c_W

  [[nodiscard]] Index units() const { return b.size(); }                                               // m
  [[nodiscard]] Index width() const { return units() * (blocks.a + blocks.W * inputs() + blocks.b); }  // P
  [[nodiscard]] Index inputs() const { return W.cols(); }                                              // d
};

// φ(x) = [K(Sx, c_j)]_j: the sections of a kernel at its centres, in coordinates Sx (or x itself). Kernel ridge
// regression is f = Σ_j a_j K(S·, c_j) with the training rows as centres; its head is found from the pairs K(Sx_i,
// Sx_j) alone. With landmarks, some of the rows, it is the approximation of Nyström (Williams and Seeger, NIPS 2000):
// the head minimises over the same functions f, with the kernel's own norm aᵀK_cc a, from sums over rows.
struct KernelSections {
  Kernel kernel;
  Matrix centres;          // P×q, in the coordinates of the kernel
  Matrix S = {};           // q×d; empty: the inputs themselves are the coordinates
  bool landmarks = false;  // the centres are some of the rows, not all that the head is fitted on
  // Of a kernel on lifted inputs that knows them: the centres' rows X before the lift e, centres = S·e(X). They are
  // what a model's file keeps, being d numbers a row where e has d times its intervals.
  std::shared_ptr<const Matrix> before_lift = {};  // P×d

  [[nodiscard]] Index width() const { return centres.rows(); }                             // P
  [[nodiscard]] Index inputs() const { return S.size() > 0 ? S.cols() : centres.cols(); }  // d
  [[nodiscard]] Matrix coordinates(const MatrixView& X) const;                             // n×d → n×q
};

// All products of normalised Hermite polynomials of z = Ux − c of total degree at most D, a smooth link of few
// directions:
//   φ(x) = [Π_l he_{α_l}(z_l)]_{|α| ≤ D},   P = (r + D choose D), in the order of product_terms(r, D)
//   (product_terms.h).
// Beyond [low, high], where no training row was, each he_k goes on along its tangent: a polynomial's growth there would
// be nothing but its degree.
struct HermiteFeatures {
  Matrix U;     // r×d; rows scaled so that each z_l has about unit variance
  Vector c;     // r
  Vector low;   // r: range of z_l over the training rows
  Vector high;  // r
  int degree = 2;

  [[nodiscard]] Index width() const;                       // P
  [[nodiscard]] Index inputs() const { return U.cols(); }  // d
};

// LeafMachine: leaf_machine.h.
using FeatureMap = std::variant<ReluNetwork, LinearisedNetwork, KernelSections, HermiteFeatures, LeafMachine>;

[[nodiscard]] Index width(const FeatureMap& map);   // P
[[nodiscard]] Index inputs(const FeatureMap& map);  // d

// All of the following run on the calling thread.

// X n×d → Φ n×P. Cost n·d·m multiply-adds (half of it for a mirrored network), n·P for what lies beyond.
void features(const FeatureMap& map, const MatrixView& X, MatrixSpan Phi);

// F += factor·Φa for heads a P×c, F n×c, without holding Φ where P is large. Cost of `features` and n·P·c.
void add_outputs(const FeatureMap& map, const MatrixView& X, const MatrixView& a, double factor, MatrixSpan F);

// ∇_x of x ↦ cᵀφ(x) for one column c (P) of a head, at each row of X: G n×d. Cost 2·n·d·m multiply-adds, half if
// mirrored, 2·n·q·P + n·q·d for kernel sections and, with a leaf's rows for P, for leaf machines, n·r·(P + 2d) for
// Hermite features. For the ReLU network it is Σ_j c_j 1[w_j·x + b_j > 0] w_j. At a kernel's cusp (Laplace and tangent
// kernels at a centre) the centre's own part counts as 0, the mean of its one-sided slopes.
void feature_gradient(const FeatureMap& map, const MatrixView& X, const VectorView& c, MatrixSpan G);

// What inner products of features need of rows X n×d beside X itself: n×m (units), n×q (coordinates of a kernel), n×P.
[[nodiscard]] Matrix activations(const FeatureMap& map, const MatrixView& X);
// K n×n' = ⟨φ(x_i), φ(x'_j)⟩ from rows and their activations; for kernel sections K(x_i, x'_j), as in the kernel's own
// space. Cost n·n'·m; never P.
void inner_products(const FeatureMap& map, const MatrixView& X, const MatrixView& A, const MatrixView& X_other,
                    const MatrixView& A_other, MatrixSpan K);

}  // namespace sextant
