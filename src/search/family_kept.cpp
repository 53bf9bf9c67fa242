// What other tasks found: their directions, and their predictors. Only heads are learned on them.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/from_first_rank.h"
#include "core/linalg.h"
#include "passes/parts.h"
#include "search/family.h"
#include "search/kernel_choice.h"
#include "sextant/error.h"
#include "sextant/product_terms.h"
#include "sextant/refine.h"
#include "sextant/subspace.h"

namespace sextant {
namespace {

constexpr double most_terms = 400;      // of a link
constexpr double hardly_better = 0.99;  // than the mean: what the sources' directions promise here

Matrix unit_trace(const Matrix& A) { return A / std::max(1e-300, A.trace()); }

// z = √share_i v_i·x for the leading r directions, so that a ridge prefers those that matter more.
HermiteFeatures kept_link(const Matrix& S, Index r, int degree, const LearningRows& rows, const Context& context) {
  const double scale = 1.0 / S.row(0).norm();
  HermiteFeatures link{scale * S.topRows(r), {}, {}, {}, degree};
  link.c = link.U * rows.moments->x_mean;
  const Ranges ranges = projection_ranges(*rows.train, link.U, context);
  link.low = ranges.low - link.c;
  link.high = ranges.high - link.c;
  return link;
}

// Rows whose inputs are what a source predicts for them.
class PredictedSource final : public RowSource {
 public:
  PredictedSource(const RowSource& rows, const SourceTask& source, Context context)
      : rows_(rows), source_(source), context_(std::move(context)) {
    context_.progress = {};  // whoever reads the rows tells how far it is
  }

  [[nodiscard]] Index rows() const override { return rows_.rows(); }
  [[nodiscard]] Index inputs() const override { return source_.linear.alpha.size(); }
  [[nodiscard]] Index targets() const override { return rows_.targets(); }
  void read(Index first, Index count, Block& block) const override {
    rows_.read(first, count, block);
    block.X = outputs(source_.linear, source_.predictors, block.X, context_);
  }

