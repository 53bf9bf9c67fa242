// Rows a second of a model such as the automatic method makes of 36 000 rows of 8 inputs: leaf machines over 3 + 2 + 2
// partitions, two of them with coordinates of each leaf's own, and a kernel with 1 500 landmarks. Heads are drawn:
// those of a norm of 30 are summed in single precision, those of 3 000 in double (passes/kernel_sums.h).
//
//   build/bench/bench/prediction [ROWS [THREADS]]
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <vector>

#include "method/leaf_partition.h"
#include "sextant/predictor.h"
#include "sextant/random.h"

using namespace sextant;

namespace {

constexpr Index inputs_of_all = 8;
constexpr Index training_rows = 36'000;

Matrix drawn(Index rows, Index cols, std::uint64_t seed) {
  return Stream(seed, Purpose::inputs).normal_matrix(rows, cols);
}

// Heads with so large a norm on each leaf's rows.
Matrix head(Index rows, double norm, std::uint64_t seed) { return norm / std::sqrt(1800.0) * drawn(rows, 1, seed); }

std::vector<Predictor> model(double norm, const Context& context) {
  const Kernel kernel{.kind = KernelKind::exponential, .bandwidth = 2, .exponent = 1.9};
  const auto rows = std::make_shared<const SingleMatrix>(drawn(training_rows, inputs_of_all, 1).cast<float>());
  std::vector<Predictor> predictors;
  for (Index number = 0; number < 7; ++number) {
    LeafMachine machine = partition(rows, {.most = 2400, .number = number}, context);
    machine.kernel = kernel;
    machine.S = Matrix::Identity(inputs_of_all, inputs_of_all);
    if (number >= 5)
      for (Index leaf = 0; leaf < machine.leaves(); ++leaf) machine.local.push_back(machine.S);
    Matrix a = head(machine.width(), norm, 2 + static_cast<std::uint64_t>(number));
    predictors.push_back({1.0 / 7, std::move(machine), std::move(a)});
  }
  predictors.push_back(
      {1.0,
       KernelSections{kernel, drawn(1500, inputs_of_all, 20), Matrix::Identity(inputs_of_all, inputs_of_all), true},
       head(1500, norm, 21)});
  return predictors;
}

}  // namespace

int main(int count, char** arguments) {
  const Index rows = count > 1 ? std::atoll(arguments[1]) : 40'000;
  Context context;
  context.threads = count > 2 ? std::atoi(arguments[2]) : 2;
  const Matrix X = drawn(rows, inputs_of_all, 30);
  const LinearPart linear = LinearPart::zero(inputs_of_all, 1);
  for (const double norm : {30.0, 3000.0}) {
    const std::vector<Predictor> predictors = model(norm, context);
    std::vector<double> clock;
    std::vector<double> processor;
    for (int run = 0; run < 5; ++run) {
      const auto start = std::chrono::steady_clock::now();
      const std::clock_t used = std::clock();
      (void)outputs(linear, predictors, X, context);
      clock.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
      processor.push_back(static_cast<double>(std::clock() - used) / CLOCKS_PER_SEC);
    }
    std::sort(clock.begin(), clock.end());
    std::sort(processor.begin(), processor.end());
    const auto n = static_cast<double>(rows);
    fmt::print("heads of norm {:>4}: {:>7.0f} rows a second on {} threads, {:>7.0f} a second of processor time\n", norm,
               n / clock[2], context.threads, n / processor[2]);
  }
}
