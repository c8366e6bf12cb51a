#include "framework/model/engine/llama_pass.h"

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "framework/model/engine/barrier.h"
#include "framework/model/threads.h"

namespace specula {
namespace {

constexpr int64_t kAttentionRows = 16;  // of one sequence that one thread attends to at once
constexpr int64_t kFewRows = 4;         // up to here each thread normalises all rows for itself: cheaper than a barrier

// Rows are apart by a little more than their size: distances of a power of two would fall into the same cache sets.
int64_t stride_of(int64_t n) { return padded(n, 16) + 32; }

struct Share {
  int64_t first, last;
};
Share share_of(int64_t items, int thread, int count) { return {items * thread / count, items * (thread + 1) / count}; }

class LlamaPass {
 public:
  LlamaPass(const LlamaWeights& weights, LlamaCache& cache, std::span<const PassRow> rows, const PassRoute& route,
            const PassOutputs& outputs)
      : w_(weights),
        config_(weights.config()),
        kernels_(weights.kernels()),
        cache_(cache),
        s_(cache.scratch()),
        rows_(rows),
        ask_(route.ask),
        resumed_(route.hidden),
        outputs_(outputs),
        num_rows_(static_cast<int64_t>(rows.size())),
        num_threads_(threads()) {
    plan_attention();
    plan_logits();
    plan_rotations();
    allocate();
  }

  void run() {
#pragma omp parallel num_threads(num_threads_)
    {
      running_ = omp_get_num_threads();
      work(omp_get_thread_num(), omp_get_num_threads());
    }
  }

 private:
  struct Block {  // neighbouring rows of one sequence
    int64_t first, last;
  };

  bool is_quantized() const { return kernels_.quantize != nullptr; }
  int64_t element() const { return kernels_.plain_bytes; }
  int64_t hidden_stride() const { return stride_of(config_.hidden); }
  int64_t qkv_stride() const { return stride_of((config_.heads + 2 * config_.kv_heads) * config_.head_dim); }
  int64_t attended_stride() const { return stride_of(config_.heads * config_.head_dim); }
  int64_t gate_up_stride() const { return stride_of(w_.layers().front().gate_up.outputs()); }
  int64_t activated_stride() const { return stride_of(w_.layers().front().gate_up.outputs() / 2); }
  int64_t quantized_stride() const {  // bytes; one stride serves every product
    const int64_t widest = std::max({config_.hidden, config_.heads * config_.head_dim, config_.intermediate});
    return is_quantized() ? row_bytes(RowFormat::kQuantized, widest) + 128 : 0;
  }
  float* residual(int64_t row) const { return s_.residual.data<float>() + row * hidden_stride(); }
  float* qkv(int64_t row) const { return s_.qkv.data<float>() + row * qkv_stride(); }

  // The keys that a row sees: a trunk of neighbouring slots, then its branch of a tree; where a view hides slots, the
  // trunk are the sinks and the window belongs to the branch.
  void plan_attention() {
    branches_.reserve(rows_.size());
    paths_.resize(rows_.size());
    for (size_t m = 0; m < rows_.size(); ++m) {
      const int b = rows_[m].sequence;
      const auto committed = static_cast<int>(cache_.size(b)), seen = committed - static_cast<int>(ask_.view.rewind);
      const bool is_windowed =
          !ask_.view.is_whole() && ask_.view.sinks >= 0 && ask_.view.sinks + ask_.view.window < seen;
      const bool is_apart = is_windowed || seen < committed;  // the tentative slots do not follow the trunk
      int slot = rows_[m].slot - committed;
      std::vector<int32_t> branch;
      const SlotBook& book = cache_.book(b);
      while (slot >= 0 && (is_apart || book.depth(slot) != slot)) {  // depth == slot: all before it are its ancestors
        branch.push_back(committed + slot);
        slot = book.parent(slot);
      }
      if (is_windowed) {
        for (int at = seen - 1; at >= seen - ask_.view.window; --at) branch.push_back(at);
      }
      std::reverse(branch.begin(), branch.end());
      branches_.push_back(std::move(branch));
      const auto apart = static_cast<int64_t>(branches_.back().size());
      const int64_t trunk = is_windowed ? ask_.view.sinks : is_apart ? seen : committed + slot + 1;
      paths_[m] = {trunk, branches_.back().data(), apart};
      most_slots_ = std::max<int64_t>(most_slots_, rows_[m].slot + 1);
      most_tail_ = std::max<int64_t>({most_tail_, rows_[m].slot + 1 - committed, apart});
    }
    for (int64_t first = 0; first < num_rows_;) {
      int64_t last = first;
      const auto same = [&](int64_t m) { return m < num_rows_ && rows_[m].sequence == rows_[first].sequence; };
      while (same(last)) ++last;
      is_fused_ = is_fused_ && last - first <= kAttentionRows;
      for (; first < last; first += kAttentionRows) blocks_.push_back({first, std::min(first + kAttentionRows, last)});
      first = last;
    }
  }

