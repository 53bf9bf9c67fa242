// The one abstraction for data: something that hands out blocks of rows (X, Y, w). Every heavy quantity of the method
// is a sum over rows, so whatever implements RowSource (memory, a file, a fold of either, a scaled view) serves every
// pass.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "sextant/matrix.h"

namespace sextant {

// Consecutive rows. X is rows×d, Y is rows×k (k may be 0), w holds the row weights (≥ 0; a weight of 0 leaves the row
// out).
struct Block {
  Matrix X;
  Matrix Y;
  Vector w;

  [[nodiscard]] Index rows() const { return X.rows(); }
  // Makes room for `rows` rows; contents are unspecified after it.
  void resize(Index rows, Index inputs, Index targets);
};

// What an input is made of.
enum class InputKind {
  number,   // a column of numbers
  level,    // 1 where a text column holds this text, else 0
  missing,  // 1 where a column's cell is missing, else 0
  code,     // which of a text column's many levels this is: no number, so no input of a model (level_encoding.h)
  effect,   // what training rows say of a level, or how often it occurs
};

class RowSource {
 public:
  virtual ~RowSource() = default;

  [[nodiscard]] virtual Index rows() const = 0;
  [[nodiscard]] virtual Index inputs() const = 0;   // d
  [[nodiscard]] virtual Index targets() const = 0;  // k
  // Whether X may hold NaN for missing cells. Passes want them filled (Scaling::x_fill) first.
  [[nodiscard]] virtual bool has_missing() const { return false; }
  // What input j is: it says how the input is scaled.
  [[nodiscard]] virtual InputKind input_kind(Index j) const {
    (void)j;
    return InputKind::number;
  }
  // What messages call input j and target t (from 0): "input 3", or the name in a table.
  [[nodiscard]] virtual std::string input_label(Index j) const { return "input " + std::to_string(j + 1); }
  [[nodiscard]] virtual std::string target_label(Index t) const { return "target " + std::to_string(t + 1); }

  // The group of each row, or empty where rows are independent: rows of one group stay on the same side of every split
  // (splits.h). −1 is a row of no group, whose weight is 0. Costs 8 bytes a row, and a reading of a table.
  [[nodiscard]] virtual std::vector<Index> groups() const { return {}; }

  // Reads rows first … first + count − 1 into `block` (resized to count rows). Not for concurrent use on one object.
  // Throws DataError for cells that cannot be used, IoError when a file cannot be read.
  virtual void read(Index first, Index count, Block& block) const = 0;

  // A number by which sources of different rows differ (X, Y, w and their order), against mistakes, not against malice:
  // what was computed from rows is found again by it (checkpoint.h). The same in every process. The first call costs
  // what find_fingerprint costs, later ones nothing; not while another thread reads.
  [[nodiscard]] std::uint64_t fingerprint() const;

 private:
  // Of all cells, which costs a reading. A view of other rows makes it of theirs and of what it does to them.
  [[nodiscard]] virtual std::uint64_t find_fingerprint() const;

  mutable std::uint64_t fingerprint_ = 0;  // 0: not yet known
};

// Another source's rows, seen otherwise: whatever a view does not say itself is as the source has it.
class RowView : public RowSource {
 public:
  [[nodiscard]] Index rows() const override { return source_.rows(); }
  [[nodiscard]] Index inputs() const override { return source_.inputs(); }
  [[nodiscard]] Index targets() const override { return source_.targets(); }
  [[nodiscard]] bool has_missing() const override { return source_.has_missing(); }
  [[nodiscard]] InputKind input_kind(Index j) const override { return source_.input_kind(j); }
  [[nodiscard]] std::string input_label(Index j) const override { return source_.input_label(j); }
  [[nodiscard]] std::string target_label(Index t) const override { return source_.target_label(t); }
  [[nodiscard]] std::vector<Index> groups() const override { return source_.groups(); }

 protected:
  // `source` must outlive this.
  explicit RowView(const RowSource& source) : source_(source) {}
  const RowSource& source_;
};

// Rows in memory. Views X and Y where they lie (no copy), so both must outlive the source.
class MemorySource final : public RowSource {
 public:
  // X n×d, Y n×k, w n weights or empty for all 1, n groups ≥ 0 or empty for none. Throws InvalidArgument when the row
  // counts differ, when a value is not finite or a weight or group is negative.
  MemorySource(const Matrix& X, const Matrix& Y, Vector w = {}, std::vector<Index> groups = {});
  // The same of rows that are not in a Matrix: memory of another program or language, row after row without gaps.
  MemorySource(Eigen::Map<const Matrix> X, Eigen::Map<const Matrix> Y, Vector w = {}, std::vector<Index> groups = {});

  [[nodiscard]] Index rows() const override { return X_.rows(); }
  [[nodiscard]] Index inputs() const override { return X_.cols(); }
  [[nodiscard]] Index targets() const override { return Y_.cols(); }
  [[nodiscard]] std::vector<Index> groups() const override { return groups_; }
  void read(Index first, Index count, Block& block) const override;

 private:
  Eigen::Map<const Matrix> X_;
  Eigen::Map<const Matrix> Y_;
  Vector w_;
  std::vector<Index> groups_;
};

// The rows of another source, read once into memory that this owns: for stages that pass over few rows many times.
class GatheredSource final : public RowSource {
 public:
  explicit GatheredSource(const RowSource& source);
  GatheredSource(Matrix X, Matrix Y, Vector w) : rows_{std::move(X), std::move(Y), std::move(w)} {}

  [[nodiscard]] Index rows() const override { return rows_.X.rows(); }
  [[nodiscard]] Index inputs() const override { return rows_.X.cols(); }
  [[nodiscard]] Index targets() const override { return rows_.Y.cols(); }
  [[nodiscard]] std::vector<Index> groups() const override { return groups_; }
  void read(Index first, Index count, Block& block) const override;

  [[nodiscard]] const Matrix& X() const { return rows_.X; }  // n×d
  [[nodiscard]] const Matrix& Y() const { return rows_.Y; }  // n×k
  [[nodiscard]] const Vector& w() const { return rows_.w; }  // n

 private:
  Block rows_;
  std::vector<Index> groups_;
};

}  // namespace sextant
