#include "verifiers/check.h"

#include <algorithm>
#include <cmath>

#include "framework/core/clock.h"
#include "framework/decode/compose.h"
#include "framework/decode/round_law.h"

namespace specula {
namespace {

using Rules = std::shared_ptr<const Registry<Verifier>>;

constexpr uint32_t kAgainstStream = 0x63686563;  // keeps the keys of `against` apart from those of `rule`

struct Options {
  std::string rule = "block", against = "rejection";
  template <class V>
  void visit(V& v) {
    v("rule", rule, "the rule that decides, with its options: \"lenience(l = 0.5)\"");
    v("against", against, "the rule that is compared with it");
  }
};

// A rule that an option names.
struct Named {
  Params params;
  const Registry<Verifier>::Entry& entry;
};

Named named(const Registry<Verifier>& rules, const Params& given, const std::string& option, const std::string& text) {
  const Value* value = given.values.find(option);
  const std::string place = cat(given.place, " ", option);
  Value call = parse_call(text, value != nullptr ? value->origin : "default");
  const std::string origin = call.origin;
  Params params{.place = place, .values = std::move(call)};
  return {params, rules.at(plugin_name(params), cat(origin, ": ", place))};
}

Facts facts_of_both(const Facts& rule, const Facts& against, const Params& given) {
  Facts both = rule;
  std::erase_if(both.laws, [&](Draw law) {
    return std::find(against.laws.begin(), against.laws.end(), law) == against.laws.end();
  });
  if (both.laws.empty()) throw ConfigError(cat(given.place, ": rule and against take no draw law in common"));
  both.trees = rule.trees && against.trees;
  both.q_next = rule.q_next || against.q_next;
  both.one_hot = rule.one_hot || against.one_hot;
  both.cost = "both rules along every branch of their choices";
  return both;
}

std::optional<double> distance(const Verifier& a, const Verifier& b, const DraftTree& tree, const Tensor& p) {
  const auto law_a = law_of_round(a, tree, p), law_b = law_of_round(b, tree, p);
  if (!law_a || !law_b) return std::nullopt;
  const std::vector<double> first_a = law_of_first_token(*law_a, tree, p.size(1)),
                            first_b = law_of_first_token(*law_b, tree, p.size(1));
  double sum = 0;
  for (size_t x = 0; x < first_a.size(); ++x) sum += std::abs(first_a[x] - first_b[x]);
  return sum / 2;
}

class Check final : public Verifier {
 public:
  Check(std::unique_ptr<Verifier> rule, std::unique_ptr<Verifier> against)
      : rule_(std::move(rule)), against_(std::move(against)) {}

  Ask needs() const override { return unite(rule_->needs(), against_->needs()); }
  Tensor law(const DraftTree& tree, const Tensor& p) const override { return rule_->law(tree, p); }
  std::optional<double> expected_accepted(const DraftTree& tree, const Tensor& p) const override {
    return rule_->expected_accepted(tree, p);
  }

  Verdict verify(const DraftTree& tree, const Evidence& evidence) const override {
    const double start = seconds_now();
    Verdict verdict = rule_->verify(tree, evidence);
    const double rule_took = seconds_now() - start;
    const auto chance = evidence.chance.fork(kAgainstStream);
    if (chance == nullptr) return verdict;
    const double again = seconds_now();
    const Verdict other = against_->verify(tree, {.p = evidence.p, .chance = *chance});
    const double against_took = seconds_now() - again;
    const auto note = [&](const char* name, double value) { verdict.notes.emplace_back(name, value); };
    note("rule_expected_accepted", specula::expected_accepted(*rule_, tree, evidence.p));
    note("against_expected_accepted", specula::expected_accepted(*against_, tree, evidence.p));
    note("against_accepted", static_cast<double>(other.path.size()));
    if (const auto tv = distance(*rule_, *against_, tree, evidence.p)) note("law_tv", *tv);
    note("rule_us", rule_took * 1e6);
    note("against_us", against_took * 1e6);
    return verdict;
  }

 private:
  std::unique_ptr<Verifier> rule_, against_;
};

}  // namespace

Registry<Verifier>::Entry check(const Rules& rules) {
  return {.name = "check",
          .summary = "One rule decides, another judges the same rounds; their differences are recorded.",
          .paper = "",
          .options = list_options<Options>(),
          .facts = [rules](const Params& params, Policy policy) -> Facts {
            const auto options = read_options<Options>(params);
            const Named rule = named(*rules, params, "rule", options.rule);
            const Named against = named(*rules, params, "against", options.against);
            return facts_of_both(rule.entry.facts(rule.params, policy), against.entry.facts(against.params, policy),
                                 params);
          },
          .make = [rules](const Params& params, const Parts& parts) -> std::unique_ptr<Verifier> {
            const auto options = read_options<Options>(params);
            const Named rule = named(*rules, params, "rule", options.rule);
            const Named against = named(*rules, params, "against", options.against);
            return std::make_unique<Check>(rule.entry.make(rule.params, parts),
                                           against.entry.make(against.params, parts));
          },
          .resolve =
              [](const Params& params) {
                Value resolved;
                read_options<Options>(params, &resolved);
                return resolved;
              }};
}

}  // namespace specula
