#include "framework/model/aten/aten_pass.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/index.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace specula {
namespace {

// The rows that `row` [n] int64 names.
Tensor rows_of(const Tensor& x, const Tensor& row) { return at::index(x, {row}); }

// A chunk of N rows as tensors on the device.  Products take the rows packed; attention takes them as [B,width], the
// rows of a sequence at the start of its line.
struct Chunk {
  int64_t rows = 0, width = 0, length = 0;  // length: slots that attention reads
  bool is_padded = false;                   // N < B * width
  Tensor token, position, line_row;         // [N] int64; line_row of [B*width]
  Tensor out_row;                           // [N] int64, of the outputs' hidden states
  Tensor asked_row, logits_row;             // [M] int64: packed rows whose logits are wanted, and where these go
  Tensor mask;                              // [B,1,1,width,length] float32: 0 or -infinity, added to scores
};

// Everything that the host knows of the chunk travels as two tensors.
class ChunkWriter {
 public:
  ChunkWriter(const AtenCache& cache, std::span<const AtenRun> runs, const KvView& view)
      : cache_(cache), runs_(runs), view_(view) {
    for (const AtenRun& run : runs) {
      const auto count = static_cast<int64_t>(run.token.size());
      chunk_.rows += count;
      chunk_.width = std::max(chunk_.width, count);
      chunk_.length = std::max(chunk_.length, run.slot + count);
    }
    chunk_.is_padded = chunk_.rows < cache.batch() * chunk_.width;
  }

  Chunk write() {
    write_integers();
    const Tensor mask = at::zeros({cache_.batch(), 1, 1, chunk_.width, chunk_.length}, at::kFloat);
    for (const AtenRun& run : runs_) {
      float* lines = mask.mutable_data_ptr<float>() + run.b * chunk_.width * chunk_.length;
      for (size_t r = 0; r < run.token.size(); ++r, lines += chunk_.length)
        hide(run.b, run.slot + static_cast<int64_t>(r), lines);
    }
    // From pageable memory the driver copies before it returns, so that the host tensors may go.
    chunk_.mask = mask.to(cache_.shape().device, /*non_blocking=*/true);
    return chunk_;
  }

 private:
  void write_integers() {
    std::vector<int64_t> token, position, line_row, out_row, asked_row, logits_row;
    for (const AtenRun& run : runs_) {
      const SlotBook& book = cache_.book(run.b);
      for (size_t r = 0; r < run.token.size(); ++r) {
        const auto tentative = static_cast<int>(run.slot + static_cast<int64_t>(r) - book.committed());
        if (run.logits_row[r] >= 0) {
          asked_row.push_back(static_cast<int64_t>(token.size()));
          logits_row.push_back(run.logits_row[r]);
        }
        token.push_back(run.token[r]);
        position.push_back(book.committed() - view_.rewind + book.depth(tentative));
        line_row.push_back(run.b * chunk_.width + static_cast<int64_t>(r));
        out_row.push_back(run.out_row[r]);
      }
    }
    const auto asked = static_cast<int64_t>(asked_row.size());
    const Tensor host = at::empty({4 * chunk_.rows + 2 * asked}, at::kLong);
    auto* to = host.mutable_data_ptr<int64_t>();
    for (const auto* list : {&token, &position, &line_row, &out_row, &asked_row, &logits_row})
      to = std::copy(list->begin(), list->end(), to);
    const Tensor all = host.to(cache_.shape().device, /*non_blocking=*/true);
    chunk_.token = all.narrow(0, 0, chunk_.rows);
    chunk_.position = all.narrow(0, chunk_.rows, chunk_.rows);
    chunk_.line_row = all.narrow(0, 2 * chunk_.rows, chunk_.rows);
    chunk_.out_row = all.narrow(0, 3 * chunk_.rows, chunk_.rows);
    chunk_.asked_row = all.narrow(0, 4 * chunk_.rows, asked);
    chunk_.logits_row = all.narrow(0, 4 * chunk_.rows + asked, asked);
  }

