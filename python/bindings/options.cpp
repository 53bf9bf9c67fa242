#include "options.h"

#include <string>

#include "arrays.h"
#include "bindings.h"
#include "sextant/error.h"
#include "sextant/option_fields.h"

namespace sextant::python {
namespace {

// A NumPy scalar as Python's own.
py::object plain(const py::handle& value) {
  const bool scalar = py::hasattr(value, "item") && py::hasattr(value, "ndim") && value.attr("ndim").cast<int>() == 0;
  return scalar ? value.attr("item")() : py::reinterpret_borrow<py::object>(value);
}

[[noreturn]] void refuse(const std::string& name, const py::handle& value, const char* expected) {
  throw py::type_error(fmt::format("{}: {} given, expected {}", name, std::string(py::repr(value)), expected));
}

// ["log", "none"] → "log,none", as on the command line.
std::string joined(const std::string& name, const py::handle& value) {
  std::string text;
  for (const py::handle& each : value) {
    if (!py::isinstance<py::str>(each)) refuse(name, value, "a name or a list of names");
    text += (text.empty() ? "" : ",") + each.cast<std::string>();
  }
  return text;
}

NamedValue named_value(const OptionField& field, const py::object& value) {
  const std::string name(field.name);
  if (field.kind == FieldKind::name) {
    if (py::isinstance<py::str>(value)) return value.cast<std::string>();
    if (py::isinstance<py::sequence>(value)) return joined(name, value);
    refuse(name, value, "a name");
  }
  const bool truth = py::isinstance<py::bool_>(value);
  if (field.kind == FieldKind::truth && truth) return value.cast<bool>();
  if (field.kind != FieldKind::truth && !truth) {
    if (py::isinstance<py::int_>(value)) {
      int overflow = 0;
      const long long whole = PyLong_AsLongLongAndOverflow(value.ptr(), &overflow);
      if (overflow != 0) throw py::value_error(fmt::format("{}: {} is too large", name, std::string(py::repr(value))));
      return std::int64_t{whole};
    }
    if (field.kind == FieldKind::number && py::isinstance<py::float_>(value)) return value.cast<double>();
  }
  refuse(name, value, field.kind == FieldKind::truth ? "True or False" : expectation(field.kind));
}

std::vector<double> numbers(const std::string& name, const py::object& value) {
  try {
    if (py::isinstance<py::bool_>(value)) throw py::cast_error();
    if (py::isinstance<py::float_>(value) || py::isinstance<py::int_>(value)) return {value.cast<double>()};
    return value.cast<std::vector<double>>();
  } catch (const py::cast_error&) {
    refuse(name, value, "a number or a list of numbers");
  }
}

}  // namespace

FitOptions options_from(const py::dict& given) {
  FitOptions options;
  for (const auto& [key, raw] : given) {
    const auto name = key.cast<std::string>();
    if (raw.is_none()) continue;
    const py::object value = plain(raw);
    try {
      if (name == "seed") {
        options.seed = value.cast<std::uint64_t>();
      } else if (name == "subspace") {
        options.subspace = matrix_view(value.cast<Array>(), "subspace");
      } else if (name == "calibration_share") {
        options.calibration_share = value.cast<double>();
      } else if (name == "lambda") {
        options.lambda = numbers(name, value);
        if (options.lambda.empty()) throw py::value_error("lambda: an empty list given, expected at least one number");
      } else if (name == "budget" && py::isinstance<py::str>(value)) {
        options.budget = budget_named(value.cast<std::string>());
      } else if (const OptionField* field = find_option_field(name)) {
        field->set(options, named_value(*field, value));
      } else {
        throw py::type_error(fmt::format("{}: is no option", name));
      }
    } catch (const py::cast_error&) {
      refuse(name, value, name == "seed" ? "a whole number of at least 0" : "a number");
    }
  }
  return options;
}

py::dict to_dict(const FitOptions& options) {
  py::dict named;
  for (const OptionField& field : option_fields())
    named[py::str(std::string(field.name))] =
        field.given(options) ? py::cast(field.get(options)) : py::object(py::none());
  named["lambda"] = options.lambda.empty() ? py::object(py::none()) : py::cast(options.lambda);
  named["calibration_share"] = py::cast(options.calibration_share);
  named["subspace"] = options.subspace.size() > 0 ? py::cast(options.subspace) : py::object(py::none());
  named["seed"] = options.seed;
  return named;
}

void bind_options(py::module_& module) {
  module.def("default_options", [] { return to_dict(FitOptions{}); });
  module.def("lambda_grid", &lambda_grid);
}

}  // namespace sextant::python
