// What this library is and what it runs on.
#pragma once

#include <string>

namespace sextant {

// "0.1.0"
[[nodiscard]] std::string version();

// The BLAS in use and the processor type it chose its kernels for: another one changes the last bits of all results.
[[nodiscard]] std::string blas_version();

}  // namespace sextant
