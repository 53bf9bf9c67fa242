// Oracles: small tables encoded by hand.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "message_of.h"
#include "sextant/encoding.h"
#include "sextant/error.h"
#include "temporary_folder.h"
#include "test_support.h"

using namespace sextant;
using Names = std::vector<std::string>;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

const std::string beams =
    "length,material,load,weight,class\n"
    "1.5,steel,10,2,a\n"
    "2.5,wood,20,1,b\n"
    "3.5,steel,30,0,a\n"
    "4.5,\"glass, thin\",40,0.5,c\n";

Matrix rows(std::initializer_list<std::initializer_list<double>> values) {
  Matrix A(static_cast<Index>(values.size()), static_cast<Index>(values.begin()->size()));
  Index i = 0;
  for (const auto& row : values) {
    Index j = 0;
    for (const double value : row) A(i, j++) = value;
    ++i;
  }
  return A;
}

// Equal, with NaN equal to NaN.
void expect_cells(const Matrix& found, const Matrix& expected) {
  ASSERT_EQ(found.rows(), expected.rows());
  ASSERT_EQ(found.cols(), expected.cols());
  for (Index i = 0; i < found.rows(); ++i) {
    for (Index j = 0; j < found.cols(); ++j) {
      if (std::isnan(expected(i, j)))
        EXPECT_TRUE(std::isnan(found(i, j))) << i << ' ' << j;
      else
        EXPECT_EQ(found(i, j), expected(i, j)) << i << ' ' << j;
    }
  }
}

// As read_all, but in blocks of 1, 3 and all rows, which must agree.
Rows read(const RowSource& source) {
  Rows whole = read_all(source, 1000);
  for (const Index block_rows : {1, 3}) {
    const Rows parts = read_all(source, block_rows);
    expect_cells(parts.X, whole.X);
    expect_cells(parts.Y, whole.Y);
    EXPECT_EQ(parts.w, whole.w);
  }
  return whole;
}

std::string refused(const Names& names, const ColumnRoles& roles) {
  return message_of<InvalidArgument>([&] { (void)resolve_roles(names, roles); });
}

}  // namespace

TEST(Encoding, TextBecomesOneIndicatorPerLevel) {
  const TemporaryFolder folder;
  const auto path = folder.put("beams.csv", beams);
  const EncodedTable opened = open_for_fit(path, {.targets = {"load"}, .weights = "weight"}, Missing::error);
  const Encoding& encoding = opened.encoding;
  EXPECT_EQ(encoding.input_names(), (Names{"length", "material=glass, thin", "material=steel", "material=wood",
                                           "class=a", "class=b", "class=c"}));
  EXPECT_EQ(encoding.inputs(), 7);
  EXPECT_EQ(encoding.targets, Names{"load"});
  EXPECT_EQ(encoding.weights, "weight");
  const EncodedSource source(*opened.table, encoding);
  EXPECT_EQ(source.rows(), 4);
  EXPECT_EQ(source.inputs(), 7);
  EXPECT_EQ(source.targets(), 1);
  EXPECT_FALSE(source.has_missing());
  EXPECT_TRUE(source.unknown_levels().empty());
  const Rows all = read(source);
  expect_cells(
      all.X,
      rows({{1.5, 0, 1, 0, 1, 0, 0}, {2.5, 0, 0, 1, 0, 1, 0}, {3.5, 0, 1, 0, 1, 0, 0}, {4.5, 1, 0, 0, 0, 0, 1}}));
  expect_cells(all.Y, rows({{10}, {20}, {30}, {40}}));
  EXPECT_EQ(all.w, Eigen::Vector4d(2, 1, 0, 0.5));
}

TEST(Encoding, ColumnsThatPlayNoPartAreNotParsed) {
  const TemporaryFolder folder;
  // 'note' is neither numbers nor text throughout: reading it would be an error.
  std::string text = "a,note,y,b\n";
  for (int i = 0; i < 30; ++i) text += fmt::format("{},{},{},0\n", i, i == 7 ? "?" : "1", 2 * i);
  const auto path = folder.put("t.csv", text);
  EXPECT_THROW((void)open_for_fit(path, {.targets = {"y"}}, Missing::error), DataError);
  const auto ignored = open_for_fit(path, {.targets = {"y"}, .ignore = {"note"}}, Missing::error);
  EXPECT_EQ(ignored.encoding.input_names(), (Names{"a", "b"}));
  const auto chosen = open_for_fit(path, {.targets = {"y"}, .features = {"b", "a"}}, Missing::error);
  EXPECT_EQ(chosen.encoding.input_names(), (Names{"a", "b"}));  // in the file's order
  EXPECT_EQ(EncodedSource(*chosen.table, chosen.encoding).inputs(), 2);
}

TEST(Encoding, UnknownLevelsSetNoIndicator) {
  const TemporaryFolder folder;
  const auto train = folder.put("train.csv", beams);
  const Encoding encoding = open_for_fit(train, {.targets = {"load"}, .weights = "weight"}, Missing::error).encoding;
  // Other column order, an unknown material, no 'glass', extra columns of any content.
  const auto later = folder.put("later.csv",
                                "extra,class,length,material\n"
                                "x,c,9,wood\n"
                                "1,a,8,stone\n"
                                ",b,7,steel\n");
  const auto table = open_for_model(later, encoding, false);
  const EncodedSource source(*table, encoding, false);
  EXPECT_EQ(source.targets(), 0);
  ASSERT_EQ(source.unknown_levels().size(), 1U);
  EXPECT_EQ(source.unknown_levels()[0].column, "material");
  EXPECT_EQ(source.unknown_levels()[0].level, "stone");
  const Rows all = read(source);
  expect_cells(all.X, rows({{9, 0, 0, 1, 0, 0, 1}, {8, 0, 0, 0, 1, 0, 0}, {7, 0, 1, 0, 0, 1, 0}}));
  EXPECT_EQ(all.w, Vector::Ones(3));
}

