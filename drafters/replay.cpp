#include "drafters/replay.h"

#include <algorithm>
#include <tuple>

#include "framework/decode/each_sequence.h"
#include "framework/decode/trace_reader.h"

namespace specula {
namespace {

struct Options {
  FileName file;
  template <class V>
  void visit(V& v) {
    v("file", file, "the trace, traces/<arm>.trace in the folder of a run");
  }
};

TraceHeader header_of(TraceFrames& frames, const std::string& path) {
  const std::optional<std::string> first = frames.next();
  if (!first) throw Error(path + ": a trace without a header");
  return trace_format::header_of(*first, path);
}

// The trees of a trace without their laws.
class RecordedDrafts {
 public:
  RecordedDrafts(const std::string& path, int64_t vocab) {
    TraceFrames frames(path);
    const TraceHeader header = header_of(frames, path);
    if (header.vocab > vocab) {  // a smaller one may be the same without padding
      throw Error(cat(path, ": a trace over a vocabulary of ", header.vocab, " tokens; the target's has ", vocab));
    }
    while (std::optional<std::string> payload = frames.next()) {
      TracedTurn turn(std::move(*payload), header.vocab, path);
      for (TracedRound round; turn.next_tree(round);) add(turn.request, round);
    }
    std::stable_sort(rounds_.begin(), rounds_.end(), [](const Round& a, const Round& b) { return a.key() < b.key(); });
  }

  // What was recorded there, as far as it fits; nothing but the root where there is nothing.
  DraftTree tree(int64_t request, int64_t start, Token root, int deepest, int most_rows) const {
    DraftTree tree = DraftTree::root_only(root);
    const std::pair<int64_t, int64_t> key{request, start};
    const auto found = std::lower_bound(rounds_.begin(), rounds_.end(), key,
                                        [](const Round& round, const auto& k) { return round.key() < k; });
    if (found == rounds_.end() || found->key() != key || tokens_[found->at] != root) return tree;
    constexpr int kLeftOut = -1;
    std::vector<int> place(static_cast<size_t>(found->size), kLeftOut), depth(place.size(), 0);
    place[0] = 0;
    for (int row = 1; row < found->size && tree.size() < most_rows; ++row) {
      const int above = parents_[found->at + static_cast<size_t>(row)];
      depth[row] = depth[above] + 1;
      if (place[above] == kLeftOut || depth[row] > deepest) continue;
      place[row] = tree.add(tokens_[found->at + static_cast<size_t>(row)], place[above], Draw::kPoint);
    }
    return tree;
  }

 private:
  struct Round {
    int64_t request, start;
    size_t at;  // of its first row in tokens_ and parents_
    int size;
    std::pair<int64_t, int64_t> key() const { return {request, start}; }
  };

  void add(int64_t request, const TracedRound& round) {
    rounds_.push_back({.request = request, .start = round.start, .at = tokens_.size(), .size = round.tree.size()});
    tokens_.insert(tokens_.end(), round.tree.token.begin(), round.tree.token.end());
    parents_.insert(parents_.end(), round.tree.parent.begin(), round.tree.parent.end());
  }

  std::vector<Round> rounds_;  // by request and start
  std::vector<Token> tokens_;
  std::vector<int> parents_;
};

class Replay final : public Drafter {
 public:
  Replay(const Options& options, const Parts& parts) : recorded_(options.file.path, parts.vocab) {}

  std::vector<DraftTree> draft(const Round& round) override {
    return draft_each(round, [&](size_t b, const Prefix& text) {
      return recorded_.tree(round.requests[b], round.starts[b], text.back(), round.depth_limit(b, round.row_budget),
                            round.row_budget);
    });
  }

 private:
  RecordedDrafts recorded_;
};

Facts facts_of(const Options& options) {
  const std::string& path = options.file.path;
  if (path.empty())
    throw ConfigError(
        "replay file is not given; it takes the trace of an arm, as in \"results/a-run/traces/sps.trace\"");
  bool trees = false;
  try {
    TraceFrames frames(path);
    trees = header_of(frames, path).trees;
  } catch (const Error& e) {
    throw ConfigError(cat("replay file = ", quoted(path), ": ", e.what()));
  }
  return {.laws = {Draw::kPoint},
          .trees = trees,
          .scope = Scope::kFile,
          .files = {path},
          .memory = "8 B a recorded row, 32 B a recorded round"};
}

}  // namespace

Registry<Drafter>::Entry replay() {
  return drafter_entry<Replay, Options>("replay", "Drafts what a recorded run drafted.", "",
                                        [](const Options& options) { return facts_of(options); });
}

}  // namespace specula
