// Which row belongs to which fold: a function of (seed, row) alone, so that any block of any reader agrees.
//
// Within each run of K consecutive rows the folds 0 … K−1 appear once each, in random order; a last, partial run takes
// the first part of its order. Every fold so has ⌊n/K⌋ or ⌈n/K⌉ rows and follows slow drifts of the table.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sextant/random.h"
#include "sextant/row_source.h"

namespace sextant {

struct Folds {
  std::uint64_t seed = 0;
  Index count = 5;                   // K ≥ 2
  Purpose purpose = Purpose::folds;  // folds for validation and halves for sample splitting must not coincide

  // The order of run j: position t of the run belongs to fold order(j)[t].
  [[nodiscard]] std::vector<Index> order(Index run) const;
  [[nodiscard]] Index of(Index row) const { return order(row / count)[static_cast<std::size_t>(row % count)]; }
};

// The rows of another source that lie inside one fold, or outside it, in their order. Row t is found in O(K).
class FoldSource final : public RowView {
 public:
  enum class Side { inside, outside };

  // `source` must outlive this. Throws InvalidArgument when folds.count < 2.
  FoldSource(const RowSource& source, Folds folds, Index fold, Side side);

  [[nodiscard]] Index rows() const override { return rows_; }
  [[nodiscard]] std::vector<Index> groups() const override;
  void read(Index first, Index count, Block& block) const override;

 private:
  [[nodiscard]] std::uint64_t find_fingerprint() const override;
  [[nodiscard]] bool holds(Index fold) const { return (fold == fold_) == (side_ == Side::inside); }

  Folds folds_;
  Index fold_;
  Side side_;
  Index rows_;
  mutable Block whole_;  // rows as the source has them, kept to spare an allocation per block
};

// The fold of each row such that rows of one group share a fold and folds have about equally many rows: groups go, the
// largest first, to the fold with the fewest rows so far; of equal groups, and of equal folds, a random one is first. A
// function of (seed, purpose) and the groups' sizes and order, not of the rows' order. −1 for rows of group −1. Throws
// InvalidArgument when count < 2, DataError when there are fewer groups than folds.
[[nodiscard]] std::vector<Index> grouped_folds(const std::vector<Index>& groups, Index count, std::uint64_t seed,
                                               Purpose purpose);

// The fold of each row such that every class is divided evenly, as the table is: a class of at least `count` rows has
// some in each fold, one of at least 2 has some outside each, and folds differ by at most a row. classes: of each row
// its class, or −1 of rows that do not count, which are divided as if they were one.
//
// Within each run of `count` consecutive rows of a class the folds appear once each, in random order; a last, partial
// run is of the folds with the fewest rows so far. Throws InvalidArgument when count < 2.
[[nodiscard]] std::vector<Index> stratified_folds(const std::vector<Index>& classes, Index count, std::uint64_t seed,
                                                  Purpose purpose);

// The fold of each row such that rows of one group share a fold and classes are divided as evenly as groups let them:
// groups go, those with the largest shares of classes first, where the fewest classes stay that are in one fold alone,
// then where the sum over folds of the squared shares of classes and of rows grows least. Else as grouped_folds.
[[nodiscard]] std::vector<Index> stratified_grouped_folds(const std::vector<Index>& groups,
                                                          const std::vector<Index>& classes, Index count,
                                                          std::uint64_t seed, Purpose purpose);

}  // namespace sextant
