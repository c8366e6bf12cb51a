#include "framework/train/learning_decoder.h"

#include <ATen/ops/where.h>

#include <utility>

namespace specula {
namespace {

Parameters as_leaves(const Parameters& parameters, at::DeviceType device) {
  Parameters leaves;
  for (const auto& [name, tensor] : parameters)
    leaves[name] = tensor.detach().to(device, at::kFloat).clone().requires_grad_();
  return leaves;
}

}  // namespace

LearningDecoder::LearningDecoder(TrainableDecoder decoder, const DecoderTraining& training)
    : training_(training),
      files_(std::move(decoder.files)),
      model_(std::move(decoder.config), as_leaves(decoder.parameters, training.device)) {}

std::vector<Parameter> LearningDecoder::parameters() const {
  std::vector<Parameter> all;
  for (const auto& [name, tensor] : model_.parameters()) all.push_back({name, tensor});
  return all;
}

Tensor LearningDecoder::final_states(const Tensor& token, const Tensor& parent) const {
  const AutocastScope autocast = scope();
  return model_.final_states(token, parent).flatten(0, 1);
}

std::vector<Tensor> LearningDecoder::exits(const Tensor& token, const std::vector<Tensor>& left_out) const {
  const AutocastScope autocast = scope();
  Tensor x = model_.states(token, {0}).front();
  std::vector<Tensor> states;
  for (int64_t l = 0; l < layers(); ++l) {
    const Tensor behind = model_.run_layer(x, l), &skipped = left_out.at(static_cast<size_t>(l));
    x = skipped.defined() ? at::where(skipped.view({-1, 1, 1}), x, behind) : behind;
    states.push_back(model_.final_norm(x));
  }
  return states;
}

Tensor LearningDecoder::logits(const Tensor& states) const {
  const AutocastScope autocast = scope();
  return model_.logits(states).to(at::kFloat);
}

void LearningDecoder::write(const std::filesystem::path& folder) const {
  write_decoder({.config = model_.config(), .parameters = model_.parameters(), .files = files_}, training_.written,
                folder);
}

}  // namespace specula
