#include "framework/train/chain_acceptance.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/ones.h>

#include "framework/train/acceptance.h"

namespace specula {

void ChainAcceptance::add(int level, const Tensor& log_p, const Tensor& log_q, const Tensor& next) {
  const RowAcceptance rows = row_acceptance(log_p, log_q, next);
  Level& to = levels_.at(static_cast<size_t>(level));
  to.overlap.push_back(rows.overlap);
  to.ratio.push_back(rows.ratio);
  to.agree.push_back(rows.agree);
}

Figures ChainAcceptance::figures(int64_t texts) const {
  const auto whole = [&](const std::vector<Tensor>& parts) { return at::cat(parts).to(at::kDouble).view({texts, -1}); };
  const int64_t rows = whole(levels_.back().overlap).size(1);
  const Tensor start = at::ones({texts, rows}, at::TensorOptions(at::kDouble).device(levels_[0].overlap[0].device()));
  Tensor reached_t1 = start, reached_t0 = start;
  double accepted_t1 = 0, accepted_t0 = 0;
  Figures overlaps, agreements;
  for (size_t level = 0; level < levels_.size(); ++level) {
    const Tensor overlap = whole(levels_[level].overlap), agree = whole(levels_[level].agree);
    accepted_t1 += (reached_t1 * overlap.narrow(1, 0, rows)).mean().item<double>();
    reached_t1 = reached_t1 * whole(levels_[level].ratio).narrow(1, 0, rows);
    reached_t0 = reached_t0 * agree.narrow(1, 0, rows);
    accepted_t0 += reached_t0.mean().item<double>();
    overlaps.emplace_back(cat("overlap_", level + 1), overlap.mean().item<double>());
    agreements.emplace_back(cat("agreement_", level + 1), agree.mean().item<double>());
  }
  Figures figures{{"accepted_t1", accepted_t1}, {"accepted_t0", accepted_t0}};
  figures.insert(figures.end(), overlaps.begin(), overlaps.end());
  figures.insert(figures.end(), agreements.begin(), agreements.end());
  return figures;
}

}  // namespace specula
