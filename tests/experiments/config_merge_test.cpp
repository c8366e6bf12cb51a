// How a configuration tree comes together: TOML, includes, merging, unset, the environment, --set, and origins.
#include <gmock/gmock.h>

#include "experiments/config/config_tree.h"
#include "experiments/config/toml.h"
#include "tests/experiments/config_fixture.h"

namespace specula {
namespace {

using ::testing::ElementsAre;
using ::testing::StartsWith;

class ConfigMerge : public ConfigFolder {
 protected:
  Value tree(const std::string& text) const { return read_config_tree(write("c.toml", text)).root; }
  std::string tree_error(const std::string& text) const {
    return error_of([&] { tree(text); });
  }
};

std::vector<std::string> keys(const Value& table) {
  std::vector<std::string> names;
  for (const Entry& entry : table.table()) names.push_back(entry.key);
  return names;
}

TEST(Toml, KeepsOrderTypesAndPlaces) {
  const Value root = parse_toml("z = 1\na = 0.5\n[t]\n  s = \"x\"\n  b = true\n  l = [1, 'two']\n", "f.toml");
  EXPECT_THAT(keys(root), ElementsAre("z", "a", "t"));
  EXPECT_EQ(std::get<int64_t>(at(root, "z").data), 1);
  EXPECT_EQ(std::get<double>(at(root, "a").data), 0.5);
  EXPECT_EQ(at(root, "t.s").origin, "f.toml:4:7");
  EXPECT_TRUE(std::get<bool>(at(root, "t.b").data));
  EXPECT_EQ(at(root, "t.l").array()[1].origin, "f.toml:6:11");
}

TEST(Toml, SyntaxErrorsNameTheirPlace) {
  const auto error = [](const std::string& text) {
    try {
      parse_toml(text, "f.toml");
    } catch (const ConfigError& e) {
      return std::string(e.what());
    }
    return std::string("no error");
  };
  EXPECT_THAT(error("a = 1\nb = = 2\n"), StartsWith("f.toml:2:5: "));
  EXPECT_THAT(error("a = 1\na = 2\n"), StartsWith("f.toml:2:"));
  EXPECT_THAT(error("a = 2020-01-01\n"), StartsWith("f.toml:1:5: a date or time"));
}

TEST(Toml, ValuesOfSet) {
  EXPECT_EQ(to_text(*parse_toml_value("5", "o")), "5");
  EXPECT_EQ(to_text(*parse_toml_value("[1, \"a\"]", "o")), "[1, \"a\"]");
  EXPECT_EQ(parse_toml_value("{ name = \"x\" }", "o")->find("name")->origin, "o");
  EXPECT_FALSE(parse_toml_value("draft_model(length=3)", "o"));
  EXPECT_FALSE(parse_toml_value("", "o"));
  EXPECT_FALSE(parse_toml_value("1\nw = 2", "o"));
}

TEST_F(ConfigMerge, LaterFilesWin) {
  write("a.toml", "[data]\nlimit = 1\nmax_new_tokens = 10\ncategories = [\"x\", \"y\"]\n");
  write("sub/b.toml", "[data]\nlimit = 2\n[measure]\nthreads = 1\n");
  const Value root = tree("include = [\"a.toml\", \"sub/b.toml\"]\n[data]\ncategories = [\"z\"]\n");
  EXPECT_EQ(to_text(at(root, "data.limit")), "2");
  EXPECT_EQ(at(root, "data.limit").origin, path("sub/b.toml") + ":2:9");
  EXPECT_EQ(to_text(at(root, "data.max_new_tokens")), "10");
  EXPECT_EQ(to_text(at(root, "data.categories")), "[\"z\"]");  // arrays replace
  EXPECT_EQ(to_text(at(root, "measure.threads")), "1");
  EXPECT_EQ(root.find("include"), nullptr);
}

TEST_F(ConfigMerge, IncludesAreRelativeToTheIncludingFile) {
  write("sub/inner.toml", "[data]\nlimit = 7\n");
  write("sub/outer.toml", "include = [\"inner.toml\"]\n");
  EXPECT_EQ(to_text(at(tree("include = [\"sub/outer.toml\"]\n"), "data.limit")), "7");
}

TEST_F(ConfigMerge, SourcesAreListedOnce) {
  write("a.toml", "[data]\nlimit = 1\n");
  write("b.toml", "include = [\"a.toml\"]\n");
  const ConfigTree tree = read_config_tree(write("c.toml", "include = [\"a.toml\", \"b.toml\"]\n"));
  ASSERT_EQ(tree.sources.size(), 3u);
  EXPECT_EQ(tree.sources[0].path, path("c.toml"));
  EXPECT_EQ(tree.sources[1].content, "[data]\nlimit = 1\n");
}

TEST_F(ConfigMerge, ArmsMergeByName) {
  write("a.toml",
        "[[arm]]\nname = \"ar\"\ndrafter = \"none\"\n[[arm]]\nname = \"s\"\ndrafter = { name = \"draft_model\", model "
        "= \"m\", length = 5 }\n");
  const Value root =
      tree("include = [\"a.toml\"]\n[[arm]]\nname = \"s\"\ndrafter = { length = 7 }\n[[arm]]\nname = \"new\"\n");
  ASSERT_EQ(root.find("arm")->array().size(), 3u);
  EXPECT_EQ(to_text(at(root, "arm.s.drafter")), "{ name = \"draft_model\", model = \"m\", length = 7 }");
  EXPECT_EQ(at(root, "arm.s.drafter.length").origin, path("c.toml") + ":4:22");
  EXPECT_EQ(to_text(at(root, "arm.ar.drafter")), "\"none\"");
}

TEST_F(ConfigMerge, AnotherPluginReplacesTheOldOptions) {
  write("a.toml", "[drafter.d]\nname = \"draft_model\"\nlength = 5\n[experiment]\nname = \"a\"\nseed = 3\n");
  const Value root = tree("include = [\"a.toml\"]\n[drafter.d]\nname = \"oracle\"\n[experiment]\nname = \"b\"\n");
  EXPECT_EQ(to_text(at(root, "drafter.d")), "{ name = \"oracle\" }");
  EXPECT_EQ(to_text(at(root, "experiment")), "{ name = \"b\", seed = 3 }");  // any other table merges
}

TEST_F(ConfigMerge, UnsetTakesOutWhatIncludesBrought) {
  write("a.toml", "[data]\nlimit = 1\n[measure]\nthreads = 1\n[[arm]]\nname = \"x\"\n[[arm]]\nname = \"y\"\n");
  const Value root = tree("include = [\"a.toml\"]\nunset = [\"data.limit\", \"measure\", \"arm.x\"]\n");
  EXPECT_EQ(root.find("data")->find("limit"), nullptr);
  EXPECT_EQ(root.find("measure"), nullptr);
  ASSERT_EQ(root.find("arm")->array().size(), 1u);
  EXPECT_EQ(at(root, "arm.y.name").string(), "y");
  EXPECT_THAT(tree_error("include = [\"a.toml\"]\nunset = [\"data.limt\"]\n"),
              StartsWith("c.toml:2:10: unset 'data.limt': there is no such key; did you mean 'limit'?"));
}

TEST_F(ConfigMerge, CyclesShowTheirChain) {
  write("a.toml", "include = [\"b.toml\"]\n");
  write("b.toml", "include = [\"a.toml\"]\n");
  EXPECT_EQ(tree_error("include = [\"a.toml\"]\n"), "b.toml:1:12: include cycle: a.toml -> b.toml -> a.toml");
  EXPECT_EQ(tree_error("include = [\"c.toml\"]\n"), "c.toml:1:12: include cycle: c.toml -> c.toml");
}

TEST_F(ConfigMerge, WrongIncludesAndArms) {
  EXPECT_THAT(tree_error("include = [\"gone.toml\"]\n"), StartsWith("c.toml:1:12: include: gone.toml: cannot open"));
  EXPECT_EQ(tree_error("include = \"a.toml\"\n"), "c.toml:1:11: include is a string; expected an array of strings");
  EXPECT_EQ(tree_error("include = [3]\n"), "c.toml:1:12: include is an integer; expected an array of strings");
  EXPECT_EQ(tree_error("[arm]\nname = \"x\"\n"), "c.toml:1:1: arm is a table; expected [[arm]] tables");
  EXPECT_EQ(tree_error("[[arm]]\n"), "c.toml:1:1: [[arm]] lacks its name; expected name = \"<text>\"");
  EXPECT_EQ(tree_error("[[arm]]\nname = \"x\"\n[[arm]]\nname = \"x\"\n"),
            "c.toml:3:1: arm name = \"x\" is given twice in this file; names are unique");
}

class ConfigSet : public ::testing::Test {
 protected:
  Value root_ = parse_toml(R"toml(
[models."a.b"]
path = "p"
[data]
limit = 3
[drafter.fast]
name = "draft_model"
length = 2
[drafter]
call = "draft_model(length=9)"
[[arm]]
name = "sps-g4"
drafter = "draft_model(length=4)"
[[arm]]
name = "shared"
drafter = "fast"
)toml",
                           "f.toml");
  std::string set(const std::string& assignment) {
    try {
      apply_set(root_, assignment, "--set");
    } catch (const ConfigError& e) {
      return e.what();
    }
    return "ok";
  }
};

TEST_F(ConfigSet, ReadsTomlElseText) {
  EXPECT_EQ(set("data.limit=5"), "ok");
  EXPECT_EQ(set("data.prompts=a b.jsonl"), "ok");
  EXPECT_EQ(set("data.categories=[\"x\"]"), "ok");
  EXPECT_EQ(set("data.note=\"5\""), "ok");
  EXPECT_EQ(set("models.\"a.b\".path=q"), "ok");
  EXPECT_EQ(to_text(at(root_, "data")), "{ limit = 5, prompts = \"a b.jsonl\", categories = [\"x\"], note = \"5\" }");
  EXPECT_EQ(at(root_, "data.limit").origin, "--set");
  EXPECT_EQ(to_text(*root_.find("models")), "{ \"a.b\" = { path = \"q\" } }");
}

TEST_F(ConfigSet, SpellsOutCallsAndSharedTables) {
  EXPECT_EQ(set("arm.sps-g4.drafter.length=5"), "ok");
  EXPECT_EQ(to_text(at(root_, "arm.sps-g4.drafter")), "{ name = \"draft_model\", length = 5 }");
  EXPECT_EQ(set("arm.shared.drafter.length=7"), "ok");
  EXPECT_EQ(to_text(at(root_, "arm.shared.drafter")), "{ name = \"draft_model\", length = 7 }");
  EXPECT_EQ(to_text(at(root_, "drafter.fast.length")), "2");  // the arm has a copy
  EXPECT_EQ(set("drafter.call.length=8"), "ok");
  EXPECT_EQ(to_text(at(root_, "drafter.call")), "{ name = \"draft_model\", length = 8 }");
  EXPECT_EQ(set("arm.shared.drafter=oracle(rate=0.5)"), "ok");
  EXPECT_EQ(to_text(at(root_, "arm.shared.drafter")), "\"oracle(rate=0.5)\"");
}

TEST_F(ConfigSet, MakesNoNewNames) {
  EXPECT_EQ(set("arm.sps.drafter=none"), "--set: there is no arm 'sps'; valid: sps-g4, shared");
  EXPECT_EQ(set("arm.sps-g5.drafter=none"), "--set: there is no arm 'sps-g5'; did you mean 'sps-g4'?");
  EXPECT_EQ(set("models.c.path=q"), "--set: there is no 'c' in [models]; valid: a.b");
  EXPECT_EQ(set("drafter.fats.length=3"), "--set: there is no 'fats' in [drafter]; did you mean 'fast'?");
  EXPECT_EQ(set("arm.shared=3"), "--set: an arm is changed key by key; expected arm.<name>.<key>");
}

TEST_F(ConfigSet, WrongForms) {
  EXPECT_EQ(set("data.limit"), "--set: 'data.limit' has no '='; expected the form section.key=value");
  EXPECT_EQ(set("data..limit=3"), "--set: 'data..limit' is not a path; expected the form section.key");
  EXPECT_EQ(set("data.limit.x=3"), "--set: data.limit = 3 is an integer; it has no key 'x'");
}

TEST_F(ConfigSet, EnvironmentFoldsNames) {
  apply_environment(root_, {"PATH=/bin", "SPECULA_SET__DATA__LIMIT=8", "SPECULA_SET__ARM__SPS_G4__DRAFTER__LENGTH=6",
                            "SPECULA_SET__DATA__MAX_NEW_TOKENS=4"});
  EXPECT_EQ(to_text(at(root_, "data")), "{ limit = 8, max_new_tokens = 4 }");
  EXPECT_EQ(at(root_, "data.limit").origin, "SPECULA_SET__DATA__LIMIT");
  EXPECT_EQ(to_text(at(root_, "arm.sps-g4.drafter.length")), "6");
}

TEST(FolderOfOrigin, FileOrWorkingFolder) {
  const std::string here = (std::filesystem::current_path() / "").string();
  EXPECT_EQ(folder_of_origin("/a/b/c.toml:3:4"), "/a/b");
  EXPECT_EQ((folder_of_origin("b/c.toml:3:4") / "x").string(), here + "b/x");
  EXPECT_EQ((folder_of_origin("c.toml:3:4") / "x").lexically_normal().string(), here + "x");
  EXPECT_EQ((folder_of_origin("--set models.x.path=/y:3:4") / "x").lexically_normal().string(), here + "x");
  EXPECT_EQ((folder_of_origin("SPECULA_SET__A__B") / "x").lexically_normal().string(), here + "x");
}

}  // namespace
}  // namespace specula
