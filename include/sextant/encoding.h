// From a table's columns to inputs X, targets Y and row weights w, and back to their names. Stored in the model, so
// that a later table is read the same way whatever the order of its columns.
//
// A number column is one input. A text column with levels l_1 … l_q is q inputs, the indicators "column=l_i"; a text
// that is none of them sets none. A text column of more levels is one input, the number of its level from 0 (−1: none
// of them), which is no number to learn from: what is learned of its levels makes inputs (level_encoding.h). With
// Missing::indicator, a column of which cells were missing at fitting has one more input, "column=missing". A column
// that cannot be an input (it has no value at all, or is text of too many values to learn from) is left out, and no
// later table needs it. A target that is a class, of k ≥ 2 classes, is k columns of Y: Y_it = 1 where row i is of class
// t, else 0.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "sextant/row_source.h"
#include "sextant/table.h"

namespace sextant {

// What to do about missing cells of inputs. (A row whose target or weight is missing is an error, or dropped.)
enum class Missing {
  error,     // refuse the table
  drop,      // leave out rows with a missing cell: they get weight 0
  mean,      // replace by the mean of the training rows
  indicator  // the same, and beside each column of which cells were missing an input says where; a text is then no
             // level
};

// "error", "drop", "mean", "indicator"
[[nodiscard]] std::string name(Missing missing);
// Throws InvalidArgument for another name.
[[nodiscard]] Missing missing_named(const std::string& name);

// Why a column that was offered as an input is none.
enum class LeftOut {
  no,          // it is one
  missing,     // none of the training rows has a value in it
  identifier,  // text of which all values are different
  levels       // text of more different values than can be learned from
};

struct InputColumn {
  std::string name;
  ColumnKind kind = ColumnKind::number;
  std::vector<std::string> levels = {};  // text only
  bool indicator = false;                // whether "name=missing" is an input, after the column's others
  LeftOut left_out = LeftOut::no;
  bool coded = false;  // text whose levels are numbered, not indicated one by one

  [[nodiscard]] Index width() const;  // inputs made of it, 0 if it is left out
};

struct Encoding {
  std::vector<InputColumn> columns;
  std::vector<std::string> targets;
  std::string weights;  // empty: every row weighs 1
  Missing missing = Missing::indicator;
  // Names of the one target's classes where it is a class; empty where targets are numbers. Classes that tables hold as
  // numbers are named by the shortest text that reads back to the number.
  std::vector<std::string> classes = {};
  ColumnKind class_kind = ColumnKind::text;      // how tables hold the classes
  std::string groups = {};                       // column by which rows belong together; empty: rows are independent
  std::vector<std::string> missing_values = {};  // TableOptions::missing_values of the table that it was fitted on

