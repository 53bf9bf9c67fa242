// Algorithm 1 on rows in memory, stage by stage, for bench/peers.py and bench/cost_model.py: the least squares of the
// linear part, the step, the features' sums, the heads of the whole λ path, and their errors on held-out rows.
//
//   [mpirun -n RANKS] algorithm_1 FILE ROWS HELD_OUT INPUTS WIDTH THREADS PRECISION
//
// FILE holds (ROWS + HELD_OUT)×(INPUTS + 1) doubles, row by row, the target last. Prints one JSON object: seconds by
// the clock of all and of each stage, the processor's seconds of this rank, and seconds of adding up WIDTH² numbers.
#include <fmt/core.h>
#include <sys/resource.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "core/from_first_rank.h"
#include "sextant/joined_ranks.h"
#include "sextant/linear_fit.h"
#include "sextant/network.h"
#include "sextant/passes.h"
#include "sextant/ridge_head.h"

using namespace sextant;

int main(int count, char** arguments) {
  if (count != 8) {
    fmt::print(stderr, "algorithm_1 FILE ROWS HELD_OUT INPUTS WIDTH THREADS PRECISION\n");
    return 2;
  }
  const Index rows = std::atoll(arguments[2]);
  const Index held = std::atoll(arguments[3]);
  const Index d = std::atoll(arguments[4]);
  FitOptions options{.method = Method::algorithm_1};
  options.width = std::atoll(arguments[5]);
  options.precision = precision_named(arguments[7]);
  Context context;
  context.threads = std::atoi(arguments[6]);
  const auto ranks = join_ranks();
  if (ranks->size() > 1) context.ranks = ranks.get();

  Matrix X(rows, d);
  Matrix Y(rows, 1);
  Matrix X_held(held, d);
  Matrix Y_held(held, 1);
  {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(arguments[1], "rb"), std::fclose);
    Vector row(d + 1);
    for (Index i = 0; i < rows + held; ++i) {
      if (file == nullptr || std::fread(row.data(), sizeof(double), static_cast<std::size_t>(d + 1), file.get()) !=
                                 static_cast<std::size_t>(d + 1)) {
        fmt::print(stderr, "{}: fewer rows than asked for\n", arguments[1]);
        return 1;
      }
      (i < rows ? X.row(i) : X_held.row(i - rows)) = row.head(d).transpose();
      (i < rows ? Y(i, 0) : Y_held(i - rows, 0)) = row[d];
    }
  }
  const MemorySource training(X, Y);
  const MemorySource validation(X_held, Y_held);
  Vector words = Vector::Zero(options.width * options.width);
  const auto meet = [&] { ranks->sum({words.data(), 1}); };

  using Clock = std::chrono::steady_clock;
  meet();
  const std::clock_t used = std::clock();
  const auto start = Clock::now();
  const LinearPart linear =
      fit_linear(moments(training, context, options.precision), Preprocess::linear, Vector::Zero(1));
  const auto prepared = Clock::now();
  const FeatureMap map = one_step(training, linear, options, context);
  const auto stepped = Clock::now();
  const FeatureSums sums = feature_sums(training, linear, map, context, options.precision);
  const auto summed = Clock::now();
  const Matrix heads = from_first_rank(context, [&] {
    return RidgeHead::primal(sums, options.precision).path(lambda_grid(), options.head, context.threads);
  });
  const auto solved = Clock::now();
  const Risks path = risks(validation, linear, map, heads, std::vector<Index>(lambda_grid().size(), 0), context);
  const auto end = Clock::now();
  meet();
  const auto met = Clock::now();
  ranks->sum({words.data(), static_cast<std::size_t>(words.size())});
  const auto added = Clock::now();
  const double processor = static_cast<double>(std::clock() - used) / CLOCKS_PER_SEC;
  const auto seconds = [](Clock::duration time) { return std::chrono::duration<double>(time).count(); };
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  if (ranks->rank() == 0)
    fmt::print(
        "{{\"seconds\": {}, \"processor\": {}, \"linear\": {}, \"gradient\": {}, \"features\": {}, \"head\": {}, "
        "\"validation\": {}, \"reduction\": {}, \"rmse\": {}, \"peak_mib\": {}}}\n",
        seconds(end - start), processor, seconds(prepared - start), seconds(stepped - prepared),
        seconds(summed - stepped), seconds(solved - summed), seconds(end - solved), seconds(added - met),
        std::sqrt(path.square.minCoeff()), static_cast<double>(usage.ru_maxrss) / 1024);
  ranks->finish();
}
