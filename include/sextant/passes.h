// The passes: every heavy quantity of the method as a sum over rows. This is the closed list that an executor
// implements; the one here runs on the processor's cores.
//
// A pass reads its source block by block (Context::block_rows), sums blocks in their order and never holds anything of
// size n×m. Inside a block it is parallel over tiles that depend on shapes only, BLAS on one thread in each, so that
// bits do not depend on the number of threads, and memory little (three blocks are in flight on two threads, six on
// eight and more, one on one). Another block size changes sums by rounding, about 1e-13 relative (in double precision).
//
// Sums are weighted by the rows' w_i and divided by n = Σ w_i. All passes throw what their source throws, Cancelled,
// and DataError when n = 0. Costs are in multiply-adds. r_i = y_i − α − βᵀx_i is the residual of the linear part.
#pragma once

#include <vector>

#include "sextant/context.h"
#include "sextant/feature_map.h"
#include "sextant/linear_part.h"
#include "sextant/precision.h"
#include "sextant/predictor.h"
#include "sextant/row_source.h"

namespace sextant {

// First and second moments. Cost n·(d + k)²/2.
struct Moments {
  Index rows = 0;  // with positive weight
  double n = 0;    // Σ w_i
  Vector x_mean;   // d
  Vector y_mean;   // k
  Matrix xx;       // d×d: (1/n) Σ w (x − x̄)(x − x̄)ᵀ; empty in the dual form of wide tables
  Vector xx_diag;  // d: its diagonal
  Matrix xy;       // d×k: (1/n) Σ w (x − x̄)(y − ȳ)ᵀ
  Matrix yy;       // k×k: (1/n) Σ w (y − ȳ)(y − ȳ)ᵀ
  Vector x_min;    // d, over rows with positive weight
  Vector x_max;
  Vector y_min;  // k
  Vector y_max;
};
// Accumulated about the first row that counts, so that a large common offset costs no digits. The sums of products are
// in this precision, but in double where single does not serve the inputs' covariance: correlations closer to singular
// than 1e-4, or a first row ten standard deviations from the mean (then in a second reading). All else is in double.
[[nodiscard]] Moments moments(const RowSource& source, const Context& context,
                              Precision precision = Precision::float64);

// The same without xx, for tables with more inputs than rows, whose pairs of rows say what xx would (wide_rows.h). Cost
// n·d·(k + 2), memory d·(k + 5).
[[nodiscard]] Moments marginal_moments(const RowSource& source, const Context& context);

// Means of the inputs over the cells that are not missing (NaN), each cell between its input's low and high if these
// are given. NaN of an input without any.
[[nodiscard]] Vector input_means(const RowSource& source, const Context& context, const Vector& low = {},
                                 const Vector& high = {});

// Where the rows' projections Ux lie, over rows with positive weight. Cost n·r·d.
struct Ranges {
  Vector low;   // r
  Vector high;  // r
};
[[nodiscard]] Ranges projection_ranges(const RowSource& source, const MatrixView& U, const Context& context);

// The first-layer gradient of the network at its symmetric start, up to the factor −2/√k:
//   G_j = (1/n) Σ_i w_i (a_j·r_i) x_i 1[w_j·x_i ≥ 0],   W h×d, a h×k, G h×d.
// Cost 2·n·d·h. (A mirrored unit has −w_j and −a_j and gives −G_j.)
[[nodiscard]] Matrix first_layer_gradient(const RowSource& source, const LinearPart& linear, const MatrixView& W,
                                          const MatrixView& a, const Context& context,
                                          Precision precision = Precision::float64);

// Second moments of the inputs weighted by a function T of each target's residual, where a hidden direction stands out
// even if the gradient step cannot see it:
//   M_t = (1/n) Σ_i w_i (T(r_it/s_t) − T̄) (x_i − x̄)(x_i − x̄)ᵀ,   s_t the residual's standard deviation.
// `clipped` T(u) = max(−2, min(2, u)) sees the expected Hessian without its heavy tails; `magnitude` T(u) = min(|u|,
// 2.5) sees even functions of the residual, as for He_3, whose own Hessian is 0. (For the generative exponent, which
// such T reach, see Damian, Pillaud-Vivien, Lee and Bruna 2024.) `of_rows`: the moments of the same rows. k matrices
// d×d; cost k·n·d²/2.
enum class LabelTransform { clipped, magnitude };
[[nodiscard]] std::vector<Matrix> spectral_moments(const RowSource& source, const LinearPart& linear,
                                                   const Moments& of_rows, LabelTransform transform,
                                                   const Context& context);

// The same, and the linear part, for many responses at once (a target dealt to the rows anew by many permutations,
// say). Column b of `responses` (rows×B, in the order of the source's rows) is a response y; r = y − ȳ − βᵀ(x − x̄) is
// what least squares, β = Σ̂⁺(1/n)Σ w (x − x̄)(y − ȳ), leave of it; s is the standard deviation of r. In noise's own
// units:
//   cross_b = (1/n) Σ w (y − ȳ)(x − x̄) / s,
//   M_b     = (1/n) Σ w (T(r/s) − T̄) (x − x̄)(x − x̄)ᵀ / sd(T), for both transforms,
// so that an entry has a standard deviation of 1/√n where y and standardised x are independent. A response that is
// linear to rounding (s² ≤ 10⁻¹² of y's variance) has M = 0 and s at that floor; one that is constant has all 0.
// `of_rows`: the moments of the rows (their y's are not read), `inverse`: Σ̂⁺. Two readings; cost B·n·d·(d + 2). Throws
// InvalidArgument when shapes do not fit.
struct ResponseMoments {
  Matrix cross;                   // B×d
  std::vector<Matrix> clipped;    // B of d×d
  std::vector<Matrix> magnitude;  // B of d×d
};
[[nodiscard]] ResponseMoments response_moments(const RowSource& source, const Moments& of_rows, const Matrix& inverse,
                                               const Matrix& responses, const Context& context);

// What the ridge head needs. Cost n·(features + m²/2).
struct FeatureSums {
  double n = 0;
  Matrix gram;    // m×m: (1/n) Σ w φφᵀ
  Matrix moment;  // m×k: (1/n) Σ w φ rᵀ
};
[[nodiscard]] FeatureSums feature_sums(const RowSource& source, const LinearPart& linear, const FeatureMap& map,
                                       const Context& context, Precision precision = Precision::float64);

// The pair passes: blocks of rows against blocks of rows, for heads with fewer rows than features and for kernels.
// Their rows are gathered first; memory is n² + n·(d + m) doubles, whatever P is.

// What the head needs in its kernel form. Cost n²·m/2 (n²·d/2 and elementary functions for a kernel).
struct PairSums {
  double n = 0;
  Matrix K;       // rows×rows: √(w_i w_j) ⟨φ(x_i), φ(x_j)⟩
  Matrix R;       // rows×k: √w_i r_i
  Vector root_w;  // rows
};
[[nodiscard]] PairSums pair_sums(const RowSource& source, const LinearPart& linear, const FeatureMap& map,
                                 const Context& context);

// Σ_i φ(x_i) c_iᵀ for coefficients C rows×c: P×c. Takes a head from its kernel form to features. Cost n·P·c.
[[nodiscard]] Matrix feature_combination(const RowSource& source, const FeatureMap& map, const MatrixView& C,
                                         const Context& context);

// Errors of many heads at once, e_ic = r_i,t(c) − a_cᵀφ(x_i) for the columns a_c of a m×c and their targets t(c).
// Cost n·(features + P·c).
struct Risks {
  double n = 0;
  Vector square;    // c: (1/n) Σ w e²
  Vector fourth;    // c: (1/n) Σ w e⁴, from which the standard error of `square` is √((fourth − square²)/rows)
  Vector absolute;  // c: (1/n) Σ w |e|
  Index rows = 0;   // with positive weight
};
[[nodiscard]] Risks risks(const RowSource& source, const LinearPart& linear, const FeatureMap& map, const MatrixView& a,
                          const std::vector<Index>& target_of_column, const Context& context);

// The same of one predictor that is a sum, c = k columns of them.
[[nodiscard]] Risks risks(const RowSource& source, const LinearPart& linear, const std::vector<Predictor>& predictors,
                          const Context& context);

// The average gradient outer product of f(x) = α + βᵀx + Σ_p weight_p a_pᵀφ_p(x), summed over targets:
//   A = (1/n) Σ_i w_i Σ_t ∇f_t(x_i) ∇f_t(x_i)ᵀ,   d×d.
// Its leading eigenvectors are the directions in which f varies most. Cost k·n·(feature_gradient + d²/2). The second
// form is of the one predictor aᵀφ.
[[nodiscard]] Matrix gradient_outer_product(const RowSource& source, const LinearPart& linear,
                                            const std::vector<Predictor>& predictors, const Context& context);
[[nodiscard]] Matrix gradient_outer_product(const RowSource& source, const LinearPart& linear, const FeatureMap& map,
                                            const MatrixView& a, const Context& context);

// The same of wide tables, as B q×d with A ≈ BᵀB: rows √λ_i v_i of its leading eigenpairs, λ descending, from the
// gradients' pairs. As many as carry all but 10⁻⁶ of the trace, at most 64. Of n·k gradients of more than 2²⁵ numbers,
// a regular sample of the rows is taken. Cost k·n·(feature_gradient) + (k·n)²·d/2 + 9·(k·n)³.
[[nodiscard]] Matrix gradient_factor(const RowSource& source, const LinearPart& linear,
                                     const std::vector<Predictor>& predictors, const Context& context);

// One Gauss–Newton step for the directions U r×d of f(x) = aᵀφ(Ux): with residuals e_it = r_it − a_tᵀφ(Ux_i) and slopes
// D_it = ∇_z a_tᵀφ(z) at z = Ux_i, the normal equations of the linearised problem e ≈ D_itᵀ δ x_i,
//   H = (1/n) Σ_i w_i Σ_t (D_it D_itᵀ) ⊗ (x_i x_iᵀ),   g = (1/n) Σ_i w_i Σ_t e_it D_it ⊗ x_i,
// where entry (l, j) of δ has place l·d + j. `map` is a function of z. Cost k·n·(rd)²/2 and that of the features.
struct GaussNewtonSums {
  Matrix H;  // rd×rd
  Vector g;  // rd
};
[[nodiscard]] GaussNewtonSums gauss_newton_sums(const RowSource& source, const LinearPart& linear, const MatrixView& U,
                                                const FeatureMap& map, const MatrixView& a, const Context& context);
// H δ for δ r×d, without holding H, and g: for large r·d, where conjugate gradients take fewer products than H has
// rows. Cost 2·k·n·r·d and that of the features.
[[nodiscard]] Matrix gauss_newton_product(const RowSource& source, const MatrixView& U, const FeatureMap& map,
                                          const MatrixView& a, const MatrixView& delta, const Context& context);
[[nodiscard]] Matrix gauss_newton_gradient(const RowSource& source, const LinearPart& linear, const MatrixView& U,
                                           const FeatureMap& map, const MatrixView& a, const Context& context);

}  // namespace sextant
