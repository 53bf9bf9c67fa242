#include "data/npy_table.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string_view>
#include <type_traits>
#include <utility>

#include "data/column_names.h"
#include "data/excerpt.h"
#include "data/input_file.h"
#include "data/npy_header.h"
#include "sextant/error.h"

namespace sextant {
namespace {

constexpr Index piece_bytes = Index{1} << 20;  // read at a time where cells must be converted

// Numbers in one of the four accepted forms.
struct CellType {
  int bytes = 8;
  bool swapped = false;

  [[nodiscard]] bool native() const { return bytes == 8 && !swapped; }
  [[nodiscard]] double load(const char* from) const {
    return bytes == 8 ? load_as<double>(from) : load_as<float>(from);
  }

 private:
  template <class Float>
  [[nodiscard]] double load_as(const char* from) const {
    std::conditional_t<sizeof(Float) == 8, std::uint64_t, std::uint32_t> bits = 0;
    std::memcpy(&bits, from, sizeof bits);
    if (swapped) {
      if constexpr (sizeof bits == 8)
        bits = __builtin_bswap64(bits);
      else
        bits = __builtin_bswap32(bits);
    }
    return static_cast<double>(std::bit_cast<Float>(bits));
  }
};

CellType cell_type(const std::string& path, const std::string& name) {
  constexpr bool little = std::endian::native == std::endian::little;
  if (name == "<f8") return {8, !little};
  if (name == ">f8") return {8, little};
  if (name == "<f4") return {4, !little};
  if (name == ">f4") return {4, little};
  throw DataError(fmt::format(
      "{}: holds cells of type {}, expected float64 or float32 ('<f8' or '<f4'): convert it with array.astype(float)",
      path, excerpt(name)));
}

std::string shape_text(const std::vector<Index>& shape) {
  return fmt::format("({}{})", fmt::join(shape, ", "), shape.size() == 1 ? "," : "");
}

// The header's claims against the file: nothing is allocated by them before.
void check_shape(const InputFile& file, const NpyHeader& header, const CellType& type) {
  const std::string& path = file.path();
  const std::vector<Index>& shape = header.shape;
  if (shape.size() != 2)
    throw DataError(fmt::format("{}: holds an array of {} dimension{}, shape {}, expected 2 (rows and columns)", path,
                                shape.size(), shape.size() == 1 ? "" : "s", shape_text(shape)));
  if (shape[0] == 0 || shape[1] == 0)
    throw DataError(
        fmt::format("{}: has no {}, its shape is {}", path, shape[0] == 0 ? "rows" : "columns", shape_text(shape)));
  if (shape[1] > max_columns)
    throw DataError(fmt::format("{}: has {} columns, expected at most {}", path, shape[1], max_columns));
  Index bytes = 0;
  if (__builtin_mul_overflow(shape[0], shape[1], &bytes) || __builtin_mul_overflow(bytes, type.bytes, &bytes))
    throw DataError(fmt::format("{}: claims the shape {}, more than 64 bits can count", path, shape_text(shape)));
  const Index found = file.size() - header.data_offset;
  if (found < bytes)
    throw DataError(fmt::format("{}: is cut short: its shape {} needs {} bytes of cells and it has {}", path,
                                shape_text(shape), bytes, found));
  if (found > bytes)
    throw DataError(
        fmt::format("{}: has {} bytes after its last cell (shape {})", path, found - bytes, shape_text(shape)));
}

std::vector<std::string> read_names(const std::string& npy_path, Index columns) {
  const std::string path = names_path(npy_path);
  std::error_code error;
  if (!std::filesystem::exists(std::filesystem::symlink_status(path, error))) return numbered_names(columns);
  const InputFile file(path);
  constexpr std::int64_t longest = std::int64_t{256} << 20;
  if (file.size() > longest)
    throw DataError(fmt::format("{}: has {} bytes, expected at most {}", path, file.size(), longest));
  std::string text(static_cast<std::size_t>(file.size()), '\0');
  file.read(0, text.data(), text.size());

  const nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  const auto is_string = [](const nlohmann::json& entry) { return entry.is_string(); };
  if (!json.is_array() || !std::all_of(json.begin(), json.end(), is_string))
    throw DataError(fmt::format("{}: expected a JSON array of column names, such as [\"x1\", \"x2\"]", path));
  std::vector<std::string> names = json.get<std::vector<std::string>>();
  if (static_cast<Index>(names.size()) != columns)
    throw DataError(
        fmt::format("{}: lists {} names, expected {} (the columns of {})", path, names.size(), columns, npy_path));
  if (const std::string problem = problem_with_names(names); !problem.empty())
    throw DataError(fmt::format("{}: {}", path, problem));
  return names;
}

class NpyTable final : public Table {
 public:
  // `kept` lists the file's columns that are not skipped.
  NpyTable(InputFile file, const NpyHeader& header, const CellType& type, std::vector<Column> columns,
           std::vector<Index> kept, Context context)
      : Table(file.path(), std::move(columns), header.shape[0]),
        file_(std::move(file)),
        offset_(header.data_offset),
        width_(header.shape[1]),
        fortran_order_(header.fortran_order),
        type_(type),
        kept_(std::move(kept)),
        context_(std::move(context)) {}

