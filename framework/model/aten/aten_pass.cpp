#include "framework/model/aten/aten_pass.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/index.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/topk.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <tuple>

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
  std::map<int64_t, Tensor> masks;          // by window: [B,1,1,width,length] float32, 0 or -infinity, added to scores
  Tensor main_angles, local_angles;         // [N,1,turning] float32: cosines, then sines
};

// Everything that the host knows of the chunk travels as a few tensors.
class ChunkWriter {
 public:
  ChunkWriter(const AtenWeights& weights, const AtenCache& cache, std::span<const AtenRun> runs, const KvView& view)
      : weights_(weights), cache_(cache), runs_(runs), view_(view) {
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
    for (int64_t l = 0; l < weights_.config.layers; ++l) {
      const int64_t window = weights_.config.window(l);
      if (!chunk_.masks.contains(window)) chunk_.masks[window] = mask_of(window);
      const LayerRope rope = weights_.config.rope_of(l);
      if (rope == LayerRope::kMain && !chunk_.main_angles.defined()) chunk_.main_angles = angles_of(weights_.main_rope);
      if (rope == LayerRope::kLocal && !chunk_.local_angles.defined())
        chunk_.local_angles = angles_of(weights_.local_rope);
    }
    return chunk_;
  }

 private:
  // From pageable memory the driver copies before it returns, so that the host tensors may go.
  Tensor sent(const Tensor& host) const { return host.to(cache_.shape().device, /*non_blocking=*/true); }

  Tensor mask_of(int64_t window) const {
    const Tensor mask = at::zeros({cache_.batch(), 1, 1, chunk_.width, chunk_.length}, at::kFloat);
    for (const AtenRun& run : runs_) {
      float* lines = mask.mutable_data_ptr<float>() + run.b * chunk_.width * chunk_.length;
      for (size_t r = 0; r < run.token.size(); ++r, lines += chunk_.length)
        hide(run.b, run.slot + static_cast<int64_t>(r), window, lines);
    }
    return sent(mask);
  }

  Tensor angles_of(const RotaryTable& table) const {
    const int64_t size = table.turning();
    const Tensor host = at::empty({chunk_.rows, 1, size}, at::kFloat);
    float* to = host.mutable_data_ptr<float>();
    std::vector<float> scratch(static_cast<size_t>(size));
    for (const int64_t position : positions_) to = std::copy_n(table.at(position, scratch.data()), size, to);
    return sent(host);
  }

  void write_integers() {
    std::vector<int64_t> token, line_row, out_row, asked_row, logits_row;
    for (const AtenRun& run : runs_) {
      const SlotBook& book = cache_.book(run.b);
      for (size_t r = 0; r < run.token.size(); ++r) {
        const auto tentative = static_cast<int>(run.slot + static_cast<int64_t>(r) - book.committed());
        if (run.logits_row[r] >= 0) {
          asked_row.push_back(static_cast<int64_t>(token.size()));
          logits_row.push_back(run.logits_row[r]);
        }
        token.push_back(run.token[r]);
        positions_.push_back(book.committed() - view_.rewind + book.depth(tentative));
        line_row.push_back(run.b * chunk_.width + static_cast<int64_t>(r));
        out_row.push_back(run.out_row[r]);
      }
    }
    const auto asked = static_cast<int64_t>(asked_row.size());
    const Tensor host = at::empty({4 * chunk_.rows + 2 * asked}, at::kLong);
    auto* to = host.mutable_data_ptr<int64_t>();
    for (const auto* list : {&token, &positions_, &line_row, &out_row, &asked_row, &logits_row})
      to = std::copy(list->begin(), list->end(), to);
    const Tensor all = sent(host);
    chunk_.token = all.narrow(0, 0, chunk_.rows);
    chunk_.position = all.narrow(0, chunk_.rows, chunk_.rows);
    chunk_.line_row = all.narrow(0, 2 * chunk_.rows, chunk_.rows);
    chunk_.out_row = all.narrow(0, 3 * chunk_.rows, chunk_.rows);
    chunk_.asked_row = all.narrow(0, 4 * chunk_.rows, asked);
    chunk_.logits_row = all.narrow(0, 4 * chunk_.rows + asked, asked);
  }