TEST(Encoding, TextAtFittingStaysTextWhenItLooksLikeNumbers) {
  const TemporaryFolder folder;
  const auto train = folder.put("train.csv", "code,y\nA,1\nB,2\n7,3\nA,4\n");
  const Encoding encoding = open_for_fit(train, {.targets = {"y"}}, Missing::error).encoding;
  EXPECT_EQ(encoding.input_names(), (Names{"code=7", "code=A", "code=B"}));
  const auto later = folder.put("later.csv", "code\n7\n8\n");
  const auto table = open_for_model(later, encoding, false);
  const EncodedSource source(*table, encoding, false);
  expect_cells(read(source).X, rows({{1, 0, 0}, {0, 0, 0}}));
  ASSERT_EQ(source.unknown_levels().size(), 1U);
  EXPECT_EQ(source.unknown_levels()[0].level, "8");
}

TEST(Encoding, MissingCells) {
  const TemporaryFolder folder;
  const auto path = folder.put("gaps.csv",
                               "a,kind,y,w\n"
                               "1,u,10,1\n"
                               "NA,v,20,1\n"
                               "3,,30,1\n"
                               "4,u,,1\n"
                               "5,v,50,\n"
                               "6,v,60,2\n");
  const ColumnRoles roles{.targets = {"y"}, .weights = "w"};
  {
    const auto opened = open_for_fit(path, roles, Missing::error);
    EXPECT_EQ(message_of<DataError>([&] { EncodedSource(*opened.table, opened.encoding); }),
              path +
                  ": 'a' has 1 missing value (first at line 3), which only a model fitted with --missing indicator, "
                  "mean or drop accepts");
    Encoding fewer = opened.encoding;
    fewer.columns.erase(fewer.columns.begin());
    EXPECT_EQ(message_of<DataError>([&] { EncodedSource(*opened.table, fewer); }),
              path +
                  ": 'kind' has 1 missing value (first at line 4), which only a model fitted with --missing indicator, "
                  "mean or drop accepts");
    fewer.columns.clear();
    EXPECT_EQ(message_of<DataError>([&] { EncodedSource(*opened.table, fewer); }),
              path +
                  ": 'y' has 1 missing value (first at line 5), which only a model fitted with --missing indicator, "
                  "mean or drop accepts");
    fewer.targets.clear();
    EXPECT_EQ(message_of<DataError>([&] { EncodedSource(*opened.table, fewer); }),
              path +
                  ": 'w' has 1 missing value (first at line 6), which only a model fitted with --missing indicator, "
                  "mean or drop accepts");
  }
  {
    // Left-out rows: weight 0 and cells that cannot turn a sum into NaN.
    const auto opened = open_for_fit(path, roles, Missing::drop);
    const EncodedSource source(*opened.table, opened.encoding);
    EXPECT_TRUE(source.has_missing());
    const Rows all = read(source);
    expect_cells(all.X, rows({{1, 1, 0}, {0, 0, 0}, {0, 0, 0}, {0, 0, 0}, {0, 0, 0}, {6, 0, 1}}));
    expect_cells(all.Y, rows({{10}, {0}, {0}, {0}, {0}, {60}}));
    EXPECT_EQ(all.w, (Vector(6) << 1, 0, 0, 0, 0, 2).finished());
    // At prediction there is nothing to leave out: such rows keep their gaps.
    const EncodedSource apply(*opened.table, opened.encoding, false);
    expect_cells(
        read(apply).X,
        rows({{1, 1, 0}, {not_a_number, 0, 1}, {3, not_a_number, not_a_number}, {4, 1, 0}, {5, 0, 1}, {6, 0, 1}}));
  }
  {
    // Missing inputs wait for their mean; a row without target or weight is still left out.
    const auto opened = open_for_fit(path, roles, Missing::mean);
    const EncodedSource source(*opened.table, opened.encoding);
    EXPECT_TRUE(source.has_missing());
    const Rows all = read(source);
    expect_cells(
        all.X,
        rows({{1, 1, 0}, {not_a_number, 0, 1}, {3, not_a_number, not_a_number}, {0, 0, 0}, {0, 0, 0}, {6, 0, 1}}));
    EXPECT_EQ(all.w, (Vector(6) << 1, 1, 1, 0, 0, 2).finished());
  }
}

TEST(Encoding, NegativeWeightsAreRefused) {
  const TemporaryFolder folder;
  const auto path = folder.put("t.csv", "a,y,w\n1,2,1\n3,4,-0.5\n");
  const auto opened = open_for_fit(path, {.targets = {"y"}, .weights = "w"}, Missing::error);
  const EncodedSource source(*opened.table, opened.encoding);
  Block block;
  EXPECT_NO_THROW(source.read(0, 1, block));
  EXPECT_EQ(message_of<DataError>([&] { source.read(1, 1, block); }),
            path + ": the weight -0.5 at line 3 is negative, expected at least 0");
}

