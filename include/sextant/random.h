// Counter-based random numbers: Philox4x64-10 (Salmon, Moraes, Dror, Shaw, SC 2011), addressed by (seed, purpose,
// index).
//
// Draw number i of a stream is a pure function of (seed, purpose, i): any thread, block or machine can ask for any part
// of a stream in any order, and one purpose's draws never shift another's. The key is (seed, purpose), the counter is
// i / 4, and the four 64-bit words of a block serve draws 4c … 4c+3.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sextant/matrix.h"

namespace sextant {

// What a stream is for. Values are part of the reproducibility contract: never renumber, only append.
enum class Purpose : std::uint64_t {
  first_layer = 1,      // w_j ~ N(0, I/d)
  output_signs = 2,     // a_j ∈ {−1, 1}
  biases = 3,           // b_j ~ N(0, 1)
  folds = 4,            // which row belongs to which fold
  halves = 5,           // sample splitting
  inputs = 6,           // synthetic x
  noise = 7,            // synthetic ε
  directions = 8,       // synthetic U
  coefficients = 9,     // synthetic cross terms
  query_class = 10,     // directions of the hard class of statistical queries
  test_rows = 11,       // which rows a comparison of methods is measured on
  refined_layer = 12,   // z ~ N(0, I) of first layers drawn along refined coordinates
  refined_biases = 13,  // and their biases
  calibration = 14,     // which rows are set aside to calibrate intervals by
  dealings = 15,        // how the rank test deals the targets to the rows anew
  resampling = 16,      // which rows a bootstrap replicate draws
  selection_bags = 17,  // which held-out rows each selection of candidates sees
  leaves = 18,          // directions that part rows into leaves of neighbours
  leaf_rows = 19,       // which rows of a leaf are held out while settings are raced
  ground_rows = 20,     // which of many rows searches see
  level_parts = 21,     // which rows learn what levels say from which
};

class Stream {
 public:
  Stream(std::uint64_t seed, Purpose purpose) : seed_(seed), purpose_(purpose) {}

  // 64 random bits.
  [[nodiscard]] std::uint64_t bits(std::uint64_t index) const;
  // Uniform on the open interval (0, 1): (top 53 bits + 1/2)·2⁻⁵³.
  [[nodiscard]] double uniform(std::uint64_t index) const;
  // −1 or +1 with equal probability.
  [[nodiscard]] double sign(std::uint64_t index) const;

  // Draws first … first + out.size() − 1. Normal draws 2i and 2i+1 are the Box–Muller pair of uniforms 2i and 2i+1.
  void fill_uniform(std::uint64_t first, std::span<double> out) const;
  void fill_normal(std::uint64_t first, std::span<double> out) const;

  // rows×cols standard normals, draw i·cols + j at (i, j).
  [[nodiscard]] Matrix normal_matrix(Index rows, Index cols) const;
  [[nodiscard]] Vector normal_vector(Index size) const;

  // A uniformly random permutation of 0 … size−1 (Fisher–Yates) from draws first … first + size − 1.
  [[nodiscard]] std::vector<Index> permutation(std::uint64_t first, Index size) const;

 private:
  std::uint64_t seed_;
  Purpose purpose_;
};

}  // namespace sextant