  // A row sees the committed slots that the view shows, itself and its ancestors, as far as the layer's window reaches.
  // (Lines of padding see everything, so that their softmax has something to sum; nobody reads what they give.)
  void hide(int b, int64_t slot, int64_t window, float* line) const {
    const SlotBook& book = cache_.book(b);
    const float never = -std::numeric_limits<float>::infinity();
    const int64_t shown = book.committed() - view_.rewind;
    std::fill(line + shown, line + chunk_.length, never);
    if (view_.sinks >= 0 && view_.sinks + view_.window < shown)
      std::fill(line + view_.sinks, line + shown - view_.window, never);
    const auto row = static_cast<int>(slot - book.committed());
    const int64_t first = window == 0 ? 0 : shown + book.depth(row) - window + 1;  // position of the first key seen
    if (first > 0) std::fill(line, line + std::min(first, shown), never);
    for (int seen = row; seen >= 0 && shown + book.depth(seen) >= first; seen = book.parent(seen))
      line[book.committed() + seen] = 0;
  }

  const AtenWeights& weights_;
  const AtenCache& cache_;
  std::span<const AtenRun> runs_;
  const KvView& view_;
  std::vector<int64_t> positions_{};
  Chunk chunk_{};
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
        chunk_(ChunkWriter(weights, cache, runs, route.ask.view).write()) {}

  void run() {
    const Ask& ask = route_.ask;
    Tensor x = ask.first_layer > 0 ? rows_of(route_.hidden, chunk_.out_row) : embedded();  // [N,hidden]
    for (int64_t i = ask.first_layer; i < config_.layers; ++i) {
      show(x, i);
      x = layer(x, i);
    }
    show(x, config_.layers);
    const bool wants_logits = chunk_.asked_row.size(0) > 0;
    const int last = static_cast<int>(config_.layers) + 1;
    const bool wants_normed = std::find(outputs_.sites.begin(), outputs_.sites.end(), last) != outputs_.sites.end();
    if (!wants_logits && !wants_normed) return;
    if (config_.final_norm) x = norm(x, weights_.final_norm);
    show(x, last);
    if (wants_logits) outputs_.logits.index_copy_(0, chunk_.logits_row, head(rows_of(x, chunk_.asked_row)));
  }

 private:
  void show(const Tensor& x, int64_t site) const {
    for (size_t s = 0; s < outputs_.sites.size(); ++s) {
      if (outputs_.sites[s] != site) continue;
      outputs_.hidden.select(1, static_cast<int64_t>(s)).index_copy_(0, chunk_.out_row, x);
    }
  }

  Tensor embedded() const {
    Tensor x = rows_of(weights_.embedding, chunk_.token).to(at::kFloat) * config_.embedding_scale;
    if (config_.is_projected()) x = linear(x, weights_.embedding_in);
    if (config_.learned_positions == 0) return x;
    return x + rows_of(weights_.positions, chunk_.position + config_.position_offset);
  }

  Tensor head(const Tensor& x) const {
    const Tensor logits = linear(config_.is_projected() ? linear(x, weights_.embedding_out) : x, route_.head);
    return capped(logits, config_.logits_softcap);
  }

  // A block that is skipped adds nothing, and the stream is not normalised behind it either.
  Tensor layer(Tensor x, int64_t index) const {
    const auto l = static_cast<size_t>(index);
    const Ask& ask = route_.ask;
    const bool attends = ask.skip_attention.empty() || ask.skip_attention[l] == 0;
    const bool feeds = ask.skip_mlp.empty() || ask.skip_mlp[l] == 0;
    const AtenLayer& layer = weights_.layers[l];
    const NormPlaces& places = config_.places;
    const Tensor start = x;
    if (attends) {
      const Tensor block = attention(places.before ? norm(x, layer.attention_norm) : x, layer, index);
      x = joined(x, block, layer.attention_post_norm);
    }
    if (!feeds) return x;
    const AtenNorm& before = places.shared ? layer.attention_norm : layer.mlp_norm;
    const Tensor& from = places.parallel ? start : x;
    return joined(x, mlp(places.before ? norm(from, before) : from, layer), layer.mlp_post_norm);
  }