TEST(Encoding, ColumnsByNameOrNumber) {
  const Names names = {"x", "3", "y", "z"};
  EXPECT_EQ(find_column(names, "y", "target"), 2);
  EXPECT_EQ(find_column(names, "1", "target"), 0);
  EXPECT_EQ(find_column(names, "4", "target"), 3);
  EXPECT_EQ(find_column(names, "3", "target"), 1);  // the column named 3, not the third
  for (const char* wanted : {"0", "5", "-1", "+1", "1.0", "1 ", "", "Y", "99999999999999999999"})
    EXPECT_EQ(message_of<InvalidArgument>([&] { (void)find_column(names, wanted, "target"); }),
              fmt::format("target: there is no column '{}', expected one of 'x', '3', 'y', 'z' or a number from 1 to 4",
                          wanted));
  Names many;
  for (int i = 0; i < 12; ++i) many.push_back(fmt::format("c{}", i));
  EXPECT_EQ(message_of<InvalidArgument>([&] { (void)find_column(many, "q", "ignore"); }),
            "ignore: there is no column 'q', expected one of 'c0', 'c1', 'c2', 'c3', 'c4', 'c5', 'c6', 'c7', … (12 in "
            "all) or a number "
            "from 1 to 12");
}

TEST(Encoding, RolesAreCompleted) {
  const Names names = {"x", "y", "w", "z", "note"};
  const ColumnRoles resolved = resolve_roles(names, {.targets = {"2"}, .ignore = {"note"}, .weights = "3"});
  EXPECT_EQ(resolved.targets, Names{"y"});
  EXPECT_EQ(resolved.weights, "w");
  EXPECT_EQ(resolved.ignore, Names{"note"});
  EXPECT_EQ(resolved.features, (Names{"x", "z"}));
  // Several targets, in the order asked for; features in the file's.
  const ColumnRoles several = resolve_roles(names, {.targets = {"z", "1"}, .features = {"note", "2"}});
  EXPECT_EQ(several.targets, (Names{"z", "x"}));
  EXPECT_EQ(several.features, (Names{"y", "note"}));
}

TEST(Encoding, BrokenRolesAreRefused) {
  const Names names = {"x", "y", "w"};
  const auto roles = [](Names targets, Names features, Names ignore, std::string weights) {
    return ColumnRoles{std::move(targets), std::move(features), std::move(ignore), std::move(weights)};
  };
  EXPECT_EQ(refused(names, roles({}, {}, {}, "")), "target: none is given, expected the name of at least one column");
  EXPECT_EQ(refused(names, roles({"x", "y", "w"}, {}, {}, "")),
            "target: 3 targets are given and the table has 3 columns, expected at least one column more");
  EXPECT_EQ(refused(names, roles({"q"}, {}, {}, "")),
            "target: there is no column 'q', expected one of 'x', 'y', 'w' or a number from 1 to 3");
  EXPECT_EQ(refused(names, roles({"y", "2"}, {}, {}, "")), "target: 'y' is given twice");
  EXPECT_EQ(refused(names, roles({"y"}, {"x", "x"}, {}, "")), "features: 'x' is given twice");
  EXPECT_EQ(refused(names, roles({"y"}, {"1", "y"}, {}, "")),
            "features: 'y' is a target too, expected one role for a column");
  EXPECT_EQ(refused(names, roles({"y"}, {}, {"y"}, "")), "target: 'y' is ignored too, expected one role for a column");
  EXPECT_EQ(refused(names, roles({"y"}, {"x"}, {"x"}, "")),
            "features: 'x' is ignored too, expected one role for a column");
  EXPECT_EQ(refused(names, roles({"y"}, {}, {}, "y")), "weights: 'y' is a target too, expected one role for a column");
  EXPECT_EQ(refused(names, roles({"y"}, {"w"}, {}, "w")),
            "features: 'w' is the weights too, expected one role for a column");
  EXPECT_EQ(refused(names, roles({"y"}, {}, {"w"}, "w")),
            "weights: 'w' is ignored too, expected one role for a column");
  EXPECT_EQ(refused(names, roles({"y"}, {}, {"x"}, "w")), "features: no input is left among the columns 'x', 'y', 'w'");
}

TEST(Encoding, TablesForAModelNeedItsColumns) {
  const TemporaryFolder folder;
  const auto train = folder.put("train.csv", beams);
  const Encoding encoding = open_for_fit(train, {.targets = {"load"}, .weights = "weight"}, Missing::error).encoding;
  const auto bare = folder.put("bare.csv", "material,length\nwood,1\n");
  EXPECT_EQ(message_of<DataError>([&] { (void)open_for_model(bare, encoding, false); }),
            bare + ": the model needs the column 'class', which the table lacks; it has 'material', 'length'");
  EXPECT_EQ(message_of<DataError>([&] { (void)open_for_model(bare, encoding, true); }),
            bare +
                ": the model needs the columns 'class', 'load', 'weight', which the table lacks; it has 'material', "
                "'length'");
  // A number column must stay one.
  const auto text = folder.put("text.csv", "length,material,class\nlong,wood,a\n");
  EXPECT_THROW((void)open_for_model(text, encoding, false), DataError);
  // An encoding for another table.
  const auto table = open_table(bare);
  EXPECT_EQ(message_of<DataError>([&] { EncodedSource(*table, encoding, false); }),
            bare + ": there is no column 'class'");
}

