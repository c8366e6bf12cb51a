#include "framework/certify/memo_model.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <map>

#include "framework/certify/token_cache.h"
#include "framework/core/error.h"
#include "framework/decode/rows.h"

namespace specula {
namespace {

std::string key_of(const std::vector<Token>& path) {
  return {reinterpret_cast<const char*>(path.data()), path.size() * sizeof(Token)};
}

}  // namespace

MemoModel::MemoModel(const LanguageModel& model, Prefix base, size_t most_bytes)
    : model_(model),
      base_(std::move(base)),
      most_rows_(most_bytes / (sizeof(float) * static_cast<size_t>(model.vocab()))),
      cache_(model.new_cache(1, static_cast<int64_t>(base_.size()) + 256)) {
  Prefix text = base_;
  text.push_back(0);  // prefill leaves the last token to a round
  prefill(model_, *cache_, {&text, 1}, {.logits = Logits::kNone});
}

std::unique_ptr<KvCache> MemoModel::new_cache(int batch, int64_t /*reserve*/) const {
  return std::make_unique<TokenCache>(batch);
}

const float* MemoModel::find(const Path& path) const {
  const std::string key = key_of(path);
  if (const auto row = known_.find(key); row != known_.end()) return row->second.data();
  const auto row = passing_.find(key);
  return row == passing_.end() ? nullptr : row->second.data();
}

// The missing paths share their beginnings: one pass over their tree.
void MemoModel::compute(const std::vector<Path>& paths) const {
  RowList list;
  std::map<std::pair<int, Token>, int> slots;  // (parent, token) -> slot
  std::vector<int> ends;
  for (const Path& path : paths) {
    int at = -1;
    for (const Token token : path) {
      const auto [slot, is_new] = slots.try_emplace({at, token}, static_cast<int>(list.token.size()));
      if (is_new) {
        list.token.push_back(token);
        list.parent.push_back(at);
      }
      at = slot->second;
    }
    ends.push_back(at);
  }
  const Pass pass = model_.forward(make_rows({list}), *cache_, {.logits = Logits::kAll});
  cache_->rollback(0);
  computed_ += static_cast<int64_t>(list.token.size());
  const float* logits = pass.logits.const_data_ptr<float>();
  for (size_t i = 0; i < paths.size(); ++i) {
    const float* row = logits + ends[i] * vocab();
    (known_.size() < most_rows_ ? known_ : passing_).try_emplace(key_of(paths[i]), row, row + vocab());
  }
}

Pass MemoModel::forward(const Rows& rows, KvCache& any_cache, const Ask& ask) const {
  Dims dims;
  dims.check(rows.token, "token", "B R");
  dims.check(rows.parent, "parent", "B R");
  SPECULA_CHECK(ask.hidden.empty() && ask.is_plain(), "a model that remembers its rows has no layers");
  auto& cache = dynamic_cast<TokenCache&>(any_cache);
  const int64_t num_rows = dims['R'];
  struct Wanted {
    Path path;
    int64_t to;  // row of the result
  };
  std::vector<Wanted> wanted;
  for (int64_t b = 0; b < dims['B']; ++b) {
    TokenCache::Sequence& s = cache.sequences.at(static_cast<size_t>(b));
    const int64_t* token = rows.token.const_data_ptr<int64_t>() + b * num_rows;
    const int64_t* parent = rows.parent.const_data_ptr<int64_t>() + b * num_rows;
    for (int64_t r = 0; r < num_rows && token[r] >= 0; ++r) {
      SPECULA_CHECK(token[r] < vocab(), token[r]);
      cache.take(static_cast<int>(b), r, static_cast<Token>(token[r]), parent[r], ask);
      const bool is_last = r + 1 == num_rows || token[r + 1] < 0;
      if (ask.logits == Logits::kNone || (ask.logits == Logits::kLast && !is_last)) continue;
      SPECULA_CHECK(s.committed.size() >= base_.size() && std::equal(base_.begin(), base_.end(), s.committed.begin()),
                    "another text than the one that is remembered");
      Path path;
      for (int slot = static_cast<int>(s.token.size()) - 1; slot >= 0; slot = s.parent[static_cast<size_t>(slot)])
        path.push_back(s.token[static_cast<size_t>(slot)]);
      path.insert(path.end(), s.committed.rbegin(), s.committed.rend() - static_cast<int64_t>(base_.size()));
      std::reverse(path.begin(), path.end());
      wanted.push_back({std::move(path), ask.logits == Logits::kLast ? b : b * num_rows + r});
    }
  }
  Pass pass;
  if (ask.logits == Logits::kNone) return pass;
  passing_.clear();
  std::vector<Path> missing;
  for (const Wanted& w : wanted) {
    if (find(w.path) == nullptr) missing.push_back(w.path);
  }
  if (!missing.empty()) compute(missing);
  pass.logits = at::empty({dims['B'], ask.logits == Logits::kLast ? 1 : num_rows, vocab()});
  for (const Wanted& w : wanted) {
    const float* row = find(w.path);
    std::copy(row, row + vocab(), pass.logits.mutable_data_ptr<float>() + w.to * vocab());
  }
  return pass;
}

}  // namespace specula
