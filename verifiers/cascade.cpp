#include "verifiers/cascade.h"

#include <algorithm>

#include "framework/decode/mixture_rule.h"
#include "framework/decode/probability.h"

namespace specula {
namespace {

struct Options {
  std::string rule = "opt";
  double alpha = 0.1;  // a mild one; the paper sweeps it
  template <class V>
  void visit(V& v) {
    v("rule", rule, {"chow", "diff", "opt", "token"}, "when the target speaks instead of the draft");
    v("alpha", alpha, 0, 1, "how much worse the draft may be; larger: the target is asked less often");
  }
};

double highest(const float* p, int64_t vocab) { return *std::max_element(p, p + vocab); }

class Cascade final : public MixtureRule {
 public:
  explicit Cascade(Options options) : options_(std::move(options)) {}

 private:
  void mix(const float* p, const float* q, int64_t vocab, float* mixture) const override {
    if (options_.rule == "token") {
      mix_by_token(p, q, vocab, mixture);
    } else {
      std::copy_n(defers(p, q, vocab) ? p : q, vocab, mixture);
    }
  }

  bool defers(const float* p, const float* q, int64_t vocab) const {
    if (options_.rule == "chow") return highest(q, vocab) < 1 - options_.alpha;
    const double price = options_.rule == "opt" ? 1 - overlap(p, q, 1, vocab) : 1;
    return highest(q, vocab) < highest(p, vocab) - options_.alpha * price;
  }

  void mix_by_token(const float* p, const float* q, int64_t vocab, float* mixture) const {
    const double bar = highest(p, vocab) - options_.alpha;
    double deferred = 0;
    for (int64_t y = 0; y < vocab; ++y) deferred += p[y] < bar ? q[y] : 0;
    for (int64_t x = 0; x < vocab; ++x) {
      const double kept = p[x] < bar ? 0 : q[x];
      mixture[x] = static_cast<float>(kept + p[x] * deferred);
    }
  }

  Options options_;
};

}  // namespace

Registry<Verifier>::Entry cascade() {
  return verifier_entry<Cascade, Options>(
      "cascade", "Exact for a cascade: the draft's law where it is good enough, else the target's.",
      "Narasimhan et al. 2025", [](const Options& /*options*/) { return facts_of_mixture_rule(); });
}

}  // namespace specula
