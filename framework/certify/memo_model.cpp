#include "framework/certify/memo_model.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <map>

#include "framework/certify/token_cache.h"
#include "framework/core/error.h"
#include "framework/decode/rows.h"

namespace specula {
namespace {

template <class T>
void append(std::string& key, const T* data, size_t count) {
  key.append(reinterpret_cast<const char*>(data), count * sizeof(T));
}

// Rows are equal where the text and what the pass leaves out are equal; a view counts from where the text is committed.
std::string key_of(const std::vector<Token>& path, size_t committed, const Ask& ask) {
  std::string key;
  append(key, path.data(), path.size());
  if (ask.is_plain() || ask.first_layer > 0) return key;
  key += '|';
  for (const auto* skipped : {&ask.skip_attention, &ask.skip_mlp}) {
    append(key, skipped->data(), skipped->size());
    key += '|';
  }
  const int64_t view[] = {ask.view.sinks, ask.view.window, ask.view.rewind, static_cast<int64_t>(committed)};
  if (!ask.view.is_whole()) append(key, view, 4);
  return key;
}

bool is_exit_after(const Ask& ask, int64_t layers) {
  const Ask exit = exit_after(std::clamp<int64_t>(ask.hidden[0], 1, layers), layers, ask.logits);
  return ask.hidden.size() == 1 && ask.skip_attention == exit.skip_attention && ask.skip_mlp == exit.skip_mlp;
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

const float* MemoModel::find(const std::string& key) const {
  if (const auto row = known_.find(key); row != known_.end()) return row->second.data();
  const auto row = passing_.find(key);
  return row == passing_.end() ? nullptr : row->second.data();
}

void MemoModel::keep(const std::string& key, const float* row) const {
  (known_.size() < most_rows_ ? known_ : passing_).try_emplace(key, row, row + vocab());
}

// The missing paths share their beginnings: one pass over their tree.
void MemoModel::compute(const std::vector<Row>& rows, const Ask& ask) const {
  RowList list;
  std::map<std::pair<int, Token>, int> slots;  // (parent, token) -> slot
  std::vector<int> ends;
  for (const Row& row : rows) {
    int at = -1;
    for (const Token token : row.path) {
      const auto [slot, is_new] = slots.try_emplace({at, token}, static_cast<int>(list.token.size()));
      if (is_new) {
        list.token.push_back(token);
        list.parent.push_back(at);
      }
      at = slot->second;
    }
    ends.push_back(at);
  }
  const Ask own{.logits = Logits::kAll, .skip_attention = ask.skip_attention, .skip_mlp = ask.skip_mlp};
  const Pass pass = model_.forward(make_rows({list}), *cache_, own);
  cache_->rollback(0);
  computed_ += static_cast<int64_t>(list.token.size());
  const float* logits = pass.logits.const_data_ptr<float>();
  for (size_t i = 0; i < rows.size(); ++i)
    keep(key_of(rows[i].path, rows[i].committed, ask), logits + ends[i] * vocab());
}

// Under a view it matters which tokens are committed.
void MemoModel::compute_one(const Row& row, const Ask& ask) const {
  const auto first = row.path.begin(), split = first + static_cast<int64_t>(row.committed);
  if (row.committed > 0) {
    model_.forward(make_rows({RowList::chain({first, split})}), *cache_, {.logits = Logits::kNone});
    cache_->commit(0, first_slots(static_cast<int>(row.committed)));
  }
  const Ask own{
      .logits = Logits::kLast, .skip_attention = ask.skip_attention, .skip_mlp = ask.skip_mlp, .view = ask.view};
  const Pass pass = model_.forward(make_rows({RowList::chain({split, row.path.end()})}), *cache_, own);
  cache_->truncate(0, static_cast<int64_t>(base_.size()));
  computed_ += static_cast<int64_t>(row.path.size());
  keep(key_of(row.path, row.committed, ask), pass.logits.const_data_ptr<float>());
}

// Gives the rows their slots; those whose logits are wanted.
std::vector<MemoModel::Row> MemoModel::take_rows(const Rows& rows, KvCache& any_cache, const Ask& ask) const {
  auto& cache = dynamic_cast<TokenCache&>(any_cache);
  const int64_t batch = rows.token.size(0), num_rows = rows.token.size(1);
  std::vector<Row> wanted;
  for (int64_t b = 0; b < batch; ++b) {
    const int64_t* token = rows.token.const_data_ptr<int64_t>() + b * num_rows;
    const int64_t* parent = rows.parent.const_data_ptr<int64_t>() + b * num_rows;
    for (int64_t r = 0; r < num_rows && token[r] >= 0; ++r) {
      SPECULA_CHECK(token[r] < vocab(), token[r]);
      int slot = cache.take(static_cast<int>(b), r, static_cast<Token>(token[r]), parent[r], ask);
      const bool is_last = r + 1 == num_rows || token[r + 1] < 0;
      if (ask.logits == Logits::kNone || (ask.logits == Logits::kLast && !is_last)) continue;
      const TokenCache::Sequence& s = cache.sequences.at(static_cast<size_t>(b));
      SPECULA_CHECK(s.committed.size() >= base_.size() && std::equal(base_.begin(), base_.end(), s.committed.begin()),
                    "another text than the one that is remembered");
      Path path;
      for (; slot >= 0; slot = s.parent[static_cast<size_t>(slot)]) path.push_back(s.token[static_cast<size_t>(slot)]);
      path.insert(path.end(), s.committed.rbegin(), s.committed.rend() - static_cast<int64_t>(base_.size()));
      std::reverse(path.begin(), path.end());
      wanted.push_back(
          {std::move(path), s.committed.size() - base_.size(), ask.logits == Logits::kLast ? b : b * num_rows + r});
    }
  }
  return wanted;
}

Pass MemoModel::forward(const Rows& rows, KvCache& cache, const Ask& ask) const {
  Dims dims;
  dims.check(rows.token, "token", "B R");
  dims.check(rows.parent, "parent", "B R");
  SPECULA_CHECK(ask.hidden.empty() || is_exit_after(ask, layers()),
                "a model that remembers its rows has no hidden states but those of an early exit");
  SPECULA_CHECK(ask.first_layer == 0 || (ask.skip_attention.empty() && ask.skip_mlp.empty() && ask.view.is_whole()),
                "rows that resume and leave out more are not remembered");
  const std::vector<Row> wanted = take_rows(rows, cache, ask);
  Pass pass;
  if (!ask.hidden.empty()) pass.hidden = at::zeros({dims['B'], dims['R'], 1, 1});
  if (ask.logits == Logits::kNone) return pass;
  passing_.clear();
  std::vector<Row> missing;
  for (const Row& row : wanted) {
    if (find(key_of(row.path, row.committed, ask)) == nullptr) missing.push_back(row);
  }
  if (ask.view.is_whole() && !missing.empty()) {
    compute(missing, ask.first_layer > 0 ? Ask{} : ask);
  } else {
    for (const Row& row : missing) compute_one(row, ask);
  }
  pass.logits = at::empty({dims['B'], ask.logits == Logits::kLast ? 1 : dims['R'], vocab()});
  for (const Row& row : wanted) {
    const float* found = find(key_of(row.path, row.committed, ask));
    std::copy(found, found + vocab(), pass.logits.mutable_data_ptr<float>() + row.to * vocab());
  }
  return pass;
}

}  // namespace specula