 private:
  const RowSource& rows_;
  const SourceTask& source_;
  Context context_;
};

// The sources' predictions, mapped to the new targets by least squares.
Fitted rescaled_source(const SourceTask& source, const LearningRows& rows, const Context& context) {
  const Index k = rows.train->targets();
  // y ≈ y_mean + Cᵀ(F − F_mean), from moments of (F, y): the predictions stand in for inputs. They are what is work,
  // and are made on all threads.
  Context one_thread = context;
  one_thread.threads = 1;
  const Moments m = moments(PredictedSource(*rows.train, source, context), one_thread);
  const Matrix C = from_first_rank(context, [&]() -> Matrix {
    Matrix covariance = m.xx;
    covariance.diagonal().array() += 1e-3 * std::max(1e-300, m.xx.diagonal().mean());
    const auto eigen = linalg::symmetric_eigen(covariance, "transfer");
    return eigen.vectors * eigen.values.cwiseInverse().asDiagonal() * eigen.vectors.transpose() * m.xy;
  });
  Fitted fitted{LinearPart::zero(source.linear.beta.rows(), k), {}};
  fitted.linear.beta = source.linear.beta * C;
  fitted.linear.alpha = m.y_mean + C.transpose() * (source.linear.alpha - m.x_mean);
  for (Predictor predictor : source.predictors) {
    predictor.a = predictor.a * C;
    fitted.predictors.push_back(std::move(predictor));
  }
  return fitted;
}

using MapOfRows = std::function<FeatureMap(const LearningRows&, const Context&)>;

// Features in kept coordinates, whatever the rows: the head alone is learned, its λ along a path.
Findings try_kept_features(const Ground& ground, CandidateReport report, const MapOfRows& map_of) {
  const auto& lambda = path_of(ground.options);
  const std::size_t count = ground.splits.size();
  std::vector<Stage> stages(count);
  std::vector<Path> paths(count);
  ground.each(static_cast<Index>(count), [&](Index i, const Context& context) {
    const auto at = static_cast<std::size_t>(i);
    stages[at] = plain_stage(ground.splits[at], mean_alone(*ground.splits[at].moments));
    paths[at] =
        head_path(stages[at], map_of(ground.splits[at], context), lambda, ground.splits[at].square_units, context);
  });
  const HeadChoice choice = choose_heads(paths, lambda);
  report.settings += (report.settings.empty() ? "" : ", ") + lambda_list(choice.lambda);
  const auto of_split = [&](std::size_t i) {
    Fitted fitted{stages[i].linear, {{1.0, paths[i].map, head_on(paths[i], choice)}}};
    hold_back(ground.splits[i], fitted.linear, ground.options, fitted.predictors.front());
    return fitted;
  };
  const Learn learn_again = [map_of, chosen = choice.lambda, &options = ground.options](const LearningRows& rows,
                                                                                        const Context& context) {
    const Stage stage = plain_stage(rows, mean_alone(*rows.moments));
    const FeatureMap map = map_of(rows, context);
    Fitted fitted{stage.linear, {{1.0, map, head_at(stage, map, chosen, context)}}};
    hold_back(rows, fitted.linear, options, fitted.predictors.front());
    return fitted;
  };
  Findings findings;
  findings.candidates.push_back(candidate_of(ground, std::move(report), of_split, Extent::searched, learn_again));
  return findings;
}

// A kernel in kept coordinates: its settings and its head are learned.
Findings try_kept_kernel(const Ground& ground, const std::string& name, const Matrix& along) {
  std::vector<Stage> stages;
  for (const LearningRows& rows : ground.splits) stages.push_back(plain_stage(rows, mean_alone(*rows.moments)));
  const std::vector<Matrix> same(ground.splits.size(), along);
  const KernelChoice chosen = searched_kernel(ground, stages, same, kernel_grid());
  CandidateReport report;
  report.name = name;
  report.settings = kernel_text(chosen.settings);
  const auto of_split = [&](std::size_t i) -> Fitted {
    return {stages[i].linear, {{1.0, chosen.maps[i], chosen.a[i], {}}}};
  };
  const Learn learn_again = [along, settings = chosen.settings](const LearningRows& rows, const Context& context) {
    return kernel_predictor(plain_stage(rows, mean_alone(*rows.moments)), along, settings, context);
  };
  Findings findings;
  findings.candidates.push_back(candidate_of(ground, std::move(report), of_split, Extent::searched, learn_again));
  return findings;
}

}  // namespace

std::vector<Step> start_kept(const Ground& ground, const SourceTask* source) {
  if (source == nullptr) return {};
  const FitOptions& options = ground.options;
  const Index d = ground.inputs();
  const Matrix A = unit_trace(source->gradient_outer_product);
  if (!ground.dual() && !(A.trace() > 0.5)) return {};  // the sources are constant
  std::vector<Step> steps;

  // The sources' own predictions come first, and with them the directions that polishing may start from.
  const std::string prediction = "source's prediction";
  const auto rescaled = [A, source, prediction](const Ground& on, const Clues&) {
    CandidateReport report;
    report.name = prediction;
    report.settings = "by least squares";
    const Learn learn_again = [kept = *source](const LearningRows& rows, const Context& context) {
      return rescaled_source(kept, rows, context);
    };
    Findings findings;
    if (!on.dual()) findings.clues.plain = {std::vector<Matrix>(on.splits.size(), A), hardly_better};
    try {
      findings.candidates.push_back(candidate_of(
          on, report, [&](std::size_t i) { return learn_again(on.splits[i], on.context); }, Extent::searched,
          learn_again));
    } catch (const NumericalError& error) {
      findings.candidates.push_back(failed_candidate(on, prediction, error.what()));
    }
    return findings;
  };
  steps.push_back({prediction, 0, rescaled, true, true});
  if (ground.dual()) return steps;

  // A^q with some of the identity: a prior that prefers the kept directions and rules out no other. Predictors learned
  // from few rows understate what their targets do along weak directions, so flatter powers are tried, too.
  const auto coordinates = [&](double power, double blend) {
    const Matrix mixed = (1 - blend) * A + blend / static_cast<double>(d) * Matrix::Identity(d, d);
    return from_first_rank(ground.context, [&] { return refined_coordinates(mixed, power); });
  };
  const Matrix S = coordinates(0.5, 0.0);
  const Matrix flat = coordinates(0.25, 0.0);
  // Multiply-adds of heads on m features, where a feature takes `each`.
  const auto head_cost = [&](double m, double each) {
    return static_cast<double>(static_cast<Index>(ground.splits.size()) + ground.repeats) *
           (static_cast<double>(ground.rows()) * m * (each + m / 2) + 2 * m * m * m / 3);
  };
  const auto add = [&](const CandidateReport& report, double cost, const MapOfRows& map_of) {
    steps.push_back({report.name, cost, [report, map_of](const Ground& on, const Clues&) {
                       return try_kept_features(on, report, map_of);
                     }});
  };
  const auto add_links = [&](const Matrix& along, Index r, const std::string& what) {
    for (const int degree : {1, 2, 3}) {
      const auto terms = static_cast<double>(product_term_count(r, degree));
      if (terms > most_terms) continue;
      CandidateReport report;
      report.name = fmt::format("link of {}, degree {}", what, degree);
      report.rank = r < d ? r : 0;
      add(report, head_cost(terms, 2) + static_cast<double>(ground.rows() * r * d),
          [along, r, degree](const LearningRows& rows, const Context& context) -> FeatureMap {
            return kept_link(along, r, degree, rows, context);
          });
    }
  };
  for (const Index r : {1, 2, 4, 8})
    if (r <= S.rows()) add_links(S, r, fmt::format("{} kept direction{}", r, r == 1 ? "" : "s"));
  add_links(coordinates(0.5, 0.1), d, "all inputs, the kept directions preferred");
  CandidateReport network;
  network.name = "network along the kept directions";
  network.settings = fmt::format("{} units", options.width);
  add(network, head_cost(static_cast<double>(options.width), static_cast<double>(d)),
      [flat, &options](const LearningRows& rows, const Context& context) -> FeatureMap {
        return from_first_rank(context,
                               [&] { return network_along(flat, options.width, *rows.moments, options.seed, 0); });
      });

  if (!options.training_rows) return steps;
  struct Prior {
    const char* name;
    double power;
    double blend;
  };
  for (const Prior& prior :
       {Prior{"kernel in kept coordinates", 0.5, 0.0}, Prior{"kernel in flatter kept coordinates", 0.25, 0.0},
        Prior{"kernel in almost level kept coordinates", 0.15, 0.0},
        Prior{"kernel of all inputs, the kept directions preferred", 0.5, 0.1}}) {
    const auto run = [along = coordinates(prior.power, prior.blend), name = std::string(prior.name)](
                         const Ground& on, const Clues&) { return try_kept_kernel(on, name, along); };
    steps.push_back({prior.name, searched_kernel_cost(ground, d), run});
  }
  return steps;
}

}  // namespace sextant