TEST(Encoding, TransferKeepsTheInputsAndTakesNewTargets) {
  const TemporaryFolder folder;
  const auto train = folder.put("train.csv", beams);
  const Encoding encoding = open_for_fit(train, {.targets = {"load"}, .weights = "weight"}, Missing::error).encoding;
  const auto other = folder.put("other.csv",
                                "drag,class,material,length,importance,lift\n"
                                "1,a,wood,5,1,7\n"
                                "2,b,stone,NA,3,8\n");
  const auto opened = open_for_transfer(
      other, encoding, {.targets = {"lift", "drag"}, .features = {"never"}, .ignore = {"nor this"}, .weights = "5"},
      Missing::mean);
  EXPECT_EQ(opened.encoding.input_names(), encoding.input_names());
  EXPECT_EQ(opened.encoding.targets, (Names{"lift", "drag"}));
  EXPECT_EQ(opened.encoding.weights, "importance");
  EXPECT_EQ(opened.encoding.missing, Missing::mean);
  const EncodedSource source(*opened.table, opened.encoding);
  const Rows all = read(source);
  expect_cells(all.X, rows({{5, 0, 0, 1, 1, 0, 0}, {not_a_number, 0, 0, 0, 0, 1, 0}}));
  expect_cells(all.Y, rows({{7, 1}, {8, 2}}));
  EXPECT_EQ(all.w, Eigen::Vector2d(1, 3));
  EXPECT_EQ(source.unknown_levels().size(), 1U);

  EXPECT_EQ(message_of<InvalidArgument>(
                [&] { (void)open_for_transfer(other, encoding, {.targets = {"length"}}, Missing::error); }),
            "target: 'length' is an input of the model, expected another column");
  const auto bare = folder.put("bare.csv", "material,length,y\nwood,1,2\n");
  EXPECT_EQ(message_of<DataError>([&] { (void)open_for_transfer(bare, encoding, {.targets = {"y"}}, Missing::error); }),
            bare + ": the model needs the column 'class', which the table lacks; it has 'material', 'length', 'y'");
}

TEST(Encoding, ATargetThatIsAClassIsOneIndicatorPerClass) {
  const TemporaryFolder folder;
  const auto path = folder.put("beams.csv", beams);
  const auto text = open_for_fit(path, {.targets = {"material"}, .weights = "weight", .classes = true}, Missing::error);
  EXPECT_EQ(text.encoding.classes, (Names{"glass, thin", "steel", "wood"}));
  EXPECT_EQ(text.encoding.class_kind, ColumnKind::text);
  EXPECT_EQ(text.encoding.outputs(), 3);
  EXPECT_EQ(text.encoding.output_names(), (Names{"material=glass, thin", "material=steel", "material=wood"}));
  const EncodedSource source(*text.table, text.encoding);
  EXPECT_EQ(source.targets(), 3);
  EXPECT_EQ(source.target_label(2), "'material=wood'");
  expect_cells(read(source).Y, rows({{0, 1, 0}, {0, 0, 1}, {0, 1, 0}, {1, 0, 0}}));

  // Numbers are classes by their value, ascending, however they are written.
  const auto numbers = folder.put("numbers.csv", "x,y\n1,10\n2,2.50\n3,-0\n4,1e1\n5,0\n");
  const auto opened = open_for_fit(numbers, {.targets = {"y"}, .classes = true}, Missing::error);
  EXPECT_EQ(opened.encoding.classes, (Names{"0", "2.5", "10"}));
  EXPECT_EQ(opened.encoding.class_kind, ColumnKind::number);
  expect_cells(read(EncodedSource(*opened.table, opened.encoding)).Y,
               rows({{0, 0, 1}, {0, 1, 0}, {1, 0, 0}, {0, 0, 1}, {1, 0, 0}}));
}

TEST(Encoding, RowsWithoutAClassAreLikeRowsWithoutATarget) {
  const TemporaryFolder folder;
  for (const std::string cells : {"a,,b", "1,,2", "1,NA,2", "a,NaN,b"}) {
    const auto comma = cells.rfind(',');
    const auto path = folder.put("t.csv", "x,y\n1," + cells.substr(0, 1) + "\n2," + cells.substr(2, comma - 2) +
                                              "\n3," + cells.substr(comma + 1) + "\n");
    const auto opened = open_for_fit(path, {.targets = {"y"}, .classes = true}, Missing::drop);
    const Rows all = read(EncodedSource(*opened.table, opened.encoding));
    expect_cells(all.Y, rows({{1, 0}, {0, 0}, {0, 1}}));
    EXPECT_EQ(all.w, Eigen::Vector3d(1, 0, 1));
    const auto strict = open_for_fit(path, {.targets = {"y"}, .classes = true}, Missing::error);
    EXPECT_EQ(message_of<DataError>([&] { EncodedSource(*strict.table, strict.encoding); }),
              path +
                  ": 'y' has 1 missing value (first at line 3), which only a model fitted with --missing indicator, "
                  "mean or drop accepts");
  }
}

