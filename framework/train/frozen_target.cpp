#include "framework/train/frozen_target.h"

#include <ATen/core/grad_mode.h>

#include <utility>

#include "framework/train/autocast.h"

namespace specula {
namespace {

ReferenceDecoder on_device(const std::filesystem::path& folder, at::DeviceType device) {
  TrainableDecoder decoder = read_decoder(folder);
  for (auto& [name, tensor] : decoder.parameters) tensor = tensor.to(device);
  return {std::move(decoder.config), std::move(decoder.parameters)};
}

}  // namespace

FrozenTarget::FrozenTarget(const std::filesystem::path& folder, const DecoderTraining& training)
    : training_(training), model_(on_device(folder, training.device)) {}

std::vector<Tensor> FrozenTarget::states(const Tensor& token, const std::vector<int>& sites) const {
  const at::NoGradGuard no_grad;
  const AutocastScope autocast(training_.autocast, training_.device);
  return model_.states(token, sites);
}

Tensor FrozenTarget::final_states(const Tensor& token) const {
  return states(token, {model_.last_site()}).front().flatten(0, 1);
}

Tensor FrozenTarget::logits(const Tensor& states) const {
  const at::NoGradGuard no_grad;
  const AutocastScope autocast(training_.autocast, training_.device);
  return model_.logits(states).to(at::kFloat);
}

}  // namespace specula
