// fit_by_library X y d m seed: fits the rows in the files X and y, raw doubles, by Algorithm 1 and writes the
// predictions for them as raw doubles. What Python must give the same bits as (test_faces.py).
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "sextant/model.h"

namespace {

std::vector<char> bytes_of(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

sextant::Matrix matrix_of(const std::vector<char>& bytes, sextant::Index cols) {
  const auto rows = static_cast<sextant::Index>(bytes.size() / sizeof(double)) / cols;
  return Eigen::Map<const sextant::Matrix>(reinterpret_cast<const double*>(bytes.data()), rows, cols);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) return 2;
  const sextant::Matrix X = matrix_of(bytes_of(argv[1]), std::stol(argv[3]));
  const sextant::Matrix y = matrix_of(bytes_of(argv[2]), 1);
  const sextant::FitOptions options{
      .method = sextant::Method::algorithm_1, .width = std::stol(argv[4]), .seed = std::stoul(argv[5])};
  const sextant::Matrix f = sextant::predict(sextant::fit(X, y, options), X);
  const auto count = static_cast<std::size_t>(f.size());
  return std::fwrite(f.data(), sizeof(double), count, stdout) == count ? 0 : 1;
}