  Tensor joined(const Tensor& x, const Tensor& block, const AtenNorm& post) const {
    if (config_.places.sum) return norm(x + block, post);
    return x + (config_.places.after ? norm(block, post) : block);
  }

  // Over the last dimension.
  Tensor norm(const Tensor& x, const AtenNorm& norm) const {
    const Tensor centred = config_.norm == NormKind::kRms ? x : x - x.mean(-1, /*keepdim=*/true);
    const Tensor y = centred * at::rsqrt(centred.pow(2).mean(-1, /*keepdim=*/true) + config_.norm_eps) * norm.weight;
    return norm.bias.defined() ? y + norm.bias : y;
  }

  static Tensor capped(const Tensor& x, double cap) { return cap > 0 ? at::tanh(x / cap) * cap : x; }

  Tensor linear(const Tensor& x, const LibraryLinear& matrix) const {
    return matrix(x.to(weights_.dtype)).to(at::kFloat);
  }

  Tensor activated(const Tensor& x) const {
    switch (config_.activation) {
      case Activation::kSilu:
        return at::silu(x);
      case Activation::kGelu:
        return at::gelu(x);
      case Activation::kGeluTanh:
        return at::gelu(x, "tanh");
      case Activation::kRelu:
        return at::relu(x);
    }
    SPECULA_CHECK(false, "activation ", static_cast<int>(config_.activation));
  }

  Tensor feed_forward(const Tensor& x, const AtenMlp& mlp) const {
    const Tensor in = linear(x, mlp.in);  // [N, 2 * intermediate] where it is gated
    if (!config_.gated) return linear(activated(in), mlp.down);
    const int64_t wide = in.size(1) / 2;
    return linear(activated(in.narrow(1, 0, wide)) * in.narrow(1, wide, wide), mlp.down);
  }

  Tensor mlp(const Tensor& x, const AtenLayer& layer) const {
    return layer.router.defined() ? experts(x, layer) : feed_forward(x, layer.mlp);
  }

  // A row's sum runs over its experts in their order.  Which rows an expert gets is decided on the host.
  Tensor experts(const Tensor& x, const AtenLayer& layer) const {
    auto [weights, chosen] = at::topk(at::softmax(at::linear(x, layer.router), -1), config_.experts.top, -1);
    if (config_.experts.renormalised) weights = weights / weights.sum(-1, /*keepdim=*/true);
    const Tensor on_host = chosen.to(at::kCPU).contiguous();  // sync
    const int64_t* expert_of = on_host.const_data_ptr<int64_t>();
    std::map<int64_t, std::vector<int64_t>> places;  // by expert, in the flattened [N,top]
    for (int64_t i = 0; i < on_host.numel(); ++i) places[expert_of[i]].push_back(i);
    const Tensor sum = at::zeros_like(x), flat = weights.reshape({-1, 1});
    for (const auto& [expert, at] : places) {
      const Tensor place = at::tensor(at).to(x.device());
      const Tensor row = place.div(config_.experts.top, "floor");
      const Tensor block = feed_forward(rows_of(x, row), layer.experts[static_cast<size_t>(expert)]);
      sum.index_add_(0, row, block * rows_of(flat, place));
    }
    if (config_.experts.shared_intermediate == 0) return sum;
    const Tensor shared = feed_forward(x, layer.shared);
    return sum + (layer.shared_gate.defined() ? at::sigmoid(at::linear(x, layer.shared_gate)) * shared : shared);
  }

