// Oracles: cells in memory that the HDF5 library itself wrote in every layout, and for what we write, what it reads;
// for broken files, the message and that nothing is printed.
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <array>
#include <bit>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "data/hdf5_library.h"
#include "data/hdf5_name.h"
#include "message_of.h"
#include "sextant/error.h"
#include "sextant/table.h"
#include "temporary_folder.h"

namespace fs = std::filesystem;
using namespace sextant;

namespace {

constexpr double NA = std::numeric_limits<double>::quiet_NaN();

using Texts = std::vector<std::string>;

Matrix all_cells(const Table& table) {
  Matrix cells;
  table.read(0, table.rows(), cells);
  return cells;
}

bool same(const Matrix& a, const Matrix& b) {
  if (a.rows() != b.rows() || a.cols() != b.cols()) return false;
  for (Index i = 0; i < a.size(); ++i) {
    const double x = a.data()[i];
    const double y = b.data()[i];
    if (!(std::isnan(x) && std::isnan(y)) && std::bit_cast<std::uint64_t>(x) != std::bit_cast<std::uint64_t>(y))
      return false;
  }
  return true;
}

Texts names_of(const Table& table) {
  Texts names;
  for (const Column& column : table.columns()) names.push_back(column.name);
  return names;
}

TableOptions uses(std::vector<ColumnUse> chosen) {
  TableOptions options;
  options.choose = [chosen](const Texts&) { return chosen; };
  return options;
}

// n×d whole numbers from −50 to 100, which every type of a byte or more with a sign holds.
Matrix whole_numbers(Index n, Index d) {
  Matrix cells(n, d);
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < d; ++j) cells(i, j) = static_cast<double>((7 * i + 31 * j) % 151 - 50);
  return cells;
}

// How a dataset is laid out.
struct Layout {
  hid_t type = H5T_IEEE_F64LE;
  std::vector<hsize_t> chunk = {};  // empty: contiguous
  int gzip = -1;
  bool shuffle = false;
  bool compact = false;
  bool unlimited = false;
};

