#include "framework/train/lm.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cross_entropy_loss.h>

#include <utility>

#include "framework/train/learning_decoder.h"
#include "framework/train/row_chunks.h"

namespace specula {
namespace {

class LanguageModelling final : public Objective {
 public:
  LanguageModelling(TrainableDecoder decoder, const DecoderTraining& training) : model_(std::move(decoder), training) {}

  std::vector<Parameter> parameters() const override { return model_.parameters(); }

  Figures learn(const Batch& batch, double share) override {
    return {{"loss_nats", mean_loss(batch.token, share) / share}};
  }

  Figures validate(const Tensor& token) const override { return {{"loss_nats", mean_loss(token, 1)}}; }

  double merit(const Figures& validated) const override { return -figure(validated, "loss_nats"); }

  void write(const std::filesystem::path& folder) const override { model_.write(folder); }

 private:
  // `share` times it; adds gradients where they are on.
  double mean_loss(const Tensor& given, double share) const {
    Dims dims;
    dims.check(given, "token", "B T");
    const Tensor token = model_.moved(given);
    const int64_t length = token.size(1) - 1;
    const Tensor states = model_.final_states(token.narrow(1, 0, length));
    const Tensor next = token.narrow(1, 1, length).flatten();
    const double scale = share / static_cast<double>(next.numel());
    return sum_in_chunks(states, rows_of_chunk(model_.vocab()), [&](const Tensor& rows, int64_t first) {
      const Tensor wanted = next.narrow(0, first, rows.size(0));
      return at::cross_entropy_loss(model_.logits(rows), wanted, {}, at::Reduction::Sum) * scale;
    });
  }

  LearningDecoder model_;
};

}  // namespace

std::unique_ptr<Objective> make_lm(TrainableDecoder decoder, const DecoderTraining& training) {
  return std::make_unique<LanguageModelling>(std::move(decoder), training);
}

}  // namespace specula
