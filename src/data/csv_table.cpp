#include "data/csv_table.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "data/byte_stream.h"
#include "data/cell_store.h"
#include "data/column_names.h"
#include "data/csv_cell.h"
#include "data/csv_scanner.h"
#include "data/excerpt.h"
#include "sextant/error.h"

namespace sextant {
namespace {

constexpr double missing_cell = std::numeric_limits<double>::quiet_NaN();

std::string at_cell(const std::string& path, Index line, const std::string& column) {
  return fmt::format("{}: line {}, column {}", path, line, excerpt(column));
}

// The distinct texts of a column. Cells are stored as codes in the order of appearance, because the order of the levels
// is known only at the end; `ranks` translates.
class Levels {
 public:
  double code(std::string_view text, Index line, const std::string& path, const std::string& column, Index most) {
    if (const double known = find(text); known >= 0) return known;
    if (!is_utf8(text))
      throw DataError(fmt::format("{}: {} is not UTF-8 text", at_cell(path, line, column), excerpt(text)));
    if (static_cast<Index>(codes_.size()) >= most)
      throw DataError(fmt::format(
          "{}: column {} holds more than {} different texts (the first beyond is {} on line "
          "{}), too many for a category{}",
          path, excerpt(column), most, excerpt(text), line,
          looks_like_number(text) ? "; they look like numbers: write a point for the decimal mark and nothing "
                                    "between thousands"
                                  : ""));
    return add(text);
  }

  // The code of a text that has one, else −1.
  [[nodiscard]] double find(std::string_view text) const {
    const auto known = codes_.find(text);
    return known == codes_.end() ? -1 : known->second;
  }
  // Gives a text that has none its code, or −1 where `code` would throw.
  double try_add(std::string_view text, Index most) {
    return static_cast<Index>(codes_.size()) < most && is_utf8(text) ? add(text) : -1;
  }

  [[nodiscard]] Index count() const { return static_cast<Index>(codes_.size()); }
  void clear() { codes_.clear(); }

  // In byte order; without the markers of missing cells unless they are texts like the others.
  [[nodiscard]] std::vector<std::string> sorted(bool markers_are_texts) const {
    std::vector<std::string> levels;
    levels.reserve(codes_.size());
    for (const auto& [text, code] : codes_)
      if (markers_are_texts || !is_marker(text)) levels.push_back(text);
    std::sort(levels.begin(), levels.end());
    return levels;
  }

  // Whether all texts but markers of missing cells are numbers.
  [[nodiscard]] bool are_numbers() const {
    return std::all_of(codes_.begin(), codes_.end(), [](const auto& entry) {
      return parse_cell(entry.first).kind == CellKind::number || is_marker(entry.first);
    });
  }

  // Entry c is the index in `sorted` of the text with code c; a missing cell for a text that is not there.
  [[nodiscard]] std::vector<double> ranks(const std::vector<std::string>& sorted) const {
    std::vector<double> ranks(codes_.size(), missing_cell);
    for (std::size_t rank = 0; rank < sorted.size(); ++rank)
      ranks[static_cast<std::size_t>(codes_.at(sorted[rank]))] = static_cast<double>(rank);
    return ranks;
  }

 private:
  double add(std::string_view text) {
    const double fresh = static_cast<double>(codes_.size());
    codes_.emplace(text, fresh);
    return fresh;
  }

  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  std::unordered_map<std::string, double, Hash, std::equal_to<>> codes_;
};

// Cells of one kind: the first of them and how many there are.
struct Occurrences {
  Index count = 0;
  Index line = 0;
  Index row = -1;
  std::string text;