  void plan_logits() {
    for (int64_t m = 0; m < num_rows_; ++m) {
      if (rows_[m].logits_row < 0) continue;
      logits_from_.push_back(m);
      logits_to_.push_back(rows_[m].logits_row);
    }
  }

  void plan_rotations() {
    rotation_scratch_.resize(rows_.size() * static_cast<size_t>(config_.head_dim));
    for (size_t m = 0; m < rows_.size(); ++m) {
      float* scratch = rotation_scratch_.data() + m * static_cast<size_t>(config_.head_dim);
      rotations_.push_back(w_.rotations().at(rows_[m].position, scratch));
    }
  }

  void allocate() {
    const auto need = [](AlignedBuffer& buffer, int64_t bytes) {
      if (buffer.size() >= static_cast<size_t>(bytes)) return;
      buffer = AlignedBuffer(static_cast<size_t>(bytes));
      buffer.clear();
    };
    scores_stride_ = padded(most_slots_, 4 * kKeyTile);
    const int64_t value_stride = cache_.shape().value_stride();
    need(s_.residual, num_rows_ * hidden_stride() * 4);
    need(s_.normed, num_rows_ * hidden_stride() * element());
    need(s_.own_normed, num_threads_ * kFewRows * hidden_stride() * element());
    need(s_.qkv, num_rows_ * qkv_stride() * 4);
    need(s_.attended, num_rows_ * attended_stride() * element());
    need(s_.gate_up, num_rows_ * gate_up_stride() * 4);
    need(s_.activated, num_rows_ * activated_stride() * element());
    need(s_.quantized, num_rows_ * quantized_stride());
    need(s_.own_quantized, num_threads_ * kFewRows * quantized_stride());
    // Doubled, as the cache is: a text that grows by a tile must not allocate each time.
    if (s_.scores.size() < static_cast<size_t>(num_threads_ * kMostQueries * scores_stride_ * 4)) {
      need(s_.scores, num_threads_ * kMostQueries * scores_stride_ * 8);
    }
    attention_scratch_ = padded(attention_scratch(config_.head_dim, value_stride, most_tail_ + kAttentionRows), 64);
    need(s_.attention, num_threads_ * attention_scratch_);
  }

  void work(int thread, int count) {
    const Share mine = share_of(num_rows_, thread, count);
    for (int64_t m = mine.first; m < mine.last; ++m) start(m);
    barrier();
    // A block begins and ends behind a barrier, so one that is skipped leaves nothing to wait for.
    for (auto l = static_cast<size_t>(ask_.first_layer); l < w_.layers().size(); ++l) {
      copy_hidden(static_cast<int>(l), mine);
      if (ask_.skip_attention.empty() || ask_.skip_attention[l] == 0) self_attention(l, thread, count);
      if (ask_.skip_mlp.empty() || ask_.skip_mlp[l] == 0) feed_forward(w_.layers()[l], thread, count);
    }
    copy_hidden(static_cast<int>(config_.layers), mine);
    copy_final_hidden(mine);
    if (!logits_from_.empty()) write_logits(thread, count);
  }

