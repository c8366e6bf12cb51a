#include "framework/model/language_model.h"

#include <algorithm>

namespace specula {

Ask unite(const Ask& a, const Ask& b) {
  Ask both = a;
  both.logits = std::max(a.logits, b.logits);
  for (const int site : b.hidden) {
    if (std::find(both.hidden.begin(), both.hidden.end(), site) == both.hidden.end()) both.hidden.push_back(site);
  }
  return both;
}

}  // namespace specula
