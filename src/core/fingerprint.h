// A number that tells whether two computations are the same: of their names, sizes and the bits of what they depend on.
// Against mistakes, not against malice. Private.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "sextant/matrix.h"

namespace sextant {

class Fingerprint {
 public:
  void mix(std::uint64_t bits) { value_ = mixed(value_, bits); }
  void mix(Index number) { mix(static_cast<std::uint64_t>(number)); }
  void mix(double number) { mix(std::bit_cast<std::uint64_t>(number)); }
  void mix(std::string_view text) {
    mix(static_cast<std::uint64_t>(text.size()));
    for (const char c : text) mix(static_cast<std::uint64_t>(static_cast<unsigned char>(c)));
  }
  // In four chains, so that one product need not wait for the one before: as fast as memory.
  void mix(std::span<const double> numbers) {
    std::array<std::uint64_t, 4> chains{1, 2, 3, 4};
    std::size_t i = 0;
    for (; i + chains.size() <= numbers.size(); i += chains.size())
      for (std::size_t c = 0; c < chains.size(); ++c)
        chains[c] = mixed(chains[c], std::bit_cast<std::uint64_t>(numbers[i + c]));
    for (; i < numbers.size(); ++i) mix(numbers[i]);
    for (const std::uint64_t chain : chains) mix(chain);
    mix(static_cast<std::uint64_t>(numbers.size()));
  }
  void mix(const Matrix& matrix) {
    mix(matrix.rows());
    mix(matrix.cols());
    mix(std::span(matrix.data(), static_cast<std::size_t>(matrix.size())));
  }
  void mix(const Vector& vector) { mix(std::span(vector.data(), static_cast<std::size_t>(vector.size()))); }

  [[nodiscard]] std::uint64_t value() const { return value_; }

 private:
  // One to one in either argument.
  static std::uint64_t mixed(std::uint64_t value, std::uint64_t bits) {
    value = (value ^ bits) * 0x9E3779B97F4A7C15;  // odd, so that no bit is lost; 2⁶⁴ over the golden ratio
    return value ^ (value >> 32);
  }
  std::uint64_t value_ = 0x2545F4914F6CDD1D;
};

}  // namespace sextant
