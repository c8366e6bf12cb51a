#include "framework/train/early_exit.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "framework/core/keyring.h"
#include "framework/train/acceptance.h"
#include "framework/train/learning_decoder.h"
#include "framework/train/row_chunks.h"

namespace specula {
namespace {

class EarlyExit final : public Objective {
 public:
  EarlyExit(TrainableDecoder decoder, const EarlyExitOptions& options, const DecoderTraining& training)
      : options_(options),
        keys_(options.seed),
        model_(std::move(decoder), training),
        weights_(exit_weights(model_.layers(), options.exit_scale)),
        rates_(dropout_rates(model_.layers(), options.dropout)) {}

  std::vector<Parameter> parameters() const override { return model_.parameters(); }

  Figures learn(const Batch& batch, double share) override {
    return losses(rows_of(batch.token, left_out(batch)), share);
  }

  Figures validate(const Tensor& token) const override {
    const at::NoGradGuard no_grad;
    const Rows rows = rows_of(token, std::vector<Tensor>(weights_.size()));
    Figures figures = losses(rows, 1);
    const Tensor &p_states = rows.exits.back(), &q_states = rows.exits[exit_layer() - 1];
    Acceptance acceptance(options_.gamma);
    const int64_t chunk = rows_of_chunk(model_.vocab()), all = rows.next.size(0);
    for (int64_t first = 0; first < all; first += chunk) {
      const int64_t count = std::min(chunk, all - first);
      const auto log_of = [&](const Tensor& states) {
        return at::log_softmax(model_.logits(states.narrow(0, first, count)), -1);
      };
      acceptance.add(log_of(p_states), log_of(q_states), rows.next.narrow(0, first, count));
    }
    for (auto& accepted : acceptance.figures(token.size(0))) figures.push_back(std::move(accepted));
    return figures;
  }

  double merit(const Figures& validated) const override { return -figure(validated, "loss"); }

  void write(const std::filesystem::path& folder) const override { model_.write(folder); }

 private:
  size_t exit_layer() const {
    return static_cast<size_t>(options_.exit_layer > 0 ? options_.exit_layer : model_.layers() / 2);
  }

  std::vector<Tensor> left_out(const Batch& batch) const {
    std::vector<Tensor> all(rates_.size());
    for (size_t l = 0; l < rates_.size(); ++l) {
      if (rates_[l] == 0) continue;
      std::vector<int64_t> texts;
      for (int64_t b = 0; b < batch.token.size(0); ++b) {
        const double u = keys_.uniform(Use::kSearch, batch.first + b, 0, static_cast<uint32_t>(l));
        texts.push_back(u < rates_[l] ? 1 : 0);
      }
      all[l] = model_.moved(at::tensor(texts).to(at::kBool));
    }
    return all;
  }

  struct Rows {
    std::vector<Tensor> exits;  // behind each layer [N,H]
    Tensor next;                // [N] the token that follows
  };

  Rows rows_of(const Tensor& given, const std::vector<Tensor>& left_out) const {
    Dims dims;
    dims.check(given, "token", "B T");
    const Tensor token = model_.moved(given);
    const int64_t length = token.size(1) - 1;
    Rows rows{.next = token.narrow(1, 1, length).flatten()};
    for (const Tensor& exit : model_.exits(token.narrow(1, 0, length), left_out))
      rows.exits.push_back(exit.flatten(0, 1).to(at::kFloat));
    return rows;
  }

  // Of all exits, one behind the other; adds gradients where they are on.
  Figures losses(const Rows& of, double share) const {
    const int64_t count = of.next.size(0);
    std::vector<double> nats(of.exits.size(), 0);
    sum_in_chunks(at::cat(of.exits, 0), rows_of_chunk(model_.vocab()), [&](const Tensor& rows, int64_t first) {
      const Tensor logits = model_.logits(rows);
      Tensor sum;
      for (int64_t row = 0; row < rows.size(0);) {  // a part may reach from one exit into the next
        const int64_t exit = (first + row) / count, from = (first + row) % count;
        const int64_t taken = std::min(rows.size(0) - row, count - from);
        const Tensor loss = at::cross_entropy_loss(logits.narrow(0, row, taken), of.next.narrow(0, from, taken), {},
                                                   at::Reduction::Sum) /
                            static_cast<double>(count);
        nats[static_cast<size_t>(exit)] += loss.item<double>();
        const Tensor weighted = loss * (weights_[static_cast<size_t>(exit)] * share);
        sum = sum.defined() ? sum + weighted : weighted;
        row += taken;
      }
      return sum;
    });
    double loss = 0;
    for (size_t exit = 0; exit < nats.size(); ++exit) loss += weights_[exit] * nats[exit];
    return {{"loss", loss}, {"loss_nats", nats.back()}, {"exit_nats", nats[exit_layer() - 1]}};
  }

  EarlyExitOptions options_;
  Keyring keys_;
  LearningDecoder model_;
  std::vector<double> weights_, rates_;
};

}  // namespace

std::vector<double> exit_weights(int64_t layers, double scale) {
  std::vector<double> weights;
  double sum = 0;
  for (int64_t l = 1; l <= layers; ++l) {
    const auto below = static_cast<double>(l < layers ? l * (l - 1) / 2 : (l - 1) * (l - 2) / 2);
    weights.push_back(scale * below + (l == layers ? static_cast<double>(std::max<int64_t>(layers - 1, 1)) : 0));
    sum += weights.back();
  }
  for (double& weight : weights) weight /= sum;
  return weights;
}

std::vector<double> dropout_rates(int64_t layers, double dropout) {
  std::vector<double> rates;
  for (int64_t l = 0; l < layers; ++l)
    rates.push_back(layers == 1 ? 0 : dropout * (std::exp2(static_cast<double>(l) / double(layers - 1)) - 1));
  return rates;
}

std::unique_ptr<Objective> make_early_exit(TrainableDecoder decoder, const EarlyExitOptions& options,
                                           const DecoderTraining& training) {
  const int64_t layers = decoder.config.layers;
  if (layers < 2 || options.exit_layer >= layers) {
    throw ConfigError(cat("exit_layer = ", options.exit_layer, ": the decoder has ", layers, " layers; expected 1..",
                          layers - 1, ", or 0 for half of them"));
  }
  return std::make_unique<EarlyExit>(std::move(decoder), options, training);
}

}  // namespace specula