  // A row sees the committed slots that the view shows, itself and its ancestors.  (Lines of padding see everything, so
  // that their softmax has something to sum; nobody reads what they give.)
  void hide(int b, int64_t slot, float* line) const {
    const SlotBook& book = cache_.book(b);
    const float never = -std::numeric_limits<float>::infinity();
    const int64_t shown = book.committed() - view_.rewind;
    std::fill(line + shown, line + chunk_.length, never);
    if (view_.sinks >= 0 && view_.sinks + view_.window < shown)
      std::fill(line + view_.sinks, line + shown - view_.window, never);
    for (auto seen = static_cast<int>(slot - book.committed()); seen >= 0; seen = book.parent(seen))
      line[book.committed() + seen] = 0;
  }

  const AtenCache& cache_;
  std::span<const AtenRun> runs_;
  const KvView& view_;
  Chunk chunk_;
};

// The residual stream, norms, rotations, softmax and the gate are float32; what enters a product is in the weights'
// dtype.
class AtenPass {
 public:
  AtenPass(const AtenWeights& weights, AtenCache& cache, std::span<const AtenRun> runs, const AtenRoute& route,
           const AtenOutputs& outputs)
      : weights_(weights),
        config_(weights.config),
        cache_(cache),
        runs_(runs),
        route_(route),
        outputs_(outputs),
        chunk_(ChunkWriter(cache, runs, route.ask.view).write()) {}

  void run() {
    const Tensor angle = (chunk_.position.to(at::kFloat).unsqueeze(1) * weights_.frequency).unsqueeze(1);
    cosine_ = at::cos(angle);  // [N,1,head_dim/2]
    sine_ = at::sin(angle);
    const Ask& ask = route_.ask;
    Tensor x = ask.first_layer > 0 ? rows_of(route_.hidden, chunk_.out_row)
                                   : rows_of(weights_.embedding, chunk_.token).to(at::kFloat);  // [N,hidden]
    for (int64_t i = ask.first_layer; i < config_.layers; ++i) {
      const auto l = static_cast<size_t>(i);
      const AtenLayer& layer = weights_.layers[l];
      show(x, i);
      if (ask.skip_attention.empty() || ask.skip_attention[l] == 0)
        x = x + attention(norm(x, layer.input_norm), layer, i);
      if (ask.skip_mlp.empty() || ask.skip_mlp[l] == 0) x = x + gated(norm(x, layer.attention_norm), layer);
    }
    show(x, config_.layers);
    const bool wants_logits = chunk_.asked_row.size(0) > 0;
    const int last = static_cast<int>(config_.layers) + 1;
    const bool wants_normed = std::find(outputs_.sites.begin(), outputs_.sites.end(), last) != outputs_.sites.end();
    if (!wants_logits && !wants_normed) return;
    x = norm(x, weights_.final_norm);
    show(x, last);
    if (!wants_logits) return;
    const Tensor logits = linear(rows_of(x, chunk_.asked_row), route_.head);
    outputs_.logits.index_copy_(0, chunk_.logits_row, logits);
  }

 private:
  void show(const Tensor& x, int64_t site) const {
    for (size_t s = 0; s < outputs_.sites.size(); ++s) {
      if (outputs_.sites[s] != site) continue;
      outputs_.hidden.select(1, static_cast<int64_t>(s)).index_copy_(0, chunk_.out_row, x);
    }
  }

  Tensor norm(const Tensor& x, const Tensor& weight) const {
    return x * at::rsqrt(x.pow(2).mean(-1, /*keepdim=*/true) + config_.rms_norm_eps) * weight;
  }

  Tensor linear(const Tensor& x, const LibraryLinear& matrix) const {
    return matrix(x.to(weights_.dtype)).to(at::kFloat);
  }

