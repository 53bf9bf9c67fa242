#include "sextant/resampling.h"

#include "core/fingerprint.h"

namespace sextant {
namespace {

__extension__ using Wide = unsigned __int128;  // a product of two words

}  // namespace

std::vector<std::uint32_t> times_drawn(const Stream& stream, Index n, Index replicate) {
  std::vector<std::uint32_t> times(static_cast<std::size_t>(n), 0);
  const auto count = static_cast<std::uint64_t>(n);
  for (std::uint64_t i = 0; i < count; ++i) {
    const Wide wide = static_cast<Wide>(stream.bits(static_cast<std::uint64_t>(replicate) * count + i)) * count;
    ++times[static_cast<std::size_t>(wide >> 64U)];
  }
  return times;
}

ResampledSource::ResampledSource(const RowSource& source, std::uint64_t seed, Index replicate)
    : RowView(source), times_(times_drawn(Stream(seed, Purpose::resampling), source.rows(), replicate)) {}

std::uint64_t ResampledSource::find_fingerprint() const {
  Fingerprint fingerprint;
  fingerprint.mix("resampled");
  fingerprint.mix(source_.fingerprint());
  for (const std::uint32_t times : times_) fingerprint.mix(std::uint64_t{times});
  return fingerprint.value();
}

void ResampledSource::read(Index first, Index count, Block& block) const {
  source_.read(first, count, block);
  for (Index i = 0; i < count; ++i) block.w[i] *= times_[static_cast<std::size_t>(first + i)];
}

}  // namespace sextant
