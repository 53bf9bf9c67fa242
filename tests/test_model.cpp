// Oracles: the formulas of model.h written out; `train` on a kept map; model files changed byte by byte.
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <zlib.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "message_of.h"
#include "method/leaf_partition.h"
#include "sextant/encoding.h"
#include "sextant/error.h"
#include "sextant/model.h"
#include "sextant/model_file.h"
#include "sextant/network.h"
#include "sextant/passes.h"
#include "sextant/synthetic.h"
#include "sextant/version.h"
#include "temporary_folder.h"
#include "test_support.h"

using namespace sextant;
using nlohmann::json;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

FitOptions small(std::uint64_t seed = 5) { return {.method = Method::algorithm_1, .width = 16, .seed = seed}; }

// Inputs x1 … xd and targets y1 … yk, as `fit` names a matrix's columns.
Encoding numbered(Index inputs, Index targets) {
  Encoding encoding;
  for (Index j = 1; j <= inputs; ++j) encoding.columns.push_back({fmt::format("x{}", j), ColumnKind::number, {}});
  for (Index t = 1; t <= targets; ++t) encoding.targets.push_back(targets == 1 ? "y" : fmt::format("y{}", t));
  return encoding;
}

Model fitted(Index n = 80, Index d = 4, Index k = 2) {
  const Rows rows = random_rows(n, d, k, 1, false);
  return fit(rows.X, rows.Y, small(), run_with(1));
}

// f(x) = mean_y + scale_y·(α + βᵀz + Σ_p weight_p a_pᵀσ(W_p z + b_p)), unit by unit.
Matrix by_formula(const Model& model, const Matrix& X) {
  Matrix Y(X.rows(), model.targets());
  for (Index i = 0; i < X.rows(); ++i) {
    Vector z(model.scaling.inputs());
    for (Index j = 0; j < z.size(); ++j) {
      const double x = X(i, model.scaling.kept[static_cast<std::size_t>(j)]);
      z[j] = ((std::isnan(x) ? model.scaling.x_fill[j] : x) - model.scaling.x_mean[j]) / model.scaling.x_scale[j];
    }
    for (Index t = 0; t < Y.cols(); ++t) {
      double y = model.linear.alpha[t] + model.linear.beta.col(t).dot(z);
      for (const Predictor& predictor : model.predictors) {
        Matrix phi(1, width(predictor.map));  // by hand for the network, tests/test_feature_map.cpp for the others
        if (const auto* network = std::get_if<ReluNetwork>(&predictor.map); network != nullptr && !predictor.lift)
          phi = (network->first_layer() * z + network->b).cwiseMax(0.0).transpose();
        else if (predictor.lift) {
          Matrix lifted;  // by hand in tests/test_lift.cpp
          predictor.lift->apply(z.transpose(), lifted);
          features(predictor.map, lifted, phi);
        } else
          features(predictor.map, z.transpose(), phi);
        y += predictor.weight * phi.row(0).dot(predictor.a.col(t));
      }
      Y(i, t) = model.scaling.y_mean[t] + model.scaling.y_scale[t] * y;
    }
  }
  return Y;
}

// A predictor of every kind, a dropped input, text columns, missing cells: every part of a model file.
Model every_part() {
  const Rows rows = random_rows(90, 6, 2, 2);
  Rows table = rows;
  table.X.col(2).setConstant(4);
  Encoding encoding;
  encoding.columns = {{"length", ColumnKind::number, {}},
                      {"größe \"quoted\"", ColumnKind::text, {"a, b", "c=d", ""}},
                      {"x\ty", ColumnKind::number, {}},
                      {"one level", ColumnKind::text, {"日本"}}};
  encoding.targets = {"lift", "drag"};
  encoding.weights = "w";
  encoding.missing = Missing::mean;
  FitOptions options = small(std::numeric_limits<std::uint64_t>::max());
  options.eta = 0.7;
  options.rank = 2;
  options.first_layer_decay = 0.1;
  options.lambda = {1e-3, 1, std::numeric_limits<double>::infinity()};
  options.folds = 3;
  Model model = fit(table.source(), encoding, options, run_with(1));
  model.predictors.push_back({0.25, random_network(8, 5, true, 3), normals(8, 2, 4)});
  const FitOptions ntk{.method = Method::ntk, .width = 6, .seed = 4, .bias = 0.5, .ntk_blocks = {true, true, false}};
  model.predictors.push_back({0.125, linearised_network(ntk, 5), normals(36, 2, 5)});
  const Kernel kernel{.kind = KernelKind::ntk, .bias = 0.5, .blocks = {true, false, true}, .degree = 4, .bandwidth = 2};
  model.predictors.push_back({-0.5, KernelSections{kernel, normals(7, 5, 6)}, normals(7, 2, 7)});
  model.predictors.front().weight = 0.75;
  return model;
}

// Terms of the automatic method: a network and a kernel of lifted inputs, landmarks in coordinates, a Hermite link.
Model of_refined_terms() {
  Model model = fitted();
  Lift lift;
  for (Index j = 0; j < 4; ++j) lift.knots.push_back(Vector::LinSpaced(2 + j, -1.5, 1.0 + static_cast<double>(j)));
  const Index D = lift.coordinates();
  model.predictors.push_back({0.25, random_network(8, D, false, 3), normals(8, 2, 4), lift});
  const Kernel kernel{.kind = KernelKind::exponential, .bandwidth = 2, .exponent = 1.4};
  model.predictors.push_back(
      {0.5, KernelSections{kernel, normals(7, 3, 6), normals(3, D, 7), true}, normals(7, 2, 8), lift});
  model.predictors.push_back({0.75, KernelSections{kernel, normals(9, 2, 9), normals(2, 4, 10)}, normals(9, 2, 11)});
  const HermiteFeatures hermite{normals(2, 4, 12), Vector(normals(2, 1, 13)), Vector::Constant(2, -2.0),
                                Vector::Constant(2, 1.5), 3};
  model.predictors.push_back({0.5, hermite, normals(10, 2, 14)});
  return model;
}

// Leaf machines that share their rows, with leaves' own coordinates and warps of both kinds.
Model of_leaf_machines() {
  Model model = fitted();
  const Rows rows = random_rows(80, 4, 2, 6, false);
  const auto Z = std::make_shared<const SingleMatrix>(normals(80, 3, 7).cast<float>());
  for (const WarpKind kind : {WarpKind::none, WarpKind::soft_clip, WarpKind::normal_scores}) {
    LeafMachine machine = partition(Z, {.most = 30, .number = static_cast<Index>(kind)}, run_with(1));
    machine.S = normals(3, 4, 8);
    const LeafFit how{
        {.kind = KernelKind::exponential, .bandwidth = 2, .exponent = 1.4}, 0.1, kind == WarpKind::soft_clip ? 1 : 0};
    const Matrix a = fit_leaves(machine, rows.Y, rows.w, how, run_with(1));
    Predictor& predictor = model.predictors.emplace_back(Predictor{0.3, std::move(machine), a});
    if (kind != WarpKind::none) predictor.warp = learn_warp(rows.source(), kind, run_with(1));
  }
  return model;
}

std::string saved(const Model& model) {
  const TemporaryFolder folder;
  save_model(model, folder.path("m.sextant"));
  return folder.bytes("m.sextant");
}

// A model file in parts, to change them and put them together with a fitting checksum.
struct File {
  json header;
  std::string data;

  explicit File(const std::string& bytes) {
    std::uint64_t length = 0;
    std::memcpy(&length, bytes.data(), sizeof(length));
    header = json::parse(bytes.substr(8, length));
    data = bytes.substr(8 + length);
  }
  [[nodiscard]] json metadata() const {
    return json::parse(header.at("__metadata__").at("sextant").get<std::string>());
  }
  void metadata(const json& changed) { header["__metadata__"]["sextant"] = changed.dump(); }
  [[nodiscard]] std::string bytes() const {
    json blank = header;
    blank["__metadata__"]["crc32"] = "00000000";
    std::string text = blank.dump();
    text.append((8 - text.size() % 8) % 8, ' ');
    const std::uint64_t length = text.size();
    std::string all(reinterpret_cast<const char*>(&length), sizeof(length));
    all += text + data;
    const auto crc = crc32_z(0, reinterpret_cast<const Bytef*>(all.data()), all.size());
    all.replace(all.find("00000000"), 8, fmt::format("{:08x}", crc));
    return all;
  }
};

// What load_model says of these bytes: the message must name the file and be of `Expected`.
template <class Expected>
std::string refusal(const TemporaryFolder& folder, const std::string& bytes) {
  const std::string path = folder.put("m.sextant", bytes);
  std::string message = message_of<Expected>([&] { (void)load_model(path); });
  if (message.rfind(path + ": ", 0) == 0) message = message.substr(path.size() + 2);
  return message;
}

}  // namespace

