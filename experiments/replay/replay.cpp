#include "experiments/replay/replay.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <set>

#include "framework/core/clock.h"
#include "framework/core/error.h"
#include "framework/core/log.h"
#include "framework/decode/round_law.h"

namespace specula {
namespace {

constexpr int kCheckedForms = 8;      // rounds in which a closed form is compared with every branch of the rule
constexpr double kSameLength = 1e-5;  // p and q are float32

// A closed form is either given the draft's tokens, as the branches of the rule are, or averages over them.
bool averages_tokens(const Verifier& rule, const TracedRound& round, double form) {
  const auto ends = ends_of_round(rule, round.tree, round.p);
  if (!ends) return round.tree.q.defined();  // coupled noise: it was drawn with the draft
  return std::abs(mean_length(*ends, round.tree) - form) > kSameLength;
}

class Judge {
 public:
  Judge(ReplayRules& rules, const ReplayOptions& options) : options_(options), keys_(options.seed) {
    for (ReplayRule& rule : rules.rules) players_.push_back({.rule = &rule, .records = {}, .failure = ""});
  }

  void judge(TracedRecord& traced) {
    for (Player& player : players_) {
      Record record = traced.blank;
      record.key.arm = options_.prefix + player.rule->name;
      record.replayed = true;
      player.records.push_back(std::move(record));
    }
    TracedRound round;
    for (size_t i = 0; traced.next(round); ++i) {
      // In turns, so that not always the same rule finds the rows outside the caches.
      for (size_t k = 0; k < players_.size(); ++k) {
        Player& player = players_[(i + k) % players_.size()];
        if (player.failure.empty()) judge_round(player, round, traced.blank.request);
      }
    }
  }

  std::vector<Record> finish(ReplayRules& rules) {
    std::vector<Record> all;
    std::vector<ReplayRule> kept;
    for (size_t i = 0; i < players_.size(); ++i) {
      Player& player = players_[i];
      if (player.failure.empty()) {
        std::move(player.records.begin(), player.records.end(), std::back_inserter(all));
        kept.push_back(std::move(rules.rules[i]));
      } else {
        rules.left_out.push_back(cat(player.rule->name, ": ", player.failure));
      }
    }
    rules.rules = std::move(kept);
    return all;
  }

 private:
  struct Player {
    ReplayRule* rule;
    std::vector<Record> records;
    std::string failure;
    int checked_forms = 0;
  };

  void judge_round(Player& player, const TracedRound& round, int64_t request) {
    try {
      const Verifier& rule = *player.rule->rule;
      KeyedChance chance(keys_, request, round.start);
      const double start = seconds_now();
      const Verdict verdict = rule.verify(round.tree, {.p = round.p, .chance = chance});
      const double spent = seconds_now() - start;
      Rounds& rounds = player.records.back().rounds;
      const TreeSize size = size_of(round.tree);
      rounds.drafted.push_back(size.candidates);
      rounds.depth.push_back(size.deepest);
      rounds.accepted.push_back(static_cast<int>(verdict.path.size()));
      rounds.kept.push_back(rounds.accepted.back() + 1);
      rounds.rule_us.push_back(1e6 * spent);
      const std::optional<double> form = rule.expected_accepted(round.tree, round.p);
      if (form && player.checked_forms < kCheckedForms && size.candidates > 0) {
        ++player.checked_forms;
        player.rule->averages_tokens |= averages_tokens(rule, round, *form);
      }
      rounds.expected.push_back(form ? *form : expected_accepted(rule, round.tree, round.p, options_.draws));
      if (!verdict.notes.empty()) rounds.add_notes(verdict.notes);
    } catch (const std::exception& e) {
      player.failure = cat("it refuses a round: ", e.what());
    }
  }

  const ReplayOptions& options_;
  const Keyring keys_;
  std::vector<Player> players_;
};

}  // namespace

std::vector<Record> replay_traces(const std::vector<std::filesystem::path>& files, ReplayRules& rules,
                                  const ReplayOptions& options) {
  Judge judge(rules, options);
  std::set<RecordKey> seen;
  for (const std::filesystem::path& file : files) {
    TraceReader trace(file);
    while (std::optional<TracedRecord> record = trace.next()) {
      const RecordKey& key = record->blank.key;
      if (!seen.insert(key).second)
        throw Error(cat("the trace of ", key.arm, " holds prompt ", key.prompt, " turn ", key.turn, " rep ", key.rep,
                        " twice"));
      judge.judge(*record);
    }
    if (trace.is_torn())
      log::warning(cat(file.string(), " ends inside a record; the ", seen.size(), " before it are judged"));
  }
  if (seen.empty()) throw Error(cat(files.front().string(), " holds no whole record"));
  return judge.finish(rules);
}

}  // namespace specula
