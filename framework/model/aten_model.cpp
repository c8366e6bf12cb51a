#include "framework/model/aten_model.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>

#include "framework/model/aten_pass.h"

namespace specula {
namespace {

constexpr int64_t kMostRows = 512;  // of a sequence at once: bounds the scores, [B,heads,512,slots] float32

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

// Adds the rows to the cache's books.  Chunk by chunk, the runs of the sequences that have rows there.
std::vector<std::vector<AtenRun>> add_rows(const Input& in, AtenCache& cache, int64_t vocab, Logits logits) {
  std::vector<int64_t> counts;
  for (int b = 0; b < cache.batch(); ++b) counts.push_back(count_rows(in, b, vocab, cache.tentative(b)));
  for (int b = 0; b < cache.batch(); ++b) cache.make_room(b, counts[static_cast<size_t>(b)]);
  std::vector<std::vector<AtenRun>> chunks;
  for (int64_t first = 0; first < in.rows; first += kMostRows) {
    std::vector<AtenRun> runs;
    for (int b = 0; b < cache.batch(); ++b) {
      const int64_t count = counts[static_cast<size_t>(b)], end = std::min(count, first + kMostRows);
      if (first >= end) continue;
      AtenRun& run = runs.emplace_back(AtenRun{.b = b, .slot = cache.book(b).used()});
      for (int64_t r = first; r < end; ++r) {
        const int64_t row = b * in.rows + r;
        cache.add(b, static_cast<int>(in.parent[row]));
        run.token.push_back(in.token[row]);
        run.out_row.push_back(row);
        const bool is_last = logits == Logits::kLast && r == count - 1;
        run.logits_row.push_back(logits == Logits::kAll ? row : is_last ? b : -1);
      }
    }
    if (!runs.empty()) chunks.push_back(std::move(runs));
  }
  return chunks;
}

// Both to the host in one copy: the only wait of a pass.
Pass to_host(const AtenOutputs& outputs, at::IntArrayRef logits_shape, at::IntArrayRef hidden_shape) {
  std::vector<Tensor> parts;
  for (const Tensor& part : {outputs.logits, outputs.hidden}) {
    if (part.defined()) parts.push_back(part.flatten());
  }
  Pass pass;
  if (parts.empty()) return pass;
  const Tensor all = (parts.size() == 1 ? parts.front() : at::cat(parts)).to(at::kCPU);  // sync
  const int64_t logits = outputs.logits.defined() ? outputs.logits.numel() : 0;
  if (outputs.logits.defined()) pass.logits = all.narrow(0, 0, logits).view(logits_shape);
  if (outputs.hidden.defined()) pass.hidden = all.narrow(0, logits, all.numel() - logits).view(hidden_shape);
  return pass;
}

at::ScalarType scalar_type(Dtype dtype) {
  SPECULA_CHECK(!is_quantized(dtype), name_of(dtype), " has no operators in LibTorch");
  return dtype == Dtype::kBfloat16 ? at::kBFloat16 : at::kFloat;
}

}  // namespace

AtenModel::AtenModel(const Checkpoint& checkpoint, Dtype dtype, at::Device device)
    : info_(checkpoint.info()), dtype_(dtype), weights_(checkpoint, scalar_type(dtype), device) {}

AtenCacheShape AtenModel::cache_shape() const {
  const LlamaConfig& config = weights_.config;
  return {.layers = config.layers,
          .kv_heads = config.kv_heads,
          .head_dim = config.head_dim,
          .dtype = weights_.dtype,
          .device = weights_.device};
}

std::unique_ptr<KvCache> AtenModel::new_cache(int batch, int64_t reserve) const {
  return std::make_unique<AtenCache>(cache_shape(), batch, reserve);
}

std::string AtenModel::engine() const {
  return cat("ATen on ", weights_.device.str(), weights_.products.empty() ? "" : ", products ", weights_.products);
}

int64_t AtenModel::kv_bytes_per_slot() const {
  const LlamaConfig& config = weights_.config;
  return 2 * config.layers * config.kv_heads * config.head_dim * static_cast<int64_t>(c10::elementSize(weights_.dtype));
}

Pass AtenModel::forward(const Rows& rows, KvCache& cache, const Ask& ask) const {
  auto* own = dynamic_cast<AtenCache*>(&cache);
  SPECULA_CHECK(own != nullptr && own->shape() == cache_shape(), "the cache was made by another model");
  Dims dims;
  dims.check(rows.token, "token", "B R");
  dims.check(rows.parent, "parent", "B R");
  SPECULA_CHECK(dims['B'] == own->batch(), "rows of ", dims['B'], " sequences, cache of ", own->batch());
  SPECULA_CHECK(rows.token.scalar_type() == at::kLong && rows.parent.scalar_type() == at::kLong,
                "token and parent must be int64");
  for (const int site : ask.hidden)
    SPECULA_CHECK(site >= 0 && site <= info_.layers + 1, "hidden site ", site, " of 0..", info_.layers + 1);

  const c10::InferenceMode inference;
  const Tensor token = rows.token.contiguous(), parent = rows.parent.contiguous();
  const int64_t batch = dims['B'], row_count = dims['R'], sites = static_cast<int64_t>(ask.hidden.size());
  const int64_t lines = ask.logits == Logits::kAll ? row_count : 1;
  const Input input{token.const_data_ptr<int64_t>(), parent.const_data_ptr<int64_t>(), batch, row_count};
  const auto chunks = add_rows(input, *own, vocab(), ask.logits);

  // Rows that nobody writes stay zero: padding, and sequences without a row.
  const auto options = at::TensorOptions(at::kFloat).device(weights_.device);
  AtenOutputs outputs{.logits = {}, .hidden = {}, .sites = ask.hidden};
  if (ask.logits != Logits::kNone) outputs.logits = at::zeros({batch * lines, vocab()}, options);
  if (sites > 0) outputs.hidden = at::zeros({batch * row_count, sites, info_.hidden}, options);
  for (const std::vector<AtenRun>& runs : chunks) run_aten_pass(weights_, *own, runs, outputs);
  return to_host(outputs, {batch, lines, vocab()}, {batch, row_count, sites, info_.hidden});
}

}  // namespace specula
