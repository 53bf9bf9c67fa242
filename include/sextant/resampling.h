// The bootstrap's rows: as many as there are, drawn with replacement (Efron 1979), as row weights. A row drawn c times
// counts c times; nothing is copied, and every pass takes the result for a table.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sextant/random.h"
#include "sextant/row_source.h"

namespace sextant {

// How often each of n rows is drawn in n draws with replacement: draw i is row ⌊n·u⌋, u = bits/2⁶⁴ of draw b·n + i of
// the stream, b the replicate.
[[nodiscard]] std::vector<std::uint32_t> times_drawn(const Stream& stream, Index n, Index replicate);

class ResampledSource final : public RowView {
 public:
  // Replicate number b ≥ 0 of a table of n rows, drawn from Stream(seed, Purpose::resampling). `source` must outlive
  // this. Memory 4·n bytes.
  ResampledSource(const RowSource& source, std::uint64_t seed, Index replicate);

  // The source's rows with weights w_i·(times drawn).
  void read(Index first, Index count, Block& block) const override;

 private:
  [[nodiscard]] std::uint64_t find_fingerprint() const override;
  std::vector<std::uint32_t> times_;
};

}  // namespace sextant
