// Oracles: the numbers that were recorded; for passes and fits, the bits of a run that nothing disturbed; the layout
// written in checkpoint.cpp, cut and flipped everywhere.
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <random>
#include <semaphore>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "file_size_limit.h"
#include "message_of.h"
#include "sextant/checkpoint.h"
#include "sextant/dimension_reduction.h"
#include "sextant/direction_ranges.h"
#include "sextant/error.h"
#include "sextant/lift.h"
#include "sextant/model.h"
#include "sextant/model_file.h"
#include "sextant/passes.h"
#include "sextant/provenance.h"
#include "sextant/ridge_head.h"
#include "temporary_folder.h"
#include "test_support.h"

namespace fs = std::filesystem;
using namespace sextant;

namespace {

const Provenance of_this = {{"table", "4 rows"}, {"seed", "7"}};
const CheckpointOptions everything = {.seconds = 0};

Checkpoint::Values values_of(std::vector<double>& numbers) { return {std::span(numbers)}; }

std::vector<double> numbers_from(double first, std::size_t count) {
  std::vector<double> numbers(count);
  for (std::size_t i = 0; i < count; ++i) numbers[i] = first + static_cast<double>(i);
  return numbers;
}

void record(Checkpoint& checkpoint, std::uint64_t key, std::vector<double> numbers, double seconds = 1) {
  checkpoint.record(key, values_of(numbers), seconds);
}

// What is kept under a key, of so many numbers; empty if nothing is.
std::vector<double> recalled(Checkpoint& checkpoint, std::uint64_t key, std::size_t count) {
  std::vector<double> numbers(count, -1);
  if (!checkpoint.recall(key, values_of(numbers))) {
    EXPECT_EQ(numbers, std::vector<double>(count, -1)) << "nothing was found, but numbers were changed";
    return {};
  }
  return numbers;
}

template <class Object>
void flip(Object& bytes, std::size_t bit) {
  bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
}

}  // namespace

