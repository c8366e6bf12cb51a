#include "experiments/report/tested_tokens.h"

#include <cmath>
#include <map>

#include "experiments/run/trace_file.h"

namespace specula {
namespace {

constexpr size_t kMostTokens = 20000;

double entropy_of(const float* p, int64_t vocab) {
  double entropy = 0;
  for (int64_t v = 0; v < vocab; ++v) {
    if (p[v] > 0) entropy -= static_cast<double>(p[v]) * std::log(static_cast<double>(p[v]));
  }
  return entropy;
}

// Of a chain: the accepted ones, and the one that was rejected behind them.
void add_round(const TracedRound& round, int accepted, const std::string& group, std::vector<TestedToken>& tokens) {
  const int drafted = round.tree.size() - 1;
  const int64_t vocab = round.p.size(1);
  const float* const p = round.p.const_data_ptr<float>();
  for (int j = 0; j < std::min(drafted, accepted + 1); ++j)
    tokens.push_back({entropy_of(p + j * vocab, vocab), j < accepted, group});
}

}  // namespace

TestedTokens tested_tokens(const std::filesystem::path& run_folder, const std::string& arm, const RecordSet& records) {
  const std::filesystem::path file = trace_path(run_folder, arm);
  if (!std::filesystem::exists(file)) return {.tokens = {}, .why = "no_distributions"};
  TraceReader reader(file);
  if (reader.header().trees) return {.tokens = {}, .why = "tree_draft"};
  if (reader.header().one_hot) return {.tokens = {}, .why = "one_hot"};
  std::map<RecordKey, const Record*> known;
  for (const Record& r : records.records) {
    if (r.ok && r.key.arm == arm && !r.key.trace) known.emplace(r.key, &r);
  }
  TestedTokens tested;
  while (tested.tokens.size() < kMostTokens) {
    auto turn = reader.next();
    if (!turn) break;
    const auto record = known.find(turn->blank.key);
    if (record == known.end()) continue;  // its frame was written, and the process died before its record was
    TracedRound round;
    const Rounds& rounds = record->second->rounds;
    for (size_t i = 0; i < rounds.size() && turn->next(round); ++i)
      add_round(round, rounds.accepted[i], record->second->group, tested.tokens);
  }
  if (tested.tokens.empty()) tested.why = "nothing_drafted";
  return tested;
}

}  // namespace specula
