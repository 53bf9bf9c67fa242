// Numbers, vectors and matrices as JSON values. Private to the model layer.
#pragma once

#include <fmt/core.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <vector>

#include "sextant/error.h"
#include "sextant/matrix.h"

namespace sextant {

using nlohmann::json;

// JSON has no infinity; λ does.
inline json number(double value) { return std::isinf(value) ? json("inf") : json(value); }

inline double number(const json& value) {
  if (value == "inf") return std::numeric_limits<double>::infinity();
  return value.get<double>();
}

template <class Range>
json numbers(const Range& values) {
  json list = json::array();
  for (const double value : values) list.push_back(number(value));
  return list;
}

inline std::vector<double> numbers(const json& list) {
  std::vector<double> values;
  for (const json& value : list) values.push_back(number(value));
  return values;
}

inline Vector vector(const json& list) {
  const auto values = numbers(list);
  return Eigen::Map<const Vector>(values.data(), static_cast<Index>(values.size()));
}

inline json rows_of(const Matrix& A) {
  json rows = json::array();
  for (Index i = 0; i < A.rows(); ++i) rows.push_back(numbers(Vector(A.row(i))));
  return rows;
}

inline Matrix matrix_of(const json& rows, const char* what) {
  const std::size_t cols = rows.empty() ? 0 : rows.front().size();
  for (const json& row : rows)  // before allocating
    if (row.size() != cols) throw DataError(fmt::format("its {} has rows of different lengths", what));
  Matrix A(static_cast<Index>(rows.size()), static_cast<Index>(cols));
  for (Index i = 0; i < A.rows(); ++i) A.row(i) = vector(rows[static_cast<std::size_t>(i)]).transpose();
  return A;
}

}  // namespace sextant
