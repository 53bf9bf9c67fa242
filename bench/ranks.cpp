// What a second core gains Algorithm 1's passes, as a thread and as a rank, beside what it gains a matrix product. All
// in one run, medians of an odd number of repetitions, which take turns so that all see the machine in the same state.
//
//   OMP_WAIT_POLICY=passive mpirun -n 2 --bind-to core build/bench/bench/ranks [REPETITIONS]
//
// With one thread or two, the second rank waits and the first may use both cores; as ranks, both work on one thread
// each, on a core of its own. By processor time, for a machine that other programs use as well: what would be gained if
// a core were never taken away.
#include <fmt/core.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <functional>
#include <string>
#include <vector>

#include "core/linalg.h"
#include "core/parallel.h"
#include "sextant/joined_ranks.h"
#include "sextant/network.h"
#include "sextant/passes.h"
#include "sextant/random.h"

using namespace sextant;

namespace {

constexpr Index n = 50'000;
constexpr Index d = 100;
constexpr Index m = 1000;

void may_use(const cpu_set_t& cores) { sched_setaffinity(0, sizeof cores, &cores); }

void wait_for_all(Ranks& ranks) {
  std::array<double, 1> nothing = {0};
  ranks.maximum(nothing);
}

struct Seconds {
  double clock = 0;
  double processor = 0;  // of all threads
};

Seconds seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  const std::clock_t used = std::clock();
  work();
  return {std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(),
          static_cast<double>(std::clock() - used) / CLOCKS_PER_SEC};
}

double median(const std::vector<Seconds>& runs, double Seconds::*what) {
  std::vector<double> values;
  for (const Seconds& run : runs) values.push_back(run.*what);
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// A square product in tiles, as the passes are.
void product(const Matrix& A, const Matrix& B, Matrix& C, int threads) {
  constexpr Index tile = 250;
  parallel_tiles(threads, A.rows() / tile, [&](Index t) {
    linalg::gemm(linalg::Op::none, linalg::Op::none, 1.0, A.middleRows(t * tile, tile), B, 0.0,
                 C.middleRows(t * tile, tile));
  });
}

struct Work {
  std::string name;
  std::function<void(const Context&)> run;
  std::vector<Seconds> one = {};    // on one thread
  std::vector<Seconds> two = {};    // on two
  std::vector<Seconds> ranks = {};  // on two ranks of one thread; the processor's of the one that used more
};

}  // namespace

int main(int argc, char** argv) {
  const int repetitions = argc > 1 ? std::stoi(argv[1]) : 7;
  const auto ranks = join_ranks();
  if (ranks->size() != 2)
    ranks->fail([](const std::string&) { fmt::print(stderr, "ranks: expected mpirun -n 2\n"); }, 2);
  const bool first = ranks->rank() == 0;

  cpu_set_t own;
  sched_getaffinity(0, sizeof own, &own);
  cpu_set_t all;
  CPU_ZERO(&all);
  for (int core = 0; core < CPU_SETSIZE; ++core) CPU_SET(core, &all);  // those that there are

  const Matrix X = Stream(1, Purpose::inputs).normal_matrix(n, d);
  const Matrix Y = X.col(0).array().square();
  const MemorySource source(X, Y);
  const LinearPart linear = LinearPart::zero(d, 1);
  const SymmetricStart start = symmetric_start(m, d, 1, 0);
  const FeatureMap network = ReluNetwork{start.W, Stream(0, Purpose::biases).normal_vector(m), true};
  const Matrix A = Stream(2, Purpose::inputs).normal_matrix(2000, 2000);
  Matrix C(2000, 2000);

  std::vector<Work> works;
  works.push_back({"matrix product", [&](const Context& context) { product(A, A, C, context.thread_count()); }});
  works.push_back({"moments", [&](const Context& context) { (void)moments(source, context); }});
  works.push_back({"gradient", [&](const Context& context) {
                     (void)first_layer_gradient(source, linear, start.W, start.a, context);
                   }});
  works.push_back({"features and Gram matrix",
                   [&](const Context& context) { (void)feature_sums(source, linear, network, context); }});

  for (int repetition = 0; repetition <= repetitions; ++repetition) {  // the first to warm up
    for (Work& work : works) {
      wait_for_all(*ranks);
      if (first) {
        may_use(all);
        const Seconds one = seconds_of([&] { work.run({.threads = 1}); });
        const Seconds two = seconds_of([&] { work.run({.threads = 2}); });
        may_use(own);
        if (repetition > 0) work.one.push_back(one);
        if (repetition > 0) work.two.push_back(two);
      }
      wait_for_all(*ranks);
      Seconds both = seconds_of([&] {
        work.run({.threads = 1, .ranks = ranks.get()});
        wait_for_all(*ranks);
      });
      ranks->maximum({&both.processor, 1});
      if (repetition > 0) work.ranks.push_back(both);
    }
  }
  if (first) {
    fmt::print("n = {}, d = {}, m = {}, medians of {}\n", n, d, m, repetitions);
    fmt::print("{:<26}  {:>10}  {:>22}  {:>22}  {:>24}\n", "", "1 thread", "1 → 2 threads", "1 → 2 ranks",
               "of the product's, by ranks");
    fmt::print("{:<26}  {:>10}  {:>22}  {:>22}  {:>24}\n", "", "", "clock / processor", "clock / processor",
               "clock / processor");
    std::array<double, 2> of_product = {0, 0};
    for (const Work& work : works) {
      // The product is not shared: two ranks do one each, twice the work.
      const double times = &work == works.data() ? 2 : 1;
      std::array<double, 2> threads{};
      std::array<double, 2> by_ranks{};
      for (const std::size_t by : {0U, 1U}) {
        const auto what = by == 0 ? &Seconds::clock : &Seconds::processor;
        threads[by] = (by == 0 ? 1 : 2) * median(work.one, what) / median(work.two, what);
        by_ranks[by] = times * median(work.one, what) / median(work.ranks, what);
      }
      if (&work == works.data()) of_product = threads;
      fmt::print("{:<26}  {:>8.3f} s  {:>15.2f} / {:.2f}  {:>15.2f} / {:.2f}  {:>17.2f} / {:.2f}\n", work.name,
                 median(work.one, &Seconds::clock), threads[0], threads[1], by_ranks[0], by_ranks[1],
                 by_ranks[0] / of_product[0], by_ranks[1] / of_product[1]);
    }
  }
  ranks->finish();
}
