// Kernels for products of small matrices, each compiled for its shape at run time. Private.
//
// LIBXSMM's (A. Heinecke, G. Henry, M. Hutchinson, H. Pabst, SC 2016), where Sextant is built with it and the processor
// has AVX2.
#pragma once

#include <string>

#include "core/linalg.h"

namespace sextant::linalg {

// Whether there are any, for all of a process's life.
[[nodiscard]] bool have_small_kernels();

// What tells kernels apart: C rows×cols = op(A)·B, or += with `add`, all row-major and so many entries from row to row.
struct SmallShape {
  Op op_A;
  bool add;
  int rows;
  int inner;
  int cols;
  int A_stride;
  int B_stride;
  int C_stride;
  bool operator==(const SmallShape&) const = default;
};

template <class Scalar>
class SmallKernel {
 public:
  SmallKernel() = default;
  // False where LIBXSMM cannot compile one, as where memory may not be executed. Cost some 25 µs at first, then 40 ns.
  explicit SmallKernel(const SmallShape& shape);
  explicit operator bool() const { return compiled_ != nullptr; }
  void operator()(const Scalar* A, const Scalar* B, Scalar* C) const;

 private:
  void (*compiled_)(const Scalar*, const Scalar*, Scalar*, ...) = nullptr;
};

// "LIBXSMM 1.17 for clx", or nothing without kernels.
[[nodiscard]] std::string small_kernels_description();

}  // namespace sextant::linalg
