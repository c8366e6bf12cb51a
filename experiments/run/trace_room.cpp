#include "experiments/run/trace_room.h"

#include <cstdio>

#include "framework/core/error.h"
#include "framework/model/load.h"

namespace specula {
namespace {

constexpr int64_t kUnknownDraft = 16;  // candidates of a drafter that does not say how many it drafts

int64_t draft_rows(const ArmConfig& arm) {
  const Value* length = arm.drafter.values.find("length");
  const auto* tokens = length == nullptr ? nullptr : std::get_if<int64_t>(&length->data);
  return tokens != nullptr ? *tokens : kUnknownDraft;
}

int64_t round_bytes(const ExperimentConfig& config, const ArmConfig& arm) {
  const int64_t vocab = read_model_info(config.model(arm.target).folder).vocab;
  const int64_t drafted = draft_rows(arm);
  const bool has_q = arm.composed.drafter.laws != std::vector<Draw>{Draw::kPoint};
  const int64_t rows = (drafted + 1) * (has_q ? 2 : 1);
  const int64_t row = arm.composed.one_hot ? 12 : 4 + 4 * vocab;
  return 16 + 17 * (drafted + 1) + rows * row;
}

}  // namespace

int64_t trace_bytes_at_most(const ExperimentConfig& config, const Plan& plan) {
  int64_t bytes = 0;
  for (const ArmConfig& arm : config.arms) {
    if (arm.composed.drafter.laws.empty()) continue;
    bytes += plan.records_per_arm * config.data.max_new_tokens * round_bytes(config, arm);
  }
  return bytes;
}

std::string trace_room_text(int64_t bytes) {
  char text[48];
  std::snprintf(text, sizeof text, "at most %.3g %s", static_cast<double>(bytes) / (bytes < 1000000000 ? 1e6 : 1e9),
                bytes < 1000000000 ? "MB" : "GB");
  return text;
}

void check_trace_room(const ExperimentConfig& config, const Plan& plan, const std::filesystem::path& folder) {
  if (!config.records_distributions()) return;
  const int64_t needed = trace_bytes_at_most(config, plan);
  std::error_code code;
  const auto space = std::filesystem::space(folder, code);
  if (code || space.available >= static_cast<uintmax_t>(needed)) return;
  throw Error(cat(folder.string(), ": record = \"distributions\" needs ", trace_room_text(needed),
                  ", and the disk has ", space.available / 1000000,
                  " MB; set fewer prompts (--limit), fewer tokens (data.max_new_tokens), or "
                  "another folder (--out)"));
}

}  // namespace specula