  void add(std::string_view cell, Index at_line, Index at_row) {
    if (count++ > 0) return;
    line = at_line;
    row = at_row;
    text = cell.substr(0, 200);  // more than a message shows
  }
};

void add(MissingCells& cells, Index row) {
  if (cells.count++ == 0) cells.first_row = row;
}

// A column of the file, as far as it is known.
struct FileColumn {
  std::string name;
  ColumnUse use = ColumnUse::detect;
  Index place = -1;  // in the table; −1 when skipped
  MissingCells missing;
  MissingCells markers;  // NA and the like, which are missing unless the column holds other texts
  Occurrences not_numbers;
  Occurrences not_finite;
  Levels levels;
  // Of a column to be detected: its cells so far are texts, few enough, and coded as they come. What stays so to the
  // end is text and need not be parsed a second time.
  bool only_text = true;
  bool too_many_levels = false;  // ColumnUse::input: more texts than a category may have
};

bool is_text_from_the_start(const FileColumn& column) {
  return column.use == ColumnUse::text || column.use == ColumnUse::class_text || column.use == ColumnUse::label;
}

bool is_detected(const FileColumn& column) {
  return column.use == ColumnUse::detect || column.use == ColumnUse::input || column.use == ColumnUse::classes;
}

// How many different texts a column may have.
Index most_levels(const FileColumn& column, const TableOptions& options) {
  if (column.use == ColumnUse::label) return std::numeric_limits<Index>::max();
  if (column.use == ColumnUse::input) return options.most_texts;
  const bool classes = column.use == ColumnUse::classes || column.use == ColumnUse::class_text;
  return classes ? options.max_classes : options.max_levels;
}

// Whether the first pass has coded all cells of a text column, or they need no codes.
bool is_coded(const FileColumn& column) {
  return is_text_from_the_start(column) || column.too_many_levels || (column.only_text && column.markers.count == 0);
}

// What a user lists as texts of missing cells.
class MissingValues {
 public:
  explicit MissingValues(const std::vector<std::string>& texts) {
    for (const std::string& text : texts) texts_.insert(std::string(without_blanks(text)));
  }
  [[nodiscard]] bool hold(std::string_view cell) const {
    return !texts_.empty() && texts_.count(std::string(without_blanks(cell))) > 0;
  }

 private:
  std::unordered_set<std::string> texts_;
};

// The first pass: names, numbers, and the levels of columns that hold nothing but text.
class CellPass final : public CsvHandler {
 public:
  CellPass(const InputFile& file, const TableOptions& options)
      : file_(file), path_(file.path()), options_(options), missing_values_(options.missing_values) {}

  void field(std::string_view text, Index line) override {
    if (!header_read_) {
      header_field(text, line);
      return;
    }
    const auto at = static_cast<std::size_t>(fields_++);
    if (at >= columns_.size()) return;  // told at the row's end, with their number
    FileColumn& column = columns_[at];
    if (column.use == ColumnUse::skip) return;
    double& value = cells_[static_cast<std::size_t>(column.place)];
    if (missing_values_.hold(text)) {
      value = missing(column.missing);
      return;
    }
    if (is_text_from_the_start(column)) {
      value = text_cell(column, text, line);
      return;
    }
    if (is_detected(column) && column.only_text) {
      if (const double known = column.levels.find(text); known >= 0) {
        ++column.not_numbers.count;
        value = known;
        return;
      }
    }
    const Cell cell = parse_cell(text);
    if (cell.kind == CellKind::number) column.only_text = false;
    value = cell.kind == CellKind::number ? cell.value : other_cell(column, cell.kind, text, line);
  }

  bool row(Index line) override {
    if (!header_read_) {
      finish_header(line);
      return true;
    }
    if (fields_ != static_cast<Index>(columns_.size()))
      throw DataError(fmt::format("{}: line {} has {} field{}, expected {}", path_, line, fields_,
                                  fields_ == 1 ? "" : "s", columns_.size()));
    // Almost always the header is line 1 and row r is line r + 2: then nothing needs to be remembered about lines.
    regular_lines_ = regular_lines_ && line == rows() + 2;
    store_->append(cells_.data());
    fields_ = 0;
    return true;
  }

  void finish() {
    if (!header_read_) throw DataError(fmt::format("{}: is empty, expected a header row", path_));
    if (rows() == 0) throw DataError(fmt::format("{}: has a header but no rows", path_));
    store_->finish();
  }

  // Throws for the first cell that a number column cannot hold.
  void check_number_column(const FileColumn& column) const {
    const Occurrences& bad = column.not_numbers;
    const Occurrences& large = column.not_finite;
    const char* advice = looks_like_number(bad.text)
                             ? "; write a point for the decimal mark and nothing between thousands"
                             : "; if it stands for a missing cell, list it in --missing-values";
    if (bad.count > 0 && column.use == ColumnUse::number)
      throw DataError(
          fmt::format("{}: {} is not a number{}", at_cell(path_, bad.line, column.name), excerpt(bad.text), advice));
    if (bad.count > 0)
      throw DataError(fmt::format("{}: {} is not a number ({} of the column's {} cells {} not){}",
                                  at_cell(path_, bad.line, column.name), excerpt(bad.text), bad.count,
                                  rows() - column.missing.count - column.markers.count, bad.count == 1 ? "is" : "are",
                                  advice));
    if (large.count > 0)
      throw DataError(fmt::format("{}: {} is {}, expected a finite number", at_cell(path_, large.line, column.name),
                                  excerpt(large.text),
                                  parse_cell(large.text).kind == CellKind::infinite ? "infinite" : "too large"));
  }

