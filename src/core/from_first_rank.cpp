#include "core/from_first_rank.h"

#include <algorithm>
#include <array>
#include <string>

#include "sextant/error.h"

namespace sextant {

void meet(Ranks& ranks, std::uint64_t purpose, std::string_view what) {
  // Halves are exact in a double; maximum and minimum of each, the latter as a maximum, are one another's.
  const auto high = static_cast<double>(purpose >> 32);
  const auto low = static_cast<double>(purpose & 0xFFFFFFFF);
  std::array<double, 4> all = {high, -high, low, -low};
  ranks.maximum(all);
  if (all[0] == -all[1] && all[2] == -all[3]) return;
  throw RankError(
      "ranks: while this one is at '" + std::string(what) +
      "', another is at something else or has other numbers, expected the same program, files and options on all");
}

Context alone(const Context& context) {
  Context own = context;
  own.ranks = nullptr;
  return own;
}

namespace message {
namespace {

enum class Kind { invalid_argument, data_error, numerical_error, io_error, rank_error, cancelled, error };

Kind kind_of(const Error& error) {
  if (dynamic_cast<const InvalidArgument*>(&error) != nullptr) return Kind::invalid_argument;
  if (dynamic_cast<const DataError*>(&error) != nullptr) return Kind::data_error;
  if (dynamic_cast<const NumericalError*>(&error) != nullptr) return Kind::numerical_error;
  if (dynamic_cast<const IoError*>(&error) != nullptr) return Kind::io_error;
  if (dynamic_cast<const RankError*>(&error) != nullptr) return Kind::rank_error;
  if (dynamic_cast<const Cancelled*>(&error) != nullptr) return Kind::cancelled;
  return Kind::error;
}

}  // namespace

void share(Ranks& ranks, std::vector<std::byte>& bytes) {
  meet(ranks, 1, "small algebra");
  send(ranks, bytes, 0);
}

void send(Ranks& ranks, std::vector<std::byte>& bytes, int from) {
  std::array<std::byte, sizeof(std::size_t)> size{};
  const std::size_t own = bytes.size();
  std::memcpy(size.data(), &own, sizeof own);
  ranks.broadcast(size, from);
  std::size_t wanted = 0;
  std::memcpy(&wanted, size.data(), sizeof wanted);
  bytes.resize(wanted);
  ranks.broadcast(bytes, from);
}

void carry_error(Writer& out, const std::exception_ptr& error) {
  bool failed = error != nullptr;
  carry(out, failed);
  if (!failed) return;
  try {
    std::rethrow_exception(error);
  } catch (const Error& each) {
    Kind kind = kind_of(each);
    carry(out, kind);
    const std::string_view what = each.what();
    std::vector<char> text(what.begin(), what.end());
    carry(out, text);
  }  // what is no error of the library ends the ranks as it is
}

void throw_error(Reader& in) {
  Kind kind{};
  carry(in, kind);
  std::vector<char> text;
  carry(in, text);
  const std::string what(text.begin(), text.end());
  switch (kind) {
    case Kind::invalid_argument:
      throw InvalidArgument(what);
    case Kind::data_error:
      throw DataError(what);
    case Kind::numerical_error:
      throw NumericalError(what);
    case Kind::io_error:
      throw IoError(what);
    case Kind::rank_error:
      throw RankError(what);
    case Kind::cancelled:
      throw Cancelled();
    case Kind::error:
      break;
  }
  throw Error(what);
}

}  // namespace message

}  // namespace sextant
