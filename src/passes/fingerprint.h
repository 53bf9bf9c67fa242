// A number that tells whether two computations are the same: of their names, sizes and the bits of what they depend on.
// Against mistakes, not against malice. Private.
#pragma once

#include <bit>
#include <cstdint>
#include <string_view>

#include "sextant/matrix.h"

namespace sextant {

class Fingerprint {
 public:
  void mix(std::uint64_t bits) {
    value_ = (value_ ^ bits) * 0x9E3779B97F4A7C15;  // odd, so that no bit is lost; 2⁶⁴ over the golden ratio
    value_ ^= value_ >> 32;
  }
  void mix(Index number) { mix(static_cast<std::uint64_t>(number)); }
  void mix(double number) { mix(std::bit_cast<std::uint64_t>(number)); }
  void mix(std::string_view text) {
    mix(static_cast<std::uint64_t>(text.size()));
    for (const char c : text) mix(static_cast<std::uint64_t>(static_cast<unsigned char>(c)));
  }

  [[nodiscard]] std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0x2545F4914F6CDD1D;
};

}  // namespace sextant