  // x [N,heads,head_dim]: of the dimensions that turn, i turns with i + turning / 2.
  Tensor turned(const Tensor& x, int64_t index) const {
    const LayerRope rope = config_.rope_of(index);
    if (rope == LayerRope::kNone) return x;
    const Tensor& angles = rope == LayerRope::kLocal ? chunk_.local_angles : chunk_.main_angles;
    const int64_t size = config_.turning(), half = size / 2;
    const Tensor cosine = angles.narrow(2, 0, half), sine = angles.narrow(2, half, half);
    const Tensor a = x.narrow(2, 0, half), b = x.narrow(2, half, half);
    return at::cat({a * cosine - b * sine, b * cosine + a * sine, x.narrow(2, size, x.size(2) - size)}, 2);
  }

  // `count` heads of qkv [N,(heads + 2 kv) * head_dim] from the first-th on, normalised and turned: [N,count,head_dim].
  Tensor heads_of(const Tensor& qkv, int64_t first, int64_t count, const AtenNorm& own, int64_t index) const {
    const int64_t d = config_.head_dim;
    Tensor heads = qkv.narrow(1, first * d, count * d);
    if (config_.query_key_norm == QueryKeyNorm::kAll) heads = norm(heads, own);
    heads = heads.reshape({chunk_.rows, count, d});
    if (config_.query_key_norm == QueryKeyNorm::kHead) heads = norm(heads, own);
    return turned(heads, index);
  }

  Tensor attention(const Tensor& x, const AtenLayer& layer, int64_t index) const {
    const int64_t heads = config_.heads, kv = config_.kv_heads, d = config_.head_dim;
    const Tensor qkv = linear(x, layer.qkv);
    const Tensor query = heads_of(qkv, 0, heads, layer.q_norm, index);
    const Tensor key = heads_of(qkv, heads, kv, layer.k_norm, index);
    const Tensor value = qkv.narrow(1, (heads + kv) * d, kv * d).reshape({chunk_.rows, kv, d});
    const Tensor fresh = at::cat({key, value}, 1);
    int64_t first = 0;
    for (const AtenRun& run : runs_) {
      const auto count = static_cast<int64_t>(run.token.size());
      cache_.write(index, run.b, run.slot, fresh.narrow(0, first, count).view({count, 2, kv, d}));
      first += count;
    }
    return linear(packed(attended(in_lines(query.to(weights_.dtype)), index)), layer.output);
  }

  // query [B*width,heads,head_dim] -> [B*width, heads * head_dim] float32.  The query heads that share a key head are
  // rows of one product, so that keys and values are not repeated.
  Tensor attended(const Tensor& query, int64_t index) const {
    const int64_t batch = cache_.batch(), width = chunk_.width, kv = config_.kv_heads, d = config_.head_dim;
    const int64_t group = config_.heads / kv, length = chunk_.length;
    const Tensor q = query.view({batch, width, kv, group, d}).permute({0, 2, 3, 1, 4});  // [B,kv,group,width,d]
    const Tensor rows = q.reshape({batch, kv, group * width, d});
    const Tensor products = at::matmul(rows, cache_.keys(index, length).transpose(2, 3));
    const Tensor scores = products.to(at::kFloat).view({batch, kv, group, width, length}) * config_.scale_of(index);
    const Tensor& mask = chunk_.masks.at(config_.window(index));
    const Tensor weight = at::softmax(capped(scores, config_.attention_softcap) + mask, -1).to(weights_.dtype);
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
  const DecoderConfig& config_;
  AtenCache& cache_;
  std::span<const AtenRun> runs_;
  const AtenRoute& route_;
  const AtenOutputs& outputs_;
  const Chunk chunk_;
};

}  // namespace

void run_aten_pass(const AtenWeights& weights, AtenCache& cache, std::span<const AtenRun> runs, const AtenRoute& route,
                   const AtenOutputs& outputs) {
  AtenPass(weights, cache, runs, route, outputs).run();
}

}  // namespace specula
