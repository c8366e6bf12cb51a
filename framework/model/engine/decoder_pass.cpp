#include "framework/model/engine/decoder_pass.h"

#include <omp.h>

#include "framework/model/engine/feed_forward.h"
#include "framework/model/engine/self_attention.h"

namespace specula {
namespace {

class DecoderPass {
 public:
  DecoderPass(const DecoderWeights& weights, DecoderCache& cache, std::span<const PassRow> rows, const PassRoute& route,
              const PassOutputs& outputs)
      : w_(weights),
        config_(weights.config()),
        rows_(rows),
        ask_(route.ask),
        given_(route.hidden),
        is_resumed_(route.ask.first_layer > 0),
        outputs_(outputs),
        frame_(weights, cache, rows),
        attention_(frame_, route.ask.view),
        feed_forward_(frame_) {
    for (int64_t m = 0; m < frame_.num_rows(); ++m) {
      if (row(m).logits_row < 0) continue;
      logits_from_.push_back(m);
      logits_to_.push_back(row(m).logits_row);
    }
    if (config_.is_head() && !config_.drafts_blocks())
      need(frame_.scratch().entered, frame_.num_rows() * entered().stride * 4);
    if (config_.is_projected()) need(frame_.scratch().embedded, frame_.num_rows() * embedded().stride * 4);
  }

  void run() {
#pragma omp parallel num_threads(frame_.num_threads())
    {
      frame_.begin(omp_get_num_threads());
      work({omp_get_thread_num(), omp_get_num_threads()});
    }
  }

 private:
  const PassRow& row(int64_t m) const { return rows_[static_cast<size_t>(m)]; }
  float* residual(int64_t m) const { return frame_.residual().row(m); }
  FloatRows embedded() const {
    return {frame_.scratch().embedded.data<float>(), stride_of(config_.embedded()), config_.embedded()};
  }
  // Embedding and state of a head's rows, side by side.
  FloatRows entered() const {
    const int64_t size = 2 * config_.hidden;
    return {frame_.scratch().entered.data<float>(), stride_of(size), size};
  }
  // Rows as they are.
  Input converted(const FloatRows& from, int64_t rows, const Worker& worker) {
    return frame_.normed(
        RowNorm{}, from, rows, [](int64_t i) { return i; }, worker);
  }

  void work(const Worker& worker) {
    if (config_.drafts_blocks() && given_ != nullptr) return store_context(worker);
    if (config_.is_head() && !config_.drafts_blocks()) {
      start_head(worker);
    } else {
      start(worker);
    }
    const Share mine = worker.share(frame_.num_rows());
    // A block begins and ends behind a barrier, so one that is skipped leaves nothing to wait for.
    for (auto l = static_cast<size_t>(ask_.first_layer); l < w_.layers().size(); ++l) {
      copy_hidden(static_cast<int>(l), mine);
      const bool attends = ask_.skip_attention.empty() || ask_.skip_attention[l] == 0;
      const bool feeds = config_.feeds && (ask_.skip_mlp.empty() || ask_.skip_mlp[l] == 0);
      if (config_.places.parallel) {
        run_both(l, attends, feeds, worker);
      } else {
        if (attends) attend(l, worker);
        if (feeds) feed_forward(w_.layers()[l], worker);
      }
    }
    copy_hidden(static_cast<int>(config_.layers), mine);
    copy_final_hidden(mine);
    if (!logits_from_.empty()) write_logits(worker);
  }

  void start(const Worker& worker) {
    const Share mine = worker.share(frame_.num_rows());
    const bool is_projected = config_.is_projected() && !is_resumed_;
    for (int64_t m = mine.first; m < mine.last; ++m) {
      if (is_resumed_) {
        std::copy_n(given_ + row(m).out_row * config_.hidden, config_.hidden, residual(m));
      } else {
        w_.embed(row(m).token, is_projected ? embedded().row(m) : residual(m));
      }
    }
    if (is_projected) {
      frame_.barrier();
      const Input x = converted(embedded(), frame_.num_rows(), worker);
      PassFrame::multiply(w_.embedding_in(), {.x = x, .rows = frame_.num_rows(), .y = frame_.residual()}, worker);
      frame_.barrier();
    }
    for (int64_t m = mine.first; m < mine.last && !is_resumed_ && !w_.positions().is_empty(); ++m)
      w_.positions().add(row(m).position + config_.position_offset, residual(m));
    frame_.barrier();
  }

  void start_head(const Worker& worker) {
    const int64_t hidden = config_.hidden;
    const StateConfig& state = config_.state;
    const Share mine = worker.share(frame_.num_rows());
    for (int64_t m = mine.first; m < mine.last; ++m) {
      const float* carried = given_ + row(m).out_row * hidden;
      if (state.entry != StateEntry::kInput) std::copy_n(carried, hidden, residual(m));
      if (state.entry == StateEntry::kState) continue;
      float *token = entered().row(m), *its_state = token + hidden;
      w_.embed(row(m).token, token);
      std::copy_n(carried, hidden, its_state);
      if (state.norms) {
        frame_.kernels().float_norm(w_.token_norm().of_rows(), token, hidden, token);
        frame_.kernels().float_norm(w_.state_norm().of_rows(), its_state, hidden, its_state);
      }
      if (state.keeps_norm) std::copy_n(its_state, hidden, residual(m));
    }
    frame_.barrier();
    if (state.entry != StateEntry::kInput) return;
    const Input x = converted(entered(), frame_.num_rows(), worker);
    PassFrame::multiply(w_.state_input(), {.x = x, .rows = frame_.num_rows(), .y = frame_.residual()}, worker);
    frame_.barrier();
  }

