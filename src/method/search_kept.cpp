// What other tasks found: their directions, and their predictors. Only heads are learned on them.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/from_first_rank.h"
#include "core/linalg.h"
#include "method/kernel_choice.h"
#include "method/searches.h"
#include "passes/parts.h"
#include "sextant/product_terms.h"
#include "sextant/refine.h"
#include "sextant/subspace.h"

namespace sextant {
namespace {

constexpr double most_terms = 400;    // of a link
constexpr double budget_share = 0.5;  // of the budget: learning from scratch has the rest

Matrix unit_trace(const Matrix& A) { return A / std::max(1e-300, A.trace()); }

// Features in kept coordinates, whatever the rows: the head alone is learned, its λ along a path.
void add_kept_features(Workbench& bench, CandidateReport report,
                       const std::function<FeatureMap(const LearningRows&, const Context&)>& map_of) {
  const auto& lambda = path_of(bench.options);
  const std::size_t count = bench.splits.size();
  std::vector<Stage> stages(count);
  std::vector<Path> paths(count);
  bench.attempt(report.name, [&] {
    bench.each(static_cast<Index>(count), [&](Index i, const Context& context) {
      const auto at = static_cast<std::size_t>(i);
      stages[at] = plain_stage(bench.splits[at], mean_alone(*bench.splits[at].moments));
      paths[at] =
          head_path(stages[at], map_of(bench.splits[at], context), lambda, bench.splits[at].square_units, context);
    });
    const HeadChoice choice = choose_heads(paths, lambda);
    report.settings += (report.settings.empty() ? "" : ", ") + lambda_list(choice.lambda);
    report.error = choice.error;
    bench.add(
        report,
        [&](std::size_t i) {
          Fitted fitted{stages[i].linear, {{1.0, paths[i].map, head_on(paths[i], choice)}}};
          hold_back(bench.splits[i], fitted.linear, bench.options, fitted.predictors.front());
          return fitted;
        },
        [map_of, chosen = choice.lambda, &options = bench.options](const LearningRows& rows, const Context& context) {
          const Stage stage = plain_stage(rows, mean_alone(*rows.moments));
          const FeatureMap map = map_of(rows, context);
          Fitted fitted{stage.linear, {{1.0, map, head_at(stage, map, chosen, context)}}};
          hold_back(rows, fitted.linear, options, fitted.predictors.front());
          return fitted;
        });
  });
}

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

}  // namespace

void search_kept(Workbench& bench, const SourceTask& source) {
  const FitOptions& options = bench.options;
  const Index d = bench.inputs();
  const Matrix A = unit_trace(source.gradient_outer_product);
  if (!(A.trace() > 0.5)) return;  // the sources are constant
  bench.offer_outer_products(std::vector<Matrix>(bench.splits.size(), A), 0.99);

  // A^q with some of the identity: a prior that prefers the kept directions and rules out no other. Predictors learned
  // from few rows understate what their targets do along weak directions, so flatter powers are tried, too.
  const auto coordinates = [&](double power, double blend) {
    const Matrix mixed = (1 - blend) * A + blend / static_cast<double>(d) * Matrix::Identity(d, d);
    return from_first_rank(bench.context, [&] { return refined_coordinates(mixed, power); });
  };
  const Matrix S = coordinates(0.5, 0.0);
  const Matrix flat = coordinates(0.25, 0.0);
  // Multiply-adds of heads on m features on every split, and on all rows in the end, where a feature takes `each`.
  const auto head_cost = [&](double m, double each) {
    return static_cast<double>(bench.splits.size() + 1) *
           (static_cast<double>(bench.rows()) * m * (each + m / 2) + 2 * m * m * m / 3);
  };
  const auto add_links = [&](const Matrix& along, Index r, const std::string& what) {
    for (const int degree : {1, 2, 3}) {
      const auto terms = static_cast<double>(product_term_count(r, degree));
      if (terms > most_terms) continue;
      CandidateReport report;
      report.name = fmt::format("link of {}, degree {}", what, degree);
      report.cost = head_cost(terms, 2) + static_cast<double>(bench.rows() * r * d);
      if (!bench.reaches(report.name, report.cost, budget_share)) continue;
      report.rank = r < d ? r : 0;
      add_kept_features(bench, report,
                        [along, r, degree](const LearningRows& rows, const Context& context) -> FeatureMap {
                          return kept_link(along, r, degree, rows, context);
                        });
    }
  };
  for (const Index r : {1, 2, 4, 8})
    if (r <= S.rows()) add_links(S, r, fmt::format("{} kept direction{}", r, r == 1 ? "" : "s"));
  add_links(coordinates(0.5, 0.1), d, "all inputs, the kept directions preferred");
  CandidateReport report;
  report.name = "network along the kept directions";
  report.settings = fmt::format("{} units", options.width);
  report.cost = head_cost(static_cast<double>(options.width), static_cast<double>(d));
  if (bench.reaches(report.name, report.cost, budget_share))
    add_kept_features(bench, report, [flat, &options](const LearningRows& rows, const Context& context) -> FeatureMap {
      return from_first_rank(context,
                             [&] { return network_along(flat, options.width, *rows.moments, options.seed, 0); });
    });

  struct Prior {
    const char* name;
    double power;
    double blend;
  };
  for (const Prior& prior :
       {Prior{"kernel in kept coordinates", 0.5, 0.0}, Prior{"kernel in flatter kept coordinates", 0.25, 0.0},
        Prior{"kernel in almost level kept coordinates", 0.15, 0.0},
        Prior{"kernel of all inputs, the kept directions preferred", 0.5, 0.1}}) {
    const double cost = searched_kernel_cost(bench, d);
    if (!bench.reaches(prior.name, cost, budget_share)) continue;
    const Matrix along = coordinates(prior.power, prior.blend);
    std::vector<Stage> stages;
    for (const LearningRows& rows : bench.splits) stages.push_back(plain_stage(rows, mean_alone(*rows.moments)));
    const std::vector<Matrix> same(bench.splits.size(), along);
    bench.attempt(prior.name, [&] {
      const KernelChoice chosen = searched_kernel(bench, stages, same, kernel_grid());
      CandidateReport kernel;
      kernel.name = prior.name;
      kernel.settings = kernel_text(chosen.settings);
      kernel.error = chosen.error;
      kernel.cost = cost;
      bench.add(
          kernel,
          [&](std::size_t i) -> Fitted {
            return {stages[i].linear, {{1.0, chosen.maps[i], chosen.a[i], {}}}};
          },
          [along, settings = chosen.settings](const LearningRows& rows, const Context& context) {
            return kernel_predictor(plain_stage(rows, mean_alone(*rows.moments)), along, settings, context);
          });
    });
  }

  CandidateReport rescaled;
  rescaled.name = "source's prediction";
  rescaled.settings = "by least squares";
  rescaled.error = Vector::Zero(bench.targets());
  const auto learn = [source](const LearningRows& rows, const Context& context) {
    return rescaled_source(source, rows, context);
  };
  bench.attempt(rescaled.name, [&] {
    bench.add(
        rescaled, [&](std::size_t i) { return learn(bench.splits[i], bench.context); }, learn);
  });
}

}  // namespace sextant
