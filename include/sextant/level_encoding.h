// Categories of many levels as numbers: what the training rows say of each level, and how often it occurs
// (Micci-Barreca, A preprocessing scheme for high-cardinality categorical attributes, SIGKDD Explorations 3, 2001).
//
// For the rows of a level l (of one column, or a pair of levels of two), with weights w scaled to a mean of 1,
//
//   N_l = Σ w,  S_lt = Σ w y_t,  p_lt = (S_lt + a·p0_t)/(N_l + a),  a = 3,  p0_t the mean over all training rows.
//
// Inputs are the effect p_lt of a number y_t, or log(p_lt/(1 − p_lt)) where y_t says whether a row is of class t, and
// the count log(1 + N_l). A level that no training row has is of effect p0 and count 0. A missing cell stays one.
//
// A training row's own target must not enter its own inputs: the learner would find it there and nowhere else. So the
// training rows are in parts (10 at random, of whole groups where rows are grouped), and S and N of a training row are
// those of the other parts; of parts that follow each other in time, those of the parts before. Its count is log(1 +
// N_l − w) with its own weight w, as if it were a new row: without that, a level's only training row would have the
// count of a new row whose level is known.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sextant/row_source.h"

namespace sextant {

inline constexpr double level_prior_rows = 3;  // a

// The levels of one column, or the pairs of levels of two, and the model's inputs made of them: the effects on targets,
// then the count.
struct LevelSet {
  std::vector<Index> inputs = {};   // one or two of the table's, ascending
  std::vector<Index> targets = {};  // whose effects are inputs, ascending
  std::vector<char> silent =
      {};              // per input made of it, or empty: 0 throughout, of a split whose rows do not ask for it
  Matrix levels = {};  // L×inputs.size(), rows ascending: numbers, or a text column's level codes
  Vector count = {};   // L: N
  Matrix sum = {};     // L×targets.size(): S

  [[nodiscard]] Index width() const { return static_cast<Index>(targets.size()) + 1; }
  // The row of `levels`, −1 where it is none. Cost: log₂ L comparisons.
  [[nodiscard]] Index find(const double* level) const;
};

// Appends inputs to those of the table: input d + j is the j-th made of the sets, in their order.
struct LevelEncoding {
  Index table_inputs = 0;  // d
  bool odds = false;       // targets are indicators of classes, effects log-odds
  Vector prior = {};       // k: p0
  std::vector<LevelSet> sets = {};
  std::vector<std::string> of_targets = {};  // k: what the targets are called, or empty where the caller knows

  [[nodiscard]] Index width() const;  // inputs appended
  // X n×d of rows that it was not learned from → n×(d + width).
  void append(const MatrixView& X, Matrix& all) const;
  // Of appended input j: "RESOURCE → y", "RESOURCE × MGR_ID → y", "count of RESOURCE".
  [[nodiscard]] std::string label(Index j, const std::function<std::string(Index)>& input,
                                  const std::function<std::string(Index)>& target) const;
  // Which of the table's inputs appended input j is made of.
  [[nodiscard]] const std::vector<Index>& made_of(Index j) const;
  // The same sets, learned from nothing.
  [[nodiscard]] std::vector<LevelSet> plan() const;

  // The inputs of a row made of one set, from N, S and the N that is counted, into `out`.
  void fill(const LevelSet& set, double count, const double* sum, double counted, double* out) const;
};

// How training rows learn from each other.
enum class PartRule {
  others,        // from all other parts; counted are all rows but the row itself
  other_groups,  // from all other parts, of whole groups; counted are their rows, made up to as many as all
  earlier        // from the parts before, and so they are counted
};

// The training rows of an encoding, in parts, and what each part adds to its sums.
struct LevelParts {
  // What the rows of one part add to one level. Sorted by level, then by part.
  struct OfSet {
    std::vector<Index> first = {};        // L + 1: where the entries of a level begin
    std::vector<std::uint8_t> part = {};  // per entry
    std::vector<double> count = {};       // per entry: N
    Matrix sum = {};                      // entries×targets: S
  };

  PartRule rule = PartRule::others;
  std::vector<std::uint8_t> part = {};  // n: of each row
  Vector made_up = {};                  // per part: rows of all parts over those of the others
  double unit = 1;                      // what weights are multiplied by
  std::vector<OfSet> sets = {};         // as the encoding's

  // What a row of a part learns from, of a level of set s: N, and S (as many as the set's targets).
  void learn_from(const LevelEncoding& encoding, std::size_t s, Index level, Index own_part, double& count,
                  double* sum) const;
};

// Rows with the inputs of an encoding after their own: of rows that it was learned from where their parts are given,
// else of other rows.
class LevelledSource final : public RowView {
 public:
  // Source, encoding and parts must outlive it. Throws InvalidArgument when the source has other inputs.
  LevelledSource(const RowSource& source, std::shared_ptr<const LevelEncoding> encoding,
                 std::shared_ptr<const LevelParts> parts);

  [[nodiscard]] Index inputs() const override { return source_.inputs() + encoding_->width(); }
  [[nodiscard]] InputKind input_kind(Index j) const override {
    return j < source_.inputs() ? source_.input_kind(j) : InputKind::effect;
  }
  [[nodiscard]] std::string input_label(Index j) const override;
  void read(Index first, Index count, Block& block) const override;

 private:
  [[nodiscard]] std::uint64_t find_fingerprint() const override;
  std::shared_ptr<const LevelEncoding> encoding_;
  std::shared_ptr<const LevelParts> parts_;
  mutable Block raw_;
};

}  // namespace sextant