  void start(int64_t m) const {
    if (resumed_ == nullptr) return w_.embed(rows_[m].token, residual(m));
    std::copy_n(resumed_ + rows_[m].out_row * config_.hidden, config_.hidden, residual(m));
  }

  void self_attention(size_t l, int thread, int count) {
    const LlamaWeights::Layer& layer = w_.layers()[l];
    project(layer.qkv, {.x = normed(layer.input_norm, thread, count), .y = qkv(0), .y_stride = qkv_stride()}, thread,
            count);
    barrier();
    attend(static_cast<int64_t>(l), thread, count);
    barrier();
    add(layer.output, {s_.attended.data(), attended_stride(), config_.heads * config_.head_dim}, thread, count);
  }

  struct Plain {  // rows as the row kernels write them
    char* data;
    int64_t stride, size;  // elements
    char* row(int64_t m, int64_t element) const { return data + m * stride * element; }
  };
  struct Input {  // rows as a product reads them
    const void* data;
    int64_t stride;  // bytes
  };
  struct Product {
    Input x;
    float* y;
    int64_t y_stride;
  };
  GemmArgs arguments(const PackedMatrix& matrix, const Product& product) const {
    GemmArgs args = matrix.args();
    args.x = product.x.data;
    args.x_stride = product.x.stride;
    args.rows = num_rows_;
    args.y = product.y;
    args.y_stride = product.y_stride;
    return args;
  }
  void project(const PackedMatrix& matrix, const Product& product, int thread, int count) const {
    const Share panels = share_of(matrix.panels(), thread, count);
    matrix.kernel().gemm(arguments(matrix, product), panels.first, panels.last);
  }

  void add(const PackedMatrix& matrix, const Plain& x, int thread, int count) const {
    GemmArgs args = arguments(matrix, {.x = input(x, thread, count), .y = residual(0), .y_stride = hidden_stride()});
    args.add = true;
    const Share panels = share_of(matrix.panels(), thread, count);
    matrix.kernel().gemm(args, panels.first, panels.last);
    barrier();
  }

  char* own_quantized(int thread) const { return s_.own_quantized.data() + thread * kFewRows * quantized_stride(); }
  void quantize_row(const Plain& x, int64_t m, char* rows) const {
    const auto* from = reinterpret_cast<const float*>(x.row(m, element()));
    kernels_.quantize(from, x.size, rows + m * quantized_stride());
  }

  // Rows that every thread can read by now, as a product wants them.
  Input input(const Plain& x, int thread, int count) const {
    if (!is_quantized()) return {x.data, x.stride * element()};
    const bool is_few = num_rows_ <= kFewRows;
    char* rows = is_few ? own_quantized(thread) : s_.quantized.data();
    const Share mine = is_few ? Share{0, num_rows_} : share_of(num_rows_, thread, count);
    for (int64_t m = mine.first; m < mine.last; ++m) quantize_row(x, m, rows);
    if (!is_few) barrier();
    return {rows, quantized_stride()};
  }

  // A thread computes gate and up of the same outputs, so it needs nobody else for the activation.
  void feed_forward(const LlamaWeights::Layer& layer, int thread, int count) {
    float* gate_up = s_.gate_up.data<float>();
    const Share pairs = share_of(layer.gate_up.panels() / 2, thread, count);
    const Product product{.x = normed(layer.attention_norm, thread, count), .y = gate_up, .y_stride = gate_up_stride()};
    layer.gate_up.kernel().gemm(arguments(layer.gate_up, product), 2 * pairs.first, 2 * pairs.last);
    kernels_.swiglu(gate_up, gate_up_stride(), num_rows_, pairs.first, pairs.last, s_.activated.data(),
                    activated_stride());
    barrier();
    add(layer.down, {s_.activated.data(), activated_stride(), config_.intermediate}, thread, count);
  }

