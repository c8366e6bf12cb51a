#include "framework/model/invariance.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "framework/core/error.h"
#include "framework/model/threads.h"

namespace specula {
namespace {

using Tokens = std::vector<int64_t>;

struct Line {  // the rows of one sequence in a pass
  Tokens token, parent;
};

// `first_slot`: of the first row; its parent is the slot before it, or the committed text.
Line chain(const Tokens& text, int64_t begin, int64_t end, int64_t first_slot = 0) {
  Line line{.token = {text.begin() + begin, text.begin() + end}, .parent = Tokens(static_cast<size_t>(end - begin))};
  std::iota(line.parent.begin(), line.parent.end(), first_slot - 1);
  return line;
}

Line binary_tree(const Tokens& token) {
  Line line{.token = token};
  for (int64_t row = 0; row < static_cast<int64_t>(token.size()); ++row)
    line.parent.push_back(row == 0 ? -1 : (row - 1) / 2);
  return line;
}

Rows to_rows(const std::vector<Line>& lines) {
  size_t longest = 0;
  for (const Line& line : lines) longest = std::max(longest, line.token.size());
  const auto batch = static_cast<int64_t>(lines.size()), width = static_cast<int64_t>(longest);
  Rows rows{at::empty({batch, width}, at::kLong), at::empty({batch, width}, at::kLong)};
  rows.token.fill_(-1);
  rows.parent.fill_(-1);
  for (size_t b = 0; b < lines.size(); ++b) {
    std::copy(lines[b].token.begin(), lines[b].token.end(), rows.token.mutable_data_ptr<int64_t>() + b * longest);
    std::copy(lines[b].parent.begin(), lines[b].parent.end(), rows.parent.mutable_data_ptr<int64_t>() + b * longest);
  }
  return rows;
}

// The logits of a pass, [B,R,V], on the host.
class PassLogits {
 public:
  PassLogits(const LanguageModel& model, KvCache& cache, const std::vector<Line>& lines)
      : logits_(
            model.forward(to_rows(lines), cache, {.logits = Logits::kAll}).logits.to(at::kCPU).contiguous()) {  // sync
  }

  std::vector<float> row(size_t b, size_t r) const {
    const int64_t vocab = logits_.size(2);
    const float* begin =
        logits_.const_data_ptr<float>() + (static_cast<int64_t>(b) * logits_.size(1) + static_cast<int64_t>(r)) * vocab;
    return {begin, begin + vocab};
  }

 private:
  Tensor logits_;
};

// Bits, not values: -0 is not 0 here, and a NaN equals itself.
bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

void commit_all(KvCache& cache, int b) {
  std::vector<int> slots(static_cast<size_t>(cache.tentative(b)));
  std::iota(slots.begin(), slots.end(), 0);
  cache.commit(b, slots);
}

void take_in(const LanguageModel& model, KvCache& cache, const std::vector<Line>& lines) {
  model.forward(to_rows(lines), cache, {.logits = Logits::kNone});
  for (size_t b = 0; b < lines.size(); ++b) commit_all(cache, static_cast<int>(b));
}

// A text with its first part committed, and the logits of the rows behind it as the baseline computes them.
class Trial {
 public:
  Trial(const LanguageModel& model, const InvarianceOptions& options) : model_(model), options_(options) {
    int64_t tail = options.steps;
    for (const int rows : options.rows) tail = std::max<int64_t>(tail, rows);
    tail = std::clamp<int64_t>(tail, 1, std::max<int64_t>(model.context() - 1, 1));
    text_size_ = std::clamp<int64_t>(options.text, 1, std::max<int64_t>(model.context() - tail, 1));
    for (int64_t i = 0; i < text_size_ + tail; ++i) text_.push_back((i * i * 31 + 7 * i) % model.vocab());
    start_ = model.new_cache(1, text_size_ + tail);
    take_in(model, *start_, {chain(text_, 0, text_size_)});
    steps_ = decode(std::min<int64_t>(options.steps, tail));
  }

  // The first rows of passes of several sizes, against the same rows alone.
  bool rows_agree() const {
    for (const int rows : options_.rows) {
      if (text_size_ + rows > size()) continue;
      const auto cache = start_->fork();
      const PassLogits pass(model_, *cache, {chain(text_, text_size_, text_size_ + rows)});
      if (!equals_steps(pass, 0, static_cast<size_t>(rows))) return false;
    }
    return true;
  }

  bool chunks_agree() const {
    const int64_t end = text_size_ + static_cast<int64_t>(steps_.size());
    std::vector<int64_t> sizes = options_.chunks;
    sizes.push_back(end);
    for (const int64_t chunk : sizes) {
      const auto cache = model_.new_cache(1, end);
      std::vector<float> last;
      for (int64_t at = 0; at < end; at += chunk) {
        const int64_t count = std::min(chunk, end - at);
        last = PassLogits(model_, *cache, {chain(text_, at, at + count)}).row(0, static_cast<size_t>(count) - 1);
        commit_all(*cache, 0);
      }
      if (!same_bits(last, steps_.back())) return false;
    }
    return true;
  }

  // Every row of a tree, against its branch as a chain.
  bool tree_agrees() const {
    Tokens token;
    for (int64_t row = 0; row < options_.tree_rows; ++row) token.push_back((row * 37 + 5) % model_.vocab());
    const Line tree = binary_tree(token);
    const auto cache = start_->fork();
    const PassLogits pass(model_, *cache, {tree});
    for (int64_t leaf = options_.tree_rows / 2; leaf < options_.tree_rows; ++leaf) {
      std::vector<size_t> path;
      for (int64_t at = leaf; at >= 0; at = tree.parent[static_cast<size_t>(at)])
        path.push_back(static_cast<size_t>(at));
      std::reverse(path.begin(), path.end());
      Tokens branch;
      for (const size_t row : path) branch.push_back(token[row]);
      const auto alone = start_->fork();
      const PassLogits wanted(model_, *alone, {chain(branch, 0, static_cast<int64_t>(branch.size()))});
      for (size_t i = 0; i < path.size(); ++i) {
        if (!same_bits(pass.row(0, path[i]), wanted.row(0, i))) return false;
      }
    }
    return true;
  }