  [[nodiscard]] Index rows() const { return store_->rows(); }
  [[nodiscard]] bool regular_lines() const { return regular_lines_; }
  [[nodiscard]] std::vector<FileColumn>& columns() { return columns_; }
  [[nodiscard]] std::unique_ptr<CellStore> take_store() { return std::move(store_); }

 private:
  void header_field(std::string_view text, Index line) {
    if (static_cast<Index>(columns_.size()) == max_columns)
      throw DataError(fmt::format("{}: line {} names more than {} columns", path_, line, max_columns));
    columns_.emplace_back().name = text;
  }

  void finish_header(Index line) {
    header_read_ = true;
    std::vector<std::string> names;
    names.reserve(columns_.size());
    for (const FileColumn& column : columns_) names.push_back(column.name);
    if (look_like_data(names) && !begins_with_quote())
      throw DataError(fmt::format(
          "{}: line {} holds only numbers, expected a header row of column names (quote names that are numbers)", path_,
          line));
    if (const std::string problem = problem_with_names(names); !problem.empty())
      throw DataError(fmt::format("{}: line {}: {}", path_, line, problem));

    const std::vector<ColumnUse> uses = choose_columns(options_, names);
    Index kept = 0;
    for (std::size_t i = 0; i < uses.size(); ++i) {
      columns_[i].use = uses[i];
      if (uses[i] != ColumnUse::skip) columns_[i].place = kept++;
    }
    cells_.resize(static_cast<std::size_t>(kept));
    store_ = std::make_unique<CellStore>(path_, kept, options_.memory_limit, options_.cache_directory);
  }

  [[nodiscard]] bool begins_with_quote() const {
    ByteStream stream(file_);
    const std::string_view chunk = stream.next();
    const std::size_t first = chunk.find_first_not_of("\xEF\xBB\xBF \t\r\n");
    return first != std::string_view::npos && chunk[first] == '"';
  }

  double text_cell(FileColumn& column, std::string_view text, Index line) {
    if (is_missing(text)) return missing(column.missing);
    if (column.use == ColumnUse::label && is_marker(text)) add(column.markers, rows());
    return column.levels.code(text, line, path_, column.name, most_levels(column, options_));
  }

  double other_cell(FileColumn& column, CellKind kind, std::string_view text, Index line) {
    if (kind == CellKind::missing) return missing(column.missing);
    if (kind == CellKind::marker) return missing(column.markers);
    (kind == CellKind::other ? column.not_numbers : column.not_finite).add(text, line, rows());
    if (column.use == ColumnUse::number) check_number_column(column);
    if (column.only_text) {
      const double fresh = kind == CellKind::other ? column.levels.try_add(text, most_levels(column, options_)) : -1;
      if (fresh >= 0) return fresh;
      column.only_text = false;
      column.too_many_levels = column.use == ColumnUse::input && column.levels.count() >= most_levels(column, options_);
    }
    return missing_cell;
  }

  [[nodiscard]] double missing(MissingCells& cells) const {
    add(cells, rows());
    return missing_cell;
  }

  const InputFile& file_;
  const std::string& path_;
  const TableOptions& options_;
  MissingValues missing_values_;
  bool header_read_ = false;
  bool regular_lines_ = true;
  Index fields_ = 0;  // of the current row
  std::vector<FileColumn> columns_;
  std::vector<double> cells_;  // of the current row, without skipped columns
  std::unique_ptr<CellStore> store_;
};

// The second pass: the levels of columns of text and numbers that turned out to be text.
class LevelPass final : public CsvHandler {
 public:
  // `found` lists the columns, in file order.
  LevelPass(const std::string& path, std::vector<FileColumn>& columns, const std::vector<std::size_t>& found,
            const TableOptions& options, CellStore& store)
      : path_(path),
        options_(options),
        missing_values_(options.missing_values),
        by_field_(columns.size(), nullptr),
        store_(store) {
    for (const std::size_t field : found) {
      by_field_[field] = &columns[field];
      columns[field].levels.clear();
    }
    codes_.reserve(found.size());
  }

