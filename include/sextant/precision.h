// In which precision the heavy sums of a fit are made. Single precision does twice the operations of double precision a
// second; everything that follows from the sums (linear part, head, λ path) is in double precision in any case.
#pragma once

#include <string>

namespace sextant {

enum class Precision {
  float64,  // double precision throughout
  mixed,    // products and sums in single precision within a block of rows, sums of the blocks in double precision
  float32,  // products and sums in single precision within 16 blocks of rows, sums of these in double precision
};

[[nodiscard]] std::string name(Precision precision);  // "float64", "mixed", "float32"
// From a name; throws InvalidArgument that lists the known ones.
[[nodiscard]] Precision precision_named(const std::string& name);

}  // namespace sextant
