#include "sextant/engineering.h"

#include <fmt/core.h>

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "core/canonical_sign.h"
#include "sextant/error.h"
#include "sextant/random.h"

namespace sextant {
namespace {

constexpr double pi = std::numbers::pi;

double square(double value) { return value * value; }

double wing_weight(std::span<const double> x, std::span<double> gradient) {
  const double Sw = x[0];
  const double Wp = x[9];
  const double radians = pi / 180;
  const double Lambda = x[3] * radians;
  // A/cos²Λ to the 0.6 and cos Λ to the 0.3 give cos Λ to the −0.9.
  const double exponents[10] = {0.758, 0.0035, 0.6, 0, 0.006, 0.04, -0.3, 0.49, 0.49, 0};
  double product = 0.036 * std::pow(100.0, -0.3) * std::pow(std::cos(Lambda), -0.9);
  for (std::size_t j = 0; j < 9; ++j)
    if (exponents[j] != 0) product *= std::pow(x[j], exponents[j]);
  if (!gradient.empty()) {
    for (std::size_t j = 0; j < 9; ++j) gradient[j] = exponents[j] * product / x[j];
    gradient[0] += Wp;
    gradient[3] = 0.9 * std::tan(Lambda) * radians * product;
    gradient[9] = Sw;
  }
  return product + Sw * Wp;
}

double borehole(std::span<const double> x, std::span<double> gradient) {
  const double rw = x[0], r = x[1], Tu = x[2], Hu = x[3], Tl = x[4], Hl = x[5], L = x[6], Kw = x[7];
  const double logarithm = std::log(r / rw);
  const double leak = 2 * L * Tu / (square(rw) * Kw);
  const double numerator = 2 * pi * Tu * (Hu - Hl);
  const double denominator = logarithm * (1 + Tu / Tl) + leak;
  const double flow = numerator / denominator;
  if (!gradient.empty()) {
    const double by_denominator = -flow / denominator;  // ∂flow/∂denominator
    gradient[0] = by_denominator * (-(1 + Tu / Tl) / rw - 2 * leak / rw);
    gradient[1] = by_denominator * (1 + Tu / Tl) / r;
    gradient[2] = flow / Tu + by_denominator * (logarithm / Tl + leak / Tu);
    gradient[3] = 2 * pi * Tu / denominator;
    gradient[4] = by_denominator * -logarithm * Tu / square(Tl);
    gradient[5] = -2 * pi * Tu / denominator;
    gradient[6] = by_denominator * leak / L;
    gradient[7] = by_denominator * -leak / Kw;
  }
  return flow;
}

double otl_circuit(std::span<const double> x, std::span<double> gradient) {
  const double Rb1 = x[0], Rb2 = x[1], Rf = x[2], Rc1 = x[3], Rc2 = x[4], beta = x[5];
  const double Vb1 = 12 * Rb2 / (Rb1 + Rb2);
  const double G = beta * (Rc2 + 9);
  const double voltage = ((Vb1 + 0.74) * G + 11.35 * Rf + 0.74 * Rf * G / Rc1) / (G + Rf);
  if (!gradient.empty()) {
    const double by_Vb1 = G / (G + Rf);
    const double by_G = (Vb1 + 0.74 + 0.74 * Rf / Rc1 - voltage) / (G + Rf);
    gradient[0] = by_Vb1 * -12 * Rb2 / square(Rb1 + Rb2);
    gradient[1] = by_Vb1 * 12 * Rb1 / square(Rb1 + Rb2);
    gradient[2] = (11.35 + 0.74 * G / Rc1 - voltage) / (G + Rf);
    gradient[3] = -0.74 * Rf * G / (square(Rc1) * (G + Rf));
    gradient[4] = by_G * beta;
    gradient[5] = by_G * (Rc2 + 9);
  }
  return voltage;
}

double piston(std::span<const double> x, std::span<double> gradient) {
  const double M = x[0], S = x[1], V0 = x[2], k = x[3], P0 = x[4], Ta = x[5], T0 = x[6];
  const double A = P0 * S + 19.62 * M - k * V0 / S;
  const double B = P0 * V0 * Ta / T0;
  const double root = std::sqrt(square(A) + 4 * k * B);
  const double V = S / (2 * k) * (root - A);
  const double stiffness = k + square(S) * B / square(V);
  const double cycle_time = 2 * pi * std::sqrt(M / stiffness);
  if (!gradient.empty()) {
    const double dB[7] = {0, 0, B / V0, 0, B / P0, B / Ta, -B / T0};
    const double dA[7] = {19.62, P0 + k * V0 / square(S), -k / S, -V0 / S, S, 0, 0};
    // V solves F = kV²/S² + AV/S − B = 0, with ∂F/∂V = √(A² + 4kB)/S.
    double dF[7];  // at fixed V
    for (std::size_t j = 0; j < 7; ++j) dF[j] = dA[j] * V / S - dB[j];
    dF[1] -= 2 * k * square(V) / (S * square(S)) + A * V / square(S);
    dF[3] += square(V / S);
    for (std::size_t j = 0; j < 7; ++j) {
      const double dV = -dF[j] * S / root;
      double d_stiffness = square(S / V) * (dB[j] - 2 * B * dV / V);
      if (j == 1) d_stiffness += 2 * S * B / square(V);
      if (j == 3) d_stiffness += 1;
      gradient[j] = -cycle_time / 2 * d_stiffness / stiffness;
    }
    gradient[0] += cycle_time / (2 * M);
  }
  return cycle_time;
}

void check_point(const EngineeringFunction& function, std::size_t size) {
  if (function.formula == nullptr)
    throw InvalidArgument(fmt::format("engineering function: '{}' has no formula, expected one", function.name));
  if (size != function.inputs.size())
    throw InvalidArgument(fmt::format("{}: x has {} values, expected {}", function.name, size, function.inputs.size()));
}

}  // namespace

double EngineeringFunction::evaluate(std::span<const double> x) const {
  check_point(*this, x.size());
  return formula(x, {});
}

Vector EngineeringFunction::gradient(std::span<const double> x) const {
  check_point(*this, x.size());
  Vector derivatives(static_cast<Index>(x.size()));
  formula(x, {derivatives.data(), x.size()});
  return derivatives;
}

const std::vector<EngineeringFunction>& engineering_functions() {
  static const std::vector<EngineeringFunction> functions = {
      {"wing-weight",
       {{"area", "Sw", 150, 200, "ft²"},
        {"fuel", "Wfw", 220, 300, "lb"},
        {"aspect", "A", 6, 10, ""},
        {"sweep", "Λ", -10, 10, "degrees"},
        {"pressure", "q", 16, 45, "lb/ft²"},
        {"taper", "λ", 0.5, 1, ""},
        {"thickness", "tc", 0.08, 0.18, ""},
        {"load", "Nz", 2.5, 6, ""},
        {"gross", "Wdg", 1700, 2500, "lb"},
        {"paint", "Wp", 0.025, 0.08, "lb/ft²"}},
       "weight",
       "lb",
       wing_weight},
      {"borehole",
       {{"radius", "rw", 0.05, 0.15, "m"},
        {"influence", "r", 100, 50000, "m"},
        {"upper_transmissivity", "Tu", 63070, 115600, "m²/yr"},
        {"upper_head", "Hu", 990, 1110, "m"},
        {"lower_transmissivity", "Tl", 63.1, 116, "m²/yr"},
        {"lower_head", "Hl", 700, 820, "m"},
        {"length", "L", 1120, 1680, "m"},
        {"conductivity", "Kw", 9855, 12045, "m/yr"}},
       "flow",
       "m³/yr",
       borehole},
      {"otl-circuit",
       {{"base_1", "Rb1", 50, 150, "kΩ"},
        {"base_2", "Rb2", 25, 70, "kΩ"},
        {"feedback", "Rf", 0.5, 3, "kΩ"},
        {"collector_1", "Rc1", 1.2, 2.5, "kΩ"},
        {"collector_2", "Rc2", 0.25, 1.2, "kΩ"},
        {"gain", "β", 50, 300, "A/A"}},
       "voltage",
       "V",
       otl_circuit},
      {"piston",
       {{"mass", "M", 30, 60, "kg"},
        {"area", "S", 0.005, 0.020, "m²"},
        {"volume", "V0", 0.002, 0.010, "m³"},
        {"spring", "k", 1000, 5000, "N/m"},
        {"pressure", "P0", 90000, 110000, "N/m²"},
        {"ambient", "Ta", 290, 296, "K"},
        {"filling", "T0", 340, 360, "K"}},
       "cycle_time",
       "s",
       piston},
  };
  return functions;
}

const EngineeringFunction& engineering_function(std::string_view name) {
  std::string known;
  for (const EngineeringFunction& function : engineering_functions()) {
    if (function.name == name) return function;
    known += (known.empty() ? "" : ", ") + function.name;
  }
  throw InvalidArgument(fmt::format("engineering function: '{}' is not known, expected one of {}", name, known));
}

UniformSource::UniformSource(EngineeringFunction function, const SyntheticRows& options)
    : function_(std::move(function)), options_(options) {
  if (function_.inputs.empty() || function_.formula == nullptr)
    throw InvalidArgument(
        fmt::format("engineering function: '{}' has no inputs or no formula, expected both", function_.name));
  for (const EngineeringInput& input : function_.inputs)
    if (!(input.low < input.high) || !std::isfinite(input.high - input.low))
      throw InvalidArgument(fmt::format("engineering function: {} runs from {} to {}, expected a rising finite range",
                                        input.name, input.low, input.high));
  options_.check_columns(inputs());
}

void UniformSource::read(Index first, Index count, Block& block) const {
  options_.check_read(first, count);
  const Index d = inputs();
  block.resize(count, d, 1);
  block.w.setOnes();
  const Stream u(options_.seed, Purpose::inputs);
  const Stream noise(options_.seed, Purpose::noise);
  const auto start = static_cast<std::uint64_t>(options_.first_row + first);
  u.fill_uniform(start * static_cast<std::uint64_t>(d), {block.X.data(), static_cast<std::size_t>(block.X.size())});
  for (Index i = 0; i < count; ++i) {
    double* x = block.X.row(i).data();
    for (std::size_t j = 0; j < function_.inputs.size(); ++j) {
      const EngineeringInput& input = function_.inputs[j];
      x[j] = input.low + (input.high - input.low) * x[j];
    }
    double& y = block.Y(i, 0);
    y = function_.evaluate({x, function_.inputs.size()});
    if (options_.noise > 0) y += options_.noise * noise.sign(start + static_cast<std::uint64_t>(i));
  }
}

ActiveSubspace active_subspace(const EngineeringFunction& function, Index n, std::uint64_t seed) {
  if (n < 1) throw InvalidArgument(fmt::format("active_subspace: n = {} given, expected at least 1", n));
  const UniformSource source(function, {.rows = n, .seed = seed});
  const Index d = source.inputs();
  Vector sd(d);
  for (Index j = 0; j < d; ++j) {
    const EngineeringInput& input = function.inputs[static_cast<std::size_t>(j)];
    sd(j) = (input.high - input.low) / std::sqrt(12.0);
  }
  Eigen::MatrixXd A = Eigen::MatrixXd::Zero(d, d);
  Vector gradient(d);
  Block block;
  const Index block_rows = 1024;
  for (Index first = 0; first < n; first += block_rows) {
    source.read(first, std::min(block_rows, n - first), block);
    for (Index i = 0; i < block.rows(); ++i) {
      function.formula({block.X.row(i).data(), static_cast<std::size_t>(d)},
                       {gradient.data(), static_cast<std::size_t>(d)});
      gradient.array() *= sd.array();
      A.selfadjointView<Eigen::Lower>().rankUpdate(gradient);
    }
  }
  A /= static_cast<double>(n);
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(A);
  if (eigen.info() != Eigen::Success || !eigen.eigenvalues().allFinite())
    throw NumericalError(fmt::format("active_subspace: the eigenvectors of '{}' did not converge", function.name));
  ActiveSubspace subspace{eigen.eigenvalues().reverse(), eigen.eigenvectors().rowwise().reverse().transpose()};
  set_row_signs(subspace.directions);
  return subspace;
}

}  // namespace sextant
