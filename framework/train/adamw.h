// AdamW (Loshchilov and Hutter 2019) by LibTorch's fused operator: one pass over each parameter and its moments.
// Matrices decay, vectors (norms, biases) do not.  Licence: Apache-2.0.
#pragma once

#include <vector>

#include "framework/train/objective.h"

namespace specula {

struct AdamWOptions {
  double beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8, weight_decay = 0.1;
};

class AdamW {
 public:
  AdamW(std::vector<Parameter> parameters, const AdamWOptions& options);

  // Scales all gradients so that their norm is at most `most` (0: leaves them); returns the norm that they had.
  double clip(double most);
  void step(double learning_rate, int64_t number);  // number: of the step, counted from 1
  void forget_gradients();

  const std::vector<Parameter>& parameters() const { return parameters_; }
  // Parameters and moments by name, for checkpoints; the tensors are those in use.
  std::vector<Parameter> state() const;

 private:
  struct Group {
    double decay;
    std::vector<Tensor> parameters, first, second;
  };
  std::vector<Parameter> parameters_;
  AdamWOptions options_;
  std::vector<Group> groups_;
  std::vector<Parameter> moments_;
};

}  // namespace specula
