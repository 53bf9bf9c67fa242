// Each pass beside the machine's own matrix product, in operations per second: the ratio within one run is what counts.
// Operations are those of docs/method.md: a multiply-add counts as two, mirrored units once.
//
//   build/bench/bench/bench_passes --benchmark_repetitions=5 --benchmark_report_aggregates_only
#include <benchmark/benchmark.h>
#include <cblas.h>

#include <map>
#include <utility>

#include "sextant/network.h"
#include "sextant/passes.h"
#include "sextant/random.h"

using namespace sextant;

namespace {

constexpr Index width_m = 1000;

// Gaussian rows with one target, made once per size.
struct Rows {
  Matrix X;
  Matrix Y;
};

const Rows& rows_of(Index n, Index d) {
  static std::map<std::pair<Index, Index>, Rows> made;
  const auto [at, fresh] = made.try_emplace({n, d});
  if (fresh) {
    at->second.X = Stream(1, Purpose::inputs).normal_matrix(n, d);
    at->second.Y = at->second.X.col(0).array().square();
  }
  return at->second;
}

ReluNetwork network_of(Index d) {
  return {symmetric_start(width_m, d, 1, 0).W, Stream(0, Purpose::biases).normal_vector(width_m), true};
}

void count(benchmark::State& state, double operations) {
  state.counters["flop"] =
      benchmark::Counter(operations, benchmark::Counter::kIsIterationInvariantRate, benchmark::Counter::kIs1000);
}

Context context_of(const benchmark::State& state) {
  Context context;
  context.threads = static_cast<int>(state.range(2));
  return context;
}

void MatrixProduct(benchmark::State& state) {
  const Index size = 2000;
  const Matrix A = Stream(1, Purpose::inputs).normal_matrix(size, size);
  Matrix C(size, size);
  openblas_set_num_threads(static_cast<int>(state.range(2)));
  for (auto _ : state)
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, size, size, size, 1.0, A.data(), size, A.data(), size, 0.0,
                C.data(), size);
  count(state, 2.0 * size * size * size);
}

void FirstLayerGradient(benchmark::State& state) {
  const Rows& rows = rows_of(state.range(0), state.range(1));
  const MemorySource source(rows.X, rows.Y);
  const SymmetricStart start = symmetric_start(width_m, rows.X.cols(), 1, 0);
  const LinearPart linear = LinearPart::zero(rows.X.cols(), 1);
  const Context context = context_of(state);
  for (auto _ : state) benchmark::DoNotOptimize(first_layer_gradient(source, linear, start.W, start.a, context));
  count(state, 2.0 * static_cast<double>(rows.X.size()) * width_m);
}

void FeatureSumsPass(benchmark::State& state) {
  const Rows& rows = rows_of(state.range(0), state.range(1));
  const MemorySource source(rows.X, rows.Y);
  const FeatureMap map = network_of(rows.X.cols());
  const LinearPart linear = LinearPart::zero(rows.X.cols(), 1);
  const Context context = context_of(state);
  for (auto _ : state) benchmark::DoNotOptimize(feature_sums(source, linear, map, context));
  count(state, static_cast<double>(rows.X.size()) * width_m + static_cast<double>(rows.X.rows()) * width_m * width_m);
}

void GradientOuterProduct(benchmark::State& state) {
  const Rows& rows = rows_of(state.range(0), state.range(1));
  const MemorySource source(rows.X, rows.Y);
  const FeatureMap map = network_of(rows.X.cols());
  const LinearPart linear = LinearPart::zero(rows.X.cols(), 1);
  const Matrix a = Stream(2, Purpose::noise).normal_matrix(width_m, 1);
  const Context context = context_of(state);
  for (auto _ : state) benchmark::DoNotOptimize(gradient_outer_product(source, linear, map, a, context));
  const double d = static_cast<double>(rows.X.cols());
  count(state, static_cast<double>(rows.X.rows()) * (2.0 * d * width_m + d * d));
}

void sizes(benchmark::internal::Benchmark* bench) {
  for (const int threads : {1, 2}) {
    bench->Args({20'000, 100, threads});
    bench->Args({8'000, 1000, threads});
  }
  bench->ArgNames({"n", "d", "threads"})->UseRealTime()->Unit(benchmark::kMillisecond);
}

BENCHMARK(MatrixProduct)
    ->Args({0, 0, 1})
    ->Args({0, 0, 2})
    ->ArgNames({"", "", "threads"})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(FirstLayerGradient)->Apply(sizes);
BENCHMARK(FeatureSumsPass)->Apply(sizes);
BENCHMARK(GradientOuterProduct)->Apply(sizes);

}  // namespace

BENCHMARK_MAIN();
