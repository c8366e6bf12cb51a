// `specula bench drafters`: what a round costs that looks tokens up, by length of the text and size of the corpus.  No
// model runs: the text is synthetic and known in advance, so that a draft is accepted as far as it agrees with it.
// Licence: Apache-2.0.
#include <ATen/ops/empty.h>
#include <ATen/ops/narrow.h>
#include <malloc.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "experiments/bench/session.h"
#include "experiments/bench/synthetic_text.h"
#include "experiments/scratch_folder.h"
#include "framework/core/clock.h"
#include "framework/decode/compose.h"
#include "framework/lookup/ngram_counts.h"
#include "framework/lookup/suffix_index.h"

namespace specula {
namespace {

namespace fs = std::filesystem;

constexpr int kRounds = 128;       // in each turn, after the text was taken in anew
constexpr int kLongestRound = 17;  // tokens: what a round may emit, so that the text is long enough
constexpr int kRowBudget = 512;
const std::vector<std::string> kCorpusDrafters = {"ngram_cache", "suffix_automaton", "retrieval"};

// There is no target: whoever asks it is no drafter for this benchmark.
class NoTarget final : public LanguageModel, public KvCache {
 public:
  explicit NoTarget(int64_t vocab) : vocab_(vocab) {}
  int64_t vocab() const override { return vocab_; }
  int64_t context() const override { return kMaxInteger; }
  int64_t layers() const override { return 1; }
  std::unique_ptr<KvCache> new_cache(int /*batch*/, int64_t /*reserve*/) const override { refuse(); }
  Pass forward(const Rows& /*rows*/, KvCache& /*cache*/, const Ask& /*ask*/) const override { refuse(); }
  int64_t size(int /*b*/) const override { refuse(); }
  int tentative(int /*b*/) const override { refuse(); }
  void commit(int /*b*/, std::span<const int> /*slots*/) override { refuse(); }
  void truncate(int /*b*/, int64_t /*size*/) override { refuse(); }
  std::unique_ptr<KvCache> fork() const override { refuse(); }

 private:
  [[noreturn]] static void refuse() {
    throw ConfigError("--drafters: one of them runs a model; expected drafters that look tokens up");
  }
  int64_t vocab_;
};

double heap_bytes() {
#ifdef __GLIBC__
  const struct mallinfo2 info = ::mallinfo2();
  return static_cast<double>(info.uordblks + info.hblkhd);
#else
  return NAN;
#endif
}

// Files of corpora of several sizes, in a folder that goes when the benchmark ends.
class CorpusFolder {
 public:
  explicit CorpusFolder(const BenchDraftersArgs& args) {
    for (const int64_t tokens : args.corpora) add(tokens, args.vocab);
  }

  std::string file(const std::string& drafter, int64_t tokens) const {
    return folder_.path() / cat(drafter == kNgramKind ? kNgramKind : kRetrievalKind, "-", tokens);
  }
  const std::vector<Token>& smallest() const { return smallest_; }
  const std::vector<BenchRow>& rows() const { return rows_; }  // what making them cost

 private:
  void add(int64_t tokens, int64_t vocab) {
    const std::vector<Token> text = synthetic_text({.vocab = vocab}, tokens, 1);  // a shorter one begins the longer
    if (smallest_.empty() || text.size() < smallest_.size()) smallest_ = text;
    timed(kRetrievalKind, tokens, [&](const std::string& file) {
      TokenDocuments documents;
      documents.add(text, true);
      write_suffix_index(file, std::move(documents), "");
    });
    timed(kNgramKind, tokens, [&](const std::string& file) {
      NgramCounter counter(2);
      counter.add(text, true);
      counter.write(file, "", 1);
    });
  }
  void timed(const std::string& kind, int64_t tokens, const std::function<void(const std::string& file)>& write) {
    const double start = seconds_now();
    write(file(kind, tokens));
    const double seconds = seconds_now() - start;
    const auto bytes = static_cast<double>(fs::file_size(file(kind, tokens)));
    rows_.push_back({.keys = {{"file", kind}, {"corpus", tokens}},
                     .figures = {computed("build_s", seconds), computed("file_mb", bytes / 1e6),
                                 computed("bytes_per_token", bytes / static_cast<double>(tokens))}});
  }

