// Options by name. Oracles: the fields of FitOptions themselves, and reading back what was written.
#include <gtest/gtest.h>

#include <limits>

#include "message_of.h"
#include "sextant/option_fields.h"

namespace sextant {
namespace {

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
  EXPECT_EQ(options.method, Method::ntk);
  EXPECT_EQ(options.width, 64);
  EXPECT_EQ(options.eta, 2.0);
  EXPECT_FALSE(options.redraw_biases);
  EXPECT_EQ(options.lambda, std::vector<double>{0.25});
  EXPECT_EQ(options.head, Head::gradient_descent);
  EXPECT_EQ(options.degree, 5);
  EXPECT_EQ(options.symmetric, true);
  EXPECT_FALSE(options.ntk_blocks.b);
}

TEST(OptionFields, ReadBackWhatTheyWrote) {
  FitOptions options;
  options.eta = 0.1;
  options.rank = 3;
  options.folds = 4;
  options.first_layer_decay = 0.5;
  options.lambda = {1e-3};
  options.symmetric = false;
  options.bias = 0.5;
  options.polish_degree = 5;
  options.extrapolate = true;
  options.clip_targets = false;
  options.compact = true;
  options.training_rows = false;
  options.leaf_memory = 0.25;
  options.level_effects = false;
  FitOptions copy;
  for (const OptionField& field : option_fields()) {
    ASSERT_TRUE(field.given(options)) << field.name;
    field.set(copy, field.get(options));
    EXPECT_EQ(field.get(copy), field.get(options)) << field.name;
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
}

}  // namespace
}  // namespace sextant
