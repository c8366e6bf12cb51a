#include "drafters/cascade_drafter.h"

#include <ATen/ops/cat.h>

#include <algorithm>

#include "drafters/nested.h"
#include "framework/decode/block_test.h"
#include "framework/decode/chain_draft.h"
#include "framework/decode/coupled_draw.h"
#include "framework/decode/follow.h"
#include "framework/decode/ratio_test.h"
#include "framework/decode/rows.h"

namespace specula {
namespace {

const std::string kPlace = "cascade_drafter drafter";
constexpr int64_t kReserve = 256;  // slots beside the longest prompt

struct Options {
  ModelName model{"draft"};
  Call drafter = default_call("prompt_lookup");
  std::string verifier = "rejection";
  int length = 4;
  template <class V>
  void visit(V& v) {
    v("model", model, "the middle model, of the target's vocabulary");
    v("drafter", drafter, "drafter", "what drafts for the middle model");
    v("verifier", verifier, {"rejection", "block"}, "how its drafts are judged where tokens are drawn");
    v("length", length, 1, 64, "tokens drafted for the target in a round (gamma)", "tokens");
  }
};

// The middle model with a cache that follows the text, also where tokens are taken back.
class Middle {
 public:
  Middle(const LanguageModel& model, std::span<const Prefix> prefixes, const Ask& ask)
      : model_(model), committed_(prefixes.size()) {
    size_t longest = 0;
    for (const Prefix& prefix : prefixes) longest = std::max(longest, prefix.size());
    cache_ = model.new_cache(static_cast<int>(prefixes.size()), static_cast<int64_t>(longest) + kReserve);
    prefilled = prefill(model, *cache_, prefixes, ask);
    for (size_t b = 0; b < prefixes.size(); ++b) committed_[b].assign(prefixes[b].begin(), prefixes[b].end() - 1);
  }

  Pass prefilled;
  const LanguageModel& model() const { return model_; }
  KvCache& cache() { return *cache_; }

  // Leaves the cache as a round expects it: all but the last token of each text.
  void follow(std::span<const Prefix> texts, std::span<const char> done) {
    std::vector<RowList> lists(texts.size());
    bool is_any = false;
    for (size_t b = 0; b < texts.size(); ++b) {
      if (done[b] != 0) continue;
      const auto known =
          std::mismatch(committed_[b].begin(), committed_[b].end(), texts[b].begin(), texts[b].end() - 1).first -
          committed_[b].begin();
      cache_->truncate(static_cast<int>(b), known);
      committed_[b].assign(texts[b].begin(), texts[b].end() - 1);
      lists[b] = RowList::chain({texts[b].begin() + known, texts[b].end() - 1});
      is_any |= !lists[b].token.empty();
    }
    if (!is_any) return;
    model_.forward(make_rows(lists), *cache_, {.logits = Logits::kNone});
    for (size_t b = 0; b < texts.size(); ++b) {
      if (!lists[b].token.empty())
        cache_->commit(static_cast<int>(b), first_slots(static_cast<int>(lists[b].token.size())));
    }
  }

  Pass forward(const std::vector<DraftTree>& trees, const Started& started, Ask ask) {
    std::vector<RowList> lists(trees.size());
    for (size_t b = 0; b < trees.size(); ++b) lists[b] = {trees[b].token, trees[b].parent};
    Rows rows = make_rows(lists);
    if (started.layer > 0) {
      rows.hidden = started.hidden;
      ask.first_layer = started.layer;
    }
    return model_.forward(rows, *cache_, ask);
  }

  // Keeps the root of the tree and the path.
  void commit(size_t b, const DraftTree& tree, const std::vector<int>& path) {
    std::vector<int> slots{0};
    slots.insert(slots.end(), path.begin(), path.end());
    cache_->commit(static_cast<int>(b), slots);
    for (const int slot : slots) committed_[b].push_back(tree.token[slot]);
  }

 private:
  const LanguageModel& model_;
  std::unique_ptr<KvCache> cache_;
  std::vector<Prefix> committed_;
};

// The rounds of the middle model within one round of the target.
class InnerRounds {
 public:
  InnerRounds(const Round& outer, const Options& options, Middle& middle)
      : outer_(outer),
        options_(options),
        middle_(middle),
        keys_(outer.keys.nest(0).within(outer.requests, outer.starts)),
        texts_(outer.prefixes.begin(), outer.prefixes.end()),
        left_(texts_.size()),
        starts_(texts_.size()),
        done_(texts_.size()),
        chains_(texts_.size()),
        q_(texts_.size()) {
    for (size_t b = 0; b < texts_.size(); ++b) {
      if (outer.done[b] != 0) continue;
      left_[b] = outer.depth_limit(b, options.length);
      chains_[b] = DraftTree::root_only(texts_[b].back());
    }
    middle.follow(texts_, outer.done);
  }

