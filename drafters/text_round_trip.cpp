#include "drafters/text_round_trip.h"

#include <algorithm>
#include <optional>

#include "framework/decode/chain_draft.h"
#include "framework/decode/draft_cache.h"
#include "framework/text/foreign_text.h"

namespace specula {
namespace {

struct Options {
  ModelName model{"draft"};
  int length = 4;
  int target_look_behind = 10;
  int draft_look_behind = 10;
  template <class V>
  void visit(V& v) {
    v("model", model, "the draft model, which may have another tokenizer");
    v("length", length, 1, 64, "tokens that the draft model writes in a round", "tokens");
    v("target_look_behind", target_look_behind, 0, 256,
      "committed tokens that are read together with the draft, to see where its tokens begin", "tokens");
    v("draft_look_behind", draft_look_behind, 0, 256, "the draft model's tokens that are read anew with new text",
      "tokens");
  }
};

class TextRoundTrip final : public Drafter {
 public:
  TextRoundTrip(Options options, const Parts& parts)
      : options_(std::move(options)),
        parts_(parts),
        model_(parts.model(options_.model.name)),
        own_(parts.tokenizer(options_.model.name)),
        targets_(parts.tokenizer("")),
        map_(own_, targets_) {}

  void begin(std::span<const Prefix> prefixes, std::span<const int64_t> /*requests*/,
             const Pass& /*prefill*/) override {
    texts_.clear();
    std::vector<Prefix> read;
    for (const Prefix& prefix : prefixes) {
      texts_.emplace_back(targets_, own_, map_, options_.draft_look_behind, ForeignText::Shared::kReadAnew);
      read.push_back(context(read.size(), prefix));
      if (read.back().empty()) read.back().push_back(0);  // for the cache, which reads all but the last token
    }
    cache_.emplace(model_, read);
  }

  std::vector<DraftTree> draft(const Round& round) override {
    const size_t batch = round.prefixes.size();
    std::vector<Prefix> contexts(batch);
    std::vector<char> silent(round.done.begin(), round.done.end());
    ChainDraft how{.forward = passes_of(*cache_),
                   .catch_up = std::vector<std::vector<Token>>(batch),
                   .depth = std::vector<int>(batch),
                   .draw = Draw::kPoint,
                   .q_next = false};
    for (size_t b = 0; b < batch; ++b) {
      if (round.done[b] != 0) continue;
      contexts[b] = context(b, round.prefixes[b]);
      how.depth[b] = round.depth_limit(b, options_.length);
      silent[b] = contexts[b].empty() || !texts_[b].is_whole() || how.depth[b] == 0 ? 1 : 0;
      if (silent[b] == 0) how.catch_up[b] = cache_->catch_up(static_cast<int>(b), contexts[b]);
    }
    // In the draft model's own tokens, which the target's sampling policy knows nothing of.
    const Sampler plain;
    const std::vector<DraftTree> written = draft_chains({.prefixes = contexts,
                                                         .requests = round.requests,
                                                         .starts = round.starts,
                                                         .remaining = round.remaining,
                                                         .done = silent,
                                                         .row_budget = round.row_budget,
                                                         .policy = Policy::kGreedy,
                                                         .q_next = false,
                                                         .sampler = plain,
                                                         .keys = round.keys,
                                                         .target = round.target,
                                                         .target_cache = round.target_cache,
                                                         .clock = round.clock},
                                                        how);
    std::vector<DraftTree> trees(batch);
    for (size_t b = 0; b < batch; ++b) {
      if (round.done[b] != 0) continue;
      std::vector<Token> tokens;
      if (silent[b] == 0) tokens = as_target(round.prefixes[b], written[b].path_tokens(written[b].size() - 1));
      const int most = round.depth_limit(b, static_cast<int>(tokens.size()));
      tokens.resize(static_cast<size_t>(most));
      trees[b] = DraftTree::chain_of_points(round.prefixes[b].back(), tokens);
    }
    return trees;
  }

 private:
  Prefix context(size_t b, const Prefix& text) {
    return end_of(texts_[b].follow(text), model_.context(), options_.length + 1);
  }

  // What the target's tokenizer reads behind `text`; empty where it reads no border between two tokens there.
  std::vector<Token> as_target(const Prefix& text, std::vector<Token> written) const {
    const auto end = std::find(written.begin(), written.end(), own_.eos());
    const bool ends = end != written.end();
    written.erase(end, written.end());
    std::string fresh = bytes_of(own_, written);
    fresh.resize(fresh.size() - unfinished(fresh));

    const std::string before = bytes_before(text);
    std::vector<Token> ids = encode_continuation(targets_, before + fresh);
    if (bytes_of(targets_, ids) != before + fresh) return {};  // normalised: no telling what is where
    size_t at = 0, first = 0;
    for (; first < ids.size() && at < before.size(); ++first) at += bytes_of(targets_, {ids[first]}).size();
    if (at != before.size()) return {};
    ids.erase(ids.begin(), ids.begin() + static_cast<int64_t>(first));
    if (ends && targets_.eos() >= 0) ids.push_back(targets_.eos());
    return ids;
  }

  // Of the last tokens, back to a control token at most, and from the beginning of a character.
  std::string bytes_before(const Prefix& text) const {
    std::string bytes;
    size_t taken = 0;
    for (auto token = text.rbegin(); token != text.rend(); ++token, ++taken) {
      const std::string more = bytes_of(targets_, {*token});
      const bool begins_inside = !bytes.empty() && (static_cast<unsigned char>(bytes[0]) & 0xC0) == 0x80;
      if (more.empty() || (taken >= static_cast<size_t>(options_.target_look_behind) && !begins_inside)) break;
      bytes.insert(0, more);
    }
    return bytes;
  }

  Options options_;
  Parts parts_;  // keeps the tokenizers
  const LanguageModel& model_;
  const Tokenizer& own_;
  const Tokenizer& targets_;
  VocabularyMap map_;
  std::vector<ForeignText> texts_;
  std::optional<DraftCache> cache_;
};

}  // namespace

Registry<Drafter>::Entry text_round_trip() {
  return drafter_entry<TextRoundTrip, Options>(
      "text_round_trip", "A draft model with any tokenizer writes text that the target's tokenizer reads.",
      "Mamou et al. 2024 (universal assisted generation)", [](const Options& options) {
        return Facts{.laws = {Draw::kPoint},
                     .foreign_models = {options.model.name},
                     .memory = "the text in both tokenizers, some 25 B a token"};
      });
}

}  // namespace specula