  const ScratchFolder folder_{"bench"};
  std::vector<Token> smallest_;
  std::vector<BenchRow> rows_;
};

// What every case shares: rows of logits as a target would give them, and the text.
struct Shared {
  const BenchDraftersArgs& args;
  const Registry<Drafter>& drafters;
  NoTarget target;
  Sampler sampler{};
  Keyring keys{7};
  Tensor logits;            // [1,kRowBudget,V]
  std::vector<Token> text;  // of the longest context, and of all rounds behind it
};

// One drafter on a text, with a corpus or without.
class Case {
 public:
  Case(Shared& shared, const Params& drafter, int64_t context, int64_t corpus)
      : shared_(shared), params_(drafter), context_(context), corpus_(corpus) {}

  // Takes the text in and plays some rounds.
  void turn(bool is_kept) {
    const double heap = heap_bytes();
    const auto drafter =
        shared_.drafters.at(plugin_name(params_), params_.place).make(params_, {.vocab = shared_.args.vocab});
    std::vector<Prefix> texts = {{shared_.text.begin(), shared_.text.begin() + context_}};
    double start = seconds_now();
    drafter->begin(texts, requests_, {});
    const double begin = seconds_now() - start;
    double draft = 0, observe = 0, drafted = 0, accepted = 0;
    for (int i = 0; i < kRounds; ++i) {
      start = seconds_now();
      std::vector<DraftTree> trees = drafter->draft(round(texts));
      draft += seconds_now() - start;
      check_tree(trees[0], texts[0].back(), shared_.args.vocab, TreeCheck::kStructure);
      const std::vector<Verdict> verdicts = {verdict(trees[0], texts[0])};
      drafted += size_of(trees[0]).candidates;
      accepted += static_cast<double>(verdicts[0].path.size());
      for (const int row : verdicts[0].path) texts[0].push_back(trees[0].token[static_cast<size_t>(row)]);
      texts[0].push_back(verdicts[0].next);
      const Pass pass{.logits = at::narrow(shared_.logits, 1, 0, trees[0].size())};
      start = seconds_now();
      drafter->observe(
          {.prefixes = texts, .requests = requests_, .drafts = trees, .verdicts = verdicts, .target = pass});
      observe += seconds_now() - start;
    }
    if (!is_kept) return;
    begin_.push_back(begin * 1e3);
    draft_.push_back(draft / kRounds * 1e6);
    observe_.push_back(observe / kRounds * 1e6);
    round_.push_back((draft + observe) / kRounds * 1e6);
    drafted_.push_back(drafted / kRounds);
    accepted_.push_back(accepted / kRounds);
    memory_.push_back((heap_bytes() - heap) / 1e6);
  }

  BenchRow row() const {
    return {.keys = {{"drafter", plugin_name(params_)}, {"context", context_}, {"corpus", corpus_}},
            .figures = {figure("round_us", round_), figure("draft_us", draft_), figure("observe_us", observe_),
                        figure("begin_ms", begin_), figure("drafted", drafted_), figure("accepted", accepted_),
                        figure("memory_mb", memory_)},
            .repeats = static_cast<int>(round_.size())};
  }

 private:
  Round round(const std::vector<Prefix>& texts) {
    starts_ = {static_cast<int64_t>(texts[0].size())};
    return {.prefixes = texts,
            .requests = requests_,
            .starts = starts_,
            .remaining = remaining_,
            .done = done_,
            .row_budget = kRowBudget,
            .policy = Policy::kGreedy,
            .q_next = false,
            .sampler = shared_.sampler,
            .keys = shared_.keys,
            .target = shared_.target,
            .target_cache = shared_.target,
            .clock = clock_};
  }

  // The target's next tokens are those of the text.
  Verdict verdict(const DraftTree& tree, const Prefix& before) const {
    Verdict verdict;
    int row = 0;
    for (size_t at = before.size();; ++at) {
      verdict.next = shared_.text[at];
      const std::vector<int> children = tree.children(row);
      const auto next = std::find_if(children.begin(), children.end(), [&](int child) {
        return tree.draw[static_cast<size_t>(child)] != Draw::kProbe &&
               tree.token[static_cast<size_t>(child)] == verdict.next;
      });
      if (next == children.end()) return verdict;
      row = *next;
      verdict.path.push_back(row);
    }
  }

