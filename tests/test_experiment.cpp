// Specs. Oracles: grids multiplied out by hand; texts with one thing wrong, and what must be said about it.
#include <gtest/gtest.h>

#include <set>

#include "message_of.h"
#include "sextant/builtin_experiments.h"
#include "sextant/error.h"
#include "sextant/experiment.h"
#include "temporary_folder.h"

namespace sextant {
namespace {

const std::string head = "name = \"test\"\n";

Spec parse(const std::string& text, const SpecOptions& options = {}) { return parse_spec(text, "test.toml", options); }

std::string refusal(const std::string& text, const SpecOptions& options = {}) {
  return message_of<DataError>([&] { static_cast<void>(parse(text, options)); });
}

std::string shape(const sextant::Run& run) {
  return shown_method(run) + "/" + std::to_string(run.fit.width) + "/" + std::to_string(run.n);
}

std::vector<std::string> shapes(const Spec& spec) {
  std::vector<std::string> all;
  for (const sextant::Run& run : spec.points) all.push_back(shape(run));
  return all;
}

TEST(Spec, IsTheProductOfEachBlocksListsInTheOrderOfTheFile) {
  const Spec spec = parse(head + R"(
seeds = 3
[defaults]
n = 5
[[grid]]
method = ["random-features", "algorithm-1"]
width = [4, 2]
[[grid]]
width = 8
n = [7, 6]
)");
  EXPECT_EQ(shapes(spec), (std::vector<std::string>{"random-features/4/5", "random-features/2/5", "algorithm-1/4/5",
                                                    "algorithm-1/2/5", "algorithm-1/8/7", "algorithm-1/8/6"}));
  const auto runs = spec.runs();
  ASSERT_EQ(runs.size(), 18U);
  EXPECT_EQ(runs[4].fit.seed, 1U);
  EXPECT_EQ(shape(runs[4]), "random-features/2/5");
}

TEST(Spec, SetsEveryParameter) {
  const Spec spec = parse(head + R"(
[[grid]]
label = "mine"
target = "multi-index"
d = 9
r = 2
p = 5
orientation = "random"
noise = 0.5
n = 50
holdout = 20
test = 30
n_target = 10
transfer_target = "multi-index"
transfer_p = 3
rank = 2
eta_factor = 2
first_layer_decay = 0
redraw_biases = false
sample_splitting = true
preprocess = "correlation"
lambda = 0.5
validation_share = 0.3
refit = false
head = "gradient-descent"
standardise = false
)");
  ASSERT_EQ(spec.points.size(), 1U);
  const sextant::Run& run = spec.points.front();
  EXPECT_EQ(key(run),
            "target=multi-index d=9 r=2 p=5 orientation=random noise=0.5 n=50 holdout=20 test=30 n_target=10 "
            "transfer_target=multi-index transfer_p=3 method=algorithm-1 width=1024 eta=8.48528137423857 rank=2 "
            "first_layer_decay=0 redraw_biases=false sample_splitting=true preprocess=correlation lambda=0.5 "
            "validation_share=0.3 refit=false head=gradient-descent standardise=false seed=0");
  EXPECT_EQ(shown_method(run), "mine");
}

TEST(Spec, AnEquivalentRunHasTheSameKeyWhateverItsLabel) {
  const Spec plain = parse(head + "[[grid]]\nwidth = 4\n");
  const Spec spelt = parse(head + "[[grid]]\nlabel = \"x\"\nwidth = 4\nredraw_biases = true\nvalidation_share = 0.2\n");
  EXPECT_EQ(key(plain.points.front()), key(spelt.points.front()));
  EXPECT_EQ(parse(head + "[[grid]]\nwidth = 4\n[[grid]]\nwidth = [4, 4]\n").points.size(), 1U);
  // Shown twice, run once.
  const Spec twice = parse(head + "seeds = 2\n[[grid]]\nlabel = [\"x\", \"y\"]\n");
  EXPECT_EQ(twice.points.size(), 2U);
  EXPECT_EQ(twice.runs().size(), 2U);
}

TEST(Spec, ABlocksValuesReplaceDefaults) {
  const std::string text = head + "[defaults]\neta = 3\nn = [1, 2]\n[[grid]]\neta_factor = 2\nd = 4\nn = 9\n[[grid]]\n";
  const Spec spec = parse(text);
  ASSERT_EQ(spec.points.size(), 3U);
  EXPECT_EQ(spec.points[0].n, 9);
  EXPECT_EQ(spec.points[0].fit.eta, 4.0);  // 2·√4
  EXPECT_EQ(spec.points[1].fit.eta, 3.0);
}

TEST(Spec, QuickReplacesKeysWhereTheyStand) {
  const std::string text = head + R"(
seeds = 10
[defaults]
test = 1000
[[grid]]
width = 4
n = [1, 2, 3]
[[grid]]
width = 8
[quick]
seeds = 2
test = 10
n = [1, 3]
)";
  EXPECT_EQ(parse(text).points.size(), 4U);
  const Spec quick = parse(text, {.quick = true});
  EXPECT_EQ(quick.seeds, 2);
  EXPECT_TRUE(quick.quick);
  // n stands in no default, so it becomes one: the second block takes it too.
  EXPECT_EQ(shapes(quick),
            (std::vector<std::string>{"algorithm-1/4/1", "algorithm-1/4/3", "algorithm-1/8/1", "algorithm-1/8/3"}));
  for (const sextant::Run& run : quick.points) EXPECT_EQ(run.test, 10);
  EXPECT_EQ(parse(text, {.quick = true, .seeds = 5}).seeds, 5);
}

TEST(Spec, QuickGridsReplaceAllGrids) {
  const std::string text =
      head + "[defaults]\nn = 7\n[[grid]]\nwidth = [4, 6]\n[quick]\nn = 5\n[[quick.grid]]\nwidth = 2\n";
  EXPECT_EQ(shapes(parse(text, {.quick = true})), std::vector<std::string>{"algorithm-1/2/5"});
  EXPECT_EQ(shapes(parse(text)), (std::vector<std::string>{"algorithm-1/4/7", "algorithm-1/6/7"}));
}

TEST(Spec, FiguresSayWhatTheyDraw) {
  const Spec spec = parse(head + R"(
[[grid]]
target = ["source", "hermite"]
[[figure]]
title = "A"
facet = "width"
crossings = [0.5, 1]
reference = "figure1"
where = { target = "hermite" }
)");
  ASSERT_EQ(spec.figures.size(), 1U);
  const Figure& figure = spec.figures.front();
  EXPECT_EQ(figure.x, "n");
  EXPECT_EQ(figure.y, "excess_risk");
  EXPECT_EQ(figure.series, "method");
  EXPECT_EQ(figure.facet, "width");
  EXPECT_EQ(figure.crossings, (std::vector<double>{0.5, 1.0}));
  EXPECT_FALSE(figure.shows(spec.points[0]));
  EXPECT_TRUE(figure.shows(spec.points[1]));
}

TEST(Spec, FilesAreReadAsTexts) {
  const TemporaryFolder folder;
  const std::string text = head + "[[grid]]\nn = 5\n";
  EXPECT_EQ(read_spec(folder.put("a.toml", text)).text, text);
  EXPECT_EQ(message_of<IoError>([&] { static_cast<void>(read_spec(folder.path("none.toml"))); }),
            folder.path("none.toml") + ": cannot be read: No such file or directory");
  EXPECT_NE(message_of<IoError>([&] { static_cast<void>(read_spec(folder.path())); }).find("cannot be read"),
            std::string::npos);
  EXPECT_EQ(message_of<IoError>(
                [&] { static_cast<void>(read_spec(folder.put("big.toml", std::string((1U << 20U) + 1, '#')))); }),
            folder.path("big.toml") + ": holds more than 1 MiB, expected a spec");
}

struct Hostile {
  const char* text;
  const char* message;  // its beginning
};

class HostileSpec : public testing::TestWithParam<Hostile> {};

TEST_P(HostileSpec, IsRefusedInOneSentence) {
  const std::string message = refusal(GetParam().text);
  EXPECT_TRUE(message.starts_with(GetParam().message)) << message;
  EXPECT_EQ(message.find('\n'), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(
    Texts, HostileSpec,
    testing::Values(
        Hostile{"", "test.toml, line 1: there is no name"}, Hostile{"name = [", "test.toml, line 1: is no TOML:"},
        Hostile{"name = \"\xff\"", "test.toml, line 1: is no TOML:"},
        Hostile{"name = 3\n[[grid]]", "test.toml, line 1: name is a whole number, expected a text in quotes"},
        Hostile{"name = \"../x\"\n[[grid]]", "test.toml, line 1: name is not usable"},
        Hostile{"name = \"x\"", "test.toml, line 1: there is no [[grid]]"},
        Hostile{"name = \"x\"\ngrid = []", "test.toml, line 2: grid is empty"},
        Hostile{"name = \"x\"\ngrid = [1]", "test.toml, line 2: grid is a whole number, expected tables"},
        Hostile{"name = \"x\"\n[grid]", "test.toml, line 2: grid is a table, expected tables"},
        Hostile{"name = \"x\"\nsedes = 3\n[[grid]]", "test.toml, line 2: a spec has no key 'sedes', expected one of"},
        Hostile{"name = \"x\"\nseeds = 0\n[[grid]]", "test.toml, line 2: seeds is 0, expected 1 to"},
        Hostile{"name = \"x\"\nseeds = \"many\"\n[[grid]]", "test.toml, line 2: seeds is a text"},
        Hostile{"name = \"x\"\n[[grid]]\n[defaults]\nwidht = 4", "test.toml, line 4: 'widht' is not known, expected"},
        Hostile{"name = \"x\"\n[[grid]]\nwidth = \"wide\"",
                "test.toml, line 3: width is a text, expected a whole number, or a list of such"},
        Hostile{"name = \"x\"\n[[grid]]\nn = [1, 2.5]",
                "test.toml, line 3: n is a number with a decimal point or exponent, expected a whole number"},
        Hostile{"name = \"x\"\n[[grid]]\nn = [[1]]", "test.toml, line 3: n is a list, expected a whole number"},
        Hostile{"name = \"x\"\n[[grid]]\nn = 1979-05-27", "test.toml, line 3: n is a date or time"},
        Hostile{"name = \"x\"\n[[grid]]\nrefit = 1", "test.toml, line 3: refit is a whole number, expected true"},
        Hostile{"name = \"x\"\n[[grid]]\nn = []", "test.toml, line 3: n is an empty list, so the grid is empty"},
        Hostile{"name = \"x\"\n[[grid]]\nd = 3\nwidth = 7", "test.toml, line 4: width: 7 given, expected an even"},
        Hostile{"name = \"x\"\n[[grid]]\nn = 0\nd = 3", "test.toml, line 3: n: 0 given, expected 1 to 2^40"},
        Hostile{"name = \"x\"\n[[grid]]\nnoise = nan", "test.toml, line 3: noise: nan given"},
        Hostile{"name = \"x\"\n[[grid]]\np = 2",
                "test.toml, line 3: p: 2 given, expected 3 to 60 for the target source"},
        Hostile{"name = \"x\"\n[[grid]]\np = 4294967300", "test.toml, line 3: p: 1000 given"},
        Hostile{"name = \"x\"\n[[grid]]\nr = 2", "test.toml, line 3: r: 2 given, expected 1 for the target source"},
        Hostile{"name = \"x\"\n[[grid]]\ntarget = \"multi-index\"",
                "test.toml, line 3: r: 1 given, expected at least 2"},
        Hostile{"name = \"x\"\n[[grid]]\ntarget = \"sauce\"", "test.toml, line 3: target: 'sauce' given"},
        Hostile{"name = \"x\"\n[[grid]]\nmethod = \"magic\"", "test.toml, line 3: method: 'magic' is not known"},
        Hostile{"name = \"x\"\n[[grid]]\neta = 1\neta_factor = 2", "test.toml, line 4: eta_factor is given together"},
        Hostile{"name = \"x\"\n[[grid]]\nvalidation_share = 0.7", "test.toml, line 3: validation-share: 0.7 given"},
        Hostile{"name = \"x\"\n[[grid]]\nholdout = 5\nfolds = 3", "test.toml, line 4: folds: 3 given"},
        Hostile{"name = \"x\"\n[[grid]]\nn_target = 5\nmethod = \"kernel-ntk\"",
                "test.toml, line 3: n_target: 5 given"},
        Hostile{"name = \"x\"\n[[grid]]\n[quick]\nwidht = 4", "test.toml, line 4: 'widht' is not known"},
        Hostile{"name = \"x\"\n[[grid]]\n[[figure]]\nx = \"method\"", "test.toml, line 4: x is 'method', expected"},
        Hostile{"name = \"x\"\n[[grid]]\n[[figure]]\nx = \"z\"", "test.toml, line 4: x is 'z', expected"},
        Hostile{"name = \"x\"\n[[grid]]\n[[figure]]\ny = \"loss\"", "test.toml, line 4: y is 'loss', expected excess"},
        Hostile{"name = \"x\"\n[[grid]]\n[[figure]]\nreference = \"z\"",
                "test.toml, line 4: reference: 'z' is not known"},
        Hostile{"name = \"x\"\n[[grid]]\n[[figure]]\ncrossings = [0]", "test.toml, line 4: crossings holds 0"},
        Hostile{"name = \"x\"\n[[grid]]\n[[figure]]\ncolour = 1", "test.toml, line 4: a figure has no key 'colour'"}));

TEST(Spec, AGridBeyondAllMeasureIsRefusedBeforeItIsBuilt) {
  std::string list = "[";
  for (int i = 1; i <= 1000; ++i) list += std::to_string(i) + ", ";
  list += "]";
  EXPECT_EQ(refusal(head + "[[grid]]\nn = " + list + "\nd = " + list + "\n"),
            "test.toml, line 2: the grid has more than 100000 points");
}

TEST(Spec, NestingThatWouldExhaustTheStackIsNoToml) {
  EXPECT_NE(refusal(head + "n = " + std::string(100'000, '[')).find("is no TOML"), std::string::npos);
}

TEST(BuiltinExperiments, AreReadableInFullAndQuick) {
  std::set<std::string> names;
  for (const BuiltinExperiment& experiment : builtin_experiments()) {
    const std::string name(experiment.name);
    const Spec spec = parse_spec(std::string(experiment.text), name);
    const Spec quick = parse_spec(std::string(experiment.text), name, {.quick = true});
    EXPECT_EQ(spec.name, name);
    EXPECT_FALSE(spec.figures.empty()) << name;
    EXPECT_LT(quick.runs().size(), spec.runs().size()) << name;
    names.insert(name);
  }
  EXPECT_EQ(names, (std::set<std::string>{"ablations", "dimension", "figure1", "figure2", "hard-class", "kernels",
                                          "multi-index", "transfer-dimension"}));
  EXPECT_EQ(builtin_experiment("none"), std::nullopt);
}

TEST(ReferenceValues, BelongToPointsOfTheirExperiment) {
  for (const char* name : {"figure1", "figure2"}) {
    const Spec spec = parse_spec(*builtin_experiment(name), name);
    const auto& values = reference_values(name);
    EXPECT_EQ(values.size(), 60U) << name;
    for (const ReferenceValue& value : values) {
      Index matching = 0;
      for (const sextant::Run& point : spec.points) matching += value.matches(point) ? 1 : 0;
      EXPECT_EQ(matching, 1) << name << " " << value.where.back().second;
      EXPECT_GT(value.excess_risk_mean, 0);
    }
  }
  EXPECT_EQ(message_of([] { static_cast<void>(reference_values("none")); }),
            "reference: 'none' is not known, expected one of figure1, figure2");
}

}  // namespace
}  // namespace sextant