  Input normed(const std::vector<float>& weight, int thread, int count) const {
    return normed_rows(
        weight, num_rows_, [](int64_t i) { return i; }, thread, count);
  }

  // Row row_of(i) becomes input row i, normalised, for i < size.
  template <class RowOf>
  Input normed_rows(const std::vector<float>& weight, int64_t size, RowOf row_of, int thread, int count) const {
    const bool is_few = size <= kFewRows;
    const Plain plain{
        is_few ? s_.own_normed.data() + thread * kFewRows * hidden_stride() * element() : s_.normed.data(),
        hidden_stride(), config_.hidden};
    char* quantized = is_few ? own_quantized(thread) : s_.quantized.data();
    const Share mine = is_few ? Share{0, size} : share_of(size, thread, count);
    for (int64_t i = mine.first; i < mine.last; ++i) {
      kernels_.rms_norm(residual(row_of(i)), weight.data(), config_.hidden, static_cast<float>(config_.norm_eps),
                        plain.row(i, element()));
      if (is_quantized()) quantize_row(plain, i, quantized);
    }
    if (!is_few) barrier();
    return is_quantized() ? Input{quantized, quantized_stride()} : Input{plain.data, plain.stride * element()};
  }

  void attend(int64_t layer, int thread, int count) const {
    const int64_t jobs = static_cast<int64_t>(blocks_.size()) * config_.kv_heads;
    const Share mine = share_of(jobs, thread, count);
    for (int64_t job = mine.first; job < mine.last; ++job) {
      store(layer, blocks_[static_cast<size_t>(job / config_.kv_heads)], job % config_.kv_heads);
      if (is_fused_) attend_block(layer, static_cast<size_t>(job / config_.kv_heads), job % config_.kv_heads, thread);
    }
    if (is_fused_) return;  // a job's rows see keys of their own job and of earlier passes alone
    barrier();
    for (int64_t job = thread; job < jobs; job += count) {  // later blocks see more keys: deal them out in turn
      attend_block(layer, static_cast<size_t>(job / config_.kv_heads), job % config_.kv_heads, thread);
    }
  }

  void store(int64_t layer, const Block& block, int64_t kv_head) const {
    const int64_t d = config_.head_dim, group = config_.heads / config_.kv_heads;
    const float scale = 1.0f / std::sqrt(static_cast<float>(d));
    const KvHead head = cache_.head(rows_[block.first].sequence, layer, kv_head);
    for (int64_t m = block.first; m < block.last; ++m) {
      const float* rotation = rotations_[static_cast<size_t>(m)];
      const float* key = qkv(m) + (config_.heads + kv_head) * d;
      kernels_.rotate(qkv(m) + kv_head * group * d, group, d, rotation, scale);
      kernels_.store(key, key + config_.kv_heads * d, rotation, head, rows_[m].slot);
    }
  }

  void attend_block(int64_t layer, size_t index, int64_t kv_head, int thread) const {
    const Block& block = blocks_[index];
    const int64_t d = config_.head_dim, group = config_.heads / config_.kv_heads;
    AttendArgs args{};
    args.head = cache_.head(rows_[block.first].sequence, layer, kv_head);
    args.query = qkv(block.first) + kv_head * group * d;
    args.query_stride = qkv_stride();
    args.paths = paths_.data() + block.first;
    args.rows = block.last - block.first;
    args.group = group;
    args.out = s_.attended.data() + (block.first * attended_stride() + kv_head * group * d) * element();
    args.out_stride = attended_stride();
    args.scores = s_.scores.data<float>() + thread * kMostQueries * scores_stride_;
    args.scores_stride = scores_stride_;
    args.scratch = s_.attention.data() + thread * attention_scratch_;
    args.blocks = kernels_.blocks;
    args.ahead = keys_ahead(layer, index, kv_head);
    kernels_.attend(args);
  }

