#include "drafters/ngram_cache.h"

#include <algorithm>
#include <array>
#include <memory>

#include "framework/decode/each_sequence.h"
#include "framework/lookup/flat_map.h"
#include "framework/lookup/ngram_counts.h"
#include "framework/lookup/per_sequence.h"

namespace specula {
namespace {

// What is asked of an n-gram of so many tokens before its continuation is drafted; llama.cpp's values for counts of the
// text itself (common/ngram-cache.cpp, draft_min_sample_size_lax and draft_min_percent_lax).
struct Trust {
  int seen, percent;
};
constexpr std::array<Trust, kLongestNgram> kTrust = {{{2, 66}, {2, 50}, {1, 50}, {1, 50}}};
constexpr Trust kTrustInCorpus = {2, 50};
constexpr int64_t kWeightOfCorpus = 100;  // of its count against "not seen there"

struct Options {
  FileName file;
  int max_ngram = kLongestNgram;
  int min_ngram = 1;
  int length = 16;
  template <class V>
  void visit(V& v) {
    v("file", file, "counts made by specula train ngram_cache; none: only the text is counted");
    v("max_ngram", max_ngram, 1, kLongestNgram, "longest n-gram of the text that is counted", "tokens");
    v("min_ngram", min_ngram, 1, kLongestNgram, "shortest; at most max_ngram", "tokens");
    v("length", length, 1, 511, "tokens drafted in a round", "tokens");
  }
};

using Tail = std::span<const Token>;  // the last tokens of a text, drafted ones included

// How often each token followed each n-gram of a text.
class TextCounts {
 public:
  struct Followed {
    int32_t total = 0, largest = 0;
    int32_t list = -1;  // of continuations
  };
  struct Continuation {
    Token token;
    int32_t count, next;
  };

  TextCounts(int shortest, int longest) : shortest_(shortest), longest_(longest) {}

  void append(const Prefix& text, int64_t at) {
    for (int n = shortest_; n <= longest_ && n <= at; ++n)
      count(found_[key({&text[static_cast<size_t>(at - n)], static_cast<size_t>(n)})], text[static_cast<size_t>(at)]);
  }

  const Followed* find(Tail ngram) const { return found_.find(key(ngram)); }

  // The largest product of a count and its weight; the newest of equals.
  template <class Weight>
  Continuation best(const Followed& followed, const Weight& weight) const {
    Continuation best{-1, 0, -1};
    int64_t largest = 0;
    for (int32_t i = followed.list; i >= 0; i = continuations_[static_cast<size_t>(i)].next) {
      const Continuation& one = continuations_[static_cast<size_t>(i)];
      const int64_t product = one.count * weight(one.token);
      if (product <= largest) continue;
      largest = product;
      best = one;
    }
    return best;
  }

 private:
  static uint64_t key(Tail ngram) {
    constexpr uint64_t kOdd = 0x9E3779B97F4A7C15;  // far from small numbers: mixed(0) is 0
    uint64_t key = kOdd * ngram.size();
    for (const Token token : ngram) key = mixed(key + kOdd + static_cast<uint32_t>(token));
    return key >> 1;  // never the key of empty cells
  }

  void count(Followed& followed, Token token) {
    ++followed.total;
    int32_t at = followed.list;
    while (at >= 0 && continuations_[static_cast<size_t>(at)].token != token)
      at = continuations_[static_cast<size_t>(at)].next;
    if (at < 0) {
      at = static_cast<int32_t>(continuations_.size());
      continuations_.push_back({token, 0, followed.list});
      followed.list = at;
    }
    followed.largest = std::max(followed.largest, ++continuations_[static_cast<size_t>(at)].count);
  }

  int shortest_, longest_;
  FlatMap<Followed> found_;
  std::vector<Continuation> continuations_;
};

bool is_trusted(const Trust& trust, int64_t count, int64_t total) {
  return total >= trust.seen && 100 * count >= trust.percent * total;
}

class NgramCache final : public Drafter {
 public:
  NgramCache(Options options, const Parts& parts)
      : options_(std::move(options)), texts_([shortest = options_.min_ngram, longest = options_.max_ngram] {
          return TextCounts(shortest, longest);
        }) {
    if (!options_.file.path.empty()) corpus_ = std::make_unique<NgramCounts>(options_.file.path, parts);
  }

  void begin(std::span<const Prefix> prefixes, std::span<const int64_t> requests, const Pass& /*prefill*/) override {
    texts_.begin(prefixes, requests);
  }

  std::vector<DraftTree> draft(const Round& round) override {
    return draft_each(round, [&](size_t b, const Prefix& text) {
      const TextCounts& counts = texts_.at(b, round.requests[b], text);
      const auto known = std::min<size_t>(text.size(), kLongestNgram);
      std::vector<Token> tail(text.end() - static_cast<std::ptrdiff_t>(known), text.end());
      const size_t wanted = known + static_cast<size_t>(round.depth_limit(b, options_.length));
      while (tail.size() < wanted) {
        const Token token = next(counts, tail);
        if (token < 0) break;
        tail.push_back(token);
      }
      return DraftTree::chain_of_points(text.back(), {tail.begin() + static_cast<std::ptrdiff_t>(known), tail.end()});
    });
  }

 private:
  // -1: nothing is trusted.
  Token next(const TextCounts& counts, Tail tail) const {
    NgramCounts::Continuations corpus;
    if (corpus_ != nullptr && tail.size() >= static_cast<size_t>(corpus_->order()))
      corpus = corpus_->behind(tail.last(static_cast<size_t>(corpus_->order())));
    const auto weight = [&](Token token) {
      const int64_t count = corpus.count_of(token);
      return count == 0 ? 1 : kWeightOfCorpus * count;
    };
    for (int n = std::min(options_.max_ngram, static_cast<int>(tail.size())); n >= options_.min_ngram; --n) {
      const Trust& trust = kTrust[static_cast<size_t>(n) - 1];
      const TextCounts::Followed* followed = counts.find(tail.last(static_cast<size_t>(n)));
      if (followed == nullptr || !is_trusted(trust, followed->largest, followed->total)) continue;
      const TextCounts::Continuation best = counts.best(*followed, weight);
      if (is_trusted(trust, best.count, followed->total)) return best.token;
    }
    const bool is_clear = is_trusted(kTrustInCorpus, corpus.most(), corpus.total);
    return is_clear ? corpus.most_common : -1;
  }

  Options options_;
  PerSequence<TextCounts> texts_;
  std::unique_ptr<NgramCounts> corpus_;
};

Facts facts_of(const Options& options) {
  if (options.min_ngram > options.max_ngram) {
    throw ConfigError(
        cat("ngram_cache min_ngram = ", options.min_ngram, " is more than max_ngram = ", options.max_ngram));
  }
  Facts facts{.laws = {Draw::kPoint},
              .memory = cat(90 * (options.max_ngram - options.min_ngram + 1), " B a token of the text")};
  if (options.file.path.empty()) return facts;
  const CorpusHead head = read_corpus_head(options.file.path, kNgramKind);
  facts.scope = Scope::kFile;
  facts.files = {options.file.path};
  facts.memory += cat(", ", 4 * head.order + 20, " B a token of the corpus (mapped)");
  return facts;
}

}  // namespace

Registry<Drafter>::Entry ngram_cache() {
  return drafter_entry<NgramCache, Options>("ngram_cache",
                                            "Drafts what n-gram counts of the text and of a corpus agree on.",
                                            "Gaessler 2024 (llama.cpp lookup)", facts_of);
}

}  // namespace specula
