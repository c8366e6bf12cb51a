#include "framework/model/aten/aten_model.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>

#include "framework/model/aten/aten_pass.h"
#include "framework/model/pass_input.h"

namespace specula {
namespace {

constexpr int64_t kMostRows = 512;  // of a sequence at once: bounds the scores, [B,heads,512,slots] float32

// Adds the rows to the cache's books, unless they resume.  Chunk by chunk, the runs of the sequences that have rows
// there.
std::vector<std::vector<AtenRun>> list_rows(const PassInput& in, AtenCache& cache) {
  for (int b = 0; b < cache.batch() && !in.resumes(); ++b) cache.make_room(b, in.count(b));
  std::vector<std::vector<AtenRun>> chunks;
  for (int64_t first = 0; first < in.rows(); first += kMostRows) {
    std::vector<AtenRun> runs;
    for (int b = 0; b < cache.batch(); ++b) {
      const int64_t end = std::min(in.count(b), first + kMostRows);
      if (first >= end) continue;
      const int64_t slot = in.resumes() ? cache.size(b) + first : cache.book(b).used();
      AtenRun& run = runs.emplace_back(AtenRun{.b = b, .slot = slot});
      for (int64_t r = first; r < end; ++r) {
        if (in.resumes()) {
          in.check_resumed(b, r, cache.book(b).parent(static_cast<int>(r)));
        } else {
          cache.add(b, in.parent(b, r));
        }
        run.token.push_back(in.token(b, r));
        run.out_row.push_back(in.out_row(b, r));
        run.logits_row.push_back(in.logits_row(b, r));
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

struct AtenHead final : PartialHead {
  AtenHead(const AtenModel& model, LibraryLinear head, std::vector<Token> of)
      : PartialHead(std::move(of)), owner(model), matrix(std::move(head)) {}
  const AtenModel& owner;
  LibraryLinear matrix;
};

}  // namespace

AtenModel::AtenModel(const Checkpoint& checkpoint, Dtype dtype, at::Device device)
    : info_(checkpoint.info()), dtype_(dtype), weights_(checkpoint, scalar_type(dtype), device) {}

AtenCacheShape AtenModel::cache_shape() const {
  const DecoderConfig& config = weights_.config;
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
  const DecoderConfig& config = weights_.config;
  return 2 * config.layers * config.kv_heads * config.head_dim * static_cast<int64_t>(c10::elementSize(weights_.dtype));
}

std::unique_ptr<PartialHead> AtenModel::partial_head(const std::vector<Token>& tokens) const {
  const c10::InferenceMode inference;
  const Tensor rows = at::empty({static_cast<int64_t>(tokens.size())}, at::kLong);
  std::copy(tokens.begin(), tokens.end(), rows.mutable_data_ptr<int64_t>());
  std::optional<LibraryLinear> matrix = weights_.head.select(rows.to(weights_.device));
  if (!matrix) return nullptr;
  return std::make_unique<AtenHead>(*this, std::move(*matrix), tokens);
}

const LibraryLinear& AtenModel::head_of(const Ask& ask) const {
  if (ask.head == nullptr) return weights_.head;
  const auto* own = dynamic_cast<const AtenHead*>(ask.head);
  SPECULA_CHECK(own != nullptr && &own->owner == this, "the partial head was made by another model");
  return own->matrix;
}

Pass AtenModel::forward(const Rows& rows, KvCache& cache, const Ask& ask) const {
  auto* own = dynamic_cast<AtenCache*>(&cache);
  SPECULA_CHECK(own != nullptr && own->shape() == cache_shape(), "the cache was made by another model");
  const PassInput in(rows, cache, own->batch(), ask, info_);
  const c10::InferenceMode inference;
  const auto chunks = list_rows(in, *own);
  const int64_t batch = in.batch(), lines = in.logits_lines(), sites = static_cast<int64_t>(ask.hidden.size());

  // Rows that nobody writes stay zero: padding, and sequences without a row.
  const auto options = at::TensorOptions(at::kFloat).device(weights_.device);
  AtenOutputs outputs{.logits = {}, .hidden = {}, .sites = ask.hidden};
  const int64_t columns = ask.head != nullptr ? static_cast<int64_t>(ask.head->tokens.size()) : vocab();
  AtenRoute route{.ask = ask, .head = head_of(ask), .hidden = {}};
  if (in.resumes()) route.hidden = in.hidden_rows().view({batch * in.rows(), info_.hidden}).to(weights_.device);
  if (ask.logits != Logits::kNone) outputs.logits = at::zeros({batch * lines, columns}, options);
  if (sites > 0) outputs.hidden = at::zeros({batch * in.rows(), sites, info_.hidden}, options);
  for (const std::vector<AtenRun>& runs : chunks) run_aten_pass(weights_, *own, runs, route, outputs);
  return to_host(outputs, {batch, lines, columns}, {batch, in.rows(), sites, info_.hidden});
}

}  // namespace specula
