#include "sextant/statistical_queries.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numbers>
#include <numeric>
#include <utility>

#include "sextant/error.h"
#include "sextant/hermite.h"
#include "sextant/random.h"

namespace sextant {
namespace {

constexpr double largest_table = 1e6;

double power(double base, int exponent) {
  double product = 1;
  for (int i = 0; i < exponent; ++i) product *= base;
  return product;
}

double factorials(const std::vector<int>& degrees) {
  double product = 1;
  for (const int k : degrees)
    for (int i = 2; i <= k; ++i) product *= i;
  return product;
}

double table_size(const std::vector<int>& degrees) {
  double size = 1;
  for (const int k : degrees) size *= k + 1;
  return size;
}

// The coefficient of Π_j t_j^{b_j} in Π_i (Σ_j S_ij t_j)^{a_i}, over a table of all degrees up to b: place Σ_j
// t_j·stride_j.
double coefficient(const std::vector<int>& a, const std::vector<int>& b, const Matrix& S) {
  struct Variable {
    Index j;
    std::size_t stride, size;
  };
  std::vector<Variable> variables;
  std::size_t size = 1;
  for (std::size_t j = 0; j < b.size(); ++j) {
    if (b[j] == 0) continue;
    variables.push_back({static_cast<Index>(j), size, static_cast<std::size_t>(b[j]) + 1});
    size *= variables.back().size;
  }
  std::vector<double> table(size, 0.0);
  table[0] = 1;
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (int factor = 0; factor < a[i]; ++factor) {
      // A product with a form without constant reads lower places only, so downwards it can be done in place.
      for (std::size_t t = size; t-- > 0;) {
        double sum = 0;
        for (const Variable& v : variables)
          if (t / v.stride % v.size > 0) sum += S(static_cast<Index>(i), v.j) * table[t - v.stride];
        table[t] = sum;
      }
    }
  }
  return table[size - 1];
}

// E f h of targets that have been checked.
double correlation_of_checked(const HermiteTarget& f, const HermiteTarget& h) {
  const Matrix S = f.U * h.U.transpose();
  const Matrix St = S.transpose();
  double sum = 0;
  for (const HermiteTerm& one : f.terms) {
    const int degree = std::accumulate(one.degrees.begin(), one.degrees.end(), 0);
    for (const HermiteTerm& two : h.terms) {
      if (std::accumulate(two.degrees.begin(), two.degrees.end(), 0) != degree) continue;
      const bool exchange = table_size(one.degrees) < table_size(two.degrees);
      const std::vector<int>& a = exchange ? two.degrees : one.degrees;
      const std::vector<int>& b = exchange ? one.degrees : two.degrees;
      if (table_size(b) > largest_table)
        throw InvalidArgument(
            fmt::format("correlation: a pair of terms needs a table of {:.3g} numbers, expected at most {:.3g}",
                        table_size(b), largest_table));
      sum += one.coefficient * two.coefficient * std::sqrt(factorials(b) / factorials(a)) *
             coefficient(a, b, exchange ? St : S);
    }
  }
  return sum;
}

void check_inputs(const HermiteTarget& f, const HermiteTarget& h) {
  if (f.inputs() != h.inputs())
    throw InvalidArgument(fmt::format(
        "correlation: a function of {} inputs and one of {} given, expected the same number", f.inputs(), h.inputs()));
}

void check_tau(const char* where, double tau, bool zero_allowed) {
  if (!(std::isfinite(tau) && (tau > 0 || (zero_allowed && tau == 0))))
    throw InvalidArgument(fmt::format("{}: tau = {} given, expected a finite number {}", where, tau,
                                      zero_allowed ? "of at least 0" : "above 0"));
}

void check_class(const HardClass& functions) {
  if (functions.members() < 1 || functions.inputs() < 1)
    throw InvalidArgument(fmt::format("hard class: U is {}×{}, expected at least one row and one column",
                                      functions.members(), functions.inputs()));
  if (functions.p < 1 || functions.p > max_hermite_degree)
    throw InvalidArgument(fmt::format("hard class: p = {} given, expected 1 to {}", functions.p, max_hermite_degree));
  if (!((functions.U.rowwise().squaredNorm().array() - 1).abs().maxCoeff() <= 1e-8))
    throw InvalidArgument("hard class: a row of U has another norm than 1, expected unit rows");
}

// E f_i h for all members.
Vector member_correlations(const std::vector<HermiteTarget>& members, const HermiteTarget& h) {
  h.check();
  Vector values(static_cast<Index>(members.size()));
  for (std::size_t i = 0; i < members.size(); ++i) {
    check_inputs(members[i], h);
    values(static_cast<Index>(i)) = correlation_of_checked(members[i], h);
  }
  return values;
}

std::vector<HermiteTarget> all_members(const HardClass& functions) {
  return direction_queries(functions.U, functions.p);
}

}  // namespace

