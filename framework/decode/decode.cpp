#include "framework/decode/decode.h"

#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <optional>

#include "framework/decode/rows.h"
#include "framework/model/rethrower.h"
#include "framework/model/threads.h"

namespace specula {

const char* name_of(Stop stop) {
  static constexpr const char* kNames[] = {"limit", "stop_token", "interrupted"};
  return kNames[static_cast<int>(stop)];
}

struct InferenceScope::Guard {
  c10::InferenceMode mode;
};
InferenceScope::InferenceScope() : guard_(std::make_unique<Guard>()) {}
InferenceScope::~InferenceScope() = default;

namespace {

// The state of B sequences and the five steps of a round.
class Loop {
 public:
  Loop(const Session& session, std::vector<Prefix> prompts, std::span<const int64_t> requests)
      : session_(session),
        requests_(requests),
        prefixes_(std::move(prompts)),
        clock_(session.clock != nullptr ? *session.clock : own_clock_),
        ask_(unite({.logits = Logits::kAll}, unite(session.verifier.needs(), session.drafter.needs()))) {
    SPECULA_CHECK(prefixes_.size() == requests_.size(), prefixes_.size(), " prompts, ", requests_.size(), " requests");
    for (size_t b = 0; b < prefixes_.size(); ++b)
      check_prompt(session.target, prefixes_[b], requests_[b], session.max_new_tokens);
    const size_t batch = prefixes_.size();
    done_.assign(batch, session.max_new_tokens <= 0 ? 1 : 0);
    remaining_.assign(batch, session.max_new_tokens);
    starts_.resize(batch);
    for (const Prefix& prompt : prefixes_) given_.push_back(static_cast<int64_t>(prompt.size()));
    row_states_.resize(batch);
    if (const auto state = session.sampler.first_state()) states_.assign(batch, *state);
    rounds_.assign(batch, 0);
    stops_.assign(batch, Stop::kLimit);
  }

  std::vector<Decoded> run() {
    start();
    while (std::find(done_.begin(), done_.end(), 0) != done_.end()) {
      if (session_.interrupt != nullptr && session_.interrupt->load(std::memory_order_relaxed)) {
        for (size_t b = 0; b < done_.size(); ++b) {
          if (done_[b] == 0) finish(b, Stop::kInterrupted);
        }
        break;
      }
      draft();
      score();
      verify();
      commit();
      learn();
    }
    std::vector<Decoded> decoded;
    for (size_t b = 0; b < prefixes_.size(); ++b) decoded.push_back({std::move(prefixes_[b]), stops_[b]});
    return decoded;
  }

 private:
  void start() {
    const PhaseClock::Scope scope(clock_, Phase::kPrefill);
    const Pass pass = session_.prefilled != nullptr ? copy_prefill() : own_prefill();
    session_.drafter.begin(prefixes_, requests_, pass);
    if (session_.log != nullptr) session_.log->prefill_done(clock_);
  }

  Pass own_prefill() {
    size_t longest = 0;
    for (const Prefix& prefix : prefixes_) longest = std::max(longest, prefix.size());
    cache_ = session_.target.new_cache(static_cast<int>(prefixes_.size()),
                                       static_cast<int64_t>(longest) + session_.max_new_tokens + kTreeRoom);
    Pass pass = prefill(session_.target, *cache_, prefixes_, ask_);
    pass.sites = ask_.hidden;
    return pass;
  }

  Pass copy_prefill() {
    SPECULA_CHECK(ask_.hidden.empty(), "a copied prefill has no hidden states");
    const PhaseClock::Unbilled unbilled(clock_);
    cache_ = session_.prefilled->fork();
    for (size_t b = 0; b < prefixes_.size(); ++b) {
      const auto expected = static_cast<int64_t>(prefixes_[b].size()) - 1;  // the last token is the first root
      SPECULA_CHECK(cache_->size(static_cast<int>(b)) == expected, "sequence ", b, " of the prefilled cache has ",
                    cache_->size(static_cast<int>(b)), " slots of ", expected);
    }
    return {};
  }

  void draft() {
    const PhaseClock::Scope scope(clock_, Phase::kDraft);
    for (size_t b = 0; b < prefixes_.size(); ++b) starts_[b] = static_cast<int64_t>(prefixes_[b].size());
    const Round round{.prefixes = prefixes_,
                      .requests = requests_,
                      .starts = starts_,
                      .remaining = remaining_,
                      .done = done_,
                      .row_budget = session_.row_budget,
                      .policy = session_.policy,
                      .q_next = session_.q_next,
                      .sampler = session_.sampler,
                      .keys = session_.keys,
                      .target = session_.target,
                      .target_cache = *cache_,
                      .clock = clock_,
                      .prompts = given_,
                      .stop = session_.stop,
                      .states = states_};
    drafts_ = session_.drafter.draft(round);
    started_ = session_.drafter.started();
    SPECULA_CHECK(drafts_.size() == prefixes_.size(), drafts_.size(), " trees for ", prefixes_.size(), " sequences");
    for (size_t b = 0; b < drafts_.size(); ++b) check_draft(b);
  }

