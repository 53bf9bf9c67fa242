// Work in independent pieces, dealt to the ranks: what each piece gives is given to all of them, so that all go on with
// the same bits, whatever their processors and however many they are. Private.
#pragma once

#include <algorithm>
#include <exception>
#include <mutex>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/from_first_rank.h"
#include "core/parallel.h"

namespace sextant {

// The error of the smallest piece that failed.
class PieceFailure {
 public:
  explicit PieceFailure(Index pieces) : first_(pieces), pieces_(pieces) {}
  // From any thread.
  void take(Index piece, std::exception_ptr error);
  // All ranks meet here, and where a piece of one has failed, all throw the error of the smallest. What is no error of
  // the library ends the rank that met it as it is.
  void agree(Ranks& ranks) const;

 private:
  std::mutex mutex_;
  Index first_;
  Index pieces_;
  std::exception_ptr error_;
};

// take(i, compute(i)) for all pieces i < count, on every rank. Piece i is computed by rank i mod ranks, on its threads;
// take stores what it gave, and may be called for several pieces at a time. All ranks call this with the same count,
// and pieces compute from what all ranks have. An error of the library is thrown on all ranks: that of the smallest
// piece. Memory beside what is taken: twice what this rank computed, and the message of one other.
template <class Compute, class Take>
void among_ranks(const Context& context, Index count, const Compute& compute, const Take& take) {
  using Value = std::invoke_result_t<Compute, Index>;
  if (context.ranks == nullptr) {
    parallel_tiles(context.thread_count(), count, [&](Index piece) { take(piece, compute(piece)); });
    return;
  }
  Ranks& ranks = *context.ranks;
  const auto piece_of = [&](int rank, Index at) { return rank + at * ranks.size(); };
  const auto pieces_of = [&](int rank) { return std::max<Index>(0, (count - rank + ranks.size() - 1) / ranks.size()); };
  std::vector<Value> own(static_cast<std::size_t>(pieces_of(ranks.rank())));
  PieceFailure failure(count);
  parallel_tiles(context.thread_count(), static_cast<Index>(own.size()), [&](Index at) {
    const Index piece = piece_of(ranks.rank(), at);
    try {
      own[static_cast<std::size_t>(at)] = compute(piece);
    } catch (...) {
      failure.take(piece, std::current_exception());
    }
  });
  failure.agree(ranks);
  for (int from = 0; from < ranks.size(); ++from) {
    const bool ours = from == ranks.rank();
    message::Writer out;
    if (ours)
      for (Value& value : own) message::carry(out, value);
    message::send(ranks, out.all(), from);
    message::Reader in(out.all());
    for (Index at = 0; at < pieces_of(from); ++at) {
      Value value = ours ? std::move(own[static_cast<std::size_t>(at)]) : Value{};
      if (!ours) message::carry(in, value);
      take(piece_of(from, at), std::move(value));
    }
  }
}

// The same, all results in the order of the pieces.
template <class Compute>
[[nodiscard]] auto among_ranks(const Context& context, Index count, const Compute& compute) {
  using Value = std::invoke_result_t<Compute, Index>;
  static_assert(!std::is_same_v<Value, bool>, "bits of a vector cannot be written by several threads");
  std::vector<Value> results(static_cast<std::size_t>(count));
  among_ranks(context, count, compute,
              [&](Index piece, Value&& value) { results[static_cast<std::size_t>(piece)] = std::move(value); });
  return results;
}

}  // namespace sextant
