// What functions on models check of their arguments. Private to the model layer.
#pragma once

#include <fmt/core.h>

#include "sextant/encoding.h"
#include "sextant/error.h"
#include "sextant/row_source.h"

namespace sextant {

inline void check_encoding(const RowSource& data, const Encoding& encoding, const char* where) {
  const Index targets = encoding.outputs();
  if (data.inputs() != encoding.inputs() || data.targets() != targets)
    throw InvalidArgument(fmt::format("{}: the rows have {} inputs and {} targets, expected the encoding's {} and {}",
                                      where, data.inputs(), data.targets(), encoding.inputs(), targets));
}

}  // namespace sextant