  void check_draft(size_t b) const {
    const DraftTree& tree = drafts_[b];
    SPECULA_CHECK((tree.size() == 0) == (done_[b] != 0), "a tree of ", tree.size(), " rows for a sequence that is ",
                  done_[b] != 0 ? "done" : "not done");
    SPECULA_CHECK(tree.size() <= session_.row_budget, "a tree of ", tree.size(), " rows; the budget is ",
                  session_.row_budget);
    check_tree(tree, prefixes_[b].back(), session_.target.vocab(),
               session_.check_trees ? TreeCheck::kAll : TreeCheck::kStructure);
    for (int row = 1; row < tree.size(); ++row) {
      SPECULA_CHECK(tree.depth(row) < remaining_[b], "row ", row, " at depth ", tree.depth(row), " with ",
                    remaining_[b], " tokens to go");
    }
    const int left = cache_->tentative(static_cast<int>(b));
    SPECULA_CHECK(left == (started_.layer > 0 ? tree.size() : 0), "the drafter left ", left,
                  " rows in the target's cache, started ", started_.layer, " layers");
  }

  void score() {
    const PhaseClock::Scope scope(clock_, Phase::kTarget);
    std::vector<RowList> lists(drafts_.size());
    for (size_t b = 0; b < drafts_.size(); ++b) lists[b] = {drafts_[b].token, drafts_[b].parent};
    Rows rows = make_rows(lists);
    Ask ask = ask_;
    if (started_.layer > 0) {
      rows.hidden = started_.hidden;
      ask.first_layer = started_.layer;
    }
    pass_ = session_.target.forward(rows, *cache_, ask);
    pass_.sites = ask.hidden;
  }

  void verify() {
    const PhaseClock::Scope scope(clock_, Phase::kVerify);
    verdicts_.assign(drafts_.size(), {});
    p_.assign(drafts_.size(), {});
    stripped_.resize(drafts_.size());
    for (size_t b = 0; b < drafts_.size(); ++b) {
      if (has_probes(b)) stripped_[b] = without_probes(drafts_[b]);
      const DraftTree& tree = candidates(b);
      if (tree.size() == 0) continue;
      const std::vector<int> rows = first_slots(tree.size());
      const Tensor logits = pass_.logits.select(0, static_cast<int64_t>(b)).narrow(0, 0, tree.size());
      const RowContext context{.prefix = prefixes_[b],
                               .tree = tree,
                               .rows = rows,
                               .keys = session_.keys,
                               .request = requests_[b],
                               .prompt = given_[b],
                               .stop = session_.stop,
                               .state = states_.empty() ? std::nullopt : std::optional(states_[b])};
      p_[b] = session_.sampler.distribution_along(logits, context, row_states_[b]);
    }
    // A rule is a pure function, so sequences are judged side by side.
    Rethrower errors;
    const auto batch = static_cast<int64_t>(drafts_.size());
#pragma omp parallel for schedule(dynamic) num_threads(threads()) if (batch > 1)
    for (int64_t i = 0; i < batch; ++i) {
      errors.run([&] { judge(static_cast<size_t>(i)); });
    }
    errors.rethrow();
  }

  bool has_probes(size_t b) const { return !drafts_[b].draw.empty() && drafts_[b].draw.back() == Draw::kProbe; }
  // What is judged: probes stand behind all candidates.
  const DraftTree& candidates(size_t b) const { return has_probes(b) ? stripped_[b] : drafts_[b]; }

  void judge(size_t b) {
    const DraftTree& tree = candidates(b);
    if (tree.size() == 0) return;
    KeyedChance chance(session_.keys, requests_[b], starts_[b]);
    verdicts_[b] = session_.verifier.verify(tree, {.p = p_[b], .chance = chance});
    check_verdict(tree, verdicts_[b]);
  }

  void check_verdict(const DraftTree& tree, const Verdict& verdict) const {
    int above = 0;
    for (const int row : verdict.path) {
      SPECULA_CHECK(row > 0 && row < tree.size() && tree.parent[row] == above, "row ", row, " below row ", above);
      above = row;
    }
    SPECULA_CHECK(verdict.next >= 0 && verdict.next < session_.target.vocab(), "next token ", verdict.next);
  }

