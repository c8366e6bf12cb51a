#include "framework/model/language_model.h"

#include <algorithm>

#include "framework/core/error.h"

namespace specula {

Ask unite(const Ask& a, const Ask& b) {
  SPECULA_CHECK(a.is_plain() && b.is_plain(), "passes with skipped layers, a resumption or a view of their own");
  Ask both = a;
  both.logits = std::max(a.logits, b.logits);
  for (const int site : b.hidden) {
    if (std::find(both.hidden.begin(), both.hidden.end(), site) == both.hidden.end()) both.hidden.push_back(site);
  }
  return both;
}

Ask exit_after(int64_t layers, int64_t all_layers, Logits logits) {
  SPECULA_CHECK(layers >= 1 && layers <= all_layers, "exit after ", layers, " of ", all_layers, " layers");
  std::vector<char> skipped(static_cast<size_t>(all_layers), 0);
  std::fill(skipped.begin() + layers, skipped.end(), 1);
  return {.logits = logits, .skip_attention = skipped, .skip_mlp = skipped};
}

Tensor LanguageModel::join(const Tensor& /*states*/) const { SPECULA_CHECK(false, "no head of another model"); }

}  // namespace specula
