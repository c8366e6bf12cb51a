// What does not fit is said before anything loads, in one line that names the place, the reason and the way out.
#include "framework/decode/compose.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "drafters/register.h"
#include "samplers/register.h"
#include "verifiers/register.h"

namespace specula::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct NoOptionsVerifier final : Verifier {
  explicit NoOptionsVerifier(NoOptions /*options*/) {}
  Verdict verify(const DraftTree& /*tree*/, const Evidence& /*evidence*/) const override { return {}; }
};

Registries registries() {
  Registries r;
  register_drafters(r.drafters);
  register_verifiers(r.verifiers);
  register_samplers(r.samplers);
  r.verifiers.add(verifier_entry<NoOptionsVerifier, NoOptions>(
      "iid_only", "takes i.i.d. chains only", "",
      [](const NoOptions&) { return Facts{.laws = {Draw::kIid}, .q_next = true}; }));
  return r;
}

Params named(const std::string& place, const std::string& call) {
  return {.place = place, .values = parse_call(call, "run.toml:7:3")};
}

Composed composed(const std::string& drafter, const std::string& verifier, const std::string& samplers) {
  return check_composition(registries(), {.drafter = named("arm.x drafter", drafter),
                                          .verifier = named("arm.x verifier", verifier),
                                          .samplers = parse_samplers(samplers, "--sampler")});
}

TEST(Compose, WhatFitsSaysItsGuarantee) {
  EXPECT_THAT(composed("draft_model(length=3)", "rejection", "temperature(1)").problems, IsEmpty());
  EXPECT_EQ(composed("draft_model", "rejection", "temperature(1)").guarantee, Guarantee::kExact);
  EXPECT_EQ(composed("none", "agreement", "").guarantee, Guarantee::kCoupled);
  EXPECT_EQ(composed("echo", "greedy_match", "temperature(0)").guarantee, Guarantee::kGreedyExact);
}

TEST(Compose, GreedyMatchNeedsTemperatureZero) {
  EXPECT_THAT(composed("none", "greedy_match", "temperature(0.7)").problems,
              ElementsAre(HasSubstr("set temperature = 0")));
  EXPECT_THAT(composed("none", "greedy_match", "").problems,
              ElementsAre(HasSubstr("run.toml:7:3: arm.x verifier 'greedy_match'")));
}

TEST(Compose, LawsMustFit) {
  EXPECT_THAT(composed("prompt_lookup", "iid_only", "").problems,
              ElementsAre(HasSubstr("it drafts point, the verifier takes iid"), HasSubstr("needs q after every row")));
}

TEST(Compose, EveryProblemIsListedAtOnce) {
  EXPECT_THAT(composed("draft_modle", "rejektion", "temprature(1),top_p(2)").problems,
              ElementsAre(HasSubstr("unknown sampler 'temprature'; did you mean 'temperature'?"),
                          HasSubstr("p = 2.0 is out of range 0.0..1.0"),
                          HasSubstr("unknown verifier 'rejektion'; did you mean 'rejection'?"),
                          HasSubstr("unknown drafter 'draft_modle'; did you mean 'draft_model'?")));
  EXPECT_THAT(composed("draft_model(lenght=5,draw=maybe)", "rejection", "").problems,
              ElementsAre(HasSubstr("not one of auto, sample, greedy"),
                          HasSubstr("unknown key 'lenght' in arm.x drafter; did you mean 'length'?")));
  EXPECT_THAT(composed("prompt_lookup(min_ngram=4,max_ngram=2)", "rejection", "").problems,
              ElementsAre(HasSubstr("min_ngram = 4")));
}

TEST(Compose, TheDefaultVerifierFollowsTheTemperature) {
  const Registries r = registries();
  EXPECT_EQ(default_verifier(r, parse_samplers("temperature(0)", "t")), "greedy_match");
  EXPECT_EQ(default_verifier(r, parse_samplers("temperature(0.5),top_p(0.9)", "t")), "rejection");
  EXPECT_EQ(default_verifier(r, {}), "rejection");
}

TEST(Compose, ProcessorsThatChangeNothingAreLeftOut) {
  const Registries r = registries();
  const auto steps = [&](const std::string& text) { return make_sampler(r, parse_samplers(text, "t")).steps.size(); };
  EXPECT_EQ(steps("repetition_penalty(1),temperature(1),top_p(1),min_p(0)"), 0U);
  EXPECT_EQ(steps("repetition_penalty(1.1),temperature(0.9),top_k(5),top_p(0.9),min_p(0.1)"), 5U);
}

TEST(Compose, APluginNameIsRegisteredOnce) {
  Registries r = registries();
  EXPECT_THROW(register_drafters(r.drafters), std::logic_error);
}

}  // namespace
}  // namespace specula::testing
