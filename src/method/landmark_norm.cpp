#include "method/landmark_norm.h"

#include <utility>

#include "sextant/error.h"

namespace sextant {

linalg::Cholesky landmark_norm(const KernelSections& sections) {
  Matrix K(sections.width(), sections.width());
  kernel_matrix(sections.kernel, sections.centres, sections.centres, K);
  K = (0.5 * (K + K.transpose())).eval();
  const double unit = K.diagonal().cwiseAbs().maxCoeff();
  for (double jitter = 1e-10; jitter < 1; jitter *= 100) {
    K.diagonal().array() += jitter * unit;
    if (auto factor = linalg::Cholesky::of(K, "kernel at its landmarks")) return *std::move(factor);
  }
  throw NumericalError("ridge head: the kernel's matrix at its landmarks is not positive definite");
}

}  // namespace sextant
