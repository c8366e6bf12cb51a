// `specula rerun`: the resolved configuration of a run once more, in a new folder beside it.  Licence: Apache-2.0.
#include "experiments/commands.h"
#include "experiments/config/config_keys.h"
#include "experiments/run/manifest.h"
#include "experiments/runs/resolved_config.h"
#include "framework/core/log.h"

namespace specula {
namespace {

namespace fs = std::filesystem;

// In a resolved configuration every path is absolute; what a sampler is given is text, whatever it begins with.
std::vector<std::string> gone_files(const Value& config) {
  std::vector<std::string> gone;
  for (const std::string& key : leaf_keys(config)) {
    const Value* value = find_key(config, key);
    if (!value->is_string() || !value->string().starts_with("/")) continue;
    if (key == "output.dir" || key.starts_with("sampler.") || key.starts_with("experiment.")) continue;
    if (!fs::exists(value->string())) gone.push_back(cat(value->string(), " (", key, ")"));
  }
  return gone;
}

bool asks_for_code(const Value& config) {
  const Value* const key = find_key(config, "quality.run_code");
  const bool* const asked = key == nullptr ? nullptr : std::get_if<bool>(&key->data);
  return asked != nullptr && *asked;
}

}  // namespace

ExitCode rerun_command(const RerunArgs& args) {
  const RunInfo parent = read_manifest(args.folder);
  const fs::path file = fs::path(args.folder) / "config.resolved.toml";
  if (!fs::exists(file))
    throw ConfigError(cat("rerun ", args.folder,
                          ": it has no config.resolved.toml; only what 'specula run' left can be "
                          "run again"));
  const Value config = read_resolved_config(args.folder);
  const std::vector<std::string> gone = gone_files(config);
  if (!gone.empty()) throw ConfigError(cat("rerun ", args.folder, ": what it reads is gone: ", join(gone)));

  RunArgs run{.config = file.string(), .resume = "never", .argv = args.argv, .parent = args.folder};
  // A folder of runs may have been moved since; the new run stands beside its parent.
  const fs::path experiment = fs::absolute(args.folder / fs::path(".")).lexically_normal().parent_path().parent_path();
  if (experiment.filename() == parent.experiment) run.overrides.out = experiment.parent_path().string();
  if (asks_for_code(config)) {
    log::warning(
        "[quality] run_code of the folder is left out: whose code runs is said on the command line; "
        "specula score-run DIR --run-code");
    run.overrides.sets.emplace_back("quality.run_code=false");
  }
  return run_command(run);
}

}  // namespace specula
