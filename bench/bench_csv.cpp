// How fast CSV tables are opened on one thread, beside what cannot be beaten: libcsv alone with callbacks that do
// nothing, and reading the file. The files lie in the page cache. bytes_per_second goes by processor time, for a
// machine that other programs use as well.
//
//   build/bench/bench/bench_csv
#include <benchmark/benchmark.h>
#include <csv.h>
#include <fmt/core.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "sextant/random.h"
#include "sextant/table.h"

using namespace sextant;

namespace {

constexpr int columns = 50;
constexpr std::size_t file_bytes = std::size_t{40} << 20;

// A file that is removed at the end, made once per kind.
class CsvFile {
 public:
  // cell(i, j) is the text of a cell.
  CsvFile(const std::string& name, const std::function<std::string(Index, int)>& cell)
      : path_((std::filesystem::temp_directory_path() / fmt::format("sextant-bench-{}.csv", name)).string()) {
    std::ofstream file(path_, std::ios::binary);
    std::string text;
    for (int j = 0; j < columns; ++j) text += fmt::format("{}column {}", j > 0 ? "," : "", j + 1);
    text += '\n';
    for (Index i = 0; bytes_ + text.size() < file_bytes; ++i) {
      for (int j = 0; j < columns; ++j) (text += j > 0 ? "," : "") += cell(i, j);
      text += '\n';
      if (text.size() < std::size_t{1} << 20) continue;
      file << text;
      bytes_ += text.size();
      text.clear();
    }
    file << text;
    bytes_ += text.size();
  }
  CsvFile(const CsvFile&) = delete;
  CsvFile& operator=(const CsvFile&) = delete;
  ~CsvFile() { std::filesystem::remove(path_); }

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  std::string path_;
  std::size_t bytes_ = 0;
};

enum Kind { six_digits, eighteen_digits, whole_numbers, mixed };

const CsvFile& file_of(Kind kind) {
  static std::map<Kind, std::unique_ptr<CsvFile>> made;
  std::unique_ptr<CsvFile>& file = made[kind];
  if (file) return *file;
  const Stream random(1, Purpose::inputs);
  const auto draw = [&random](Index i, int j) {
    double value = 0;
    random.fill_normal(static_cast<std::uint64_t>(i * columns + j), {&value, 1});
    return value;
  };
  const auto number = [draw](Index i, int j) { return fmt::format("{:.6g}", draw(i, j)); };
  switch (kind) {
    case six_digits:
      file = std::make_unique<CsvFile>("6", number);
      break;
    case eighteen_digits:
      file = std::make_unique<CsvFile>("18", [draw](Index i, int j) { return fmt::format("{:.17e}", draw(i, j)); });
      break;
    case whole_numbers:
      file = std::make_unique<CsvFile>(
          "whole", [draw](Index i, int j) { return fmt::format("{}", static_cast<int>(1000 * draw(i, j))); });
      break;
    case mixed:
      // Half of the columns are text of 20 levels, half of these in quotes.
      file = std::make_unique<CsvFile>("mixed", [number](Index i, int j) {
        const Index level = (i * 7 + j * 3) % 20;
        return j % 2 == 0   ? number(i, j)
               : j % 4 == 1 ? fmt::format("level {}", level)
                            : fmt::format("\"a, {}\"", level);
      });
      break;
  }
  return *file;
}

void rate(benchmark::State& state, const CsvFile& file) {
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * file.bytes()));
}

void Open(benchmark::State& state) {
  const CsvFile& file = file_of(static_cast<Kind>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(open_table(file.path())->rows());
  rate(state, file);
}

// Calls take(bytes) for the file's bytes, a MiB at a time.
template <class Take>
void read_file(const CsvFile& file, Take take) {
  static std::vector<char> chunk(std::size_t{1} << 20);
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> opened(std::fopen(file.path().c_str(), "rb"), std::fclose);
  std::setvbuf(opened.get(), nullptr, _IONBF, 0);
  while (const std::size_t size = std::fread(chunk.data(), 1, chunk.size(), opened.get())) take(chunk.data(), size);
}

void Libcsv(benchmark::State& state) {
  const CsvFile& file = file_of(static_cast<Kind>(state.range(0)));
  for (auto _ : state) {
    csv_parser parser = {};
    csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI);
    std::size_t cells = 0;
    const auto count = [](void*, std::size_t, void* to) { ++*static_cast<std::size_t*>(to); };
    const auto nothing = [](int, void*) {};
    read_file(file,
              [&](const char* bytes, std::size_t size) { csv_parse(&parser, bytes, size, count, nothing, &cells); });
    csv_fini(&parser, count, nothing, &cells);
    csv_free(&parser);
    benchmark::DoNotOptimize(cells);
  }
  rate(state, file);
}

void Read(benchmark::State& state) {
  const CsvFile& file = file_of(static_cast<Kind>(state.range(0)));
  for (auto _ : state) read_file(file, [](const char* bytes, std::size_t) { benchmark::DoNotOptimize(bytes); });
  rate(state, file);
}

void kinds(benchmark::internal::Benchmark* bench) {
  for (const Kind kind : {six_digits, eighteen_digits, whole_numbers, mixed}) bench->Arg(kind);
  bench->ArgName("kind")->Unit(benchmark::kMillisecond);
}

BENCHMARK(Open)->Apply(kinds);
BENCHMARK(Libcsv)->Apply(kinds);
BENCHMARK(Read)->Apply(kinds);

}  // namespace

BENCHMARK_MAIN();
