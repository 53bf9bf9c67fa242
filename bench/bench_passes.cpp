// Each pass beside the machine's own matrix product. `of_gemm` is the pass's rate over that of a large square product
// of the same precision on as many threads, tiled in the same way (one BLAS thread in each tile). The product is timed
// before every run of the pass, so that both see the machine in the same state, and the ratio is that of the medians.
// `of_gemm_cpu` is the same by processor time, for a machine that other programs use as well.
// Operations are those of docs/method.md: mirrored units once, a multiply-add counts as two.
//
//   build/bench/bench/bench_passes --benchmark_min_time=2 --benchmark_filter=…
#include <benchmark/benchmark.h>
#include <cblas.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <functional>
#include <map>
#include <thread>
#include <utility>
#include <vector>

#include "core/linalg.h"
#include "core/parallel.h"
#include "passes/prepared_map.h"
#include "sextant/model.h"
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

// Times of several runs: by the clock, and of the processor (all threads), which other programs hardly change.
struct Times {
  std::vector<double> clock;
  std::vector<double> processor;
  void add(const std::function<void()>& work) {
    const auto start = std::chrono::steady_clock::now();
    const std::clock_t used = std::clock();
    work();
    processor.push_back(static_cast<double>(std::clock() - used) / CLOCKS_PER_SEC);
    clock.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
};

// A square product whose rows are dealt to the threads: what the passes could reach at most.
template <class Scalar>
class SquareProduct {
  static constexpr Index size = 1800;

 public:
  static constexpr double operations = 2.0 * size * size * size;
  explicit SquareProduct(int threads)
      : threads_(threads),
        A_(Stream(1, Purpose::inputs).normal_matrix(size, size).template cast<Scalar>()),
        C_(size, size) {}
  void operator()() {
    const Index rows = size / threads_;
    parallel_tiles(threads_, threads_, [&](Index tile) {
      linalg::gemm(linalg::Op::none, linalg::Op::transpose, Scalar{1}, A_.middleRows(tile * rows, rows), A_, Scalar{0},
                   C_.middleRows(tile * rows, rows));
    });
  }

