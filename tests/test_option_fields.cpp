// Options by name, as they are declared. Oracles: the fields of FitOptions themselves, reading back what was written,
// and models learned with and without an option.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include "message_of.h"
#include "sextant/automatic.h"
#include "sextant/model.h"
#include "sextant/model_file.h"
#include "sextant/option_fields.h"
#include "temporary_folder.h"
#include "test_support.h"

namespace sextant {
namespace {

// How many members an aggregate has: the most that it can be made of.
struct Anything {
  template <class Value>
  operator Value() const;  // NOLINT: never defined, for counting only
};
template <class Aggregate, std::size_t... at>
constexpr bool is_made_of(std::index_sequence<at...>) {
  return requires { Aggregate{(static_cast<void>(at), Anything{})...}; };
}
template <class Aggregate, std::size_t count = 0>
constexpr std::size_t members() {
  if constexpr (is_made_of<Aggregate>(std::make_index_sequence<count + 1>()))
    return members<Aggregate, count + 1>();
  else
    return count;
}

// Another value than the default, within all rules.
NamedValue another_value(const OptionField& option) {
  const FitOptions defaults;
  switch (option.kind) {
    case FieldKind::truth:
      return !(option.given(defaults) && std::get<bool>(option.get(defaults)));
    case FieldKind::whole_number:
      return option.name == "folds" ? std::int64_t{3}
                                    : std::int64_t{4} + 4 * (option.name == "width" || option.name == "redraws");
    case FieldKind::number:
      return option.name.ends_with("share") ? 0.4 : 0.25;
    case FieldKind::seed:
      return std::numeric_limits<std::uint64_t>::max();
    case FieldKind::numbers:
      return std::vector<double>{1e-3, std::numeric_limits<double>::infinity()};
    case FieldKind::rows:
      return std::vector<std::vector<double>>{{1, 0, 0}, {0, 0.5, 0}};
    case FieldKind::name:
      break;
  }
  if (option.name == "ntk_blocks") return std::string("a,b");
  if (option.name == "class_weights") return std::string("balanced");
  return option.choices.back() == text_of(option.get(defaults)) ? option.choices.front() : option.choices.back();
}

TEST(OptionFields, EveryMemberIsDeclared) {
  EXPECT_EQ(members<FitOptions>(), option_fields().size());
  std::set<std::string_view> names;
  for (const OptionField& option : option_fields()) {
    EXPECT_TRUE(names.insert(option.name).second) << option.name;
    EXPECT_EQ(find_option_field(option.name), &option);
    EXPECT_FALSE(option.meaning.empty()) << option.name;
    EXPECT_NE(option.meaning.back(), '.') << option.name;
    // Something holds where nothing is given: a value or a rule, not both.
    EXPECT_NE(option.given(FitOptions{}), !option.unset.empty()) << option.name;
    EXPECT_NO_THROW(option.check(FitOptions{})) << option.name;
  }
}

TEST(OptionFields, SetWhatTheFieldsOfTheSameNameHold) {
  FitOptions options;
  const auto set = [&](const char* name, const NamedValue& value) { find_option_field(name)->set(options, value); };
  set("method", std::string("ntk"));
  set("width", std::int64_t{64});
  set("eta", std::int64_t{2});
  set("redraw_biases", false);
  set("lambda", 0.25);
  set("head", std::string("gradient-descent"));
  set("degree", std::int64_t{5});
  set("symmetric", true);
  set("ntk_blocks", std::string("a,W"));
  set("budget", std::string("high"));
  set("seed", std::int64_t{7});
  set("subspace", std::vector<std::vector<double>>{{1, 2}});
  EXPECT_EQ(options.method, Method::ntk);
  EXPECT_EQ(options.width, 64);
  EXPECT_EQ(options.eta, 2.0);
  EXPECT_FALSE(options.redraw_biases);
  EXPECT_EQ(options.lambda, std::vector<double>{0.25});
  EXPECT_EQ(options.head, Head::gradient_descent);
  EXPECT_EQ(options.degree, 5);
  EXPECT_EQ(options.symmetric, true);
  EXPECT_FALSE(options.ntk_blocks.b);
  EXPECT_EQ(options.budget, 600);
  EXPECT_EQ(options.seed, 7U);
  EXPECT_EQ(options.subspace, Matrix({{1.0, 2.0}}));
}

TEST(OptionFields, ReadBackWhatTheyWrote) {
  FitOptions options;
  FitOptions copy;
  FitOptions copied;
  for (const OptionField& option : option_fields()) {
    option.set(options, another_value(option));
    ASSERT_TRUE(option.changed(options)) << option.name;
    EXPECT_NO_THROW(option.check(options)) << option.name;
    option.set(copy, option.get(options));
    EXPECT_EQ(option.get(copy), option.get(options)) << option.name;
    option.copy(options, copied);
    EXPECT_EQ(option.get(copied), option.get(options)) << option.name;
    EXPECT_FALSE(option.changed(FitOptions{})) << option.name;
  }
}

// Each option in turn, since not all go together.
TEST(OptionFields, AreInModelFiles) {
  const TemporaryFolder folder;
  const Rows rows = random_rows(30, 3, 1, 5);
  Model model = fit(rows.X, rows.Y, {.method = Method::algorithm_1, .width = 4, .lambda = {1e-2}});
  const std::string path = folder.path("m.sextant");
  for (const OptionField& option : option_fields()) {
    model.options = {};
    option.set(model.options, another_value(option));
    save_model(model, path);
    const FitOptions read = load_model(path).options;
    for (const OptionField& other : option_fields()) {
      ASSERT_EQ(other.given(read), other.given(model.options)) << other.name;
      if (!other.given(read)) continue;
      EXPECT_EQ(other.get(read), other.get(model.options)) << other.name;
    }
  }
}

TEST(OptionFields, ThatAreNotGivenHaveNoValue) {
  const FitOptions defaults;
  for (const char* name : {"eta", "rank", "first_layer_decay", "folds", "lambda", "symmetric", "bias", "leaf_memory"})
    EXPECT_FALSE(find_option_field(name)->given(defaults)) << name;
  for (const char* name : {"method", "width", "refit"}) EXPECT_TRUE(find_option_field(name)->given(defaults)) << name;
}

TEST(OptionFields, RefuseAnotherKind) {
  FitOptions options;
  EXPECT_EQ(message_of([&] { find_option_field("width")->set(options, 0.5); }), "0.5 given, expected a whole number");
  EXPECT_EQ(message_of([&] { find_option_field("refit")->set(options, std::int64_t{1}); }),
            "1 given, expected true or false");
  EXPECT_EQ(message_of([&] { find_option_field("eta")->set(options, std::string("big")); }),
            "big given, expected a number");
  EXPECT_EQ(message_of([&] { find_option_field("seed")->set(options, std::int64_t{-1}); }),
            "-1 given, expected a whole number of at least 0");
  EXPECT_EQ(find_option_field("no_such"), nullptr);
}

TEST(OptionFields, AWholeNumberTooLargeForItsFieldDoesNotWrapAround) {
  FitOptions options;
  find_option_field("degree")->set(options, std::int64_t{1} << 32 | 3);
  EXPECT_EQ(options.degree, std::numeric_limits<int>::max());
}

TEST(OptionFields, ValuesAsText) {
  EXPECT_EQ(text_of(true), "true");
  EXPECT_EQ(text_of(std::int64_t{-3}), "-3");
  EXPECT_EQ(text_of(0.1), "0.1");
  EXPECT_EQ(text_of(std::numeric_limits<double>::infinity()), "inf");
  EXPECT_EQ(text_of(std::string("ridge")), "ridge");
  EXPECT_EQ(text_of(std::vector<double>{0.5, 2}), "0.5, 2");
  EXPECT_EQ(text_of(MethodSet{Method::sir, Method::save}), "sir, save");
  EXPECT_EQ(text_of(~MethodSet{Method::oracle}), "all but oracle");
  EXPECT_EQ(text_of(~MethodSet{}), "all");
}

TEST(OptionFields, OnesThatNoMethodUsesAreNamed) {
  FitOptions options{.slices = 5, .budget = 3};
  EXPECT_EQ(
      ignored_options(options, {Method::algorithm_1}),
      (std::vector<std::string>{
          "slices: 5 given with algorithm-1, which does not use it; methods that do: sir, save, "
          "directional-regression",
          "budget: 3 given with algorithm-1, which does not use it; methods that do: auto, refine, refined-kernel, "
          "polish"}));
  EXPECT_EQ(ignored_options(options, {Method::ntk, Method::polish}),
            std::vector<std::string>{"slices: 5 given, which none of ntk, polish uses; methods that do: sir, save, "
                                     "directional-regression"});
  EXPECT_TRUE(ignored_options(options, {Method::sir, Method::polish}).empty());
  EXPECT_TRUE(ignored_options({.slices = 10}, {Method::polish}).empty());  // nothing is lost by a default
  EXPECT_EQ(ignored_with_kept_layer({.width = 8, .folds = 3}),
            std::vector<std::string>{"width: 8 given where a first layer is kept, which does not use it"});
}

// Which options a method uses, as it is declared, shows in what it predicts.
class UsedOptions : public testing::TestWithParam<Method> {
 protected:
  static Matrix predicted_with(FitOptions options, const OptionField* option = nullptr) {
    Rows rows = random_rows(60, 3, 1, 8);
    rows.Y += 3 * rows.X.col(0);
    if (options.method == Method::oracle) options.subspace = Matrix::Identity(1, 3);
    if (option != nullptr) {
      option->set(options, another_value(*option));
      if (option->name == "symmetric") options.symmetric = options.method == Method::ntk;
    }
    return predict(fit(rows.X, rows.Y, options, run_with(1)), random_rows(20, 3, 1, 9).X);
  }
};

TEST_P(UsedOptions, OthersChangeNothing) {
  const FitOptions plain{.method = GetParam(), .width = 8, .folds = 2, .seed = 3, .budget = 0.05};
  const Matrix expected = predicted_with(plain);
  int tried = 0;
  for (const OptionField& option : option_fields()) {
    // Methods refuse these where they do not use them.
    if (option.methods.has(GetParam()) || option.name == "sample_splitting" || option.name == "precision") continue;
    EXPECT_TRUE(predicted_with(plain, &option) == expected) << option.name;
    ++tried;
  }
  EXPECT_GT(tried, 2);
}

TEST_P(UsedOptions, TheyChangeSomething) {
  if (is_automatic(GetParam())) GTEST_SKIP() << "a search may leave out whatever an option is of";
  const std::set<std::string_view> telling = {"width",     "eta",    "preprocess", "head",   "redraw_biases",
                                              "symmetric", "bias",   "ntk_blocks", "degree", "bandwidth",
                                              "ntk_scale", "slices", "subspace"};
  const FitOptions plain{.method = GetParam(), .width = 12, .lambda = {1e-2}, .folds = 2, .seed = 3};
  const Matrix expected = predicted_with(plain);
  for (const OptionField& option : option_fields())
    if (option.methods.has(GetParam()) && telling.contains(option.name)) {
      EXPECT_FALSE(predicted_with(plain, &option) == expected) << option.name;
    }
}

INSTANTIATE_TEST_SUITE_P(Methods, UsedOptions, testing::ValuesIn(known_methods()), [](const auto& method) {
  std::string text = name(method.param);
  std::replace(text.begin(), text.end(), '-', '_');
  return text;
});

}  // namespace
}  // namespace sextant