// Oracle: the file.
TEST(Model, BytesInMemoryAreThoseOfTheFile) {
  const Model model = of_refined_terms();
  const std::string bytes = model_bytes(model);
  EXPECT_EQ(bytes, saved(model));
  EXPECT_EQ(model_bytes(model_from_bytes(bytes)), bytes);
  std::string damaged = bytes;
  damaged.back() ^= 1;
  EXPECT_EQ(message_of<DataError>([&] { (void)model_from_bytes(damaged, "pickle"); }),
            "pickle: cannot be loaded: its checksum does not match: the file was damaged or cut");
}

TEST(Model, FitOnMatrices) {
  const Rows rows = random_rows(80, 4, 2, 1, false);
  const Model model = fit(rows.X, rows.Y, small(), run_with(1));
  EXPECT_EQ(model.inputs(), 4);
  EXPECT_EQ(model.targets(), 2);
  EXPECT_EQ(model.encoding.input_names(), (std::vector<std::string>{"x1", "x2", "x3", "x4"}));
  EXPECT_EQ(model.encoding.targets, (std::vector<std::string>{"y1", "y2"}));
  EXPECT_EQ(fit(rows.X, Matrix(rows.Y.col(0)), small(), run_with(1)).encoding.targets, std::vector<std::string>{"y"});
  EXPECT_EQ(model.kept_names(), model.encoding.input_names());
  EXPECT_TRUE(model.constant_names().empty());
  EXPECT_EQ(model.rows, 80);
  EXPECT_EQ(model.version, version());
  EXPECT_FALSE(model.transferred);
  EXPECT_EQ(model.options.width, 16);
  // It is what `train` returns.
  const Trained trained = algorithm_1(rows.source(), nullptr, small(), run_with(1));
  EXPECT_EQ(model.predictors.at(0).a, trained.predictors[0].a);
  EXPECT_EQ(model.gradient_outer_product, trained.gradient_outer_product);
  EXPECT_EQ(model.x_max, trained.x_max);
  EXPECT_EQ(model.validation.path, trained.validation.path);
}

TEST(Model, LearnsWhatALineCannot) {
  const GaussianSource data({source_target(4, {.d = 6})}, {.rows = 6000, .noise = 0.1, .seed = 3});
  const Model model = fit(data, numbered(6, 1), {.method = Method::algorithm_1, .width = 100, .seed = 1}, run_with(1));
  const GaussianSource test({source_target(4, {.d = 6})}, {.rows = 6000, .seed = 4});
  EXPECT_GT(evaluate(model, test).targets.at(0).r2, 0.9);
  const Directions found = directions(model);
  EXPECT_EQ(found.rank.rank, 1);
  EXPECT_GT(std::abs(found.spectrum.directions(0, 0)), 0.98);
  EXPECT_EQ(found.inputs.size(), 6U);
  EXPECT_EQ(found.scale, model.scaling.x_scale);
  EXPECT_EQ(found.mean, model.scaling.x_mean);
}

TEST(Model, PredictsByItsFormula) {
  for (const Model& model : {fitted(), every_part(), of_refined_terms()}) {
    Matrix X = 2 * normals(300, model.inputs(), 9);
    X(0, 0) = X(299, 1) = X(17, model.inputs() - 1) = not_a_number;
    const Matrix expected = by_formula(model, X);
    const Matrix one = predict(model, X, run_with(1));
    EXPECT_LT(relative_error(one, expected), 1e-12);
    for (const int threads : {2, 3}) EXPECT_EQ(predict(model, X, run_with(threads)), one);
  }
  const Model model = fitted();
  EXPECT_EQ(predict(model, Matrix(0, 4)).rows(), 0);
  EXPECT_EQ(message_of<InvalidArgument>([&] { (void)predict(model, Matrix::Zero(2, 5)); }),
            "predict: 5 inputs given, expected 4");
  EXPECT_EQ(message_of<InvalidArgument>([&] { (void)predict(model, Matrix::Zero(2, 4), run_with(1, 0)); }),
            "block_rows: 0 given, expected at least 1");
}

TEST(Model, PredictionsThatOverflowAreAnError) {
  // With and without a linear part, whatever cancels inside.
  for (const Preprocess preprocess : {Preprocess::linear, Preprocess::none}) {
    const Rows rows = random_rows(80, 4, 1, 1, false);
    FitOptions options = small();
    options.preprocess = preprocess;
    options.standardise = preprocess == Preprocess::linear;
    Model model = fit(rows.X, rows.Y, options, run_with(1));
    std::get<ReluNetwork>(model.predictors[0].map).W *= 100;
    const auto refused = [&](double a, double b) {
      Matrix X = rows.X.topRows(3);
      X(1, 0) = a;
      X(1, 3) = b;
      return message_of<NumericalError>([&] { (void)predict(model, X); });
    };
    const std::string expected =
        "predict: the prediction for row 2 overflows; an input is far outside its training range";
    constexpr double inf = std::numeric_limits<double>::infinity();
    for (const double huge : {1.7e308, inf}) {
      EXPECT_EQ(refused(huge, 0), expected) << huge;
      EXPECT_EQ(refused(-huge, 0), expected) << huge;
      EXPECT_EQ(refused(huge, -huge), expected) << huge;
      EXPECT_EQ(refused(huge, huge), expected) << huge;
    }
  }
}

TEST(Model, EvaluatesByItsFormula) {
  const Model model = fitted();
  Rows rows = random_rows(130, 4, 2, 10);
  for (const double offset : {0.0, 1e6}) {
    rows.Y.col(0).array() += offset;
    const Scores scores = evaluate(model, rows.source(), run_with(1, 32));
    EXPECT_EQ(scores.n, (rows.w.array() > 0).count());
    ASSERT_EQ(scores.targets.size(), 2U);
    const Matrix f = by_formula(model, rows.X);
    for (Index t = 0; t < 2; ++t) {
      const Score& score = scores.targets[static_cast<std::size_t>(t)];
      EXPECT_EQ(score.target, fmt::format("y{}", t + 1));
      const double n = rows.w.sum();
      const double mean = rows.w.dot(rows.Y.col(t)) / n;
      const Vector e = rows.Y.col(t) - f.col(t);
      const double square = rows.w.dot(e.cwiseAbs2());
      const double variation = rows.w.dot((rows.Y.col(t).array() - mean).square().matrix());
      EXPECT_NEAR(score.rmse, std::sqrt(square / n), 1e-12 * score.rmse);
      EXPECT_NEAR(score.mae, rows.w.dot(e.cwiseAbs()) / n, 1e-12 * score.mae);
      EXPECT_NEAR(score.r2, 1 - square / variation, 1e-9 * (1 + std::abs(score.r2)));
    }
    for (const Index block_rows : {1, 64, 1024})
      EXPECT_NEAR(evaluate(model, rows.source(), run_with(1, block_rows)).targets[0].r2, scores.targets[0].r2,
                  1e-9 * (1 + std::abs(scores.targets[0].r2)));
  }
}

TEST(Model, R2OfAConstantTargetIsNotANumber) {
  const Model model = fitted();
  Rows rows = random_rows(3000, 4, 2, 11);
  rows.Y.col(0).setConstant(0.1 + model.scaling.y_mean[0]);
  rows.Y.col(1).setConstant(model.scaling.y_mean[1]);
  for (const Score& score : evaluate(model, rows.source()).targets) {
    EXPECT_TRUE(std::isnan(score.r2)) << score.r2;
    EXPECT_TRUE(std::isfinite(score.rmse));
  }
  // A row of weight 0 does not make it vary, whatever it holds.
  rows.Y(2, 0) = 1e300;
  ASSERT_EQ(rows.w[2], 0);
  EXPECT_TRUE(std::isnan(evaluate(model, rows.source()).targets[0].r2));
  // Nor does one row alone vary.
  const Rows one = random_rows(1, 4, 2, 12, false);
  EXPECT_TRUE(std::isnan(evaluate(model, one.source()).targets[0].r2));
}

TEST(Model, RowsMustFitTheEncoding) {
  const Rows rows = random_rows(20, 4, 2, 13, false);
  EXPECT_EQ(message_of<InvalidArgument>([&] { (void)fit(rows.source(), numbered(5, 2), small()); }),
            "fit: the rows have 4 inputs and 2 targets, expected the encoding's 5 and 2");
  const Model model = fitted();
  const Rows other = random_rows(20, 4, 1, 13, false);
  EXPECT_EQ(message_of<InvalidArgument>([&] { (void)evaluate(model, other.source()); }),
            "evaluate: the rows have 4 inputs and 1 targets, expected the encoding's 4 and 2");
  EXPECT_EQ(message_of<InvalidArgument>([&] { (void)transfer(model, other.source(), numbered(4, 2)); }),
            "transfer: the rows have 4 inputs and 1 targets, expected the encoding's 4 and 2");
}

