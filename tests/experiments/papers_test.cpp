// Papers as checks: each can be missed, a fault in the rule or drafter that a paper is about is noticed, and the
// command says so by its exit status.
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <set>
#include <sstream>

#include "experiments/papers/outcome.h"
#include "framework/certify/naive_rules.h"
#include "framework/certify/planted.h"
#include "framework/core/files.h"
#include "tests/experiments/config_fixture.h"
#include "tests/experiments/quiet_log.h"

namespace specula {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

const fs::path kFolder = fs::path(SPECULA_SOURCE_DIR) / "experiments/papers";

const Paper& paper_named(const std::string& name) {
  return *std::find_if(all_papers().begin(), all_papers().end(), [&](const Paper& p) { return p.name == name; });
}

std::vector<std::string> missed(const PaperChecks& checks) {
  std::vector<std::string> claims;
  for (const PaperCheck& check : checks) {
    if (!check.met()) claims.push_back(cat(check.claim, " is ", check.got));
  }
  return claims;
}

// ---- the checks ----

TEST(PaperCheck, IsMissedBeyondItsBoundsAndWithoutAValue) {
  EXPECT_TRUE(equals({"", ""}, 1.95, 2, .1).met());
  EXPECT_FALSE(equals({"", ""}, 1.85, 2, .1).met());
  EXPECT_FALSE(equals({"", ""}, 2.15, 2, .1).met());
  EXPECT_FALSE(at_least({"", ""}, .9, 1).met());
  EXPECT_FALSE(at_most({"", ""}, 1.1, 1).met());
  EXPECT_FALSE(at_most({"", ""}, kNotMeasured, 1).met());
}

class Papers : public ::testing::TestWithParam<std::string> {};
std::vector<std::string> names() {
  std::vector<std::string> all;
  for (const Paper& paper : all_papers()) all.push_back(paper.name);
  return all;
}
INSTANTIATE_TEST_SUITE_P(All, Papers, ::testing::ValuesIn(names()), [](const auto& paper) { return paper.param; });

TEST_P(Papers, HoldOnToys) {
  const PaperChecks checks = paper_named(GetParam()).on_toys(make_registries());
  EXPECT_GE(checks.size(), 4U);
  EXPECT_THAT(missed(checks), ::testing::IsEmpty());
  for (PaperCheck check : checks) {
    EXPECT_TRUE(check.binding) << check.claim;
    EXPECT_FALSE(check.source.empty()) << check.claim;
    check.got = std::isfinite(check.low) ? check.low - .1 : check.high + .1;
    EXPECT_FALSE(check.met()) << check.claim;
  }
}

TEST_P(Papers, SayWhatTheyAreAndHaveRunsThatLoad) {
  const std::string readme = read_file(kFolder / GetParam() / "README.md");
  size_t at = 0;
  for (const char* part : {"# ", "## Claim\n", "## Source\n", "## Setting\n", "## Not reproduced\n", "## Outcome\n",
                           "<!-- outcome -->\n", "<!-- end -->\n"}) {
    at = readme.find(part, at);
    ASSERT_NE(at, std::string::npos) << part;
  }
  int configs = 0;
  for (const auto& entry : fs::directory_iterator(kFolder / GetParam())) {
    if (entry.path().extension() != ".toml") continue;
    ++configs;
    const ExperimentConfig config = load_config(entry.path(), {}, make_registries());
    EXPECT_EQ(config.name, cat(GetParam(), "-", entry.path().stem().string()));
  }
  EXPECT_GE(configs, 1);
}

TEST(PaperFolders, EachBelongsToAPaper) {
  const std::vector<std::string> known = names();
  for (const auto& entry : fs::directory_iterator(kFolder)) {
    if (!entry.is_directory()) continue;
    EXPECT_THAT(known, ::testing::Contains(entry.path().filename().string()));
  }
}

// ---- planted faults ----

struct Planted {
  std::string paper, what;
  std::function<void(Registries&)> plant;
};

template <class Rule, class... Args>
std::function<void(Registries&)> rule_becomes(const std::string& name, Args... args) {
  return [=](Registries& all) {
    all.verifiers.entries.at(name).make = [=](const Params&, const Parts&) -> std::unique_ptr<Verifier> {
      return std::make_unique<Rule>(args...);
    };
  };
}

std::function<void(Registries&)> with_fault(const std::string& rule, PlantedFault fault) {
  return [=](Registries& all) {
    auto& entry = all.verifiers.entries.at(rule);
    entry.make = [make = entry.make, fault](const Params& params, const Parts& parts) {
      return plant(make(params, parts), fault);
    };
  };
}

// In the place of a drafter one whose drafts repeat the last token.
std::function<void(Registries&)> drafter_becomes_echo(const std::string& name) {
  return [=](Registries& all) {
    all.drafters.entries.at(name).make = [make = all.drafters.entries.at("echo").make](const Params&,
                                                                                       const Parts& parts) {
      return make({.place = "test", .values = parse_call("echo", "test")}, parts);
    };
  };
}

const std::vector<Planted>& planted() {
  static const std::vector<Planted> kAll = {
      {"leviathan2023", "a lenient coin", with_fault("rejection", PlantedFault::kLenientCoin)},
      {"chen2023", "a redraw from all of p", with_fault("rejection", PlantedFault::kRedraw)},
      {"chen2023", "one uniform for two things", with_fault("rejection", PlantedFault::kReusedUniform)},
      {"prompt_lookup2023", "another drafter", drafter_becomes_echo("prompt_lookup")},
      {"spectr2023", "a rho that is too small", rule_becomes<NaiveKSeq>("kseq", .9)},
      {"spectr2023", "a rho that is too large", rule_becomes<NaiveKSeq>("kseq", 1.3)},
      {"specinfer2024", "a residual that is not normalised",
       rule_becomes<NaiveRejection>("rejection", NaiveRejection::Fault::kResidualNotNormalised)},
      {"lookahead2024", "a rule that takes the wrong row", with_fault("greedy_match", PlantedFault::kWrongRow)},
      {"lookahead2024", "another drafter", drafter_becomes_echo("lookahead")},
      {"sequoia2024", "a lenient coin", with_fault("rejection", PlantedFault::kLenientCoin)},
      {"distillspec2024", "a lenient coin", with_fault("rejection", PlantedFault::kLenientCoin)},
      {"medusa2024", "rejection in its place", rule_becomes<NaiveRejection>("typical")},
      {"eagle2024", "a residual that is not normalised",
       rule_becomes<NaiveRejection>("rejection", NaiveRejection::Fault::kResidualNotNormalised)},
      {"eagle2_2024", "a redraw from all of p", with_fault("rejection", PlantedFault::kRedraw)},
      {"eagle3_2025", "a lenient coin", with_fault("rejection", PlantedFault::kLenientCoin)},
      {"dflash2026", "a redraw from all of p", with_fault("rejection", PlantedFault::kRedraw)},
      {"block2024", "the last row's coin at each", rule_becomes<NaiveBlock>("block", NaiveBlock::Fault::kCoinOfLast)},
      {"block2024", "token verification in its place", rule_becomes<NaiveRejection>("block")},
      {"token_recycling2024", "another drafter", drafter_becomes_echo("token_recycling")},
      {"suffix_decoding2024", "another drafter", drafter_becomes_echo("suffix_tree")},
      {"traversal2025", "rates of descendants that are kept",
       rule_becomes<NaiveTraversal>("traversal", NaiveTraversal::Fault::kDescendantsKept)},
      {"traversal2025", "token verification in its place", rule_becomes<NaiveRejection>("traversal")}};
  return kAll;
}

TEST(PaperFaults, AreNoticed) {
  std::set<std::string> papers;
  for (const Planted& fault : planted()) {
    Registries registries = make_registries();
    fault.plant(registries);
    EXPECT_FALSE(missed(paper_named(fault.paper).on_toys(registries)).empty()) << fault.paper << ": " << fault.what;
    papers.insert(fault.paper);
  }
  EXPECT_EQ(papers.size(), all_papers().size()) << "each paper has a fault that it notices";
}

// ---- the command ----

class PapersCommand : public ConfigFolder {
 protected:
  QuietLog quiet_;

