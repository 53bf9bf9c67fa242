#include "passes/kernel_sums.h"

#include <cmath>

#include "core/linalg.h"
#include "passes/distance_loops.h"
#include "passes/executor.h"

namespace sextant {
namespace {

using distance_loops::centres_together;
using distance_loops::coordinates_together;

// More of them take longer one by one than by a matrix product, where there is one.
constexpr Index most_coordinates = 64;

// So few take so little time that nothing is gained by single precision.
constexpr Index few_centres = 512;

Precision precision_for(Norm norm, const Matrix& Z, const MatrixView& a) {
  if (Z.rows() < few_centres) return Precision::float64;
  const auto m = static_cast<double>(Z.rows());
  const double R = norm == Norm::city_block ? Z.lpNorm<1>() / m : std::sqrt(Z.squaredNorm() / m);
  const double error = 0x1p-25 * std::sqrt(1 + R) * a.colwise().norm().maxCoeff();
  return error <= single_error ? Precision::float32 : Precision::float64;
}

}  // namespace

bool KernelSums::serve(const Kernel& kernel, Index q) {
  const auto distance = distance_loops::of_distance(kernel);
  return distance && (distance->norm == Norm::city_block || q <= most_coordinates);
}

KernelSums::KernelSums(const Kernel& kernel, const MatrixView& centres, const MatrixView& a,
                       std::optional<Precision> precision)
    : coordinates_((centres.cols() + coordinates_together - 1) / coordinates_together * coordinates_together),
      targets_(a.cols()),
      count_((centres.rows() + centres_together - 1) / centres_together) {
  const auto distance = distance_loops::of_distance(kernel).value();
  norm_ = distance.norm;
  half_ = distance.half;
  scale_ = norm_ == Norm::city_block ? distance.scale : std::sqrt(distance.scale);
  origin_ = centres.colwise().mean();
  if (kernel.trend > 0) slope_ = kernel.trend * (centres.transpose() * a);
  const Matrix Z = scale_ * (centres.rowwise() - origin_.transpose());
  a_.assign(static_cast<std::size_t>(count_ * targets_ * centres_together), 0.0);  // of a centre that is none: 0
  for (Index j = 0; j < a.rows(); ++j)
    for (Index t = 0; t < targets_; ++t)
      a_[static_cast<std::size_t>((j / centres_together * targets_ + t) * centres_together + j % centres_together)] =
          a(j, t);
  if (precision.value_or(precision_for(norm_, Z, a)) == Precision::float64)
    lay_out<double>(Z);
  else
    lay_out<float>(Z);
}

template <class Scalar>
void KernelSums::lay_out(const Matrix& Z) {
  auto& z = blocks_.emplace<Blocks<Scalar>>(static_cast<std::size_t>(count_ * coordinates_ * centres_together));
  for (Index j = 0; j < Z.rows(); ++j) {
    Scalar* const to = z.data() + j / centres_together * coordinates_ * centres_together + j % centres_together;
    for (Index l = 0; l < Z.cols(); ++l) to[l * centres_together] = static_cast<Scalar>(Z(j, l));
  }
}

void KernelSums::add(const MatrixView& X, double factor, MatrixSpan F) const {
  Matrix sums = Matrix::Zero(X.rows(), targets_);
  std::visit(
      [&]<class Scalar>(const Blocks<Scalar>& z) {
        std::vector<Scalar> x(static_cast<std::size_t>(X.rows() * coordinates_));
        for (Index i = 0; i < X.rows(); ++i)
          for (Index l = 0; l < X.cols(); ++l)
            x[static_cast<std::size_t>(i * coordinates_ + l)] = static_cast<Scalar>(scale_ * (X(i, l) - origin_[l]));
        for (Index block = 0; block < count_; ++block)
          distance_loops::add_kernel_sums(norm_, X.rows(), coordinates_, x.data(),
                                          z.data() + block * coordinates_ * centres_together, half_, targets_,
                                          a_.data() + block * targets_ * centres_together, sums.data());
      },
      blocks_);
  if (slope_.size() > 0) sums.noalias() += X * slope_;
  F += factor * sums;
}

void add_kernel_outputs(const Kernel& kernel, const MatrixView& X, const MatrixView& centres, const MatrixView& a,
                        double factor, MatrixSpan F) {
  const Tiles tiles{centres.rows(), 512};
  Matrix K;
  for (Index tile = 0; tile < tiles.count(); ++tile) {
    K.resize(X.rows(), tiles.length(tile));
    kernel_matrix(kernel, X, centres.middleRows(tiles.first(tile), tiles.length(tile)), K);
    linalg::gemm(linalg::Op::none, linalg::Op::none, factor, K, a.middleRows(tiles.first(tile), tiles.length(tile)),
                 1.0, F);
  }
}

}  // namespace sextant
