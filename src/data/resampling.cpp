#include "sextant/resampling.h"

#include "sextant/random.h"

namespace sextant {
namespace {

__extension__ using Wide = unsigned __int128;  // a product of two words

}  // namespace

ResampledSource::ResampledSource(const RowSource& source, std::uint64_t seed, Index replicate)
    : source_(source), times_(static_cast<std::size_t>(source.rows()), 0) {
  const Stream stream(seed, Purpose::resampling);
  const auto n = static_cast<std::uint64_t>(source.rows());
  for (std::uint64_t i = 0; i < n; ++i) {
    const Wide wide = static_cast<Wide>(stream.bits(static_cast<std::uint64_t>(replicate) * n + i)) * n;
    ++times_[static_cast<std::size_t>(wide >> 64U)];
  }
}

void ResampledSource::read(Index first, Index count, Block& block) const {
  source_.read(first, count, block);
  for (Index i = 0; i < count; ++i) block.w[i] *= times_[static_cast<std::size_t>(first + i)];
}

}  // namespace sextant