TEST(Encoding, ClassesThatTheModelDoesNotKnowAreRefused) {
  const TemporaryFolder folder;
  const ColumnRoles roles{.targets = {"y"}, .classes = true};
  const auto texts = open_for_fit(folder.put("t.csv", "x,y\n1,a\n2,b\n"), roles, Missing::error).encoding;
  const auto numbers = open_for_fit(folder.put("n.csv", "x,y\n1,1\n2,2\n"), roles, Missing::error).encoding;
  const auto refusal = [&](const std::string& cells, const Encoding& encoding) {
    const auto path = folder.put("other.csv", "x,y\n" + cells);
    return message_of<DataError>([&] { EncodedSource(*open_for_model(path, encoding, true), encoding); });
  };
  const auto other = folder.path("other.csv");
  EXPECT_EQ(refusal("1,a\n2,c\n3,b\n4,d\n", texts),
            other + ": 'y' is 'c' at line 3, which is none of the model's classes: 'a', 'b'");
  EXPECT_EQ(refusal("1,1.0\n2,2\n3,1.5\n", numbers),
            other + ": 'y' is '1.5' at line 4, which is none of the model's classes: '1', '2'");
  EXPECT_EQ(
      refusal("1,1\n2,b\n", numbers),
      other +
          ": line 3, column 'y': 'b' is not a number; if it stands for a missing cell, list it in --missing-values");
  EXPECT_EQ(refusal("1,b\n2,b\n", texts), "nothing was thrown");
}

TEST(Encoding, TargetsThatAreNoClasses) {
  const TemporaryFolder folder;
  const auto refusal = [&](const std::string& table, TableOptions options = {}) {
    const auto path = folder.put("t.csv", table);
    return message_of<DataError>(
        [&] { (void)open_for_fit(path, {.targets = {"y"}, .classes = true}, Missing::drop, std::move(options)); });
  };
  const auto path = folder.path("t.csv");
  EXPECT_EQ(refusal("x,y\n1,a\n2,a\n"), path + ": 'y' is 'a' in every row, expected at least 2 classes");
  EXPECT_EQ(refusal("x,y\n1,7\n2,7\n"), path + ": 'y' is '7' in every row, expected at least 2 classes");
  EXPECT_EQ(refusal("x,y\n1,\n2,\n"), path + ": 'y' has no value, expected at least 2 classes");
  TableOptions two;
  two.max_classes = 2;
  EXPECT_EQ(refusal("x,y\n1,1\n2,2\n3,3\n", two),
            path +
                ": 'y' holds more than 2 different numbers, too many for classes; the task regression predicts a "
                "number");
  EXPECT_NE(refusal("x,y\n1,a\n2,b\n3,c\n", two).find("'y' holds more than 2 different texts"), std::string::npos);
  EXPECT_EQ(
      message_of<InvalidArgument>([&] {
        (void)open_for_fit(folder.put("t.csv", beams), {.targets = {"load", "class"}, .classes = true}, Missing::error);
      }),
      "target: 2 are given for classification, expected exactly one");
}

TEST(Encoding, TransferTakesNewClassesOrNone) {
  const TemporaryFolder folder;
  const auto train = folder.put("train.csv", beams);
  const Encoding encoding =
      open_for_fit(train, {.targets = {"material"}, .features = {"length"}, .classes = true}, Missing::error).encoding;
  const auto classes = open_for_transfer(train, encoding, {.targets = {"class"}, .classes = true}, Missing::error);
  EXPECT_EQ(classes.encoding.classes, (Names{"a", "b", "c"}));
  const auto number = open_for_transfer(train, encoding, {.targets = {"load"}}, Missing::error);
  EXPECT_TRUE(number.encoding.classes.empty());
  EXPECT_EQ(number.encoding.outputs(), 1);
}

TEST(Encoding, GroupsAreNumberedByTheirTextsOrNumbers) {
  const TemporaryFolder folder;
  const ColumnRoles roles{.targets = {"y"}, .groups = "who"};
  std::string many = "x,who,y\n";
  for (int i = 0; i < 300; ++i) many += fmt::format("{},p{},{}\n", i, 299 - i / 2, i % 5);
  const auto texts =
      open_for_fit(folder.put("t.csv", many), roles, Missing::error);  // more texts than a category may have
  EXPECT_EQ(texts.encoding.groups, "who");
  EXPECT_EQ(texts.encoding.input_names(), Names{"x"});
  const EncodedSource source(*texts.table, texts.encoding);
  const auto groups = source.groups();
  ASSERT_EQ(groups.size(), 300U);
  for (std::size_t i = 0; i < 300; ++i) EXPECT_EQ(groups[i], 149 - static_cast<Index>(i / 2));
  EXPECT_EQ(read(source).X.cols(), 1);

  const auto numbers =
      open_for_fit(folder.put("n.csv", "who,x,y\n10,1,1\n9,2,2\n10,3,3\nNA,4,4\n"), roles, Missing::drop);
  const EncodedSource rows_with_gap(*numbers.table, numbers.encoding);
  EXPECT_EQ(rows_with_gap.groups(), (std::vector<Index>{0, 1, 0, -1}));  // in CSV labels are text: "10" < "9"
  EXPECT_EQ(read(rows_with_gap).w, Eigen::Vector4d(1, 1, 1, 0));

  // A table to be measured on need not have the groups.
  const auto bare = folder.put("bare.csv", "x,y\n1,1\n");
  const auto table = open_for_model(bare, texts.encoding, true);
  EXPECT_TRUE(EncodedSource(*table, texts.encoding).groups().empty());
}

