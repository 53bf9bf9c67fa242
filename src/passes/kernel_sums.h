// Σ_j a_j K(x, z_j) for a kernel of the distance, many x and few coordinates: what predictions of leaf machines and of
// kernels with landmarks cost. Private.
//
// Distances are sums of squared differences, so that nothing cancels, of coordinates that are counted from the centres'
// mean. Every query is summed by itself: it gets the same bits whatever other queries there are.
//
// Precision. In single precision K(x, z_j) has an error of about ε/2, ε = 2⁻²⁴, from its exponential, and from rounded
// coordinates one of about Rε/2, R² the mean of ‖z_j‖²/L² (R the mean of ‖z_j‖₁/L), where z_j is near; which about one
// in R is. So the sum has an error of about ½ε√(1 + R)‖a‖. Where that is at most single_error, exponentials are in
// single precision, twice as fast, but of fewer than 512 centres; sums are in double in any case. So precision follows
// from the centres and their head: not from what comes of it, nor from the queries.
#pragma once

#include <optional>
#include <variant>
#include <vector>

#include "sextant/kernel.h"
#include "sextant/matrix.h"
#include "sextant/precision.h"

namespace sextant {

// Of a target's standard deviation: predictors learn targets of variance 1.
inline constexpr double single_error = 2e-5;

class KernelSums {
 public:
  // Whether there are sums for this kernel on q coordinates; with more of them, matrix products are faster.
  [[nodiscard]] static bool serve(const Kernel& kernel, Index q);
  // Centres m×q of a kernel of the distance with heads a m×k. Cost a few m·(q + k).
  KernelSums(const Kernel& kernel, const MatrixView& centres, const MatrixView& a,
             std::optional<Precision> precision = {});
  [[nodiscard]] Precision precision() const {
    return std::holds_alternative<Blocks<double>>(blocks_) ? Precision::float64 : Precision::float32;
  }
  // F n×k += factor · the sums at the rows of X n×q. Cost n·m·(2q + 60 + k), and n·q·k with a trend.
  void add(const MatrixView& X, double factor, MatrixSpan F) const;

 private:
  template <class Scalar>
  using Blocks = std::vector<Scalar>;  // (z_j − origin)/L, as distance_loops::add_kernel_sums has them
  template <class Scalar>
  void lay_out(const Matrix& Z);

  Norm norm_;
  Index coordinates_;  // q and what is missing to a multiple of four
  double half_;
  double scale_;           // 1/L
  Vector origin_;          // q
  Matrix slope_;           // q×k: ω Σ_j z_j a_jᵀ; empty without a trend
  std::vector<double> a_;  // k×centres, block by block
  Index targets_;
  Index count_;  // of blocks
  std::variant<Blocks<double>, Blocks<float>> blocks_;
};

// The same for any kernel and any q: F += factor·K(X, centres)·a, by matrix products of some centres at a time.
void add_kernel_outputs(const Kernel& kernel, const MatrixView& X, const MatrixView& centres, const MatrixView& a,
                        double factor, MatrixSpan F);

}  // namespace sextant
