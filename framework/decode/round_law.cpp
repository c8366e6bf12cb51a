#include "framework/decode/round_law.h"

#include <algorithm>

#include "framework/core/error.h"
#include "framework/decode/sampler.h"

namespace specula {
namespace {

struct HasCoupledDraw {};

using Branches = std::vector<int>;

// One run of a rule along given branches; where they end it takes the first that is possible and notes the others.
class Script final : public Chance {
 public:
  Script(const DraftTree& tree, const Branches& given, bool keeps_next)
      : tree_(tree), given_(given), keeps_next_(keeps_next) {}

  double mass = 1;               // of the branches taken
  std::vector<Branches> others;  // those not taken
  std::vector<double> next;      // [V] law of the token that ended the round

  int choose(std::span<const double> h, int /*row*/) override {
    std::vector<double> mass_of;  // the last branch: none of them
    double left = 1;
    for (const double one : h) {
      mass_of.push_back(std::clamp(one, 0.0, left));
      left -= mass_of.back();
    }
    mass_of.push_back(left);
    const int branch = take(mass_of);
    return branch == static_cast<int>(h.size()) ? -1 : branch;
  }

  Token draw_target(const float* p, int64_t vocab, int depth) override {
    drawn_ = {.token = branch_of_target(p, vocab), .node = kAnyNode, .depth = depth};
    return drawn_.token;
  }

  Token draw_coupled(const float* /*p*/, int64_t /*vocab*/, int /*depth*/) override { throw HasCoupledDraw{}; }

  Token emit(const Residual& left, int node, int depth) override {
    drawn_ = {.token = left.draw(0), .node = node, .depth = depth};
    if (keeps_next_) {
      std::vector<double> mass_of(static_cast<size_t>(left.vocab()));
      for (Token x = 0; x < left.vocab(); ++x) mass_of[x] = left.at(x);
      keep(std::move(mass_of));
    }
    return drawn_.token;
  }

  // The run is over: what it drew last must be what it ends with, or the law of the draw is not that of the round.
  void end(int row, Token last, int64_t vocab) {
    if (drawn_.node == kNothingDrawn) {  // a rule without a choice at its end - a most likely token - decided by itself
      keep_one(last, vocab);
      return;
    }
    SPECULA_CHECK(
        drawn_.token == last && drawn_.depth == tree_.depth(row) && (drawn_.node == kAnyNode || drawn_.node == row),
        "a round ends after row ", row, " with token ", last, ", but its last draw was token ", drawn_.token,
        " at depth ", drawn_.depth, " after row ", drawn_.node);
  }

 private:
  static constexpr int kAnyNode = -1, kNothingDrawn = -2;

  // A branch for each token that the tree holds, and one for all the others, which no rule can tell apart.
  Token branch_of_target(const float* p, int64_t vocab) {
    std::vector<Token> named(tree_.token.begin() + 1, tree_.token.end());
    std::sort(named.begin(), named.end());
    named.erase(std::unique(named.begin(), named.end()), named.end());
    std::vector<double> rest(p, p + vocab), mass_of;
    const double whole = total(p, vocab);
    for (const Token x : named) {
      mass_of.push_back(rest[x] / whole);
      rest[x] = 0;
    }
    mass_of.push_back(total(rest.data(), vocab) / whole);
    const auto branch = static_cast<size_t>(take(mass_of));
    if (branch < named.size()) {
      keep_one(named[branch], vocab);
      return named[branch];
    }
    const auto unnamed = static_cast<Token>(std::max_element(rest.begin(), rest.end()) - rest.begin());
    if (keeps_next_) keep(std::move(rest));
    return unnamed;
  }

  void keep_one(Token x, int64_t vocab) {
    if (!keeps_next_) return;
    next.assign(static_cast<size_t>(vocab), 0.0);
    next[x] = 1;
  }

  void keep(std::vector<double>&& law) {
    next = std::move(law);
    const double scale = 1 / total(next.data(), static_cast<int64_t>(next.size()));
    for (double& x : next) x *= scale;
  }

