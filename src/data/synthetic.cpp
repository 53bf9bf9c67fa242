#include "sextant/synthetic.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <Eigen/Eigenvalues>
#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <set>
#include <span>
#include <utility>

#include "sextant/error.h"
#include "sextant/hermite.h"
#include "sextant/random.h"

namespace sextant {
namespace {

int total_degree(const HermiteTerm& term) { return std::accumulate(term.degrees.begin(), term.degrees.end(), 0); }

// The sum of a[i]·b[i] in one fixed order. Eigen's products choose theirs by shape and alignment, and a row must have
// the same bits in every block.
double dot(const double* a, const double* b, Index size) {
  double sums[4] = {0, 0, 0, 0};
  Index i = 0;
  for (; i + 4 <= size; i += 4) {
    sums[0] += a[i] * b[i];
    sums[1] += a[i + 1] * b[i + 1];
    sums[2] += a[i + 2] * b[i + 2];
    sums[3] += a[i + 3] * b[i + 3];
  }
  for (; i < size; ++i) sums[0] += a[i] * b[i];
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

// z = Ux for one row x.
void project(const Matrix& U, const double* x, double* z) {
  for (Index j = 0; j < U.rows(); ++j) z[j] = dot(U.row(j).data(), x, U.cols());
}

// The terms of a target made ready for many rows: he_k(z_j) for each direction up to the degree it needs lie side by
// side in one table, and a term is a coefficient with the places of its factors.
class Link {
 public:
  explicit Link(const HermiteTarget& target) {
    const auto r = static_cast<std::size_t>(target.directions());
    std::vector<std::size_t> sizes(r, 1);
    for (const HermiteTerm& term : target.terms)
      for (std::size_t j = 0; j < r; ++j) sizes[j] = std::max(sizes[j], static_cast<std::size_t>(term.degrees[j]) + 1);
    std::size_t size = 0;
    for (std::size_t j = 0; j < r; ++j) {
      starts_.push_back(size);
      size += sizes[j];
    }
    starts_.push_back(size);
    table_.resize(size);
    for (const HermiteTerm& term : target.terms) {
      const std::size_t first = factors_.size();
      for (std::size_t j = 0; j < r; ++j) {
        const int k = term.degrees[j];
        if (k > 0) factors_.push_back({j, starts_[j] + static_cast<std::size_t>(k), std::sqrt(k)});
      }
      terms_.push_back({term.coefficient, first, factors_.size()});
    }
  }

  double value(const double* z) {
    tabulate(z);
    double sum = 0;
    for (const Term& term : terms_) {
      double product = term.coefficient;
      for (std::size_t f = term.first; f < term.last; ++f) product *= table_[factors_[f].place];
      sum += product;
    }
    return sum;
  }

  void gradient(const double* z, double* out) {
    tabulate(z);
    std::fill_n(out, starts_.size() - 1, 0.0);
    for (const Term& term : terms_) {
      for (std::size_t g = term.first; g < term.last; ++g) {
        double product = term.coefficient * factors_[g].root_k * table_[factors_[g].place - 1];
        for (std::size_t f = term.first; f < term.last; ++f)
          if (f != g) product *= table_[factors_[f].place];
        out[factors_[g].direction] += product;
      }
    }
  }

 private:
  struct Factor {
    std::size_t direction;  // j
    std::size_t place;      // of he_k(z_j) in the table; he_{k−1} is just before it
    double root_k;
  };
  struct Term {
    double coefficient;
    std::size_t first, last;  // its factors
  };

  void tabulate(const double* z) {
    for (std::size_t j = 0; j + 1 < starts_.size(); ++j)
      normalised_hermites(z[j], std::span(table_).subspan(starts_[j], starts_[j + 1] - starts_[j]));
  }

  std::vector<std::size_t> starts_;
  std::vector<Factor> factors_;
  std::vector<Term> terms_;
  std::vector<double> table_;
};

void check_columns(const char* where, const char* name, Index columns, Index expected) {
  if (columns != expected)
    throw InvalidArgument(fmt::format("{}: {} has {} columns, expected {}", where, name, columns, expected));
}

// C r×r, the expected Hessian of the link: H = UᵀCU.
Eigen::MatrixXd link_hessian(const HermiteTarget& target) {
  const Index r = target.directions();
  Eigen::MatrixXd C = Eigen::MatrixXd::Zero(r, r);
  for (const HermiteTerm& term : target.terms) {
    if (total_degree(term) != 2) continue;
    // he_2(z_i), or z_i z_j: i and j are the first and the last direction that appear.
    Index i = 0;
    Index j = r - 1;
    while (term.degrees[static_cast<std::size_t>(i)] == 0) ++i;
    while (term.degrees[static_cast<std::size_t>(j)] == 0) --j;
    if (i == j) {
      C(i, i) += std::numbers::sqrt2 * term.coefficient;  // he_2 = (z² − 1)/√2
    } else {
      C(i, j) += term.coefficient;
      C(j, i) += term.coefficient;
    }
  }
  return C;
}

double power(double base, int exponent) {
  double product = 1;
  for (int i = 0; i < exponent; ++i) product *= base;
  return product;
}

}  // namespace

Matrix draw_directions(Index r, Index d, Orientation kind, std::uint64_t seed) {
  if (d < 1) throw InvalidArgument(fmt::format("directions: d = {} given, expected at least 1", d));
  if (r < 1 || r > d) throw InvalidArgument(fmt::format("directions: r = {} given, expected 1 to d = {}", r, d));
  if (kind == Orientation::axis) return Matrix::Identity(r, d);
  const Matrix normals = Stream(seed, Purpose::directions).normal_matrix(r, d);
  const Eigen::HouseholderQR<Eigen::MatrixXd> qr(normals.transpose());
  const Eigen::MatrixXd Q = qr.householderQ() * Eigen::MatrixXd::Identity(d, r);
  Matrix U = Q.transpose();
  for (Index j = 0; j < r; ++j)
    if (qr.matrixQR()(j, j) < 0) U.row(j) *= -1;
  return U;
}

void HermiteTarget::check() const {
  const Index r = directions();
  if (r < 1 || r > inputs())
    throw InvalidArgument(fmt::format("target: U is {}×{}, expected 1 to d rows of d columns", r, inputs()));
  const double error = (U * U.transpose() - Matrix::Identity(r, r)).cwiseAbs().maxCoeff();
  if (!(error <= 1e-8))
    throw InvalidArgument(
        fmt::format("target: UUᵀ is {:.3g} away from the identity, expected orthonormal rows", error));
  if (terms.empty()) throw InvalidArgument("target: 0 terms given, expected at least 1");
  std::set<std::vector<int>> seen;
  for (std::size_t t = 0; t < terms.size(); ++t) {
    const HermiteTerm& term = terms[t];
    if (term.degrees.size() != static_cast<std::size_t>(r))
      throw InvalidArgument(fmt::format("target: term {} has {} degrees, expected one for each of {} directions", t,
                                        term.degrees.size(), r));
    if (!std::isfinite(term.coefficient))
      throw InvalidArgument(
          fmt::format("target: the coefficient of term {} is {}, expected a finite number", t, term.coefficient));
    int sum = 0;
    for (const int k : term.degrees) {
      if (k < 0 || k > max_hermite_degree)
        throw InvalidArgument(fmt::format("target: term {} has degree {}, expected 0 to {}", t, k, max_hermite_degree));
      sum = std::min(sum + k, max_hermite_degree + 1);
    }
    if (sum > max_hermite_degree)
      throw InvalidArgument(fmt::format("target: the degrees of term {} sum to more than {}, expected at most that", t,
                                        max_hermite_degree));
    if (!seen.insert(term.degrees).second)
      throw InvalidArgument(fmt::format("target: degrees ({}) are given twice, expected one coefficient for each",
                                        fmt::join(term.degrees, ", ")));
  }
}

Vector HermiteTarget::link(const MatrixView& Z) const {
  check();
  check_columns("link", "Z", Z.cols(), directions());
  Link g(*this);
  Vector values(Z.rows());
  for (Index i = 0; i < Z.rows(); ++i) values(i) = g.value(Z.row(i).data());
  return values;
}

Matrix HermiteTarget::link_gradient(const MatrixView& Z) const {
  check();
  check_columns("link_gradient", "Z", Z.cols(), directions());
  Link g(*this);
  Matrix gradients(Z.rows(), directions());
  for (Index i = 0; i < Z.rows(); ++i) g.gradient(Z.row(i).data(), gradients.row(i).data());
  return gradients;
}

Vector HermiteTarget::value(const MatrixView& X) const {
  check();
  check_columns("value", "X", X.cols(), inputs());
  Link g(*this);
  Vector z(directions());
  Vector values(X.rows());
  for (Index i = 0; i < X.rows(); ++i) {
    project(U, X.row(i).data(), z.data());
    values(i) = g.value(z.data());
  }
  return values;
}

Matrix HermiteTarget::gradient(const MatrixView& X) const {
  check();
  check_columns("gradient", "X", X.cols(), inputs());
  Link g(*this);
  Vector z(directions());
  Matrix gradients(X.rows(), directions());
  for (Index i = 0; i < X.rows(); ++i) {
    project(U, X.row(i).data(), z.data());
    g.gradient(z.data(), gradients.row(i).data());
  }
  return gradients * U;
}

double HermiteTarget::second_moment() const {
  check();
  double sum = 0;
  for (const HermiteTerm& term : terms) sum += term.coefficient * term.coefficient;
  return sum;
}

int HermiteTarget::degree() const {
  check();
  int degree = 0;
  for (const HermiteTerm& term : terms)
    if (term.coefficient != 0) degree = std::max(degree, total_degree(term));
  return degree;
}

int HermiteTarget::information_exponent() const {
  check();
  int exponent = 0;
  for (const HermiteTerm& term : terms) {
    const int k = total_degree(term);
    if (term.coefficient != 0 && k > 0 && (exponent == 0 || k < exponent)) exponent = k;
  }
  return exponent;
}

Matrix HermiteTarget::expected_hessian() const {
  check();
  return U.transpose() * link_hessian(*this) * U;
}

double HermiteTarget::kappa() const {
  check();
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(link_hessian(*this), Eigen::EigenvaluesOnly);
  if (eigen.info() != Eigen::Success)
    throw NumericalError("kappa: the expected Hessian's eigenvalues did not converge");
  const double largest = eigen.eigenvalues().cwiseAbs().maxCoeff();
  const double smallest = eigen.eigenvalues().cwiseAbs().minCoeff();
  if (smallest <= 1e-12 * largest) return std::numeric_limits<double>::infinity();
  return 1 / (std::sqrt(static_cast<double>(directions())) * smallest);
}

HermiteTarget source_target(int p, const TargetOptions& options) {
  if (p < 3 || p > max_hermite_degree)
    throw InvalidArgument(fmt::format("source_target: p = {} given, expected 3 to {}", p, max_hermite_degree));
  // He_2/2 = he_2/√2 and He_p/√(2·p!) = he_p/√2.
  const double c = 1 / std::numbers::sqrt2;
  return {draw_directions(1, options.d, options.orientation, options.seed), {{c, {2}}, {c, {p}}}};
}

HermiteTarget hermite_target(int k, const TargetOptions& options) {
  if (k < 1 || k > max_hermite_degree)
    throw InvalidArgument(fmt::format("hermite_target: k = {} given, expected 1 to {}", k, max_hermite_degree));
  return {draw_directions(1, options.d, options.orientation, options.seed), {{1.0, {k}}}};
}

HermiteTarget multi_index_target(Index r, int p, const TargetOptions& options) {
  if (p < 3 || p > max_hermite_degree)
    throw InvalidArgument(fmt::format("multi_index_target: p = {} given, expected 3 to {}", p, max_hermite_degree));
  if (r < 2 || r > options.d)
    throw InvalidArgument(fmt::format("multi_index_target: r = {} given, expected 2 to d = {}", r, options.d));
  HermiteTarget target{draw_directions(r, options.d, options.orientation, options.seed), {}};
  const std::vector<int> none(static_cast<std::size_t>(r), 0);
  for (Index j = 0; j < r; ++j) {
    target.terms.push_back({1 / std::sqrt(2.0 * static_cast<double>(r)), none});
    HermiteTerm& term = target.terms.back();
    term.degrees[static_cast<std::size_t>(j)] = 2;
  }
  const Index pairs = r == 2 ? 1 : r;
  const double c = 1 / std::sqrt(2.0 * static_cast<double>(pairs) * (p - 1));
  const Stream signs(options.seed, Purpose::coefficients);
  std::uint64_t t = 0;
  for (Index i = 0; i < pairs; ++i) {
    for (int a = 1; a < p; ++a) {
      target.terms.push_back({c * signs.sign(t++), none});
      HermiteTerm& term = target.terms.back();
      term.degrees[static_cast<std::size_t>(i)] = a;
      term.degrees[static_cast<std::size_t>((i + 1) % r)] = p - a;
    }
  }
  return target;
}

const std::vector<std::string>& target_names() {
  static const std::vector<std::string> names = {"source", "hermite", "multi-index"};
  return names;
}

HermiteTarget target_named(const std::string& name, Index r, int p, const TargetOptions& options) {
  if (name == "multi-index") return multi_index_target(r, p, options);
  if (name != "source" && name != "hermite")
    throw InvalidArgument(
        fmt::format("target: '{}' is not known, expected one of {}", name, fmt::join(target_names(), ", ")));
  if (r != 1)
    throw InvalidArgument(
        fmt::format("r: {} given, expected 1 for the target {}; multi-index has several directions", r, name));
  return name == "source" ? source_target(p, options) : hermite_target(p, options);
}

Vector population_gradient(const HermiteTarget& target, const VectorView& w) {
  target.check();
  if (w.size() != target.inputs())
    throw InvalidArgument(
        fmt::format("population_gradient: w has {} entries, expected d = {}", w.size(), target.inputs()));
  const double norm = w.stableNorm();
  if (!(norm > 0) || !std::isfinite(norm))
    throw InvalidArgument(fmt::format("population_gradient: w has norm {}, expected a finite positive one", norm));
  const Vector direction = w / norm;
  const Vector s = target.U * direction;
  const double root_two_pi = std::sqrt(2 * std::numbers::pi);

  Vector along_u = Vector::Zero(target.directions());
  double along_w = 0;
  for (const HermiteTerm& term : target.terms) {
    const int k = total_degree(term);
    double c = term.coefficient;  // of Π He_{k_j}, so divided by √Π k_j!
    double s_to_k = 1;
    for (std::size_t j = 0; j < term.degrees.size(); ++j) {
      for (int q = 2; q <= term.degrees[j]; ++q) c /= std::sqrt(q);
      s_to_k *= power(s(static_cast<Index>(j)), term.degrees[j]);
    }
    along_w += c * s_to_k * hermite_at_zero(k) / root_two_pi;
    if (k == 0) continue;
    // E[He_{k−1}(z) 1{z ≥ 0}] = He_{k−2}(0)/√(2π), and 1/2 for k = 1.
    const double half_line = k == 1 ? 0.5 : hermite_at_zero(k - 2) / root_two_pi;
    for (std::size_t j = 0; j < term.degrees.size(); ++j) {
      if (term.degrees[j] == 0) continue;
      double lowered = 1;  // s^{k − e_j}
      for (std::size_t i = 0; i < term.degrees.size(); ++i)
        lowered *= power(s(static_cast<Index>(i)), term.degrees[i] - (i == j ? 1 : 0));
      along_u(static_cast<Index>(j)) += c * term.degrees[j] * lowered * half_line;
    }
  }
  return target.U.transpose() * along_u + along_w * direction;
}

void SyntheticRows::check() const {
  if (rows < 0) throw InvalidArgument(fmt::format("synthetic rows: rows = {} given, expected at least 0", rows));
  if (!(noise >= 0) || !std::isfinite(noise))
    throw InvalidArgument(
        fmt::format("synthetic rows: noise = {} given, expected a finite number of at least 0", noise));
  if (first_row < 0)
    throw InvalidArgument(fmt::format("synthetic rows: first_row = {} given, expected at least 0", first_row));
}

void SyntheticRows::check_columns(Index columns) const {
  check();
  const Index most = std::numeric_limits<Index>::max() / columns;
  if (first_row > most || rows > most - first_row)
    throw InvalidArgument(
        fmt::format("synthetic rows: first_row = {} and rows = {} given, expected at most {} together for {} columns",
                    first_row, rows, most, columns));
}

void SyntheticRows::check_read(Index first, Index count) const {
  if (first < 0 || count < 0 || first > rows || count > rows - first)
    throw InvalidArgument(
        fmt::format("synthetic rows: {} rows from row {} asked for, expected a part of {} rows", count, first, rows));
}

GaussianSource::GaussianSource(std::vector<HermiteTarget> targets, const SyntheticRows& options)
    : targets_(std::move(targets)), options_(options) {
  if (targets_.empty()) throw InvalidArgument("synthetic rows: 0 targets given, expected at least 1");
  const Matrix& U = targets_.front().U;
  for (const HermiteTarget& target : targets_) {
    target.check();
    if (target.U.rows() != U.rows() || target.U.cols() != U.cols() || target.U != U)
      throw InvalidArgument("synthetic rows: targets have different U, expected the same directions for all");
  }
  options_.check_columns(std::max(inputs(), this->targets()));
}

void GaussianSource::read(Index first, Index count, Block& block) const {
  options_.check_read(first, count);
  const Index d = inputs();
  const Index k = targets();
  block.resize(count, d, k);
  block.w.setOnes();
  const Stream x(options_.seed, Purpose::inputs);
  const Stream noise(options_.seed, Purpose::noise);
  const Index start = options_.first_row + first;
  x.fill_normal(static_cast<std::uint64_t>(start) * static_cast<std::uint64_t>(d),
                {block.X.data(), static_cast<std::size_t>(block.X.size())});

  std::vector<Link> links(targets_.begin(), targets_.end());
  Vector z(targets_.front().directions());
  for (Index i = 0; i < count; ++i) {
    project(targets_.front().U, block.X.row(i).data(), z.data());
    for (Index j = 0; j < k; ++j) {
      double& y = block.Y(i, j);
      y = links[static_cast<std::size_t>(j)].value(z.data());
      if (options_.noise > 0)
        y += options_.noise * noise.sign(static_cast<std::uint64_t>(start + i) * static_cast<std::uint64_t>(k) +
                                         static_cast<std::uint64_t>(j));
    }
  }
}

}  // namespace sextant