  [[nodiscard]] Index inputs() const;                           // d, indicators counted one by one
  [[nodiscard]] std::vector<std::string> input_names() const;   // d names
  [[nodiscard]] std::vector<InputKind> input_kinds() const;     // d
  [[nodiscard]] Index outputs() const;                          // k columns of Y: one per target, or one per class
  [[nodiscard]] std::vector<std::string> output_names() const;  // k names: the targets, or "target=class"
};

// Which columns play which part. Names, or 1-based numbers of the file's columns (a name wins over a number).
struct ColumnRoles {
  std::vector<std::string> targets = {};
  std::vector<std::string> features = {};  // empty: all columns that are neither targets, weights nor groups
  std::vector<std::string> ignore = {};
  std::string weights = {};
  std::string groups = {};
  bool classes = false;  // the one target is a class, not a number
};

// The position of a column given by name or 1-based number. Throws InvalidArgument that names `option`, what was asked
// for and the names there are.
[[nodiscard]] Index find_column(const std::vector<std::string>& names, const std::string& wanted,
                                const std::string& option);

// Roles with every column by its name and `features` complete. Throws InvalidArgument for an unknown column, one with
// two roles, no inputs left, or as many targets as columns.
[[nodiscard]] ColumnRoles resolve_roles(const std::vector<std::string>& names, const ColumnRoles& roles);

struct EncodedTable {
  std::unique_ptr<Table> table;
  Encoding encoding;
  std::vector<std::string> notices = {};  // sentences on columns that are left out, or are text and may not be meant so
};

inline constexpr Index most_indicators = 64;  // of a text column

// Decides which of `features`, columns of the table, are inputs and how, and puts them in encoding.columns; its other
// fields are as they shall be. Text of more than most_indicators different values is coded. Left out are text columns
// of which all values are different, or too many (more than most_texts, ColumnUse::input, or fewer than two cells each
// on average), and, unless missing cells are an error, columns without a value in any row that counts: one with a
// target and a group, of a weight above 0. Returns sentences on what a person should know. Throws DataError when no
// input is left. Costs a reading of the table where cells of inputs are missing and not every row counts.
[[nodiscard]] std::vector<std::string> choose_inputs(const Table& table, const std::vector<std::string>& features,
                                                     Encoding& encoding, Index most_texts = TableOptions{}.most_texts);

// Opens a table to fit a model on: inputs are detected and chosen by choose_inputs, targets and weights must be
// numbers, other columns are not parsed. Groups may be text, of any number of different values, or numbers. A target
// that is a class may be text or numbers; its classes are the levels that the table holds, in byte order or ascending
// (numbers cost a reading of the table to find them). `options.choose` is replaced. Throws what resolve_roles and
// open_table throw, and DataError when a target has fewer than 2 classes or more than options.max_classes.
[[nodiscard]] EncodedTable open_for_fit(const std::string& path, const ColumnRoles& roles,
                                        Missing missing = Missing::indicator, TableOptions options = {});

// Opens a table to apply a model to: its inputs, and its targets and weights if `with_targets`, matched by name. Cells
// are missing by the model's missing_values and those of the options. Throws DataError naming the columns that are not
// there, and what open_table throws.
[[nodiscard]] std::unique_ptr<Table> open_for_model(const std::string& path, const Encoding& encoding,
                                                    bool with_targets, TableOptions options = {});

// Opens a table to transfer a model to: the model's inputs, matched by name, and new targets and weights
// (roles.features and roles.ignore do not apply). The encoding is the model's with these targets and weights.
[[nodiscard]] EncodedTable open_for_transfer(const std::string& path, const Encoding& encoding,
                                             const ColumnRoles& roles, Missing missing = Missing::indicator,
                                             TableOptions options = {});

// A level that a table has and the encoding does not.
struct UnknownLevel {
  std::string column;
  std::string level;
};

// A table seen through an encoding. With Missing::mean and indicator, a missing number is NaN in X (Scaling::x_fill
// replaces it); of a missing text all indicators of levels are NaN, or 0 where the column has one of missing cells. A
// text NA, N/A, null or None that is none of the encoding's levels counts as missing.
class EncodedSource final : public RowSource {
 public:
  // `table` must outlive this. Without targets (prediction) Y has no columns, weights are 1, and Missing::drop leaves
  // rows with a missing cell NaN in X. Throws DataError when the table lacks a column, has missing cells and the
  // encoding's policy is error: "wing.csv: 'pressure' has 3 missing values (first at line 18)", or a target that is
  // none of the classes (which costs a reading of the table where classes are numbers). The groups' column may be
  // absent: only rows that are divided need it. A row without a target, weight or group weighs 0 unless missing cells
  // are an error.
  EncodedSource(const Table& table, Encoding encoding, bool with_targets = true);

  [[nodiscard]] Index rows() const override { return table_.rows(); }
  [[nodiscard]] Index inputs() const override { return inputs_; }
  [[nodiscard]] Index targets() const override { return with_targets_ ? encoding_.outputs() : 0; }
  [[nodiscard]] bool has_missing() const override { return has_missing_; }
  [[nodiscard]] InputKind input_kind(Index j) const override { return kinds_[static_cast<std::size_t>(j)]; }
  [[nodiscard]] std::string input_label(Index j) const override;
  [[nodiscard]] std::string target_label(Index t) const override;
  // Numbered in the order of their texts or numbers.
  [[nodiscard]] std::vector<Index> groups() const override;
  void read(Index first, Index count, Block& block) const override;

  [[nodiscard]] const std::vector<UnknownLevel>& unknown_levels() const { return unknown_; }

 private:
  struct Part {                   // one input column
    Index at;                     // its position in the table
    bool text;                    //
    bool coded;                   // text whose level's number is the input
    Index first;                  // its first input
    Index levels;                 // inputs that are levels (text), or the one number
    bool indicator;               // whether one more input says where cells are missing
    std::vector<Index> level_of;  // text: the table's level → the encoding's, −1 if unknown, −2 if it means missing
  };

  static constexpr Index means_missing = -2;

  void find_levels(const Column& found, const InputColumn& known, Part& part);
  [[noreturn]] void refuse_missing(Index at, const MissingCells& cells) const;
  void find_classes();
  [[nodiscard]] Index class_of(double cell) const;

  const Table& table_;
  Encoding encoding_;
  std::vector<Part> parts_;
  std::vector<std::string> names_;  // of the inputs
  std::vector<InputKind> kinds_;
  std::vector<Index> target_at_;
  Index weights_at_ = -1;
  Index groups_at_ = -1;
  std::map<double, Index> class_of_cell_;  // what the target's cells of known classes hold → the class
  Index inputs_ = 0;
  bool with_targets_;
  bool has_missing_ = false;  // among the cells looked for
  std::vector<UnknownLevel> unknown_;
  mutable Matrix cells_;
};

}  // namespace sextant
