#include "data/csv_writer.h"

#include <fmt/core.h>

#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <optional>
#include <string_view>
#include <system_error>

#include "data/csv_cell.h"
#include "data/csv_scanner.h"
#include "data/excerpt.h"
#include "data/output_file.h"
#include "sextant/error.h"

namespace sextant {

void append_field(std::string& line, std::string_view text, char delimiter, bool always_quote) {
  const bool quote = always_quote || text.find_first_of("\"\r\n") != std::string_view::npos ||
                     text.find(delimiter) != std::string_view::npos || text.starts_with("\xEF\xBB\xBF") ||
                     text.find_first_of(" \t") == 0 || text.find_last_of(" \t") == text.size() - 1;
  if (!quote) {
    line += text;
    return;
  }
  line += '"';
  for (const char c : text) {
    if (c == '"') line += '"';
    line += c;
  }
  line += '"';
}

namespace {

class CsvWriter final : public TableWriter {
 public:
  CsvWriter(const std::string& path, const std::vector<std::string>& columns, char delimiter)
      : path_(path == "-" ? "standard output" : path), columns_(columns), delimiter_(delimiter) {
    if (path != "-") file_.emplace(path);
    const bool always_quote = look_like_data(columns);  // else they would be refused as a missing header
    for (const std::string& name : columns) {
      append_field(line_, name, delimiter_, always_quote);
      line_ += &name == &columns.back() ? '\n' : delimiter_;
    }
    send_line();
  }

  void write(const MatrixView& cells) override { write_rows(nullptr, cells); }

  void write(const std::vector<std::string>& texts, const MatrixView& cells) override {
    if (static_cast<Index>(texts.size()) != cells.rows())
      throw InvalidArgument(fmt::format("{}: {} texts given for {} rows", path_, texts.size(), cells.rows()));
    write_rows(&texts, cells);
  }

  void close() override {
    if (closed_) return;
    if (file_) {
      file_->commit();
    } else if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
      fail_on_stdout();
    }
    closed_ = true;
  }

 private:
  // `texts`: of the first column, or null.
  void write_rows(const std::vector<std::string>* texts, const MatrixView& cells) {
    if (closed_) throw InvalidArgument(fmt::format("{}: is closed, no rows can follow", path_));
    const Index before = texts == nullptr ? 0 : 1;
    if (cells.cols() + before != static_cast<Index>(columns_.size()))
      throw InvalidArgument(
          fmt::format("{}: rows of {} cells given, expected {}", path_, cells.cols() + before, columns_.size()));
    for (Index i = 0; i < cells.rows(); ++i, ++rows_) {
      line_.clear();  // a row refused earlier may have left its beginning
      if (texts != nullptr) {
        append_field(line_, (*texts)[static_cast<std::size_t>(i)], delimiter_, false);
        line_ += cells.cols() == 0 ? '\n' : delimiter_;
      }
      for (Index j = 0; j < cells.cols(); ++j) {
        append_number(cells(i, j), j + before);
        line_ += j + 1 == cells.cols() ? '\n' : delimiter_;
      }
      // A line with nothing on it is no row: a single missing cell must be visible.
      if (line_.size() == 1) line_ = "\"\"\n";
      send_line();
    }
  }

  void append_number(double value, Index column) {
    if (std::isnan(value)) return;
    if (std::isinf(value))
      throw DataError(fmt::format("{}: row {}, column {}: infinite, expected a finite or missing number", path_,
                                  rows_ + 1, excerpt(columns_[static_cast<std::size_t>(column)])));
    char text[32];
    const auto [end, error] = std::to_chars(text, text + sizeof text, value);
    line_.append(text, end);
  }

  void send_line() {
    if (file_)
      file_->write(line_);
    else if (std::fwrite(line_.data(), 1, line_.size(), stdout) != line_.size())
      fail_on_stdout();
    line_.clear();
  }

  [[noreturn]] void fail_on_stdout() const {
    throw IoError(fmt::format("{}: cannot be written: {}", path_, std::generic_category().message(errno)));
  }

  std::string path_;
  std::vector<std::string> columns_;
  char delimiter_;
  std::optional<OutputFile> file_;  // none for standard output
  std::string line_;
  Index rows_ = 0;
  bool closed_ = false;
};

}  // namespace

std::unique_ptr<TableWriter> create_csv(const std::string& path, const std::vector<std::string>& columns,
                                        char delimiter) {
  check_delimiter(delimiter);
  return std::make_unique<CsvWriter>(path, columns, delimiter);
}

}  // namespace sextant
