#include "drafters/ouroboros.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <optional>

#include "framework/decode/chain_draft.h"
#include "framework/decode/draft_cache.h"
#include "framework/lookup/phrase_pool.h"

namespace specula {
namespace {

struct Options {
  ModelName model{"draft"};
  int length = 4;
  int phrase = 6;
  int candidates = 3;
  int ahead = 4;
  template <class V>
  void visit(V& v) {
    v("model", model, "the draft model, of the target's vocabulary");
    v("length", length, 1, 64, "tokens that the model drafts in a round (gamma)", "tokens");
    v("phrase", phrase, 1, 64, "longest phrase behind the drafted tokens", "tokens");
    v("candidates", candidates, 1, 64, "phrases kept behind a token, and verified behind the last drafted one (k)",
      "phrases");
    v("ahead", ahead, 0, 64, "tokens of a phrase that a pass of the draft model carries along", "tokens");
  }
};

// The passes of one round: each carries phrases along, and answers from them as long as they are what is asked for.
class PassesAhead {
 public:
  PassesAhead(DraftCache& cache, const std::vector<PhrasePool>& pools, int ahead)
      : cache_(cache), pools_(pools), ahead_(ahead), lines_(pools.size()) {}

  void expect(size_t b, int tokens) { lines_[b].wanted = tokens; }  // to be drafted by sequence b

  // `lists`: first what the cache lacks, then the last drafted token, whose parent is known here.
  Pass operator()(const std::vector<RowList>& lists) {
    std::vector<RowList> fed(lists.size());
    bool any = false;
    for (size_t b = 0; b < lists.size(); ++b) {
      if (lists[b].token.empty()) continue;
      --lines_[b].wanted;
      if (lines_[b].answers(lists[b].token.back())) continue;
      fed[b] = rows_of(b, lists[b]);
      any = true;
    }
    if (any) pass_ = cache_.forward(fed, {.logits = Logits::kAll});
    for (size_t b = 0; b < lists.size(); ++b) {
      if (!fed[b].token.empty()) lines_[b].logits = pass_.logits.select(0, static_cast<int64_t>(b));
    }
    return answers(lists);
  }

 private:
  struct Line {
    std::vector<Token> guessed;  // rows that were fed behind the last one asked for, not asked for yet
    int row = 0, slot = -1;      // of the last row asked for: in `logits`, and in the cache
    int wanted = 0;              // answers still to be asked for
    bool started = false;
    Tensor logits;  // [R,V] of the last pass
    // Is `token` what was guessed?  Then its row is there already.
    bool answers(Token token) {
      if (!started || guessed.empty() || guessed.front() != token) return false;
      guessed.erase(guessed.begin());
      ++row, ++slot;
      return true;
    }
  };

  RowList rows_of(size_t b, const RowList& asked) {
    Line& line = lines_[b];
    const int first = cache_.cache().tentative(static_cast<int>(b));
    RowList rows = asked;
    if (line.started) rows.parent = {line.slot};
    const auto last = static_cast<int>(rows.token.size()) - 1;
    line.guessed.clear();
    const auto& phrases = pools_[b].after(rows.token.back());
    if (!phrases.empty()) line.guessed = phrases.front();
    line.guessed.resize(std::min(line.guessed.size(), static_cast<size_t>(std::min(ahead_, line.wanted))));
    for (const Token token : line.guessed) {
      rows.parent.push_back(first + static_cast<int>(rows.token.size()) - 1);
      rows.token.push_back(token);
    }
    line.started = true;
    line.row = last;
    line.slot = first + last;
    return rows;
  }

  Pass answers(const std::vector<RowList>& lists) const {
    const int64_t vocab = cache_.model().vocab();
    Tensor logits = at::empty({static_cast<int64_t>(lists.size()), 1, vocab});
    for (size_t b = 0; b < lists.size(); ++b) {
      if (lists[b].token.empty()) continue;
      const float* from = lines_[b].logits.const_data_ptr<float>() + lines_[b].row * vocab;
      std::copy(from, from + vocab, logits.mutable_data_ptr<float>() + static_cast<int64_t>(b) * vocab);
    }
    return {.logits = logits, .hidden = {}};
  }

  DraftCache& cache_;
  const std::vector<PhrasePool>& pools_;
  int ahead_;
  std::vector<Line> lines_;
  Pass pass_;
};

class Ouroboros final : public Drafter {
 public:
  Ouroboros(Options options, const Parts& parts)
      : options_(std::move(options)), model_(parts.model(options_.model.name)) {}

