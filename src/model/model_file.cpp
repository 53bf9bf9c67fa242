#include "sextant/model_file.h"

#include <fmt/core.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "data/output_file.h"
#include "model/classification_json.h"
#include "model/json_values.h"
#include "model/level_file.h"
#include "model/model_tensors.h"
#include "model/predictor_file.h"
#include "model/selection_json.h"
#include "model/tensors.h"
#include "sextant/error.h"
#include "sextant/option_fields.h"

namespace sextant {
namespace {

using nlohmann::json;

constexpr int format = 1;
constexpr int format_of_levels = 2;  // of a model that makes inputs of levels, which readers of 1 know nothing of
constexpr std::uint64_t header_limit = std::uint64_t{64}
                                       << 20;  // a header is names and numbers; more is not one of ours
constexpr std::string_view checksum_field = R"("crc32":")";
constexpr std::string_view checksum_blank = "00000000";

// ---- what goes into the metadata ----

const std::map<LeftOut, std::string> why_names = {
    {LeftOut::missing, "missing"}, {LeftOut::identifier, "identifier"}, {LeftOut::levels, "levels"}};

json to_json(const Encoding& encoding) {
  json columns = json::array();
  for (const InputColumn& column : encoding.columns) {
    json entry = {{"name", column.name}, {"kind", column.kind == ColumnKind::number ? "number" : "text"}};
    if (column.left_out != LeftOut::no)
      entry = {{"name", column.name}, {"kind", "left-out"}, {"why", why_names.at(column.left_out)}};
    else if (column.kind == ColumnKind::text)
      entry["levels"] = column.levels;
    if (column.coded) entry["kind"] = "codes";
    if (column.indicator) entry["indicator"] = true;
    columns.push_back(std::move(entry));
  }
  json entry = {{"columns", columns},
                {"targets", encoding.targets},
                {"weights", encoding.weights},
                {"missing", name(encoding.missing)}};
  if (!encoding.missing_values.empty()) entry["missing-values"] = encoding.missing_values;
  if (!encoding.groups.empty()) entry["groups"] = encoding.groups;
  if (!encoding.classes.empty()) {
    entry["classes"] = encoding.classes;
    entry["class-kind"] = encoding.class_kind == ColumnKind::number ? "number" : "text";
  }
  return entry;
}

Encoding encoding_from(const json& entry) {
  Encoding encoding;
  for (const json& column : entry.at("columns")) {
    const auto kind = column.at("kind").get<std::string>();
    InputColumn& input = encoding.columns.emplace_back();
    column.at("name").get_to(input.name);
    if (kind == "left-out") {
      const auto why = column.at("why").get<std::string>();
      const auto known =
          std::find_if(why_names.begin(), why_names.end(), [&](const auto& e) { return e.second == why; });
      if (known == why_names.end())
        throw DataError(fmt::format("a column is left out for '{}', which is not known", why));
      input.left_out = known->first;
      continue;
    }
    if (kind != "number" && kind != "text" && kind != "codes")
      throw DataError(fmt::format("column kind '{}' is not known", kind));
    input.kind = kind == "number" ? ColumnKind::number : ColumnKind::text;
    if (kind != "number") column.at("levels").get_to(input.levels);
    input.coded = kind == "codes";
    input.indicator = column.value("indicator", false);  // absent in older files
  }
  entry.at("targets").get_to(encoding.targets);
  entry.at("weights").get_to(encoding.weights);
  try {
    encoding.missing = missing_named(entry.at("missing").get<std::string>());
  } catch (const InvalidArgument&) {
    throw DataError("its policy for missing cells is not known");
  }
  if (entry.contains("missing-values")) entry.at("missing-values").get_to(encoding.missing_values);
  if (entry.contains("groups")) entry.at("groups").get_to(encoding.groups);
  if (entry.contains("classes")) {
    entry.at("classes").get_to(encoding.classes);
    const auto kind = entry.at("class-kind").get<std::string>();
    if (kind != "number" && kind != "text") throw DataError(fmt::format("class kind '{}' is not known", kind));
    encoding.class_kind = kind == "number" ? ColumnKind::number : ColumnKind::text;
    if (encoding.classes.size() < 2 || encoding.targets.size() != 1)
      throw DataError("its classes are fewer than 2, or of other than one target");
  }
  return encoding;
}

NamedValue named_value(const json& value, FieldKind kind) {
  if (kind == FieldKind::seed) return value.get<std::uint64_t>();
  if (kind == FieldKind::numbers) return numbers(value);
  if (kind == FieldKind::rows) return value.get<std::vector<std::vector<double>>>();
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number_integer()) return value.get<std::int64_t>();
  if (value.is_number()) return value.get<double>();
  return value.get<std::string>();
}