  void play(Drafter& drafter, const Ask& ask) {
    for (; is_open(); drafter.observe({.prefixes = texts_,
                      .requests = outer_.requests,
                      .drafts = drafts_,
                      .verdicts = verdicts_,
                      .target = pass_})) {
      draft(drafter);
      pass_ = middle_.forward(drafts_, drafter.started(), ask);
      verdicts_.assign(texts_.size(), {});
      for (size_t b = 0; b < texts_.size(); ++b) {
        if (done_[b] == 0) judge(b);
      }
    }
  }

  std::vector<DraftTree> finish() {
    const bool is_drawn = outer_.policy != Policy::kGreedy;
    if (is_drawn && outer_.q_next) add_last_q();
    for (size_t b = 0; b < chains_.size(); ++b) {
      if (is_drawn && !q_[b].empty()) chains_[b].q = at::cat(q_[b], 0);
    }
    return std::move(chains_);
  }

 private:
  bool is_open() {
    bool is_any = false;
    for (size_t b = 0; b < texts_.size(); ++b) {
      starts_[b] = static_cast<int64_t>(texts_[b].size());
      done_[b] = left_[b] <= 0 ? 1 : 0;
      is_any |= left_[b] > 0;
    }
    return is_any;
  }

  void draft(Drafter& drafter) {
    const Round round{.prefixes = texts_,
                      .requests = outer_.requests,
                      .starts = starts_,
                      .remaining = left_,
                      .done = done_,
                      .row_budget = outer_.row_budget,
                      .policy = outer_.policy,
                      .q_next = false,
                      .sampler = outer_.sampler,
                      .keys = keys_,
                      .target = middle_.model(),
                      .target_cache = middle_.cache(),
                      .clock = outer_.clock,
                      .prompts = outer_.prompts,
                      .stop = outer_.stop,
                      .states = outer_.states};
    drafts_ = drafter.draft(round);
    SPECULA_CHECK(drafts_.size() == texts_.size(), drafts_.size(), " trees for ", texts_.size(), " sequences");
    for (size_t b = 0; b < drafts_.size(); ++b) {
      SPECULA_CHECK((drafts_[b].size() == 0) == (done_[b] != 0), "a tree of ", drafts_[b].size(), " rows");
      check_tree(drafts_[b], texts_[b].back(), middle_.model().vocab(), TreeCheck::kStructure);
      for (int row = 1; row < drafts_[b].size(); ++row) {
        SPECULA_CHECK(drafts_[b].depth(row) < left_[b], "row ", row, " of a draft for ", options_.model.name,
                      " lies too deep");
      }
    }
  }

  void judge(size_t b) {
    const DraftTree tree = without_probes(drafts_[b]);
    const std::vector<int> rows = first_slots(tree.size());
    const Tensor logits = pass_.logits.select(0, static_cast<int64_t>(b)).narrow(0, 0, tree.size());
    const RowContext context = context_of(b, tree, rows);
    Tensor p;
    if (outer_.policy == Policy::kGreedy) {
      const std::vector<Token> best = outer_.sampler.most_likely(logits, context);
      verdicts_[b] = follow(tree, [&](int row, int /*depth*/) { return best[row]; });
    } else {
      p = outer_.sampler.distribution(logits, context);
      verdicts_[b] = outer_.policy == Policy::kCoupled ? raced(b, tree, p) : sampled(b, tree, p);
    }
    for (int row = 1; row < tree.size(); ++row) keys_.tell(tree.token[row]);
    for (const int row : verdicts_[b].path) keys_.tell(row);
    keep(b, tree, p);
  }

  // The outer round's, after what the inner rounds wrote.
  RowContext context_of(size_t b, const DraftTree& tree, std::span<const int> rows) const {
    const RowContext outer = outer_.context(b, tree, rows);
    return {.prefix = texts_[b],
            .tree = tree,
            .rows = rows,
            .keys = keys_,
            .request = outer.request,
            .prompt = outer.prompt,
            .stop = outer.stop,
            .state = outer.state};
  }

  Verdict sampled(size_t b, const DraftTree& tree, const Tensor& p) const {
    KeyedChance chance(keys_, outer_.requests[b], starts_[b]);
    const RoundRows rows(tree, p);
    if (options_.verifier == "block") return block_test(tree, rows, chance);
    return ratio_test(
        tree, rows, [&](int row) { return rows.p(row); }, chance);
  }

  Verdict raced(size_t b, const DraftTree& tree, const Tensor& p) const {
    const float* mass = p.const_data_ptr<float>();
    return follow(tree, [&](int row, int depth) {
      return coupled_draw(mass + row * p.size(1), p.size(1), keys_, outer_.requests[b], starts_[b] + depth);
    });
  }

