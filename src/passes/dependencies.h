// What a computation is a function of, beside the rows: noted, and read only when a fingerprint is asked for. Private.
#pragma once

#include <vector>

#include "core/fingerprint.h"
#include "sextant/predictor.h"
#include "sextant/scaling.h"

namespace sextant {

class Dependencies {
 public:
  // Numbers are noted as they are. What is larger must stay where it is, unchanged, until it is read.
  void add(double number) { numbers_.push_back(number); }
  void add(const std::vector<double>& numbers);
  void add(const Matrix& matrix) { add(MatrixView(matrix)); }
  void add(const MatrixView& matrix);
  void add(const Vector& vector);
  void add(const LinearPart& linear);
  void add(const FeatureMap& map);
  void add(const std::vector<Predictor>& predictors);
  void add(const Scaling& scaling);

  // The cost is that of reading them.
  void mix_into(Fingerprint& fingerprint) const;

 private:
  struct Array {
    const double* data;
    Index rows;
    Index cols;
    Index stride;  // between rows
  };
  std::vector<Array> arrays_;
  std::vector<double> numbers_;
};

}  // namespace sextant
