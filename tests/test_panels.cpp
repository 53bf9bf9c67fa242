// Oracles: dense matrices; loops.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/panels.h"

using namespace sextant;

namespace {

Matrix numbered(Index rows, Index cols) {
  Matrix M(rows, cols);
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < cols; ++j) M(i, j) = static_cast<double>(1000 * i + j);
  return M;
}

}  // namespace

TEST(Panels, EveryColumnIsInOnePanelOfItsPart) {
  for (const Index parts : {1, 2, 3})
    for (const Index of_part : {1, 3, 4, 5, 8, 9})
      for (const Index width : {1, 4, 100}) {
        const PanelColumns columns{of_part, parts, width};
        EXPECT_EQ(columns.total(), parts * of_part);
        Index next = 0;
        for (Index p = 0; p < columns.count(); ++p) {
          EXPECT_EQ(columns.first(p), next);
          EXPECT_GE(columns.length(p), 1);
          EXPECT_LE(columns.length(p), width);
          EXPECT_EQ(columns.first(p) / of_part, (columns.first(p) + columns.length(p) - 1) / of_part);
          next += columns.length(p);
        }
        EXPECT_EQ(next, columns.total());
      }
  EXPECT_EQ((PanelColumns{0, 1, 4}).count(), 0);
}

TEST(Panels, HoldWhatIsPutIntoThem) {
  const Matrix M = numbered(6, 18);
  Panels<double> panels(6, {9, 2, 4});
  EXPECT_EQ(panels.dense(), Matrix::Zero(6, 18));
  panels.put(0, 0, M);
  EXPECT_EQ(panels.dense(), M);
  for (Index p = 0; p < panels.columns().count(); ++p)
    EXPECT_EQ(Matrix(panels[p]), M.middleCols(panels.columns().first(p), panels.columns().length(p)));
  // Across the ends of panels and of a part, in some of the rows.
  const Matrix negative = -numbered(3, 11);
  Matrix expected = M;
  expected.block(2, 3, 3, 11) = negative;
  panels.put(2, 3, negative);
  EXPECT_EQ(panels.dense(), expected);
  EXPECT_EQ(in_panels<float>(M).dense(), M.cast<float>());
}

TEST(Panels, BeginOnALineOfTheCacheAndHoldNothingElse) {
  Panels<float> panels(16, panel_columns<float>(500));
  EXPECT_EQ(panels.values().size(), 16U * 500U);
  for (Index p = 0; p < panels.columns().count(); ++p)
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(panels[p].data()) % 64, 0U) << p;
}

TEST(Panels, KeepTheirPlaceWhenTheyShrink) {
  Panels<double> panels(20, {7, 1, 4});
  const double* const place = panels.values().data();
  panels.resize(3, {5, 2, 4});
  EXPECT_EQ(panels.values().data(), place);
  panels.put(0, 0, numbered(3, 10));
  EXPECT_EQ(panels.dense(), numbered(3, 10));
}
