#include "sextant/row_source.h"

#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "core/fingerprint.h"
#include "sextant/error.h"

namespace sextant {

void Block::resize(Index rows, Index inputs, Index targets) {
  X.resize(rows, inputs);
  Y.resize(rows, targets);
  w.resize(rows);
}

std::uint64_t RowSource::fingerprint() const {
  const std::atomic_ref known(fingerprint_);
  if (const std::uint64_t value = known; value != 0) return value;
  const std::uint64_t value = std::max<std::uint64_t>(1, find_fingerprint());
  known = value;
  return value;
}

std::uint64_t RowSource::find_fingerprint() const {
  constexpr Index rows_at_once = 1024;
  Fingerprint fingerprint;
  for (const Index size : {rows(), inputs(), targets()}) fingerprint.mix(size);
  Block block;
  for (Index first = 0; first < rows(); first += rows_at_once) {
    read(first, std::min(rows_at_once, rows() - first), block);
    fingerprint.mix(block.X);
    fingerprint.mix(block.Y);
    fingerprint.mix(block.w);
  }
  return fingerprint.value();
}

MemorySource::MemorySource(const Matrix& X, const Matrix& Y, Vector w, std::vector<Index> groups)
    : MemorySource(Eigen::Map<const Matrix>(X.data(), X.rows(), X.cols()),
                   Eigen::Map<const Matrix>(Y.data(), Y.rows(), Y.cols()), std::move(w), std::move(groups)) {}

MemorySource::MemorySource(Eigen::Map<const Matrix> X, Eigen::Map<const Matrix> Y, Vector w, std::vector<Index> groups)
    : X_(X), Y_(Y), w_(std::move(w)), groups_(std::move(groups)) {
  if (X.rows() != Y.rows())
    throw InvalidArgument(fmt::format("data: X has {} rows and Y has {}, expected as many", X.rows(), Y.rows()));
  if (w_.size() != 0 && w_.size() != X.rows())
    throw InvalidArgument(
        fmt::format("data: X has {} rows and there are {} weights, expected as many", X.rows(), w_.size()));
  if (!X.allFinite()) throw InvalidArgument("data: X holds a value that is not finite");
  if (!Y.allFinite()) throw InvalidArgument("data: Y holds a value that is not finite");
  if (w_.size() != 0 && (!w_.allFinite() || w_.minCoeff() < 0))
    throw InvalidArgument("data: a row weight is negative or not finite");
  if (!groups_.empty() && static_cast<Index>(groups_.size()) != X.rows())
    throw InvalidArgument(
        fmt::format("data: X has {} rows and there are {} groups, expected as many", X.rows(), groups_.size()));
  if (std::any_of(groups_.begin(), groups_.end(), [](Index group) { return group < 0; }))
    throw InvalidArgument("data: a row's group is negative, expected whole numbers of at least 0");
}

void MemorySource::read(Index first, Index count, Block& block) const {
  block.resize(count, inputs(), targets());
  block.X = X_.middleRows(first, count);
  block.Y = Y_.middleRows(first, count);
  if (w_.size() == 0)
    block.w.setOnes();
  else
    block.w = w_.segment(first, count);
}

GatheredSource::GatheredSource(const RowSource& source) : groups_(source.groups()) {
  // In blocks: every view below the source keeps room for what it reads at once.
  constexpr Index some = 1024;
  const Index n = source.rows();
  rows_.resize(n, source.inputs(), source.targets());
  Block block;
  for (Index first = 0; first < n; first += some) {
    source.read(first, std::min(some, n - first), block);
    rows_.X.middleRows(first, block.rows()) = block.X;
    rows_.Y.middleRows(first, block.rows()) = block.Y;
    rows_.w.segment(first, block.rows()) = block.w;
  }
}

void GatheredSource::read(Index first, Index count, Block& block) const {
  block.resize(count, inputs(), targets());
  block.X = rows_.X.middleRows(first, count);
  block.Y = rows_.Y.middleRows(first, count);
  block.w = rows_.w.segment(first, count);
}

}  // namespace sextant
