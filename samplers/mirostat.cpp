#include "samplers/mirostat.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "framework/decode/logit_rows.h"
#include "framework/decode/probability.h"
#include "framework/decode/top_tokens.h"

namespace specula {
namespace {

struct Options {
  double tau = 5.0, eta = 0.1;
  int version = 2;
  template <class V>
  void visit(V& v) {
    v("tau", tau, 0.0, 100.0, "surprise that a token is to have", "bits");
    v("eta", eta, 0.0, 1.0, "by what share of the error mu is moved after each token");
    v("version", version, 1, 2, "1 estimates Zipf's exponent and keeps so many tokens, 2 cuts by surprise alone");
  }
};

// Tokens that version 1 keeps (Basu et al. 2021, eq. 7 to 9), from the exponent of the 100 most likely.
int64_t zipf_top(const float* x, int64_t vocab, double mu) {
  std::vector<Token> top(static_cast<size_t>(std::min<int64_t>(100, vocab)));
  top_tokens({x, static_cast<size_t>(vocab)}, top);
  double ratios = 0, squares = 0;
  for (size_t i = 0; i + 1 < top.size() && top[i + 1] >= 0; ++i) {
    const double t = std::log(static_cast<double>(i + 2) / static_cast<double>(i + 1));
    ratios += t * (x[top[i]] - x[top[i + 1]]);  // ln p(i) / p(i+1)
    squares += t * t;
  }
  const double s = squares > 0 ? ratios / squares : 1;
  const double e = s - 1;
  const double kept = std::pow(e * std::pow(2.0, mu) / (1 - std::pow(static_cast<double>(vocab), -e)), 1 / s);
  return kept >= 1 ? static_cast<int64_t>(std::min(kept, static_cast<double>(vocab))) : 1;  // NaN where s is 1 or 0
}

void keep_top(float* x, int64_t vocab, int64_t k) {
  if (k >= vocab) return;
  std::vector<float> copy(x, x + vocab);
  std::nth_element(copy.begin(), copy.begin() + (k - 1), copy.end(), std::greater<>());
  remove_below(x, vocab, copy[static_cast<size_t>(k - 1)]);
}

void cut_by_surprise(float* x, int64_t vocab, double mu) {
  std::vector<float> mass(static_cast<size_t>(vocab));
  softmax(x, vocab, mass.data());
  remove_rare(x, mass, std::exp2(-mu));  // -log2 p > mu; one token stays in any case
}

class Mirostat final : public LogitsProcessor {
 public:
  explicit Mirostat(Options options) : options_(options) {}

  std::optional<double> first_state() const override { return 2 * options_.tau; }
  double next_state(double mu, double p) const override {
    if (!(p > 0)) return mu;  // below a token that the policy forbids nothing is ever drawn
    return mu - options_.eta * (-std::log2(p) - options_.tau);
  }

  void apply(Tensor& logits, const RowContext& context) const override {
    const double mu = context.state.value_or(2 * options_.tau);
    each_row(logits, [&](float* x, int64_t vocab, size_t /*j*/) {
      if (options_.version == 1) {
        keep_top(x, vocab, zipf_top(x, vocab, mu));
      } else {
        cut_by_surprise(x, vocab, mu);
      }
    });
  }

 private:
  Options options_;
};

}  // namespace

Registry<LogitsProcessor>::Entry mirostat() {
  return sampler_entry<Mirostat, Options>(
      "mirostat", "Cuts surprising tokens so that the text's surprise stays near tau.", "Basu et al. 2021", "llama.cpp",
      [](const Options&) { return Facts{.reads = Reads::kState, .removes = true}; });
}

}  // namespace specula