  void field(std::string_view text, Index line) override {
    const std::size_t at = fields_++;
    if (!header_read_ || at >= by_field_.size() || by_field_[at] == nullptr) return;
    FileColumn& column = *by_field_[at];
    codes_.push_back(is_missing(text) || missing_values_.hold(text) ? missing_cell : code(column, text, line));
  }

  bool row(Index) override {
    if (header_read_ && fields_ != by_field_.size())
      throw IoError(fmt::format("{}: was changed while it was being read", path_));
    if (header_read_) store_.append(codes_.data());
    header_read_ = true;
    codes_.clear();
    fields_ = 0;
    return true;
  }

 private:
  double code(FileColumn& column, std::string_view text, Index line) {
    const Index most = most_levels(column, options_);
    column.too_many_levels =
        column.too_many_levels || (column.use == ColumnUse::input && column.levels.count() >= most &&
                                   column.levels.find(text) < 0 && is_utf8(text));
    return column.too_many_levels ? missing_cell : column.levels.code(text, line, path_, column.name, most);
  }

  const std::string& path_;
  const TableOptions& options_;
  MissingValues missing_values_;
  std::vector<FileColumn*> by_field_;  // null for columns that are not looked at
  CellStore& store_;
  bool header_read_ = false;
  std::size_t fields_ = 0;
  std::vector<double> codes_;
};

// Finds the line on which a row starts.
class LineSearch final : public CsvHandler {
 public:
  explicit LineSearch(Index row) : rows_left_(row + 1) {}
  void field(std::string_view, Index) override {}
  bool row(Index line) override {
    if (rows_left_-- > 0) return true;  // the header is one of them
    line_ = line;
    return false;
  }
  [[nodiscard]] Index line() const { return line_; }

 private:
  Index rows_left_;
  Index line_ = 0;
};

// The codes of a text column and where they lie.
struct TextColumn {
  Index place = 0;  // in the table
  std::vector<double> ranks;
};

// What opening found out.
struct CsvContent {
  std::vector<Column> columns;
  std::vector<MissingCells> missing;
  std::unique_ptr<CellStore> cells;
  std::vector<TextColumn> text;  // codes lie in `cells`
  std::unique_ptr<CellStore> found_cells;
  std::vector<TextColumn> found;  // column i's codes lie in column i of `found_cells`
  bool regular_lines = true;
};

class CsvTable final : public Table {
 public:
  CsvTable(InputFile file, char delimiter, CsvContent content)
      : Table(file.path(), std::move(content.columns), content.cells->rows()),
        file_(std::move(file)),
        delimiter_(delimiter),
        content_(std::move(content)) {}

  [[nodiscard]] Index cache_bytes() const override {
    return content_.cells->file_bytes() + (content_.found_cells ? content_.found_cells->file_bytes() : 0);
  }

  void read(Index first, Index count, Matrix& cells) const override {
    check_rows(*this, first, count);
    cells.resize(count, static_cast<Index>(columns_.size()));
    content_.cells->read(first, count, cells.data());
    for (const TextColumn& column : content_.text)
      for (Index i = 0; i < count; ++i) cells(i, column.place) = rank(column, cells(i, column.place));
    if (!content_.found_cells) return;
    Matrix codes(count, static_cast<Index>(content_.found.size()));
    content_.found_cells->read(first, count, codes.data());
    for (Index j = 0; j < codes.cols(); ++j) {
      const TextColumn& column = content_.found[static_cast<std::size_t>(j)];
      for (Index i = 0; i < count; ++i) cells(i, column.place) = rank(column, codes(i, j));
    }
  }

  [[nodiscard]] std::vector<MissingCells> missing() const override { return content_.missing; }

  [[nodiscard]] std::string where(Index row) const override {
    if (content_.regular_lines) return fmt::format("line {}", row + 2);
    // Lines are looked up only for messages, so the file is read again rather than every row's line remembered.
    LineSearch search(row);
    try {
      scan_csv(file_, delimiter_, Context{}, "read", search);
    } catch (const Error&) {
      // The file has changed since; the row's number is still right, and a message is not the place to fail.
    }
    return search.line() > 0 ? fmt::format("line {}", search.line()) : fmt::format("row {}", row + 1);
  }

