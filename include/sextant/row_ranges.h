// Some rows of a source, in their order: those that a division into groups, or by time, puts on one side.
#pragma once

#include <string>
#include <vector>

#include "sextant/row_source.h"

namespace sextant {

// A set of row numbers as runs of consecutive ones, so that a few long runs take no memory to speak of; 16 bytes a run.
class RowRanges {
 public:
  // Rows first … first + count − 1, all above those already there. Throws InvalidArgument otherwise.
  void add(Index first, Index count = 1);

  [[nodiscard]] Index rows() const { return rows_; }
  // The number of its t-th row, 0 ≤ t < rows(). Cost the logarithm of the number of runs.
  [[nodiscard]] Index at(Index t) const;
  // One past the largest row number; 0 when empty.
  [[nodiscard]] Index end() const;

  struct Run {
    Index first;
    Index before;  // rows of earlier runs
  };
  [[nodiscard]] const std::vector<Run>& runs() const { return runs_; }

 private:
  std::vector<Run> runs_;
  Index rows_ = 0;
};

// These rows of another source, which must outlive this. Throws InvalidArgument when the source has fewer rows than
// their numbers need.
class RangeSource final : public RowView {
 public:
  RangeSource(const RowSource& source, RowRanges ranges);

  [[nodiscard]] Index rows() const override { return ranges_.rows(); }
  [[nodiscard]] std::vector<Index> groups() const override;
  void read(Index first, Index count, Block& block) const override;

 private:
  [[nodiscard]] std::uint64_t find_fingerprint() const override;
  RowRanges ranges_;
  mutable Block whole_;  // rows as the source has them, kept to spare an allocation per block
};

}  // namespace sextant