  // Three sequences of different lengths in two passes, one of them absent from the first, against each alone.
  bool batch_agrees() const {
    const int64_t third = text_size_ / 3, more = std::min<int64_t>(third + 3, size());
    const std::vector<Line> first = {chain(text_, 0, text_size_), chain(text_, 0, third), {}};
    const std::vector<Line> second = {chain(text_, text_size_, text_size_ + static_cast<int64_t>(steps_.size())),
                                      chain(text_, third, more), chain(text_, 0, 1)};
    const auto together = model_.new_cache(3, size());
    take_in(model_, *together, first);
    const PassLogits pass(model_, *together, second);
    if (!equals_steps(pass, 0, steps_.size())) return false;
    for (size_t b = 1; b < 3; ++b) {
      const auto cache = model_.new_cache(1, size());
      if (!first[b].token.empty()) take_in(model_, *cache, {first[b]});
      const PassLogits alone(model_, *cache, {second[b]});
      for (size_t row = 0; row < second[b].token.size(); ++row) {
        if (!same_bits(pass.row(b, row), alone.row(0, row))) return false;
      }
    }
    return true;
  }

  // One row a pass under ancestors that were never committed.
  bool tentative_agrees() const {
    const auto cache = start_->fork();
    for (size_t i = 0; i < std::min<size_t>(steps_.size(), 3); ++i) {
      const auto at = text_size_ + static_cast<int64_t>(i);
      const PassLogits pass(model_, *cache, {chain(text_, at, at + 1, static_cast<int64_t>(i))});
      if (!same_bits(pass.row(0, 0), steps_[i])) return false;
    }
    return true;
  }

  bool one_thread_agrees() const {
    const int before = threads();
    set_threads(1);
    std::vector<std::vector<float>> alone;
    try {
      alone = decode(static_cast<int64_t>(steps_.size()));
    } catch (...) {
      set_threads(before);
      throw;
    }
    set_threads(before);
    return std::equal(alone.begin(), alone.end(), steps_.begin(), same_bits);
  }

 private:
  int64_t size() const { return static_cast<int64_t>(text_.size()); }

  std::vector<std::vector<float>> decode(int64_t count) const {
    const auto cache = start_->fork();
    std::vector<std::vector<float>> logits;
    for (int64_t at = text_size_; at < text_size_ + count; ++at) {
      logits.push_back(PassLogits(model_, *cache, {chain(text_, at, at + 1)}).row(0, 0));
      commit_all(*cache, 0);
    }
    return logits;
  }

  bool equals_steps(const PassLogits& pass, size_t b, size_t rows) const {
    for (size_t row = 0; row < std::min(rows, steps_.size()); ++row) {
      if (!same_bits(pass.row(b, row), steps_[row])) return false;
    }
    return true;
  }

  const LanguageModel& model_;
  const InvarianceOptions& options_;
  Tokens text_;
  int64_t text_size_ = 0;                  // of its committed part
  std::unique_ptr<KvCache> start_;         // that part; every trial works on a fork
  std::vector<std::vector<float>> steps_;  // [V] after each of the next tokens
};

}  // namespace

InvarianceOptions full_invariance() {
  InvarianceOptions options;
  for (int rows = 1; rows <= 17; ++rows) options.rows.push_back(rows);
  options.rows.push_back(40);
  options.chunks = {1, 2, 3, 5, 8, 12, 13, 16, 17, 64};
  return options;
}

InvarianceOptions quick_invariance() {
  return {.text = 16, .steps = 5, .rows = {2, 5, 8}, .chunks = {11}, .tree_rows = 5, .tries_one_thread = false};
}

bool InvarianceReport::held() const {
  return std::all_of(properties.begin(), properties.end(), [](const Property& p) { return p.held; });
}

std::string InvarianceReport::text() const {
  std::vector<std::string> kept, lost;
  for (const Property& p : properties) (p.held ? kept : lost).push_back(p.what);
  const std::string holds = kept.empty() ? "" : cat(lost.empty() ? "" : "; ", "holds for ", join(kept));
  return lost.empty() ? holds : cat("DOES NOT HOLD for ", join(lost), holds);
}

InvarianceReport check_invariance(const LanguageModel& model, const InvarianceOptions& options) {
  const Trial trial(model, options);
  const int most = options.rows.empty() ? 1 : *std::max_element(options.rows.begin(), options.rows.end());
  InvarianceReport report;
  report.properties = {{"rows", cat("passes of up to ", most, " rows"), trial.rows_agree()},
                       {"chunks", "prefill in chunks", trial.chunks_agree()},
                       {"tree", "trees", trial.tree_agrees()},
                       {"batch", "ragged batches", trial.batch_agrees()},
                       {"tentative", "tentative ancestors", trial.tentative_agrees()}};
  if (options.tries_one_thread && threads() > 1)
    report.properties.push_back({"threads", cat("1 and ", threads(), " threads"), trial.one_thread_agrees()});
  return report;
}

InvarianceReport check_invariance(const LoadedModel& model, const InvarianceOptions& options) {
  InvarianceReport report = check_invariance(static_cast<const LanguageModel&>(model), options);
  report.properties.push_back(
      {"construction", "sums whose order no pass changes", model.is_invariant_by_construction()});
  return report;
}

}  // namespace specula
