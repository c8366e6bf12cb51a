#include "experiments/report/acceptance_profile.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace specula {
namespace {

using Json = nlohmann::ordered_json;

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json share(int64_t part, int64_t whole) {
  return whole == 0 ? Json(nullptr) : Json(static_cast<double>(part) / static_cast<double>(whole));
}

// Index 0 is the first drafted token.
Json positions_json(const CellSummary& cell) {
  Json marginal = Json::array(), conditional = Json::array(), drafted = Json::array(), tested = Json::array();
  for (const DepthCounts& d : cell.depths) {
    marginal.push_back(share(d.accepted, d.drafted));
    conditional.push_back(share(d.accepted, d.tested));
    drafted.push_back(d.drafted);
    tested.push_back(d.tested);
  }
  return {{"marginal", std::move(marginal)},
          {"conditional", std::move(conditional)},
          {"drafted_rounds", std::move(drafted)},
          {"tested_rounds", std::move(tested)}};
}

Json cell_json(const CellSummary& cell) {
  Json json = {{"rounds", cell.counts.rounds},
               {"records", cell.counts.records},
               {"alpha", number(cell.at("alpha").value)},
               {"tau_step_mean", number(cell.at("tau").value)},
               {"tau_prompt_mean", number(cell.at("tau_prompt_mean").value)},
               {"accepted_per_step", number(cell.at("accepted_per_step").value)},
               {"drafted_per_step", number(cell.at("drafted_per_step").value)},
               {"accepted_histogram", cell.accepted_histogram}};
  json.update(positions_json(cell));
  return json;
}

Json model_json(const RunInfo& run, const std::string& name) {
  for (const RunModel& m : run.models) {
    if (m.name == name) return {{"path", m.path}, {"dtype", m.dtype}, {"fingerprint", m.fingerprint}};
  }
  return nullptr;
}

// The counts say the same twice: rounds that accept at least one token, by depth and by length.
Json self_checks_json(const CellSummary& cell) {
  int64_t accepted = 0, rounds = 0;
  for (size_t n = 0; n < cell.accepted_histogram.size(); ++n) {
    accepted += static_cast<int64_t>(n) * cell.accepted_histogram[n];
    rounds += cell.accepted_histogram[n];
  }
  int64_t by_depth = 0;
  for (const DepthCounts& d : cell.depths) by_depth += d.accepted;
  return {{"histogram_sums_to_rounds", rounds == cell.counts.rounds},
          {"depths_sum_to_accepted", by_depth == accepted && accepted == cell.counts.accepted}};
}

Json arm_json(const RunInfo& run, const Summary& summary, const ArmInfo& arm) {
  const CellSummary& all = summary.cell(arm.name, "");
  Json json = {{"arm", arm.name},
               {"target", model_json(run, arm.target)},
               {"draft_model", arm.draft_model.empty() ? Json(nullptr) : model_json(run, arm.draft_model)},
               {"method", arm.drafter},
               {"verification", arm.verifier},
               {"guarantee", arm.guarantee},
               {"all", cell_json(all)},
               {"by_category", Json::object()},
               {"self_checks", self_checks_json(all)}};
  for (const std::string& category : summary.categories)
    json["by_category"][category] = cell_json(summary.cell(arm.name, category));
  return json;
}

}  // namespace

std::string acceptance_profile_json(const RunInfo& run, const Summary& summary) {
  Json json = {{"schema", "specula.profile/1.0"},
               {"run_id", run.run_id},
               {"conditions",
                {{"prompts", run.prompts_file},
                 {"sampler", run.sampler},
                 {"max_new_tokens", run.max_new_tokens},
                 {"repetitions", run.repetitions},
                 {"seed", run.seed}}},
               {"arms", Json::array()}};
  for (const ArmInfo& arm : run.arms) {
    if (summary.cell(arm.name, "").counts.drafted > 0) json["arms"].push_back(arm_json(run, summary, arm));
  }
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace specula
