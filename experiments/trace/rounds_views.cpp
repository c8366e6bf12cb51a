#include "experiments/trace/rounds_views.h"

#include <cstdio>

#include "experiments/report/table.h"
#include "framework/core/error.h"

namespace specula {
namespace {

// A difference is worth a word only where there should be none.
std::string same_text(const ArmRounds& arm) {
  const Record& record = arm.record;
  if (!record.exact || arm.arm.baseline) return "";
  if (*record.exact) return "; the text is the baseline's";
  if (!arm.promises_text) return "";
  return cat("; the text should be the baseline's and is not",
             record.first_difference ? cat(" from token ", *record.first_difference + 1, " on") : "");
}

}  // namespace

std::string place_line(const PromptRounds& rounds) {
  const RunInfo& run = rounds.run;
  std::string text = cat("run ", run.run_id, ", ", run.sampler.empty() ? "p = softmax" : run.sampler);
  if (!rounds.category.empty()) text += cat(", category ", rounds.category);
  if (rounds.turns > 1) text += cat(", turn ", rounds.turn, " of 0..", rounds.turns - 1);
  if (run.repetitions > 1) text += cat(", repetition ", rounds.rep, " of 0..", run.repetitions - 1);
  return text;
}

std::string arm_line(const ArmRounds& arm) {
  const std::string who = arm.arm.strategy.empty() ? cat(arm.arm.drafter, " + ", arm.arm.verifier) : arm.arm.strategy;
  return cat(arm.arm.name, arm.arm.baseline ? " (baseline): " : ": ", who, ", ", arm.promise);
}

std::string counts_line(const ArmRounds& arm) {
  if (!arm.record.ok) return cat("failed: ", arm.record.error.empty() ? "no reason was kept" : arm.record.error);
  int64_t drafted = 0, accepted = 0;
  for (const RunRound& round : arm.rounds) {
    drafted += round.drafted;
    accepted += round.accepted;
  }
  std::string text = cat(arm.record.n_out(), " tokens in ", arm.rounds.size(), " rounds");
  if (drafted > 0) text += cat(", ", drafted, " drafted, ", accepted, " accepted");
  if (arm.tau) text += cat(", tau ", fixed(*arm.tau, 2));
  if (arm.alpha) text += cat(", alpha ", fixed(*arm.alpha, 3));
  return cat(text, ", ended by ", arm.record.stop == "stop_token" ? "a stop token" : "the limit", same_text(arm));
}

std::string unrecorded_note(const ArmRounds& arm) {
  int64_t drafted = 0;
  for (const RunRound& round : arm.rounds) drafted += round.drafted;
  if (arm.is_recorded || drafted == 0) return "";
  return "The run kept no drafts: which tokens were rejected, and p and q, are not known.  Runs with --set "
         "output.record=distributions keep them.";
}

std::vector<const FatedRow*> refused_at_end(const RunRound& round) {
  std::vector<const FatedRow*> refused;
  if (!round.fates || round.tokens.size() != static_cast<size_t>(round.accepted) + 1) return refused;
  for (const FatedRow& row : round.fates->rows) {
    if (row.fate == Fate::kRejected && row.depth == round.accepted + 1) refused.push_back(&row);
  }
  return refused;
}

std::string mass_text(double p) {
  char text[32];
  std::snprintf(text, sizeof text, p > 0 && p < 0.0005 ? "%.0e" : "%.3f", p);
  return text;
}

std::string ratio_text(const std::optional<double>& q, double p) {
  if (!q || *q == 0) return "–";
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", p / *q);
  return text;
}

}  // namespace specula