TEST(Checkpoint, GivesBackWhatWasRecorded) {
  const TemporaryFolder folder;
  {
    Checkpoint checkpoint(folder.path("a.ckpt"), of_this, everything);
    EXPECT_TRUE(checkpoint.empty());
    record(checkpoint, 1, numbers_from(10, 3));
    record(checkpoint, 2, {});
    record(checkpoint, 3, numbers_from(30, 100'000));
    EXPECT_EQ(recalled(checkpoint, 1, 3), numbers_from(10, 3));  // in the process that recorded it, too
    EXPECT_EQ(checkpoint.found().results, 0);
  }
  Checkpoint checkpoint(folder.path("a.ckpt"), of_this, everything);
  EXPECT_EQ(checkpoint.found().results, 3);
  EXPECT_GT(checkpoint.found().bytes, 800'000);
  EXPECT_EQ(recalled(checkpoint, 1, 3), numbers_from(10, 3));
  EXPECT_EQ(recalled(checkpoint, 3, 100'000), numbers_from(30, 100'000));
  std::vector<double> none;
  EXPECT_TRUE(checkpoint.recall(2, values_of(none)));
  EXPECT_EQ(checkpoint.taken(), 3);
  EXPECT_EQ(recalled(checkpoint, 4, 3), std::vector<double>());  // no such key
  EXPECT_EQ(recalled(checkpoint, 1, 4), std::vector<double>());  // of another size
  // Several arrays make up an entry.
  std::vector<double> one(1);
  std::vector<double> two(2);
  EXPECT_TRUE(checkpoint.recall(1, {std::span(one), std::span<double>(), std::span(two)}));
  EXPECT_EQ(one, numbers_from(10, 1));
  EXPECT_EQ(two, numbers_from(11, 2));
}

TEST(Checkpoint, KeepsWhatTookLongerThanWriting) {
  const TemporaryFolder folder;
  Checkpoint checkpoint(folder.path("a.ckpt"), of_this);
  record(checkpoint, 1, numbers_from(10, 100'000), 0.001);
  EXPECT_EQ(recalled(checkpoint, 1, 100'000), std::vector<double>());
  record(checkpoint, 1, numbers_from(10, 100'000), 1000);
  EXPECT_EQ(recalled(checkpoint, 1, 100'000), numbers_from(10, 100'000));
  EXPECT_FALSE(checkpoint.due(10, 1));
  EXPECT_TRUE(checkpoint.due(10, 31));
  EXPECT_FALSE(checkpoint.due(Index{1} << 40, 31));  // would take longer than 30 seconds
}

TEST(Checkpoint, RemembersWhatWasComputed) {
  const TemporaryFolder folder;
  const Matrix result = normals(3, 2, 1);
  Index computed = 0;
  const auto remembered = [&](Checkpoint& checkpoint) {
    return checkpoint.remembered(5, 3, 2, [&] {
      ++computed;
      record(checkpoint, 6, numbers_from(0, 1000));  // on the way
      return result;
    });
  };
  {
    Checkpoint checkpoint(folder.path("a.ckpt"), of_this, everything);
    record(checkpoint, 1, numbers_from(10, 3));
    EXPECT_EQ(remembered(checkpoint), result);
    EXPECT_EQ(remembered(checkpoint), result);
    EXPECT_EQ(recalled(checkpoint, 6, 1000), std::vector<double>());  // no longer needed
    record(checkpoint, 2, numbers_from(20, 3));
  }
  EXPECT_LT(fs::file_size(folder.path("a.ckpt")), 1000);
  Checkpoint checkpoint(folder.path("a.ckpt"), of_this, everything);
  EXPECT_EQ(checkpoint.found().results, 3);
  EXPECT_EQ(remembered(checkpoint), result);
  EXPECT_EQ(computed, 1);
  EXPECT_EQ(recalled(checkpoint, 1, 3), numbers_from(10, 3));
  EXPECT_EQ(recalled(checkpoint, 2, 3), numbers_from(20, 3));
  // What fails is not kept.
  EXPECT_THROW((void)checkpoint.remembered(7, 1, 1, []() -> Matrix { throw NumericalError("no"); }), NumericalError);
  EXPECT_EQ(recalled(checkpoint, 7, 1), std::vector<double>());
}

TEST(Checkpoint, ThreadsRecordSideBySide) {
  const TemporaryFolder folder;
  constexpr std::uint64_t each = 50;
  {
    Checkpoint checkpoint(folder.path("a.ckpt"), of_this, everything);
    std::vector<std::thread> threads;
    for (std::uint64_t t = 0; t < 4; ++t)
      threads.emplace_back([&, t] {
        for (std::uint64_t i = 0; i < each; ++i) {
          const std::uint64_t key = t * each + i;
          (void)checkpoint.remembered(1000 + key, 1, 1, [&] {
            record(checkpoint, key, numbers_from(static_cast<double>(key), 20));
            return Matrix::Constant(1, 1, static_cast<double>(key));
          });
        }
      });
    for (std::thread& thread : threads) thread.join();
  }
  Checkpoint checkpoint(folder.path("a.ckpt"), of_this, everything);
  for (std::uint64_t key = 0; key < 4 * each; ++key)
    EXPECT_EQ(recalled(checkpoint, 1000 + key, 1), numbers_from(static_cast<double>(key), 1));
}

// One thread takes back what was the log's end when another began: what that one records must follow what is there.
TEST(Checkpoint, AThreadTakesBackWhereAnotherBegan) {
  const TemporaryFolder folder;
  {
    Checkpoint checkpoint(folder.path("a.ckpt"), of_this, everything);
    std::binary_semaphore recorded(0);
    std::binary_semaphore begun(0);
    std::thread first([&] {
      (void)checkpoint.remembered(1, 1, 1, [&] {
        record(checkpoint, 2, numbers_from(2, 100));
        recorded.release();
        begun.acquire();
        return Matrix::Constant(1, 1, 1.0);
      });
      recorded.release();
    });
    recorded.acquire();
    (void)checkpoint.remembered(3, 1, 1, [&] {
      begun.release();
      recorded.acquire();
      record(checkpoint, 4, numbers_from(4, 5));
      return Matrix::Constant(1, 1, 3.0);
    });
    first.join();
    record(checkpoint, 5, numbers_from(5, 3));
  }
  Checkpoint checkpoint(folder.path("a.ckpt"), of_this, everything);
  EXPECT_EQ(recalled(checkpoint, 1, 1), numbers_from(1, 1));
  EXPECT_EQ(recalled(checkpoint, 3, 1), numbers_from(3, 1));
  EXPECT_EQ(recalled(checkpoint, 5, 3), numbers_from(5, 3));
}

TEST(Checkpoint, CutAnywhereItHasTheRecordsBefore) {
  const TemporaryFolder folder;
  std::vector<std::size_t> ends;  // of the header and of each record
  const auto size = [&] { return static_cast<std::size_t>(fs::file_size(folder.path("a.ckpt"))); };
  {
    Checkpoint checkpoint(folder.path("a.ckpt"), of_this, everything);
    ends.push_back(size());
    for (std::uint64_t key = 0; key < 3; ++key) {
      record(checkpoint, key, numbers_from(static_cast<double>(10 * key), 3));
      ends.push_back(size());
    }
  }
  const std::string bytes = folder.bytes("a.ckpt");
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    const std::string path = folder.put("b.ckpt", bytes.substr(0, cut));
    std::size_t whole = 0;
    while (whole < 3 && ends[whole + 1] <= cut) ++whole;
    {
      Checkpoint checkpoint(path, of_this, everything);
      ASSERT_EQ(checkpoint.found().results, whole) << cut;
      for (std::uint64_t key = 0; key < 3; ++key)
        ASSERT_EQ(recalled(checkpoint, key, 3),
                  key < whole ? numbers_from(static_cast<double>(10 * key), 3) : std::vector<double>());
      // What was cut off is found anew.
      for (std::uint64_t key = whole; key < 3; ++key)
        record(checkpoint, key, numbers_from(static_cast<double>(10 * key), 3));
    }
    ASSERT_EQ(file_bytes(path), bytes) << cut;
  }
}

TEST(Checkpoint, AFlippedBitIsNeverTakenForAResult) {
  const TemporaryFolder folder;
  std::size_t header = 0;
  {
    Checkpoint checkpoint(folder.path("a.ckpt"), of_this, everything);
    header = fs::file_size(folder.path("a.ckpt"));
    for (std::uint64_t key = 0; key < 3; ++key) record(checkpoint, key, numbers_from(static_cast<double>(key), 2));
  }
  const std::string bytes = folder.bytes("a.ckpt");
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    std::string flipped = bytes;
    flip(flipped, bit);
    const std::string path = folder.put("b.ckpt", flipped);
    if (bit / 8 < header) {
      ASSERT_THROW(Checkpoint(path, of_this, everything), IoError) << bit;
      ASSERT_EQ(file_bytes(path), flipped);  // left for a person to look at
      continue;
    }
    Checkpoint checkpoint(path, of_this, everything);
    const std::size_t damaged = (bit / 8 - header) / ((bytes.size() - header) / 3);
    for (std::uint64_t key = 0; key < 3; ++key)
      ASSERT_EQ(recalled(checkpoint, key, 2),
                key < damaged ? numbers_from(static_cast<double>(key), 2) : std::vector<double>());
  }
}

TEST(Checkpoint, HugeLengthsAreNoRecords) {
  const TemporaryFolder folder;
  std::size_t header = 0;
  {
    Checkpoint checkpoint(folder.path("a.ckpt"), of_this, everything);
    header = fs::file_size(folder.path("a.ckpt"));
    record(checkpoint, 1, numbers_from(10, 3));
  }
  const std::string bytes = folder.bytes("a.ckpt");
  for (const std::uint64_t numbers :
       {std::uint64_t{4}, std::uint64_t{1} << 33U, std::uint64_t{1} << 61U, ~std::uint64_t{0}}) {
    std::string wrong = bytes;
    std::memcpy(wrong.data() + header + 16, &numbers, sizeof numbers);
    const auto crc = static_cast<std::uint32_t>(
        ::crc32(0, reinterpret_cast<const Bytef*>(wrong.data() + header), 28));  // as if it were meant
    std::memcpy(wrong.data() + header + 28, &crc, sizeof crc);
    Checkpoint checkpoint(folder.put("b.ckpt", wrong), of_this, everything);
    EXPECT_EQ(checkpoint.found().results, 0);
  }
  // The same of the length of what it is of.
  for (const std::uint64_t length :
       {std::uint64_t{0}, std::uint64_t{1} << 40U, ~std::uint64_t{0}, ~std::uint64_t{0} - 32}) {
    std::string wrong = bytes;
    std::memcpy(wrong.data() + 21, &length, sizeof length);
    EXPECT_THROW(Checkpoint(folder.put("b.ckpt", wrong), of_this, everything), IoError);
  }
}

TEST(Checkpoint, PartialSumsAreWholeOrNone) {
  const TemporaryFolder folder;
  const std::string path = folder.path("a.ckpt");
  std::vector<double> numbers = numbers_from(5, 4);
  {
    Checkpoint checkpoint(path, of_this, everything);
    checkpoint.save_partial(9, values_of(numbers), "features", 50, {10, 1.5});
    checkpoint.save_partial(9, values_of(numbers), "a stage whose name is longer than there is room for", 50,
                            {20, 2.5});
    EXPECT_FALSE(checkpoint.empty());
  }
  EXPECT_EQ(folder.names(), (std::set<std::string>{"a.ckpt", "a.ckpt.partial"}));
  const std::string bytes = folder.bytes("a.ckpt.partial");
  const auto partial = [&](std::uint64_t key, std::size_t count) {
    Checkpoint checkpoint(path, of_this, everything);
    std::vector<double> found(count, -1);
    const auto taken = checkpoint.recall_partial(key, values_of(found));
    if (!taken) return std::make_pair(Index{0}, found);
    EXPECT_EQ(taken->seconds, 2.5);
    EXPECT_EQ(checkpoint.found().part, 0.4);
    return std::make_pair(taken->done, found);
  };
  EXPECT_EQ(partial(9, 4), std::make_pair(Index{20}, numbers));
  const auto nothing = std::make_pair(Index{0}, std::vector<double>(4, -1));
  EXPECT_EQ(partial(8, 4), nothing);
  EXPECT_EQ(partial(9, 5).first, 0);
  const auto keep_log = [&] {  // a checkpoint without anything is removed
    Checkpoint checkpoint(path, of_this, everything);
    record(checkpoint, 1, {});
  };
  keep_log();
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    folder.put("a.ckpt.partial", bytes.substr(0, cut));
    ASSERT_EQ(partial(9, 4), nothing) << cut;
  }
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    std::string flipped = bytes;
    flip(flipped, bit);
    folder.put("a.ckpt.partial", flipped);
    if (bit < 64)  // not seen to be one, and not replaced
      ASSERT_THROW(partial(9, 4), IoError);
    else
      ASSERT_EQ(partial(9, 4), nothing) << bit;
  }
  // Sums that are now a result are no longer partial.
  folder.put("a.ckpt.partial", bytes);
  {
    Checkpoint checkpoint(path, of_this, everything);
    EXPECT_GT(checkpoint.found().part, 0);
    record(checkpoint, 9, numbers);
  }
  EXPECT_EQ(folder.names(), (std::set<std::string>{"a.ckpt"}));
}

TEST(Checkpoint, WhatAKilledSaveLeftIsRemoved) {
  const TemporaryFolder folder;
  const std::string path = folder.path("a.ckpt");
  std::vector<double> numbers = numbers_from(5, 4);
  {
    Checkpoint checkpoint(path, of_this, everything);
    checkpoint.save_partial(9, values_of(numbers), "features", 50, {10, 1.5});
  }
  folder.put("a.ckpt.partial.tmp", folder.bytes("a.ckpt.partial").substr(0, 50));
  {
    Checkpoint checkpoint(path, of_this, everything);
    EXPECT_EQ(checkpoint.found().part, 0.2);
  }
  EXPECT_EQ(folder.names(), (std::set<std::string>{"a.ckpt", "a.ckpt.partial"}));
  // But not what is somebody else's.
  for (const char* name : {"a.ckpt.partial", "a.ckpt.partial.tmp"}) {
    folder.put(name, "my thesis");
    EXPECT_EQ(message_of<IoError>([&] { Checkpoint(path, of_this, everything); }),
              folder.path(name) +
                  ": is in the way of a checkpoint's partial sums, and is none; remove it, or name another checkpoint");
    EXPECT_EQ(folder.bytes(name), "my thesis");
    fs::remove(folder.path(name));
  }
}

TEST(Checkpoint, OfAnotherFitItIsRefusedAndKept) {
  const TemporaryFolder folder;
  const std::string path = folder.path("a.ckpt");
  {
    Checkpoint checkpoint(path, of_this, everything);
    record(checkpoint, 1, numbers_from(10, 3));
  }
  const std::string bytes = folder.bytes("a.ckpt");
  const auto refusal = [&](const Provenance& of) {
    const std::string message = message_of<IoError>([&] { Checkpoint(path, of, everything); });
    EXPECT_EQ(folder.bytes("a.ckpt"), bytes);
    return message;
  };
  const std::string what_to_do = "; remove it, or name another file";
  EXPECT_EQ(refusal({{"table", "4 rows"}, {"seed", "8"}}),
            path + ": is the checkpoint of another fit: its seed is 7 and here it is 8" + what_to_do);
  EXPECT_EQ(refusal({{"table", "4 rows"}, {"seed", "7"}, {"rank", "2"}}),
            path + ": is the checkpoint of another fit: its rank is not given and here it is 2" + what_to_do);
  EXPECT_EQ(refusal({{"table", "4 rows"}}),
            path + ": is the checkpoint of another fit: its seed is 7 and here it is not given" + what_to_do);
  EXPECT_NE(refusal({{"seed", "7"}, {"table", "4 rows"}}), "nothing was thrown");

  folder.put("b.csv", "x,y\n1,2\n");
  EXPECT_EQ(
      message_of<IoError>([&] { Checkpoint(folder.path("b.csv"), of_this); }),
      folder.path("b.csv") + ": is no checkpoint that this version can read, and is left as it is; name another file");
  EXPECT_EQ(folder.bytes("b.csv"), "x,y\n1,2\n");
  EXPECT_EQ(message_of<IoError>([&] { Checkpoint(folder.path(), of_this); }),
            folder.path() + ": cannot be written: Is a directory");
  EXPECT_EQ(message_of<IoError>([&] { Checkpoint(folder.path("no/a.ckpt"), of_this); }),
            folder.path("no/a.ckpt") + ": cannot be written: No such file or directory");
  EXPECT_EQ(message_of([&] { Checkpoint(folder.path("c.ckpt"), of_this, {.seconds = -1}); }),
            "checkpoint: -1 seconds between savings given, expected at least 0");
  EXPECT_NE(message_of<IoError>([&] { Checkpoint("/dev/full", of_this); }), "nothing was thrown");
}

TEST(Checkpoint, IsHeldAgainstOthersAndRemovedAtTheEnd) {
  const TemporaryFolder folder;
  const std::string path = folder.path("a.ckpt");
  {
    Checkpoint checkpoint(path, of_this, everything);
    EXPECT_EQ(message_of<IoError>([&] { Checkpoint(path, of_this, everything); }),
              path + ": another run is using this checkpoint; wait for its end, or name another file");
    std::vector<double> numbers = numbers_from(5, 4);
    record(checkpoint, 1, numbers);
    checkpoint.save_partial(9, values_of(numbers), "features", 50, {10, 1.5});
    EXPECT_EQ(recalled(checkpoint, 1, 4), numbers);
    checkpoint.complete();
    EXPECT_EQ(folder.names(), std::set<std::string>());
    // Its name is free, though this one still lives.
    Checkpoint next(path, of_this, everything);
    record(next, 2, numbers);
  }
  EXPECT_EQ(folder.names(), (std::set<std::string>{"a.ckpt"}));
  fs::remove(path);
  { const Checkpoint unused(path, of_this, everything); }
  EXPECT_EQ(folder.names(), std::set<std::string>());
}

TEST(Checkpoint, OnAFullDiskItWarnsOnceAndKeepsWhatIsThere) {
  const TemporaryFolder folder;
  const std::string path = folder.path("a.ckpt");
  std::vector<std::string> warnings;
  CheckpointOptions options = everything;
  options.warn = [&](const std::string& sentence) { warnings.push_back(sentence); };
  {
    Checkpoint checkpoint(path, of_this, options);
    record(checkpoint, 1, numbers_from(10, 100));
    std::vector<double> large = numbers_from(0, 10'000);
    {
      const FileSizeLimit full(2000);
      record(checkpoint, 2, large);
      checkpoint.save_partial(3, values_of(large), "features", 50, {10, 1.5});
      record(checkpoint, 4, large);
      record(checkpoint, 5, numbers_from(50, 10));  // there is room for this
    }
    EXPECT_EQ(recalled(checkpoint, 2, 10'000), std::vector<double>());
    record(checkpoint, 6, large);  // and again for that
    EXPECT_EQ(recalled(checkpoint, 6, 10'000), large);
  }
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_EQ(warnings.front(), path +
                                  ": cannot be written: File too large; the fit goes on, and what is not saved must be "
                                  "computed again if it is stopped");
  EXPECT_EQ(folder.names(), (std::set<std::string>{"a.ckpt"}));
  Checkpoint checkpoint(path, of_this, options);
  EXPECT_EQ(checkpoint.found().results, 3);
  EXPECT_EQ(recalled(checkpoint, 1, 100), numbers_from(10, 100));
  EXPECT_EQ(recalled(checkpoint, 5, 10), numbers_from(50, 10));

  const FileSizeLimit full(10);
  EXPECT_EQ(message_of<IoError>([&] { Checkpoint(folder.path("b.ckpt"), of_this); }),
            folder.path("b.ckpt") + ": cannot be written: File too large");
  EXPECT_FALSE(fs::exists(folder.path("b.ckpt")));
}

TEST(Checkpoint, CutWhileInUseItSaysSo) {
  const TemporaryFolder folder;
  const std::string path = folder.path("a.ckpt");
  Checkpoint checkpoint(path, of_this, everything);
  record(checkpoint, 1, numbers_from(10, 100));
  std::vector<double> numbers(100);
  std::string bytes = folder.bytes("a.ckpt");
  flip(bytes, 8 * bytes.size() - 1);
  folder.put("a.ckpt", bytes);
  EXPECT_EQ(message_of<IoError>([&] { (void)checkpoint.recall(1, values_of(numbers)); }),
            path + ": was changed while it was in use");
  folder.put("a.ckpt", bytes.substr(0, bytes.size() - 1));
  EXPECT_EQ(message_of<IoError>([&] { (void)checkpoint.recall(1, values_of(numbers)); }),
            path + ": was cut while it was in use");
}

namespace {

// Everything that a pass returns, as numbers.
using Numbers = std::vector<double>;
void put(Numbers& all, double number) { all.push_back(number); }
void put(Numbers& all, Index number) { all.push_back(static_cast<double>(number)); }
template <class Derived>
void put(Numbers& all, const Eigen::MatrixBase<Derived>& matrix) {
  for (Index i = 0; i < matrix.rows(); ++i)
    for (Index j = 0; j < matrix.cols(); ++j) all.push_back(matrix(i, j));
}
template <class Item>
void put(Numbers& all, const std::vector<Item>& items) {
  for (const Item& item : items) put(all, item);
}
template <class... Parts>
Numbers numbers(const Parts&... parts) {
  Numbers all;
  (put(all, parts), ...);
  return all;
}

struct NamedPass {
  std::string name;
  std::function<Numbers(const RowSource&, const Context&)> run;
};

// Every kind of pass that a fit may run, on the given rows; the matrices live as long as the functions.
std::vector<NamedPass> all_passes(const Rows& rows) {
  struct Given {
    LinearPart linear;
    FeatureMap network, tangent, link;
    Matrix a, tangent_a, link_a, W, W_a, U, delta, C, responses;
    Moments of_rows;
    std::vector<Predictor> predictors;
    Model model;
  };
  const Index n = rows.X.rows();
  const Index d = rows.X.cols();
  const Index k = rows.Y.cols();
  const auto g = std::make_shared<Given>();
  g->linear = random_linear(d, k, 1);
  g->network = random_network(70, d, true, 2);
  g->tangent = LinearisedNetwork{normals(6, d, 3), normals(6, 1, 4), normals(6, 1, 5).cwiseSign(), {}, 1, 0.5};
  g->link =
      HermiteFeatures{Matrix::Identity(2, 2), Vector::Zero(2), Vector::Constant(2, -9.0), Vector::Constant(2, 9.0), 2};
  g->a = normals(70, 2 * k, 6);
  g->link_a = normals(width(g->link), k, 7);
  g->W = normals(70, d, 8);
  g->W_a = normals(70, k, 9);
  g->U = normals(2, d, 10);
  g->delta = normals(2, d, 11);
  g->C = normals(n, 3, 12);
  g->responses = normals(n, 3, 13);
  g->of_rows = moments(rows.source(), run_with(1));
  Lift lift;
  for (Index j = 0; j < d; ++j) lift.knots.push_back(Vector::LinSpaced(3, -1.0, 1.0));
  g->predictors = {{0.7, g->network, normals(70, k, 14), {}},
                   {0.3, random_network(8, 2 * d, false, 15), normals(8, k, 16), lift}};
  g->model = fit(rows.X, rows.Y, {.method = Method::algorithm_1, .width = 8, .lambda = {1e-2}});
  std::vector<Index> targets;
  for (Index c = 0; c < 2 * k; ++c) targets.push_back(c % k);

  std::vector<NamedPass> passes = {
      {"moments",
       [](const RowSource& source, const Context& context) {
         const Moments m = moments(source, context);
         return numbers(m.rows, m.n, m.x_mean, m.y_mean, m.xx, m.xy, m.yy, m.x_min, m.x_max, m.y_min, m.y_max);
       }},
      {"marginal moments",
       [](const RowSource& source, const Context& context) {
         const Moments m = marginal_moments(source, context);
         return numbers(m.rows, m.n, m.x_mean, m.y_mean, m.xx_diag, m.xy, m.yy, m.x_min, m.x_max, m.y_min, m.y_max);
       }},
      {"means", [](const RowSource& source, const Context& context) { return numbers(input_means(source, context)); }},
      {"ranges",
       [g](const RowSource& source, const Context& context) {
         const Ranges ranges = projection_ranges(source, g->U, context);
         return numbers(ranges.low, ranges.high);
       }},
      {"direction ranges",
       [g](const RowSource& source, const Context& context) {
         const DirectionRanges ranges =
             direction_ranges(source, g->model.scaling, g->model.gradient_outer_product, context);
         return numbers(ranges.directions, ranges.low, ranges.high);
       }},
      {"spectral moments",
       [g](const RowSource& source, const Context& context) {
         return numbers(spectral_moments(source, g->linear, g->of_rows, LabelTransform::clipped, context),
                        spectral_moments(source, g->linear, g->of_rows, LabelTransform::magnitude, context));
       }},
      {"responses",
       [g, d](const RowSource& source, const Context& context) {
         const ResponseMoments m = response_moments(source, g->of_rows, Matrix::Identity(d, d), g->responses, context);
         return numbers(m.cross, m.clipped, m.magnitude);
       }},
      {"combination",
       [g](const RowSource& source, const Context& context) {
         return numbers(feature_combination(source, g->network, g->C, context));
       }},
      {"risks of a path",
       [g, targets](const RowSource& source, const Context& context) {
         const Risks r = risks(source, g->linear, g->network, g->a, targets, context);
         return numbers(r.n, r.square, r.fourth, r.absolute, r.rows);
       }},
      {"risks of a path in another order",
       [g, targets](const RowSource& source, const Context& context) {
         const std::vector<Index> reversed(targets.rbegin(), targets.rend());
         const Risks r = risks(source, g->linear, g->network, g->a, reversed, context);
         return numbers(r.n, r.square, r.fourth, r.absolute, r.rows);
       }},
      {"risks of predictors",
       [g](const RowSource& source, const Context& context) {
         const Risks r = risks(source, g->linear, g->predictors, context);
         return numbers(r.n, r.square, r.fourth, r.absolute, r.rows);
       }},
      {"outer product",
       [g](const RowSource& source, const Context& context) {
         return numbers(gradient_outer_product(source, g->linear, g->predictors, context));
       }},
      {"Gauss-Newton sums",
       [g](const RowSource& source, const Context& context) {
         const GaussNewtonSums sums = gauss_newton_sums(source, g->linear, g->U, g->link, g->link_a, context);
         return numbers(sums.H, sums.g);
       }},
      {"Gauss-Newton product",
       [g](const RowSource& source, const Context& context) {
         return numbers(gauss_newton_product(source, g->U, g->link, g->link_a, g->delta, context));
       }},
      {"Gauss-Newton gradient",
       [g](const RowSource& source, const Context& context) {
         return numbers(gauss_newton_gradient(source, g->linear, g->U, g->link, g->link_a, context));
       }},
      {"evaluation",
       [g](const RowSource& source, const Context& context) {
         Numbers all;
         for (const Score& score : evaluate(g->model, source, context).targets)
           for (const double number : {score.rmse, score.mae, score.r2}) all.push_back(number);
         for (const IntervalScore& score : evaluate_intervals(g->model, source, 0.5, context))
           for (const double number : {score.coverage, score.width}) all.push_back(number);
         return all;
       }},
      {"tangent features",
       [g](const RowSource& source, const Context& context) {
         const FeatureSums sums = feature_sums(source, g->linear, g->tangent, context);
         return numbers(sums.n, sums.gram, sums.moment);
       }},
  };
  for (const Precision precision : {Precision::float64, Precision::mixed, Precision::float32}) {
    passes.push_back({"gradient, " + name(precision), [g, precision](const RowSource& source, const Context& context) {
                        return numbers(first_layer_gradient(source, g->linear, g->W, g->W_a, context, precision));
                      }});
    passes.push_back({"features, " + name(precision), [g, precision](const RowSource& source, const Context& context) {
                        const FeatureSums sums = feature_sums(source, g->linear, g->network, context, precision);
                        return numbers(sums.n, sums.gram, sums.moment);
                      }});
    passes.push_back(
        {"heads, " + name(precision), [g, precision](const RowSource& source, const Context& context) {
           return numbers(fit_heads(source, g->linear, g->network, {1e-3, 1e-2}, Head::ridge, context, precision));
         }});
  }
  for (const Reduction reduction : {Reduction::sir, Reduction::save, Reduction::phd, Reduction::directional_regression})
    passes.push_back({name(reduction), [reduction](const RowSource& source, const Context& context) {
                        const auto found = reduced_directions(source, {.reduction = reduction, .slices = 4}, context);
                        return numbers(found.eigenvalues, found.directions, found.kernel);
                      }});
  return passes;
}

// Counts the rows that are read.
class Counting final : public RowSource {
 public:
  explicit Counting(const RowSource& source) : source_(source) {}
  [[nodiscard]] Index rows() const override { return source_.rows(); }
  [[nodiscard]] Index inputs() const override { return source_.inputs(); }
  [[nodiscard]] Index targets() const override { return source_.targets(); }
  void read(Index first, Index count, Block& block) const override {
    read_ += count;
    source_.read(first, count, block);
  }
  [[nodiscard]] Index read() const { return read_; }

 private:
  [[nodiscard]] std::uint64_t find_fingerprint() const override { return source_.fingerprint(); }
  const RowSource& source_;
  mutable Index read_ = 0;
};

// Runs `work`, cancels it when it has reported progress so many times, then goes on from the checkpoint, again and
// again, a little longer each time, until it ends. Returns what it gives, and adds up how often it was cancelled.
template <class Work>
auto interrupted(const std::string& path, Context context, Index reports, Index& interruptions, const Work& work) {
  while (true) {
    Checkpoint checkpoint(path, of_this, everything);
    context.checkpoint = &checkpoint;
    Index left = reports;
    context.progress = [&left](const Progress&) { return left-- > 0; };
    try {
      auto result = work(context);
      checkpoint.complete();
      return result;
    } catch (const Cancelled&) {
      ++interruptions;
      reports += 1 + reports / 10;  // some of what reports progress is not kept
    }
  }
}

}  // namespace

// Blocks of 8 rows, so that there are several runs of 16 blocks in single precision.
TEST(Checkpoint, PassesGoOnToTheSameBits) {
  const TemporaryFolder folder;
  const Rows rows = random_rows(8 * 53 + 3, 5, 2, 1);
  const MemorySource source = rows.source();
  for (const NamedPass& pass : all_passes(rows)) {
    for (const int threads : {1, 2}) {
      const Context context = run_with(threads, 8);
      const Numbers undisturbed = pass.run(source, context);
      for (const Index reports : {20, 50}) {  // single precision goes on at blocks 16, 32 and 48
        Index interruptions = 0;
        const Numbers resumed = interrupted(folder.path("a.ckpt"), context, reports, interruptions,
                                            [&](const Context& inner) { return pass.run(source, inner); });
        EXPECT_EQ(resumed, undisturbed) << pass.name << ", " << threads << " threads, " << reports;
        EXPECT_GE(interruptions, 1) << pass.name;
      }
    }
  }
  EXPECT_EQ(folder.names(), std::set<std::string>());
}

TEST(Checkpoint, PassesReadNoRowTwice) {
  const TemporaryFolder folder;
  const Rows rows = random_rows(8 * 53 + 3, 5, 2, 1);
  const MemorySource memory = rows.source();
  const auto gradient = [&](const RowSource& source, const Context& context) {
    return first_layer_gradient(source, LinearPart::zero(5, 2), normals(70, 5, 8), normals(70, 2, 9), context);
  };
  const Counting first(memory);
  Context context = run_with(1, 8);
  {
    Checkpoint checkpoint(folder.path("a.ckpt"), of_this, everything);
    context.checkpoint = &checkpoint;
    Index reports = 0;
    context.progress = [&](const Progress&) { return ++reports <= 30; };
    EXPECT_THROW((void)gradient(first, context), Cancelled);
  }
  context.progress = {};
  EXPECT_EQ(first.read(), 30 * 8);
  const Counting second(memory);
  const Counting third(memory);
  {
    Checkpoint checkpoint(folder.path("a.ckpt"), of_this, everything);
    EXPECT_EQ(checkpoint.found().partial_stage, "gradient");
    EXPECT_EQ(checkpoint.found().part, 30.0 / 54);
    context.checkpoint = &checkpoint;
    const Matrix G = gradient(second, context);
    EXPECT_EQ(second.read(), memory.rows() - 30 * 8);
    EXPECT_EQ(gradient(third, context), G);
    EXPECT_EQ(third.read(), 0);
    EXPECT_EQ(checkpoint.taken(), 2);
  }
  // A pass about a pivot reads as far as that row.
  const Counting fourth(memory);
  const Counting fifth(memory);
  Checkpoint checkpoint(folder.path("a.ckpt"), of_this, everything);
  context.checkpoint = &checkpoint;
  const Moments m = moments(fourth, context);
  EXPECT_EQ(moments(fifth, context).xx, m.xx);
  EXPECT_EQ(fifth.read(), 8);
}

// All in one checkpoint: were two of them taken for each other, one would have the other's numbers.
TEST(Checkpoint, PassesAreToldApart) {
  const TemporaryFolder folder;
  const Rows rows = random_rows(203, 5, 2, 1);
  const Rows others = random_rows(203, 5, 2, 2);
  Rows weighted = rows;
  weighted.w[200] *= 1.5;
  const MemorySource source = rows.source();
  std::vector<std::unique_ptr<RowSource>> sources;
  for (const Rows* each : std::initializer_list<const Rows*>{&rows, &others, &weighted})
    sources.push_back(std::make_unique<MemorySource>(each->source()));
  const auto passes = all_passes(rows);
  Checkpoint checkpoint(folder.path("a.ckpt"), of_this, everything);
  for (int round = 0; round < 2; ++round) {
    for (const auto& each : sources) {
      for (const NamedPass& pass : passes) {
        Context context = run_with(1, 16);
        const Numbers undisturbed = pass.run(*each, context);
        context.checkpoint = &checkpoint;
        EXPECT_EQ(pass.run(*each, context), undisturbed) << pass.name;
      }
    }
  }
  EXPECT_GT(checkpoint.taken(), static_cast<Index>(3 * passes.size()));
}

namespace {

struct NamedFit {
  std::string name;
  FitOptions options;
  bool classes = false;
};

std::vector<NamedFit> some_fits() {
  std::vector<NamedFit> fits;
  const auto add = [&](const std::string& name, Method method, const auto& change) {
    FitOptions options;
    options.method = method;
    options.width = 32;
    options.seed = 3;
    options.budget = 0.02;
    change(options);
    fits.push_back({name, options, options.task == Task::classification});
  };
  const auto as_it_is = [](FitOptions&) {};
  add("algorithm-1", Method::algorithm_1, as_it_is);
  add("single precision", Method::algorithm_1, [](FitOptions& o) { o.precision = Precision::float32; });
  add("folds and a calibration share", Method::algorithm_1, [](FitOptions& o) {
    o.folds = 3;
    o.calibration_share = 0.2;
    o.sample_splitting = true;
  });
  add("in time order", Method::random_features, [](FitOptions& o) {
    o.folds = 3;
    o.ordered = true;
  });
  add("no symmetric start", Method::algorithm_1, [](FitOptions& o) { o.symmetric = false; });
  add("classes", Method::algorithm_1, [](FitOptions& o) { o.task = Task::classification; });
  add("transforms", Method::algorithm_1, [](FitOptions& o) { o.target_transform = transform_kinds_named("auto"); });
  add("kernel", Method::kernel_ntk, as_it_is);
  add("tangents", Method::ntk, [](FitOptions& o) { o.width = 8; });
  add("sir", Method::sir, as_it_is);
  add("directional regression", Method::directional_regression, as_it_is);
  add("polish", Method::polish, as_it_is);
  add("refine", Method::refine, [](FitOptions& o) { o.redraws = 2; });
  add("refined kernel", Method::refined_kernel, as_it_is);
  add("automatic", Method::automatic, [](FitOptions& o) { o.budget = 0.1; });
  return fits;
}

}  // namespace

TEST(Checkpoint, FitsGoOnToTheSameModel) {
  const TemporaryFolder folder;
  const Rows rows = random_rows(300, 4, 2, 5, false);
  const Matrix sorts = (rows.Y.col(0).array() > 0.7).cast<double>() + (rows.Y.col(0).array() > 2).cast<double>();
  for (const NamedFit& each : some_fits()) {
    const auto learn = [&](const Context& context) {
      return model_bytes(fit(rows.X, each.classes ? sorts : rows.Y, each.options, context));
    };
    // On one thread, which reports all that is done: what the first of several reports depends on what it gets to do.
    Index reports = 0;
    Context alone = run_with(1, 128);
    alone.progress = [&reports](const Progress&) {
      ++reports;
      return true;
    };
    const std::string undisturbed = learn(alone);
    alone.progress = {};
    Context context = run_with(2, 128);
    // Whole, so that a result that recurs, and one that is taken for another, would be taken from the file.
    {
      Checkpoint checkpoint(folder.path("a.ckpt"), of_this, everything);
      context.checkpoint = &checkpoint;
      EXPECT_TRUE(learn(context) == undisturbed) << each.name;
      // And once more, from what all of it left.
      const Index before = checkpoint.taken();
      EXPECT_TRUE(learn(context) == undisturbed) << each.name;
      EXPECT_GT(checkpoint.taken(), before) << each.name;
      checkpoint.complete();
    }
    Index interruptions = 0;
    const std::string resumed = interrupted(folder.path("a.ckpt"), alone, reports * 7 / 10, interruptions, learn);
    EXPECT_TRUE(resumed == undisturbed) << each.name;
    EXPECT_GE(interruptions, 1) << each.name;
  }
}

TEST(Checkpoint, ProvenanceNamesAllThatAFitIsOf) {
  const Rows rows = random_rows(60, 3, 1, 5);
  const MemorySource source = rows.source();
  const Model model = fit(rows.X, rows.Y, {.method = Method::algorithm_1, .width = 8, .lambda = {1e-2}});
  const Context context;
  const auto of = [&](const FitOptions& options) { return provenance(source, model.encoding, options, context); };
  const Provenance plain = of({});
  EXPECT_EQ(of({}), plain);
  FitOptions other;
  other.lambda = {1, 2};
  std::vector<Provenance> all = {plain,           of({.width = 8}), of({.rank = 2}), of({.calibration_share = 0.1}),
                                 of({.seed = 1}), of(other)};
  other = {};
  other.subspace = Matrix::Identity(3, 3);
  all.push_back(of(other));
  Encoding renamed = model.encoding;
  renamed.columns[1].name = "z";
  all.push_back(provenance(source, renamed, {}, context));
  all.push_back(provenance(source, model.encoding, {}, run_with(1, 512)));
  all.push_back(provenance(source, model.encoding, {}, context, &source));
  Rows changed = rows;
  changed.X(30, 1) = std::nextafter(changed.X(30, 1), 2);
  const MemorySource other_rows = changed.source();
  all.push_back(provenance(other_rows, model.encoding, {}, context));
  for (std::size_t i = 0; i < all.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) EXPECT_NE(all[i], all[j]) << i << " and " << j;
  EXPECT_EQ(provenance(source, model.encoding, {}, run_with(2)), plain);  // threads change nothing
  Model another = model;
  another.linear.alpha[0] += 1;
  EXPECT_NE(content_of(another), content_of(model));
}