  void read(Index first, Index count, Matrix& cells) const override {
    check_rows(*this, first, count);
    cells.resize(count, static_cast<Index>(kept_.size()));
    if (fortran_order_)
      read_strips(first, count, cells);
    else if (type_.native() && static_cast<Index>(kept_.size()) == width_)
      file_.read(offset_ + first * width_ * 8, cells.data(), static_cast<std::size_t>(count * width_) * 8);
    else
      read_rows(first, count, cells);
    refuse_infinite(first, cells);
  }

  [[nodiscard]] std::vector<MissingCells> missing() const override {
    std::vector<MissingCells> missing(kept_.size());
    const Index block = std::max<Index>(1, piece_bytes / (8 * std::max<Index>(1, width_)));
    Matrix cells;
    for (Index first = 0; first < rows_; first += block) {
      context_.report("read", static_cast<double>(first) / static_cast<double>(rows_));
      read(first, std::min(block, rows_ - first), cells);
      for (Index i = 0; i < cells.rows(); ++i)
        for (Index j = 0; j < cells.cols(); ++j)
          if (std::isnan(cells(i, j))) {
            MissingCells& column = missing[static_cast<std::size_t>(j)];
            if (column.count++ == 0) column.first_row = first + i;
          }
    }
    context_.report("read", 1.0);
    return missing;
  }

  [[nodiscard]] std::string where(Index row) const override { return fmt::format("row {}", row + 1); }

 private:
  // C order: whole rows, some at a time.
  void read_rows(Index first, Index count, Matrix& cells) const {
    const Index row_bytes = width_ * type_.bytes;
    const Index some = std::clamp<Index>(piece_bytes / row_bytes, 1, std::max<Index>(count, 1));
    std::vector<char> piece(static_cast<std::size_t>(some * row_bytes));
    for (Index done = 0; done < count; done += some) {
      const Index rows = std::min(some, count - done);
      file_.read(offset_ + (first + done) * row_bytes, piece.data(), static_cast<std::size_t>(rows * row_bytes));
      for (Index i = 0; i < rows; ++i)
        for (Index j = 0; j < cells.cols(); ++j)
          cells(done + i, j) =
              type_.load(piece.data() + i * row_bytes + kept_[static_cast<std::size_t>(j)] * type_.bytes);
    }
  }

  // Fortran order: the block's strip of each column, some cells at a time.
  void read_strips(Index first, Index count, Matrix& cells) const {
    const Index some = std::min<Index>(piece_bytes / type_.bytes, count);
    std::vector<char> piece(static_cast<std::size_t>(some * type_.bytes));
    for (Index j = 0; j < cells.cols(); ++j) {
      const Index start = kept_[static_cast<std::size_t>(j)] * rows_ + first;
      for (Index done = 0; done < count; done += some) {
        const Index part = std::min(some, count - done);
        file_.read(offset_ + (start + done) * type_.bytes, piece.data(), static_cast<std::size_t>(part * type_.bytes));
        for (Index i = 0; i < part; ++i) cells(done + i, j) = type_.load(piece.data() + i * type_.bytes);
      }
    }
  }

  void refuse_infinite(Index first, const Matrix& cells) const {
    const auto infinite = [](double value) { return std::isinf(value); };
    const double* end = cells.data() + cells.size();
    const double* found = std::find_if(cells.data(), end, infinite);
    if (found == end) return;
    const Index at = found - cells.data();
    throw DataError(fmt::format("{}: {}, column {}: infinite, expected a finite or missing number", path_,
                                where(first + at / cells.cols()),
                                excerpt(columns_[static_cast<std::size_t>(at % cells.cols())].name)));
  }

  InputFile file_;
  std::int64_t offset_;
  Index width_;
  bool fortran_order_;
  CellType type_;
  std::vector<Index> kept_;
  Context context_;
};

}  // namespace

std::string names_path(const std::string& npy_path) { return npy_path.substr(0, npy_path.size() - 4) + ".names.json"; }

std::unique_ptr<Table> open_npy(const std::string& path, const TableOptions& options) {
  options.context.check();
  InputFile file(path);
  const NpyHeader header = read_npy_header(file);
  const CellType type = cell_type(path, header.type);
  check_shape(file, header, type);
  const std::vector<std::string> names = read_names(path, header.shape[1]);

  const std::vector<ColumnUse> uses = choose_columns(options, names);
  std::vector<Column> columns;
  std::vector<Index> kept;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (uses[i] == ColumnUse::skip) continue;
    if (uses[i] == ColumnUse::text)
      throw DataError(fmt::format("{}: column {} is to be text, and an NPY file holds only numbers: use a CSV file",
                                  path, excerpt(names[i])));
    columns.push_back({names[i], ColumnKind::number, {}});
    kept.push_back(static_cast<Index>(i));
  }
  return std::make_unique<NpyTable>(std::move(file), header, type, std::move(columns), std::move(kept),
                                    options.context);
}

}  // namespace sextant
