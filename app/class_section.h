// The section of a model's page that is about its classes: reliability, class by class, thresholds.
#pragma once

#include <string>

#include "page.h"
#include "sextant/model.h"

namespace sextant::app {

// Of a model of classes; `rows` says which rows were held out.
[[nodiscard]] Section classes_section(const Model& model, const std::string& rows);

}  // namespace sextant::app