json json_of(const NamedValue& value) {
  if (const auto* list = std::get_if<std::vector<double>>(&value)) return numbers(*list);
  return std::visit([](const auto& held) { return json(held); }, value);
}

json to_json(const FitOptions& options) {
  json entry;
  for (const OptionField& field : option_fields()) {
    const bool list = field.kind == FieldKind::numbers || field.kind == FieldKind::rows;
    const json not_given = list ? json::array() : json();
    entry[dashed(field.name)] = field.given(options) ? json_of(field.get(options)) : not_given;
  }
  return entry;
}

FitOptions options_from(const json& entry) {
  FitOptions options;
  for (const OptionField& field : option_fields()) {
    // An option that came later than the file means its default; the seed is as old as the format.
    if (!entry.contains(dashed(field.name)) && field.kind != FieldKind::seed) continue;
    const json& value = entry.at(dashed(field.name));
    if (value.is_null() && !field.given(options)) continue;
    field.set(options, named_value(value, field.kind));
  }
  return options;
}

json to_json(const Validation& validation) {
  return {{"rows", validation.rows},
          {"folds", validation.folds},
          {"mean", numbers(validation.mean)},
          {"linear", numbers(validation.linear)},
          {"epsilon", numbers(validation.epsilon)},
          {"lambda", numbers(validation.lambda)},
          {"path", rows_of(validation.path)},
          {"chosen-lambda", numbers(validation.chosen_lambda)},
          {"chosen", numbers(validation.chosen)},
          {"at-grid-end", validation.at_grid_end}};
}

Validation validation_from(const json& entry, Index k) {
  Validation validation;
  entry.at("rows").get_to(validation.rows);
  entry.at("folds").get_to(validation.folds);
  validation.mean = vector(entry.at("mean"));
  validation.linear = vector(entry.at("linear"));
  validation.epsilon = vector(entry.at("epsilon"));
  validation.lambda = numbers(entry.at("lambda"));
  validation.path = matrix_of(entry.at("path"), "λ path");
  if (validation.path.rows() == 0) validation.path.resize(0, k);  // nothing was chosen along a path
  if (validation.path.cols() != k) throw DataError("its λ path has another number of targets");
  validation.chosen_lambda = vector(entry.at("chosen-lambda"));
  validation.chosen = vector(entry.at("chosen"));
  entry.at("at-grid-end").get_to(validation.at_grid_end);
  for (const Index size :
       {validation.mean.size(), validation.linear.size(), validation.epsilon.size(), validation.chosen_lambda.size(),
        validation.chosen.size(), static_cast<Index>(validation.at_grid_end.size())})
    if (size != k) throw DataError("its validation has another number of targets");
  if (validation.path.rows() != static_cast<Index>(validation.lambda.size()))
    throw DataError("its λ path and its list of λ differ in length");
  return validation;
}