double correlation(const HermiteTarget& f, const HermiteTarget& h) {
  f.check();
  h.check();
  check_inputs(f, h);
  return correlation_of_checked(f, h);
}

void HardClassOptions::check() const {
  if (d < 1) throw InvalidArgument(fmt::format("hard_class: d = {} given, expected at least 1", d));
  if (p < 1 || p > max_hermite_degree)
    throw InvalidArgument(fmt::format("hard_class: p = {} given, expected 1 to {}", p, max_hermite_degree));
  if (members < 1) throw InvalidArgument(fmt::format("hard_class: members = {} given, expected at least 1", members));
  if (!(overlap > 0 && overlap <= 1))
    throw InvalidArgument(fmt::format("hard_class: overlap = {} given, expected above 0 and at most 1", overlap));
}

HardClass hard_class(const HardClassOptions& options) {
  options.check();
  const Index d = options.d;
  const Stream stream(options.seed, Purpose::query_class);
  Matrix signs(options.members, d);
  Index kept = 0;
  const Index tries = 1000 + 100 * options.members;
  for (Index t = 0; t < tries && kept < options.members; ++t) {
    for (Index j = 0; j < d; ++j) signs(kept, j) = stream.sign(static_cast<std::uint64_t>(t * d + j));
    // Sums of ±1 are exact, so equal rows are found exactly.
    bool fits = true;
    for (Index i = 0; i < kept && fits; ++i)
      fits = std::abs(signs.row(i).dot(signs.row(kept))) < options.overlap * static_cast<double>(d);
    kept += fits;
  }
  if (kept < options.members)
    throw InvalidArgument(
        fmt::format("hard_class: members = {} given, but {} tries gave {} directions of d = {} with overlaps below {}, "
                    "expected fewer members or a larger overlap",
                    options.members, tries, kept, d, options.overlap));
  return {signs / std::sqrt(static_cast<double>(d)), options.p};
}

HermiteTarget HardClass::member(Index i) const {
  check_class(*this);
  if (i < 0 || i >= members())
    throw InvalidArgument(fmt::format("hard class: member {} asked for, expected 0 to {}", i, members() - 1));
  return {U.row(i), {{1.0, {p}}}};
}

Matrix HardClass::correlations() const {
  check_class(*this);
  return (U * U.transpose()).unaryExpr([this](double s) { return power(s, p); });
}

ClassCorrelations HardClass::bounds() const {
  check_class(*this);
  const auto M = static_cast<double>(members());
  const auto d = static_cast<double>(inputs());
  ClassCorrelations bounds;
  if (members() == 1) return bounds;
  double sum = 0;
  for (Index i = 1; i < members(); ++i) {
    const Vector overlaps = U.topRows(i) * U.row(i).transpose();
    for (const double s : overlaps) {
      const double size = power(std::abs(s), p);
      bounds.largest = std::max(bounds.largest, size);
      sum += size;
    }
  }
  bounds.mean = sum / (0.5 * M * (M - 1));
  bounds.likely_largest = std::pow(2 * std::log(2 * M * M) / d, 0.5 * p);
  // E|z|^p = 2^{p/2} Γ((p + 1)/2)/√π.
  const double moment = p == 1 ? 1 : std::pow(2, 0.5 * p) * std::tgamma(0.5 * (p + 1)) / std::sqrt(std::numbers::pi);
  bounds.expected_mean = moment * std::pow(d, -0.5 * p);
  return bounds;
}