  Shared& shared_;
  Params params_;
  int64_t context_, corpus_;
  const std::vector<int64_t> requests_ = {0}, remaining_ = {kLongestRound};
  const std::vector<char> done_ = {0};
  std::vector<int64_t> starts_;
  PhaseClock clock_;
  Samples begin_, draft_, observe_, round_, drafted_, accepted_, memory_;
};

Tensor random_logits(int64_t vocab) {
  Tensor logits = at::empty({1, kRowBudget, vocab});
  auto* const to = logits.mutable_data_ptr<float>();
  uint64_t state = 1;  // of a linear congruential generator (Knuth's MMIX)
  for (int64_t i = 0; i < logits.numel(); ++i) {
    state = state * 6364136223846793005 + 1442695040888963407;
    to[i] = static_cast<float>(state >> 40) * 1e-6F;
  }
  return logits;
}

std::vector<Params> chosen_drafters(const BenchDraftersArgs& args, const Registry<Drafter>& registry) {
  std::vector<Params> chosen;
  for (const Value& call : parse_calls(args.drafters, "--drafters")) {
    const Params params{.place = "--drafters", .values = call};
    const auto& entry = registry.at(plugin_name(params), "--drafters");
    const auto& own = kCorpusDrafters;
    if (std::find(own.begin(), own.end(), entry.name) == own.end()) {
      const Facts facts = entry.facts(params, Policy::kGreedy);
      if (!facts.models.empty() || !facts.foreign_models.empty())
        throw ConfigError(
            cat("--drafters: ", entry.name, " drafts with a model; expected drafters that look tokens up"));
    }
    chosen.push_back(params);
  }
  return chosen;
}

// Every drafter with every context; one that takes a corpus with every corpus too.
std::vector<Case> cases_of(Shared& shared, const std::vector<Params>& drafters, const CorpusFolder& corpora) {
  std::vector<Case> cases;
  for (const Params& drafter : drafters) {
    const std::string name = plugin_name(drafter);
    const bool has_corpus = std::find(kCorpusDrafters.begin(), kCorpusDrafters.end(), name) != kCorpusDrafters.end();
    std::vector<int64_t> sizes;
    if (name != "retrieval") sizes.push_back(0);
    if (has_corpus) sizes.insert(sizes.end(), shared.args.corpora.begin(), shared.args.corpora.end());
    for (const int64_t context : shared.args.contexts) {
      for (const int64_t size : sizes) {
        Params with_file = drafter;
        if (size > 0) with_file.values.set("file", {.data = corpora.file(name, size), .origin = "--corpus"});
        cases.emplace_back(shared, with_file, context, size);
      }
    }
  }
  return cases;
}

}  // namespace

ExitCode bench_drafters_command(const BenchDraftersArgs& args) {
  const Registries registries = make_registries();
  const std::vector<Params> drafters = chosen_drafters(args, registries.drafters);
  check_at_least("--vocab", args.vocab, 2);
  BenchSession session("bench drafters", args);
  const CorpusFolder corpora(args);
  const int64_t longest = *std::max_element(args.contexts.begin(), args.contexts.end());
  Shared shared{.args = args,
                .drafters = registries.drafters,
                .target = NoTarget(args.vocab),
                .logits = random_logits(args.vocab),
                .text = synthetic_text({.vocab = args.vocab, .source = corpora.smallest()},
                                       longest + int64_t{kRounds} * kLongestRound, 2)};
  std::vector<Case> cases = cases_of(shared, drafters, corpora);
  for (int turn = -1; turn < args.repeats; ++turn) {  // the first warms up
    session.read_stream();
    for (Case& one : cases) one.turn(turn >= 0);
  }
  std::vector<BenchRow> rows;
  for (const Case& one : cases) rows.push_back(one.row());
  rows.insert(rows.end(), corpora.rows().begin(), corpora.rows().end());
  return session.finish(std::move(rows), 0);
}

}  // namespace specula
