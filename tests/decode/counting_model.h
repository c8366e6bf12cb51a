// A model that counts its passes, those with logits apart.
#pragma once

#include "framework/model/wrapped_model.h"

namespace specula::testing {

class CountingModel final : public WrappedModel {
 public:
  using WrappedModel::WrappedModel;
  Pass forward(const Rows& rows, KvCache& cache, const Ask& ask) const override {
    ++all_passes;
    passes += ask.logits == Logits::kNone ? 0 : 1;
    return model_.forward(rows, cache, ask);
  }
  mutable int passes = 0, all_passes = 0;  // passes: with logits
};

}  // namespace specula::testing
