#include "sextant/version.h"

#include "core/linalg.h"

namespace sextant {

std::string version() { return SEXTANT_VERSION; }

std::string blas_version() { return linalg::blas_description(); }

}  // namespace sextant
