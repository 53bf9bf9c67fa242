#include "data/csv_scanner.h"

#include <csv.h>
#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <new>
#include <utility>

#include "data/byte_stream.h"
#include "data/excerpt.h"
#include "sextant/error.h"

namespace sextant {
namespace {

// A quote that is never closed would otherwise take the rest of the file, of any size, for one field.
constexpr std::size_t longest_field = std::size_t{1} << 20;

class Scanner {
 public:
  Scanner(const InputFile& file, char delimiter, CsvHandler& handler) : path_(file.path()), handler_(handler) {
    if (csv_init(&parser_, CSV_STRICT | CSV_STRICT_FINI) != 0) throw std::bad_alloc();
    csv_set_delim(&parser_, static_cast<unsigned char>(delimiter));
    csv_set_blk_size(&parser_, 4096);
  }
  Scanner(const Scanner&) = delete;
  Scanner& operator=(const Scanner&) = delete;
  ~Scanner() { csv_free(&parser_); }

  // Each returns false when the handler wants no more.
  bool feed_chunk(std::string_view chunk);
  bool finish();

 private:
  bool feed(std::string_view piece);
  void look_at_first_chunk(std::string_view& chunk);
  // Before libcsv, which takes NUL for any other character.
  void refuse_nul(std::string_view chunk) const;
  [[noreturn]] void fail_parse() const;
  void check_callbacks();

  // libcsv is C: nothing may be thrown through it. What a handler throws is kept until csv_parse has returned.
  static void on_field(void* text, std::size_t size, void* self) noexcept;
  static void on_row(int terminator, void* self) noexcept;

