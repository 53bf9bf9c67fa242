#include "data/npy_writer.h"

#include <fmt/core.h>

#include <bit>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "data/column_names.h"
#include "data/excerpt.h"
#include "data/names_file.h"
#include "data/output_file.h"
#include "sextant/error.h"

namespace sextant {
namespace {

static_assert(std::endian::native == std::endian::little, "cells are written as they lie in memory");

// 128 bytes hold any shape (two times 19 digits) and are what NumPy pads to as well.
std::string npy_header(Index rows, Index columns) {
  constexpr std::size_t size = 128;
  std::string header = "\x93NUMPY";
  header += {'\x01', '\0', static_cast<char>(size - 10), '\0'};
  header += fmt::format("{{'descr': '<f8', 'fortran_order': False, 'shape': ({}, {}), }}", rows, columns);
  header.resize(size - 1, ' ');
  return header + '\n';
}

class NpyWriter final : public TableWriter {
 public:
  NpyWriter(const std::string& path, const std::vector<std::string>& columns) : columns_(columns), file_(path) {
    if (!file_.replaces())
      throw IoError(fmt::format("{}: cannot be written: an NPY file needs a regular file, not a device", path));
    // Names of another table that lie there already must not be taken for this one's.
    std::error_code error;
    const std::string names = names_path(path);
    if (columns_ != numbered_names(width()) || std::filesystem::exists(std::filesystem::symlink_status(names, error))) {
      names_file_.emplace(names);
      names_file_->write(nlohmann::json(columns_).dump() + "\n");
    }
    file_.write(npy_header(0, width()));  // to be filled in: the number of rows is known at the end
  }

  void write(const MatrixView& cells) override {
    if (closed_) throw InvalidArgument(fmt::format("{}: is closed, no rows can follow", file_.path()));
    if (cells.cols() != width())
      throw InvalidArgument(
          fmt::format("{}: rows of {} cells given, expected {}", file_.path(), cells.cols(), width()));
    for (Index i = 0; i < cells.rows(); ++i, ++rows_) {
      for (Index j = 0; j < cells.cols(); ++j)
        if (std::isinf(cells(i, j)))
          throw DataError(fmt::format("{}: row {}, column {}: infinite, expected a finite or missing number",
                                      file_.path(), rows_ + 1, excerpt(columns_[static_cast<std::size_t>(j)])));
      file_.write(cells.row(i).data(), static_cast<std::size_t>(width()) * sizeof(double));
    }
  }

  void write(const std::vector<std::string>&, const MatrixView&) override {
    throw InvalidArgument(
        fmt::format("{}: text cannot be written, an NPY file holds only numbers: use a CSV file", file_.path()));
  }

  void close() override {
    if (closed_) return;
    file_.rewrite(0, npy_header(rows_, width()));
    file_.prepare();
    if (names_file_) {
      names_file_->prepare();
      names_file_->commit();
    }
    file_.commit();
    closed_ = true;
  }

 private:
  [[nodiscard]] Index width() const { return static_cast<Index>(columns_.size()); }

  std::vector<std::string> columns_;
  OutputFile file_;
  std::optional<OutputFile> names_file_;
  Index rows_ = 0;
  bool closed_ = false;
};

}  // namespace

std::unique_ptr<TableWriter> create_npy(const std::string& path, const std::vector<std::string>& columns) {
  return std::make_unique<NpyWriter>(path, columns);
}

}  // namespace sextant
