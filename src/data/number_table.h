// What tables whose files hold only numbers (NPY, HDF5) have in common: a matrix of known shape, of which some columns
// are kept, its missing cells NaN, its infinite ones an error.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sextant/table.h"

namespace sextant {

// Throws DataError unless the shape is that of a matrix with rows and columns, not too many of them.
void check_shape(const std::string& path, const std::vector<Index>& shape);
// "(3, 4)"
[[nodiscard]] std::string shape_text(const std::vector<Index>& shape);

// The columns that are not skipped, and their positions in the file, ascending.
struct KeptColumns {
  std::vector<Column> columns;
  std::vector<Index> positions;
};

// Asks options.choose. Throws DataError when a column is to be text; `format` ("an NPY file") is what messages say.
[[nodiscard]] KeptColumns choose_number_columns(const std::string& path, const std::vector<std::string>& names,
                                                const TableOptions& options, std::string_view format);

class NumberTable : public Table {
 public:
  void read(Index first, Index count, Matrix& cells) const final;
  [[nodiscard]] std::vector<MissingCells> missing() const final;
  [[nodiscard]] std::string where(Index row) const final;

 protected:
  // `shape` is that of the file, whose columns `kept` are the table's.
  NumberTable(std::string path, const std::vector<Index>& shape, KeptColumns kept, Context context);

  // Fills `cells`, of count×columns().size(), with rows first … first + count − 1.
  virtual void read_cells(Index first, Index count, Matrix& cells) const = 0;

  [[nodiscard]] Index width() const { return width_; }  // columns of the file
  [[nodiscard]] const std::vector<Index>& positions() const { return positions_; }

 private:
  void refuse_infinite(Index first, const Matrix& cells) const;

  Index width_;
  std::vector<Index> positions_;
  Context context_;
  mutable std::vector<MissingCells> missing_;  // empty until it is asked for
};

}  // namespace sextant