  // What the round emitted joins the draft, each token with the middle model's law at its row; p is undefined where
  // tokens are points.
  void keep(size_t b, const DraftTree& tree, const Tensor& p) {
    int above = 0;
    for (const int row : verdicts_[b].path) {
      add(b, tree.token[row], p, above);
      above = row;
    }
    add(b, verdicts_[b].next, p, above);
    middle_.commit(b, tree, verdicts_[b].path);
  }

  void add(size_t b, Token token, const Tensor& p, int p_row) {
    DraftTree& chain = chains_[b];
    const int last = chain.size() - 1;
    if (p.defined()) {
      chain.q_next[last] = static_cast<int>(q_[b].size());
      q_[b].push_back(p.narrow(0, p_row, 1));
    }
    chain.add(token, last, wanted_law(outer_.policy), chain.q_next[last]);
    texts_[b].push_back(token);
    --left_[b];
  }

  void add_last_q() {
    std::vector<DraftTree> last(texts_.size());
    for (size_t b = 0; b < texts_.size(); ++b) {
      if (outer_.done[b] == 0) last[b] = DraftTree::root_only(texts_[b].back());
    }
    const Pass pass = middle_.forward(last, {}, {.logits = Logits::kLast});
    for (size_t b = 0; b < texts_.size(); ++b) {
      if (outer_.done[b] != 0) continue;
      const int rows[] = {0};
      const RowContext context = context_of(b, last[b], rows);
      chains_[b].q_next.back() = static_cast<int>(q_[b].size());
      q_[b].push_back(outer_.sampler.distribution(pass.logits.select(0, static_cast<int64_t>(b)), context));
      middle_.commit(b, last[b], {});
    }
  }

  const Round& outer_;
  const Options& options_;
  Middle& middle_;
  const Keyring keys_;
  std::vector<Prefix> texts_;  // [B] the committed text and what the inner rounds emitted
  std::vector<int64_t> left_;  // [B] tokens still to be drafted
  std::vector<int64_t> starts_;
  std::vector<char> done_;
  std::vector<DraftTree> chains_, drafts_;  // for the target; for the middle model
  std::vector<std::vector<Tensor>> q_;      // [B] of [1,V]: the rows of chains_[b].q
  std::vector<Verdict> verdicts_;
  Pass pass_;
};

class CascadeDrafter final : public Drafter {
 public:
  CascadeDrafter(Options options, const Parts& parts)
      : options_(std::move(options)),
        model_(parts.model(options_.model.name)),
        drafter_(make_nested(options_.drafter, kPlace, parts)),
        ask_(unite({.logits = Logits::kAll}, drafter_->needs())) {}

  void begin(std::span<const Prefix> prefixes, std::span<const int64_t> requests, const Pass& /*prefill*/) override {
    middle_.emplace(model_, prefixes, ask_);
    drafter_->begin(prefixes, requests, middle_->prefilled);
    middle_->prefilled = {};
  }

  std::vector<DraftTree> draft(const Round& round) override {
    InnerRounds rounds(round, options_, *middle_);
    rounds.play(*drafter_, ask_);
    return rounds.finish();
  }

  void finish(int64_t request, const Prefix& text) override { drafter_->finish(request, text); }

 private:
  Options options_;
  const LanguageModel& model_;
  std::unique_ptr<Drafter> drafter_;
  Ask ask_;
  std::optional<Middle> middle_;
};

Facts facts_of(const Options& options, Policy policy) {
  const Facts inner = nested_facts(options.drafter, kPlace, policy);
  if (!inner.heads.empty())
    throw ConfigError(cat(options.drafter.values.origin, ": ", kPlace, ": '", nested_name(options.drafter),
                          "' reads the states of the target, and here it would be given those of the middle model"));
  if (policy == Policy::kSampled && options.verifier == "block") {
    const auto fits = [](Draw law) { return law == Draw::kPoint || law == Draw::kIid || law == Draw::kProbe; };
    if (inner.trees || !std::all_of(inner.laws.begin(), inner.laws.end(), fits)) {
      throw ConfigError(cat(options.drafter.values.origin, ": ", kPlace, ": '", nested_name(options.drafter),
                            "' drafts ", inner.trees ? "trees" : names_of(inner.laws),
                            "; verifier block takes chains of point, iid: take verifier = \"rejection\""));
    }
  }
  const Draw law = wanted_law(policy);
  Facts facts{.laws = {law}, .q_next = law != Draw::kPoint, .models = {options.model.name}};
  add_needs(facts, inner);
  return facts;
}

}  // namespace

Registry<Drafter>::Entry cascade_drafter() {
  return with_nested(drafter_entry<CascadeDrafter, Options>(
      "cascade_drafter", "A draft model that is decoded speculatively itself.",
      "Chen et al. 2024b; Spector and Re 2023",
      [](const Options& options, Policy policy) { return facts_of(options, policy); }));
}

}  // namespace specula