TEST(Model, ConstantInputsAreNamed) {
  Rows rows = random_rows(60, 4, 1, 14, false);
  rows.X.col(0).setConstant(2);
  rows.X.col(2).setConstant(0);
  const Model model = fit(rows.X, rows.Y, small());
  EXPECT_EQ(model.kept_names(), (std::vector<std::string>{"x2", "x4"}));
  EXPECT_EQ(model.constant_names(), (std::vector<std::string>{"x1", "x3"}));
  // They do not matter at prediction either.
  Matrix X = rows.X;
  const Matrix before = predict(model, X);
  X.col(0).setConstant(1e9);
  EXPECT_EQ(predict(model, X), before);
  EXPECT_EQ(directions(model).inputs, model.kept_names());
}

TEST(Model, TransferKeepsTheRepresentation) {
  const Model source = fitted();
  const Rows rows = random_rows(50, 4, 1, 15);
  Encoding encoding = numbered(4, 1);
  encoding.targets = {"drag"};
  FitOptions options{.method = Method::algorithm_1};
  options.width = 999;  // shapes of the first layer are the model's, not these
  options.rank = 77;
  options.seed = 8;
  options.preprocess = Preprocess::none;
  const Model model = transfer(source, rows.source(), encoding, options, run_with(1));
  EXPECT_TRUE(model.transferred);
  EXPECT_EQ(model.encoding.targets, std::vector<std::string>{"drag"});
  EXPECT_EQ(model.options.width, 16);
  EXPECT_EQ(model.options.seed, 8U);
  EXPECT_EQ(model.rows, (rows.w.array() > 0).count());
  const auto& kept = std::get<ReluNetwork>(source.predictors[0].map);
  const auto& network = std::get<ReluNetwork>(model.predictors.at(0).map);
  EXPECT_EQ(network.W, kept.W);
  EXPECT_EQ(network.b, kept.b);
  EXPECT_EQ(network.mirrored, kept.mirrored);
  EXPECT_EQ(model.scaling.x_mean, source.scaling.x_mean);
  EXPECT_EQ(model.scaling.x_scale, source.scaling.x_scale);
  EXPECT_EQ(model.scaling.kept, source.scaling.kept);

  // `train` on the kept map.
  FitOptions head = small(8);
  head.preprocess = Preprocess::none;
  const Representation same = [&](const RowSource&, const LinearPart&, const Context&) -> FeatureMap { return kept; };
  const Trained trained = train(rows.source(), nullptr, same, head, run_with(1), &source.scaling);
  EXPECT_EQ(model.predictors[0].a, trained.predictors[0].a);
  EXPECT_EQ(model.linear.alpha, trained.linear.alpha);
  EXPECT_EQ(model.linear.beta, trained.linear.beta);
  EXPECT_EQ(model.validation.path, trained.validation.path);
  EXPECT_EQ(model.scaling.y_scale, trained.scaling.y_scale);
  EXPECT_EQ(model.gradient_outer_product, trained.gradient_outer_product);
}