TEST(Encoding, GroupsHaveNoOtherRole) {
  const Names names = {"x", "y", "w"};
  EXPECT_EQ(refused(names, {.targets = {"y"}, .groups = "y"}),
            "groups: 'y' is a target too, expected one role for a column");
  EXPECT_EQ(refused(names, {.targets = {"y"}, .weights = "w", .groups = "w"}),
            "groups: 'w' is the weights too, expected one role for a column");
  EXPECT_EQ(refused(names, {.targets = {"y"}, .features = {"x", "w"}, .groups = "w"}),
            "features: 'w' is the groups too, expected one role for a column");
  EXPECT_EQ(refused(names, {.targets = {"y"}, .groups = "q"}),
            "groups: there is no column 'q', expected one of 'x', 'y', 'w' or a number from 1 to 3");
}

TEST(Encoding, WhereCellsWereMissingIsAnInput) {
  const TemporaryFolder folder;
  const auto path = folder.put("gaps.csv",
                               "a,kind,b,y\n"
                               "1,u,1,10\n"
                               "NA,v,2,20\n"
                               "3,,3,30\n"
                               "4,u,4,40\n");
  const auto opened = open_for_fit(path, {.targets = {"y"}});
  const Encoding& encoding = opened.encoding;
  EXPECT_EQ(encoding.missing, Missing::indicator);
  EXPECT_TRUE(opened.notices.empty());
  EXPECT_EQ(encoding.input_names(), (Names{"a", "a=missing", "kind=u", "kind=v", "kind=missing", "b"}));
  using enum InputKind;
  EXPECT_EQ(encoding.input_kinds(),
            (std::vector<InputKind>{number, InputKind::missing, level, level, InputKind::missing, number}));
  const EncodedSource source(*opened.table, encoding);
  EXPECT_EQ(source.input_kind(1), InputKind::missing);
  EXPECT_EQ(source.input_label(4), "'kind=missing'");
  // A number waits for its mean; a text is none of the levels.
  expect_cells(read(source).X,
               rows({{1, 0, 1, 0, 0, 1}, {not_a_number, 1, 0, 1, 0, 2}, {3, 0, 0, 0, 1, 3}, {4, 0, 1, 0, 0, 4}}));
  // Where no cell was missing at fitting, one that is later is filled.
  const auto later = folder.put("later.csv", "a,kind,b\n,,\n1,v,2\n");
  const auto table = open_for_model(later, encoding, false);
  expect_cells(read(EncodedSource(*table, encoding, false)).X,
               rows({{not_a_number, 1, 0, 0, 1, not_a_number}, {1, 0, 0, 1, 0, 2}}));
  // A level of that name does not hide it.
  const auto named = folder.put("named.csv", "kind,y\nmissing,1\nu,2\n,3\nu,4\nmissing,5\n");
  EXPECT_EQ(open_for_fit(named, {.targets = {"y"}}).encoding.input_names(),
            (Names{"kind=missing", "kind=u", "kind=(missing)"}));
}

TEST(Encoding, OnlyRowsThatCountSayWhereCellsAreMissing) {
  const TemporaryFolder folder;
  const auto path = folder.put("t.csv",
                               "a,b,c,y,w,g\n"
                               "1,1,1,1,1,p\n"
                               "2,,,2,0,p\n"  // of no weight
                               "3,,,,1,p\n"   // without a target
                               "4,,,4,1,\n"   // without a group
                               "5,,2,5,1,q\n");
  const auto opened = open_for_fit(path, {.targets = {"y"}, .weights = "w", .groups = "g"});
  EXPECT_EQ(opened.encoding.input_names(), (Names{"a", "b", "b=missing", "c"}));
}

TEST(Encoding, AColumnWithoutAValueIsLeftOut) {
  const TemporaryFolder folder;
  const std::string cells = "a,none,late,y\n1,,,1\n2,NA,,2\n3,,,3\n4,null,7,\n";
  const auto path = folder.put("t.csv", cells);
  for (const Missing policy : {Missing::indicator, Missing::mean, Missing::drop}) {
    const auto opened = open_for_fit(path, {.targets = {"y"}}, policy);
    EXPECT_EQ(opened.encoding.input_names(), Names{"a"});
    EXPECT_EQ(opened.encoding.columns[1].left_out, LeftOut::missing);
    EXPECT_EQ(opened.encoding.columns[1].width(), 0);
    EXPECT_EQ(opened.notices, Names{path + ": 'none', 'late' are left out: no training row has a value there"});
    const Rows all = read(EncodedSource(*opened.table, opened.encoding));
    expect_cells(all.X, rows({{1}, {2}, {3}, {0}}));
    EXPECT_EQ(all.w, Eigen::Vector4d(1, 1, 1, 0));
    // No later table needs it, nor does what it holds matter.
    const auto bare = open_for_model(folder.put("bare.csv", "a\n5\n"), opened.encoding, false);
    expect_cells(read(EncodedSource(*bare, opened.encoding, false)).X, rows({{5}}));
    const auto other = open_for_model(folder.put("other.csv", "none,a\nx,5\n"), opened.encoding, false);
    expect_cells(read(EncodedSource(*other, opened.encoding, false)).X, rows({{5}}));
    const auto again = open_for_transfer(folder.put("new.csv", "a,z\n5,1\n6,2\n"), opened.encoding, {.targets = {"z"}});
    expect_cells(read(EncodedSource(*again.table, again.encoding)).X, rows({{5}, {6}}));
  }
  const auto strict = open_for_fit(path, {.targets = {"y"}}, Missing::error);
  EXPECT_EQ(
      message_of<DataError>([&] { EncodedSource(*strict.table, strict.encoding); }),
      path +
          ": 'none' has 4 missing values (first at line 2), which only a model fitted with --missing indicator, mean "
          "or drop accepts");
  const auto nothing = folder.put("nothing.csv", "a,b,y\n,,1\n,,2\n");
  EXPECT_EQ(
      message_of<DataError>([&] { (void)open_for_fit(nothing, {.targets = {"y"}}); }),
      nothing + ": 'a', 'b' are left out: no training row has a value there; no input is left, expected at least one");
}

