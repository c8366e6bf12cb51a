// Where mutants live: a toy under a policy other than softmax at temperature 1 (so that a law before the policy is
// another law), rules made of a function, drafts that were tampered with, and texts whose keys are.  Internal to
// faults_*.cpp.  Licence: Apache-2.0.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "framework/certify/faults.h"
#include "framework/certify/naive_rules.h"
#include "framework/certify/toy.h"

namespace specula {

inline constexpr Draw kDrawn = Draw::kIid, kWithout = Draw::kWithoutReplacement, kPointed = Draw::kPoint;

// A rule made of a function; `law` is what it claims to follow, p where it is not given.
class RuleOf final : public Verifier {
 public:
  using Judge = std::function<Verdict(const DraftTree& tree, const Evidence& evidence)>;
  using Claim = std::function<Tensor(const DraftTree& tree, const Tensor& p)>;
  explicit RuleOf(Judge judge, Claim law = nullptr) : judge_(std::move(judge)), law_(std::move(law)) {}
  Verdict verify(const DraftTree& tree, const Evidence& evidence) const override { return judge_(tree, evidence); }
  Tensor law(const DraftTree& tree, const Tensor& p) const override { return law_ ? law_(tree, p) : p; }

 private:
  Judge judge_;
  Claim law_;
};

RuleOf ratio_rule();  // the ratio test as `rejection` runs it

class FaultWorld {
 public:
  explicit FaultWorld(uint64_t seed = 18, int64_t vocab = 3);  // most mutants err by much on these three tokens
  const Toy& toy() const { return toy_; }
  const Row& p(const Prefix& text) const { return look_up(p_, text, &Toy::p); }
  const Row& q(const Prefix& text) const { return look_up(q_, text, &Toy::q); }
  const Prefix& prompt() const { return prompt_; }

  // Draws the shape, then changes each tree; q is given anew afterwards.
  using Change = std::function<void(const Prefix& text, DraftTree& tree)>;
  Drafts drafts(const Shape& shape, const Change& change = nullptr) const;
  TargetRows rows() const;

  // Total variation between the law of the first tokens under the rule and the law that it claims.
  double error(const Verifier& rule, int tokens, const Drafts& drafts) const {
    return error(rule, tokens, drafts, rows());
  }
  double error(const Verifier& rule, int tokens, const Drafts& drafts, const TargetRows& p) const;

 private:
  using Memory = std::map<Prefix, Row>;
  const Row& look_up(Memory& memory, const Prefix& text, Row (Toy::*law)(const Prefix&) const) const;

  Sampler sampler_;
  Toy toy_;
  Prefix prompt_{0, 1, 0};
  mutable Memory p_, q_;
};

DraftTree first_rows(const DraftTree& tree, int rows);  // without q

// Which random number a use gets; index: tree row, node, or for kTarget the depth.
using KeyMap = std::function<double(const Keyring& keys, Use use, int64_t start, int index)>;
double sound_key(const Keyring& keys, Use use, int64_t start, int index);  // as KeyedChance does

// The chances of a round whose keys a map decides.
class MappedChance final : public Chance {
 public:
  MappedChance(const Keyring& keys, int64_t start, const KeyMap& map) : keys_(keys), start_(start), map_(map) {}
  int choose(std::span<const double> h, int row) override;
  Token draw_target(const float* p, int64_t vocab, int depth) override;
  Token draw_coupled(const float* p, int64_t vocab, int depth) override;
  Token emit(const Residual& left, int node, int depth) override;

 private:
  const Keyring& keys_;
  int64_t start_;
  const KeyMap& map_;
};

// A text decoded round by round with drafts that may share random numbers with the rule.
struct KeyedText {
  const Verifier& rule;
  int length;  // tokens drafted in a round
  int tokens;  // of the text
  KeyMap keys = sound_key;
  std::function<DraftTree(const Prefix& text, int depth, const Keyring& keys)> draft{};  // empty: an i.i.d. chain
};
std::vector<Token> decode_text(const FaultWorld& world, const KeyedText& how, const Keyring& keys, std::string& trace);
// Total variation of that from p, by bisection of every uniform.
double bisected_error(const FaultWorld& world, const KeyedText& how);

}  // namespace specula
