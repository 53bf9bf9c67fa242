// The names of what options choose among. Private to the options.
#pragma once

#include <utility>
#include <vector>

#include "sextant/options.h"

namespace sextant {

// Each value with its name, in the order of the enumeration.
template <class Value>
using Names = std::vector<std::pair<Value, const char*>>;

template <class Value>
[[nodiscard]] const Names<Value>& names_of();

template <>
[[nodiscard]] const Names<Task>& names_of();
template <>
[[nodiscard]] const Names<Method>& names_of();
template <>
[[nodiscard]] const Names<Preprocess>& names_of();
template <>
[[nodiscard]] const Names<Discover>& names_of();
template <>
[[nodiscard]] const Names<Head>& names_of();
template <>
[[nodiscard]] const Names<Precision>& names_of();
template <>
[[nodiscard]] const Names<NtkScale>& names_of();

}  // namespace sextant
