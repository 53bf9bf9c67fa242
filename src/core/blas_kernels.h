// OpenBLAS's kernels for this processor. Private.
#pragma once

#include <string>

namespace sextant::linalg {

// Debian 12's OpenBLAS (0.3.21) tells processors by their model numbers, and on those it does not know it takes kernels
// for much older ones: without AVX-512 on AMD's Zen 4 and 5 (half the speed), with SSE3 alone on Intel's Emerald Rapids
// (a fifth). Later versions go by the instructions there are, and so does this: unless OPENBLAS_CORETYPE says which to
// take, it has OpenBLAS choose again where the processor can do more than the kernels found. Called once, before the
// first product; no other thread may be in BLAS meanwhile.
void choose_kernels();

// "Prescott", "Haswell", "SkylakeX" …: of the kernels in use.
[[nodiscard]] std::string kernels_in_use();

}  // namespace sextant::linalg
