// How large a model gets, from what is known before it is learned, and how large it may get. Private to the method
// layer. sextant/footprint.h has what a model that is there takes.
#pragma once

#include "sextant/options.h"
#include "sextant/recipe.h"

namespace sextant {

// With FitOptions::compact, in bytes: what a mail or a repository of code still takes.
inline constexpr double compact_bytes = 8e6;
// Without it, where twice the training rows in single precision are less.
inline constexpr double usual_bytes = 256e6;

// Whether what the recipe makes holds rows of the training table: kernels and leaf machines do. Of KeptRecipe true:
// what it is made of is not known.
[[nodiscard]] bool stores_training_rows(const Recipe& recipe);
// The same of a method that makes one map of features.
[[nodiscard]] bool stores_training_rows(Method method);

// An estimate of the bytes of what the recipe makes, learned from so many rows of d inputs that vary and k targets:
// within a few in a hundred where the numbers of coordinates and leaves are known, else the most there can be. 0 for a
// KeptRecipe.
[[nodiscard]] double stored_bytes(const Recipe& recipe, const FitOptions& options, Index rows, Index inputs,
                                  Index targets);
// The same of a method that makes one map of features.
[[nodiscard]] double stored_bytes(const FitOptions& options, Index rows, Index inputs, Index targets);

// The most that a model may take.
[[nodiscard]] double most_bytes(const FitOptions& options, Index rows, Index inputs, Index targets);

}  // namespace sextant
