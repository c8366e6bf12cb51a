// A configuration from text to the typed whole: every rule, every error with its text, hashes, the resolved dump.
#include "experiments/config/config.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>

#include "experiments/config/config_tree.h"
#include "experiments/study/study.h"
#include "framework/core/files.h"
#include "tests/experiments/config_fixture.h"

namespace specula {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class Config : public ConfigFolder {
 protected:
  static std::string replaced(std::string text, const std::string& from, const std::string& to) {
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
  }
  // The error of the base configuration with one piece replaced.
  std::string broken(const std::string& from, const std::string& to) const { return error(replaced(base(), from, to)); }
};

std::vector<std::string> sampler_names(const ExperimentConfig& config) {
  std::vector<std::string> names;
  for (const Params& sampler : config.samplers) names.push_back(plugin_name(sampler));
  return names;
}

TEST_F(Config, ReadsAllSections) {
  const ExperimentConfig config = load(base("[measure]\nrepetitions = 2\n[output]\ndir = \"elsewhere\"\n"));
  EXPECT_EQ(config.name, "t");
  EXPECT_EQ(config.seed, 0u);
  ASSERT_EQ(config.models.size(), 2u);
  EXPECT_EQ(config.model("target").path, "big");
  EXPECT_EQ(config.model("target").folder, path("big"));
  EXPECT_EQ(config.model("draft").dtype, "auto");
  EXPECT_EQ(config.data.file, path("prompts.jsonl"));
  EXPECT_EQ(config.data.max_new_tokens, 32);
  EXPECT_EQ(config.measure.repetitions, 2);
  EXPECT_EQ(config.measure.bootstrap, 10000);
  EXPECT_EQ(config.out, "elsewhere");
  ASSERT_EQ(config.arms.size(), 2u);
  EXPECT_EQ(config.baseline().name, "ar");  // the only one without a drafter
  const ArmConfig& sps = config.arms[1];
  EXPECT_FALSE(sps.baseline);
  EXPECT_EQ(sps.target, "target");
  EXPECT_EQ(plugin_name(sps.verifier), "rejection");  // temperature 0.7
  EXPECT_EQ(std::get<int64_t>(sps.drafter.values.find("length")->data), 5);
  EXPECT_EQ(sps.drafter.values.find("draw")->string(), "auto");
  EXPECT_EQ(sps.composed.guarantee, Guarantee::kExact);
  EXPECT_THAT(sps.composed.drafter.models, ElementsAre("draft"));
}

TEST_F(Config, OriginsOfFilesDefaultsAndFlags) {
  ConfigOverrides overrides;
  overrides.sets = {"measure.threads=2", "data.limit=9"};
  overrides.limit = 1;
  overrides.out = "o";
  const ExperimentConfig config = load(base(), overrides);
  EXPECT_EQ(at(config.resolved, "data.max_new_tokens").origin, path("c.toml") + ":9:18");
  EXPECT_EQ(at(config.resolved, "arm.sps.drafter.length").origin, path("c.toml") + ":17:61");
  EXPECT_EQ(at(config.resolved, "arm.sps.drafter.draw").origin, "default");
  EXPECT_EQ(at(config.resolved, "arm.sps.verifier.name").origin, "default");
  EXPECT_EQ(at(config.resolved, "measure.threads").origin, "--set measure.threads=2");
  EXPECT_EQ(at(config.resolved, "data.limit").origin, "--limit 1");  // the flag comes after --set
  EXPECT_EQ(config.data.limit, 1);
  EXPECT_EQ(config.out, "o");
}

TEST_F(Config, PrecedenceOfEnvironmentAndSet) {
  ::setenv("SPECULA_SET__DATA__LIMIT", "5", 1);
  ::setenv("SPECULA_SET__MEASURE__THREADS", "3", 1);
  const ExperimentConfig config = load_set(base("[measure]\nthreads = 1\n"), {"data.limit=6", "data.limit=7"});
  ::unsetenv("SPECULA_SET__DATA__LIMIT");
  ::unsetenv("SPECULA_SET__MEASURE__THREADS");
  EXPECT_EQ(config.measure.threads, 3);  // the environment beats the file
  EXPECT_EQ(config.data.limit, 7);       // --set beats it, the last one wins
}

TEST_F(Config, PathsAreRelativeToTheFileThatGivesThem) {
  write("sub/models.toml", "[models.target]\npath = \"../big\"\n[data]\nprompts = \"../prompts.jsonl\"\n");
  const ExperimentConfig config =
      load("include = [\"sub/models.toml\"]\n[experiment]\nname = \"t\"\n[sampler]\n[[arm]]\nname = \"ar\"\n");
  EXPECT_EQ(config.model("target").folder, path("big"));
  EXPECT_EQ(config.data.file, path("prompts.jsonl"));
  EXPECT_TRUE(config.samplers.empty());  // an empty [sampler]: p is the softmax
  const ExperimentConfig moved = load_set(base(), {"models.draft.path=" + path("big")});
  EXPECT_EQ(moved.model("draft").folder, path("big"));
}

TEST_F(Config, FormsOfADrafter) {
  const std::string table = "drafter = { name = \"draft_model\", model = \"draft\", length = 5 }";
  const auto drafter = [&](const std::string& text, const std::string& tail = "") {
    return to_text(load(replaced(base(), table, text) + tail).arms[1].drafter.values);
  };
  const std::string same = drafter(table);
  EXPECT_EQ(drafter("drafter = \"draft_model(model=draft,length=5)\""), same);
  EXPECT_EQ(drafter("drafter = \"draft_model(draft, length=5)\""), same);
  EXPECT_EQ(drafter("drafter = \"fast\"", "[drafter.fast]\nname = \"draft_model\"\nlength = 5\n"), same);
  EXPECT_EQ(drafter("drafter = \"fast\"", "[drafter]\nfast = \"draft_model(length=5)\"\n"), same);
  EXPECT_EQ(drafter("drafter = \"echo\""), "{ name = \"echo\", length = 4 }");
}

TEST_F(Config, SamplersApplyAsTheyStandOrInTheOrderOfAPreset) {
  const auto names = [&](const std::string& table) {
    return sampler_names(load(replaced(base(), "temperature = 0.7", table)));
  };
  const std::string table = "top_p = 0.9\ntemperature = 0.7\nrepetition_penalty = 1.2";
  EXPECT_THAT(names(table), ElementsAre("top_p", "temperature", "repetition_penalty"));
  EXPECT_THAT(names(table + "\norder = \"transformers\""), ElementsAre("repetition_penalty", "temperature", "top_p"));
  EXPECT_THAT(names("order = \"llama.cpp\"\n" + table), ElementsAre("repetition_penalty", "top_p", "temperature"));
  EXPECT_THAT(broken("temperature = 0.7", "temperature = 0.7\norder = \"vllm\""),
              StartsWith("c.toml:12:9: [sampler] order = \"vllm\"; expected one of transformers, llama.cpp"));
  const ExperimentConfig steps = load(
      replaced(base(), "temperature = 0.7", "steps = [\"top_p(0.9)\", { name = \"temperature\", temperature = 0.7 }]"));
  EXPECT_THAT(sampler_names(steps), ElementsAre("top_p", "temperature"));
  EXPECT_EQ(std::get<double>(steps.samplers[0].values.find("p")->data), 0.9);
  EXPECT_THAT(
      broken("temperature = 0.7", "temperature = 0.7\nsteps = [\"top_k(3)\"]"),
      StartsWith("c.toml:11:15: [sampler] has the key 'temperature' beside steps; steps alone gives the order"));
  EXPECT_THAT(broken("temperature = 0.7", "steps = \"top_k(3)\""),
              StartsWith("c.toml:11:9: [sampler] steps is a string; expected an array"));
}

TEST_F(Config, DefaultVerifierFollowsTheTemperature) {
  EXPECT_EQ(plugin_name(load(replaced(base(), "temperature = 0.7", "temperature = 0")).arms[1].verifier),
            "greedy_match");
  EXPECT_EQ(plugin_name(load(base()).arms[1].verifier), "rejection");
}

// --- Errors ---

TEST_F(Config, UnknownKeysAndSections) {
  EXPECT_THAT(broken("max_new_tokens", "max_new_token"),
              StartsWith("c.toml:9:17: unknown key 'max_new_token' in [data]; did you mean 'max_new_tokens'?"));
  EXPECT_THAT(broken("length = 5", "lenght = 5"),
              StartsWith("c.toml:17:61: unknown key 'lenght' in [arm.sps] drafter; did you mean 'length'?"));
  EXPECT_THAT(error(base("decoder = \"x\"\n")), HasSubstr("unknown key 'decoder' in [arm.sps]; "));
  EXPECT_THAT(error(base("[mesure]\n")), StartsWith("c.toml:18:1: unknown section 'mesure'; did you mean 'measure'?"));
  EXPECT_THAT(error("limit = 3\n" + base()),
              StartsWith("c.toml:1:9: unknown section 'limit'; did you mean 'data.limit'?"));
  EXPECT_THAT(broken("prompts = ", "name = \"x\"\nprompts = "), StartsWith("c.toml:8:8: unknown key 'name' in [data]"));
  EXPECT_THAT(broken("temperature = 0.7", "temprature = 0.7"),
              StartsWith("c.toml:11:14: unknown key 'temprature' in [sampler]; did you mean 'temperature'?"));
}

TEST_F(Config, WrongTypesRangesAndChoices) {
  EXPECT_THAT(broken("max_new_tokens = 32", "max_new_tokens = \"32\""),
              StartsWith("c.toml:9:18: [data] max_new_tokens = \"32\" is a string; expected an integer"));
  EXPECT_THAT(broken("max_new_tokens = 32", "max_new_tokens = 0"),
              HasSubstr("[data] max_new_tokens = 0 is out of range 1.."));
  EXPECT_THAT(broken("temperature = 0.7", "temperature = -1"),
              HasSubstr("temperature = -1.0 is out of range 0.0..100.0"));
  EXPECT_THAT(broken("temperature = 0.7", "temperature = nan"), HasSubstr("temperature = nan is out of range"));
  EXPECT_THAT(broken("length = 5", "length = 500"),
              StartsWith("c.toml:17:61: [arm.sps] drafter length = 500 is out of range 1..64"));
  EXPECT_THAT(broken("path = \"big\"", "path = \"big\"\ndtype = \"bfp16\""),
              StartsWith("c.toml:5:9: [models.target] dtype = \"bfp16\": not one of auto, fp32, bf16, int8, int8w, "
                         "int4; did you mean 'bf16'?"));
  EXPECT_THAT(broken("drafter = \"none\"", "drafter = 3"),
              HasSubstr("3 is an integer; expected a name, \"name(key=value)\" or"));
  EXPECT_THAT(broken("[data]", "[data.x]"), HasSubstr("unknown key 'x' in [data]"));
  EXPECT_THAT(broken("[models.draft]\npath = \"small\"", "[models]\ndraft = 3"),
              StartsWith("c.toml:6:9: [models.draft] is an integer; expected a table with the key 'path'"));
}

TEST_F(Config, DevicesAreCheckedBeforeWeightsLoad) {
  EXPECT_EQ(load(base()).model("target").device, "cpu");
  EXPECT_EQ(load(replaced(base(), "path = \"big\"", "path = \"big\"\ndevice = \"aten\"")).model("target").device,
            "aten");
  EXPECT_THAT(broken("path = \"big\"", "path = \"big\"\ndevice = \"atne\""),
              StartsWith("c.toml:5:10: [models.target] device: unknown device 'atne'; did you mean 'aten'?"));
  EXPECT_THAT(broken("path = \"big\"", "path = \"big\"\ndevice = \"cuda:99\""),
              StartsWith("c.toml:5:10: [models.target] device: device 'cuda:99'"));
  EXPECT_THAT(broken("path = \"big\"", "path = \"big\"\ndevice = \"aten\"\ndtype = \"int8\""),
              StartsWith("c.toml:6:9: [models.target] dtype: dtype 'int8' is computed on device 'cpu' only; valid on "
                         "'aten': fp32, bf16"));
  EXPECT_THAT(broken("path = \"big\"", "path = \"big\"\ndevice = 3"),
              HasSubstr("[models.target] device = 3 is an integer"));
}

TEST_F(Config, MissingThings) {
  EXPECT_THAT(
      error("[experiment]\nname = \"x\"\n"),
      AllOf(HasSubstr("c.toml:1:1: the section [models] is missing"), HasSubstr("the section [data] is missing"),
            HasSubstr("the section [sampler] is missing"), HasSubstr("the section [[arm]] is missing")));
  EXPECT_THAT(broken("name = \"t\"", "note = \"t\""), HasSubstr("c.toml:1:1: [experiment] lacks the key 'name'"));
  EXPECT_THAT(broken("name = \"t\"", "name = \"a/b\""), HasSubstr("[experiment] name = \"a/b\" cannot name a folder"));
  EXPECT_THAT(broken("path = \"small\"", "dtype = \"fp32\""),
              HasSubstr("c.toml:5:1: [models.draft] lacks the key 'path'"));
  EXPECT_THAT(broken("prompts = \"prompts.jsonl\"", ""), HasSubstr("[data] lacks the key 'prompts'"));
  EXPECT_THAT(broken("drafter = { name = \"draft_model\", ", "drafter = { "),
              HasSubstr("[arm.sps] drafter lacks the key 'name'; valid: none, "));
}

TEST_F(Config, UnknownNames) {
  EXPECT_THAT(
      broken("name = \"draft_model\"", "name = \"draft_modle\""),
      StartsWith("c.toml:17:20: [arm.sps] drafter: unknown drafter 'draft_modle'; did you mean 'draft_model'?"));
  EXPECT_THAT(error(base("verifier = \"rejecton\"\n")),
              StartsWith("c.toml:18:12: [arm.sps] verifier: unknown verifier 'rejecton'; did you mean 'rejection'?"));
  EXPECT_THAT(
      broken("model = \"draft\"", "model = \"darft\""),
      StartsWith(
          "c.toml:17:43: [arm.sps] drafter model = \"darft\": no such entry of [models]; did you mean 'draft'?"));
  EXPECT_THAT(
      error(base("target = \"tagret\"\n")),
      StartsWith("c.toml:18:10: [arm.sps] target = \"tagret\": no such entry of [models]; did you mean 'target'?"));
  EXPECT_THAT(error(base("[drafter.unused]\nname = \"nothing\"\n")),
              HasSubstr("[drafter.unused]: unknown drafter 'nothing'"));
  EXPECT_THAT(broken("drafter = \"none\"", "drafter = \"none(\""), HasSubstr("c.toml:14:11: column 6 of 'none('"));
}

TEST_F(Config, AModelThatIsNotGivenAndHasNoDefault) {
  std::string text = replaced(base(), "[models.draft]\npath = \"small\"\n", "");
  text = replaced(text, "model = \"draft\", ", "");
  EXPECT_THAT(
      error(text),
      StartsWith("c.toml:15:11: [arm.sps] drafter model = \"draft\": no such entry of [models]; valid: target"));
}

TEST_F(Config, ExactlyOneBaseline) {
  EXPECT_THAT(
      error(base("[[arm]]\nname = \"again\"\n")),
      HasSubstr(
          "no arm is the baseline, and several are without a drafter; set baseline = true in one of: ar, sps, again"));
  EXPECT_THAT(broken("drafter = \"none\"", "drafter = \"echo\""),
              HasSubstr("no arm is the baseline, and none is without a drafter"));
  EXPECT_THAT(error(base("baseline = true\n[[arm]]\nname = \"b\"\nbaseline = true\n")),
              HasSubstr("[arm.b] baseline = true, and so has [arm.sps]; exactly one arm is the baseline"));
  EXPECT_EQ(load(base("baseline = true\n")).baseline().name, "sps");
}

TEST_F(Config, CompositionsThatDoNotFit) {
  EXPECT_THAT(error(base("verifier = \"greedy_match\"\n")),
              HasSubstr("[arm.sps] verifier 'greedy_match' needs a sampler whose every row has one token"));
  EXPECT_EQ(error(base("verifier = \"agreement\"\n")), "no error");
}

TEST_F(Config, ModelsAndTokenizersMustMatch) {
  EXPECT_THAT(broken("path = \"small\"", "path = \"gone\""),
              StartsWith("c.toml:6:8: [models.draft] path = \"gone\": "));
  write_model("small", 4100, "demo");
  EXPECT_THAT(
      error(base()),
      HasSubstr(
          "[arm.sps] drafter model 'draft' and target 'target' have vocabularies of 4100 and 4096; expected the same"));
  write_model("small", 4096, "other");
  EXPECT_THAT(error(base()),
              HasSubstr("[arm.sps] drafter model 'draft' and target 'target' have different tokenizers"));
  write_model("small", 100, "demo");
  EXPECT_THAT(
      error(base()),
      HasSubstr(
          "[models.draft] path = \"small\": its tokenizer has 4096 tokens, but the model's vocabulary holds 100"));
  std::filesystem::remove_all(folder_ / "small");
  write_model("small", 4096, "");
  EXPECT_EQ(error(base()), "no error");  // the target's tokenizer is enough
  std::filesystem::remove_all(folder_ / "big");
  write_model("big", 4096, "");
  EXPECT_THAT(error(base()), HasSubstr("c.toml:4:8: [models.target] has no tokenizer, and the prompts are text"));
}

TEST_F(Config, PromptsAndContext) {
  EXPECT_THAT(broken("\"prompts.jsonl\"", "\"gone.jsonl\""),
              HasSubstr("c.toml:8:11: [data] prompts = \"gone.jsonl\": gone.jsonl: cannot open"));
  EXPECT_THAT(broken("max_new_tokens = 32", "max_new_tokens = 256"),
              HasSubstr("c.toml:9:18: [data] max_new_tokens = 256 leaves no room for a prompt in the context of "
                        "[models.target]; valid: 1..255"));
  EXPECT_THAT(broken("max_new_tokens = 32", "categories = [\"mth\"]"),
              HasSubstr("no prompt is of the category \"mth\"; did you mean 'math'?"));
  write("prompts.jsonl", "{\"prompt\": \"\"}\n");
  EXPECT_THAT(error(base()), HasSubstr("prompts.jsonl:1: "));
  write("prompts.jsonl", "");
  EXPECT_THAT(error(base()), HasSubstr("[data] prompts = \"prompts.jsonl\": "));
}

TEST_F(Config, AllProblemsAtOnceEachWithItsLine) {
  std::string text = replaced(base(), "temperature = 0.7", "temperature = 0.7\ntop_q = 3");
  text = replaced(text, "max_new_tokens = 32", "max_new_tokens = -3");
  text = replaced(text, "length = 5", "length = 99");
  text = replaced(text, "path = \"big\"", "path = \"gone\"");
  const std::string problems = error(text + "[measure]\nthreads = true\n");
  for (const char* problem :
       {"c.toml:4:8: [models.target] path", "c.toml:9:18: [data] max_new_tokens = -3 is out of range",
        "c.toml:12:9: unknown key 'top_q' in [sampler]; did you mean 'top_k'?",
        "c.toml:18:61: [arm.sps] drafter length = 99",
        "c.toml:20:11: [measure] threads = true is a boolean; expected an integer"}) {
    EXPECT_THAT(problems, HasSubstr(problem));
  }
  EXPECT_THAT(problems, HasSubstr("\n   12 | top_q = 3\n      |         ^"));
}

TEST_F(Config, WrongOverridesAreProblemsToo) {
  EXPECT_THAT(error_set("measure.x=3"),
              StartsWith("--set measure.x=3: unknown key 'x' in [measure]; valid: repetitions"));
  EXPECT_THAT(error_set("data.limit=many"),
              StartsWith("--set data.limit=many: [data] limit = \"many\" is a string; expected an integer"));
  EXPECT_THAT(error_set("lmit=3"), StartsWith("--set lmit=3: unknown section 'lmit'"));
  ConfigOverrides overrides;
  overrides.arms = {"spz"};
  EXPECT_EQ(error(base(), overrides), "--arms spz: there is no arm 'spz'; did you mean 'sps'?");
  overrides = {};
  overrides.unsets = {"data.x"};
  EXPECT_THAT(error(base(), overrides),
              StartsWith("--unset data.x: unset 'data.x': there is no such key; valid: prompts, max_new_tokens"));
}

TEST_F(Config, ArmsCanBeChosen) {
  ConfigOverrides overrides;
  overrides.arms = {"echo"};
  const ExperimentConfig config = load(base("[[arm]]\nname = \"echo\"\ndrafter = \"echo\"\n"), overrides);
  ASSERT_EQ(config.arms.size(), 2u);
  EXPECT_EQ(config.arms[0].name, "ar");  // the baseline stays
  EXPECT_EQ(config.arms[1].name, "echo");
}

TEST_F(Config, ADuplicateDecodesAsItsOriginalDoes) {
  const std::string text = base(
      "max_tv = 0.5\n[[arm]]\nname = \"again\"\nduplicate_of = \"sps\"\n[[arm]]\nname = \"ar-again\"\n"
      "duplicate_of = \"ar\"\n");
  const ExperimentConfig config = load(text);
  ASSERT_EQ(config.arms.size(), 4u);
  EXPECT_EQ(config.baseline().name, "ar");  // though its duplicate has no drafter either
  const ArmConfig &sps = config.arms[1], &again = config.arms[2];
  EXPECT_EQ(again.duplicate_of, "sps");
  EXPECT_EQ(call_text(again.drafter), call_text(sps.drafter));
  EXPECT_EQ(call_text(again.verifier), call_text(sps.verifier));
  EXPECT_EQ(again.max_tv, 0.5);
  EXPECT_FALSE(config.arms[3].baseline);
  EXPECT_EQ(load(resolved_toml(config)).cfg_hash, config.cfg_hash);

  ConfigOverrides overrides;
  overrides.sets = {"arm.sps.drafter.length=7"};
  EXPECT_EQ(call_text(load(text, overrides).arms[2].drafter), call_text(load(text, overrides).arms[1].drafter));
  overrides = {};
  overrides.arms = {"again"};
  EXPECT_EQ(load(text, overrides).arms.size(), 3u);  // the arm that it repeats stays, and the baseline
}

TEST_F(Config, PaddingNeedsRoomAndPlainText) {
  EXPECT_THAT(broken("max_new_tokens = ", "pad_to_tok = 100000\nmax_new_tokens = "),
              HasSubstr("after pad_to_tok = 100000 leaves no room for a prompt in the context"));
  EXPECT_THAT(broken("max_new_tokens = ", "pad_to_tok = 8\nchat_template = \"chatml\"\nmax_new_tokens = "),
              HasSubstr("[data] pad_to_tok = 8 pads plain text, and chat_template is \"chatml\"; expected \"none\""));
  EXPECT_THAT(broken("max_new_tokens = ", "pad_text = \"prompts.jsonl\"\nmax_new_tokens = "),
              HasSubstr("[data] pad_text means nothing without pad_to_tok"));
}

TEST_F(Config, WrongDuplicates) {
  EXPECT_THAT(error(base("[[arm]]\nname = \"again\"\nduplicate_of = \"spz\"\n")),
              HasSubstr("[arm.again] duplicate_of = \"spz\": there is no such arm that is no duplicate itself; did you "
                        "mean 'sps'?"));
  EXPECT_THAT(error(base("[[arm]]\nname = \"again\"\nduplicate_of = \"sps\"\ndrafter = \"echo\"\n")),
              HasSubstr("[arm.again] drafter: a duplicate decodes as \"sps\" does and has no other keys"));
}

// --- Hashes and the resolved dump ---

TEST_F(Config, HashCoversWhatCanChangeARecord) {
  const ExperimentConfig plain = load(base());
  EXPECT_EQ(plain.cfg_hash.size(), 64u);
  EXPECT_EQ(plain.cell, plain.cfg_hash.substr(0, 10) + "_t");
  for (const char* set : {"sampler.temperature=0.8", "arm.sps.drafter.length=4", "data.limit=1", "experiment.seed=1",
                          "measure.repetitions=2", "models.draft.dtype=fp32", "models.draft.device=aten",
                          "arm.sps.verifier=agreement", "data.ignore_eos=true"}) {
    EXPECT_NE(load_set(base(), {set}).cfg_hash, plain.cfg_hash) << set;
  }
  for (const char* set : {"output.dir=x", "measure.threads=2", "experiment.note=hello", "experiment.name=u"}) {
    const ExperimentConfig other = load_set(base(), {set});
    EXPECT_EQ(other.cfg_hash, plain.cfg_hash) << set;
    EXPECT_NE(other.full_hash, plain.full_hash) << set;
  }
  // A default that is spelled out, another form of a drafter and another order of keys change nothing.
  EXPECT_EQ(load_set(base(), {"arm.sps.drafter=draft_model(length=5,model=draft)", "data.limit=0"}).cfg_hash,
            plain.cfg_hash);
  write("prompts.jsonl", "{\"prompt\": \"other\"}\n");
  EXPECT_NE(load(base()).cfg_hash, plain.cfg_hash);
}

TEST_F(Config, CellNamesAreReadable) {
  EXPECT_THAT(load_set(base(), {"experiment.name=\"How long?  T = 1\""}).cell, ::testing::EndsWith("_how-long-t-1"));
}

TEST_F(Config, ResolvedDumpLoadsToTheSameHash) {
  const std::vector<std::string> texts = {
      base(), base("baseline = true\n[measure]\nthreads = 2\n[output]\ndir = \"o\"\n"),
      replaced(base(), "temperature = 0.7", "steps = [\"top_p(0.9)\", \"temperature(0.5)\"]"),
      replaced(base(), "temperature = 0.7", ""),
      replaced(base(), "name = \"t\"", "name = \"t\"\nnote = \"quote \\\" and\\nline # no comment\"")};
  for (const std::string& text : texts) {
    const ExperimentConfig first = load(text);
    const std::string dump = resolved_toml(first);
    const ExperimentConfig second = load_config(write("elsewhere/resolved.toml", dump), {}, make_registries());
    EXPECT_EQ(second.cfg_hash, first.cfg_hash) << dump;
    EXPECT_EQ(second.full_hash, first.full_hash) << dump;
    EXPECT_THAT(dump, HasSubstr("max_new_tokens = 32  # " + path("c.toml") + ":"));
    EXPECT_THAT(dump, HasSubstr("bootstrap = 10000  # default\n"));
  }
}

TEST_F(Config, ResolvedDumpCanBeOverridden) {
  const std::string dump = write("r.toml", resolved_toml(load(base())));
  ConfigOverrides overrides;
  overrides.sets = {"sampler.temperature=0.2", "arm.sps.drafter.length=3"};
  const ExperimentConfig config = load_config(dump, overrides, make_registries());
  EXPECT_EQ(std::get<double>(config.samplers[0].values.find("temperature")->data), 0.2);
  EXPECT_EQ(std::get<int64_t>(config.arms[1].drafter.values.find("length")->data), 3);
}

TEST_F(Config, SourcesAreKeptWordForWord) {
  EXPECT_EQ(load(base()).sources.at(0).content, base());
  EXPECT_EQ(load(base()).sources.at(0).path, path("c.toml"));
}

// --- The configurations of the project ---

std::vector<std::filesystem::path> project_configs(const std::string& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(std::filesystem::path(SPECULA_SOURCE_DIR) / folder)) {
    if (entry.path().extension() == ".toml") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

TEST(ProjectConfigs, AreValid) {
  const Registries registries = make_registries();
  int checked = 0;
  for (const auto& file : project_configs("configs")) {
    if (file.parent_path().filename() == "train") continue;  // other sections; train_model_test.cpp reads them
    if (file.parent_path().filename() == "base") {
      EXPECT_NO_THROW(read_config_tree(file)) << file;  // pieces to include
      continue;
    }
    try {
      load_study(file, {}, registries);
    } catch (const Error& e) {
      ADD_FAILURE() << e.what();
    }
    ++checked;
  }
  EXPECT_GE(checked, 15);
}

TEST(ProjectConfigs, StandInTheListThatFindsThem) {
  const std::filesystem::path configs = std::filesystem::path(SPECULA_SOURCE_DIR) / "configs";
  const std::string list = read_file(configs / "README.md");
  size_t listed = 0;
  for (const char* folder : {"studies", "train"}) {
    for (const auto& entry : std::filesystem::directory_iterator(configs / folder)) {
      EXPECT_THAT(list, HasSubstr(cat("`", entry.path().stem().string(), "`"))) << entry.path();
      ++listed;
    }
  }
  EXPECT_GE(listed, 30U);
}

TEST(ProjectConfigs, EveryPluginHasASmokeConfigThatUsesIt) {
  const Registries registries = make_registries();
  std::vector<std::string> names = registries.drafters.order;
  names.insert(names.end(), registries.verifiers.order.begin(), registries.verifiers.order.end());
  names.insert(names.end(), registries.samplers.order.begin(), registries.samplers.order.end());
  for (const std::string& name : names) {
    if (name == "hydra" || name == "mlp_speculator") continue;  // assets/demo has none; train_heads_test runs them
    const auto file = std::filesystem::path(SPECULA_SOURCE_DIR) / "configs/smoke" / (name + ".toml");
    ASSERT_TRUE(std::filesystem::exists(file)) << file;
    const ExperimentConfig config = load_config(file, {}, registries);
    bool used = false;
    for (const ArmConfig& arm : config.arms)
      used = used || plugin_name(arm.drafter) == name || plugin_name(arm.verifier) == name;
    for (const Params& sampler : config.samplers) used = used || plugin_name(sampler) == name;
    EXPECT_TRUE(used) << name;
  }
}

}  // namespace
}  // namespace specula
