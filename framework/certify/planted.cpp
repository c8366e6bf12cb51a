#include "framework/certify/planted.h"

#include <ATen/ops/clone.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "framework/core/error.h"

namespace specula {
namespace {

constexpr double kLenience = 1.1, kExponent = 0.8;

class FaultyChance final : public Chance {
 public:
  FaultyChance(const Evidence& fair, PlantedFault fault)
      : p_(fair.p.const_data_ptr<float>()), vocab_(fair.p.size(1)), fair_(fair.chance), fault_(fault) {}

  int choose(std::span<const double> h, int row) override {
    std::vector<double> given(h.begin(), h.end());
    if (fault_ == PlantedFault::kLenientCoin) {
      double left = 1;
      for (double& one : given) {
        one = std::clamp(kLenience * one, 0.0, left);
        left -= one;
      }
    }
    const int chosen = fair_.choose(given, row);
    rejected_from_ = chosen >= 0 ? -1 : std::min(1.0, std::accumulate(given.begin(), given.end(), 0.0));
    return chosen;
  }

  Token draw_target(const float* p, int64_t vocab, int depth) override { return fair_.draw_target(p, vocab, depth); }
  Token draw_coupled(const float* p, int64_t vocab, int depth) override { return fair_.draw_coupled(p, vocab, depth); }

  Token emit(const Residual& left, int node, int depth) override {
    const float* row = p_ + node * vocab_;
    if (fault_ == PlantedFault::kRedraw && !left.untouched()) return fair_.emit(Residual(row, vocab_), node, depth);
    if (fault_ == PlantedFault::kReusedUniform && !left.untouched() && rejected_from_ >= 0) {
      Residual upper(row, vocab_);
      upper.replace(above(left, rejected_from_));
      return fair_.emit(upper, node, depth);
    }
    return fair_.emit(left, node, depth);
  }

 private:
  // Given that it rejected, the coin's uniform is uniform over [from, 1): an inverse CDF at it follows the part of the
  // law that lies above `from`.
  static std::vector<double> above(const Residual& left, double from) {
    std::vector<double> mass(static_cast<size_t>(left.vocab()));
    double below = 0;
    for (Token x = 0; x < left.vocab(); ++x) {
      mass[static_cast<size_t>(x)] = std::max(0.0, below + left.at(x) - std::max(below, from));
      below += left.at(x);
    }
    return mass;
  }

  const float* p_;  // [R,V]
  const int64_t vocab_;
  Chance& fair_;
  const PlantedFault fault_;
  double rejected_from_ = -1;  // acceptance probability of the coin that rejected last; -1: the last one accepted
};

// p [R,V] with the rows that have no candidate below them distorted.
Tensor distorted(const DraftTree& tree, const Tensor& p, PlantedFault fault) {
  Tensor rows = at::clone(p);
  const int64_t vocab = p.size(1);
  for (int row = 0; row < tree.size(); ++row) {
    const std::vector<int> children = tree.children(row);
    if (std::any_of(children.begin(), children.end(), [&](int child) { return tree.draw[child] != Draw::kProbe; }))
      continue;
    float* mass = rows.mutable_data_ptr<float>() + row * vocab;
    if (fault == PlantedFault::kWrongRow && row > 0) {
      const float* above = p.const_data_ptr<float>() + tree.parent[row] * vocab;
      std::copy(above, above + vocab, mass);
    } else if (fault == PlantedFault::kRawBonus) {
      double sum = 0;
      for (int64_t x = 0; x < vocab; ++x) sum += std::pow(static_cast<double>(mass[x]), kExponent);
      for (int64_t x = 0; x < vocab; ++x)
        mass[x] = static_cast<float>(std::pow(static_cast<double>(mass[x]), kExponent) / sum);
    }
  }
  return rows;
}

class Planted final : public Verifier {
 public:
  Planted(std::unique_ptr<Verifier> rule, PlantedFault fault) : rule_(std::move(rule)), fault_(fault) {}
  Ask needs() const override { return rule_->needs(); }
  Tensor law(const DraftTree& tree, const Tensor& p) const override { return rule_->law(tree, p); }
  Verdict verify(const DraftTree& tree, const Evidence& evidence) const override {
    if (fault_ == PlantedFault::kRawBonus || fault_ == PlantedFault::kWrongRow) {
      const Tensor p = distorted(tree, evidence.p, fault_);
      return rule_->verify(tree, {.p = p, .chance = evidence.chance});
    }
    FaultyChance chance(evidence, fault_);
    return rule_->verify(tree, {.p = evidence.p, .chance = chance});
  }

 private:
  std::unique_ptr<Verifier> rule_;
  PlantedFault fault_;
};

}  // namespace

std::vector<std::string> planted_fault_names() {
  return {"redraw", "reused_uniform", "lenient_coin", "raw_bonus", "wrong_row"};
}

PlantedFault parse_planted_fault(const std::string& text, const std::string& place) {
  const std::vector<std::string> names = planted_fault_names();
  const auto found = std::find(names.begin(), names.end(), text);
  if (found == names.end()) {
    const std::string near = nearest(text, names);
    throw ConfigError(cat(place, " ", text, ": no such fault; valid: ", join(names),
                          near.empty() ? "" : cat("; did you mean '", near, "'?")));
  }
  return static_cast<PlantedFault>(found - names.begin());
}

std::unique_ptr<Verifier> plant(std::unique_ptr<Verifier> rule, PlantedFault fault) {
  return std::make_unique<Planted>(std::move(rule), fault);
}

}  // namespace specula
