#include "framework/certify/drafted.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "framework/core/keyring.h"
#include "framework/decode/round_law.h"

namespace specula {

Shape shape_of(const std::vector<int>& parent, Draw draw) {
  return {"", parent, std::vector<Draw>(parent.size(), draw)};
}

Shape chain_of(int length, Draw draw) {
  std::vector<int> parent(static_cast<size_t>(length));
  std::iota(parent.begin(), parent.end(), 0);
  return shape_of(parent, draw);
}

Shape siblings_of(int count, Draw draw) { return shape_of(std::vector<int>(static_cast<size_t>(count)), draw); }

double overlap_of(const Row& p, const Row& q) {
  double sum = 0;
  for (size_t x = 0; x < p.size(); ++x) sum += std::min(p[x], q[x]);
  return sum;
}

Row random_law(uint64_t seed, int64_t vocab, double spread) {
  const Keyring keys(seed);
  Row law;
  double sum = 0;
  for (int64_t x = 0; x < vocab; ++x) {
    const double unit = keys.uniform(Use::kSearch, 0, x, 0);
    sum += law.emplace_back(std::exp(spread * (2 * unit - 1)));
  }
  for (double& mass : law) mass /= sum;
  return law;
}

std::vector<Drafted> drafts_of(const Row& p, const Row& q, const Shape& shape) {
  std::vector<Drafted> open{{DraftTree::root_only(0), 1.0, {}}};
  for (size_t i = 0; i < shape.parent.size(); ++i) {
    std::vector<Drafted> grown;
    for (const Drafted& from : open) {
      Row law = q;
      if (shape.draw[i] == Draw::kWithoutReplacement) {
        for (const int sibling : from.tree.children(shape.parent[i])) law[from.tree.token[sibling]] = 0;
      }
      double sum = 0;
      for (const double mass : law) sum += mass;
      for (size_t x = 0; x < law.size(); ++x) {
        if (!(law[x] > 0)) continue;
        grown.push_back({from.tree, from.mass * law[x] / sum, {}});
        grown.back().tree.add(static_cast<Token>(x), shape.parent[i], shape.draw[i], 0);
      }
    }
    open = std::move(grown);
  }
  for (Drafted& one : open) {
    one.tree.q = tensor_of({q});
    one.p = tensor_of(std::vector<Row>(static_cast<size_t>(one.tree.size()), p));
  }
  return open;
}

std::vector<Drafted> drafts_of(const Toy& toy, const Prefix& prefix, const Shape& shape) {
  std::vector<Drafted> drafts;
  for (WeightedTree& one : draw_trees(toy, prefix, shape)) {
    Tensor p = p_rows(toy, prefix, one.tree);
    drafts.push_back({std::move(one.tree), one.mass, std::move(p)});
  }
  return drafts;
}

double accepted(const Verifier& rule, const Drafted& drafted) {
  return mean_length(*ends_of_round(rule, drafted.tree, drafted.p), drafted.tree);
}

double mean_accepted(const Verifier& rule, const std::vector<Drafted>& drafts) {
  double sum = 0;
  for (const Drafted& drafted : drafts) sum += drafted.mass * accepted(rule, drafted);
  return sum;
}

double difference(const Verifier& one, const Verifier& other, const Drafted& drafted) {
  const RoundLaw a = *law_of_round(one, drafted.tree, drafted.p), b = *law_of_round(other, drafted.tree, drafted.p);
  double most = 0;
  for (size_t row = 0; row < a.ends.size(); ++row) {
    most = std::max(most, std::abs(a.ends[row] - b.ends[row]));
    for (size_t x = 0; x < std::max(a.next[row].size(), b.next[row].size()); ++x) {
      const double in_a = x < a.next[row].size() ? a.next[row][x] : 0;
      const double in_b = x < b.next[row].size() ? b.next[row][x] : 0;
      most = std::max(most, std::abs(in_a - in_b));
    }
  }
  return most;
}

}  // namespace specula
