#include <cstdio>

#include "experiments/run/plugin_parts.h"
#include "experiments/verify/ladder.h"

namespace specula {
namespace {

class Renewed final : public Drafter {
 public:
  explicit Renewed(std::function<std::unique_ptr<Drafter>()> make) : make_(std::move(make)), inner_(make_()) {}
  Ask needs() const override { return inner_->needs(); }
  void begin(std::span<const Prefix> prefixes, std::span<const int64_t> requests, const Pass& prefill) override {
    inner_ = make_();
    inner_->begin(prefixes, requests, prefill);
  }
  std::vector<DraftTree> draft(const Round& round) override { return inner_->draft(round); }
  Started started() const override { return inner_->started(); }
  void observe(const Feedback& feedback) override { inner_->observe(feedback); }
  void finish(int64_t request, const Prefix& text) override { inner_->finish(request, text); }

 private:
  std::function<std::unique_ptr<Drafter>()> make_;
  std::unique_ptr<Drafter> inner_;
};

}  // namespace

Player::Player(const Workbench& bench, const ArmConfig& arm, const LanguageModel& target, ModelOf models,
               const std::vector<Params>& samplers)
    : target_(target),
      policy_(arm.composed.verifier.policy),
      q_next_(arm.composed.verifier.q_next),
      sampler_(make_sampler(bench.registries, samplers, parts_of_samplers(bench, arm))) {
  const auto folder = [&config = bench.config, of_target = arm.target](const std::string& name) {
    return config.model(name.empty() ? of_target : name).folder;
  };
  make_drafter_ = [&registry = bench.registries.drafters, params = arm.drafter,
                   parts = plugin_parts(std::move(models), target, folder)] {
    return registry.at(plugin_name(params), params.place).make(params, parts);
  };
  drafter_ = make_drafter_();
  rule_ = bench.registries.verifiers.at(plugin_name(arm.verifier), arm.verifier.place).make(arm.verifier, {});
  if (bench.options.fault) rule_ = plant(std::move(rule_), *bench.options.fault);
}

Player Player::without_draft(const Workbench& bench, const ArmConfig& arm, const LanguageModel& target,
                             const std::vector<Params>& samplers) {
  ArmConfig plain = arm;
  plain.drafter = {.place = "none", .values = parse_call("none", "none")};
  plain.verifier = {.place = "agreement", .values = parse_call("agreement", "agreement")};
  // A race draws other tokens than an inverse CDF does: a coupled rule's own text is the one to compare with.
  if (arm.composed.guarantee == Guarantee::kCoupled) plain.verifier = arm.verifier;
  LadderOptions fair = bench.options;
  fair.fault.reset();
  const Workbench unplanted{bench.registries, bench.config, fair, bench.models, {}, {}};
  return {unplanted, plain, target, {}, samplers};
}

Session Player::session(int64_t tokens, const Keyring& keys) const {
  return {.target = target_,
          .drafter = *drafter_,
          .verifier = *rule_,
          .policy = policy_,
          .q_next = q_next_,
          .sampler = sampler_,
          .keys = keys,
          .max_new_tokens = tokens};
}

void Player::renew_drafter() { drafter_ = std::make_unique<Renewed>(make_drafter_); }

Parts parts_of_samplers(const Workbench& bench, const ArmConfig& arm) {
  return {.tokenizer = tokenizers([&config = bench.config, target = arm.target](const std::string& name) {
            return config.model(name.empty() ? target : name).folder;
          })};
}

std::vector<Params> at_temperature_0(const std::vector<Params>& samplers) {
  std::vector<Params> cold = samplers;
  for (Params& sampler : cold) {
    if (plugin_name(sampler) != "temperature") continue;
    sampler.values = parse_call("temperature(temperature=0.0)", "L0");
    return cold;
  }
  // Behind what reads the history: nothing that follows temperature 0 is applied.
  cold.push_back({.place = "L0", .values = parse_call("temperature(temperature=0.0)", "L0")});
  return cold;
}

std::string formatted(const char* format, double value) {
  char text[48];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

bool is_lossless(const ArmConfig& arm) {
  const Guarantee guarantee = arm.composed.guarantee;
  return guarantee != Guarantee::kLossy && guarantee != Guarantee::kMixture;
}

}  // namespace specula
