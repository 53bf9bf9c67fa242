// Oracles: which piece is whose, by the rule; what a loop over the pieces gives.
#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/among_ranks.h"
#include "message_of.h"
#include "sextant/error.h"
#include "test_support.h"
#include "thread_ranks.h"

using namespace sextant;

namespace {

Context shared(Ranks& ranks, int threads = 1) {
  Context context = run_with(threads);
  context.ranks = &ranks;
  return context;
}

}  // namespace

TEST(AmongRanks, AllGetWhatTheOwnerOfEachPieceComputed) {
  for (const int size : {1, 2, 5})
    for (const Index count : {0, 1, 4, 13}) {
      std::atomic<Index> computed = 0;
      on_ranks(size, [&](Ranks& ranks) {
        const auto found = among_ranks(shared(ranks, 2), count, [&](Index piece) {
          ++computed;
          return std::pair(piece, Matrix(Matrix::Constant(piece, 2, ranks.rank())));
        });
        ASSERT_EQ(static_cast<Index>(found.size()), count);
        for (Index piece = 0; piece < count; ++piece) {
          const auto& [number, of] = found[static_cast<std::size_t>(piece)];
          EXPECT_EQ(number, piece);
          EXPECT_EQ(of, Matrix::Constant(piece, 2, static_cast<double>(piece % size)));
        }
      });
      EXPECT_EQ(computed, count) << size << " ranks";
    }
}

TEST(AmongRanks, WhatIsTakenNeedsNoList) {
  Vector expected(9);
  for (Index i = 0; i < 9; ++i) expected[i] = std::sqrt(static_cast<double>(i));
  const auto root = [](Index i) { return std::sqrt(static_cast<double>(i)); };
  Vector alone(9);
  among_ranks(run_with(3), 9, root, [&](Index i, double value) { alone[i] = value; });
  EXPECT_EQ(alone, expected);
  on_ranks(3, [&](Ranks& ranks) {
    Vector own(9);
    among_ranks(shared(ranks), 9, root, [&](Index i, double value) { own[i] = value; });
    EXPECT_EQ(own, expected);
  });
}

// Pieces 5 and 9 of ten fail, on one rank or on two: all are told of the fifth, as one process alone is.
TEST(AmongRanks, TheErrorOfTheSmallestPieceReachesAll) {
  const auto work = [](Index piece) -> double {
    if (piece == 5 || piece == 9) throw NumericalError("piece " + std::to_string(piece));
    return 0;
  };
  EXPECT_EQ(message_of<NumericalError>([&] { (void)among_ranks(run_with(1), 10, work); }), "piece 5");
  for (const int size : {1, 2, 3, 5})
    for (const std::exception_ptr& each :
         outcomes(size, [&](Ranks& ranks) { (void)among_ranks(shared(ranks), 10, work); })) {
      ASSERT_TRUE(each);
      EXPECT_EQ(message_of<NumericalError>([&] { std::rethrow_exception(each); }), "piece 5");
    }
}

// What is no error of the library, memory that has run out say, ends its rank, and the others do not wait for it.
TEST(AmongRanks, ARankThatEndsDoesNotLeaveTheOthersWaiting) {
  const auto thrown = outcomes(3, [&](Ranks& ranks) {
    (void)among_ranks(shared(ranks), 6, [](Index piece) -> double {
      if (piece == 1) throw std::bad_alloc();
      return 0;
    });
  });
  EXPECT_THROW(std::rethrow_exception(thrown[1]), std::bad_alloc);
  for (const std::size_t other : {0U, 2U})
    EXPECT_EQ(message_of<RankError>([&] { std::rethrow_exception(thrown[other]); }), "another rank has failed");
}

TEST(AmongRanks, OneWithAnotherNumberOfPiecesIsFoundOut) {
  const auto thrown = outcomes(
      2, [&](Ranks& ranks) { (void)among_ranks(shared(ranks), 6 + ranks.rank(), [](Index piece) { return piece; }); });
  for (const std::exception_ptr& each : thrown) {
    const std::string said = message_of<RankError>([&] { std::rethrow_exception(each); });
    EXPECT_NE(said.find("another is at something else"), std::string::npos) << said;
  }
}
