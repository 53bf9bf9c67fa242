// What the family of wide tables learns, as terms of a model: linear parts, kernels on sparse or spanned coordinates,
// polynomials of one index. Private to the search.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "method/wide_lasso.h"
#include "method/wide_rows.h"
#include "search/ground.h"
#include "sextant/recipe.h"

namespace sextant {

// Pure functions of training rows that several recipes need: each is found out once. The lock is held meanwhile.
struct WideMemo {
  std::mutex mutex;
  std::shared_ptr<const WideRows> rows;                               // of few cells
  std::map<std::pair<ChosenBy, Index>, std::vector<Index>> selected;  // of a target, one after the other
  std::map<Index, LassoPath> lasso;                                   // of a target
};

// The means of the targets, to which terms are added.
[[nodiscard]] Fitted mean_of(const WideRows& rows);

// Each adds what one target, or all, are learned as. Limits come last: hold_back_all.
void add_sparse(const WideRows& rows, Index target, const SparseVector& beta, Fitted& fitted);
void add_span(const WideRows& rows, Index target, const Vector& coefficients, Fitted& fitted);  // of z
void add_few(const WideRows& rows, Index target, const std::vector<Index>& inputs, WideWay way, Fitted& fitted);
void add_kernel(const WideRows& rows, bool in_span, Fitted& fitted);
void add_ridge_link(const WideRows& rows, Index target, Fitted& fitted);
void add_pls_link(const WideRows& rows, Index target, Index components, Fitted& fitted);
void hold_back_all(const LearningRows& rows, const FitOptions& options, Fitted& fitted);

inline constexpr double net_ratio = 0.5;  // of the elastic net
inline constexpr Index most_components = 20;
inline constexpr Index most_span_coordinates = 32;

}  // namespace sextant
