#include "framework/model/heads/prefix_heads.h"

#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include "framework/core/error.h"
#include "framework/model/pass_input.h"

namespace specula {
namespace {

class PrefixCache final : public KvCache {
 public:
  PrefixCache(std::unique_ptr<KvCache> of_layer, std::unique_ptr<KvCache> of_steps, int batch)
      : layer(std::move(of_layer)), steps(std::move(of_steps)), text(static_cast<size_t>(batch), 0) {}
  int64_t size(int b) const override { return layer->size(b); }
  int tentative(int b) const override {
    const int rows = text[static_cast<size_t>(b)];
    return rows == 0 ? 0 : rows - 1 + steps->tentative(b);  // the root stands in both
  }
  void commit(int b, std::span<const int> slots) override {
    SPECULA_CHECK(slots.empty() || slots.back() < text[static_cast<size_t>(b)], "slot ", slots.back(),
                  " is a draft's; only rows of the text can be kept");
    layer->commit(b, slots);
    forget(b);
  }
  void truncate(int b, int64_t size) override {
    layer->truncate(b, size);
    forget(b);
  }
  std::unique_ptr<KvCache> fork() const override {
    auto copy = std::make_unique<PrefixCache>(layer->fork(), steps->fork(), static_cast<int>(text.size()));
    copy->text = text;
    return copy;
  }

  std::unique_ptr<KvCache> layer, steps;
  std::vector<int> text;  // [B] tentative rows of the text

 private:
  void forget(int b) {
    steps->rollback(b);
    text[static_cast<size_t>(b)] = 0;
  }
};

// Rows of which some sequences have none.
Rows empty_rows(int64_t batch, int64_t rows, int64_t width) {
  const auto ids = at::TensorOptions(at::kLong);
  return {.token = at::full({batch, rows}, -1, ids),
          .parent = at::full({batch, rows}, -1, ids),
          .hidden = at::zeros({batch, rows, width}, at::kFloat)};
}

void set_row(Rows& rows, int64_t b, int64_t r, int64_t token, int64_t parent, const Tensor& state) {
  const int64_t at = b * rows.token.size(1) + r;
  rows.token.mutable_data_ptr<int64_t>()[at] = token;
  rows.parent.mutable_data_ptr<int64_t>()[at] = parent;
  rows.hidden[b][r].narrow(0, 0, state.size(0)).copy_(state);
}

}  // namespace

PrefixHeads::PrefixHeads(std::unique_ptr<StepHeads> heads, std::unique_ptr<DecoderModel> layer)
    : heads_(std::move(heads)), layer_(std::move(layer)), traits_(*heads_->head_traits()) {
  traits_.attends = true;
}

int64_t PrefixHeads::weight_bytes() const {
  return heads_->weight_bytes() + layer_->weight_bytes() - layer_->weights().head().bytes();
}

std::unique_ptr<KvCache> PrefixHeads::new_cache(int batch, int64_t reserve) const {
  return std::make_unique<PrefixCache>(layer_->new_cache(batch, reserve), heads_->new_cache(batch, 0), batch);
}

Pass PrefixHeads::forward(const Rows& rows, KvCache& cache, const Ask& ask) const {
  auto* own = dynamic_cast<PrefixCache*>(&cache);
  SPECULA_CHECK(own != nullptr, "the cache was made by another model");
  const auto batch = static_cast<int>(own->text.size());
  const PassInput in(rows, cache, batch, {.logits = ask.logits}, info(), traits_.width);
  const int64_t width = in.rows(), hidden = info().hidden;
  const auto is_text = [&](int64_t b) { return own->text[static_cast<size_t>(b)] == 0; };
  Rows text = empty_rows(batch, width, hidden), steps = empty_rows(batch, width, traits_.width);
  bool has_text = false;
  for (int64_t b = 0; b < batch; ++b) {
    for (int64_t r = 0; r < in.count(b); ++r) {
      const Tensor state = rows.hidden[b][r];
      if (is_text(b)) {
        set_row(text, b, r, in.token(b, r), in.parent(b, r), state.narrow(0, 0, hidden));
        has_text = true;
      } else {
        const int root = own->text[static_cast<size_t>(b)] - 1;
        set_row(steps, b, r, in.token(b, r), in.parent(b, r) - root, state);
      }
    }
  }
  if (has_text) {
    const int site = static_cast<int>(layer_->layers()) + 1;
    const Tensor read = layer_->forward(text, *own->layer, {.logits = Logits::kNone, .hidden = {site}}).hidden;
    for (int64_t b = 0; b < batch; ++b) {
      const int64_t last = in.count(b) - 1;
      if (is_text(b) && last >= 0) set_row(steps, b, 0, in.token(b, last), -1, read[b][last][0]);
    }
  }
  Pass pass = heads_->forward(steps, *own->steps, ask);
  for (int64_t b = 0; b < batch; ++b) {
    const auto count = static_cast<int>(in.count(b));
    if (!is_text(b) || count == 0) continue;
    own->text[static_cast<size_t>(b)] = count;
    // The root was the first row there.
    for (Tensor* of : {&pass.logits, &pass.hidden}) {
      if (!of->defined() || of->size(1) != width || count == 1) continue;
      (*of)[b][count - 1].copy_((*of)[b][0]);
      (*of)[b][0].zero_();
    }
  }
  return pass;
}

std::unique_ptr<DecoderModel> load_prefix_layer(const std::filesystem::path& folder, const HeadFolder& files,
                                                const DecoderModel& target) {
  DecoderConfig config = target.weights().config();
  if (config.architecture != "LlamaForCausalLM")
    throw Error(
        cat(folder.string(), ": its layer has the sizes of a Llama's, but the target is a ", config.architecture));
  config.layers = 1;
  const Checkpoint checkpoint(folder, files.tensor_path(), to_json(config, "float32"));
  return std::make_unique<DecoderModel>(checkpoint, target.weights().kernels(), &target);
}

}  // namespace specula