  const std::string& path_;
  CsvHandler& handler_;
  csv_parser parser_ = {};
  char terminator_ = '\n';
  bool at_start_ = true;
  bool at_line_start_ = true;
  Index line_ = 1;          // the one being fed
  Index row_line_ = 1;      // where the row being parsed starts
  Index fields_ = 0;        // of that row, complete
  Index quote_line_ = 1;    // where the field that is open at a line's end has begun …
  Index quote_field_ = -1;  // … and its number, −1 when none is open
  bool stopped_ = false;
  std::exception_ptr thrown_;
};

void Scanner::on_field(void* text, std::size_t size, void* self) noexcept {
  Scanner& scanner = *static_cast<Scanner*>(self);
  ++scanner.fields_;
  if (scanner.stopped_) return;
  try {
    scanner.handler_.field({static_cast<const char*>(text), size}, scanner.row_line_);
  } catch (...) {
    scanner.thrown_ = std::current_exception();
    scanner.stopped_ = true;
  }
}

void Scanner::on_row(int, void* self) noexcept {
  Scanner& scanner = *static_cast<Scanner*>(self);
  scanner.fields_ = 0;
  if (scanner.stopped_) return;
  try {
    scanner.stopped_ = !scanner.handler_.row(scanner.row_line_);
  } catch (...) {
    scanner.thrown_ = std::current_exception();
    scanner.stopped_ = true;
  }
}

bool Scanner::feed_chunk(std::string_view chunk) {
  if (at_start_) look_at_first_chunk(chunk);
  refuse_nul(chunk);
  while (!chunk.empty() && !stopped_) {
    const std::size_t end = chunk.find(terminator_);
    const bool whole_line = end != std::string_view::npos;
    const std::string_view piece = chunk.substr(0, whole_line ? end + 1 : chunk.size());
    chunk.remove_prefix(piece.size());

    const bool in_quotes = parser_.quoted != 0;
    if (at_line_start_ && !in_quotes) row_line_ = line_;
    at_line_start_ = whole_line;
    if (!feed(piece)) return false;
    if (parser_.quoted != 0 && quote_field_ != fields_) {
      quote_field_ = fields_;
      quote_line_ = line_;
    } else if (parser_.quoted == 0) {
      quote_field_ = -1;
    }
    line_ += whole_line ? 1 : 0;
  }
  return !stopped_;
}

bool Scanner::feed(std::string_view piece) {
  const std::size_t done = csv_parse(&parser_, piece.data(), piece.size(), on_field, on_row, this);
  check_callbacks();
  if (stopped_) return false;
  if (done != piece.size()) fail_parse();
  if (parser_.entry_pos > longest_field)
    throw DataError(fmt::format("{}: line {}: field {} is longer than 1 MiB; is a quote opened there and not closed?",
                                path_, parser_.quoted != 0 && quote_field_ >= 0 ? quote_line_ : line_, fields_ + 1));
  return true;
}

bool Scanner::finish() {
  const int status = csv_fini(&parser_, on_field, on_row, this);
  check_callbacks();
  if (!stopped_ && status != 0)
    throw DataError(
        fmt::format("{}: the quote opened on line {} (field {}) is never closed", path_, quote_line_, fields_ + 1));
  return !stopped_;
}

void Scanner::look_at_first_chunk(std::string_view& chunk) {
  at_start_ = false;
  if (chunk.starts_with("\xFF\xFE") || chunk.starts_with("\xFE\xFF"))
    throw DataError(fmt::format("{}: is UTF-16 text, expected UTF-8", path_));
  if (chunk.starts_with("\xEF\xBB\xBF")) chunk.remove_prefix(3);
  // Lines end with \r alone if the header does; with \r\n the \n is what counts, and libcsv takes the \r for a row's
  // end and the \n for a blank line.
  bool quoted = false;
  for (std::size_t i = 0; i < chunk.size(); ++i) {
    if (chunk[i] == '"') quoted = !quoted;
    if (quoted || (chunk[i] != '\r' && chunk[i] != '\n')) continue;
    if (chunk[i] == '\r' && chunk.substr(i + 1, 1) != "\n") terminator_ = '\r';
    break;
  }
}

void Scanner::refuse_nul(std::string_view chunk) const {
  const std::size_t nul = chunk.find('\0');
  if (nul == std::string_view::npos) return;
  const Index line = line_ + std::count(chunk.begin(), chunk.begin() + static_cast<std::ptrdiff_t>(nul), terminator_);
  throw DataError(fmt::format("{}: line {} holds a NUL byte, so this is no CSV text", path_, line));
}

void Scanner::fail_parse() const {
  if (parser_.status != CSV_EPARSE) throw std::bad_alloc();
  throw DataError(fmt::format("{}: line {}, field {}: {}", path_, line_, fields_ + 1,
                              parser_.quoted != 0
                                  ? "text follows the closing quote (a quote inside quotes is written \"\")"
                                  : "a quote inside a field that does not begin with one"));
}

void Scanner::check_callbacks() {
  if (thrown_) std::rethrow_exception(std::exchange(thrown_, nullptr));
}

}  // namespace

void check_delimiter(char delimiter) {
  const auto code = static_cast<unsigned char>(delimiter);
  const bool in_numbers = (delimiter >= '0' && delimiter <= '9') || (delimiter >= 'A' && delimiter <= 'Z') ||
                          (delimiter >= 'a' && delimiter <= 'z') || std::strchr("+-.", delimiter) != nullptr;
  if (code >= 0x80 || in_numbers || std::strchr("\"\r\n", delimiter) != nullptr)
    throw InvalidArgument(
        fmt::format("delimiter: {} given, expected an ASCII character that is no letter, digit, sign, point, quote or "
                    "line ending",
                    excerpt({&delimiter, 1})));
}

void scan_csv(const InputFile& file, char delimiter, const Context& context, std::string_view stage,
              CsvHandler& handler) {
  ByteStream stream(file);
  Scanner scanner(file, delimiter, handler);
  for (std::string_view chunk = stream.next(); !chunk.empty(); chunk = stream.next()) {
    context.report(stage, stream.fraction());
    if (!scanner.feed_chunk(chunk)) return;
  }
  scanner.finish();
  context.report(stage, 1.0);
}

}  // namespace sextant