Index guaranteed_consistent(Index members, const ClassCorrelations& correlations, Index queries, double tau) {
  const char* where = "guaranteed_consistent";
  if (members < 1) throw InvalidArgument(fmt::format("{}: members = {} given, expected at least 1", where, members));
  if (queries < 0) throw InvalidArgument(fmt::format("{}: queries = {} given, expected at least 0", where, queries));
  for (const double value : {correlations.largest, correlations.mean})
    if (!(value >= 0 && value <= 1 + 1e-9))
      throw InvalidArgument(fmt::format("{}: a correlation of {} given, expected 0 to 1", where, value));
  check_tau(where, tau, false);
  const auto M = static_cast<double>(members);
  const double square = tau * tau;
  double eliminated = (1 + std::sqrt(1 + 4 * square * M * (M - 1) * correlations.mean)) / (2 * square);
  if (square > correlations.largest)
    eliminated = std::min(eliminated, (1 - correlations.largest) / (square - correlations.largest));
  // Whole members; the bounds' rounding must not take one away.
  eliminated = std::floor(std::min(eliminated * (1 + 1e-9), M));
  return static_cast<Index>(std::max(0.0, M - static_cast<double>(queries) * eliminated));
}

StatisticalQueryOracle::StatisticalQueryOracle(HermiteTarget truth, double tau) : truth_(std::move(truth)), tau_(tau) {
  truth_.check();
  check_tau("oracle", tau, true);
}

double StatisticalQueryOracle::answer(const HermiteTarget& h) {
  const double norm = h.second_moment();
  if (!(norm <= 1 + 1e-9))
    throw InvalidArgument(fmt::format("oracle: a query with second moment {} given, expected at most 1", norm));
  check_inputs(truth_, h);
  const double exact = correlation_of_checked(truth_, h);
  ++queries_;
  if (std::abs(exact) <= tau_) return 0;
  return exact - std::copysign(tau_, exact);
}

std::vector<HermiteTarget> direction_queries(const MatrixView& V, int p) {
  if (p < 0 || p > max_hermite_degree)
    throw InvalidArgument(fmt::format("direction_queries: p = {} given, expected 0 to {}", p, max_hermite_degree));
  std::vector<HermiteTarget> queries;
  for (Index i = 0; i < V.rows(); ++i) {
    const double norm = V.row(i).stableNorm();
    if (!(norm > 0 && std::isfinite(norm)))
      throw InvalidArgument(
          fmt::format("direction_queries: row {} of V has norm {}, expected a finite positive one", i, norm));
    queries.push_back({V.row(i) / norm, {{1.0, {p}}}});
  }
  return queries;
}

double separation(const HardClass& functions, std::span<const HermiteTarget> queries) {
  check_class(functions);
  const Index M = functions.members();
  const std::vector<HermiteTarget> members = all_members(functions);
  Matrix C(M, static_cast<Index>(queries.size()));  // a member's correlations side by side
  for (std::size_t q = 0; q < queries.size(); ++q)
    C.col(static_cast<Index>(q)) = member_correlations(members, queries[q]);
  double smallest = std::numeric_limits<double>::infinity();
  for (Index i = 0; i < M; ++i)
    for (Index j = 0; j < i; ++j)
      smallest = std::min(smallest, queries.empty() ? 0.0 : (C.row(i) - C.row(j)).cwiseAbs().maxCoeff());
  return smallest;
}

QueryOutcome learn_by_queries(const HardClass& functions, StatisticalQueryOracle& oracle,
                              std::span<const HermiteTarget> queries) {
  check_class(functions);
  const std::vector<HermiteTarget> members = all_members(functions);
  Vector worst = Vector::Zero(functions.members());
  QueryOutcome outcome;
  for (const HermiteTarget& h : queries) {
    const double answer = oracle.answer(h);
    ++outcome.queries;
    outcome.zeros += answer == 0;
    worst = worst.cwiseMax((member_correlations(members, h).array() - answer).abs().matrix());
  }
  double best = oracle.tau() + 1e-12;
  outcome.consistent = (worst.array() <= best).count();
  for (Index i = 0; i < worst.size(); ++i) {
    if (worst(i) > best || (outcome.guess >= 0 && worst(i) == best)) continue;
    best = worst(i);
    outcome.guess = i;
  }
  return outcome;
}

}  // namespace sextant
