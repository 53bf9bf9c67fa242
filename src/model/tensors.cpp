#include "model/tensors.h"

#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "sextant/error.h"

static_assert(std::endian::native == std::endian::little, "tensors are written as they lie in memory: little-endian");

namespace sextant {
namespace {

using nlohmann::json;

template <class Scalar>
constexpr const char* type_name = nullptr;
template <>
constexpr const char* type_name<double> = "F64";
template <>
constexpr const char* type_name<float> = "F32";
template <>
constexpr const char* type_name<std::int32_t> = "I32";

template <class Scalar>
void copy(const std::string& name, std::string_view bytes, Scalar* to) {
  if (bytes.empty()) return;
  std::memcpy(to, bytes.data(), bytes.size());
  const std::size_t count = bytes.size() / sizeof(Scalar);
  if (!std::all_of(to, to + count, [](Scalar value) { return std::isfinite(value); }))
    throw DataError(fmt::format("tensor '{}' holds a value that is not finite", name));
}

}  // namespace

template <class Scalar>
void TensorList::add(const std::string& name, const char* type, std::vector<Index> shape, const Scalar* data,
                     Index size) {
  tensors_[name] = {
      type, std::move(shape), {reinterpret_cast<const char*>(data), sizeof(Scalar) * static_cast<std::size_t>(size)}};
}

void TensorList::add(const std::string& name, const Vector& v) {
  add(name, type_name<double>, {v.size()}, v.data(), v.size());
}
void TensorList::add(const std::string& name, const Matrix& A) {
  add(name, type_name<double>, {A.rows(), A.cols()}, A.data(), A.size());
}
void TensorList::add(const std::string& name, const SingleMatrix& A) {
  add(name, type_name<float>, {A.rows(), A.cols()}, A.data(), A.size());
}
void TensorList::add(const std::string& name, const std::vector<std::int32_t>& list) {
  const auto size = static_cast<Index>(list.size());
  add(name, type_name<std::int32_t>, {size}, list.data(), size);
}

void TensorList::add_narrowed(const std::string& name, const Matrix& A) {
  SingleMatrix narrow = A.cast<float>();
  if (narrow.cast<double>() == A)
    keep(name, std::move(narrow));
  else
    add(name, A);
}

std::string TensorList::holds(const Matrix& A) const {
  const std::vector<Index> shape = {A.rows(), A.cols()};
  const std::string_view bytes(reinterpret_cast<const char*>(A.data()),
                               sizeof(double) * static_cast<std::size_t>(A.size()));
  for (const auto& [name, tensor] : tensors_)
    if (tensor.type == type_name<double> && tensor.shape == shape && tensor.bytes == bytes) return name;
  return "";
}

std::uint64_t TensorList::bytes() const {
  std::uint64_t sum = 0;
  for (const auto& [name, tensor] : tensors_) sum += tensor.bytes.size();
  return sum;
}

void TensorList::describe(json& header) const {
  std::uint64_t offset = 0;
  for (const auto& [name, tensor] : tensors_) {
    const std::uint64_t end = offset + tensor.bytes.size();
    header[name] = {{"dtype", tensor.type}, {"shape", tensor.shape}, {"data_offsets", {offset, end}}};
    offset = end;
  }
}

void TensorList::append_to(std::string& bytes) const {
  for (const auto& [name, tensor] : tensors_) bytes.append(tensor.bytes);
}

Vector TensorReader::vector(const std::string& name, Index size) const {
  const auto bytes = bytes_of<double>(name, {size});  // before allocating
  Vector v(size);
  copy(name, bytes, v.data());
  return v;
}

void TensorReader::limits(const std::string& name, Index size, Vector& low, Vector& high) const {
  if (!has(name + "_low")) return;
  for (const auto& [end, limit] : {std::pair{"_low", &low}, {"_high", &high}}) {
    const auto bytes = bytes_of<double>(name + end, {size});  // before allocating
    limit->resize(size);
    if (!bytes.empty()) std::memcpy(limit->data(), bytes.data(), bytes.size());
  }
  if (!(low.array() <= high.array()).all()) throw DataError(fmt::format("its limits of {} are none", name));
}

Matrix TensorReader::matrix(const std::string& name, Index rows, Index cols) const {
  const auto bytes = bytes_of<double>(name, {rows, cols});
  Matrix A(rows, cols);
  copy(name, bytes, A.data());
  return A;
}

Matrix TensorReader::widened_matrix(const std::string& name, Index rows, Index cols) const {
  if (entry(name).at("dtype") == type_name<float>) return single_matrix(name, rows, cols).cast<double>();
  return matrix(name, rows, cols);
}

SingleMatrix TensorReader::single_matrix(const std::string& name, Index rows, Index cols) const {
  const auto bytes = bytes_of<float>(name, {rows, cols});
  SingleMatrix A(rows, cols);
  copy(name, bytes, A.data());
  return A;
}

std::vector<std::int32_t> TensorReader::integers(const std::string& name, Index size) const {
  const auto bytes = bytes_of<std::int32_t>(name, {size});
  std::vector<std::int32_t> list(static_cast<std::size_t>(size));
  copy(name, bytes, list.data());
  return list;
}

std::vector<Index> TensorReader::shape(const std::string& name) const {
  return entry(name).at("shape").get<std::vector<Index>>();
}

const json& TensorReader::entry(const std::string& name) const {
  if (!header_.contains(name)) throw DataError(fmt::format("tensor '{}' is missing", name));
  return header_.at(name);
}

template <class Scalar>
std::string_view TensorReader::bytes_of(const std::string& name, const std::vector<Index>& expected) const {
  const json& tensor = entry(name);
  if (tensor.at("dtype") != type_name<Scalar>)
    throw DataError(fmt::format("tensor '{}' is not of type {}", name, type_name<Scalar>));
  if (shape(name) != expected) throw DataError(fmt::format("tensor '{}' has another shape than its model", name));
  const auto offsets = tensor.at("data_offsets").get<std::vector<std::uint64_t>>();
  std::uint64_t size = sizeof(Scalar);
  for (const Index extent : expected) {
    if (extent < 0 || (extent != 0 && size > data_.size() / static_cast<std::uint64_t>(extent)))
      throw DataError(fmt::format("tensor '{}' is larger than the file", name));
    size *= static_cast<std::uint64_t>(extent);
  }
  if (offsets.size() != 2 || offsets[0] > data_.size() || offsets[1] > data_.size() || offsets[1] < offsets[0] ||
      offsets[1] - offsets[0] != size)
    throw DataError(fmt::format("tensor '{}' does not lie inside the file", name));
  return data_.substr(offsets[0], size);
}

}  // namespace sextant
