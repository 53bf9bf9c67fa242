#include "sextant/row_ranges.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "core/fingerprint.h"
#include "sextant/error.h"

namespace sextant {

void RowRanges::add(Index first, Index count) {
  if (first < end() || count < 0)
    throw InvalidArgument(
        fmt::format("rows: {} rows from {} after row {}, expected rows in ascending order", count, first, end() - 1));
  if (count == 0) return;
  if (runs_.empty() || first > end()) runs_.push_back({first, rows_});
  rows_ += count;
}

Index RowRanges::at(Index t) const {
  const auto after =
      std::upper_bound(runs_.begin(), runs_.end(), t, [](Index u, const Run& run) { return u < run.before; });
  const Run& run = *(after - 1);
  return run.first + (t - run.before);
}

Index RowRanges::end() const { return runs_.empty() ? 0 : runs_.back().first + (rows_ - runs_.back().before); }

RangeSource::RangeSource(const RowSource& source, RowRanges ranges) : RowView(source), ranges_(std::move(ranges)) {
  if (ranges_.end() > source.rows())
    throw InvalidArgument(fmt::format("rows: row {} wanted of {}, expected one of them", ranges_.end(), source.rows()));
}

std::vector<Index> RangeSource::groups() const {
  const std::vector<Index> all = source_.groups();
  if (all.empty()) return {};
  std::vector<Index> own;
  own.reserve(static_cast<std::size_t>(rows()));
  for (Index t = 0; t < rows(); ++t) own.push_back(all[static_cast<std::size_t>(ranges_.at(t))]);
  return own;
}

std::uint64_t RangeSource::find_fingerprint() const {
  Fingerprint fingerprint;
  fingerprint.mix("ranges");
  fingerprint.mix(source_.fingerprint());
  for (const RowRanges::Run& run : ranges_.runs()) {
    fingerprint.mix(run.first);
    fingerprint.mix(run.before);
  }
  fingerprint.mix(ranges_.rows());
  return fingerprint.value();
}

void RangeSource::read(Index first, Index count, Block& block) const {
  block.resize(count, inputs(), targets());
  for (Index done = 0; done < count;) {
    // As many rows of the source at a time as are wanted, from the next one of ours.
    const Index begin = ranges_.at(first + done);
    const Index end = std::min(begin + count, ranges_.at(first + count - 1) + 1);
    source_.read(begin, end - begin, whole_);
    for (; done < count; ++done) {
      const Index at = ranges_.at(first + done);
      if (at >= end) break;
      block.X.row(done) = whole_.X.row(at - begin);
      block.Y.row(done) = whole_.Y.row(at - begin);
      block.w[done] = whole_.w[at - begin];
    }
  }
}

}  // namespace sextant
