// `specula config diff`, between configurations or runs, and `specula config schema`.  Licence: Apache-2.0.
#include <iostream>

#include "experiments/commands.h"
#include "experiments/config/config_keys.h"
#include "experiments/config/config_schema.h"
#include "experiments/report/table.h"
#include "experiments/runs/resolved_config.h"

namespace specula {
namespace {

Value resolved_of(const std::string& path, const Registries& registries) {
  return std::filesystem::is_directory(path) ? read_resolved_config(path) : load_config(path, {}, registries).resolved;
}

}  // namespace

ExitCode config_diff_command(const std::string& a, const std::string& b) {
  const Registries registries = make_registries();
  const Value first = resolved_of(a, registries), second = resolved_of(b, registries);
  const std::vector<DifferingKey> keys = differing_keys({&first, &second});
  for (const DifferingKey& k : keys) {
    std::cout << k.key << "\n";
    for (const auto& [value, file] : {std::pair(k.values[0], a), std::pair(k.values[1], b)}) {
      std::cout << "  " << file << ": "
                << (value == nullptr ? "absent" : cat(value_text(*value), "  # ", value->origin)) << "\n";
    }
  }
  if (keys.empty()) std::cerr << "no key differs\n";
  return ExitCode::kOk;
}

ExitCode config_schema_command() {
  std::cout << config_schema(make_registries());
  return ExitCode::kOk;
}

}  // namespace specula
