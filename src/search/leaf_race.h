// Which kernel, bandwidth, λ and coordinates leaf machines are to have, found on leaves of neighbours drawn from all
// rows. Private to the method layer.
//
// Random rows are the wrong ground to race on: they lie further apart than the rows that a leaf machine learns from, so
// they favour other exponents, bandwidths, λ and coordinates. A leaf drawn from all rows is the very problem that the
// final model solves, so settings carry over as they are, and the race costs hardly more for more rows.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "method/leaf_partition.h"
#include "sextant/selection.h"

namespace sextant {

// What is tried: numbers, nothing else.
struct LeafArm {
  double exponent = 1;        // q
  double power = 0.25;        // of the outer product that the next coordinates are made of
  bool diagonal = false;      // of its diagonal alone
  Index bandwidth_step = 0;   // L = 2^{step/2}, in median distances of rows in the arm's coordinates
  Index lambda_step = -4;     // λ = 10^{step/2}
  Matrix S = {};              // q'×d: its coordinates, in which rows lie a median distance of 1 apart
  Index rounds = 0;           // of coordinates that S came from
  double score = 0;           // held-out squares over those of the leaves' targets, averaged over targets
  double standard_error = 0;  // of the score, over leaves

  [[nodiscard]] double bandwidth() const;
  [[nodiscard]] double lambda() const;
  [[nodiscard]] Kernel kernel() const;
};

// Some leaves, with the rows of each that are learned from and held out.
struct LeafGround {
  struct Leaf {
    std::vector<Index> learned;
    std::vector<Index> held_out;
  };
  std::vector<Leaf> leaves;
  Index size = 0;  // rows of a leaf
};
// `count` leaves of `size` rows, neighbours in the coordinates Sx; a fifth of each is held out: whole groups, or the
// last rows in time where rows are ordered. Leaves that cannot be divided so are left out. `number` counts grounds.
// Here and below, ranks share what is done leaf by leaf.
[[nodiscard]] LeafGround leaf_ground(const GatheredRows& rows, const Matrix& S, Index count, Index size,
                                     std::uint64_t seed, Index number, const Context& context);

// Coordinates scaled so that rows lie a median distance of 1 apart.
[[nodiscard]] Matrix scaled_coordinates(const Matrix& S, const SingleMatrix& X, const Context& context);

// Z = Sx of some rows, in the precision in which leaf machines keep them.
[[nodiscard]] Matrix coordinates_of(const SingleMatrix& X, const std::vector<Index>& rows, const Matrix& S);
[[nodiscard]] SingleMatrix coordinates_of(const SingleMatrix& X, const Matrix& S, const Context& context);

// Multiply-adds of one setting on a ground.
[[nodiscard]] double ground_cost(const LeafGround& ground, Index inputs);

// Climbs from the arm's settings to where neither a larger nor a smaller bandwidth or λ (steps of `stride` half
// octaves, half decades) scores better, in at most `moves` moves. With several `starts` (bandwidth steps) it goes on
// from the best.
// Gives how many settings were scored.
Index climb(LeafArm& arm, const GatheredRows& rows, const LeafGround& ground, const std::vector<Index>& starts,
            Index stride, Index moves, const Context& context);

// The outer product of gradients of the arm's machines over the ground's leaves, in the inputs' coordinates, and the
// coordinates it gives.
[[nodiscard]] Matrix ground_outer_product(const LeafArm& arm, const GatheredRows& rows, const LeafGround& ground,
                                          const Context& context);
[[nodiscard]] Matrix next_coordinates(const LeafArm& arm, const Matrix& A, const SingleMatrix& X,
                                      const Context& context);

}  // namespace sextant
