// What the first rank computes, on every rank: small algebra, of which another processor may give other bits. Private.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "sextant/context.h"
#include "sextant/matrix.h"
#include "sextant/ranks.h"

namespace sextant {

// Waits until all ranks are here, for the same purpose: what they exchange next belongs together. Throws RankError on
// all of them where one is here for another; `what` is what this one is at.
void meet(Ranks& ranks, std::uint64_t purpose, std::string_view what);

// The same context for work that only this process does.
[[nodiscard]] Context alone(const Context& context);

namespace message {

class Writer {
 public:
  static constexpr bool reading = false;
  void bytes(const void* data, std::size_t size) {
    const auto* from = static_cast<const std::byte*>(data);
    bytes_.insert(bytes_.end(), from, from + size);
  }
  [[nodiscard]] std::vector<std::byte>& all() { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

class Reader {
 public:
  static constexpr bool reading = true;
  explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}
  void bytes(void* data, std::size_t size) {
    if (size > 0) std::memcpy(data, bytes_.data(), size);
    bytes_ = bytes_.subspan(size);
  }

 private:
  std::span<const std::byte> bytes_;
};

template <class Value>
concept Tuple = requires {
  std::tuple_size<Value>::value;
};
template <class Value>
concept Dense = std::is_base_of_v<Eigen::PlainObjectBase<Value>, Value>;
template <class Value>
struct IsOptional : std::false_type {};
template <class Value>
struct IsOptional<std::optional<Value>> : std::true_type {};
template <class Value>
struct IsVariant : std::false_type {};
template <class... Values>
struct IsVariant<std::variant<Values...>> : std::true_type {};
template <class Value>
struct IsShared : std::false_type {};
template <class Value>
struct IsShared<std::shared_ptr<const Value>> : std::true_type {
  using Held = Value;
};
template <class Value>
struct IsVector : std::false_type {};
template <class Value>
struct IsVector<std::vector<Value>> : std::true_type {};

// Makes `value` hold alternative `at`.
template <class Value, std::size_t... I>
void hold(Value& value, std::size_t at, std::index_sequence<I...>) {
  (void)((I == at && (value.template emplace<I>(), true)) || ...);
}

// Writes a value to a message, or reads it from one. A struct says what it consists of by parts(value), declared beside
// it: a tuple of references.
template <class Message, class Value>
void carry(Message& message, Value& value) {
  if constexpr (requires { parts(value); }) {
    std::apply([&](auto&... part) { (carry(message, part), ...); }, parts(value));
  } else if constexpr (Tuple<Value>) {
    std::apply([&](auto&... part) { (carry(message, part), ...); }, value);
  } else if constexpr (Dense<Value>) {
    Index rows = value.rows();
    Index cols = value.cols();
    carry(message, rows);
    carry(message, cols);
    value.resize(rows, cols);
    message.bytes(value.data(), static_cast<std::size_t>(value.size()) * sizeof(typename Value::Scalar));
  } else if constexpr (IsVector<Value>::value) {
    std::size_t size = value.size();
    carry(message, size);
    value.resize(size);
    if constexpr (std::is_arithmetic_v<typename Value::value_type>)
      message.bytes(value.data(), size * sizeof(typename Value::value_type));
    else
      for (auto& each : value) carry(message, each);
  } else if constexpr (std::is_same_v<Value, std::string>) {
    std::size_t size = value.size();
    carry(message, size);
    value.resize(size);
    message.bytes(value.data(), size);
  } else if constexpr (IsOptional<Value>::value) {
    bool there = value.has_value();
    carry(message, there);
    if (!there)
      value.reset();
    else if (Message::reading)
      value.emplace();
    if (there) carry(message, *value);
  } else if constexpr (IsShared<Value>::value) {
    typename IsShared<Value>::Held held{};
    bool there = value != nullptr;
    carry(message, there);
    if (there && !Message::reading) held = *value;
    if (there) carry(message, held);
    if (Message::reading) value = there ? std::make_shared<const decltype(held)>(std::move(held)) : nullptr;
  } else if constexpr (IsVariant<Value>::value) {
    std::size_t at = value.index();
    carry(message, at);
    if (Message::reading) hold(value, at, std::make_index_sequence<std::variant_size_v<Value>>());
    std::visit([&](auto& held) { carry(message, held); }, value);
  } else {
    static_assert(std::is_trivially_copyable_v<Value>, "a struct needs parts(value)");
    message.bytes(&value, sizeof value);
  }
}

// The first rank's message, on all ranks.
void share(Ranks& ranks, std::vector<std::byte>& bytes);
// That of rank `from`, once all ranks have met.
void send(Ranks& ranks, std::vector<std::byte>& bytes, int from);

// An error of the library, written to a message and thrown from one.
void carry_error(Writer& out, const std::exception_ptr& error);
[[noreturn]] void throw_error(Reader& in);

}  // namespace message

// compute(), or compute(context) with the context of one process, on the first rank; its result on all. An error of the
// library is thrown on all ranks, too.
template <class Compute>
[[nodiscard]] auto from_first_rank(const Context& context, const Compute& compute) {
  const auto computed = [&](const Context& own) {
    if constexpr (std::is_invocable_v<Compute, const Context&>)
      return compute(own);
    else
      return compute();
  };
  if (context.ranks == nullptr) return computed(context);
  using Value = decltype(computed(context));
  Value value{};
  message::Writer out;
  if (context.ranks->rank() == 0) {
    std::exception_ptr error;
    try {
      value = computed(alone(context));
    } catch (const std::exception&) {
      error = std::current_exception();
    }
    message::carry_error(out, error);
    if (!error) message::carry(out, value);
  }
  message::share(*context.ranks, out.all());
  message::Reader in(out.all());
  bool failed = false;
  message::carry(in, failed);
  if (failed) message::throw_error(in);
  if (context.ranks->rank() != 0) message::carry(in, value);
  return value;
}

}  // namespace sextant
