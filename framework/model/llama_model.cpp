#include "framework/model/llama_model.h"

#include <ATen/ops/empty.h>

#include <algorithm>

#include "framework/model/llama_cache.h"
#include "framework/model/llama_pass.h"

namespace specula {
namespace {

CacheShape cache_shape(const LlamaWeights& weights) {
  const LlamaConfig& config = weights.config();
  return {config.layers, config.kv_heads, config.head_dim, weights.kernels().cache_bytes};
}

struct Input {
  const int64_t* token;
  const int64_t* parent;
  int64_t batch, rows;
};

// How many rows of sequence b are not padding; all of them are checked before any is added to the cache.
int64_t count_rows(const Input& in, int64_t b, int64_t vocab, int tentative) {
  const int64_t *token = in.token + b * in.rows, *parent = in.parent + b * in.rows;
  int64_t count = 0;
  for (int64_t r = 0; r < in.rows; ++r) {
    if (token[r] == -1) continue;
    SPECULA_CHECK(r == count, "sequence ", b, ": padding before row ", r);
    SPECULA_CHECK(token[r] >= 0 && token[r] < vocab, "sequence ", b, " row ", r, ": token ", token[r],
                  " of a vocabulary of ", vocab);
    SPECULA_CHECK(parent[r] >= -1 && parent[r] < tentative + r, "sequence ", b, " row ", r, ": parent ", parent[r],
                  " of slot ", tentative + r);
    ++count;
  }
  return count;
}

// Adds the rows to the cache and lists them, sequence by sequence.
std::vector<PassRow> add_rows(const Input& in, LlamaCache& cache, int64_t vocab, const Ask& ask) {
  std::vector<int64_t> counts;
  for (int64_t b = 0; b < in.batch; ++b)
    counts.push_back(count_rows(in, b, vocab, cache.tentative(static_cast<int>(b))));
  std::vector<PassRow> rows;
  for (int64_t at = 0; at < in.batch; ++at) {
    const int b = static_cast<int>(at);
    const int64_t count = counts[static_cast<size_t>(at)];
    cache.make_room(b, count);
    for (int64_t r = 0; r < count; ++r) {
      const int slot = cache.add(b, static_cast<int>(in.parent[at * in.rows + r]));
      const int64_t out_row = at * in.rows + r;
      int64_t logits_row = ask.logits == Logits::kAll ? out_row : -1;
      if (ask.logits == Logits::kLast && r == count - 1) logits_row = at;
      rows.push_back({.sequence = b,
                      .slot = static_cast<int>(cache.size(b)) + slot,
                      .position = cache.size(b) + cache.book(b).depth(slot),
                      .token = in.token[out_row],
                      .out_row = out_row,
                      .logits_row = logits_row});
    }
  }
  return rows;
}

// Rows that nobody writes are zero: padding, and sequences without a row.
void clear_unwritten(float* data, int64_t row_count, int64_t row_size, const std::vector<PassRow>& rows,
                     int64_t PassRow::*row) {
  std::vector<char> written(static_cast<size_t>(row_count), 0);
  for (const PassRow& r : rows) {
    if (r.*row >= 0) written[static_cast<size_t>(r.*row)] = 1;
  }
  for (int64_t i = 0; i < row_count; ++i) {
    if (!written[static_cast<size_t>(i)]) std::fill_n(data + i * row_size, row_size, 0.0f);
  }
}

}  // namespace

LlamaModel::LlamaModel(const Checkpoint& checkpoint, const Kernels& kernels)
    : info_(checkpoint.info()), weights_(checkpoint, kernels) {}

std::string LlamaModel::engine() const {
  const Kernels& kernels = weights_.kernels();
  return cat("own: rows ", kernels.target, ", attention ", kernels.attention, ", products ", kernels.layer.target);
}

std::unique_ptr<KvCache> LlamaModel::new_cache(int batch, int64_t reserve) const {
  return std::make_unique<LlamaCache>(cache_shape(weights_), batch, reserve);
}

int64_t LlamaModel::kv_bytes_per_slot() const {
  const LlamaConfig& config = weights_.config();
  return 2 * config.layers * config.kv_heads * config.head_dim * weights_.kernels().cache_bytes;
}

Pass LlamaModel::forward(const Rows& rows, KvCache& cache, const Ask& ask) const {
  auto* own = dynamic_cast<LlamaCache*>(&cache);
  SPECULA_CHECK(own != nullptr && own->shape() == cache_shape(weights_), "the cache was made by another model");
  Dims dims;
  dims.check(rows.token, "token", "B R");
  dims.check(rows.parent, "parent", "B R");
  SPECULA_CHECK(dims['B'] == own->batch(), "rows of ", dims['B'], " sequences, cache of ", own->batch());
  SPECULA_CHECK(rows.token.scalar_type() == at::kLong && rows.parent.scalar_type() == at::kLong,
                "token and parent must be int64");
  for (const int site : ask.hidden)
    SPECULA_CHECK(site >= 0 && site <= info_.layers + 1, "hidden site ", site, " of 0..", info_.layers + 1);

  const Tensor token = rows.token.contiguous(), parent = rows.parent.contiguous();
  const int64_t batch = dims['B'], row_count = dims['R'], sites = static_cast<int64_t>(ask.hidden.size());
  const Input input{token.const_data_ptr<int64_t>(), parent.const_data_ptr<int64_t>(), batch, row_count};
  const std::vector<PassRow> list = add_rows(input, *own, vocab(), ask);

  Pass pass;
  PassOutputs outputs{nullptr, nullptr, ask.hidden};
  if (ask.logits != Logits::kNone) {
    const int64_t lines = ask.logits == Logits::kAll ? row_count : 1;
    pass.logits = at::empty({batch, lines, vocab()}, at::kFloat);
    outputs.logits = pass.logits.mutable_data_ptr<float>();
    clear_unwritten(outputs.logits, batch * lines, vocab(), list, &PassRow::logits_row);
  }
  if (sites > 0) {
    pass.hidden = at::empty({batch, row_count, sites, info_.hidden}, at::kFloat);
    outputs.hidden = pass.hidden.mutable_data_ptr<float>();
    clear_unwritten(outputs.hidden, batch * row_count, sites * info_.hidden, list, &PassRow::out_row);
  }
  const std::span<const PassRow> all(list);
  for (size_t first = 0; first < all.size(); first += kMostPassRows) {
    run_pass(weights_, *own, all.subspan(first, std::min<size_t>(kMostPassRows, all.size() - first)), outputs);
  }
  return pass;
}

}  // namespace specula