// A file that is being written through the HDF5 library.
class Writing {
 public:
  explicit Writing(const std::string& path)
      : file_(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), H5Fclose) {}

  [[nodiscard]] hid_t id() const { return file_.get(); }

  // A dataset of any shape, filled with `cells` unless they are null.
  Hdf5Handle dataset(const std::string& path, const std::vector<hsize_t>& shape, const double* cells,
                     const Layout& layout = {}) {
    const std::vector<hsize_t> endless(shape.size(), H5S_UNLIMITED);
    const Hdf5Handle space(
        H5Screate_simple(static_cast<int>(shape.size()), shape.data(), layout.unlimited ? endless.data() : nullptr),
        H5Sclose);
    const Hdf5Handle created(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    if (!layout.chunk.empty()) H5Pset_chunk(created.get(), static_cast<int>(layout.chunk.size()), layout.chunk.data());
    if (layout.shuffle) H5Pset_shuffle(created.get());
    if (layout.gzip >= 0) H5Pset_deflate(created.get(), static_cast<unsigned>(layout.gzip));
    if (layout.compact) H5Pset_layout(created.get(), H5D_COMPACT);
    const Hdf5Handle links(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
    H5Pset_create_intermediate_group(links.get(), 1);
    Hdf5Handle dataset(
        H5Dcreate2(id(), path.c_str(), layout.type, space.get(), links.get(), created.get(), H5P_DEFAULT), H5Dclose);
    EXPECT_TRUE(dataset.open());
    if (cells != nullptr) {
      EXPECT_GE(H5Dwrite(dataset.get(), H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, cells), 0);
    }
    return dataset;
  }
  Hdf5Handle dataset(const std::string& path, const Matrix& cells, const Layout& layout = {}) {
    return dataset(path, {static_cast<hsize_t>(cells.rows()), static_cast<hsize_t>(cells.cols())}, cells.data(),
                   layout);
  }

 private:
  Hdf5Handle file_;
};

void put_names(hid_t dataset, const Texts& names) {
  std::vector<const char*> texts;
  for (const std::string& name : names) texts.push_back(name.c_str());
  const auto count = static_cast<hsize_t>(names.size());
  const Hdf5Handle space(H5Screate_simple(1, &count, nullptr), H5Sclose);
  const Hdf5Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type.get(), H5T_VARIABLE);
  H5Tset_cset(type.get(), H5T_CSET_UTF8);
  const Hdf5Handle attribute(H5Acreate2(dataset, "names", type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  EXPECT_GE(H5Awrite(attribute.get(), type.get(), texts.data()), 0);
}

// Texts of 4 bytes each, one after the other.
void put_fixed_names(hid_t dataset, const std::string& bytes, H5T_str_t padding) {
  const auto count = static_cast<hsize_t>(bytes.size() / 4);
  const Hdf5Handle space(H5Screate_simple(1, &count, nullptr), H5Sclose);
  const Hdf5Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type.get(), 4);
  H5Tset_strpad(type.get(), padding);
  const Hdf5Handle attribute(H5Acreate2(dataset, "names", type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  EXPECT_GE(H5Awrite(attribute.get(), type.get(), bytes.data()), 0);
}

class Hdf5 : public ::testing::Test {
 protected:
  // A file with one dataset of `cells` at /t.
  std::string put(const Matrix& cells, const Layout& layout = {}) {
    Writing file(path_);
    (void)file.dataset("/t", cells, layout);
    return path_;
  }
  // What opening says without the path, which must be its beginning; nothing may be printed.
  template <class Expected = DataError>
  std::string error(const std::string& name, const TableOptions& options = {}) {
    ::testing::internal::CaptureStderr();
    const std::string message = message_of<Expected>([&] { (void)open_table(name, options); });
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
    return message.starts_with(name + ": ") ? message.substr(name.size() + 2) : "no path: " + message;
  }
  TemporaryFolder folder_;
  std::string path_ = folder_.path("t.h5");
};

}  // namespace

// ---- names of tables ----

TEST(Hdf5Name, FileAndDataset) {
  const auto parts = [](const std::string& name) {
    const auto found = hdf5_name(name);
    return found ? found->file + " | " + found->dataset : "none";
  };
  EXPECT_EQ(parts("a/wing.h5"), "a/wing.h5 | ");
  EXPECT_EQ(parts("wing.HDF5"), "wing.HDF5 | ");
  EXPECT_EQ(parts("wing.h5:/sets/train"), "wing.h5 | /sets/train");
  EXPECT_EQ(parts("wing.hdf5:/a:/b.h5:/c"), "wing.hdf5 | /a:/b.h5:/c");
  EXPECT_EQ(parts("a:/b/wing.h5:/train.csv"), "a:/b/wing.h5 | /train.csv");
  EXPECT_EQ(parts("a:/b/wing.h5"), "a:/b/wing.h5 | ");
  for (const std::string name : {"wing.h5:train", "wing.csv", "h5", ".h5", "a/.h5", "wing.h5.csv", ""})
    EXPECT_EQ(parts(name), "none") << name;
  EXPECT_EQ(table_file("wing.h5:/sets/train"), "wing.h5");
  EXPECT_EQ(table_file("a:/wing.csv"), "a:/wing.csv");
  EXPECT_FALSE(holds_text("wing.h5:/train"));
}

// ---- reading ----

TEST_F(Hdf5, EveryLayoutGivesTheCells) {
  const Matrix cells = whole_numbers(57, 5);
  const std::vector<Layout> layouts = {{},
                                       {.compact = true},
                                       {.chunk = {1, 1}},
                                       {.chunk = {57, 5}},
                                       {.chunk = {10, 2}},
                                       {.chunk = {7, 1}, .unlimited = true},
                                       {.chunk = {1000, 64}, .unlimited = true},
                                       {.chunk = {8, 5}, .gzip = 6},
                                       {.chunk = {13, 3}, .gzip = 9, .shuffle = true}};
  for (std::size_t l = 0; l < layouts.size(); ++l) {
    const auto table = open_table(put(cells, layouts[l]));
    EXPECT_EQ(table->path(), path_);
    EXPECT_EQ(table->rows(), 57);
    EXPECT_EQ(names_of(*table), (Texts{"x1", "x2", "x3", "x4", "x5"}));
    EXPECT_TRUE(same(all_cells(*table), cells)) << l;
    Matrix block;
    for (Index first = 0; first <= 57; first += 3)
      for (Index count = 0; first + count <= 57; count += 4) {
        table->read(first, count, block);
        ASSERT_TRUE(same(block, cells.middleRows(first, count))) << l;
      }
    EXPECT_THROW(table->read(50, 8, block), InvalidArgument);
    EXPECT_EQ(table->where(2), "row 3");
  }
}

TEST_F(Hdf5, EveryTypeOfNumber) {
  const Matrix cells = whole_numbers(20, 3);
  for (const hid_t type : {H5T_STD_I8LE, H5T_STD_I16BE, H5T_STD_I32LE, H5T_STD_I64BE, H5T_IEEE_F32LE, H5T_IEEE_F32BE,
                           H5T_IEEE_F64LE, H5T_IEEE_F64BE, H5T_NATIVE_LDOUBLE})
    EXPECT_TRUE(same(all_cells(*open_table(put(cells, {.type = type}))), cells));
  const Matrix positive = cells.cwiseAbs();
  for (const hid_t type : {H5T_STD_U8LE, H5T_STD_U16BE, H5T_STD_U32BE, H5T_STD_U64LE})
    EXPECT_TRUE(same(all_cells(*open_table(put(positive, {.type = type}))), positive));
  // Half precision, which HDF5 has no name for: NumPy's float16.
  const Hdf5Handle half(H5Tcopy(H5T_IEEE_F32LE), H5Tclose);
  H5Tset_fields(half.get(), 15, 10, 5, 0, 10);
  H5Tset_size(half.get(), 2);
  H5Tset_ebias(half.get(), 15);
  EXPECT_TRUE(same(all_cells(*open_table(put(cells, {.type = half.get()}))), cells));
}

TEST_F(Hdf5, MissingCellsAndSkippedColumns) {
  using enum ColumnUse;
  Matrix cells = whole_numbers(30, 4);
  cells(3, 1) = cells(7, 1) = cells(29, 3) = NA;
  for (const Layout& layout : {Layout{}, Layout{.chunk = {8, 3}, .gzip = 1}}) {
    put(cells, layout);
    const auto missing = open_table(path_)->missing();
    EXPECT_EQ(missing[0].count, 0);
    EXPECT_EQ(missing[1].count, 2);
    EXPECT_EQ(missing[1].first_row, 3);
    EXPECT_EQ(missing[3].first_row, 29);

    const auto part = open_table(path_, uses({skip, detect, skip, label}));
    EXPECT_EQ(names_of(*part), (Texts{"x2", "x4"}));
    Matrix kept(30, 2);
    kept << cells.col(1), cells.col(3);
    EXPECT_TRUE(same(all_cells(*part), kept));
    Matrix none;
    open_table(path_, uses({skip, skip, skip, skip}))->read(2, 5, none);
    EXPECT_EQ(none.rows(), 5);
    EXPECT_EQ(none.cols(), 0);
    EXPECT_EQ(error(path_, uses({text, skip, skip, skip})),
              "column 'x1' is to be text, and an HDF5 table holds only numbers: use a CSV file");
  }
}

// Several bands of 4 MiB, and under a tight limit bands of fewer rows than a chunk.
TEST_F(Hdf5, ManyRowsInAnyOrder) {
  const Index n = 70'000;
  const Matrix cells = whole_numbers(n, 24);
  put(cells, {.chunk = {9'000, 7}, .gzip = 1});
  for (const Index limit : {Index{64} << 20, Index{300'000}}) {
    TableOptions options;
    options.memory_limit = limit;
    const auto table = open_table(path_, options);
    Matrix block;
    for (Index first = 0; first < n; first += 1024) {
      const Index count = std::min<Index>(1024, n - first);
      table->read(first, count, block);
      ASSERT_TRUE(same(block, cells.middleRows(first, count)));
    }
    std::mt19937_64 random(2206);
    for (int trial = 0; trial < 30; ++trial) {
      const auto first = static_cast<Index>(random() % static_cast<std::uint64_t>(n - 500));
      table->read(first, 500, block);
      ASSERT_TRUE(same(block, cells.middleRows(first, 500)));
    }
  }
}

// HDF5's usual build knows one thread at a time: tables must take turns.
TEST_F(Hdf5, TwoTablesOnTwoThreads) {
  const Matrix cells = whole_numbers(40'000, 8);
  put(cells, {.chunk = {1'000, 8}, .gzip = 1});
  std::array<bool, 2> good = {true, true};
  std::array<std::thread, 2> threads;
  for (std::size_t t = 0; t < 2; ++t)
    threads[t] = std::thread([&, t] {
      for (int opening = 0; opening < 3; ++opening) {
        const auto table = open_table(path_);
        Matrix block;
        for (Index first = 0; first < 40'000; first += 1000) {
          table->read(first, 1000, block);
          good[t] = good[t] && same(block, cells.middleRows(first, 1000));
        }
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(good[0] && good[1]);
}

// ---- names of columns ----

TEST_F(Hdf5, NamesOfColumns) {
  const Matrix cells = whole_numbers(4, 3);
  {
    Writing file(path_);
    put_names(file.dataset("/a", cells).get(), {"span \"é\"", "b,c", "y"});
    put_fixed_names(file.dataset("/b", cells).get(), std::string("ab\0\0c\0\0\0long", 12), H5T_STR_NULLPAD);
    put_fixed_names(file.dataset("/c", cells).get(), "ab  c   long", H5T_STR_SPACEPAD);
    put_fixed_names(file.dataset("/d", cells).get(), std::string("ab\0xc\0\0\0lon\0", 12), H5T_STR_NULLTERM);
    (void)file.dataset("/plain", cells);
  }
  EXPECT_EQ(names_of(*open_table(path_ + ":/a")), (Texts{"span \"é\"", "b,c", "y"}));
  EXPECT_EQ(names_of(*open_table(path_ + ":/b")), (Texts{"ab", "c", "long"}));
  EXPECT_EQ(names_of(*open_table(path_ + ":/c")), (Texts{"ab", "c", "long"}));
  EXPECT_EQ(names_of(*open_table(path_ + ":/d")), (Texts{"ab", "c", "lon"}));
  // A file beside it names the columns of what has no names itself.
  folder_.put("t.names.json", R"(["u", "v", "w"])");
  EXPECT_EQ(names_of(*open_table(path_ + ":/plain")), (Texts{"u", "v", "w"}));
  EXPECT_EQ(names_of(*open_table(path_ + ":/b")), (Texts{"ab", "c", "long"}));
  folder_.put("t.names.json", R"(["u", "v"])");
  EXPECT_EQ(message_of<DataError>([&] { (void)open_table(path_ + ":/plain"); }),
            folder_.path("t.names.json") + ": lists 2 names, expected 3 (the columns of " + path_ + ")");
}

TEST_F(Hdf5, BadNamesOfColumns) {
  const Matrix cells = whole_numbers(4, 2);
  {
    Writing file(path_);
    put_names(file.dataset("/few", cells).get(), {"a"});
    put_names(file.dataset("/twice", cells).get(), {"a", "a"});
    put_names(file.dataset("/empty", cells).get(), {"a", ""});
    put_fixed_names(file.dataset("/latin", cells).get(), std::string("a\0\0\0\xe9t\0\0", 8), H5T_STR_NULLPAD);
    const Hdf5Handle numbers = file.dataset("/numbers", cells);
    const hsize_t two = 2;
    const Hdf5Handle list(H5Screate_simple(1, &two, nullptr), H5Sclose);
    const Hdf5Handle attribute(H5Acreate2(numbers.get(), "names", H5T_STD_I32LE, list.get(), H5P_DEFAULT, H5P_DEFAULT),
                               H5Aclose);
    const Hdf5Handle single = file.dataset("/single", cells);
    const Hdf5Handle text(H5Tcopy(H5T_C_S1), H5Tclose);
    const Hdf5Handle scalar(H5Screate(H5S_SCALAR), H5Sclose);
    const Hdf5Handle one(H5Acreate2(single.get(), "names", text.get(), scalar.get(), H5P_DEFAULT, H5P_DEFAULT),
                         H5Aclose);
    const Hdf5Handle huge = file.dataset("/huge", cells);
    H5Tset_size(text.get(), 20'000);
    const Hdf5Handle longer(H5Acreate2(huge.get(), "names", text.get(), list.get(), H5P_DEFAULT, H5P_DEFAULT),
                            H5Aclose);
  }
  EXPECT_EQ(error(path_ + ":/few"), "its attribute 'names' lists 1 names, expected 2 (one per column)");
  EXPECT_EQ(error(path_ + ":/twice"), "its attribute 'names' cannot serve: columns 1 and 2 are both named 'a'");
  EXPECT_EQ(error(path_ + ":/empty"), "its attribute 'names' cannot serve: column 2 has no name");
  EXPECT_EQ(error(path_ + ":/latin"),
            "its attribute 'names' cannot serve: the name of column 2 is not UTF-8 text: '\\xe9t'");
  for (const std::string name : {"/numbers", "/single"})
    EXPECT_EQ(error(path_ + ":" + name),
              "its attribute 'names' is no list of texts, expected the names of the columns");
  EXPECT_EQ(error(path_ + ":/huge"), "its attribute 'names' holds texts of 20000 bytes, expected at most 4095");
}

// ---- which dataset ----

TEST_F(Hdf5, TheOnlyDatasetOfTwoDimensions) {
  const Matrix cells = whole_numbers(6, 3);
  {
    Writing file(path_);
    (void)file.dataset("/deep/down/t", cells);
    (void)file.dataset("/list", {6}, cells.data());
    (void)file.dataset("/cube", {3, 3, 2}, cells.data());
    EXPECT_GE(H5Lcreate_soft("/deep/down/t", file.id(), "/alias", H5P_DEFAULT, H5P_DEFAULT), 0);
    // A group within itself: looking for datasets must come to an end.
    EXPECT_GE(H5Lcreate_hard(file.id(), "/deep", file.id(), "/deep/down/up", H5P_DEFAULT, H5P_DEFAULT), 0);
  }
  for (const std::string name : {":/deep/down/t", ":/alias", ":/deep//down/./t"})
    EXPECT_TRUE(same(all_cells(*open_table(path_ + name)), cells)) << name;
  EXPECT_EQ(error(path_ + ":/list"), "holds an array of 1 dimension, shape (6,), expected 2 (rows and columns)");
  EXPECT_EQ(error(path_ + ":/cube"), "holds an array of 3 dimensions, shape (3, 3, 2), expected 2 (rows and columns)");
  EXPECT_TRUE(error(path_ + ":/none").starts_with("there is no dataset '/none'; it holds '/cube' (3, 3, 2), "))
      << error(path_ + ":/none");
  EXPECT_TRUE(error(path_ + ":/deep").starts_with("is no dataset; it holds "));
  EXPECT_TRUE(error(path_ + ":/").starts_with("is no dataset; it holds "));
}

TEST_F(Hdf5, FilesWithoutOneDataset) {
  const Matrix cells = whole_numbers(6, 3);
  { const Writing file(path_); }
  EXPECT_EQ(error(path_), "has no dataset of numbers in two dimensions; it holds no dataset");
  {
    Writing file(path_);
    (void)file.dataset("/list", {6}, cells.data());
  }
  EXPECT_EQ(error(path_), "has no dataset of numbers in two dimensions; it holds '/list' (6,)");
  {
    Writing file(path_);
    (void)file.dataset("/test", cells);
    (void)file.dataset("/train", cells);
    (void)file.dataset("/list", {6}, cells.data());
  }
  EXPECT_EQ(error(path_),
            "has 2 datasets of numbers in two dimensions, '/test' (6, 3), '/train' (6, 3); expected which "
            "one, as in " +
                path_ + ":/test");
  {
    Writing file(path_);
    for (int i = 0; i < 20; ++i) (void)file.dataset(fmt::format("/t{:02}", i), cells);
  }
  EXPECT_TRUE(error(path_).find("'/t05' (6, 3), … (20 in all); expected which one") != std::string::npos);
}

// ---- what cannot be read ----

TEST_F(Hdf5, NoHdf5Files) {
  EXPECT_EQ(message_of<IoError>([&] { (void)open_table(path_); }),
            path_ + ": cannot be read: No such file or directory");
  EXPECT_EQ(message_of<IoError>([&] { (void)open_table(path_ + ":/t"); }),
            path_ + ": cannot be read: No such file or directory");
  folder_.put("t.h5", "");
  EXPECT_EQ(error(path_), "is not an HDF5 file");
  folder_.put("t.h5", "a,b\n1,2\n");
  EXPECT_EQ(error(path_), "is not an HDF5 file");
  fs::remove(path_);
  fs::create_directory(path_);
  EXPECT_EQ(error<IoError>(path_), "is a directory, expected a file");
}

TEST_F(Hdf5, CutFiles) {
  put(whole_numbers(1'000, 5), {.chunk = {100, 5}, .gzip = 1});
  const std::string good = folder_.bytes("t.h5");
  for (const double share : {0.999, 0.9, 0.5, 0.1}) {
    folder_.put("t.h5", good.substr(0, static_cast<std::size_t>(share * static_cast<double>(good.size()))));
    EXPECT_TRUE(error(path_).starts_with("is an HDF5 file that cannot be opened: truncated file")) << error(path_);
  }
  folder_.put("t.h5", good.substr(0, 8));  // the signature alone
  EXPECT_TRUE(error(path_).starts_with("is an HDF5 file that cannot be opened: ")) << error(path_);
}

TEST_F(Hdf5, FileCutWhileReading) {
  const Matrix cells = whole_numbers(300'000, 5);
  for (const Layout& layout : {Layout{}, Layout{.chunk = {1'000, 5}, .gzip = 1}}) {
    put(cells, layout);
    const auto table = open_table(path_);
    Matrix block;
    table->read(0, 10, block);
    fs::resize_file(path_, fs::file_size(path_) / 2);
    EXPECT_EQ(message_of<IoError>([&] { table->read(290'000, 1'000, block); }),
              path_ + ": was cut while it was being read");
  }
}

TEST_F(Hdf5, CellsThatAreNoNumbers) {
  {
    Writing file(path_);
    const Hdf5Handle text(H5Tcopy(H5T_C_S1), H5Tclose);
    (void)file.dataset("/text", {4, 2}, nullptr, {.type = text.get()});
    const Hdf5Handle records(H5Tcreate(H5T_COMPOUND, 8), H5Tclose);
    H5Tinsert(records.get(), "a", 0, H5T_IEEE_F64LE);
    (void)file.dataset("/records", {4, 2}, nullptr, {.type = records.get()});
    const Hdf5Handle boolean(H5Tenum_create(H5T_STD_I8LE), H5Tclose);
    const signed char no = 0;
    H5Tenum_insert(boolean.get(), "FALSE", &no);
    (void)file.dataset("/boolean", {4, 2}, nullptr, {.type = boolean.get()});
    (void)file.dataset("/reference", {4, 2}, nullptr, {.type = H5T_STD_REF_OBJ});
  }
  EXPECT_EQ(error(path_ + ":/text"), "holds text, expected integers or floating-point numbers");
  EXPECT_EQ(error(path_ + ":/records"), "holds records of several fields, expected integers or floating-point numbers");
  EXPECT_EQ(error(path_ + ":/boolean"),
            "holds values of an enumeration (booleans, say), expected integers or floating-point numbers");
  EXPECT_EQ(error(path_ + ":/reference"), "holds what are no numbers, expected integers or floating-point numbers");
  EXPECT_TRUE(error(path_).starts_with("has no dataset of numbers in two dimensions; it holds '/boolean' (4, 2), "));
}

TEST_F(Hdf5, InfiniteCells) {
  Matrix cells = whole_numbers(6, 3);
  cells(4, 1) = -std::numeric_limits<double>::infinity();
  const auto table = open_table(put(cells));
  Matrix block;
  table->read(0, 4, block);
  EXPECT_EQ(message_of<DataError>([&] { table->read(3, 2, block); }),
            path_ + ": row 5, column 'x2': infinite, expected a finite or missing number");
}

// A few bytes can claim any number of cells; what was never written would read as zeros.
TEST_F(Hdf5, ClaimsWithoutCells) {
  const Matrix cells = whole_numbers(6, 3);
  {
    Writing file(path_);
    (void)file.dataset("/unwritten", {1'000'000'000, 50}, nullptr);
    (void)file.dataset("/chunks", {1'000'000'000, 50}, nullptr, {.chunk = {1000, 50}});
    (void)file.dataset("/beyond", {hsize_t{1} << 62, 50}, nullptr, {.chunk = {1000, 50}});
    (void)file.dataset("/none", {0, 50}, nullptr, {.chunk = {1000, 50}, .unlimited = true});
    (void)file.dataset("/wide", {2, 2'000'000}, nullptr, {.chunk = {2, 1000}});
    const Hdf5Handle grown = file.dataset("/grown", cells, {.chunk = {3, 3}, .unlimited = true});
    const std::array<hsize_t, 2> more = {60, 3};
    H5Dset_extent(grown.get(), more.data());
    (void)file.dataset("/large", {1'000'000, 300}, nullptr, {.chunk = {1'000'000, 200}, .gzip = 1});
    const Hdf5Handle nothing(H5Screate(H5S_NULL), H5Sclose);
    const Hdf5Handle null(
        H5Dcreate2(file.id(), "/null", H5T_IEEE_F64LE, nothing.get(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Dclose);
  }
  EXPECT_EQ(error(path_ + ":/unwritten"), "has the shape (1000000000, 50) and no cells");
  EXPECT_EQ(error(path_ + ":/chunks"), "is incomplete: 0 of its 1000000 chunks were written (shape (1000000000, 50))");
  EXPECT_EQ(error(path_ + ":/beyond"), "claims the shape (4611686018427387904, 50), more than 64 bits can count");
  EXPECT_EQ(error(path_ + ":/none"), "has no rows, its shape is (0, 50)");
  EXPECT_EQ(error(path_ + ":/wide"), "has 2000000 columns, expected at most 1000000");
  EXPECT_EQ(error(path_ + ":/grown"), "is incomplete: 2 of its 20 chunks were written (shape (60, 3))");
  EXPECT_EQ(error(path_ + ":/large"),
            "is compressed in chunks of 1000000 rows and 200 columns, more than 1 GiB each: rewrite it with smaller "
            "ones (h5repack -l CHUNK=1024x300)");
  EXPECT_EQ(error(path_ + ":/null"), "holds an array of 0 dimensions, shape (), expected 2 (rows and columns)");
}

// Cells in other files are not this file's to give: a missing one would read as zeros, and any file can be named.
TEST_F(Hdf5, CellsOfOtherFiles) {
  const Matrix cells = whole_numbers(4, 2);
  const std::string other = folder_.path("other.h5");
  {
    Writing file(other);
    (void)file.dataset("/t", cells);
  }
  {
    Writing file(path_);
    EXPECT_GE(H5Lcreate_external(other.c_str(), "/t", file.id(), "/link", H5P_DEFAULT, H5P_DEFAULT), 0);
    const std::array<hsize_t, 2> shape = {4, 2};
    const Hdf5Handle space(H5Screate_simple(2, shape.data(), nullptr), H5Sclose);
    const Hdf5Handle raw(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    H5Pset_external(raw.get(), "/etc/passwd", 0, 64);
    const Hdf5Handle external(
        H5Dcreate2(file.id(), "/raw", H5T_IEEE_F64LE, space.get(), H5P_DEFAULT, raw.get(), H5P_DEFAULT), H5Dclose);
    const Hdf5Handle view(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    H5Pset_virtual(view.get(), space.get(), "none.h5", "/t", space.get());
    const Hdf5Handle seen(
        H5Dcreate2(file.id(), "/virtual", H5T_IEEE_F64LE, space.get(), H5P_DEFAULT, view.get(), H5P_DEFAULT), H5Dclose);
  }
  EXPECT_EQ(error(path_ + ":/link"), "is a link to another file, '" + other.substr(0, 40) +
                                         (other.size() > 40 ? "…" : "") + "': give that one's name");
  for (const std::string name : {":/raw", ":/virtual"})
    EXPECT_EQ(error(path_ + name),
              "keeps its cells in other files, expected them in this one: copy the dataset (h5repack)");
}

namespace {

// A filter that only this test knows, for as long as it lives.
struct SecretFilter {
  static constexpr H5Z_filter_t id = 300;
  SecretFilter() {
    static const H5Z_class2_t filter = {
        H5Z_CLASS_T_VERS,
        id,
        1,
        1,
        "secret",
        nullptr,
        nullptr,
        [](unsigned, std::size_t, const unsigned*, std::size_t bytes, std::size_t*, void**) { return bytes; }};
    H5Zregister(&filter);
  }
  ~SecretFilter() { H5Zunregister(id); }
};

}  // namespace

TEST_F(Hdf5, FiltersThatTheLibraryLacks) {
  {
    const SecretFilter secret;
    Writing file(path_);
    const std::array<hsize_t, 2> shape = {4, 2};
    const Hdf5Handle space(H5Screate_simple(2, shape.data(), nullptr), H5Sclose);
    const Hdf5Handle created(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    H5Pset_chunk(created.get(), 2, shape.data());
    H5Pset_filter(created.get(), SecretFilter::id, H5Z_FLAG_MANDATORY, 0, nullptr);
    const Hdf5Handle dataset(
        H5Dcreate2(file.id(), "/t", H5T_IEEE_F64LE, space.get(), H5P_DEFAULT, created.get(), H5P_DEFAULT), H5Dclose);
    const Matrix cells = whole_numbers(4, 2);
    EXPECT_GE(H5Dwrite(dataset.get(), H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, cells.data()), 0);
  }
  EXPECT_EQ(error(path_),
            "is compressed by the filter 300 'secret', which this HDF5 library cannot decode: rewrite it with gzip "
            "(h5repack)");
}

// A chunk that does not decode is told by the read that needs it, with its rows.
TEST_F(Hdf5, ChunksThatDoNotDecode) {
  const Matrix cells = whole_numbers(3'000, 3);
  put(cells, {.chunk = {1'000, 3}, .gzip = 9});
  std::string bytes = folder_.bytes("t.h5");
  const std::size_t at = bytes.rfind("\x78\xda");  // where the last of zlib's streams begins
  ASSERT_NE(at, std::string::npos);
  for (std::size_t i = at + 10; i < at + 40; ++i) bytes[i] = static_cast<char>(~bytes[i]);
  folder_.put("t.h5", bytes);
  TableOptions options;
  options.memory_limit = 1'000 * 3 * 8;
  const auto table = open_table(path_, options);
  Matrix block;
  int failed = 0;
  for (Index first = 0; first < 3'000; first += 1'000) {
    try {
      table->read(first, 1'000, block);
      EXPECT_TRUE(same(block, cells.middleRows(first, 1'000)));
    } catch (const IoError& error) {
      const std::string expected = fmt::format("{}: rows {} to {} cannot be read: ", path_, first + 1, first + 1'000);
      EXPECT_TRUE(std::string(error.what()).starts_with(expected)) << error.what();
      ++failed;
    }
  }
  EXPECT_EQ(failed, 1);
}

// ---- writing ----

TEST_F(Hdf5, WhatIsWrittenIsReadBack) {
  for (const Index n : {1, 20, 43'690, 43'691, 100'000}) {  // a chunk holds 43 690 rows of three cells
    Matrix cells = whole_numbers(n, 3) / 7;
    cells(n / 2, 1) = NA;
    const auto writer = create_table(path_ + ":/sets//./out", {"x1", "b é", "y"});
    for (Index first = 0; first < n; first += 999)
      writer->write(cells.middleRows(first, std::min<Index>(999, n - first)));
    writer->close();
    writer->close();
    EXPECT_EQ(message_of([&] { writer->write(cells); }), path_ + ":/sets//./out: is closed, no rows can follow");
    const auto table = open_table(path_);
    EXPECT_EQ(names_of(*table), (Texts{"x1", "b é", "y"}));
    EXPECT_TRUE(same(all_cells(*table), cells)) << n;
    // Nothing of the room taken beforehand is left, but the rest of the last chunk.
    EXPECT_LT(fs::file_size(path_), static_cast<std::size_t>(24 * n + (n > 43'690 ? 1 << 20 : 0) + 10'000));
    const Hdf5Handle file(H5Fopen(path_.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose);
    const Hdf5Handle dataset(H5Dopen2(file.get(), "/sets/out", H5P_DEFAULT), H5Dclose);
    Matrix found(n, 3);
    ASSERT_GE(H5Dread(dataset.get(), H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, found.data()), 0);
    EXPECT_TRUE(same(found, cells));
    // No time is kept, which would be the only difference between the files of two runs.
    for (const std::string object : {"/", "/sets", "/sets/out"}) {
      const Hdf5Handle opened(H5Oopen(file.get(), object.c_str(), H5P_DEFAULT), H5Oclose);
      H5O_info_t about = {};
      ASSERT_GE(H5Oget_info(opened.get(), &about), 0);
      EXPECT_EQ(about.mtime, 0) << object;
      EXPECT_EQ(about.ctime, 0) << object;
    }
  }
  EXPECT_EQ(folder_.names(), std::set<std::string>{"t.h5"});
}

// More names than fit into what an attribute could hold before HDF5 1.8.
TEST_F(Hdf5, ManyColumns) {
  Texts names;
  for (int i = 0; i < 20'000; ++i) names.push_back(fmt::format("column {}", i));
  const Matrix cells = whole_numbers(3, 20'000);
  const auto writer = create_table(path_, names);
  writer->write(cells);
  writer->close();
  const auto table = open_table(path_ + ":/table");
  EXPECT_EQ(names_of(*table), names);
  EXPECT_TRUE(same(all_cells(*table), cells));
}

TEST_F(Hdf5, WritingIsRefused) {
  folder_.put("t.h5", "old");
  EXPECT_EQ(message_of([&] { (void)create_table(path_ + ":/", {"a"}); }),
            path_ + ":/: names no dataset, expected one as in " + path_ + ":/table");
  EXPECT_EQ(message_of([&] { (void)create_table(path_, {"a", "a"}); }), path_ + ": columns 1 and 2 are both named 'a'");
  const auto writer = create_table(path_, {"a", "b"});
  EXPECT_EQ(message_of([&] { writer->write(Matrix::Ones(1, 3)); }), path_ + ": rows of 3 cells given, expected 2");
  EXPECT_EQ(message_of([&] { writer->write({"a"}, Matrix::Ones(1, 1)); }),
            path_ + ": text cannot be written, an HDF5 table holds only numbers: use a CSV file");
  Matrix cells = Matrix::Ones(3, 2);
  cells(2, 1) = std::numeric_limits<double>::infinity();
  EXPECT_EQ(message_of<DataError>([&] { writer->write(cells); }),
            path_ + ": row 3, column 'b': infinite, expected a finite or missing number");
  EXPECT_EQ(
      message_of<IoError>([&] { (void)create_table(folder_.path("none/t.h5"), {"a"}); }),
      folder_.path("none/t.h5") + ": cannot be written: the folder '" + folder_.path("none") + "' does not exist");
  EXPECT_EQ(folder_.bytes("t.h5"), "old");
  if (!fs::is_character_file("/dev/full")) return;
  fs::create_symlink("/dev/full", folder_.path("full.h5"));
  EXPECT_EQ(message_of<IoError>([&] { (void)create_table(folder_.path("full.h5"), {"a"}); }),
            folder_.path("full.h5") + ": cannot be written: an HDF5 file needs a regular file, not a device");
}

TEST_F(Hdf5, WithoutCloseNothingChanges) {
  folder_.put("t.h5", "old");
  {
    const auto writer = create_table(path_, {"a", "b"});
    writer->write(Matrix::Ones(200'000, 2));
  }
  EXPECT_EQ(folder_.bytes("t.h5"), "old");
  EXPECT_EQ(folder_.names(), std::set<std::string>{"t.h5"});
}

TEST_F(Hdf5, FullDiskKeepsTheOldFile) {
  folder_.put("t.h5", "old");
  ::testing::internal::CaptureStderr();
  auto* handler = std::signal(SIGXFSZ, SIG_IGN);
  struct rlimit before = {};
  ::getrlimit(RLIMIT_FSIZE, &before);
  Texts messages;
  for (const rlim_t bytes : {0, 1'000, 100'000, 2'000'000, 3'000'000, 4'000'000}) {
    const struct rlimit limit = {bytes, before.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    messages.push_back(message_of<IoError>([&] {
      const auto writer = create_table(path_, {"a", "b"});
      writer->write(Matrix::Constant(300'000, 2, 1.0 / 3));
      writer->close();
    }));
    ::setrlimit(RLIMIT_FSIZE, &before);
  }
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  for (const std::string& message : messages) EXPECT_EQ(message, path_ + ": cannot be written: File too large");
  EXPECT_EQ(folder_.bytes("t.h5"), "old");
  EXPECT_EQ(folder_.names(), std::set<std::string>{"t.h5"});
  // The library is none the worse for it.
  const auto writer = create_table(path_, {"a", "b"});
  writer->write(Matrix::Ones(3, 2));
  writer->close();
  EXPECT_EQ(open_table(path_)->rows(), 3);
}