 private:
  static double rank(const TextColumn& column, double code) {
    return std::isnan(code) ? code : column.ranks[static_cast<std::size_t>(code)];
  }

  InputFile file_;
  char delimiter_;
  CsvContent content_;
};

// A detected column is text when at least a tenth of its non-missing cells are not numbers: a column of numbers with a
// few typing errors must not become text silently, and one of codes like "12A", "77" must not fail.
bool is_text(const FileColumn& column, Index rows) {
  if (!is_detected(column)) return is_text_from_the_start(column);
  const Index present = rows - column.missing.count - column.markers.count;
  return column.not_numbers.count > 0 && 10 * column.not_numbers.count >= present;
}

void check_options(const TableOptions& options) {
  check_delimiter(options.delimiter);
  options.context.check();
  if (options.max_levels < 1)
    throw InvalidArgument(fmt::format("max_levels: {} given, expected at least 1", options.max_levels));
  if (options.most_texts < 1)
    throw InvalidArgument(fmt::format("most_texts: {} given, expected at least 1", options.most_texts));
  if (options.memory_limit < 0)
    throw InvalidArgument(fmt::format("memory_limit: {} given, expected at least 0", options.memory_limit));
}

void describe_column(const FileColumn& file_column, bool text, bool coded, Index rows, CsvContent& content) {
  Column column{file_column.name, text ? ColumnKind::text : ColumnKind::number, {}};
  MissingCells missing = file_column.missing;
  const MissingCells& markers = file_column.markers;
  const bool markers_are_missing = !text || (file_column.use == ColumnUse::label && file_column.levels.are_numbers());
  if (markers_are_missing && markers.count > 0) {
    missing.first_row = missing.count == 0 ? markers.first_row : std::min(missing.first_row, markers.first_row);
    missing.count += markers.count;
  }
  if (text) {
    column.too_many_levels = file_column.too_many_levels;
    if (!column.too_many_levels) column.levels = file_column.levels.sorted(!markers_are_missing);
    auto& columns = coded ? content.text : content.found;
    columns.push_back({file_column.place, file_column.levels.ranks(column.levels)});
  }
  if (text && is_detected(file_column)) {
    const Occurrences& example = file_column.not_numbers;
    column.numbers = rows - missing.count - markers.count - example.count - file_column.not_finite.count;
    column.example = example.text;
    column.example_row = example.row;
  }
  content.columns.push_back(std::move(column));
  content.missing.push_back(missing);
}

}  // namespace

std::unique_ptr<Table> open_csv(const std::string& path, const TableOptions& options) {
  check_options(options);
  InputFile file(path);
  CellPass pass(file, options);
  scan_csv(file, options.delimiter, options.context, "read", pass);
  pass.finish();

  const Index rows = pass.rows();
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < pass.columns().size(); ++i) {
    const FileColumn& column = pass.columns()[i];
    if (!is_text(column, rows))
      pass.check_number_column(column);
    else if (!is_coded(column))
      found.push_back(i);
  }

  CsvContent content;
  content.regular_lines = pass.regular_lines();
  content.cells = pass.take_store();
  if (!found.empty()) {
    const Index memory_left = std::max<Index>(0, options.memory_limit - content.cells->memory_bytes());
    content.found_cells =
        std::make_unique<CellStore>(path, static_cast<Index>(found.size()), memory_left, options.cache_directory);
    LevelPass levels(path, pass.columns(), found, options, *content.found_cells);
    scan_csv(file, options.delimiter, options.context, "levels", levels);
    content.found_cells->finish();
    if (content.found_cells->rows() != rows)
      throw IoError(fmt::format("{}: was changed while it was being read", path));
  }
  auto next_found = found.begin();
  for (std::size_t i = 0; i < pass.columns().size(); ++i) {
    const FileColumn& column = pass.columns()[i];
    const bool coded = next_found == found.end() || *next_found != i;
    if (!coded) ++next_found;
    if (column.use != ColumnUse::skip) describe_column(column, is_text(column, rows), coded, rows, content);
  }
  return std::make_unique<CsvTable>(std::move(file), options.delimiter, std::move(content));
}

}  // namespace sextant
