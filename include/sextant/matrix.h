// Matrix aliases. Row-major double matrices hold one sample per row: component j of row i is data[i·cols + j].
// Names follow the paper: X n×d inputs, Y n×k targets, W m×d first layer, b m biases, a m×k head, U r×d directions.
#pragma once

#include <Eigen/Core>

namespace sextant {

using Index = Eigen::Index;  // 64-bit: row counts exceed 2³¹

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Vector = Eigen::VectorXd;
// What is kept in single precision: training rows of machines that need them all.
using SingleMatrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// Views without a copy on whole matrices and on blocks of them (unit inner stride, any row stride).
using MatrixView = Eigen::Ref<const Matrix>;
using MatrixSpan = Eigen::Ref<Matrix>;
using VectorView = Eigen::Ref<const Vector>;

}  // namespace sextant