  // The keys of the same rows' next head, which the same thread mostly attends to next.
  Ahead keys_ahead(int64_t layer, size_t index, int64_t kv_head) const {
    if (kv_head + 1 == config_.kv_heads) return {};
    const PassRow& row = rows_[blocks_[index].first];
    const char* keys = static_cast<const char*>(cache_.head(row.sequence, layer, kv_head + 1).keys);
    return {keys, keys + std::min(padded(row.slot, kKeyTile) * config_.head_dim * kernels_.cache_bytes, kMostAhead)};
  }

  void copy_hidden(int site, const Share& mine) const {
    for (size_t i = 0; i < outputs_.sites.size(); ++i) {
      if (outputs_.sites[i] != site) continue;
      for (int64_t m = mine.first; m < mine.last; ++m) std::copy_n(residual(m), config_.hidden, hidden_out(m, i));
    }
  }

  // The site behind the final norm, in float32 also where the head reads bfloat16.
  void copy_final_hidden(const Share& mine) const {
    for (size_t i = 0; i < outputs_.sites.size(); ++i) {
      if (outputs_.sites[i] != config_.layers + 1) continue;
      std::vector<float> row(static_cast<size_t>(padded(config_.hidden, 16)));
      for (int64_t m = mine.first; m < mine.last; ++m) {
        kernels_.float_norm(residual(m), w_.final_norm().data(), config_.hidden, static_cast<float>(config_.norm_eps),
                            row.data());
        std::copy_n(row.data(), config_.hidden, hidden_out(m, i));
      }
    }
  }

  float* hidden_out(int64_t m, size_t site) const {
    return outputs_.hidden +
           (rows_[m].out_row * static_cast<int64_t>(outputs_.sites.size()) + static_cast<int64_t>(site)) *
               config_.hidden;
  }

  void write_logits(int thread, int count) const {
    const auto wanted = static_cast<int64_t>(logits_from_.size());
    const Input x = normed_rows(
        w_.final_norm(), wanted, [&](int64_t i) { return logits_from_[static_cast<size_t>(i)]; }, thread, count);
    const PackedMatrix& head = *outputs_.head;
    GemmArgs args = arguments(head, {.x = x, .y = outputs_.logits, .y_stride = head.outputs()});
    args.rows = wanted;
    args.y_row = logits_to_.data();
    const Share panels = share_of(head.panels(), thread, count);
    head.kernel().gemm(args, panels.first, panels.last);
  }

  void barrier() const { barrier_.wait(running_); }

  const LlamaWeights& w_;
  const DecoderConfig& config_;
  const Kernels& kernels_;
  LlamaCache& cache_;
  PassScratch& s_;
  std::span<const PassRow> rows_;
  const Ask& ask_;
  const float* resumed_;
  const PassOutputs& outputs_;
  int64_t num_rows_;
  int num_threads_;
  mutable Barrier barrier_;
  std::atomic<int> running_{1};  // threads of the region
  bool is_fused_ = true;  // each sequence's rows fit into one block: a job stores its keys and attends to them at once
  int64_t most_slots_ = 0, most_tail_ = 0, scores_stride_ = 0, attention_scratch_ = 0;
  std::vector<std::vector<int32_t>> branches_;
  std::vector<RowPath> paths_;
  std::vector<Block> blocks_;
  std::vector<int64_t> logits_from_, logits_to_;
  std::vector<float> rotation_scratch_;
  std::vector<const float*> rotations_;
};

}  // namespace

void run_pass(const LlamaWeights& weights, LlamaCache& cache, std::span<const PassRow> rows, const PassRoute& route,
              const PassOutputs& outputs) {
  LlamaPass(weights, cache, rows, route, outputs).run();
}

}  // namespace specula