TEST(Encoding, AnIdentifierIsLeftOut) {
  const TemporaryFolder folder;
  const auto path = folder.put("t.csv", "id,kind,y,who\nu1,p,1,a\nu2,q,2,b\n,p,3,c\nu4,q,4,d\n");
  const auto opened = open_for_fit(path, {.targets = {"y"}, .groups = "who"}, Missing::mean);
  EXPECT_EQ(opened.encoding.input_names(), (Names{"kind=p", "kind=q"}));
  EXPECT_EQ(opened.encoding.columns[0].left_out, LeftOut::identifier);
  EXPECT_EQ(opened.notices,
            Names{path +
                  ": 'id' is left out: all texts there are different, as those of an identifier are (the first is 'u1' "
                  "at line 2)"});
  const EncodedSource source(*opened.table, opened.encoding);
  EXPECT_EQ(source.groups(), (std::vector<Index>{0, 1, 2, 3}));  // groups may be
  EXPECT_EQ(open_for_fit(path, {.targets = {"who"}, .features = {"kind"}, .classes = true}).encoding.classes.size(),
            4U);
  EXPECT_EQ(
      message_of<DataError>([&] { (void)open_for_fit(path, {.targets = {"y"}, .features = {"id"}}); }),
      path +
          ": 'id' is left out: all texts there are different, as those of an identifier are (the first is 'u1' at "
          "line 2); no input is left, expected at least one");
}

TEST(Encoding, TextOfTooManyValuesIsLeftOut) {
  const TemporaryFolder folder;
  std::string pure = "id,x,y\n";
  std::string mixed = "id,x,y\n";  // numbers come first, so that it is known to be text only at its end
  std::string commas = "id,x,y\n";
  for (int i = 0; i < 240; ++i) {
    pure += fmt::format("t{},{},{}\n", i % 201, i, i % 7);
    mixed += fmt::format("{}{},{},{}\n", i % 3 == 0 ? "" : "t", i % 201, i, i % 7);
    commas += fmt::format("\"{},5\",{},{}\n", i % 201, i, i % 7);
  }
  const std::string begin =
      ": 'id' is left out: its texts are too many to learn from, more than 131072 or fewer than two cells each ";
  const std::vector<std::array<std::string, 2>> tables = {
      {pure, "(the first is 't0' at line 2)"},
      {mixed, "(the first is 't1' at line 3)"},
      {commas,
       "(the first is '0,5' at line 2); if these are numbers, write a point for the decimal mark and nothing between "
       "thousands"}};
  for (const auto& [cells, end] : tables) {
    const auto path = folder.put("t.csv", cells);
    const auto opened = open_for_fit(path, {.targets = {"y"}});
    EXPECT_EQ(opened.encoding.input_names(), Names{"x"});
    EXPECT_EQ(opened.encoding.columns[0].left_out, LeftOut::levels);
    EXPECT_EQ(opened.notices, Names{path + begin + end});
    EXPECT_EQ(read(EncodedSource(*opened.table, opened.encoding)).X(239, 0), 239);
    TableOptions few;
    few.max_classes = 100;
    EXPECT_THROW((void)open_for_fit(path, {.targets = {"id"}, .classes = true}, Missing::indicator, few), DataError);
  }
}

// More levels than are indicated one by one: the input is the level's number, in byte order.
TEST(Encoding, TextOfManyValuesIsCoded) {
  const TemporaryFolder folder;
  std::string cells = "id,x,y\n";
  for (int i = 0; i < 240; ++i)
    cells += fmt::format("{},{},{}\n", i == 7 ? "" : fmt::format("t{:03}", i / 3), i, i % 7);
  const auto opened = open_for_fit(folder.put("t.csv", cells), {.targets = {"y"}});
  EXPECT_TRUE(opened.notices.empty());
  EXPECT_TRUE(opened.encoding.columns[0].coded);
  EXPECT_EQ(opened.encoding.input_names(), (Names{"id", "id=missing", "x"}));
  EXPECT_EQ(opened.encoding.input_kinds(),
            (std::vector<InputKind>{InputKind::code, InputKind::missing, InputKind::number}));
  const Matrix X = read(EncodedSource(*opened.table, opened.encoding)).X;
  expect_cells(X.middleRows(6, 3), rows({{2, 0, 6}, {not_a_number, 1, 7}, {2, 0, 8}}));
  std::string many = "id,x\nt005,1\n,2\n";
  for (int i = 0; i < 200; ++i) many += fmt::format("u{},3\n", i);  // any number of texts that are none of them
  const auto table = open_for_model(folder.put("later.csv", many), opened.encoding, false);
  const EncodedSource later(*table, opened.encoding, false);
  EXPECT_EQ(later.unknown_levels().size(), 200U);
  expect_cells(read(later).X.topRows(3), rows({{5, 0, 1}, {not_a_number, 1, 2}, {-1, 0, 3}}));
  // Fewer than two cells each say nothing.
  std::string few = "id,x,y\n";
  for (int i = 0; i < 131; ++i) few += fmt::format("t{},{},{}\n", i % 66, i, i % 7);
  EXPECT_EQ(open_for_fit(folder.put("t.csv", few), {.targets = {"y"}}).encoding.columns[0].left_out, LeftOut::levels);
}

