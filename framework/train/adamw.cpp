#include "framework/train/adamw.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros_like.h>

namespace specula {

AdamW::AdamW(std::vector<Parameter> parameters, const AdamWOptions& options)
    : parameters_(std::move(parameters)), options_(options), groups_(2) {
  groups_[0].decay = options_.weight_decay;
  groups_[1].decay = 0;
  for (const Parameter& parameter : parameters_) {
    Group& group = groups_[parameter.tensor.dim() > 1 ? 0 : 1];
    group.parameters.push_back(parameter.tensor);
    group.first.push_back(at::zeros_like(parameter.tensor));
    group.second.push_back(at::zeros_like(parameter.tensor));
    moments_.push_back({"first." + parameter.name, group.first.back()});
    moments_.push_back({"second." + parameter.name, group.second.back()});
  }
}

double AdamW::clip(double most) {
  const at::NoGradGuard no_grad;
  std::vector<Tensor> norms;
  for (const Parameter& parameter : parameters_) {
    SPECULA_CHECK(parameter.tensor.grad().defined(), parameter.name, " has no gradient");
    norms.push_back(at::linalg_vector_norm(parameter.tensor.grad()));
  }
  const double norm = at::linalg_vector_norm(at::stack(norms)).item<double>();
  if (most > 0 && norm > most) {
    for (const Parameter& parameter : parameters_) parameter.tensor.grad().mul_(most / norm);
  }
  return norm;
}

void AdamW::step(double learning_rate, int64_t number) {
  const at::NoGradGuard no_grad;
  for (Group& group : groups_) {
    if (group.parameters.empty()) continue;
    std::vector<Tensor> gradients, steps;
    for (const Tensor& parameter : group.parameters) {
      gradients.push_back(parameter.grad());
      steps.push_back(at::full({}, static_cast<double>(number), parameter.options()));
    }
    at::_fused_adamw_(group.parameters, gradients, group.first, group.second, {}, steps, learning_rate, options_.beta1,
                      options_.beta2, group.decay, options_.epsilon, /*amsgrad=*/false, /*maximize=*/false);
  }
}

void AdamW::forget_gradients() {
  for (const Parameter& parameter : parameters_) parameter.tensor.mutable_grad().reset();
}

std::vector<Parameter> AdamW::state() const {
  std::vector<Parameter> all = parameters_;
  all.insert(all.end(), moments_.begin(), moments_.end());
  return all;
}

}  // namespace specula
