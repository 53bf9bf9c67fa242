#include "core/among_ranks.h"

#include <array>
#include <cstdint>

namespace sextant {

void PieceFailure::take(Index piece, std::exception_ptr error) {
  const std::scoped_lock lock(mutex_);
  if (piece >= first_) return;
  first_ = piece;
  error_ = std::move(error);
}

void PieceFailure::agree(Ranks& ranks) const {
  meet(ranks, (std::uint64_t{2} << 56) + static_cast<std::uint64_t>(pieces_), "pieces of work");
  std::array<double, 1> first = {-static_cast<double>(first_)};  // the least, as a maximum
  ranks.maximum(first);
  const auto piece = static_cast<Index>(-first[0]);
  if (piece == pieces_) return;
  message::Writer out;
  if (piece == first_) message::carry_error(out, error_);
  message::send(ranks, out.all(), static_cast<int>(piece % ranks.size()));
  message::Reader in(out.all());
  bool failed = false;
  message::carry(in, failed);
  message::throw_error(in);
}

}  // namespace sextant
