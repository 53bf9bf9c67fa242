#include "sextant/random.h"

#include <Random123/philox.h>

#include <array>
#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

namespace sextant {
namespace {

using Words = std::array<std::uint64_t, 4>;
__extension__ using Wide = unsigned __int128;  // a product of two words

Words philox(std::uint64_t seed, Purpose purpose, std::uint64_t counter) {
  const r123::Philox4x64 generator;
  const r123::Philox4x64::key_type key{{seed, static_cast<std::uint64_t>(purpose)}};
  const auto block = generator(r123::Philox4x64::ctr_type{{counter, 0, 0, 0}}, key);
  return {block[0], block[1], block[2], block[3]};
}

double open_unit(std::uint64_t bits) { return (static_cast<double>(bits >> 11U) + 0.5) * 0x1p-53; }

std::pair<double, double> box_muller(double u, double v) {
  const double radius = std::sqrt(-2.0 * std::log(u));
  const double angle = 2.0 * std::numbers::pi * v;
  return {radius * std::cos(angle), radius * std::sin(angle)};
}

// Calls emit(position, word values of the draw's block) for every block that overlaps [first, first + out.size()).
template <class FromWords>
void fill(std::uint64_t seed, Purpose purpose, std::uint64_t first, std::span<double> out, FromWords from_words) {
  std::size_t done = 0;
  while (done < out.size()) {
    const std::uint64_t index = first + done;
    const std::array<double, 4> draws = from_words(philox(seed, purpose, index / 4));
    for (std::uint64_t lane = index % 4; lane < 4 && done < out.size(); ++lane) out[done++] = draws[lane];
  }
}

}  // namespace

std::uint64_t Stream::bits(std::uint64_t index) const { return philox(seed_, purpose_, index / 4)[index % 4]; }

double Stream::uniform(std::uint64_t index) const { return open_unit(bits(index)); }

double Stream::sign(std::uint64_t index) const { return (bits(index) >> 63U) != 0 ? 1.0 : -1.0; }

void Stream::fill_uniform(std::uint64_t first, std::span<double> out) const {
  fill(seed_, purpose_, first, out, [](const Words& w) {
    return std::array{open_unit(w[0]), open_unit(w[1]), open_unit(w[2]), open_unit(w[3])};
  });
}

void Stream::fill_normal(std::uint64_t first, std::span<double> out) const {
  fill(seed_, purpose_, first, out, [](const Words& w) {
    const auto [a, b] = box_muller(open_unit(w[0]), open_unit(w[1]));
    const auto [c, d] = box_muller(open_unit(w[2]), open_unit(w[3]));
    return std::array{a, b, c, d};
  });
}

Matrix Stream::normal_matrix(Index rows, Index cols) const {
  Matrix out(rows, cols);
  fill_normal(0, {out.data(), static_cast<std::size_t>(out.size())});
  return out;
}

Vector Stream::normal_vector(Index size) const {
  Vector out(size);
  fill_normal(0, {out.data(), static_cast<std::size_t>(size)});
  return out;
}

std::vector<Index> Stream::permutation(std::uint64_t first, Index size) const {
  std::vector<Index> order(static_cast<std::size_t>(size));
  std::iota(order.begin(), order.end(), Index{0});
  for (std::uint64_t i = order.size(); i > 1; --i) {
    // floor(bits·i / 2⁶⁴) is uniform on 0 … i−1 up to a bias of i·2⁻⁶⁴.
    const auto wide = static_cast<Wide>(bits(first + i - 1)) * i;
    std::swap(order[i - 1], order[static_cast<std::uint64_t>(wide >> 64U)]);
  }
  return order;
}

}  // namespace sextant