// All but the predictors'.
TensorList tensors_of(const Model& model) {
  TensorList tensors;
  tensors.add("x_fill", model.scaling.x_fill);
  tensors.add("x_mean", model.scaling.x_mean);
  tensors.add("x_scale", model.scaling.x_scale);
  tensors.add("y_mean", model.scaling.y_mean);
  tensors.add("y_scale", model.scaling.y_scale);
  for (std::size_t t = 0; t < model.scaling.y_transforms.size(); ++t) {
    const TargetTransform& transform = model.scaling.y_transforms[t];
    if (transform.kind != TransformKind::rank) continue;
    tensors.add(fmt::format("target_transform.{}.y", t), transform.y);
    tensors.add(fmt::format("target_transform.{}.z", t), transform.z);
  }
  const auto add_limits = [&](const std::string& name, const Vector& low, const Vector& high) {
    if (low.size() == 0) return;
    tensors.add(name + "_low", low);
    tensors.add(name + "_high", high);
  };
  add_limits("x", model.scaling.x_low, model.scaling.x_high);
  add_limits("x_plausible", model.scaling.x_least, model.scaling.x_most);
  if (model.scaling.x_precision.size() > 0) tensors.add("x_precision", model.scaling.x_precision);
  if (model.scaling.levels) add_levels(*model.scaling.levels, tensors);
  add_limits("y", model.scaling.y_low, model.scaling.y_high);
  add_limits("prediction", model.scaling.prediction_low, model.scaling.prediction_high);
  tensors.add("x_min", model.x_min);
  tensors.add("x_max", model.x_max);
  if (model.ranges.low.size() > 0) {
    tensors.add("range_directions", model.ranges.directions);
    tensors.add("range_low", model.ranges.low);
    tensors.add("range_high", model.ranges.high);
  }
  tensors.add("alpha", model.linear.alpha);
  tensors.add("beta", model.linear.beta);
  if (model.gradient_factor.size() > 0)
    tensors.add("gradient_factor", model.gradient_factor);
  else
    tensors.add("gradient_outer_product", model.gradient_outer_product);
  if (model.intervals.rows > 0) {
    tensors.add("interval_level", model.intervals.level);
    tensors.add("interval_radius", model.intervals.radius);
  }
  return tensors;
}

json metadata_of(const Model& model, json predictors) {
  const bool of_levels = model.scaling.levels || std::ranges::any_of(model.encoding.columns, &InputColumn::coded);
  json metadata = {{"format", of_levels ? format_of_levels : format},
                   {"version", model.version},
                   {"encoding", to_json(model.encoding)},
                   {"kept", model.scaling.kept},
                   {"options", to_json(model.options)},
                   {"transferred", model.transferred},
                   {"rows", model.rows},
                   {"validation", to_json(model.validation)},
                   {"predictors", std::move(predictors)}};
  for (const TargetTransform& transform : model.scaling.y_transforms) {
    json entry = {{"kind", name(transform.kind)}};
    if (transform.kind == TransformKind::log) {
      entry["shift"] = transform.shift;
      entry["low"] = transform.low;
      entry["high"] = transform.high;
    }
    metadata["target-transforms"].push_back(std::move(entry));
  }
  if (std::ranges::any_of(model.drawn_targets, [](Index count) { return count > 0; }))
    metadata["drawn-targets"] = model.drawn_targets;
  for (const Contradicted& each : model.contradicted)
    metadata["contradicted"].push_back({{"row", each.row}, {"y", numbers(each.y)}, {"f", numbers(each.f)}});
  if (model.scaling.levels) metadata["levels"] = to_json(*model.scaling.levels);
  if (model.classification) metadata["classification"] = to_json(*model.classification);
  if (!model.selection.candidates.empty()) metadata["selection"] = to_json(model.selection);
  if (model.intervals.rows > 0)
    metadata["intervals"] = {{"rows", model.intervals.rows}, {"set-aside", model.intervals.set_aside}};
  return metadata;
}

// The transform of target t.
TargetTransform transform_from(const TensorReader& tensors, const json& entry, std::size_t t) {
  TargetTransform transform;
  const auto kind = entry.at("kind").get<std::string>();
  if (kind == "none") return transform;
  if (kind == "log") {
    transform.kind = TransformKind::log;
    entry.at("shift").get_to(transform.shift);
    entry.at("low").get_to(transform.low);
    entry.at("high").get_to(transform.high);
    if (!std::isfinite(transform.shift) || !std::isfinite(transform.high) || !(transform.low > 0) ||
        !(transform.high > transform.low))
      throw DataError("a target's logarithm has a range that is not one");
    return transform;
  }
  if (kind != "rank") throw DataError(fmt::format("the target transform '{}' is not known", kind));
  transform.kind = TransformKind::rank;
  const std::string prefix = fmt::format("target_transform.{}.", t);
  const auto shape = tensors.shape(prefix + "y");
  if (shape.size() != 1 || shape[0] < 2) throw DataError("a target's knots are fewer than 2");
  transform.y = tensors.vector(prefix + "y", shape[0]);
  transform.z = tensors.vector(prefix + "z", shape[0]);
  for (Index i = 1; i < shape[0]; ++i)
    if (!(transform.y[i] > transform.y[i - 1]) || !(transform.z[i] > transform.z[i - 1]))
      throw DataError("a target's knots do not ascend");
  if (!std::isfinite(transform.y[shape[0] - 1] - transform.y[0]) ||
      !std::isfinite(transform.z[shape[0] - 1] - transform.z[0]))
    throw DataError("a target's knots are too far apart");
  return transform;
}

