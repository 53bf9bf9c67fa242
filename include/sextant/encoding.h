// From a table's columns to inputs X, targets Y and row weights w, and back to their names. Stored in the model, so
// that a later table is read the same way whatever the order of its columns.
//
// A number column is one input. A text column with levels l_1 … l_q is q inputs, the indicators "column=l_i"; a text
// that is none of them sets none. A target that is a class, of k ≥ 2 classes, is k columns of Y: Y_it = 1 where row i
// is of class t, else 0.
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
  error,  // refuse the table
  drop,   // leave out rows with a missing cell: they get weight 0
  mean    // replace by the mean of the training rows
};

struct InputColumn {
  std::string name;
  ColumnKind kind = ColumnKind::number;
  std::vector<std::string> levels;  // text only
  [[nodiscard]] Index width() const { return kind == ColumnKind::number ? 1 : static_cast<Index>(levels.size()); }
};

struct Encoding {
  std::vector<InputColumn> columns;
  std::vector<std::string> targets;
  std::string weights;  // empty: every row weighs 1
  Missing missing = Missing::error;
  // Names of the one target's classes where it is a class; empty where targets are numbers. Classes that tables hold as
  // numbers are named by the shortest text that reads back to the number.
  std::vector<std::string> classes = {};
  ColumnKind class_kind = ColumnKind::text;  // how tables hold the classes
  std::string groups = {};                   // column by which rows belong together; empty: rows are independent

  [[nodiscard]] Index inputs() const;                           // d, indicators counted one by one
  [[nodiscard]] std::vector<std::string> input_names() const;   // d names
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
};

// Opens a table to fit a model on: inputs are detected, targets and weights must be numbers, other columns are not
// parsed. Groups may be text, of any number of different values, or numbers. A target that is a class may be text or
// numbers; its classes are the levels that the table holds, in byte order or ascending (numbers cost a reading of the
// table to find them). `options.choose` is replaced. Throws what resolve_roles and open_table throw, and DataError when
// a target has fewer than 2 classes or more than options.max_levels.
[[nodiscard]] EncodedTable open_for_fit(const std::string& path, const ColumnRoles& roles, Missing missing,
                                        TableOptions options = {});

// Opens a table to apply a model to: its inputs, and its targets and weights if `with_targets`, matched by name. Throws
// DataError naming the columns that are not there, and what open_table throws.
[[nodiscard]] std::unique_ptr<Table> open_for_model(const std::string& path, const Encoding& encoding,
                                                    bool with_targets, TableOptions options = {});

// Opens a table to transfer a model to: the model's inputs, matched by name, and new targets and weights
// (roles.features and roles.ignore do not apply). The encoding is the model's with these targets and weights.
[[nodiscard]] EncodedTable open_for_transfer(const std::string& path, const Encoding& encoding,
                                             const ColumnRoles& roles, Missing missing, TableOptions options = {});

// A level that a table has and the encoding does not.
struct UnknownLevel {
  std::string column;
  std::string level;
};

// A table seen through an encoding. With Missing::mean, a missing input is NaN in X (Scaling::x_fill replaces it).
class EncodedSource final : public RowSource {
 public:
  // `table` must outlive this. Without targets (prediction) Y has no columns, weights are 1, and Missing::drop leaves
  // rows with a missing cell NaN in X. Throws DataError when the table lacks a column, has missing cells and the
  // encoding's policy is error: "wing.csv: 'pressure' has 3 missing values (first at line 18)", or a target that is
  // none of the classes (which costs a reading of the table where classes are numbers). The groups' column may be
  // absent: only rows that are divided need it. A row without a group weighs 0 under Missing::drop and mean.
  EncodedSource(const Table& table, Encoding encoding, bool with_targets = true);

  [[nodiscard]] Index rows() const override { return table_.rows(); }
  [[nodiscard]] Index inputs() const override { return inputs_; }
  [[nodiscard]] Index targets() const override { return with_targets_ ? encoding_.outputs() : 0; }
  [[nodiscard]] bool has_missing() const override { return has_missing_; }
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
    Index first;                  // its first input
    Index width;                  //
    std::vector<Index> level_of;  // text: the table's level → the encoding's, −1 if unknown
  };

  void find_classes();
  [[nodiscard]] Index class_of(double cell) const;

  const Table& table_;
  Encoding encoding_;
  std::vector<Part> parts_;
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
