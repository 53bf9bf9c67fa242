// Kernel ridge regression on few rows: k(u, u') = exp(−(‖u − u'‖/L)^q) with the constant fitted beside it, settings by
// leave-one-out residuals,
//
//   K_c = H K Hᵀ, H = I − 1wᵀ,   √W K_c √W = QSQᵀ,   Ψ = W^{−½}QS^½,   a = HᵀW^½QS^{−½}·head,
//
// and LooRidge (wide_linear.h) on Ψ. Of more than 300 rows, 300 are centres (Nyström): Ψ = K_nm V e^{−½} for K_mm =
// V diag(e) Vᵀ. L² = b·median ‖u − u'‖². Private to the method layer.
#pragma once

#include <optional>
#include <vector>

#include "method/wide_linear.h"
#include "sextant/kernel.h"

namespace sextant {

inline constexpr Index most_kernel_centres = 300;

// One kernel on rows' coordinates U n×q, its features ready for any target.
class KernelOnRows {
 public:
  KernelOnRows(const Matrix& U, const Vector& w, double exponent, double b, std::optional<double> median = {});

  [[nodiscard]] LeftOut best(const Vector& y) const;
  // Coefficients a m of the centres and the constant, of a head.
  struct Head {
    Vector a;
    double constant = 0;
  };
  [[nodiscard]] Head head(const Vector& of_features) const;
  [[nodiscard]] const Kernel& kernel() const { return kernel_; }
  [[nodiscard]] const Matrix& centres() const { return centres_; }
  [[nodiscard]] const std::vector<Index>& centre_rows() const { return centre_rows_; }

 private:
  Kernel kernel_;
  std::vector<Index> centre_rows_;
  Matrix centres_;  // m×q
  std::optional<LooRidge> ridge_;
  Matrix to_centres_;  // m×r: a = to_centres·head
  Vector offset_;      // r: constant = −offset·head
};

// The kernel whose leave-one-out error, averaged over the targets Y n×k (centred), is least.
struct KernelFit {
  KernelOnRows rows;
  std::vector<LeftOut> of_target;  // k
  double error = 0;                // mean over targets of the error relative to the target's variance
};
struct KernelGrid {
  std::vector<double> exponents = {2.0};
  std::vector<double> b = {0.1, 0.3, 1, 3, 10, 100};
};
[[nodiscard]] KernelFit best_kernel(const Matrix& U, const Matrix& Y, const Vector& w, const KernelGrid& grid = {});

// Mean over rows and sum over targets of the fit's slopes along U's coordinates: M q×q.
[[nodiscard]] Matrix kernel_outer_product(const KernelFit& fit, const Matrix& U, const Vector& w);

// Coordinates for the next kernel: rows (e_i/e_1)^½ v_iᵀ of M + 1e-4·tr M/q·I for e_i/e_1 > 1e-3, at most `most`.
[[nodiscard]] Matrix next_coordinates(const Matrix& M, Index most);

[[nodiscard]] double best_kernel_cost(Index rows, Index coordinates, std::size_t settings);

}  // namespace sextant