TEST(Model, TransferNeedsFewerRows) {
  // Theorem 3: with the direction known, 1000 rows in d = 10 do what they cannot do from scratch.
  const TargetOptions where{.d = 10, .orientation = Orientation::random, .seed = 2};
  const GaussianSource plenty({source_target(4, where)}, {.rows = 20'000, .noise = 0.1, .seed = 3});
  const FitOptions options{
      .standardise = false, .method = Method::algorithm_1, .width = 100, .preprocess = Preprocess::none, .seed = 4};
  const Model source = fit(plenty, numbered(10, 1), options, run_with(1));
  const GaussianSource few({hermite_target(3, where)}, {.rows = 1000, .noise = 0.1, .seed = 5});
  const GaussianSource test({hermite_target(3, where)}, {.rows = 20'000, .seed = 6});
  const double moved =
      evaluate(transfer(source, few, numbered(10, 1), options, run_with(1)), test, run_with(1)).targets[0].r2;
  const double scratch = evaluate(fit(few, numbered(10, 1), options, run_with(1)), test, run_with(1)).targets[0].r2;
  EXPECT_GT(moved, 0.9);
  EXPECT_LT(scratch, 0.7);
}

TEST(Model, TransferNeedsTheSameInputs) {
  const Model model = fitted();
  const Rows rows = random_rows(30, 4, 1, 16, false);
  Encoding renamed = numbered(4, 1);
  renamed.columns[2].name = "x7";
  EXPECT_EQ(message_of<InvalidArgument>([&] { (void)transfer(model, rows.source(), renamed); }),
            "transfer: the inputs differ from the model's, expected the same in the same order");
  const Model two = every_part();
  const Rows other = random_rows(30, 6, 2, 16, false);
  EXPECT_EQ(
      message_of<InvalidArgument>([&] { (void)transfer(two, other.source(), two.encoding); }),
      "transfer: the model has 4 sets of features, expected one first layer to keep; keep its directions instead");
}

TEST(ModelFile, RoundTrip) {
  const TemporaryFolder folder;
  for (const Model& model : {fitted(), every_part(), of_refined_terms()}) {
    const std::string path = folder.path("m.sextant");
    save_model(model, path);
    const Model loaded = load_model(path);
    const std::string again = folder.path("again.sextant");
    save_model(loaded, again);
    EXPECT_EQ(file_bytes(path), file_bytes(again));
    const Matrix X = normals(50, model.inputs(), 17);
    EXPECT_EQ(predict(loaded, X), predict(model, X));
    EXPECT_EQ(loaded.encoding.input_names(), model.encoding.input_names());
    EXPECT_EQ(loaded.encoding.targets, model.encoding.targets);
    EXPECT_EQ(loaded.encoding.weights, model.encoding.weights);
    EXPECT_EQ(loaded.encoding.missing, model.encoding.missing);
    EXPECT_EQ(loaded.kept_names(), model.kept_names());
    EXPECT_EQ(loaded.options.seed, model.options.seed);
    EXPECT_EQ(loaded.options.eta, model.options.eta);
    EXPECT_EQ(loaded.options.rank, model.options.rank);
    EXPECT_EQ(loaded.options.folds, model.options.folds);
    EXPECT_EQ(loaded.options.first_layer_decay, model.options.first_layer_decay);
    EXPECT_EQ(loaded.options.lambda, model.options.lambda);
    EXPECT_EQ(loaded.rows, model.rows);
    EXPECT_EQ(loaded.version, model.version);
    EXPECT_EQ(loaded.gradient_outer_product, model.gradient_outer_product);
    EXPECT_EQ(loaded.x_min, model.x_min);
    EXPECT_EQ(loaded.x_max, model.x_max);
    EXPECT_EQ(loaded.validation.lambda, model.validation.lambda);
    EXPECT_EQ(loaded.validation.path, model.validation.path);
    EXPECT_EQ(loaded.validation.chosen_lambda, model.validation.chosen_lambda);
    EXPECT_EQ(loaded.validation.epsilon, model.validation.epsilon);
    EXPECT_EQ(loaded.validation.at_grid_end, model.validation.at_grid_end);
    EXPECT_EQ(folder.names(), (std::set<std::string>{"again.sextant", "m.sextant"}));  // no temporary file stays
  }
}

TEST(ModelFile, OfAClass) {
  const TemporaryFolder folder;
  const Matrix X = normals(120, 3, 1);
  std::vector<std::string> labels;
  for (Index i = 0; i < 120; ++i) labels.emplace_back(X(i, 0) > 0.5 ? "größer" : X(i, 1) > 0 ? "a, b" : "c=d");
  const Model model = fit(X, labels, small());
  save_model(model, folder.path("m.sextant"));
  const Model loaded = load_model(folder.path("m.sextant"));
  EXPECT_EQ(loaded.encoding.classes, model.encoding.classes);
  EXPECT_EQ(loaded.encoding.class_kind, ColumnKind::text);
  EXPECT_EQ(loaded.options.task, Task::classification);
  ASSERT_TRUE(loaded.classification);
  EXPECT_EQ(loaded.classification->held_out.log_loss, model.classification->held_out.log_loss);
  EXPECT_EQ(predict_probabilities(loaded, X), predict_probabilities(model, X));
  save_model(loaded, folder.path("again.sextant"));
  EXPECT_EQ(folder.bytes("again.sextant"), folder.bytes("m.sextant"));
}

TEST(ModelFile, LayoutIsSafetensors) {
  const Model model = every_part();
  const std::string bytes = saved(model);
  const File file(bytes);
  EXPECT_EQ((bytes.size() - file.data.size()) % 8, 0U);
  std::uint64_t end = 0;
  for (const auto& [name, tensor] : file.header.items()) {
    if (name == "__metadata__") {
      for (const auto& [key, value] : tensor.items()) EXPECT_TRUE(value.is_string()) << key;
      continue;
    }
    EXPECT_EQ(tensor.at("dtype"), "F64") << name;
    std::uint64_t size = 8;
    for (const auto& extent : tensor.at("shape")) size *= extent.get<std::uint64_t>();
    EXPECT_EQ(tensor.at("data_offsets")[0], end) << name;  // no gaps, in the header's order
    end += size;
    EXPECT_EQ(tensor.at("data_offsets")[1], end) << name;
  }
  EXPECT_EQ(end, file.data.size());
  // A tensor read by hand.
  const auto& tensor = file.header.at("predictor.1.a");
  EXPECT_EQ(tensor.at("shape"), json({8, 2}));
  double third = 0;
  std::memcpy(&third, file.data.data() + tensor.at("data_offsets")[0].get<std::size_t>() + 16, 8);
  EXPECT_EQ(third, model.predictors[1].a(1, 0));
  EXPECT_EQ(file.bytes(), bytes);  // the tests below write what save_model writes
}

TEST(ModelFile, SameBytesForAnyNumberOfThreads) {
  const Rows rows = random_rows(400, 9, 2, 18);
  const FitOptions options{.method = Method::algorithm_1, .width = 150, .seed = 3};
  const auto bytes = [&](int threads) {
    return saved(fit(rows.source(), numbered(9, 2), options, run_with(threads, 256)));
  };
  const std::string one = bytes(1);
  EXPECT_EQ(bytes(2), one);
  EXPECT_EQ(bytes(3), one);
  EXPECT_EQ(bytes(1), one);  // nor of the time of day
}

TEST(ModelFile, CutAnywhere) {
  const TemporaryFolder folder;
  const std::string bytes = saved(fitted(20, 2, 1));
  for (std::size_t length = 0; length < bytes.size(); length += length < 64 ? 1 : 37) {
    const std::string message = refusal<DataError>(folder, bytes.substr(0, length));
    EXPECT_TRUE(message.rfind("0 bytes", 0) == 0 || message.find("model file") != std::string::npos ||
                message.rfind("cannot be loaded: its checksum does not match", 0) == 0)
        << length << ": " << message;
  }
  EXPECT_EQ(refusal<DataError>(folder, ""), "0 bytes, expected a model file: it starts with 8 bytes of header length");
  EXPECT_EQ(refusal<DataError>(folder, bytes.substr(0, bytes.size() - 1)),
            "cannot be loaded: its checksum does not match: the file was damaged or cut");
  EXPECT_EQ(refusal<DataError>(folder, bytes + '\0'),
            "cannot be loaded: its checksum does not match: the file was damaged or cut");
}

TEST(ModelFile, AnyFlippedBit) {
  const TemporaryFolder folder;
  const std::string bytes = saved(fitted(20, 2, 1));
  const Stream positions(1, Purpose::noise);
  const std::uint64_t bits = 8 * bytes.size();
  for (std::uint64_t trial = 0; trial < 700; ++trial) {
    // Every bit of the first 16 bytes, the checksum's field and its neighbours, then random ones.
    std::uint64_t at = positions.bits(trial) % bits;
    if (trial < 128) at = trial;
    if (trial >= 128 && trial < 400) at = 8 * (bytes.find("crc32") - 4) + trial - 128;
    std::string flipped = bytes;
    flipped[at / 8] = static_cast<char>(flipped[at / 8] ^ (1 << (at % 8)));
    const std::string message = refusal<DataError>(folder, flipped);
    EXPECT_EQ(message.find("nothing was thrown"), std::string::npos) << "bit " << at;
    EXPECT_EQ(message.find("another exception"), std::string::npos) << "bit " << at << ": " << message;
  }
}

TEST(ModelFile, HeadersThatAreNotOurs) {
  const TemporaryFolder folder;
  const std::string bytes = saved(fitted(20, 2, 1));
  const auto with_header = [&](std::uint64_t length, const std::string& text) {
    return std::string(reinterpret_cast<const char*>(&length), sizeof(length)) + text;
  };
  for (const std::uint64_t length : {std::uint64_t{1} << 60, ~std::uint64_t{0}, std::uint64_t{1} << 33}) {
    std::string huge = bytes;
    std::memcpy(huge.data(), &length, sizeof(length));
    EXPECT_EQ(refusal<DataError>(folder, huge),
              fmt::format("is not a model file, or was cut: it claims a header of {} bytes and has {}", length,
                          bytes.size() - 8));
  }
  const auto damaged = [&](const std::string& text) {
    return refusal<DataError>(folder, with_header(text.size(), text))
               .rfind("is not a model file, or was damaged: its header cannot be read", 0) == 0;
  };
  EXPECT_TRUE(damaged(""));
  EXPECT_TRUE(damaged("not json"));
  EXPECT_TRUE(damaged("{\"__metadata__\": 1"));
  EXPECT_TRUE(damaged(std::string(100'000, '[')));
  EXPECT_TRUE(damaged("{\"\xff\xfe\": 1}"));
  std::string nested;
  for (int i = 0; i < 20'000; ++i) nested += "{\"a\":";
  EXPECT_TRUE(damaged(nested));
  for (const std::string& text :
       {std::string(100'000, '[') + std::string(100'000, ']'), nested + "1" + std::string(20'000, '}')})
    EXPECT_EQ(refusal<DataError>(folder, with_header(text.size(), text)),
              "cannot be loaded: it is a safetensors file, but not of a Sextant model");
  // Deep inside a header that is otherwise ours, in the outer and the inner document.
  {
    File file(bytes);
    std::string text = file.header.dump();
    text.insert(1, "\"aaa\":" + std::string(100'000, '[') + std::string(100'000, ']') + ",");
    EXPECT_NE(refusal<DataError>(folder, with_header(text.size(), text) + file.data).find("checksum"),
              std::string::npos);
    file.header["__metadata__"]["sextant"] = std::string(100'000, '[') + std::string(100'000, ']');
    EXPECT_NE(refusal<DataError>(folder, file.bytes()), "nothing was thrown");
    file.header["__metadata__"]["sextant"] = std::string(100'000, '[');
    EXPECT_NE(refusal<DataError>(folder, file.bytes()).find("its header cannot be read"), std::string::npos);
  }
  // A safetensors file of something else.
  const std::string other =
      R"({"__metadata__":{"format":"pt"},"weight":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";
  EXPECT_EQ(refusal<DataError>(folder, with_header(other.size(), other) + "abcd"),
            "cannot be loaded: it is a safetensors file, but not of a Sextant model");
  const std::string plain = R"({"weight":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";
  EXPECT_NE(refusal<DataError>(folder, with_header(plain.size(), plain) + "abcd").find("not of a Sextant model"),
            std::string::npos);
}

TEST(ModelFile, FilesWithoutRangesLoad) {
  const TemporaryFolder folder;
  const Model model = fitted();
  ASSERT_GT(model.ranges.low.size(), 0);
  const File intact(saved(model));
  const Model same = load_model(folder.put("same.sextant", intact.bytes()));
  EXPECT_EQ(same.ranges.directions, model.ranges.directions);
  EXPECT_EQ(same.ranges.low, model.ranges.low);
  EXPECT_EQ(same.ranges.high, model.ranges.high);
  File earlier = intact;
  for (const char* name : {"range_directions", "range_low", "range_high"}) earlier.header.erase(name);
  const Model loaded = load_model(folder.put("earlier.sextant", earlier.bytes()));
  EXPECT_EQ(loaded.ranges.low.size(), 0);
  const Rows rows = random_rows(9, model.inputs(), model.targets(), 5);
  EXPECT_EQ(predict(loaded, rows.X), predict(model, rows.X));
  EXPECT_TRUE(extrapolation(loaded, rows.source()).outside.empty());
  File half = intact;
  half.header.erase("range_high");
  EXPECT_EQ(refusal<DataError>(folder, half.bytes()), "cannot be loaded: tensor 'range_high' is missing");
  File swapped = intact;
  std::swap(swapped.header["range_low"], swapped.header["range_high"]);
  EXPECT_EQ(refusal<DataError>(folder, swapped.bytes()), "cannot be loaded: a range ends before it begins");
}

TEST(ModelFile, TensorsThatDoNotFit) {
  const TemporaryFolder folder;
  const Model model = every_part();
  const File intact(saved(model));
  EXPECT_EQ(refusal<DataError>(folder, intact.bytes()), "nothing was thrown");
  const auto refused = [&](const std::function<void(File&)>& change) {
    File file = intact;
    change(file);
    return refusal<DataError>(folder, file.bytes());
  };
  const auto header = [&](const std::string& tensor, const std::string& key, const json& value) {
    return refused([&](File& file) { file.header[tensor][key] = value; });
  };
  EXPECT_EQ(header("alpha", "dtype", "F32"), "cannot be loaded: tensor 'alpha' is not of type F64");
  EXPECT_EQ(refused([](File& file) { file.header.erase("beta"); }), "cannot be loaded: tensor 'beta' is missing");
  EXPECT_EQ(header("beta", "shape", {2, 5}), "cannot be loaded: tensor 'beta' has another shape than its model");
  EXPECT_EQ(header("x_mean", "shape", {-5}), "cannot be loaded: tensor 'x_mean' has another shape than its model");
  const auto offsets = intact.header.at("beta").at("data_offsets");
  const auto begin = offsets[0].get<std::uint64_t>();
  const auto end = offsets[1].get<std::uint64_t>();
  const std::uint64_t size = intact.data.size();
  const std::string outside = "cannot be loaded: tensor 'beta' does not lie inside the file";
  for (const json& value :
       {json{begin, end + 8}, json{begin + 8, end}, json{size, size + (end - begin)}, json{end, begin}, json{begin},
        json::array(), json{-8, end}, json{~std::uint64_t{0} - 7, end - begin - 8}, json{begin, end, end}})
    EXPECT_EQ(header("beta", "data_offsets", value), outside) << value.dump();
  for (const json& value : {json("x"), json(nullptr), json({"0", "8"})})
    EXPECT_NE(header("beta", "data_offsets", value).find("its header cannot be read"), std::string::npos);
  // Widths that no memory holds are refused before anything is allocated.
  for (const Index m : {Index{1} << 62, Index{1} << 40, Index{-2}, Index{0}, Index{3}}) {
    const std::string message = header("predictor.0.b", "shape", json{m});
    EXPECT_EQ(message.rfind("cannot be loaded: tensor 'predictor.0.", 0), 0U) << message;
  }
  // Values that no model has.
  for (const double bad : {not_a_number, std::numeric_limits<double>::infinity()}) {
    for (const std::string name : {"x_scale", "beta", "predictor.1.a", "predictor.0.W", "gradient_outer_product"}) {
      EXPECT_EQ(refused([&](File& file) {
                  const auto at = file.header.at(name).at("data_offsets")[1].get<std::size_t>() - sizeof(bad);
                  std::memcpy(file.data.data() + at, &bad, sizeof(bad));
                }),
                fmt::format("cannot be loaded: tensor '{}' holds a value that is not finite", name));
    }
  }
  const double zero = 0;
  EXPECT_EQ(refused([&](File& file) {
              std::memcpy(file.data.data() + file.header.at("y_scale").at("data_offsets")[0].get<std::size_t>(), &zero,
                          8);
            }),
            "cannot be loaded: a scale is not positive");
}

// A model with one candidate of every recipe; none has weight.
Model of_every_recipe() {
  Model model = fitted();
  const Index k = model.targets();
  const Vector lambda = Vector::Constant(k, 1e-3);
  const KernelSettings kernel{{1.4, 3.0, 0.2}, lambda, 100};
  const KernelSettings of_axes{{1, 16, 0, Norm::city_block}, lambda, 100};
  const Matrix U = Matrix::Identity(2, model.scaling.inputs());
  for (const Recipe& recipe :
       {Recipe{KeptRecipe{}}, Recipe{LinearRecipe{}}, Recipe{RandomFeaturesRecipe{lambda}},
        Recipe{NetworkRecipe{true, {lambda, 2 * lambda}}}, Recipe{KernelRecipe{false, {kernel, kernel}}},
        Recipe{LinkRecipe{2, 3, 1e-3, true, U, kernel}},
        Recipe{LeafRecipe{WarpKind::soft_clip, 1.4, 2.5, 0.01, U, 0.5, true, 7, 3, 1200, 2, 500, lambda, 9000}},
        Recipe{AxisRecipe{true, {0.5}, {of_axes, of_axes}}},
        Recipe{LogisticRecipe{AxisRecipe{false, {}, {of_axes}}, 1e-4}}}) {
    CandidateReport report;
    report.name = fmt::format("candidate {}", recipe.index());
    report.settings = "some";
    report.recipe = recipe;
    report.error = Vector::Ones(k);
    report.weight = Vector::Zero(k);
    model.selection.candidates.push_back(report);
  }
  model.selection.nothing_found.assign(static_cast<std::size_t>(k), false);
  return model;
}

TEST(ModelFile, RecipesRoundTrip) {
  const TemporaryFolder folder;
  const Model model = of_every_recipe();
  const Model same = load_model(folder.put("same.sextant", saved(model)));
  ASSERT_EQ(same.selection.candidates.size(), 9U);
  for (std::size_t c = 0; c < 9; ++c)
    EXPECT_EQ(same.selection.candidates[c].recipe.index(), model.selection.candidates[c].recipe.index()) << c;
  const auto& link = std::get<LinkRecipe>(same.selection.candidates[5].recipe);
  const auto& written = std::get<LinkRecipe>(model.selection.candidates[5].recipe);
  EXPECT_EQ(link.U, written.U);
  EXPECT_EQ(link.kernel->shape.exponent, written.kernel->shape.exponent);
  EXPECT_EQ(link.kernel->lambda, written.kernel->lambda);
  EXPECT_EQ(link.kernel->centres, written.kernel->centres);
  EXPECT_EQ(std::get<NetworkRecipe>(same.selection.candidates[3].recipe).lambda,
            std::get<NetworkRecipe>(model.selection.candidates[3].recipe).lambda);
  const auto& axes = std::get<AxisRecipe>(same.selection.candidates[7].recipe);
  EXPECT_TRUE(axes.ranks);
  EXPECT_EQ(axes.power, std::vector{0.5});
  EXPECT_EQ(axes.rounds, std::get<AxisRecipe>(model.selection.candidates[7].recipe).rounds);
  const auto& heads = std::get<LogisticRecipe>(same.selection.candidates[8].recipe);
  EXPECT_EQ(std::get<AxisRecipe>(heads.features).rounds.front().shape.norm, Norm::city_block);
  const auto& leaves = std::get<LeafRecipe>(same.selection.candidates[6].recipe);
  EXPECT_EQ(leaves.warp, WarpKind::soft_clip);
  EXPECT_EQ(std::tuple(leaves.exponent, leaves.bandwidth, leaves.lambda), std::tuple(1.4, 2.5, 0.01));
  EXPECT_EQ(std::tuple(leaves.partitions, leaves.leaf_rows, leaves.local_rounds, leaves.centres, leaves.rows),
            std::tuple(Index{3}, Index{1200}, Index{2}, Index{500}, Index{9000}));
  EXPECT_EQ(leaves.S, std::get<LeafRecipe>(model.selection.candidates[6].recipe).S);
  EXPECT_EQ(leaves.centre_lambda, Vector::Constant(model.targets(), 1e-3));
}

TEST(ModelFile, FilesWithoutRecipesLoad) {
  const TemporaryFolder folder;
  const Model model = of_every_recipe();
  File earlier(saved(model));
  json metadata = earlier.metadata();
  for (json& candidate : metadata["selection"]["candidates"]) {
    candidate.erase("recipe");
    candidate["weight"] = std::vector<double>(static_cast<std::size_t>(model.targets()), 1.0 / 6);
  }
  earlier.metadata(metadata);
  const Model loaded = load_model(folder.put("earlier.sextant", earlier.bytes()));
  const Rows rows = random_rows(9, model.inputs(), model.targets(), 5);
  EXPECT_EQ(predict(loaded, rows.X), predict(model, rows.X));
  EXPECT_NE(message_of<InvalidArgument>([&] { (void)refit(loaded, rows.source()); }).find("by this version"),
            std::string::npos);
}

TEST(ModelFile, RecipesThatDoNotFit) {
  const TemporaryFolder folder;
  const File intact(saved(of_every_recipe()));
  EXPECT_EQ(refusal<DataError>(folder, intact.bytes()), "nothing was thrown");
  const auto refused = [&](std::size_t candidate, const std::function<void(json&)>& change) {
    File file = intact;
    json metadata = file.metadata();
    change(metadata["selection"]["candidates"][candidate]["recipe"]);
    file.metadata(metadata);
    return refusal<DataError>(folder, file.bytes());
  };
  EXPECT_EQ(refused(1, [](json& r) { r["kind"] = "forest"; }),
            "cannot be loaded: its recipe is of kind 'forest', which this version does not know");
  EXPECT_EQ(refused(2, [](json& r) { r["lambda"] = json::array(); }),
            "cannot be loaded: a recipe of it has another number of targets");
  EXPECT_EQ(refused(2, [](json& r) { r["lambda"][0] = -1; }), "cannot be loaded: a recipe of it has a λ below 0");
  EXPECT_EQ(refused(3, [](json& r) { r["lambda"] = json::array(); }),
            "cannot be loaded: its recipe of a network has no round");
  EXPECT_EQ(refused(4, [](json& r) { r["rounds"] = json::array(); }),
            "cannot be loaded: its recipe of a kernel has no round");
  const std::string kernel =
      "cannot be loaded: a recipe of it has a kernel whose exponent, bandwidth, trend or centres are out of range";
  EXPECT_EQ(refused(4, [](json& r) { r["rounds"][0]["trend"] = -1; }), kernel);
  EXPECT_EQ(refused(4, [](json& r) { r["rounds"][1]["exponent"] = 2.5; }), kernel);
  EXPECT_EQ(refused(4, [](json& r) { r["rounds"][0]["bandwidth"] = 0; }), kernel);
  EXPECT_EQ(refused(4, [](json& r) { r["rounds"][0]["bandwidth"] = "inf"; }),
            "is not a model file, or was damaged: its header cannot be read");
  EXPECT_EQ(refused(5, [](json& r) { r["kernel"]["centres"] = 0; }), kernel);
  const std::string shape = "cannot be loaded: its recipe of a link has directions of another shape";
  EXPECT_EQ(refused(5, [](json& r) { r["rank"] = 3; }), shape);
  EXPECT_EQ(refused(5, [](json& r) { r["rank"] = 0; }), shape);
  EXPECT_EQ(refused(5,
                    [](json& r) {
                      for (json& row : r["directions"]) row.push_back(1);
                    }),
            shape);
  const std::string link = "cannot be loaded: its recipe of a link has a degree or a ridge that is out of range";
  EXPECT_EQ(refused(5, [](json& r) { r["degree"] = 0; }), link);
  EXPECT_EQ(refused(5, [](json& r) { r["degree"] = 2'000'000'000; }), link);
  EXPECT_EQ(refused(5, [](json& r) { r["ridge"] = -1; }), link);
  const std::string number = "cannot be loaded: its recipe of leaf machines has a number out of its range";
  for (const auto& [key, value] : std::vector<std::pair<std::string, json>>{{"exponent", 2.5},
                                                                            {"bandwidth", 0},
                                                                            {"lambda", -1},
                                                                            {"partitions", 0},
                                                                            {"leaf-rows", 1},
                                                                            {"local-rounds", -1},
                                                                            {"centres", 2'000'000'000}})
    EXPECT_EQ(refused(6, [&](json& r) { r[key] = value; }), number) << key;
  EXPECT_EQ(refused(6, [](json& r) { r["coordinates"] = json::array(); }),
            "cannot be loaded: its recipe of leaf machines has coordinates of another shape");
}

TEST(ModelFile, LeafMachinesRoundTrip) {
  const TemporaryFolder folder;
  const Model model = of_leaf_machines();
  const Model same = load_model(folder.put("same.sextant", saved(model)));
  const Rows rows = random_rows(60, 4, 2, 9, false);
  EXPECT_EQ(predict(same, rows.X), predict(model, rows.X));
  ASSERT_EQ(same.predictors.size(), 4U);
  const auto& first = std::get<LeafMachine>(same.predictors[1].map);
  for (const std::size_t p : {2U, 3U}) EXPECT_EQ(std::get<LeafMachine>(same.predictors[p].map).rows, first.rows);
  const Matrix A = gradient_outer_product(rows.source(), same.linear, same.predictors, run_with(1));
  EXPECT_EQ(A, gradient_outer_product(rows.source(), model.linear, model.predictors, run_with(2)));
}

// Two kernels of lifted inputs, in coordinates and not, and one of plain inputs share the rows that are their centres.
TEST(ModelFile, CentresOfLiftedKernelsAreKeptBeforeTheLift) {
  const TemporaryFolder folder;
  Model model = fitted();
  Lift lift;
  for (Index j = 0; j < 4; ++j) lift.knots.push_back(Vector::LinSpaced(21, -1.5, 1.0 + static_cast<double>(j)));
  const Index D = lift.coordinates();
  const auto rows = std::make_shared<const Matrix>(normals(50, 4, 6));
  Matrix lifted;
  lift.apply(*rows, lifted);
  const Kernel kernel{.kind = KernelKind::exponential, .bandwidth = 2, .exponent = 1.4};
  for (const Matrix& S : {Matrix(), Matrix(normals(3, D, 7).cast<float>().cast<double>())}) {
    KernelSections sections{kernel, {}, S, false, rows};
    sections.centres = sections.coordinates(lifted);
    model.predictors.push_back({0.5, sections, normals(50, 2, 8), lift});
  }
  const std::size_t before = saved(fitted()).size();
  const std::string bytes = saved(model);
  // The rows, S in single precision, heads and knots; and what the header says of them.
  EXPECT_LT(bytes.size() - before, 8U * (50 * 4 + 2 * 50 * 2 + 2 * 4 * 21) + 4 * 3 * 80 + 3000);
  const Model same = load_model(folder.put("same.sextant", bytes));
  const Rows queries = random_rows(60, 4, 2, 9, false);
  EXPECT_EQ(predict(same, queries.X), predict(model, queries.X));
  EXPECT_EQ(saved(same), bytes);
  // A kernel of plain inputs at the same rows has their tensor.
  model.predictors.insert(model.predictors.begin() + 1, {0.5, KernelSections{kernel, *rows}, normals(50, 2, 10)});
  const File shared(saved(model));
  EXPECT_FALSE(shared.header.contains("predictor.2.before_lift"));
  EXPECT_EQ(predict(load_model(folder.put("shared.sextant", saved(model))), queries.X), predict(model, queries.X));
  // What does not fit.
  const auto refused = [&](const auto& change) {
    File file(bytes);
    json metadata = file.metadata();
    change(metadata["predictors"][1]);
    file.metadata(metadata);
    return refusal<DataError>(folder, file.bytes());
  };
  EXPECT_EQ(refused([](json& entry) { entry["centres"] = "none"; }), "cannot be loaded: tensor 'none' is missing");
  EXPECT_EQ(refused([](json& entry) { entry["centres"] = "beta"; }),
            "cannot be loaded: tensor 'beta' has another shape than its model");
  EXPECT_NE(refused([](json& entry) { entry["lifted"] = false; }), "nothing was thrown");
}

TEST(ModelFile, LeafMachinesThatDoNotFit) {
  const TemporaryFolder folder;
  const File intact(saved(of_leaf_machines()));
  EXPECT_EQ(refusal<DataError>(folder, intact.bytes()), "nothing was thrown");
  const auto integer = [&](const std::string& tensor, std::size_t at, std::int32_t number) {
    File file = intact;
    const auto begin = file.header.at(tensor).at("data_offsets")[0].get<std::size_t>();
    std::memcpy(file.data.data() + begin + 4 * at, &number, 4);
    return refusal<DataError>(folder, file.bytes());
  };
  const auto metadata = [&](const std::string& key, const json& entry) {
    File file = intact;
    json changed = file.metadata();
    changed["predictors"][1][key] = entry;
    file.metadata(changed);
    return refusal<DataError>(folder, file.bytes());
  };
  const auto shape = [&](const std::string& tensor, const json& extents) {
    File file = intact;
    file.header[tensor]["shape"] = extents;
    return refusal<DataError>(folder, file.bytes());
  };
  const std::string machine = "cannot be loaded: predictor 'predictor.1.' has ";
  EXPECT_EQ(integer("predictor.1.members", 3, 80), machine + "rows that no leaf machine has");
  EXPECT_EQ(integer("predictor.1.members", 3, -1), machine + "rows that no leaf machine has");
  EXPECT_EQ(integer("predictor.1.first", 0, 1), machine + "leaves that no leaf machine has");
  EXPECT_EQ(integer("predictor.1.first", 1, 2'000'000'000), machine + "leaves that no leaf machine has");
  EXPECT_EQ(integer("predictor.2.local_first", 1, -4),
            "cannot be loaded: predictor 'predictor.2.' has local coordinates that no leaf machine has");
  EXPECT_EQ(shape("predictor.1.thresholds", {2}), machine + "a tree that no leaf machine has");
  EXPECT_EQ(shape("rows.0", {0, 3}), "cannot be loaded: tensor 'rows.0' has a shape that no rows have");
  EXPECT_EQ(shape("rows.0", {40, 6}), "cannot be loaded: tensor 'predictor.1.S' has another shape than its model");
  EXPECT_EQ(metadata("rows", 5), "cannot be loaded: tensor 'rows.5' is missing");
  EXPECT_EQ(metadata("bandwidth", 0), "cannot be loaded: its kernel has a parameter out of its range");
  EXPECT_EQ(metadata("warp", "soft-clip"), "cannot be loaded: tensor 'predictor.1.warp_mean' is missing");
  EXPECT_EQ(metadata("warp", "quantile"),
            "cannot be loaded: warp: 'quantile' is not known, expected one of none, soft-clip, normal-scores, slopes");
}

TEST(ModelFile, RefinedTermsThatDoNotFit) {
  const TemporaryFolder folder;
  const File intact(saved(of_refined_terms()));
  EXPECT_EQ(refusal<DataError>(folder, intact.bytes()), "nothing was thrown");
  const auto refused = [&](const std::function<void(File&)>& change) {
    File file = intact;
    change(file);
    return refusal<DataError>(folder, file.bytes());
  };
  const auto value = [&](const std::string& tensor, std::size_t at, double number) {
    return refused([&](File& file) {
      const auto begin = file.header.at(tensor).at("data_offsets")[0].get<std::size_t>();
      std::memcpy(file.data.data() + begin + 8 * at, &number, 8);
    });
  };
  const auto shape = [&](const std::string& tensor, const json& extents) {
    return refused([&](File& file) { file.header[tensor]["shape"] = extents; });
  };
  const auto metadata = [&](std::size_t predictor, const std::string& key, const json& entry) {
    return refused([&](File& file) {
      json changed = file.metadata();
      changed["predictors"][predictor][key] = entry;
      file.metadata(changed);
    });
  };
  // Knots: two at least, ascending, finite, one list per input.
  EXPECT_EQ(value("predictor.1.knots.3", 1, -1.5), "cannot be loaded: tensor 'predictor.1.knots.3' does not ascend");
  EXPECT_EQ(value("predictor.1.knots.3", 0, 9), "cannot be loaded: tensor 'predictor.1.knots.3' does not ascend");
  EXPECT_EQ(value("predictor.1.knots.0", 1, not_a_number),
            "cannot be loaded: tensor 'predictor.1.knots.0' holds a value that is not finite");
  for (const json& extents : {json{1}, json{2, 1}, json::array(), json{0}})
    EXPECT_EQ(shape("predictor.1.knots.0", extents),
              "cannot be loaded: tensor 'predictor.1.knots.0' has a shape that no knots have");
  EXPECT_EQ(shape("predictor.1.knots.0", {Index{1} << 61}),
            "cannot be loaded: tensor 'predictor.1.knots.0' is larger than the file");
  EXPECT_EQ(refused([](File& file) { file.header.erase("predictor.2.knots.1"); }),
            "cannot be loaded: tensor 'predictor.2.knots.1' is missing");
  // Without its lift a network has other inputs.
  EXPECT_EQ(metadata(1, "lifted", false), "cannot be loaded: tensor 'predictor.1.W' has another shape than its model");
  // S and the centres.
  EXPECT_EQ(shape("predictor.3.S", {4, 2}),
            "cannot be loaded: tensor 'predictor.3.S' has another shape than its model");
  EXPECT_EQ(shape("predictor.3.S", {8}), "cannot be loaded: tensor 'predictor.3.S' has another shape than its model");
  EXPECT_EQ(refused([](File& file) { file.header.erase("predictor.3.S"); }),
            "cannot be loaded: tensor 'predictor.3.centres' has another shape than its model");
  EXPECT_EQ(shape("predictor.3.centres", {2, 9}),
            "cannot be loaded: tensor 'predictor.3.S' has another shape than its model");
  EXPECT_EQ(shape("predictor.3.centres", {0, 2}),
            "cannot be loaded: tensor 'predictor.3.centres' has a shape that no kernel has");
  EXPECT_EQ(shape("predictor.3.centres", {Index{1} << 60, 2}),
            "cannot be loaded: tensor 'predictor.3.centres' is larger than the file");
  for (const json& exponent : {json(0), json(2.1), json(-1)})
    EXPECT_EQ(metadata(3, "exponent", exponent), "cannot be loaded: its kernel has a parameter out of its range");
  // Hermite links.
  for (const json& degree : {json(-1), json(61), json(1'000'000)})
    EXPECT_EQ(metadata(4, "degree", degree),
              "cannot be loaded: predictor 'predictor.4.' has more directions or degrees than any model");
  EXPECT_EQ(metadata(4, "degree", 4), "cannot be loaded: tensor 'predictor.4.a' has another shape than its model");
  EXPECT_EQ(shape("predictor.4.c", {Index{1} << 40}),
            "cannot be loaded: predictor 'predictor.4.' has more directions or degrees than any model");
  EXPECT_EQ(shape("predictor.4.U", {4, 2}),
            "cannot be loaded: tensor 'predictor.4.U' has another shape than its model");
  EXPECT_EQ(value("predictor.4.low", 0, 3), "cannot be loaded: tensor 'predictor.4.low' is above 'predictor.4.high'");
  for (const json& wrong : {json(nullptr), json("x"), json::array()})
    EXPECT_NE(metadata(4, "degree", wrong).find("its header cannot be read"), std::string::npos);
}

TEST(ModelFile, MetadataThatDoesNotFit) {
  const TemporaryFolder folder;
  const File intact(saved(every_part()));
  const auto refused = [&](const std::function<void(json&)>& change) {
    File file = intact;
    json metadata = file.metadata();
    change(metadata);
    file.metadata(metadata);
    return refusal<DataError>(folder, file.bytes());
  };
  EXPECT_EQ(refused([](json& m) { m["format"] = 3; }),
            "cannot be loaded: it has format 3, expected 1 or 2: it was written by another version of Sextant");
  EXPECT_EQ(refused([](json& m) {
              m["kept"] = {0, 2, 1, 4, 5};
            }),
            "cannot be loaded: its list of kept inputs is not one of its inputs in order");
  EXPECT_EQ(refused([](json& m) {
              m["kept"] = {0, 1, 2, 4, 6};
            }),
            "cannot be loaded: its list of kept inputs is not one of its inputs in order");
  EXPECT_EQ(refused([](json& m) {
              m["kept"] = {-1, 1, 2, 4, 5};
            }),
            "cannot be loaded: its list of kept inputs is not one of its inputs in order");
  EXPECT_EQ(refused([](json& m) { m["encoding"]["targets"] = json::array(); }), "cannot be loaded: it has no target");
  EXPECT_EQ(refused([](json& m) { m["predictors"] = json::array(); }), "cannot be loaded: it has no predictor");
  EXPECT_EQ(refused([](json& m) { m["predictors"][1]["kind"] = "forest"; }),
            "cannot be loaded: predictor.1 is a 'forest', which this version does not know");
  EXPECT_EQ(refused([](json& m) { m["predictors"].push_back(m["predictors"][0]); }),
            "cannot be loaded: tensor 'predictor.4.b' is missing");
  EXPECT_EQ(refused([](json& m) { m["encoding"]["missing"] = "ignore"; }),
            "cannot be loaded: its policy for missing cells is not known");
  EXPECT_EQ(refused([](json& m) { m["encoding"]["columns"][0]["kind"] = "date"; }),
            "cannot be loaded: column kind 'date' is not known");
  EXPECT_EQ(refused([](json& m) { m["validation"]["chosen"] = {1}; }),
            "cannot be loaded: its validation has another number of targets");
  EXPECT_EQ(refused([](json& m) { m["validation"]["lambda"] = {1}; }),
            "cannot be loaded: its λ path and its list of λ differ in length");
  EXPECT_EQ(refused([](json& m) { m["validation"]["path"][1] = {1}; }),
            "cannot be loaded: its λ path has rows of different lengths");
  EXPECT_NE(refused([](json& m) { m["options"]["head"] = "forest"; }).find("head: 'forest' is not known"),
            std::string::npos);
  for (const char* key : {"encoding", "options", "validation", "predictors", "rows", "version", "kept", "format"}) {
    EXPECT_NE(refused([&](json& m) { m.erase(key); }).find("its header cannot be read"), std::string::npos) << key;
    EXPECT_NE(refused([&](json& m) { m[key] = {{"a", json::array()}}; }), "nothing was thrown") << key;
  }
}

TEST(ModelFile, ClassesThatDoNotFit) {
  const TemporaryFolder folder;
  const Matrix X = normals(60, 2, 1);
  std::vector<std::string> labels;
  for (Index i = 0; i < 60; ++i) labels.emplace_back(X(i, 0) > 0 ? "a" : "b");
  const File intact(saved(fit(X, labels, small())));
  const auto refused = [&](const std::function<void(json&)>& change) {
    File file = intact;
    json metadata = file.metadata();
    change(metadata);
    file.metadata(metadata);
    return refusal<DataError>(folder, file.bytes());
  };
  EXPECT_EQ(refused([](json& m) { m["encoding"]["classes"] = {"a"}; }),
            "cannot be loaded: its classes are fewer than 2, or of other than one target");
  EXPECT_EQ(refused([](json& m) {
              m["encoding"]["targets"] = {"y", "z"};
            }),
            "cannot be loaded: its classes are fewer than 2, or of other than one target");
  EXPECT_EQ(refused([](json& m) { m["encoding"]["class-kind"] = "date"; }),
            "cannot be loaded: class kind 'date' is not known");
  EXPECT_EQ(refused([](json& m) {
              m["encoding"]["classes"] = {"a", "b", "c"};
            }),
            "cannot be loaded: its λ path has another number of targets");
  EXPECT_EQ(refused([](json& m) { m.erase("classification"); }),
            "cannot be loaded: its classes and their probabilities do not go together");
  EXPECT_EQ(refused([](json& m) { m["classification"]["temperature"] = 0; }),
            "cannot be loaded: its temperature or softness is not positive");
  EXPECT_EQ(refused([](json& m) { m["classification"]["frequencies"] = {1}; }),
            "cannot be loaded: its class frequencies are of another number of classes");
  EXPECT_EQ(refused([](json& m) {
              m["classification"]["frequencies"] = {0, 1};
            }),
            "cannot be loaded: a class frequency is not positive");
  for (const char* key : {"temperature", "softness", "frequencies", "held-out", "majority"})
    EXPECT_NE(refused([&](json& m) { m["classification"].erase(key); }).find("its header cannot be read"),
              std::string::npos)
        << key;
}

TEST(ModelFile, PlacesThatCannotBeReadOrWritten) {
  const TemporaryFolder folder;
  const Model model = fitted(20, 2, 1);
  const std::string absent = folder.path("absent.sextant");
  EXPECT_EQ(message_of<IoError>([&] { (void)load_model(absent); }), absent + ": there is no such file");
  EXPECT_EQ(message_of<IoError>([&] { (void)load_model(folder.path()); }),
            folder.path() + ": is a directory, expected a model file");
  EXPECT_EQ(message_of<IoError>([&] { (void)load_model("/dev/null"); }),
            "/dev/null: is a device or a pipe, expected a model file");
  const std::string pipe = folder.path("pipe.sextant");  // without a writer: opening it would wait for ever
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(message_of<IoError>([&] { (void)load_model(pipe); }),
            pipe + ": is a device or a pipe, expected a model file");
  std::filesystem::remove(pipe);
  EXPECT_NE(message_of<IoError>([&] { save_model(model, folder.path()); }).find(folder.path()), std::string::npos);
  const std::string nowhere = folder.path("no/such/folder/m.sextant");
  EXPECT_NE(message_of<IoError>([&] { save_model(model, nowhere); }).find(nowhere), std::string::npos);
  EXPECT_TRUE(folder.names().empty());
  // A model that cannot be written leaves the file that was there.
  const std::string path = folder.path("m.sextant");
  save_model(model, path);
  const std::string before = file_bytes(path);
  Model broken = model;
  broken.encoding.columns[0].name = "\xff";
  EXPECT_EQ(message_of<InvalidArgument>([&] { save_model(broken, path); }),
            path + ": cannot be written: a name in the model is not UTF-8 text");
  EXPECT_EQ(file_bytes(path), before);
  // Nor does one that could not be read again.
  broken = model;
  broken.scaling.x_scale[0] = 0;
  EXPECT_EQ(message_of<Error>([&] { save_model(broken, path); }),
            path +
                ": internal error: nothing was written, since the model could not be read again (the model: cannot be "
                "loaded: a scale is not positive); please report this");
  EXPECT_EQ(file_bytes(path), before);
  EXPECT_EQ(folder.names(), std::set<std::string>{"m.sextant"});
}

namespace {

// 120 rows of y by a and of where it is missing: every fifth cell of a, and every 40th of b.
std::string gapped_table() {
  const Matrix X = normals(120, 2, 7);
  std::string text = "a,b,id,w,y\n";
  for (Index i = 0; i < 120; ++i)
    text +=
        fmt::format("{},{},n{},{},{}\n", i % 5 == 0 ? "" : fmt::format("{}", X(i, 0)),
                    i % 40 == 0 ? "" : fmt::format("{}", X(i, 1)), i, 1 + i % 2, i % 5 == 0 ? 3.0 : std::tanh(X(i, 0)));
  return text;
}

}  // namespace

// Oracle: (m − m̄)/(2·max(sd, .1)), m̄ and sd by the rows' weights.
TEST(Model, WhereCellsAreMissingIsScaledByHalf) {
  const TemporaryFolder folder;
  const auto path = folder.put("t.csv", gapped_table());
  const auto opened = open_for_fit(path, {.targets = {"y"}, .weights = "w"});
  const EncodedSource source(*opened.table, opened.encoding);
  const Model model = fit(source, opened.encoding, {.method = Method::algorithm_1, .width = 64}, run_with(1));
  EXPECT_EQ(model.kept_names(), (std::vector<std::string>{"a", "a=missing", "b", "b=missing"}));
  // Weights 1, 2, 1, 2 …: rows 0, 10, 20 … weigh 1, rows 5, 15 … weigh 2; rows 0, 40, 80 weigh 1.
  const double share_a = (12 * 1 + 12 * 2) / 180.0;
  const double share_b = 3 / 180.0;
  const Scaling& scaling = model.scaling;
  EXPECT_NEAR(scaling.x_mean[1], share_a, 1e-12);
  EXPECT_NEAR(scaling.x_scale[1], 2 * std::sqrt(share_a * (1 - share_a)), 1e-12);
  EXPECT_NEAR(scaling.x_mean[3], share_b, 1e-12);
  EXPECT_NEAR(std::sqrt(share_b * (1 - share_b)), 0.128, 1e-3);
  EXPECT_NEAR(scaling.x_scale[3], 2 * std::sqrt(share_b * (1 - share_b)), 1e-12);
  EXPECT_NEAR(scaling.x_fill[0], scaling.x_mean[0], 1e-12);
  EXPECT_LT(evaluate(model, source, run_with(1)).targets[0].rmse, 0.4);  // 3 where a is missing
  // The file holds it all, and what was left out.
  const Model same = model_from_bytes(model_bytes(model));
  EXPECT_EQ(same.encoding.missing, Missing::indicator);
  EXPECT_EQ(same.encoding.input_names(), opened.encoding.input_names());
  ASSERT_EQ(same.encoding.columns.size(), 3U);
  EXPECT_TRUE(same.encoding.columns[0].indicator);
  EXPECT_EQ(same.encoding.columns[2].left_out, LeftOut::identifier);
  EXPECT_EQ(model_bytes(same), model_bytes(model));
}

// Oracle: a rare gap has the scale of a deviation of a tenth.
TEST(Model, ARareGapIsNotBlownUp) {
  const TemporaryFolder folder;
  std::string text = "a,y\n";
  for (int i = 0; i < 300; ++i) text += fmt::format("{},{}\n", i == 150 ? "" : std::to_string(i % 17), i % 13);
  const auto opened = open_for_fit(folder.put("t.csv", text), {.targets = {"y"}});
  const Model model = fit(EncodedSource(*opened.table, opened.encoding), opened.encoding,
                          {.method = Method::algorithm_1, .width = 16}, run_with(1));
  EXPECT_NEAR(model.scaling.x_scale[1], 0.2, 1e-12);
}

// A column that has values only in rows that a split holds out is 0 for that split, and nothing is NaN.
TEST(Model, AColumnWithoutAValueInOneSplit) {
  const TemporaryFolder folder;
  const Matrix X = normals(100, 2, 3);
  std::string text = "a,late,y\n";
  for (Index i = 0; i < 100; ++i)
    text += fmt::format("{},{},{}\n", X(i, 0), i < 80 ? "" : fmt::format("{}", 1000 + X(i, 1)), X(i, 0));
  const auto path = folder.put("t.csv", text);
  for (const Missing policy : {Missing::indicator, Missing::mean}) {
    const auto opened = open_for_fit(path, {.targets = {"y"}}, policy);
    const EncodedSource source(*opened.table, opened.encoding);
    for (const Method method : {Method::algorithm_1, Method::automatic, Method::kernel_gaussian}) {
      for (const bool refit : {true, false}) {
        const Model model =
            fit(source, opened.encoding, {.method = method, .width = 32, .ordered = true, .refit = refit}, run_with(1));
        EXPECT_TRUE(model.validation.chosen.allFinite());
        EXPECT_TRUE(model_from_bytes(model_bytes(model)).scaling.x_scale.allFinite());
        EXPECT_TRUE(std::isfinite(evaluate(model, source, run_with(1)).targets[0].rmse));
        if (refit) continue;  // else the split's own model: its rows have no value, others are on the scale of all
        EXPECT_NEAR(model.scaling.x_mean[1], 1000, 1);
        EXPECT_GT(model.scaling.x_scale[1], 0.1);
        EXPECT_NEAR(model.scaling.x_fill[1], model.scaling.x_mean[1], 1e-9);
      }
    }
  }
}

// A target that two classes' first direction tells apart exactly: links of more directions find no more.
TEST(Model, ALinkOfFewerDirectionsThanItsRankIsOfThose) {
  Matrix X = normals(200, 3, 11);
  std::vector<std::string> labels;
  for (Index i = 0; i < 200; ++i) {
    X(i, 2) = i % 2 == 0 ? 0.0 : 1.0;
    labels.emplace_back(i % 2 == 0 ? "p" : "q");
  }
  const Model model = fit(X, labels, {.method = Method::automatic, .seed = 1}, run_with(1));
  Index links = 0;
  for (const CandidateReport& report : model.selection.candidates)
    if (const auto* link = std::get_if<LinkRecipe>(&report.recipe)) {
      ++links;
      EXPECT_EQ(link->U.rows(), link->rank) << report.name;
      EXPECT_EQ(report.rank, link->rank) << report.name;
    }
  EXPECT_GT(links, 0);
  EXPECT_EQ(model_bytes(model_from_bytes(model_bytes(model))), model_bytes(model));
}
