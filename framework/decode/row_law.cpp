#include "framework/decode/row_law.h"

#include <algorithm>

#include "framework/core/error.h"

namespace specula {
namespace {

constexpr double kUnresolved = 0x1p-60;  // a weight below what uniforms of 53 bits tell apart

// The factor that renormalises q [V] once `removed` have lost their mass; 0 if nothing is left.  What is left is summed
// by itself: beside a removed token of almost all the mass, the difference to the whole would be rounding.
double renormalisation(const float* q, int64_t vocab, std::vector<Token> removed) {
  std::sort(removed.begin(), removed.end());
  double left = 0;
  int64_t from = 0;
  for (const Token x : removed) {
    if (x >= from) left += total(q + from, x - from);
    from = int64_t{x} + 1;
  }
  left += total(q + from, vocab - from);
  return left > 0 ? 1 / left : 0;
}

}  // namespace

RowLaw::RowLaw(const DraftTree& tree, const RoundRows& rows, int row, const std::vector<Token>& earlier)
    : token_(tree.token[row]) {
  if (!rows.is_drawn(row)) return;
  q_ = rows.q(row);
  if (tree.draw[row] == Draw::kWithoutReplacement) removed_ = earlier;
  scale_ = renormalisation(q_, rows.vocab(), removed_);
  at_token_ = scale_ * q_[token_];
  SPECULA_CHECK(at_token_ > 0, "row ", row, ": q gives its token ", token_, " no mass; such a token must be a point");
}

double RowLaw::rest(const float* p, int64_t vocab, double weight) const {
  SPECULA_CHECK(removed_.empty());
  if (!(weight > kUnresolved)) return 0;
  if (q_ == nullptr) return weight * std::max(1 - static_cast<double>(p[token_]), 0.0);
  return weight * excess(p, q_, scale_ / weight, vocab);
}

double RowLaw::reject(Residual& left, double weight) const {
  if (!(weight > kUnresolved)) return 0;
  if (q_ != nullptr) return weight * left.subtract(q_, scale_ / weight, removed_);
  const double rest = weight * std::max(1 - left.at(token_), 0.0);
  left.remove(token_);
  return rest;
}

double kept_of(double rest, double weight) {
  return rest > 0 ? rest / (rest + (1 - weight)) : 0;  // in this order: rest may vanish beside 1
}

double expected_accepted_by_block(const DraftTree& tree, const RoundRows& rows) {
  const std::vector<int> chain = rows.chain();
  double sum = 0, deserved = 1;
  for (size_t i = 1; i < chain.size(); ++i) {
    const float* above = rows.p(chain[i - 1]);
    const Token d = tree.token[chain[i]];
    const double next = std::min(1.0, deserved * above[d] / RowLaw(tree, rows, chain[i], {}).at_token());
    sum += rows.is_drawn(chain[i]) ? overlap(above, rows.q(chain[i]), deserved, rows.vocab()) : next;
    deserved = next;
  }
  return sum;
}

}  // namespace specula
