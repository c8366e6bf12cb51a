#include "framework/train/head_network.h"

namespace specula {

std::vector<Tensor> HeadNetwork::unroll(const Tensor& token, const std::vector<Tensor>& states, int levels) const {
  std::vector<Tensor> features;
  Kept kept;
  Tensor carried = join(states);
  for (int level = 0; level < levels; ++level) {
    Level done = run(level, token.narrow(1, level + 1, token.size(1) - 1 - level), carried, kept);
    carried = done.carried;
    features.push_back(done.features);
  }
  return features;
}

}  // namespace specula
