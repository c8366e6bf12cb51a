#include "framework/model/engine/self_attention.h"

namespace specula {

SelfAttention::SelfAttention(PassFrame& frame, const KvView& view)
    : frame_(frame),
      config_(frame.config()),
      kernels_(frame.kernels()),
      plan_(frame.cache(), frame.rows(), view, frame.weights().windows()) {
  turn_rows();
  PassScratch& s = frame_.scratch();
  need(s.qkv, frame_.num_rows() * qkv().stride * 4);
  need(s.attended, frame_.num_rows() * attended_stride() * frame_.element());
  scores_stride_ = padded(plan_.most_slots(), 4 * kKeyTile);
  const int64_t scores = frame_.num_threads() * kMostQueries * scores_stride_;
  // Doubled, as the cache is: a text that grows by a tile must not allocate each time.
  if (s.scores.size() < static_cast<size_t>(scores * 4)) need(s.scores, scores * 8);
  const int64_t value_stride = frame_.cache().shape().value_stride();
  scratch_size_ = padded(attention_scratch(config_.head_dim, value_stride, plan_.most_tail() + kAttentionRows), 64);
  need(s.attention, frame_.num_threads() * scratch_size_);
}

FloatRows SelfAttention::qkv() const {
  const int64_t size = (config_.heads + 2 * config_.kv_heads) * config_.head_dim;
  return {frame_.scratch().qkv.data<float>(), stride_of(size), size};
}

void SelfAttention::turn_rows() {
  for (const LayerRope rope : {LayerRope::kMain, LayerRope::kLocal}) {
    const RotaryTable& table = frame_.weights().rotations(rope);
    if (table.turning() == 0) continue;
    const size_t which = rope == LayerRope::kLocal ? 1 : 0, turning = static_cast<size_t>(table.turning());
    rotation_scratch_[which].resize(frame_.rows().size() * turning);
    float* scratch = rotation_scratch_[which].data();
    for (const PassRow& row : frame_.rows()) {
      rotations_[which].push_back(table.at(row.position, scratch));
      scratch += turning;
    }
  }
}

Rotation SelfAttention::rotation(LayerRope rope, int64_t row) const {
  if (rope == LayerRope::kNone) return {nullptr, 0};
  return {rotations_[rope == LayerRope::kLocal ? 1 : 0][static_cast<size_t>(row)], config_.turning()};
}

void SelfAttention::project(const LayerWeights& layer, const Input& x, const Worker& worker) {
  PassFrame::multiply(layer.qkv, {.x = x, .rows = frame_.num_rows(), .y = qkv()}, worker);
}

void SelfAttention::attend(size_t l, const Worker& worker) {
  if (config_.query_key_norm == QueryKeyNorm::kAll) normalise_rows(frame_.weights().layers()[l], worker);
  const int64_t heads = config_.kv_heads, jobs = static_cast<int64_t>(plan_.blocks().size()) * heads;
  const Share mine = worker.share(jobs);
  for (int64_t job = mine.first; job < mine.last; ++job) {
    const auto index = static_cast<size_t>(job / heads);
    store(l, plan_.blocks()[index], job % heads);
    if (plan_.is_fused()) attend_block(l, index, job % heads, worker.thread);
  }
  if (plan_.is_fused()) return;  // a job's rows see keys of their own job and of earlier passes alone
  frame_.barrier();
  for (int64_t job = worker.thread; job < jobs; job += worker.count)  // later blocks see more keys: dealt out in turn
    attend_block(l, static_cast<size_t>(job / heads), job % heads, worker.thread);
}

// Norms over all heads of a row at once.
void SelfAttention::normalise_rows(const LayerWeights& layer, const Worker& worker) {
  const int64_t queries = config_.heads * config_.head_dim, keys = config_.kv_heads * config_.head_dim;
  const Share mine = worker.share(frame_.num_rows());
  for (int64_t m = mine.first; m < mine.last; ++m) {
    float* row = qkv().row(m);
    kernels_.float_norm(layer.q_norm.of_rows(), row, queries, row);
    kernels_.float_norm(layer.k_norm.of_rows(), row + queries, keys, row + queries);
  }
  frame_.barrier();
}

void SelfAttention::store(size_t l, const AttentionPlan::Block& block, int64_t kv_head) {
  const LayerWeights& layer = frame_.weights().layers()[l];
  const int64_t d = config_.head_dim, first = kv_head * group();
  const bool has_norm = config_.query_key_norm == QueryKeyNorm::kHead;
  for (int64_t m = block.first; m < block.last; ++m) {
    float* query = qkv().row(m) + first * d;
    for (int64_t h = 0; has_norm && h < group(); ++h)
      kernels_.float_norm(layer.q_norm.of_rows(), query + h * d, d, query + h * d);
    kernels_.rotate(query, group(), d, rotation(layer.rope, m), layer.scale);
    store_key(l, m, kv_head);
  }
}

void SelfAttention::store_key(size_t l, int64_t m, int64_t kv_head) {
  const LayerWeights& layer = frame_.weights().layers()[l];
  const PassRow& row = frame_.rows()[static_cast<size_t>(m)];
  const int64_t d = config_.head_dim;
  float* key = qkv().row(m) + (config_.heads + kv_head) * d;
  if (config_.query_key_norm == QueryKeyNorm::kHead) kernels_.float_norm(layer.k_norm.of_rows(), key, d, key);
  kernels_.store(key, key + config_.kv_heads * d, rotation(layer.rope, m),
                 frame_.cache().head(row.sequence, static_cast<int64_t>(l), kv_head), row.slot);
}

void SelfAttention::project_keys(const LayerWeights& layer, const Input& x, const Worker& worker) {
  const int64_t first = config_.heads * config_.head_dim / layer.qkv.kernel().panel;
  const Share mine = worker.share(layer.qkv.panels() - first);
  PassFrame::multiply(layer.qkv, {.x = x, .rows = frame_.num_rows(), .y = qkv()},
                      Share{first + mine.first, first + mine.last});
}

void SelfAttention::store_keys(size_t l, const Worker& worker) {
  const int64_t heads = config_.kv_heads;
  const Share mine = worker.share(static_cast<int64_t>(plan_.blocks().size()) * heads);
  for (int64_t job = mine.first; job < mine.last; ++job) {
    const AttentionPlan::Block& block = plan_.blocks()[static_cast<size_t>(job / heads)];
    for (int64_t m = block.first; m < block.last; ++m) store_key(l, m, job % heads);
  }
}

void SelfAttention::attend_block(size_t layer, size_t index, int64_t kv_head, int thread) {
  const AttentionPlan::Block& block = plan_.blocks()[index];
  const int64_t at = kv_head * group() * config_.head_dim;
  const PassScratch& s = frame_.scratch();
  AttendArgs args{};
  args.head = frame_.cache().head(frame_.rows()[static_cast<size_t>(block.first)].sequence, static_cast<int64_t>(layer),
                                  kv_head);
  args.query = qkv().row(block.first) + at;
  args.query_stride = qkv().stride;
  args.softcap = static_cast<float>(config_.attention_softcap);
  args.paths = plan_.paths(frame_.weights().layers()[layer].window) + block.first;
  args.rows = block.last - block.first;
  args.group = group();
  args.out = s.attended.data() + (block.first * attended_stride() + at) * frame_.element();
  args.out_stride = attended_stride();
  args.scores = s.scores.data<float>() + thread * kMostQueries * scores_stride_;
  args.scores_stride = scores_stride_;
  args.scratch = s.attention.data() + thread * scratch_size_;
  args.blocks = kernels_.blocks;
  args.ahead = keys_ahead(layer, index, kv_head);
  kernels_.attend(args);
}

// The keys of the same rows' next head, which the same thread mostly attends to next.
Ahead SelfAttention::keys_ahead(size_t layer, size_t index, int64_t kv_head) const {
  if (kv_head + 1 == config_.kv_heads) return {};
  const int64_t m = plan_.blocks()[index].first, key_bytes = config_.head_dim * kernels_.cache_bytes;
  const PassRow& row = frame_.rows()[static_cast<size_t>(m)];
  const int64_t start = plan_.paths(frame_.weights().layers()[layer].window)[m].first / kKeyTile * kKeyTile;
  const KvHead next = frame_.cache().head(row.sequence, static_cast<int64_t>(layer), kv_head + 1);
  const char* keys = static_cast<const char*>(next.keys) + start * key_bytes;
  return {keys, keys + std::min((padded(row.slot, kKeyTile) - start) * key_bytes, kMostAhead)};
}

void SelfAttention::add_output(const LayerWeights& layer, const Worker& worker) {
  const PlainRows attended{frame_.scratch().attended.data(), attended_stride(), config_.heads * config_.head_dim};
  const PassFrame::Target to = frame_.target();
  const Input x = frame_.input(attended, frame_.num_rows(), worker);
  PassFrame::multiply(layer.output, {.x = x, .rows = frame_.num_rows(), .y = to.rows, .add = to.add}, worker);
}

}  // namespace specula