 private:
  int threads_;
  MatrixOf<Scalar> A_;
  MatrixOf<Scalar> C_;
};

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

// Times work(), of so many operations, each time after a product.
template <class Scalar>
void against(benchmark::State& state, double operations, const std::function<void()>& work) {
  SquareProduct<Scalar> product(static_cast<int>(state.range(2)));
  product();
  work();
  Times of_product;
  Times of_pass;
  for (auto _ : state) {
    of_product.add(std::ref(product));
    of_pass.add(work);
    state.SetIterationTime(of_pass.clock.back());
  }
  const double share = operations / SquareProduct<Scalar>::operations;
  state.counters["flop/s"] = {operations / median(of_pass.clock)};
  state.counters["gemm_flop/s"] = {SquareProduct<Scalar>::operations / median(of_product.clock)};
  state.counters["of_gemm"] = share * median(of_product.clock) / median(of_pass.clock);
  state.counters["of_gemm_cpu"] = share * median(of_product.processor) / median(of_pass.processor);
}

void in_precision(benchmark::State& state, Precision precision, double operations, const std::function<void()>& work) {
  if (precision == Precision::float64)
    against<double>(state, operations, work);
  else
    against<float>(state, operations, work);
}

// What every benchmark needs of its arguments n, d, threads.
struct Setting {
  explicit Setting(const benchmark::State& state)
      : rows(rows_of(state.range(0), state.range(1))),
        n(static_cast<double>(state.range(0))),
        d(static_cast<double>(state.range(1))),
        source(rows.X, rows.Y),
        linear(LinearPart::zero(rows.X.cols(), 1)) {
    context.threads = static_cast<int>(state.range(2));
  }
  const Rows& rows;
  double n;
  double d;
  double m = width_m;
  MemorySource source;
  LinearPart linear;
  Context context;
};

void Gradient(benchmark::State& state, Precision precision) {
  const Setting at(state);
  const SymmetricStart start = symmetric_start(width_m, at.rows.X.cols(), 1, 0);
  in_precision(state, precision, 2.0 * at.n * at.d * at.m, [&] {
    benchmark::DoNotOptimize(first_layer_gradient(at.source, at.linear, start.W, start.a, at.context, precision));
  });
}

// The features alone as the pass makes them, 256 rows after another into the same place: their Gram matrix takes them
// from there.
void Features(benchmark::State& state) {
  const Setting at(state);
  const FeatureMap map = network_of(at.rows.X.cols());
  const PreparedFeatures<double> features_of(map);
  constexpr Index rows = 256;
  constexpr Index strip = 128;
  const Index pieces = at.rows.X.rows() / rows;
  std::vector<Panels<double>> Phi(static_cast<std::size_t>(at.context.threads));
  for (auto& panels : Phi) panels.resize(rows, features_of.columns());
  against<double>(state, static_cast<double>(pieces * rows) * at.d * at.m, [&] {
    parallel_tiles(at.context.threads, at.context.threads, [&](Index thread) {
      for (Index piece = thread; piece < pieces; piece += at.context.threads)
        for (Index first = 0; first < rows; first += strip)
          features_of(at.rows.X.middleRows(piece * rows + first, strip), Phi[static_cast<std::size_t>(thread)], first);
    });
  });
}

void FeaturesAndGram(benchmark::State& state, Precision precision) {
  const Setting at(state);
  const FeatureMap map = network_of(at.rows.X.cols());
  in_precision(state, precision, at.n * at.d * at.m + at.n * at.m * at.m,
               [&] { benchmark::DoNotOptimize(feature_sums(at.source, at.linear, map, at.context, precision)); });
}

void GradientOuterProduct(benchmark::State& state) {
  const Setting at(state);
  const FeatureMap map = network_of(at.rows.X.cols());
  const Matrix a = Stream(2, Purpose::noise).normal_matrix(width_m, 1);
  against<double>(state, at.n * (2.0 * at.d * at.m + at.d * at.d),
                  [&] { benchmark::DoNotOptimize(gradient_outer_product(at.source, at.linear, map, a, at.context)); });
}

// One Gauss–Newton system for 4 directions: (4d)²/2 multiply-adds a row, next to which the link's features are nothing.
void GaussNewton(benchmark::State& state) {
  const Setting at(state);
  const Index r = 4;
  const Matrix U = Stream(3, Purpose::noise).normal_matrix(r, at.rows.X.cols()) / std::sqrt(at.d);
  const HermiteFeatures link{Matrix::Identity(r, r), Vector::Zero(r), Vector::Constant(r, -9.0),
                             Vector::Constant(r, 9.0), 2};
  const Matrix a = Stream(4, Purpose::noise).normal_matrix(link.width(), 1);
  const double rd = static_cast<double>(r) * at.d;
  against<double>(state, at.n * rd * rd,
                  [&] { benchmark::DoNotOptimize(gauss_newton_sums(at.source, at.linear, U, link, a, at.context)); });
}

// Outputs of Algorithm 1's predictor: features, and one multiply-add for each.
void BatchPrediction(benchmark::State& state) {
  const Setting at(state);
  const Predictor predictor{1.0, network_of(at.rows.X.cols()), Stream(2, Purpose::noise).normal_matrix(width_m, 1)};
  against<double>(state, at.n * (at.d * at.m + 2.0 * at.m),
                  [&] { benchmark::DoNotOptimize(outputs(at.linear, {predictor}, at.rows.X, at.context)); });
}

void RowPrediction(benchmark::State& state) {
  const Setting at(state);
  const std::vector<Predictor> predictors = {
      {1.0, network_of(at.rows.X.cols()), Stream(2, Purpose::noise).normal_matrix(width_m, 1)}};
  const Matrix row = at.rows.X.topRows(1);
  for (auto _ : state) benchmark::DoNotOptimize(outputs(at.linear, predictors, row, at.context));
}

void sizes(benchmark::internal::Benchmark* bench) {
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  for (int threads = 1; threads == 1 || threads <= cores; threads *= 2) {
    bench->Args({50'000, 100, threads});
    bench->Args({20'000, 1000, threads});
  }
  bench->ArgNames({"n", "d", "threads"})->UseManualTime()->Unit(benchmark::kMillisecond)->Iterations(7);
}

BENCHMARK_CAPTURE(Gradient, float64, Precision::float64)->Apply(sizes);
BENCHMARK_CAPTURE(Gradient, mixed, Precision::mixed)->Apply(sizes);
BENCHMARK_CAPTURE(Gradient, float32, Precision::float32)->Apply(sizes);
BENCHMARK(Features)->Apply(sizes);
BENCHMARK_CAPTURE(FeaturesAndGram, float64, Precision::float64)->Apply(sizes);
BENCHMARK_CAPTURE(FeaturesAndGram, mixed, Precision::mixed)->Apply(sizes);
BENCHMARK_CAPTURE(FeaturesAndGram, float32, Precision::float32)->Apply(sizes);
BENCHMARK(GradientOuterProduct)->Apply(sizes);
BENCHMARK(GaussNewton)
    ->Args({20'000, 100, 1})
    ->Args({20'000, 100, 2})
    ->ArgNames({"n", "d", "threads"})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond)
    ->Iterations(7);
BENCHMARK(BatchPrediction)->Apply(sizes);
BENCHMARK(RowPrediction)
    ->Args({1, 100, 1})
    ->Args({1, 1000, 1})
    ->ArgNames({"n", "d", "threads"})
    ->Unit(benchmark::kMicrosecond);

}  // namespace

BENCHMARK_MAIN();
