#include "core/small_kernels.h"

namespace sextant::linalg {

bool have_small_kernels() { return false; }

template <class Scalar>
SmallKernel<Scalar>::SmallKernel(const SmallShape&) {}
template <class Scalar>
void SmallKernel<Scalar>::operator()(const Scalar*, const Scalar*, Scalar*) const {}
template class SmallKernel<double>;
template class SmallKernel<float>;

std::string small_kernels_description() { return {}; }

}  // namespace sextant::linalg
