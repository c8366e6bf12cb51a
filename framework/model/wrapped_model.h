// A model around another: forward() as one likes, everything else as the other says.  Licence: Apache-2.0.
#pragma once

#include "framework/model/language_model.h"

namespace specula {

class WrappedModel : public LanguageModel {
 public:
  explicit WrappedModel(const LanguageModel& model) : model_(model) {}  // lent
  int64_t vocab() const override { return model_.vocab(); }
  int64_t context() const override { return model_.context(); }
  int64_t layers() const override { return model_.layers(); }
  std::unique_ptr<KvCache> new_cache(int batch, int64_t reserve) const override {
    return model_.new_cache(batch, reserve);
  }
  const HeadTraits* head_traits() const override { return model_.head_traits(); }
  Tensor join(const Tensor& states) const override { return model_.join(states); }

 protected:
  const LanguageModel& model_;
};

}  // namespace specula
