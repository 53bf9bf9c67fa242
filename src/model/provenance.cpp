#include "sextant/provenance.h"

#include <fmt/core.h>

#include "core/fingerprint.h"
#include "sextant/model_file.h"
#include "sextant/option_fields.h"
#include "sextant/version.h"

namespace sextant {
namespace {

std::string digits(const Fingerprint& fingerprint) { return fmt::format("{:016x}", fingerprint.value()); }

std::string description(const RowSource& rows) {
  Fingerprint fingerprint;
  fingerprint.mix(rows.fingerprint());
  for (const Index group : rows.groups()) fingerprint.mix(group);
  return fmt::format("{} rows of {} inputs and {} targets, content {}", rows.rows(), rows.inputs(), rows.targets(),
                     digits(fingerprint));
}

// Names and levels, so that a model learned from the same numbers of other columns is another one.
std::string description(const Encoding& encoding) {
  Fingerprint fingerprint;
  for (const InputColumn& column : encoding.columns) {
    fingerprint.mix(column.name);
    fingerprint.mix(static_cast<Index>(column.kind));
    fingerprint.mix(static_cast<Index>(column.indicator));
    fingerprint.mix(static_cast<Index>(column.left_out));
    fingerprint.mix(static_cast<Index>(column.coded));
    for (const std::string& level : column.levels) fingerprint.mix(level);
  }
  for (const auto* names : {&encoding.targets, &encoding.classes, &encoding.missing_values}) {
    fingerprint.mix(static_cast<Index>(names->size()));
    for (const std::string& name : *names) fingerprint.mix(name);
  }
  for (const std::string& name : {encoding.weights, encoding.groups}) fingerprint.mix(name);
  fingerprint.mix(static_cast<Index>(encoding.missing));
  fingerprint.mix(static_cast<Index>(encoding.class_kind));
  return fmt::format("{} inputs and {} targets, names {}", encoding.columns.size(), encoding.targets.size(),
                     digits(fingerprint));
}

}  // namespace

Provenance provenance(const RowSource& data, const Encoding& encoding, const FitOptions& options,
                      const Context& context, const RowSource* validation) {
  Provenance of = {{"version", version()},
                   {"BLAS", blas_version()},
                   {"table", description(data)},
                   {"validation", validation != nullptr ? description(*validation) : "none"},
                   {"columns", description(encoding)}};
  for (const OptionField& field : option_fields()) {
    std::string text = field.given(options) ? text_of(field.get(options)) : "not given";
    if (field.kind == FieldKind::rows) {
      Fingerprint rows;
      rows.mix(text);
      text = digits(rows);
    }
    of.emplace_back(field.name, std::move(text));
  }
  of.emplace_back("block_rows", fmt::format("{}", context.block_rows));
  return of;
}

std::string content_of(const Model& model) {
  Fingerprint fingerprint;
  fingerprint.mix(model_bytes(model));
  return digits(fingerprint);
}

}  // namespace sextant