// A file of an earlier version has none.
// B of gradient_outer_product = BᵀB.
Matrix factor_from(const TensorReader& tensors, Index d) {
  const std::vector<Index> shape = tensors.shape("gradient_factor");
  if (shape.size() != 2 || shape[0] < 1) throw DataError("its gradient factor is of another shape");
  return tensors.matrix("gradient_factor", shape[0], d);
}

DirectionRanges ranges_from(const TensorReader& tensors, Index d) {
  const auto shape = tensors.shape("range_low");
  if (shape.size() != 1 || shape[0] < 1 || shape[0] > d) throw DataError("its ranges are of no number of directions");
  DirectionRanges ranges;
  ranges.directions = tensors.matrix("range_directions", shape[0], d);
  ranges.low = tensors.vector("range_low", shape[0]);
  ranges.high = tensors.vector("range_high", shape[0]);
  if ((ranges.low.array() > ranges.high.array()).any()) throw DataError("a range ends before it begins");
  return ranges;
}

Intervals intervals_from(const TensorReader& tensors, const json& entry, Index k) {
  Intervals intervals;
  entry.at("rows").get_to(intervals.rows);
  entry.at("set-aside").get_to(intervals.set_aside);
  const auto shape = tensors.shape("interval_level");
  if (intervals.rows < 1 || shape.size() != 2 || shape[0] < 1)
    throw DataError("its intervals have no rows to be calibrated by");
  intervals.level = tensors.matrix("interval_level", shape[0], k);
  intervals.radius = tensors.matrix("interval_radius", shape[0], k);
  const auto ascending = [](const Matrix& A) {
    return (A.bottomRows(A.rows() - 1).array() >= A.topRows(A.rows() - 1).array()).all();
  };
  if (!ascending(intervals.level) || !ascending(intervals.radius) || intervals.radius.minCoeff() < 0 ||
      !(intervals.level.minCoeff() > 0 && intervals.level.maxCoeff() < 1))
    throw DataError("its intervals are out of order or out of their range");
  return intervals;
}

