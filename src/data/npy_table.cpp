#include "data/npy_table.h"

#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <type_traits>
#include <utility>

#include "data/excerpt.h"
#include "data/input_file.h"
#include "data/names_file.h"
#include "data/npy_header.h"
#include "data/number_table.h"
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

// The header's claims against the file: nothing is allocated by them before.
void check_size(const InputFile& file, const NpyHeader& header, const CellType& type) {
  const std::string& path = file.path();
  const std::vector<Index>& shape = header.shape;
  check_shape(path, shape);
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

class NpyTable final : public NumberTable {
 public:
  NpyTable(InputFile file, const NpyHeader& header, const CellType& type, KeptColumns kept, Context context)
      : NumberTable(file.path(), header.shape, std::move(kept), std::move(context)),
        file_(std::move(file)),
        offset_(header.data_offset),
        fortran_order_(header.fortran_order),
        type_(type) {
    if (!fortran_order_) file_.expect_in_order();
  }

 private:
  void read_cells(Index first, Index count, Matrix& cells) const override {
    if (fortran_order_)
      read_strips(first, count, cells);
    else if (type_.native() && cells.cols() == width())
      file_.read(offset_ + first * width() * 8, cells.data(), static_cast<std::size_t>(count * width()) * 8);
    else
      read_rows(first, count, cells);
  }

  // C order: whole rows, some at a time.
  void read_rows(Index first, Index count, Matrix& cells) const {
    const Index row_bytes = width() * type_.bytes;
    const Index some = std::clamp<Index>(piece_bytes / row_bytes, 1, std::max<Index>(count, 1));
    std::vector<char> piece(static_cast<std::size_t>(some * row_bytes));
    for (Index done = 0; done < count; done += some) {
      const Index rows = std::min(some, count - done);
      file_.read(offset_ + (first + done) * row_bytes, piece.data(), static_cast<std::size_t>(rows * row_bytes));
      for (Index i = 0; i < rows; ++i)
        for (Index j = 0; j < cells.cols(); ++j)
          cells(done + i, j) =
              type_.load(piece.data() + i * row_bytes + positions()[static_cast<std::size_t>(j)] * type_.bytes);
    }
  }

  // Fortran order: the block's strip of each column, some cells at a time.
  void read_strips(Index first, Index count, Matrix& cells) const {
    const Index some = std::min<Index>(piece_bytes / type_.bytes, count);
    std::vector<char> piece(static_cast<std::size_t>(some * type_.bytes));
    for (Index j = 0; j < cells.cols(); ++j) {
      const Index start = positions()[static_cast<std::size_t>(j)] * rows_ + first;
      for (Index done = 0; done < count; done += some) {
        const Index part = std::min(some, count - done);
        file_.read(offset_ + (start + done) * type_.bytes, piece.data(), static_cast<std::size_t>(part * type_.bytes));
        for (Index i = 0; i < part; ++i) cells(done + i, j) = type_.load(piece.data() + i * type_.bytes);
      }
    }
  }

  InputFile file_;
  std::int64_t offset_;
  bool fortran_order_;
  CellType type_;
};

}  // namespace

std::unique_ptr<Table> open_npy(const std::string& path, const TableOptions& options) {
  options.context.check();
  InputFile file(path);
  const NpyHeader header = read_npy_header(file);
  const CellType type = cell_type(path, header.type);
  check_size(file, header, type);
  const std::vector<std::string> names = read_names(path, header.shape[1]);

  KeptColumns kept = choose_number_columns(path, names, options, "an NPY file");
  return std::make_unique<NpyTable>(std::move(file), header, type, std::move(kept), options.context);
}

}  // namespace sextant