  void begin(std::span<const Prefix> prefixes, std::span<const int64_t> /*requests*/,
             const Pass& /*prefill*/) override {
    cache_.emplace(model_, prefixes);
    pools_.assign(prefixes.size(), PhrasePool(options_.phrase, options_.candidates));
    known_.assign(prefixes.size(), 0);
    for (size_t b = 0; b < prefixes.size(); ++b) learn_text(b, prefixes[b]);
  }

  std::vector<DraftTree> draft(const Round& round) override {
    const size_t batch = round.prefixes.size();
    PassesAhead passes(*cache_, pools_, options_.ahead);
    ChainDraft how{.forward = [&](const std::vector<RowList>& lists) { return passes(lists); },
                   .catch_up = std::vector<std::vector<Token>>(batch),
                   .depth = std::vector<int>(batch),
                   .draw = wanted_law(round.policy),
                   .q_next = false};
    for (size_t b = 0; b < batch; ++b) {
      if (round.done[b] != 0) continue;
      how.catch_up[b] = cache_->catch_up(static_cast<int>(b), round.prefixes[b]);
      how.depth[b] = round.depth_limit(b, options_.length);
      passes.expect(b, how.depth[b]);
    }
    std::vector<DraftTree> trees = draft_chains(round, how);
    for (size_t b = 0; b < batch; ++b) {
      if (round.done[b] != 0) continue;
      DraftTree& tree = trees[b];
      const int last = tree.size() - 1;
      add_phrases(
          tree, last, pools_[b].after(tree.token[last]),
          {.depth = round.depth_limit(b, last + options_.phrase) - last, .rows = round.row_budget - tree.size()});
    }
    return trees;
  }

  void observe(const Feedback& feedback) override {
    for (size_t b = 0; b < feedback.drafts.size(); ++b) {
      if (feedback.drafts[b].size() == 0) continue;
      learn_draft(b, feedback.drafts[b], feedback.target.logits.select(0, static_cast<int64_t>(b)));
      learn_text(b, feedback.prefixes[b]);
    }
  }

 private:
  // What was drafted, and what the target says of it: behind each token its answer, and on as long as the draft agrees
  // with it, also below what was rejected.  logits [R,V].
  void learn_draft(size_t b, const DraftTree& tree, const Tensor& logits) {
    std::vector<Token> chain, answer;
    for (int row = 0; row < tree.size() && tree.parent[row] == row - 1 && tree.draw[row] != Draw::kProbe; ++row) {
      chain.push_back(tree.token[row]);
      const Tensor after = logits.select(0, row);
      answer.push_back(argmax(after.const_data_ptr<float>(), after.numel()));
    }
    pools_[b].add_text(chain);
    for (size_t i = 0; i < chain.size(); ++i) {
      size_t end = i + 1;
      while (end < chain.size() && end - i < static_cast<size_t>(options_.phrase) && answer[end - 1] == chain[end])
        ++end;
      pools_[b].add(chain[i], std::span(answer).subspan(i, end - i));
    }
  }

  // Phrases that end in what is new of the text.
  void learn_text(size_t b, const Prefix& text) {
    const auto back = static_cast<size_t>(options_.phrase);
    pools_[b].add_text(text, known_[b] > back ? known_[b] - back : 0);
    known_[b] = text.size();
  }

  Options options_;
  const LanguageModel& model_;
  std::optional<DraftCache> cache_;
  std::vector<PhrasePool> pools_;
  std::vector<size_t> known_;  // tokens of the text whose phrases are in the pool
};

}  // namespace

Registry<Drafter>::Entry ouroboros() {
  return drafter_entry<Ouroboros, Options>(
      "ouroboros", "A draft model's chain, lengthened by phrases from the text and from earlier drafts.",
      "Zhao et al. 2024", [](const Options& options, Policy policy) {
        const Draw law = wanted_law(policy);
        Facts facts{.laws = {Draw::kPoint}, .trees = options.candidates > 1, .models = {options.model.name}};
        if (law != Draw::kPoint) facts.laws.insert(facts.laws.begin(), law);
        facts.memory =
            cat("at most ", options.candidates, " phrases of ", options.phrase + 1, " tokens for each token");
        return facts;
      });
}

}  // namespace specula
