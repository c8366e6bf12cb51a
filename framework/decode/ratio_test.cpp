#include "framework/decode/ratio_test.h"

#include <algorithm>

#include "framework/core/error.h"
#include "framework/decode/probability.h"

namespace specula {
namespace {

// The factor that renormalises q [V] after the earlier siblings lost their mass; 0 if nothing is left.
double renormalisation(const float* q, int64_t vocab, const std::vector<Token>& earlier) {
  double left = total(q, vocab);
  std::vector<Token> seen;
  for (const Token x : earlier) {
    if (std::find(seen.begin(), seen.end(), x) != seen.end()) continue;
    seen.push_back(x);
    left -= q[x];
  }
  return left > 0 ? 1 / left : 0;
}

// The children of one node, judged one after the other against what is left of the law there.
class Siblings {
 public:
  Siblings(const DraftTree& tree, const RoundRows& rows, Residual& left) : tree_(tree), rows_(rows), left_(left) {}

  // The probability of accepting `child`, given that the ones before it were rejected.
  double acceptance(int child) {
    const Token x = tree_.token[child];
    if (!rows_.is_drawn(child)) return left_.at(x);
    const bool without = tree_.draw[child] == Draw::kWithoutReplacement;
    removed_ = without ? earlier_ : std::vector<Token>{};
    scale_ = renormalisation(rows_.q(child), rows_.vocab(), removed_);
    SPECULA_CHECK(scale_ * rows_.q(child)[x] > 0, "row ", child, ": q gives its token ", x,
                  " no mass; such a token must be a point");
    return left_.at(x) / (scale_ * rows_.q(child)[x]);
  }

  void reject(int child) {
    if (rows_.is_drawn(child)) {
      left_.subtract(rows_.q(child), scale_, removed_);
    } else {
      left_.remove(tree_.token[child]);
    }
    earlier_.push_back(tree_.token[child]);
  }

 private:
  const DraftTree& tree_;
  const RoundRows& rows_;
  Residual& left_;
  double scale_ = 1;
  std::vector<Token> earlier_, removed_;
};

// Below `node`, which is reached: expected number of accepted rows.
double expected_below(const DraftTree& tree, const RoundRows& rows, const LawOfRow& law, int node) {
  Residual left(law(node), rows.vocab());
  Siblings siblings(tree, rows, left);
  double reached = 1, sum = 0;
  for (const int child : tree.children(node)) {
    if (!rows.is_candidate(child)) continue;
    const double h = std::min(siblings.acceptance(child), 1.0);
    if (h > 0) sum += reached * h * (1 + expected_below(tree, rows, law, child));
    reached *= 1 - h;
    siblings.reject(child);
  }
  return sum;
}

bool is_chain(const DraftTree& tree) {
  for (int row = 1; row < tree.size(); ++row) {
    if (tree.parent[row] != row - 1 || tree.draw[row] == Draw::kProbe) return false;
  }
  return true;
}

double expected_in_chain(const DraftTree& tree, const RoundRows& rows, const LawOfRow& law) {
  double sum = 0, reached = 1;
  for (int row = 1; row < tree.size() && reached > 0; ++row) {
    const float* p = law(row - 1);
    const Token d = tree.token[row];
    if (rows.is_drawn(row)) {
      sum += reached * overlap(p, rows.q(row), 1, rows.vocab());
      reached *= std::min(1.0, static_cast<double>(p[d]) / rows.q(row)[d]);
    } else {
      reached *= p[d];
      sum += reached;
    }
  }
  return sum;
}

}  // namespace

Verdict ratio_test(const DraftTree& tree, const RoundRows& rows, const LawOfRow& law, Chance& chance) {
  Verdict verdict;
  for (int node = 0;;) {
    Residual left(law(node), rows.vocab());
    Siblings siblings(tree, rows, left);
    int accepted = -1;
    for (const int child : tree.children(node)) {
      if (!rows.is_candidate(child)) continue;
      if (chance.accept(siblings.acceptance(child), child)) {
        accepted = child;
        break;
      }
      siblings.reject(child);
    }
    if (accepted < 0) {
      verdict.next = chance.emit(left, node, static_cast<int>(verdict.path.size()));
      return verdict;
    }
    verdict.path.push_back(accepted);
    node = accepted;
  }
}

double expected_accepted_by_ratio(const DraftTree& tree, const RoundRows& rows, const LawOfRow& law) {
  return is_chain(tree) ? expected_in_chain(tree, rows, law) : expected_below(tree, rows, law, 0);
}

}  // namespace specula