Model model_from(const json& header, std::string_view data) {
  const auto metadata = json::parse(header.at("__metadata__").at("sextant").get<std::string>());
  if (const auto found = metadata.at("format").get<int>(); found != format && found != format_of_levels)
    throw DataError(fmt::format("it has format {}, expected {} or {}: it was written by another version of Sextant",
                                found, format, format_of_levels));
  Model model;
  metadata.at("version").get_to(model.version);
  model.encoding = encoding_from(metadata.at("encoding"));
  metadata.at("kept").get_to(model.scaling.kept);
  model.options = options_from(metadata.at("options"));
  metadata.at("transferred").get_to(model.transferred);
  metadata.at("rows").get_to(model.rows);
  const Index k = model.targets();
  if (k < 1) throw DataError("it has no target");
  model.validation = validation_from(metadata.at("validation"), k);
  if (model.encoding.classes.empty() == metadata.contains("classification"))
    throw DataError("its classes and their probabilities do not go together");
  if (metadata.contains("classification")) model.classification = classification_from(metadata.at("classification"), k);
  const TensorReader tensors(header, data);
  if (metadata.contains("levels")) model.scaling.levels = levels_from(metadata.at("levels"), tensors, model.inputs());
  const Index all = model.inputs() + (model.scaling.levels ? model.scaling.levels->width() : 0);
  const std::vector<InputKind> kinds = model.encoding.input_kinds();
  Index before = -1;
  for (const Index j : model.scaling.kept) {
    if (j <= before || j >= all) throw DataError("its list of kept inputs is not one of its inputs in order");
    if (j < model.inputs() && kinds[static_cast<std::size_t>(j)] == InputKind::code)
      throw DataError("it keeps the number of a text's level as an input");
    before = j;
  }

  const Index d = model.scaling.inputs();
  model.scaling.x_fill = tensors.vector("x_fill", d);
  model.scaling.x_mean = tensors.vector("x_mean", d);
  model.scaling.x_scale = tensors.vector("x_scale", d);
  if (model.scaling.x_fill.isZero(0.0))  // files of earlier versions where no cell was missing
    model.scaling.x_fill = model.scaling.x_mean;
  model.scaling.y_mean = tensors.vector("y_mean", k);
  model.scaling.y_scale = tensors.vector("y_scale", k);
  if ((model.scaling.x_scale.array() <= 0).any() || (model.scaling.y_scale.array() <= 0).any())
    throw DataError("a scale is not positive");
  tensors.limits("x", d, model.scaling.x_low, model.scaling.x_high);
  tensors.limits("x_plausible", d, model.scaling.x_least, model.scaling.x_most);
  if (tensors.has("x_precision")) model.scaling.x_precision = tensors.matrix("x_precision", d, d);
  if (model.scaling.x_least.size() > 0 && model.scaling.x_low.size() == 0)
    throw DataError("its inputs have limits of what is plausible but none that they are drawn in to");
  tensors.limits("y", k, model.scaling.y_low, model.scaling.y_high);
  tensors.limits("prediction", k, model.scaling.prediction_low, model.scaling.prediction_high);
  model.drawn_targets.assign(static_cast<std::size_t>(k), 0);
  if (metadata.contains("drawn-targets")) {
    metadata.at("drawn-targets").get_to(model.drawn_targets);
    if (static_cast<Index>(model.drawn_targets.size()) != k)
      throw DataError("its numbers of targets drawn in are of another number of targets");
  }
  if (metadata.contains("contradicted"))
    for (const json& each : metadata.at("contradicted"))
      model.contradicted.push_back({each.at("row"), vector(each.at("y")), vector(each.at("f"))});
  for (const Contradicted& each : model.contradicted)
    if (each.row < 0 || each.y.size() != k || each.f.size() != k)
      throw DataError("its rows that others contradict are of another number of targets");
  if (metadata.contains("target-transforms")) {
    const json& transforms = metadata.at("target-transforms");
    if (static_cast<Index>(transforms.size()) != k)
      throw DataError("its target transforms are of another number of targets");
    for (std::size_t t = 0; t < transforms.size(); ++t)
      model.scaling.y_transforms.push_back(transform_from(tensors, transforms.at(t), t));
  }
  model.x_min = tensors.vector("x_min", d);
  model.x_max = tensors.vector("x_max", d);
  if (tensors.has("range_low")) model.ranges = ranges_from(tensors, d);
  model.linear.alpha = tensors.vector("alpha", k);
  model.linear.beta = tensors.matrix("beta", d, k);
  if (tensors.has("gradient_factor"))
    model.gradient_factor = factor_from(tensors, d);
  else
    model.gradient_outer_product = tensors.matrix("gradient_outer_product", d, d);
  if (metadata.contains("selection"))
    model.selection = selection_from(metadata.at("selection"), k, model.scaling.inputs());
  if (metadata.contains("intervals")) model.intervals = intervals_from(tensors, metadata.at("intervals"), k);
  model.predictors = read_predictors(metadata.at("predictors"), tensors, d, k);
  // Only where something was searched for may nothing have been found.
  if (model.predictors.empty() && model.selection.candidates.empty()) throw DataError("it has no predictor");
  return model;
}

