// Oracles: NumPy wrote the fixtures (fixtures/make_npy.py) and its numpy.save bytes are compared with ours; RFC 4180
// for quoting; std::strtod for numbers; tables built in memory for round trips; for broken files, the message and that
// nothing crashes (run under the sanitizers).
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zlib.h>

#include <array>
#include <bit>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "message_of.h"
#include "sextant/error.h"
#include "sextant/table.h"
#include "temporary_folder.h"

namespace fs = std::filesystem;
using namespace sextant;

namespace {

constexpr double NA = std::numeric_limits<double>::quiet_NaN();
const std::string advice = "; if it stands for a missing cell, list it in --missing-values";
const std::string fixtures = SEXTANT_FIXTURES;

Matrix all_cells(const Table& table) {
  Matrix cells;
  table.read(0, table.rows(), cells);
  return cells;
}

bool same_bits(double a, double b) {
  return (std::isnan(a) && std::isnan(b)) || std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

::testing::AssertionResult same_cells(const Matrix& a, const Matrix& b) {
  if (a.rows() != b.rows() || a.cols() != b.cols())
    return ::testing::AssertionFailure() << a.rows() << "x" << a.cols() << " and " << b.rows() << "x" << b.cols();
  for (Index i = 0; i < a.rows(); ++i)
    for (Index j = 0; j < a.cols(); ++j)
      if (!same_bits(a(i, j), b(i, j)))
        return ::testing::AssertionFailure() << "(" << i << ", " << j << "): " << a(i, j) << " and " << b(i, j);
  return ::testing::AssertionSuccess();
}

std::vector<std::string> names_of(const Table& table) {
  std::vector<std::string> names;
  for (const Column& column : table.columns()) names.push_back(column.name);
  return names;
}

using Texts = std::vector<std::string>;

TableOptions uses(std::vector<ColumnUse> chosen) {
  TableOptions options;
  options.choose = [chosen](const Texts&) { return chosen; };
  return options;
}

std::string gzip(const std::string& bytes) {
  z_stream stream = {};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string packed(deflateBound(&stream, bytes.size()), '\0');
  std::string input = bytes;
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

// A CSV file with these bytes, opened.
class Csv : public ::testing::Test {
 protected:
  std::unique_ptr<Table> open(const std::string& bytes, const TableOptions& options = {}) {
    return open_table(folder_.put("t.csv", bytes), options);
  }
  // The message without the path, which must be its beginning.
  template <class Expected = DataError>
  std::string error(const std::string& bytes, const TableOptions& options = {}) {
    const std::string message = message_of<Expected>([&] { (void)open(bytes, options); });
    const std::string prefix = folder_.path("t.csv") + ": ";
    return message.starts_with(prefix) ? message.substr(prefix.size()) : "no path: " + message;
  }
  TemporaryFolder folder_;
};

class Npy : public ::testing::Test {
 protected:
  std::string error(const std::string& bytes, const TableOptions& options = {}) {
    const std::string path = folder_.put("t.npy", bytes);
    const std::string message = message_of<DataError>([&] { (void)open_table(path, options); });
    return message.starts_with(path + ": ") ? message.substr(path.size() + 2) : "no path: " + message;
  }
  // Version 1 with this header and so many bytes of cells.
  static std::string v1(const std::string& header, std::size_t data) {
    std::string bytes = "\x93NUMPY";
    bytes += {'\x01', '\0', static_cast<char>(header.size() % 256), static_cast<char>(header.size() / 256)};
    return bytes + header + std::string(data, '\0');
  }
  TemporaryFolder folder_;
};

// What fixtures/make_npy.py saves.
Matrix numpy_cells() {
  Matrix cells(4, 3);
  cells << 1.0, -2.5, 0.1,                         //
      -0.0, 5e-324, NA,                            //
      1.7976931348623157e308, -1e-300, 12345.678,  //
      1.0 / 3, 1e22, -7.0;
  return cells;
}

Matrix numpy_single_cells() {
  Matrix cells = numpy_cells();
  cells(2, 0) = 3e38;
  return cells.cast<float>().cast<double>();
}

}  // namespace

// ---- CSV: reading ----

TEST_F(Csv, NumbersAndNames) {
  const auto table = open("a,b,c\n1,-2.5,1e3\n+4, 5 ,.5\n");
  EXPECT_EQ(table->path(), folder_.path("t.csv"));
  EXPECT_EQ(names_of(*table), (Texts{"a", "b", "c"}));
  EXPECT_EQ(table->rows(), 2);
  EXPECT_EQ(table->cache_bytes(), 0);
  Matrix expected(2, 3);
  expected << 1, -2.5, 1000, 4, 5, 0.5;
  EXPECT_TRUE(same_cells(all_cells(*table), expected));
  for (const Column& column : table->columns()) EXPECT_EQ(column.kind, ColumnKind::number);
}

TEST_F(Csv, NumbersAreStrtods) {
  const Texts numbers = {"0",
                         "-0",
                         "0.1",
                         "1e22",
                         "1e23",
                         "5e-324",
                         "2.5e-324",
                         "2e-324",
                         "1e-999",
                         "-1e-999",
                         "1.7976931348623157e308",
                         "4.9406564584124654e-324",
                         "1e-310",
                         "007",
                         "123456789012345678901234567890",
                         "1.",
                         "-.5e+1",
                         "0.000000000000000000000000000000001",
                         "1E5"};
  std::string bytes = "a\n";
  for (const std::string& number : numbers) bytes += number + "\n";
  const Matrix cells = all_cells(*open(bytes));
  ASSERT_EQ(cells.rows(), static_cast<Index>(numbers.size()));
  for (std::size_t i = 0; i < numbers.size(); ++i)
    EXPECT_TRUE(same_bits(cells(static_cast<Index>(i), 0), std::strtod(numbers[i].c_str(), nullptr))) << numbers[i];
}

TEST_F(Csv, MissingCells) {
  const auto table = open("a,b\n1,\nNA,2\nn/a,NaN\nNULL,none\n\" \",3\n");
  Matrix expected(5, 2);
  expected << 1, NA, NA, 2, NA, NA, NA, NA, NA, 3;
  EXPECT_TRUE(same_cells(all_cells(*table), expected));
  const auto missing = table->missing();
  ASSERT_EQ(missing.size(), 2U);
  EXPECT_EQ(missing[0].count, 4);
  EXPECT_EQ(missing[0].first_row, 1);
  EXPECT_EQ(missing[1].count, 3);
  EXPECT_EQ(missing[1].first_row, 0);
  EXPECT_EQ(open("a\n1\n")->missing()[0].first_row, -1);
}

TEST_F(Csv, QuotesAndLineEndings) {
  Matrix expected(2, 2);
  expected << 1, 2, 3, 4;
  for (const std::string end : {"\n", "\r\n", "\r"}) {
    for (const bool last : {true, false}) {
      const auto table =
          open("\"a,\"\"x\"\"\",b" + end + "1,\"2\"" + end + end + "  " + end + "3,4" + (last ? end : std::string()));
      EXPECT_EQ(names_of(*table), (Texts{"a,\"x\"", "b"}));
      EXPECT_TRUE(same_cells(all_cells(*table), expected));
      EXPECT_EQ(table->where(0), "line 2");
      EXPECT_EQ(table->where(1), "line 5");
    }
  }
}

TEST_F(Csv, ByteOrderMarkAndOtherDelimiters) {
  EXPECT_EQ(names_of(*open("\xEF\xBB\xBF"
                           "a,b\n1,2\n")),
            (Texts{"a", "b"}));
  for (const char delimiter : {';', '\t', '|', ' ', ':'}) {
    TableOptions options;
    options.delimiter = delimiter;
    const std::string d(1, delimiter);
    const auto table = open("a" + d + "b" + d + "c\n1" + d + d + "2\n", options);
    Matrix expected(1, 3);
    expected << 1, NA, 2;
    EXPECT_TRUE(same_cells(all_cells(*table), expected)) << delimiter;
  }
}

TEST_F(Csv, EndingsOfNames) {
  for (const std::string name : {"t.csv", "t.CSV", "t.tsv", "t.txt", "a.csv.gz", "t.tsv.gz"})
    EXPECT_EQ(open_table(folder_.put(name, "a,b\n1,2\n"))->rows(), 1) << name;
  for (const std::string name : {"t", "t.gz", "t.npy.gz", "t.h5:t", ".csv", "csv"})
    EXPECT_EQ(message_of<InvalidArgument>([&] { (void)open_table(folder_.put(name, "a,b\n1,2\n")); }),
              folder_.path(name) +
                  ": not a name of a table, expected one that ends in .csv, .csv.gz, .tsv, .txt, .npy or .h5 (or "
                  "FILE.h5:/DATASET)");
}

TEST_F(Csv, NamesThatAreNumbersMayBeQuoted) {
  EXPECT_EQ(names_of(*open("\"1\",\"2\"\n3,4\n")), (Texts{"1", "2"}));
  EXPECT_EQ(names_of(*open("1,b\n3,4\n")), (Texts{"1", "b"}));
}

TEST_F(Csv, TextColumns) {
  const auto table = open("n,colour,m\n1,red,2\n2,blue,3\n3,,4\n4,red,5\n5,\"Blue \",6\n");
  ASSERT_EQ(table->columns()[1].kind, ColumnKind::text);
  EXPECT_EQ(table->columns()[1].levels, (Texts{"Blue ", "blue", "red"}));
  Matrix expected(5, 3);
  expected << 1, 2, 2, 2, 1, 3, 3, NA, 4, 4, 2, 5, 5, 0, 6;
  EXPECT_TRUE(same_cells(all_cells(*table), expected));
  EXPECT_EQ(table->missing()[1].count, 1);
  EXPECT_EQ(table->missing()[1].first_row, 2);
  EXPECT_EQ(table->columns()[0].kind, ColumnKind::number);
}

// Levels are the texts, not what they are as numbers; "inf" and "1e999" are texts like others there.
TEST_F(Csv, TextColumnsKeepNumbersAsText) {
  const auto table = open("id\n01\n1\n1.0\nx\ninf\n1e999\n");
  ASSERT_EQ(table->columns()[0].kind, ColumnKind::text);
  EXPECT_EQ(table->columns()[0].levels, (Texts{"01", "1", "1.0", "1e999", "inf", "x"}));
  Matrix expected(6, 1);
  expected << 0, 1, 2, 5, 4, 3;
  EXPECT_TRUE(same_cells(all_cells(*table), expected));
}

TEST_F(Csv, ChosenUses) {
  using enum ColumnUse;
  Texts asked;
  TableOptions options;
  options.choose = [&](const Texts& names) {
    asked = names;
    return std::vector<ColumnUse>{skip, text, detect, number};
  };
  const auto table = open("a,b,c,d\nanything,10,x,1\n,9,y,2\n\"\",10,,NA\n", options);
  EXPECT_EQ(asked, (Texts{"a", "b", "c", "d"}));
  EXPECT_EQ(names_of(*table), (Texts{"b", "c", "d"}));
  EXPECT_EQ(table->columns()[0].levels, (Texts{"10", "9"}));
  EXPECT_EQ(table->columns()[1].levels, (Texts{"x", "y"}));
  Matrix expected(3, 3);
  expected << 0, 0, 1, 1, 1, 2, 0, NA, NA;
  EXPECT_TRUE(same_cells(all_cells(*table), expected));

  EXPECT_EQ(open("a,b\n1,2\n", uses({skip, skip}))->rows(), 1);
  EXPECT_EQ(message_of<InvalidArgument>([&] { (void)open("a,b\n1,2\n", uses({skip})); }),
            "choose: answered for 1 columns, expected 2 (one answer per column)");
  options.choose = [](const Texts&) -> std::vector<ColumnUse> { throw InvalidArgument("no column 'z'"); };
  EXPECT_EQ(message_of<InvalidArgument>([&] { (void)open("a,b\n1,2\n", options); }), "no column 'z'");
}

// NA and the like are texts where there are others, also where these come later, and gaps among numbers.
TEST_F(Csv, MarkersOfMissingCellsAreTextsAmongTexts) {
  const auto table = open("a,b,c,d\nnone,NA,NA,none\nyes,1,NaN,\nNone,null,x,NA\nn/a,3,,null\n");
  EXPECT_EQ(table->columns()[0].levels, (Texts{"None", "n/a", "none", "yes"}));
  EXPECT_EQ(table->columns()[1].kind, ColumnKind::number);
  EXPECT_EQ(table->columns()[2].levels, (Texts{"NA", "x"}));
  EXPECT_EQ(table->columns()[3].kind, ColumnKind::number);  // nothing else is there
  Matrix expected(4, 4);
  expected << 2, NA, 0, NA,  //
      3, 1, NA, NA,          //
      0, NA, 1, NA,          //
      1, 3, NA, NA;
  EXPECT_TRUE(same_cells(all_cells(*table), expected));
  EXPECT_EQ(table->missing()[0].count, 0);
  EXPECT_EQ(table->missing()[1].count, 2);
  EXPECT_EQ(table->missing()[1].first_row, 0);
  EXPECT_EQ(table->missing()[2].count, 2);
  EXPECT_EQ(table->missing()[2].first_row, 1);
  EXPECT_EQ(table->missing()[3].count, 4);

  using enum ColumnUse;
  const auto told = open("a,b,c\nnone,NA,NA\nyes,9,p\n,8,NA\n", uses({text, label, label}));
  EXPECT_EQ(told->columns()[0].levels, (Texts{"none", "yes"}));
  EXPECT_EQ(told->columns()[1].levels, (Texts{"8", "9"}));  // labels that are numbers
  EXPECT_EQ(told->columns()[2].levels, (Texts{"NA", "p"}));
  Matrix cells(3, 3);
  cells << 0, NA, 0, 1, 1, 1, NA, 0, 0;
  EXPECT_TRUE(same_cells(all_cells(*told), cells));
  EXPECT_EQ(told->missing()[1].count, 1);
}

TEST_F(Csv, FurtherTextsOfMissingCells) {
  TableOptions options;
  options.missing_values = {"?", " -999 ", "none"};
  const auto table = open("a,b,c\n1,none,?\n?,yes,9\n -999,no,-999.0\n", options);
  EXPECT_EQ(table->columns()[0].kind, ColumnKind::number);
  EXPECT_EQ(table->columns()[1].levels, (Texts{"no", "yes"}));
  Matrix expected(3, 3);
  expected << 1, NA, NA, NA, 1, 9, NA, 0, -999;
  EXPECT_TRUE(same_cells(all_cells(*table), expected));
  EXPECT_EQ(table->missing()[0].count, 2);
  EXPECT_EQ(table->missing()[0].first_row, 1);
}

TEST_F(Csv, TextOfTooManyValuesMayBeNoError) {
  TableOptions options = uses({ColumnUse::input, ColumnUse::input});
  options.most_texts = 3;
  for (const std::string first : {"p", "1"}) {  // known at once, or only when all has been read
    const auto table = open("a,b\n" + first + ",1\nq,2\nr,3\ns,4\n,5\n", options);
    EXPECT_EQ(table->columns()[0].kind, ColumnKind::text);
    EXPECT_TRUE(table->columns()[0].too_many_levels);
    EXPECT_TRUE(table->columns()[0].levels.empty());
    EXPECT_EQ(table->columns()[0].numbers, first == "1" ? 1 : 0);
    EXPECT_EQ(table->columns()[0].example, first == "1" ? "q" : "p");
    EXPECT_EQ(table->columns()[0].example_row, first == "1" ? 1 : 0);
    EXPECT_EQ(table->missing()[0].count, 1);
    const Matrix cells = all_cells(*table);
    EXPECT_TRUE(cells.col(0).array().isNaN().all());
    EXPECT_EQ(cells(4, 1), 5);
    EXPECT_FALSE(open("a,b\n" + first + ",1\nq,2\nr,3\n,5\n", options)->columns()[0].too_many_levels);
  }
}

TEST_F(Csv, AllCellsMissingIsANumberColumn) {
  const auto table = open("a,b\n,1\nNA,2\n");
  EXPECT_EQ(table->columns()[0].kind, ColumnKind::number);
  EXPECT_EQ(table->missing()[0].count, 2);
}

// A tenth is the border: 2 of 20 cells make text, 1 of 20 is an error.
TEST_F(Csv, OneTenthOfTextsMakesATextColumn) {
  std::string bytes = "a\n";
  for (int i = 0; i < 18; ++i) bytes += std::to_string(i) + "\n";
  EXPECT_EQ(open(bytes + "x\ny\nNA\nNA\n")->columns()[0].kind, ColumnKind::text);
  EXPECT_EQ(error(bytes + "x\n7\nNA\nNA\n"),
            "line 20, column 'a': 'x' is not a number (1 of the column's 20 cells is not)" + advice);
  bytes += bytes.substr(2);
  EXPECT_EQ(error(bytes + "x\ny\n"),
            "line 38, column 'a': 'x' is not a number (2 of the column's 38 cells are not)" + advice);
}

// Columns of nothing but text are coded as they are parsed, others in a second pass: which cells come first, and how
// many different texts there are before the first number, must not show. Oracle: the rule, applied to all cells.
TEST_F(Csv, TextAndNumbersInAnyOrder) {
  std::mt19937_64 random(2206);
  const auto below = [&](std::uint64_t bound) { return random() % bound; };
  int text_columns = 0;
  int number_columns = 0;
  for (int trial = 0; trial < 300; ++trial) {
    TableOptions options;
    options.max_levels = 4;
    const auto percent = std::array<std::uint64_t, 6>{0, 5, 10, 50, 98, 100}[below(6)];
    const std::uint64_t different = 1 + below(5);
    Texts cells;
    for (std::uint64_t i = 0, rows = 1 + below(40); i < rows; ++i) {
      const bool is_text = below(100) < percent;
      cells.push_back(below(10) == 0 ? ""
                      : is_text      ? fmt::format("t{}", below(different))
                                     : fmt::format("{}", below(3)));
    }
    std::string bytes = "a,b\n";
    std::set<std::string> levels;
    Index texts = 0;
    Index present = 0;
    for (const std::string& cell : cells) {
      bytes += cell + ",0\n";
      if (cell.empty()) continue;
      ++present;
      texts += cell[0] == 't' ? 1 : 0;
      levels.insert(cell);
    }
    if (texts > 0 && 10 * texts < present) {
      EXPECT_TRUE(
          error(bytes, options).find(fmt::format("is not a number ({} of the column's {} cells", texts, present)) !=
          std::string::npos);
      continue;
    }
    if (texts > 0 && levels.size() > 4) {
      EXPECT_TRUE(error(bytes, options).starts_with("column 'a' holds more than 4 different texts"));
      continue;
    }
    const auto table = open(bytes, options);
    const Matrix found = all_cells(*table);
    const std::vector<std::string> in_order(levels.begin(), levels.end());
    ASSERT_EQ(table->columns()[0].kind, texts > 0 ? ColumnKind::text : ColumnKind::number) << bytes;
    (texts > 0 ? text_columns : number_columns) += 1;
    if (texts > 0) {
      ASSERT_EQ(table->columns()[0].levels, in_order) << bytes;
    }
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const double expected = cells[i].empty() ? NA
                              : texts == 0     ? std::stod(cells[i])
                                           : static_cast<double>(std::distance(levels.begin(), levels.find(cells[i])));
      ASSERT_TRUE(same_bits(found(static_cast<Index>(i), 0), expected)) << bytes;
    }
    EXPECT_EQ(table->missing()[0].count, static_cast<Index>(cells.size()) - present);
  }
  EXPECT_GT(text_columns, 50);
  EXPECT_GT(number_columns, 30);
}

TEST_F(Csv, BlocksAreTheRowsOfTheWhole) {
  std::string bytes = "a,b,t\n";
  for (int i = 0; i < 1000; ++i)
    bytes += std::to_string(i) + "," + std::to_string(i * i) + ",l" + std::to_string(i % 7) + "\n";
  const auto table = open(bytes);
  const Matrix whole = all_cells(*table);
  Matrix block;
  for (const Index count : {1, 7, 8, 9, 1000}) {
    for (Index first = 0; first + count <= 1000; first += count) {
      table->read(first, count, block);
      ASSERT_TRUE(same_cells(block, whole.middleRows(first, count)));
    }
  }
  EXPECT_EQ(message_of<InvalidArgument>([&] { table->read(999, 2, block); }),
            folder_.path("t.csv") + ": rows 999 to 1000 asked for, expected rows 0 to 999");
}

// Past the limit cells go to a file, of which nothing can be seen in the folder; the cells are the same. Sizes around
// the store's chunks of 32768 cells.
TEST_F(Csv, CacheFile) {
  for (const int rows : {1, 8191, 8192, 8193, 50'000}) {
    std::string bytes = "a,b,t,u\n";
    for (int i = 0; i < rows; ++i)
      bytes += std::to_string(i) + "," + std::to_string(0.5 * i) + "," + (i % 3 == 0 ? "x" : "7") + "," +
               (i % 2 == 0 ? "p\n" : "q\n");
    using enum ColumnUse;
    TableOptions options = uses({detect, detect, detect, text});
    const auto in_memory = open(bytes, options);
    EXPECT_EQ(in_memory->cache_bytes(), 0);
    const TemporaryFolder cache;
    for (const Index limit : {Index{0}, Index{300'000}}) {
      options.memory_limit = limit;
      options.cache_directory = cache.path();
      const auto cached = open(bytes, options);
      if (limit == 0 || rows == 50'000) {
        // A single row is nothing but text, which needs no second pass.
        EXPECT_EQ(cached->cache_bytes(), rows * (rows > 1 ? 5 : 4) * 8) << rows << " rows, limit " << limit;
      }
      EXPECT_TRUE(cache.names().empty());
      EXPECT_TRUE(same_cells(all_cells(*cached), all_cells(*in_memory))) << rows << " rows, limit " << limit;
    }
    options.cache_directory = cache.path("none");
    options.memory_limit = 0;
    EXPECT_EQ(error<IoError>(bytes, options), "the temporary file for its cells in '" + cache.path("none") +
                                                  "' cannot be used: No such file or directory");
  }
}

TEST_F(Csv, FullDiskForTheCacheFile) {
  std::string bytes = "a\n";
  for (int i = 0; i < 100'000; ++i) bytes += "1\n";
  TableOptions options;
  options.memory_limit = 0;
  options.cache_directory = folder_.path();
  const std::string path = folder_.put("t.csv", bytes);
  auto* handler = std::signal(SIGXFSZ, SIG_IGN);
  struct rlimit before = {};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const struct rlimit limit = {300'000, before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &limit);
  const std::string message = message_of<IoError>([&] { (void)open_table(path, options); });
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(message,
            path + ": the temporary file for its cells in '" + folder_.path() + "' cannot be used: File too large");
}

TEST_F(Csv, ManyColumns) {
  std::string bytes;
  Matrix expected(3, 5000);
  for (int j = 0; j < 5000; ++j) bytes += fmt::format("{}c{}", j == 0 ? "" : ",", j);
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 5000; ++j) {
      expected(i, j) = i + 7 * j;
      bytes += fmt::format("{}{}", j == 0 ? "\n" : ",", i + 7 * j);
    }
  EXPECT_TRUE(same_cells(all_cells(*open(bytes)), expected));
}

TEST_F(Csv, ProgressAndCancelling) {
  std::string bytes = "a,t\n";
  for (int i = 0; i < 300'000; ++i) bytes += i == 0 ? "123.5,7\n" : "123.5,x\n";
  TableOptions options;
  std::vector<std::pair<std::string, double>> told;
  options.context.progress = [&](const Progress& progress) {
    told.emplace_back(progress.stage, progress.fraction);
    return true;
  };
  (void)open(bytes, options);
  ASSERT_GE(told.size(), 4U);
  double last = 0;
  for (const auto& [stage, fraction] : told) {
    if (stage != "read") break;
    EXPECT_GE(fraction, last);
    last = fraction;
  }
  EXPECT_EQ(last, 1.0);
  EXPECT_EQ(told.back(), (std::pair<std::string, double>("levels", 1.0)));

  options.context.progress = [](const Progress& progress) { return progress.fraction < 0.5; };
  EXPECT_THROW((void)open(bytes, options), Cancelled);
}

TEST_F(Csv, LinesOfRows) {
  const auto table = open("\na,t\n\n1,\"two\nlines\"\n2,x\n\n\n3,\"three\n\nlines\"\n4,x\n");
  EXPECT_EQ(table->where(0), "line 4");
  EXPECT_EQ(table->where(1), "line 6");
  EXPECT_EQ(table->where(2), "line 9");
  EXPECT_EQ(table->where(3), "line 12");
  EXPECT_EQ(table->columns()[1].levels, (Texts{"three\n\nlines", "two\nlines", "x"}));
  // A plain file needs no second look, so not even its change matters.
  const auto plain = open("a\n1\n2\n");
  EXPECT_EQ(plain->where(1), "line 3");
}

// Fields, lines and quotes across the borders of the chunks in which the file is read (1 MiB).
TEST_F(Csv, ChunkBorders) {
  for (const int shift : {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}) {
    std::string bytes = std::string(static_cast<std::size_t>(shift), 'a') + "b,t\r\n";
    const int rows = 100'000;
    for (int i = 0; i < rows; ++i) bytes += "1.25,\"x\r\ny\"\r\n";
    const auto table = open(bytes);
    ASSERT_EQ(table->rows(), rows);
    EXPECT_EQ(table->columns()[1].levels, (Texts{"x\r\ny"}));
    EXPECT_EQ(table->where(rows - 1), "line " + std::to_string(2 * rows));
    EXPECT_EQ(all_cells(*table).col(0).sum(), 1.25 * rows);
    EXPECT_EQ(error(bytes + "1,2,3\r\n"), "line " + std::to_string(2 * rows + 2) + " has 3 fields, expected 2");
  }
}

// ---- CSV: gzip ----

TEST_F(Csv, Gzip) {
  std::string bytes = "a,b\n";
  for (int i = 0; i < 200'000; ++i) bytes += std::to_string(i) + ",2\n";
  const std::string packed = gzip(bytes);
  const Matrix expected = all_cells(*open(bytes));
  EXPECT_TRUE(same_cells(all_cells(*open(packed)), expected));
  EXPECT_TRUE(same_cells(all_cells(*open_table(folder_.put("t.csv.gz", packed))), expected));
  const std::size_t half = bytes.find("\n", bytes.size() / 2);
  EXPECT_TRUE(same_cells(all_cells(*open(gzip(bytes.substr(0, half)) + gzip(bytes.substr(half)))), expected));
  const auto table = open(gzip("a\n\n1\n"));
  EXPECT_EQ(table->where(0), "line 3");
}

TEST_F(Csv, BrokenGzip) {
  std::string bytes = "a,b\n";
  for (int i = 0; i < 1000; ++i) bytes += std::to_string(i) + ",2\n";
  const std::string packed = gzip(bytes);
  for (std::size_t cut = 2; cut < packed.size(); cut += 97)
    EXPECT_EQ(error(packed.substr(0, cut)), "ends in the middle of its gzip data") << cut;
  EXPECT_EQ(error(packed.substr(0, packed.size() - 1)), "ends in the middle of its gzip data");
  EXPECT_EQ(error(packed + "rubbish"),
            "holds corrupt gzip data before byte " + std::to_string(packed.size() + 2) + " (incorrect header check)");
  std::string flipped = packed;
  flipped[packed.size() - 6] = static_cast<char>(flipped[packed.size() - 6] ^ 1);  // the check sum
  EXPECT_TRUE(error(flipped).starts_with("holds corrupt gzip data before byte ")) << error(flipped);
  EXPECT_EQ(error(gzip("")), "is empty, expected a header row");
}

// ---- CSV: errors ----

TEST_F(Csv, WithoutRowsOrHeader) {
  for (const std::string bytes : {"", "\n\n", "\xEF\xBB\xBF", "  \n"})
    EXPECT_EQ(error(bytes), "is empty, expected a header row");
  for (const std::string bytes : {"a,b", "a,b\n", "a,b\n\n\n"}) EXPECT_EQ(error(bytes), "has a header but no rows");
  EXPECT_EQ(error("1,2\n3,4\n"),
            "line 1 holds only numbers, expected a header row of column names (quote names that are numbers)");
  EXPECT_EQ(error("\n1.5,NA,-inf\n3,4,5\n"),
            "line 2 holds only numbers, expected a header row of column names (quote names that are numbers)");
}

TEST_F(Csv, BadNames) {
  EXPECT_EQ(error("a,b,a\n1,2,3\n"), "line 1: columns 1 and 3 are both named 'a'");
  EXPECT_EQ(error("a,,c\n1,2,3\n"), "line 1: column 2 has no name");
  EXPECT_EQ(error("a,b,\n1,2,3\n"), "line 1: column 3 has no name");
  EXPECT_EQ(error("a,caf\xE9\n1,2\n"), "line 1: the name of column 2 is not UTF-8 text: 'caf\\xe9'");
}

TEST_F(Csv, RaggedLines) {
  EXPECT_EQ(error("a,b,c,d\n1,2,3,4\n1,2,3\n"), "line 3 has 3 fields, expected 4");
  EXPECT_EQ(error("a,b\n1,2\n1,2,3"), "line 3 has 3 fields, expected 2");
  EXPECT_EQ(error("a,b\n1,\"x\n\ny\"\n\n3\n"), "line 6 has 1 field, expected 2");
  EXPECT_EQ(error("a,b\n1,2,\n"), "line 2 has 3 fields, expected 2");
}

TEST_F(Csv, CellsThatAreNoNumbers) {
  using enum ColumnUse;
  EXPECT_EQ(error("a,b\n1,2\n3,abc\n", uses({number, number})), "line 3, column 'b': 'abc' is not a number" + advice);
  for (const std::string text :
       {"0x1F", "1,5", "1 2", "--1", "+-1", "+", "-", ".", "e5", "1e", "1e+", "nan(1)", "-nan"})
    EXPECT_EQ(error("a\n\"" + text + "\"\n", uses({number})),
              "line 2, column 'a': '" + text + "' is not a number" +
                  (text == "1,5" || text == "1 2" ? "; write a point for the decimal mark and nothing between thousands"
                                                  : advice));
  EXPECT_EQ(error("a\n\"q\n\t\r\x01\x7F\"\n", uses({number})),
            "line 2, column 'a': 'q\\n\\t\\r\\x01\\x7f' is not a number" + advice);
  EXPECT_EQ(error("a\n" + std::string(1000, 'x') + "\n", uses({number})),
            "line 2, column 'a': '" + std::string(40, 'x') + "…' is not a number" + advice);
  EXPECT_EQ(error("a\n\xC3\xA9\xFF\n", uses({number})), "line 2, column 'a': '\xC3\xA9\\xff' is not a number" + advice);
}

TEST_F(Csv, InfiniteAndTooLargeNumbers) {
  using enum ColumnUse;
  for (const auto use : {detect, number}) {
    for (const std::string text : {"inf", "-inf", "+Infinity", "INF"})
      EXPECT_EQ(error("a\n1\n" + text + "\n", uses({use})),
                "line 3, column 'a': '" + text + "' is infinite, expected a finite number");
    for (const std::string text : {"1e999", "-1e999", "1.8e308", "+1e99999999999999999999"})
      EXPECT_EQ(error("a\n1\n" + text + "\n", uses({use})),
                "line 3, column 'a': '" + text + "' is too large, expected a finite number");
  }
}

TEST_F(Csv, TooManyLevels) {
  using enum ColumnUse;
  TableOptions options;
  std::string bytes = "id\n";
  for (int i = 0; i < 101; ++i) bytes += fmt::format("n{}\n", i);
  const std::string expected =
      "column 'id' holds more than 100 different texts (the first beyond is 'n100' on line 102), too many for a "
      "category";
  EXPECT_EQ(error(bytes), expected);
  EXPECT_EQ(error(bytes, uses({text})), expected);
  options.max_levels = 101;
  EXPECT_EQ(open(bytes, options)->columns()[0].levels.size(), 101U);
  EXPECT_EQ(error("a\nx\ncaf\xE9\n"), "line 3, column 'a': 'caf\\xe9' is not UTF-8 text");
}

TEST_F(Csv, Quoting) {
  EXPECT_EQ(error("a,b\n1,2\n3,\"4\n5,6\n"), "the quote opened on line 3 (field 2) is never closed");
  EXPECT_EQ(error("a,b\n\"1\n2\",\"3\n"), "the quote opened on line 3 (field 2) is never closed");
  EXPECT_EQ(error("a,b\n1,2\n3,4\"5\n"), "line 3, field 2: a quote inside a field that does not begin with one");
  EXPECT_EQ(error("a,b\n1,2\n\"3\"4,5\n"),
            "line 3, field 1: text follows the closing quote (a quote inside quotes is written \"\")");
  std::string bytes = "a,b\n1,\"2\n";
  for (int i = 0; i < 1'000'000; ++i) bytes += "3,4\n";
  EXPECT_EQ(error(bytes), "line 2: field 2 is longer than 1 MiB; is a quote opened there and not closed?");
}

TEST_F(Csv, BinaryFiles) {
  using namespace std::string_literals;
  EXPECT_EQ(error("a,b\n1,2\n3,\0\n"s), "line 3 holds a NUL byte, so this is no CSV text");
  EXPECT_EQ(error("\xFF\xFE"
                  "a\0\n\0"s),
            "is UTF-16 text, expected UTF-8");
  EXPECT_EQ(error(file_bytes(fixtures + "/c_f8.npy")), "line 1 holds a NUL byte, so this is no CSV text");
}

TEST_F(Csv, BadOptions) {
  TableOptions options;
  for (const char delimiter : {'"', '\n', '\r', '\0', '.', '7', 'e', '-', '\xA7'}) {
    options.delimiter = delimiter;
    EXPECT_TRUE(message_of<InvalidArgument>([&] { (void)open("a\n1\n", options); }).starts_with("delimiter: '"));
    EXPECT_TRUE(message_of<InvalidArgument>([&] {
                  (void)create_table(folder_.path("o.csv"), {"a"}, delimiter);
                }).starts_with("delimiter: '"));
  }
  options = {};
  options.max_levels = 0;
  EXPECT_EQ(message_of<InvalidArgument>([&] { (void)open("a\n1\n", options); }),
            "max_levels: 0 given, expected at least 1");
  options = {};
  options.memory_limit = -1;
  EXPECT_EQ(message_of<InvalidArgument>([&] { (void)open("a\n1\n", options); }),
            "memory_limit: -1 given, expected at least 0");
}

TEST_F(Csv, FilesThatCannotBeRead) {
  fs::create_directory(folder_.path("d.csv"));
  for (const std::string ending : {".csv", ".npy"}) {
    const std::string none = folder_.path("none" + ending);
    EXPECT_EQ(message_of<IoError>([&] { (void)open_table(none); }),
              none + ": cannot be read: No such file or directory");
    fs::create_directories(folder_.path("d" + ending));
    EXPECT_EQ(message_of<IoError>([&] { (void)open_table(folder_.path("d" + ending)); }),
              folder_.path("d" + ending) + ": is a directory, expected a file");
    fs::create_symlink("/dev/zero", folder_.path("zero" + ending));
    EXPECT_EQ(message_of<IoError>([&] { (void)open_table(folder_.path("zero" + ending)); }),
              folder_.path("zero" + ending) + ": is a device or a pipe, expected a file");
  }
}

TEST_F(Csv, UnreadableFile) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may read everything";
  const std::string closed = folder_.put("closed.csv", "a\n1\n");
  fs::permissions(closed, fs::perms::none);
  EXPECT_EQ(message_of<IoError>([&] { (void)open_table(closed); }), closed + ": cannot be read: Permission denied");
}

// The file is emptied by someone else between the two passes.
TEST_F(Csv, FileCutWhileReading) {
  const std::string path = folder_.path("t.csv");
  TableOptions options;
  options.context.progress = [&](const Progress& progress) {
    if (progress.stage == "read" && progress.fraction == 1.0) fs::resize_file(path, 6);
    return true;
  };
  EXPECT_EQ(error<IoError>("a,t\n1,x\n2,3\n", options), "was cut while it was being read");
}

// ---- NPY: reading ----

TEST_F(Npy, WhatNumPyWrites) {
  for (const std::string name : {"c_f8", "fortran_f8", "big_f8", "v2_f8", "v3_f8"}) {
    const auto table = open_table(fixtures + "/" + name + ".npy");
    EXPECT_EQ(names_of(*table), (Texts{"x1", "x2", "x3"})) << name;
    EXPECT_TRUE(same_cells(all_cells(*table), numpy_cells())) << name;
    EXPECT_EQ(table->where(2), "row 3");
  }
  for (const std::string name : {"c_f4", "fortran_big_f4", "v3_fortran_f4"})
    EXPECT_TRUE(same_cells(all_cells(*open_table(fixtures + "/" + name + ".npy")), numpy_single_cells())) << name;
}

TEST_F(Npy, BlocksSkippedColumnsAndMissingCells) {
  using enum ColumnUse;
  const Matrix cells = numpy_cells();
  for (const std::string name : {"c_f8", "fortran_f8", "big_f8"}) {
    const std::string path = fixtures + "/" + name + ".npy";
    const auto table = open_table(path);
    Matrix block;
    for (Index first = 0; first < 4; ++first)
      for (Index count = 0; first + count <= 4; ++count) {
        table->read(first, count, block);
        ASSERT_TRUE(same_cells(block, cells.middleRows(first, count))) << name;
      }
    EXPECT_THROW(table->read(3, 2, block), InvalidArgument);
    EXPECT_THROW(table->read(-1, 2, block), InvalidArgument);
    const auto missing = table->missing();
    EXPECT_EQ(missing[0].count, 0);
    EXPECT_EQ(missing[0].first_row, -1);
    EXPECT_EQ(missing[2].count, 1);
    EXPECT_EQ(missing[2].first_row, 1);

    const auto part = open_table(path, uses({detect, skip, number}));
    EXPECT_EQ(names_of(*part), (Texts{"x1", "x3"}));
    Matrix kept(4, 2);
    kept << cells.col(0), cells.col(2);
    EXPECT_TRUE(same_cells(all_cells(*part), kept)) << name;
    EXPECT_EQ(open_table(path, uses({skip, skip, skip}))->rows(), 4);
    EXPECT_EQ(message_of<DataError>([&] {
                (void)open_table(path, uses({text, skip, skip}));
              }),
              path + ": column 'x1' is to be text, and an NPY file holds only numbers: use a CSV file");
  }
}

// Larger than the pieces in which converted cells are read (1 MiB).
TEST_F(Npy, ManyRows) {
  const Index rows = 300'001;
  std::string header = "{'descr': '>f4', 'fortran_order': ORDER, 'shape': (300001, 2)}";
  for (const bool fortran : {false, true}) {
    std::string text = header;
    text.replace(text.find("ORDER"), 5, fortran ? "True" : "False");
    std::string bytes = v1(text, 0);
    for (Index k = 0; k < 2 * rows; ++k) {
      const Index i = fortran ? k % rows : k / 2;
      const Index j = fortran ? k / rows : k % 2;
      const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(i + j * 1'000'000));
      for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>(bits >> shift & 255U);
    }
    const Matrix cells = all_cells(*open_table(folder_.put("t.npy", bytes)));
    for (Index i = 0; i < rows; ++i) {
      ASSERT_EQ(cells(i, 0), static_cast<double>(i));
      ASSERT_EQ(cells(i, 1), static_cast<double>(i + 1'000'000));
    }
  }
}

TEST_F(Npy, HeadersInOtherWords) {
  Matrix expected(1, 2);
  expected << 0, 0;
  for (const std::string header : {"{'shape':(1,2),'fortran_order':False,'descr':'<f8'}",
                                   "{\"descr\": \"<f8\", 'fortran_order': True, 'shape': (1L, 2L,),}\n",
                                   "  {'descr':'<f8','fortran_order':False ,\t'shape' : ( 1 , 2 ) , }   \n"})
    EXPECT_TRUE(same_cells(all_cells(*open_table(folder_.put("t.npy", v1(header, 16)))), expected)) << header;
}

TEST_F(Npy, Names) {
  const std::string path = folder_.put("a.npy", file_bytes(fixtures + "/c_f8.npy"));
  const auto with_names = [&](const std::string& json) {
    folder_.put("a.names.json", json);
    return open_table(path);
  };
  EXPECT_EQ(names_of(*with_names(R"(["span", "é", "a,b"])")), (Texts{"span", "é", "a,b"}));
  const std::string prefix = folder_.path("a.names.json") + ": ";
  const auto error = [&](const std::string& json) {
    const std::string message = message_of<DataError>([&] { (void)with_names(json); });
    return message.starts_with(prefix) ? message.substr(prefix.size()) : message;
  };
  EXPECT_EQ(error(R"(["a", "b"])"), "lists 2 names, expected 3 (the columns of " + path + ")");
  EXPECT_EQ(error(R"(["a", "b", "a"])"), "columns 1 and 3 are both named 'a'");
  EXPECT_EQ(error(R"(["a", "", "c"])"), "column 2 has no name");
  EXPECT_EQ(error(R"(["a", "b\u0000c", "d"])"), "the name of column 2 holds a NUL character: 'b\\x00c'");
  for (const std::string json : {"", "[", R"({"a": 1})", R"(["a", "b", 3])", R"("a")", "null", "[\"\xFF\"]"})
    EXPECT_EQ(error(json), R"(expected a JSON array of column names, such as ["x1", "x2"])") << json;
  EXPECT_EQ(error(std::string(100'000, '[')), R"(expected a JSON array of column names, such as ["x1", "x2"])");
  fs::remove(folder_.path("a.names.json"));
  fs::create_directory(folder_.path("a.names.json"));
  EXPECT_EQ(message_of<IoError>([&] { (void)open_table(path); }), prefix + "is a directory, expected a file");
}

// ---- NPY: errors ----

TEST_F(Npy, OtherArrays) {
  const auto fixture_error = [&](const std::string& name) { return error(file_bytes(fixtures + "/" + name + ".npy")); };
  EXPECT_EQ(fixture_error("i8"),
            "holds cells of type '<i8', expected float64 or float32 ('<f8' or '<f4'): convert it "
            "with array.astype(float)");
  EXPECT_EQ(fixture_error("records"),
            "holds records of several fields, expected a matrix of float64 or float32 ('<f8' or '<f4')");
  EXPECT_EQ(fixture_error("one_dimension"), "holds an array of 1 dimension, shape (5,), expected 2 (rows and columns)");
  EXPECT_EQ(fixture_error("three_dimensions"),
            "holds an array of 3 dimensions, shape (2, 3, 4), expected 2 (rows and columns)");
  EXPECT_EQ(fixture_error("no_rows"), "has no rows, its shape is (0, 3)");
  EXPECT_EQ(fixture_error("no_columns"), "has no columns, its shape is (3, 0)");
}

TEST_F(Npy, WrongSizes) {
  const std::string good = file_bytes(fixtures + "/c_f8.npy");
  EXPECT_EQ(error(good.substr(0, good.size() - 1)),
            "is cut short: its shape (4, 3) needs 96 bytes of cells and it has 95");
  EXPECT_EQ(error(good + "abc"), "has 3 bytes after its last cell (shape (4, 3))");
  EXPECT_EQ(error(""), "is not an NPY file");
  EXPECT_EQ(error("a,b\n1,2\n"), "is not an NPY file");
  for (const std::size_t cut : {6U, 7U, 9U, 10U, 50U, 127U})
    EXPECT_EQ(error(good.substr(0, cut)), "ends within its NPY header") << cut;
  const auto claims = [&](const std::string& shape) {
    return error(v1("{'descr': '<f8', 'fortran_order': False, 'shape': " + shape + "}", 8));
  };
  EXPECT_EQ(claims("(4611686018427387904, 4)"),
            "claims the shape (4611686018427387904, 4), more than 64 bits can count");
  EXPECT_EQ(claims("(1152921504606846976, 1)"),
            "claims the shape (1152921504606846976, 1), more than 64 bits can count");
  EXPECT_EQ(claims("(99999999999999999999, 1)"),
            "its NPY header cannot be read: a length in its shape is beyond 64 bits");
  EXPECT_EQ(claims("(1000000000000, 1)"),
            "is cut short: its shape (1000000000000, 1) needs 8000000000000 bytes of cells and it has 8");
  EXPECT_EQ(claims("(1, 1000000000)"), "has 1000000000 columns, expected at most 1000000");
}

TEST_F(Npy, BadHeaders) {
  std::string good = file_bytes(fixtures + "/c_f8.npy");
  good[6] = '\x04';
  EXPECT_EQ(error(good), "is an NPY file of version 4.0, expected 1.0, 2.0 or 3.0");
  good[6] = '\x00';
  EXPECT_EQ(error(good), "is an NPY file of version 0.0, expected 1.0, 2.0 or 3.0");
  std::string long_header = file_bytes(fixtures + "/v2_f8.npy");
  long_header[11] = '\x7F';
  EXPECT_TRUE(error(long_header).ends_with("bytes, expected at most 1048576")) << error(long_header);

  const auto header_error = [&](const std::string& header) {
    const std::string message = error(v1(header, 8));
    const std::string prefix = "its NPY header cannot be read: ";
    return message.starts_with(prefix) ? message.substr(prefix.size()) : message;
  };
  const std::string rest = ", 'fortran_order': False, 'shape': (1, 1)}";
  EXPECT_EQ(header_error(""), "it ends where '{' was expected");
  EXPECT_EQ(header_error("{'descr': '<f8'}"), "expected the keys 'descr', 'fortran_order' and 'shape'");
  EXPECT_EQ(header_error("{'descr': '<f8', 'descr': '<f8'" + rest), "the key 'descr' is unknown or given twice");
  EXPECT_EQ(header_error("{'descr': '<f8', 'more': 1" + rest), "the key 'more' is unknown or given twice");
  EXPECT_EQ(header_error("{'descr': 8" + rest), "'8, 'fortran_order': ' found where text in quotes was expected");
  EXPECT_EQ(header_error("{'descr': '<f8}"), "a quote is not closed");
  EXPECT_EQ(header_error("{'descr': '<f8'" + rest + " x"), "'x' follows its end");
  EXPECT_EQ(header_error("{'fortran_order': 0}"), "'0}' found where True or False was expected");
  EXPECT_EQ(header_error("{'shape': (-1, 1)}"), "'-1, 1)}' found where a length was expected");
  EXPECT_EQ(header_error("{'shape': (1 1)}"), "'1)}' found where ')' was expected");
  std::string many = "{'shape': (";
  for (int i = 0; i < 100; ++i) many += "1, ";
  EXPECT_EQ(header_error(many + ")}"), "its shape has more than 64 dimensions");
}

TEST_F(Npy, InfiniteCells) {
  std::string bytes = file_bytes(fixtures + "/c_f8.npy");
  const double infinity = std::numeric_limits<double>::infinity();
  std::memcpy(bytes.data() + 128 + 7 * 8, &infinity, 8);
  const std::string path = folder_.put("t.npy", bytes);
  const auto table = open_table(path);
  Matrix cells;
  table->read(0, 2, cells);
  EXPECT_EQ(message_of<DataError>([&] { table->read(1, 3, cells); }),
            path + ": row 3, column 'x2': infinite, expected a finite or missing number");
}

TEST_F(Npy, FileCutWhileReading) {
  const std::string path = folder_.put("t.npy", file_bytes(fixtures + "/c_f8.npy"));
  const auto table = open_table(path);
  fs::resize_file(path, 200);
  Matrix cells;
  table->read(0, 3, cells);
  EXPECT_EQ(message_of<IoError>([&] { table->read(0, 4, cells); }), path + ": was cut while it was being read");
  EXPECT_THROW((void)table->missing(), IoError);
}

// ---- Writing ----

TEST(TableWriter, CsvBytes) {
  const TemporaryFolder folder;
  const auto writer = create_table(folder.path("t.csv"), {"a", "b,c", " d", "e\"f", "g\nh", "é"});
  Matrix cells(2, 6);
  cells << 1, -0.0, 0.1, NA, 1e22, 5e-324, 1.5, NA, 1e300, 123456789, 1.0 / 3, NA;
  writer->write(cells.topRows(1));
  writer->write(cells.bottomRows(1));
  EXPECT_FALSE(fs::exists(folder.path("t.csv")));
  writer->close();
  EXPECT_EQ(
      folder.bytes("t.csv"),
      "a,\"b,c\",\" d\",\"e\"\"f\",\"g\nh\",é\n1,-0,0.1,,1e+22,5e-324\n1.5,,1e+300,123456789,0.3333333333333333,\n");
  EXPECT_EQ(message_of<InvalidArgument>([&] { writer->write(cells); }),
            folder.path("t.csv") + ": is closed, no rows can follow");
}

TEST(TableWriter, OneColumnWithMissingCells) {
  const TemporaryFolder folder;
  const auto writer = create_table(folder.path("t.csv"), {"a"});
  Matrix cells(3, 1);
  cells << NA, 1, NA;
  writer->write(cells);
  writer->close();
  EXPECT_EQ(folder.bytes("t.csv"), "a\n\"\"\n1\n\"\"\n");
  EXPECT_TRUE(same_cells(all_cells(*open_table(folder.path("t.csv"))), cells));
}

TEST(TableWriter, TextBeforeNumbers) {
  const TemporaryFolder folder;
  const auto writer = create_table(folder.path("t.csv"), {"class", "p"});
  Matrix cells(3, 1);
  cells << 0.5, NA, 1;
  writer->write({"a,b", "", "say \"c\""}, cells);
  EXPECT_EQ(message_of<InvalidArgument>([&] { writer->write({"a"}, cells); }),
            folder.path("t.csv") + ": 1 texts given for 3 rows");
  EXPECT_EQ(message_of<InvalidArgument>([&] {
              writer->write({"a", "b", "c"}, Matrix::Zero(3, 2));
            }),
            folder.path("t.csv") + ": rows of 3 cells given, expected 2");
  writer->close();
  EXPECT_EQ(folder.bytes("t.csv"), "class,p\n\"a,b\",0.5\n\"\",\n\"say \"\"c\"\"\",1\n");

  EXPECT_TRUE(holds_text("t.csv") && holds_text("-"));
  EXPECT_FALSE(holds_text("t.npy"));
  const auto npy = create_table(folder.path("t.npy"), {"class", "p"});
  EXPECT_EQ(message_of<InvalidArgument>([&] {
              npy->write({"a", "b", "c"}, cells);
            }),
            folder.path("t.npy") + ": text cannot be written, an NPY file holds only numbers: use a CSV file");
}

TEST(TableWriter, NpyIsNumPys) {
  const TemporaryFolder folder;
  const auto writer = create_table(folder.path("t.npy"), {"x1", "x2", "x3"});
  writer->write(numpy_cells().topRows(3));
  writer->write(numpy_cells().bottomRows(1));
  writer->close();
  EXPECT_EQ(folder.bytes("t.npy"), file_bytes(fixtures + "/c_f8.npy"));
  EXPECT_EQ(folder.names(), std::set<std::string>{"t.npy"});
}

TEST(TableWriter, NpyNames) {
  const TemporaryFolder folder;
  const auto write = [&](const Texts& names) {
    const auto writer = create_table(folder.path("t.npy"), names);
    writer->write(Matrix::Ones(2, 2));
    writer->close();
    EXPECT_EQ(names_of(*open_table(folder.path("t.npy"))), names);
  };
  write({"span \"é\"", "b"});
  EXPECT_EQ(folder.bytes("t.names.json"), "[\"span \\\"é\\\"\",\"b\"]\n");
  // The names of the table that is replaced must not survive it.
  write({"x1", "x2"});
  EXPECT_EQ(folder.names(), (std::set<std::string>{"t.npy", "t.names.json"}));
}

TEST(TableWriter, WithoutCloseNothingChanges) {
  const TemporaryFolder folder;
  for (const std::string name : {"t.csv", "t.npy"}) {
    folder.put(name, "old");
    {
      const auto writer = create_table(folder.path(name), {"a", "b"});
      writer->write(Matrix::Ones(20'000, 2));
    }
    EXPECT_EQ(folder.bytes(name), "old");
  }
  EXPECT_EQ(folder.names(), (std::set<std::string>{"t.csv", "t.npy"}));
}

TEST(TableWriter, FullDiskKeepsTheOldFiles) {
  const TemporaryFolder folder;
  folder.put("t.csv", "old");
  folder.put("t.npy", "old");
  folder.put("t.names.json", "old");
  auto* handler = std::signal(SIGXFSZ, SIG_IGN);
  struct rlimit before = {};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const struct rlimit limit = {100'000, before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &limit);
  Texts messages;
  for (const std::string name : {"t.csv", "t.npy"})
    messages.push_back(message_of<IoError>([&] {
      const auto writer = create_table(folder.path(name), {"a", "b"});
      writer->write(Matrix::Constant(10'000, 2, 1.0 / 3));
      writer->close();
    }));
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(messages, (Texts{folder.path("t.csv") + ": cannot be written: File too large",
                             folder.path("t.npy") + ": cannot be written: File too large"}));
  for (const std::string name : {"t.csv", "t.npy", "t.names.json"}) EXPECT_EQ(folder.bytes(name), "old");
  EXPECT_EQ(folder.names(), (std::set<std::string>{"t.csv", "t.npy", "t.names.json"}));
}

TEST(TableWriter, Refusals) {
  const TemporaryFolder folder;
  const auto creating = [&](const std::string& name, const Texts& columns) {
    return message_of<InvalidArgument>([&] { (void)create_table(folder.path(name), columns); });
  };
  EXPECT_EQ(creating("t.csv", {}), folder.path("t.csv") + ": no columns given, expected at least 1");
  EXPECT_EQ(creating("t.csv", {"a", "a"}), folder.path("t.csv") + ": columns 1 and 2 are both named 'a'");
  EXPECT_EQ(creating("t.npy", {"a", ""}), folder.path("t.npy") + ": column 2 has no name");
  EXPECT_EQ(creating("t.csv.gz", {"a"}),
            folder.path("t.csv.gz") + ": gzip can be read but not written, expected a name that ends in .csv");
  EXPECT_EQ(creating("t.xls", {"a"}), folder.path("t.xls") +
                                          ": not a name of a table, expected one that ends in .csv, "
                                          ".tsv, .txt, .npy or .h5, or -");
  for (const std::string name : {"t.csv", "t.npy"}) {
    const auto writer = create_table(folder.path(name), {"a", "b"});
    EXPECT_EQ(message_of<InvalidArgument>([&] { writer->write(Matrix::Ones(1, 3)); }),
              folder.path(name) + ": rows of 3 cells given, expected 2");
    Matrix cells = Matrix::Ones(3, 2);
    cells(2, 1) = -std::numeric_limits<double>::infinity();
    EXPECT_EQ(message_of<DataError>([&] { writer->write(cells); }),
              folder.path(name) + ": row 3, column 'b': infinite, expected a finite or missing number");
  }
  EXPECT_TRUE(folder.names().empty());
  EXPECT_EQ(message_of<IoError>([&] { (void)create_table(folder.path("none/t.csv"), {"a"}); }),
            folder.path("none/t.csv") + ": cannot be written: the folder '" + folder.path("none") + "' does not exist");
  if (!fs::is_character_file("/dev/full")) return;
  fs::create_symlink("/dev/full", folder.path("full.npy"));
  EXPECT_EQ(message_of<IoError>([&] { (void)create_table(folder.path("full.npy"), {"a"}); }),
            folder.path("full.npy") + ": cannot be written: an NPY file needs a regular file, not a device");
}

TEST(TableWriter, StandardOutput) {
  const TemporaryFolder folder;
  std::fflush(stdout);
  const int before = ::dup(STDOUT_FILENO);
  ASSERT_NE(std::freopen(folder.path("out").c_str(), "w", stdout), nullptr);
  const auto writer = create_table("-", {"a", "b"}, ';');
  writer->write(Matrix::Constant(2, 2, 0.5));
  writer->close();
  std::string message = "not tried";
  if (fs::is_character_file("/dev/full")) {
    (void)std::freopen("/dev/full", "w", stdout);
    message = message_of<IoError>([&] {
      const auto full = create_table("-", {"a", "b"});
      full->write(Matrix::Ones(2, 2));
      full->close();
    });
  }
  std::clearerr(stdout);
  ::dup2(before, STDOUT_FILENO);
  ::close(before);
  EXPECT_EQ(folder.bytes("out"), "a;b\n0.5;0.5\n0.5;0.5\n");
  if (message != "not tried") {
    EXPECT_EQ(message, "standard output: cannot be written: No space left on device");
  }
}

// ---- Properties ----

namespace {

// Characters that formats trip over, and others.
rc::Gen<std::string> odd_name() {
  const auto piece =
      rc::gen::elementOf(Texts{",", ";", "\"", "\n", "\r",   "\r\n", " ",    "\t", "a",  "b",   "é", "\xEF\xBB\xBF",
                               "0", "1", "-",  "e",  "\x01", "\x7F", "日本", "'",  "\\", "nan", "NA"});
  return rc::gen::map(rc::gen::nonEmpty(rc::gen::container<Texts>(piece)), [](const Texts& pieces) {
    std::string name;
    for (const std::string& text : pieces) name += text;
    return name;
  });
}

// Any bits but infinity: denormals, −0 and extremes come up by themselves, and by name.
rc::Gen<double> any_cell() {
  const auto bits = rc::gen::map(rc::gen::arbitrary<std::uint64_t>(), [](std::uint64_t word) {
    const double value = std::bit_cast<double>(word * 0x9E3779B97F4A7C15ULL);
    return std::isinf(value) ? 0.0 : value;
  });
  const auto denormal = rc::gen::map(rc::gen::inRange<std::uint64_t>(0, std::uint64_t{1} << 52),
                                     [](std::uint64_t word) { return std::bit_cast<double>(word); });
  const auto special = rc::gen::elementOf(std::vector<double>{0.0, -0.0, NA, 5e-324, -5e-324, 2.2250738585072014e-308,
                                                              1.7976931348623157e308, -1.7976931348623157e308, 0.1,
                                                              1e22, 1e23, 123456789012345680.0});
  return rc::gen::oneOf(bits, denormal, special, rc::gen::arbitrary<double>());
}

void check_round_trip(const std::string& ending) {
  const TemporaryFolder folder;
  const std::string path = folder.path("t" + ending);
  EXPECT_TRUE(rc::check("what is written is read back", [&] {
    const auto names = *rc::gen::nonEmpty(rc::gen::unique<Texts>(odd_name()));
    const auto columns = static_cast<Index>(names.size());
    const Index rows = *rc::gen::inRange<Index>(1, 20);
    Matrix cells(rows, columns);
    for (Index i = 0; i < cells.size(); ++i) {
      const double value = *any_cell();
      cells.data()[i] = std::isinf(value) ? NA : value;
    }
    const char delimiter = ending == ".csv" ? *rc::gen::elementOf(std::string(",;\t |")) : ',';
    const auto writer = create_table(path, names, delimiter);
    const Index split = *rc::gen::inRange<Index>(0, rows + 1);
    writer->write(cells.topRows(split));
    writer->write(cells.bottomRows(rows - split));
    writer->close();
    TableOptions options;
    options.delimiter = delimiter;
    const auto table = open_table(path, options);
    RC_ASSERT(names_of(*table) == names);
    RC_ASSERT(bool(same_cells(all_cells(*table), cells)));
  }));
}

}  // namespace

TEST(TableProperties, CsvRoundTrip) { check_round_trip(".csv"); }
TEST(TableProperties, NpyRoundTrip) { check_round_trip(".npy"); }

// Whatever happens to the bytes, opening and reading ends in a table or in one of the library's errors that begins with
// the path.
TEST(TableProperties, BrokenFilesNeverCrash) {
  const TemporaryFolder folder;
  std::string csv = "\"a\",b,\"c\nd\"\r\n";
  for (int i = 0; i < 30; ++i)
    csv += std::to_string(i * 0.37) + ",\"x" + std::to_string(i % 3) + "\",1e" + std::to_string(i) + "\r\n";
  struct Original {
    std::string name;
    std::string bytes;
  };
  const std::vector<Original> originals = {{"t.csv", csv},
                                           {"t.csv.gz", gzip(csv)},
                                           {"c.npy", file_bytes(fixtures + "/c_f8.npy")},
                                           {"f.npy", file_bytes(fixtures + "/v3_fortran_f4.npy")}};
  std::mt19937_64 random(2206);
  const auto below = [&](std::size_t bound) { return static_cast<std::size_t>(random() % bound); };
  const std::string odd = std::string("\"\n\r,\0{}()'-9e.\x1f\xff", 17);
  int opened = 0;
  for (const Original& original : originals) {
    for (int trial = 0; trial < 400; ++trial) {
      std::string bytes = original.bytes;
      for (std::size_t edits = 1 + below(4); edits > 0 && !bytes.empty(); --edits) {
        const std::size_t at = below(std::min<std::size_t>(bytes.size(), below(2) == 0 ? 150 : bytes.size()));
        switch (below(5)) {
          case 0:
            bytes.resize(at);
            break;
          case 1:
            bytes[at] = static_cast<char>(random());
            break;
          case 2:
            bytes[at] = odd[below(odd.size())];
            break;
          case 3:
            bytes.insert(at, 1 + below(3), odd[below(odd.size())]);
            break;
          default:
            bytes.erase(at, 1 + below(9));
            break;
        }
      }
      const std::string path = folder.put(original.name, bytes);
      try {
        const auto table = open_table(path);
        (void)all_cells(*table);
        (void)table->missing();
        (void)table->where(table->rows() - 1);
        ++opened;
      } catch (const Error& error) {
        EXPECT_TRUE(std::string(error.what()).starts_with(path + ": ")) << error.what();
      }
    }
  }
  EXPECT_GT(opened, 50);  // the edits must not be so coarse that only the first check is tested
}
