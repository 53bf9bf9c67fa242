// Ridge regression where inputs outnumber rows, through pairs of rows (wide_rows.h),
//   β(ε) = Xᵀ√W Q (Λ + ε)⁻¹ Qᵀ√W y,
// which is (Σ̂ + ε)⁻¹Σ_xy of linear_fit.h; and ridge regression with leave-one-out residuals on any features,
//   e_i/(1 − h_i),   h_i = w_i (1 + Σ_k ψ_ik²/(s_k + λ)),   f = ȳ + Ψ(S + λ)⁻¹ΨᵀWy,   ΨᵀWΨ = S,
// where 1 is the fitted mean's share: without it the vector of ones, which centring gives the eigenvalue 0, would count
// as never fitted. Private to the method layer.
#pragma once

#include <vector>

#include "method/wide_rows.h"
#include "sextant/linear_part.h"
#include "sextant/row_source.h"

namespace sextant {

// As fit_linear of linear_fit.h in its `linear` reading. Cost k·(n·r + n·d).
[[nodiscard]] LinearPart fit_linear(const WideRows& rows, const Vector& epsilon);

// As linear_risks of linear_fit.h: candidates×k. Cost n_h·n·d + candidates·k·n_h·r for n_h held-out rows.
[[nodiscard]] Matrix linear_risks(const WideRows& train, const RowSource& held_out, const Context& context);

// A ridge with its λ chosen by leave-one-out, for one target.
struct LeftOut {
  double lambda = 0;
  double error = 0;  // Σ w r²
  Vector head;       // p, of Ψ
  Vector r;          // n: y_i less what the others predict
};

class LooRidge {
 public:
  // Features Φ n×p, centred by w (sum 1). Cost n·p² + 9·p³.
  LooRidge(const Matrix& Phi, const Vector& w);
  // Features whose second moments are diagonal already: Ψ, s.
  LooRidge(Matrix Psi, Vector s, Vector w) : Psi_(std::move(Psi)), s_(std::move(s)), w_(std::move(w)) {}

  // λ among `relative` times the mean of s over rows; the largest of those within rounding of the best. y centred.
  [[nodiscard]] LeftOut best(const Vector& y, const std::vector<double>& relative) const;
  // Heads of Ψ as heads of Φ.
  [[nodiscard]] Vector of_features(const Vector& head) const;
  [[nodiscard]] const Matrix& Psi() const { return Psi_; }

 private:
  Matrix Psi_;
  Vector s_;
  Vector w_;
  Matrix V_;  // Ψ = ΦV
};

// 10^from, 10^(from + step), …, 10^to.
[[nodiscard]] std::vector<double> powers_of_ten(double from, double to, double step);

}  // namespace sextant
