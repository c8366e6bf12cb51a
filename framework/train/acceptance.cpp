#include "framework/train/acceptance.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/minimum.h>

#include <algorithm>

namespace specula {
namespace {

// Means over all rounds of sum_j passed(1) ... passed(j - 1) taken(j), j up to `length` or the end of the text.
double expected_length(const Tensor& taken, const Tensor& passed, int64_t length) {
  const Tensor t = taken.to(at::kCPU, at::kDouble).contiguous(), p = passed.to(at::kCPU, at::kDouble).contiguous();
  const int64_t texts = t.size(0), positions = t.size(1), rounds = std::max<int64_t>(1, positions - length + 1);
  double sum = 0;
  for (int64_t b = 0; b < texts; ++b) {
    const double* took = t.const_data_ptr<double>() + b * positions;
    const double* pass = p.const_data_ptr<double>() + b * positions;
    for (int64_t begin = 0; begin < rounds; ++begin) {
      double reached = 1;
      for (int64_t i = begin; i < std::min(begin + length, positions); ++i) {
        sum += reached * took[i];
        reached *= pass[i];
      }
    }
  }
  return sum / static_cast<double>(texts * rounds);
}

}  // namespace

RowAcceptance row_acceptance(const Tensor& log_p, const Tensor& log_q, const Tensor& next) {
  Dims dims;
  dims.check(log_p, "log_p", "R V");
  dims.check(log_q, "log_q", "R V");
  dims.check(next, "next", "R");
  const Tensor at = next.unsqueeze(1);
  return {.overlap = at::minimum(log_p, log_q).exp().sum(-1),
          .ratio = (log_q.gather(1, at) - log_p.gather(1, at)).squeeze(1).clamp_max(0).exp(),
          .agree = (log_p.argmax(-1) == log_q.argmax(-1)).to(at::kFloat)};
}

void Acceptance::add(const Tensor& log_p, const Tensor& log_q, const Tensor& next) {
  const RowAcceptance rows = row_acceptance(log_p, log_q, next);
  overlap_.push_back(rows.overlap);
  ratio_.push_back(rows.ratio);
  agree_.push_back(rows.agree);
}

Figures Acceptance::figures(int64_t texts) const {
  const Tensor overlap = at::cat(overlap_).view({texts, -1}), agree = at::cat(agree_).view({texts, -1});
  return {{"overlap", overlap.mean().item<double>()},
          {"agreement", agree.mean().item<double>()},
          {"accepted_t1", expected_length(overlap, at::cat(ratio_).view({texts, -1}), length_)},
          {"accepted_t0", expected_length(agree, agree, length_)}};
}

}  // namespace specula
