// Four published engineering formulas whose outputs depend mostly on one or two directions of their inputs: realistic
// tables of any size whose directions are known.
//
// Collected in S. Surjanovic, D. Bingham, Virtual Library of Simulation Experiments (sfu.ca/~ssurjano), and used as
// examples of active subspaces in P. G. Constantine, Active Subspaces, SIAM 2015, and its tutorials. All inputs are
// independent and uniform on their ranges here.
//
// wing-weight: weight of a light aircraft's wing (A. Forrester, A. Sobester, A. Keane, Engineering Design via
// Surrogate Modelling, Wiley 2008, after Raymer), pounds:
//   weight = 0.036 Sw^0.758 Wfw^0.0035 (A/cos²Λ)^0.6 q^0.006 λ^0.04 (100 tc/cos Λ)^−0.3 (Nz Wdg)^0.49 + Sw Wp
//   area Sw 150–200 ft² · fuel Wfw 220–300 lb · aspect A 6–10 · sweep Λ −10–10 degrees · pressure q 16–45 lb/ft² ·
//   taper λ 0.5–1 · thickness tc 0.08–0.18 · load Nz 2.5–6 · gross Wdg 1700–2500 lb · paint Wp 0.025–0.08 lb/ft²
//
// borehole: water flow through a borehole (W. V. Harper, S. K. Gupta, 1983; M. D. Morris, T. J. Mitchell, D. Ylvisaker,
// Technometrics 35, 1993), m³/yr:
//   flow = 2π Tu (Hu − Hl) / ( ln(r/rw) (1 + 2 L Tu/(ln(r/rw) rw² Kw) + Tu/Tl) )
//   radius rw 0.05–0.15 m · influence r 100–50000 m · upper_transmissivity Tu 63070–115600 m²/yr · upper_head Hu
//   990–1110 m · lower_transmissivity Tl 63.1–116 m²/yr · lower_head Hl 700–820 m · length L 1120–1680 m ·
//   conductivity Kw 9855–12045 m/yr
//   Elsewhere also rw ~ N(0.10, 0.0161812²) and ln r ~ N(7.71, 1.0056²), the rest as here.
//
// otl-circuit: midpoint voltage of an output transformerless push–pull circuit (E. N. Ben-Ari, D. M. Steinberg, Quality
// Engineering 19, 2007), V:
//   voltage = (Vb1 + 0.74) β(Rc2 + 9)/(β(Rc2 + 9) + Rf) + 11.35 Rf/(β(Rc2 + 9) + Rf)
//             + 0.74 Rf β(Rc2 + 9)/((β(Rc2 + 9) + Rf) Rc1),   Vb1 = 12 Rb2/(Rb1 + Rb2)
//   base_1 Rb1 50–150 kΩ · base_2 Rb2 25–70 kΩ · feedback Rf 0.5–3 kΩ · collector_1 Rc1 1.2–2.5 kΩ · collector_2 Rc2
//   0.25–1.2 kΩ · gain β 50–300 A/A
//
// piston: cycle time of a piston in a cylinder (R. Kenett, S. Zacks, Modern Industrial Statistics, 1998), s:
//   cycle_time = 2π √( M/(k + S² P0V0 Ta/(T0 V²)) ),   V = (S/2k)(√(A² + 4k P0V0 Ta/T0) − A),
//   A = P0 S + 19.62 M − kV0/S
//   mass M 30–60 kg · area S 0.005–0.020 m² · volume V0 0.002–0.010 m³ · spring k 1000–5000 N/m · pressure P0
//   90000–110000 N/m² · ambient Ta 290–296 K · filling T0 340–360 K
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sextant/matrix.h"
#include "sextant/row_source.h"
#include "sextant/synthetic.h"

namespace sextant {

struct EngineeringInput {
  std::string name;    // of the column
  std::string symbol;  // in the formula
  double low = 0;
  double high = 0;
  std::string unit;  // "" for a ratio
};

struct EngineeringFunction {
  std::string name;
  std::vector<EngineeringInput> inputs;  // d of them, in the order of the formula's table above
  std::string output;                    // name of the column
  std::string output_unit;
  // The formula; writes its derivatives into `gradient` unless that is empty.
  double (*formula)(std::span<const double> x, std::span<double> gradient) = nullptr;

  // The output at x (d values in the inputs' units; the ranges are not enforced), and its exact derivatives, in the
  // output's unit per unit of each input. Throw InvalidArgument when x does not have d values.
  [[nodiscard]] double evaluate(std::span<const double> x) const;
  [[nodiscard]] Vector gradient(std::span<const double> x) const;
};

// The four functions above.
[[nodiscard]] const std::vector<EngineeringFunction>& engineering_functions();
// The one of that name; throws InvalidArgument listing the known names.
[[nodiscard]] const EngineeringFunction& engineering_function(std::string_view name);

// Rows with inputs uniform on their ranges and y = output ± ς (ς in the output's unit), equally likely, weights 1. With
// i counted from the start of the table, x_ij = low_j + (high_j − low_j)·u with u uniform draw i·d + j of Stream(seed,
// Purpose::inputs), and the sign of y_i's noise is draw i of Stream(seed, Purpose::noise): whatever the blocks, the
// same rows have the same bits. Nothing is stored, and reading a row allocates nothing.
class UniformSource final : public RowSource {
 public:
  // Throws InvalidArgument for options that break their rules and for a function without inputs or formula, or with a
  // range that is empty or not finite.
  UniformSource(EngineeringFunction function, const SyntheticRows& options);

  [[nodiscard]] Index rows() const override { return options_.rows; }
  [[nodiscard]] Index inputs() const override { return static_cast<Index>(function_.inputs.size()); }
  [[nodiscard]] Index targets() const override { return 1; }
  // Throws InvalidArgument when the rows asked for are not all there.
  void read(Index first, Index count, Block& block) const override;

 private:
  EngineeringFunction function_;
  SyntheticRows options_;
};

// The directions along which an output varies most, on standardised inputs s_j = (x_j − mean_j)/sd_j, where
// sd_j = (high_j − low_j)/√12 is the standard deviation of the uniform distribution: eigenvectors of
// A = E ∇_s f ∇_s fᵀ, the mean outer product of gradients ∂f/∂s_j = sd_j ∂f/∂x_j.
struct ActiveSubspace {
  Vector eigenvalues;  // d, largest first, in squared units of the output
  Matrix directions;   // d×d, row i the unit eigenvector of eigenvalue i; its entry of largest size is positive
};

// From n ≥ 1 draws of the inputs (the rows UniformSource has for that seed), so the true subspace up to a relative
// Monte Carlo error of about 1/√n. Cost O(n·d² + d³). Throws InvalidArgument.
[[nodiscard]] ActiveSubspace active_subspace(const EngineeringFunction& function, Index n, std::uint64_t seed);

}  // namespace sextant
