#include "options.h"

#include <string>
#include <vector>

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

std::vector<double> numbers(const std::string& name, const py::object& value) {
  std::vector<double> list;
  try {
    if (py::isinstance<py::bool_>(value)) throw py::cast_error();
    if (py::isinstance<py::float_>(value) || py::isinstance<py::int_>(value)) return {value.cast<double>()};
    list = value.cast<std::vector<double>>();
  } catch (const py::cast_error&) {
    refuse(name, value, expectation(FieldKind::numbers));
  }
  if (list.empty()) throw py::value_error(fmt::format("{}: an empty list given, expected at least one number", name));
  return list;
}

std::vector<std::vector<double>> rows(const std::string& name, const py::object& value) {
  if (!py::isinstance<Array>(value)) refuse(name, value, "an array of rows");
  const Matrix matrix = matrix_view(value.cast<Array>(), name.c_str());
  std::vector<std::vector<double>> list;
  for (Index i = 0; i < matrix.rows(); ++i) {
    list.emplace_back();
    for (Index j = 0; j < matrix.cols(); ++j) list.back().push_back(matrix(i, j));
  }
  return list;
}

NamedValue named_value(const OptionField& field, const py::object& value) {
  const std::string name(field.name);
  if (field.kind == FieldKind::name) {
    if (py::isinstance<py::str>(value)) return value.cast<std::string>();
    if (py::isinstance<py::sequence>(value)) return joined(name, value);
    refuse(name, value, "a name");
  }
  if (field.kind == FieldKind::seed) {
    try {
      return value.cast<std::uint64_t>();
    } catch (const py::cast_error&) {
      refuse(name, value, expectation(field.kind));
    }
  }
  if (field.kind == FieldKind::numbers) return numbers(name, value);
  if (field.kind == FieldKind::rows) return rows(name, value);
  // A number that has names, too.
  if (!field.choices.empty() && py::isinstance<py::str>(value)) return value.cast<std::string>();
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

py::object value_of(const OptionField& field, const FitOptions& options) {
  if (!field.given(options)) return py::none();
  const py::object value = py::cast(field.get(options));
  return field.kind == FieldKind::rows ? py::object(Array(value)) : value;
}

py::dict described(const OptionField& field) {
  py::dict entry;
  entry["name"] = std::string(field.name);
  entry["kind"] = name(field.kind);
  entry["choices"] = field.choices;
  entry["several"] = field.several;
  entry["denied"] = field.form == CommandForm::denying;  // whether the meaning is that of False
  entry["default"] = value_of(field, FitOptions{});
  entry["unset"] = std::string(field.unset);
  entry["meaning"] = std::string(field.meaning);
  return entry;
}

}  // namespace

FitOptions options_from(const py::dict& given) {
  FitOptions options;
  for (const auto& [key, raw] : given) {
    const auto name = key.cast<std::string>();
    if (raw.is_none()) continue;
    const OptionField* field = find_option_field(name);
    if (field == nullptr) throw py::type_error(fmt::format("{}: is no option", name));
    field->set(options, named_value(*field, plain(raw)));
  }
  return options;
}

py::dict to_dict(const FitOptions& options) {
  py::dict named;
  for (const OptionField& field : option_fields()) named[py::str(std::string(field.name))] = value_of(field, options);
  return named;
}

void bind_options(py::module_& module) {
  // Each option as it is declared, group by group.
  module.def("options", [] {
    py::list all;
    for (int group = 0; group <= static_cast<int>(OptionGroup::running); ++group)
      for (const OptionField& field : option_fields())
        if (static_cast<int>(field.group) == group) all.append(described(field));
    return all;
  });
  module.def(
      "ignored_options",
      [](const py::dict& given) {
        const FitOptions options = options_from(given);
        return ignored_options(options, {options.method});
      },
      py::arg("options"));
  module.def(
      "ignored_with_kept_layer", [](const py::dict& given) { return ignored_with_kept_layer(options_from(given)); },
      py::arg("options"));
  module.def("lambda_grid", &lambda_grid);
}

}  // namespace sextant::python