  // What a round emits is cut at the first stop token, then at the limit; slots are kept for all but the last kept
  // token, which is the next root.
  void commit() {
    const PhaseClock::Scope scope(clock_, Phase::kCommit);
    for (size_t b = 0; b < drafts_.size(); ++b) {
      if (drafts_[b].size() == 0) continue;
      std::vector<Token> emitted;
      for (const int row : verdicts_[b].path) emitted.push_back(drafts_[b].token[row]);
      emitted.push_back(verdicts_[b].next);
      const size_t whole = emitted.size();
      const auto stop = std::find_first_of(emitted.begin(), emitted.end(), session_.stop.begin(), session_.stop.end());
      const bool stopped = stop != emitted.end() && stop - emitted.begin() < remaining_[b];
      if (stopped) emitted.erase(stop + 1, emitted.end());
      if (static_cast<int64_t>(emitted.size()) > remaining_[b]) emitted.resize(static_cast<size_t>(remaining_[b]));

      std::vector<int> slots{0};
      slots.insert(slots.end(), verdicts_[b].path.begin(),
                   verdicts_[b].path.begin() + static_cast<int64_t>(emitted.size()) - 1);
      cache_->commit(static_cast<int>(b), slots);
      carry_state(b, slots.back(), emitted.back());
      prefixes_[b].insert(prefixes_[b].end(), emitted.begin(), emitted.end());
      remaining_[b] -= static_cast<int64_t>(emitted.size());
      report(b, emitted, emitted.size() < whole);
      if (stopped) {
        finish(b, Stop::kStopToken);
      } else if (remaining_[b] == 0) {
        finish(b, Stop::kLimit);
      }
    }
  }

  // The policy's state at the next root, which is `token` after `row`.
  void carry_state(size_t b, int row, Token token) {
    if (row_states_[b].empty()) return;
    const float p = p_[b].const_data_ptr<float>()[row * p_[b].size(1) + token];
    states_[b] = session_.sampler.next_state(row_states_[b][static_cast<size_t>(row)], p);
  }

  void report(size_t b, const std::vector<Token>& emitted, bool cut) {
    const int64_t index = rounds_[b]++;
    if (session_.log == nullptr) return;
    const DraftTree& tree = candidates(b);
    const TreeSize size = size_of(tree);
    session_.log->round({.index = index,
                         .sequence = static_cast<int>(b),
                         .start = starts_[b],
                         .new_tokens = emitted,
                         .drafted = size.candidates,
                         .draft_depth = size.deepest,
                         .accepted = static_cast<int>(verdicts_[b].path.size()),
                         .cut = cut,
                         .probes = drafts_[b].size() - tree.size(),
                         .tree = tree,
                         .p = p_[b],
                         .verdict = verdicts_[b],
                         .notes = session_.drafter.notes(b)},
                        clock_);
  }

  void learn() {
    const PhaseClock::Scope scope(clock_, Phase::kObserve);
    session_.drafter.observe(
        {.prefixes = prefixes_, .requests = requests_, .drafts = drafts_, .verdicts = verdicts_, .target = pass_});
    for (const size_t b : finished_) session_.drafter.finish(requests_[b], prefixes_[b]);
    finished_.clear();
  }

  void finish(size_t b, Stop stop) {
    done_[b] = 1;
    stops_[b] = stop;
    finished_.push_back(b);
  }

  const Session& session_;
  std::span<const int64_t> requests_;
  std::vector<Prefix> prefixes_;
  PhaseClock own_clock_;
  PhaseClock& clock_;
  const Ask ask_;
  std::unique_ptr<KvCache> cache_;
  std::vector<char> done_;
  std::vector<int64_t> remaining_, starts_, rounds_;
  std::vector<int64_t> given_;                   // [B] tokens of the prompt
  std::vector<double> states_;                   // [B] of the policy at the root, where a step carries one
  std::vector<std::vector<double>> row_states_;  // [B] at the rows of the last tree
  std::vector<Stop> stops_;
  std::vector<size_t> finished_;
  std::vector<DraftTree> drafts_;
  Started started_;
  std::vector<DraftTree> stripped_;  // of drafts with probes: their candidates
  std::vector<Tensor> p_;            // [B] of [R,V]
  std::vector<Verdict> verdicts_;
  Pass pass_;
};

}  // namespace

void check_prompt(const LanguageModel& target, const Prefix& prompt, int64_t request, int64_t max_new_tokens) {
  const auto length = static_cast<int64_t>(prompt.size());
  if (length == 0) throw Error(cat("the prompt of request ", request, " is empty; at least one token (BOS) is needed"));
  if (length + max_new_tokens > target.context()) {
    throw Error(cat("the prompt of request ", request, " has ", length, " tokens; with max_new_tokens = ",
                    max_new_tokens, " that is more than the context of the model, ", target.context()));
  }
  for (const Token t : prompt) {
    if (t < 0 || t >= target.vocab())
      throw Error(cat("the prompt of request ", request, " holds token ", t, "; valid: 0..", target.vocab() - 1));
  }
}

std::vector<Decoded> decode(const Session& session, std::vector<Prefix> prompts, std::span<const int64_t> requests) {
  const InferenceScope inference;
  return Loop(session, std::move(prompts), requests).run();
}

}  // namespace specula