  Tensor gated(const Tensor& x, const AtenLayer& layer) const {
    const Tensor both = linear(x, layer.gate_up);  // [N, 2 * intermediate]
    const Tensor gate = both.narrow(1, 0, config_.intermediate),
                 up = both.narrow(1, config_.intermediate, config_.intermediate);
    return linear(at::silu(gate) * up, layer.down);
  }

  // x [N,heads,head_dim]: dimension i turns with dimension i + head_dim / 2.
  Tensor rotated(const Tensor& x) const {
    const int64_t half = config_.head_dim / 2;
    const Tensor a = x.narrow(2, 0, half), b = x.narrow(2, half, half);
    return at::cat({a * cosine_ - b * sine_, b * cosine_ + a * sine_}, 2);
  }

  Tensor attention(const Tensor& x, const AtenLayer& layer, int64_t index) const {
    const int64_t heads = config_.heads, kv = config_.kv_heads, d = config_.head_dim;
    const Tensor qkv = linear(x, layer.qkv).view({chunk_.rows, heads + 2 * kv, d});
    const Tensor turned = rotated(qkv.narrow(1, 0, heads + kv));
    const Tensor fresh = at::cat({turned.narrow(1, heads, kv), qkv.narrow(1, heads + kv, kv)}, 1);
    int64_t first = 0;
    for (const AtenRun& run : runs_) {
      const auto count = static_cast<int64_t>(run.token.size());
      cache_.write(index, run.b, run.slot, fresh.narrow(0, first, count).view({count, 2, kv, d}));
      first += count;
    }
    return linear(packed(attended(in_lines(turned.narrow(1, 0, heads).to(weights_.dtype)), index)), layer.output);
  }

  // query [B*width,heads,head_dim] -> [B*width, heads * head_dim] float32.  The query heads that share a key head are
  // rows of one product, so that keys and values are not repeated.
  Tensor attended(const Tensor& query, int64_t index) const {
    const int64_t batch = cache_.batch(), width = chunk_.width, kv = config_.kv_heads, d = config_.head_dim;
    const int64_t group = config_.heads / kv, length = chunk_.length;
    const Tensor q = query.view({batch, width, kv, group, d}).permute({0, 2, 3, 1, 4});  // [B,kv,group,width,d]
    const Tensor rows = q.reshape({batch, kv, group * width, d});
    const Tensor products = at::matmul(rows, cache_.keys(index, length).transpose(2, 3));
    const Tensor scores = products.to(at::kFloat).view({batch, kv, group, width, length}) / std::sqrt(double(d));
    const Tensor weight = at::softmax(scores + chunk_.mask, -1).to(weights_.dtype);
    const Tensor mixed = at::matmul(weight.view({batch, kv, group * width, length}), cache_.values(index, length));
    return mixed.view({batch, kv, group, width, d})
        .permute({0, 3, 1, 2, 4})
        .reshape({batch * width, config_.heads * d});
  }

  Tensor in_lines(const Tensor& x) const {  // [N,heads,head_dim] -> [B*width,heads,head_dim]
    if (!chunk_.is_padded) return x.contiguous();
    const Tensor lines = at::zeros({cache_.batch() * chunk_.width, x.size(1), x.size(2)}, x.options());
    return lines.index_copy(0, chunk_.line_row, x);
  }
  Tensor packed(const Tensor& lines) const {  // [B*width,...] -> [N,...]
    return chunk_.is_padded ? rows_of(lines, chunk_.line_row) : lines;
  }

  const AtenWeights& weights_;
  const LlamaConfig& config_;
  AtenCache& cache_;
  std::span<const AtenRun> runs_;
  const AtenRoute& route_;
  const AtenOutputs& outputs_;
  const Chunk chunk_;
  Tensor cosine_, sine_;
};

}  // namespace

void run_aten_pass(const AtenWeights& weights, AtenCache& cache, std::span<const AtenRun> runs, const AtenRoute& route,
                   const AtenOutputs& outputs) {
  AtenPass(weights, cache, runs, route, outputs).run();
}

}  // namespace specula
