// Oracle: the numbers that the parts of a model hold and multiply, counted here, and its file.
#include <gtest/gtest.h>

#include "sextant/footprint.h"
#include "sextant/model_file.h"
#include "sextant/random.h"
#include "test_support.h"

using namespace sextant;

namespace {

Matrix drawn(Index rows, Index cols, std::uint64_t seed) {
  return Stream(seed, Purpose::inputs).normal_matrix(rows, cols);
}

Model fitted() {
  const Rows rows = random_rows(90, 4, 2, 3, false);
  FitOptions options;
  options.method = Method::algorithm_1;
  options.width = 10;
  return fit(rows.X, rows.Y, options, run_with(1));
}

LeafMachine machine_on(std::shared_ptr<const SingleMatrix> rows) {
  LeafMachine machine;
  machine.kernel.kind = KernelKind::exponential;
  machine.S = Matrix::Identity(3, 4);
  machine.rows = std::move(rows);
  machine.directions = drawn(1, 3, 5);
  machine.thresholds = Vector::Zero(1);
  machine.members = {0, 1, 2, 3, 2, 3, 4, 5};
  machine.first = {0, 4, 8};
  return machine;
}

}  // namespace

TEST(Footprint, BytesAreThoseOfTheTensorsInTheFile) {
  const Model plain = fitted();
  Model model = plain;
  const auto rows = std::make_shared<const SingleMatrix>(drawn(6, 3, 2).cast<float>());
  for (int partition = 0; partition < 2; ++partition)
    model.predictors.push_back({0.5, machine_on(rows), drawn(8, 2, 6)});
  // Rows once, and for each partition S, a direction, a threshold, members, where leaves begin, and the head.
  const double more = 4 * 18 + 2 * (8 * 12 + 8 * 3 + 8 + 4 * 8 + 4 * 3 + 8 * 16);
  EXPECT_EQ(footprint(model).bytes - footprint(plain).bytes, more);
  EXPECT_LT(footprint(model).bytes, static_cast<double>(model_bytes(model, "m").size()));
}

TEST(Footprint, MultiplyAdds) {
  const Matrix W = drawn(5, 4, 1);
  EXPECT_EQ(multiply_adds({1, ReluNetwork{W, drawn(10, 1, 2), true}, drawn(10, 2, 3)}), 5 * 4 + 10 * 2);
  const Kernel kernel{.kind = KernelKind::exponential};
  EXPECT_EQ(multiply_adds({1, KernelSections{kernel, drawn(7, 4, 2)}, drawn(7, 2, 3)}), 7 * (4 + 60 + 2));
  EXPECT_EQ(multiply_adds({1, KernelSections{kernel, drawn(7, 3, 2), drawn(3, 4, 4)}, drawn(7, 1, 3)}),
            3 * 4 + 7 * (3 + 60 + 1));
  // Four of the eight rows, one level of the tree.
  const auto rows = std::make_shared<const SingleMatrix>(drawn(6, 3, 2).cast<float>());
  EXPECT_EQ(multiply_adds({1, machine_on(rows), drawn(8, 2, 6)}), 3 * 4 + 3 + 4 * (3 + 60 + 2));
}

TEST(Footprint, RowsAreInsideKernelsAndLeafMachines) {
  Model model = fitted();
  EXPECT_FALSE(footprint(model).training_rows);
  Model with_kernel = model;
  with_kernel.predictors.push_back({1, KernelSections{{}, drawn(7, 4, 2)}, drawn(7, 2, 3)});
  EXPECT_TRUE(footprint(with_kernel).training_rows);
  model.predictors.push_back(
      {1, machine_on(std::make_shared<const SingleMatrix>(drawn(6, 3, 2).cast<float>())), drawn(8, 2, 6)});
  EXPECT_TRUE(footprint(model).training_rows);
}
