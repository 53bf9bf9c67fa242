// Matrices and vectors in the JSON fixtures: lists of rows, and lists.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "sextant/matrix.h"

namespace sextant {

inline Matrix matrix_from(const nlohmann::json& list) {
  Matrix A(static_cast<Index>(list.size()), static_cast<Index>(list.at(0).size()));
  for (Index i = 0; i < A.rows(); ++i)
    for (Index j = 0; j < A.cols(); ++j) A(i, j) = list[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)];
  return A;
}

inline Vector vector_from(const nlohmann::json& list) {
  const auto values = list.get<std::vector<double>>();
  return Eigen::Map<const Vector>(values.data(), static_cast<Index>(values.size()));
}

}  // namespace sextant
