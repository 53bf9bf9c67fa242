// Passes over a table on disk with and without its pages in memory: what waits for the disk is the difference. The
// pages are dropped by posix_fadvise before each cold run (no other way needs no root).
//
//   build/bench/bench/reading TABLE TARGET [THREADS]
#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "sextant/encoding.h"
#include "sextant/passes.h"

using namespace sextant;

namespace {

void drop_pages(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  ::fsync(file);
  ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
  ::close(file);
}

// Medians of five, in seconds: by the clock, and of the processor.
struct Times {
  double clock;
  double processor;
};

Times median_of_five(const std::function<void()>& before, const std::function<void()>& work) {
  std::vector<double> clock;
  std::vector<double> processor;
  for (int run = 0; run < 5; ++run) {
    before();
    const auto start = std::chrono::steady_clock::now();
    const std::clock_t used = std::clock();
    work();
    clock.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    processor.push_back(static_cast<double>(std::clock() - used) / CLOCKS_PER_SEC);
  }
  std::sort(clock.begin(), clock.end());
  std::sort(processor.begin(), processor.end());
  return {clock[2], processor[2]};
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 3) {
    fmt::print(stderr, "usage: reading TABLE TARGET [THREADS]\n");
    return 2;
  }
  const std::string path = arguments[1];
  Context context;
  context.threads = count > 3 ? std::atoi(arguments[3]) : 1;
  const EncodedTable opened = open_for_fit(path, {.targets = {arguments[2]}}, Missing::error);
  const EncodedSource rows(*opened.table, opened.encoding);
  const std::string file = table_file(path);
  const double megabytes =
      8e-6 * static_cast<double>(rows.rows()) * static_cast<double>(rows.inputs() + rows.targets());
  fmt::print("{}: {} rows, {} inputs, {:.0f} MB of cells, {:.0f} MB on disk, {} threads\n", path, rows.rows(),
             rows.inputs(), megabytes, 1e-6 * static_cast<double>(std::filesystem::file_size(file)), context.threads);

  Block block;
  const Matrix W = Matrix::Random(256, rows.inputs());
  const Matrix a = Matrix::Ones(256, rows.targets());
  const LinearPart linear = LinearPart::zero(rows.inputs(), rows.targets());
  const std::vector<std::pair<std::string, std::function<void()>>> passes = {
      {"reading alone",
       [&] {
         for (Index first = 0; first < rows.rows(); first += context.block_rows)
           rows.read(first, std::min(context.block_rows, rows.rows() - first), block);
       }},
      {"means (no stages)", [&] { (void)input_means(rows, context); }},
      {"moments (stages)", [&] { (void)moments(rows, context); }},
      {"gradient, 256 units (stages)", [&] { (void)first_layer_gradient(rows, linear, W, a, context); }}};
  for (const auto& [name, pass] : passes) {
    const Times warm = median_of_five([] {}, pass);
    const Times cold = median_of_five([&] { drop_pages(file); }, pass);
    fmt::print(
        "{:<30} in memory {:6.2f} s ({:6.2f} processor)   from disk {:6.2f} s ({:6.2f} processor)   {:5.0f} MB/s\n",
        name, warm.clock, warm.processor, cold.clock, cold.processor, megabytes / cold.clock);
  }
}
