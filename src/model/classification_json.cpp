#include "model/classification_json.h"

namespace sextant {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// NaN, which JSON has not, as null.
json share(double value) { return std::isnan(value) ? json() : json(value); }
double share(const json& value) { return value.is_null() ? nan : value.get<double>(); }

json to_json(const ClassScores& scores) {
  return {{"rows", scores.n}, {"accuracy", scores.accuracy}, {"log-loss", scores.log_loss}};
}

ClassScores class_scores_from(const json& entry) {
  return {entry.at("rows").get<Index>(), entry.at("accuracy").get<double>(), entry.at("log-loss").get<double>()};
}

json to_json(const ClassReport& report) {
  json rows = json::array();
  json recall = json::array();
  json precision = json::array();
  json gain = json::array();
  for (const OneClass& each : report.classes) {
    rows.push_back(each.n);
    recall.push_back(share(each.recall));
    precision.push_back(share(each.precision));
    gain.push_back(share(each.gain));
  }
  json bins = json::array();
  for (const ReliabilityBin& bin : report.bins) bins.push_back({bin.share, bin.predicted, bin.observed});
  return {{"rows", rows}, {"recall", recall},    {"precision", precision},
          {"gain", gain}, {"reliability", bins}, {"calibration-error", report.calibration_error}};
}

ClassReport report_from(const json& entry, Index k) {
  ClassReport report;
  const json& rows = entry.at("rows");
  for (const char* key : {"rows", "recall", "precision", "gain"})
    if (static_cast<Index>(entry.at(key).size()) != k)
      throw DataError("its report of classes is of another number of classes");
  for (std::size_t c = 0; c < rows.size(); ++c)
    report.classes.push_back({rows[c].get<Index>(), share(entry.at("recall")[c]), share(entry.at("precision")[c]),
                              share(entry.at("gain")[c])});
  for (const json& bin : entry.at("reliability")) {
    if (bin.size() != 3) throw DataError("its reliability has bins of other than three numbers");
    report.bins.push_back({bin[0].get<double>(), bin[1].get<double>(), bin[2].get<double>()});
  }
  entry.at("calibration-error").get_to(report.calibration_error);
  return report;
}

json to_json(const ThresholdScore& score) {
  return {score.threshold, share(score.precision),         share(score.recall),
          share(score.f1), share(score.balanced_accuracy), share(score.accuracy)};
}

ThresholdScore threshold_score_from(const json& entry) {
  if (entry.size() != 6) throw DataError("its advice on a threshold has other than six numbers");
  return {share(entry[0]), share(entry[1]), share(entry[2]), share(entry[3]), share(entry[4]), share(entry[5])};
}

json to_json(const ThresholdAdvice& advice) {
  return {{"class", advice.class_at},
          {"rows", advice.n},
          {"of-it", advice.of_it},
          {"f1", to_json(advice.f1)},
          {"balanced", to_json(advice.balanced)},
          {"most-probable", to_json(advice.most_probable)}};
}

ThresholdAdvice threshold_from(const json& entry, Index k) {
  ThresholdAdvice advice;
  entry.at("class").get_to(advice.class_at);
  entry.at("rows").get_to(advice.n);
  entry.at("of-it").get_to(advice.of_it);
  if (k != 2 || advice.class_at < 0 || advice.class_at > 1)
    throw DataError("its advice on a threshold is about none of two classes");
  advice.f1 = threshold_score_from(entry.at("f1"));
  advice.balanced = threshold_score_from(entry.at("balanced"));
  advice.most_probable = threshold_score_from(entry.at("most-probable"));
  return advice;
}

}  // namespace

json to_json(const Classification& classification) {
  json entry = {{"temperature", classification.link.temperature},
                {"softness", number(classification.link.softness)},
                {"frequencies", numbers(classification.frequencies)},
                {"held-out", to_json(classification.held_out)},
                {"majority", to_json(classification.majority)}};
  if (classification.weights.size() > 0) entry["weights"] = numbers(classification.weights);
  if (!classification.report.classes.empty()) entry["report"] = to_json(classification.report);
  if (classification.threshold) entry["threshold"] = to_json(*classification.threshold);
  return entry;
}

Classification classification_from(const json& entry, Index k) {
  Classification classification;
  classification.link = {entry.at("temperature").get<double>(), number(entry.at("softness"))};
  if (!(classification.link.temperature > 0) || !(classification.link.softness > 0) ||
      std::isinf(classification.link.temperature))
    throw DataError("its temperature or softness is not positive");
  classification.frequencies = vector(entry.at("frequencies"));
  if (classification.frequencies.size() != k) throw DataError("its class frequencies are of another number of classes");
  if (!(classification.frequencies.array() > 0).all() || !classification.frequencies.allFinite())
    throw DataError("a class frequency is not positive");
  classification.held_out = class_scores_from(entry.at("held-out"));
  classification.majority = class_scores_from(entry.at("majority"));
  // Files of earlier versions have none of these.
  if (entry.contains("weights")) {
    classification.weights = vector(entry.at("weights"));
    if (classification.weights.size() != k) throw DataError("its class weights are of another number of classes");
    if (!(classification.weights.array() > 0).all() || !classification.weights.allFinite())
      throw DataError("a class weight is not positive");
  }
  if (entry.contains("report")) classification.report = report_from(entry.at("report"), k);
  if (entry.contains("threshold")) classification.threshold = threshold_from(entry.at("threshold"), k);
  return classification;
}

}  // namespace sextant
