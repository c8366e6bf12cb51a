#include "verifiers/ensemble.h"

#include "framework/decode/mixture_rule.h"

namespace specula {
namespace {

struct Options {
  double weight = 0.5;
  template <class V>
  void visit(V& v) {
    v("weight", weight, 0, 1, "of the target in the mixture; 1: the target alone, 0: the draft alone");
  }
};

class Ensemble final : public MixtureRule {
 public:
  explicit Ensemble(Options options) : weight_(options.weight) {}

 private:
  void mix(const float* p, const float* q, int64_t vocab, float* mixture) const override {
    const double of_p = weight_, of_q = 1 - weight_;
    for (int64_t x = 0; x < vocab; ++x) mixture[x] = static_cast<float>(of_p * p[x] + of_q * q[x]);
  }

  double weight_;
};

}  // namespace

Registry<Verifier>::Entry ensemble() {
  return verifier_entry<Ensemble, Options>("ensemble", "Exact for the mixture w p + (1-w) q of target and draft.", "",
                                           [](const Options& /*options*/) { return facts_of_mixture_rule(); });
}

}  // namespace specula
