// Fits a single-index model through the installed headers and library; fails when the direction is not found.
#include <sextant/model.h>
#include <sextant/random.h>
#include <sextant/version.h>

#include <cmath>
#include <cstdio>

int main() {
  using namespace sextant;
  const Index n = 4000;
  const Index d = 8;
  const Matrix X = Stream(1, Purpose::inputs).normal_matrix(n, d);
  const Matrix Y = X.col(2).array().square();
  const Model model = fit(X, Y, {.method = Method::algorithm_1, .width = 128, .seed = 7});
  const Directions found = directions(model);
  const double cosine = std::abs(found.spectrum.directions(0, 2));
  std::printf("sextant %s: the direction of x3 is found with cosine %.4f\n", version().c_str(), cosine);
  return cosine > 0.99 ? 0 : 1;
}