  // A copy of a paper's folder, whose base configuration stays where it is.
  std::string copy_of(const std::string& paper) const {
    const fs::path to = folder_ / "papers" / paper;
    fs::create_directories(to.parent_path());
    fs::copy(kFolder / paper, to);
    for (const auto& entry : fs::directory_iterator(to)) {
      std::string text = read_file(entry.path());
      const std::string base = "../../../configs/base/demo.toml";
      if (const size_t at = text.find(base); at != std::string::npos)
        text.replace(at, base.size(), std::string(SPECULA_SOURCE_DIR) + "/configs/base/demo.toml");
      write(cat("papers/", paper, "/", entry.path().filename().string()), text);
    }
    return (folder_ / "papers").string();
  }
  ExitCode run(PapersArgs args) {
    args.out = path("runs");
    std::ostringstream text;
    std::streambuf* const old = std::cout.rdbuf(text.rdbuf());
    ExitCode code = ExitCode::kRuntime;
    try {
      code = papers_run_command(args);
    } catch (...) {
      std::cout.rdbuf(old);
      throw;
    }
    std::cout.rdbuf(old);
    printed_ = text.str();
    return code;
  }
  std::string printed_;
};

TEST_F(PapersCommand, PrintsEachCheckAndTheOutcomeAndLeavesTheReadmeAlone) {
  const std::string folder = copy_of("prompt_lookup2023");
  const fs::path readme = fs::path(folder) / "prompt_lookup2023/README.md";
  const std::string before = read_file(readme);
  EXPECT_EQ(run({.names = {"prompt_lookup2023"}, .limit = 5, .folder = folder}), ExitCode::kOk) << printed_;
  EXPECT_THAT(printed_, HasSubstr("| most tokens of a round: text of order 2 | "));
  EXPECT_THAT(printed_, HasSubstr("| exact_frac of lookup | greedy.toml | 1 | 1 | met |"));
  EXPECT_THAT(printed_, HasSubstr("\n| `prompt_lookup2023` | 9 | "));
  EXPECT_THAT(printed_, HasSubstr("| reproduced"));
  EXPECT_EQ(read_file(readme), before);
}

TEST_F(PapersCommand, AMissedExpectationEndsWith3AndIsWrittenOnDemand) {
  const std::string folder = copy_of("prompt_lookup2023");
  const fs::path config = fs::path(folder) / "prompt_lookup2023/greedy.toml",
                 readme = fs::path(folder) / "prompt_lookup2023/README.md";
  std::string text = read_file(config);
  text.replace(text.find("limit = 24"), 10, "limit = 2 ");
  text += "\n[[expect]]\narm = \"lookup\"\nmetric = \"tau\"\nmin = 99\n";
  write("papers/prompt_lookup2023/greedy.toml", text);
  EXPECT_EQ(run({.names = {"prompt_lookup2023"}, .write = true, .folder = folder}), ExitCode::kExpectation);
  EXPECT_THAT(printed_, HasSubstr("| **not reproduced** |"));
  const std::string written = read_file(readme);
  EXPECT_THAT(written, HasSubstr("| tau of lookup | greedy.toml | at least 99 | "));
  EXPECT_THAT(written, HasSubstr("**missed**"));
  EXPECT_THAT(written, HasSubstr("## Claim"));
  write_outcome(readme, "Nothing.\n");
  EXPECT_THAT(read_file(readme), HasSubstr("<!-- outcome -->\nNothing.\n<!-- end -->\n")) << "the part is replaced";
}

TEST_F(PapersCommand, WrongArgumentsAreNamed) {
  const auto error = [&](const PapersArgs& args) { return error_of([&] { run(args); }); };
  EXPECT_THAT(error({.names = {"leviathan2032"}}),
              HasSubstr("unknown paper 'leviathan2032'; did you mean 'leviathan2023'"));
  EXPECT_THAT(error({}), HasSubstr("give names of papers or --all"));
  EXPECT_THAT(error({.names = {"chen2023"}, .all = true}), HasSubstr("give names of papers or --all"));
  EXPECT_THAT(error({.all = true, .write = true, .limit = 3}), HasSubstr("leave --limit out"));
  EXPECT_THAT(error({.names = {"chen2023"}, .folder = path("nowhere")}),
              HasSubstr("nowhere/chen2023: no folder of a paper"));
}

TEST_F(PapersCommand, AReadmeWithoutMarkersIsRefused) {
  const std::string readme = write("README.md", "# Title\n");
  EXPECT_THROW(write_outcome(readme, "x\n"), Error);
  EXPECT_EQ(read_file(readme), "# Title\n");
}

}  // namespace
}  // namespace specula
