#include "data/npy_header.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include "data/excerpt.h"
#include "sextant/error.h"

namespace sextant {
namespace {

// A matrix needs about 60 bytes; NumPy itself refuses more than 10 000 by default.
constexpr std::uint64_t longest_header = std::uint64_t{1} << 20;

// Reads the one kind of Python literal that a header is:
//     {'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }
class HeaderParser {
 public:
  HeaderParser(const std::string& path, std::string_view text) : path_(path), left_(text) {}

  NpyHeader parse() {
    std::optional<std::string> type;
    std::optional<bool> fortran_order;
    std::optional<std::vector<Index>> shape;
    expect('{');
    while (!accept('}')) {
      const std::string key = string();
      expect(':');
      if (key == "descr" && !type)
        type = this->type();
      else if (key == "fortran_order" && !fortran_order)
        fortran_order = boolean();
      else if (key == "shape" && !shape)
        shape = tuple();
      else
        fail(fmt::format("the key {} is unknown or given twice", excerpt(key)));
      if (accept(',')) continue;
      expect('}');
      break;
    }
    skip_blanks();
    if (!left_.empty()) fail(fmt::format("{} follows its end", excerpt(left_)));
    if (!type || !fortran_order || !shape) fail("expected the keys 'descr', 'fortran_order' and 'shape'");
    return {*type, *fortran_order, *shape, 0};
  }

 private:
  [[noreturn]] void fail(std::string_view reason) const {
    throw DataError(fmt::format("{}: its NPY header cannot be read: {}", path_, reason));
  }
  [[noreturn]] void fail_at(std::string_view expected) const {
    fail(left_.empty() ? fmt::format("it ends where {} was expected", expected)
                       : fmt::format("{} found where {} was expected", excerpt(left_.substr(0, 20)), expected));
  }

  void skip_blanks() { left_.remove_prefix(std::min(left_.find_first_not_of(" \t\r\n"), left_.size())); }

  bool accept(char c) {
    skip_blanks();
    if (left_.empty() || left_[0] != c) return false;
    left_.remove_prefix(1);
    return true;
  }
  void expect(char c) {
    if (!accept(c)) fail_at(fmt::format("'{}'", c));
  }
  bool accept_word(std::string_view word) {
    skip_blanks();
    if (!left_.starts_with(word)) return false;
    left_.remove_prefix(word.size());
    return true;
  }

  // Escapes are not needed: no key and no type name that can be used has any.
  std::string string() {
    const char quote = accept('\'') ? '\'' : accept('"') ? '"' : '\0';
    if (quote == '\0') fail_at("text in quotes");
    const std::size_t end = left_.find(quote);
    if (end == std::string_view::npos) fail("a quote is not closed");
    std::string text(left_.substr(0, end));
    left_.remove_prefix(end + 1);
    return text;
  }

  std::string type() {
    skip_blanks();
    if (left_.starts_with('['))
      throw DataError(fmt::format(
          "{}: holds records of several fields, expected a matrix of float64 or float32 ('<f8' or '<f4')", path_));
    return string();
  }

  bool boolean() {
    if (accept_word("True")) return true;
    if (accept_word("False")) return false;
    fail_at("True or False");
  }

  std::vector<Index> tuple() {
    std::vector<Index> values;
    expect('(');
    while (!accept(')')) {
      skip_blanks();
      Index value = 0;
      const auto [end, error] = std::from_chars(left_.data(), left_.data() + left_.size(), value);
      if (error == std::errc::invalid_argument || value < 0) fail_at("a length");
      if (error == std::errc::result_out_of_range) fail("a length in its shape is beyond 64 bits");
      left_.remove_prefix(static_cast<std::size_t>(end - left_.data()));
      accept('L');  // Python 2 wrote 3L
      values.push_back(value);
      if (values.size() > 64) fail("its shape has more than 64 dimensions");
      if (accept(',')) continue;
      expect(')');
      break;
    }
    return values;
  }

  const std::string& path_;
  std::string_view left_;
};

std::uint64_t little_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

}  // namespace

NpyHeader read_npy_header(const InputFile& file) {
  const std::string& path = file.path();
  constexpr std::string_view magic = "\x93NUMPY";
  char start[12] = {};
  const std::string_view bytes(start, file.read_some(0, start, sizeof start));
  if (bytes.substr(0, magic.size()) != magic) throw DataError(fmt::format("{}: is not an NPY file", path));
  if (bytes.size() < 10) throw DataError(fmt::format("{}: ends within its NPY header", path));
  const int major = static_cast<unsigned char>(start[6]);
  const int minor = static_cast<unsigned char>(start[7]);
  if (major < 1 || major > 3 || minor != 0)
    throw DataError(fmt::format("{}: is an NPY file of version {}.{}, expected 1.0, 2.0 or 3.0", path, major, minor));

  const std::size_t prefix = major == 1 ? 10 : 12;
  if (bytes.size() < prefix) throw DataError(fmt::format("{}: ends within its NPY header", path));
  const std::uint64_t length = little_endian(bytes.substr(8, prefix - 8));
  if (length > longest_header)
    throw DataError(
        fmt::format("{}: its NPY header claims {} bytes, expected at most {}", path, length, longest_header));
  std::string text(length, '\0');
  if (file.read_some(static_cast<std::int64_t>(prefix), text.data(), length) != length)
    throw DataError(fmt::format("{}: ends within its NPY header", path));
  NpyHeader header = HeaderParser(path, text).parse();
  header.data_offset = static_cast<std::int64_t>(prefix + length);
  return header;
}

}  // namespace sextant
