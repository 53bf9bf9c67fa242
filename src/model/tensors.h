// The named tensors of a safetensors file: 64-bit and 32-bit floats, 32-bit integers, as they lie in memory. What is
// read is checked against the bytes that are there before anything is allocated. Private.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sextant/matrix.h"

namespace sextant {

// Tensors to write, which must outlive it.
class TensorList {
 public:
  void add(const std::string& name, const Vector& v);
  void add(const std::string& name, const Matrix& A);
  void add(const std::string& name, const SingleMatrix& A);
  void add(const std::string& name, const std::vector<std::int32_t>& list);
  // The same of what is nowhere else.
  void keep(const std::string& name, std::vector<std::int32_t> list) {
    add(name, lists_.emplace_back(std::move(list)));
  }
  void keep(const std::string& name, Matrix A) { add(name, matrices_.emplace_back(std::move(A))); }
  void keep(const std::string& name, SingleMatrix A) { add(name, single_matrices_.emplace_back(std::move(A))); }
  // In single precision where that holds the same numbers.
  void add_narrowed(const std::string& name, const Matrix& A);
  // The name of a tensor that holds the same matrix, in memory or by its numbers; "" where there is none.
  [[nodiscard]] std::string holds(const Matrix& A) const;
  [[nodiscard]] std::uint64_t bytes() const;  // of all of them
  // Their entries of the file's header, offsets in the order of the names.
  void describe(nlohmann::json& header) const;
  void append_to(std::string& bytes) const;

 private:
  struct Tensor {
    const char* type;
    std::vector<Index> shape;
    std::string_view bytes;
  };
  template <class Scalar>
  void add(const std::string& name, const char* type, std::vector<Index> shape, const Scalar* data, Index size);

  std::map<std::string, Tensor> tensors_;
  std::deque<std::vector<std::int32_t>> lists_;
  std::deque<Matrix> matrices_;
  std::deque<SingleMatrix> single_matrices_;
};

// Tensors of a file, by name. Throws DataError for what is missing, of another type or shape than asked for, not inside
// the file, or not finite.
class TensorReader {
 public:
  TensorReader(const nlohmann::json& header, std::string_view data) : header_(header), data_(data) {}

  [[nodiscard]] Vector vector(const std::string& name, Index size) const;
  [[nodiscard]] Matrix matrix(const std::string& name, Index rows, Index cols) const;
  [[nodiscard]] Matrix widened_matrix(const std::string& name, Index rows, Index cols) const;  // in either precision
  [[nodiscard]] SingleMatrix single_matrix(const std::string& name, Index rows, Index cols) const;
  [[nodiscard]] std::vector<std::int32_t> integers(const std::string& name, Index size) const;

  // NAME_low and NAME_high, which may be infinite; nothing where the file has none.
  void limits(const std::string& name, Index size, Vector& low, Vector& high) const;

  [[nodiscard]] bool has(const std::string& name) const { return header_.contains(name); }
  [[nodiscard]] std::vector<Index> shape(const std::string& name) const;

 private:
  [[nodiscard]] const nlohmann::json& entry(const std::string& name) const;
  template <class Scalar>
  [[nodiscard]] std::string_view bytes_of(const std::string& name, const std::vector<Index>& expected) const;

  const nlohmann::json& header_;
  std::string_view data_;
};

}  // namespace sextant
