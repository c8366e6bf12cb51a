#include "drafters/stoppers/entropy.h"

#include <cmath>

#include "framework/decode/probability.h"

namespace specula {
namespace {

struct Options {
  std::string rule = "adaedl";
  double gamma = 0.2, lambda = 0.4, h = 1;  // round figures: a sweep belongs to a pair of models
  bool keep = false;
  template <class V>
  void visit(V& v) {
    v("rule", rule, {"adaedl", "svip"}, "adaedl: stop where 1 - sqrt(gamma H) < lambda; svip: where sqrt(H) > h");
    v("gamma", gamma, 0, 100, "of adaedl: how fast the bound falls with the entropy");
    v("lambda", lambda, 0, 1, "of adaedl: the least bound of the acceptance rate");
    v("h", h, 0, 10, "of svip: the largest root of the entropy in nats");
    v("keep", keep, "draft the doubtful token as the last of the chain; false: do not draw it");
  }
};

class EntropyBound final : public Stopper {
 public:
  explicit EntropyBound(Options options) : options_(std::move(options)) {}

  bool reads_q() const override { return true; }
  bool before(const StopRow& row) override {
    is_doubtful_ = is_doubtful(entropy_of(row.q.data(), static_cast<int64_t>(row.q.size())));
    return is_doubtful_ && !options_.keep;
  }
  bool after(const StopRow& /*row*/, Token /*drawn*/) override { return is_doubtful_; }

 private:
  bool is_doubtful(double nats) const {
    return options_.rule == "svip" ? std::sqrt(nats) > options_.h
                                   : 1 - std::sqrt(options_.gamma * nats) < options_.lambda;
  }

  Options options_;
  bool is_doubtful_ = false;  // the row that was asked about last
};

}  // namespace

Registry<Stopper>::Entry entropy() {
  return stopper_entry<EntropyBound, Options>("entropy", "Ends a chain where the draft model's entropy is too high.",
                                              "Agrawal et al. 2024 (AdaEDL); Zhang et al. 2024 (SVIP)",
                                              [](const Options& /*options*/) { return Facts{}; });
}

}  // namespace specula
