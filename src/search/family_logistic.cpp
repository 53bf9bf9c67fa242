// Heads by log-loss on features that squared error found: where targets are classes, each kernel and the best link is
// followed by such a head. Squared error on indicators pays for being surer than sure; log-loss does not.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

#include "core/from_first_rank.h"
#include "core/vector_math.h"
#include "method/logistic_head.h"
#include "passes/parts.h"
#include "search/family.h"
#include "sextant/error.h"

namespace sextant {

static auto parts(Fitted& fitted) { return std::tie(fitted.linear, fitted.predictors); }

namespace {

constexpr Index most_centres = 1000;
constexpr int most_worse = 2;           // λ in a row that are no better: the end
constexpr double steps_of_a_path = 12;  // of L-BFGS at each λ, about

// From where the head is hardly more than the classes' shares to where it follows every row.
std::vector<double> lambda_path() {
  std::vector<double> path;
  for (double power = -0.5; power > -8; power -= 0.75) path.push_back(std::pow(10.0, power));
  return path;
}

// A kernel with some of its centres.
Predictor with_few_centres(Predictor predictor) {
  auto* sections = std::get_if<KernelSections>(&predictor.map);
  if (sections == nullptr || sections->width() <= most_centres) return predictor;
  const Index stride = (sections->width() + most_centres - 1) / most_centres;
  std::vector<Index> some;
  for (Index j = 0; j < sections->width(); j += stride) some.push_back(j);
  sections->centres = Matrix(sections->centres(some, Eigen::all));
  if (sections->before_lift != nullptr)
    sections->before_lift = std::make_shared<const Matrix>((*sections->before_lift)(some, Eigen::all));
  sections->landmarks = true;
  return predictor;
}

Fitted fitted_shares(const Predictor& predictor, const LogisticHead& head, const ClassRows& rows, Index inputs) {
  Fitted fitted{LinearPart::zero(inputs, rows.low.size()), {shares_predictor(predictor, head, rows)}};
  fitted.linear.alpha = rows.low;
  return fitted;
}

// The best head along the path on every split of a ground, by the log-loss of their held-out rows.
Findings logistic_heads(const Ground& ground, const std::string& name, const LogisticFeatures& features,
                        const std::vector<Predictor>& by_split) {
  const std::size_t count = by_split.size();
  std::vector<ClassRows> train(count);
  std::vector<ClassRows> held_out(count);
  std::vector<std::unique_ptr<LogisticPath>> paths(count);
  const auto on_each = [&](const auto& work) {
    ground.each(static_cast<Index>(count),
                [&](Index i, const Context& context) { work(static_cast<std::size_t>(i), context); });
  };
  on_each([&](std::size_t i, const Context& context) {
    train[i] = class_rows(*ground.splits[i].train, by_split[i], context);
    held_out[i] = class_rows(*ground.splits[i].held_out, by_split[i], context, &train[i]);
    paths[i] = std::make_unique<LogisticPath>(by_split[i].map, train[i]);
  });
  double least = std::numeric_limits<double>::infinity();
  double best = 0;
  std::vector<LogisticHead> heads(count);
  std::vector<LogisticHead> best_heads;
  std::vector<double> losses(count);
  int worse = 0;
  for (const double lambda : lambda_path()) {
    on_each([&](std::size_t i, const Context&) {
      heads[i] = paths[i]->at(lambda);
      losses[i] = log_loss(heads[i], held_out[i]);
    });
    double loss = 0;
    for (const double each : losses) loss += each / static_cast<double>(count);
    worse = loss < (1 - 1e-4) * least ? 0 : worse + 1;
    if (worse == 0) {
      least = loss;
      best = lambda;
      best_heads = heads;
    }
    if (worse == most_worse) break;
  }
  if (best_heads.empty()) throw NumericalError("logistic head: no λ has a finite log-loss");
  CandidateReport report;
  report.name = name;
  report.settings = fmt::format("λ = {:.2g}, log-loss {:.4g}", best, least);
  report.recipe = LogisticRecipe{features, best};
  if (const auto* link = std::get_if<LinkRecipe>(&features)) report.rank = link->rank;
  Findings findings;
  findings.candidates.push_back(candidate_of(ground, std::move(report), [&](std::size_t i) {
    return fitted_shares(by_split[i], best_heads[i], train[i], ground.inputs());
  }));
  return findings;
}

}  // namespace

std::vector<Step> logistic_steps(const Ground& ground, const std::string& of, const LogisticFeatures& features,
                                 std::vector<Predictor> by_split) {
  if (ground.options.task != Task::classification || ground.options.method != Method::automatic) return {};
  const std::string name = of + ", logistic";
  for (Predictor& predictor : by_split) predictor = with_few_centres(std::move(predictor));
  const auto n = static_cast<double>(ground.rows());
  const auto P = static_cast<double>(width(by_split.front().map));
  const auto k = static_cast<double>(ground.targets());
  const auto path = static_cast<double>(lambda_path().size());
  const double whole = n * P * (static_cast<double>(inputs(by_split.front().map)) + exponential_cost) + n * P * P +
                       P * P * P + path * (P * P * P / 3 + steps_of_a_path * (2 * n * P * k + 2 * P * P * k));
  // The classes are counted here already.
  const double cost =
      whole * (static_cast<double>(by_split.size()) + 0.5 * static_cast<double>(ground.repeats)) / ground.for_targets();
  return {{name, cost, [name, features, by_split = std::move(by_split)](const Ground& on, const Clues&) {
             return logistic_heads(on, name, features, by_split);
           }}};
}

Fitted learn(const LogisticRecipe& recipe, const LearningRows& rows, const FitOptions& options,
             const Context& context) {
  const Fitted of_squares =
      std::visit([&](const auto& features) { return learn(features, rows, options, context); }, recipe.features);
  return from_first_rank(context, [&](const Context& own) {
    const Predictor predictor = with_few_centres(of_squares.predictors.front());
    const ClassRows train = class_rows(*rows.train, predictor, own);
    LogisticPath path(predictor.map, train);
    for (const double lambda : lambda_path())
      if (lambda > 10 * recipe.lambda) (void)path.at(lambda);  // on the way, few steps each
    return fitted_shares(predictor, path.at(recipe.lambda), train, rows.train->inputs());
  });
}

}  // namespace sextant
