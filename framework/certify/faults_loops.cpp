// Loops that end a text in the wrong place.  Licence: Apache-2.0.
#include <algorithm>

#include "framework/certify/fault_world.h"
#include "framework/decode/round_law.h"

namespace specula {
namespace {

constexpr Token kStopToken = 2, kLimitMark = -1, kStopMark = -2;
constexpr size_t kLimit = 3;

// What a loop makes of the text so far when a round has emitted `emitted`; the reason is appended as a mark.
using Cut = std::function<void(Prefix& text, const std::vector<Token>& emitted)>;

void end_by_limit(Prefix& text) {
  if (text.size() < kLimit) return;
  text.resize(kLimit);
  text.push_back(kLimitMark);
}

void earliest_stop(Prefix& text, const std::vector<Token>& emitted) {
  for (const Token x : emitted) {
    if (text.size() == kLimit) break;
    text.push_back(x);
    if (x != kStopToken) continue;
    text.push_back(kStopMark);
    return;
  }
  end_by_limit(text);
}

void stop_of_last_token(Prefix& text, const std::vector<Token>& emitted) {
  text.insert(text.end(), emitted.begin(), emitted.end());
  if (text.size() <= kLimit && text.back() == kStopToken) {
    text.push_back(kStopMark);
  } else {
    end_by_limit(text);
  }
}

void limit_before_stop(Prefix& text, const std::vector<Token>& emitted) {
  text.insert(text.end(), emitted.begin(), emitted.end());
  const auto stop = std::find(text.begin(), text.end(), kStopToken);
  if (text.size() >= kLimit) return end_by_limit(text);
  if (stop == text.end()) return;
  text.erase(stop + 1, text.end());
  text.push_back(kStopMark);
}

void stop_behind_limit(Prefix& text, const std::vector<Token>& emitted) {
  text.insert(text.end(), emitted.begin(), emitted.end());
  const auto stop = std::find(text.begin(), text.end(), kStopToken);
  const bool is_stopped = stop != text.end();
  if (is_stopped) text.erase(stop + 1, text.end());
  if (text.size() > kLimit) text.resize(kLimit);
  if (is_stopped) {
    text.push_back(kStopMark);
  } else {
    end_by_limit(text);
  }
}

// The law of texts, with the reason of their end, when every round drafts a chain of `length`.
Law law_of_ended_text(const FaultWorld& world, int length, const Cut& cut) {
  Shape shape;
  for (int row = 0; row < length; ++row) {
    shape.parent.push_back(row);
    shape.draw.push_back(kDrawn);
  }
  const RuleOf rule = ratio_rule();
  const Drafts drafts = world.drafts(shape);
  Law ended;
  std::vector<std::pair<Prefix, double>> open{{{}, 1.0}};
  while (!open.empty()) {
    const auto [text, mass] = open.back();
    open.pop_back();
    Prefix prefix = world.prompt();
    prefix.insert(prefix.end(), text.begin(), text.end());
    for (const WeightedTree& draft : drafts(prefix)) {
      const RoundLaw law = *law_of_round(rule, draft.tree, p_rows(world.toy(), prefix, draft.tree));
      for (int row = 0; row < draft.tree.size(); ++row) {
        for (size_t x = 0; x < law.next[row].size(); ++x) {
          if (!(law.next[row][x] > 0)) continue;
          std::vector<Token> emitted = draft.tree.path_tokens(row);
          emitted.push_back(static_cast<Token>(x));
          Prefix longer = text;
          cut(longer, emitted);
          const double share = mass * draft.mass * law.next[row][x];
          if (longer.back() < 0) {
            ended[longer] += share;
          } else {
            open.emplace_back(std::move(longer), share);
          }
        }
      }
    }
  }
  return ended;
}

Finding compare(const Cut& faulty) {
  const FaultWorld world;
  const Law baseline = law_of_ended_text(world, 0, earliest_stop);
  return {.tv = total_variation(law_of_ended_text(world, 2, faulty), baseline),
          .sound = total_variation(law_of_ended_text(world, 2, earliest_stop), baseline)};
}

Fault loop_fault(std::string name, std::string what, std::string seen_in, const Cut& faulty) {
  return {"loop",
          std::move(name),
          std::move(what),
          std::move(seen_in),
          "exact law of a text",
          [=] { return compare(faulty); }};
}

}  // namespace

std::vector<Fault> faults_of_loops() {
  return {
      loop_fault("stop_inside_accepted_run_missed", "Only the last token of a round is compared with the stop tokens.",
                 "", stop_of_last_token),
      loop_fault("limit_before_stop", "A text that reached the limit is not searched for stop tokens.",
                 "SGLang, pull request 33758", limit_before_stop),
      loop_fault("stop_behind_limit", "A stop token that the limit cut off is named as the reason of the end.", "",
                 stop_behind_limit),
  };
}

}  // namespace specula