TEST(Encoding, TextThatMayBeMeantAsNumbersIsSaid) {
  const TemporaryFolder folder;
  std::string cells = "a,b,y\n";
  for (int i = 0; i < 20; ++i) cells += fmt::format("{},\"{},5\",{}\n", i % 7 == 3 ? "?" : std::to_string(i), i % 3, i);
  const auto path = folder.put("t.csv", cells);
  const auto opened = open_for_fit(path, {.targets = {"y"}});
  EXPECT_EQ(
      opened.notices,
      (Names{
          path +
              ": 'a' is text of 18 different values (the first is '?' at line 5); 17 of its 20 cells are numbers: if "
              "the others stand for missing cells, list them in --missing-values",
          path + ": 'b' is text of 3 different values (the first is '0,5' at line 2); if these are numbers, write a "
                 "point for the decimal mark and nothing between thousands"}));
  TableOptions listed;
  listed.missing_values = {"?"};
  const auto told = open_for_fit(path, {.targets = {"y"}, .features = {"a"}}, Missing::indicator, listed);
  EXPECT_EQ(told.encoding.input_names(), (Names{"a", "a=missing"}));
  EXPECT_EQ(told.encoding.missing_values, Names{"?"});
  const auto table = open_for_model(folder.put("later.csv", "a\n ? \n5\n"), told.encoding, false);  // remembered
  expect_cells(read(EncodedSource(*table, told.encoding, false)).X, rows({{not_a_number, 1}, {5, 0}}));
}

TEST(Encoding, ATextNAIsALevelWhereTheModelKnowsItElseMissing) {
  const TemporaryFolder folder;
  const auto with = folder.put("with.csv", "phone,y\nnone,1\nyes,2\nnone,3\nyes,4\n");
  const auto opened = open_for_fit(with, {.targets = {"y"}});
  EXPECT_EQ(opened.encoding.input_names(), (Names{"phone=none", "phone=yes"}));
  const auto without = folder.put("without.csv", "phone,y\nno,1\nyes,2\nno,3\n,4\n");
  const auto later = folder.put("later.csv", "phone\nnone\nyes\n");
  const auto cells_by = [&](const Encoding& encoding) {
    const auto table = open_for_model(later, encoding, false);
    const EncodedSource source(*table, encoding, false);
    EXPECT_TRUE(source.unknown_levels().empty());
    return read(source).X;
  };
  expect_cells(cells_by(opened.encoding), rows({{1, 0}, {0, 1}}));
  expect_cells(cells_by(open_for_fit(without, {.targets = {"y"}}).encoding), rows({{0, 0, 1}, {0, 1, 0}}));
  expect_cells(cells_by(open_for_fit(without, {.targets = {"y"}}, Missing::mean).encoding),
               rows({{not_a_number, not_a_number}, {0, 1}}));
  const auto strict = folder.put("strict.csv", "phone,y\nno,1\nyes,2\nno,3\n");
  EXPECT_EQ(
      message_of<DataError>([&] { (void)cells_by(open_for_fit(strict, {.targets = {"y"}}, Missing::error).encoding); }),
      later +
          ": 'phone' has 1 missing value (first at line 2), which only a model fitted with --missing indicator, mean "
          "or drop accepts");
}

TEST(Encoding, AClassMayBeCalledNone) {
  const TemporaryFolder folder;
  const auto path = folder.put("t.csv", "x,y\n1,None\n2,Some\n3,None\n");
  const auto opened = open_for_fit(path, {.targets = {"y"}, .classes = true});
  EXPECT_EQ(opened.encoding.classes, (Names{"None", "Some"}));
  const auto table = open_for_model(path, opened.encoding, true);
  expect_cells(read(EncodedSource(*table, opened.encoding)).Y, rows({{1, 0}, {0, 1}, {1, 0}}));
  // A model of classes without it takes it for a row without a class, unless missing cells are an error.
  const auto other = folder.put("other.csv", "x,y\n1,None\n2,More\n3,Some\n");
  Encoding known = opened.encoding;
  known.classes = {"More", "Some"};
  EXPECT_EQ(read(EncodedSource(*open_for_model(other, known, true), known)).w, Eigen::Vector3d(0, 1, 1));
  known.missing = Missing::error;
  EXPECT_THROW(EncodedSource(*open_for_model(other, known, true), known), DataError);
}

TEST(Encoding, PoliciesHaveNames) {
  for (const Missing each : {Missing::error, Missing::drop, Missing::mean, Missing::indicator})
    EXPECT_EQ(missing_named(name(each)), each);
  EXPECT_EQ(message_of<InvalidArgument>([] { (void)missing_named("zero"); }),
            "missing: 'zero' given, expected error, drop, mean or indicator");
}