  int take(const std::vector<double>& mass_of) {
    int branch = -1;
    if (taken_.size() < given_.size()) {
      branch = given_[taken_.size()];
    } else {
      for (int i = 0; i < static_cast<int>(mass_of.size()); ++i) {
        if (!(mass_of[i] > 0)) continue;
        if (branch < 0) {
          branch = i;
        } else {
          others.push_back(taken_);
          others.back().push_back(i);
        }
      }
      SPECULA_CHECK(branch >= 0, "a choice without a possible branch");
    }
    mass *= mass_of[branch];
    taken_.push_back(branch);
    return branch;
  }

  const DraftTree& tree_;
  const Branches& given_;
  const bool keeps_next_;
  Branches taken_;
  struct {
    Token token = -1;
    int node = kNothingDrawn, depth = 0;
  } drawn_;  // last, and after which row
};

// Runs the rule along every sequence of branches; `found(end row, script, verdict)` hears of each.
template <class Found>
void explore(const Verifier& rule, const DraftTree& tree, const Tensor& p, bool keeps_next, const Found& found) {
  std::vector<Branches> open{{}};
  while (!open.empty()) {
    const Branches branches = std::move(open.back());
    open.pop_back();
    Script script(tree, branches, keeps_next);
    const Verdict verdict = rule.verify(tree, {.p = p, .chance = script});
    for (Branches& other : script.others) open.push_back(std::move(other));
    const int row = verdict.path.empty() ? 0 : verdict.path.back();
    script.end(row, verdict.next, p.size(1));
    found(row, script);
  }
}

}  // namespace

std::optional<RoundLaw> law_of_round(const Verifier& rule, const DraftTree& tree, const Tensor& p) {
  const auto rows = static_cast<size_t>(tree.size());
  RoundLaw law{.ends = std::vector<double>(rows), .next = std::vector<std::vector<double>>(rows)};
  try {
    explore(rule, tree, p, true, [&](int row, const Script& script) {
      law.ends[row] += script.mass;
      std::vector<double>& sum = law.next[row];
      sum.resize(script.next.size());
      for (size_t x = 0; x < sum.size(); ++x) sum[x] += script.mass * script.next[x];
    });
  } catch (const HasCoupledDraw&) {
    return std::nullopt;
  }
  return law;
}

std::optional<std::vector<double>> ends_of_round(const Verifier& rule, const DraftTree& tree, const Tensor& p) {
  std::vector<double> ends(static_cast<size_t>(tree.size()));
  try {
    explore(rule, tree, p, false, [&](int row, const Script& script) { ends[row] += script.mass; });
  } catch (const HasCoupledDraw&) {
    return std::nullopt;
  }
  return ends;
}

std::vector<double> law_of_first_token(const RoundLaw& law, const DraftTree& tree, int64_t vocab) {
  std::vector<double> first = law.next[0];
  first.resize(static_cast<size_t>(vocab));
  for (int row = 1; row < tree.size(); ++row) {
    if (law.ends[row] > 0) first[tree.path_tokens(row).front()] += law.ends[row];
  }
  return first;
}

double mean_length(const std::vector<double>& ends, const DraftTree& tree) {
  double sum = 0;
  for (int row = 0; row < tree.size(); ++row) sum += ends[row] * tree.depth(row);
  return sum;
}

double expected_accepted(const Verifier& rule, const DraftTree& tree, const Tensor& p, int draws) {
  if (const auto closed = rule.expected_accepted(tree, p)) return *closed;
  if (const auto ends = ends_of_round(rule, tree, p)) return mean_length(*ends, tree);
  const Keyring keys(0);
  double sum = 0;
  for (int i = 0; i < draws; ++i) {
    KeyedChance chance(keys, i, 0);
    sum += static_cast<double>(rule.verify(tree, {.p = p, .chance = chance}).path.size());
  }
  return sum / draws;
}

}  // namespace specula
