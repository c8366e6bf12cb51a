#include "experiments/config/config_sections.h"

#include "experiments/study/sweep.h"
#include "samplers/register.h"

namespace specula {
namespace {

std::vector<Option> sampler_keys(const Registries& registries) {
  std::vector<Option> keys;
  for (const std::string& name : registries.samplers.order) {
    const auto& entry = registries.samplers.entries.at(name);
    std::vector<std::string> options;
    for (const Option& option : entry.options) options.push_back(option.name);
    keys.push_back({name, "value or table", "not applied", "options: " + join(options), "", entry.summary});
  }
  keys.push_back({"order", "string", "as they stand", join(sampler_presets()), "",
                  "the order in which another program applies its samplers, instead of that of the keys"});
  keys.push_back({"steps", "calls", "[]", "", "",
                  "an explicit order instead of keys, as in [\"repetition_penalty(1.1)\", \"temperature(0.7)\"]"});
  return keys;
}

std::vector<Option> shared_keys(const std::string& kind) {
  return {{"name", "string", "\"\"", "a registered " + kind, "", "the plug-in; its options are the other keys"}};
}

std::vector<Option> sweep_keys() {
  std::vector<Option> keys = list_options<SweepKeys>();
  const std::string values = "an array, or a range \"1-8\", \"1-16*2\", \"0-1+0.25\"";
  keys.push_back(
      {"grid", "tables", "none", "\"a.b\" = " + values, "", "[[sweep.grid]]: each key is an axis of its own"});
  keys.push_back(
      {"zip", "tables", "none", "\"a.b\" = " + values, "", "[[sweep.zip]]: the keys of one table move together"});
  keys.push_back({"random", "table", "none", "uniform, log_uniform, integers, choice", "",
                  "[sweep.random]: n points, drawn with seed; as in \"sampler.top_p\" = { uniform = [0.8, 1.0] }"});
  keys.push_back(
      {"list", "tables", "none", "label, set", "", "[[sweep.list]]: a single cell more, as in set = { \"a.b\" = 5 }"});
  return keys;
}

}  // namespace

std::vector<SectionDocs> config_sections(const Registries& registries) {
  return {
      {"experiment", "what the run is called, and its seed", list_options<ExperimentKeys>()},
      {"models.<name>", "a checkpoint that arms and drafters refer to by name", list_options<ModelConfig>()},
      {"data", "the prompts and how far each is continued", list_options<DataConfig>()},
      {"sampler", "logits processors, applied in the order in which they stand", sampler_keys(registries)},
      {"arm", "[[arm]]: one decoder of the comparison", list_options<ArmKeys>()},
      {"drafter.<name>", "a drafter that arms share by its name", shared_keys("drafter")},
      {"verifier.<name>", "a verifier that arms share by its name", shared_keys("verifier")},
      {"strategy.<name>", "a strategy that arms share by its name", shared_keys("strategy")},
      {"measure", "how the arms are measured", list_options<MeasureConfig>()},
      {"quality", "how the answers are judged", list_options<QualityConfig>()},
      {"cost", "what the machine costs", list_options<CostConfig>()},
      {"expect", "[[expect]]: what a figure of the run should be", expect_options()},
      {"output", "where runs are written", list_options<OutputKeys>()},
      {"sweep", "many cells of one file", sweep_keys()},
  };
}

}  // namespace specula