std::string checksum(std::string_view bytes) {
  return fmt::format("{:08x}", crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

std::string read_file(const std::string& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) throw IoError(fmt::format("{}: there is no such file", path));
  if (std::filesystem::is_directory(status))
    throw IoError(fmt::format("{}: is a directory, expected a model file", path));
  // A pipe would be waited for, and says no size.
  if (!std::filesystem::is_regular_file(status))
    throw IoError(fmt::format("{}: is a device or a pipe, expected a model file", path));
  std::ifstream file(path, std::ios::binary);
  if (!file) throw IoError(fmt::format("{}: cannot be opened: {}", path, std::strerror(errno)));
  const auto size = std::filesystem::file_size(path, error);
  if (error) throw IoError(fmt::format("{}: cannot be read: {}", path, error.message()));
  std::string bytes(size, '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(size));
  if (static_cast<std::uintmax_t>(file.gcount()) != size)
    throw IoError(fmt::format("{}: cannot be read to its end", path));
  return bytes;
}

}  // namespace

double tensor_bytes(const Model& model) {
  TensorList tensors = tensors_of(model);
  (void)write_predictors(model.predictors, tensors);
  return static_cast<double>(tensors.bytes());
}

std::string model_bytes(const Model& model, const std::string& where) {
  TensorList tensors = tensors_of(model);
  json predictors = write_predictors(model.predictors, tensors);
  json header;
  try {
    header["__metadata__"] = {{"crc32", checksum_blank}, {"sextant", metadata_of(model, std::move(predictors)).dump()}};
  } catch (const json::exception&) {
    throw InvalidArgument(fmt::format("{}: cannot be written: a name in the model is not UTF-8 text", where));
  }
  tensors.describe(header);
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');  // tensors start on a multiple of 8
  const std::uint64_t length = text.size();

  std::string bytes(sizeof(length), '\0');
  std::memcpy(bytes.data(), &length, sizeof(length));
  bytes += text;
  tensors.append_to(bytes);
  const std::string sum = checksum(bytes);
  bytes.replace(bytes.find(checksum_field) + checksum_field.size(), sum.size(), sum);
  return bytes;
}

void save_model(const Model& model, const std::string& path) {
  const std::string bytes = model_bytes(model, path);
  // What cannot be read again must not replace what is there, nor be found out only when it is needed.
  try {
    (void)model_from_bytes(bytes, "the model");
  } catch (const Error& error) {
    throw Error(
        fmt::format("{}: internal error: nothing was written, since the model could not be read again ({}); please "
                    "report this",
                    path, error.what()));
  }
  OutputFile file(path);
  file.write(bytes);
  file.commit();
}

Model model_from_bytes(std::string bytes, const std::string& where) {
  std::uint64_t length = 0;
  if (bytes.size() < sizeof(length))
    throw DataError(fmt::format("{}: {} bytes, expected a model file: it starts with 8 bytes of header length", where,
                                bytes.size()));
  std::memcpy(&length, bytes.data(), sizeof(length));
  if (length > header_limit || length > bytes.size() - sizeof(length))
    throw DataError(fmt::format("{}: is not a model file, or was cut: it claims a header of {} bytes and has {}", where,
                                length, bytes.size() - sizeof(length)));
  const std::string_view text = std::string_view(bytes).substr(sizeof(length), length);
  try {
    const json header = json::parse(text);
    const std::size_t at = text.find(checksum_field);
    if (at == std::string_view::npos || !header.at("__metadata__").contains("sextant"))
      throw DataError("it is a safetensors file, but not of a Sextant model");
    const std::size_t sum_at = sizeof(length) + at + checksum_field.size();
    const std::string sum = bytes.substr(sum_at, checksum_blank.size());
    bytes.replace(sum_at, checksum_blank.size(), checksum_blank);
    if (checksum(bytes) != sum) throw DataError("its checksum does not match: the file was damaged or cut");
    return model_from(header, std::string_view(bytes).substr(sizeof(length) + length));
  } catch (const json::exception&) {
    throw DataError(fmt::format("{}: is not a model file, or was damaged: its header cannot be read", where));
  } catch (const Error& error) {
    throw DataError(fmt::format("{}: cannot be loaded: {}", where, error.what()));
  }
}

Model load_model(const std::string& path) { return model_from_bytes(read_file(path), path); }

}  // namespace sextant
