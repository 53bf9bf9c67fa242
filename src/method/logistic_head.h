// Heads by log-loss: multinomial logistic regression on features (Cox 1958; Zhu and Hastie, Kernel logistic regression
// and the import vector machine, JCGS 2005). Private to the method layer and the search.
//
// n rows with class y_i and weight w_i (Σ w = 1), P features Φ, k classes, logits z = bias + Aᵀφ(x), p = softmax(z):
//
//   J(A, bias) = −Σ_i w_i log p_{i, y_i} + λ/2 Σ_c a_cᵀNa_c
//
// with N = LLᵀ the kernel's norm K_cc where the features are sections of a kernel, else I. J is minimised in θ = LᵀA,
// in which the penalty is λ/2‖θ‖², by L-BFGS (Liu and Nocedal, Mathematical Programming 45, 1989) that starts from the
// inverse of ¼ΨᵀWΨ + λI, Ψ = ΦL⁻ᵀ: near Böhning's bound on the Hessian (Annals of the Institute of Statistical
// Mathematics 44, 1992), so that few steps are needed whatever the features' condition.
#pragma once

#include <optional>
#include <vector>

#include "core/linalg.h"
#include "sextant/context.h"
#include "sextant/matrix.h"
#include "sextant/predictor.h"
#include "sextant/row_source.h"

namespace sextant {

// Rows whose targets are indicators of classes, on whatever scale: column t is low_t, or where the row is of class t
// low_t + scale_t.
struct ClassRows {
  Matrix Phi;                 // n×P
  std::vector<Index> labels;  // n
  Vector w;                   // n, sums to 1
  Vector low;                 // k
  Vector scale;               // k: 0 of a class that no row has
};
// Features of the rows of positive weight by a predictor's map (its head is not asked for); the scale is that of
// `like`, if given, else their own. Memory 8·n·P bytes.
[[nodiscard]] ClassRows class_rows(const RowSource& rows, const Predictor& predictor, const Context& context,
                                   const ClassRows* like = nullptr);

struct LogisticHead {
  Matrix a;     // P×k
  Vector bias;  // k
};

// One problem along a path of λ, each solution starting from the one before.
class LogisticPath {
 public:
  // Throws NumericalError when the features are not finite. Cost n·P² + P³/3.
  LogisticPath(const FeatureMap& map, const ClassRows& rows);
  // Cost P³/3, and 4·n·P·k for each of at most 100 steps, about 10 if λ is a few times smaller than before.
  [[nodiscard]] LogisticHead at(double lambda);

 private:
  const ClassRows& rows_;
  std::optional<linalg::Cholesky> norm_;  // L; none: I
  Matrix Psi_;                            // n×(P + 1): ΦL⁻ᵀ and a column of ones
  Matrix gram_;                           // ΨᵀWΨ
  Matrix theta_;                          // (P + 1)×k
};

// The mean log-loss of a head on rows.
[[nodiscard]] double log_loss(const LogisticHead& head, const ClassRows& rows);

// The predictor on the scale of the rows' targets, as a term beside the constant `low`.
[[nodiscard]] Predictor shares_predictor(Predictor predictor, const LogisticHead& head, const ClassRows& rows);

}  // namespace sextant
