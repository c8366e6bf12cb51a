#include "drafters/ngram_hash.h"

#include "framework/decode/each_sequence.h"
#include "framework/lookup/per_sequence.h"
#include "framework/lookup/rolling_hash.h"

namespace specula {
namespace {

struct Options {
  int ngram = 2;
  int length = 16;
  int min_length = 1;
  int64_t slots = 1 << 16;
  std::string scope = "request";
  template <class V>
  void visit(V& v) {
    v("ngram", ngram, 1, 256, "tokens that are hashed to look up the next", "tokens");
    v("length", length, 1, 511, "tokens drafted in a round, at most", "tokens");
    v("min_length", min_length, 1, 511, "a shorter draft is not worth a round and is dropped; at most length",
      "tokens");
    v("slots", slots, 1, 1 << 24, "size of the pool: n-grams that can be told apart");
    v("scope", scope, {"request", "run"}, "run: texts of finished requests are looked up too");
  }
};

class Pool {
 public:
  explicit Pool(const Options& options) : next_(static_cast<size_t>(options.slots), -1), hash_(options.ngram) {}

  void append(const Prefix& text, int64_t at) {
    if (at >= hash_.n()) next_[slot(hash_)] = text[static_cast<size_t>(at)];
    hash_.roll(text, at);
  }
  void end_text() { hash_ = RollingHash(hash_.n()); }
  Token after(const RollingHash& hash) const { return next_[slot(hash)]; }  // -1: nothing
  const RollingHash& hash() const { return hash_; }                         // of the text's last tokens

 private:
  size_t slot(const RollingHash& hash) const { return hash.key() % next_.size(); }

  std::vector<Token> next_;
  RollingHash hash_;
};

// The text with what is being drafted behind it.
struct Longer {
  const Prefix& text;
  const std::vector<Token>& draft;
  Token operator[](size_t at) const { return at < text.size() ? text[at] : draft[at - text.size()]; }
};

class NgramHash final : public Drafter {
 public:
  explicit NgramHash(Options options)
      : options_(std::move(options)),
        sequences_([o = options_] { return Pool(o); }),
        finished_(pool_of_run(options_)) {}

  void begin(std::span<const Prefix> prefixes, std::span<const int64_t> requests, const Pass& /*prefill*/) override {
    sequences_.begin(prefixes, requests);
  }

  std::vector<DraftTree> draft(const Round& round) override {
    return draft_each(round, [&](size_t b, const Prefix& text) {
      const Pool& own = sequences_.at(b, round.requests[b], text);
      return DraftTree::chain_of_points(text.back(), rolled(own, text, round.depth_limit(b, options_.length)));
    });
  }

  void finish(int64_t /*request*/, const Prefix& text) override {
    if (!finished_) return;
    for (size_t at = 0; at < text.size(); ++at) finished_->append(text, static_cast<int64_t>(at));
    finished_->end_text();
  }

 private:
  static std::optional<Pool> pool_of_run(const Options& options) {
    return options.scope == "run" ? std::optional<Pool>(options) : std::nullopt;
  }

  std::vector<Token> rolled(const Pool& own, const Prefix& text, int length) const {
    std::vector<Token> draft;
    if (text.size() < static_cast<size_t>(options_.ngram)) return draft;
    RollingHash hash = own.hash();
    while (static_cast<int>(draft.size()) < length) {
      Token next = own.after(hash);
      if (next < 0 && finished_) next = finished_->after(hash);
      if (next < 0) break;
      draft.push_back(next);
      hash.roll(Longer{text, draft}, static_cast<int64_t>(text.size() + draft.size()) - 1);
    }
    if (static_cast<int>(draft.size()) < std::min(options_.min_length, length)) draft.clear();
    return draft;
  }

  Options options_;
  PerSequence<Pool> sequences_;
  std::optional<Pool> finished_;
};

}  // namespace

Registry<Drafter>::Entry ngram_hash() {
  return drafter_entry<NgramHash, Options>(
      "ngram_hash", "A hash of the last tokens picks the next from a pool of constant size, and so on.",
      "llama.cpp's ngram-mod; Karp and Rabin 1987", [](const Options& options) {
        if (options.min_length > options.length) {
          throw ConfigError(
              cat("ngram_hash min_length = ", options.min_length, " is more than length = ", options.length));
        }
        const bool run = options.scope == "run";
        return Facts{.laws = {Draw::kPoint},
                     .scope = run ? Scope::kRun : Scope::kRequest,
                     .memory = cat(4 * options.slots, " B a sequence", run ? " and as much for the run" : "")};
      });
}

}  // namespace specula