  // States of the text, which no layer changes: their keys and values in all of them.
  void store_context(const Worker& worker) {
    const Share mine = worker.share(frame_.num_rows());
    for (int64_t m = mine.first; m < mine.last; ++m)
      std::copy_n(given_ + row(m).out_row * config_.hidden, config_.hidden, residual(m));
    frame_.barrier();
    const Input x = frame_.normed(w_.state_norm(), worker);
    for (size_t l = 0; l < w_.layers().size(); ++l) {
      attention_.project_keys(w_.layers()[l], x, worker);
      frame_.barrier();
      attention_.store_keys(l, worker);
      frame_.barrier();
    }
  }

  void attend(size_t l, const Worker& worker) {
    const LayerWeights& layer = w_.layers()[l];
    const bool is_entry = l == 0 && config_.state.entry == StateEntry::kAttention;
    attention_.project(
        layer, is_entry ? converted(entered(), frame_.num_rows(), worker) : frame_.normed(layer.attention_norm, worker),
        worker);
    frame_.barrier();
    attention_.attend(l, worker);
    frame_.barrier();
    attention_.add_output(layer, worker);
    frame_.settle(layer.attention_post_norm, worker);
  }

  void feed_forward(const LayerWeights& layer, const Worker& worker) {
    if (layer.experts.empty()) {
      feed_forward_.open(layer.mlp, frame_.normed(layer.mlp_norm, worker), worker);
      frame_.barrier();
      feed_forward_.close(layer.mlp, worker);
    } else {
      feed_forward_.run_experts(layer, worker);
    }
    frame_.settle(layer.mlp_post_norm, worker);
  }

  // Both blocks read the residual stream before either adds to it.
  void run_both(size_t l, bool attends, bool feeds, const Worker& worker) {
    if (!attends && !feeds) return;
    const LayerWeights& layer = w_.layers()[l];
    Input x = frame_.normed(layer.attention_norm, worker);
    if (attends) attention_.project(layer, x, worker);
    if (feeds && !config_.places.shared) {
      frame_.release_inputs(frame_.num_rows());
      x = frame_.normed(layer.mlp_norm, worker);
    }
    if (feeds) feed_forward_.open(layer.mlp, x, worker);
    frame_.barrier();
    if (attends) {
      attention_.attend(l, worker);
      frame_.barrier();
      attention_.add_output(layer, worker);
      frame_.release_inputs(frame_.num_rows());
    }
    if (feeds) feed_forward_.close(layer.mlp, worker);
    frame_.settle({}, worker);
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
      for (int64_t m = mine.first; m < mine.last; ++m)
        frame_.kernels().float_norm(w_.final_norm().of_rows(), residual(m), config_.hidden, hidden_out(m, i));
    }
  }

  float* hidden_out(int64_t m, size_t site) const {
    return outputs_.hidden +
           (row(m).out_row * static_cast<int64_t>(outputs_.sites.size()) + static_cast<int64_t>(site)) * config_.hidden;
  }

  void write_logits(const Worker& worker) {
    const auto wanted = static_cast<int64_t>(logits_from_.size());
    const auto from = [&](int64_t i) { return logits_from_[static_cast<size_t>(i)]; };
    Input x = frame_.normed(w_.final_norm().of_rows(), frame_.residual(), wanted, from, worker);
    if (config_.is_projected()) {
      PassFrame::multiply(w_.embedding_out(), {.x = x, .rows = wanted, .y = embedded()}, worker);
      frame_.barrier();
      x = converted(embedded(), wanted, worker);
    }
    const PackedMatrix& head = *outputs_.head;
    const FloatRows logits{outputs_.logits, head.outputs(), head.outputs()};
    const Share panels = worker.share(head.panels());
    PassFrame::multiply(head, {.x = x, .rows = wanted, .y = logits, .y_row = logits_to_.data()}, panels);
    if (config_.logits_softcap == 0) return;
    const int64_t first = panels.first * head.kernel().panel,
                  last = std::min(panels.last * head.kernel().panel, head.outputs());
    for (const int64_t to : logits_to_)
      frame_.kernels().softcap(logits.row(to) + first, last - first, static_cast<float>(config_.logits_softcap));
  }

  const DecoderWeights& w_;
  const DecoderConfig& config_;
  std::span<const PassRow> rows_;
  const Ask& ask_;
  const float* given_;
  bool is_resumed_;
  const PassOutputs& outputs_;
  PassFrame frame_;
  SelfAttention attention_;
  FeedForward feed_forward_;
  std::vector<int64_t> logits_from_, logits_to_;
};

}  // namespace

void run_pass(const DecoderWeights& weights, DecoderCache& cache, std::span<const PassRow> rows, const PassRoute& route,
              const PassOutputs& outputs) {
  DecoderPass(weights, cache, rows, route, outputs).run();
}

}  // namespace specula
