// The rounds of a prompt as one JSON object.
#include <nlohmann/json.hpp>

#include "experiments/trace/rounds_views.h"

namespace specula {
namespace {

using Json = nlohmann::ordered_json;

Json number(const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); }

Json round_json(const ArmRounds& arm, const RunRound& round) {
  Json tokens = Json::array(), rows = Json::array();
  for (const RoundToken& token : round.tokens) {
    Json json = {{"id", token.id}, {"text", arm.names->name(token.id)}, {"from", name_of(token.source)}};
    if (token.source != Source::kDraft && round.fates) {
      json["p"] = number(round.fates->p);
      json["q"] = number(round.fates->q);
    }
    tokens.push_back(std::move(json));
  }
  if (round.fates) {
    for (const FatedRow& row : round.fates->rows) {
      rows.push_back({{"row", row.row},
                      {"parent", row.parent},
                      {"depth", row.depth},
                      {"id", row.id},
                      {"text", arm.names->name(row.id)},
                      {"fate", name_of(row.fate)},
                      {"law", name_of(row.draw)},
                      {"p", row.p},
                      {"q", number(row.q)}});
    }
  }
  return {{"start", round.start},        {"drafted", round.drafted},
          {"accepted", round.accepted},  {"is_cut", round.is_cut},
          {"tokens", std::move(tokens)}, {"rows", round.fates ? std::move(rows) : Json(nullptr)}};
}

Json arm_json(const ArmRounds& arm) {
  Json rounds = Json::array();
  for (const RunRound& round : arm.rounds) rounds.push_back(round_json(arm, round));
  std::string text;
  for (const std::string& part : arm.names->parts(arm.record.out)) text += part;
  return {{"arm", arm.arm.name},
          {"is_baseline", arm.arm.baseline},
          {"drafter", arm.arm.drafter},
          {"verifier", arm.arm.verifier},
          {"strategy", arm.arm.strategy},
          {"guarantee", arm.promise},
          {"error", arm.record.ok ? Json(nullptr) : Json(arm.record.error)},
          {"stop", arm.record.stop},
          {"tau", number(arm.tau)},
          {"alpha", number(arm.alpha)},
          {"is_exact", arm.record.exact ? Json(*arm.record.exact) : Json(nullptr)},
          {"has_distributions", arm.is_recorded},
          {"has_texts", arm.names->missing().empty()},
          {"text", text},
          {"rounds", std::move(rounds)}};
}

}  // namespace

std::string rounds_json(const PromptRounds& rounds) {
  Json json = {{"schema", "specula.rounds/1"},
               {"run_id", rounds.run.run_id},
               {"prompt", rounds.prompt},
               {"category", rounds.category},
               {"turn", rounds.turn},
               {"turns", rounds.turns},
               {"rep", rounds.rep},
               {"prompt_text", rounds.text_missing.empty() ? Json(rounds.text) : Json(nullptr)},
               {"sampler", rounds.run.sampler},
               {"arms", Json::array()}};
  for (const ArmRounds& arm : rounds.arms) json["arms"].push_back(arm_json(arm));
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace specula
